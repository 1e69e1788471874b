/*
 * watch.h - inotify on directories: one watch each, however many files they hold. Loop thread.
 */
#ifndef LOGFERRY_AGENT_WATCH_H
#define LOGFERRY_AGENT_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct ev_loop;
struct watch;

struct watch_events {
    void *context;
    void (*on_written)(void *context, const char *path); /* a file has new bytes */
    /* A name came, went, or changed, of a file or of a directory; one of a watched directory too.
     */
    void (*on_names)(void *context, const char *path, bool directory);
    void (*on_overflow)(void *context); /* events were lost: look at everything */
};

/* NULL: no inotify here (errno); the caller polls. */
struct watch *watch_new(struct ev_loop *loop, const struct watch_events *events);
void watch_free(struct watch *w); /* accepts NULL */
/* Watches a directory; `files`: for bytes written too, else for names only. One that is watched by
 * several names is told of by each of them. 1: from now on; 0: it was watched already; -1: errno
 * (ENOSPC: fs.inotify.max_user_watches is reached). */
int watch_directory(struct watch *w, const char *directory, bool files);

#endif
