/*
 * uplink_aftermath.c - what an answer left to do: park the records of closed sites, bury those that
 * were refused for themselves, halve a batch that was refused as a whole; see uplink.h.
 */
#include "agent/dead_seen.h"
#include "agent/uplink_impl.h"
#include "parsers/base/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct aftermath {
    struct task task;
    struct uplink *uplink;
    struct parcel *parcel;
    struct errand *errand;
    enum aftermath_kind kind;
    struct batch_outcome outcome;
    struct str reason;
    struct buf meta;
    uint64_t seq, dead_seq; /* the files' numbers, should they be written */
    bool dead_has_room;
    bool was_parked;
    /* results */
    int rc;
    const char *error;
    struct batch *halves[2];
    uint64_t dead_bytes, parked_bytes;
    uint32_t n_parked, n_dead, n_letter; /* in the letter: those that had none yet */
    char site[256];                      /* of the first record that was parked */
};

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

static void bury(struct aftermath *t, const struct batch *b)
{
    struct buf meta;
    if (!t->dead_has_room || t->rc)
        return;
    buf_init(&meta, SPOOL_META_MAX);
    buf_put_str(&meta, buf_str(&t->meta));
    spool_put_reason(&meta, t->reason);
    struct dead_letter_write w = {.b = b,
                                  .destination = t->errand->destination->config->name,
                                  .meta = buf_str(&meta),
                                  .seq = t->dead_seq};
    fault_point("bury.before_write");
    t->rc = dead_seen_write(t->uplink->dead_seen, &w);
    fault_point("bury.after_write");
    t->dead_bytes = w.bytes;
    t->n_letter = w.n_records;
    buf_release(&meta);
}

/* Whose records these are: of the first one, as far as it tells. */
static void name_site(struct aftermath *t, const struct batch *part)
{
    struct buf body, scratch;
    struct record r;
    const char *why;
    buf_init(&scratch, BATCH_MAX_DECODED);
    if (!batch_decode(part, &body, &why)) {
        struct str rest = buf_str(&body);
        str_cut(&rest, '\n');
        if (record_read(str_cut(&rest, '\n'), &r, &scratch, &why)) {
            struct str site = dead_site(&r);
            snprintf(t->site, sizeof(t->site), "%.*s", STR_ARGS(site));
        }
    }
    buf_release(&body);
    buf_release(&scratch);
}

static void keep_dead(struct aftermath *t)
{
    const struct batch *b = t->parcel->batch;
    struct chosen dead = {&t->outcome, RECORD_DEAD, 0};
    struct batch *part = batch_select(b, select_rejected, &dead, STR("dead"), false, &t->error);
    if (part) {
        t->n_dead = part->n_records;
        bury(t, part);
    }
    batch_free(part);
}

static void keep_parked(struct aftermath *t)
{
    const struct batch *b = t->parcel->batch;
    struct chosen parked = {&t->outcome, RECORD_PARK, 0};
    struct batch *part = batch_select(b, select_rejected, &parked, UPLINK_PARKED, false, &t->error);
    t->n_parked = part ? part->n_records : 0;
    if (part)
        name_site(t, part);
    if (part && !(t->was_parked && part->n_records == b->n_records)) {
        fault_point("park.before_write");
        t->rc = spool_write(t->uplink->shelf_fd[SHELF_PARKED], t->seq, part, buf_str(&t->meta),
                            &t->parked_bytes);
        fault_point("park.after_write");
    }
    batch_free(part);
}

/* Parked last: a parked part tells a start after a crash that all of its batch was dealt with. */
static void run_rejected(struct aftermath *t)
{
    keep_dead(t);
    if (!t->error && !t->rc)
        keep_parked(t);
}

static void run_split(struct aftermath *t)
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
    struct aftermath *t = (struct aftermath *)task;
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

static const struct parcel *whole(const struct parcel *p)
{
    while (p->parent)
        p = p->parent;
    return p;
}

/* The new file on the parked shelf becomes a parcel that waits for its site. */
static void add_parked(struct aftermath *t, struct destination *d)
{
    struct parcel *p = parcel_new(t->uplink);
    if (!p)
        abort();
    p->shelf = SHELF_PARKED;
    p->on_disk = true;
    p->seq = t->seq;
    p->bytes_on_disk = t->parked_bytes;
    p->n_records = t->n_parked;
    p->pending = p->named = d->bit;
    p->born_ms = whole(t->parcel)->born_ms;
    t->uplink->shelf_bytes[SHELF_PARKED] += t->parked_bytes;
}

static void add_halves(struct aftermath *t, struct destination *d)
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

