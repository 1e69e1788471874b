/* Plain and gzip files as they lie about: whole, cut at each byte, damaged, padded, growing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/container.h"
#include "tests/unit/agent/scratch.h"

struct read_back {
    struct buf text;
    enum container_end end;
    uint64_t offset;
};

/* Everything, in reads of `step` bytes, from a file of this content. */
static struct read_back read_all(const struct scratch *s, struct str content, size_t step)
{
    struct read_back r;
    enum container_kind kind;
    const char *codec = NULL;
    char piece[4096];
    size_t n;
    scratch_write(s, "f", content);
    int fd = scratch_open(s, "f");
    assert_int_equal(container_detect(fd, &kind, &codec), 0);
    assert_int_not_equal(kind, CONTAINER_FOREIGN);
    struct container *c = container_new(fd, kind);
    buf_init(&r.text, 16u << 20);
    while ((n = container_read(c, piece, step)))
        buf_put(&r.text, piece, n);
    r.end = container_state(c);
    r.offset = container_file_offset(c);
    assert_int_equal(container_read(c, piece, step), 0);
    assert_int_equal(container_state(c), r.end);
    container_free(c);
    close(fd);
    return r;
}

static void assert_reads(const char *name, const struct scratch *s, struct str content,
                         struct str want, enum container_end end)
{
    static const size_t steps[] = {4096, 7, 1};
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct read_back r = read_all(s, content, steps[i]);
        if (!str_eq(buf_str(&r.text), want))
            fail_msg("%s: %zu bytes instead of %zu, step %zu", name, r.text.n, want.n, steps[i]);
        if (r.end != end)
            fail_msg("%s: end %d instead of %d, step %zu", name, r.end, end, steps[i]);
        buf_release(&r.text);
    }
}

static void test_kinds(void **state)
{
    static const struct {
        const char *name;
        struct str content;
        enum container_kind kind;
        const char *codec;
    } table[] = {
        {"empty", STR(""), CONTAINER_PLAIN, NULL},
        {"text", STR("1.2.3.4 - -"), CONTAINER_PLAIN, NULL},
        {"one byte of the magic", STR("\x1f"), CONTAINER_PLAIN, NULL},
        {"gzip", STR("\x1f\x8b\x08"), CONTAINER_GZIP, NULL},
        {"zstd", STR("\x28\xb5\x2f\xfd\x00\x00"), CONTAINER_FOREIGN, "zstd"},
        {"zstd's first three bytes", STR("\x28\xb5\x2f"), CONTAINER_PLAIN, NULL},
        {"xz",
         STR("\xfd"
             "7zXZ\0"),
         CONTAINER_FOREIGN, "xz"},
        {"bzip2", STR("BZh9"), CONTAINER_FOREIGN, "bzip2"},
        {"compress(1) is not told apart", STR("\x1f\x9d\x90"), CONTAINER_PLAIN, NULL},
    };
    struct scratch s;
    scratch_make(&s);
    for (size_t i = 0; i < COUNT(table); i++) {
        enum container_kind kind;
        const char *codec = NULL;
        scratch_write(&s, "f", table[i].content);
        int fd = scratch_open(&s, "f");
        assert_int_equal(container_detect(fd, &kind, &codec), 0);
        close(fd);
        if (kind != table[i].kind || (codec == NULL) != (table[i].codec == NULL) ||
            (codec && strcmp(codec, table[i].codec) != 0))
            fail_msg("%s: kind %d, codec %s", table[i].name, kind, codec ? codec : "none");
    }
    enum container_kind kind;
    const char *codec;
    assert_int_equal(container_detect(-1, &kind, &codec), -1);
    assert_int_equal(container_detect(s.fd, &kind, &codec), -1);
    scratch_remove(&s);
}

#define A "first member\nwith two lines\n"
#define B "second member\n"

