/*
 * record.c - the writing half of the wire form: hit to record, record and header to text.
 * record_read.c is the other half. See record.h.
 */
#include "parsers/record.h"

#include "parsers/base/time.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---- URLs --------------------------------------------------------------------------------- */

/* RFC 3986: unreserved, sub-delims, and what else path and query hold as it is. */
static const bool url_keeps[256] = {
    ['!'] = true, ['$'] = true, ['&'] = true, ['\''] = true, ['('] = true, [')'] = true,
    ['*'] = true, ['+'] = true, [','] = true, ['-'] = true,  ['.'] = true, ['/'] = true,
    ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true,  ['4'] = true, ['5'] = true,
    ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true,  [':'] = true, [';'] = true,
    ['='] = true, ['?'] = true, ['@'] = true, ['A'] = true,  ['B'] = true, ['C'] = true,
    ['D'] = true, ['E'] = true, ['F'] = true, ['G'] = true,  ['H'] = true, ['I'] = true,
    ['J'] = true, ['K'] = true, ['L'] = true, ['M'] = true,  ['N'] = true, ['O'] = true,
    ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true,  ['T'] = true, ['U'] = true,
    ['V'] = true, ['W'] = true, ['X'] = true, ['Y'] = true,  ['Z'] = true, ['_'] = true,
    ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true,  ['e'] = true, ['f'] = true,
    ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true,  ['k'] = true, ['l'] = true,
    ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true,  ['q'] = true, ['r'] = true,
    ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true,  ['w'] = true, ['x'] = true,
    ['y'] = true, ['z'] = true, ['~'] = true,
};

#ifdef __SSE2__
static __m128i bytes_equal(__m128i w, char c)
{
    return _mm_cmpeq_epi8(w, _mm_set1_epi8(c));
}

/* Bit i is set when byte i of the sixteen at p may not stand in a URL as it is. */
static unsigned url_mask16(const char *p)
{
    __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* Signed: with the controls and the blank, 0x80..0xFF. */
    __m128i bad = _mm_cmplt_epi8(w, _mm_set1_epi8(0x21));
    /* '[' to '^' and '{' to '}' are ranges; the others stand alone. */
    bad = _mm_or_si128(bad, _mm_and_si128(_mm_cmpgt_epi8(w, _mm_set1_epi8('Z')),
                                          _mm_cmplt_epi8(w, _mm_set1_epi8('_'))));
    bad = _mm_or_si128(bad, _mm_and_si128(_mm_cmpgt_epi8(w, _mm_set1_epi8('z')),
                                          _mm_cmplt_epi8(w, _mm_set1_epi8('~'))));
    bad = _mm_or_si128(bad, _mm_or_si128(bytes_equal(w, '"'), bytes_equal(w, '#')));
    bad = _mm_or_si128(bad, _mm_or_si128(bytes_equal(w, '%'), bytes_equal(w, '`')));
    bad = _mm_or_si128(bad, _mm_or_si128(bytes_equal(w, '<'), bytes_equal(w, '>')));
    bad = _mm_or_si128(bad, bytes_equal(w, '\x7f'));
    return (unsigned)_mm_movemask_epi8(bad);
}
#endif

