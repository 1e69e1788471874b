/* Record by record to a HitKeep: what becomes of a record by each answer, and of the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/uplink_singles.h"
#include "tests/unit/agent/fake_hitkeep.h"
#include "tests/unit/agent/uplink_rig.h"

#define BOTH "hitkeep, send: [pageview, ai_fetch], rate: {ai_fetch: 5000, pageview: 5000}"
#define HOUR_MS 3600000

/* ---- the bench --------------------------------------------------------------------------------
 */

struct bench {
    struct rig rig;
    struct fake_hitkeep hitkeep;
    unsigned n; /* records so far: the next one's number */
};

static void bench_make_as(struct bench *b, const char *protocol, bool spool)
{
    b->n = 0;
    rig_make_servers(&b->rig, 1, spool);
    b->rig.protocol = protocol;
    hitkeep_start(&b->hitkeep, &b->rig.server[0]);
    rig_make_agent(&b->rig);
    settle(&b->rig);
}

static void bench_make(struct bench *b)
{
    bench_make_as(b, BOTH, true);
}

static void bench_remove(struct bench *b)
{
    rig_remove(&b->rig);
    hitkeep_release(&b->hitkeep);
}

static void put_record(struct bench *b, const struct record *record)
{
    struct rig *r = &b->rig;
    assert_int_equal(
        builder_record(r->builder, record, ua_cache_get(r->agents, record->user_agent_text), MAIN),
        0);
    r->at++;
    builder_advance(r->builder, r->at, r->at);
    r->sent[0]++;
}

static void put_page(struct bench *b, const char *host)
{
    char url[100];
    const struct record record = {
        .kind = RECORD_PAGEVIEW,
        .at = b->rig.at,
        .time_ms = 1700000000000,
        .url = {url, (size_t)snprintf(url, sizeof(url), "https://%s/n/%u", host, b->n++)},
        .visitor_ip = STR("192.0.2.1"),
        .user_agent = -1,
        .user_agent_text = STR("Mozilla/5.0")};
    put_record(b, &record);
}

static void put_fetch(struct bench *b, const char *host, int64_t age_ms)
{
    char path[32];
    const struct record record = {
        .kind = RECORD_AI_FETCH,
        .at = b->rig.at,
        .time_ms = (int64_t)(ev_now(b->rig.loop) * 1000) - age_ms,
        .hostname = str_of(host),
        .path = {path, (size_t)snprintf(path, sizeof(path), "/n/%u", b->n++)},
        .status_code = 200,
        .response_ms = -1,
        .bytes_served = -1,
        .user_agent = -1,
        .user_agent_text = STR("GPTBot/1.2")};
    put_record(b, &record);
}

static void send_fetches(struct bench *b, unsigned n)
{
    begin_group(&b->rig);
    for (unsigned i = 0; i < n; i++)
        put_fetch(b, "example.com", 0);
    submit(&b->rig);
}

static bool is_paused(struct rig *r)
{
    return r->uplink->destinations[0].state == DESTINATION_PAUSED && is_quiet(r);
}

static unsigned notes_in(struct rig *r, enum shelf shelf)
{
    unsigned n = 0;
    for (uint64_t seq = 0; seq < 100; seq++)
        n += sent_exists(r->uplink->shelf_fd[shelf], seq, "main");
    return n;
}

/* Everything is on its way to nobody, and no file of it is left. */
static void assert_over(struct bench *b)
{
    struct rig *r = &b->rig;
    save(r);
    assert_int_equal(files_in(r, SHELF_SPOOL), 0);
    assert_int_equal(notes_in(r, SHELF_SPOOL), 0);
    assert_int_equal(files_in(r, SHELF_PARKED), 0);
    assert_int_equal(notes_in(r, SHELF_PARKED), 0);
}

static void assert_each_stored(const struct bench *b, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        if (b->hitkeep.stored[i] != 1)
            fail_msg("record %u is stored %u times", i, b->hitkeep.stored[i]);
}

/* ---- one answer -------------------------------------------------------------------------------
 */

enum fate { STORED, REFUSED, DEAD, PARKED, PAUSED };

