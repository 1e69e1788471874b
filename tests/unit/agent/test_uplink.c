/*
 * What leaves the machine, with a server on the same loop that answers as it is told. At every turn
 * of the loop the books of every destination balance; in the end every record is stored once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>

#include "agent/state_dir.h"
#include "agent/uplink_impl.h"
#include "tests/unit/agent/fake_server.h"

#define PATIENCE_S 10.0
#define MAIN 1u
#define OTHER 2u

struct rig {
    struct scratch dir;
    struct ev_loop *loop;
    ev_timer tick; /* so that a wait comes back */
    struct fake_server server[2];
    unsigned n_servers;
    bool spool, configured_sites;
    struct agent_config *config;
    struct pool *pool;
    struct positions positions;
    struct position *position;
    struct uplink *uplink;
    struct catalogue *catalogue;
    struct ua_cache *agents;
    struct builder *builder;
    uint64_t at, serial;   /* the next record's position, and the lines so far */
    uint64_t sent[2];      /* records for each destination, since this uplink began */
    unsigned safe, groups; /* groups that came back, that were given */
    unsigned dirty;
};

/* ---- the engine's part ------------------------------------------------------------------------
 */

static void on_safe(void *context, struct group *g)
{
    struct rig *r = context;
    assert_int_equal(g->pending, 0);
    for (size_t i = 0; i < g->n_spans; i++)
        assert_int_equal(
            positions_cover(g->spans[i].position, g->spans[i].file_from, g->spans[i].file_to, 0),
            0);
    r->safe++;
    group_free(g);
}

static void on_change(void *context)
{
}

static void on_dirty(void *context)
{
    struct rig *r = context;
    r->dirty++;
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
}

static void write_token(struct rig *r, const char *token)
{
    scratch_write(&r->dir, "token", str_of(token));
}

static void load_config(struct rig *r)
{
    struct buf text, error;
    buf_init(&text, 8192);
    buf_init(&error, 8192);
    buf_lit(&text, "destinations:\n");
    for (unsigned i = 0; i < r->n_servers; i++)
        buf_printf(&text, "  %s: {url: '%s', token_file: %s/token}\n", i ? "other" : "main",
                   r->server[i].url, r->dir.path);
    if (r->configured_sites)
        buf_lit(&text, "sites:\n  - {hosts: [example.com, alias.example], site: example.com}\n");
    r->config = agent_config_parse(buf_str(&text), "test", &error);
    if (!r->config)
        fail_msg("%s", buf_cstr(&error));
    buf_release(&text);
    buf_release(&error);
}

static void start_uplink(struct rig *r)
{
    struct buf why;
    buf_init(&why, 8192);
    const struct uplink_options options = {.loop = r->loop,
                                           .pool = r->pool,
                                           .config = r->config,
                                           .positions = &r->positions,
                                           .state_fd = r->dir.fd,
                                           .spool = r->spool,
                                           .context = r,
                                           .on_safe = on_safe,
                                           .on_change = on_change,
                                           .on_dirty = on_dirty};
    r->uplink = uplink_new(&options, &why);
    if (!r->uplink)
        fail_msg("%s", buf_cstr(&why));
    for (size_t i = 0; i < r->n_servers; i++) {
        struct uplink_ledger l;
        uplink_read_ledger(r->uplink, i, &l);
        r->sent[i] = l.records;
    }
    buf_release(&why);
}

static void begin_file(struct rig *r)
{
    r->position = positions_add(&r->positions, (struct hash128){{7}}, 1, 1, "/l/a.log");
    assert_non_null(r->position);
}

static void rig_make(struct rig *r, unsigned n_servers, bool spool)
{
    static const struct builder_labels labels = {.node = {"n", 1}, .all_destinations = MAIN};
    *r = (struct rig){.n_servers = n_servers, .spool = spool};
    scratch_make(&r->dir);
    r->loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&r->tick, on_tick, 0.005, 0.005);
    ev_timer_start(r->loop, &r->tick);
    for (unsigned i = 0; i < n_servers; i++)
        fake_start(&r->server[i], r->loop);
    write_token(r, "token-one");
    load_config(r);
    r->pool = pool_new(r->loop, 2);
    r->catalogue = catalogue_new(false);
    r->agents = ua_cache_new(r->catalogue);
    r->builder = builder_new(&labels);
    begin_file(r);
    start_uplink(r);
}

