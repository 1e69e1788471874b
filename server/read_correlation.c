/*
 * read_correlation.c - which fetches of an assistant were followed by visits that an assistant sent
 * to the same page. In three steps: the visits; the fetches; page by page, what of the two fits,
 * both in order of time.
 *
 * A page is its path without what a campaign or a click has added; with `strict` the path as it
 * stands, and a fetch that several visits follow counts once for each, as in HitKeep.
 */
#include "server/read_correlation.h"

#include "parsers/base/time.h"

#include <stdlib.h>

#define FETCHES_MAX (16u << 20) /* with more the report fails */

/* ---- the visits ---------------------------------------------------------------------------- */

static void add_visit(struct correlation *c, uint32_t page, uint32_t visitor, int64_t ms)
{
    if (!list_room((void **)&c->visits, c->n_visits, &c->visits_room, sizeof(*c->visits))) {
        c->failed = true;
        return;
    }
    c->part->page_seen[page] = c->part->visitor_seen[visitor] = true;
    c->visits[c->n_visits++] = (struct visit){.page = page, .visitor = visitor, .ms = ms};
}

static void visits_block(void *arg, struct block *block)
{
    struct correlation *c = arg;
    uint64_t source[BLOCK], page[BLOCK], visitor[BLOCK];
    int64_t ms[BLOCK];
    columns_read(block->part, COLUMN_AI_SOURCE, block->from, block->n, source);
    columns_read(block->part, c->page, block->from, block->n, page);
    columns_read(block->part, COLUMN_VISITOR, block->from, block->n, visitor);
    block_times(block, ms);
    for (uint32_t i = 0; i < block->n && !c->failed; i++)
        if (block->wanted[i] && columns_key(block->part, COLUMN_AI_SOURCE, (uint32_t)source[i]))
            add_visit(c, (uint32_t)page[i], (uint32_t)visitor[i], ms[i]);
}

/* Of the visits from `from` on, which name page and visitor by their index in the part: those that
 * are the first of that page and visitor, with places. */
static bool keep_first(struct correlation *c, size_t from)
{
    uint64_t keys[BLOCK];
    uint32_t places[BLOCK];
    size_t end = c->n_visits, n;
    c->n_visits = from;
    for (size_t at = from; at < end; at += n) {
        n = end - at < BLOCK ? end - at : BLOCK;
        for (size_t i = 0; i < n; i++) {
            struct visit *visit = &c->visits[at + i];
            visit->page = c->part->page[visit->page];
            visit->visitor = c->part->other[visit->visitor];
            keys[i] = (uint64_t)visit->page << 32 | visit->visitor;
        }
        if (!places_of(&c->pairs_seen, keys, n, places))
            return false;
        for (size_t i = 0; i < n; i++) {
            struct visit visit = c->visits[at + i], *first = &c->visits[places[i]];
            if (places[i] == c->n_visits)
                c->visits[c->n_visits++] = visit;
            else if (visit.ms < first->ms)
                first->ms = visit.ms;
        }
    }
    return true;
}

static void forget_seen(struct correlation *c, const struct columns *part)
{
    memset(c->part->page_seen, 0, part->of[c->page].n_keys * sizeof(bool));
    if (part->kind == COLUMNS_PAGEVIEWS)
        memset(c->part->visitor_seen, 0, part->of[COLUMN_VISITOR].n_keys * sizeof(bool));
}

static void on_pageviews(void *arg, const struct columns *part)
{
    struct correlation *c = arg;
    const struct column *source = &part->of[COLUMN_AI_SOURCE];
    size_t from = c->n_visits;
    if (c->failed || (source->n_keys == 1 && columns_key(part, COLUMN_AI_SOURCE, 0) == 0))
        return;
    forget_seen(c, part);
    each_block(part, c->q->from_ms, c->q->to_ms, visits_block, c);
    c->failed = c->failed ||
                !key_counts_add(&c->page_keys, part, c->page, c->part->page_seen, c->part->page) ||
                !places_of_column(&c->visitors, part, COLUMN_VISITOR, c->part->visitor_seen,
                                  c->part->other) ||
                !keep_first(c, from);
}

/* ---- the fetches --------------------------------------------------------------------------- */

static struct group *new_group(struct groups *g, uint32_t agent, int64_t sample)
{
    if (g->n > COUNTS_MAX || !list_room((void **)&g->list, g->n, &g->room, sizeof(*g->list)))
        return NULL;
    g->list[g->n] = (struct group){.agent = agent, .sample = sample, .last_ms = INT64_MIN};
    return &g->list[g->n++];
}

static void count_hotspots(struct correlation *c, const struct fetch *fetches,
                           const uint32_t *prefix, size_t n)
{
    uint64_t keys[BLOCK];
    uint32_t places[BLOCK];
    for (size_t i = 0; i < n; i++)
        keys[i] = (uint64_t)prefix[i] << 32 | fetches[i].agent;
    c->failed = c->failed || !places_of(&c->hotspots_seen, keys, n, places);
    for (size_t i = 0; i < n && !c->failed; i++) {
        if (places[i] == c->hotspots.n &&
            !new_group(&c->hotspots, fetches[i].agent, c->prefixes.list[prefix[i]].sample)) {
            c->failed = true;
            return;
        }
        c->hotspots.list[places[i]].fetches++;
        c->hotspots.list[places[i]].errors += fetches[i].error;
    }
}

