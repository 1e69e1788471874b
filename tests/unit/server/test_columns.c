/*
 * test_columns.c - what a scan gives is what the rows say: after any order of batches, late rows,
 * packing, deletions and restarts.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_batch.h"

#include "parsers/ai_referrer.h"
#include "server/page_path.h"
#include "server/store_scan.h"
#include "server/store_sqlite_impl.h"

#define MANY 12000

static uint64_t seed = 88172645463325252u;

static unsigned chance(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

/* ---- putting, packing, deleting ------------------------------------------------------------ */

struct random_batch {
    struct batch batch;
    struct store_row rows[MANY];
    char texts[MANY][96];
};

static void make_row(struct random_batch *r, size_t i, struct fixture *f, uint64_t at)
{
    static const char *const referrers[] = {NULL, "https://chatgpt.com/",
                                            "https://www.a.example/x"};
    struct store_row *row = &r->rows[i];
    struct record *record = &row->record;
    static const char countries[][3] = {"", "DE", "FR"};
    const char *referrer = referrers[chance(3)];
    *row = (struct store_row){.site = chance(3) ? f->site : f->second, .stream = chance(2)};
    *record = (struct record){.at = at,
                              .line_hash = chance(3),
                              .time_ms = NOON + (int64_t)chance(40 * 86400) * 1000,
                              .user_agent = chance(2),
                              .response_ms = chance(2) ? HIT_NO_NUMBER : (int64_t)chance(300),
                              .bytes_served = (int64_t)chance(100000)};
    snprintf(r->texts[i], sizeof(r->texts[i]), "https://example.com/%c/%u?utm_source=s%u&x=%u",
             'a' + (int)chance(3), chance(50), chance(3), chance(2));
    if (chance(2)) {
        record->url = str_of(r->texts[i]);
        record->visitor_ip = chance(2) ? STR("192.0.2.1") : STR("192.0.2.2");
        record->referrer = referrer ? str_of(referrer) : STR_NONE;
        memcpy(row->country, countries[chance(COUNT_OF(countries))], 3);
        return;
    }
    record->kind = RECORD_AI_FETCH;
    record->path = str_of(r->texts[i] + 19);
    record->hostname = chance(2) ? STR("example.com") : STR_NONE;
    record->status_code = chance(2) ? 200 : 404;
    record->content_type = chance(2) ? STR("image/png") : STR_NONE;
    record->verified = chance(2) ? STR("no") : STR_NONE;
}

/* With `behind` rows one behind the other from there on, else anywhere. */
static uint64_t put_batch(struct fixture *f, struct random_batch *r, size_t n, uint64_t behind)
{
    static unsigned char id;
    batch_init(&r->batch, f, ++id);
    r->batch.job.rows = r->rows;
    r->batch.job.n_rows = n;
    for (size_t i = 0; i < n; i++)
        make_row(r, i, f, behind ? behind + i : chance(40000));
    struct outcome o = fixture_run(f->store, &r->batch.job);
    assert_int_equal(o.result, STORE_OK);
    return o.stored;
}

static int pack_due(struct store_session *session, void *arg)
{
    bool more;
    (void)arg;
    return pack_next(session->engine, false, &more);
}

/* As retention and purges do it. */
static int delete_some(struct store_session *session, void *arg)
{
    struct engine *e = session->engine;
    int64_t from_ms = NOON + (int64_t)chance(40) * DAY_MS, to_ms = from_ms + DAY_MS;
    (void)arg;
    memset(e->lanes, 0, sizeof(e->lanes));
    return sql_run_text(e, "DELETE FROM records WHERE at >= ?1 AND at < ?2", "ii", from_ms, to_ms);
}

/* ---- comparing ----------------------------------------------------------------------------- */

struct scanned {
    struct store_reader *reader;
    sqlite3_stmt *row; /* of one record, all its columns */
    size_t n;
    int64_t sum;
};

enum {
    AT,
    KIND,
    PATH,
    HOST,
    UA,
    VISITOR,
    AGENT,
    STATUS,
    TYPE,
    MS,
    BYTES,
    VERIFIED,
    REFERRER,
    UTM,
    COUNTRY
};

static uint64_t key_at(const struct columns *part, enum column_id id, uint32_t i)
{
    uint64_t index;
    columns_read(part, id, i, 1, &index);
    uint64_t key = columns_key(part, id, (uint32_t)index);
    assert_true(columns_sample(part, id, (uint32_t)index) >= part->lane);
    return key;
}

static uint64_t number_at(const struct columns *part, enum column_id id, uint32_t i)
{
    uint64_t value;
    columns_read(part, id, i, 1, &value);
    return value;
}

static struct str text(sqlite3_stmt *row, int column)
{
    return column_str(row, column);
}

