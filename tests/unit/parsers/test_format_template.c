/* nginx_combined, nginx_main, apache_combined line by line, and what the names of formats do. */
#include "tests/unit/parsers/format_fixture.h"

#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }
#define T0 INT64_C(1767323045000) /* 2026-01-02T03:04:05Z */
#define AT " [02/Jan/2026:03:04:05 +0000] "
#define UA "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/146.0"

struct line_case {
    const char *name, *format;
    struct str line;
    struct hit want;
};

static const struct line_case good[] = {
    {"combined",
     "nginx_combined",
     S("203.0.113.7 - -" AT "\"GET /docs/?page=2 HTTP/1.1\" 200 5123 \"https://ref.example/a?b\" "
       "\"" UA "\""),
     {.client_ip = S("203.0.113.7"),
      .method = S("GET"),
      .path = S("/docs/"),
      .query = S("page=2"),
      .protocol = S("HTTP/1.1"),
      .referrer = S("https://ref.example/a?b"),
      .user_agent = S(UA),
      .time_ms = T0,
      .status = 200,
      .bytes = 5123}},
    {"everything missing, zone",
     "nginx_combined",
     S("unix: -  [02/Jan/2026:05:04:05 +0200] \"GET / HTTP/2.0\" 000 0 \"-\" \"\""),
     {.client_ip = S("unix:"),
      .method = S("GET"),
      .path = S("/"),
      .protocol = S("HTTP/2.0"),
      .time_ms = T0}},
    {"IPv6, user with spaces and brackets, trailing spaces, CR",
     "nginx_combined",
     S("2001:db8::17 - a [b] [01/x c" AT "\"POST /x HTTP/1.1\" 499 0 \"-\" \"-\"  \r"),
     {.client_ip = S("2001:db8::17"),
      .remote_user = S("a [b] [01/x c"),
      .method = S("POST"),
      .path = S("/x"),
      .protocol = S("HTTP/1.1"),
      .time_ms = T0,
      .status = 499}},
    {"a user who forges a time",
     "nginx_combined",
     S("203.0.113.7 - u [01/Jan/2020:00:00:00 +0000] \\x22GET /forged" AT "\"GET /true HTTP/1.1\" "
       "401 9 \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"),
      .remote_user = S("u [01/Jan/2020:00:00:00 +0000] \"GET /forged"),
      .method = S("GET"),
      .path = S("/true"),
      .protocol = S("HTTP/1.1"),
      .time_ms = T0,
      .status = 401,
      .bytes = 9}},
    {"a user named \"- [x\"",
     "nginx_combined",
     S("203.0.113.7 - - [x" AT "\"GET / HTTP/1.1\" 401 9 \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"),
      .remote_user = S("- [x"),
      .method = S("GET"),
      .path = S("/"),
      .protocol = S("HTTP/1.1"),
      .time_ms = T0,
      .status = 401,
      .bytes = 9}},
    {"\\xHH in each quoted field",
     "nginx_combined",
     S("203.0.113.7 - j\\xC3\\xB6" AT "\"GET /caf\\xC3\\xA9?q=\\x22%41+\\x22 HTTP/1.1\" 200 1 "
       "\"https://ref.example/\\xE2\\x82\\xAC\" \"Odd \\x22Bot\\x22 \\x5C1\""),
     {.client_ip = S("203.0.113.7"),
      .remote_user = S("j\xc3\xb6"),
      .method = S("GET"),
      .path = S("/caf\xc3\xa9"),
      .query = S("q=\"%41+\""),
      .protocol = S("HTTP/1.1"),
      .referrer = S("https://ref.example/\xe2\x82\xac"),
      .user_agent = S("Odd \"Bot\" \\1"),
      .time_ms = T0,
      .status = 200,
      .bytes = 1}},
    {"TLS on a plain port",
     "nginx_combined",
     S("203.0.113.7 - -" AT "\"\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xFC\\x03\\x03\" 400 157 "
       "\"-\" \"-\""),
     {.client_ip = S("203.0.113.7"),
      .bad_request_line = true,
      .time_ms = T0,
      .status = 400,
      .bytes = 157}},
    {"RDP cookie",
     "nginx_combined",
     S("203.0.113.7 - -" AT "\"\\x03\\x00\\x00/*\\xE0\\x00\\x00\\x00\\x00\\x00Cookie: "
       "mstshash=Somebody\" 400 157 \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"),
      .bad_request_line = true,
      .time_ms = T0,
      .status = 400,
      .bytes = 157}},
    {"empty request, 400",
     "nginx_combined",
     S("203.0.113.7 - -" AT "\"\" 400 0 \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"), .time_ms = T0, .status = 400}},
    {"no request, 408",
     "nginx_combined",
     S("203.0.113.7 - -" AT "\"-\" 408 0 \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"), .time_ms = T0, .status = 408}},
    {"spaces in the target",
     "nginx_combined",
     S("203.0.113.7 - -" AT "\"GET /a b?c d HTTP/1.1\" 400 0 \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"),
      .method = S("GET"),
      .path = S("/a b"),
      .query = S("c d"),
      .protocol = S("HTTP/1.1"),
      .time_ms = T0,
      .status = 400}},
    {"absolute URL",
     "nginx_combined",
     S("203.0.113.7 - -" AT "\"GET HTTP://Shop.Example:80/p?q HTTP/1.1\" 200 0 \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"),
      .method = S("GET"),
      .scheme = S("http"),
      .host = S("shop.example"),
      .path = S("/p"),
      .query = S("q"),
      .protocol = S("HTTP/1.1"),
      .time_ms = T0,
      .status = 200}},
    {"main",
     "nginx_main",
     S("203.0.113.7 - -" AT "\"GET / HTTP/1.1\" 200 12 \"-\" \"" UA
       "\" \"198.51.100.1, 192.0.2.9\""),
     {.client_ip = S("203.0.113.7"),
      .method = S("GET"),
      .path = S("/"),
      .protocol = S("HTTP/1.1"),
      .user_agent = S(UA),
      .forwarded_for = S("198.51.100.1, 192.0.2.9"),
      .time_ms = T0,
      .status = 200,
      .bytes = 12}},
    {"main, no X-Forwarded-For",
     "nginx_main",
     S("203.0.113.7 - -" AT "\"GET / HTTP/1.1\" 200 12 \"-\" \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"),
      .method = S("GET"),
      .path = S("/"),
      .protocol = S("HTTP/1.1"),
      .time_ms = T0,
      .status = 200,
      .bytes = 12}},
    {"apache, escaped quotes",
     "apache_combined",
     S("client.example ident \"\"" AT "\"GET /a\\\"b?c=\\\\d HTTP/1.1\" 200 - "
       "\"https://ref.example/\\xe2\\x82\\xac\" \"Odd \\\"Bot\\\" \\\\ \\t1\""),
     {.client_ip = S("client.example"),
      .remote_user = S("\"\""),
      .method = S("GET"),
      .path = S("/a\"b"),
      .query = S("c=\\d"),
      .protocol = S("HTTP/1.1"),
      .referrer = S("https://ref.example/\xe2\x82\xac"),
      .user_agent = S("Odd \"Bot\" \\ \t1"),
      .time_ms = T0,
      .status = 200,
      .bytes = HIT_NO_NUMBER}},
    {"apache, 408 and no status",
     "apache_combined",
     S("203.0.113.7 - -" AT "\"-\" - - \"-\" \"-\""),
     {.client_ip = S("203.0.113.7"), .time_ms = T0, .status = -1, .bytes = HIT_NO_NUMBER}},
};

