/*
 * store_sqlite_admin.c - teams, sites, clients and grants: the snapshot of them, and changing them.
 */
#include "server/store_sqlite_impl.h"

#include "server/store_admin.h"
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

static int read_team(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    (void)db;
    struct team team = {.id = sqlite3_column_int64(row, 0), .name = column_str(row, 1)};
    return rights_add_team(b, &team);
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
    if (status == 0 && buf_reserve(&text, MAX_ALIASES * 256)) {
        sqlite3_bind_int64(row, 1, site->id);
        bind_str(row, 2, site->domain);
        while (sqlite3_step(row) == SQLITE_ROW) {
            struct str host = column_str(row, 0);
            aliases[site->n_aliases++] = (struct str){text.p + text.n, host.n};
            buf_put_str(&text, host);
        }
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
    struct str uuid = column_str(row, 1);
    struct site site = {.id = sqlite3_column_int64(row, 0),
                        .domain = column_str(row, 2),
                        .team = sqlite3_column_int64(row, 3),
                        .retention_days = (unsigned)sqlite3_column_int64(row, 4),
                        .created_ms = sqlite3_column_int64(row, 5)};
    if (uuid.n != sizeof(site.uuid))
        return -1;
    memcpy(site.uuid, uuid.p, uuid.n);
    uuid_format(site.uuid, site.uuid_text);
    return read_aliases(db, b, &site);
}

static int read_client(sqlite3 *db, sqlite3_stmt *row, struct rights_builder *b)
{
    (void)db;
    struct hash128 half[2];
    struct str hash = column_str(row, 3);
    struct client client = {.id = sqlite3_column_int64(row, 0),
                            .name = column_str(row, 1),
                            .team = sqlite3_column_int64(row, 2),
                            .expires_ms = sqlite3_column_type(row, 4) == SQLITE_NULL
                                              ? INT64_MAX
                                              : sqlite3_column_int64(row, 4),
                            .revoked = sqlite3_column_type(row, 5) != SQLITE_NULL,
                            .created_ms = sqlite3_column_int64(row, 6)};
    if (hash.n != 64 || !hash128_parse(str_slice(hash, 0, 32), &half[0]) ||
        !hash128_parse(str_slice(hash, 32, 64), &half[1]))
        return -1;
    memcpy(client.token_hash, half, sizeof(client.token_hash));
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
        {"SELECT id, name FROM teams", read_team},
        {"SELECT id, uuid, domain, team, retention_days, created FROM sites", read_site},
        {"SELECT id, name, team, token_hash, expires, revoked, created FROM clients", read_client},
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

static enum admin_result added(struct store_session *session, int status, int64_t *id)
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
    return added(session,
                 sql_run_text(e, "INSERT INTO teams(uuid, name, created) VALUES(?1, ?2, ?3)", "bsi",
                              bytes, 16, name, e->now_ms),
                 id);
}

enum admin_result session_add_owner(struct store_session *session, struct str name, int64_t team)
{
    struct engine *e = session->engine;
    unsigned char uuid[16];
    const void *bytes = uuid;
    int64_t id = 0;
    if (uuid_generate(uuid))
        return ADMIN_FAILED;
    enum admin_result result =
        added(session,
              sql_run_text(e, "INSERT INTO users(uuid, name, created) VALUES(?1, ?2, ?3)", "bsi",
                           bytes, 16, name, e->now_ms),
              &id);
    if (result != ADMIN_OK)
        return result;
    return session_changed(
        session, sql_run_text(e, "INSERT INTO members(team, user, role) VALUES(?1, ?2, 'owner')",
                              "ii", team, id));
}

enum admin_result session_add_alias(struct store_session *session, int64_t site, struct str host)
{
    return session_changed(
        session, sql_run_text(session->engine, "INSERT INTO site_hosts(host, site) VALUES(?1, ?2)",
                              "si", host, site));
}

enum admin_result session_remove_alias(struct store_session *session, int64_t site, struct str host)
{
    return session_changed(session,
                           sql_run_text(session->engine,
                                        "DELETE FROM site_hosts WHERE host = ?1 AND site = ?2"
                                        " AND host NOT IN (SELECT domain FROM sites)",
                                        "si", host, site));
}

enum admin_result session_add_site(struct store_session *session, const struct new_site *site,
                                   int64_t *id)
{
    struct engine *e = session->engine;
    unsigned char uuid[16];
    const void *bytes = uuid;
    if (uuid_generate(uuid))
        return ADMIN_FAILED;
    enum admin_result result =
        added(session,
              sql_run_text(e,
                           "INSERT INTO sites(uuid, team, domain, retention_days, created)"
                           " VALUES(?1, ?2, ?3, ?4, ?5)",
                           "bisii", bytes, 16, site->team, site->domain,
                           (int64_t)site->retention_days, e->now_ms),
              id);
    return result == ADMIN_OK ? session_add_alias(session, *id, site->domain) : result;
}

enum admin_result session_add_client(struct store_session *session, const struct new_client *client,
                                     int64_t *id)
{
    struct engine *e = session->engine;
    unsigned char uuid[16];
    const void *bytes = uuid;
    struct buf hash;
    buf_init(&hash, 64);
    buf_put_hex(&hash, client->token_hash, TOKEN_HASH_BYTES);
    enum admin_result result = ADMIN_FAILED;
    bool for_ever = client->expires_ms == INT64_MAX;
    if (!hash.failed && uuid_generate(uuid) == 0)
        result = added(session,
                       sql_run_text(e,
                                    "INSERT INTO clients(uuid, team, name, token_hash, created,"
                                    " expires) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                                    for_ever ? "bissin" : "bissii", bytes, 16, client->team,
                                    client->name, buf_str(&hash), e->now_ms, client->expires_ms),
                       id);
    buf_release(&hash);
    return result;
}

enum admin_result session_revoke_client(struct store_session *session, int64_t client)
{
    struct engine *e = session->engine;
    return session_changed(
        session, sql_run_text(e, "UPDATE clients SET revoked = coalesce(revoked, ?2) WHERE id = ?1",
                              "ii", client, e->now_ms));
}

enum admin_result session_grant(struct store_session *session, const struct grant *grant)
{
    struct engine *e = session->engine;
    return session_changed(session,
                           sql_run_text(e,
                                        "INSERT OR REPLACE INTO grants(client, site, role, created)"
                                        " VALUES(?1, ?2, ?3, ?4)",
                                        "iisi", grant->client, grant->site,
                                        str_of(role_name(grant->role)), e->now_ms));
}

enum admin_result session_ungrant(struct store_session *session, int64_t client, int64_t site)
{
    return session_changed(
        session, sql_run_text(session->engine, "DELETE FROM grants WHERE client = ?1 AND site = ?2",
                              "ii", client, site));
}
