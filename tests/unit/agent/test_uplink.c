/*
 * What leaves the machine, with a server on the same loop that answers as it is told: in the end
 * every record is stored once. The spool is test_uplink_spool.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/uplink_rig.h"

/* ---- all is well ------------------------------------------------------------------------------
 */

static void test_accepted(void **state)
{
    for (int spool = 0; spool < 2; spool++) {
        struct rig r;
        rig_make(&r, 1, spool);
        assert_int_equal(uplink_room(r.uplink), MAX_GROUPS_IN_MEMORY);
        for (int i = 0; i < 5; i++)
            send_pages(&r, 10, MAIN);
        assert_int_equal(uplink_room(r.uplink), MAX_GROUPS_IN_MEMORY - 5);
        assert_false(uplink_is_settled(r.uplink));
        deliver(&r);
        assert_int_equal(r.safe, 5);
        assert_int_equal(uplink_room(r.uplink), MAX_GROUPS_IN_MEMORY);
        assert_true(uplink_is_settled(r.uplink));
        assert_true(uplink_is_idle(r.uplink));
        assert_false(uplink_is_down(r.uplink));
        assert_int_equal(r.server[0].posts, 5);
        assert_int_equal(r.server[0].lines, 50);
        assert_stored(&r.server[0], 0, 50);
        assert_int_equal(books(&r, 0).acknowledged, 50);
        assert_int_equal(books(&r, 0).stored, 50);
        assert_int_equal(books(&r, 0).batches, 5);
        assert_string_equal(books(&r, 0).state, "ready");
        assert_int_equal(intervals_gap(&r.position->safe, 0), 50);
        assert_int_equal(r.dirty, 0); /* nothing was written */
        assert_empty_shelves(&r);
        rig_remove(&r);
    }
}

/* A group is safe when each of its batches is, at each of its destinations. */
static void test_two_destinations(void **state)
{
    struct rig r;
    rig_make(&r, 2, false);
    r.server[1].always = 503;
    begin_group(&r);
    put(&r, "example.com", "both", MAIN | OTHER);
    put(&r, "example.com", "main", MAIN);
    put(&r, "example.com", "other", OTHER);
    submit(&r);
    settle(&r);
    assert_int_equal(r.safe, 0);
    assert_int_equal(r.server[0].n_stored, 2);
    assert_int_equal(books(&r, 0).acknowledged, 2);
    assert_int_equal(books(&r, 1).in_memory, 2);
    assert_string_equal(books(&r, 1).state, "waiting");
    assert_false(uplink_is_down(r.uplink));
    send_pages(&r, 3, MAIN); /* who answers does not wait for who does not */
    settle(&r);
    assert_int_equal(r.safe, 1);
    r.server[1].always = 0;
    deliver(&r);
    assert_int_equal(r.safe, 2);
    assert_int_equal(r.server[0].n_stored, 5);
    assert_int_equal(r.server[1].n_stored, 2);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

static void test_sites_are_learnt(void **state)
{
    struct rig r;
    rig_make(&r, 1, true);
    assert_null(uplink_sites(r.uplink));
    wait_for(&r, "sites", sites_known, false);
    assert_int_equal(sites_count(uplink_sites(r.uplink)), 1);
    assert_int_equal(sites_find(uplink_sites(r.uplink), STR("example.com"))->to, MAIN);
    snprintf(r.server[0].sites, sizeof(r.server[0].sites), "[{\"domain\":\"new.example\"}]");
    uplink_retry_now(r.uplink);
    settle(&r);
    assert_int_equal(sites_count(uplink_sites(r.uplink)), 2); /* they only grow */
    r.server[0].sites_status = 503;
    restart(&r); /* known without the server */
    assert_int_equal(sites_count(uplink_sites(r.uplink)), 2);
    rig_remove(&r);
}

static void test_configured_sites(void **state)
{
    struct rig r;
    rig_make(&r, 1, true);
    settle(&r);
    uplink_free(r.uplink);
    agent_config_free(r.config);
    r.configured_sites = true;
    load_config(&r);
    start_uplink(&r);
    settle(&r);
    const struct site_route *route = sites_find(uplink_sites(r.uplink), STR("alias.example"));
    assert_non_null(route);
    assert_true(str_eq(route->site, STR("example.com")));
    assert_null(sites_find(uplink_sites(r.uplink), STR("new.example")));
    rig_remove(&r);
}

/* ---- records that are rejected ----------------------------------------------------------------
 */

static void test_closed_sites(void **state)
{
    static const int statuses[] = {403, 404};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct rig r;
        struct fake_server *s = &r.server[0];
        rig_make(&r, 1, true);
        settle(&r);
        snprintf(s->closed, sizeof(s->closed), "closed.example");
        s->closed_status = statuses[i];
        begin_group(&r);
        for (unsigned k = 0; k < 10; k++)
            put(&r, k % 3 ? "example.com" : "closed.example", "x", MAIN);
        submit(&r);
        deliver(&r);
        assert_int_equal(r.safe, 1); /* the others are there, these are on disk */
        assert_int_equal(s->n_stored, 6);
        assert_int_equal(books(&r, 0).parked, 4);
        assert_int_equal(books(&r, 0).acknowledged, 6);
        assert_int_equal(files_in(&r, SHELF_PARKED), 1);
        assert_int_equal(files_in(&r, SHELF_SPOOL), 0);
        send_pages(&r, 5, MAIN); /* the rest goes on */
        deliver(&r);
        assert_int_equal(s->n_stored, 11);
        unsigned posts = s->posts;
        uplink_retry_now(r.uplink); /* the same sites: no reason to try */
        settle(&r);
        assert_int_equal(s->posts, posts);
        snprintf(s->sites, sizeof(s->sites), "[{\"domain\":\"x.example\"}]");
        uplink_retry_now(r.uplink); /* others, but still not this one */
        settle(&r);
        assert_int_equal(s->posts, posts + 1);
        assert_int_equal(books(&r, 0).parked, 4);
        assert_int_equal(files_in(&r, SHELF_PARKED), 1);
        s->closed[0] = '\0';
        snprintf(s->sites, sizeof(s->sites), "[{\"domain\":\"closed.example\"}]");
        uplink_retry_now(r.uplink);
        deliver(&r);
        assert_int_equal(books(&r, 0).parked, 0);
        assert_stored(s, 0, 15);
        assert_empty_shelves(&r);
        rig_remove(&r);
    }
}

