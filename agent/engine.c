/* engine.c - the engine's life, and its positions; see engine.h. */
#include "agent/engine_impl.h"
#include "agent/timers.h"
#include "config/exit_codes.h"
#include "parsers/base/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

int64_t engine_now_ms(const struct engine *e)
{
    return (int64_t)(ev_now(e->o.loop) * 1000);
}

double engine_mono_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int64_t engine_mono_ms(void)
{
    return (int64_t)(engine_mono_s() * 1000);
}

double engine_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- positions --------------------------------------------------------------------------------
 */

static void run_save(struct task *task, unsigned worker)
{
    struct engine *e = (struct engine *)((char *)task - offsetof(struct engine, save_task));
    e->save_rc = positions_store(e->o.state_fd, e->saved_generation, buf_str(&e->saving_text));
}

void engine_start_timer(struct engine *e, ev_timer *t, double after)
{
    if (ev_is_active(t))
        return;
    ev_timer_set(t, after, 0.0);
    ev_timer_start(e->o.loop, t);
}

static void plan_save(struct engine *e, double after)
{
    double retry = e->save_rc ? e->save_failed_at + SAVE_RETRY_S - engine_mono_s() : 0;
    after = after > retry ? after : retry;
    timer_pull(e->o.loop, &e->save_timer, after);
}

/* What became safe is saved a second after the last such save, and at once when there was none in
 * this life: a process that lives shorter has saved something too. With very many files it takes
 * longer. */
static double save_due(const struct engine *e)
{
    double every = e->save_cost_s * SAVE_SHARE;
    every = every < SAVE_EVERY_S ? SAVE_EVERY_S : every > SAVE_AT_MOST_S ? SAVE_AT_MOST_S : every;
    return e->last_saved_at > 0 ? e->last_saved_at + every - engine_mono_s() : 0;
}

static void save_failed(struct engine *e)
{
    e->dirty = true;
    e->save_failed_at = engine_mono_s();
    if (log_limit_pass(&e->save_complaint, engine_mono_ms(), 60000))
        log_event(LOG_ERROR, "positions_not_saved",
                  "directory=%s why=\"%s\" mend=\"free space or mend the disk; after a crash lines "
                  "would be sent twice, and dropped by the server\"",
                  e->o.state_path, strerror(e->save_rc));
    plan_save(e, SAVE_RETRY_S);
}

static void on_saved(struct task *task)
{
    struct engine *e = (struct engine *)((char *)task - offsetof(struct engine, save_task));
    e->saving = false;
    if (e->save_rc)
        save_failed(e);
    else
        uplink_saved(e->uplink, e->saved_generation);
    if (e->dirty)
        plan_save(e, save_due(e));
    engine_go_on(e);
}

static void save(struct engine *e)
{
    if (e->saving || !e->dirty)
        return;
    double before = engine_cpu_s();
    buf_reset(&e->saving_text);
    e->positions.uptime_s = e->uptime_s + (uint64_t)((engine_mono_ms() - e->began_ms) / 1000);
    if (positions_encode(&e->positions, engine_now_ms(e), &e->saving_text)) {
        e->save_rc = ENOMEM; /* or over POSITIONS_MAX_BYTES */
        save_failed(e);
        return;
    }
    e->save_cost_s = engine_cpu_s() - before;
    e->dirty = false;
    e->saving = true;
    e->saved_generation = e->positions.generation;
    if (e->progress)
        e->last_saved_at = engine_mono_s();
    e->progress = false;
    fault_point("engine.before_save");
    e->save_task = (struct task){.run = run_save, .done = on_saved};
    pool_submit(e->pool, &e->save_task, true);
}

static void on_save_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct engine *e = timer->data;
    uint64_t uptime = e->positions.uptime_s;
    positions_expire(&e->positions, uptime > EXPIRE_S ? uptime - EXPIRE_S : 0);
    save(e);
}

void engine_dirty(struct engine *e)
{
    e->dirty = true;
    if (e->started && !e->saving)
        plan_save(e, save_due(e));
}

void engine_dirty_later(struct engine *e)
{
    e->dirty = true;
    if (e->started && !e->saving)
        plan_save(e, SAVE_EVERY_S);
}

static void on_uplink_dirty(void *context)
{
    engine_dirty(context);
}

