/* The short cut of format_clf.c takes plain lines, and agrees with the layout on each it takes. */
#define format_clf_family split_family /* the archive has the other one */
#include "parsers/format_clf.c"

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
    struct clf_parser *parser;
};

static void set_up(struct fixture *f, const char *name)
{
    struct buf why;

    buf_init(&why, 1000);
    f->format = format_new(str_of(name), &why);
    assert_non_null(f->format);
    f->parser = (struct clf_parser *)parser_new(f->format);
    assert_non_null(f->parser);
    buf_release(&why);
}

static void tear_down(struct fixture *f)
{
    parser_free(&f->parser->base);
    format_free(f->format);
}

/* Does the short cut take the line? If so, the layout must find the same. */
static bool takes(const struct fixture *f, struct str line)
{
    const struct clf_format *format = (const struct clf_format *)f->format;
    struct str *split = f->parser->fields, want[LAYOUT_FIELDS] = {{0}};
    int64_t ms;

    memset(split, 0, sizeof(f->parser->fields));
    if (!split_plain(f->parser, format->variant, line))
        return false;
    if (layout_match(format->layout, f->parser->run, line, want) != REGEX_MATCH)
        fail_msg("only the short cut takes: %.*s", STR_ARGS(line));
    for (int i = 0; i < LAYOUT_FIELDS; i++)
        if (split[i].p != want[i].p || split[i].n != want[i].n)
            fail_msg("field %d differs: %.*s", i, STR_ARGS(line));
    assert_true(time_parse_clf(split[LAYOUT_TIME], &ms));
    return true;
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
        assert_int_equal(parser_line(&f.parser->base, str_of(other_lines[i].line), &hit), PARSE_OK);
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
