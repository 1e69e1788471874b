/* The request parser without a socket: every case whole, byte by byte, and cut at every point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/http_parse.h"
#include "tests/unit/server/http_tricks.h"

/* What a connection would make of the bytes: "GET /p?q [body] close; 400". */
struct reading {
    struct buf in; /* since the current request's first byte */
    struct http_head head;
    struct http_body body;
    bool in_body, bad;
    struct buf transcript;
};

static void reading_init(struct reading *r)
{
    memset(r, 0, sizeof(*r));
    buf_init(&r->in, 1u << 20);
    buf_init(&r->transcript, 1u << 20);
    http_head_init(&r->head);
}

static void reading_release(struct reading *r)
{
    buf_release(&r->in);
    buf_release(&r->transcript);
}

static void fail_with(struct reading *r, int status, const char *why)
{
    assert_non_null(why);
    r->bad = true;
    buf_put_u64(&r->transcript, (uint64_t)status);
}

static void put_head(struct reading *r)
{
    struct buf *t = &r->transcript;
    buf_put_str(t, http_span_str(r->head.method, r->in.p));
    buf_putc(t, ' ');
    buf_put_str(t, http_span_str(r->head.path, r->in.p));
    if (r->head.query.n > 0) {
        buf_putc(t, '?');
        buf_put_str(t, http_span_str(r->head.query, r->in.p));
    }
    if (r->head.host.n > 0) {
        buf_lit(t, " @");
        buf_put_str(t, http_span_str(r->head.host, r->in.p));
    }
    buf_lit(t, " [");
}

/* One head or one body. False when more bytes are needed, or nothing can come any more. */
static bool advance(struct reading *r)
{
    if (!r->in_body) {
        enum http_parse h = http_head_parse(&r->head, buf_str(&r->in));
        if (h == HTTP_PARSE_BAD)
            fail_with(r, r->head.status, r->head.why);
        if (h != HTTP_PARSE_DONE)
            return false;
        put_head(r);
        buf_drop_front(&r->in, r->head.bytes);
        http_body_init(&r->body, &r->head);
        r->in_body = true;
    }
    struct str in = buf_str(&r->in), piece;
    enum http_parse b;
    do {
        b = http_body_parse(&r->body, &in, &piece);
        buf_put_str(&r->transcript, piece);
    } while (b == HTTP_PARSE_MORE && (in.n > 0 || piece.n > 0));
    buf_drop_front(&r->in, r->in.n - in.n);
    if (b == HTTP_PARSE_BAD)
        fail_with(r, r->body.status, r->body.why);
    if (b != HTTP_PARSE_DONE)
        return false;
    buf_lit(&r->transcript, "]");
    if (!r->head.keep_alive)
        buf_lit(&r->transcript, " close");
    if (r->head.expect_continue)
        buf_lit(&r->transcript, " expect");
    buf_lit(&r->transcript, "; ");
    r->in_body = false;
    http_head_init(&r->head);
    return true;
}

static void feed(struct reading *r, struct str bytes)
{
    buf_put_str(&r->in, bytes);
    while (!r->bad && r->in.n > 0 && advance(r)) {
    }
}

static char *read_cut(struct str bytes, size_t step, size_t cut)
{
    struct reading r;
    reading_init(&r);
    if (step > 0) {
        for (size_t at = 0; at < bytes.n && !r.bad; at += step)
            feed(&r, str_slice(bytes, at, at + step < bytes.n ? at + step : bytes.n));
    } else {
        feed(&r, str_slice(bytes, 0, cut));
        if (!r.bad)
            feed(&r, str_slice(bytes, cut, bytes.n));
    }
    char *transcript = strdup(buf_cstr(&r.transcript));
    reading_release(&r);
    return transcript;
}

static void check(const char *name, struct str bytes, const char *wanted)
{
    char *whole = read_cut(bytes, 0, bytes.n);
    if (strcmp(whole, wanted) != 0)
        fail_msg("%s: got \"%s\", wanted \"%s\"", name, whole, wanted);
    free(whole);
    for (size_t cut = 0; cut <= bytes.n; cut++) {
        char *got = cut == 0 ? read_cut(bytes, 1, 0) : read_cut(bytes, 0, cut);
        if (strcmp(got, wanted) != 0)
            fail_msg("%s, cut at %zu: got \"%s\", wanted \"%s\"", name, cut, got, wanted);
        free(got);
    }
}

