/*
 * store_sqlite_list.c - records in order. The condition picks row ids from the lanes of the time;
 * texts are looked up for those that are given alone.
 */
#include "server/store_sqlite_impl.h"

#include <stdlib.h>

#include "parsers/base/hash.h"
#include "server/page_path.h"
#include "server/store_list.h"
#include "server/uuid.h"

const char *const list_pageview_columns[LIST_PAGEVIEW_COLUMNS] = {"id",
                                                                  "site_id",
                                                                  "session_id",
                                                                  "page_id",
                                                                  "timestamp",
                                                                  "path",
                                                                  "hostname",
                                                                  "referrer",
                                                                  "user_agent",
                                                                  "viewport_width",
                                                                  "viewport_height",
                                                                  "screen_width",
                                                                  "screen_height",
                                                                  "language",
                                                                  "country_code",
                                                                  "region",
                                                                  "city",
                                                                  "provider",
                                                                  "asn",
                                                                  "asn_org",
                                                                  "utm_source",
                                                                  "utm_medium",
                                                                  "utm_campaign",
                                                                  "utm_term",
                                                                  "utm_content",
                                                                  "qr_code_id",
                                                                  "is_unique"};
const char *const list_fetch_columns[LIST_FETCH_COLUMNS] = {
    "id",          "site_id",      "timestamp",   "assistant_name", "assistant_family",
    "path",        "hostname",     "status_code", "content_type",   "resource_type",
    "response_ms", "bytes_served", "user_agent"};

/* In the order of those. ?1 is the site's UUID. */
static const char select_pageviews[] =
    "SELECT r.id, r.at, lf_uuid(?1, 'hit', r.id), ?1,"
    " coalesce(lf_uuid_text(x.session_id), lf_uuid(?1, 'session', r.visitor)),"
    " coalesce(lf_uuid_text(x.page_id), lf_uuid(?1, 'page', r.id)), r.at, r.path, h.text,"
    " r.referrer, u.text, x.viewport_width, x.viewport_height, x.screen_width, x.screen_height,"
    " x.language, r.country, NULL, NULL, NULL, NULL, NULL, r.utm_source, r.utm_medium,"
    " r.utm_campaign, r.utm_term, r.utm_content, lf_uuid_text(x.qr_code_id), NULL FROM (";
static const char select_fetches[] =
    "SELECT r.id, r.at, lf_uuid(?1, 'ai_fetch', r.id), ?1, r.at, coalesce(a.name, '(unknown)'),"
    " coalesce(a.operator, '(unknown)'), r.path, h.text, r.status, t.text, lf_resource(t.text),"
    " r.response_ms, r.bytes, u.text FROM (";
static const char joins[] =
    ") p JOIN records r ON r.id = p.id LEFT JOIN texts h ON h.id = r.host"
    " LEFT JOIN texts u ON u.id = r.ua LEFT JOIN texts t ON t.id = r.content_type"
    " LEFT JOIN agents a ON a.id = r.agent LEFT JOIN page_extras x ON x.record = r.id ";

/* ---- functions for the conditions ----------------------------------------------------------- */

static struct str argument(sqlite3_value *value)
{
    const void *text = sqlite3_value_blob(value);
    if (sqlite3_value_type(value) == SQLITE_NULL)
        return STR_NONE;
    return (struct str){text ? text : "", (size_t)sqlite3_value_bytes(value)};
}

static void give(sqlite3_context *context, struct str text)
{
    if (str_is_set(text))
        sqlite3_result_text64(context, text.p, text.n, SQLITE_TRANSIENT, SQLITE_UTF8);
    else
        sqlite3_result_null(context);
}

static void fn_referrer_host(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    struct str host = referrer_host(argument(values[0]));
    give(context, str_is_set(host) ? host : STR(DIRECT));
}

static void fn_referrer_is(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    sqlite3_result_int(context, referrer_is_from(argument(values[0]), argument(values[1])));
}

static void fn_browser(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    give(context, str_of(browser_of(argument(values[0]))));
}

static void fn_device(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    give(context, str_of(device_of(argument(values[0]))));
}

static void fn_language(sqlite3_context *context, int n, sqlite3_value **values)
{
    char text[16];
    (void)n;
    give(context, language_name(argument(values[0]), text));
}

static void fn_resource(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    give(context, str_of(resource_type_names[resource_type_of(argument(values[0]))]));
}

/* The name, or with a second argument that is true the category, of an AI agent. */
static void fn_ai_bot(sqlite3_context *context, int n, sqlite3_value **values)
{
    const struct store_reader *r = sqlite3_user_data(context);
    const struct agent *agent = NULL;
    (void)n;
    if (r->catalogue)
        catalogue_classify(r->catalogue, argument(values[0]), &agent);
    if (agent && !agent->search_engine)
        give(context, str_of(sqlite3_value_int(values[1]) ? hitkeep_category(agent->category)
                                                          : agent->name));
}