#define N_GOOD (sizeof(good) / sizeof(good[0]))

static void check_good(struct fixture *x, const struct line_case *c)
{
    struct hit want = c->want;

    want.duration_ms = HIT_NO_NUMBER;
    if (fixture_parse(x, c->line) != PARSE_OK) {
        size_t column = 0;
        const char *error = parser_error(x->parser, &column);

        fail_msg("%s: column %zu: %s", c->name, column, error);
    }
    if (hit_difference(&x->hit, &want))
        fail_msg("%s: %s differs", c->name, hit_difference(&x->hit, &want));
}

static void test_good_lines(void **state)
{
    for (size_t i = 0; i < N_GOOD; i++) {
        struct fixture x;

        fixture_open(&x, str_of(good[i].format), NULL);
        check_good(&x, &good[i]);
        check_good(&x, &good[i]); /* what a parser remembers of a line changes nothing */
        fixture_close(&x);
    }
}

struct bad_case {
    const char *name, *format;
    struct str line;
    size_t column;
    const char *error; /* a part of it */
};

#define HEAD "203.0.113.7 - -" AT

static const struct bad_case bad[] = {
    {"empty", "nginx_combined", S(""), 0, "empty"},
    {"only a CR", "nginx_combined", S("\r"), 0, "empty"},
    {"no text", "nginx_combined", S(" - -"), 0, "address"},
    {"one word", "nginx_combined", S("hello"), 5, "' - '"},
    {"no time", "nginx_combined", S("203.0.113.7 - - no time here"), 14, "user"},
    {"another time", "nginx_combined", S("203.0.113.7 - - [2026-01-02T03:04:05Z] \"GET / \""), 17,
     "time like"},
    {"a time that is none", "nginx_combined",
     S("203.0.113.7 - - [31/Feb/2026:03:04:05 +0000] \"\" 200 0 \"-\" \"-\""), 17, "not exist"},
    {"request without quotes", "nginx_combined", S(HEAD "GET / HTTP/1.1 200 0"), 43, "'] \"'"},
    {"request without end", "nginx_combined", S(HEAD "\"GET / HTTP/1.1"), 60,
     "'\" ' between the request line and the status"},
    {"status", "nginx_combined", S(HEAD "\"GET / HTTP/1.1\" 2000 0 \"-\" \"-\""), 62, "status"},
    {"bytes", "nginx_combined", S(HEAD "\"GET / HTTP/1.1\" 200 1k \"-\" \"-\""), 66, "bytes"},
    {"too many bytes", "nginx_combined",
     S(HEAD "\"GET / HTTP/1.1\" 200 9999999999999999999 \"-\" \"-\""), 66, "too large"},
    {"common, not combined", "nginx_combined", S(HEAD "\"GET / HTTP/1.1\" 200 1"), 66, "bytes"},
    {"no user agent", "nginx_combined", S(HEAD "\"GET / HTTP/1.1\" 200 1 \"-\""), 70, "user agent"},
    {"no last quote", "nginx_combined", S(HEAD "\"GET / HTTP/1.1\" 200 1 \"-\" \"UA"), 75,
     "behind the user agent"},
    {"main in combined", "nginx_combined", S(HEAD "\"GET / HTTP/1.1\" 200 1 \"-\" \"-\" \"-\""), 75,
     "more columns"},
    {"combined in main", "nginx_main", S(HEAD "\"GET / HTTP/1.1\" 200 1 \"-\" \"-\""), 74,
     "'\" \"' between the user agent and X-Forwarded-For"},
    {"more than main", "nginx_main", S(HEAD "\"GET / HTTP/1.1\" 200 1 \"-\" \"-\" \"-\" 0.1"), 79,
     "more columns"},
    {"apache: a quote inside", "apache_combined",
     S(HEAD "\"GET / HTTP/1.1\" 200 1 \"-\" \"a \"b\" c\""), 76, "more columns"},
    {"apache: the last quote is escaped", "apache_combined",
     S(HEAD "\"GET / HTTP/1.1\" 200 1 \"-\" \"a\\\""), 76, "behind the user agent"},
    {"apache: no remote log name", "apache_combined", S("203.0.113.7 [02/Jan"), 19, "log name"},
};

