/*
 * verify_print.h - the books of a verification for people and for programs, and the command that
 * mends what is missing. All text from logs and servers is made safe for a terminal.
 */
#ifndef LOGFERRY_AGENT_VERIFY_PRINT_H
#define LOGFERRY_AGENT_VERIFY_PRINT_H

#include "agent/options.h"
#include "agent/verify_books.h"

/* Of the whole verification, besides the totals. */
struct verify_end {
    const struct options *options;
    const struct verify_total *total;
    const char *destination, *url;
    uint64_t lines;         /* taken, as the reader counted them */
    uint64_t files, unread; /* unread: not read, or not to their end */
    double seconds;
    bool balanced;
};

/* A stream: a header with what it comes to, and rows: of every hour, or of those that lack
 * something. */
void verify_put_text(struct buf *b, const struct verify_stream *s, bool all_hours);
void verify_put_text_end(struct buf *b, const struct verify_end *e);
/* One object a line: an "hour" each, then the "stream"; at last the "summary". */
void verify_put_json(struct buf *b, const struct verify_stream *s);
void verify_put_json_end(struct buf *b, const struct verify_end *e);
/* "logferry backfill …" for what is missing. Appends nothing when nothing is. */
void verify_put_mend(struct buf *b, const struct options *o, const struct verify_total *t);

#endif
