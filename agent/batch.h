/*
 * batch.h - sealed batches, and the builder that makes them.
 *
 * A worker fills a builder with the lines of one or more streams and seals it. Records that go to
 * different destinations may not share a body, so a sealed builder yields a group of one to
 * GROUP_MAX_BATCHES batches, and the lines are safe when all batches of the group are. A batch's
 * bytes never change: they are the HTTP body, in memory and in the spool alike.
 */
#ifndef LOGFERRY_AGENT_BATCH_H
#define LOGFERRY_AGENT_BATCH_H

#include "parsers/record.h"

#define GROUP_MAX_BATCHES 4u
#define BATCH_ID_BYTES 37u            /* UUID text and a NUL */
#define BATCH_TARGET_BYTES (4u << 20) /* of records, decoded: a builder is full at this */

struct position; /* positions.h; workers carry the pointer, the loop looks behind it */

/* One run of lines of one stream. */
struct span {
    struct position *position;
    uint64_t file_from, file_to; /* in the file's decoded bytes: what positions count */
    struct hash128 stream;
    uint64_t from, to; /* in the stream: the same, but for files that hold several streams */
    uint64_t lines;
    uint32_t records[GROUP_MAX_BATCHES];
    uint32_t skipped[REASON_COUNT];
    uint32_t first_cell, n_cells; /* in the builder: its skipped lines by time */
    uint64_t seam_hash;           /* of what stands before file_to; 0: not noted */
    char name[64];                /* label: the end of the file's base name */
};

enum batch_encoding { BATCH_PLAIN, BATCH_ZSTD };

struct group;

struct batch {
    char id[BATCH_ID_BYTES];
    enum batch_encoding encoding;
    unsigned to; /* destinations: bit i */
    uint32_t n_records;
    int64_t
        sealed_ms;   /* wall clock; of a part: when the whole was. What rests on disk ages by it */
    struct buf body; /* what is sent and spooled */
    struct group *group; /* NULL for a batch read back from disk */
};

struct group {
    struct span *spans;
    size_t n_spans;
    struct batch *batches[GROUP_MAX_BATCHES]; /* the loop takes them over one by one */
    size_t n_batches;
    size_t pending; /* batches, or what became of them, that are not safe yet */
    size_t others;  /* of these, those that no HitKeep gets */
    bool owed;      /* a destination without room does without it: its lines are not safe */
    bool spilling;  /* one of them is being spooled: one by one, so that the last knows it is */
};

void batch_free(struct batch *b); /* accepts NULL; leaves the group alone */
void group_free(struct group *g); /* with the batches that are still in it */
/* A random UUID (version 4). -1: no random bytes. */
int batch_make_id(char id[BATCH_ID_BYTES]);

/* ---- the builder: one worker at a time ------------------------------------------------------ */

struct builder_labels {
    struct str node; /* borrowed, as all text here */
    struct str job;  /* STR_NONE outside a backfill */
    bool compress;
    unsigned all_destinations; /* where a batch without records goes */
};

/* In bytes; a longer one stands in its record, not in the batch's list. */
#define BATCH_LISTED_AGENT_MAX 480u

struct builder;

struct builder *builder_new(const struct builder_labels *labels); /* NULL: out of memory */
void builder_free(struct builder *b);                             /* accepts NULL */
/* Before a worker adds records: `serial` must be new to that worker's user-agent cache. */
void builder_begin(struct builder *b, uint64_t serial);
/* Lines of `stream` follow, from these offsets on; goes on with the last span where it fits. -1:
 * full. */
int builder_stream(struct builder *b, const struct span *start);
/* The next line of this file, at this offset, just goes on with the last span: unless that has
 * lines of so many quarters of an hour that it is rather told as two. */
bool builder_fits(const struct builder *b, const struct position *position, uint64_t file_from);
/* time_ms: the line's, or HIT_NO_NUMBER. */
void builder_skip(struct builder *b, enum reason reason, int64_t time_ms);
/* Counts the line and appends the record. -1: no room (nothing is counted): seal, and add it to the
 * next. */
int builder_record(struct builder *b, const struct record *r, struct ua_entry *ua, unsigned to);
/* The lines so far reach to here. */
void builder_advance(struct builder *b, uint64_t file_to, uint64_t to);
/* The hash of what stands before `file_at`, where the last span ends. */
void builder_note_seam(struct builder *b, const struct position *position, uint64_t file_at,
                       uint64_t hash);
/* Seal it, even when it holds no record. */
bool builder_is_full(const struct builder *b);
uint64_t builder_lines(const struct builder *b);
uint64_t builder_records(const struct builder *b);
/* Makes the group and empties the builder. NULL: out of memory, or no random bytes; the builder is
 * unchanged. */
struct group *builder_seal(struct builder *b);

/* ---- parts of a batch: for splitting, parking and dead letters --------------------------------
 */

/* Which of the body's lines (2 is the first record) to keep. */
typedef bool (*batch_select_fn)(void *context, size_t line);
/*
 * A new batch with the records that are selected, its id derived from b's and `salt`, so that the
 * same selection of the same batch has the same id after a crash. Its streams report no lines (the
 * parent did), unless `accounts`; listed user agents that none of its records has are empty. NULL:
 * none selected (*error NULL), or a static sentence in *error.
 */
struct batch *batch_select(const struct batch *b, batch_select_fn select, void *context,
                           struct str salt, bool accounts, const char **error);
/* That id. */
void batch_part_id(const char *parent, struct str salt, char id[BATCH_ID_BYTES]);
/* The same records under a new id, so that a server answers anew. Takes b over. NULL as above. */
struct batch *batch_renew(struct batch *b, const char **error);
/* The decoded body; the caller releases it. -1 with a static sentence. */
int batch_decode(const struct batch *b, struct buf *out, const char **error);

#endif
