/*
 * ranges.c - see ranges.h.
 *
 * Of a list, the prefixes become ranges from first to last address, sorted, those that touch made
 * one; a look-up is a binary search. An operator's list has some hundred.
 */
#include "parsers/ranges.h"

#include <stdlib.h>

#include "parsers/agents_data.h"
#include "parsers/cdn.h"

#define ADDRESS_BYTES 16u
#define GENERATIONS 2u /* built in, installed */

struct span {
    unsigned char first[ADDRESS_BYTES], last[ADDRESS_BYTES];
};

struct spans {
    struct span *v;
    size_t n;
};

struct generation {
    struct spans spans; /* n is 0: there is none */
    int64_t date_ms;
    size_t prefixes;
};

struct list {
    struct generation generations[GENERATIONS]; /* [0]: built in */
};

struct owner {
    uint64_t own;      /* lists of the agent itself */
    uint64_t operator; /* lists that hold for all agents of its operator */
    bool missing;      /* it names an address for which there is no list */
};

struct ranges {
    const struct catalogue *catalogue;
    struct list lists[CATALOGUE_MAX_LISTS];
    struct owner *owners; /* by the agent's place in the catalogue */
};

/* ---- prefixes to spans --------------------------------------------------------------------- */

static int by_first(const void *a, const void *b)
{
    return memcmp(((const struct span *)a)->first, ((const struct span *)b)->first, ADDRESS_BYTES);
}

static struct span span_of(const struct cidr *c)
{
    struct span s;

    memcpy(s.first, c->address, ADDRESS_BYTES);
    memcpy(s.last, c->address, ADDRESS_BYTES);
    for (unsigned bit = c->bits; bit < 128; bit++)
        s.last[bit / 8] |= (unsigned char)(0x80u >> bit % 8);
    return s;
}

static int make_spans(struct spans *out, const struct range_list *l)
{
    struct span *v = calloc(l->n + 1, sizeof(*v));
    size_t n = 0;

    if (v == NULL)
        return -1;
    for (size_t i = 0; i < l->n; i++)
        v[i] = span_of(&l->prefixes[i]);
    qsort(v, l->n, sizeof(*v), by_first);
    for (size_t i = 0; i < l->n; i++) {
        struct span *before = n > 0 ? &v[n - 1] : NULL;
        if (before != NULL && memcmp(v[i].first, before->last, ADDRESS_BYTES) <= 0) {
            if (memcmp(v[i].last, before->last, ADDRESS_BYTES) > 0)
                memcpy(before->last, v[i].last, ADDRESS_BYTES);
            continue;
        }
        v[n++] = v[i];
    }
    free(out->v);
    *out = (struct spans){v, n};
    return 0;
}

