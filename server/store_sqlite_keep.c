/*
 * store_sqlite_keep.c - housekeeping: old batch ids, unused day keys, records over their site's
 * retention, what is left of removed sites, old entries of the audit log, intervals that can be one
 * (store_sqlite_merge.c). In small transactions, so that the writer is never away for long.
 */
#include "server/store_sqlite_impl.h"

#include "parsers/base/fault.h"
#include "parsers/base/time.h"

#define ROWS_PER_GO 2000
/* The promise is STORE_BATCH_KEEP_DAYS; clocks may be wrong by a few. */
#define KEEP_MS ((STORE_BATCH_KEEP_DAYS + 5) * DAY_MS)
#define KEY_UNUSED_MS (2 * DAY_MS)

static int forget_keys(struct engine *e)
{
    int64_t limit = e->now_ms - KEY_UNUSED_MS;
    memset(e->day_keys, 0, sizeof(e->day_keys));
    /* Overwritten in place first: a deleted row's bytes may stay in the file. */
    if (sql_run_text(e, "UPDATE day_keys SET key = zeroblob(32) WHERE used < ?1", "i", limit))
        return -1;
    return sql_run_text(e, "DELETE FROM day_keys WHERE used < ?1", "i", limit);
}

static int forget_batches(struct engine *e, bool *more)
{
    int64_t most = ROWS_PER_GO;
    if (sql_run_text(e,
                     "DELETE FROM batches WHERE (team, id) IN (SELECT team, id FROM batches"
                     " WHERE received < ?1 ORDER BY received LIMIT ?2)",
                     "ii", e->now_ms - KEEP_MS, most))
        return -1;
    *more = *more || sqlite3_changes(e->db) == ROWS_PER_GO;
    return 0;
}

/* One lane that holds records over its site's retention. 1: found, 0: none, -1: failed. */
static int old_lane(struct engine *e, int64_t today_ms, int64_t *lane, int64_t *cutoff_ms)
{
    sqlite3_stmt *row = NULL;
    int found = -1;
    if (sqlite3_prepare_v2(e->db,
                           "SELECT l.id, ?1 - s.retention_days * 86400000 FROM sites s"
                           " JOIN lanes l ON l.site = s.id WHERE s.retention_days > 0"
                           " AND l.first_at < ?1 - s.retention_days * 86400000 LIMIT 1",
                           -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, today_ms);
        int code = sqlite3_step(row);
        found = code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : -1;
        if (found == 1) {
            *lane = sqlite3_column_int64(row, 0);
            *cutoff_ms = sqlite3_column_int64(row, 1);
        }
    }
    sqlite3_finalize(row);
    return found;
}

static int retire_lane(struct engine *e, bool *more)
{
    struct lane_cut cut = {.from_ms = INT64_MIN,
                           .kinds = 1u << KIND_PAGEVIEW | 1u << KIND_AI_FETCH,
                           .most = ROWS_PER_GO};
    int found = old_lane(e, time_day(e->now_ms) * DAY_MS, &cut.lane, &cut.to_ms);
    if (found <= 0)
        return found;
    *more = true;
    int64_t deleted = lane_cut_rows(e, &cut);
    if (deleted < 0 || deleted == ROWS_PER_GO)
        return deleted < 0 ? -1 : 0;
    return sql_run_text(e, "UPDATE lanes SET first_at = ?2 WHERE id = ?1", "ii", cut.lane,
                        cut.to_ms);
}

static int retire_events(struct engine *e, bool *more)
{
    int64_t most = ROWS_PER_GO, today_ms = time_day(e->now_ms) * DAY_MS;
    if (sql_run_text(e,
                     "DELETE FROM events WHERE id IN (SELECT v.id FROM sites s JOIN events v"
                     " ON v.site = s.id AND v.at < ?1 - s.retention_days * 86400000"
                     " WHERE s.retention_days > 0 LIMIT ?2)",
                     "ii", today_ms, most))
        return -1;
    *more = *more || sqlite3_changes(e->db) == ROWS_PER_GO;
    return 0;
}

bool engine_housekeep(struct engine *e, int64_t now_ms)
{
    bool more = false;
    if (engine_begin(e, now_ms) != ENGINE_OK)
        return false;
    fault_point("keep.begin");
    if (forget_keys(e) == 0 && forget_batches(e, &more) == 0 && retire_lane(e, &more) == 0 &&
        retire_events(e, &more) == 0 && removed_retire(e, &more) == 0 &&
        audit_forget(e, &more) == 0 && intervals_merge(e, &more) == 0 &&
        engine_commit(e) == ENGINE_OK) {
        fault_point("keep.after_commit");
        return more;
    }
    engine_rollback(e);
    return false;
}
