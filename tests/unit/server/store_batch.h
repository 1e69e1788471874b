/*
 * store_batch.h - batches for a store under test, and what its file says by a second connection.
 */
#ifndef LOGFERRY_TESTS_STORE_BATCH_H
#define LOGFERRY_TESTS_STORE_BATCH_H

#include "parsers/base/time.h"
#include "tests/unit/server/store_fixture.h"

#include "server/store_sqlite_impl.h"

#define NOON (INT64_C(20000) * DAY_MS + DAY_MS / 2)

/* ---- making batches ----------------------------------------------------------------------- */

struct batch {
    struct store_job job;
    struct batch_stream streams[2];
    struct str user_agents[2];
    struct store_row rows[16];
};

static inline void batch_init(struct batch *b, const struct fixture *f, unsigned char id)
{
    memset(b, 0, sizeof(*b));
    memset(b->streams[0].id.b, 0x11, 16);
    memset(b->streams[1].id.b, 0x22, 16);
    b->streams[0].to = b->streams[1].to = 1000;
    b->streams[0].lines = 20;
    b->streams[0].skipped[REASON_ASSET] = 18;
    b->user_agents[0] = STR("Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0");
    b->user_agents[1] = STR("Mozilla/5.0 (compatible; GPTBot/1.2)");
    b->job = (struct store_job){.kind = STORE_BATCH,
                                .team = f->team,
                                .node = STR("web-1"),
                                .streams = b->streams,
                                .n_streams = 2,
                                .user_agents = b->user_agents,
                                .n_user_agents = 2,
                                .rows = b->rows,
                                .tail = STR(",\"excluded\":0,\"rejected\":[]")};
    b->job.batch_id[0] = id;
    b->job.body_hash[0] = id;
}

static inline struct record *add_row(struct batch *b, int64_t site, uint32_t stream, uint64_t at,
                                     uint32_t hash)
{
    struct store_row *row = &b->rows[b->job.n_rows++];
    row->site = site;
    row->stream = stream;
    row->record = (struct record){.kind = RECORD_PAGEVIEW,
                                  .at = at,
                                  .line_hash = hash,
                                  .time_ms = NOON + (int64_t)b->job.n_rows,
                                  .visitor_ip = STR("192.0.2.1"),
                                  .url = STR("https://www.example.com/p?utm_source=a%20b&x=1#f"),
                                  .response_ms = HIT_NO_NUMBER,
                                  .bytes_served = HIT_NO_NUMBER};
    return &row->record;
}

static inline void make_ai_fetch(struct record *r)
{
    r->kind = RECORD_AI_FETCH;
    r->url = r->visitor_ip = STR_NONE;
    r->hostname = STR("WWW.Example.com:443");
    r->path = STR("/robots.txt");
    r->user_agent = 1;
    r->status_code = 200;
    r->content_type = STR("text/plain");
    r->verified = STR("yes");
}

/* A call (fixture_call): what is stored, as columns. */
static inline int pack_all(struct store_session *session, void *arg)
{
    bool more = true;
    (void)arg;
    session->engine->pack_cursor = 0;
    while (more)
        if (pack_next(session->engine, true, &more))
            return -1;
    return 0;
}

/* One number from the store's file, by a second connection that only reads. */
static inline int64_t number(const struct fixture *f, const char *query)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    snprintf(path, sizeof(path), "%s/logferry.db", f->dir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return value;
}

static inline void expect_text(const struct fixture *f, const char *query, const char *expected)
{
    char *text = sqlite3_mprintf("SELECT (%s) IS %Q", query, expected);
    if (number(f, text) != 1)
        fail_msg("not \"%s\": %s", expected, query);
    sqlite3_free(text);
}

#endif
