/*
 * store_sqlite_pack.c - keeps the records of lanes as columns too (columns.h), which is what
 * reports read: hundreds of times faster than rows.
 *
 * Of each lane a front is packed: the rows below lanes.packed, in parts. Rows are packed by the
 * writer when it has nothing else to do, and every few seconds when it always has; a scan packs
 * what is behind the front on the fly. So nothing that is stored waits for packing, and an answer
 * never depends on it.
 *
 * Columns are thrown away whole when a row comes in before the front (row_packed), and, by triggers
 * of the schema, when a row is deleted: nobody who deletes records has to think of it.
 */
#include "server/store_sqlite_impl.h"

#define PART_ROWS 4096 /* a part with fewer is packed anew together with what has come since */
#define PARTS_MAX 128  /* of a lane; what is behind them stays rows */
#define QUIET_MS (INT64_C(3600) * 1000) /* then the rest of a lane is packed, however few */
#define LANES_A_GO 64

/* ---- what a put means for the columns ------------------------------------------------------ */

static int64_t first_column(int64_t lane)
{
    return lane << 8;
}

static int forget(struct engine *e, struct lane *lane)
{
    if (sql_run(e, SQL_DROP_COLUMNS, "ii", first_column(lane->id), first_column(lane->id + 1)))
        return -1;
    lane->packed = 0;
    lane->open = false;
    return 0;
}

int row_packed(struct engine *e, int64_t id)
{
    struct lane *lane = e->lane;
    lane->fresh++;
    lane->touched_ms = e->now_ms;
    if (lane->open && (id & (LANE_SPAN - 1)) >= lane->packed)
        return 0;
    if ((id & (LANE_SPAN - 1)) < lane->packed && forget(e, lane))
        return -1;
    lane->open = true;
    return sql_run(e, SQL_OPEN_LANE, "ii", lane->id, lane->packed);
}

/* ---- packing ------------------------------------------------------------------------------ */

struct pack {
    struct engine *e;
    int64_t lane, part, packed;
};

static int put_part(void *arg, const struct columns_chunk *chunk)
{
    struct pack *p = arg;
    struct columns c;
    if (chunk->from != p->packed) { /* the next chunk begins */
        p->part++;
        p->packed = chunk->from;
    }
    if (p->part >= PARTS_MAX)
        return 0;
    const void *bytes = chunk->bytes.p;
    if (!columns_open(&c, chunk->bytes))
        return -1;
    return sql_run(p->e, SQL_PUT_COLUMNS, "iiiiiib",
                   first_column(p->lane) | p->part << 1 | (int64_t)chunk->kind, chunk->from,
                   chunk->to, (int64_t)chunk->n, c.first_ms, c.last_ms, bytes, (int)chunk->bytes.n);
}

/* Where to go on: behind the last part, or at its beginning when it is a small one. */
static int begin_at(struct pack *p)
{
    sqlite3_stmt *row = NULL;
    int64_t first = first_column(p->lane);
    int found = sql_find(p->e, SQL_LAST_COLUMNS, &row, "ii", first, first_column(p->lane + 1));
    if (found <= 0)
        return found;
    int64_t part = sqlite3_column_int64(row, 0), from = sqlite3_column_int64(row, 1);
    bool small = sqlite3_column_int64(row, 2) < PART_ROWS;
    sqlite3_reset(row);
    p->part = small ? part : part + 1;
    p->packed = small ? from : p->packed;
    return small ? sql_run(p->e, SQL_DROP_COLUMNS, "ii", first | part << 1, first | (part + 1) << 1)
                 : 0;
}

static struct lane *cached(struct engine *e, int64_t id)
{
    for (size_t i = 0; i < LANE_SLOTS; i++)
        if (e->lanes[i].id == id)
            return &e->lanes[i];
    return NULL;
}

static int pack_lane(struct engine *e, int64_t id, int64_t packed)
{
    struct pack p = {.e = e, .lane = id, .packed = packed};
    struct lane *lane = cached(e, id);
    sqlite3_stmt *row = NULL;
    if (!e->columnizer && !(e->columnizer = columnizer_new(e->db)))
        return -1;
    if (begin_at(&p) || columnizer_run(e->columnizer, id, p.packed, put_part, &p) ||
        sql_find(e, SQL_PACKED_TO, &row, "ii", first_column(id), first_column(id + 1)) < 0)
        return -1;
    packed = row ? sqlite3_column_int64(row, 0) : 0;
    if (row)
        sqlite3_reset(row);
    if (lane) {
        lane->packed = packed;
        lane->open = false;
        lane->fresh = 0;
    }
    return sql_run(e, SQL_CLOSE_LANE, "ii", id, packed);
}

/* ---- which lane --------------------------------------------------------------------------- */

struct open_lane {
    int64_t id, packed;
    bool followed; /* its stream goes on in another lane */
};

/* Has it at least so many rows behind its front? */
static bool has_rows(struct engine *e, const struct open_lane *lane)
{
    sqlite3_stmt *row = NULL;
    int64_t most = PART_ROWS, first = lane->id << LANE_BITS;
    if (sql_find(e, SQL_COUNT_OPEN, &row, "iii", first | lane->packed, first + LANE_SPAN, most) !=
        1)
        return false;
    int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return n == most;
}

static bool is_due(struct engine *e, const struct open_lane *lane)
{
    const struct lane *slot = cached(e, lane->id);
    int64_t touched_ms = slot && slot->touched_ms ? slot->touched_ms : e->opened_ms;
    if (lane->followed || e->now_ms - touched_ms >= QUIET_MS)
        return true;
    return slot && slot->touched_ms ? slot->fresh >= PART_ROWS : has_rows(e, lane);
}

static int open_lanes(struct engine *e, struct open_lane lanes[LANES_A_GO], size_t *n)
{
    static const char text[] =
        "SELECT l.id, l.packed, EXISTS(SELECT 1 FROM lanes f WHERE f.site = l.site"
        " AND f.stream = l.stream AND f.chunk > l.chunk) FROM lanes l"
        " WHERE l.open = 1 AND l.id > ?1 ORDER BY l.id LIMIT 64";
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(e->db, text, -1, &row, NULL);
    *n = 0;
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, e->pack_cursor);
        while (*n < LANES_A_GO && (code = sqlite3_step(row)) == SQLITE_ROW)
            lanes[(*n)++] = (struct open_lane){.id = sqlite3_column_int64(row, 0),
                                               .packed = sqlite3_column_int64(row, 1),
                                               .followed = sqlite3_column_int(row, 2)};
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : -1;
}

int pack_next(struct engine *e, bool all, bool *more)
{
    struct open_lane lanes[LANES_A_GO];
    size_t n = 0;
    *more = false;
    if (open_lanes(e, lanes, &n))
        return -1;
    for (size_t i = 0; i < n; i++) {
        e->pack_cursor = lanes[i].id;
        if (!all && !is_due(e, &lanes[i]))
            continue;
        *more = true;
        return pack_lane(e, lanes[i].id, lanes[i].packed);
    }
    if (n < LANES_A_GO)
        e->pack_cursor = 0;
    else
        *more = true;
    return 0;
}

bool engine_pack(struct engine *e, int64_t now_ms)
{
    bool more = false;
    if (engine_begin(e, now_ms) != ENGINE_OK)
        return false;
    if (pack_next(e, false, &more) == 0 && engine_commit(e) == ENGINE_OK)
        return more;
    engine_rollback(e);
    return false;
}
