/*
 * store_sqlite_intervals.c - what agents say about their lines, so that each byte of a stream of a
 * node counts once.
 *
 * A new interval removes those that it covers, and those near it that it covers together with
 * others. What is left can overlap only where the cuts differ and nothing covers the rest; the
 * reader (store_sqlite_nodes.c) tells how much that is. The work per report is bounded: in a stream
 * that grows it is one look at its last intervals.
 */
#include "server/store_sqlite_impl.h"

#define NEAR 8         /* intervals that are looked at around a new one */
#define COVER_STEPS 64 /* intervals that together may cover another one */

struct interval_key {
    int64_t team, node, stream;
};

struct span {
    int64_t from, to;
};

struct interval_at {
    struct interval_key key;
    struct span span;
};

static void skipped_json(struct buf *out, const struct batch_stream *stream)
{
    const char *comma = "";
    buf_reset(out);
    buf_putc(out, '{');
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        if (stream->skipped[i] == 0)
            continue;
        buf_printf(out, "%s\"%s\":%u", comma, reason_name((enum reason)i), stream->skipped[i]);
        comma = ",";
    }
    if (stream->skipped_other)
        buf_printf(out, "%s\"other\":%u", comma, stream->skipped_other);
    buf_putc(out, '}');
}

/* How far the intervals other than `span` that hold position `at` reach; -1: failed. */
static int64_t reach_of_others(struct engine *e, const struct interval_key *k,
                               const struct span *span, int64_t at)
{
    sqlite3_stmt *row = NULL;
    int64_t reach = -1;
    if (sql_find(e, SQL_GET_REACH, &row, "iiiiii", k->team, k->node, k->stream, at, span->from,
                 span->to) == 1) {
        reach = sqlite3_column_int64(row, 0); /* of none: null, so 0 */
        sqlite3_reset(row);
    }
    return reach;
}

/* 1: others cover all of it; 0: not, or only more of them than are looked at; -1: failed. */
static int is_covered(struct engine *e, const struct interval_key *k, const struct span *span)
{
    int64_t at = span->from;
    for (int steps = 0; steps < COVER_STEPS && at < span->to; steps++) {
        int64_t reach = reach_of_others(e, k, span, at);
        if (reach <= at)
            return reach < 0 ? -1 : 0;
        at = reach;
    }
    return at >= span->to;
}

/* Those that overlap `fresh`, which is stored already. -1: failed, else how many. */
static int find_straddlers(struct engine *e, const struct interval_key *k, const struct span *fresh,
                           struct span found[NEAR])
{
    sqlite3_stmt *row = sql_get(e, SQL_GET_NEAR);
    int n = 0, code;
    if (!row)
        return -1;
    sqlite3_bind_int64(row, 1, k->team);
    sqlite3_bind_int64(row, 2, k->node);
    sqlite3_bind_int64(row, 3, k->stream);
    sqlite3_bind_int64(row, 4, fresh->to);
    sqlite3_bind_int64(row, 5, NEAR);
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        struct span span = {sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1)};
        bool itself = span.from == fresh->from && span.to == fresh->to;
        if (!itself && span.to > fresh->from && n < NEAR)
            found[n++] = span;
    }
    sqlite3_reset(row);
    if (code == SQLITE_DONE)
        return n;
    engine_note(e, code, "intervals");
    return -1;
}

static int drop_covered(struct engine *e, const struct interval_key *k, const struct span *fresh)
{
    struct span found[NEAR];
    int n = find_straddlers(e, k, fresh, found);
    int status = n < 0 ? -1 : 0;
    for (int i = 0; i < n && status == 0; i++) {
        int covered = is_covered(e, k, &found[i]);
        status = covered <= 0 ? covered
                              : sql_run(e, SQL_DROP_INTERVAL, "iiiii", k->team, k->node, k->stream,
                                        found[i].from, found[i].to);
    }
    return status;
}

/* One that was refused before, and is not any more. Refused, it may have been nobody's. Where none
 * was refused this was told before. */
static int move_refused(struct engine *e, void *arg, const struct fate_cell *cell)
{
    const struct interval_at *at = arg;
    const struct interval_key *k = &at->key;
    const int64_t sites[] = {cell->site, 0};
    if (cell->fate == FATE_REFUSED)
        return 0;
    for (size_t i = 0; i < COUNT_OF(sites); i++) {
        if (sql_run(e, SQL_MOVE_REFUSED, "iiiiiiiisi", k->team, k->node, k->stream, at->span.from,
                    at->span.to, cell->quarter, sites[i], cell->site,
                    str_of(store_fate_name(cell->fate)), cell->n))
            return -1;
        if (sqlite3_changes(e->db) > 0)
            break;
    }
    return 0;
}

/* Without lines it is a part of a batch whose first part told them all, but counts its own records
 * only: those of the others are added. What comes again, from the parked or the dead, is not: it
 * would be more than the lines account for. */
static int add_part(struct engine *e, const struct store_job *job, size_t stream,
                    struct interval_at *at)
{
    const struct interval_key *k = &at->key;
    const struct time_books *t = &e->times;
    size_t row = t->row, left = t->left;
    if (times_of_stream(e, job, stream) ||
        sql_run(e, SQL_ADD_PART, "iiiiiiiis", k->team, k->node, k->stream, at->span.from,
                at->span.to, (int64_t)job->streams[stream].records, t->first, t->last,
                buf_str(&t->records)))
        return -1;
    if (sqlite3_changes(e->db) > 0)
        return 0;
    e->times.row = row;
    e->times.left = left;
    return times_of_records(e, job, stream, move_refused, at);
}

int interval_put(struct engine *e, const struct store_job *job, size_t stream, int64_t node)
{
    const struct batch_stream *s = &job->streams[stream];
    const struct time_books *t = &e->times;
    struct interval_at at = {{job->team, node, e->stream_ids[stream]},
                             {(int64_t)s->from, (int64_t)s->to}};
    const struct interval_key *k = &at.key;
    if (s->lines == 0)
        return add_part(e, job, stream, &at);
    skipped_json(&e->scratch, s);
    if (e->scratch.failed || times_of_stream(e, job, stream) ||
        sql_run(e, SQL_DROP_WITHIN, "iiiii", k->team, k->node, k->stream, at.span.from,
                at.span.to) ||
        sql_run(e, SQL_PUT_INTERVAL, "iiiiiiisssiiiss", k->team, k->node, k->stream, at.span.from,
                at.span.to, (int64_t)s->lines, (int64_t)s->records, buf_str(&e->scratch), s->name,
                job->job, e->now_ms, t->first, t->last, buf_str(&t->skipped), buf_str(&t->records)))
        return -1;
    return drop_covered(e, k, &at.span);
}
