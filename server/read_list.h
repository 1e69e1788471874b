/*
 * read_list.h - records one by one: a page of hits, and exports, which are made piece by piece, so
 * that their size does not matter.
 */
#ifndef LOGFERRY_SERVER_READ_LIST_H
#define LOGFERRY_SERVER_READ_LIST_H

#include "server/read_report.h"
#include "server/store_list.h"

/* Newest first. What comes in while it runs is in it or not. */
struct export
{
    enum columns_kind kind;
    enum read_format format;
    const struct read_query *query; /* lent */
    int64_t behind_ms, behind_id, window_ms;
    bool begun, any, done;
};
void export_begin(struct export *e, enum columns_kind kind, const struct read_query *query,
                  enum read_format format);
/* Appends the next piece, of some hundred kilobytes, perhaps nothing. e->done: it was the last. 0,
 * or -1 as of read_report.h. */
int export_next(struct export *e, const struct read_context *x, struct buf *out);

/* RFC 3339; a fraction only as far as there is one. */
void list_put_time(struct buf *out, int64_t ms);

const char *export_type(enum read_format format); /* its MIME type */
/* "hits_<site>_<now>.csv" */
void export_put_name(struct buf *out, enum columns_kind kind, const struct read_context *x,
                     enum read_format format);

#endif
