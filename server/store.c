/*
 * store.c - the queue, the writer thread and its group commit.
 *
 * It knows no engine: store_engine.h does. Two threads meet here: the loop's (submit, collect) and
 * the writer. One mutex guards the queue, the finished jobs, the counts and the rights pointer; it
 * is never held while the engine works.
 */
#include "server/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "parsers/base/fault.h"
#include "parsers/base/log.h"
#include "server/clock.h"
#include "server/store_dir.h"
#include "server/store_engine.h"

#define GROUP_ROWS 40000 /* bounds how long one transaction keeps the next from starting */
#define GROUP_JOBS 4096
#define JOB_BYTES 512 /* what a job costs beyond what its owner counts */
#define PROBE_MS 2000
#define HOUSEKEEP_MS (3600 * 1000)
#define HOUSEKEEP_MORE_MS 250
#define HOUSEKEEP_FIRST_MS (60 * 1000) /* after the start, and never in a short command */
#define PACK_MS (10 * 1000)            /* between looks for something to pack */
#define PACK_BUSY_MS 5000              /* the same while there is always other work */
#define USES_MS (60 * 1000)            /* between looks at when clients were last used */
#define USE_LAG_MS (300 * 1000)        /* what is written of that may be older by so much */
#define IDLE_MS 1000
#define IDLE_PACKING_MS 100 /* so long without work, and the next is packed */

struct job_list {
    struct store_job *first, **end;
};

struct store {
    pthread_mutex_t mutex;
    pthread_cond_t work, finished_work;
    struct job_list queue, finished;
    size_t queue_bytes;
    struct store_stats stats;
    struct rights *rights;
    bool closing;

    void (*wakeup)(void *arg);
    void *wakeup_arg;

    pthread_t writer; /* everything below is the writer's */
    struct engine *engine;
    uint64_t group_us; /* what the last transaction took */
    int64_t housekeep_at_ms;
    int64_t probe_at_ms; /* while the store cannot be written */
    int64_t pack_at_ms;
    bool packing; /* there is more to pack */
    int64_t uses_at_ms;
    int lock_fd;
};

static void list_init(struct job_list *l)
{
    l->first = NULL;
    l->end = &l->first;
}

static void list_append(struct job_list *l, struct store_job *job)
{
    job->next = NULL;
    *l->end = job;
    l->end = &job->next;
}

/* ---- the writer --------------------------------------------------------------------------- */

/* Moves the head of the queue, up to the bounds, to `group`. Called with the mutex held. */
static void take_group(struct store *s, struct job_list *group)
{
    size_t rows = 0, jobs = 0;
    list_init(group);
    while (s->queue.first && rows < GROUP_ROWS && jobs < GROUP_JOBS) {
        struct store_job *job = s->queue.first;
        s->queue.first = job->next;
        rows += job->n_rows;
        jobs++;
        list_append(group, job);
    }
    if (!s->queue.first)
        list_init(&s->queue);
}

static int64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Only the writer swaps the snapshot, so here it may be read without the mutex. */
static bool uses_wait(struct store *s, int64_t lag_ms)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    if (now_ms < s->uses_at_ms)
        return false;
    s->uses_at_ms = now_ms + USES_MS;
    return rights_uses_wait(s->rights, lag_ms);
}

/* With nothing else to write, a transaction of its own. */
static void write_uses(struct store *s, int64_t lag_ms)
{
    if (!uses_wait(s, lag_ms) || s->stats.full)
        return;
    enum engine_status status = engine_begin(s->engine, clock_ms(CLOCK_REALTIME));
    if (status == ENGINE_OK) {
        engine_put_uses(s->engine, s->rights, lag_ms);
        status = engine_commit(s->engine);
    }
    if (status != ENGINE_OK)
        engine_rollback(s->engine);
}

static enum engine_status run_group(struct store *s, struct job_list *group, bool *called)
{
    int64_t began_us = clock_us();
    enum engine_status status = engine_begin(s->engine, clock_ms(CLOCK_REALTIME));
    if (status == ENGINE_OK && uses_wait(s, USE_LAG_MS))
        engine_put_uses(s->engine, s->rights, USE_LAG_MS);
    for (struct store_job *job = group->first; job && status == ENGINE_OK; job = job->next) {
        status = engine_run(s->engine, job);
        *called = *called || job->kind == STORE_CALL;
    }
    if (status == ENGINE_OK)
        status = engine_commit(s->engine);
    s->group_us = (uint64_t)(clock_us() - began_us);
    if (status == ENGINE_OK)
        return status;
    engine_rollback(s->engine);
    for (struct store_job *job = group->first; job; job = job->next) {
        job->result = status == ENGINE_FULL ? STORE_FULL : STORE_FAILED;
        job->stored = job->duplicate = 0;
        buf_release(&job->answer);
    }
    return status;
}

static void swap_rights(struct store *s)
{
    struct rights *fresh = engine_rights(s->engine);
    if (!fresh) {
        log_event(LOG_ERROR, "rights_unreadable", "mend=\"restart logferry-server\"");
        return;
    }
    pthread_mutex_lock(&s->mutex);
    struct rights *old = s->rights;
    rights_carry_uses(fresh, old);
    s->rights = fresh;
    pthread_mutex_unlock(&s->mutex);
    rights_release(old);
}

