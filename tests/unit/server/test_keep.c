/*
 * test_keep.c - what the store forgets, and when: batch ids, day keys, records over their
 * retention, removed sites, the audit log; and intervals, which become few.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_fixture.h"

#include <sqlite3.h>

#include "parsers/base/time.h"
#include "server/store_admin.h"
#include "server/store_engine.h"

#define START (INT64_C(20000) * DAY_MS + DAY_MS / 2)

struct kept {
    char dir[64], path[96];
    struct engine *engine;
    int64_t team, short_site, long_site;
};

static int add_sites(struct store_session *session, void *arg)
{
    struct kept *k = arg;
    struct new_site first = {.domain = STR("short.example"), .retention_days = 10};
    struct new_site second = {.domain = STR("long.example")};
    assert_int_equal(session_add_team(session, STR("t"), &k->team), ADMIN_OK);
    first.team = second.team = k->team;
    assert_int_equal(session_add_site(session, &first, &k->short_site), ADMIN_OK);
    assert_int_equal(session_add_site(session, &second, &k->long_site), ADMIN_OK);
    return 0;
}

static void run_at(struct kept *k, int64_t now_ms, struct store_job *job)
{
    assert_int_equal(engine_begin(k->engine, now_ms), ENGINE_OK);
    assert_int_equal(engine_run(k->engine, job), ENGINE_OK);
    assert_int_equal(job->result, STORE_OK);
    assert_int_equal(engine_commit(k->engine), ENGINE_OK);
    buf_release(&job->answer);
}

static int setup(void **state)
{
    struct kept *k = calloc(1, sizeof(*k));
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 1000);
    snprintf(k->dir, sizeof(k->dir), "/tmp/logferry-keep-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    snprintf(k->path, sizeof(k->path), "%s/logferry.db", k->dir);
    k->engine = engine_open(k->dir, true, &error, &failure);
    assert_non_null(k->engine);
    struct store_job job = {.kind = STORE_CALL, .call = add_sites, .call_arg = k};
    run_at(k, START, &job);
    *state = k;
    return 0;
}

static int teardown(void **state)
{
    struct kept *k = *state;
    engine_close(k->engine);
    assert_int_equal(unlink(k->path), 0);
    assert_int_equal(rmdir(k->dir), 0);
    free(k);
    return 0;
}

/* Six pageviews of one stream on each site, one a day from `first_ms` on. */
static void put_batch(struct kept *k, unsigned char id, int64_t first_ms)
{
    static const struct store_browser browser = {.viewport_width = 1280};
    struct store_row rows[12] = {0};
    struct batch_stream stream = {.to = 1000};
    struct store_job job = {.kind = STORE_BATCH,
                            .team = k->team,
                            .batch_id = {id},
                            .node = STR("n"),
                            .streams = &stream,
                            .n_streams = 1,
                            .rows = rows,
                            .n_rows = 12};
    memset(stream.id.b, id, sizeof(stream.id.b));
    for (int i = 0; i < 12; i++) {
        rows[i].site = i < 6 ? k->short_site : k->long_site;
        rows[i].browser = &browser;
        rows[i].record = (struct record){.at = (uint64_t)i * 10,
                                         .user_agent = -1,
                                         .user_agent_text = STR("u"),
                                         .url = STR("https://short.example/"),
                                         .visitor_ip = STR("192.0.2.1"),
                                         .time_ms = first_ms + i % 6 * DAY_MS};
    }
    run_at(k, START, &job);
}

static int64_t number(const struct kept *k, const char *query)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_open_v2(k->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return value;
}

static void keep(struct kept *k, int64_t now_ms)
{
    int rounds = 0;
    while (engine_housekeep(k->engine, now_ms))
        assert_true(++rounds < 100);
}

static void test_batches_and_keys(void **state)
{
    struct kept *k = *state;
    put_batch(k, 1, START);
    assert_int_equal(number(k, "SELECT count(*) FROM day_keys"), 6);
    keep(k, START + DAY_MS);
    assert_int_equal(number(k, "SELECT count(*) FROM day_keys"), 6);
    keep(k, START + 2 * DAY_MS + 1);
    assert_int_equal(number(k, "SELECT count(*) FROM day_keys"), 0);
    keep(k, START + STORE_BATCH_KEEP_DAYS * DAY_MS);
    assert_int_equal(number(k, "SELECT count(*) FROM batches"), 1);
    keep(k, START + 40 * DAY_MS);
    assert_int_equal(number(k, "SELECT count(*) FROM batches"), 0);
    /* What became of its records is remembered. */
    assert_int_equal(number(k, "SELECT sum(stored) FROM tallies"), 12);
}

