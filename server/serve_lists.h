/*
 * serve_lists.h - the server's exclusions and lists: made from the configuration at start, and the
 * lists anew when one of their files has changed. On the loop's thread.
 */
#ifndef LOGFERRY_SERVER_SERVE_LISTS_H
#define LOGFERRY_SERVER_SERVE_LISTS_H

#include <ev.h>

#include "server/lists.h"

struct api;

struct serve_lists {
    struct ev_loop *loop;
    const struct server_config *config;
    struct exclusions *exclude;
    struct lists *lists;
    struct api *api; /* told of new lists; set by the owner when there is one */
    ev_timer timer;
};

/* Those of the configuration; NULL when out of memory. */
struct exclusions *serve_exclusions(const struct server_config *config);

/* 0, or an exit code, logged. Then release, whatever it returned, when the API has gone. */
int serve_lists_start(struct serve_lists *s, struct ev_loop *loop,
                      const struct server_config *config);
/* Reads the files again now. What cannot be read is logged, and the old lists stay. */
void serve_lists_reload(struct serve_lists *s);
void serve_lists_stop(struct serve_lists *s); /* no more looks at the files */
void serve_lists_release(struct serve_lists *s);

#endif
