/*
 * read_count.h - counts by key (columns.h), the ten largest of them, and when a time falls: what
 * the reports of the API are made of. Memory is capped.
 */
#ifndef LOGFERRY_SERVER_READ_COUNT_H
#define LOGFERRY_SERVER_READ_COUNT_H

#include "parsers/base/bytes.h"
#include "parsers/base/zone.h"
#include "server/read_places.h"

/* ---- counts by key ------------------------------------------------------------------------ */

#define COUNTS_MAX (4u << 20) /* keys; with more a report fails */

struct count {
    uint64_t key;
    int64_t sample;   /* a row with that key; 0 is an empty slot */
    uint64_t n, more; /* the caller's second count */
};

struct counts {
    struct count *slots;
    size_t n, n_slots; /* n_slots is 0 or a power of two */
    bool failed;       /* no memory, or over the cap */
};

void counts_release(struct counts *c);
/* The count of that key, made with `sample` (not 0) when it is new. NULL: failed. Valid until the
 * next call. */
struct count *counts_at(struct counts *c, uint64_t key, int64_t sample);
const struct count *counts_find(const struct counts *c, uint64_t key); /* NULL: not there */

/* The same for many keys that come with parts: by place, in the order in which they came. */
struct key_counts {
    struct places places;
    struct count *list;
    size_t n, room;
};

void key_counts_release(struct key_counts *c);
/* Makes counts of the keys of a column of a part, and tells their places; `some` as that of
 * places_of_column. False: failed. */
bool key_counts_add(struct key_counts *c, const struct columns *part, enum column_id id,
                    const bool *some, uint32_t *places);
/* To choose from; lent as long as nothing is added. */
struct counts key_counts_view(const struct key_counts *c);

/* Room for one more behind n; false: no memory. */
bool list_room(void **list, size_t n, size_t *room, size_t each);

/* A copy on the heap, with a NUL behind; STR_NONE: no memory. */
struct str copied(struct str s);

/* ---- the largest -------------------------------------------------------------------------- */

#define TOP_N 10
/* So many with the same value as the tenth are compared by name; of more, some are left out. */
#define TOP_TIES 2000

struct top_entry {
    struct str name; /* owned, with a NUL behind; p NULL: none */
    uint64_t value, more;
    uint64_t key;
};

struct top {
    struct top_entry *entries;
    size_t n;
    bool failed;
};

/* The text of an entry, lent until the next call; STR_NONE leaves the entry out. */
typedef struct str top_name(void *arg, const struct count *count);
/* At most TOP_N with a value over 0, by value descending, then name. Several keys with one name are
 * one entry when `merge`. The value is `n`, or with `by_more` `more`. Release empties it. */
struct top_choice {
    top_name *name;
    void *arg;
    bool by_more, merge;
};
void top_choose(struct top *t, const struct counts *c, const struct top_choice *choice);
void top_release(struct top *t);

/* ---- pieces of time ----------------------------------------------------------------------- */

enum bucket_unit { BUCKET_5_MINUTES, BUCKET_15_MINUTES, BUCKET_HOUR, BUCKET_DAY, BUCKET_MONTH };

struct buckets {
    int64_t *starts; /* n + 1 of them, ascending; the last is the end */
    size_t n;
    size_t last; /* the one of the last question */
    const struct zone *zone;
};
#define BUCKETS_MAX (10000 * 12) /* months of all years that are written with four digits */

/* Hours below 48 hours, months from 180 days, else days, as clocks in `zone` (NULL: UTC) show them,
 * so that [from, to] lies within. -1: no memory, or other years than 0 to 9999. n is 0 when to <
 * from. */
int buckets_init(struct buckets *b, int64_t from_ms, int64_t to_ms, const struct zone *zone);
void buckets_release(struct buckets *b);
/* Of a time within; quick when times come in order. */
size_t buckets_find(struct buckets *b, int64_t ms);
/* "2026-11-01T00:00:00+01:00", "…Z" in UTC. */
void buckets_put_time(const struct buckets *b, size_t i, struct buf *out);

#endif
