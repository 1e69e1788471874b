/* uplink_expiry.c - what rests on disk has a size and an age; who has no room is owed the lines.
 * See uplink.h. */
#include "agent/uplink_singles.h"
#include "parsers/base/fault.h"

#include <stdlib.h>
#include <time.h>

#define SLOW_MS 1000 /* longer nobody's batch waits in memory for another destination */
#define TELL_MS 60000

int64_t uplink_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What files tell of themselves is compared with. */
int64_t uplink_wall_ms(const struct uplink *u)
{
    return (int64_t)(ev_now(u->o.loop) * 1000);
}

static int64_t max_age_ms(const struct uplink *u)
{
    return (int64_t)u->o.config->limits.max_age_ms;
}

int64_t uplink_age_ms(struct uplink *u, enum shelf shelf, uint64_t seq, int64_t sealed_ms)
{
    const struct spool_clock clock = {uplink_wall_ms(u), max_age_ms(u)};
    bool unknown;
    int64_t age = spool_age_ms(u->shelf_fd[shelf], seq, sealed_ms, &clock, &unknown);
    if (unknown && log_limit_pass(&u->age_complaint, uplink_clock_ms(), TELL_MS))
        log_event(LOG_WARN, "age_unknown",
                  "shelf=%s file=%016llx.batch why=\"by this clock it is from the future, or long "
                  "past limits.max_age; its age counts from now\" mend=\"is the clock right?\"",
                  shelf_name(shelf), (unsigned long long)seq);
    return age;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static void tell_expired(struct destination *d)
{
    if (!d->untold || !log_limit_pass(&d->expired_complaint, uplink_clock_ms(), TELL_MS))
        return;
    log_event(LOG_WARN, "records_expired",
              "destination=%s records=%llu why=\"%s\" mend=\"logferry backfill --output %s, with "
              "the logs of that time\"",
              d->config->name.p, (unsigned long long)d->untold, d->untold_why, d->config->name.p);
    d->untold = 0;
}

static void count_expired(struct destination *d, uint64_t records, const char *why)
{
    d->ledger.expired += records;
    d->untold += records;
    d->untold_why = why;
    tell_expired(d);
}

/* ---- parcels that go --------------------------------------------------------------------------
 */

static bool is_idle(const struct parcel *p)
{
    return p->on_disk && !p->users && !p->writing && !p->reading && p->pending;
}

static bool halves_are_idle(const struct parcel *p)
{
    for (const struct parcel *q = p->uplink->parcels; q; q = q->next)
        if (q->parent == p && (q->users || !halves_are_idle(q)))
            return false;
    return true;
}

static void drop_halves(struct parcel *p)
{
    struct uplink *u = p->uplink;
    struct parcel *q = u->parcels;
    while (q) {
        struct parcel *half = q;
        q = q->next;
        if (half->parent != p)
            continue;
        drop_halves(half);
        for (size_t i = 0; i < u->n_destinations; i++)
            if (half->pending & u->destinations[i].bit)
                destination_drop(&u->destinations[i], half);
        parcel_free(half);
        q = u->parcels; /* what stood behind may have gone as well */
    }
    memset(p->halves, 0, sizeof(p->halves));
}

/* The records of a parcel that `d` has not got; its halves may have delivered some of them. */
static uint64_t records_left(const struct parcel *p, const struct destination *d)
{
    uint64_t n = 0;
    if (!p->halves[d->index])
        return p->pending & d->bit ? parcel_left(p, d) : 0;
    for (const struct parcel *q = p->uplink->parcels; q; q = q->next)
        if (q->parent == p)
            n += records_left(q, d);
    return n;
}

/* Takes the parcel from all who wait for it. why NULL: its lines come anew. */
static void take_away(struct parcel *p, const char *why)
{
    struct uplink *u = p->uplink;
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        if (!(p->pending & d->bit))
            continue;
        if (why)
            count_expired(d, records_left(p, d), why);
        else
            d->ledger.records -= records_left(p, d);
        parcel_book(p, d);
        destination_drop(d, p);
    }
    drop_halves(p);
    p->pending = 0;
    p->queued = false;
    parcel_recount(p);
    parcel_finish(p);
}

