/*
 * api_realtime.h - GET /api/sites/{id}/realtime: server-sent events that say that records of a site
 * have been stored, as HitKeep sends them. Everything runs on the loop's thread.
 *
 * Cost is bounded: so many streams in all and of each caller, one event a tick and stream at most,
 * a minute for each stream (then its client asks again, through the gate), and of what happened
 * before only a number for each of the last sites, which tells a client that comes back whether it
 * missed something; what, it has to ask for. A stream of whoever may not view the site any more
 * ends with the next tick. Who does not read is closed by the server's write timeout.
 */
#ifndef LOGFERRY_SERVER_API_REALTIME_H
#define LOGFERRY_SERVER_API_REALTIME_H

#include "server/store.h"

#define REALTIME_STREAMS 64        /* in all; less where fewer connections are allowed */
#define REALTIME_STREAMS_EACH 4    /* of one client or person */
#define REALTIME_TICK_MS 500       /* between two looks at all streams; less for a shorter life */
#define REALTIME_LIFETIME_MS 60000 /* a heart beat each quarter of it without an event */

struct api;
struct ev_loop;
struct http_request;
struct realtime;

/* NULL: no memory. */
struct realtime *realtime_new(struct ev_loop *loop, size_t streams, int64_t lifetime_ms);
/* Ends all streams, and takes no more: 503. */
void realtime_stop(struct realtime *r);
/* The same, and the owner's reference goes. Accepts NULL. */
void realtime_free(struct realtime *r);
size_t realtime_streams(const struct realtime *r);

/* A job of the store may end when the API has gone: it keeps a reference until then, which
 * realtime_done drops. */
struct realtime *realtime_retain(struct realtime *r);
void realtime_release(struct realtime *r);
/* The job is done: what of it was stored is told. Of a batch that had duplicates all records are:
 * it does not say which. */
void realtime_done(struct realtime *r, const struct store_job *job);

#endif
