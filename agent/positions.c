/* positions.c - the entries themselves; their text form is in positions_file.c. */
#include "agent/positions.h"

#include <stdlib.h>
#include <sys/random.h>

#define MAX_LATER 8u /* seams that wait, of one entry */

static void entry_free(struct position *e)
{
    intervals_release(&e->safe);
    intervals_release(&e->taken);
    free(e->later);
    free(e->path);
    free(e->text);
    free(e);
}

void positions_release(struct positions *p)
{
    for (size_t i = 0; i < p->n; i++)
        entry_free(p->v[i]);
    for (size_t i = 0; i < p->n_spooled; i++)
        intervals_release(&p->spooled[i].done);
    file_map_release(&p->by_key);
    free(p->v);
    free(p->looked);
    *p = (struct positions){0};
}

static int grow(struct positions *p)
{
    if (p->n < p->cap)
        return 0;
    size_t cap = p->cap ? p->cap * 2 : 16;
    struct position **v = realloc(p->v, cap * sizeof(struct position *));
    if (!v)
        return -1;
    p->v = v;
    p->cap = cap;
    return 0;
}

struct position *positions_add_keyed(struct positions *p, uint64_t key, struct hash128 stream,
                                     const char *path)
{
    struct position *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->key = key;
    e->stream = stream;
    e->seen_s = p->uptime_s;
    e->source = -1;
    e->path = strdup(path);
    if (!e->path || file_map_find(&p->by_key, key, 0) || grow(p) ||
        file_map_put(&p->by_key, key, 0, e)) {
        entry_free(e);
        return NULL;
    }
    p->v[p->n++] = e;
    return e;
}

struct position *positions_add(struct positions *p, struct hash128 stream, uint64_t dev,
                               uint64_t ino, const char *path)
{
    uint64_t key;
    if (getrandom(&key, sizeof(key), 0) != sizeof(key))
        return NULL;
    struct position *e = positions_add_keyed(p, key, stream, path);
    if (e) {
        e->dev = dev;
        e->ino = ino;
    }
    return e;
}

struct position *positions_by_key(const struct positions *p, uint64_t key)
{
    return file_map_find(&p->by_key, key, 0);
}

/* One is the other with something of a rotation behind it: "access.log" and "access.log.2.gz". */
static bool same_family(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), n = na < nb ? na : nb;
    return strncmp(a, b, n) == 0;
}

struct position *positions_match(struct positions *p, struct hash128 stream, uint64_t dev,
                                 uint64_t ino, const char *path)
{
    struct position *best = NULL;
    int best_score = -1;
    for (size_t i = 0; i < p->n; i++) {
        struct position *e = p->v[i];
        if (e->bound || !hash128_eq(e->stream, stream))
            continue;
        int score = (e->dev == dev && e->ino == ino ? 2 : 0) + same_family(e->path, path);
        if (score > best_score) {
            best = e;
            best_score = score;
        }
    }
    return best;
}

void positions_changed(struct position *p)
{
    free(p->text);
    p->text = NULL;
}

uint64_t positions_frontier(const struct position *p)
{
    return intervals_gap(&p->safe, 0);
}

static void take_seam(struct position *p, const struct seam *seam)
{
    if (seam->at > p->seam.at)
        p->seam = *seam;
}

/* The last seam at or before the frontier is the entry's; those beyond it wait. */
static void advance_seam(struct position *p)
{
    uint64_t frontier = positions_frontier(p);
    size_t n = 0;
    for (size_t i = 0; i < p->n_later; i++) {
        if (p->later[i].at > frontier)
            p->later[n++] = p->later[i];
        else
            take_seam(p, &p->later[i]);
    }
    p->n_later = n;
    if (!n) {
        free(p->later);
        p->later = NULL;
    }
}

/* For when all before it is safe. Without memory for it, or beyond some, the next one will do. */
static void keep_seam(struct position *p, const struct seam *seam)
{
    if (!p->later)
        p->later = malloc(MAX_LATER * sizeof(*p->later));
    if (!p->later)
        return;
    if (p->n_later == MAX_LATER)
        memmove(p->later, p->later + 1, --p->n_later * sizeof(*p->later));
    p->later[p->n_later++] = *seam;
}

int positions_cover(struct position *p, uint64_t from, uint64_t to, uint64_t seam_hash)
{
    struct seam seam = {to, seam_hash, to < SEAM_BYTES ? (uint32_t)to : SEAM_BYTES};
    if (intervals_add(&p->safe, from, to))
        return -1;
    if (seam_hash && to <= positions_frontier(p))
        take_seam(p, &seam);
    else if (seam_hash)
        keep_seam(p, &seam);
    advance_seam(p);
    if (p->size < to)
        p->size = to;
    positions_changed(p);
    return 0;
}

int positions_uncover(struct position *p, uint64_t from, uint64_t to)
{
    if (intervals_remove(&p->safe, from, to))
        return -1;
    if (p->seam.at > from)
        p->seam = (struct seam){0};
    if (p->tip.at > from)
        p->tip = (struct seam){0};
    p->finished = false;
    positions_changed(p);
    return 0;
}

int positions_rename(struct position *p, const char *path)
{
    if (strcmp(p->path, path) == 0)
        return 0;
    char *copy = strdup(path);
    if (!copy)
        return -1;
    free(p->path);
    p->path = copy;
    positions_changed(p);
    return 0;
}

bool positions_looked(const struct positions *p, uint64_t files)
{
    for (size_t i = 0; i < p->n_looked; i++)
        if (p->looked[i] == files)
            return true;
    return false;
}

int positions_note_looked(struct positions *p, uint64_t files)
{
    if (positions_looked(p, files))
        return 0;
    uint64_t *looked = realloc(p->looked, (p->n_looked + 1) * sizeof(*looked));
    if (!looked)
        return -1;
    p->looked = looked;
    p->looked[p->n_looked++] = files;
    return 1;
}

struct intervals *positions_spooled(struct positions *p, struct str destination)
{
    for (size_t i = 0; i < p->n_spooled; i++)
        if (str_eq(str_of(p->spooled[i].name), destination))
            return &p->spooled[i].done;
    if (p->n_spooled == CONFIG_MAX_DESTINATIONS || destination.n >= sizeof(p->spooled[0].name))
        return NULL;
    memcpy(p->spooled[p->n_spooled].name, destination.p, destination.n);
    p->spooled[p->n_spooled].name[destination.n] = '\0';
    return &p->spooled[p->n_spooled++].done;
}

void positions_expire(struct positions *p, uint64_t before_s)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct position *e = p->v[i];
        if (e->bound || e->users || e->seen_s >= before_s) {
            p->v[n++] = e;
            continue;
        }
        file_map_remove(&p->by_key, e->key, 0);
        entry_free(e);
    }
    p->n = n;
}
