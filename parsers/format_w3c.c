/*
 * format_w3c.c - rows of columns, named by the most recent #Fields line or by the configuration:
 * CloudFront's standard logs (legacy and v2) and real-time logs, and those of IIS. Sources: Amazon
 * CloudFront Developer Guide, "Standard logs (access logs)" and "Real-time access logs"; Microsoft,
 * "W3C Extended Log File Format".
 *
 * Files joined with cat or zcat hold header lines in their middle, IIS writes them anew when it
 * starts, and files of other years hold other columns. Rows before any header of CloudFront's
 * legacy logs are read by their number of columns, since columns were only ever appended to. The
 * cookie column is never looked at.
 */
#include "parsers/fields.h"
#include "parsers/format_impl.h"

#include "parsers/base/json.h"
#include "parsers/base/time.h"

#include <stdlib.h>

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
    CF_VIEWER_HOST, /* real-time logs and IIS: the Host header; x-host-header is not */
    CF_STAMP,       /* since 1970, with a fraction */
    CF_USER,
    CF_PORT, /* of the server */
    CF_RANGE_START,
    CF_COLUMNS,
};

static const struct {
    struct str text;
    enum cf_column column;
} names[] = {
    {{"date", 4}, CF_DATE},
    {{"time", 4}, CF_TIME},
    {{"timestamp(ms)", 13}, CF_TIMESTAMP},
    {{"cs-method", 9}, CF_METHOD},
    {{"cs-uri-stem", 11}, CF_STEM},
    {{"sc-status", 9}, CF_STATUS},
    {{"cs-uri-query", 12}, CF_QUERY},
    {{"c-ip", 4}, CF_CLIENT},
    {{"x-host-header", 13}, CF_HOST},
    {{"cs(Host)", 8}, CF_DISTRIBUTION},
    {{"cs(Referer)", 11}, CF_REFERRER},
    {{"cs(User-Agent)", 14}, CF_USER_AGENT},
    {{"sc-bytes", 8}, CF_BYTES},
    {{"x-edge-result-type", 18}, CF_RESULT},
    {{"x-edge-request-id", 17}, CF_REQUEST_ID},
    {{"cs-protocol", 11}, CF_PROTOCOL},
    {{"time-taken", 10}, CF_TIME_TAKEN},
    {{"x-forwarded-for", 15}, CF_FORWARDED_FOR},
    {{"cs-protocol-version", 19}, CF_VERSION},
    {{"sc-content-type", 15}, CF_CONTENT_TYPE},
    {{"cs-host", 7}, CF_VIEWER_HOST},
    {{"timestamp", 9}, CF_STAMP},
    {{"cs-user-agent", 13}, CF_USER_AGENT},
    {{"cs-referer", 10}, CF_REFERRER},
    {{"cs-version", 10}, CF_VERSION},
    {{"cs-username", 11}, CF_USER},
    {{"s-port", 6}, CF_PORT},
    {{"sc-range-start", 14}, CF_RANGE_START},
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
static const char realtime_columns[] =
    "timestamp c-ip time-to-first-byte sc-status sc-bytes cs-method cs-protocol cs-host "
    "cs-uri-stem "
    "cs-bytes x-edge-location x-edge-request-id x-host-header time-taken cs-protocol-version "
    "c-ip-version cs-user-agent cs-referer cs-cookie cs-uri-query x-edge-response-result-type "
    "x-forwarded-for ssl-protocol ssl-cipher x-edge-result-type fle-encrypted-fields fle-status "
    "sc-content-type sc-content-len sc-range-start sc-range-end c-port x-edge-detailed-result-type "
    "c-country cs-accept-encoding cs-accept cache-behavior-path-pattern cs-headers cs-header-names "
    "cs-headers-count origin-fbl origin-lbl asn";

struct w3c_format {
    struct format base;
    char delimiter;
    struct str columns; /* before any #Fields line; STR_NONE: there are none */
    char *own;          /* those of the configuration */
};

struct cf_parser {
    struct parser base;
    unsigned char columns[CF_COLUMNS_MAX]; /* enum cf_column, by position */
    size_t n;                              /* up to the last column that is of use */
    bool named[CF_COLUMNS];
    bool has_header;
    char delimiter;
    uint64_t delimiters; /* eight of it */
    /* Many rows in a row have one time: the last text and what it meant. */
    char time_text[18];
    int64_t time_ms;
    struct field_times stamps;
};

static enum cf_column find_column(struct str name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq_nocase(name, names[i].text))
            return names[i].column;
    }
    return CF_OTHER;
}

