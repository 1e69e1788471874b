/*
 * read_report.h - the answers of the read endpoints: a site, a query, JSON. They run on a thread
 * that may wait for the disk, on a reader of their own. Each sees one moment of the store.
 *
 * They append the JSON and return 0, or -1: the store cannot be read, was told to stop, or there is
 * no memory; or the query has more to it than a report may hold (read_count.h).
 */
#ifndef LOGFERRY_SERVER_READ_REPORT_H
#define LOGFERRY_SERVER_READ_REPORT_H

#include "parsers/catalogue.h"
#include "server/read_query.h"
#include "server/store_scan.h"

struct rights;
struct zone;
struct read_agents_seen;

struct read_context {
    struct store_reader *reader;
    const struct catalogue *catalogue;
    struct read_agents_seen *seen; /* what is known of user agents, one for each thread */
    int64_t site;
    const char *site_uuid;
    const struct rights *rights; /* of the request; NULL in the overview of sites */
    const struct zone *zone;     /* whose days count; NULL: UTC */
    int64_t now_ms;
    bool strict; /* as HitKeep counts, where it is not what one would think */
};

int read_overview(const struct read_context *x, const struct read_query *q, struct buf *out);
int read_timeseries(const struct read_context *x, const struct read_query *q, struct buf *out);
int read_correlation(const struct read_context *x, const struct read_query *q, struct buf *out);
int read_activity(const struct read_context *x, const struct read_query *q, struct buf *out);
int read_stats(const struct read_context *x, const struct read_query *q, struct buf *out);
/* One object of the sites overview. */
int read_site_overview(const struct read_context *x, const struct read_query *q, struct buf *out);
/* Is the site being tracked, and since when? */
int read_tracking(const struct read_context *x, const struct read_query *q, struct buf *out);
int read_hits(const struct read_context *x, const struct read_query *q, struct buf *out);

#endif
