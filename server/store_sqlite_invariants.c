/*
 * store_sqlite_invariants.c - what must be true of the rows, beyond what SQLite itself watches
 * over: nothing refers to a row that is not there. One query for each; it gives the rows that break
 * the rule, as (row, what is wrong and what that means).
 *
 * To add a table or a reference: add its rule here, and a way to break it to
 * tests/unit/server/test_check.c.
 */
#include "server/store_sqlite_impl.h"

#define RESTORE                                                                                    \
    "stop the server, put a backup back (logferry-server restore FILE), and backfill the logs "    \
    "since then"
#define HARMLESS "nothing has to be done: it counts for nothing; a restored backup is rid of it"
#define REGRANT                                                                                    \
    "make a new client for whoever uses it (logferry-server client create), or put a backup back "

/* One pass over the largest table: a record's lane, times and numbers together. */
static const char records_text[] =
    "SELECT row, what FROM (SELECT 'id=' || r.id AS row, CASE"
    " WHEN l.id IS NULL THEN 'lane ' || (r.id >> 24) || ' is not there: no report has this record,"
    " and its line would be stored again'"
    " WHEN r.at NOT BETWEEN l.first_at AND l.last_at THEN 'its time, ' || r.at || ', is not within"
    " that of lane ' || l.id || ': reports of this time may leave it out'"
    " WHEN r.kind NOT IN (0, 1) THEN 'kind ' || r.kind || ' is neither pageview nor AI fetch'"
    " WHEN r.host > 0 AND NOT EXISTS (SELECT 1 FROM texts t WHERE t.id = r.host)"
    "  THEN 'host ' || r.host || ' is not in texts: its host is lost'"
    " WHEN r.ua IS NOT NULL AND NOT EXISTS (SELECT 1 FROM texts t WHERE t.id = r.ua)"
    "  THEN 'ua ' || r.ua || ' is not in texts: its user agent is lost'"
    " WHEN r.content_type IS NOT NULL"
    "  AND NOT EXISTS (SELECT 1 FROM texts t WHERE t.id = r.content_type)"
    "  THEN 'content_type ' || r.content_type || ' is not in texts: its content type is lost'"
    " WHEN r.agent IS NOT NULL AND NOT EXISTS (SELECT 1 FROM agents a WHERE a.id = r.agent)"
    "  THEN 'agent ' || r.agent || ' is not in agents: reports count it as unknown'"
    " END AS what FROM records r LEFT JOIN lanes l ON l.id = r.id >> 24) WHERE what IS NOT NULL";

static const char lanes_text[] =
    "SELECT row, what FROM (SELECT 'id=' || l.id AS row, CASE"
    " WHEN NOT EXISTS (SELECT 1 FROM sites s WHERE s.id = l.site)"
    "  THEN 'site ' || l.site || ' is not there: its records are in no site''s report'"
    " WHEN l.stream <> 0 AND NOT EXISTS (SELECT 1 FROM streams s WHERE s.id = l.stream)"
    "  THEN 'stream ' || l.stream || ' is not there: its lines would be stored again'"
    " WHEN l.first_at > l.last_at THEN 'it ends before it begins: reports leave it out'"
    " WHEN l.chunk < 0 OR l.id < 1 THEN 'chunk ' || l.chunk || ' is no part of a stream'"
    " END AS what FROM lanes l) WHERE what IS NOT NULL";

static const char odd_text[] =
    "SELECT row, what FROM (SELECT 'site=' || o.site || ' stream=' || o.stream || ' pos=' || o.pos"
    " || ' hash=' || o.hash AS row, CASE"
    " WHEN r.id IS NULL THEN 'record ' || o.record || ' is not there: its line counts as stored,"
    " and is in no report'"
    " WHEN r.hash <> o.hash OR l.site IS NOT o.site OR l.stream IS NOT 0"
    "  THEN 'record ' || o.record || ' is another line''s: this one counts as stored, and is in no"
    " report'"
    " WHEN NOT EXISTS (SELECT 1 FROM streams s WHERE s.id = o.stream)"
    "  THEN 'stream ' || o.stream || ' is not there: its line would be stored again'"
    " END AS what FROM odd o LEFT JOIN records r ON r.id = o.record"
    " LEFT JOIN lanes l ON l.id = o.record >> 24) WHERE what IS NOT NULL";

