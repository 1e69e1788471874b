/* sites.c - a sorted array; a host is looked up once a line, and most lines repeat the host before.
 */
#include "agent/sites.h"

#include "parsers/base/json.h"

#include <stdatomic.h>
#include <stdlib.h>

#define MAX_SITES 100000u
#define MAX_HOST 255u

struct sites {
    atomic_uint refs;
    struct site_route *v;
    size_t n, cap;
    unsigned withheld;
};

struct sites *sites_new(void)
{
    struct sites *s = calloc(1, sizeof(*s));
    if (s)
        atomic_init(&s->refs, 1);
    return s;
}

struct sites *sites_ref(struct sites *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void sites_unref(struct sites *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    for (size_t i = 0; i < s->n; i++)
        free((char *)s->v[i].host.p);
    free(s->v);
    free(s);
}

void sites_withhold_pageviews(struct sites *s, unsigned from)
{
    s->withheld = from;
}

unsigned sites_withheld(const struct sites *s)
{
    return s->withheld;
}

size_t sites_count(const struct sites *s)
{
    return s->n;
}

static int compare(struct str a, struct str b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* Index of host, or of where it belongs. */
static size_t place(const struct sites *s, struct str host, bool *found)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare(s->v[mid].host, host);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = false;
    return lo;
}

static int grow(struct sites *s)
{
    if (s->n < s->cap)
        return 0;
    size_t cap = s->cap ? s->cap * 2 : 16;
    struct site_route *v = realloc(s->v, cap * sizeof(*v));
    if (!v)
        return -1;
    s->v = v;
    s->cap = cap;
    return 0;
}

int sites_add(struct sites *s, struct str host, struct str site, unsigned to)
{
    char lower[MAX_HOST];
    bool found;
    if (host.n == 0 || host.n > MAX_HOST)
        return 0;
    for (size_t k = 0; k < host.n; k++)
        lower[k] = ascii_lower(host.p[k]);
    host.p = lower;
    size_t i = place(s, host, &found);
    if (found)
        s->v[i].to |= to;
    if (found || s->n >= MAX_SITES)
        return 0;
    char *text = grow(s) ? NULL : malloc(host.n + site.n + 1); /* one block for both */
    if (!text)
        return -1;
    memcpy(text, host.p, host.n);
    if (site.n)
        memcpy(text + host.n, site.p, site.n);
    memmove(s->v + i + 1, s->v + i, (s->n - i) * sizeof(*s->v));
    s->v[i] = (struct site_route){.host = {text, host.n},
                                  .site = site.n ? (struct str){text + host.n, site.n} : STR_NONE,
                                  .to = to};
    s->n++;
    return 0;
}

struct sites *sites_copy(const struct sites *s)
{
    struct sites *copy = sites_new();
    for (size_t i = 0; copy && i < s->n; i++)
        if (sites_add(copy, s->v[i].host, s->v[i].site, s->v[i].to)) {
            sites_unref(copy);
            return NULL;
        }
    if (copy)
        copy->withheld = s->withheld;
    return copy;
}

struct sites *sites_of_config(const struct agent_config *c)
{
    struct sites *s = sites_new();
    for (size_t i = 0; s && i < c->n_sites; i++)
        for (size_t k = 0; k < c->sites[i].hosts.n; k++)
            if (sites_add(s, c->sites[i].hosts.items[k], c->sites[i].site, c->sites[i].to)) {
                sites_unref(s);
                return NULL;
            }
    return s;
}

void sites_add_everywhere(struct sites *s, unsigned to)
{
    for (size_t i = 0; i < s->n; i++)
        s->v[i].to |= to;
}

struct str host_without_port(struct str host)
{
    ptrdiff_t end = str_starts(host, STR("[")) ? str_chr(host, ']', 0) + 1 : str_chr(host, ':', 0);
    return end > 0 ? str_slice(host, 0, (size_t)end) : host;
}

const struct site_route *sites_find(const struct sites *s, struct str host)
{
    bool found;
    size_t i = place(s, host, &found);
    if (!found && str_starts(host, STR("www.")))
        i = place(s, str_slice(host, 4, host.n), &found);
    return found ? &s->v[i] : NULL;
}

void sites_write_answer(const struct sites *s, unsigned to, struct buf *out)
{
    bool first = true;
    buf_putc(out, '[');
    for (size_t i = 0; i < s->n; i++) {
        if (!(s->v[i].to & to))
            continue;
        buf_put_str(out, first ? STR("{\"domain\":") : STR(",{\"domain\":"));
        json_put_string(out, s->v[i].host);
        buf_putc(out, '}');
        first = false;
    }
    buf_lit(out, "]\n");
}

/* ---- the answer of GET /api/sites --------------------------------------------------------- */

struct answer {
    struct sites *sites;
    unsigned to;
    struct str *names; /* domain and aliases of the site at hand */
    size_t n_names, cap_names;
    struct str id;
    bool may_write, has_role, want_ids;
    int64_t retention_days;
    bool (*on_site)(void *context, const struct site_told *site); /* NULL: the hosts are added */
    void *context;
};

static void take_role(struct answer *a, struct str role)
{
    a->has_role = true;
    a->may_write =
        str_eq(role, STR("owner")) || str_eq(role, STR("admin")) || str_eq(role, STR("ingest"));
}

/* Of a number that cannot be days nothing is known. */
static void take_retention(struct answer *a, struct str number)
{
    uint64_t days;
    if (str_to_u64(number, INT32_MAX, &days))
        a->retention_days = (int64_t)days;
}

static bool take_name(struct answer *a, struct str name)
{
    if (a->n_names == a->cap_names) {
        size_t cap = a->cap_names ? a->cap_names * 2 : 16;
        struct str *v = realloc(a->names, cap * sizeof(*v));
        if (!v)
            return false;
        a->names = v;
        a->cap_names = cap;
    }
    a->names[a->n_names++] = name;
    return true;
}

static bool read_aliases(struct json_reader *r, struct answer *a, enum json_event e)
{
    if (e != JSON_ARRAY)
        return json_skip_value(r, e);
    while ((e = json_next(r)) == JSON_STRING)
        if (!take_name(a, r->text))
            return false;
    return e == JSON_ARRAY_END;
}

static bool read_site(struct json_reader *r, struct answer *a)
{
    enum json_event e;
    a->n_names = 0;
    a->may_write = true;
    a->has_role = false;
    a->retention_days = -1;
    a->id = STR_NONE;
    while ((e = json_next(r)) == JSON_KEY) {
        struct str key = r->text;
        e = json_next(r);
        bool good = true;
        if (str_eq(key, STR("domain")) && e == JSON_STRING)
            good = take_name(a, host_without_port(r->text));
        else if (str_eq(key, STR("role")) && e == JSON_STRING)
            take_role(a, r->text);
        else if (str_eq(key, STR("data_retention_days")) && e == JSON_NUMBER)
            take_retention(a, r->text);
        else if (str_eq(key, STR("id")) && e == JSON_STRING)
            a->id = r->text;
        else if (str_eq(key, STR("aliases")))
            good = read_aliases(r, a, e);
        else
            good = json_skip_value(r, e);
        if (!good)
            return false;
    }
    return e == JSON_OBJECT_END;
}

/* It becomes a part of request paths. */
static bool is_plain_id(struct str id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!ascii_alnum(id.p[i]) && id.p[i] != '-')
            return false;
    return id.n > 0 && id.n <= 64;
}