/* ---- age: a spool file that nobody has ---------------------------------------------------------
 */

struct rewind_task {
    struct task task;
    struct parcel *parcel;
    struct spool_meta meta;
    bool read;
};

static void run_rewind(struct task *task, unsigned worker)
{
    struct rewind_task *t = (struct rewind_task *)task;
    struct parcel *p = t->parcel;
    const char *error;
    struct batch *b = spool_read(p->uplink->shelf_fd[SHELF_SPOOL], p->seq, &t->meta, &error);
    t->read = b != NULL;
    batch_free(b);
}

static void on_rewind(struct task *task)
{
    struct rewind_task *t = (struct rewind_task *)task;
    struct parcel *p = t->parcel;
    struct uplink *u = p->uplink;
    unsigned waiting = p->pending;
    p->reading = false;
    fault_point("expire.before_rewind");
    bool again =
        t->read && u->o.on_expired && u->o.on_expired(u->o.context, t->meta.spans, t->meta.n_spans);
    fault_point("expire.after_rewind");
    for (size_t i = 0; again && i < u->n_destinations; i++)
        if (waiting & u->destinations[i].bit)
            u->destinations[i].no_spool = true;
    if (again && log_limit_pass(&u->age_complaint, uplink_clock_ms(), TELL_MS))
        log_event(LOG_INFO, "spool_expired",
                  "file=%016llx.batch records=%u why=\"it has waited for limits.max_age\" "
                  "mend=\"nothing: its lines are read again when the destination answers\"",
                  (unsigned long long)p->seq, p->n_records);
    take_away(p, again ? NULL : "they waited in the spool for limits.max_age");
    fault_point("expire.counted");
    spool_meta_release(&t->meta);
    free(t);
    u->tasks--;
    for (size_t i = 0; i < u->n_destinations; i++)
        destination_pump(&u->destinations[i]);
    u->o.on_dirty(u->o.context);
    u->o.on_change(u->o.context);
}

static void rewind_file(struct parcel *p)
{
    struct rewind_task *t = calloc(1, sizeof(*t));
    if (!t)
        return; /* at the next look */
    t->task = (struct task){.run = run_rewind, .done = on_rewind};
    t->parcel = p;
    p->reading = true;
    p->uplink->tasks++;
    pool_submit(p->uplink->o.pool, &t->task, false);
}

static void expire_parcel(struct parcel *p)
{
    const struct uplink *u = p->uplink;
    bool untouched = p->pending == p->named && !p->kept && p->carries_spans && !p->touched;
    for (size_t i = 0; i < u->n_destinations; i++)
        untouched = untouched && !p->halves[i];
    if (p->shelf == SHELF_PARKED)
        take_away(p, "their site was closed to the token for limits.max_age");
    else if (untouched && u->o.config->limits.when_full == WHEN_FULL_BLOCK)
        rewind_file(p);
    else
        take_away(p, "they waited in the spool for limits.max_age");
}

/* ---- age: dead letters --------------------------------------------------------------------------
 */

struct bury_task {
    struct task task;
    struct uplink *uplink;
    enum shelf shelf;
    uint64_t seq;
    int rc;
};

void uplink_add_dead(struct uplink *u, const struct dead_letter *letter)
{
    if (u->n_dead == u->cap_dead) {
        size_t cap = u->cap_dead ? u->cap_dead * 2 : 16;
        struct dead_letter *v = realloc(u->dead, cap * sizeof(*v));
        if (!v)
            return; /* it stays until the next start */
        u->dead = v;
        u->cap_dead = cap;
    }
    u->dead[u->n_dead++] = *letter;
}

