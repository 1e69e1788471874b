/*
 * url.c - takes an absolute http or https URL apart. Pure; called for every pageview by the front
 * (which site?) and by the store (which page, which campaign?).
 */
#include "server/url.h"

#include "server/go_text.h"

static struct str without_port(struct str host)
{
    ptrdiff_t close = str_rchr(host, ']');
    ptrdiff_t colon = str_chr(host, ':', close >= 0 ? (size_t)close : 0);
    return colon < 0 ? host : str_slice(host, 0, (size_t)colon);
}

/* Of "user@host:port", the host. */
static bool host_of(struct str authority, struct str *out)
{
    ptrdiff_t at = str_rchr(authority, '@');
    struct str host = without_port(str_slice(authority, (size_t)(at + 1), authority.n));
    if (host.n == 0 || host.n > URL_HOST_MAX)
        return false;
    for (size_t i = 0; i < host.n; i++)
        if ((unsigned char)host.p[i] <= ' ' || host.p[i] == '\\' || host.p[i] == 127)
            return false;
    *out = host;
    return true;
}

bool url_split(struct str text, struct url *out)
{
    struct str host;
    if (str_starts_nocase(text, STR("http://")))
        text = str_slice(text, 7, text.n);
    else if (str_starts_nocase(text, STR("https://")))
        text = str_slice(text, 8, text.n);
    else
        return false;
    ptrdiff_t hash = str_chr(text, '#', 0);
    if (hash >= 0)
        text.n = (size_t)hash;
    size_t end = 0;
    while (end < text.n && text.p[end] != '/' && text.p[end] != '?')
        end++;
    struct str rest = str_slice(text, end, text.n);
    if (!host_of(str_slice(text, 0, end), &host))
        return false;
    ptrdiff_t mark = str_chr(rest, '?', 0);
    struct url url = {.host = host, .path = rest, .query = STR_NONE};
    if (mark >= 0) {
        url.path = str_slice(rest, 0, (size_t)mark);
        url.query = str_slice(rest, (size_t)mark + 1, rest.n);
    }
    if (url.path.n == 0)
        url.path = STR("/");
    *out = url;
    return true;
}

bool host_normalise(struct str host, char out[URL_HOST_MAX], size_t *n)
{
    host = without_port(host);
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n == 0 || host.n > URL_HOST_MAX)
        return false;
    for (size_t i = 0; i < host.n; i++)
        out[i] = ascii_lower(host.p[i]);
    *n = host.n;
    return true;
}

bool site_host(struct str text, bool keep_www, char out[URL_HOST_MAX], size_t *n)
{
    struct url url;
    if (!host_normalise(url_split(text, &url) ? url.host : text, out, n) || *n > 253)
        return false;
    for (size_t i = 0; i < *n; i++)
        if (!ascii_alnum(out[i]) && !strchr("-._[]:", out[i]))
            return false;
    if (!keep_www && *n > 4 && memcmp(out, "www.", 4) == 0) {
        *n -= 4;
        memmove(out, out + 4, *n);
    }
    return true;
}

/* False when an escape is not whole. */
static bool put_decoded(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%') {
            int byte = percent_byte(s, i);
            if (byte < 0)
                return false;
            c = (char)byte;
            i += 2;
        }
        buf_putc(out, c);
    }
    return true;
}

/* Go's url.ParseQuery: a pair with a ';' or a broken escape counts as not there. */
bool query_value(struct str query, struct str name, struct buf *out, struct str *value)
{
    while (query.n > 0) {
        struct str pair = str_cut(&query, '&');
        bool named = str_starts(pair, name) && (pair.n == name.n || pair.p[name.n] == '=');
        if (!named || str_chr(pair, ';', 0) >= 0)
            continue;
        size_t start = out->n, at = pair.n == name.n ? pair.n : name.n + 1;
        if (!put_decoded(out, str_slice(pair, at, pair.n)))
            continue;
        if (out->failed)
            return false;
        struct str text = go_trim(str_slice(buf_str(out), start, out->n));
        if (text.n == 0)
            return false;
        *value = text;
        return true;
    }
    return false;
}
