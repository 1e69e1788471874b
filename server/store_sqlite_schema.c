/*
 * store_sqlite_schema.c - the tables, and how a data base of an older version becomes one of this.
 *
 * To change the schema: append a step to `steps`, never edit one that was released. A step runs in
 * one transaction together with the new user_version, so a crash leaves the version before it.
 */
#include "server/store_sqlite_impl.h"

#include "parsers/base/fault.h"

#define APPLICATION_ID 0x6c667931 /* "lfy1": tells a store from any other SQLite file */

static const char step_1[] =
    "CREATE TABLE teams(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE,"
    "  name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE users(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE,"
    "  name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE members(team INTEGER NOT NULL, user INTEGER NOT NULL, role TEXT NOT NULL,"
    "  PRIMARY KEY(team, user)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sites(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE, team INTEGER NOT NULL,"
    "  domain TEXT NOT NULL UNIQUE, retention_days INTEGER NOT NULL, created INTEGER NOT NULL)"
    "  STRICT;"
    /* The domain and the aliases of every site: what makes a host belong to one site only. */
    "CREATE TABLE site_hosts(host TEXT PRIMARY KEY, site INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE clients(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE,"
    "  team INTEGER NOT NULL, name TEXT NOT NULL, token_hash TEXT NOT NULL UNIQUE,"
    "  expires INTEGER, revoked INTEGER, created INTEGER NOT NULL) STRICT;"
    /* A revoked client leaves its name to the next one. */
    "CREATE UNIQUE INDEX clients_name ON clients(team, name) WHERE revoked IS NULL;"
    "CREATE TABLE grants(client INTEGER NOT NULL, site INTEGER NOT NULL, role TEXT NOT NULL,"
    "  created INTEGER NOT NULL, PRIMARY KEY(client, site)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE streams(id INTEGER PRIMARY KEY, sid BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE lanes(id INTEGER PRIMARY KEY, site INTEGER NOT NULL, stream INTEGER NOT NULL,"
    "  chunk INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,"
    "  UNIQUE(site, stream, chunk)) STRICT;"
    "CREATE TABLE texts(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "CREATE TABLE agents(id INTEGER PRIMARY KEY, name TEXT NOT NULL, operator TEXT NOT NULL,"
    "  category TEXT NOT NULL, UNIQUE(name, operator, category)) STRICT;"
    /* id: see "where a record lies". host, ua, content_type: texts. verified: 1, 0, null. */
    "CREATE TABLE records(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, kind INTEGER NOT NULL,"
    "  at INTEGER NOT NULL, host INTEGER, path TEXT NOT NULL, ua INTEGER, visitor INTEGER,"
    "  agent INTEGER, status INTEGER, content_type INTEGER, response_ms INTEGER, bytes INTEGER,"
    "  verified INTEGER, referrer TEXT, utm_source TEXT, utm_medium TEXT, utm_campaign TEXT,"
    "  utm_term TEXT, utm_content TEXT) STRICT;"
    "CREATE TABLE odd(site INTEGER NOT NULL, stream INTEGER NOT NULL, pos INTEGER NOT NULL,"
    "  hash INTEGER NOT NULL, record INTEGER NOT NULL, PRIMARY KEY(site, stream, pos, hash))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE events(id INTEGER PRIMARY KEY, site INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  name TEXT NOT NULL, properties TEXT NOT NULL, visitor INTEGER) STRICT;"
    "CREATE INDEX events_at ON events(site, at);"

    "CREATE TABLE nodes(id INTEGER PRIMARY KEY, team INTEGER NOT NULL, name TEXT NOT NULL,"
    "  UNIQUE(team, name)) STRICT;"
    "CREATE TABLE batches(team INTEGER NOT NULL, id BLOB NOT NULL, body_hash BLOB NOT NULL,"
    "  node INTEGER NOT NULL, job TEXT, received INTEGER NOT NULL, answer TEXT NOT NULL,"
    "  PRIMARY KEY(team, id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX batches_received ON batches(received);"
    "CREATE TABLE intervals(team INTEGER NOT NULL, node INTEGER NOT NULL,"
    "  stream INTEGER NOT NULL, \"from\" INTEGER NOT NULL, \"to\" INTEGER NOT NULL,"
    "  lines INTEGER NOT NULL, records INTEGER NOT NULL, skipped TEXT NOT NULL, name TEXT,"
    "  job TEXT, received INTEGER NOT NULL, PRIMARY KEY(team, node, stream, \"from\", \"to\"))"
    "  STRICT, WITHOUT ROWID;"
    /* What became of the records of a node, by day of arrival. */
    "CREATE TABLE tallies(node INTEGER NOT NULL, day INTEGER NOT NULL, batches INTEGER NOT NULL,"
    "  stored INTEGER NOT NULL, duplicate INTEGER NOT NULL, excluded INTEGER NOT NULL,"
    "  rejected INTEGER NOT NULL, PRIMARY KEY(node, day)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE day_keys(day INTEGER PRIMARY KEY, key BLOB NOT NULL, used INTEGER NOT NULL)"
    "  STRICT;";

static const char step_2[] =
    /* What few pageviews have: of the browser, and the page's campaign by QR code. */
    "CREATE TABLE page_extras(record INTEGER PRIMARY KEY, viewport_width INTEGER,"
    "  viewport_height INTEGER, screen_width INTEGER, screen_height INTEGER, language TEXT,"
    "  page_id BLOB, qr_code_id BLOB) STRICT;"
    /* Empty but while a full disk is asked for room. */
    "CREATE TABLE probe(id INTEGER PRIMARY KEY, filler BLOB NOT NULL) STRICT;"
    /* Parts of split batches report no lines; version 1 took them for intervals. */
    "DELETE FROM intervals WHERE lines = 0;";

static const char step_reads[] =
    /* What reports read (store_sqlite_pack.c). columns.id: lane << 8 | part << 1 | kind; it holds
     * the lane's rows of [start, upto). lanes.packed: rows below are in columns; open: there may be
     * more. */
    "CREATE TABLE columns(id INTEGER PRIMARY KEY, start INTEGER NOT NULL, upto INTEGER NOT NULL,"
    "  n INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,"
    "  data BLOB NOT NULL) STRICT;"
    "ALTER TABLE lanes ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE lanes ADD COLUMN open INTEGER NOT NULL DEFAULT 1;"
    "CREATE INDEX lanes_open ON lanes(id) WHERE open = 1;"
    "CREATE TRIGGER record_gone AFTER DELETE ON records"
    "  WHEN (SELECT packed FROM lanes WHERE id = OLD.id >> 24) > 0 BEGIN"
    "  DELETE FROM columns WHERE id >= OLD.id >> 24 << 8 AND id < (OLD.id >> 24) + 1 << 8;"
    "  UPDATE lanes SET packed = 0, open = 1 WHERE id = OLD.id >> 24; END;"
    "CREATE TRIGGER lane_gone AFTER DELETE ON lanes BEGIN"
    "  DELETE FROM columns WHERE id >= OLD.id << 8 AND id < OLD.id + 1 << 8; END;"
    /* IANA's name of the site's time zone, for the borders of days. */
    "ALTER TABLE sites ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';";

static const char step_exclusions[] =
    /* What is accepted and dropped; without team and site: everywhere. */
    "CREATE TABLE exclusions(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE,"
    "  team INTEGER NOT NULL, site INTEGER NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,"
    "  created INTEGER NOT NULL, UNIQUE(team, site, kind, value)) STRICT;"
    "ALTER TABLE records ADD COLUMN country TEXT;";

static const char step_people[] =
    /* Teams, users and sites are never deleted: their numbers stand in rows that outlive them.
     * users.removed, sites.removed: since when it is only a number, its name given back. */
    "ALTER TABLE teams ADD COLUMN archived INTEGER;"
    "ALTER TABLE users ADD COLUMN email TEXT;"
    "ALTER TABLE users ADD COLUMN password TEXT;"
    "ALTER TABLE users ADD COLUMN instance_role TEXT NOT NULL DEFAULT 'user';"
    "ALTER TABLE users ADD COLUMN disabled INTEGER;"
    "ALTER TABLE users ADD COLUMN removed INTEGER;"
    "CREATE UNIQUE INDEX users_email ON users(email) WHERE email IS NOT NULL;"
    /* Whom `init` noted for when people could log in. */
    "UPDATE users SET instance_role = 'owner' WHERE id = (SELECT min(id) FROM users);"
    "ALTER TABLE sites ADD COLUMN owner INTEGER;"
    "ALTER TABLE sites ADD COLUMN removed INTEGER;"
    "CREATE TABLE site_roles(site INTEGER NOT NULL, user INTEGER NOT NULL, role TEXT NOT NULL,"
    "  PRIMARY KEY(site, user)) STRICT, WITHOUT ROWID;"
    /* A client is a team's or a user's. Two may have one name, as in HitKeep. nodes, batches and
     * intervals have as `team` its team, or minus its user. */
    "CREATE TABLE clients_new(id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE, team INTEGER,"
    "  user INTEGER, created_by INTEGER, name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '',"
    "  instance_role TEXT NOT NULL DEFAULT 'user', token_hash TEXT NOT NULL UNIQUE,"
    "  old_token_hash TEXT, old_until INTEGER, expires INTEGER, revoked INTEGER,"
    "  last_used INTEGER, created INTEGER NOT NULL, updated INTEGER NOT NULL,"
    "  CHECK((team IS NULL) <> (user IS NULL))) STRICT;"
    "INSERT INTO clients_new(id, uuid, team, name, token_hash, expires, revoked, created, updated)"
    "  SELECT id, uuid, team, name, token_hash, expires, revoked, created, created FROM clients;"
    "DROP TABLE clients;"
    "ALTER TABLE clients_new RENAME TO clients;"
    /* Who has changed what. The texts are of that moment; user NULL: the command line. */
    "CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, user INTEGER,"
    "  actor TEXT, action TEXT NOT NULL, subject TEXT NOT NULL, uuid BLOB, team INTEGER,"
    "  detail TEXT NOT NULL) STRICT;"
    "CREATE INDEX audit_at ON audit(at);";

static const char step_nodes[] =
    /* What each agent said of itself when it was heard of last. Rows go after STORE_NODE_DAYS. */
    "CREATE TABLE node_states(team INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,"
    "  seen INTEGER NOT NULL, lag_ms INTEGER NOT NULL, waiting INTEGER NOT NULL,"
    "  PRIMARY KEY(team, name)) STRICT, WITHOUT ROWID;";

static const char step_logins[] =
    /* Moves with whatever ends all of a person's logins. */
    "ALTER TABLE users ADD COLUMN login_epoch INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE logins(hash BLOB PRIMARY KEY, user INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    "  created INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX logins_user ON logins(user, created);";

static const char step_exclusion_notes[] =
    "ALTER TABLE exclusions ADD COLUMN description TEXT NOT NULL DEFAULT '';";

static const char step_days[] =
    /* When the lines of an interval were (store_sqlite_times.c), in quarters of an hour from 1970,
     * UTC; -1: no such time. skipped_at: [[quarter, reason, n], ...]; records_at: [[quarter, site,
     * fate, n], ...]. In one list the same may stand again; n may be below 0. first_quarter and
     * last_quarter enclose all of them; of arrival when there is none; null: from before this
     * step. */
    "ALTER TABLE intervals ADD COLUMN first_quarter INTEGER;"
    "ALTER TABLE intervals ADD COLUMN last_quarter INTEGER;"
    "ALTER TABLE intervals ADD COLUMN skipped_at TEXT NOT NULL DEFAULT '[]';"
    "ALTER TABLE intervals ADD COLUMN records_at TEXT NOT NULL DEFAULT '[]';"
    "CREATE INDEX intervals_quarter ON intervals(last_quarter);";

static const char step_countries[] =
    /* Version 2 of the columns has countries: all are made again. */
    "DELETE FROM columns; UPDATE lanes SET packed = 0, open = 1;";

static const char step_answers[] =
    /* An answer's text is written anew from what it says; `tail` only where it is not the usual. */
    "CREATE TABLE batches_new(team INTEGER NOT NULL, id BLOB NOT NULL, body_hash BLOB NOT NULL,"
    "  received INTEGER NOT NULL, stored INTEGER NOT NULL, duplicate INTEGER NOT NULL, tail TEXT,"
    "  PRIMARY KEY(team, id)) STRICT, WITHOUT ROWID;"
    "INSERT INTO batches_new SELECT team, id, substr(body_hash, 1, 16), received,"
    "  json_extract(answer, '$.stored'), json_extract(answer, '$.duplicate'),"
    "  nullif(substr(answer, instr(answer, ',\"excluded\":'),"
    "    length(answer) - instr(answer, ',\"excluded\":')), ',\"excluded\":0,\"rejected\":[]')"
    "  FROM batches;"
    "DROP TABLE batches;"
    "ALTER TABLE batches_new RENAME TO batches;"
    "CREATE INDEX batches_received ON batches(received);";

static const char step_sessions[] =
    /* Of a record that came alone, as it was sent. */
    "ALTER TABLE page_extras ADD COLUMN session_id BLOB;";

static const char step_profiles[] =
    /* teams.removed: as of users and sites. users.family: the end of the name; null: not told. */
    "ALTER TABLE teams ADD COLUMN removed INTEGER;"
    "ALTER TABLE users ADD COLUMN family TEXT;";

static const char *const steps[] = {
    step_1,       step_2,        step_reads,           step_exclusions, step_people,
    step_nodes,   step_logins,   step_exclusion_notes, step_days,       step_countries,
    step_answers, step_sessions, step_profiles};
#define SCHEMA_VERSION ((int64_t)(sizeof(steps) / sizeof(steps[0])))

static int pragma_number(sqlite3 *db, const char *pragma, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int status = -1;
    if (sqlite3_prepare_v2(db, pragma, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
        status = 0;
    }
    sqlite3_finalize(statement);
    return status;
}

#define MEND_STORE "put a backup in its place: logferry-server restore FILE"

static int read_versions(sqlite3 *db, const char *path, const char *mend, int64_t *version,
                         struct buf *error)
{
    int64_t application = 0, tables = 0;
    if (pragma_number(db, "PRAGMA user_version", version) ||
        pragma_number(db, "PRAGMA application_id", &application) ||
        pragma_number(db, "SELECT count(*) FROM sqlite_schema", &tables)) {
        buf_printf(error, "cannot read %s: %s; %s", path, sqlite3_errmsg(db), mend);
        return -1;
    }
    if (tables > 0 && application != APPLICATION_ID) {
        buf_printf(error,
                   "%s is an SQLite file, but no store of logferry-server; give another "
                   "directory with --store DIR",
                   path);
        return -1;
    }
    return 0;
}

int64_t schema_newest(void)
{
    return SCHEMA_VERSION;
}

int schema_known(sqlite3 *db, const char *path, const char *mend, int64_t *version,
                 struct buf *error)
{
    if (read_versions(db, path, mend, version, error))
        return -1;
    if (*version > 0)
        return 0;
    buf_printf(error, "%s is empty: it is no store", path);
    return -1;
}

int schema_check(sqlite3 *db, const char *path, struct buf *error, enum store_failure *failure)
{
    int64_t version = 0;
    *failure = STORE_CANNOT;
    if (read_versions(db, path, MEND_STORE, &version, error))
        return -1;
    if (version == SCHEMA_VERSION)
        return 0;
    *failure = version > SCHEMA_VERSION ? STORE_TOO_NEW : STORE_MISSING;
    if (version > SCHEMA_VERSION)
        buf_printf(error,
                   "%s has schema version %lld, this logferry-server (%s) knows up to %lld; "
                   "install the version that wrote it, or a newer one",
                   path, (long long)version, LOGFERRY_VERSION, (long long)SCHEMA_VERSION);
    else
        buf_printf(error,
                   "%s has the older schema version %lld; start `logferry-server serve` "
                   "once, which brings it to %lld",
                   path, (long long)version, (long long)SCHEMA_VERSION);
    return -1;
}

static int run_step(sqlite3 *db, int64_t from)
{
    char *versions = sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %lld;",
                                     APPLICATION_ID, (long long)from + 1);
    int code = versions ? SQLITE_OK : SQLITE_NOMEM;
    const char *const parts[] = {"BEGIN IMMEDIATE", steps[from], versions, "COMMIT"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && code == SQLITE_OK; i++) {
        code = sqlite3_exec(db, parts[i], NULL, NULL, NULL);
        fault_point("migrate.step");
    }
    if (code != SQLITE_OK && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_free(versions);
    return code;
}

int schema_migrate(sqlite3 *db, const char *path, bool create, struct buf *error,
                   enum store_failure *failure)
{
    int64_t version = 0;
    *failure = STORE_CANNOT;
    if (read_versions(db, path, MEND_STORE, &version, error))
        return -1;
    if (version > SCHEMA_VERSION)
        return schema_check(db, path, error, failure);
    if (version == 0 && !create) {
        *failure = STORE_MISSING;
        buf_printf(error, "%s is empty; make a store there with: logferry-server init", path);
        return -1;
    }
    for (; version < SCHEMA_VERSION; version++) {
        int code = run_step(db, version);
        if (code != SQLITE_OK) {
            buf_printf(error,
                       "cannot bring %s from schema version %lld to %lld: %s; it is "
                       "unchanged; make room on its disk and try again",
                       path, (long long)version, (long long)version + 1, sqlite3_errstr(code));
            return -1;
        }
    }
    return 0;
}
