/* api_filter.c - what of a record the lists of spammers are asked. */
#include "server/api_filter.h"

#include "server/go_text.h"
#include "server/lists.h"
#include "server/rights.h"
#include "server/url.h"

/* A name of the site, or one below it. */
static bool is_below_or_same(struct str name, struct str host)
{
    return str_ends(host, name) && (host.n == name.n || host.p[host.n - name.n - 1] == '.');
}

static bool is_own(const struct site *site, struct str host)
{
    if (!site || is_below_or_same(site->domain, host))
        return site != NULL;
    for (size_t i = 0; i < site->n_aliases; i++)
        if (is_below_or_same(site->aliases[i], host))
            return true;
    return false;
}

/* Some send a name without a scheme. */
static struct str referrer_name(struct str referrer)
{
    struct url u;
    referrer = go_trim(referrer);
    if (url_split(referrer, &u))
        return u.host;
    while (str_starts(referrer, STR("/")))
        referrer = str_slice(referrer, 1, referrer.n);
    while (str_ends(referrer, STR("/")))
        referrer.n--;
    return referrer;
}

static bool spam_referrer(const struct lists *l, const struct filter_subject *s)
{
    char lower[URL_HOST_MAX];
    struct str host = {lower, 0};
    if (!l || !str_is_set(s->referrer) ||
        !host_normalise(referrer_name(s->referrer), lower, &host.n))
        return false;
    if (str_starts(host, STR("www.")))
        host = str_slice(host, 4, host.n);
    return lists_spam_host(l, host) && !is_own(s->site, host);
}

bool filter_is_spam(const struct lists *l, const struct filter_subject *s)
{
    return (s->address && lists_spam_address(l, s->address)) || spam_referrer(l, s);
}
