/*
 * admin_commands.h - shared by admin_*.c: one function a command.
 */
#ifndef LOGFERRY_SERVER_ADMIN_COMMANDS_H
#define LOGFERRY_SERVER_ADMIN_COMMANDS_H

#include "config/exit_codes.h"
#include "server/admin.h"

struct admin_job {
    struct store_session *session;
    struct admin_call *call;
    struct args args;
    struct buf *out, *err;
};

/* Puts one line on stderr, and returns the code. */
int admin_fail(struct admin_job *job, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* For what the store itself says. */
int admin_failed(struct admin_job *job, enum admin_result result, const char *what);
/* " --store DIR" when that has to be given again, else "". Appended to out. */
void admin_put_store(struct admin_job *job, struct buf *out);
/* The team named by --team, or the only one. 0, or an exit code. */
int admin_team(struct admin_job *job, const struct team **team);
/* Lower case, without port and leading "www."; 0, or an exit code. The text is put into `host`. */
int admin_domain(struct admin_job *job, const char *text, bool keep_www, struct buf *host);

/* What --retention says in days, 0 for ever; `otherwise` without it. 0, or an exit code. */
#define RETENTION_DAYS_DEFAULT 365
int admin_retention(struct admin_job *job, unsigned otherwise, unsigned *days);

/* The options of site purge. */
extern const char *const purge_values[], *const purge_flags[];

/* Of a user, by name or address; 0, or an exit code. */
int admin_user_id(struct admin_job *job, const char *name, int64_t *id);
/* From the option, when it is given. 0, or an exit code. */
int admin_instance_role(struct admin_job *job, const char *option, enum instance_role *role);

/* By id, or by name, in --team or of --personal when one is given; one that is not revoked goes
 * first. 0, or an exit code. The texts of *out live until the session's next change. */
int admin_client_find(struct admin_job *job, const char *name, struct client *out);
bool admin_client_name(struct str name);
/* --expires, when it is given; 0, or an exit code; so the next two. */
int admin_client_expiry(struct admin_job *job, int64_t *ms);
int admin_client_description(struct admin_job *job, struct str text);
int admin_client_token(struct admin_job *job, char token[TOKEN_LENGTH + 1],
                       unsigned char hash[TOKEN_HASH_BYTES]);
/* Shows it, once. */
void admin_client_put_token(struct admin_job *job, const struct client *client, const char *token);

int admin_init(struct admin_job *job);
int admin_site_add(struct admin_job *job);
int admin_site_list(struct admin_job *job);
int admin_site_set(struct admin_job *job);
int admin_site_purge(struct admin_job *job);
/* admin_site_set.c: 0, or an exit code. */
int admin_set_time_zone(struct admin_job *job, int64_t site, struct str name);
int admin_site_alias(struct admin_job *job);
int admin_exclude_add(struct admin_job *job);
int admin_exclude_list(struct admin_job *job);
int admin_exclude_remove(struct admin_job *job);
int admin_client_create(struct admin_job *job);
int admin_client_list(struct admin_job *job);
int admin_client_grant(struct admin_job *job);
int admin_client_ungrant(struct admin_job *job);
int admin_client_update(struct admin_job *job);
int admin_client_roll(struct admin_job *job);
int admin_client_revoke(struct admin_job *job);
int admin_client_reactivate(struct admin_job *job);
int admin_client_delete(struct admin_job *job);
int admin_user_add(struct admin_job *job);
int admin_user_list(struct admin_job *job);
int admin_user_password(struct admin_job *job);
int admin_user_set(struct admin_job *job);
int admin_user_disable(struct admin_job *job);
int admin_user_remove(struct admin_job *job);
int admin_team_add(struct admin_job *job);
int admin_team_list(struct admin_job *job);
int admin_team_member(struct admin_job *job);
int admin_team_archive(struct admin_job *job);
int admin_team_remove(struct admin_job *job);
int admin_site_member(struct admin_job *job);
int admin_site_remove(struct admin_job *job);
int admin_audit(struct admin_job *job);

#endif
