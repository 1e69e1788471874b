/* backfill_run.c - see backfill_run.h. */
#include "agent/backfill_run.h"

#include "agent/backfill_job.h"
#include "agent/retention.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"

#include <errno.h>
#include <ev.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_ANSWER_S 30.0     /* a server that never answered by then is unreachable */
#define PLAIN_BYTES_PER_S 300e6 /* for the plan's guess of the time */
#define GZIP_BYTES_PER_S 25e6
#define RETRY_S 0.1
#define GRACE_S 0.3 /* for the word of a client that is gone to come, too */

struct backfill {
    const struct options *options;
    struct backfill_host host;
    struct backfill_job job;
    struct pool *pool; /* looks for the files: the loop does not wait for a disk */
    struct task looking;
    bool out_of_memory;
    struct retention *retention; /* while it is asked */
    struct engine *engine;
    struct discovery files;
    struct buf complaints; /* of the search */
    uint64_t bytes;        /* of all files, as they lie there */
    double begun;
    bool interrupted, gave_up, unreadable;
    int code;
    double asked; /* when it was to start */
    ev_timer retry, tick;
    ev_timer end; /* an engine may not be freed from its own callback */
};

static void say(struct backfill *b, struct buf *text)
{
    if (text->n)
        b->host.say(b->host.context, buf_str(text));
    buf_reset(text);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void put_held(struct backfill *b, const struct uplink_ledger *l, struct buf *out)
{
    if (!l->held)
        return;
    buf_printf(out,
               "logferry backfill: %" PRIu64
               " AI fetches were not sent to %s: it is a HitKeep, and "
               "would file them under today; write `late_ai_fetch: send` if that does not matter\n",
               l->held, l->name);
    if (!l->acknowledged && b->code == EXIT_OK)
        b->code = EXIT_BAD_CONFIG;
}

static void put_reasons(struct backfill *b, struct buf *out)
{
    struct uplink *u = engine_uplink(b->engine);
    bool parked = false;
    for (size_t i = 0; i < uplink_destinations(u); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(u, i, &l);
        parked = parked || l.parked;
        put_held(b, &l, out);
        if (b->gave_up) {
            buf_printf(out,
                       "logferry backfill: %s (%s): %s; run the same command again when that is "
                       "mended, it goes on from here\n",
                       l.name, b->job.config->destinations[i].url.p, l.last_error);
            b->code = strcmp(l.state, "paused") == 0 ? EXIT_PERMISSION : EXIT_UNREACHABLE;
        }
    }
    if (parked) {
        buf_printf(out,
                   "logferry backfill: records of a site that the token may not write are kept in "
                   "%s/parked; run the same command again when it may\n",
                   b->job.path);
        b->code = EXIT_PERMISSION;
    }
}

/* The exit code, the ledger, and what to say besides it. */
static void conclude(struct backfill *b)
{
    struct buf text;
    buf_init(&text, 1u << 20);
    if (b->host.progress)
        buf_putc(&text, '\n');
    engine_put_ledger(b->engine, &text);
    b->code = b->job.unread || engine_unread(b->engine) ? EXIT_BAD_DATA : EXIT_OK;
    put_reasons(b, &text);
    if (b->interrupted)
        buf_lit(&text,
                "logferry backfill: interrupted; run the same command again, it goes on from "
                "here\n");
    if (b->interrupted && !b->code)
        b->code = 130;
    say(b, &text);
    buf_release(&text);
}

static void finish_soon(struct backfill *b, int code)
{
    b->code = code;
    if (ev_is_active(&b->end))
        return;
    ev_timer_set(&b->end, 0.0, 0.0);
    ev_timer_start(b->host.loop, &b->end);
}

static void on_end(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct backfill *b = timer->data;
    ev_timer_stop(loop, &b->tick);
    if (b->engine && !b->code)
        conclude(b);
    engine_free(b->engine);
    b->engine = NULL;
    backfill_job_close(&b->job, b->code == EXIT_OK || b->code == EXIT_BAD_DATA);
    b->host.on_finished(b->host.context, b->code, b->unreadable);
}

static void on_engine_finished(void *context)
{
    finish_soon(context, 0);
}

/* ---- on the way -------------------------------------------------------------------------------
 */

static void show_progress(struct backfill *b)
{
    struct counts c;
    struct buf line;
    double seconds = ev_now(b->host.loop) - b->begun, share = engine_progress(b->engine, b->bytes);
    engine_counts(b->engine, &c);
    buf_init(&line, 512);
    buf_printf(&line, "\r\033[K%3.0f %%  ", share * 100);
    terminal_put_number(&line, c.lines, 0);
    buf_printf(&line, " lines, %.0f lines/s", seconds > 0 ? (double)c.lines / seconds : 0.0);
    if (share > 0.02 && share < 1)
        buf_printf(&line, ", %.0f s left", seconds / share - seconds);
    say(b, &line);
    buf_release(&line);
}

static void give_up(struct backfill *b)
{
    b->gave_up = true;
    engine_stop(b->engine, 1.0);
}

/* Nothing has ever been acknowledged and nothing answers: a person should know, the job can be run
 * again. */
static void give_up_if_hopeless(struct backfill *b)
{
    struct uplink *u = engine_uplink(b->engine);
    double waited = ev_now(b->host.loop) - b->begun;
    for (size_t i = 0; i < uplink_destinations(u); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(u, i, &l);
        if (l.batches || strcmp(l.state, "ready") == 0)
            continue;
        if (strcmp(l.state, "paused") == 0 || waited > FIRST_ANSWER_S) {
            give_up(b);
            return;
        }
    }
    if (!uplink_sites(u) && waited > FIRST_ANSWER_S)
        give_up(b);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct backfill *b = timer->data;
    if (b->host.progress)
        show_progress(b);
    give_up_if_hopeless(b);
}

/* ---- the beginning ----------------------------------------------------------------------------
 */

static void complain_of_file(struct backfill *b, const char *path, const char *why,
                             const char *codec)
{
    struct buf *c = &b->complaints;
    buf_lit(c, "logferry backfill: ");
    terminal_put_safe(c, str_of(path), 4096);
    buf_printf(c, ": %s%s\n", why, codec);
}

static void run_looking(struct task *task, unsigned worker)
{
    struct backfill *b = (struct backfill *)((char *)task - offsetof(struct backfill, looking));
    const struct options *o = b->options;
    for (size_t i = 0; i < o->n_paths; i++) {
        size_t before = b->files.n;
        if (strcmp(o->paths[i], "-") == 0)
            continue;
        errno = 0;
        if (discover_path(o->paths[i], &b->files)) {
            b->out_of_memory = true;
            return;
        }
        if (b->files.n != before)
            continue;
        b->unreadable = b->unreadable || errno == EACCES;
        complain_of_file(b, o->paths[i],
                         errno ? strerror(errno) : "there is no file, or it was named before", "");
        b->job.unread++;
    }
}

static int add_file(struct backfill *b, const struct found_file *f)
{
    if (f->foreign) {
        complain_of_file(b, f->path, "not readable, it is ", f->foreign);
        buf_lit(&b->complaints, "logferry backfill: try: ");
        container_put_mend(&b->complaints, f->foreign, f->path);
        buf_printf(&b->complaints, " | logferry backfill --source %s -\n", b->job.source.name.p);
        b->job.unread++;
        return 0;
    }
    if (f->error) {
        b->unreadable = b->unreadable || f->error == EACCES;
        complain_of_file(b, f->path, strerror(f->error), "");
        b->job.unread++;
        return 0;
    }
    b->bytes += f->size;
    return f->size ? engine_add(b->engine, f, -1) : 0;
}

static int add_files(struct backfill *b)
{
    for (size_t i = 0; i < b->files.n; i++)
        if (add_file(b, &b->files.files[i]))
            return EXIT_INTERNAL;
    for (size_t i = 0; i < b->options->n_paths; i++) {
        char name[] = "-";
        struct found_file pipe = {.path = name, .live = true};
        if (strcmp(b->options->paths[i], "-") == 0 &&
            engine_add(b->engine, &pipe, dup(STDIN_FILENO)))
            return EXIT_INTERNAL;
    }
    return 0;
}

static void put_plan(const struct backfill *b, struct buf *out)
{
    double seconds = 0;
    for (size_t i = 0; i < b->files.n; i++)
        seconds += (double)b->files.files[i].size / (container_is_compressed(b->files.files[i].kind)
                                                         ? GZIP_BYTES_PER_S
                                                         : PLAIN_BYTES_PER_S);
    buf_printf(out, "plan: files=%zu bytes=%" PRIu64 " about=%.0fs format=%s to=%s job=%s\n",
               b->files.n, b->bytes, seconds, b->job.source.format.p,
               b->job.config->destinations[0].url.p, b->job.id);
}

static int make_engine(struct backfill *b)
{
    struct buf why;
    int code = 0;
    struct engine_options eo = {.loop = b->host.loop,
                                .config = b->job.config,
                                .sources = &b->job.source,
                                .n_sources = 1,
                                .given_state = b->options->state_dir,
                                .state_fd = b->job.fd,
                                .state_path = b->job.path,
                                .job = str_of(b->job.id),
                                .since_ms = b->options->since_ms,
                                .until_ms = b->options->until_ms,
                                .rate = b->options->rate,
                                .on_finished = on_engine_finished,
                                .context = b};
    buf_init(&why, 4096);
    b->engine = engine_new(&eo, &why, &code);
    if (!b->engine)
        buf_printf(&b->complaints, "logferry backfill: %.*s\n", STR_ARGS(buf_str(&why)));
    buf_release(&why);
    return b->engine ? add_files(b) : code ? code : EXIT_INTERNAL;
}

static void on_retention(void *context)
{
    struct backfill *b = context;
    const struct retention_view view = {.host =
                                            b->options->host ? str_of(b->options->host) : STR_NONE,
                                        .since_ms = b->options->since_ms};
    put_plan(b, &b->complaints);
    discovery_release(&b->files);
    retention_put(b->retention, &view, &b->complaints);
    say(b, &b->complaints);
    retention_free(b->retention);
    b->retention = NULL;
    b->begun = ev_now(b->host.loop);
    ev_timer_start(b->host.loop, &b->tick);
    engine_start(b->engine);
}

static void on_looked(struct task *task)
{
    struct backfill *b = (struct backfill *)((char *)task - offsetof(struct backfill, looking));
    int code = b->out_of_memory ? EXIT_INTERNAL : b->interrupted ? 130 : 0;
    if (!code && !(b->unreadable && b->host.state_path))
        code = make_engine(b);
    if (b->unreadable && b->host.state_path) /* whose daemon may not; its caller perhaps may */
        code = EXIT_PERMISSION;
    else
        say(b, &b->complaints);
    if (!code && !(b->retention = retention_ask(b->host.loop, b->job.config, RETENTION_ASK_S,
                                                on_retention, b)))
        code = EXIT_INTERNAL;
    if (code)
        finish_soon(b, code);
}

static bool may_wait(const struct backfill *b)
{
    return !b->interrupted && (ev_now(b->host.loop) - b->asked < GRACE_S ||
                               (b->host.is_ending && b->host.is_ending(b->host.context)));
}

/* Takes the job's directory and looks for the files; again a little later while the same job is
 * ending. */
static void try_to_open(struct backfill *b)
{
    unsigned most = b->host.workers;
    int code = backfill_job_open(&b->job, b->options, b->host.state_path, &b->complaints);
    if (code && b->job.busy && may_wait(b)) {
        backfill_job_close(&b->job, false);
        buf_reset(&b->complaints);
        ev_timer_set(&b->retry, RETRY_S, 0.0);
        ev_timer_start(b->host.loop, &b->retry);
        return;
    }
    if (!code && most && !b->options->jobs && b->job.config->workers > most)
        b->job.config->workers = most;
    b->pool = code ? NULL : pool_new(b->host.loop, 1);
    if (!code && !b->pool)
        code = EXIT_INTERNAL;
    if (code) {
        say(b, &b->complaints);
        finish_soon(b, code);
        return;
    }
    b->looking = (struct task){.run = run_looking, .done = on_looked};
    pool_submit(b->pool, &b->looking, true);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    try_to_open(timer->data);
}

struct backfill *backfill_start(const struct options *o, const struct backfill_host *host)
{
    struct backfill *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->options = o;
    b->host = *host;
    b->asked = ev_now(host->loop);
    buf_init(&b->complaints, 16u << 20);
    ev_timer_init(&b->retry, on_retry, 0.0, 0.0);
    ev_timer_init(&b->tick, on_tick, 0.5, 0.5);
    ev_timer_init(&b->end, on_end, 0.0, 0.0);
    b->retry.data = b->tick.data = b->end.data = b;
    try_to_open(b);
    return b;
}

void backfill_stop(struct backfill *b, double seconds)
{
    b->interrupted = true;
    if (b->retention) {
        retention_free(b->retention);
        b->retention = NULL;
        finish_soon(b, 130);
    } else if (b->engine && !ev_is_active(&b->end))
        engine_stop(b->engine, seconds);
}

const char *backfill_id(const struct backfill *b)
{
    return b->job.id;
}

double backfill_progress(const struct backfill *b)
{
    return b->engine ? engine_progress(b->engine, b->bytes) : 0;
}

void backfill_counts(const struct backfill *b, struct counts *out)
{
    *out = (struct counts){0};
    if (b->engine)
        engine_counts(b->engine, out);
}

void backfill_free(struct backfill *b)
{
    if (!b)
        return;
    ev_timer_stop(b->host.loop, &b->retry);
    ev_timer_stop(b->host.loop, &b->tick);
    ev_timer_stop(b->host.loop, &b->end);
    retention_free(b->retention);
    pool_free(b->pool);
    discovery_release(&b->files);
    buf_release(&b->complaints);
    free(b);
}
