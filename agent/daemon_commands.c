/* daemon_commands.c - see daemon_commands.h. */
#include "agent/daemon_commands.h"

#include "agent/metrics.h"
#include "agent/metrics_http.h"
#include "agent/old_jobs.h"
#include "agent/status.h"
#include "config/exit_codes.h"
#include "parsers/base/log.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_JOBS 8
#define JOB_WORKERS 2 /* beside those of the daemon itself */
#define HANGUP_S 4.0  /* a job whose client went has so long for what is on its way */
#define SWEEP_S 3600.0
#define PROGRESS_ROOM 65536 /* a client that takes no progress gets none */

struct job {
    struct status_job view; /* first: the list that status walks */
    struct daemon_commands *commands;
    struct control_call *call;
    struct backfill *backfill;
    bool left; /* by its client: it is ending */
};

struct daemon_commands {
    struct daemon_options o;
    struct control *control;
    struct metrics_http *metrics;
    struct buf metrics_at; /* where it listens, or was to */
    struct engine *engine;
    const struct agent_config *config;
    double begun;
    struct status_job *jobs;
    size_t n_jobs;
    struct pool *pool; /* for what waits for a disk and belongs to no engine */
    struct task sweep; /* of jobs that nobody finishes */
    ev_timer sweep_timer;
    int64_t sweep_age_ms, sweep_now_ms;
    bool stopping;
};

static void say(struct control_call *call, const char *text)
{
    control_put(call, CONTROL_ERR, str_of(text));
}

/* ---- status -----------------------------------------------------------------------------------
 */

static struct status_view view_of(const struct daemon_commands *c)
{
    return (struct status_view){.engine = c->engine,
                                .config = c->config,
                                .state_path = c->o.state_path,
                                .up_s = ev_now(c->o.loop) - c->begun,
                                .started_ms = (int64_t)(c->begun * 1000),
                                .jobs = c->jobs};
}

static void serve_status(struct daemon_commands *c, struct control_call *call)
{
    struct buf out;
    const struct status_view view = view_of(c);
    buf_init(&out, 16u << 20);
    if (call->request->o.metrics)
        metrics_put(&out, &view);
    else if (call->request->o.json)
        status_put_json(&out, &view);
    else
        status_put_text(&out, &view);
    control_put(call, CONTROL_OUT, buf_str(&out));
    buf_release(&out);
    control_end(call, EXIT_OK);
}

/* ---- metrics ----------------------------------------------------------------------------------
 */

static bool put_metrics(void *context, struct buf *out)
{
    const struct daemon_commands *c = context;
    const struct status_view view = view_of(c);
    if (!c->engine)
        return false;
    metrics_put(out, &view);
    return true;
}

static void open_metrics(struct daemon_commands *c, const struct listen_address *listen)
{
    struct buf why;
    const struct metrics_http_options o = {
        .loop = c->o.loop, .listen = listen, .context = c, .put = put_metrics};
    buf_init(&why, 256);
    c->metrics = metrics_http_new(&o, &why);
    if (!c->metrics)
        log_event(LOG_WARN, "metrics_not_served",
                  "address=%.*s why=\"%.*s\" mend=\"give another metrics.listen and reload\"",
                  STR_ARGS(buf_str(&c->metrics_at)), STR_ARGS(buf_str(&why)));
    else
        log_event(LOG_INFO, "metrics_served", "address=%.*s port=%u",
                  STR_ARGS(buf_str(&c->metrics_at)), metrics_http_port(c->metrics));
    buf_release(&why);
}

/* A reload that leaves the address alone leaves the port open; one that could not be opened is
 * tried again. */
static void follow_metrics(struct daemon_commands *c, const struct agent_config *config)
{
    struct buf at;
    buf_init(&at, 512);
    if (str_is_set(config->metrics.address))
        listen_address_put(&config->metrics, &at);
    if (c->metrics && str_eq(buf_str(&at), buf_str(&c->metrics_at))) {
        buf_release(&at);
        return;
    }
    metrics_http_free(c->metrics);
    c->metrics = NULL;
    buf_release(&c->metrics_at);
    c->metrics_at = at;
    if (at.n)
        open_metrics(c, &config->metrics);
}

/* ---- dead letters -----------------------------------------------------------------------------
 */

