/* text_pool.c - a chain of blocks, the larger the more there is. */
#include "server/text_pool.h"

#include <stdlib.h>

#define BLOCK_MIN ((size_t)1 << 10)
#define BLOCK_MAX ((size_t)64 << 10)
#define LARGE (BLOCK_MAX / 8)

struct pool_block {
    struct pool_block *next;
    char text[];
};

static struct pool_block *block_new(struct text_pool *pool, size_t size)
{
    struct pool_block *block = malloc(sizeof(*block) + size);
    if (block)
        pool->bytes += sizeof(*block) + size;
    return block;
}

/* Room for a small text. NULL: no memory. */
static char *room_for(struct text_pool *pool, size_t n)
{
    if (pool->size - pool->used < n) {
        size_t size = pool->bytes < BLOCK_MIN   ? BLOCK_MIN
                      : pool->bytes > BLOCK_MAX ? BLOCK_MAX
                                                : pool->bytes;
        struct pool_block *block = block_new(pool, size < n ? n : size);
        if (!block)
            return NULL;
        block->next = pool->blocks;
        pool->blocks = block;
        pool->size = size < n ? n : size;
        pool->used = 0;
    }
    pool->used += n;
    return pool->blocks->text + pool->used - n;
}

/* A block of its own, behind the one with room. */
static char *room_aside(struct text_pool *pool, size_t n)
{
    struct pool_block *block = block_new(pool, n);
    struct pool_block **at = pool->blocks ? &pool->blocks->next : &pool->blocks;
    if (!block)
        return NULL;
    block->next = *at;
    *at = block;
    return block->text;
}

bool text_pool_keep(struct text_pool *pool, struct str *s)
{
    if (s->n == 0) {
        if (str_is_set(*s))
            *s = STR("");
        return true;
    }
    char *to = s->n > LARGE ? room_aside(pool, s->n) : room_for(pool, s->n);
    if (!to)
        return false;
    memcpy(to, s->p, s->n);
    s->p = to;
    return true;
}

void text_pool_release(struct text_pool *pool)
{
    while (pool->blocks) {
        struct pool_block *next = pool->blocks->next;
        free(pool->blocks);
        pool->blocks = next;
    }
    *pool = (struct text_pool){0};
}
