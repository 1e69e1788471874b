/*
 * api_path.c - the parts of Go's net/url that decide how a path is stored: Parse's refusals,
 * EscapedPath, Hostname.
 */
#include "server/api_path.h"

#include "server/go_text.h"
#include "server/url.h"

/* Bytes that Go's escape() leaves alone in a path. */
static bool plain_in_path(char c)
{
    return ascii_alnum(c) || (c != '\0' && strchr("-_.~$&+,/:;=@", c) != NULL);
}

/* Bytes that Go's validEncoded() lets pass besides: the path then stays as it is. */
static bool valid_in_path(char c)
{
    return plain_in_path(c) || (c != '\0' && strchr("!'()*[]%", c) != NULL);
}

static bool escapes_are_whole(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '%' && percent_byte(s, i) < 0)
            return false;
    return true;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

static bool is_valid_encoded(struct str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (!valid_in_path(path.p[i]))
            return false;
    return true;
}

/* Unescapes and escapes anew: what Go does with a path that holds a byte which may not stand there.
 */
static void put_escaped(struct buf *out, struct str path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < path.n; i++) {
        int escaped = percent_byte(path, i);
        char c = escaped < 0 ? path.p[i] : (char)escaped;
        i += escaped < 0 ? 0 : 2;
        if (plain_in_path(c)) {
            buf_putc(out, c);
            continue;
        }
        buf_putc(out, '%');
        buf_putc(out, digits[(unsigned char)c >> 4]);
        buf_putc(out, digits[(unsigned char)c & 15]);
    }
}

/* The length of "scheme:", or 0. */
static size_t scheme_length(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);
        if (c >= 'a' && c <= 'z')
            continue;
        if (i > 0 && c == ':')
            return i + 1;
        if (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))
            return 0;
    }
    return 0;
}

struct authority_url {
    struct str host; /* without user, port and brackets */
    struct str path, query;
};

/* ":80", ":", or nothing. */
static bool is_port(struct str s)
{
    if (s.n > 0 && s.p[0] != ':')
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static bool is_host_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = ascii_alnum(c) || (unsigned char)c >= 0x80;
        if (c == '%' && percent_byte(s, i) >= 0x80) {
            i += 2;
            continue;
        }
        if (!plain && (c == '\0' || !strchr("-._~!$&'()*+,;=:[]<>\"", c)))
            return false;
    }
    return true;
}

static bool is_user_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr("-._:~!$&'()*+,;=%@", s.p[i])))
            return false;
    return escapes_are_whole(s);
}

/* Go's parseHost, roughly: a port of digits, a closed bracket, no byte that a host may not have. */
static bool take_host(struct str authority, struct str *host)
{
    ptrdiff_t at = str_rchr(authority, '@');
    struct str rest = str_slice(authority, (size_t)(at + 1), authority.n);
    if (at > 0 && !is_user_text(str_slice(authority, 0, (size_t)at)))
        return false;
    bool bracket = str_starts(rest, STR("["));
    ptrdiff_t close = bracket ? str_rchr(rest, ']') : -1;
    if (bracket && close < 0)
        return false;
    ptrdiff_t colon = bracket ? close + 1 : str_rchr(rest, ':');
    if (colon >= 0) {
        if (!is_port(str_slice(rest, (size_t)colon, rest.n)))
            return false;
        rest.n = (size_t)colon;
    }
    if (!is_host_text(rest))
        return false;
    *host = bracket ? str_slice(rest, 1, (size_t)close) : rest;
    return authority.n > 0 && host->n > 0;
}

/* Of a URL that url_split has taken apart. */
static struct str authority_of(struct str url)
{
    size_t from = (size_t)str_find(url, STR("//"), 0) + 2;
    struct str rest = str_slice(url, from, url.n);
    return str_slice(rest, 0, str_until(rest, '/', '?'));
}

bool api_page_url(struct str url, struct buf *scratch, struct str *out)
{
    struct url u;
    buf_reset(scratch);
    ptrdiff_t hash = str_chr(url, '#', 0);
    struct str without = hash < 0 ? url : str_slice(url, 0, (size_t)hash);
    struct str fragment = str_slice(url, without.n, url.n), host;
    if (has_control(url) || !url_split(without, &u) || !escapes_are_whole(u.path) ||
        !escapes_are_whole(fragment) || !take_host(authority_of(without), &host))
        return false;
    if (is_valid_encoded(u.path)) { /* also the "/" of a URL without a path */
        *out = without;
        return true;
    }
    buf_put_str(scratch, str_slice(url, 0, (size_t)(u.path.p - url.p)));
    put_escaped(scratch, u.path);
    buf_put_str(scratch, str_slice(without, (size_t)(u.path.p - url.p) + u.path.n, without.n));
    *out = buf_str(scratch);
    return true;
}