/* Of two closed sites one is opened: the rest is parked anew. */
static void test_partly_opened(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make(&r, 1, true);
    settle(&r);
    s->always = 0;
    snprintf(s->closed, sizeof(s->closed), "closed.example");
    begin_group(&r);
    for (unsigned k = 0; k < 4; k++)
        put(&r, "closed.example", k % 2 ? "odd" : "even", MAIN);
    submit(&r);
    deliver(&r);
    assert_int_equal(books(&r, 0).parked, 4);
    s->closed[0] = '\0';
    snprintf(s->bad, sizeof(s->bad), "odd"); /* now refused for themselves */
    snprintf(s->sites, sizeof(s->sites), "[{\"domain\":\"closed.example\"}]");
    uplink_retry_now(r.uplink);
    deliver(&r);
    assert_int_equal(books(&r, 0).parked, 0);
    assert_int_equal(books(&r, 0).dead, 2);
    assert_int_equal(books(&r, 0).acknowledged, 2);
    assert_int_equal(files_in(&r, SHELF_PARKED), 0);
    assert_int_equal(files_in(&r, SHELF_DEAD), 1);
    rig_remove(&r);
}

/* The parked shelf has its limit: then the destination waits, and nothing is lost. */
static void test_full_parked_shelf(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make(&r, 1, true);
    settle(&r);
    snprintf(s->closed, sizeof(s->closed), "closed.example");
    begin_group(&r);
    put(&r, "closed.example", "x", MAIN);
    submit(&r);
    deliver(&r);
    uint64_t limit = r.config->limits.spool_bytes;
    r.config->limits.spool_bytes = 1;
    begin_group(&r);
    put(&r, "closed.example", "x", MAIN);
    put(&r, "example.com", "x", MAIN);
    submit(&r);
    settle(&r);
    assert_string_equal(books(&r, 0).state, "waiting");
    assert_non_null(strstr(books(&r, 0).last_error, "parked"));
    assert_int_equal(books(&r, 0).in_memory, 2);
    assert_int_equal(r.safe, 1);
    r.config->limits.spool_bytes = limit;
    deliver(&r);
    assert_int_equal(books(&r, 0).parked, 2);
    assert_int_equal(books(&r, 0).acknowledged, 1);
    assert_int_equal(s->duplicates, 0);
    rig_remove(&r);
}

