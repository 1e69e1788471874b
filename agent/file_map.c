/* file_map.c - see file_map.h. Open addressing, at most half full. */
#include "agent/file_map.h"

#include "parsers/base/hash.h"

#include <stdlib.h>

#define FIRST_SLOTS 64u

void file_map_release(struct file_map *m)
{
    free(m->slots);
    *m = (struct file_map){0};
}

/* The slot with this key, or the free one where it belongs. */
static struct file_map_slot *slot_of(const struct file_map *m, uint64_t dev, uint64_t ino)
{
    struct str key = {(const char *)&ino, sizeof(ino)};
    size_t i = hash_64(key, dev) & (m->cap - 1);
    while (m->slots[i].value && (m->slots[i].dev != dev || m->slots[i].ino != ino))
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

void *file_map_find(const struct file_map *m, uint64_t dev, uint64_t ino)
{
    return m->cap ? slot_of(m, dev, ino)->value : NULL;
}

static int grow(struct file_map *m)
{
    struct file_map more = {.n = m->n, .cap = m->cap ? m->cap * 2 : FIRST_SLOTS};
    more.slots = calloc(more.cap, sizeof(*more.slots));
    if (!more.slots)
        return -1;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value)
            *slot_of(&more, m->slots[i].dev, m->slots[i].ino) = m->slots[i];
    free(m->slots);
    *m = more;
    return 0;
}

int file_map_put(struct file_map *m, uint64_t dev, uint64_t ino, void *value)
{
    if (m->n * 2 >= m->cap && grow(m))
        return -1;
    struct file_map_slot *slot = slot_of(m, dev, ino);
    m->n += slot->value == NULL;
    *slot = (struct file_map_slot){dev, ino, value};
    return 0;
}
