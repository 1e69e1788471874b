/*
 * read_judge.h - queries that count the rows of a store themselves, to judge the reports of the API
 * by: what test_read_judge.c's answers are put together from.
 */
#ifndef LOGFERRY_TESTS_READ_JUDGE_H
#define LOGFERRY_TESTS_READ_JUDGE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/read_records.h"

#include "parsers/ai_referrer.h"
#include "parsers/base/json.h"
#include "server/page_path.h"
#include "server/read_stats.h"

/* ---- the judge's functions ------------------------------------------------------------------ */

static inline struct str text_of(sqlite3_value *value)
{
    const void *text = sqlite3_value_blob(value);
    return text ? (struct str){text, (size_t)sqlite3_value_bytes(value)} : STR_NONE;
}

static inline void give(sqlite3_context *context, struct str text)
{
    if (str_is_set(text))
        sqlite3_result_text64(context, text.p, text.n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static inline void fn_page(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct buf scratch;
    (void)n;
    buf_init(&scratch, 1000);
    give(context, page_of_path(text_of(values[0]), &scratch));
    buf_release(&scratch);
}

static inline void fn_prefix(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    give(context, prefix_of_path(text_of(values[0])));
}

static inline void fn_ai(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct str path = text_of(values[1]);
    ptrdiff_t mark = str_chr(path, '?', 0);
    struct str query = mark < 0 ? STR_NONE : str_slice(path, (size_t)mark + 1, path.n);
    const char *name = ai_referrer(text_of(values[0]), query);
    (void)n;
    give(context, name ? str_of(name) : STR_NONE);
}

/* The agent's name or its category. */
static inline void fn_bot(sqlite3_context *context, int n, sqlite3_value **values)
{
    const struct agent *agent = NULL;
    catalogue_classify(sqlite3_user_data(context), text_of(values[0]), &agent);
    bool category = sqlite3_value_int(values[1]) != 0;
    (void)n;
    if (agent && !agent->search_engine)
        give(context, str_of(category ? hitkeep_category(agent->category) : agent->name));
}

/* HitKeep's name of what the store calls a category. */
static inline void fn_category(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    for (int k = AGENT_TRAINING; k <= AGENT_OTHER; k++)
        if (str_eq(text_of(values[0]), str_of(agent_category_name((enum agent_category)k))))
            give(context, str_of(hitkeep_category((enum agent_category)k)));
}

/* ---- queries of the judge ------------------------------------------------------------------- */

struct judge {
    sqlite3 *db; /* of a reader of its own */
    struct store_reader *reader;
    struct read_context x;
    struct read_query query;
    const struct read_query *q; /* that */
    struct buf answer, *out;    /* that */
};

static inline sqlite3_stmt *prepare(struct judge *j, const char *sql)
{
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(j->db, sql, -1, &row, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sqlite3_errmsg(j->db), sql);
    return row;
}

static inline void run(struct judge *j, const char *sql)
{
    if (sqlite3_exec(j->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sqlite3_errmsg(j->db), sql);
}

static inline double value(struct judge *j, const char *sql)
{
    sqlite3_stmt *row = prepare(j, sql);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    double v = sqlite3_column_double(row, 0);
    sqlite3_finalize(row);
    return v;
}

static inline uint64_t count(struct judge *j, const char *sql)
{
    return (uint64_t)value(j, sql);
}

static inline void put_count(struct judge *j, const char *name, const char *sql)
{
    buf_printf(j->out, "\"%s\":%llu,", name, (unsigned long long)count(j, sql));
}

/* Rows of name and value. */
static inline void put_list(struct judge *j, const char *name, const char *sql)
{
    sqlite3_stmt *row = prepare(j, sql);
    buf_printf(j->out, "\"%s\":[", name);
    for (bool any = false; sqlite3_step(row) == SQLITE_ROW; any = true) {
        buf_put_str(j->out, any ? STR(",{\"name\":") : STR("{\"name\":"));
        json_put_string(j->out, column_str(row, 0));
        buf_printf(j->out, ",\"value\":%lld}", (long long)sqlite3_column_int64(row, 1));
    }
    buf_putc(j->out, ']');
    sqlite3_finalize(row);
}

/* The ten most frequent values of an expression. */
static inline void put_top_of(struct judge *j, const char *name, const char *of, const char *from)
{
    char *sql = sqlite3_mprintf("SELECT %s, count(*) FROM %s GROUP BY 1 HAVING %s IS NOT NULL"
                                " ORDER BY 2 DESC, 1 LIMIT 10",
                                of, from, of);
    put_list(j, name, sql);
    sqlite3_free(sql);
}

static inline void load_fetches(struct judge *j)
{
    const struct read_query *q = j->q;
    char *sql = sqlite3_mprintf(
        "DROP TABLE IF EXISTS temp.f; CREATE TEMP TABLE f AS SELECT * FROM (SELECT r.id, r.at,"
        " r.path, page(r.path) AS page, prefix(r.path) AS prefix,"
        " coalesce(a.name, '(unknown)') AS agent, coalesce(a.operator, '(unknown)') AS family,"
        " coalesce(r.status, 0) AS status, lf_resource(t.text) AS type, r.response_ms AS ms,"
        " category(a.category) AS category,"
        " coalesce(r.bytes, 0) AS bytes FROM lanes l JOIN records r ON r.id >> 24 = l.id"
        " LEFT JOIN agents a ON a.id = r.agent LEFT JOIN texts t ON t.id = r.content_type"
        " WHERE l.site = %lld AND r.kind = 1 AND r.at BETWEEN %lld AND %lld)"
        " WHERE agent = coalesce(%Q, agent) AND family = coalesce(%Q, family)"
        " AND type = coalesce(%Q, type) AND path = coalesce(%Q, path)",
        (long long)j->x.site, (long long)q->from_ms, (long long)q->to_ms, q->assistant_name.p,
        q->assistant_family.p, q->resource_type.p, q->path.p);
    run(j, sql);
    sqlite3_free(sql);
}

static const char *filter_column(enum hit_filter_type type)
{
    static const char *const columns[HIT_FILTER_TYPES] = {
        [HIT_FILTER_PATH] = "path",
        [HIT_FILTER_HOSTNAME] = "host",
        [HIT_FILTER_REFERRER] = "referrer_host",
        [HIT_FILTER_REFERRER_HOST] = "replace(referrer_host, 'www.', '')",
        [HIT_FILTER_DEVICE] = "lf_device(ua)",
        [HIT_FILTER_COUNTRY] = "coalesce(country, '(Unknown)')",
        [HIT_FILTER_BROWSER] = "lf_browser(ua)",
        [HIT_FILTER_LANGUAGE] = "language",
        [HIT_FILTER_UTM_SOURCE] = "utm_source",
        [HIT_FILTER_UTM_MEDIUM] = "utm_medium",
        [HIT_FILTER_AI_BOT] = "bot(ua, 0)",
        [HIT_FILTER_AI_BOT_CATEGORY] = "bot(ua, 1)",
        [HIT_FILTER_AI_SOURCE] = "ai",
    };
    return columns[type] ? columns[type] : "'(Unknown)'";
}

/* p: the pageviews of [from, to]; fits: by the filters, too. w: those. */
static inline void load_pages(struct judge *j, int64_t from_ms, int64_t to_ms)
{
    char *fits = sqlite3_mprintf("1");
    for (size_t i = 0; i < j->q->n_filters; i++) {
        const struct hit_filter *filter = &j->q->filters[i];
        char *more =
            sqlite3_mprintf("%s AND %s = %Q", fits, filter_column(filter->type), filter->value.p);
        sqlite3_free(fits);
        fits = more;
    }
    char *sql = sqlite3_mprintf(
        "DROP VIEW IF EXISTS temp.w; DROP TABLE IF EXISTS temp.p; CREATE TEMP TABLE p AS"
        " SELECT *, (%s) AS fits FROM (SELECT r.id, r.at, r.path, page(r.path) AS page, r.visitor,"
        " h.text AS host, u.text AS ua, r.referrer, lf_referrer_host(r.referrer) AS referrer_host,"
        " lf_language(x.language) AS language, ai(r.referrer, r.path) AS ai, r.country,"
        " coalesce(r.utm_source, '(Unspecified)') AS utm_source,"
        " coalesce(r.utm_medium, '(Unspecified)') AS utm_medium,"
        " coalesce(r.utm_campaign, '(Unspecified)') AS utm_campaign,"
        " coalesce(r.utm_term, '(Unspecified)') AS utm_term,"
        " coalesce(r.utm_content, '(Unspecified)') AS utm_content"
        " FROM lanes l JOIN records r ON r.id >> 24 = l.id LEFT JOIN texts h ON h.id = r.host"
        " LEFT JOIN texts u ON u.id = r.ua LEFT JOIN page_extras x ON x.record = r.id"
        " WHERE l.site = %lld AND r.kind = 0 AND r.at BETWEEN %lld AND %lld);"
        "CREATE TEMP VIEW w AS SELECT * FROM p WHERE fits",
        fits, (long long)j->x.site, (long long)from_ms, (long long)to_ms);
    run(j, sql);
    sqlite3_free(sql);
    sqlite3_free(fits);
}

/* ---- parts of several answers -----------------------------------------------------------------
 */

/* What only fetches have. */
static inline void put_depth(struct judge *j)
{
    uint64_t all = count(j, "SELECT count(*) FROM f");
    buf_lit(j->out, "\"error_rate_4xx\":");
    put_percent(j->out, count(j, "SELECT count(*) FROM f WHERE status BETWEEN 400 AND 499"), all);
    buf_lit(j->out, ",\"error_rate_5xx\":");
    put_percent(j->out, count(j, "SELECT count(*) FROM f WHERE status BETWEEN 500 AND 599"), all);
    buf_putc(j->out, ',');
    put_count(j, "median_response_ms",
              "SELECT coalesce((sum(ms) * 2 / count(*) + 1) / 2, 0) FROM (SELECT ms FROM f"
              " WHERE ms IS NOT NULL ORDER BY ms LIMIT 2 - (SELECT count(ms) FROM f) % 2"
              " OFFSET (SELECT (count(ms) - 1) / 2 FROM f))");
    put_count(j, "total_bytes", "SELECT coalesce(sum(bytes), 0) FROM f");
}

static inline void each_bucket(struct judge *j, int64_t from_ms, int64_t to_ms,
                               const char *const *names, const char *const *queries, size_t n)
{
    struct buckets b;
    assert_int_equal(buckets_init(&b, from_ms, to_ms, j->x.zone), 0);
    buf_putc(j->out, '[');
    for (size_t i = 0; i < b.n; i++) {
        buf_put_str(j->out, i ? STR(",{\"time\":\"") : STR("{\"time\":\""));
        buckets_put_time(&b, i, j->out);
        buf_putc(j->out, '"');
        for (size_t k = 0; k < n; k++) {
            char *sql = sqlite3_mprintf("%s WHERE at >= %lld AND at < %lld", queries[k],
                                        (long long)b.starts[i], (long long)b.starts[i + 1]);
            buf_printf(j->out, ",\"%s\":%llu", names[k], (unsigned long long)count(j, sql));
            sqlite3_free(sql);
        }
        buf_putc(j->out, '}');
    }
    buf_putc(j->out, ']');
    buckets_release(&b);
}

#endif
