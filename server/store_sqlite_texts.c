/* store_sqlite_texts.c - the statements that are kept prepared. */
#include "server/store_sqlite_impl.h"

static const char *const sql_texts[SQL_COUNT] = {
    [SQL_SAVE] = "SAVEPOINT job",
    [SQL_RELEASE] = "RELEASE job",
    [SQL_UNDO] = "ROLLBACK TO job",
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_PUT_PAGEVIEW] =
        "INSERT OR IGNORE INTO records(id, hash, kind, at, host, path, ua, visitor, referrer,"
        " utm_source, utm_medium, utm_campaign, utm_term, utm_content, country)"
        " VALUES(?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [SQL_PUT_AI_FETCH] =
        "INSERT OR IGNORE INTO records(id, hash, kind, at, host, path, ua, agent, status,"
        " content_type, response_ms, bytes, verified)"
        " VALUES(?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [SQL_PUT_PAGE_EXTRAS] =
        "INSERT INTO page_extras(record, viewport_width, viewport_height, screen_width,"
        " screen_height, language, page_id, qr_code_id, session_id)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [SQL_GET_HASH] = "SELECT hash FROM records WHERE id = ?1",
    [SQL_PUT_ODD] = "INSERT OR IGNORE INTO odd(site, stream, pos, hash, record)"
                    " VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_GET_LANE] = "SELECT id, first_at, last_at, packed, open FROM lanes"
                     " WHERE site = ?1 AND stream = ?2 AND chunk = ?3",
    [SQL_PUT_LANE] = "INSERT INTO lanes(site, stream, chunk, first_at, last_at)"
                     " VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_WIDEN_LANE] = "UPDATE lanes SET first_at = min(first_at, ?2), last_at = max(last_at, ?3)"
                       " WHERE id = ?1",
    [SQL_LAST_SINGLE_LANE] = "SELECT chunk, id FROM lanes WHERE site = ?1 AND stream = 0"
                             " ORDER BY chunk DESC LIMIT 1",
    [SQL_LAST_IN_LANE] = "SELECT max(id) FROM records WHERE id >= ?1 AND id < ?2",
    [SQL_PUT_TEXT] = "INSERT INTO texts(text) VALUES(?1)",
    [SQL_GET_AGENT] = "SELECT id FROM agents WHERE name = ?1 AND operator = ?2 AND category = ?3",
    [SQL_PUT_AGENT] = "INSERT INTO agents(name, operator, category) VALUES(?1, ?2, ?3)",
    [SQL_GET_NODE] = "SELECT id FROM nodes WHERE team = ?1 AND name = ?2",
    [SQL_PUT_NODE] = "INSERT INTO nodes(team, name) VALUES(?1, ?2)",
    [SQL_GET_STREAM] = "SELECT id FROM streams WHERE sid = ?1",
    [SQL_PUT_STREAM] = "INSERT INTO streams(sid) VALUES(?1)",
    [SQL_GET_DAY_KEY] = "SELECT key FROM day_keys WHERE day = ?1",
    [SQL_PUT_DAY_KEY] = "INSERT OR REPLACE INTO day_keys(day, key, used) VALUES(?1, ?2, ?3)",
    [SQL_TOUCH_DAY_KEY] = "UPDATE day_keys SET used = ?2 WHERE day = ?1",
    [SQL_PUT_EVENT] = "INSERT INTO events(site, at, name, properties, visitor)"
                      " VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_GET_BATCH] = "SELECT body_hash, stored, duplicate, tail FROM batches"
                      " WHERE team = ?1 AND id = ?2",
    [SQL_PUT_BATCH] = "INSERT INTO batches(team, id, body_hash, received, stored, duplicate, tail)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_PUT_INTERVAL] = "INSERT OR REPLACE INTO intervals(team, node, stream, \"from\", \"to\","
                         " lines, records, skipped, name, job, received, first_quarter,"
                         " last_quarter, skipped_at, records_at)"
                         " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                         " ?15)",
    [SQL_DROP_INTERVAL] = "DELETE FROM intervals WHERE team = ?1 AND node = ?2 AND stream = ?3"
                          " AND \"from\" = ?4 AND \"to\" = ?5",
    [SQL_DROP_WITHIN] =
        "DELETE FROM intervals WHERE team = ?1 AND node = ?2 AND stream = ?3 AND \"from\" >= ?4"
        " AND \"from\" < ?5 AND \"to\" <= ?5",
    [SQL_GET_NEAR] = "SELECT \"from\", \"to\" FROM intervals WHERE team = ?1 AND node = ?2"
                     " AND stream = ?3 AND \"from\" < ?4 ORDER BY \"from\" DESC LIMIT ?5",
    [SQL_GET_REACH] =
        "SELECT max(\"to\") FROM (SELECT \"to\" FROM intervals WHERE team = ?1 AND node = ?2"
        " AND stream = ?3 AND \"from\" <= ?4 AND NOT (\"from\" = ?5 AND \"to\" = ?6)"
        " ORDER BY \"from\" DESC LIMIT 8)",
    [SQL_ADD_PART] = "UPDATE intervals SET records = records + ?6,"
                     " first_quarter = min(first_quarter, ?7),"
                     " last_quarter = max(last_quarter, ?8),"
                     " records_at = CASE '[]' WHEN records_at THEN ?9 WHEN ?9 THEN records_at"
                     " ELSE substr(records_at, 1, length(records_at) - 1) || ',' || substr(?9, 2)"
                     " END"
                     " WHERE team = ?1 AND node = ?2"
                     " AND stream = ?3 AND \"from\" = ?4 AND \"to\" = ?5 AND records + ?6"
                     " + (SELECT coalesce(sum(value), 0) FROM json_each(skipped)) <= lines",
    [SQL_MOVE_REFUSED] =
        "UPDATE intervals SET records_at = json_insert(records_at,"
        " '$[#]', json_array(?6, ?7, 'refused', -?10), '$[#]', json_array(?6, ?8, ?9, ?10))"
        " WHERE team = ?1 AND node = ?2 AND stream = ?3 AND \"from\" = ?4 AND \"to\" = ?5"
        " AND (SELECT sum(value ->> 3) FROM json_each(records_at) WHERE value ->> 0 = ?6"
        " AND value ->> 1 = ?7 AND value ->> 2 = 'refused') >= ?10",
    [SQL_ADD_TALLY] = "INSERT INTO tallies(node, day, batches, stored, duplicate, excluded,"
                      " rejected) VALUES(?1, ?2, 1, ?3, ?4, ?5, ?6)"
                      " ON CONFLICT(node, day) DO UPDATE SET batches = batches + 1,"
                      " stored = stored + ?3, duplicate = duplicate + ?4,"
                      " excluded = excluded + ?5, rejected = rejected + ?6",
    [SQL_DROP_COLUMNS] = "DELETE FROM columns WHERE id >= ?1 AND id < ?2",
    [SQL_PUT_COLUMNS] = "INSERT INTO columns(id, start, upto, n, first_at, last_at, data)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_LAST_COLUMNS] = "SELECT id >> 1 & 127, start, sum(n) FROM columns WHERE id >= ?1"
                         " AND id < ?2 GROUP BY id >> 1 ORDER BY id DESC LIMIT 1",
    [SQL_PACKED_TO] = "SELECT max(upto) FROM columns WHERE id >= ?1 AND id < ?2",
    /* A front that a trigger has drawn back stays back. */
    [SQL_OPEN_LANE] = "UPDATE lanes SET open = 1, packed = min(packed, ?2) WHERE id = ?1",
    [SQL_CLOSE_LANE] = "UPDATE lanes SET open = 0, packed = ?2 WHERE id = ?1",
    [SQL_COUNT_OPEN] = "SELECT count(*) FROM (SELECT 1 FROM records WHERE id >= ?1 AND id < ?2"
                       " LIMIT ?3)",
};

const char *sql_text(enum sql which)
{
    return sql_texts[which];
}
