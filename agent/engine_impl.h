/* engine_impl.h - shared by engine*.c only. */
#ifndef LOGFERRY_AGENT_ENGINE_IMPL_H
#define LOGFERRY_AGENT_ENGINE_IMPL_H

#include "agent/agents_home.h"
#include "agent/engine.h"
#include "agent/watch.h"
#include "parsers/base/log.h"

#include <ev.h>

#define SAVE_EVERY_S 1.0
#define SAVE_AT_MOST_S 10.0
#define SAVE_SHARE 300 /* of the time goes to making the positions' text, at most one part */
#define SAVE_RETRY_S 5.0
#define LOOK_EVERY_S 300.0     /* where events tell of everything: a net below them */
#define POLL_EVERY_S 1.0       /* where they do not */
#define POLL_SHARE 50          /* of the time goes to looking then, at most one part */
#define LOOK_DELAY_S 0.01      /* several names change at once in a rotation */
#define LOOK_SHARE 10          /* as above, for looks that names ask for */
#define TIDY_EVERY_S 10.0      /* rotated files are retired, failed reads tried again */
#define DOWN_PACE_S 1.0        /* while no destination answers, small batches form this often */
#define LAG_PACE_S 0.02        /* and while one of several does not keep up: each is a spool file */
#define CARRY_S 5.0            /* lines without a record are reported this late at most */
#define ROTATED_QUIET_MS 30000 /* a rotated file that got nothing for so long is finished */
#define SETTLE_MS 3000         /* a file that is too short to be told waits so long to grow */
#define EXPIRE_S (60ull * 86400) /* of running time: no clock can move it */
#define ABSENT_LOOKS 2           /* that found no file of an entry: it is gone */
#define MAX_OPEN 128u            /* files kept open between reads, lest they be deleted unread */
#define MAX_HALF_READ 16u        /* of them; with more, one is read to its end before the next */
#define TRIM_FILES 1000u         /* followed: from then on memory is given back after a look */
#define TRIM_EVERY 256u          /* files that were read: as well */
#define MEND_BYTES 20000u        /* a command with a path, each of whose bytes is escaped */
#define MAX_REFUSALS 10          /* told in a minute */
#define MAX_BUILDERS POOL_MAX_WORKERS

/* A file that is not being read: of which nothing (more) is wanted, or of which it cannot be told
 * yet. */
struct passed_file {
    TAILQ_ENTRY(passed_file) link;
    struct known_file file;
    uint64_t claim;   /* the entry it fits; 0: none */
    bool half;        /* a live one that has no whole line yet */
    bool waits;       /* to be looked at again though it does not change */
    bool seen;        /* by the present discovery */
    int64_t told_ms;  /* monotonic: a message about what is in it; 0: none yet */
    int64_t since_ms; /* monotonic: it has had this size and time */
};
TAILQ_HEAD(passed_list, passed_file);

struct looking {
    struct task task;
    struct engine *engine;
    size_t source;
    struct known_file *files;
    struct claim *claims;
    struct discover_known known;
    struct discovery found;
    struct watched_directory *directories;
    size_t n_directories;
    double cost_s; /* of CPU */
    int rc;
};

struct engine {
    struct engine_options o;
    struct agents_home agents;
    struct source *sources;
    struct worker_kit *kits;
    struct pool *pool;
    struct positions positions;
    struct uplink *uplink;
    struct builder_labels labels;

    struct stream_list streams, ready;
    struct stream_list open; /* with a descriptor, the longest unused first */
    size_t n_ready, n_backlog, n_open, n_half_read, max_open;
    struct file_map by_inode, by_path; /* streams; by_path: hash of the path */

    struct builder *spare[MAX_BUILDERS];
    size_t n_spare;
    struct builder *carry; /* lines that made no record yet */
    unsigned fills;
    uint64_t n_left;     /* files that were read to their end, or given up */
    uint64_t left_bytes; /* of those of the command line, as they lie there */
    unsigned unread;     /* files whose end was not reached: damaged, unreadable */
    double paced_at;     /* when a fill was last begun with every destination down */
    double rate_at;      /* the time at which the next line may be read under --rate */
    int64_t began_ms;    /* monotonic; the positions' uptime goes on from there */
    uint64_t uptime_s;

