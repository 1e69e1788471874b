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
    void (*on_names)(void *context, const char *path);   /* a name came, went, or changed */
    void (*on_overflow)(void *context);                  /* events were lost: look at everything */
};

/* NULL: no inotify here (errno); the caller polls. */
struct watch *watch_new(struct ev_loop *loop, const struct watch_events *events);
void watch_free(struct watch *w); /* accepts NULL */
/* Watches a directory, once. -1: errno (ENOSPC: fs.inotify.max_user_watches is reached). */
int watch_directory(struct watch *w, const char *directory);

#endif
