/*
 * format_template.c - the family of formats that are described by a template: runs the program of
 * one and fills the hit from its fields. The templates of our own rows are here too.
 */
#include "parsers/format_template.h"

#include "parsers/client_ip.h"
#include "parsers/fields.h"
#include "parsers/format_impl.h"
#include "parsers/server_message.h"
#include "parsers/template.h"

#include "parsers/base/time.h"
#include "parsers/base/zone.h"

#define TIME_TEXT_MAX 40
#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

struct template_row {
    template_fn *front;
    const char *text;   /* NULL: the argument */
    const char *end;    /* for a line that goes on */
    const char *header; /* of files: lines that begin with it are of no request; NULL: none do */
    /* With the argument: what it may name. */
    template_values_fn *values;
    bool whole_urls; /* its requests name scheme and host */
    bool dashes;     /* what may be missing in it is a "-" without quotes then: it has its place */
    bool (*is_message)(struct str line); /* of the program, not of a request; NULL: none is known */
};

#define NGINX_COMBINED                                                                             \
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "             \
    "\"$http_referer\" \"$http_user_agent\""
#define APACHE_COMMON "%h %l %u %t \"%r\" %>s %b"
#define APACHE_AGENT " \"%{Referer}i\" \"%{User-Agent}i\""
#define OWN_NGINX                                                                                  \
    "; a log_format with more columns is written as it is in nginx.conf: format: {nginx: '…'}"
#define OWN_APACHE                                                                                 \
    "; a LogFormat with more columns is written as it is in apache2.conf: format: {apache: '…'}"