/* One record, the answer to its first request, and 202 to all others. */
static const struct row {
    const char *name;
    struct hitkeep_reply reply;
    enum fate fate;
    unsigned posts, stored;
} answers[] = {
    {"202", {HITKEEP_ANSWER, 202, NULL, NULL}, STORED, 1, 1},
    {"202 in chunks", {HITKEEP_CHUNKED, 0, NULL, NULL}, STORED, 1, 1},
    {"202 of something else", {HITKEEP_ANSWER, 202, NULL, "queued\n"}, STORED, 2, 1},
    {"200", {HITKEEP_ANSWER, 200, NULL, "<!doctype html>"}, STORED, 2, 1},
    {"204", {HITKEEP_ANSWER, 204, NULL, NULL}, STORED, 2, 1},
    {"301", {HITKEEP_ANSWER, 301, "Location: https://x.example/\r\n", NULL}, PAUSED, 1, 0},
    {"307 to a path", {HITKEEP_ANSWER, 307, "Location: /hk/\r\n", "<a>"}, PAUSED, 1, 0},
    {"400", {HITKEEP_ANSWER, 400, NULL, "Bad request body\n"}, DEAD, 1, 0},
    {"400 of a narrow list",
     {HITKEEP_ANSWER, 400, NULL, "user_agent must match a known AI bot\n"},
     REFUSED,
     1,
     0},
    {"400 of a proxy", {HITKEEP_ANSWER, 400, NULL, "<html>\n"}, DEAD, 1, 0},
    {"401", {HITKEEP_ANSWER, 401, NULL, "Unauthorized\n"}, PAUSED, 1, 0},
    {"403 without a grant", {HITKEEP_ANSWER, 403, NULL, "Access denied\n"}, PARKED, 1, 0},
    {"403 with too small a grant", {HITKEEP_ANSWER, 403, NULL, "Forbidden\n"}, PARKED, 1, 0},
    {"403 of a proxy", {HITKEEP_ANSWER, 403, NULL, "<html>Forbidden</html>\n"}, PAUSED, 1, 0},
    {"403 of another proxy", {HITKEEP_ANSWER, 403, NULL, "Forbidden"}, PAUSED, 1, 0},
    {"404 of the site", {HITKEEP_ANSWER, 404, NULL, "Site not found\n"}, PARKED, 1, 0},
    {"404 of the path", {HITKEEP_ANSWER, 404, NULL, "404 page not found\n"}, PAUSED, 1, 0},
    {"404 of 2.8.1's origin check", {HITKEEP_ANSWER, 404, NULL, "Not found\n"}, PAUSED, 1, 0},
    {"405", {HITKEEP_ANSWER, 405, NULL, "Method Not Allowed\n"}, PAUSED, 1, 0},
    {"407", {HITKEEP_ANSWER, 407, NULL, NULL}, PAUSED, 1, 0},
    {"408", {HITKEEP_ANSWER, 408, NULL, NULL}, STORED, 2, 1},
    {"413", {HITKEEP_ANSWER, 413, NULL, "<html>too large</html>"}, DEAD, 1, 0},
    {"422", {HITKEEP_ANSWER, 422, NULL, "no\n"}, DEAD, 1, 0},
    {"425", {HITKEEP_ANSWER, 425, NULL, NULL}, STORED, 2, 1},
    {"429", {HITKEEP_ANSWER, 429, NULL, "Too Many Requests\n"}, STORED, 2, 1},
    {"429 with a wait",
     {HITKEEP_ANSWER, 429, "Retry-After: 1\r\n", "Too Many Requests\n"},
     STORED,
     2,
     1},
    {"500", {HITKEEP_ANSWER, 500, NULL, "Internal server error\n"}, STORED, 2, 1},
    {"502 of a proxy", {HITKEEP_ANSWER, 502, NULL, "<html>502 Bad Gateway</html>"}, STORED, 2, 1},
    {"503 with a wait", {HITKEEP_ANSWER, 503, "Retry-After: 1\r\n", "<html>"}, STORED, 2, 1},
    {"530 of a CDN", {HITKEEP_ANSWER, 530, NULL, NULL}, STORED, 2, 1},
    {"999", {HITKEEP_ANSWER, 999, NULL, NULL}, STORED, 2, 1},
    {"no HTTP", {HITKEEP_GARBAGE, 0, NULL, NULL}, STORED, 2, 1},
    {"cut before it is stored", {HITKEEP_RESET, 0, NULL, NULL}, STORED, 2, 1},
    {"cut after it is stored", {HITKEEP_STORE_RESET, 0, NULL, NULL}, STORED, 2, 2},
    {"cut in the answer", {HITKEEP_STORE_CUT, 0, NULL, NULL}, STORED, 2, 2},
};

