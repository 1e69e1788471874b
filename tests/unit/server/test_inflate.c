/* Content codings: whole, truncated at every byte, several members, over the cap, bombs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/server/coded.h"

#define CAP (1u << 20)

static size_t step = 64u << 10; /* bytes asked for at a time */

/* The whole of it, at most out->max. INFLATE_OK: and that was its end. */
static enum inflate_result inflate_body(enum coding coding, struct str in, struct buf *out)
{
    struct inflater *z = inflater_new(coding, in, out->max);
    char *piece = malloc(step);
    size_t made;
    enum inflate_result r;
    assert_non_null(z);
    while ((r = inflater_read(z, piece, step, &made)) == INFLATE_OK) {
        assert_true(made > 0 && made <= step);
        buf_put(out, piece, made);
    }
    assert_int_equal(made, 0);
    assert_false(out->failed);
    free(piece);
    inflater_free(z);
    return r == INFLATE_END ? INFLATE_OK : r;
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
    static const size_t steps[] = {1, 7, 4096, CAP};
    for (size_t c = 0; c < 3 * COUNT_OF(steps); c++) {
        step = steps[c / 3];
        buf_reset(&coded);
        buf_reset(&out);
        put_coded(codings[c % 3], &coded, buf_str(&plain));
        assert_int_equal(inflate_body(codings[c % 3], buf_str(&coded), &out), INFLATE_OK);
        assert_true(str_eq(buf_str(&out), buf_str(&plain)));
    }
    step = 64u << 10;
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
        assert_true(out.n <= CAP);
        buf_release(&coded);
        buf_release(&out);
    }
    free(zeros);
}

static void a_zstd_window_has_a_cap(void **state)
{
    size_t n = INFLATE_RATIO_FREE;
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

/* What is all the same is refused, what looks the same is not. */
static void growth_has_a_cap(void **state)
{
    size_t n = 4u << 20;
    char *zeros = calloc(1, n);
    struct buf alike, coded, out;
    buf_init(&alike, n);
    buf_init(&coded, 2 * n);
    buf_init(&out, n);
    for (unsigned i = 0; alike.n + 400 < n; i++)
        buf_printf(&alike, "{\"k\":\"pageview\",\"at\":%u,\"h\":\"9f31c2aa\",\"url\":\"%0250u\"}\n",
                   300 * i, 0);
    for (size_t c = 1; c < 3; c++) {
        buf_reset(&coded);
        put_coded(codings[c], &coded, (struct str){zeros, n});
        assert_int_equal(inflate_body(codings[c], buf_str(&coded), &out), INFLATE_TOO_LARGE);
        assert_true(out.n <= INFLATE_RATIO_FREE || out.n <= INFLATE_RATIO * (coded.n + 1));
        buf_reset(&coded);
        buf_reset(&out);
        put_coded(codings[c], &coded, buf_str(&alike));
        assert_int_equal(inflate_body(codings[c], buf_str(&coded), &out), INFLATE_OK);
        buf_reset(&out);
    }
    free(zeros);
    buf_release(&alike);
    buf_release(&coded);
    buf_release(&out);
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
        cmocka_unit_test(growth_has_a_cap),
        cmocka_unit_test(names_of_codings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