static const struct template_row templates[] = {
    [TEMPLATE_NGINX_COMBINED] = {template_nginx, NGINX_COMBINED,
                                 "more columns than nginx's \"combined\" has behind the user "
                                 "agent" OWN_NGINX},
    [TEMPLATE_NGINX_MAIN] = {template_nginx, NGINX_COMBINED " \"$http_x_forwarded_for\"",
                             "more columns than nginx's \"main\" has behind "
                             "X-Forwarded-For" OWN_NGINX},
    [TEMPLATE_NGINX] = {template_nginx, NULL, "more columns than the log_format has",
                        .values = template_nginx_values},
    [TEMPLATE_NPM] = {template_nginx,
                      "[$time_local] $upstream_cache_status $upstream_status $status - "
                      "$request_method $scheme $host \"$request_uri\" [Client $remote_addr] "
                      "[Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "
                      "\"$http_user_agent\" \"$http_referer\"",
                      "more columns than nginx-proxy-manager writes"},
    [TEMPLATE_APACHE_COMMON] = {template_apache, APACHE_COMMON,
                                "more columns than Apache's \"common\" has behind the number of "
                                "bytes; with referrer and user agent it is apache_combined"},
    [TEMPLATE_APACHE_COMBINED] = {template_apache, APACHE_COMMON APACHE_AGENT,
                                  "more columns than Apache's \"combined\" has behind the user "
                                  "agent" OWN_APACHE},
    [TEMPLATE_APACHE_COMBINEDIO] = {template_apache, APACHE_COMMON APACHE_AGENT " %I %O",
                                    "more columns than Apache's \"combinedio\" has" OWN_APACHE},
    [TEMPLATE_APACHE_VHOST] = {template_apache, "%v:%p %h %l %u %t \"%r\" %>s %O" APACHE_AGENT,
                               "more columns than \"vhost_combined\" has behind the user "
                               "agent" OWN_APACHE},
    [TEMPLATE_APACHE] = {template_apache, NULL, "more columns than the LogFormat has",
                         .values = template_apache_values},
    [TEMPLATE_VARNISH] = {template_apache, "%h %l %u %t \"%r\" %>s %b" APACHE_AGENT,
                          "more columns than varnishncsa writes; its own -F format is written as "
                          "format: {apache: '…'}",
                          .whole_urls = true},
    [TEMPLATE_TRAEFIK] =
        {template_columns,
         "<!traefik><client> - <user> [<time_clf>] \"<request_raw>\" <status> <bytes> "
         "<?\"><referrer>\" <.><?- ><.>"
         "\"<user_agent>\"<? ><-> \"<-\">\" \"<-\">\" <duration_ms>ms<.>",
         "more columns than Traefik's common log format has"},
    [TEMPLATE_HAPROXY_HTTP] = {template_haproxy, "", "more columns than HAProxy writes",
                               .is_message = template_haproxy_message},
    [TEMPLATE_HAPROXY] = {template_haproxy, NULL, "more columns than HAProxy writes",
                          .values = template_haproxy_values,
                          .is_message = template_haproxy_message},
    [TEMPLATE_ALB] = {template_columns,
                      "<!quotes><-> <time_iso> <-> <client_port> <-> <-> <duration_s> <-> <status> "
                      "<-> <-> <bytes> \"<request>\" \"<user_agent>\"<? ><rest><.>",
                      "more columns than a load balancer writes", .whole_urls = true},
    [TEMPLATE_ELB] = {template_columns,
                      "<!quotes><time_iso> <-> <client_port> <-> <-> <duration_s> <-> <status> <-> "
                      "<-> <bytes> \"<request>\"<? \"><user_agent>\"<.><? ><rest><.>",
                      "more columns than a classic load balancer writes", .whole_urls = true},
    [TEMPLATE_ENVOY] =
        {template_columns,
         "<?ACCESS ><.>[<time_iso>] \"<request_raw>\" <status> <-> <?\"><-\">\" <.><-> <bytes> "
         "<duration_ms> <-> "
         "\"<forwarded_for>\" \"<user_agent>\" \"<request_id>\" \"<host>\" "
         "\"<-\">\"<? ><rest><.>",
         "more columns than Envoy's default format has"},
    [TEMPLATE_ISTIO] = {template_columns,
                        "[<time_iso>] \"<request_raw>\" <status> <-> <-> <-> \"<-\">\" <-> <bytes> "
                        "<duration_ms> <-> \"<forwarded_for>\" \"<user_agent>\" \"<request_id>\" "
                        "\"<host>\" \"<-\">\" <-> <-> <-> <client_port><? ><rest><.>",
                        "more columns than Istio's default format has"},
    [TEMPLATE_BUNNY] = {template_columns,
                        "<cache>|<status>|<time_ms>|<bytes>|<->|<client>|<referrer>|<target>|<->|"
                        "<user_agent>|<request_id>|<->",
                        "more columns than bunny.net writes", .whole_urls = true},
    [TEMPLATE_S3] = {template_columns,
                     "<!quotes><-> <host> [<time_clf>] <client> <-> <request_id> <-> <-> "
                     "<?- ><.><?\"><request>\" <.><status> <-> <bytes> <-> <duration_ms> <-> "
                     "<?- ><.><?\"><referrer>\" <.><?-><.><?\"><user_agent>\"<.><? ><rest><.>",
                     "more columns than S3 writes", .dashes = true},
    [TEMPLATE_GCS] = {template_columns,
                      "<!csv>\"<time_us>\",\"<client>\",\"<->\",\"<->\",\"<method>\",\"<target>\","
                      "\"<status>\",\"<->\",\"<bytes>\",\"<duration_us>\",\"<host>\","
                      "\"<referrer>\",\"<user_agent>\",\"<request_id>\",\"<rest>",
                      "more columns than Cloud Storage writes", .header = "\"time_micros\","},
    [TEMPLATE_SQUID] =
        {template_columns,
         "<time_s> < ><duration_ms> <client> "
         "<cache>/<status> <bytes> <method> <target> <user> <-> <media_type><? ><rest><.>",
         "more columns than Squid's native format has", .whole_urls = true},
    [TEMPLATE_SQUID_EXTENSIVE] =
        {template_columns,
         "<time_s> < ><duration_ms> <client> <-> <cache>/<status> <bytes> <-> <-> <-> <-> <method> "
         "<target> <-> <user> <-> <-> <media_type> <-> <-> \"<referrer>\" \"<user_agent>\" "
         "\"<-\">\" \"<forwarded_for>\"<? ><rest><.>",
         "more columns than Squid's \"extensive\" has", .whole_urls = true},
    [TEMPLATE_UWSGI] = {template_columns,
                        "<?{address space><-\">} {<-\">} <.>[pid: <-\">] <client> (<user>) {<-\">} "
                        "[<%a %b %e %T %Y>] <method> <target> => generated <bytes> bytes in "
                        "<duration_text> (<protocol> <status>)<? ><rest><.>",
                        "more columns than uWSGI writes"},
    [TEMPLATE_WERKZEUG] =
        {template_columns,
         "<!python><client> - <user> [<%d/%b/%Y %T>] \"<request>\" <status> <bytes>",
         "more columns than Werkzeug writes"},
    [TEMPLATE_GIN] = {template_columns,
                      "<!go>[GIN] <%Y/%m/%d - %T> |<?\x1b[><->m<.>< ><status> <?\x1b[0m><.>|"
                      "< ><duration> |< ><client> |<?\x1b[><->m<.>< ><method> < ><?\x1b[0m><.>< >"
                      "<target>",
                      "more columns than Gin writes"},
    [TEMPLATE_PHP] = {template_columns,
                      "[<%a %b %e %T %Y>] <client_port> [<status>]: <method> <url><? ><rest><.>",
                      "more columns than PHP's server writes"},
    [TEMPLATE_FIBER] = {template_columns,
                        "<-> |<?\x1b[><->m<.>< ><status> <?\x1b[0m><.>|< ><duration> |< ><client> "
                        "|<?\x1b[><->m<.>< ><method> < ><?\x1b[0m><.>| <url><? ><rest><.>",
                        "more columns than Fiber writes"},
    [TEMPLATE_UVICORN] = {template_columns,
                          "<!python><?\x1b[><->m<.><?INFO><.><?\x1b[><->m<.><?:><.>< "
                          "><client_port> - \"<request>\" <?\x1b[><->m<.><status><? ><rest><.>",
                          "more columns than uvicorn writes"},
    [TEMPLATE_ACTIX] = {template_columns,
                        "<client> \"<request>\" <status> <bytes> \"<referrer>\" \"<user_agent>\" "
                        "<duration_s>",
                        "more columns than Actix writes"},
    [TEMPLATE_MORGAN_DEV] = {template_columns,
                             "\x1b[0m<method> <target> \x1b[<->m<status>\x1b[0m <decimal_ms> ms - "
                             "<bytes>\x1b[0m",
                             "more columns than morgan's \"dev\" has"},
    [TEMPLATE_MORGAN_TINY] = {template_columns,
                              "<method> <target> <status> <bytes> - <decimal_ms> ms",
                              "more columns than morgan's \"tiny\" has"},
    [TEMPLATE_MORGAN_SHORT] = {template_columns,
                               "<client> <user> <method> <target> <protocol> <status> <bytes> - "
                               "<decimal_ms> ms",
                               "more columns than morgan's \"short\" has"},
};

