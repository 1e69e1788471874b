/*
 * read_fetches.h - AI fetches in numbers: shared by read_fetches.c (which counts) and
 * read_activity.c.
 */
#ifndef LOGFERRY_SERVER_READ_FETCHES_H
#define LOGFERRY_SERVER_READ_FETCHES_H

#include "server/page_path.h"
#include "server/read_part.h"

struct overview_part;

struct overview {
    const struct read_context *x;
    struct fetch_filter filter; /* may be narrowed, and its times set, before the gathering */
    struct buckets *buckets;    /* the caller's, as what follows; NULL: not wanted */
    uint64_t *in_bucket;
    uint64_t total, client_errors, server_errors, bytes;
    uint64_t types[RESOURCE_TYPES];
    struct key_counts paths;          /* more: errors */
    struct counts agents, long_times; /* by the store's number; by time */
    uint64_t *short_times;
    uint64_t timed;
    struct overview_part *part;
    bool failed;
};

/* -1: failed, and no memory or the store. overview_release in any case. */
int overview_init(struct overview *o, const struct read_context *x, const struct read_query *q);
int overview_gather(struct overview *o);
void overview_release(struct overview *o);
/* Of the times that are known; 0 without any. Once: it reorders them. */
uint64_t overview_median(struct overview *o);
/* Fields of the answers: errors in percent, the median, bytes; each with a comma before it. */
void overview_put_rates(struct overview *o, struct buf *out);

#endif
