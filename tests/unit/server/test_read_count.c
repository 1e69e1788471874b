/*
 * test_read_count.c - minutes, hours, days and months as clocks show them: across both changes of a
 * year, by an hour and by half an hour, at midnight too, and in zones of a broken offset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/zone_file.h"
#include "parsers/base/time.h"
#include "server/read_count.h"

static int64_t ms_of(const char *time)
{
    int64_t ms = 0;
    assert_true(time_parse_rfc3339(str_of(time), &ms));
    return ms;
}

/* Each bucket: its beginning, and how many minutes it has. */
static void put_buckets(struct buf *out, const char *name, const char *from, const char *to)
{
    struct buckets b;
    struct buf why;
    buf_init(&why, 1000);
    struct zone *zone = zone_load(str_of(name), &why);
    assert_non_null(zone);
    assert_int_equal(buckets_init(&b, ms_of(from), ms_of(to), zone), 0);
    assert_true(b.starts[0] <= ms_of(from) && b.starts[b.n] > ms_of(to));
    for (size_t i = 0; i < b.n; i++) {
        buckets_put_time(&b, i, out);
        buf_printf(out, " %d\n", (int)((b.starts[i + 1] - b.starts[i]) / 60000));
        assert_int_equal(buckets_find(&b, b.starts[i + 1] - 1), i);
        assert_int_equal(buckets_find(&b, b.starts[i]), i);
    }
    buckets_release(&b);
    buf_release(&why);
    free(zone);
}

