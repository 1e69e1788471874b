/* cloudfront: golden rows of each age, header lines in the middle, and rows that do not fit. */
#include "tests/unit/parsers/format_fixture.h"

#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }
#define T0 INT64_C(1767323045000) /* 2026-01-02T03:04:05Z */

/* The columns of a file in the order in which they were added over the years. */
#define NAMES_12                                                                                   \
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "            \
    "cs(Referer) cs(User-Agent) cs-uri-query"
#define NAMES_33                                                                                   \
    NAMES_12 " cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol "         \
             "cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "                        \
             "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields "    \
             "c-port time-to-first-byte x-edge-detailed-result-type sc-content-type "              \
             "sc-content-len sc-range-start sc-range-end"
#define UA "Mozilla/5.0 (X11; Linux x86_64)"
#define ROW_12                                                                                     \
    "2026-01-02\t03:04:05\tFRA56-P4\t5534\t203.0.113.7\tGET\td111111abcdef8.cloudfront.net\t"      \
    "/caf%25C3%25A9/a+b\t200\thttps://ref.example/%253Fx\t"                                        \
    "Mozilla/5.0%20(X11;%20Linux%20x86_64)\tq=a%2520b+c"
#define ROW_15 ROW_12 "\tsecret=1\tHit\tAbC-_123=="
#define ROW_18 ROW_15 "\tWWW.Shop.Example:8443\thttps\t415"
#define ROW_19 ROW_18 "\t0.171"
#define ROW_23 ROW_19 "\t198.51.100.1,%20192.0.2.9\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tMiss"
#define ROW_24 ROW_23 "\tHTTP/2.0"
#define ROW_26 ROW_24 "\t-\t-"
#define ROW_33 ROW_26 "\t40112\t0.170\tHit\ttext/html;%20charset=UTF-8\t-\t-\t-"

static const char header_33[] = "#Fields: " NAMES_33;

static struct hit hit_of_columns(size_t n)
{
    struct hit h = hit_nothing();

    h.time_ms = T0;
    h.bytes = 5534;
    h.status = 200;
    h.client_ip = STR("203.0.113.7");
    h.method = STR("GET");
    h.path = STR("/caf%C3%A9/a+b");
    h.query = STR("q=a%20b+c");
    h.referrer = STR("https://ref.example/%3Fx");
    h.user_agent = STR(UA);
    h.host = STR("d111111abcdef8.cloudfront.net");
    if (n >= 15) {
        h.cdn_result = STR("Hit");
        h.request_id = STR("AbC-_123==");
    }
    if (n >= 18) {
        h.host = STR("www.shop.example");
        h.scheme = STR("https");
    }
    if (n >= 19)
        h.duration_ms = 171;
    if (n >= 23)
        h.forwarded_for = STR("198.51.100.1, 192.0.2.9");
    if (n >= 24)
        h.protocol = STR("HTTP/2.0");
    if (n >= 33)
        h.content_type = STR("text/html; charset=UTF-8");
    return h;
}

static const struct {
    size_t columns;
    struct str row;
} ages[] = {
    {12, S(ROW_12)}, {15, S(ROW_15)}, {18, S(ROW_18)}, {19, S(ROW_19)},
    {23, S(ROW_23)}, {24, S(ROW_24)}, {26, S(ROW_26)}, {33, S(ROW_33)},
};

static struct fixture fixture;

static int set_up(void **state)
{
    fixture_open(&fixture, STR("cloudfront"), NULL);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(&fixture);
    return 0;
}

static void expect_hit(const char *name, struct str line, struct hit want)
{
    if (fixture_parse(&fixture, line) != PARSE_OK) {
        size_t column = 0;
        const char *error = parser_error(fixture.parser, &column);

        fail_msg("%s: column %zu: %s", name, column, error);
    }
    if (hit_difference(&fixture.hit, &want))
        fail_msg("%s: %s differs", name, hit_difference(&fixture.hit, &want));
}

