/* Content codings: whole, truncated at every byte, several members, over the cap, bombs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "server/inflate.h"

#define CAP (1u << 20)

static void put_gzip(struct buf *to, struct str plain)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&z, plain.n);
    z.next_in = (unsigned char *)(uintptr_t)plain.p;
    z.avail_in = (uInt)plain.n;
    z.next_out = (unsigned char *)buf_reserve(to, bound);
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->n += bound - z.avail_out;
    deflateEnd(&z);
}

static void put_zstd(struct buf *to, struct str plain, int window_log)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    if (window_log)
        ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    ZSTD_inBuffer from = {plain.p, plain.n, 0};
    size_t bound = ZSTD_compressBound(plain.n);
    ZSTD_outBuffer room = {buf_reserve(to, bound), bound, 0};
    /* Streamed, so that the frame states its window and not just its size. */
    ZSTD_compressStream2(z, &room, &from, ZSTD_e_continue);
    assert_int_equal(ZSTD_compressStream2(z, &room, &from, ZSTD_e_end), 0);
    to->n += room.pos;
    ZSTD_freeCCtx(z);
}

static void put_coded(enum coding coding, struct buf *to, struct str plain)
{
    if (coding == CODING_GZIP)
        put_gzip(to, plain);
    else if (coding == CODING_ZSTD)
        put_zstd(to, plain, 0);
    else
        buf_put_str(to, plain);
}

static const enum coding codings[] = {CODING_IDENTITY, CODING_GZIP, CODING_ZSTD};

static void text_comes_back(void **state)
{
    struct buf plain, coded, out;
    buf_init(&plain, CAP);
    buf_init(&coded, 2 * CAP);
    buf_init(&out, CAP);
    for (int i = 0; i < 20000; i++)
        buf_printf(&plain, "line %d of some text\n", i);
    for (size_t c = 0; c < 3; c++) {
        buf_reset(&coded);
        buf_reset(&out);
        put_coded(codings[c], &coded, buf_str(&plain));
        assert_int_equal(inflate_body(codings[c], buf_str(&coded), &out), INFLATE_OK);
        assert_true(str_eq(buf_str(&out), buf_str(&plain)));
    }
    buf_release(&plain);
    buf_release(&coded);
    buf_release(&out);
}

static void nothing_is_something(void **state)
{
    struct buf coded, out;
    buf_init(&coded, CAP);
    buf_init(&out, CAP);
    for (size_t c = 0; c < 3; c++) {
        buf_reset(&coded);
        put_coded(codings[c], &coded, STR(""));
        assert_int_equal(inflate_body(codings[c], buf_str(&coded), &out), INFLATE_OK);
        assert_int_equal(out.n, 0);
    }
    buf_release(&coded);
    buf_release(&out);
}

static void members_and_frames_follow_each_other(void **state)
{
    struct buf coded, out;
    buf_init(&coded, CAP);
    for (size_t c = 1; c < 3; c++) {
        buf_init(&out, CAP);
        buf_reset(&coded);
        put_coded(codings[c], &coded, STR("one\n"));
        put_coded(codings[c], &coded, STR(""));
        put_coded(codings[c], &coded, STR("two\n"));
        assert_int_equal(inflate_body(codings[c], buf_str(&coded), &out), INFLATE_OK);
        assert_true(str_eq(buf_str(&out), STR("one\ntwo\n")));
        buf_putc(&coded, '\0');
        buf_reset(&out);
        assert_int_equal(inflate_body(codings[c], buf_str(&coded), &out), INFLATE_BAD);
        buf_release(&out);
    }
    buf_release(&coded);
}

static void what_is_cut_short_is_bad(void **state)
{
    struct buf coded, out;
    buf_init(&coded, CAP);
    buf_init(&out, CAP);
    for (size_t c = 1; c < 3; c++) {
        buf_reset(&coded);
        put_coded(codings[c], &coded, STR("the quick brown fox jumps over the lazy dog"));
        for (size_t n = 0; n < coded.n; n++) {
            buf_reset(&out);
            assert_int_equal(inflate_body(codings[c], (struct str){coded.p, n}, &out), INFLATE_BAD);
        }
    }
    buf_release(&coded);
    buf_release(&out);
}

