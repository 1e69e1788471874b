/* Key maps that are guessed for JSON lines of one's own. */
#include "parsers/detect_json.h"
#include "parsers/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MAX_LINES 64

static struct json_guess guessed(struct str text, struct detection *d)
{
    static struct str lines[MAX_LINES];
    struct json_guess g;
    size_t n = 0;

    while (text.n && n < MAX_LINES)
        lines[n++] = str_cut(&text, '\n');
    assert_int_equal(detect_json(lines, n, &g), 0);
    if (g.spec[0] && d)
        assert_int_equal(detect_fit(lines, n, g.spec, d), 0);
    return g;
}

static void assert_spec(const char *name, const char *line, const char *spec)
{
    struct detection d;
    struct json_guess g = guessed(str_of(line), &d);

    if (strcmp(g.spec, spec) != 0)
        fail_msg("%s: %s (missing: %s)", name, g.spec, g.missing);
    if (!d.fits || d.matched != d.lines)
        fail_msg("%s: fits %u of %u: %s", name, d.matched, d.lines, d.error);
}

static void test_shapes(void **state)
{
    assert_spec(
        "pino-http",
        "{\"level\":30,\"time\":1793664624250,\"pid\":7,\"hostname\":\"box.lan\",\"req\":{\"id\":"
        "1,\"method\":\"GET\",\"url\":\"/docs/?v=2\",\"headers\":{\"host\":\"www.example.com\","
        "\"user-agent\":\"curl/8\"},\"remoteAddress\":\"203.0.113.20\"},\"res\":{\"statusCode\":"
        "200,\"headers\":{\"content-type\":\"text/html\"}},\"responseTime\":12,\"msg\":\"ok\"}",
        "json:{\"time\":\"time\",\"target\":\"req.url\",\"method\":\"req.method\",\"host\":"
        "\"req.headers.host\",\"status\":\"res.statusCode\",\"client_ip\":\"req.remoteAddress\","
        "\"user_agent\":\"req.headers.user-agent\",\"content_type\":"
        "\"res.headers.content-type\",\"request_id\":\"req.id\"}");
    assert_spec(
        "Vercel's drain: the path with its query is the proxy's",
        "{\"id\":\"1\",\"timestamp\":1793664624250,\"host\":\"www.example.com\",\"path\":\"/docs/"
        "\","
        "\"proxy\":{\"method\":\"GET\",\"path\":\"/docs/?v=2\",\"userAgent\":[\"curl/8\"],"
        "\"statusCode\":200,\"clientIp\":\"203.0.113.20\"}}",
        "json:{\"time\":\"timestamp\",\"target\":\"proxy.path\",\"method\":\"proxy.method\","
        "\"host\":"
        "\"host\",\"status\":\"proxy.statusCode\",\"client_ip\":\"proxy.clientIp\",\"user_agent\":"
        "\"proxy.userAgent\"}");
    assert_spec("Railway's: a user agent under a name of its own",
                "{\"timestamp\":\"2026-11-03T00:10:24.25Z\",\"method\":\"GET\",\"path\":\"/"
                "a\",\"httpStatus\":"
                "200,\"kind\":\"http\",\"clientUa\":\"Mozilla/5.0 (X11)\",\"txBytes\":12,\"srcIp\":"
                "\"203.0.113.20\"}",
                "json:{\"time\":\"timestamp\",\"target\":\"path\",\"method\":\"method\",\"status\":"
                "\"httpStatus\",\"bytes\":\"txBytes\",\"client_ip\":\"srcIp\",\"user_agent\":"
                "\"clientUa\"}");
    assert_spec(
        "API Gateway",
        "{\"requestId\":\"r1\",\"ip\":\"203.0.113.20\",\"requestTime\":\"03/Nov/2026:00:10:24 "
        "+0000\",\"httpMethod\":\"GET\",\"resourcePath\":\"/"
        "a\",\"status\":\"200\",\"protocol\":\"HTTP/1.1\",\"responseLength\":\"12\"}",
        "json:{\"time\":\"requestTime\",\"target\":\"resourcePath\",\"method\":\"httpMethod\","
        "\"protocol\":\"protocol\",\"status\":\"status\",\"bytes\":\"responseLength\",\"client_"
        "ip\":\"ip\",\"request_id\":\"requestId\"}");
    assert_spec(
        "ECS",
        "{\"@timestamp\":\"2026-11-03T00:10:24.250Z\",\"log\":{\"file\":{\"path\":\"/a/b\"}},"
        "\"host\":{\"name\":\"box.lan\"},\"http\":{\"request\":{\"method\":\"GET\",\"referrer\":"
        "\"-\"},\"response\":{\"status_code\":200,\"body\":{\"bytes\":512}},\"version\":\"1.1\"},"
        "\"source\":{\"ip\":\"203.0.113.20\"},\"url\":{\"domain\":\"www.example.com\",\"original\":"
        "\"/docs/?v=2\",\"path\":\"/docs/\",\"query\":\"v=2\"},\"user_agent\":{\"original\":"
        "\"curl/8\"},\"event\":{\"duration\":12000000}}",
        "json:{\"time\":\"@timestamp\",\"target\":\"url.original\",\"query\":\"url.query\","
        "\"method\":\"http.request.method\",\"host\":\"url.domain\",\"status\":"
        "\"http.response.status_code\",\"bytes\":\"http.response.body.bytes\",\"duration_ns\":"
        "\"event.duration\",\"client_ip\":\"source.ip\",\"user_agent\":\"user_agent.original\"}");
    assert_spec(
        "nginx's, which is not quite JSON",
        "{\"time\":\"2026-11-03T00:10:24+00:00\",\"req\":\"GET /docs/?v=2 HTTP/1.1\","
        "\"status\":200,\"urt\":,\"ref\":\"\",\"ua\":\"Odd \\x22Bot\\x22 \\\\ 1\",\"up\": }",
        "json:{\"time\":\"time\",\"request\":\"req\",\"status\":\"status\","
        "\"user_agent\":\"ua\"}");
    assert_spec(
        "a request line",
        "{\"when\":{\"ts\":1793664624.5},\"Http\":{\"Request\":\"GET /docs/ HTTP/1.1\","
        "\"Status\":\"200\"},\"peer\":\"203.0.113.20:4711\",\"UserAgent\":[\"curl/8\",\"x\"]}",
        "json:{\"time\":\"when.ts\",\"request\":\"Http.Request\",\"status\":\"Http.Status\","
        "\"client_ip\":\"peer\",\"user_agent\":\"UserAgent\"}");
    assert_spec("Apache's, with the path as the request",
                "{\"time\":\"[03/Nov/2026:00:10:24 +0000]\",\"remoteIP\":\"203.0.113.20\",\"host\":"
                "\"www.example.com\",\"request\":\"/docs/\",\"query\":\"?v=2\",\"method\":\"GET\","
                "\"status\":\"200\",\"userAgent\":\"curl/8\",\"referer\":\"-\"}",
                "json:{\"time\":\"time\",\"target\":\"request\",\"query\":\"query\",\"method\":"
                "\"method\",\"host\":\"host\",\"status\":\"status\",\"client_ip\":\"remoteIP\","
                "\"user_agent\":\"userAgent\"}");
    assert_spec("keys with dots",
                "{\"request.time\":\"2026-11-03T00:10:24Z\",\"url.path\":\"/docs/\","
                "\"http.status_code\":200}",
                "json:{\"time\":\"request.time\",\"target\":\"url.path\",\"status\":"
                "\"http.status_code\"}");
    assert_spec(
        "in Docker's",
        "{\"log\":\"{\\\"at\\\":\\\"2026-11-03T00:10:24Z\\\",\\\"rawPath\\\":\\\"/docs/\\\","
        "\\\"sc\\\":\\\"200\\\"}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-03T00:10:24.2Z\"}",
        "docker+json:{\"time\":\"at\",\"target\":\"rawPath\",\"status\":\"sc\"}");
}

