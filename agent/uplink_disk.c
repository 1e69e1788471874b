/* uplink_disk.c - what workers do for parcels: spool, fetch, park, bury, halve; see uplink.h. */
#include "agent/uplink_impl.h"
#include "parsers/base/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define DISK_RETRY_S 5.0
#define META_MAX (8u << 20)

/* One thing a worker does. Which fields are used depends on what it does. */
struct disk_task {
    struct task task;
    struct uplink *uplink;
    struct parcel *parcel;
    struct buf meta;
    uint64_t seq, bytes;
    unsigned told; /* destinations named in the file */
    bool spans;
    int rc;
    const char *error;
    struct batch *batch;
    /* aftermath */
    struct errand *errand;
    enum aftermath_kind kind;
    struct batch_outcome outcome;
    struct batch *halves[2];
    struct str reason;
    uint64_t dead_seq, dead_bytes, parked_bytes;
    uint32_t n_parked, n_dead;
    char site[256]; /* of the first record that was parked */
    bool keep_dead; /* there is room on the shelf */
    bool was_parked;
};

static struct disk_task *task_new(struct uplink *u, struct parcel *p,
                                  void (*run)(struct task *, unsigned), void (*done)(struct task *))
{
    struct disk_task *t = calloc(1, sizeof(*t));
    if (!t)
        abort(); /* a small fixed object; the files make a restart safe */
    t->task.run = run;
    t->task.done = done;
    t->uplink = u;
    t->parcel = p;
    buf_init(&t->meta, META_MAX);
    u->tasks++;
    return t;
}

static void task_free(struct disk_task *t)
{
    t->uplink->tasks--;
    buf_release(&t->meta);
    batch_outcome_release(&t->outcome);
    free(t);
}

static int64_t now_ms(const struct uplink *u)
{
    return (int64_t)(ev_now(u->o.loop) * 1000);
}

/* ---- to the spool -----------------------------------------------------------------------------
 */

static void run_spill(struct task *task, unsigned worker)
{
    struct disk_task *t = (struct disk_task *)task;
    t->rc = spool_write(t->uplink->shelf_fd[SHELF_SPOOL], t->seq, t->parcel->batch,
                        buf_str(&t->meta), &t->bytes);
}

static void disk_failed(struct uplink *u, enum shelf shelf, int rc)
{
    if (log_limit_pass(&u->disk_complaint, now_ms(u), 60000))
        log_event(LOG_ERROR, "disk_unwell",
                  "what=%s why=\"%s\" mend=\"free space or mend the disk below %s; reading waits, "
                  "nothing is lost\"",
                  shelf_name(shelf), strerror(rc), u->o.config->state_dir.p);
    if (ev_is_active(&u->disk_timer))
        return;
    ev_timer_set(&u->disk_timer, DISK_RETRY_S, 0.0);
    ev_timer_start(u->o.loop, &u->disk_timer);
}

/* Destinations that got it while it was written are named in the file: note that they are done. */
static void note_done(struct parcel *p, unsigned told)
{
    struct uplink *u = p->uplink;
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        struct intervals *done =
            told & ~p->pending & d->bit ? positions_spooled(u->o.positions, d->config->name) : NULL;
        if (done)
            intervals_add(done, p->seq, p->seq + 1);
    }
}

static void on_spilled(struct task *task)
{
    struct disk_task *t = (struct disk_task *)task;
    struct parcel *p = t->parcel;
    struct uplink *u = t->uplink;
    p->writing = false;
    p->users--;
    if (t->rc) {
        u->shelf_bytes[SHELF_SPOOL] -= p->bytes_on_disk;
        disk_failed(u, SHELF_SPOOL, t->rc);
    } else {
        u->shelf_bytes[SHELF_SPOOL] += t->bytes - p->bytes_on_disk;
        p->bytes_on_disk = t->bytes;
        p->on_disk = true;
        p->shelf = SHELF_SPOOL;
        p->carries_spans = t->spans;
        note_done(p, t->told);
        parcel_make_safe(p);
    }
    unsigned pending = p->pending;
    task_free(t);
    if (pending)
        parcel_trim(p);
    else
        parcel_finish(p);
    u->o.on_change(u->o.context);
}

static bool has_room(struct uplink *u, uint64_t bytes)
{
    if (u->shelf_bytes[SHELF_SPOOL] + bytes <= u->o.config->limits.spool_bytes)
        return true;
    if (log_limit_pass(&u->full_complaint, now_ms(u), 60000))
        log_event(LOG_WARN, "spool_full",
                  "bytes=%llu why=\"limits.spool is reached\" mend=\"raise limits.spool or bring "
                  "the destination back; "
                  "reading waits, nothing is lost while the logs stay\"",
                  (unsigned long long)u->shelf_bytes[SHELF_SPOOL]);
    return false;
}

