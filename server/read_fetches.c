/*
 * read_fetches.c - overview and time series of AI fetches.
 */
#include <stdlib.h>

#include "parsers/base/json.h"
#include "server/page_path.h"
#include "server/read_fetches.h"

/* Response times below this are counted by their value, the rest by key. */
#define SHORT_MS 65536u

/* Of the part in work, by the path's index. */
struct overview_part {
    bool seen[COLUMNS_MAX_RECORDS];
    uint32_t n[COLUMNS_MAX_RECORDS], errors[COLUMNS_MAX_RECORDS], place[COLUMNS_MAX_RECORDS];
};

static void count_times(struct overview *o, const struct block *block)
{
    uint64_t ms[BLOCK];
    columns_read(block->part, COLUMN_MS, block->from, block->n, ms);
    for (uint32_t i = 0; i < block->n; i++) {
        if (!block->wanted[i] || ms[i] == 0)
            continue;
        uint64_t v = ms[i] - 1;
        struct count *c = v < SHORT_MS ? NULL : counts_at(&o->long_times, v, 1);
        o->timed++;
        if (v < SHORT_MS)
            o->short_times[v]++;
        else if (c)
            c->n++;
    }
}

static void count_agents(struct overview *o, const struct block *block)
{
    uint64_t agent[BLOCK];
    uint32_t run = 0;
    columns_read(block->part, COLUMN_AGENT, block->from, block->n, agent);
    for (uint32_t i = 0; i < block->n; i++) {
        run += block->wanted[i];
        if (run == 0 || (i + 1 < block->n && agent[i + 1] == agent[i]))
            continue;
        struct count *c =
            counts_at(&o->agents, columns_key(block->part, COLUMN_AGENT, (uint32_t)agent[i]), 1);
        if (c)
            c->n += run;
        run = 0;
    }
}

static void count_buckets(struct overview *o, const struct block *block)
{
    int64_t ms[BLOCK];
    block_times(block, ms);
    for (uint32_t i = 0; i < block->n; i++)
        if (block->wanted[i])
            o->in_bucket[buckets_find(o->buckets, ms[i])]++;
}

static void count_block(void *arg, struct block *block)
{
    struct overview *o = arg;
    uint64_t path[BLOCK], status[BLOCK], type[BLOCK], bytes[BLOCK];
    columns_read(block->part, COLUMN_PATH, block->from, block->n, path);
    columns_read(block->part, COLUMN_STATUS, block->from, block->n, status);
    columns_read(block->part, COLUMN_TYPE, block->from, block->n, type);
    columns_read(block->part, COLUMN_BYTES, block->from, block->n, bytes);
    for (uint32_t i = 0; i < block->n; i++) {
        uint64_t one = block->wanted[i];
        o->total += one;
        o->bytes += one * bytes[i];
        o->client_errors += one & (status[i] >= 400 && status[i] < 500);
        o->server_errors += one & (status[i] >= 500 && status[i] < 600);
        o->types[type[i] % RESOURCE_TYPES] += one;
        o->part->n[path[i]] += (uint32_t)one;
        o->part->errors[path[i]] += (uint32_t)(one & (status[i] >= 400));
    }
    count_agents(o, block);
    count_times(o, block);
    if (o->in_bucket)
        count_buckets(o, block);
}

static void on_overview_part(void *arg, const struct columns *part)
{
    struct overview *o = arg;
    struct overview_part *p = o->part;
    uint32_t n = part->of[COLUMN_PATH].n_keys;
    memset(p->n, 0, n * sizeof(*p->n));
    memset(p->errors, 0, n * sizeof(*p->errors));
    each_fetch_block(&o->filter, part, count_block, o);
    for (uint32_t i = 0; i < n; i++)
        p->seen[i] = p->n[i] > 0;
    o->failed = o->failed || !key_counts_add(&o->paths, part, COLUMN_PATH, p->seen, p->place);
    for (uint32_t i = 0; i < n && !o->failed; i++)
        if (p->seen[i]) {
            o->paths.list[p->place[i]].n += p->n[i];
            o->paths.list[p->place[i]].more += p->errors[i];
        }
}

