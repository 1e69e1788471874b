/*
 * read_stats_json.c - the answer of the stats endpoint: HitKeep's fields, in its order, and its
 * null where it has no list. What is not known here (cities, networks, goals) is there: of nobody,
 * or empty.
 */
#include <stdio.h>
#include <stdlib.h>

#include "parsers/base/json.h"
#include "server/page_path.h"
#include "server/read_stats.h"

#define LIVE_MS (INT64_C(5) * 60 * 1000)

/* ---- names --------------------------------------------------------------------------------- */

struct naming {
    const struct stats *stats;
    enum sample_text text;
    char language[16];
};

static struct str page_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    return store_reader_sample(n->stats->x->reader, c->sample, SAMPLE_PATH);
}

static struct str referrer_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    if (c->key == 0)
        return STR(DIRECT);
    return referrer_host(store_reader_sample(n->stats->x->reader, c->sample, SAMPLE_REFERRER));
}

static struct str utm_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    if (c->key == 0)
        return STR(UNSPECIFIED);
    return store_reader_sample(n->stats->x->reader, c->sample, n->text);
}

static struct str language_of(void *arg, const struct count *c)
{
    struct naming *n = arg;
    struct str text = STR_NONE;
    if (c->key)
        text = store_reader_sample(n->stats->x->reader, c->sample, SAMPLE_LANGUAGE);
    return language_name(text, n->language);
}

static struct str country_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    if (c->key == 0)
        return STR(UNKNOWN_PLACE);
    return store_reader_sample(n->stats->x->reader, c->sample, SAMPLE_COUNTRY);
}

static struct str browser_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    return str_of(seen_agent(n->stats->x, c->key)->browser);
}

static struct str device_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    return str_of(seen_agent(n->stats->x, c->key)->device);
}

static struct str bot_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    const struct agent *ai = seen_agent(n->stats->x, c->key)->ai;
    return ai ? str_of(ai->name) : STR_NONE;
}

static struct str category_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    const struct agent *ai = seen_agent(n->stats->x, c->key)->ai;
    return ai ? str_of(hitkeep_category(ai->category)) : STR_NONE;
}

static struct str source_name(void *arg, const struct count *c)
{
    const struct naming *n = arg;
    struct store_reader *r = n->stats->x->reader;
    struct str path = store_reader_sample(r, c->sample, SAMPLE_PATH);
    return str_of(ai_source_of(store_reader_sample(r, c->sample, SAMPLE_REFERRER), path));
}

/* ---- lists --------------------------------------------------------------------------------- */

static int put_counts(struct buf *out, const char *name, const struct counts *counts,
                      const struct top_choice *choice)
{
    struct top top;
    top_choose(&top, counts, choice);
    return put_top(out, name, &top);
}

/* HitKeep's lists that are null when nothing is in them. */
static int put_counts_or_null(struct buf *out, const char *name, const struct counts *counts,
                              const struct top_choice *choice)
{
    struct top top;
    top_choose(&top, counts, choice);
    if (top.n > 0 || top.failed)
        return put_top(out, name, &top);
    buf_printf(out, "\"%s\":null", name);
    return 0;
}

/* Where a visitor's address lies: nobody knows. */
static void put_unknown(struct buf *out, const char *name, const struct stats *s)
{
    if (s->total == 0)
        buf_printf(out, ",\"%s\":null", name);
    else
        buf_printf(out, ",\"%s\":[{\"name\":\"" UNKNOWN_PLACE "\",\"value\":%llu}]", name,
                   (unsigned long long)s->total);
}

/* Pages by one of their three numbers. */
static int put_pages(struct buf *out, const char *name, const struct stats *s, int which)
{
    struct naming naming = {.stats = s};
    struct top_choice choice = {.name = page_name, .arg = &naming};
    struct counts counts = {.slots = calloc(s->n_pages + 1, sizeof(*counts.slots)),
                            .n = s->n_pages,
                            .n_slots = s->n_pages};
    if (!counts.slots)
        return -1;
    for (size_t i = 0; i < s->n_pages; i++) {
        const struct page *page = &s->pages[i];
        const uint64_t values[] = {page->views, page->landings, page->exits};
        counts.slots[i] =
            (struct count){.key = page->key, .sample = page->sample, .n = values[which]};
    }
    buf_putc(out, ',');
    int status = put_counts(out, name, &counts, &choice);
    counts_release(&counts);
    return status;
}

static uint64_t ai_hits(const struct stats *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->agents.n; i++)
        if (s->agents.list[i].n && seen_agent(s->x, s->agents.list[i].key)->ai)
            n += s->agents.list[i].n;
    return n;
}

