/*
 * store_sqlite_nodes.c - the ledger: what each node has said about its lines, and what its batches
 * came to.
 */
#include "server/store_sqlite_impl.h"

static const char node_text[] =
    "SELECT n.id, coalesce(t.name, u.name), n.name,"
    " (SELECT coalesce(sum(lines), 0) FROM intervals i WHERE i.team = n.team AND i.node = n.id"
    "   AND (?1 = 0 OR i.stream IN (SELECT stream FROM lanes WHERE site = ?1))),"
    " (SELECT coalesce(sum(records), 0) FROM intervals i WHERE i.team = n.team AND i.node = n.id"
    "   AND (?1 = 0 OR i.stream IN (SELECT stream FROM lanes WHERE site = ?1))),"
    " (SELECT coalesce(sum(batches), 0) FROM tallies y WHERE y.node = n.id),"
    " (SELECT coalesce(sum(stored), 0) FROM tallies y WHERE y.node = n.id),"
    " (SELECT coalesce(sum(duplicate), 0) FROM tallies y WHERE y.node = n.id),"
    " (SELECT coalesce(sum(excluded), 0) FROM tallies y WHERE y.node = n.id),"
    " (SELECT coalesce(sum(rejected), 0) FROM tallies y WHERE y.node = n.id)"
    " FROM nodes n LEFT JOIN teams t ON t.id = n.team LEFT JOIN users u ON u.id = -n.team"
    " WHERE coalesce(t.id, u.id) IS NOT NULL ORDER BY 2, n.name";

static const char skipped_text[] =
    "SELECT j.key, sum(j.value) FROM intervals i, json_each(i.skipped) j"
    " WHERE i.team = (SELECT team FROM nodes WHERE id = ?2) AND i.node = ?2"
    " AND (?1 = 0 OR i.stream IN (SELECT stream FROM lanes WHERE site = ?1)) GROUP BY j.key";

/* In the order of their key: how far do those before each one reach into it? */
static const char overlap_text[] =
    "SELECT count(*), coalesce(sum(min(\"to\", reach) - \"from\"), 0) FROM (SELECT \"from\","
    " \"to\", max(\"to\") OVER (PARTITION BY stream ORDER BY \"from\", \"to\""
    " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach FROM intervals i"
    " WHERE i.team = (SELECT team FROM nodes WHERE id = ?2) AND i.node = ?2"
    " AND (?1 = 0 OR i.stream IN (SELECT stream FROM lanes WHERE site = ?1)))"
    " WHERE reach > \"from\"";

void skips_add(struct read_skips *to, struct str reason, int64_t n)
{
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        if (str_eq(reason, str_of(reason_name((enum reason)i)))) {
            to->by_reason[i] += n;
            return;
        }
    }
    to->other += n;
}

static int read_skipped(sqlite3_stmt *row, struct read_node *node, int64_t site, int64_t id)
{
    int code;
    sqlite3_bind_int64(row, 1, site);
    sqlite3_bind_int64(row, 2, id);
    while ((code = sqlite3_step(row)) == SQLITE_ROW)
        skips_add(&node->skipped, column_str(row, 0), sqlite3_column_int64(row, 1));
    sqlite3_reset(row);
    return code == SQLITE_DONE ? 0 : -1;
}

static int read_overlap(sqlite3_stmt *row, struct read_node *node, int64_t site, int64_t id)
{
    sqlite3_bind_int64(row, 1, site);
    sqlite3_bind_int64(row, 2, id);
    bool found = sqlite3_step(row) == SQLITE_ROW;
    if (found) {
        node->overlapping = sqlite3_column_int64(row, 0);
        node->overlapping_bytes = sqlite3_column_int64(row, 1);
    }
    sqlite3_reset(row);
    return found ? 0 : -1;
}

static struct read_node node_of(sqlite3_stmt *row)
{
    return (struct read_node){.team = column_str(row, 1),
                              .name = column_str(row, 2),
                              .lines = sqlite3_column_int64(row, 3),
                              .records = sqlite3_column_int64(row, 4),
                              .batches = sqlite3_column_int64(row, 5),
                              .stored = sqlite3_column_int64(row, 6),
                              .duplicate = sqlite3_column_int64(row, 7),
                              .excluded = sqlite3_column_int64(row, 8),
                              .rejected = sqlite3_column_int64(row, 9)};
}

int store_reader_nodes(struct store_reader *r, int64_t site,
                       void (*on_node)(void *arg, const struct read_node *node), void *arg)
{
    static const char *const texts[] = {node_text, skipped_text, overlap_text};
    sqlite3_stmt *rows[3] = {NULL};
    int code = SQLITE_DONE, status = reader_begin(r);
    bool begun = status == 0;
    for (int i = 0; i < 3 && status == 0; i++)
        status = sqlite3_prepare_v2(r->db, texts[i], -1, &rows[i], NULL) == SQLITE_OK ? 0 : -1;
    if (status == 0)
        sqlite3_bind_int64(rows[0], 1, site);
    while (status == 0 && (code = sqlite3_step(rows[0])) == SQLITE_ROW) {
        struct read_node node = node_of(rows[0]);
        int64_t id = sqlite3_column_int64(rows[0], 0);
        if (read_skipped(rows[1], &node, site, id) || read_overlap(rows[2], &node, site, id))
            status = -1;
        else
            on_node(arg, &node);
    }
    for (int i = 0; i < 3; i++)
        sqlite3_finalize(rows[i]);
    status = code == SQLITE_DONE ? status : -1;
    return begun ? reader_end(r, status) : -1;
}

int64_t read_skips_sum(const struct read_skips *skips)
{
    int64_t sum = skips->other;
    for (int i = 0; i < REASON_COUNT; i++)
        sum += skips->by_reason[i];
    return sum;
}

void read_skips_add(struct read_skips *to, const struct read_skips *more)
{
    to->other += more->other;
    for (int i = 0; i < REASON_COUNT; i++)
        to->by_reason[i] += more->by_reason[i];
}
