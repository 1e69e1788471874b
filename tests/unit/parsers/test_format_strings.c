/* Format strings as people write them into nginx.conf and apache2.conf: what each of their lines
 * tells, also of requests that are none, and which of them no line can be read by. */
#include "tests/unit/parsers/format_fixture.h"

#define TIME "02/Jan/2026:03:04:05 +0000"
#define T0 INT64_C(1767323045000)

struct string_case {
    const char *name, *format, *line;
    const char *path, *host, *client, *user_agent; /* NULL: none */
    int64_t bytes;
};

static const struct string_case good[] = {
    /* nginx: a port, and TLS' name, before the path */
    {"a port before the path",
     "nginx:[$time_local] $scheme://$host:$server_port$request_uri $status",
     "[" TIME "] https://a.example:8443/docs/?p=2 200", .path = "/docs/", .host = "a.example"},
    {"TLS' name before the path", "nginx:[$time_local] \"GET $ssl_server_name$uri\" $status",
     "[" TIME "] \"GET a.example/docs/\" 200", .path = "/docs/", .host = "a.example"},
    {"no path behind the port",
     "nginx:escape=json {\"t\":\"$msec\",\"u\":\"$host:$server_port$request_uri\"}",
     "{\"t\":\"1767323045.000\",\"u\":\"a.example:80\"}", .host = "a.example"},
    /* nginx: requests that are none */
    {"no path behind a quoted host", "nginx:[$time_local] \"$host$request_uri\" $status",
     "[" TIME "] \"a.example-\" 400", .host = "a.example-"},
    {"no path, in JSON",
     "nginx:escape=json {\"t\":\"$msec\",\"u\":\"$host$request_uri\",\"s\":$status}",
     "{\"t\":\"1767323045.000\",\"u\":\"a.example\",\"s\":400}", .host = "a.example"},
    {"no path, between bars", "nginx:$time_local|$host$request_uri|$status", TIME "|a.example-|400",
     .host = "a.example-"},
    {"no protocol", "nginx:[$time_local] \"$request_method $uri $server_protocol\" $status",
     "[" TIME "] \"- - \" 505", .path = NULL},
    /* nginx: as it stands in nginx.conf */
    {"comments and breaks between the pieces",
     "nginx:log_format own # of the shop\n"
     "    # who\n    '$remote_addr ' # and when\n    \"[$time_local] \"\n\t'$uri' ' $status';\n",
     "192.0.2.7 [" TIME "] /a 200", .path = "/a", .client = "192.0.2.7"},
    {"a comment in a piece is none", "nginx:log_format own '[$time_local] # $uri'\n' # $status';",
     "[" TIME "] # /a # 200", .path = "/a"},
    {"a break and its indentation outside of quotes",
     "nginx:log_format own\n    [$time_local]|\r\n    $uri|\n    $status;", "[" TIME "]|/a|200",
     .path = "/a"},
    {"a break at the end", "nginx:log_format own '[$time_local] $uri $status\\n';",
     "[" TIME "] /a 200", .path = "/a"},
    {"a name ends with its piece",
     "nginx:log_format own '[$time_local] $uri $body_bytes_sent' 'B $host' '_';",
     "[" TIME "] /a 321B a.example_", .path = "/a", .host = "a.example", .bytes = 321},
    /* nginx: addresses by other names */
    {"an address that a map made shorter", "nginx:$remote_addr_anon [$time_local] $uri",
     "192.0.2.0 [" TIME "] /a", .path = "/a", .client = "192.0.2.0"},
    {"the address itself is more", "nginx:$remote_addr $remote_addr_anon [$time_local] $uri",
     "192.0.2.7 192.0.2.0 [" TIME "] /a", .path = "/a", .client = "192.0.2.7"},
    {"the address is in a CDN's header", "nginx:$http_cf_connecting_ip [$time_local] $uri",
     "203.0.113.7 [" TIME "] /a", .path = "/a", .client = "203.0.113.7"},
    {"the list is more than one header",
     "nginx:$http_x_forwarded_for|$http_x_real_ip|$time_local|$uri",
     "203.0.113.7, 10.0.0.2|10.0.0.3|" TIME "|/a", .path = "/a", .client = "203.0.113.7"},
    /* Apache */
    {"the time to the first byte is no number of bytes", "apache:%h %t \"%r\" %>s %B ttfb=%^FB",
     "192.0.2.7 [" TIME "] \"GET /a HTTP/1.1\" 200 321 ttfb=4711", .path = "/a",
     .client = "192.0.2.7", .bytes = 321},
    {"directives of other modules", "apache:%h %E %t \"%r\" %>s %b %{TX.score}M \"%{User-Agent}i\"",
     "192.0.2.7 005a,0:1 [" TIME "] \"GET /a HTTP/1.1\" 200 321 - \"x y\"", .path = "/a",
     .client = "192.0.2.7", .user_agent = "x y", .bytes = 321},
    {"a fraction of its own", "apache:%h %t %{msec_frac}t \"%r\" %>s %b",
     "192.0.2.7 [" TIME "] 042 \"GET /a HTTP/1.1\" 200 321", .path = "/a", .client = "192.0.2.7",
     .bytes = 321},
    {"a fraction before the time", "apache:%{usec_frac}t %h %t \"%r\" %>s %b",
     "042137 192.0.2.7 [" TIME "] \"GET /a HTTP/1.1\" 200 321", .path = "/a", .client = "192.0.2.7",
     .bytes = 321},
    {"fractions of their own, quoted", "apache:%t \"%{msec_frac}t\" \"%{usec_frac}t\" \"%r\"",
     "[" TIME "] \"042\" \"042137\" \"GET /a HTTP/1.1\"", .path = "/a"},
    {"the same time twice", "apache:%{%s}t %h %{%Y-%m-%d %T}t \"%r\" %>s %b",
     "1767323045 192.0.2.7 2026-01-02 03:04:05 \"GET /a HTTP/1.1\" 200 321", .path = "/a",
     .client = "192.0.2.7", .bytes = 321},
    {"the header of a proxy", "apache:%{X-Real-IP}i %t \"%r\" %>s %b",
     "203.0.113.7 [" TIME "] \"GET /a HTTP/1.1\" 200 321", .path = "/a", .client = "203.0.113.7",
     .bytes = 321},
    {"a thread in hexadecimal digits", "apache:%h %{hextid}P %t \"%r\" %>s %b",
     "192.0.2.7 7f3a0c1e [" TIME "] \"GET /a HTTP/1.1\" 200 321", .path = "/a",
     .client = "192.0.2.7", .bytes = 321},
    {"a break at the end", "apache:LogFormat \"%h %t \\\"%r\\\" %>s %b\\n\" own",
     "192.0.2.7 [" TIME "] \"GET /a HTTP/1.1\" 200 321", .path = "/a", .client = "192.0.2.7",
     .bytes = 321},
};

