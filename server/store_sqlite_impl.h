/*
 * store_sqlite_impl.h - shared by store_sqlite*.c, the only files that know SQLite.
 *
 * One connection writes and checkpoints (struct engine, on the writer's thread, one process by the
 * store's lock); all others are opened read-only and never checkpoint (store_sqlite_read.c). That
 * keeps the WAL-reset bug of SQLite 3.7.0 to 3.51.2, which Debian 12 and 13 still ship, out of
 * reach.
 */
#ifndef LOGFERRY_SERVER_STORE_SQLITE_IMPL_H
#define LOGFERRY_SERVER_STORE_SQLITE_IMPL_H

#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "parsers/base/log.h"
#include "server/columns.h"
#include "server/store_engine.h"
#include "server/store_admin.h"
#include "server/store_read.h"

#define STORE_FILE "logferry.db"

/* ---- where a record lies -------------------------------------------------------------------
 * A record's row id is (lane << LANE_BITS | position % LANE_SPAN). A lane is one stretch of
 * LANE_SPAN bytes of one stream on one site. So the row id itself is the key (site, stream,
 * position): no further index has to be kept, and rows are appended where their stream is growing.
 * Two different lines at one position (other hash) are rare; the second goes through the table
 * `odd`. Records without a stream lie in the lanes of stream 0, numbered. Each lane notes its first
 * and last time, which is all the index that reports need.
 */
#define LANE_BITS 24
#define LANE_SPAN (INT64_C(1) << LANE_BITS)
#define NO_STREAM_ID 0

#define KIND_PAGEVIEW 0
#define KIND_AI_FETCH 1

enum sql {
    SQL_SAVE,
    SQL_RELEASE,
    SQL_UNDO,
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_PUT_PAGEVIEW,
    SQL_PUT_AI_FETCH,
    SQL_PUT_PAGE_EXTRAS,
    SQL_GET_HASH,
    SQL_PUT_ODD,
    SQL_GET_LANE,
    SQL_PUT_LANE,
    SQL_WIDEN_LANE,
    SQL_LAST_SINGLE_LANE,
    SQL_LAST_IN_LANE,
    SQL_PUT_TEXT,
    SQL_GET_AGENT,
    SQL_PUT_AGENT,
    SQL_GET_NODE,
    SQL_PUT_NODE,
    SQL_GET_STREAM,
    SQL_PUT_STREAM,
    SQL_GET_DAY_KEY,
    SQL_PUT_DAY_KEY,
    SQL_TOUCH_DAY_KEY,
    SQL_PUT_EVENT,
    SQL_GET_BATCH,
    SQL_PUT_BATCH,
    SQL_PUT_INTERVAL,
    SQL_DROP_WITHIN,
    SQL_DROP_INTERVAL,
    SQL_GET_NEAR,
    SQL_GET_REACH,
    SQL_ADD_PART,
    SQL_MOVE_REFUSED,
    SQL_ADD_TALLY,
    SQL_DROP_COLUMNS,
    SQL_PUT_COLUMNS,
    SQL_LAST_COLUMNS,
    SQL_PACKED_TO,
    SQL_OPEN_LANE,
    SQL_CLOSE_LANE,
    SQL_COUNT_OPEN,
    SQL_COUNT,
};

struct label_slot {
    uint64_t hash;
    int64_t id; /* 0: empty */
    char *text;
    size_t n;
};
#define LABEL_SLOTS 8192

struct lane {
    int64_t id; /* 0: empty */
    int64_t site, stream, chunk;
    int64_t first_ms, last_ms;
    bool dirty;
    /* store_sqlite_pack.c: */
    bool open;          /* there may be rows behind the front */
    int64_t packed;     /* the front: rows below are in columns */
    int64_t touched_ms; /* the last row came in; 0: not since it is cached */
    int64_t fresh;      /* rows since it is cached or packed */
};
#define LANE_SLOTS 1024

struct single_slot {
    int64_t site; /* 0: empty */
    int64_t next; /* position of the next single record */
};
#define SINGLE_SLOTS 256

struct day_key {
    int64_t day;
    int64_t used_ms; /* 0: empty */
    unsigned char key[32];
};
#define DAY_KEY_SLOTS 64

/* When the lines of a batch were: store_sqlite_times.c. */
struct time_books {
    unsigned char fates[BATCH_MAX_RECORDS]; /* of the job's rows */
    size_t row, left;                       /* of the job: the first ones of the next stream */
    struct buf skipped, records;            /* of the stream in work, as the table has them */
    int64_t first, last;                    /* quarters */
};

struct engine {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
    struct catalogue *catalogue;
    EVP_MD *md;
    EVP_MD_CTX *digest;
    int64_t now_ms;            /* of the transaction */
    enum engine_status status; /* of the transaction: what the first hard failure was */
    int wal_pages;
    struct log_limit complaint;

