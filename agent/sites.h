/*
 * sites.h - which host belongs to which site, and where its records go. An immutable, refcounted
 * snapshot: the loop makes a new one when the configuration or a token's sites change; workers
 * read.
 */
#ifndef LOGFERRY_AGENT_SITES_H
#define LOGFERRY_AGENT_SITES_H

#include "config/agent_config.h"

struct site_route {
    struct str host; /* lower case, without port */
    struct str site; /* sent as the record's site; STR_NONE: the server goes by the host */
    unsigned to;     /* bit i: destination i */
};

struct sites;

/* Those that the configuration names. NULL: out of memory. */
struct sites *sites_of_config(const struct agent_config *c);
struct sites *sites_new(void); /* empty, one reference; NULL: out of memory */
struct sites *sites_copy(const struct sites *s);
struct sites *sites_ref(struct sites *s);
void sites_unref(struct sites *s); /* accepts NULL */
/* Only before the snapshot is shared. A host that is there gets `to` added. -1: out of memory. */
int sites_add(struct sites *s, struct str host, struct str site, unsigned to);
/* Every host goes there as well. */
void sites_add_everywhere(struct sites *s, unsigned to);
/* Before it is shared: these destinations get no pageviews, whatever the configuration's default is
 * (they turned out to be HitKeeps). Copies keep it. */
void sites_withhold_pageviews(struct sites *s, unsigned from);
unsigned sites_withheld(const struct sites *s);
size_t sites_count(const struct sites *s);
/* NULL when unknown. A host that is not known as it stands is looked up without one leading "www.".
 */
const struct site_route *sites_find(const struct sites *s, struct str host);
/* "example.com" of "example.com:8080", "[::1]" of "[::1]:80". */
struct str host_without_port(struct str host);
/* Adds the domains and aliases of an answer of GET /api/sites whose role may write (no role told:
 * it may). Returns how many sites were writable, or -1 with a static sentence in *why. */
int sites_add_answer(struct sites *s, struct str json, unsigned to, const char **why);
/* The same answer with each site's id as the `site` of its hosts, whatever the role. NULL with a
 * sentence; a site without an id is left out. */
struct sites *sites_with_ids(struct str json, const char **why);
/* A site of such an answer, as it was told. Borrowed. */
struct site_told {
    const struct str *names; /* domain and aliases, in the order of the answer */
    size_t n_names;
    int64_t retention_days; /* 0: for ever; -1: not told */
    bool may_write, has_role;
};
/* Calls on_site for each; false from it ends the reading as a failure. 0, or -1 with a sentence. */
int sites_each(struct str json, bool (*on_site)(void *context, const struct site_told *site),
               void *context, const char **why);
/* What sites_add_answer reads: every host that goes to these destinations. */
void sites_write_answer(const struct sites *s, unsigned to, struct buf *out);

#endif
