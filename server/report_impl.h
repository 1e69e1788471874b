/* report_impl.h - what the two ways of counting for a report share; for report*.c and tests only.
 */
#ifndef LOGFERRY_SERVER_REPORT_IMPL_H
#define LOGFERRY_SERVER_REPORT_IMPL_H

#include "server/report.h"

/* A report of nothing, with the agents' texts; to be released in any case. */
int report_begin(struct report *r, struct store_reader *reader, const struct read_filter *filter,
                 struct str site);
/* Count into one that has begun; its lists are sorted then. -1: the store cannot be read, or there
 * is no memory; by columns also: there are more different paths or visitors than places
 * (read_places.h), and what was counted is of no use. */
int report_by_columns(struct report *r, struct store_reader *reader, size_t top);
int report_by_rows(struct report *r, struct store_reader *reader);

/* TALLY_ALL: outside 200..599. */
enum tally_column report_status_column(int status);
/* Fetches of an agent, by the store's number, into the sum and the lists of agents. */
void report_add_agent(struct report *r, int64_t agent, const uint64_t counts[TALLY_COLUMNS]);

#endif
