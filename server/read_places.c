/* read_places.c - see read_places.h: a hash table with open addressing, at most three quarters
 * full. */
#include "server/read_places.h"

#include <stdlib.h>
#include <sys/mman.h>

#define AHEAD 16 /* keys whose slots are on their way from memory */

struct place_slot {
    uint64_t key;
    uint32_t number; /* the place, and 1; 0: empty */
};

/* Mapped, for the system zeroes it anyway; with room to begin where such a page does. */
void *huge_alloc(size_t bytes)
{
    if (bytes % HUGE_BYTES)
        return calloc(1, bytes);
    char *p =
        mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = HUGE_BYTES - (uintptr_t)p % HUGE_BYTES;
    munmap(p, before);
    if (before < HUGE_BYTES)
        munmap(p + before + bytes, HUGE_BYTES - before);
    madvise(p + before, bytes, MADV_HUGEPAGE); /* a wish */
    return p + before;
}

void huge_free(void *p, size_t bytes)
{
    if (p && bytes % HUGE_BYTES == 0)
        munmap(p, bytes);
    else
        free(p);
}

void places_release(struct places *p)
{
    huge_free(p->slots, p->n_slots * sizeof(*p->slots));
    *p = (struct places){0};
}

/* By the upper bits of the product: all bits of the key are in them. */
static size_t home_of(size_t n_slots, uint64_t key)
{
    return (size_t)(key * 0x9E3779B97F4A7C15u >> (__builtin_clzl(n_slots) + 1));
}

static struct place_slot *find(struct place_slot *slots, size_t n_slots, uint64_t key)
{
    size_t i = home_of(n_slots, key);
    while (slots[i].number && slots[i].key != key)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static bool make_room(struct places *p, size_t n)
{
    size_t n_slots = p->n_slots ? p->n_slots : 1024;
    while ((p->n + n) * 4 > n_slots * 3)
        n_slots *= 4;
    if (n_slots == p->n_slots)
        return true;
    struct place_slot *slots = p->n <= PLACES_MAX ? huge_alloc(n_slots * sizeof(*slots)) : NULL;
    if (!slots)
        return false;
    for (size_t i = 0; i < p->n_slots; i++)
        if (p->slots[i].number)
            *find(slots, n_slots, p->slots[i].key) = p->slots[i];
    huge_free(p->slots, p->n_slots * sizeof(*slots));
    p->slots = slots;
    p->n_slots = n_slots;
    return true;
}

bool places_of(struct places *p, const uint64_t *keys, size_t n, uint32_t *places)
{
    if (!make_room(p, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            __builtin_prefetch(&p->slots[home_of(p->n_slots, keys[i + AHEAD])], 1);
        struct place_slot *slot = find(p->slots, p->n_slots, keys[i]);
        if (slot->number == 0)
            *slot = (struct place_slot){.key = keys[i], .number = (uint32_t)++p->n};
        places[i] = slot->number - 1;
    }
    return p->n <= PLACES_MAX;
}

bool places_of_column(struct places *p, const struct columns *part, enum column_id id,
                      const bool *some, uint32_t *places)
{
    uint64_t keys[512];
    uint32_t indices[COUNT_OF(keys)], found[COUNT_OF(keys)], all = part->of[id].n_keys, n;
    for (uint32_t from = 0; from < all; from += n) {
        uint32_t wanted = 0;
        n = all - from < COUNT_OF(keys) ? all - from : (uint32_t)COUNT_OF(keys);
        columns_keys(part, id, from, n, keys);
        for (uint32_t i = 0; i < n; i++)
            if (!some || some[from + i]) {
                keys[wanted] = keys[i];
                indices[wanted++] = from + i;
            }
        if (!places_of(p, keys, wanted, found))
            return false;
        for (uint32_t i = 0; i < wanted; i++)
            places[indices[i]] = found[i];
    }
    return true;
}
