/*
 * api_decode.c - reads a batch, line by line as it is inflated, and keeps of each record that is to
 * be stored its texts. Nothing leaves before the last byte has been right. What makes the whole of
 * it worthless (a line that is no record, counts and positions that contradict the header) refuses
 * it with the line's number; what is wrong with one record refuses that record, in the words of the
 * single-record endpoints.
 */
#include "server/api_decode.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/api_path.h"
#include "server/body_lines.h"
#include "server/go_text.h"
#include "server/lists.h"
#include "server/rights.h"
#include "server/url.h"
#include "server/uuid.h"

/* The walk over the lines. */
struct walk {
    struct body_lines lines;
    size_t line;          /* number of the one just taken; the header is 1 */
    uint32_t stream;      /* of the current record */
    uint64_t left;        /* records of that stream still to come */
    uint64_t expected;    /* records in all */
    struct buf last_host; /* and its site: neighbours mostly share it */
    const struct site *last_site;
    /* Of the record at hand, reset for the next: */
    struct buf unescaped;
    struct buf paths; /* scratch of api_path.h */
};

/* ---- refusing ----------------------------------------------------------------------------------
 */

static bool refuse(struct batch_task *t, int status, const char *message)
{
    t->status = status;
    snprintf(t->message, sizeof(t->message), "%s", message);
    return false;
}

static bool refuse_line(struct batch_task *t, const struct walk *w, const char *why)
{
    t->status = 400;
    snprintf(t->message, sizeof(t->message), "line %zu: %s", w->line, why);
    return false;
}

static bool no_memory(struct batch_task *t)
{
    return refuse(t, 503, "out of memory");
}

static void reject_record(struct batch_task *t, const struct walk *w, const struct api_refusal *why)
{
    buf_printf(&t->tail, "%s{\"line\":%zu,\"status\":%d,\"error\":\"%s\"}",
               t->job.n_rejected > 0 ? "," : "", w->line, why->status, why->message);
    t->job.n_rejected++;
}

/* ---- memory ------------------------------------------------------------------------------------
 */

/* What of a record's texts is the same as in the row before is kept once. */
static bool keep_texts(struct batch_task *t, struct record *r)
{
    static const size_t texts[] = {
        offsetof(struct record, user_agent_text),
        offsetof(struct record, verified),
        offsetof(struct record, url),
        offsetof(struct record, visitor_ip),
        offsetof(struct record, session_id),
        offsetof(struct record, referrer),
        offsetof(struct record, hostname),
        offsetof(struct record, path),
        offsetof(struct record, content_type),
    };
    const char *before = t->job.n_rows > 0 ? (char *)&t->rows[t->job.n_rows - 1].record : NULL;
    r->site = STR_NONE; /* has done its work */
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct str *s = (struct str *)((char *)r + texts[i]);
        const struct str *same = before ? (const struct str *)(before + texts[i]) : NULL;
        if (same && s->n > 0 && str_is_set(*same) && str_eq(*s, *same))
            *s = *same;
        else if (!text_pool_keep(&t->texts, s))
            return no_memory(t);
    }
    return true;
}

void batch_release(struct batch_task *t)
{
    text_pool_release(&t->texts);
    buf_release(&t->unescaped);
    buf_release(&t->tail);
    free(t->header.streams);
    free(t->header.cells);
    free(t->header.user_agents);
    free(t->rows);
    free(t->left);
    free(t->lines);
    free(t->agents);
    rights_release(t->judge.rights);
    lists_release(t->judge.lists);
    t->header.streams = NULL;
    t->header.cells = NULL;
    t->header.user_agents = NULL;
    t->rows = NULL;
    t->left = NULL;
    t->lines = NULL;
    t->agents = NULL;
    t->judge.rights = NULL;
    t->judge.lists = NULL;
}

