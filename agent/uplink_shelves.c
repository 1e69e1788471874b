/* uplink_shelves.c - at start: what waits on disk, before the positions are used; see uplink.h. */
#include "agent/file_map.h"
#include "agent/state_dir.h"
#include "agent/uplink_singles.h"
#include "parsers/base/fault.h"

#include <errno.h>
#include <stdlib.h>

/* The lines of a spooled batch are safe, whatever the positions' last generation says. */
static int cover(struct uplink *u, const struct spool_meta *m)
{
    for (size_t i = 0; i < m->n_spans; i++) {
        const struct spool_span *s = &m->spans[i];
        struct position *p = positions_by_key(u->o.positions, s->key);
        if (!p) {
            p = positions_add_keyed(u->o.positions, s->key, s->stream, s->path);
            if (!p)
                return -1;
            p->dev = s->dev;
            p->ino = s->ino;
        }
        if (positions_cover(p, s->from, s->to, 0))
            return -1;
    }
    return 0;
}

static struct destination *by_name(struct uplink *u, struct str name)
{
    for (size_t i = 0; i < u->n_destinations; i++)
        if (str_eq(u->destinations[i].config->name, name))
            return &u->destinations[i];
    return NULL;
}

/* The destinations that still want this file. */
static unsigned wanted_by(struct uplink *u, const struct spool_meta *m, enum shelf shelf,
                          uint64_t seq)
{
    unsigned pending = 0;
    for (size_t i = 0; i < m->n_to; i++) {
        struct destination *d = by_name(u, m->to[i]);
        if (!d) {
            log_event(LOG_WARN, "spool_for_unknown_destination",
                      "shelf=%s file=%016llx.batch destination=%.*s mend=\"configure it again, or "
                      "delete the file\"",
                      shelf_name(shelf), (unsigned long long)seq, STR_ARGS(m->to[i]));
            continue;
        }
        struct intervals *done =
            shelf == SHELF_SPOOL ? positions_spooled(u->o.positions, m->to[i]) : NULL;
        if (!done || !intervals_contain(done, seq))
            pending |= d->bit;
    }
    return pending;
}

static bool wanted_by_unknown(struct uplink *u, const struct spool_meta *m)
{
    for (size_t i = 0; i < m->n_to; i++)
        if (!by_name(u, m->to[i]))
            return true;
    return false;
}

static void add_dead(struct uplink *u, enum shelf shelf, const struct spool_item *item,
                     const struct batch *b)
{
    int64_t age = uplink_age_ms(u, shelf, item->seq, b->sealed_ms);
    const struct dead_letter l = {.shelf = shelf,
                                  .seq = item->seq,
                                  .bytes = item->bytes,
                                  .born_ms = uplink_clock_ms() - age,
                                  .n_records = b->n_records};
    uplink_add_dead(u, &l);
}

static void name_destinations(struct parcel *p, const struct spool_meta *m)
{
    struct uplink *u = p->uplink;
    for (size_t i = 0; i < m->n_to; i++) {
        const struct destination *d = by_name(u, m->to[i]);
        if (!d)
            continue;
        p->named |= d->bit;
        if (sent_exists(u->shelf_fd[p->shelf], p->seq, d->config->name.p))
            p->touched |= d->bit;
    }
}

/* ---- batches whose parked part is there -------------------------------------------------------
 *
 * That part is the last thing that is written of a batch's rejected records. Where it is found
 * beside the batch, the crash came before the positions told that the batch is done: sent again it
 * would be parked again, and what is parked twice would be stored twice by a HitKeep.
 */

struct loading {
    struct uplink *uplink;
    struct file_map parked; /* parcels of the shelf by the hash of their batch's id */
    struct loaded {
        struct parcel *parcel;
        struct hash128 part; /* of the id that its parked part would have */
    } * v;
    size_t n, cap;
};

static void halves_of(struct hash128 h, uint64_t key[2])
{
    memcpy(key, h.b, sizeof(h.b));
}

static int note_loaded(struct loading *l, struct parcel *p, const char *id)
{
    char part[BATCH_ID_BYTES];
    uint64_t key[2];
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct loaded *v = realloc(l->v, cap * sizeof(*v));
        if (!v)
            return -1;
        l->v = v;
        l->cap = cap;
    }
    batch_part_id(id, UPLINK_PARKED, part);
    l->v[l->n++] = (struct loaded){p, hash_128(str_of(part))};
    if (p->shelf != SHELF_PARKED)
        return 0;
    halves_of(hash_128(str_of(id)), key);
    return file_map_put(&l->parked, key[0], key[1], p); /* of two the later one is what was left */
}

static void settle_loaded(struct parcel *p, unsigned bits)
{
    struct uplink *u = p->uplink;
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        if (!(bits & d->bit))
            continue;
        bool last = p->pending == d->bit;
        destination_drop(d, p);
        d->ledger.records -= p->n_records;
        parcel_settle(p, d);
        if (last)
            return;
    }
}

