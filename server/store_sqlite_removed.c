/*
 * store_sqlite_removed.c - what is left of a site that was removed goes step by step, so that the
 * writer is never away for long.
 */
#include "server/store_sqlite_impl.h"

#define ROWS_PER_GO 2000

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

int removed_retire(struct engine *e, bool *more)
{
    struct lane_cut cut = {.from_ms = INT64_MIN,
                           .to_ms = INT64_MAX,
                           .kinds = 1u << KIND_PAGEVIEW | 1u << KIND_AI_FETCH,
                           .most = ROWS_PER_GO};
    int found = find_lane(e, &cut.lane);
    if (found < 0 || (found && lane_cut_rows(e, &cut) < 0) ||
        sql_run_text(e,
                     "DELETE FROM events WHERE id IN (SELECT v.id FROM sites s JOIN events v"
                     " ON v.site = s.id WHERE s.removed IS NOT NULL LIMIT ?1)",
                     "i", cut.most))
        return -1;
    *more = *more || found || sqlite3_changes(e->db) == ROWS_PER_GO;
    return 0;
}