struct template_format {
    struct format base;
    struct template t;
    struct template_use {
        enum template_value value;
        size_t step;
        enum program_shape shape;
        size_t text; /* of a value that is a text alone: where it is in struct hit; else 0 */
    } uses[PROGRAM_STEPS_MAX];
    size_t n;
    bool from_list; /* the client's address is in X-Forwarded-For alone */
};

struct template_parser {
    struct parser base;
    struct program_run run;
    /* Lines of one second have one time: the last text and what it meant. */
    char time_text[TIME_TEXT_MAX];
    size_t time_n;
    int64_t time_ms;
};

void template_release(struct template *t)
{
    program_free(t->program);
    time_format_free(t->time);
    t->program = NULL;
    t->time = NULL;
}

int template_one_line(struct buf *text, const char *what, struct buf *why)
{
    while (text->n > 0 && (text->p[text->n - 1] == '\n' || text->p[text->n - 1] == '\r'))
        text->n--;
    if (str_chr(buf_str(text), '\n', 0) < 0)
        return 0;
    buf_printf(why,
               "the %s has a line break inside, so that a request is more than one line; only "
               "what stands in one line can be read",
               what);
    return -1;
}

/* ---- the format -------------------------------------------------------------------------------
 */

static size_t text_offset(unsigned value)
{
    static const size_t offsets[VALUES] = {
        [VALUE_METHOD] = offsetof(struct hit, method),
        [VALUE_PROTOCOL] = offsetof(struct hit, protocol),
        [VALUE_PEER] = offsetof(struct hit, client_ip),
        [VALUE_CLIENT] = offsetof(struct hit, client_ip),
        [VALUE_USER] = offsetof(struct hit, remote_user),
        [VALUE_REFERRER] = offsetof(struct hit, referrer),
        [VALUE_USER_AGENT] = offsetof(struct hit, user_agent),
        [VALUE_CONTENT_TYPE] = offsetof(struct hit, content_type),
        [VALUE_REQUEST_ID] = offsetof(struct hit, request_id),
        [VALUE_REAL_IP] = offsetof(struct hit, forwarded_for),
        [VALUE_FORWARDED_FOR] = offsetof(struct hit, forwarded_for),
        [VALUE_FORWARDED] = offsetof(struct hit, forwarded),
        [VALUE_RANGE] = offsetof(struct hit, range),
        [VALUE_DISPOSITION] = offsetof(struct hit, disposition),
        [VALUE_PURPOSE] = offsetof(struct hit, purpose),
        [VALUE_CACHE] = offsetof(struct hit, cdn_result),
    };

    return offsets[value];
}

