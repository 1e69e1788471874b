/*
 * test_schema.c - a store of an older version becomes one of this, with all that was in it.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/schema_1.h"
#include "tests/unit/server/store_batch.h"

#include "server/store_scan.h"

/* A team with a site, and one record at position 100 of the stream that batch_init names first. */
static const char rows_1[] =
    "INSERT INTO teams VALUES(1, x'000102030405060708090a0b0c0d0e0f', 'main', 1);"
    "INSERT INTO sites VALUES(1, x'100102030405060708090a0b0c0d0e0f', 1, 'example.com', 0, 1);"
    "INSERT INTO site_hosts VALUES('example.com', 1);"
    "INSERT INTO users VALUES(1, x'200102030405060708090a0b0c0d0e0f', 'owner', 1);"
    "INSERT INTO users VALUES(2, x'210102030405060708090a0b0c0d0e0f', 'other', 1);"
    "INSERT INTO members VALUES(1, 1, 'owner');"
    "INSERT INTO clients VALUES(1, x'300102030405060708090a0b0c0d0e0f', 1, 'web-1',"
    "  'ab' || printf('%062d', 0), 9, NULL, 7);"
    "INSERT INTO grants VALUES(1, 1, 'ingest', 7);"
    "INSERT INTO streams VALUES(1, x'11111111111111111111111111111111');"
    "INSERT INTO lanes VALUES(1, 1, 1, 0, 5, 5);"
    "INSERT INTO records(id, hash, kind, at, path, visitor) VALUES(16777216 + 100, 7, 0, 5, '/', "
    "1);"
    "INSERT INTO nodes VALUES(1, 1, 'web-1');"
    "INSERT INTO batches VALUES(1, x'ab000000000000000000000000000000', zeroblob(32), 1, NULL, 5,"
    " '{\"batch\":\"ab000000-0000-0000-0000-000000000000\",\"stored\":1,\"duplicate\":2,"
    "\"excluded\":0,\"rejected\":[]}');"
    "INSERT INTO batches VALUES(1, x'ac000000000000000000000000000000', zeroblob(32), 1, NULL, 5,"
    " '{\"batch\":\"ac000000-0000-0000-0000-000000000000\",\"stored\":4,\"duplicate\":0,"
    "\"excluded\":1,\"rejected\":[{\"line\":3}]}');"
    "INSERT INTO intervals VALUES(1, 1, 1, 0, 200, 3, 1, '{\"asset\":2}', 'access.log', NULL, 5);"
    "INSERT INTO intervals VALUES(1, 1, 1, 50, 80, 0, 1, '{}', 'access.log', NULL, 6);";

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char path[128];
    sqlite3 *db = NULL;
    f->team = f->site = 1;
    snprintf(f->dir, sizeof(f->dir), "/tmp/logferry-schema-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(path, sizeof(path), "%s/logferry.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, schema_1, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, rows_1, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    *state = f;
    return 0;
}

static void test_from_1(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    f->store = fixture_open(f->dir, false);
    assert_non_null(f->store);
    assert_int_equal(number(f, "SELECT user_version FROM pragma_user_version"), schema_newest());
    batch_init(&b, f, 1);
    add_row(&b, f->site, 0, 100, 7);
    add_row(&b, f->site, 0, 101, 7);
    struct outcome o = fixture_run(f->store, &b.job);
    assert_int_equal(o.result, STORE_OK);
    assert_int_equal(o.duplicate, 1);
    assert_int_equal(o.stored, 1);
    expect_text(f, "SELECT path FROM records WHERE hash = 7 AND at = 5", "/");
    assert_int_equal(number(f, "SELECT count(*) FROM page_extras"), 0);
}

/* A part of a split batch reports no lines: version 1 made an interval of it. */
static void test_parts_of_1_are_no_intervals(void **state)
{
    struct fixture *f = *state;
    f->store = fixture_open(f->dir, false);
    assert_int_equal(number(f, "SELECT count(*) FROM intervals"), 1);
    assert_int_equal(number(f, "SELECT lines FROM intervals"), 3);
}

