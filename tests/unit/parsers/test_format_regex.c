/* Regular expressions of the configuration: groups, refusals, limits. */
#include "tests/unit/parsers/format_fixture.h"

#define PATTERN                                                                                    \
    "regex:^(?<time>\\S+) (?<ip>\\S+) (?<verb>[A-Z]+) (?<url>\\S+) (?<status>\\S+)"                \
    "(?: (?<other>\\d+))?(?: \"(?<agent>[^\"]*)\")?$"

static void groups(void **state)
{
    const struct str line = STR("2026-11-03T00:10:24.25Z 203.0.113.20 GET "
                                "http://A.example/docs/?v=2 200 \"GPTBot/1.3\"");
    struct fixture x;
    (void)state;

    fixture_open(&x, STR(PATTERN), NULL);
    assert_int_equal(fixture_parse(&x, line), PARSE_OK);
    assert_true(str_eq(x.hit.host, STR("a.example")) && str_eq(x.hit.path, STR("/docs/")));
    assert_true(str_eq(x.hit.query, STR("v=2")) && str_eq(x.hit.user_agent, STR("GPTBot/1.3")));
    assert_true(str_eq(x.hit.method, STR("GET")) && x.hit.status == 200);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_null(hit_parse_changes(x.parser, line));
    assert_int_equal(fixture_parse(&x, STR("2026-11-03T00:10:24Z a GET /x 200")), PARSE_OK);
    assert_false(str_is_set(x.hit.user_agent));
    assert_int_equal(fixture_parse(&x, STR("2026-11-03T00:10:24Z a GET /x up")), PARSE_BAD);
    assert_int_equal(fixture_parse(&x, STR("today a GET /x 200")), PARSE_BAD);
    assert_int_equal(fixture_parse(&x, STR("nothing")), PARSE_BAD);
    fixture_close(&x);
    /* Anywhere in the line; date and time apart. */
    fixture_open(&x, STR("regex:\\[(?<date>\\d+-\\d+-\\d+) (?<time>[\\d:.]+)\\] (?<request>.*)$"),
                 NULL);
    assert_int_equal(fixture_parse(&x, STR("x [2026-11-03 00:10:24.5] GET /a b HTTP/1.1")),
                     PARSE_OK);
    assert_true(str_eq(x.hit.path, STR("/a b")) && x.hit.time_ms == 1793664624500);
    fixture_close(&x);
}

static void refusals(void **state)
{
    static const struct {
        const char *spec, *says;
    } bad[] = {
        {"regex:(?<time>", "offset"}, {"regex:(?<time>.)(?<host>.)", "request, target and path"},
        {"regex:(?<path>.)", "time"}, {"regex:x", "(?<time>"},
        {"regex", "is written"},
    };
    struct buf why;
    (void)state;

    buf_init(&why, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_reset(&why);
        assert_null(format_new(str_of(bad[i].spec), NULL, &why));
        assert_non_null(strstr(buf_cstr(&why), bad[i].says));
    }
    buf_release(&why);
}

/* (a+)+ tries every way to part the a's before it gives up. */
static void a_limit_ends_the_work(void **state)
{
    char line[64];
    size_t column;
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("regex:^(?<time>(?:a+)+)(?<path>/)$"), NULL);
    memset(line, 'a', sizeof(line));
    memcpy(line + sizeof(line) - 2, "b/", 2);
    assert_int_equal(fixture_parse(&x, (struct str){line, sizeof(line)}), PARSE_BAD);
    assert_non_null(strstr(parser_error(x.parser, &column), "limit"));
    fixture_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_limit_ends_the_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
