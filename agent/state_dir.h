/*
 * state_dir.h - the agent's directory of state and how files get into it safely. Worker threads,
 * but for the opening at start. Everything is 0600 in directories 0700; what root makes belongs to
 * the owner of the directory it is made in.
 */
#ifndef LOGFERRY_AGENT_STATE_DIR_H
#define LOGFERRY_AGENT_STATE_DIR_H

#include "parsers/base/bytes.h"

/* Makes `path` (and its parents) when missing and takes its lock file; *lock_fd holds the lock
 * until closed. -1 with a full sentence in `why`: what, where, and how to mend. Exit code for that:
 * *exit_code. */
int state_dir_open(const char *path, int *dir_fd, int *lock_fd, struct buf *why, int *exit_code);
/* Opens, making it when missing, a directory below; what it holds is synced then. -1: errno. */
int state_dir_sub(int dir_fd, const char *name);

/* Names of the fault points that a write passes (parsers/base/fault.h). */
struct write_points {
    const char *before_write, *after_open, *write, *after_write, *after_fsync, *after_rename,
        *after_sync;
};

/*
 * Writes `head` and `body` to `name`: new file, write, fsync, rename over `name`, fsync the
 * directory. Returns 0 or an errno; after an error `name` is what it was before, and no temporary
 * file is left.
 */
int state_write_file(int dir_fd, const char *name, struct str head, struct str body,
                     const struct write_points *points);
/* Reads a regular file of ours, at most `out`'s cap. 0 or an errno: ELOOP for a symlink, EPERM for
 * another owner, EFBIG over the cap. */
int state_read_file(int dir_fd, const char *name, struct buf *out);
/* Unlinks and fsyncs the directory, with a fault point between. 0 or an errno; a file that is not
 * there is 0. */
int state_remove_file(int dir_fd, const char *name, const char *after_unlink);

#endif
