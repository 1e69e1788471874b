/*
 * test_ledger.c - what agents say about their lines: every byte of a stream counts once, whatever
 * is reported again, in parts, or by an agent that knows more reasons than we do.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_batch.h"

#include "server/report.h"

struct said {
    int64_t from, to, lines;
};

/* One batch that reports these intervals of stream 0. */
static void report_one(struct fixture *f, unsigned char id, struct said said)
{
    struct batch b;
    batch_init(&b, f, id);
    b.job.n_streams = 1;
    b.streams[0] = (struct batch_stream){.id = b.streams[0].id,
                                         .from = (uint64_t)said.from,
                                         .to = (uint64_t)said.to,
                                         .lines = (uint64_t)said.lines};
    b.streams[0].skipped[REASON_ASSET] = (uint32_t)said.lines;
    assert_int_equal(fixture_run(f->store, &b.job).result, STORE_OK);
}

static void on_node(void *arg, const struct read_node *node)
{
    *(struct read_node *)arg = *node;
}

static struct read_node read_ledger(const struct fixture *f)
{
    struct read_node node = {0};
    struct store_reader *reader = fixture_reader(f);
    assert_int_equal(store_reader_nodes(reader, 0, on_node, &node), 0);
    store_reader_close(reader);
    return node;
}

static void expect_ledger(const struct fixture *f, const char *text_part, const char *json_part)
{
    struct store_reader *reader = fixture_reader(f);
    struct buf out;
    buf_init(&out, 100000);
    assert_int_equal(ledger_put_text(reader, 0, &out), 0);
    if (!strstr(buf_cstr(&out), text_part))
        fail_msg("no \"%s\" in:\n%s", text_part, buf_cstr(&out));
    buf_reset(&out);
    assert_int_equal(ledger_put_json(reader, 0, &out), 0);
    if (!strstr(buf_cstr(&out), json_part))
        fail_msg("no \"%s\" in:\n%s", json_part, buf_cstr(&out));
    buf_release(&out);
    store_reader_close(reader);
}

static void test_each_byte_counts_once(void **state)
{
    static const struct {
        const char *name;
        struct said said[6]; /* until lines is 0 */
        int64_t lines, overlapping, bytes;
    } cases[] = {
        {"side by side", {{0, 100, 10}, {100, 200, 7}}, 17, 0, 0},
        {"the same bounds again", {{0, 100, 10}, {0, 100, 11}}, 11, 0, 0},
        {"the new one covers the old", {{0, 50, 5}, {0, 100, 10}}, 10, 0, 0},
        {"it covers two, and a third one stays",
         {{0, 50, 5}, {50, 90, 4}, {90, 100, 1}, {0, 90, 8}},
         9,
         0,
         0},
        {"a crash: partly the same", {{0, 100, 10}, {50, 200, 15}}, 25, 1, 50},
        {"inside an old one", {{0, 100, 10}, {20, 40, 2}}, 12, 1, 20},
        {"inside, and then the rest", {{0, 100, 10}, {0, 40, 4}, {40, 120, 9}}, 13, 0, 0},
        {"other cuts",
         {{0, 100, 10}, {100, 200, 10}, {0, 90, 9}, {90, 180, 9}, {180, 270, 9}},
         27,
         0,
         0},
        {"other cuts, last one first",
         {{0, 100, 10}, {100, 200, 10}, {180, 270, 9}, {90, 180, 9}, {0, 90, 9}},
         27,
         0,
         0},
        {"other cuts, one still to come",
         {{0, 100, 10}, {100, 200, 10}, {0, 90, 9}, {90, 180, 9}},
         28,
         1,
         80},
        {"an interval that is empty", {{100, 100, 1}, {0, 100, 10}}, 11, 0, 0},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char id = 0;
        for (size_t k = 0; k < 6 && cases[i].said[k].lines; k++)
            report_one(f, ++id, cases[i].said[k]);
        struct read_node node = read_ledger(f);
        if (node.lines != cases[i].lines || node.overlapping != cases[i].overlapping ||
            node.overlapping_bytes != cases[i].bytes ||
            node.skipped.by_reason[REASON_ASSET] != cases[i].lines)
            fail_msg("%s: %d lines, %d overlapping by %d", cases[i].name, (int)node.lines,
                     (int)node.overlapping, (int)node.overlapping_bytes);
        fixture_teardown(state);
        fixture_setup(state);
        f = *state;
    }
}