/* ---- the answer ---------------------------------------------------------------------------- */

static struct str path_name(void *arg, const struct count *c)
{
    const struct read_context *x = arg;
    return store_reader_sample(x->reader, c->sample, SAMPLE_PATH);
}

static struct str agent_name(void *arg, const struct count *c)
{
    return fetch_agent_at(arg, c->key)->name;
}

static struct str agent_operator(void *arg, const struct count *c)
{
    return fetch_agent_at(arg, c->key)->operator;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = ((const struct count *)a)->key, y = ((const struct count *)b)->key;
    return (x > y) - (x < y);
}

/* The time of the i-th quickest. `longer` is packed and sorted. */
static uint64_t time_at(const struct overview *o, const struct count *longer, uint64_t i)
{
    for (uint64_t v = 0; v < SHORT_MS; v++) {
        if (i < o->short_times[v])
            return v;
        i -= o->short_times[v];
    }
    for (size_t k = 0; k < o->long_times.n; k++) {
        if (i < longer[k].n)
            return longer[k].key;
        i -= longer[k].n;
    }
    return 0;
}

/* Rounded half up, as DuckDB's ROUND(MEDIAN(…)). */
uint64_t overview_median(struct overview *o)
{
    struct count *longer = o->long_times.slots;
    size_t n = 0;
    for (size_t i = 0; i < o->long_times.n_slots; i++)
        if (longer[i].sample)
            longer[n++] = longer[i];
    if (n > 1)
        qsort(longer, n, sizeof(*longer), compare_keys);
    if (o->timed == 0)
        return 0;
    uint64_t low = time_at(o, longer, (o->timed - 1) / 2), high = time_at(o, longer, o->timed / 2);
    return (low + high + 1) / 2;
}

static size_t names_of_agents(struct overview *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->agents.n_slots; i++) {
        const struct count *c = &o->agents.slots[i];
        bool seen = c->sample == 0;
        struct str name = seen ? STR_NONE : agent_name(&o->filter, c);
        for (size_t k = 0; k < i && !seen; k++)
            seen = o->agents.slots[k].sample &&
                   str_eq(name, agent_name(&o->filter, &o->agents.slots[k]));
        n += !seen;
    }
    return n;
}

static int put_list(struct buf *out, const char *key, const struct counts *counts,
                    const struct top_choice *choice)
{
    struct top top;
    top_choose(&top, counts, choice);
    buf_putc(out, ',');
    return put_top(out, key, &top);
}

/* By value, then name. */
static void put_types(const struct overview *o, struct buf *out)
{
    bool put[RESOURCE_TYPES] = {false};
    buf_lit(out, ",\"resource_type_split\":[");
    const char *comma = "";
    for (int round = 0; round < RESOURCE_TYPES; round++) {
        int best = -1;
        for (int i = 0; i < RESOURCE_TYPES; i++)
            if (!put[i] && o->types[i] &&
                (best < 0 || o->types[i] > o->types[best] ||
                 (o->types[i] == o->types[best] &&
                  strcmp(resource_type_names[i], resource_type_names[best]) < 0)))
                best = i;
        if (best < 0)
            break;
        put[best] = true;
        buf_printf(out, "%s{\"name\":\"%s\",\"value\":%llu}", comma, resource_type_names[best],
                   (unsigned long long)o->types[best]);
        comma = ",";
    }
    buf_putc(out, ']');
}

void overview_put_rates(struct overview *o, struct buf *out)
{
    buf_lit(out, ",\"error_rate_4xx\":");
    put_percent(out, o->client_errors, o->total);
    buf_lit(out, ",\"error_rate_5xx\":");
    put_percent(out, o->server_errors, o->total);
    buf_printf(out, ",\"median_response_ms\":%llu,\"total_bytes\":%llu",
               (unsigned long long)overview_median(o), (unsigned long long)o->bytes);
}