static bool has_value(const struct program *p, enum template_value value)
{
    for (size_t i = 0; i < program_steps(p); i++) {
        const struct program_field *field = program_step_field(p, i);

        if (field->shape != SHAPE_NONE && field->value == value)
            return true;
    }
    return false;
}

/* By value, and of one value in the order of the line. */
static void list_uses(struct template_format *f)
{
    for (unsigned value = VALUE_NONE + 1; value < VALUES; value++) {
        if (value == VALUE_WIRE_BYTES && has_value(f->t.program, VALUE_BYTES))
            continue; /* a "-" there is no body, not a body of headers */
        for (size_t i = 0; i < program_steps(f->t.program); i++) {
            const struct program_field *field = program_step_field(f->t.program, i);

            if (field->shape != SHAPE_NONE && field->value == value)
                f->uses[f->n++] = (struct template_use){.value = (enum template_value)value,
                                                        .step = i,
                                                        .shape = field->shape,
                                                        .text = text_offset(value)};
        }
    }
}

static bool uses(const struct template_format *f, unsigned from, unsigned to)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->uses[i].value >= from && f->uses[i].value <= to)
            return true;
    }
    return false;
}

static char mark_of(decode_fn *decode)
{
    if (decode == decode_hash)
        return '#';
    return decode == decode_csv || decode == decode_python || decode == decode_go ? '"' : '\\';
}

static void say_untimed(const char *name, const struct template_row *row, struct buf *why)
{
    if (!row->text)
        buf_printf(why, "a format needs the time of the request; add it as %s",
                   row->front == template_apache
                       ? "%t"
                       : "[$time_local], or write $time_iso8601 or $msec in place of a variable of "
                         "yours that holds it");
    else
        buf_printf(why, "lines of %s have no time; have a time written with them", name);
    buf_printf(why,
               ", or name the collector whose time stands before the lines: docker+%s, cri+%s, "
               "syslog+%s (with RFC 3339 times), stamp+%s",
               name, name, name, name);
}

static int template_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct template_format *f = (struct template_format *)base;
    const struct template_row *row = &templates[base->row->variant];

    f->t.program = program_new();
    if (!f->t.program) {
        buf_lit(why, "out of memory");
        return -1;
    }
    if (row->front(&f->t, row->text ? str_of(row->text) : argument, why) ||
        program_finish(f->t.program, row->end, why))
        return -1;
    f->t.mark = mark_of(f->t.decode);
    list_uses(f);
    f->from_list = !row->text && uses(f, VALUE_REAL_IP, VALUE_FORWARDED_FOR) &&
                   !uses(f, VALUE_PEER, VALUE_CLIENT_PORT);
    if (!uses(f, VALUE_TIME, VALUE_TIME_US) && !base->outer_time) {
        say_untimed(base->row->name, row, why);
        return -1;
    }
    if (!uses(f, VALUE_REQUEST, VALUE_REQUEST) && !uses(f, VALUE_TARGET, VALUE_PATH)) {
        buf_printf(why, "a format needs the path of the request; add it as %s",
                   row->front == template_apache
                       ? "\\\"%r\\\""
                       : "\"$request\", or write $request_uri in place of a variable of yours that "
                         "holds it");
        return -1;
    }
    return 0;
}

static void template_format_release(struct format *base)
{
    template_release(&((struct template_format *)base)->t);
}

/* ---- what its lines tell ----------------------------------------------------------------------
 */