static void directive(struct str line)
{
    assert_int_equal(fixture_parse(&fixture, line), PARSE_DIRECTIVE);
    assert_int_equal(parser_directive(fixture.parser), DIRECTIVE_HEADER);
}

static void test_ages(void **state)
{
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        struct str row = ages[i].row;
        char text[1000];
        struct str longer = {text, row.n + 1};

        memcpy(text, row.p, row.n);
        text[row.n] = '\t';
        parser_reset(fixture.parser);
        expect_hit("by the count", row, hit_of_columns(ages[i].columns));
        expect_hit("with a trailing tab", longer, hit_of_columns(ages[i].columns));
    }
    expect_hit("more columns than ever", STR(ROW_33 "\tx\ty"), hit_of_columns(33));
}

static void test_header_and_short_rows(void **state)
{
    directive(str_of(header_33));
    for (size_t i = 1; i < sizeof(ages) / sizeof(ages[0]); i++) {
        struct hit want = hit_of_columns(ages[i].columns);

        if (ages[i].columns < 18)
            want.host = STR_NONE; /* the file has x-host-header, this row does not */
        expect_hit("shorter than the header", ages[i].row, want);
    }
    expect_hit("longer than the header", STR(ROW_33 "\tx\ty"), hit_of_columns(33));
    directive(STR("#Fields:\tdate\ttime\tcs-uri-stem\t\tSC-STATUS  x-new\tcs(Host)"));
    expect_hit("names between tabs, in another order",
               STR("2026-01-02\t03:04:05\t/x\t000\t?\tD1.cloudfront.net\tmore"),
               (struct hit){.time_ms = T0,
                            .path = STR("/x"),
                            .host = STR("d1.cloudfront.net"),
                            .status = 0,
                            .bytes = HIT_NO_NUMBER,
                            .duration_ms = HIT_NO_NUMBER});
}

static void test_headers_in_the_middle(void **state)
{
    struct hit other = hit_nothing();

    other.time_ms = T0 + 1000;
    other.path = STR("/other");
    other.method = STR("HEAD");
    other.status = 304;
    other.user_agent = STR("curl/8");
    directive(STR("#Version: 1.0"));
    directive(str_of(header_33));
    expect_hit("first file", STR(ROW_33), hit_of_columns(33));
    directive(STR("#Version: 1.0"));
    directive(STR("#Fields: sc-status cs(User-Agent) time date cs-method cs-uri-stem\r"));
    expect_hit("second file", STR("304\tcurl/8\t03:04:06\t2026-01-02\tHEAD\t/other\r"), other);
    directive(STR("#Remark: nothing"));
    expect_hit("second file goes on", STR("304\tcurl/8\t03:04:06\t2026-01-02\tHEAD\t/other"),
               other);
    directive(STR("#Version: 1.0"));
    expect_hit("#Version begins anew", STR(ROW_24), hit_of_columns(24));
    directive(STR("#Fields: sc-status time date cs-uri-stem"));
    parser_reset(fixture.parser);
    expect_hit("reset", STR(ROW_24), hit_of_columns(24));
    directive(STR("#Fields: date time date cs-uri-stem time cs-uri-stem"));
    expect_hit("the first of equal names counts", STR("2026-01-02\t03:04:05\t-\t/x\t-\t/y"),
               (struct hit){.time_ms = T0,
                            .path = STR("/x"),
                            .status = -1,
                            .bytes = HIT_NO_NUMBER,
                            .duration_ms = HIT_NO_NUMBER});
    directive(str_of(header_33));
    directive(STR("#Fields: date time cs-uri-stem"));
    other = hit_nothing();
    other.time_ms = T0;
    other.path = STR("/"); /* so short that eight bytes hold the tab behind it and the next one */
    expect_hit("a shorter header forgets the longer", STR("2026-01-02\t03:04:05\t/\t7\tx\ty"),
               other);
    other.path = STR("/x");
    other.time_ms += INT64_C(86400000);
    expect_hit("the same time on another day", STR("2026-01-03\t03:04:05\t/x"), other);
    directive(STR("#Fields: timestamp(ms) cs-uri-stem"));
    expect_hit("the time of standard logging v2", STR("1767323045123\t/x"),
               (struct hit){.time_ms = T0 + 123,
                            .path = STR("/x"),
                            .status = -1,
                            .bytes = HIT_NO_NUMBER,
                            .duration_ms = HIT_NO_NUMBER});
}