static void compare_fetch(const struct columns *part, uint32_t i, sqlite3_stmt *row)
{
    uint64_t ms = number_at(part, COLUMN_MS, i), verified = number_at(part, COLUMN_VERIFIED, i);
    assert_int_equal(key_at(part, COLUMN_AGENT, i), sqlite3_column_int64(row, AGENT));
    assert_int_equal(number_at(part, COLUMN_STATUS, i), sqlite3_column_int64(row, STATUS));
    assert_int_equal(number_at(part, COLUMN_TYPE, i), resource_type_of(text(row, TYPE)));
    assert_int_equal(ms == 0, sqlite3_column_type(row, MS) == SQLITE_NULL);
    assert_int_equal(ms ? ms - 1 : 0, sqlite3_column_int64(row, MS));
    assert_int_equal(number_at(part, COLUMN_BYTES, i), sqlite3_column_int64(row, BYTES));
    assert_int_equal(verified == 0, sqlite3_column_type(row, VERIFIED) == SQLITE_NULL);
    assert_int_equal(verified == 1, sqlite3_column_int(row, VERIFIED));
    assert_int_equal(key_at(part, COLUMN_PREFIX, i), column_key(prefix_of_path(text(row, PATH))));
}

static void compare_page(const struct columns *part, uint32_t i, sqlite3_stmt *row)
{
    const char *source = ai_referrer(text(row, REFERRER), STR("utm_source=s1"));
    assert_int_equal(key_at(part, COLUMN_VISITOR, i), sqlite3_column_int64(row, VISITOR));
    assert_int_equal(key_at(part, COLUMN_REFERRER, i), column_key(text(row, REFERRER)));
    assert_int_equal(key_at(part, COLUMN_REFERRER_HOST, i),
                     column_key(referrer_host(text(row, REFERRER))));
    assert_int_equal(key_at(part, COLUMN_UTM_SOURCE, i), column_key(text(row, UTM)));
    assert_int_equal(key_at(part, COLUMN_UTM_TERM, i), 0);
    assert_int_equal(key_at(part, COLUMN_AI_SOURCE, i), source ? column_key(str_of(source)) : 0);
    assert_int_equal(key_at(part, COLUMN_COUNTRY, i), column_key(text(row, COUNTRY)));
}

static void compare_record(struct scanned *s, const struct columns *part, uint32_t i)
{
    struct buf scratch;
    int64_t id = part->lane | (int64_t)number_at(part, COLUMN_ROW, i);
    sqlite3_reset(s->row);
    sqlite3_bind_int64(s->row, 1, id);
    assert_int_equal(sqlite3_step(s->row), SQLITE_ROW);
    buf_init(&scratch, 1000);
    assert_int_equal(part->first_ms + (int64_t)number_at(part, COLUMN_AT, i),
                     sqlite3_column_int64(s->row, AT));
    assert_int_equal(part->kind == COLUMNS_FETCHES, sqlite3_column_int(s->row, KIND));
    assert_int_equal(key_at(part, COLUMN_PATH, i), column_key(text(s->row, PATH)));
    assert_int_equal(key_at(part, COLUMN_PAGE, i),
                     column_key(page_of_path(text(s->row, PATH), &scratch)));
    assert_int_equal(key_at(part, COLUMN_HOST, i), sqlite3_column_int64(s->row, HOST));
    assert_int_equal(key_at(part, COLUMN_UA, i), sqlite3_column_int64(s->row, UA));
    if (part->kind == COLUMNS_FETCHES)
        compare_fetch(part, i, s->row);
    else
        compare_page(part, i, s->row);
    buf_release(&scratch);
    s->n++;
    s->sum += id;
}

static void on_part(void *arg, const struct columns *part)
{
    for (uint32_t i = 0; i < part->n; i++)
        compare_record(arg, part, i);
}

/* Every record of both sites once, each value as its row has it. */
static void compare(struct fixture *f)
{
    static const char row[] =
        "SELECT at, kind, path, host, ua, visitor, agent, status, (SELECT text FROM texts"
        " WHERE id = content_type), response_ms, bytes, verified, referrer, utm_source,"
        " country"
        " FROM records WHERE id = ?1";
    struct scanned s = {0};
    s.reader = fixture_reader(f);
    assert_int_equal(sqlite3_prepare_v2(s.reader->db, row, -1, &s.row, NULL), SQLITE_OK);
    for (int kind = 0; kind < 2; kind++)
        for (int site = 0; site < 2; site++) {
            struct scan_filter filter = {site ? f->site : f->second, (enum columns_kind)kind,
                                         INT64_MIN, INT64_MAX};
            assert_int_equal(store_reader_scan(s.reader, &filter, on_part, &s), 0);
        }
    assert_int_equal(s.n, number(f, "SELECT count(*) FROM records"));
    assert_int_equal(s.sum, number(f, "SELECT coalesce(sum(id), 0) FROM records"));
    sqlite3_finalize(s.row);
    store_reader_close(s.reader);
}

/* ---- the tests ----------------------------------------------------------------------------- */

