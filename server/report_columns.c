/*
 * report_columns.c - a report counted from columns: paths and visitors by their keys, and the texts
 * of those paths alone that are shown.
 */
#include <stdlib.h>

#include "server/read_part.h"
#include "server/report_impl.h"

struct sums {
    uint64_t of[TALLY_COLUMNS];
};

/* Of the part in work, by the index of the path, of the agent, of the visitor. */
struct report_part {
    struct sums paths[COLUMNS_MAX_RECORDS], agents[COLUMNS_MAX_RECORDS];
    bool path_seen[COLUMNS_MAX_RECORDS], visitor_seen[COLUMNS_MAX_RECORDS];
    uint32_t place[COLUMNS_MAX_RECORDS];
};

struct gathering {
    struct report *r;
    struct store_reader *reader;
    size_t top;
    struct places visitors;
    struct key_counts paths; /* of the kind in work */
    struct sums *sums;       /* the same paths' */
    size_t n_sums, sums_room;
    struct report_part *part;
    bool failed;
};

/* ---- a part -------------------------------------------------------------------------------- */

static void pages_block(void *arg, struct block *block)
{
    struct report_part *p = ((struct gathering *)arg)->part;
    uint64_t path[BLOCK], visitor[BLOCK];
    columns_read(block->part, COLUMN_PATH, block->from, block->n, path);
    columns_read(block->part, COLUMN_VISITOR, block->from, block->n, visitor);
    for (uint32_t i = 0; i < block->n; i++) {
        p->paths[path[i]].of[TALLY_ALL] += block->wanted[i];
        p->visitor_seen[visitor[i]] |= block->wanted[i];
    }
}

static void count(struct sums *s, enum tally_column status, bool spoofed)
{
    s->of[TALLY_ALL]++;
    s->of[TALLY_SPOOFED] += spoofed;
    s->of[status] += status != TALLY_ALL;
}

static void fetches_block(void *arg, struct block *block)
{
    struct report_part *p = ((struct gathering *)arg)->part;
    uint64_t path[BLOCK], agent[BLOCK], status[BLOCK], verified[BLOCK];
    columns_read(block->part, COLUMN_PATH, block->from, block->n, path);
    columns_read(block->part, COLUMN_AGENT, block->from, block->n, agent);
    columns_read(block->part, COLUMN_STATUS, block->from, block->n, status);
    columns_read(block->part, COLUMN_VERIFIED, block->from, block->n, verified);
    for (uint32_t i = 0; i < block->n; i++) {
        enum tally_column column = report_status_column((int)status[i]);
        if (!block->wanted[i])
            continue;
        count(&p->paths[path[i]], column, verified[i] == 2);
        count(&p->agents[agent[i]], column, verified[i] == 2);
    }
}

static void add(uint64_t to[TALLY_COLUMNS], const struct sums *more)
{
    for (int i = 0; i < TALLY_COLUMNS; i++)
        to[i] += more->of[i];
}

static void add_paths(struct gathering *g, const struct columns *part)
{
    struct report_part *p = g->part;
    uint32_t n = part->of[COLUMN_PATH].n_keys;
    for (uint32_t i = 0; i < n; i++)
        p->path_seen[i] = p->paths[i].of[TALLY_ALL] > 0;
    if (!key_counts_add(&g->paths, part, COLUMN_PATH, p->path_seen, p->place)) {
        g->failed = true;
        return;
    }
    for (; g->n_sums < g->paths.n; g->n_sums++) {
        if (!list_room((void **)&g->sums, g->n_sums, &g->sums_room, sizeof(*g->sums))) {
            g->failed = true;
            return;
        }
        g->sums[g->n_sums] = (struct sums){0};
    }
    for (uint32_t i = 0; i < n; i++)
        if (p->path_seen[i])
            add(g->sums[p->place[i]].of, &p->paths[i]);
}

static void forget(struct gathering *g, const struct columns *part, enum column_id other)
{
    struct report_part *p = g->part;
    memset(p->paths, 0, part->of[COLUMN_PATH].n_keys * sizeof(*p->paths));
    if (other == COLUMN_AGENT)
        memset(p->agents, 0, part->of[other].n_keys * sizeof(*p->agents));
    else
        memset(p->visitor_seen, 0, part->of[other].n_keys * sizeof(*p->visitor_seen));
}

