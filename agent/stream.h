/*
 * stream.h - one file that is being read, and the worker's part of reading it.
 *
 * A stream belongs to the loop, but for the time of a fill: then its `reading` part, and nothing
 * else, is the worker's.
 */
#ifndef LOGFERRY_AGENT_STREAM_H
#define LOGFERRY_AGENT_STREAM_H

#include "agent/batch.h"
#include "agent/digest.h"
#include "agent/joiner.h"
#include "agent/log_file.h"
#include "agent/pool.h"
#include "agent/positions.h"
#include "parsers/base/log.h"

#include <sys/queue.h>

/* The books of a source (or of what a fill adds to them): lines = records + skipped. */
struct counts {
    uint64_t lines, records;
    uint64_t lost; /* bytes of files that vanished before they were read */
    uint64_t skipped[REASON_COUNT];
};

void counts_add(struct counts *to, const struct counts *more);

/* A source as workers see it. Read-only while the engine runs. */
struct source {
    const struct source_config *config;
    struct format *format;
    struct digest_rules rules;
    struct log_roots roots; /* n is 0 for paths of the command line, which may lie anywhere */
    bool directives;
    bool fresh;           /* no file of it was ever read: `start` decides where reading begins */
    struct counts counts; /* loop */
    struct log_limit complaint, unreadable, empty, capped;
    bool told_edge; /* loop */
    /* Wall clock, loop; 0: not yet. When lines were read last, and the latest time in them. */
    int64_t read_ms, line_ms;
};

/* The format and the rules by which this source's lines are judged; all is borrowed. 0, or -1 with
 * a sentence. source_release frees the format. */
int source_init(struct source *s, const struct source_config *config, const struct agent_config *c,
                struct buf *why);
void source_release(struct source *s); /* accepts a zeroed one */

enum read_end {
    READ_ALL,       /* every complete line there is; a plain file may grow */
    READ_MORE,      /* the batch is full: there may be more */
    READ_FINISHED,  /* the file's end, half line included: nothing will come */
    READ_TRUNCATED, /* gzip that ends inside a member: again when it grows */
    READ_CORRUPT,   /* gzip that is damaged: what stood before was read */
    READ_FOREIGN,   /* a compression that we do not read */
    READ_STRANGER,  /* not the file of the position entry, or not any more: shorter, or another text
                       before the position */
    READ_GONE,      /* cannot be opened: errno in `error` */
    READ_REFUSED,   /* is not opened, by rule: why in `refused` */
    READ_FAILED,    /* a read failed: errno in `error` */
};

struct bad_line {
    uint64_t at;
    const char *error; /* NULL: none seen */
    size_t column;
};

/* The first hit that was wanted and came from a CDN's address. */
struct edge_hit {
    enum cdn cdn;    /* CDN_NONE: none seen */
    bool duplicates; /* skipped: that CDN's own log is a source */
};

/* The worker's part. */
struct reading {
    int fd;
    struct lines *lines;      /* kept while there is more to read; NULL between */
    struct joiner *joiner;    /* of `lines`, where a collector cuts them; else NULL */
    struct parser *parser;    /* its own for formats with directives; NULL: the worker's */
    uint64_t at;              /* the file's position: the next line to take */
    struct seam seam;         /* checked at the next opening; at 0: nothing to check */
    struct head head;         /* of the file, grown with it up to HEAD_BYTES */
    struct intervals safe;    /* at opening: lines in here are passed over */
    enum container_kind kind; /* once it was opened */
    bool finish;              /* take the half line at the end */
    bool sequential;          /* standard input: cannot be opened again */
    /* Streams in the file: where the present one began, and its id once its first line is known. */
    uint64_t base;
    bool known;
    struct hash128 stream;
    /* Lines before the one that gives the id wait for it: header lines, and empty ones or comments
     * of a format that has no headers. */
    uint64_t waiting_from;
    uint32_t directives, blanks;
    /* results of the last fill */
    enum read_end end;
    int error;
    const char *foreign, *refused;
    uint64_t began;       /* `at` before it */
    uint64_t size;        /* decoded bytes that the file holds, as far as that is known */
    uint64_t file_offset; /* of the damage, in the file */
    size_t half;          /* bytes of a half line, or of one without its last part, left behind */
    struct counts counts;
    struct bad_line bad;
    struct edge_hit edge;
    int64_t line_ms; /* of the last line that had a time; 0: none had */
};

struct stream {
    TAILQ_ENTRY(stream) all, ready, open;
    struct source *source;
    struct position *position;
    char *path;
    char *host; /* of {host}; NULL: the source's default */
    uint64_t dev, ino;
    struct reading r;
    enum stream_state { STREAM_IDLE, STREAM_READY, STREAM_BUSY } state;
    bool again;              /* it changed while it was busy */
    bool backlog;            /* the last fill left lines */
    bool retry;              /* reading failed: the disk, or too many open files */
    bool rewind;             /* its entry was changed while it was busy: begin again from that */
    bool live;               /* has its live name; else it was rotated, or is history */
    bool seen;               /* by the present discovery */
    uint64_t size;           /* of the file, when it was last seen */
    int64_t mtime_ms;        /* the same */
    int64_t quiet_since_ms;  /* monotonic: nothing new since */
    int64_t unread_since_ms; /* monotonic: there may be lines to read since; 0: there are none */
    int64_t backlog_ms; /* the time of the last line that was read, while more follow; 0: none */
    bool counted_open;  /* in the engine's list of open ones */
    bool counted_half_read; /* among those with `lines` */
    bool told_error;
};

TAILQ_HEAD(stream_list, stream);

/* What one worker keeps between fills. */
struct worker_kit {
    struct digest digest;
    struct parser **parsers; /* by source; each made when first needed */
    uint64_t serial;
};

/* What became of lines that were taken: one line, or `n` that came to the same. */
struct fill_line {
    enum reason reason; /* REASON_NONE: it is a record */
    uint32_t n;
    int64_t time_ms; /* HIT_NO_NUMBER: none was read */
    uint32_t hash;   /* of the line; 0 where it was not looked at */
};

/* Told of every line in the order of the file; records so in the order of the batch's body. Runs on
 * the worker, with s->r.stream and s->r.base as they hold for the line, and for a single one with
 * s->r.at at its start. */
struct fill_witness {
    void *context;
    void (*on_line)(void *context, const struct stream *s, const struct fill_line *line);
};

#define FILL_MAX_STREAMS 64u
#define FILL_MAX_BYTES (64u << 20) /* read in one fill, so that the loop hears of progress */

/* Fills a builder from streams, on a worker. */
struct fill {
    struct task task;
    void *owner;
    struct worker_kit *kits;
    struct source *sources; /* base of the array, for the index */
    struct sites *sites;    /* a reference */
    struct builder *builder;
    struct stream *streams[FILL_MAX_STREAMS];
    size_t n_streams;
    bool seal;                          /* seal even what holds no record */
    const struct fill_witness *witness; /* NULL: nobody asks */
    uint64_t bytes;
    struct group *groups[2];
    size_t n_groups;
};

/* The task's run. */
void fill_run(struct task *task, unsigned worker);
/* Closes what a stream has open. */
void reading_close(struct reading *r);

#endif
