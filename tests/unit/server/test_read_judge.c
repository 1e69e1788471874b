/*
 * test_read_judge.c - the reports of the API against queries that count the rows themselves: whole
 * answers over generated records, packed or not, with rows that came late or are gone again, for
 * any time, filter and zone.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/judge_activity.h"

#include "server/store_list.h"

/* ---- the answers, again --------------------------------------------------------------------- */

static void judge_overview(struct judge *j)
{
    load_fetches(j);
    buf_putc(j->out, '{');
    put_count(j, "total_requests", "SELECT count(*) FROM f");
    put_count(j, "unique_paths", "SELECT count(DISTINCT path) FROM f");
    put_count(j, "unique_assistants", "SELECT count(DISTINCT agent) FROM f");
    put_depth(j);
    put_top_of(j, "top_assistants", "agent", "f");
    buf_putc(j->out, ',');
    put_top_of(j, "top_families", "family", "f");
    buf_putc(j->out, ',');
    put_top_of(j, "top_paths", "path", "f");
    buf_putc(j->out, ',');
    put_top_of(j, "top_error_paths", "path", "f WHERE status >= 400");
    buf_putc(j->out, ',');
    put_top_of(j, "resource_type_split", "type", "f");
    buf_lit(j->out, "}\n");
}

static void judge_timeseries(struct judge *j)
{
    static const char *const names[] = {"count"}, *const queries[] = {"SELECT count(*) FROM f"};
    load_fetches(j);
    each_bucket(j, j->q->from_ms, j->q->to_ms, names, queries, 1);
    buf_putc(j->out, '\n');
}

/* Pairs of a fetch and the first visit of a page by a visitor whom an assistant sent. */
static void load_pairs(struct judge *j)
{
    const char *page = j->x.strict ? "path" : "page";
    load_fetches(j);
    load_pages(j, j->q->from_ms, j->q->to_ms);
    char *sql = sqlite3_mprintf(
        "DROP TABLE IF EXISTS temp.v; DROP TABLE IF EXISTS temp.j;"
        "DROP TABLE IF EXISTS temp.g;"
        "CREATE TEMP TABLE v AS SELECT %s AS page, visitor, min(at) AS at FROM p"
        " WHERE ai IS NOT NULL GROUP BY 1, 2; CREATE INDEX temp.v_page ON v(page, at);"
        "CREATE TEMP TABLE j AS SELECT f.id, f.agent, f.%s AS page, f.prefix, f.status >= 400 AS "
        "bad,"
        " v.rowid AS visit, v.visitor FROM f LEFT JOIN v ON v.page = f.%s AND v.at >= f.at"
        " AND v.at <= min(f.at + %d * 86400000, %lld);"
        /* Each fetch once, or with `strict` once for each visit. */
        "CREATE TEMP TABLE g AS SELECT id, agent, page, prefix, bad FROM j%s",
        page, page, page, j->q->window_days, (long long)j->q->to_ms,
        j->x.strict ? "" : " GROUP BY id");
    run(j, sql);
    sqlite3_free(sql);
}

/* Rows: text, and numbers under the names that follow. */
static void put_rows(struct judge *j, const char *name, const char *sql)
{
    sqlite3_stmt *row = prepare(j, sql);
    buf_printf(j->out, ",\"%s\":[", name);
    for (bool any = false; sqlite3_step(row) == SQLITE_ROW; any = true) {
        buf_put_str(j->out, any ? STR(",{") : STR("{"));
        for (int i = 0; i < sqlite3_column_count(row); i++) {
            const char *column = sqlite3_column_name(row, i);
            if (column[0] == '_') /* a sum of the percent that comes next */
                continue;
            buf_printf(j->out, "%s\"%s\":", i ? "," : "", column);
            if (strstr(column, "_pct"))
                put_percent(j->out, (uint64_t)sqlite3_column_int64(row, i - 2),
                            (uint64_t)sqlite3_column_int64(row, i - 1));
            else if (sqlite3_column_type(row, i) == SQLITE_INTEGER)
                buf_put_i64(j->out, sqlite3_column_int64(row, i));
            else
                json_put_string(j->out, column_str(row, i));
        }
        buf_putc(j->out, '}');
    }
    buf_putc(j->out, ']');
    sqlite3_finalize(row);
}