/* The hits of user agents of one category. */
static void count_category(const struct stats *s, enum agent_category category, struct counts *out)
{
    for (size_t i = 0; i < s->agents.n; i++) {
        const struct count *c = &s->agents.list[i];
        const struct agent *ai = c->n ? seen_agent(s->x, c->key)->ai : NULL;
        struct count *copy =
            ai && ai->category == category ? counts_at(out, c->key, c->sample) : NULL;
        if (copy)
            copy->n = c->n;
    }
}

/* Not there when there are none. */
static int put_bots_by_category(struct buf *out, const struct stats *s)
{
    struct naming naming = {.stats = s};
    struct top_choice choice = {.name = bot_name, .arg = &naming, .merge = true};
    bool any = false;
    int status = 0;
    for (int k = AGENT_TRAINING; k <= AGENT_OTHER && status == 0; k++) {
        struct counts counts = {0};
        count_category(s, (enum agent_category)k, &counts);
        status = counts.failed ? -1 : 0;
        if (status == 0 && counts.n) {
            buf_put_str(out, any ? STR(",") : STR(",\"top_ai_bots_by_category\":{"));
            status = put_counts(out, hitkeep_category((enum agent_category)k), &counts, &choice);
            any = true;
        }
        counts_release(&counts);
    }
    if (any)
        buf_putc(out, '}');
    return status;
}

struct list {
    const char *name;
    const struct key_counts *counts;
    top_name *of;
    bool merge;
};

static int put_lists_of(struct buf *out, const struct stats *s, const struct list *lists, size_t n)
{
    struct naming naming = {.stats = s};
    for (size_t i = 0; i < n; i++) {
        struct top_choice choice = {.name = lists[i].of, .arg = &naming, .merge = lists[i].merge};
        struct counts counts = key_counts_view(lists[i].counts);
        buf_putc(out, ',');
        if (put_counts(out, lists[i].name, &counts, &choice))
            return -1;
    }
    return 0;
}

static int put_bots(struct buf *out, const struct stats *s)
{
    struct naming naming = {.stats = s};
    struct top_choice bots = {.name = bot_name, .arg = &naming, .merge = true};
    struct top_choice kinds = {.name = category_name, .arg = &naming, .merge = true};
    struct counts counts = key_counts_view(&s->agents);
    buf_putc(out, ',');
    if (put_counts(out, "top_ai_bots", &counts, &bots))
        return -1;
    buf_putc(out, ',');
    if (put_counts_or_null(out, "top_ai_bot_categories", &counts, &kinds))
        return -1;
    return put_bots_by_category(out, s);
}

static int put_lists(struct buf *out, const struct stats *s)
{
    const struct list first[] = {{"top_referrers", &s->referrers, referrer_name, false},
                                 {"top_devices", &s->agents, device_name, true},
                                 {"top_countries", &s->countries, country_name, false}};
    const struct list browsers[] = {{"top_browsers", &s->agents, browser_name, true}};
    const struct list last[] = {{"top_ai_sources", &s->ai_sources, source_name, false},
                                {"top_languages", &s->languages, language_of, true}};
    if (put_pages(out, "top_pages", s, 0) || put_pages(out, "top_landing_pages", s, 1) ||
        put_pages(out, "top_exit_pages", s, 2) || put_lists_of(out, s, first, COUNT_OF(first)))
        return -1;
    put_unknown(out, "top_cities", s);
    put_unknown(out, "top_providers", s);
    put_unknown(out, "top_asns", s);
    return put_lists_of(out, s, browsers, COUNT_OF(browsers)) || put_bots(out, s) ||
                   put_lists_of(out, s, last, COUNT_OF(last))
               ? -1
               : 0;
}

/* By name, as they come in the answer. */
static const struct {
    const char *name;
    int column;
} utm[UTM_COLUMNS] = {{"campaign", 2}, {"content", 4}, {"medium", 1}, {"source", 0}, {"term", 3}};

static int put_utm(struct buf *out, const struct stats *s)
{
    for (size_t i = 0; i < UTM_COLUMNS; i++) {
        int column = utm[i].column;
        char name[32];
        struct naming naming = {.stats = s, .text = (enum sample_text)(SAMPLE_UTM_SOURCE + column)};
        struct top_choice choice = {.name = utm_name, .arg = &naming};
        struct counts counts = key_counts_view(&s->utm[column]);
        snprintf(name, sizeof(name), "top_utm_%ss", utm[i].name);
        buf_putc(out, ',');
        if (put_counts(out, name, &counts, &choice))
            return -1;
    }
    return 0;
}

