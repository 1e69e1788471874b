/* status.c - see status.h. */
#include "agent/status.h"

#include "agent/terminal.h"
#include "parsers/base/json.h"

#include <inttypes.h>
#include <unistd.h>

static const enum shelf shelves[] = {SHELF_SPOOL, SHELF_PARKED, SHELF_DEAD};

static uint64_t sum_skipped(const struct counts *c)
{
    uint64_t n = 0;
    for (int i = 1; i < REASON_COUNT; i++)
        n += c->skipped[i];
    return n;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void json_source(struct buf *out, const struct status_view *v, const struct source *s,
                        size_t i)
{
    const struct counts *c = &s->counts;
    const char *comma = "";
    buf_lit(out, "{\"name\":");
    json_put_string(out, s->config->name);
    buf_printf(out,
               ",\"lines\":%" PRIu64 ",\"records\":%" PRIu64 ",\"skipped\":%" PRIu64
               ",\"bytes_behind\":%" PRIu64 ",\"reasons\":{",
               c->lines, c->records, sum_skipped(c), engine_behind(v->engine, i));
    for (int k = 1; k < REASON_COUNT; k++) {
        if (!c->skipped[k])
            continue;
        buf_printf(out, "%s\"%s\":%" PRIu64, comma, reason_name((enum reason)k),
                   (uint64_t)c->skipped[k]);
        comma = ",";
    }
    buf_lit(out, "}}");
}

static void json_destination(struct buf *out, const struct uplink_ledger *l)
{
    buf_lit(out, "{\"name\":");
    json_put_string(out, str_of(l->name));
    buf_printf(out,
               ",\"protocol\":\"%s\",\"refused\":%" PRIu64 ",\"held\":%" PRIu64
               ",\"ai_fetch_lag_seconds\":%" PRId64,
               l->protocol, l->refused, l->held, l->lag_ms / 1000);
    if (l->rate[RECORD_AI_FETCH] > 0)
        buf_printf(out, ",\"rate\":{\"ai_fetch\":%.2f,\"pageview\":%.2f}", l->rate[RECORD_AI_FETCH],
                   l->rate[RECORD_PAGEVIEW]);
    buf_printf(out,
               ",\"state\":\"%s\",\"records\":%" PRIu64 ",\"acknowledged\":%" PRIu64
               ",\"stored\":%" PRIu64 ",\"duplicate\":%" PRIu64 ",\"excluded\":%" PRIu64
               ",\"dead\":%" PRIu64 ",\"in_memory\":%" PRIu64 ",\"spooled\":%" PRIu64
               ",\"parked\":%" PRIu64 ",\"expired\":%" PRIu64 ",\"owed\":%" PRIu64
               ",\"batches\":%" PRIu64 ",\"oldest_seconds\":%" PRId64 ",\"last_error\":",
               l->state, l->records, l->acknowledged, l->stored, l->duplicate, l->excluded, l->dead,
               l->in_memory, l->spooled, l->parked, l->expired, l->owed, l->batches,
               l->oldest_ms / 1000);
    json_put_string(out, str_of(l->last_error));
    buf_putc(out, '}');
}

static void json_shelf(struct buf *out, struct uplink *u, enum shelf shelf)
{
    struct shelf_state s;
    uplink_read_shelf(u, shelf, &s);
    buf_printf(out, "\"%s\":{\"files\":%zu,\"bytes\":%" PRIu64 ",\"oldest_seconds\":%" PRId64 "}",
               shelf_name(shelf), s.files, s.bytes, s.oldest_ms / 1000);
}

static void json_jobs(struct buf *out, const struct status_job *j)
{
    struct counts c;
    buf_lit(out, "\"jobs\":[");
    for (; j; j = j->next) {
        backfill_counts(j->job, &c);
        buf_printf(out, "{\"id\":\"%s\",\"progress\":%.3f,\"lines\":%" PRIu64 "}%s",
                   backfill_id(j->job), backfill_progress(j->job), c.lines, j->next ? "," : "");
    }
    buf_putc(out, ']');
}

void status_put_json(struct buf *out, const struct status_view *v)
{
    struct uplink *u = engine_uplink(v->engine);
    size_t n;
    const struct source *sources = engine_sources(v->engine, &n);
    buf_lit(out, "{\"version\":\"" LOGFERRY_VERSION "\",\"node\":");
    json_put_string(out, v->config->node);
    buf_printf(out, ",\"pid\":%ld,\"up_seconds\":%.0f,\"state\":", (long)getpid(), v->up_s);
    json_put_string(out, str_of(v->state_path));
    buf_printf(out, ",\"balanced\":%s,\"sources\":[",
               engine_balances(v->engine) ? "true" : "false");
    for (size_t i = 0; i < n; i++) {
        buf_put_str(out, i ? STR(",") : STR(""));
        json_source(out, v, &sources[i], i);
    }
    buf_lit(out, "],\"destinations\":[");
    for (size_t i = 0; i < uplink_destinations(u); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(u, i, &l);
        buf_put_str(out, i ? STR(",") : STR(""));
        json_destination(out, &l);
    }
    buf_lit(out, "],");
    for (size_t i = 0; i < SHELF_COUNT; i++) {
        json_shelf(out, u, shelves[i]);
        buf_putc(out, ',');
    }
    json_jobs(out, v->jobs);
    buf_lit(out, "}\n");
}

/* ---- text -------------------------------------------------------------------------------------
 */

static void put_age(struct buf *out, int64_t ms)
{
    int64_t s = ms / 1000;
    if (s >= 2 * 86400)
        buf_printf(out, "%" PRId64 " d", s / 86400);
    else if (s >= 7200)
        buf_printf(out, "%" PRId64 " h", s / 3600);
    else if (s >= 120)
        buf_printf(out, "%" PRId64 " min", s / 60);
    else
        buf_printf(out, "%" PRId64 " s", s);
}

static void text_singles(struct buf *out, const struct uplink_ledger *l)
{
    buf_printf(out,
               " %" PRIu64 " refused (AI agents that this server does not know, and the like), "
               "%" PRIu64 " AI fetches held (older than an hour)",
               l->refused, l->held);
    if (l->lag_ms > 0) {
        buf_lit(out, ", the last one came after ");
        put_age(out, l->lag_ms);
    }
    buf_printf(out, "; at most %.1f AI fetches and %.1f pageviews a second\n",
               l->rate[RECORD_AI_FETCH], l->rate[RECORD_PAGEVIEW]);
}

static void text_destination(struct buf *out, const struct uplink_ledger *l)
{
    buf_printf(out, "destination %s: %s, protocol %s", l->name, l->state, l->protocol);
    if (l->last_error[0]) {
        buf_lit(out, ", ");
        terminal_put_safe(out, str_of(l->last_error), 200);
    }
    buf_lit(out, "\n ");
    terminal_put_number(out, l->acknowledged, 0);
    buf_lit(out, " records acknowledged, ");
    terminal_put_number(out, l->in_memory + l->spooled, 0);
    buf_lit(out, " waiting");
    if (l->oldest_ms) {
        buf_lit(out, " (the oldest for ");
        put_age(out, l->oldest_ms);
        buf_putc(out, ')');
    }
    buf_printf(out, ", %" PRIu64 " parked, %" PRIu64 " dead, %" PRIu64 " expired", l->parked,
               l->dead, l->expired);
    if (l->owed)
        buf_printf(out, ", %" PRIu64 " to be read again", l->owed);
    buf_putc(out, '\n');
    if (l->rate[RECORD_AI_FETCH] > 0)
        text_singles(out, l);
}

static void text_shelf(struct buf *out, struct uplink *u, enum shelf shelf)
{
    struct shelf_state s;
    uplink_read_shelf(u, shelf, &s);
    buf_printf(out, "%-7s %zu files, ", shelf_name(shelf), s.files);
    terminal_put_number(out, s.bytes, 0);
    buf_lit(out, " bytes");
    if (s.files) {
        buf_lit(out, ", the oldest ");
        put_age(out, s.oldest_ms);
    }
    buf_putc(out, '\n');
}

void status_put_text(struct buf *out, const struct status_view *v)
{
    struct uplink *u = engine_uplink(v->engine);
    struct counts c;
    size_t n;
    const struct source *sources = engine_sources(v->engine, &n);
    buf_printf(out, "logferry " LOGFERRY_VERSION ", node %.*s, pid %ld, up ",
               STR_ARGS(v->config->node), (long)getpid());
    put_age(out, (int64_t)(v->up_s * 1000));
    buf_printf(out, ", state in %s\n", v->state_path);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "source %s: ", sources[i].config->name.p);
        terminal_put_number(out, sources[i].counts.lines, 0);
        buf_lit(out, " lines, ");
        terminal_put_number(out, sources[i].counts.records, 0);
        buf_lit(out, " records, ");
        terminal_put_number(out, sum_skipped(&sources[i].counts), 0);
        buf_lit(out, " skipped, ");
        terminal_put_number(out, engine_behind(v->engine, i), 0);
        buf_lit(out, " bytes behind\n");
    }
    for (size_t i = 0; i < uplink_destinations(u); i++) {
        struct uplink_ledger l;
        uplink_read_ledger(u, i, &l);
        text_destination(out, &l);
    }
    for (size_t i = 0; i < SHELF_COUNT; i++)
        text_shelf(out, u, shelves[i]);
    for (const struct status_job *j = v->jobs; j; j = j->next) {
        backfill_counts(j->job, &c);
        buf_printf(out, "backfill %s: %.0f %%, ", backfill_id(j->job),
                   backfill_progress(j->job) * 100);
        terminal_put_number(out, c.lines, 0);
        buf_lit(out, " lines\n");
    }
    if (!engine_balances(v->engine))
        buf_lit(out,
                "The books do not balance: please report it, with `event=ledger` of the log.\n");
}
