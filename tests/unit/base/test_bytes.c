#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>

#include "parsers/base/bytes.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void assert_str(struct str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void test_comparisons(void **state)
{
    assert_true(str_eq(STR("abc"), STR("abc")));
    assert_false(str_eq(STR("abc"), STR("abC")));
    assert_false(str_eq(STR("abc"), STR("ab")));
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_eq_nocase(STR("aB-z[9"), STR("Ab-Z[9")));
    assert_false(str_eq_nocase(STR("a["), STR("a{"))); /* 0x20 apart, no letters */
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("")));
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_starts_nocase(STR("HTTP/1.1"), STR("http/")));
    assert_false(str_starts_nocase(STR("HTT"), STR("http/")));
    assert_true(str_starts_nocase(STR_NONE, STR("")));
    assert_false(str_starts_nocase(STR("[a"), STR("{a")));
    assert_true(str_ends(STR("a.gz"), STR(".gz")));
    assert_true(str_ends(STR_NONE, STR("")));
    assert_false(str_ends(STR("gz"), STR(".gz")));
    assert_false(str_is_set(STR_NONE));
    assert_true(str_is_set(STR("")));
    assert_int_equal(str_of(NULL).n, 0);
}

static void test_search(void **state)
{
    static const struct {
        struct str s, needle;
        size_t from;
        ptrdiff_t want;
    } finds[] = {
        {STR("abcabc"), STR("bc"), 0, 1},     {STR("abcabc"), STR("bc"), 2, 4},
        {STR("abcabc"), STR("bc"), 5, -1},    {STR("abc"), STR("abcd"), 0, -1},
        {STR("abc"), STR(""), 3, 3},          {STR("abc"), STR(""), 4, -1},
        {{NULL, 0}, STR("a"), 0, -1},         {STR("a\0b"), STR("\0b"), 0, 1},
        {STR("abc"), STR("c"), SIZE_MAX, -1},
    };
    for (size_t i = 0; i < COUNT(finds); i++)
        assert_int_equal(str_find(finds[i].s, finds[i].needle, finds[i].from), finds[i].want);
    assert_int_equal(str_chr(STR("a/b/c"), '/', 0), 1);
    assert_int_equal(str_chr(STR("a/b/c"), '/', 2), 3);
    assert_int_equal(str_chr(STR("a/b/c"), '/', 4), -1);
    assert_int_equal(str_chr(STR("a"), 'a', 9), -1);
    assert_int_equal(str_chr(STR_NONE, 'a', 0), -1);
    assert_int_equal(str_rchr(STR("a/b/c"), '/'), 3);
    assert_int_equal(str_rchr(STR("abc"), '/'), -1);
    assert_int_equal(str_rchr(STR_NONE, '/'), -1);
    assert_str(str_trim(STR(" \t a b\r\n")), "a b");
    assert_str(str_trim(STR(" \n ")), "");
    assert_str(str_slice(STR("abcdef"), 2, 4), "cd");
}

/* Every length around the blocks of sixteen, the byte at every place, in memory that ends there. */
static void test_search_of_several(void **state)
{
    for (size_t n = 0; n <= 50; n++) {
        char *text = malloc(n + !n);
        assert_non_null(text);
        memset(text, 'x', n + !n);
        struct str s = {text, n};
        assert_false(str_has_any(s, "@;?#"));
        assert_int_equal(str_until(s, '&', ';'), n);
        for (size_t at = 0; at < n; at++) {
            text[at] = "@;?#"[at % 4];
            assert_true(str_has_any(s, "@;?#"));
            assert_false(str_has_any(s, "%<$\0"));
            text[at] = at % 2 ? '&' : ';';
            assert_int_equal(str_until(s, '&', ';'), at);
            text[n - 1] = '&';
            assert_int_equal(str_until(s, '&', ';'), at);
            text[n - 1] = text[at] = 'x';
        }
        free(text);
    }
    assert_true(str_has_any(STR("a\0b"), "%<$\0"));
    assert_false(str_has_any(STR_NONE, "%<$\0"));
    assert_int_equal(str_until(STR_NONE, '&', ';'), 0);
    assert_int_equal(str_until(STR("0123456789abcdef;"), '&', '&'), 17);
}

static void test_numbers_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool ok;
        uint64_t want;
    } decimals[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 0},
        {"007", 7, true, 7},
        {"8", 7, false, 0},
        {"255", 255, true, 255},
        {"256", 255, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
        {"9223372036854775808", INT64_MAX, false, 0},
        {"", UINT64_MAX, false, 0},
        {"-1", UINT64_MAX, false, 0},
        {"+1", UINT64_MAX, false, 0},
        {" 1", UINT64_MAX, false, 0},
        {"1 ", UINT64_MAX, false, 0},
        {"1a", UINT64_MAX, false, 0},
        {"\xb1", UINT64_MAX, false, 0},
    };
    static const struct {
        const char *text;
        bool ok;
        uint64_t want;
    } hexes[] = {
        {"0", true, 0},
        {"fFfFfFfFfFfFfFfF", true, UINT64_MAX},
        {"9f31c2aa", true, 0x9f31c2aa},
        {"", false, 0},
        {"0x1", false, 0},
        {"g", false, 0},
        {"00000000000000000", false, 0},
    };
    for (size_t i = 0; i < COUNT(decimals); i++) {
        uint64_t v = 42;
        assert_int_equal(str_to_u64(str_of(decimals[i].text), decimals[i].max, &v), decimals[i].ok);
        assert_int_equal(v, decimals[i].ok ? decimals[i].want : 42);
    }
    for (size_t i = 0; i < COUNT(hexes); i++) {
        uint64_t v = 42;
        assert_int_equal(str_to_hex64(str_of(hexes[i].text), &v), hexes[i].ok);
        assert_int_equal(v, hexes[i].ok ? hexes[i].want : 42);
    }
}

