/*
 * store_sqlite_session.h - shared by the files that change who may do what: store_sqlite_admin.c,
 * _people.c, _clients.c, _audit.c.
 */
#ifndef LOGFERRY_SERVER_STORE_SQLITE_SESSION_H
#define LOGFERRY_SERVER_STORE_SQLITE_SESSION_H

#include "server/store_admin.h"
#include "server/store_sqlite_impl.h"

/* What a row ?1 of that table is called once it is removed: a name that nobody has taken. */
#define NAME_OF_NOBODY(table)                                                                      \
    "'#' || id || CASE WHEN EXISTS (SELECT 1 FROM " table " WHERE name = '#' || ?1)"               \
    " THEN ' ' || hex(randomblob(8)) ELSE '' END"

/* session_changed for an INSERT, with the new row's number. */
enum admin_result session_added(struct store_session *session, int status, int64_t *id);
/* Notes a change that went well; else its result stays what it was. `detail` STR_NONE is "", and
 * for a client: its grants. */
enum admin_result session_noted(struct store_session *session, enum admin_result result,
                                const char *action, enum audit_subject subject, int64_t id,
                                struct str detail);

#endif
