/* Words with keys: keys, quotes, what is no word; Heroku's routers, and what else they send. */
#include "tests/unit/parsers/format_fixture.h"

#define DRAIN "<158>1 2026-11-03T01:10:24.250000+01:00 host heroku router - "
#define SHELL "2026-11-03T00:10:24.250000+00:00 heroku[router]: "

static void words(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("logfmt"), NULL);
    assert_int_equal(
        fixture_parse(&x,
                      STR("app: level=info ts=1793664624.25 method=GET uri=\"/a b\\\"?x=\\u00e9\" "
                          "path=/other status=200 remote_addr=[2001:db8::7]:4711 size=12 "
                          "duration=1.5s user_agent=\"a \\\\ b\" host=A.example a=b=c ==  x= "
                          "referer=- done")),
        PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_text(x.hit.client_ip, "2001:db8::7");
    assert_text(x.hit.method, "GET");
    assert_text(x.hit.path, "/a b\"");
    assert_text(x.hit.query, "x=\xc3\xa9");
    assert_text(x.hit.user_agent, "a \\ b");
    assert_text(x.hit.referrer, NULL);
    assert_text(x.hit.host, "a.example");
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(x.hit.bytes, 12);
    assert_int_equal(x.hit.duration_ms, 1500);
    /* Of two keys the first of the table; of one that stands twice the first that is not missing.
     */
    assert_int_equal(fixture_parse(&x, STR("path=/b t=2026-11-03T00:10:24Z path=/c time_ms=12 "
                                           "request_uri= status=404")),
                     PARSE_OK);
    assert_text(x.hit.path, "/b");
    assert_int_equal(x.hit.duration_ms, 12);
    assert_text(x.hit.user_agent, NULL);
    /* A request that is missing is none. */
    assert_int_equal(fixture_parse(&x, STR("t=2026-11-03T00:10:24Z request=\"-\" status=408 ua=-")),
                     PARSE_OK);
    assert_text(x.hit.path, NULL);
    assert_int_equal(x.hit.status, 408);
    assert_int_equal(fixture_parse(&x, STR("path=\"\" t=2026-11-03T00:10:24Z status=400 uri=-")),
                     PARSE_OK);
    assert_text(x.hit.path, NULL);
    /* A quote that nobody closed holds the rest. */
    assert_int_equal(fixture_parse(&x, STR("path=/b time=2026-11-03T00:10:24Z ua=\"a b\\")),
                     PARSE_OK);
    assert_text(x.hit.user_agent, "a b\\");
    fixture_close(&x);
}