static void test_parked_over_a_restart(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make(&r, 1, true);
    settle(&r);
    snprintf(s->closed, sizeof(s->closed), "example.com");
    send_pages(&r, 7, MAIN);
    deliver(&r);
    save(&r);
    restart(&r);
    assert_int_equal(books(&r, 0).parked, 7);
    deliver(&r);
    assert_int_equal(books(&r, 0).parked, 7);
    s->closed[0] = '\0';
    snprintf(s->sites, sizeof(s->sites), "[{\"domain\":\"y.example\"}]");
    uplink_retry_now(r.uplink);
    deliver(&r);
    assert_stored(s, 0, 7);
    assert_int_equal(books(&r, 0).acknowledged, 7);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

static void assert_dead_letter(struct rig *r, unsigned records, const char *reason)
{
    struct spool_item *items;
    struct spool_meta m;
    size_t n;
    const char *error;
    int fd = r->uplink->shelf_fd[SHELF_DEAD];
    assert_int_equal(spool_list(fd, &items, &n), 0);
    assert_int_equal(n, 1);
    struct batch *b = spool_read(fd, items[0].seq, &m, &error);
    assert_non_null(b);
    assert_int_equal(b->n_records, records);
    assert_int_equal(m.n_to, 1);
    assert_true(str_eq(m.to[0], STR("main")));
    if (str_find(m.reason, str_of(reason), 0) < 0)
        fail_msg("reason: %.*s", STR_ARGS(m.reason));
    spool_meta_release(&m);
    batch_free(b);
    free(items);
}

static void test_dead_letters(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make(&r, 1, true);
    snprintf(s->bad, sizeof(s->bad), "/bad");
    begin_group(&r);
    for (unsigned k = 0; k < 10; k++)
        put(&r, "example.com", k == 3 || k == 7 ? "bad" : "good", MAIN);
    submit(&r);
    deliver(&r);
    assert_int_equal(books(&r, 0).dead, 2);
    assert_int_equal(books(&r, 0).acknowledged, 8);
    assert_int_equal(s->posts, 1);
    assert_int_equal(r.safe, 1);
    assert_dead_letter(&r, 2, "no");
    restart(&r); /* they stay where they are, for a person */
    settle(&r);
    assert_int_equal(books(&r, 0).records, 0);
    assert_int_equal(files_in(&r, SHELF_DEAD), 1);
    rig_remove(&r);
}

static void test_no_room_for_dead_letters(void **state)
{
    struct rig r;
    rig_make(&r, 1, true);
    r.config->limits.dead_bytes = 0;
    snprintf(r.server[0].bad, sizeof(r.server[0].bad), "/page");
    send_pages(&r, 3, MAIN);
    deliver(&r);
    assert_int_equal(books(&r, 0).dead, 3); /* counted all the same */
    assert_int_equal(files_in(&r, SHELF_DEAD), 0);
    rig_remove(&r);
}

/* ---- batches that are refused whole -----------------------------------------------------------
 */

static void test_split_down_to_the_record(void **state)
{
    for (int spool = 0; spool < 2; spool++) {
        struct rig r;
        struct fake_server *s = &r.server[0];
        rig_make(&r, 1, spool);
        snprintf(s->bad, sizeof(s->bad), "/bad");
        s->refuse_whole = true;
        begin_group(&r);
        builder_skip(r.builder, REASON_BOT, HIT_NO_NUMBER);
        for (unsigned k = 0; k < 1000; k++)
            put(&r, "example.com", k == 617 ? "bad" : "good", MAIN);
        submit(&r);
        deliver(&r);
        assert_int_equal(books(&r, 0).dead, 1);
        assert_int_equal(books(&r, 0).acknowledged, 999);
        assert_int_equal(s->n_stored, 999);
        assert_int_equal(s->duplicates, 0);
        assert_true(s->posts <= 2 * 10 + 1);
        /* The first half tells the lines of all, but for one that never got through. */
        assert_true(s->lines == 1001 || s->lines == 0);
        assert_int_equal(r.safe, 1);
        assert_dead_letter(&r, 1, "refuses");
        rig_remove(&r);
    }
}

static void test_too_large(void **state)
{
    struct rig r;
    rig_make(&r, 1, true);
    r.server[0].max_records = 10;
    send_pages(&r, 500, MAIN);
    deliver(&r);
    assert_stored(&r.server[0], 0, 500);
    assert_int_equal(r.server[0].duplicates, 0);
    assert_int_equal(r.server[0].lines, 500);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

static void test_a_record_that_is_too_large(void **state)
{
    struct rig r;
    rig_make(&r, 1, true);
    r.server[0].max_bytes = 10;
    send_pages(&r, 1, MAIN);
    deliver(&r);
    assert_int_equal(books(&r, 0).dead, 1);
    assert_dead_letter(&r, 1, "too large");
    begin_group(&r); /* no record: nothing that could be kept */
    builder_skip(r.builder, REASON_BOT, HIT_NO_NUMBER);
    builder_advance(r.builder, r.at + 1, r.at + 1);
    submit(&r);
    deliver(&r);
    assert_int_equal(r.safe, 2);
    assert_int_equal(files_in(&r, SHELF_DEAD), 1);
    rig_remove(&r);
}

/* Halves of halves are out when the server goes away: their lines are safe in the spool, no file
 * stays behind when it is back, and nothing is stored twice. */
static void test_split_and_away(void **state)
{
    for (unsigned good = 1; good < 6; good++) {
        struct rig r;
        struct fake_server *s = &r.server[0];
        rig_make(&r, 1, true);
        for (unsigned i = 0; i < good; i++)
            fake_next(s, FAKE_ANSWER, 413, NULL);
        fake_next(s, FAKE_ANSWER, 503, NULL);
        fake_next(s, FAKE_ANSWER, 503, NULL);
        send_pages(&r, 64, MAIN);
        while (s->n_next) {
            ev_run(r.loop, EVRUN_ONCE);
            check_books(&r);
            settle(&r);
            hurry(&r);
        }
        s->always = 503;
        settle(&r);
        assert_int_equal(r.safe, 1);
        assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
        s->always = 0;
        deliver(&r);
        assert_stored(s, 0, 64);
        assert_int_equal(s->duplicates, 0);
        assert_empty_shelves(&r);
        assert_int_equal(r.uplink->shelf_bytes[SHELF_SPOOL], 0);
        rig_remove(&r);
    }
}

/* ---- a server that is unwell ------------------------------------------------------------------
 */

static void test_retry_after(void **state)
{
    static const int statuses[] = {408, 425, 429, 500, 502, 503, 507};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct rig r;
        struct fake_server *s = &r.server[0];
        rig_make(&r, 1, false);
        settle(&r);
        fake_next(s, FAKE_ANSWER, statuses[i], i % 2 ? "Retry-After: 7\r\n" : NULL);
        send_pages(&r, 3, MAIN);
        settle(&r);
        assert_string_equal(books(&r, 0).state, "waiting");
        assert_true(uplink_is_down(r.uplink));
        assert_true(strlen(books(&r, 0).last_error) > 0);
        double wait = ev_timer_remaining(r.loop, &r.uplink->destinations[0].timer);
        if (i % 2)
            assert_true(wait > 6.0 && wait <= 7.0);
        else
            assert_true(wait <= 0.6); /* the first back-off */
        assert_int_equal(r.safe, 0);
        assert_int_equal(s->posts, 1);
        assert_int_equal(files_in(&r, SHELF_SPOOL), 0); /* backfill: the log has it */
        deliver(&r);
        assert_string_equal(books(&r, 0).state, "ready");
        assert_string_equal(books(&r, 0).last_error, "");
        assert_stored(s, 0, 3);
        rig_remove(&r);
    }
}

static void test_lost_answers(void **state)
{
    static const struct {
        enum fake_manner manner;
        size_t stored_before;
    } table[] = {{FAKE_RESET, 0}, {FAKE_STORE_RESET, 5}, {FAKE_OTHER_ID, 0}, {FAKE_CUT, 5}};
    for (size_t i = 0; i < COUNT(table); i++)
        for (int spool = 0; spool < 2; spool++) {
            struct rig r;
            struct fake_server *s = &r.server[0];
            rig_make(&r, 1, spool);
            settle(&r);
            fake_next(s, table[i].manner, 0, NULL);
            if (table[i].manner == FAKE_RESET || table[i].manner == FAKE_STORE_RESET)
                fake_next(s, table[i].manner, 0,
                          NULL); /* libcurl tries a fresh connection itself */
            send_pages(&r, 5, MAIN);
            settle(&r);
            assert_int_equal(books(&r, 0).acknowledged, 0);
            assert_int_equal(s->n_stored, table[i].stored_before);
            assert_int_equal(r.safe, spool);
            deliver(&r);
            assert_stored(s, 0, 5);
            assert_int_equal(s->duplicates, 0); /* the same id: the stored answer */
            assert_int_equal(s->n_ids, 1);
            assert_int_equal(books(&r, 0).acknowledged, 5);
            assert_empty_shelves(&r);
            rig_remove(&r);
        }
}

/* Nobody listens there. */
static void test_no_server(void **state)
{
    struct rig r;
    rig_make(&r, 1, true);
    settle(&r);
    ev_io_stop(r.loop, &r.server[0].accept);
    close(r.server[0].accept.fd);
    while (r.server[0].first)
        fake_close(r.server[0].first, false);
    for (int i = 0; i < 20; i++) {
        send_pages(&r, 2, MAIN);
        settle(&r);
    }
    assert_int_equal(r.safe, 20); /* the spool has it, the lines go on */
    assert_int_equal(files_in(&r, SHELF_SPOOL), 20);
    assert_int_equal(books(&r, 0).spooled, 40);
    assert_true(uplink_is_down(r.uplink));
    r.server[0].accept.fd = dup(STDIN_FILENO); /* something to close */
    rig_remove(&r);
}

static void test_paused(void **state)
{
    static const int statuses[] = {302, 402, 403, 404, 405, 426};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct rig r;
        struct fake_server *s = &r.server[0];
        rig_make(&r, 1, true);
        settle(&r);
        s->always = statuses[i];
        send_pages(&r, 3, MAIN);
        settle(&r);
        assert_string_equal(books(&r, 0).state, "paused");
        assert_int_equal(s->posts, 1);
        assert_int_equal(books(&r, 0).spooled, 3);
        send_pages(&r, 3, MAIN); /* straight to the spool */
        settle(&r);
        assert_int_equal(s->posts, 1);
        assert_int_equal(r.safe, 2);
        assert_int_equal(books(&r, 0).spooled, 6);
        s->always = 0;
        uplink_retry_now(r.uplink);
        deliver(&r);
        assert_stored(s, 0, 6);
        assert_empty_shelves(&r);
        rig_remove(&r);
    }
}

