/*
 * store_engine.h - what the writer thread (store.c) asks of an engine (store_sqlite*.c). All calls
 * are made by one thread at a time: the opener first, then the writer, then the closer.
 */
#ifndef LOGFERRY_SERVER_STORE_ENGINE_H
#define LOGFERRY_SERVER_STORE_ENGINE_H

#include "server/store.h"

struct engine;

/* ENGINE_FULL and ENGINE_FAILED mean: the whole transaction is lost, roll back. */
enum engine_status { ENGINE_OK, ENGINE_FULL, ENGINE_FAILED };

/* As store_open. The directory exists and is locked. */
struct engine *engine_open(const char *dir, bool create, struct buf *error,
                           enum store_failure *failure);
/* Logs what an operator should know about this engine's library. */
void engine_warn(void);
void engine_close(struct engine *e); /* accepts NULL */

enum engine_status engine_begin(struct engine *e, int64_t now_ms);
/* Does one job and sets its result, stored, duplicate and answer. A job that fails alone leaves no
 * trace, and the transaction goes on. */
enum engine_status engine_run(struct engine *e, struct store_job *job);
/* ENGINE_OK: everything since begin is durable. Otherwise nothing of it is there. */
enum engine_status engine_commit(struct engine *e);
void engine_rollback(struct engine *e);

/* Writes something of the size of a batch, durably, and removes it: is there room again? */
enum engine_status engine_probe(struct engine *e, int64_t now_ms);

/* What can wait until the answers are out: moving the write-ahead log into the data base. */
void engine_settle(struct engine *e);
/* Hourly, in a transaction of its own: old batch ids, unused day keys, records over their
 * retention. Bounded; true when there is more to do. */
bool engine_housekeep(struct engine *e, int64_t now_ms);
/* Makes the next few thousand records quick to report, in a transaction of its own (tens of
 * milliseconds). True when there is more to do. */
bool engine_pack(struct engine *e, int64_t now_ms);

/* Within a transaction: writes down when clients were last used, as far as that is `lag_ms` newer
 * than what was written before. */
void engine_put_uses(struct engine *e, const struct rights *rights, int64_t lag_ms);

/* A new snapshot; NULL when it cannot be read. */
struct rights *engine_rights(struct engine *e);

#endif
