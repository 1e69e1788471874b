/*
 * read_records.h - generated records for tests that count them in two ways: pageviews and fetches
 * of two sites, packed or not, late ones, and some that are gone again.
 */
#ifndef LOGFERRY_TESTS_READ_RECORDS_H
#define LOGFERRY_TESTS_READ_RECORDS_H

#include "tests/unit/server/store_batch.h"

#include "server/store_sqlite_impl.h"

#define ROWS 1500
#define DAYS 40
#define FIRST_MS (NOON - DAY_MS / 2)

static uint64_t seed = 88172645463325252u;

static inline unsigned chance(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

/* ---- records ------------------------------------------------------------------------------- */

static const char *const user_agents[] = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1",
    "Mozilla/5.0 (compatible; GPTBot/1.2)",
    "Mozilla/5.0 (compatible; GPTBot/1.3)",
    "Mozilla/5.0 (compatible; ClaudeBot/1.0)",
    "Mozilla/5.0 (compatible; PerplexityBot/1.0)",
    "curl/8.0",
};
static const char *const referrers[] = {"",
                                        "https://chatgpt.com/",
                                        "https://www.perplexity.ai/search?q=x",
                                        "https://www.google.com/",
                                        "https://a.example/x",
                                        "https://a.example/y"};
static const char *const sessions[] = {"one", "two", "three"};
static const char *const languages[] = {"en-US", "en", "de"};
static const char countries[][3] = {"", "DE", "FR"};

struct generated {
    struct store_job job;
    struct batch_stream streams[3];
    struct str user_agents[COUNT_OF(user_agents)];
    struct store_row rows[ROWS];
    struct store_browser browsers[COUNT_OF(languages)];
    char texts[ROWS][160];
    char addresses[ROWS][24];
};

static inline void make_page(struct generated *g, size_t i)
{
    struct store_row *row = &g->rows[i];
    struct record *r = &row->record;
    snprintf(g->addresses[i], sizeof(g->addresses[i]), "192.0.2.%u", chance(30));
    r->url = str_of(g->texts[i]);
    r->visitor_ip = str_of(g->addresses[i]);
    r->referrer = str_of(referrers[chance(COUNT_OF(referrers))]);
    if (chance(5) == 0)
        r->session_id = str_of(sessions[chance(COUNT_OF(sessions))]);
    if (chance(3) == 0)
        row->browser = &g->browsers[chance(COUNT_OF(languages))];
    memcpy(row->country, countries[chance(COUNT_OF(countries))], 3);
}

static inline void make_fetch(struct generated *g, size_t i)
{
    static const int statuses[] = {200, 200, 301, 404, 410, 500, 0};
    struct record *r = &g->rows[i].record;
    r->kind = RECORD_AI_FETCH;
    r->path = str_of(g->texts[i] + strlen("https://example.com"));
    r->hostname = STR("example.com");
    r->status_code = statuses[chance(COUNT_OF(statuses))];
    r->response_ms =
        chance(4) == 0 ? HIT_NO_NUMBER : (int64_t)(chance(2) ? chance(9) : chance(90000));
    r->bytes_served = chance(4) == 0 ? HIT_NO_NUMBER : (int64_t)chance(100000);
    r->content_type = chance(2) ? STR("image/png") : STR_NONE;
    r->verified = chance(2) ? STR("no") : STR_NONE;
}

static inline void make_row(struct generated *g, size_t i, const struct fixture *f)
{
    static const char *const queries[] = {"", "?utm_source=letter&utm_medium=mail", "?x=1",
                                          "?utm_source=chatgpt.com", "?utm_campaign=c&x=1"};
    struct store_row *row = &g->rows[i];
    *row = (struct store_row){.site = chance(4) ? f->site : f->second, .stream = chance(3)};
    /* Whole hours: many records have one time. */
    row->record = (struct record){.at = (uint64_t)chance(6) << LANE_BITS | chance(100000),
                                  .line_hash = (uint32_t)i,
                                  .time_ms = FIRST_MS + (int64_t)chance(DAYS * 24) * 3600000,
                                  .user_agent = (int64_t)chance(COUNT_OF(user_agents)),
                                  .response_ms = HIT_NO_NUMBER,
                                  .bytes_served = HIT_NO_NUMBER};
    snprintf(g->texts[i], sizeof(g->texts[i]), "https://example.com/%c/%u%s", 'a' + (int)chance(3),
             chance(12), queries[chance(COUNT_OF(queries))]);
    if (chance(2))
        make_page(g, i);
    else
        make_fetch(g, i);
}

static inline void put_records(struct fixture *f, struct generated *g)
{
    static unsigned char id;
    *g = (struct generated){.job = {.kind = STORE_BATCH,
                                    .team = f->team,
                                    .node = STR("web-1"),
                                    .streams = g->streams,
                                    .n_streams = COUNT_OF(g->streams),
                                    .user_agents = g->user_agents,
                                    .n_user_agents = COUNT_OF(user_agents),
                                    .rows = g->rows,
                                    .n_rows = ROWS}};
    g->job.batch_id[0] = ++id;
    for (size_t i = 0; i < COUNT_OF(g->streams); i++)
        memset(g->streams[i].id.b, (int)i + 1, sizeof(g->streams[i].id.b));
    for (size_t i = 0; i < COUNT_OF(user_agents); i++)
        g->user_agents[i] = str_of(user_agents[i]);
    for (size_t i = 0; i < COUNT_OF(languages); i++)
        g->browsers[i].language = str_of(languages[i]);
    for (size_t i = 0; i < ROWS; i++)
        make_row(g, i, f);
    assert_int_equal(fixture_run(f->store, &g->job).result, STORE_OK);
}

static inline int pack_some(struct store_session *session, void *arg)
{
    bool more = true;
    (void)arg;
    for (unsigned n = chance(30); n > 0 && more; n--)
        if (pack_next(session->engine, true, &more))
            return -1;
    return 0;
}

/* As retention and purges do it. */
static inline int delete_some(struct store_session *session, void *arg)
{
    struct engine *e = session->engine;
    int64_t from_ms = FIRST_MS + (int64_t)chance(DAYS) * DAY_MS, to_ms = from_ms + DAY_MS;
    (void)arg;
    memset(e->lanes, 0, sizeof(e->lanes));
    return sql_run_text(e, "DELETE FROM records WHERE at >= ?1 AND at < ?2", "ii", from_ms, to_ms);
}

static inline void random_time(int64_t *from_ms, int64_t *to_ms)
{
    static const int64_t spans[] = {DAY_MS / 3, DAY_MS, 3 * DAY_MS, 20 * DAY_MS, 250 * DAY_MS};
    int64_t span = spans[chance(COUNT_OF(spans))];
    *from_ms = FIRST_MS + (int64_t)chance(DAYS * 1440) * 60000 - (span > DAYS * DAY_MS ? span : 0);
    *to_ms = *from_ms + span + (int64_t)chance(2);
    if (chance(3) == 0) {
        *from_ms = FIRST_MS - DAY_MS;
        *to_ms = FIRST_MS + DAYS * DAY_MS;
    }
}

#endif
