/* Which format lines have: every row's own example, what speaks for a program, what fits nothing.
 */
#include "parsers/detect.h"
#include "parsers/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MAX_LINES 1200

static struct detection detected(struct str text, const char *path)
{
    static struct str lines[MAX_LINES];
    struct detection d;
    size_t n = 0;

    while (text.n && n < MAX_LINES)
        lines[n++] = str_cut(&text, '\n');
    assert_int_equal(detect_format(lines, n, str_of(path), &d), 0);
    return d;
}

/* The lines of an example are of its format, or of one that reads them as well. */
static void test_examples(void **state)
{
    const char *name, *about;

    for (size_t i = 0; (name = format_list(i, &about)); i++) {
        struct buf why;
        const char *example = format_example(i);
        buf_init(&why, 4096);
        struct format *f = format_new(str_of(name), NULL, &why);
        buf_release(&why);
        if (!f || !example) {
            format_free(f);
            continue; /* a constructor */
        }
        format_free(f);
        struct detection d = detected(str_of(example), NULL);
        if (!d.fits || d.matched != d.lines || d.n_samples < 1)
            fail_msg("%s: %s fits %u of %u", name, d.spec, d.matched, d.lines);
        if (strcmp(name, "apache_combined") != 0 && strcmp(name, d.spec) != 0)
            printf("note: the example of %s is taken for %s\n", name, d.spec);
    }
}

#define FRONT "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] "
static void test_programs(void **state)
{
    static const struct {
        const char *name, *path, *text, *spec;
    } cases[] = {
        {"no bytes are 0", NULL, FRONT "\"GET / HTTP/1.1\" 304 0 \"-\" \"a\"", "nginx_combined"},
        {"no bytes are -", NULL, FRONT "\"GET / HTTP/1.1\" 304 - \"-\" \"a\"", "apache_combined"},
        {"a quote as \\x22", "/var/log/apache2/access.log",
         FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a \\x22b\\x22\"", "nginx_combined"},
        {"a quote as \\\"", "/var/log/nginx/access.log",
         FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a \\\"b\\\"\"", "apache_combined"},
        {"upper-case hex", NULL, FRONT "\"\\x16\\x03\\xFE\" 400 5 \"-\" \"-\"", "nginx_combined"},
        {"lower-case hex", NULL, FRONT "\"\\x16\\x03\\xfe\" 400 5 \"-\" \"-\"", "apache_combined"},
        {"the file's name", "/var/log/apache2/access.log",
         FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"", "apache_combined"},
        {"nothing", NULL, FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"", "nginx_combined"},
        {"one column more", NULL, FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\" \"-\"", "nginx_main"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct detection d = detected(str_of(cases[i].text), cases[i].path);
        if (!d.fits || strcmp(d.spec, cases[i].spec) != 0)
            fail_msg("%s: %s, expected %s", cases[i].name, d.spec, cases[i].spec);
    }
}

/* Half of the lines decide; the first that does not fit is told. */
static void test_rates(void **state)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    for (int i = 0; i < 100; i++) {
        if (i % 4 == 1)
            buf_lit(&text, "hello world\n");
        else
            buf_lit(&text, FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"\n");
    }
    struct detection d = detected(buf_str(&text), NULL);
    assert_true(d.fits);
    assert_int_equal(d.lines, 100);
    assert_int_equal(d.matched, 75);
    assert_int_equal(d.bad_line, 1);
    assert_int_equal(d.bad_column, 5);
    assert_true(d.error[0]);
    assert_int_equal(d.n_samples, 3);
    assert_int_equal(d.samples[0], 0);
    assert_int_equal(d.samples[2], 99);
    assert_true(d.fields >> HIT_FIELD_USER_AGENT & 1);
    assert_false(d.fields >> HIT_FIELD_HOST & 1);

    buf_reset(&text);
    for (int i = 0; i < 10; i++)
        buf_lit(&text, FRONT "\"GET / HTTP/1.1\" 200 5 \"-\"\n");
    d = detected(buf_str(&text), NULL);
    assert_false(d.fits);
    assert_int_equal(d.matched, 0);
    assert_true(d.error[0]);
    assert_true(d.bad_column > 60); /* of the candidate that came nearest */
    buf_release(&text);
}

static void test_nothing(void **state)
{
    struct detection d = detected(STR(""), NULL);

    assert_false(d.fits);
    assert_int_equal(d.spec[0], 0);
    d = detected(STR("\n\n\n"), NULL);
    assert_int_equal(d.spec[0], 0);
    d = detected(STR("#Version: 1.0\n#Fields: date time\n"), NULL);
    assert_false(d.fits);
}

/* Every prefix of a line, and every byte changed: an answer, and no crash. */
static void test_cut_lines(void **state)
{
    char line[] = FRONT "\"GET /a?b=c HTTP/1.1\" 200 5 \"-\" \"agent\"";
    size_t n = sizeof(line) - 1;

    for (size_t i = 1; i < n; i += 7) {
        struct detection d = detected((struct str){line, i}, NULL);
        assert_true(d.matched <= d.lines);
        char kept = line[i];
        line[i] = '\x80';
        d = detected((struct str){line, n}, NULL);
        assert_true(d.matched <= d.lines);
        line[i] = kept;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),  cmocka_unit_test(test_programs),
        cmocka_unit_test(test_rates),     cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_cut_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