void uplink_dead_removed(struct uplink *u, enum shelf shelf, uint64_t seq, int rc)
{
    for (size_t i = 0; i < u->n_dead; i++) {
        if (u->dead[i].seq != seq || u->dead[i].shelf != shelf)
            continue;
        u->dead[i].busy = false;
        if (rc) {
            uplink_disk_failed(u, shelf, rc);
            return;
        }
        u->shelf_bytes[shelf] -= u->dead[i].bytes;
        if (shelf == SHELF_SPOOL)
            u->foreign_bytes -= u->dead[i].bytes;
        u->dead[i] = u->dead[--u->n_dead];
        return;
    }
}

static void run_bury(struct task *task, unsigned worker)
{
    struct bury_task *t = (struct bury_task *)task;
    t->rc = spool_remove(t->uplink->shelf_fd[t->shelf], t->seq);
}

static void on_buried(struct task *task)
{
    struct bury_task *t = (struct bury_task *)task;
    t->uplink->tasks--;
    uplink_dead_removed(t->uplink, t->shelf, t->seq, t->rc);
    t->uplink->o.on_change(t->uplink->o.context);
    free(t);
}

static void expire_dead(struct uplink *u, int64_t before)
{
    uint64_t files = 0, records = 0;
    for (size_t i = 0; i < u->n_dead; i++) {
        struct dead_letter *l = &u->dead[i];
        struct bury_task *t = l->busy || l->born_ms > before ? NULL : calloc(1, sizeof(*t));
        if (!t)
            continue;
        t->task = (struct task){.run = run_bury, .done = on_buried};
        t->uplink = u;
        t->seq = l->seq;
        t->shelf = l->shelf;
        l->busy = true;
        files++;
        records += l->n_records;
        u->tasks++;
        pool_submit(u->o.pool, &t->task, false);
    }
    if (files)
        log_event(LOG_INFO, "dead_letters_expired",
                  "files=%llu records=%llu why=\"limits.max_age\"", (unsigned long long)files,
                  (unsigned long long)records);
}

/* ---- age: looking at all -----------------------------------------------------------------------
 */

void uplink_expire(struct uplink *u)
{
    int64_t before = uplink_clock_ms() - max_age_ms(u);
    struct parcel *p = u->parcels;
    while (p) {
        struct parcel *old = p;
        p = p->next;
        if (old->parent || old->born_ms > before || !is_idle(old) || !halves_are_idle(old))
            continue;
        bool halved = false;
        for (size_t i = 0; i < u->n_destinations; i++)
            halved = halved || old->halves[i];
        expire_parcel(old);
        if (halved)
            p = u->parcels; /* the next one may have been a half */
    }
    expire_dead(u, before);
    for (size_t i = 0; i < u->n_destinations; i++)
        tell_expired(&u->destinations[i]);
    for (size_t i = 0; i < u->n_destinations; i++)
        destination_pump(&u->destinations[i]);
}

void uplink_expire_soon(struct uplink *u, const struct parcel *p)
{
    while (p->parent)
        p = p->parent;
    if (p->born_ms > uplink_clock_ms() - max_age_ms(u))
        return;
    ev_timer_stop(u->o.loop, &u->expire_timer);
    ev_timer_set(&u->expire_timer, 0.0, u->expire_timer.repeat);
    ev_timer_start(u->o.loop, &u->expire_timer);
}

static void on_expire_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct uplink *u = timer->data;
    if (!u->o.logs_are_known || u->o.logs_are_known(u->o.context)) {
        uplink_expire(u);
        return;
    }
    ev_timer_stop(loop, timer);
    ev_timer_set(timer, 0.2, timer->repeat);
    ev_timer_start(loop, timer);
}

/* Who answers is not to wait for who is slow: what hangs in memory goes to the spool. */
static void on_slow_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct uplink *u = timer->data;
    int64_t before = uplink_clock_ms() - SLOW_MS;
    struct parcel *next;
    if (u->sites && !uplink_sites(u)) {
        uplink_assume_sites(u);
        u->o.on_change(u->o.context);
    }
    for (struct parcel *p = u->groups_in_memory ? u->parcels : NULL; p; p = next) {
        next = p->next;
        if (p->group && p->born_ms < before)
            uplink_spill(u, p);
    }
}

