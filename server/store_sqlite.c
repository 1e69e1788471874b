/*
 * store_sqlite.c - the writing connection: opening, transactions, statements, checkpoints.
 *
 * What the rows mean is in the other store_sqlite_*.c; this file knows only how statements are
 * kept, run, and what a failure of one does to the transaction.
 */
#include "server/store_sqlite_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "parsers/base/fault.h"
#include "parsers/base/shell.h"
#include "server/clock.h"
#include "server/store_dir.h"

/* Pages of 8 KiB: 32 MiB of log before it is moved into the data base. */
#define CHECKPOINT_PAGES 4000
#define COMPLAIN_EVERY_MS 60000

/* ---- failures ----------------------------------------------------------------------------- */

static bool is_full(struct engine *e, int code)
{
    if ((code & 0xff) == SQLITE_FULL)
        return true;
    int reason = sqlite3_system_errno(e->db);
    return (code & 0xff) == SQLITE_IOERR &&
           (reason == ENOSPC || reason == EDQUOT || reason == EROFS);
}

void engine_note(struct engine *e, int code, const char *what)
{
    int primary = code & 0xff;
    bool job_only = primary == SQLITE_CONSTRAINT || primary == SQLITE_TOOBIG ||
                    primary == SQLITE_MISMATCH || primary == SQLITE_RANGE;
    if (!job_only && e->status == ENGINE_OK)
        e->status = is_full(e, code) ? ENGINE_FULL : ENGINE_FAILED;
    if (!log_limit_pass(&e->complaint, clock_ms(CLOCK_MONOTONIC), COMPLAIN_EVERY_MS))
        return;
    log_event(LOG_ERROR, "store_failed", "what=%s code=%d why=\"%s\" mend=\"%s\"", what, code,
              sqlite3_errstr(code),
              e->status == ENGINE_FULL
                  ? "make room on the store's disk; senders keep their records and try again"
                  : "see the code at sqlite.org/rescode.html; senders keep their records");
}

/* ---- statements --------------------------------------------------------------------------- */

sqlite3_stmt *sql_get(struct engine *e, enum sql which)
{
    sqlite3_stmt *statement = e->statements[which];
    if (statement)
        return statement;
    int code = sqlite3_prepare_v3(e->db, sql_text(which), -1, SQLITE_PREPARE_PERSISTENT,
                                  &e->statements[which], NULL);
    if (code == SQLITE_OK)
        return e->statements[which];
    engine_note(e, code, "prepare");
    return NULL;
}

void bind_str(sqlite3_stmt *statement, int at, struct str s)
{
    if (str_is_set(s))
        sqlite3_bind_text64(statement, at, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(statement, at);
}

struct str column_str(sqlite3_stmt *row, int column)
{
    const void *text = sqlite3_column_blob(row, column);
    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return STR_NONE;
    return (struct str){text ? text : "", (size_t)sqlite3_column_bytes(row, column)};
}

static void bind_all(sqlite3_stmt *statement, const char *types, va_list args)
{
    for (int at = 1; *types; at++, types++) {
        if (*types == 'i') {
            sqlite3_bind_int64(statement, at, va_arg(args, int64_t));
        } else if (*types == 's') {
            bind_str(statement, at, va_arg(args, struct str));
        } else if (*types == 'b') {
            const void *bytes = va_arg(args, const void *);
            sqlite3_bind_blob(statement, at, bytes, va_arg(args, int), SQLITE_STATIC);
        } else {
            sqlite3_bind_null(statement, at);
        }
    }
}

int sql_run(struct engine *e, enum sql which, const char *types, ...)
{
    sqlite3_stmt *statement = sql_get(e, which);
    if (!statement)
        return -1;
    va_list args;
    va_start(args, types);
    bind_all(statement, types, args);
    va_end(args);
    sqlite3_step(statement);
    int code = sqlite3_reset(statement);
    if (code == SQLITE_OK)
        return 0;
    engine_note(e, code, sql_text(which));
    return -1;
}

int sql_find(struct engine *e, enum sql which, sqlite3_stmt **row, const char *types, ...)
{
    sqlite3_stmt *statement = sql_get(e, which);
    if (!statement)
        return -1;
    va_list args;
    va_start(args, types);
    bind_all(statement, types, args);
    va_end(args);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *row = statement;
        return 1;
    }
    int code = sqlite3_reset(statement);
    if (code == SQLITE_OK)
        return 0;
    engine_note(e, code, sql_text(which));
    return -1;
}

