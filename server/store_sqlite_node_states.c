/* store_sqlite_node_states.c - see store_nodes.h. */
#include "server/store_sqlite_impl.h"

#include "parsers/base/time.h"
#include "server/store_nodes.h"

enum admin_result session_put_node(struct store_session *session, const struct node_state *s)
{
    struct engine *e = session->engine;
    int status = sql_run_text(e, "DELETE FROM node_states WHERE seen < ?1", "i",
                              e->now_ms - STORE_NODE_DAYS * DAY_MS);
    if (status == 0)
        status = sql_run_text(e,
                              "INSERT INTO node_states(team, name, version, seen, lag_ms, waiting)"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(team, name) DO UPDATE"
                              " SET version = ?3, seen = ?4, lag_ms = ?5, waiting = ?6",
                              "issiii", s->team, str_of(s->name), str_of(s->version), s->seen_ms,
                              (int64_t)s->lag_ms, (int64_t)s->waiting);
    return status == 0 ? ADMIN_OK : ADMIN_FAILED;
}

static void copy(char *to, size_t room, struct str s)
{
    size_t n = s.n < room ? s.n : room - 1;
    memcpy(to, s.p, n);
    to[n] = '\0';
}

static struct read_agent_node node_of(sqlite3_stmt *row)
{
    struct read_agent_node node = {.state = {.team = sqlite3_column_int64(row, 0),
                                             .seen_ms = sqlite3_column_int64(row, 4),
                                             .lag_ms = (uint64_t)sqlite3_column_int64(row, 5),
                                             .waiting = (uint64_t)sqlite3_column_int64(row, 6)},
                                   .team = column_str(row, 1),
                                   .today = sqlite3_column_int64(row, 7)};
    copy(node.state.name, sizeof(node.state.name), column_str(row, 2));
    copy(node.state.version, sizeof(node.state.version), column_str(row, 3));
    return node;
}

int store_reader_agent_nodes(struct store_reader *r, int64_t now_ms,
                             void (*on_node)(void *arg, const struct read_agent_node *node),
                             void *arg)
{
    static const char text[] =
        "SELECT a.team, coalesce(t.name, u.name), a.name, coalesce(s.version, ''),"
        " coalesce(s.seen, (SELECT max(day) * 86400000 FROM tallies y WHERE y.node = n.id), 0),"
        " coalesce(s.lag_ms, 0), coalesce(s.waiting, 0),"
        " (SELECT coalesce(sum(stored), 0) FROM tallies y WHERE y.node = n.id AND y.day = ?1)"
        " FROM (SELECT team, name FROM nodes UNION SELECT team, name FROM node_states) a"
        " LEFT JOIN teams t ON t.id = a.team LEFT JOIN users u ON u.id = -a.team"
        " LEFT JOIN nodes n ON n.team = a.team AND n.name = a.name"
        " LEFT JOIN node_states s ON s.team = a.team AND s.name = a.name"
        " WHERE coalesce(t.id, u.id) IS NOT NULL ORDER BY 2, a.name";
    sqlite3_stmt *row = NULL;
    int code = reader_begin(r) ? SQLITE_ERROR : SQLITE_OK;
    bool begun = code == SQLITE_OK;
    if (begun)
        code = sqlite3_prepare_v2(r->db, text, -1, &row, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, time_day(now_ms));
        while ((code = sqlite3_step(row)) == SQLITE_ROW) {
            struct read_agent_node node = node_of(row);
            on_node(arg, &node);
        }
    }
    sqlite3_finalize(row);
    int status = code == SQLITE_DONE ? 0 : -1;
    return begun ? reader_end(r, status) : status;
}
