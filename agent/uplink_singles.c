/*
 * uplink_singles.c - batches that are delivered record by record, to a HitKeep; see uplink.h.
 *
 * A delivery is one batch on its way to one destination. The batch stays as it is; what became of
 * each of its records is noted in a file beside it (sent_file.h), and a request's place is free for
 * the next one only when that note is durable. So a crash repeats what was in those places, and no
 * more. When every record has its fate, the batch is done as if the server had answered all of it
 * at once: rejected records are parked or buried.
 */
#include "agent/uplink_singles.h"

#include "parsers/base/fault.h"
#include "parsers/base/time.h"

#include <stdio.h>
#include <stdlib.h>

#define LATE_MS 3600000ll /* an AI fetch that is older would be filed under the wrong day */
#define MAX_CLOSED 4096u
#define TELL_MS 60000
#define SLOW_WAIT_MS 1000u

/* ---- what the destination knows ----------------------------------------------------------------
 */

unsigned uplink_singles(const struct uplink *u)
{
    unsigned bits = 0;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (u->destinations[i].protocol == PROTOCOL_HITKEEP)
            bits |= u->destinations[i].bit;
    return bits;
}

bool singles_wanted(const struct destination *d, const struct parcel *p)
{
    return d->protocol == PROTOCOL_HITKEEP || (p->touched & d->bit);
}

bool singles_may_start(const struct destination *d, const struct parcel *p)
{
    return d->ids && !d->uplink->quiet && (p->parent || (p->on_disk && !p->writing));
}

static bool is_closed(const struct destination *d, uint64_t site)
{
    for (size_t i = 0; i < d->n_closed; i++)
        if (d->closed[i] == site)
            return true;
    return false;
}

static void note_closed(struct destination *d, uint64_t site)
{
    if (is_closed(d, site) || d->n_closed == MAX_CLOSED)
        return;
    if (!d->closed)
        d->closed = calloc(MAX_CLOSED, sizeof(*d->closed));
    if (d->closed) /* else its next record is asked for, too */
        d->closed[d->n_closed++] = site;
}

static struct single_tally *tally_of(const struct delivery *dl)
{
    return &dl->errand->parcel->tally[dl->to->index];
}

/* ---- a record has its fate ---------------------------------------------------------------------
 */

static void count(struct single_tally *t, unsigned status)
{
    t->stored += status == SENT_STORED;
    t->refused += status == SENT_REFUSED;
    t->held += status == SENT_HELD;
}

static bool is_rejection(unsigned status)
{
    return status != SENT_STORED && status != SENT_REFUSED && status != SENT_HELD;
}

/* The reason of a dead letter is told rather than that of a closed site. */
static void keep_reason(struct delivery *dl, unsigned status, struct str reason)
{
    bool dead = answer_record(status) == RECORD_DEAD;
    if (!is_rejection(status) || (dl->reason[0] && (dl->reason_is_dead || !dead)))
        return;
    dl->reason_is_dead = dead;
    snprintf(dl->reason, sizeof(dl->reason), "%.*s", STR_ARGS(reason));
}

static void settle_record(struct delivery *dl, struct single *s, unsigned status, struct str reason)
{
    s->status = (uint16_t)status;
    dl->left--;
    count(tally_of(dl), status);
    keep_reason(dl, status, reason);
    /* A closed site may be open when it is asked again. */
    if (is_rejection(status) && answer_record(status) == RECORD_PARK)
        return;
    const struct sent_entry e = {(uint32_t)(s - dl->batch.v) + 2, (uint16_t)status,
                                 is_rejection(status) ? reason : STR("")};
    if (dl->durable)
        sent_put(&dl->file, &dl->notes, &e);
}

static void tell_held(struct destination *d, int64_t age_ms)
{
    d->untold_held++;
    if (!log_limit_pass(&d->held_complaint, uplink_clock_ms(), TELL_MS))
        return;
    log_event(LOG_WARN, "ai_fetches_held",
              "destination=%s records=%llu age_seconds=%lld why=\"a HitKeep files AI fetches under "
              "the moment they come in, and these are older than an hour\" mend=\"destinations.%s."
              "late_ai_fetch: send, if that does not matter\"",
              d->config->name.p, (unsigned long long)d->untold_held, (long long)(age_ms / 1000),
              d->config->name.p);
    d->untold_held = 0;
}

static void tell_refused(struct destination *d, const char *why)
{
    d->untold_refused++;
    if (!log_limit_pass(&d->refused_complaint, uplink_clock_ms(), TELL_MS))
        return;
    log_event(LOG_INFO, "records_refused", "destination=%s records=%llu why=\"%s\"",
              d->config->name.p, (unsigned long long)d->untold_refused, why);
    d->untold_refused = 0;
}

