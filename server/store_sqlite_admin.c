/*
 * store_sqlite_admin.c - the snapshot of people, teams, sites, clients and grants; and changing
 * teams and sites.
 */
#include "server/store_sqlite_session.h"

#include "server/uuid.h"

/* ---- reading the snapshot ----------------------------------------------------------------- */

typedef int read_row(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b);

static int read_rows(sqlite3 *db, const char *text, read_row *read, struct rights_builder *b)
{
    sqlite3_stmt *row = NULL;
    int status = sqlite3_prepare_v2(db, text, -1, &row, NULL) == SQLITE_OK ? 0 : -1;
    int code = SQLITE_DONE;
    while (status == 0 && (code = sqlite3_step(row)) == SQLITE_ROW)
        status = read(db, row, b);
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? status : -1;
}

static int read_uuid(sqlite3_stmt *row, int column, unsigned char uuid[16], char text[37])
{
    struct str bytes = column_str(row, column);
    if (bytes.n != 16)
        return -1;
    memcpy(uuid, bytes.p, bytes.n);
    uuid_format(uuid, text);
    return 0;
}

static int read_team(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    (void)db;
    struct team team = {.id = sqlite3_column_int64(row, 0),
                        .name = column_str(row, 2),
                        .created_ms = sqlite3_column_int64(row, 3),
                        .archived_ms = sqlite3_column_int64(row, 4)};
    return read_uuid(row, 1, team.uuid, team.uuid_text) ? -1 : rights_add_team(b, &team);
}

static int read_user(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    (void)db;
    struct user user = {.id = sqlite3_column_int64(row, 0),
                        .name = column_str(row, 2),
                        .email = column_str(row, 3),
                        .password_hash = column_str(row, 4),
                        .login_epoch = sqlite3_column_int64(row, 5),
                        .created_ms = sqlite3_column_int64(row, 7),
                        .disabled_ms = sqlite3_column_int64(row, 8),
                        .family = column_str(row, 9)};
    /* A role that this version does not know allows nothing; so below, too. */
    if (!instance_role_parse(column_str(row, 6), &user.instance_role))
        user.instance_role = INSTANCE_USER;
    return read_uuid(row, 1, user.uuid, user.uuid_text) ? -1 : rights_add_user(b, &user);
}

static int read_member(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    (void)db;
    struct member member = {.team = sqlite3_column_int64(row, 0),
                            .user = sqlite3_column_int64(row, 1)};
    if (!team_role_parse(column_str(row, 2), &member.role))
        member.role = TEAM_NONE;
    return rights_add_member(b, &member);
}

static int read_site_role(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    (void)db;
    struct site_role role = {.site = sqlite3_column_int64(row, 0),
                             .user = sqlite3_column_int64(row, 1)};
    if (!role_parse(column_str(row, 2), &role.role))
        role.role = ROLE_NONE;
    return rights_add_site_role(b, &role);
}

#define MAX_ALIASES 1000

static int read_aliases(sqlite3 *db, struct rights_builder *b, struct site *site)
{
    struct str aliases[MAX_ALIASES];
    struct buf text;
    sqlite3_stmt *row = NULL;
    int status = sqlite3_prepare_v2(db,
                                    "SELECT host FROM site_hosts WHERE site = ?1 AND host <> ?2"
                                    " ORDER BY host LIMIT 1000",
                                    -1, &row, NULL) == SQLITE_OK
                     ? 0
                     : -1;
    buf_init(&text, MAX_ALIASES * 256);
    if (status == 0) {
        sqlite3_bind_int64(row, 1, site->id);
        bind_str(row, 2, site->domain);
        while (sqlite3_step(row) == SQLITE_ROW) {
            struct str host = column_str(row, 0);
            aliases[site->n_aliases++].n = host.n;
            buf_put_str(&text, host);
        }
        const char *at = text.p; /* which moved while it grew */
        for (size_t i = 0; !text.failed && i < site->n_aliases; at += aliases[i++].n)
            aliases[i].p = at;
        site->aliases = aliases;
    }
    status = status || text.failed ? -1 : rights_add_site(b, site);
    site->aliases = NULL; /* they were borrowed from here */
    site->n_aliases = 0;
    sqlite3_finalize(row);
    buf_release(&text);
    return status;
}

