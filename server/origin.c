/* origin.c - the rule of Go's http.CrossOriginProtection, which HitKeep uses since 2.12. */
#include "server/origin.h"

/* "https://Example.com:443/x" is "https" and "example.com": what two origins are compared by. */
struct origin {
    struct str scheme, host;
};

static bool split(struct str url, struct origin *o)
{
    ptrdiff_t colon = str_chr(url, ':', 0);
    if (colon <= 0 || !str_starts(str_slice(url, (size_t)colon, url.n), STR("://")))
        return false;
    o->scheme = str_slice(url, 0, (size_t)colon);
    struct str rest = str_slice(url, (size_t)colon + 3, url.n);
    ptrdiff_t slash = str_chr(rest, '/', 0);
    o->host = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    return o->host.n > 0;
}

/* The host without the port that its scheme means anyway. */
static struct str plain_host(struct str scheme, struct str host)
{
    struct str port = str_eq_nocase(scheme, STR("https"))  ? STR(":443")
                      : str_eq_nocase(scheme, STR("http")) ? STR(":80")
                                                           : STR_NONE;
    return port.n > 0 && str_ends(host, port) ? str_slice(host, 0, host.n - port.n) : host;
}

static bool same(struct origin a, struct origin b)
{
    return str_eq_nocase(a.scheme, b.scheme) &&
           str_eq_nocase(plain_host(a.scheme, a.host), plain_host(b.scheme, b.host));
}

bool origin_admits(const struct http_request *req, struct str public_url)
{
    static const struct str safe[] = {STR_INIT("get"), STR_INIT("head"), STR_INIT("options")};
    struct origin from, ours;
    if (str_is_one_of(req->method, safe, COUNT_OF(safe)))
        return true;
    struct str site = http_header(req, STR("sec-fetch-site"));
    if (str_eq(site, STR("same-origin")) || str_eq(site, STR("none")))
        return true;
    struct str origin = http_header(req, STR("origin"));
    if (!str_is_set(origin))
        return !str_is_set(site);
    if (!split(origin, &from))
        return false;
    if (str_is_set(public_url) && split(public_url, &ours) && same(from, ours))
        return true;
    /* The scheme is not known here: a proxy may have ended TLS. Not so when the browser has told
     * that it comes from elsewhere. */
    return !str_is_set(site) &&
           str_eq_nocase(plain_host(from.scheme, from.host),
                         plain_host(from.scheme, http_header(req, STR("host"))));
}
