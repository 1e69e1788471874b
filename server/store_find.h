/*
 * store_find.h - which records does the store hold already? Engine-neutral, and read-only: neither
 * waits for the writer nor holds it up.
 */
#ifndef LOGFERRY_SERVER_STORE_FIND_H
#define LOGFERRY_SERVER_STORE_FIND_H

#include "server/store_read.h"

struct store_finder;

/* For one thread, beside the store's writer. NULL on failure, with `error` and `failure` as
 * store_open sets them. */
struct store_finder *store_finder_open(const char *dir, struct buf *error,
                                       enum store_failure *failure);
void store_finder_close(struct store_finder *f); /* accepts NULL */

/*
 * present[i]: would the writer, at this moment, count job->rows[i] a duplicate? Reads streams and
 * rows of a STORE_BATCH job, and nothing else of it; rows are not compared with each other, so two
 * equal ones are both present or both not. All are looked up at one moment. 0, or -1 when reading
 * failed: then *why (static) says what the engine said, and present[] is undefined.
 */
int store_finder_find(struct store_finder *f, const struct store_job *job, bool *present,
                      const char **why);

#endif
