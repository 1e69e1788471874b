/*
 * format_cloudfront.c - CloudFront's standard logs as text: rows of columns between tabs, named by
 * the most recent #Fields line. Source: Amazon CloudFront Developer Guide, "Standard logs (access
 * logs)".
 *
 * Files joined with cat or zcat hold header lines in their middle, and files of other years hold
 * other columns. Rows before any header are read by their number of columns, since the columns were
 * only ever appended to. The cookie column is never looked at.
 */
#include "parsers/format_impl.h"

#include "parsers/base/time.h"

#include <endian.h>

#define CF_COLUMNS_MAX 64 /* columns behind these are not looked at; there are 41 names (2026) */

enum cf_column {
    CF_OTHER,
    CF_DATE,
    CF_TIME,
    CF_TIMESTAMP, /* standard logging v2 */
    CF_METHOD,
    CF_STEM,
    CF_STATUS,
    CF_QUERY,
    CF_CLIENT,
    CF_HOST,         /* the viewer's Host header */
    CF_DISTRIBUTION, /* dxxxx.cloudfront.net, whatever the viewer asked for */
    CF_REFERRER,
    CF_USER_AGENT,
    CF_BYTES,
    CF_RESULT,
    CF_REQUEST_ID,
    CF_PROTOCOL,
    CF_TIME_TAKEN,
    CF_FORWARDED_FOR,
    CF_VERSION,
    CF_CONTENT_TYPE,
    CF_COLUMNS,
};

static const struct str names[CF_COLUMNS] = {
    [CF_DATE] = {"date", 4},
    [CF_TIME] = {"time", 4},
    [CF_TIMESTAMP] = {"timestamp(ms)", 13},
    [CF_METHOD] = {"cs-method", 9},
    [CF_STEM] = {"cs-uri-stem", 11},
    [CF_STATUS] = {"sc-status", 9},
    [CF_QUERY] = {"cs-uri-query", 12},
    [CF_CLIENT] = {"c-ip", 4},
    [CF_HOST] = {"x-host-header", 13},
    [CF_DISTRIBUTION] = {"cs(Host)", 8},
    [CF_REFERRER] = {"cs(Referer)", 11},
    [CF_USER_AGENT] = {"cs(User-Agent)", 14},
    [CF_BYTES] = {"sc-bytes", 8},
    [CF_RESULT] = {"x-edge-result-type", 18},
    [CF_REQUEST_ID] = {"x-edge-request-id", 17},
    [CF_PROTOCOL] = {"cs-protocol", 11},
    [CF_TIME_TAKEN] = {"time-taken", 10},
    [CF_FORWARDED_FOR] = {"x-forwarded-for", 15},
    [CF_VERSION] = {"cs-protocol-version", 19},
    [CF_CONTENT_TYPE] = {"sc-content-type", 15},
};

/* The columns of a file without header, oldest first; at each of these counts a file may stop. */
static const char all_columns[] =
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header "
    "cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
    "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "
    "time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start "
    "sc-range-end";
static const unsigned char known_counts[] = {12, 15, 18, 19, 23, 24, 26, 33};

struct cf_parser {
    struct parser base;
    unsigned char columns[CF_COLUMNS_MAX]; /* enum cf_column, by position */
    size_t n;                              /* up to the last column that is of use */
    bool named[CF_COLUMNS];
    bool has_header;
    /* Many rows in a row have one time: the last text and what it meant. */
    char time_text[18];
    int64_t time_ms;
};

static enum cf_column find_column(struct str name)
{
    for (int c = CF_OTHER + 1; c < CF_COLUMNS; c++) {
        if (str_eq_nocase(name, names[c]))
            return (enum cf_column)c;
    }
    return CF_OTHER;
}

/* `list`: names with spaces or tabs between. The first of two equal names counts. */
static void set_columns(struct cf_parser *p, struct str list)
{
    size_t position = 0, at = 0;

    memset(p->named, 0, sizeof(p->named));
    p->n = 0;
    while (at < list.n && position < CF_COLUMNS_MAX) {
        size_t from = at;
        enum cf_column c;

        while (at < list.n && list.p[at] != ' ' && list.p[at] != '\t')
            at++;
        if (at == from) {
            at++;
            continue;
        }
        c = find_column(str_slice(list, from, at));
        if (p->named[c])
            c = CF_OTHER;
        p->columns[position++] = (unsigned char)c;
        if (c != CF_OTHER) {
            p->named[c] = true;
            p->n = position;
        }
    }
}