static int read_site(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    struct site site = {.id = sqlite3_column_int64(row, 0),
                        .domain = column_str(row, 2),
                        .team = sqlite3_column_int64(row, 3),
                        .retention_days = (unsigned)sqlite3_column_int64(row, 4),
                        .created_ms = sqlite3_column_int64(row, 5),
                        .owner = sqlite3_column_int64(row, 6),
                        .time_zone = column_str(row, 7)};
    return read_uuid(row, 1, site.uuid, site.uuid_text) ? -1 : read_aliases(db, b, &site);
}

static int read_hash(struct str text, unsigned char hash[TOKEN_HASH_BYTES])
{
    struct hash128 half[2];
    if (text.n != 64 || !hash128_parse(str_slice(text, 0, 32), &half[0]) ||
        !hash128_parse(str_slice(text, 32, 64), &half[1]))
        return -1;
    memcpy(hash, half, TOKEN_HASH_BYTES);
    return 0;
}

static int read_client(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    (void)db;
    struct client client = {.id = sqlite3_column_int64(row, 0),
                            .name = column_str(row, 2),
                            .description = column_str(row, 3),
                            .team = sqlite3_column_int64(row, 4),
                            .user = sqlite3_column_int64(row, 5),
                            .created_by = sqlite3_column_int64(row, 6),
                            .old_until_ms = sqlite3_column_int64(row, 10),
                            .expires_ms = sqlite3_column_type(row, 11) == SQLITE_NULL
                                              ? INT64_MAX
                                              : sqlite3_column_int64(row, 11),
                            .revoked_ms = sqlite3_column_int64(row, 12),
                            .last_used_ms = sqlite3_column_int64(row, 13),
                            .created_ms = sqlite3_column_int64(row, 14),
                            .updated_ms = sqlite3_column_int64(row, 15)};
    if (!instance_role_parse(column_str(row, 7), &client.instance_role))
        client.instance_role = INSTANCE_USER;
    if (read_uuid(row, 1, client.uuid, client.uuid_text) ||
        read_hash(column_str(row, 8), client.token_hash) ||
        (client.old_until_ms && read_hash(column_str(row, 9), client.old_token_hash)))
        return -1;
    return rights_add_client(b, &client);
}

static int read_grant(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    (void)db;
    struct grant grant = {.client = sqlite3_column_int64(row, 0),
                          .site = sqlite3_column_int64(row, 1)};
    /* A role that this version does not know grants nothing. */
    if (!role_parse(column_str(row, 2), &grant.role))
        grant.role = ROLE_NONE;
    return rights_add_grant(b, &grant);
}

struct rights *rights_read(sqlite3 *db)
{
    static const struct {
        const char *text;
        read_row *read;
    } parts[] = {
        {"SELECT id, uuid, name, created, archived FROM teams WHERE removed IS NULL", read_team},
        {"SELECT id, uuid, name, email, password, login_epoch, instance_role, created, disabled,"
         " family FROM users WHERE removed IS NULL",
         read_user},
        {"SELECT team, user, role FROM members", read_member},
        {"SELECT id, uuid, domain, team, retention_days, created, owner, time_zone FROM sites"
         " WHERE removed IS NULL",
         read_site},
        {"SELECT site, user, role FROM site_roles", read_site_role},
        {"SELECT id, uuid, name, description, team, user, created_by, instance_role, token_hash,"
         " old_token_hash, old_until, expires, revoked, last_used, created, updated FROM clients",
         read_client},
        {"SELECT client, site, role FROM grants", read_grant},
    };
    struct rights_builder *b = rights_builder_new();
    struct exclusions *exclusions = b ? exclusions_read(db) : NULL;
    int status = exclusions ? 0 : -1;
    if (exclusions)
        rights_take_exclusions(b, exclusions);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && status == 0; i++)
        status = read_rows(db, parts[i].text, parts[i].read, b);
    struct rights *r = status == 0 ? rights_build(b) : NULL;
    rights_builder_free(b);
    return r;
}

struct rights *engine_rights(struct engine *e)
{
    return rights_read(e->db);
}

const struct rights *session_rights(struct store_session *session)
{
    if (!session->rights)
        session->rights = engine_rights(session->engine);
    return session->rights;
}

void session_act_for(struct store_session *session, int64_t user)
{
    session->actor = user;
    session->acting_client = 0;
}

