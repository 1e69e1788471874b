/*
 * test_check.c - fsck: each rule broken once and found, alone; flipped bytes and cut files never
 * end the process, and what they break is found.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "tests/unit/server/store_batch.h"

#include "server/store_care.h"

/* ---- what was found ----------------------------------------------------------------------- */

struct found {
    size_t n;
    struct buf text; /* "table row: what; mend\n" */
};

static void on_finding(void *arg, const struct check_finding *finding)
{
    struct found *f = arg;
    f->n++;
    buf_printf(&f->text, "%s %.*s: %.*s; %s\n", finding->table,
               STR_ARGS(str_is_set(finding->row) ? finding->row : STR("-")),
               STR_ARGS(finding->what), finding->mend);
}

/* The number of findings, or -1 when the store could not be opened; the text stays in `found`. */
static int check_store(const struct fixture *f, struct found *found)
{
    struct buf error;
    enum store_failure failure;
    found->n = 0;
    buf_reset(&found->text);
    buf_init(&error, 4096);
    int status = store_check(f->dir, on_finding, found, &error, &failure);
    if (status != 0)
        assert_true(error.n > 0);
    buf_release(&error);
    return status == 0 ? (int)found->n : -1;
}

static void path_of(const struct fixture *f, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", f->dir, name);
}