static bool allocate(struct batch_task *t, struct walk *w)
{
    struct batch_header *h = &t->header;
    h->streams = malloc(BATCH_MAX_STREAMS * sizeof(*h->streams));
    h->cells = malloc(BATCH_MAX_CELLS * sizeof(*h->cells));
    h->user_agents = malloc(BATCH_MAX_USER_AGENTS * sizeof(*h->user_agents));
    t->agents = calloc(BATCH_MAX_USER_AGENTS, 1);
    buf_init(&t->unescaped, BATCH_MAX_DECODED);
    buf_init(&t->tail, (size_t)BATCH_MAX_RECORDS * 128);
    buf_init(&w->last_host, RECORD_MAX_BYTES);
    buf_init(&w->unescaped, RECORD_MAX_BYTES);
    /* A record's URL or path and host lie within its line. */
    buf_init(&w->paths, API_PATH_ROOM((size_t)RECORD_MAX_BYTES));
    return (h->streams && h->cells && h->user_agents && t->agents) || no_memory(t);
}

/* ---- lines and header --------------------------------------------------------------------------
 */

/* False: there is none; t->status says whether that is an end, or the whole is refused. */
static bool take_line(struct batch_task *t, struct walk *w, size_t longest, struct str *line)
{
    switch (body_lines_next(&w->lines, longest, line)) {
    case BODY_LINE:
        w->line++;
        return true;
    case BODY_END:
        return false;
    case BODY_BAD:
        return refuse(t, 400, "the body cannot be decoded as its Content-Encoding says");
    case BODY_TOO_LARGE:
        return refuse(t, 413, "the batch is too large");
    case BODY_LONG_LINE:
        return refuse(t, 413, "a record is too large");
    case BODY_FAILED:
        break;
    }
    return no_memory(t);
}

static bool count_records(struct batch_task *t, struct walk *w)
{
    for (size_t i = 0; i < t->header.n_streams; i++) {
        if (t->header.streams[i].records > BATCH_MAX_RECORDS - w->expected)
            return refuse(t, 413, "too many records");
        w->expected += t->header.streams[i].records;
    }
    t->rows = malloc((w->expected + 1) * sizeof(*t->rows));
    t->left = malloc((w->expected + 1) * sizeof(*t->left));
    t->lines = malloc((w->expected + 1) * sizeof(*t->lines));
    return (t->rows && t->left && t->lines) || no_memory(t);
}

static bool read_header(struct batch_task *t, struct walk *w)
{
    struct str line;
    const char *why = "";
    if (!take_line(t, w, BATCH_MAX_DECODED, &line))
        return t->status != 0 ? false : refuse(t, 400, "the body is empty");
    if (!text_pool_keep(&t->texts, &line))
        return no_memory(t);
    if (!batch_header_read(line, &t->header, &t->unescaped, &why))
        return refuse_line(t, w, why);
    if (!uuid_parse(t->header.batch, t->job.batch_id))
        return refuse_line(t, w, "\"batch\" must be a UUID");
    return count_records(t, w);
}

/* ---- records -----------------------------------------------------------------------------------
 */

/* Which stream is this record of, and does it lie within it? */
static bool place(struct batch_task *t, struct walk *w, const struct record *r)
{
    const struct batch_header *h = &t->header;
    while (w->left == 0 && w->stream + 1 < h->n_streams)
        w->left = h->streams[++w->stream].records;
    if (w->left == 0)
        return refuse_line(t, w, "more records than the header counts");
    w->left--;
    const struct batch_stream *s = &h->streams[w->stream];
    if (r->at < s->from || r->at >= s->to)
        return refuse_line(t, w, "\"at\" lies outside its stream's positions");
    return true;
}

static struct str user_agent_of(const struct batch_task *t, const struct record *r)
{
    struct str text = r->user_agent_text;
    if (r->user_agent >= 0)
        text = (size_t)r->user_agent < t->header.n_user_agents
                   ? t->header.user_agents[r->user_agent]
                   : STR_NONE;
    return go_trim(text);
}

static bool is_ai(struct batch_task *t, const struct record *r, struct str user_agent)
{
    const struct agent *agent;
    if (user_agent.n == 0)
        return false;
    if (r->user_agent < 0)
        return catalogue_classify(t->catalogue, user_agent, &agent) == UA_AI;
    signed char *known = &t->agents[r->user_agent];
    if (*known == 0)
        *known = catalogue_classify(t->catalogue, user_agent, &agent) == UA_AI ? 1 : -1;
    return *known > 0;
}