static const struct {
    const char *zone, *from, *to, *buckets;
} cases[] = {
    {"Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T21:00:00Z",
     "2026-03-28T00:00:00+01:00 1440\n2026-03-29T00:00:00+01:00 1380\n"
     "2026-03-30T00:00:00+02:00 1440\n"},
    {"Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T22:59:59.999Z",
     "2026-10-24T00:00:00+02:00 1440\n2026-10-25T00:00:00+02:00 1500\n"
     "2026-10-26T00:00:00+01:00 1440\n"},
    /* The last instant of a day, and the first of the next. */
    {"Europe/Berlin", "2026-10-23T22:00:00Z", "2026-10-25T22:59:59.999Z",
     "2026-10-24T00:00:00+02:00 1440\n2026-10-25T00:00:00+02:00 1500\n"},
    {"Asia/Kolkata", "2026-03-28T18:29:59.999Z", "2026-03-30T18:30:00Z",
     "2026-03-28T00:00:00+05:30 1440\n2026-03-29T00:00:00+05:30 1440\n"
     "2026-03-30T00:00:00+05:30 1440\n2026-03-31T00:00:00+05:30 1440\n"},
    {"Asia/Kathmandu", "2026-03-28T18:15:00Z", "2026-03-31T18:14:59.999Z",
     "2026-03-29T00:00:00+05:45 1440\n2026-03-30T00:00:00+05:45 1440\n"
     "2026-03-31T00:00:00+05:45 1440\n"},
    {"Australia/Adelaide", "2026-04-04T00:00:00Z", "2026-04-06T12:00:00Z",
     "2026-04-04T00:00:00+10:30 1440\n2026-04-05T00:00:00+10:30 1500\n"
     "2026-04-06T00:00:00+09:30 1440\n"},
    {"Australia/Adelaide", "2026-10-03T00:00:00Z", "2026-10-05T12:00:00Z",
     "2026-10-03T00:00:00+09:30 1440\n2026-10-04T00:00:00+09:30 1380\n"
     "2026-10-05T00:00:00+10:30 1440\n"},
    {"Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-06T12:00:00Z",
     "2026-04-04T00:00:00+11:00 1440\n2026-04-05T00:00:00+11:00 1470\n"
     "2026-04-06T00:00:00+10:30 1440\n"},
    {"Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-05T12:00:00Z",
     "2026-10-03T00:00:00+10:30 1440\n2026-10-04T00:00:00+10:30 1410\n"
     "2026-10-05T00:00:00+11:00 1440\n"},
    /* A day that begins at one o'clock, and one with two hours before midnight. */
    {"America/Santiago", "2026-09-05T12:00:00Z", "2026-09-07T12:00:00Z",
     "2026-09-05T00:00:00-04:00 1440\n2026-09-06T01:00:00-03:00 1380\n"
     "2026-09-07T00:00:00-03:00 1440\n"},
    {"America/Santiago", "2026-04-03T12:00:00Z", "2026-04-05T12:00:00Z",
     "2026-04-03T00:00:00-03:00 1440\n2026-04-04T00:00:00-03:00 1500\n"
     "2026-04-05T00:00:00-04:00 1440\n"},
    /* Hours: one is left out, one comes twice; half of one. */
    {"Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T06:30:00.001Z",
     "2026-03-29T01:00:00+01:00 60\n2026-03-29T03:00:00+02:00 60\n"
     "2026-03-29T04:00:00+02:00 60\n2026-03-29T05:00:00+02:00 60\n"
     "2026-03-29T06:00:00+02:00 60\n2026-03-29T07:00:00+02:00 60\n"
     "2026-03-29T08:00:00+02:00 60\n"},
    {"Europe/Berlin", "2026-10-24T19:30:00Z", "2026-10-25T02:00:00Z",
     "2026-10-24T21:00:00+02:00 60\n2026-10-24T22:00:00+02:00 60\n"
     "2026-10-24T23:00:00+02:00 60\n2026-10-25T00:00:00+02:00 60\n"
     "2026-10-25T01:00:00+02:00 60\n2026-10-25T02:00:00+02:00 60\n"
     "2026-10-25T02:00:00+01:00 60\n2026-10-25T03:00:00+01:00 60\n"},
    {"Asia/Kolkata", "2026-10-25T00:20:00Z", "2026-10-25T06:29:00Z",
     "2026-10-25T05:00:00+05:30 60\n2026-10-25T06:00:00+05:30 60\n"
     "2026-10-25T07:00:00+05:30 60\n2026-10-25T08:00:00+05:30 60\n"
     "2026-10-25T09:00:00+05:30 60\n2026-10-25T10:00:00+05:30 60\n"
     "2026-10-25T11:00:00+05:30 60\n"},
    {"Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026-04-04T21:15:00Z",
     "2026-04-05T01:00:00+11:00 90\n2026-04-05T02:00:00+10:30 60\n"
     "2026-04-05T03:00:00+10:30 60\n2026-04-05T04:00:00+10:30 60\n"
     "2026-04-05T05:00:00+10:30 60\n2026-04-05T06:00:00+10:30 60\n"
     "2026-04-05T07:00:00+10:30 60\n"},
    {"Australia/Lord_Howe", "2026-10-03T14:30:00Z", "2026-10-03T20:59:00Z",
     "2026-10-04T01:00:00+10:30 60\n2026-10-04T02:30:00+11:00 30\n"
     "2026-10-04T03:00:00+11:00 60\n2026-10-04T04:00:00+11:00 60\n"
     "2026-10-04T05:00:00+11:00 60\n2026-10-04T06:00:00+11:00 60\n"
     "2026-10-04T07:00:00+11:00 60\n"},
    /* Minutes, in an hour that comes twice and in one that is half. */
    {"Europe/Berlin", "2026-10-25T00:56:00Z", "2026-10-25T01:06:59Z",
     "2026-10-25T02:55:00+02:00 5\n2026-10-25T02:00:00+01:00 5\n2026-10-25T02:05:00+01:00 5\n"},
    {"Asia/Kathmandu", "2026-10-25T00:20:00Z", "2026-10-25T01:20:00.001Z",
     "2026-10-25T06:00:00+05:45 15\n2026-10-25T06:15:00+05:45 15\n"
     "2026-10-25T06:30:00+05:45 15\n2026-10-25T06:45:00+05:45 15\n"
     "2026-10-25T07:00:00+05:45 15\n"},
    {"Australia/Lord_Howe", "2026-10-03T15:16:00Z", "2026-10-03T16:16:59Z",
     "2026-10-04T01:45:00+10:30 15\n2026-10-04T02:30:00+11:00 15\n"
     "2026-10-04T02:45:00+11:00 15\n2026-10-04T03:00:00+11:00 15\n"
     "2026-10-04T03:15:00+11:00 15\n"},
    {"Europe/Berlin", "1969-12-31T23:59:58Z", "1970-01-01T00:00:00Z",
     "1970-01-01T00:55:00+01:00 5\n1970-01-01T01:00:00+01:00 5\n"},
    /* Months. */
    {"Europe/Berlin", "2026-02-28T23:00:00Z", "2027-02-28T23:00:00Z",
     "2026-03-01T00:00:00+01:00 44580\n2026-04-01T00:00:00+02:00 43200\n"
     "2026-05-01T00:00:00+02:00 44640\n2026-06-01T00:00:00+02:00 43200\n"
     "2026-07-01T00:00:00+02:00 44640\n2026-08-01T00:00:00+02:00 44640\n"
     "2026-09-01T00:00:00+02:00 43200\n2026-10-01T00:00:00+02:00 44700\n"
     "2026-11-01T00:00:00+01:00 43200\n2026-12-01T00:00:00+01:00 44640\n"
     "2027-01-01T00:00:00+01:00 44640\n2027-02-01T00:00:00+01:00 40320\n"
     "2027-03-01T00:00:00+01:00 44580\n"},
};

static void as_clocks_show(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 10000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_reset(&out);
        put_buckets(&out, cases[i].zone, cases[i].from, cases[i].to);
        if (!str_eq(buf_str(&out), str_of(cases[i].buckets)))
            fail_msg("%s from %s: wanted\n%sgot\n%s", cases[i].zone, cases[i].from,
                     cases[i].buckets, buf_cstr(&out));
    }
    buf_release(&out);
}

/* Go's zero time, which a client may send for "always", and more than that. */
static void test_all_years(void **state)
{
    struct buckets b;
    assert_int_equal(
        buckets_init(&b, ms_of("0000-01-01T00:00:00Z"), ms_of("9999-12-31T23:59:59Z"), NULL), 0);
    assert_int_equal(b.n, BUCKETS_MAX);
    buckets_release(&b);
    assert_int_equal(buckets_init(&b, ms_of("0000-01-01T00:00:00Z") - 1, 0, NULL), -1);
    buckets_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_years),
                                       cmocka_unit_test(as_clocks_show)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
