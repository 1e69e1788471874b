/* cmd_run.c - the daemon: an engine that follows, signals, systemd. */
#include "agent/auto_format.h"
#include "agent/commands.h"
#include "agent/daemon_commands.h"
#include "agent/engine.h"
#include "agent/state_dir.h"
#include "config/exit_codes.h"
#include "parsers/base/log.h"
#include "parsers/base/notify.h"

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define DRAIN_S 4.0 /* SIGTERM to exit: 5 s at most */

struct daemon_state {
    struct ev_loop *loop;
    const struct options *options;
    struct agent_config *config;
    struct agent_config *fresh; /* of a reload: takes over when the engine has stopped */
    bool again;                 /* with the same one: a source's format has become known */
    bool ending;                /* a signal to end came */
    struct engine *engine;
    struct daemon_commands *commands;
    bool ended; /* the engine has: jobs may still be at it */
    ev_signal term, interrupt, reload, ledger;
    ev_timer watchdog;
};

static void break_when_done(struct daemon_state *d)
{
    bool goes_on = d->again && !d->fresh && !d->ending; /* and so do the jobs */
    if (d->ended && (goes_on || daemon_commands_is_idle(d->commands)))
        ev_break(d->loop, EVBREAK_ALL);
}

static void on_finished(void *context)
{
    struct daemon_state *d = context;
    d->ended = true;
    break_when_done(d);
}

static void on_idle(void *context)
{
    break_when_done(context);
}

static void stop(struct daemon_state *d)
{
    daemon_commands_stop(d->commands, DRAIN_S);
    engine_stop(d->engine, DRAIN_S);
}

static void on_stop(struct ev_loop *loop, ev_signal *signal, int events)
{
    struct daemon_state *d = signal->data;
    log_event(LOG_INFO, "stopping", "signal=%d", signal->signum);
    notify_send("STOPPING=1");
    agent_config_free(d->fresh); /* of a reload under way */
    d->fresh = NULL;
    d->ending = true;
    stop(d);
}

static void on_ledger(struct ev_loop *loop, ev_signal *signal, int events)
{
    struct daemon_state *d = signal->data;
    engine_log_ledger(d->engine);
}

/* A configuration that run can work with; else NULL and what is wrong. */
static struct agent_config *load(const char *path, struct buf *error)
{
    struct agent_config *c = agent_config_load(path, error);
    if (c && !c->n_sources) {
        buf_printf(error, "%s: there is no source; add one, docs/configuration.md shows how", path);
        agent_config_free(c);
        return NULL;
    }
    return c;
}

/* A new configuration begins with a new engine, from the positions that the old one leaves. A bad
 * file changes nothing. */
static void on_reload(struct ev_loop *loop, ev_signal *signal, int events)
{
    struct daemon_state *d = signal->data;
    struct buf error;
    if (d->ending)
        return;
    buf_init(&error, 64u << 10);
    struct agent_config *fresh = load(d->options->config, &error);
    if (fresh) {
        agent_config_free(d->fresh); /* of a reload under way: this one is newer */
        d->fresh = fresh;
        notify_send("RELOADING=1");
        stop(d);
    } else {
        log_event(
            LOG_ERROR, "reload_refused",
            "why=\"%.*s\" mend=\"correct the file and reload again; the old configuration stays\"",
            STR_ARGS(str_trim(buf_str(&error))));
    }
    buf_release(&error);
}

static void on_decided(void *context)
{
    struct daemon_state *d = context;
    if (d->ending || d->fresh)
        return;
    d->again = true;
    engine_stop(d->engine, DRAIN_S);
}

static void on_watchdog(struct ev_loop *loop, ev_timer *timer, int events)
{
    notify_send("WATCHDOG=1");
}

static void watch_signal(struct daemon_state *d, ev_signal *w, int number,
                         void (*callback)(struct ev_loop *, ev_signal *, int))
{
    ev_signal_init(w, callback, number);
    w->data = d;
    ev_signal_start(d->loop, w);
}

