/*
 * store_admin.h - what a STORE_CALL may do while it runs on the writer: change teams, sites,
 * clients and grants. Engine-neutral. Everything here belongs to one transaction, which the call's
 * return value commits (0) or rolls back (-1).
 */
#ifndef LOGFERRY_SERVER_STORE_ADMIN_H
#define LOGFERRY_SERVER_STORE_ADMIN_H

#include "server/exclusions.h"
#include "server/store.h"

/* ADMIN_TAKEN: a name or a host that exists already. ADMIN_NONE: nothing there to change.
 * ADMIN_FULL: no more of its kind are taken. */
enum admin_result { ADMIN_OK, ADMIN_TAKEN, ADMIN_NONE, ADMIN_FULL, ADMIN_FAILED };

/* What is there now, changes of this session included. NULL when it cannot be read. Valid until the
 * session's next change. */
const struct rights *session_rights(struct store_session *session);

enum admin_result session_add_team(struct store_session *session, struct str name, int64_t *id);
/* A person who owns the team. People cannot log in yet; the first owner is noted for when they can.
 */
enum admin_result session_add_owner(struct store_session *session, struct str name, int64_t team);

struct new_site {
    struct str domain; /* normalised, without a leading "www." */
    int64_t team;
    unsigned retention_days; /* 0: for ever */
};
enum admin_result session_add_site(struct store_session *session, const struct new_site *site,
                                   int64_t *id);
enum admin_result session_add_alias(struct store_session *session, int64_t site, struct str host);
enum admin_result session_remove_alias(struct store_session *session, int64_t site,
                                       struct str host);

struct new_client {
    struct str name;
    int64_t team;
    const unsigned char *token_hash; /* SHA-256 */
    int64_t expires_ms;              /* INT64_MAX: never */
};
enum admin_result session_add_client(struct store_session *session, const struct new_client *client,
                                     int64_t *id);
enum admin_result session_revoke_client(struct store_session *session, int64_t client);
/* Sets the role, whatever it was. */
enum admin_result session_grant(struct store_session *session, const struct grant *grant);
enum admin_result session_ungrant(struct store_session *session, int64_t client, int64_t site);

/* Its value is clean (exclusion_clean); id, uuid and time are given here. ADMIN_TAKEN: it is there
 * already; ADMIN_FULL: its scope has EXCLUSIONS_PER_SCOPE. */
enum admin_result session_add_exclusion(struct store_session *session, struct exclusion *e);
enum admin_result session_remove_exclusion(struct store_session *session, int64_t id);

#endif
