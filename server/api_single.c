/*
 * api_single.c - HitKeep's three ingest endpoints: one record a request, answered when it is
 * durable. The order of the checks is the contract's; the checks themselves are api_check.c's.
 */
#include <stdlib.h>

#include "server/api_internal.h"
#include "server/api_realtime.h"
#include "server/api_json.h"
#include "server/api_path.h"
#include "server/go_text.h"
#include "server/lists.h"

/* One record on its way to the store. Its texts borrow from the request and from the buffers here.
 */
struct single {
    struct store_job job;
    struct store_row row;
    struct store_browser browser;
    struct store_event event;
    struct http_request *req;
    struct realtime *realtime;
    struct buf scratch; /* unescaped strings */
    struct buf paths;   /* what api_path.c made */
    struct buf objects;
    char session[UUID_TEXT + 1];
};

static void single_free(struct single *s)
{
    buf_release(&s->scratch);
    buf_release(&s->paths);
    buf_release(&s->objects);
    free(s);
}

/* NULL: answered. */
static struct single *single_new(struct http_request *req)
{
    struct single *s = calloc(1, sizeof(*s));
    if (!s) {
        http_error(req, 500, "Internal server error");
        return NULL;
    }
    s->req = req;
    /* Mended UTF-8 takes three bytes for one, and escaping a path the same. */
    buf_init(&s->scratch, 4 * API_SINGLE_BODY_MAX);
    buf_init(&s->paths, API_PATH_ROOM(3 * API_SINGLE_BODY_MAX));
    buf_init(&s->objects, 4 * API_SINGLE_BODY_MAX);
    return s;
}

static void accept_single(struct single *s)
{
    http_respond(s->req, 202, NULL, NULL, STR(""));
    single_free(s);
}

static void refuse_single(struct single *s, int status, const char *message)
{
    http_error(s->req, status, message);
    single_free(s);
}

static void on_stored(struct store_job *job)
{
    struct single *s = job->owner;
    realtime_done(s->realtime, job);
    if (job->result == STORE_OK)
        accept_single(s);
    else
        refuse_single(s, 500, "Internal server error");
}

static void submit(struct api *a, struct single *s, enum store_job_kind kind)
{
    s->job.kind = kind;
    s->job.bytes = sizeof(*s) + s->req->body.n + s->scratch.cap + s->paths.cap + s->objects.cap;
    if (kind == STORE_EVENT) {
        s->job.event = &s->event;
    } else {
        s->job.rows = &s->row;
        s->job.n_rows = 1;
    }
    s->job.done = on_stored;
    s->job.owner = s;
    s->realtime = realtime_retain(a->realtime);
    if (store_submit(a->store, &s->job) == 0)
        return;
    realtime_release(s->realtime);
    http_error_with(s->req, 503, "Service not available on this node", "Retry-After: 2\r\n");
    single_free(s);
}

/* STR_NONE for what is empty: the store's "not given". */
static struct str given(struct str s)
{
    return s.n > 0 ? s : STR_NONE;
}

/* ---- pageview and event ------------------------------------------------------------------------
 */

struct page_body {
    struct str url, timestamp, visitor_ip, user_agent, referrer, language, name, properties;
    int64_t viewport_width, viewport_height, screen_width, screen_height;
    bool dnt;
    struct api_uuid session_id, page_id;
};

#define FIELD(name, kind, member)                                                                  \
    {                                                                                              \
        STR(name), kind, offsetof(struct page_body, member)                                        \
    }
static const struct api_field pageview_fields[] = {
    FIELD("url", API_TEXT, url),
    FIELD("timestamp", API_TEXT, timestamp),
    FIELD("visitor_ip", API_TEXT, visitor_ip),
    FIELD("user_agent", API_TEXT, user_agent),
    FIELD("referrer", API_TEXT, referrer),
    FIELD("dnt", API_BOOL, dnt),
    FIELD("session_id", API_UUID, session_id),
    FIELD("page_id", API_UUID, page_id),
    FIELD("language", API_TEXT, language),
    FIELD("viewport_width", API_INTEGER, viewport_width),
    FIELD("viewport_height", API_INTEGER, viewport_height),
    FIELD("screen_width", API_INTEGER, screen_width),
    FIELD("screen_height", API_INTEGER, screen_height),
};
static const struct api_field event_fields[] = {
    FIELD("url", API_TEXT, url),
    FIELD("timestamp", API_TEXT, timestamp),
    FIELD("visitor_ip", API_TEXT, visitor_ip),
    FIELD("user_agent", API_TEXT, user_agent),
    FIELD("name", API_TEXT, name),
    FIELD("properties", API_OBJECT, properties),
    FIELD("referrer", API_TEXT, referrer),
    FIELD("dnt", API_BOOL, dnt),
    FIELD("session_id", API_UUID, session_id),
};
#undef FIELD

