/* Columns of IIS, of Zeek, of CloudFront's real-time logs, and by the configuration. CloudFront's
 * standard logs: test_format_cloudfront.c. */
#include "tests/unit/parsers/format_fixture.h"

#include "parsers/base/zone.h"

/* No change to them does harm. */
static void examples(void **state)
{
    static const struct str names[] = {STR_INIT("cloudfront"), STR_INIT("cloudfront_realtime"),
                                       STR_INIT("iis"), STR_INIT("w3c"), STR_INIT("zeek")};
    const char *about, *name;
    size_t found = 0;
    (void)state;

    for (size_t i = 0; (name = format_list(i, &about)); i++) {
        struct fixture x;

        if (!str_is_one_of(str_of(name), names, COUNT_OF(names)))
            continue;
        fixture_open_row(&x, i);
        struct str line = fixture_parse_example(&x, i);
        assert_text(x.hit.client_ip, "203.0.113.20");
        assert_text(x.hit.host, "www.example.com");
        assert_text(x.hit.user_agent, EXAMPLE_AGENT);
        assert_null(hit_parse_changes(x.parser, line));
        fixture_close(&x);
        found++;
    }
    assert_int_equal(found, COUNT_OF(names));
}

static void zeek_columns(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("zeek"), NULL);
    assert_int_equal(fixture_parse(&x, STR("1793664624.25\t/a")), PARSE_BAD);
    assert_int_equal(fixture_parse(&x, STR("#separator \\x09")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("#fields\tts\tid.orig_h\tmethod\thost\turi\tuser_agent\t"
                                           "response_body_len\tstatus_code\tresp_mime_types")),
                     PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("#types\ttime\taddr\tstring")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("1793664624.250\t2001:db8::7\tGET\tA.example:80\t"
                                           "/caf\\xc3\\xa9?q=%20\ta\\x09b\t6329\t200\ttext/html,"
                                           "text/plain")),
                     PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_text(x.hit.client_ip, "2001:db8::7");
    assert_text(x.hit.host, "a.example");
    assert_text(x.hit.path, "/caf\xc3\xa9");
    assert_text(x.hit.query, "q=%20");
    assert_text(x.hit.user_agent, "a\tb");
    assert_text(x.hit.content_type, "text/html");
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(x.hit.bytes, 6329);
    /* An answer without its request. */
    assert_int_equal(
        fixture_parse(&x, STR("1793664625.0\t203.0.113.20\t-\t-\t-\t-\t0\t301\t(empty)")),
        PARSE_OK);
    assert_text(x.hit.path, NULL);
    assert_text(x.hit.content_type, NULL);
    /* Another file, of connections. */
    assert_int_equal(fixture_parse(&x, STR("#separator \\x09")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("#fields\tts\tuid\tid.orig_h\tproto")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("1793664625.0\tC1\t203.0.113.20\ttcp")), PARSE_BAD);
    fixture_close(&x);
}

static void iis_columns_change_inside_a_file(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("iis"), NULL);
    assert_null(hit_parse(x.parser, STR("\xef\xbb\xbf"))); /* found by the fuzzer */
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 00:10:24 GET /")), PARSE_BAD);
    assert_int_equal(fixture_parse(&x, STR("\xef\xbb\xbf#Version: 1.0\r")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 00:10:24 GET /")), PARSE_BAD);
    assert_int_equal(
        fixture_parse(&x, STR("#Fields: date time cs-method cs-uri-stem c-ip X-Forwarded-For "
                              "time-taken")),
        PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 00:10:24 GET /a%20\xc3\xa9 fe80::1%12 "
                                           "192.0.2.1,+192.0.2.2 1250")),
                     PARSE_OK);
    assert_text(x.hit.path, "/a%20\xc3\xa9");
    assert_text(x.hit.client_ip, "fe80::1");
    assert_text(x.hit.forwarded_for, "192.0.2.1, 192.0.2.2");
    assert_int_equal(x.hit.duration_ms, 1250);
    assert_int_equal(x.hit.status, -1);
    /* Found by the fuzzer. */
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 00:10:24 GET /a -%1 - 1250")), PARSE_OK);
    assert_text(x.hit.client_ip, NULL);
    /* SHOUTcast */
    assert_int_equal(fixture_parse(&x, STR("#Fields: c-ip date cs-uri-stem c-status time")),
                     PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("192.0.2.1 2026-11-03 /stream 200 00:10:24")), PARSE_OK);
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(fixture_parse(&x, STR("#Fields: time date cs-uri-stem s-port cs(Referer)")),
                     PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("00:10:24 2026-11-03 /b 80 http://a/?q=b+c")), PARSE_OK);
    assert_text(x.hit.path, "/b");
    assert_text(x.hit.scheme, "http");
    assert_text(x.hit.referrer, "http://a/?q=b+c");
    assert_text(x.hit.client_ip, NULL);
    parser_reset(x.parser);
    assert_int_equal(fixture_parse(&x, STR("00:10:24 2026-11-03 /b 80 -")), PARSE_BAD);
    fixture_close(&x);
}

