/*
 * api_batch.c - the batch endpoint: token and size here, decoding on the worker, storing on the
 * store's writer, and then the answer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/api_batch.h"
#include "server/api_internal.h"
#include "server/api_realtime.h"

static void task_free(struct batch_task *t)
{
    batch_release(t);
    free(t);
}

/* The request goes with the answer, and the task's texts with it: nothing may look at them
 * afterwards. */
void api_batch_refuse(struct batch_task *t, int status, const char *message, const char *headers)
{
    struct http_request *req = t->req;
    http_error_with(req, status, message, headers);
    task_free(t);
}

void api_batch_answer(struct batch_task *t, struct str json)
{
    struct buf line;
    buf_init(&line, json.n + 1);
    buf_put_str(&line, json);
    buf_putc(&line, '\n');
    if (line.failed)
        http_error(t->req, 500, "Internal server error");
    else
        http_respond(t->req, 200, "application/json", NULL, buf_str(&line));
    buf_release(&line);
    task_free(t);
}

static void on_stored(struct store_job *job)
{
    struct batch_task *t = job->owner;
    realtime_done(t->realtime, job);
    switch (job->result) {
    case STORE_OK:
    case STORE_REPLAYED:
        api_batch_answer(t, buf_str(&job->answer));
        break;
    case STORE_REUSED:
        api_batch_refuse(t, 422, "this batch id was used with another body", NULL);
        break;
    case STORE_FULL:
        api_batch_refuse(t, 507, "no room on the disk", "Retry-After: 30\r\n");
        break;
    default:
        api_batch_refuse(t, 500, "Internal server error", NULL);
        break;
    }
}

static void run_decode(struct work *work)
{
    batch_decode(batch_of(work));
}

bool api_batch_decoded(struct batch_task *t)
{
    bool later = t->work.dropped || t->status == 503;
    if (!later && t->status == 0)
        return true;
    api_batch_refuse(t, later ? 503 : t->status,
                     t->work.dropped ? "Service Unavailable" : t->message,
                     later ? "Retry-After: 2\r\n" : NULL);
    return false;
}

/* What a token may send is counted when it is known how many records a batch has. False: answered.
 */
static bool within_quota(struct api *a, struct batch_task *t)
{
    char retry[48];
    int64_t wait_ms = 0;
    size_t n = t->job.n_rows + t->job.n_excluded + t->job.n_rejected;
    if (api_take_records(a, t->judge.client, (uint32_t)n, &wait_ms))
        return true;
    int64_t seconds = wait_ms / 1000 + 1;
    snprintf(retry, sizeof(retry), "Retry-After: %lld\r\n", (long long)seconds);
    api_batch_refuse(t, 429, "Too Many Requests", retry);
    return false;
}

static void on_decoded(struct work *work)
{
    struct batch_task *t = batch_of(work);
    struct api *a = t->owner;
    if (!api_batch_decoded(t) || !within_quota(a, t))
        return;
    http_drop_body(t->req); /* its records wait for the store without it */
    t->job.done = on_stored;
    t->job.owner = t;
    t->realtime = realtime_retain(a->realtime);
    if (store_submit(a->store, &t->job) == 0)
        return;
    realtime_release(t->realtime);
    api_batch_refuse(t, 503, "Service Unavailable", "Retry-After: 2\r\n");
}

void api_batch_before(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    /* Nobody without a token gets to fill our memory with a body. */
    if (api_admit_unlimited(a, a->general, req, &caller))
        rights_release(caller.rights);
}

static struct batch_task *new_task(struct api *a, struct http_request *req,
                                   const struct api_caller *caller, enum coding coding)
{
    struct batch_task *t = calloc(1, sizeof(*t));
    if (!t) {
        http_error_with(req, 503, "out of memory", "Retry-After: 2\r\n");
        return NULL;
    }
    t->req = req;
    t->body = req->body;
    t->coding = coding;
    t->judge = api_judge_of(a, caller);
    t->catalogue = a->catalogue;
    return t;
}

struct batch_task *api_batch_task(struct api *a, struct http_request *req)
{
    struct api_caller caller;
    enum coding coding;
    struct batch_task *t = NULL;
    /* Again: the token may have been revoked while the body came. */
    if (!api_admit_unlimited(a, a->general, req, &caller))
        return NULL;
    if (req->body_too_large)
        http_error(req, 413, "the batch is too large");
    else if (!coding_parse(http_header(req, STR("content-encoding")), &coding))
        http_error(req, 415, "Content-Encoding must be zstd, gzip or identity");
    else
        t = new_task(a, req, &caller, coding);
    if (!t)
        rights_release(caller.rights);
    return t;
}

void api_batch(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct batch_task *t = api_batch_task(a, req);
    if (!t)
        return;
    t->owner = a;
    t->work.run = run_decode;
    t->work.done = on_decoded;
    api_worker_put(a->worker, &t->work);
}
