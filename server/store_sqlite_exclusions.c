/* store_sqlite_exclusions.c - what is accepted and not stored: reading the list, and changing it.
 */
#include "server/store_sqlite_session.h"

#include "server/uuid.h"

static int read_one(sqlite3_stmt *row, struct exclusions *x)
{
    struct str uuid = column_str(row, 1);
    struct exclusion e = {.id = sqlite3_column_int64(row, 0),
                          .team = sqlite3_column_int64(row, 2),
                          .site = sqlite3_column_int64(row, 3),
                          .value = column_str(row, 5),
                          .created_ms = sqlite3_column_int64(row, 6),
                          .description = column_str(row, 7)};
    if (uuid.n != 16)
        return -1;
    uuid_format((const unsigned char *)uuid.p, e.uuid_text);
    /* A kind that this version does not know excludes nothing. */
    return exclusion_kind_parse(column_str(row, 4), &e.kind) ? exclusions_add(x, &e) : 0;
}

struct exclusions *exclusions_read(sqlite3 *db)
{
    struct exclusions *x = exclusions_new();
    sqlite3_stmt *row = NULL;
    int code = SQLITE_ERROR;
    if (x && sqlite3_prepare_v2(db,
                                "SELECT id, uuid, team, site, kind, value, created, description"
                                " FROM exclusions ORDER BY site, team, id",
                                -1, &row, NULL) == SQLITE_OK) {
        while ((code = sqlite3_step(row)) == SQLITE_ROW && read_one(row, x) == 0) {
        }
    }
    sqlite3_finalize(row);
    if (code == SQLITE_DONE)
        return x;
    exclusions_free(x);
    return NULL;
}

/* How many its scope has; -1: failed. */
static int64_t count_scope(struct engine *e, const struct exclusion *x)
{
    sqlite3_stmt *row = NULL;
    int64_t n = -1;
    if (sqlite3_prepare_v2(e->db, "SELECT count(*) FROM exclusions WHERE team = ?1 AND site = ?2",
                           -1, &row, NULL) == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, x->team);
        sqlite3_bind_int64(row, 2, x->site);
        if (sqlite3_step(row) == SQLITE_ROW)
            n = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    return n;
}

static enum admin_result audit_exclusion(struct store_session *session, const char *action,
                                         const struct exclusion *x)
{
    struct buf text;
    buf_init(&text, EXCLUSION_VALUE_MAX + 100);
    exclusion_describe(x, &text);
    enum audit_subject subject = x->site ? AUDIT_SITE : x->team ? AUDIT_TEAM : AUDIT_INSTANCE;
    enum admin_result result =
        text.failed
            ? ADMIN_FAILED
            : session_audit(session, action, subject, x->site ? x->site : x->team, buf_str(&text));
    buf_release(&text);
    return result;
}

enum admin_result session_add_exclusion(struct store_session *session, struct exclusion *x)
{
    struct engine *e = session->engine;
    unsigned char uuid[16];
    const void *bytes = uuid;
    int64_t n = count_scope(e, x), id = 0;
    if (n < 0 || uuid_generate(uuid))
        return ADMIN_FAILED;
    if (n >= EXCLUSIONS_PER_SCOPE)
        return ADMIN_FULL;
    enum admin_result result = session_added(
        session,
        sql_run_text(e,
                     "INSERT INTO exclusions(uuid, team, site, kind, value, created,"
                     " description) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     "biissis", bytes, 16, x->team, x->site, str_of(exclusion_kind_name(x->kind)),
                     x->value, e->now_ms, str_is_set(x->description) ? x->description : STR("")),
        &id);
    if (result != ADMIN_OK)
        return result;
    x->id = id;
    x->created_ms = e->now_ms;
    uuid_format(uuid, x->uuid_text);
    return audit_exclusion(session, "exclusion.created", x);
}

enum admin_result session_remove_exclusion(struct store_session *session, int64_t id)
{
    const struct rights *rights = session_rights(session);
    const struct exclusion *list;
    size_t n = rights ? exclusions_list(rights_exclusions(rights), &list) : 0;
    enum admin_result result = rights ? ADMIN_NONE : ADMIN_FAILED;
    for (size_t i = 0; i < n; i++)
        if (list[i].id == id)
            result = audit_exclusion(session, "exclusion.deleted", &list[i]);
    if (result != ADMIN_OK)
        return result;
    return session_changed(
        session, sql_run_text(session->engine, "DELETE FROM exclusions WHERE id = ?1", "i", id));
}