static void test_answers_of_1(void **state)
{
    static const struct {
        unsigned char id;
        const char *answer;
    } cases[] = {
        {0xab, "{\"batch\":\"ab000000-0000-0000-0000-000000000000\",\"stored\":1,\"duplicate\":2,"
               "\"excluded\":0,\"rejected\":[]}"},
        {0xac, "{\"batch\":\"ac000000-0000-0000-0000-000000000000\",\"stored\":4,\"duplicate\":0,"
               "\"excluded\":1,\"rejected\":[{\"line\":3}]}"},
    };
    struct fixture *f = *state;
    f->store = fixture_open(f->dir, false);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct batch b;
        batch_init(&b, f, cases[i].id);
        memset(b.job.body_hash, 0, sizeof(b.job.body_hash));
        struct outcome o = fixture_run(f->store, &b.job);
        assert_int_equal(o.result, STORE_REPLAYED);
        assert_string_equal(o.answer, cases[i].answer);
    }
}

static void on_node(void *arg, const struct read_day *day)
{
    ++*(int *)arg;
}

/* What was told before there were books of time is told to be missing in them. */
static void test_intervals_of_1_have_no_times(void **state)
{
    static const struct day_filter days[] = {{1, 0, DAY_MS}, {1, 3 * DAY_MS, 4 * DAY_MS}};
    struct fixture *f = *state;
    f->store = fixture_open(f->dir, false);
    struct store_reader *reader = fixture_reader(f);
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        int64_t uncounted = -1;
        int nodes = 0;
        assert_int_equal(store_reader_day(reader, &days[i], on_node, &nodes, &uncounted), 0);
        assert_int_equal(nodes, 0);
        assert_int_equal(uncounted, i ? 0 : 1);
    }
    store_reader_close(reader);
}

static void test_a_reader_migrates_nothing(void **state)
{
    struct fixture *f = *state;
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 1000);
    assert_null(store_reader_open(f->dir, &error, &failure));
    assert_non_null(strstr(buf_cstr(&error), "older schema version 1"));
    assert_int_equal(number(f, "SELECT user_version FROM pragma_user_version"), 1);
    buf_release(&error);
}

/* Whom `init` noted owns the server; a token works as before. */
static void test_people_of_1(void **state)
{
    static const unsigned char token[TOKEN_HASH_BYTES] = {0xab};
    struct fixture *f = *state;
    f->store = fixture_open(f->dir, false);
    struct rights *r = store_rights(f->store);
    const struct user *users;
    assert_int_equal(rights_users(r, &users), 2);
    assert_string_equal(users[0].name.p, "owner");
    assert_int_equal(users[0].instance_role, INSTANCE_OWNER);
    assert_int_equal(users[1].instance_role, INSTANCE_USER);
    assert_int_equal(rights_team_role(r, 1, &users[0]), TEAM_OWNER);
    const struct client *c = rights_client_by_hash(r, token, 8);
    assert_string_equal(c->name.p, "web-1");
    assert_int_equal(c->team, 1);
    assert_int_equal(c->created_ms, 7);
    assert_int_equal(c->updated_ms, 7);
    assert_int_equal(rights_role(r, c, rights_site_by_id(r, 1)), ROLE_INGEST);
    assert_null(rights_client_by_hash(r, token, 10)); /* it expires as it did */
    rights_release(r);
}

/* ---- from 9: columns without countries ----------------------------------------------------- */

/* What version 1 of the columns had of these bytes: a pageview's country was not there. */
static void put_columns_1(sqlite3 *db, int64_t id, struct str bytes)
{
    struct columns c;
    struct buf old;
    sqlite3_stmt *put = NULL;
    buf_init(&old, 1u << 20);
    assert_true(columns_open(&c, bytes));
    if (c.kind == COLUMNS_PAGEVIEWS)
        bytes.n = (size_t)(c.of[COLUMN_COUNTRY].keys - bytes.p) - 8;
    buf_putc(&old, 1);
    buf_put_str(&old, str_slice(bytes, 1, bytes.n));
    sqlite3_prepare_v2(db, "UPDATE columns SET data = ?2 WHERE id = ?1", -1, &put, NULL);
    sqlite3_bind_int64(put, 1, id);
    sqlite3_bind_blob(put, 2, old.p, (int)old.n, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(put), SQLITE_DONE);
    sqlite3_finalize(put);
    buf_release(&old);
}

