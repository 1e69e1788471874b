/* delegation.c - see delegation.h. The order of the checks is HitKeep's, and the texts are. */
#include "server/delegation.h"

#include "server/go_text.h"
#include "server/uuid.h"

static bool exceeds(permission_set asked, permission_set own)
{
    return (asked & ~own) != 0;
}

static const char *refusal_of(const struct rights *r, const struct user *user, int64_t team,
                              const struct delegated_role *asked, struct grant *grant)
{
    unsigned char uuid[16];
    if (!uuid_parse(go_trim(asked->site_id), uuid))
        return "invalid delegated site role site_id";
    const struct site *site = rights_site_by_uuid(r, uuid);
    if (team && (!site || site->team != team))
        return "cannot delegate site role outside the selected team";
    if (!role_parse(go_trim(asked->role), &grant->role))
        return "invalid delegated site role";
    enum role own = site ? rights_user_role(r, user, site) : ROLE_NONE;
    if (site && user->instance_role == INSTANCE_OWNER)
        own = ROLE_OWNER;
    if (own == ROLE_NONE)
        return "cannot delegate site role for site without access";
    if (exceeds(role_permissions(grant->role), role_permissions(own)))
        return "cannot delegate requested site role";
    grant->site = site->id;
    return NULL;
}

const char *delegation_refusal(const struct rights *r, const struct user *user, int64_t team,
                               const struct delegated_role *roles, size_t n, struct grant *grants)
{
    if (n > DELEGATED_MAX)
        return "too many delegated site roles";
    for (size_t i = 0; i < n; i++) {
        const char *refusal = refusal_of(r, user, team, &roles[i], &grants[i]);
        if (refusal)
            return refusal;
    }
    return NULL;
}

const char *delegation_instance_refusal(const struct user *user, enum instance_role role)
{
    return role > user->instance_role ? "Cannot delegate requested instance role" : NULL;
}
