/* cmd_report.c - the five-minute joy: who came, out of the logs themselves. */
#include "agent/commands.h"
#include "agent/offline.h"
#include "agent/tally.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/ai_referrer.h"
#include "parsers/base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TOP_PAGES 10
#define MAX_AGENTS 1024
#define OUTPUT_MAX (64u << 20)

struct agent_row {
    const struct agent *agent;
    uint64_t classes[3];  /* by enum ai_class */
    uint64_t statuses[6]; /* of documents, by hundreds */
    uint64_t spoofed;     /* of all classes: verified is "no" */
    struct tally pages;   /* documents */
};

struct report {
    struct agent_row agents[MAX_AGENTS];
    size_t n_agents;
    struct tally pages;
    struct distinct visitors;
    struct tally assistants; /* pageviews by the AI assistant that the person came from */
    uint64_t lines, pageviews, fetches, skipped;
    uint64_t reasons[REASON_COUNT];
    int64_t first_ms, last_ms;
    double seconds;
};

/* ---- counting ---------------------------------------------------------------------------------
 */

static struct agent_row *row_of(struct report *r, const struct agent *a)
{
    for (size_t i = 0; i < r->n_agents; i++)
        if (r->agents[i].agent == a)
            return &r->agents[i];
    if (r->n_agents == MAX_AGENTS)
        return &r->agents[MAX_AGENTS - 1];
    r->agents[r->n_agents].agent = a;
    return &r->agents[r->n_agents++];
}

static void count_fetch(struct report *r, const struct digested *d)
{
    const struct verdict *v = &d->verdict;
    struct agent_row *row = row_of(r, v->agent);
    row->classes[v->ai_class]++;
    row->spoofed += d->verified == VERIFIED_NO;
    if (v->ai_class != AI_DOCUMENT)
        return;
    row->statuses[d->hit.status / 100 < 6 ? d->hit.status / 100 : 0]++;
    tally_add_known(&row->pages, d->hit.path, d->path_id);
}

static void count_pageview(struct report *r, const struct digested *d)
{
    const struct hit *h = &d->hit;
    uint64_t day = (uint64_t)time_day(h->time_ms);
    tally_prefetch(&r->pages, d->path_id);
    distinct_add(&r->visitors, hash_64(h->client_ip, d->user_agent_id.low + day));
    const char *assistant = ai_referrer(h->referrer, h->query);
    if (assistant)
        tally_add(&r->assistants, str_of(assistant));
    tally_add_known(&r->pages, h->path, d->path_id);
}

static bool on_line(void *context, const struct offline_line *line)
{
    struct report *r = context;
    const struct digested *d = line->digested;
    const struct verdict *v = &d->verdict;
    r->lines++;
    r->reasons[v->reason]++;
    if (d->parsed == PARSE_OK) {
        r->first_ms = d->hit.time_ms < r->first_ms ? d->hit.time_ms : r->first_ms;
        r->last_ms = d->hit.time_ms > r->last_ms ? d->hit.time_ms : r->last_ms;
    }
    if (v->kind == VERDICT_PAGEVIEW) {
        r->pageviews++;
        count_pageview(r, d);
        return true;
    }
    bool fetch = v->kind == VERDICT_AI_FETCH;
    if (fetch || (v->reason == REASON_NOT_SENT && v->agent))
        count_fetch(r, d);
    if (fetch)
        r->fetches++;
    else
        r->skipped++;
    return true;
}

static uint64_t total(const struct agent_row *row)
{
    return row->classes[AI_DOCUMENT] + row->classes[AI_POLICY] + row->classes[AI_ASSET];
}

static int by_documents(const void *a, const void *b)
{
    const struct agent_row *x = a, *y = b;
    if (x->classes[AI_DOCUMENT] != y->classes[AI_DOCUMENT])
        return x->classes[AI_DOCUMENT] < y->classes[AI_DOCUMENT] ? 1 : -1;
    if (total(x) != total(y))
        return total(x) < total(y) ? 1 : -1;
    return strcmp(x->agent->name, y->agent->name);
}

/* ---- for people -------------------------------------------------------------------------------
 */

