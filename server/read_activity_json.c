/*
 * read_activity_json.c - the answer of the ai-activity endpoint: HitKeep's fields, in its order.
 */
#include <stdlib.h>

#include "parsers/base/json.h"
#include "server/read_activity.h"

/* ---- by name -------------------------------------------------------------------------------- */

struct name {
    struct str name, category; /* lent */
};

/* An agent has one name, and several user agents and numbers in the store: counts by name, n: all,
 * more: fetched; a sample is the place in the list of names, and 1. */
struct named {
    struct counts counts;
    struct name *list;
    size_t room;
};

static void named_release(struct named *d)
{
    counts_release(&d->counts);
    free(d->list);
}

static bool named_add(struct named *d, uint64_t key, struct name name, uint64_t n, uint64_t fetched)
{
    size_t next = d->counts.n;
    struct count *c = counts_at(&d->counts, key, (int64_t)next + 1);
    if (!c)
        return false;
    if (d->counts.n > next) {
        if (!list_room((void **)&d->list, next, &d->room, sizeof(*d->list)))
            return false;
        d->list[next] = name;
    }
    c->n += n;
    c->more += fetched;
    return true;
}

static struct str name_at(void *arg, const struct count *c)
{
    const struct named *d = arg;
    return d->list[c->sample - 1].name;
}

struct agents {
    struct named names, categories, families;
    struct named of_categories; /* names within their category */
};

static bool add_agent(struct agents *a, struct name agent, uint64_t n, uint64_t fetched)
{
    uint64_t name = column_key(agent.name), category = column_key(agent.category);
    if (!named_add(&a->names, name, agent, n, fetched))
        return false;
    return category == 0 ||
           (named_add(&a->categories, category, (struct name){.name = agent.category}, n,
                      fetched) &&
            named_add(&a->of_categories, key_pair(category, name), agent, n, fetched));
}

static bool agents_init(struct agents *a, const struct activity *from)
{
    const struct counts *fetched = &from->fetches.agents;
    *a = (struct agents){0};
    for (size_t i = 0; i < from->agents.n; i++) {
        const struct count *c = &from->agents.list[i];
        const struct agent *ai = seen_agent(from->x, c->key)->ai;
        struct name name = {str_of(ai->name), str_of(hitkeep_category(ai->category))};
        if (!add_agent(a, name, c->n, 0))
            return false;
    }
    for (size_t i = 0; i < fetched->n_slots; i++) {
        const struct count *c = &fetched->slots[i];
        if (c->sample == 0)
            continue;
        const struct fetch_agent *agent = fetch_agent_at(&from->fetches.filter, c->key);
        struct name name = {agent->name, agent->category}, family = {.name = agent->operator};
        if (!add_agent(a, name, c->n, c->n) ||
            !named_add(&a->families, column_key(agent->operator), family, c->n, c->n))
            return false;
    }
    return true;
}

