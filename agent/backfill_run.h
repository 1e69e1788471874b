/*
 * backfill_run.h - one backfill from its command line to its ledger, on somebody's loop: of the
 * command itself, or of a running daemon that it was handed to.
 */
#ifndef LOGFERRY_AGENT_BACKFILL_RUN_H
#define LOGFERRY_AGENT_BACKFILL_RUN_H

#include "agent/engine.h"
#include "agent/options.h"

struct backfill;

struct backfill_host {
    struct ev_loop *loop;
    const char *state_path; /* whose jobs/ it works in; NULL: the options' or the configuration's */
    unsigned workers;       /* at most so many, unless --jobs says; 0: as configured */
    bool progress;
    void *context;
    /* Whether a job that somebody left is ending: the same job waits for that. NULL: none is. */
    bool (*is_ending)(void *context);
    /* What is to stand on standard error. */
    void (*say)(void *context, struct str text);
    /* The last call; from the loop. `unreadable`: a file is closed to this process, and nothing was
     * done. The callee may free it. */
    void (*on_finished)(void *context, int exit_code, bool unreadable);
};

/* `o` and what it points to must live until it is freed. NULL: out of memory. */
struct backfill *backfill_start(const struct options *o, const struct backfill_host *host);
/* Ends soon, and cleanly: the same command goes on from there. */
void backfill_stop(struct backfill *b, double seconds);
/* "", until it has a directory of its own. */
const char *backfill_id(const struct backfill *b);
double backfill_progress(const struct backfill *b); /* 0 to 1 */
void backfill_counts(const struct backfill *b, struct counts *out);
/* After on_finished. Accepts NULL. */
void backfill_free(struct backfill *b);

#endif
