/* What rests on disk has an age, and each destination its share of the room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/uplink_rig.h"

#define OLD_MS (8ll * 86400000)

/* As if all that is there now had been sealed eight days ago. */
static void grow_old(struct rig *r)
{
    for (struct parcel *p = r->uplink->parcels; p; p = p->next)
        p->born_ms -= OLD_MS;
    for (size_t i = 0; i < r->uplink->n_dead; i++)
        r->uplink->dead[i].born_ms -= OLD_MS;
    uplink_expire(r->uplink);
    settle(r);
}

/* Its lines are read again; the file stays until positions without them are durable, and until it
 * answers the destination gets no new file. */
static void test_rewound(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    send_pages(&r, 3, MAIN);
    settle(&r);
    uplink_expire(r.uplink);
    settle(&r);
    assert_int_equal(r.expired, 0); /* it is young */
    r.taken_back = r.logs_are_there = true;
    grow_old(&r);
    assert_int_equal(r.expired, 1);
    assert_int_equal(r.expired_from, 0);
    assert_int_equal(r.expired_to, 3);
    assert_int_equal(books(&r, 0).records, 0);
    assert_int_equal(books(&r, 0).expired, 0);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
    save(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 0);
    send_pages(&r, 2, MAIN);
    hurry(&r);
    settle(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 0);
    assert_int_equal(books(&r, 0).in_memory, 2);
    s->always = 0;
    deliver(&r);
    assert_stored(s, 3, 5);
    s->always = 503;
    send_pages(&r, 2, MAIN); /* it has answered: there is a spool again */
    settle(&r);
    assert_int_equal(files_in(&r, SHELF_SPOOL), 1);
    rig_remove(&r);
}

