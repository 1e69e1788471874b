/* The request parser without a socket: every case whole, byte by byte, and cut at every point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/http_parse.h"

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

#define H "Host: a\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

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
};

/* Cases of the smuggling list first, under its names. */
static const struct parse_case refused[] = {
    {"CL+TE",
     STR("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
         "GET /x HTTP/1.1\r\n" H "\r\n"),
     "400"},
    {"dup CL differ",
     STR("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"), "400"},
    {"bare LF", STR("GET / HTTP/1.1\nHost: a\n\n"), "400"},
    {"space before colon", STR("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), "400"},
    {"obs-fold", STR("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), "400"},
    {"no Host", STR("GET / HTTP/1.1\r\n\r\n"), "400"},
    {"neg CL", STR("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), "400"},
    {"huge CL", STR("POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n"), "400"},
    {"NUL in header", STR("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), "400"},
    {"chunk bad", STR(CHUNKED "ZZ\r\n"), "POST / @a [400"},
    {"TE identity,chunked",
     STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "400"},
    {"HTTP/2 preface", STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505"},
    /* and more */
    {"dup CL same",
     STR("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"), "400"},
    {"CL list", STR("POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nabcde"), "400"},
    {"CL plus", STR("POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde"), "400"},
    {"CL hex", STR("POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nabcde"), "400"},
    {"CL empty", STR("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), "400"},
    {"CL 2^63", STR("POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n"), "400"},
    {"TE before CL",
     STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), "400"},
    {"TE twice",
     STR("POST / HTTP/1.1\r\n" H
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "400"},
    {"TE identity", STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"), "400"},
    {"TE xchunked", STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
     "400"},
    {"TE vertical tab",
     STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
         "chunked\r\n\r\n"),
     "400"},
    {"TE in HTTP/1.0", STR("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "400"},
    {"tab before colon", STR("GET / HTTP/1.1\r\n" H "Content-Length\t: 5\r\n\r\nabcde"), "400"},
    {"bare CR in a value", STR("GET / HTTP/1.1\r\n" H "X: a\rContent-Length: 5\r\n\r\n"), "400"},
    {"CR CR LF", STR("GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n"), "400"},
    {"bare LF in a header", STR("GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n"), "400"},
    {"bare LF at the end", STR("GET / HTTP/1.1\r\n" H "\n"), "400"},
    {"DEL in a value", STR("GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n"), "400"},
    {"obs-fold at once", STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), "400"},
    {"two Hosts", STR("GET / HTTP/1.1\r\n" H "host: a\r\n\r\n"), "400"},
    {"Host with blank", STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "400"},
    {"Host with user", STR("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), "400"},
    {"Host with slash", STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400"},
    {"absolute, other Host", STR("GET http://b/ HTTP/1.1\r\n" H "\r\n"), "400"},
    {"absolute without host", STR("GET http:///x HTTP/1.1\r\n" H "\r\n"), "400"},
    {"absolute ftp", STR("GET ftp://a/ HTTP/1.1\r\n" H "\r\n"), "400"},
    {"authority form", STR("CONNECT a:443 HTTP/1.1\r\n" H "\r\n"), "400"},
    {"star with GET", STR("GET * HTTP/1.1\r\n" H "\r\n"), "400"},
    {"fragment", STR("GET /a#b HTTP/1.1\r\n" H "\r\n"), "400"},
    {"target not ASCII", STR("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"), "400"},
    {"NUL in the target", STR("GET /a\0b HTTP/1.1\r\n" H "\r\n"), "400"},
    {"two blanks", STR("GET  / HTTP/1.1\r\n" H "\r\n"), "400"},
    {"tab for blank", STR("GET\t/ HTTP/1.1\r\n" H "\r\n"), "400"},
    {"blank at the end", STR("GET / HTTP/1.1 \r\n" H "\r\n"), "400"},
    {"HTTP/0.9", STR("GET /\r\n"), "400"},
    {"HTTP/1.2", STR("GET / HTTP/1.2\r\n" H "\r\n"), "505"},
    {"HTTP/11.1", STR("GET / HTTP/11.1\r\n" H "\r\n"), "400"},
    {"http/1.1", STR("GET / http/1.1\r\n" H "\r\n"), "400"},
    {"bad method", STR("G@T / HTTP/1.1\r\n" H "\r\n"), "400"},
    {"long method", STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H "\r\n"), "400"},
    {"empty name", STR("GET / HTTP/1.1\r\n: a\r\n" H "\r\n"), "400"},
    {"no colon", STR("GET / HTTP/1.1\r\nHost\r\n\r\n"), "400"},
    {"two empty lines before", STR("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), "400"},
    {"TLS", STR("\x16\x03\x01\x02"), "400"},
    {"other expectation", STR("POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n"), "417"},
    {"chunk size empty", STR(CHUNKED "\r\n"), "POST / @a [400"},
    {"chunk size 0x", STR(CHUNKED "0x1\r\nx\r\n"), "POST / @a [400"},
    {"chunk size minus", STR(CHUNKED "-1\r\n"), "POST / @a [400"},
    {"chunk size blank", STR(CHUNKED "1 \r\nx\r\n"), "POST / @a [400"},
    {"chunk size 2^64+", STR(CHUNKED "10000000000000001\r\nx\r\n"), "POST / @a [400"},
    {"chunk size bare LF", STR(CHUNKED "1\nx\r\n"), "POST / @a [400"},
    {"chunk longer than said", STR(CHUNKED "1\r\nxy\r\n0\r\n\r\n"), "POST / @a [x400"},
    {"chunk ends with LF", STR(CHUNKED "1\r\nx\n0\r\n\r\n"), "POST / @a [x400"},
    {"bare CR in an extension", STR(CHUNKED "1;a\rb\r\nx\r\n"), "POST / @a [400"},
    {"bare LF in an extension", STR(CHUNKED "1;a\nx\r\n"), "POST / @a [400"},
    {"bad trailer", STR(CHUNKED "0\r\nA b\r\n\r\n"), "POST / @a [400"},
    {"folded trailer", STR(CHUNKED "0\r\nA: b\r\n c\r\n\r\n"), "POST / @a [400"},
    {"trailer bare LF", STR(CHUNKED "0\r\nA: b\n\r\n"), "POST / @a [400"},
    {"bad after good", STR("GET / HTTP/1.1\r\n" H "\r\nGET\r\n"), "GET / @a []; 400"},
};

static void requests_are_read(void **state)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        check(requests[i].name, requests[i].bytes, requests[i].wanted);
}

static void tricks_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        check(refused[i].name, refused[i].bytes, refused[i].wanted);
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
