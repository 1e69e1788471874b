/*
 * store.h - where records rest: coarse and engine-neutral. No begin, no commit, no SQL.
 *
 * One writer thread owns the engine. store_submit queues a job from the loop's thread; the writer
 * takes all that is queued (up to a bound), writes it in one transaction, and makes it durable:
 * that is the group commit. Then it calls the wake-up, and store_collect, on the loop's thread,
 * runs each job's `done` exactly once. A result is never given before the commit is durable.
 */
#ifndef LOGFERRY_SERVER_STORE_H
#define LOGFERRY_SERVER_STORE_H

#include "parsers/base/metrics.h"
#include "parsers/catalogue.h"
#include "parsers/record.h"
#include "server/rights.h"

struct store;

#define STORE_QUEUE_BYTES_DEFAULT (256u << 20)
#define STORE_BATCH_KEEP_DAYS 30 /* batch ids are kept at least that long */

struct store_options {
    size_t queue_bytes; /* cap of the jobs queued and in work; 0: the default */
    bool create;        /* make the directory and an empty store when there is none */
    bool serving;       /* a server's: log what its operator should know about the engine */
};

/*
 * Opens the store in directory `dir`, takes its lock, migrates it, starts the writer. NULL on
 * failure; then one sentence (what, where, why, how to mend) is in `error`, and *failure says which
 * exit code fits.
 */
enum store_failure { STORE_CANNOT, STORE_LOCKED, STORE_MISSING, STORE_TOO_NEW, STORE_DENIED };
struct store *store_open(const char *dir, const struct store_options *options, struct buf *error,
                         enum store_failure *failure);
/* Writes what is queued, stops the writer, runs the last `done`s on this thread, closes. Accepts
 * NULL. */
void store_close(struct store *s);

/* ---- jobs --------------------------------------------------------------------------------- */

enum store_job_kind {
    STORE_BATCH,    /* rows of one batch: all or nothing */
    STORE_PAGEVIEW, /* one row, no stream: never a duplicate */
    STORE_AI_FETCH, /* the same */
    STORE_EVENT,
    STORE_CALL, /* the admin commands: `call` runs on the writer, inside the transaction */
};

enum store_result {
    STORE_OK,       /* durable */
    STORE_REPLAYED, /* batch: this id with this body was stored before; `answer` is that answer */
    STORE_REUSED,   /* batch: this id was used with another body; nothing was stored: 422 */
    STORE_FULL,     /* no room on the disk; nothing was stored; it mends itself: 503 */
    STORE_FAILED,   /* the engine failed; nothing was stored: 503; the log says why */
};

#define STORE_NO_STREAM UINT32_MAX

/* What only a client of the pageview endpoint can tell. Widths and heights may be HIT_NO_NUMBER. */
struct store_browser {
    int64_t viewport_width, viewport_height, screen_width, screen_height;
    struct str language; /* may be STR_NONE */
    bool has_page_id, has_session_id;
    unsigned char page_id[16], session_id[16];
};

/* The slices of `record` are borrowed. For both kinds record.user_agent (an index into
 * job.user_agents) or record.user_agent_text is used; an AI fetch is classified here. The front has
 * checked: site exists and may be written, time, address, user agent, and url by url_split (url.h).
 * session_id STR_NONE: visitors are told apart by day, address and user agent, and the address is
 * then dropped. hostname and path of an AI fetch are stored byte for byte. */
struct store_row {
    int64_t site;
    uint32_t stream; /* index into job.streams, or STORE_NO_STREAM */
    struct record record;
    const struct store_browser *browser; /* a pageview's; NULL when nothing of it is known */
    char country[3];                     /* a pageview's: two capital letters, or "" */
};

/* What became of a record of a batch. Names of the store: store_fate_name. */
enum store_fate {
    FATE_STORED,
    FATE_TWICE,    /* it was stored before */
    FATE_EXCLUDED, /* dropped by an exclusion, or as spam */
    FATE_LATE,     /* older than its site keeps records */
    FATE_REFUSED,
    FATE_COUNT,
};
const char *store_fate_name(enum store_fate fate);