static void settle_parked(struct loading *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct parcel *p = l->v[i].parcel;
        uint64_t key[2];
        halves_of(l->v[i].part, key);
        const struct parcel *part = file_map_find(&l->parked, key[0], key[1]);
        if (part)
            settle_loaded(p, p->pending & part->named);
    }
}

static int add_parcel(struct loading *l, enum shelf shelf, const struct spool_item *item,
                      const struct spool_meta *m, const struct batch *b)
{
    struct uplink *u = l->uplink;
    uint32_t n_records = b->n_records;
    unsigned pending = wanted_by(u, m, shelf, item->seq);
    bool kept = wanted_by_unknown(u, m);
    if (kept && shelf == SHELF_SPOOL)
        u->foreign_bytes += item->bytes;
    if (kept && !pending) {
        add_dead(u, shelf, item, b); /* left where it is, but not for ever */
        return 0;
    }
    struct parcel *p = parcel_new(u);
    if (!p)
        return -1;
    p->shelf = shelf;
    p->on_disk = true;
    p->seq = item->seq;
    p->bytes_on_disk = item->bytes;
    p->n_records = n_records;
    p->pending = pending;
    p->carries_spans = m->n_spans > 0;
    p->kept = kept;
    p->born_ms = uplink_clock_ms() - uplink_age_ms(u, shelf, item->seq, b->sealed_ms);
    name_destinations(p, m);
    parcel_recount(p);
    for (size_t i = 0; i < u->n_destinations; i++) {
        struct destination *d = &u->destinations[i];
        if (!(pending & d->bit))
            continue;
        d->ledger.records += n_records;
        if (shelf == SHELF_SPOOL && destination_enqueue(d, p, false))
            return -1;
    }
    if (pending)
        return note_loaded(l, p, b->id);
    parcel_finish(p);
    return 0;
}

static int load_item(struct loading *l, enum shelf shelf, const struct spool_item *item)
{
    struct uplink *u = l->uplink;
    struct spool_meta meta;
    const char *error;
    u->shelf_bytes[shelf] += item->bytes;
    if (item->seq >= u->o.positions->spool_next)
        u->o.positions->spool_next = item->seq + 1;
    struct batch *b = spool_read(u->shelf_fd[shelf], item->seq, &meta, &error);
    if (!b && errno == ENOMEM)
        return -1;
    if (!b && errno) {
        log_event(LOG_ERROR, "spool_file_unreadable",
                  "shelf=%s file=%016llx.batch why=\"%s\" mend=\"mend the disk, or raise the limit "
                  "of open files, and restart; it is kept and read then\"",
                  shelf_name(shelf), (unsigned long long)item->seq, error);
        return 0;
    }
    if (!b) {
        u->shelf_bytes[shelf] -= item->bytes;
        spool_set_aside(u->shelf_fd[shelf], item->seq);
        log_event(LOG_ERROR, "spool_file_damaged",
                  "shelf=%s file=%016llx.bad why=\"%s\" mend=\"backfill the logs of that time; "
                  "what a server has is not stored twice\"",
                  shelf_name(shelf), (unsigned long long)item->seq, error);
        return 0;
    }
    int rc = shelf == SHELF_DEAD ? 0 : cover(u, &meta);
    if (shelf == SHELF_DEAD)
        add_dead(u, shelf, item, b);
    else if (!rc)
        rc = add_parcel(l, shelf, item, &meta, b);
    batch_free(b);
    spool_meta_release(&meta);
    return rc;
}

static int load_shelf(struct loading *l, enum shelf shelf, struct buf *why)
{
    struct uplink *u = l->uplink;
    struct spool_item *items;
    size_t n;
    int rc = 0;
    u->shelf_fd[shelf] = state_dir_sub(u->o.state_fd, shelf_name(shelf));
    spool_clean(u->shelf_fd[shelf]);
    sent_clean(u->shelf_fd[shelf]);
    if (u->shelf_fd[shelf] < 0 || spool_list(u->shelf_fd[shelf], &items, &n)) {
        buf_printf(why, "%s/%s: %s; give the agent's user this directory", u->o.config->state_dir.p,
                   shelf_name(shelf), strerror(errno));
        return -1;
    }
    for (size_t i = 0; i < n && !rc; i++) {
        rc = load_item(l, shelf, &items[i]);
        fault_point("shelves.after_load");
    }
    free(items);
    if (rc)
        buf_printf(why, "out of memory while reading %s/%s", u->o.config->state_dir.p,
                   shelf_name(shelf));
    return rc;
}

int uplink_load_shelves(struct uplink *u, struct buf *why)
{
    struct loading l = {.uplink = u};
    int rc = 0;
    for (int shelf = 0; shelf < SHELF_COUNT && !rc; shelf++)
        rc = load_shelf(&l, shelf, why);
    if (!rc)
        settle_parked(&l);
    file_map_release(&l.parked);
    free(l.v);
    return rc;
}
