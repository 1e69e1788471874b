/* read_correlation_json.c - the four lists of a correlation; see read_correlation.h. */
#include <stdlib.h>

#include "parsers/base/json.h"
#include "server/page_path.h"
#include "server/read_correlation.h"

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
    int order = n ? memcmp(x->name.p, y->name.p, n) : 0;
    if (order == 0)
        order = (x->name.n > y->name.n) - (x->name.n < y->name.n);
    return order;
}

static int by_agent_name(const struct group *x, const struct group *y)
{
    return x->agent_name.n && y->agent_name.n ? strcmp(x->agent_name.p, y->agent_name.p) : 0;
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

static void forget_name(struct group *g)
{
    free((void *)g->name.p);
    g->name = g->agent_name = STR_NONE;
}

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

static bool is_asked_for(const struct choice *choice, const struct group *g)
{
    return (!choice->errors_only || g->errors) && (!choice->visits_only || g->visits);
}

/* The last of the TOP_N first, without their names; false: there are not so many. */
static bool find_last(const struct groups *g, const struct choice *choice, struct group *last)
{
    struct group first[TOP_N];
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct group *group = &g->list[i];
        size_t at = n;
        if (!is_asked_for(choice, group))
            continue;
        while (at > 0 && choice->rank(group, &first[at - 1]) < 0)
            at--;
        if (at == TOP_N)
            continue;
        n = n < TOP_N ? n + 1 : n;
        memmove(first + at + 1, first + at, (n - at - 1) * sizeof(*first));
        first[at] = *group;
    }
    if (n == TOP_N)
        *last = first[TOP_N - 1];
    return n == TOP_N;
}

/* Moves those that may be among the first ten to the front of the list; their number. Of those that
 * are as good as the tenth TOP_TIES at most. */
static size_t pick(struct groups *g, const struct choice *choice)
{
    struct group last;
    size_t n = 0, ties = 0;
    bool many = find_last(g, choice, &last);
    for (size_t i = 0; i < g->n; i++) {
        struct group group = g->list[i];
        int order = many ? choice->rank(&group, &last) : -1;
        if (!is_asked_for(choice, &group) || order > 0 || (order == 0 && ties == TOP_TIES))
            continue;
        ties += order == 0;
        g->list[i] = g->list[n];
        g->list[n++] = group;
    }
    return n;
}

static void sort(struct groups *g, size_t n, compare *by)
{
    if (n > 1)
        qsort(g->list, n, sizeof(*g->list), by);
}

/* The ten first by `rank`, in `order`, at the front of the list; the number of them. */
static size_t choose(struct correlation *c, struct groups *g, const struct choice *choice)
{
    size_t named = pick(g, choice), n = named < TOP_N ? named : TOP_N;
    for (size_t i = 0; i < named; i++)
        c->failed = !name_group(c, &g->list[i], choice->prefix) || c->failed;
    if (!c->failed)
        sort(g, named, choice->rank);
    for (size_t i = n; i < named; i++)
        forget_name(&g->list[i]);
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
        forget_name(&g->list[i]);
    }
    buf_putc(out, ']');
}

void put_correlation(struct correlation *c, struct buf *out)
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
               "{\"summary\":{\"total_fetches\":%zu,\"fetched_paths\":%zu,"
               "\"correlated_paths\":%zu,\"ai_referred_visits\":%llu,"
               "\"uncorrelated_fetches\":%llu}",
               c->n_fetches, c->pages.n, correlated, (unsigned long long)c->sessions,
               (unsigned long long)(c->n_fetches - c->followed));
    put_groups(c, &c->pairs, &yield, "citation_yield", "pafvy", out);
    put_groups(c, &c->pages, &cited, "citation_paths", "pfv", out);
    put_groups(c, &c->pages, &pages, "opportunity_pages", "pfver", out);
    put_groups(c, &c->hotspots, &failing, "failure_hotspots", "axter", out);
    buf_lit(out, "}\n");
}
