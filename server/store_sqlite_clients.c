/*
 * store_sqlite_clients.c - changing API clients and their grants.
 */
#include "server/store_sqlite_session.h"

#include "server/uuid.h"

/* As 64 digits; the buffer is the caller's to release. -1 without memory. */
static int put_hash(struct buf *out, const unsigned char hash[TOKEN_HASH_BYTES])
{
    buf_init(out, 64);
    buf_put_hex(out, hash, TOKEN_HASH_BYTES);
    return out->failed ? -1 : 0;
}

static enum admin_result put_grant(struct store_session *session, const struct grant *grant)
{
    struct engine *e = session->engine;
    return session_changed(session,
                           sql_run_text(e,
                                        "INSERT OR REPLACE INTO grants(client, site, role, created)"
                                        " VALUES(?1, ?2, ?3, ?4)",
                                        "iisi", grant->client, grant->site,
                                        str_of(role_name(grant->role)), e->now_ms));
}

static enum admin_result put_grants(struct store_session *session, int64_t client,
                                    const struct client_fields *fields)
{
    enum admin_result result = ADMIN_OK;
    for (size_t i = 0; i < fields->n_grants && result == ADMIN_OK; i++) {
        struct grant grant = fields->grants[i];
        grant.client = client;
        result = put_grant(session, &grant);
    }
    return result;
}

enum admin_result session_add_client(struct store_session *session, const struct new_client *client,
                                     int64_t *id)
{
    const struct client_fields *f = &client->fields;
    struct engine *e = session->engine;
    unsigned char uuid[16];
    const void *bytes = uuid;
    struct buf hash;
    enum admin_result result = ADMIN_FAILED;
    if (put_hash(&hash, client->token_hash) == 0 && uuid_generate(uuid) == 0)
        result = session_added(
            session,
            sql_run_text(e,
                         "INSERT INTO clients(uuid, team, user, created_by, name, description,"
                         " instance_role, token_hash, expires, created, updated) VALUES(?1,"
                         " nullif(?2, 0), nullif(?3, 0), nullif(?4, 0), ?5, ?6, ?7, ?8,"
                         " nullif(?9, 9223372036854775807), ?10, ?10)",
                         "biiissssii", bytes, 16, client->team, client->user, session->actor,
                         f->name, str_is_set(f->description) ? f->description : STR(""),
                         str_of(instance_role_name(f->instance_role)), buf_str(&hash),
                         f->expires_ms, e->now_ms),
            id);
    buf_release(&hash);
    if (result == ADMIN_OK)
        result = put_grants(session, *id, f);
    return session_noted(session, result, "api_client.created", AUDIT_CLIENT, *id, STR_NONE);
}

enum admin_result session_update_client(struct store_session *session, int64_t client,
                                        const struct client_fields *f)
{
    struct engine *e = session->engine;
    enum admin_result result = session_changed(
        session,
        sql_run_text(e,
                     "UPDATE clients SET name = ?2, description = ?3, instance_role = ?4,"
                     " expires = nullif(?5, 9223372036854775807), updated = ?6 WHERE id = ?1",
                     "isssii", client, f->name,
                     str_is_set(f->description) ? f->description : STR(""),
                     str_of(instance_role_name(f->instance_role)), f->expires_ms, e->now_ms));
    if (result != ADMIN_OK)
        return result;
    if (sql_run_text(e, "DELETE FROM grants WHERE client = ?1", "i", client))
        return ADMIN_FAILED;
    return session_noted(session, put_grants(session, client, f), "api_client.updated",
                         AUDIT_CLIENT, client, STR_NONE);
}

enum admin_result session_rotate_client(struct store_session *session, int64_t client,
                                        const unsigned char token_hash[TOKEN_HASH_BYTES],
                                        int64_t overlap_ms)
{
    struct engine *e = session->engine;
    const struct rights *r = session_rights(session);
    const struct client *c = r ? rights_client_by_id(r, client) : NULL;
    struct buf hash;
    enum admin_result result = ADMIN_FAILED;
    if (!c)
        return r ? ADMIN_NONE : ADMIN_FAILED;
    if (client_has_ended(c, e->now_ms))
        return ADMIN_ENDED;
    if (put_hash(&hash, token_hash) == 0)
        result = session_changed(
            session, sql_run_text(e,
                                  "UPDATE clients SET"
                                  " old_token_hash = CASE WHEN ?3 > 0 THEN token_hash END,"
                                  " old_until = CASE WHEN ?3 > 0 THEN ?4 + ?3 END,"
                                  " token_hash = ?2, updated = ?4 WHERE id = ?1",
                                  "isii", client, buf_str(&hash), overlap_ms, e->now_ms));
    buf_release(&hash);
    return session_noted(session, result, "api_client.rotated", AUDIT_CLIENT, client,
                         overlap_ms > 0 ? STR("the token before it is good for a while") : STR(""));
}

enum admin_result session_revoke_client(struct store_session *session, int64_t client, bool revoked)
{
    struct engine *e = session->engine;
    const struct rights *r = session_rights(session);
    const struct client *c = r ? rights_client_by_id(r, client) : NULL;
    if (!c)
        return r ? ADMIN_NONE : ADMIN_FAILED;
    if ((c->revoked_ms != 0) == revoked)
        return ADMIN_OK;
    enum admin_result result = session_changed(
        session, sql_run_text(e,
                              "UPDATE clients SET revoked = nullif(?3, 0), updated = ?2"
                              " WHERE id = ?1",
                              "iii", client, e->now_ms, revoked ? e->now_ms : 0));
    return session_noted(session, result, revoked ? "api_client.revoked" : "api_client.reactivated",
                         AUDIT_CLIENT, client, STR(""));
}

enum admin_result session_remove_client(struct store_session *session, int64_t client)
{
    struct engine *e = session->engine;
    enum admin_result result =
        session_audit(session, "api_client.deleted", AUDIT_CLIENT, client, STR_NONE);
    if (result != ADMIN_OK)
        return result;
    if (sql_run_text(e, "DELETE FROM grants WHERE client = ?1", "i", client))
        return ADMIN_FAILED;
    return session_changed(session,
                           sql_run_text(e, "DELETE FROM clients WHERE id = ?1", "i", client));
}

/* For a change of one grant. */
static enum admin_result touch(struct store_session *session, enum admin_result result,
                               int64_t client)
{
    struct engine *e = session->engine;
    if (result == ADMIN_OK)
        result = session_changed(session,
                                 sql_run_text(e, "UPDATE clients SET updated = ?2 WHERE id = ?1",
                                              "ii", client, e->now_ms));
    return session_noted(session, result, "api_client.updated", AUDIT_CLIENT, client, STR_NONE);
}

enum admin_result session_grant(struct store_session *session, const struct grant *grant)
{
    return touch(session, put_grant(session, grant), grant->client);
}

enum admin_result session_ungrant(struct store_session *session, int64_t client, int64_t site)
{
    enum admin_result result = session_changed(
        session, sql_run_text(session->engine, "DELETE FROM grants WHERE client = ?1 AND site = ?2",
                              "ii", client, site));
    return touch(session, result, client);
}

/* ---- last used ---------------------------------------------------------------------------- */

static int put_use(void *arg, int64_t client, int64_t used_ms)
{
    return sql_run_text(arg, "UPDATE clients SET last_used = ?2 WHERE id = ?1", "ii", client,
                        used_ms);
}

/* A rollback forgets what was written; the next use is written again. */
void engine_put_uses(struct engine *e, const struct rights *rights, int64_t lag_ms)
{
    (void)rights_write_uses(rights, lag_ms, put_use, e);
}
