/* JSON lines: the tolerant scanner, the tables of keys, keys of one's own, and times. */
#include "tests/unit/parsers/format_fixture.h"

#include "parsers/base/zone.h"
#include "parsers/fields.h"

static enum parse_result parse(struct fixture *x, const char *line)
{
    return fixture_parse(x, str_of(line));
}

#define NGINX_START "{\"time_local\":\"03/Nov/2026:00:10:24 +0100\",\"remote_addr\":\"192.0.2.1\","

static void nginx_lines_that_are_no_json(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("nginx_json"), NULL);
    /* \xHH, a value that is not there, values outside of quotes, raw bytes, a last comma. */
    assert_int_equal(parse(&x, NGINX_START "\"request\":\"GET /d\\x22o\xff/?v=2 HTTP/1.1\","
                                           "\"urt\":,\"uct\":0.1, 0.2,\"status\":200,"
                                           "\"http_user_agent\":\"a\\\\b \\u00e9\",}"),
                     PARSE_OK);
    assert_text(x.hit.path, "/d\"o\xff/");
    assert_text(x.hit.query, "v=2");
    assert_text(x.hit.user_agent, "a\\b \xc3\xa9");
    assert_int_equal(x.hit.status, 200);
    assert_true(x.hit.time_ms == INT64_C(1793661024000));
    /* Quotes that nobody escaped. */
    assert_int_equal(parse(&x, NGINX_START "\"uri\":\"/\",\"agent\":\"foo \"bar\" baz\","
                                           "\"status\":\"304\"}"),
                     PARSE_OK);
    assert_text(x.hit.user_agent, "foo \"bar\" baz");
    assert_int_equal(x.hit.status, 304);
    /* The first value of a key counts, but for a missing one. */
    assert_int_equal(parse(&x, NGINX_START "\"uri\":\"\",\"uri\":\"/a\",\"uri\":\"/b\","
                                           "\"status\":\"-\"}"),
                     PARSE_OK);
    assert_text(x.hit.path, "/a");
    assert_int_equal(x.hit.status, -1);
    /* Apache's, with the path as the request. */
    assert_int_equal(parse(&x,
                           "{\"time\":\"[03/Nov/2026:00:10:24 +0000]\",\"remoteIP\":\"192.0.2.1\","
                           "\"request\":\"/docs/\",\"query\":\"?v=2\",\"method\":\"GET\","
                           "\"status\":\"200\"}"),
                     PARSE_OK);
    assert_text(x.hit.client_ip, "192.0.2.1");
    assert_text(x.hit.method, "GET");
    assert_text(x.hit.path, "/docs/");
    assert_text(x.hit.query, "v=2");
    /* The server's own name or address, beside the site's. */
    assert_int_equal(parse(&x, NGINX_START "\"host\":\"10.0.0.5\",\"domain\":\"a.example\","
                                           "\"url\":\"/a\",\"status\":\"200\"}"),
                     PARSE_OK);
    assert_text(x.hit.host, "a.example");
    /* A request without a line is a request. */
    assert_int_equal(parse(&x, NGINX_START "\"request\":\"\",\"status\":400}"), PARSE_OK);
    assert_text(x.hit.path, NULL);
    assert_int_equal(parse(&x, "\xef\xbb\xbf" NGINX_START "\"uri\":\"/\"}\r"), PARSE_OK);
    fixture_close(&x);
}

static void lines_that_are_refused(void **state)
{
    static const char *const lines[] = {
        "x",
        "{",
        NGINX_START "\"uri\":\"/\"",
        NGINX_START "\"uri\":\"/a",
        NGINX_START "\"uri\":\"/\",\"a\":{\"b\":1}",
        NGINX_START "\"uri\":\"/\",\"a\":[{\"b\":\"}",
        NGINX_START "\"uri\":\"/\"} more",
        NGINX_START "\"status\":200}",
        NGINX_START "\"uri\":\"/\",\"status\":\"ok\"}",
        "{\"uri\":\"/\",\"status\":200}",
        "{\"time\":\"yesterday\",\"uri\":\"/\",\"status\":200}",
        "{\"time\":\"2026-02-30T00:00:00Z\",\"uri\":\"/\",\"status\":200}",
    };
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("nginx_json"), NULL);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_int_equal(parse(&x, lines[i]), PARSE_BAD);
    fixture_close(&x);
}

