/* uplink.c - parcels, their queues, and what an answer does to them; see uplink.h. */
#include "agent/dead_seen.h"
#include "agent/uplink_singles.h"
#include "parsers/base/fault.h"

#include <stdlib.h>
#include <unistd.h>

#define MAX_BACKLOG 4u /* batches of a backfill for one destination that are on disk */

/* ---- parcels ----------------------------------------------------------------------------------
 */

struct parcel *parcel_new(struct uplink *u)
{
    struct parcel *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->uplink = u;
    p->born_ms = uplink_clock_ms();
    p->link = u->last_parcel;
    *u->last_parcel = p;
    u->last_parcel = &p->next;
    return p;
}

void parcel_free(struct parcel *p)
{
    struct uplink *u = p->uplink;
    p->pending = 0;
    parcel_recount(p);
    *p->link = p->next;
    if (p->next)
        p->next->link = p->link;
    else
        u->last_parcel = p->link;
    batch_free(p->batch);
    free(p);
}

/* Its lines are not safe, and not on their way any more: they are read again. */
static void leave_owed(struct group *g)
{
    for (size_t i = 0; i < g->n_spans; i++)
        if (g->spans[i].position->users)
            g->spans[i].position->users--;
    group_free(g);
}

void parcel_make_safe(struct parcel *p)
{
    struct uplink *u = p->uplink;
    struct group *g = p->group;
    if (!g)
        return;
    p->group = NULL;
    if (p->batch)
        p->batch->group = NULL;
    g->others -= p->plain;
    if (--g->pending) {
        if (!g->others && !ev_is_active(&u->spill_timer)) /* for those that waited for the others */
            ev_timer_start(u->o.loop, &u->spill_timer);
        return;
    }
    u->groups_in_memory--;
    fault_point("uplink.before_safe");
    if (g->owed)
        leave_owed(g);
    else
        u->o.on_safe(u->o.context, g);
    u->o.on_change(u->o.context);
}

void parcel_recount(struct parcel *p)
{
    struct uplink *u = p->uplink;
    bool there = (p->on_disk || p->writing) && p->shelf == SHELF_SPOOL;
    unsigned now = there ? p->pending : 0;
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        if (p->counted & d->bit)
            d->spool_bytes -= p->counted_bytes;
        if (now & d->bit)
            d->spool_bytes += p->bytes_on_disk;
    }
    p->counted = now;
    p->counted_bytes = p->bytes_on_disk;
}

void parcel_trim(struct parcel *p)
{
    if (!p->on_disk || p->users || p->writing)
        return;
    batch_free(p->batch);
    p->batch = NULL;
}

void parcel_finish(struct parcel *p)
{
    struct uplink *u = p->uplink;
    if (p->writing || p->reading)
        return; /* what is under way comes back here */
    parcel_make_safe(p);
    if (!p->on_disk || p->kept) {
        if (p->on_disk)
            uplink_add_dead(u, &(struct dead_letter){.shelf = p->shelf,
                                                     .seq = p->seq,
                                                     .bytes = p->bytes_on_disk,
                                                     .born_ms = p->born_ms,
                                                     .n_records = p->n_records});
        parcel_free(p);
    } else if (p->carries_spans) {
        p->covered_by = u->o.positions->generation + 1;
        u->o.on_dirty(u->o.context);
    } else {
        uplink_discard(p);
    }
}

void parcel_settle(struct parcel *p, struct destination *d)
{
    struct uplink *u = p->uplink;
    p->pending &= ~d->bit;
    parcel_recount(p);
    if (p->parent) {
        struct parcel *parent = p->parent;
        parcel_free(p);
        if (--parent->halves[d->index] == 0)
            parcel_settle(parent, d);
        return;
    }
    if (p->on_disk && p->shelf == SHELF_SPOOL) {
        struct intervals *done = positions_spooled(u->o.positions, d->config->name);
        if (done)
            intervals_add(done, p->seq, p->seq + 1); /* out of memory: sent again after a crash */
        fault_point("uplink.spooled_done");
        u->o.on_dirty(u->o.context);
    }
    if (!p->pending)
        parcel_finish(p);
}

uint32_t parcel_left(const struct parcel *p, const struct destination *d)
{
    const struct single_tally *t = &p->tally[d->index];
    return p->n_records - t->stored - t->refused - t->held;
}

void parcel_book(struct parcel *p, struct destination *d)
{
    struct single_tally *t = &p->tally[d->index];
    d->ledger.stored += t->stored;
    d->ledger.acknowledged += t->stored;
    d->ledger.refused += t->refused;
    d->ledger.held += t->held;
    *t = (struct single_tally){0};
}