static const char back_to_9[] =
    "DROP TABLE batches;"
    "CREATE TABLE batches(team INTEGER NOT NULL, id BLOB NOT NULL, body_hash BLOB NOT NULL,"
    "  node INTEGER NOT NULL, job TEXT, received INTEGER NOT NULL, answer TEXT NOT NULL,"
    "  PRIMARY KEY(team, id)) STRICT, WITHOUT ROWID;"
    "ALTER TABLE page_extras DROP COLUMN session_id;"
    "ALTER TABLE teams DROP COLUMN removed;"
    "ALTER TABLE users DROP COLUMN family;"
    "PRAGMA user_version = 9";

static void make_it_9(const struct fixture *f)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    snprintf(path, sizeof(path), "%s/logferry.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_prepare_v2(db, "SELECT id, data FROM columns", -1, &row, NULL);
    while (sqlite3_step(row) == SQLITE_ROW)
        put_columns_1(db, sqlite3_column_int64(row, 0), column_str(row, 1));
    sqlite3_finalize(row);
    assert_int_equal(sqlite3_exec(db, back_to_9, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

struct seen {
    uint32_t all, from_de;
};

static void on_part(void *arg, const struct columns *part)
{
    struct seen *seen = arg;
    seen->all += part->n;
    for (uint32_t i = 0; i < part->n && part->kind == COLUMNS_PAGEVIEWS; i++) {
        uint64_t index;
        columns_read(part, COLUMN_COUNTRY, i, 1, &index);
        seen->from_de +=
            columns_key(part, COLUMN_COUNTRY, (uint32_t)index) == column_key(STR("DE"));
    }
}

static void expect_columns(const struct fixture *f)
{
    struct store_reader *reader = fixture_reader(f);
    struct seen pages = {0}, fetches = {0};
    struct scan_filter filter = {f->site, COLUMNS_PAGEVIEWS, INT64_MIN, INT64_MAX};
    assert_int_equal(store_reader_scan(reader, &filter, on_part, &pages), 0);
    filter.kind = COLUMNS_FETCHES;
    assert_int_equal(store_reader_scan(reader, &filter, on_part, &fetches), 0);
    assert_int_equal(pages.all, 3);
    assert_int_equal(pages.from_de, 2);
    assert_int_equal(fetches.all, 1);
    store_reader_close(reader);
}

static void test_columns_of_9_are_made_anew(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f, 1);
    for (uint64_t i = 0; i < 3; i++)
        add_row(&b, f->site, 0, 100 + i, 7);
    memcpy(b.rows[0].country, "DE", 3);
    memcpy(b.rows[2].country, "DE", 3);
    make_ai_fetch(add_row(&b, f->site, 0, 200, 7));
    assert_int_equal(fixture_run(f->store, &b.job).stored, 4);
    assert_int_equal(fixture_call(f->store, pack_all, NULL), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM columns"), 2);
    store_close(f->store);
    make_it_9(f);
    f->store = fixture_open(f->dir, false);
    assert_int_equal(number(f, "SELECT user_version FROM pragma_user_version"), schema_newest());
    expect_columns(f);
    assert_int_equal(fixture_call(f->store, pack_all, NULL), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM columns"), 2);
    expect_columns(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_from_1),
        T(test_parts_of_1_are_no_intervals),
        T(test_answers_of_1),
        T(test_intervals_of_1_have_no_times),
        T(test_people_of_1),
        T(test_a_reader_migrates_nothing),
        cmocka_unit_test_setup_teardown(test_columns_of_9_are_made_anew, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