/* What IIS's Advanced Logging module writes, and others that put columns in quotes. */
static void columns_in_quotes(void **state)
{
    static const struct zone berlin = {.first = 3600};
    struct fixture x;
    size_t column;
    (void)state;

    fixture_open(&x, STR("iis"), &berlin);
    assert_int_equal(fixture_parse(&x, STR("")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("  \t ")), PARSE_DIRECTIVE);
    assert_int_equal(
        fixture_parse(&x, STR("#Fields:  date-local time-local   cs-method cs-uri-stem c-ip "
                              "cs(User-Agent) cs(Host) sc-status TimeTakenMS")),
        PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 01:10:24.250 GET /a - "
                                           "\"A B (x + y)\" \"a.example\" 200 9")),
                     PARSE_OK);
    assert_true(x.hit.time_ms == 1793664624250);
    assert_text(x.hit.user_agent, "A B (x + y)");
    assert_text(x.hit.host, "a.example");
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(x.hit.duration_ms, 9);
    /* Of IIS itself: a quote is a byte of the user agent like any other. */
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 01:10:24 GET /a - \"A+B a.example 404 9")),
                     PARSE_OK);
    assert_text(x.hit.user_agent, "\"A B");
    assert_int_equal(x.hit.status, 404);
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 01:10:24 GET /a - A B a.example 404 9")),
                     PARSE_BAD);
    assert_non_null(strstr(parser_error(x.parser, &column), "more columns"));
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 01:10:24.25 GET /a - A a.example 404 9")),
                     PARSE_BAD);
    assert_int_equal(
        fixture_parse(&x, STR("#Fields: date time cs-uri cs-uri-query s-port cs(Referrer)")),
        PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("\"2026-11-03\" \"00:10:24\" \"a.example/b/c\" "
                                           "\"d=1\" \"80\" \"https://b.example/ x\"")),
                     PARSE_OK);
    assert_text(x.hit.host, "a.example");
    assert_text(x.hit.path, "/b/c");
    assert_text(x.hit.query, "d=1");
    assert_text(x.hit.scheme, "http");
    assert_text(x.hit.referrer, "https://b.example/ x");
    assert_int_equal(
        fixture_parse(&x, STR("2026-11-03 00:10:24 https://C.example:8443/d - 8443 -")), PARSE_OK);
    assert_text(x.hit.host, "c.example");
    assert_text(x.hit.scheme, "https");
    assert_text(x.hit.path, "/d");
    fixture_close(&x);
}

/* A file that was cut behind its header: IIS's defaults are known by their number of columns. */
static void rows_without_header(void **state)
{
#define IIS_15                                                                                     \
    "2026-11-03 00:10:24 192.0.2.80 GET /a b=c 443 - 203.0.113.20 A+B https://r.example/ 200 0 0 " \
    "46"
    static const char *const bad[] = {
        "2026-11-03 00:10:24 192.0.2.80 GET /a b=c 443 - 203.0.113.20 A+B 200 0",
        "2026-11-03 00:10:24 192.0.2.80 /a GET b=c 443 - 203.0.113.20 A+B - 200 0 0 46",
        "2026-11-03 00:10:24 192.0.2.80 GET /a b=c 443 203.0.113.20 - A+B - 200 0 0 46",
        "2026-11-03 00:10:24 192.0.2.80 GET /a b=c 443 - 203.0.113.20 A+B - 0 20 0 46",
        "203.0.113.20 00:10:24 192.0.2.80 GET /a b=c 443 - 203.0.113.20 A+B - 200 0 0 46",
    };
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("iis"), NULL);
    assert_int_equal(fixture_parse(&x, STR(IIS_15)), PARSE_OK);
    assert_text(x.hit.client_ip, "203.0.113.20");
    assert_text(x.hit.referrer, "https://r.example/");
    assert_int_equal(x.hit.status, 200);
    assert_int_equal(fixture_parse(&x, STR("2026-11-03 00:10:24 192.0.2.80 GET /a b=c 443 - "
                                           "203.0.113.20 A+B 404 0 0 46")),
                     PARSE_OK);
    assert_text(x.hit.referrer, NULL);
    assert_int_equal(x.hit.status, 404);
    assert_int_equal(fixture_parse(&x, STR(IIS_15 " 198.51.100.7")), PARSE_OK);
    assert_text(x.hit.forwarded_for, "198.51.100.7");
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (fixture_parse(&x, str_of(bad[i])) != PARSE_BAD)
            fail_msg("%s is taken", bad[i]);
    assert_int_equal(fixture_parse(&x, STR("#Fields: date time cs-uri-stem")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR(IIS_15)), PARSE_BAD);
    fixture_close(&x);
}

