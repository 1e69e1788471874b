/*
 * store_sqlite_merge.c - housekeeping of what agents said of their lines: where little is written,
 * each line is a batch and so an interval of its own. Neighbours in a stream become one after a
 * while, of an hour at most and of as many lines as a large batch has, so that the ledger grows
 * with the hours and not with the requests.
 *
 * One that is still to be changed stays as it is, for it is found by its very borders
 * (store_sqlite_intervals.c): one with refused records, which may yet be taken, and one whose other
 * parts have not come.
 */
#include "server/store_sqlite_impl.h"

#include "parsers/base/time.h"

#define AFTER_DAYS 2
#define GO_QUARTERS 4 /* an hour at a time: the writer is not to be away for long */
#define RUNS_PER_GO 200

/* [?1, ?2) quarters, ?3 milliseconds: received before. */
#define SETTLED                                                                                    \
    " last_quarter >= ?1 AND last_quarter < ?2 AND received < ?3"                                  \
    " AND instr(records_at, '\"refused\"') = 0"                                                    \
    " AND lines = records + (SELECT coalesce(sum(value), 0) FROM json_each(skipped)) "
/* Of the node ?5 of team ?4, in stream ?6, all of them that lie in [?7, ?8). */
#define OF_RUN                                                                                     \
    " team = ?4 AND node = ?5 AND stream = ?6 AND \"from\" >= ?7 AND \"to\" <= ?8 AND" SETTLED

static const char list_text[] =
    "SELECT team, node, stream, \"from\", \"to\", lines, name, job FROM intervals WHERE" SETTLED
    "ORDER BY +team, node, stream, \"from\", \"to\"";

static const char merge_text[] =
    "INSERT OR IGNORE INTO intervals(team, node, stream, \"from\", \"to\", lines, records, skipped,"
    " name, job, received, first_quarter, last_quarter, skipped_at, records_at)"
    " WITH m AS MATERIALIZED (SELECT * FROM intervals WHERE" OF_RUN ")"
    " SELECT ?4, ?5, ?6, ?7, ?8, sum(lines), sum(records),"
    "  (SELECT json_group_object(reason, n) FROM (SELECT j.key AS reason, sum(j.value) AS n"
    "   FROM m, json_each(m.skipped) j GROUP BY 1)),"
    "  min(name), min(job), max(received), min(first_quarter), max(last_quarter),"
    "  (SELECT json_group_array(json_array(q, reason, n)) FROM (SELECT j.value ->> 0 AS q,"
    "   j.value ->> 1 AS reason, sum(j.value ->> 2) AS n FROM m, json_each(m.skipped_at) j"
    "   GROUP BY 1, 2 HAVING n <> 0)),"
    "  (SELECT json_group_array(json_array(q, site, fate, n)) FROM (SELECT j.value ->> 0 AS q,"
    "   j.value ->> 1 AS site, j.value ->> 2 AS fate, sum(j.value ->> 3) AS n"
    "   FROM m, json_each(m.records_at) j GROUP BY 1, 2, 3 HAVING n <> 0))"
    " FROM m";

static const char drop_text[] =
    "DELETE FROM intervals WHERE" OF_RUN "AND NOT (\"from\" = ?7 AND \"to\" = ?8)";

struct run {
    int64_t team, node, stream, from, to, lines;
    int n;
};

struct runs {
    int64_t from, to, received_ms; /* as the texts want them */
    struct run v[RUNS_PER_GO];
    size_t n;
};

/* Does the interval of this row go on where the run ends? `name` and `job` are the run's. */
static bool goes_on(const struct run *run, sqlite3_stmt *row, struct str name, struct str job)
{
    return run->n && sqlite3_column_int64(row, 0) == run->team &&
           sqlite3_column_int64(row, 1) == run->node &&
           sqlite3_column_int64(row, 2) == run->stream && sqlite3_column_int64(row, 3) == run->to &&
           run->lines + sqlite3_column_int64(row, 5) <= BATCH_MAX_RECORDS &&
           str_eq(column_str(row, 6), name) && str_eq(column_str(row, 7), job);
}

static void end_run(struct runs *runs, const struct run *run)
{
    if (run->n > 1)
        runs->v[runs->n++] = *run;
}

