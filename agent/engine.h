/*
 * engine.h - the corridor: files in, sealed batches out, positions kept. Used by run and by
 * backfill.
 *
 * The loop thread owns it. Lines are read only while the uplink has room; what is not read stays in
 * the logs.
 */
#ifndef LOGFERRY_AGENT_ENGINE_H
#define LOGFERRY_AGENT_ENGINE_H

#include "agent/discover.h"
#include "agent/stream.h"
#include "agent/uplink.h"

struct engine;

struct engine_options {
    struct ev_loop *loop;
    const struct agent_config *config;
    /* The sources that are read: the configuration's, or one of the command line's. */
    const struct source_config *sources;
    size_t n_sources;
    int state_fd;
    const char *state_path;  /* for messages */
    const char *given_state; /* --state-dir; NULL: as the configuration has it */
    bool follow; /* run: watch, discover again, spool; else: the files that are added, to their end
                  */
    struct str job; /* label of a backfill */
    int64_t since_ms, until_ms;
    uint64_t rate; /* lines a second; 0: as fast as it goes */
    /* Nothing is left to do (not following), or the stop is complete. */
    void (*on_finished)(void *context);
    void *context;
};

/* NULL, with a sentence in `why` and an exit code. */
struct engine *engine_new(const struct engine_options *options, struct buf *why, int *exit_code);
void engine_free(
    struct engine *e); /* accepts NULL; only after on_finished, or before the first event */
/* A file of the command line, before engine_start. Takes path over. fd -1: open it; else a pipe.
 * -1: out of memory. */
int engine_add(struct engine *e, const struct found_file *f, int fd);
void engine_start(struct engine *e);
/* Reads no more, waits for what is on its way (at most `seconds`), saves, and calls on_finished. */
void engine_stop(struct engine *e, double seconds);

/* These bytes of an entry left the spool undelivered: they are read again. False: no file is known
 * that still has them, nothing was changed. */
bool engine_rewind(struct engine *e, uint64_t key, uint64_t from, uint64_t to);

struct uplink *engine_uplink(struct engine *e);
const struct source *engine_sources(const struct engine *e, size_t *n);
/* Sum over all sources. */
void engine_counts(const struct engine *e, struct counts *out);
/* The part, 0 to 1, of `bytes` of files that is read: by their sizes as they lie there. */
double engine_progress(const struct engine *e, uint64_t bytes);
/* Files that could not be read to their end. */
unsigned engine_unread(const struct engine *e);
/* One event=ledger line a source and a destination. */
void engine_log_ledger(struct engine *e);
/* The same lines as text; out NULL: to the log. */
void engine_put_ledger(struct engine *e, struct buf *out);
/* Bytes of the live files of a source that are not safe yet, by the sizes that were last seen. */
uint64_t engine_behind(const struct engine *e, size_t source);
/* How far reading is. */
struct source_lag {
    int64_t oldest_ms;        /* no line that is to be read is older than that; 0: all are read */
    int64_t read_ms, line_ms; /* wall clock: of struct source */
};
void engine_read_lag(const struct engine *e, size_t source, struct source_lag *out);
/* Do the books balance? */
bool engine_balances(struct engine *e);

#endif