static void cf_reset(struct parser *base)
{
    struct cf_parser *p = (struct cf_parser *)base;

    p->has_header = false;
    set_columns(p, str_of(all_columns));
}

static enum parse_result cf_directive(struct cf_parser *p, struct str line)
{
    if (str_starts_nocase(line, STR("#Version:"))) {
        cf_reset(&p->base); /* another file begins */
    } else if (str_starts_nocase(line, STR("#Fields:"))) {
        set_columns(p, str_slice(line, 8, line.n));
        p->has_header = true;
    }
    return PARSE_DIRECTIVE;
}

/* How many columns a row without header has; 0 for a number that CloudFront never wrote. */
static size_t count_columns(struct str line)
{
    size_t n = 1;

    if (line.p[line.n - 1] == '\t')
        line.n--;
    for (size_t i = 0; i < line.n; i++)
        n += line.p[i] == '\t';
    if (n > 33)
        return 33;
    return memchr(known_counts, (int)n, sizeof(known_counts)) ? n : 0;
}

/* The high bit of each byte of `word` that is a tab. */
static inline uint64_t tabs_in(uint64_t word)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f), tabs = UINT64_C(0x0909090909090909);

    word ^= tabs;
    return ~(((word & low7) + low7) | word | low7);
}

/* Half of the work on a row is to find its tabs, so this looks at eight bytes at a time. */
static void split(const struct cf_parser *p, struct str line, size_t n,
                  struct str fields[CF_COLUMNS])
{
    size_t from = 0, column = 0;

    memset(fields, 0, CF_COLUMNS * sizeof(*fields));
    for (size_t at = 0; at < line.n && column < n; at += 8) {
        uint64_t word = 0, found;

        if (line.n - at >= 8)
            memcpy(&word, line.p + at, 8);
        else
            memcpy(&word, line.p + at, line.n - at);
        for (found = tabs_in(le64toh(word)); found && column < n; found &= found - 1) {
            size_t tab = at + (size_t)__builtin_ctzll(found) / 8;

            fields[p->columns[column++]] = str_slice(line, from, tab);
            from = tab + 1;
        }
    }
    if (column < n)
        fields[p->columns[column]] = str_slice(line, from, line.n);
}

/* Every hit needs these, whether or not the row is long enough. */
static const char *missing_column(const struct cf_parser *p, const struct str *field)
{
    if (!p->named[CF_TIMESTAMP] && !(p->named[CF_DATE] && p->named[CF_TIME]))
        return "the #Fields line names neither date and time nor timestamp(ms)";
    if (!p->named[CF_STEM])
        return "the #Fields line does not name cs-uri-stem";
    if (p->named[CF_TIMESTAMP] ? !field[CF_TIMESTAMP].p : !field[CF_DATE].p || !field[CF_TIME].p)
        return "the row ends before its time";
    if (!field[CF_STEM].p)
        return "the row ends before cs-uri-stem";
    if (p->named[CF_METHOD] && !field[CF_METHOD].p)
        return "the row ends before cs-method";
    if (p->named[CF_STATUS] && !field[CF_STATUS].p)
        return "the row ends before sc-status";
    return NULL;
}

static bool cf_time(struct cf_parser *p, const struct str *field, int64_t *ms)
{
    struct str date = field[CF_DATE], time = field[CF_TIME];
    uint64_t stamp;

    if (p->named[CF_TIMESTAMP]) {
        if (!str_to_u64(field[CF_TIMESTAMP], (uint64_t)253402300799999, &stamp)) /* year 9999 */
            return false;
        *ms = (int64_t)stamp;
        return true;
    }
    if (date.n != 10 || time.n != 8)
        return false;
    if (memcmp(time.p, p->time_text + 10, 8) != 0 || memcmp(date.p, p->time_text, 10) != 0) {
        if (!time_parse_w3c(date, time, &p->time_ms))
            return false;
        memcpy(p->time_text, date.p, 10);
        memcpy(p->time_text + 10, time.p, 8);
    }
    *ms = p->time_ms;
    return true;
}

/* The columns that are no text. */
static enum parse_result read_numbers(struct cf_parser *p, struct str line, const struct str *field,
                                      struct hit *hit)
{
    enum cf_column bad = CF_OTHER;
    const char *why = "";

