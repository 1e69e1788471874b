/*
 * log_head.h - the first lines of a log, and the format that they have. It reads disks.
 */
#ifndef LOGFERRY_AGENT_LOG_HEAD_H
#define LOGFERRY_AGENT_LOG_HEAD_H

#include "agent/container.h"
#include "parsers/detect_json.h"
#include "parsers/prefix.h"

#define LOG_HEAD_BYTES (4u << 20) /* no line begins behind these */

struct log_head {
    struct buf text;                    /* the lines, each with its '\n' */
    struct str lines[DETECT_MAX_LINES]; /* of it */
    uint64_t numbers[DETECT_MAX_LINES]; /* in the file, from 1 */
    size_t n;
    size_t left_out;         /* of those: too long ones, and parts of lines without an end */
    enum prefix_kind cutter; /* PREFIX_NONE: nobody cut its lines in parts */
};

/* The lines of what is there, a half one at the end included. -1: out of memory. */
int log_head_read(struct log_head *head, int fd, enum container_kind kind);
void log_head_release(struct log_head *head); /* accepts a zeroed one */
/* Adds the lines at the beginning that begin with '#', each with its '\n'. -1: out of memory, or
 * more than `out` may hold. */
int log_head_comments(struct buf *out, int fd, enum container_kind kind);
/*
 * Of a pipe: a descriptor of what its writer has written so far, at most what the pipe holds
 * (mostly 64 KiB), which stays in the pipe. Waits for a byte, then up to 16 s for a whole line or
 * the writer's end, and while more comes. -1: it is no pipe, or cannot be read: errno. The caller
 * closes it.
 */
int log_head_of_pipe(int fd);
/* detect_format of them. */
int log_head_detect(const struct log_head *head, const char *path, struct detect_formats *kept,
                    struct detection *out);
/* None fits, or one that finds no status in any line: a table with some of the keys by chance. */
bool log_head_is_doubtful(const struct detection *d);
/* Where that is so, of JSON, by what its keys are called: *out is that guess, if it fits, and
 * better. *guess says what was seen of keys (detect_json.h). -1: out of memory. */
int log_head_guess(const struct log_head *head, struct json_guess *guess, struct detection *out);

#endif
