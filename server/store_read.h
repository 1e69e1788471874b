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

/* What one node has said about its lines, and what the batches it sent came to. Every byte of a
 * stream counts once: a later report has replaced those that it, or it and its neighbours, cover.
 * What was cut otherwise (a crash of the agent) can overlap a little: such lines count twice, and
 * `overlapping` says that the numbers of lines are upper bounds. With a site, the lines are those
 * of streams that hold records of it; the batches are all of the node's. */
struct read_node {
    struct str team, name;
    int64_t lines, records;             /* by its intervals */
    int64_t skipped[REASON_COUNT];      /* by its intervals */
    int64_t other_skipped;              /* reasons that this version does not know */
    int64_t overlapping;                /* intervals that begin within another one */
    int64_t overlapping_bytes;          /* of the streams, counted more than once */
    int64_t batches, stored, duplicate; /* by its batches */
    int64_t excluded, rejected;         /* by its batches */
};
int store_reader_nodes(struct store_reader *r, int64_t site,
                       void (*on_node)(void *arg, const struct read_node *node), void *arg);

#endif
