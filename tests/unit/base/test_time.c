#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "parsers/base/time.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define UNTOUCHED INT64_C(4242)

struct text_case {
    const char *text;
    bool ok;
    int64_t ms;
};

/* The text in a block of exactly its size, so that a sanitizer sees each byte read too many. */
static struct str exact(const char *text, size_t n, char **block)
{
    *block = malloc(n ? n : 1);
    assert_non_null(*block);
    memcpy(*block, text, n);
    return (struct str){*block, n};
}

static void check_table(bool (*parse)(struct str, int64_t *), const struct text_case *table,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *block;
        int64_t ms = UNTOUCHED;
        bool ok = parse(exact(table[i].text, strlen(table[i].text), &block), &ms);
        if (ok != table[i].ok || ms != (ok ? table[i].ms : UNTOUCHED))
            fail_msg("'%s': %d, %lld", table[i].text, ok, (long long)ms);
        free(block);
    }
}

/* Each proper prefix is refused, and so is each single byte replaced by one that never fits. */
static void check_damaged(bool (*parse)(struct str, int64_t *), const char *good)
{
    size_t n = strlen(good);
    int64_t ms = UNTOUCHED;
    char *block;

    for (size_t i = 0; i < n; i++) {
        assert_false(parse(exact(good, i, &block), &ms));
        free(block);
        struct str s = exact(good, n, &block);
        block[i] = '~';
        assert_false(parse(s, &ms));
        free(block);
    }
    assert_int_equal(ms, UNTOUCHED);
}

static void test_clf(void **state)
{
    static const struct text_case table[] = {
        {"01/Jan/1970:00:00:00 +0000", true, 0},
        {"10/Oct/2000:13:55:36 -0700", true, INT64_C(971211336000)},
        {"23/Nov/2026:07:00:00 +0530", true, INT64_C(1795397400000)},
        {"29/Feb/2024:23:59:59 +0000", true, INT64_C(1709251199000)},
        {"29/Feb/2000:00:00:00 +0000", true, INT64_C(951782400000)},
        {"29/Feb/1900:00:00:00 +0000", false, 0},
        {"29/Feb/2100:00:00:00 +0000", false, 0},
        {"29/Feb/2025:00:00:00 +0000", false, 0},
        {"30/Feb/2024:00:00:00 +0000", false, 0},
        {"31/Apr/2024:00:00:00 +0000", false, 0},
        {"31/Dec/1969:23:59:59 +0000", true, -1000},
        {"01/Jan/1970:00:00:00 -0000", true, 0},
        {"01/Jan/1970:00:00:00 +2359", true, -INT64_C(86340000)},
        {"31/Dec/2016:23:59:60 +0000", true, INT64_C(1483228799000)}, /* leap second */
        {"31/Dec/2016:23:59:61 +0000", false, 0},
        {"01/Jan/0000:00:00:00 +0000", true, -INT64_C(62167219200000)},
        {"31/Dec/9999:23:59:59 +0000", true, INT64_C(253402300799000)},
        {"00/Jan/2024:00:00:00 +0000", false, 0},
        {"32/Jan/2024:00:00:00 +0000", false, 0},
        {"01/jan/2024:00:00:00 +0000", false, 0},
        {"01/Jxn/2024:00:00:00 +0000", false, 0},
        {"01/Foo/2024:00:00:00 +0000", false, 0},
        {"01/Jan/2024:24:00:00 +0000", false, 0},
        {"01/Jan/2024:00:60:00 +0000", false, 0},
        {"01/Jan/2024:00:00:00 +2400", false, 0},
        {"01/Jan/2024:00:00:00 +0060", false, 0},
        {"01/Jan/2024:00:00:00  0000", false, 0},
        {"01/Jan/2024:00:00:00 +0000 ", false, 0},
        {"[01/Jan/2024:00:00:00 +000", false, 0},
        {"1/Jan/2024:00:00:00 +00000", false, 0},
        {"-1/Jan/2024:00:00:00 +0000", false, 0},
        {"1/Jan/1970:00:00:00 +0000", true, 0},
        {"9/Oct/2000:13:55:36 -0700", true, INT64_C(971124936000)},
        {"0/Jan/2024:00:00:00 +0000", false, 0},
        {"/Jan/2024:00:00:00 +00000", false, 0},
        {"", false, 0},
    };
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    check_table(time_parse_clf, table, COUNT(table));
    check_damaged(time_parse_clf, "23/Nov/2026:07:00:00 +0530");
    for (int m = 0; m < 12; m++) {
        struct buf b;
        int64_t ms;
        buf_init(&b, 100);
        buf_printf(&b, "15/%s/2023:00:00:00 +0000", months[m]);
        assert_true(time_parse_clf(buf_str(&b), &ms));
        assert_int_equal(ms, time_from_civil(2023, m + 1, 15, 0, 0, 0) * 1000);
        buf_release(&b);
    }
}

/* The offset says it all: an hour that comes twice, or never, needs no rule of any zone. Second 60
 * is second 59, wherever a web server writes it. */