/* Values that only are called so. */
static void test_what_is_missing(void **state)
{
    static const struct {
        const char *line, *missing;
        bool json;
    } cases[] = {
        {"{\"time\":0.003,\"url\":\"/a\",\"status\":200}", "time", true},
        {"{\"ts\":1793664624,\"path\":\"index\",\"status\":200}", "path", true},
        {"{\"ts\":1793664624,\"log\":{\"file\":{\"path\":\"/var/log/x\"}},\"status\":200}", "path",
         true},
        {"{\"ts\":1793664624,\"path\":\"/a\",\"status\":\"ok\"}", "status", true},
        {"{\"ts\":1793664624,\"path\":\"/a\",\"status\":7}", "status", true},
        {"{\"level\":\"info\",\"msg\":\"hello\"}", "time, path, status", true},
        {"{\"ts\":null,\"path\":[],\"status\":{}}", "time, path, status", true},
        {"{}", "time, path, status", true},
        {"hello", "time, path, status", false},
        {"[1,2]", "time, path, status", false},
        {"{\"ts\":1793664624,\"path\":\"/a\",\"status\":200", "", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_guess g = guessed(str_of(cases[i].line), NULL);
        if (strcmp(g.missing, cases[i].missing) != 0 || g.is_json != cases[i].json || g.spec[0])
            fail_msg("%s: missing %s, %s", cases[i].line, g.missing, g.spec);
    }
    struct json_guess g =
        guessed(STR("{\"ts\":null,\"a\":{\"b.c\":1,\"d\":[{\"e\":1}]},\"b.c\":[1]}"), NULL);
    assert_int_equal(g.n_keys, 2);
    assert_string_equal(g.keys, "ts");
    assert_string_equal(g.keys + 3, "b.c");
    assert_false(g.more_keys);
}

/* Many keys, long ones, deep ones: what does not fit is left out. */
static void test_caps(void **state)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_lit(&text, "{\"ts\":1793664624,\"path\":\"/a\",\"status\":200");
    for (int i = 0; i < 400; i++)
        buf_printf(&text, ",\"key_of_some_length_%d\":%d", i, i);
    buf_lit(&text, ",\"");
    for (int i = 0; i < 200; i++)
        buf_putc(&text, 'k');
    buf_lit(&text, "\":{\"a\":1}");
    for (int i = 0; i < 12; i++)
        buf_printf(&text, ",\"o%d\":{\"x\":1", i);
    for (int i = 0; i < 12; i++)
        buf_putc(&text, '}');
    buf_putc(&text, '}');
    struct json_guess g = guessed(buf_str(&text), NULL);
    assert_true(g.is_json);
    assert_string_equal(g.spec, "json:{\"time\":\"ts\",\"target\":\"path\",\"status\":\"status\"}");
    assert_true(g.more_keys && g.n_keys > 50);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