    /* Caches of what the data base holds; emptied by any rollback, which may have taken rows back.
     */
    struct label_slot labels[LABEL_SLOTS];
    bool labels_warm;
    struct lane lanes[LANE_SLOTS];
    struct lane *lane;                /* where the last row was placed */
    unsigned dirty_lanes[LANE_SLOTS]; /* indices */
    size_t n_dirty_lanes;
    struct single_slot singles[SINGLE_SLOTS];
    struct day_key day_keys[DAY_KEY_SLOTS];

    /* Of the batch in work: ids by index, 0 = not looked up yet. */
    int64_t stream_ids[BATCH_MAX_STREAMS];
    int64_t ua_ids[BATCH_MAX_USER_AGENTS];
    int64_t agent_ids[BATCH_MAX_USER_AGENTS]; /* -1: no AI agent */
    struct time_books times;
    struct buf scratch;

    struct columnizer *columnizer; /* NULL until the first packing */
    int64_t opened_ms, pack_cursor;
    int64_t merge_cursor; /* quarter: intervals that end before it are merged, or stay */
};

struct store_session {
    struct engine *engine;
    struct rights *rights; /* as read in this session, or NULL */
    int64_t actor;         /* a user; 0: a client, or the command line */
    int64_t acting_client; /* 0: a user, or the command line */
};

/* store_sqlite_admin.c: what a statement came to. The rights that were read are out of date in any
 * case. */
enum admin_result session_changed(struct store_session *session, int status);

/* ---- statements (store_sqlite.c) ---------------------------------------------------------- */

const char *sql_text(enum sql which); /* store_sqlite_texts.c */
/* Ready to be bound; NULL when it cannot be prepared (noted as a failure of the transaction). */
sqlite3_stmt *sql_get(struct engine *e, enum sql which);
/* Binds by `types`, from parameter 1 on: i int64_t, s struct str (STR_NONE: null), b (const void *,
 * int) blob, n null. Then: 0 done; -1 failed, noted. The statement is reset. */
int sql_run(struct engine *e, enum sql which, const char *types, ...);
/* 1: a row, to be read from *row and then sqlite3_reset by the caller; 0: none; -1: failed, noted.
 */
int sql_find(struct engine *e, enum sql which, sqlite3_stmt **row, const char *types, ...);
/* The same for text that is not in the table: admin commands, housekeeping. */
int sql_run_text(struct engine *e, const char *text, const char *types, ...);
/* Each of n texts with the one number, up to the first that fails. */
int sql_run_each(struct engine *e, const char *const *texts, size_t n, int64_t id);
void bind_str(sqlite3_stmt *statement, int at, struct str s);
struct str column_str(sqlite3_stmt *row, int column);
/* Notes a failed call: a hard one (disk, memory, corruption) loses the transaction, any other the
 * job. */
void engine_note(struct engine *e, int code, const char *what);
void engine_forget(struct engine *e); /* empties the caches */

/* ---- parts -------------------------------------------------------------------------------- */

/* store_sqlite_sys.c: SQLite's system calls go through parsers/base/sys.h in a test build; before
 * the first connection is opened. */
#ifdef LOGFERRY_FAULTS
void store_sys_install(void);
#else
static inline void store_sys_install(void)
{
}
#endif

/* store_sqlite_schema.c: brings the data base to the version of this program. */
int schema_migrate(sqlite3 *db, const char *path, bool create, struct buf *error,
                   enum store_failure *failure);
/* Refuses what is no store, or one newer than this program. */
int schema_check(sqlite3 *db, const char *path, struct buf *error, enum store_failure *failure);

/* Refuses what is no store; its version may be any. `mend`: what to do when it cannot be read. */
int schema_known(sqlite3 *db, const char *path, const char *mend, int64_t *version,
                 struct buf *error);
int64_t schema_newest(void);

/* store_sqlite_wal.c: the log beside a data base that nobody in this process has open. */
struct wal_facts {
    uint64_t lost;   /* committed pages that it should have, and has not */
    uint64_t behind; /* pages behind its last whole commit */
    bool foreign;    /* it is not the log that was there */
    bool doubtful;   /* only a check of the whole data base tells whether it belongs to it */
};
void wal_look(const char *db_path, struct wal_facts *facts);
void wal_tell(const char *db_path, const struct wal_facts *facts); /* logs it */

/* store_sqlite_backup.c: a file that nobody else has open, without a log beside it, and without
 * making one. NULL: `error`. */
sqlite3 *copy_open(const char *path, struct buf *error);
/* Is it a store, and sound? `pragma` is quick_check or integrity_check. */
int copy_check(sqlite3 *db, const char *path, const char *pragma, int64_t *version,
               struct buf *error);

/* store_sqlite_dict.c: ids of texts that repeat; -1 on failure. */
int64_t label_id(struct engine *e, struct str text);
int64_t agent_id(struct engine *e, const struct agent *agent);
int64_t node_id(struct engine *e, int64_t team, struct str name);
int64_t stream_id(struct engine *e, struct hash128 stream);
void labels_warm(struct engine *e);
void labels_forget(struct engine *e);

/* store_sqlite_lanes.c: the row id for a position; -1 on failure. */
int64_t lane_place(struct engine *e, int64_t site, int64_t stream, uint64_t position,
                   int64_t at_ms);
