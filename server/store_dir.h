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
/* The data base at `path` and the files beside it, if they are there: plain files that may be read,
 * and with `write` written. 0, or -1. Opens none of them. */
int store_check_file(const char *path, bool write, struct buf *error, enum store_failure *failure);
/* There is none at `path`, because a restore was ended there, or somebody moved it: then no other
 * may be made in its place. */
bool store_was_moved(const char *path);
/* There is none at `path`: why, and what to do, into `error`. */
void store_put_missing(const char *path, struct buf *error);

#endif