static void heroku(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("heroku"), NULL);
    assert_int_equal(
        fixture_parse(&x,
                      STR("312 " DRAIN "at=info method=GET path=\"/docs/?v=2\" "
                          "host=www.example.com request_id=5f1d fwd=\"192.0.2.7, 203.0.113.20\" "
                          "dyno=web.1 connect=1ms service=18ms status=200 bytes=13 "
                          "protocol=https")),
        PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_text(x.hit.client_ip, "203.0.113.20");
    assert_text(x.hit.forwarded_for, "192.0.2.7, 203.0.113.20");
    assert_text(x.hit.scheme, "https");
    assert_text(x.hit.host, "www.example.com");
    assert_text(x.hit.path, "/docs/");
    assert_text(x.hit.query, "v=2");
    assert_text(x.hit.request_id, "5f1d");
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(x.hit.bytes, 13);
    assert_int_equal(x.hit.duration_ms, 18);
    assert_int_equal(fixture_parse(&x, STR("2026-11-03T00:10:24Z shop heroku/router: method=GET "
                                           "path=/b status=200")),
                     PARSE_OK);
    assert_text(x.hit.path, "/b");
    assert_text(x.hit.client_ip, NULL);
    assert_int_equal(
        fixture_parse(&x, STR(SHELL "at=error code=H10 desc=\"App crashed\" method=GET path=/ "
                                    "host=a.example fwd=17.17.17.17 dyno= connect= service= "
                                    "status=503 bytes=")),
        PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_text(x.hit.client_ip, "17.17.17.17");
    assert_int_equal(x.hit.status, 503);
    assert_true(x.hit.bytes == HIT_NO_NUMBER);
    assert_true(x.hit.duration_ms == HIT_NO_NUMBER);
    fixture_close(&x);
}

/* What Splunk's add-ons for Apache and nginx have web servers write, and Kubernetes' API server. */
static void other_keys(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("logfmt"), NULL);
    assert_int_equal(
        fixture_parse(&x, STR("time=1793664624.250000, bytes_out=6329, cookie=\"-\", "
                              "server=www.example.com, http_method=\"GET\", http_referrer=\"-\", "
                              "http_user_agent=\"curl/8\", response_time_microseconds=12034, "
                              "client=203.0.113.20, status=200, uri_path=\"/docs/\", "
                              "uri_query=\"?v=2\", user=\"-\"")),
        PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_text(x.hit.client_ip, "203.0.113.20");
    assert_text(x.hit.method, "GET");
    assert_text(x.hit.host, "www.example.com");
    assert_text(x.hit.path, "/docs/");
    assert_text(x.hit.query, "v=2");
    assert_text(x.hit.user_agent, "curl/8");
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(x.hit.bytes, 6329);
    assert_int_equal(x.hit.duration_ms, 12);
    fixture_close(&x);
    fixture_open(&x, STR("cri+logfmt"), NULL);
    assert_int_equal(
        fixture_parse(&x, STR("2026-11-03T00:10:24.25Z stderr F I1103 00:10:24.186641       1 "
                              "httplog.go:132] \"HTTP\" verb=\"GET\" URI=\"/docs/?v=2\" "
                              "latency=\"1.2ms\" userAgent=\"curl/8\" srcIP=\"203.0.113.20:44512\" "
                              "resp=200")),
        PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_text(x.hit.client_ip, "203.0.113.20");
    assert_text(x.hit.path, "/docs/");
    assert_int_equal(x.hit.status, 200);
    fixture_close(&x);
}

/* Its durations are in milliseconds; it has no time. */
static void lograge(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("stamp+logfmt"), NULL);
    assert_int_equal(
        fixture_parse(&x, STR("2026-11-03T00:10:24.5Z method=GET path=/docs/?v=2 format=html "
                              "controller=DocsController action=show status=200 duration=58.33 "
                              "view=40.43 db=15.26")),
        PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624500);
    assert_text(x.hit.path, "/docs/");
    assert_text(x.hit.query, "v=2");
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(x.hit.duration_ms, 58);
    fixture_close(&x);
}

static void other_lines_of_heroku(void **state)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"2026-11-03T00:10:24+00:00 app[web.1]: method=GET path=/a", NULL},
        {"2026-11-03T00:10:24+00:00 heroku[web.1]: State changed from up to down", NULL},
        {"<45>1 2026-11-03T00:10:24+00:00 host app web.1 - method=GET path=/a", NULL},
        {"<45>1 2026-11-03T00:10:24+00:00 host heroku web.1 - Starting process", NULL},
        {"2026-11-03T00:10:24+00:00", "this is no line of Heroku's"},
        {"<45>1 2026-11-03T00:10:24+00:00 host sshd 12 - hello", "this is no line of Heroku's"},
        {"at=info method=GET path=/ status=200", "the line has no time before its words"},
        {SHELL "at=info method=GET status=200", "the line has neither a request line nor a path"},
    };
    struct fixture x;
    size_t column;
    (void)state;

    fixture_open(&x, STR("heroku"), NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum parse_result result = fixture_parse(&x, str_of(cases[i].line));

        if (!cases[i].error) {
            assert_int_equal(result, PARSE_DIRECTIVE);
            assert_int_equal(parser_directive(x.parser), DIRECTIVE_MESSAGE);
            continue;
        }
        assert_int_equal(result, PARSE_BAD);
        assert_string_equal(parser_error(x.parser, &column), cases[i].error);
    }
    fixture_close(&x);
}

static void changed_bytes(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("logfmt"), NULL);
    assert_null(
        hit_parse_changes(x.parser, STR("t=2026-11-03T00:10:24Z method=GET path=\"/a\\\"b\" "
                                        "status=200 ua=\"a\\\\\" x y=z host=a.example")));
    fixture_close(&x);
    fixture_open(&x, STR("heroku"), NULL);
    assert_null(hit_parse_changes(x.parser, STR(DRAIN "method=GET path=\"/a\" status=200 "
                                                      "fwd=\"192.0.2.7, 203.0.113.20\"")));
    fixture_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(heroku),
        cmocka_unit_test(other_lines_of_heroku),
        cmocka_unit_test(other_keys),
        cmocka_unit_test(lograge),
        cmocka_unit_test(changed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
