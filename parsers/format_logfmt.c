/*
 * format_logfmt.c - words like key=value or key="a value", in any order, with other words between
 * them: what many programs write of themselves, and Heroku's routers (devcenter.heroku.com, "HTTP
 * Routing" and "Log Drains"), whose time stands before the words, in what the log drain or `heroku
 * logs` put there.
 */
#include "parsers/client_ip.h"
#include "parsers/format_impl.h"
#include "parsers/json_scan.h"
#include "parsers/labels.h"

#include "parsers/base/time.h"

/* Those that nginx_json has not. */
static const struct json_row_key own[] = {
    {FIELD_TIME, "t"},
    {FIELD_CLIENT_IP, "remote remote_address src_ip srcIP src"},
    {FIELD_TARGET, "URI"},
    {FIELD_PATH, "uri_path"},
    {FIELD_QUERY, "uri_query"},
    {FIELD_HOST, "server site"},
    {FIELD_STATUS, "resp"},
    {FIELD_DURATION_S, "latency elapsed"},
    {FIELD_DURATION_MS, "time_ms duration_ms latency_ms elapsed_ms"},
    {FIELD_DURATION_US, "response_time_microseconds"},
    {FIELD_REQUEST_ID, "request-id"},
    {FIELDS, NULL},
};

static const struct json_row_key heroku_keys[] = {
    {FIELD_METHOD, "method"},       {FIELD_SCHEME, "protocol"},
    {FIELD_HOST, "host"},           {FIELD_TARGET, "path"},
    {FIELD_STATUS, "status"},       {FIELD_BYTES, "bytes"},
    {FIELD_DURATION_MS, "service"}, {FIELD_REQUEST_ID, "request_id"},
    {FIELD_FORWARDED_FOR, "fwd"},   {FIELDS, NULL},
};

struct logfmt_format {
    struct format base;
    struct labels labels;
};

struct logfmt_parser {
    struct parser base;
    struct field_times times;
};

static int logfmt_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct labels *l = &((struct logfmt_format *)base)->labels;

    (void)argument;
    if (base->row->variant == LOGFMT_HEROKU)
        return labels_add(l, heroku_keys, why) ? 0 : -1;
    return labels_add(l, json_rows[JSON_NGINX], why) && labels_add(l, own, why) ? 0 : -1;
}

static void logfmt_format_release(struct format *base)
{
    (void)base;
}

static void logfmt_fields(const struct format *base, struct format_fields *fields)
{
    unsigned given = labels_give(&((const struct logfmt_format *)base)->labels);

    if (base->row->variant == LOGFMT_HEROKU)
        fields->always |= given | HIT_BIT(CLIENT_IP);
    else
        fields->maybe |= given;
}

static int logfmt_parser_init(struct parser *base)
{
    ((struct logfmt_parser *)base)->times.zone = base->format->zone;
    return 0;
}

/* ---- words -------------------------------------------------------------------------------------
 */

static bool is_key(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && str_chr(STR("_-.@"), s.p[i], 0) < 0)
            return false;
    return s.n > 0;
}

/* What stands in quotes at the beginning of `s`, escapes as they are; and how long it is with them.
 * Without the second quote: up to the end. */
static struct str quoted(struct str s, size_t *length)
{
    size_t i = 1;

    while (i < s.n && s.p[i] != '"')
        i += s.p[i] == '\\' ? 2 : 1;
    i = i < s.n ? i : s.n;
    *length = i < s.n ? i + 1 : i;
    return str_slice(s, 1, i);
}

/* Cuts a word off, and with a key its value; *name is STR_NONE of a word without. */
static void next_word(struct str *rest, struct str *name, struct str *value)
{
    struct str s = *rest;
    size_t n = 0, length;

    while (n < s.n && s.p[n] != '=' && s.p[n] != ' ')
        n++;
    *name = n < s.n && s.p[n] == '=' ? str_slice(s, 0, n) : STR_NONE;
    if (!is_key(*name)) {
        *name = STR_NONE;
        str_cut(rest, ' ');
        return;
    }
    s = str_slice(s, n + 1, s.n);
    if (str_starts(s, STR("\""))) {
        *value = quoted(s, &length);
        *rest = str_slice(s, length, s.n);
        str_cut(rest, ' ');
    } else {
        *value = str_cut(&s, ' ');
        *rest = s;
        if (s.n > 0 && str_ends(*value, STR(","))) /* Splunk's "a=b, c=d" */
            value->n--;
    }
}

