/* How fast requests go: a rate, a small burst, half after a refusal, slowly more again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/pace.h"
#include "tests/unit/agent/scratch.h"

/* How many leave between two moments, if each goes as soon as it may. */
static int sent_between(struct pace *p, int64_t from, int64_t to)
{
    int n = 0;
    for (int64_t now = from; now < to;) {
        int64_t wait = pace_take(p, now);
        n += wait == 0;
        now += wait;
    }
    return n;
}

static void test_rate(void **state)
{
    struct pace p;
    pace_init(&p, 8, 1000);
    assert_in_range(sent_between(&p, 1000, 11000), 78, 83);
    /* After a rest no more than a quarter of a second's worth at once. */
    assert_in_range(sent_between(&p, 1000000, 1000001), 1, 3);
    pace_init(&p, 10000, 0);
    assert_in_range(sent_between(&p, 0, 1000), 9000, 12600);
}

static void test_put_back(void **state)
{
    struct pace p;
    pace_init(&p, 1, 0);
    assert_int_equal(pace_take(&p, 0), 0);
    pace_put_back(&p);
    assert_int_equal(pace_take(&p, 0), 0);
    assert_true(pace_take(&p, 0) > 0);
}

static void test_slower(void **state)
{
    struct pace p;
    pace_init(&p, 16, 0);
    sent_between(&p, 0, 5000);
    pace_slow(&p, 5000, 4990, 700);
    assert_int_equal(pace_take(&p, 5000), 700);
    double once = p.rate;
    assert_true(once < 8.1 && once > 7.9);
    /* The others that were under way then. */
    pace_slow(&p, 5010, 4995, 100);
    assert_true(p.rate >= once);
    assert_int_equal(pace_take(&p, 5010), 690);
    /* One that left later. */
    pace_slow(&p, 6000, 5900, 0);
    assert_true(p.rate < 4.3);
    /* A minute brings all of it back, half a minute half. */
    assert_in_range(sent_between(&p, 6000, 7000), 3, 6);
    sent_between(&p, 7000, 36000);
    assert_in_range((int)p.rate, 11, 13);
    sent_between(&p, 36000, 70000);
    assert_in_range((int)p.rate, 15, 16);
}

static void test_never_stops(void **state)
{
    struct pace p;
    pace_init(&p, 8, 0);
    for (int64_t now = 1; now < 100; now++)
        pace_slow(&p, now * 10, now * 10, 0);
    assert_true(p.rate >= 0.5);
    assert_true(sent_between(&p, 1000, 11000) >= 5);
}

/* Two behind one address, one of them as slow as it gets: a bucket of 60 a second, 20 at once. */
static void test_shares_become_equal(void **state)
{
    struct pace p[2];
    int64_t next[2] = {0, 0};
    uint64_t random = 1;
    for (int i = 0; i < 2; i++)
        pace_init(&p[i], 50, 0);
    p[1].rate = 50.0 / 16;
    double bucket = 20;
    int stored[2] = {0, 0}, refused = 0;
    const int64_t start = 120000, end = 600000;
    for (int64_t now = 0; now < end; now++, bucket = bucket < 20 ? bucket + 0.06 : 20)
        for (int turn = 0; turn < 2; turn++) {
            int i = next_random(&random) % 2;
            if (now < next[i])
                continue;
            int64_t wait = pace_take(&p[i], now);
            next[i] = now + wait;
            if (wait)
                continue;
            bool taken = bucket >= 1;
            bucket -= taken;
            if (!taken)
                pace_slow(&p[i], now, now, 500 + (int64_t)(next_random(&random) % 1000));
            if (now >= start) {
                stored[i] += taken;
                refused += !taken;
            }
        }
    int all = stored[0] + stored[1];
    assert_in_range(all, 60 * (end - start) / 1000 * 7 / 10, 60 * (end - start) / 1000);
    assert_in_range(stored[1], all * 2 / 5, all * 3 / 5);
    assert_true(refused < all / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_slower),
        cmocka_unit_test(test_never_stops),
        cmocka_unit_test(test_shares_become_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
