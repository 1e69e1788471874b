/* read_list.c - see read_list.h. CSV is written as Go's encoding/csv does. */
#include "server/read_list.h"

#include "parsers/base/json.h"
#include "parsers/base/time.h"

/* ---- values -------------------------------------------------------------------------------- */

static const char *column_name(enum columns_kind kind, size_t i)
{
    return kind == COLUMNS_FETCHES ? list_fetch_columns[i] : list_pageview_columns[i];
}

static size_t n_columns(enum columns_kind kind)
{
    return kind == COLUMNS_FETCHES ? LIST_FETCH_COLUMNS : LIST_PAGEVIEW_COLUMNS;
}

void list_put_time(struct buf *out, int64_t ms)
{
    time_put_rfc3339(out, ms);
    if (out->failed || ms % 10 != 0)
        return;
    out->n -= ms % 1000 == 0 ? 5 : ms % 100 == 0 ? 3 : 2;
    buf_putc(out, 'Z');
}

static bool is_time(enum columns_kind kind, size_t i)
{
    return str_eq(str_of(column_name(kind, i)), STR("timestamp"));
}

static void put_json_row(struct buf *out, enum columns_kind kind, const struct list_row *row)
{
    for (size_t i = 0; i < row->n; i++) {
        const struct list_value *v = &row->values[i];
        buf_printf(out, "%s\"%s\":", i ? "," : "{", column_name(kind, i));
        if (is_time(kind, i)) {
            buf_putc(out, '"');
            list_put_time(out, v->number);
            buf_putc(out, '"');
        } else if (v->kind == LIST_NUMBER) {
            buf_put_i64(out, v->number);
        } else {
            json_put_string(out, v->kind == LIST_TEXT ? v->text : STR_NONE);
        }
    }
    buf_putc(out, '}');
}

static void put_csv_text(struct buf *out, struct str text)
{
    bool quoted = text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t' || str_eq(text, STR("\\.")));
    if (!quoted && !str_has_any(text, ",\"\r\n")) {
        buf_put_str(out, text);
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            buf_putc(out, '"');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '"');
}

static void put_csv_row(struct buf *out, enum columns_kind kind, const struct list_row *row)
{
    for (size_t i = 0; i < row->n; i++) {
        const struct list_value *v = &row->values[i];
        if (i)
            buf_putc(out, ',');
        if (is_time(kind, i))
            list_put_time(out, v->number);
        else if (v->kind == LIST_NUMBER)
            buf_put_i64(out, v->number);
        else if (v->kind == LIST_TEXT)
            put_csv_text(out, v->text);
    }
    buf_putc(out, '\n');
}

/* ---- a page of hits ------------------------------------------------------------------------ */

static void on_hit(void *arg, const struct list_row *row)
{
    struct buf *out = arg;
    if (out->n && out->p[out->n - 1] == '}')
        buf_putc(out, ',');
    put_json_row(out, COLUMNS_PAGEVIEWS, row);
}

int read_hits(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    struct list_query query = {.site = x->site,
                               .site_uuid = x->site_uuid,
                               .kind = COLUMNS_PAGEVIEWS,
                               .q = q,
                               .catalogue = x->catalogue,
                               .from_ms = q->from_ms,
                               .to_ms = q->to_ms,
                               .behind_ms = INT64_MAX,
                               .limit = q->limit,
                               .offset = q->offset};
    uint64_t total = 0;
    store_reader_begin(x->reader);
    buf_lit(out, "{\"data\":[");
    int status = store_reader_list_count(x->reader, &query, &total);
    if (status == 0 && total > q->offset)
        status = store_reader_list(x->reader, &query, on_hit, out);
    store_reader_end(x->reader);
    buf_printf(out, "],\"total\":%llu}\n", (unsigned long long)total);
    return status;
}

/* ---- exports ------------------------------------------------------------------------------- */

#define PIECE_ROWS 2000u
#define FEW_ROWS 500u
#define WINDOW_MS (INT64_C(3600) * 1000)
#define WINDOW_MAX_MS (INT64_C(366) * 86400 * 1000)