/* Decided without a request: true. */
static bool settle_here(struct delivery *dl, struct single *s)
{
    struct destination *d = dl->to;
    int64_t age = uplink_wall_ms(d->uplink) - s->time_ms;
    if (s->kind == RECORD_PAGEVIEW && !(destination_sends(d) & SEND_PAGEVIEW)) {
        tell_refused(d, "a HitKeep gets pageviews only when `send` says so");
        settle_record(dl, s, SENT_REFUSED, STR(""));
        return true;
    }
    if (s->kind == RECORD_AI_FETCH && age > LATE_MS && !d->config->send_late_ai_fetches) {
        d->lag_ms = age;
        tell_held(d, age);
        settle_record(dl, s, SENT_HELD, STR(""));
        return true;
    }
    if (is_closed(d, s->site)) {
        settle_record(dl, s, 403, STR("the site is closed to the token"));
        return true;
    }
    return false;
}

/* ---- notes ------------------------------------------------------------------------------------
 */

static void run_note(struct task *task, unsigned worker)
{
    struct delivery *dl = (struct delivery *)task;
    dl->rc = sent_append(&dl->file, buf_str(&dl->writing));
}

static void free_flight(struct flight *f)
{
    f->state = FLIGHT_FREE;
    f->single = NULL;
    f->delivery->to->n_requests--;
}

static void on_noted(struct task *task)
{
    struct delivery *dl = (struct delivery *)task;
    struct uplink *u = dl->to->uplink;
    dl->busy = false;
    u->tasks--;
    if (dl->rc) {
        uplink_disk_failed(u, dl->errand->parcel->shelf, dl->rc);
        u->o.on_change(u->o.context);
        return;
    }
    buf_reset(&dl->writing);
    for (unsigned i = 0; i < SINGLES_AT_ONCE; i++)
        if (dl->flights[i].state == FLIGHT_NOTED)
            free_flight(&dl->flights[i]);
    fault_point("singles.noted");
    destination_pump(dl->to);
    u->o.on_change(u->o.context);
}

