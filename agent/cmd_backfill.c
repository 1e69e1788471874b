/* cmd_backfill.c - history: handed to the running daemon, or done here; see backfill_run.h. */
#include "agent/backfill_run.h"
#include "agent/commands.h"
#include "agent/control_wire.h"
#include "agent/offline.h"
#include "agent/retention.h"
#include "agent/terminal.h"
#include "config/agent_config.h"
#include "config/exit_codes.h"

#include <errno.h>
#include <ev.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STOP_S 4.0

/* ---- to nowhere, or to standard output --------------------------------------------------------
 */

struct dry {
    bool print;
    struct str default_host;
    struct retention *retention; /* NULL: nobody was asked */
    struct counts counts;
    struct buf text;
};

/* Without sites in the configuration a record may go everywhere. */
static void count_record(struct dry *d, const struct digested *g)
{
    struct str host = str_is_set(g->hit.host) ? g->hit.host : d->default_host;
    retention_count(d->retention, str_is_set(g->record.site) ? g->record.site : host,
                    g->to ? g->to : ~0u, g->hit.time_ms);
}

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
    if (d->retention)
        count_record(d, g);
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

static void on_told(void *context)
{
    ev_break(context, EVBREAK_ALL);
}

/* Only a dry run asks: what goes nowhere or to standard output is kept by nobody. */
static int ask_retention(struct dry *d, struct ev_loop *loop, const struct agent_config *config)
{
    d->retention = retention_ask(loop, config, RETENTION_ASK_S, on_told, loop);
    if (!d->retention)
        return EXIT_INTERNAL;
    ev_run(loop, 0);
    return 0;
}

static void print_retention(const struct dry *d, const struct options *o)
{
    const struct retention_view view = {
        .host = o->host ? str_of(o->host) : STR_NONE, .since_ms = o->since_ms, .counted = true};
    struct buf out;
    buf_init(&out, 1u << 20);
    if (d->retention)
        retention_put(d->retention, &view, &out);
    fwrite(buf_str(&out).p, 1, out.n, stderr);
    buf_release(&out);
}

static int dry_run(const struct options *o, bool print)
{
    struct offline off;
    struct dry d = {.print = print};
    struct ev_loop *loop = NULL;
    int code = offline_init(&off, o, "backfill");
    buf_init(&d.text, 16u << 20);
    if (!code && o->dry_run && off.config && (loop = ev_default_loop(EVFLAG_AUTO)))
        code = ask_retention(&d, loop, off.config);
    d.default_host = off.digest_rules.default_host;
    if (!code)
        code = offline_read(&off, o->paths, o->n_paths, on_dry_line, &d);
    print_counts(&d.counts);
    print_retention(&d, o);
    if (!code && print && fflush(stdout))
        code = EXIT_CANNOT_WRITE;
    if (!code && off.unread)
        code = EXIT_BAD_DATA;
    buf_release(&d.text);
    retention_free(d.retention);
    if (loop)
        ev_loop_destroy(loop);
    offline_release(&off);
    return code;
}

/* ---- here -------------------------------------------------------------------------------------
 */

struct foreground {
    struct ev_loop *loop;
    struct backfill *job;
    ev_signal term, interrupt;
    int code;
};

static void say(void *context, struct str text)
{
    fwrite(text.p, 1, text.n, stderr);
}

