/*
 * decode.c - undoes what log writers do to fields. Each loop looks for the one byte that matters
 * with memchr, because most fields have none of it. Used by the families of formats.
 */
#include "parsers/decode.h"

#include <stdlib.h>

int decode_scratch_init(struct decode_scratch *s)
{
    decode_scratch_reset(s);
    s->p = malloc(DECODE_SCRATCH_SIZE);
    return s->p ? 0 : -1;
}

void decode_scratch_release(struct decode_scratch *s)
{
    free(s->p);
    s->p = NULL;
}

char *decode_room(struct decode_scratch *s, size_t n)
{
    if (n > DECODE_SCRATCH_SIZE - s->n) {
        s->failed = true;
        return NULL;
    }
    return s->p + s->n;
}

static struct str keep(struct decode_scratch *s, const char *from, const char *end)
{
    struct str kept = {from, (size_t)(end - from)};

    s->n += kept.n;
    return kept;
}

/* The byte that the escape sequence [at, end) stands for, and in *used its length; -1: none. */
typedef int escape_fn(const char *at, const char *end, size_t *used);

static inline int nginx_escape(const char *at, const char *end, size_t *used)
{
    *used = 4;
    return end - at >= 4 && at[1] == 'x' ? hex_pair(at + 2) : -1;
}

static inline int apache_escape(const char *at, const char *end, size_t *used)
{
    if (end - at < 2)
        return -1;
    *used = 2;
    switch (at[1]) {
    case '"':
    case '\\':
        return at[1];
    case 'b':
        return '\b';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return nginx_escape(at, end, used);
    }
}

static inline int quote_escape(const char *at, const char *end, size_t *used)
{
    *used = 2;
    return end - at >= 2 && at[1] == '"' ? '"' : -1;
}