int sql_run_text(struct engine *e, const char *text, const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(e->db, text, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        va_list args;
        va_start(args, types);
        bind_all(statement, types, args);
        va_end(args);
        sqlite3_step(statement);
        code = sqlite3_finalize(statement);
    }
    if (code == SQLITE_OK)
        return 0;
    /* A name that is taken is its caller's to tell. */
    if ((code & 0xff) != SQLITE_CONSTRAINT)
        engine_note(e, code, text);
    return -1;
}

int sql_run_each(struct engine *e, const char *const *texts, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (sql_run_text(e, texts[i], "i", id))
            return -1;
    return 0;
}

/* ---- transactions ------------------------------------------------------------------------- */

void engine_forget(struct engine *e)
{
    labels_forget(e);
    memset(e->lanes, 0, sizeof(e->lanes));
    memset(e->singles, 0, sizeof(e->singles));
    memset(e->day_keys, 0, sizeof(e->day_keys));
    e->lane = NULL;
    e->n_dirty_lanes = 0;
}

static enum engine_status failed(const struct engine *e)
{
    return e->status == ENGINE_OK ? ENGINE_FAILED : e->status;
}

enum engine_status engine_begin(struct engine *e, int64_t now_ms)
{
    e->status = ENGINE_OK;
    e->now_ms = now_ms;
    e->opened_ms = e->opened_ms ? e->opened_ms : now_ms;
    if (sql_run(e, SQL_BEGIN, ""))
        return failed(e);
    if (!e->labels_warm)
        labels_warm(e);
    fault_point("store.begin");
    return e->status;
}

static int run_call(struct engine *e, struct store_job *job)
{
    struct store_session session = {.engine = e};
    int status = job->call(&session, job->call_arg);
    rights_release(session.rights);
    return status;
}

static int run_single(struct engine *e, struct store_job *job)
{
    if (job->n_rows != 1 || row_put(e, job, &job->rows[0]) != PUT_STORED || lanes_flush(e))
        return -1;
    job->stored = 1;
    return 0;
}

static int run_kind(struct engine *e, struct store_job *job)
{
    switch (job->kind) {
    case STORE_BATCH:
        return batch_put(e, job);
    case STORE_PAGEVIEW:
    case STORE_AI_FETCH:
        return run_single(e, job);
    case STORE_EVENT:
        job->stored = 1;
        return event_put(e, job->event);
    case STORE_CALL:
        return run_call(e, job);
    }
    return -1;
}

enum engine_status engine_run(struct engine *e, struct store_job *job)
{
    job->result = STORE_OK;
    job->stored = job->duplicate = 0;
    buf_init(&job->answer, BATCH_MAX_DECODED);
    size_t n = job->n_user_agents < BATCH_MAX_USER_AGENTS ? job->n_user_agents : 0;
    memset(e->ua_ids, 0, n * sizeof(e->ua_ids[0]));
    memset(e->agent_ids, 0, n * sizeof(e->agent_ids[0]));
    if (sql_run(e, SQL_SAVE, ""))
        return failed(e);
    if (run_kind(e, job) == 0)
        return sql_run(e, SQL_RELEASE, "") ? failed(e) : ENGINE_OK;
    job->result = STORE_FAILED;
    job->stored = job->duplicate = 0;
    buf_release(&job->answer);
    engine_forget(e);
    /* SQLite itself may have rolled the whole transaction back: then the savepoint is gone too. */
    if (e->status != ENGINE_OK || sqlite3_get_autocommit(e->db) || sql_run(e, SQL_UNDO, "") ||
        sql_run(e, SQL_RELEASE, ""))
        return failed(e);
    return ENGINE_OK;
}