#define VISITS "(SELECT count(DISTINCT visit) FROM j WHERE j.page = g.page) AS v"

static void judge_correlation(struct judge *j)
{
    load_pairs(j);
    buf_lit(j->out, "{\"summary\":{");
    put_count(j, "total_fetches", "SELECT count(*) FROM f");
    put_count(j, "fetched_paths", "SELECT count(DISTINCT page) FROM j");
    put_count(j, "correlated_paths", "SELECT count(DISTINCT page) FROM j WHERE visit IS NOT NULL");
    put_count(j, "ai_referred_visits", "SELECT count(DISTINCT visitor) FROM j");
    buf_printf(
        j->out, "\"uncorrelated_fetches\":%llu}",
        (unsigned long long)count(j, "SELECT count(DISTINCT id) FROM j WHERE visit IS NULL"));
    put_rows(j, "citation_yield",
             "SELECT page AS path, agent AS assistant_name, n AS fetch_count,"
             " v AS ai_referred_visits, v AS _v, n AS _n, 0 AS citation_yield_pct FROM (SELECT *"
             " FROM (SELECT page, agent, count(*) AS n, (SELECT count(DISTINCT visit) FROM j"
             " WHERE j.page = g.page AND j.agent = g.agent) AS v FROM g GROUP BY page, agent)"
             " ORDER BY v * 100.0 / n DESC, v DESC, n DESC, page, agent LIMIT 10)"
             " ORDER BY n DESC, page, agent");
    put_rows(j, "citation_paths",
             "SELECT page AS path, n AS fetch_count, v AS ai_referred_visits FROM (SELECT page,"
             " count(*) AS n, " VISITS " FROM g GROUP BY page) WHERE v > 0"
             " ORDER BY v DESC, n DESC, page LIMIT 10");
    put_rows(j, "opportunity_pages",
             "SELECT page AS path, n AS fetch_count, v AS ai_referred_visits, e AS error_requests,"
             " e AS _e, n AS _n, 0 AS error_rate_pct FROM (SELECT * FROM (SELECT page,"
             " count(*) AS n, sum(bad) AS e, " VISITS " FROM g GROUP BY page)"
             " ORDER BY n DESC, v, e DESC, page LIMIT 10) ORDER BY n DESC, page");
    put_rows(j, "failure_hotspots",
             "SELECT agent AS assistant_name, prefix AS path_prefix, n AS total_requests,"
             " e AS error_requests, e AS _e, n AS _n, 0 AS error_rate_pct FROM (SELECT * FROM"
             " (SELECT agent, prefix, count(*) AS n, sum(status >= 400) AS e FROM f"
             " GROUP BY agent, prefix) WHERE e > 0 ORDER BY e * 100.0 / n DESC, e DESC, n DESC,"
             " agent, prefix LIMIT 10) ORDER BY n DESC, agent, prefix");
    buf_lit(j->out, "}\n");
}

static void put_numbers(struct judge *j, int64_t from_ms, int64_t to_ms)
{
    static const char *const names[] = {"pageviews", "visitors"};
    static const char *const queries[] = {"SELECT count(*) FROM w",
                                          "SELECT count(DISTINCT visitor) FROM w"};
    static const char by_visitor[] =
        "SELECT %s FROM (SELECT count(*) AS n, max(at) - min(at) AS ms FROM w GROUP BY visitor)";
    double views = value(j, "SELECT count(*) FROM w");
    double visitors = value(j, "SELECT count(DISTINCT visitor) FROM w");
    double all = visitors > 0 ? visitors : 1;
    char sql[256];
    put_count(j, "total_pageviews", "SELECT count(*) FROM w");
    put_count(j, "unique_sessions", "SELECT count(DISTINCT visitor) FROM w");
    buf_lit(j->out, "\"bounce_rate\":");
    snprintf(sql, sizeof(sql), by_visitor, "coalesce(sum(n = 1), 0)");
    put_double(j->out, value(j, sql) / all * 100);
    buf_lit(j->out, ",\"avg_session_duration\":");
    snprintf(sql, sizeof(sql), by_visitor, "coalesce(sum(ms), 0)");
    put_double(j->out, value(j, sql) / 1000 / all);
    buf_lit(j->out, ",\"pages_per_session\":");
    put_double(j->out, views / all);
    buf_lit(j->out, ",\"chart_data\":");
    each_bucket(j, from_ms, to_ms, names, queries, 2);
}

