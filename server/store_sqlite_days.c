/*
 * store_sqlite_days.c - the ledger of a time: which lines of a site's streams were then, and what
 * became of them. What is read: store_sqlite_times.c.
 */
#include "server/store_sqlite_impl.h"

/* What a row of day_text counts; its order is that of a node's rows. */
enum {
    DAY_SKIPPED,
    DAY_RECORDS,
    DAY_OF_OTHERS,
    DAY_OF_NOBODY,
    DAY_UNTIMED,
    DAY_UNACCOUNTED,
    DAY_GAP,
    DAY_OVERLAP,
};

/* ?1 the site, [?2, ?3) the quarters. */
static const char day_text[] =
    "WITH d AS MATERIALIZED (SELECT * FROM intervals i WHERE last_quarter >= ?2"
    "  AND first_quarter < ?3 AND (stream IN (SELECT stream FROM lanes WHERE site = ?1)"
    "  OR EXISTS (SELECT 1 FROM json_each(i.records_at) j WHERE j.value ->> 1 = ?1))),"
    " s AS (SELECT node, j.value ->> 0 AS q, j.value ->> 1 AS name, j.value ->> 2 AS n"
    "  FROM d, json_each(d.skipped_at) j),"
    " r AS (SELECT node, j.value ->> 1 AS site, j.value ->> 2 AS name, j.value ->> 3 AS n"
    "  FROM d, json_each(d.records_at) j WHERE j.value ->> 0 >= ?2 AND j.value ->> 0 < ?3),"
    /* How far do those before each one reach, and is it, or the one before it, of this time? */
    " o AS (SELECT i.node, i.\"from\" AS a, i.\"to\" AS b, max(i.\"to\") OVER (w ROWS BETWEEN"
    "  UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach, last_quarter >= ?2 AND first_quarter < ?3"
    "  AS here, lag(last_quarter >= ?2 AND first_quarter < ?3) OVER w AS before FROM intervals i"
    "  JOIN (SELECT DISTINCT team, node, stream FROM d) USING(team, node, stream)"
    "  WINDOW w AS (PARTITION BY i.node, i.stream ORDER BY i.\"from\", i.\"to\")),"
    " c AS (SELECT node, 0 AS what, name, sum(n) AS n, 0 AS bytes FROM s WHERE q >= ?2 AND q < ?3"
    "   GROUP BY node, name"
    "  UNION ALL SELECT node, 1, name, sum(n), 0 FROM r WHERE site = ?1 GROUP BY node, name"
    "  UNION ALL SELECT node, 2, '', sum(n), 0 FROM r WHERE site NOT IN (0, ?1) GROUP BY node"
    "  UNION ALL SELECT node, 3, '', sum(n), 0 FROM r WHERE site = 0 GROUP BY node"
    "  UNION ALL SELECT node, 4, name, sum(n), 0 FROM (SELECT node, name, -n AS n FROM s"
    "   UNION ALL SELECT node, j.key, j.value FROM d, json_each(d.skipped) j)"
    "   GROUP BY node, name HAVING sum(n) > 0"
    "  UNION ALL SELECT node, 5, '', sum(max(0, lines - records"
    "   - (SELECT coalesce(sum(value), 0) FROM json_each(skipped)))), 0 FROM d GROUP BY node"
    "  UNION ALL SELECT node, 6, '', count(*), sum(a - reach) FROM o WHERE a > reach"
    "   AND (here OR before) GROUP BY node"
    "  UNION ALL SELECT node, 7, '', count(*), sum(min(b, reach) - a) FROM o WHERE reach > a"
    "   AND here GROUP BY node)"
    " SELECT n.id, coalesce(t.name, u.name), n.name, c.what, c.name, c.n, c.bytes FROM c"
    " JOIN nodes n ON n.id = c.node LEFT JOIN teams t ON t.id = n.team"
    " LEFT JOIN users u ON u.id = -n.team WHERE c.n <> 0 ORDER BY 2, n.name, n.id, c.what";

