/* fields.c - see fields.h. */
#include "parsers/fields.h"

#include "parsers/base/time.h"
#include "parsers/base/zone.h"

#define YEAR_9999_MS INT64_C(253402300799999)

static const char *const names[FIELDS_NAMED] = {
    [FIELD_TIME] = "time",
    [FIELD_DATE] = "date",
    [FIELD_CLIENT_IP] = "client_ip",
    [FIELD_METHOD] = "method",
    [FIELD_SCHEME] = "scheme",
    [FIELD_HOST] = "host",
    [FIELD_PATH] = "path",
    [FIELD_QUERY] = "query",
    [FIELD_TARGET] = "target",
    [FIELD_REQUEST] = "request",
    [FIELD_PROTOCOL] = "protocol",
    [FIELD_STATUS] = "status",
    [FIELD_BYTES] = "bytes",
    [FIELD_DURATION_S] = "duration_s",
    [FIELD_DURATION_MS] = "duration_ms",
    [FIELD_DURATION_US] = "duration_us",
    [FIELD_DURATION_NS] = "duration_ns",
    [FIELD_REFERRER] = "referrer",
    [FIELD_USER_AGENT] = "user_agent",
    [FIELD_CONTENT_TYPE] = "content_type",
    [FIELD_REQUEST_ID] = "request_id",
    [FIELD_REMOTE_USER] = "remote_user",
    [FIELD_FORWARDED_FOR] = "forwarded_for",
    [FIELD_FORWARDED] = "forwarded",
    [FIELD_RANGE] = "range",
    [FIELD_DISPOSITION] = "disposition",
    [FIELD_PURPOSE] = "purpose",
    [FIELD_CDN_RESULT] = "cdn_result",
};

static const unsigned gives[FIELDS] = {
    [FIELD_TIME] = HIT_BIT(TIME),
    [FIELD_CLIENT_IP] = HIT_BIT(CLIENT_IP),
    [FIELD_METHOD] = HIT_BIT(METHOD),
    [FIELD_SCHEME] = HIT_BIT(SCHEME),
    [FIELD_HOST] = HIT_BIT(HOST),
    [FIELD_PATH] = HIT_BIT(PATH),
    [FIELD_QUERY] = HIT_BIT(QUERY),
    [FIELD_TARGET] = HIT_BIT(PATH) | HIT_BIT(QUERY),
    [FIELD_REQUEST] = HIT_BIT(METHOD) | HIT_BIT(PATH) | HIT_BIT(QUERY) | HIT_BIT(PROTOCOL),
    [FIELD_PROTOCOL] = HIT_BIT(PROTOCOL),
    [FIELD_STATUS] = HIT_BIT(STATUS),
    [FIELD_BYTES] = HIT_BIT(BYTES),
    [FIELD_DURATION_S] = HIT_BIT(DURATION),
    [FIELD_DURATION_MS] = HIT_BIT(DURATION),
    [FIELD_DURATION_US] = HIT_BIT(DURATION),
    [FIELD_DURATION_NS] = HIT_BIT(DURATION),
    [FIELD_REFERRER] = HIT_BIT(REFERRER),
    [FIELD_USER_AGENT] = HIT_BIT(USER_AGENT),
    [FIELD_CONTENT_TYPE] = HIT_BIT(CONTENT_TYPE),
    [FIELD_REQUEST_ID] = HIT_BIT(REQUEST_ID),
    [FIELD_REMOTE_USER] = HIT_BIT(REMOTE_USER),
    [FIELD_FORWARDED_FOR] = HIT_BIT(FORWARDED_FOR),
    [FIELD_FORWARDED] = HIT_BIT(FORWARDED),
    [FIELD_RANGE] = HIT_BIT(RANGE),
    [FIELD_DISPOSITION] = HIT_BIT(DISPOSITION),
    [FIELD_PURPOSE] = HIT_BIT(PURPOSE),
    [FIELD_CDN_RESULT] = HIT_BIT(CDN_RESULT),
    [FIELD_TLS] = HIT_BIT(SCHEME),
};

