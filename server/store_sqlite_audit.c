/*
 * store_sqlite_audit.c - the audit log: an entry for each change of people, teams, sites and
 * clients, in the change's own transaction.
 */
#include "server/store_sqlite_session.h"

#include "server/uuid.h"

#define ENTRY                                                                                      \
    "INSERT INTO audit(at, user, actor, action, subject, uuid, team, detail)"                      \
    " SELECT ?1, nullif(?2, 0), coalesce((SELECT name FROM users WHERE id = ?2),"                  \
    " (SELECT 'client ' || name FROM clients WHERE id = ?6)), ?3, "

/* By enum audit_subject. A client's detail is what it was granted, unless there is another. */
static const char *const entry_texts[] = {
    ENTRY "name, uuid, id, coalesce(?5, '') FROM teams WHERE id = ?4",
    ENTRY "name, uuid, NULL, coalesce(?5, '') FROM users WHERE id = ?4 AND removed IS NULL",
    ENTRY "domain, uuid, team, coalesce(?5, '') FROM sites WHERE id = ?4 AND removed IS NULL",
    ENTRY "name, uuid, team, coalesce(?5, (SELECT group_concat(s.domain || '=' || g.role, ' ')"
          " FROM grants g JOIN sites s ON s.id = g.site WHERE g.client = c.id), '')"
          " FROM clients c WHERE id = ?4",
    ENTRY "'instance', NULL, NULL, coalesce(?5, '')",
};

enum admin_result session_audit(struct store_session *session, const char *action,
                                enum audit_subject subject, int64_t id, struct str detail)
{
    struct engine *e = session->engine;
    if (sql_run_text(e, entry_texts[subject], "iisisi", e->now_ms, session->actor, str_of(action),
                     id, detail, session->acting_client))
        return ADMIN_FAILED;
    return sqlite3_changes(e->db) > 0 ? ADMIN_OK : ADMIN_NONE;
}

enum admin_result session_noted(struct store_session *session, enum admin_result result,
                                const char *action, enum audit_subject subject, int64_t id,
                                struct str detail)
{
    return result == ADMIN_OK ? session_audit(session, action, subject, id, detail) : result;
}

static void tell(sqlite3_stmt *row, void (*on_entry)(void *arg, const struct audit_entry *entry),
                 void *arg)
{
    struct str uuid = column_str(row, 5);
    struct audit_entry entry = {.id = sqlite3_column_int64(row, 0),
                                .at_ms = sqlite3_column_int64(row, 1),
                                .actor = column_str(row, 2),
                                .action = column_str(row, 3),
                                .subject = column_str(row, 4),
                                .team = sqlite3_column_int64(row, 6),
                                .detail = column_str(row, 7),
                                .user = sqlite3_column_int64(row, 8)};
    if (uuid.n == 16)
        uuid_format((const unsigned char *)uuid.p, entry.subject_id);
    on_entry(arg, &entry);
}

int session_read_audit(struct store_session *session, const struct audit_filter *filter,
                       void (*on_entry)(void *arg, const struct audit_entry *entry), void *arg)
{
    sqlite3_stmt *row = NULL;
    int code =
        sqlite3_prepare_v2(session->engine->db,
                           "SELECT * FROM (SELECT id, at, actor, action, subject, uuid, team,"
                           " detail, user FROM audit WHERE at >= ?1 AND (?2 = 0 OR team = ?2)"
                           " ORDER BY id DESC LIMIT ?3) ORDER BY id",
                           -1, &row, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, filter->since_ms);
        sqlite3_bind_int64(row, 2, filter->team);
        sqlite3_bind_int64(row, 3, (int64_t)filter->most);
        while ((code = sqlite3_step(row)) == SQLITE_ROW)
            tell(row, on_entry, arg);
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE ? 0 : -1;
}

int audit_forget(struct engine *e, bool *more)
{
    int64_t most = 2000, limit = e->now_ms - AUDIT_KEEP_DAYS * INT64_C(86400000);
    if (sql_run_text(e,
                     "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 LIMIT ?2)",
                     "ii", limit, most))
        return -1;
    *more = *more || sqlite3_changes(e->db) == most;
    return 0;
}
