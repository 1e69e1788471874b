/*
 * visitor.h - what tells a visitor from others where the server cannot: a keyed hash of day, site,
 * address and user agent, in the form of a UUID.
 *
 * Where the address is not sent (privacy.visitor_ip: none) the key is random, made when the program
 * starts, and is nowhere but in its memory. So nobody can find the address by trying all there are,
 * whatever is stolen; and who comes again after the agent was started anew, or on another web
 * server, is another visitor. For a HitKeep, which is told the address and makes no sessions, the
 * key is the day's (visitor_keys.h).
 */
#ifndef LOGFERRY_AGENT_VISITOR_H
#define LOGFERRY_AGENT_VISITOR_H

#include "parsers/base/siphash.h"
#include "parsers/hit.h"

#define VISITOR_SESSION_TEXT 37 /* with its NUL */

struct visitor {
    int64_t day; /* since 1970, UTC */
    struct str site, address, user_agent;
};

/* Borrows `text`. */
struct str visitor_uuid(const unsigned char key[SIPHASH_KEY], const struct visitor *v,
                        char text[VISITOR_SESSION_TEXT]);
/* 16 bytes as UUID text, as version 8: "of the maker's own design". They are changed for it. */
void visitor_put_uuid(unsigned char bytes[16], char text[VISITOR_SESSION_TEXT]);
/* With the program's key. Borrows `text`. STR_NONE without random bytes. */
struct str visitor_session(const struct hit *hit, struct str site, char text[VISITOR_SESSION_TEXT]);

#endif
