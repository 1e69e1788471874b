/* verify_ask.c - see verify_ask.h. */
#include "agent/verify_ask.h"

#include "agent/answer.h"
#include "agent/verify_table.h"
#include "config/exit_codes.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_FLYING 2u
#define BACKOFF_BASE_MS 250
#define BACKOFF_CAP_MS 8000
/* How long a failing server is asked again: one that never answered; one that has; one that says
 * how long it wants. */
#define PATIENCE_NEW_S 10.0
#define PATIENCE_S 60.0
#define PATIENCE_TOLD_S 300.0
/* Records refused one by one, with no answer in between: then it is no matter of the record. */
#define MAX_REFUSED_ALONE 8u

/* A batch whose answer is out, or (without one) the question for the sites. */
struct question {
    struct question *next;
    struct verify_ask *ask;
    struct batch *batch;
    struct verify_record *records;
    struct http_transfer *transfer;
};

struct verify_ask {
    struct verify_ask_options o;
    struct http_client *http;
    struct buf token;
    struct sites *sites;    /* the caller's, while it asks for them */
    struct question *first; /* wait to be asked */
    struct question *flying[MAX_FLYING];
    ev_timer pause;                   /* active: the server wants time */
    double failing_since;             /* 0: it does not fail */
    unsigned failures, refused_alone; /* in a row */
    bool answered, told;
    int code;
    char why[512];
};

/* ---- failing ----------------------------------------------------------------------------------
 */

static void free_question(struct question *q)
{
    if (!q)
        return;
    http_cancel(q->transfer);
    batch_free(q->batch);
    free(q->records);
    free(q);
}

static void fail(struct verify_ask *a, int code, const char *why, const struct http_answer *h)
{
    const char *detail = h && h->error ? h->error : "";
    struct str body = h && !h->error && h->status != 200 ? str_trim(h->body) : STR_NONE;
    if (body.n > 120)
        body.n = 120;
    if (a->code)
        return;
    a->code = code;
    snprintf(a->why, sizeof(a->why), "%s: %s%s%s%.*s", a->o.destination->url.p, why,
             *detail || body.n ? ": " : "", detail, STR_ARGS(body));
}

int verify_ask_failure(const struct verify_ask *a, const char **why)
{
    *why = a->why;
    return a->code;
}

static void pump(struct verify_ask *a);

static void on_pause(struct ev_loop *loop, ev_timer *timer, int events)
{
    pump(timer->data);
}

/* Later again, or never when it was long enough. */
static void failed_for_now(struct verify_ask *a, const struct http_answer *h, const char *why)
{
    unsigned shift = a->failures < 6 ? a->failures : 6;
    int64_t cap = (int64_t)BACKOFF_BASE_MS << shift, wait = h->retry_after_ms;
    double now = ev_now(a->o.loop);
    if (wait < 0)
        wait = 50 + arc4random_uniform((uint32_t)(cap < BACKOFF_CAP_MS ? cap : BACKOFF_CAP_MS));
    double patience = h->retry_after_ms >= 0 ? PATIENCE_TOLD_S
                      : a->answered          ? PATIENCE_S
                                             : PATIENCE_NEW_S;
    if (!a->failures++)
        a->failing_since = now;
    if (now + (double)wait / 1000.0 > a->failing_since + patience) {
        fail(a, EXIT_UNREACHABLE, why, h);
        return;
    }
    if (!a->told)
        fprintf(stderr, "logferry verify: %s: %s; trying again for up to %.0f s\n",
                a->o.destination->url.p, why, patience);
    a->told = true;
    ev_timer_stop(a->o.loop, &a->pause);
    ev_timer_set(&a->pause, (double)wait / 1000.0, 0.0);
    ev_timer_start(a->o.loop, &a->pause);
}

static void answered(struct verify_ask *a)
{
    a->answered = true;
    a->told = false;
    a->failures = 0;
}

/* ---- halves -----------------------------------------------------------------------------------
 */

struct half {
    size_t from, to; /* lines of the body: [from, to) */
};

static bool in_half(void *context, size_t line)
{
    const struct half *h = context;
    return line >= h->from && line < h->to;
}

static struct question *new_question(struct verify_ask *a, struct batch *b,
                                     struct verify_record *records)
{
    struct question *q = calloc(1, sizeof(*q));
    if (!q)
        abort(); /* a few dozen bytes; nothing is lost, the command can be run again */
    q->ask = a;
    q->batch = b;
    q->records = records;
    q->next = a->first;
    a->first = q;
    return q;
}

