/*
 * format.c - the formats by name, and what is common to all of them: the line end, the cap on a
 * line, scratch space, errors. The work on a line is done by the family (format_impl.h).
 */
#include "parsers/format.h"

#include "parsers/format_impl.h"

#include <stdlib.h>

#define AGENT "Mozilla/5.0 (compatible; GPTBot/1.3; +https://openai.com/gptbot)"
#define COMMON "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET /docs/?v=2 HTTP/1.1\" 200 6329"
#define COMBINED COMMON " \"https://www.example.com/\" \"" AGENT "\""
#define HAPROXY                                                                                    \
    "Nov  3 00:10:24 lb1 haproxy[812]: 203.0.113.20:44512 [03/Nov/2026:00:10:24.186] https~ "      \
    "web/web1 0/0/1/11/12 200 6329 - - ---- 2/2/0/0/0 0/0 "
#define CLOUDFRONT                                                                                 \
    "#Version: 1.0\n"                                                                              \
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "   \
    "cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id "     \
    "x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "       \
    "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "      \
    "time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "               \
    "sc-range-start sc-range-end\n"                                                                \
    "2026-11-03\t00:10:24\tFRA56-P4\t6329\t203.0.113.20\tGET\td111111abcdef8.cloudfront.net\t"     \
    "/docs/\t200\thttps://www.example.com/\t"                                                      \
    "Mozilla/5.0%20(compatible;%20GPTBot/1.3;%20+https://openai.com/gptbot)\tv=2\t-\tHit\t"        \
    "Kq1fT3Yw0pRsV7mN2bXcZ9aLdQeHgJuIoP4tS6vW8yB5nM0kA1rDxE==\twww.example.com\thttps\t412\t0."    \
    "003\t"                                                                                        \
    "-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tHit\tHTTP/2.0\t-\t-\t44512\t0.003\tHit\ttext/"            \
    "html\t6000\t-\t-"

#define ROW(name, about, argument, variant, example)                                               \
    {                                                                                              \
        name, about, argument, &format_template_family, variant, example                           \
    }

