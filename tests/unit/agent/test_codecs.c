/*
 * Compressed files as they lie about, each with every codec: whole, several members, cut at each
 * byte, damaged at each bit, padded, trailed, growing, nested, too wide; and what they tell of
 * their length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/codecs.h"

#define A "first member\nwith two lines\n"
#define B "second member\n"

struct rig {
    struct scratch dir;
    enum container_kind kind;
    const char *codec;
    struct buf one, two, empty; /* members of A, of B, of nothing */
    struct buf file;
};

static void rig_make(struct rig *r, enum container_kind kind)
{
    scratch_make(&r->dir);
    r->kind = kind;
    r->codec = container_codec(kind);
    buf_init(&r->one, 1 << 20);
    buf_init(&r->two, 1 << 20);
    buf_init(&r->empty, 1 << 20);
    buf_init(&r->file, 4 << 20);
    put_coded(&r->one, kind, STR(A));
    put_coded(&r->two, kind, STR(B));
    put_coded(&r->empty, kind, STR(""));
}

static void rig_remove(struct rig *r)
{
    buf_release(&r->one);
    buf_release(&r->two);
    buf_release(&r->empty);
    buf_release(&r->file);
    scratch_remove(&r->dir);
}

/* Every codec in a rig of its own. */
static void each_codec(void (*test)(struct rig *))
{
    for (size_t i = 0; i < N_CODEC_KINDS; i++) {
        struct rig r;
        rig_make(&r, codec_kinds[i]);
        test(&r);
        rig_remove(&r);
    }
}

struct members {
    const char *name;
    struct str parts[4];
    struct str want;
    enum container_end end;
};

static void assert_members(struct rig *r, const struct members *table, size_t n)
{
    char name[100];
    for (size_t i = 0; i < n; i++) {
        buf_reset(&r->file);
        for (size_t k = 0; k < COUNT(table[i].parts); k++)
            if (str_is_set(table[i].parts[k]))
                buf_put_str(&r->file, table[i].parts[k]);
        snprintf(name, sizeof(name), "%s, %s", r->codec, table[i].name);
        assert_reads(name, &r->dir, buf_str(&r->file), table[i].want, table[i].end);
    }
}

static void members_of(struct rig *r)
{
    struct str one = buf_str(&r->one), two = buf_str(&r->two), empty = buf_str(&r->empty);
    static const size_t magic_bytes[] = {4, 4, 10, 6};
    struct str magic = str_slice(one, 0, magic_bytes[r->kind - CONTAINER_GZIP]);
    struct str bad = STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    const struct members table[] = {
        {"one member", {one}, STR(A), CONTAINER_CLEAN},
        {"two members", {one, two}, STR(A B), CONTAINER_CLEAN},
        {"an empty member", {empty}, STR(""), CONTAINER_CLEAN},
        {"an empty one in the middle", {one, empty, two}, STR(A B), CONTAINER_CLEAN},
        {"empty ones around", {empty, empty, two, empty}, STR(B), CONTAINER_CLEAN},
        {"five zeros behind", {one, STR("\0\0\0\0\0")}, STR(A), CONTAINER_GARBAGE},
        {"zeros, and a member behind", {one, STR("\0"), two}, STR(A), CONTAINER_CORRUPT},
        {"zeros, text and a member behind",
         {one, STR("\0\0\0\0x"), two, STR("more")},
         STR(A),
         CONTAINER_CORRUPT},
        {"zeros, and a member's magic behind",
         {one, STR("\0\0\0\0\0"), magic},
         STR(A),
         CONTAINER_CORRUPT},
        {"text behind", {one, STR("garbage\n")}, STR(A), CONTAINER_GARBAGE},
        {"one byte behind", {one, STR("x")}, STR(A), CONTAINER_GARBAGE},
        {"half a magic and text behind",
         {one, str_slice(one, 0, 1), STR("x")},
         STR(A),
         CONTAINER_GARBAGE},
        {"half a magic behind", {one, str_slice(one, 0, 3)}, STR(A), CONTAINER_TRUNCATED},
        {"a member whose data is bad at once", {one, magic, bad}, STR(A), CONTAINER_CORRUPT},
        {"bad at once", {magic, bad}, STR(""), CONTAINER_CORRUPT},
    };
    assert_members(r, table, COUNT(table));
}

static void test_members(void **state)
{
    each_codec(members_of);
}

