/* commands.h - one function a command; each returns an exit code of config/exit_codes.h. */
#ifndef LOGFERRY_AGENT_COMMANDS_H
#define LOGFERRY_AGENT_COMMANDS_H

#include "agent/options.h"

int command_report(const struct options *o);
int command_run(const struct options *o);
int command_backfill(const struct options *o);
int command_verify(const struct options *o);
int command_explain(const struct options *o);
int command_check(const struct options *o);

#endif
