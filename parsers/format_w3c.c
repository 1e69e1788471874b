/*
 * format_w3c.c - rows of columns, named by the most recent #Fields line or by the configuration:
 * CloudFront's standard logs (legacy and v2) and real-time logs, those of IIS, and Zeek's http.log.
 * Sources: Amazon CloudFront Developer Guide, "Standard logs (access logs)" and "Real-time access
 * logs"; Microsoft, "W3C Extended Log File Format"; docs.zeek.org, "Zeek Log Formats".
 *
 * Files joined with cat or zcat hold header lines in their middle, IIS writes them anew when it
 * starts, and files of other years hold other columns. Rows before any header of CloudFront's
 * legacy logs are read by their number of columns, since columns were only ever appended to. The
 * cookie column is never looked at.
 */
#include "parsers/fields.h"
#include "parsers/format_impl.h"
#include "parsers/verdict.h"
#include "parsers/w3c_columns.h"
#include "parsers/w3c_iis.h"

#include "parsers/base/json.h"
#include "parsers/base/time.h"
#include "parsers/base/zone.h"

#include <stdlib.h>

/* The columns of a file without header, oldest first; at each of these counts a file may stop. */
static const char all_columns[] =
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header "
    "cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
    "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "
    "time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start "
    "sc-range-end";
static const unsigned char known_counts[] = {12, 15, 18, 19, 23, 24, 26, 33};
#define ZEEK_FRONT                                                                                 \
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p trans_depth method host uri referrer "
#define ZEEK_ANSWER "request_body_len response_body_len status_code status_msg info_code info_msg "
#define ZEEK_BACK                                                                                  \
    "tags username password proxied orig_fuids orig_filenames orig_mime_types resp_fuids "         \
    "resp_filenames resp_mime_types"
static const char zeek_columns[] = ZEEK_FRONT "version user_agent origin " ZEEK_ANSWER ZEEK_BACK;
/* A row without header, by its number of columns: of now, of before 3.0, of Bro 2.4 and before. */
static const struct {
    size_t n;
    const char *columns;
} zeek_rows[] = {
    {30, zeek_columns},
    {29, ZEEK_FRONT "version user_agent " ZEEK_ANSWER ZEEK_BACK},
    {27, ZEEK_FRONT "user_agent " ZEEK_ANSWER
                    "filename tags username password proxied orig_fuids orig_mime_types resp_fuids "
                    "resp_mime_types"},
};
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

struct w3c_parser {
    struct parser base;
    struct w3c_columns columns;
    bool has_header;
    char date[10]; /* of the #Date line, for rows with a time alone */
    /* Many rows in a row have one time: the last text and what it meant. */
    char time_text[18];
    int64_t time_ms;
    struct field_times stamps;
};

static void w3c_reset(struct parser *base)
{
    struct w3c_parser *p = (struct w3c_parser *)base;

    const struct w3c_format *f = (const struct w3c_format *)base->format;

    p->has_header = base->format->row->variant == W3C_OWN && str_is_set(f->columns);
    w3c_columns_set(&p->columns, f->columns);
    p->date[0] = '\0';
}

static enum parse_result w3c_directive(struct w3c_parser *p, struct str line)
{
    bool zeek = p->base.format->row->variant == W3C_ZEEK;

    if (str_starts_nocase(line, zeek ? STR("#separator ") : STR("#Version:"))) {
        w3c_reset(&p->base); /* another file begins */
    } else if (str_starts_nocase(line, zeek ? STR("#fields\t") : STR("#Fields:"))) {
        w3c_columns_set(&p->columns, str_slice(line, 8, line.n));
        p->has_header = true;
    } else if (str_starts_nocase(line, STR("#Date: ")) && line.n >= 17) {
        memcpy(p->date, line.p + 7, sizeof(p->date));
    }
    return PARSE_DIRECTIVE;
}

