/*
 * traffic.h - what is counted and logged about requests: by route, class of status, bytes and time.
 * Never a path, a query, a token or an address. On the loop's thread.
 */
#ifndef LOGFERRY_SERVER_TRAFFIC_H
#define LOGFERRY_SERVER_TRAFFIC_H

#include "config/server_config.h"
#include "parsers/base/metrics.h"
#include "server/route.h"

#define TRAFFIC_MAX_ROUTES 200u
#define TRAFFIC_CLASSES 5 /* 1xx to 5xx */
/* Lines a second for requests of nobody we know: the rest is counted in held_back. */
#define TRAFFIC_NOISE_LINES 10u

struct traffic {
    enum access_log log;
    struct traffic_route {
        const struct route *route; /* NULL: no route fitted, or no head came */
        uint64_t answers[TRAFFIC_CLASSES];
    } routes[TRAFFIC_MAX_ROUTES];
    size_t n_routes;
    uint64_t in_bytes, out_bytes, unauthorized, throttled;
    struct histogram durations;
    int64_t noise_second;
    unsigned noise_lines; /* in that second */
    uint64_t held_back;
};

void traffic_init(struct traffic *t, enum access_log log);
/* For http_server_watch; ctx is the struct traffic. */
void traffic_on_answered(void *ctx, const struct http_answered *a);
void traffic_put_metrics(const struct traffic *t, struct buf *out);

#endif
