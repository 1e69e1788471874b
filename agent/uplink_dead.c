/* uplink_dead.c - dead letters of a running agent: sent again, or removed; see uplink.h. */
#include "agent/uplink_impl.h"

#include <stdlib.h>

struct dead_job {
    enum dead_op op;
    struct dead_result result;
    unsigned tasks;
    void *context;
    void (*done)(void *context, const struct dead_result *result);
};

struct dead_task {
    struct task task;
    struct uplink *uplink;
    struct dead_job *job;
    struct dead_move move;
    struct destination *to;
    int rc;
};

static void run_move(struct task *task, unsigned worker)
{
    struct dead_task *t = (struct dead_task *)task;
    t->rc = dead_move(&t->move, t->job->op);
}

static void finish_job(struct dead_job *job)
{
    if (job->tasks)
        return;
    job->done(job->context, &job->result);
    free(job);
}

static struct destination *find(struct uplink *u, const char *name)
{
    for (size_t i = 0; i < u->n_destinations; i++)
        if (strcmp(u->destinations[i].config->name.p, name) == 0)
            return &u->destinations[i];
    return NULL;
}

/* The letter is a spool file now, like one that was found at start. */
static void take_in(struct uplink *u, const struct dead_move *m)
{
    struct destination *d = find(u, m->destination);
    struct parcel *p = d ? parcel_new(u) : NULL;
    u->shelf_bytes[SHELF_SPOOL] += m->spool_bytes;
    if (!p || destination_enqueue(d, p, false)) {
        u->foreign_bytes += m->spool_bytes; /* it waits for a start that knows the destination */
        uplink_add_dead(u, &(struct dead_letter){.shelf = SHELF_SPOOL,
                                                 .seq = m->spool_seq,
                                                 .bytes = m->spool_bytes,
                                                 .born_ms = uplink_clock_ms(),
                                                 .n_records = m->n_records});
        if (p)
            parcel_free(p);
        return;
    }
    p->on_disk = true;
    p->seq = m->spool_seq;
    p->bytes_on_disk = m->spool_bytes;
    p->n_records = m->n_records;
    p->pending = p->named = d->bit;
    d->ledger.records += m->n_records;
    parcel_recount(p);
    destination_pump(d);
}

static void on_moved(struct task *task)
{
    struct dead_task *t = (struct dead_task *)task;
    struct uplink *u = t->uplink;
    struct dead_job *job = t->job;
    u->tasks--;
    if (t->rc) {
        job->result.failed++;
        job->result.error = t->move.error;
    } else {
        job->result.letters++;
        if (job->op == DEAD_REPLAY)
            take_in(u, &t->move);
    }
    uplink_dead_removed(u, SHELF_DEAD, t->move.seq, t->rc);
    free(t);
    job->tasks--;
    finish_job(job);
    u->o.on_change(u->o.context);
}

static void move_one(struct uplink *u, struct dead_job *job, struct dead_letter *l)
{
    struct dead_task *t = l->busy ? NULL : calloc(1, sizeof(*t));
    if (!t) {
        job->result.failed++;
        job->result.error = "another command has it";
        return;
    }
    t->task = (struct task){.run = run_move, .done = on_moved};
    t->uplink = u;
    t->job = job;
    t->move = (struct dead_move){.dead_fd = u->shelf_fd[SHELF_DEAD],
                                 .spool_fd = u->shelf_fd[SHELF_SPOOL],
                                 .seq = l->seq,
                                 .spool_seq = u->o.positions->spool_next++};
    l->busy = true;
    job->result.records += l->n_records;
    job->tasks++;
    u->tasks++;
    pool_submit(u->o.pool, &t->task, false);
}

void uplink_move_dead(struct uplink *u, const struct dead_order *order)
{
    struct dead_job *job = calloc(1, sizeof(*job));
    if (!job)
        abort(); /* a small fixed object */
    job->op = order->op;
    job->done = order->done;
    job->context = order->context;
    for (size_t i = 0; i < u->n_dead && !order->n; i++)
        if (u->dead[i].shelf == SHELF_DEAD)
            move_one(u, job, &u->dead[i]);
    for (size_t k = 0; k < order->n; k++) {
        size_t i = 0;
        while (i < u->n_dead &&
               (u->dead[i].seq != order->seqs[k] || u->dead[i].shelf != SHELF_DEAD))
            i++;
        if (i < u->n_dead)
            move_one(u, job, &u->dead[i]);
        else
            job->result.missing++;
    }
    finish_job(job);
}

void uplink_read_shelf(const struct uplink *u, enum shelf shelf, struct shelf_state *out)
{
    int64_t now = uplink_clock_ms();
    *out = (struct shelf_state){.bytes = u->shelf_bytes[shelf]};
    for (size_t i = 0; i < u->n_dead; i++) {
        if (u->dead[i].shelf != shelf)
            continue;
        out->files++;
        if (now - u->dead[i].born_ms > out->oldest_ms)
            out->oldest_ms = now - u->dead[i].born_ms;
    }
    for (const struct parcel *p = u->parcels; p; p = p->next) {
        if (!p->on_disk || p->shelf != shelf)
            continue;
        out->files++;
        if (now - p->born_ms > out->oldest_ms)
            out->oldest_ms = now - p->born_ms;
    }
}
