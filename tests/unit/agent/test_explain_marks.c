/* A log line with its fields marked under it: columns right whatever the bytes are. */
#include "agent/explain_marks.h"
#include "agent/explain_places.h"
#include "agent/terminal.h"
#include "parsers/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct terminal_style plain = {"", "", ""};

static void marks(const char *line, size_t columns, struct buf *out)
{
    struct buf why;
    struct hit hit;

    buf_init(&why, 4096);
    struct format *f = format_new(STR("nginx_combined"), NULL, &why);
    struct parser *p = parser_new(f);
    assert_int_equal(parser_line(p, str_of(line), &hit), PARSE_OK);
    buf_init(out, 1 << 20);
    explain_put_marks(out, str_of(line), &hit, columns, plain);
    assert_false(out->failed);
    parser_free(p);
    format_free(f);
    buf_release(&why);
}

static void test_fields(void **state)
{
    struct buf out;

    marks("1.2.3.4 - - [03/Nov/2026:00:10:24 +0000] \"GET /200 HTTP/1.1\" 200 12 \"-\" \"Mo\"", 120,
          &out);
    assert_string_equal(
        buf_cstr(&out),
        "  1.2.3.4 - - [03/Nov/2026:00:10:24 +0000] \"GET /200 HTTP/1.1\" 200 12 \"-\" \"Mo\"\n"
        "  ^~~~~~~      ^~~~~~~~~~~~~~~~~~~~~~~~~~   ^~~ ^~~~ ^~~~~~~~  ^~~         ^~\n"
        "  client_ip    time                         method   protocol  status      user_agent\n"
        "                                                path\n");
    buf_release(&out);
}

/* What the line holds in another spelling. */
static void test_places(void **state)
{
    static const struct {
        const char *line, *text, *place;
    } texts[] = {
        {"2026-11-03\t/a\tMozilla/5.0%20(X11)\t-", "Mozilla/5.0 (X11)", "Mozilla/5.0%20(X11)"},
        {"x Mozilla/5.0%2520(X11) y", "Mozilla/5.0 (X11)", "Mozilla/5.0%2520(X11)"},
        {"GET /a - Mozilla/5.0+(X11;+a) 200", "Mozilla/5.0 (X11; a)", "Mozilla/5.0+(X11;+a)"},
        {"\"GET / HTTP/1.1\" \"a \\\"b\\\"\"", "a \"b\"", "a \\\"b\\\""},
        {"\"a \\x22b\\x22\"", "a \"b\"", "a \\x22b\\x22"},
        {"{\"u\":\"\\/docs\\/\",\"v\":1}", "/docs/", "\\/docs\\/"},
        {"{\"u\":\"caf\\u0025\"}", "caf%", "caf\\u0025"},
        {"a,\"GET \"\"x\"\"\"", "GET \"x\"", "GET \"\"x\"\""},
        {"/a%20b /a%20b", "/a b", NULL}, /* which one? */
        {"xx/a%20b", "/a b", NULL},
        {"/a%20bc", "/a b", NULL},
        {"a", "", NULL},
        {"", "ab", NULL},
    };
    static const struct {
        const char *line, *place;
    } times[] = {
        {"a [03/Nov/2026:01:10:24 +0100] b", "03/Nov/2026:01:10:24 +0100"},
        {"2026-11-03\t00:10:24\tx", "2026-11-03\t00:10:24"},
        {"2026-11-02 17:10:24.186-07:00,", "2026-11-02 17:10:24.186-07:00"},
        {"{\"a\":\"2026-11-03T00:10:25Z\",\"t\":\"2026-11-03T00:10:24.186Z\"}",
         "2026-11-03T00:10:24.186Z"},
        {"1793664624.186 b", "1793664624.186"},
        {"{\"ts\":1793664624186,", "1793664624186"},
        {"1793664625 b", NULL},
        {"2026-11-03T00:10:25Z", NULL},
        {"", NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct str got = place_of_text(str_of(texts[i].line), str_of(texts[i].text));
        if (!str_eq(got, texts[i].place ? str_of(texts[i].place) : STR_NONE))
            fail_msg("%s: %.*s", texts[i].line, (int)got.n, got.p);
    }
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct str got = place_of_time(str_of(times[i].line), INT64_C(1793664624186));
        if (!str_eq(got, times[i].place ? str_of(times[i].place) : STR_NONE))
            fail_msg("%s: %.*s", times[i].line, (int)got.n, got.p);
    }
}

