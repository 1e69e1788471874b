/*
 * gzip by the container beside zlib: whole, cut at many bytes, damaged in many bits. Both make the
 * same and come to the same end; and what is whole needs no second decoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zlib.h>

#include "agent/container_impl.h"
#include "tests/unit/agent/codecs.h"

#define ROOM (1u << 20)

struct outcome {
    struct str made;
    enum container_end end;
};

/* One member and what follows, in one go. */
static struct outcome by_zlib(struct str in)
{
    static char to[ROOM];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)in.p,
                  .avail_in = (unsigned)in.n,
                  .next_out = (unsigned char *)to,
                  .avail_out = sizeof(to)};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    int rc = inflate(&z, Z_NO_FLUSH);
    struct outcome o = {{to, z.total_out}, CONTAINER_TRUNCATED};
    if (rc == Z_STREAM_END)
        o.end = z.avail_in ? CONTAINER_GARBAGE : CONTAINER_CLEAN;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        o.end = CONTAINER_CORRUPT;
    inflateEnd(&z);
    return o;
}

static void compare(const struct scratch *s, const char *name, size_t at, struct str in)
{
    size_t step = at % 2 ? 4096 : 7;
    struct outcome want = by_zlib(in);
    scratch_write(s, "f", in);
    int fd = scratch_open(s, "f");
    struct read_back r = read_kind(fd, CONTAINER_GZIP, step);
    close(fd);
    if (r.end != want.end || !str_eq(buf_str(&r.text), want.made))
        fail_msg("%s, %zu: %zu bytes and end %d in steps of %zu; zlib: %zu and %d", name, at,
                 r.text.n, r.end, step, want.made.n, want.end);
    buf_release(&r.text);
}

/* What is whole is not decoded twice. */
static void assert_fast(const char *name, struct str in)
{
    static unsigned char to[4096];
    struct decode_io io = {.in = (const unsigned char *)in.p, .n_in = in.n};
    enum decoded what = DECODED_MORE;
    void *decoder = codec_gzip.new();
    assert_non_null(decoder);
    for (size_t i = 0; what == DECODED_MORE && i < ROOM / sizeof(to) * 2; i++) {
        io.out = to;
        io.n_out = sizeof(to);
        what = codec_gzip.decode(decoder, &io);
    }
    if (what != DECODED_END)
        fail_msg("%s: no end", name);
    codec_gzip.free(decoder);
}

static void put_lines(struct buf *b, unsigned n, uint64_t random)
{
    for (unsigned i = 0; i < n; i++)
        buf_printf(b, "192.0.2.%u - - \"GET /%llx HTTP/1.1\" 200 %u\n", i % 256,
                   (unsigned long long)next_random(&random), i);
}

/* A member at this level, with all that a header can have. */
static void put_member(struct buf *to, struct str text, int level, int strategy, bool full)
{
    unsigned char extra[] = "extra", name[] = "access.log", comment[] = "why";
    gz_header header = {.extra = extra,
                        .extra_len = sizeof(extra),
                        .name = name,
                        .comment = comment,
                        .hcrc = 1,
                        .os = 3};
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, strategy), Z_OK);
    if (full)
        assert_int_equal(deflateSetHeader(&z, &header), Z_OK);
    size_t room = deflateBound(&z, text.n);
    z.next_in = (unsigned char *)(uintptr_t)text.p;
    z.avail_in = (unsigned)text.n;
    z.next_out = (unsigned char *)buf_reserve(to, room);
    z.avail_out = (unsigned)room;
    assert_non_null(z.next_out);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->n += z.total_out;
    deflateEnd(&z);
}

static const struct {
    const char *name;
    unsigned lines;
    int level, strategy;
    bool full;
} members[] = {
    {"nothing", 0, 6, Z_DEFAULT_STRATEGY, false},
    {"a line", 1, 6, Z_DEFAULT_STRATEGY, true},
    {"stored", 40, 0, Z_DEFAULT_STRATEGY, false},
    {"fixed codes", 40, 9, Z_FIXED, true},
    {"own codes", 60, 6, Z_DEFAULT_STRATEGY, true},
    {"no matches", 60, 6, Z_HUFFMAN_ONLY, false},
    {"runs", 60, 6, Z_RLE, false},
};

static void each_member(void (*check)(const struct scratch *s, const char *name, struct buf *coded))
{
    struct scratch s;
    struct buf text, coded;
    scratch_make(&s);
    buf_init(&text, ROOM);
    buf_init(&coded, ROOM);
    for (size_t i = 0; i < COUNT(members); i++) {
        buf_reset(&text);
        buf_reset(&coded);
        put_lines(&text, members[i].lines, i + 1);
        put_member(&coded, buf_str(&text), members[i].level, members[i].strategy, members[i].full);
        check(&s, members[i].name, &coded);
    }
    buf_release(&text);
    buf_release(&coded);
    scratch_remove(&s);
}

static void check_whole(const struct scratch *s, const char *name, struct buf *coded)
{
    assert_fast(name, buf_str(coded));
    compare(s, name, coded->n, buf_str(coded));
    buf_put(coded, "garbage", 7);
    compare(s, name, coded->n, buf_str(coded));
}

static void test_whole(void **state)
{
    struct scratch s;
    struct buf text, coded;
    each_member(check_whole);
    scratch_make(&s);
    buf_init(&text, ROOM);
    buf_init(&coded, ROOM);
    put_lines(&text, 12000, 99); /* more than a window */
    for (int level = 0; level < 10; level += 3) {
        buf_reset(&coded);
        put_member(&coded, buf_str(&text), level, Z_DEFAULT_STRATEGY, false);
        assert_fast("long", buf_str(&coded));
        compare(&s, "long", (size_t)level, buf_str(&coded));
    }
    buf_release(&text);
    buf_release(&coded);
    scratch_remove(&s);
}

static void check_cuts(const struct scratch *s, const char *name, struct buf *coded)
{
    for (size_t n = 0; n < coded->n; n += n < 64 || n + 16 > coded->n ? 1 : 13)
        compare(s, name, n, (struct str){coded->p, n});
}

static void test_cut(void **state)
{
    each_member(check_cuts);
}

static void check_bits(const struct scratch *s, const char *name, struct buf *coded)
{
    for (size_t bit = 32; bit < coded->n * 8; bit += bit < 500 ? 1 : 43) {
        coded->p[bit / 8] ^= (char)(1 << bit % 8);
        compare(s, name, bit, buf_str(coded));
        coded->p[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void test_damaged(void **state)
{
    each_member(check_bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
