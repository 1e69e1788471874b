/*
 * ranges.h - does a request come from where its agent's operator says that its requests come from?
 *
 * A name in a user agent costs nothing; an address does. Lists are those built in
 * (parsers/agents/ranges.txt) and those that `logferry agents update` installed. Read-only once
 * built: shared between threads.
 */
#ifndef LOGFERRY_PARSERS_RANGES_H
#define LOGFERRY_PARSERS_RANGES_H

#include "parsers/catalogue.h"
#include "parsers/range_list.h"

enum verified { VERIFIED_UNKNOWN, VERIFIED_YES, VERIFIED_NO };

/* A list says nothing about what was not in it at another time: for "no" it must be as near. */
#define RANGES_NEAR_MS (INT64_C(14) * 86400 * 1000)

struct ranges;

/* With the built-in lists. Borrows the catalogue, whose lists they belong to. NULL: out of memory.
 */
struct ranges *ranges_new(const struct catalogue *c);
void ranges_free(struct ranges *r); /* accepts NULL */
/* Adds an installed list, which replaces one installed before; the built-in one stays, for hits
 * nearer to its date. -1: the catalogue has no list of this name, or out of memory. */
int ranges_add(struct ranges *r, struct str name, const struct range_list *l);

/*
 * VERIFIED_YES: the address is in a list of the agent, or in one of the same operator that holds
 * for all its agents. VERIFIED_NO: the agent has lists, each is here with a date within 14 days of
 * the hit, and the address is in none. VERIFIED_UNKNOWN: everything else; private, loopback and
 * malformed addresses; those of content delivery networks, which stand between.
 */
enum verified ranges_check(const struct ranges *r, const struct agent *a, struct str client_ip,
                           int64_t time_ms);
const char *verified_name(enum verified v); /* "unknown", "yes", "no" */

/* For `logferry agents`. The newest of list i of the catalogue; false: there is none. */
struct ranges_info {
    int64_t date_ms;
    size_t prefixes;
    bool installed;
};
bool ranges_info(const struct ranges *r, size_t list, struct ranges_info *out);
/* The agent's own lists: bit i is list i of the catalogue. */
uint64_t ranges_lists_of(const struct ranges *r, const struct agent *a);

#endif