/* Up to version 5, IIS wrote the date in the header alone unless told otherwise. */
static bool has_time_alone(const struct w3c_parser *p)
{
    return p->base.format->row->variant == W3C_IIS && p->columns.named[COLUMN_TIME] &&
           !p->columns.named[COLUMN_DATE] && p->date[0];
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

/* The column that the time of a row is in; of date and time, the date. */
static enum w3c_column time_column(const struct w3c_parser *p)
{
    const struct w3c_columns *c = &p->columns;

    if (c->named[COLUMN_TIMESTAMP])
        return COLUMN_TIMESTAMP;
    if (c->named[COLUMN_STAMP])
        return COLUMN_STAMP;
    if ((c->named[COLUMN_DATE] && c->named[COLUMN_TIME]) || has_time_alone(p))
        return COLUMN_DATE;
    return c->named[COLUMN_LOCAL_DATE] && c->named[COLUMN_LOCAL_TIME] ? COLUMN_LOCAL_DATE
                                                                      : COLUMN_OTHER;
}

static struct str time_beside(enum w3c_column date, const struct str *field)
{
    return field[date == COLUMN_DATE ? COLUMN_TIME : COLUMN_LOCAL_TIME];
}

static bool is_date(enum w3c_column c)
{
    return c == COLUMN_DATE || c == COLUMN_LOCAL_DATE;
}

/* Every hit needs these, whether or not the row is long enough. */
static const char *missing_column(const struct w3c_parser *p, const struct str *field)
{
    const struct w3c_columns *c = &p->columns;
    enum w3c_column when = time_column(p);
    bool iis = p->base.format->row->variant == W3C_IIS;
    enum w3c_column what = c->named[COLUMN_STEM] || !iis ? COLUMN_STEM : COLUMN_URI;

    if (when == COLUMN_OTHER)
        return "the #Fields line names neither date and time nor timestamp(ms) nor timestamp";
    if (!c->named[what])
        return "the #Fields line does not name cs-uri-stem";
    if (!field[when].p || (is_date(when) && !time_beside(when, field).p))
        return "the row ends before its time";
    if (!field[what].p)
        return "the row ends before cs-uri-stem";
    if (c->named[COLUMN_METHOD] && !field[COLUMN_METHOD].p)
        return "the row ends before cs-method";
    if (c->named[COLUMN_STATUS] && !field[COLUMN_STATUS].p)
        return "the row ends before sc-status";
    return NULL;
}

/* The fraction that some write behind the seconds: ".363". */
static bool take_fraction(struct str text, int64_t *ms)
{
    uint64_t value;

    if (text.n == 0)
        return true;
    if (text.n != 4 || text.p[0] != '.' || !str_to_u64(str_slice(text, 1, 4), 999, &value))
        return false;
    *ms += (int64_t)value;
    return true;
}

static bool date_and_time(struct w3c_parser *p, struct str date, struct str time, bool local,
                          int64_t *ms)
{
    if (date.n != 10 || time.n < 8)
        return false;
    if (memcmp(time.p, p->time_text + 10, 8) != 0 || memcmp(date.p, p->time_text, 10) != 0) {
        if (!time_parse_w3c(date, str_slice(time, 0, 8), &p->time_ms))
            return false;
        if (local)
            p->time_ms = zone_to_utc_ms(p->base.format->zone, p->time_ms / 1000);
        memcpy(p->time_text, date.p, 10);
        memcpy(p->time_text + 10, time.p, 8);
    }
    *ms = p->time_ms;
    return take_fraction(str_slice(time, 8, time.n), ms);
}

static bool w3c_time(struct w3c_parser *p, enum w3c_column when, const struct str *field,
                     int64_t *ms)
{
    uint64_t stamp;

    if (when == COLUMN_STAMP)
        return field_time(&p->stamps, field[when], ms);
    if (is_date(when))
        return date_and_time(p, field[when], time_beside(when, field), when == COLUMN_LOCAL_DATE,
                             ms);
    if (!str_to_u64(field[when], (uint64_t)253402300799999, &stamp)) /* year 9999 */
        return false;
    *ms = (int64_t)stamp;
    return true;
}

/* The columns that are no text. */
static enum parse_result read_numbers(struct w3c_parser *p, struct str line,
                                      const struct str *field, struct hit *hit)
{
    enum w3c_column when = time_column(p), bad = COLUMN_OTHER;
    const char *why = "";
    bool iis = p->base.format->row->variant == W3C_IIS;

    if (!w3c_time(p, when, field, &hit->time_ms)) {
        bad = has_time_alone(p) ? COLUMN_TIME : when;
        why = is_date(when) ? "date and time are not YYYY-MM-DD and HH:MM:SS, or do not exist"
                            : "this is no time since 1970";
    } else if (!decode_status(field[COLUMN_STATUS], &hit->status)) {
        bad = COLUMN_STATUS;
        why = "sc-status is no status";
    } else if (!decode_count(field[COLUMN_BYTES], &hit->bytes)) {
        bad = COLUMN_BYTES;
        why = "sc-bytes is no number";
    } else if (iis ? !decode_count(field[COLUMN_TIME_TAKEN], &hit->duration_ms)
                   : !decode_seconds(field[COLUMN_TIME_TAKEN], &hit->duration_ms)) {
        bad = COLUMN_TIME_TAKEN;
        why = "time-taken is no number of seconds (IIS: of milliseconds)";
    }
    if (bad == COLUMN_OTHER)
        return PARSE_OK;
    return parser_fail(&p->base, why, (size_t)(field[bad].p - line.p));
}

/* `with_query`: as in real-time logs, where cs-uri-stem holds the query too. */
static void read_request(struct decode_scratch *s, const struct str *field, bool with_query,
                         struct hit *hit)
{
    struct str path = decode_percent(s, decode_missing(field[COLUMN_STEM]));

    hit->method = decode_missing(field[COLUMN_METHOD]);
    if (path.n > 0 && path.p[0] == '/') {
        hit->path = path;
        hit->query = decode_missing(decode_percent(s, field[COLUMN_QUERY]));
        if (with_query && memchr(path.p, '?', path.n)) {
            struct str query = hit->query;
            decode_target(s, path, hit);
            hit->query = str_is_set(query) ? query : hit->query;
        }
    } else if (str_is_set(path)) {
        hit->bad_request_line = true;
    }
    hit->scheme = decode_scheme(s, field[COLUMN_PROTOCOL]);
}

static struct str host_of(const struct w3c_parser *p, const struct str *field)
{
    bool host_column =
        p->has_header ? p->columns.named[COLUMN_HOST] : str_is_set(field[COLUMN_HOST]);

    if (p->columns.named[COLUMN_VIEWER_HOST])
        return field[COLUMN_VIEWER_HOST];
    return field[host_column ? COLUMN_HOST : COLUMN_DISTRIBUTION];
}

/* cs-uri, whole or without its scheme: its path, while scheme and host go into the hit. */
static struct str take_uri(struct decode_scratch *s, struct str uri, struct hit *hit)
{
    ptrdiff_t scheme = str_find(uri, STR("://"), 0);
    ptrdiff_t slash = str_chr(uri, '/', scheme < 0 ? 0 : (size_t)scheme + 3);

    if (slash > 0) {
        size_t host = scheme < 0 ? 0 : (size_t)scheme + 3;

        if (scheme > 0)
            hit->scheme = decode_scheme(s, str_slice(uri, 0, (size_t)scheme));
        if (!str_is_set(hit->host))
            hit->host = decode_host(s, str_slice(uri, host, (size_t)slash));
        uri = str_slice(uri, (size_t)slash, uri.n);
    }
    return uri;
}

/* A user agent with blanks in it was in quotes, and its '+' are its own. */
static struct str iis_agent(struct decode_scratch *s, struct str text)
{
    return str_chr(text, ' ', 0) >= 0 ? text : decode_plus(s, text);
}

/* IIS: nothing is percent-encoded by it, blanks of user agents are '+', an IPv6 address may have
 * its zone behind it. */
static void iis_texts(struct decode_scratch *s, const struct str *field, struct hit *hit)
{
    struct str path = decode_missing(field[COLUMN_STEM]), port = field[COLUMN_PORT];
    const char *zone;

    hit->method = decode_missing(field[COLUMN_METHOD]);
    if (!str_is_set(path))
        path = take_uri(s, decode_missing(field[COLUMN_URI]), hit);
    if (str_starts(path, STR("/"))) {
        hit->path = path;
        hit->query = decode_missing(field[COLUMN_QUERY]);
    } else if (str_is_set(path)) {
        hit->bad_request_line = true;
    }
    if (str_eq(port, STR("443")))
        hit->scheme = decode_copy(s, STR("https"));
    else if (str_eq(port, STR("80")))
        hit->scheme = decode_copy(s, STR("http"));
    zone = hit->client_ip.n > 0 ? memchr(hit->client_ip.p, '%', hit->client_ip.n) : NULL;
    if (zone && zone > hit->client_ip.p)
        hit->client_ip =
            decode_missing((struct str){hit->client_ip.p, (size_t)(zone - hit->client_ip.p)});
    hit->remote_user = decode_missing(field[COLUMN_USER]);
    hit->referrer = decode_missing(field[COLUMN_REFERRER]);
    hit->user_agent = decode_missing(iis_agent(s, field[COLUMN_USER_AGENT]));
    hit->forwarded_for = decode_missing(decode_plus(s, field[COLUMN_FORWARDED_FOR]));
}

/* Zeek: bytes that could end a column, or are no ASCII, are \xHH; of a set the first counts. */
static void zeek_texts(struct decode_scratch *s, struct str *field, struct hit *hit)
{
    struct str target = decode_missing(decode_nginx(s, field[COLUMN_STEM]));
    struct str type = str_cut(&field[COLUMN_CONTENT_TYPE], ',');

    hit->method = decode_missing(field[COLUMN_METHOD]);
    if (str_is_set(target))
        decode_target(s, target, hit);
    hit->remote_user = decode_missing(decode_nginx(s, field[COLUMN_USER]));
    hit->referrer = decode_missing(decode_nginx(s, field[COLUMN_REFERRER]));
    hit->user_agent = decode_missing(decode_nginx(s, field[COLUMN_USER_AGENT]));
    hit->content_type = str_eq(type, STR("(empty)")) ? STR_NONE : decode_missing(type);
}

/* Without those at the end. */
static size_t count_blanks(struct str line)
{
    size_t n = 0;

    while (line.n > 0 && line.p[line.n - 1] == ' ')
        line.n--;
    for (size_t i = 0; i < line.n; i++)
        n += line.p[i] == ' ';
    return n;
}

/* IIS writes no blanks into a column; its Advanced Logging module and what writes like it put such
 * columns in quotes, which IIS itself does not know. */
static bool split_iis(const struct w3c_columns *c, struct str line, struct str *field)
{
    if (memchr(line.p, '"', line.n) && w3c_columns_split_quoted(c, line, field))
        return true;
    if (count_blanks(line) >= c->total && c->total < W3C_COLUMNS_MAX)
        return false;
    w3c_columns_split(c, line, c->n, field);
    return true;
}

/* Where a row ends too early: at its beginning, when it is no row of columns at all. */
static size_t end_of(const struct w3c_parser *p, struct str line)
{
    return memchr(line.p, p->columns.delimiter, line.n) ? line.n : 0;
}

static enum parse_result w3c_row(struct w3c_parser *p, struct str line, size_t n, struct hit *hit)
{
    struct decode_scratch *s = &p->base.scratch;
    struct str field[W3C_COLUMNS];
    const char *missing;

    if (p->base.format->row->variant != W3C_IIS)
        w3c_columns_split(&p->columns, line, n, field);
    else if (!split_iis(&p->columns, line, field))
        return parser_fail(&p->base, "the row has more columns than the #Fields line names",
                           line.n);
    if (has_time_alone(p))
        field[COLUMN_DATE] = (struct str){p->date, sizeof(p->date)};
    missing = missing_column(p, field);
    if (missing)
        return parser_fail(&p->base, missing, end_of(p, line));
    if (read_numbers(p, line, field, hit) != PARSE_OK)
        return PARSE_BAD;
    hit->host = decode_host(s, host_of(p, field));
    hit->client_ip = decode_missing(field[COLUMN_CLIENT]);
    hit->protocol = decode_missing(field[COLUMN_VERSION]);
    hit->request_id = decode_missing(field[COLUMN_REQUEST_ID]);
    if (p->base.format->row->variant == W3C_IIS) {
        iis_texts(s, field, hit);
        return PARSE_OK;
    }
    if (p->base.format->row->variant == W3C_ZEEK) {
        zeek_texts(s, field, hit);
        return PARSE_OK;
    }
    read_request(s, field, p->columns.named[COLUMN_VIEWER_HOST], hit);
    hit->cdn_result = decode_missing(field[COLUMN_RESULT]);
    hit->referrer = decode_missing(decode_percent(s, field[COLUMN_REFERRER]));
    hit->user_agent = decode_missing(decode_percent_user_agent(s, field[COLUMN_USER_AGENT]));
    hit->content_type = decode_missing(decode_percent(s, field[COLUMN_CONTENT_TYPE]));
    hit->forwarded_for = decode_missing(decode_percent(s, field[COLUMN_FORWARDED_FOR]));
    hit->range = decode_missing(field[COLUMN_RANGE_START]);
    return PARSE_OK;
}

static const char no_header[] = "no #Fields line came before, which names the columns";

static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.n > 0;
}