static bool spans_hold(const struct spans *s, const unsigned char address[ADDRESS_BYTES])
{
    size_t from = 0, to = s->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (memcmp(s->v[middle].last, address, ADDRESS_BYTES) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from < s->n && memcmp(s->v[from].first, address, ADDRESS_BYTES) <= 0;
}

/* ---- building ------------------------------------------------------------------------------ */

static ptrdiff_t find_list(const struct ranges *r, struct str name)
{
    for (size_t i = 0; i < catalogue_lists(r->catalogue); i++)
        if (str_eq(name, str_of(catalogue_list(r->catalogue, i)->name)))
            return (ptrdiff_t)i;
    return -1;
}

static int set_generation(struct generation *g, const struct range_list *l)
{
    if (make_spans(&g->spans, l) != 0)
        return -1;
    g->date_ms = l->date_ms;
    g->prefixes = l->n;
    return 0;
}

int ranges_add(struct ranges *r, struct str name, const struct range_list *l)
{
    ptrdiff_t i = find_list(r, name);

    return i < 0 ? -1 : set_generation(&r->lists[i].generations[1], l);
}

/* The next list of the built-in text, which its head begins. */
static struct str cut_list(struct str *rest)
{
    static const struct str head = {"\n" RANGE_LIST_HEAD, sizeof(RANGE_LIST_HEAD)};
    ptrdiff_t next = str_find(*rest, head, 0);
    size_t end = next < 0 ? rest->n : (size_t)next + 1;
    struct str one = str_slice(*rest, 0, end);

    *rest = str_slice(*rest, end, rest->n);
    return one;
}

static int load_built_in(struct ranges *r)
{
    struct str rest = {agents_data_ranges, (size_t)(agents_data_ranges_end - agents_data_ranges)};
    struct range_list l;
    struct buf why;
    int rc = 0;

    buf_init(&why, 1024);
    while (rc == 0 && rest.n > 0) {
        rc = range_list_read(cut_list(&rest), &l, &why);
        if (rc != 0)
            break;
        ptrdiff_t i = find_list(r, l.name);
        if (i >= 0) /* a newer catalogue may have lost it */
            rc = set_generation(&r->lists[i].generations[0], &l);
        range_list_release(&l);
    }
    buf_release(&why);
    return rc;
}

/* "json:https://openai.com/gptbot.json": what follows the kind, when it is a place of lists. */
static struct str place_of(struct str word)
{
    static const struct str kinds[] = {{"json:", 5}, {"html:", 5}, {"geofeed:", 8}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (str_starts(word, kinds[i]))
            return str_slice(word, kinds[i].n, word.n);
    return STR_NONE;
}

static void find_own(const struct ranges *r, const struct agent *a, struct owner *o)
{
    struct str rest = str_of(a->verification);

    while (rest.n > 0) {
        struct str place = place_of(str_cut(&rest, ' '));
        uint64_t bit = 0;
        if (!str_is_set(place))
            continue;
        for (size_t i = 0; i < catalogue_lists(r->catalogue); i++)
            if (str_eq(place, str_of(catalogue_list(r->catalogue, i)->url)))
                bit = UINT64_C(1) << i;
        o->own |= bit;
        o->missing = o->missing || bit == 0;
    }
}

/* What an agent's operator publishes for one agent says of all of them who asked. */
static void find_operators(const struct ranges *r)
{
    const struct catalogue *c = r->catalogue;
    size_t n = catalogue_count(c);
    uint64_t whole = 0;

    for (size_t i = 0; i < catalogue_lists(c); i++)
        whole |= catalogue_list(c, i)->whole_operator ? UINT64_C(1) << i : 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (strcmp(catalogue_at(c, i)->operator, catalogue_at(c, k)->operator) == 0)
                r->owners[i].operator|= r->owners[k].own & whole;
}

struct ranges *ranges_new(const struct catalogue *c)
{
    struct ranges *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->catalogue = c;
    r->owners = calloc(catalogue_count(c) + 1, sizeof(*r->owners));
    if (r->owners == NULL || load_built_in(r) != 0) {
        ranges_free(r);
        return NULL;
    }
    for (size_t i = 0; i < catalogue_count(c); i++)
        find_own(r, catalogue_at(c, i), &r->owners[i]);
    find_operators(r);
    return r;
}

void ranges_free(struct ranges *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < CATALOGUE_MAX_LISTS; i++)
        for (size_t k = 0; k < GENERATIONS; k++)
            free(r->lists[i].generations[k].spans.v);
    free(r->owners);
    free(r);
}

/* ---- asking -------------------------------------------------------------------------------- */

static int64_t apart(int64_t a, int64_t b)
{
    bool both = a > INT64_MIN / 2 && b > INT64_MIN / 2 && a < INT64_MAX / 2 && b < INT64_MAX / 2;

    if (!both)
        return INT64_MAX;
    return a > b ? a - b : b - a;
}

/* The one whose date is nearest to the hit's time; NULL: there is none. */
static const struct generation *nearest(const struct list *l, int64_t time_ms)
{
    const struct generation *built_in = &l->generations[0], *installed = &l->generations[1];

    if (installed->spans.n == 0)
        return built_in->spans.n == 0 ? NULL : built_in;
    if (built_in->spans.n == 0)
        return installed;
    return apart(built_in->date_ms, time_ms) < apart(installed->date_ms, time_ms) ? built_in
                                                                                  : installed;
}

static const struct owner *owner_of(const struct ranges *r, const struct agent *a)
{
    return &r->owners[a - catalogue_at(r->catalogue, 0)];
}

enum verified ranges_check(const struct ranges *r, const struct agent *a, struct str client_ip,
                           int64_t time_ms)
{
    const struct owner *o = owner_of(r, a);
    uint64_t lists = o->own | o->operator;
    unsigned char address[ADDRESS_BYTES];
    bool all_near = o->own != 0 && !o->missing;

    if (lists == 0 || !address_parse(client_ip, address) || address_is_inner(address))
        return VERIFIED_UNKNOWN;
    for (size_t i = 0; i < CATALOGUE_MAX_LISTS && lists >> i != 0; i++) {
        if ((lists >> i & 1) == 0)
            continue;
        const struct generation *g = nearest(&r->lists[i], time_ms);
        if (g != NULL && spans_hold(&g->spans, address))
            return VERIFIED_YES;
        bool own = (o->own >> i & 1) != 0;
        if (own && (g == NULL || apart(g->date_ms, time_ms) > RANGES_NEAR_MS))
            all_near = false;
    }
    return all_near && cdn_of(address) == CDN_NONE ? VERIFIED_NO : VERIFIED_UNKNOWN;
}

const char *verified_name(enum verified v)
{
    static const char *const names[] = {"unknown", "yes", "no"};

    return names[v];
}

bool ranges_info(const struct ranges *r, size_t list, struct ranges_info *out)
{
    const struct generation *g = r->lists[list].generations;
    bool installed = g[1].spans.n != 0 && (g[0].spans.n == 0 || g[1].date_ms >= g[0].date_ms);

    if (g[0].spans.n == 0 && g[1].spans.n == 0)
        return false;
    *out = (struct ranges_info){g[installed].date_ms, g[installed].prefixes, installed};
    return true;
}

uint64_t ranges_lists_of(const struct ranges *r, const struct agent *a)
{
    return owner_of(r, a)->own;
}