static void on_moved(void *context, const struct dead_result *r)
{
    struct control_call *call = context;
    bool replay = strcmp(call->request->o.paths[0], "replay") == 0;
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text, "%s: %u letters\n", replay ? "being sent again" : "dropped", r->letters);
    control_put(call, CONTROL_OUT, buf_str(&text));
    buf_reset(&text);
    if (r->missing)
        buf_printf(&text, "logferry dead: %u of these letters are not there\n", r->missing);
    if (r->failed)
        buf_printf(&text, "logferry dead: %u letters could not be moved: %s\n", r->failed,
                   r->error ? r->error : "they name no destination");
    control_put(call, CONTROL_ERR, buf_str(&text));
    buf_release(&text);
    control_end(call, r->missing || r->failed ? EXIT_BAD_DATA : EXIT_OK);
}

static void serve_dead(struct daemon_commands *c, struct control_call *call)
{
    const struct options *o = &call->request->o;
    const char *what = o->n_paths ? o->paths[0] : "";
    bool drop = strcmp(what, "drop") == 0, known = drop || strcmp(what, "replay") == 0;
    uint64_t *seqs = calloc(o->n_paths + 1, sizeof(*seqs));
    bool good = seqs && known && o->all == (o->n_paths == 1);
    for (size_t i = 1; good && i < o->n_paths; i++)
        good = dead_parse_id(o->paths[i], &seqs[i - 1]);
    if (good) {
        const struct dead_order order = {.op = drop ? DEAD_DROP : DEAD_REPLAY,
                                         .seqs = seqs,
                                         .n = o->n_paths - 1,
                                         .context = call,
                                         .done = on_moved};
        uplink_move_dead(engine_uplink(c->engine), &order);
    } else {
        say(call, "logferry dead: an id that `dead list` prints is wanted, or --all\n");
        control_end(call, EXIT_USAGE);
    }
    free(seqs);
}

/* ---- backfill ---------------------------------------------------------------------------------
 */

static void on_say(void *context, struct str text)
{
    struct job *j = context;
    bool progress = text.n && text.p[0] == '\r';
    if (!progress || control_pending(j->call) < PROGRESS_ROOM)
        control_put(j->call, CONTROL_ERR, text);
}

static void on_hangup(struct control_call *call)
{
    struct job *j = call->context;
    j->left = true;
    backfill_stop(j->backfill, HANGUP_S);
}

static void on_finished(void *context, int exit_code, bool unreadable)
{
    struct job *j = context;
    struct daemon_commands *c = j->commands;
    struct status_job **at = &c->jobs;
    while (*at != &j->view)
        at = &(*at)->next;
    *at = j->view.next;
    c->n_jobs--;
    log_event(LOG_INFO, "job_finished", "job=%s code=%d", backfill_id(j->backfill), exit_code);
    backfill_free(j->backfill);
    if (unreadable)
        control_decline(j->call, "the daemon may not read all of these files; they are read by "
                                 "this command itself");
    else
        control_end(j->call, exit_code);
    free(j);
    if (!c->n_jobs && c->stopping)
        c->o.on_idle(c->o.context);
}

static bool is_ending(void *context)
{
    const struct status_job *j = ((struct job *)context)->commands->jobs;
    while (j && !((const struct job *)j)->left)
        j = j->next;
    return j != NULL;
}

static void start_job(struct daemon_commands *c, struct control_call *call)
{
    struct job *j = calloc(1, sizeof(*j));
    const struct backfill_host host = {.loop = c->o.loop,
                                       .state_path = c->o.state_path,
                                       .workers = JOB_WORKERS,
                                       .progress = call->request->o.progress,
                                       .context = j,
                                       .is_ending = is_ending,
                                       .say = on_say,
                                       .on_finished = on_finished};
    if (j) {
        *j = (struct job){.commands = c, .call = call};
        j->backfill = backfill_start(&call->request->o, &host);
    }
    if (!j || !j->backfill) {
        say(call, "logferry backfill: the daemon is out of memory\n");
        control_end(call, EXIT_INTERNAL);
        free(j);
        return;
    }
    call->context = j;
    call->on_hangup = on_hangup;
    j->view = (struct status_job){.job = j->backfill, .next = c->jobs};
    c->jobs = &j->view;
    c->n_jobs++;
    log_event(LOG_INFO, "job_started", "job=%s", backfill_id(j->backfill));
}

static bool names_stdin(const struct options *o)
{
    for (size_t i = 0; i < o->n_paths; i++)
        if (o->paths[i][0] != '/')
            return true;
    return false;
}

