/*
 * test_life.c - taking records away: step by step, by site, time and kind, and nothing else; what
 * is gone can be stored again.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_batch.h"

#include "server/store_life.h"

#define MANY 12000 /* more than two steps */

/* In two batches: one holds no more than BATCH_MAX_RECORDS. */
static void put_many(const struct fixture *f, unsigned char id, int64_t first_ms)
{
    struct store_row *rows = calloc(MANY, sizeof(*rows));
    for (unsigned i = 0; i < MANY; i++) {
        rows[i].site = f->site;
        rows[i].record = (struct record){.kind = i % 4 ? RECORD_PAGEVIEW : RECORD_AI_FETCH,
                                         .at = i * 100,
                                         .line_hash = i,
                                         .time_ms = first_ms + i * 1000,
                                         .url = STR("https://example.com/p"),
                                         .path = STR("/p"),
                                         .status_code = 200,
                                         .user_agent = i % 4 ? 0 : 1,
                                         .response_ms = HIT_NO_NUMBER,
                                         .bytes_served = HIT_NO_NUMBER};
    }
    for (unsigned from = 0; from < MANY; from += MANY / 2) {
        struct batch b;
        batch_init(&b, f, (unsigned char)(id + (from ? 128 : 0)));
        b.job.rows = rows + from;
        b.job.n_rows = MANY / 2;
        b.streams[0].from = 100 * from;
        b.streams[0].to = 100 * (from + MANY / 2);
        assert_int_equal(fixture_run(f->store, &b.job).result, STORE_OK);
    }
    free(rows);
}

static void put_event(const struct fixture *f, int64_t at_ms)
{
    struct store_event event = {.site = f->site,
                                .time_ms = at_ms,
                                .name = STR("signup"),
                                .properties = STR("{}"),
                                .visitor_ip = STR("192.0.2.1"),
                                .user_agent = STR("Firefox")};
    struct store_job job = {.kind = STORE_EVENT, .event = &event};
    assert_int_equal(fixture_run(f->store, &job).result, STORE_OK);
}

static int one_step(struct store_session *session, void *arg)
{
    return session_purge_step(session, arg) == ADMIN_OK ? 0 : -1;
}

/* All steps. How many rows went; how many steps it took, in *steps. */
static uint64_t purge(const struct fixture *f, struct purge *p, unsigned *steps)
{
    uint64_t deleted = 0;
    p->next = 0;
    for (*steps = 0; p->next >= 0; ++*steps) {
        assert_true(*steps < 100);
        assert_int_equal(fixture_call(f->store, one_step, p), 0);
        assert_true(p->deleted <= PURGE_STEP_ROWS);
        deleted += p->deleted;
    }
    return deleted;
}

static void in_steps(void **state)
{
    struct fixture *f = *state;
    unsigned steps;
    put_many(f, 1, NOON);
    put_event(f, NOON);
    put_event(f, NOON + 1);
    /* An hour of pageviews: 3,600 records, three of four of them. */
    struct purge p = {
        .site = f->site, .from_ms = NOON, .to_ms = NOON + 3600 * 1000, .kinds = PURGE_PAGEVIEWS};
    assert_int_equal(purge(f, &p, &steps), 2700);
    assert_int_equal(number(f, "SELECT count(*) FROM records"), MANY - 2700);
    assert_int_equal(number(f, "SELECT count(*) FROM records WHERE kind = 1"), MANY / 4);
    assert_int_equal(number(f, "SELECT count(*) FROM events"), 2);
    p.kinds = PURGE_EVENTS;
    p.to_ms = NOON + 1;
    assert_int_equal(purge(f, &p, &steps), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM events"), 1);
    /* Nothing of what is kept is a duplicate less, nothing that went is one more. */
    struct purge all = {.site = f->site,
                        .from_ms = INT64_MIN,
                        .to_ms = INT64_MAX,
                        .kinds = PURGE_PAGEVIEWS | PURGE_AI_FETCHES | PURGE_EVENTS};
    assert_int_equal(purge(f, &all, &steps), MANY - 2700 + 1);
    assert_true(steps >= 3);
    assert_int_equal(number(f, "SELECT count(*) FROM records"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM lanes"), 0);
    put_many(f, 2, NOON);
    assert_int_equal(number(f, "SELECT count(*) FROM records"), MANY);
    assert_int_equal(purge(f, &all, &steps), MANY);
}

static void partly_stored_again(void **state)
{
    struct fixture *f = *state;
    unsigned steps;
    put_many(f, 1, NOON);
    struct purge p = {.site = f->site,
                      .from_ms = INT64_MIN,
                      .to_ms = NOON + 100 * 1000,
                      .kinds = PURGE_PAGEVIEWS | PURGE_AI_FETCHES};
    assert_int_equal(purge(f, &p, &steps), 100);
    struct batch b;
    batch_init(&b, f, 2);
    add_row(&b, f->site, 0, 0, 0);
    add_row(&b, f->site, 0, 9900, 99);
    add_row(&b, f->site, 0, 10000, 100); /* still there */
    struct outcome done = fixture_run(f->store, &b.job);
    assert_int_equal(done.stored, 2);
    assert_int_equal(done.duplicate, 1);
}

/* A line beside another one at its place, and what only browsers tell: both go with the record. */
static void with_all_that_belongs_to_it(void **state)
{
    struct fixture *f = *state;
    static const struct store_browser browser = {.viewport_width = 800};
    struct batch b;
    unsigned steps;
    batch_init(&b, f, 1);
    add_row(&b, f->site, 0, 0, 1);
    b.rows[0].browser = &browser;
    add_row(&b, f->site, 0, 0, 2);
    add_row(&b, f->second, 0, 0, 3);
    assert_int_equal(fixture_run(f->store, &b.job).stored, 3);
    assert_int_equal(number(f, "SELECT count(*) FROM odd"), 1);
    struct purge p = {
        .site = f->site, .from_ms = INT64_MIN, .to_ms = INT64_MAX, .kinds = PURGE_PAGEVIEWS};
    assert_int_equal(purge(f, &p, &steps), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM odd"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM page_extras"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM records"), 1); /* the other site's */
    assert_int_equal(number(f, "SELECT count(*) FROM lanes"), 1);
    b.job.batch_id[0] = 2;
    struct outcome done = fixture_run(f->store, &b.job);
    assert_int_equal(done.stored, 2);
    assert_int_equal(done.duplicate, 1);
}

static void counted_before(void **state)
{
    struct fixture *f = *state;
    uint64_t counts[3];
    put_many(f, 1, NOON);
    put_event(f, NOON);
    struct purge p = {.site = f->site, .from_ms = NOON, .to_ms = NOON + 8000 * 1000};
    struct store_reader *reader = fixture_reader(f);
    assert_int_equal(store_reader_count(reader, &p, counts), 0);
    assert_int_equal(counts[0], 6000);
    assert_int_equal(counts[1], 2000);
    assert_int_equal(counts[2], 1);
    p.site = f->second;
    assert_int_equal(store_reader_count(reader, &p, counts), 0);
    assert_int_equal(counts[0] + counts[1] + counts[2], 0);
    store_reader_close(reader);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(in_steps), T(partly_stored_again),
                                       T(with_all_that_belongs_to_it), T(counted_before)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
