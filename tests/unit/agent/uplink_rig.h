/*
 * uplink_rig.h - an uplink with its pool, positions and scripted servers on one loop. At every turn
 * of the loop the books of every destination balance. Included after cmocka, by one .c file a
 * program.
 */
#ifndef LOGFERRY_TESTS_UPLINK_RIG_H
#define LOGFERRY_TESTS_UPLINK_RIG_H

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
    const char *protocol; /* NULL: batch; with more keys of the destination behind it */
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
    bool logs_are_there; /* what on_expired answers */
    bool taken_back;     /* records leave the books and come anew: their sum is not compared */
    uint64_t expired_from, expired_to; /* of its last call */
    unsigned expired;                  /* its calls */
};

/* ---- the engine's part ------------------------------------------------------------------------
 */

static inline void on_safe(void *context, struct group *g)
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

static inline void on_change(void *context)
{
}

static inline void on_dirty(void *context)
{
    struct rig *r = context;
    r->dirty++;
}

static inline bool on_expired(void *context, const struct spool_span *spans, size_t n)
{
    struct rig *r = context;
    for (size_t i = 0; i < n; i++)
        assert_non_null(positions_by_key(&r->positions, spans[i].key));
    r->expired++;
    r->expired_from = n ? spans[0].from : 0;
    r->expired_to = n ? spans[n - 1].to : 0;
    return r->logs_are_there;
}

static inline void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
}

static inline void write_token(struct rig *r, const char *token)
{
    scratch_write(&r->dir, "token", str_of(token));
}

static inline void load_config(struct rig *r)
{
    struct buf text, error;
    buf_init(&text, 8192);
    buf_init(&error, 8192);
    buf_lit(&text, "destinations:\n");
    for (unsigned i = 0; i < r->n_servers; i++)
        buf_printf(&text, "  %s: {url: '%s', token_file: %s/token, protocol: %s}\n",
                   i ? "other" : "main", r->server[i].url, r->dir.path,
                   r->protocol ? r->protocol : "batch");
    if (r->configured_sites)
        buf_lit(&text, "sites:\n  - {hosts: [example.com, alias.example], site: example.com}\n");
    r->config = agent_config_parse(buf_str(&text), "test", &error);
    if (!r->config)
        fail_msg("%s", buf_cstr(&error));
    buf_release(&text);
    buf_release(&error);
}

static inline void start_uplink(struct rig *r)
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
                                           .on_dirty = on_dirty,
                                           .on_expired = on_expired};
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

static inline void begin_file(struct rig *r)
{
    r->position = positions_add(&r->positions, (struct hash128){{7}}, 1, 1, "/l/a.log");
    assert_non_null(r->position);
}

static inline void rig_make_servers(struct rig *r, unsigned n_servers, bool spool)
{
    *r = (struct rig){.n_servers = n_servers, .spool = spool};
    scratch_make(&r->dir);
    r->loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer_init(&r->tick, on_tick, 0.005, 0.005);
    ev_timer_start(r->loop, &r->tick);
    for (unsigned i = 0; i < n_servers; i++)
        fake_start(&r->server[i], r->loop);
}

static inline void rig_make_agent(struct rig *r)
{
    static const struct builder_labels labels = {.node = {"n", 1}, .all_destinations = MAIN};
    write_token(r, "token-one");
    load_config(r);
    r->pool = pool_new(r->loop, 2);
    r->catalogue = catalogue_new(false);
    r->agents = ua_cache_new(r->catalogue);
    r->builder = builder_new(&labels);
    begin_file(r);
    start_uplink(r);
}

static inline void rig_make(struct rig *r, unsigned n_servers, bool spool)
{
    rig_make_servers(r, n_servers, spool);
    rig_make_agent(r);
}

/* records = acknowledged + dead + in memory + spooled + parked + expired + refused + held, at any
 * moment. */
