/*
 * read_correlation.c - which fetches of an assistant were followed by visits that an assistant sent
 * to the same page. In three steps: the visits; the fetches, counted, and those of visited pages
 * listed; what of the two fits.
 *
 * A page is its path without what a campaign or a click has added; with `strict` the path as it
 * stands, and a fetch that several visits follow counts once for each, as in HitKeep.
 */
#include <stdlib.h>

#include "parsers/base/json.h"
#include "server/page_path.h"
#include "server/read_part.h"

#define FETCHES_MAX (4u << 20) /* of visited pages; with more the report fails */
#define DAY_MS (INT64_C(86400) * 1000)

struct visit {
    uint64_t page, visitor;
    int64_t ms;
    bool met; /* a fetch came before it */
};

struct group { /* a page, a page and an assistant, or an assistant and a prefix */
    uint64_t page;
    uint32_t agent;
    int64_t sample;
    uint64_t fetches, errors, visits;
    struct str name, agent_name; /* of those that are put */
};

struct groups {
    struct counts index; /* n: the place in `list`, and 1 */
    struct group *list;
    size_t n, room;
};

struct fetch {
    uint64_t page;
    uint32_t pair, of_page; /* places in the groups */
    int64_t ms;
    bool error;
};

struct correlation {
    const struct read_context *x;
    const struct read_query *q;
    struct fetch_filter filter;
    uint32_t *canonical; /* of an agent's number: the first one of that name */
    enum column_id page;
    struct counts first_visits; /* of page and visitor; n: the place in `visits`, and 1 */
    struct visit *visits;
    size_t n_visits, visits_room;
    struct groups pages, pairs, hotspots;
    struct fetch *fetches;
    size_t n_fetches, fetches_room;
    uint64_t total, followed, sessions;
    bool failed;
};

/* ---- the visits ---------------------------------------------------------------------------- */

static void add_visit(struct correlation *c, uint64_t page, uint64_t visitor, int64_t ms)
{
    struct count *first = counts_at(&c->first_visits, key_pair(page, visitor), 1);
    if (!first || (first->n == 0 && !list_room((void **)&c->visits, c->n_visits, &c->visits_room,
                                               sizeof(*c->visits)))) {
        c->failed = true;
        return;
    }
    if (first->n == 0) {
        c->visits[c->n_visits] = (struct visit){.page = page, .visitor = visitor, .ms = ms};
        first->n = ++c->n_visits;
    }
    struct visit *visit = &c->visits[first->n - 1];
    visit->ms = ms < visit->ms ? ms : visit->ms;
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
    for (uint32_t i = 0; i < block->n; i++)
        if (block->wanted[i] && columns_key(block->part, COLUMN_AI_SOURCE, (uint32_t)source[i]))
            add_visit(c, columns_key(block->part, c->page, (uint32_t)page[i]),
                      columns_key(block->part, COLUMN_VISITOR, (uint32_t)visitor[i]), ms[i]);
}

static void on_pageviews(void *arg, const struct columns *part)
{
    struct correlation *c = arg;
    const struct column *source = &part->of[COLUMN_AI_SOURCE];
    if (source->n_keys > 1 || columns_key(part, COLUMN_AI_SOURCE, 0) != 0)
        each_block(part, c->q->from_ms, c->q->to_ms, visits_block, c);
}

