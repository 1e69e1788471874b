/* batch_compose.h - shared by batch.c and builder.c only. */
#ifndef LOGFERRY_AGENT_BATCH_COMPOSE_H
#define LOGFERRY_AGENT_BATCH_COMPOSE_H

#include "agent/batch.h"

/* A batch of this header (its `batch` is UUID text) and these record lines. NULL: out of memory, or
 * too large. */
struct batch *batch_compose(const struct batch_header *h, struct str records, uint32_t n_records,
                            bool compress);

#endif