static void fail_row(const struct row *row, bool fetch, struct bench *b)
{
    struct uplink_ledger l = books(&b->rig, 0);
    fail_msg("%s (%s): %u requests, stored %u times; %llu acknowledged, %llu refused, %llu dead, "
             "%llu parked, %llu spooled",
             row->name, fetch ? "AI fetch" : "pageview", b->hitkeep.posts, b->hitkeep.stored[0],
             (unsigned long long)l.acknowledged, (unsigned long long)l.refused,
             (unsigned long long)l.dead, (unsigned long long)l.parked,
             (unsigned long long)l.spooled);
}

/* Then the cause is mended: what was kept arrives. */
static void mend(struct bench *b, enum fate fate)
{
    if (fate == PAUSED)
        uplink_retry_now(b->rig.uplink);
    else if (fate == PARKED)
        destination_unpark(&b->rig.uplink->destinations[0]);
    else
        return;
    deliver(&b->rig);
    assert_int_equal(books(&b->rig, 0).acknowledged, 1);
    assert_int_equal(b->hitkeep.stored[0], 1);
}

static void check_row(const struct row *row, bool fetch)
{
    struct bench b;
    bench_make(&b);
    hitkeep_next(&b.hitkeep, &row->reply);
    begin_group(&b.rig);
    if (fetch)
        put_fetch(&b, "example.com", 0);
    else
        put_page(&b, "example.com");
    submit(&b.rig);
    if (row->fate == PAUSED)
        wait_for(&b.rig, row->name, is_paused, true);
    else
        deliver(&b.rig);
    struct uplink_ledger l = books(&b.rig, 0);
    bool good = b.hitkeep.posts == row->posts && b.hitkeep.stored[0] == row->stored &&
                l.acknowledged == (row->fate == STORED) && l.refused == (row->fate == REFUSED) &&
                l.dead == (row->fate == DEAD) && l.parked == (row->fate == PARKED) &&
                l.spooled == (row->fate == PAUSED) &&
                files_in(&b.rig, SHELF_DEAD) == (row->fate == DEAD);
    if (!good)
        fail_row(row, fetch, &b);
    mend(&b, row->fate);
    assert_over(&b);
    bench_remove(&b);
}

static void test_answers(void **state)
{
    for (size_t i = 0; i < COUNT(answers); i++)
        check_row(&answers[i], i % 2 == 0);
    check_row(&answers[0], false);
}

/* ---- what is not asked for --------------------------------------------------------------------
 */

static void test_held(void **state)
{
    struct bench b;
    bench_make(&b);
    begin_group(&b.rig);
    put_fetch(&b, "example.com", 2 * HOUR_MS);
    put_fetch(&b, "example.com", HOUR_MS - 60000);
    put_fetch(&b, "example.com", -2 * HOUR_MS); /* whose clock is wrong */
    put_page(&b, "example.com");                /* has its own time */
    submit(&b.rig);
    deliver(&b.rig);
    struct uplink_ledger l = books(&b.rig, 0);
    assert_int_equal(l.held, 1);
    assert_int_equal(l.acknowledged, 3);
    assert_int_equal(b.hitkeep.posts, 3);
    assert_each_stored(&b, 1, 4);
    assert_over(&b);
    bench_remove(&b);
}

