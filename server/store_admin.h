/*
 * store_admin.h - what a STORE_CALL may do while it runs on the writer: change people, teams,
 * sites, clients and grants. Engine-neutral. Everything here belongs to one transaction, which the
 * call's return value commits (0) or rolls back (-1).
 *
 * Whether the one who asks may do so is his business who calls (rights.h, delegation.h). Each
 * change leaves an entry in the audit log, in the same transaction.
 */
#ifndef LOGFERRY_SERVER_STORE_ADMIN_H
#define LOGFERRY_SERVER_STORE_ADMIN_H

#include "server/exclusions.h"
#include "server/store.h"

enum admin_result {
    ADMIN_OK,
    ADMIN_TAKEN,      /* a name, an address or a host that exists already */
    ADMIN_NONE,       /* nothing there to change */
    ADMIN_FULL,       /* no more of its kind are taken */
    ADMIN_LAST_OWNER, /* the team, or the server, would be left without one who may change it */
    ADMIN_ENDED,      /* the client is revoked or expired */
    ADMIN_FAILED,     /* the engine; it has been logged */
};

/* What is there now, changes of this session included. NULL when it cannot be read. Valid until the
 * session's next change. */
const struct rights *session_rights(struct store_session *session);

/* Whom the audit log names for what follows: a user, or 0, as every session begins, the command
 * line. */
void session_act_for(struct store_session *session, int64_t user);
void session_act_for_client(struct store_session *session, int64_t client);

/* ---- teams and sites ---------------------------------------------------------------------- */

enum admin_result session_add_team(struct store_session *session, struct str name, int64_t *id);
enum admin_result session_rename_team(struct store_session *session, int64_t team, struct str name);
/* Archived, its sites and tokens are closed to everybody; nothing of it is lost. */
enum admin_result session_archive_team(struct store_session *session, int64_t team, bool archived);
/* Removes its sites. */
enum admin_result session_clear_team(struct store_session *session, int64_t team);
/* With its sites, their records (as session_remove_site), its clients, members and exclusions; its
 * name is free. What its nodes have told stays. */
enum admin_result session_remove_team(struct store_session *session, int64_t team);

struct new_site {
    struct str domain; /* normalised, without a leading "www." */
    int64_t team;
    int64_t owner;           /* the user who adds it and owns it then; 0: the command line */
    unsigned retention_days; /* 0: for ever */
};
enum admin_result session_add_site(struct store_session *session, const struct new_site *site,
                                   int64_t *id);
/* The old domain is no name of it any more; an alias may become the new one. */
enum admin_result session_rename_site(struct store_session *session, int64_t site,
                                      struct str domain);
/* To another team. What the old one's members and clients were granted there counts no more. */
enum admin_result session_move_site(struct store_session *session, int64_t site, int64_t team);
/* IANA's name, known to be one. */
enum admin_result session_set_time_zone(struct store_session *session, int64_t site,
                                        struct str name);
enum admin_result session_add_alias(struct store_session *session, int64_t site, struct str host);
enum admin_result session_remove_alias(struct store_session *session, int64_t site,
                                       struct str host);
/* With its hosts, roles and grants at once, and with its records by and by (engine_housekeep). */
enum admin_result session_remove_site(struct store_session *session, int64_t site);

/* ---- people ------------------------------------------------------------------------------- */

struct new_user {
    struct str name;
    struct str email;         /* STR_NONE: not known; else it is kept in lower case */
    struct str password_hash; /* STR_NONE: cannot log in yet */
    enum instance_role instance_role;
    struct str family; /* the end of the name; STR_NONE: not told */
};
enum admin_result session_add_user(struct store_session *session, const struct new_user *user,
                                   int64_t *id);
enum admin_result session_set_email(struct store_session *session, int64_t user, struct str email);
/* Who a person is: `email`, `name` and `family` as in struct new_user, and nothing else of it.
 * ADMIN_TAKEN: somebody else has the name or the address. */
enum admin_result session_set_profile(struct store_session *session, int64_t user,
                                      const struct new_user *profile);
/* Ends all logins of the person; so does disabling. */
enum admin_result session_set_password(struct store_session *session, int64_t user,
                                       struct str password_hash);
