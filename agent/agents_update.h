/* agents_update.h - `logferry agents update`: lists and catalogues brought by the administrator. */
#ifndef LOGFERRY_AGENT_AGENTS_UPDATE_H
#define LOGFERRY_AGENT_AGENTS_UPDATE_H

#include "agent/options.h"

/* Installs o->paths[1…] (files, or directories of them) into `directory`. Prints what it did to
 * each; all files are tried. An exit code. */
int agents_update(const struct options *o, const char *directory);

#endif
