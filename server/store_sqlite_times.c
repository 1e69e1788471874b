/*
 * store_sqlite_times.c - when the lines of a batch were, by quarters of an hour: skipped ones as
 * the agent tells them, records by their own times. What is made here lives and dies with the
 * interval that it is stored with, so that nothing counts twice (store_sqlite_intervals.c).
 */
#include "server/store_sqlite_impl.h"

#define OPEN_CELLS 64 /* that are looked at; those of a batch are mostly few */

const char *store_fate_name(enum store_fate fate)
{
    static const char *const names[FATE_COUNT] = {
        [FATE_STORED] = "stored", [FATE_TWICE] = "twice",     [FATE_EXCLUDED] = "excluded",
        [FATE_LATE] = "late",     [FATE_REFUSED] = "refused",
    };
    return names[fate];
}

static int64_t quarter_or_none(int64_t time_ms)
{
    uint32_t quarter = quarter_of(time_ms);
    return quarter == QUARTER_NONE ? -1 : (int64_t)quarter;
}

static void widen(struct time_books *t, int64_t quarter)
{
    if (quarter < 0)
        return;
    t->first = quarter < t->first ? quarter : t->first;
    t->last = quarter > t->last ? quarter : t->last;
}

/* ---- records ----------------------------------------------------------------------------------
 */

struct cells {
    struct fate_cell v[OPEN_CELLS];
    size_t n;
    fate_take *take;
    void *arg;
};

static int give(struct engine *e, struct cells *c)
{
    int status = 0;
    for (size_t i = 0; i < c->n && status == 0; i++)
        status = c->take(e, c->arg, &c->v[i]);
    c->n = 0;
    return status;
}

/* Neighbours are mostly alike: the last cells are looked at first. */
static int count(struct engine *e, struct cells *c, const struct fate_cell *one)
{
    for (size_t i = c->n; i > 0; i--) {
        struct fate_cell *cell = &c->v[i - 1];
        if (cell->quarter == one->quarter && cell->site == one->site && cell->fate == one->fate) {
            cell->n++;
            return 0;
        }
    }
    if (c->n == OPEN_CELLS && give(e, c))
        return -1;
    c->v[c->n++] = *one;
    return 0;
}

int times_of_records(struct engine *e, const struct store_job *job, size_t stream, fate_take *take,
                     void *arg)
{
    struct time_books *t = &e->times;
    struct cells cells = {.take = take, .arg = arg};
    for (; t->row < job->n_rows && job->rows[t->row].stream == stream; t->row++) {
        const struct store_row *row = &job->rows[t->row];
        const struct fate_cell one = {quarter_or_none(row->record.time_ms), row->site, 1,
                                      (enum store_fate)t->fates[t->row]};
        if (count(e, &cells, &one))
            return -1;
    }
    for (; t->left < job->n_left && job->left[t->left].stream == stream; t->left++) {
        const struct store_left *left = &job->left[t->left];
        const struct fate_cell one = {quarter_or_none(left->time_ms), left->site, 1, left->fate};
        if (count(e, &cells, &one))
            return -1;
    }
    return give(e, &cells);
}

static int put_cell(struct engine *e, void *arg, const struct fate_cell *cell)
{
    struct buf *out = &e->times.records;
    widen(&e->times, cell->quarter);
    buf_printf(out, "%s[%lld,%lld,\"%s\",%lld]", out->n > 1 ? "," : "", (long long)cell->quarter,
               (long long)cell->site, store_fate_name(cell->fate), (long long)cell->n);
    return out->failed ? -1 : 0;
}

/* ---- streams ----------------------------------------------------------------------------------
 */

static void put_skipped(struct time_books *t, const struct store_job *job,
                        const struct batch_stream *s)
{
    struct buf *out = &t->skipped;
    buf_reset(out);
    buf_putc(out, '[');
    for (uint32_t i = 0; i < s->n_cells; i++) {
        const struct batch_cell *cell = &job->cells[s->first_cell + i];
        const char *reason =
            cell->reason < REASON_COUNT ? reason_name((enum reason)cell->reason) : "other";
        widen(t, cell->quarter);
        buf_printf(out, "%s[%u,\"%s\",%u]", i ? "," : "", cell->quarter, reason, cell->n);
    }
    buf_putc(out, ']');
}

int times_of_stream(struct engine *e, const struct store_job *job, size_t stream)
{
    struct time_books *t = &e->times;
    t->first = INT64_MAX;
    t->last = -1;
    put_skipped(t, job, &job->streams[stream]);
    buf_reset(&t->records);
    buf_putc(&t->records, '[');
    if (times_of_records(e, job, stream, put_cell, NULL))
        return -1;
    buf_putc(&t->records, ']');
    if (t->last < 0)
        t->first = t->last = quarter_or_none(e->now_ms);
    return t->skipped.failed || t->records.failed ? -1 : 0;
}
