/*
 * store_sqlite_scan.c - columns for a reader: what the writer has packed, and the rest packed here.
 */
#include "server/store_sqlite_impl.h"

#include <time.h>

#include "server/clock.h"
#include "server/store_scan.h"

/* Instructions of SQLite's machine between two looks at the clock: some tenths of a millisecond. */
#define LOOK_EVERY 5000

/* ---- ending early ------------------------------------------------------------------------- */

static int must_stop(void *reader)
{
    struct store_reader *r = reader;
    if (r->cancel && atomic_load_explicit(r->cancel, memory_order_relaxed))
        r->stopped = true;
    if (r->deadline_ms && clock_ms(CLOCK_MONOTONIC) >= r->deadline_ms)
        r->stopped = true;
    return r->stopped;
}

void store_reader_limit(struct store_reader *r, const atomic_bool *cancel, int64_t deadline_ms)
{
    r->cancel = cancel;
    r->deadline_ms = deadline_ms;
    r->stopped = false;
    bool limited = cancel || deadline_ms;
    sqlite3_progress_handler(r->db, limited ? LOOK_EVERY : 0, limited ? must_stop : NULL, r);
}

bool store_reader_stopped(const struct store_reader *r)
{
    return r->stopped;
}

void store_reader_begin(struct store_reader *r)
{
    reader_begin(r);
}

void store_reader_end(struct store_reader *r)
{
    /* A statement that stands on a row would keep the moment, and with it the log. */
    sqlite3_reset(r->sample);
    sqlite3_reset(r->text);
    r->sample_row = 0;
    reader_end(r, 0);
}

/* ---- scanning ----------------------------------------------------------------------------- */

struct scan {
    struct store_reader *r;
    const struct scan_filter *filter;
    void (*on_part)(void *arg, const struct columns *part);
    void *arg;
    int64_t lane;
};

static int give(struct scan *s, struct str bytes)
{
    struct columns part;
    if (!columns_open(&part, bytes) || must_stop(s->r))
        return -1;
    part.lane = s->lane << LANE_BITS;
    if (part.last_ms >= s->filter->from_ms && part.first_ms < s->filter->to_ms)
        s->on_part(s->arg, &part);
    return 0;
}

static int take_chunk(void *arg, const struct columns_chunk *chunk)
{
    struct scan *s = arg;
    return chunk->kind == s->filter->kind ? give(s, chunk->bytes) : 0;
}

static int give_packed(struct scan *s, sqlite3_stmt *row, int64_t front)
{
    int code;
    sqlite3_bind_int64(row, 1, s->lane << 8);
    sqlite3_bind_int64(row, 2, (s->lane + 1) << 8);
    sqlite3_bind_int64(row, 3, s->filter->kind);
    sqlite3_bind_int64(row, 4, s->filter->from_ms);
    sqlite3_bind_int64(row, 5, s->filter->to_ms);
    sqlite3_bind_int64(row, 6, front);
    while ((code = sqlite3_step(row)) == SQLITE_ROW)
        if (give(s, column_str(row, 0)))
            break;
    sqlite3_reset(row);
    return code == SQLITE_DONE ? 0 : -1;
}

static int scan_lanes(struct scan *s, sqlite3_stmt *lanes, sqlite3_stmt *packed)
{
    int code;
    while ((code = sqlite3_step(lanes)) == SQLITE_ROW) {
        int64_t front = sqlite3_column_int64(lanes, 1);
        s->lane = sqlite3_column_int64(lanes, 0);
        if (front > 0 && give_packed(s, packed, front))
            return -1;
        if (front < LANE_SPAN && columnizer_run(s->r->columnizer, s->lane, front, take_chunk, s))
            return -1;
    }
    return code == SQLITE_DONE ? 0 : -1;
}

int store_reader_scan(struct store_reader *r, const struct scan_filter *filter,
                      void (*on_part)(void *arg, const struct columns *part), void *arg)
{
    struct scan s = {.r = r, .filter = filter, .on_part = on_part, .arg = arg};
    sqlite3_stmt *lanes = NULL, *packed = NULL;
    int status = -1;
    if (!r->columnizer)
        r->columnizer = columnizer_new(r->db);
    if (r->columnizer &&
        sqlite3_prepare_v2(r->db,
                           "SELECT id, packed FROM lanes WHERE (?1 = 0 OR site = ?1)"
                           " AND last_at >= ?2 AND first_at < ?3 ORDER BY id",
                           -1, &lanes, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(r->db,
                           "SELECT data FROM columns WHERE id >= ?1 AND id < ?2 AND id & 1 = ?3"
                           " AND last_at >= ?4 AND first_at < ?5 AND upto <= ?6 ORDER BY id",
                           -1, &packed, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(lanes, 1, filter->site);
        sqlite3_bind_int64(lanes, 2, filter->from_ms);
        sqlite3_bind_int64(lanes, 3, filter->to_ms);
        status = scan_lanes(&s, lanes, packed);
    }
    sqlite3_finalize(lanes);
    sqlite3_finalize(packed);
    return status;
}

/* ---- texts -------------------------------------------------------------------------------- */

/* The row of a kept statement, bound to one number; NULL when there is none. */
static sqlite3_stmt *find_one(struct store_reader *r, sqlite3_stmt **kept, const char *text,
                              int64_t id)
{
    if (!*kept &&
        sqlite3_prepare_v3(r->db, text, -1, SQLITE_PREPARE_PERSISTENT, kept, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_reset(*kept);
    sqlite3_bind_int64(*kept, 1, id);
    return sqlite3_step(*kept) == SQLITE_ROW ? *kept : NULL;
}

struct str store_reader_sample(struct store_reader *r, int64_t row, enum sample_text which)
{
    static const char text[] =
        "SELECT path, referrer, utm_source, utm_medium, utm_campaign, utm_term, utm_content,"
        " (SELECT language FROM page_extras WHERE record = ?1), country FROM records"
        " WHERE id = ?1";
    if (r->sample_row != row)
        r->sample_row = find_one(r, &r->sample, text, row) ? row : 0;
    return r->sample_row ? column_str(r->sample, (int)which) : STR_NONE;
}

struct str store_reader_text(struct store_reader *r, int64_t id)
{
    sqlite3_stmt *found = find_one(r, &r->text, "SELECT text FROM texts WHERE id = ?1", id);
    return found ? column_str(found, 0) : STR_NONE;
}

int store_reader_text_ids(struct store_reader *r, struct str text,
                          void (*on_id)(void *arg, int64_t id), void *arg)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(r->db, "SELECT id FROM texts WHERE text = ?1", -1, &row, NULL);
    if (code == SQLITE_OK) {
        bind_str(row, 1, text);
        while ((code = sqlite3_step(row)) == SQLITE_ROW)
            on_id(arg, sqlite3_column_int64(row, 0));
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? 0 : -1;
}