/* One value in one column, and the one field that it becomes. */
struct value_case {
    const char *column;
    struct str value, want;
};

static const struct value_case values[] = {
    {"cs(User-Agent)", S("Mozilla/5.0%2520(X11;%2520Linux)"), S("Mozilla/5.0 (X11; Linux)")},
    {"cs(User-Agent)", S("Mozilla/5.0%20(X11)"), S("Mozilla/5.0 (X11)")},
    {"cs(User-Agent)", S("a%20b%2520c"), S("a b%20c")},
    {"cs(User-Agent)", S("User-Agent:%20Fox&%2343;1"), S("User-Agent: Fox&#43;1")},
    {"cs(User-Agent)", S("Bot/1.0%20(+https://bot.example)"), S("Bot/1.0 (+https://bot.example)")},
    {"cs(User-Agent)", S("-"), {NULL, 0}},
    {"cs(User-Agent)", S("%2D"), {NULL, 0}},
    {"cs(User-Agent)", S(""), {NULL, 0}},
    {"cs-uri-query", S("-"), {NULL, 0}},
    {"cs-uri-query", S("a=%252F&b=1+2"), S("a=%2F&b=1+2")},
    {"cs-uri-query", S("a=%22x%22"), S("a=\"x\"")},
    {"cs(Referer)", S("https://ref.example/caf%25C3%25A9?x=%7B"),
     S("https://ref.example/caf%C3%A9?x={")},
    {"cs(Referer)", S("-"), {NULL, 0}},
    {"sc-content-type", S("text/html;%20charset=utf-8"), S("text/html; charset=utf-8")},
    {"sc-content-type", S("-"), {NULL, 0}},
    {"x-host-header", S("Example.COM"), S("example.com")},
    {"x-host-header", S("localhost:8080"), S("localhost")},
    {"x-host-header", S("-"), {NULL, 0}},
    {"x-forwarded-for", S("198.51.100.1, 10.0.0.1"), S("198.51.100.1, 10.0.0.1")},
    {"x-forwarded-for", S("198.51.100.1,%2010.0.0.1"), S("198.51.100.1, 10.0.0.1")},
    {"x-forwarded-for", S("-"), {NULL, 0}},
    {"cs-protocol", S("wss"), S("https")},
    {"cs-protocol", S("ws"), S("http")},
    {"cs-protocol", S("http"), S("http")},
    {"cs-protocol", S("gopher"), {NULL, 0}},
    {"cs-protocol-version", S("-"), {NULL, 0}},
    {"x-edge-request-id", S("-"), {NULL, 0}},
    {"x-edge-result-type", S("FunctionGeneratedResponse"), S("FunctionGeneratedResponse")},
    {"cs-method", S("OPTIONS"), S("OPTIONS")},
    {"c-ip", S("2001:db8::7"), S("2001:db8::7")},
};

static struct str field_of(const struct hit *h, const char *column)
{
    static const char *const columns[] = {
        "cs(User-Agent)",    "cs-uri-query",       "cs(Referer)", "sc-content-type",
        "x-host-header",     "x-forwarded-for",    "cs-protocol", "cs-protocol-version",
        "x-edge-request-id", "x-edge-result-type", "cs-method",   "c-ip"};
    const struct str fields[] = {h->user_agent, h->query,         h->referrer, h->content_type,
                                 h->host,       h->forwarded_for, h->scheme,   h->protocol,
                                 h->request_id, h->cdn_result,    h->method,   h->client_ip};

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        if (strcmp(columns[i], column) == 0)
            return fields[i];
    }
    fail_msg("no column %s", column);
    return STR_NONE;
}