void uplink_spill(struct uplink *u, struct parcel *p)
{
    if (p->parent)
        p = p->parent;
    if (!u->o.spool || p->on_disk || p->writing || !p->batch || u->stopping ||
        ev_is_active(&u->disk_timer))
        return;
    if (!has_room(u, p->batch->body.n))
        return;
    struct disk_task *t = task_new(u, p, run_spill, on_spilled);
    t->told = p->pending;
    t->spans = p->group && p->group->pending == 1; /* the last of its group speaks for all */
    for (size_t i = 0; i < u->n_destinations; i++)
        if (t->told & u->destinations[i].bit)
            spool_put_destination(&t->meta, u->destinations[i].config->name);
    if (t->spans)
        spool_put_spans(&t->meta, p->group->spans, p->group->n_spans);
    p->seq = t->seq = u->o.positions->spool_next++;
    p->bytes_on_disk = p->batch->body.n; /* an estimate, until it is written */
    u->shelf_bytes[SHELF_SPOOL] += p->bytes_on_disk;
    p->writing = true;
    p->users++;
    pool_submit(u->o.pool, &t->task, true);
}

void uplink_spill_all(struct uplink *u)
{
    unsigned down = 0;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (u->destinations[i].state != DESTINATION_READY)
            down |= u->destinations[i].bit;
    for (struct parcel *p = u->parcels; p && down; p = p->next)
        if (p->pending & down)
            uplink_spill(u, p);
}

/* ---- back from disk ---------------------------------------------------------------------------
 */

static bool select_all(void *context, size_t line)
{
    return true;
}

/* A parked batch is answered anew only under a new id: the old answer is on the server's books. */
static struct batch *renew(struct batch *b, const char **error)
{
    char salt[16];
    struct batch *fresh = NULL;
    *error = "no random bytes";
    if (getrandom(salt, sizeof(salt), 0) == sizeof(salt))
        fresh = batch_select(b, select_all, NULL, (struct str){salt, sizeof(salt)}, false, error);
    batch_free(b);
    return fresh;
}

static void run_fetch(struct task *task, unsigned worker)
{
    struct disk_task *t = (struct disk_task *)task;
    struct parcel *p = t->parcel;
    t->batch = spool_read(t->uplink->shelf_fd[p->shelf], p->seq, NULL, &t->error);
    if (t->batch && p->shelf == SHELF_PARKED)
        t->batch = renew(t->batch, &t->error);
    if (!t->batch)
        spool_set_aside(t->uplink->shelf_fd[p->shelf], p->seq);
}

/* The queue entries of a parcel that cannot be sent any more. */
static void drop_errands(struct parcel *p, struct destination *d)
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

static void lost_file(struct parcel *p, const char *error)
{
    struct uplink *u = p->uplink;
    log_event(LOG_ERROR, "spool_file_damaged",
              "shelf=%s file=%016llx.bad records=%u why=\"%s\" mend=\"backfill the logs of that "
              "time; the server keeps what it has\"",
              shelf_name(p->shelf), (unsigned long long)p->seq, p->n_records, error);
    u->shelf_bytes[p->shelf] -= p->bytes_on_disk;
    p->on_disk = false;
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        if (!(p->pending & d->bit))
            continue;
        drop_errands(p, d);
        d->ledger.dead += p->n_records;
    }
    p->pending = 0;
}

static void on_fetched(struct task *task)
{
    struct disk_task *t = (struct disk_task *)task;
    struct parcel *p = t->parcel;
    struct uplink *u = t->uplink;
    p->reading = false;
    p->batch = t->batch;
    if (!p->batch)
        lost_file(p, t->error);
    task_free(t);
    if (!p->pending)
        parcel_finish(p);
    for (size_t i = 0; i < u->n_destinations; i++)
        destination_pump(&u->destinations[i]);
    u->o.on_change(u->o.context);
}

void uplink_fetch(struct parcel *p)
{
    struct disk_task *t = task_new(p->uplink, p, run_fetch, on_fetched);
    p->reading = true;
    pool_submit(p->uplink->o.pool, &t->task, true);
}

static void run_discard(struct task *task, unsigned worker)
{
    struct disk_task *t = (struct disk_task *)task;
    t->rc = spool_remove(t->uplink->shelf_fd[t->parcel->shelf], t->parcel->seq);
}

