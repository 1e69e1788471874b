/*
 * uplink.h - destinations: what leaves this machine, and what becomes of it when it cannot.
 *
 * The loop thread owns everything here. Groups come in sealed; each batch goes to every destination
 * of its set. While a destination does not answer, its batches go to the spool (where there is
 * one), so that nobody waits for it and the lines are safe. A batch whose site is closed to the
 * token is parked, a record that is refused for itself becomes a dead letter.
 *
 * One by one. A HitKeep takes one record a request, and does not know a record again that it has
 * had. So a batch for it is spooled, with its lines' spans, before the first record leaves, and
 * what became of each record is noted beside it (sent_file.h): after a crash at most the requests
 * that were on their way are repeated. Where a group has batches that no HitKeep gets, those are
 * safe first. Nothing is ever owed to anybody while there is a HitKeep: lines that are read again
 * would be stored there twice.
 *
 * Room. spool/ may hold limits.spool bytes, and each destination the same share of them: a dead one
 * fills its own. When that is full and nobody answers, reading waits. When others answer, they go
 * on: the one without room is owed the lines. They are neither safe nor in memory; their positions
 * do not advance, and when it answers and has its backlog they are read again (on_expired). The
 * others then get them a second time, and count duplicates.
 *
 * Age. What rests on disk goes limits.max_age after its batch was sealed. A process counts that
 * with the time since boot; at start the age is wall clock less `sealed`, if that lies between 0
 * and max_age + 30 days, else wall clock less the file's time of change, if that does, else 0 and
 * the file's time is set: a clock that jumped, or a file of the future, expires nothing at once.
 *   spool/   Nobody that it names has it, and it speaks for its lines: on_expired. Then its
 *            destinations get no more spool files until they answer, or the agent starts anew: the
 *            logs are their buffer.
 *            Otherwise those that lack it lose it: `expired`.
 *   parked/  `expired`.      dead/  deleted.
 * Order: rewind in memory, save the positions, unlink the file. A crash before the unlink leaves a
 * file that covers the lines at the next start, and expires again; after it, positions that do not
 * cover them.
 */
#ifndef LOGFERRY_AGENT_UPLINK_H
#define LOGFERRY_AGENT_UPLINK_H

#include "agent/batch.h"
#include "agent/dead.h"
#include "agent/pool.h"
#include "agent/positions.h"
#include "agent/sites.h"
#include "agent/spool.h"

struct uplink;

struct uplink_options {
    struct ev_loop *loop;
    struct pool *pool;
    const struct agent_config *config;
    struct positions *positions;
    int state_fd; /* parked/ and dead/ are made below it, and spool/ */
    bool spool;   /* false (backfill): an unreachable server just makes us wait, the logs stay where
                     they are */
    void *context;
    /* Every batch of the group is acknowledged everywhere, or on disk. The callee frees the group.
     */
    void (*on_safe)(void *context, struct group *group);
    /* A slot came free, a destination changed its state, or sites became known. */
    void (*on_change)(void *context);
    /* The positions' done sets changed: a save is due. */
    void (*on_dirty)(void *context);
    /* These lines are to be read again, for they are at no destination that still wants them: takes
     * them out of the positions, as far as they are in there, and true; false when the logs do not
     * have them any more. In memory only: what the spool holds of them goes when the next
     * generation of the positions is durable. NULL: the logs never have them. */
    bool (*on_expired)(void *context, const struct spool_span *spans, size_t n);
    /* How old the oldest line is that is still to be read; 0: none is. Told to the servers with
     * each request, in Logferry-Status. NULL: nothing is told. */
    int64_t (*lag_ms)(void *context);
    /* Whether on_expired can tell yet which lines the logs have: until then nothing expires. NULL:
     * it can. */
    bool (*logs_are_known)(void *context);
};

/* Opens the shelves and reads what waits there: its intervals are added to the positions. NULL with
 * a sentence. */
struct uplink *uplink_new(const struct uplink_options *options, struct buf *why);
/* Cancels transfers; no callback any more. What is not on disk will be read again from the logs.
 * Accepts NULL. */