static int64_t day_of(int64_t ms)
{
    return (ms - FIRST_MS + 1000 * DAY_MS) / DAY_MS * DAY_MS + FIRST_MS - 1000 * DAY_MS;
}

/* e: all pageviews of the days of [from, to], where a visit may begin before it and end behind. */
static void load_days(struct judge *j)
{
    char *sql = sqlite3_mprintf(
        "DROP TABLE IF EXISTS temp.e; CREATE TEMP TABLE e AS SELECT r.id, r.at, r.path, r.visitor"
        " FROM lanes l JOIN records r ON r.id >> 24 = l.id WHERE l.site = %lld AND r.kind = 0"
        " AND r.at >= %lld AND r.at < %lld; CREATE INDEX temp.e_visitor ON e(visitor)",
        (long long)j->x.site, (long long)day_of(j->q->from_ms),
        (long long)(day_of(j->q->to_ms) + DAY_MS));
    run(j, sql);
    sqlite3_free(sql);
}

static void put_ends(struct judge *j, const char *name, const char *order)
{
    char *sql = sqlite3_mprintf(
        "SELECT (SELECT path FROM e WHERE e.visitor = s.visitor ORDER BY %s LIMIT 1), count(*)"
        " FROM (SELECT DISTINCT visitor FROM w) s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
        order);
    put_list(j, name, sql);
    buf_putc(j->out, ',');
    sqlite3_free(sql);
}

/* An empty list that HitKeep gives as null. */
static void none_is_null(struct judge *j, const char *name)
{
    static const char *const nulls[] = {"top_cities", "top_providers", "top_asns",
                                        "top_ai_bot_categories"};
    for (size_t i = 0; i < COUNT_OF(nulls); i++)
        if (strcmp(name, nulls[i]) == 0 && str_ends(buf_str(j->out), STR("[]"))) {
            j->out->n -= 2;
            buf_lit(j->out, "null");
        }
}

static void put_lists(struct judge *j)
{
    static const struct {
        const char *name, *of, *from;
    } lists[] = {
        {"top_referrers", "referrer_host", "w"},
        {"top_devices", "lf_device(ua)", "w"},
        {"top_countries", "coalesce(country, '(Unknown)')", "w"},
        {"top_cities", "'(Unknown)'", "w"},
        {"top_providers", "'(Unknown)'", "w"},
        {"top_asns", "'(Unknown)'", "w"},
        {"top_browsers", "lf_browser(ua)", "w"},
        {"top_ai_bots", "bot(ua, 0)", "w"},
        {"top_ai_bot_categories", "bot(ua, 1)", "w"},
    };
    put_top_of(j, "top_pages", "path", "w");
    buf_putc(j->out, ',');
    load_days(j);
    put_ends(j, "top_landing_pages", "at, id");
    put_ends(j, "top_exit_pages", "at DESC, id DESC");
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        put_top_of(j, lists[i].name, lists[i].of, lists[i].from);
        none_is_null(j, lists[i].name);
        buf_putc(j->out, ',');
    }
    const char *before = "\"top_ai_bots_by_category\":{", *comma = before;
    for (int k = AGENT_TRAINING; k <= AGENT_OTHER; k++) {
        const char *category = hitkeep_category((enum agent_category)k);
        char *from = sqlite3_mprintf("w WHERE bot(ua, 1) = %Q", category);
        char *any = sqlite3_mprintf("SELECT count(*) FROM %s", from);
        if (count(j, any)) {
            buf_put_str(j->out, str_of(comma));
            put_top_of(j, category, "bot(ua, 0)", from);
            comma = ",";
        }
        sqlite3_free(any);
        sqlite3_free(from);
    }
    if (comma != before)
        buf_lit(j->out, "},");
    put_top_of(j, "top_ai_sources", "ai", "(SELECT DISTINCT visitor, ai FROM w)");
    buf_putc(j->out, ',');
    put_top_of(j, "top_languages", "language", "w");
    buf_putc(j->out, ',');
}

static const char *const utm[] = {"campaign", "content", "medium", "source", "term"};