void uplink_expiry_start(struct uplink *u)
{
    double every = (double)max_age_ms(u) / 50000.0;
    every = every < 1 ? 1 : every > 60 ? 60 : every;
    ev_timer_init(&u->expire_timer, on_expire_timer, 0.0, every);
    ev_timer_init(&u->slow_timer, on_slow_timer, 0.5, 0.5);
    u->expire_timer.data = u->slow_timer.data = u;
    ev_timer_start(u->o.loop, &u->expire_timer);
    if (u->n_destinations > 1)
        ev_timer_start(u->o.loop, &u->slow_timer);
}

void uplink_expiry_release(struct uplink *u)
{
    ev_timer_stop(u->o.loop, &u->expire_timer);
    ev_timer_stop(u->o.loop, &u->slow_timer);
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        for (size_t k = 0; k < d->n_owed; k++)
            free((char *)d->owed[k].span.path);
        free(d->owed);
        d->owed = NULL;
        d->n_owed = 0;
    }
    free(u->dead);
    u->dead = NULL;
    u->n_dead = 0;
}

/* ---- room -------------------------------------------------------------------------------------
 */

static uint64_t share(const struct uplink *u)
{
    uint64_t limit = u->o.config->limits.spool_bytes;
    uint64_t ours = limit > u->foreign_bytes ? limit - u->foreign_bytes : 0;
    return ours / u->n_destinations;
}

static bool has_room(const struct destination *d, uint64_t bytes)
{
    return d->spool_bytes + bytes <= share(d->uplink);
}

/* Those of the parcel's destinations whose spool may not take it. */
static unsigned without_room(struct uplink *u, const struct parcel *p, unsigned unwell)
{
    unsigned bits = 0;
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        if (!(p->pending & d->bit))
            continue;
        bool waits = (unwell & d->bit) && (d->no_spool || d->n_owed);
        if (waits || !has_room(d, p->batch->body.n))
            bits |= d->bit;
    }
    return bits;
}

/* The oldest file that only waits for those who do not answer. */
static bool drop_oldest(struct uplink *u, unsigned full, unsigned unwell)
{
    for (struct parcel *p = u->parcels; p; p = p->next) {
        if (p->shelf != SHELF_SPOOL || p->parent || !is_idle(p) || !(p->pending & full) ||
            (p->pending & ~unwell) || !halves_are_idle(p))
            continue;
        take_away(p, "limits.spool is reached, and when_full is drop_oldest");
        return true;
    }
    return false;
}

static void tell_full(struct uplink *u, unsigned full, bool others)
{
    if (!log_limit_pass(&u->full_complaint, uplink_clock_ms(), TELL_MS))
        return;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (full & u->destinations[i].bit)
            log_event(LOG_WARN, "spool_full",
                      "destination=%s bytes=%llu why=\"%s\" mend=\"raise limits.spool or bring the "
                      "destination back; %s, nothing is lost while the logs stay\"",
                      u->destinations[i].config->name.p,
                      (unsigned long long)u->destinations[i].spool_bytes,
                      u->destinations[i].no_spool ? "limits.max_age is reached"
                                                  : "its share of limits.spool is used",
                      others ? "the others go on, and it gets the lines when it answers"
                             : "reading waits");
}

static bool flies_to(const struct destination *d, const struct parcel *p)
{
    for (unsigned i = 0; i < MAX_FLYING; i++)
        if (d->flying[i] && d->flying[i]->parcel == p)
            return true;
    return p->halves[d->index] > 0;
}

