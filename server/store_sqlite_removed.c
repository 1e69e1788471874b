/*
 * store_sqlite_removed.c - what is left of a site that was removed goes lane by lane, so that the
 * writer is never away for long.
 */
#include "server/store_sqlite_impl.h"

#define EVENTS_PER_GO 2000

/* 1: there is one; 0: none; -1: failed. */
static int find_lane(struct engine *e, int64_t *lane)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(e->db,
                                  "SELECT l.id FROM sites s JOIN lanes l ON l.site = s.id"
                                  " WHERE s.removed IS NOT NULL LIMIT 1",
                                  -1, &row, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(row)) == SQLITE_ROW)
        *lane = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : -1;
}

static int retire_lane(struct engine *e, int64_t lane)
{
    /* The lane first: its triggers then have nothing to do for each record. */
    static const char *const texts[] = {
        "DELETE FROM lanes WHERE id = ?1",
        "DELETE FROM odd WHERE record >= ?1 << 24 AND record < (?1 + 1) << 24",
        "DELETE FROM page_extras WHERE record >= ?1 << 24 AND record < (?1 + 1) << 24",
        "DELETE FROM records WHERE id >= ?1 << 24 AND id < (?1 + 1) << 24",
    };
    memset(e->lanes, 0, sizeof(e->lanes));
    memset(e->singles, 0, sizeof(e->singles));
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (sql_run_text(e, texts[i], "i", lane))
            return -1;
    return 0;
}

int removed_retire(struct engine *e, bool *more)
{
    int64_t lane = 0, most = EVENTS_PER_GO;
    int found = find_lane(e, &lane);
    if (found < 0 || (found && retire_lane(e, lane)) ||
        sql_run_text(e,
                     "DELETE FROM events WHERE id IN (SELECT v.id FROM sites s JOIN events v"
                     " ON v.site = s.id WHERE s.removed IS NOT NULL LIMIT ?1)",
                     "i", most))
        return -1;
    *more = *more || found || sqlite3_changes(e->db) == EVENTS_PER_GO;
    return 0;
}
