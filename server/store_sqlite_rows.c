/*
 * store_sqlite_rows.c - one record or event into its table. The server's hottest path.
 */
#include "server/store_sqlite_impl.h"

#include "server/url.h"
#include "server/uuid.h"

static const struct str utm_names[] = {
    {"utm_source", 10}, {"utm_medium", 10},  {"utm_campaign", 12},
    {"utm_term", 8},    {"utm_content", 11},
};
#define UTM_FIRST 9 /* their first parameter in SQL_PUT_PAGEVIEW */

static struct str agent_text(const struct store_job *job, const struct record *r)
{
    if (r->user_agent >= 0 && (size_t)r->user_agent < job->n_user_agents)
        return job->user_agents[r->user_agent];
    return str_is_set(r->user_agent_text) ? r->user_agent_text : STR("");
}

static int64_t ua_label(struct engine *e, const struct store_job *job, const struct record *r)
{
    if (r->user_agent < 0 || (size_t)r->user_agent >= job->n_user_agents)
        return label_id(e, agent_text(job, r));
    int64_t *id = &e->ua_ids[r->user_agent];
    if (*id <= 0)
        *id = label_id(e, job->user_agents[r->user_agent]);
    return *id;
}

/* 0: no AI agent of the catalogue; -1: failed. */
static int64_t classify(struct engine *e, const struct store_job *job, const struct record *r)
{
    const struct agent *agent = NULL;
    bool listed = r->user_agent >= 0 && (size_t)r->user_agent < job->n_user_agents;
    if (listed && e->agent_ids[r->user_agent] != 0)
        return e->agent_ids[r->user_agent] < 0 ? 0 : e->agent_ids[r->user_agent];
    catalogue_classify(e->catalogue, agent_text(job, r), &agent);
    int64_t id = agent ? agent_id(e, agent) : 0;
    if (listed && id >= 0)
        e->agent_ids[r->user_agent] = id ? id : -1;
    return id;
}

/* A page's host is told as its site's: in lower case, without port and "www.". */
static int64_t page_host(struct engine *e, struct str host)
{
    char text[URL_HOST_MAX];
    struct str name = {text, 0};
    if (!host_normalise(host, text, &name.n))
        return 0;
    if (str_starts(name, STR("www.")))
        name = str_slice(name, 4, name.n);
    return label_id(e, name);
}

/* Path and query as one text: a slice of the URL, unless the path is empty. A '?' with nothing
 * behind it is no query. */
static struct str target(struct engine *e, const struct url *url)
{
    if (url->query.n == 0)
        return url->path;
    if (url->path.p + url->path.n + 1 == url->query.p)
        return (struct str){url->path.p, url->path.n + 1 + url->query.n};
    buf_reset(&e->scratch);
    buf_lit(&e->scratch, "/?");
    buf_put_str(&e->scratch, url->query);
    return buf_str(&e->scratch);
}

/* Binds the campaign's five fields. Their text lies in `values`, which lives as long as the step.
 */
static void bind_campaign(sqlite3_stmt *put, struct str query, struct buf *values)
{
    bool any = str_find(query, STR("utm_"), 0) >= 0 && buf_reserve(values, query.n + 1);
    for (int i = 0; i < 5; i++) {
        struct str value = STR_NONE;
        if (any)
            query_value(query, utm_names[i], values, &value);
        bind_str(put, UTM_FIRST + i, value);
    }
}

static int step(struct engine *e, sqlite3_stmt *put)
{
    sqlite3_step(put);
    int code = sqlite3_reset(put);
    if (code == SQLITE_OK)
        return sqlite3_changes(e->db);
    engine_note(e, code, "put record");
    return -1;
}

static void bind_number(sqlite3_stmt *put, int at, int64_t number, bool set)
{
    if (set)
        sqlite3_bind_int64(put, at, number);
    else
        sqlite3_bind_null(put, at);
}

