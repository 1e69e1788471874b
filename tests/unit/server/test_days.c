/*
 * test_days.c - the ledger of a day: lines by their own times, whatever is sent again, in parts, or
 * by an agent that tells no times.
 */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "tests/unit/server/store_batch.h"

#include "server/report.h"

#define Q0 (NOON / QUARTER_MS)
#define FROM_MS (NOON - DAY_MS / 2)
#define THE_DAY FROM_MS, FROM_MS + DAY_MS

/* A batch of one stream, [0, 1000) unless told otherwise, that says when its skipped lines were. */
struct timed {
    struct batch b;
    struct batch_cell cells[8];
    struct store_left left[8];
};

static void timed_init(struct timed *t, const struct fixture *f, unsigned char id)
{
    batch_init(&t->b, f, id);
    t->b.job.n_streams = 1;
    t->b.job.cells = t->cells;
    t->b.job.left = t->left;
    t->b.streams[0].lines = 0;
    t->b.streams[0].skipped[REASON_ASSET] = 0;
}

/* n skipped lines; quarter -1: without a time. */
static void skip_lines(struct timed *t, enum reason reason, int64_t quarter, uint32_t n)
{
    struct batch_stream *s = &t->b.streams[0];
    s->lines += n;
    s->skipped[reason] += n;
    if (quarter >= 0)
        t->cells[s->n_cells++] = (struct batch_cell){(uint32_t)quarter, (uint32_t)reason, n};
}

static void page(struct timed *t, int64_t site, uint64_t at, int64_t time_ms)
{
    add_row(&t->b, site, 0, at, 1)->time_ms = time_ms;
    t->b.streams[0].records++;
    t->b.streams[0].lines++;
}

static void leave(struct timed *t, enum store_fate fate, int64_t site, int64_t time_ms)
{
    t->left[t->b.job.n_left++] =
        (struct store_left){.site = site, .time_ms = time_ms, .fate = fate};
    t->b.streams[0].records++;
    t->b.streams[0].lines++;
}

static struct outcome send_batch(struct fixture *f, struct timed *t)
{
    struct outcome o = fixture_run(f->store, &t->b.job);
    assert_true(o.result == STORE_OK || o.result == STORE_REPLAYED);
    return o;
}

/* Reports no lines: a part whose first part has told them. */
static void send_part(struct fixture *f, struct timed *t)
{
    t->b.streams[0].lines = 0;
    send_batch(f, t);
}

struct seen {
    struct read_day days[4];
    char names[4][32];
    size_t n;
    int64_t uncounted;
};

static void on_node(void *arg, const struct read_day *day)
{
    struct seen *seen = arg;
    assert_true(seen->n < 4);
    snprintf(seen->names[seen->n], sizeof(seen->names[0]), "%.*s/%.*s", STR_ARGS(day->team),
             STR_ARGS(day->name));
    seen->days[seen->n++] = *day;
}

static struct seen look(const struct fixture *f, int64_t site, int64_t from_ms, int64_t to_ms)
{
    struct seen seen = {.n = 0};
    const struct day_filter filter = {site, from_ms, to_ms};
    struct store_reader *reader = fixture_reader(f);
    assert_int_equal(store_reader_day(reader, &filter, on_node, &seen, &seen.uncounted), 0);
    store_reader_close(reader);
    return seen;
}

/* Of the one node that there is. */
static struct read_day look_one(const struct fixture *f, int64_t from_ms, int64_t to_ms)
{
    struct seen seen = look(f, f->site, from_ms, to_ms);
    assert_int_equal(seen.n, 1);
    return seen.days[0];
}

