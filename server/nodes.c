/* nodes.c - see nodes.h. */
#include "server/nodes.h"

#include <stdlib.h>

#include "config/values.h"

void nodes_release(struct nodes *n)
{
    free(n->v);
    *n = (struct nodes){0};
}

static struct node *oldest(struct node *a, struct node *b)
{
    return !a || b->state.seen_ms < a->state.seen_ms ? b : a;
}

static struct node *append(struct nodes *n)
{
    if (n->n == n->cap) {
        size_t cap = n->cap ? n->cap * 2 : 16;
        struct node *v = realloc(n->v, cap * sizeof(*v));
        if (!v)
            return NULL;
        n->v = v;
        n->cap = cap;
    }
    return &n->v[n->n++];
}

/* That node's place, or a free one, or the place of one that goes. NULL: out of memory. */
static struct node *place(struct nodes *n, int64_t team, struct str name)
{
    struct node *of_team = NULL, *of_all = NULL;
    size_t in_team = 0;
    for (size_t i = 0; i < n->n; i++) {
        struct node *node = &n->v[i];
        if (node->state.team == team && str_eq(str_of(node->state.name), name))
            return node;
        of_all = oldest(of_all, node);
        if (node->state.team != team)
            continue;
        in_team++;
        of_team = oldest(of_team, node);
    }
    if (in_team >= NODES_A_TEAM)
        return of_team;
    return n->n >= NODES_MAX ? of_all : append(n);
}

void nodes_put(struct nodes *n, const struct node_state *state)
{
    struct node *node = place(n, state->team, str_of(state->name));
    if (node)
        *node = (struct node){.state = *state};
}

static bool copy_label(struct str s, char *to, size_t room)
{
    if (!value_label(s) || s.n >= room)
        return false;
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return true;
}

/* "node=web-1 version=0.1.0 lag_ms=0 waiting=0"; words that it does not know are a newer agent's.
 */
static bool parse(struct str status, struct node_state *out)
{
    bool good = true;
    while (good && status.n) {
        struct str value = str_cut(&status, ' ');
        struct str name = str_cut(&value, '=');
        if (str_eq(name, STR("node")))
            good = copy_label(value, out->name, sizeof(out->name));
        else if (str_eq(name, STR("version")))
            good = copy_label(value, out->version, sizeof(out->version));
        else if (str_eq(name, STR("lag_ms")))
            good = str_to_u64(value, INT64_MAX, &out->lag_ms);
        else if (str_eq(name, STR("waiting")))
            good = str_to_u64(value, INT64_MAX, &out->waiting);
    }
    return good && out->name[0];
}

bool nodes_note(struct nodes *n, int64_t team, struct str status, int64_t now_ms)
{
    struct node_state state = {.team = team, .seen_ms = now_ms};
    struct node *node = parse(status, &state) ? place(n, team, str_of(state.name)) : NULL;
    if (!node)
        return false;
    *node = (struct node){.state = state, .dirty = true};
    n->dirty = true;
    return true;
}