static void put_agents(struct buf *b, struct report *r, const struct terminal_style *s)
{
    buf_printf(b,
               "\n%sAI agents%s              documents     2xx     3xx     4xx     5xx  policy  "
               "assets spoofed  top page\n",
               s->bold, s->off);
    for (size_t i = 0; i < r->n_agents; i++) {
        struct agent_row *row = &r->agents[i];
        buf_printf(b, "  %-*.*s", 20, 20, row->agent->name);
        terminal_put_number(b, row->classes[AI_DOCUMENT], 11);
        for (int k = 2; k < 6; k++)
            terminal_put_number(b, row->statuses[k], 8);
        terminal_put_number(b, row->classes[AI_POLICY], 8);
        terminal_put_number(b, row->classes[AI_ASSET], 8);
        terminal_put_number(b, row->spoofed, 8);
        buf_lit(b, "  ");
        if (tally_top(&row->pages, 1))
            terminal_put_safe(b, tally_key(&row->pages.v[0]), 40);
        buf_putc(b, '\n');
    }
    if (!r->n_agents)
        buf_lit(b, "  none\n");
}

/* "1 pageview", "0 pageviews" */
static void put_counted(struct buf *b, uint64_t n, int width, const char *one, const char *more)
{
    terminal_put_number(b, n, width);
    buf_printf(b, " %s", n == 1 ? one : more);
}

static void put_pages(struct buf *b, struct report *r, const struct terminal_style *s)
{
    buf_printf(b, "\n%sPages%s                  ", s->bold, s->off);
    put_counted(b, r->pageviews, 9, "pageview", "pageviews");
    buf_lit(b, " by ");
    put_counted(b, distinct_count(&r->visitors), 0, "visitor", "visitors");
    buf_lit(b, " (by day, address and user agent)\n");
    size_t n = tally_top(&r->pages, TOP_PAGES);
    for (size_t i = 0; i < n && i < TOP_PAGES; i++) {
        terminal_put_number(b, r->pages.v[i].count, 33);
        buf_lit(b, "  ");
        terminal_put_safe(b, tally_key(&r->pages.v[i]), 60);
        buf_putc(b, '\n');
    }
}

static void put_assistants(struct buf *b, struct report *r, const struct terminal_style *s)
{
    size_t n = tally_sort(&r->assistants);
    if (!n)
        return;
    buf_printf(b, "\n%sFrom AI assistants%s  pageviews\n", s->bold, s->off);
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "  %-20.*s", STR_ARGS(tally_key(&r->assistants.v[i])));
        terminal_put_number(b, r->assistants.v[i].count, 11);
        buf_putc(b, '\n');
    }
}

static void put_json_assistants(struct buf *b, struct report *r)
{
    size_t n = tally_sort(&r->assistants);
    buf_lit(b, "],\"ai_referrers\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s{\"assistant\":\"%.*s\",\"pageviews\":%llu}", i ? "," : "",
                   STR_ARGS(tally_key(&r->assistants.v[i])),
                   (unsigned long long)r->assistants.v[i].count);
}

static void put_skipped(struct buf *b, const struct report *r, const struct terminal_style *s)
{
    buf_printf(b, "\n%sSkipped%s                ", s->bold, s->off);
    put_counted(b, r->skipped, 9, "line", "lines");
    buf_lit(b, "; `logferry explain` says of each why\n");
    for (int i = 1; i < REASON_COUNT; i++)
        if (r->reasons[i]) {
            buf_printf(b, "  %-20s", reason_name((enum reason)i));
            terminal_put_number(b, r->reasons[i], 11);
            buf_putc(b, '\n');
        }
}

