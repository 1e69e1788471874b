/*
 * discover.h - which files a source has now, and what stream each one holds. Worker threads only:
 * it reads disks.
 *
 * `files` of a source names live files. Their rotated siblings (the live name followed by '.' or
 * '-' and anything, or with such a part before its extension) are found with them, beside them or
 * in `olddir`.
 *
 * A file is the one of a position entry (a claim on it) when its first line, its first bytes and
 * those before the position are the entry's. Device and inode decide only where nothing was read
 * yet.
 */
#ifndef LOGFERRY_AGENT_DISCOVER_H
#define LOGFERRY_AGENT_DISCOVER_H

#include "agent/file_map.h"
#include "agent/log_file.h"
#include "agent/seam.h"
#include "parsers/base/hash.h"

#define DISCOVER_MAX_FILES 50000u

/* What a position entry says of its file. */
struct claim {
    struct hash128 stream;
    uint64_t key;
    uint64_t dev, ino;
    struct seam seam;
    struct head head;
    uint64_t safe; /* all before it is safe */
    bool bound;    /* a file is being read with it */
};

enum claimed {
    CLAIM_NONE,
    CLAIM_FITS,  /* the file is the entry's */
    CLAIM_SHORT, /* it begins as the entry's file, and ends before the position: a copy that was
                    made earlier. All that is in it now is safe */
    CLAIM_WAITS, /* cannot be told yet: there is too little of the file, or of the entry */
};

struct found_file {
    char *path;
    char *host;      /* what {host} stood for; NULL without */
    uint64_t family; /* hash of the live name it belongs to; 0: known, or none */
    uint64_t dev, ino, size;
    int64_t mtime_ms;
    bool live;       /* matched by `files` itself */
    bool link;       /* by way of a symbolic link */
    bool known;      /* was in the known set: not opened, nothing below is set */
    bool identified; /* the first line is complete */
    enum container_kind kind;
    uint32_t trailer; /* of the decoded bytes, modulo 2^32, where container_length tells; else 0 */
    struct hash128 stream; /* of what there is of the first line, when not identified */
    struct head head;      /* of what there is, up to HEAD_BYTES, when identified */
    enum claimed claimed;
    uint64_t claim;      /* the entry's key; 0: none */
    bool damaged;        /* compressed, and broken before its first line ends */
    int error;           /* errno: it cannot be read */
    const char *foreign; /* a compression that this version does not read, for container_put_mend */
    const char *refused; /* it is not opened, by rule: why */
};

/* A file that need not be opened again. size and mtime_ms are compared unless `whatever`. */
struct known_file {
    uint64_t dev, ino, size;
    int64_t mtime_ms;
    bool whatever;
};

/* What is known before a look. Both lists are sorted, by the functions below. */
struct discover_known {
    const struct known_file *files;
    size_t n_files;
    const struct claim *claims;
    size_t n_claims;
};

/* The id of a stream whose first line (neither empty nor beginning with '#') this is: the hash of
 * its first STREAM_ID_BYTES after leading NULs. */
#define STREAM_ID_BYTES (16u << 10)
struct hash128 stream_id(struct str first_line);
/* The id of what holds no line but empty ones and those that begin with '#'. */
struct hash128 stream_id_none(void);

struct discovery {
    struct found_file *files;
    size_t n, cap;
    struct file_map by_inode; /* index + 1, so that each is there once */
    bool capped;              /* there were more than DISCOVER_MAX_FILES */
    bool starved; /* too few descriptors or too little memory to see everything: look again */
};

/* By a source's pattern. -1: out of memory. */
int discover_source(const struct source_config *c, const struct discover_known *known,
                    struct discovery *out);
/* By a path of the command line: a file, a directory (its regular files, recursively), or a glob.
 */
int discover_path(const char *path, struct discovery *out);
void discovery_release(struct discovery *d);
/* Of history: nobody has written to it for five minutes, so its last line is whole without a
 * newline, too. */
bool discover_is_finished(const struct found_file *f, int64_t now_ms);
int discover_known_compare(const void *a, const void *b);
int discover_claim_compare(const void *a, const void *b); /* by stream; the farthest seam first */

/* ---- discover_identify.c: what a file holds ------------------------------------------------- */

/* Opens and looks: what follows `known` in *f is set. roots NULL: of the command line. */
void discover_identify(struct found_file *f, const struct log_roots *roots,
                       const struct claim *claims, size_t n_claims);

/* ---- discover_name.c: patterns, no disk but for directories ---------------------------------- */

/* The pattern as a glob, {host} as one '*'. */
void discover_glob(struct str pattern, char *out, size_t n);
/* The text that {host} stands for in this live path, lower case, as hosts in lines are; the caller
 * frees it. NULL: none, or out of memory. */
char *discover_host(struct str pattern, const char *path);
/* Does this path match the pattern's live names? */
bool discover_matches(struct str pattern, const char *path);
/* Writes the live name that this path is of, itself, rotated, or moved to `olddir`. False: none. */
bool discover_live_name(const struct source_config *c, const char *path, char *live, size_t n);
/* Tells sources apart across restarts, by their `files`. */
uint64_t discover_id(const struct source_config *c);
/* The hash of that name; 0: none. */
uint64_t discover_family(const struct source_config *c, const char *path);

struct watched_directory {
    char *path;
    bool files;  /* the source's files lie in it; else a directory may appear there that counts */
    bool remote; /* on a file system that does not tell of what other machines write */
};
/* Where something of the source may happen. The caller frees each path and the array. -1: out of
 * memory. */
int discover_directories(const struct source_config *c, struct watched_directory **out, size_t *n);

#endif
