/*
 * metrics_http.h - answers GET /metrics on a port of its own, and nothing else. On the loop's
 * thread.
 *
 * One request a connection, whose head has at most METRICS_HEAD_MAX bytes; at most
 * METRICS_MAX_CALLS connections, five seconds each, the answer's way included. No TLS and no
 * password: it tells counts and names of the configuration to whoever can connect.
 */
#ifndef LOGFERRY_AGENT_METRICS_HTTP_H
#define LOGFERRY_AGENT_METRICS_HTTP_H

#include "config/listen_address.h"
#include "parsers/base/bytes.h"

#define METRICS_HEAD_MAX 4096u
#define METRICS_MAX_CALLS 8u

struct ev_loop;
struct metrics_http;

/* The status that these bytes are to be answered with: 200, 400, 404, 405; 0: more are to come. */
int metrics_request_status(struct str in);

struct metrics_http_options {
    struct ev_loop *loop;
    const struct listen_address *listen; /* no socket; lent for the call */
    void *context;
    bool (*put)(void *context, struct buf *out); /* false: nothing can be told now, 503 */
};

/* NULL with a sentence in `why`. */
struct metrics_http *metrics_http_new(const struct metrics_http_options *options, struct buf *why);
unsigned metrics_http_port(const struct metrics_http *m);
void metrics_http_free(struct metrics_http *m); /* accepts NULL */

#endif