static const struct {
    const char *name;
    enum field field;
} aliases[] = {
    {"timestamp", FIELD_TIME},
    {"time_local", FIELD_TIME},
    {"time_iso8601", FIELD_TIME},
    {"msec", FIELD_TIME},
    {"ip", FIELD_CLIENT_IP},
    {"remote_addr", FIELD_CLIENT_IP},
    {"clientip", FIELD_CLIENT_IP},
    {"client", FIELD_CLIENT_IP},
    {"remote_ip", FIELD_CLIENT_IP},
    {"verb", FIELD_METHOD},
    {"request_method", FIELD_METHOD},
    {"vhost", FIELD_HOST},
    {"http_host", FIELD_HOST},
    {"args", FIELD_QUERY},
    {"query_string", FIELD_QUERY},
    {"uri", FIELD_TARGET},
    {"url", FIELD_TARGET},
    {"request_uri", FIELD_TARGET},
    {"request_line", FIELD_REQUEST},
    {"server_protocol", FIELD_PROTOCOL},
    {"status_code", FIELD_STATUS},
    {"response", FIELD_STATUS},
    {"code", FIELD_STATUS},
    {"size", FIELD_BYTES},
    {"body_bytes_sent", FIELD_BYTES},
    {"bytes_sent", FIELD_BYTES},
    {"duration", FIELD_DURATION_S},
    {"request_time", FIELD_DURATION_S},
    {"referer", FIELD_REFERRER},
    {"http_referer", FIELD_REFERRER},
    {"agent", FIELD_USER_AGENT},
    {"useragent", FIELD_USER_AGENT},
    {"http_user_agent", FIELD_USER_AGENT},
    {"ua", FIELD_USER_AGENT},
    {"user", FIELD_REMOTE_USER},
    {"auth", FIELD_REMOTE_USER},
    {"xff", FIELD_FORWARDED_FOR},
    {"x_forwarded_for", FIELD_FORWARDED_FOR},
    {"http_x_forwarded_for", FIELD_FORWARDED_FOR},
    {"http_forwarded", FIELD_FORWARDED},
    {"http_range", FIELD_RANGE},
    {"content_range", FIELD_RANGE},
    {"content_disposition", FIELD_DISPOSITION},
    {"sec_purpose", FIELD_PURPOSE},
};

bool field_by_name(struct str name, enum field *field)
{
    for (size_t i = 0; i < FIELDS_NAMED; i++) {
        if (str_eq(name, str_of(names[i]))) {
            *field = (enum field)i;
            return true;
        }
    }
    return false;
}

bool field_by_alias(struct str name, enum field *field)
{
    if (field_by_name(name, field))
        return true;
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (str_eq_nocase(name, str_of(aliases[i].name))) {
            *field = aliases[i].field;
            return true;
        }
    }
    return false;
}

const char *field_own_name(enum field field)
{
    return names[field];
}

unsigned field_gives(enum field field)
{
    return gives[field];
}

void field_put_names(struct buf *out)
{
    for (size_t i = 0; i < FIELDS_NAMED; i++) {
        if (i > 0)
            buf_lit(out, ", ");
        buf_put_str(out, str_of(names[i]));
    }
}

bool fields_suffice(uint64_t have, bool outer_time, struct buf *why)
{
    const uint64_t request =
        UINT64_C(1) << FIELD_REQUEST | UINT64_C(1) << FIELD_TARGET | UINT64_C(1) << FIELD_PATH;

    if (!(have & UINT64_C(1) << FIELD_TIME) && !outer_time) {
        buf_lit(why, "it has no field time, without which there is no record (where a collector "
                     "writes one before the lines, name that before the format: docker+, cri+, …)");
        return false;
    }
    if (!(have & request)) {
        buf_lit(why, "it has none of the fields request, target and path, without which there is "
                     "no record");
        return false;
    }
    return true;
}

/* ---- numbers -----------------------------------------------------------------------------------
 */

/* Of a number as large, one more digit counts; the others behind it do not. */
#define SIGNIFICANT_MAX (UINT64_C(100000000000000000) - 1)

struct decimal {
    uint64_t digits; /* 18 significant ones at most */
    int exponent;
    bool negative;
};

