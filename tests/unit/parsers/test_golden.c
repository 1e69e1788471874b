/*
 * The golden lines: tests/data/golden/<name>.log, lines of real servers (tests/golden/make.py) and
 * of documentation; <name>.spec, their format; <name>.json, what is in each, checked by a person.
 * GOLDEN_WRITE=1 writes the latter anew. Every prefix of a line and every change of one byte must
 * give a valid hit or a reason.
 */
#include "tests/unit/parsers/format_fixture.h"

#include <glob.h>
#include <inttypes.h>

#define FOLDER "tests/data/golden/"
#define FILE_MAX ((size_t)1 << 20)

/* The file below FOLDER; the caller releases it. */
static struct buf file_of(const char *name, const char *extension)
{
    char path[512];
    struct buf content;
    FILE *f;

    buf_init(&content, FILE_MAX);
    snprintf(path, sizeof(path), FOLDER "%s.%s", name, extension);
    f = fopen(path, "rb");
    if (!f)
        fail_msg("%s is missing", path);
    for (;;) {
        char *to = buf_reserve(&content, 4096);
        size_t n = to ? fread(to, 1, 4096, f) : 0;

        if (n == 0)
            break;
        content.n += n;
    }
    fclose(f);
    return content;
}

/* Of the lines that were compared. */
static struct {
    size_t files, lines, hits, fields;
} figures;

static void put_number(struct buf *out, const char *name, int64_t value)
{
    if (value >= 0)
        buf_printf(out, ",\"%s\":%" PRId64, name, value);
}

/* Bytes that are no ASCII are written \u00XX: the files stay readable, and tell every byte. */
static void put_text(struct buf *out, const char *name, struct str value)
{
    if (!str_is_set(value))
        return;
    buf_printf(out, ",\"%s\":\"", name);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < ' ' || c >= 0x7f)
            buf_printf(out, "\\u%04x", c);
        else
            buf_putc(out, (char)c);
    }
    buf_putc(out, '"');
}

static void put_hit(struct buf *out, const struct hit *h)
{
    figures.hits++;
    figures.fields += (size_t)__builtin_popcount(hit_fields(h));
    buf_printf(out, "{\"time_ms\":%" PRId64, h->time_ms);
    for (int i = 0; i < HIT_FIELD_COUNT; i++)
        put_text(out, hit_field_name((enum hit_field)i), hit_field_text(h, (enum hit_field)i));
    put_number(out, "status", h->status);
    put_number(out, "bytes", h->bytes);
    put_number(out, "duration_ms", h->duration_ms);
    if (h->bad_request_line)
        buf_lit(out, ",\"bad_request_line\":true");
    buf_lit(out, "}\n");
}

/* What the parser says of the line, as a line of JSON. */
static void put_outcome(struct buf *out, struct fixture *x, struct str line)
{
    size_t column;
    enum parse_result result = fixture_parse(x, line);

    if (result == PARSE_OK) {
        put_hit(out, &x->hit);
        return;
    }
    if (result == PARSE_DIRECTIVE) {
        buf_lit(out, "{\"directive\":true}\n");
        return;
    }
    buf_lit(out, "{\"ok\":false");
    put_text(out, "error", str_of(parser_error(x->parser, &column)));
    buf_printf(out, ",\"column\":%zu}\n", column);
}

static void write_file(const char *name, struct str content)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), FOLDER "%s.json", name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
    assert_int_equal(fclose(f), 0);
}

static void compare(const char *name, struct str got, struct str want)
{
    for (size_t line = 1; got.n > 0 || want.n > 0; line++) {
        struct str a = str_cut(&got, '\n'), b = str_cut(&want, '\n');

        if (!str_eq(a, b))
            fail_msg("%s, line %zu: is  %.*s\nshould be %.*s", name, line, STR_ARGS(a),
                     STR_ARGS(b));
    }
}

static void each_file(void (*check)(const char *name, struct fixture *x, struct str lines))
{
    glob_t found;

    assert_int_equal(glob(FOLDER "*.log", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *file = found.gl_pathv[i] + sizeof(FOLDER) - 1;
        char name[256];
        struct fixture x;

        snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - 4), file);
        struct buf lines = file_of(name, "log"), spec = file_of(name, "spec");
        fixture_open(&x, str_trim(buf_str(&spec)), NULL);
        check(name, &x, buf_str(&lines));
        fixture_close(&x);
        buf_release(&lines);
        buf_release(&spec);
    }
    assert_true(found.gl_pathc >= 10);
    globfree(&found);
}

static void check_lines(const char *name, struct fixture *x, struct str lines)
{
    struct buf got;

    buf_init(&got, FILE_MAX);
    figures.files++;
    for (; lines.n > 0; figures.lines++)
        put_outcome(&got, x, str_cut(&lines, '\n'));
    if (getenv("GOLDEN_WRITE")) {
        write_file(name, buf_str(&got));
    } else {
        struct buf want = file_of(name, "json");
        compare(name, buf_str(&got), buf_str(&want));
        buf_release(&want);
    }
    buf_release(&got);
}

static void check_changes(const char *name, struct fixture *x, struct str lines)
{
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\n');
        const char *problem =
            line.n < 700 ? hit_parse_changes(x->parser, line) : hit_parse(x->parser, line);

        if (problem)
            fail_msg("%s: %s: %.*s", name, problem, STR_ARGS(line));
    }
}

static void test_lines(void **state)
{
    each_file(check_lines);
    print_message("figure: golden lines: %zu of %zu files as expected, %zu of them hits with %zu "
                  "fields\n",
                  figures.lines, figures.files, figures.hits, figures.fields);
}

static void test_prefixes_and_changed_bytes(void **state)
{
    each_file(check_changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_prefixes_and_changed_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