static void test_gzip(void **state)
{
    struct scratch s;
    struct buf one, two, empty, b;
    scratch_make(&s);
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    buf_init(&empty, 1 << 20);
    buf_init(&b, 1 << 20);
    put_gzip(&one, STR(A));
    put_gzip(&two, STR(B));
    put_gzip(&empty, STR(""));
    const struct {
        const char *name;
        struct str parts[3];
        struct str want;
        enum container_end end;
    } table[] = {
        {"plain", {STR(A)}, STR(A), CONTAINER_CLEAN},
        {"nothing at all", {STR("")}, STR(""), CONTAINER_CLEAN},
        {"one member", {buf_str(&one)}, STR(A), CONTAINER_CLEAN},
        {"two members", {buf_str(&one), buf_str(&two)}, STR(A B), CONTAINER_CLEAN},
        {"an empty member", {buf_str(&empty)}, STR(""), CONTAINER_CLEAN},
        {"an empty one in the middle",
         {buf_str(&one), buf_str(&empty), buf_str(&two)},
         STR(A B),
         CONTAINER_CLEAN},
        {"zeros behind", {buf_str(&one), STR("\0\0\0\0\0")}, STR(A), CONTAINER_GARBAGE},
        {"text behind", {buf_str(&one), STR("garbage\n")}, STR(A), CONTAINER_GARBAGE},
        {"half a magic and text behind", {buf_str(&one), STR("\x1fx")}, STR(A), CONTAINER_GARBAGE},
        {"an unknown method behind",
         {buf_str(&one), STR("\x1f\x8b\x09\0\0\0\0\0\0\0\0\0")},
         STR(A),
         CONTAINER_GARBAGE},
        {"a member whose data is bad at once",
         {buf_str(&one), STR("\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff\xff\xff\xff\xff\xff\xff")},
         STR(A),
         CONTAINER_CORRUPT},
        {"no method that we know", {STR("\x1f\x8b\x09\0\0\0\0\0\0\0")}, STR(""), CONTAINER_CORRUPT},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        buf_reset(&b);
        for (size_t k = 0; k < 3; k++)
            buf_put_str(&b, table[i].parts[k]);
        assert_reads(table[i].name, &s, buf_str(&b), table[i].want, table[i].end);
    }
    buf_release(&one);
    buf_release(&two);
    buf_release(&empty);
    buf_release(&b);
    scratch_remove(&s);
}

/* Cut anywhere, a file gives a prefix of what it held, and says that it is cut. */
static void test_gzip_cut_at_each_byte(void **state)
{
    struct scratch s;
    struct buf b;
    scratch_make(&s);
    buf_init(&b, 1 << 20);
    put_gzip(&b, STR(A));
    size_t first = b.n;
    put_gzip(&b, STR(B));
    for (size_t n = 2; n < b.n; n++) {
        struct read_back r = read_all(&s, str_slice(buf_str(&b), 0, n), 4096);
        if (r.end != (n == first ? CONTAINER_CLEAN : CONTAINER_TRUNCATED))
            fail_msg("cut at %zu: end %d", n, r.end);
        assert_true(str_starts(STR(A B), buf_str(&r.text)));
        assert_true(n < first || r.text.n >= sizeof(A) - 1);
        assert_int_equal(r.offset, n);
        buf_release(&r.text);
    }
    buf_release(&b);
    scratch_remove(&s);
}

/* What a cut file gives does not depend on how much is asked for at once: who goes on later must
 * find the lines that were there before. */
static void test_gzip_cut_and_read_in_steps(void **state)
{
    static const size_t steps[] = {1, 3, 100, 258, 259};
    struct scratch s;
    struct buf text, b;
    scratch_make(&s);
    buf_init(&text, 1 << 20);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 5; i++) { /* long matches: much text from few bytes */
        put_repeated(&text, (char)('a' + i), 700);
        buf_lit(&text, "\n");
    }
    put_gzip(&b, buf_str(&text));
    for (size_t n = 18; n < b.n; n++) {
        struct read_back whole = read_all(&s, str_slice(buf_str(&b), 0, n), 4096);
        for (size_t i = 0; i < COUNT(steps); i++) {
            struct read_back r = read_all(&s, str_slice(buf_str(&b), 0, n), steps[i]);
            if (r.text.n != whole.text.n || r.end != CONTAINER_TRUNCATED)
                fail_msg("cut at %zu, step %zu: %zu bytes instead of %zu, end %d", n, steps[i],
                         r.text.n, whole.text.n, r.end);
            buf_release(&r.text);
        }
        buf_release(&whole.text);
    }
    buf_release(&text);
    buf_release(&b);
    scratch_remove(&s);
}

/* A byte that is wrong gives no wrong text silently: the checksum tells. */
static void test_gzip_damaged_at_each_byte(void **state)
{
    struct scratch s;
    struct buf b;
    scratch_make(&s);
    buf_init(&b, 1 << 20);
    put_gzip(&b, STR(A));
    for (size_t i = 10; i < b.n; i++) { /* behind the header, whose flags and time nobody needs */
        b.p[i] ^= 0x10;
        struct read_back r = read_all(&s, buf_str(&b), 4096);
        bool same = r.end == CONTAINER_CLEAN && str_eq(buf_str(&r.text), STR(A));
        if (r.end != CONTAINER_CORRUPT && r.end != CONTAINER_TRUNCATED && !same)
            fail_msg("damaged at %zu: end %d", i, r.end); /* the last block has unused bits */
        b.p[i] ^= 0x10;
        buf_release(&r.text);
    }
    b.p[b.n - 8] ^= 1; /* CRC-32: all of the text was delivered by then */
    assert_reads("bad checksum", &s, buf_str(&b), STR(A), CONTAINER_CORRUPT);
    b.p[b.n - 8] ^= 1;
    b.p[b.n - 1] ^= 1;
    assert_reads("bad length", &s, buf_str(&b), STR(A), CONTAINER_CORRUPT);
    buf_release(&b);
    scratch_remove(&s);
}