/* "e-05" at *at, when it is one. */
static bool read_exponent(struct str s, size_t *at, int *exponent)
{
    size_t i = *at + 1;
    int value = 0;
    bool negative = false;

    if (*at >= s.n || (s.p[*at] != 'e' && s.p[*at] != 'E'))
        return true;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        negative = s.p[i++] == '-';
    if (i >= s.n || !ascii_digit(s.p[i]))
        return false;
    for (; i < s.n && ascii_digit(s.p[i]); i++)
        value = value > 999 ? value : value * 10 + (s.p[i] - '0');
    *exponent += negative ? -value : value;
    *at = i;
    return true;
}

/* From *at on, to the first byte that is not of the number. */
static bool read_decimal(struct str s, size_t *at, struct decimal *d)
{
    size_t i = *at, n = 0;
    bool point = false;

    *d = (struct decimal){0};
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        d->negative = s.p[i++] == '-';
    for (; i < s.n && (ascii_digit(s.p[i]) || (s.p[i] == '.' && !point)); i++) {
        if (s.p[i] == '.') {
            point = true;
            continue;
        }
        n++;
        if (d->digits <= SIGNIFICANT_MAX) {
            d->digits = d->digits * 10 + (uint64_t)(s.p[i] - '0');
            d->exponent -= point;
        } else {
            d->exponent += !point;
        }
    }
    *at = i;
    return n > 0 && read_exponent(s, at, &d->exponent);
}

/* Times 10^scale, rounded. */
static bool scaled(const struct decimal *d, int scale, int64_t *value)
{
    uint64_t v = d->digits;
    int up = d->exponent + scale;

    for (; up > 0 && v > 0; up--) {
        if (v > INT64_MAX / 10)
            return false;
        v *= 10;
    }
    if (up < -19)
        v = 0;
    for (; up < -1 && v > 0; up++)
        v /= 10;
    if (up == -1)
        v = (v + 5) / 10;
    *value = d->negative ? -(int64_t)v : (int64_t)v;
    return true;
}

static int unit_scale(struct str s, size_t *n)
{
    static const struct {
        struct str text;
        int scale;
    } units[] = {
        {{"ns", 2}, -9}, {{"us", 2}, -6}, {{"\xc2\xb5s", 3}, -6}, {{"ms", 2}, -3}, {{"s", 1}, 0}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (str_starts(s, units[i].text)) {
            *n = units[i].text.n;
            return units[i].scale;
        }
    }
    return 1;
}

/* A number and its unit, of "2m3.5s". */
static bool read_part(struct str s, size_t *at, int scale, int64_t *value)
{
    struct decimal d;
    size_t n = 1;
    int64_t factor = 1;

    if (!read_decimal(s, at, &d) || *at >= s.n)
        return false;
    int unit = unit_scale(str_slice(s, *at, s.n), &n);
    if (unit > 0) {
        unit = 0;
        factor = s.p[*at] == 'h' ? 3600 : s.p[*at] == 'm' ? 60 : 0;
    }
    *at += n;
    if (!factor || !scaled(&d, scale + unit, value) ||
        __builtin_mul_overflow(*value, factor, value))
        return false;
    return true;
}

static bool go_duration(struct str s, int scale, int64_t *value)
{
    int64_t sum = 0;
    size_t at = 0;

    while (at < s.n) {
        int64_t part;

        if (!read_part(s, &at, scale, &part) || __builtin_add_overflow(sum, part, &sum))
            return false;
    }
    *value = sum;
    return true;
}

bool field_number(struct str text, int scale, int64_t *value)
{
    struct decimal d;
    size_t at = 0;
    uint64_t whole;

    if (scale == 0 && str_to_u64(text, SIGNIFICANT_MAX, &whole)) { /* mostly */
        *value = (int64_t)whole;
        return true;
    }
    if (!read_decimal(text, &at, &d))
        return false;
    return at == text.n ? scaled(&d, scale, value) : go_duration(text, scale, value);
}

/* ---- times -------------------------------------------------------------------------------------
 */

static bool epoch_ms(struct str text, int64_t *ms)
{
    struct decimal d;
    size_t at = 0;
    int64_t whole;

    if (!read_decimal(text, &at, &d) || at != text.n || d.negative || !scaled(&d, 0, &whole))
        return false;
    int scale = whole < INT64_C(100000000000)         ? 3
                : whole < INT64_C(100000000000000)    ? 0
                : whole < INT64_C(100000000000000000) ? -3
                                                      : -6;
    if (scale >= 0)
        return scaled(&d, scale, ms) && *ms <= YEAR_9999_MS;
    *ms = whole / (scale == -3 ? 1000 : 1000000);
    return true;
}

