/* file_map.h against a plain list. */
#include "agent/file_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <cmocka.h>

#define FILES 5000

static void test_empty(void **state)
{
    struct file_map m = {0};

    assert_null(file_map_find(&m, 1, 2));
    file_map_release(&m);
    file_map_release(&m);
}

/* Inodes in a row on three devices, as file systems give them; every one is found, no other. */
static void test_many(void **state)
{
    static int values[FILES];
    struct file_map m = {0};

    for (size_t i = 0; i < FILES; i++) {
        assert_null(file_map_find(&m, i % 3, i / 3));
        assert_int_equal(file_map_put(&m, i % 3, i / 3, &values[i]), 0);
        assert_int_equal(m.n, i + 1);
    }
    for (size_t i = 0; i < FILES; i++)
        assert_ptr_equal(file_map_find(&m, i % 3, i / 3), &values[i]);
    for (size_t i = 0; i < FILES; i++) {
        assert_null(file_map_find(&m, 3 + i % 3, i / 3));
        assert_null(file_map_find(&m, i % 3, FILES + i));
    }
    file_map_release(&m);
}

static void test_replaces(void **state)
{
    int first = 1, second = 2;
    struct file_map m = {0};

    assert_int_equal(file_map_put(&m, 7, 8, &first), 0);
    assert_int_equal(file_map_put(&m, 7, 8, &second), 0);
    assert_int_equal(m.n, 1);
    assert_ptr_equal(file_map_find(&m, 7, 8), &second);
    file_map_release(&m);
}

/* Taken out in a different order than put in, with new ones between: the same as a plain list. */
static void test_remove(void **state)
{
    static int values[FILES];
    static bool there[FILES];
    struct file_map m = {0};
    size_t n = 0;

    for (size_t turn = 0; turn < 4 * FILES; turn++) {
        size_t i = turn * 7919 % FILES;
        if (turn % 3 == 2) {
            file_map_remove(&m, i % 3, i / 3);
            n -= there[i];
            there[i] = false;
        } else {
            assert_int_equal(file_map_put(&m, i % 3, i / 3, &values[i]), 0);
            n += !there[i];
            there[i] = true;
        }
        assert_int_equal(m.n, n);
        if (turn % 997 == 0)
            for (size_t k = 0; k < FILES; k++)
                assert_ptr_equal(file_map_find(&m, k % 3, k / 3), there[k] ? &values[k] : NULL);
    }
    for (size_t i = 0; i < FILES; i++)
        file_map_remove(&m, i % 3, i / 3);
    assert_int_equal(m.n, 0);
    file_map_remove(&m, 1, 1);
    file_map_release(&m);
    file_map_remove(&m, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_replaces),
        cmocka_unit_test(test_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