static void on_safe(void *context, struct group *g)
{
    struct engine *e = context;
    for (size_t i = 0; i < g->n_spans; i++) {
        const struct span *s = &g->spans[i];
        if (positions_cover(s->position, s->file_from, s->file_to, s->seam_hash))
            abort(); /* a handful of bytes; a restart reads these lines again */
        s->position->seen_s = e->positions.uptime_s;
        s->position->users--;
    }
    group_free(g);
    e->progress = true;
    engine_dirty(e);
}

/* Where one file of several is gone, what the others have is read again all the same. */
static bool on_expired(void *context, const struct spool_span *spans, size_t n)
{
    bool all = true;
    for (size_t i = 0; i < n; i++)
        all = engine_rewind(context, spans[i].key, spans[i].from, spans[i].to) && all;
    return all;
}

static int64_t lag_ms(void *context)
{
    const struct engine *e = context;
    int64_t most = 0;
    for (size_t i = 0; i < e->o.n_sources; i++) {
        struct source_lag lag;
        engine_read_lag(e, i, &lag);
        most = lag.oldest_ms > most ? lag.oldest_ms : most;
    }
    return most;
}

static bool logs_are_known(void *context)
{
    const struct engine *e = context;
    return e->looked || !e->o.follow;
}

/* ---- progress ---------------------------------------------------------------------------------
 */

static void finish(struct engine *e)
{
    if (e->finished || e->saving)
        return;
    if (!e->last_save) { /* one more, with all that is safe now */
        e->last_save = true;
        e->dirty = true;
        save(e);
        return;
    }
    fault_point("engine.finished");
    e->finished = true;
    ev_timer_stop(e->o.loop, &e->stop_timer);
    e->o.on_finished(e->o.context);
}

void engine_go_on(struct engine *e)
{
    if (!e->started || e->finished)
        return;
    if (!e->stopping)
        engine_fill_streams(e);
    if (e->carry && !ev_is_active(&e->carry_timer)) /* there was no room when it was due */
        engine_carry_due(e);
    bool ended = e->stopping || (!e->o.follow && TAILQ_EMPTY(&e->streams));
    if (ended && !e->carry && !e->fills && !e->looks && uplink_is_settled(e->uplink))
        finish(e);
}

static void on_change(void *context)
{
    engine_go_on(context);
}

static void on_pace_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    engine_go_on(timer->data);
}

static void on_carry_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    engine_carry_due(timer->data);
}

/* The time is up: one more save, and what is still in memory is read again after the next start. */
static void on_stop_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct engine *e = timer->data;
    if (!e->too_late)
        e->last_save = false;
    e->too_late = true;
    finish(e);
    if (!e->finished)
        engine_start_timer(e, &e->stop_timer, 0.1);
}

static void on_look_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    engine_look(timer->data);
}

static void on_tidy_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct engine *e = timer->data;
    engine_tidy(e);
    engine_go_on(e);
}

void engine_stop(struct engine *e, double seconds)
{
    if (e->stopping)
        return;
    e->stopping = true;
    ev_timer_stop(e->o.loop, &e->look_timer);
    ev_timer_stop(e->o.loop, &e->tidy_timer);
    engine_start_timer(e, &e->stop_timer, seconds);
    uplink_quiesce(e->uplink);
    engine_carry_due(e);
    engine_go_on(e);
}

/* ---- making one -------------------------------------------------------------------------------
 */

static int init_sources(struct engine *e, struct buf *why)
{
    const struct agent_config *c = e->o.config;
    e->sources = calloc(e->o.n_sources, sizeof(*e->sources));
    for (size_t i = 0; e->sources && i < e->o.n_sources; i++) {
        struct source *s = &e->sources[i];
        if (source_init(s, &e->o.sources[i], c, why))
            return EXIT_BAD_CONFIG;
        s->rules.since_ms = e->o.since_ms;
        s->rules.until_ms = e->o.until_ms;
        if (e->o.follow && log_roots_init(&s->roots, s->config))
            return EXIT_INTERNAL;
    }
    return e->sources ? 0 : EXIT_INTERNAL;
}

static void on_ignored_agents(struct str why)
{
    log_event(LOG_WARN, "agents_ignored",
              "why=\"%.*s\" mend=\"logferry agents update, with a good file\"", STR_ARGS(why));
}