/* How many bytes from the front stand in a URL as they are. */
static size_t url_run(struct str s)
{
    size_t i = 0;

#ifdef __SSE2__
    for (; s.n - i >= 16; i += 16) {
        unsigned mask = url_mask16(s.p + i);
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
    if (i > 0) { /* the rest together with bytes that are known to be good */
        unsigned mask = url_mask16(s.p + s.n - 16);
        return mask ? s.n - 16 + (unsigned)__builtin_ctz(mask) : s.n;
    }
#endif
    while (i < s.n && url_keeps[(unsigned char)s.p[i]])
        i++;
    return i;
}

static void put_encoded(struct buf *out, struct str s)
{
    static const char digit[] = "0123456789ABCDEF";

    for (size_t at = 0; at < s.n;) {
        size_t run = url_run(str_slice(s, at, s.n));
        buf_put(out, s.p + at, run);
        at += run;
        if (at == s.n)
            break;
        if (percent_byte(s, at) >= 0) {
            buf_put(out, s.p + at, 3);
            at += 3;
            continue;
        }
        unsigned char c = (unsigned char)s.p[at++];
        char triplet[3] = {'%', digit[c >> 4], digit[c & 15]};
        buf_put(out, triplet, sizeof(triplet));
    }
}

/* What a host name in lower case, with a port or without, is made of. */
static const bool host_keeps[256] = {
    ['-'] = true, ['.'] = true, ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true,
    ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true,
    [':'] = true, ['['] = true, [']'] = true, ['_'] = true, ['a'] = true, ['b'] = true,
    ['c'] = true, ['d'] = true, ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true,
    ['i'] = true, ['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true,
    ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true,
    ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

static bool host_is_clean(struct str host)
{
    bool clean = host.n > 0;

    for (size_t i = 0; i < host.n; i++) /* to the end: it is nearly always clean */
        clean &= host_keeps[(unsigned char)host.p[i]];
    return clean;
}

/* Path and query as one text, behind what `out` holds already. */
static void put_target(struct buf *out, const struct hit *hit)
{
    put_encoded(out, hit->path);
    if (str_is_set(hit->query)) {
        buf_putc(out, '?');
        put_encoded(out, hit->query);
    }
}

static struct str build_url(const struct hit *hit, struct str scheme, struct str host,
                            struct buf *scratch)
{
    if (!str_is_set(scheme) || !str_is_set(host))
        return STR_NONE;
    buf_put_str(scratch, scheme);
    buf_lit(scratch, "://");
    buf_put_str(scratch, host);
    put_target(scratch, hit);
    return scratch->failed ? STR_NONE : buf_str(scratch);
}

static struct str build_path(const struct hit *hit, struct buf *scratch)
{
    put_target(scratch, hit);
    return scratch->failed ? STR_NONE : buf_str(scratch);
}

/* Whoever asks writes the Host field: a port that is none would make the URL one that no server
 * takes. */
static struct str with_good_port(struct str host)
{
    ptrdiff_t close = str_starts(host, STR("[")) ? str_rchr(host, ']') : -1;
    ptrdiff_t colon = str_rchr(host, ':');
    if (close < 0 && str_starts(host, STR("[")))
        return STR_NONE;
    if (colon <= close)
        return host;
    for (size_t i = (size_t)colon + 1; i < host.n; i++)
        if (!ascii_digit(host.p[i]))
            return str_slice(host, 0, (size_t)(close < 0 ? str_chr(host, ':', 0) : close + 1));
    return host;
}

static struct str host_of(const struct hit *hit, struct str host)
{
    if (str_is_set(hit->host))
        host = hit->host;
    host = host_is_clean(host) ? with_good_port(host) : STR_NONE;
    return host.n > 0 ? host : STR_NONE;
}

static struct str scheme_of(const struct hit *hit, struct str scheme)
{
    return str_is_set(hit->scheme) ? hit->scheme : scheme;
}

static bool has_path(const struct hit *hit)
{
    return hit->path.n > 0 && hit->path.p[0] == '/';
}

bool record_is_complete(const struct hit *hit, const struct verdict *v, struct str host,
                        struct str scheme)
{
    return has_path(hit) && (v->kind == VERDICT_AI_FETCH || (str_is_set(host_of(hit, host)) &&
                                                             str_is_set(scheme_of(hit, scheme))));
}

void record_from_hit(struct record *r, const struct hit *hit, const struct verdict *v,
                     struct str host, struct str scheme, struct buf *url_scratch)
{
    host = host_of(hit, host);
    scheme = scheme_of(hit, scheme);
    buf_reset(url_scratch);
    *r = (struct record){
        .kind = v->kind == VERDICT_AI_FETCH ? RECORD_AI_FETCH : RECORD_PAGEVIEW,
        .time_ms = hit->time_ms,
        .user_agent = -1,
        .user_agent_text = hit->user_agent,
        .status_code = -1,
        .response_ms = HIT_NO_NUMBER,
        .bytes_served = HIT_NO_NUMBER,
    };
    if (r->kind == RECORD_PAGEVIEW) {
        r->url = has_path(hit) ? build_url(hit, scheme, host, url_scratch) : STR_NONE;
        r->visitor_ip = hit->client_ip;
        r->referrer = hit->referrer;
        return;
    }
    r->hostname = host;
    r->path = has_path(hit) ? build_path(hit, url_scratch) : STR_NONE;
    r->content_type = hit->content_type;
    r->status_code = hit->status;
    r->response_ms = hit->duration_ms;
    r->bytes_served = hit->bytes;
    r->verified = STR("unknown");
}

/* ---- text --------------------------------------------------------------------------------- */

/* `,"name":` must be a literal: the key is copied with the comma before it. */
#define PUT_TEXT(out, key, value)                                                                  \
    do {                                                                                           \
        if (str_is_set(value)) {                                                                   \
            buf_lit(out, ",\"" key "\":");                                                         \
            json_put_string(out, value);                                                           \
        }                                                                                          \
    } while (0)

#define PUT_COUNT(out, key, value)                                                                 \
    do {                                                                                           \
        if ((value) >= 0) {                                                                        \
            buf_lit(out, ",\"" key "\":");                                                         \
            buf_put_u64(out, (uint64_t)(value));                                                   \
        }                                                                                          \
    } while (0)

static void put_user_agent(struct buf *out, const struct record *r)
{
    PUT_COUNT(out, "user_agent", r->user_agent);
    if (r->user_agent < 0)
        PUT_TEXT(out, "user_agent", r->user_agent_text);
}

static void put_timestamp(struct buf *out, int64_t time_ms)
{
    buf_lit(out, ",\"timestamp\":\"");
    time_put_rfc3339(out, time_ms);
    buf_putc(out, '"');
}

static void put_identity(struct buf *out, const struct record *r)
{
    unsigned char h[4] = {(unsigned char)(r->line_hash >> 24), (unsigned char)(r->line_hash >> 16),
                          (unsigned char)(r->line_hash >> 8), (unsigned char)r->line_hash};

    buf_put_u64(out, r->at);
    buf_lit(out, ",\"h\":\"");
    buf_put_hex(out, h, sizeof(h));
    buf_putc(out, '"');
    PUT_TEXT(out, "site", r->site);
}

static void put_pageview(struct buf *out, const struct record *r)
{
    buf_lit(out, "{\"k\":\"pageview\",\"at\":");
    put_identity(out, r);
    PUT_TEXT(out, "url", r->url);
    put_timestamp(out, r->time_ms);
    PUT_TEXT(out, "visitor_ip", r->visitor_ip);
    put_user_agent(out, r);
    PUT_TEXT(out, "referrer", r->referrer);
    PUT_TEXT(out, "session_id", r->session_id);
}

static void put_ai_fetch(struct buf *out, const struct record *r)
{
    buf_lit(out, "{\"k\":\"ai_fetch\",\"at\":");
    put_identity(out, r);
    PUT_TEXT(out, "hostname", r->hostname);
    PUT_TEXT(out, "path", r->path);
    PUT_COUNT(out, "status_code", r->status_code);
    PUT_TEXT(out, "content_type", r->content_type);
    PUT_COUNT(out, "response_ms", r->response_ms);
    PUT_COUNT(out, "bytes_served", r->bytes_served);
    put_user_agent(out, r);
    put_timestamp(out, r->time_ms);
    PUT_TEXT(out, "verified", r->verified);
}

void record_write(struct buf *out, const struct record *r)
{
    size_t start = out->n;

    if (r->kind == RECORD_PAGEVIEW)
        put_pageview(out, r);
    else
        put_ai_fetch(out, r);
    buf_lit(out, "}\n");
    if (out->failed)
        out->n = start;
}

static void put_skip(struct buf *out, bool *first, struct str reason, uint32_t count)
{
    if (count == 0)
        return;
    if (!*first)
        buf_putc(out, ',');
    *first = false;
    json_put_string(out, reason);
    buf_putc(out, ':');
    buf_put_u64(out, count);
}

static struct str skip_name(uint32_t reason)
{
    return reason < REASON_COUNT ? str_of(reason_name((enum reason)reason)) : STR("other");
}

/* Neighbours of one quarter share an object, in which a reason stands once. */
static void put_quarters(struct buf *out, const struct batch_cell *cells, size_t n)
{
    size_t i = 0;

    buf_lit(out, ",\"quarters\":[");
    while (i < n) {
        uint32_t quarter = cells[i].quarter, seen = 0;
        bool first = true;
        buf_put_str(out, i ? STR(",[") : STR("["));
        buf_put_u64(out, quarter);
        buf_lit(out, ",{");
        for (; i < n && cells[i].quarter == quarter; i++) {
            if (seen >> cells[i].reason & 1)
                break;
            seen |= UINT32_C(1) << cells[i].reason;
            put_skip(out, &first, skip_name(cells[i].reason), cells[i].n);
        }
        buf_lit(out, "}]");
    }
    buf_putc(out, ']');
}
_Static_assert(REASON_COUNT < 32, "`seen` has 32 bits, one of them for others");

static void put_stream(struct buf *out, const struct batch_stream *s,
                       const struct batch_cell *cells)
{
    bool first = true;

    buf_lit(out, "{\"id\":\"");
    buf_put_hex(out, s->id.b, sizeof(s->id.b));
    buf_lit(out, "\",\"from\":");
    buf_put_u64(out, s->from);
    buf_lit(out, ",\"to\":");
    buf_put_u64(out, s->to);
    buf_lit(out, ",\"lines\":");
    buf_put_u64(out, s->lines);
    buf_lit(out, ",\"records\":");
    buf_put_u64(out, s->records);
    buf_lit(out, ",\"skipped\":{");
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
        put_skip(out, &first, skip_name((uint32_t)i), s->skipped[i]);
    put_skip(out, &first, skip_name(REASON_COUNT), s->skipped_other);
    buf_putc(out, '}');
    if (s->n_cells)
        put_quarters(out, cells + s->first_cell, s->n_cells);
    PUT_TEXT(out, "name", s->name);
    buf_putc(out, '}');
}

void batch_header_write(struct buf *out, const struct batch_header *h)
{
    size_t start = out->n;

    buf_lit(out, "{\"v\":");
    buf_put_u64(out, RECORD_WIRE_VERSION);
    PUT_TEXT(out, "batch", h->batch);
    PUT_TEXT(out, "agent", h->agent);
    PUT_TEXT(out, "node", h->node);
    buf_lit(out, ",\"job\":");
    json_put_string(out, h->job);
    buf_lit(out, ",\"streams\":[");
    for (size_t i = 0; i < h->n_streams; i++) {
        if (i > 0)
            buf_putc(out, ',');
        put_stream(out, &h->streams[i], h->cells);
    }
    buf_lit(out, "],\"user_agents\":[");
    for (size_t i = 0; i < h->n_user_agents; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_put_string(out, h->user_agents[i]);
    }
    buf_lit(out, "]}\n");
    if (out->failed)
        out->n = start;
}