void uplink_free(struct uplink *u);

/* Takes the group's batches over; the group itself comes back by on_safe. */
void uplink_submit(struct uplink *u, struct group *g);
/* How many more groups may be built now. */
size_t uplink_room(const struct uplink *u);
/* A destination that answers has nothing to do: a batch would leave at once. */
bool uplink_is_idle(const struct uplink *u);
/* Some destination does not keep up: what is sealed goes to the spool for it. */
bool uplink_lags(const struct uplink *u);
/* No destination answers at present. */
bool uplink_is_down(const struct uplink *u);
/* What goes out record by record stops where it is; it goes on after the next start. */
void uplink_quiesce(struct uplink *u);
/* Nothing is on its way or waiting in memory. */
bool uplink_is_settled(const struct uplink *u);
/* Who goes where. NULL until the sites are known. The caller takes a reference when it keeps it. */
struct sites *uplink_sites(const struct uplink *u);
/* That generation of the positions is durable: spool files it covers may go. */
void uplink_saved(struct uplink *u, uint64_t generation);
/* Looks at the token files again and tries at once whatever waits for a token or a site. */
void uplink_retry_now(struct uplink *u);

/* Why a request had to be made again, or its batch to be halved. */
enum uplink_failure {
    FAILURE_UNREACHABLE, /* no answer */
    FAILURE_THROTTLED,   /* 408, 425, 429 */
    FAILURE_SERVER,      /* 5xx */
    FAILURE_REFUSED,     /* the destination is paused */
    FAILURE_SPLIT,       /* 400, 413, 422 */
    FAILURE_OTHER,       /* no answer of this API, or no room to park what was refused */
    FAILURE_COUNT,
};
const char *uplink_failure_name(enum uplink_failure f); /* "unreachable", … */

/* The books of one destination, in records. They balance:
 * records = acknowledged + dead + in_memory + spooled + parked + expired + refused + held. What is
 * owed to it is in none of them: it comes in anew. */
struct uplink_ledger {
    const char *name;
    uint64_t records; /* came in, or were found on disk at start */
    uint64_t acknowledged, stored, duplicate, excluded, dead;
    uint64_t in_memory, spooled, parked, expired;
    uint64_t refused; /* not for this server (a HitKeep): it does not know that AI agent */
    uint64_t held;    /* AI fetches that it would file under another day */
    uint64_t owed;    /* records whose lines will be read again for it */
    uint64_t batches;
    uint64_t failures[FAILURE_COUNT];
    int64_t
        success_ms;    /* wall clock: when a batch, or a record alone, was taken last; 0: not yet */
    int64_t oldest_ms; /* the age of the oldest batch that waits for it; 0: none does */
    const char *state; /* "ready", "waiting", "paused" */
    const char *protocol; /* "batch", "hitkeep"; "auto" while that is not decided */
    double rate[2];       /* requests a second at present, by enum record_kind; 0: no HitKeep */
    int64_t lag_ms; /* from the moment of the last AI fetch to its delivery, or to being held */
    const char *last_error;
};
/* What became of an order about dead letters. */
struct dead_result {
    unsigned letters, missing, failed;
    uint64_t records;
    const char *error; /* of the last failure */
};
struct dead_order {
    enum dead_op op;
    const uint64_t *seqs; /* n 0: all */
    size_t n;
    void *context;
    void (*done)(void *context, const struct dead_result *result); /* perhaps at once */
};
/* Sends dead letters again (a new batch id; refused again, they are dead again), or removes them.
 */
void uplink_move_dead(struct uplink *u, const struct dead_order *order);

/* What is on a shelf. */
struct shelf_state {
    size_t files;
    uint64_t bytes;
    int64_t oldest_ms; /* age; 0: none */
};
void uplink_read_shelf(const struct uplink *u, enum shelf shelf, struct shelf_state *out);

size_t uplink_destinations(const struct uplink *u);
void uplink_read_ledger(const struct uplink *u, size_t destination, struct uplink_ledger *out);

#endif