int64_t lane_place_single(struct engine *e, int64_t site, int64_t at_ms);
int lanes_flush(struct engine *e); /* writes widened times; before a job's end */

/* store_sqlite_visitor.c */
int visitor_id(struct engine *e, const struct store_row *row, struct str user_agent, int64_t *out);

/* store_sqlite_rows.c */
enum put_result { PUT_STORED, PUT_DUPLICATE, PUT_FAILED };
enum put_result row_put(struct engine *e, const struct store_job *job, const struct store_row *row);
int event_put(struct engine *e, const struct store_event *event);

/* store_sqlite_times.c. */
struct fate_cell {
    int64_t quarter, site; /* -1: a time that has no quarter; 0: no site */
    int64_t n;
    enum store_fate fate;
};
typedef int fate_take(struct engine *e, void *arg, const struct fate_cell *cell);
/* What became of the stream's records, as cells, of which several may be alike. Streams are asked
 * for in their order; e->times.fates is set. -1: a take failed. */
int times_of_records(struct engine *e, const struct store_job *job, size_t stream, fate_take *take,
                     void *arg);
/* Fills e->times but for the fates: what the table is told of this stream. -1 on failure. */
int times_of_stream(struct engine *e, const struct store_job *job, size_t stream);

/* store_sqlite_intervals.c: what the job says of its stream's lines; -1 on failure. */
int interval_put(struct engine *e, const struct store_job *job, size_t stream, int64_t node);

/* store_sqlite_merge.c: neighbours among old intervals become one; inside a transaction. *more:
 * call again. */
int intervals_merge(struct engine *e, bool *more);

/* store_sqlite_batch.c */
int batch_put(struct engine *e, struct store_job *job); /* sets result; -1: the job failed */

/* store_sqlite_read.c: a connection that only reads. Several statements see one moment between
 * begin and end; end returns the status it is given. */
struct store_reader {
    sqlite3 *db;
    struct columnizer *columnizer; /* store_sqlite_scan.c's, as all below; NULL until needed */
    sqlite3_stmt *sample, *text;
    bool functions;                    /* store_sqlite_list.c's are there */
    const struct catalogue *catalogue; /* of the list in work, for them */
    int64_t sample_row;                /* where `sample` stands; 0: nowhere */
    const atomic_bool *cancel;
    int64_t deadline_ms;
    bool stopped;
};
/* The connection alone, whatever the file holds; NULL: as store_reader_open. */
sqlite3 *reader_connect(const char *path, struct buf *error, enum store_failure *failure);
int reader_begin(struct store_reader *r);
int reader_end(struct store_reader *r, int status);

/* store_sqlite_nodes.c */
void skips_add(struct read_skips *to, struct str reason, int64_t n);

/* store_sqlite_columns.c: the rows of a lane as columns, in chunks. */
struct columns_chunk {
    enum columns_kind kind;
    int64_t from, to; /* positions of the lane, [from, to); both kinds of a chunk have the same */
    uint32_t n;       /* records of this kind; not 0 */
    struct str bytes; /* as columns_open wants them */
};
typedef int columnizer_take(void *arg, const struct columns_chunk *chunk);
struct columnizer;
struct columnizer *columnizer_new(sqlite3 *db);
void columnizer_free(struct columnizer *c); /* accepts NULL */
/* From position `from` to the lane's end; -1: failed, or a take did. */
int columnizer_run(struct columnizer *c, int64_t lane, int64_t from, columnizer_take *take,
                   void *arg);

/* store_sqlite_pack.c. row_packed: a row was put into e->lane; columns that it makes wrong go. Rows
 * that are deleted take their columns with them (triggers of the schema); whoever deletes or moves
 * rows empties e->lanes, nothing else. */
int row_packed(struct engine *e, int64_t id);
/* Packs the next lane that is due, or with `all` that can be. Inside a transaction. *more: call
 * again. */
int pack_next(struct engine *e, bool all, bool *more);

/* store_sqlite_invariants.c: a query that gives the rows that break a rule: which, and how. */
struct invariant {
    const char *table, *text, *mend;
};
const struct invariant *invariants_of_rows(size_t *n);

/* store_sqlite_life.c: deletes up to `most` rows of a lane, times in [from, to), of the kinds with
 * bit 1 << KIND_…; and the lane when it is empty. How many; -1: failed. */
struct lane_cut {
    int64_t lane, from_ms, to_ms;
    unsigned kinds;
    int64_t most;
};
int64_t lane_cut_rows(struct engine *e, const struct lane_cut *cut);

/* store_sqlite_exclusions.c: NULL when they cannot be read. */
struct exclusions *exclusions_read(sqlite3 *db);
/* Parts of housekeeping; *more is set when there is more to do. -1 on failure. */
int removed_retire(struct engine *e, bool *more); /* store_sqlite_removed.c */
int audit_forget(struct engine *e, bool *more);   /* store_sqlite_audit.c */

/* store_sqlite_admin.c: the snapshot, from any connection. */
struct rights *rights_read(sqlite3 *db);

#endif
