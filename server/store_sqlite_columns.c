/*
 * store_sqlite_columns.c - from the rows of a lane to columns. Used by the writer, which keeps them
 * (store_sqlite_pack.c), and by readers, for what it has not packed yet (store_sqlite_scan.c).
 */
#include "server/store_sqlite_impl.h"

#include <stdlib.h>

#include "server/page_path.h"

/* The columns of rows_text. */
enum {
    ROW_ID,
    ROW_KIND,
    ROW_AT,
    ROW_PATH,
    ROW_HOST,
    ROW_UA,
    ROW_VISITOR,
    ROW_AGENT,
    ROW_STATUS,
    ROW_TYPE,
    ROW_MS,
    ROW_BYTES,
    ROW_VERIFIED,
    ROW_REFERRER,
    ROW_UTM,
    ROW_COUNTRY = ROW_UTM + 5
};
static const char rows_text[] =
    "SELECT id, kind, at, path, host, ua, visitor, agent, status, content_type, response_ms, bytes,"
    " verified, referrer, utm_source, utm_medium, utm_campaign, utm_term, utm_content, country"
    " FROM records WHERE id >= ?1 AND id < ?2 ORDER BY id";
static const char extras_text[] = "SELECT record, language, qr_code_id FROM page_extras"
                                  " WHERE record >= ?1 AND record < ?2 ORDER BY record";

#define TYPE_SLOTS 64

struct columnizer {
    sqlite3_stmt *rows, *extras, *texts;
    struct columns_builder *builders[2]; /* by enum columns_kind */
    bool extra;                          /* `extras` stands on a row */
    struct {
        int64_t id; /* 0: empty */
        enum resource_type type;
    } types[TYPE_SLOTS];
    struct buf scratch, bytes;
};

#define BYTES_MAX (64u << 20)

struct columnizer *columnizer_new(sqlite3 *db)
{
    struct columnizer *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    buf_init(&c->scratch, 1u << 20);
    buf_init(&c->bytes, BYTES_MAX);
    for (int kind = 0; kind < 2; kind++)
        c->builders[kind] = columns_builder_new((enum columns_kind)kind);
    if (c->builders[0] && c->builders[1] &&
        sqlite3_prepare_v3(db, rows_text, -1, SQLITE_PREPARE_PERSISTENT, &c->rows, NULL) ==
            SQLITE_OK &&
        sqlite3_prepare_v3(db, extras_text, -1, SQLITE_PREPARE_PERSISTENT, &c->extras, NULL) ==
            SQLITE_OK &&
        sqlite3_prepare_v3(db, "SELECT text FROM texts WHERE id = ?1", -1,
                           SQLITE_PREPARE_PERSISTENT, &c->texts, NULL) == SQLITE_OK)
        return c;
    columnizer_free(c);
    return NULL;
}

void columnizer_free(struct columnizer *c)
{
    if (!c)
        return;
    sqlite3_finalize(c->rows);
    sqlite3_finalize(c->extras);
    sqlite3_finalize(c->texts);
    columns_builder_free(c->builders[0]);
    columns_builder_free(c->builders[1]);
    buf_release(&c->scratch);
    buf_release(&c->bytes);
    free(c);
}

/* ---- one record --------------------------------------------------------------------------- */

static enum resource_type type_of(struct columnizer *c, int64_t id)
{
    size_t slot = (size_t)id % TYPE_SLOTS;
    if (id == 0)
        return resource_type_of(STR_NONE);
    if (c->types[slot].id != id) {
        sqlite3_bind_int64(c->texts, 1, id);
        struct str text = sqlite3_step(c->texts) == SQLITE_ROW ? column_str(c->texts, 0) : STR_NONE;
        c->types[slot].type = resource_type_of(text);
        c->types[slot].id = id;
        sqlite3_reset(c->texts);
    }
    return c->types[slot].type;
}

static void put_path(struct columnizer *c, struct columns_builder *b, struct str path)
{
    if (columns_put_key(b, COLUMN_PATH, column_key(path)))
        columns_put_key(b, COLUMN_PAGE, column_key(page_of_path(path, &c->scratch)));
    else
        columns_put_as(b, COLUMN_PAGE, COLUMN_PATH);
}

static void put_fetch(struct columnizer *c, struct columns_builder *b)
{
    struct str path = column_str(c->rows, ROW_PATH);
    bool verified = sqlite3_column_type(c->rows, ROW_VERIFIED) != SQLITE_NULL;
    put_path(c, b, path);
    columns_put_key(b, COLUMN_PREFIX, column_key(prefix_of_path(path)));
    columns_put_key(b, COLUMN_AGENT, (uint64_t)sqlite3_column_int64(c->rows, ROW_AGENT));
    columns_put(b, COLUMN_STATUS, (uint64_t)sqlite3_column_int64(c->rows, ROW_STATUS));
    columns_put(b, COLUMN_TYPE, type_of(c, sqlite3_column_int64(c->rows, ROW_TYPE)));
    if (sqlite3_column_type(c->rows, ROW_MS) != SQLITE_NULL)
        columns_put(b, COLUMN_MS, (uint64_t)sqlite3_column_int64(c->rows, ROW_MS) + 1);
    columns_put(b, COLUMN_BYTES, (uint64_t)sqlite3_column_int64(c->rows, ROW_BYTES));
    if (verified)
        columns_put(b, COLUMN_VERIFIED, sqlite3_column_int(c->rows, ROW_VERIFIED) ? 1 : 2);
}