static void test_borders(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    timed_init(&t, f, 1);
    skip_lines(&t, REASON_ASSET, Q0 - 49, 1); /* the last one of the day before */
    skip_lines(&t, REASON_ASSET, Q0 - 48, 2);
    skip_lines(&t, REASON_BOT, Q0 + 47, 4);
    skip_lines(&t, REASON_ASSET, Q0 + 48, 8);
    page(&t, f->site, 10, FROM_MS - 1);
    page(&t, f->site, 20, FROM_MS);
    page(&t, f->site, 30, FROM_MS + DAY_MS - 1);
    page(&t, f->site, 40, FROM_MS + DAY_MS);
    send_batch(f, &t);
    struct read_day day = look_one(f, THE_DAY);
    assert_int_equal(day.skipped.by_reason[REASON_ASSET], 2);
    assert_int_equal(day.skipped.by_reason[REASON_BOT], 4);
    assert_int_equal(read_skips_sum(&day.skipped), 6);
    assert_int_equal(day.records[FATE_STORED], 2);
    assert_int_equal(read_skips_sum(&day.untimed), 0);
    assert_int_equal(day.unaccounted, 0);
    /* A zone that is three quarters of an hour off. */
    day = look_one(f, FROM_MS - 3 * QUARTER_MS, FROM_MS + DAY_MS - 3 * QUARTER_MS);
    assert_int_equal(day.skipped.by_reason[REASON_ASSET], 3);
    assert_int_equal(day.skipped.by_reason[REASON_BOT], 0);
    assert_int_equal(day.records[FATE_STORED], 2);
    /* All days together are all lines. */
    day = look_one(f, FROM_MS - DAY_MS, FROM_MS + 2 * DAY_MS);
    assert_int_equal(read_skips_sum(&day.skipped) + day.records[FATE_STORED], 19);
    assert_int_equal(look(f, f->site, FROM_MS + 5 * DAY_MS, FROM_MS + 6 * DAY_MS).n, 0);
    assert_int_equal(look(f, f->second, THE_DAY).n, 0);
}

static void fill_usual(struct timed *t, struct fixture *f, unsigned char id)
{
    timed_init(t, f, id);
    skip_lines(t, REASON_ASSET, Q0, 5);
    page(t, f->site, 10, NOON);
    page(t, f->site, 20, NOON);
}

static void test_a_batch_twice(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    fill_usual(&t, f, 1);
    send_batch(f, &t);
    fill_usual(&t, f, 1);
    assert_int_equal(send_batch(f, &t).result, STORE_REPLAYED);
    struct read_day day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_STORED], 2);
    assert_int_equal(day.records[FATE_TWICE], 0);
    assert_int_equal(read_skips_sum(&day.skipped), 5);
    fill_usual(&t, f, 2); /* the same lines in another batch: it replaces what was told */
    send_batch(f, &t);
    day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_STORED], 0);
    assert_int_equal(day.records[FATE_TWICE], 2);
    assert_int_equal(read_skips_sum(&day.skipped), 5);
    /* A larger one that covers it; its lines are of another day. */
    timed_init(&t, f, 3);
    t.b.streams[0].to = 2000;
    skip_lines(&t, REASON_BOT, Q0 + 96, 9);
    page(&t, f->site, 10, NOON + DAY_MS);
    send_batch(f, &t);
    assert_int_equal(look(f, f->site, THE_DAY).n, 0);
    day = look_one(f, FROM_MS + DAY_MS, FROM_MS + 2 * DAY_MS);
    assert_int_equal(read_skips_sum(&day.skipped), 9);
}

static void test_halves(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    for (unsigned char second = 0; second < 2; second++) {
        timed_init(&t, f, (unsigned char)(second + 1));
        page(&t, f->site, 10 + 20u * second, NOON + second * DAY_MS);
        skip_lines(&t, REASON_ASSET, Q0, second ? 0 : 5);
        if (second)
            send_part(f, &t);
        t.b.streams[0].lines++; /* the other half's */
        if (!second)
            send_batch(f, &t);
    }
    struct read_day day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_STORED], 1);
    assert_int_equal(read_skips_sum(&day.skipped), 5);
    assert_int_equal(day.unaccounted, 0);
    day = look_one(f, FROM_MS + DAY_MS, FROM_MS + 2 * DAY_MS);
    assert_int_equal(day.records[FATE_STORED], 1);
    assert_int_equal(read_skips_sum(&day.skipped), 0);
}

/* Until the second half is there, its lines are told as such. */
static void test_a_half_is_missing(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    timed_init(&t, f, 1);
    skip_lines(&t, REASON_ASSET, Q0, 5);
    page(&t, f->site, 10, NOON);
    t.b.streams[0].lines += 3;
    send_batch(f, &t);
    assert_int_equal(look_one(f, THE_DAY).unaccounted, 3);
}

