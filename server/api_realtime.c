/* api_realtime.c - see api_realtime.h. */
#include "server/api_realtime.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "parsers/base/time.h"
#include "server/api_person.h"
#include "server/clock.h"
#include "server/read_list.h"

/* ---- what was stored ------------------------------------------------------------------------ */

enum kind { KIND_HITS, KIND_EVENTS, KIND_FETCHES, KINDS };
static const char *const kind_names[KINDS] = {"hits", "events", "ai_fetch"};

#define PLACES 1024 /* sites whose last number is known; of the others it may have been any */

struct place {
    int64_t site; /* 0: nobody's */
    uint64_t last_id;
};

struct stream {
    struct stream *next;
    struct http_request *req;
    int64_t site;
    char site_uuid[37];
    int64_t caller;    /* a client, or minus a person */
    uint64_t n[KINDS]; /* not told yet */
    uint64_t last_id;  /* of that */
    bool missed;       /* something, before it came back: to be told */
    bool taking;       /* the reader has not taken the last piece yet */
    int64_t told_ms, ends_ms;
};

struct realtime {
    struct api *api; /* of the first stream */
    struct ev_loop *loop;
    struct ev_timer tick;
    struct stream *streams;
    size_t n, most;
    int64_t lifetime_ms;
    bool stopped;
    size_t references;
    /* Numbers go on from the time of the start: one from before a restart is smaller. */
    uint64_t next_id;
    uint64_t unknown_id; /* what has no place may have had numbers up to this one */
    struct place places[PLACES];
};

static struct place *place_of(struct realtime *r, int64_t site)
{
    return &r->places[(uint64_t)site % PLACES];
}

static void note(struct realtime *r, int64_t site, const uint64_t n[KINDS])
{
    struct place *p = place_of(r, site);
    if (p->site != site && p->last_id > r->unknown_id)
        r->unknown_id = p->last_id;
    *p = (struct place){site, r->next_id++};
    for (struct stream *s = r->streams; s; s = s->next) {
        if (s->site != site)
            continue;
        for (int k = 0; k < KINDS; k++)
            s->n[k] += n[k];
        s->last_id = p->last_id;
    }
}

static void tell(struct realtime *r, const struct store_job *job)
{
    uint64_t n[KINDS] = {0};
    if (job->kind == STORE_EVENT) {
        n[KIND_EVENTS] = 1;
        note(r, job->event->site, n);
        return;
    }
    for (size_t i = 0; i < job->n_rows && (job->kind != STORE_BATCH || job->stored > 0); i++) {
        bool fetch = job->kind == STORE_AI_FETCH ||
                     (job->kind == STORE_BATCH && job->rows[i].record.kind == RECORD_AI_FETCH);
        n[fetch ? KIND_FETCHES : KIND_HITS]++;
        if (i + 1 < job->n_rows && job->rows[i + 1].site == job->rows[i].site)
            continue;
        note(r, job->rows[i].site, n);
        memset(n, 0, sizeof(n));
    }
}

void realtime_release(struct realtime *r)
{
    if (--r->references == 0)
        free(r);
}

struct realtime *realtime_retain(struct realtime *r)
{
    r->references++;
    return r;
}

void realtime_done(struct realtime *r, const struct store_job *job)
{
    if (job->result == STORE_OK)
        tell(r, job);
    realtime_release(r);
}

/* ---- one stream ----------------------------------------------------------------------------- */

static void on_room(void *arg)
{
    struct stream *s = arg;
    s->taking = false;
}

static void say(struct stream *s, struct str text)
{
    s->taking = true;
    s->told_ms = clock_ms(CLOCK_MONOTONIC);
    http_stream_put(s->req, text, on_room, s);
}

/* n NULL: anything may have happened. */
static void say_event(struct stream *s, const uint64_t *n)
{
    struct buf out;
    int64_t now_ms = api_now_ms();
    const char *comma = "";
    buf_init(&out, 1024);
    buf_printf(&out, "id: %llu\nevent: analytics.%s\ndata: {\"site_id\":\"%s\",\"kinds\":[",
               (unsigned long long)s->last_id, n ? "changed" : "resync", s->site_uuid);
    for (int k = 0; k < KINDS; k++)
        if (!n || n[k]) {
            buf_printf(&out, "%s\"%s\"", comma, kind_names[k]);
            comma = ",";
        }
    buf_lit(&out, "],\"changed_at\":\"");
    list_put_time(&out, now_ms);
    buf_lit(&out, "\",\"bucket_start\":\"");
    list_put_time(&out, now_ms - now_ms % 60000);
    buf_lit(&out, "\",\"counts\":{");
    comma = "";
    for (int k = 0; n && k < KINDS; k++)
        if (n[k]) {
            buf_printf(&out, "%s\"%s\":%llu", comma, kind_names[k], (unsigned long long)n[k]);
            comma = ",";
        }
    buf_lit(&out, "}}\n\n");
    say(s, buf_str(&out));
    buf_release(&out);
}

