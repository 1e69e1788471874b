/* report.h - what `logferry report` has counted, and how it is shown to people. */
#ifndef LOGFERRY_AGENT_REPORT_H
#define LOGFERRY_AGENT_REPORT_H

#include "agent/offline.h"
#include "agent/tally.h"

#define REPORT_TOP_PAGES 10
#define REPORT_MAX_AGENTS 1024

struct agent_row {
    const struct agent *agent;
    uint64_t classes[3];  /* by enum ai_class */
    uint64_t statuses[6]; /* of documents, by hundreds */
    uint64_t spoofed;     /* of all classes: verified is "no" */
    struct tally pages;   /* documents */
};

struct report {
    struct agent_row agents[REPORT_MAX_AGENTS];
    size_t n_agents;
    struct tally pages;
    struct distinct visitors;
    struct tally assistants; /* pageviews by the AI assistant that the person came from */
    const struct offline_formats *formats;
    uint64_t lines, pageviews, fetches, skipped;
    uint64_t reasons[REASON_COUNT];
    uint64_t unread; /* files */
    int64_t first_ms, last_ms;
    double seconds;
};

/* As wide as the terminal at standard output, 60 columns at least; where that is none, as wide as
 * it is. Sorts the tallies: once. */
void report_put_text(struct buf *out, struct report *r);

#endif