/* What failed to be written comes first, again. */
static void start_note(struct delivery *dl)
{
    buf_put_str(&dl->writing, buf_str(&dl->notes));
    buf_reset(&dl->notes);
    for (unsigned i = 0; i < SINGLES_AT_ONCE; i++)
        if (dl->flights[i].state == FLIGHT_ANSWERED)
            dl->flights[i].state = FLIGHT_NOTED;
    dl->task = (struct task){.run = run_note, .done = on_noted};
    dl->busy = true;
    dl->errand->parcel->touched |= dl->to->bit;
    dl->to->uplink->tasks++;
    pool_submit(dl->to->uplink->o.pool, &dl->task, true);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void slow_down(struct flight *f, const struct http_answer *a)
{
    struct destination *d = f->delivery->to;
    struct pace *p = &d->pace[f->single->kind];
    int64_t wait = a->retry_after_ms >= 0
                       ? a->retry_after_ms
                       : SLOW_WAIT_MS / 2 + (int64_t)arc4random_uniform(SLOW_WAIT_MS);
    pace_slow(p, uplink_clock_ms(), f->sent_ms, wait);
    d->ledger.failures[FAILURE_THROTTLED]++;
    if (log_limit_pass(&d->slow_complaint, uplink_clock_ms(), TELL_MS))
        log_event(LOG_INFO, "destination_slowed",
                  "destination=%s kind=%s rate=%.2f held_back=%llu why=\"the server's limit for "
                  "this machine's address is reached\" mend=\"nothing, it settles; or raise the "
                  "server's limit\"",
                  d->config->name.p, f->single->kind == RECORD_AI_FETCH ? "ai_fetch" : "pageview",
                  p->rate, (unsigned long long)d->slow_complaint.held);
}

static void is_well(struct destination *d)
{
    d->failures = 0;
    d->doubtful = d->no_spool = false;
    d->last_error[0] = '\0';
    d->ledger.success_ms = uplink_wall_ms(d->uplink);
}

static void take_answer(struct flight *f, enum single_action action, const struct http_answer *a,
                        const char *why)
{
    struct delivery *dl = f->delivery;
    struct destination *d = dl->to;
    struct single *s = f->single;
    struct str said = str_trim(a->body);
    unsigned status = (unsigned)a->status;
    is_well(d);
    s->flying = false;
    if (action == SINGLE_PARK)
        note_closed(d, s->site);
    if (action == SINGLE_REFUSED) {
        tell_refused(d, why);
        status = SENT_REFUSED;
    }
    if (action == SINGLE_ACCEPTED && s->kind == RECORD_AI_FETCH)
        d->lag_ms = uplink_wall_ms(d->uplink) - s->time_ms;
    settle_record(dl, s, status, said.n ? said : str_of(why));
    f->state = FLIGHT_ANSWERED;
    if (!dl->durable || action == SINGLE_PARK)
        free_flight(f);
}

static void on_single_answer(void *context, const struct http_answer *a)
{
    struct flight *f = context;
    struct destination *d = f->delivery->to;
    struct uplink *u = d->uplink;
    const char *why = "";
    enum single_action action = answer_single(a, &why);
    f->transfer = NULL;
    fault_point("singles.after_answer");
    switch (action) {
    case SINGLE_SLOW:
    case SINGLE_RETRY:
    case SINGLE_PAUSE:
        f->single->flying = false;
        if (action == SINGLE_SLOW)
            slow_down(f, a);
        free_flight(f);
        if (action == SINGLE_PAUSE)
            destination_failed(d, ANSWER_PAUSE, a, why);
        else if (action == SINGLE_RETRY && d->state == DESTINATION_READY)
            destination_failed(d, ANSWER_RETRY, a, why); /* once for all that were under way */
        break;
    default:
        take_answer(f, action, a, why);
    }
    destination_pump(d);
    u->o.on_change(u->o.context);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static const unsigned char *key_of(const struct delivery *dl, const struct single *s)
{
    int64_t day = time_day(s->time_ms);
    for (size_t i = 0; i < dl->n_keys; i++)
        if (dl->keys[i].day == day)
            return dl->keys[i].key;
    return dl->keys[0].key; /* AI fetches have none */
}

static struct flight *free_place(struct delivery *dl)
{
    for (unsigned i = 0; i < SINGLES_AT_ONCE; i++)
        if (dl->flights[i].state == FLIGHT_FREE)
            return &dl->flights[i];
    return NULL;
}

static int launch(struct delivery *dl, struct flight *f, struct single *s)
{
    struct destination *d = dl->to;
    struct buf body = f->body;
    f->body = dl->render.body; /* the request borrows it */
    dl->render.body = body;
    const struct http_request r = {
        .base = d->base_url,
        .path = buf_cstr(&dl->render.path),
        .token = buf_cstr(&d->token),
        .proxy = d->proxy,
        .ca_file = d->ca_file,
        .body = buf_str(&f->body),
        .content_type = "application/json",
        .on_answer = on_single_answer,
        .context = f,
    };
    fault_point("singles.before_send");
    f->transfer = http_start(d->uplink->http, &r);
    if (!f->transfer)
        return -1;
    f->delivery = dl;
    f->single = s;
    f->state = FLIGHT_OUT;
    f->sent_ms = uplink_clock_ms();
    s->flying = true;
    d->n_requests++;
    return 0;
}

/* The first one of this kind that is neither done nor on its way. */
static struct single *next_of(struct delivery *dl, enum record_kind kind)
{
    uint32_t *at = &dl->next[kind];
    while (*at < dl->batch.n && (dl->batch.v[*at].status || dl->batch.v[*at].kind != kind))
        ++*at;
    for (uint32_t i = *at; i < dl->batch.n; i++) {
        struct single *s = &dl->batch.v[i];
        if (s->kind == kind && !s->status && !s->flying)
            return s;
    }
    return NULL;
}

/* Not a request: true. */
static bool settle_unfit(struct delivery *dl, struct single *s)
{
    switch (single_render(&dl->batch, s, dl->to->ids, key_of(dl, s), &dl->render)) {
    case SINGLE_FITS:
        return false;
    case SINGLE_NOT_TAKEN:
        tell_refused(dl->to, dl->render.why);
        settle_record(dl, s, SENT_REFUSED, STR(""));
        return true;
    case SINGLE_NO_SITE:
        settle_record(dl, s, 403, str_of(dl->render.why));
        return true;
    case SINGLE_BROKEN:
        break;
    }
    settle_record(dl, s, 400, str_of(dl->render.why));
    return true;
}

/* Sends what may go now; how long until more of this kind may, 0 when nothing waits for that. */
static int64_t send_kind(struct delivery *dl, enum record_kind kind)
{
    struct destination *d = dl->to;
    struct single *s;
    unsigned most = d->doubtful ? 1 : SINGLES_AT_ONCE;
    while (d->state == DESTINATION_READY && (s = next_of(dl, kind))) {
        struct flight *f = free_place(dl);
        if (settle_here(dl, s) || settle_unfit(dl, s))
            continue;
        if (!f || d->n_requests >= most)
            return 0;
        int64_t wait = pace_take(&d->pace[kind], uplink_clock_ms());
        if (wait)
            return wait;
        if (launch(dl, f, s)) {
            pace_put_back(&d->pace[kind]);
            destination_set_state(d, DESTINATION_WAITING, 1000);
        }
    }
    return 0;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void delivery_free(struct delivery *dl)
{
    if (!dl)
        return;
    for (unsigned i = 0; i < SINGLES_AT_ONCE; i++) {
        http_cancel(dl->flights[i].transfer);
        buf_release(&dl->flights[i].body);
    }
    sent_close(&dl->file);
    single_batch_release(&dl->batch);
    buf_release(&dl->render.path);
    buf_release(&dl->render.body);
    buf_release(&dl->render.scratch);
    buf_release(&dl->notes);
    buf_release(&dl->writing);
    explicit_bzero(dl->keys, sizeof(dl->keys));
    free(dl);
}

void singles_drop(struct errand *e)
{
    delivery_free(e->delivery);
    e->delivery = NULL;
}

static bool is_at_rest(const struct delivery *dl)
{
    if (dl->busy || dl->notes.n || dl->writing.n)
        return false;
    for (unsigned i = 0; i < SINGLES_AT_ONCE; i++)
        if (dl->flights[i].state != FLIGHT_FREE)
            return false;
    return true;
}

/* Every record has its fate. */
static void complete(struct delivery *dl)
{
    struct errand *e = dl->errand;
    const struct single_tally *t = tally_of(dl);
    struct batch_outcome o = {.stored = t->stored, .refused = t->refused, .held = t->held};
    for (size_t i = 0; i < dl->batch.n; i++) {
        const struct single *s = &dl->batch.v[i];
        if (!is_rejection(s->status))
            continue;
        if (!o.rejected)
            o.rejected = calloc(dl->batch.n, sizeof(*o.rejected));
        if (!o.rejected)
            abort(); /* some kilobytes; what is noted is not sent again after a restart */
        o.rejected[o.n_rejected++] = (struct rejected_record){(uint32_t)i + 2, s->status};
    }
    snprintf(o.first_error, sizeof(o.first_error), "%s", dl->reason);
    errand_landed(e);
    singles_drop(e);
    errand_accepted(e, &o);
}

/* True: the delivery is no more. */
static bool settle(struct delivery *dl)
{
    struct errand *e = dl->errand;
    struct destination *d = dl->to;
    if (!dl->opened)
        return false;
    if (!dl->busy && (dl->notes.n || dl->writing.n) && !ev_is_active(&d->uplink->disk_timer))
        start_note(dl);
    if (!is_at_rest(dl))
        return false;
    if (dl->left == 0) {
        complete(dl);
        return true;
    }
    if (d->state == DESTINATION_READY && !d->uplink->quiet)
        return false;
    errand_landed(e);
    singles_drop(e);
    errand_put_back(e);
    return true;
}

static void on_pace_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    destination_pump(timer->data);
}

/* Both kinds, AI fetches first: they are late sooner. How long until more may go; 0: nothing waits
 * for that. */
static int64_t send_both(struct delivery *dl)
{
    if (!dl->opened || dl->to->uplink->quiet)
        return 0;
    int64_t fetches = send_kind(dl, RECORD_AI_FETCH), pages = send_kind(dl, RECORD_PAGEVIEW);
    return !fetches || (pages && pages < fetches) ? pages : fetches;
}

/* One pass over the deliveries; false: one of them ended, the places have changed. */
static bool go_once(struct destination *d, int64_t *wait)
{
    *wait = 0;
    for (unsigned i = 0; i < MAX_FLYING; i++) {
        struct delivery *dl = d->flying[i] ? d->flying[i]->delivery : NULL;
        if (!dl)
            continue;
        int64_t more = send_both(dl);
        if (more && (!*wait || more < *wait))
            *wait = more;
        if (settle(dl))
            return false;
    }
    return true;
}

bool singles_go(struct destination *d)
{
    int64_t wait;
    bool ended = false;
    if (d->uplink->stopping)
        return false;
    while (!go_once(d, &wait))
        ended = true;
    ev_timer_stop(d->uplink->o.loop, &d->pace_timer);
    if (wait) {
        ev_timer_set(&d->pace_timer, (double)wait / 1000, 0.0);
        ev_timer_start(d->uplink->o.loop, &d->pace_timer);
    }
    return ended;
}

/* ---- the beginning ----------------------------------------------------------------------------
 */

static void take_entry(void *context, const struct sent_entry *e)
{
    struct delivery *dl = context;
    if (e->line < 2 || e->line - 2 >= dl->batch.n || dl->batch.v[e->line - 2].status)
        return;
    dl->batch.v[e->line - 2].status = e->status;
    keep_reason(dl, e->status, str_is_set(e->reason) ? e->reason : STR(""));
}

static int read_keys(struct delivery *dl)
{
    for (size_t i = 0; i < dl->batch.n; i++) {
        const struct single *s = &dl->batch.v[i];
        int64_t day = time_day(s->time_ms);
        size_t k = 0;
        if (s->kind != RECORD_PAGEVIEW || s->status)
            continue;
        while (k < dl->n_keys && dl->keys[k].day != day)
            k++;
        if (k < dl->n_keys)
            continue;
        if (k == DELIVERY_MAX_DAYS) /* its visitors get the first day's key */
            return 0;
        int rc = visitor_keys_get(dl->to->uplink->visitor_keys, day, dl->now_ms, dl->keys[k].key);
        if (rc)
            return rc;
        dl->keys[k].day = day;
        dl->n_keys++;
    }
    return 0;
}

static void run_open(struct task *task, unsigned worker)
{
    struct delivery *dl = (struct delivery *)task;
    const char *error;
    dl->rc = single_batch_open(&dl->batch, dl->errand->parcel->batch, &error) ? ENOMEM : 0;
    if (!dl->rc && dl->durable)
        dl->rc = sent_read(&dl->file, dl, take_entry);
    if (!dl->rc)
        dl->rc = read_keys(dl);
}

static void on_opened(struct task *task)
{
    struct delivery *dl = (struct delivery *)task;
    struct destination *d = dl->to;
    struct uplink *u = d->uplink;
    struct errand *e = dl->errand;
    dl->busy = false;
    u->tasks--;
    if (dl->rc) {
        uplink_disk_failed(u, e->parcel->shelf, dl->rc);
        errand_landed(e);
        singles_drop(e);
        errand_failed(e, ANSWER_RETRY, NULL, "what was noted of the batch cannot be read");
        u->o.on_change(u->o.context);
        return;
    }
    struct single_tally *t = tally_of(dl);
    *t = (struct single_tally){0};
    for (size_t i = 0; i < dl->batch.n; i++) {
        dl->left += !dl->batch.v[i].status;
        count(t, dl->batch.v[i].status);
    }
    dl->opened = true;
    destination_pump(d);
    u->o.on_change(u->o.context);
}

void singles_start(struct errand *e)
{
    struct destination *d = e->destination;
    struct uplink *u = d->uplink;
    struct parcel *p = e->parcel;
    struct delivery *dl = calloc(1, sizeof(*dl));
    if (!dl)
        abort(); /* a small fixed object; a restart goes on from what is noted */
    dl->task = (struct task){.run = run_open, .done = on_opened};
    dl->to = d;
    dl->errand = e;
    dl->busy = true;
    dl->durable = p->on_disk;
    dl->now_ms = uplink_wall_ms(u);
    sent_init(&dl->file, u->shelf_fd[p->shelf], p->seq, d->config->name.p, p->batch->id);
    buf_init(&dl->notes, SENT_MAX_BYTES);
    buf_init(&dl->writing, SENT_MAX_BYTES);
    buf_init(&dl->render.path, SINGLE_PATH_MAX);
    buf_init(&dl->render.body, SINGLE_BODY_MAX);
    buf_init(&dl->render.scratch, BATCH_MAX_DECODED);
    for (unsigned i = 0; i < SINGLES_AT_ONCE; i++) {
        dl->flights[i].delivery = dl;
        buf_init(&dl->flights[i].body, SINGLE_BODY_MAX);
    }
    e->delivery = dl;
    u->tasks++;
    pool_submit(u->o.pool, &dl->task, true);
}

/* ---- life -------------------------------------------------------------------------------------
 */

void singles_init(struct destination *d)
{
    int64_t now = uplink_clock_ms();
    pace_init(&d->pace[RECORD_AI_FETCH], d->config->rate_ai_fetch, now);
    pace_init(&d->pace[RECORD_PAGEVIEW], d->config->rate_pageview, now);
    ev_timer_init(&d->pace_timer, on_pace_timer, 0.0, 0.0);
    d->pace_timer.data = d;
}

void singles_release(struct destination *d)
{
    ev_timer_stop(d->uplink->o.loop, &d->pace_timer);
    for (unsigned i = 0; i < MAX_FLYING; i++)
        if (d->flying[i])
            singles_drop(d->flying[i]);
    free(d->closed);
    sites_unref(d->ids);
}
