/*
 * api_reads.c - the read endpoints: gate, query, and the thread that makes the answer.
 *
 * Each thread has a queue with an end (503), a report has a time (503), and one whose client has
 * gone is stopped. An export is made piece by piece, each as a report of its own: a slow reader
 * holds one piece in memory, and neither a thread nor a moment of the store.
 */
#include "server/api_reads.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "config/zone_file.h"
#include "parsers/base/log.h"
#include "server/api_internal.h"
#include "server/api_worker.h"
#include "server/clock.h"
#include "server/read_list.h"
#include "server/read_stats.h"

#define THREADS 2
#define WAITING_MAX 32         /* of one thread */
#define LOOK_EVERY_S 0.5       /* for clients that have gone */
#define ANSWER_MAX (32u << 20) /* bytes */
#define PIECE_MAX (256u << 20) /* bytes of an export's piece: thousands of records */
#define COMPLAIN_EVERY_MS 60000

struct read_thread {
    struct api_worker *worker;
    size_t waiting; /* the loop's */
    /* The thread's: */
    const char *dir;
    struct store_reader *reader; /* opened by the first request, anew after a failure */
    struct read_agents_seen *seen;
    struct zone *zone;
    char zone_name[64];
    struct log_limit complaint;
};

struct read_pool {
    struct ev_loop *loop;
    struct read_thread threads[THREADS];
    struct ev_timer look;
    struct read_task *tasks;
};

typedef int make_report(const struct read_context *x, const struct read_query *q, struct buf *out);

struct read_site {
    int64_t id;
    char uuid[37], zone_name[64];
};

struct read_task {
    struct work work;
    struct read_pool *pool;
    struct read_thread *thread;
    struct read_task *previous, *next;
    struct http_request *req;
    struct read_query query;
    struct read_context context;
    struct read_site *sites; /* one, or those of an overview */
    size_t n_sites;
    make_report *report; /* NULL: an export */
    bool overview;       /* one report after the other, of all sites */
    struct export export;
    bool at_work;                  /* queued, or on the thread */
    bool streaming;                /* the head of an export is out */
    atomic_bool gone;              /* the client has */
    int64_t limit_ms, deadline_ms; /* from the request on, or from an export's piece on */
    int status;                    /* 200, 500, 503 */
    struct buf answer;
};

/* ---- on the thread ------------------------------------------------------------------------- */

static void complain(struct read_thread *t, const char *why, const char *mend)
{
    if (log_limit_pass(&t->complaint, clock_ms(CLOCK_MONOTONIC), COMPLAIN_EVERY_MS))
        log_event(LOG_ERROR, "read_failed", "why=\"%s\" mend=\"%s\"", why, mend);
}

static bool open_thread(struct read_thread *t)
{
    enum store_failure failure;
    struct buf error;
    if (!t->seen)
        t->seen = read_agents_seen_new();
    if (t->reader && t->seen)
        return true;
    buf_init(&error, 4096);
    if (!t->reader)
        t->reader = store_reader_open(t->dir, &error, &failure);
    if (!t->reader)
        complain(t, buf_cstr(&error), "logferry-server fsck");
    buf_release(&error);
    return t->reader && t->seen;
}

/* The zone of a site is kept until another one is wanted. One that cannot be read any more: UTC. */
static const struct zone *zone_of(struct read_thread *t, const char *name)
{
    struct buf why;
    if (name[0] == '\0' || strcmp(name, "UTC") == 0)
        return NULL;
    if (strcmp(name, t->zone_name) == 0)
        return t->zone;
    buf_init(&why, 4096);
    free(t->zone);
    t->zone = zone_load(str_of(name), &why);
    snprintf(t->zone_name, sizeof(t->zone_name), "%s", name);
    if (!t->zone)
        complain(t, buf_cstr(&why), "apt install tzdata");
    buf_release(&why);
    return t->zone;
}

static void turn_to(struct read_task *task, size_t i)
{
    const struct read_site *site = &task->sites[i];
    task->context.site = site->id;
    task->context.site_uuid = site->uuid;
    task->context.zone = zone_of(task->thread, site->zone_name);
}

/* A site whose report is too large to make does not take the others' away. */
static int make_overview(struct read_task *task)
{
    struct buf *out = &task->answer;
    buf_lit(out, "{\"sites\":[");
    for (size_t i = 0; i < task->n_sites; i++) {
        if (i > 0)
            buf_putc(out, ',');
        size_t before = out->n;
        turn_to(task, i);
        if (task->report(&task->context, &task->query, out) == 0)
            continue;
        if (store_reader_stopped(task->thread->reader))
            return -1;
        out->n = before;
        buf_printf(out,
                   "{\"site_id\":\"%s\",\"status\":\"error\",\"total_pageviews\":0,"
                   "\"unique_sessions\":0,\"bounce_rate\":0,\"chart_data\":[],"
                   "\"error\":\"stats_unavailable\"}",
                   task->sites[i].uuid);
    }
    buf_lit(out, "]}\n");
    return 0;
}