/* records = acknowledged + dead + in memory + spooled + parked, at any moment. */
static void check_books(struct rig *r)
{
    for (size_t i = 0; i < uplink_destinations(r->uplink); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(r->uplink, i, &l);
        uint64_t sum = l.acknowledged + l.dead + l.in_memory + l.spooled + l.parked;
        if (l.records != sum || l.records != r->sent[i])
            fail_msg("%s: %llu records = %llu acknowledged + %llu dead + %llu in memory + %llu "
                     "spooled + %llu parked; %llu were sent",
                     l.name, (unsigned long long)l.records, (unsigned long long)l.acknowledged,
                     (unsigned long long)l.dead, (unsigned long long)l.in_memory,
                     (unsigned long long)l.spooled, (unsigned long long)l.parked,
                     (unsigned long long)r->sent[i]);
    }
}

static struct uplink_ledger books(const struct rig *r, size_t i)
{
    struct uplink_ledger l;
    uplink_read_ledger(r->uplink, i, &l);
    return l;
}

/* What waits for a moment to come: now. Waits for a token or a site are left alone. */
static void hurry(struct rig *r)
{
    for (size_t i = 0; i < r->uplink->n_destinations; i++) {
        struct destination *d = &r->uplink->destinations[i];
        if (d->state == DESTINATION_WAITING && ev_timer_remaining(r->loop, &d->timer) > 0.001) {
            ev_timer_stop(r->loop, &d->timer);
            ev_timer_set(&d->timer, 0.0, 0.0);
            ev_timer_start(r->loop, &d->timer);
        }
    }
    if (ev_is_active(&r->uplink->disk_timer)) {
        ev_timer_stop(r->loop, &r->uplink->disk_timer);
        ev_timer_set(&r->uplink->disk_timer, 0.0, 0.0);
        ev_timer_start(r->loop, &r->uplink->disk_timer);
    }
}

typedef bool (*condition)(struct rig *r);

static void wait_for(struct rig *r, const char *what, condition holds, bool impatient)
{
    ev_now_update(r->loop);
    double until = ev_now(r->loop) + PATIENCE_S;
    while (!holds(r)) {
        ev_run(r->loop, EVRUN_ONCE);
        check_books(r);
        if (impatient)
            hurry(r);
        if (ev_now(r->loop) > until)
            fail_msg("waited in vain: %s", what);
    }
}

/* Nothing is under way: no request, no task. */
static bool is_quiet(struct rig *r)
{
    for (size_t i = 0; i < r->uplink->n_destinations; i++)
        if (r->uplink->destinations[i].n_flying || r->uplink->destinations[i].asking)
            return false;
    return !r->uplink->tasks && !pool_pending(r->pool);
}

static bool is_delivered(struct rig *r)
{
    for (size_t i = 0; i < r->uplink->n_destinations; i++) {
        struct uplink_ledger l = books(r, i);
        if (l.in_memory || l.spooled)
            return false;
    }
    return is_quiet(r);
}

static void settle(struct rig *r)
{
    wait_for(r, "quiet", is_quiet, false);
}

static void deliver(struct rig *r)
{
    wait_for(r, "delivered", is_delivered, true);
}

static bool sites_known(struct rig *r)
{
    return uplink_sites(r->uplink) && is_quiet(r);
}

static void save(struct rig *r)
{
    struct buf b;
    buf_init(&b, POSITIONS_MAX_BYTES);
    assert_int_equal(positions_encode(&r->positions, 1, &b), 0);
    assert_int_equal(positions_store(r->dir.fd, r->positions.generation, buf_str(&b)), 0);
    uplink_saved(r->uplink, r->positions.generation);
    buf_release(&b);
    settle(r);
}

/* As after a crash: what is on disk is all there is. */
static void restart(struct rig *r)
{
    struct buf why;
    buf_init(&why, 8192);
    settle(r);
    uplink_free(r->uplink);
    positions_release(&r->positions);
    assert_true(positions_load(&r->positions, r->dir.fd, r->dir.path, &why) >= 0);
    buf_release(&why);
    start_uplink(r);
    check_books(r);
}

static void rig_remove(struct rig *r)
{
    settle(r);
    uplink_free(r->uplink);
    pool_free(r->pool);
    for (unsigned i = 0; i < r->n_servers; i++)
        fake_stop(&r->server[i]);
    builder_free(r->builder);
    ua_cache_free(r->agents);
    catalogue_free(r->catalogue);
    agent_config_free(r->config);
    positions_release(&r->positions);
    ev_timer_stop(r->loop, &r->tick);
    ev_loop_destroy(r->loop);
    scratch_remove(&r->dir);
}

