/*
 * http_stream.c - an answer in pieces (chunked), one piece in memory at a time: the app is asked
 * for the next when the peer has taken the last.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "server/http_internal.h"

static struct http_exchange *exchange_of(struct http_request *req)
{
    return (struct http_exchange *)req; /* its first member */
}

/* What waits is told once. It may end the stream. */
static void tell(struct http_exchange *e)
{
    void (*on_room)(void *arg) = e->on_room;
    e->on_room = NULL;
    if (on_room)
        on_room(e->room_arg);
}

static void finish(struct http_exchange *e)
{
    struct http_conn *c = e->conn;
    c->answered = true;
    c->exchange = NULL;
    http_exchange_free(e);
    http_conn_run(c);
}

bool http_stream_begin(struct http_request *req, int status, const char *content_type,
                       const char *extra)
{
    struct http_exchange *e = exchange_of(req);
    struct http_conn *c = e->conn;
    char fields[512];
    if (!c) {
        http_exchange_free(e);
        return false;
    }
    /* An HTTP/1.0 peer reads up to the end of the connection; its head says no keep-alive. */
    e->chunked = !e->head.http_10;
    c->close_after = c->close_after || http_answer_is_last(e);
    snprintf(fields, sizeof(fields), "%s%s", e->chunked ? "Transfer-Encoding: chunked\r\n" : "",
             extra ? extra : "");
    struct http_answer a = {
        .status = status, .content_type = content_type, .extra = fields, .no_length = true};
    http_put_answer(c, &a);
    if (str_eq(req->method, STR("HEAD"))) {
        finish(e);
        return false;
    }
    http_conn_set_state(c, CONN_STREAM);
    return true;
}

void http_stream_put(struct http_request *req, struct str piece, void (*on_room)(void *arg),
                     void *arg)
{
    struct http_exchange *e = exchange_of(req);
    struct http_conn *c = e->conn;
    e->on_room = on_room;
    e->room_arg = arg;
    if (!c) {
        tell(e);
        return;
    }
    if (e->chunked)
        buf_printf(&c->out, "%zx\r\n", piece.n);
    buf_put_str(&c->out, piece);
    if (e->chunked)
        buf_lit(&c->out, "\r\n");
    http_conn_run(c);
}

void http_stream_end(struct http_request *req, bool whole)
{
    struct http_exchange *e = exchange_of(req);
    struct http_conn *c = e->conn;
    e->on_room = NULL;
    if (!c) {
        http_exchange_free(e);
        return;
    }
    if (whole) {
        if (e->chunked)
            buf_lit(&c->out, "0\r\n\r\n");
        finish(e);
        return;
    }
    c->exchange = NULL;
    http_exchange_free(e);
    http_conn_close(c);
}

bool http_stream_step(struct http_conn *c)
{
    if (!http_conn_write_out(c))
        return false;
    if (c->answered) {
        http_conn_set_state(c, CONN_FLUSH);
        return true;
    }
    bool told = c->exchange->on_room != NULL;
    tell(c->exchange);
    return told;
}

void http_stream_lost(struct http_exchange *e)
{
    e->conn = NULL;
    tell(e);
}

bool http_gone(const struct http_request *req)
{
    const struct http_exchange *e = (const struct http_exchange *)req;
    char byte;
    if (!e->conn)
        return true;
    ssize_t n = recv(e->conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