static void test_gzip_headers(void **state)
{
    struct rig r;
    rig_make(&r, CONTAINER_GZIP);
    const struct members table[] = {
        {"an unknown method", {STR("\x1f\x8b\x09\0\0\0\0\0\0\0")}, STR(""), CONTAINER_CORRUPT},
        {"an unknown method behind",
         {buf_str(&r.one), STR("\x1f\x8b\x09\0\0\0\0\0\0\0\0\0")},
         STR(A),
         CONTAINER_GARBAGE},
        {"with a name",
         {STR("\x1f\x8b\x08\x08\0\0\0\0\0\3access.log\0"), str_slice(buf_str(&r.one), 10, r.one.n)},
         STR(A),
         CONTAINER_CLEAN},
    };
    assert_members(&r, table, COUNT(table));
    rig_remove(&r);
}

static void test_xz_padding(void **state)
{
    struct rig r;
    rig_make(&r, CONTAINER_XZ);
    struct str one = buf_str(&r.one), two = buf_str(&r.two), four = STR("\0\0\0\0");
    const struct members table[] = {
        {"padded", {one, four}, STR(A), CONTAINER_CLEAN},
        {"padded between", {one, four, four, two}, STR(A B), CONTAINER_CLEAN},
        {"by three", {one, STR("\0\0\0"), two}, STR(A), CONTAINER_CORRUPT},
        {"padded, then text", {one, four, STR("text")}, STR(A), CONTAINER_GARBAGE},
        {"padded, then half a magic", {one, four, STR("\xfd")}, STR(A), CONTAINER_TRUNCATED},
    };
    assert_members(&r, table, COUNT(table));
    rig_remove(&r);
}

#define SKIPPABLE "\x53\x2a\x4d\x18\x06\0\0\0ignore"

static void test_zstd_frames(void **state)
{
    struct rig r;
    char piped[256];
    rig_make(&r, CONTAINER_ZSTD);
    struct str one = buf_str(&r.one), two = buf_str(&r.two), skip = STR(SKIPPABLE);
    struct str pipe = {piped, encode_zstd(piped, sizeof(piped), STR(B), true)};
    const struct members table[] = {
        {"a skippable frame first", {skip, one}, STR(A), CONTAINER_CLEAN},
        {"between and behind", {one, skip, two, skip}, STR(A B), CONTAINER_CLEAN},
        {"nothing else", {skip, skip}, STR(""), CONTAINER_CLEAN},
        {"cut", {one, str_slice(skip, 0, 11)}, STR(A), CONTAINER_TRUNCATED},
        {"from a pipe", {one, pipe}, STR(A B), CONTAINER_CLEAN},
    };
    assert_members(&r, table, COUNT(table));
    rig_remove(&r);
}

/* ---- cut --------------------------------------------------------------------------------------
 */

/* Cut anywhere, a file gives a prefix of what it held, and says that it is cut; what it gives does
 * not depend on how much is asked for at once: who goes on later must find the same lines. */
static void cut_of(struct rig *r)
{
    static const size_t steps[] = {4096, 3, 1};
    buf_put_str(&r->file, buf_str(&r->one));
    buf_put_str(&r->file, buf_str(&r->two));
    for (size_t n = 6; n < r->file.n; n++) {
        struct str part = str_slice(buf_str(&r->file), 0, n);
        size_t have = 0;
        for (size_t i = 0; i < COUNT(steps); i++) {
            struct read_back got = read_all(&r->dir, part, steps[i]);
            if (got.end != (n == r->one.n ? CONTAINER_CLEAN : CONTAINER_TRUNCATED) ||
                got.offset != n || !str_starts(STR(A B), buf_str(&got.text)) ||
                (n >= r->one.n && got.text.n < sizeof(A) - 1) || (i && got.text.n != have))
                fail_msg("%s cut at %zu, step %zu: end %d, %zu bytes, offset %llu", r->codec, n,
                         steps[i], got.end, got.text.n, (unsigned long long)got.offset);
            have = got.text.n;
            buf_release(&got.text);
        }
    }
}

static void test_cut_at_each_byte(void **state)
{
    each_codec(cut_of);
}

