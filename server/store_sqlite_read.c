/*
 * store_sqlite_read.c - connections that only read: no writing, no checkpoints, not even at the
 * end. See store_sqlite_impl.h for why.
 */
#include "server/store_sqlite_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/store_dir.h"

static int set_up(sqlite3 *db)
{
    int now = 0;
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &now) != SQLITE_OK || !now)
        return SQLITE_ERROR;
    return sqlite3_exec(db,
                        "PRAGMA wal_autocheckpoint = 0; PRAGMA query_only = ON;"
                        "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
                        "PRAGMA mmap_size = 2147418112;",
                        NULL, NULL, NULL);
}

sqlite3 *reader_connect(const char *path, struct buf *error, enum store_failure *failure)
{
    sqlite3 *db = NULL;
    if (access(path, R_OK) != 0) {
        *failure = errno == EACCES ? STORE_DENIED : STORE_MISSING;
        if (*failure == STORE_DENIED)
            buf_printf(error, "may not read %s; run this as the store's owner", path);
        else
            store_put_missing(path, error);
        return NULL;
    }
    if (store_check_file(path, false, error, failure))
        return NULL;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = set_up(db);
    if (code == SQLITE_OK)
        return db;
    *failure = STORE_CANNOT;
    buf_printf(error, "cannot read %s: %s; run this as the store's owner", path,
               sqlite3_errstr(code));
    sqlite3_close(db);
    return NULL;
}

struct store_reader *store_reader_open(const char *dir, struct buf *error,
                                       enum store_failure *failure)
{
    struct store_reader *r = calloc(1, sizeof(*r));
    struct buf path;
    int status = -1;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/" STORE_FILE, dir);
    *failure = STORE_CANNOT;
    if (!r || !buf_cstr(&path))
        buf_printf(error, "out of memory, or the path %s is too long", dir);
    else
        r->db = reader_connect(buf_cstr(&path), error, failure);
    if (r && r->db)
        status = schema_check(r->db, buf_cstr(&path), error, failure);
    buf_release(&path);
    if (status == 0)
        return r;
    store_reader_close(r);
    return NULL;
}

void store_reader_close(struct store_reader *r)
{
    if (!r)
        return;
    columnizer_free(r->columnizer);
    sqlite3_finalize(r->sample);
    sqlite3_finalize(r->text);
    sqlite3_close(r->db);
    free(r);
}

int reader_begin(struct store_reader *r)
{
    return sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

int reader_end(struct store_reader *r, int status)
{
    sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    return status;
}

struct rights *store_reader_rights(struct store_reader *r)
{
    if (reader_begin(r))
        return NULL;
    struct rights *rights = rights_read(r->db);
    reader_end(r, 0);
    return rights;
}

int store_reader_records(struct store_reader *r, const struct read_filter *filter,
                         void (*on_record)(void *arg, const struct read_record *record), void *arg)
{
    /* Lanes outside, so that a lane whose times do not fit costs nothing. */
    static const char text[] =
        "SELECT r.kind, r.path, r.visitor, r.agent, r.status, r.verified = 0 FROM lanes l"
        " CROSS JOIN records r ON r.id >= l.id << 24 AND r.id < (l.id + 1) << 24"
        " WHERE (?1 = 0 OR l.site = ?1) AND l.last_at >= ?2 AND l.first_at < ?3"
        " AND r.at >= ?2 AND r.at < ?3";
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(r->db, text, -1, &row, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, filter->site);
        sqlite3_bind_int64(row, 2, filter->from_ms);
        sqlite3_bind_int64(row, 3, filter->to_ms);
        while ((code = sqlite3_step(row)) == SQLITE_ROW) {
            struct read_record record = {.kind = sqlite3_column_int(row, 0) ? RECORD_AI_FETCH
                                                                            : RECORD_PAGEVIEW,
                                         .path = column_str(row, 1),
                                         .visitor = sqlite3_column_int64(row, 2),
                                         .agent = sqlite3_column_int64(row, 3),
                                         .status = sqlite3_column_int(row, 4),
                                         .spoofed = sqlite3_column_int(row, 5) == 1};
            on_record(arg, &record);
        }
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? 0 : -1;
}

int store_reader_agents(struct store_reader *r,
                        void (*on_agent)(void *arg, const struct read_agent *agent), void *arg)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(r->db, "SELECT id, name, operator, category FROM agents", -1,
                                  &row, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        if ((code = sqlite3_step(row)) != SQLITE_ROW)
            break;
        struct read_agent agent = {.id = sqlite3_column_int64(row, 0),
                                   .name = column_str(row, 1),
                                   .operator= column_str(row, 2),
                                   .category = column_str(row, 3)};
        on_agent(arg, &agent);
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? 0 : -1;
}
