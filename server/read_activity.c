/*
 * read_activity.c - counts what AI agents have done: one pass over the fetches, and one over the
 * pageviews, of which only those of agents and from assistants are looked at one by one.
 */
#include "server/read_activity.h"

#include <stdlib.h>

/* A pageview that an assistant has sent: its visitor, and the places of what it is counted by. */
struct referral {
    uint64_t visitor;
    uint32_t source, bucket;
};

/* Of the part in work. */
struct activity_part {
    bool is_bot[COLUMNS_MAX_RECORDS];       /* by the user agent's index */
    uint32_t of_agent[COLUMNS_MAX_RECORDS]; /* by that */
    uint32_t of_path[COLUMNS_MAX_RECORDS];  /* by the path's */
    bool seen[COLUMNS_MAX_RECORDS];         /* by either */
    uint32_t place[COLUMNS_MAX_RECORDS];    /* by either, or a source's */
    bool any_bot, any_source, fits;         /* fits: the filters of AI */
    struct referral referrals[COLUMNS_MAX_RECORDS];
    size_t n_referrals;
    uint64_t keys[COLUMNS_MAX_RECORDS];
    uint32_t visitors[COLUMNS_MAX_RECORDS], pairs[COLUMNS_MAX_RECORDS];
};

/* ---- a block of pageviews ------------------------------------------------------------------- */

static void count_tracked(struct activity *a, const struct block *block, const int64_t *ms)
{
    struct activity_part *p = a->part;
    uint64_t agent[BLOCK], path[BLOCK];
    columns_read(block->part, COLUMN_UA, block->from, block->n, agent);
    columns_read(block->part, COLUMN_PATH, block->from, block->n, path);
    for (uint32_t i = 0; i < block->n; i++) {
        if (!block->wanted[i] || !p->is_bot[agent[i]])
            continue;
        a->tracked++;
        p->of_agent[agent[i]]++;
        p->of_path[path[i]]++;
        a->tracked_in[buckets_find(&a->buckets, ms[i])]++;
    }
}

static void note_referrals(struct activity *a, const struct block *block, const int64_t *ms)
{
    struct activity_part *p = a->part;
    uint64_t source[BLOCK], visitor[BLOCK];
    columns_read(block->part, COLUMN_AI_SOURCE, block->from, block->n, source);
    columns_read(block->part, COLUMN_VISITOR, block->from, block->n, visitor);
    for (uint32_t i = 0; i < block->n; i++) {
        uint32_t index = (uint32_t)source[i];
        if (!block->wanted[i] || columns_key(block->part, COLUMN_AI_SOURCE, index) == 0)
            continue;
        p->referrals[p->n_referrals++] =
            (struct referral){columns_key(block->part, COLUMN_VISITOR, (uint32_t)visitor[i]), index,
                              (uint32_t)buckets_find(&a->buckets, ms[i])};
    }
}

static void activity_block(void *arg, struct block *block)
{
    struct activity *a = arg;
    int64_t ms[BLOCK];
    hit_filters_narrow(&a->pages, block);
    for (uint32_t i = 0; i < block->n; i++)
        a->pageviews += block->wanted[i];
    if (!a->part->fits)
        return;
    hit_filters_narrow(&a->ai, block);
    block_times(block, ms);
    if (a->part->any_bot)
        count_tracked(a, block, ms);
    if (a->part->any_source)
        note_referrals(a, block, ms);
}

/* ---- a part of them ------------------------------------------------------------------------- */

static void look_at_agents(struct activity *a, const struct columns *part)
{
    struct activity_part *p = a->part;
    p->any_bot = false;
    for (uint32_t i = 0; i < part->of[COLUMN_UA].n_keys; i++) {
        p->is_bot[i] = seen_agent(a->x, columns_key(part, COLUMN_UA, i))->ai != NULL;
        p->any_bot = p->any_bot || p->is_bot[i];
    }
}

/* Adds numbers by the index of a key to its counts. */
static bool add_counts(struct activity *a, struct key_counts *counts, const struct columns *part,
                       enum column_id id, const uint32_t *n)
{
    struct activity_part *p = a->part;
    uint32_t n_keys = part->of[id].n_keys;
    for (uint32_t i = 0; i < n_keys; i++)
        p->seen[i] = n[i] > 0;
    if (!key_counts_add(counts, part, id, p->seen, p->place))
        return false;
    for (uint32_t i = 0; i < n_keys; i++)
        if (p->seen[i])
            counts->list[p->place[i]].n += n[i];
    return true;
}

/* The places in `pairs` of the keys of the referrals; on return *next is the first new one. */
static bool place_pairs(struct activity_part *p, struct places *pairs, size_t *next)
{
    *next = pairs->n;
    return places_of(pairs, p->keys, p->n_referrals, p->pairs);
}

