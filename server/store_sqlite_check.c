/*
 * store_sqlite_check.c - fsck: SQLite's own check, the schema, and our rules, in one read
 * transaction.
 *
 * What is damaged may fail anywhere: a part that cannot be read is a finding, and the others are
 * still looked at. Not mapped, so that a bad sector is an error and not the end of the process.
 */
#include "server/store_sqlite_impl.h"

#include "server/store_care.h"

#define RESTORE                                                                                    \
    "stop the server, put a backup back (logferry-server restore FILE), and backfill the logs "    \
    "since then"
#define INTEGRITY_ROWS "100"

struct check {
    sqlite3 *db;
    void (*on_finding)(void *arg, const struct check_finding *finding);
    void *arg;
    uint64_t n; /* of the kind in work */
};

static void note(struct check *c, const char *table, struct str row, struct str what,
                 const char *mend)
{
    struct check_finding finding = {table, row, what, mend};
    if (c->n++ < CHECK_FINDINGS_MAX)
        c->on_finding(c->arg, &finding);
}

static void note_text(struct check *c, const char *table, const char *what, const char *mend)
{
    note(c, table, STR_NONE, str_of(what), mend);
}

/* After the last finding of a kind: those that were not told. */
static void end_kind(struct check *c, const char *table, const char *mend)
{
    char text[96];
    if (c->n > CHECK_FINDINGS_MAX) {
        snprintf(text, sizeof(text), "%llu more of this kind",
                 (unsigned long long)(c->n - CHECK_FINDINGS_MAX));
        c->n = 0;
        note_text(c, table, text, mend);
    }
    c->n = 0;
}

static void note_unreadable(struct check *c, const char *table)
{
    struct buf text;
    buf_init(&text, 1024);
    buf_printf(&text, "it cannot be read: %s", sqlite3_errmsg(c->db));
    c->n = 0;
    note_text(c, table, text.failed ? "it cannot be read" : buf_cstr(&text), RESTORE);
    c->n = 0;
    buf_release(&text);
}

/* ---- SQLite's own -------------------------------------------------------------------------- */

/* One row may tell several things, a line each. */
static void note_lines(struct check *c, struct str lines)
{
    while (lines.n > 0) {
        ptrdiff_t lf = str_chr(lines, '\n', 0);
        size_t end = lf < 0 ? lines.n : (size_t)lf;
        struct str line = str_slice(lines, 0, end);
        lines = str_slice(lines, lf < 0 ? end : end + 1, lines.n);
        if (line.n > 0 && !str_starts(line, STR("*** in database")))
            note(c, STORE_FILE, STR_NONE, line, RESTORE);
    }
}

static void check_integrity(struct check *c)
{
    sqlite3_stmt *row = NULL;
    int code =
        sqlite3_prepare_v2(c->db, "PRAGMA integrity_check(" INTEGRITY_ROWS ")", -1, &row, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        if ((code = sqlite3_step(row)) != SQLITE_ROW)
            break;
        struct str text = column_str(row, 0);
        if (!str_eq(text, STR("ok")))
            note_lines(c, text);
    }
    if (code != SQLITE_DONE)
        note_unreadable(c, STORE_FILE);
    end_kind(c, STORE_FILE, RESTORE);
    sqlite3_finalize(row);
}

/* ---- the schema ---------------------------------------------------------------------------- */

/* The text of that table or index in `db`, into `sql`. 1, 0: not there, -1. */
static int find_schema(sqlite3 *db, struct str name, struct buf *sql)
{
    sqlite3_stmt *row = NULL;
    int found = -1;
    buf_reset(sql);
    if (sqlite3_prepare_v2(db, "SELECT coalesce(sql, '') FROM sqlite_schema WHERE name = ?1", -1,
                           &row, NULL) == SQLITE_OK) {
        bind_str(row, 1, name);
        int code = sqlite3_step(row);
        found = code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : -1;
        if (found == 1)
            buf_put_str(sql, column_str(row, 0));
    }
    sqlite3_finalize(row);
    return sql->failed ? -1 : found;
}

