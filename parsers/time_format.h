/*
 * time_format.h - times as strftime writes them, by a format of the user's: a subset whose texts
 * can be told apart, %d %e %m %b %h %y %Y %H %I %p %M %S %T %R %F %D %z %Z %s %a %%, and two of our
 * own: %3, %6 and %9 are digits of a second. English names.
 */
#ifndef LOGFERRY_PARSERS_TIME_FORMAT_H
#define LOGFERRY_PARSERS_TIME_FORMAT_H

#include "parsers/base/bytes.h"

struct time_format;

/* NULL on a conversion that is not known, or when the whole tells no instant; with a sentence. */
struct time_format *time_format_new(struct str format, struct buf *why);
void time_format_free(struct time_format *f); /* accepts NULL */
/* The end of the time that begins at `at`, or NULL; digits and names only, not whether it exists.
 */
const char *time_format_end(const struct time_format *f, const char *at, const char *end);
/* `text` is what time_format_end went over. False for a time that does not exist. *zoned: the text
 * told its zone; else *ms is as if it were UTC. */
bool time_format_parse(const struct time_format *f, struct str text, int64_t *ms, bool *zoned);
/* The same as a PCRE2 pattern. */
void time_format_pattern(const struct time_format *f, struct buf *out);

#endif
