/* engine_events.c - what inotify tells, and what is done where it cannot; see engine.h. */
#include "agent/engine_impl.h"

#include <errno.h>

/* From now on files are looked at again and again. */
static void poll_files(struct engine *e, const char *path, const char *why, const char *mend)
{
    e->polling = true;
    if (log_limit_pass(&e->polled, engine_mono_ms(), 3600000))
        log_event(LOG_WARN, "polling",
                  "path=\"%s\" why=\"%s\" mend=\"%s; until then files are looked at every second, "
                  "or less often when they are many\"",
                  path, why, mend);
    engine_plan_look(e, engine_look_every(e));
}

/* A file of a source, live or rotated? */
static bool is_ours(const struct engine *e, const char *path)
{
    for (size_t i = 0; i < e->o.n_sources; i++)
        if (discover_family(&e->o.sources[i], path))
            return true;
    return false;
}

static void on_written(void *context, const char *path)
{
    struct engine *e = context;
    struct stream *s = engine_stream_by_path(e, path);
    if (s) {
        engine_wake(e, s);
        engine_go_on(e);
        return;
    }
    for (size_t i = 0; i < e->o.n_sources; i++)
        if (discover_matches(e->o.sources[i].files, path)) {
            engine_look_soon(e);
            return;
        }
    if (is_ours(e, path))
        engine_plan_look(e, 1.0); /* a rotated one: it is being compressed, most often */
}

static void on_names(void *context, const char *path, bool directory)
{
    struct engine *e = context;
    struct stream *s = engine_stream_by_path(e, path);
    if (s)
        engine_wake(e, s);
    if (s || directory || is_ours(e, path))
        engine_look_soon(e);
    if (s)
        engine_go_on(e);
}

static void on_overflow(void *context)
{
    struct engine *e = context;
    if (log_limit_pass(&e->overflowed, engine_mono_ms(), 3600000))
        log_event(LOG_WARN, "events_lost",
                  "why=\"the queue of inotify was full\" mend=\"raise fs.inotify.max_queued_events "
                  "when it happens often; every file is looked at now, nothing is lost\"");
    for (struct stream *s = TAILQ_FIRST(&e->streams); s; s = TAILQ_NEXT(s, all))
        engine_wake(e, s);
    engine_look_soon(e);
    engine_go_on(e);
}

void engine_watch(struct engine *e)
{
    struct watch_events events = {
        .context = e, .on_written = on_written, .on_names = on_names, .on_overflow = on_overflow};
    e->watch = watch_new(e->o.loop, &events);
    if (!e->watch)
        poll_files(e, "", strerror(errno), "raise fs.inotify.max_user_instances");
}

bool engine_watch_directories(struct engine *e, const struct looking *l)
{
    bool fresh = false;
    for (size_t i = 0; i < l->n_directories; i++) {
        const struct watched_directory *d = &l->directories[i];
        if (d->remote)
            poll_files(e, d->path, "other machines may write to this file system unseen",
                       "run the agent on the machine that writes");
        int rc = e->watch ? watch_directory(e->watch, d->path, d->files) : 0;
        bool matters = d->files || errno == ENOSPC || errno == ENOMEM;
        fresh = fresh || rc > 0;
        if (rc < 0 && matters && errno != ENOENT)
            poll_files(e, d->path, strerror(errno),
                       errno == ENOSPC ? "raise fs.inotify.max_user_watches"
                                       : "let the agent's user read the directory");
    }
    return fresh;
}
