/* report_text.c - see report.h. Everything fits the terminal; numbers lose digits last. */
#include "agent/report.h"
#include "agent/terminal.h"
#include "parsers/base/time.h"

#include <unistd.h>

#define LEAST_COLUMNS 60
#define NAME_COLUMNS 20 /* of the agents' names, where there is room: more when one is longer */
#define NAME_LEAST 11   /* with this and rounded numbers a row has 60 columns */
#define PAGE_LEAST 12   /* of a top page beside its agent; else it stands below */
#define COUNTS 8        /* columns of numbers in the agents' table */

/* How the agents' table is laid out. */
struct layout {
    size_t name;           /* of the names */
    size_t widths[COUNTS]; /* of the numbers, with the blanks before them */
    size_t page;           /* of the top page; 0: it stands below */
    bool rounded;
    bool narrow; /* less than everything at its full width */
};

struct page {
    struct buf *b;
    struct report *r;
    struct terminal_style style;
    size_t columns;
};

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- pieces ------------------------------------------------------------------------------------
 */

/* "1 pageview", "0 pageviews" */
static void put_counted(struct buf *b, uint64_t n, int width, const char *one, const char *more)
{
    terminal_put_number(b, n, width);
    buf_printf(b, " %s", n == 1 ? one : more);
}

/* The text in `text`, folded, behind what stands in the last line; and a newline. */
static void put_folded(struct page *p, struct buf *text, size_t used)
{
    terminal_put_folded(p->b, buf_str(text), used, p->columns);
    buf_putc(p->b, '\n');
    buf_release(text);
}

static void put_heading(struct page *p, const char *name)
{
    buf_printf(p->b, "\n%s%s%s", p->style.bold, name, p->style.off);
}

/* ---- agents -------------------------------------------------------------------------------------
 */

static const char *heading_of(const struct layout *l, size_t i)
{
    static const char *const heads[COUNTS] = {"documents", "2xx",    "3xx",    "4xx",
                                              "5xx",       "policy", "assets", "spoofed"};

    return i == 0 && l->narrow ? "docs" : heads[i];
}

static uint64_t count_of(const struct agent_row *row, size_t i)
{
    const uint64_t counts[COUNTS] = {row->classes[AI_DOCUMENT], row->statuses[2],
                                     row->statuses[3],          row->statuses[4],
                                     row->statuses[5],          row->classes[AI_POLICY],
                                     row->classes[AI_ASSET],    row->spoofed};

    return counts[i];
}

static void put_count(struct buf *b, uint64_t n, int width, bool rounded)
{
    if (rounded)
        terminal_put_rounded(b, n, width);
    else
        terminal_put_number(b, n, width);
}

/* A blank, and the widest of what stands in the column. */
static size_t width_of(const struct report *r, const struct layout *l, size_t i)
{
    size_t widest = strlen(heading_of(l, i));

    for (size_t k = 0; k < r->n_agents; k++) {
        struct buf number;
        buf_init(&number, 64);
        put_count(&number, count_of(&r->agents[k], i), 0, l->rounded);
        widest = number.n > widest ? number.n : widest;
        buf_release(&number);
    }
    return 1 + widest;
}

static size_t longest_name(const struct report *r)
{
    size_t longest = NAME_LEAST;

    for (size_t i = 0; i < r->n_agents; i++) {
        size_t width = terminal_width(str_of(r->agents[i].agent->name));
        longest = width > longest ? width : longest;
    }
    return longest;
}

/* Of all but the top page, with the two blanks in front. */
static size_t sum_of(const struct layout *l)
{
    size_t sum = 2 + l->name;

    for (size_t i = 0; i < COUNTS; i++)
        sum += l->widths[i];
    return sum;
}

static void fit_counts(const struct report *r, struct layout *l)
{
    for (size_t i = 0; i < COUNTS; i++)
        l->widths[i] = width_of(r, l, i);
}

