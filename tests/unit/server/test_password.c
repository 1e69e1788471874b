/*
 * test_password.c - what becomes of a password, and what does not match.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h>

#include "server/password.h"

#define GOOD "correct horse battery"

static void test_hash_and_match(void **state)
{
    struct buf a, b;
    (void)state;
    buf_init(&a, PASSWORD_HASH_MAX);
    buf_init(&b, PASSWORD_HASH_MAX);
    assert_int_equal(password_hash(STR(GOOD), &a), 0);
    assert_int_equal(password_hash(STR(GOOD), &b), 0);
    assert_memory_equal(a.p, "$y$", 3);
    assert_false(str_eq(buf_str(&a), buf_str(&b))); /* a salt of its own */
    assert_int_equal(str_find(buf_str(&a), STR("correct"), 0), -1);
    assert_true(password_matches(STR(GOOD), buf_str(&a)));
    assert_true(password_matches(STR(GOOD), buf_str(&b)));
    assert_false(password_matches(STR("Correct horse battery"), buf_str(&a)));
    assert_false(password_matches(STR(""), buf_str(&a)));
    assert_false(password_matches(STR_NONE, buf_str(&a)));
    assert_false(password_matches(STR(GOOD "\0x"), buf_str(&a)));
    /* A hash that lost its end is none. */
    assert_false(password_matches(STR(GOOD), str_slice(buf_str(&a), 0, a.n - 1)));
    buf_release(&a);
    buf_release(&b);
}

static void test_what_is_no_hash(void **state)
{
    char large[PASSWORD_HASH_MAX + 10];
    (void)state;
    memset(large, '$', sizeof(large));
    static const char *const none[] = {"", "*0", "*1", "x", "$y$", "$9$j9T$abc$def", GOOD};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        if (password_matches(STR(GOOD), str_of(none[i])))
            fail_msg("%s", none[i]);
    assert_false(password_matches(STR(GOOD), STR_NONE));
    assert_false(password_matches(STR(""), STR_NONE));
    assert_false(password_matches(STR(GOOD), (struct str){large, sizeof(large)}));
}

static void test_what_may_be_one(void **state)
{
    char large[PASSWORD_MAX + 1];
    struct buf out;
    (void)state;
    memset(large, 'a', sizeof(large));
    assert_null(password_refusal(STR(GOOD)));
    assert_null(password_refusal(STR("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xe2\x82\xac-1")));
    assert_null(password_refusal((struct str){large, PASSWORD_MAX}));
    assert_non_null(strstr(password_refusal(STR("7-chars")), "shorter"));
    assert_non_null(strstr(password_refusal((struct str){large, PASSWORD_MAX + 1}), "longer"));
    assert_non_null(strstr(password_refusal(STR("two lines\nof text")), "control"));
    assert_non_null(strstr(password_refusal(STR("with a NUL\0in it")), "control"));
    buf_init(&out, PASSWORD_HASH_MAX);
    assert_int_equal(password_hash((struct str){large, PASSWORD_MAX + 1}, &out), -1);
    assert_int_equal(password_hash(STR("with a NUL\0in it"), &out), -1);
    assert_int_equal(out.n, 0);
    assert_int_equal(password_hash((struct str){large, PASSWORD_MAX}, &out), 0);
    assert_true(password_matches((struct str){large, PASSWORD_MAX}, buf_str(&out)));
    assert_false(password_matches((struct str){large, PASSWORD_MAX - 1}, buf_str(&out)));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_and_match),
        cmocka_unit_test(test_what_is_no_hash),
        cmocka_unit_test(test_what_may_be_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