    struct watch *watch;
    unsigned looks; /* discoveries under way */
    bool look_again;
    double look_cost_s;            /* CPU seconds of this discovery, and after it of the last one */
    int64_t looking_ms, looked_ms; /* when this discovery began, and the one before; wall clock */
    bool looked;                   /* every source was looked at once */
    bool hazy;                     /* this discovery met files that could not be told or read */
    bool starved;                  /* it lacked descriptors or memory to see all of them */
    bool polling;                  /* events do not tell of everything */
    struct log_limit polled, overflowed, refusals;
    unsigned n_refused; /* in this minute */
    struct passed_list passed;
    struct file_map passed_by_inode;

    bool started, stopping, too_late, finished, dirty, saving, last_save;
    bool progress; /* something became safe that was not saved yet */
    uint64_t saved_generation;
    double last_saved_at;  /* monotonic: when progress was saved last; 0: not in this life */
    double save_failed_at; /* monotonic, when save_rc is set */
    double save_cost_s;
    struct buf saving_text;
    struct task save_task;
    int save_rc;
    struct log_limit save_complaint;
    ev_timer save_timer, look_timer, tidy_timer, pace_timer, carry_timer, stop_timer;
};

int64_t engine_now_ms(const struct engine *e); /* wall clock of the loop's iteration */
int64_t engine_mono_ms(void);                  /* no clock change moves it */
double engine_mono_s(void);
double engine_cpu_s(void); /* of this thread */

/* ---- engine.c */
void engine_dirty(struct engine *e);
void engine_dirty_later(struct engine *e); /* what may as well be lost in a crash */
/* Does whatever can be done now; called after every event. */
void engine_go_on(struct engine *e);
void engine_start_timer(struct engine *e, ev_timer *t, double after); /* unless it runs */

/* ---- engine_fill.c */
void engine_fill_streams(struct engine *e);
void engine_carry_due(struct engine *e);

/* ---- engine_streams.c */
struct stream *engine_new_stream(struct engine *e, size_t source, const struct found_file *f);
void engine_drop_stream(struct engine *e, struct stream *s);
void engine_rename_stream(struct engine *e, struct stream *s, const char *path);
struct stream *engine_stream_by_path(const struct engine *e, const char *path);
/* Gives the stream its entry: reading begins where that ends. */
void engine_bind(struct engine *e, struct stream *s, struct position *p);
void engine_wake(struct engine *e, struct stream *s);
void engine_make_ready(struct engine *e, struct stream *s);
void engine_take_ready(struct engine *e, struct stream *s); /* for a worker */
/* Closes a file that was read to its end: it is opened again by its name when it changes. */
void engine_close_idle(struct engine *e, struct stream *s);
/* Brings the list of open files up to date, after anything that opened or closed this one, and
 * closes the longest unused when there are too many. */
void engine_note_open(struct engine *e, struct stream *s);
/* After a fill. */
void engine_settle_stream(struct engine *e, struct stream *s);
/* Rotated files that are quiet, reads that failed: once in a while. */
void engine_tidy(struct engine *e);

/* ---- engine_files.c */
/* The command that reads a file by hand: "lz4 -dc PATH | logferry backfill --source NAME -". */
void engine_put_unpacked(struct buf *b, const char *codec, const char *path,
                         const struct source *s);
const char *engine_mend_unreadable(int error);
void engine_take_in(struct engine *e, size_t source, const struct found_file *f);
/* The file was read to its end, or is not what it was: forget the stream, remember the file. */
void engine_leave(struct engine *e, struct stream *s);
/* Files that fitted this entry are looked at anew: it is free, or reaches further back. True: there
 * are such. */
bool engine_unpass(struct engine *e, uint64_t claim);
/* After a discovery of every source: forgets what is gone, and tells what was lost with it. */
void engine_sweep(struct engine *e);
void engine_release_files(struct engine *e);
/* Begins again from what the stream's entry says now. */
void engine_rewind_stream(struct engine *e, struct stream *s);

/* ---- engine_look.c */
/* The source's files were looked for: whatever comes from now on is new, though there is none yet,
 * and the agent may start again before there is. */
void engine_note_looked(struct engine *e, const struct source_config *c);
void engine_look(struct engine *e);                    /* discover all sources, now */
void engine_plan_look(struct engine *e, double after); /* or earlier, when one is due before */
/* A name has changed: soon, but not all the time. */
void engine_look_soon(struct engine *e);
/* How long until the next look when nothing asks for one. */
double engine_look_every(const struct engine *e);

/* ---- engine_events.c */
void engine_watch(struct engine *e);
/* True: one of them was not watched before. */
bool engine_watch_directories(struct engine *e, const struct looking *l);

#endif