static void test_values(void **state)
{
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct value_case *c = &values[i];
        struct buf text;
        struct str got;

        buf_init(&text, 1000);
        buf_printf(&text, "#Fields: date time cs-uri-stem %s", c->column);
        directive(buf_str(&text));
        buf_reset(&text);
        buf_lit(&text, "2026-01-02\t03:04:05\t/\t");
        buf_put_str(&text, c->value);
        assert_int_equal(fixture_parse(&fixture, buf_str(&text)), PARSE_OK);
        got = field_of(&fixture.hit, c->column);
        if (str_is_set(got) != str_is_set(c->want) || !str_eq(got, c->want))
            fail_msg("%s %.*s: got \"%.*s\"", c->column, STR_ARGS(c->value), STR_ARGS(got));
        buf_release(&text);
    }
}

static void test_paths(void **state)
{
    directive(STR("#Fields: date time cs-uri-stem cs-uri-query"));
    assert_int_equal(fixture_parse(&fixture, STR("2026-01-02\t03:04:05\t-\t-")), PARSE_OK);
    assert_false(str_is_set(fixture.hit.path));
    assert_false(fixture.hit.bad_request_line);
    assert_int_equal(fixture_parse(&fixture, STR("2026-01-02\t03:04:05\t*\tq")), PARSE_OK);
    assert_false(str_is_set(fixture.hit.path));
    assert_false(str_is_set(fixture.hit.query));
    assert_true(fixture.hit.bad_request_line);
    assert_int_equal(fixture_parse(&fixture, STR("2026-01-02\t03:04:05\t%2Fx%00\tq")), PARSE_OK);
    assert_true(str_eq(fixture.hit.path, STR("/x\0")));
}

struct bad_case {
    const char *header; /* NULL: none */
    struct str row;
    size_t column;
    const char *error; /* a part of it */
};

static const struct bad_case bad[] = {
    {NULL, S("hello"), 0, "number of columns"},
    {NULL, S(ROW_12 "\tx"), sizeof(ROW_12) + 1, "number of columns"},
    {"#Fields: date time cs-uri-stem sc-status", S("2026-01-02\t03:04:05\t/x"), 22,
     "before sc-status"},
    {"#Fields: date time cs-uri-stem", S("2026-01-02\t03:04:05"), 19, "before cs-uri-stem"},
    {"#Fields: cs-uri-stem date time", S("/x\t2026-01-02"), 13, "before its time"},
    {"#Fields: date time cs-uri-stem cs-method", S("2026-01-02\t03:04:05\t/x"), 22,
     "before cs-method"},
    {"#Fields: date cs-uri-stem", S("2026-01-02\t/x"), 13, "neither date and time"},
    {"#Fields: date time", S("2026-01-02\t03:04:05"), 19, "does not name cs-uri-stem"},
    {"#Fields: date time cs-uri", S("2026-01-02\t03:04:05\t/a"), 22, "does not name cs-uri-stem"},
    {"#Fields:", S("2026-01-02\t03:04:05"), 19, "neither date and time"},
    {"#Fields: cs-uri-stem date time", S("/x\t2026-02-30\t03:04:05"), 3, "do not exist"},
    {"#Fields: cs-uri-stem date time", S("/x\t02/01/2026\t03:04:05"), 3, "YYYY-MM-DD"},
    {"#Fields: cs-uri-stem date time", S("/x\t2026-01-02\t3:04"), 3, "HH:MM:SS"},
    {"#Fields: cs-uri-stem timestamp(ms)", S("/x\t1767323045.1"), 3, "since 1970"},
    {"#Fields: date time cs-uri-stem sc-status", S("2026-01-02\t03:04:05\t/x\t2000"), 23,
     "sc-status"},
    {"#Fields: date time cs-uri-stem sc-bytes", S("2026-01-02\t03:04:05\t/x\tmany"), 23,
     "sc-bytes"},
    {"#Fields: date time cs-uri-stem time-taken", S("2026-01-02\t03:04:05\t/x\t1m"), 23,
     "time-taken"},
};

