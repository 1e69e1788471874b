/* What collectors put before a line, and formats behind it. */
#include "tests/unit/parsers/hit_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LINE                                                                                       \
    "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET /docs/ HTTP/1.1\" 200 6329 \"-\" \"a\""
#define ESCAPED                                                                                    \
    "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \\\"GET /docs/ HTTP/1.1\\\" 200 6329 "          \
    "\\\"-\\\" \\\"a\\\""
#define CRI "2026-11-03T00:10:24.123456789Z stdout F "
#define DOCKER(text)                                                                               \
    "{\"log\":\"" text "\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-03T00:10:24.1Z\"}"

static const struct {
    enum prefix_kind kind;
    const char *line;
} good[] = {
    {PREFIX_CRI, CRI LINE},
    {PREFIX_CRI, "2026-11-03T01:10:24.1+01:00 stdout F " LINE},
    {PREFIX_DOCKER, DOCKER(ESCAPED)},
    {PREFIX_SYSLOG, "<190>Nov  3 00:10:24 web1 nginx: " LINE},
    {PREFIX_SYSLOG, "Nov 13 00:10:24 web1 haproxy[14]: " LINE},
    {PREFIX_SYSLOG, "Nov 13 00:10:24 nginx: " LINE},
    {PREFIX_SYSLOG, "2026-11-03T01:10:24.123+01:00 web1 nginx[1]: " LINE},
    {PREFIX_SYSLOG, "<190>1 2026-11-03T00:10:24Z web1 nginx 12 - - " LINE},
    {PREFIX_SYSLOG, "<190>1 - web1 nginx - - [a@1 b=\"c\\\"]d\"][e] \xef\xbb\xbf" LINE},
};

static struct parser *open_parser(const char *spec)
{
    struct buf why;

    buf_init(&why, 4096);
    struct format *f = format_new(str_of(spec), NULL, &why);
    if (!f)
        print_error("%s\n", buf_cstr(&why));
    assert_non_null(f);
    struct parser *p = parser_new(f);
    assert_non_null(p);
    buf_release(&why);
    return p;
}

static void close_parser(struct parser *p)
{
    const struct format *f = p->format;

    parser_free(p);
    format_free((struct format *)f);
}

static void prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char spec[64];
        struct hit hit;
        size_t column;
        struct str line = str_of(good[i].line);

        assert_int_equal(prefix_detect(line), good[i].kind);
        snprintf(spec, sizeof(spec), "%s+nginx_combined", prefix_name(good[i].kind));
        struct parser *p = open_parser(spec);
        if (parser_line(p, line, &hit) != PARSE_OK)
            print_error("%s: %s\n", good[i].line, parser_error(p, &column));
        assert_int_equal(parser_line(p, line, &hit), PARSE_OK);
        assert_true(str_eq(hit.path, STR("/docs/")) && str_eq(hit.user_agent, STR("a")));
        assert_null(hit_parse_changes(p, line));
        assert_int_equal(parser_line(p, STR(LINE), &hit), PARSE_BAD);
        close_parser(p);
    }
    assert_int_equal(prefix_detect(STR(LINE)), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("")), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("{\"log\":\"x\"}")), PREFIX_NONE);
}

static void columns_are_of_the_whole_line(void **state)
{
    struct hit hit;
    size_t column;
    struct parser *p = open_parser("cri+nginx_combined");
    (void)state;

    assert_int_equal(parser_line(p, STR(CRI "x y"), &hit), PARSE_BAD);
    parser_error(p, &column);
    assert_int_equal(column, sizeof(CRI) - 1 + 1);
    assert_int_equal(parser_line(p, STR("\xef\xbb\xbf" CRI "x y"), &hit), PARSE_BAD);
    parser_error(p, &column);
    assert_int_equal(column, 3 + sizeof(CRI) - 1 + 1);
    close_parser(p);
}

static void parts_and_standard_error(void **state)
{
    struct hit hit;
    size_t column;
    struct parser *p = open_parser("cri+nginx_combined");
    (void)state;

    assert_int_equal(parser_line(p, STR("2026-11-03T00:10:24.1Z stdout P " LINE), &hit), PARSE_BAD);
    assert_non_null(strstr(parser_error(p, &column), "part of a line"));
    assert_int_equal(parser_line(p, STR("2026-11-03T00:10:24.1Z stderr F [error] x"), &hit),
                     PARSE_DIRECTIVE);
    assert_int_equal(parser_line(p, STR("2026-11-03T00:10:24.1Z stderr F " LINE), &hit), PARSE_OK);
    close_parser(p);
    p = open_parser("docker+json:{\"time\":\"t\",\"path\":\"p\"}");
    assert_int_equal(parser_line(p, STR("{\"log\":\"{\\\"t\\\":\",\"stream\":\"stdout\"}"), &hit),
                     PARSE_BAD);
    assert_non_null(strstr(parser_error(p, &column), "part of a line"));
    assert_int_equal(
        parser_line(p, STR(DOCKER("{\\\"t\\\":1793664624,\\\"p\\\":\\\"/\\\\u00e9\\\"}\\r")), &hit),
        PARSE_OK);
    assert_true(str_eq(hit.path, STR("/\xc3\xa9")));
    close_parser(p);
    p = open_parser("docker+syslog+nginx_combined");
    assert_int_equal(parser_line(p, STR(DOCKER("Nov 13 00:10:24 nginx: " ESCAPED)), &hit),
                     PARSE_OK);
    close_parser(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes),
        cmocka_unit_test(columns_are_of_the_whole_line),
        cmocka_unit_test(parts_and_standard_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
