/*
 * http_conn.c - one connection: its states, its bytes, its deadlines. Watchers' callbacks only read
 * or write and then call http_conn_run, which takes as many steps
 * (http_step.c) as the bytes at hand allow.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http_internal.h"

#define READ_BYTES (64u << 10)
#define IN_MAX (256u << 10)
#define OUT_MAX (64u << 20)

/* ---- states ------------------------------------------------------------------------------------
 */

#define TO(state) (1u << CONN_##state)
static const unsigned allowed_moves[CONN_STATES] = {
    [CONN_IDLE] = TO(HEAD) | TO(CLOSED),
    [CONN_HEAD] = TO(BODY) | TO(BUSY) | TO(FLUSH) | TO(CLOSED),
    [CONN_BODY] = TO(BUSY) | TO(FLUSH) | TO(CLOSED),
    [CONN_BUSY] = TO(STREAM) | TO(FLUSH) | TO(CLOSED),
    [CONN_STREAM] = TO(FLUSH) | TO(CLOSED),
    [CONN_FLUSH] = TO(IDLE) | TO(LINGER) | TO(CLOSED),
    [CONN_LINGER] = TO(CLOSED),
    [CONN_CLOSED] = 0,
};

void http_conn_set_state(struct http_conn *c, enum conn_state next)
{
    assert(allowed_moves[c->state] & (1u << next));
    c->state = next;
    c->since_ms = c->progress_ms = http_now_ms();
}

struct str http_conn_pending(const struct http_conn *c)
{
    struct str in = buf_str(&c->in);
    return str_slice(in, c->in_at, in.n);
}

void http_exchange_free(struct http_exchange *e)
{
    if (!e)
        return;
    buf_release(&e->body);
    free(e);
}

/* What stands in the server's account of bodies goes off it. */
void http_conn_uncount_body(struct http_conn *c)
{
    c->server->bodies_bytes -= c->body_counted;
    c->body_counted = 0;
}

void http_drop_body(struct http_request *req)
{
    struct http_exchange *e = (struct http_exchange *)req;
    buf_release(&e->body);
    req->body = STR("");
    if (e->conn)
        http_conn_uncount_body(e->conn);
}

/* The app is asked no more: the request is dropped, unless the app is at work on it. */
void http_conn_drop_exchange(struct http_conn *c)
{
    struct http_exchange *e = c->exchange;
    c->exchange = NULL;
    if (e && c->state == CONN_STREAM)
        http_stream_lost(e);
    else if (e && c->state == CONN_BUSY)
        e->conn = NULL;
    else
        http_exchange_free(e);
}

static void free_conn(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->previous)
        c->previous->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->previous = c->previous;
    s->n_conns--;
    buf_release(&c->in);
    buf_release(&c->out);
    free(c);
    http_server_room(s);
}

void http_conn_close(struct http_conn *c)
{
    if (c->state != CONN_CLOSED) {
        http_conn_drop_exchange(c);
        http_conn_uncount_body(c);
        http_conn_set_state(c, CONN_CLOSED);
        ev_io_stop(c->server->loop, &c->read_watcher);
        ev_io_stop(c->server->loop, &c->write_watcher);
        ev_timer_stop(c->server->loop, &c->timer);
        close(c->fd);
    }
    if (!c->running)
        free_conn(c);
}

/* ---- bytes -------------------------------------------------------------------------------------
 */

/* Sends what the peer takes now. True when nothing is left. */
bool http_conn_write_out(struct http_conn *c)
{
    if (c->out.failed) {
        http_conn_close(c);
        return false;
    }
    while (c->out_at < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->out_at, c->out.n - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return false;
        if (n <= 0) {
            http_conn_close(c);
            return false;
        }
        c->out_at += (size_t)n;
        c->progress_ms = http_now_ms();
    }
    buf_reset(&c->out);
    c->out_at = 0;
    return true;
}

static void read_in(struct http_conn *c)
{
    if (c->in_at > 0) {
        buf_drop_front(&c->in, c->in_at);
        c->in_at = 0;
    }
    size_t want = c->state == CONN_IDLE || c->state == CONN_HEAD ? READ_BYTES / 8 : READ_BYTES;
    char *room = buf_reserve(&c->in, want);
    if (!room) {
        http_conn_close(c);
        return;
    }
    ssize_t n = recv(c->fd, room, want, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n < 0) {
        http_conn_close(c);
    } else if (n == 0) {
        c->eof = true;
    } else {
        c->in.n += (size_t)n;
        c->progress_ms = http_now_ms();
    }
}