static void test_daylight_saving(void **state)
{
    static const struct text_case table[] = {
        {"29/Mar/2026:01:59:59 +0100", true, INT64_C(1774745999000)}, /* spring: 02:00 is 03:00 */
        {"29/Mar/2026:03:00:00 +0200", true, INT64_C(1774746000000)},
        {"29/Mar/2026:02:30:00 +0100", true, INT64_C(1774747800000)}, /* on no clock on the wall */
        {"25/Oct/2026:02:30:00 +0200", true, INT64_C(1792888200000)}, /* autumn: twice */
        {"25/Oct/2026:02:59:59 +0200", true, INT64_C(1792889999000)},
        {"25/Oct/2026:02:00:00 +0100", true, INT64_C(1792890000000)},
        {"25/Oct/2026:02:30:00 +0100", true, INT64_C(1792891800000)},
        {"04/Oct/2026:01:59:59 +1030", true, INT64_C(1791041399000)}, /* by half an hour */
        {"04/Oct/2026:02:30:00 +1100", true, INT64_C(1791041400000)},
        {"31/Dec/2016:15:59:60 -0800", true, INT64_C(1483228799000)}, /* a leap second, elsewhere */
        {"01/Jan/2017:05:29:60 +0530", true, INT64_C(1483228799000)},
        {"01/Jan/2017:00:00:00 +0000", true, INT64_C(1483228800000)},
        {"25/Nov/2026:10:00:60 +0000", true,
         INT64_C(1795600859000)}, /* in any minute: as it is written */
    };
    check_table(time_parse_clf, table, COUNT(table));
}

static bool w3c_joined(struct str s, int64_t *ms)
{
    ptrdiff_t space = str_chr(s, ' ', 0);

    if (space < 0)
        return time_parse_w3c(s, STR(""), ms);
    return time_parse_w3c(str_slice(s, 0, (size_t)space), str_slice(s, (size_t)space + 1, s.n), ms);
}

static void test_w3c(void **state)
{
    static const struct text_case table[] = {
        {"1970-01-01 00:00:00", true, 0},
        {"2019-12-04 21:02:31", true, INT64_C(1575493351000)},
        {"2016-12-31 23:59:60", true, INT64_C(1483228799000)},
        {"2024-02-29 00:00:00", true, INT64_C(1709164800000)},
        {"2023-02-29 00:00:00", false, 0},
        {"2023-13-01 00:00:00", false, 0},
        {"2023-00-01 00:00:00", false, 0},
        {"2023/01/01 00:00:00", false, 0},
        {"2023-01-01 0:00:00", false, 0},
        {"2023-01-01 00:00:00Z", false, 0},
        {"2023-1-01 00:00:00", false, 0},
    };
    check_table(w3c_joined, table, COUNT(table));
    check_damaged(w3c_joined, "2019-12-04 21:02:31");
    int64_t ms = UNTOUCHED;
    assert_false(time_parse_w3c(STR_NONE, STR_NONE, &ms));
}

static void test_rfc3339(void **state)
{
    static const struct text_case table[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"1985-04-12T23:20:50.52Z", true, INT64_C(482196050520)},
        {"1996-12-19T16:39:57-08:00", true, INT64_C(851042397000)},
        {"1990-12-31T23:59:60Z", true, INT64_C(662687999000)},
        {"1990-12-31T15:59:60-08:00", true, INT64_C(662687999000)},
        {"1937-01-01T12:00:27.87+00:20", true, -INT64_C(1041337172130)},
        {"2026-11-23t07:00:00z", true, INT64_C(1795417200000)},
        {"2026-11-23 07:00:00.1Z", true, INT64_C(1795417200100)},
        {"2026-11-23T07:00:00.1239999999999999999999Z", true, INT64_C(1795417200123)},
        {"2026-11-23T07:00:00.000001Z", true, INT64_C(1795417200000)},
        {"2026-11-23T07:00:00-00:00", true, INT64_C(1795417200000)},
        {"2026-11-23T07:00:00", false, 0},
        {"2026-11-23T07:00:00.Z", false, 0},
        {"2026-11-23T07:00:00.", false, 0},
        {"2026-11-23T07:00:00.5", false, 0},
        {"2026-11-23T07:00:00,5Z", false, 0},
        {"2026-11-23T07:00:00+0100", false, 0},
        {"2026-11-23T07:00:00+01", false, 0},
        {"2026-11-23T07:00:00+24:00", false, 0},
        {"2026-11-23T07:00:00ZZ", false, 0},
        {"2026-11-23_07:00:00Z", false, 0},
        {"2026-11-23T25:00:00Z", false, 0},
        {"2026-11-31T07:00:00Z", false, 0},
        {"26-11-23T07:00:00Z", false, 0},
        {"+026-11-23T07:00:00Z", false, 0},
    };
    check_table(time_parse_rfc3339, table, COUNT(table));
    check_damaged(time_parse_rfc3339, "2026-11-23T07:00:00.123+05:30");
    check_damaged(time_parse_rfc3339, "2026-11-23T07:00:00Z");
}

