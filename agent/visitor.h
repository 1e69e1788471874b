/*
 * visitor.h - what tells a visitor from others when the address is not sent (privacy.visitor_ip:
 * none): a keyed hash of day, site, address and user agent, in the form of a UUID.
 *
 * The key is random, made when the program starts, and is nowhere but in its memory. So nobody can
 * find the address by trying all there are, whatever is stolen; and who comes again after the agent
 * was started anew, or on another web server, is another visitor.
 */
#ifndef LOGFERRY_AGENT_VISITOR_H
#define LOGFERRY_AGENT_VISITOR_H

#include "parsers/hit.h"

#define VISITOR_SESSION_TEXT 37 /* with its NUL */

/* Days are UTC. Borrows `text`. STR_NONE without random bytes. */
struct str visitor_session(const struct hit *hit, struct str site, char text[VISITOR_SESSION_TEXT]);

#endif
