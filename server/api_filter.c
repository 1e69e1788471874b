/* api_filter.c - walks over short lists. Long ones (spam referrers) must come sorted: they are
 * searched by halves. */
#include "server/api_filter.h"

#include "server/rights.h"
#include "server/url.h"

static bool any_network(const struct cidr *list, size_t n, const unsigned char *address)
{
    for (size_t i = 0; address && i < n; i++)
        if (cidr_holds(&list[i], address))
            return true;
    return false;
}

static bool contains_nocase(struct str s, struct str part)
{
    for (size_t at = 0; s.n >= part.n && at <= s.n - part.n; at++)
        if (str_eq_nocase(str_slice(s, at, at + part.n), part))
            return true;
    return false;
}

/* "/a" is a prefix of "/a", "/a/b" and "/a?c", not of "/ab". */
static bool below(struct str path, struct str prefix)
{
    if (!str_starts(path, prefix))
        return false;
    if (path.n == prefix.n || (prefix.n > 0 && prefix.p[prefix.n - 1] == '/'))
        return true;
    char next = path.p[prefix.n];
    return next == '/' || next == '?' || next == '#';
}

bool filter_excludes(const struct api_filters *f, const struct filter_subject *s)
{
    if (any_network(f->exclude_ip, f->n_exclude_ip, s->address))
        return true;
    for (size_t i = 0; str_is_set(s->user_agent) && i < f->exclude_user_agent.n; i++)
        if (contains_nocase(s->user_agent, f->exclude_user_agent.items[i]))
            return true;
    for (size_t i = 0; str_is_set(s->path) && i < f->exclude_path.n; i++)
        if (below(s->path, f->exclude_path.items[i]))
            return true;
    return false;
}

static int compare(struct str a, struct str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static bool is_listed(struct str_set sorted, struct str host)
{
    size_t from = 0, to = sorted.n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare(host, sorted.items[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return false;
}

/* The site's own name, or one below it. */
static bool is_own(const struct site *site, struct str host)
{
    if (!site || !str_ends(host, site->domain))
        return false;
    return host.n == site->domain.n || host.p[host.n - site->domain.n - 1] == '.';
}

static bool spam_referrer(const struct api_filters *f, const struct filter_subject *s)
{
    struct url u;
    char lower[URL_HOST_MAX];
    struct str host = {lower, 0};
    if (f->spam_referrers.n == 0 || !str_is_set(s->referrer) || !url_split(s->referrer, &u) ||
        !host_normalise(u.host, lower, &host.n))
        return false;
    if (str_starts(host, STR("www.")))
        host = str_slice(host, 4, host.n);
    return !is_own(s->site, host) && is_listed(f->spam_referrers, host);
}

bool filter_is_spam(const struct api_filters *f, const struct filter_subject *s)
{
    return any_network(f->spam_networks, f->n_spam_networks, s->address) || spam_referrer(f, s);
}
