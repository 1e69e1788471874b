/* Token buckets: burst, refill, one bucket an address, forgetting the longest unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/limiter.h"

static const unsigned char *address(unsigned n)
{
    static unsigned char a[16];
    memcpy(a + 12, &n, sizeof(n));
    return a;
}

static unsigned take_all(struct limiter *l, unsigned who, int64_t now_ms)
{
    unsigned n = 0;
    while (n < 1000 && limiter_allow(l, address(who), now_ms))
        n++;
    return n;
}

static void a_bucket_starts_full_and_refills(void **state)
{
    struct limiter *l = limiter_new((struct limiter_rate){10, 20}, 100);
    assert_int_equal(take_all(l, 1, 5000), 20);
    static const struct {
        int64_t later_ms;
        unsigned tokens;
    } steps[] = {{0, 0},  {99, 0},    {1, 1},      {250, 2},
                 {50, 1}, {1000, 10}, {60000, 20}, {INT64_MAX / 2, 20}};
    int64_t now_ms = 5000;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        now_ms += steps[i].later_ms;
        assert_int_equal(take_all(l, 1, now_ms), steps[i].tokens);
    }
    assert_int_equal(take_all(l, 1, 0), 0); /* a clock that goes back gives nothing */
    limiter_free(l);
}

/* Asking often must not lose the fractions between. */
static void refill_is_continuous(void **state)
{
    struct limiter *l = limiter_new((struct limiter_rate){20, 40}, 100);
    take_all(l, 1, 0);
    unsigned got = 0;
    for (int64_t now_ms = 1; now_ms <= 1000; now_ms++)
        got += limiter_allow(l, address(1), now_ms);
    assert_int_equal(got, 20);
    limiter_free(l);
}

static void addresses_have_their_own(void **state)
{
    struct limiter *l = limiter_new((struct limiter_rate){1, 3}, 100);
    for (unsigned who = 0; who < 100; who++)
        assert_int_equal(take_all(l, who, 0), 3);
    for (unsigned who = 0; who < 100; who++)
        assert_int_equal(take_all(l, who, 0), 0);
    limiter_free(l);
}

static void the_longest_unseen_is_forgotten(void **state)
{
    struct limiter *l = limiter_new((struct limiter_rate){1, 3}, 10);
    for (unsigned who = 0; who < 10; who++)
        take_all(l, who, 0);
    assert_false(limiter_allow(l, address(0), 0)); /* seen again: now 1 is the oldest */
    assert_int_equal(take_all(l, 10, 0), 3);
    assert_false(limiter_allow(l, address(0), 0));
    assert_int_equal(take_all(l, 1, 0), 3); /* was forgotten, starts anew, in place of 2 */
    assert_int_equal(take_all(l, 2, 0), 3);
    assert_false(limiter_allow(l, address(10), 0));
    limiter_free(l);
}

static void many_addresses(void **state)
{
    struct limiter *l = limiter_new((struct limiter_rate){1, 1}, LIMITER_ADDRESSES);
    for (unsigned who = 0; who < 5 * LIMITER_ADDRESSES; who++)
        assert_true(limiter_allow(l, address(who), 0));
    for (unsigned who = 4 * LIMITER_ADDRESSES; who < 5 * LIMITER_ADDRESSES; who++)
        assert_false(limiter_allow(l, address(who), 0));
    limiter_free(l);
}

/* Many at once: a bucket that is full lets all of them pass, and owes what it did not have. */
static void many_tokens_at_once(void **state)
{
    struct limiter *l = limiter_new((struct limiter_rate){10, 600}, 10);
    int64_t wait_ms = 0;
    assert_true(limiter_take(l, address(1), 500, 0, &wait_ms));
    assert_false(limiter_take(l, address(1), 200, 0, &wait_ms));
    assert_int_equal(wait_ms, 100 * 1000 / 10 + 1);
    assert_false(limiter_take(l, address(1), 200, wait_ms - 2, &wait_ms));
    assert_true(limiter_take(l, address(1), 200, 10002, &wait_ms));
    assert_true(limiter_take(l, address(2), 5000, 0, &wait_ms)); /* full: more than it holds */
    assert_false(limiter_take(l, address(2), 1, 0, &wait_ms));
    assert_int_equal(wait_ms, (4400 + 1) * 1000 / 10 + 1);
    assert_false(limiter_take(l, address(2), 5000, wait_ms, &wait_ms));
    assert_int_equal(wait_ms, 59900); /* it has come up to 1010 thousandths */
    limiter_free(l);
}

static void no_rate_is_no_limit(void **state)
{
    struct limiter *l = limiter_new((struct limiter_rate){0, 0}, 10);
    assert_int_equal(take_all(l, 1, 0), 1000);
    limiter_free(l);
    limiter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_starts_full_and_refills),
        cmocka_unit_test(refill_is_continuous),
        cmocka_unit_test(addresses_have_their_own),
        cmocka_unit_test(the_longest_unseen_is_forgotten),
        cmocka_unit_test(many_addresses),
        cmocka_unit_test(many_tokens_at_once),
        cmocka_unit_test(no_rate_is_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
