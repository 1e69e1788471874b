/*
 * bench_sink.c - a server that throws away what it gets, for the figures of what sends to it.
 *
 *   bench_sink
 *
 * Prints its port on 127.0.0.1 and serves until SIGTERM. It answers as the real server does: one
 * site, the capabilities, and to every POST that all records are stored; GET /stats tells what came
 * in. The server's own HTTP is used, so that reading costs what it costs there, and nothing else is
 * done with a body than counting its lines.
 */
#include <ev.h>
#include <signal.h>
#include <stdio.h>

#include "server/route.h"

#define MAX_BODY (64u << 20)

struct sink {
    unsigned long long requests, lines, bytes;
};

static void answer(struct http_request *req, struct str json)
{
    http_respond(req, 200, "application/json", NULL, json);
}

static void on_sites(void *ctx, struct http_request *req)
{
    answer(req, STR("[{\"id\":\"00000000-0000-4000-8000-000000000001\",\"user_id\":"
                    "\"00000000-0000-4000-8000-000000000002\",\"domain\":\"example-shop.com\","
                    "\"data_retention_days\":365,\"created_at\":\"2026-01-01T00:00:00Z\"}]\n"));
}

static void on_capabilities(void *ctx, struct http_request *req)
{
    answer(req, STR("{\"server\":\"sink/0\",\"protocols\":[\"batch\"],\"limits\":"
                    "{\"decoded_bytes\":33554432,\"records\":10000}}\n"));
}

static void on_stats(void *ctx, struct http_request *req)
{
    const struct sink *s = ctx;
    char text[128];
    int n = snprintf(text, sizeof(text), "{\"requests\":%llu,\"lines\":%llu,\"bytes\":%llu}\n",
                     s->requests, s->lines, s->bytes);
    answer(req, (struct str){text, (size_t)n});
}

static unsigned long long count_lines(struct str body)
{
    unsigned long long n = 0;
    for (ptrdiff_t at = str_chr(body, '\n', 0); at >= 0; at = str_chr(body, '\n', (size_t)at + 1))
        n++;
    return n;
}

/* The id in a batch's header, which stands at its front. */
static struct str batch_id(struct str body)
{
    static const size_t id_bytes = 36;
    struct str head = str_slice(body, 0, body.n < 200 ? body.n : 200), key = STR("\"batch\":\"");
    ptrdiff_t at = str_find(head, key, 0);
    if (at < 0 || head.n - (size_t)at < key.n + id_bytes)
        return STR("");
    return str_slice(head, (size_t)at + key.n, (size_t)at + key.n + id_bytes);
}

static void on_post(void *ctx, struct http_request *req)
{
    struct sink *s = ctx;
    unsigned long long lines = count_lines(req->body);
    struct str id = batch_id(req->body);
    char text[160];
    s->requests++;
    s->lines += lines;
    s->bytes += req->body.n;
    int n = snprintf(text, sizeof(text),
                     "{\"batch\":\"%.*s\",\"stored\":%llu,\"duplicate\":0,\"excluded\":0,"
                     "\"rejected\":[]}\n",
                     STR_ARGS(id), lines ? lines - 1 : 0);
    answer(req, (struct str){text, (size_t)n});
}

static const struct route routes[] = {
    {.method = ROUTE_GET, .pattern = "/api/sites", .handle = on_sites},
    {.method = ROUTE_GET, .pattern = "/api/ingest/server/capabilities", .handle = on_capabilities},
    {.method = ROUTE_GET, .pattern = "/stats", .handle = on_stats},
    {.method = ROUTE_POST, .pattern = "/{rest...}", .max_body = MAX_BODY, .handle = on_post},
};

static void on_term(struct ev_loop *loop, ev_signal *w, int events)
{
    ev_break(loop, EVBREAK_ALL);
}

int main(void)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct http_limits limits;
    struct router router;
    struct sink sink = {0};
    const char *why = "out of memory";
    ev_signal term;
    http_limits_default(&limits);
    limits.bodies_bytes = (size_t)MAX_BODY * 16;
    router_init(&router);
    router_add(&router, routes, sizeof(routes) / sizeof(routes[0]), &sink);
    struct http_app app = router_app(&router);
    struct http_server *server = http_server_new(loop, &limits, &app);
    if (!server || http_listen_tcp(server, "127.0.0.1:0", &why)) {
        fprintf(stderr, "bench_sink: %s\n", why);
        return 1;
    }
    ev_signal_init(&term, on_term, SIGTERM);
    ev_signal_start(loop, &term);
    printf("%u\n", http_server_port(server));
    fflush(stdout);
    ev_run(loop, 0);
    http_server_free(server);
    return 0;
}
