/* cmd_backfill.c - history: a job with its own positions, which ends when every line is safe at the
 * server. */
#include "agent/backfill_job.h"
#include "agent/commands.h"
#include "agent/engine.h"
#include "agent/offline.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/base/log.h"

#include <errno.h>
#include <ev.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_ANSWER_S 30.0     /* a server that never answered by then is unreachable */
#define PLAIN_BYTES_PER_S 300e6 /* for the plan's guess of the time */
#define GZIP_BYTES_PER_S 25e6

/* ---- to nowhere, or to standard output --------------------------------------------------------
 */

struct dry {
    bool print;
    struct counts counts;
    struct buf text;
};

static bool on_dry_line(void *context, const struct offline_line *line)
{
    struct dry *d = context;
    const struct digested *g = line->digested;
    d->counts.lines++;
    if (g->verdict.kind == VERDICT_SKIP) {
        d->counts.skipped[g->verdict.reason]++;
        return true;
    }
    d->counts.records++;
    if (!d->print)
        return true;
    struct record r = g->record;
    r.user_agent = -1;
    r.user_agent_text = g->hit.user_agent;
    buf_reset(&d->text);
    record_write(&d->text, &r);
    return fwrite(d->text.p, 1, d->text.n, stdout) == d->text.n;
}

static void print_counts(const struct counts *c)
{
    uint64_t skipped = 0;
    for (int i = 1; i < REASON_COUNT; i++)
        skipped += c->skipped[i];
    fprintf(stderr, "lines=%" PRIu64 " records=%" PRIu64 " skipped=%" PRIu64, c->lines, c->records,
            skipped);
    for (int i = 1; i < REASON_COUNT; i++)
        if (c->skipped[i])
            fprintf(stderr, " %s=%" PRIu64, reason_name((enum reason)i), c->skipped[i]);
    fputc('\n', stderr);
}

static int dry_run(const struct options *o, bool print)
{
    struct offline off;
    struct dry d = {.print = print};
    int code = offline_init(&off, o, "backfill");
    buf_init(&d.text, 16u << 20);
    if (!code)
        code = offline_read(&off, o->paths, o->n_paths, on_dry_line, &d);
    print_counts(&d.counts);
    if (!code && print && fflush(stdout))
        code = EXIT_CANNOT_WRITE;
    if (!code && off.unread)
        code = EXIT_BAD_DATA;
    buf_release(&d.text);
    offline_release(&off);
    return code;
}

/* ---- the job ----------------------------------------------------------------------------------
 */

struct backfill {
    const struct options *options;
    struct backfill_job job;
    struct ev_loop *loop;
    struct engine *engine;
    struct discovery files;
    uint64_t bytes; /* of all files, as they lie there */
    double begun;
    bool progress; /* on a terminal */
    bool interrupted, gave_up;
    ev_signal term, interrupt;
    ev_timer tick;
};