static void on_discarded(struct task *task)
{
    struct disk_task *t = (struct disk_task *)task;
    struct parcel *p = t->parcel;
    struct uplink *u = t->uplink;
    if (t->rc) /* it will be sent again after a restart, and counted as duplicate there */
        disk_failed(u, p->shelf, t->rc);
    u->shelf_bytes[p->shelf] -= p->bytes_on_disk;
    task_free(t);
    parcel_free(p);
    uplink_spill_all(u);
    u->o.on_change(u->o.context);
}

void uplink_discard(struct parcel *p)
{
    struct disk_task *t = task_new(p->uplink, p, run_discard, on_discarded);
    pool_submit(p->uplink->o.pool, &t->task, false);
}

/* ---- what an answer left to do ----------------------------------------------------------------
 */

/* Is this line of the body rejected, and for that kind of action? */
struct chosen {
    const struct batch_outcome *outcome;
    enum record_action action;
    size_t next; /* both lists ascend */
};

static bool select_rejected(void *context, size_t line)
{
    struct chosen *c = context;
    const struct batch_outcome *o = c->outcome;
    while (c->next < o->n_rejected && o->rejected[c->next].line < line)
        c->next++;
    return c->next < o->n_rejected && o->rejected[c->next].line == line &&
           answer_record(o->rejected[c->next].status) == c->action;
}

struct half {
    size_t middle;
    bool second;
};

static bool select_half(void *context, size_t line)
{
    const struct half *h = context;
    return (line > h->middle) == h->second;
}

static void bury(struct disk_task *t, const struct batch *b)
{
    struct buf meta;
    if (!t->keep_dead || t->rc)
        return;
    buf_init(&meta, META_MAX);
    buf_put_str(&meta, buf_str(&t->meta));
    spool_put_reason(&meta, t->reason);
    t->rc = spool_write(t->uplink->shelf_fd[SHELF_DEAD], t->dead_seq, b, buf_str(&meta),
                        &t->dead_bytes);
    buf_release(&meta);
}

/* Whose records these are: of the first one, as far as it tells. */
static void name_site(struct disk_task *t, const struct batch *part)
{
    struct buf body, scratch;
    struct record r;
    const char *why;
    buf_init(&scratch, BATCH_MAX_DECODED);
    if (!batch_decode(part, &body, &why)) {
        struct str rest = buf_str(&body);
        str_cut(&rest, '\n');
        if (record_read(str_cut(&rest, '\n'), &r, &scratch, &why)) {
            struct str url = r.url, site = str_is_set(r.site) ? r.site : r.hostname;
            for (int i = 0; i < 2 && url.n; i++)
                str_cut(&url, '/'); /* "https:" and what is between the slashes */
            site = str_is_set(site) ? site : str_cut(&url, '/');
            snprintf(t->site, sizeof(t->site), "%.*s", STR_ARGS(site));
        }
    }
    buf_release(&body);
    buf_release(&scratch);
}

static void run_rejected(struct disk_task *t)
{
    const struct batch *b = t->parcel->batch;
    struct chosen parked = {&t->outcome, RECORD_PARK, 0}, dead = {&t->outcome, RECORD_DEAD, 0};
    struct batch *part = batch_select(b, select_rejected, &parked, STR("parked"), false, &t->error);
    t->n_parked = part ? part->n_records : 0;
    if (part)
        name_site(t, part);
    if (part && !(t->was_parked && part->n_records == b->n_records)) {
        t->rc = spool_write(t->uplink->shelf_fd[SHELF_PARKED], t->seq, part, buf_str(&t->meta),
                            &t->parked_bytes);
        fault_point("park.after_write");
    }
    batch_free(part);
    if (t->error || t->rc)
        return;
    part = batch_select(b, select_rejected, &dead, STR("dead"), false, &t->error);
    if (part) {
        t->n_dead = part->n_records;
        bury(t, part);
    }
    batch_free(part);
}

static void run_split(struct disk_task *t)
{
    const struct batch *b = t->parcel->batch;
    for (int i = 0; i < 2 && !t->error; i++) {
        struct half h = {.middle = 1 + b->n_records / 2, .second = i};
        t->halves[i] =
            batch_select(b, select_half, &h, i ? STR("second") : STR("first"), i == 0, &t->error);
    }
}

static void run_aftermath(struct task *task, unsigned worker)
{
    struct disk_task *t = (struct disk_task *)task;
    switch (t->kind) {
    case AFTERMATH_REJECTED:
        run_rejected(t);
        break;
    case AFTERMATH_SPLIT:
        run_split(t);
        break;
    case AFTERMATH_BURY:
        t->n_dead = t->parcel->n_records;
        bury(t, t->parcel->batch);
        break;
    }
    if (t->error && !t->rc)
        t->rc = EIO;
}

