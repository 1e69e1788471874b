/*
 * read_places.h - numbers from 0 on for keys, many at a time: what is known of a key then lies in
 * an array. Made for millions of keys: one look at memory each, asked for ahead.
 */
#ifndef LOGFERRY_SERVER_READ_PLACES_H
#define LOGFERRY_SERVER_READ_PLACES_H

#include "server/columns.h"

#define PLACES_MAX (8u << 20) /* keys; with more a report fails */

/* Memory that is looked at all over, zeroed: of HUGE_BYTES, or times that, it lies in pages of that
 * size where the system has them. NULL: none. `bytes` > 0. */
#define HUGE_BYTES (2u << 20)
void *huge_alloc(size_t bytes);
void huge_free(void *p, size_t bytes); /* accepts NULL */

struct place_slot;

struct places {
    struct place_slot *slots;
    size_t n, n_slots; /* n_slots is 0 or a power of two */
};

void places_release(struct places *p);
/* places[i] of keys[i]: as before, or the next number. n is at most COLUMNS_MAX_RECORDS. False: no
 * memory, or over the cap; then nothing is to be read from it. */
bool places_of(struct places *p, const uint64_t *keys, size_t n, uint32_t *places);
/* Of the keys of a column of a part, by index; with `some` of those alone where it is true. */
bool places_of_column(struct places *p, const struct columns *part, enum column_id id,
                      const bool *some, uint32_t *places);

#endif
