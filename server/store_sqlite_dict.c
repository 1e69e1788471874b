/*
 * store_sqlite_dict.c - numbers for texts that repeat: user agents, hosts, content types (labels),
 * AI agents, nodes, streams.
 *
 * Labels have no index on their text: it would be one more tree with random keys in the hot path. A
 * cache in memory finds what is frequent; what it has forgotten gets a second number, and reports
 * group by the text. The others are few, and unique.
 */
#include "server/store_sqlite_impl.h"

#include <stdlib.h>

#include "parsers/base/hash.h"

#define LABEL_KEEP_BYTES 1024 /* longer ones are stored, not kept */

static struct label_slot *label_slot(struct engine *e, uint64_t hash)
{
    return &e->labels[hash % LABEL_SLOTS];
}

static void label_keep(struct engine *e, uint64_t hash, struct str text, int64_t id)
{
    struct label_slot *slot = label_slot(e, hash);
    char *copy = text.n <= LABEL_KEEP_BYTES ? malloc(text.n + 1) : NULL;
    if (!copy)
        return;
    if (text.n)
        memcpy(copy, text.p, text.n);
    free(slot->text);
    *slot = (struct label_slot){.hash = hash, .id = id, .text = copy, .n = text.n};
}

int64_t label_id(struct engine *e, struct str text)
{
    uint64_t hash = hash_64(text, 0);
    struct label_slot *slot = label_slot(e, hash);
    if (slot->id && slot->hash == hash && slot->n == text.n &&
        memcmp(slot->text, text.p, text.n) == 0)
        return slot->id;
    if (sql_run(e, SQL_PUT_TEXT, "s", text))
        return -1;
    int64_t id = sqlite3_last_insert_rowid(e->db);
    label_keep(e, hash, text, id);
    return id;
}

/* After a start or a rollback: the newest labels, so that what is frequent keeps its number. */
void labels_warm(struct engine *e)
{
    sqlite3_stmt *statement = NULL;
    e->labels_warm = true;
    if (sqlite3_prepare_v2(e->db,
                           "SELECT id, text FROM (SELECT id, text FROM texts ORDER BY id DESC"
                           " LIMIT 8192) ORDER BY id",
                           -1, &statement, NULL) == SQLITE_OK) {
        while (sqlite3_step(statement) == SQLITE_ROW) {
            struct str text = column_str(statement, 1);
            label_keep(e, hash_64(text, 0), text, sqlite3_column_int64(statement, 0));
        }
    }
    sqlite3_finalize(statement);
}

void labels_forget(struct engine *e)
{
    for (size_t i = 0; i < LABEL_SLOTS; i++) {
        free(e->labels[i].text);
        e->labels[i] = (struct label_slot){0};
    }
    e->labels_warm = false;
}

/* The id in the row that a find has left, or else that of a row just put. */
static int64_t found_id(struct engine *e, int found, sqlite3_stmt *row, bool put)
{
    int64_t id = -1;
    if (found == 1) {
        id = sqlite3_column_int64(row, 0);
        sqlite3_reset(row);
    } else if (put) {
        id = sqlite3_last_insert_rowid(e->db);
    }
    return id;
}

int64_t agent_id(struct engine *e, const struct agent *agent)
{
    sqlite3_stmt *row = NULL;
    struct str name = str_of(agent->name), owner = str_of(agent->operator);
    struct str category = str_of(agent_category_name(agent->category));
    int found = sql_find(e, SQL_GET_AGENT, &row, "sss", name, owner, category);
    bool put = found == 0 && sql_run(e, SQL_PUT_AGENT, "sss", name, owner, category) == 0;
    return found_id(e, found, row, put);
}

int64_t node_id(struct engine *e, int64_t team, struct str name)
{
    sqlite3_stmt *row = NULL;
    if (!str_is_set(name))
        name = STR("");
    int found = sql_find(e, SQL_GET_NODE, &row, "is", team, name);
    bool put = found == 0 && sql_run(e, SQL_PUT_NODE, "is", team, name) == 0;
    return found_id(e, found, row, put);
}

int64_t stream_id(struct engine *e, struct hash128 stream)
{
    sqlite3_stmt *row = NULL;
    const void *bytes = stream.b;
    int n = sizeof(stream.b);
    int found = sql_find(e, SQL_GET_STREAM, &row, "b", bytes, n);
    bool put = found == 0 && sql_run(e, SQL_PUT_STREAM, "b", bytes, n) == 0;
    return found_id(e, found, row, put);
}