/* ---- groups -----------------------------------------------------------------------------------
 */

static void begin_group(struct rig *r)
{
    struct span s = {.position = r->position,
                     .stream = {{7}},
                     .file_from = r->at,
                     .file_to = r->at,
                     .from = r->at,
                     .to = r->at};
    builder_begin(r->builder, ++r->serial);
    assert_int_equal(builder_stream(r->builder, &s), 0);
}

static void put(struct rig *r, const char *host, const char *path, unsigned to)
{
    char url[200];
    struct record record = {.kind = RECORD_PAGEVIEW,
                            .at = r->at,
                            .time_ms = 1700000000000,
                            .user_agent = -1,
                            .user_agent_text = STR("Mozilla/5.0")};
    snprintf(url, sizeof(url), "https://%s/%s", host, path);
    record.url = str_of(url);
    assert_int_equal(
        builder_record(r->builder, &record, ua_cache_get(r->agents, record.user_agent_text), to),
        0);
    r->at++;
    builder_advance(r->builder, r->at, r->at);
    for (unsigned i = 0; i < 2; i++)
        r->sent[i] += to >> i & 1;
}

static void submit(struct rig *r)
{
    struct group *g = builder_seal(r->builder);
    assert_non_null(g);
    r->groups++;
    uplink_submit(r->uplink, g);
    check_books(r);
}

static void send_pages(struct rig *r, unsigned n, unsigned to)
{
    begin_group(r);
    for (unsigned i = 0; i < n; i++)
        put(r, "example.com", "page", to);
    submit(r);
}

static size_t files_in(struct rig *r, enum shelf shelf)
{
    struct spool_item *items;
    size_t n;
    assert_int_equal(spool_list(r->uplink->shelf_fd[shelf], &items, &n), 0);
    free(items);
    return n;
}

/* Every record of [from, to) is stored at that server, each once. */
static void assert_stored(const struct fake_server *s, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at++) {
        size_t n = 0;
        for (size_t i = 0; i < s->n_stored; i++)
            n += s->stored[i].at == at;
        if (n != 1)
            fail_msg("the record at %llu is stored %zu times", (unsigned long long)at, n);
    }
}

static void assert_empty_shelves(struct rig *r)
{
    save(r);
    assert_int_equal(files_in(r, SHELF_SPOOL), 0);
    assert_int_equal(files_in(r, SHELF_PARKED), 0);
    assert_int_equal(files_in(r, SHELF_DEAD), 0);
    assert_null(r->uplink->parcels);
}

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
        builder_skip(r.builder, REASON_BOT);
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
    builder_skip(r.builder, REASON_BOT);
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

/* ---- the spool --------------------------------------------------------------------------------
 */

/* A file stays until positions that cover its lines are durable. */
static void test_files_wait_for_positions(void **state)
{
    struct rig r;
    struct fake_server *s = &r.server[0];
    rig_make(&r, 1, true);
    settle(&r);
    s->always = 503;
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
        rig_make(&r, 1, true);
        settle(&r);
        s->always = 503;
        send_pages(&r, 3, MAIN);
        settle(&r);
        send_pages(&r, 4, MAIN);
        settle(&r);
        uint64_t key = r.position->key;
        if (saved)
            save(&r);
        restart(&r);
        assert_int_equal(books(&r, 0).spooled, 7);
        struct position *p = positions_by_key(&r.positions, key, (struct hash128){{7}});
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
    rig_make(&r, 2, true);
    settle(&r);
    r.server[0].always = r.server[1].always = 503;
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
    rig_make(&r, 2, true);
    settle(&r);
    r.server[0].always = r.server[1].always = 503;
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
    struct position *p = positions_by_key(&r.positions, key, (struct hash128){{7}});
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
    rig_make(&r, 1, true);
    settle(&r);
    s->always = 503;
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
    rig_make(&r, 1, true);
    settle(&r);
    s->always = 503;
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
    rig_make(&r, 1, true);
    settle(&r);
    s->always = 503;
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
    rig_make(&r, 2, true);
    settle(&r);
    r.server[0].always = r.server[1].always = 503;
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
        rig_make(&r, 2, true);
        settle(&r);
        r.server[0].always = r.server[1].always = 503;
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
    rig_make(&r, 1, true);
    settle(&r);
    s->always = 503;
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