static bool parts_names(const struct cf_parser *p, char c)
{
    return c == ' ' || c == '\t' || c == p->delimiter;
}

/* `list`: names with spaces, tabs or the delimiter between. The first of two equal names counts. */
static void set_columns(struct cf_parser *p, struct str list)
{
    size_t position = 0, at = 0;

    memset(p->named, 0, sizeof(p->named));
    p->n = 0;
    while (at < list.n && position < CF_COLUMNS_MAX) {
        size_t from = at;
        enum cf_column c;

        while (at < list.n && !parts_names(p, list.p[at]))
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

    const struct w3c_format *f = (const struct w3c_format *)base->format;

    p->has_header = base->format->row->variant == W3C_OWN && str_is_set(f->columns);
    set_columns(p, f->columns);
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

/* The high bit of each byte of `word` that is in `wanted`, which holds one byte eight times. */
static inline uint64_t find_in(uint64_t word, uint64_t wanted)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);

    word ^= wanted;
    return ~(((word & low7) + low7) | word | low7);
}

/* Half of the work on a row is to find its delimiters, so this looks at eight bytes at a time. */
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
        for (found = find_in(le64toh(word), p->delimiters); found && column < n;
             found &= found - 1) {
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
    enum cf_column stamp = p->named[CF_STAMP] ? CF_STAMP : CF_TIMESTAMP;

    if (!p->named[stamp] && !(p->named[CF_DATE] && p->named[CF_TIME]))
        return "the #Fields line names neither date and time nor timestamp(ms) nor timestamp";
    if (!p->named[CF_STEM])
        return "the #Fields line does not name cs-uri-stem";
    if (p->named[stamp] ? !field[stamp].p : !field[CF_DATE].p || !field[CF_TIME].p)
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
    if (p->named[CF_STAMP])
        return field_time(&p->stamps, field[CF_STAMP], ms);
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
    bool iis = p->base.format->row->variant == W3C_IIS;

    if (!cf_time(p, field, &hit->time_ms)) {
        bad = p->named[CF_TIMESTAMP] ? CF_TIMESTAMP : p->named[CF_STAMP] ? CF_STAMP : CF_DATE;
        why = bad == CF_DATE ? "date and time are not YYYY-MM-DD and HH:MM:SS, or do not exist"
                             : "this is no time since 1970";
    } else if (!decode_status(field[CF_STATUS], &hit->status)) {
        bad = CF_STATUS;
        why = "sc-status is no status";
    } else if (!decode_count(field[CF_BYTES], &hit->bytes)) {
        bad = CF_BYTES;
        why = "sc-bytes is no number";
    } else if (iis ? !decode_count(field[CF_TIME_TAKEN], &hit->duration_ms)
                   : !decode_seconds(field[CF_TIME_TAKEN], &hit->duration_ms)) {
        bad = CF_TIME_TAKEN;
        why = "time-taken is no number of seconds (IIS: of milliseconds)";
    }
    if (bad == CF_OTHER)
        return PARSE_OK;
    return parser_fail(&p->base, why, (size_t)(field[bad].p - line.p));
}

/* `with_query`: as in real-time logs, where cs-uri-stem holds the query too. */
static void read_request(struct decode_scratch *s, const struct str *field, bool with_query,
                         struct hit *hit)
{
    struct str path = decode_percent(s, decode_missing(field[CF_STEM]));
    struct str protocol = field[CF_PROTOCOL];