enum engine_status engine_commit(struct engine *e)
{
    fault_point("store.before_commit");
    if (fault_fails("store.commit")) {
        engine_note(e, errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : SQLITE_IOERR, "COMMIT");
        return failed(e);
    }
    if (sql_run(e, SQL_COMMIT, ""))
        return failed(e);
    fault_point("store.after_commit");
    return ENGINE_OK;
}

void engine_rollback(struct engine *e)
{
    engine_forget(e);
    if (!sqlite3_get_autocommit(e->db))
        sql_run(e, SQL_ROLLBACK, "");
}

static enum engine_status run_alone(struct engine *e, const char *text, int64_t now_ms)
{
    enum engine_status status = engine_begin(e, now_ms);
    if (status == ENGINE_OK && sql_run_text(e, text, ""))
        status = failed(e);
    if (status == ENGINE_OK)
        status = engine_commit(e);
    if (status != ENGINE_OK)
        engine_rollback(e);
    return status;
}

/* In two transactions: pages that are freed in the one that filled them are never written. */
enum engine_status engine_probe(struct engine *e, int64_t now_ms)
{
    enum engine_status status =
        run_alone(e, "INSERT OR REPLACE INTO probe VALUES(1, zeroblob(1048576))", now_ms);
    return status == ENGINE_OK ? run_alone(e, "DELETE FROM probe", now_ms) : status;
}

static int on_wal(void *engine, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct engine *)engine)->wal_pages = pages;
    return SQLITE_OK;
}

void engine_settle(struct engine *e)
{
    if (e->wal_pages < CHECKPOINT_PAGES && !(e->wal_pages && fault_fails("store.settle_early")))
        return;
    e->wal_pages = 0;
    fault_point("store.before_checkpoint");
    int code = sqlite3_wal_checkpoint_v2(e->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK && code != SQLITE_BUSY)
        engine_note(e, code, "checkpoint");
    fault_point("store.after_checkpoint");
}

/* ---- opening and closing ------------------------------------------------------------------ */

void engine_warn(void)
{
    int v = sqlite3_libversion_number();
    bool mended = v >= 3051003 || (v >= 3050007 && v < 3051000) || (v >= 3044006 && v < 3045000);
    if (!mended)
        log_event(LOG_WARN, "sqlite_wal_reset_bug",
                  "version=%s why=\"it can corrupt a store that two connections write or "
                  "checkpoint at once; here one connection does both, all others only read\" "
                  "mend=\"never write to %s with another program\"",
                  sqlite3_libversion(), STORE_FILE);
}

/* A process that was killed between the write of a transaction and its sync has left it in the log,
 * where it reads as committed: batches would be answered by what a power failure can still take. A
 * checkpoint syncs the log first, so that its failing for want of room is none. */
