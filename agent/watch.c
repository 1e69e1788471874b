/* watch.c - see watch.h. */
#include "agent/watch.h"

#include "agent/file_map.h"

#include <errno.h>
#include <ev.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/queue.h>
#include <unistd.h>

#define NAME_EVENTS                                                                                \
    (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_MOVE_SELF |              \
     IN_DELETE_SELF)

/* The kernel knows a directory once, whatever it is called. */
struct directory {
    LIST_ENTRY(directory) link;
    struct directory *other; /* the same under its next name */
    int wd;
    char path[];
};

struct watch {
    struct ev_loop *loop;
    struct watch_events events;
    ev_io io;
    LIST_HEAD(, directory) all;
    struct file_map by_wd;
};

static void forget(struct watch *w, struct directory *d)
{
    file_map_remove(&w->by_wd, (uint64_t)d->wd, 0);
    LIST_REMOVE(d, link);
    while (d) {
        struct directory *other = d->other;
        free(d);
        d = other;
    }
}

/* The directory itself went elsewhere, with its watch. */
static void moved_away(struct watch *w, struct directory *d)
{
    for (const struct directory *n = d; n; n = n->other)
        w->events.on_names(w->events.context, n->path, true);
    inotify_rm_watch(w->io.fd, d->wd);
    forget(w, d);
}

static void tell(struct watch *w, const char *directory, const struct inotify_event *e)
{
    char path[PATH_MAX];
    int n = e->len ? snprintf(path, sizeof(path), "%s/%s", directory, e->name) : -1;
    if (n < 0 || (size_t)n >= sizeof(path))
        return;
    if (e->mask & IN_MODIFY)
        w->events.on_written(w->events.context, path);
    if (e->mask & NAME_EVENTS)
        w->events.on_names(w->events.context, path, e->mask & IN_ISDIR);
}

static void deliver(struct watch *w, const struct inotify_event *e)
{
    if (e->mask & IN_Q_OVERFLOW) {
        w->events.on_overflow(w->events.context);
        return;
    }
    struct directory *d = file_map_find(&w->by_wd, (uint64_t)e->wd, 0);
    if (!d)
        return;
    if (e->mask & IN_IGNORED) { /* the kernel dropped the watch */
        forget(w, d);
        return;
    }
    if (e->mask & (IN_MOVE_SELF | IN_DELETE_SELF)) {
        moved_away(w, d);
        return;
    }
    for (; d; d = d->other)
        tell(w, d->path, e);
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
    LIST_INIT(&w->all);
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
    while (!LIST_EMPTY(&w->all))
        forget(w, LIST_FIRST(&w->all));
    file_map_release(&w->by_wd);
    free(w);
}

static struct directory *new_directory(int wd, const char *path)
{
    size_t n = strlen(path) + 1;
    struct directory *d = malloc(sizeof(*d) + n);
    if (!d)
        return NULL;
    *d = (struct directory){.wd = wd};
    memcpy(d->path, path, n);
    return d;
}

int watch_directory(struct watch *w, const char *directory, bool files)
{
    uint32_t mask = NAME_EVENTS | IN_ONLYDIR | IN_MASK_ADD | (files ? IN_MODIFY : 0);
    int wd = inotify_add_watch(w->io.fd, directory, mask);
    if (wd < 0)
        return -1;
    struct directory *known = file_map_find(&w->by_wd, (uint64_t)wd, 0);
    for (const struct directory *n = known; n; n = n->other)
        if (strcmp(n->path, directory) == 0)
            return 0;
    struct directory *d = new_directory(wd, directory);
    if (d && known) {
        d->other = known->other;
        known->other = d;
        return 1;
    }
    if (!d || file_map_put(&w->by_wd, (uint64_t)wd, 0, d)) {
        free(d);
        if (!known)
            inotify_rm_watch(w->io.fd, wd);
        errno = ENOMEM;
        return -1;
    }
    LIST_INSERT_HEAD(&w->all, d, link);
    return 1;
}
