/* Lines with their positions, beside a plain model: any container, long lines, half lines, seams.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/lines.h"
#include "tests/unit/agent/scratch.h"

#define LONG LINE_MAX_BYTES

static void assert_seam(const char *name, const struct lines *l, struct str content)
{
    uint64_t at = lines_position(l);
    size_t n = at < SEAM_BYTES ? (size_t)at : SEAM_BYTES;
    struct str seam = lines_seam(l);
    if (!str_eq(seam, str_slice(content, (size_t)at - n, (size_t)at)))
        fail_msg("%s: wrong seam of %zu bytes at %llu", name, seam.n, (unsigned long long)at);
}

/* A line's text: NULs at its beginning are no part of it, nor is a byte order mark at that of the
 * file. */
static struct str text_of(struct str content, size_t from, size_t to)
{
    if (from == 0 && to >= 3 && memcmp(content.p, "\xef\xbb\xbf", 3) == 0)
        from = 3;
    while (from < to && content.p[from] == '\0')
        from++;
    return str_slice(content, from, to);
}

static void assert_end(const char *name, struct lines *l, struct str content, size_t at)
{
    if (lines_position(l) != at || lines_half_bytes(l) != content.n - at)
        fail_msg("%s: ends at %llu with half a line of %zu, not at %zu with %zu", name,
                 (unsigned long long)lines_position(l), lines_half_bytes(l), at, content.n - at);
    assert_seam(name, l, content);
}

static void assert_half(const char *name, struct lines *l, struct str content, size_t at)
{
    struct str line;
    enum lines_result r = lines_take_half(l, &line);
    struct str text = text_of(content, at, content.n);
    enum lines_result want = at == content.n ? LINES_END
                             : text.n > LONG ? LINES_TOO_LONG
                                             : LINES_LINE;
    if (r != want)
        fail_msg("%s: the half line is %d instead of %d", name, r, want);
    if (r == LINES_LINE)
        assert_true(str_eq(line, text));
    if (r != LINES_END)
        assert_int_equal(lines_at(l), at);
    assert_end(name, l, content, content.n);
    assert_int_equal(lines_take_half(l, &line), LINES_END);
}

/* Reads from l, whose next line begins at `at`, to the end, and compares with the content itself.
 */
static void assert_lines(const char *name, struct lines *l, struct str content, size_t at)
{
    struct str line;
    ptrdiff_t nl;
    assert_int_equal(lines_position(l), at);
    assert_seam(name, l, content);
    while ((nl = str_chr(content, '\n', at)) >= 0) {
        struct str text = text_of(content, at, (size_t)nl);
        enum lines_result r = lines_next(l, &line);
        if (r != (text.n > LONG ? LINES_TOO_LONG : LINES_LINE))
            fail_msg("%s: %d for %zu bytes at %zu", name, r, text.n, at);
        if (r == LINES_LINE && !str_eq(line, text))
            fail_msg("%s: other text at %zu", name, at);
        assert_int_equal(lines_at(l), at);
        at = (size_t)nl + 1;
        assert_int_equal(lines_position(l), at);
        assert_seam(name, l, content);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lines_next(l, &line), LINES_END);
        assert_end(name, l, content, at);
    }
}

static void assert_file(const char *name, const struct scratch *s, struct str content, bool gzip)
{
    struct buf b;
    buf_init(&b, 64u << 20);
    if (gzip)
        put_gzip(&b, content);
    scratch_write(s, "f", gzip ? buf_str(&b) : content);
    buf_release(&b);
    int fd = scratch_open(s, "f");
    enum container_kind kind = gzip ? CONTAINER_GZIP : CONTAINER_PLAIN;
    struct lines *l = lines_new(fd, kind, 0);
    assert_non_null(l);
    assert_int_equal(lines_kind(l), kind);
    assert_lines(name, l, content, 0);
    assert_int_equal(lines_state(l), CONTAINER_CLEAN);
    assert_half(name, l, content, (size_t)lines_position(l));
    lines_free(l);
    close(fd);
}

static void put_line(struct buf *b, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t from = b->n;
    put_repeated(b, '.', n);
    for (size_t i = from; i < b->n; i += 61) /* so that no two places look the same */
        b->p[i] = letters[(i + i / 26) % 26];
    buf_putc(b, '\n');
}