static void agents_release(struct agents *a)
{
    named_release(&a->names);
    named_release(&a->categories);
    named_release(&a->families);
    named_release(&a->of_categories);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static int put_activity_top(struct buf *out, const char *name, struct top *top)
{
    buf_printf(out, "\"%s\":[", name);
    for (size_t i = 0; i < top->n; i++) {
        const struct top_entry *e = &top->entries[i];
        buf_put_str(out, i ? STR(",{\"name\":") : STR("{\"name\":"));
        json_put_string(out, e->name);
        buf_printf(out, ",\"value\":%llu,\"tracked_hits\":%llu,\"fetch_count\":%llu}",
                   (unsigned long long)e->value, (unsigned long long)(e->value - e->more),
                   (unsigned long long)e->more);
    }
    buf_putc(out, ']');
    int status = top->failed ? -1 : 0;
    top_release(top);
    return status;
}

static int put_counts(struct buf *out, const char *name, const struct counts *counts, top_name *of,
                      void *arg)
{
    struct top_choice choice = {.name = of, .arg = arg};
    struct top top;
    top_choose(&top, counts, &choice);
    return put_activity_top(out, name, &top);
}

static int put_named(struct buf *out, const char *name, struct named *d)
{
    buf_putc(out, ',');
    return put_counts(out, name, &d->counts, name_at, d);
}

static struct str path_name(void *arg, const struct count *c)
{
    const struct activity *a = arg;
    return store_reader_sample(a->x->reader, c->sample, SAMPLE_PATH);
}

static struct str source_name(void *arg, const struct count *c)
{
    const struct activity *a = arg;
    struct store_reader *r = a->x->reader;
    return str_of(ai_source_of(store_reader_sample(r, c->sample, SAMPLE_REFERRER),
                               store_reader_sample(r, c->sample, SAMPLE_PATH)));
}

static int put_types(struct buf *out, const struct activity *a)
{
    struct named types = {0};
    bool ok = true;
    for (size_t i = 0; i < RESOURCE_TYPES && ok; i++) {
        struct name name = {.name = str_of(resource_type_names[i])};
        uint64_t n = a->fetches.types[i];
        ok = n == 0 || named_add(&types, i + 1, name, n, n);
    }
    int status = put_named(out, "top_resource_types", &types);
    named_release(&types);
    return ok ? status : -1;
}

/* In the order of the categories' names; those that have any. */
static int put_by_category(struct buf *out, struct agents *agents)
{
    static const enum agent_category order[] = {AGENT_AGENT,  AGENT_ASSISTANT, AGENT_CODING,
                                                AGENT_SEARCH, AGENT_TRAINING,  AGENT_OTHER};
    struct named *all = &agents->of_categories;
    const char *comma = "";
    int status = 0;
    buf_lit(out, ",\"top_agents_by_category\":{");
    for (size_t k = 0; k < COUNT_OF(order) && status == 0; k++) {
        const char *category = hitkeep_category(order[k]);
        struct counts some = {0};
        for (size_t i = 0; i < all->counts.n_slots; i++) {
            const struct count *c = &all->counts.slots[i];
            struct count *copy = NULL;
            if (c->sample && str_eq(all->list[c->sample - 1].category, str_of(category)))
                copy = counts_at(&some, c->key, c->sample);
            if (copy)
                *copy = *c;
        }
        if (some.n > 0) {
            buf_put_str(out, str_of(comma));
            status = put_counts(out, category, &some, name_at, all);
            comma = ",";
        }
        status = some.failed ? -1 : status;
        counts_release(&some);
    }
    buf_putc(out, '}');
    return status;
}

static int put_lists(struct buf *out, struct activity *a, struct agents *agents)
{
    struct counts paths = key_counts_view(&a->paths), sources = key_counts_view(&a->sources);
    struct top *errors = &a->error_paths;
    for (size_t i = 0; i < errors->n; i++)
        errors->entries[i].more = errors->entries[i].value;
    if (put_named(out, "top_agents", &agents->names) ||
        put_named(out, "top_categories", &agents->categories))
        return -1;
    buf_putc(out, ',');
    if (put_counts(out, "top_paths", &paths, path_name, a))
        return -1;
    buf_putc(out, ',');
    if (put_counts(out, "top_sources", &sources, source_name, a) ||
        put_named(out, "top_families", &agents->families) || put_types(out, a))
        return -1;
    buf_putc(out, ',');
    return put_activity_top(out, "top_error_paths", errors) || put_by_category(out, agents) ? -1
                                                                                            : 0;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void put_requests(struct buf *out, uint64_t tracked, uint64_t fetched)
{
    uint64_t all = tracked + fetched;
    buf_printf(out, "\"ai_requests\":%llu,\"tracked_hits\":%llu,\"fetch_count\":%llu",
               (unsigned long long)all, (unsigned long long)tracked, (unsigned long long)fetched);
}

static void put_scalars(struct buf *out, const struct activity *a, const struct agents *agents)
{
    put_requests(out, a->tracked, a->fetches.total);
    buf_printf(out,
               ",\"referral_visits\":%zu,\"paths_crawled\":%zu,\"unique_agents\":%zu,"
               "\"pageviews\":%llu",
               a->visitors.n, a->paths.n, agents->names.counts.n, (unsigned long long)a->pageviews);
}

static void put_series(struct buf *out, const struct activity *a)
{
    buf_lit(out, ",\"series\":[");
    for (size_t i = 0; i < a->buckets.n; i++) {
        buf_put_str(out, i ? STR(",{\"time\":\"") : STR("{\"time\":\""));
        buckets_put_time(&a->buckets, i, out);
        buf_lit(out, "\",");
        put_requests(out, a->tracked_in[i], a->fetched_in[i]);
        buf_printf(out, ",\"referral_visits\":%llu}", (unsigned long long)a->referred_in[i]);
    }
    buf_putc(out, ']');
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int put_report(struct buf *out, struct activity *a)
{
    struct agents agents;
    int status = agents_init(&agents, a) ? 0 : -1;
    if (status == 0) {
        buf_putc(out, '{');
        put_scalars(out, a, &agents);
        overview_put_rates(&a->fetches, out);
        status = put_lists(out, a, &agents);
        put_series(out, a);
    }
    agents_release(&agents);
    return status;
}

static int put_comparison(struct buf *out, const struct activity *a)
{
    struct agents agents;
    int status = agents_init(&agents, a) ? 0 : -1;
    if (status == 0) {
        buf_lit(out, ",\"comparison\":{");
        put_scalars(out, a, &agents);
        buf_putc(out, '}');
    }
    agents_release(&agents);
    return status;
}

int read_activity(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    struct activity a;
    store_reader_begin(x->reader);
    int status = activity_gather(&a, x, q, q->from_ms, q->to_ms) || put_report(out, &a) ? -1 : 0;
    activity_release(&a);
    if (status == 0 && q->compare) {
        status = activity_gather(&a, x, q, q->compare_from_ms, q->compare_to_ms) ||
                         put_comparison(out, &a)
                     ? -1
                     : 0;
        activity_release(&a);
    }
    buf_lit(out, "}\n");
    store_reader_end(x->reader);
    return status;
}