static bool is_address(struct str s)
{
    unsigned char bytes[16];

    return address_parse(s, bytes);
}

/* The row of the columns that are set, while they hold what they should. */
static bool is_row_of_iis(struct w3c_parser *p, struct str line, struct hit *hit)
{
    *hit = hit_nothing();
    decode_scratch_retry(&p->base.scratch);
    return w3c_row(p, line, p->columns.n, hit) == PARSE_OK && is_method(hit->method) &&
           hit->status >= 100 && is_address(hit->client_ip);
}

/* A row of a number of columns that IIS is known to write, or of which columns can be told. */
static enum parse_result iis_without_header(struct w3c_parser *p, struct str line, struct hit *hit)
{
    if (w3c_columns_of_iis(&p->columns, count_blanks(line) + 1) && is_row_of_iis(p, line, hit))
        return PARSE_OK;
    bool good = w3c_iis_guess(&p->columns, line) && is_row_of_iis(p, line, hit);
    w3c_columns_set(&p->columns, STR_NONE);
    return good ? PARSE_OK : parser_fail(&p->base, no_header, 0);
}

static enum parse_result zeek_without_header(struct w3c_parser *p, struct str line, struct hit *hit)
{
    size_t n = 1;

    for (size_t i = 0; i < line.n; i++)
        n += line.p[i] == '\t';
    for (size_t i = 0; i < COUNT_OF(zeek_rows); i++) {
        if (zeek_rows[i].n != n)
            continue;
        if (p->columns.total != n)
            w3c_columns_set(&p->columns, str_of(zeek_rows[i].columns));
        if (w3c_row(p, line, p->columns.n, hit) == PARSE_OK && is_address(hit->client_ip))
            return PARSE_OK;
    }
    return parser_fail(&p->base, no_header, 0);
}

