/*
 * test_report_judge.c - the report of the command line, counted by columns and by rows: the same
 * text for any site, time and length of lists.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/read_records.h"

#include "server/report_impl.h"

static void put_report(struct store_reader *reader, const struct read_filter *filter, size_t top,
                       bool rows, struct buf *out)
{
    struct report r;
    assert_int_equal(report_begin(&r, reader, filter, STR_NONE), 0);
    assert_int_equal(rows ? report_by_rows(&r, reader) : report_by_columns(&r, reader, top), 0);
    report_put_json(&r, top, out);
    report_put_text(&r, top, out);
    report_release(&r);
}

static void compare(struct store_reader *reader, const struct fixture *f)
{
    struct read_filter filter = {chance(2) ? f->site : 0, INT64_MIN, INT64_MAX};
    size_t top = 1 + chance(2) * chance(30);
    struct buf by_columns, by_rows;
    buf_init(&by_columns, 1u << 20);
    buf_init(&by_rows, 1u << 20);
    if (chance(4)) {
        random_time(&filter.from_ms, &filter.to_ms);
        filter.to_ms += (int64_t)chance(2) * 3600000;
    }
    put_report(reader, &filter, top, false, &by_columns);
    put_report(reader, &filter, top, true, &by_rows);
    if (!str_eq(buf_str(&by_columns), buf_str(&by_rows)))
        fail_msg("%s\nwanted\n%s", buf_cstr(&by_columns), buf_cstr(&by_rows));
    buf_release(&by_columns);
    buf_release(&by_rows);
}

static void columns_and_rows_agree(void **state)
{
    struct fixture *f = *state;
    struct generated *g = calloc(1, sizeof(*g));
    struct store_reader *reader = fixture_reader(f);
    for (int round = 0; round < 12; round++) {
        if (round < 3 || chance(4) == 0)
            put_records(f, g);
        if (round % 4 == 3)
            assert_int_equal(fixture_call(f->store, delete_some, NULL), 0);
        assert_int_equal(fixture_call(f->store, pack_some, NULL), 0);
        for (int i = 0; i < 20; i++)
            compare(reader, f);
    }
    store_reader_close(reader);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns_and_rows_agree, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
