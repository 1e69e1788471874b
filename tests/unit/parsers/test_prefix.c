/* What collectors put before a line, and formats behind it. */
#include "parsers/base/json.h"
#include "tests/unit/parsers/format_fixture.h"

#define LINE "203.0.113.20" BEHIND
#define BEHIND " - - [03/Nov/2026:00:10:24 +0000] \"GET /docs/ HTTP/1.1\" 200 6329 \"-\" \"a\""
#define ESCAPED                                                                                    \
    "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \\\"GET /docs/ HTTP/1.1\\\" 200 6329 "          \
    "\\\"-\\\" \\\"a\\\""
#define CSV                                                                                        \
    "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"\"GET /docs/ HTTP/1.1\"\" 200 6329 "          \
    "\"\"-\"\" \"\"a\"\""
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
    {PREFIX_SYSLOG, "2026-11-03T01:10:24.123+01:00 192.0.2.1  " LINE}, /* no program: Fastly's */
    {PREFIX_SYSLOG, "2026-11-03T01:10:24+0100 web1 nginx[1]: " LINE},  /* journalctl's short-iso */
    {PREFIX_SYSLOG, "Nov 03 00:10:24.186641 web1 nginx[1]: " LINE},    /* and short-precise */
    {PREFIX_SYSLOG, "<190>1 2026-11-03T00:10:24Z web1 nginx 12 - - " LINE},
    {PREFIX_SYSLOG, "<190>1 - web1 nginx - - [a@1 b=\"c\\\"]d\"][e] \xef\xbb\xbf" LINE},
    {PREFIX_MESSAGE, "{\"@timestamp\":\"2026-11-03T00:10:24.1Z\",\"message\":\"" ESCAPED "\"}"},
    {PREFIX_MESSAGE, "{\"log\": \"" ESCAPED "\\n\", \"source\": \"stdout\"}"},
    {PREFIX_MESSAGE, "{\"PRIORITY\":\"6\",\"MESSAGE\":\"" ESCAPED "\",\"_PID\":\"12\"}"},
    {PREFIX_MESSAGE, "{\"insertId\":\"a\",\"textPayload\":\"" ESCAPED "\\n\"}"},
    {PREFIX_MESSAGE, "{\"event\":{\"original\":\"" ESCAPED "\"}}"},
    {PREFIX_STAMP, "2026-11-03T00:10:24.123Z " LINE},
    {PREFIX_STAMP, "2026-11-03T00:10:24+09:00\tweb.access\t" LINE},
    {PREFIX_COMPOSE, "web-1  | " LINE},
    {PREFIX_LOGGER, "[2026-11-03 00:10:24 +0000] [12] [INFO] " LINE},
    {PREFIX_LOGGER, "INFO:gunicorn.access:" LINE},
    {PREFIX_LOGGER, "I1103 00:10:24.186641       1 logging.go:23] " LINE},
    {PREFIX_LOGGER, "2026-11-03 00:10:24,186 - gunicorn.access - INFO - " LINE},
    {PREFIX_LOGGER, "2026-11-03 00:10:24 | info     | access:log:12 - " LINE},
    {PREFIX_MESSAGE, "{\"version\":\"1.1\",\"short_message\":\"" ESCAPED "\",\"level\":6}"},
    {PREFIX_MESSAGE, "{\"severity\":\"info\",\"msg\":\"" ESCAPED "\"}"},
    {PREFIX_MESSAGE, "{\"jsonPayload\":{\"message\":\"" ESCAPED "\"},\"insertId\":\"a\"}"},
    {PREFIX_GREP, "access.log:" LINE},
    {PREFIX_GREP, "/var/log/nginx/access.log.1:7:" LINE},
    {PREFIX_GREP, "./access_log-20261103:2001:db8::7" BEHIND},
    {PREFIX_CSV, "\"" CSV "\""},
    {PREFIX_CSV, "2026-11-03T00:10:24.000+0000,web1,\"" CSV "\",\"GET, \"\"a\"\"\",200,"},
    {PREFIX_CSV, "\"2026-11-03T00:10:24.000Z\",\"web1\",\"" CSV "\""},
};

