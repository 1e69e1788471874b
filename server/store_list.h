/*
 * store_list.h - records one by one, in order, with all their texts: for lists and exports.
 * Engine-neutral.
 */
#ifndef LOGFERRY_SERVER_STORE_LIST_H
#define LOGFERRY_SERVER_STORE_LIST_H

#include "parsers/catalogue.h"
#include "server/read_query.h"
#include "server/store_scan.h"

struct list_value {
    enum { LIST_NONE, LIST_NUMBER, LIST_TEXT } kind;
    int64_t number;
    struct str text; /* as long as the callback runs */
};

/* What the values of a record are, in order. `timestamp` is in milliseconds. */
#define LIST_PAGEVIEW_COLUMNS 27
#define LIST_FETCH_COLUMNS 13
extern const char *const list_pageview_columns[LIST_PAGEVIEW_COLUMNS];
extern const char *const list_fetch_columns[LIST_FETCH_COLUMNS];

struct list_query {
    int64_t site;
    const char *site_uuid;
    enum columns_kind kind;
    const struct read_query *q;        /* its filters, its order and its search */
    const struct catalogue *catalogue; /* for filters of AI agents; NULL: nobody is one */
    int64_t from_ms, to_ms;            /* [from, to] */
    /* Of newest first: only what comes behind this one. INT64_MAX: from the beginning. */
    int64_t behind_ms, behind_id;
    unsigned limit;
    uint64_t offset;
};

struct list_row {
    int64_t id, at_ms;
    size_t n;
    const struct list_value *values;
};

/* on_row for each record that fits, in order. 0, or -1: reading failed. */
int store_reader_list(struct store_reader *r, const struct list_query *query,
                      void (*on_row)(void *arg, const struct list_row *row), void *arg);
/* How many fit, whatever the limit and offset. */
int store_reader_list_count(struct store_reader *r, const struct list_query *query, uint64_t *n);
/* The latest time before `ms` at which there may be a record; INT64_MIN: there is none. */
int64_t store_reader_latest(struct store_reader *r, int64_t site, int64_t ms);

#endif
