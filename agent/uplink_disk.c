/* uplink_disk.c - parcels to the spool, back from disk, and off it; see uplink.h. */
#include "agent/uplink_singles.h"
#include "parsers/base/fault.h"

#include <errno.h>
#include <stdlib.h>

#define DISK_RETRY_S 5.0
#define MAX_READ_ERRORS 12 /* EIO of one file: the disk has lost it */

/* One thing a worker does. Which fields are used depends on what it does. */
struct disk_task {
    struct task task;
    struct uplink *uplink;
    struct parcel *parcel;
    struct buf meta;
    uint64_t seq, bytes;
    unsigned told; /* destinations named in the file */
    bool spans, renew;
    int rc;
    const char *error;
    struct batch *batch;
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
    buf_init(&t->meta, SPOOL_META_MAX);
    u->tasks++;
    return t;
}

static void task_free(struct disk_task *t)
{
    t->uplink->tasks--;
    buf_release(&t->meta);
    free(t);
}

/* ---- to the spool -----------------------------------------------------------------------------
 */

static void run_spill(struct task *task, unsigned worker)
{
    struct disk_task *t = (struct disk_task *)task;
    t->rc = spool_write(t->uplink->shelf_fd[SHELF_SPOOL], t->seq, t->parcel->batch,
                        buf_str(&t->meta), &t->bytes);
}

void uplink_disk_failed(struct uplink *u, enum shelf shelf, int rc)
{
    if (log_limit_pass(&u->disk_complaint, uplink_clock_ms(), 60000))
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
    if (p->group)
        p->group->spilling = false;
    if (t->rc) {
        u->shelf_bytes[SHELF_SPOOL] -= p->bytes_on_disk;
        p->bytes_on_disk = 0;
        uplink_disk_failed(u, SHELF_SPOOL, t->rc);
    } else {
        u->shelf_bytes[SHELF_SPOOL] += t->bytes - p->bytes_on_disk;
        p->bytes_on_disk = t->bytes;
        p->on_disk = true;
        p->shelf = SHELF_SPOOL;
        p->carries_spans = t->spans;
        fault_point("spill.before_safe");
        note_done(p, t->told);
        parcel_make_safe(p);
    }
    unsigned pending = p->pending;
    parcel_recount(p);
    task_free(t);
    for (size_t i = 0; i < u->n_destinations; i++) /* who waited for it to be on disk */
        if (pending & uplink_singles(u) & u->destinations[i].bit)
            destination_pump(&u->destinations[i]);
    if (pending)
        parcel_trim(p);
    else
        parcel_finish(p);
    uplink_spill_all(u); /* the others of its group */
    u->o.on_change(u->o.context);
}

void uplink_spill(struct uplink *u, struct parcel *p)
{
    while (p->parent)
        p = p->parent;
    unsigned singles = uplink_singles(u);
    if (!(u->o.spool || (p->pending & singles)) || p->on_disk || p->writing || !p->batch ||
        u->stopping || ev_is_active(&u->disk_timer) || (p->group && p->group->spilling))
        return;
    if (p->group && p->group->others && (p->pending & singles) && !p->plain)
        return; /* so that it is the last of its group, and carries the spans */
    if (!uplink_make_room(u, p))
        return;
    struct disk_task *t = task_new(u, p, run_spill, on_spilled);
    t->told = p->pending;
    /* The last of its group speaks for all, unless some of it is owed. */
    t->spans = p->group && p->group->pending == 1 && !p->group->owed;
    for (size_t i = 0; i < u->n_destinations; i++)
        if (t->told & u->destinations[i].bit)
            spool_put_destination(&t->meta, u->destinations[i].config->name);
    if (t->spans)
        spool_put_spans(&t->meta, p->group->spans, p->group->n_spans);
    p->seq = t->seq = u->o.positions->spool_next++;
    p->bytes_on_disk = p->batch->body.n; /* an estimate, until it is written */
    u->shelf_bytes[SHELF_SPOOL] += p->bytes_on_disk;
    p->writing = true;
    p->named = t->told;
    parcel_recount(p);
    if (p->group)
        p->group->spilling = true;
    p->users++;
    pool_submit(u->o.pool, &t->task, true);
}

void uplink_spill_all(struct uplink *u)
{
    unsigned unwell = u->groups_in_memory ? uplink_unwell(u) | uplink_singles(u) : 0;
    struct parcel *next;
    for (struct parcel *p = u->parcels; p && unwell; p = next) {
        next = p->next; /* p itself may go, and nothing else */
        if (p->pending & unwell)
            uplink_spill(u, p);
    }
}

/* ---- back from disk ---------------------------------------------------------------------------
 */

static void run_fetch(struct task *task, unsigned worker)
{
    struct disk_task *t = (struct disk_task *)task;
    struct parcel *p = t->parcel;
    t->batch = spool_read(t->uplink->shelf_fd[p->shelf], p->seq, NULL, &t->error);
    t->rc = t->batch ? 0 : errno;
    if (t->batch && t->renew) { /* its old answer is on the server's books */
        t->batch = batch_renew(t->batch, &t->error);
        t->rc = t->batch || strcmp(t->error, "out of memory") != 0 ? 0 : ENOMEM;
    }
    if (t->rc == EIO && ++p->read_errors >= MAX_READ_ERRORS)
        t->rc = 0;
    if (!t->batch && !t->rc)
        spool_set_aside(t->uplink->shelf_fd[p->shelf], p->seq);
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
    parcel_recount(p);
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        if (!(p->pending & d->bit) || p->halves[i]) /* its halves are on their way there */
            continue;
        destination_drop(d, p);
        d->ledger.dead += parcel_left(p, d);
        parcel_book(p, d);
        p->pending &= ~d->bit;
    }
}

static void on_fetched(struct task *task)
{
    struct disk_task *t = (struct disk_task *)task;
    struct parcel *p = t->parcel;
    struct uplink *u = t->uplink;
    p->reading = false;
    p->batch = t->batch;
    fault_point("fetch.after_read");
    if (t->rc) /* it stays in the queue */
        uplink_disk_failed(u, p->shelf, t->rc);
    else if (!p->batch)
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
    t->renew = p->shelf == SHELF_PARKED && !(p->pending & uplink_singles(p->uplink));
    p->reading = true;
    pool_submit(p->uplink->o.pool, &t->task, true);
}

static void run_discard(struct task *task, unsigned worker)
{
    struct disk_task *t = (struct disk_task *)task;
    struct uplink *u = t->uplink;
    const struct parcel *p = t->parcel;
    t->rc = spool_remove(u->shelf_fd[p->shelf], p->seq);
    for (size_t i = 0; i < u->n_destinations && !t->rc; i++)
        if (p->touched & u->destinations[i].bit)
            t->rc = sent_remove(u->shelf_fd[p->shelf], p->seq, u->destinations[i].config->name.p);
}

static void on_discarded(struct task *task)
{
    struct disk_task *t = (struct disk_task *)task;
    struct parcel *p = t->parcel;
    struct uplink *u = t->uplink;
    if (t->rc) /* it will be sent again after a restart, and counted as duplicate there */
        uplink_disk_failed(u, p->shelf, t->rc);
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