static void prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char spec[64];
        struct fixture x;
        struct str line = str_of(good[i].line);

        assert_int_equal(prefix_detect(line), good[i].kind);
        snprintf(spec, sizeof(spec), "%s+nginx_combined", prefix_name(good[i].kind));
        fixture_open(&x, str_of(spec), NULL);
        assert_int_equal(fixture_parse(&x, line), PARSE_OK);
        assert_true(str_eq(x.hit.path, STR("/docs/")) && str_eq(x.hit.user_agent, STR("a")));
        assert_null(hit_parse_changes(x.parser, line));
        assert_int_equal(fixture_parse(&x, STR(LINE)), PARSE_BAD);
        fixture_close(&x);
    }
    assert_int_equal(prefix_detect(STR(LINE)), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("")), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("{\"log\":\"x\"}")), PREFIX_NONE);
    assert_false(prefix_docker_is_cut(STR(DOCKER("a"))));
    assert_false(prefix_docker_is_cut(STR(DOCKER("a\\\"\\\\"))));
    assert_true(prefix_docker_is_cut(STR(DOCKER("a\\"))));
    assert_true(prefix_docker_is_cut(STR("{\"log\":\"\",\"stream\":\"stdout\",\"time\":\"\\n\"}")));
    assert_true(prefix_docker_is_cut(STR("{\"log\":\"a\\n")));
    assert_true(prefix_docker_is_cut(STR("{\"log\":\"a\\")));
    assert_int_equal(prefix_detect(STR("2001:db8::7" BEHIND)), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("203.0.113.20:443" BEHIND)), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("{\"message\":\"GET /docs/ HTTP/1.1\",\"status\":200}")),
                     PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("\"" CSV)), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("\"" CSV "\"x")), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("a, " LINE)), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("[2026-11-03 00:10:24 +0000] [12] [INFO] Booting [x]")),
                     PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("2026/11/03 00:10:24 [x] 12#12: " LINE)), PREFIX_NONE);
    assert_int_equal(prefix_detect(STR("2026-11-03T00:10:24.123Z elb 203.0.113.20:1 [x]")),
                     PREFIX_NONE);
}

/* rsyslog's word on lines that came again is no line, whatever it quotes. */
static void repetitions(void **state)
{
    static const char *const specs[] = {"syslog+nginx_combined",
                                        "syslog+apache_vhost_combined",
                                        "syslog+clf",
                                        "syslog+nginx_json",
                                        "haproxy_http",
                                        "haproxy:host",
                                        "docker+syslog+clf"};
    static const char *const texts[] = {
        "message repeated 2 times: [ " LINE "]", "message repeated 12 times: [" LINE "]",
        "message repeated 2 times: [ 203.0.113.20:44512 [03/Nov/2026:00:10:24.186] https~ "
        "web/web1 0/0/1/11/12 200 6329 - - ---- 2/2/0/0/0 0/0 {a} \"GET / HTTP/1.1\"]",
        "last message repeated 3 times"};
    (void)state;

    for (size_t i = 0; i < COUNT_OF(specs); i++)
        for (size_t k = 0; k < COUNT_OF(texts); k++) {
            struct fixture x;
            struct buf line;

            buf_init(&line, 4096);
            buf_printf(&line, "Nov  3 00:10:24 web1 nginx: %s", texts[k]);
            if (i == COUNT_OF(specs) - 1) {
                struct buf inner = line;

                buf_init(&line, 4096);
                buf_lit(&line, "{\"log\":\"");
                json_put_escaped(&line, buf_str(&inner));
                buf_lit(&line, "\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-03T00:10:24.1Z\"}");
                buf_release(&inner);
            }
            fixture_open(&x, str_of(specs[i]), NULL);
            assert_int_equal(fixture_parse(&x, buf_str(&line)), PARSE_DIRECTIVE);
            fixture_close(&x);
            buf_release(&line);
        }
}

static void columns_are_of_the_whole_line(void **state)
{
    struct fixture x;
    size_t column;
    (void)state;

    fixture_open(&x, STR("cri+nginx_combined"), NULL);
    assert_int_equal(fixture_parse(&x, STR(CRI "x y")), PARSE_BAD);
    parser_error(x.parser, &column);
    assert_int_equal(column, sizeof(CRI) - 1 + 1);
    assert_int_equal(fixture_parse(&x, STR("\xef\xbb\xbf" CRI "x y")), PARSE_BAD);
    parser_error(x.parser, &column);
    assert_int_equal(column, 3 + sizeof(CRI) - 1 + 1);
    fixture_close(&x);
}