static void scans_are_the_rows(void **state)
{
    struct fixture *f = *state;
    struct random_batch *r = calloc(1, sizeof(*r));
    int64_t packed = 0;
    for (int round = 0; round < 40; round++) {
        switch (chance(6)) {
        case 0:
        case 1:
            assert_int_equal(fixture_call(f->store, pack_all, NULL), 0);
            packed += number(f, "SELECT count(*) FROM columns");
            break;
        case 2:
            assert_int_equal(fixture_call(f->store, delete_some, NULL), 0);
            break;
        case 3:
            store_close(f->store);
            f->store = fixture_open(f->dir, false);
            break;
        default:
            put_batch(f, r, 1 + chance(200), 0);
        }
        compare(f);
    }
    assert_true(packed > 10);
    free(r);
}

/* One behind the other, in batches of what one may hold. */
static uint64_t put_run(struct fixture *f, struct random_batch *r, size_t n, uint64_t behind)
{
    uint64_t stored = 0;
    for (size_t at = 0, now; at < n; at += now) {
        now = n - at < BATCH_MAX_RECORDS ? n - at : BATCH_MAX_RECORDS;
        stored += put_batch(f, r, now, behind + at);
    }
    return stored;
}

/* A lane that grows is packed in parts of a few thousand rows, the last small one anew. */
static void fronts_move(void **state)
{
    struct fixture *f = *state;
    struct random_batch *r = calloc(1, sizeof(*r));
    static const struct {
        size_t rows;
        int64_t parts;                              /* 2 sites, 2 streams, 2 kinds */
    } steps[] = {{3000, 8}, {MANY, 8}, {3000, 12}}; /* two lanes' first parts are large enough */
    uint64_t behind = 1;
    assert_int_equal(put_batch(f, r, 3000, behind), 3000);
    assert_int_equal(fixture_call(f->store, pack_due, NULL), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM columns"), 0); /* too few, too fresh */
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        behind += MANY;
        assert_int_equal(put_run(f, r, steps[i].rows, behind), steps[i].rows);
        assert_int_equal(fixture_call(f->store, pack_all, NULL), 0);
        assert_int_equal(number(f, "SELECT count(*) FROM columns"), steps[i].parts);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM lanes WHERE open = 1"), 0);
    compare(f);
    free(r);
}

/* A thousand rows of one lane, then a later one, an earlier one, a deleted one. */
static void what_undoes_columns(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    static const struct {
        uint64_t at;
        int64_t packed;
    } steps[] = {{100, 0}, {200, 101}, {50, 0}, {300, 301}};
    for (unsigned char i = 0; i < COUNT_OF(steps); i++) {
        batch_init(&b, f, (unsigned char)(i + 1));
        add_row(&b, f->site, 0, steps[i].at, i);
        assert_int_equal(fixture_run(f->store, &b.job).stored, 1);
        if (i != 3)
            assert_int_equal(number(f, "SELECT packed FROM lanes"), steps[i].packed);
        assert_int_equal(fixture_call(f->store, pack_all, NULL), 0);
        compare(f);
    }
    assert_int_equal(number(f, "SELECT packed FROM lanes"), 301);
    batch_init(&b, f, 9);
    add_row(&b, f->site, 0, 50, 2); /* a duplicate changes nothing */
    assert_int_equal(fixture_run(f->store, &b.job).duplicate, 1);
    assert_int_equal(number(f, "SELECT packed FROM lanes"), 301);
    assert_int_equal(fixture_call(f->store, delete_some, NULL), 0);
    assert_int_equal(number(f, "SELECT packed FROM lanes"), 301); /* nothing of that time */
}

static void broken_bytes_are_refused(void **state)
{
    struct columns_builder *b = columns_builder_new(COLUMNS_FETCHES);
    struct columns c;
    struct buf bytes;
    (void)state;
    buf_init(&bytes, 10000);
    assert_int_equal(columns_write(b, &bytes), -1); /* nothing in it */
    for (uint32_t i = 0; i < 3; i++) {
        columns_begin(b, 1000 - i, i);
        for (int id = 0; id < COLUMN_COUNT; id++)
            if (columns_has(COLUMNS_FETCHES, (enum column_id)id) &&
                !column_is_number((enum column_id)id))
                columns_put_key(b, (enum column_id)id, i * 70000);
        columns_put(b, COLUMN_BYTES, UINT64_C(1) << 40);
    }
    assert_int_equal(columns_write(b, &bytes), 0);
    for (size_t n = 0; n < bytes.n; n++)
        assert_false(columns_open(&c, str_slice(buf_str(&bytes), 0, n)));
    assert_true(columns_open(&c, buf_str(&bytes)));
    assert_int_equal(number_at(&c, COLUMN_BYTES, 2), INT64_C(1) << 40);
    assert_int_equal(c.first_ms, 998);
    assert_int_equal(key_at(&c, COLUMN_PATH, 2), 140000);
    columns_builder_free(b);
    buf_release(&bytes);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(scans_are_the_rows),
        T(fronts_move),
        T(what_undoes_columns),
        cmocka_unit_test(broken_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