static inline void check_books(struct rig *r)
{
    for (size_t i = 0; i < uplink_destinations(r->uplink); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(r->uplink, i, &l);
        uint64_t sum = l.acknowledged + l.dead + l.in_memory + l.spooled + l.parked + l.expired +
                       l.refused + l.held;
        if (l.records != sum || (l.records != r->sent[i] && !r->taken_back))
            fail_msg("%s: %llu records = %llu acknowledged + %llu dead + %llu in memory + %llu "
                     "spooled + %llu parked; %llu were sent",
                     l.name, (unsigned long long)l.records, (unsigned long long)l.acknowledged,
                     (unsigned long long)l.dead, (unsigned long long)l.in_memory,
                     (unsigned long long)l.spooled, (unsigned long long)l.parked,
                     (unsigned long long)r->sent[i]);
    }
}

static inline struct uplink_ledger books(const struct rig *r, size_t i)
{
    struct uplink_ledger l;
    uplink_read_ledger(r->uplink, i, &l);
    return l;
}

/* What waits for a moment to come: now. Waits for a token or a site are left alone. */
static inline void hurry(struct rig *r)
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

static inline void wait_for(struct rig *r, const char *what, condition holds, bool impatient)
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
static inline bool is_quiet(struct rig *r)
{
    for (size_t i = 0; i < r->uplink->n_destinations; i++)
        if (r->uplink->destinations[i].n_flying || r->uplink->destinations[i].asking)
            return false;
    return !r->uplink->tasks && !pool_pending(r->pool);
}

static inline bool is_delivered(struct rig *r)
{
    for (size_t i = 0; i < r->uplink->n_destinations; i++) {
        struct uplink_ledger l = books(r, i);
        if (l.in_memory || l.spooled)
            return false;
    }
    return is_quiet(r);
}

static inline void settle(struct rig *r)
{
    wait_for(r, "quiet", is_quiet, false);
}

static inline void deliver(struct rig *r)
{
    wait_for(r, "delivered", is_delivered, true);
}

/* Each server has told its sites, and then none answers any more. */
static inline void rig_make_down(struct rig *r, unsigned n_servers)
{
    rig_make(r, n_servers, true);
    settle(r);
    for (unsigned i = 0; i < n_servers; i++)
        r->server[i].always = 503;
}

static inline bool sites_known(struct rig *r)
{
    return uplink_sites(r->uplink) && is_quiet(r);
}

static inline void save(struct rig *r)
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
static inline void restart(struct rig *r)
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

static inline void rig_remove(struct rig *r)
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

static inline void begin_group(struct rig *r)
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

static inline void put(struct rig *r, const char *host, const char *path, unsigned to)
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

static inline void submit(struct rig *r)
{
    struct group *g = builder_seal(r->builder);
    assert_non_null(g);
    r->groups++;
    uplink_submit(r->uplink, g);
    check_books(r);
}

static inline void send_pages(struct rig *r, unsigned n, unsigned to)
{
    begin_group(r);
    for (unsigned i = 0; i < n; i++)
        put(r, "example.com", "page", to);
    submit(r);
}

static inline size_t files_in(struct rig *r, enum shelf shelf)
{
    struct spool_item *items;
    size_t n;
    assert_int_equal(spool_list(r->uplink->shelf_fd[shelf], &items, &n), 0);
    free(items);
    return n;
}

/* Every record of [from, to) is stored at that server, each once. */
static inline void assert_stored(const struct fake_server *s, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at++) {
        size_t n = 0;
        for (size_t i = 0; i < s->n_stored; i++)
            n += s->stored[i].at == at;
        if (n != 1)
            fail_msg("the record at %llu is stored %zu times", (unsigned long long)at, n);
    }
}

static inline void assert_empty_shelves(struct rig *r)
{
    save(r);
    assert_int_equal(files_in(r, SHELF_SPOOL), 0);
    assert_int_equal(files_in(r, SHELF_PARKED), 0);
    assert_int_equal(files_in(r, SHELF_DEAD), 0);
    assert_null(r->uplink->parcels);
}

#endif
