/*
 * store_sqlite_people.c - changing users, and what they are in teams and on sites.
 */
#include "server/store_sqlite_session.h"

#include "server/uuid.h"

/* 1 or 0: does the query, of two numbers, give a row? -1: failed. */
static int holds(struct engine *e, const char *text, int64_t a, int64_t b)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(e->db, text, -1, &row, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, a);
        sqlite3_bind_int64(row, 2, b);
        code = sqlite3_step(row);
    }
    sqlite3_finalize(row);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : -1;
}

/* ---- users -------------------------------------------------------------------------------- */

/* ADMIN_OK: some other user may change everything, or this one could not anyway. */
static enum admin_result others_own_server(struct store_session *session, int64_t user)
{
    int held = holds(session->engine,
                     "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND"
                     " instance_role = 'owner' AND disabled IS NULL AND removed IS NULL) OR"
                     " EXISTS (SELECT 1 FROM users WHERE id <> ?1 AND instance_role = 'owner'"
                     " AND disabled IS NULL AND removed IS NULL)",
                     user, 0);
    return held < 0 ? ADMIN_FAILED : held ? ADMIN_OK : ADMIN_LAST_OWNER;
}

enum admin_result session_add_user(struct store_session *session, const struct new_user *user,
                                   int64_t *id)
{
    struct engine *e = session->engine;
    unsigned char uuid[16];
    const void *bytes = uuid;
    if (uuid_generate(uuid))
        return ADMIN_FAILED;
    enum admin_result result = session_added(
        session,
        sql_run_text(e,
                     "INSERT INTO users(uuid, name, email, password, instance_role,"
                     " created, family) VALUES(?1, ?2, lower(?3), ?4, ?5, ?6, ?7)",
                     "bssssis", bytes, 16, user->name, user->email, user->password_hash,
                     str_of(instance_role_name(user->instance_role)), e->now_ms, user->family),
        id);
    return session_noted(session, result, "user.created", AUDIT_USER, *id,
                         str_of(instance_role_name(user->instance_role)));
}

enum admin_result session_set_password(struct store_session *session, int64_t user,
                                       struct str password_hash)
{
    enum admin_result result =
        session_changed(session, sql_run_text(session->engine,
                                              "UPDATE users SET password = ?2,"
                                              " login_epoch = login_epoch + 1"
                                              " WHERE id = ?1 AND removed IS NULL",
                                              "is", user, password_hash));
    return session_noted(session, result, "user.password_set", AUDIT_USER, user, STR_NONE);
}

enum admin_result session_set_email(struct store_session *session, int64_t user, struct str email)
{
    enum admin_result result =
        session_changed(session, sql_run_text(session->engine,
                                              "UPDATE users SET email = lower(?2)"
                                              " WHERE id = ?1 AND removed IS NULL",
                                              "is", user, email));
    return session_noted(session, result, "user.email_set", AUDIT_USER, user, STR_NONE);
}

/* One person's name may not be another's address: either finds somebody (rights_user_by_login). */
static bool is_of_other(const struct rights *r, int64_t user, struct str login)
{
    const struct user *found = str_is_set(login) ? rights_user_by_login(r, login) : NULL;
    return found && found->id != user;
}

static bool same_text(struct str a, struct str b)
{
    return str_is_set(a) == str_is_set(b) && (!str_is_set(a) || str_eq(a, b));
}

enum admin_result session_set_profile(struct store_session *session, int64_t user,
                                      const struct new_user *profile)
{
    const struct rights *r = session_rights(session);
    const struct user *now = r ? rights_user_by_id(r, user) : NULL;
    if (!now)
        return r ? ADMIN_NONE : ADMIN_FAILED;
    bool new_name = !str_eq(now->name, profile->name),
         new_email = !str_is_set(profile->email) != !str_is_set(now->email) ||
                     (str_is_set(now->email) && !str_eq_nocase(now->email, profile->email));
    if (!new_name && !new_email && same_text(now->family, profile->family))
        return ADMIN_OK;
    if (is_of_other(r, user, profile->name) || is_of_other(r, user, profile->email))
        return ADMIN_TAKEN;
    enum admin_result result = session_changed(
        session, sql_run_text(session->engine,
                              "UPDATE users SET name = ?2, email = lower(?3),"
                              " family = ?4 WHERE id = ?1 AND removed IS NULL",
                              "isss", user, profile->name, profile->email, profile->family));
    return session_noted(session, result, "user.profile_set", AUDIT_USER, user,
                         new_email && new_name ? STR("email name")
                         : new_email           ? STR("email")
                                               : STR("name"));
}