static bool parse_text(struct str s, int64_t *ms)
{
    bool local;

    return time_parse_text(s, ms, &local);
}

static void test_text(void **state)
{
    static const struct text_case table[] = {
        {"03/Nov/2026:00:10:24 +0100", true, INT64_C(1793661024000)},
        {"03/Nov/2026:00:10:24", true, INT64_C(1793664624000)},
        {"03/Nov/2026 00:10:24", true, INT64_C(1793664624000)},
        {"2026/11/03 00:10:24,5", true, INT64_C(1793664624500)},
        {"Tue Nov  3 00:10:24 2026", true, INT64_C(1793664624000)},
        {"Fri Nov 13 00:10:24 2026", true, INT64_C(1794528624000)},
        {"Tue, 03 Nov 2026 00:10:24 GMT", true, INT64_C(1793664624000)},
        {"Tue, 03 Nov 2026 00:10:24 +0100", true, INT64_C(1793661024000)},
        {"Tue, 03 Nov 2026 00:10:24", true, INT64_C(1793664624000)},
        {"03/Nov/2026-00:10:24", false, 0},
        {"Tue Nov 31 00:10:24 2026", false, 0},
        {"Tue Nov  3 00:10:24 GMT 2026", false, 0},
        {"Tue, 3 Nov 2026 00:10:24 GMT", false, 0},
        {"Tuesday, 03-Nov-26 00:10:24 GMT", false, 0},
    };
    bool local;
    int64_t ms;
    (void)state;

    check_table(parse_text, table, COUNT(table));
    check_damaged(parse_text, "Tue Nov  3 00:10:24 2026");
    check_damaged(parse_text, "Tue, 03 Nov 2026 00:10:24");
    assert_true(time_parse_text(STR("Tue Nov  3 00:10:24 2026"), &ms, &local) && local);
    assert_true(time_parse_text(STR("Tue, 03 Nov 2026 00:10:24 GMT"), &ms, &local) && !local);
}

/* libc's calendar as the judge, over some four thousand years in uneven steps. */
static void test_against_libc(void **state)
{
    struct buf b;
    char want[32];

    buf_init(&b, 64);
    for (int64_t s = -INT64_C(62167219200); s < INT64_C(253402300800); s += 7654321) {
        time_t t = (time_t)s;
        struct tm tm;
        int64_t back;
        assert_non_null(gmtime_r(&t, &tm));
        assert_int_equal(time_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                                         tm.tm_min, tm.tm_sec),
                         s);
        buf_reset(&b);
        time_put_rfc3339(&b, s * 1000 + 789);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.789Z", &tm);
        if (tm.tm_year + 1900 >= 1000) /* strftime writes no leading zeros */
            assert_string_equal(buf_cstr(&b), want);
        assert_true(time_parse_rfc3339(buf_str(&b), &back));
        assert_int_equal(back, s * 1000 + 789);
    }
    buf_release(&b);
}

static void test_written(void **state)
{
    static const struct {
        int64_t ms;
        const char *time, *date;
    } table[] = {
        {0, "1970-01-01T00:00:00.000Z", "1970-01-01"},
        {-1, "1969-12-31T23:59:59.999Z", "1969-12-31"},
        {INT64_C(1709164800007), "2024-02-29T00:00:00.007Z", "2024-02-29"},
        {-INT64_C(62167219200000), "0000-01-01T00:00:00.000Z", "0000-01-01"},
        {-INT64_C(62167219200001), "0000-01-01T00:00:00.000Z", "0000-01-01"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z", "0000-01-01"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z", "9999-12-31"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z", "9999-12-31"},
    };
    struct buf b;

    buf_init(&b, 24);
    for (size_t i = 0; i < COUNT(table); i++) {
        buf_reset(&b);
        time_put_rfc3339(&b, table[i].ms);
        assert_string_equal(buf_cstr(&b), table[i].time);
        buf_reset(&b);
        time_put_date(&b, table[i].ms);
        assert_string_equal(buf_cstr(&b), table[i].date);
    }
    time_put_rfc3339(&b, 0);
    assert_true(b.failed);
    assert_int_equal(b.n, 10);
    buf_release(&b);
}

static void test_day(void **state)
{
    assert_int_equal(time_day(0), 0);
    assert_int_equal(time_day(86399999), 0);
    assert_int_equal(time_day(86400000), 1);
    assert_int_equal(time_day(-1), -1);
    assert_int_equal(time_day(-86400000), -1);
    assert_int_equal(time_day(-86400001), -2);
    assert_int_equal(time_day(INT64_MIN), INT64_MIN / 86400000 - 1);
    assert_int_equal(time_day(INT64_MAX), INT64_MAX / 86400000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clf),     cmocka_unit_test(test_daylight_saving),
        cmocka_unit_test(test_w3c),     cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_text),    cmocka_unit_test(test_against_libc),
        cmocka_unit_test(test_written), cmocka_unit_test(test_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
