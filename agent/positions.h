/*
 * positions.h - what is safe of each stream, on disk in two generations.
 *
 * A position entry is one file's life: it follows the file through renames and compression. `safe`
 * holds the intervals of its decoded bytes that every destination has, or the spool. The loop owns
 * all of it; only positions_store runs on a worker, on text that positions_encode made.
 *
 * On disk: positions.a and positions.b, by turns; version 1, one item a line, a CRC-32 line at the
 * end. To change the form: raise POSITIONS_VERSION, read the old one in positions_load, and write
 * only the new.
 */
#ifndef LOGFERRY_AGENT_POSITIONS_H
#define LOGFERRY_AGENT_POSITIONS_H

#include "agent/intervals.h"
#include "config/agent_config.h"
#include "parsers/base/hash.h"

#define POSITIONS_VERSION 1
#define POSITIONS_MAX_BYTES (64u << 20)

struct position {
    uint64_t key; /* random; names the entry in spool files */
    struct hash128 stream;
    uint64_t dev, ino;
    struct intervals safe;
    /* The hash of the LINES_SEAM_BYTES before an offset up to which all is safe: tells the file
     * from another that begins alike. seam_at 0: none. */
    uint64_t seam_at, seam_hash;
    struct seam {
        uint64_t at, hash;
    } later[8]; /* seams of lines that are safe, but not yet all before them */
    size_t n_later;
    int64_t seen_ms; /* when a file of this entry was last seen; wall clock */
    char *path;      /* its last name; label, and a hint where several entries fit */
    bool bound;      /* a file that is being followed has this entry */
};

struct positions {
    struct position **v;
    size_t n, cap;
    uint64_t generation; /* of the newest text, written or being written */
    int64_t saved_ms;    /* of the generation that was loaded; 0: none was */
    uint64_t spool_next; /* the next spool file's number */
    struct {
        char name[64]; /* destination */
        struct intervals done;
    } spooled[CONFIG_MAX_DESTINATIONS]; /* spool files a destination has, while the file is still
                                           there */
    size_t n_spooled;
};

/* Reads the newest valid generation. 1: loaded (`why` tells when the other one is damaged), 0:
 * there is none, -1: there are files, but none that can be used, or one of them is a newer
 * program's; then `why` says which and what to do. */
int positions_load(struct positions *p, int dir_fd, const char *dir, struct buf *why);
void positions_release(struct positions *p);
/* A new entry. NULL: out of memory, or no random bytes. */
struct position *positions_add(struct positions *p, struct hash128 stream, uint64_t dev,
                               uint64_t ino, const char *path);
struct position *positions_by_key(struct positions *p, uint64_t key, struct hash128 stream);
/* The unbound entry that fits a file best: same stream; then same device and inode, then a path
 * that is the file's or its live name's. NULL when there is none. Whether it really is that file,
 * the seam must show. */
struct position *positions_match(struct positions *p, struct hash128 stream, uint64_t dev,
                                 uint64_t ino, const char *path);
/* [from, to) is safe; `seam_hash` of what stands before `to`, 0 when not noted. -1: out of memory.
 */
int positions_cover(struct position *p, uint64_t from, uint64_t to, uint64_t seam_hash);
int positions_rename(struct position *p, const char *path);
/* The done set of a destination, made when missing. NULL: no room. */
struct intervals *positions_spooled(struct positions *p, struct str destination);
/* Drops entries unseen since `before_ms`. */
void positions_expire(struct positions *p, int64_t before_ms);
/* The next generation as text. -1: out of memory or over the cap. */
int positions_encode(struct positions *p, int64_t now_ms, struct buf *out);
/* Puts it on disk. 0 or an errno. */
int positions_store(int dir_fd, uint64_t generation, struct str text);

#endif