static struct owed *find_owed(struct destination *d, const struct position *position)
{
    for (size_t i = 0; i < d->n_owed; i++)
        if (d->owed[i].span.key == position->key &&
            hash128_eq(d->owed[i].span.stream, position->stream))
            return &d->owed[i];
    if (d->n_owed == d->cap_owed) {
        size_t cap = d->cap_owed ? d->cap_owed * 2 : 8;
        struct owed *v = realloc(d->owed, cap * sizeof(*v));
        if (!v)
            abort(); /* a restart reads these lines again */
        d->owed = v;
        d->cap_owed = cap;
    }
    struct owed *o = &d->owed[d->n_owed++];
    char *path = strdup(position->path);
    if (!path)
        abort();
    *o = (struct owed){.span = {.key = position->key,
                                .stream = position->stream,
                                .dev = position->dev,
                                .ino = position->ino,
                                .from = UINT64_MAX,
                                .path = path}};
    return o;
}

static void owe(struct destination *d, struct parcel *p)
{
    const struct group *g = p->group;
    for (size_t i = 0; i < g->n_spans; i++) {
        const struct span *s = &g->spans[i];
        if (!s->records[p->part])
            continue;
        struct owed *o = find_owed(d, s->position);
        o->span.from = s->file_from < o->span.from ? s->file_from : o->span.from;
        o->span.to = s->file_to > o->span.to ? s->file_to : o->span.to;
        o->records += s->records[p->part];
    }
    d->ledger.records -= p->n_records;
    destination_drop(d, p);
    p->pending &= ~d->bit;
}

/* Larger than a whole share: it would not fit into an empty one either. */
static void drop_giant(struct uplink *u, struct parcel *p, unsigned full)
{
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        if (!(full & d->bit) || flies_to(d, p))
            continue;
        count_expired(d, p->n_records, "the batch is larger than its share of limits.spool");
        destination_drop(d, p);
        p->pending &= ~d->bit;
    }
}

/* when_full: drop_oldest. Returns those who still have no room. */
static unsigned drop_for(struct uplink *u, struct parcel *p, unsigned full, unsigned unwell)
{
    if (u->o.config->limits.when_full != WHEN_FULL_DROP_OLDEST)
        return full;
    if (full && p->batch->body.n > share(u)) {
        drop_giant(u, p, full);
        return full & p->pending;
    }
    while (full && drop_oldest(u, full, unwell))
        full = without_room(u, p, unwell);
    return full;
}

/* False: one of them has it on its way; that answer decides. */
static bool owe_all(struct uplink *u, struct parcel *p, unsigned full)
{
    for (size_t i = 0; i < u->n_destinations; i++)
        if ((full & u->destinations[i].bit) && flies_to(&u->destinations[i], p))
            return false;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (full & u->destinations[i].bit)
            owe(&u->destinations[i], p);
    p->group->owed = true;
    return true;
}

bool uplink_make_room(struct uplink *u, struct parcel *p)
{
    unsigned unwell = uplink_unwell(u), everyone = (1u << u->n_destinations) - 1;
    unsigned full = drop_for(u, p, without_room(u, p, unwell), unwell);
    if (full) {
        bool others = (everyone & ~unwell & ~full) && !uplink_singles(u);
        tell_full(u, full, others);
        if (!others || !p->group || !owe_all(u, p, full))
            return false;
    }
    if (p->pending)
        return true;
    parcel_finish(p);
    return false;
}

void destination_pay(struct destination *d)
{
    struct uplink *u = d->uplink;
    if (!d->n_owed || d->state != DESTINATION_READY || d->doubtful || d->n_flying || d->first ||
        u->stopping)
        return;
    struct owed *owed = d->owed;
    size_t n = d->n_owed;
    d->owed = NULL;
    d->n_owed = d->cap_owed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!u->o.on_expired || !u->o.on_expired(u->o.context, &owed[i].span, 1)) {
            d->ledger.records += owed[i].records;
            count_expired(d, owed[i].records, "the logs do not have their lines any more");
        }
        free((char *)owed[i].span.path);
    }
    free(owed);
    u->o.on_dirty(u->o.context);
    u->o.on_change(u->o.context);
}
