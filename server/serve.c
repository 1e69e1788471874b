/*
 * serve.c - starts store, API, control socket and HTTP on one loop; tells systemd; ends in order:
 * no new requests, running ones drained for at most DRAIN_MS, a last commit, the store closed.
 */
#include "server/serve.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "config/exit_codes.h"
#include "parsers/base/log.h"
#include "parsers/base/notify.h"
#include "server/admin.h"
#include "server/api.h"
#include "server/control.h"
#include "server/serve_metrics.h"
#include "server/serve_nodes.h"
#include "server/serve_lists.h"

#define DRAIN_MS 5000
#define STATUS_SECONDS 30.
#define SOCKET_MODE 0660 /* the reverse proxy is in our group, nobody else passes by it */

struct server {
    const struct serve_options *options;
    struct ev_loop *loop;
    struct store *store;
    struct catalogue *catalogue;
    struct api *api;
    struct control *control;
    struct http_server *http;
    struct serve_metrics metrics;
    struct serve_nodes nodes;
    struct router router;
    struct serve_lists lists;
    ev_async collect;
    ev_signal terminate, interrupt, hangup;
    ev_timer watchdog, status;
    uint64_t progress; /* of the writer, at the last tick of the watchdog */
    bool stopping;
};

/* ---- events ------------------------------------------------------------------------------- */

static void on_wakeup(void *arg)
{
    struct server *s = arg;
    ev_async_send(s->loop, &s->collect);
}

static void on_collect(struct ev_loop *loop, ev_async *w, int events)
{
    (void)loop;
    (void)events;
    struct server *s = w->data;
    store_collect(s->store);
}