static void messages_of_servers_are_no_requests(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("caddy_json"), NULL);
    assert_int_equal(parse(&x, "{\"level\":\"info\",\"ts\":1.5,\"logger\":\"tls\",\"msg\":\"x\"}"),
                     PARSE_DIRECTIVE);
    assert_int_equal(parse(&x, "{\"level\":\"info\",\"ts\":1.5}"), PARSE_BAD);
    /* of one request, Caddy has what went wrong beside the access log's entry */
    static const struct {
        const char *logger;
        enum parse_result result;
    } loggers[] = {{"http.log.access", PARSE_OK},
                   {"http.log.access.log0", PARSE_OK},
                   {"http.log.error", PARSE_DIRECTIVE},
                   {"http.log.error.log0", PARSE_DIRECTIVE},
                   {"http.handlers.reverse_proxy", PARSE_DIRECTIVE},
                   {"", PARSE_OK}};
    static const char object[] = "\"request\":{\"client_ip\":\"192.0.2.1\",\"method\":\"GET\","
                                 "\"host\":\"a.example\",\"uri\":\"/\"},\"status\":502}";
    for (size_t i = 0; i < COUNT_OF(loggers); i++) {
        char line[512];
        const char *logger = loggers[i].logger;

        snprintf(line, sizeof(line), "{\"ts\":1793664624.25,\"logger\":\"%s\",%s", logger, object);
        assert_int_equal(parse(&x, line), loggers[i].result);
        snprintf(line, sizeof(line), "2026/11/03 00:10:24.250\tERROR\t%s\tdial tcp\t{%s", logger,
                 object);
        assert_int_equal(parse(&x, line), loggers[i].result);
    }
    assert_int_equal(
        parse(&x, "{\"ts\":1793664624.2504,\"request\":{\"remote_addr\":\"[2001:db8::1]:4\","
                  "\"uri\":\"/\",\"headers\":{\"User-Agent\":[\"a\",\"b\"],\"Sec-Purpose\":"
                  "[\"prefetch\"]},\"tls\":{}},\"status\":0,\"duration\":\"1m2.5s\"}"),
        PARSE_OK);
    assert_text(x.hit.client_ip, "2001:db8::1");
    assert_text(x.hit.scheme, "https");
    assert_text(x.hit.user_agent, "a");
    assert_text(x.hit.purpose, "prefetch");
    assert_int_equal(x.hit.status, 0);
    assert_int_equal(x.hit.duration_ms, 62500);
    assert_true(x.hit.time_ms == INT64_C(1793664624250));
    fixture_close(&x);
    fixture_open(&x, STR("cloudflare_json"), NULL);
    assert_int_equal(parse(&x, "{\"content\":\"test\"}"), PARSE_DIRECTIVE);
    assert_int_equal(parser_directive(x.parser), DIRECTIVE_MESSAGE);
    fixture_close(&x);
}

