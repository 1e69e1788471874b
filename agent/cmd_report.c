/* cmd_report.c - the five-minute joy: who came, out of the logs themselves. */
#include "agent/commands.h"
#include "agent/report.h"
#include "agent/terminal.h"
#include "config/exit_codes.h"
#include "parsers/ai_referrer.h"
#include "parsers/base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX (64u << 20)

/* ---- counting ---------------------------------------------------------------------------------
 */

static struct agent_row *row_of(struct report *r, const struct agent *a)
{
    for (size_t i = 0; i < r->n_agents; i++)
        if (r->agents[i].agent == a)
            return &r->agents[i];
    if (r->n_agents == REPORT_MAX_AGENTS)
        return &r->agents[REPORT_MAX_AGENTS - 1];
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

static void put_json_assistants(struct buf *b, struct report *r)
{
    size_t n = tally_sort(&r->assistants);
    buf_lit(b, "],\"ai_referrers\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s{\"assistant\":\"%.*s\",\"pageviews\":%llu}", i ? "," : "",
                   STR_ARGS(tally_key(&r->assistants.v[i])),
                   (unsigned long long)r->assistants.v[i].count);
}

/* "format" is one name, or all behind each other. */
static void put_json_formats(struct buf *b, const struct report *r)
{
    buf_lit(b, "{\"format\":\"");
    for (size_t i = 0; i < r->formats->n; i++)
        buf_printf(b, "%s%s", i ? ", " : "", r->formats->names[i]);
    buf_lit(b, "\",\"formats\":[");
    for (size_t i = 0; i < r->formats->n; i++)
        buf_printf(b, "%s\"%s\"", i ? "," : "", r->formats->names[i]);
    buf_putc(b, ']');
}

static void put_json(struct buf *b, struct report *r)
{
    put_json_formats(b, r);
    buf_printf(b,
               ",\"lines\":%llu,\"pageviews\":%llu,\"visitors\":%zu,\"ai_"
               "fetches\":%llu,\"skipped\":%llu,\"seconds\":%.3f,\"agents\":[",
               (unsigned long long)r->lines, (unsigned long long)r->pageviews,
               distinct_count(&r->visitors), (unsigned long long)r->fetches,
               (unsigned long long)r->skipped, r->seconds);
    for (size_t i = 0; i < r->n_agents; i++) {
        if (i)
            buf_putc(b, ',');
        put_json_agent(b, &r->agents[i]);
    }
    buf_lit(b, "],\"pages\":[");
    size_t n = tally_top(&r->pages, REPORT_TOP_PAGES);
    for (size_t i = 0; i < n && i < REPORT_TOP_PAGES; i++) {
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

static int print(struct report *r, const struct options *options)
{
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    qsort(r->agents, r->n_agents, sizeof(r->agents[0]), by_documents);
    if (options->json)
        put_json(&out, r);
    else
        report_put_text(&out, r);
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
    r->formats = &o.formats;
    r->first_ms = INT64_MAX;
    r->last_ms = INT64_MIN;
    double begin = seconds_now();
    offline_any_host(&o);
    o.digest_rules.no_record = true;
    if (!code)
        code = offline_read(&o, options->paths, options->n_paths, on_line, r);
    r->seconds = seconds_now() - begin;
    r->unread = o.unread;
    bool nothing = o.unread && !r->lines; /* what was wrong with each file has been said */
    if (!code && (options->json || !nothing))
        code = print(r, options);
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
