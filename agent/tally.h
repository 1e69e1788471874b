/*
 * tally.h - counts by text, for reports: an open hash table that keeps its keys. Texts beyond the
 * cap share one entry.
 */
#ifndef LOGFERRY_AGENT_TALLY_H
#define LOGFERRY_AGENT_TALLY_H

#include "parsers/base/bytes.h"

#define TALLY_MAX_KEYS (1u << 20)

struct tally_entry {
    const char *key; /* the tally's, with a NUL behind it; NULL: a free slot */
    size_t n;
    uint64_t hash, count;
};

struct tally {
    struct tally_entry *v;
    size_t n, cap; /* used, slots (a power of two) */
    struct tally_keys *keys;
    uint64_t others; /* counted without an entry: over the cap, or out of memory */
};

void tally_add(struct tally *t, struct str key);
/* The same in three steps with other work between them: the first tells what the others need and
 * fetches the slot, the second the text that the slot has; neither waits for memory. */
uint64_t tally_prefetch(const struct tally *t, struct str key);
void tally_prefetch_text(const struct tally *t, uint64_t hash);
void tally_add_hashed(struct tally *t, struct str key, uint64_t hash);
/* Entries in order of count (descending), then key; the table is then unfit for adding. */
size_t tally_sort(struct tally *t);
/* The same, but only the first `most` are in their places: of many, far quicker. */
size_t tally_top(struct tally *t, size_t most);
void tally_release(struct tally *t); /* a zeroed tally is empty */

/* How many different 64-bit values were added. A value waits a little before it is looked for: its
 * slot, which is anywhere in a large table, comes into the cache meanwhile. */
#define DISTINCT_WAITING 16u
struct distinct {
    uint64_t *v;
    size_t n, cap;
    uint64_t waiting[DISTINCT_WAITING];
    size_t n_waiting;
};
void distinct_add(struct distinct *d, uint64_t value);
size_t distinct_count(struct distinct *d);
void distinct_release(struct distinct *d);

#endif
