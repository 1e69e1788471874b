/*
 * test_report.c - what a report counts, beside an open store; and what reaches a terminal.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_fixture.h"

#include "parsers/base/time.h"
#include "server/report.h"

#define NOON (INT64_C(20000) * DAY_MS + DAY_MS / 2)

static const struct str user_agents[] = {{"Mozilla/5.0 Firefox/1", 21},
                                         {"Mozilla/5.0 (compatible; GPTBot/1.2)", 36}};

static void store_some(struct fixture *f)
{
    static const int statuses[] = {200, 304, 301, 404, 500, 200};
    struct store_row rows[10] = {0};
    struct batch_stream stream = {.to = 900, .lines = 20, .records = 10};
    struct store_job job = {.kind = STORE_BATCH,
                            .team = f->team,
                            .node = STR("web-\x1b[31m1"),
                            .streams = &stream,
                            .n_streams = 1,
                            .user_agents = user_agents,
                            .n_user_agents = 2,
                            .rows = rows,
                            .n_rows = 10};
    stream.skipped[REASON_ASSET] = 7;
    stream.skipped[REASON_BOT] = 3;
    for (size_t i = 0; i < 10; i++) {
        struct record *r = &rows[i].record;
        rows[i].site = i == 3 ? f->second : f->site;
        *r = (struct record){.at = i * 100, .time_ms = NOON + (int64_t)i};
        if (i < 4) {
            r->url = i < 2 ? STR("https://example.com/a") : STR("https://example.com/b?\x1b[2J");
            r->visitor_ip = i == 1 ? STR("192.0.2.2") : STR("192.0.2.1");
            continue;
        }
        r->kind = RECORD_AI_FETCH;
        r->user_agent = 1;
        r->hostname = STR("example.com");
        r->path = i % 2 ? STR("/x") : STR("/y");
        r->status_code = statuses[i - 4];
        r->verified = i == 9 ? STR("no") : STR("yes");
    }
    rows[2].record.time_ms += DAY_MS;
    assert_int_equal(fixture_run(f->store, &job).stored, 10);
}

struct view {
    struct store_reader *reader;
    struct report report;
};

static void open_view(struct view *v, struct fixture *f, struct read_filter filter)
{
    v->reader = fixture_reader(f);
    assert_int_equal(report_gather(&v->report, v->reader, &filter, STR_NONE, 1000), 0);
}

static void close_view(struct view *v)
{
    report_release(&v->report);
    store_reader_close(v->reader);
}

static void test_counts(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *name;
        struct read_filter filter;
        uint64_t pageviews, visitors, ai;
    } cases[] = {
        {"all", {0, INT64_MIN, INT64_MAX}, 4, 4, 6},
        {"one site", {f->site, INT64_MIN, INT64_MAX}, 3, 3, 6},
        {"another", {f->second, INT64_MIN, INT64_MAX}, 1, 1, 0},
        {"a site without records", {f->foreign, INT64_MIN, INT64_MAX}, 0, 0, 0},
        {"the first day", {f->site, NOON, NOON + DAY_MS / 2}, 2, 2, 6},
        {"to is exclusive", {f->site, NOON, NOON + 1}, 1, 1, 0},
        {"the next day", {f->site, NOON + DAY_MS / 2, INT64_MAX}, 1, 1, 0},
        {"before", {0, INT64_MIN, NOON}, 0, 0, 0},
    };
    store_some(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct view v;
        open_view(&v, f, cases[i].filter);
        if (v.report.pageviews != cases[i].pageviews || v.report.visitors.n != cases[i].visitors ||
            v.report.ai[TALLY_ALL] != cases[i].ai)
            fail_msg("%s: %d pageviews, %d visitors, %d AI fetches", cases[i].name,
                     (int)v.report.pageviews, (int)v.report.visitors.n,
                     (int)v.report.ai[TALLY_ALL]);
        close_view(&v);
    }
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    struct view v;
    struct buf out;
    buf_init(&out, 100000);
    store_some(f);
    open_view(&v, f, (struct read_filter){0, INT64_MIN, INT64_MAX});
    assert_int_equal(v.report.agents.n, 1);
    assert_string_equal(v.report.agents.slots[0].text.p, "GPTBot\tOpenAI\ttraining");
    assert_int_equal(v.report.ai[TALLY_OK], 3);
    assert_int_equal(v.report.ai[TALLY_REDIRECT], 1);
    assert_int_equal(v.report.ai[TALLY_CLIENT], 1);
    assert_int_equal(v.report.ai[TALLY_SERVER], 1);
    assert_int_equal(v.report.ai[TALLY_SPOOFED], 1);
    assert_int_equal(v.report.pages.n, 2);
    assert_string_equal(v.report.pages.slots[0].text.p, "/a");

    report_put_json(&v.report, 1, &out);
    assert_non_null(strstr(buf_cstr(&out), "\"pageviews\":4,\"visitors\":4,\"ai_fetches\":6"));
    assert_non_null(strstr(buf_cstr(&out), "{\"agent\":\"GPTBot\",\"operator\":\"OpenAI\","
                                           "\"category\":\"training\",\"fetches\":6,\"ok\":3"));
    assert_non_null(strstr(buf_cstr(&out), "\"pages\":[{\"path\":\"/a\",\"pageviews\":2}]"));

    buf_reset(&out);
    report_put_text(&v.report, 20, &out);
    assert_non_null(strstr(buf_cstr(&out), "/b?\\x1b[2J"));
    assert_null(strchr(buf_cstr(&out), 0x1b));
    buf_release(&out);
    close_view(&v);
}

static void test_ledger(void **state)
{
    struct fixture *f = *state;
    struct view v;
    struct buf out;
    buf_init(&out, 100000);
    store_some(f);
    open_view(&v, f, (struct read_filter){0, INT64_MIN, INT64_MAX});
    assert_int_equal(ledger_put_json(v.reader, 0, &out), 0);
    assert_memory_equal(buf_cstr(&out),
                        "{\"lines\":20,\"records\":10,\"skipped\":10,\"balanced\":true,"
                        "\"batches\":1,\"stored\":10,\"duplicate\":0,",
                        60);
    assert_non_null(strstr(buf_cstr(&out), "\"reasons\":{\"asset\":7,\"bot\":3}"));
    buf_reset(&out);
    assert_int_equal(ledger_put_json(v.reader, f->foreign, &out), 0);
    assert_memory_equal(buf_cstr(&out), "{\"lines\":0,", 11);
    buf_reset(&out);
    assert_int_equal(ledger_put_text(v.reader, 0, &out), 0);
    assert_non_null(strstr(buf_cstr(&out), "main / web-\\x1b[31m1"));
    assert_non_null(strstr(buf_cstr(&out), "every line accounted for"));
    buf_release(&out);
    close_view(&v);
}

static void test_printable(void **state)
{
    static const struct {
        const char *in, *out;
        size_t width;
    } cases[] = {
        {"/plain", "/plain", 6},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 3},
        {"\x1b[0m\n\x7f", "\\x1b[0m\\x0a\\x7f", 15},
        {"\xc2\x9b", "\\xc2\\x9b", 8},                             /* CSI as a C1 control */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae", 12},                   /* right-to-left override */
        {"\xc0\xaf\xed\xa0\x80", "\\xc0\\xaf\\xed\\xa0\\x80", 20}, /* overlong, surrogate */
        {"\xe2\x82", "\\xe2\\x82", 8},
        {"\xff", "\\xff", 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;
        buf_init(&out, 100);
        put_printable(&out, str_of(cases[i].in));
        if (!str_eq(buf_str(&out), str_of(cases[i].out)) ||
            printable_width(str_of(cases[i].in)) != cases[i].width)
            fail_msg("%zu: %s", i, buf_cstr(&out));
        buf_release(&out);
    }
}

static void test_tally(void **state)
{
    struct tally t;
    struct id_set ids;
    char text[16];
    (void)state;
    tally_init(&t);
    id_set_init(&ids);
    for (int i = 0; i < 30000; i++) {
        int n = snprintf(text, sizeof(text), "t%d", i % 1000);
        tally_at(&t, (struct str){text, (size_t)n})->counts[TALLY_ALL] += i % 1000 == 7 ? 2 : 1;
        id_set_add(&ids, i % 5000 - 2500);
    }
    tally_at(&t, STR(""))->counts[TALLY_ALL]++;
    assert_int_equal(t.n, 1001);
    assert_int_equal(ids.n, 5000);
    tally_sort(&t);
    assert_string_equal(t.slots[0].text.p, "t7");
    assert_int_equal(t.slots[0].counts[TALLY_ALL], 60);
    assert_string_equal(t.slots[1].text.p, "t0"); /* equal counts: by text */
    assert_int_equal(t.slots[1000].text.n, 0);
    tally_release(&t);
    tally_release(&t);
    id_set_release(&ids);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_counts),
        T(test_lists),
        T(test_ledger),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_tally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
