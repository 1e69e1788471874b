/*
 * store_sqlite_seen.c - see store_seen.h. The times of what is packed stand in `columns` beside the
 * data, which is not read; of the rest, and of the part with the last pageview, rows are.
 */
#include "server/store_seen.h"
#include "server/store_sqlite_impl.h"

#define TEXT_MAX (256u << 10) /* a host, and two names of events, each below a body of 64 KiB */

/* Row ids [first, behind) that hold pageviews of site ?1, and their times. columns: id & 1 is the
 * kind. */
#define PARTS                                                                                      \
    "WITH parts(first, behind, first_at, last_at) AS ("                                            \
    " SELECT (l.id << 24) + c.start, (l.id << 24) + c.upto, c.first_at, c.last_at"                 \
    " FROM lanes l CROSS JOIN columns c ON c.id >= l.id << 8 AND c.id < l.id + 1 << 8"             \
    " WHERE l.site = ?1 AND c.id & 1 = 0 AND c.upto <= l.packed UNION ALL"                         \
    " SELECT (l.id << 24) + l.packed, l.id + 1 << 24, min(r.at), max(r.at)"                        \
    " FROM lanes l CROSS JOIN records r ON r.id >= (l.id << 24) + l.packed AND"                    \
    " r.id < l.id + 1 << 24 WHERE l.site = ?1 AND r.kind = 0 GROUP BY l.id) "

static sqlite3_stmt *prepare(struct store_reader *r, const char *sql, int64_t site)
{
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(r->db, sql, -1, &row, NULL) == SQLITE_OK)
        sqlite3_bind_int64(row, 1, site);
    return row;
}

/* 0, or -1. */
static int end(sqlite3_stmt *row, int code)
{
    sqlite3_finalize(row);
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : -1;
}

static struct str keep(struct site_seen *s, struct str text)
{
    size_t at = s->text.n;
    buf_put_str(&s->text, text);
    return s->text.failed ? STR_NONE : (struct str){s->text.p + at, text.n};
}

static int read_times(struct store_reader *r, int64_t site, struct site_seen *s)
{
    sqlite3_stmt *row = prepare(r, PARTS "SELECT min(first_at), max(last_at) FROM parts", site);
    int code = row ? sqlite3_step(row) : SQLITE_ERROR;
    s->any = code == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL;
    if (s->any) {
        s->first_ms = sqlite3_column_int64(row, 0);
        s->last_ms = sqlite3_column_int64(row, 1);
    }
    return end(row, code);
}

static int read_host(struct store_reader *r, int64_t site, struct site_seen *s)
{
    sqlite3_stmt *row = prepare(r,
                                PARTS "SELECT h.text FROM parts p CROSS JOIN records r ON r.id >="
                                      " p.first AND r.id < p.behind JOIN texts h ON h.id = r.host"
                                      " WHERE p.last_at = ?2 AND r.kind = 0 AND r.at = ?2"
                                      " ORDER BY r.id DESC LIMIT 1",
                                site);
    sqlite3_bind_int64(row, 2, s->last_ms);
    int code = row ? sqlite3_step(row) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        s->host = keep(s, column_str(row, 0));
    return end(row, code);
}

static int read_event(struct store_reader *r, int64_t site, bool automatic, struct site_seen *s)
{
    struct seen_event *event = automatic ? &s->automatic : &s->last;
    sqlite3_stmt *row = prepare(
        r,
        automatic ? "SELECT at, name FROM events WHERE site = ?1 AND name IN ('outbound_click',"
                    " 'file_download', 'form_submit') ORDER BY at DESC, id DESC LIMIT 1"
                  : "SELECT at, name FROM events WHERE site = ?1 ORDER BY at DESC, id DESC LIMIT 1",
        site);
    int code = row ? sqlite3_step(row) : SQLITE_ERROR;
    if (code == SQLITE_ROW)
        *event = (struct seen_event){sqlite3_column_int64(row, 0), keep(s, column_str(row, 1))};
    return end(row, code);
}

int store_reader_seen(struct store_reader *r, int64_t site, struct site_seen *out)
{
    *out = (struct site_seen){0};
    buf_init(&out->text, TEXT_MAX);
    buf_reserve(&out->text, TEXT_MAX); /* so that it does not move */
    return read_times(r, site, out) || (out->any && read_host(r, site, out)) ||
                   read_event(r, site, false, out) || read_event(r, site, true, out) ||
                   out->text.failed
               ? -1
               : 0;
}

void site_seen_release(struct site_seen *s)
{
    buf_release(&s->text);
}