static void bind_uuid(sqlite3_stmt *put, int at, const unsigned char uuid[16], bool set)
{
    if (set)
        sqlite3_bind_blob(put, at, uuid, 16, SQLITE_STATIC);
    else
        sqlite3_bind_null(put, at);
}

static bool find_qr_code(struct str query, unsigned char uuid[16])
{
    struct buf text;
    struct str value = STR_NONE;
    if (query.n == 0 || str_find(query, STR("hk_qr="), 0) < 0)
        return false;
    buf_init(&text, query.n + 1);
    bool found = query_value(query, STR("hk_qr"), &text, &value) && uuid_parse(value, uuid);
    buf_release(&text);
    return found;
}

/* A row of its own for what logs do not have: records stay short. */
static int put_extras(struct engine *e, const struct store_browser *browser, struct str query,
                      int64_t id)
{
    static const struct store_browser nothing = {HIT_NO_NUMBER, HIT_NO_NUMBER, HIT_NO_NUMBER,
                                                 HIT_NO_NUMBER, .language = {NULL, 0}};
    const struct store_browser *b = browser ? browser : &nothing;
    unsigned char qr_code[16];
    bool has_qr_code = find_qr_code(query, qr_code);
    if (!browser && !has_qr_code)
        return 0;
    sqlite3_stmt *put = sql_get(e, SQL_PUT_PAGE_EXTRAS);
    if (!put)
        return -1;
    sqlite3_bind_int64(put, 1, id);
    bind_number(put, 2, b->viewport_width, b->viewport_width != HIT_NO_NUMBER);
    bind_number(put, 3, b->viewport_height, b->viewport_height != HIT_NO_NUMBER);
    bind_number(put, 4, b->screen_width, b->screen_width != HIT_NO_NUMBER);
    bind_number(put, 5, b->screen_height, b->screen_height != HIT_NO_NUMBER);
    bind_str(put, 6, b->language);
    bind_uuid(put, 7, b->page_id, b->has_page_id);
    bind_uuid(put, 8, qr_code, has_qr_code);
    bind_uuid(put, 9, b->session_id, b->has_session_id);
    return step(e, put) == 1 ? 0 : -1;
}

/* The three return 1 when the row was put, 0 when the id is taken, -1 on failure. */
static int put_pageview(struct engine *e, const struct store_job *job, const struct store_row *row,
                        int64_t id)
{
    const struct record *r = &row->record;
    sqlite3_stmt *put = sql_get(e, SQL_PUT_PAGEVIEW);
    struct url url;
    int64_t visitor = 0;
    if (!put || !url_split(r->url, &url) || visitor_id(e, row, agent_text(job, r), &visitor))
        return -1;
    int64_t host = page_host(e, url.host), ua = ua_label(e, job, r);
    if (host < 0 || ua < 0)
        return -1;
    struct buf campaign;
    buf_init(&campaign, url.query.n * 5 + 64);
    sqlite3_bind_int64(put, 1, id);
    sqlite3_bind_int64(put, 2, r->line_hash);
    sqlite3_bind_int64(put, 3, r->time_ms);
    sqlite3_bind_int64(put, 4, host);
    bind_str(put, 5, target(e, &url));
    sqlite3_bind_int64(put, 6, ua);
    sqlite3_bind_int64(put, 7, visitor);
    bind_str(put, 8, r->referrer);
    bind_campaign(put, url.query, &campaign);
    bind_str(put, 14, row->country[0] ? (struct str){row->country, 2} : STR_NONE);
    int changed = step(e, put);
    buf_release(&campaign);
    if (changed == 1 && put_extras(e, row->browser, url.query, id))
        return -1;
    return changed;
}

