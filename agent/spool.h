/*
 * spool.h - batches on disk: waiting for a destination (spool/), for a site (parked/), or for a
 * person (dead/).
 *
 * A file is text and body behind it; version 3:
 *     logferry-batch 3 <XXH3-64 of the body, with that of the meta as its seed> <bytes of meta>
 *         <bytes of body>\n       (one line)
 *     meta, one item a line: id, encoding, records, sealed <ms since 1970>, to "<destination>"…,
 *         reason "<text>", span <key> <stream> <dev> <ino> <from> <to> "<path>"
 *     body, as it is sent
 * Version 2 had no `sealed`: the file's time of change stands for it. Version 1 had the CRC-32 of
 * all that follows the first line, which took as long as writing it.
 * To change it: raise SPOOL_VERSION, keep reading the old ones in spool_read.
 * Reading and writing happen on workers, spool_list at start.
 */
#ifndef LOGFERRY_AGENT_SPOOL_H
#define LOGFERRY_AGENT_SPOOL_H

#include "agent/batch.h"
#include "agent/positions.h"

#define SPOOL_META_MAX (8u << 20) /* bytes */
#define SPOOL_VERSION 3

enum shelf { SHELF_SPOOL, SHELF_PARKED, SHELF_DEAD, SHELF_COUNT };

const char *shelf_name(enum shelf shelf); /* "spool", "parked", "dead" */

/* A file's meta as the loop wants it. Text lives in `text`. */
struct spool_meta {
    struct str to[CONFIG_MAX_DESTINATIONS];
    size_t n_to;
    struct str reason;
    struct spool_span {
        uint64_t key;
        struct hash128 stream;
        uint64_t dev, ino, from, to;
        const char *path;
    } * spans;
    size_t n_spans;
    struct buf text;
};

void spool_meta_release(struct spool_meta *m);

/* The meta text of a batch; loop thread. Spans are written when `spans` is not NULL. */
void spool_put_destination(struct buf *meta, struct str name);
void spool_put_reason(struct buf *meta, struct str reason);
void spool_put_spans(struct buf *meta, const struct span *spans, size_t n);

/* Writes file number `seq`. 0 or an errno; *bytes: its size. */
int spool_write(int shelf_fd, uint64_t seq, const struct batch *b, struct str meta,
                uint64_t *bytes);
/* Reads one back. NULL, with a static sentence in *error; errno is 0 when the file is to blame,
 * else why it cannot be read now. `meta` may be NULL. */
struct batch *spool_read(int shelf_fd, uint64_t seq, struct spool_meta *meta, const char **error);
int spool_remove(int shelf_fd, uint64_t seq);         /* 0 or an errno */
int64_t spool_changed_ms(int shelf_fd, uint64_t seq); /* 0: cannot be told */
/* The age of a file by the rule of uplink.h; *unknown: it cannot be told and counts from now, and
 * the file's time of change was set to now. */
struct spool_clock {
    int64_t now_ms, max_age_ms;
};
int64_t spool_age_ms(int shelf_fd, uint64_t seq, int64_t sealed_ms, const struct spool_clock *clock,
                     bool *unknown);
/* Sets a file that cannot be read aside, as <seq>.bad. */
int spool_set_aside(int shelf_fd, uint64_t seq);
/* Removes what writes that a crash cut short have left. At start, while nobody writes. */
void spool_clean(int shelf_fd);
/* The numbers of the files there, ascending, and their sizes. The caller frees *seqs. -1: errno. */
struct spool_item {
    uint64_t seq, bytes;
};
int spool_list(int shelf_fd, struct spool_item **items, size_t *n);

#endif
