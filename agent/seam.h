/*
 * seam.h - what tells a file from another that begins with the same line: a hash of its first
 * bytes, and one of those just before a position. Worker threads only: the checks read disks.
 */
#ifndef LOGFERRY_AGENT_SEAM_H
#define LOGFERRY_AGENT_SEAM_H

#include "agent/container.h"

#define SEAM_BYTES 1024u /* before the position; fewer only near the stream's start */
#define HEAD_BYTES 4096u /* at most, of the decoded stream's first bytes */

struct seam {
    uint64_t at; /* 0: none */
    uint64_t hash;
    uint32_t bytes; /* how many of those before `at` */
};

struct head {
    uint32_t bytes; /* 0: none */
    uint64_t hash;
};

/* Of the text that stands before `at`, as much of it as there is. */
struct seam seam_of(struct str before, uint64_t at);
/* Does the text before the position fit? Only its last seam->bytes count. */
bool seam_fits(const struct seam *seam, struct str before);
struct head head_of(struct str first);
/* `first`: the decoded stream's beginning, of HEAD_BYTES or the whole of it. No head fits any. */
bool head_fits(const struct head *head, struct str first);

enum seam_result {
    SEAM_FITS,
    SEAM_DIFFERS,
    SEAM_SHORT, /* the stream ends before the position: as far as it goes now */
    SEAM_ERROR, /* a read failed, or no memory */
};
/* A compressed file is decoded up to the position for it. */
enum seam_result seam_check(int fd, enum container_kind kind, const struct seam *seam);

#endif
