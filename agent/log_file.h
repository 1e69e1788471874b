/*
 * log_file.h - opening a log in a directory that may not be ours. Worker threads, mostly.
 *
 * Whoever may write to a log directory can put anything there: FIFOs, devices, symbolic links to
 * files that he may not read but we may. So what a name leads to is looked at before it is opened
 * for reading: only a regular file that lies below one of the roots will do. Hard links are files
 * like any other: fs.protected_hardlinks keeps people from making them of what is not theirs.
 */
#ifndef LOGFERRY_AGENT_LOG_FILE_H
#define LOGFERRY_AGENT_LOG_FILE_H

#include "config/agent_config.h"

#include <sys/stat.h>

/* Directories below which a source's files must lie, symbolic links resolved. */
struct log_roots {
    char **v;
    size_t n;
};

/* The fixed part of `files`, the directory of rotated logs, and those of `symlinks`. -1: out of
 * memory. */
int log_roots_init(struct log_roots *roots, const struct source_config *c);
void log_roots_release(struct log_roots *roots);

/*
 * Opens it for reading; roots NULL: wherever it lies. 0 with *fd and *st; an errno; or -1 with a
 * static sentence in *why: it is not opened, by rule.
 */
int log_file_open(const char *path, const struct log_roots *roots, int *fd, struct stat *st,
                  const char **why);
/* This process, or the machine, lacks descriptors or memory: an error that says nothing of the
 * file. It is tried again. */
bool log_file_is_shortage(int error);

#endif