static void parts_and_standard_error(void **state)
{
    struct fixture x;
    size_t column;
    (void)state;

    fixture_open(&x, STR("cri+nginx_combined"), NULL);
    assert_int_equal(fixture_parse(&x, STR("2026-11-03T00:10:24.1Z stdout P " LINE)), PARSE_BAD);
    assert_non_null(strstr(parser_error(x.parser, &column), "part of a line that"));
    assert_int_equal(fixture_parse(&x, STR("2026-11-03T00:10:24.1Z stderr F [error] x")),
                     PARSE_DIRECTIVE);
    assert_int_equal(parser_directive(x.parser), DIRECTIVE_STDERR);
    assert_int_equal(fixture_parse(&x, STR("2026-11-03T00:10:24.1Z stderr F " LINE)), PARSE_OK);
    fixture_close(&x);
    fixture_open(&x, STR("docker+json:{\"time\":\"t\",\"path\":\"p\"}"), NULL);
    assert_int_equal(fixture_parse(&x, STR("{\"log\":\"{\\\"t\\\":\",\"stream\":\"stdout\"}")),
                     PARSE_BAD);
    assert_non_null(strstr(parser_error(x.parser, &column), "part of a line that"));
    assert_int_equal(
        fixture_parse(&x, STR(DOCKER("{\\\"t\\\":1793664624,\\\"p\\\":\\\"/\\\\u00e9\\\"}\\r"))),
        PARSE_OK);
    assert_true(str_eq(x.hit.path, STR("/\xc3\xa9")));
    fixture_close(&x);
    fixture_open(&x, STR("docker+syslog+nginx_combined"), NULL);
    assert_int_equal(fixture_parse(&x, STR(DOCKER("Nov 13 00:10:24 nginx: " ESCAPED))), PARSE_OK);
    fixture_close(&x);
}

/* Formats that try a line in several ways leave it whole where a prefix has made a copy of it. */
static void copies_outlast_a_try(void **state)
{
    static const struct {
        const char *spec, *line;
    } cases[] = {
        {"docker+clf", DOCKER("203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \\\"GET /docs/ "
                              "HTTP/1.1\\\" 200 9 \\\"-\\\" \\\"a \\\\\\\"b\\\\\\\"\\\"")},
        {"csv+clf", "203.0.113.20,\"203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"\"GET /docs/ "
                    "HTTP/1.1\"\" 200 9 \"\"-\"\" \"\"a \\\"\"b\\\"\"\"\"\""},
        {"message+iis", "{\"message\":\"2026-11-03 00:10:24 10.0.0.1 GET \\/docs\\/ - 443 - "
                        "203.0.113.20 a+\\\"b\\\" - 200 0 0 15\"}"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture x;

        fixture_open(&x, str_of(cases[i].spec), NULL);
        if (fixture_parse(&x, str_of(cases[i].line)) != PARSE_OK)
            fail_msg("%s", cases[i].line);
        assert_text(x.hit.client_ip, "203.0.113.20");
        assert_text(x.hit.path, "/docs/");
        assert_text(x.hit.user_agent, "a \"b\"");
        fixture_close(&x);
    }
}

static void rows_of_names(void **state)
{
    static const char *const rows[] = {"_time,_raw,host", "\"timestamp\",\"full message\"",
                                       "@message"};
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("csv+nginx_combined"), NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(fixture_parse(&x, str_of(rows[i])), PARSE_DIRECTIVE);
        assert_int_equal(parser_directive(x.parser), DIRECTIVE_HEADER);
    }
    assert_int_equal(fixture_parse(&x, STR("12,203.0.113.20")), PARSE_BAD);
    assert_int_equal(fixture_parse(&x, STR(",")), PARSE_BAD);
    fixture_close(&x);
}