static void cloudfront_is_decoded_once(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("cloudfront_json"), NULL);
    assert_int_equal(parse(&x, "{\"timestamp(ms)\":\"1793664624250\",\"cs-uri-stem\":\"/a%252Fb\","
                               "\"cs-uri-query\":\"-\",\"sc-status\":\"200\","
                               "\"cs(User-Agent)\":\"a%2520b+c\"}"),
                     PARSE_OK);
    assert_text(x.hit.path, "/a%2Fb");
    assert_text(x.hit.query, NULL);
    assert_text(x.hit.user_agent, "a b+c");
    assert_int_equal(parse(&x, "{\"timestamp(ms)\":\"1793664624250\",\"cs-uri-stem\":\"/a%2Fb\","
                               "\"sc-status\":200,\"cs(User-Agent)\":\"a b\"}"),
                     PARSE_OK);
    assert_text(x.hit.path, "/a%2Fb");
    /* A date belongs to a time of day, not to a whole time. */
    assert_int_equal(parse(&x, "{\"date\":\"2026-11-03\",\"time\":\"00:10:24\",\"timestamp(ms)\":"
                               "\"1793664624250\",\"cs-uri-stem\":\"/\",\"sc-status\":\"200\"}"),
                     PARSE_OK);
    assert_true(x.hit.time_ms == INT64_C(1793664624250));
    assert_int_equal(parse(&x, "{\"date\":\"2026-11-03\",\"time\":\"00:10:24\",\"timestamp(ms)\":"
                               "\"-\",\"cs-uri-stem\":\"/\",\"sc-status\":\"200\"}"),
                     PARSE_OK);
    assert_true(x.hit.time_ms == INT64_C(1793664624000));
    fixture_close(&x);
    fixture_open(&x, STR("json:{\"time\":[\"ts\",\"time\"],\"date\":\"date\",\"target\":\"url\"}"),
                 NULL);
    static const char *const times[] = {"\"ts\":1793664624.0,\"time\":\"00:10:24\"",
                                        "\"ts\":\"2026-11-03T00:10:24Z\"",
                                        "\"ts\":\"03/Nov/2026:00:10:24 +0000\"",
                                        "\"ts\":\"00:10:24.000\"", "\"time\":\"00:10:24Z\""};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char line[256];

        snprintf(line, sizeof(line), "{\"date\":\"2026-11-03\",%s,\"url\":\"/\"}", times[i]);
        assert_int_equal(parse(&x, line), PARSE_OK);
        assert_true(x.hit.time_ms == INT64_C(1793664624000));
    }
    fixture_close(&x);
    fixture_open(&x, STR("akamai_json"), NULL);
    assert_int_equal(parse(&x, "{\"reqTimeSec\":\"1793664624.250\",\"reqPath\":\"a/b\","
                               "\"UA\":\"Mozilla/5.0+(X;+Y)+(+http://z)++http://q\"}"),
                     PARSE_OK);
    assert_text(x.hit.path, "/a/b");
    assert_text(x.hit.user_agent, "Mozilla/5.0 (X; Y) (+http://z) +http://q");
    fixture_close(&x);
}

static void keys_of_ones_own(void **state)
{
    static const char *const bad[] = {
        "json:{}",
        "json:",
        "json:{\"time\":\"ts\"}",
        "json:{\"target\":\"url\"}",
        "json:{\"time\":\"ts\",\"target\":\"url\",\"colour\":\"c\"}",
        "json:{\"time\":\"ts\",\"target\":1}",
        "json:{\"time\":\"ts\",\"target\":[]}",
        "json:{\"time\":\"ts\",\"target\":\"\"}",
        "json:{\"time\":\"ts\",\"target\":\"a.b.c.d.e.f.g.h.i\"}",
        "json:{\"time\":\"ts\",\"target\":\"url\"} x",
    };
    struct fixture x;
    struct buf why;
    (void)state;

    fixture_open(
        &x, STR("json:{\"time\":\"ts\",\"target\":[\"a.b.url\",\"u\"],\"status\":\"a.s\"}"), NULL);
    assert_int_equal(parse(&x, "{\"ts\":1,\"a\":{\"b\":{\"url\":\"/x?y\"},\"s\":\"201.0\"}}"),
                     PARSE_BAD); /* one second after 1970 is no time of a log: too few digits */
    assert_int_equal(
        parse(&x, "{\"ts\":1793664624,\"u\":\"/u\",\"a\":{\"b\":{\"url\":\"/x?y\"},\"s\":201.0}}"),
        PARSE_OK);
    assert_text(x.hit.path, "/x");
    assert_int_equal(x.hit.status, 201);
    assert_int_equal(parse(&x, "{\"ts\":1793664624,\"a.b.url\":\"http://E.x:8080/x\"}"), PARSE_OK);
    assert_text(x.hit.host, "e.x");
    fixture_close(&x);
    buf_init(&why, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_reset(&why);
        assert_null(format_new(str_of(bad[i]), NULL, &why));
        assert_true(why.n > 20);
    }
    buf_release(&why);
}

/* What decides besides: which part a 206 sent, an attachment, a prefetch, and for whom a proxy
 * asked. */