/* All at its full width; else closer; else the top pages below; else names cut and numbers
 * rounded. */
static struct layout lay_out(const struct report *r, size_t columns)
{
    size_t longest = longest_name(r);
    struct layout l = {.name = longest > NAME_COLUMNS ? longest : NAME_COLUMNS,
                       .widths = {11, 8, 8, 8, 8, 8, 8, 8},
                       .page = 40};

    if (sum_of(&l) + 2 + l.page <= columns)
        return l;
    l.name = longest;
    l.narrow = true;
    fit_counts(r, &l);
    if (sum_of(&l) + 2 + PAGE_LEAST <= columns) {
        l.page = at_most(columns - sum_of(&l) - 2, 40);
        return l;
    }
    l.page = 0;
    if (sum_of(&l) <= columns)
        return l;
    l.rounded = true;
    fit_counts(r, &l);
    if (sum_of(&l) > columns)
        l.name = columns - (sum_of(&l) - l.name);
    return l;
}

static void put_padded(struct buf *b, struct str text, size_t columns)
{
    size_t from = b->n;

    terminal_put_safe(b, text, columns);
    size_t width = terminal_width(str_slice(buf_str(b), from, b->n));
    buf_printf(b, "%*s", (int)(columns - width), "");
}

static void put_agent(struct page *p, const struct layout *l, struct agent_row *row)
{
    struct str top = tally_top(&row->pages, 1) ? tally_key(&row->pages.v[0]) : STR_NONE;

    buf_lit(p->b, "  ");
    put_padded(p->b, str_of(row->agent->name), l->name);
    for (size_t i = 0; i < COUNTS; i++)
        put_count(p->b, count_of(row, i), (int)l->widths[i], l->rounded);
    if (l->page > 0) {
        buf_lit(p->b, "  ");
        terminal_put_safe(p->b, top, l->page);
    } else if (str_is_set(top)) {
        buf_printf(p->b, "\n    %s", p->style.dim);
        terminal_put_safe(p->b, top, p->columns - 4);
        buf_put_str(p->b, str_of(p->style.off));
    }
    buf_putc(p->b, '\n');
}

static void put_agents(struct page *p)
{
    struct report *r = p->r;
    struct layout l = lay_out(r, p->columns);

    put_heading(p, "AI agents");
    buf_printf(p->b, "%*s", (int)(2 + l.name - strlen("AI agents")), "");
    for (size_t i = 0; i < COUNTS; i++)
        buf_printf(p->b, "%*s", (int)l.widths[i], heading_of(&l, i));
    if (l.page > 0)
        buf_lit(p->b, "  top page");
    else if (r->n_agents)
        buf_printf(p->b, "\n    %stop page%s", p->style.dim, p->style.off);
    buf_putc(p->b, '\n');
    for (size_t i = 0; i < r->n_agents; i++)
        put_agent(p, &l, &r->agents[i]);
    if (!r->n_agents)
        buf_lit(p->b, "  none\n");
}

/* ---- the other tables ---------------------------------------------------------------------------
 */

static void put_pages(struct page *p)
{
    struct report *r = p->r;
    bool narrow = p->columns < 80;
    int count = narrow ? 17 : 33; /* columns up to the end of a page's */
    struct buf text;

    put_heading(p, "Pages");
    buf_printf(p->b, "%*s", count - 1 - 9 - (int)strlen("Pages"), "");
    buf_init(&text, 4096);
    put_counted(&text, r->pageviews, 9, "pageview", "pageviews");
    buf_lit(&text, " by ");
    put_counted(&text, distinct_count(&r->visitors), 0, "visitor", "visitors");
    buf_lit(&text, " (by day, address and user agent)");
    put_folded(p, &text, (size_t)count - 1 - 9);
    size_t n = tally_top(&r->pages, REPORT_TOP_PAGES);
    for (size_t i = 0; i < n && i < REPORT_TOP_PAGES; i++) {
        terminal_put_number(p->b, r->pages.v[i].count, count);
        buf_lit(p->b, "  ");
        terminal_put_safe(p->b, tally_key(&r->pages.v[i]),
                          at_most(p->columns - (size_t)count - 2, 60));
        buf_putc(p->b, '\n');
    }
}