static void test_place_of_status(void **state)
{
    struct str clf = STR("\"GET /200 HTTP/1.1\" 200 200");
    struct str json = STR("{\"bytes\":200,\"status\":200,\"x\":200}");
    struct str doubt = STR("{\"bytes\":200,\"s\":200}");
    (void)state;

    assert_true(place_of_status(clf, 10, 200).p == clf.p + 20);
    assert_true(place_of_status(json, 0, 200).p == json.p + 22);
    assert_false(str_is_set(place_of_status(doubt, 0, 200)));
    assert_true(place_of_status(STR("{\"s\":404}"), 0, 404).n == 3);
    assert_false(str_is_set(place_of_status(STR("x2000 "), 0, 200)));
}

/* Escapes and wide characters move what is behind them, not the marks under it. */
static void test_columns(void **state)
{
    struct buf out;

    marks("1.2.3.4 - - [03/Nov/2026:00:10:24 +0000] \"GET /\xe4\xb8\x96\x1b HTTP/1.1\" 200 1 \"-\" "
          "\"\xff\"",
          120, &out);
    assert_string_equal(
        buf_cstr(&out),
        "  1.2.3.4 - - [03/Nov/2026:00:10:24 +0000] \"GET /\xe4\xb8\x96\\x1b HTTP/1.1\" 200 1 "
        "\"-\" \"\\xff\"\n"
        "  ^~~~~~~      ^~~~~~~~~~~~~~~~~~~~~~~~~~   ^~~ ^~~~~~~ ^~~~~~~~  ^~~        ^~~~\n"
        "  client_ip    time                         method      protocol  status     user_agent\n"
        "                                                path\n");
    buf_release(&out);
}

static void test_wrapped(void **state)
{
    struct buf out;
    struct str rest;
    size_t rows = 0;

    marks("1.2.3.4 - - [03/Nov/2026:00:10:24 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"Mozilla/5.0\"",
          40, &out);
    for (rest = buf_str(&out); rest.n; rows++) {
        struct str row = str_cut(&rest, '\n');
        assert_true(row.n && row.p[row.n - 1] != ' ');
    }
    assert_true(rows > 4);
    buf_release(&out);
}

static void test_caret(void **state)
{
    struct buf out;

    buf_init(&out, 4096);
    explain_put_caret(&out, STR("hello \xe4\xb8\x96 foo"), 10, "expected more", 100, plain);
    assert_string_equal(buf_cstr(&out),
                        "  hello \xe4\xb8\x96 foo\n           ^ column 11: expected more\n");
    buf_reset(&out);
    explain_put_caret(&out, STR(""), 7, "empty", 100, plain);
    assert_string_equal(buf_cstr(&out), "  \n  ^ column 8: empty\n");
    buf_release(&out);
}

/* JSON that a terminal may be shown is the same JSON. */
static void test_json(void **state)
{
    struct buf out;

    buf_init(&out, 4096);
    terminal_put_json(&out, STR("{\"a\":\"\xc2\x9b\x7f caf\xc3\xa9 \xe2\x80\xa8\xe2\x80\xae\xe2\x81"
                                "\xa6\xe2\x80\xa7\"}"));
    assert_string_equal(buf_cstr(&out), "{\"a\":\"\\u009b\\u007f caf\xc3\xa9 \\u2028\\u202e\\u2066"
                                        "\xe2\x80\xa7\"}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_place_of_status),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_wrapped),
        cmocka_unit_test(test_caret),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