static bool any_time(const struct zone *zone, struct str text, int64_t *ms)
{
    bool local;

    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = str_slice(text, 1, text.n - 1); /* as Apache's %t has it */
    if (text.n > 4 && ascii_digit(text.p[0]) && text.p[2] != '/' && text.p[4] != '-' &&
        text.p[4] != '/')
        return epoch_ms(text, ms);
    if (!time_parse_text(text, ms, &local))
        return false;
    if (local && zone) {
        int64_t second = (*ms - *ms % 1000) / 1000;
        int64_t fraction = *ms % 1000;
        if (fraction < 0) {
            fraction += 1000;
            second--;
        }
        *ms = zone_to_utc_ms(zone, second) + fraction;
    }
    return true;
}

bool field_time(struct field_times *t, struct str text, int64_t *ms)
{
    if (text.n != t->n || memcmp(text.p, t->text, text.n) != 0) {
        if (!any_time(t->zone, text, &t->ms)) {
            t->n = 0;
            return false;
        }
        t->n = text.n <= sizeof(t->text) ? text.n : 0;
        memcpy(t->text, text.p, t->n);
    }
    *ms = t->ms;
    return true;
}

/* "03:04:05": what is not is a whole time, or no time. */
static bool is_time_of_day(struct str s)
{
    return s.n > 2 && (s.p[1] == ':' || s.p[2] == ':');
}

static bool dated_time(struct field_times *t, const struct str *v, int64_t *ms)
{
    char text[64];
    struct str date = decode_missing(v[FIELD_DATE]), time = v[FIELD_TIME];

    if (!str_is_set(date) || !is_time_of_day(time))
        return field_time(t, time, ms);
    if (date.n < 10 || date.n + 1 + time.n > sizeof(text))
        return false;
    memcpy(text, date.p, date.n);
    text[date.n] = date.p[2] == '/' ? ':' : 'T';
    memcpy(text + date.n + 1, time.p, time.n);
    return field_time(t, (struct str){text, date.n + 1 + time.n}, ms);
}

/* ---- to the hit --------------------------------------------------------------------------------
 */

/* Without the port of "192.0.2.1:443" and "[2001:db8::1]:443". */
static struct str address_of(struct str s)
{
    const char *colon;

    s = decode_missing(s);
    if (s.n == 0)
        return s;
    if (s.p[0] == '[') {
        const char *close = memchr(s.p, ']', s.n);
        return close && close > s.p + 1 ? decode_missing(str_slice(s, 1, (size_t)(close - s.p)))
                                        : s;
    }
    colon = memchr(s.p, ':', s.n);
    if (colon && colon > s.p && memchr(s.p, '.', (size_t)(colon - s.p)) &&
        !memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.p)))
        return str_slice(s, 0, (size_t)(colon - s.p));
    return s;
}

static struct str scheme_of(struct decode_scratch *s, const struct str *v)
{
    struct str text = v[FIELD_SCHEME];

    if (str_eq(text, STR("on")) || (text.n == 0 && str_is_set(v[FIELD_TLS])))
        return decode_copy(s, STR("https"));
    if (str_eq(text, STR("off")))
        return decode_copy(s, STR("http"));
    return decode_scheme(s, text);
}

static void read_target(struct decode_scratch *s, const struct str *v, struct hit *hit)
{
    struct str target = decode_missing(v[FIELD_TARGET]), path = decode_missing(v[FIELD_PATH]);
    struct str query = decode_missing(v[FIELD_QUERY]);

    if (!str_is_set(target) && str_starts(v[FIELD_REQUEST], STR("/")))
        target = v[FIELD_REQUEST]; /* some logs call the path so */
    if (str_is_set(target)) {
        decode_target(s, target, hit);
    } else if (str_is_set(path) && path.p[0] == '/' && str_is_set(v[FIELD_QUERY])) {
        hit->path = path;
    } else if (str_is_set(path)) {
        decode_target(s, path, hit);
    }
    if (query.n > 0 && query.p[0] == '?')
        query = str_slice(query, 1, query.n);
    if (str_is_set(hit->path) && !str_is_set(hit->query) && query.n > 0)
        hit->query = query;
}