/* ---- queues -----------------------------------------------------------------------------------
 */

static void put_first(struct destination *d, struct errand *e)
{
    e->next = d->first;
    d->first = e;
    if (!e->next)
        d->last = &e->next;
}

int destination_enqueue(struct destination *d, struct parcel *p, bool first)
{
    struct errand *e = calloc(1, sizeof(*e));
    if (!e)
        return -1;
    e->parcel = p;
    e->destination = d;
    if (first) {
        put_first(d, e);
        return 0;
    }
    *d->last = e;
    d->last = &e->next;
    return 0;
}

void destination_drop(struct destination *d, struct parcel *p)
{
    struct errand **at = &d->first;
    while (*at) {
        struct errand *e = *at;
        if (e->parcel == p) {
            *at = e->next;
            free(e);
        } else {
            at = &e->next;
        }
    }
    d->last = at;
}

static struct errand *take_first(struct destination *d)
{
    struct errand *e = d->first;
    d->first = e->next;
    if (!d->first)
        d->last = &d->first;
    return e;
}

static void on_batch_answer(void *context, const struct http_answer *a);

static void take_place(struct errand *e)
{
    struct destination *d = e->destination;
    d->flying[d->flying[0] != NULL] = e;
    d->n_flying++;
    e->parcel->users++;
}

static int send_batch(struct errand *e)
{
    struct destination *d = e->destination;
    struct batch *b = e->parcel->batch;
    struct http_request r = {
        .base = d->base_url,
        .path = "/api/ingest/server/batch",
        .token = buf_cstr(&d->token),
        .proxy = d->proxy,
        .ca_file = d->ca_file,
        .body = buf_str(&b->body),
        .status = destination_status(d),
        .content_type = "application/x-ndjson",
        .content_encoding = b->encoding == BATCH_ZSTD ? "zstd" : NULL,
        .on_answer = on_batch_answer,
        .context = e,
    };
    fault_point("uplink.before_send");
    e->transfer = http_start(d->uplink->http, &r);
    if (!e->transfer)
        return -1;
    take_place(e);
    return 0;
}

void errand_landed(struct errand *e)
{
    struct destination *d = e->destination;
    for (unsigned i = 0; i < MAX_FLYING; i++)
        if (d->flying[i] == e)
            d->flying[i] = NULL;
    d->n_flying--;
    e->transfer = NULL;
    e->parcel->users--;
}

/* The next ones are brought from disk while others fly. */
static void fetch_ahead(struct destination *d)
{
    unsigned n = 0;
    for (struct errand *e = d->first; e && n < FETCH_AHEAD; e = e->next, n++)
        if (!e->parcel->batch && !e->parcel->reading && !ev_is_active(&d->uplink->disk_timer))
            uplink_fetch(e->parcel);
}

/* False: the first of the queue has to wait for something. */
static bool send_first(struct destination *d)
{
    struct parcel *p = d->first->parcel;
    bool singles = singles_wanted(d, p);
    if (!p->batch || (singles && !singles_may_start(d, p)))
        return false;
    struct errand *e = take_first(d);
    if (singles) {
        take_place(e);
        singles_start(e);
    } else if (send_batch(e)) {
        put_first(d, e);
        destination_set_state(d, DESTINATION_WAITING, 1000);
        return false;
    }
    return true;
}

