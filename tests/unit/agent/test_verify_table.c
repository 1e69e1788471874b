/* Hours of a stream: no line is left out, whatever the times are and however many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/verify_table.h"
#include "parsers/hit.h"
#include "tests/unit/agent/scratch.h"

#define HOUR VERIFY_HOUR_MS
#define DAY VERIFY_DAY_MS

static void count(struct verify_table *t, int64_t time_ms, uint64_t n)
{
    struct verify_counts *c = verify_table_at(t, time_ms);
    c->lines += n;
    c->records += n;
    c->stored += n;
}

static uint64_t lines_of(const struct verify_table *t)
{
    struct verify_counts sum;
    verify_table_sum(t, &sum);
    assert_true(verify_counts_balance(&sum));
    return sum.lines;
}

static void test_hours(void **state)
{
    static const struct {
        int64_t time, hour;
    } table[] = {
        {0, 0},
        {1, 0},
        {HOUR - 1, 0},
        {HOUR, HOUR},
        {-1, -HOUR},
        {-HOUR, -HOUR},
        {-HOUR - 1, -2 * HOUR},
        {5 * HOUR + 7, 5 * HOUR},
        {253402300799999, 253402297200000}, /* the end of the year 9999 */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct verify_table t;
        size_t used = 0;
        verify_table_init(&t, &used);
        count(&t, table[i].time, 3);
        assert_int_equal(used, 1);
        assert_int_equal(t.n, 1);
        assert_int_equal(t.rows[0].from_ms, table[i].hour);
        assert_int_equal(t.rows[0].counts.lines, 3);
        verify_table_release(&t);
        assert_int_equal(used, 0);
    }
}

static void test_no_time(void **state)
{
    struct verify_table t;
    size_t used = 0;
    verify_table_init(&t, &used);
    count(&t, HIT_NO_NUMBER, 5);
    assert_int_equal(t.n, 0);
    assert_int_equal(t.unknown.lines, 5);
    assert_int_equal(lines_of(&t), 5);
    verify_table_release(&t);
}

/* Times come in any order, again and again; sorted at the end, each hour once. */
static void test_any_order(void **state)
{
    struct verify_table t;
    size_t used = 0;
    uint64_t seed = 7;
    static unsigned want[1000];
    verify_table_init(&t, &used);
    for (int i = 0; i < 20000; i++) {
        unsigned hour = (unsigned)(next_random(&seed) % COUNT(want));
        want[hour]++;
        count(&t, (int64_t)hour * HOUR + (int64_t)(next_random(&seed) % HOUR), 1);
    }
    verify_table_sort(&t);
    size_t row = 0;
    for (size_t i = 0; i < COUNT(want); i++) {
        if (!want[i])
            continue;
        assert_int_equal(t.rows[row].from_ms, (int64_t)i * HOUR);
        assert_int_equal(t.rows[row++].counts.lines, want[i]);
    }
    assert_int_equal(row, t.n);
    verify_table_release(&t);
}

/* Over the cap: hours become days, each with all of its hours; the other table keeps what it has.
 */
static void test_folds_into_days(void **state)
{
    struct verify_table t, other;
    size_t used = 0;
    verify_table_init(&t, &used);
    verify_table_init(&other, &used);
    count(&other, 0, 1);
    for (int64_t i = 0; i < VERIFY_MAX_ROWS - 1; i++)
        count(&t, i * HOUR, 2);
    assert_int_equal(used, VERIFY_MAX_ROWS);
    assert_int_equal(t.step_ms, HOUR);
    count(&t, 12 * HOUR + 5, 1); /* there is a row for it */
    assert_int_equal(t.step_ms, HOUR);
    count(&t, (int64_t)VERIFY_MAX_ROWS * HOUR, 2); /* and for this one there is not */
    assert_int_equal(t.step_ms, DAY);
    assert_int_equal(other.step_ms, HOUR);
    assert_int_equal(lines_of(&t), 2 * VERIFY_MAX_ROWS + 1);
    assert_int_equal(t.rest.lines, 0);
    verify_table_sort(&t);
    assert_int_equal(t.rows[0].counts.lines, 2 * 24 + 1);
    assert_int_equal(t.rows[1].from_ms, DAY);
    assert_int_equal(t.rows[1].counts.lines, 2 * 24);
    assert_int_equal(used, t.n + 1);
    verify_table_release(&t);
    assert_int_equal(used, 1);
    verify_table_release(&other);
}

/* And days over the cap are counted together. What was counted there stays there when rows become
 * free: each place balances for itself. */
static void test_rest(void **state)
{
    struct verify_table t, other;
    size_t used = 0;
    verify_table_init(&t, &used);
    verify_table_init(&other, &used);
    count(&other, 0, 1);
    for (int64_t i = 0; i < VERIFY_MAX_ROWS + 500; i++)
        count(&t, i * DAY, 1);
    assert_int_equal(used, VERIFY_MAX_ROWS);
    assert_int_equal(t.step_ms, DAY);
    assert_int_equal(t.rest.lines, 501);
    verify_table_release(&other);
    verify_table_at(&t, (int64_t)(VERIFY_MAX_ROWS + 100) * DAY)->missing += 7;
    assert_int_equal(t.rest.missing, 7);
    t.rest.missing = 0;
    assert_int_equal(lines_of(&t), VERIFY_MAX_ROWS + 500);
    verify_table_release(&t);
}

static void test_no_row_at_all(void **state)
{
    struct verify_table t;
    size_t used = VERIFY_MAX_ROWS;
    verify_table_init(&t, &used);
    count(&t, 5, 1);
    count(&t, HIT_NO_NUMBER, 1);
    assert_int_equal(t.rest.lines, 1);
    assert_int_equal(lines_of(&t), 2);
    verify_table_release(&t);
    assert_int_equal(used, VERIFY_MAX_ROWS);
}

static void test_balance(void **state)
{
    struct verify_counts c = {.lines = 10, .records = 6, .stored = 3, .missing = 1, .excluded = 1};
    c.rejected = 1;
    c.skipped[REASON_ASSET] = 3;
    c.skipped[REASON_BOT] = 1;
    assert_int_equal(verify_skipped(&c), 4);
    assert_true(verify_counts_balance(&c));
    uint64_t *members[] = {&c.lines,   &c.records,  &c.stored,
                           &c.missing, &c.excluded, &c.skipped[REASON_BOT]};
    for (size_t i = 0; i < COUNT(members); i++) {
        ++*members[i];
        assert_false(verify_counts_balance(&c));
        --*members[i];
    }
    assert_true(verify_counts_balance(&c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hours),     cmocka_unit_test(test_no_time),
        cmocka_unit_test(test_any_order), cmocka_unit_test(test_folds_into_days),
        cmocka_unit_test(test_rest),      cmocka_unit_test(test_no_row_at_all),
        cmocka_unit_test(test_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
