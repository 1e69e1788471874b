/*
 * http_server.c - accepting within the limits, draining. The connections themselves:
 * http_conn.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/http_internal.h"

#define ACCEPTS_A_TURN 64 /* then the connections that are there get theirs */

int64_t http_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t http_now_ms(void)
{
    return http_now_us() / 1000;
}

void http_limits_default(struct http_limits *l)
{
    *l = (struct http_limits){
        .connections = 1024,
        .per_address = 64,
        .bodies_bytes = 256u << 20,
        .body_min_rate = 500,
        .header_timeout_ms = 10000,
        .idle_timeout_ms = 60000,
        .body_idle_ms = 60000,
        .body_grace_ms = 60000,
        .write_timeout_ms = 60000,
        .linger_ms = 2000,
        .accept_pause_ms = 100,
    };
}

struct str http_header_next(const struct http_request *req, struct str name, size_t *at)
{
    const struct http_exchange *e = (const struct http_exchange *)req;
    while (*at < e->head.n_headers) {
        const struct http_header *h = &e->head.headers[(*at)++];
        if (str_eq_nocase(http_span_str(h->name, e->head_bytes), name))
            return http_span_str(h->value, e->head_bytes);
    }
    return STR_NONE;
}

struct str http_header(const struct http_request *req, struct str name)
{
    size_t at = 0;
    return http_header_next(req, name, &at);
}

/* ---- accepting ---------------------------------------------------------------------------------
 */

static void set_accepting(struct http_server *s, bool on)
{
    s->accepting = on;
    for (struct http_listener *l = s->listeners; l; l = l->next) {
        if (on)
            ev_io_start(s->loop, &l->watcher);
        else
            ev_io_stop(s->loop, &l->watcher);
    }
}

static void peer_of(const struct sockaddr_storage *from, struct http_peer *peer)
{
    static const unsigned char v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    *peer = (struct http_peer){0};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        memcpy(peer->address, v4_mapped, 12);
        memcpy(peer->address + 12, &v4->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        memcpy(peer->address, &v6->sin6_addr, 16);
    } else {
        peer->local = true;
        return;
    }
    const struct in6_addr *a = (const struct in6_addr *)peer->address;
    bool mapped = memcmp(peer->address, v4_mapped, 12) == 0;
    peer->local = IN6_IS_ADDR_LOOPBACK(a) || (mapped && peer->address[12] == 127);
}

static bool address_full(const struct http_server *s, const struct http_peer *peer)
{
    if (peer->local)
        return false;
    size_t n = 0;
    for (const struct http_conn *c = s->conns; c; c = c->next)
        n += memcmp(c->peer.address, peer->address, sizeof(peer->address)) == 0;
    return n >= s->limits.per_address;
}

/* The connection that has been idle longest; NULL when all are at work. */
static struct http_conn *oldest_idle(const struct http_server *s)
{
    struct http_conn *oldest = NULL;
    for (struct http_conn *c = s->conns; c; c = c->next)
        if (c->state == CONN_IDLE && (!oldest || c->since_ms <= oldest->since_ms))
            oldest = c;
    return oldest;
}

static void on_accept_timer(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct http_server *s = w->data;
    if (!s->draining)
        set_accepting(s, true);
}

/* The descriptor stays in the backlog and would wake us for ever: look away for a moment. */
static void pause_accepting(struct http_server *s)
{
    set_accepting(s, false);
    ev_timer_set(&s->accept_timer, (double)s->limits.accept_pause_ms / 1000., 0.);
    ev_timer_start(s->loop, &s->accept_timer);
}

/* False when no more can be accepted now. */
static bool accept_one(struct http_listener *l)
{
    struct http_server *s = l->server;
    bool full = s->n_conns >= s->limits.connections;
    struct http_conn *victim = full ? oldest_idle(s) : NULL;
    if (full && !victim) {
        set_accepting(s, false); /* http_server_room turns it on again */
        return false;
    }
    struct sockaddr_storage from = {0};
    socklen_t n = sizeof(from);
    int fd = accept4(l->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(s);
        return errno == ECONNABORTED || errno == EINTR;
    }
    struct http_peer peer;
    peer_of(&from, &peer);
    if (address_full(s, &peer)) {
        close(fd);
        return true;
    }
    if (victim) /* only now: there is somebody to make room for */
        http_conn_close(victim);
    if (l->port) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    http_conn_start(s, fd, &peer);
    return true;
}

void http_on_acceptable(struct ev_loop *loop, struct ev_io *w, int events)
{
    for (int i = 0; i < ACCEPTS_A_TURN && accept_one(w->data); i++) {
    }
}

static void set_drain_timer(struct http_server *s, int64_t after_ms)
{
    ev_timer_stop(s->loop, &s->drain_timer);
    ev_timer_set(&s->drain_timer, (double)after_ms / 1000., 0.);
    ev_timer_start(s->loop, &s->drain_timer);
}

void http_server_room(struct http_server *s)
{
    if (s->draining) {
        if (s->n_conns == 0 && s->on_drained)
            set_drain_timer(s, 0);
    } else if (!s->accepting && !ev_is_active(&s->accept_timer)) {
        set_accepting(s, true);
    }
}

unsigned http_server_port(const struct http_server *s)
{
    for (const struct http_listener *l = s->listeners; l; l = l->next)
        if (l->port)
            return l->port;
    return 0;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void close_conns(struct http_server *s, bool only_idle)
{
    struct http_conn *c = s->conns;
    while (c) {
        struct http_conn *next = c->next;
        if (!only_idle || c->state == CONN_IDLE)
            http_conn_close(c);
        c = next;
    }
}

static void on_drain_timer(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct http_server *s = w->data;
    if (s->n_conns > 0) {
        close_conns(s, false); /* the deadline; the last one sets the timer again */
    } else if (s->on_drained) {
        void (*on_drained)(void *) = s->on_drained;
        s->on_drained = NULL;
        on_drained(s->drained_ctx);
    }
}

struct http_server *http_server_new(struct ev_loop *loop, const struct http_limits *limits,
                                    const struct http_app *app)
{
    struct http_server *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->loop = loop;
    s->limits = *limits;
    s->app = *app;
    s->accepting = true;
    ev_timer_init(&s->accept_timer, on_accept_timer, 0., 0.);
    ev_timer_init(&s->drain_timer, on_drain_timer, 0., 0.);
    s->accept_timer.data = s->drain_timer.data = s;
    return s;
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    s->draining = true; /* no accepting when a connection leaves */
    s->on_drained = NULL;
    ev_timer_stop(s->loop, &s->accept_timer);
    ev_timer_stop(s->loop, &s->drain_timer);
    http_listeners_close(s);
    close_conns(s, false);
    free(s);
}

void http_server_watch(struct http_server *s,
                       void (*on_answered)(void *ctx, const struct http_answered *a), void *ctx)
{
    s->on_answered = on_answered;
    s->answered_ctx = ctx;
}

size_t http_server_connections(const struct http_server *s)
{
    return s->n_conns;
}

void http_server_drain(struct http_server *s, int64_t deadline_ms, void (*on_drained)(void *ctx),
                       void *ctx)
{
    s->draining = true;
    s->on_drained = on_drained;
    s->drained_ctx = ctx;
    ev_timer_stop(s->loop, &s->accept_timer);
    http_listeners_close(s);
    set_drain_timer(s, s->n_conns > 0 ? deadline_ms : 0);
    close_conns(s, true);
}