/* Long matches: much text from few bytes. */
static void cut_repeats_of(struct rig *r)
{
    static const size_t steps[] = {1, 100, 258, 259};
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 5; i++) {
        put_repeated(&text, (char)('a' + i), 700);
        buf_lit(&text, "\n");
    }
    put_coded(&r->file, r->kind, buf_str(&text));
    for (size_t n = 18; n < r->file.n; n++) {
        struct str part = str_slice(buf_str(&r->file), 0, n);
        struct read_back whole = read_all(&r->dir, part, 4096);
        for (size_t i = 0; i < COUNT(steps); i++) {
            struct read_back got = read_all(&r->dir, part, steps[i]);
            if (got.text.n != whole.text.n || got.end != CONTAINER_TRUNCATED)
                fail_msg("%s cut at %zu, step %zu: %zu bytes instead of %zu, end %d", r->codec, n,
                         steps[i], got.text.n, whole.text.n, got.end);
            buf_release(&got.text);
        }
        buf_release(&whole.text);
    }
    buf_release(&text);
}

static void test_cut_and_read_in_steps(void **state)
{
    each_codec(cut_repeats_of);
}

static void put_noise(struct buf *b, size_t n)
{
    uint64_t seed = 7;
    while (b->n < n)
        buf_put_u64(b, next_random(&seed));
}

/* What a cut file of this size holds at least: block by block, or nearly all. */
static size_t held_back(enum container_kind kind)
{
    return kind == CONTAINER_GZIP ? 40u << 10 : 140u << 10;
}

static void large_of(struct rig *r)
{
    struct buf text;
    buf_init(&text, 4 << 20);
    put_noise(&text, 300000);
    put_coded(&r->file, r->kind, buf_str(&text));
    double ratio = (double)text.n / (double)r->file.n;
    for (size_t n = 4096; n < r->file.n; n += 4096) {
        struct read_back got =
            read_all(&r->dir, str_slice(buf_str(&r->file), 0, n), n % 32768 ? 4096 : 259);
        if (got.end != CONTAINER_TRUNCATED || !str_starts(buf_str(&text), buf_str(&got.text)) ||
            (double)(got.text.n + held_back(r->kind)) < (double)n * ratio)
            fail_msg("%s cut at %zu: end %d, %zu bytes", r->codec, n, got.end, got.text.n);
        buf_release(&got.text);
    }
    put_coded(&r->file, r->kind, buf_str(&text)); /* a second member in a later input block */
    struct read_back got = read_all(&r->dir, buf_str(&r->file), 4096);
    assert_int_equal(got.end, CONTAINER_CLEAN);
    assert_int_equal(got.text.n, 2 * text.n);
    assert_memory_equal(got.text.p, text.p, text.n);
    assert_memory_equal(got.text.p + text.n, text.p, text.n);
    assert_int_equal(got.offset, r->file.n);
    buf_release(&got.text);
    buf_release(&text);
}

static void test_large_members(void **state)
{
    each_codec(large_of);
}

/* Still being written: each look gives what the last one gave, and more. */
static void growing_of(struct rig *r)
{
    enum container_kind kind;
    const char *codec;
    size_t have = 0, pieces[] = {2, 5, 6, 11, r->one.n - 1, r->one.n, r->one.n + 3, 0};
    buf_put_str(&r->file, buf_str(&r->one));
    buf_put_str(&r->file, buf_str(&r->two));
    pieces[COUNT(pieces) - 1] = r->file.n;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        scratch_write(&r->dir, "f", str_slice(buf_str(&r->file), 0, pieces[i]));
        int fd = scratch_open(&r->dir, "f");
        assert_int_equal(container_detect(fd, &kind, &codec), 0);
        assert_true(kind == r->kind || (kind == CONTAINER_PLAIN && pieces[i] < 6));
        struct read_back got = read_kind(fd, r->kind, 4096);
        assert_int_equal(got.end, pieces[i] == r->one.n || pieces[i] == r->file.n
                                      ? CONTAINER_CLEAN
                                      : CONTAINER_TRUNCATED);
        assert_true(got.text.n >= have);
        have = got.text.n;
        buf_release(&got.text);
        close(fd);
    }
    assert_int_equal(have, sizeof(A B) - 1);
    scratch_write(&r->dir, "f", STR(""));
    int fd = scratch_open(&r->dir, "f");
    struct read_back got = read_kind(fd, r->kind, 4096);
    assert_int_equal(got.end, CONTAINER_TRUNCATED);
    buf_release(&got.text);
    close(fd);
}

static void test_growing(void **state)
{
    each_codec(growing_of);
}

/* ---- damage -----------------------------------------------------------------------------------
 */