static void put_text(struct buf *b, struct report *r, const char *format)
{
    struct terminal_style s = terminal_style(STDOUT_FILENO);
    bool balanced = r->lines == r->pageviews + r->fetches + r->skipped;
    buf_printf(b, "%slogferry report%s  %s", s.bold, s.off, format);
    if (r->first_ms <= r->last_ms) {
        buf_lit(b, ", ");
        time_put_date(b, r->first_ms);
        buf_lit(b, " to ");
        time_put_date(b, r->last_ms);
    }
    buf_putc(b, '\n');
    put_agents(b, r, &s);
    put_pages(b, r, &s);
    put_assistants(b, r, &s);
    put_skipped(b, r, &s);
    buf_putc(b, '\n');
    put_counted(b, r->lines, 0, "line", "lines");
    buf_printf(b, " in %.2f s: ", r->seconds);
    put_counted(b, r->pageviews, 0, "pageview", "pageviews");
    buf_lit(b, " + ");
    put_counted(b, r->fetches, 0, "AI fetch", "AI fetches");
    buf_lit(b, " + ");
    terminal_put_number(b, r->skipped, 0);
    buf_printf(b, " skipped; %s\n",
               balanced ? "every line accounted for" : "THE BOOKS DO NOT BALANCE");
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void put_json_agent(struct buf *b, struct agent_row *row)
{
    buf_lit(b, "{\"name\":");
    json_put_string(b, str_of(row->agent->name));
    buf_lit(b, ",\"operator\":");
    json_put_string(b, str_of(row->agent->operator));
    buf_printf(
        b, ",\"category\":\"%s\",\"documents\":%llu,\"policy\":%llu,\"assets\":%llu",
        agent_category_name(row->agent->category), (unsigned long long)row->classes[AI_DOCUMENT],
        (unsigned long long)row->classes[AI_POLICY], (unsigned long long)row->classes[AI_ASSET]);
    for (int k = 2; k < 6; k++)
        buf_printf(b, ",\"%dxx\":%llu", k, (unsigned long long)row->statuses[k]);
    buf_printf(b, ",\"spoofed\":%llu", (unsigned long long)row->spoofed);
    buf_lit(b, ",\"top_page\":");
    json_put_string(b, tally_top(&row->pages, 1) ? tally_key(&row->pages.v[0]) : STR_NONE);
    buf_putc(b, '}');
}

static void put_json(struct buf *b, struct report *r, const char *format)
{
    buf_printf(b,
               "{\"format\":\"%s\",\"lines\":%llu,\"pageviews\":%llu,\"visitors\":%zu,\"ai_"
               "fetches\":%llu,\"skipped\":%llu,\"seconds\":%.3f,\"agents\":[",
               format, (unsigned long long)r->lines, (unsigned long long)r->pageviews,
               distinct_count(&r->visitors), (unsigned long long)r->fetches,
               (unsigned long long)r->skipped, r->seconds);
    for (size_t i = 0; i < r->n_agents; i++) {
        if (i)
            buf_putc(b, ',');
        put_json_agent(b, &r->agents[i]);
    }
    buf_lit(b, "],\"pages\":[");
    size_t n = tally_top(&r->pages, TOP_PAGES);
    for (size_t i = 0; i < n && i < TOP_PAGES; i++) {
        buf_printf(b, "%s{\"path\":", i ? "," : "");
        json_put_string(b, tally_key(&r->pages.v[i]));
        buf_printf(b, ",\"pageviews\":%llu}", (unsigned long long)r->pages.v[i].count);
    }
    put_json_assistants(b, r);
    buf_lit(b, "],\"reasons\":{");
    bool first = true;
    for (int i = 1; i < REASON_COUNT; i++)
        if (r->reasons[i]) {
            buf_printf(b, "%s\"%s\":%llu", first ? "" : ",", reason_name((enum reason)i),
                       (unsigned long long)r->reasons[i]);
            first = false;
        }
    buf_lit(b, "}}\n");
}

/* ---- the command ------------------------------------------------------------------------------
 */

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int print(struct report *r, const struct options *options, const struct format *f)
{
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    qsort(r->agents, r->n_agents, sizeof(r->agents[0]), by_documents);
    if (options->json)
        put_json(&out, r, f ? format_name(f) : "");
    else
        put_text(&out, r, f ? format_name(f) : "no lines");
    bool good = !out.failed && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    buf_release(&out);
    return good ? EXIT_OK : EXIT_CANNOT_WRITE;
}

int command_report(const struct options *options)
{
    struct offline o;
    struct report *r = calloc(1, sizeof(*r));
    if (!r || !options->n_paths) {
        fputs("logferry report: name log files, e.g. logferry report /var/log/nginx/access.log*\n",
              stderr);
        free(r);
        return EXIT_USAGE;
    }
    int code = offline_init(&o, options, "report");
    r->first_ms = INT64_MAX;
    r->last_ms = INT64_MIN;
    double begin = seconds_now();
    offline_any_host(&o);
    o.digest_rules.no_record = true;
    if (!code)
        code = offline_read(&o, options->paths, options->n_paths, on_line, r);
    r->seconds = seconds_now() - begin;
    bool nothing = o.unread && !r->lines; /* what was wrong with each file has been said */
    if (!code && (options->json || !nothing))
        code = print(r, options, o.format);
    if (!code && o.unread)
        code = EXIT_BAD_DATA;
    for (size_t i = 0; i < r->n_agents; i++)
        tally_release(&r->agents[i].pages);
    tally_release(&r->pages);
    tally_release(&r->assistants);
    distinct_release(&r->visitors);
    free(r);
    offline_release(&o);
    return code;
}