static const struct format_row rows[] = {
    ROW("nginx_combined", "nginx's compiled-in default access log", NULL, TEMPLATE_NGINX_COMBINED,
        COMBINED),
    ROW("nginx_main", "nginx's packaged \"main\": combined and a quoted X-Forwarded-For", NULL,
        TEMPLATE_NGINX_MAIN, COMBINED " \"198.51.100.7\""),
    ROW("nginx", "any log_format of nginx, as it stands in nginx.conf",
        "$host $remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
        "\"$http_referer\" \"$http_user_agent\" $request_time \"$sent_http_content_type\"",
        TEMPLATE_NGINX, "www.example.com " COMBINED " 0.012 \"text/html\""),
    ROW("nginx_proxy_manager", "the proxy hosts of nginx-proxy-manager", NULL, TEMPLATE_NPM,
        "[03/Nov/2026:00:10:24 +0000] - 200 200 - GET https www.example.com \"/docs/?v=2\" [Client "
        "203.0.113.20] [Length 6329] [Gzip 2.71] [Sent-to 192.0.2.10] \"" AGENT
        "\" \"https://www.example.com/\""),
    ROW("apache_common", "Apache's \"common\": no referrer, no user agent", NULL,
        TEMPLATE_APACHE_COMMON, COMMON),
    ROW("apache_combined", "Apache's \"combined\" (also LiteSpeed)", NULL, TEMPLATE_APACHE_COMBINED,
        COMBINED),
    ROW("apache_combinedio", "Apache's \"combined\" with the bytes read and written", NULL,
        TEMPLATE_APACHE_COMBINEDIO, COMBINED " 412 6570"),
    ROW("apache_vhost_combined",
        "Apache's \"vhost_combined\": the server's name and port before combined "
        "(other_vhosts_access.log)",
        NULL, TEMPLATE_APACHE_VHOST, "www.example.com:443 " COMBINED),
    ROW("apache", "any LogFormat of Apache, as it stands in apache2.conf",
        "%v %h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D \"%{Content-Type}o\"",
        TEMPLATE_APACHE, "www.example.com " COMBINED " 12034 \"text/html\""),
    ROW("varnish_ncsa", "varnishncsa: combined, with the whole URL in the request line", NULL,
        TEMPLATE_VARNISH,
        "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET http://www.example.com/docs/?v=2 "
        "HTTP/1.1\" 200 6329 \"https://www.example.com/\" \"" AGENT "\""),
    ROW("traefik_clf", "Traefik's common log format, and genericCLF", NULL, TEMPLATE_TRAEFIK,
        COMBINED " 412 \"web@docker\" \"http://192.0.2.10:80\" 12ms"),
    ROW("haproxy_http", "HAProxy's HTTP log (option httplog), with or without a syslog's prefix",
        NULL, TEMPLATE_HAPROXY_HTTP, HAPROXY "\"GET /docs/?v=2 HTTP/1.1\""),
    ROW("haproxy",
        "the same with the names of the captured headers, of requests and then of answers: "
        "'host|user_agent|referrer content_type'",
        "host|user_agent content_type", TEMPLATE_HAPROXY,
        HAPROXY "{www.example.com|" AGENT "} {text/html} \"GET /docs/?v=2 HTTP/1.1\""),
    ROW("alb", "AWS application load balancers, of any year", NULL, TEMPLATE_ALB,
        "https 2026-11-03T00:10:24.186641Z app/web/50dc6c495c0c9188 203.0.113.20:44512 "
        "192.0.2.10:80 0.000 0.011 0.000 200 200 412 6329 \"GET "
        "https://www.example.com:443/docs/?v=2 HTTP/1.1\" \"" AGENT
        "\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 "
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/web/73e2d6bc24d8a067 "
        "\"Root=1-58337262-36d228ad5d99923122bbe354\" \"www.example.com\" \"-\" 0 "
        "2026-11-03T00:10:24.175000Z \"forward\" \"-\" \"-\" \"192.0.2.10:80\" \"200\" \"-\" \"-\" "
        "TID_1234abcd5678ef90"),
    ROW("elb", "AWS classic load balancers", NULL, TEMPLATE_ELB,
        "2026-11-03T00:10:24.186641Z web 203.0.113.20:44512 192.0.2.10:80 0.000073 0.011048 "
        "0.000057 200 200 412 6329 \"GET https://www.example.com:443/docs/?v=2 HTTP/1.1\" \"" AGENT
        "\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2"),
    ROW("envoy", "Envoy's default text format", NULL, TEMPLATE_ENVOY,
        "[2026-11-03T00:10:24.186Z] \"GET /docs/?v=2 HTTP/2\" 200 - 0 6329 12 11 \"203.0.113.20\" "
        "\"" AGENT
        "\" \"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\" \"www.example.com\" \"192.0.2.10:80\""),
    ROW("bunny", "bunny.net's logs with bars", NULL, TEMPLATE_BUNNY,
        "HIT|200|1793664624421|6329|412|203.0.113.20|https://www.example.com/|"
        "https://www.example.com/docs/?v=2|DE|" AGENT "|322b688bd63fb63f2babe9de30a5d262|DE"),
    {"cloudfront", "CloudFront standard logs with tabs, by their #Fields line", NULL,
     &format_cloudfront_family, 0, CLOUDFRONT},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct format_row *find_row(struct str name)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (str_eq(name, str_of(rows[i].name)))
            return &rows[i];
    }
    return NULL;
}