static unsigned fields_of(uint64_t values, bool whole_urls)
{
    static const unsigned gives[VALUES] = {
        [VALUE_REQUEST] = HIT_BIT(METHOD) | HIT_BIT(PATH) | HIT_BIT(QUERY) | HIT_BIT(PROTOCOL),
        [VALUE_METHOD] = HIT_BIT(METHOD),
        [VALUE_TARGET] = HIT_BIT(PATH) | HIT_BIT(QUERY),
        [VALUE_PATH] = HIT_BIT(PATH),
        [VALUE_QUERY] = HIT_BIT(QUERY),
        [VALUE_PROTOCOL] = HIT_BIT(PROTOCOL),
        [VALUE_PEER] = HIT_BIT(CLIENT_IP),
        [VALUE_CLIENT] = HIT_BIT(CLIENT_IP),
        [VALUE_CLIENT_PORT] = HIT_BIT(CLIENT_IP),
        [VALUE_USER] = HIT_BIT(REMOTE_USER),
        [VALUE_SERVER] = HIT_BIT(HOST),
        [VALUE_HOST_HEADER] = HIT_BIT(HOST),
        [VALUE_HOST] = HIT_BIT(HOST),
        [VALUE_SCHEME] = HIT_BIT(SCHEME),
        [VALUE_HTTPS] = HIT_BIT(SCHEME),
        [VALUE_STATUS] = HIT_BIT(STATUS),
        [VALUE_WIRE_BYTES] = HIT_BIT(BYTES),
        [VALUE_BYTES] = HIT_BIT(BYTES),
        [VALUE_DURATION] = HIT_BIT(DURATION),
        [VALUE_DURATION_S] = HIT_BIT(DURATION),
        [VALUE_DURATION_MS] = HIT_BIT(DURATION),
        [VALUE_DURATION_US] = HIT_BIT(DURATION),
        [VALUE_DURATION_NS] = HIT_BIT(DURATION),
        [VALUE_REFERRER] = HIT_BIT(REFERRER),
        [VALUE_USER_AGENT] = HIT_BIT(USER_AGENT),
        [VALUE_CONTENT_TYPE] = HIT_BIT(CONTENT_TYPE),
        [VALUE_REQUEST_ID] = HIT_BIT(REQUEST_ID),
        [VALUE_REAL_IP] = HIT_BIT(FORWARDED_FOR),
        [VALUE_FORWARDED_FOR] = HIT_BIT(FORWARDED_FOR),
        [VALUE_FORWARDED] = HIT_BIT(FORWARDED),
        [VALUE_RANGE] = HIT_BIT(RANGE),
        [VALUE_DISPOSITION] = HIT_BIT(DISPOSITION),
        [VALUE_PURPOSE] = HIT_BIT(PURPOSE),
        [VALUE_CACHE] = HIT_BIT(CDN_RESULT),
    };
    const uint64_t urls = VALUE_BIT(VALUE_REQUEST) | VALUE_BIT(VALUE_TARGET);
    unsigned fields = whole_urls && values & urls ? HIT_BIT(HOST) | HIT_BIT(SCHEME) : 0;

    for (unsigned i = 0; i < VALUES; i++)
        if (values & VALUE_BIT(i))
            fields |= gives[i];
    return fields;
}

static void template_fields(const struct format *base, struct format_fields *fields)
{
    const struct template_row *row = &templates[base->row->variant];
    const struct program *program = ((const struct template_format *)base)->t.program;
    uint64_t always = 0, maybe = row->values ? row->values() : 0;

    /* Of an argument nothing is sure but what every one has. HAProxy's is of a part alone. */
    bool own = row->values && row->front != template_haproxy;
    for (size_t i = 0, until = 0; i < program_steps(program); i++) {
        const struct program_field *field = program_step_field(program, i);
        uint64_t bit = field->shape != SHAPE_NONE ? VALUE_BIT(field->value) : 0;

        *(own || (i < until && !row->dashes) ? &maybe : &always) |= bit;
        if (program_step_skip(program, i) > until)
            until = program_step_skip(program, i);
    }
    fields->always |= fields_of(always, row->whole_urls);
    fields->maybe |= fields_of(maybe, row->whole_urls);
}

/* ---- the line ---------------------------------------------------------------------------------
 */

static int template_parser_init(struct parser *base)
{
    struct template_parser *p = (struct template_parser *)base;

    return program_run_init(&p->run, ((const struct template_format *)base->format)->t.program);
}

static void template_parser_release(struct parser *base)
{
    program_run_release(&((struct template_parser *)base)->run);
}