struct parse_case {
    const char *name;
    struct str bytes;
    const char *wanted;
};

static const struct parse_case requests[] = {
    {"plain", STR("GET / HTTP/1.1\r\n" H "\r\n"), "GET / @a []; "},
    {"query", STR("GET /a?b=c&d HTTP/1.1\r\n" H "\r\n"), "GET /a?b=c&d @a []; "},
    {"empty query", STR("GET /a? HTTP/1.1\r\n" H "\r\n"), "GET /a @a []; "},
    {"escapes stay", STR("GET /%2e%2F// HTTP/1.1\r\n" H "\r\n"), "GET /%2e%2F// @a []; "},
    {"no blank after the colon", STR("GET / HTTP/1.1\r\nHost:a\r\n\r\n"), "GET / @a []; "},
    {"blanks around a value", STR("GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n"), "GET / @a []; "},
    {"header without value", STR("GET / HTTP/1.1\r\nX:\r\n" H "\r\n"), "GET / @a []; "},
    {"obs-text in a value", STR("GET / HTTP/1.1\r\nX: \xe4\r\n" H "\r\n"), "GET / @a []; "},
    {"empty Host", STR("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "GET / []; "},
    {"Host with port", STR("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"), "GET / @[::1]:8080 []; "},
    {"one empty line before", STR("\r\nGET / HTTP/1.1\r\n" H "\r\n"), "GET / @a []; "},
    {"length", STR("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"), "POST / @a [abc]; "},
    {"length 0", STR("POST / HTTP/1.1\r\n" H "content-length: 0\r\n\r\n"), "POST / @a []; "},
    {"body with CRLF", STR("POST / HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\n\r\n\r\n"),
     "POST / @a [\r\n\r\n]; "},
    {"pipelined",
     STR("GET /1 HTTP/1.1\r\n" H "\r\nPOST /2 HTTP/1.1\r\n" H
         "Content-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\n" H "\r\n"),
     "GET /1 @a []; POST /2 @a [x]; GET /3 @a []; "},
    {"close", STR("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"), "GET / @a [] close; "},
    {"close in a list", STR("GET / HTTP/1.1\r\n" H "Connection: x, Close ,y\r\n\r\n"),
     "GET / @a [] close; "},
    {"keep-alive", STR("GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\n\r\n"), "GET / @a []; "},
    {"HTTP/1.0", STR("GET / HTTP/1.0\r\n\r\n"), "GET / [] close; "},
    {"HTTP/1.0 keep-alive", STR("GET / HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n"),
     "GET / @a [] close; "},
    {"expect", STR("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\nx"),
     "POST / @a [x] expect; "},
    {"expect in HTTP/1.0",
     STR("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx"),
     "POST / [x] close; "},
    {"absolute target", STR("GET http://A/b?c HTTP/1.1\r\n" H "\r\n"), "GET /b?c @A []; "},
    {"absolute, no path", STR("GET http://a HTTP/1.1\r\n" H "\r\n"), "GET  @a []; "},
    {"absolute, only query", STR("GET https://a?b HTTP/1.1\r\n" H "\r\n"), "GET ?b @a []; "},
    {"options star", STR("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "OPTIONS * @a []; "},
    {"odd method", STR("M-SEARCH / HTTP/1.1\r\n" H "\r\n"), "M-SEARCH / @a []; "},
    {"chunked", STR(CHUNKED "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
     "POST / @a [abc0123456789]; GET / @a []; "},
    {"chunked, any case",
     STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"), "POST / @a []; "},
    {"chunk extension", STR(CHUNKED "1;a=\"b\"\r\nx\r\n0;z\r\n\r\n"), "POST / @a [x]; "},
    {"trailers", STR(CHUNKED "1\r\nx\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\n"),
     "POST / @a [x]; "},
    {"bad after good", STR("GET / HTTP/1.1\r\n" H "\r\nGET\r\n"), "GET / @a []; 400"},
};

static void requests_are_read(void **state)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        check(requests[i].name, requests[i].bytes, requests[i].wanted);
}

static void tricks_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof(http_tricks) / sizeof(http_tricks[0]); i++)
        check(http_tricks[i].name, http_tricks[i].bytes, http_tricks[i].outcome);
}

/* Large inputs: whole and in pieces of 1 and 997 bytes; every cut would take minutes. */
static void check_large(const char *name, struct buf *bytes, const char *wanted)
{
    size_t steps[] = {bytes->n, 1, 997};
    for (size_t i = 0; i < 3; i++) {
        char *got = read_cut(buf_str(bytes), steps[i], 0);
        if (strcmp(got, wanted) != 0)
            fail_msg("%s, in %zu: got \"%.80s\", wanted \"%s\"", name, steps[i], got, wanted);
        free(got);
    }
    buf_release(bytes);
}

static void put_times(struct buf *b, char c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_putc(b, c);
}

static void request_line_cap(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct buf b;
        buf_init(&b, 1u << 20);
        buf_lit(&b, "GET /?");
        put_times(&b, 'a', HTTP_MAX_REQUEST_LINE - strlen("GET /? HTTP/1.1") + (size_t)over);
        buf_lit(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
        if (over) {
            check_large("request line over the cap", &b, "414");
            continue;
        }
        char *got = read_cut(buf_str(&b), b.n, 0);
        assert_string_not_equal(got, "414");
        free(got);
        buf_release(&b);
    }
}

static void endless_request_line(void **state)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    put_times(&b, 'a', 70000);
    check_large("no end", &b, "414");
}

static void header_bytes_cap(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct buf b;
        buf_init(&b, 1u << 20);
        buf_lit(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        put_times(&b, 'a', HTTP_MAX_HEADER_BYTES - strlen("Host: a\r\nX: \r\n\r\n") + (size_t)over);
        buf_lit(&b, "\r\n\r\n");
        check_large("headers", &b, over ? "431" : "GET / @a []; ");
    }
}

static void big_header_70k(void **state)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_lit(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    put_times(&b, 'a', 70000);
    buf_lit(&b, "\r\n\r\n");
    check_large("big header 70k", &b, "431");
}

static void header_lines_cap(void **state)
{
    for (int over = 0; over <= 1; over++) {
        struct buf b;
        buf_init(&b, 1u << 20);
        buf_lit(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (unsigned i = 1; i < HTTP_MAX_HEADERS + (unsigned)over; i++)
            buf_lit(&b, "X: y\r\n");
        buf_lit(&b, "\r\n");
        check_large("lines", &b, over ? "431" : "GET / @a []; ");
    }
}

static void chunk_extension_flood(void **state)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_lit(&b, CHUNKED "1;");
    put_times(&b, 'e', HTTP_MAX_CHUNK_LINE + 1);
    buf_lit(&b, "\r\nx\r\n0\r\n\r\n");
    check_large("one long extension", &b, "POST / @a [400");
    buf_init(&b, 1u << 20);
    buf_lit(&b, CHUNKED);
    for (unsigned i = 0; i < HTTP_MAX_EXTENSIONS / 8 + 1; i++)
        buf_lit(&b, "1;eeeeeeee\r\nx\r\n");
    buf_lit(&b, "0\r\n\r\n");
    char *got = read_cut(buf_str(&b), b.n, 0);
    assert_non_null(strstr(got, "x400"));
    free(got);
    buf_release(&b);
}

static void trailer_flood(void **state)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_lit(&b, CHUNKED "0\r\n");
    for (unsigned i = 0; i <= HTTP_MAX_HEADERS; i++)
        buf_lit(&b, "X: y\r\n");
    buf_lit(&b, "\r\n");
    check_large("trailer lines", &b, "POST / @a [431");
    buf_init(&b, 1u << 20);
    buf_lit(&b, CHUNKED "0\r\nX:");
    put_times(&b, 'y', HTTP_MAX_HEADER_BYTES);
    check_large("trailer bytes", &b, "POST / @a [431");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read), cmocka_unit_test(tricks_are_refused),
        cmocka_unit_test(request_line_cap),  cmocka_unit_test(endless_request_line),
        cmocka_unit_test(header_bytes_cap),  cmocka_unit_test(big_header_70k),
        cmocka_unit_test(header_lines_cap),  cmocka_unit_test(chunk_extension_flood),
        cmocka_unit_test(trailer_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
