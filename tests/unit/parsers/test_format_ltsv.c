/* Labeled tab-separated values: labels, which host is whose, lines that are none. */
#include "tests/unit/parsers/format_fixture.h"

#define AT "time:[03/Nov/2026:01:10:24 +0100]\t"

static void labels(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("ltsv"), NULL);
    /* ltsv.org's: the host is the client. */
    assert_int_equal(
        fixture_parse(&x, STR(AT "host:203.0.113.20\tforwardedfor:192.0.2.7\tuser:-\t"
                                 "req:GET /docs/?v=2 HTTP/1.1\tstatus:200\tsize:6329\t"
                                 "referer:http://a.example/\tua:a \\\"b\\\" \\x22c\\x22\t"
                                 "reqtime_microsec:12034\tvhost:WWW.example.com:443\t"
                                 "cache:\tnote:a:b")),
        PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624000);
    assert_text(x.hit.client_ip, "203.0.113.20");
    assert_text(x.hit.forwarded_for, "192.0.2.7");
    assert_text(x.hit.remote_user, NULL);
    assert_text(x.hit.method, "GET");
    assert_text(x.hit.path, "/docs/");
    assert_text(x.hit.query, "v=2");
    assert_text(x.hit.referrer, "http://a.example/");
    assert_text(x.hit.user_agent, "a \"b\" \"c\"");
    assert_text(x.hit.host, "www.example.com");
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(x.hit.bytes, 6329);
    assert_int_equal(x.hit.duration_ms, 12);
    /* nginx's variables: then the host is the site's. */
    assert_int_equal(fixture_parse(&x, STR("msec:1793664624.250\tremote_addr:2001:db8::17\thost:"
                                           "a.example\trequest_method:GET\trequest_uri:/a\t"
                                           "status:304\trequest_time:0.004\thttp_user_agent:b")),
                     PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_text(x.hit.client_ip, "2001:db8::17");
    assert_text(x.hit.host, "a.example");
    assert_text(x.hit.path, "/a");
    assert_text(x.hit.user_agent, "b");
    assert_int_equal(x.hit.duration_ms, 4);
    /* Of a label that stands twice the first value that is not missing. */
    assert_int_equal(fixture_parse(&x, STR(AT "uri:-\turi:/b\turi:/c\tstatus:-")), PARSE_OK);
    assert_text(x.hit.path, "/b");
    assert_int_equal(x.hit.status, -1);
    assert_text(x.hit.client_ip, NULL);
    assert_text(x.hit.host, NULL);
    /* A request that is missing, as of a client that sent none in time, is none. */
    assert_int_equal(fixture_parse(&x, STR(AT "host:203.0.113.20\treq:-\tstatus:408\tua:-")),
                     PARSE_OK);
    assert_text(x.hit.path, NULL);
    assert_text(x.hit.method, NULL);
    assert_int_equal(x.hit.status, 408);
    assert_int_equal(fixture_parse(&x, STR(AT "req:\turi:\tstatus:400")), PARSE_OK);
    assert_text(x.hit.path, NULL);
    assert_int_equal(fixture_parse(&x, STR(AT "req:-\turi:/b\treq:\tstatus:400")), PARSE_OK);
    assert_text(x.hit.path, "/b");
    /* Missing in brackets is missing too. */
    assert_int_equal(fixture_parse(&x, STR(AT "uri:/\tremote_addr:[-]")), PARSE_OK);
    assert_text(x.hit.client_ip, NULL);
    fixture_close(&x);
    fixture_open(&x, STR("nginx_combined"), NULL);
    assert_int_equal(
        fixture_parse(&x, STR("[-] - - [03/Nov/2026:00:10:24 +0000] \"GET / HTTP/1.1\" "
                              "200 5 \"-\" \"a\"")),
        PARSE_OK);
    assert_text(x.hit.client_ip, NULL);
    fixture_close(&x);
}

static void lines_that_are_refused(void **state)
{
    static const struct {
        const char *line, *error;
        size_t column;
    } cases[] = {
        {"hello", "this column has no label", 0},
        {AT "uri:/\thello\tstatus:200", "this column has no label", sizeof(AT "uri:/\t") - 1},
        {AT "uri:/\t\tstatus:200", "this column has no label", sizeof(AT "uri:/\t") - 1},
        {AT ":/", "this column has no label", sizeof(AT) - 1},
        {"uri:/\tstatus:200",
         "the line has no time; where a collector writes one before it, name that: cri+, docker+, "
         "syslog+, stamp+ before the format's name",
         sizeof("uri:/\tstatus:200") - 1},
        {AT "status:200", "the line has neither a request line nor a path", 0},
        {AT "uri:/\tstatus:up", "the status is no number of three digits",
         sizeof(AT "uri:/\tstatus:") - 1},
    };
    struct fixture x;
    size_t column;
    (void)state;

    fixture_open(&x, STR("ltsv"), NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(fixture_parse(&x, str_of(cases[i].line)), PARSE_BAD);
        assert_string_equal(parser_error(x.parser, &column), cases[i].error);
        assert_int_equal(column, cases[i].column);
    }
    fixture_close(&x);
}

static void changed_bytes(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("ltsv"), NULL);
    assert_null(hit_parse_changes(x.parser, STR(AT "host:203.0.113.20\treq:GET /a?b HTTP/1.1\t"
                                                   "status:200\tua:a\\x22\\\\\tvhost:a.example")));
    fixture_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels),
        cmocka_unit_test(lines_that_are_refused),
        cmocka_unit_test(changed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
