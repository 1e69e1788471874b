/* text_cache.c - see text_cache.h. The ids of a set's slots share a cache line. */
#include "parsers/text_cache.h"

#include <stdlib.h>

#define WAYS 4u
#define CACHE_LINE 64u

struct set {
    struct text_id ids[WAYS]; /* all zero: free */
};
_Static_assert(sizeof(struct set) == CACHE_LINE, "one look at memory tells which slot it is");

struct text_cache {
    struct set *sets;
    char *values;
    size_t mask;   /* of the sets' numbers */
    size_t stride; /* bytes from value to value */
    size_t turn;   /* which slot makes room next, whatever the set */
    void *memory;
};

struct text_cache *text_cache_new(size_t slots, size_t value_bytes)
{
    size_t sets = slots / WAYS, stride = (value_bytes + 7) / 8 * 8;
    struct text_cache *c = calloc(1, sizeof(*c));
    char *memory = calloc(1, sets * sizeof(struct set) + slots * stride + CACHE_LINE);

    if (c == NULL || memory == NULL) {
        free(c);
        free(memory);
        return NULL;
    }
    char *first = memory + (CACHE_LINE - (uintptr_t)memory % CACHE_LINE) % CACHE_LINE;
    *c = (struct text_cache){.sets = (struct set *)(void *)first,
                             .values = first + sets * sizeof(struct set),
                             .mask = sets - 1,
                             .stride = stride,
                             .memory = memory};
    return c;
}

void text_cache_free(struct text_cache *c)
{
    if (c == NULL)
        return;
    free(c->memory);
    free(c);
}

static char *value_of(const struct text_cache *c, size_t set, size_t way)
{
    return c->values + (set * WAYS + way) * c->stride;
}

void text_cache_prefetch(const struct text_cache *c, struct text_id id)
{
    size_t set = id.low & c->mask;

    __builtin_prefetch(&c->sets[set]);
    __builtin_prefetch(value_of(c, set, 0));
}

void *text_cache_find(struct text_cache *c, struct text_id id, bool *known)
{
    size_t set = id.low & c->mask;
    struct text_id *ids = c->sets[set].ids;

    for (size_t way = 0; way < WAYS; way++)
        if (text_id_eq(ids[way], id)) {
            *known = true;
            return value_of(c, set, way);
        }
    size_t way = c->turn++ % WAYS;
    ids[way] = id;
    *known = false;
    return value_of(c, set, way);
}
