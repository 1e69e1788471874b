/*
 * admin_client_life.c - what becomes of an API client: update, roll, revoke, reactivate, delete.
 */
#include "server/admin_commands.h"

#include <openssl/crypto.h>

#define OVERLAP_MAX_MS (INT64_C(30) * 86400000)

/* The one client that the command names. */
static int find_one(struct admin_job *job, const char *command, struct client *client)
{
    if (job->args.n_words == 1)
        return admin_client_find(job, job->args.words[0], client);
    return admin_fail(job, EXIT_USAGE, "client %s takes one name", command);
}

static int done(struct admin_job *job, enum admin_result result, const char *sentence)
{
    if (result != ADMIN_OK)
        return admin_failed(job, result, "the client");
    buf_printf(job->out, "%s\n", sentence);
    return 0;
}

/* What is not named stays, grants too. */
int admin_client_update(struct admin_job *job)
{
    struct client c = {0};
    struct str name = args_value(&job->args, "--name");
    struct str description = args_value(&job->args, "--description");
    struct client_fields fields = {0};
    int code = find_one(job, "update", &c);
    if (code)
        return code;
    if (str_is_set(name) && !admin_client_name(name))
        return admin_fail(job, EXIT_BAD_DATA, "--name: 1 to 120 bytes were expected");
    fields =
        (struct client_fields){.name = str_is_set(name) ? name : c.name,
                               .description = str_is_set(description) ? description : c.description,
                               .instance_role = c.instance_role,
                               .expires_ms = c.expires_ms};
    if ((code = admin_client_expiry(job, &fields.expires_ms)) ||
        (code = admin_client_description(job, fields.description)) ||
        (code = admin_instance_role(job, "--instance-role", &fields.instance_role)))
        return code;
    const struct rights *r = rights_retain(session_rights(job->session));
    fields.n_grants = rights_grants_of(r, c.id, &fields.grants);
    code = done(job, session_update_client(job->session, c.id, &fields), "updated");
    rights_release(r);
    return code;
}

static int read_overlap(struct admin_job *job, int64_t *ms)
{
    struct str text = args_value(&job->args, "--overlap");
    int64_t now_ms = job->call->now_ms, until_ms = now_ms;
    if (str_is_set(text) && (!when_parse(text, now_ms, WHEN_FUTURE, false, &until_ms) ||
                             until_ms < now_ms || until_ms - now_ms > OVERLAP_MAX_MS))
        return admin_fail(job, EXIT_BAD_DATA,
                          "--overlap %s: a time of up to 30d was expected, as 24h", text.p);
    *ms = until_ms - now_ms;
    return 0;
}

int admin_client_roll(struct admin_job *job)
{
    struct client c = {0};
    char token[TOKEN_LENGTH + 1];
    unsigned char hash[TOKEN_HASH_BYTES];
    int64_t overlap_ms = 0;
    int code = find_one(job, "roll", &c);
    if (code || (code = read_overlap(job, &overlap_ms)) ||
        (code = admin_client_token(job, token, hash)))
        return code;
    const struct rights *r = rights_retain(session_rights(job->session)); /* c's texts are its */
    enum admin_result result = session_rotate_client(job->session, c.id, hash, overlap_ms);
    if (result == ADMIN_OK)
        admin_client_put_token(job, &c, token);
    else
        code = admin_failed(job, result, "the client");
    rights_release(r);
    OPENSSL_cleanse(token, sizeof(token));
    return code;
}

int admin_client_revoke(struct admin_job *job)
{
    struct client c = {0};
    int code = find_one(job, "revoke", &c);
    return code ? code
                : done(job, session_revoke_client(job->session, c.id, true),
                       "revoked; its token is refused from the next request on");
}

int admin_client_reactivate(struct admin_job *job)
{
    struct client c = {0};
    int code = find_one(job, "reactivate", &c);
    return code ? code
                : done(job, session_revoke_client(job->session, c.id, false),
                       "reactivated; its token is good again");
}

int admin_client_delete(struct admin_job *job)
{
    struct client c = {0};
    int code = find_one(job, "delete", &c);
    return code ? code
                : done(job, session_remove_client(job->session, c.id),
                       "deleted; its token is refused from the next request on");
}