const char *export_type(enum read_format format)
{
    switch (format) {
    case READ_JSON:
        return "application/json; charset=utf-8";
    case READ_NDJSON:
        return "application/x-ndjson; charset=utf-8";
    default:
        return "text/csv; charset=utf-8";
    }
}

void export_put_name(struct buf *out, enum columns_kind kind, const struct read_context *x,
                     enum read_format format)
{
    buf_printf(out, "%s_%s_%lld.%s", kind == COLUMNS_FETCHES ? "ai-fetches" : "hits", x->site_uuid,
               (long long)(x->now_ms / 1000), read_format_name(format));
}

void export_begin(struct export *e, enum columns_kind kind, const struct read_query *query,
                  enum read_format format)
{
    *e = (struct export){.kind = kind,
                         .format = format,
                         .query = query,
                         .behind_ms = query->to_ms == INT64_MAX ? INT64_MAX : query->to_ms + 1,
                         .window_ms = WINDOW_MS};
}

struct piece {
    struct export *e;
    struct buf *out;
    unsigned rows;
};

static void on_row(void *arg, const struct list_row *row)
{
    struct piece *p = arg;
    struct export *e = p->e;
    if (e->format == READ_CSV) {
        put_csv_row(p->out, e->kind, row);
    } else {
        if (e->format == READ_JSON && e->any)
            buf_lit(p->out, ",\n");
        put_json_row(p->out, e->kind, row);
        if (e->format == READ_NDJSON)
            buf_putc(p->out, '\n');
    }
    e->any = true;
    e->behind_ms = row->at_ms;
    e->behind_id = row->id;
    p->rows++;
}

static void put_head(const struct export *e, struct buf *out)
{
    if (e->format == READ_JSON)
        buf_lit(out, "[\n");
    for (size_t i = 0; e->format == READ_CSV && i < n_columns(e->kind); i++)
        buf_printf(out, "%s%s", i ? "," : "", column_name(e->kind, i));
    if (e->format == READ_CSV)
        buf_putc(out, '\n');
}

static void put_end(struct export *e, struct buf *out)
{
    if (e->format == READ_JSON)
        buf_put_str(out, e->any ? STR("\n]\n") : STR("]\n"));
    e->done = true;
}

/* The next window of time, walked from its end: it narrows where much is, and widens where little
 * is, so that each look sorts a few thousand rows. */
static int next_window(struct export *e, const struct read_context *x, struct piece *piece)
{
    int64_t latest =
        store_reader_latest(x->reader, x->site, e->behind_id ? e->behind_ms + 1 : e->behind_ms);
    if (latest == INT64_MIN || latest < e->query->from_ms) {
        put_end(e, piece->out);
        return 0;
    }
    int64_t from_ms =
        latest - e->window_ms > e->query->from_ms ? latest - e->window_ms : e->query->from_ms;
    struct list_query query = {.site = x->site,
                               .site_uuid = x->site_uuid,
                               .kind = e->kind,
                               .q = e->query,
                               .catalogue = x->catalogue,
                               .from_ms = from_ms,
                               .to_ms = e->query->to_ms,
                               .behind_ms = e->behind_ms,
                               .behind_id = e->behind_id,
                               .limit = PIECE_ROWS};
    if (store_reader_list(x->reader, &query, on_row, piece))
        return -1;
    if (piece->rows == PIECE_ROWS) {
        e->window_ms = e->window_ms > 2 ? e->window_ms / 2 : 1;
        return 0;
    }
    e->behind_ms = from_ms;
    e->behind_id = 0;
    if (piece->rows < FEW_ROWS && e->window_ms < WINDOW_MAX_MS)
        e->window_ms *= 4;
    if (from_ms == e->query->from_ms)
        put_end(e, piece->out);
    return 0;
}

int export_next(struct export *e, const struct read_context *x, struct buf *out)
{
    struct piece piece = {.e = e, .out = out};
    int status = 0;
    if (!e->begun)
        put_head(e, out);
    e->begun = true;
    store_reader_begin(x->reader);
    if (e->query->to_ms < e->query->from_ms)
        put_end(e, out);
    else
        status = next_window(e, x, &piece);
    store_reader_end(x->reader);
    return out->failed ? -1 : status;
}