static bool fetches_room(struct correlation *c)
{
    while (c->fetches_room < c->n_fetches + BLOCK)
        if (c->fetches_room > FETCHES_MAX || !list_room((void **)&c->fetches, c->fetches_room,
                                                        &c->fetches_room, sizeof(*c->fetches)))
            return false;
    return true;
}

static void fetches_block(void *arg, struct block *block)
{
    struct correlation *c = arg;
    uint64_t page[BLOCK], agent[BLOCK], prefix[BLOCK], status[BLOCK];
    uint32_t prefixes[BLOCK], n = 0;
    int64_t ms[BLOCK];
    if (c->failed || !fetches_room(c)) {
        c->failed = true;
        return;
    }
    columns_read(block->part, c->page, block->from, block->n, page);
    columns_read(block->part, COLUMN_AGENT, block->from, block->n, agent);
    columns_read(block->part, COLUMN_PREFIX, block->from, block->n, prefix);
    columns_read(block->part, COLUMN_STATUS, block->from, block->n, status);
    block_times(block, ms);
    struct fetch *list = &c->fetches[c->n_fetches];
    for (uint32_t i = 0; i < block->n; i++) {
        uint64_t id = columns_key(block->part, COLUMN_AGENT, (uint32_t)agent[i]);
        if (!block->wanted[i])
            continue;
        c->part->page_seen[page[i]] = true;
        prefixes[n] = c->part->other[prefix[i]];
        list[n++] = (struct fetch){.page = (uint32_t)page[i],
                                   .agent = c->canonical[id < c->filter.n_agents ? id : 0],
                                   .error = status[i] >= 400,
                                   .ms = ms[i]};
    }
    count_hotspots(c, list, prefixes, n);
    c->n_fetches += n;
}

static void on_fetches(void *arg, const struct columns *part)
{
    struct correlation *c = arg;
    size_t from = c->n_fetches;
    if (c->failed || !key_counts_add(&c->prefixes, part, COLUMN_PREFIX, NULL, c->part->other)) {
        c->failed = true;
        return;
    }
    forget_seen(c, part);
    each_fetch_block(&c->filter, part, fetches_block, c);
    if (c->failed ||
        !key_counts_add(&c->page_keys, part, c->page, c->part->page_seen, c->part->page)) {
        c->failed = true;
        return;
    }
    for (size_t i = from; i < c->n_fetches; i++) {
        c->fetches[i].page = c->part->page[c->fetches[i].page];
        c->page_keys.list[c->fetches[i].page].n++;
    }
}

/* ---- page by page -------------------------------------------------------------------------- */

/* In a second list: in place each move would wait for the one before. end[page]: where its fetches
 * end there. */
static bool group_by_page(struct correlation *c, size_t *end)
{
    struct fetch *sorted = malloc((c->n_fetches + 1) * sizeof(*sorted));
    size_t at = 0;
    if (!sorted)
        return false;
    for (size_t page = 0; page < c->page_keys.n; page++) {
        end[page] = at;
        at += c->page_keys.list[page].n;
    }
    for (size_t i = 0; i < c->n_fetches; i++)
        sorted[end[c->fetches[i].page]++] = c->fetches[i];
    free(c->fetches);
    c->fetches = sorted;
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct fetch *x = a, *y = b;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

static int by_page_and_time(const void *a, const void *b)
{
    const struct visit *x = a, *y = b;
    if (x->page != y->page)
        return x->page < y->page ? -1 : 1;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

/* The fetches of a page and the visits to it. */
struct run {
    struct fetch *fetches;
    const struct visit *visits;
    size_t n, n_visits, first_pair;
    struct group *page;
};

static bool count_pairs(struct correlation *c, const struct run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        const struct fetch *fetch = &run->fetches[i];
        uint32_t *pair = &c->pair_of[fetch->agent];
        if (*pair <= run->first_pair) { /* another page's, or none */
            if (!new_group(&c->pairs, fetch->agent, run->page->sample))
                return false;
            *pair = (uint32_t)c->pairs.n;
        }
        c->pairs.list[*pair - 1].fetches++;
        c->pairs.list[*pair - 1].errors += fetch->error;
        run->page->errors += fetch->error;
    }
    return true;
}

/* A visit follows a group's latest fetch before it, if any of them. */
static void count_visits(struct correlation *c, const struct run *run, int64_t window_ms)
{
    size_t next = 0;
    for (size_t i = 0; i < run->n_visits; i++) {
        const struct visit *visit = &run->visits[i];
        for (; next < run->n && run->fetches[next].ms <= visit->ms; next++) {
            uint32_t pair = c->pair_of[run->fetches[next].agent] - 1;
            c->pairs.list[pair].last_ms = run->page->last_ms = run->fetches[next].ms;
        }
        if (next == 0 || visit->ms - run->page->last_ms > window_ms)
            continue;
        run->page->visits++;
        c->sessions += !c->met[visit->visitor];
        c->met[visit->visitor] = true;
        for (size_t k = run->first_pair; k < c->pairs.n; k++) {
            struct group *pair = &c->pairs.list[k];
            pair->visits += pair->last_ms != INT64_MIN && visit->ms - pair->last_ms <= window_ms;
        }
    }
}

/* A fetch that several visits follow counts once for each. */
static void count_again(struct correlation *c, const struct run *run, const struct fetch *fetch,
                        size_t times)
{
    struct group *groups[] = {&c->pairs.list[c->pair_of[fetch->agent] - 1], run->page};
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        groups[i]->fetches += times;
        groups[i]->errors += fetch->error ? times : 0;
    }
}