static bool read_page(struct single *s, bool event, struct page_body *body)
{
    *body = (struct page_body){.properties = STR("{}"),
                               .viewport_width = HIT_NO_NUMBER,
                               .viewport_height = HIT_NO_NUMBER,
                               .screen_width = HIT_NO_NUMBER,
                               .screen_height = HIT_NO_NUMBER};
    size_t n = event ? sizeof(event_fields) / sizeof(event_fields[0])
                     : sizeof(pageview_fields) / sizeof(pageview_fields[0]);
    return !s->req->body_too_large &&
           api_json_read(s->req->body, event ? event_fields : pageview_fields, n, body, &s->scratch,
                         &s->objects);
}

static void fill_browser(struct single *s, const struct page_body *body)
{
    struct store_browser *b = &s->browser;
    *b = (struct store_browser){.viewport_width = body->viewport_width,
                                .viewport_height = body->viewport_height,
                                .screen_width = body->screen_width,
                                .screen_height = body->screen_height,
                                .language = given(body->language),
                                .has_page_id = body->page_id.set,
                                .has_session_id = body->session_id.set};
    memcpy(b->page_id, body->page_id.bytes, sizeof(b->page_id));
    memcpy(b->session_id, body->session_id.bytes, sizeof(b->session_id));
    bool sizes = b->viewport_width != HIT_NO_NUMBER || b->viewport_height != HIT_NO_NUMBER ||
                 b->screen_width != HIT_NO_NUMBER || b->screen_height != HIT_NO_NUMBER;
    bool any = sizes || str_is_set(b->language) || b->has_page_id || b->has_session_id;
    s->row.browser = any ? b : NULL;
}

static void fill_page(struct single *s, const struct page_body *body, const struct page_check *p)
{
    struct record *r = &s->row.record;
    struct str session = STR_NONE;
    if (body->session_id.set) {
        uuid_format(body->session_id.bytes, s->session);
        session = (struct str){s->session, UUID_TEXT};
    }
    s->row.site = s->event.site = p->site->id;
    s->row.stream = STORE_NO_STREAM;
    s->event.time_ms = r->time_ms;
    s->event.name = go_trim(body->name);
    s->event.properties = body->properties;
    s->event.visitor_ip = r->visitor_ip = p->bare_ip;
    s->event.user_agent = r->user_agent_text = p->user_agent;
    s->event.session_id = r->session_id = session;
    r->kind = RECORD_PAGEVIEW;
    r->user_agent = -1;
    r->url = p->clean_url;
    r->referrer = given(body->referrer);
    memcpy(s->row.country, p->country, sizeof(s->row.country));
    r->response_ms = r->bytes_served = HIT_NO_NUMBER;
    fill_browser(s, body);
}

static void take_page(struct api *a, const struct api_judge *judge, struct single *s, bool event)
{
    struct page_body body;
    if (!read_page(s, event, &body)) {
        refuse_single(s, 400, "Bad request body");
        return;
    }
    bool time_known = go_time(go_trim(body.timestamp), &s->row.record.time_ms);
    struct page_check p = {
        .url = go_trim(body.url),
        .time_known = time_known,
        .time_ms = s->row.record.time_ms,
        .visitor_ip = go_trim(body.visitor_ip),
        .user_agent = go_trim(body.user_agent),
        .referrer = given(body.referrer),
        .scratch = &s->paths,
    };
    const struct api_refusal *refusal = page_refusal(judge, &p);
    if (s->paths.failed)
        refuse_single(s, 500, "Internal server error");
    else if (refusal)
        refuse_single(s, refusal->status, refusal->message);
    else if (event && go_trim(body.name).n == 0)
        refuse_single(s, 400, "name is required");
    else if (body.dnt || page_is_dropped(judge, &p))
        accept_single(s);
    else {
        fill_page(s, &body, &p);
        submit(a, s, event ? STORE_EVENT : STORE_PAGEVIEW);
    }
}

/* A sender who waits to be asked for the body is asked only when known. All others are looked at
 * once, with their small body; and who is known pays the limiter then. */
static void check_token(struct api *a, struct limiter *l, struct http_request *req)
{
    struct api_caller caller;
    if (!str_is_set(http_header(req, STR("expect"))))
        return;
    if (api_admit_unlimited(a, l, req, &caller))
        rights_release(caller.rights);
}

void api_page_before(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    check_token(a, a->ingest, req);
}

static void page_endpoint(struct api *a, struct http_request *req, bool event)
{
    struct api_caller caller;
    if (!api_admit_token(a, a->ingest, req, &caller))
        return;
    struct api_judge judge = api_judge_of(a, &caller);
    struct single *s = single_new(req);
    if (s)
        take_page(a, &judge, s, event);
    api_judge_release(&judge);
}

