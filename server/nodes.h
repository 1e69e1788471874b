/*
 * nodes.h - the agents that are out there: who was seen when, in which version, and how far behind
 * it said it was. In memory, by what the field Logferry-Status of requests with a good token says;
 * serve_nodes.h keeps it over restarts. On the loop's thread.
 *
 * A token's owner tells of nodes of the own team only, and of NODES_A_TEAM of them: beyond, the one
 * that was seen longest ago makes room. Of all there are NODES_MAX.
 */
#ifndef LOGFERRY_SERVER_NODES_H
#define LOGFERRY_SERVER_NODES_H

#include "server/store_nodes.h"

#define NODES_MAX 4096u
#define NODES_A_TEAM 256u

struct node {
    struct node_state state;
    bool dirty; /* not stored yet */
};

struct nodes {
    struct node *v;
    size_t n, cap;
    bool dirty; /* one of them is */
};

void nodes_release(struct nodes *n); /* a zeroed one is empty */
/* False: it is no such status, or there is no memory; nothing was noted. */
bool nodes_note(struct nodes *n, int64_t team, struct str status, int64_t now_ms);
/* From the store, at start. */
void nodes_put(struct nodes *n, const struct node_state *state);

#endif
