/* commands.h - one function a command; each returns an exit code of config/exit_codes.h. */
#ifndef LOGFERRY_AGENT_COMMANDS_H
#define LOGFERRY_AGENT_COMMANDS_H

#include "agent/options.h"

int command_report(const struct options *o);
int command_run(const struct options *o);
int command_backfill(const struct options *o);
int command_verify(const struct options *o);
int command_explain(const struct options *o);
int command_detect(const struct options *o);
int command_check(const struct options *o);
int command_status(const struct options *o);
int command_dead(const struct options *o);
int command_agents(const struct options *o);
int command_classify(const struct options *o);

/* The state directory of --state-dir or the configuration, with its NUL; says what is wrong
 * otherwise. Of cmd_dead.c. */
bool command_state_path(const struct options *o, struct buf *path);

#endif