static const char uncounted_text[] =
    "SELECT count(*) FROM intervals WHERE last_quarter IS NULL AND received >= ?2"
    " AND received < ?3 + 86400000 AND stream IN (SELECT stream FROM lanes WHERE site = ?1)";

static void add_records(struct read_day *day, struct str fate, int64_t n)
{
    for (int i = 0; i < FATE_COUNT; i++)
        if (str_eq(fate, str_of(store_fate_name((enum store_fate)i))))
            day->records[i] += n;
}

static void add_row(struct read_day *day, sqlite3_stmt *row)
{
    struct str name = column_str(row, 4);
    int64_t n = sqlite3_column_int64(row, 5), bytes = sqlite3_column_int64(row, 6);
    switch (sqlite3_column_int(row, 3)) {
    case DAY_SKIPPED:
        skips_add(&day->skipped, name, n);
        break;
    case DAY_RECORDS:
        add_records(day, name, n);
        break;
    case DAY_OF_OTHERS:
        day->of_others += n;
        break;
    case DAY_OF_NOBODY:
        day->of_nobody += n;
        break;
    case DAY_UNTIMED:
        skips_add(&day->untimed, name, n);
        break;
    case DAY_UNACCOUNTED:
        day->unaccounted += n;
        break;
    case DAY_GAP:
        day->gaps += n;
        day->gap_bytes += bytes;
        break;
    default:
        day->overlapping += n;
        day->overlapping_bytes += bytes;
    }
}

/* The names of a node lie in the row, which goes with the next step. */
struct day_of_node {
    struct read_day day;
    int64_t node; /* 0: none yet */
    struct buf team, name;
};

static void begin_node(struct day_of_node *d, sqlite3_stmt *row)
{
    d->node = sqlite3_column_int64(row, 0);
    d->day = (struct read_day){.of_others = 0};
    buf_reset(&d->team);
    buf_reset(&d->name);
    buf_put_str(&d->team, column_str(row, 1));
    buf_put_str(&d->name, column_str(row, 2));
    d->day.team = buf_str(&d->team);
    d->day.name = buf_str(&d->name);
}

static int read_rows(sqlite3_stmt *row, void (*on_node)(void *arg, const struct read_day *day),
                     void *arg)
{
    struct day_of_node d = {.node = 0};
    int code;
    buf_init(&d.team, 1u << 20);
    buf_init(&d.name, 1u << 20);
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        if (sqlite3_column_int64(row, 0) != d.node) {
            if (d.node)
                on_node(arg, &d.day);
            begin_node(&d, row);
        }
        add_row(&d.day, row);
    }
    if (d.node)
        on_node(arg, &d.day);
    int status = code == SQLITE_DONE && !d.team.failed && !d.name.failed ? 0 : -1;
    buf_release(&d.team);
    buf_release(&d.name);
    return status;
}

static sqlite3_stmt *prepare(struct store_reader *r, const char *text, int64_t site, int64_t from,
                             int64_t to)
{
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(r->db, text, -1, &row, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_bind_int64(row, 1, site);
    sqlite3_bind_int64(row, 2, from);
    sqlite3_bind_int64(row, 3, to);
    return row;
}

int store_reader_day(struct store_reader *r, const struct day_filter *filter,
                     void (*on_node)(void *arg, const struct read_day *day), void *arg,
                     int64_t *uncounted)
{
    if (reader_begin(r))
        return -1;
    sqlite3_stmt *row = prepare(r, uncounted_text, filter->site, filter->from_ms, filter->to_ms);
    int status = row && sqlite3_step(row) == SQLITE_ROW ? 0 : -1;
    if (status == 0)
        *uncounted = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    row = prepare(r, day_text, filter->site, filter->from_ms / QUARTER_MS,
                  filter->to_ms / QUARTER_MS);
    if (status == 0)
        status = row ? read_rows(row, on_node, arg) : -1;
    sqlite3_finalize(row);
    return reader_end(r, status);
}