static void test_changed_token(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make(&r, 1, true);
    settle(&r);
    snprintf(s->token, sizeof(s->token), "token-two");
    send_pages(&r, 3, MAIN);
    settle(&r);
    assert_string_equal(books(&r, 0).state, "paused");
    assert_int_equal(s->unauthorized, 1);
    assert_int_equal(r.safe, 1);
    uplink_retry_now(r.uplink); /* still the old one */
    settle(&r);
    assert_string_equal(books(&r, 0).state, "paused");
    assert_int_equal(s->unauthorized, 2);
    write_token(&r, "token-two\n");
    uplink_retry_now(r.uplink);
    deliver(&r);
    assert_stored(s, 0, 3);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_two_destinations),
        cmocka_unit_test(test_sites_are_learnt),
        cmocka_unit_test(test_configured_sites),
        cmocka_unit_test(test_closed_sites),
        cmocka_unit_test(test_partly_opened),
        cmocka_unit_test(test_full_parked_shelf),
        cmocka_unit_test(test_parked_over_a_restart),
        cmocka_unit_test(test_dead_letters),
        cmocka_unit_test(test_no_room_for_dead_letters),
        cmocka_unit_test(test_split_down_to_the_record),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_a_record_that_is_too_large),
        cmocka_unit_test(test_split_and_away),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_lost_answers),
        cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_changed_token),
    };
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