static enum parse_result w3c_line(struct parser *base, struct str line, struct hit *hit)
{
    struct w3c_parser *p = (struct w3c_parser *)base;
    size_t n = p->columns.n;

    if (line.p[0] == '#')
        return w3c_directive(p, line);
    if (!p->has_header && base->format->row->variant != W3C_REALTIME) {
        if (base->format->row->variant == W3C_IIS)
            return iis_without_header(p, line, hit);
        if (base->format->row->variant == W3C_ZEEK)
            return zeek_without_header(p, line, hit);
        if (base->format->row->variant != W3C_CLOUDFRONT)
            return parser_fail(base, no_header, 0);
        size_t count = count_columns(line);

        if (count == 0)
            return parser_fail(
                base,
                "no #Fields line came before, and CloudFront never wrote this number "
                "of columns",
                end_of(p, line));
        n = count < n ? count : n;
    }
    return w3c_row(p, line, n, hit);
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
    struct w3c_columns c;

    if (!str_is_set(f->columns))
        return 0;
    w3c_columns_init(&c, ' ');
    w3c_columns_set(&c, f->columns);
    if (c.named[COLUMN_STEM] && (c.named[COLUMN_TIMESTAMP] || c.named[COLUMN_STAMP] ||
                                 (c.named[COLUMN_DATE] && c.named[COLUMN_TIME])))
        return 0;
    buf_lit(why, "fields must name cs-uri-stem, and date and time, timestamp(ms) or timestamp");
    return -1;
}

