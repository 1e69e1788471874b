/*
 * api_decode.c - reads a batch. What makes the whole of it worthless (a line that is no record,
 * counts and positions that contradict the header) refuses it with the line's number; what is wrong
 * with one record refuses that record, in the words of the single-record endpoints.
 */
#include "server/api_decode.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/api_path.h"
#include "server/go_text.h"
#include "server/lists.h"
#include "server/uuid.h"

struct kept_text {
    struct kept_text *next;
    char text[];
};

/* The walk over the lines. */
struct walk {
    struct str rest;      /* of the plain body */
    size_t line;          /* number of the one just taken; the header is 1 */
    uint32_t stream;      /* of the current record */
    uint64_t left;        /* records of that stream still to come */
    uint64_t expected;    /* records in all */
    struct str last_host; /* and its site: neighbours mostly share it */
    const struct site *last_site;
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

/* A buffer over what is left of the text area: what a line's strings are unescaped into, and stay
 * in. */
static struct buf text_window(const struct batch_task *t)
{
    size_t left = t->text_max - t->text_used;
    return (struct buf){.p = t->text + t->text_used, .cap = left, .max = left};
}

/* Copies a text out of the `paths` scratch, which the next record takes. Rare: only paths that must
 * be respelled. */
static bool keep(struct batch_task *t, struct str *s)
{
    if (s->n == 0 || !t->paths.p || s->p < t->paths.p || s->p >= t->paths.p + t->paths.n)
        return true;
    struct kept_text *k = malloc(sizeof(*k) + s->n);
    if (!k)
        return no_memory(t);
    memcpy(k->text, s->p, s->n);
    k->next = t->kept;
    t->kept = k;
    s->p = k->text;
    t->job.bytes += sizeof(*k) + s->n;
    return true;
}

void batch_release(struct batch_task *t)
{
    while (t->kept) {
        struct kept_text *next = t->kept->next;
        free(t->kept);
        t->kept = next;
    }
    buf_release(&t->plain);
    buf_release(&t->paths);
    buf_release(&t->tail);
    free(t->text);
    free(t->header.streams);
    free(t->header.user_agents);
    free(t->rows);
    free(t->lines);
    free(t->agents);
    rights_release(t->judge.rights);
    lists_release(t->judge.lists);
    t->text = NULL;
    t->header.streams = NULL;
    t->header.user_agents = NULL;
    t->rows = NULL;
    t->lines = NULL;
    t->agents = NULL;
    t->judge.rights = NULL;
    t->judge.lists = NULL;
}

/* ---- body and header ---------------------------------------------------------------------------
 */

static bool make_plain(struct batch_task *t, struct str *plain)
{
    buf_init(&t->plain, BATCH_MAX_DECODED);
    *plain = t->body;
    if (t->coding == CODING_IDENTITY)
        return t->body.n <= BATCH_MAX_DECODED || refuse(t, 413, "the batch is too large");
    switch (inflate_body(t->coding, t->body, &t->plain)) {
    case INFLATE_OK:
        *plain = buf_str(&t->plain);
        return true;
    case INFLATE_TOO_LARGE:
        return refuse(t, 413, "the batch is too large");
    case INFLATE_NO_MEMORY:
        return no_memory(t);
    default:
        return refuse(t, 400, "the body cannot be decoded as its Content-Encoding says");
    }
}

static bool take_line(struct walk *w, struct str *line)
{
    if (w->rest.n == 0)
        return false;
    ptrdiff_t lf = str_chr(w->rest, '\n', 0);
    size_t end = lf < 0 ? w->rest.n : (size_t)lf;
    *line = str_slice(w->rest, 0, end);
    w->rest = str_slice(w->rest, lf < 0 ? end : end + 1, w->rest.n);
    w->line++;
    return true;
}

static bool allocate(struct batch_task *t, size_t plain_bytes)
{
    struct batch_header *h = &t->header;
    t->text_max = plain_bytes;
    t->text = malloc(plain_bytes + 1);
    h->streams = malloc(BATCH_MAX_STREAMS * sizeof(*h->streams));
    h->user_agents = malloc(BATCH_MAX_USER_AGENTS * sizeof(*h->user_agents));
    t->agents = calloc(BATCH_MAX_USER_AGENTS, 1);
    /* A record's URL or path and host lie within its line. */
    buf_init(&t->paths, API_PATH_ROOM((size_t)BATCH_MAX_DECODED));
    buf_init(&t->tail, (size_t)BATCH_MAX_RECORDS * 128);
    return (t->text && h->streams && h->user_agents && t->agents) || no_memory(t);
}

static bool count_records(struct batch_task *t, struct walk *w)
{
    for (size_t i = 0; i < t->header.n_streams; i++) {
        if (t->header.streams[i].records > BATCH_MAX_RECORDS - w->expected)
            return refuse(t, 413, "too many records");
        w->expected += t->header.streams[i].records;
    }
    t->rows = malloc((w->expected + 1) * sizeof(*t->rows));
    t->lines = malloc((w->expected + 1) * sizeof(*t->lines));
    return (t->rows && t->lines) || no_memory(t);
}

static bool read_header(struct batch_task *t, struct walk *w)
{
    struct str line;
    const char *why = "";
    if (!take_line(w, &line))
        return refuse(t, 400, "the body is empty");
    struct buf window = text_window(t);
    if (!batch_header_read(line, &t->header, &window, &why))
        return refuse_line(t, w, why);
    t->text_used += window.n;
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

enum fate { FATE_STORE, FATE_DROP, FATE_REJECT };

static enum fate judge_page(struct batch_task *t, struct store_row *row,
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
        .scratch = &t->paths,
    };
    *why = page_refusal(&t->judge, &p);
    if (!*why && str_is_set(r->session_id) && !uuid_parse(r->session_id, uuid))
        *why = &bad_session;
    if (*why)
        return FATE_REJECT;
    row->site = p.site->id;
    r->url = p.clean_url;
    r->visitor_ip = p.bare_ip;
    memcpy(row->country, p.country, sizeof(row->country));
    return page_is_dropped(&t->judge, &p) ? FATE_DROP : FATE_STORE;
}

static const struct api_refusal *fetch_site(struct batch_task *t, struct walk *w,
                                            const struct record *r, const struct site **site)
{
    struct str name = str_is_set(r->site) ? r->site : r->hostname;
    if (w->last_site && name.n > 0 && str_eq(name, w->last_host)) {
        *site = w->last_site;
        return NULL;
    }
    const struct api_refusal *why = site_refusal(&t->judge, name.n > 0 ? name : STR(""), site);
    w->last_host = why ? STR_NONE : name;
    w->last_site = why ? NULL : *site;
    return why;
}

static enum fate judge_fetch(struct batch_task *t, struct walk *w, struct store_row *row,
                             const struct api_refusal **why)
{
    struct record *r = &row->record;
    const struct site *site = NULL;
    struct str user_agent = user_agent_of(t, r);
    *why = fetch_site(t, w, r, &site);
    if (*why)
        return FATE_REJECT;
    struct fetch_check f = {
        .site = site,
        .time_ms = r->time_ms,
        .path = r->path,
        .path_is_plain = true,
        .hostname = r->hostname,
        .user_agent = user_agent,
        .user_agent_is_ai = is_ai(t, r, user_agent),
        .status_code = r->status_code,
        .scratch = &t->paths,
    };
    *why = fetch_refusal(&t->judge, &f);
    if (*why)
        return FATE_REJECT;
    row->site = site->id;
    r->path = f.clean_path;
    r->hostname = f.clean_host;
    return f.dropped ? FATE_DROP : FATE_STORE;
}

static bool take_record(struct batch_task *t, struct walk *w, struct str line)
{
    struct store_row *row = &t->rows[t->job.n_rows];
    struct record *r = &row->record;
    const char *what = "";
    struct buf window = text_window(t);
    if (!record_read(line, r, &window, &what))
        return refuse_line(t, w, what);
    t->text_used += window.n;
    if (!place(t, w, r))
        return false;
    t->lines[t->job.n_rows] = (uint32_t)w->line;
    row->stream = w->stream;
    row->browser = NULL;
    row->country[0] = 0;
    const struct api_refusal *why = NULL;
    enum fate fate =
        r->kind == RECORD_PAGEVIEW ? judge_page(t, row, &why) : judge_fetch(t, w, row, &why);
    if (t->paths.failed)
        return no_memory(t);
    if (fate == FATE_REJECT)
        reject_record(t, w, why);
    else if (fate == FATE_DROP)
        t->job.n_excluded++;
    else
        t->job.n_rows++;
    return fate != FATE_STORE || (keep(t, &r->url) && keep(t, &r->path) && keep(t, &r->hostname));
}

static bool take_records(struct batch_task *t, struct walk *w)
{
    struct str line;
    uint64_t taken = 0;
    w->left = t->header.n_streams > 0 ? t->header.streams[0].records : 0;
    for (; take_line(w, &line); taken++)
        if (!take_record(t, w, line))
            return false;
    if (taken == w->expected)
        return true;
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

static void fill_job(struct batch_task *t, struct str plain)
{
    const struct batch_header *h = &t->header;
    struct store_job *job = &t->job;
    job->kind = STORE_BATCH;
    job->team = client_owner(t->judge.client);
    job->node = h->node;
    job->job = h->job;
    job->streams = h->streams;
    job->n_streams = h->n_streams;
    job->user_agents = h->user_agents;
    job->n_user_agents = h->n_user_agents;
    job->rows = t->rows;
    /* What is really held: large areas of which little was touched cost little. */
    job->bytes += sizeof(*t) + t->body.n + plain.n + t->text_used + t->tail.n +
                  job->n_rows * sizeof(*t->rows) + h->n_streams * sizeof(*h->streams);
}

void batch_decode(struct batch_task *t)
{
    struct walk w = {.line = 0};
    struct str plain;
    if (!make_plain(t, &plain))
        return;
    if (sha256(plain, t->job.body_hash) < 0) {
        refuse(t, 500, "Internal server error");
        return;
    }
    w.rest = plain;
    if (allocate(t, plain.n) && read_header(t, &w) && take_records(t, &w) && finish_tail(t))
        fill_job(t, plain);
}
