/* serve_metrics.c - see serve_metrics.h. */
#include "server/serve_metrics.h"

#include <errno.h>

#include "server/serve_nodes.h"

#define SOCKET_MODE 0660
#define CONNECTIONS 16
#define PAGE_MAX (16u << 20)

static void put_records(const struct store_stats *s, struct buf *out)
{
    static const char name[] = "logferry_server_records_total";
    const struct {
        const char *outcome;
        uint64_t n;
    } rows[] = {{"stored", s->stored},
                {"duplicate", s->duplicate},
                {"excluded", s->excluded},
                {"rejected", s->rejected}};
    metric_family(out, name, "counter", "What became of records; the last two: of batches only.");
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        metric_u64(out, name, LABELS({"outcome", str_of(rows[i].outcome)}), rows[i].n);
}

static void put_batches(const struct store_stats *s, struct buf *out)
{
    static const char name[] = "logferry_server_batches_total";
    const struct {
        const char *outcome;
        uint64_t n;
    } rows[] = {{"stored", s->batches}, {"replayed", s->replayed}, {"reused", s->reused}};
    metric_family(out, name, "counter", "Batches; replayed: answered as before.");
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        metric_u64(out, name, LABELS({"outcome", str_of(rows[i].outcome)}), rows[i].n);
}

static void put_store(const struct store_stats *s, struct buf *out)
{
    put_records(s, out);
    put_batches(s, out);
    metric_counter(out, "logferry_server_failed_writes_total", "Writes that the store refused.",
                   s->failed);
    metric_gauge(out, "logferry_server_queued_writes", "Writes that wait or are under way.",
                 s->queued_jobs);
    metric_gauge(out, "logferry_server_queue_bytes", "Memory that they hold.", s->queued_bytes);
    metric_gauge(out, "logferry_server_store_full", "1: no room on the disk.", s->full);
    metric_gauge(out, "logferry_server_store_failing", "1: it cannot be written; see the log.",
                 s->failing);
    metric_histogram(out, "logferry_server_commit_duration_seconds",
                     "From the beginning of a transaction to its being durable.", &s->commits);
}

static void put_model(struct store *store, struct buf *out)
{
    struct rights *rights = store_rights(store);
    const struct site *sites;
    const struct client *clients;
    metric_gauge(out, "logferry_server_sites", "Sites.", rights_sites(rights, &sites));
    metric_gauge(out, "logferry_server_clients", "API clients, revoked ones included.",
                 rights_clients(rights, &clients));
    rights_release(rights);
}

void serve_metrics_put(const struct serve_metrics *m, struct buf *out)
{
    struct store_stats stats;
    store_stats(m->store, &stats);
    metric_family(out, "logferry_server_build_info", "gauge", "1; the label tells.");
    metric_u64(out, "logferry_server_build_info", LABELS({"version", STR(LOGFERRY_VERSION)}), 1);
    metric_gauge(out, "logferry_server_connections", "Open connections.",
                 m->api ? http_server_connections(m->api) : 0);
    traffic_put_metrics(&m->traffic, out);
    put_store(&stats, out);
    put_model(m->store, out);
    serve_nodes_put_metrics(m->nodes, out);
    metric_process(out, m->started_ms);
}

static void on_get(void *ctx, struct http_request *req)
{
    struct buf out;
    buf_init(&out, PAGE_MAX);
    serve_metrics_put(ctx, &out);
    if (out.failed)
        http_error(req, 503, "out of memory");
    else
        http_respond(req, 200, METRICS_TYPE, NULL, buf_str(&out));
    buf_release(&out);
}

int serve_metrics_start(struct serve_metrics *m, struct ev_loop *loop,
                        const struct listen_address *listen, const char **why)
{
    static const struct route routes[] = {{ROUTE_GET, "/metrics", 0, NULL, on_get}};
    struct http_limits limits;
    struct buf where;
    http_limits_default(&limits);
    limits.connections = CONNECTIONS;
    router_init(&m->router);
    router_add(&m->router, routes, COUNT_OF(routes), m);
    struct http_app app = router_app(&m->router);
    m->http = http_server_new(loop, &limits, &app);
    if (!m->http) {
        *why = "out of memory";
        errno = ENOMEM;
        return -1;
    }
    buf_init(&where, 512);
    listen_address_put(listen, &where);
    int status = str_is_set(listen->socket)
                     ? http_listen_unix(m->http, listen->socket.p, SOCKET_MODE, why)
                     : http_listen_tcp(m->http, buf_cstr(&where), why);
    int error = errno;
    buf_release(&where);
    errno = error;
    return status;
}

void serve_metrics_stop(struct serve_metrics *m)
{
    http_server_free(m->http);
    m->http = NULL;
}