    hit->method = decode_missing(field[CF_METHOD]);
    if (path.n > 0 && path.p[0] == '/') {
        hit->path = path;
        hit->query = decode_missing(decode_percent(s, field[CF_QUERY]));
        if (with_query && memchr(path.p, '?', path.n)) {
            struct str query = hit->query;
            decode_target(s, path, hit);
            hit->query = str_is_set(query) ? query : hit->query;
        }
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

static struct str host_of(const struct cf_parser *p, const struct str *field)
{
    bool host_column = p->has_header ? p->named[CF_HOST] : str_is_set(field[CF_HOST]);

    if (p->named[CF_VIEWER_HOST])
        return field[CF_VIEWER_HOST];
    return field[host_column ? CF_HOST : CF_DISTRIBUTION];
}

/* IIS: nothing is percent-encoded by it, blanks of user agents are '+', an IPv6 address may have
 * its zone behind it. */
static void iis_texts(struct decode_scratch *s, const struct str *field, struct hit *hit)
{
    struct str path = decode_missing(field[CF_STEM]), port = field[CF_PORT];
    const char *zone;

    hit->method = decode_missing(field[CF_METHOD]);
    if (path.n > 0 && path.p[0] == '/') {
        hit->path = path;
        hit->query = decode_missing(field[CF_QUERY]);
    } else if (str_is_set(path)) {
        hit->bad_request_line = true;
    }
    if (str_eq(port, STR("443")))
        hit->scheme = decode_copy(s, STR("https"));
    else if (str_eq(port, STR("80")))
        hit->scheme = decode_copy(s, STR("http"));
    zone = hit->client_ip.n > 0 ? memchr(hit->client_ip.p, '%', hit->client_ip.n) : NULL;
    if (zone && zone > hit->client_ip.p)
        hit->client_ip.n = (size_t)(zone - hit->client_ip.p);
    hit->remote_user = decode_missing(field[CF_USER]);
    hit->referrer = decode_missing(field[CF_REFERRER]);
    hit->user_agent = decode_missing(decode_plus(s, field[CF_USER_AGENT]));
    hit->forwarded_for = decode_missing(decode_plus(s, field[CF_FORWARDED_FOR]));
}

static enum parse_result cf_row(struct cf_parser *p, struct str line, size_t n, struct hit *hit)
{
    struct decode_scratch *s = &p->base.scratch;
    struct str field[CF_COLUMNS];
    const char *missing;

    split(p, line, n, field);
    missing = missing_column(p, field);
    if (missing)
        return parser_fail(&p->base, missing, line.n);
    if (read_numbers(p, line, field, hit) != PARSE_OK)
        return PARSE_BAD;
    hit->host = decode_host(s, host_of(p, field));
    hit->client_ip = decode_missing(field[CF_CLIENT]);
    hit->protocol = decode_missing(field[CF_VERSION]);
    hit->request_id = decode_missing(field[CF_REQUEST_ID]);
    if (p->base.format->row->variant == W3C_IIS) {
        iis_texts(s, field, hit);
        return PARSE_OK;
    }
    read_request(s, field, p->named[CF_VIEWER_HOST], hit);
    hit->cdn_result = decode_missing(field[CF_RESULT]);
    hit->referrer = decode_missing(decode_percent(s, field[CF_REFERRER]));
    hit->user_agent = decode_missing(decode_percent_user_agent(s, field[CF_USER_AGENT]));
    hit->content_type = decode_missing(decode_percent(s, field[CF_CONTENT_TYPE]));
    hit->forwarded_for = decode_missing(decode_percent(s, field[CF_FORWARDED_FOR]));
    hit->range = decode_missing(field[CF_RANGE_START]);
    return PARSE_OK;
}

static enum parse_result cf_line(struct parser *base, struct str line, struct hit *hit)
{
    struct cf_parser *p = (struct cf_parser *)base;
    size_t n = p->n;

    if (line.p[0] == '#')
        return cf_directive(p, line);
    if (!p->has_header && base->format->row->variant != W3C_REALTIME) {
        if (base->format->row->variant != W3C_CLOUDFRONT)
            return parser_fail(base, "no #Fields line came before, which names the columns", 0);
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

/* ---- columns of the configuration --------------------------------------------------------------
 */

static bool take_columns(struct w3c_format *f, struct json_reader *r, struct buf *why)
{
    enum json_event event = json_next(r);
    char *to = f->own;

    if (event != JSON_ARRAY)
        return false;
    while ((event = json_next(r)) == JSON_STRING) {
        if (r->text.n == 0 || memchr(r->text.p, ' ', r->text.n)) {
            buf_lit(why, "the name of a column is empty, or holds a blank");
            return false;
        }
        memcpy(to, r->text.p, r->text.n);
        to += r->text.n;
        *to++ = ' ';
    }
    f->columns = (struct str){f->own, (size_t)(to - f->own)};
    return event == JSON_ARRAY_END;
}

static bool take_delimiter(struct w3c_format *f, struct json_reader *r, struct buf *why)
{
    if (json_next(r) != JSON_STRING)
        return false;
    if (str_eq(r->text, STR("\\t"))) {
        f->delimiter = '\t';
        return true;
    }
    if (r->text.n != 1 || ascii_alnum(r->text.p[0]) || r->text.p[0] == '\n' ||
        r->text.p[0] == '#') {
        buf_lit(why, "delimiter is one byte, and no letter or digit");
        return false;
    }
    f->delimiter = r->text.p[0];
    return true;
}

static bool own_columns(struct w3c_format *f, struct json_reader *r, struct buf *why)
{
    enum json_event event = json_next(r);

    if (event != JSON_OBJECT)
        return false;
    while ((event = json_next(r)) == JSON_KEY) {
        if (str_eq(r->text, STR("fields"))) {
            if (!take_columns(f, r, why))
                return false;
        } else if (str_eq(r->text, STR("delimiter"))) {
            if (!take_delimiter(f, r, why))
                return false;
        } else {
            buf_lit(why, "w3c: has the keys fields and delimiter, and no other");
            return false;
        }
    }
    return event == JSON_OBJECT_END && json_next(r) == JSON_END;
}

/* The columns of the configuration must make a hit. */
static int check_columns(const struct w3c_format *f, struct buf *why)
{
    struct cf_parser p = {.base.format = &f->base, .delimiter = ' '};

    if (!str_is_set(f->columns))
        return 0;
    set_columns(&p, f->columns);
    if (p.named[CF_STEM] &&
        (p.named[CF_TIMESTAMP] || p.named[CF_STAMP] || (p.named[CF_DATE] && p.named[CF_TIME])))
        return 0;
    buf_lit(why, "fields must name cs-uri-stem, and date and time, timestamp(ms) or timestamp");
    return -1;
}

static int cf_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct w3c_format *f = (struct w3c_format *)base;
    struct json_reader r;
    struct buf scratch;

    f->delimiter = base->row->variant == W3C_IIS ? ' ' : '\t';
    if (base->row->variant == W3C_CLOUDFRONT)
        f->columns = str_of(all_columns);
    else if (base->row->variant == W3C_REALTIME)
        f->columns = str_of(realtime_columns);
    if (base->row->variant != W3C_OWN)
        return 0;
    f->own = malloc(argument.n + 1);
    if (!f->own) {
        buf_lit(why, "out of memory");
        return -1;
    }
    buf_init(&scratch, argument.n + 1);
    json_reader_init(&r, argument, &scratch);
    bool good = own_columns(f, &r, why);
    if (!good && why->n == 0)
        buf_printf(
            why,
            "w3c: takes w3c:{\"fields\":[\"date\",\"time\",…],\"delimiter\":\"\\t\"}; at byte "
            "%zu of it: %s",
            r.at, r.error ? r.error : "this is no map");
    buf_release(&scratch);
    return good ? check_columns(f, why) : -1;
}

static void cf_format_release(struct format *base)
{
    free(((struct w3c_format *)base)->own);
}

static bool cf_is_fast(const struct format *base)
{
    (void)base;
    return true;
}

static int cf_parser_init(struct parser *base)
{
    struct cf_parser *p = (struct cf_parser *)base;

    p->delimiter = ((const struct w3c_format *)base->format)->delimiter;
    p->delimiters = (unsigned char)p->delimiter * UINT64_C(0x0101010101010101);
    cf_reset(base);
    return 0;
}

static void cf_parser_release(struct parser *base)
{
    (void)base;
}

const struct format_family format_w3c_family = {
    .directives = true,
    .format_size = sizeof(struct w3c_format),
    .parser_size = sizeof(struct cf_parser),
    .format_init = cf_format_init,
    .format_release = cf_format_release,
    .is_fast = cf_is_fast,
    .parser_init = cf_parser_init,
    .parser_release = cf_parser_release,
    .parser_reset = cf_reset,
    .line = cf_line,
};