static int change(const struct fixture *f, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    path_of(f, "logferry.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        print_message("%s: %s\n", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    return code;
}

/* ---- a store with something in every table -------------------------------------------------- */

static int add_client(struct store_session *session, void *arg)
{
    struct fixture *f = arg;
    unsigned char hash[TOKEN_HASH_BYTES] = {1};
    struct new_client client = new_client_of(STR("web-1"), f->team, hash);
    struct grant grant = {.site = f->site, .role = ROLE_INGEST};
    struct new_user anna = {.name = STR("anna"), .instance_role = INSTANCE_OWNER};
    struct member member = {.team = f->team, .role = TEAM_OWNER};
    struct site_role role = {.site = f->site, .role = ROLE_OWNER};
    if (session_add_client(session, &client, &grant.client) != ADMIN_OK ||
        session_add_user(session, &anna, &member.user) != ADMIN_OK ||
        session_set_member(session, &member) != ADMIN_OK)
        return -1;
    role.user = member.user;
    if (session_set_site_role(session, &role) != ADMIN_OK)
        return -1;
    return session_grant(session, &grant) == ADMIN_OK ? 0 : -1;
}

static int setup(void **state)
{
    struct batch b;
    assert_int_equal(fixture_setup(state), 0);
    struct fixture *f = *state;
    assert_int_equal(fixture_call(f->store, add_client, f), 0);
    batch_init(&b, f, 1);
    for (unsigned i = 0; i < 12; i++)
        add_row(&b, f->site, i % 2, i * 10, i);
    make_ai_fetch(add_row(&b, f->site, 0, 500, 1));
    add_row(&b, f->site, 0, 0, 99); /* another line at a position that is taken */
    assert_int_equal(fixture_run(f->store, &b.job).stored, 14);
    struct store_browser browser = {.viewport_width = 800};
    struct batch single;
    batch_init(&single, f, 2);
    add_row(&single, f->site, STORE_NO_STREAM, 0, 0);
    single.job.kind = STORE_PAGEVIEW;
    single.rows[0].browser = &browser;
    assert_int_equal(fixture_run(f->store, &single.job).result, STORE_OK);
    struct store_event event = {.site = f->site,
                                .time_ms = NOON,
                                .name = STR("signup"),
                                .properties = STR("{}"),
                                .visitor_ip = STR("192.0.2.1"),
                                .user_agent = STR("Firefox")};
    struct store_job job = {.kind = STORE_EVENT, .event = &event};
    assert_int_equal(fixture_run(f->store, &job).result, STORE_OK);
    store_close(f->store);
    f->store = NULL;
    return 0;
}

/* ---- one rule at a time ---------------------------------------------------------------------- */

struct broken {
    const char *sql, *table, *row, *what;
};

static const struct broken cases[] = {
    {"DELETE FROM lanes WHERE stream = 1", "records", "id=1677", "lane 1 is not there"},
    {"UPDATE lanes SET first_at = last_at WHERE stream = 1", "records", "id=", "its time, "},
    {"UPDATE records SET kind = 2 WHERE hash = 3", "records", "id=", "kind 2"},
    {"UPDATE records SET host = 999 WHERE hash = 3", "records", "id=", "host 999 is not in texts"},
    {"UPDATE records SET ua = 999 WHERE hash = 3", "records", "id=", "ua 999 is not in texts"},
    {"UPDATE records SET content_type = 999 WHERE hash = 3", "records", "id=", "content_type 999"},
    {"UPDATE records SET agent = 999 WHERE kind = 1", "records", "id=", "agent 999"},
    {"UPDATE lanes SET site = 99 WHERE stream = 2", "lanes", "id=", "site 99 is not there"},
    {"UPDATE lanes SET stream = 99 WHERE stream = 2", "lanes", "id=", "stream 99 is not there"},
    {"UPDATE lanes SET chunk = -1 WHERE stream = 2", "lanes", "id=", "chunk -1"},
    {"INSERT INTO lanes VALUES(77, 1, 1, 9, 5, 4, 0, 1)", "lanes", "id=77",
     "ends before it begins"},
    {"INSERT INTO columns VALUES(77 << 8, 0, 1, 1, 0, 0, x'')", "columns", "id=19712 lane=77",
     "lane 77 is not there"},
    {"INSERT INTO columns VALUES(1 << 8, 0, 9, 1, 0, 0, x'')", "columns", "id=256 lane=1",
     "behind the front, 0"},
    {"UPDATE lanes SET packed = 9; INSERT INTO columns VALUES(1 << 8, 0, 9, 7, 0, 0, x'')",
     "columns", "id=256 lane=1", "not all records"},
    {"UPDATE odd SET record = 5", "odd", "site=1 stream=1 pos=0 hash=99", "record 5 is not there"},
    {"UPDATE odd SET hash = 98", "odd", "site=1 stream=1 pos=0 hash=98", "is another line's"},
    {"UPDATE odd SET record = (SELECT min(id) FROM records)", "odd",
     "site=1 stream=1 pos=0 hash=99", "another line's"},
    {"UPDATE odd SET stream = 98", "odd", "site=1 stream=98", "stream 98 is not there"},
    {"UPDATE page_extras SET record = 5", "page_extras", "record=5", "is not there"},
    {"UPDATE events SET site = 98", "events", "id=1", "site 98 is not there"},
    {"UPDATE sites SET team = 98 WHERE id = 2", "sites", "id=2 domain=example.org",
     "team 98 is not there"},
    {"DELETE FROM site_hosts WHERE host = 'example.org'", "sites", "id=2", "not among the hosts"},
    {"UPDATE site_hosts SET site = 1 WHERE host = 'example.org'", "sites", "id=2",
     "not among the hosts"},
    {"UPDATE sites SET uuid = x'00' WHERE id = 2", "sites", "id=2", "uuid"},
    {"INSERT INTO site_hosts VALUES('b.example', 98)", "site_hosts", "host=b.example",
     "site 98 is not there"},
    {"INSERT INTO clients(uuid, team, name, token_hash, created, updated)"
     " VALUES(x'01', 98, 'b', printf('%064d', 0), 0, 0)",
     "clients", "id=2 name=b", "team 98 is not there"},
    {"INSERT INTO clients(uuid, user, name, token_hash, created, updated)"
     " VALUES(x'01', 98, 'b', printf('%064d', 0), 0, 0)",
     "clients", "id=2 name=b", "user 98 is not there"},
    {"UPDATE clients SET old_until = 5, old_token_hash = 'x'", "clients", "id=1 name=web-1",
     "its old_token_hash is none"},
    {"UPDATE site_roles SET user = 98", "site_roles", "site=1 user=98", "is not there"},
    {"UPDATE clients SET token_hash = 'x'", "clients", "id=1 name=web-1", "does not start"},
    {"INSERT INTO grants VALUES(98, 1, 'ingest', 0)", "grants", "client=98 site=1",
     "client 98 is not there"},
    {"INSERT INTO grants VALUES(1, 98, 'ingest', 0)", "grants", "client=1 site=98",
     "site 98 is not there"},
    {"INSERT INTO grants VALUES(1, 3, 'ingest', 0)", "grants", "client=1 site=3",
     "different teams"},
    {"UPDATE members SET user = 98", "members", "team=1 user=98", "is not there"},
    {"INSERT INTO nodes VALUES(98, 98, 'b')", "nodes", "id=98 name=b", "team 98 is not there"},
    {"UPDATE batches SET team = 98", "batches", "team=98 id=0100", "nobody's"},
    {"UPDATE batches SET body_hash = x'00'", "batches", "team=1", "would be refused"},
    {"UPDATE batches SET tail = '}'", "batches", "team=1", "would be refused"},
    {"UPDATE intervals SET node = 98", "intervals", "node=98 stream=1 from=0 to=1000",
     "node 98 is not there"},
    {"UPDATE intervals SET stream = 98", "intervals", "node=1 stream=98", "stream 98 is not there"},
    {"UPDATE intervals SET team = 2", "intervals", "node=1", "another team's"},
    {"UPDATE intervals SET \"from\" = 2000", "intervals", "node=1 stream=1 from=2000",
     "ends before it begins"},
    {"UPDATE intervals SET skipped = '{'", "intervals", "node=1", "no JSON"},
    {"UPDATE intervals SET records_at = '['", "intervals", "node=1", "the ledger of a day"},
    {"UPDATE tallies SET node = 98", "tallies", "node=98 day=", "is not there"},
    {"UPDATE day_keys SET key = x'00'", "day_keys", "day=20000", "32 bytes"},
    {"CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM odd; END", "sqlite_schema", "t",
     "not of this program"},
    {"DROP TABLE probe", "sqlite_schema", "probe", "it is not there"},
    {"ALTER TABLE texts ADD COLUMN more TEXT", "sqlite_schema", "texts", "not as this program"},
    {"DROP INDEX audit_at", "sqlite_schema", "audit_at", "it is not there"},
    {"PRAGMA application_id = 1", "logferry.db", "-", "no store of logferry-server"},
    {"PRAGMA user_version = 99", "logferry.db", "-", "schema version 99"},
    {"PRAGMA user_version = 1", "logferry.db", "-", "older schema version 1"},
    {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM"
     " sqlite_schema WHERE name = 'texts') WHERE name = 'agents'",
     "logferry.db", "-", "2nd reference to page"},
};

/* Each on a copy of the same good store; a case whose statement changes nothing would prove
 * nothing, so the finding must be there. */
static void copy_file(const char *from, const char *to)
{
    struct stat st;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0 && fstat(in, &st) == 0);
    char *bytes = malloc((size_t)st.st_size);
    assert_int_equal(read(in, bytes, (size_t)st.st_size), st.st_size);
    assert_int_equal(write(out, bytes, (size_t)st.st_size), st.st_size);
    free(bytes);
    close(in);
    close(out);
}