/* ---- deadlines ---------------------------------------------------------------------------------
 */

/* When the state has lasted too long; INT64_MAX: it may last. */
static int64_t deadline(const struct http_conn *c)
{
    const struct http_limits *l = &c->server->limits;
    switch (c->state) {
    case CONN_IDLE:
        return c->since_ms + l->idle_timeout_ms;
    case CONN_HEAD:
        return c->since_ms + l->header_timeout_ms;
    case CONN_BODY: {
        /* The average may not fall below the minimum: so many bytes buy so much time. */
        int64_t paid = c->since_ms + l->body_grace_ms +
                       (int64_t)(c->body_bytes * 1000 / (l->body_min_rate ? l->body_min_rate : 1));
        int64_t idle = c->progress_ms + l->body_idle_ms;
        return l->body_min_rate && paid < idle ? paid : idle;
    }
    case CONN_STREAM:
        if (c->out_at == c->out.n)
            return INT64_MAX;
        return c->progress_ms + l->write_timeout_ms;
    case CONN_FLUSH:
        return c->progress_ms + l->write_timeout_ms;
    case CONN_LINGER:
        return c->since_ms + l->linger_ms;
    default:
        return INT64_MAX;
    }
}

static void arm_timer(struct http_conn *c, int64_t now_ms)
{
    int64_t at = deadline(c);
    struct ev_loop *loop = c->server->loop;
    if (at == INT64_MAX) {
        ev_timer_stop(loop, &c->timer);
        return;
    }
    double rest = (double)(at > now_ms ? at - now_ms : 1) / 1000.0;
    /* A timer that fires too early is put right then: cheaper than moving it for every request. */
    if (ev_is_active(&c->timer) && ev_timer_remaining(loop, &c->timer) <= rest)
        return;
    ev_timer_stop(loop, &c->timer);
    ev_timer_set(&c->timer, rest, 0.);
    ev_timer_start(loop, &c->timer);
}

static void expire(struct http_conn *c)
{
    if (c->state == CONN_HEAD || (c->state == CONN_BODY && !c->answered)) {
        http_conn_fail(c, 408);
        http_conn_run(c);
    } else {
        http_conn_close(c);
    }
}

/* ---- watchers ----------------------------------------------------------------------------------
 */

static void watch(struct ev_loop *loop, struct ev_io *w, bool on)
{
    if (on)
        ev_io_start(loop, w);
    else
        ev_io_stop(loop, w);
}

void http_conn_run(struct http_conn *c)
{
    if (c->running)
        return;
    c->running = true;
    while (http_conn_step(c)) {
    }
    if (c->state == CONN_BODY && c->out.n > 0)
        http_conn_write_out(c);
    c->running = false;
    if (c->state == CONN_CLOSED) {
        free_conn(c);
        return;
    }
    struct ev_loop *loop = c->server->loop;
    watch(loop, &c->read_watcher,
          c->state != CONN_BUSY && c->state != CONN_STREAM && c->state != CONN_FLUSH);
    watch(loop, &c->write_watcher, c->out_at < c->out.n);
    arm_timer(c, http_now_ms());
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int events)
{
    struct http_conn *c = w->data;
    c->running = true; /* so that a close does not free it under us */
    read_in(c);
    c->running = false;
    http_conn_run(c);
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int events)
{
    http_conn_run(w->data);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct http_conn *c = w->data;
    int64_t now_ms = http_now_ms();
    if (deadline(c) > now_ms)
        arm_timer(c, now_ms);
    else
        expire(c);
}

void http_conn_start(struct http_server *s, int fd, const struct http_peer *peer)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    if (!c) {
        close(fd);
        return;
    }
    c->server = s;
    c->fd = fd;
    c->peer = *peer;
    c->state = CONN_IDLE;
    c->since_ms = c->progress_ms = http_now_ms();
    buf_init(&c->in, IN_MAX);
    buf_init(&c->out, OUT_MAX);
    http_head_init(&c->head);
    ev_io_init(&c->read_watcher, on_readable, fd, EV_READ);
    ev_io_init(&c->write_watcher, on_writable, fd, EV_WRITE);
    ev_timer_init(&c->timer, on_timer, 0., 0.);
    c->read_watcher.data = c->write_watcher.data = c->timer.data = c;
    c->next = s->conns;
    if (c->next)
        c->next->previous = c;
    s->conns = c;
    s->n_conns++;
    http_conn_run(c);
}