static void test_bad_lines(void **state)
{
    size_t wrong = 0;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct bad_case *c = &bad[i];
        struct fixture x;
        size_t column;
        const char *error;

        fixture_open(&x, str_of(c->format), NULL);
        if (fixture_parse(&x, c->line) != PARSE_BAD)
            fail_msg("%s: is taken", c->name);
        error = parser_error(x.parser, &column);
        if (column != c->column || !strstr(error, c->error))
            print_error("%s: column %zu: %s\n", c->name, column, error), wrong++;
        fixture_close(&x);
    }
    assert_int_equal(wrong, 0);
}

static void test_prefixes_and_changed_bytes(void **state)
{
    for (size_t i = 0; i < N_GOOD; i++) {
        struct fixture x;

        fixture_open(&x, str_of(good[i].format), NULL);
        const char *problem = hit_parse_changes(x.parser, good[i].line);
        if (problem)
            fail_msg("%s: %s", good[i].name, problem);
        fixture_close(&x);
    }
}

static struct str filled(const char *head, const char *unit, size_t n, const char *tail)
{
    struct buf b;

    buf_init(&b, FORMAT_MAX_LINE + 100);
    buf_put_str(&b, str_of(head));
    while (b.n + strlen(unit) + strlen(tail) <= n)
        buf_put_str(&b, str_of(unit));
    buf_put_str(&b, str_of(tail));
    assert_false(b.failed);
    return buf_str(&b); /* the caller frees .p */
}

#define ONE_TAIL AT "\"GET / HTTP/1.1\" 200 1 \"-\" \"x\""

