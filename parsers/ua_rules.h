/*
 * ua_rules.h - what tells a robot's user agent from a person's when no token of the catalogue does.
 * Of catalogue.c and its cache only. Pure.
 *
 * People come with a browser, an app's network library, or a phone, and each of those names itself:
 * "Mozilla/5.0 (" and a platform, CFNetwork, Dalvik, a phone's model. What names none of them is a
 * program that somebody wrote: a script, a library, or somebody who types into the header.
 */
#ifndef LOGFERRY_PARSERS_UA_RULES_H
#define LOGFERRY_PARSERS_UA_RULES_H

#include "parsers/base/bytes.h"

struct ua_words {
    struct str *items; /* lower case */
    size_t n;
};

#define UA_PLAIN_MAX 2048u

/* A user agent whose blanks are still "%20" or "%2520" (CloudFront), or '+' (IIS), as it was sent;
 * any other as it is; both without quotes around the whole. Up to UA_PLAIN_MAX bytes of the decoded
 * text go to `room`. */
struct str ua_plain(struct str ua, char *room);

/*
 * Is it a robot's by its shape? `browser`: one of `browsers` stands in it; `device`: that, or the
 * name of a platform. `phones` are beginnings of the names of phones. `ua` is not empty, and
 * without blanks at its ends.
 */
bool ua_looks_made(struct str ua, const struct ua_words *browsers, const struct ua_words *phones,
                   bool browser, bool device);

/* Does the word at `at` stand where phones have their names? Models bear any name. */
bool ua_names_a_model(struct str ua, size_t at);

/* Of a load balancer, an orchestrator, or one that says so? `ua` is trimmed. */
bool ua_is_health_check(struct str ua);

#endif