/* Its hosts, each with the site that is to stand beside it. 1: they count; -1: out of memory. */
static int add_names(struct answer *a)
{
    const struct site_told told = {.names = a->names,
                                   .n_names = a->n_names,
                                   .retention_days = a->retention_days,
                                   .may_write = a->may_write,
                                   .has_role = a->has_role};
    if (a->on_site)
        return a->on_site(a->context, &told) ? 0 : -1;
    bool wanted = a->want_ids ? is_plain_id(a->id) : a->may_write;
    for (size_t i = 0; wanted && i < a->n_names; i++)
        if (sites_add(a->sites, a->names[i], a->want_ids ? a->id : STR_NONE, a->to))
            return -1;
    return wanted;
}

static int read_answer(struct answer *a, struct str json, const char **why)
{
    struct buf scratch;
    struct json_reader r;
    int count = -1, found = 0, added = 0;
    enum json_event e;
    *why = "the answer of GET /api/sites is not a JSON array of sites";
    buf_init(&scratch, json.n + 64);
    json_reader_init(&r, json, &scratch);
    e = json_next(&r);
    if (e == JSON_NULL && json_next(&r) == JSON_END)
        count = 0; /* no sites, as Go writes a list that was never made */
    if (e != JSON_ARRAY)
        goto out;
    while ((e = json_next(&r)) == JSON_OBJECT) {
        if (!read_site(&r, a) || (added = add_names(a)) < 0)
            goto out;
        found += added;
    }
    if (e == JSON_ARRAY_END && json_next(&r) == JSON_END)
        count = found;
out:
    free(a->names);
    buf_release(&scratch);
    return count;
}

int sites_each(struct str json, bool (*on_site)(void *context, const struct site_told *site),
               void *context, const char **why)
{
    struct answer a = {.on_site = on_site, .context = context};
    return read_answer(&a, json, why) < 0 ? -1 : 0;
}

int sites_add_answer(struct sites *s, struct str json, unsigned to, const char **why)
{
    struct answer a = {.sites = s, .to = to};
    return read_answer(&a, json, why);
}

struct sites *sites_with_ids(struct str json, const char **why)
{
    struct answer a = {.sites = sites_new(), .to = 1, .want_ids = true};
    if (a.sites && read_answer(&a, json, why) >= 0)
        return a.sites;
    sites_unref(a.sites);
    return NULL;
}