static void test_lines_of_one_mebibyte(void **state)
{
    static const char *const formats[] = {"nginx_combined", "apache_combined"};

    for (size_t i = 0; i < 2; i++) {
        struct fixture x;

        fixture_open(&x, str_of(formats[i]), NULL);
        struct str users = filled("192.0.2.1 - ", "u [ ", FORMAT_MAX_LINE, ONE_TAIL);
        struct str agent =
            filled(HEAD "\"GET / HTTP/1.1\" 200 1 \"-\" \"", "\\x41\\\\", FORMAT_MAX_LINE, "\"");
        struct str over = filled(HEAD, "x", FORMAT_MAX_LINE + 1, "");
        size_t column;

        assert_int_equal(fixture_parse(&x, users), PARSE_OK);
        assert_true(x.hit.remote_user.n > FORMAT_MAX_LINE - 200);
        assert_int_equal(fixture_parse(&x, agent), PARSE_OK);
        assert_int_equal(fixture_parse(&x, over), PARSE_BAD);
        assert_string_equal(parser_error(x.parser, &column), "the line is over 1 MiB");
        assert_int_equal(column, FORMAT_MAX_LINE);
        free((char *)users.p);
        free((char *)agent.p);
        free((char *)over.p);
        fixture_close(&x);
    }
}

static void test_names(void **state)
{
    struct buf why;
    const char *name, *about;
    size_t n = 0;

    buf_init(&why, 1000);
    assert_null(format_new(STR("nginx_combimed\x1b[2J"), NULL, &why));
    assert_non_null(strstr(buf_cstr(&why), "\"nginx_combimed?[2J\""));
    assert_non_null(strstr(buf_cstr(&why), "nginx_combined"));
    assert_non_null(strstr(buf_cstr(&why), "cloudfront"));
    buf_reset(&why);
    assert_null(format_new(STR(""), NULL, &why));
    assert_true(why.n > 0);
    buf_reset(&why);
    assert_null(format_new(STR("nginx_main:$host"), NULL, &why));
    assert_non_null(strstr(buf_cstr(&why), "nginx_main takes nothing"));
    buf_reset(&why);
    assert_null(format_new(STR("haproxy:host|target"), NULL, &why));
    assert_non_null(strstr(buf_cstr(&why), "\"target\" is no captured header; there are host"));
    buf_release(&why);
    for (; (name = format_list(n, &about)); n++) {
        struct fixture x;

        assert_true(strlen(about) > 0);
        fixture_open_row(&x, n);
        assert_string_equal(format_name(x.format), name);
        fixture_parse_example(&x, n);
        assert_int_equal(format_has_directives(x.format),
                         strcmp(name, "cloudfront") == 0 ||
                             strcmp(name, "cloudfront_realtime") == 0 || strcmp(name, "w3c") == 0 ||
                             strcmp(name, "iis") == 0 || strcmp(name, "zeek") == 0);
        fixture_close(&x);
    }
    assert_true(n >= 4);
    format_free(NULL);
    parser_free(NULL);
}

/* What HAProxy writes beside requests; a line of another program's is no message of its. */
static void test_messages(void **state)
{
    static const struct {
        const char *line;
        enum parse_result result;
    } cases[] = {
        {"Nov  3 00:10:24 lb1 haproxy[812]: Proxy web started.", PARSE_DIRECTIVE},
        {"Server web/web1 is DOWN, reason: Layer7 wrong status, code: 503, info: \"Unavailable\"",
         PARSE_DIRECTIVE},
        {"Nov  3 00:10:24 lb1 haproxy[812]: 203.0.113.20:44512 [03/Nov/2026:00:10:24.186] https/1: "
         "SSL handshake failure",
         PARSE_DIRECTIVE},
        {"203.0.113.20:44512 [03/Nov/2026:00:10:24.186] ssh ssh/one 1/1/861 1485 -- 2/1/0/0/0 0/0",
         PARSE_DIRECTIVE},
        {"203.0.113.20:44512 [03/Nov/2026:00:10:24.186] https~ web/web1 0/0/1/11/12 200 6",
         PARSE_BAD},
        {"Nov  3 00:10:24 lb1 sshd[812]: Accepted publickey for anna", PARSE_BAD},
        {"", PARSE_BAD},
    };
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("haproxy_http"), NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (fixture_parse(&x, str_of(cases[i].line)) != cases[i].result)
            fail_msg("%s", cases[i].line);
    (void)fixture_parse(&x, STR("Proxy web started."));
    assert_int_equal(parser_directive(x.parser), DIRECTIVE_MESSAGE);
    fixture_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_prefixes_and_changed_bytes),
        cmocka_unit_test(test_lines_of_one_mebibyte),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
