/* test_text_pool.c - what is kept stays what and where it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/text_pool.h"

#define TEXTS 3000

static void texts_stay(void **state)
{
    struct text_pool pool = {0};
    struct str kept[TEXTS];
    size_t sum = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        size_t n = i % 100 == 99 ? 200 * i : i % 70; /* some have a block of their own */
        char *text = malloc(n + 1);
        memset(text, (int)('a' + i % 26), n);
        kept[i] = (struct str){text, n};
        assert_true(text_pool_keep(&pool, &kept[i]));
        free(text);
        sum += n;
    }
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t k = 0; k < kept[i].n; k++)
            assert_int_equal(kept[i].p[k], 'a' + i % 26);
    assert_true(pool.bytes >= sum && pool.bytes < sum + sum / 4 + 65536);
    text_pool_release(&pool);
    assert_int_equal(pool.bytes, 0);
    text_pool_release(&pool);
}

static void nothing_stays_nothing(void **state)
{
    struct text_pool pool = {0};
    struct str none = STR_NONE, empty = {"x", 0};
    assert_true(text_pool_keep(&pool, &none) && text_pool_keep(&pool, &empty));
    assert_false(str_is_set(none));
    assert_true(str_is_set(empty) && empty.n == 0);
    assert_int_equal(pool.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_stay),
        cmocka_unit_test(nothing_stays_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
