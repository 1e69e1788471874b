/* Escapes, missing values, request lines, hosts and numbers of log fields. */
#include "parsers/decode.h"
#include "tests/unit/parsers/hit_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }

static struct decode_scratch scratch;

static int set_up(void **state)
{
    return decode_scratch_init(&scratch);
}

static int tear_down(void **state)
{
    decode_scratch_release(&scratch);
    return 0;
}

static void assert_str(const char *name, struct str got, struct str want)
{
    if (str_is_set(got) != str_is_set(want) || !str_eq(got, want))
        fail_msg("%s: got \"%.*s\"%s", name, STR_ARGS(got), str_is_set(got) ? "" : " (missing)");
}

/* A copy of exactly the right size, so that ASan sees each byte read past the end. */
static struct str exact(struct str s)
{
    char *p = malloc(s.n + (s.n == 0));

    assert_non_null(p);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

struct decode_case {
    const char *name;
    decode_fn *decode;
    struct str in, want;
};

static const struct decode_case decode_cases[] = {
    {"nginx: nothing to do", decode_nginx, S("/plain"), S("/plain")},
    {"nginx: empty", decode_nginx, S(""), S("")},
    {"nginx: upper-case hex", decode_nginx, S("caf\\xC3\\xA9"), S("caf\xc3\xa9")},
    {"nginx: a quote", decode_nginx, S("a\\x22b"), S("a\"b")},
    {"nginx: a backslash once", decode_nginx, S("\\x5Cx41"), S("\\x41")},
    {"nginx: NUL", decode_nginx, S("a\\x00b"), S("a\0b")},
    {"nginx: other escapes are themselves", decode_nginx, S("\\n\\\"\\u0041"), S("\\n\\\"\\u0041")},
    {"nginx: cut short", decode_nginx, S("ab\\x4"), S("ab\\x4")},
    {"nginx: no hex", decode_nginx, S("\\xg1\\x1g"), S("\\xg1\\x1g")},
    {"nginx: last byte", decode_nginx, S("ab\\"), S("ab\\")},
    {"apache: quote and backslash", decode_apache, S("a\\\"b\\\\c"), S("a\"b\\c")},
    {"apache: control bytes", decode_apache, S("\\b\\n\\r\\t\\v"), S("\b\n\r\t\v")},
    {"apache: lower-case hex", decode_apache, S("\\xc3\\xa9"), S("\xc3\xa9")},
    {"apache: escaped backslash is no escape", decode_apache, S("\\\\x41\\\\n"), S("\\x41\\n")},
    {"apache: unknown", decode_apache, S("\\q\\x"), S("\\q\\x")},
    {"apache: last byte", decode_apache, S("ab\\"), S("ab\\")},
    {"percent: once", decode_percent, S("/caf%25C3%25A9"), S("/caf%C3%A9")},
    {"percent: plus is a plus", decode_percent, S("a+b%20c"), S("a+b c")},
    {"percent: lower-case hex", decode_percent, S("%c3%a9"), S("\xc3\xa9")},
    {"percent: not hex", decode_percent, S("100%/%zz%4"), S("100%/%zz%4")},
    {"percent: last byte", decode_percent, S("100%"), S("100%")},
    {"user agent: once", decode_percent_user_agent, S("Mozilla/5.0%20(X11)"),
     S("Mozilla/5.0 (X11)")},
    {"user agent: twice in old files", decode_percent_user_agent,
     S("Mozilla/5.0%2520(X11;%2520r%25C3%25A9)"), S("Mozilla/5.0 (X11; r\xc3\xa9)")},
    {"user agent: a space forbids the second", decode_percent_user_agent, S("a%20b%2520c"),
     S("a b%20c")},
    {"user agent: no %20, no second", decode_percent_user_agent, S("curl%252F8"), S("curl%2F8")},
    {"user agent: a single-byte result", decode_percent_user_agent, S("%2520"), S(" ")},
    {"user agent: an entity", decode_percent_user_agent, S("Fox%20&%2343;"), S("Fox &#43;")},
    {"user agent: plus", decode_percent_user_agent, S("Bot/1%20+https://bot.example"),
     S("Bot/1 +https://bot.example")},
    {"csv: quotes, two for one", decode_csv, S("a\"\"b\"c\""), S("a\"b\"c\"")},
    {"traefik: quotes alone", decode_quotes, S("a\\\"b\\nc\\"), S("a\"b\\nc\\")},
    {"python: a terminal's colours, and escapes", decode_python,
     S("\x1b[31m\x1b[1mGET /\\x16 HTTP/1.1\x1b[0m"), S("GET /\x16 HTTP/1.1")},
    {"python: none of its colours", decode_python, S("\x1b[31;GET"), S("\x1b[31;GET")},
    {"go: in quotes", decode_go, S("\"/a\\\"b\""), S("/a\"b")},
    {"go: without", decode_go, S("/a\""), S("/a\"")},
    {"go: a quote alone", decode_go, S("\""), S("\"")},
    {"haproxy", decode_hash, S("a#22b#2#zz#C3#A9#"), S("a\"b#2#zz\xc3\xa9#")},
    {"nginx, JSON", decode_json_text, S("\\\"\\\\\\n\\u001F\\u0000\\q\\u12"),
     S("\"\\\n\x1f\0\\q\\u12")},
    {"host: lower case", decode_host, S("WWW.Example.COM"), S("www.example.com")},
    {"host: port", decode_host, S("example.com:8080"), S("example.com")},
    {"host: empty port", decode_host, S("example.com:"), S("example.com")},
    {"host: IPv6 with port", decode_host, S("[2001:DB8::1]:443"), S("[2001:db8::1]")},
    {"host: IPv6 in brackets", decode_host, S("[2001:db8::1]"), S("[2001:db8::1]")},
    {"host: bare IPv6 keeps its end", decode_host, S("2001:db8::1"), S("2001:db8::1")},
    {"host: missing", decode_host, S("-"), {NULL, 0}},
    {"host: missing, with a port", decode_host, S("-:80"), {NULL, 0}},
    {"host: it and the path missing", decode_host, S("--"), {NULL, 0}},
    {"host: only a port", decode_host, S(":80"), {NULL, 0}},
    {"host: blanks", decode_host, S("a b"), {NULL, 0}},
    {"host: a slash", decode_host, S("a/b"), {NULL, 0}},
    {"host: control byte", decode_host, S("a\x01"), {NULL, 0}},
};

static void test_decode(void **state)
{
    for (size_t i = 0; i < sizeof(decode_cases) / sizeof(decode_cases[0]); i++) {
        const struct decode_case *c = &decode_cases[i];
        struct str in = exact(c->in);

        decode_scratch_reset(&scratch);
        assert_str(c->name, c->decode(&scratch, in), c->want);
        assert_false(scratch.failed);
        for (size_t n = 0; n < in.n; n++) {
            struct str start = exact(str_slice(in, 0, n)), got;

            decode_scratch_reset(&scratch);
            got = c->decode(&scratch, start);
            assert_true(!str_is_set(got) || hit_lies_in(got, start.p, start.n) ||
                        hit_lies_in(got, scratch.p, scratch.n));
            free((char *)start.p);
        }
        free((char *)in.p);
    }
}

static void test_nothing_is_copied_without_escapes(void **state)
{
    struct str plain = STR("/no/escapes+here");

    decode_scratch_reset(&scratch);
    assert_ptr_equal(decode_nginx(&scratch, plain).p, plain.p);
    assert_ptr_equal(decode_apache(&scratch, plain).p, plain.p);
    assert_ptr_equal(decode_percent_user_agent(&scratch, plain).p, plain.p);
    assert_int_equal(scratch.n, 0);
}

static void test_scratch_has_an_end(void **state)
{
    struct str big = {calloc(1, DECODE_SCRATCH_SIZE), DECODE_SCRATCH_SIZE};

    assert_non_null(big.p);
    memset((char *)big.p, 'a', big.n);
    memcpy((char *)big.p, "%z", 2); /* a mark, but no escape */
    decode_scratch_reset(&scratch);
    assert_int_equal(decode_percent(&scratch, big).n, big.n);
    assert_false(scratch.failed);
    assert_false(str_is_set(decode_percent(&scratch, STR("%41"))));
    assert_true(scratch.failed);
    decode_scratch_reset(&scratch);
    assert_false(scratch.failed);
    free((char *)big.p);
}

static void test_long_host(void **state)
{
    char name[DECODE_HOST_MAX + 1];

    memset(name, 'a', sizeof(name));
    decode_scratch_reset(&scratch);
    assert_int_equal(decode_host(&scratch, (struct str){name, DECODE_HOST_MAX}).n, DECODE_HOST_MAX);
    assert_false(str_is_set(decode_host(&scratch, (struct str){name, DECODE_HOST_MAX + 1})));
}

struct request_case {
    const char *name;
    struct str line, method, scheme, host, path, query, protocol;
    bool bad;
};

#define NO                                                                                         \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

static const struct request_case request_cases[] = {
    {"a version without its protocol: Hypercorn's", S("GET /p?q 1.1"), S("GET"), NO, NO, S("/p"),
     S("q"), NO, false},
    {"no version", S("GET /p 1.2"), S("GET"), NO, NO, S("/p 1.2"), NO, NO, false},
    {"plain", S("GET /p HTTP/1.1"), S("GET"), NO, NO, S("/p"), NO, S("HTTP/1.1"), false},
    {"query", S("GET /p?a=1?b HTTP/2.0"), S("GET"), NO, NO, S("/p"), S("a=1?b"), S("HTTP/2.0"),
     false},
    {"empty query is missing", S("GET /p? HTTP/2.0"), S("GET"), NO, NO, S("/p"), NO, S("HTTP/2.0"),
     false},
    {"fragment stays", S("GET /p#x?y#z HTTP/1.1"), S("GET"), NO, NO, S("/p#x"), S("y#z"),
     S("HTTP/1.1"), false},
    {"HTTP/0.9", S("GET /"), S("GET"), NO, NO, S("/"), NO, NO, false},
    {"HTTP/0.9 by Tomcat", S("GET / "), S("GET"), NO, NO, S("/"), NO, NO, false},
    {"nothing behind the method", S("GET "), S("GET"), NO, NO, NO, NO, NO, true},
    {"spaces in the target", S("GET /a b  c?d e HTTP/1.1"), S("GET"), NO, NO, S("/a b  c"),
     S("d e"), S("HTTP/1.1"), false},
    {"spaces, no protocol", S("GET /a b"), S("GET"), NO, NO, S("/a b"), NO, NO, false},
    {"two slashes", S("GET //evil.example/x HTTP/1.1"), S("GET"), NO, NO, S("//evil.example/x"), NO,
     S("HTTP/1.1"), false},
    {"any byte in the target", S("GET /\x01\xff\0z HTTP/1.1"), S("GET"), NO, NO, S("/\x01\xff\0z"),
     NO, S("HTTP/1.1"), false},
    {"absolute", S("GET http://Shop.Example:80/p?q HTTP/1.1"), S("GET"), S("http"),
     S("shop.example"), S("/p"), S("q"), S("HTTP/1.1"), false},
    {"absolute, https, upper case", S("HEAD HTTPS://example.com/ HTTP/1.1"), S("HEAD"), S("https"),
     S("example.com"), S("/"), NO, S("HTTP/1.1"), false},
    {"absolute, no path", S("GET http://example.com HTTP/1.1"), S("GET"), S("http"),
     S("example.com"), S("/"), NO, S("HTTP/1.1"), false},
    {"absolute, only a query", S("GET http://example.com?q HTTP/1.1"), S("GET"), S("http"),
     S("example.com"), S("/"), S("q"), S("HTTP/1.1"), false},
    {"absolute, user and password", S("GET http://u:p@example.com:81/ HTTP/1.1"), S("GET"),
     S("http"), S("example.com"), S("/"), NO, S("HTTP/1.1"), false},
    {"absolute, IPv6", S("GET http://[2001:DB8::1]:80/ HTTP/1.1"), S("GET"), S("http"),
     S("[2001:db8::1]"), S("/"), NO, S("HTTP/1.1"), false},
    {"absolute, no host", S("GET http:///p HTTP/1.1"), S("GET"), NO, NO, NO, NO, S("HTTP/1.1"),
     true},
    {"CONNECT", S("CONNECT example.com:443 HTTP/1.1"), S("CONNECT"), NO, NO, NO, NO, S("HTTP/1.1"),
     true},
    {"OPTIONS *", S("OPTIONS * HTTP/1.1"), S("OPTIONS"), NO, NO, NO, NO, S("HTTP/1.1"), true},
    {"HTTP/2 preface", S("PRI * HTTP/2.0"), S("PRI"), NO, NO, NO, NO, S("HTTP/2.0"), true},
    {"relative", S("GET index.html HTTP/1.1"), S("GET"), NO, NO, NO, NO, S("HTTP/1.1"), true},
    {"other scheme", S("GET ftp://example.com/x HTTP/1.1"), S("GET"), NO, NO, NO, NO, S("HTTP/1.1"),
     true},
    {"no target", S("GET HTTP/1.1"), S("GET"), NO, NO, NO, NO, S("HTTP/1.1"), true},
    {"empty target", S("GET  HTTP/1.1"), S("GET"), NO, NO, NO, NO, S("HTTP/1.1"), true},
    {"one word", S("HELP"), NO, NO, NO, NO, NO, NO, true},
    {"a method and a space", S("GET "), S("GET"), NO, NO, NO, NO, NO, true},
    {"a space first", S(" /x HTTP/1.1"), NO, NO, NO, NO, NO, NO, true},
    {"TLS", S("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 / x"), NO, NO, NO, NO, NO, NO, true},
    {"remote desktop", S("\x03\0\0/*\xe0\0\0\0\0\0Cookie: mstshash=Somebody"), NO, NO, NO, NO, NO,
     NO, true},
    {"no method", S("- /x HTTP/1.0"), NO, NO, NO, S("/x"), NO, S("HTTP/1.0"), false},
    {"no method, a URL", S("- http://localhost:80- -"), NO, NO, NO, NO, NO, NO, true},
    {"missing", S("-"), NO, NO, NO, NO, NO, NO, false},
    {"empty", S(""), NO, NO, NO, NO, NO, NO, false},
};

static void test_request_line(void **state)
{
    for (size_t i = 0; i < sizeof(request_cases) / sizeof(request_cases[0]); i++) {
        const struct request_case *c = &request_cases[i];
        struct hit want = {.method = c->method,
                           .scheme = c->scheme,
                           .host = c->host,
                           .path = c->path,
                           .query = c->query,
                           .protocol = c->protocol,
                           .bad_request_line = c->bad};
        struct str line = exact(c->line);

        for (size_t n = 0; n <= line.n; n++) {
            struct str start = exact(str_slice(line, 0, n));
            struct hit got = {0};

            decode_scratch_reset(&scratch);
            decode_request_line(&scratch, start, &got);
            if (n == line.n && hit_difference(&got, &want))
                fail_msg("%s: %s differs", c->name, hit_difference(&got, &want));
            assert_true(!str_is_set(got.path) || got.path.p[0] == '/');
            free((char *)start.p);
        }
        free((char *)line.p);
    }
}

struct number_case {
    struct str in;
    int64_t want;
    bool ok;
};

static void test_numbers(void **state)
{
    static const struct number_case status[] = {
        {S("200"), 200, true}, {S("000"), 0, true},   {S("009"), 9, true},   {S("-"), -1, true},
        {S(""), -1, true},     {S("2000"), 0, false}, {S("20x"), 0, false},  {S("-1"), 0, false},
        {S("999"), 999, true}, {S("+20"), 0, false},  {S(" 200"), 0, false},
    };
    static const struct number_case count[] = {
        {S("0"), 0, true},
        {S("-"), HIT_NO_NUMBER, true},
        {S(""), HIT_NO_NUMBER, true},
        {S("9223372036854775807"), INT64_MAX, true},
        {S("9223372036854775808"), 0, false},
        {S("-5"), 0, false},
        {S("1e3"), 0, false},
    };
    static const struct number_case seconds[] = {
        {S("0.001"), 1, true},         {S("0.171"), 171, true},
        {S("12"), 12000, true},        {S("1.5"), 1500, true},
        {S("1.2344"), 1234, true},     {S("1.2345"), 1235, true},
        {S("0.99999"), 1000, true},    {S("999999999.999"), 999999999999, true},
        {S("0.0004"), 0, true},        {S("1."), 1000, true},
        {S(".5"), 0, false},           {S("-1"), 0, false},
        {S("1.x"), 0, false},          {S("1,5"), 0, false},
        {S("1.2.3"), 0, false},        {S("1000000000"), 0, false},
        {S("-"), HIT_NO_NUMBER, true},
    };

    for (size_t i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
        int got = 0;

        assert_int_equal(decode_status(status[i].in, &got), status[i].ok);
        assert_int_equal(got, status[i].want);
    }
    for (size_t i = 0; i < sizeof(count) / sizeof(count[0]); i++) {
        int64_t got = 0;

        assert_int_equal(decode_count(count[i].in, &got), count[i].ok);
        assert_true(got == count[i].want);
    }
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        int64_t got = 0;

        assert_int_equal(decode_seconds(seconds[i].in, &got), seconds[i].ok);
        assert_true(got == seconds[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_nothing_is_copied_without_escapes),
        cmocka_unit_test(test_scratch_has_an_end),
        cmocka_unit_test(test_long_host),
        cmocka_unit_test(test_request_line),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