void session_act_for_client(struct store_session *session, int64_t client)
{
    session->actor = 0;
    session->acting_client = client;
}

/* ---- changing ----------------------------------------------------------------------------- */

enum admin_result session_changed(struct store_session *session, int status)
{
    int code = sqlite3_extended_errcode(session->engine->db);
    rights_release(session->rights);
    session->rights = NULL;
    if (status != 0 && (code & 0xff) == SQLITE_CONSTRAINT)
        return ADMIN_TAKEN;
    if (status != 0)
        return ADMIN_FAILED;
    return sqlite3_changes(session->engine->db) > 0 ? ADMIN_OK : ADMIN_NONE;
}

enum admin_result session_added(struct store_session *session, int status, int64_t *id)
{
    enum admin_result result = session_changed(session, status);
    if (result == ADMIN_OK)
        *id = sqlite3_last_insert_rowid(session->engine->db);
    return result;
}

enum admin_result session_add_team(struct store_session *session, struct str name, int64_t *id)
{
    struct engine *e = session->engine;
    unsigned char uuid[16];
    const void *bytes = uuid;
    if (uuid_generate(uuid))
        return ADMIN_FAILED;
    enum admin_result result =
        session_added(session,
                      sql_run_text(e, "INSERT INTO teams(uuid, name, created) VALUES(?1, ?2, ?3)",
                                   "bsi", bytes, 16, name, e->now_ms),
                      id);
    return session_noted(session, result, "team.created", AUDIT_TEAM, *id, STR_NONE);
}

enum admin_result session_rename_team(struct store_session *session, int64_t team, struct str name)
{
    enum admin_result result = session_changed(
        session, sql_run_text(session->engine,
                              "UPDATE teams SET name = ?2 WHERE id = ?1 AND removed IS NULL", "is",
                              team, name));
    return session_noted(session, result, "team.renamed", AUDIT_TEAM, team, STR_NONE);
}

enum admin_result session_archive_team(struct store_session *session, int64_t team, bool archived)
{
    struct engine *e = session->engine;
    enum admin_result result = session_changed(
        session, archived ? sql_run_text(e,
                                         "UPDATE teams SET archived = coalesce(archived, ?2)"
                                         " WHERE id = ?1 AND removed IS NULL",
                                         "ii", team, e->now_ms)
                          : sql_run_text(e,
                                         "UPDATE teams SET archived = NULL WHERE id = ?1"
                                         " AND removed IS NULL",
                                         "i", team));
    return session_noted(session, result, archived ? "team.archived" : "team.reopened", AUDIT_TEAM,
                         team, STR_NONE);
}

static enum admin_result add_host(struct store_session *session, int64_t site, struct str host)
{
    return session_changed(session, sql_run_text(session->engine,
                                                 "INSERT INTO site_hosts(host, site)"
                                                 " VALUES(?1, ?2)",
                                                 "si", host, site));
}

enum admin_result session_add_alias(struct store_session *session, int64_t site, struct str host)
{
    return session_noted(session, add_host(session, site, host), "site.alias_added", AUDIT_SITE,
                         site, host);
}

enum admin_result session_remove_alias(struct store_session *session, int64_t site, struct str host)
{
    enum admin_result result =
        session_changed(session, sql_run_text(session->engine,
                                              "DELETE FROM site_hosts WHERE host = ?1 AND site = ?2"
                                              " AND host NOT IN (SELECT domain FROM sites)",
                                              "si", host, site));
    return session_noted(session, result, "site.alias_removed", AUDIT_SITE, site, host);
}

enum admin_result session_add_site(struct store_session *session, const struct new_site *site,
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
                     "INSERT INTO sites(uuid, team, domain, retention_days, created, owner)"
                     " VALUES(?1, ?2, ?3, ?4, ?5, nullif(?6, 0))",
                     "bisiii", bytes, 16, site->team, site->domain, (int64_t)site->retention_days,
                     e->now_ms, site->owner),
        id);
    if (result == ADMIN_OK)
        result = add_host(session, *id, site->domain);
    return session_noted(session, result, "site.created", AUDIT_SITE, *id, STR_NONE);
}

