/*
 * api_batch.c - the batch endpoint: token and size here, decoding on the worker, storing on the
 * store's writer, and then the answer.
 */
#include <stdlib.h>

#include "server/api_decode.h"
#include "server/api_internal.h"

static struct batch_task *task_of(struct work *work)
{
    return (struct batch_task *)((char *)work - offsetof(struct batch_task, work));
}

static void task_free(struct batch_task *t)
{
    batch_release(t);
    free(t);
}

/* The request goes with the answer, and the task's texts with it: nothing may look at them
 * afterwards. */
static void refuse_batch(struct batch_task *t, int status, const char *message, const char *extra)
{
    struct http_request *req = t->req;
    http_error_with(req, status, message, extra);
    task_free(t);
}

static void put_answer(struct batch_task *t, struct str answer)
{
    struct buf line;
    buf_init(&line, answer.n + 1);
    buf_put_str(&line, answer);
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
    switch (job->result) {
    case STORE_OK:
    case STORE_REPLAYED:
        put_answer(t, buf_str(&job->answer));
        break;
    case STORE_REUSED:
        refuse_batch(t, 422, "this batch id was used with another body", NULL);
        break;
    case STORE_FULL:
        refuse_batch(t, 507, "no room on the disk", "Retry-After: 30\r\n");
        break;
    default:
        refuse_batch(t, 500, "Internal server error", NULL);
        break;
    }
}

struct batch_call {
    struct batch_task task;
    struct store *store;
};

static void run_decode(struct work *work)
{
    batch_decode(task_of(work));
}

static void on_decoded(struct work *work)
{
    struct batch_task *t = task_of(work);
    struct store *store = ((struct batch_call *)t)->store;
    if (work->dropped) {
        refuse_batch(t, 503, "Service Unavailable", "Retry-After: 2\r\n");
        return;
    }
    if (t->status != 0) {
        refuse_batch(t, t->status, t->message, t->status == 503 ? "Retry-After: 2\r\n" : NULL);
        return;
    }
    t->job.done = on_stored;
    t->job.owner = t;
    if (store_submit(store, &t->job) < 0)
        refuse_batch(t, 503, "Service Unavailable", "Retry-After: 2\r\n");
}

void api_batch_before(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    /* Nobody without a token gets to fill our memory with a body. */
    if (api_admit_unlimited(a, a->general, req, &caller))
        rights_release(caller.rights);
}

static void start_decode(struct api *a, struct http_request *req, struct api_caller *caller,
                         enum coding coding)
{
    struct batch_call *call = calloc(1, sizeof(*call));
    if (!call) {
        rights_release(caller->rights);
        http_error_with(req, 503, "out of memory", "Retry-After: 2\r\n");
        return;
    }
    call->store = a->store;
    call->task.work.run = run_decode;
    call->task.work.done = on_decoded;
    call->task.req = req;
    call->task.body = req->body;
    call->task.coding = coding;
    call->task.rights = caller->rights;
    call->task.client = caller->client;
    call->task.filters = &a->config.filters;
    call->task.catalogue = a->catalogue;
    api_worker_put(a->worker, &call->task.work);
}

void api_batch(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    enum coding coding;
    /* Again: the token may have been revoked while the body came. */
    if (!api_admit_unlimited(a, a->general, req, &caller))
        return;
    if (req->body_too_large) {
        rights_release(caller.rights);
        http_error(req, 413, "the batch is too large");
    } else if (!coding_parse(http_header(req, STR("content-encoding")), &coding)) {
        rights_release(caller.rights);
        http_error(req, 415, "Content-Encoding must be zstd, gzip or identity");
    } else {
        start_decode(a, req, &caller, coding);
    }
}
