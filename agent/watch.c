/* watch.c - see watch.h. */
#include "agent/watch.h"

#include <errno.h>
#include <ev.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define NAME_EVENTS (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB)

struct directory {
    int wd;
    char *path;
};

struct watch {
    struct ev_loop *loop;
    struct watch_events events;
    ev_io io;
    struct directory *v;
    size_t n, cap;
};

static const char *path_of(const struct watch *w, int wd)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->v[i].wd == wd)
            return w->v[i].path;
    return NULL;
}

/* The kernel dropped the watch: the directory went away. */
static void forget(struct watch *w, int wd)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->v[i].wd == wd) {
            free(w->v[i].path);
            w->v[i] = w->v[--w->n];
            return;
        }
}

static void deliver(struct watch *w, const struct inotify_event *e)
{
    char path[PATH_MAX];
    if (e->mask & IN_Q_OVERFLOW) {
        w->events.on_overflow(w->events.context);
        return;
    }
    const char *directory = path_of(w, e->wd);
    if (e->mask & IN_IGNORED) {
        forget(w, e->wd);
        return;
    }
    if (!directory || !e->len)
        return;
    int n = snprintf(path, sizeof(path), "%s/%s", directory, e->name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return;
    if (e->mask & IN_MODIFY)
        w->events.on_written(w->events.context, path);
    if (e->mask & NAME_EVENTS)
        w->events.on_names(w->events.context, path);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct watch *w = io->data;
    char buffer[64 << 10] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(io->fd, buffer, sizeof(buffer));
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(buffer + at);
        deliver(w, e);
        at += (ssize_t)(sizeof(*e) + e->len);
    }
}

struct watch *watch_new(struct ev_loop *loop, const struct watch_events *events)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    struct watch *w = fd < 0 ? NULL : calloc(1, sizeof(*w));
    if (!w) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    w->loop = loop;
    w->events = *events;
    ev_io_init(&w->io, on_readable, fd, EV_READ);
    w->io.data = w;
    ev_io_start(loop, &w->io);
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    ev_io_stop(w->loop, &w->io);
    close(w->io.fd);
    for (size_t i = 0; i < w->n; i++)
        free(w->v[i].path);
    free(w->v);
    free(w);
}

int watch_directory(struct watch *w, const char *directory)
{
    int wd = inotify_add_watch(w->io.fd, directory, NAME_EVENTS | IN_MODIFY | IN_ONLYDIR);
    if (wd < 0)
        return -1;
    if (path_of(w, wd))
        return 0;
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 8;
        struct directory *v = realloc(w->v, cap * sizeof(*v));
        if (!v)
            return -1;
        w->v = v;
        w->cap = cap;
    }
    w->v[w->n].path = strdup(directory);
    if (!w->v[w->n].path)
        return -1;
    w->v[w->n++].wd = wd;
    return 0;
}
