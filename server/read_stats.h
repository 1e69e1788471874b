/*
 * read_stats.h - what is counted of pageviews: shared by read_stats.c (counting), read_sessions.c
 * (by visitor), read_filter.c (which of them) and read_stats_json.c (the answer).
 */
#ifndef LOGFERRY_SERVER_READ_STATS_H
#define LOGFERRY_SERVER_READ_STATS_H

#include "server/read_part.h"
#include "server/read_places.h"

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
    bool by_key[READ_FILTERS_MAX]; /* decided by this key alone: */
    uint64_t keys[READ_FILTERS_MAX];
    bool *passes[READ_FILTERS_MAX]; /* of the part in work: by filter, by the index of its column */
    bool nothing;                   /* fits */
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

/* What one visitor's number has seen in the time, or in one part of it. */
struct session {
    int64_t first_ms, last_ms;    /* of what fits */
    int64_t landed_ms, exited_ms; /* of all in the days of the time */
    uint32_t landing, exit;       /* places in `pages`; of a part: indices of paths */
    uint32_t n;                   /* what fits */
    uint32_t bucket;              /* the first one it was counted in, and 1 */
    uint32_t source;              /* the first one that has sent it, and 1 */
    uint32_t unused[2];           /* one look at memory each */
};
#define SESSIONS_A_CHUNK (HUGE_BYTES / sizeof(struct session))
#define SESSION_CHUNKS (PLACES_MAX / SESSIONS_A_CHUNK + 1)

struct page {
    uint64_t key;
    int64_t sample;
    uint64_t views, landings, exits;
};

/* A visitor's index in a part, and what it was seen with: a bucket and 1, or a source. */
struct sighting {
    uint32_t visitor, what;
};
struct sightings {
    struct sighting list[2 * COLUMNS_MAX_RECORDS]; /* a record makes one at most, and a visitor */
    size_t n;
};

/* Of the part in work. */
struct stats_part {
    bool wanted[COLUMNS_MAX_RECORDS];
    bool seen[COLUMNS_MAX_RECORDS];             /* by the visitor's index */
    struct session visits[COLUMNS_MAX_RECORDS]; /* by the visitor's index */
    struct sightings sightings;
    uint32_t page[COLUMNS_MAX_RECORDS], views[COLUMNS_MAX_RECORDS]; /* by the path's index */
    uint32_t session[COLUMNS_MAX_RECORDS];                          /* by the visitor's */
    uint32_t place[COLUMNS_MAX_RECORDS], hits[COLUMNS_MAX_RECORDS]; /* by that of another column */
    uint32_t n_wanted;
};

#define UTM_COLUMNS 5

/* What is counted: who was there; and the numbers and the chart; and all lists. */
enum stats_scope { STATS_SESSIONS, STATS_NUMBERS, STATS_ALL };

struct stats {
    const struct read_context *x;
    struct hit_filters filters;
    struct buckets buckets;
    int64_t from_ms, to_ms;
    int64_t seen_from_ms, seen_to_ms; /* where visits begin and end that fall into that */
    enum stats_scope scope;

    uint64_t total, visitors, bounced, duration_ms, ai_visitors;
    uint64_t *bucket_hits, *bucket_visitors;
    struct places session_places, page_places;
    struct places in_bucket, from_source;     /* pairs of a session and another bucket, a source */
    struct session *sessions[SESSION_CHUNKS]; /* in chunks, by place */
    struct page *pages;
    size_t n_sessions, n_pages, pages_room;
    struct key_counts referrers, languages, agents, countries; /* hits */
    struct key_counts utm[UTM_COLUMNS];
    struct key_counts ai_sources; /* sessions */
    struct stats_part *part;
    bool failed;
};

/* Counts [from, to]; -1: failed. stats_release in any case. */
int stats_gather(struct stats *s, const struct read_context *x, const struct read_query *q,
                 int64_t from_ms, int64_t to_ms, enum stats_scope scope);
void stats_release(struct stats *s);

/* For stats_gather. A part's visits into the sessions; `fits`: something of it does. Then who of
 * them came from an assistant. At the end the sessions into the sums. False: failed. */
bool sessions_add(struct stats *s, const struct columns *part, bool fits);
bool sessions_add_sources(struct stats *s, const struct columns *part);
void sessions_sum_up(struct stats *s);

#endif