static void test_late_ones_when_wanted(void **state)
{
    struct bench b;
    bench_make_as(&b, "hitkeep, late_ai_fetch: send", true);
    begin_group(&b.rig);
    put_fetch(&b, "example.com", 48 * HOUR_MS);
    put_page(&b, "example.com"); /* `send` was not given */
    submit(&b.rig);
    deliver(&b.rig);
    assert_int_equal(books(&b.rig, 0).acknowledged, 1);
    assert_int_equal(books(&b.rig, 0).refused, 1);
    assert_int_equal(b.hitkeep.posts, 1);
    assert_over(&b);
    bench_remove(&b);
}

/* One question for each site and kind; its others are parked with it, the other site's go on. */
static void test_closed_site(void **state)
{
    struct bench b;
    bench_make(&b);
    snprintf(b.hitkeep.closed, sizeof(b.hitkeep.closed), "%s", HITKEEP_OTHER_ID);
    for (unsigned k = 0; k < 2; k++) {
        begin_group(&b.rig);
        for (unsigned i = 0; i < 20; i++)
            put_fetch(&b, i % 2 ? "other.example" : "example.com", 0);
        submit(&b.rig);
        deliver(&b.rig);
    }
    assert_int_equal(books(&b.rig, 0).parked, 20);
    assert_int_equal(books(&b.rig, 0).acknowledged, 20);
    assert_in_range(b.hitkeep.closed_posts, 1, SINGLES_AT_ONCE);
    unsigned before = b.hitkeep.posts;
    destination_unpark(&b.rig.uplink->destinations[0]); /* it is still closed: asked once more */
    settle(&b.rig);
    assert_int_equal(books(&b.rig, 0).parked, 20);
    assert_in_range(b.hitkeep.posts - before, 1, 2 * SINGLES_AT_ONCE);
    *b.hitkeep.closed = '\0';
    restart(&b.rig);
    settle(&b.rig);
    destination_unpark(&b.rig.uplink->destinations[0]);
    deliver(&b.rig);
    assert_int_equal(books(&b.rig, 0).parked, 0);
    assert_each_stored(&b, 0, 40);
    assert_over(&b);
    bench_remove(&b);
}

/* A host without an id: no request could be made. */
static void test_site_that_is_not_listed(void **state)
{
    struct bench b;
    bench_make(&b);
    begin_group(&b.rig);
    put_fetch(&b, "third.example", 0);
    put_fetch(&b, "www.example.com", 0);
    submit(&b.rig);
    deliver(&b.rig);
    assert_int_equal(books(&b.rig, 0).parked, 1);
    assert_int_equal(b.hitkeep.posts, 1);
    bench_remove(&b);
}

/* ---- over a restart ---------------------------------------------------------------------------
 */

static bool some_are_stored(struct rig *r)
{
    const struct fake_hitkeep *h = r->server[0].context;
    return h->posts >= 8 && is_quiet(r);
}

/* What was noted is not sent again; all that was not is. */
static void test_restart_in_the_middle(void **state)
{
    struct bench b;
    bench_make(&b);
    static const struct hitkeep_reply good = {.status = 202};
    static const struct hitkeep_reply refused = {.status = 400, .body = "Bad request body\n"};
    static const struct hitkeep_reply narrow = {.status = 400,
                                                .body = "user_agent must match a known AI bot\n"};
    for (unsigned i = 0; i < 4; i++)
        hitkeep_next(&b.hitkeep, &good);
    hitkeep_next(&b.hitkeep, &refused);
    hitkeep_next(&b.hitkeep, &narrow);
    b.hitkeep.always.status = 503;
    send_fetches(&b, 12);
    wait_for(&b.rig, "the first ones", some_are_stored, true);
    assert_int_equal(notes_in(&b.rig, SHELF_SPOOL), 1);
    assert_int_equal(books(&b.rig, 0).acknowledged, 4);
    save(&b.rig);
    restart(&b.rig);
    b.hitkeep.always.status = 0;
    deliver(&b.rig);
    unsigned twice = 0, stored = 0;
    for (unsigned i = 0; i < 12; i++) {
        twice += b.hitkeep.stored[i] > 1;
        stored += b.hitkeep.stored[i] > 0;
    }
    assert_int_equal(twice, 0);
    assert_int_equal(stored, 10);
    /* A restart begins new books; the dead letter and the refused one are of before. */
    assert_int_equal(books(&b.rig, 0).dead + books(&b.rig, 0).refused, 2);
    assert_int_equal(files_in(&b.rig, SHELF_DEAD), 1);
    assert_over(&b);
    bench_remove(&b);
}