static void test_numbers_written(void **state)
{
    struct buf b;
    char want[32];

    buf_init(&b, 100);
    for (uint64_t v = 1; v != 0; v = v > UINT64_MAX / 3 ? 0 : v * 3) {
        for (int off = -1; off <= 1; off++) {
            buf_reset(&b);
            buf_put_u64(&b, v + (uint64_t)off);
            snprintf(want, sizeof(want), "%" PRIu64, v + (uint64_t)off);
            assert_string_equal(buf_cstr(&b), want);
            buf_reset(&b);
            buf_put_i64(&b, (int64_t)(v + (uint64_t)off));
            snprintf(want, sizeof(want), "%" PRId64, (int64_t)(v + (uint64_t)off));
            assert_string_equal(buf_cstr(&b), want);
        }
    }
    for (unsigned v = 0; v < 1100; v++) {
        buf_reset(&b);
        buf_put_u64(&b, v);
        snprintf(want, sizeof(want), "%u", v);
        assert_string_equal(buf_cstr(&b), want);
    }
    buf_reset(&b);
    buf_put_u64(&b, UINT64_MAX);
    buf_putc(&b, ' ');
    buf_put_i64(&b, INT64_MIN);
    buf_putc(&b, ' ');
    buf_put_i64(&b, INT64_MAX);
    buf_putc(&b, ' ');
    buf_put_hex(&b, "\x00\x9f\xff", 3);
    assert_string_equal(buf_cstr(&b),
                        "18446744073709551615 -9223372036854775808 9223372036854775807 009fff");
    buf_release(&b);
}

/* Each way to append, where it fits exactly and where it is one byte too long. */
static void test_cap(void **state)
{
    for (size_t max = 0; max <= 6; max++) {
        for (int way = 0; way < 5; way++) {
            struct buf b;
            buf_init(&b, max);
            if (way == 0)
                buf_put(&b, "abcd", 4);
            else if (way == 1)
                buf_put_u64(&b, 1234);
            else if (way == 2)
                buf_put_hex(&b, "ab", 2);
            else if (way == 3)
                buf_printf(&b, "%s-%d", "ab", 1);
            else
                for (int i = 0; i < 4; i++)
                    buf_putc(&b, 'x');
            assert_int_equal(b.failed, max < 4);
            assert_int_equal(b.n, max >= 4 ? 4 : way == 4 ? max : 0);
            assert_true(b.cap <= max);
            assert_int_equal(buf_cstr(&b) != NULL, max >= 4);
            buf_release(&b);
        }
    }
}

static void test_failure_sticks(void **state)
{
    struct buf b;

    buf_init(&b, 4);
    buf_lit(&b, "abc");
    buf_lit(&b, "de");
    assert_true(b.failed);
    buf_lit(&b, "f");
    buf_putc(&b, 'g');
    buf_put_u64(&b, 1);
    assert_null(buf_reserve(&b, 0));
    assert_null(buf_cstr(&b));
    assert_str(buf_str(&b), "abc");
    buf_reset(&b);
    buf_lit(&b, "wxyz");
    assert_false(b.failed);
    assert_string_equal(buf_cstr(&b), "wxyz");
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    buf_release(&b);
}

static void test_growth(void **state)
{
    struct buf b;

    buf_init(&b, SIZE_MAX);
    assert_str(buf_str(&b), "");
    assert_string_equal(buf_cstr(&b), "");
    for (int i = 0; i < 3000; i++)
        buf_printf(&b, "%04d", i);
    assert_int_equal(b.n, 12000);
    assert_memory_equal(b.p + 4 * 2999, "2999", 4);
    buf_drop_front(&b, 4 * 2998);
    assert_str(buf_str(&b), "29982999");
    buf_drop_front(&b, 0);
    assert_int_equal(b.n, 8);
    buf_drop_front(&b, 9);
    assert_int_equal(b.n, 0);
    char *room = buf_reserve(&b, 100000);
    assert_non_null(room);
    memset(room, 'x', 100000);
    b.n += 100000;
    assert_true(b.cap >= 100000);
    buf_put(&b, NULL, 0);
    buf_put_str(&b, STR_NONE);
    assert_false(b.failed);
    buf_release(&b);
    buf_release(&b);
    buf_lit(&b, "again");
    assert_string_equal(buf_cstr(&b), "again");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparisons),       cmocka_unit_test(test_search),
        cmocka_unit_test(test_search_of_several), cmocka_unit_test(test_numbers_read),
        cmocka_unit_test(test_numbers_written),   cmocka_unit_test(test_cap),
        cmocka_unit_test(test_failure_sticks),    cmocka_unit_test(test_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
