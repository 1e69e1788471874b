/*
 * delegation.h - nobody hands on more than he has: may this person give an API client these roles?
 * HitKeep's checks and words, for the management of clients over HTTP. Pure.
 *
 * The command line does not ask: who may write the store may do all of it.
 */
#ifndef LOGFERRY_SERVER_DELEGATION_H
#define LOGFERRY_SERVER_DELEGATION_H

#include "server/rights.h"

#define DELEGATED_MAX 100

/* As it came: nothing of it was looked at. */
struct delegated_role {
    struct str site_id, role;
};

/*
 * May `user` give a client of `team` (0: his own) these roles? NULL: yes, then grants[0..n-1] are
 * filled in, `client` aside; the caller has room for DELEGATED_MAX. Else what to answer with 403.
 * A site that is not there gets the same answer as one that is not his.
 */
const char *delegation_refusal(const struct rights *r, const struct user *user, int64_t team,
                               const struct delegated_role *roles, size_t n, struct grant *grants);

/* NULL: he may hand on that instance role. */
const char *delegation_instance_refusal(const struct user *user, enum instance_role role);

#endif
