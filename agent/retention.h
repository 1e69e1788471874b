/*
 * retention.h - how long the sites of the destinations keep records: asked before a backfill, so
 * that its plan says what would not be kept. A destination that cannot be asked is told as such.
 */
#ifndef LOGFERRY_AGENT_RETENTION_H
#define LOGFERRY_AGENT_RETENTION_H

#include "config/agent_config.h"

#define RETENTION_ASK_S 5.0 /* a backfill waits no longer, and goes on without */

struct ev_loop;
struct retention;

/* Asks every destination for its sites, for `seconds` at most; then on_told is called once, never
 * from in here. The configuration is borrowed. NULL: out of memory. */
struct retention *retention_ask(struct ev_loop *loop, const struct agent_config *config,
                                double seconds, void (*on_told)(void *context), void *context);
void retention_free(struct retention *r); /* accepts NULL; an answer that is due does not come */

/* Once told: counts a record of that host, or domain, that would be sent to those destinations. */
void retention_count(struct retention *r, struct str host, unsigned to, int64_t time_ms);

/* A line for each site whose records end: since when they are kept, how many of those that were
 * counted are older, and how to mend it; one for all that keep them for ever. */
struct retention_view {
    struct str host;  /* this site only; STR_NONE: all */
    int64_t since_ms; /* nothing older is sent; INT64_MIN: all is */
    bool counted;
};
void retention_put(const struct retention *r, const struct retention_view *view, struct buf *out);

#endif
