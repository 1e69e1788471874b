/*
 * auto_format.h - `format: auto`: a source's format by the lines of its files.
 *
 * What was decided stays, in `formats` of the state directory, for as long as the source keeps its
 * name and its `files`: a stream that was begun in one format is not gone on with in another.
 * Until there is a line, and while no format fits half of them, the source is not read; its files
 * stay as they are, so nothing is lost by that.
 */
#ifndef LOGFERRY_AGENT_AUTO_FORMAT_H
#define LOGFERRY_AGENT_AUTO_FORMAT_H

#include "config/agent_config.h"

struct ev_loop;

#define AUTO_FORMAT "auto"

bool auto_format_wanted(const struct source_config *s);

/*
 * Decides what can be decided, and notes that. The sources whose format is not known yet are moved
 * behind the others; returns how many of those there are. Waits for the disk.
 */
size_t auto_format_settle(struct agent_config *c, int state_fd);

/* Looks again for the sources from `ready` on, every few seconds, until one of them has a format:
 * then calls `on_decided`, once. Borrows the configuration. NULL: out of memory. */
struct auto_format_watch;
struct auto_format_watch *auto_format_watch_new(struct ev_loop *loop, const struct agent_config *c,
                                                size_t ready, void (*on_decided)(void *context),
                                                void *context);
void auto_format_watch_free(struct auto_format_watch *w); /* accepts NULL */

/* For a command over paths: what the daemon decided for this source, else by the first of the
 * paths that holds lines. s->format is then that, with the configuration's life. False: no format
 * fits, and s->format stays. */
bool auto_format_of_paths(struct agent_config *c, struct source_config *s, const char *state_path,
                          char *const *paths, size_t n);

#endif