static void junk_is_bad(void **state)
{
    struct buf coded, out;
    buf_init(&coded, CAP);
    buf_init(&out, CAP);
    put_gzip(&coded, STR("the quick brown fox"));
    coded.p[coded.n - 6] ^= 1; /* the checksum */
    assert_int_equal(inflate_body(CODING_GZIP, buf_str(&coded), &out), INFLATE_BAD);
    assert_int_equal(inflate_body(CODING_GZIP, STR("plain text"), &out), INFLATE_BAD);
    assert_int_equal(inflate_body(CODING_ZSTD, STR("plain text"), &out), INFLATE_BAD);
    /* zlib's own format is not gzip */
    assert_int_equal(inflate_body(CODING_GZIP, STR("\x78\x9c\x03\0\0\0\0\x01"), &out), INFLATE_BAD);
    buf_release(&coded);
    buf_release(&out);
}

static void the_cap_is_exact(void **state)
{
    char *plain = calloc(1, CAP + 1);
    struct buf coded, out;
    for (size_t c = 0; c < 3; c++) {
        for (size_t over = 0; over <= 1; over++) {
            buf_init(&coded, 2 * CAP);
            buf_init(&out, CAP);
            put_coded(codings[c], &coded, (struct str){plain, CAP + over});
            assert_int_equal(inflate_body(codings[c], buf_str(&coded), &out),
                             over ? INFLATE_TOO_LARGE : INFLATE_OK);
            assert_true(out.n <= CAP);
            buf_release(&coded);
            buf_release(&out);
        }
    }
    free(plain);
}

static void bombs_stop_at_the_cap(void **state)
{
    size_t n = 200u << 20;
    char *zeros = calloc(1, n);
    struct buf coded, out;
    for (size_t c = 1; c < 3; c++) {
        buf_init(&coded, n + (1u << 20));
        buf_init(&out, CAP);
        put_coded(codings[c], &coded, (struct str){zeros, n});
        assert_int_equal(inflate_body(codings[c], buf_str(&coded), &out), INFLATE_TOO_LARGE);
        assert_true(out.cap <= CAP);
        buf_release(&coded);
        buf_release(&out);
    }
    free(zeros);
}

static void a_zstd_window_has_a_cap(void **state)
{
    size_t n = 40u << 20;
    char *zeros = calloc(1, n);
    struct buf coded, out;
    for (int window = 23; window <= 24; window++) {
        buf_init(&coded, 2 * n);
        buf_init(&out, n);
        put_zstd(&coded, (struct str){zeros, n}, window);
        assert_int_equal(inflate_body(CODING_ZSTD, buf_str(&coded), &out),
                         window == 23 ? INFLATE_OK : INFLATE_BAD);
        buf_release(&coded);
        buf_release(&out);
    }
    free(zeros);
}

static void names_of_codings(void **state)
{
    enum coding c;
    assert_true(coding_parse(STR_NONE, &c) && c == CODING_IDENTITY);
    assert_true(coding_parse(STR(""), &c) && c == CODING_IDENTITY);
    assert_true(coding_parse(STR("identity"), &c) && c == CODING_IDENTITY);
    assert_true(coding_parse(STR("GZIP"), &c) && c == CODING_GZIP);
    assert_true(coding_parse(STR("x-gzip"), &c) && c == CODING_GZIP);
    assert_true(coding_parse(STR("zstd"), &c) && c == CODING_ZSTD);
    static const char *const others[] = {"br", "deflate", "gzip, zstd", "gzip,gzip", "zstd ", "*"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(coding_parse(str_of(others[i]), &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(nothing_is_something),
        cmocka_unit_test(members_and_frames_follow_each_other),
        cmocka_unit_test(what_is_cut_short_is_bad),
        cmocka_unit_test(junk_is_bad),
        cmocka_unit_test(the_cap_is_exact),
        cmocka_unit_test(bombs_stop_at_the_cap),
        cmocka_unit_test(a_zstd_window_has_a_cap),
        cmocka_unit_test(names_of_codings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