/* Whichever columns are ticked. */
static void columns_by_what_they_hold(void **state)
{
    static const struct {
        const char *line, *host, *referrer, *agent, *forwarded;
        int64_t bytes, ms;
    } cases[] = {
        {"2026-11-03 00:10:24 192.0.2.80 GET /a b=c 443 - 203.0.113.20 A+B 200 0 0", NULL, NULL,
         "A B", NULL, HIT_NO_NUMBER, HIT_NO_NUMBER},
        /* the cookie, the bytes and X-Forwarded-For */
        {"2026-11-03 00:10:24 192.0.2.80 GET /a b=c 443 anna@a.example 203.0.113.20 A+B "
         "SID=1;+w=2 https://r.example/ 200 0 0 20123 36264 597 198.51.100.7",
         NULL, "https://r.example/", "A B", "198.51.100.7", 20123, 597},
        /* the site and the server, the protocol and the host */
        {"2026-11-03 00:10:24 W3SVC1 WEB 192.0.2.80 GET /a b=c 443 - 203.0.113.20 HTTP/1.1 A+B - "
         "www.example.com 200 0 0 34018 303 46",
         "www.example.com", NULL, "A B", NULL, 34018, 46},
        {"2026-11-03 00:10:24 W3SVC1 GET /a b=c 443 - fe80::1%12 A+B - - localhost:81 200 0 0 46",
         "localhost", NULL, "A B", NULL, HIT_NO_NUMBER, 46},
        /* nobody's user agent, and a "-" for X-Forwarded-For */
        {"2026-11-03 00:10:24 WEB 192.0.2.80 GET /a b=c 443 - 203.0.113.20 - - 200 0 0 15 -", NULL,
         NULL, NULL, NULL, HIT_NO_NUMBER, 15},
    };
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("iis"), NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (fixture_parse(&x, str_of(cases[i].line)) != PARSE_OK)
            fail_msg("%s is not taken", cases[i].line);
        assert_text(x.hit.path, "/a");
        assert_text(x.hit.query, "b=c");
        assert_text(x.hit.scheme, "https");
        assert_int_equal(x.hit.status, 200);
        assert_text(x.hit.host, cases[i].host);
        assert_text(x.hit.referrer, cases[i].referrer);
        assert_text(x.hit.user_agent, cases[i].agent);
        assert_text(x.hit.forwarded_for, cases[i].forwarded);
        assert_true(x.hit.bytes == cases[i].bytes);
        assert_true(x.hit.duration_ms == cases[i].ms);
        assert_null(hit_parse_changes(x.parser, str_of(cases[i].line)));
        /* and what IIS writes by default is still that */
        assert_int_equal(fixture_parse(&x, STR(IIS_15)), PARSE_OK);
        assert_text(x.hit.referrer, "https://r.example/");
    }
    fixture_close(&x);
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

    fixture_open(&x, STR("w3c:{\"fields\":[\"cs-uri-stem\",\"timestamp(ms)\"]}"), NULL);
    assert_int_equal(fixture_parse(&x, STR("/a%2520b\t1793664624250")), PARSE_OK);
    assert_text(x.hit.path, "/a%20b");
    assert_true(x.hit.time_ms == 1793664624250);
    assert_int_equal(fixture_parse(&x, STR("#Fields: timestamp cs-host x-host-header cs-uri-stem")),
                     PARSE_DIRECTIVE);
    assert_int_equal(
        fixture_parse(&x, STR("1793664624.25\tWWW.a.example\td1.cloudfront.net\t/x?y")), PARSE_OK);
    assert_text(x.hit.host, "www.a.example");
    assert_text(x.hit.query, "y");
    fixture_close(&x);
    fixture_open(&x, STR("w3c:{\"delimiter\":\" \"}"), NULL);
    assert_int_equal(fixture_parse(&x, STR("/a 1793664624250")), PARSE_BAD);
    assert_int_equal(fixture_parse(&x, STR("#Fields: cs-uri-stem timestamp(ms)")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("/a 1793664624250")), PARSE_OK);
    fixture_close(&x);
    buf_init(&why, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_reset(&why);
        assert_null(format_new(str_of(bad[i]), NULL, &why));
        assert_true(why.n > 20);
    }
    buf_release(&why);
}