/* Of a record that is accepted and not stored. */
static enum store_fate dropped(const struct batch_task *t, const struct site *site,
                               const struct record *r)
{
    return time_is_over(&t->judge, site, r->time_ms) ? FATE_LATE : FATE_EXCLUDED;
}

/* FATE_STORED: to be stored, or found to be there. */
static enum store_fate judge_page(struct batch_task *t, struct walk *w, struct store_row *row,
                                  const struct api_refusal **why)
{
    static const struct api_refusal bad_session = {400, "session_id must be a UUID"};
    struct record *r = &row->record;
    unsigned char uuid[16];
    struct page_check p = {
        .url = r->url,
        .time_known = true,
        .time_ms = r->time_ms,
        .visitor_ip = r->visitor_ip,
        .address_optional = true,
        .user_agent = user_agent_of(t, r),
        .referrer = r->referrer,
        .site_name = r->site,
        .scratch = &w->paths,
    };
    *why = page_refusal(&t->judge, &p);
    if (!*why && str_is_set(r->session_id) && !uuid_parse(r->session_id, uuid))
        *why = &bad_session;
    if (*why)
        return FATE_REFUSED;
    row->site = p.site->id;
    r->url = p.clean_url;
    r->visitor_ip = p.bare_ip;
    memcpy(row->country, p.country, sizeof(row->country));
    return page_is_dropped(&t->judge, &p) ? dropped(t, p.site, r) : FATE_STORED;
}

static const struct api_refusal *fetch_site(struct batch_task *t, struct walk *w,
                                            const struct record *r, const struct site **site)
{
    struct str name = str_is_set(r->site) ? r->site : r->hostname;
    if (w->last_site && name.n > 0 && str_eq(name, buf_str(&w->last_host))) {
        *site = w->last_site;
        return NULL;
    }
    const struct api_refusal *why = site_refusal(&t->judge, name.n > 0 ? name : STR(""), site);
    buf_reset(&w->last_host);
    buf_put_str(&w->last_host, name);
    w->last_site = why || w->last_host.failed ? NULL : *site;
    return why;
}

static enum store_fate judge_fetch(struct batch_task *t, struct walk *w, struct store_row *row,
                                   const struct api_refusal **why)
{
    struct record *r = &row->record;
    const struct site *site = NULL;
    struct str user_agent = user_agent_of(t, r);
    *why = fetch_site(t, w, r, &site);
    if (*why)
        return FATE_REFUSED;
    struct fetch_check f = {
        .site = site,
        .time_ms = r->time_ms,
        .path = r->path,
        .path_is_plain = true,
        .hostname = r->hostname,
        .user_agent = user_agent,
        .user_agent_is_ai = is_ai(t, r, user_agent),
        .status_code = r->status_code,
        .scratch = &w->paths,
    };
    *why = fetch_refusal(&t->judge, &f);
    if (*why)
        return FATE_REFUSED;
    row->site = site->id;
    r->path = f.clean_path;
    r->hostname = f.clean_host;
    return f.dropped ? dropped(t, site, r) : FATE_STORED;
}

/* Whose it would have been, if not the caller's: for the operator's ledger only. */
static int64_t refused_site(const struct batch_task *t, const struct record *r)
{
    struct str host = r->hostname;
    struct url u;
    if (r->kind == RECORD_PAGEVIEW)
        host = str_is_set(r->url) && url_split(r->url, &u) ? u.host : STR_NONE;
    if (str_is_set(r->site))
        host = r->site;
    const struct site *site = host.n > 0 ? rights_site_by_host(t->judge.rights, host) : NULL;
    return site ? site->id : 0;
}

/* The row will be the next record's. */
static void leave(struct batch_task *t, const struct store_row *row, enum store_fate fate)
{
    t->left[t->job.n_left++] = (struct store_left){
        .site = fate == FATE_REFUSED ? refused_site(t, &row->record) : row->site,
        .time_ms = row->record.time_ms,
        .stream = row->stream,
        .fate = fate};
}