static const char sites_text[] =
    "SELECT row, what FROM (SELECT 'id=' || s.id || ' domain=' || s.domain AS row, CASE"
    " WHEN NOT EXISTS (SELECT 1 FROM teams t WHERE t.id = s.team)"
    "  THEN 'team ' || s.team || ' is not there: nobody may write to this site'"
    " WHEN s.removed IS NULL"
    "  AND NOT EXISTS (SELECT 1 FROM site_hosts h WHERE h.host = s.domain AND h.site = s.id)"
    "  THEN 'its domain is not among the hosts: another site could take it'"
    " WHEN length(s.uuid) <> 16 THEN 'its uuid has not 16 bytes: the server does not start'"
    " END AS what FROM sites s) WHERE what IS NOT NULL";

static const char clients_text[] =
    "SELECT row, what FROM (SELECT 'id=' || c.id || ' name=' || c.name AS row, CASE"
    " WHEN c.team IS NOT NULL AND NOT EXISTS (SELECT 1 FROM teams t WHERE t.id = c.team)"
    "  THEN 'team ' || c.team || ' is not there: its token is refused'"
    " WHEN c.user IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = c.user)"
    "  THEN 'user ' || c.user || ' is not there: its token is refused'"
    " WHEN length(c.token_hash) <> 64 OR c.token_hash GLOB '*[^0-9a-f]*'"
    "  THEN 'its token_hash is none: the server does not start'"
    " WHEN c.old_until IS NOT NULL AND (c.old_token_hash IS NULL OR length(c.old_token_hash) <> 64"
    "  OR c.old_token_hash GLOB '*[^0-9a-f]*')"
    "  THEN 'its old_token_hash is none: the server does not start'"
    " END AS what FROM clients c) WHERE what IS NOT NULL";

static const char grants_text[] =
    "SELECT row, what FROM (SELECT 'client=' || g.client || ' site=' || g.site AS row, CASE"
    " WHEN c.id IS NULL THEN 'client ' || g.client || ' is not there: the grant is nobody''s'"
    " WHEN s.id IS NULL THEN 'site ' || g.site || ' is not there: the grant is on nothing'"
    " WHEN c.team <> s.team THEN 'client and site belong to different teams: it grants nothing'"
    " END AS what FROM grants g LEFT JOIN clients c ON c.id = g.client"
    " LEFT JOIN sites s ON s.id = g.site) WHERE what IS NOT NULL";

static const char batches_text[] =
    "SELECT row, what FROM (SELECT 'team=' || b.team || ' id=' || hex(b.id) AS row, CASE"
    " WHEN NOT EXISTS (SELECT 1 FROM nodes n WHERE n.team = b.team)"
    "  THEN 'no node is of that team: the batch is nobody''s'"
    " WHEN length(b.id) <> 16 OR length(b.body_hash) <> 16"
    "  OR b.tail NOT GLOB ',\"excluded\":*,\"rejected\":[[]*]'"
    "  THEN 'it is not what a batch leaves: sent again, it would be refused'"
    " END AS what FROM batches b) WHERE what IS NOT NULL";

static const char intervals_text[] =
    "SELECT row, what FROM (SELECT 'node=' || i.node || ' stream=' || i.stream || ' from=' ||"
    " i.\"from\" || ' to=' || i.\"to\" AS row, CASE"
    " WHEN n.id IS NULL THEN 'node ' || i.node || ' is not there: the ledger leaves its lines out'"
    " WHEN n.team <> i.team THEN 'node ' || i.node || ' is another team''s: the ledger leaves its"
    " lines out'"
    " WHEN NOT EXISTS (SELECT 1 FROM streams s WHERE s.id = i.stream)"
    "  THEN 'stream ' || i.stream || ' is not there: no site''s ledger has its lines'"
    " WHEN i.\"from\" > i.\"to\" THEN 'it ends before it begins'"
    " WHEN NOT json_valid(i.skipped) THEN 'skipped is no JSON: the ledger cannot be read'"
    " WHEN NOT (json_valid(i.skipped_at) AND json_valid(i.records_at))"
    "  THEN 'skipped_at or records_at is no JSON: the ledger of a day cannot be read'"
    " END AS what FROM intervals i LEFT JOIN nodes n ON n.id = i.node) WHERE what IS NOT NULL";