static bool ask_part(struct question *q, struct half h, struct str salt)
{
    const char *error = NULL;
    size_t n = h.to - h.from;
    struct batch *b = batch_select(q->batch, in_half, &h, salt, false, &error);
    struct verify_record *records = malloc(n * sizeof(*records));
    if (!b || !records || b->n_records != n) {
        batch_free(b);
        free(records);
        return false;
    }
    memcpy(records, q->records + (h.from - 2), n * sizeof(*records));
    new_question(q->ask, b, records);
    return true;
}

static void split(struct question *q)
{
    size_t n = q->batch->n_records, middle = 2 + n / 2;
    if (!ask_part(q, (struct half){middle, n + 2}, STR("verify 2")) ||
        !ask_part(q, (struct half){2, middle}, STR("verify 1")))
        fail(q->ask, EXIT_INTERNAL, "a batch cannot be halved: out of memory", NULL);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

/* Which records are excluded matters only where they would be counted in different places. */
static bool splits_for_clarity(const struct question *q, const struct verify_answer *answer)
{
    const struct verify_record *first = NULL;
    const struct verify_rejected *why;
    struct verify_walk w = {.answer = answer};
    if (!verify_answer_is_vague(answer))
        return false;
    for (uint32_t i = 0; i < q->batch->n_records; i++) {
        const struct verify_record *r = &q->records[i];
        enum verify_fate fate = verify_walk_to(&w, i + 2, &why);
        if (fate != VERIFY_STORED && fate != VERIFY_EXCLUDED)
            continue;
        if (first && (r->owner != first->owner ||
                      r->time_ms / VERIFY_HOUR_MS != first->time_ms / VERIFY_HOUR_MS))
            return true;
        first = first ? first : r;
    }
    return false;
}

static void take_answer(struct question *q, const struct http_answer *h)
{
    struct verify_ask *a = q->ask;
    struct verify_answer answer;
    bool good = verify_answer_read(h->body, q->batch->id, q->batch->n_records, &answer);
    if (good) {
        answered(a);
        a->refused_alone = 0;
        if (splits_for_clarity(q, &answer))
            split(q);
        else
            a->o.on_answer(a->o.context, q->records, q->batch->n_records, &answer);
    }
    verify_answer_release(&answer);
    if (!good)
        fail(a, EXIT_UNREACHABLE,
             "this is not an answer of this API: is it a logferry-server, and nothing in between "
             "that answers for it?",
             h);
}

/* Too large, or refused as a whole; a record alone is refused for itself. */
static void refused(struct question *q, const struct http_answer *h, const char *why)
{
    struct verify_ask *a = q->ask;
    struct str text = str_trim(h->body);
    struct verify_rejected one = {.line = 2, .status = (uint16_t)h->status, .error = text};
    struct verify_answer answer = {.rejected = &one, .n_rejected = 1};
    a->answered = true;
    a->failures = 0;
    if (q->batch->n_records > 1) {
        split(q);
        return;
    }
    if (++a->refused_alone > MAX_REFUSED_ALONE)
        fail(a, EXIT_UNREACHABLE, why, h);
    else
        a->o.on_answer(a->o.context, q->records, 1, &answer);
}

static void take_sites(struct question *q, const struct http_answer *h)
{
    struct verify_ask *a = q->ask;
    const char *why = "";
    answered(a);
    int n = a->sites ? sites_add_answer(a->sites, h->body, 1, &why) : 1;
    if (n < 0)
        fail(a, EXIT_UNREACHABLE, why, h);
    else if (n == 0)
        fail(a, EXIT_PERMISSION,
             "the token may write no site; on the server: logferry-server client grant NAME "
             "SITE=ingest",
             h);
}

/* The server does not answer this: not now, and not later either. */
static void refused_for_good(struct question *q, const struct http_answer *h, const char *why)
{
    bool nowhere = q->batch && (h->status == 404 || h->status == 405);
    int code = h->status == 401 || h->status == 403 ? EXIT_PERMISSION : EXIT_UNREACHABLE;
    if (nowhere)
        why = "this server cannot verify: it has no POST /api/ingest/server/verify. An older "
              "logferry-server has to be upgraded; HitKeep has no such endpoint";
    fail(q->ask, code, why, h);
}

static enum answer_action action_of(const struct question *q, const struct http_answer *h,
                                    const char **why)
{
    *why = "the server cannot be reached";
    if (h->error)
        return ANSWER_RETRY;
    enum answer_action action = h->status == 200 ? ANSWER_ACCEPTED : answer_status(h->status, why);
    return action == ANSWER_SPLIT && !q->batch ? ANSWER_PAUSE : action;
}

/* False: the question stays, for later. */
static bool judge_answer(struct question *q, const struct http_answer *h)
{
    const char *why;
    switch (action_of(q, h, &why)) {
    case ANSWER_RETRY:
        failed_for_now(q->ask, h, why);
        return false;
    case ANSWER_ACCEPTED:
        if (q->batch)
            take_answer(q, h);
        else
            take_sites(q, h);
        return true;
    case ANSWER_PAUSE:
        refused_for_good(q, h, why);
        return true;
    case ANSWER_SPLIT:
        refused(q, h, why);
        return true;
    }
    return true;
}

static void on_http(void *context, const struct http_answer *h)
{
    struct question *q = context;
    struct verify_ask *a = q->ask;
    q->transfer = NULL;
    for (unsigned i = 0; i < MAX_FLYING; i++)
        if (a->flying[i] == q)
            a->flying[i] = NULL;
    if (judge_answer(q, h)) {
        free_question(q);
    } else {
        q->next = a->first;
        a->first = q;
    }
    pump(a);
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static struct http_transfer *start(struct question *q)
{
    struct verify_ask *a = q->ask;
    const struct destination_config *d = a->o.destination;
    struct http_request r = {.base = d->url.p,
                             .path = q->batch ? "/api/ingest/server/verify" : "/api/sites",
                             .token = buf_cstr(&a->token),
                             .proxy = d->proxy.p,
                             .ca_file = d->ca_file.p,
                             .on_answer = on_http,
                             .context = q};
    if (q->batch)
        r.body = buf_str(&q->batch->body);
    if (q->batch && q->batch->encoding == BATCH_ZSTD)
        r.content_encoding = "zstd";
    return http_start(a->http, &r);
}

static void pump(struct verify_ask *a)
{
    for (unsigned i = 0; i < MAX_FLYING; i++) {
        struct question *q = a->first;
        if (a->flying[i] || !q || a->code || ev_is_active(&a->pause))
            continue;
        q->transfer = start(q);
        if (!q->transfer) {
            fail(a, EXIT_INTERNAL, "out of memory, or a URL that cannot be asked", NULL);
            return;
        }
        a->first = q->next;
        q->next = NULL;
        a->flying[i] = q;
    }
}

static unsigned count_flying(const struct verify_ask *a)
{
    unsigned n = 0;
    for (unsigned i = 0; i < MAX_FLYING; i++)
        n += a->flying[i] != NULL;
    return n;
}

bool verify_ask_wait_room(struct verify_ask *a)
{
    if (!a->code)
        ev_run(a->o.loop, EVRUN_NOWAIT);
    while (!a->code && (a->first || count_flying(a) == MAX_FLYING))
        ev_run(a->o.loop, EVRUN_ONCE);
    return !a->code;
}

bool verify_ask_wait_all(struct verify_ask *a)
{
    while (!a->code && (a->first || count_flying(a)))
        ev_run(a->o.loop, EVRUN_ONCE);
    return !a->code;
}

void verify_ask_batch(struct verify_ask *a, struct batch *b, struct verify_record *records)
{
    new_question(a, b, records);
    pump(a);
}

void verify_ask_sites(struct verify_ask *a, struct sites *sites)
{
    a->sites = sites;
    new_question(a, NULL, NULL);
    pump(a);
    verify_ask_wait_all(a);
    a->sites = NULL;
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct verify_ask *verify_ask_new(const struct verify_ask_options *o, struct buf *why, int *code)
{
    struct verify_ask *a = calloc(1, sizeof(*a));
    *code = EXIT_INTERNAL;
    if (!a)
        return NULL;
    a->o = *o;
    ev_timer_init(&a->pause, on_pause, 0.0, 0.0);
    a->pause.data = a;
    buf_init(&a->token, 1024);
    if (!destination_token(a->o.destination, &a->token, why)) {
        *code = EXIT_PERMISSION;
        verify_ask_free(a);
        return NULL;
    }
    a->http = http_client_new(o->loop);
    if (a->http)
        return a;
    buf_lit(why, "out of memory");
    verify_ask_free(a);
    return NULL;
}

void verify_ask_free(struct verify_ask *a)
{
    if (!a)
        return;
    ev_timer_stop(a->o.loop, &a->pause);
    for (unsigned i = 0; i < MAX_FLYING; i++)
        free_question(a->flying[i]);
    while (a->first) {
        struct question *q = a->first;
        a->first = q->next;
        free_question(q);
    }
    http_client_free(a->http);
    if (a->token.p)
        explicit_bzero(a->token.p, a->token.cap);
    buf_release(&a->token);
    free(a);
}
