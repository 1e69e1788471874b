/* The wire form's books of time: when skipped lines were, by quarters of an hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fuzz/json_judge.h"
#include "tests/unit/parsers/record_header.h"

#define QUARTERS_WRONG "\"quarters\" must be a list of quarters of an hour with counts"
#define QUARTERS_MORE "a stream's \"quarters\" count more than its \"skipped\""

static void test_table(void **state)
{
    static const struct {
        const char *line, *why;
    } table[] = {
        {ONE(",\"quarters\":[]"), NULL},
        {ONE(",\"quarters\":[[5,{}]]"), NULL},
        {ONE(",\"quarters\":[[281558111,{\"bot\":1}]],\"skipped\":{\"bot\":1}"), NULL},
        {ONE(",\"quarters\":{}"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[5]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[]]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[5]]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[5,[]]]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[5,{},1]]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[-5,{}]]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[null,{}]]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[281558112,{}]]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[5,{\"bot\":\"1\"}]]"), QUARTERS_WRONG},
        {ONE(",\"quarters\":[[5,{\"bot\":1,\"bot\":1}]]"), "a reason stands twice"},
        {ONE(",\"quarters\":[[5,{\"bot\":1}]]"), QUARTERS_MORE},
        {ONE(",\"skipped\":{\"bot\":3},\"quarters\":[[5,{\"bot\":2}],[5,{\"bot\":2}]]"),
         QUARTERS_MORE},
        {ONE(",\"skipped\":{\"new\":1},\"quarters\":[[5,{\"new\":1,\"newer\":1}]]"), QUARTERS_MORE},
    };
    struct arrays *a = calloc(1, sizeof(*a));
    struct batch_header h;
    struct buf scratch;
    const char *why;

    assert_non_null(a);
    buf_init(&scratch, 10000);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        bool ok = header_reads(str_of(table[i].line), &h, a, &scratch, &why);
        if (ok != !table[i].why || (why && strcmp(why, table[i].why) != 0))
            fail_msg("%s: %s", table[i].line, why ? why : "read");
    }
    buf_release(&scratch);
    free(a);
}

/* When the skipped lines were: cells of one quarter share an object, and come back as they were. */
static void test_header_quarters(void **state)
{
    struct batch_cell cells[] = {{9, REASON_BOT, 7}, /* before the stream's first */
                                 {5, REASON_ASSET, 2}, {5, REASON_BOT, 1},  {6, REASON_ASSET, 3},
                                 {6, REASON_ASSET, 4}, {5, REASON_COUNT, 1}};
    struct batch_stream stream = {.name = STR("n"), .first_cell = 1, .n_cells = 5};
    struct batch_header h = {.batch = STR(UUID),
                             .agent = STR("a"),
                             .node = STR("n"),
                             .streams = &stream,
                             .n_streams = 1,
                             .cells = cells,
                             .n_cells = COUNT_OF(cells)};
    struct arrays *a = calloc(1, sizeof(*a));
    struct batch_header back;
    struct buf out, scratch;
    const char *why;

    assert_non_null(a);
    stream.skipped[REASON_ASSET] = 10;
    stream.skipped[REASON_BOT] = stream.skipped_other = 1;
    buf_init(&out, 2000);
    buf_init(&scratch, 2000);
    batch_header_write(&out, &h);
    assert_non_null(strstr(buf_cstr(&out),
                           ",\"quarters\":[[5,{\"asset\":2,\"bot\":1}],[6,{\"asset\":3}],"
                           "[6,{\"asset\":4}],[5,{\"other\":1}]],\"name\":\"n\"}"));
    assert_int_equal(judge_text(buf_str(&out)), JUDGE_AGREE);
    assert_true(header_reads(buf_str(&out), &back, a, &scratch, &why));
    assert_int_equal(back.streams[0].first_cell, 0);
    assert_int_equal(back.streams[0].n_cells, 5);
    assert_memory_equal(back.cells, cells + 1, 5 * sizeof(*cells));
    back.cells = NULL; /* who does not ask for them */
    back.n_streams = 0;
    assert_true(batch_header_read(buf_str(&out), &back, &scratch, &why));
    assert_int_equal(back.streams[0].n_cells, 0);
    assert_int_equal(back.streams[0].skipped[REASON_ASSET], 10);
    for (size_t n = 0; n + 1 < out.n; n++)
        assert_false(header_reads(str_slice(buf_str(&out), 0, n), &back, a, &scratch, &why));
    buf_release(&out);
    buf_release(&scratch);
    free(a);
}

static void test_header_too_many_quarters(void **state)
{
    struct arrays *a = calloc(1, sizeof(*a));
    struct batch_header h;
    struct buf line, scratch;
    const char *why;

    assert_non_null(a);
    for (unsigned over = 0; over < 2; over++) {
        buf_init(&line, 4u << 20);
        buf_init(&scratch, 4u << 20);
        buf_lit(&line, V ",\"streams\":[" S ",\"skipped\":{\"bot\":70000},\"quarters\":[");
        for (unsigned i = 0; i < BATCH_MAX_CELLS + over; i++)
            buf_printf(&line, "%s[%u,{\"bot\":1}]", i ? "," : "", i);
        buf_lit(&line, "]}]}");
        assert_int_equal(header_reads(buf_str(&line), &h, a, &scratch, &why), !over);
        if (over)
            assert_string_equal(why, "more than 65536 counts in \"quarters\"");
        buf_release(&line);
        buf_release(&scratch);
    }
    free(a);
}

static void test_quarter_of(void **state)
{
    assert_int_equal(quarter_of(HIT_NO_NUMBER), QUARTER_NONE);
    assert_int_equal(quarter_of(-1), QUARTER_NONE);
    assert_int_equal(quarter_of(0), 0);
    assert_int_equal(quarter_of(QUARTER_MS - 1), 0);
    assert_int_equal(quarter_of(QUARTER_MS), 1);
    assert_int_equal(quarter_of(INT64_C(253402300799999)), QUARTER_MAX);
    assert_int_equal(quarter_of(INT64_C(253402300800000)), QUARTER_NONE);
    assert_int_equal(quarter_of(INT64_MAX), QUARTER_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_header_quarters),
        cmocka_unit_test(test_header_too_many_quarters),
        cmocka_unit_test(test_quarter_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
