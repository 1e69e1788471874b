/*
 * http_step.c - what a connection does with the bytes at hand, one step of its states at a time.
 * Called by http_conn_run. True means that there may be more to do at once.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "server/http_internal.h"

#define KEEP_BYTES (32u << 10) /* an idle connection keeps no larger buffer */

bool http_conn_fail(struct http_conn *c, int status)
{
    if (c->answered)
        c->close_after = true;
    else
        http_put_error(c, status);
    http_conn_drop_exchange(c);
    http_conn_uncount_body(c);
    c->answered = true;
    http_conn_set_state(c, CONN_FLUSH);
    return true;
}

static struct http_exchange *new_exchange(struct http_conn *c, struct str head)
{
    struct http_exchange *e = malloc(sizeof(*e) + head.n);
    if (!e)
        return NULL;
    memset(&e->req, 0, sizeof(e->req));
    e->conn = c;
    e->head = c->head;
    memcpy(e->head_bytes, head.p, head.n);
    e->req.method = http_span_str(e->head.method, e->head_bytes);
    e->req.path = http_span_str(e->head.path, e->head_bytes);
    e->req.query = http_span_str(e->head.query, e->head_bytes);
    e->req.peer = c->peer;
    e->began_us = http_now_us();
    /* "http://host" and "http://host?query" ask for the root. */
    if (e->req.path.n == 0)
        e->req.path = STR("/");
    buf_init(&e->body, 0);
    return e;
}

static void ask_app(struct http_conn *c)
{
    struct http_exchange *e = c->exchange;
    http_conn_set_state(c, CONN_BUSY);
    if (!e->req.body_too_large)
        e->req.body = buf_str(&e->body);
    c->server->app.on_request(c->server->app.ctx, &e->req);
}

/* The head is complete and the app has seen it. Is there a body, and is it wanted? */
static bool begin_body(struct http_conn *c)
{
    bool has_body = c->head.chunked || c->head.length > 0;
    if (c->answered) {
        http_conn_set_state(c, has_body && !c->close_after ? CONN_BODY : CONN_FLUSH);
        return true;
    }
    struct http_request *req = &c->exchange->req;
    req->body_too_large = c->head.length > req->max_body;
    if (!has_body || req->body_too_large) {
        ask_app(c);
        return true;
    }
    c->exchange->body.max = req->max_body;
    http_conn_set_state(c, CONN_BODY);
    if (c->head.expect_continue && http_conn_pending(c).n == 0)
        buf_lit(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    return true;
}

static bool step_head(struct http_conn *c)
{
    struct str in = http_conn_pending(c);
    enum http_parse r = http_head_parse(&c->head, in);
    if (r == HTTP_PARSE_BAD)
        return http_conn_fail(c, c->head.status);
    if (r == HTTP_PARSE_MORE) {
        if (c->eof)
            http_conn_close(c);
        return false;
    }
    c->exchange = new_exchange(c, str_slice(in, 0, c->head.bytes));
    if (!c->exchange)
        return http_conn_fail(c, 503);
    c->in_at += c->head.bytes;
    http_body_init(&c->body, &c->head);
    c->body_bytes = 0;
    c->server->app.on_head(c->server->app.ctx, &c->exchange->req);
    return begin_body(c);
}

/* One piece of body. False when the request's fate is decided by it. */
static bool keep_body(struct http_conn *c, struct str piece)
{
    c->body_bytes += piece.n;
    if (c->answered) {
        c->close_after = c->body_bytes > HTTP_READ_AWAY_MAX;
        return !c->close_after;
    }
    struct http_exchange *e = c->exchange;
    if (c->body_bytes > e->req.max_body) {
        e->req.body_too_large = true;
        buf_release(&e->body);
        return false;
    }
    c->body_counted += piece.n;
    c->server->bodies_bytes += piece.n;
    buf_put_str(&e->body, piece);
    return !e->body.failed && c->server->bodies_bytes <= c->server->limits.bodies_bytes;
}

static bool overloaded(struct http_conn *c)
{
    struct http_exchange *e = c->exchange;
    http_conn_uncount_body(c);
    c->close_after = true;
    http_conn_set_state(c, CONN_FLUSH);
    http_error_with(&e->req, 503, "Service Unavailable", "Retry-After: 2\r\n");
    return true;
}

static bool body_decided(struct http_conn *c)
{
    if (c->answered) {
        http_conn_set_state(c, CONN_FLUSH);
        return true;
    }
    if (!c->exchange->req.body_too_large)
        return overloaded(c);
    ask_app(c);
    return true;
}

static bool step_body(struct http_conn *c)
{
    struct str in = http_conn_pending(c);
    struct str piece;
    enum http_parse r;
    bool kept = true;
    do {
        r = http_body_parse(&c->body, &in, &piece);
        kept = piece.n == 0 || keep_body(c, piece);
    } while (kept && r == HTTP_PARSE_MORE && (in.n > 0 || piece.n > 0));
    c->in_at = c->in.n - in.n;
    if (!kept)
        return body_decided(c);
    if (r == HTTP_PARSE_BAD)
        return http_conn_fail(c, c->body.status);
    if (r == HTTP_PARSE_MORE) {
        if (c->eof)
            http_conn_close(c);
        return false;
    }
    if (c->answered)
        http_conn_set_state(c, CONN_FLUSH);
    else
        ask_app(c);
    return true;
}

static bool step_flush(struct http_conn *c)
{
    if (!http_conn_write_out(c))
        return false;
    http_conn_uncount_body(c);
    if (c->close_after || c->server->draining) {
        /* Closing with unread bytes in the socket would reset it, and could take our answer with
         * it. */
        if (c->eof || shutdown(c->fd, SHUT_WR) < 0) {
            http_conn_close(c);
            return false;
        }
        buf_reset(&c->in);
        c->in_at = 0;
        http_conn_set_state(c, CONN_LINGER);
        return false;
    }
    if (c->out.cap > KEEP_BYTES)
        buf_release(&c->out);
    http_head_init(&c->head);
    c->answered = false;
    http_conn_set_state(c, CONN_IDLE);
    http_server_room(c->server);
    return true;
}

static bool step_idle(struct http_conn *c)
{
    if (http_conn_pending(c).n > 0) {
        http_conn_set_state(c, CONN_HEAD);
        return true;
    }
    if (c->eof)
        http_conn_close(c);
    else if (c->in.cap > KEEP_BYTES)
        buf_release(&c->in);
    return false;
}

bool http_conn_step(struct http_conn *c)
{
    switch (c->state) {
    case CONN_IDLE:
        return step_idle(c);
    case CONN_HEAD:
        return step_head(c);
    case CONN_BODY:
        return step_body(c);
    case CONN_BUSY:
        if (c->answered)
            http_conn_set_state(c, CONN_FLUSH);
        return c->answered;
    case CONN_STREAM:
        return http_stream_step(c);
    case CONN_FLUSH:
        return step_flush(c);
    case CONN_LINGER:
        buf_reset(&c->in);
        if (c->eof)
            http_conn_close(c);
        return false;
    default:
        return false;
    }
}
