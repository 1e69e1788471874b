/*
 * dead_seen.h - which records lie in dead/ already. What was answered just before a crash is sent
 * again after it, and refused again: a record that has a letter by then gets no second one. The
 * same record is the same destination, site, stream, position and line hash.
 *
 * Nothing is read until the first letter is to be written; then its worker reads the newest
 * letters, of DEAD_SEEN_MAX records together, which is more than a crash can bring back.
 * Thread-safe.
 */
#ifndef LOGFERRY_AGENT_DEAD_SEEN_H
#define LOGFERRY_AGENT_DEAD_SEEN_H

#include "agent/spool.h"

#define DEAD_SEEN_MAX 100000u /* 4 MiB */

struct dead_seen;

struct dead_seen *dead_seen_new(int dead_fd); /* NULL: out of memory */
void dead_seen_free(struct dead_seen *s);     /* accepts NULL */

/* The host that the record is for, as far as it tells; else empty. Borrows. */
struct str dead_site(const struct record *r);

/* Writes letter number `seq` with those of `b` that no letter has yet; when there are none, none.
 * 0 or an errno; *bytes and *n_records: of the letter that was written, or 0. */
struct dead_letter_write {
    const struct batch *b;
    struct str destination;
    struct str meta; /* as of spool_write */
    uint64_t seq;
    /* results */
    uint64_t bytes;
    uint32_t n_records;
};
int dead_seen_write(struct dead_seen *s, struct dead_letter_write *w);

#endif
