/* Time zones out of the system's data: changes, later years by the rule, and files that are none.
 */
#include "config/zone_file.h"

#include "parsers/base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct zone *load(const char *name)
{
    struct buf why;

    buf_init(&why, 1024);
    struct zone *z = zone_load(str_of(name), &why);
    if (!z)
        print_error("%s %s\n", name, buf_cstr(&why));
    assert_non_null(z);
    buf_release(&why);
    return z;
}

static void check(const struct zone *z, const char *local, const char *utc)
{
    int64_t shown, want;
    bool is_local;

    assert_true(time_parse_text(str_of(local), &shown, &is_local) && is_local);
    assert_true(time_parse_rfc3339(str_of(utc), &want));
    if (zone_to_utc_ms(z, shown / 1000) != want)
        print_error("%s: %lld, not %s\n", local, (long long)zone_to_utc_ms(z, shown / 1000), utc);
    assert_true(zone_to_utc_ms(z, shown / 1000) == want);
}

static void clocks(void **state)
{
    static const struct {
        const char *zone, *local, *utc;
    } times[] = {
        {"UTC", "2026-07-01 12:00:00", "2026-07-01T12:00:00Z"},
        {"Europe/Berlin", "2026-01-02 03:04:05", "2026-01-02T02:04:05Z"},
        {"Europe/Berlin", "2026-07-02 03:04:05", "2026-07-02T01:04:05Z"},
        {"Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59Z"},
        {"Europe/Berlin", "2026-03-29 02:00:00", "2026-03-29T01:00:00Z"}, /* never shown */
        {"Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00Z"},
        {"Europe/Berlin", "2026-03-29 03:00:00", "2026-03-29T01:00:00Z"},
        {"Europe/Berlin", "2026-10-25 01:59:59", "2026-10-24T23:59:59Z"},
        {"Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"}, /* shown twice */
        {"Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25T02:00:00Z"},
        {"Europe/Berlin", "2060-07-01 12:00:00", "2060-07-01T10:00:00Z"}, /* by the rule */
        {"Europe/Berlin", "2060-12-01 12:00:00", "2060-12-01T11:00:00Z"},
        {"America/New_York", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"},
        {"America/New_York", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"},
        {"America/New_York", "2026-11-01 02:00:00", "2026-11-01T07:00:00Z"},
        {"America/New_York", "2055-07-04 00:00:00", "2055-07-04T04:00:00Z"},
        {"Australia/Lord_Howe", "2026-01-01 00:00:00", "2025-12-31T13:00:00Z"},
        {"Australia/Lord_Howe", "2026-07-01 00:00:00", "2026-06-30T13:30:00Z"},
        {"Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04T14:45:00Z"}, /* twice */
        {"Australia/Lord_Howe", "2026-10-04 02:15:00", "2026-10-03T15:45:00Z"}, /* never */
        {"Australia/Lord_Howe", "2070-01-01 00:00:00", "2069-12-31T13:00:00Z"},
        {"Asia/Kathmandu", "2026-07-01 05:45:00", "2026-07-01T00:00:00Z"},
        {"America/Argentina/Buenos_Aires", "2026-07-01 00:00:00", "2026-07-01T03:00:00Z"},
        {"Etc/GMT+5", "2026-07-01 00:00:00", "2026-07-01T05:00:00Z"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct zone *z = load(times[i].zone);

        check(z, times[i].local, times[i].utc);
        free(z);
    }
}

static void names_that_are_none(void **state)
{
    static const char *const names[] = {
        "",          "Europe/Berln", "../../etc/passwd", "/etc/localtime", "Europe",
        "tzdata.zi", "a b",          "Europe/"};
    struct buf why;
    (void)state;

    buf_init(&why, 1024);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        buf_reset(&why);
        assert_null(zone_load(str_of(names[i]), &why));
        assert_non_null(strstr(buf_cstr(&why), "timedatectl"));
    }
    buf_release(&why);
}

static size_t read_berlin(char *text, size_t size)
{
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");

    assert_non_null(f);
    size_t n = fread(text, 1, size, f);
    fclose(f);
    return n;
}

/* No prefix and no changed byte of a file does harm; what is taken has ascending changes. */
static void damaged_files(void **state)
{
    char text[8192];
    size_t n = read_berlin(text, sizeof(text)), taken = 0;
    (void)state;

    assert_true(n > 500 && n < sizeof(text));
    for (size_t cut = 0; cut < n; cut++) {
        char *own = malloc(cut + !cut);

        assert_non_null(own);
        memcpy(own, text, cut);
        free(zone_parse((struct str){own, cut}));
        free(own);
    }
    for (size_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            text[i] ^= (char)(1 << bit);
            struct zone *z = zone_parse((struct str){text, n});
            text[i] ^= (char)(1 << bit);
            for (size_t k = 1; z && k < z->n; k++)
                assert_true(z->changes[k - 1].at < z->changes[k].at);
            if (z)
                zone_to_utc_ms(z, INT64_C(253402300799));
            taken += z != NULL;
            free(z);
        }
    }
    assert_true(taken > 0);
    assert_null(zone_parse(STR("TZif")));
}

/* A clock's offset is less than 26 hours, also in the rule for later years. */
static void rules_out_of_range(void **state)
{
    static const char *const rules[] = {"\nCET-90CEST,M3.5.0,M10.5.0/3\n",
                                        "\nCET-1CEST90,M3.5.0,M10.5.0/3\n", "\nCET26\n"};
    static const char good[] = "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
    char text[8192];
    size_t n = read_berlin(text, sizeof(text) - 64), front = n - strlen(good);
    (void)state;

    assert_memory_equal(text + front, good, strlen(good));
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        memcpy(text + front, rules[i], strlen(rules[i]));
        struct zone *z = zone_parse((struct str){text, front + strlen(rules[i])});
        if (z)
            fail_msg("%s is taken", rules[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(rules_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