static void tell_rejected(const struct aftermath *t, struct destination *d)
{
    if (t->n_parked && log_limit_pass(&d->parked_complaint, uplink_clock_ms(), 60000))
        log_event(LOG_WARN, "site_parked",
                  "destination=%s site=%s records=%u status=%u why=\"%s\" mend=\"on the server: "
                  "%s; the records wait\"",
                  d->config->name.p, t->site, t->n_parked, t->outcome.rejected[0].status,
                  t->outcome.first_error,
                  d->protocol == PROTOCOL_HITKEEP
                      ? "under API clients, give the token the role admin for this site"
                      : "logferry-server client grant NAME SITE=ingest");
    if (t->n_dead && log_limit_pass(&d->dead_complaint, uplink_clock_ms(), 60000))
        log_event(LOG_WARN, "dead_letter", "destination=%s records=%u why=\"%.*s\" kept=%s",
                  d->config->name.p, t->n_dead, STR_ARGS(t->reason),
                  t->dead_has_room ? "dead/" : "no, limits.dead is reached");
}

static void account(struct aftermath *t, struct destination *d)
{
    struct uplink_ledger *l = &d->ledger;
    struct parcel *p = t->parcel;
    l->stored += t->outcome.stored;
    l->duplicate += t->outcome.duplicate;
    l->excluded += t->outcome.excluded;
    l->refused += t->outcome.refused;
    l->held += t->outcome.held;
    l->acknowledged +=
        p->n_records - t->n_parked - t->n_dead - t->outcome.refused - t->outcome.held;
    p->tally[d->index] = (struct single_tally){0};
    l->dead += t->n_dead;
    t->uplink->shelf_bytes[SHELF_DEAD] += t->dead_bytes;
    if (t->dead_bytes)
        uplink_add_dead(t->uplink, &(struct dead_letter){.shelf = SHELF_DEAD,
                                                         .seq = t->dead_seq,
                                                         .bytes = t->dead_bytes,
                                                         .born_ms = whole(p)->born_ms,
                                                         .n_records = t->n_letter});
    tell_rejected(t, d);
}

static void on_aftermath(struct task *task)
{
    struct aftermath *t = (struct aftermath *)task;
    struct uplink *u = t->uplink;
    struct parcel *p = t->parcel;
    struct errand *e = t->errand;
    struct destination *d = e->destination;
    p->users--;
    if (t->rc) { /* as if it had not been answered: the server will say the same again */
        batch_free(t->halves[0]);
        batch_free(t->halves[1]);
        uplink_disk_failed(u, SHELF_PARKED, t->rc);
        errand_failed(e, ANSWER_RETRY, NULL, "what it rejected cannot be kept on disk");
    } else if (t->kind == AFTERMATH_SPLIT) {
        free(e);
        add_halves(t, d);
        fault_point("split.after_halves");
    } else {
        fault_point("aftermath.before_settle");
        free(e);
        account(t, d);
        if (t->was_parked && t->n_parked == p->n_records) {
            p->queued = false; /* still closed: it stays where it is, unless its time is up */
            parcel_trim(p);
            uplink_expire_soon(u, p);
        } else {
            if (t->n_parked)
                add_parked(t, d);
            parcel_settle(p, d);
        }
    }
    buf_release(&t->meta);
    batch_outcome_release(&t->outcome);
    free(t);
    u->tasks--;
    destination_pump(d);
    u->o.on_change(u->o.context);
}

void uplink_aftermath(struct errand *e, enum aftermath_kind kind, struct batch_outcome *outcome,
                      const char *reason)
{
    struct destination *d = e->destination;
    struct uplink *u = d->uplink;
    struct aftermath *t = calloc(1, sizeof(*t));
    if (!t)
        abort(); /* a small fixed object; a restart sends the batch again */
    t->task = (struct task){.run = run_aftermath, .done = on_aftermath};
    t->uplink = u;
    t->parcel = e->parcel;
    t->errand = e;
    t->kind = kind;
    t->outcome = *outcome;
    t->reason = reason ? str_of(reason) : str_of(t->outcome.first_error);
    t->was_parked = e->parcel->shelf == SHELF_PARKED;
    t->dead_has_room = u->shelf_bytes[SHELF_DEAD] < u->o.config->limits.dead_bytes;
    t->seq = u->o.positions->spool_next++;
    t->dead_seq = u->o.positions->spool_next++;
    buf_init(&t->meta, SPOOL_META_MAX);
    spool_put_destination(&t->meta, d->config->name);
    e->parcel->users++;
    u->tasks++;
    pool_submit(u->o.pool, &t->task, true);
}
