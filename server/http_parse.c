/*
 * http_parse.c - the head line by line, as soon as a line is complete. The body: http_body.c.
 * Called by http_conn.c, and by tests and fuzzers without a socket.
 */
#include "server/http_parse.h"

/* RFC 9110, 5.6.2: tchar. */
bool http_is_token_char(char c)
{
    return ascii_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* A byte of a field value: visible, blank, tab, or obs-text; no control byte. */
bool http_is_value_char(char c)
{
    unsigned char u = (unsigned char)c;
    return u == '\t' || (u >= 0x20 && u != 0x7f);
}

static enum http_parse bad(struct http_head *h, int status, const char *why)
{
    h->status = status;
    h->why = why;
    return HTTP_PARSE_BAD;
}

static struct http_span span_of(struct str part, const char *head)
{
    return (struct http_span){(uint32_t)(part.p - head), (uint32_t)part.n};
}

void http_head_init(struct http_head *h)
{
    /* The header slots are written before they are read: not worth clearing 1.6 KB a request. */
    size_t after = offsetof(struct http_head, n_headers);
    memset(h, 0, offsetof(struct http_head, headers));
    memset((char *)h + after, 0, sizeof(*h) - after);
}

/* ---- request line ------------------------------------------------------------------------------
 */

static bool valid_method(struct str m)
{
    if (m.n == 0 || m.n > HTTP_MAX_METHOD)
        return false;
    for (size_t i = 0; i < m.n; i++)
        if (!http_is_token_char(m.p[i]))
            return false;
    return true;
}

/* Visible ASCII without '#': a fragment is the client's own and never sent. */
static bool valid_target(struct str t)
{
    for (size_t i = 0; i < t.n; i++)
        if (t.p[i] <= 0x20 || t.p[i] >= 0x7f || t.p[i] == '#')
            return false;
    return t.n > 0;
}

/* RFC 3986 reg-name, IPv4 or [IPv6] with an optional port; no user information. */
static bool valid_authority(struct str a)
{
    for (size_t i = 0; i < a.n; i++)
        if (!ascii_alnum(a.p[i]) && (a.p[i] == '\0' || !strchr("-._~%!$&'()*+;=:[]", a.p[i])))
            return false;
    return true;
}

/* Takes `http://authority` off the front of an absolute target. False when it is none. */
static bool take_authority(struct http_head *h, const char *head, struct str *target)
{
    size_t scheme;
    if (str_starts_nocase(*target, STR("http://")))
        scheme = 7;
    else if (str_starts_nocase(*target, STR("https://")))
        scheme = 8;
    else
        return false;
    size_t end = scheme;
    while (end < target->n && target->p[end] != '/' && target->p[end] != '?')
        end++;
    struct str authority = str_slice(*target, scheme, end);
    if (authority.n == 0 || !valid_authority(authority))
        return false;
    h->absolute = true;
    h->authority = span_of(authority, head);
    *target = str_slice(*target, end, target->n);
    return true;
}

static enum http_parse take_target(struct http_head *h, const char *head, struct str target)
{
    if (!valid_target(target))
        return bad(h, 400, "bad byte in the request target");
    bool star = str_eq(target, STR("*"));
    if (star && !str_eq(http_span_str(h->method, head), STR("OPTIONS")))
        return bad(h, 400, "target * without OPTIONS");
    if (!star && target.p[0] != '/' && !take_authority(h, head, &target))
        return bad(h, 400, "the request target is neither a path nor an http URL");
    ptrdiff_t mark = str_chr(target, '?', 0);
    size_t path_n = mark < 0 ? target.n : (size_t)mark;
    h->path = span_of(str_slice(target, 0, path_n), head);
    if (mark >= 0)
        h->query = span_of(str_slice(target, path_n + 1, target.n), head);
    return HTTP_PARSE_MORE;
}

static enum http_parse take_version(struct http_head *h, struct str version)
{
    if (str_eq(version, STR("HTTP/1.1")))
        return HTTP_PARSE_MORE;
    if (str_eq(version, STR("HTTP/1.0"))) {
        h->http_10 = true;
        return HTTP_PARSE_MORE;
    }
    bool shaped = version.n == 8 && str_starts(version, STR("HTTP/")) && version.p[6] == '.' &&
                  version.p[5] >= '0' && version.p[5] <= '9' && version.p[7] >= '0' &&
                  version.p[7] <= '9';
    return shaped ? bad(h, 505, "not HTTP/1.0 or HTTP/1.1") : bad(h, 400, "bad HTTP version");
}

static enum http_parse take_request_line(struct http_head *h, const char *head, struct str line)
{
    if (line.n == 0) {
        /* RFC 9112, 2.2: one empty line before a request is forgiven. */
        if (h->skipped_blank)
            return bad(h, 400, "empty lines instead of a request");
        h->skipped_blank = true;
        return HTTP_PARSE_MORE;
    }
    ptrdiff_t first = str_chr(line, ' ', 0);
    ptrdiff_t second = first < 0 ? -1 : str_chr(line, ' ', (size_t)first + 1);
    if (second < 0 || str_chr(line, ' ', (size_t)second + 1) >= 0)
        return bad(h, 400, "the request line has not three parts");
    struct str method = str_slice(line, 0, (size_t)first);
    if (!valid_method(method))
        return bad(h, 400, "bad method");
    h->method = span_of(method, head);
    enum http_parse r = take_version(h, str_slice(line, (size_t)second + 1, line.n));
    if (r != HTTP_PARSE_MORE)
        return r;
    h->first_field = h->line;
    return take_target(h, head, str_slice(line, (size_t)first + 1, (size_t)second));
}

/* ---- header lines ------------------------------------------------------------------------------
 */

static enum http_parse take_length(struct http_head *h, struct str value)
{
    if (h->has_length)
        return bad(h, 400, "two Content-Length fields");
    if (!str_to_u64(value, INT64_MAX, &h->length))
        return bad(h, 400, "Content-Length is no number");
    h->has_length = true;
    return HTTP_PARSE_MORE;
}

static enum http_parse take_transfer_encoding(struct http_head *h, struct str value)
{
    if (h->transfer_encoding || !str_eq_nocase(value, STR("chunked")))
        return bad(h, 400, "Transfer-Encoding is not chunked");
    h->transfer_encoding = true;
    return HTTP_PARSE_MORE;
}

static void take_connection(struct http_head *h, struct str value)
{
    while (value.n > 0) {
        ptrdiff_t comma = str_chr(value, ',', 0);
        size_t end = comma < 0 ? value.n : (size_t)comma;
        if (str_eq_nocase(str_trim(str_slice(value, 0, end)), STR("close")))
            h->connection_close = true;
        value = str_slice(value, comma < 0 ? end : end + 1, value.n);
    }
}

/* The fields that decide where the request ends and what becomes of the connection. */
static enum http_parse take_framing(struct http_head *h, const char *head, struct str name,
                                    struct str value)
{
    if (str_eq_nocase(name, STR("host"))) {
        if (h->n_hosts++ > 0)
            return bad(h, 400, "two Host fields");
        if (!valid_authority(value))
            return bad(h, 400, "bad Host");
        h->host = span_of(value, head);
    } else if (str_eq_nocase(name, STR("content-length"))) {
        return take_length(h, value);
    } else if (str_eq_nocase(name, STR("transfer-encoding"))) {
        return take_transfer_encoding(h, value);
    } else if (str_eq_nocase(name, STR("connection"))) {
        take_connection(h, value);
    } else if (str_eq_nocase(name, STR("expect"))) {
        if (!str_eq_nocase(value, STR("100-continue")))
            return bad(h, 417, "unknown expectation");
        h->expect_continue = true;
    }
    return HTTP_PARSE_MORE;
}

static enum http_parse take_field(struct http_head *h, const char *head, struct str line)
{
    if (h->n_headers == HTTP_MAX_HEADERS)
        return bad(h, 431, "too many header lines");
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad(h, 400, "folded header line");
    size_t colon = 0;
    while (colon < line.n && http_is_token_char(line.p[colon]))
        colon++;
    if (colon == 0 || colon == line.n || line.p[colon] != ':')
        return bad(h, 400, "bad header name");
    for (size_t i = colon + 1; i < line.n; i++)
        if (!http_is_value_char(line.p[i]))
            return bad(h, 400, "control byte in a header");
    struct str name = str_slice(line, 0, colon);
    struct str value = str_trim(str_slice(line, colon + 1, line.n));
    h->headers[h->n_headers++] = (struct http_header){span_of(name, head), span_of(value, head)};
    return take_framing(h, head, name, value);
}

static enum http_parse finish(struct http_head *h, const char *head)
{
    if (h->has_length && h->transfer_encoding)
        return bad(h, 400, "Content-Length and Transfer-Encoding");
    if (h->http_10 && h->transfer_encoding)
        return bad(h, 400, "Transfer-Encoding in HTTP/1.0");
    if (!h->http_10 && h->n_hosts == 0)
        return bad(h, 400, "no Host");
    /* RFC 9112, 3.2.2 lets the target win; two different names in one request are a trick, so
     * refuse. */
    if (h->absolute && h->n_hosts > 0 &&
        !str_eq_nocase(http_span_str(h->host, head), http_span_str(h->authority, head)))
        return bad(h, 400, "Host is not the host of the request target");
    if (h->absolute)
        h->host = h->authority;
    h->chunked = h->transfer_encoding;
    h->keep_alive = !h->http_10 && !h->connection_close;
    if (h->http_10)
        h->expect_continue = false;
    h->bytes = h->line;
    return HTTP_PARSE_DONE;
}

static enum http_parse take_line(struct http_head *h, const char *head, struct str line)
{
    if (h->first_field == 0)
        return take_request_line(h, head, line);
    return line.n == 0 ? finish(h, head) : take_field(h, head, line);
}

/* Is what has come of a line, up to `end`, already too much? Asked before anything else about the
 * line, so that the answer does not depend on how the bytes were cut. `end` does not count the LF.
 */
static enum http_parse check_size(struct http_head *h, size_t end)
{
    if (h->first_field == 0) {
        if (end - h->line > HTTP_MAX_REQUEST_LINE + 1)
            return bad(h, 414, "request line too long");
    } else if (end - h->first_field >= HTTP_MAX_HEADER_BYTES) {
        return bad(h, 431, "headers too large");
    }
    return HTTP_PARSE_MORE;
}

enum http_parse http_head_parse(struct http_head *h, struct str in)
{
    if (h->status != 0)
        return HTTP_PARSE_BAD;
    /* A TLS hello or other noise has no line to wait for. */
    if (in.n > 0 && !http_is_token_char(in.p[0]) && in.p[0] != '\r')
        return bad(h, 400, "not HTTP");
    enum http_parse r = HTTP_PARSE_MORE;
    while (r == HTTP_PARSE_MORE && h->scanned < in.n) {
        const char *lf = memchr(in.p + h->scanned, '\n', in.n - h->scanned);
        size_t end = lf ? (size_t)(lf - in.p) : in.n;
        r = check_size(h, end);
        if (r != HTTP_PARSE_MORE)
            break;
        h->scanned = end;
        if (!lf)
            break;
        if (end == h->line || in.p[end - 1] != '\r')
            return bad(h, 400, "bare LF");
        struct str line = str_slice(in, h->line, end - 1);
        h->line = h->scanned = end + 1;
        r = take_line(h, in.p, line);
    }
    return r;
}
