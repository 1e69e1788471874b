/* A log line with its fields marked under it: columns right whatever the bytes are. */
#include "agent/explain_marks.h"
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
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_columns),
        cmocka_unit_test(test_wrapped), cmocka_unit_test(test_caret),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
