/*
 * store_read.h - reading a store, beside the server that writes it or without one. Engine-neutral.
 * A reader never writes, and never moves the engine's log: any number of them, in any process that
 * may read the files. What one call sees is one moment.
 */
#ifndef LOGFERRY_SERVER_STORE_READ_H
#define LOGFERRY_SERVER_STORE_READ_H

#include "server/store.h"

struct store_reader;

/* NULL on failure, with `error` and `failure` as store_open sets them. */
struct store_reader *store_reader_open(const char *dir, struct buf *error,
                                       enum store_failure *failure);
void store_reader_close(struct store_reader *r); /* accepts NULL */

/* A new snapshot, the caller's; NULL when it cannot be read. */
struct rights *store_reader_rights(struct store_reader *r);

/* Those that are kept, the oldest first; `used_ms` is not known. 0, or -1. */
struct login;
int store_reader_logins(struct store_reader *r,
                        void (*on_login)(void *arg, const struct login *login), void *arg);

struct read_filter {
    int64_t site;           /* 0: every site */
    int64_t from_ms, to_ms; /* [from, to) */
};

/* One stored record. Text lives as long as the callback runs. */
struct read_record {
    enum record_kind kind;
    struct str path;
    int64_t visitor; /* pageviews */
    int64_t agent;   /* AI fetches: see store_reader_agents; 0: none of the catalogue */
    int status;
    bool spoofed; /* verified as not being who it says */
};

/* on_record for each record that fits, in no order. 0, or -1 when reading failed. */
int store_reader_records(struct store_reader *r, const struct read_filter *filter,
                         void (*on_record)(void *arg, const struct read_record *record), void *arg);

struct read_agent {
    int64_t id;
    struct str name, operator, category;
};
int store_reader_agents(struct store_reader *r,
                        void (*on_agent)(void *arg, const struct read_agent *agent), void *arg);

struct read_skips {
    int64_t by_reason[REASON_COUNT];
    int64_t other; /* reasons that this version does not know */
};
int64_t read_skips_sum(const struct read_skips *skips);
void read_skips_add(struct read_skips *to, const struct read_skips *more);

/* What one node has said about its lines, and what the batches it sent came to. Every byte of a
 * stream counts once: a later report has replaced those that it, or it and its neighbours, cover.
 * What was cut otherwise (a crash of the agent) can overlap a little: such lines count twice, and
 * `overlapping` says that the numbers of lines are upper bounds. With a site, the lines are those
 * of streams that hold records of it; the batches are all of the node's. */
struct read_node {
    struct str team, name;
    int64_t lines, records;             /* by its intervals */
    struct read_skips skipped;          /* by its intervals */
    int64_t overlapping;                /* intervals that begin within another one */
    int64_t overlapping_bytes;          /* of the streams, counted more than once */
    int64_t batches, stored, duplicate; /* by its batches */
    int64_t excluded, rejected;         /* by its batches */
};
int store_reader_nodes(struct store_reader *r, int64_t site,
                       void (*on_node)(void *arg, const struct read_node *node), void *arg);

/* What became of the lines of a time, of one site, at one node: as store_reader_nodes, but by the
 * times of the lines. Lines and records are those of streams that hold records of the site; which
 * site a skipped line would have been of is not known. */
struct read_day {
    struct str team, name;
    struct read_skips skipped;
    int64_t records[FATE_COUNT]; /* of the site */
    int64_t of_others;           /* records of other sites, whatever became of them */
    int64_t of_nobody;           /* records that were refused, for no site has their host */
    /* Of the same intervals: lines with no time that could be read, or that was told. */
    struct read_skips untimed;
    int64_t unaccounted;     /* lines that are neither: their records went to another server */
    int64_t gaps, gap_bytes; /* of the streams, between intervals */
    int64_t overlapping, overlapping_bytes;
};

struct day_filter {
    int64_t site; /* not 0 */
    int64_t from_ms, to_ms;
};

/* on_node for each node that has such lines. *uncounted: intervals that arrived in this time, or
 * the day after, from before the store had the times of lines; they are not in it. 0, or -1. */
int store_reader_day(struct store_reader *r, const struct day_filter *filter,
                     void (*on_node)(void *arg, const struct read_day *day), void *arg,
                     int64_t *uncounted);

#endif