void destination_pump(struct destination *d)
{
    bool again = true;
    if (d->state == DESTINATION_READY && !d->uplink->stopping)
        fetch_ahead(d);
    while (again) {
        unsigned most = d->doubtful ? 1 : MAX_FLYING; /* a try is one request */
        while (d->state == DESTINATION_READY && d->protocol != PROTOCOL_AUTO &&
               d->n_flying < most && d->first && !d->uplink->stopping)
            if (!send_first(d))
                break;
        again = singles_go(d);
    }
    destination_pay(d);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

const char *uplink_failure_name(enum uplink_failure f)
{
    static const char *const names[FAILURE_COUNT] = {"unreachable", "throttled", "server",
                                                     "refused",     "split",     "other"};
    return names[f];
}

static enum uplink_failure failure_of(enum answer_action action, const struct http_answer *a)
{
    if (action == ANSWER_PAUSE)
        return FAILURE_REFUSED;
    if (!a)
        return FAILURE_OTHER;
    if (a->error)
        return FAILURE_UNREACHABLE;
    if (a->status >= 500 && a->status <= 599)
        return FAILURE_SERVER;
    bool asks_for_time = a->status == 408 || a->status == 425 || a->status == 429;
    return asks_for_time ? FAILURE_THROTTLED : FAILURE_OTHER;
}

void errand_put_back(struct errand *e)
{
    struct destination *d = e->destination;
    put_first(d, e);
    parcel_trim(e->parcel);
    uplink_expire_soon(d->uplink, e->parcel);
}

void errand_failed(struct errand *e, enum answer_action action, const struct http_answer *a,
                   const char *why)
{
    put_first(e->destination, e);
    uplink_expire_soon(e->destination->uplink, e->parcel);
    destination_failed(e->destination, action, a, why);
}

void destination_failed(struct destination *d, enum answer_action action,
                        const struct http_answer *a, const char *why)
{
    d->doubtful = true;
    d->ledger.failures[failure_of(action, a)]++;
    if (action == ANSWER_PAUSE) {
        destination_complain(d, "destination_paused", a, why);
        destination_set_state(d, DESTINATION_PAUSED, -1);
    } else {
        destination_complain(d, "destination_unwell", a, why);
        destination_set_state(d, DESTINATION_WAITING, a ? a->retry_after_ms : -1);
    }
    uplink_spill_all(d->uplink);
}

static bool shelf_is_full(const struct uplink *u, enum shelf shelf)
{
    return u->shelf_bytes[shelf] >= u->o.config->limits.spool_bytes;
}

void errand_accepted(struct errand *e, struct batch_outcome *outcome)
{
    struct destination *d = e->destination;
    struct uplink *u = d->uplink;
    struct parcel *p = e->parcel;
    fault_point("uplink.after_answer");
    d->failures = 0;
    d->doubtful = d->no_spool = false;
    d->last_error[0] = '\0';
    d->ledger.batches++;
    d->ledger.success_ms = (int64_t)(ev_now(u->o.loop) * 1000);
    if (outcome->n_rejected && p->shelf != SHELF_PARKED && shelf_is_full(u, SHELF_PARKED)) {
        batch_outcome_release(outcome);
        errand_failed(e, ANSWER_RETRY, NULL,
                      "what was parked for closed sites has reached limits.spool: give the token "
                      "its sites back");
        return;
    }
    if (outcome->n_rejected) {
        uplink_aftermath(e, AFTERMATH_REJECTED, outcome, NULL);
        return;
    }
    d->ledger.stored += outcome->stored;
    d->ledger.duplicate += outcome->duplicate;
    d->ledger.excluded += outcome->excluded;
    d->ledger.refused += outcome->refused;
    d->ledger.held += outcome->held;
    d->ledger.acknowledged += p->n_records - outcome->refused - outcome->held;
    batch_outcome_release(outcome);
    free(e);
    parcel_settle(p, d);
}

static void split(struct errand *e, const struct http_answer *a, const char *why)
{
    struct destination *d = e->destination;
    struct parcel *p = e->parcel;
    struct batch_outcome none = {0};
    destination_complain(d, "batch_refused", a, why);
    d->ledger.failures[FAILURE_SPLIT]++;
    if (p->n_records > 1) {
        uplink_aftermath(e, AFTERMATH_SPLIT, &none, why);
    } else if (p->n_records == 1) {
        uplink_aftermath(e, AFTERMATH_BURY, &none, why);
    } else { /* only counts of skipped lines: nothing that could be kept */
        free(e);
        parcel_settle(p, d);
    }
}

static void on_batch_answer(void *context, const struct http_answer *a)
{
    struct errand *e = context;
    struct destination *d = e->destination;
    struct uplink *u = d->uplink;
    struct batch_outcome outcome;
    const char *why = NULL;
    errand_landed(e);
    switch (answer_batch(a, e->parcel->batch->id, &outcome, &why)) {
    case ANSWER_ACCEPTED:
        errand_accepted(e, &outcome);
        break;
    case ANSWER_RETRY:
        errand_failed(e, ANSWER_RETRY, a, why);
        break;
    case ANSWER_PAUSE:
        errand_failed(e, ANSWER_PAUSE, a, why);
        break;
    case ANSWER_SPLIT:
        split(e, a, why);
        break;
    }
    destination_pump(d);
    u->o.on_change(u->o.context);
}

/* ---- the uplink -------------------------------------------------------------------------------
 */

/* A batch of the group as a parcel, in the queues of its destinations. */
static struct parcel *take_in(struct uplink *u, struct group *g, size_t part, unsigned singles)
{
    struct batch *b = g->batches[part];
    struct parcel *p = parcel_new(u);
    if (!p)
        abort(); /* a few dozen bytes; positions and spool make a restart safe */
    p->batch = b;
    p->group = g;
    p->pending = b->to;
    p->n_records = b->n_records;
    p->part = (unsigned)part;
    p->plain = !(b->to & singles);
    if (!b->n_records) /* counts of skipped lines: nobody to tell them to */
        p->pending &= ~singles;
    for (size_t k = 0; k < u->n_destinations; k++) {
        struct destination *d = &u->destinations[k];
        if (!(p->pending & d->bit))
            continue;
        d->ledger.records += b->n_records;
        if (destination_enqueue(d, p, false))
            abort();
    }
    return p;
}

void uplink_submit(struct uplink *u, struct group *g)
{
    unsigned singles = uplink_singles(u);
    u->groups_in_memory++;
    size_t n = g->n_batches;
    g->n_batches = 0;
    for (size_t i = 0; i < n; i++)
        g->others += !(g->batches[i]->to & singles);
    for (size_t i = 0; i < n; i++) {
        struct parcel *p = take_in(u, g, i, singles);
        if (!p->pending)
            parcel_finish(p);
        else if (p->pending & (uplink_unwell(u) | singles))
            uplink_spill(u, p); /* the last word about p */
    }
    for (size_t k = 0; k < u->n_destinations; k++)
        destination_pump(&u->destinations[k]);
}

/* A backfill does not pile up what goes out one by one. */
static bool has_backlog(const struct uplink *u)
{
    for (size_t i = 0; i < u->n_destinations && !u->o.spool; i++) {
        const struct destination *d = &u->destinations[i];
        unsigned n = 0;
        for (const struct errand *e = d->first; e && n < MAX_BACKLOG; e = e->next)
            n++;
        if (n == MAX_BACKLOG && d->protocol == PROTOCOL_HITKEEP)
            return true;
    }
    return false;
}

size_t uplink_room(const struct uplink *u)
{
    if (has_backlog(u))
        return 0;
    return u->groups_in_memory < MAX_GROUPS_IN_MEMORY ? MAX_GROUPS_IN_MEMORY - u->groups_in_memory
                                                      : 0;
}

bool uplink_is_idle(const struct uplink *u)
{
    for (size_t i = 0; i < u->n_destinations; i++) {
        const struct destination *d = &u->destinations[i];
        if (d->state == DESTINATION_READY && !d->n_flying && !d->first)
            return true;
    }
    return false;
}

bool uplink_lags(const struct uplink *u)
{
    unsigned busy = 0;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (u->destinations[i].n_flying || u->destinations[i].first)
            busy |= u->destinations[i].bit;
    return uplink_unwell(u) | (busy & uplink_singles(u));
}

bool uplink_is_down(const struct uplink *u)
{
    for (size_t i = 0; i < u->n_destinations; i++)
        if (u->destinations[i].state == DESTINATION_READY)
            return false;
    return true;
}

unsigned uplink_unwell(const struct uplink *u)
{
    unsigned bits = 0;
    for (size_t i = 0; i < u->n_destinations; i++) {
        const struct destination *d = &u->destinations[i];
        if (d->state != DESTINATION_READY ||
            (u->n_destinations > 1 && (d->doubtful || d->spool_bytes)))
            bits |= d->bit;
    }
    return bits;
}

bool uplink_is_settled(const struct uplink *u)
{
    if (u->groups_in_memory || u->tasks)
        return false;
    for (size_t i = 0; i < u->n_destinations; i++) {
        const struct destination *d = &u->destinations[i];
        bool keeps = u->o.spool || (u->quiet && d->protocol == PROTOCOL_HITKEEP); /* on disk */
        if (d->n_flying || (!keeps && d->first))
            return false;
    }
    return true;
}

void uplink_quiesce(struct uplink *u)
{
    u->quiet = true;
    for (size_t i = 0; i < u->n_destinations; i++)
        destination_pump(&u->destinations[i]);
}

struct sites *uplink_sites(const struct uplink *u)
{
    if (u->assumed || u->o.config->n_sites)
        return u->assumed ? u->assumed : u->sites;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (!u->destinations[i].sites_told)
            return NULL; /* for a while: see uplink_assume_sites */
    return u->sites;
}

void uplink_saved(struct uplink *u, uint64_t generation)
{
    struct parcel *next;
    for (struct parcel *p = u->parcels; p; p = next) {
        next = p->next;
        if (p->covered_by && p->covered_by <= generation) {
            fault_point("uplink.covered");
            p->covered_by = 0;
            uplink_discard(p);
        }
    }
}

void uplink_retry_now(struct uplink *u)
{
    for (size_t i = 0; i < u->n_destinations; i++) {
        destination_read_token(&u->destinations[i]);
        destination_ask(&u->destinations[i]);
    }
}

size_t uplink_destinations(const struct uplink *u)
{
    return u->n_destinations;
}

/* What waits for the destination in this parcel, and what of it is done. */
static void count_parcel(const struct parcel *p, const struct destination *d,
                         struct uplink_ledger *out)
{
    const struct single_tally *t = &p->tally[d->index];
    const struct parcel *whole = p;
    uint32_t left = parcel_left(p, d);
    while (whole->parent)
        whole = whole->parent;
    int64_t age = uplink_clock_ms() - whole->born_ms;
    if (age > out->oldest_ms && p->shelf != SHELF_PARKED)
        out->oldest_ms = age;
    out->stored += t->stored;
    out->acknowledged += t->stored;
    out->refused += t->refused;
    out->held += t->held;
    if (p->shelf == SHELF_PARKED)
        out->parked += left;
    else if (whole->on_disk)
        out->spooled += left;
    else
        out->in_memory += left;
}

void uplink_read_ledger(const struct uplink *u, size_t destination, struct uplink_ledger *out)
{
    static const char *const states[] = {"ready", "waiting", "paused"};
    static const char *const protocols[] = {"auto", "batch", "hitkeep"};
    const struct destination *d = &u->destinations[destination];
    *out = d->ledger;
    out->name = d->config->name.p;
    out->state = states[d->state];
    out->last_error = d->last_error;
    out->protocol = protocols[d->protocol];
    out->lag_ms = d->lag_ms;
    for (int i = 0; i < 2; i++)
        out->rate[i] = d->protocol == PROTOCOL_HITKEEP ? d->pace[i].rate : 0;
    for (size_t i = 0; i < d->n_owed; i++)
        out->owed += d->owed[i].records;
    for (const struct parcel *p = u->parcels; p; p = p->next)
        if ((p->pending & d->bit) && !p->halves[d->index])
            count_parcel(p, d, out);
}

static void on_disk_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct uplink *u = timer->data;
    uplink_spill_all(u);
    for (size_t i = 0; i < u->n_destinations; i++)
        destination_pump(&u->destinations[i]);
}

