/* detect_behind.h - the head of a log behind what collectors put before its lines; for detect*.c.
 */
#ifndef LOGFERRY_PARSERS_DETECT_BEHIND_H
#define LOGFERRY_PARSERS_DETECT_BEHIND_H

#include "parsers/detect.h"
#include "parsers/prefix.h"

struct behind {
    struct str lines[DETECT_MAX_LINES]; /* of the log, or of `text`; "" where one has no such
                                           prefix */
    size_t n, n_prefixes;
    char spec[32];   /* "docker+syslog+": what was taken off */
    struct buf text; /* of the lines, when something was */
};

/* At most DETECT_MAX_LINES of `lines`, as they are; borrows. NULL: out of memory. */
struct behind *behind_new(const struct str *lines, size_t n);
void behind_free(struct behind *b); /* accepts NULL */
/* Takes off what more than half of the lines have in front; one that is doubtful (prefix.h) only
 * with `doubtful`, for some formats begin so themselves. 1; 0: they have none, or have had
 * PREFIXES_MAX; -1: out of memory. */
int behind_next(struct behind *b, bool doubtful);

#endif
