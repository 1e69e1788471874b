/* serve_nodes.h - the table of nodes (nodes.h) over restarts: read at start, stored now and then.
 */
#ifndef LOGFERRY_SERVER_SERVE_NODES_H
#define LOGFERRY_SERVER_SERVE_NODES_H

#include <ev.h>

#include "server/nodes.h"

struct serve_nodes {
    struct nodes nodes;
    struct store *store;
    ev_timer timer;
    bool busy; /* a store job is under way */
};

/* A store that cannot be read leaves the table empty. */
void serve_nodes_start(struct serve_nodes *s, struct ev_loop *loop, struct store *store,
                       const char *store_dir);
/* Stores what is new once more, when the store takes it; before it is closed. */
void serve_nodes_stop(struct serve_nodes *s, struct ev_loop *loop);
void serve_nodes_put_metrics(const struct serve_nodes *s, struct buf *out);

#endif
