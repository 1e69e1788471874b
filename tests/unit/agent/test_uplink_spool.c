/* Batches that wait on disk: for a destination, over crashes, beside damage, with no room left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/uplink_rig.h"

/* A file stays until positions that cover its lines are durable. */
static void test_files_wait_for_positions(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    send_pages(&r, 3, MAIN);
    settle(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
    s->always = 0;
    save(&r); /* covers the lines, but not yet that it is done */
    deliver(&r);
    assert_stored(s, 0, 3);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
    uplink_saved(r.uplink, r.positions.generation);
    settle(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
    save(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 0);
    assert_int_equal(r.uplink->shelf_bytes[SHELF_SPOOL], 0);
    rig_remove(&r);
}

/* A crash before that: the spool is read before the positions, and tells what is safe. */
static void test_restart_from_the_spool(void **state)
{
    for (int saved = 0; saved < 2; saved++) {
        struct rig r;
        struct fake_server *s = &r.server[0];
        rig_make_down(&r, 1);
        send_pages(&r, 3, MAIN);
        settle(&r);
        send_pages(&r, 4, MAIN);
        settle(&r);
        uint64_t key = r.position->key;
        if (saved)
            save(&r);
        restart(&r);
        assert_int_equal(books(&r, 0).spooled, 7);
        struct position *p = positions_by_key(&r.positions, key);
        assert_non_null(p);
        assert_int_equal(intervals_gap(&p->safe, 0), 7);
        assert_string_equal(p->path, "/l/a.log");
        s->always = 0;
        deliver(&r);
        assert_stored(s, 0, 7);
        assert_int_equal(s->duplicates, 0);
        assert_empty_shelves(&r);
        rig_remove(&r);
    }
}

/* Two destinations, one file: each has its own cursor, over a restart too. */
static void test_cursors(void **state)
{
    struct rig r;
    rig_make_down(&r, 2);
    send_pages(&r, 5, MAIN | OTHER);
    settle(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
    assert_int_equal(r.safe, 1);
    r.server[0].always = 0;
    while (books(&r, 0).acknowledged < 5) {
        hurry(&r);
        settle(&r);
        ev_run(r.loop, EVRUN_ONCE);
    }
    settle(&r);
    save(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
    restart(&r);
    assert_int_equal(books(&r, 0).records, 0);
    assert_int_equal(books(&r, 1).spooled, 5);
    unsigned posts = r.server[0].posts;
    r.server[1].always = 0;
    deliver(&r);
    assert_int_equal(r.server[0].posts, posts);
    assert_stored(&r.server[0], 0, 5);
    assert_stored(&r.server[1], 0, 5);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

/* One batch for each, and both spill at once: a restart must know that these lines are safe, or
 * they are sent again. */
static void test_groups_of_two_batches(void **state)
{
    struct rig r;
    rig_make_down(&r, 2);
    send_pages(&r, 1, MAIN | OTHER);
    settle(&r);
    begin_group(&r);
    for (int i = 0; i < 3; i++) {
        put(&r, "example.com", "main", MAIN);
        put(&r, "example.com", "other", OTHER);
    }
    submit(&r);
    settle(&r);
    assert_int_equal(r.safe, 2);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 3);
    uint64_t key = r.position->key;
    restart(&r); /* the positions were never saved */
    struct position *p = positions_by_key(&r.positions, key);
    assert_non_null(p);
    assert_int_equal(intervals_gap(&p->safe, 0), 7);
    r.server[0].always = r.server[1].always = 0;
    deliver(&r);
    assert_int_equal(r.server[0].n_stored, 4);
    assert_int_equal(r.server[1].n_stored, 4);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

static void test_full_spool(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    r.config->limits.spool_bytes = 3000;
    for (unsigned i = 0; i < MAX_GROUPS_IN_MEMORY && uplink_room(r.uplink); i++) {
        send_pages(&r, 10, MAIN);
        settle(&r);
    }
    assert_true(r.safe >= 1 && r.safe < MAX_GROUPS_IN_MEMORY);
    assert_true(r.uplink->shelf_bytes[SHELF_SPOOL] <= 3000 + 300);
    assert_true(books(&r, 0).in_memory > 0);
    s->always = 0;
    deliver(&r);
    assert_int_equal(r.safe, r.groups);
    assert_stored(s, 0, r.at);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

static void test_damaged_file(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    send_pages(&r, 3, MAIN);
    settle(&r);
    send_pages(&r, 4, MAIN);
    settle(&r);
    scratch_append(&r.dir, "spool/0000000000000000.batch", STR("x"));
    restart(&r);
    assert_int_equal(books(&r, 0).spooled, 4);
    assert_true(scratch_has(&r.dir, "spool/0000000000000000.bad"));
    assert_int_equal(r.positions.n, 1); /* the first three will be read again */
    assert_int_equal(intervals_gap(&r.positions.v[0]->safe, 0), 0);
    assert_int_equal(intervals_gap(&r.positions.v[0]->safe, 3), 7);
    s->always = 0;
    deliver(&r);
    assert_stored(s, 3, 7);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

/* It is damaged while it waits: told, counted as dead, and no end of the world. */
static void test_file_damaged_later(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    for (int i = 0; i < 3; i++) {
        send_pages(&r, 3, MAIN);
        settle(&r);
    }
    scratch_append(&r.dir, "spool/0000000000000001.batch", STR("x"));
    s->always = 0;
    deliver(&r);
    assert_int_equal(books(&r, 0).dead, 3);
    assert_int_equal(books(&r, 0).acknowledged, 6);
    assert_stored(s, 0, 3);
    assert_stored(s, 6, 9);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

/* Halves are out at one destination, and the other finds the whole damaged. */
static void test_damaged_beside_halves(void **state)
{
    struct rig r;
    rig_make_down(&r, 2);
    send_pages(&r, 8, MAIN | OTHER);
    settle(&r);
    restart(&r); /* no copy of it in memory any more */
    r.server[0].always = 413;
    while (!r.uplink->parcels->halves[0]) {
        ev_run(r.loop, EVRUN_ONCE);
        check_books(&r);
    }
    r.server[0].always = 503;
    scratch_append(&r.dir, "spool/0000000000000000.batch", STR("x"));
    settle(&r);
    for (struct parcel *p = r.uplink->parcels; p; p = p->next)
        parcel_trim(p);
    while (!scratch_has(&r.dir, "spool/0000000000000000.bad")) {
        ev_run(r.loop, EVRUN_ONCE);
        check_books(&r);
        hurry(&r);
    }
    r.server[0].always = 0;
    deliver(&r);
    assert_stored(&r.server[0], 0, 8);
    assert_int_equal(books(&r, 0).acknowledged, 8);
    assert_int_equal(books(&r, 1).dead, 8);
    rig_remove(&r);
}

/* A destination that is not configured any more: its share waits on disk until it is, whatever the
 * others have. */
static void test_forgotten_destination(void **state)
{
    static const unsigned order[] = {0, 1};
    for (size_t i = 0; i < COUNT(order); i++) {
        struct rig r;
        char name[64];
        rig_make_down(&r, 2);
        send_pages(&r, 5, MAIN | OTHER);
        settle(&r);
        save(&r);
        settle(&r);
        uplink_free(r.uplink);
        struct destination_config kept = r.config->destinations[order[i]],
                                  gone = r.config->destinations[1 - order[i]];
        r.config->destinations[0] = kept;
        r.config->n_destinations = 1;
        r.n_servers = 1;
        start_uplink(&r);
        r.server[0].always = r.server[1].always = 0;
        deliver(&r);
        save(&r);
        assert_int_equal(books(&r, 0).acknowledged, 5);
        assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
        settle(&r);
        uplink_free(r.uplink);
        r.config->destinations[0] = order[i] ? gone : kept;
        r.config->destinations[1] = order[i] ? kept : gone;
        r.config->n_destinations = 2;
        r.n_servers = 2;
        start_uplink(&r);
        deliver(&r);
        snprintf(name, sizeof(name), "main %zu, other %zu", r.server[0].n_stored,
                 r.server[1].n_stored);
        if (r.server[0].n_stored != 5 || r.server[1].n_stored != 5 || r.server[0].duplicates ||
            r.server[1].duplicates)
            fail_msg("%s", name);
        assert_empty_shelves(&r);
        rig_remove(&r);
    }
}

#ifdef LOGFERRY_FAULTS
/* The first test: LOGFERRY_FAULT counts from the program's start. */
static void test_full_disk(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    send_pages(&r, 3, MAIN);
    settle(&r);
    assert_int_equal(r.safe, 0); /* neither there nor here */
    assert_int_equal(files_in(&r, SHELF_SPOOL), 0);
    assert_int_equal(books(&r, 0).in_memory, 3);
    assert_int_equal(r.uplink->shelf_bytes[SHELF_SPOOL], 0);
    assert_true(ev_is_active(&r.uplink->disk_timer));
    hurry(&r); /* there is room again */
    while (!r.safe)
        ev_run(r.loop, EVRUN_ONCE);
    settle(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
    s->always = 0;
    deliver(&r);
    assert_stored(s, 0, 3);
    assert_empty_shelves(&r);
    rig_remove(&r);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef LOGFERRY_FAULTS
        cmocka_unit_test(test_full_disk),
#endif
        cmocka_unit_test(test_files_wait_for_positions),
        cmocka_unit_test(test_restart_from_the_spool),
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_groups_of_two_batches),
        cmocka_unit_test(test_full_spool),
        cmocka_unit_test(test_damaged_file),
        cmocka_unit_test(test_file_damaged_later),
        cmocka_unit_test(test_damaged_beside_halves),
        cmocka_unit_test(test_forgotten_destination),
    };
    setenv("LOGFERRY_FAULT", "fail:spool.write:1-1:ENOSPC", 1);
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