/* Lengths of lines; -1 ends the list. `half` bytes stand behind the last newline. */
static void test_shapes(void **state)
{
    static const struct {
        const char *name;
        long lines[6];
        size_t half;
    } table[] = {
        {"empty", {-1}, 0},
        {"one line", {5, -1}, 0},
        {"empty lines", {0, 0, 3, 0, -1}, 0},
        {"only a half line", {-1}, 9},
        {"a half line", {10, 10, -1}, 9},
        {"63, 64, 65 bytes before the seam", {62, 0, 0, -1}, 0},
        {"at the cap", {LONG, 5, -1}, 0},
        {"over the cap by one", {LONG + 1, 5, -1}, 0},
        {"at the cap, then over", {LONG, LONG + 1, LONG, -1}, 0},
        {"twice over", {5, LONG + 1, LONG + 1, 5, -1}, 0},
        {"twice far over", {3 * LONG, 2 * LONG + 7, 5, -1}, 0},
        {"10 MB", {5, 10000000, 5, -1}, 0},
        {"10 MB at the end", {5, 10000000, -1}, 0},
        {"short lines before a long one", {100, 70, LONG - 200, LONG + 500, 3, -1}, 0},
        {"a half line at the cap", {5, -1}, LONG},
        {"a half line over the cap by one", {5, -1}, LONG + 1},
        {"a half line of 2 MB", {500, 70, -1}, 2000000},
        {"nothing but a half line of 2 MB", {-1}, 2000000},
        {"a long line, then a long half line", {LONG + 9, -1}, LONG + 9},
        {"a half line that fills the buffer", {10, -1}, 2 * LONG - 11},
        {"a half line one over the buffer", {10, -1}, 2 * LONG - 10},
    };
    struct scratch s;
    struct buf b;
    scratch_make(&s);
    buf_init(&b, 64u << 20);
    for (size_t i = 0; i < COUNT(table); i++) {
        buf_reset(&b);
        for (size_t k = 0; table[i].lines[k] >= 0; k++)
            put_line(&b, (size_t)table[i].lines[k]);
        put_line(&b, table[i].half);
        b.n--;
        assert_file(table[i].name, &s, buf_str(&b), false);
        assert_file(table[i].name, &s, buf_str(&b), true);
    }
    buf_release(&b);
    scratch_remove(&s);
}

static void test_bytes(void **state)
{
    static const struct {
        const char *name;
        struct str content;
    } table[] = {
        {"CRLF", STR("one\r\ntwo\r\n\r\n")},
        {"lone CR", STR("one\rtwo\n")},
        {"mark", STR("\xef\xbb\xbf#one\n\xef\xbb\xbftwo\n")},
        {"mark alone", STR("\xef\xbb\xbf")},
        {"half a mark", STR("\xef\xbb\nx\n")},
        {"mark and NULs", STR("\xef\xbb\xbf\0\0one\n")},
        {"NULs", STR("\0\0one\ntw\0o\n\0\n\0")},
        {"not UTF-8", STR("\xff\xfe\x80\n\xc3\n")},
        {"byte order mark", STR("\xef\xbb\xbfone\n")},
        {"only newlines", STR("\n\n\n")},
    };
    struct scratch s;
    scratch_make(&s);
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_file(table[i].name, &s, table[i].content, false);
        assert_file(table[i].name, &s, table[i].content, true);
    }
    scratch_remove(&s);
}

/* A hole before a line, as after copytruncate with a writer that kept its offset: of any size, and
 * wherever it ends in the buffer. */
static void test_holes(void **state)
{
    static const size_t sizes[] = {1,        63,       1024,     LONG - 1,     LONG,
                                   LONG + 1, 2 * LONG, 10 << 20, 2 * LONG - 5, 2 * LONG + 5};
    struct scratch s;
    struct buf b;
    scratch_make(&s);
    buf_init(&b, 64u << 20);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int before = 0; before < 2; before++) {
            buf_reset(&b);
            if (before)
                put_line(&b, 5000);
            put_repeated(&b, '\0', sizes[i]);
            put_line(&b, 100);
            put_line(&b, LONG + 3);
            put_repeated(&b, '\0', sizes[i]);
            put_line(&b, LONG);
            put_repeated(&b, '\0', before ? sizes[i] : 0);
            assert_file("a hole", &s, buf_str(&b), false);
            assert_file("a hole", &s, buf_str(&b), true);
        }
    buf_release(&b);
    scratch_remove(&s);
}

/* Truncated and written anew, longer than before, while it is read: not a byte of the new text is
 * taken for the old one's, nor lost without a word. */