static void on_finished(void *context, int exit_code, bool unreadable)
{
    struct foreground *f = context;
    f->code = exit_code;
    ev_break(f->loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
    struct foreground *f = signal->data;
    backfill_stop(f->job, STOP_S);
}

static void watch(struct foreground *f, ev_signal *w, int number)
{
    ev_signal_init(w, on_signal, number);
    w->data = f;
    ev_signal_start(f->loop, w);
}

static int deliver(const struct options *o)
{
    struct foreground f = {.loop = ev_default_loop(EVFLAG_AUTO), .code = EXIT_INTERNAL};
    const struct backfill_host host = {.loop = f.loop,
                                       .progress = terminal_has_colour(STDERR_FILENO),
                                       .context = &f,
                                       .say = say,
                                       .on_finished = on_finished};
    f.job = backfill_start(o, &host);
    if (!f.job)
        return EXIT_INTERNAL;
    watch(&f, &f.term, SIGTERM);
    watch(&f, &f.interrupt, SIGINT);
    ev_run(f.loop, 0);
    backfill_free(f.job);
    ev_loop_destroy(f.loop);
    return f.code;
}

/* ---- there ------------------------------------------------------------------------------------
 */

/* Relative to the daemon's directory it would be another file. */
static char *absolute(const char *path, const char *directory)
{
    char *full = NULL;
    if (path[0] == '/')
        return strdup(path);
    return asprintf(&full, "%s/%s", directory, path) < 0 ? NULL : full;
}

/* What only this process has: its standard input, and a token in its environment. */
static bool is_ours_alone(const struct options *o)
{
    for (size_t i = 0; i < o->n_paths; i++)
        if (strcmp(o->paths[i], "-") == 0)
            return true;
    return o->output && (strchr(o->output, '/') || strncmp(o->output, "unix:", 5) == 0);
}

/* The state directory that this configuration has; false: it cannot be read, which is told later.
 */
static bool find_state(const struct options *o, struct buf *path)
{
    struct buf error;
    buf_init(&error, 64u << 10);
    struct agent_config *c = o->state_dir ? NULL : agent_config_load(o->config, &error);
    if (o->state_dir || c)
        buf_put_str(path, o->state_dir ? str_of(o->state_dir) : c->state_dir);
    agent_config_free(c);
    buf_release(&error);
    return path->n > 0;
}

static enum control_result ask_daemon(const struct options *o, const char *state, int *code,
                                      struct buf *why)
{
    char here[4096];
    struct options there = *o;
    enum control_result result = CONTROL_NOBODY;
    there.progress = terminal_has_colour(STDERR_FILENO);
    char *config = getcwd(here, sizeof(here)) ? absolute(o->config, here) : NULL;
    there.paths = calloc(o->n_paths, sizeof(*there.paths));
    bool good = config && there.paths;
    for (size_t i = 0; good && i < o->n_paths; i++)
        good = (there.paths[i] = absolute(o->paths[i], here)) != NULL;
    there.config = config;
    if (good)
        result = control_call(state, "backfill", &there, code, why);
    for (size_t i = 0; there.paths && i < o->n_paths; i++)
        free(there.paths[i]);
    free(there.paths);
    free(config);
    return result;
}

/* True: the daemon had it, and *code tells how it went. */
static bool hand_over(const struct options *o, int *code)
{
    struct buf state, why;
    bool had = false;
    buf_init(&state, 4096);
    buf_init(&why, CONTROL_FRAME_MAX);
    if (!is_ours_alone(o) && find_state(o, &state) && buf_cstr(&state)) {
        enum control_result result = ask_daemon(o, buf_cstr(&state), code, &why);
        had = result == CONTROL_ANSWERED || result == CONTROL_BROKEN;
        if (why.n)
            fprintf(stderr, "logferry backfill: %.*s\n", STR_ARGS(buf_str(&why)));
    }
    buf_release(&state);
    buf_release(&why);
    return had;
}

int command_backfill(const struct options *o)
{
    int code = EXIT_INTERNAL;
    if (!o->n_paths) {
        fputs("logferry backfill: name log files, directories, globs, or - for standard input\n",
              stderr);
        return EXIT_USAGE;
    }
    if (o->dry_run || (o->output && strcmp(o->output, "none") == 0))
        return dry_run(o, false);
    if (o->output && strcmp(o->output, "stdout") == 0)
        return dry_run(o, true);
    return hand_over(o, &code) ? code : deliver(o);
}
