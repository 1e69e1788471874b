/*
 * read_query.h - the query strings of the read endpoints: times, filters, pages. Pure; the clock's
 * time is given.
 */
#ifndef LOGFERRY_SERVER_READ_QUERY_H
#define LOGFERRY_SERVER_READ_QUERY_H

#include "parsers/base/bytes.h"

enum hit_filter_type {
    HIT_FILTER_PATH,
    HIT_FILTER_HOSTNAME,
    HIT_FILTER_REFERRER,
    HIT_FILTER_REFERRER_HOST,
    HIT_FILTER_DEVICE,
    HIT_FILTER_COUNTRY,
    HIT_FILTER_CITY,
    HIT_FILTER_PROVIDER,
    HIT_FILTER_ASN,
    HIT_FILTER_BROWSER,
    HIT_FILTER_LANGUAGE,
    HIT_FILTER_UTM_SOURCE,
    HIT_FILTER_UTM_MEDIUM,
    HIT_FILTER_UTM_CAMPAIGN,
    HIT_FILTER_UTM_TERM,
    HIT_FILTER_UTM_CONTENT,
    HIT_FILTER_QR_CODE_ID,
    HIT_FILTER_AI_BOT,
    HIT_FILTER_AI_BOT_CATEGORY,
    HIT_FILTER_AI_SOURCE,
    HIT_FILTER_TYPES
};

/* By what AI is about: the agent that came, or the assistant that sent somebody. */
bool hit_filter_is_ai(enum hit_filter_type type);

struct hit_filter {
    enum hit_filter_type type;
    struct str value; /* none: as the lists of the stats have it (page_path.h) */
};
#define READ_FILTERS_MAX 32

enum read_format { READ_CSV, READ_JSON, READ_NDJSON };
enum read_sort { READ_BY_TIME, READ_BY_PATH, READ_BY_REFERRER };

/* Texts lie in `text`; what was not given is STR_NONE. */
struct read_query {
    struct buf text;
    int64_t from_ms, to_ms; /* [from, to]: both count */

    /* Of AI fetches. */
    struct str assistant_name, assistant_family, resource_type, path;
    int window_days;

    /* Of pageviews. */
    struct hit_filter filters[READ_FILTERS_MAX]; /* all of them must fit */
    size_t n_filters;
    bool nothing; /* a goal or a funnel was asked for, and there are none */
    struct str search;
    bool compare;
    int64_t compare_from_ms, compare_to_ms;
    unsigned limit;
    uint64_t offset;
    enum read_sort sort;
    bool ascending;

    enum read_format format;
    bool other_format; /* one of HitKeep's that are not made here: xlsx, parquet */
};

/* Fill *q, which read_query_release empties in any case. NULL, or the message of the 400. */
const char *read_query_fetches(struct read_query *q, struct str query, int64_t now_ms);
const char *read_query_correlation(struct read_query *q, struct str query, int64_t now_ms);
const char *read_query_stats(struct read_query *q, struct str query, int64_t now_ms);
const char *read_query_activity(struct read_query *q, struct str query, int64_t now_ms);
const char *read_query_sites(struct read_query *q, struct str query, int64_t now_ms);
const char *read_query_hits(struct read_query *q, struct str query, int64_t now_ms);
void read_query_release(struct read_query *q);

const char *read_format_name(enum read_format format); /* "csv", … */
bool read_format_parse(struct str name, enum read_format *out);

#endif
