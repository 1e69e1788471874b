/* status.h - how a running daemon is: as JSON for programs, as text for people. */
#ifndef LOGFERRY_AGENT_STATUS_H
#define LOGFERRY_AGENT_STATUS_H

#include "agent/backfill_run.h"

struct status_job {
    const struct backfill *job;
    struct status_job *next;
};

struct status_view {
    struct engine *engine;
    const struct agent_config *config;
    const char *state_path;
    double up_s;
    int64_t started_ms; /* wall clock */
    const struct status_job *jobs;
};

void status_put_json(struct buf *out, const struct status_view *v);
void status_put_text(struct buf *out, const struct status_view *v);

#endif