#define ASKED "\"status\":206,\"uri\":\"/a\",\"ts\":1793664624"
static const struct {
    const char *spec, *line;
    struct str range, disposition, purpose, forwarded;
} header_cases[] = {
    {"nginx_json",
     "{" ASKED ",\"sent_http_content_range\":\"bytes 0-9/99\",\"http_range\":\"bytes=0-\","
     "\"sent_http_content_disposition\":\"attachment\",\"http_sec_purpose\":\"prefetch\","
     "\"http_forwarded\":\"for=192.0.2.1\"}",
     STR_INIT("bytes 0-9/99"), STR_INIT("attachment"), STR_INIT("prefetch"),
     STR_INIT("for=192.0.2.1")},
    {"nginx_json",
     "{" ASKED ",\"sent_http_content_range\":\"\",\"http_range\":\"bytes=5-\"}",
     STR_INIT("bytes=5-"),
     {NULL, 0},
     {NULL, 0},
     {NULL, 0}},
    {"caddy_json",
     "{\"ts\":1793664624.5,\"request\":{\"uri\":\"/a\",\"headers\":{\"Range\":[\"bytes=5-\"],"
     "\"Forwarded\":[\"for=192.0.2.1\"],\"Sec-Purpose\":[\"prefetch\"]}},\"status\":206,"
     "\"resp_headers\":{\"Content-Range\":[\"bytes 5-9/99\"],"
     "\"Content-Disposition\":[\"attachment\"]}}",
     STR_INIT("bytes 5-9/99"), STR_INIT("attachment"), STR_INIT("prefetch"),
     STR_INIT("for=192.0.2.1")},
    {"traefik_json",
     "{\"StartUTC\":\"2026-11-03T00:10:24.25Z\",\"RequestPath\":\"/"
     "a\",\"DownstreamStatus\":206,"
     "\"request_Range\":\"bytes=5-\",\"downstream_Content-Disposition\":\"attachment\","
     "\"request_Sec-Purpose\":\"prefetch\",\"request_Forwarded\":\"for=192.0.2.1\"}",
     STR_INIT("bytes=5-"), STR_INIT("attachment"), STR_INIT("prefetch"), STR_INIT("for=192.0.2.1")},
    {"cloudfront_json",
     "{\"date\":\"2026-11-03\",\"time\":\"00:10:24\",\"cs-uri-stem\":\"/a\",\"sc-status\":"
     "\"206\",\"sc-range-start\":\"5\"}",
     STR_INIT("5"),
     {NULL, 0},
     {NULL, 0},
     {NULL, 0}},
    {"cloudflare_json",
     "{\"EdgeStartTimestamp\":1793664624250000000,\"ClientRequestURI\":\"/a\","
     "\"EdgeResponseStatus\":206,\"RequestHeaders\":{\"range\":\"bytes=5-\",\"sec-purpose\":"
     "\"prefetch\",\"forwarded\":\"for=192.0.2.1\"},"
     "\"ResponseHeaders\":{\"content-disposition\":\"attachment\"}}",
     STR_INIT("bytes=5-"), STR_INIT("attachment"), STR_INIT("prefetch"), STR_INIT("for=192.0.2.1")},
    {"akamai_json",
     "{\"reqTimeSec\":\"1793664624.250\",\"reqPath\":\"a\",\"statusCode\":\"206\","
     "\"range\":\"5-9\"}",
     STR_INIT("5-9"),
     {NULL, 0},
     {NULL, 0},
     {NULL, 0}},
    {"fastly_json",
     "{\"timestamp\":\"2026-11-03T00:10:24+0000\",\"url\":\"/a\",\"response_status\":206,"
     "\"request_range\":\"bytes=5-\",\"response_content_disposition\":\"attachment\","
     "\"request_sec_purpose\":\"prefetch\",\"request_forwarded\":\"for=192.0.2.1\"}",
     STR_INIT("bytes=5-"), STR_INIT("attachment"), STR_INIT("prefetch"), STR_INIT("for=192.0.2.1")},
    {"envoy_json",
     "{\"start_time\":\"2026-11-03T00:10:24.250Z\",\"path\":\"/a\",\"response_code\":206,"
     "\"range\":\"bytes=5-\",\"content_disposition\":\"attachment\",\"sec_purpose\":"
     "\"prefetch\",\"forwarded\":\"for=192.0.2.1\"}",
     STR_INIT("bytes=5-"), STR_INIT("attachment"), STR_INIT("prefetch"), STR_INIT("for=192.0.2.1")},
    {"json:{\"time\":\"ts\",\"target\":\"uri\",\"status\":\"status\",\"range\":\"h.r\","
     "\"disposition\":\"h.d\",\"purpose\":\"h.p\",\"forwarded\":\"h.f\"}",
     "{" ASKED ",\"h\":{\"r\":\"bytes=5-\",\"d\":\"attachment\",\"p\":\"prefetch\","
     "\"f\":\"for=192.0.2.1\"}}",
     STR_INIT("bytes=5-"), STR_INIT("attachment"), STR_INIT("prefetch"), STR_INIT("for=192.0.2.1")},
};

