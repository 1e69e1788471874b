/* store_nodes.h - the nodes and their last words, in the store. Engine-neutral. */
#ifndef LOGFERRY_SERVER_STORE_NODES_H
#define LOGFERRY_SERVER_STORE_NODES_H

#include "server/store_admin.h"
#include "server/store_read.h"

#define STORE_NODE_DAYS 30 /* a node that was not seen for so long is forgotten */

struct node_state {
    int64_t team;               /* client_owner: a team's number, or minus a user's */
    char name[65], version[33]; /* version "": it did not say */
    int64_t seen_ms;            /* wall clock */
    uint64_t lag_ms;            /* how old the oldest line is that it has still to deliver */
    uint64_t waiting;           /* records that wait at it */
};

/* In a STORE_CALL. Forgets what is older than STORE_NODE_DAYS, too. */
enum admin_result session_put_node(struct store_session *session, const struct node_state *state);

/* With all that has ever delivered a batch; then seen_ms is the last day of that, and version "".
 */
struct read_agent_node {
    struct node_state state;
    struct str team; /* its name, or the person's */
    int64_t today;   /* records of it that were stored on the day that began at day_ms */
};
int store_reader_agent_nodes(struct store_reader *r, int64_t now_ms,
                             void (*on_node)(void *arg, const struct read_agent_node *node),
                             void *arg);

#endif
