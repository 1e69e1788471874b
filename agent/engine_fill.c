/* engine_fill.c - who is read next, and when; see engine.h. */
#include "agent/engine_impl.h"

#include <stdlib.h>

/* ---- fills ------------------------------------------------------------------------------------
 */

static struct builder *take_builder(struct engine *e)
{
    struct builder *b = e->carry;
    e->carry = NULL;
    if (b)
        ev_timer_stop(e->o.loop, &e->carry_timer);
    else if (e->n_spare)
        b = e->spare[--e->n_spare];
    return b ? b : builder_new(&e->labels);
}

static void on_filled(struct task *task);

static void start_fill(struct engine *e, struct fill *f)
{
    f->task = (struct task){.run = fill_run, .done = on_filled};
    f->owner = e;
    f->kits = e->kits;
    f->sources = e->sources;
    f->sites = sites_ref(uplink_sites(e->uplink));
    e->fills++;
    pool_submit(e->pool, &f->task, false);
}

static struct fill *new_fill(struct builder *b)
{
    struct fill *f = calloc(1, sizeof(*f));
    if (!f || !b)
        abort(); /* some kilobytes; nothing has been read yet */
    f->builder = b;
    return f;
}

/* Reports lines without a record: in a batch of their own, when no record came in time. */
void engine_carry_due(struct engine *e)
{
    struct builder *b = e->carry;
    if (!b || !uplink_room(e->uplink))
        return;
    struct fill *f = new_fill(take_builder(e));
    f->seal = true;
    start_fill(e, f);
}

static void put_back(struct engine *e, struct builder *b)
{
    if (!builder_lines(b)) {
        if (e->n_spare < MAX_BUILDERS)
            e->spare[e->n_spare++] = b;
        else
            builder_free(b);
        return;
    }
    if (e->carry) { /* only one can wait */
        struct fill *f = new_fill(b);
        f->seal = true;
        start_fill(e, f);
        return;
    }
    e->carry = b;
    ev_timer_stop(e->o.loop, &e->carry_timer);
    ev_timer_set(&e->carry_timer, e->o.follow && !e->stopping ? CARRY_S : 0.05, 0.0);
    ev_timer_start(e->o.loop, &e->carry_timer);
}

/* Entries stay while spans under way name them. */
static void name_users(struct group *g)
{
    for (size_t i = 0; i < g->n_spans; i++)
        g->spans[i].position->users++;
}

static void on_filled(struct task *task)
{
    struct fill *f = (struct fill *)task;
    struct engine *e = f->owner;
    uint64_t lines = 0;
    e->fills--;
    for (size_t i = 0; i < f->n_groups; i++)
        name_users(f->groups[i]);
    for (size_t i = 0; i < f->n_streams; i++) {
        lines += f->streams[i]->r.counts.lines;
        engine_settle_stream(e, f->streams[i]);
    }
    if (e->o.rate) {
        double now = engine_mono_s();
        e->rate_at = (e->rate_at > now ? e->rate_at : now) + (double)lines / (double)e->o.rate;
    }
    put_back(e, f->builder);
    for (size_t i = 0; i < f->n_groups; i++)
        uplink_submit(e->uplink, f->groups[i]);
    sites_unref(f->sites);
    free(f);
    engine_go_on(e);
}

/* ---- who is next ------------------------------------------------------------------------------
 */

static void later(struct engine *e, double after)
{
    if (ev_is_active(&e->pace_timer))
        return;
    ev_timer_set(&e->pace_timer, after, 0.0);
    ev_timer_start(e->o.loop, &e->pace_timer);
}

/* May a batch be built now? A lone line leaves at once when a destination is idle; while requests
 * are on their way, only full batches are built, and what trickles in gathers in the logs. So it
 * does for a moment while batches have to be spooled. */
static bool may_fill(struct engine *e, bool backlog)
{
    double now = engine_mono_s();
    if (e->fills >= pool_size(e->pool) || uplink_room(e->uplink) <= e->fills ||
        !uplink_sites(e->uplink))
        return false;
    if (e->o.rate && now < e->rate_at) {
        later(e, e->rate_at - now);
        return false;
    }
    if (!e->o.follow || backlog)
        return true;
    bool down = uplink_is_down(e->uplink);
    if (e->fills || !(down || uplink_is_idle(e->uplink)))
        return false;
    double pace = down ? DOWN_PACE_S : uplink_lags(e->uplink) ? LAG_PACE_S : 0;
    if (now - e->paced_at >= pace) {
        e->paced_at = now;
        return true;
    }
    later(e, e->paced_at + pace - now + 0.001);
    return false;
}

/* So many that the other workers, who open their own, find some left, and descriptors. */
static size_t share(const struct engine *e, size_t workers)
{
    size_t n = (e->n_ready < e->max_open ? e->n_ready : e->max_open) / workers;
    if (n > FILL_MAX_STREAMS)
        return FILL_MAX_STREAMS;
    return n ? n : 1;
}

static void take_ready(struct engine *e, struct fill *f, size_t n)
{
    while (f->n_streams < n && !TAILQ_EMPTY(&e->ready)) {
        struct stream *s = TAILQ_FIRST(&e->ready);
        engine_take_ready(e, s);
        f->streams[f->n_streams++] = s;
    }
}

void engine_fill_streams(struct engine *e)
{
    while (e->n_ready && may_fill(e, e->n_backlog)) {
        struct fill *f = new_fill(take_builder(e));
        take_ready(e, f, share(e, e->o.follow && !e->n_backlog ? 1 : pool_size(e->pool)));
        start_fill(e, f);
    }
}
