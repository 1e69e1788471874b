/*
 * store_sqlite_find.c - looks records up by site, stream, position and hash, as row_put
 * (store_sqlite_rows.c) would: what it calls a duplicate is present here.
 */
#include "server/store_sqlite_impl.h"

#include <stdlib.h>

#include "server/store_find.h"

enum find { FIND_STREAM, FIND_LANE, FIND_HASH, FIND_ODD, FIND_COUNT };

static const char *const texts[FIND_COUNT] = {
    [FIND_STREAM] = "SELECT id FROM streams WHERE sid = ?1",
    [FIND_LANE] = "SELECT id FROM lanes WHERE site = ?1 AND stream = ?2 AND chunk = ?3",
    [FIND_HASH] = "SELECT hash FROM records WHERE id = ?1",
    [FIND_ODD] = "SELECT 1 FROM odd WHERE site = ?1 AND stream = ?2 AND pos = ?3 AND hash = ?4",
};

struct store_finder {
    struct store_reader *reader;
    sqlite3_stmt *statements[FIND_COUNT];
    /* Of the call in work: */
    int64_t stream_ids[BATCH_MAX_STREAMS]; /* 0: no such stream */
    int64_t site, stream, chunk, lane;     /* the last lane found: neighbours mostly share it */
};

/* 1: a row, its first number in *out; 0: none; -1: failed. */
static int ask(struct store_finder *f, enum find which, const int64_t *keys, int n, int64_t *out)
{
    sqlite3_stmt *row = f->statements[which];
    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(row, i + 1, keys[i]);
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(row, 0);
    return sqlite3_reset(row) != SQLITE_OK ? -1 : code == SQLITE_ROW;
}

static int find_streams(struct store_finder *f, const struct store_job *job)
{
    sqlite3_stmt *row = f->statements[FIND_STREAM];
    int found = 0;
    for (size_t i = 0; i < job->n_streams && found >= 0; i++) {
        f->stream_ids[i] = 0;
        sqlite3_bind_blob(row, 1, job->streams[i].id.b, sizeof(job->streams[i].id.b),
                          SQLITE_STATIC);
        found = ask(f, FIND_STREAM, NULL, 0, &f->stream_ids[i]);
    }
    sqlite3_clear_bindings(row);
    return found < 0 ? -1 : 0;
}

/* The row id for this position; 0: no lane there; -1: failed. */
static int64_t place(struct store_finder *f, int64_t site, int64_t stream, uint64_t position)
{
    int64_t chunk = (int64_t)(position >> LANE_BITS);
    if (f->site != site || f->stream != stream || f->chunk != chunk) {
        const int64_t keys[] = {site, stream, chunk};
        f->site = 0;
        f->lane = 0;
        if (ask(f, FIND_LANE, keys, 3, &f->lane) < 0)
            return -1;
        f->site = site;
        f->stream = stream;
        f->chunk = chunk;
    }
    return f->lane ? f->lane << LANE_BITS | (int64_t)(position & (LANE_SPAN - 1)) : 0;
}

/* 1, 0, or -1: failed. */
static int find_row(struct store_finder *f, const struct store_row *row)
{
    const struct record *r = &row->record;
    int64_t stream = f->stream_ids[row->stream], hash = 0, any = 0;
    if (stream == 0)
        return 0;
    int64_t id = place(f, row->site, stream, r->at);
    int found = id <= 0 ? (int)id : ask(f, FIND_HASH, &id, 1, &hash);
    if (found <= 0 || hash == r->line_hash)
        return found;
    const int64_t keys[] = {row->site, stream, (int64_t)r->at, r->line_hash};
    return ask(f, FIND_ODD, keys, 4, &any);
}

static int find_rows(struct store_finder *f, const struct store_job *job, bool *present)
{
    f->site = 0; /* what was found in another moment counts no more */
    if (find_streams(f, job))
        return -1;
    for (size_t i = 0; i < job->n_rows; i++) {
        int found = job->rows[i].stream < job->n_streams ? find_row(f, &job->rows[i]) : 0;
        if (found < 0)
            return -1;
        present[i] = found == 1;
    }
    return 0;
}

int store_finder_find(struct store_finder *f, const struct store_job *job, bool *present,
                      const char **why)
{
    int status = job->n_streams <= BATCH_MAX_STREAMS ? reader_begin(f->reader) : -1;
    if (status == 0)
        status = find_rows(f, job, present);
    if (status != 0)
        *why = sqlite3_errstr(sqlite3_extended_errcode(f->reader->db));
    return sqlite3_get_autocommit(f->reader->db) ? status : reader_end(f->reader, status);
}

struct store_finder *store_finder_open(const char *dir, struct buf *error,
                                       enum store_failure *failure)
{
    struct store_finder *f = calloc(1, sizeof(*f));
    *failure = STORE_CANNOT;
    if (!f) {
        buf_lit(error, "out of memory");
        return NULL;
    }
    f->reader = store_reader_open(dir, error, failure);
    if (!f->reader) {
        store_finder_close(f);
        return NULL;
    }
    /* Not mapped: an error of the disk below a mapping ends the process, which is the server's. */
    int code = sqlite3_exec(f->reader->db, "PRAGMA mmap_size = 0", NULL, NULL, NULL);
    for (int i = 0; i < FIND_COUNT && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(f->reader->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &f->statements[i], NULL);
    if (code == SQLITE_OK)
        return f;
    buf_printf(error, "cannot read the store in %s: %s; see its disk", dir, sqlite3_errstr(code));
    store_finder_close(f);
    return NULL;
}

void store_finder_close(struct store_finder *f)
{
    if (!f)
        return;
    for (int i = 0; i < FIND_COUNT; i++)
        sqlite3_finalize(f->statements[i]);
    store_reader_close(f->reader);
    free(f);
}