enum admin_result session_set_instance_role(struct store_session *session, int64_t user,
                                            enum instance_role role)
{
    enum admin_result result = role == INSTANCE_OWNER ? ADMIN_OK : others_own_server(session, user);
    if (result == ADMIN_OK)
        result = session_changed(session,
                                 sql_run_text(session->engine,
                                              "UPDATE users SET instance_role = ?2 WHERE id = ?1"
                                              " AND removed IS NULL",
                                              "is", user, str_of(instance_role_name(role))));
    return session_noted(session, result, "user.role_set", AUDIT_USER, user,
                         str_of(instance_role_name(role)));
}

enum admin_result session_disable_user(struct store_session *session, int64_t user, bool disabled)
{
    struct engine *e = session->engine;
    enum admin_result result = disabled ? others_own_server(session, user) : ADMIN_OK;
    if (result == ADMIN_OK)
        result = session_changed(
            session,
            sql_run_text(e,
                         "UPDATE users SET disabled = CASE ?2 WHEN 0 THEN NULL"
                         " ELSE coalesce(disabled, ?2) END,"
                         " login_epoch = login_epoch + 1 WHERE id = ?1 AND removed IS NULL",
                         "ii", user, disabled ? e->now_ms : 0));
    return session_noted(session, result, disabled ? "user.disabled" : "user.enabled", AUDIT_USER,
                         user, STR_NONE);
}

/* The same for all teams at once; one that is archived needs nobody. */
static enum admin_result others_own_teams(struct store_session *session, int64_t user)
{
    int alone = holds(session->engine,
                      "SELECT 1 FROM members m WHERE user = ?1 AND role = 'owner'"
                      " AND team IN (SELECT id FROM teams WHERE archived IS NULL) AND NOT EXISTS"
                      " (SELECT 1 FROM members o WHERE o.team = m.team AND o.user <> ?1"
                      " AND o.role = 'owner')",
                      user, 0);
    return alone < 0 ? ADMIN_FAILED : alone ? ADMIN_LAST_OWNER : ADMIN_OK;
}

enum admin_result session_remove_user(struct store_session *session, int64_t user)
{
    static const char *const texts[] = {
        "DELETE FROM grants WHERE client IN (SELECT id FROM clients WHERE user = ?1)",
        "DELETE FROM clients WHERE user = ?1",
        "DELETE FROM site_roles WHERE user = ?1",
        "DELETE FROM members WHERE user = ?1",
        "UPDATE sites SET owner = NULL WHERE owner = ?1",
    };
    struct engine *e = session->engine;
    enum admin_result result = others_own_server(session, user);
    if (result == ADMIN_OK)
        result = others_own_teams(session, user);
    result = session_noted(session, result, "user.deleted", AUDIT_USER, user, STR_NONE);
    if (result != ADMIN_OK)
        return result;
    if (sql_run_each(e, texts, COUNT_OF(texts), user))
        return ADMIN_FAILED;
    return session_changed(
        session, sql_run_text(e,
                              "UPDATE users SET removed = ?2,"
                              " name = " NAME_OF_NOBODY(
                                  "users") ","
                                           " family = NULL, email = NULL, password = NULL,"
                                           " instance_role = 'user'"
                                           " WHERE id = ?1 AND removed IS NULL",
                              "ii", user, e->now_ms));
}

/* ---- members ------------------------------------------------------------------------------ */