static void test_bad_rows(void **state)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t column;
        const char *error;

        parser_reset(fixture.parser);
        if (bad[i].header)
            directive(str_of(bad[i].header));
        if (fixture_parse(&fixture, bad[i].row) != PARSE_BAD)
            fail_msg("%.*s: is taken", STR_ARGS(bad[i].row));
        error = parser_error(fixture.parser, &column);
        if (column != bad[i].column || !strstr(error, bad[i].error))
            fail_msg("%.*s: column %zu: %s", STR_ARGS(bad[i].row), column, error);
    }
}

static void test_cookies_are_not_read(void **state)
{
    directive(str_of(header_33));
    assert_int_equal(fixture_parse(&fixture, STR(ROW_33)), PARSE_OK);
    for (int i = 0; i < HIT_FIELD_COUNT; i++) {
        struct str text = hit_field_text(&fixture.hit, (enum hit_field)i);

        assert_true(str_find(text, STR("secret"), 0) < 0);
    }
}

static void test_header_caps(void **state)
{
    struct buf header;

    buf_init(&header, 1u << 20);
    buf_lit(&header, "#Fields: date time cs-uri-stem");
    for (int i = 0; i < 100000; i++)
        buf_lit(&header, " x");
    buf_lit(&header, " sc-status");
    directive(buf_str(&header));
    expect_hit("columns behind the cap are not read", STR("2026-01-02\t03:04:05\t/x"),
               (struct hit){.time_ms = T0,
                            .path = STR("/x"),
                            .status = -1,
                            .bytes = HIT_NO_NUMBER,
                            .duration_ms = HIT_NO_NUMBER});
    buf_release(&header);
}

static void test_prefixes_and_changed_bytes(void **state)
{
    const char *problem;

    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        parser_reset(fixture.parser);
        problem = hit_parse_changes(fixture.parser, ages[i].row);
        if (problem)
            fail_msg("%zu columns: %s", ages[i].columns, problem);
    }
    parser_reset(fixture.parser);
    problem = hit_parse_changes(fixture.parser, str_of(header_33));
    if (problem)
        fail_msg("header: %s", problem);
    directive(str_of(header_33));
    problem = hit_parse_changes(fixture.parser, STR(ROW_33));
    if (problem)
        fail_msg("below a header: %s", problem);
}

/* The tabs are looked for eight bytes at a time: every distance between two of them. */
static void test_tabs_at_every_distance(void **state)
{
    static const char near_tabs[] = "\x08\x0a\x89\x08\x0a\x89\x08\x0a\x89\x08"
                                    "\x0a\x89\x08\x0a\x89\x08\x0a\x89\x08\x0a";

    directive(STR("#Fields: date time a cs-uri-stem b cs-method"));
    for (size_t a = 0; a < 20; a++) {
        for (size_t b = 0; b < 20; b++) {
            struct buf row;

            buf_init(&row, 200);
            buf_lit(&row, "2026-01-02\t03:04:05\t");
            buf_put(&row, near_tabs, a);
            buf_lit(&row, "\t/p\t");
            buf_put(&row, near_tabs + 20 - b, b);
            buf_lit(&row, "\tPUT");
            expect_hit("distance", buf_str(&row),
                       (struct hit){.time_ms = T0,
                                    .method = STR("PUT"),
                                    .path = STR("/p"),
                                    .status = -1,
                                    .bytes = HIT_NO_NUMBER,
                                    .duration_ms = HIT_NO_NUMBER});
            buf_release(&row);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_header_and_short_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cookies_are_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_header_caps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prefixes_and_changed_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tabs_at_every_distance, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