static bool add_referrals(struct activity *a, const struct columns *part)
{
    struct activity_part *p = a->part;
    size_t next;
    if (!key_counts_add(&a->sources, part, COLUMN_AI_SOURCE, NULL, p->place))
        return false;
    for (size_t i = 0; i < p->n_referrals; i++)
        p->keys[i] = p->referrals[i].visitor;
    if (!places_of(&a->visitors, p->keys, p->n_referrals, p->visitors))
        return false;
    for (size_t i = 0; i < p->n_referrals; i++)
        p->keys[i] = (uint64_t)p->visitors[i] << 32 | p->place[p->referrals[i].source];
    if (!place_pairs(p, &a->from_source, &next))
        return false;
    for (size_t i = 0; i < p->n_referrals; i++)
        if (p->pairs[i] == next) {
            a->sources.list[p->place[p->referrals[i].source]].n++;
            next++;
        }
    for (size_t i = 0; i < p->n_referrals; i++)
        p->keys[i] = (uint64_t)p->visitors[i] << 32 | p->referrals[i].bucket;
    if (!place_pairs(p, &a->in_bucket, &next))
        return false;
    for (size_t i = 0; i < p->n_referrals; i++)
        if (p->pairs[i] == next) {
            a->referred_in[p->referrals[i].bucket]++;
            next++;
        }
    return true;
}

static void on_activity_part(void *arg, const struct columns *part)
{
    struct activity *a = arg;
    struct activity_part *p = a->part;
    if (a->failed || !hit_filters_begin(&a->pages, part))
        return;
    look_at_agents(a, part);
    p->any_source =
        part->of[COLUMN_AI_SOURCE].n_keys > 1 || columns_key(part, COLUMN_AI_SOURCE, 0) != 0;
    p->fits = (p->any_bot || p->any_source) && hit_filters_begin(&a->ai, part);
    p->n_referrals = 0;
    memset(p->of_agent, 0, part->of[COLUMN_UA].n_keys * sizeof(*p->of_agent));
    memset(p->of_path, 0, part->of[COLUMN_PATH].n_keys * sizeof(*p->of_path));
    each_block(part, a->from_ms, a->to_ms, activity_block, a);
    if (!p->fits)
        return;
    a->failed = (p->any_bot && (!add_counts(a, &a->agents, part, COLUMN_UA, p->of_agent) ||
                                !add_counts(a, &a->paths, part, COLUMN_PATH, p->of_path))) ||
                (p->n_referrals > 0 && !add_referrals(a, part));
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Pageviews by what is not of AI, which are counted by that alone; and by the rest. */
static int split_filters(struct activity *a, const struct read_query *q)
{
    a->of_pages = a->of_ai = *q;
    a->of_pages.n_filters = a->of_ai.n_filters = 0;
    a->of_ai.nothing = false;
    for (size_t i = 0; i < q->n_filters; i++) {
        struct read_query *half = hit_filter_is_ai(q->filters[i].type) ? &a->of_ai : &a->of_pages;
        half->filters[half->n_filters++] = q->filters[i];
    }
    return hit_filters_init(&a->pages, a->x, &a->of_pages) ||
                   hit_filters_init(&a->ai, a->x, &a->of_ai)
               ? -1
               : 0;
}

static struct str path_name(void *arg, const struct count *c)
{
    const struct activity *a = arg;
    return store_reader_sample(a->x->reader, c->sample, SAMPLE_PATH);
}

static int gather_fetches(struct activity *a, const struct read_query *q)
{
    struct top_choice errors = {.name = path_name, .arg = a, .by_more = true};
    struct overview *o = &a->fetches;
    if (overview_init(o, a->x, q))
        return -1;
    o->filter.from_ms = a->from_ms;
    o->filter.to_ms = a->to_ms;
    fetch_filter_narrow(&o->filter, q);
    o->buckets = &a->buckets;
    o->in_bucket = a->fetched_in;
    if (overview_gather(o))
        return -1;
    struct counts paths = key_counts_view(&o->paths);
    top_choose(&a->error_paths, &paths, &errors);
    a->paths = o->paths;
    o->paths = (struct key_counts){0};
    for (size_t i = 0; i < a->paths.n; i++)
        a->paths.list[i].more = a->paths.list[i].n;
    return 0;
}

int activity_gather(struct activity *a, const struct read_context *x, const struct read_query *q,
                    int64_t from_ms, int64_t to_ms)
{
    struct scan_filter scan = {x->site, COLUMNS_PAGEVIEWS, from_ms, to_ms + 1};
    *a = (struct activity){.x = x, .from_ms = from_ms, .to_ms = to_ms};
    if (buckets_init(&a->buckets, from_ms, to_ms, x->zone) || split_filters(a, q))
        return -1;
    size_t n = a->buckets.n + 1;
    a->tracked_in = calloc(n, sizeof(*a->tracked_in));
    a->fetched_in = calloc(n, sizeof(*a->fetched_in));
    a->referred_in = calloc(n, sizeof(*a->referred_in));
    a->part = calloc(1, sizeof(*a->part));
    if (!a->tracked_in || !a->fetched_in || !a->referred_in || !a->part)
        return -1;
    if (to_ms < from_ms)
        return 0;
    return gather_fetches(a, q) || store_reader_scan(x->reader, &scan, on_activity_part, a) ||
                   a->failed
               ? -1
               : 0;
}

void activity_release(struct activity *a)
{
    hit_filters_release(&a->pages);
    hit_filters_release(&a->ai);
    overview_release(&a->fetches);
    top_release(&a->error_paths);
    key_counts_release(&a->paths);
    key_counts_release(&a->agents);
    key_counts_release(&a->sources);
    places_release(&a->visitors);
    places_release(&a->from_source);
    places_release(&a->in_bucket);
    buckets_release(&a->buckets);
    free(a->tracked_in);
    free(a->fetched_in);
    free(a->referred_in);
    free(a->part);
    *a = (struct activity){0};
}