static void put_assistants(struct page *p)
{
    struct report *r = p->r;
    size_t n = tally_sort(&r->assistants);

    if (!n)
        return;
    put_heading(p, "From AI assistants");
    buf_lit(p->b, "  pageviews\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(p->b, "  %-20.*s", STR_ARGS(tally_key(&r->assistants.v[i])));
        terminal_put_number(p->b, r->assistants.v[i].count, 11);
        buf_putc(p->b, '\n');
    }
}

static void put_skipped(struct page *p)
{
    const struct report *r = p->r;
    struct buf text;

    put_heading(p, "Skipped");
    buf_init(&text, 4096);
    buf_printf(&text, "%16s", "");
    put_counted(&text, r->skipped, 9, "line", "lines");
    buf_lit(&text, "; `logferry explain` says of each why");
    put_folded(p, &text, strlen("Skipped"));
    for (int i = 1; i < REASON_COUNT; i++)
        if (r->reasons[i]) {
            buf_printf(p->b, "  %-20s", reason_name((enum reason)i));
            terminal_put_number(p->b, r->reasons[i], 11);
            buf_putc(p->b, '\n');
        }
}

/* ---- head and foot ------------------------------------------------------------------------------
 */

static void put_head(struct page *p)
{
    const struct report *r = p->r;
    const struct offline_formats *f = r->formats;
    struct buf text;

    buf_printf(p->b, "%slogferry report%s", p->style.bold, p->style.off);
    buf_init(&text, 16384);
    buf_lit(&text, "  ");
    for (size_t i = 0; i < f->n; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", f->names[i]);
    if (f->n == 0)
        buf_put_str(&text, r->lines ? STR("no format") : STR("no lines"));
    if (r->first_ms <= r->last_ms) {
        buf_lit(&text, ", ");
        time_put_date(&text, r->first_ms);
        buf_lit(&text, " to ");
        time_put_date(&text, r->last_ms);
    }
    put_folded(p, &text, strlen("logferry report"));
}

/* Of what was read; no word on the rest of what was not. */
static void put_balance(struct buf *b, const struct report *r)
{
    if (r->lines != r->pageviews + r->fetches + r->skipped) {
        buf_lit(b, "THE BOOKS DO NOT BALANCE");
    } else if (r->unread) {
        put_counted(b, r->unread, 0, "file was", "files were");
        buf_lit(b, " not read, or not to the end");
    } else {
        buf_lit(b, "every line accounted for");
    }
}

static void put_foot(struct page *p)
{
    const struct report *r = p->r;
    struct buf text;

    buf_init(&text, 4096);
    put_counted(&text, r->lines, 0, "line", "lines");
    buf_printf(&text, " in %.2f s: ", r->seconds);
    put_counted(&text, r->pageviews, 0, "pageview", "pageviews");
    buf_lit(&text, " + ");
    put_counted(&text, r->fetches, 0, "AI fetch", "AI fetches");
    buf_lit(&text, " + ");
    terminal_put_number(&text, r->skipped, 0);
    buf_lit(&text, " skipped; ");
    put_balance(&text, r);
    buf_putc(p->b, '\n');
    put_folded(p, &text, 0);
}

void report_put_text(struct buf *out, struct report *r)
{
    size_t columns = terminal_columns(STDOUT_FILENO, 65536);
    struct page p = {.b = out,
                     .r = r,
                     .style = terminal_style(STDOUT_FILENO),
                     .columns = columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns};

    put_head(&p);
    put_agents(&p);
    put_pages(&p);
    put_assistants(&p);
    put_skipped(&p);
    put_foot(&p);
}