static void put_ai_and_utm(struct judge *j)
{
    put_count(j, "ai_bot_hits", "SELECT count(bot(ua, 0)) FROM w");
    put_count(j, "ai_source_visits", "SELECT count(DISTINCT visitor) FROM w WHERE ai IS NOT NULL");
    for (size_t i = 0; i < COUNT_OF(utm); i++) {
        char name[64], sql[128];
        snprintf(name, sizeof(name), "utm_%s_hits", utm[i]);
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM w WHERE utm_%s <> '(Unspecified)'",
                 utm[i]);
        put_count(j, name, sql);
    }
}

static void judge_stats(struct judge *j)
{
    const struct read_query *q = j->q;
    load_pages(j, j->x.now_ms - 5 * 60000, INT64_MAX);
    buf_putc(j->out, '{');
    put_count(j, "live_visitors", "SELECT count(DISTINCT visitor) FROM w");
    load_pages(j, q->from_ms, q->to_ms);
    put_numbers(j, q->from_ms, q->to_ms);
    buf_putc(j->out, ',');
    put_lists(j);
    for (size_t i = 0; i < COUNT_OF(utm); i++) {
        char name[64], column[64];
        snprintf(name, sizeof(name), "top_utm_%ss", utm[i]);
        snprintf(column, sizeof(column), "utm_%s", utm[i]);
        put_top_of(j, name, column, "w");
        buf_putc(j->out, ',');
    }
    put_ai_and_utm(j);
    buf_lit(j->out, "\"goals\":[],\"funnels\":[]");
    if (q->compare) {
        load_pages(j, q->compare_from_ms, q->compare_to_ms);
        buf_lit(j->out, ",\"comparison\":{");
        put_numbers(j, q->compare_from_ms, q->compare_to_ms);
        buf_putc(j->out, ',');
        put_ai_and_utm(j);
        buf_lit(j->out, "\"goals\":null,\"total_conversions\":0}");
    }
    buf_lit(j->out, "}\n");
}

/* ---- comparing ------------------------------------------------------------------------------ */