static void on_drained(void *ctx)
{
    struct server *s = ctx;
    ev_break(s->loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
    (void)events;
    struct server *s = w->data;
    if (s->stopping) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    s->stopping = true;
    notify_send("STOPPING=1\nSTATUS=finishing what is running");
    log_event(LOG_INFO, "stopping", "connections=%zu", http_server_connections(s->http));
    api_stop(s->api);
    http_server_drain(s->http, DRAIN_MS, on_drained, s);
}

/* Only a restart reads the configuration anew; it takes as long as what is running. The files that
 * it names are read again. */
static void on_hangup(struct ev_loop *loop, ev_signal *w, int events)
{
    (void)loop;
    (void)events;
    struct server *s = w->data;
    serve_lists_reload(&s->lists);
    log_event(LOG_WARN, "no_reload",
              "signal=SIGHUP why=\"the lists were read anew, the configuration was not\" "
              "mend=\"systemctl restart logferry-server\"");
}

/* The loop runs, or we would not be here; the writer must have moved, or have nothing to do. */
static void on_watchdog(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct server *s = w->data;
    struct store_stats stats;
    store_stats(s->store, &stats);
    if (stats.idle || stats.progress != s->progress)
        notify_send("WATCHDOG=1");
    s->progress = stats.progress;
}

static void put_status(struct server *s)
{
    char text[256];
    struct store_stats stats;
    store_stats(s->store, &stats);
    snprintf(text, sizeof(text),
             "STATUS=%llu records stored, %llu duplicates, %zu connections, %zu jobs waiting%s",
             (unsigned long long)stats.stored, (unsigned long long)stats.duplicate,
             http_server_connections(s->http), stats.queued_jobs,
             stats.full      ? "; NO ROOM on the store's disk"
             : stats.failing ? "; the store CANNOT BE WRITTEN"
                             : "");
    notify_send(text);
}

static void on_status(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    put_status(w->data);
}

/* ---- listening ---------------------------------------------------------------------------- */

static int cannot_listen(const char *where, const char *why)
{
    int code = errno == EACCES       ? EXIT_PERMISSION
               : errno == EADDRINUSE ? EXIT_UNREACHABLE
                                     : EXIT_BAD_CONFIG;
    log_event(LOG_ERROR, "cannot_listen", "address=%s why=\"%s: %s\" mend=\"%s\"", where, why,
              strerror(errno),
              code == EXIT_UNREACHABLE ? "end what listens there, or give another --listen"
                                       : "give another --listen ADDR:PORT or unix:/path");
    return code;
}

static int listen_on(struct server *s, const char *where)
{
    const char *why = "";
    const char *path = strncmp(where, "unix:", 5) == 0 ? where + 5 : NULL;
    errno = 0;
    if ((path ? http_listen_unix(s->http, path, SOCKET_MODE, &why)
              : http_listen_tcp(s->http, where, &why)) != 0)
        return cannot_listen(where, why);
    if (path) {
        log_event(LOG_INFO, "listening", "address=%s", where);
        return 0;
    }
    const char *colon = strrchr(where, ':');
    log_event(LOG_INFO, "listening", "address=%.*s:%u", (int)(colon ? colon - where : 0), where,
              http_server_port(s->http));
    return 0;
}

static int listen_on_passed(struct server *s, int n)
{
    const char *why = "";
    for (int i = 0; i < n; i++) {
        if (http_listen_fd(s->http, NOTIFY_FIRST_FD + i, &why))
            return cannot_listen("systemd's socket", why);
        log_event(LOG_INFO, "listening", "address=systemd:%d port=%u", i,
                  http_server_port(s->http));
    }
    return 0;
}

static int listen_everywhere(struct server *s)
{
    const struct listen_address *l = &s->options->config->listen;
    int passed = notify_listen_fds();
    char where[512];
    if (s->options->listen)
        return listen_on(s, s->options->listen);
    if (passed > 0)
        return listen_on_passed(s, passed);
    if (str_is_set(l->socket))
        snprintf(where, sizeof(where), "unix:%s", l->socket.p);
    else
        snprintf(where, sizeof(where), strchr(l->address.p, ':') ? "[%s]:%u" : "%s:%u",
                 l->address.p, l->port);
    if (!l->loopback)
        log_event(LOG_WARN, "no_tls",
                  "address=%s why=\"tokens and addresses cross the network in "
                  "the clear\" mend=\"listen on 127.0.0.1 and put a proxy with TLS before it\"",
                  where);
    return listen_on(s, where);
}

/* Whoever wants metrics wants to know that there are none: it does not start without. */
static int listen_for_metrics(struct server *s)
{
    const struct listen_address *l = &s->options->config->metrics;
    struct buf where;
    const char *why = "";
    int code = 0;
    if (!str_is_set(l->socket) && !str_is_set(l->address))
        return 0;
    buf_init(&where, 512);
    listen_address_put(l, &where);
    errno = 0;
    if (serve_metrics_start(&s->metrics, s->loop, l, &why))
        code = cannot_listen(buf_cstr(&where), why);
    else
        log_event(LOG_INFO, "metrics_served", "address=%s port=%u", buf_cstr(&where),
                  http_server_port(s->metrics.http));
    buf_release(&where);
    return code;
}

/* ---- start and end ------------------------------------------------------------------------ */

static struct api_config api_config_of(const struct server_config *c)
{
    struct api_config api;
    api_config_default(&api);
    api.proxies = c->proxies;
    api.n_proxies = c->n_proxies;
    api.ingest_rate = (struct limiter_rate){c->limits.ingest.rate, c->limits.ingest.burst};
    api.api_rate = (struct limiter_rate){c->limits.api.rate, c->limits.api.burst};
    api.auth_rate = (struct limiter_rate){c->limits.auth.rate, c->limits.auth.burst};
    api.records_per_minute = c->limits.batch_records_per_minute;
    if (api.streams > c->limits.connections / 4)
        api.streams = c->limits.connections / 4;
    api.limit_local = !c->limits.exempt_loopback;
    api.hitkeep_strict = c->hitkeep_strict;
    api.account.public_url = c->public_url;
    api.account.initial_user = c->initial_user;
    return api;
}

static int open_store(struct server *s)
{
    struct store_options options = {.serving = true};
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 4096);
    s->store = store_open(s->options->store_dir, &options, &error, &failure);
    int code = s->store ? 0 : admin_exit_code(failure);
    if (code)
        log_event(LOG_ERROR, "cannot_open_store", "why=\"%s\"", buf_cstr(&error));
    buf_release(&error);
    return code;
}

