/*
 * report_text.c - report and ledger as aligned text. Nothing that came from a log reaches the
 * terminal unescaped.
 */
#include "server/report_ledger.h"

#include "parsers/base/time.h"
#include "parsers/base/utf8.h"

#define LABEL_COLUMNS 48 /* wider labels push their own numbers to the right, nobody else's */

void put_printable(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_printable(str_slice(s, i, s.n));
        if (n > 0) {
            buf_put(out, s.p + i, n);
        } else {
            buf_printf(out, "\\x%02x", (unsigned char)s.p[i]);
            n = 1;
        }
        i += n;
    }
}

size_t printable_width(struct str s)
{
    size_t width = 0;
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_printable(str_slice(s, i, s.n));
        width += n > 0 ? 1 : 4;
        i += n > 0 ? n : 1;
    }
    return width;
}

static void put_label(struct buf *out, struct str label, size_t columns)
{
    buf_lit(out, "  ");
    put_printable(out, label);
    for (size_t width = printable_width(label); width < columns; width++)
        buf_putc(out, ' ');
}

static size_t label_columns(const struct tally *t, size_t top)
{
    size_t columns = 20;
    for (size_t i = 0; i < t->n && i < top; i++) {
        size_t width = printable_width(t->slots[i].text);
        if (width > columns && width <= LABEL_COLUMNS)
            columns = width;
    }
    return columns;
}

static void put_rest(struct buf *out, const struct tally *t, size_t top)
{
    if (t->n > top)
        buf_printf(out, "  … and %zu more\n", t->n - top);
}

static void put_pages(const struct report *r, size_t top, struct buf *out)
{
    const struct tally *t = &r->pages;
    size_t columns = label_columns(t, top);
    if (t->n == 0)
        return;
    buf_lit(out, "\nPages");
    for (size_t i = 5; i < columns + 2; i++)
        buf_putc(out, ' ');
    buf_lit(out, "      views\n");
    for (size_t i = 0; i < t->n && i < top; i++) {
        put_label(out, t->slots[i].text, columns);
        buf_printf(out, " %10llu\n", (unsigned long long)t->slots[i].counts[TALLY_ALL]);
    }
    put_rest(out, t, top);
}

static void put_counts(struct buf *out, const uint64_t counts[TALLY_COLUMNS])
{
    buf_printf(out, " %10llu %10llu %7llu %7llu %7llu %8llu\n",
               (unsigned long long)counts[TALLY_ALL], (unsigned long long)counts[TALLY_OK],
               (unsigned long long)counts[TALLY_REDIRECT], (unsigned long long)counts[TALLY_CLIENT],
               (unsigned long long)counts[TALLY_SERVER], (unsigned long long)counts[TALLY_SPOOFED]);
}

/* An agent's key is its name, operator and category with tabs between. */
static void put_agent_label(struct buf *out, struct str key, size_t columns)
{
    ptrdiff_t tab = str_chr(key, '\t', 0);
    struct str name = tab < 0 ? key : str_slice(key, 0, (size_t)tab);
    put_label(out, name, columns);
}

static void put_fetches(struct buf *out, const char *title, const struct tally *t, size_t top,
                        bool agents)
{
    size_t columns = agents ? 24 : label_columns(t, top), width = strlen(title);
    if (t->n == 0)
        return;
    buf_printf(out, "\n%s", title);
    for (; width < columns + 2; width++)
        buf_putc(out, ' ');
    buf_lit(out, "    fetches    2xx/304     3xx     4xx     5xx  spoofed\n");
    for (size_t i = 0; i < t->n && i < top; i++) {
        if (agents)
            put_agent_label(out, t->slots[i].text, columns);
        else
            put_label(out, t->slots[i].text, columns);
        put_counts(out, t->slots[i].counts);
    }
    put_rest(out, t, top);
}

static void put_range(const struct report *r, struct buf *out)
{
    buf_lit(out, "Site       ");
    put_printable(out, str_is_set(r->site) ? r->site : STR("all"));
    buf_lit(out, "\nTime       ");
    if (r->filter.from_ms == INT64_MIN)
        buf_lit(out, "the beginning");
    else
        time_put_rfc3339(out, r->filter.from_ms);
    buf_lit(out, " to ");
    if (r->filter.to_ms == INT64_MAX)
        buf_lit(out, "now");
    else
        time_put_rfc3339(out, r->filter.to_ms);
    buf_putc(out, '\n');
}

void report_put_text(const struct report *r, size_t top, struct buf *out)
{
    put_range(r, out);
    buf_printf(out, "Pageviews  %llu\nVisitors   %zu (each day counts anew)\nAI fetches %llu\n",
               (unsigned long long)r->pageviews, r->visitors.n,
               (unsigned long long)r->ai[TALLY_ALL]);
    put_fetches(out, "AI agents", &r->agents, top, true);
    put_fetches(out, "Operators", &r->operators, top, false);
    put_fetches(out, "Categories", &r->categories, top, false);
    put_fetches(out, "AI pages", &r->ai_paths, top, false);
    put_pages(r, top, out);
}

/* ---- ledger ------------------------------------------------------------------------------- */

void put_number(struct buf *out, const char *name, int64_t number)
{
    buf_printf(out, "    %-14s %12lld\n", name, (long long)number);
}

void put_skips_text(struct buf *out, const struct read_skips *skips)
{
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
        if (skips->by_reason[i])
            put_number(out, reason_name((enum reason)i), skips->by_reason[i]);
    if (skips->other)
        put_number(out, "other", skips->other);
}

/* Which of the two says what became of the shared lines cannot be told: so it says what is sure. */
void put_overlap(struct buf *out, int64_t intervals, int64_t bytes)
{
    if (intervals)
        buf_printf(out,
                   "  %lld interval%s: lines, records and skipped are counted at most; %lld bytes "
                   "of log may count twice\n",
                   (long long)intervals, intervals == 1 ? " overlaps another" : "s overlap others",
                   (long long)bytes);
}

void put_node_name(struct buf *out, struct str team, struct str name)
{
    put_printable(out, team);
    buf_lit(out, " / ");
    put_printable(out, name.n ? name : STR("(unnamed)"));
    buf_putc(out, '\n');
}

static void put_node(void *arg, const struct read_node *node)
{
    struct buf *out = arg;
    int64_t skipped = read_skips_sum(&node->skipped);
    put_node_name(out, node->team, node->name);
    buf_printf(out, "  lines          %14lld\n  records        %14lld\n  skipped        %14lld\n",
               (long long)node->lines, (long long)node->records, (long long)skipped);
    put_skips_text(out, &node->skipped);
    if (node->lines == node->records + skipped)
        buf_lit(out, "  every line accounted for\n");
    else
        buf_printf(out, "  not accounted for %11lld\n",
                   (long long)(node->lines - node->records - skipped));
    put_overlap(out, node->overlapping, node->overlapping_bytes);
    buf_printf(out, "  batches        %14lld\n", (long long)node->batches);
    put_number(out, "stored", node->stored);
    put_number(out, "duplicate", node->duplicate);
    put_number(out, "excluded", node->excluded);
    put_number(out, "rejected", node->rejected);
}

int ledger_put_text(struct store_reader *reader, int64_t site, struct buf *out)
{
    size_t before = out->n;
    int status = store_reader_nodes(reader, site, put_node, out);
    if (status == 0 && out->n == before)
        buf_lit(out, "no agent has delivered anything yet\n");
    return status;
}