/* A bit that is wrong gives no wrong text silently, and the same text at every step. */
static void damaged_of(struct rig *r)
{
    buf_put_str(&r->file, buf_str(&r->one));
    buf_put_str(&r->file, buf_str(&r->two));
    for (size_t i = 0; i < 8 * r->file.n; i += 3) { /* in each byte another */
        r->file.p[i / 8] ^= (char)(1 << i % 8);
        scratch_write(&r->dir, "f", buf_str(&r->file));
        int fd = scratch_open(&r->dir, "f");
        struct read_back got = read_kind(fd, r->kind, 4096), again = read_kind(fd, r->kind, 1);
        bool whole = str_eq(buf_str(&got.text), STR(A B));
        bool first = str_eq(buf_str(&got.text), STR(A));
        if (!(got.end == CONTAINER_CLEAN ? whole || first : true) ||
            (got.end == CONTAINER_GARBAGE && !first && !whole) || got.end == CONTAINER_IO_ERROR ||
            (i / 8 >= r->one.n && !str_starts(buf_str(&got.text), STR(A))))
            fail_msg("%s damaged at bit %zu of %zu: end %d, %zu bytes", r->codec, i, 8 * r->file.n,
                     got.end, got.text.n);
        if (again.end != got.end || !str_eq(buf_str(&again.text), buf_str(&got.text)))
            fail_msg("%s damaged at bit %zu: %zu bytes and end %d, then %zu and %d", r->codec, i,
                     got.text.n, got.end, again.text.n, again.end);
        buf_release(&got.text);
        buf_release(&again.text);
        close(fd);
        r->file.p[i / 8] ^= (char)(1 << i % 8);
    }
}

static void test_damaged_bits(void **state)
{
    each_codec(damaged_of);
}

/* The checksum at the end: all of the text was delivered by then. */
static void test_bad_checksums(void **state)
{
    static const struct {
        enum container_kind kind;
        size_t from_end;
    } table[] = {{CONTAINER_GZIP, 8}, {CONTAINER_GZIP, 1}, {CONTAINER_ZSTD, 1}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct rig r;
        rig_make(&r, table[i].kind);
        r.one.p[r.one.n - table[i].from_end] ^= 1;
        assert_reads(r.codec, &r.dir, buf_str(&r.one), STR(A), CONTAINER_CORRUPT);
        rig_remove(&r);
    }
}

/* Found by the fuzzer: a block whose permutation leaves it. libbz2 loses count of what the call
 * that meets it has made, so how much of that block comes depends on the step; the end does not. */
static void test_bzip2_bad_permutation(void **state)
{
    static const size_t steps[] = {4096, 100, 3, 1};
    struct rig r;
    rig_make(&r, CONTAINER_BZIP2);
    buf_put_str(&r.file, buf_str(&r.one));
    buf_put_str(&r.file, STR("\x42\x5a\x68\x31\x31\x41\x59\x26\x53\x59\xb0\xa0\xfb\xba\x00\x00"
                             "\xa4\xd9\x00\x00\x10\x40\x01\x7f\xe0\x02\x25\x30\x00\xf5\x9b\x61"
                             "\xa1\x33\x29\xea\x29\xa1\x86\xa7\x84\xd4\x93\xd1\x00\x48\x53\x4d"
                             "\x22\x6d\x23\xd4\x90\x93\xbf\x39\xc2\x9c\x18\x53\x51\x51\x51\x51"
                             "\x51\x51\x51\x51\x51\x51\x51\x51\x51\x51\x51\x51\x51\x51\x51\x51"
                             "\x51\x51\x51\x51\x51\x51\x51\x51\x98\x53\x13\x0a\x73\x0a\x65\x32"
                             "\x9f\xb0\x06\x85\xa7\x9d\xcb\xde\xfe\x1f\x38\xb7\x28\x24\x68\xa6"
                             "\xe8\xb6\xdb\xca\x60\x66\x84\xe6\x59\xe5\x00\x00\x00\x00\xee\xfb"
                             "\xa1\x35\x6f\x65\xb6\xb3\x50\x08\x93\x80\x23\x80\x22\x28\xb5\x2f"
                             "\xfd\x00\x68\x31\x00\x00\x73\x68\x6f\x72\x74\x0a\x28\xb5\x2f\xfd"));
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct read_back got = read_all(&r.dir, buf_str(&r.file), steps[i]);
        assert_int_equal(got.end, CONTAINER_CORRUPT);
        assert_true(str_starts(buf_str(&got.text), STR(A)));
        buf_release(&got.text);
    }
    rig_remove(&r);
}