static void test_visitor_of_a_forgotten_key_is_new(void **state)
{
    struct kept *k = *state;
    put_batch(k, 1, START);
    put_batch(k, 2, START);
    assert_int_equal(number(k, "SELECT count(DISTINCT visitor) FROM records"), 12);
    keep(k, START + 3 * DAY_MS);
    put_batch(k, 3, START);
    assert_int_equal(number(k, "SELECT count(DISTINCT visitor) FROM records"), 24);
}

static void test_retention(void **state)
{
    struct kept *k = *state;
    int64_t today = START + 12 * DAY_MS;
    put_batch(k, 1, START);                /* days 0 to 5; of 10 days the first two are over */
    put_batch(k, 2, START - 100 * DAY_MS); /* all over */
    keep(k, today);
    assert_int_equal(number(k, "SELECT count(*) FROM records, lanes, sites WHERE lanes.id ="
                               " records.id >> 24 AND sites.id = site AND retention_days = 10"),
                     4);
    assert_int_equal(number(k, "SELECT count(*) FROM lanes"), 3);
    assert_int_equal(number(k, "SELECT count(*) FROM records"), 16);
    assert_int_equal(number(k, "SELECT count(*) FROM page_extras"), 16);
    assert_false(engine_housekeep(k->engine, today));
}

static int remove_long_site(struct store_session *session, void *arg)
{
    struct kept *k = arg;
    assert_int_equal(session_remove_site(session, k->long_site), ADMIN_OK);
    return 0;
}

/* Rows, their columns, what was beside them; and of the other site nothing. */
static void test_a_removed_site_leaves_nothing(void **state)
{
    struct kept *k = *state;
    int64_t later = START + DAY_MS; /* what is quiet is packed */
    struct store_event event = {.site = k->long_site,
                                .time_ms = START,
                                .name = STR("gone"),
                                .properties = STR("{}"),
                                .visitor_ip = STR("192.0.2.1"),
                                .user_agent = STR("u")};
    struct store_job said = {.kind = STORE_EVENT, .event = &event};
    struct store_job job = {.kind = STORE_CALL, .call = remove_long_site, .call_arg = k};
    put_batch(k, 1, START);
    run_at(k, START, &said);
    while (engine_pack(k->engine, later)) {
    }
    assert_int_equal(number(k, "SELECT count(*) FROM records"), 12);
    assert_int_equal(number(k, "SELECT count(DISTINCT id >> 8) FROM columns"), 2);
    assert_int_equal(number(k, "SELECT count(*) FROM events"), 1);
    run_at(k, later, &job);
    keep(k, later);
    assert_int_equal(number(k, "SELECT count(*) FROM records"), 6);
    assert_int_equal(number(k, "SELECT count(*) FROM page_extras"), 6);
    assert_int_equal(number(k, "SELECT count(*) FROM lanes"), 1);
    assert_int_equal(number(k, "SELECT count(*) FROM lanes WHERE site = 1"), 1);
    assert_int_equal(number(k, "SELECT count(*) FROM columns"), 1);
    assert_int_equal(number(k, "SELECT sum(n) FROM columns, lanes WHERE lanes.id = columns.id >> 8"
                               " AND site = 1"),
                     6);
    assert_int_equal(number(k, "SELECT count(*) FROM events"), 0);
    assert_int_equal(number(k, "SELECT count(*) FROM site_hosts"), 1);
    assert_int_equal(number(k, "SELECT count(*) FROM sites WHERE domain LIKE 'long%'"), 0);
}

/* For AUDIT_KEEP_DAYS to the millisecond; what is younger stays. */
static void test_the_audit_log_ages(void **state)
{
    struct kept *k = *state;
    struct store_job job = {.kind = STORE_CALL, .call = remove_long_site, .call_arg = k};
    int64_t last = START + AUDIT_KEEP_DAYS * DAY_MS;
    run_at(k, START + 1, &job);
    keep(k, last);
    assert_int_equal(number(k, "SELECT count(*) FROM audit"), 4);
    keep(k, last + 1);
    assert_int_equal(number(k, "SELECT count(*) FROM audit"), 1);
    assert_int_equal(number(k, "SELECT count(*) FROM audit WHERE action = 'site.deleted'"), 1);
    keep(k, last + 2);
    assert_int_equal(number(k, "SELECT count(*) FROM audit"), 0);
}

/* ---- what agents said of their lines ---------------------------------------------------------
 */

/* Interval i of a stream, [100 * i, 100 * (i + 1)), of `lines` lines: one record, or all skipped
 * when i is even. `fate`: what became of the record. */