/* ---- how many at once -------------------------------------------------------------------------
 */

static bool four_wait(struct rig *r)
{
    const struct fake_hitkeep *h = r->server[0].context;
    return h->waiting == SINGLES_AT_ONCE;
}

static bool is_acknowledged(struct rig *r)
{
    hitkeep_let_go(r->server[0].context, 1);
    return books(r, 0).acknowledged == r->sent[0] && is_quiet(r);
}

static void test_at_most_four_at_once(void **state)
{
    struct bench b;
    bench_make(&b);
    b.hitkeep.always.manner = HITKEEP_SILENCE;
    send_fetches(&b, 10);
    send_fetches(&b, 10); /* two batches share the places */
    wait_for(&b.rig, "four requests", four_wait, false);
    for (unsigned i = 0; i < 10; i++)
        ev_run(b.rig.loop, EVRUN_ONCE);
    assert_int_equal(b.hitkeep.waiting, SINGLES_AT_ONCE);
    wait_for(&b.rig, "the rest", is_acknowledged, false);
    assert_int_equal(b.hitkeep.most_waiting, SINGLES_AT_ONCE);
    assert_int_equal(b.hitkeep.posts, 20);
    assert_over(&b);
    bench_remove(&b);
}

/* A crash with four on their way: these, and no more, are sent again. */
static void test_crash_with_four_on_their_way(void **state)
{
    struct bench b;
    bench_make(&b);
    send_fetches(&b, 6);
    deliver(&b.rig);
    b.hitkeep.always.manner = HITKEEP_SILENCE;
    send_fetches(&b, 10);
    wait_for(&b.rig, "four requests", four_wait, false);
    uplink_free(b.rig.uplink);
    positions_release(&b.rig.positions);
    begin_file(&b.rig);
    b.hitkeep.always.manner = HITKEEP_ANSWER;
    b.hitkeep.waiting = 0;
    start_uplink(&b.rig);
    deliver(&b.rig);
    assert_each_stored(&b, 0, 16);
    assert_int_equal(b.hitkeep.posts, 16 + SINGLES_AT_ONCE);
    bench_remove(&b);
}

/* A token that is refused for all four is one pause. */
static void test_all_refused_at_once(void **state)
{
    struct bench b;
    bench_make(&b);
    b.hitkeep.always = (struct hitkeep_reply){.status = 401, .body = "Unauthorized\n"};
    send_fetches(&b, 10);
    wait_for(&b.rig, "the pause", is_paused, true);
    assert_in_range(b.hitkeep.posts, 1, SINGLES_AT_ONCE);
    b.hitkeep.always.status = 0;
    uplink_retry_now(b.rig.uplink);
    deliver(&b.rig);
    assert_each_stored(&b, 0, 10);
    assert_over(&b);
    bench_remove(&b);
}

/* AI fetches are late sooner: they go first, and neither kind waits for the other. */
static void test_kinds(void **state)
{
    struct bench b;
    bench_make(&b);
    begin_group(&b.rig);
    for (unsigned i = 0; i < 30; i++)
        if (i % 3)
            put_page(&b, "www.example.com");
        else
            put_fetch(&b, "example.com", 0);
    submit(&b.rig);
    deliver(&b.rig);
    assert_int_equal(b.hitkeep.fetches, 10);
    assert_each_stored(&b, 0, 30);
    assert_over(&b);
    bench_remove(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_late_ones_when_wanted),
        cmocka_unit_test(test_closed_site),
        cmocka_unit_test(test_site_that_is_not_listed),
        cmocka_unit_test(test_restart_in_the_middle),
        cmocka_unit_test(test_at_most_four_at_once),
        cmocka_unit_test(test_crash_with_four_on_their_way),
        cmocka_unit_test(test_all_refused_at_once),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