static int w3c_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct w3c_format *f = (struct w3c_format *)base;
    struct json_reader r;
    struct buf scratch;

    bool server = base->row->variant == W3C_IIS || base->row->variant == W3C_ZEEK;

    base->cdn = server ? CDN_NONE : CDN_CLOUDFRONT;
    f->delimiter = base->row->variant == W3C_IIS ? ' ' : '\t';
    if (base->row->variant == W3C_CLOUDFRONT)
        f->columns = str_of(all_columns);
    else if (base->row->variant == W3C_REALTIME)
        f->columns = str_of(realtime_columns);
    else if (base->row->variant == W3C_ZEEK)
        f->columns = str_of(zeek_columns);
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

static unsigned columns_give(const struct w3c_columns *c, int variant)
{
    static const unsigned gives[W3C_COLUMNS] = {
        [COLUMN_METHOD] = HIT_BIT(METHOD),
        [COLUMN_STEM] = HIT_BIT(PATH),
        [COLUMN_STATUS] = HIT_BIT(STATUS),
        [COLUMN_QUERY] = HIT_BIT(QUERY),
        [COLUMN_CLIENT] = HIT_BIT(CLIENT_IP),
        [COLUMN_HOST] = HIT_BIT(HOST),
        [COLUMN_DISTRIBUTION] = HIT_BIT(HOST),
        [COLUMN_REFERRER] = HIT_BIT(REFERRER),
        [COLUMN_USER_AGENT] = HIT_BIT(USER_AGENT),
        [COLUMN_BYTES] = HIT_BIT(BYTES),
        [COLUMN_RESULT] = HIT_BIT(CDN_RESULT),
        [COLUMN_REQUEST_ID] = HIT_BIT(REQUEST_ID),
        [COLUMN_PROTOCOL] = HIT_BIT(SCHEME),
        [COLUMN_TIME_TAKEN] = HIT_BIT(DURATION),
        [COLUMN_FORWARDED_FOR] = HIT_BIT(FORWARDED_FOR),
        [COLUMN_VERSION] = HIT_BIT(PROTOCOL),
        [COLUMN_CONTENT_TYPE] = HIT_BIT(CONTENT_TYPE),
        [COLUMN_VIEWER_HOST] = HIT_BIT(HOST),
        [COLUMN_USER] = HIT_BIT(REMOTE_USER),
        [COLUMN_PORT] = HIT_BIT(SCHEME),
        [COLUMN_RANGE_START] = HIT_BIT(RANGE),
        [COLUMN_URI] = HIT_BIT(PATH) | HIT_BIT(HOST),
    };
    /* What one kind has columns for, and another has not. */
    const unsigned not_iis =
        HIT_BIT(CDN_RESULT) | HIT_BIT(CONTENT_TYPE) | HIT_BIT(RANGE) | HIT_BIT(REQUEST_ID);
    unsigned without = variant == W3C_IIS    ? not_iis
                       : variant == W3C_ZEEK ? 0
                                             : HIT_BIT(REMOTE_USER);
    unsigned fields = 0;

    for (size_t i = 0; i < W3C_COLUMNS; i++)
        if (c->named[i])
            fields |= gives[i];
    if (variant == W3C_ZEEK)
        fields |= HIT_BIT(QUERY); /* in the uri */
    return fields & ~without;
}