/* Which fetches are followed, and by how many? */
static void count_followed(struct correlation *c, const struct run *run, int64_t window_ms)
{
    size_t from = 0, to = 0;
    for (size_t i = 0; i < run->n; i++) {
        const struct fetch *fetch = &run->fetches[i];
        while (from < run->n_visits && run->visits[from].ms < fetch->ms)
            from++;
        to = to < from ? from : to;
        while (to < run->n_visits && run->visits[to].ms - fetch->ms <= window_ms)
            to++;
        c->followed += to > from;
        if (c->x->strict && to > from)
            count_again(c, run, fetch, to - from - 1);
    }
}

static bool correlate_page(struct correlation *c, struct run *run, int64_t sample)
{
    int64_t window_ms = c->q->window_days * DAY_MS;
    run->page = new_group(&c->pages, 0, sample);
    if (!run->page || !count_pairs(c, run))
        return false;
    run->page->fetches = run->n;
    if (run->n_visits == 0)
        return true;
    for (size_t i = 1; i < run->n; i++)
        if (run->fetches[i].ms < run->fetches[i - 1].ms) {
            qsort(run->fetches, run->n, sizeof(*run->fetches), by_time);
            break;
        }
    count_visits(c, run, window_ms);
    count_followed(c, run, window_ms);
    return true;
}

static bool correlate(struct correlation *c)
{
    size_t n_pages = c->page_keys.n, visit = 0, *end = calloc(n_pages + 1, sizeof(*end));
    c->met = calloc(c->visitors.n + 1, sizeof(*c->met));
    c->pair_of = calloc(c->filter.n_agents, sizeof(*c->pair_of));
    bool good = end && c->met && c->pair_of && group_by_page(c, end);
    if (c->n_visits > 1)
        qsort(c->visits, c->n_visits, sizeof(*c->visits), by_page_and_time);
    for (size_t i = 0; i < n_pages && good; i++) {
        struct run run = {
            .n = c->page_keys.list[i].n, .visits = &c->visits[visit], .first_pair = c->pairs.n};
        for (; visit < c->n_visits && c->visits[visit].page == i; visit++)
            run.n_visits++;
        run.fetches = &c->fetches[end[i] - run.n];
        good = run.n == 0 || correlate_page(c, &run, c->page_keys.list[i].sample);
    }
    free(end);
    return good;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int name_canonically(struct correlation *c)
{
    const struct fetch_filter *f = &c->filter;
    c->canonical = calloc(f->n_agents, sizeof(*c->canonical));
    if (!c->canonical)
        return -1;
    for (uint32_t i = 1; i < f->n_agents; i++) {
        uint32_t k = 0;
        while (k < i && !str_eq(fetch_agent_at(f, k)->name, fetch_agent_at(f, i)->name))
            k++;
        c->canonical[i] = k;
    }
    return 0;
}

static void release(struct correlation *c)
{
    fetch_filter_release(&c->filter);
    key_counts_release(&c->page_keys);
    key_counts_release(&c->prefixes);
    places_release(&c->visitors);
    places_release(&c->pairs_seen);
    places_release(&c->hotspots_seen);
    free(c->canonical);
    free(c->pair_of);
    free(c->part);
    free(c->visits);
    free(c->fetches);
    free(c->met);
    free(c->pages.list);
    free(c->pairs.list);
    free(c->hotspots.list);
}

int read_correlation(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    struct correlation c = {.x = x,
                            .q = q,
                            .page = x->strict ? COLUMN_PATH : COLUMN_PAGE,
                            .part = calloc(1, sizeof(*c.part))};
    struct scan_filter visits = {x->site, COLUMNS_PAGEVIEWS, q->from_ms, q->to_ms + 1};
    struct scan_filter fetches = {x->site, COLUMNS_FETCHES, q->from_ms, q->to_ms + 1};
    store_reader_begin(x->reader);
    c.failed = !c.part || fetch_filter_init(&c.filter, x, q) || name_canonically(&c) ||
               store_reader_scan(x->reader, &visits, on_pageviews, &c) || c.failed ||
               store_reader_scan(x->reader, &fetches, on_fetches, &c) || c.failed || !correlate(&c);
    if (!c.failed)
        put_correlation(&c, out);
    store_reader_end(x->reader);
    release(&c);
    return c.failed ? -1 : 0;
}