enum admin_result session_rename_site(struct store_session *session, int64_t site,
                                      struct str domain)
{
    struct engine *e = session->engine;
    if (sql_run_text(e,
                     "DELETE FROM site_hosts WHERE host = (SELECT domain FROM sites WHERE id = ?1)",
                     "i", site) ||
        sql_run_text(e, "DELETE FROM site_hosts WHERE host = ?2 AND site = ?1", "is", site, domain))
        return ADMIN_FAILED;
    enum admin_result result = add_host(session, site, domain);
    if (result == ADMIN_OK)
        result = session_changed(
            session,
            sql_run_text(e, "UPDATE sites SET domain = ?2 WHERE id = ?1 AND removed IS NULL", "is",
                         site, domain));
    return session_noted(session, result, "site.renamed", AUDIT_SITE, site, STR_NONE);
}

enum admin_result session_move_site(struct store_session *session, int64_t site, int64_t team)
{
    enum admin_result result = session_changed(
        session, sql_run_text(session->engine,
                              "UPDATE sites SET team = ?2 WHERE id = ?1 AND removed IS NULL"
                              " AND EXISTS (SELECT 1 FROM teams WHERE id = ?2 AND removed IS NULL)",
                              "ii", site, team));
    return session_noted(session, result, "site.moved", AUDIT_SITE, site, STR_NONE);
}

enum admin_result session_set_time_zone(struct store_session *session, int64_t site,
                                        struct str name)
{
    enum admin_result result = session_changed(
        session, sql_run_text(session->engine, "UPDATE sites SET time_zone = ?2 WHERE id = ?1",
                              "is", site, name));
    return session_noted(session, result, "site.time_zone_set", AUDIT_SITE, site, name);
}

enum admin_result session_remove_site(struct store_session *session, int64_t site)
{
    static const char *const texts[] = {
        "DELETE FROM site_hosts WHERE site = ?1",
        "DELETE FROM site_roles WHERE site = ?1",
        "DELETE FROM grants WHERE site = ?1",
        "DELETE FROM exclusions WHERE site = ?1",
    };
    struct engine *e = session->engine;
    enum admin_result result = session_audit(session, "site.deleted", AUDIT_SITE, site, STR_NONE);
    if (result != ADMIN_OK)
        return result;
    if (sql_run_each(e, texts, COUNT_OF(texts), site))
        return ADMIN_FAILED;
    return session_changed(session, sql_run_text(e,
                                                 "UPDATE sites SET removed = ?2, owner = NULL,"
                                                 " domain = '#' || id WHERE id = ?1",
                                                 "ii", site, e->now_ms));
}

/* 0: it has none; -1: failed. */
static int64_t a_site_of(struct engine *e, int64_t team)
{
    sqlite3_stmt *row = NULL;
    int64_t site = -1;
    if (sqlite3_prepare_v2(e->db, "SELECT min(id) FROM sites WHERE team = ?1 AND removed IS NULL",
                           -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, team);
        if (sqlite3_step(row) == SQLITE_ROW)
            site = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    return site;
}

enum admin_result session_clear_team(struct store_session *session, int64_t team)
{
    int64_t site;
    while ((site = a_site_of(session->engine, team)) > 0)
        if (session_remove_site(session, site) != ADMIN_OK)
            return ADMIN_FAILED;
    return site < 0 ? ADMIN_FAILED : ADMIN_OK;
}

enum admin_result session_remove_team(struct store_session *session, int64_t team)
{
    static const char *const texts[] = {
        "DELETE FROM grants WHERE client IN (SELECT id FROM clients WHERE team = ?1)",
        "DELETE FROM clients WHERE team = ?1",
        "DELETE FROM members WHERE team = ?1",
        "DELETE FROM exclusions WHERE team = ?1",
    };
    struct engine *e = session->engine;
    enum admin_result result = session_clear_team(session, team);
    result = session_noted(session, result, "team.deleted", AUDIT_TEAM, team, STR_NONE);
    if (result != ADMIN_OK)
        return result;
    if (sql_run_each(e, texts, COUNT_OF(texts), team))
        return ADMIN_FAILED;
    return session_changed(session, sql_run_text(e,
                                                 "UPDATE teams SET removed = ?2,"
                                                 " name = " NAME_OF_NOBODY(
                                                     "teams") ","
                                                              " archived = coalesce(archived, ?2)"
                                                              " WHERE id = ?1 AND removed IS NULL",
                                                 "ii", team, e->now_ms));
}