static int keep_text(struct buf *to, struct str text)
{
    buf_reset(to);
    buf_put_str(to, text);
    return to->failed ? -1 : 0;
}

/* -1: failed, noted. */
static int find_runs(struct engine *e, struct runs *runs)
{
    sqlite3_stmt *row = NULL;
    struct run run = {.n = 0};
    struct buf name, job;
    int code = sqlite3_prepare_v2(e->db, list_text, -1, &row, NULL);
    buf_init(&name, 1u << 20);
    buf_init(&job, 1u << 20);
    sqlite3_bind_int64(row, 1, runs->from);
    sqlite3_bind_int64(row, 2, runs->to);
    sqlite3_bind_int64(row, 3, runs->received_ms);
    while (code == SQLITE_OK && runs->n < RUNS_PER_GO && sqlite3_step(row) == SQLITE_ROW) {
        if (!goes_on(&run, row, buf_str(&name), buf_str(&job))) {
            end_run(runs, &run);
            run = (struct run){.team = sqlite3_column_int64(row, 0),
                               .node = sqlite3_column_int64(row, 1),
                               .stream = sqlite3_column_int64(row, 2),
                               .from = sqlite3_column_int64(row, 3)};
            if (keep_text(&name, column_str(row, 6)) || keep_text(&job, column_str(row, 7)))
                code = SQLITE_NOMEM;
        }
        run.to = sqlite3_column_int64(row, 4);
        run.lines += sqlite3_column_int64(row, 5);
        run.n++;
    }
    if (runs->n < RUNS_PER_GO)
        end_run(runs, &run);
    int ended = sqlite3_finalize(row);
    code = code == SQLITE_OK ? ended : code;
    buf_release(&name);
    buf_release(&job);
    if (code != SQLITE_OK)
        engine_note(e, code, "intervals to merge");
    return code == SQLITE_OK ? 0 : -1;
}

static int merge(struct engine *e, const struct runs *runs, const struct run *r)
{
    if (sql_run_text(e, merge_text, "iiiiiiii", runs->from, runs->to, runs->received_ms, r->team,
                     r->node, r->stream, r->from, r->to))
        return -1;
    if (sqlite3_changes(e->db) == 0)
        return 0; /* another one has just these borders */
    return sql_run_text(e, drop_text, "iiiiiiii", runs->from, runs->to, runs->received_ms, r->team,
                        r->node, r->stream, r->from, r->to);
}

/* The first quarter from the cursor on that has intervals; INT64_MAX: none has. -1: failed. */
static int64_t next_quarter(struct engine *e)
{
    sqlite3_stmt *row = NULL;
    int64_t quarter = -1;
    if (sqlite3_prepare_v2(e->db,
                           "SELECT coalesce(min(last_quarter), 9223372036854775807) FROM intervals"
                           " WHERE last_quarter >= ?1",
                           -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, e->merge_cursor);
        if (sqlite3_step(row) == SQLITE_ROW)
            quarter = sqlite3_column_int64(row, 0);
    }
    int code = sqlite3_finalize(row);
    if (quarter < 0)
        engine_note(e, code, "intervals to merge");
    return quarter;
}

int intervals_merge(struct engine *e, bool *more)
{
    int64_t today_ms = time_day(e->now_ms) * DAY_MS, until_ms = today_ms - AFTER_DAYS * DAY_MS;
    int64_t from = next_quarter(e), until = until_ms / QUARTER_MS;
    if (from < 0)
        return -1;
    if (from >= until)
        return 0;
    struct runs *runs = calloc(1, sizeof(*runs));
    if (!runs)
        return -1;
    runs->from = from;
    runs->to = (from / GO_QUARTERS + 1) * GO_QUARTERS; /* `until` is such a border, too */
    runs->received_ms = until_ms;
    int status = find_runs(e, runs);
    for (size_t i = 0; i < runs->n && status == 0; i++)
        status = merge(e, runs, &runs->v[i]);
    if (runs->n < RUNS_PER_GO && status == 0)
        e->merge_cursor = runs->to;
    free(runs);
    *more = true;
    return status;
}
