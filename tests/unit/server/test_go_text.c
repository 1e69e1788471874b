/* test_go_text.c - what was asked of Go 1.19, in tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/go_text.h"

static void trimming(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {" \t\r\n\v\f", ""},
        {" a b ", "a b"},
        {"\xc2\xa0/p\xc2\xa0", "/p"},
        {"\xc2\x85x\xe1\x9a\x80", "x"},
        {"\xe2\x80\x80\xe2\x80\x8ax\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaf", "x"},
        {"\xe2\x81\x9f\xe3\x80\x80", ""},
        {"\xe2\x80\x8bx", "\xe2\x80\x8bx"}, /* of no width, and no space */
        {"\xef\xbb\xbfx", "\xef\xbb\xbfx"},
        {"\xc3\xa0", "\xc3\xa0"}, /* ends in a byte that a space ends in */
        {"x\xe2\x80", "x\xe2\x80"},
        {"\x1cx", "\x1cx"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (!str_eq(go_trim(str_of(cases[i][0])), str_of(cases[i][1])))
            fail_msg("%zu", i);
    assert_true(str_is_set(go_trim(STR_NONE)));
}

static void keys(void **state)
{
    static const struct {
        const char *key;
        bool same;
    } cases[] = {
        {"task_id", true},
        {"TASK_ID", true},
        {"ta\xc5\xbfk_id", true},
        {"tas\xe2\x84\xaa_id", true},
        {"task-id", false},
        {"task_i", false},
        {"task_idd", false},
        {"", false},
        {"t\xc3\xa1sk_id", false},
        {"ta\xc5", false},
        {"\xc5\xbf"
         "ask_id",
         false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (go_key_is(str_of(cases[i].key), STR("task_id")) != cases[i].same)
            fail_msg("%s", cases[i].key);
}

#define NOON INT64_C(1793534400000) /* 2026-11-01T12:00:00Z */

static void times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"2026-11-01T12:00:00Z", NOON},
        {"2026-11-01T12:00:00.5Z", NOON + 500},
        {"2026-11-01T12:00:00,5Z", NOON + 500},
        {"2026-11-01T12:00:00.123456789012Z", NOON + 123},
        {"2026-11-01T14:00:00+02:00", NOON},
        {"2026-11-01T11:30:00.25-00:30", NOON + 250},
        {"2026-11-02T12:00:00+24:00", NOON},
        {"2026-11-01T13:00:00+00:60", NOON},
        {"2026-11-01T1:00:00Z", NOON - 11 * 3600000},
        {"1969-12-31T23:59:59Z", -1000},
        {"2026-11-01T12:00:60Z", -1},
        {"2026-11-01T12:60:00Z", -1},
        {"2026-11-01T24:00:00Z", -1},
        {"2026-11-01T12:00:00.Z", -1},
        {"2026-11-01T12:00:00;5Z", -1},
        {"2026-11-01T12:00:00", -1},
        {"2026-11-01T12:00Z", -1},
        {"2026-11-01t12:00:00Z", -1},
        {"2026-11-01T12:00:00z", -1},
        {"2026-11-01 12:00:00Z", -1},
        {"2026-11-01T12:00:00+25:00", -1},
        {"2026-11-01T12:00:00+02:61", -1},
        {"2026-11-01T12:00:00+0200", -1},
        {"2026-11-01T12:00:00+02", -1},
        {"2026-11-01T12:00:00ZZ", -1},
        {"2026-11-1T12:00:00Z", -1},
        {"2026-02-30T12:00:00Z", -1},
        {" 2026-11-01T12:00:00Z", -1},
        {"2026-11-01T12:00:00.111111111111111111111111111111111111111111111111111111Z", -1},
        {"", -1},
        {"2026-11-01T", -1},
        {"2026-11-01T1:0:0Z", -1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = -1;
        bool good = go_time(str_of(cases[i].text), &ms);
        if (good != (cases[i].ms != -1) || ms != cases[i].ms)
            fail_msg("%s: %d %lld", cases[i].text, good, (long long)ms);
    }
}

/* Every prefix, and every byte changed: nothing is read beyond, and nothing that is read is odd. */
static void cut_and_changed(void **state)
{
    static const char text[] = "2026-11-01T12:00:00.5+02:00";
    for (size_t n = 0; n < sizeof(text); n++) {
        char *exact = malloc(n + 1);
        int64_t ms;
        memcpy(exact, text, n);
        go_time((struct str){exact, n}, &ms);
        for (size_t i = 0; i < n; i++) {
            for (int byte = 0; byte < 256; byte += 3) {
                exact[i] = (char)byte;
                go_time((struct str){exact, n}, &ms);
            }
            exact[i] = text[i];
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trimming),
        cmocka_unit_test(keys),
        cmocka_unit_test(times),
        cmocka_unit_test(cut_and_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