    if (!cf_time(p, field, &hit->time_ms)) {
        bad = p->named[CF_TIMESTAMP] ? CF_TIMESTAMP : CF_DATE;
        why = "date and time are not YYYY-MM-DD and HH:MM:SS, or do not exist";
    } else if (!decode_status(field[CF_STATUS], &hit->status)) {
        bad = CF_STATUS;
        why = "sc-status is no status";
    } else if (!decode_count(field[CF_BYTES], &hit->bytes)) {
        bad = CF_BYTES;
        why = "sc-bytes is no number";
    } else if (!decode_seconds(field[CF_TIME_TAKEN], &hit->duration_ms)) {
        bad = CF_TIME_TAKEN;
        why = "time-taken is no number of seconds";
    }
    if (bad == CF_OTHER)
        return PARSE_OK;
    return parser_fail(&p->base, why, (size_t)(field[bad].p - line.p));
}

static void read_request(struct decode_scratch *s, const struct str *field, struct hit *hit)
{
    struct str path = decode_percent(s, decode_missing(field[CF_STEM]));
    struct str protocol = field[CF_PROTOCOL];

    hit->method = decode_missing(field[CF_METHOD]);
    if (path.n > 0 && path.p[0] == '/') {
        hit->path = path;
        hit->query = decode_missing(decode_percent(s, field[CF_QUERY]));
    } else if (str_is_set(path)) {
        hit->bad_request_line = true;
    }
    if (str_eq(protocol, STR("https")) || str_eq(protocol, STR("http")))
        hit->scheme = protocol;
    else if (str_eq(protocol, STR("wss")))
        hit->scheme = decode_copy(s, STR("https"));
    else if (str_eq(protocol, STR("ws")))
        hit->scheme = decode_copy(s, STR("http"));
}

static enum parse_result cf_row(struct cf_parser *p, struct str line, size_t n, struct hit *hit)
{
    struct decode_scratch *s = &p->base.scratch;
    struct str field[CF_COLUMNS];
    const char *missing;
    bool host_column;

    split(p, line, n, field);
    missing = missing_column(p, field);
    if (missing)
        return parser_fail(&p->base, missing, line.n);
    if (read_numbers(p, line, field, hit) != PARSE_OK)
        return PARSE_BAD;
    read_request(s, field, hit);
    host_column = p->has_header ? p->named[CF_HOST] : str_is_set(field[CF_HOST]);
    hit->host = decode_host(s, field[host_column ? CF_HOST : CF_DISTRIBUTION]);
    hit->client_ip = decode_missing(field[CF_CLIENT]);
    hit->protocol = decode_missing(field[CF_VERSION]);
    hit->request_id = decode_missing(field[CF_REQUEST_ID]);
    hit->cdn_result = decode_missing(field[CF_RESULT]);
    hit->referrer = decode_missing(decode_percent(s, field[CF_REFERRER]));
    hit->user_agent = decode_missing(decode_percent_user_agent(s, field[CF_USER_AGENT]));
    hit->content_type = decode_missing(decode_percent(s, field[CF_CONTENT_TYPE]));
    hit->forwarded_for = decode_missing(decode_percent(s, field[CF_FORWARDED_FOR]));
    return PARSE_OK;
}

static enum parse_result cf_line(struct parser *base, struct str line, struct hit *hit)
{
    struct cf_parser *p = (struct cf_parser *)base;
    size_t n = p->n;

    if (line.p[0] == '#')
        return cf_directive(p, line);
    if (!p->has_header) {
        size_t count = count_columns(line);

        if (count == 0)
            return parser_fail(
                base,
                "no #Fields line came before, and CloudFront never wrote this number "
                "of columns",
                line.n);
        n = count < n ? count : n;
    }
    return cf_row(p, line, n, hit);
}

static int cf_format_init(struct format *base, struct str argument, struct buf *why)
{
    (void)base, (void)argument, (void)why; /* nothing to compile: the files describe themselves */
    return 0;
}

static void cf_format_release(struct format *base)
{
    (void)base;
}

static bool cf_is_fast(const struct format *base)
{
    (void)base;
    return true;
}

static int cf_parser_init(struct parser *base)
{
    cf_reset(base);
    return 0;
}

static void cf_parser_release(struct parser *base)
{
    (void)base;
}

const struct format_family format_cloudfront_family = {
    .directives = true,
    .format_size = sizeof(struct format),
    .parser_size = sizeof(struct cf_parser),
    .format_init = cf_format_init,
    .format_release = cf_format_release,
    .is_fast = cf_is_fast,
    .parser_init = cf_parser_init,
    .parser_release = cf_parser_release,
    .parser_reset = cf_reset,
    .line = cf_line,
};
