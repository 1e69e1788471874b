/* arena.c - a chain of blocks. See arena.h. */
#include "config/arena.h"

#include "parsers/base/fault.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_BYTES ((size_t)16 * 1024)
#define ALIGNMENT alignof(max_align_t)

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char bytes[];
};

struct config_arena {
    struct block *blocks; /* the newest first: the only one with room */
    size_t left;          /* bytes that may still be allocated */
    bool failed;
};

struct config_arena *config_arena_new(size_t max_bytes)
{
    struct config_arena *a = calloc(1, sizeof(*a));

    if (a)
        a->left = max_bytes;
    return a;
}

void config_arena_free(struct config_arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static struct block *add_block(struct config_arena *a, size_t size)
{
    struct block *b = calloc(1, sizeof(*b) + size);

    if (!b)
        return NULL;
    b->size = size;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

void *config_arena_alloc(struct config_arena *a, size_t n)
{
    size_t rounded = n + (ALIGNMENT - n % ALIGNMENT) % ALIGNMENT;
    struct block *b = a->blocks;

    if (a->failed || rounded < n || rounded > a->left || fault_fails("config_alloc")) {
        a->failed = true;
        return NULL;
    }
    if (!b || b->size - b->used < rounded) {
        b = add_block(a, rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES);
        if (!b) {
            a->failed = true;
            return NULL;
        }
    }
    void *p = b->bytes + b->used;
    b->used += rounded;
    a->left -= rounded;
    return p;
}

void *config_arena_array(struct config_arena *a, size_t count, size_t size)
{
    size_t n;

    if (__builtin_mul_overflow(count, size, &n)) {
        a->failed = true;
        return NULL;
    }
    return config_arena_alloc(a, n);
}

struct str config_arena_str(struct config_arena *a, struct str s)
{
    if (!str_is_set(s))
        return STR_NONE;
    char *p = config_arena_alloc(a, s.n + 1);
    if (!p)
        return STR_NONE;
    memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

bool config_arena_reserve(struct config_arena *a, struct buf *b, size_t n)
{
    if (fault_fails("config_alloc") || !buf_reserve(b, n))
        a->failed = true;
    return !a->failed;
}

bool config_arena_failed(const struct config_arena *a)
{
    return a->failed;
}