static void on_finished(void *context)
{
    struct backfill *b = context;
    ev_break(b->loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
    struct backfill *b = signal->data;
    b->interrupted = true;
    engine_stop(b->engine, 4.0);
}

static void show_progress(struct backfill *b)
{
    struct counts c;
    struct buf line;
    double seconds = ev_now(b->loop) - b->begun, share = engine_progress(b->engine, b->bytes);
    engine_counts(b->engine, &c);
    buf_init(&line, 512);
    buf_printf(&line, "\r\033[K%3.0f %%  ", share * 100);
    terminal_put_number(&line, c.lines, 0);
    buf_printf(&line, " lines, %.0f lines/s", seconds > 0 ? (double)c.lines / seconds : 0.0);
    if (share > 0.02 && share < 1)
        buf_printf(&line, ", %.0f s left", seconds / share - seconds);
    fwrite(line.p, 1, line.n, stderr);
    buf_release(&line);
}

/* Nothing has ever been acknowledged and nothing answers: a person should know, the job can be run
 * again. */
static void give_up_if_hopeless(struct backfill *b)
{
    struct uplink *u = engine_uplink(b->engine);
    double waited = ev_now(b->loop) - b->begun;
    for (size_t i = 0; i < uplink_destinations(u); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(u, i, &l);
        if (l.batches || strcmp(l.state, "ready") == 0)
            continue;
        if (strcmp(l.state, "paused") == 0 || waited > FIRST_ANSWER_S) {
            b->gave_up = true;
            engine_stop(b->engine, 1.0);
            return;
        }
    }
    if (!uplink_sites(u) && waited > FIRST_ANSWER_S) {
        b->gave_up = true;
        engine_stop(b->engine, 1.0);
    }
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct backfill *b = timer->data;
    if (b->progress)
        show_progress(b);
    give_up_if_hopeless(b);
}

static int find_files(struct backfill *b)
{
    const struct options *o = b->options;
    for (size_t i = 0; i < o->n_paths; i++) {
        size_t before = b->files.n;
        if (strcmp(o->paths[i], "-") == 0)
            continue;
        errno = 0;
        if (discover_path(o->paths[i], &b->files))
            return EXIT_INTERNAL;
        if (b->files.n == before) {
            fprintf(stderr, "logferry backfill: %s: %s\n", o->paths[i],
                    errno ? strerror(errno) : "there is no file, or it was named before");
            b->job.unread++;
        }
    }
    return 0;
}

static int add_file(struct backfill *b, const struct found_file *f)
{
    if (f->error || f->foreign) {
        fprintf(stderr, "logferry backfill: %s: %s%s\n", f->path,
                f->foreign ? "not readable, compressed with " : "",
                f->foreign ? f->foreign : strerror(f->error));
        if (f->foreign)
            fprintf(stderr, "logferry backfill: try: %s '%s' | logferry backfill --source %s -\n",
                    container_mend(f->foreign), f->path, b->job.source.name.p);
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

static void print_plan(const struct backfill *b)
{
    double seconds = 0;
    for (size_t i = 0; i < b->files.n; i++)
        seconds += (double)b->files.files[i].size / (container_is_compressed(b->files.files[i].kind)
                                                         ? GZIP_BYTES_PER_S
                                                         : PLAIN_BYTES_PER_S);
    fprintf(stderr, "plan: files=%zu bytes=%" PRIu64 " about=%.0fs format=%s to=%s job=%s\n",
            b->files.n, b->bytes, seconds, b->job.source.format.p,
            b->job.config->destinations[0].url.p, b->job.id);
}

static void watch(struct backfill *b)
{
    ev_signal_init(&b->term, on_signal, SIGTERM);
    ev_signal_init(&b->interrupt, on_signal, SIGINT);
    b->term.data = b->interrupt.data = b;
    ev_signal_start(b->loop, &b->term);
    ev_signal_start(b->loop, &b->interrupt);
    ev_timer_init(&b->tick, on_tick, 0.5, 0.5);
    b->tick.data = b;
    ev_timer_start(b->loop, &b->tick);
}

/* The exit code, and what to say besides the ledger. */
static int conclude(struct backfill *b)
{
    struct uplink *u = engine_uplink(b->engine);
    int code = b->job.unread || engine_unread(b->engine) ? EXIT_BAD_DATA : EXIT_OK;
    bool parked = false;
    for (size_t i = 0; i < uplink_destinations(u); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(u, i, &l);
        parked = parked || l.parked;
        if (b->gave_up) {
            fprintf(stderr,
                    "logferry backfill: %s (%s): %s; run the same command again when that is "
                    "mended, it goes on from here\n",
                    l.name, b->job.config->destinations[i].url.p, l.last_error);
            code = strcmp(l.state, "paused") == 0 ? EXIT_PERMISSION : EXIT_UNREACHABLE;
        }
    }
    if (parked) {
        fprintf(stderr,
                "logferry backfill: records of a site that the token may not write are kept in "
                "%s/parked; run the same command again when it may\n",
                b->job.path);
        code = EXIT_PERMISSION;
    }
    if (b->interrupted)
        fputs("logferry backfill: interrupted; run the same command again, it goes on from here\n",
              stderr);
    return b->interrupted && !code ? 130 : code;
}

static int deliver(struct backfill *b)
{
    struct buf why;
    int code = 0;
    struct engine_options eo = {.loop = b->loop,
                                .config = b->job.config,
                                .sources = &b->job.source,
                                .n_sources = 1,
                                .state_fd = b->job.fd,
                                .state_path = b->job.path,
                                .job = str_of(b->job.id),
                                .since_ms = b->options->since_ms,
                                .until_ms = b->options->until_ms,
                                .rate = b->options->rate,
                                .on_finished = on_finished,
                                .context = b};
    buf_init(&why, 4096);
    b->engine = engine_new(&eo, &why, &code);
    if (!b->engine)
        fprintf(stderr, "logferry backfill: %.*s\n", STR_ARGS(buf_str(&why)));
    buf_release(&why);
    if (b->engine)
        code = add_files(b);
    if (!b->engine || code)
        return code;
    print_plan(b);
    b->begun = ev_now(b->loop);
    watch(b);
    engine_start(b->engine);
    ev_run(b->loop, 0);
    if (b->progress) {
        show_progress(b);
        fputc('\n', stderr);
    }
    engine_log_ledger(b->engine);
    code = conclude(b);
    return code;
}

int command_backfill(const struct options *o)
{
    struct backfill b = {.options = o, .progress = terminal_has_colour(STDERR_FILENO)};
    if (!o->n_paths) {
        fputs("logferry backfill: name log files, directories, globs, or - for standard input\n",
              stderr);
        return EXIT_USAGE;
    }
    if (o->dry_run || (o->output && strcmp(o->output, "none") == 0))
        return dry_run(o, false);
    if (o->output && strcmp(o->output, "stdout") == 0)
        return dry_run(o, true);
    struct buf err;
    buf_init(&err, 64u << 10);
    int code = backfill_job_open(&b.job, o, NULL, &err);
    if (err.n)
        fwrite(err.p, 1, err.n, stderr);
    buf_release(&err);
    if (!code)
        code = find_files(&b);
    b.loop = ev_default_loop(EVFLAG_AUTO);
    if (!code)
        code = deliver(&b);
    engine_free(b.engine);
    backfill_job_close(&b.job, code == EXIT_OK || code == EXIT_BAD_DATA);
    discovery_release(&b.files);
    ev_loop_destroy(b.loop);
    return code;
}