static void test_replaced(void **state)
{
    for (int grown = 0; grown < 2; grown++) {
        struct scratch s;
        struct buf b;
        struct str line;
        scratch_make(&s);
        buf_init(&b, 64u << 20);
        for (int i = 0; i < 20; i++)
            put_line(&b, LONG / 2);
        scratch_write(&s, "f", buf_str(&b));
        int fd = scratch_open(&s, "f");
        struct lines *l = lines_new(fd, CONTAINER_PLAIN, 0);
        assert_int_equal(lines_next(l, &line), LINES_LINE);
        b.p[0]++;
        for (size_t i = 0; i < b.n; i++)
            b.p[i] = b.p[i] == '.' ? ',' : b.p[i];
        scratch_write(&s, "f", str_slice(buf_str(&b), 0, grown ? b.n : 100));
        size_t taken = 1;
        while (lines_next(l, &line) == LINES_LINE) {
            assert_int_equal(str_chr(line, ',', 0), -1);
            taken++;
        }
        assert_true(taken < 6); /* what was in the buffer */
        assert_true(lines_replaced(l));
        assert_int_equal(lines_next(l, &line), LINES_END);
        assert_true(lines_replaced(l));
        lines_free(l);
        close(fd);
        buf_release(&b);
        scratch_remove(&s);
    }
}

/* Lines of many lengths, more than fill the buffer several times. */
static void make_mixture(struct buf *b, size_t bytes)
{
    uint64_t seed = 3;
    while (b->n < bytes) {
        uint64_t x = next_random(&seed);
        put_line(b, x % 50 == 0 ? LONG - 20 + x / 50 % 40 : x % 7 == 0 ? 0 : x / 64 % 3000);
    }
    put_line(b, 77);
    b->n--;
}

/* Whoever goes on at any line's start sees what the first reading saw: text, positions, seam. */
static void test_resuming_at_each_line(void **state)
{
    struct scratch s;
    struct buf b, z;
    scratch_make(&s);
    buf_init(&b, 16u << 20);
    buf_init(&z, 16u << 20);
    make_mixture(&b, 1500000);
    put_gzip(&z, buf_str(&b));
    scratch_write(&s, "plain", buf_str(&b));
    scratch_write(&s, "gzip", buf_str(&z));
    int plain = scratch_open(&s, "plain"), gzip = scratch_open(&s, "gzip");
    size_t count = 0;
    for (size_t at = 0; at < b.n; at = (size_t)str_chr(buf_str(&b), '\n', at) + 1) {
        struct lines *l = lines_new(plain, CONTAINER_PLAIN, at);
        assert_int_equal(lines_position(l), at);
        assert_seam("plain", l, buf_str(&b));
        if (count % 40 == 0)
            assert_lines("plain", l, buf_str(&b), at);
        lines_free(l);
        if (count++ % 40 == 0) {
            l = lines_new(gzip, CONTAINER_GZIP, at);
            assert_lines("gzip", l, buf_str(&b), at);
            lines_free(l);
        }
        if (str_chr(buf_str(&b), '\n', at) < 0)
            break;
    }
    close(plain);
    close(gzip);
    buf_release(&b);
    buf_release(&z);
    scratch_remove(&s);
}

static void test_offset_behind_the_end(void **state)
{
    static const enum container_kind kinds[] = {CONTAINER_PLAIN, CONTAINER_GZIP};
    struct scratch s;
    struct buf z;
    struct str line;
    scratch_make(&s);
    buf_init(&z, 1 << 20);
    put_gzip(&z, STR("one\ntwo\n"));
    for (size_t i = 0; i < COUNT(kinds); i++) {
        scratch_write(&s, "f", kinds[i] == CONTAINER_GZIP ? buf_str(&z) : STR("one\ntwo\n"));
        int fd = scratch_open(&s, "f");
        for (uint64_t offset = 9; offset < 2000; offset += 97) {
            struct lines *l = lines_new(fd, kinds[i], offset);
            assert_true(lines_position(l) < offset);
            lines_free(l);
        }
        struct lines *l = lines_new(fd, kinds[i], 8);
        assert_int_equal(lines_position(l), 8);
        assert_int_equal(lines_next(l, &line), LINES_END);
        lines_free(l);
        close(fd);
    }
    buf_release(&z);
    scratch_remove(&s);
}