static void put_interval(struct kept *k, unsigned i, uint32_t lines, enum store_fate fate)
{
    static unsigned serial = 1;
    struct store_row row = {.site = k->long_site};
    struct store_left left = {.site = k->long_site, .time_ms = START, .fate = fate};
    struct batch_cell cell = {(uint32_t)(START / QUARTER_MS) + i % 2, REASON_ASSET, lines};
    struct batch_stream stream = {
        .from = i * 100, .to = i * 100 + 100, .lines = lines, .name = STR("access.log")};
    struct store_job job = {.kind = STORE_BATCH,
                            .team = k->team,
                            .batch_id = {(unsigned char)serial, (unsigned char)(serial >> 8)},
                            .node = STR("n"),
                            .streams = &stream,
                            .n_streams = 1,
                            .cells = &cell,
                            .rows = &row,
                            .left = &left};
    serial++;
    memset(stream.id.b, 7, sizeof(stream.id.b));
    row.record = (struct record){.at = i * 100,
                                 .user_agent = -1,
                                 .user_agent_text = STR("u"),
                                 .url = STR("https://long.example/"),
                                 .visitor_ip = STR("192.0.2.1"),
                                 .time_ms = START + i * INT64_C(1000)};
    if (i % 2 == 0) {
        stream.skipped[REASON_ASSET] = lines;
        stream.n_cells = 1;
    } else {
        stream.records = 1;
        job.n_rows = fate == FATE_STORED;
        job.n_left = fate != FATE_STORED;
    }
    run_at(k, START + i * INT64_C(1000), &job);
}

static int64_t intervals(const struct kept *k)
{
    return number(k, "SELECT count(*) FROM intervals");
}

/* The figures of all that lie there, in one number for each. */
struct books {
    int64_t lines, records, skipped, skipped_at, records_at, first, last, holes;
};

static struct books read_books(const struct kept *k)
{
    return (struct books){
        number(k, "SELECT sum(lines) FROM intervals"),
        number(k, "SELECT sum(records) FROM intervals"),
        number(k, "SELECT sum(j.value) FROM intervals, json_each(skipped) j"),
        number(k, "SELECT sum((v ->> 0) * (v ->> 2) + length(v ->> 1) * (v ->> 2)) FROM"
                  " (SELECT j.value AS v FROM intervals, json_each(skipped_at) j)"),
        number(k, "SELECT sum((v ->> 0) * (v ->> 3) + (v ->> 1) * 7 * (v ->> 3)) FROM"
                  " (SELECT j.value AS v FROM intervals, json_each(records_at) j)"),
        number(k, "SELECT min(first_quarter) FROM intervals"),
        number(k, "SELECT max(last_quarter) FROM intervals"),
        number(k, "SELECT sum(\"to\" - \"from\") FROM intervals")};
}

static void test_a_trickle_becomes_few_intervals(void **state)
{
    struct kept *k = *state;
    for (unsigned i = 0; i < 600; i++)
        put_interval(k, i, 1, FATE_STORED);
    struct books before = read_books(k), after;
    keep(k, START + DAY_MS); /* they may still be changed */
    assert_int_equal(intervals(k), 600);
    keep(k, START + 4 * DAY_MS);
    assert_int_equal(intervals(k), 1);
    after = read_books(k);
    assert_memory_equal(&before, &after, sizeof(after));
    assert_int_equal(number(k, "SELECT count(*) FROM intervals WHERE name = 'access.log' AND"
                               " job IS NULL AND \"from\" = 0 AND \"to\" = 60000"),
                     1);
}

static void test_what_stays_an_interval(void **state)
{
    struct kept *k = *state;
    for (unsigned i = 0; i < 20; i++)
        put_interval(k, i, 1, i == 7 ? FATE_REFUSED : FATE_STORED);
    put_interval(k, 21, 1, FATE_STORED); /* behind a gap */
    put_interval(k, 23, 5, FATE_STORED); /* four of its records have not been told yet */
    put_interval(k, 24, 1, FATE_STORED);
    put_interval(k, 26, 6000, FATE_STORED); /* together they would be too large */
    put_interval(k, 27, 1, FATE_STORED);
    put_interval(k, 28, 6000, FATE_STORED);
    struct books before = read_books(k), after;
    keep(k, START + 4 * DAY_MS);
    /* [0, 7) 7 [8, 20) 21 23 24 [26, 28) 28 */
    assert_int_equal(intervals(k), 8);
    after = read_books(k);
    assert_memory_equal(&before, &after, sizeof(after));
    put_interval(k, 7, 1, FATE_STORED);
    keep(k, START + 5 * DAY_MS);
    assert_int_equal(intervals(k), 8); /* it came just now, and is behind the cursor */
    assert_int_equal(number(k, "SELECT count(*) FROM intervals WHERE records_at LIKE '%refused%'"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_batches_and_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_visitor_of_a_forgotten_key_is_new, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_removed_site_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_audit_log_ages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_trickle_becomes_few_intervals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_stays_an_interval, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