static int put_ai_fetch(struct engine *e, const struct store_job *job, const struct store_row *row,
                        int64_t id)
{
    const struct record *r = &row->record;
    sqlite3_stmt *put = sql_get(e, SQL_PUT_AI_FETCH);
    int64_t host = str_is_set(r->hostname) ? label_id(e, r->hostname) : 0;
    int64_t ua = ua_label(e, job, r), agent = classify(e, job, r);
    int64_t type = str_is_set(r->content_type) ? label_id(e, r->content_type) : 0;
    if (!put || host < 0 || ua < 0 || agent < 0 || type < 0)
        return -1;
    bool yes = str_eq(r->verified, STR("yes")), no = str_eq(r->verified, STR("no"));
    sqlite3_bind_int64(put, 1, id);
    sqlite3_bind_int64(put, 2, r->line_hash);
    sqlite3_bind_int64(put, 3, r->time_ms);
    bind_number(put, 4, host, host > 0);
    bind_str(put, 5, r->path);
    sqlite3_bind_int64(put, 6, ua);
    bind_number(put, 7, agent, agent > 0);
    sqlite3_bind_int(put, 8, r->status_code);
    bind_number(put, 9, type, type > 0);
    bind_number(put, 10, r->response_ms, r->response_ms > 0);
    bind_number(put, 11, r->bytes_served, r->bytes_served > 0);
    bind_number(put, 12, yes, yes || no);
    return step(e, put);
}

static int put_at(struct engine *e, const struct store_job *job, const struct store_row *row,
                  int64_t id)
{
    if (id < 0)
        return -1;
    int changed = row->record.kind == RECORD_AI_FETCH ? put_ai_fetch(e, job, row, id)
                                                      : put_pageview(e, job, row, id);
    return changed == 1 && row_packed(e, id) ? -1 : changed;
}

/* The id of this position is taken: by the same line (a duplicate), or by another one. */
static enum put_result put_beside(struct engine *e, const struct store_job *job,
                                  const struct store_row *row, int64_t id)
{
    const struct record *r = &row->record;
    sqlite3_stmt *there = NULL;
    if (sql_find(e, SQL_GET_HASH, &there, "i", id) != 1)
        return PUT_FAILED;
    int64_t hash = sqlite3_column_int64(there, 0);
    sqlite3_reset(there);
    if (hash == r->line_hash)
        return PUT_DUPLICATE;
    int64_t beside = lane_place_single(e, row->site, r->time_ms);
    if (beside < 0 || sql_run(e, SQL_PUT_ODD, "iiiii", row->site, e->stream_ids[row->stream],
                              (int64_t)r->at, (int64_t)r->line_hash, beside))
        return PUT_FAILED;
    if (sqlite3_changes(e->db) == 0)
        return PUT_DUPLICATE;
    return put_at(e, job, row, beside) == 1 ? PUT_STORED : PUT_FAILED;
}

enum put_result row_put(struct engine *e, const struct store_job *job, const struct store_row *row)
{
    const struct record *r = &row->record;
    if (row->stream == STORE_NO_STREAM) {
        int64_t id = lane_place_single(e, row->site, r->time_ms);
        return put_at(e, job, row, id) == 1 ? PUT_STORED : PUT_FAILED;
    }
    if (row->stream >= job->n_streams || row->stream >= BATCH_MAX_STREAMS)
        return PUT_FAILED;
    int64_t id = lane_place(e, row->site, e->stream_ids[row->stream], r->at, r->time_ms);
    int put = put_at(e, job, row, id);
    if (put == 0)
        return put_beside(e, job, row, id);
    return put == 1 ? PUT_STORED : PUT_FAILED;
}

int event_put(struct engine *e, const struct store_event *event)
{
    struct store_row row = {.site = event->site};
    int64_t visitor = 0;
    row.record.time_ms = event->time_ms;
    row.record.visitor_ip = event->visitor_ip;
    row.record.session_id = event->session_id;
    if (visitor_id(e, &row, event->user_agent, &visitor))
        return -1;
    return sql_run(e, SQL_PUT_EVENT, "iissi", event->site, event->time_ms, event->name,
                   event->properties, visitor);
}