/* Damage in a later block: those before it come, in one read or in many. */
static void late_damage_of(struct rig *r)
{
    struct buf text;
    buf_init(&text, 4 << 20);
    put_noise(&text, 600000);
    put_coded(&r->file, r->kind, buf_str(&text));
    r->file.p[r->file.n - r->file.n / 8] ^= 0x20;
    struct read_back got = read_all(&r->dir, buf_str(&r->file), 4096);
    size_t good = 0;
    while (good < got.text.n && good < text.n && got.text.p[good] == text.p[good])
        good++;
    if (got.end != CONTAINER_CORRUPT || good < text.n / 2)
        fail_msg("%s: end %d, %zu good bytes", r->codec, got.end, good);
    buf_release(&got.text);
    buf_release(&text);
}

static void test_late_damage(void **state)
{
    each_codec(late_damage_of);
}

/* One inside the other is delivered as it is. */
static void nested_of(struct rig *r)
{
    put_coded(&r->file, r->kind, buf_str(&r->one));
    assert_reads(r->codec, &r->dir, buf_str(&r->file), buf_str(&r->one), CONTAINER_CLEAN);
}

static void test_nested(void **state)
{
    each_codec(nested_of);
}

/* An archive is one in any compression; what only begins like one is text. */
static void archive_of(struct rig *r)
{
    static char tar[1024] = {[0] = 'a', [257] = 'u', 's', 't', 'a', 'r', '\0', '0', '0'};
    enum container_kind kind;
    for (size_t n = 264; n <= sizeof(tar); n += 760) {
        const char *codec = NULL;
        buf_reset(&r->file);
        put_coded(&r->file, r->kind, (struct str){tar, n});
        scratch_write(&r->dir, "f", buf_str(&r->file));
        int fd = scratch_open(&r->dir, "f");
        assert_int_equal(container_detect(fd, &kind, &codec), 0);
        close(fd);
        assert_int_equal(kind, n == 264 ? r->kind : CONTAINER_FOREIGN);
        if (codec)
            assert_string_equal(codec, "a tar archive");
    }
}

static void test_archive(void **state)
{
    each_codec(archive_of);
}

/* ---- windows ----------------------------------------------------------------------------------
 */

static void test_zstd_window(void **state)
{
    struct rig r;
    rig_make(&r, CONTAINER_ZSTD);
    struct str one = buf_str(&r.one);
    const struct members table[] = {
        {"128 MiB", {STR("\x28\xb5\x2f\xfd\0\x88\x19\0\0abc")}, STR("abc"), CONTAINER_CLEAN},
        {"144 MiB", {STR("\x28\xb5\x2f\xfd\0\x89\x19\0\0abc")}, STR(""), CONTAINER_TOO_WIDE},
        {"in a later frame",
         {one, STR("\x28\xb5\x2f\xfd\0\xff\x19\0\0abc")},
         STR(A),
         CONTAINER_TOO_WIDE},
    };
    assert_members(&r, table, COUNT(table));
    rig_remove(&r);
}

/* Writes another dictionary size into the header of the block, which is at 12. */
static void set_dictionary(struct buf *xz, unsigned char size)
{
    size_t n = ((size_t)(unsigned char)xz->p[12] + 1) * 4 - 4;
    for (size_t i = 13; i < 12 + n; i++)
        if (xz->p[i] == 0x21 && xz->p[i + 1] == 1) { /* LZMA2, one byte of properties */
            xz->p[i + 2] = (char)size;
            break;
        }
    uint32_t crc = lzma_crc32((const uint8_t *)xz->p + 12, n, 0);
    for (size_t i = 0; i < 4; i++)
        xz->p[12 + n + i] = (char)(crc >> 8 * i);
}

static void test_xz_dictionary(void **state)
{
    struct rig r;
    rig_make(&r, CONTAINER_XZ);
    set_dictionary(&r.one, 30);
    assert_reads("128 MiB", &r.dir, buf_str(&r.one), STR(A), CONTAINER_CLEAN);
    set_dictionary(&r.one, 31);
    assert_reads("192 MiB", &r.dir, buf_str(&r.one), STR(""), CONTAINER_TOO_WIDE);
    rig_remove(&r);
}

/* ---- length -----------------------------------------------------------------------------------
 */

#define UNKNOWN UINT64_MAX