static void judge_init(struct judge *j, const struct fixture *f, struct catalogue *catalogue)
{
    static const struct {
        const char *name;
        int n;
        void (*run)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {{"page", 1, fn_page},
                     {"prefix", 1, fn_prefix},
                     {"ai", 2, fn_ai},
                     {"bot", 2, fn_bot},
                     {"category", 1, fn_category}};
    struct read_query none = {0};
    struct list_query any = {.site_uuid = "", .q = &none};
    uint64_t n;
    *j = (struct judge){.reader = fixture_reader(f)};
    j->db = j->reader->db;
    assert_int_equal(store_reader_list_count(j->reader, &any, &n), 0); /* brings its functions */
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        sqlite3_create_function(j->db, functions[i].name, functions[i].n,
                                SQLITE_UTF8 | SQLITE_DETERMINISTIC, catalogue, functions[i].run,
                                NULL, NULL);
    run(j, "PRAGMA query_only = OFF");
    j->x = (struct read_context){.reader = fixture_reader(f),
                                 .catalogue = catalogue,
                                 .seen = read_agents_seen_new(),
                                 .site = f->site,
                                 .site_uuid = ""};
}

static void judge_release(struct judge *j)
{
    store_reader_close(j->reader);
    store_reader_close(j->x.reader);
    read_agents_seen_free(j->x.seen);
}

/* A zone whose clocks change by an hour and by half an hour within these days. */
static struct zone_change changes[] = {{FIRST_MS / 1000 + 10 * 86400 + 3600, 7 * 3600},
                                       {FIRST_MS / 1000 + 25 * 86400, 6 * 3600 + 1800}};
static const struct zone zone = {6 * 3600, COUNT_OF(changes), changes};

static void random_filters(struct read_query *q)
{
    static const struct hit_filter filters[] = {
        {HIT_FILTER_PATH, STR_INIT("/a/3")},
        {HIT_FILTER_HOSTNAME, STR_INIT("example.com")},
        {HIT_FILTER_HOSTNAME, STR_INIT("nobody.example")},
        {HIT_FILTER_REFERRER, STR_INIT("(Direct)")},
        {HIT_FILTER_REFERRER, STR_INIT("www.google.com")},
        {HIT_FILTER_REFERRER, STR_INIT("google.com")},
        {HIT_FILTER_REFERRER_HOST, STR_INIT("google.com")},
        {HIT_FILTER_REFERRER_HOST, STR_INIT("(Direct)")},
        {HIT_FILTER_REFERRER_HOST, STR_INIT("a.example")},
        {HIT_FILTER_DEVICE, STR_INIT("Mobile")},
        {HIT_FILTER_COUNTRY, STR_INIT("DE")},
        {HIT_FILTER_COUNTRY, STR_INIT("(Unknown)")},
        {HIT_FILTER_COUNTRY, STR_INIT("AT")},
        {HIT_FILTER_CITY, STR_INIT("(Unknown)")},
        {HIT_FILTER_ASN, STR_INIT("1")},
        {HIT_FILTER_BROWSER, STR_INIT("Firefox")},
        {HIT_FILTER_LANGUAGE, STR_INIT("en")},
        {HIT_FILTER_UTM_SOURCE, STR_INIT("letter")},
        {HIT_FILTER_UTM_MEDIUM, STR_INIT("(Unspecified)")},
        {HIT_FILTER_AI_BOT, STR_INIT("GPTBot")},
        {HIT_FILTER_AI_BOT_CATEGORY, STR_INIT("ai_training_crawler")},
        {HIT_FILTER_AI_SOURCE, STR_INIT("ChatGPT")},
    };
    q->n_filters = chance(3);
    for (size_t i = 0; i < q->n_filters; i++)
        q->filters[i] = filters[chance(COUNT_OF(filters))];
    if (chance(5) == 0)
        q->assistant_name = chance(2) ? STR("GPTBot") : STR("(unknown)");
    if (chance(5) == 0)
        q->assistant_family = STR("OpenAI");
    if (chance(5) == 0)
        q->resource_type = chance(2) ? STR("image") : STR("film");
    if (chance(5) == 0)
        q->path = chance(2) ? STR("/b/5") : STR("/nowhere");
}

static void compare(struct judge *j)
{
    static const struct {
        const char *name;
        int (*make)(const struct read_context *x, const struct read_query *q, struct buf *out);
        void (*judge)(struct judge *j);
    } reports[] = {{"overview", read_overview, judge_overview},
                   {"time series", read_timeseries, judge_timeseries},
                   {"correlation", read_correlation, judge_correlation},
                   {"stats", read_stats, judge_stats},
                   {"activity", read_activity, judge_activity}};
    struct read_query *q = &j->query;
    struct buf have;
    *q = (struct read_query){.window_days = (int)chance(5) + 1, .compare = chance(2) == 0};
    random_time(&q->from_ms, &q->to_ms);
    random_time(&q->compare_from_ms, &q->compare_to_ms);
    random_filters(q);
    j->q = q;
    j->x.zone = chance(2) ? &zone : NULL;
    j->x.strict = chance(2);
    j->x.now_ms = FIRST_MS + (int64_t)chance(DAYS) * DAY_MS;
    buf_init(&have, 1u << 24);
    buf_init(&j->answer, 1u << 24);
    j->out = &j->answer;
    for (size_t i = 0; i < COUNT_OF(reports); i++) {
        buf_reset(&have);
        buf_reset(j->out);
        assert_int_equal(reports[i].make(&j->x, q, &have), 0);
        reports[i].judge(j);
        if (!str_eq(buf_str(&have), buf_str(j->out)))
            fail_msg("%s:\n%s\nwanted\n%s", reports[i].name, buf_cstr(&have), buf_cstr(j->out));
    }
    buf_release(&have);
    buf_release(&j->answer);
}

static void reports_are_the_rows(void **state)
{
    struct fixture *f = *state;
    struct generated *g = calloc(1, sizeof(*g));
    struct catalogue *catalogue = catalogue_new(false);
    struct judge j;
    judge_init(&j, f, catalogue);
    for (int round = 0; round < 12; round++) {
        if (round < 3 || chance(4) == 0)
            put_records(f, g);
        if (round % 4 == 3)
            assert_int_equal(fixture_call(f->store, delete_some, NULL), 0);
        assert_int_equal(fixture_call(f->store, pack_some, NULL), 0);
        compare(&j);
    }
    judge_release(&j);
    catalogue_free(catalogue);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reports_are_the_rows, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
