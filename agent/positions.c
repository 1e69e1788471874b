/* positions.c - the entries themselves; their text form is in positions_file.c. */
#include "agent/positions.h"

#include <stdlib.h>
#include <sys/random.h>

static void entry_free(struct position *e)
{
    intervals_release(&e->safe);
    free(e->path);
    free(e);
}

void positions_release(struct positions *p)
{
    for (size_t i = 0; i < p->n; i++)
        entry_free(p->v[i]);
    for (size_t i = 0; i < p->n_spooled; i++)
        intervals_release(&p->spooled[i].done);
    free(p->v);
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

struct position *positions_add(struct positions *p, struct hash128 stream, uint64_t dev,
                               uint64_t ino, const char *path)
{
    struct position *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->stream = stream;
    e->dev = dev;
    e->ino = ino;
    e->path = strdup(path);
    if (!e->path || getrandom(&e->key, sizeof(e->key), 0) != sizeof(e->key) || grow(p)) {
        entry_free(e);
        return NULL;
    }
    p->v[p->n++] = e;
    return e;
}

struct position *positions_by_key(struct positions *p, uint64_t key, struct hash128 stream)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i]->key == key && hash128_eq(p->v[i]->stream, stream))
            return p->v[i];
    return NULL;
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

/* The last seam at or before the frontier is the entry's; those beyond it wait. */
static void advance_seam(struct position *p)
{
    uint64_t frontier = intervals_gap(&p->safe, 0);
    size_t n = 0;
    for (size_t i = 0; i < p->n_later; i++) {
        if (p->later[i].at > frontier) {
            p->later[n++] = p->later[i];
        } else if (p->later[i].at > p->seam_at) {
            p->seam_at = p->later[i].at;
            p->seam_hash = p->later[i].hash;
        }
    }
    p->n_later = n;
}

int positions_cover(struct position *p, uint64_t from, uint64_t to, uint64_t seam_hash)
{
    const size_t max = sizeof(p->later) / sizeof(p->later[0]);
    if (intervals_add(&p->safe, from, to))
        return -1;
    if (seam_hash && p->n_later == max)
        memmove(p->later, p->later + 1, --p->n_later * sizeof(p->later[0]));
    if (seam_hash)
        p->later[p->n_later++] = (struct seam){to, seam_hash};
    advance_seam(p);
    return 0;
}

int positions_rename(struct position *p, const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return -1;
    free(p->path);
    p->path = copy;
    return 0;
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

void positions_expire(struct positions *p, int64_t before_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (!p->v[i]->bound && p->v[i]->seen_ms < before_ms)
            entry_free(p->v[i]);
        else
            p->v[n++] = p->v[i];
    }
    p->n = n;
}
