/*
 * intervals.h - a set of half-open intervals of uint64_t, kept sorted, disjoint and merged.
 * Chunks and batches finish out of order; the set says which bytes of a stream are safe.
 */
#ifndef LOGFERRY_AGENT_INTERVALS_H
#define LOGFERRY_AGENT_INTERVALS_H

#include "parsers/base/bytes.h"

struct interval {
    uint64_t from, to;
};

struct intervals {
    struct interval *v;
    size_t n, cap;
};

/* A zeroed struct is the empty set. */
void intervals_release(struct intervals *s);
/* Adds [from, to). 0, or -1 when out of memory (the set is then unchanged). */
int intervals_add(struct intervals *s, uint64_t from, uint64_t to);
/* Takes [from, to) out. 0, or -1 when out of memory (the set is then unchanged). */
int intervals_remove(struct intervals *s, uint64_t from, uint64_t to);
bool intervals_contain(const struct intervals *s, uint64_t point);
/* The first point at or after `from` that is not in the set: where reading goes on. */
uint64_t intervals_gap(const struct intervals *s, uint64_t from);
/* Appends "0-4821,5000-6000"; nothing for the empty set. */
void intervals_write(const struct intervals *s, struct buf *out);
/* Adds what intervals_write wrote. -1 when malformed or out of memory. */
int intervals_read(struct intervals *s, struct str text);

#endif
