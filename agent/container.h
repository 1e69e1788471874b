/*
 * container.h - the bytes of a log file, decompressed: what a position counts.
 *
 * The kind is told by magic, never by name. The descriptor is borrowed and read with pread, so that
 * several containers may share one. Worker threads only: it reads disks.
 *
 * Everything is streamed: a container holds one input buffer of 64 KiB and its decoder's window,
 * whatever the file decodes to. There is no cap on the ratio or on the decoded bytes: a log of one
 * robot's line compresses a thousand times, and a bomb costs time in proportion to what it decodes
 * to, but no memory. What may cost memory is a window, and that has a cap.
 */
#ifndef LOGFERRY_AGENT_CONTAINER_H
#define LOGFERRY_AGENT_CONTAINER_H

#include "parsers/base/bytes.h"

/* As much as `zstd --long=27`, `zstd --ultra -22` and twice what `xz -9` wants; their ordinary
 * levels stay below 9 MiB, bzip2 below 4. Memory is touched as far as the file fills it. */
#define CONTAINER_WINDOW_LOG 27
#define CONTAINER_WINDOW_BYTES (1u << CONTAINER_WINDOW_LOG)

enum container_kind {
    CONTAINER_PLAIN,
    CONTAINER_GZIP,
    CONTAINER_ZSTD,
    CONTAINER_BZIP2,
    CONTAINER_XZ,
    CONTAINER_FOREIGN, /* a compression, an archive or an encoding that is not read here */
};

/* A member is what one run of the compressor writes: gzip member, zstd frame, bzip2 or xz stream.
 * A file may hold any number of them. */
enum container_end {
    CONTAINER_MORE,      /* not at the end */
    CONTAINER_CLEAN,     /* plain: the file's end; else a member's valid end, and nothing behind */
    CONTAINER_GARBAGE,   /* a member's valid end, then bytes that begin no member: ignored. In the
                          * 64 MiB behind it no member begins, either: else it is CORRUPT */
    CONTAINER_TRUNCATED, /* the file ends inside a member; it may still grow */
    CONTAINER_CORRUPT,   /* bad data or checksum; everything before it was delivered */
    CONTAINER_TOO_WIDE,  /* the next member wants a window over CONTAINER_WINDOW_BYTES */
    CONTAINER_IO_ERROR,  /* read failed, or no memory for the decoder: errno */
};

struct container;

/* For CONTAINER_FOREIGN, *codec says what it is ("compressed with zip"), else it is left alone. A
 * file of fewer bytes than a magic is plain, a compressed tar archive is foreign. A pipe is waited
 * for until it has some, which are not taken; what they decode to is not looked at. -1: cannot
 * read, errno. */
int container_detect(int fd, enum container_kind *kind, const char **codec);
/* "gzip", "zstd", "bzip2", "xz", "plain", for messages. */
const char *container_codec(enum container_kind kind);
/* What a message about a file of this kind that is too wide, or of this foreign codec, calls it and
 * says: a command to paste that decompresses it to standard output. */
const char *container_too_wide(enum container_kind kind);
void container_put_mend(struct buf *b, const char *codec, const char *path);
static inline bool container_is_compressed(enum container_kind kind)
{
    return kind != CONTAINER_PLAIN && kind != CONTAINER_FOREIGN;
}
/*
 * The length of the decoded bytes, as the file of this size tells it without being decoded. Exact
 * when *modulus is 0; else known modulo it, and of the last member only: gzip, 2^32. False: it does
 * not tell. bzip2 never does, zstd does not when it was compressed from a pipe or standard input
 * (as logrotate has it done), xz does when the file is whole. It is what the file says: nothing is
 * checked, and out-parameters are written only on success.
 */
bool container_length(int fd, enum container_kind kind, uint64_t size, uint64_t *length,
                      uint64_t *modulus);

/* NULL: out of memory. */
struct container *container_new(int fd, enum container_kind kind);
void container_free(struct container *c); /* accepts NULL */
/* Up to n (> 0) bytes. 0 at an end, which container_state names. A plain file that grew goes on
 * after CONTAINER_CLEAN; a compressed one must be read again from its beginning. */
size_t container_read(struct container *c, char *to, size_t n);
enum container_end container_state(const struct container *c);
/* Plain only: go on at this offset. */
void container_seek(struct container *c, uint64_t offset);
/* Offset in the file itself, for messages about damage. */
uint64_t container_file_offset(const struct container *c);

#endif
