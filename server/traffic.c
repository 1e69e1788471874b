/* traffic.c - see traffic.h. */
#include "server/traffic.h"

#include <inttypes.h>
#include <time.h>

#include "parsers/base/log.h"

void traffic_init(struct traffic *t, enum access_log log)
{
    *t = (struct traffic){.log = log, .n_routes = 1};
}

static struct traffic_route *route_at(struct traffic *t, const struct route *route)
{
    size_t i = 0;
    while (i < t->n_routes && t->routes[i].route != route)
        i++;
    if (i == TRAFFIC_MAX_ROUTES)
        return &t->routes[0];
    if (i == t->n_routes)
        t->routes[t->n_routes++].route = route;
    return &t->routes[i];
}

/* ---- the log ------------------------------------------------------------------------------ */

/* Requests without a known client come from anybody, as fast as they like. */
static bool is_held_back(struct traffic *t, const struct http_answered *a)
{
    if (a->req && a->req->who[0])
        return false;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != t->noise_second) {
        t->noise_second = now.tv_sec;
        t->noise_lines = 0;
    }
    if (t->noise_lines < TRAFFIC_NOISE_LINES) {
        t->noise_lines++;
        return false;
    }
    t->held_back++;
    return true;
}

/* Without what would end the quotes; log_event sees to control bytes. */
static void put_quoted(struct buf *out, const char *text)
{
    buf_putc(out, '"');
    for (; *text; text++)
        buf_putc(out, *text == '"' || *text == '\\' ? '\'' : *text);
    buf_putc(out, '"');
}

static void log_answer(struct traffic *t, const struct http_answered *a)
{
    const struct route *route = a->req ? router_route(a->req) : NULL;
    struct buf client;
    if (is_held_back(t, a))
        return;
    buf_init(&client, 256);
    put_quoted(&client, a->req ? a->req->who : "");
    log_event(LOG_INFO, "request",
              "method=%s route=%s status=%d in=%" PRIu64 " out=%" PRIu64 " ms=%" PRId64
              " client=%.*s held_back=%" PRIu64,
              route ? route_method_name(route->method) : "-", route ? route->pattern : "-",
              a->status, a->in_bytes, a->out_bytes, a->us / 1000, STR_ARGS(buf_str(&client)),
              t->held_back);
    t->held_back = 0;
    buf_release(&client);
}

void traffic_on_answered(void *ctx, const struct http_answered *a)
{
    struct traffic *t = ctx;
    size_t class = a->status >= 100 && a->status <= 599 ? (size_t)a->status / 100 - 1 : 4;
    route_at(t, a->req ? router_route(a->req) : NULL)->answers[class]++;
    t->in_bytes += a->in_bytes;
    t->out_bytes += a->out_bytes;
    t->unauthorized += a->status == 401;
    t->throttled += a->status == 429;
    if (a->req)
        histogram_add(&t->durations, (uint64_t)a->us);
    if (t->log == ACCESS_LOG_ALL || (t->log == ACCESS_LOG_ERRORS && a->status >= 400))
        log_answer(t, a);
}

/* ---- metrics ------------------------------------------------------------------------------ */

void traffic_put_metrics(const struct traffic *t, struct buf *out)
{
    static const char *const classes[TRAFFIC_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    static const char name[] = "logferry_server_requests_total";
    metric_family(out, name, "counter", "Answers, by route and class of status.");
    for (size_t i = 0; i < t->n_routes; i++) {
        const struct traffic_route *r = &t->routes[i];
        struct str method = str_of(r->route ? route_method_name(r->route->method) : "-");
        struct str pattern = str_of(r->route ? r->route->pattern : "-");
        for (size_t k = 1; k < TRAFFIC_CLASSES; k++) /* nothing answers 1xx */
            metric_u64(out, name,
                       LABELS({"method", method}, {"route", pattern}, {"code", str_of(classes[k])}),
                       r->answers[k]);
    }
    metric_counter(out, "logferry_server_received_bytes_total", "Bytes of bodies that came.",
                   t->in_bytes);
    metric_counter(out, "logferry_server_sent_bytes_total", "Bytes of answers.", t->out_bytes);
    metric_counter(out, "logferry_server_unauthorized_total",
                   "Requests without a good token (401).", t->unauthorized);
    metric_counter(out, "logferry_server_throttled_total", "Requests over a limit (429).",
                   t->throttled);
    metric_histogram(out, "logferry_server_request_duration_seconds",
                     "From the end of a request's head to its answer.", &t->durations);
}
