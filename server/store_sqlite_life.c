/*
 * store_sqlite_life.c - deleting records: a step at a time, by lanes, so that the writer is never
 * away for long. Columns go with their rows (a trigger of the schema).
 */
#include "server/store_sqlite_session.h"

#include <stdio.h>

#include "server/store_life.h"

/* ---- one lane -----------------------------------------------------------------------------------
 */

/* The id of the `most`-th row that fits, or of the last one; 0: none does; -1: failed. */
static int64_t last_of_step(struct engine *e, const struct lane_cut *cut)
{
    sqlite3_stmt *row = NULL;
    int64_t last = -1;
    if (sqlite3_prepare_v2(e->db,
                           "SELECT coalesce(max(id), 0) FROM (SELECT id FROM records"
                           " WHERE id >= ?1 AND id < ?2 AND at >= ?3 AND at < ?4"
                           " AND (1 << kind) & ?5 ORDER BY id LIMIT ?6)",
                           -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, cut->lane << LANE_BITS);
        sqlite3_bind_int64(row, 2, (cut->lane + 1) << LANE_BITS);
        sqlite3_bind_int64(row, 3, cut->from_ms);
        sqlite3_bind_int64(row, 4, cut->to_ms);
        sqlite3_bind_int64(row, 5, cut->kinds);
        sqlite3_bind_int64(row, 6, cut->most);
        if (sqlite3_step(row) == SQLITE_ROW)
            last = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    return last;
}

static int is_empty(struct engine *e, int64_t lane, bool *empty)
{
    sqlite3_stmt *row = NULL;
    int code = SQLITE_ERROR;
    if (sqlite3_prepare_v2(e->db, "SELECT 1 FROM records WHERE id >= ?1 AND id < ?2 LIMIT 1", -1,
                           &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, lane << LANE_BITS);
        sqlite3_bind_int64(row, 2, (lane + 1) << LANE_BITS);
        code = sqlite3_step(row);
    }
    sqlite3_finalize(row);
    *empty = code == SQLITE_DONE;
    return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : -1;
}

static int drop_if_empty(struct engine *e, int64_t lane)
{
    bool empty;
    if (is_empty(e, lane, &empty))
        return -1;
    return empty ? sql_run_text(e, "DELETE FROM lanes WHERE id = ?1", "i", lane) : 0;
}

#define ROWS_THAT_FIT "WHERE id >= ?1 AND id <= ?2 AND at >= ?3 AND at < ?4 AND (1 << kind) & ?5"

int64_t lane_cut_rows(struct engine *e, const struct lane_cut *cut)
{
    static const char *const texts[] = {
        "DELETE FROM odd WHERE record IN (SELECT id FROM records " ROWS_THAT_FIT ")",
        "DELETE FROM page_extras WHERE record IN (SELECT id FROM records " ROWS_THAT_FIT ")",
        "DELETE FROM records " ROWS_THAT_FIT,
    };
    int64_t last = last_of_step(e, cut), kinds = cut->kinds;
    /* What the writer remembers of lanes may be of this one. */
    memset(e->lanes, 0, sizeof(e->lanes));
    memset(e->singles, 0, sizeof(e->singles));
    e->n_dirty_lanes = 0;
    if (last < 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(texts) && last > 0; i++)
        if (sql_run_text(e, texts[i], "iiiii", cut->lane << LANE_BITS, last, cut->from_ms,
                         cut->to_ms, kinds))
            return -1;
    int64_t deleted = last > 0 ? sqlite3_changes(e->db) : 0;
    if (deleted < cut->most && drop_if_empty(e, cut->lane))
        return -1;
    return deleted;
}

/* ---- retention ----------------------------------------------------------------------------------
 */

enum admin_result session_set_retention(struct store_session *session, int64_t site, unsigned days)
{
    char detail[32];
    enum admin_result result = session_changed(
        session, sql_run_text(session->engine, "UPDATE sites SET retention_days = ?2 WHERE id = ?1",
                              "ii", site, (int64_t)days));
    snprintf(detail, sizeof(detail), "%u days", days);
    return session_noted(session, result, "site.retention_set", AUDIT_SITE, site,
                         days ? str_of(detail) : STR("for ever"));
}

/* ---- purge --------------------------------------------------------------------------------------
 */

/* The first lane from `p->next` on that may hold rows; 0: none; -1: failed. */
static int64_t next_lane(struct engine *e, const struct purge *p)
{
    sqlite3_stmt *row = NULL;
    int64_t lane = -1;
    if (sqlite3_prepare_v2(e->db,
                           "SELECT id FROM lanes WHERE id >= ?1 AND site = ?2 AND first_at < ?4"
                           " AND last_at >= ?3 ORDER BY id LIMIT 1",
                           -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, p->next);
        sqlite3_bind_int64(row, 2, p->site);
        sqlite3_bind_int64(row, 3, p->from_ms);
        sqlite3_bind_int64(row, 4, p->to_ms);
        int code = sqlite3_step(row);
        lane = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) : code == SQLITE_DONE ? 0 : -1;
    }
    sqlite3_finalize(row);
    return lane;
}