enum admin_result session_set_instance_role(struct store_session *session, int64_t user,
                                            enum instance_role role);
enum admin_result session_disable_user(struct store_session *session, int64_t user, bool disabled);
/* With his clients, memberships and roles. Sites that he added stay, without an owner. */
enum admin_result session_remove_user(struct store_session *session, int64_t user);

/* Sets the role, whatever it was. */
enum admin_result session_set_member(struct store_session *session, const struct member *member);
/* With his roles on the team's sites, and his own clients' grants there. */
enum admin_result session_remove_member(struct store_session *session, int64_t team, int64_t user);
/* Of a member of the site's team; ROLE_NONE takes it away. */
enum admin_result session_set_site_role(struct store_session *session,
                                        const struct site_role *role);

/* ---- clients ------------------------------------------------------------------------------ */

/* What an update replaces as a whole. The `client` of each grant is not looked at. */
struct client_fields {
    struct str name, description;
    enum instance_role instance_role; /* of a team's: INSTANCE_USER */
    int64_t expires_ms;               /* INT64_MAX: never */
    const struct grant *grants;
    size_t n_grants;
};
struct new_client {
    struct client_fields fields;
    int64_t team, user;              /* one of them is 0 */
    const unsigned char *token_hash; /* SHA-256 */
};
enum admin_result session_add_client(struct store_session *session, const struct new_client *client,
                                     int64_t *id);
enum admin_result session_update_client(struct store_session *session, int64_t client,
                                        const struct client_fields *fields);
/* The token in use is good for `overlap_ms` more, and one from before it ends now. */
enum admin_result session_rotate_client(struct store_session *session, int64_t client,
                                        const unsigned char token_hash[TOKEN_HASH_BYTES],
                                        int64_t overlap_ms);
/* True stamps the time, unless there is one; false clears it. */
enum admin_result session_revoke_client(struct store_session *session, int64_t client,
                                        bool revoked);
enum admin_result session_remove_client(struct store_session *session, int64_t client);
/* Sets the role, whatever it was. */
enum admin_result session_grant(struct store_session *session, const struct grant *grant);
enum admin_result session_ungrant(struct store_session *session, int64_t client, int64_t site);

/* ---- exclusions --------------------------------------------------------------------------- */

/* Its value is clean (exclusion_clean); id, uuid and time are given here. ADMIN_TAKEN: it is there
 * already; ADMIN_FULL: its scope has EXCLUSIONS_PER_SCOPE. */
enum admin_result session_add_exclusion(struct store_session *session, struct exclusion *e);
enum admin_result session_remove_exclusion(struct store_session *session, int64_t id);

/* ---- logins (logins.h) -------------------------------------------------------------------- */

/* Fills in login->epoch. */
struct login;
enum admin_result session_add_login(struct store_session *session, struct login *login);
enum admin_result session_drop_login(struct store_session *session,
                                     const unsigned char hash[TOKEN_HASH_BYTES]);

/* ---- the audit log ------------------------------------------------------------------------ */

#define AUDIT_KEEP_DAYS 400

enum audit_subject { AUDIT_TEAM, AUDIT_USER, AUDIT_SITE, AUDIT_CLIENT, AUDIT_INSTANCE };
/* For what is no change of the above, such as somebody logging in: `id` is the subject's; of the
 * instance, 0. */
enum admin_result session_audit(struct store_session *session, const char *action,
                                enum audit_subject subject, int64_t id, struct str detail);

struct audit_entry {
    int64_t id, at_ms;
    int64_t user;       /* who did it; 0: a client, or the command line */
    struct str actor;   /* a person's name then, or "client NAME"; STR_NONE: the command line */
    struct str action;  /* "api_client.created", … (docs/operations.md) */
    struct str subject; /* its name then */
    char subject_id[37];
    int64_t team; /* 0: of no team */
    struct str detail;
};
struct audit_filter {
    int64_t since_ms;
    int64_t team; /* 0: all there is */
    size_t most;  /* the newest so many */
};
/* Oldest first. An entry lives as long as the call. -1: it cannot be read. */
int session_read_audit(struct store_session *session, const struct audit_filter *filter,
                       void (*on_entry)(void *arg, const struct audit_entry *entry), void *arg);

#endif
