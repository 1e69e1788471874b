/* explain_places.h - where a log line holds a value that was read, and perhaps decoded, from it.
 * Guesses by the value: what stands twice in the line has no place. Pure. */
#ifndef LOGFERRY_AGENT_EXPLAIN_PLACES_H
#define LOGFERRY_AGENT_EXPLAIN_PLACES_H

#include "parsers/base/bytes.h"

/* Slices of `line`, STR_NONE where there is none. A line of over 8 KiB is not searched for what
 * was decoded. */
struct str place_of_text(struct str line, struct str text);
/* A date and a time of any shape that is this moment, in whatever zone, or its digits since 1970.
 */
struct str place_of_time(struct str line, int64_t ms);
/* Three digits between blanks, tabs or quotes: the first behind byte `path_end`, where a status
 * stands mostly, else the first at all. In JSON those of a key like "status", if there are several.
 */
struct str place_of_status(struct str line, size_t path_end, int status);

#endif