static bool take_record(struct batch_task *t, struct walk *w, struct str line)
{
    struct store_row *row = &t->rows[t->job.n_rows];
    struct record *r = &row->record;
    const char *what = "";
    if (!record_read(line, r, &w->unescaped, &what))
        return refuse_line(t, w, what);
    if (!place(t, w, r))
        return false;
    t->lines[t->job.n_rows] = (uint32_t)w->line;
    row->stream = w->stream;
    row->browser = NULL;
    row->country[0] = 0;
    const struct api_refusal *why = NULL;
    enum store_fate fate =
        r->kind == RECORD_PAGEVIEW ? judge_page(t, w, row, &why) : judge_fetch(t, w, row, &why);
    if (w->paths.failed)
        return no_memory(t);
    if (fate == FATE_REFUSED)
        reject_record(t, w, why);
    else if (fate != FATE_STORED)
        t->job.n_excluded++;
    else if (!keep_texts(t, r))
        return false;
    else
        t->job.n_rows++;
    if (fate != FATE_STORED)
        leave(t, row, fate);
    return true;
}

static bool take_records(struct batch_task *t, struct walk *w)
{
    struct str line;
    uint64_t taken = 0;
    w->left = t->header.n_streams > 0 ? t->header.streams[0].records : 0;
    for (; take_line(t, w, RECORD_MAX_BYTES, &line); taken++)
        if (!take_record(t, w, line))
            return false;
    if (t->status != 0 || taken == w->expected)
        return t->status == 0;
    w->line++;
    return refuse_line(t, w, "fewer records than the header counts");
}

/* ---- the job -----------------------------------------------------------------------------------
 */

/* The rejected records stand in `tail` already; what comes before them is known only now. */
static bool finish_tail(struct batch_task *t)
{
    struct buf whole;
    buf_init(&whole, t->tail.max + 64);
    buf_printf(&whole, ",\"excluded\":%u", t->job.n_excluded);
    t->tail_rejected = whole.n;
    buf_lit(&whole, ",\"rejected\":[");
    buf_put_str(&whole, buf_str(&t->tail));
    buf_putc(&whole, ']');
    bool failed = whole.failed || t->tail.failed;
    buf_release(&t->tail);
    t->tail = whole;
    t->job.tail = buf_str(&t->tail);
    return !failed || no_memory(t);
}

static void fill_job(struct batch_task *t)
{
    const struct batch_header *h = &t->header;
    struct store_job *job = &t->job;
    job->kind = STORE_BATCH;
    job->team = client_owner(t->judge.client);
    job->node = h->node;
    job->job = h->job;
    job->streams = h->streams;
    job->n_streams = h->n_streams;
    job->cells = h->cells;
    job->left = t->left;
    job->user_agents = h->user_agents;
    job->n_user_agents = h->n_user_agents;
    job->rows = t->rows;
    /* What is really held: large areas of which little was touched cost little. */
    job->bytes = sizeof(*t) + t->texts.bytes + t->unescaped.n + t->tail.n +
                 job->n_rows * (sizeof(*t->rows) + sizeof(*t->lines)) +
                 job->n_left * sizeof(*t->left) + h->n_cells * sizeof(*h->cells) +
                 h->n_streams * sizeof(*h->streams) + h->n_user_agents * sizeof(*h->user_agents);
}

static bool read_all(struct batch_task *t, struct walk *w)
{
    if (body_lines_begin(&w->lines, t->coding, t->body, BATCH_MAX_DECODED) || !allocate(t, w))
        return no_memory(t);
    if (!read_header(t, w) || !take_records(t, w))
        return false;
    if (body_lines_hash(&w->lines, t->job.body_hash))
        return refuse(t, 500, "Internal server error");
    return finish_tail(t);
}

void batch_decode(struct batch_task *t)
{
    struct walk w = {.line = 0};
    if (read_all(t, &w))
        fill_job(t);
    body_lines_end(&w.lines);
    buf_release(&w.last_host);
    buf_release(&w.unescaped);
    buf_release(&w.paths);
}