static void fn_ai_source(sqlite3_context *context, int n, sqlite3_value **values)
{
    const char *name = ai_source_of(argument(values[0]), argument(values[1]));
    (void)n;
    if (name)
        give(context, str_of(name));
}

static void give_uuid(sqlite3_context *context, const unsigned char id[16])
{
    char text[UUID_TEXT + 1];
    uuid_format(id, text);
    give(context, str_of(text));
}

static void fn_uuid_text(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct str id = argument(values[0]);
    (void)n;
    if (id.n == 16)
        give_uuid(context, (const unsigned char *)id.p);
}

/* A UUID (version 8) of a site, a word and a number: the same one each time. */
static void fn_uuid(sqlite3_context *context, int n, sqlite3_value **values)
{
    struct buf text;
    (void)n;
    buf_init(&text, 256);
    buf_put_str(&text, argument(values[0]));
    buf_putc(&text, ' ');
    buf_put_str(&text, argument(values[1]));
    buf_putc(&text, ' ');
    buf_put_i64(&text, sqlite3_value_int64(values[2]));
    struct hash128 id = hash_128(buf_str(&text));
    id.b[6] = (unsigned char)(0x80 | (id.b[6] & 0x0f));
    id.b[8] = (unsigned char)(0x80 | (id.b[8] & 0x3f));
    give_uuid(context, id.b);
    buf_release(&text);
}

static int add_functions(struct store_reader *r)
{
    static const struct {
        const char *name;
        int n;
        void (*run)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"lf_referrer_host", 1, fn_referrer_host},
        {"lf_referrer_is", 2, fn_referrer_is},
        {"lf_browser", 1, fn_browser},
        {"lf_device", 1, fn_device},
        {"lf_language", 1, fn_language},
        {"lf_resource", 1, fn_resource},
        {"lf_ai_bot", 2, fn_ai_bot},
        {"lf_ai_source", 2, fn_ai_source},
        {"lf_uuid_text", 1, fn_uuid_text},
        {"lf_uuid", 3, fn_uuid},
    };
    int code = SQLITE_OK;
    for (size_t i = 0; i < COUNT_OF(functions) && code == SQLITE_OK; i++)
        code = sqlite3_create_function(r->db, functions[i].name, functions[i].n,
                                       SQLITE_UTF8 | SQLITE_DETERMINISTIC, r, functions[i].run,
                                       NULL, NULL);
    return code;
}

/* ---- conditions ---------------------------------------------------------------------------- */

/* Text in SQL goes by parameters alone: from ?8 on, in the order added. */
#define FIRST_TEXT 8
#define TEXTS_MAX (READ_FILTERS_MAX + 8)

struct condition {
    struct buf sql;
    struct str texts[TEXTS_MAX];
    size_t n_texts;
};

static void add(struct condition *c, const char *before, const char *behind, struct str text)
{
    buf_printf(&c->sql, " AND %s?%zu%s", before, FIRST_TEXT + c->n_texts, behind);
    c->texts[c->n_texts++] = text;
}

#define UA_TEXT "(SELECT text FROM texts WHERE id = r.ua)"
/* Each text is looked at once, not each record. */
#define UA_WHERE                                                                                   \
    "coalesce(r.ua, 0) IN (SELECT id FROM (SELECT id, text FROM texts UNION ALL SELECT 0, NULL)"   \
    " WHERE "
#define HOST_TEXT "(SELECT text FROM texts WHERE id = r.host)"
#define EXTRA(column) "(SELECT " column " FROM page_extras WHERE record = r.id)"