/* Refused records that are parked and come again: each is told by what became of it last. */
static void test_parked(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    timed_init(&t, f, 1);
    leave(&t, FATE_REFUSED, f->site, NOON);
    leave(&t, FATE_REFUSED, f->site, NOON);
    leave(&t, FATE_REFUSED, 0, NOON); /* the site is added later */
    leave(&t, FATE_REFUSED, 0, NOON);
    send_batch(f, &t);
    struct read_day day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_REFUSED], 2);
    assert_int_equal(day.of_nobody, 2);
    timed_init(&t, f, 2); /* refused again */
    leave(&t, FATE_REFUSED, f->site, NOON);
    send_part(f, &t);
    day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_REFUSED], 2);
    assert_int_equal(day.of_nobody, 2);
    timed_init(&t, f, 3);
    page(&t, f->site, 10, NOON);
    page(&t, f->site, 20, NOON);
    leave(&t, FATE_REFUSED, 0, NOON);
    send_part(f, &t);
    day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_STORED], 2);
    assert_int_equal(day.records[FATE_REFUSED], 0);
    assert_int_equal(day.of_nobody, 2);
    timed_init(&t, f, 4);
    page(&t, f->site, 40, NOON);
    leave(&t, FATE_LATE, f->site, NOON);
    send_part(f, &t);
    day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_STORED], 3);
    assert_int_equal(day.records[FATE_LATE], 1);
    assert_int_equal(day.of_nobody, 0);
    assert_int_equal(day.unaccounted, 0);
    timed_init(&t, f, 5); /* once more, under yet another id: nothing is told again */
    page(&t, f->site, 10, NOON);
    page(&t, f->site, 50, NOON);
    send_part(f, &t);
    day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_STORED], 3);
    assert_int_equal(day.records[FATE_TWICE], 0);
}

static void test_whose(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    timed_init(&t, f, 1);
    page(&t, f->site, 10, NOON);
    page(&t, f->second, 20, NOON);
    page(&t, f->second, 30, NOON);
    leave(&t, FATE_EXCLUDED, f->site, NOON);
    leave(&t, FATE_LATE, f->site, NOON);
    leave(&t, FATE_REFUSED, f->foreign, NOON);
    leave(&t, FATE_REFUSED, 0, NOON);
    send_batch(f, &t);
    struct read_day day = look_one(f, THE_DAY);
    assert_int_equal(day.records[FATE_STORED], 1);
    assert_int_equal(day.records[FATE_EXCLUDED], 1);
    assert_int_equal(day.records[FATE_LATE], 1);
    assert_int_equal(day.records[FATE_REFUSED], 0);
    assert_int_equal(day.of_others, 3);
    assert_int_equal(day.of_nobody, 1);
    /* Nothing is stored of this one, and still it has something to tell. */
    struct seen seen = look(f, f->foreign, THE_DAY);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.days[0].records[FATE_REFUSED], 1);
    assert_int_equal(seen.days[0].of_others, 5);
}

static void test_without_times(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    timed_init(&t, f, 1);
    skip_lines(&t, REASON_ASSET, Q0, 5);
    skip_lines(&t, REASON_ASSET, -1, 2);
    skip_lines(&t, REASON_UNPARSABLE, -1, 3);
    t.b.streams[0].skipped_other = 4;
    t.b.streams[0].lines += 4;
    t.cells[t.b.streams[0].n_cells++] = (struct batch_cell){Q0, REASON_COUNT, 1};
    page(&t, f->site, 10, NOON);
    send_batch(f, &t);
    struct read_day day = look_one(f, THE_DAY);
    assert_int_equal(day.skipped.by_reason[REASON_ASSET], 5);
    assert_int_equal(day.skipped.other, 1);
    assert_int_equal(day.untimed.by_reason[REASON_ASSET], 2);
    assert_int_equal(day.untimed.by_reason[REASON_UNPARSABLE], 3);
    assert_int_equal(day.untimed.other, 3);
    assert_int_equal(day.unaccounted, 0);
    /* Nothing but such lines: they are told of the day on which they came. */
    timed_init(&t, f, 2);
    t.b.streams[0].from = 1000;
    t.b.streams[0].to = 2000;
    skip_lines(&t, REASON_UNPARSABLE, -1, 7);
    send_batch(f, &t);
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    day = look_one(f, now_ms - DAY_MS, now_ms + DAY_MS);
    assert_int_equal(day.untimed.by_reason[REASON_UNPARSABLE], 7);
    assert_int_equal(read_skips_sum(&day.skipped), 0);
}

