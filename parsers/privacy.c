/* privacy.c - see privacy.h: queries, referrers, addresses. Paths: privacy_path.c. */
#include "parsers/privacy.h"

#include <arpa/inet.h>

#include "parsers/client_ip.h"
#include "parsers/privacy_path.h"
#include "parsers/secrets.h"

void privacy_defaults(struct privacy *p)
{
    *p = (struct privacy){.address = PRIVACY_ADDRESS_FULL, .query = PRIVACY_QUERY_NO_SECRETS};
}

/* ---- queries ----------------------------------------------------------------------------------
 */

static bool is_allowed(struct str_set allow, struct str raw)
{
    char scratch[QUERY_TEXT_MAX];
    struct str name = query_decode(raw, scratch);

    for (size_t i = 0; i < allow.n; i++) {
        struct str a = allow.items[i];
        bool open = a.n > 0 && a.p[a.n - 1] == '*';
        if (open ? str_starts_nocase(name, str_slice(a, 0, a.n - 1)) : str_eq_nocase(name, a))
            return true;
    }
    return false;
}

static bool is_kept(const struct privacy *p, const struct query_param *param)
{
    switch (p->query) {
    case PRIVACY_QUERY_NO_SECRETS:
        return !secrets_hold(param);
    case PRIVACY_QUERY_ALLOW:
        return is_allowed(p->allow, param->name);
    case PRIVACY_QUERY_DROP:
        break;
    }
    return false;
}

/* Its own text when nothing is to be left out. */
static struct str filter_query(const struct privacy *p, struct str query, struct buf *out)
{
    struct query_param param;
    size_t kept = 0, dropped = 0, from = out->n;

    if (!str_is_set(query))
        return query;
    for (struct str rest = query; query_next(&rest, true, &param);)
        *(is_kept(p, &param) ? &kept : &dropped) += 1;
    if (dropped == 0)
        return query;
    for (struct str rest = query; kept > 0 && query_next(&rest, true, &param);) {
        if (!is_kept(p, &param))
            continue;
        if (out->n > from)
            buf_putc(out, param.text.p[-1]); /* the separator before it: it is not the first */
        buf_put_str(out, param.text);
    }
    return out->n > from ? str_slice(buf_str(out), from, out->n) : STR_NONE;
}

/* ---- referrers --------------------------------------------------------------------------------
 */

/* The end of the part of a URL that ends before one of four bytes. */
static size_t part_end(struct str url, size_t from, const char ends[4])
{
    while (from < url.n && url.p[from] != ends[0] && url.p[from] != ends[1] &&
           url.p[from] != ends[2] && url.p[from] != ends[3])
        from++;
    return from;
}

/* "https://user:password@host" without what stands before the '@'. */
static void put_origin(struct buf *out, struct str origin, size_t authority)
{
    ptrdiff_t at = str_rchr(origin, '@');

    if (at >= 0 && (size_t)at >= authority) {
        buf_put_str(out, str_slice(origin, 0, authority));
        origin = str_slice(origin, (size_t)at + 1, origin.n);
    }
    buf_put_str(out, origin);
}

/* Behind "https://" or "//"; 0 when it has no host. */
static size_t authority_start(struct str url)
{
    if (str_starts(url, STR("https://")))
        return 8;
    ptrdiff_t scheme = str_find(url, STR("://"), 0);
    if (scheme >= 0 && (size_t)scheme < part_end(url, 0, "/?##"))
        return (size_t)scheme + 3;
    return str_starts(url, STR("//")) ? 2 : 0;
}

/* "?" and what is left of the query; nothing when nothing is left. */
static void put_query(const struct privacy *p, struct str query, struct buf *out)
{
    size_t mark = out->n;

    buf_putc(out, '?');
    struct str kept = filter_query(p, query, out);
    if (!str_is_set(kept))
        out->n = mark;
    else if (out->n == mark + 1) /* all of it: not copied yet */
        buf_put_str(out, kept);
}

/* Neither user, parameters, query nor fragment: nothing to be left out. */
static bool is_bare(const struct privacy *p, struct str url)
{
    return !str_has_any(url, "@?#?") && !privacy_may_change_path(p, url);
}

static struct str clean_referrer(const struct privacy *p, struct str url, struct buf *out)
{
    if (!str_is_set(url) || is_bare(p, url))
        return url;
    size_t authority = authority_start(url), from = out->n;
    size_t path = authority == 0 ? 0 : part_end(url, authority, "/?#\\");
    size_t query = part_end(url, path, "?#?#"), end = part_end(url, query, "####");
    put_origin(out, str_slice(url, 0, path), authority);
    privacy_put_path(p, str_slice(url, path, query), out);
    if (query < end)
        put_query(p, str_slice(url, query + 1, end), out);
    struct str clean = str_slice(buf_str(out), from, out->n);
    if (!str_eq(clean, url))
        return clean.n > 0 ? clean : STR_NONE;
    out->n = from;
    return url;
}

static struct str clean_path(const struct privacy *p, struct str path, struct buf *out)
{
    size_t from = out->n;

    if (!privacy_may_change_path(p, path))
        return path;
    privacy_put_path(p, path, out);
    struct str clean = str_slice(buf_str(out), from, out->n);
    if (!str_eq(clean, path))
        return clean;
    out->n = from;
    return path;
}

bool privacy_apply(const struct privacy *p, struct hit *hit, struct buf *scratch)
{
    buf_reset(scratch);
    /* At once, so that no slice of it moves. */
    if (!buf_reserve(scratch, hit->path.n + hit->query.n + hit->referrer.n + 1))
        return false;
    hit->path = clean_path(p, hit->path, scratch);
    hit->query = filter_query(p, hit->query, scratch);
    hit->referrer = clean_referrer(p, hit->referrer, scratch);
    return !scratch->failed;
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static struct str truncated(const unsigned char address[16], char text[PRIVACY_ADDRESS_TEXT])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    unsigned char cut[16] = {0};
    bool v4 = memcmp(address, mapped, sizeof(mapped)) == 0;

    memcpy(cut, address, v4 ? 15 : 6);
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? cut + 12 : cut, text, PRIVACY_ADDRESS_TEXT))
        return STR_NONE;
    return str_of(text);
}

struct str privacy_visitor_ip(const struct privacy *p, struct str client_ip,
                              char text[PRIVACY_ADDRESS_TEXT])
{
    unsigned char address[16];

    if (p->address == PRIVACY_ADDRESS_NONE)
        return STR_NONE;
    struct str bare = client_ip_bare(client_ip);
    if (!str_is_set(bare) || p->address == PRIVACY_ADDRESS_FULL)
        return bare;
    return address_parse(bare, address) ? truncated(address, text) : STR_NONE;
}