void api_pageview(void *ctx, struct http_request *req)
{
    page_endpoint(ctx, req, false);
}

void api_event(void *ctx, struct http_request *req)
{
    page_endpoint(ctx, req, true);
}

/* ---- AI fetch ----------------------------------------------------------------------------------
 */

struct fetch_body {
    struct str path, hostname, content_type, user_agent;
    int64_t status_code, response_ms, bytes_served;
};

#define FIELD(name, kind, member)                                                                  \
    {                                                                                              \
        STR(name), kind, offsetof(struct fetch_body, member)                                       \
    }
static const struct api_field fetch_fields[] = {
    FIELD("path", API_TEXT, path),
    FIELD("hostname", API_TEXT, hostname),
    FIELD("status_code", API_INTEGER, status_code),
    FIELD("content_type", API_TEXT, content_type),
    FIELD("response_ms", API_INTEGER, response_ms),
    FIELD("bytes_served", API_INTEGER, bytes_served),
    FIELD("user_agent", API_TEXT, user_agent),
};
#undef FIELD

/* Search engines' crawlers, which a batch may bring as AI, are none to HitKeep, and so not here. */
static bool is_ai(const struct api *a, struct str user_agent)
{
    const struct agent *agent = NULL;
    return user_agent.n > 0 && catalogue_classify(a->catalogue, user_agent, &agent) == UA_AI &&
           !agent->search_engine;
}

static void fill_fetch(struct single *s, const struct fetch_body *body, const struct fetch_check *f)
{
    struct record *r = &s->row.record;
    s->row.stream = STORE_NO_STREAM;
    r->kind = RECORD_AI_FETCH;
    r->time_ms = f->time_ms;
    r->user_agent = -1;
    r->user_agent_text = f->user_agent;
    r->path = f->clean_path;
    r->hostname = f->clean_host;
    r->content_type = given(go_trim(body->content_type));
    r->status_code = (int)body->status_code;
    r->response_ms = body->response_ms > 0 ? body->response_ms : HIT_NO_NUMBER;
    r->bytes_served = body->bytes_served > 0 ? body->bytes_served : HIT_NO_NUMBER;
}

static void take_fetch(struct api *a, const struct api_judge *judge, const struct site *site,
                       struct single *s)
{
    struct fetch_body body = {0};
    size_t n = sizeof(fetch_fields) / sizeof(fetch_fields[0]);
    if (s->req->body_too_large ||
        !api_json_read(s->req->body, fetch_fields, n, &body, &s->scratch, NULL)) {
        refuse_single(s, 400, "Bad request body");
        return;
    }
    struct str user_agent = go_trim(body.user_agent);
    struct fetch_check f = {
        .site = site,
        .time_ms = judge->now_ms,
        .path = body.path,
        .hostname = body.hostname,
        .user_agent = user_agent,
        .user_agent_is_ai = is_ai(a, user_agent),
        .status_code = body.status_code,
        .scratch = &s->paths,
    };
    const struct api_refusal *refusal = fetch_refusal(judge, &f);
    if (s->paths.failed)
        refuse_single(s, 500, "Internal server error");
    else if (refusal)
        refuse_single(s, refusal->status, refusal->message);
    else if (f.dropped)
        accept_single(s);
    else {
        fill_fetch(s, &body, &f);
        submit(a, s, STORE_AI_FETCH);
    }
}

/* By the forwarder's own address, before its body is looked at: HitKeep's order. */
static bool forwarder_is_dropped(const struct api *a, const struct api_judge *judge,
                                 const struct site *site, const struct http_request *req)
{
    static const unsigned char unix_socket[16];
    char country[2];
    struct http_peer peer = api_client_of(a, req);
    struct filter_subject s = {.site = site};
    if (memcmp(peer.address, unix_socket, sizeof(unix_socket)) != 0)
        s.address = peer.address;
    if (s.address && lists_country(judge->lists, s.address, country))
        s.country = (struct str){country, sizeof(country)};
    return subject_is_excluded(judge, &s) || filter_is_spam(judge->lists, &s);
}

void api_ai_fetch_before(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    check_token(a, a->general, req);
}

void api_ai_fetch(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    if (!api_admit(a, a->general, req, &caller))
        return;
    struct api_judge judge = api_judge_of(a, &caller);
    const struct site *site = api_site_with(&caller, req, PERM_SITE_MANAGE_DATA);
    struct single *s = site ? single_new(req) : NULL;
    if (s) {
        s->row.site = site->id;
        if (forwarder_is_dropped(a, &judge, site, req))
            accept_single(s);
        else
            take_fetch(a, &judge, site, s);
    }
    api_judge_release(&judge);
}
