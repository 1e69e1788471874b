/*
 * store_care.h - a store's health and its copies. Engine-neutral. Blocking; for commands, not for
 * the server's loop.
 */
#ifndef LOGFERRY_SERVER_STORE_CARE_H
#define LOGFERRY_SERVER_STORE_CARE_H

#include "server/store.h"

/* ---- checking ------------------------------------------------------------------------------ */

/* One thing that is wrong. Text lives as long as the callback runs. */
struct check_finding {
    const char *table; /* or the file, when no table can be named */
    struct str row;    /* "id=7"; STR_NONE: none can be named */
    struct str what;   /* and what it means */
    const char *mend;
};

#define CHECK_FINDINGS_MAX 50 /* of one kind; the rest is counted in one more finding */

/*
 * Reads all of the store in `dir`, beside a server or without one, and writes nothing. What it
 * reads is one moment; while it runs, the engine's log keeps what is written. 0, whatever was
 * found; -1 when there is no store to check: `error` and `failure` as store_open sets them.
 */
int store_check(const char *dir, void (*on_finding)(void *arg, const struct check_finding *finding),
                void *arg, struct buf *error, enum store_failure *failure);

/* ---- copying ------------------------------------------------------------------------------- */

/*
 * Copies the store in `dir` to `file`, beside a server or without one: one moment of it, whole. The
 * copy is made under another name in the same directory, checked, synced, and only then named; it
 * is 0600 and the store's owner's. Without `force` a file that is there stays. 0 and its size; or
 * -1, nothing left behind, `error` and `failure` as store_open sets them.
 */
int store_backup(const char *dir, const char *file, bool force, uint64_t *bytes, struct buf *error,
                 enum store_failure *failure);

/*
 * Puts a backup in the place of the store in `dir` (made when it is not there), in two steps, so
 * that the caller can ask in between. What was there is kept as logferry.db.replaced.
 */
struct store_restore;

struct restore_info {
    bool replaces;         /* there is a store, or the rest of one */
    uint64_t bytes;        /* of the backup */
    int64_t last_batch_ms; /* when its last batch was received; 0: it has none */
    const char *kept;      /* after the second step: why only in parts, or NULL. Static. */
};

/* Takes the store's lock, copies `file` beside the store and checks the copy; nothing of the store
 * is changed. NULL: `error` and `failure` as store_open sets them. */
struct store_restore *store_restore_begin(const char *dir, const char *file,
                                          struct restore_info *info, struct buf *error,
                                          enum store_failure *failure);
/* The copy becomes the store. 0, durably; -1: `error` says what is there now. */
int store_restore_finish(struct store_restore *r, struct restore_info *info, struct buf *error,
                         enum store_failure *failure);
/* Gives the lock back, and removes the copy when it has not become the store. Accepts NULL. */
void store_restore_end(struct store_restore *r);

#endif
