/*
 * agents_home.h - who the agents are and where they come from: the catalogue and the address lists
 * built in, and newer ones that `logferry agents update` installed.
 *
 * They lie in one directory, agents.tsv and NAME.ranges, 0644, each with its date and version in
 * its head (parsers/agents/generate.py, parsers/range_list.h). What cannot be read is as if it were
 * not there: an old list is better than no daemon.
 */
#ifndef LOGFERRY_AGENT_AGENTS_HOME_H
#define LOGFERRY_AGENT_AGENTS_HOME_H

#include "agent/options.h"
#include "config/agent_config.h"
#include "parsers/ranges.h"

#define AGENTS_HOME_CATALOGUE "agents.tsv"
#define AGENTS_HOME_RANGES ".ranges"

struct agents_home {
    struct catalogue *catalogue;
    struct ranges *ranges;
    bool installed; /* the catalogue is not the built-in one */
};

/* The directory: below `state_dir` (--state-dir; NULL: not given), or as the configuration has it
 * (NULL: there is none). Appended to `path`. */
void agents_home_path(struct buf *path, const char *state_dir, const struct agent_config *c);

/*
 * Reads what is in `directory` (NULL: the built-in ones alone). Of each file that is there and does
 * not count, on_ignored is told why, with the path in it (it may be NULL). An installed catalogue
 * counts when it is no older than the built-in one. -1: out of memory.
 */
int agents_home_load(struct agents_home *h, const char *directory, bool search_engines,
                     void (*on_ignored)(struct str why));
/* The same, of the directory that agents_home_path tells. */
int agents_home_load_for(struct agents_home *h, const char *state_dir, const struct agent_config *c,
                         void (*on_ignored)(struct str why));
void agents_home_release(struct agents_home *h); /* accepts a zeroed one */

/* Reads a whole file, at most `out`'s cap. 0 or an errno. */
int agents_home_read(int dir_fd, const char *name, struct buf *out);
/* Writes `name` in the directory of that descriptor: new file 0644, fsync, rename, fsync. 0 or an
 * errno; then `name` is what it was. */
int agents_home_write(int dir_fd, const char *name, struct str text);
/* Makes the directory, 0755 and its parent's owner's, and opens it. -1: errno. */
int agents_home_open(const char *directory);

#endif