static bool is(struct str found, const char *wanted)
{
    return wanted ? str_eq(found, str_of(wanted)) : !str_is_set(found);
}

static void check_good(struct fixture *x, const struct string_case *c)
{
    const struct hit *h = &x->hit;
    const char *wrong = NULL;

    if (fixture_parse(x, str_of(c->line)) != PARSE_OK) {
        size_t column;

        fail_msg("%s: %s", c->name, parser_error(x->parser, &column));
    }
    if (!is(h->path, c->path))
        wrong = "path";
    else if (!is(h->host, c->host))
        wrong = "host";
    else if (!is(h->client_ip, c->client))
        wrong = "client";
    else if (!is(h->user_agent, c->user_agent))
        wrong = "user agent";
    else if (h->bytes != (c->bytes ? c->bytes : HIT_NO_NUMBER))
        wrong = "bytes";
    else if (h->time_ms != T0)
        wrong = "time";
    if (wrong)
        fail_msg("%s: %s is wrong: %.*s %.*s %.*s", c->name, wrong, STR_ARGS(h->path),
                 STR_ARGS(h->host), STR_ARGS(h->client_ip));
}

static void test_good(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct fixture x;

        fixture_open(&x, str_of(good[i].format), NULL);
        check_good(&x, &good[i]);
        fixture_close(&x);
    }
}

/* Why, and what to do about it. */
static const struct {
    const char *format, *why;
} refused[] = {
    {"nginx:log_format own '[$time_local]\n$request';", "line break"},
    {"nginx:[$time_local] $request\\n$request_body", "line break"},
    {"apache:%t \\\"%r\\\"\\n%>s", "line break"},
    {"nginx:$time_of_mine \"$request\"", "$time_iso8601 or $msec in place of a variable of yours"},
    {"nginx:[$time_local] $path_of_mine", "$request_uri in place of a variable of yours"},
    {"nginx:[$time_local] $upstream_addr$request_uri", "nothing stands between $upstream_addr and"},
    {"apache:%h \\\"%r\\\" %{%Y-%m-%d}t", "not all of year"},
    {"apache:%h \\\"%r\\\" %{%Q}t", "%Q in a time is not known"},
    {"apache:%h \\\"%r\\\" %>s", "add it as %t"},
    {"apache:%t \\\"%r\\\" %9", "is the end of it"},
    {"apache:%t \\\"%r\\\" %\"", "not known"},
};

static void test_refused(void **state)
{
    struct buf why;
    (void)state;

    buf_init(&why, 4096);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct format *f = format_new(str_of(refused[i].format), NULL, &why);

        if (f || !strstr(buf_cstr(&why), refused[i].why))
            fail_msg("%s: %s", refused[i].format, f ? "taken" : buf_cstr(&why));
        buf_reset(&why);
    }
    buf_release(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
