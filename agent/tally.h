/*
 * tally.h - counts by text, for reports: an open hash table that keeps its keys. Texts beyond the
 * cap share one entry.
 */
#ifndef LOGFERRY_AGENT_TALLY_H
#define LOGFERRY_AGENT_TALLY_H

#include "parsers/base/hash.h"

#define TALLY_MAX_KEYS (1u << 20)

struct tally_entry {
    struct text_id id;
    const struct tally_key *key; /* the tally's; NULL: a free slot */
    uint64_t count;
};

struct tally {
    struct tally_entry *v;
    size_t n, cap; /* used, slots (a power of two) */
    struct tally_keys *keys;
    uint64_t others; /* counted without an entry: over the cap, or out of memory */
};

void tally_add(struct tally *t, struct str key);
/* The same of a text whose id is known, and whose slot was fetched a little before, so that memory
 * has time to come. */
void tally_prefetch(const struct tally *t, struct text_id id);
void tally_add_known(struct tally *t, struct str key, struct text_id id);
struct str tally_key(const struct tally_entry *e);
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
    uint64_t waiting[DISTINCT_WAITING]; /* in a ring; 0: none */
    size_t n_added;
};
void distinct_add(struct distinct *d, uint64_t value);
size_t distinct_count(struct distinct *d);
void distinct_release(struct distinct *d);

#endif
