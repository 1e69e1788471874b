/*
 * joiner.h - the lines of a file that Kubernetes or Docker wrote, with those put together again
 * that they cut in parts (parsers/prefix.h).
 *
 * A joined line is its first part with the text of the others behind the own. It is known by where
 * its first part begins. Parts of standard output and standard error may lie between each other:
 * lines come out in the order of where they begin, so those that follow a first part wait until its
 * line is whole, and a position never lies behind an unfinished one. A last part that begins
 * JOIN_SPAN_BYTES or more behind the first is not waited for, nor are parts once JOIN_MAX_WAITING
 * lines wait: what there is of the line is LINES_PART.
 *
 * What comes out depends on nothing but the text from where reading began, if that is a place that
 * no line reaches over: one where, when it was read, `next` of a line was lines_position.
 */
#ifndef LOGFERRY_AGENT_JOINER_H
#define LOGFERRY_AGENT_JOINER_H

#include "agent/lines.h"
#include "parsers/base/hash.h"
#include "parsers/prefix.h"

#define JOIN_SPAN_BYTES (512u << 10)
#define JOIN_MAX_WAITING 4096u

struct joined {
    struct str text;     /* none of LINES_TOO_LONG; valid until the next call */
    uint64_t at, next;   /* where it begins, and where the one after it does */
    uint64_t number;     /* of its first line among those of `lines`, from 1 */
    bool parts;          /* it is made of parts */
    struct hash128 head; /* with parts: stream_id of the first, as it stands in the file */
};

struct joiner;

/* *out is NULL for PREFIX_NONE: lines that nobody cut need none. -1: out of memory. */
int joiner_new(struct joiner **out, enum prefix_kind cutter);
void joiner_free(struct joiner *j); /* accepts NULL */
/* The next line, as lines_next; LINES_PART too. After LINES_END: what begins before may be waiting.
 * Without a joiner (NULL) lines are what they are. */
enum lines_result joiner_next(struct joiner *j, struct lines *l, struct joined *out);
/* After LINES_END, when the file is known to be finished: half a line and what waits for parts, one
 * after the other. LINES_END: that was all. */
enum lines_result joiner_take_rest(struct joiner *j, struct lines *l, struct joined *out);
/* After LINES_END: bytes from the first part that waits on, or of the half line. */
size_t joiner_half_bytes(const struct joiner *j, const struct lines *l);

#endif
