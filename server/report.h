/*
 * report.h - what the records of a time say, as text for a terminal or as JSON; and the ledger of
 * lines. Reads by store_read.h; called by the commands and, later, by the API.
 */
#ifndef LOGFERRY_SERVER_REPORT_H
#define LOGFERRY_SERVER_REPORT_H

#include "server/report_tally.h"
#include "server/store_read.h"

#define REPORT_AGENTS_MAX 4096

struct report {
    struct read_filter filter;
    struct str site; /* its domain; STR_NONE: every site */
    uint64_t pageviews;
    struct id_set visitors; /* counted anew each day: their numbers change with the day's key */
    uint64_t ai[TALLY_COLUMNS];
    struct tally pages;  /* pageviews by path and query */
    struct tally agents; /* by "name\toperator\tcategory" */
    struct tally operators, categories, ai_paths;
    struct str *agent_texts; /* by the store's id, REPORT_AGENTS_MAX */
    uint64_t other_status;   /* AI fetches with a status outside 200..599 */
};

/* Fills *r, which report_release empties; `site` and the filter are borrowed. Of the paths `top` at
 * least (not 0) are in the lists, though their n is of all. -1: the store cannot be read, or there
 * is no memory. */
int report_gather(struct report *r, struct store_reader *reader, const struct read_filter *filter,
                  struct str site, size_t top);
void report_release(struct report *r);

/* The `top` most counted of each list. Control bytes of the records are escaped. */
void report_put_text(const struct report *r, size_t top, struct buf *out);
void report_put_json(const struct report *r, size_t top, struct buf *out);

/* The ledger of every node, and the sum. `site` 0: of all. */
int ledger_put_text(struct store_reader *reader, int64_t site, struct buf *out);
int ledger_put_json(struct store_reader *reader, int64_t site, struct buf *out);

/* What became of the lines of a day: from lines to records, by node. */
struct day_question {
    struct day_filter filter;
    struct str site, time_zone; /* for the heading */
    struct str day;             /* the same */
};
int day_put_text(struct store_reader *reader, const struct day_question *q, struct buf *out);
int day_put_json(struct store_reader *reader, const struct day_question *q, struct buf *out);

/* The nodes that deliver: a block each, or an object a line. */
int agents_put(struct store_reader *reader, int64_t now_ms, bool json, struct buf *out);

/* Appends s for a terminal: control bytes, and bytes that are no UTF-8, as \xHH. */
void put_printable(struct buf *out, struct str s);
/* Columns that s, printed so, takes on a terminal (one for each character). */
size_t printable_width(struct str s);

#endif
