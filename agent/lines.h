/*
 * lines.h - a file's lines with their positions, whatever its container.
 *
 * A line is what stands before a '\n', which does not belong to it, without NULs at its beginning:
 * what a writer leaves there that kept its offset over a truncation. Lines over LINE_MAX_BYTES are
 * reported as too long, once, and passed over. What follows the last '\n' is a half line:
 * lines_next says so and does not move, and lines_take_half hands it out when the file is known to
 * be finished.
 */
#ifndef LOGFERRY_AGENT_LINES_H
#define LOGFERRY_AGENT_LINES_H

#include "agent/seam.h"

#define LINE_MAX_BYTES (256u << 10)

enum lines_result {
    LINES_LINE,
    LINES_TOO_LONG, /* lines_at..lines_position hold it; no text */
    LINES_PART,     /* joiner.h only: of a line that was cut, without the rest */
    LINES_END,      /* no complete line left: lines_state tells why */
};

struct lines;

/* Reads from `offset` (of the decoded bytes) on; a file that ends before it leaves lines_position
 * short of it. Takes over nothing: fd is borrowed. NULL: out of memory. */
struct lines *lines_new(int fd, enum container_kind kind, uint64_t offset);
void lines_free(struct lines *l); /* accepts NULL */
/* *line stays valid until the next call. */
enum lines_result lines_next(struct lines *l, struct str *line);
uint64_t lines_at(const struct lines *l);       /* where the last line began */
uint64_t lines_position(const struct lines *l); /* where the next one begins */
uint64_t lines_number(const struct lines *l);   /* of the last line, from 1 since lines_new */
enum container_end lines_state(const struct lines *l);
enum container_kind lines_kind(const struct lines *l);
uint64_t lines_file_offset(const struct lines *l); /* in the file itself, for messages */
/* After LINES_END: bytes behind the last newline. lines_take_half makes them a line (or
 * LINES_TOO_LONG), or returns LINES_END when there are none. */
size_t lines_half_bytes(const struct lines *l);
enum lines_result lines_take_half(struct lines *l, struct str *line);
/* After LINES_END: what was read before the last bytes is not there any more. The file was
 * truncated and written anew while it was read; nothing of the new text was given out. Plain files
 * only. */
bool lines_replaced(const struct lines *l);
/* The SEAM_BYTES just before the current position (fewer only near the stream's start). */
struct str lines_seam(const struct lines *l);

#endif