/* A file that is being written: the half line stays, and becomes a line when its newline comes. */
static void test_growing(void **state)
{
    struct scratch s;
    struct str line;
    scratch_make(&s);
    scratch_write(&s, "f", STR("one\ntw"));
    int fd = scratch_open(&s, "f");
    struct lines *l = lines_new(fd, CONTAINER_PLAIN, 0);
    assert_int_equal(lines_next(l, &line), LINES_LINE);
    assert_int_equal(lines_next(l, &line), LINES_END);
    assert_int_equal(lines_position(l), 4);
    assert_int_equal(lines_half_bytes(l), 2);
    scratch_append(&s, "f", STR("o"));
    assert_int_equal(lines_next(l, &line), LINES_END);
    assert_int_equal(lines_half_bytes(l), 3);
    scratch_append(&s, "f", STR("\nthree\n"));
    assert_int_equal(lines_next(l, &line), LINES_LINE);
    assert_true(str_eq(line, STR("two")));
    assert_int_equal(lines_at(l), 4);
    assert_int_equal(lines_next(l, &line), LINES_LINE);
    assert_true(str_eq(line, STR("three")));
    assert_int_equal(lines_next(l, &line), LINES_END);
    assert_int_equal(lines_take_half(l, &line), LINES_END);
    lines_free(l);
    close(fd);
    scratch_remove(&s);
}

/* The same for a line that is too long before it is complete: nothing of it counts twice. */
static void test_growing_long_line(void **state)
{
    struct scratch s;
    struct buf b;
    struct str line;
    scratch_make(&s);
    buf_init(&b, 16u << 20);
    put_line(&b, 100);
    put_line(&b, 300);
    size_t start = b.n;
    scratch_write(&s, "f", buf_str(&b));
    int fd = scratch_open(&s, "f");
    struct lines *l = lines_new(fd, CONTAINER_PLAIN, 0);
    while (lines_next(l, &line) != LINES_END)
        ;
    for (int i = 0; i < 8; i++) {
        size_t before = b.n;
        put_line(&b, LONG / 3 + 11);
        b.p[b.n - 1] = '.';
        scratch_append(&s, "f", str_slice(buf_str(&b), before, b.n));
        assert_int_equal(lines_next(l, &line), LINES_END);
        assert_end("growing", l, buf_str(&b), start);
    }
    size_t before = b.n;
    buf_lit(&b, "end\nnext\n");
    scratch_append(&s, "f", str_slice(buf_str(&b), before, b.n));
    assert_lines("grown", l, buf_str(&b), start);
    lines_free(l);
    close(fd);
    buf_release(&b);
    scratch_remove(&s);
}

static void test_gzip_that_is_cut(void **state)
{
    struct scratch s;
    struct buf text, z;
    struct str line;
    scratch_make(&s);
    buf_init(&text, 1 << 20);
    buf_init(&z, 1 << 20);
    for (size_t i = 0; i < 200; i++)
        put_line(&text, i);
    put_gzip(&z, buf_str(&text));
    for (size_t n = 20; n < z.n; n += 13) {
        scratch_write(&s, "f", str_slice(buf_str(&z), 0, n));
        int fd = scratch_open(&s, "f");
        struct lines *l = lines_new(fd, CONTAINER_GZIP, 0);
        uint64_t end = 0;
        while (lines_next(l, &line) == LINES_LINE) {
            end = lines_position(l);
            assert_true(str_eq(line, str_slice(buf_str(&text), (size_t)lines_at(l), end - 1)));
        }
        assert_int_equal(lines_position(l), end);
        assert_int_equal(lines_state(l), CONTAINER_TRUNCATED);
        assert_int_equal(lines_file_offset(l), n);
        lines_free(l);
        close(fd);
    }
    buf_release(&text);
    buf_release(&z);
    scratch_remove(&s);
}

/* A pipe that is filled in pieces of every size. */
static void test_pipe(void **state)
{
    static const struct str content = STR("one\n\ntwo is longer\r\nthree\nhalf");
    for (size_t step = 1; step <= content.n; step++) {
        int ends[2];
        struct str line;
        size_t at = 0, sent = 0;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        struct lines *l = lines_new(ends[0], CONTAINER_PLAIN, 0);
        while (sent < content.n) {
            size_t n = step < content.n - sent ? step : content.n - sent;
            assert_int_equal(write(ends[1], content.p + sent, n), n);
            sent += n;
            while (lines_next(l, &line) == LINES_LINE) {
                assert_int_equal(lines_at(l), at);
                assert_true(str_eq(line, str_slice(content, at, (size_t)lines_position(l) - 1)));
                at = (size_t)lines_position(l);
            }
            assert_int_equal(lines_half_bytes(l), sent - at);
        }
        close(ends[1]);
        assert_int_equal(lines_next(l, &line), LINES_END);
        assert_int_equal(lines_state(l), CONTAINER_CLEAN);
        assert_int_equal(lines_take_half(l, &line), LINES_LINE);
        assert_true(str_eq(line, STR("half")));
        lines_free(l);
        close(ends[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_resuming_at_each_line),
        cmocka_unit_test(test_offset_behind_the_end),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_growing_long_line),
        cmocka_unit_test(test_gzip_that_is_cut),
        cmocka_unit_test(test_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
