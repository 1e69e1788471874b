/*
 * discover.h - which files a source has now, and what stream each one holds. Worker threads only:
 * it reads disks.
 *
 * `files` of a source names live files. Their rotated siblings (the live name followed by '.' or
 * '-' and anything, or with such a part before its extension) are found with them.
 */
#ifndef LOGFERRY_AGENT_DISCOVER_H
#define LOGFERRY_AGENT_DISCOVER_H

#include "agent/container.h"
#include "agent/file_map.h"
#include "parsers/base/hash.h"

#define DISCOVER_MAX_FILES 50000u

struct found_file {
    char *path;
    char *host; /* what {host} stood for; NULL without */
    uint64_t dev, ino, size;
    int64_t mtime_ms;
    bool live;       /* matched by `files` itself */
    bool known;      /* was in the known set: not opened, nothing below is set */
    bool identified; /* the first line is complete */
    enum container_kind kind;
    uint32_t trailer;      /* gzip: the last member's length, modulo 2^32; 0 otherwise */
    struct hash128 stream; /* of what there is of the first line, when not identified */
    int error;             /* errno: it cannot be read */
    const char *foreign;   /* a compression that this version does not read */
};

/* A file that need not be opened again. size and mtime_ms are compared unless `whatever`. */
struct known_file {
    uint64_t dev, ino, size;
    int64_t mtime_ms;
    bool whatever;
};

/* The id of a stream whose first line (neither empty nor beginning with '#') this is: the hash of
 * its first STREAM_ID_BYTES after leading NULs. */
#define STREAM_ID_BYTES (16u << 10)
struct hash128 stream_id(struct str first_line);

struct discovery {
    struct found_file *files;
    size_t n, cap;
    struct file_map by_inode; /* so that each is there once */
    bool capped;              /* there were more than DISCOVER_MAX_FILES */
};

/* By a source's pattern. `known` is sorted by discover_known_compare. -1: out of memory. */
int discover_source(struct str pattern, const struct known_file *known, size_t n_known,
                    struct discovery *out);
/* By a path of the command line: a file, a directory (its regular files, recursively), or a glob.
 */
int discover_path(const char *path, struct discovery *out);
void discovery_release(struct discovery *d);
int discover_known_compare(const void *a, const void *b);
/* The directories that the pattern's files may lie in. The caller frees each and the array. */
int discover_directories(struct str pattern, char ***directories, size_t *n);
/* Does this path match the pattern's live names? */
bool discover_matches(struct str pattern, const char *path);
/* The same, or is it a rotated name of one that does? Then the live name's length, else 0. */
size_t discover_family(struct str pattern, const char *path);

#endif