static void assert_length(const char *name, const struct scratch *s, enum container_kind kind,
                          struct str content, uint64_t want)
{
    uint64_t length = 77, modulus = 77;
    scratch_write(s, "f", content);
    int fd = scratch_open(s, "f");
    bool told = container_length(fd, kind, content.n, &length, &modulus);
    close(fd);
    if (told != (want != UNKNOWN) || length != (told ? want : 77) ||
        modulus != (!told                    ? 77
                    : kind == CONTAINER_GZIP ? 1ull << 32
                                             : 0))
        fail_msg("%s: %s, length %llu, modulus %llu", name, told ? "told" : "not told",
                 (unsigned long long)length, (unsigned long long)modulus);
}

static void lengths_of(struct rig *r)
{
    static const uint64_t two[] = {sizeof(B) - 1, sizeof(A B) - 1, UNKNOWN, sizeof(A B) - 1};
    size_t i = r->kind - CONTAINER_GZIP;
    bool tells = r->kind != CONTAINER_BZIP2;
    struct buf text;
    assert_length("one", &r->dir, r->kind, buf_str(&r->one), tells ? sizeof(A) - 1 : UNKNOWN);
    assert_length("empty", &r->dir, r->kind, buf_str(&r->empty), tells ? 0 : UNKNOWN);
    buf_put_str(&r->file, buf_str(&r->one));
    buf_put_str(&r->file, buf_str(&r->two));
    assert_length("two", &r->dir, r->kind, buf_str(&r->file), two[i]);
    for (size_t n = 0; n < r->file.n && r->kind != CONTAINER_GZIP; n++)
        assert_length("cut", &r->dir, r->kind, str_slice(buf_str(&r->file), 0, n),
                      n == r->one.n && tells ? sizeof(A) - 1 : UNKNOWN);
    buf_init(&text, 4 << 20);
    put_repeated(&text, 'x', 300);
    put_noise(&text, 700000);
    buf_reset(&r->file);
    put_coded(&r->file, r->kind, buf_str(&text));
    assert_length("large", &r->dir, r->kind, buf_str(&r->file), tells ? text.n : UNKNOWN);
    buf_reset(&r->file);
    put_coded(&r->file, r->kind, str_slice(buf_str(&text), 0, 300));
    assert_length("300", &r->dir, r->kind, buf_str(&r->file), tells ? 300 : UNKNOWN);
    buf_release(&text);
}

static void test_lengths(void **state)
{
    each_codec(lengths_of);
}

static void test_special_lengths(void **state)
{
    struct rig r;
    char piped[256];
    rig_make(&r, CONTAINER_ZSTD);
    struct str pipe = {piped, encode_zstd(piped, sizeof(piped), STR(B), true)};
    assert_length("from a pipe", &r.dir, r.kind, pipe, UNKNOWN);
    buf_put_str(&r.file, STR(SKIPPABLE));
    buf_put_str(&r.file, buf_str(&r.one));
    assert_length("behind a skippable frame", &r.dir, r.kind, buf_str(&r.file), sizeof(A) - 1);
    buf_put_str(&r.file, pipe);
    assert_length("and one from a pipe", &r.dir, r.kind, buf_str(&r.file), UNKNOWN);
    buf_reset(&r.file);
    buf_put_str(&r.file, STR("\x28\xb5\x2f\xfd\x20\x05"));
    for (size_t i = 0; i < 70000; i++) /* empty blocks without end */
        buf_put_str(&r.file, STR("\0\0\0"));
    assert_length("blocks without end", &r.dir, r.kind, buf_str(&r.file), UNKNOWN);
    rig_remove(&r);
    rig_make(&r, CONTAINER_XZ);
    buf_put_str(&r.file, buf_str(&r.one));
    buf_put_str(&r.file, STR("\0\0\0\0"));
    buf_put_str(&r.file, buf_str(&r.two));
    assert_length("padded", &r.dir, r.kind, buf_str(&r.file), sizeof(A B) - 1);
    assert_length("plain", &r.dir, CONTAINER_PLAIN, STR(A), sizeof(A) - 1);
    assert_length("foreign", &r.dir, CONTAINER_FOREIGN, STR(A), UNKNOWN);
    rig_remove(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_gzip_headers),
        cmocka_unit_test(test_xz_padding),
        cmocka_unit_test(test_zstd_frames),
        cmocka_unit_test(test_cut_at_each_byte),
        cmocka_unit_test(test_cut_and_read_in_steps),
        cmocka_unit_test(test_large_members),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_damaged_bits),
        cmocka_unit_test(test_bad_checksums),
        cmocka_unit_test(test_bzip2_bad_permutation),
        cmocka_unit_test(test_late_damage),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_archive),
        cmocka_unit_test(test_zstd_window),
        cmocka_unit_test(test_xz_dictionary),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_special_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