/* The end of the time counts in a block; in a filter it does not. */
static void each_wanted(struct gathering *g, const struct columns *part,
                        void (*on_block)(void *arg, struct block *block))
{
    int64_t to_ms = g->r->filter.to_ms;
    if (to_ms > INT64_MIN)
        each_block(part, g->r->filter.from_ms, to_ms - (to_ms != INT64_MAX), on_block, g);
}

static void on_pages(void *arg, const struct columns *part)
{
    struct gathering *g = arg;
    if (g->failed)
        return;
    forget(g, part, COLUMN_VISITOR);
    each_wanted(g, part, pages_block);
    add_paths(g, part);
    g->failed = g->failed || !places_of_column(&g->visitors, part, COLUMN_VISITOR,
                                               g->part->visitor_seen, g->part->place);
}

static void on_fetches(void *arg, const struct columns *part)
{
    struct gathering *g = arg;
    if (g->failed)
        return;
    forget(g, part, COLUMN_AGENT);
    each_wanted(g, part, fetches_block);
    add_paths(g, part);
    for (uint32_t i = 0; i < part->of[COLUMN_AGENT].n_keys; i++)
        if (g->part->agents[i].of[TALLY_ALL])
            report_add_agent(g->r, (int64_t)columns_key(part, COLUMN_AGENT, i),
                             g->part->agents[i].of);
}

/* ---- the paths that are shown -------------------------------------------------------------- */

static int largest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

/* How often the last of those that are shown was seen; -1: no memory. */
static int least_shown(const struct gathering *g, uint64_t *least)
{
    uint64_t *counts = malloc((g->n_sums + 1) * sizeof(*counts));
    *least = 0;
    if (!counts)
        return -1;
    for (size_t i = 0; i < g->n_sums; i++)
        counts[i] = g->sums[i].of[TALLY_ALL];
    if (g->n_sums > g->top) {
        qsort(counts, g->n_sums, sizeof(*counts), largest_first);
        *least = counts[g->top - 1];
    }
    free(counts);
    return 0;
}

/* Those that are as frequent as the last are named, too: of them, the first by name are shown. */
static int name_paths(struct gathering *g, struct tally *t)
{
    uint64_t least;
    if (least_shown(g, &least))
        return -1;
    for (size_t i = 0; i < g->n_sums; i++) {
        if (g->sums[i].of[TALLY_ALL] < least)
            continue;
        struct str path = store_reader_sample(g->reader, g->paths.list[i].sample, SAMPLE_PATH);
        struct tally_entry *entry = str_is_set(path) ? tally_at(t, path) : NULL;
        if (!entry)
            return -1;
        add(entry->counts, &g->sums[i]);
    }
    tally_sort(t);
    t->n = g->n_sums;
    return t->failed ? -1 : 0;
}

static int gather_kind(struct gathering *g, enum columns_kind kind, struct tally *paths)
{
    struct scan_filter scan = {g->r->filter.site, kind, g->r->filter.from_ms, g->r->filter.to_ms};
    int status =
        store_reader_scan(g->reader, &scan, kind == COLUMNS_FETCHES ? on_fetches : on_pages, g);
    status = status || g->failed || name_paths(g, paths) ? -1 : 0;
    for (size_t i = 0; i < g->n_sums && kind == COLUMNS_PAGEVIEWS; i++)
        g->r->pageviews += g->sums[i].of[TALLY_ALL];
    key_counts_release(&g->paths);
    g->n_sums = 0;
    return status;
}

int report_by_columns(struct report *r, struct store_reader *reader, size_t top)
{
    struct gathering g = {.r = r, .reader = reader, .top = top};
    struct tally *lists[] = {&r->agents, &r->operators, &r->categories};
    g.part = calloc(1, sizeof(*g.part));
    store_reader_begin(reader);
    int status = g.part && gather_kind(&g, COLUMNS_PAGEVIEWS, &r->pages) == 0 &&
                         gather_kind(&g, COLUMNS_FETCHES, &r->ai_paths) == 0
                     ? 0
                     : -1;
    store_reader_end(reader);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        status = lists[i]->failed ? -1 : status;
        tally_sort(lists[i]);
    }
    r->visitors.n = g.visitors.n;
    places_release(&g.visitors);
    free(g.sums);
    free(g.part);
    return status;
}
