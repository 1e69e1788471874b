/* report_ledger.h - what the ledger and its days print alike; for report_*.c only. */
#ifndef LOGFERRY_SERVER_REPORT_LEDGER_H
#define LOGFERRY_SERVER_REPORT_LEDGER_H

#include "server/report.h"

/* Lines of a block: a name and its number, further in than the heading that it is a part of. */
void put_number(struct buf *out, const char *name, int64_t number);
void put_skips_text(struct buf *out, const struct read_skips *skips);
void put_node_name(struct buf *out, struct str team, struct str name);
/* Nothing when there is no overlap. */
void put_overlap(struct buf *out, int64_t intervals, int64_t bytes);
/* One more node of a list that holds nothing else, up to the comma behind its name. */
void put_node_json(struct buf *out, struct str team, struct str name);
/* An object of reasons and their numbers. */
void put_skips_json(struct buf *out, const struct read_skips *skips);

#endif
