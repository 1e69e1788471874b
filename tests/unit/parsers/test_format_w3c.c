/* Columns of IIS, of CloudFront's real-time logs, and by the configuration. CloudFront's standard
 * logs: test_format_cloudfront.c. */
#include "tests/unit/parsers/hit_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct fixture {
    struct format *format;
    struct parser *parser;
    struct hit hit;
};

static void open_format(struct fixture *x, const char *spec)
{
    struct buf why;

    buf_init(&why, 4096);
    x->format = format_new(str_of(spec), NULL, &why);
    if (!x->format)
        print_error("%s\n", buf_cstr(&why));
    assert_non_null(x->format);
    x->parser = parser_new(x->format);
    assert_non_null(x->parser);
    buf_release(&why);
}

static void close_format(struct fixture *x)
{
    parser_free(x->parser);
    format_free(x->format);
}

static enum parse_result parse(struct fixture *x, struct str line)
{
    const char *problem = hit_parse(x->parser, line);

    if (problem)
        print_error("%s: %.*s\n", problem, STR_ARGS(line));
    assert_null(problem);
    return parser_line(x->parser, line, &x->hit);
}

static void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_of(want)) || str_is_set(got) != (want != NULL))
        print_error("\"%.*s\", not \"%s\"\n", STR_ARGS(got), want ? want : "(missing)");
    assert_true(str_eq(got, str_of(want)) && str_is_set(got) == (want != NULL));
}

static struct str example_of(const char *name)
{
    const char *about, *found;

    for (size_t i = 0; (found = format_list(i, &about)); i++)
        if (strcmp(found, name) == 0)
            return str_of(format_example(i));
    fail_msg("no format %s", name);
    return STR_NONE;
}

/* Its example is a page that GPTBot got, and no change to it does harm. */
static void check_example(const char *spec, const char *name)
{
    struct fixture x;
    struct str rest = example_of(name), line = STR_NONE;

    open_format(&x, spec);
    while (rest.n > 0) {
        line = str_cut(&rest, '\n');
        assert_int_equal(parse(&x, line), rest.n > 0 ? PARSE_DIRECTIVE : PARSE_OK);
    }
    assert_text(x.hit.path, "/docs/");
    assert_text(x.hit.query, "v=2");
    assert_text(x.hit.host, "www.example.com");
    assert_text(x.hit.client_ip, "203.0.113.20");
    assert_text(x.hit.user_agent,
                "Mozilla/5.0 (compatible; GPTBot/1.3; +https://openai.com/gptbot)");
    assert_int_equal(x.hit.status, 200);
    assert_true(x.hit.time_ms / 1000 == 1793664624);
    assert_null(hit_parse_changes(x.parser, line));
    close_format(&x);
}

static void examples(void **state)
{
    (void)state;
    check_example("cloudfront", "cloudfront");
    check_example("cloudfront_realtime", "cloudfront_realtime");
    check_example("iis", "iis");
    check_example("w3c:{\"fields\":[\"date\",\"time\",\"c-ip\",\"cs-method\",\"x-host-header\","
                  "\"cs-uri-stem\",\"cs-uri-query\",\"sc-status\",\"cs(User-Agent)\"],"
                  "\"delimiter\":\",\"}",
                  "w3c");
}

static void iis_columns_change_inside_a_file(void **state)
{
    struct fixture x;
    (void)state;

    open_format(&x, "iis");
    assert_int_equal(parse(&x, STR("2026-11-03 00:10:24 GET /")), PARSE_BAD);
    assert_int_equal(parse(&x, STR("\xef\xbb\xbf#Version: 1.0\r")), PARSE_DIRECTIVE);
    assert_int_equal(parse(&x, STR("2026-11-03 00:10:24 GET /")), PARSE_BAD);
    assert_int_equal(parse(&x, STR("#Fields: date time cs-method cs-uri-stem c-ip X-Forwarded-For "
                                   "time-taken")),
                     PARSE_DIRECTIVE);
    assert_int_equal(parse(&x, STR("2026-11-03 00:10:24 GET /a%20\xc3\xa9 fe80::1%12 "
                                   "192.0.2.1,+192.0.2.2 1250")),
                     PARSE_OK);
    assert_text(x.hit.path, "/a%20\xc3\xa9");
    assert_text(x.hit.client_ip, "fe80::1");
    assert_text(x.hit.forwarded_for, "192.0.2.1, 192.0.2.2");
    assert_int_equal(x.hit.duration_ms, 1250);
    assert_int_equal(x.hit.status, -1);
    assert_int_equal(parse(&x, STR("#Fields: time date cs-uri-stem s-port cs(Referer)")),
                     PARSE_DIRECTIVE);
    assert_int_equal(parse(&x, STR("00:10:24 2026-11-03 /b 80 http://a/?q=b+c")), PARSE_OK);
    assert_text(x.hit.path, "/b");
    assert_text(x.hit.scheme, "http");
    assert_text(x.hit.referrer, "http://a/?q=b+c");
    assert_text(x.hit.client_ip, NULL);
    parser_reset(x.parser);
    assert_int_equal(parse(&x, STR("00:10:24 2026-11-03 /b 80 -")), PARSE_BAD);
    close_format(&x);
}

static void columns_of_ones_own(void **state)
{
    static const char *const bad[] = {
        "w3c",
        "w3c:",
        "w3c:[]",
        "w3c:{\"fields\":\"date\"}",
        "w3c:{\"fields\":[\"date\"]}",
        "w3c:{\"fields\":[\"date\",\"time\"]}",
        "w3c:{\"fields\":[\"date time\"]}",
        "w3c:{\"delimiter\":\"ab\"}",
        "w3c:{\"delimiter\":\"a\"}",
        "w3c:{\"colour\":\"a\"}",
        "w3c:{\"delimiter\":\",\"} x",
        "iis:x",
    };
    struct fixture x;
    struct buf why;
    (void)state;

    open_format(&x, "w3c:{\"fields\":[\"cs-uri-stem\",\"timestamp(ms)\"]}");
    assert_int_equal(parse(&x, STR("/a%2520b\t1793664624250")), PARSE_OK);
    assert_text(x.hit.path, "/a%20b");
    assert_true(x.hit.time_ms == 1793664624250);
    assert_int_equal(parse(&x, STR("#Fields: timestamp cs-host x-host-header cs-uri-stem")),
                     PARSE_DIRECTIVE);
    assert_int_equal(parse(&x, STR("1793664624.25\tWWW.a.example\td1.cloudfront.net\t/x?y")),
                     PARSE_OK);
    assert_text(x.hit.host, "www.a.example");
    assert_text(x.hit.query, "y");
    close_format(&x);
    open_format(&x, "w3c:{\"delimiter\":\" \"}");
    assert_int_equal(parse(&x, STR("/a 1793664624250")), PARSE_BAD);
    assert_int_equal(parse(&x, STR("#Fields: cs-uri-stem timestamp(ms)")), PARSE_DIRECTIVE);
    assert_int_equal(parse(&x, STR("/a 1793664624250")), PARSE_OK);
    close_format(&x);
    buf_init(&why, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_reset(&why);
        assert_null(format_new(str_of(bad[i]), NULL, &why));
        assert_true(why.n > 20);
    }
    buf_release(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),
        cmocka_unit_test(iis_columns_change_inside_a_file),
        cmocka_unit_test(columns_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
