/*
 * file_map.h - from a pair of numbers (a file's device and inode, mostly) to what is known of it,
 * for lists of ten thousands of files.
 */
#ifndef LOGFERRY_AGENT_FILE_MAP_H
#define LOGFERRY_AGENT_FILE_MAP_H

#include <stddef.h>
#include <stdint.h>

/* All zero: an empty map. */
struct file_map {
    struct file_map_slot {
        uint64_t dev, ino;
        void *value; /* NULL: the slot is free */
    } * slots;
    size_t n, cap; /* cap is a power of two, or 0 */
};

void file_map_release(struct file_map *m);
/* NULL when there is none. */
void *file_map_find(const struct file_map *m, uint64_t dev, uint64_t ino);
/* `value` is not NULL, and replaces one that is there. -1: out of memory. */
int file_map_put(struct file_map *m, uint64_t dev, uint64_t ino, void *value);
/* One that is not there is none the less gone. */
void file_map_remove(struct file_map *m, uint64_t dev, uint64_t ino);

#endif