static int make(struct read_task *task)
{
    struct read_context *x = &task->context;
    if (task->overview)
        return make_overview(task);
    turn_to(task, 0);
    if (task->report)
        return task->report(x, &task->query, &task->answer);
    return export_next(&task->export, x, &task->answer);
}

static void run_task(struct work *work)
{
    struct read_task *task = (struct read_task *)work;
    struct read_thread *t = task->thread;
    task->status = 503;
    if (atomic_load(&task->gone) || clock_ms(CLOCK_MONOTONIC) >= task->deadline_ms)
        return;
    task->status = 500;
    if (!open_thread(t))
        return;
    task->context.reader = t->reader;
    task->context.seen = t->seen;
    store_reader_limit(t->reader, &task->gone, task->deadline_ms);
    if (make(task) == 0 && !task->answer.failed)
        task->status = 200;
    else if (store_reader_stopped(t->reader))
        task->status = 503;
    store_reader_limit(t->reader, NULL, 0);
    if (task->status != 500)
        return;
    complain(t, "the store cannot be read, or a report needs more memory than it may have",
             "ask for a shorter time, or look with logferry-server fsck");
    store_reader_close(t->reader);
    t->reader = NULL;
}

/* ---- on the loop --------------------------------------------------------------------------- */

static void free_task(struct read_task *task)
{
    struct read_pool *p = task->pool;
    if (task->previous)
        task->previous->next = task->next;
    else
        p->tasks = task->next;
    if (task->next)
        task->next->previous = task->previous;
    if (!p->tasks)
        ev_timer_stop(p->loop, &p->look);
    read_query_release(&task->query);
    rights_release((struct rights *)task->context.rights);
    buf_release(&task->answer);
    free(task->sites);
    free(task);
}

static void refuse(struct read_task *task)
{
    if (task->status == 500)
        http_error(task->req, 500, "Internal server error");
    else if (task->work.dropped || atomic_load(&task->gone))
        http_error_with(task->req, 503, "Service not available on this node", "Retry-After: 2\r\n");
    else
        http_error_with(task->req, 503, "The report takes too long; ask for a shorter time",
                        "Retry-After: 60\r\n");
    free_task(task);
}

static void queue(struct read_task *task)
{
    buf_reset(&task->answer);
    task->at_work = true;
    task->deadline_ms = clock_ms(CLOCK_MONOTONIC) + task->limit_ms;
    task->thread->waiting++;
    api_worker_put(task->thread->worker, &task->work);
}

static void on_room(void *arg)
{
    struct read_task *task = arg;
    bool gone = http_gone(task->req);
    if (!gone && !task->export.done) {
        queue(task);
        return;
    }
    http_stream_end(task->req, !gone);
    free_task(task);
}

static bool begin_stream(struct read_task *task)
{
    struct buf field;
    buf_init(&field, 512);
    buf_lit(&field, "Content-Disposition: attachment; filename=");
    export_put_name(&field, task->export.kind, &task->context, task->export.format);
    buf_lit(&field, "\r\n");
    task->streaming = true;
    bool goes_on =
        http_stream_begin(task->req, 200, export_type(task->export.format), buf_cstr(&field));
    buf_release(&field);
    return goes_on;
}

static void give_piece(struct read_task *task)
{
    if (!task->streaming && !begin_stream(task)) {
        free_task(task);
        return;
    }
    if (task->answer.n > 0)
        http_stream_put(task->req, buf_str(&task->answer), on_room, task);
    else
        on_room(task); /* nothing in this stretch of time */
}

static void on_done(struct work *work)
{
    struct read_task *task = (struct read_task *)work;
    task->thread->waiting--;
    task->at_work = false;
    if (task->status == 200 && !task->work.dropped) {
        if (!task->report) {
            give_piece(task);
            return;
        }
        http_respond(task->req, 200, "application/json", NULL, buf_str(&task->answer));
        free_task(task);
    } else if (task->streaming) {
        http_stream_end(task->req, false);
        free_task(task);
    } else {
        refuse(task);
    }
}

static void on_look(struct ev_loop *loop, struct ev_timer *w, int events)
{
    struct read_pool *p = w->data;
    for (struct read_task *task = p->tasks; task; task = task->next)
        if (task->at_work && http_gone(task->req))
            atomic_store(&task->gone, true);
}

/* ---- the endpoints ------------------------------------------------------------------------- */

/* With room for so many sites. */
static struct read_task *new_task(struct api *a, struct http_request *req, size_t n_sites)
{
    struct read_pool *p = a->reads;
    struct read_thread *t = &p->threads[0];
    for (size_t i = 1; i < THREADS; i++)
        t = p->threads[i].waiting < t->waiting ? &p->threads[i] : t;
    struct read_task *task = t->waiting < WAITING_MAX ? calloc(1, sizeof(*task)) : NULL;
    struct read_site *sites = task ? calloc(n_sites + 1, sizeof(*sites)) : NULL;
    if (!sites) {
        free(task);
        return NULL;
    }
    task->sites = sites;
    task->work.run = run_task;
    task->work.done = on_done;
    task->pool = p;
    task->thread = t;
    task->req = req;
    task->limit_ms = a->config.report_ms;
    atomic_init(&task->gone, false);
    task->context = (struct read_context){
        .catalogue = a->catalogue, .now_ms = api_now_ms(), .strict = a->config.hitkeep_strict};
    buf_init(&task->answer, ANSWER_MAX);
    task->next = p->tasks;
    if (p->tasks)
        p->tasks->previous = task;
    else
        ev_timer_again(p->loop, &p->look);
    p->tasks = task;
    return task;
}

