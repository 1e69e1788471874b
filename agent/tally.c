/* tally.c - see tally.h. */
#include "agent/tally.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define FIRST_KEYS ((size_t)1024)

struct tally_key {
    uint32_t n;
    char text[];
};
#define KEY_ALIGN _Alignof(struct tally_key)

/* Keys, one behind the other; the newest block has room. */
struct tally_keys {
    struct tally_keys *next;
    size_t used, size; /* of bytes[] */
    char bytes[];
};

/* What is looked at anywhere in many MiB is on huge pages where the kernel has them: else most
 * looks miss the table of pages too, which is dearer than the memory. */
static void *large_alloc(size_t bytes)
{
    if (bytes < HUGE_PAGE)
        return malloc(bytes);
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *p = aligned_alloc(HUGE_PAGE, bytes);
    if (p)
        madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

static void *table_alloc(size_t n, size_t size)
{
    void *table = large_alloc(n * size);
    return table ? memset(table, 0, n * size) : NULL;
}

static struct tally_keys *add_block(struct tally *t, size_t least)
{
    size_t size = t->keys ? 2 * (sizeof(*t->keys) + t->keys->size) : FIRST_KEYS;
    if (size > HUGE_PAGE)
        size = HUGE_PAGE;
    if (size < sizeof(*t->keys) + least)
        size = sizeof(*t->keys) + least;
    struct tally_keys *block = large_alloc(size);
    if (!block)
        return NULL;
    *block = (struct tally_keys){t->keys, 0, size - sizeof(*block)};
    return t->keys = block;
}

/* A copy, or NULL when out of memory. */
static const struct tally_key *keep_key(struct tally *t, struct str key)
{
    struct tally_keys *block = t->keys;
    size_t bytes = (sizeof(struct tally_key) + key.n + KEY_ALIGN - 1) / KEY_ALIGN * KEY_ALIGN;
    if (!block || block->size - block->used < bytes)
        block = add_block(t, bytes);
    if (!block)
        return NULL;
    struct tally_key *kept = (void *)(block->bytes + block->used);
    kept->n = (uint32_t)key.n;
    if (key.n > 0)
        memcpy(kept->text, key.p, key.n);
    block->used += bytes;
    return kept;
}

struct str tally_key(const struct tally_entry *e)
{
    return e->key ? (struct str){e->key->text, e->key->n} : STR_NONE;
}

static int compare(const void *a, const void *b)
{
    const struct tally_entry *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    if (!x->key || !y->key)
        return (x->key == NULL) - (y->key == NULL);
    size_t n = x->key->n, m = y->key->n;
    int c = memcmp(x->key->text, y->key->text, n < m ? n : m);
    return c ? c : (n > m) - (n < m);
}

static struct tally_entry *slot(struct tally_entry *v, size_t cap, struct text_id id)
{
    size_t i = id.low & (cap - 1);
    while (v[i].key && !text_id_eq(v[i].id, id))
        i = (i + 1) & (cap - 1);
    return &v[i];
}

static int grow(struct tally *t)
{
    if (t->n * 2 < t->cap)
        return 0;
    size_t cap = t->cap ? t->cap * 2 : 256;
    struct tally_entry *v = cap > 2 * (size_t)TALLY_MAX_KEYS ? NULL : table_alloc(cap, sizeof(*v));
    if (!v)
        return -1;
    for (size_t i = 0; i < t->cap; i++)
        if (t->v[i].key)
            *slot(v, cap, t->v[i].id) = t->v[i];
    free(t->v);
    t->v = v;
    t->cap = cap;
    return 0;
}

void tally_prefetch(const struct tally *t, struct text_id id)
{
    if (t->cap)
        __builtin_prefetch(&t->v[id.low & (t->cap - 1)], 1);
}

void tally_add(struct tally *t, struct str key)
{
    tally_add_known(t, key, text_id_of(key));
}

void tally_add_known(struct tally *t, struct str key, struct text_id id)
{
    bool room = !grow(t);
    struct tally_entry *e = t->cap ? slot(t->v, t->cap, id) : NULL;
    if (e && !e->key && room) {
        e->key = keep_key(t, key);
        e->id = id;
        t->n += e->key != NULL;
    }
    if (e && e->key)
        e->count++;
    else
        t->others++;
}

size_t tally_sort(struct tally *t)
{
    if (t->cap)
        qsort(t->v, t->cap, sizeof(*t->v), compare);
    return t->n;
}

size_t tally_top(struct tally *t, size_t most)
{
    struct tally_entry *v = t->v;
    size_t placed = 0;
    for (size_t i = 0; i < t->cap && most; i++) {
        if (!v[i].key || (placed == most && compare(&v[i], &v[most - 1]) > 0))
            continue;
        struct tally_entry e = v[i];
        size_t at = placed < most ? placed++ : most - 1;
        v[i] = v[at]; /* a free slot, or the one that falls out */
        for (; at > 0 && compare(&e, &v[at - 1]) < 0; at--)
            v[at] = v[at - 1];
        v[at] = e;
    }
    return t->n;
}

void tally_release(struct tally *t)
{
    for (struct tally_keys *block = t->keys, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(t->v);
    *t = (struct tally){0};
}

static bool put(uint64_t *v, size_t cap, uint64_t value)
{
    size_t i = value & (cap - 1);
    while (v[i] && v[i] != value)
        i = (i + 1) & (cap - 1);
    bool fresh = !v[i];
    v[i] = value;
    return fresh;
}

static void put_value(struct distinct *d, uint64_t value)
{
    if (!value)
        return;
    if (d->n * 4 >= d->cap * 3) {
        size_t cap = d->cap ? d->cap * 2 : 1024;
        uint64_t *v = table_alloc(cap, sizeof(*v));
        if (!v)
            return;
        for (size_t i = 0; i < d->cap; i++)
            if (d->v[i])
                put(v, cap, d->v[i]);
        free(d->v);
        d->v = v;
        d->cap = cap;
    }
    d->n += put(d->v, d->cap, value);
}

void distinct_add(struct distinct *d, uint64_t value)
{
    value += !value; /* 0 marks a free slot */
    if (d->cap)
        __builtin_prefetch(&d->v[value & (d->cap - 1)], 1);
    uint64_t *turn = &d->waiting[d->n_added++ % DISTINCT_WAITING];
    put_value(d, *turn);
    *turn = value;
}

size_t distinct_count(struct distinct *d)
{
    for (size_t i = 0; i < DISTINCT_WAITING; i++) {
        put_value(d, d->waiting[i]);
        d->waiting[i] = 0;
    }
    return d->n;
}

void distinct_release(struct distinct *d)
{
    free(d->v);
    *d = (struct distinct){0};
}