static int purge_events(struct engine *e, struct purge *p)
{
    int64_t most = PURGE_STEP_ROWS;
    if (!(p->kinds & PURGE_EVENTS)) {
        p->next = -1;
        return 0;
    }
    if (sql_run_text(e,
                     "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE site = ?1"
                     " AND at >= ?2 AND at < ?3 LIMIT ?4)",
                     "iiii", p->site, p->from_ms, p->to_ms, most))
        return -1;
    p->deleted = (uint64_t)sqlite3_changes(e->db);
    if (p->deleted < PURGE_STEP_ROWS)
        p->next = -1;
    return 0;
}

enum admin_result session_purge_step(struct store_session *session, struct purge *p)
{
    struct engine *e = session->engine;
    struct lane_cut cut = {.from_ms = p->from_ms,
                           .to_ms = p->to_ms,
                           .kinds = p->kinds & (PURGE_PAGEVIEWS | PURGE_AI_FETCHES),
                           .most = PURGE_STEP_ROWS};
    p->deleted = 0;
    cut.lane = cut.kinds ? next_lane(e, p) : 0;
    if (cut.lane < 0)
        return ADMIN_FAILED;
    if (cut.lane == 0)
        return purge_events(e, p) ? ADMIN_FAILED : ADMIN_OK;
    int64_t deleted = lane_cut_rows(e, &cut);
    if (deleted < 0)
        return ADMIN_FAILED;
    p->deleted = (uint64_t)deleted;
    p->next = deleted < PURGE_STEP_ROWS ? cut.lane + 1 : cut.lane;
    return ADMIN_OK;
}

static int count_by(sqlite3 *db, const char *text, const struct purge *p, uint64_t *counts)
{
    sqlite3_stmt *row = NULL;
    int code = SQLITE_ERROR;
    if (sqlite3_prepare_v2(db, text, -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, p->site);
        sqlite3_bind_int64(row, 2, p->from_ms);
        sqlite3_bind_int64(row, 3, p->to_ms);
        while ((code = sqlite3_step(row)) == SQLITE_ROW)
            counts[sqlite3_column_int(row, 0) & 1] = (uint64_t)sqlite3_column_int64(row, 1);
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? 0 : -1;
}

int store_reader_count(struct store_reader *r, const struct purge *p, uint64_t counts[3])
{
    memset(counts, 0, 3 * sizeof(*counts));
    if (count_by(r->db,
                 "SELECT r.kind, count(*) FROM lanes l JOIN records r ON r.id >= l.id << 24"
                 " AND r.id < (l.id + 1) << 24 WHERE l.site = ?1 AND l.first_at < ?3"
                 " AND l.last_at >= ?2 AND r.at >= ?2 AND r.at < ?3 GROUP BY r.kind",
                 p, counts))
        return -1;
    return count_by(r->db,
                    "SELECT 0, count(*) FROM events WHERE site = ?1 AND at >= ?2 AND at < ?3", p,
                    &counts[2]);
}