/* The same gate as at the beginning, with what the request showed then. */
static bool may_view(struct api *a, const struct stream *s)
{
    struct api_person person;
    struct api_caller caller = {0};
    if (api_find_person(a, s->req, &person)) {
        caller = (struct api_caller){person.rights, NULL, person.user};
    } else {
        caller.rights = store_rights(a->store);
        caller.client = auth_client(caller.rights, s->req, api_now_ms());
    }
    const struct site *site = rights_site_by_id(caller.rights, s->site);
    bool may = (caller.user || caller.client) && site &&
               api_may(&caller, site, PERM_SITE_VIEW) == ACCESS_OK;
    rights_release((struct rights *)caller.rights);
    return may;
}

/* False: it is over. */
static bool step(struct realtime *r, struct stream *s, int64_t now_ms)
{
    if (http_gone(s->req) || !may_view(r->api, s) || (now_ms >= s->ends_ms && !s->taking))
        return false;
    if (s->taking)
        return true;
    if (s->missed) {
        s->missed = false;
        say_event(s, NULL);
    } else if (s->n[KIND_HITS] || s->n[KIND_EVENTS] || s->n[KIND_FETCHES]) {
        uint64_t n[KINDS];
        memcpy(n, s->n, sizeof(n));
        memset(s->n, 0, sizeof(s->n));
        say_event(s, n);
    } else if (now_ms - s->told_ms >= r->lifetime_ms / 4) {
        say(s, STR(": heartbeat\n\n"));
    }
    return true;
}

/* Frees it. What its reader has not taken yet is not waited for. */
static void end(struct realtime *r, struct stream **at)
{
    struct stream *s = *at;
    *at = s->next;
    r->n--;
    http_stream_end(s->req, !s->taking);
    free(s);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct realtime *r = w->data;
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    struct stream **at = &r->streams;
    (void)loop;
    (void)events;
    while (*at) {
        if (step(r, *at, now_ms))
            at = &(*at)->next;
        else
            end(r, at);
    }
    if (!r->streams)
        ev_timer_stop(r->loop, &r->tick);
}

/* ---- the endpoint --------------------------------------------------------------------------- */

/* Does the client come back, and has it missed something? */
static bool has_missed(struct realtime *r, const struct stream *s)
{
    uint64_t last = 0;
    struct str text = http_header(s->req, STR("last-event-id"));
    if (!str_to_u64(text, UINT64_MAX, &last))
        return false;
    const struct place *p = place_of(r, s->site);
    return last < (p->site == s->site ? p->last_id : r->unknown_id);
}

static void begin(struct realtime *r, struct stream *s)
{
    if (!http_stream_begin(s->req, 200, "text/event-stream",
                           "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n")) {
        free(s);
        return;
    }
    s->next = r->streams;
    r->streams = s;
    r->n++;
    if (!ev_is_active(&r->tick))
        ev_timer_again(r->loop, &r->tick);
    s->last_id = r->next_id - 1;
    s->missed = has_missed(r, s);
    say(s, STR(": connected\nretry: 3000\n\n"));
}

static size_t streams_of(const struct realtime *r, int64_t caller)
{
    size_t n = 0;
    for (const struct stream *s = r->streams; s; s = s->next)
        n += s->caller == caller;
    return n;
}

static void start(struct realtime *r, struct http_request *req, const struct site *site,
                  int64_t caller)
{
    struct stream *s = NULL;
    if (streams_of(r, caller) >= REALTIME_STREAMS_EACH) {
        http_error_with(req, 429, "Too Many Requests", "Retry-After: 1\r\n");
        return;
    }
    if (r->stopped || r->n >= r->most || !(s = calloc(1, sizeof(*s)))) {
        http_error_with(req, 503, "Service Unavailable", "Retry-After: 2\r\n");
        return;
    }
    s->req = req;
    s->site = site->id;
    s->caller = caller;
    s->ends_ms = clock_ms(CLOCK_MONOTONIC) + r->lifetime_ms;
    snprintf(s->site_uuid, sizeof(s->site_uuid), "%s", site->uuid_text);
    begin(r, s);
}

void api_realtime(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    if (!api_admit(a, a->general, req, &caller))
        return;
    const struct site *site = api_site_with(&caller, req, PERM_SITE_VIEW);
    a->realtime->api = a;
    if (site)
        start(a->realtime, req, site, caller.user ? -caller.user->id : caller.client->id);
    rights_release(caller.rights);
}

/* ---- life and death ------------------------------------------------------------------------- */

struct realtime *realtime_new(struct ev_loop *loop, size_t streams, int64_t lifetime_ms)
{
    struct realtime *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->loop = loop;
    r->references = 1;
    r->most = streams;
    r->lifetime_ms = lifetime_ms;
    r->next_id = (uint64_t)api_now_ms() * 1000;
    r->unknown_id = r->next_id - 1;
    int64_t tick_ms = lifetime_ms / 4 < REALTIME_TICK_MS ? lifetime_ms / 4 : REALTIME_TICK_MS;
    ev_timer_init(&r->tick, on_tick, 0., (double)tick_ms / 1000);
    r->tick.data = r;
    return r;
}

void realtime_stop(struct realtime *r)
{
    r->stopped = true;
    while (r->streams)
        end(r, &r->streams);
    ev_timer_stop(r->loop, &r->tick);
}

void realtime_free(struct realtime *r)
{
    if (!r)
        return;
    realtime_stop(r);
    realtime_release(r);
}

size_t realtime_streams(const struct realtime *r)
{
    return r->n;
}
