/*
 * report_json.c - report and ledger as JSON, one object and a newline.
 */
#include "server/report_ledger.h"

#include "parsers/base/json.h"
#include "parsers/base/time.h"

static void put_time(struct buf *out, const char *key, int64_t ms, int64_t none)
{
    buf_printf(out, "\"%s\":", key);
    if (ms == none) {
        buf_lit(out, "null,");
        return;
    }
    buf_putc(out, '"');
    time_put_rfc3339(out, ms);
    buf_lit(out, "\",");
}

static void put_counts(struct buf *out, const uint64_t counts[TALLY_COLUMNS])
{
    buf_printf(out,
               "\"fetches\":%llu,\"ok\":%llu,\"redirect\":%llu,\"client_error\":%llu,"
               "\"server_error\":%llu,\"spoofed\":%llu",
               (unsigned long long)counts[TALLY_ALL], (unsigned long long)counts[TALLY_OK],
               (unsigned long long)counts[TALLY_REDIRECT], (unsigned long long)counts[TALLY_CLIENT],
               (unsigned long long)counts[TALLY_SERVER], (unsigned long long)counts[TALLY_SPOOFED]);
}

static void put_fetches(struct buf *out, const char *list, const char *key, const struct tally *t,
                        size_t top)
{
    buf_printf(out, ",\"%s\":[", list);
    for (size_t i = 0; i < t->n && i < top; i++) {
        buf_printf(out, "%s{\"%s\":", i ? "," : "", key);
        json_put_string(out, t->slots[i].text);
        buf_putc(out, ',');
        put_counts(out, t->slots[i].counts);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void put_agents(struct buf *out, const struct tally *t, size_t top)
{
    static const char *const keys[] = {"agent", "operator", "category"};
    buf_lit(out, ",\"agents\":[");
    for (size_t i = 0; i < t->n && i < top; i++) {
        size_t from = 0;
        buf_put_str(out, i ? STR(",{") : STR("{"));
        for (int k = 0; k < 3; k++) {
            ptrdiff_t tab = str_chr(t->slots[i].text, '\t', from);
            size_t to = tab < 0 ? t->slots[i].text.n : (size_t)tab;
            struct str part = str_slice(t->slots[i].text, from, to);
            buf_printf(out, "\"%s\":", keys[k]);
            json_put_string(out, part.n ? part : STR_NONE);
            buf_putc(out, ',');
            from = tab < 0 ? to : to + 1;
        }
        put_counts(out, t->slots[i].counts);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void put_status(struct buf *out, const struct report *r)
{
    buf_printf(out,
               ",\"status\":{\"2xx/304\":%llu,\"3xx\":%llu,\"4xx\":%llu,\"5xx\":%llu,"
               "\"other\":%llu}",
               (unsigned long long)r->ai[TALLY_OK], (unsigned long long)r->ai[TALLY_REDIRECT],
               (unsigned long long)r->ai[TALLY_CLIENT], (unsigned long long)r->ai[TALLY_SERVER],
               (unsigned long long)r->other_status);
}

void report_put_json(const struct report *r, size_t top, struct buf *out)
{
    buf_lit(out, "{\"site\":");
    json_put_string(out, r->site);
    buf_putc(out, ',');
    put_time(out, "from", r->filter.from_ms, INT64_MIN);
    put_time(out, "to", r->filter.to_ms, INT64_MAX);
    buf_printf(out, "\"pageviews\":%llu,\"visitors\":%zu,\"ai_fetches\":%llu",
               (unsigned long long)r->pageviews, r->visitors.n,
               (unsigned long long)r->ai[TALLY_ALL]);
    put_status(out, r);
    put_agents(out, &r->agents, top);
    put_fetches(out, "operators", "operator", &r->operators, top);
    put_fetches(out, "categories", "category", &r->categories, top);
    put_fetches(out, "ai_paths", "path", &r->ai_paths, top);
    buf_lit(out, ",\"pages\":[");
    for (size_t i = 0; i < r->pages.n && i < top; i++) {
        buf_put_str(out, i ? STR(",{\"path\":") : STR("{\"path\":"));
        json_put_string(out, r->pages.slots[i].text);
        buf_printf(out, ",\"pageviews\":%llu}",
                   (unsigned long long)r->pages.slots[i].counts[TALLY_ALL]);
    }
    buf_lit(out, "]}\n");
}

/* ---- ledger ------------------------------------------------------------------------------- */

struct ledger {
    struct read_node sum;
    struct buf nodes;
};

void put_node_json(struct buf *out, struct str team, struct str name)
{
    buf_put_str(out, out->n ? STR(",{\"team\":") : STR("{\"team\":"));
    json_put_string(out, team);
    buf_lit(out, ",\"node\":");
    json_put_string(out, name);
    buf_putc(out, ',');
}

void put_skips_json(struct buf *out, const struct read_skips *skips)
{
    const char *comma = "";
    buf_putc(out, '{');
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        if (skips->by_reason[i] == 0)
            continue;
        buf_printf(out, "%s\"%s\":%lld", comma, reason_name((enum reason)i),
                   (long long)skips->by_reason[i]);
        comma = ",";
    }
    if (skips->other)
        buf_printf(out, "%s\"other\":%lld", comma, (long long)skips->other);
    buf_putc(out, '}');
}

static void put_numbers(struct buf *out, const struct read_node *node)
{
    int64_t skipped = read_skips_sum(&node->skipped);
    buf_printf(out,
               "\"lines\":%lld,\"records\":%lld,\"skipped\":%lld,\"balanced\":%s,"
               "\"batches\":%lld,\"stored\":%lld,\"duplicate\":%lld,\"excluded\":%lld,"
               "\"rejected\":%lld,\"overlapping_intervals\":%lld,\"overlapping_bytes\":%lld,"
               "\"reasons\":",
               (long long)node->lines, (long long)node->records, (long long)skipped,
               node->lines == node->records + skipped ? "true" : "false", (long long)node->batches,
               (long long)node->stored, (long long)node->duplicate, (long long)node->excluded,
               (long long)node->rejected, (long long)node->overlapping,
               (long long)node->overlapping_bytes);
    put_skips_json(out, &node->skipped);
}

static void add_node(void *arg, const struct read_node *node)
{
    struct ledger *l = arg;
    struct buf *out = &l->nodes;
    l->sum.lines += node->lines;
    l->sum.records += node->records;
    read_skips_add(&l->sum.skipped, &node->skipped);
    l->sum.overlapping += node->overlapping;
    l->sum.overlapping_bytes += node->overlapping_bytes;
    l->sum.batches += node->batches;
    l->sum.stored += node->stored;
    l->sum.duplicate += node->duplicate;
    l->sum.excluded += node->excluded;
    l->sum.rejected += node->rejected;
    put_node_json(out, node->team, node->name);
    put_numbers(out, node);
    buf_putc(out, '}');
}

int ledger_put_json(struct store_reader *reader, int64_t site, struct buf *out)
{
    struct ledger ledger = {0};
    buf_init(&ledger.nodes, out->max);
    int status = store_reader_nodes(reader, site, add_node, &ledger);
    if (status == 0) {
        buf_putc(out, '{');
        put_numbers(out, &ledger.sum);
        buf_lit(out, ",\"nodes\":[");
        buf_put_str(out, buf_str(&ledger.nodes));
        buf_lit(out, "]}\n");
    }
    status = ledger.nodes.failed ? -1 : status;
    buf_release(&ledger.nodes);
    return status;
}
