/* store_sqlite_logins.c - people's logins: written one by one, read when a server starts. */
#include "server/logins.h"
#include "server/store_admin.h"
#include "server/store_sqlite_impl.h"

/* Those of a person beyond the newest few go here as they do in memory. */
#define DROP_SURPLUS                                                                               \
    "DELETE FROM logins WHERE user = ?1 AND hash NOT IN"                                           \
    " (SELECT hash FROM logins WHERE user = ?1 ORDER BY created DESC LIMIT ?2)"

enum admin_result session_add_login(struct store_session *session, struct login *login)
{
    struct engine *e = session->engine;
    const struct rights *rights = session_rights(session);
    const struct user *user = rights ? rights_user_by_id(rights, login->user) : NULL;
    if (!user)
        return rights ? ADMIN_NONE : ADMIN_FAILED;
    login->epoch = user->login_epoch;
    if (sql_run_text(e, "DELETE FROM logins WHERE expires < ?1", "i", e->now_ms) ||
        sql_run_text(e, DROP_SURPLUS, "ii", login->user, (int64_t)LOGINS_OF_ONE - 1) ||
        sql_run_text(e,
                     "INSERT INTO logins(hash, user, epoch, created, expires)"
                     " VALUES(?1, ?2, ?3, ?4, ?5)",
                     "biiii", (const void *)login->hash, TOKEN_HASH_BYTES, login->user,
                     login->epoch, login->created_ms, login->expires_ms))
        return ADMIN_FAILED;
    return ADMIN_OK;
}

enum admin_result session_drop_login(struct store_session *session,
                                     const unsigned char hash[TOKEN_HASH_BYTES])
{
    return sql_run_text(session->engine, "DELETE FROM logins WHERE hash = ?1", "b",
                        (const void *)hash, TOKEN_HASH_BYTES)
               ? ADMIN_FAILED
               : ADMIN_OK;
}

int store_reader_logins(struct store_reader *r,
                        void (*on_login)(void *arg, const struct login *login), void *arg)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(
        r->db, "SELECT hash, user, epoch, created, expires FROM logins ORDER BY created", -1, &row,
        NULL);
    while (code == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
        struct str hash = column_str(row, 0);
        struct login login = {.user = sqlite3_column_int64(row, 1),
                              .epoch = sqlite3_column_int64(row, 2),
                              .created_ms = sqlite3_column_int64(row, 3),
                              .expires_ms = sqlite3_column_int64(row, 4)};
        if (hash.n != TOKEN_HASH_BYTES)
            continue;
        memcpy(login.hash, hash.p, hash.n);
        on_login(arg, &login);
    }
    sqlite3_finalize(row);
    return code == SQLITE_OK ? 0 : -1;
}