static int init_workers(struct engine *e)
{
    unsigned n = e->o.config->workers;
    e->kits = calloc(n, sizeof(*e->kits));
    if (!e->kits ||
        agents_home_load_for(&e->agents, e->o.given_state, e->o.config, on_ignored_agents))
        return EXIT_INTERNAL;
    for (unsigned i = 0; i < n; i++) {
        e->kits[i].parsers = calloc(e->o.n_sources, sizeof(struct parser *));
        if (!e->kits[i].parsers ||
            digest_init(&e->kits[i].digest, e->agents.catalogue, e->agents.ranges))
            return EXIT_INTERNAL;
    }
    e->pool = pool_new(e->o.loop, n);
    return e->pool ? 0 : EXIT_INTERNAL;
}

static void init_timer(struct engine *e, ev_timer *t,
                       void (*callback)(struct ev_loop *, ev_timer *, int))
{
    ev_timer_init(t, callback, 0.0, 0.0);
    t->data = e;
}

static void init_labels(struct engine *e)
{
    const struct agent_config *c = e->o.config;
    e->labels = (struct builder_labels){.node = c->node, .job = e->o.job};
    for (size_t i = 0; i < c->n_destinations; i++) {
        e->labels.compress = e->labels.compress || !c->destinations[i].local;
        e->labels.all_destinations |= 1u << i;
    }
}

static int load_positions(struct engine *e, struct buf *why)
{
    int loaded = positions_load(&e->positions, e->o.state_fd, e->o.state_path, why);
    if (loaded < 0)
        return EXIT_BAD_DATA;
    if (why->n) /* what the older generation does not know is sent again */
        log_event(LOG_WARN, "positions_damaged", "why=\"%.*s\"", STR_ARGS(buf_str(why)));
    buf_reset(why);
    e->uptime_s = e->positions.uptime_s;
    return 0;
}

/* Half of what is left to files, the rest to connections and what is opened for a moment. */
static size_t most_open(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return MAX_OPEN;
    size_t half = limit.rlim_cur > 48 ? (limit.rlim_cur - 32) / 2 : 8;
    return half < MAX_OPEN ? half : MAX_OPEN;
}

struct engine *engine_new(const struct engine_options *options, struct buf *why, int *exit_code)
{
    struct engine *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->o = *options;
    TAILQ_INIT(&e->streams);
    TAILQ_INIT(&e->ready);
    TAILQ_INIT(&e->open);
    TAILQ_INIT(&e->passed);
    e->began_ms = engine_mono_ms();
    e->max_open = most_open();
    buf_init(&e->saving_text, POSITIONS_MAX_BYTES);
    init_timer(e, &e->save_timer, on_save_timer);
    init_timer(e, &e->look_timer, on_look_timer);
    init_timer(e, &e->tidy_timer, on_tidy_timer);
    ev_timer_set(&e->tidy_timer, TIDY_EVERY_S, TIDY_EVERY_S);
    init_timer(e, &e->pace_timer, on_pace_timer);
    init_timer(e, &e->carry_timer, on_carry_timer);
    init_timer(e, &e->stop_timer, on_stop_timer);
    init_labels(e);
    struct uplink_options u = {.loop = options->loop,
                               .config = options->config,
                               .positions = &e->positions,
                               .state_fd = options->state_fd,
                               .spool = options->follow,
                               .context = e,
                               .on_safe = on_safe,
                               .on_change = on_change,
                               .on_dirty = on_uplink_dirty,
                               .on_expired = on_expired,
                               .lag_ms = options->follow ? lag_ms : NULL,
                               .logs_are_known = logs_are_known};
    *exit_code = init_sources(e, why);
    if (!*exit_code)
        *exit_code = init_workers(e);
    if (!*exit_code)
        *exit_code = load_positions(e, why);
    u.pool = e->pool;
    if (!*exit_code && !(e->uplink = uplink_new(&u, why)))
        *exit_code = EXIT_CANNOT_WRITE;
    if (*exit_code) {
        if (!why->n)
            buf_printf(why, "out of memory");
        engine_free(e);
        return NULL;
    }
    return e;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    ev_timer *timers[] = {&e->save_timer, &e->look_timer,  &e->tidy_timer,
                          &e->pace_timer, &e->carry_timer, &e->stop_timer};
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
        ev_timer_stop(e->o.loop, timers[i]);
    watch_free(e->watch);
    pool_free(e->pool); /* first: past the deadline of a stop, tasks still use what follows */
    uplink_free(e->uplink);
    while (!TAILQ_EMPTY(&e->streams))
        engine_drop_stream(e, TAILQ_FIRST(&e->streams));
    file_map_release(&e->by_inode);
    file_map_release(&e->by_path);
    engine_release_files(e);
    builder_free(e->carry);
    while (e->n_spare)
        builder_free(e->spare[--e->n_spare]);
    for (unsigned i = 0; e->kits && i < e->o.config->workers; i++) {
        digest_release(&e->kits[i].digest);
        for (size_t k = 0; e->kits[i].parsers && k < e->o.n_sources; k++)
            parser_free(e->kits[i].parsers[k]);
        free(e->kits[i].parsers);
    }
    for (size_t i = 0; e->sources && i < e->o.n_sources; i++)
        source_release(&e->sources[i]);
    free(e->kits);
    free(e->sources);
    agents_home_release(&e->agents);
    positions_release(&e->positions);
    buf_release(&e->saving_text);
    free(e);
}

