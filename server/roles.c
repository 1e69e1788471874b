/* roles.c - the tables of roles. */
#include "server/roles.h"

#define P(name) ((permission_set)1 << PERM_##name)

#define SITE_EDITOR (P(SITE_VIEW) | P(SITE_MANAGE_GOALS) | P(SITE_MANAGE_ANNOTATIONS))
#define SITE_ADMIN                                                                                 \
    (SITE_EDITOR | P(SITE_MANAGE_DATA) | P(SITE_MANAGE_TEAM) | P(SITE_MANAGE_WEBHOOKS))
#define SITE_OWNER (SITE_ADMIN | P(SITE_DELETE))

static const permission_set of_role[] = {
    [ROLE_NONE] = 0,
    [ROLE_INGEST] = P(SITE_MANAGE_DATA),
    [ROLE_VIEWER] = P(SITE_VIEW),
    [ROLE_EDITOR] = SITE_EDITOR,
    [ROLE_ADMIN] = SITE_ADMIN,
    [ROLE_OWNER] = SITE_OWNER,
};

static const permission_set of_instance_role[] = {
    [INSTANCE_USER] = 0,
    [INSTANCE_ADMIN] = P(INSTANCE_VIEW_ALL_SITES) | P(INSTANCE_VIEW_SYSTEM) |
                       P(INSTANCE_VIEW_ACTIVATION) | P(INSTANCE_RUN_MAINTENANCE) |
                       P(INSTANCE_VIEW_AUDIT) | P(INSTANCE_MANAGE_SITE_EXCLUSIONS) |
                       P(INSTANCE_MANAGE_IMPORTS) | P(INSTANCE_MANAGE_WEBHOOKS) | P(SITE_VIEW) |
                       P(SITE_MANAGE_WEBHOOKS),
    [INSTANCE_OWNER] = P(COUNT) - 1, /* all there are */
};

static const char *const role_names[] = {
    [ROLE_NONE] = "none",     [ROLE_INGEST] = "ingest", [ROLE_VIEWER] = "viewer",
    [ROLE_EDITOR] = "editor", [ROLE_ADMIN] = "admin",   [ROLE_OWNER] = "owner",
};
static const char *const instance_names[] = {
    [INSTANCE_USER] = "user", [INSTANCE_ADMIN] = "admin", [INSTANCE_OWNER] = "owner"};
static const char *const team_names[] = {
    [TEAM_NONE] = "none", [TEAM_MEMBER] = "member", [TEAM_ADMIN] = "admin", [TEAM_OWNER] = "owner"};

static const char *const permission_names[PERM_COUNT] = {
    [PERM_SITE_VIEW] = "site.view",
    [PERM_SITE_MANAGE_DATA] = "site.manage_data",
    [PERM_SITE_MANAGE_GOALS] = "site.manage_goals",
    [PERM_SITE_MANAGE_TEAM] = "site.manage_team",
    [PERM_SITE_DELETE] = "site.delete",
    [PERM_SITE_MANAGE_ANNOTATIONS] = "site.manage_annotations",
    [PERM_SITE_MANAGE_WEBHOOKS] = "site.manage_webhooks",
    [PERM_INSTANCE_MANAGE_USERS] = "instance.manage_users",
    [PERM_INSTANCE_VIEW_ALL_SITES] = "instance.view_all_sites",
    [PERM_INSTANCE_MANAGE_SETTINGS] = "instance.manage_settings",
    [PERM_INSTANCE_VIEW_SYSTEM] = "instance.view_system",
    [PERM_INSTANCE_VIEW_ACTIVATION] = "instance.view_activation",
    [PERM_INSTANCE_MANAGE_SYSTEM] = "instance.manage_system",
    [PERM_INSTANCE_RUN_MAINTENANCE] = "instance.run_maintenance",
    [PERM_INSTANCE_VIEW_AUDIT] = "instance.view_audit",
    [PERM_INSTANCE_EXPORT_AUDIT] = "instance.export_audit",
    [PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS] = "instance.manage_site_exclusions",
    [PERM_INSTANCE_MANAGE_IMPORTS] = "instance.manage_imports",
    [PERM_INSTANCE_MANAGE_WEBHOOKS] = "instance.manage_webhooks",
};

const char *permission_name(enum permission permission)
{
    return permission_names[permission];
}

/* The place of `name` in a list, from `first` on; -1: not there. */
static int place_of(struct str name, const char *const *names, size_t first, size_t n)
{
    for (size_t i = first; i < n; i++)
        if (str_eq(name, str_of(names[i])))
            return (int)i;
    return -1;
}

const char *role_name(enum role role)
{
    return role_names[role];
}

bool role_parse(struct str name, enum role *out)
{
    int at = place_of(name, role_names, ROLE_INGEST, COUNT_OF(role_names));
    if (at >= 0)
        *out = (enum role)at;
    return at >= 0;
}

permission_set role_permissions(enum role role)
{
    return of_role[role];
}

bool role_allows(enum role role, enum permission permission)
{
    return permits(of_role[role], permission);
}

const char *instance_role_name(enum instance_role role)
{
    return instance_names[role];
}

bool instance_role_parse(struct str name, enum instance_role *out)
{
    int at = place_of(name, instance_names, INSTANCE_USER, COUNT_OF(instance_names));
    if (at >= 0)
        *out = (enum instance_role)at;
    return at >= 0;
}

permission_set instance_permissions(enum instance_role role)
{
    return of_instance_role[role];
}

const char *team_role_name(enum team_role role)
{
    return team_names[role];
}

bool team_role_parse(struct str name, enum team_role *out)
{
    int at = place_of(name, team_names, TEAM_MEMBER, COUNT_OF(team_names));
    if (at >= 0)
        *out = (enum team_role)at;
    return at >= 0;
}

bool team_role_manages_clients(enum team_role role)
{
    return role >= TEAM_ADMIN;
}