/* More than one of the reader's input blocks, and text that hardly compresses. */
static void test_large_members(void **state)
{
    struct scratch s;
    struct buf text, b;
    uint64_t seed = 7;
    scratch_make(&s);
    buf_init(&text, 4 << 20);
    buf_init(&b, 4 << 20);
    while (text.n < 300000)
        buf_put_u64(&text, next_random(&seed));
    put_gzip(&b, buf_str(&text));
    put_gzip(&b, buf_str(&text));
    size_t half = text.n;
    buf_reserve(&text, half);
    memcpy(text.p + half, text.p, half);
    text.n += half;
    struct read_back r = read_all(&s, buf_str(&b), 4096);
    assert_int_equal(r.end, CONTAINER_CLEAN);
    assert_true(str_eq(buf_str(&r.text), buf_str(&text)));
    assert_int_equal(r.offset, b.n);
    buf_release(&r.text);
    buf_release(&text);
    buf_release(&b);
    scratch_remove(&s);
}

static void test_plain_grows_and_seeks(void **state)
{
    struct scratch s;
    char piece[16];
    scratch_make(&s);
    scratch_write(&s, "f", STR("0123456789"));
    int fd = scratch_open(&s, "f");
    struct container *c = container_new(fd, CONTAINER_PLAIN);
    assert_int_equal(container_read(c, piece, 16), 10);
    assert_int_equal(container_read(c, piece, 16), 0);
    assert_int_equal(container_state(c), CONTAINER_CLEAN);
    scratch_append(&s, "f", STR("abc"));
    assert_int_equal(container_read(c, piece, 16), 3);
    assert_memory_equal(piece, "abc", 3);
    assert_int_equal(container_state(c), CONTAINER_MORE);
    container_seek(c, 8);
    assert_int_equal(container_read(c, piece, 16), 5);
    assert_memory_equal(piece, "89abc", 5);
    container_seek(c, 100); /* behind the end: nothing there */
    assert_int_equal(container_read(c, piece, 16), 0);
    assert_int_equal(container_state(c), CONTAINER_CLEAN);
    container_free(c);
    close(fd);
    scratch_remove(&s);
}

static void test_unreadable(void **state)
{
    struct scratch s;
    char piece[16];
    scratch_make(&s);
    struct container *c = container_new(s.fd, CONTAINER_PLAIN); /* a directory */
    assert_int_equal(container_read(c, piece, 16), 0);
    assert_int_equal(container_state(c), CONTAINER_IO_ERROR);
    container_free(c);
    c = container_new(s.fd, CONTAINER_GZIP);
    assert_int_equal(container_read(c, piece, 16), 0);
    assert_int_equal(container_state(c), CONTAINER_IO_ERROR);
    container_free(c);
    container_free(NULL);
    scratch_remove(&s);
}

/* Two readers of one descriptor do not disturb each other. */
static void test_shared_descriptor(void **state)
{
    struct scratch s;
    char x[4], y[4];
    scratch_make(&s);
    scratch_write(&s, "f", STR("0123456789"));
    int fd = scratch_open(&s, "f");
    struct container *a = container_new(fd, CONTAINER_PLAIN),
                     *b = container_new(fd, CONTAINER_PLAIN);
    assert_int_equal(container_read(a, x, 4), 4);
    assert_int_equal(container_read(b, y, 4), 4);
    assert_memory_equal(x, y, 4);
    container_free(a);
    container_free(b);
    close(fd);
    scratch_remove(&s);
}

static void test_pipe(void **state)
{
    int ends[2];
    char piece[16];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abcdef", 6), 6);
    struct container *c = container_new(ends[0], CONTAINER_PLAIN);
    assert_int_equal(container_read(c, piece, 4), 4);
    assert_int_equal(container_read(c, piece, 4), 2);
    close(ends[1]);
    assert_int_equal(container_read(c, piece, 4), 0);
    assert_int_equal(container_state(c), CONTAINER_CLEAN);
    container_free(c);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_cut_at_each_byte),
        cmocka_unit_test(test_gzip_cut_and_read_in_steps),
        cmocka_unit_test(test_gzip_damaged_at_each_byte),
        cmocka_unit_test(test_large_members),
        cmocka_unit_test(test_plain_grows_and_seeks),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_shared_descriptor),
        cmocka_unit_test(test_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
