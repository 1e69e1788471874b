/* engine_impl.h - shared by engine.c, engine_fill.c and engine_files.c only. */
#ifndef LOGFERRY_AGENT_ENGINE_IMPL_H
#define LOGFERRY_AGENT_ENGINE_IMPL_H

#include "agent/engine.h"
#include "agent/watch.h"
#include "parsers/base/log.h"

#include <ev.h>

#define SAVE_EVERY_S 1.0
#define SAVE_RETRY_S 5.0
#define LOOK_EVERY_S 10.0      /* what no event told of is found in this time */
#define LOOK_DELAY_S 0.01      /* several names change at once in a rotation */
#define DOWN_PACE_S 1.0        /* while no destination answers, small batches form this often */
#define CARRY_S 5.0            /* lines without a record are reported this late at most */
#define ROTATED_QUIET_MS 30000 /* a rotated file that got nothing for so long is finished */
#define EXPIRE_MS (60ll * 86400000)
#define MAX_IDLE_OPEN 64 /* read to their end and kept open, lest they be deleted unread */
#define MAX_BUILDERS POOL_MAX_WORKERS

/* What discovery is to leave alone: a file of which nothing is wanted. */
struct passed_file {
    struct known_file file;
};

struct looking {
    struct task task;
    struct engine *engine;
    size_t source;
    struct known_file *known;
    size_t n_known;
    struct discovery found;
    char **directories;
    size_t n_directories;
    int rc;
};

struct engine {
    struct engine_options o;
    struct catalogue *catalogue;
    struct source *sources;
    struct worker_kit *kits;
    struct pool *pool;
    struct positions positions;
    struct uplink *uplink;
    struct builder_labels labels;

    struct stream *streams, **last_stream;
    struct stream **by_path; /* sorted; rebuilt when names change */
    size_t n_by_path;
    bool index_stale;

    struct builder *spare[MAX_BUILDERS];
    size_t n_spare;
    struct builder *carry; /* lines that made no record yet */
    unsigned fills;
    size_t n_open;   /* streams with a descriptor */
    unsigned unread; /* files whose end was not reached: damaged, unreadable */
    double paced_at; /* when a fill was last begun with every destination down */
    double rate_at;  /* the time at which the next line may be read under --rate */

    struct watch *watch;
    unsigned looks; /* discoveries under way */
    bool look_again;
    int64_t looking_ms, looked_ms; /* when this discovery began, and the one before; wall clock */
    bool looked;                   /* every source was looked at once */
    struct passed_file *passed;
    size_t n_passed, cap_passed;

    bool started, stopping, too_late, finished, dirty, saving, last_save;
    uint64_t saved_generation, first_generation; /* the latter: the first of this engine's life */
    double last_saved_at;
    struct buf saving_text;
    struct task save_task;
    int save_rc;
    struct log_limit save_complaint;
    ev_timer save_timer, look_timer, pace_timer, carry_timer, stop_timer;
};

int64_t engine_now_ms(const struct engine *e); /* wall clock of the loop's iteration */

/* ---- engine.c */
void engine_dirty(struct engine *e);
/* Does whatever can be done now; called after every event. */
void engine_go_on(struct engine *e);

/* ---- engine_fill.c */
void engine_fill_streams(struct engine *e);
void engine_carry_due(struct engine *e);
struct stream *engine_new_stream(struct engine *e, size_t source, const char *path,
                                 const char *host);
void engine_drop_stream(struct engine *e, struct stream *s);
void engine_wake(struct engine *e, struct stream *s);
/* Closes a file that was read to its end: it is opened again by its name when it changes. One with
 * half a line stays open, its last bytes may be wanted after it was compressed away. */
void engine_close_idle(struct engine *e, struct stream *s);
/* Brings the count of open files up to date, after anything that opened or closed this one. */
void engine_count_open(struct engine *e, struct stream *s);

/* ---- engine_files.c */
void engine_look(struct engine *e); /* discover all sources, soon */
int engine_watch(struct engine *e);
/* The file was read to its end, or is not what it was: forget the stream, remember the file. */
void engine_leave(struct engine *e, struct stream *s);
void engine_release_files(struct engine *e);

#endif