/* ---- times ------------------------------------------------------------------------------------
 */

static int64_t local_to_utc(const struct zone *zone, int64_t ms)
{
    return zone_to_utc_ms(zone, ms / 1000) + ms % 1000;
}

static bool parse_iso(const struct zone *zone, struct str text, int64_t *ms)
{
    char full[TIME_TEXT_MAX + 8];
    size_t n = text.n;
    int64_t local;
    bool zoned = n > 19 && (text.p[n - 1] == 'Z' || memchr(text.p + 19, '+', n - 19) ||
                            memchr(text.p + 19, '-', n - 19));

    if (n > TIME_TEXT_MAX)
        return false;
    memcpy(full, text.p, n);
    if (!zoned) {
        full[n++] = 'Z';
    } else if (full[n - 1] != 'Z' && full[n - 3] != ':') {
        memmove(full + n - 1, full + n - 2, 2);
        full[n - 2] = ':';
        n++;
    }
    if (!time_parse_rfc3339((struct str){full, n}, &local))
        return false;
    *ms = zoned ? local : local_to_utc(zone, local);
    return true;
}

static bool parse_time(const struct template_format *f, enum program_shape shape, struct str text,
                       int64_t *ms)
{
    bool zoned = true;

    switch (shape) {
    case SHAPE_TIME_CLF:
        return time_parse_clf(text, ms);
    case SHAPE_TIME_ISO:
        return parse_iso(f->base.zone, text, ms);
    default:
        if (!time_format_parse(f->t.time, text, ms, &zoned))
            return false;
        if (!zoned)
            *ms = local_to_utc(f->base.zone, *ms);
        return true;
    }
}

static bool use_time(struct template_parser *p, enum program_shape shape, struct str text,
                     int64_t *ms)
{
    const struct template_format *f = (const struct template_format *)p->base.format;

    if (text.n != p->time_n || memcmp(text.p, p->time_text, text.n) != 0) {
        if (!parse_time(f, shape, text, &p->time_ms))
            return false;
        p->time_n = text.n <= TIME_TEXT_MAX ? text.n : 0;
        memcpy(p->time_text, text.p, p->time_n);
    }
    *ms = p->time_ms;
    return true;
}

/* "1767323045.678", of units of which there are `per_second`. */
static bool use_epoch(struct str text, int64_t per_second, int64_t *ms)
{
    const char *point = memchr(text.p, '.', text.n);
    struct str whole = str_slice(text, 0, point ? (size_t)(point - text.p) : text.n);
    uint64_t value;
    int64_t unit = 100;

    if (!str_to_u64(whole, (uint64_t)(LAST_SECOND * per_second), &value))
        return false;
    *ms = per_second == 1 ? (int64_t)value * 1000 : (int64_t)value / (per_second / 1000);
    for (size_t i = whole.n + 1; per_second == 1 && i < text.n && unit > 0; i++, unit /= 10)
        *ms += unit * (text.p[i] - '0');
    return true;
}

/* ---- fields -----------------------------------------------------------------------------------
 */

static struct str without_plus(struct str s)
{
    return s.n > 1 && s.p[0] == '+' ? str_slice(s, 1, s.n) : s;
}

/* Whole units of which a millisecond has `per_ms`, rounded; what is negative is missing. */
static bool use_duration(struct str text, int64_t per_ms, int64_t *ms)
{
    int64_t value;

    if (text.n > 0 && text.p[0] == '-')
        return true;
    if (per_ms == 1 && str_chr(text, '.', 0) >= 0)
        return field_number(text, 0, ms);
    if (!decode_count(without_plus(text), &value))
        return false;
    if (value != HIT_NO_NUMBER)
        *ms = value / per_ms + (value % per_ms * 2 >= per_ms && per_ms > 1);
    return true;
}

static bool use_seconds(struct str text, int64_t *ms)
{
    int64_t value;

    if (text.n > 0 && text.p[0] == '-')
        return true;
    if (!decode_seconds(text, &value))
        return false;
    if (value != HIT_NO_NUMBER)
        *ms = value;
    return true;
}

/* "12.5ms", or as uWSGI has it, "12 msecs", "68 micros". */
static void use_text_duration(struct str text, int64_t *ms)
{
    struct str number = str_cut(&text, ' ');
    int scale = str_starts(text, STR("msecs")) ? 0 : str_starts(text, STR("micros")) ? -3 : 3;
    int64_t value;

    if (field_number(number, scale, &value) && value >= 0)
        *ms = value;
}

