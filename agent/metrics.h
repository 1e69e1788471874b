/*
 * metrics.h - how a running daemon is, as Prometheus reads it: for `status --metrics`, and for GET
 * /metrics (metrics_http.h). docs/operations.md lists the names; they are kept.
 */
#ifndef LOGFERRY_AGENT_METRICS_H
#define LOGFERRY_AGENT_METRICS_H

#include "agent/status.h"

#define METRICS_MAX_SOURCES 100u /* the others together are source="(other)" */

void metrics_put(struct buf *out, const struct status_view *v);

#endif
