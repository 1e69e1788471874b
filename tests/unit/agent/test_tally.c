/* Counting by text, beside plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/tally.h"
#include "tests/unit/agent/scratch.h"

static void test_nothing(void **state)
{
    struct tally t = {0};
    assert_int_equal(tally_sort(&t), 0);
    tally_release(&t);
    tally_release(&t);
}

static void test_order(void **state)
{
    static const char *const keys[] = {"b", "a", "b", "c", "", "a", "b", "ab", "\xff", ""};
    static const struct {
        const char *key;
        uint64_t count;
    } want[] = {{"b", 3}, {"", 2}, {"a", 2}, {"ab", 1}, {"c", 1}, {"\xff", 1}};
    struct tally t = {0};
    for (size_t i = 0; i < COUNT(keys); i++)
        tally_add(&t, str_of(keys[i]));
    assert_int_equal(tally_sort(&t), COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(str_eq(tally_key(&t.v[i]), str_of(want[i].key)));
        assert_int_equal(t.v[i].count, want[i].count);
    }
    assert_int_equal(t.others, 0);
    tally_release(&t);
}

/* The first few are those of the whole order, and none is lost. */
static void test_top(void **state)
{
    for (size_t most = 0; most < 40; most += 3)
        for (int keys = 0; keys < 30; keys++) {
            struct tally some = {0}, all = {0};
            uint64_t seed = 7, left = 0;
            char key[20];
            for (int i = 0; i < 5 * keys; i++) {
                snprintf(key, sizeof(key), "%d", (int)(next_random(&seed) % (unsigned)keys));
                tally_add(&some, str_of(key));
                tally_add(&all, str_of(key));
            }
            size_t n = tally_sort(&all);
            assert_int_equal(tally_top(&some, most), n);
            for (size_t i = 0; i < most && i < n; i++) {
                assert_true(str_eq(tally_key(&some.v[i]), tally_key(&all.v[i])));
                assert_int_equal(some.v[i].count, all.v[i].count);
            }
            for (size_t i = 0; i < some.cap; i++)
                left += some.v[i].key ? some.v[i].count : 0;
            assert_int_equal(left, 5 * keys);
            tally_release(&some);
            tally_release(&all);
        }
}

static void test_nuls_and_missing_text(void **state)
{
    struct tally t = {0};
    tally_add(&t, STR("a\0b"));
    tally_add(&t, STR("a\0c"));
    tally_add(&t, STR("a"));
    tally_add(&t, STR_NONE);
    tally_add(&t, STR(""));
    assert_int_equal(tally_sort(&t), 4);
    assert_int_equal(tally_key(&t.v[0]).n, 0);
    assert_int_equal(t.v[0].count, 2);
    tally_release(&t);
}

static void test_many(void **state)
{
    enum { KEYS = 5000 };
    static uint64_t counts[KEYS];
    struct tally t = {0};
    uint64_t seed = 5, sum = 0;
    char key[20];
    for (int i = 0; i < 100000; i++) {
        uint64_t k = next_random(&seed) % KEYS;
        k = k * k / KEYS; /* some more often than others */
        counts[k]++;
        snprintf(key, sizeof(key), "%llu", (unsigned long long)k);
        tally_add(&t, str_of(key));
    }
    size_t n = tally_sort(&t), different = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t k;
        assert_true(str_to_u64(tally_key(&t.v[i]), KEYS, &k));
        assert_int_equal(t.v[i].count, counts[k]);
        assert_true(i == 0 || t.v[i - 1].count >= t.v[i].count);
        sum += t.v[i].count;
    }
    for (size_t k = 0; k < KEYS; k++)
        different += counts[k] > 0;
    assert_int_equal(n, different);
    assert_int_equal(sum, 100000);
    tally_release(&t);
}

/* Keys lie in blocks of 1 KiB to 2 MiB: each size of key beside each other, some longer than any.
 */
static void test_lengths(void **state)
{
    static const size_t lengths[] = {0, 1,    900,      1100, 70000,   3u << 20,
                                     2, 2000, 0x1fffff, 3,    5u << 20};
    static char text[(5u << 20) + 1];
    struct tally t = {0};
    memset(text, 'x', sizeof(text));
    for (size_t times = 1; times <= 2; times++)
        for (size_t i = 0; i < COUNT(lengths); i++)
            tally_add(&t, (struct str){text, lengths[i]});
    assert_int_equal(tally_sort(&t), COUNT(lengths));
    for (size_t i = 0; i < COUNT(lengths); i++) {
        assert_int_equal(t.v[i].count, 2);
        struct str key = tally_key(&t.v[i]);
        assert_memory_equal(key.p, text, key.n);
        assert_true(i == 0 || key.n > tally_key(&t.v[i - 1]).n);
    }
    tally_release(&t);
}

/* Beyond the cap, the known keys go on counting and the rest is counted as one. */
static void test_cap(void **state)
{
    struct tally t = {0};
    char key[20];
    for (uint32_t i = 0; i < TALLY_MAX_KEYS + 1000; i++) {
        snprintf(key, sizeof(key), "%u", i);
        tally_add(&t, str_of(key));
    }
    assert_true(t.n <= TALLY_MAX_KEYS);
    assert_int_equal(t.n + t.others, TALLY_MAX_KEYS + 1000);
    tally_add(&t, STR("7"));
    assert_int_equal(t.n + t.others, TALLY_MAX_KEYS + 1000);
    tally_sort(&t);
    assert_true(str_eq(tally_key(&t.v[0]), STR("7")));
    assert_int_equal(t.v[0].count, 2);
    tally_release(&t);
}

static void test_distinct(void **state)
{
    struct distinct d = {0};
    uint64_t seed = 9;
    for (uint64_t i = 0; i < 50000; i++)
        distinct_add(&d, next_random(&seed) % 10000 << 32); /* low bits all the same */
    size_t n = distinct_count(&d);
    assert_true(n > 9900 && n <= 10000);
    distinct_add(&d, 77);
    distinct_add(&d, 77);
    assert_int_equal(distinct_count(&d), n + 1);
    assert_int_equal(distinct_count(&d), n + 1);
    distinct_release(&d);
    distinct_add(&d, 0);
    distinct_add(&d, 0);
    assert_int_equal(distinct_count(&d), 1);
    distinct_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_nuls_and_missing_text),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
