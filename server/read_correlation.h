/*
 * read_correlation.h - which fetches of an assistant were followed by visits that an assistant sent
 * to the same page: shared by read_correlation.c (counting) and read_correlation_json.c (the
 * answer).
 */
#ifndef LOGFERRY_SERVER_READ_CORRELATION_H
#define LOGFERRY_SERVER_READ_CORRELATION_H

#include "server/read_part.h"

struct group { /* a page, a page and an assistant, or a prefix and an assistant */
    uint32_t agent;
    int64_t sample;
    uint64_t fetches, errors, visits;
    int64_t last_ms;             /* while a page is counted: of its latest fetch */
    struct str name, agent_name; /* of those that are put */
};

struct groups {
    struct group *list;
    size_t n, room;
};

struct visit {
    uint32_t page, visitor; /* places */
    int64_t ms;
};

struct fetch {
    uint32_t page;
    uint32_t agent : 31, error : 1;
    int64_t ms;
};

/* Of the part in work, by index. */
struct correlation_part {
    bool page_seen[COLUMNS_MAX_RECORDS], visitor_seen[COLUMNS_MAX_RECORDS];
    uint32_t page[COLUMNS_MAX_RECORDS], other[COLUMNS_MAX_RECORDS]; /* places */
};

struct correlation {
    const struct read_context *x;
    const struct read_query *q;
    struct fetch_filter filter;
    uint32_t *canonical; /* of an agent's number: the first one of that name */
    uint32_t *pair_of;   /* of that: its last place in `pairs`, and 1 */
    enum column_id page;
    struct correlation_part *part;

    struct key_counts page_keys; /* n: fetches */
    struct places visitors, pairs_seen, hotspots_seen;
    struct key_counts prefixes;
    struct visit *visits; /* the first of each page and visitor; in the end by page and time */
    struct fetch *fetches;
    size_t n_visits, visits_room, n_fetches, fetches_room;
    bool *met; /* by visitor */

    struct groups pages, pairs, hotspots;
    uint64_t followed, sessions;
    bool failed;
};

void put_correlation(struct correlation *c, struct buf *out);

#endif