static void watch_all(struct daemon_state *d)
{
    double interval = (double)notify_watchdog_ms() / 2000; /* half of what systemd allows */
    watch_signal(d, &d->term, SIGTERM, on_stop);
    watch_signal(d, &d->interrupt, SIGINT, on_stop);
    watch_signal(d, &d->reload, SIGHUP, on_reload);
    watch_signal(d, &d->ledger, SIGUSR1, on_ledger);
    ev_timer_init(&d->watchdog, on_watchdog, interval, interval);
    if (interval > 0)
        ev_timer_start(d->loop, &d->watchdog);
}

/* One engine's life, from configuration to the last ledger. */
static int live(struct daemon_state *d, int state_fd, const char *state_path)
{
    struct buf why;
    int code = 0;
    size_t waiting = auto_format_settle(d->config, state_fd);
    struct engine_options o = {.loop = d->loop,
                               .config = d->config,
                               .given_state = d->options->state_dir,
                               .sources = d->config->sources,
                               .n_sources = d->config->n_sources - waiting,
                               .state_fd = state_fd,
                               .state_path = state_path,
                               .follow = true,
                               .since_ms = INT64_MIN,
                               .until_ms = INT64_MAX,
                               .on_finished = on_finished,
                               .context = d};
    buf_init(&why, 4096);
    d->engine = engine_new(&o, &why, &code);
    if (!d->engine) {
        log_event(LOG_ERROR, "cannot_start", "why=\"%.*s\"", STR_ARGS(buf_str(&why)));
        buf_release(&why);
        return code;
    }
    buf_release(&why);
    d->ended = false;
    daemon_commands_engine(d->commands, d->engine, d->config);
    engine_start(d->engine);
    struct auto_format_watch *watch =
        waiting ? auto_format_watch_new(d->loop, d->config, o.n_sources, on_decided, d) : NULL;
    log_event(LOG_INFO, "started",
              "version=%s config=%s node=%.*s sources=%zu destinations=%zu state=%s",
              LOGFERRY_VERSION, d->options->config, STR_ARGS(d->config->node), o.n_sources,
              d->config->n_destinations, state_path);
    notify_send("READY=1");
    ev_run(d->loop, 0);
    auto_format_watch_free(watch);
    engine_log_ledger(d->engine);
    daemon_commands_engine(d->commands, NULL, NULL);
    engine_free(d->engine);
    d->engine = NULL;
    return EXIT_OK;
}

/* Engine after engine, as long as reloads bring a new configuration. */
static int live_on(struct daemon_state *d, int state_fd, const char *state_path)
{
    int code;
    d->loop = ev_default_loop(EVFLAG_AUTO);
    const struct daemon_options o = {.loop = d->loop,
                                     .state_path = state_path,
                                     .state_fd = state_fd,
                                     .context = d,
                                     .on_idle = on_idle};
    d->commands = daemon_commands_new(&o);
    if (!d->commands)
        return EXIT_INTERNAL;
    watch_all(d);
    for (;;) {
        code = live(d, state_fd, state_path);
        if (code || d->ending || !(d->fresh || d->again))
            break;
        d->again = false;
        if (!d->fresh)
            continue;
        agent_config_free(d->config);
        d->config = d->fresh;
        d->fresh = NULL;
    }
    daemon_commands_free(d->commands);
    ev_loop_destroy(d->loop);
    return code;
}

int command_run(const struct options *o)
{
    struct daemon_state d = {.options = o};
    struct buf why, state;
    int state_fd = -1, lock_fd = -1, code = EXIT_BAD_CONFIG;
    buf_init(&why, 64u << 10);
    buf_init(&state, 4096);
    d.config = load(o->config, &why);
    if (d.config) { /* a copy: a reload ends the configuration, but moves the state nowhere */
        buf_put_str(&state, o->state_dir ? str_of(o->state_dir) : d.config->state_dir);
        code = EXIT_INTERNAL;
    }
    const char *path = buf_cstr(&state);
    if (d.config && path && !state_dir_open(path, &state_fd, &lock_fd, &why, &code))
        code = live_on(&d, state_fd, path);
    if (d.config && !path)
        buf_lit(&why, "out of memory");
    if (why.n)
        fprintf(stderr, "logferry: %.*s\n", STR_ARGS(str_trim(buf_str(&why))));
    if (state_fd >= 0)
        close(state_fd);
    if (lock_fd >= 0)
        close(lock_fd);
    agent_config_free(d.config);
    agent_config_free(d.fresh);
    buf_release(&state);
    buf_release(&why);
    return code;
}
