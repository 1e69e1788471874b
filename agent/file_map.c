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

/* Where the search for this key begins. */
static size_t home_of(const struct file_map *m, uint64_t dev, uint64_t ino)
{
    struct str key = {(const char *)&ino, sizeof(ino)};
    return hash_64(key, dev) & (m->cap - 1);
}

/* The slot with this key, or the free one where it belongs. */
static struct file_map_slot *slot_of(const struct file_map *m, uint64_t dev, uint64_t ino)
{
    size_t i = home_of(m, dev, ino);
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

/* Those behind the gap move up, as far as their searches still find them, so that no search ends
 * early. */
void file_map_remove(struct file_map *m, uint64_t dev, uint64_t ino)
{
    struct file_map_slot *slot = m->cap ? slot_of(m, dev, ino) : NULL;
    if (!slot || !slot->value)
        return;
    size_t mask = m->cap - 1, gap = (size_t)(slot - m->slots);
    for (size_t i = (gap + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = home_of(m, m->slots[i].dev, m->slots[i].ino);
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        m->slots[gap] = m->slots[i];
        gap = i;
    }
    m->slots[gap].value = NULL;
    m->n--;
}
