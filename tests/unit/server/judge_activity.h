/*
 * judge_activity.h - the answer of ai-activity, by queries that count the rows themselves.
 */
#ifndef LOGFERRY_TESTS_JUDGE_ACTIVITY_H
#define LOGFERRY_TESTS_JUDGE_ACTIVITY_H

#include "tests/unit/server/read_judge.h"

/* Of the pageviews and fetches of that time: a, pageviews of AI agents, and the fetches that fit.
 */
static inline void load_activity(struct judge *j, int64_t from_ms, int64_t to_ms)
{
    struct read_query *q = &j->query, asked = *q;
    q->from_ms = from_ms;
    q->to_ms = to_ms;
    load_fetches(j);
    q->from_ms = asked.from_ms;
    q->to_ms = asked.to_ms;
    for (size_t i = 0; i < q->n_filters; i++) {
        const struct hit_filter *filter = &q->filters[i];
        static const char *const columns[HIT_FILTER_TYPES] = {[HIT_FILTER_PATH] = "path",
                                                              [HIT_FILTER_AI_BOT] = "agent",
                                                              [HIT_FILTER_AI_BOT_CATEGORY] =
                                                                  "category",
                                                              [HIT_FILTER_AI_SOURCE] = "NULL"};
        if (!columns[filter->type])
            continue; /* fetches do not have it */
        char *sql = sqlite3_mprintf("DELETE FROM f WHERE NOT coalesce(%s = %Q, 0)",
                                    columns[filter->type], filter->value.p);
        run(j, sql);
        sqlite3_free(sql);
    }
    load_pages(j, from_ms, to_ms);
    run(j,
        "DROP TABLE IF EXISTS temp.a; CREATE TEMP TABLE a AS SELECT at, path, bot(ua, 0) AS agent,"
        " bot(ua, 1) AS category FROM w WHERE bot(ua, 0) IS NOT NULL");
}

static inline uint64_t pageviews_of(struct judge *j, int64_t from_ms, int64_t to_ms)
{
    struct read_query asked = j->query;
    j->query.n_filters = 0;
    for (size_t i = 0; i < asked.n_filters; i++)
        if (!hit_filter_is_ai(asked.filters[i].type))
            j->query.filters[j->query.n_filters++] = asked.filters[i];
    load_pages(j, from_ms, to_ms);
    uint64_t n = count(j, "SELECT count(*) FROM w");
    j->query = asked;
    return n;
}

static inline void put_activity_numbers(struct judge *j, int64_t from_ms, int64_t to_ms)
{
    uint64_t pageviews = pageviews_of(j, from_ms, to_ms);
    load_activity(j, from_ms, to_ms);
    put_count(j, "ai_requests", "SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM f)");
    put_count(j, "tracked_hits", "SELECT count(*) FROM a");
    put_count(j, "fetch_count", "SELECT count(*) FROM f");
    put_count(j, "referral_visits", "SELECT count(DISTINCT visitor) FROM w WHERE ai IS NOT NULL");
    put_count(j, "paths_crawled",
              "SELECT count(*) FROM (SELECT path FROM a UNION SELECT path FROM f)");
    put_count(j, "unique_agents",
              "SELECT count(*) FROM (SELECT agent FROM a UNION SELECT agent FROM f)");
    buf_printf(j->out, "\"pageviews\":%llu", (unsigned long long)pageviews);
}

