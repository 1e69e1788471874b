/*
 * backfill_job.h - what a backfill keeps: <state>/jobs/<id>, where the id is made of all that
 * decides its outcome, so that the same command after an interruption finds its positions, and
 * another one does not.
 */
#ifndef LOGFERRY_AGENT_BACKFILL_JOB_H
#define LOGFERRY_AGENT_BACKFILL_JOB_H

#include "agent/options.h"
#include "config/agent_config.h"

struct backfill_job {
    const char *command; /* whose messages these are; static */
    struct agent_config
        *config; /* of the file, or made of the command line; with the one destination chosen */
    struct source_config source;
    char id[17];
    char path[4096];
    int fd, lock;
    bool busy;       /* not opened: the same job is under way in somebody's hands */
    struct buf *err; /* while it is opened */
    unsigned unread; /* files that could not be opened */
};

/* In the jobs/ of `state`; NULL: of the options' or the configuration's. 0, or an exit code and a
 * line in `err` that says what is wrong. Close it in both cases. */
int backfill_job_open(struct backfill_job *j, const struct options *o, const char *state,
                      struct buf *err);
/* Its first half: configuration, destination and source by the command line. Nothing is opened and
 * nothing written. */
int backfill_job_choose(struct backfill_job *j, const struct options *o, const char *command,
                        struct buf *err);
/* `complete`: nothing is left to do, the directory goes (unless something waits in it). */
void backfill_job_close(struct backfill_job *j, bool complete);

#endif
