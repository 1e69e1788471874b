/* logins.c - an array ordered by hash: some thousands of logins, of which one is looked for a
 * request. */
#include "server/logins.h"

#include <stdlib.h>

struct logins {
    struct login *v;
    size_t n, cap;
};

struct logins *logins_new(void)
{
    return calloc(1, sizeof(struct logins));
}

void logins_free(struct logins *l)
{
    if (l)
        free(l->v);
    free(l);
}

/* Where that hash is, or would stand. */
static size_t place_of(const struct logins *l, const unsigned char hash[TOKEN_HASH_BYTES])
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(l->v[middle].hash, hash, TOKEN_HASH_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct logins *l, size_t at, const unsigned char hash[TOKEN_HASH_BYTES])
{
    return at < l->n && memcmp(l->v[at].hash, hash, TOKEN_HASH_BYTES) == 0;
}

static void drop_at(struct logins *l, size_t at)
{
    l->n--;
    memmove(l->v + at, l->v + at + 1, (l->n - at) * sizeof(*l->v));
}

/* Drops the longest unused of one person (0: of all) when there are `max`. */
static void make_room(struct logins *l, int64_t user, size_t max)
{
    size_t n = 0, oldest = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (user && l->v[i].user != user)
            continue;
        if (n++ == 0 || l->v[i].used_ms < l->v[oldest].used_ms)
            oldest = i;
    }
    if (n >= max)
        drop_at(l, oldest);
}

int logins_add(struct logins *l, const struct login *login)
{
    make_room(l, login->user, LOGINS_OF_ONE);
    make_room(l, 0, LOGINS_MAX);
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        struct login *v = realloc(l->v, cap * sizeof(*v));
        if (!v)
            return -1;
        l->v = v;
        l->cap = cap;
    }
    size_t at = place_of(l, login->hash);
    if (!is_at(l, at, login->hash)) {
        memmove(l->v + at + 1, l->v + at, (l->n - at) * sizeof(*l->v));
        l->n++;
    }
    l->v[at] = *login;
    return 0;
}

const struct login *logins_find(struct logins *l, struct str token, int64_t now_ms)
{
    unsigned char hash[TOKEN_HASH_BYTES];
    if (sha256(token, hash))
        return NULL;
    size_t at = place_of(l, hash);
    if (!is_at(l, at, hash))
        return NULL;
    struct login *found = &l->v[at];
    if (now_ms > found->expires_ms || now_ms > found->used_ms + LOGIN_IDLE_MS) {
        drop_at(l, at);
        return NULL;
    }
    found->used_ms = now_ms;
    return found;
}

void logins_drop(struct logins *l, const unsigned char hash[TOKEN_HASH_BYTES])
{
    size_t at = place_of(l, hash);
    if (is_at(l, at, hash))
        drop_at(l, at);
}
