/*
 * positions.h - what is safe of each stream, on disk in two generations.
 *
 * A position entry is one file's life: it follows the file through renames and compression. `safe`
 * holds the intervals of its decoded bytes that every destination has, or the spool. The loop owns
 * all of it; only positions_store runs on a worker, on text that positions_encode made.
 *
 * On disk: positions.a and positions.b, by turns; version 3, one item a line:
 *     logferry-positions 3
 *     generation <n>, saved <wall clock, ms>, uptime <s>, spool-next <n>
 *     looked <hash of a source's `files`>
 *     spool-done "<destination>" <numbers>
 *     entry <key> <stream> <dev> <ino> <seam at> <seam hash> <seam bytes> <head bytes> <head hash>
 *         <size> <family> <seen> <0 or 1: finished> <safe> "<path>"            (one line)
 *     sum <XXH3-64 of all before>
 * Version 2 had no `looked`; version 1 `seen` as a wall clock's, seams of 64 bytes, and a CRC-32 as
 * its last line. To change the form: raise POSITIONS_VERSION, read the old ones in
 * positions_file.c, write only the new; the `sum` line stays the last.
 */
#ifndef LOGFERRY_AGENT_POSITIONS_H
#define LOGFERRY_AGENT_POSITIONS_H

#include "agent/file_map.h"
#include "agent/intervals.h"
#include "agent/seam.h"
#include "config/agent_config.h"
#include "parsers/base/hash.h"

#define POSITIONS_VERSION 3
#define POSITIONS_MAX_BYTES (64u << 20)

struct position {
    uint64_t key; /* random; names the entry in spool files */
    struct hash128 stream;
    uint64_t dev, ino;
    struct intervals safe;
    struct seam seam;   /* the last one before which all is safe */
    struct seam *later; /* of lines that are safe, but not yet all before them; mostly NULL */
    size_t n_later;
    struct head head;
    uint64_t size;          /* decoded bytes that its file is known to hold: more may be there */
    uint64_t family;        /* hash of the live name that its path belongs to; 0: not known */
    uint64_t seen_s;        /* of positions.uptime_s: when a file of this entry was last seen */
    bool finished;          /* all that is wanted of it was read */
    bool bound;             /* a file that is being followed has this entry */
    unsigned users;         /* spans under way that name it */
    struct seam tip;        /* where this process has got to, safe or not; at 0: nowhere */
    struct intervals taken; /* by this process: safe, or on its way to be */
    int source;             /* of the configuration whose file it is; -1: of none */
    unsigned passed;        /* files that fit it and are not read */
    unsigned absent;        /* looks, in a row, that found no file of it */
    char *path;             /* its last name; label, and a hint where several entries fit */
    char *text;             /* its line in the file; NULL when something has changed since */
    size_t text_bytes;
};

struct positions {
    struct position **v;
    size_t n, cap;
    struct file_map by_key;
    uint64_t generation; /* of the newest text, written or being written */
    int64_t saved_ms;    /* of the generation that was loaded; 0: none was */
    uint64_t uptime_s;   /* of all agents with this state, together: no clock can move it */
    uint64_t spool_next; /* the next spool file's number */
    uint64_t *looked;    /* hashes of the sources' `files` whose files were looked for once */
    size_t n_looked;
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
/* The same under a key that is known. NULL: out of memory, or the key is taken. */
struct position *positions_add_keyed(struct positions *p, uint64_t key, struct hash128 stream,
                                     const char *path);
struct position *positions_by_key(const struct positions *p, uint64_t key);
/* The unbound entry that fits a file best: same stream; then same device and inode, then a path
 * that is the file's or its live name's. NULL when there is none. Whether it really is that file,
 * the seam must show. */
struct position *positions_match(struct positions *p, struct hash128 stream, uint64_t dev,
                                 uint64_t ino, const char *path);
/* Where reading goes on. */
uint64_t positions_frontier(const struct position *p);
/* [from, to) is safe; `seam_hash` of what stands before `to`, 0 when not noted. -1: out of memory.
 */
int positions_cover(struct position *p, uint64_t from, uint64_t to, uint64_t seam_hash);
/* [from, to) is to be read again, and with it all seams behind `from`. -1: out of memory. */
int positions_uncover(struct position *p, uint64_t from, uint64_t to);
int positions_rename(struct position *p, const char *path);
/* Something else of the entry was changed: what is written next must say so. */
void positions_changed(struct position *p);
bool positions_looked(const struct positions *p, uint64_t files);
/* 1: noted, 0: it was; -1: out of memory. */
int positions_note_looked(struct positions *p, uint64_t files);
/* The done set of a destination, made when missing. NULL: no room. */
struct intervals *positions_spooled(struct positions *p, struct str destination);
/* Drops entries that nobody uses, unseen since `before_s` of the uptime. */
void positions_expire(struct positions *p, uint64_t before_s);
/* The next generation as text. -1: out of memory or over the cap. */
int positions_encode(struct positions *p, int64_t now_ms, struct buf *out);
/* Puts it on disk. 0 or an errno. */
int positions_store(int dir_fd, uint64_t generation, struct str text);

#endif