static void count_job(struct store_stats *stats, const struct store_job *job)
{
    stats->stored += job->stored;
    stats->duplicate += job->duplicate;
    if (job->kind == STORE_BATCH && job->result == STORE_OK) {
        stats->excluded += job->n_excluded;
        stats->rejected += job->n_rejected;
    }
    stats->batches += job->kind == STORE_BATCH && job->result == STORE_OK;
    stats->replayed += job->result == STORE_REPLAYED;
    stats->reused += job->result == STORE_REUSED;
    stats->failed +=
        job->kind != STORE_CALL && (job->result == STORE_FULL || job->result == STORE_FAILED);
}

/* Did its transaction write something? Only then has its success shown that the store can be
 * written. */
static bool wrote(const struct job_list *group)
{
    for (const struct store_job *job = group->first; job; job = job->next)
        if (job->kind != STORE_CALL && job->result == STORE_OK)
            return true;
    return false;
}

/* Called with the mutex held. */
static void note_health(struct store *s, enum engine_status status)
{
    if (status == ENGINE_OK && (s->stats.full || s->stats.failing))
        log_event(LOG_INFO, "store_writable", "after=%s", s->stats.full ? "no_room" : "failure");
    s->stats.full = status == ENGINE_FULL;
    s->stats.failing = status == ENGINE_FAILED;
    s->probe_at_ms = clock_ms(CLOCK_MONOTONIC) + PROBE_MS;
}

static void give_results(struct store *s, struct job_list *group, enum engine_status status)
{
    pthread_mutex_lock(&s->mutex);
    if (status != ENGINE_OK || wrote(group))
        note_health(s, status);
    if (status == ENGINE_OK)
        histogram_add(&s->stats.commits, s->group_us);
    for (struct store_job *job = group->first, *next; job; job = next) {
        next = job->next;
        count_job(&s->stats, job);
        list_append(&s->finished, job);
    }
    pthread_cond_signal(&s->finished_work);
    /* With the mutex held: once store_set_wakeup has returned, the old one is not called. */
    if (s->wakeup)
        s->wakeup(s->wakeup_arg);
    pthread_mutex_unlock(&s->mutex);
}

static void housekeep(struct store *s)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    if (now_ms < s->housekeep_at_ms && !fault_fails("store.housekeep_early"))
        return;
    bool more = engine_housekeep(s->engine, clock_ms(CLOCK_REALTIME));
    s->housekeep_at_ms = now_ms + (more ? HOUSEKEEP_MORE_MS : HOUSEKEEP_MS);
}

/* What reports read quickly. A failure is the log's; the next time comes. */
static void pack(struct store *s)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    if ((now_ms < s->pack_at_ms && !fault_fails("store.pack_early")) || s->stats.full)
        return;
    s->packing = engine_pack(s->engine, clock_ms(CLOCK_REALTIME));
    s->pack_at_ms = clock_ms(CLOCK_MONOTONIC) + (s->packing ? 0 : PACK_MS);
    engine_settle(s->engine);
}

/* A balancer sends nothing to a server that is not ready: then no job would ever show that the
 * store can be written again. */
static void probe(struct store *s)
{
    if ((!s->stats.full && !s->stats.failing) || clock_ms(CLOCK_MONOTONIC) < s->probe_at_ms)
        return;
    enum engine_status status = engine_probe(s->engine, clock_ms(CLOCK_REALTIME));
    engine_settle(s->engine);
    pthread_mutex_lock(&s->mutex);
    note_health(s, status);
    pthread_mutex_unlock(&s->mutex);
}

/* Waits for work with the mutex held; returns after at most a second, so that `progress` grows. */
static void wait_for_work(struct store *s)
{
    struct timespec until;
    int64_t until_ms = clock_ms(CLOCK_MONOTONIC) + (s->packing ? IDLE_PACKING_MS : IDLE_MS);
    until.tv_sec = until_ms / 1000;
    until.tv_nsec = until_ms % 1000 * 1000000;
    s->stats.idle = true;
    pthread_cond_timedwait(&s->work, &s->mutex, &until);
    s->stats.idle = false;
}

/* Called with the mutex held, which it gives up meanwhile. */
static void do_idle_work(struct store *s)
{
    wait_for_work(s);
    bool idle = !s->queue.first && !s->closing;
    pthread_mutex_unlock(&s->mutex);
    probe(s);
    housekeep(s);
    if (idle) {
        pack(s);
        write_uses(s, USE_LAG_MS);
    }
    pthread_mutex_lock(&s->mutex);
}

/* The same of one group of jobs. */
static void do_jobs(struct store *s)
{
    struct job_list group;
    bool called = false;
    take_group(s, &group);
    pthread_mutex_unlock(&s->mutex);
    enum engine_status status = run_group(s, &group, &called);
    if (called && status == ENGINE_OK)
        swap_rights(s);
    fault_point("store.before_answer");
    give_results(s, &group, status);
    engine_settle(s->engine);
    housekeep(s);
    if (clock_ms(CLOCK_MONOTONIC) > s->pack_at_ms + PACK_BUSY_MS)
        pack(s);
    pthread_mutex_lock(&s->mutex);
}