/* What stands before the parameter, and behind it, by enum hit_filter_type. */
static const struct {
    const char *before, *behind;
} filter_sql[HIT_FILTER_TYPES] = {
    [HIT_FILTER_PATH] = {"r.path = ", ""},
    [HIT_FILTER_HOSTNAME] = {"r.host IN (SELECT id FROM texts WHERE text = ", ")"},
    [HIT_FILTER_REFERRER] = {"lf_referrer_host(r.referrer) = ", ""},
    [HIT_FILTER_REFERRER_HOST] = {"lf_referrer_is(r.referrer, ", ")"},
    [HIT_FILTER_DEVICE] = {UA_WHERE "lf_device(text) = ", ")"},
    [HIT_FILTER_COUNTRY] = {"coalesce(r.country, '" UNKNOWN_PLACE "') = ", ""},
    [HIT_FILTER_CITY] = {"'" UNKNOWN_PLACE "' = ", ""},
    [HIT_FILTER_PROVIDER] = {"'" UNKNOWN_PLACE "' = ", ""},
    [HIT_FILTER_ASN] = {"'" UNKNOWN_PLACE "' = ", ""},
    [HIT_FILTER_BROWSER] = {UA_WHERE "lf_browser(text) = ", ")"},
    [HIT_FILTER_LANGUAGE] = {"lower(lf_language(" EXTRA("language") ")) = lower(", ")"},
    [HIT_FILTER_UTM_SOURCE] = {"coalesce(r.utm_source, '" UNSPECIFIED "') = ", ""},
    [HIT_FILTER_UTM_MEDIUM] = {"coalesce(r.utm_medium, '" UNSPECIFIED "') = ", ""},
    [HIT_FILTER_UTM_CAMPAIGN] = {"coalesce(r.utm_campaign, '" UNSPECIFIED "') = ", ""},
    [HIT_FILTER_UTM_TERM] = {"coalesce(r.utm_term, '" UNSPECIFIED "') = ", ""},
    [HIT_FILTER_UTM_CONTENT] = {"coalesce(r.utm_content, '" UNSPECIFIED "') = ", ""},
    [HIT_FILTER_QR_CODE_ID] = {"lf_uuid_text(" EXTRA("qr_code_id") ") = lower(", ")"},
    [HIT_FILTER_AI_BOT] = {UA_WHERE "lf_ai_bot(text, 0) = ", ")"},
    [HIT_FILTER_AI_BOT_CATEGORY] = {UA_WHERE "lf_ai_bot(text, 1) = ", ")"},
    [HIT_FILTER_AI_SOURCE] = {"lf_ai_source(r.referrer, r.path) = ", ""},
};

static void add_search(struct condition *c, struct str search)
{
    static const char *const where[] = {"r.path",        "r.referrer",     "r.utm_source",
                                        "r.utm_medium",  "r.utm_campaign", "r.utm_term",
                                        "r.utm_content", HOST_TEXT,        UA_TEXT};
    buf_lit(&c->sql, " AND (0");
    for (size_t i = 0; i < COUNT_OF(where); i++)
        buf_printf(&c->sql, " OR instr(lower(%s), lower(?%zu)) > 0", where[i],
                   FIRST_TEXT + c->n_texts);
    buf_putc(&c->sql, ')');
    c->texts[c->n_texts++] = search;
}

static void add_fetch_filters(struct condition *c, const struct read_query *q)
{
    static const char agent[] =
        "coalesce((SELECT %s FROM agents WHERE id = r.agent), '(unknown)') = ";
    char text[128];
    if (str_is_set(q->assistant_name)) {
        sqlite3_snprintf(sizeof(text), text, agent, "name");
        add(c, text, "", q->assistant_name);
    }
    if (str_is_set(q->assistant_family)) {
        sqlite3_snprintf(sizeof(text), text, agent, "operator");
        add(c, text, "", q->assistant_family);
    }
    if (str_is_set(q->resource_type))
        add(c, "lf_resource((SELECT text FROM texts WHERE id = r.content_type)) = ", "",
            q->resource_type);
    if (str_is_set(q->path))
        add(c, "r.path = ", "", q->path);
}

static void put_condition(struct condition *c, const struct list_query *query)
{
    const struct read_query *q = query->q;
    buf_lit(&c->sql,
            " FROM lanes l CROSS JOIN records r ON r.id >= l.id << 24 AND r.id < l.id + 1 << 24"
            " WHERE l.site = ?2 AND l.last_at >= ?3 AND l.first_at <= ?4 AND r.kind = ?5"
            " AND r.at >= ?3 AND r.at <= ?4 AND (r.at < ?6 OR (r.at = ?6 AND r.id < ?7))");
    if (q->nothing)
        buf_lit(&c->sql, " AND 0");
    for (size_t i = 0; i < q->n_filters; i++)
        add(c, filter_sql[q->filters[i].type].before, filter_sql[q->filters[i].type].behind,
            q->filters[i].value);
    if (str_is_set(q->search))
        add_search(c, q->search);
    add_fetch_filters(c, q);
}

static const char *order_of(const struct read_query *q)
{
    static const char *const orders[][2] = {
        [READ_BY_TIME] = {"r.at DESC, r.id DESC", "r.at ASC, r.id ASC"},
        [READ_BY_PATH] = {"r.path DESC, r.at DESC, r.id DESC", "r.path ASC, r.at DESC, r.id DESC"},
        [READ_BY_REFERRER] = {"r.referrer DESC NULLS LAST, r.at DESC, r.id DESC",
                              "r.referrer ASC NULLS LAST, r.at DESC, r.id DESC"}};
    return orders[q->sort][q->ascending];
}

