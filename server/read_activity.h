/*
 * read_activity.h - what AI agents have done on a site: those that came in as pageviews ("tracked")
 * and fetches together, and the visits that assistants sent. Shared by read_activity.c (counting)
 * and read_activity_json.c (the answer).
 */
#ifndef LOGFERRY_SERVER_READ_ACTIVITY_H
#define LOGFERRY_SERVER_READ_ACTIVITY_H

#include "server/read_fetches.h"
#include "server/read_stats.h"

struct activity_part;

struct activity {
    const struct read_context *x;
    int64_t from_ms, to_ms;
    struct read_query of_pages, of_ai; /* the query with one half of the filters; borrows */
    struct hit_filters pages, ai;
    struct overview fetches;
    struct top error_paths;  /* of fetches */
    struct key_counts paths; /* n: all, more: fetched; taken from `fetches` */

    uint64_t pageviews; /* whatever of AI is asked for */
    uint64_t tracked;
    struct key_counts agents;  /* tracked, by user agent */
    struct key_counts sources; /* visits, by assistant */
    struct places visitors;    /* of those */
    struct places from_source, in_bucket;
    struct buckets buckets;
    uint64_t *tracked_in, *fetched_in, *referred_in; /* by bucket */
    struct activity_part *part;
    bool failed;
};

/* Counts [from, to]; -1: failed. activity_release in any case. */
int activity_gather(struct activity *a, const struct read_context *x, const struct read_query *q,
                    int64_t from_ms, int64_t to_ms);
void activity_release(struct activity *a);

#endif