/* As `grep` leaves them, of today, of before 3.0, and of Bro 2.4 and before. */
static void zeek_rows_without_header(void **state)
{
    static const char *const rows[] = {
        "1793664624.250\tC1\t203.0.113.20\t44512\t192.0.2.10\t80\t1\tGET\ta.example\t/a\t-\t"
        "1.1\tcurl/8\t-\t223\t6329\t200\tOK\t-\t-\t(empty)\tanna\t-\t-\t-\t-\t-\tF1\t-\ttext/html",
        "1793664624.250\tC1\t203.0.113.20\t44512\t192.0.2.10\t80\t1\tGET\ta.example\t/a\t-\t"
        "1.1\tcurl/8\t223\t6329\t200\tOK\t-\t-\t(empty)\tanna\t-\t-\t-\t-\t-\tF1\t-\ttext/html",
        "1793664624.250\tC1\t203.0.113.20\t44512\t192.0.2.10\t80\t1\tGET\ta.example\t/a\t-\t"
        "curl/8\t223\t6329\t200\tOK\t-\t-\t-\t(empty)\tanna\t-\t-\tF0\ttext/plain\tF1\ttext/html",
    };
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("zeek"), NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(fixture_parse(&x, str_of(rows[i])), PARSE_OK);
        assert_true(x.hit.time_ms == 1793664624250);
        assert_text(x.hit.client_ip, "203.0.113.20");
        assert_text(x.hit.path, "/a");
        assert_text(x.hit.user_agent, "curl/8");
        assert_text(x.hit.remote_user, "anna");
        assert_text(x.hit.content_type, "text/html");
        assert_int_equal(x.hit.status, 200);
        assert_int_equal(x.hit.bytes, 6329);
    }
    assert_int_equal(
        fixture_parse(&x, STR("1\t2\t3\t4\t5\t6\t7\t8\t9\t10\t11\t12\t13\t14\t15\t16\t17"
                              "\t200\t19\t20\t21\t22\t23\t24\t25\t26\t27")),
        PARSE_BAD);
    fixture_close(&x);
}

/* The default of IIS 4 and 5: the date stands in the header alone. */
static void iis_time_alone(void **state)
{
    struct fixture x;
    size_t column;
    (void)state;

    fixture_open(&x, STR("iis"), NULL);
    (void)fixture_parse(&x, STR("#Fields: time c-ip cs-method cs-uri-stem sc-status"));
    assert_int_equal(fixture_parse(&x, STR("17:42:15 203.0.113.20 GET /a.htm 200")), PARSE_BAD);
    (void)fixture_parse(&x, STR("#Version: 1.0"));
    (void)fixture_parse(&x, STR("#Date: 2026-11-03 17:42:15"));
    (void)fixture_parse(&x, STR("#Fields: time c-ip cs-method cs-uri-stem sc-status"));
    assert_int_equal(fixture_parse(&x, STR("17:42:15 203.0.113.20 GET /a.htm 200")), PARSE_OK);
    assert_true(x.hit.time_ms == 1793727735000);
    assert_text(x.hit.path, "/a.htm");
    assert_int_equal(fixture_parse(&x, STR("27:42:15 203.0.113.20 GET /a.htm 200")), PARSE_BAD);
    (void)parser_error(x.parser, &column);
    assert_int_equal(column, 0);
    fixture_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),
        cmocka_unit_test(zeek_columns),
        cmocka_unit_test(zeek_rows_without_header),
        cmocka_unit_test(iis_time_alone),
        cmocka_unit_test(iis_columns_change_inside_a_file),
        cmocka_unit_test(columns_in_quotes),
        cmocka_unit_test(rows_without_header),
        cmocka_unit_test(columns_by_what_they_hold),
        cmocka_unit_test(columns_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