/* A record of a batch that is no row of it: for the ledger. */
struct store_left {
    int64_t site; /* 0: none has that host */
    int64_t time_ms;
    uint32_t stream; /* index into job.streams */
    enum store_fate fate;
};

struct store_event {
    int64_t site;
    int64_t time_ms;
    struct str name;
    struct str properties; /* a JSON object's text */
    struct str visitor_ip, user_agent, session_id;
};

struct store_session; /* the engine, while a STORE_CALL runs on the writer; see store_admin.h */

/*
 * The caller owns the job and all that its slices point to, and keeps both untouched from
 * store_submit to `done`, which may free them. Zero it before filling it in.
 */
struct store_job {
    enum store_job_kind kind;
    size_t bytes; /* what the caller holds in memory for it, counted against the queue's cap */

    /* STORE_BATCH; rows and n_rows (1) also for STORE_PAGEVIEW and STORE_AI_FETCH */
    int64_t team; /* client_owner of the token: the batch id is keyed by it */
    unsigned char batch_id[16];
    unsigned char body_hash[32]; /* SHA-256 of the decoded body */
    struct str node, job;        /* job STR_NONE outside a backfill */
    const struct batch_stream *streams;
    size_t n_streams;
    const struct batch_cell *cells; /* of the streams; may be NULL when none has any */
    const struct str *user_agents;
    size_t n_user_agents;
    const struct store_row *rows; /* a batch's by stream, in their order; so is `left` */
    size_t n_rows;
    const struct store_left *left;
    size_t n_left;
    uint32_t n_excluded, n_rejected; /* for the ledger */
    struct str tail; /* JSON put behind `"duplicate":n`: `,"excluded":…,"rejected":[…]` */

    const struct store_event *event; /* STORE_EVENT */

    /* STORE_CALL: 0 commits it, -1 rolls back what it wrote. Rights are read anew afterwards. */
    int (*call)(struct store_session *session, void *arg);
    void *call_arg;

    void (*done)(struct store_job *job); /* on the thread that collects */
    void *owner;                         /* the caller's */

    /* results, valid in `done` */
    enum store_result result;
    uint64_t stored, duplicate;
    struct buf answer; /* STORE_BATCH with STORE_OK or STORE_REPLAYED: the JSON text. The store's:
                          it is released when `done` returns, so copy what is needed longer. */

    struct store_job *next; /* the store's */
};

/* 0: queued, `done` will run. -1: BUSY (the queue's cap, or the store is closing): nothing was
 * taken. */
int store_submit(struct store *s, struct store_job *job);

/* `wakeup` is called by the writer when results wait: from another thread, so it may only do what
 * is safe there (ev_async_send), and calls nothing of the store. Once this has returned, the
 * wake-up that was set before is not called any more; NULL: none. */
void store_set_wakeup(struct store *s, void (*wakeup)(void *arg), void *arg);
/* Runs the `done` of every finished job. Never called from inside a `done`. */
void store_collect(struct store *s);
/* Blocks until a job has finished or timeout_ms (-1: for ever) has passed: for callers without a
 * loop. True when something waits to be collected. */
bool store_wait(struct store *s, int timeout_ms);

/* ---- rights, state ------------------------------------------------------------------------ */

/* The snapshot in force, retained for the caller. A call that changed rights has swapped it before
 * its `done` runs. Cheap enough to be taken for every request. */
struct rights *store_rights(struct store *s);

struct store_stats {
    uint64_t stored, duplicate, batches, replayed, reused, failed; /* since the start */
    uint64_t excluded, rejected;                                   /* of batches */
    struct histogram commits;         /* from the beginning of a transaction to its being durable */
    size_t queued_jobs, queued_bytes; /* waiting or in work */
    uint64_t progress;                /* grows whenever the writer passes its loop or sits idle */
    bool idle;                        /* the writer waits for work */
    /* The last write failed; nothing can be stored until one succeeds. While nobody sends, the
     * store tries by itself every few seconds. */
    bool full;    /* no room on the disk */
    bool failing; /* another failure of the engine: the log says which */
};
void store_stats(struct store *s, struct store_stats *out);

#endif
