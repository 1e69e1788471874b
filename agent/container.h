/*
 * container.h - the bytes of a log file, decompressed: what a position counts.
 *
 * The kind is told by magic, never by name. The descriptor is borrowed and read with pread, so that
 * several containers may share one. Worker threads only: it reads disks.
 */
#ifndef LOGFERRY_AGENT_CONTAINER_H
#define LOGFERRY_AGENT_CONTAINER_H

#include "parsers/base/bytes.h"

enum container_kind { CONTAINER_PLAIN, CONTAINER_GZIP, CONTAINER_FOREIGN };

enum container_end {
    CONTAINER_MORE,      /* not at the end */
    CONTAINER_CLEAN,     /* plain: the file's end; gzip: a valid trailer, and nothing behind it */
    CONTAINER_GARBAGE,   /* gzip: a valid trailer, then bytes that are no member: ignored */
    CONTAINER_TRUNCATED, /* gzip: the file ends inside a member; it may still grow */
    CONTAINER_CORRUPT,   /* gzip: bad data or checksum; everything before it was delivered */
    CONTAINER_IO_ERROR,  /* read failed: errno */
};

struct container;

/* CONTAINER_FOREIGN for zstd, xz and bzip2, whose name goes to *codec. -1: cannot read, errno. */
int container_detect(int fd, enum container_kind *kind, const char **codec);
struct container *container_new(int fd, enum container_kind kind); /* NULL: out of memory */
void container_free(struct container *c);                          /* accepts NULL */
/* Up to n bytes. 0 at an end, which container_state names. A plain file that grew goes on after
 * CONTAINER_CLEAN. */
size_t container_read(struct container *c, char *to, size_t n);
enum container_end container_state(const struct container *c);
/* Plain only: go on at this offset. */
void container_seek(struct container *c, uint64_t offset);
/* Offset in the file itself, for messages about damage. */
uint64_t container_file_offset(const struct container *c);

#endif