static int start_parts(struct server *s)
{
    struct http_limits limits;
    struct api_config api = api_config_of(s->options->config);
    api.store_dir = s->options->store_dir;
    struct http_app app;
    int code = open_store(s);
    if (!code)
        code = serve_lists_start(&s->lists, s->loop, s->options->config);
    if (code)
        return code;
    store_set_wakeup(s->store, on_wakeup, s);
    serve_nodes_start(&s->nodes, s->loop, s->store, s->options->store_dir);
    api.nodes = &s->nodes.nodes;
    api.exclude = s->lists.exclude;
    api.lists = s->lists.lists;
    http_limits_default(&limits);
    limits.connections = s->options->config->limits.connections;
    router_init(&s->router);
    s->catalogue = catalogue_new(true);
    s->api = s->catalogue ? api_new(s->loop, s->store, s->catalogue, &api) : NULL;
    if (s->api)
        api_add_routes(s->api, &s->router);
    s->lists.api = s->api;
    app = router_app(&s->router);
    s->http = s->api ? http_server_new(s->loop, &limits, &app) : NULL;
    if (!s->http) {
        log_event(LOG_ERROR, "cannot_start", "why=\"%s\"", strerror(errno ? errno : ENOMEM));
        return EXIT_INTERNAL;
    }
    traffic_init(&s->metrics.traffic, s->options->config->access_log);
    s->metrics.api = s->http;
    s->metrics.store = s->store;
    s->metrics.nodes = &s->nodes;
    s->metrics.started_ms = (int64_t)(ev_now(s->loop) * 1000);
    http_server_watch(s->http, traffic_on_answered, &s->metrics.traffic);
    s->control = control_new(s->loop, s->store, s->options->store_dir);
    if (!s->control)
        log_event(LOG_WARN, "no_control_socket",
                  "why=\"%s\" mend=\"stop the server before commands that change the store\"",
                  strerror(errno));
    code = listen_for_metrics(s);
    return code ? code : listen_everywhere(s);
}

static void start_watchers(struct server *s)
{
    double watchdog = (double)notify_watchdog_ms() / 2000.;
    ev_async_init(&s->collect, on_collect);
    ev_signal_init(&s->terminate, on_signal, SIGTERM);
    ev_signal_init(&s->interrupt, on_signal, SIGINT);
    ev_signal_init(&s->hangup, on_hangup, SIGHUP);
    ev_timer_init(&s->watchdog, on_watchdog, watchdog, watchdog);
    ev_timer_init(&s->status, on_status, STATUS_SECONDS, STATUS_SECONDS);
    s->collect.data = s->terminate.data = s->interrupt.data = s->hangup.data = s;
    s->watchdog.data = s->status.data = s;
    ev_async_start(s->loop, &s->collect);
    ev_signal_start(s->loop, &s->terminate);
    ev_signal_start(s->loop, &s->interrupt);
    ev_signal_start(s->loop, &s->hangup);
    ev_timer_start(s->loop, &s->status);
    if (watchdog > 0)
        ev_timer_start(s->loop, &s->watchdog);
}

/* In reverse order of start. Results that still come are given to requests that nobody reads. */
static void stop_parts(struct server *s)
{
    serve_metrics_stop(&s->metrics);
    http_server_free(s->http);
    control_free(s->control);
    serve_lists_stop(&s->lists);
    api_free(s->api);
    serve_nodes_stop(&s->nodes, s->loop);
    if (s->store)
        store_set_wakeup(s->store, NULL, NULL);
    store_close(s->store);
    nodes_release(&s->nodes.nodes);
    serve_lists_release(&s->lists);
    catalogue_free(s->catalogue);
}

int serve(const struct serve_options *options)
{
    struct server s = {.options = options};
    signal(SIGPIPE, SIG_IGN);
    s.loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!s.loop)
        return EXIT_INTERNAL;
    start_watchers(&s);
    int code = start_parts(&s);
    if (code == 0) {
        notify_send("READY=1");
        put_status(&s);
        ev_run(s.loop, 0);
    }
    stop_parts(&s);
    ev_loop_destroy(s.loop);
    if (code == 0)
        log_event(LOG_INFO, "stopped", "store=%s", options->store_dir);
    return code;
}