static void add_site(struct read_task *task, const struct site *site)
{
    struct read_site *own = &task->sites[task->n_sites++];
    own->id = site->id;
    snprintf(own->uuid, sizeof(own->uuid), "%s", site->uuid_text);
    snprintf(own->zone_name, sizeof(own->zone_name), "%.*s", STR_ARGS(site->time_zone));
}

typedef const char *read_the_query(struct read_query *q, struct str query, int64_t now_ms);

static void read_endpoint(struct api *a, struct http_request *req, read_the_query *read,
                          make_report *report, enum columns_kind kind)
{
    struct api_caller caller;
    if (!api_admit(a, a->general, req, &caller))
        return;
    const struct site *site = api_site_with(&caller, req, PERM_SITE_VIEW);
    struct read_task *task = site ? new_task(a, req, 1) : NULL;
    if (task) {
        add_site(task, site);
        task->context.rights = rights_retain(caller.rights);
    }
    rights_release(caller.rights);
    if (!site)
        return;
    if (!task) {
        http_error_with(req, 503, "Service Unavailable", "Retry-After: 2\r\n");
        return;
    }
    const char *wrong = read(&task->query, req->query, task->context.now_ms);
    /* A table under another name than it has would help nobody. */
    if (!wrong && !report && task->query.other_format)
        wrong = "Unsupported format, expected csv, json or ndjson";
    if (wrong) {
        http_error(req, 400, wrong);
        free_task(task);
        return;
    }
    task->report = report;
    if (!report) {
        task->answer.max = PIECE_MAX;
        export_begin(&task->export, kind, &task->query, task->query.format);
    }
    queue(task);
}

void api_fetch_overview(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_fetches, read_overview, COLUMNS_FETCHES);
}

void api_fetch_timeseries(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_fetches, read_timeseries, COLUMNS_FETCHES);
}

void api_fetch_correlation(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_correlation, read_correlation, COLUMNS_FETCHES);
}

void api_fetch_export(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_fetches, NULL, COLUMNS_FETCHES);
}

void api_activity(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_activity, read_activity, COLUMNS_FETCHES);
}

void api_stats(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_stats, read_stats, COLUMNS_PAGEVIEWS);
}

/* Of the sites that GET /api/sites lists, in its order, those that the caller may view. */
static void add_sites(struct read_task *task, const struct api_caller *caller)
{
    const struct site *sites;
    size_t n = rights_sites(caller->rights, &sites);
    while (n-- > 0)
        if (role_allows(api_role_on(caller, &sites[n]), PERM_SITE_VIEW))
            add_site(task, &sites[n]);
}

void api_sites_overview(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    const struct site *sites;
    if (!api_admit(a, a->general, req, &caller))
        return;
    struct read_task *task = new_task(a, req, rights_sites(caller.rights, &sites));
    if (task)
        add_sites(task, &caller);
    rights_release(caller.rights);
    if (!task) {
        http_error_with(req, 503, "Service Unavailable", "Retry-After: 2\r\n");
        return;
    }
    read_query_sites(&task->query, req->query, task->context.now_ms);
    task->report = read_site_overview;
    task->overview = true;
    queue(task);
}

void api_tracking(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_sites, read_tracking, COLUMNS_PAGEVIEWS);
}

void api_hits(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_hits, read_hits, COLUMNS_PAGEVIEWS);
}

void api_hits_export(void *ctx, struct http_request *req)
{
    read_endpoint(ctx, req, read_query_hits, NULL, COLUMNS_PAGEVIEWS);
}

/* ---- life and death ------------------------------------------------------------------------ */

struct read_pool *read_pool_new(struct ev_loop *loop, const char *store_dir)
{
    struct read_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->loop = loop;
    ev_timer_init(&p->look, on_look, LOOK_EVERY_S, LOOK_EVERY_S);
    p->look.data = p;
    for (size_t i = 0; i < THREADS; i++) {
        p->threads[i].dir = store_dir ? store_dir : "";
        p->threads[i].worker = api_worker_new(loop);
        if (!p->threads[i].worker) {
            read_pool_free(p);
            return NULL;
        }
    }
    return p;
}

void read_pool_free(struct read_pool *p)
{
    if (!p)
        return;
    for (struct read_task *task = p->tasks; task; task = task->next)
        atomic_store(&task->gone, true);
    for (size_t i = 0; i < THREADS; i++) {
        api_worker_free(p->threads[i].worker);
        store_reader_close(p->threads[i].reader);
        read_agents_seen_free(p->threads[i].seen);
        free(p->threads[i].zone);
    }
    ev_timer_stop(p->loop, &p->look);
    free(p);
}