static uint64_t ai_source_key(struct str referrer, struct str path)
{
    const char *name = ai_source_of(referrer, path);
    return name ? column_key(str_of(name)) : 0;
}

static void put_extras(struct columnizer *c, struct columns_builder *b, int64_t id)
{
    while (c->extra && sqlite3_column_int64(c->extras, 0) < id)
        c->extra = sqlite3_step(c->extras) == SQLITE_ROW;
    bool own = c->extra && sqlite3_column_int64(c->extras, 0) == id;
    columns_put_key(b, COLUMN_LANGUAGE, own ? column_key(column_str(c->extras, 1)) : 0);
    columns_put_key(b, COLUMN_QR_CODE, own ? column_key(column_str(c->extras, 2)) : 0);
}

static void put_pageview(struct columnizer *c, struct columns_builder *b)
{
    struct str path = column_str(c->rows, ROW_PATH), referrer = column_str(c->rows, ROW_REFERRER);
    put_path(c, b, path);
    columns_put_key(b, COLUMN_VISITOR, (uint64_t)sqlite3_column_int64(c->rows, ROW_VISITOR));
    if (columns_put_key(b, COLUMN_REFERRER, column_key(referrer)))
        columns_put_key(b, COLUMN_REFERRER_HOST, column_key(referrer_host(referrer)));
    else
        columns_put_as(b, COLUMN_REFERRER_HOST, COLUMN_REFERRER);
    columns_put_key(b, COLUMN_AI_SOURCE, ai_source_key(referrer, path));
    for (int i = 0; i < 5; i++)
        columns_put_key(b, (enum column_id)(COLUMN_UTM_SOURCE + i),
                        column_key(column_str(c->rows, ROW_UTM + i)));
    columns_put_key(b, COLUMN_COUNTRY, column_key(column_str(c->rows, ROW_COUNTRY)));
    put_extras(c, b, sqlite3_column_int64(c->rows, ROW_ID));
}

static void put_record(struct columnizer *c)
{
    bool fetch = sqlite3_column_int(c->rows, ROW_KIND) == KIND_AI_FETCH;
    struct columns_builder *b = c->builders[fetch ? COLUMNS_FETCHES : COLUMNS_PAGEVIEWS];
    columns_begin(b, sqlite3_column_int64(c->rows, ROW_AT),
                  (uint32_t)(sqlite3_column_int64(c->rows, ROW_ID) & (LANE_SPAN - 1)));
    columns_put_key(b, COLUMN_HOST, (uint64_t)sqlite3_column_int64(c->rows, ROW_HOST));
    columns_put_key(b, COLUMN_UA, (uint64_t)sqlite3_column_int64(c->rows, ROW_UA));
    if (fetch)
        put_fetch(c, b);
    else
        put_pageview(c, b);
}

/* ---- a lane ------------------------------------------------------------------------------- */

static int emit(struct columnizer *c, struct columns_chunk *chunk, columnizer_take *take, void *arg)
{
    for (int kind = 0; kind < 2; kind++) {
        struct columns_builder *b = c->builders[kind];
        chunk->kind = (enum columns_kind)kind;
        chunk->n = columns_builder_count(b);
        buf_reset(&c->bytes);
        if (chunk->n == 0)
            continue;
        if (columns_write(b, &c->bytes))
            return -1;
        chunk->bytes = buf_str(&c->bytes);
        columns_builder_reset(b);
        if (take(arg, chunk))
            return -1;
    }
    chunk->from = chunk->to;
    return 0;
}

static int read_rows(struct columnizer *c, struct columns_chunk *chunk, columnizer_take *take,
                     void *arg)
{
    int code;
    uint32_t n = 0;
    while ((code = sqlite3_step(c->rows)) == SQLITE_ROW) {
        chunk->to = (sqlite3_column_int64(c->rows, ROW_ID) & (LANE_SPAN - 1)) + 1;
        put_record(c);
        if (++n < COLUMNS_MAX_RECORDS)
            continue;
        n = 0;
        if (emit(c, chunk, take, arg))
            return -1;
    }
    return code == SQLITE_DONE && (n == 0 || emit(c, chunk, take, arg) == 0) ? 0 : -1;
}

int columnizer_run(struct columnizer *c, int64_t lane, int64_t from, columnizer_take *take,
                   void *arg)
{
    struct columns_chunk chunk = {.from = from, .to = from};
    sqlite3_stmt *const both[] = {c->rows, c->extras};
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        sqlite3_bind_int64(both[i], 1, lane << LANE_BITS | from);
        sqlite3_bind_int64(both[i], 2, (lane + 1) << LANE_BITS);
    }
    columns_builder_reset(c->builders[0]);
    columns_builder_reset(c->builders[1]);
    c->extra = sqlite3_step(c->extras) == SQLITE_ROW;
    int status = read_rows(c, &chunk, take, arg);
    sqlite3_reset(c->rows);
    sqlite3_reset(c->extras);
    return status;
}