/* A time that no quarter has is no time of any day. */
static void test_strange_times(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    timed_init(&t, f, 1);
    page(&t, f->site, 10, -1);
    page(&t, f->site, 20, NOON);
    send_batch(f, &t);
    assert_int_equal(look_one(f, THE_DAY).records[FATE_STORED], 1);
    expect_text(f, "SELECT records_at FROM intervals",
                "[[-1,1,\"stored\",1],[1920048,1,\"stored\",1]]");
}

static void test_gaps_and_overlaps(void **state)
{
    static const struct {
        uint64_t from, to;
        int64_t day;
    } said[] = {{0, 100, 0}, {150, 300, 0}, {290, 400, 1}, {500, 600, 1}, {700, 800, 3}};
    struct fixture *f = *state;
    struct timed t;
    for (size_t i = 0; i < COUNT_OF(said); i++) {
        timed_init(&t, f, (unsigned char)(i + 1));
        t.b.streams[0].from = said[i].from;
        t.b.streams[0].to = said[i].to;
        page(&t, f->site, said[i].from + 50, NOON + said[i].day * DAY_MS);
        send_batch(f, &t);
    }
    struct read_day day = look_one(f, THE_DAY);
    assert_int_equal(day.gaps, 1);
    assert_int_equal(day.gap_bytes, 50);
    assert_int_equal(day.overlapping, 0);
    day = look_one(f, FROM_MS + DAY_MS, FROM_MS + 2 * DAY_MS);
    assert_int_equal(day.gaps, 2); /* the second one begins behind a line of this day */
    assert_int_equal(day.gap_bytes, 200);
    assert_int_equal(day.overlapping, 1);
    assert_int_equal(day.overlapping_bytes, 10);
}

/* More different cells than are kept in sight: the same may stand again, and is added. */
static void test_many_cells(void **state)
{
    static struct store_left left[300];
    struct fixture *f = *state;
    struct timed t;
    timed_init(&t, f, 1);
    for (size_t i = 0; i < COUNT_OF(left); i++)
        left[i] = (struct store_left){.site = f->site,
                                      .time_ms = FROM_MS + (int64_t)(i % 100) * QUARTER_MS,
                                      .fate = FATE_EXCLUDED};
    t.b.job.left = left;
    t.b.job.n_left = t.b.streams[0].records = t.b.streams[0].lines = COUNT_OF(left);
    send_batch(f, &t);
    assert_int_equal(look_one(f, THE_DAY).records[FATE_EXCLUDED], 96 * 3);
}

static void test_nodes(void **state)
{
    static const char *const names[] = {"main/web-1", "main/web-2", "others/web-1"};
    struct fixture *f = *state;
    struct timed t;
    for (unsigned char i = 0; i < 3; i++) {
        fill_usual(&t, f, (unsigned char)(i + 1));
        if (i == 1)
            t.b.job.node = STR("web-2");
        if (i == 2)
            t.b.job.team = f->other_team;
        send_batch(f, &t);
    }
    struct seen seen = look(f, f->site, THE_DAY);
    assert_int_equal(seen.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(seen.names[i], names[i]);
        assert_int_equal(read_skips_sum(&seen.days[i].skipped), 5);
        assert_int_equal(seen.days[i].records[i ? FATE_TWICE : FATE_STORED], 2);
    }
}

static void expect_print(const struct fixture *f, const char *text, const char *json)
{
    struct store_reader *reader = fixture_reader(f);
    const struct day_question q = {
        {f->site, THE_DAY}, STR("example.com"), STR("UTC"), STR("2024-10-04")};
    struct buf out;
    buf_init(&out, 100000);
    assert_int_equal(day_put_text(reader, &q, &out), 0);
    assert_string_equal(buf_cstr(&out), text);
    buf_reset(&out);
    assert_int_equal(day_put_json(reader, &q, &out), 0);
    assert_string_equal(buf_cstr(&out), json);
    buf_release(&out);
    store_reader_close(reader);
}