static bool is_minus_one(struct str s)
{
    return s.n == 2 && s.p[0] == '-';
}

static const char *use_bytes(struct str text, struct hit *hit)
{
    int64_t bytes;

    if (is_minus_one(text))
        return NULL;
    if (!decode_count(without_plus(text), &bytes))
        return "the number of bytes is too large";
    if (bytes != HIT_NO_NUMBER)
        hit->bytes = bytes;
    return NULL;
}

/* Why a field that fits its shape says nothing; NULL when it does. */
static const char *use_number(enum template_value value, struct str text, struct hit *hit)
{
    static const int64_t per_ms[VALUES] = {
        [VALUE_DURATION_MS] = 1, [VALUE_DURATION_US] = 1000, [VALUE_DURATION_NS] = 1000000};
    bool fine;

    if (value == VALUE_WIRE_BYTES || value == VALUE_BYTES)
        return use_bytes(text, hit);
    if (value == VALUE_STATUS) {
        fine = is_minus_one(text) || decode_status(text, &hit->status);
        return fine ? NULL : "the status is no number";
    }
    if (value == VALUE_DURATION) {
        use_text_duration(text, &hit->duration_ms);
        return NULL;
    }
    fine = value == VALUE_DURATION_S ? use_seconds(text, &hit->duration_ms)
                                     : use_duration(text, per_ms[value], &hit->duration_ms);
    return fine ? NULL : "the duration is too large";
}

static inline bool use_any_time(struct template_parser *p, const struct template_use *use,
                                struct str text, struct hit *hit)
{
    switch (use->value) {
    case VALUE_TIME_S:
        return use_epoch(text, 1, &hit->time_ms);
    case VALUE_TIME_MS:
        return use_epoch(text, 1000, &hit->time_ms);
    case VALUE_TIME_US:
        return use_epoch(text, 1000000, &hit->time_ms);
    default:
        return use_time(p, use->shape, text, &hit->time_ms);
    }
}

/* "[2001:db8::7]" */
static inline struct str without_brackets(struct str s)
{
    return s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']'
               ? decode_missing(str_slice(s, 1, s.n - 1))
               : s;
}

/* "203.0.113.7:4711", maybe behind the words of a syslog. */
static struct str address_of(struct str s)
{
    ptrdiff_t blank = str_rchr(s, ' '), colon;

    s = str_slice(s, (size_t)(blank + 1), s.n);
    colon = str_rchr(s, ':');
    if (colon > 0)
        s = str_slice(s, 0, (size_t)colon);
    return decode_missing(without_brackets(s));
}

static void use_target(struct decode_scratch *s, struct str text, struct hit *hit)
{
    if (!str_is_set(decode_missing(text)))
        return;
    hit->path = hit->query = STR_NONE;
    hit->bad_request_line = false;
    decode_target(s, text, hit);
}

/* A path that its writer decoded, and the query beside it, where no raw one was logged. */
static void use_path(enum template_value value, struct str text, struct hit *hit)
{
    if (value == VALUE_PATH && !str_is_set(hit->path) && text.n > 0 && text.p[0] == '/') {
        hit->path = text;
        hit->bad_request_line = false;
    }
    if (value == VALUE_QUERY && str_is_set(hit->path) && !str_is_set(hit->query)) {
        if (text.n > 0 && text.p[0] == '?')
            text = str_slice(text, 1, text.n);
        hit->query = decode_missing(text);
    }
}

static void use_request(struct decode_scratch *s, enum template_value value, struct str text,
                        struct hit *hit)
{
    struct str host, scheme;

    switch (value) {
    case VALUE_REQUEST:
        decode_request_line(s, text, hit);
        break;
    case VALUE_TARGET:
        use_target(s, text, hit);
        break;
    case VALUE_PATH:
    case VALUE_QUERY:
        use_path(value, text, hit);
        break;
    case VALUE_SCHEME:
        scheme = decode_scheme(s, text);
        if (str_is_set(scheme))
            hit->scheme = scheme;
        break;
    case VALUE_HTTPS:
        if (str_eq_nocase(text, STR("on")))
            hit->scheme = decode_copy(s, STR("https"));
        break;
    default:
        host = decode_host(s, text);
        if (str_is_set(host))
            hit->host = host;
    }
}