static void serve_backfill(struct daemon_commands *c, struct control_call *call)
{
    const struct options *o = &call->request->o;
    if (!o->config || o->config[0] != '/' || !o->n_paths || names_stdin(o)) {
        say(call, "logferry backfill: the daemon wants whole paths\n");
        control_end(call, EXIT_USAGE);
    } else if (access(o->config, R_OK) && errno == EACCES) {
        control_decline(call, "the daemon may not read this configuration; this command does it "
                              "itself");
    } else if (c->n_jobs == MAX_JOBS) {
        say(call, "logferry backfill: the daemon has eight jobs already; wait for one to end\n");
        control_end(call, EXIT_CANNOT_WRITE);
    } else {
        start_job(c, call);
    }
}

/* ---- old jobs ---------------------------------------------------------------------------------
 */

static void run_sweep(struct task *task, unsigned worker)
{
    struct daemon_commands *c =
        (struct daemon_commands *)((char *)task - offsetof(struct daemon_commands, sweep));
    old_jobs_expire(c->o.state_fd, c->sweep_age_ms, c->sweep_now_ms);
}

static void plan_sweep(struct daemon_commands *c, double after)
{
    ev_timer_set(&c->sweep_timer, after, 0.0);
    ev_timer_start(c->o.loop, &c->sweep_timer);
}

static void on_swept(struct task *task)
{
    struct daemon_commands *c =
        (struct daemon_commands *)((char *)task - offsetof(struct daemon_commands, sweep));
    plan_sweep(c, SWEEP_S);
}

static void on_sweep_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct daemon_commands *c = timer->data;
    if (!c->config) {
        plan_sweep(c, 1.0);
        return;
    }
    c->sweep_age_ms = (int64_t)c->config->limits.max_age_ms;
    c->sweep_now_ms = (int64_t)(ev_now(loop) * 1000);
    c->sweep = (struct task){.run = run_sweep, .done = on_swept};
    pool_submit(c->pool, &c->sweep, false);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void on_call(void *context, struct control_call *call)
{
    struct daemon_commands *c = context;
    const char *command = call->request->command;
    if (!c->engine || c->stopping) {
        say(call, "logferry: the daemon is stopping, or reloads; try again\n");
        control_end(call, EXIT_UNREACHABLE);
    } else if (strcmp(command, "status") == 0) {
        serve_status(c, call);
    } else if (strcmp(command, "dead") == 0) {
        serve_dead(c, call);
    } else if (strcmp(command, "backfill") == 0) {
        serve_backfill(c, call);
    } else {
        say(call, "logferry: the daemon does not know this command; is it of an older version?\n");
        control_end(call, EXIT_USAGE);
    }
}

struct daemon_commands *daemon_commands_new(const struct daemon_options *options)
{
    struct daemon_commands *c = calloc(1, sizeof(*c));
    struct buf why;
    if (!c)
        return NULL;
    c->o = *options;
    c->begun = ev_now(options->loop);
    c->pool = pool_new(options->loop, 1);
    if (!c->pool) {
        free(c);
        return NULL;
    }
    ev_timer_init(&c->sweep_timer, on_sweep_timer, 0.0, 0.0);
    c->sweep_timer.data = c;
    plan_sweep(c, 1.0);
    const struct control_options control = {.loop = options->loop,
                                            .state_path = options->state_path,
                                            .state_fd = options->state_fd,
                                            .context = c,
                                            .on_call = on_call};
    buf_init(&why, 8192);
    c->control = control_new(&control, &why);
    if (!c->control)
        log_event(LOG_WARN, "no_control_socket",
                  "why=\"%.*s\" mend=\"until then status, dead and backfill do not reach this "
                  "daemon\"",
                  STR_ARGS(buf_str(&why)));
    buf_release(&why);
    return c;
}

void daemon_commands_engine(struct daemon_commands *c, struct engine *engine,
                            const struct agent_config *config)
{
    c->engine = engine;
    c->config = config;
    c->stopping = c->stopping && !engine;
    if (engine)
        follow_metrics(c, config);
}

void daemon_commands_stop(struct daemon_commands *c, double seconds)
{
    c->stopping = true;
    for (struct status_job *j = c->jobs; j; j = j->next)
        backfill_stop(((struct job *)j)->backfill, seconds);
}

bool daemon_commands_is_idle(const struct daemon_commands *c)
{
    return !c->n_jobs;
}

void daemon_commands_free(struct daemon_commands *c)
{
    if (!c)
        return;
    metrics_http_free(c->metrics);
    buf_release(&c->metrics_at);
    control_free(c->control);
    ev_timer_stop(c->o.loop, &c->sweep_timer);
    pool_free(c->pool);
    free(c);
}