static void read_request(struct decode_scratch *s, const struct str *v, struct hit *hit)
{
    struct str text;

    if (v[FIELD_REQUEST].n > 0 && v[FIELD_REQUEST].p[0] != '/')
        decode_request_line(s, v[FIELD_REQUEST], hit);
    if (!str_is_set(hit->path) && !hit->bad_request_line)
        read_target(s, v, hit);
    if (!str_is_set(hit->method))
        hit->method = decode_missing(v[FIELD_METHOD]);
    if (!str_is_set(hit->protocol))
        hit->protocol = decode_missing(v[FIELD_PROTOCOL]);
    text = scheme_of(s, v);
    if (str_is_set(text))
        hit->scheme = text;
    text = decode_host(s, v[FIELD_HOST]);
    if (str_is_set(text))
        hit->host = text;
}

static bool read_status(struct str text, int *status)
{
    int64_t value;

    if (decode_status(text, status))
        return true;
    if (!field_number(text, 0, &value) || value > 999)
        return false;
    *status = value < 0 ? -1 : (int)value;
    return true;
}

static int64_t number_or_none(struct str text, int scale)
{
    int64_t value;

    return text.n > 0 && field_number(text, scale, &value) && value >= 0 ? value : HIT_NO_NUMBER;
}

static int64_t duration_of(const struct str *v)
{
    static const int scales[] = {3, 0, -3, -6};

    for (int i = 0; i < 4; i++) {
        struct str text = v[FIELD_DURATION_S + i];
        /* A duration that names its unit needs no other. */
        bool unit = text.n > 0 && text.p[text.n - 1] == 's';
        int64_t ms = number_or_none(text, unit ? 3 : scales[i]);
        if (ms != HIT_NO_NUMBER)
            return ms;
    }
    return HIT_NO_NUMBER;
}

enum field fields_to_hit(struct decode_scratch *s, struct field_times *t,
                         const struct str v[FIELDS], struct hit *hit, const char **why)
{
    bool request =
        str_is_set(v[FIELD_REQUEST]) || str_is_set(v[FIELD_TARGET]) || str_is_set(v[FIELD_PATH]);

    if (!request && !str_is_set(v[FIELD_METHOD]) && !str_is_set(v[FIELD_STATUS]) &&
        str_is_set(v[FIELD_MESSAGE]))
        return FIELD_MESSAGE;
    if (str_is_set(decode_missing(v[FIELD_TIME])) && !dated_time(t, v, &hit->time_ms)) {
        *why = "this is no time: neither like 2026-01-02T03:04:05+01:00 or "
               "02/Jan/2026:03:04:05 +0000, nor seconds, ms, \xc2\xb5s or ns since 1970";
        return FIELD_TIME;
    }
    if (!request) {
        *why = "the line has neither a request line nor a path";
        return FIELD_PATH;
    }
    if (!read_status(v[FIELD_STATUS], &hit->status)) {
        *why = "the status is no number of three digits";
        return FIELD_STATUS;
    }
    read_request(s, v, hit);
    hit->bytes = number_or_none(v[FIELD_BYTES], 0);
    hit->duration_ms = duration_of(v);
    hit->client_ip = address_of(v[FIELD_CLIENT_IP]);
    hit->referrer = decode_missing(v[FIELD_REFERRER]);
    hit->user_agent = decode_missing(v[FIELD_USER_AGENT]);
    hit->content_type = decode_missing(v[FIELD_CONTENT_TYPE]);
    hit->request_id = decode_missing(v[FIELD_REQUEST_ID]);
    hit->remote_user = decode_missing(v[FIELD_REMOTE_USER]);
    hit->forwarded_for = decode_missing(v[FIELD_FORWARDED_FOR]);
    hit->forwarded = decode_missing(v[FIELD_FORWARDED]);
    hit->range = decode_missing(v[FIELD_RANGE]);
    hit->disposition = decode_missing(v[FIELD_DISPOSITION]);
    hit->purpose = decode_missing(v[FIELD_PURPOSE]);
    hit->cdn_result = decode_missing(v[FIELD_CDN_RESULT]);
    return FIELDS;
}
