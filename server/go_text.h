/*
 * go_text.h - what Go's library makes of texts, where HitKeep's answers depend on it:
 * strings.TrimSpace, the keys of encoding/json, time.Parse(time.RFC3339). Pure.
 */
#ifndef LOGFERRY_SERVER_GO_TEXT_H
#define LOGFERRY_SERVER_GO_TEXT_H

#include "parsers/base/bytes.h"

/* Without Unicode's white space at either end. STR_NONE gives "". */
struct str go_trim(struct str s);
/* Is `key` the field `name` (lower case, ASCII), case aside? Two letters beyond ASCII have an ASCII
 * letter as their other case: the long s and the Kelvin sign. */
bool go_key_is(struct str key, struct str name);
/* RFC 3339 as Go reads it: T and Z in capitals; an hour of one digit and a comma before the
 * fraction are let pass, and offsets of up to 24:60; no leap second. */
bool go_time(struct str text, int64_t *ms);

#endif