/* Whose file an entry is of. A source without any that was never looked for either is fresh: its
 * `start` decides. */
static void name_sources(struct engine *e)
{
    for (size_t i = 0; i < e->o.n_sources; i++)
        e->sources[i].fresh = !positions_looked(&e->positions, discover_id(e->sources[i].config));
    for (size_t k = 0; k < e->positions.n; k++) {
        struct position *p = e->positions.v[k];
        for (size_t i = 0; i < e->o.n_sources && p->source < 0; i++) {
            uint64_t family = discover_family(e->sources[i].config, p->path);
            if (!family)
                continue;
            p->source = (int)i;
            p->family = family;
            e->sources[i].fresh = false;
        }
    }
}

/* What another process has read to its end is finished only if it lived to make it safe. */
static void reopen_unsafe(struct engine *e)
{
    for (size_t i = 0; i < e->positions.n; i++) {
        struct position *p = e->positions.v[i];
        if (!p->finished || positions_frontier(p) >= p->size)
            continue;
        p->finished = false;
        positions_changed(p);
    }
}

void engine_note_looked(struct engine *e, const struct source_config *c)
{
    int noted = positions_note_looked(&e->positions, discover_id(c));
    if (noted < 0)
        abort(); /* a number; a restart looks again */
    if (noted)
        engine_dirty(e);
}

/* Of the sources that wait for a line to know their format by. */
static void note_waiting(struct engine *e)
{
    const struct agent_config *c = e->o.config;
    for (size_t i = e->o.n_sources; i < c->n_sources; i++)
        if (c->sources[i].no_line)
            engine_note_looked(e, &c->sources[i]);
}

void engine_start(struct engine *e)
{
    e->started = true;
    if (e->dirty)
        engine_dirty(e);
    if (e->o.follow) {
        name_sources(e);
        note_waiting(e);
        reopen_unsafe(e);
        engine_watch(e);
        engine_look(e);
        ev_timer_start(e->o.loop, &e->tidy_timer);
    }
    engine_go_on(e);
}

/* ---- books ------------------------------------------------------------------------------------
 */

struct uplink *engine_uplink(struct engine *e)
{
    return e->uplink;
}

const struct source *engine_sources(const struct engine *e, size_t *n)
{
    *n = e->o.n_sources;
    return e->sources;
}

void engine_counts(const struct engine *e, struct counts *out)
{
    *out = (struct counts){0};
    for (size_t i = 0; i < e->o.n_sources; i++)
        counts_add(out, &e->sources[i].counts);
}

double engine_progress(const struct engine *e, uint64_t bytes)
{
    double done = (double)e->left_bytes;
    for (const struct stream *s = TAILQ_FIRST(&e->streams); s; s = TAILQ_NEXT(s, all))
        if (s->state != STREAM_BUSY)
            done += (double)(s->r.file_offset < s->size ? s->r.file_offset : s->size);
    return bytes ? done / (double)bytes : 1;
}

unsigned engine_unread(const struct engine *e)
{
    return e->unread;
}
