/*
 * roles.h - HitKeep's roles of people and tokens, what each of them may do, and our own `ingest`.
 *
 * Pure tables. Who has which role is rights.h's.
 */
#ifndef LOGFERRY_SERVER_ROLES_H
#define LOGFERRY_SERVER_ROLES_H

#include "parsers/base/bytes.h"

enum permission {
    PERM_SITE_VIEW,
    PERM_SITE_MANAGE_DATA,
    PERM_SITE_MANAGE_GOALS,
    PERM_SITE_MANAGE_TEAM,
    PERM_SITE_DELETE,
    PERM_SITE_MANAGE_ANNOTATIONS,
    PERM_SITE_MANAGE_WEBHOOKS,
    PERM_INSTANCE_MANAGE_USERS,
    PERM_INSTANCE_VIEW_ALL_SITES,
    PERM_INSTANCE_MANAGE_SETTINGS,
    PERM_INSTANCE_VIEW_SYSTEM,
    PERM_INSTANCE_VIEW_ACTIVATION,
    PERM_INSTANCE_MANAGE_SYSTEM,
    PERM_INSTANCE_RUN_MAINTENANCE,
    PERM_INSTANCE_VIEW_AUDIT,
    PERM_INSTANCE_EXPORT_AUDIT,
    PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS,
    PERM_INSTANCE_MANAGE_IMPORTS,
    PERM_INSTANCE_MANAGE_WEBHOOKS,
    PERM_COUNT,
};

const char *permission_name(enum permission permission); /* HitKeep's: "site.view", … */

/* A set of permissions: bit `p` for permission `p`. Of two roles that both have to allow something,
 * what is left is `a & b`: for HitKeep's, which are ranked, the lesser one of the two. */
typedef uint32_t permission_set;
static inline bool permits(permission_set set, enum permission permission)
{
    return (set >> permission & 1) != 0;
}

/* On one site. `ingest` carries site.manage_data and nothing else; people do not have it. */
enum role { ROLE_NONE, ROLE_INGEST, ROLE_VIEWER, ROLE_EDITOR, ROLE_ADMIN, ROLE_OWNER };
const char *role_name(enum role role); /* "owner", …; "none" */
bool role_parse(struct str name, enum role *out);
permission_set role_permissions(enum role role);
bool role_allows(enum role role, enum permission permission);

/* On the whole server. */
enum instance_role { INSTANCE_USER, INSTANCE_ADMIN, INSTANCE_OWNER };
const char *instance_role_name(enum instance_role role);
bool instance_role_parse(struct str name, enum instance_role *out);
permission_set instance_permissions(enum instance_role role);

/* In one team. Owners and admins manage its API clients. */
enum team_role { TEAM_NONE, TEAM_MEMBER, TEAM_ADMIN, TEAM_OWNER };
const char *team_role_name(enum team_role role); /* "none" */
bool team_role_parse(struct str name, enum team_role *out);
bool team_role_manages_clients(enum team_role role); /* HitKeep's team.manage_api_clients */

#endif