static void headers_that_decide(void **state)
{
    struct fixture x;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(header_cases); i++) {
        fixture_open(&x, str_of(header_cases[i].spec), NULL);
        if (parse(&x, header_cases[i].line) != PARSE_OK)
            fail_msg("%s: %s", header_cases[i].spec, x.parser->error);
        assert_text(x.hit.range, header_cases[i].range.p);
        assert_text(x.hit.disposition, header_cases[i].disposition.p);
        assert_text(x.hit.purpose, header_cases[i].purpose.p);
        assert_text(x.hit.forwarded, header_cases[i].forwarded.p);
        fixture_close(&x);
    }
#undef ASKED
}

static void times(void **state)
{
    static struct zone_change berlin[] = {{INT64_C(1774746000), 7200}, {INT64_C(1792890000), 3600}};
    static const struct zone zone = {3600, 2, berlin};
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"2026-11-03T00:10:24Z", 1793664624000},
        {"2026-11-03 01:10:24.5+01:00", 1793664624500},
        {"2026-11-03T00:10:24,123456 +0000", 1793664624123},
        {"2026/11/03 00:10:24 UTC", 1793664624000},
        {"2026-11-03T05:40:24+0530", 1793664624000},
        {"03/Nov/2026:00:10:24 +0000", 1793664624000},
        {"03/Nov/2026:01:10:24.250", 1793664624250},
        {"[03/Nov/2026:00:10:24 +0000]", 1793664624000}, /* Apache's %t */
        {"2026-11-03 01:10:24", 1793664624000},
        {"2026-07-01T02:00:00", 1782864000000},
        {"2026-10-25 02:30:00", 1792888200000}, /* twice: the first */
        {"2026-03-29 02:30:00", 1774747800000}, /* never: 03:30 */
        {"1793664624", 1793664624000},
        {"1793664624.2509", 1793664624251},
        {"1.793664624250e+09", 1793664624250},
        {"1793664624250", 1793664624250},
        {"1793664624250999", 1793664624250},
        {"1793664624250999888", 1793664624250},
    };
    static const char *const bad[] = {"",      "1",
                                      "-1",    "2026-13-03T00:10:24Z",
                                      "now",   "1793664624x",
                                      "1e400", "2026-11-03T00:10:24+1",
                                      "2026",  "03/Nov/2026:00:10:2",
                                      "99/99", "2026-11-03T00:10",
                                      "[]",    "[03/Nov/2026:00:10:24 +0000"};
    struct field_times t = {.zone = &zone};
    int64_t ms = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!field_time(&t, str_of(good[i].text), &ms) || ms != good[i].ms)
            print_error("%s: %lld\n", good[i].text, (long long)ms);
        assert_true(field_time(&t, str_of(good[i].text), &ms) && ms == good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(field_time(&t, str_of(bad[i]), &ms));
}

static void numbers(void **state)
{
    static const struct {
        const char *text;
        int scale;
        int64_t value;
    } good[] = {{"12", 0, 12},
                {"0.0035", 3, 4},
                {"-1", 0, -1},
                {"1.5e-05", 6, 15},
                {"1.5\xc2\xb5s", 9, 1500},
                {"2h1m3.5s", 3, 7263500},
                {"123ms", 3, 123},
                {"0.00000000000000000000001", 3, 0}};
    static const char *const bad[] = {"",     "-",   ".",   "1x", "e5", "99999999999999999999",
                                      "1e30", "1s2", "1..2"};
    int64_t value = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(field_number(str_of(good[i].text), good[i].scale, &value));
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(field_number(str_of(bad[i]), 3, &value));
}