/* STR_NONE: it is missing. Some write a user's "-" in quotes where the format has none. */
static inline struct str value_of(const struct template_use *use, struct str text)
{
    return use->value == VALUE_USER && str_eq(text, STR("\"-\"")) ? STR_NONE : decode_missing(text);
}

/* NULL, or why the field says nothing. `decode` is NULL where nothing is to be undone. */
static inline const char *use_field(struct template_parser *p, const struct template_use *use,
                                    decode_fn *decode, struct str text, struct hit *hit)
{
    struct decode_scratch *s = &p->base.scratch;

    if (use->text) { /* most of them */
        text = value_of(use, decode ? decode(s, text) : text);
        if (str_is_set(text))
            memcpy((char *)hit + use->text, &text, sizeof(text));
        return NULL;
    }
    if (use->value >= VALUE_TIME && use->value <= VALUE_TIME_US)
        return use_any_time(p, use, text, hit) ? NULL : "this time does not exist";
    if (use->value >= VALUE_STATUS && use->value <= VALUE_DURATION_NS)
        return use_number(use->value, text, hit);
    if (decode)
        text = decode(s, text);
    if (use->value == VALUE_CLIENT_PORT) {
        hit->client_ip = address_of(text);
        return NULL;
    }
    use_request(s, use->value, text, hit);
    return NULL;
}

static enum parse_result no_request(struct template_parser *p, struct str line)
{
    const struct template_row *row = &templates[p->base.format->row->variant];

    if (!row->is_message || !row->is_message(line))
        return parser_fail(&p->base, p->run.error, p->run.column);
    p->base.directive = DIRECTIVE_MESSAGE;
    return PARSE_DIRECTIVE;
}

/* A header; a syslog's word on a line, where the template has that prefix itself. */
static bool is_directive(struct template_parser *p, struct str line)
{
    const struct template_row *row = &templates[p->base.format->row->variant];
    bool repetition = row->is_message && server_repetition_behind(line);

    if (repetition)
        p->base.directive = DIRECTIVE_MESSAGE;
    return repetition || (row->header && str_starts(line, str_of(row->header)));
}

static enum parse_result template_line(struct parser *base, struct str line, struct hit *hit)
{
    struct template_parser *p = (struct template_parser *)base;
    const struct template_format *f = (const struct template_format *)base->format;
    decode_fn *decode = f->t.decode;

    if (is_directive(p, line))
        return PARSE_DIRECTIVE;
    if (decode && !memchr(line.p, f->t.mark, line.n))
        decode = NULL;
    p->run.no_backslash = f->t.mark == '\\' && !decode;
    if (!program_scan(f->t.program, &p->run, line))
        return no_request(p, line);
    for (size_t i = 0; i < f->n; i++) {
        const struct template_use *use = &f->uses[i];
        struct str text = p->run.spans[use->step];
        const char *problem;
        bool raw = f->t.raw_request && use->value == VALUE_REQUEST;

        if (!str_is_set(text))
            continue;
        problem = use_field(p, use, raw ? NULL : decode, text, hit);
        if (problem)
            return parser_fail(base, problem, (size_t)(text.p - line.p));
    }
    if (f->from_list)
        hit->client_ip = client_ip_of_list(hit->forwarded_for);
    hit->client_ip = without_brackets(hit->client_ip);
    return PARSE_OK;
}

const struct format_family format_template_family = {
    .directives = false,
    .format_size = sizeof(struct template_format),
    .parser_size = sizeof(struct template_parser),
    .format_init = template_format_init,
    .format_release = template_format_release,
    .fields = template_fields,
    .parser_init = template_parser_init,
    .parser_release = template_parser_release,
    .line = template_line,
};

const struct program *format_template_program(const struct format *f)
{
    return f->row->family == &format_template_family
               ? ((const struct template_format *)f)->t.program
               : NULL;
}

unsigned format_template_fields(const struct format *f)
{
    const struct program *program = format_template_program(f);
    uint64_t values = 0;

    for (size_t i = 0; program && i < program_steps(program); i++) {
        const struct program_field *field = program_step_field(program, i);
        values |= field->shape != SHAPE_NONE ? VALUE_BIT(field->value) : 0;
    }
    return fields_of(values, false);
}