static int sync_log(struct engine *e)
{
    int code = sqlite3_wal_checkpoint_v2(e->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return code == SQLITE_BUSY || (code != SQLITE_OK && is_full(e, code)) ? SQLITE_OK : code;
}

static int set_up(struct engine *e)
{
    static const char pragmas[] =
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;"
        "PRAGMA journal_size_limit = 67108864; PRAGMA foreign_keys = OFF;";
    sqlite3_busy_timeout(e->db, 5000);
    int code = sqlite3_exec(e->db, pragmas, NULL, NULL, NULL);
    sqlite3_wal_hook(e->db, on_wal, e);
    return code == SQLITE_OK ? sync_log(e) : code;
}

static int open_parts(struct engine *e)
{
    e->catalogue = catalogue_new(true);
    e->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    e->digest = EVP_MD_CTX_new();
    buf_init(&e->scratch, BATCH_MAX_DECODED);
    buf_init(&e->times.skipped, BATCH_MAX_DECODED);
    buf_init(&e->times.records, BATCH_MAX_DECODED);
    return e->catalogue && e->md && e->digest ? 0 : -1;
}

/* mv FILE-wal FILE-wal.old */
static void put_move(struct buf *error, const char *path)
{
    struct buf log;
    buf_init(&log, strlen(path) + 16);
    buf_printf(&log, "%s-wal", path);
    buf_lit(error, "mv ");
    shell_put_path(error, buf_str(&log));
    buf_lit(&log, ".old");
    buf_putc(error, ' ');
    shell_put_path(error, buf_str(&log));
    buf_release(&log);
}

static int refuse_log(const char *path, struct buf *error)
{
    buf_printf(error,
               "%s-wal is not the log that was there when the server ended: replayed, it would "
               "spoil the data base; put the right one back, or move this one away: ",
               path);
    put_move(error, path);
    return -1;
}

/* With this log it is no sound data base. It stays as it is: nothing is moved into it. */
static int check_doubtful(struct engine *e, const char *path, struct buf *error)
{
    int64_t version = 0;
    struct buf why;
    buf_init(&why, 4096);
    int status = copy_check(e->db, path, "quick_check", &version, &why);
    if (status != 0) {
        sqlite3_db_config(e->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        buf_printf(error,
                   "%s-wal seems to be another data base's: together with it, %s; if the data base "
                   "was put there as a copy, move the log away: ",
                   path, why.failed ? "the store is damaged" : buf_cstr(&why));
        put_move(error, path);
    }
    buf_release(&why);
    return status;
}

static int open_file(struct engine *e, const char *path, bool create, struct buf *error,
                     enum store_failure *failure)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    if (access(path, F_OK) != 0 && (!create || store_was_moved(path))) {
        *failure = STORE_MISSING;
        store_put_missing(path, error);
        return -1;
    }
    if (store_check_file(path, true, error, failure))
        return -1;
    struct wal_facts facts;
    wal_look(path, &facts);
    if (facts.foreign)
        return refuse_log(path, error);
    store_sys_install();
    int code = sqlite3_open_v2(path, &e->db, flags, NULL);
    fault_point("store.after_open");
    if (code == SQLITE_OK)
        code = set_up(e);
    fault_point("store.after_set_up");
    if (code == SQLITE_OK && facts.doubtful && check_doubtful(e, path, error))
        return -1;
    if (code == SQLITE_OK) {
        wal_tell(path, &facts);
        return schema_migrate(e->db, path, create, error, failure);
    }
    *failure = code == SQLITE_PERM || code == SQLITE_READONLY ? STORE_DENIED : STORE_CANNOT;
    buf_printf(error, "cannot open %s: %s; check its owner, its disk, and that it is a store", path,
               sqlite3_errstr(code));
    return -1;
}

struct engine *engine_open(const char *dir, bool create, struct buf *error,
                           enum store_failure *failure)
{
    struct engine *e = calloc(1, sizeof(*e));
    struct buf path;
    int status = -1;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/" STORE_FILE, dir);
    *failure = STORE_CANNOT;
    if (!e || open_parts(e) || !buf_cstr(&path))
        buf_printf(error, "out of memory, or the path %s is too long", dir);
    else
        status = open_file(e, buf_cstr(&path), create, error, failure);
    buf_release(&path);
    if (status == 0)
        return e;
    engine_close(e);
    return NULL;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    for (int i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(e->statements[i]);
    columnizer_free(e->columnizer);
    fault_point("store.before_close");
    sqlite3_close(e->db); /* checkpoints: this is the writing connection */
    fault_point("store.after_close");
    labels_forget(e);
    catalogue_free(e->catalogue);
    EVP_MD_free(e->md);
    EVP_MD_CTX_free(e->digest);
    buf_release(&e->times.records);
    buf_release(&e->times.skipped);
    buf_release(&e->scratch);
    free(e);
}