static void test_the_logs_are_gone(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    send_pages(&r, 3, MAIN);
    settle(&r);
    grow_old(&r);
    assert_int_equal(r.expired, 1);
    assert_int_equal(books(&r, 0).expired, 3);
    assert_int_equal(books(&r, 0).spooled, 0);
    s->always = 0;
    deliver(&r);
    assert_int_equal(s->n_stored, 0);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

/* One has it: the other loses it, and nothing is read again. */
static void test_one_has_it(void **state)
{
    struct rig r;
    rig_make_down(&r, 2);
    r.logs_are_there = true;
    send_pages(&r, 5, MAIN | OTHER);
    while (!files_in(&r, SHELF_SPOOL))
        ev_run(r.loop, EVRUN_ONCE);
    r.server[0].always = 0;
    while (books(&r, 0).acknowledged < 5) {
        hurry(&r);
        ev_run(r.loop, EVRUN_ONCE);
    }
    settle(&r);
    grow_old(&r);
    assert_int_equal(r.expired, 0);
    assert_int_equal(books(&r, 1).expired, 5);
    assert_int_equal(books(&r, 0).expired, 0);
    r.server[1].always = 0;
    assert_empty_shelves(&r);
    rig_remove(&r);
}

/* Half of it is delivered: what is not expires. */
static void test_halves(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    send_pages(&r, 8, MAIN);
    settle(&r);
    s->always = 0;
    s->max_records = 4;
    s->next[s->n_next++] = (struct fake_reply){.status = 413, .headers = "", .body = ""};
    while (books(&r, 0).acknowledged < 4) {
        ev_run(r.loop, EVRUN_ONCE);
        check_books(&r);
        if (s->n_stored == 4 || r.uplink->destinations[0].ledger.acknowledged)
            s->always = 503;
        hurry(&r);
    }
    s->always = 503;
    settle(&r);
    uint64_t have = books(&r, 0).acknowledged;
    grow_old(&r);
    assert_int_equal(books(&r, 0).acknowledged + books(&r, 0).expired, 8);
    assert_int_equal(books(&r, 0).acknowledged, have);
    assert_int_equal(r.expired, 0);
    s->always = 0;
    deliver(&r);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

static void test_parked_and_dead(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make(&r, 1, true);
    settle(&r);
    snprintf(s->closed, sizeof(s->closed), "example.com");
    s->closed_status = 403;
    send_pages(&r, 3, MAIN);
    settle(&r);
    assert_int_equal(files_in(&r, SHELF_PARKED), 1);
    restart(&r); /* the age goes over a restart */
    begin_file(&r);
    assert_int_equal(books(&r, 0).parked, 3);
    settle(&r);
    s->closed[0] = '\0';
    snprintf(s->bad, sizeof(s->bad), "poison");
    begin_group(&r);
    put(&r, "example.com", "poison", MAIN);
    submit(&r);
    settle(&r);
    assert_int_equal(files_in(&r, SHELF_DEAD), 1);
    assert_int_equal(r.uplink->n_dead, 1);
    snprintf(s->closed, sizeof(s->closed), "example.com");
    uint64_t parked = books(&r, 0).parked;
    grow_old(&r);
    assert_int_equal(books(&r, 0).expired, parked);
    assert_int_equal(books(&r, 0).dead, 1);
    assert_int_equal(r.uplink->shelf_bytes[SHELF_DEAD], 0);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

/* The dead one fills its share; the other one goes on, and the first gets its lines when it is
 * back.
 */
static void test_others_go_on(void **state)
{
    struct rig r;
    rig_make(&r, 2, true);
    settle(&r);
    r.config->limits.spool_bytes = 6000; /* 3000 for each */
    r.server[1].always = 503;
    r.taken_back = r.logs_are_there = true;
    for (unsigned i = 0; i < 20; i++) {
        send_pages(&r, 10, MAIN | OTHER);
        settle(&r);
    }
    wait_for(&r, "the healthy one", is_quiet, true);
    assert_int_equal(books(&r, 0).acknowledged, 200);
    assert_true(uplink_room(r.uplink) >= 4); /* reading goes on */
    assert_true(r.uplink->shelf_bytes[SHELF_SPOOL] <= 3300);
    uint64_t owed = books(&r, 1).owed, spooled = books(&r, 1).spooled;
    assert_true(owed > 100 && spooled > 0);
    assert_int_equal(owed + spooled + books(&r, 1).in_memory, 200);
    assert_true(r.safe < r.groups);
    uint64_t safe = intervals_gap(&r.position->safe, 0);
    assert_true(safe < 200); /* what is owed is not safe */
    r.server[1].always = 0;
    deliver(&r);
    while (!r.expired) {
        hurry(&r);
        ev_run(r.loop, EVRUN_ONCE);
    }
    assert_int_equal(r.expired, 1); /* one stretch of one stream */
    assert_true(r.expired_from <= safe && r.expired_to == 200);
    assert_int_equal(books(&r, 1).owed, 0);
    rig_remove(&r);
}

/* Not down, only slow: it has no say in the others' pace. */
static void test_a_slow_one(void **state)
{
    struct rig r;
    rig_make(&r, 2, true);
    settle(&r);
    ev_io_stop(r.loop, &r.server[1].accept); /* the kernel takes what comes, nobody reads it */
    for (struct fake_connection *c = r.server[1].first; c; c = c->next)
        ev_io_stop(r.loop, &c->io);
    for (unsigned i = 0; i < MAX_GROUPS_IN_MEMORY; i++)
        send_pages(&r, 10, MAIN | OTHER);
    ev_now_update(r.loop);
    double until = ev_now(r.loop) + PATIENCE_S;
    while (books(&r, 0).acknowledged < 60 || uplink_room(r.uplink) < MAX_GROUPS_IN_MEMORY - 1) {
        ev_run(r.loop, EVRUN_ONCE);
        check_books(&r);
        assert_true(ev_now(r.loop) < until);
    }
    assert_int_equal(books(&r, 1).acknowledged, 0);
    ev_io_start(r.loop, &r.server[1].accept);
    for (struct fake_connection *c = r.server[1].first; c; c = c->next)
        ev_io_start(r.loop, &c->io);
    deliver(&r);
    assert_stored(&r.server[1], 0, 60);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

static void test_drop_oldest(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make_down(&r, 1);
    r.config->limits.spool_bytes = 3000;
    r.config->limits.when_full = WHEN_FULL_DROP_OLDEST;
    for (unsigned i = 0; i < 20; i++) {
        send_pages(&r, 10, MAIN);
        settle(&r);
        save(&r);
    }
    assert_int_equal(r.safe, r.groups); /* nothing waits */
    assert_int_equal(books(&r, 0).in_memory, 0);
    assert_true(r.uplink->shelf_bytes[SHELF_SPOOL] <= 3300);
    uint64_t expired = books(&r, 0).expired;
    assert_true(expired >= 100 && expired < 200);
    s->always = 0;
    deliver(&r);
    assert_stored(s, expired, 200); /* the youngest are there */
    assert_int_equal(s->n_stored, 200 - expired);
    assert_empty_shelves(&r);
    rig_remove(&r);
}

/* What a start makes of `sealed` and of the file's time, against the present one. */
static void test_ages(void **state)
{
    static const int64_t day = 86400000;
    static const struct {
        int64_t sealed, changed, age; /* days before now */
    } table[] = {
        {0, 0, 0},     {3, 0, 3},       {8, 2, 8},         {36, 0, 36}, {38, 0, 0},
        {38, 5, 5},    {-3, 0, 0},      {-3, 2, 2},        {-3, -2, 0}, {4000, 4000, 0},
        {-4000, 4, 4}, {20000, 10, 10}, {20000, 20000, 0},
    };
    struct rig r;
    rig_make_down(&r, 1);
    send_pages(&r, 1, MAIN);
    settle(&r);
    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t now = (int64_t)(ev_now(r.loop) * 1000), changed = now - table[i].changed * day;
        struct timespec times[2] = {{.tv_sec = changed / 1000}, {.tv_sec = changed / 1000}};
        assert_int_equal(utimensat(r.dir.fd, "spool/0000000000000000.batch", times, 0), 0);
        int64_t age = uplink_age_ms(r.uplink, SHELF_SPOOL, 0, now - table[i].sealed * day);
        if (age / day != table[i].age && (age + 2000) / day != table[i].age)
            fail_msg("row %zu: %lld days", i, (long long)(age / day));
    }
    r.server[0].always = 0;
    deliver(&r);
    rig_remove(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewound),
        cmocka_unit_test(test_the_logs_are_gone),
        cmocka_unit_test(test_one_has_it),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_parked_and_dead),
        cmocka_unit_test(test_others_go_on),
        cmocka_unit_test(test_a_slow_one),
        cmocka_unit_test(test_drop_oldest),
        cmocka_unit_test(test_ages),
    };
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