/* nginx writes no \u above \u001F. */
static inline int json_escape(const char *at, const char *end, size_t *used)
{
    static const char marks[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *mark;

    if (end - at >= 6 && memcmp(at, "\\u00", 4) == 0) {
        *used = 6;
        return hex_pair(at + 4);
    }
    *used = 2;
    mark = end - at >= 2 && at[1] != '\0' ? strchr(marks, at[1]) : NULL;
    return mark ? bytes[mark - marks] : -1;
}

static inline int percent_escape(const char *at, const char *end, size_t *used)
{
    *used = 3;
    return end - at >= 3 ? hex_pair(at + 1) : -1;
}

/* Copies [at, end) to `out`, escapes undone, and returns the end of the copy; `out` may be `at`. */
static inline __attribute__((always_inline)) char *
unescape(char *out, const char *at, const char *end, char mark, escape_fn *escape)
{
    while (at < end) {
        size_t used = 0;
        int byte = *at == mark ? escape(at, end, &used) : -1;

        if (byte >= 0) {
            *out++ = (char)byte;
            at += used;
        } else {
            *out++ = *at++;
        }
    }
    return out;
}

static inline __attribute__((always_inline)) struct str
unescape_str(struct decode_scratch *s, struct str raw, char mark, escape_fn *escape)
{
    const char *first = raw.n ? memchr(raw.p, mark, raw.n) : NULL;
    char *to;

    if (!first)
        return raw;
    to = decode_room(s, raw.n);
    if (!to)
        return STR_NONE;
    memcpy(to, raw.p, (size_t)(first - raw.p));
    return keep(s, to, unescape(to + (first - raw.p), first, raw.p + raw.n, mark, escape));
}

struct str decode_nginx(struct decode_scratch *s, struct str raw)
{
    return unescape_str(s, raw, '\\', nginx_escape);
}

struct str decode_apache(struct decode_scratch *s, struct str raw)
{
    return unescape_str(s, raw, '\\', apache_escape);
}

struct str decode_quotes(struct decode_scratch *s, struct str raw)
{
    return unescape_str(s, raw, '\\', quote_escape);
}

struct str decode_csv(struct decode_scratch *s, struct str raw)
{
    return unescape_str(s, raw, '"', quote_escape);
}

struct str decode_behind_colours(struct str s)
{
    ptrdiff_t end;

    while (str_starts(s, STR("\x1b[")) && (end = str_chr(s, 'm', 0)) > 0)
        s = str_slice(s, (size_t)end + 1, s.n);
    return s;
}

struct str decode_python(struct decode_scratch *s, struct str raw)
{
    static const struct str reset = STR_INIT("\x1b[0m");

    raw = decode_behind_colours(raw);
    if (str_ends(raw, reset))
        raw.n -= reset.n;
    return decode_apache(s, raw);
}

struct str decode_go(struct decode_scratch *s, struct str raw)
{
    if (raw.n < 2 || raw.p[0] != '"' || raw.p[raw.n - 1] != '"')
        return raw;
    return decode_apache(s, str_slice(raw, 1, raw.n - 1));
}

struct str decode_hash(struct decode_scratch *s, struct str raw)
{
    return unescape_str(s, raw, '#', percent_escape);
}

struct str decode_json_text(struct decode_scratch *s, struct str raw)
{
    return unescape_str(s, raw, '\\', json_escape);
}

struct str decode_percent(struct decode_scratch *s, struct str raw)
{
    return unescape_str(s, raw, '%', percent_escape);
}

struct str decode_percent_user_agent(struct decode_scratch *s, struct str raw)
{
    struct str once = decode_percent(s, raw);
    char *copy;

    if (once.n == 0 || memchr(once.p, ' ', once.n) || str_find(once, STR("%20"), 0) < 0)
        return once;
    /* "%20" in the result came from "%2520": the result is the newest copy in scratch, shrunk in
     * place. */
    copy = s->p + s->n - once.n;
    s->n -= once.n;
    return keep(s, copy, unescape(copy, copy, copy + once.n, '%', percent_escape));
}

struct str decode_plus(struct decode_scratch *s, struct str raw)
{
    char *to;

    if (raw.n == 0 || !memchr(raw.p, '+', raw.n) || memchr(raw.p, ' ', raw.n) ||
        !(to = decode_room(s, raw.n)))
        return raw;
    for (size_t i = 0; i < raw.n; i++) {
        bool blank = raw.p[i] == '+' && (i == 0 || (raw.p[i - 1] != '(' && to[i - 1] != ' '));
        to[i] = blank ? ' ' : raw.p[i];
    }
    return keep(s, to, to + raw.n);
}

struct str decode_copy(struct decode_scratch *s, struct str text)
{
    char *to = decode_room(s, text.n);

    if (!to)
        return STR_NONE;
    memcpy(to, text.p, text.n);
    return keep(s, to, to + text.n);
}

static size_t without_port(struct str authority)
{
    size_t n = authority.n;

    while (n > 0 && authority.p[n - 1] >= '0' && authority.p[n - 1] <= '9')
        n--;
    if (n == 0 || authority.p[n - 1] != ':')
        return authority.n;
    /* An address without brackets has more colons, and no port. */
    if (authority.p[0] != '[' && memchr(authority.p, ':', n - 1))
        return authority.n;
    return n - 1;
}

/* Bytes that end a host, or that nothing between client and log would let through in one. */
static bool is_host_byte(unsigned char c)
{
    switch (c) {
    case '/':
    case '?':
    case '#':
    case '@':
    case '"':
    case '\\':
    case 0x7f:
        return false;
    default:
        return c > ' ';
    }
}

struct str decode_scheme(struct decode_scratch *s, struct str raw)
{
    if (str_eq(raw, STR("https")) || str_eq(raw, STR("http")))
        return raw;
    if (str_eq_nocase(raw, STR("https")) || str_eq_nocase(raw, STR("wss")))
        return decode_copy(s, STR("https"));
    if (str_eq_nocase(raw, STR("http")) || str_eq_nocase(raw, STR("ws")))
        return decode_copy(s, STR("http"));
    return STR_NONE;
}

struct str decode_host(struct decode_scratch *s, struct str raw)
{
    struct str name = decode_missing(raw);
    bool upper = false, more = false;
    char *to;

    if (name.n > 0)
        name = decode_missing((struct str){name.p, without_port(name)});
    if (name.n == 0 || name.n > DECODE_HOST_MAX)
        return STR_NONE;
    for (size_t i = 0; i < name.n; i++) {
        if (!is_host_byte((unsigned char)name.p[i]))
            return STR_NONE;
        upper |= ascii_upper(name.p[i]);
        more |= name.p[i] != '-'; /* "--" is a host and a path that were both missing */
    }
    if (!more)
        return STR_NONE;
    if (!upper)
        return name;
    to = decode_room(s, name.n);
    for (size_t i = 0; to && i < name.n; i++)
        to[i] = ascii_lower(name.p[i]);
    return to ? keep(s, to, to + name.n) : STR_NONE;
}

static void split_query(struct str target, struct hit *hit)
{
    const char *mark = memchr(target.p, '?', target.n);

    hit->path = target;
    if (!mark)
        return;
    hit->path.n = (size_t)(mark - target.p);
    hit->query = str_slice(target, hit->path.n + 1, target.n);
    if (hit->query.n == 0)
        hit->query = STR_NONE;
}

/* What stands behind "http://". */
static void split_absolute(struct decode_scratch *s, struct str scheme, struct str rest,
                           struct hit *hit)
{
    size_t n = 0;
    ptrdiff_t at;
    struct str host;

    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    host = str_slice(rest, 0, n);
    at = str_rchr(host, '@');
    host = decode_host(s, at < 0 ? host : str_slice(host, (size_t)at + 1, n));
    if (!str_is_set(host)) {
        hit->bad_request_line = true;
        return;
    }
    hit->scheme = decode_copy(s, scheme);
    hit->host = host;
    split_query(str_slice(rest, n, rest.n), hit);
    if (hit->path.n == 0)
        hit->path = decode_copy(s, STR("/"));
}

void decode_target(struct decode_scratch *s, struct str target, struct hit *hit)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};

    if (target.n > 0 && target.p[0] == '/') {
        split_query(target, hit);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct str scheme = schemes[i];

        if (str_starts_nocase(target, scheme)) {
            split_absolute(s, str_slice(scheme, 0, scheme.n - 3),
                           str_slice(target, scheme.n, target.n), hit);
            return;
        }
    }
    hit->bad_request_line = true;
}

