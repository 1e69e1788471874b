/*
 * serve_metrics.h - GET /metrics, on a listener of its own: what is served to anybody, through
 * whatever proxy, has no business on the API's. On the loop's thread.
 */
#ifndef LOGFERRY_SERVER_SERVE_METRICS_H
#define LOGFERRY_SERVER_SERVE_METRICS_H

#include "server/store.h"
#include "server/traffic.h"

struct ev_loop;
struct serve_nodes;

struct serve_metrics {
    const struct http_server *api; /* whose connections are told; NULL: none yet */
    struct store *store;
    struct traffic traffic; /* the caller's to feed */
    const struct serve_nodes *nodes;
    int64_t started_ms;
    struct router router;
    struct http_server *http; /* NULL: not served */
};

/* Listens there. -1: errno is set, *why says what failed. */
int serve_metrics_start(struct serve_metrics *m, struct ev_loop *loop,
                        const struct listen_address *listen, const char **why);
void serve_metrics_stop(struct serve_metrics *m); /* a zeroed one, too */
/* What GET /metrics answers. */
void serve_metrics_put(const struct serve_metrics *m, struct buf *out);

#endif