static const char columns_text[] =
    "SELECT row, what FROM (SELECT 'id=' || c.id || ' lane=' || (c.id >> 8) AS row, CASE"
    " WHEN l.id IS NULL THEN 'lane ' || (c.id >> 8) || ' is not there: nothing reads these columns'"
    " WHEN c.upto > l.packed THEN 'they reach behind the front, ' || l.packed || ': nothing reads"
    " them'"
    " WHEN (SELECT count(*) FROM records r WHERE r.id >= l.id << 24 AND r.id < (l.id << 24) +"
    " l.packed) <> (SELECT sum(n) FROM columns s WHERE s.id >= l.id << 8 AND s.id < l.id + 1 << 8)"
    "  THEN 'they are not all records of their lane: reports are wrong'"
    " END AS what FROM columns c LEFT JOIN lanes l ON l.id = c.id >> 8) WHERE what IS NOT NULL";

static const struct invariant invariants[] = {
    {"lanes", lanes_text, RESTORE},
    {"records", records_text, RESTORE},
    {"columns", columns_text, RESTORE},
    {"odd", odd_text, RESTORE},
    {"page_extras",
     "SELECT 'record=' || record, 'record ' || record || ' is not there: this is nobody''s'"
     " FROM page_extras WHERE record NOT IN (SELECT id FROM records)",
     HARMLESS},
    {"events",
     "SELECT 'id=' || id, 'site ' || site || ' is not there: the event is nobody''s' FROM events"
     " WHERE site NOT IN (SELECT id FROM sites)",
     HARMLESS},
    {"sites", sites_text, RESTORE},
    {"site_hosts",
     "SELECT 'host=' || host, 'site ' || site || ' is not there: no site can have this host'"
     " FROM site_hosts WHERE site NOT IN (SELECT id FROM sites)",
     RESTORE},
    {"clients", clients_text, REGRANT},
    {"grants", grants_text, HARMLESS},
    {"members",
     "SELECT 'team=' || team || ' user=' || user, 'team or user is not there: it counts for"
     " nothing' FROM members WHERE team NOT IN (SELECT id FROM teams)"
     " OR user NOT IN (SELECT id FROM users)",
     HARMLESS},
    {"site_roles",
     "SELECT 'site=' || site || ' user=' || user, 'site or user is not there: it counts for"
     " nothing' FROM site_roles WHERE site NOT IN (SELECT id FROM sites)"
     " OR user NOT IN (SELECT id FROM users)",
     HARMLESS},
    {"nodes",
     "SELECT 'id=' || id || ' name=' || name, 'team ' || team || ' is not there: the ledger leaves"
     " this node out' FROM nodes WHERE team NOT IN (SELECT id FROM teams)"
     " AND -team NOT IN (SELECT id FROM users)",
     RESTORE},
    {"batches", batches_text, RESTORE},
    {"intervals", intervals_text, RESTORE},
    {"tallies",
     "SELECT 'node=' || node || ' day=' || day, 'node ' || node || ' is not there: the ledger"
     " leaves these counts out' FROM tallies WHERE node NOT IN (SELECT id FROM nodes)",
     HARMLESS},
    {"day_keys",
     "SELECT 'day=' || day, 'its key has not 32 bytes: visitors of this day are counted anew'"
     " FROM day_keys WHERE length(key) <> 32",
     HARMLESS},
};

const struct invariant *invariants_of_rows(size_t *n)
{
    *n = sizeof(invariants) / sizeof(invariants[0]);
    return invariants;
}
