/*
 * store_seen.h - when a site's visitors came first and last: what says whether a site is being
 * tracked at all. Engine-neutral.
 */
#ifndef LOGFERRY_SERVER_STORE_SEEN_H
#define LOGFERRY_SERVER_STORE_SEEN_H

#include "server/store_read.h"

/* An event, or none: `name` is STR_NONE. */
struct seen_event {
    int64_t at_ms;
    struct str name;
};

struct site_seen {
    bool any; /* pageviews; they are not of AI fetches */
    int64_t first_ms, last_ms;
    struct str host;                   /* of the last one */
    struct seen_event last, automatic; /* automatic: a script's of HitKeep, not the site's own */
    struct buf text;                   /* what the texts lie in */
};

/* By what is kept: retention takes the first ones away. Between store_reader_begin and _end. -1:
 * reading failed; site_seen_release in any case. */
int store_reader_seen(struct store_reader *r, int64_t site, struct site_seen *out);
void site_seen_release(struct site_seen *s);

#endif
