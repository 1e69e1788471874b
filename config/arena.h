/*
 * arena.h - one owner for all that a configuration holds: allocate often, free once.
 *
 * A failed allocation (no memory, or past `max_bytes`) returns NULL and sticks: the reader may go
 * on with what it has and looks at config_arena_failed once, at the end. Test builds fail it at the
 * fault point "config_alloc".
 */
#ifndef LOGFERRY_CONFIG_ARENA_H
#define LOGFERRY_CONFIG_ARENA_H

#include "parsers/base/bytes.h"

struct config_arena;

struct config_arena *config_arena_new(size_t max_bytes); /* NULL when out of memory */
void config_arena_free(struct config_arena *a);          /* accepts NULL */
/* Zeroed and aligned for anything. Never NULL for n == 0 unless failed. */
void *config_arena_alloc(struct config_arena *a, size_t n);
/* The same for `count` items of `size` bytes, of which the product may overflow. */
void *config_arena_array(struct config_arena *a, size_t count, size_t size);
/* A copy with a NUL behind it, which does not count in n; STR_NONE when failed, or for STR_NONE. */
struct str config_arena_str(struct config_arena *a, struct str s);
/* Room for n bytes in a buffer of the caller's; a failure sticks like the others. False: none. */
bool config_arena_reserve(struct config_arena *a, struct buf *b, size_t n);
bool config_arena_failed(const struct config_arena *a);

#endif
