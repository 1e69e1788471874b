/* explain_marks.h - a log line for people, its fields marked under it. */
#ifndef LOGFERRY_AGENT_EXPLAIN_MARKS_H
#define LOGFERRY_AGENT_EXPLAIN_MARKS_H

#include "agent/terminal.h"
#include "parsers/hit_fields.h"

#define EXPLAIN_MAX_COLUMNS 400u

/* The line, made safe and broken at `columns` (20 to EXPLAIN_MAX_COLUMNS), and under each part
 * "^~~~" and the names of the fields, where these can be found (explain_places.h). */
void explain_put_marks(struct buf *out, struct str line, const struct hit *hit, size_t columns,
                       struct terminal_style style);
/* The part of the line around this byte, and '^' under it with the sentence. */
void explain_put_caret(struct buf *out, struct str line, size_t column, const char *why,
                       size_t columns, struct terminal_style style);

#endif