/* Escapes of JSON, in quotes and without. */
static struct str plain(struct decode_scratch *s, struct str text)
{
    return str_chr(text, '\\', 0) < 0 ? text : json_scan_text(s, text);
}

static enum parse_result words_to_hit(struct logfmt_parser *p, struct str line, struct str words,
                                      struct str time, struct hit *hit)
{
    struct parser *base = &p->base;
    const struct labels *labels = &((const struct logfmt_format *)base->format)->labels;
    struct labelled found = {.rank = {0}};
    struct str v[FIELDS], name, value;
    const char *why = "";

    while (words.n > 0) {
        next_word(&words, &name, &value);
        if (str_is_set(name))
            labels_take(labels, &found, name, value);
    }
    if (str_is_set(time))
        found.v[FIELD_TIME] = time;
    if (str_find(line, STR(" controller="), 0) > 0) { /* Rails' lograge has milliseconds there */
        found.v[FIELD_DURATION_MS] = found.v[FIELD_DURATION_S];
        found.v[FIELD_DURATION_S] = STR_NONE;
    }
    for (size_t i = 0; i < FIELDS; i++)
        v[i] = plain(&base->scratch, found.v[i]);
    enum field bad = fields_to_hit(&base->scratch, &p->times, v, hit, &why);
    if (bad == FIELDS)
        return PARSE_OK;
    return parser_fail(base, why, found.v[bad].p ? (size_t)(found.v[bad].p - line.p) : 0);
}

/* ---- Heroku ------------------------------------------------------------------------------------
 */

/* The first word of the line that is a time: behind the priority of a log drain's syslog, maybe
 * behind its length. Moves *rest behind it. */
static struct str take_time(struct str *rest)
{
    int64_t ms;

    for (int i = 0; i < 3 && rest->n > 0; i++) {
        struct str word = str_cut(rest, ' ');

        if (time_parse_rfc3339(word, &ms))
            return word;
    }
    return STR_NONE;
}

/* Behind the time: "heroku[router]: at=…", or "host heroku router - at=…"; Papertrail's has a '/'.
 */
static bool take_router(struct str *rest)
{
    bool heroku = false;

    for (int i = 0; i < 3; i++) {
        struct str word = str_cut(rest, ' ');

        if (str_eq(word, STR("heroku[router]:")) || str_eq(word, STR("heroku/router:")) ||
            (heroku && str_eq(word, STR("router"))))
            return true;
        heroku = str_eq(word, STR("heroku"));
    }
    return false;
}

/* Of an application's own processes, or of Heroku itself. */
static bool is_message(struct str rest)
{
    struct str first = str_cut(&rest, ' '), second;

    if (str_starts(first, STR("app[")) || str_starts(first, STR("heroku[")))
        return true;
    second = str_cut(&rest, ' ');
    return str_eq(second, STR("app")) || str_eq(second, STR("heroku"));
}

static enum parse_result heroku_line(struct logfmt_parser *p, struct str line, struct hit *hit)
{
    struct str rest = line, time = take_time(&rest), words = rest;

    if (!str_is_set(time))
        return parser_fail(&p->base, "the line has no time before its words", 0);
    if (take_router(&words)) {
        enum parse_result result = words_to_hit(p, line, words, time, hit);

        hit->client_ip = client_ip_of_list(hit->forwarded_for);
        return result;
    }
    if (!is_message(rest))
        return parser_fail(&p->base, "this is no line of Heroku's",
                           (size_t)(time.p + time.n - line.p));
    p->base.directive = DIRECTIVE_MESSAGE;
    return PARSE_DIRECTIVE;
}

static enum parse_result logfmt_line(struct parser *base, struct str line, struct hit *hit)
{
    struct logfmt_parser *p = (struct logfmt_parser *)base;

    if (base->format->row->variant == LOGFMT_HEROKU)
        return heroku_line(p, line, hit);
    return words_to_hit(p, line, line, STR_NONE, hit);
}

const struct format_family format_logfmt_family = {
    .directives = false,
    .format_size = sizeof(struct logfmt_format),
    .parser_size = sizeof(struct logfmt_parser),
    .format_init = logfmt_format_init,
    .format_release = logfmt_format_release,
    .fields = logfmt_fields,
    .parser_init = logfmt_parser_init,
    .line = logfmt_line,
};
