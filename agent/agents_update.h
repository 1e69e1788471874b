/* agents_update.h - `logferry agents update`: lists and catalogues brought by the administrator. */
#ifndef LOGFERRY_AGENT_AGENTS_UPDATE_H
#define LOGFERRY_AGENT_AGENTS_UPDATE_H

#include "agent/agents_home.h"

/* Installs o->paths[1…] (files, or directories of them) into `directory`, of which `home` was
 * loaded. Prints what it did to
 * each; all files are tried. An exit code. */
int agents_update(const struct options *o, const struct agents_home *home, const char *directory);

#endif