struct uplink *uplink_new(const struct uplink_options *options, struct buf *why)
{
    struct uplink *u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->o = *options;
    u->last_parcel = &u->parcels;
    u->begun_ms = uplink_clock_ms();
    ev_timer_init(&u->disk_timer, on_disk_timer, 0.0, 0.0);
    ev_timer_init(&u->spill_timer, on_disk_timer, 0.0, 0.0);
    u->disk_timer.data = u->spill_timer.data = u;
    for (int i = 0; i < SHELF_COUNT; i++)
        u->shelf_fd[i] = -1;
    u->http = http_client_new(options->loop);
    u->visitor_keys = visitor_keys_new(options->state_fd);
    if (!u->http || !u->visitor_keys)
        goto fail;
    for (; u->n_destinations < options->config->n_destinations; u->n_destinations++)
        if (destination_init(&u->destinations[u->n_destinations], u, (unsigned)u->n_destinations,
                             why))
            goto fail;
    uplink_withhold(u);
    if (uplink_load_shelves(u, why) || !(u->dead_seen = dead_seen_new(u->shelf_fd[SHELF_DEAD])))
        goto fail;
    uplink_expiry_start(u);
    for (size_t i = 0; i < u->n_destinations; i++)
        destination_start(&u->destinations[i]);
    return u;
fail:
    uplink_free(u);
    return NULL;
}

void uplink_free(struct uplink *u)
{
    if (!u)
        return;
    u->stopping = true;
    ev_timer_stop(u->o.loop, &u->disk_timer);
    ev_timer_stop(u->o.loop, &u->spill_timer);
    uplink_expiry_release(u);
    for (size_t i = 0; i < u->n_destinations; i++)
        destination_release(&u->destinations[i]);
    http_client_free(u->http);
    while (u->parcels) {
        struct group *g = u->parcels->group;
        if (g && --g->pending == 0)
            group_free(g);
        parcel_free(u->parcels);
    }
    dead_seen_free(u->dead_seen);
    for (int i = 0; i < SHELF_COUNT; i++)
        if (u->shelf_fd[i] >= 0)
            close(u->shelf_fd[i]);
    sites_unref(u->sites);
    sites_unref(u->assumed);
    visitor_keys_free(u->visitor_keys);
    free(u);
}