static void check_case(const struct fixture *f, const struct broken *c, struct found *found)
{
    char start[256];
    assert_int_equal(change(f, c->sql), SQLITE_OK);
    assert_true(check_store(f, found) > 0);
    snprintf(start, sizeof(start), "%s %s", c->table, c->row);
    const char *at = strstr(buf_cstr(&found->text), start);
    if (!at || !strstr(at, c->what))
        fail_msg("%s: wanted %s … %s, found:\n%s", c->sql, start, c->what, found->text.p);
    /* Nothing else is called broken, but what a statement breaks in several rows. */
    for (const char *line = found->text.p; *line; line = strchr(line, '\n') + 1)
        if (strncmp(line, c->table, strlen(c->table)) != 0)
            fail_msg("%s: also found:\n%s", c->sql, found->text.p);
}

static void each_rule_is_watched(void **state)
{
    struct fixture *f = *state;
    struct found found = {0};
    char db[128], good[128];
    buf_init(&found.text, 1u << 20);
    path_of(f, "logferry.db", db);
    path_of(f, "good", good);
    copy_file(db, good);
    if (check_store(f, &found) != 0)
        fail_msg("a good store: %s", buf_cstr(&found.text));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(f, &cases[i], &found);
        copy_file(good, db);
    }
    assert_int_equal(check_store(f, &found), 0);
    unlink(good);
    buf_release(&found.text);
}

