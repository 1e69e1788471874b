/*
 * api_nodes.c - the agents that deliver, as far as the caller's business goes: those of each team
 * of which some site may be viewed; a person's own, to him; and all of them by
 * instance.view_system.
 */
#include <stdlib.h>

#include "parsers/base/time.h"
#include "server/api_internal.h"
#include "server/nodes.h"

/* Whose nodes are shown: teams' numbers, and minus a user's. */
struct owners {
    bool all;
    int64_t *v;
    size_t n;
};

static void add_owner(struct owners *o, int64_t owner)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->v[i] == owner)
            return;
    o->v[o->n++] = owner;
}

/* A token that views nothing sees nothing, its owner's own nodes included: it may lie on a web
 * server. False: no memory. */
static bool find_owners(const struct api_caller *caller, struct owners *o)
{
    const struct site *sites;
    size_t n = rights_sites(caller->rights, &sites);
    o->all = api_may_on_server(caller, PERM_INSTANCE_VIEW_SYSTEM);
    o->v = calloc(n + 1, sizeof(*o->v));
    if (!o->v)
        return false;
    for (size_t i = 0; i < n && !o->all; i++)
        if (api_may(caller, &sites[i], PERM_SITE_VIEW) == ACCESS_OK)
            add_owner(o, sites[i].team);
    if (caller->user)
        add_owner(o, -caller->user->id);
    else if (o->n > 0 && caller->client->user)
        add_owner(o, -caller->client->user);
    return true;
}

static bool is_shown(const struct owners *o, int64_t owner)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->v[i] == owner)
            return true;
    return o->all;
}

/* STR_NONE: it is not there any more. */
static struct str owner_name(const struct rights *rights, int64_t owner)
{
    const struct team *team = owner > 0 ? rights_team_by_id(rights, owner) : NULL;
    const struct user *user = owner < 0 ? rights_user_by_id(rights, -owner) : NULL;
    return team ? team->name : user ? user->name : STR_NONE;
}

static void put_node(struct buf *out, struct str team, const struct node_state *s)
{
    buf_put_str(out, out->n > 1 ? STR(",{\"team\":") : STR("{\"team\":"));
    json_put_string(out, team);
    buf_lit(out, ",\"node\":");
    json_put_string(out, str_of(s->name));
    buf_lit(out, ",\"version\":");
    json_put_string(out, s->version[0] ? str_of(s->version) : STR_NONE);
    buf_lit(out, ",\"seen\":\"");
    time_put_rfc3339(out, s->seen_ms);
    buf_printf(out, "\",\"lag_seconds\":%llu,\"waiting\":%llu}",
               (unsigned long long)s->lag_ms / 1000, (unsigned long long)s->waiting);
}

static void put_nodes(struct buf *out, const struct api *a, const struct api_caller *caller,
                      const struct owners *owners)
{
    const struct nodes *nodes = a->config.nodes;
    buf_putc(out, '[');
    for (size_t i = 0; nodes && i < nodes->n; i++) {
        const struct node_state *s = &nodes->v[i].state;
        struct str team = owner_name(caller->rights, s->team);
        if (is_shown(owners, s->team) && str_is_set(team))
            put_node(out, team, s);
    }
    buf_putc(out, ']');
}

void api_nodes(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    struct owners owners = {.n = 0};
    struct buf out;
    if (!api_admit(a, a->general, req, &caller))
        return;
    buf_init(&out, 4u << 20);
    if (find_owners(&caller, &owners))
        put_nodes(&out, a, &caller, &owners);
    else
        out.failed = true;
    rights_release(caller.rights);
    free(owners.v);
    api_answer_json(req, 200, &out);
    buf_release(&out);
}
