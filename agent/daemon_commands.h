/*
 * daemon_commands.h - what a running daemon does for commands that reach it by the control socket:
 * `status`, `dead replay` and `dead drop`, `backfill`; and for GET /metrics. On the loop's thread.
 */
#ifndef LOGFERRY_AGENT_DAEMON_COMMANDS_H
#define LOGFERRY_AGENT_DAEMON_COMMANDS_H

#include "agent/control.h"
#include "agent/engine.h"

struct daemon_commands;

struct daemon_options {
    struct ev_loop *loop;
    const char *state_path;
    int state_fd;
    void *context;
    /* The last job has ended, after daemon_commands_stop. */
    void (*on_idle)(void *context);
};

/* Opens the control socket; says in the log when that cannot be, and works without. NULL: out of
 * memory. */
struct daemon_commands *daemon_commands_new(const struct daemon_options *options);
/* The engine that orders are about, from now on; NULL: there is none for a while. With one,
 * /metrics is served where its configuration says. */
void daemon_commands_engine(struct daemon_commands *c, struct engine *engine,
                            const struct agent_config *config);
/* Ends the jobs, as an interruption would; new ones are refused until `_engine` is called. */
void daemon_commands_stop(struct daemon_commands *c, double seconds);
bool daemon_commands_is_idle(const struct daemon_commands *c);
/* When it is idle, and the engine gone or going. Accepts NULL. */
void daemon_commands_free(struct daemon_commands *c);

#endif