static void say_unknown(struct buf *why, struct str name)
{
    if (name.n > 40)
        name.n = 40;
    buf_lit(why, "there is no format \"");
    for (size_t i = 0; i < name.n; i++)
        buf_putc(why, name.p[i] >= ' ' && name.p[i] <= '~' ? name.p[i] : '?');
    buf_lit(why, "\"; there are ");
    for (size_t i = 0; i < N_ROWS; i++) {
        if (i > 0)
            buf_lit(why, ", ");
        buf_put_str(why, str_of(rows[i].name));
    }
}

/* The row of "name" or "name:argument". */
static const struct format_row *choose_row(struct str name, struct str *argument, struct buf *why)
{
    ptrdiff_t colon = str_chr(name, ':', 0);
    struct str word = colon < 0 ? name : str_slice(name, 0, (size_t)colon);
    const struct format_row *row = find_row(word);

    *argument = colon < 0 ? STR_NONE : str_slice(name, (size_t)colon + 1, name.n);
    if (!row) {
        say_unknown(why, word);
        return NULL;
    }
    if (str_is_set(*argument) && !row->argument) {
        buf_printf(why, "the format %s takes nothing behind its name", row->name);
        return NULL;
    }
    if (!str_is_set(*argument) && row->argument) {
        buf_printf(why, "the format %s is written %s:%s", row->name, row->name, row->argument);
        return NULL;
    }
    return row;
}

struct format *format_new(struct str spec, const struct zone *zone, struct buf *why)
{
    struct str argument;
    const struct format_row *row = choose_row(spec, &argument, why);
    struct format *f;

    if (!row)
        return NULL;
    f = calloc(1, row->family->format_size);
    if (!f) {
        buf_lit(why, "out of memory");
        return NULL;
    }
    f->row = row;
    f->zone = zone;
    if (row->family->format_init(f, argument, why)) {
        format_free(f);
        return NULL;
    }
    return f;
}

void format_free(struct format *f)
{
    if (!f)
        return;
    f->row->family->format_release(f);
    free(f);
}

const char *format_name(const struct format *f)
{
    return f->row->name;
}

const char *format_list(size_t i, const char **about)
{
    if (i >= N_ROWS)
        return NULL;
    *about = rows[i].about;
    return rows[i].name;
}

const char *format_example(size_t i)
{
    return i < N_ROWS ? rows[i].example : NULL;
}

const char *format_argument(size_t i)
{
    return i < N_ROWS ? rows[i].argument : NULL;
}

bool format_has_directives(const struct format *f)
{
    return f->row->family->directives;
}

bool format_is_fast(const struct format *f)
{
    return f->row->family->is_fast(f);
}

struct parser *parser_new(const struct format *f)
{
    struct parser *p = calloc(1, f->row->family->parser_size);

    if (!p)
        return NULL;
    p->format = f;
    p->error = "";
    if (decode_scratch_init(&p->scratch) || f->row->family->parser_init(p)) {
        parser_free(p);
        return NULL;
    }
    return p;
}

void parser_free(struct parser *p)
{
    if (!p)
        return;
    p->format->row->family->parser_release(p);
    decode_scratch_release(&p->scratch);
    free(p);
}

void parser_reset(struct parser *p)
{
    p->error = "";
    p->error_at = 0;
    p->format->row->family->parser_reset(p);
}

enum parse_result parser_line(struct parser *p, struct str line, struct hit *hit)
{
    struct hit found = hit_nothing();
    enum parse_result result;

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n == 0)
        return parser_fail(p, "the line is empty", 0);
    if (line.n > FORMAT_MAX_LINE)
        return parser_fail(p, "the line is over 1 MiB", FORMAT_MAX_LINE);
    decode_scratch_reset(&p->scratch);
    result = p->format->row->family->line(p, line, &found);
    if (result != PARSE_OK)
        return result;
    if (p->scratch.failed)
        return parser_fail(p, "the decoded fields are too long", line.n);
    *hit = found;
    return PARSE_OK;
}

const char *parser_error(const struct parser *p, size_t *column)
{
    *column = p->error_at;
    return p->error;
}
