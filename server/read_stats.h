/*
 * read_stats.h - what is counted of pageviews: shared by read_stats.c (counting), read_filter.c
 * (which of them) and read_stats_json.c (the answer).
 */
#ifndef LOGFERRY_SERVER_READ_STATS_H
#define LOGFERRY_SERVER_READ_STATS_H

#include "server/read_part.h"

/* ---- which ones ---------------------------------------------------------------------------- */

/* What a user agent is, by its number in the store. */
struct seen_agent {
    uint64_t id;
    const char *browser, *device; /* NULL: an empty slot */
    const struct agent *ai;       /* NULL: none */
};
struct read_agents_seen *read_agents_seen_new(void);
void read_agents_seen_free(struct read_agents_seen *s); /* accepts NULL */
/* Valid until the next call. */
const struct seen_agent *seen_agent(const struct read_context *x, uint64_t id);

struct hit_filters {
    const struct read_context *x;
    const struct read_query *q;
    struct counts hosts; /* the numbers of the host names that are asked for; n: of which filter */
    bool *passes[READ_FILTERS_MAX]; /* of the part in work: by filter, by the index of its column */
    bool failed;
};
int hit_filters_init(struct hit_filters *f, const struct read_context *x,
                     const struct read_query *q);
void hit_filters_release(struct hit_filters *f);
/* False: nothing of it fits. */
bool hit_filters_begin(struct hit_filters *f, const struct columns *part);
/* Takes from `wanted` what does not fit. */
void hit_filters_narrow(const struct hit_filters *f, struct block *block);
/* ---- counting ------------------------------------------------------------------------------ */

struct session {
    uint64_t visitor;
    int64_t first_ms, last_ms;    /* of what fits */
    int64_t landed_ms, exited_ms; /* of all in the time */
    uint32_t landing, exit;       /* places in `pages` */
    uint32_t n;                   /* what fits */
    uint32_t bucket;              /* the first one it was counted in, and 1 */
};

struct page {
    uint64_t key;
    int64_t sample;
    uint64_t views, landings, exits;
};

#define UTM_COLUMNS 5

struct stats {
    const struct read_context *x;
    struct hit_filters filters;
    struct buckets buckets;
    int64_t from_ms, to_ms;
    bool sessions_only;

    uint64_t total;
    uint64_t *bucket_hits, *bucket_visitors;
    struct counts session_index, page_index, in_bucket; /* n: a place, and 1 */
    struct session *sessions;
    struct page *pages;
    size_t n_sessions, sessions_room, n_pages, pages_room;
    struct counts referrers, languages, agents; /* hits by key */
    struct counts utm[UTM_COLUMNS];
    struct counts ai_visitors, ai_pairs, ai_sources; /* sessions from an assistant; ai_sources: n */
    /* Of the part in work, by index: places and 1, or hits. */
    uint32_t *part_session, *part_page, *part_hits;
    uint32_t part_total; /* hits of the part in work */
    bool failed;
};

/* Counts [from, to]; -1: failed. stats_release in any case. */
int stats_gather(struct stats *s, const struct read_context *x, const struct read_query *q,
                 int64_t from_ms, int64_t to_ms, bool sessions_only);
void stats_release(struct stats *s);
uint64_t stats_sessions(const struct stats *s); /* that have something that fits */

#endif