/* Of those that have one. */
static void put_utm_hits(struct buf *out, const struct stats *s)
{
    for (size_t i = 0; i < UTM_COLUMNS; i++) {
        const struct key_counts *counts = &s->utm[utm[i].column];
        uint64_t n = 0;
        for (size_t k = 0; k < counts->n; k++)
            n += counts->list[k].key ? counts->list[k].n : 0;
        buf_printf(out, ",\"utm_%s_hits\":%llu", utm[i].name, (unsigned long long)n);
    }
}

/* ---- numbers ------------------------------------------------------------------------------- */

static double sessions_of(const struct stats *s)
{
    return s->visitors ? (double)s->visitors : 1;
}

static void put_totals(struct buf *out, const struct stats *s)
{
    buf_printf(out, "\"total_pageviews\":%llu,\"unique_sessions\":%llu,\"bounce_rate\":",
               (unsigned long long)s->total, (unsigned long long)s->visitors);
    put_double(out, (double)s->bounced / sessions_of(s) * 100);
}

static void put_chart(struct buf *out, const struct stats *s)
{
    buf_lit(out, ",\"chart_data\":[");
    for (size_t i = 0; i < s->buckets.n; i++) {
        buf_put_str(out, i ? STR(",{\"time\":\"") : STR("{\"time\":\""));
        buckets_put_time(&s->buckets, i, out);
        buf_printf(out, "\",\"pageviews\":%llu,\"visitors\":%llu}",
                   (unsigned long long)s->bucket_hits[i],
                   (unsigned long long)s->bucket_visitors[i]);
    }
    buf_putc(out, ']');
}

static void put_numbers(struct buf *out, const struct stats *s)
{
    put_totals(out, s);
    buf_lit(out, ",\"avg_session_duration\":");
    put_double(out, (double)s->duration_ms / 1000 / sessions_of(s));
    buf_lit(out, ",\"pages_per_session\":");
    put_double(out, (double)s->total / sessions_of(s));
    put_chart(out, s);
}

static void put_ai(struct buf *out, const struct stats *s)
{
    buf_printf(out, ",\"ai_bot_hits\":%llu,\"ai_source_visits\":%llu",
               (unsigned long long)ai_hits(s), (unsigned long long)s->ai_visitors);
}

static int put_live(struct buf *out, const struct read_context *x, const struct read_query *q)
{
    struct stats live;
    int status = stats_gather(&live, x, q, x->now_ms - LIVE_MS, INT64_MAX, STATS_SESSIONS);
    buf_printf(out, "{\"live_visitors\":%llu,", (unsigned long long)live.visitors);
    stats_release(&live);
    return status;
}

static int put_comparison(struct buf *out, const struct read_context *x, const struct read_query *q)
{
    struct stats s;
    int status = stats_gather(&s, x, q, q->compare_from_ms, q->compare_to_ms, STATS_ALL);
    if (status == 0) {
        buf_lit(out, ",\"comparison\":{");
        put_numbers(out, &s);
        put_ai(out, &s);
        put_utm_hits(out, &s);
        buf_lit(out, ",\"goals\":null,\"total_conversions\":0}");
    }
    stats_release(&s);
    return status;
}

int read_stats(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    struct stats s = {0};
    store_reader_begin(x->reader);
    int status = put_live(out, x, q);
    if (status == 0)
        status = stats_gather(&s, x, q, q->from_ms, q->to_ms, STATS_ALL);
    if (status == 0) {
        put_numbers(out, &s);
        status = put_lists(out, &s) || put_utm(out, &s) ? -1 : 0;
        put_ai(out, &s);
        put_utm_hits(out, &s);
        buf_lit(out, ",\"goals\":[],\"funnels\":[]");
    }
    stats_release(&s);
    if (status == 0 && q->compare)
        status = put_comparison(out, x, q);
    buf_lit(out, "}\n");
    store_reader_end(x->reader);
    return status;
}

int read_site_overview(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    struct stats s;
    store_reader_begin(x->reader);
    int status = stats_gather(&s, x, q, q->from_ms, q->to_ms, STATS_NUMBERS);
    if (status == 0) {
        buf_printf(out, "{\"site_id\":\"%s\",\"status\":\"ready\",", x->site_uuid);
        put_totals(out, &s);
        put_chart(out, &s);
        buf_putc(out, '}');
    }
    stats_release(&s);
    store_reader_end(x->reader);
    return status;
}
