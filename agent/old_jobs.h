/*
 * old_jobs.h - backfills that nobody finishes: what they left of visitors on disk has an age, too.
 */
#ifndef LOGFERRY_AGENT_OLD_JOBS_H
#define LOGFERRY_AGENT_OLD_JOBS_H

#include <stdint.h>

/* Looks through jobs/ of the state directory and removes batches that are older than limits.max_age
 * (the rule of uplink.h), but not of a job that is under way. Says so in the log. Waits for the
 * disk: on a worker. */
void old_jobs_expire(int state_fd, int64_t max_age_ms, int64_t now_ms);

#endif
