/*
 * store_sqlite_lanes.c - from (site, stream, position) to a row id, and the times of each lane.
 * See "where a record lies" in store_sqlite_impl.h.
 */
#include "server/store_sqlite_impl.h"

/* A lane's id must leave room for the position's low bits in a positive 64-bit row id. */
#define LANE_ID_MAX (INT64_C(1) << (62 - LANE_BITS))
/* Records without a stream come in any order of time: short lanes keep each one's times narrow. */
#define SINGLES_PER_LANE 16384

static int widen(struct engine *e, struct lane *lane)
{
    lane->dirty = false;
    return sql_run(e, SQL_WIDEN_LANE, "iii", lane->id, lane->first_ms, lane->last_ms);
}

int lanes_flush(struct engine *e)
{
    int status = 0;
    for (size_t i = 0; i < e->n_dirty_lanes && status == 0; i++) {
        struct lane *lane = &e->lanes[e->dirty_lanes[i]];
        if (lane->dirty)
            status = widen(e, lane);
    }
    e->n_dirty_lanes = 0;
    return status;
}

/* Reads or makes the lane; its times are then known to hold at_ms only when it was made here. */
static int load(struct engine *e, struct lane *lane, int64_t at_ms)
{
    sqlite3_stmt *row = NULL;
    int found = sql_find(e, SQL_GET_LANE, &row, "iii", lane->site, lane->stream, lane->chunk);
    if (found == 1) {
        lane->id = sqlite3_column_int64(row, 0);
        lane->first_ms = sqlite3_column_int64(row, 1);
        lane->last_ms = sqlite3_column_int64(row, 2);
        lane->packed = sqlite3_column_int64(row, 3);
        lane->open = sqlite3_column_int(row, 4) != 0;
        sqlite3_reset(row);
        return 0;
    }
    if (found < 0 ||
        sql_run(e, SQL_PUT_LANE, "iiiii", lane->site, lane->stream, lane->chunk, at_ms, at_ms))
        return -1;
    lane->id = sqlite3_last_insert_rowid(e->db);
    lane->first_ms = lane->last_ms = at_ms;
    lane->open = true;
    return lane->id < LANE_ID_MAX ? 0 : -1;
}

static struct lane *find(struct engine *e, int64_t site, int64_t stream, int64_t chunk,
                         int64_t at_ms)
{
    uint64_t mixed = (uint64_t)site * 0x9E3779B97F4A7C15u + (uint64_t)stream * 0xC2B2AE3D27D4EB4Fu +
                     (uint64_t)chunk;
    unsigned index = (unsigned)((mixed ^ mixed >> 29) % LANE_SLOTS);
    struct lane *lane = &e->lanes[index];
    if (lane->id == 0 || lane->site != site || lane->stream != stream || lane->chunk != chunk) {
        if (lane->id && lane->dirty && widen(e, lane))
            return NULL;
        *lane = (struct lane){.site = site, .stream = stream, .chunk = chunk};
        if (load(e, lane, at_ms)) {
            lane->id = 0;
            return NULL;
        }
    }
    if (at_ms >= lane->first_ms && at_ms <= lane->last_ms)
        return lane;
    lane->first_ms = at_ms < lane->first_ms ? at_ms : lane->first_ms;
    lane->last_ms = at_ms > lane->last_ms ? at_ms : lane->last_ms;
    if (lane->dirty)
        return lane;
    /* A full list is possible when slots were replaced while listed: empty it. */
    if (e->n_dirty_lanes == LANE_SLOTS && lanes_flush(e))
        return NULL;
    lane->dirty = true;
    e->dirty_lanes[e->n_dirty_lanes++] = index;
    return lane;
}

int64_t lane_place(struct engine *e, int64_t site, int64_t stream, uint64_t position, int64_t at_ms)
{
    struct lane *lane = e->lane = find(e, site, stream, (int64_t)(position >> LANE_BITS), at_ms);
    return lane ? lane->id << LANE_BITS | (int64_t)(position & (LANE_SPAN - 1)) : -1;
}

/* Where the numbering of a site's single records goes on. */
static int64_t next_single(struct engine *e, int64_t site)
{
    sqlite3_stmt *row = NULL;
    int found = sql_find(e, SQL_LAST_SINGLE_LANE, &row, "i", site);
    if (found <= 0)
        return found;
    int64_t chunk = sqlite3_column_int64(row, 0), lane = sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    found = sql_find(e, SQL_LAST_IN_LANE, &row, "ii", lane << LANE_BITS, (lane + 1) << LANE_BITS);
    if (found <= 0)
        return -1;
    bool empty = sqlite3_column_type(row, 0) == SQLITE_NULL;
    int64_t last = sqlite3_column_int64(row, 0) & (LANE_SPAN - 1);
    sqlite3_reset(row);
    return (chunk << LANE_BITS) + (empty ? 0 : last + 1);
}

int64_t lane_place_single(struct engine *e, int64_t site, int64_t at_ms)
{
    struct single_slot *slot = &e->singles[(uint64_t)site % SINGLE_SLOTS];
    if (slot->site != site) {
        int64_t next = next_single(e, site);
        if (next < 0)
            return -1;
        *slot = (struct single_slot){.site = site, .next = next};
    }
    if ((slot->next & (LANE_SPAN - 1)) >= SINGLES_PER_LANE)
        slot->next = ((slot->next >> LANE_BITS) + 1) << LANE_BITS;
    return lane_place(e, site, NO_STREAM_ID, (uint64_t)slot->next++, at_ms);
}
