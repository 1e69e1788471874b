/* How fast requests go: a rate, a small burst, half after a refusal, slowly more again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/pace.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_slower),
        cmocka_unit_test(test_never_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