static void many_findings_are_counted(void **state)
{
    struct fixture *f = *state;
    struct found found = {0};
    buf_init(&found.text, 1u << 20);
    assert_int_equal(change(f, "WITH RECURSIVE n(i) AS (VALUES(100) UNION ALL SELECT i + 1 FROM n"
                               " WHERE i < 399) INSERT INTO nodes SELECT i, i, 'n' FROM n"),
                     SQLITE_OK);
    assert_int_equal(check_store(f, &found), CHECK_FINDINGS_MAX + 1);
    assert_non_null(strstr(buf_cstr(&found.text), "nodes -: 250 more of this kind"));
    buf_release(&found.text);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void flip(const char *path, off_t at, unsigned char bits)
{
    unsigned char byte = 0;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= bits;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* The first bytes of a page say what it is and how many cells it has: none of them may be wrong
 * unnoticed. (The bytes of a text are not guarded: SQLite keeps no checksum of them.) */
static void flipped_page_headers_are_found(void **state)
{
    struct fixture *f = *state;
    struct found found = {0};
    struct stat st;
    char db[128], good[128];
    size_t unnoticed = 0, pages = 0;
    buf_init(&found.text, 1u << 20);
    path_of(f, "logferry.db", db);
    path_of(f, "good", good);
    copy_file(db, good);
    assert_int_equal(stat(db, &st), 0);
    for (off_t page = 8192; page < st.st_size; page += 8192, pages++) {
        flip(db, page, 0xff); /* the kind of page */
        if (check_store(f, &found) == 0)
            unnoticed++;
        copy_file(good, db);
        flip(db, page + 3, 0x40); /* the number of cells, by 16384 */
        if (check_store(f, &found) == 0)
            unnoticed++;
        copy_file(good, db);
    }
    assert_true(pages > 20);
    if (unnoticed != 0)
        fail_msg("%zu of %zu flips were not noticed", unnoticed, 2 * pages);
    unlink(good);
    buf_release(&found.text);
}

/* Anywhere: found or not, never the end. */
static void any_flipped_byte_is_survived(void **state)
{
    struct fixture *f = *state;
    struct found found = {0};
    struct stat st;
    char db[128];
    unsigned seed = 3;
    buf_init(&found.text, 1u << 20);
    path_of(f, "logferry.db", db);
    assert_int_equal(stat(db, &st), 0);
    for (int i = 0; i < 160; i++) {
        off_t at = i < 100 ? i : rand_r(&seed) % st.st_size; /* the header, and anywhere */
        unsigned char bits = (unsigned char)(1u << rand_r(&seed) % 8);
        flip(db, at, bits);
        check_store(f, &found);
        flip(db, at, bits);
    }
    assert_int_equal(check_store(f, &found), 0);
    buf_release(&found.text);
}

/* A number that stands for all that is in the store; -1: not all can be read. */
static int64_t fingerprint(const struct fixture *f)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *tables = NULL, *row = NULL;
    uint64_t sum = 0;
    int code = SQLITE_DONE;
    path_of(f, "logferry.db", path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_prepare_v2(db,
                       "SELECT 'SELECT * FROM ' || name FROM sqlite_schema WHERE type = 'table'",
                       -1, &tables, NULL);
    while (code == SQLITE_DONE && sqlite3_step(tables) == SQLITE_ROW) {
        sqlite3_prepare_v2(db, (const char *)sqlite3_column_text(tables, 0), -1, &row, NULL);
        while ((code = sqlite3_step(row)) == SQLITE_ROW)
            for (int i = 0; i < sqlite3_column_count(row); i++) {
                const unsigned char *bytes = sqlite3_column_blob(row, i);
                sum = sum * 31 + 7;
                for (int n = 0; n < sqlite3_column_bytes(row, i); n++)
                    sum = sum * 31 + bytes[n];
            }
        sqlite3_finalize(row);
    }
    sqlite3_finalize(tables);
    sqlite3_close(db);
    return code == SQLITE_DONE ? (int64_t)(sum >> 1) : -1;
}

/* Found, or nothing that was in it is missing: the last page may end in nothing but zeros. */
static void cut_files_are_found(void **state)
{
    static const int percent[] = {0, 1, 10, 50, 90, 99};
    struct fixture *f = *state;
    struct found found = {0};
    struct stat st;
    char db[128], good[128];
    buf_init(&found.text, 1u << 20);
    path_of(f, "logferry.db", db);
    path_of(f, "good", good);
    copy_file(db, good);
    assert_int_equal(stat(db, &st), 0);
    int64_t whole = fingerprint(f);
    size_t harmless = 0;
    for (size_t i = 0; i < 2 * sizeof(percent) / sizeof(percent[0]); i++) {
        assert_int_equal(truncate(db, st.st_size * percent[i / 2] / 100 + (off_t)(i % 2)), 0);
        bool silent = check_store(f, &found) == 0;
        if (silent && fingerprint(f) != whole)
            fail_msg("cut at %d %%, and nothing found", percent[i / 2]);
        harmless += silent;
        copy_file(good, db);
    }
    assert_true(harmless <= 2);
    unlink(db);
    assert_int_equal(check_store(f, &found), -1);
    unlink(good);
    buf_release(&found.text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_rule_is_watched),
        T(many_findings_are_counted),
        T(flipped_page_headers_are_found),
        T(any_flipped_byte_is_survived),
        T(cut_files_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