/* A token of RFC 9110, which a method is; binary junk is not. */
static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!ascii_alnum(c) && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.n > 0;
}

/* The protocol without its name, as Hypercorn has it. */
static bool is_version(struct str s)
{
    return str_eq(s, STR("1.1")) || str_eq(s, STR("2")) || str_eq(s, STR("1.0")) ||
           str_eq(s, STR("3"));
}

/* Of a text that has one; nearly always it is that of " HTTP/1.1". */
static const char *last_blank(struct str s)
{
    const char *end = s.n >= 9 ? s.p + s.n - 9 : NULL;

    if (end && memcmp(end, " HTTP/", 6) == 0 && ascii_digit(end[6]) && end[7] == '.' &&
        ascii_digit(end[8]))
        return end;
    return memrchr(s.p, ' ', s.n);
}

void decode_request_line(struct decode_scratch *s, struct str line, struct hit *hit)
{
    const char *space, *last;
    struct str method, target, tail, protocol = STR_NONE;

    line = decode_missing(line);
    if (!str_is_set(line))
        return;
    space = memchr(line.p, ' ', line.n);
    method = str_slice(line, 0, space ? (size_t)(space - line.p) : line.n);
    if (!space || !is_token(method) || str_starts(line, STR("- http"))) {
        hit->bad_request_line = true;
        return;
    }
    target = str_slice(line, method.n + 1, line.n);
    last = last_blank(line);
    tail = str_slice(line, (size_t)(last + 1 - line.p), line.n);
    if (str_starts(tail, STR("HTTP/")))
        protocol = tail;
    /* Tomcat writes an empty one for HTTP/0.9. */
    if (str_is_set(protocol) || tail.n == 0 || is_version(tail))
        target.n = last > space ? (size_t)(last - target.p) : 0;
    hit->method = decode_missing(method);
    hit->protocol = protocol;
    decode_target(s, target, hit);
}

bool decode_status(struct str s, int *status)
{
    int value = 0;

    s = decode_missing(s);
    if (!str_is_set(s)) {
        *status = -1;
        return true;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || i == 3)
            return false;
        value = value * 10 + (s.p[i] - '0');
    }
    *status = value;
    return true;
}

bool decode_count(struct str s, int64_t *count)
{
    uint64_t value;

    s = decode_missing(s);
    if (!str_is_set(s)) {
        *count = HIT_NO_NUMBER;
        return true;
    }
    if (!str_to_u64(s, INT64_MAX, &value))
        return false;
    *count = (int64_t)value;
    return true;
}

bool decode_seconds(struct str s, int64_t *ms)
{
    int64_t value = 0;
    size_t i = 0, point;

    s = decode_missing(s);
    if (!str_is_set(s)) {
        *ms = HIT_NO_NUMBER;
        return true;
    }
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        if (i == 9)
            return false;
        value = value * 10 + (s.p[i] - '0');
    }
    if (i == 0 || (i < s.n && s.p[i] != '.'))
        return false;
    point = i;
    value *= 1000;
    for (int64_t unit = 100; ++i < s.n; unit /= 10) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value += unit * (s.p[i] - '0');
        if (i == point + 4 && s.p[i] >= '5')
            value++;
    }
    *ms = value;
    return true;
}