static sqlite3_stmt *prepare(struct store_reader *r, const struct list_query *query,
                             struct condition *c)
{
    sqlite3_stmt *row = NULL;
    const char *sql = buf_cstr(&c->sql);
    if (!r->functions && add_functions(r) == SQLITE_OK)
        r->functions = true;
    r->catalogue = query->catalogue;
    if (!sql || sqlite3_prepare_v2(r->db, sql, -1, &row, NULL) != SQLITE_OK)
        return NULL;
    bind_str(row, 1, str_of(query->site_uuid));
    sqlite3_bind_int64(row, 2, query->site);
    sqlite3_bind_int64(row, 3, query->from_ms);
    sqlite3_bind_int64(row, 4, query->to_ms);
    sqlite3_bind_int(row, 5, query->kind == COLUMNS_FETCHES ? KIND_AI_FETCH : KIND_PAGEVIEW);
    sqlite3_bind_int64(row, 6, query->behind_ms);
    sqlite3_bind_int64(row, 7, query->behind_id);
    for (size_t i = 0; i < c->n_texts; i++)
        bind_str(row, (int)(FIRST_TEXT + i), c->texts[i]);
    return row;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static struct list_value value_at(sqlite3_stmt *row, int column)
{
    int type = sqlite3_column_type(row, column);
    struct list_value v = {.kind = LIST_NONE};
    if (type == SQLITE_INTEGER) {
        v.kind = LIST_NUMBER;
        v.number = sqlite3_column_int64(row, column);
    } else if (type != SQLITE_NULL) {
        v.kind = LIST_TEXT;
        v.text = column_str(row, column);
    }
    return v;
}

static int give_rows(sqlite3_stmt *row, size_t n,
                     void (*on_row)(void *arg, const struct list_row *row), void *arg)
{
    struct list_value values[LIST_PAGEVIEW_COLUMNS];
    int code;
    while ((code = sqlite3_step(row)) == SQLITE_ROW) {
        for (size_t i = 0; i < n; i++)
            values[i] = value_at(row, (int)i + 2);
        on_row(arg, &(struct list_row){.id = sqlite3_column_int64(row, 0),
                                       .at_ms = sqlite3_column_int64(row, 1),
                                       .n = n,
                                       .values = values});
    }
    return code == SQLITE_DONE ? 0 : -1;
}

int store_reader_list(struct store_reader *r, const struct list_query *query,
                      void (*on_row)(void *arg, const struct list_row *row), void *arg)
{
    struct condition *c = calloc(1, sizeof(*c));
    bool fetches = query->kind == COLUMNS_FETCHES;
    int status = -1;
    if (!c)
        return -1;
    buf_init(&c->sql, 65536);
    buf_put_str(&c->sql, str_of(fetches ? select_fetches : select_pageviews));
    buf_lit(&c->sql, "SELECT r.id AS id");
    put_condition(c, query);
    buf_printf(&c->sql, " ORDER BY %s LIMIT %u OFFSET %llu", order_of(query->q), query->limit,
               (unsigned long long)query->offset);
    buf_put_str(&c->sql, str_of(joins));
    buf_printf(&c->sql, "ORDER BY %s", order_of(query->q));
    sqlite3_stmt *row = prepare(r, query, c);
    if (row)
        status = give_rows(row, fetches ? LIST_FETCH_COLUMNS : LIST_PAGEVIEW_COLUMNS, on_row, arg);
    sqlite3_finalize(row);
    buf_release(&c->sql);
    free(c);
    return status;
}

int store_reader_list_count(struct store_reader *r, const struct list_query *query, uint64_t *n)
{
    struct condition *c = calloc(1, sizeof(*c));
    int status = -1;
    if (!c)
        return -1;
    buf_init(&c->sql, 65536);
    buf_lit(&c->sql, "SELECT count(*)");
    put_condition(c, query);
    sqlite3_stmt *row = prepare(r, query, c);
    if (row && sqlite3_step(row) == SQLITE_ROW) {
        *n = (uint64_t)sqlite3_column_int64(row, 0);
        status = 0;
    }
    sqlite3_finalize(row);
    buf_release(&c->sql);
    free(c);
    return status;
}

int64_t store_reader_latest(struct store_reader *r, int64_t site, int64_t ms)
{
    sqlite3_stmt *row = NULL;
    int64_t latest = INT64_MIN;
    if (sqlite3_prepare_v2(r->db,
                           "SELECT max(min(last_at, ?2 - 1)) FROM lanes WHERE site = ?1"
                           " AND first_at < ?2",
                           -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, site);
        sqlite3_bind_int64(row, 2, ms);
        if (sqlite3_step(row) == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL)
            latest = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    return latest;
}