/* What `from` has and `in` lacks, or has otherwise. */
static void compare_schemas(struct check *c, sqlite3 *from, sqlite3 *in, const char *lacks,
                            const char *differs)
{
    sqlite3_stmt *row = NULL;
    struct buf sql;
    buf_init(&sql, 1u << 20);
    int code = sqlite3_prepare_v2(
        from, "SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name", -1, &row, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        if ((code = sqlite3_step(row)) != SQLITE_ROW)
            break;
        struct str name = column_str(row, 0);
        int found = find_schema(in, name, &sql);
        if (found == 0)
            note(c, "sqlite_schema", name, str_of(lacks), RESTORE);
        else if (found == 1 && differs && !str_eq(buf_str(&sql), column_str(row, 1)))
            note(c, "sqlite_schema", name, str_of(differs), RESTORE);
    }
    if (code != SQLITE_DONE)
        note_unreadable(c, "sqlite_schema");
    sqlite3_finalize(row);
    buf_release(&sql);
}

/* An empty data base of this version, in memory, is what it must look like. */
static void check_schema(struct check *c)
{
    sqlite3 *model = NULL;
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 4096);
    if (sqlite3_open_v2(":memory:", &model,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK &&
        schema_migrate(model, ":memory:", true, &error, &failure) == 0) {
        compare_schemas(c, model, c->db, "it is not there: what needs it fails",
                        "it is not as this program made it: what needs it may fail");
        compare_schemas(c, c->db, model, "it is not of this program, which does not know it", NULL);
    } else {
        note_text(c, "sqlite_schema", "no memory to check it", "make memory free, and try again");
    }
    end_kind(c, "sqlite_schema", RESTORE);
    sqlite3_close(model);
    buf_release(&error);
}

/* ---- our rules ----------------------------------------------------------------------------- */

static void check_rows(struct check *c, const struct invariant *rule)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(c->db, rule->text, -1, &row, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        if ((code = sqlite3_step(row)) != SQLITE_ROW)
            break;
        note(c, rule->table, column_str(row, 0), column_str(row, 1), rule->mend);
    }
    end_kind(c, rule->table, rule->mend);
    if (code != SQLITE_DONE)
        note_unreadable(c, rule->table);
    sqlite3_finalize(row);
}

static void check_all(struct check *c, const char *path)
{
    enum store_failure failure;
    struct buf why;
    size_t n = 0;
    const struct invariant *rules = invariants_of_rows(&n);
    buf_init(&why, 4096);
    check_integrity(c);
    /* Of a file that is none of ours, or of another version, nothing more can be said. */
    if (schema_check(c->db, path, &why, &failure) != 0) {
        note_text(c, STORE_FILE, why.failed ? "its version cannot be read" : buf_cstr(&why),
                  "as it says");
    } else {
        check_schema(c);
        for (size_t i = 0; i < n; i++)
            check_rows(c, &rules[i]);
    }
    buf_release(&why);
}

int store_check(const char *dir, void (*on_finding)(void *arg, const struct check_finding *finding),
                void *arg, struct buf *error, enum store_failure *failure)
{
    struct check c = {.on_finding = on_finding, .arg = arg};
    struct buf path;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/" STORE_FILE, dir);
    *failure = STORE_CANNOT;
    if (buf_cstr(&path))
        c.db = reader_connect(buf_cstr(&path), error, failure);
    else
        buf_printf(error, "the path %s is too long", dir);
    if (c.db) {
        sqlite3_exec(c.db, "PRAGMA mmap_size = 0; BEGIN", NULL, NULL, NULL);
        check_all(&c, buf_cstr(&path));
        sqlite3_close(c.db);
    }
    buf_release(&path);
    return c.db ? 0 : -1;
}
