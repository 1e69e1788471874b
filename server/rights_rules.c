/*
 * rights_rules.c - the rules by which roles become permissions (rights.h): A, B, and what a person
 * is on a site.
 */
#include "server/rights_internal.h"

enum team_role rights_team_role(const struct rights *r, int64_t team, const struct user *user)
{
    const struct team *t = rights_team_by_id(r, team);
    struct member key = {.team = team, .user = user->id};
    if (!t || t->archived_ms)
        return TEAM_NONE;
    const struct member *m =
        rights_find(&key, r->members, r->n_members, sizeof(key), rights_compare_members);
    return m ? m->role : TEAM_NONE;
}

static enum role given_role(const struct rights *r, const struct user *user,
                            const struct site *site)
{
    struct site_role key = {.site = site->id, .user = user->id};
    const struct site_role *found =
        rights_find(&key, r->site_roles, r->n_site_roles, sizeof(key), rights_compare_site_roles);
    return found ? found->role : ROLE_NONE;
}

enum role rights_user_role(const struct rights *r, const struct user *user, const struct site *site)
{
    enum team_role in_team = rights_team_role(r, site->team, user);
    if (user->disabled_ms || in_team == TEAM_NONE)
        return ROLE_NONE;
    const enum role sources[] = {
        given_role(r, user, site),
        site->owner == user->id ? ROLE_OWNER : ROLE_NONE,
        in_team == TEAM_OWNER   ? ROLE_OWNER
        : in_team == TEAM_ADMIN ? ROLE_ADMIN
                                : ROLE_NONE,
    };
    enum role least = ROLE_NONE;
    for (size_t i = 0; i < COUNT_OF(sources); i++)
        if (sources[i] != ROLE_NONE && (least == ROLE_NONE || sources[i] < least))
            least = sources[i];
    return least;
}

enum access rights_user_may(const struct rights *r, const struct user *user,
                            const struct site *site, enum permission permission)
{
    enum role role = site ? rights_user_role(r, user, site) : ROLE_NONE;
    if (role_allows(role, permission) ||
        (site && !user->disabled_ms &&
         permits(instance_permissions(user->instance_role), permission)))
        return ACCESS_OK;
    return role == ROLE_NONE ? ACCESS_DENIED : ACCESS_TOO_SMALL;
}

enum role rights_role(const struct rights *r, const struct client *client, const struct site *site)
{
    struct grant key = {.client = client->id, .site = site->id};
    const struct team *team = rights_team_by_id(r, site->team);
    if ((client->team && client->team != site->team) || !team || team->archived_ms)
        return ROLE_NONE;
    const struct grant *g =
        rights_find(&key, r->grants, r->n_grants, sizeof(key), rights_compare_grants);
    return g ? g->role : ROLE_NONE;
}

/* What there is to be had for a client: all, for a team's; for a person's, what he himself has. */
static enum role ceiling(const struct rights *r, const struct client *client,
                         const struct site *site)
{
    const struct user *owner = rights_user_by_id(r, client->user);
    if (client->team)
        return ROLE_OWNER;
    return owner ? rights_user_role(r, owner, site) : ROLE_NONE;
}

enum role rights_role_now(const struct rights *r, const struct client *client,
                          const struct site *site)
{
    enum role granted = rights_role(r, client, site), most = ceiling(r, client, site);
    permission_set left = role_permissions(granted) & role_permissions(most);
    if (left == role_permissions(granted))
        return granted;
    return left == role_permissions(most) ? most : ROLE_NONE;
}

enum access rights_may_by_grant(const struct rights *r, const struct client *client,
                                const struct site *site, enum permission permission)
{
    enum role granted = site ? rights_role(r, client, site) : ROLE_NONE;
    enum role most = site ? ceiling(r, client, site) : ROLE_NONE;
    if (granted == ROLE_NONE || most == ROLE_NONE)
        return ACCESS_DENIED;
    return role_allows(granted, permission) && role_allows(most, permission) ? ACCESS_OK
                                                                             : ACCESS_TOO_SMALL;
}

bool rights_may_on_server(const struct rights *r, const struct client *client,
                          enum permission permission)
{
    const struct user *owner = rights_user_by_id(r, client->user);
    return owner && permits(instance_permissions(client->instance_role) &
                                instance_permissions(owner->instance_role),
                            permission);
}

enum access rights_may(const struct rights *r, const struct client *client, const struct site *site,
                       enum permission permission)
{
    enum access access = rights_may_by_grant(r, client, site, permission);
    bool makes_up = access == ACCESS_TOO_SMALL && rights_may_on_server(r, client, permission);
    return makes_up ? ACCESS_OK : access;
}