static void *writer_main(void *arg)
{
    struct store *s = arg;
    pthread_mutex_lock(&s->mutex);
    while (s->queue.first || !s->closing) {
        s->stats.progress++;
        if (s->queue.first)
            do_jobs(s);
        else
            do_idle_work(s);
    }
    pthread_mutex_unlock(&s->mutex);
    s->uses_at_ms = 0;
    write_uses(s, 1);
    return NULL;
}

/* ---- the loop's side ---------------------------------------------------------------------- */

int store_submit(struct store *s, struct store_job *job)
{
    size_t bytes = job->bytes + JOB_BYTES;
    pthread_mutex_lock(&s->mutex);
    /* A job larger than the cap is let in when it is alone: else it could never be. */
    bool busy =
        s->closing || (s->stats.queued_jobs > 0 && s->stats.queued_bytes + bytes > s->queue_bytes);
    if (!busy) {
        s->stats.queued_jobs++;
        s->stats.queued_bytes += bytes;
        list_append(&s->queue, job);
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->mutex);
    return busy ? -1 : 0;
}

void store_set_wakeup(struct store *s, void (*wakeup)(void *arg), void *arg)
{
    pthread_mutex_lock(&s->mutex);
    s->wakeup = wakeup;
    s->wakeup_arg = arg;
    pthread_mutex_unlock(&s->mutex);
}

void store_collect(struct store *s)
{
    struct job_list finished;
    size_t bytes = 0, jobs = 0;
    pthread_mutex_lock(&s->mutex);
    finished = s->finished;
    list_init(&s->finished);
    for (struct store_job *job = finished.first; job; job = job->next) {
        bytes += job->bytes + JOB_BYTES;
        jobs++;
    }
    s->stats.queued_bytes -= bytes;
    s->stats.queued_jobs -= jobs;
    pthread_mutex_unlock(&s->mutex);
    for (struct store_job *job = finished.first, *next; job; job = next) {
        /* `done` may free the job, but never the answer. */
        struct buf answer = job->answer;
        next = job->next;
        job->done(job);
        buf_release(&answer);
    }
}

bool store_wait(struct store *s, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int status = 0;
    pthread_mutex_lock(&s->mutex);
    while (!s->finished.first && status == 0)
        status = timeout_ms < 0 ? pthread_cond_wait(&s->finished_work, &s->mutex)
                                : pthread_cond_timedwait(&s->finished_work, &s->mutex, &until);
    bool waiting = s->finished.first != NULL;
    pthread_mutex_unlock(&s->mutex);
    return waiting;
}

struct rights *store_rights(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    struct rights *r = rights_retain(s->rights);
    pthread_mutex_unlock(&s->mutex);
    return r;
}

void store_stats(struct store *s, struct store_stats *out)
{
    pthread_mutex_lock(&s->mutex);
    *out = s->stats;
    pthread_mutex_unlock(&s->mutex);
}

/* ---- opening and closing ------------------------------------------------------------------ */

static int start_writer(struct store *s)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->work, &attr);
    pthread_cond_init(&s->finished_work, &attr);
    pthread_condattr_destroy(&attr);
    return pthread_create(&s->writer, NULL, writer_main, s) ? -1 : 0;
}

static void store_free(struct store *s)
{
    engine_close(s->engine);
    rights_release(s->rights);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

struct store *store_open(const char *dir, const struct store_options *options, struct buf *error,
                         enum store_failure *failure)
{
    struct store *s = calloc(1, sizeof(*s));
    *failure = STORE_CANNOT;
    if (!s) {
        buf_lit(error, "out of memory");
        return NULL;
    }
    list_init(&s->queue);
    list_init(&s->finished);
    s->queue_bytes = options->queue_bytes ? options->queue_bytes : STORE_QUEUE_BYTES_DEFAULT;
    s->lock_fd = -1;
    s->housekeep_at_ms = clock_ms(CLOCK_MONOTONIC) + HOUSEKEEP_FIRST_MS;
    s->pack_at_ms = clock_ms(CLOCK_MONOTONIC) + PACK_MS;
    if (store_make_directory(dir, options->create, error, failure) ||
        (s->lock_fd = store_take_lock(dir, error, failure)) < 0 ||
        !(s->engine = engine_open(dir, options->create, error, failure)))
        goto out;
    if (options->serving)
        engine_warn();
    *failure = STORE_CANNOT;
    if (!(s->rights = engine_rights(s->engine))) {
        buf_printf(error, "cannot read the teams, sites and clients of the store in %s", dir);
        goto out;
    }
    if (start_writer(s) == 0)
        return s;
    buf_lit(error, "cannot start the writer thread; raise the limit of processes (ulimit -u)");
out:
    store_free(s);
    return NULL;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mutex);
    s->closing = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->writer, NULL);
    store_collect(s);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->finished_work);
    pthread_mutex_destroy(&s->mutex);
    store_free(s);
}