/* Rows of name, tracked and fetched, by their sum. */
static inline void put_activity_list(struct judge *j, const char *name, const char *rows)
{
    char *sql = sqlite3_mprintf("SELECT name, sum(t) AS t, sum(f) AS f FROM (%s)"
                                " WHERE name IS NOT NULL GROUP BY 1"
                                " ORDER BY sum(t) + sum(f) DESC, 1 LIMIT 10",
                                rows);
    sqlite3_stmt *row = prepare(j, sql);
    buf_printf(j->out, "\"%s\":[", name);
    for (bool any = false; sqlite3_step(row) == SQLITE_ROW; any = true) {
        long long tracked = sqlite3_column_int64(row, 1), fetched = sqlite3_column_int64(row, 2);
        buf_put_str(j->out, any ? STR(",{\"name\":") : STR("{\"name\":"));
        json_put_string(j->out, column_str(row, 0));
        buf_printf(j->out, ",\"value\":%lld,\"tracked_hits\":%lld,\"fetch_count\":%lld}",
                   tracked + fetched, tracked, fetched);
    }
    buf_putc(j->out, ']');
    sqlite3_finalize(row);
    sqlite3_free(sql);
}

#define BOTH(column)                                                                               \
    "SELECT " column " AS name, 1 AS t, 0 AS f FROM a UNION ALL SELECT " column ", 0, 1 FROM f"
#define FETCHED(column) "SELECT " column " AS name, 0 AS t, 1 AS f FROM f"

static inline void put_by_category(struct judge *j)
{
    static const char *const categories[] = {
        "ai_agent",          "ai_assistant",        "ai_coding_agent",
        "ai_search_indexer", "ai_training_crawler", "other_ai"};
    const char *comma = "";
    buf_lit(j->out, ",\"top_agents_by_category\":{");
    for (size_t i = 0; i < COUNT_OF(categories); i++) {
        char *rows = sqlite3_mprintf("SELECT agent AS name, 1 AS t, 0 AS f FROM a WHERE category ="
                                     " %Q UNION ALL SELECT agent, 0, 1 FROM f WHERE category = %Q",
                                     categories[i], categories[i]);
        char *any = sqlite3_mprintf("SELECT count(*) FROM (%s)", rows);
        if (count(j, any)) {
            buf_put_str(j->out, str_of(comma));
            put_activity_list(j, categories[i], rows);
            comma = ",";
        }
        sqlite3_free(any);
        sqlite3_free(rows);
    }
    buf_putc(j->out, '}');
}

static inline void put_activity_series(struct judge *j)
{
    static const char *const
        names[] = {"ai_requests", "tracked_hits", "fetch_count", "referral_visits"},
        *const queries[] = {"SELECT count(*) FROM (SELECT at FROM a UNION ALL SELECT at FROM f)",
                            "SELECT count(*) FROM a", "SELECT count(*) FROM f",
                            "SELECT count(DISTINCT visitor) FROM (SELECT * FROM w WHERE ai IS"
                            " NOT NULL)"};
    buf_lit(j->out, ",\"series\":");
    each_bucket(j, j->q->from_ms, j->q->to_ms, names, queries, COUNT_OF(names));
}

static inline void judge_activity(struct judge *j)
{
    static const struct {
        const char *name, *rows;
    } lists[] = {{"top_agents", BOTH("agent")},
                 {"top_categories", BOTH("category")},
                 {"top_paths", BOTH("path")},
                 {"top_sources", "SELECT DISTINCT ai AS name, visitor, 1 AS t, 0 AS f FROM w"},
                 {"top_families", FETCHED("family")},
                 {"top_resource_types", FETCHED("type")},
                 {"top_error_paths", FETCHED("path") " WHERE status >= 400"}};
    buf_putc(j->out, '{');
    put_activity_numbers(j, j->q->from_ms, j->q->to_ms);
    buf_putc(j->out, ',');
    put_depth(j);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (i > 0)
            buf_putc(j->out, ',');
        put_activity_list(j, lists[i].name, lists[i].rows);
    }
    put_by_category(j);
    put_activity_series(j);
    if (j->q->compare) {
        buf_lit(j->out, ",\"comparison\":{");
        put_activity_numbers(j, j->q->compare_from_ms, j->q->compare_to_ms);
        buf_putc(j->out, '}');
    }
    buf_lit(j->out, "}\n");
}

#endif
