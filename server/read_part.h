/*
 * read_part.h - which records of a part a query wants, block by block; and parts of JSON. Shared by
 * read_*.c.
 */
#ifndef LOGFERRY_SERVER_READ_PART_H
#define LOGFERRY_SERVER_READ_PART_H

#include "server/read_count.h"
#include "server/read_report.h"

#define BLOCK 512u

struct block {
    const struct columns *part;
    uint32_t from, n;
    bool wanted[BLOCK];
};
/* All blocks of a part, `wanted` where the time lies in [from_ms, to_ms]. */
void each_block(const struct columns *part, int64_t from_ms, int64_t to_ms,
                void (*on_block)(void *arg, struct block *block), void *arg);
/* The times of a block. */
void block_times(const struct block *block, int64_t ms[BLOCK]);

/* ---- AI fetches ---------------------------------------------------------------------------- */

struct fetch_agent {
    struct str name, operator; /* owned by the list */
    struct str category;       /* HitKeep's name; STR_NONE: none */
    bool wanted;
};

struct fetch_filter {
    struct fetch_agent *agents; /* by the store's number; [0] is none of the catalogue */
    size_t n_agents;
    int64_t from_ms, to_ms;
    int type;      /* enum resource_type, -1: any, -2: one that there is not */
    uint64_t path; /* a key; 0: any */
};
int fetch_filter_init(struct fetch_filter *f, const struct read_context *x,
                      const struct read_query *q);
/* Only what fits the filters of hits, too, as far as fetches have those: path, agent, category;
 * none was sent by an assistant. */
void fetch_filter_narrow(struct fetch_filter *f, const struct read_query *q);
void fetch_filter_release(struct fetch_filter *f);
const struct fetch_agent *fetch_agent_at(const struct fetch_filter *f, uint64_t id);
/* Those of its blocks that hold records that fit. */
void each_fetch_block(const struct fetch_filter *f, const struct columns *part,
                      void (*on_block)(void *arg, struct block *block), void *arg);

/* A key of two. */
uint64_t key_pair(uint64_t a, uint64_t b);

/* ---- what several answers have ------------------------------------------------------------- */

/* "name":[{"name":…,"value":…},…]; the `top` is released. -1: it had failed. */
int put_top(struct buf *out, const char *name, struct top *top);
/* n of all in percent, rounded to two places, as short as it can be written. */
void put_percent(struct buf *out, uint64_t n, uint64_t all);
/* As short as a number can be written that is read as the same. */
void put_double(struct buf *out, double v);

#endif