static void w3c_fields(const struct format *base, struct format_fields *fields)
{
    const struct w3c_format *f = (const struct w3c_format *)base;
    int variant = base->row->variant;
    struct w3c_columns c;

    w3c_columns_init(&c, ' ');
    if (variant != W3C_OWN && variant != W3C_IIS) {
        w3c_columns_set(&c, f->columns);
        fields->always |= columns_give(&c, variant);
        return;
    }
    for (size_t i = 0; i < W3C_COLUMNS; i++)
        c.named[i] = true;
    fields->maybe |= columns_give(&c, variant);
}

static void w3c_format_release(struct format *base)
{
    free(((struct w3c_format *)base)->own);
}

static int w3c_parser_init(struct parser *base)
{
    struct w3c_parser *p = (struct w3c_parser *)base;

    w3c_columns_init(&p->columns, ((const struct w3c_format *)base->format)->delimiter);
    w3c_reset(base);
    return 0;
}

const struct format_family format_w3c_family = {
    .directives = true,
    .format_size = sizeof(struct w3c_format),
    .parser_size = sizeof(struct w3c_parser),
    .format_init = w3c_format_init,
    .format_release = w3c_format_release,
    .fields = w3c_fields,
    .parser_init = w3c_parser_init,
    .parser_reset = w3c_reset,
    .line = w3c_line,
};