static int put_overview(struct overview *o, struct buf *out)
{
    struct top_choice assistants = {agent_name, &o->filter, false, true};
    struct top_choice families = {agent_operator, &o->filter, false, true};
    struct top_choice paths = {path_name, (void *)o->x, false, false};
    struct top_choice errors = {path_name, (void *)o->x, true, false};
    struct counts all_paths = key_counts_view(&o->paths);
    buf_printf(out, "{\"total_requests\":%llu,\"unique_paths\":%zu,\"unique_assistants\":%zu",
               (unsigned long long)o->total, o->paths.n, names_of_agents(o));
    overview_put_rates(o, out);
    int status = put_list(out, "top_assistants", &o->agents, &assistants) ||
                         put_list(out, "top_families", &o->agents, &families) ||
                         put_list(out, "top_paths", &all_paths, &paths) ||
                         put_list(out, "top_error_paths", &all_paths, &errors)
                     ? -1
                     : 0;
    put_types(o, out);
    buf_lit(out, "}\n");
    return status;
}

int overview_init(struct overview *o, const struct read_context *x, const struct read_query *q)
{
    *o = (struct overview){.x = x};
    o->short_times = calloc(SHORT_MS, sizeof(*o->short_times));
    o->part = calloc(1, sizeof(*o->part));
    return fetch_filter_init(&o->filter, x, q) || !o->short_times || !o->part ? -1 : 0;
}

int overview_gather(struct overview *o)
{
    struct scan_filter scan = {o->x->site, COLUMNS_FETCHES, o->filter.from_ms, o->filter.to_ms + 1};
    return store_reader_scan(o->x->reader, &scan, on_overview_part, o) || o->failed ||
                   o->agents.failed || o->long_times.failed
               ? -1
               : 0;
}

void overview_release(struct overview *o)
{
    fetch_filter_release(&o->filter);
    key_counts_release(&o->paths);
    counts_release(&o->agents);
    counts_release(&o->long_times);
    free(o->short_times);
    free(o->part);
    *o = (struct overview){0};
}

int read_overview(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    struct overview o;
    store_reader_begin(x->reader);
    int status = overview_init(&o, x, q) || overview_gather(&o) || put_overview(&o, out) ? -1 : 0;
    store_reader_end(x->reader);
    overview_release(&o);
    return status;
}

/* ---- time series --------------------------------------------------------------------------- */

struct series {
    struct fetch_filter filter;
    struct buckets buckets;
    uint64_t *n;
};

static void series_block(void *arg, struct block *block)
{
    struct series *s = arg;
    int64_t ms[BLOCK];
    block_times(block, ms);
    for (uint32_t i = 0; i < block->n; i++)
        if (block->wanted[i])
            s->n[buckets_find(&s->buckets, ms[i])]++;
}

static void on_series_part(void *arg, const struct columns *part)
{
    struct series *s = arg;
    each_fetch_block(&s->filter, part, series_block, s);
}

int read_timeseries(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    struct series s = {0};
    struct scan_filter scan = {x->site, COLUMNS_FETCHES, q->from_ms, q->to_ms + 1};
    int status = -1;
    store_reader_begin(x->reader);
    if (buckets_init(&s.buckets, q->from_ms, q->to_ms, x->zone) == 0 &&
        fetch_filter_init(&s.filter, x, q) == 0 &&
        (s.n = calloc(s.buckets.n + 1, sizeof(*s.n))) != NULL)
        status = s.buckets.n ? store_reader_scan(x->reader, &scan, on_series_part, &s) : 0;
    store_reader_end(x->reader);
    buf_putc(out, '[');
    for (size_t i = 0; i < s.buckets.n && status == 0; i++) {
        buf_put_str(out, i ? STR(",{\"time\":\"") : STR("{\"time\":\""));
        buckets_put_time(&s.buckets, i, out);
        buf_printf(out, "\",\"count\":%llu}", (unsigned long long)s.n[i]);
    }
    buf_lit(out, "]\n");
    buckets_release(&s.buckets);
    fetch_filter_release(&s.filter);
    free(s.n);
    return status;
}