/* The new file on the parked shelf becomes a parcel that waits for its site. */
static void add_parked(struct disk_task *t, struct destination *d)
{
    struct parcel *p = parcel_new(t->uplink);
    if (!p)
        abort();
    p->shelf = SHELF_PARKED;
    p->on_disk = true;
    p->seq = t->seq;
    p->bytes_on_disk = t->parked_bytes;
    p->n_records = t->n_parked;
    p->pending = d->bit;
    t->uplink->shelf_bytes[SHELF_PARKED] += t->parked_bytes;
}

static void add_halves(struct disk_task *t, struct destination *d)
{
    struct parcel *parent = t->parcel;
    for (int i = 1; i >= 0; i--) {
        struct parcel *p = parcel_new(t->uplink);
        if (!p || destination_enqueue(d, p, true))
            abort();
        p->batch = t->halves[i];
        p->n_records = p->batch->n_records;
        p->parent = parent;
        p->pending = d->bit;
        parent->halves[d->index]++;
    }
}

static void tell_rejected(const struct disk_task *t, struct destination *d)
{
    if (t->n_parked && log_limit_pass(&d->parked_complaint, now_ms(t->uplink), 60000))
        log_event(LOG_WARN, "site_parked",
                  "destination=%s site=%s records=%u status=%u why=\"%s\" mend=\"on the server: "
                  "logferry-server client grant NAME SITE=ingest; the records wait\"",
                  d->config->name.p, t->site, t->n_parked, t->outcome.rejected[0].status,
                  t->outcome.first_error);
    if (t->n_dead && log_limit_pass(&d->dead_complaint, now_ms(t->uplink), 60000))
        log_event(LOG_WARN, "dead_letter", "destination=%s records=%u why=\"%.*s\" kept=%s",
                  d->config->name.p, t->n_dead, STR_ARGS(t->reason),
                  t->keep_dead ? "dead/" : "no, limits.dead is reached");
}

static void account(struct disk_task *t, struct destination *d)
{
    struct uplink_ledger *l = &d->ledger;
    struct parcel *p = t->parcel;
    l->stored += t->outcome.stored;
    l->duplicate += t->outcome.duplicate;
    l->excluded += t->outcome.excluded;
    l->acknowledged += p->n_records - t->n_parked - t->n_dead;
    l->dead += t->n_dead;
    t->uplink->shelf_bytes[SHELF_DEAD] += t->dead_bytes;
    tell_rejected(t, d);
}

static void on_aftermath(struct task *task)
{
    struct disk_task *t = (struct disk_task *)task;
    struct uplink *u = t->uplink;
    struct parcel *p = t->parcel;
    struct errand *e = t->errand;
    struct destination *d = e->destination;
    p->users--;
    if (t->rc) { /* as if it had not been answered: the server will say the same again */
        disk_failed(u, SHELF_PARKED, t->rc);
        errand_failed(e, ANSWER_RETRY, NULL, "what it rejected cannot be kept on disk");
    } else if (t->kind == AFTERMATH_SPLIT) {
        free(e);
        add_halves(t, d);
    } else {
        free(e);
        account(t, d);
        if (t->was_parked && t->n_parked == p->n_records) {
            p->queued = false; /* still closed: it stays where it is */
            parcel_trim(p);
        } else {
            if (t->n_parked)
                add_parked(t, d);
            parcel_settle(p, d);
        }
    }
    task_free(t);
    destination_pump(d);
    u->o.on_change(u->o.context);
}

void uplink_aftermath(struct errand *e, enum aftermath_kind kind, struct batch_outcome *outcome,
                      const char *reason)
{
    struct destination *d = e->destination;
    struct uplink *u = d->uplink;
    struct disk_task *t = task_new(u, e->parcel, run_aftermath, on_aftermath);
    t->errand = e;
    t->kind = kind;
    t->outcome = *outcome;
    t->reason = reason ? str_of(reason) : str_of(t->outcome.first_error);
    t->was_parked = e->parcel->shelf == SHELF_PARKED;
    t->keep_dead = u->shelf_bytes[SHELF_DEAD] < u->o.config->limits.dead_bytes;
    t->seq = u->o.positions->spool_next++;
    t->dead_seq = u->o.positions->spool_next++;
    spool_put_destination(&t->meta, d->config->name);
    e->parcel->users++;
    pool_submit(u->o.pool, &t->task, true);
}