static int by_page_and_time(const void *a, const void *b)
{
    const struct visit *x = a, *y = b;
    if (x->page != y->page)
        return x->page < y->page ? -1 : 1;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

/* The first visit of the page at that time or later: a place, perhaps of another page. */
static size_t visit_from(const struct correlation *c, uint64_t page, int64_t ms)
{
    struct visit wanted = {.page = page, .ms = ms};
    size_t low = 0, high = c->n_visits;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_page_and_time(&c->visits[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_visited(const struct correlation *c, uint64_t page)
{
    size_t at = visit_from(c, page, INT64_MIN);
    return at < c->n_visits && c->visits[at].page == page;
}

/* ---- the fetches --------------------------------------------------------------------------- */

static struct group *group_at(struct groups *g, uint64_t page, uint32_t agent, int64_t sample)
{
    struct count *there = counts_at(&g->index, key_pair(page, agent), sample);
    if (!there ||
        (there->n == 0 && !list_room((void **)&g->list, g->n, &g->room, sizeof(*g->list))))
        return NULL;
    if (there->n == 0) {
        g->list[g->n] = (struct group){.page = page, .agent = agent, .sample = sample};
        there->n = ++g->n;
    }
    return &g->list[there->n - 1];
}

static void list_fetch(struct correlation *c, const struct fetch *fetch)
{
    if (c->n_fetches == FETCHES_MAX ||
        !list_room((void **)&c->fetches, c->n_fetches, &c->fetches_room, sizeof(*c->fetches))) {
        c->failed = true;
        return;
    }
    c->fetches[c->n_fetches++] = *fetch;
}

/* One fetch: its row's places in the columns of page, agent and prefix. */
static void add_fetch(struct correlation *c, const struct columns *part, const uint32_t at[3],
                      int64_t ms, bool error)
{
    uint64_t page = columns_key(part, c->page, at[0]);
    uint64_t id = columns_key(part, COLUMN_AGENT, at[1]);
    uint64_t prefix = columns_key(part, COLUMN_PREFIX, at[2]);
    uint32_t agent = c->canonical[id < c->filter.n_agents ? id : 0];
    int64_t sample = columns_sample(part, c->page, at[0]);
    struct group *groups[] = {
        group_at(&c->pages, page, 0, sample), group_at(&c->pairs, page, agent, sample),
        group_at(&c->hotspots, prefix, agent, columns_sample(part, COLUMN_PREFIX, at[2]))};
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        if (!groups[i]) {
            c->failed = true;
            return;
        }
        groups[i]->fetches++;
        groups[i]->errors += error;
    }
    c->total++;
    if (c->n_visits && is_visited(c, page))
        list_fetch(c, &(struct fetch){.page = page,
                                      .pair = (uint32_t)(groups[1] - c->pairs.list),
                                      .of_page = (uint32_t)(groups[0] - c->pages.list),
                                      .ms = ms,
                                      .error = error});
}

static void fetches_block(void *arg, struct block *block)
{
    struct correlation *c = arg;
    uint64_t page[BLOCK], agent[BLOCK], prefix[BLOCK], status[BLOCK];
    int64_t ms[BLOCK];
    columns_read(block->part, c->page, block->from, block->n, page);
    columns_read(block->part, COLUMN_AGENT, block->from, block->n, agent);
    columns_read(block->part, COLUMN_PREFIX, block->from, block->n, prefix);
    columns_read(block->part, COLUMN_STATUS, block->from, block->n, status);
    block_times(block, ms);
    for (uint32_t i = 0; i < block->n && !c->failed; i++) {
        uint32_t at[] = {(uint32_t)page[i], (uint32_t)agent[i], (uint32_t)prefix[i]};
        if (block->wanted[i])
            add_fetch(c, block->part, at, ms[i], status[i] >= 400);
    }
}

static void on_fetches(void *arg, const struct columns *part)
{
    struct correlation *c = arg;
    each_fetch_block(&c->filter, part, fetches_block, c);
}

/* ---- what fits ----------------------------------------------------------------------------- */

static int by_pair_and_time(const void *a, const void *b)
{
    const struct fetch *x = a, *y = b;
    if (x->pair != y->pair)
        return x->pair < y->pair ? -1 : 1;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

static int by_fetched_page_and_time(const void *a, const void *b)
{
    const struct fetch *x = a, *y = b;
    if (x->of_page != y->of_page)
        return x->of_page < y->of_page ? -1 : 1;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

static int64_t window_end(const struct correlation *c, int64_t ms)
{
    int64_t end = ms + c->q->window_days * DAY_MS;
    return end < c->q->to_ms ? end : c->q->to_ms;
}

/* A fetch: is it followed, and by how many? */
static void meet(struct correlation *c, const struct fetch *fetch)
{
    size_t from = visit_from(c, fetch->page, fetch->ms), to = from;
    int64_t end = window_end(c, fetch->ms);
    while (to < c->n_visits && c->visits[to].page == fetch->page && c->visits[to].ms <= end)
        c->visits[to++].met = true;
    if (to == from)
        return;
    c->followed++;
    if (!c->x->strict)
        return;
    /* Each further visit counts the fetch once more. */
    struct group *groups[] = {&c->pairs.list[fetch->pair], &c->pages.list[fetch->of_page]};
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        groups[i]->fetches += to - from - 1;
        groups[i]->errors += fetch->error ? to - from - 1 : 0;
    }
}

/* Of fetches [from, to), one group's in order of time: how many visits follow one of them? Each
 * visit counts once: it is looked for behind the last that was counted. */
static uint64_t visits_of(const struct correlation *c, size_t from, size_t to)
{
    uint64_t n = 0;
    size_t next = 0;
    for (size_t i = from; i < to; i++) {
        const struct fetch *fetch = &c->fetches[i];
        size_t at = visit_from(c, fetch->page, fetch->ms);
        int64_t end = window_end(c, fetch->ms);
        at = at < next ? next : at;
        while (at < c->n_visits && c->visits[at].page == fetch->page && c->visits[at].ms <= end) {
            n++;
            at++;
        }
        next = at > next ? at : next;
    }
    return n;
}

static void count_visits(struct correlation *c, bool pairs)
{
    size_t from = 0;
    qsort(c->fetches, c->n_fetches, sizeof(*c->fetches),
          pairs ? by_pair_and_time : by_fetched_page_and_time);
    while (from < c->n_fetches) {
        size_t to = from;
        uint32_t place = pairs ? c->fetches[from].pair : c->fetches[from].of_page;
        while (to < c->n_fetches && (pairs ? c->fetches[to].pair : c->fetches[to].of_page) == place)
            to++;
        (pairs ? &c->pairs : &c->pages)->list[place].visits = visits_of(c, from, to);
        from = to;
    }
}

static void correlate(struct correlation *c)
{
    struct counts sessions = {0};
    if (c->n_fetches == 0)
        return;
    count_visits(c, true);
    count_visits(c, false);
    for (size_t i = 0; i < c->n_fetches; i++)
        meet(c, &c->fetches[i]);
    for (size_t i = 0; i < c->n_visits; i++)
        if (c->visits[i].met && !counts_at(&sessions, c->visits[i].visitor, 1))
            c->failed = true;
    c->sessions = sessions.n;
    counts_release(&sessions);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static double rate(uint64_t n, uint64_t all)
{
    return all ? (double)n * 100.0 / (double)all : 0;
}

static int less(uint64_t a, uint64_t b) /* the larger first */
{
    return a == b ? 0 : a > b ? -1 : 1;
}

static int by_names(const struct group *x, const struct group *y)
{
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = memcmp(x->name.p, y->name.p, n);
    if (order == 0)
        order = (x->name.n > y->name.n) - (x->name.n < y->name.n);
    return order;
}

static int by_agent_name(const struct group *x, const struct group *y)
{
    return strcmp(x->agent_name.p, y->agent_name.p);
}

static int by_yield(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    double p = rate(x->visits, x->fetches), r = rate(y->visits, y->fetches);
    if (p != r)
        return p > r ? -1 : 1;
    int order = less(x->visits, y->visits);
    order = order ? order : less(x->fetches, y->fetches);
    order = order ? order : by_names(x, y);
    return order ? order : by_agent_name(x, y);
}

static int by_visits(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int order = less(x->visits, y->visits);
    order = order ? order : less(x->fetches, y->fetches);
    return order ? order : by_names(x, y);
}

static int by_opportunity(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int order = less(x->fetches, y->fetches);
    order = order ? order : -less(x->visits, y->visits);
    order = order ? order : less(x->errors, y->errors);
    return order ? order : by_names(x, y);
}

static int by_failure(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    double p = rate(x->errors, x->fetches), r = rate(y->errors, y->fetches);
    if (p != r)
        return p > r ? -1 : 1;
    int order = less(x->errors, y->errors);
    order = order ? order : less(x->fetches, y->fetches);
    order = order ? order : by_agent_name(x, y);
    return order ? order : by_names(x, y);
}

/* As the rows of an answer stand: by how much was fetched, then by their names. */
static int by_fetches(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int order = less(x->fetches, y->fetches);
    order = order ? order : by_names(x, y);
    return order ? order : by_agent_name(x, y);
}

static int by_fetches_of_agent(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int order = less(x->fetches, y->fetches);
    order = order ? order : by_agent_name(x, y);
    return order ? order : by_names(x, y);
}

typedef int compare(const void *a, const void *b);

static bool name_group(struct correlation *c, struct group *g, bool prefix)
{
    struct buf scratch;
    struct str path = store_reader_sample(c->x->reader, g->sample, SAMPLE_PATH);
    buf_init(&scratch, path.n + 1);
    struct str name = prefix                   ? prefix_of_path(path)
                      : c->page == COLUMN_PAGE ? page_of_path(path, &scratch)
                                               : path;
    g->name = copied(name);
    g->agent_name = fetch_agent_at(&c->filter, g->agent)->name;
    buf_release(&scratch);
    return str_is_set(g->name);
}

struct choice {
    compare *rank, *order;
    bool errors_only, visits_only, prefix;
};

/* Moves those that are asked for to the front of the list; their number. */
static size_t pick(struct groups *g, const struct choice *choice)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        struct group *group = &g->list[i];
        if ((choice->errors_only && !group->errors) || (choice->visits_only && !group->visits))
            continue;
        group->name = STR("");
        group->agent_name = STR("");
        g->list[n++] = *group;
    }
    return n;
}

static void sort(struct groups *g, size_t n, compare *by)
{
    if (n > 1)
        qsort(g->list, n, sizeof(*g->list), by);
}

/* The ten first by `rank`, in `order`, at the front of the list; the number of them. Names are
 * looked up for those that are no worse than the tenth without them. */
static size_t choose(struct correlation *c, struct groups *g, const struct choice *choice)
{
    size_t n = pick(g, choice), named = n < TOP_N ? n : TOP_N;
    sort(g, n, choice->rank);
    while (named >= TOP_N && named < n && named < TOP_TIES &&
           choice->rank(&g->list[TOP_N - 1], &g->list[named]) == 0)
        named++;
    for (size_t i = 0; i < named; i++)
        c->failed = !name_group(c, &g->list[i], choice->prefix) || c->failed;
    n = named < TOP_N ? named : TOP_N;
    if (!c->failed)
        sort(g, named, choice->rank);
    for (size_t i = n; i < named; i++)
        free((void *)g->list[i].name.p);
    if (!c->failed)
        sort(g, n, choice->order);
    return n;
}

static void put_fields(struct buf *out, const char *fields, const struct group *g)
{
    for (; *fields; fields++) {
        switch (*fields) {
        case 'p':
            buf_lit(out, "\"path\":");
            json_put_string(out, g->name);
            break;
        case 'x':
            buf_lit(out, "\"path_prefix\":");
            json_put_string(out, g->name);
            break;
        case 'a':
            buf_lit(out, "\"assistant_name\":");
            json_put_string(out, g->agent_name);
            break;
        case 'f':
            buf_printf(out, "\"fetch_count\":%llu", (unsigned long long)g->fetches);
            break;
        case 't':
            buf_printf(out, "\"total_requests\":%llu", (unsigned long long)g->fetches);
            break;
        case 'v':
            buf_printf(out, "\"ai_referred_visits\":%llu", (unsigned long long)g->visits);
            break;
        case 'e':
            buf_printf(out, "\"error_requests\":%llu", (unsigned long long)g->errors);
            break;
        case 'y':
            buf_lit(out, "\"citation_yield_pct\":");
            put_percent(out, g->visits, g->fetches);
            break;
        default:
            buf_lit(out, "\"error_rate_pct\":");
            put_percent(out, g->errors, g->fetches);
        }
        if (fields[1])
            buf_putc(out, ',');
    }
}

static void put_groups(struct correlation *c, struct groups *g, const struct choice *choice,
                       const char *name, const char *fields, struct buf *out)
{
    size_t n = choose(c, g, choice);
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        buf_put_str(out, i ? STR(",{") : STR("{"));
        put_fields(out, fields, &g->list[i]);
        buf_putc(out, '}');
        free((void *)g->list[i].name.p);
    }
    buf_putc(out, ']');
}

static void put_correlation(struct correlation *c, struct buf *out)
{
    static const struct choice yield = {.rank = by_yield, .order = by_fetches};
    static const struct choice cited = {.rank = by_visits, .order = by_visits, .visits_only = true};
    static const struct choice pages = {.rank = by_opportunity, .order = by_fetches};
    static const struct choice failing = {
        .rank = by_failure, .order = by_fetches_of_agent, .errors_only = true, .prefix = true};
    size_t correlated = 0;
    for (size_t i = 0; i < c->pages.n; i++)
        correlated += c->pages.list[i].visits > 0;
    buf_printf(out,
               "{\"summary\":{\"total_fetches\":%llu,\"fetched_paths\":%zu,"
               "\"correlated_paths\":%zu,\"ai_referred_visits\":%llu,"
               "\"uncorrelated_fetches\":%llu}",
               (unsigned long long)c->total, c->pages.n, correlated,
               (unsigned long long)c->sessions, (unsigned long long)(c->total - c->followed));
    put_groups(c, &c->pairs, &yield, "citation_yield", "pafvy", out);
    put_groups(c, &c->pages, &pages, "opportunity_pages", "pfver", out);
    put_groups(c, &c->hotspots, &failing, "failure_hotspots", "axter", out);
    put_groups(c, &c->pages, &cited, "citation_paths", "pfv", out);
    buf_lit(out, "}\n");
}

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

static void release_groups(struct groups *g)
{
    counts_release(&g->index);
    free(g->list);
}

int read_correlation(const struct read_context *x, const struct read_query *q, struct buf *out)
{
    struct correlation c = {.x = x, .q = q, .page = x->strict ? COLUMN_PATH : COLUMN_PAGE};
    struct scan_filter visits = {x->site, COLUMNS_PAGEVIEWS, q->from_ms, q->to_ms + 1};
    struct scan_filter fetches = {x->site, COLUMNS_FETCHES, q->from_ms, q->to_ms + 1};
    int status = -1;
    store_reader_begin(x->reader);
    if (fetch_filter_init(&c.filter, x, q) == 0 && name_canonically(&c) == 0 &&
        store_reader_scan(x->reader, &visits, on_pageviews, &c) == 0) {
        if (c.n_visits > 1)
            qsort(c.visits, c.n_visits, sizeof(*c.visits), by_page_and_time);
        status = store_reader_scan(x->reader, &fetches, on_fetches, &c);
    }
    if (status == 0 && !c.failed) {
        correlate(&c);
        put_correlation(&c, out);
    }
    store_reader_end(x->reader);
    status = c.failed ? -1 : status;
    fetch_filter_release(&c.filter);
    free(c.canonical);
    counts_release(&c.first_visits);
    release_groups(&c.pages);
    release_groups(&c.pairs);
    release_groups(&c.hotspots);
    free(c.visits);
    free(c.fetches);
    return status;
}
