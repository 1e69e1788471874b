/*
 * store_dir.h - the directory that a store lies in. Called by what opens a store; on failure
 * `error` and `failure` are set as it says.
 */
#ifndef LOGFERRY_SERVER_STORE_DIR_H
#define LOGFERRY_SERVER_STORE_DIR_H

#include "server/store.h"

/* With `create` makes it when it is not there (0700; its parent must be). 0, or -1. */
int store_make_directory(const char *dir, bool create, struct buf *error,
                         enum store_failure *failure);
/* One process may write: it holds this lock as long as it lives. The descriptor, or -1. */
int store_take_lock(const char *dir, struct buf *error, enum store_failure *failure);
/* There is no data base at `path`: why, and what to do, into `error`. True when a restore was ended
 * there, or somebody moved it: then none may be made in its place. */
bool store_put_missing(const char *path, struct buf *error);

#endif