/* Does it parse as a URL with an authority? */
static bool split_authority(struct str s, struct authority_url *u)
{
    size_t scheme = scheme_length(s);
    if (has_control(s))
        return false;
    ptrdiff_t hash = str_chr(s, '#', 0);
    if (hash >= 0 && !escapes_are_whole(str_slice(s, (size_t)hash, s.n)))
        return false;
    struct str rest = str_slice(s, scheme, hash < 0 ? s.n : (size_t)hash);
    ptrdiff_t mark = str_chr(rest, '?', 0);
    u->query = mark < 0 ? STR("") : str_slice(rest, (size_t)mark + 1, rest.n);
    if (mark >= 0)
        rest.n = (size_t)mark;
    if (!str_starts(rest, STR("//")) || (scheme == 0 && str_starts(rest, STR("///"))))
        return false;
    ptrdiff_t slash = str_chr(rest, '/', 2);
    size_t end = slash < 0 ? rest.n : (size_t)slash;
    u->path = str_slice(rest, end, rest.n);
    return take_host(str_slice(rest, 2, end), &u->host) && escapes_are_whole(u->path);
}

/* Escapes are of bytes over 127 only, in a URL's host; elsewhere they stay. */
static struct str put_lower(struct buf *scratch, struct str s, bool decode)
{
    size_t start = scratch->n;
    bool same = true;
    for (size_t i = 0; i < s.n; i++)
        same = same && s.p[i] == ascii_lower(s.p[i]) && s.p[i] != '%';
    if (same)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        int escaped = decode ? percent_byte(s, i) : -1;
        buf_putc(scratch, escaped < 0 ? ascii_lower(s.p[i]) : (char)escaped);
        i += escaped < 0 ? 0 : 2;
    }
    return str_slice(buf_str(scratch), start, scratch->n);
}

void api_fetch_target(struct str path, struct str hostname, struct buf *scratch,
                      struct str *path_out, struct str *host_out)
{
    struct authority_url u;
    buf_reset(scratch);
    (void)buf_reserve(scratch, API_PATH_ROOM(path.n + hostname.n)); /* so that nothing moves */
    path = go_trim(path);
    hostname = go_trim(hostname);
    *path_out = STR_NONE;
    *host_out = hostname.n > 0 ? put_lower(scratch, hostname, false) : STR_NONE;
    if (path.n == 0)
        return;
    size_t start;
    if (split_authority(path, &u)) {
        if (hostname.n == 0)
            *host_out = put_lower(scratch, u.host, true);
        start = scratch->n;
        if (u.path.n == 0)
            buf_putc(scratch, '/');
        else if (is_valid_encoded(u.path))
            buf_put_str(scratch, u.path);
        else
            put_escaped(scratch, u.path);
        if (u.query.n > 0) {
            buf_putc(scratch, '?');
            buf_put_str(scratch, u.query);
        }
    } else if (path.p[0] == '/') {
        *path_out = path;
        return;
    } else {
        start = scratch->n;
        buf_putc(scratch, '/');
        buf_put_str(scratch, path);
    }
    *path_out = str_slice(buf_str(scratch), start, scratch->n);
}

/* ---- exclusions --------------------------------------------------------------------------------
 */

/* Go's path.Clean of a rooted path. */
static void put_segments(struct buf *out, struct str path)
{
    size_t root = out->n;
    while (path.n > 0) {
        struct str segment = str_cut(&path, '/');
        bool up = str_eq(segment, STR(".."));
        while (up && out->n > root && out->p[--out->n] != '/') {
        }
        if (up || segment.n == 0 || str_eq(segment, STR(".")))
            continue;
        buf_putc(out, '/');
        buf_put_str(out, segment);
    }
    if (out->n == root)
        buf_putc(out, '/');
}

static void put_clean(struct buf *out, struct str path)
{
    struct buf escaped;
    if (is_valid_encoded(path)) {
        put_segments(out, path);
        return;
    }
    buf_init(&escaped, API_PATH_ROOM(path.n));
    put_escaped(&escaped, path);
    put_segments(out, buf_str(&escaped));
    out->failed = out->failed || escaped.failed;
    buf_release(&escaped);
}

static struct str before_query(struct str s)
{
    return str_slice(s, 0, str_until(s, '?', '#'));
}

/* The path of what is no URL with an authority. */
static bool plain_path(struct str text, struct str *path)
{
    *path = before_query(text);
    if (path->n == 0 || str_starts(*path, STR("//")) || !escapes_are_whole(*path))
        return false;
    /* A colon in the first segment would end a scheme's name. */
    return str_chr(str_slice(*path, 0, str_until(*path, '/', '/')), ':', 0) < 0;
}

bool api_rule_path(struct str text, struct buf *out)
{
    struct authority_url u;
    text = go_trim(text);
    if (has_control(text) || (!split_authority(text, &u) && !plain_path(text, &u.path)))
        return false;
    put_clean(out, u.path);
    return true;
}

static bool is_clean(struct str path)
{
    bool ends = path.n > 1 && path.p[path.n - 1] == '/';
    return str_starts(path, STR("/")) && !ends && str_find(path, STR("//"), 0) < 0 &&
           str_find(path, STR("/."), 0) < 0 && is_valid_encoded(path);
}

struct str api_compared_path(struct str path, struct buf *scratch)
{
    path = before_query(path);
    if (is_clean(path))
        return path;
    buf_reset(scratch);
    put_clean(scratch, path);
    return buf_str(scratch);
}
