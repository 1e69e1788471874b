/* Sets of intervals: cases by hand, then random ones beside a bitmap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/intervals.h"
#include "tests/unit/agent/scratch.h"

#define BITS 96

static void assert_text(const char *name, const struct intervals *s, const char *want)
{
    struct buf b;
    buf_init(&b, 4096);
    intervals_write(s, &b);
    if (!str_eq(buf_str(&b), str_of(want)))
        fail_msg("%s: '%s' instead of '%s'", name, buf_cstr(&b), want);
    buf_release(&b);
}

static void test_adding(void **state)
{
    static const struct {
        const char *name, *adds, *want;
    } table[] = {
        {"nothing", "", ""},
        {"one", "3-5", "3-5"},
        {"before", "10-20,3-5", "3-5,10-20"},
        {"between", "3-5,10-20,7-8", "3-5,7-8,10-20"},
        {"touches on the left", "3-5,5-7", "3-7"},
        {"touches on the right", "5-7,3-5", "3-7"},
        {"fills a gap", "3-5,7-9,5-7", "3-9"},
        {"inside", "3-9,4-5", "3-9"},
        {"the same", "3-9,3-9", "3-9"},
        {"swallows several", "1-2,4-5,7-8,10-11,3-9", "1-2,3-9,10-11"},
        {"swallows all", "1-2,4-5,7-8,0-100", "0-100"},
        {"overlaps on both sides", "1-5,8-12,4-9", "1-12"},
        {"grows the array", "1-2,3-4,5-6,7-8,9-10,11-12,13-14,15-16,17-18",
         "1-2,3-4,5-6,7-8,9-10,11-12,13-14,15-16,17-18"},
        {"large numbers", "18446744073709551613-18446744073709551614,0-1",
         "0-1,18446744073709551613-18446744073709551614"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct intervals s = {0};
        assert_int_equal(intervals_read(&s, str_of(table[i].adds)), 0);
        assert_text(table[i].name, &s, table[i].want);
        intervals_release(&s);
    }
}

static void test_empty_interval_adds_nothing(void **state)
{
    struct intervals s = {0};
    assert_int_equal(intervals_add(&s, 5, 5), 0);
    assert_int_equal(intervals_add(&s, 6, 5), 0);
    assert_int_equal(s.n, 0);
    intervals_release(&s);
}

static void test_malformed_text(void **state)
{
    static const char *const table[] = {"1",
                                        "1-",
                                        "-2",
                                        "2-1",
                                        "3-3",
                                        "1-2x",
                                        "1-2;3-4",
                                        "a-b",
                                        ",",
                                        "1-2,,3-4",
                                        "1 -2",
                                        "+1-2",
                                        "1--2",
                                        "0x1-2",
                                        "1-18446744073709551616",
                                        "18446744073709551616-18446744073709551617"};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct intervals s = {0};
        if (intervals_read(&s, str_of(table[i])) != -1)
            fail_msg("'%s' was accepted", table[i]);
        intervals_release(&s);
    }
}

static void test_last_point(void **state)
{
    struct intervals s = {0};
    assert_int_equal(intervals_add(&s, 0, 7), 0);
    assert_int_equal(intervals_gap(&s, UINT64_MAX), UINT64_MAX);
    assert_false(intervals_contain(&s, UINT64_MAX));
    assert_int_equal(intervals_add(&s, 9, UINT64_MAX), 0);
    assert_int_equal(intervals_gap(&s, UINT64_MAX), UINT64_MAX);
    assert_int_equal(intervals_gap(&s, 9), UINT64_MAX);
    assert_text("to the end", &s, "0-7,9-18446744073709551615");
    intervals_release(&s);
    assert_int_equal(intervals_read(&s, STR("0-7,9-18446744073709551615")), 0);
    assert_int_equal(intervals_gap(&s, 9), UINT64_MAX);
    intervals_release(&s);
}

static void check_form(const struct intervals *s)
{
    for (size_t i = 0; i < s->n; i++) {
        assert_true(s->v[i].from < s->v[i].to);
        assert_true(i == 0 || s->v[i - 1].to < s->v[i].from);
    }
}

static void check_against(const struct intervals *s, const bool bits[BITS + 1])
{
    for (uint64_t point = 0; point < BITS; point++) {
        uint64_t gap = point;
        while (bits[gap])
            gap++;
        assert_int_equal(intervals_contain(s, point), bits[point]);
        assert_int_equal(intervals_gap(s, point), gap);
    }
}

static void test_random(void **state)
{
    uint64_t seed = 42;
    for (int round = 0; round < 500; round++) {
        struct intervals s = {0}, copy = {0};
        bool bits[BITS + 1] = {false};
        struct buf text;
        buf_init(&text, 1 << 16);
        for (int k = 0; k < 20; k++) {
            uint64_t from = next_random(&seed) % BITS,
                     to = from + next_random(&seed) % (round % 2 ? 4 : 20);
            to = to > BITS ? BITS : to;
            assert_int_equal(intervals_add(&s, from, to), 0);
            for (uint64_t i = from; i < to; i++)
                bits[i] = true;
            check_form(&s);
            check_against(&s, bits);
        }
        intervals_write(&s, &text);
        assert_int_equal(intervals_read(&copy, buf_str(&text)), 0);
        check_against(&copy, bits);
        assert_int_equal(copy.n, s.n);
        intervals_release(&s);
        intervals_release(&copy);
        buf_release(&text);
    }
}

/* Taken out again, in any order with what is put in. */
static void test_removing_beside_a_bitmap(void **state)
{
    uint64_t seed = 5;
    for (int round = 0; round < 400; round++) {
        struct intervals s = {0};
        bool bits[BITS + 20] = {false};
        for (int step = 0; step < 40; step++) {
            uint64_t from = next_random(&seed) % BITS, to = from + next_random(&seed) % 20;
            bool put = next_random(&seed) % 3 > 0;
            assert_int_equal(put ? intervals_add(&s, from, to) : intervals_remove(&s, from, to), 0);
            for (uint64_t i = from; i < to; i++)
                bits[i] = put;
            for (uint64_t i = 0; i < BITS + 20; i++)
                assert_int_equal(intervals_contain(&s, i), bits[i]);
            for (size_t i = 0; i < s.n; i++)
                assert_true(s.v[i].from < s.v[i].to && (!i || s.v[i - 1].to < s.v[i].from));
        }
        intervals_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adding),         cmocka_unit_test(test_empty_interval_adds_nothing),
        cmocka_unit_test(test_malformed_text), cmocka_unit_test(test_last_point),
        cmocka_unit_test(test_random),         cmocka_unit_test(test_removing_beside_a_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