#define HEADING                                                                                    \
    "example.com, 2024-10-04 in UTC: 2024-10-04T00:00:00.000Z to 2024-10-05T00:00:00.000Z\n"
#define QUESTION                                                                                   \
    "{\"site\":\"example.com\",\"day\":\"2024-10-04\",\"time_zone\":\"UTC\","                      \
    "\"from\":\"2024-10-04T00:00:00.000Z\",\"to\":\"2024-10-05T00:00:00.000Z\",\"in_store\":"
#define NUMBERS                                                                                    \
    "\"lines\":9,\"records\":4,\"skipped\":5,\"reasons\":{\"asset\":5},\"stored\":1,\"twice\":0,"  \
    "\"excluded\":0,\"late\":0,\"refused\":1,\"of_other_sites\":1,\"of_no_site\":1,"               \
    "\"without_time\":{\"unparsable\":2},\"elsewhere\":1,\"gaps\":1,\"gap_bytes\":50,"             \
    "\"overlapping_intervals\":0,\"overlapping_bytes\":0"

static void test_print(void **state)
{
    struct fixture *f = *state;
    struct timed t;
    expect_print(f,
                 HEADING "in the store: pageviews 0, AI fetches 0\n"
                         "no agent has told of lines of this day\n",
                 QUESTION "{\"pageviews\":0,\"ai_fetches\":0},\"lines\":0,\"records\":0,"
                          "\"skipped\":0,\"reasons\":{},\"stored\":0,\"twice\":0,\"excluded\":0,"
                          "\"late\":0,\"refused\":0,\"of_other_sites\":0,\"of_no_site\":0,"
                          "\"without_time\":{},\"elsewhere\":0,\"gaps\":0,\"gap_bytes\":0,"
                          "\"overlapping_intervals\":0,\"overlapping_bytes\":0,"
                          "\"reports_without_times\":0,\"nodes\":[]}\n");
    timed_init(&t, f, 1);
    skip_lines(&t, REASON_ASSET, Q0, 5);
    skip_lines(&t, REASON_UNPARSABLE, -1, 2);
    page(&t, f->site, 10, NOON);
    page(&t, f->second, 20, NOON);
    leave(&t, FATE_REFUSED, f->site, NOON);
    leave(&t, FATE_REFUSED, 0, NOON);
    t.b.streams[0].lines++;
    send_batch(f, &t);
    timed_init(&t, f, 2);
    t.b.streams[0].from = 1050;
    t.b.streams[0].to = 1100;
    skip_lines(&t, REASON_ASSET, Q0 + 96, 5);
    send_batch(f, &t);
    expect_print(f,
                 HEADING
                 "in the store: pageviews 1, AI fetches 0\n\n"
                 "main / web-1\n"
                 "  lines                       9\n"
                 "  skipped                     5\n"
                 "    asset                     5\n"
                 "  records                     4\n"
                 "    stored                    1\n"
                 "    refused                   1\n"
                 "    of other sites            1\n"
                 "    of no site                1\n"
                 "  without a time              2  in these parts of the logs: it cannot be "
                 "read, or the agent does not tell it\n"
                 "    unparsable                2\n"
                 "  elsewhere                   1  in these parts of the logs: their records "
                 "went to another server, or are on their way\n"
                 "  1 gap in the logs: of 50 bytes nothing has been told\n",
                 QUESTION "{\"pageviews\":1,\"ai_fetches\":0}," NUMBERS
                          ",\"reports_without_times\":0,\"nodes\":[{\"team\":\"main\","
                          "\"node\":\"web-1\"," NUMBERS "}]}\n");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_borders),           T(test_a_batch_twice), T(test_halves),
        T(test_a_half_is_missing), T(test_parked),        T(test_whose),
        T(test_without_times),     T(test_strange_times), T(test_many_cells),
        T(test_gaps_and_overlaps), T(test_nodes),         T(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
