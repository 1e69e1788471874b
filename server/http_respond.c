/*
 * http_respond.c - answers as bytes: status line, header fields, body. The sending is
 * http_conn.c's.
 */
#include <stdio.h>
#include <time.h>

#include "server/http_internal.h"

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Request Entity Too Large"},
        {414, "Request URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Entity"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Status";
}

/* IMF-fixdate, made once a second. Not strftime: its names follow the locale. */
static const char *date_now(struct http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t second = (int64_t)ev_now(s->loop);
    if (second != s->date_second || s->date[0] == '\0') {
        time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        snprintf(s->date, sizeof(s->date), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                 days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        s->date_second = second;
    }
    return s->date;
}

/* `before`: bytes that stood in the buffer already. */
static void tell(struct http_conn *c, int status, size_t before)
{
    struct http_server *s = c->server;
    const struct http_exchange *e = c->exchange;
    struct http_answered a = {.status = status, .out_bytes = c->out.n - before};
    if (!s->on_answered)
        return;
    if (e) {
        a.req = &e->req;
        a.in_bytes = c->body_bytes;
        a.us = http_now_us() - e->began_us;
    }
    s->on_answered(s->answered_ctx, &a);
}

void http_put_answer(struct http_conn *c, const struct http_answer *a)
{
    struct buf *out = &c->out;
    size_t before = out->n;
    buf_lit(out, "HTTP/1.1 ");
    buf_put_u64(out, (uint64_t)a->status);
    buf_putc(out, ' ');
    buf_put_str(out, str_of(reason_phrase(a->status)));
    buf_lit(out, "\r\nDate: ");
    buf_put_str(out, str_of(date_now(c->server)));
    if (a->content_type) {
        buf_lit(out, "\r\nContent-Type: ");
        buf_put_str(out, str_of(a->content_type));
    }
    /* RFC 9110, 8.6: no length with these. */
    if (a->status != 204 && a->status != 304 && !a->no_length) {
        buf_lit(out, "\r\nContent-Length: ");
        buf_put_u64(out, a->body.n);
    }
    if (c->close_after)
        buf_lit(out, "\r\nConnection: close");
    buf_lit(out, "\r\n");
    if (a->extra)
        buf_put_str(out, str_of(a->extra));
    buf_lit(out, "\r\n");
    if (!a->body_left_out)
        buf_put_str(out, a->body);
    tell(c, a->status, before);
}

void http_put_error(struct http_conn *c, int status)
{
    char body[64];
    int n = snprintf(body, sizeof(body), "%s\n", reason_phrase(status));
    struct http_answer a = {.status = status,
                            .content_type = "text/plain; charset=utf-8",
                            .extra = "X-Content-Type-Options: nosniff\r\n",
                            .body = {body, (size_t)n}};
    c->close_after = true;
    http_put_answer(c, &a);
}

/* Answered from on_head: is it cheaper to close than to read the body away? And after `Expect`
 * nobody knows whether a body will come at all. */
static bool body_in_the_way(const struct http_exchange *e)
{
    return e->conn->state == CONN_HEAD &&
           (e->head.length > HTTP_READ_AWAY_MAX || e->head.expect_continue);
}

bool http_answer_is_last(const struct http_exchange *e)
{
    return !e->head.keep_alive || e->conn->server->draining || e->req.body_too_large ||
           body_in_the_way(e);
}

void http_respond(struct http_request *req, int status, const char *content_type, const char *extra,
                  struct str body)
{
    struct http_exchange *e = (struct http_exchange *)req;
    struct http_conn *c = e->conn;
    if (!c) {
        http_exchange_free(e);
        return;
    }
    if (http_answer_is_last(e))
        c->close_after = true;
    struct http_answer a = {.status = status,
                            .content_type = content_type,
                            .extra = extra,
                            .body = body,
                            .body_left_out = str_eq(req->method, STR("HEAD"))};
    http_put_answer(c, &a);
    c->answered = true;
    c->exchange = NULL;
    http_exchange_free(e);
    http_conn_run(c);
}

void http_error_with(struct http_request *req, int status, const char *message, const char *extra)
{
    char lines[512];
    char body[512];
    snprintf(lines, sizeof(lines), "X-Content-Type-Options: nosniff\r\n%s", extra ? extra : "");
    int n = snprintf(body, sizeof(body), "%s\n", message);
    if (n >= (int)sizeof(body)) {
        n = (int)sizeof(body) - 1;
        body[n - 1] = '\n';
    }
    http_respond(req, status, "text/plain; charset=utf-8", lines, (struct str){body, (size_t)n});
}

void http_error(struct http_request *req, int status, const char *message)
{
    http_error_with(req, status, message, NULL);
}