/* Lines without a time have that of what stands before them, the innermost. */
static void times_of_collectors(void **state)
{
#define UVICORN "INFO:     203.0.113.20:44512 - \"GET /docs/ HTTP/1.1\" 200 OK"
#define UVICORN_ESCAPED "INFO:     203.0.113.20:44512 - \\\"GET /docs/ HTTP/1.1\\\" 200 OK"
    static const struct {
        const char *spec, *line;
        int64_t ms;
    } cases[] = {
        {"cri+uvicorn", CRI UVICORN, 123},
        {"docker+uvicorn", DOCKER(UVICORN_ESCAPED), 100},
        {"docker+logger+uvicorn", DOCKER(UVICORN_ESCAPED), 100},
        {"stamp+uvicorn", "2026-11-03T01:10:24.5+01:00 " UVICORN, 500},
        {"compose+stamp+uvicorn", "web-1  | 2026-11-03T00:10:24.5Z " UVICORN, 500},
        {"syslog+uvicorn", "<190>1 2026-11-03T00:10:24.7Z web1 app 12 - - " UVICORN, 700},
        {"syslog+uvicorn", "2026-11-03T00:10:24+0000 web1 app[12]: " UVICORN, 0},
        {"docker+syslog+uvicorn", DOCKER("Nov  3 00:10:25 web1 app[12]: " UVICORN_ESCAPED), 100},
        {"message+uvicorn",
         "{\"timestamp\":1793664624.25,\"short_message\":\"" UVICORN_ESCAPED "\"}", 250},
        {"message+uvicorn",
         "{\"__REALTIME_TIMESTAMP\":\"1793664624250000\",\"MESSAGE\":\"" UVICORN_ESCAPED "\"}",
         250},
        {"message+uvicorn",
         "{\"@timestamp\":\"2026-11-03T00:10:24.25Z\",\"message\":\"" UVICORN_ESCAPED "\"}", 250},
        {"stamp+json:{\"path\":\"p\",\"client_ip\":\"c\"}",
         "2026-11-03 09:10:24.123456789 +0900 web.access: "
         "{\"p\":\"/docs/\",\"c\":\"203.0.113.20\"}",
         123},
        {"csv+uvicorn",
         "\"INFO:     203.0.113.20:44512 - \"\"GET /docs/ HTTP/1.1\"\" 200 "
         "OK\",2026-11-03T00:10:24.5Z",
         500},
        {"logger+uvicorn",
         "2026-11-03 00:10:24,186 - uvicorn.access - INFO - 203.0.113.20:44512 - \"GET /docs/ "
         "HTTP/1.1\" 200",
         186},
        {"logger+uvicorn",
         "[2026-11-03 01:10:24 +0100] [12] [INFO] 203.0.113.20:44512 - \"GET /docs/ HTTP/1.1\" 200",
         0},
        {"logger+logfmt",
         "I, [2026-11-03T00:10:24.186641 #812]  INFO -- : method=GET path=/docs/ status=200 "
         "remote_ip=203.0.113.20",
         186},
        {"logger+actix",
         "[2026-11-03T00:10:24Z INFO  actix_web::middleware::logger] 203.0.113.20 \"GET /docs/ "
         "HTTP/1.1\" 200 9 \"-\" \"curl/8\" 0.000120",
         0},
        {"cri+nginx:$remote_addr \"$request\" $status",
         CRI "203.0.113.20 \"GET /docs/ HTTP/1.1\" 200", 123},
        {"cri+json:{\"path\":\"p\",\"client_ip\":\"c\"}",
         CRI "{\"p\":\"/docs/\",\"c\":\"203.0.113.20\"}", 123},
        {"cri+regex:^(?<ip>\\S+) (?<url>\\S+)$", CRI "203.0.113.20 /docs/", 123},
        {"cri+logfmt", CRI "method=GET path=/docs/ status=200 remote_ip=203.0.113.20", 123},
        {"cri+nginx_combined", CRI LINE, 0}, /* its own */
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture x;

        fixture_open(&x, str_of(cases[i].spec), NULL);
        if (fixture_parse(&x, str_of(cases[i].line)) != PARSE_OK ||
            x.hit.time_ms != INT64_C(1793664624000) + cases[i].ms)
            fail_msg("%s: %s", cases[i].spec, cases[i].line);
        assert_text(x.hit.client_ip, "203.0.113.20");
        assert_text(x.hit.path, "/docs/");
        assert_null(hit_parse_changes(x.parser, str_of(cases[i].line)));
        fixture_close(&x);
    }
}

static void lines_without_a_time(void **state)
{
    static const char *const specs[] = {"uvicorn", "compose+uvicorn", "nginx:$request $status",
                                        "regex:^(?<path>.+)$", "grep+json:{\"path\":\"p\"}"};
    struct fixture x;
    struct buf why;
    size_t column;
    (void)state;

    buf_init(&why, 4096);
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        buf_reset(&why);
        assert_null(format_new(str_of(specs[i]), NULL, &why));
        assert_non_null(strstr(buf_cstr(&why), "time"));
        assert_non_null(strstr(buf_cstr(&why), "docker+"));
    }
    buf_release(&why);
    fixture_open(&x, STR("syslog+uvicorn"), NULL);
    assert_int_equal(fixture_parse(&x, STR("Nov  3 00:10:24 web1 app[12]: " UVICORN)), PARSE_BAD);
    assert_non_null(strstr(parser_error(x.parser, &column), "with a year"));
    fixture_close(&x);
    fixture_open(&x, STR("nginx_json"), NULL);
    assert_int_equal(fixture_parse(&x, STR("{\"uri\":\"/\",\"status\":200}")), PARSE_BAD);
    assert_non_null(strstr(parser_error(x.parser, &column), "the line has no time; where"));
    fixture_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes),
        cmocka_unit_test(repetitions),
        cmocka_unit_test(columns_are_of_the_whole_line),
        cmocka_unit_test(parts_and_standard_error),
        cmocka_unit_test(copies_outlast_a_try),
        cmocka_unit_test(rows_of_names),
        cmocka_unit_test(times_of_collectors),
        cmocka_unit_test(lines_without_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
