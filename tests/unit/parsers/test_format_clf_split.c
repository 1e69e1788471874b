/* The short cut of format_clf.c takes plain lines, and agrees with the layout on each it takes. */
#include "tests/unit/parsers/clf_split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_TEST 400
#define TIME "[02/Jan/2026:03:04:05 +0000]"
#define FROM_REQUEST "\"GET /a?b HTTP/1.1\" 200 5123 \"https://r.example/\" \"Mozilla/5.0 (X11)\""

struct base_line {
    const char *format, *line;
};

static const struct base_line plain_lines[] = {
    {"nginx_combined", "203.0.113.7 - - " TIME " " FROM_REQUEST},
    {"nginx_combined", "2001:db8::1 - - " TIME " \"\" 400 0 \"-\" \"\"  "},
    {"nginx_combined", "unix: - - " TIME " \"-\" 408 - \"\" \"-\""},
    {"nginx_main", "203.0.113.7 - - " TIME " " FROM_REQUEST " \"-\""},
    {"nginx_main", "203.0.113.7 - - " TIME " " FROM_REQUEST " \"198.51.100.1, 10.0.0.1\" "},
    {"apache_combined", "203.0.113.7 - - " TIME " " FROM_REQUEST},
    {"apache_combined", "203.0.113.7 ident - " TIME " \"GET / HTTP/1.0\" 304 - \"-\" \"-\""},
};

/* Lines that only the layout takes. */
static const struct base_line other_lines[] = {
    {"nginx_combined", "203.0.113.7 - alice " TIME " " FROM_REQUEST},
    {"nginx_combined", "203.0.113.7 - - " TIME " \"\\x16\\x03\" 400 157 \"-\" \"-\""},
    {"apache_combined", "203.0.113.7 - - " TIME " \"GET /\\\" HTTP/1.1\" 200 1 \"-\" \"-\""},
};

struct fixture {
    struct format *format;
    struct parser *parser;
};

static void set_up(struct fixture *f, const char *name)
{
    struct buf why;

    buf_init(&why, 1000);
    f->format = format_new(str_of(name), NULL, &why);
    assert_non_null(f->format);
    f->parser = parser_new(f->format);
    assert_non_null(f->parser);
    buf_release(&why);
}

static void tear_down(struct fixture *f)
{
    parser_free(f->parser);
    format_free(f->format);
}

static bool takes(const struct fixture *f, struct str line)
{
    bool taken;
    const char *problem = clf_split_problem(f->parser, line, &taken);

    if (problem)
        fail_msg("%s: %.*s", problem, STR_ARGS(line));
    return taken;
}

static void test_takes_plain_lines(void **state)
{
    for (size_t i = 0; i < sizeof(plain_lines) / sizeof(plain_lines[0]); i++) {
        struct fixture f;
        set_up(&f, plain_lines[i].format);
        if (!takes(&f, str_of(plain_lines[i].line)))
            fail_msg("not taken: %s", plain_lines[i].line);
        tear_down(&f);
    }
}

static void test_leaves_the_others(void **state)
{
    for (size_t i = 0; i < sizeof(other_lines) / sizeof(other_lines[0]); i++) {
        struct fixture f;
        struct hit hit;
        set_up(&f, other_lines[i].format);
        assert_false(takes(&f, str_of(other_lines[i].line)));
        assert_int_equal(parser_line(f.parser, str_of(other_lines[i].line), &hit), PARSE_OK);
        tear_down(&f);
    }
}

/* Each prefix; each byte left out, doubled, and replaced by each that means something. */
static void test_agrees_on_spoilt_lines(void **state)
{
    static const char bytes[] = "\" \\-[]/:+0aA\x80";
    size_t taken = 0;

    for (size_t i = 0; i < sizeof(plain_lines) / sizeof(plain_lines[0]); i++) {
        struct str line = str_of(plain_lines[i].line);
        struct fixture f;
        char text[LINE_MAX_TEST];
        assert_true(line.n < sizeof(text));
        set_up(&f, plain_lines[i].format);
        for (size_t at = 0; at < line.n; at++) {
            taken += takes(&f, str_slice(line, 0, at));
            memcpy(text, line.p, at);
            memcpy(text + at, line.p + at + 1, line.n - at - 1);
            taken += takes(&f, (struct str){text, line.n - 1});
            memcpy(text + at + 1, line.p + at, line.n - at);
            text[at] = line.p[at];
            taken += takes(&f, (struct str){text, line.n + 1});
            memcpy(text, line.p, line.n);
            for (size_t k = 0; k < sizeof(bytes); k++) { /* with the NUL */
                text[at] = bytes[k];
                taken += takes(&f, (struct str){text, line.n});
            }
        }
        tear_down(&f);
    }
    assert_true(taken > 1000); /* in the address, the request and so on, most bytes will do */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_plain_lines),
        cmocka_unit_test(test_leaves_the_others),
        cmocka_unit_test(test_agrees_on_spoilt_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
