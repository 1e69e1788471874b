/*
 * api_verify.c - the verify endpoint: a batch's body, and instead of storing it the question which
 * of its records are stored. It writes nothing.
 *
 * The look-ups run on a read-only connection and a thread of their own. Inside the writer they
 * would hold up every batch behind them (10,000 look-ups, perhaps from a cold disk), and on the
 * thread that decodes batches they would hold up decoding; here a long verification costs neither.
 * A reader keeps the log from being emptied only while its transaction lasts: one body.
 */
#include <stdlib.h>
#include <time.h>

#include "parsers/base/log.h"
#include "server/api_batch.h"
#include "server/api_internal.h"
#include "server/clock.h"
#include "server/store_find.h"
#include "server/uuid.h"

#define COMPLAIN_EVERY_MS 60000

struct verifier {
    const char *dir;
    struct api_worker *worker;
    /* The worker's thread's: */
    struct store_finder *finder; /* opened by the first request, anew after a failure */
    struct log_limit complaint;
};

/* ---- on the worker's thread ---------------------------------------------------------------- */

static void complain(struct verifier *v, const char *why)
{
    if (log_limit_pass(&v->complaint, clock_ms(CLOCK_MONOTONIC), COMPLAIN_EVERY_MS))
        log_event(LOG_ERROR, "verify_failed", "why=\"%s\" mend=\"logferry-server fsck\"", why);
}

static int open_finder(struct verifier *v)
{
    enum store_failure failure;
    struct buf error;
    if (v->finder)
        return 0;
    buf_init(&error, 4096);
    v->finder = store_finder_open(v->dir, &error, &failure);
    if (!v->finder)
        complain(v, buf_cstr(&error));
    buf_release(&error);
    return v->finder ? 0 : -1;
}

static bool *look_up(struct verifier *v, const struct store_job *job)
{
    const char *why = "";
    bool *present = calloc(job->n_rows + 1, sizeof(*present));
    if (!present || open_finder(v)) {
        free(present);
        return NULL;
    }
    if (store_finder_find(v->finder, job, present, &why) == 0)
        return present;
    complain(v, why);
    store_finder_close(v->finder);
    v->finder = NULL;
    free(present);
    return NULL;
}

/* Rows stand in the order of their lines; lines that are no row (rejected, excluded) end a range.
 */
static void put_missing(struct buf *out, const struct batch_task *t, const bool *present)
{
    const char *comma = "";
    size_t i = 0;
    buf_putc(out, '[');
    while (i < t->job.n_rows) {
        size_t first = i++;
        if (present[first])
            continue;
        while (i < t->job.n_rows && !present[i] && t->lines[i] == t->lines[i - 1] + 1)
            i++;
        buf_printf(out, "%s[%u,%u]", comma, t->lines[first], t->lines[i - 1]);
        comma = ",";
    }
    buf_putc(out, ']');
}

static void put_answer(struct batch_task *t, const bool *present)
{
    char id[UUID_TEXT + 1];
    size_t n = 0;
    struct str tail = t->job.tail;
    for (size_t i = 0; i < t->job.n_rows; i++)
        n += present[i];
    uuid_format(t->job.batch_id, id);
    buf_init(&t->job.answer, BATCH_MAX_DECODED);
    buf_printf(&t->job.answer, "{\"batch\":\"%s\",\"present\":%zu,\"missing\":%zu", id, n,
               t->job.n_rows - n);
    buf_put_str(&t->job.answer, str_slice(tail, 0, t->tail_rejected));
    buf_lit(&t->job.answer, ",\"missing_lines\":");
    put_missing(&t->job.answer, t, present);
    buf_put_str(&t->job.answer, str_slice(tail, t->tail_rejected, tail.n));
    buf_putc(&t->job.answer, '}');
}

static void run_verify(struct work *work)
{
    struct batch_task *t = batch_of(work);
    batch_decode(t);
    if (t->status != 0)
        return;
    bool *present = look_up(t->owner, &t->job);
    if (present)
        put_answer(t, present);
    free(present);
}

/* ---- on the loop's thread ------------------------------------------------------------------ */

static void on_verified(struct work *work)
{
    struct batch_task *t = batch_of(work);
    struct buf answer = t->job.answer;
    t->job.answer = (struct buf){0};
    if (api_batch_decoded(t)) {
        if (answer.n == 0 || answer.failed)
            api_batch_refuse(t, 500, "Internal server error", NULL);
        else
            api_batch_answer(t, buf_str(&answer));
    }
    buf_release(&answer);
}

void api_verify(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct batch_task *t = api_batch_task(a, req);
    if (!t)
        return;
    t->owner = a->verifier;
    t->work.run = run_verify;
    t->work.done = on_verified;
    api_worker_put(a->verifier->worker, &t->work);
}

struct verifier *verifier_new(struct ev_loop *loop, const char *store_dir)
{
    struct verifier *v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    v->dir = store_dir ? store_dir : "";
    v->worker = api_worker_new(loop);
    if (v->worker)
        return v;
    free(v);
    return NULL;
}

void verifier_free(struct verifier *v)
{
    if (!v)
        return;
    api_worker_free(v->worker);
    store_finder_close(v->finder);
    free(v);
}