/* Of every JSON format: no change to its example does harm. */
static void examples(void **state)
{
    const char *about, *name;
    (void)state;

    for (size_t i = 0; (name = format_list(i, &about)); i++) {
        struct fixture x;

        if (!strstr(name, "_json"))
            continue;
        fixture_open_row(&x, i);
        struct str line = fixture_parse_example(&x, i);
        assert_text(x.hit.client_ip, "203.0.113.20");
        assert_text(x.hit.host, "www.example.com");
        assert_text(x.hit.user_agent, EXAMPLE_AGENT);
        assert_int_equal(x.hit.bytes, 6329);
        assert_null(hit_parse_changes(x.parser, line));
        fixture_close(&x);
    }
}

/* Another schema has an object where a text should be. */
static void objects_are_no_values(void **state)
{
    struct fixture x;
    size_t column;
    (void)state;

    fixture_open(&x, STR("nginx_json"), NULL);
    assert_int_equal(
        fixture_parse(&x, STR("{\"time\":1793664624,\"uri\":\"/a\",\"user_agent\":{\"name\":"
                              "\"curl\"},\"agent\":\"curl/8.1\",\"host\":{\"id\":[1]},"
                              "\"referer\":\"{\"}")),
        PARSE_OK);
    assert_text(x.hit.user_agent, "curl/8.1");
    assert_text(x.hit.host, NULL);
    assert_text(x.hit.referrer, "{");
    assert_int_equal(fixture_parse(&x, STR("{\"time\":1793664624,\"url\":{\"path\":\"/a\"}}")),
                     PARSE_BAD);
    assert_string_equal(parser_error(x.parser, &column),
                        "the line has neither a request line nor a path");
    fixture_close(&x);
}

#define PLAIN "\"status\":200,\"uri\":\"/a\",\"ts\":1793664624"

/* "host" is the site, or who asked: where it is an address and no other key has one. */
static void an_address_in_host(void **state)
{
    static const struct {
        const char *line, *client, *host;
    } cases[] = {
        {"{\"host\":\"203.0.113.20\"," PLAIN "}", "203.0.113.20", NULL},
        {"{\"host\":\"2001:db8::7\",\"remote_addr\":\"-\"," PLAIN "}", "2001:db8::7", NULL},
        {"{\"host\":\"192.0.2.1\",\"remote_addr\":\"203.0.113.20\"," PLAIN "}", "203.0.113.20",
         "192.0.2.1"},
        {"{\"host\":\"192.0.2.1\",\"http_x_forwarded_for\":\"203.0.113.20\"," PLAIN "}", NULL,
         "192.0.2.1"},
        {"{\"host\":\"192.0.2.1:8080\"," PLAIN "}", NULL, "192.0.2.1"},
        {"{\"host\":\"www.example.com\"," PLAIN "}", NULL, "www.example.com"},
    };
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("nginx_json"), NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(fixture_parse(&x, str_of(cases[i].line)), PARSE_OK);
        assert_text(x.hit.client_ip, cases[i].client);
        assert_text(x.hit.host, cases[i].host);
    }
    fixture_close(&x);
}

/* As widely copied log formats call them. */
static void other_names_in_nginx_json(void **state)
{
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("nginx_json"), NULL);
    assert_int_equal(
        fixture_parse(&x, STR("{\"request_type\":\"POST\",\"responsetime\":0.012," PLAIN "}")),
        PARSE_OK);
    assert_text(x.hit.method, "POST");
    assert_int_equal(x.hit.duration_ms, 12);
    fixture_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_in_host),
        cmocka_unit_test(other_names_in_nginx_json),
        cmocka_unit_test(objects_are_no_values),
        cmocka_unit_test(nginx_lines_that_are_no_json),
        cmocka_unit_test(lines_that_are_refused),
        cmocka_unit_test(messages_of_servers_are_no_requests),
        cmocka_unit_test(cloudfront_is_decoded_once),
        cmocka_unit_test(keys_of_ones_own),
        cmocka_unit_test(headers_that_decide),
        cmocka_unit_test(times),
        cmocka_unit_test(numbers),
        cmocka_unit_test(examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