static void test_overlap_is_told(void **state)
{
    struct fixture *f = *state;
    report_one(f, 1, (struct said){0, 100, 10});
    expect_ledger(f, "every line accounted for\n", "\"overlapping_intervals\":0");
    report_one(f, 2, (struct said){50, 200, 15});
    expect_ledger(f,
                  "  1 interval overlaps another: lines, records and skipped are counted at most; "
                  "50 bytes of log may count twice\n",
                  "\"overlapping_intervals\":1,\"overlapping_bytes\":50,");
    report_one(f, 3, (struct said){150, 300, 15});
    expect_ledger(f, "  2 intervals overlap others:", "\"overlapping_bytes\":100,");
}

/* Overlaps are a matter of one stream of one node of one team. */
static void test_others_overlap_nothing(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    for (unsigned char id = 1; id <= 4; id++) {
        batch_init(&b, f, id);
        b.job.n_streams = 1;
        b.streams[0].from = id;
        b.streams[0].to = 1000u + id;
        if (id == 2)
            memset(b.streams[0].id.b, 0x22, 16);
        if (id == 3)
            b.job.node = STR("web-2");
        if (id == 4)
            b.job.team = f->other_team;
        assert_int_equal(fixture_run(f->store, &b.job).result, STORE_OK);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM intervals"), 4);
    expect_ledger(f, "web-2", "\"rejected\":0,\"overlapping_intervals\":0,");
}

static void test_unknown_reasons_are_kept(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f, 1);
    b.job.n_streams = 1;
    b.streams[0].skipped_other = 2;
    assert_int_equal(fixture_run(f->store, &b.job).result, STORE_OK);
    expect_text(f, "SELECT skipped FROM intervals", "{\"asset\":18,\"other\":2}");
    assert_int_equal(read_ledger(f).skipped.other, 2);
    expect_ledger(f, "    other                     2\n  every line accounted for\n",
                  "\"other\":2}");
}

static void test_only_unknown_reasons(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f, 1);
    b.job.n_streams = 1;
    b.streams[0].skipped[REASON_ASSET] = 0;
    b.streams[0].skipped_other = UINT32_MAX;
    assert_int_equal(fixture_run(f->store, &b.job).result, STORE_OK);
    expect_text(f, "SELECT skipped FROM intervals", "{\"other\":4294967295}");
}

/* A part of a batch: its stream says no lines, for the first part has said them. */
static void send_part(struct fixture *f, unsigned char id, uint64_t lines, uint64_t records)
{
    struct batch b;
    batch_init(&b, f, id);
    b.job.n_streams = 1;
    b.streams[0].lines = lines;
    b.streams[0].records = records;
    b.streams[0].skipped[REASON_ASSET] = lines ? 18 : 0;
    add_row(&b, f->site, 0, id * 10u, 1);
    assert_int_equal(fixture_run(f->store, &b.job).stored, 1);
}

static void test_parts_are_no_intervals(void **state)
{
    struct fixture *f = *state;
    send_part(f, 1, 0, 1);
    assert_int_equal(number(f, "SELECT count(*) FROM intervals"), 0);
    send_part(f, 2, 20, 1); /* half of a split batch: 20 lines, 18 skipped, 2 records in all */
    send_part(f, 3, 0, 1);  /* the other half */
    assert_int_equal(number(f, "SELECT count(*) FROM intervals"), 1);
    assert_int_equal(number(f, "SELECT lines FROM intervals"), 20);
    assert_int_equal(number(f, "SELECT records FROM intervals"), 2);
    expect_text(f, "SELECT skipped FROM intervals", "{\"asset\":18}");
    expect_ledger(f, "every line accounted for\n", "\"records\":2,");
    send_part(f, 4, 0, 1); /* parked before: the lines and the record were told long ago */
    assert_int_equal(number(f, "SELECT records FROM intervals"), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_each_byte_counts_once),  T(test_overlap_is_told),
        T(test_others_overlap_nothing), T(test_unknown_reasons_are_kept),
        T(test_only_unknown_reasons),   T(test_parts_are_no_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