static enum admin_result others_own_team(struct store_session *session, int64_t team, int64_t user)
{
    int held = holds(session->engine,
                     "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM members WHERE team = ?1 AND"
                     " user = ?2 AND role = 'owner') OR EXISTS (SELECT 1 FROM members WHERE"
                     " team = ?1 AND user <> ?2 AND role = 'owner')",
                     team, user);
    return held < 0 ? ADMIN_FAILED : held ? ADMIN_OK : ADMIN_LAST_OWNER;
}

/* "NAME" or "NAME=ROLE", for the log. */
static struct str put_detail(struct store_session *session, int64_t user, const char *role,
                             struct buf *out)
{
    const struct rights *r = session_rights(session);
    const struct user *u = r ? rights_user_by_id(r, user) : NULL;
    buf_put_str(out, u ? u->name : STR("?"));
    if (role)
        buf_printf(out, "=%s", role);
    return buf_str(out);
}

enum admin_result session_set_member(struct store_session *session, const struct member *member)
{
    struct buf detail;
    const char *role = team_role_name(member->role);
    enum admin_result result = member->role == TEAM_OWNER
                                   ? ADMIN_OK
                                   : others_own_team(session, member->team, member->user);
    if (result == ADMIN_OK)
        result =
            session_changed(session, sql_run_text(session->engine,
                                                  "INSERT OR REPLACE INTO members(team, user, role)"
                                                  " SELECT ?1, id, ?3 FROM users WHERE id = ?2"
                                                  " AND removed IS NULL",
                                                  "iis", member->team, member->user, str_of(role)));
    buf_init(&detail, 1024);
    if (result == ADMIN_OK)
        result = session_audit(session, "team.member_set", AUDIT_TEAM, member->team,
                               put_detail(session, member->user, role, &detail));
    buf_release(&detail);
    return result;
}

enum admin_result session_remove_member(struct store_session *session, int64_t team, int64_t user)
{
    struct engine *e = session->engine;
    struct buf detail;
    enum admin_result result = others_own_team(session, team, user);
    if (result == ADMIN_OK)
        result = session_changed(
            session,
            sql_run_text(e, "DELETE FROM members WHERE team = ?1 AND user = ?2", "ii", team, user));
    buf_init(&detail, 1024);
    if (result == ADMIN_OK)
        result = session_audit(session, "team.member_removed", AUDIT_TEAM, team,
                               put_detail(session, user, NULL, &detail));
    buf_release(&detail);
    if (result != ADMIN_OK)
        return result;
    int status =
        sql_run_text(e,
                     "DELETE FROM site_roles WHERE user = ?2"
                     " AND site IN (SELECT id FROM sites WHERE team = ?1)",
                     "ii", team, user) ||
        sql_run_text(e,
                     "DELETE FROM grants WHERE client IN (SELECT id FROM clients WHERE user = ?2)"
                     " AND site IN (SELECT id FROM sites WHERE team = ?1)",
                     "ii", team, user);
    session_changed(session, status);
    return status ? ADMIN_FAILED : ADMIN_OK;
}

/* ---- roles on sites ----------------------------------------------------------------------- */

enum admin_result session_set_site_role(struct store_session *session, const struct site_role *role)
{
    struct engine *e = session->engine;
    struct buf detail;
    bool take = role->role == ROLE_NONE;
    int status = take ? sql_run_text(e, "DELETE FROM site_roles WHERE site = ?1 AND user = ?2",
                                     "ii", role->site, role->user)
                      : sql_run_text(e,
                                     "INSERT OR REPLACE INTO site_roles(site, user, role)"
                                     " SELECT s.id, m.user, ?3 FROM sites s JOIN members m"
                                     " ON m.team = s.team AND m.user = ?2 WHERE s.id = ?1",
                                     "iis", role->site, role->user, str_of(role_name(role->role)));
    enum admin_result result = session_changed(session, status);
    buf_init(&detail, 1024);
    if (result == ADMIN_OK)
        result = session_audit(
            session, take ? "site.role_removed" : "site.role_set", AUDIT_SITE, role->site,
            put_detail(session, role->user, take ? NULL : role_name(role->role), &detail));
    buf_release(&detail);
    return result;
}
