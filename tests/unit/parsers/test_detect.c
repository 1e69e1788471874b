/* Which format lines have: every row's own example, what speaks for a program, what fits nothing.
 */
#include "parsers/detect.h"
#include "parsers/base/json.h"
#include "parsers/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MAX_LINES 1200

/* For all tests: what one log leaves in a format must say nothing of the next. */
static struct detect_formats *kept;

static struct detection detected(struct str text, const char *path)
{
    static struct str lines[MAX_LINES];
    struct detection d;
    size_t n = 0;

    while (text.n && n < MAX_LINES)
        lines[n++] = str_cut(&text, '\n');
    assert_int_equal(detect_format(lines, n, str_of(path), kept, &d), 0);
    return d;
}

static int make_kept(void **state)
{
    kept = detect_formats_new();
    return kept ? 0 : -1;
}

static int free_kept(void **state)
{
    detect_formats_free(kept);
    return 0;
}

/* Formats that were used before find what new ones find. */
/* Sites of one file, each with a format of its own. */
static void test_mixtures(void **state)
{
    static const char *const lines[] = {
        "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET /a HTTP/1.1\" 200 5",
        "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET /b HTTP/1.1\" 200 5 \"-\" "
        "\"curl/8.1\"",
        "a.example:443 203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET /c HTTP/1.1\" 200 5 "
        "\"-\" "
        "\"curl/8.1\"",
        "a.example 203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET /d HTTP/1.1\" 200 5 \"-\" "
        "\"curl/8.1\"",
        "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET /e HTTP/1.1\" 200 5 \"-\" "
        "\"curl/8.1\" "
        "\"192.0.2.7\"",
    };
    struct str text[COUNT_OF(lines)];
    struct detection d;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(lines); i++)
        text[i] = str_of(lines[i]);
    assert_int_equal(detect_format(text, COUNT_OF(lines), STR_NONE, NULL, &d), 0);
    assert_string_equal(d.spec, "clf");
    assert_int_equal(d.matched, COUNT_OF(lines));
    /* But one format where there is one. */
    for (size_t i = 1; i < COUNT_OF(lines); i++) {
        assert_int_equal(detect_format(&text[i], 1, STR_NONE, NULL, &d), 0);
        assert_int_equal(d.matched, 1);
        assert_string_not_equal(d.spec, "clf");
    }
}

static void test_kept(void **state)
{
    const char *example;
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < 30 && (example = format_example(i)); i += 4) {
            struct detect_formats *before = kept;
            struct detection found = detected(str_of(example), "x"), anew;
            kept = NULL;
            anew = detected(str_of(example), "x");
            kept = before;
            assert_string_equal(found.spec, anew.spec);
            assert_true(found.matched == anew.matched && found.fields == anew.fields &&
                        found.bad_column == anew.bad_column &&
                        found.second_matched == anew.second_matched);
        }
}

/* The lines of an example are of its format, or of one that reads them as well. */
static void test_examples(void **state)
{
    const char *name, *about;

    for (size_t i = 0; (name = format_list(i, &about)); i++) {
        struct buf why;
        const char *example = format_example(i);
        buf_init(&why, 4096);
        char spec[64];
        snprintf(spec, sizeof(spec), "%s%s", format_before(i), name);
        struct format *f = format_new(str_of(spec), NULL, &why);
        buf_release(&why);
        if (!f || !example) {
            format_free(f);
            continue; /* a constructor */
        }
        format_free(f);
        struct detection d = detected(str_of(example), NULL);
        if (!d.fits || d.matched != d.lines || d.n_samples < 1)
            fail_msg("%s: %s fits %u of %u", name, d.spec, d.matched, d.lines);
        if (strcmp(name, "apache_combined") != 0 && strcmp(spec, d.spec) != 0)
            printf("note: the example of %s is taken for %s\n", name, d.spec);
    }
}

#define HAPROXY                                                                                    \
    "203.0.113.20:44512 [03/Nov/2026:00:10:24.186] https~ web/web1 0/0/1/11/12 200 6329 - - "      \
    "---- 2/2/0/0/0 0/0 "
#define FRONT "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] "
#define VHOST "www.example.com:443 " FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"\n"
#define VHOSTS VHOST VHOST VHOST VHOST VHOST VHOST VHOST VHOST
#define SYSLOG "Nov 13 00:10:24 web1 nginx: " FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"\n"

struct spec_case {
    const char *name, *path, *text, *spec;
};

static void check_specs(const struct spec_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct detection d = detected(str_of(cases[i].text), cases[i].path);
        if (!d.fits || strcmp(d.spec, cases[i].spec) != 0)
            fail_msg("%s: %s, expected %s", cases[i].name, d.spec, cases[i].spec);
    }
}

static const struct spec_case programs[] = {
    {"no bytes are 0", NULL, FRONT "\"GET / HTTP/1.1\" 304 0 \"-\" \"a\"", "nginx_combined"},
    {"JSON of no bytes", "/var/log/nginx/caddy.log",
     "{\"level\":\"info\",\"ts\":1793664624.2504,\"logger\":\"http.log.access\",\"msg\":"
     "\"handled "
     "request\",\"request\":{\"client_ip\":\"203.0.113.20\",\"method\":\"GET\",\"host\":"
     "\"a.example\",\"uri\":\"/\"},\"duration\":0.001,\"size\":0,\"status\":304}",
     "caddy_json"},
    {"no bytes are -", NULL, FRONT "\"GET / HTTP/1.1\" 304 - \"-\" \"a\"", "apache_combined"},
    {"a quote as \\x22", "/var/log/apache2/access.log",
     FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a \\x22b\\x22\"", "nginx_combined"},
    {"a quote as \\\"", "/var/log/nginx/access.log",
     FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a \\\"b\\\"\"", "apache_combined"},
    {"upper-case hex", NULL, FRONT "\"\\x16\\x03\\xFE\" 400 5 \"-\" \"-\"", "nginx_combined"},
    {"lower-case hex", NULL, FRONT "\"\\x16\\x03\\xfe\" 400 5 \"-\" \"-\"", "apache_combined"},
    {"the file's name", "/var/log/apache2/access.log", FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"",
     "apache_combined"},
    {"nothing", NULL, FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"", "nginx_combined"},
    {"the server's name before it", NULL, "a.example " FRONT "\"GET / HTTP/1.1\" 200 - \"-\" \"a\"",
     "apache:%v %h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""},
    {"the server's name before common", NULL, "a.example " FRONT "\"GET / HTTP/1.1\" 200 5",
     "apache:%v %h %l %u %t \"%r\" %>s %b"},
    {"captured headers of HAProxy's, of requests and of answers", NULL,
     HAPROXY
     "{a.example|curl/8|x} {} \"GET / HTTP/1.1\"\n" HAPROXY "{||} {} \"GET / HTTP/1.1\"\n" HAPROXY
     "\"<BADREQ>\"\n" HAPROXY "{203.0.113.9|Mozilla/5.0 (X11)|} {} \"GET / HTTP/1.1\"\n" HAPROXY
     "{b.example:443|a|} {} \"GET / HTTP/1.1\"\n" HAPROXY "{b.example|bb/1|} {} \"GET / HTTP/1.1\"",
     "haproxy:host|user_agent|- -"},
    {"captured headers that cannot be told", NULL, HAPROXY "{a|b} \"GET / HTTP/1.1\"",
     "haproxy_http"},
    {"a log name, which is no host", NULL,
     "203.0.113.20 user-identifier frank [03/Nov/2026:00:10:24 +0000] \"GET / HTTP/1.1\" 200 5 "
     "\"-\" \"a\"",
     "apache_combined"},
    {"a name before some", NULL,
     FRONT "\"GET / HTTP/1.1\" 200 - \"-\" \"a\"\n" FRONT
           "\"GET / HTTP/1.1\" 200 - \"-\" \"a\"\na.example " FRONT
           "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"",
     "clf"},
    {"a name before all but one", NULL,
     FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"\n" VHOSTS VHOSTS VHOSTS VHOSTS VHOSTS VHOSTS VHOSTS
         VHOSTS,
     "apache_vhost_combined"},
    {"a syslog's before all but one", NULL,
     FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"\n" SYSLOG SYSLOG SYSLOG, "syslog+nginx_combined"},
    {"the journal's word before a line of it", NULL,
     "-- Logs begin at Tue 2026-11-03 00:00:00 UTC, end at x. --\n" SYSLOG,
     "syslog+nginx_combined"},
    {"the host before the request", NULL,
     "203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"www.example.org\" \"GET / HTTP/1.1\" 200 "
     "0 \"-\" \"a\"",
     "nginx:$remote_addr - $remote_user [$time_local] \"$host\" \"$request\" $status "
     "$body_bytes_sent \"$http_referer\" \"$http_user_agent\""},
    {"GitLab's, which ends in what gzip saved", NULL,
     FRONT "\"GET / HTTP/1.1\" 200 9 \"-\" \"a\" 4.87\n" FRONT
           "\"GET /a HTTP/1.1\" 200 9 \"-\" \"a\" -\n" FRONT
           "\"GET /b HTTP/1.1\" 200 9 \"-\" \"a\" -",
     "nginx:$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
     "\"$http_referer\" \"$http_user_agent\" $gzip_ratio"},
    {"a user of two words", NULL,
     "203.0.113.20 - a b [03/Nov/2026:00:10:24 +0000] \"GET / HTTP/1.1\" 200 - \"-\" \"a\"",
     "apache_combined"},
    {"the name where the log name is", NULL,
     "203.0.113.20 a.example - [03/Nov/2026:00:10:24 +0000] \"GET / HTTP/1.1\" 200 - \"-\" "
     "\"a\"",
     "apache:%h %v %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""},
    {"lists of addresses", NULL,
     "10.0.0.2, 10.0.0.1, " FRONT "\"GET / HTTP/1.1\" 200 - \"-\" \"a\"",
     "apache:%{X-Forwarded-For}i - %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""},
    {"one column more", NULL, FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\" \"-\"", "nginx_main"},
    {"X-Forwarded-For by its name", NULL,
     FRONT "\"GET / HTTP/1.1\" 200 - \"-\" \"a\" X-Forwarded-For=\"192.0.2.7, 10.0.0.1\"",
     "apache:%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" "
     "X-Forwarded-For=\"%{X-Forwarded-For}i\""},
    {"BunkerWeb", NULL,
     "a.example 203.0.113.20 - 7bde940ef0f870cd - [03/Nov/2026:00:10:24 +0000] \"GET / "
     "HTTP/1.1\" "
     "200 5 \"-\" \"a\"",
     "nginx:$host $remote_addr - $request_id $remote_user [$time_local] \"$request\" $status "
     "$body_bytes_sent \"$http_referer\" \"$http_user_agent\""},
    {"nginx-proxy-manager without an upstream", NULL,
     "[03/Nov/2026:00:10:24 +0000] 200 - GET https a.example \"/\" [Client 203.0.113.20] "
     "[Length 5] [Gzip -] \"a\" \"-\"",
     "nginx:[$time_local] $status - $request_method $scheme $host \"$request_uri\" [Client "
     "$remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] \"$http_user_agent\" "
     "\"$http_referer\""},
    {"NPMplus", NULL,
     "[03/Nov/2026:00:10:24 +0000] a.example 203.0.113.20 0.002 \"GET / HTTP/2.0\" 200 5 333 - "
     "Mozilla/5.0 (X11; Linux x86_64)",
     "nginx:[$time_local] $host $remote_addr $request_time \"$request\" $status "
     "$body_bytes_sent $bytes_sent $http_referer $http_user_agent"},
    {"nginx's main_ext", NULL,
     FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\" \"-\" \"a.example\" sn=\"a.example\" "
           "rt=0.020 ua=\"192.0.2.10:80\" us=\"200\" ut=\"0.019\" ul=\"5\" cs=-",
     "nginx:$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
     "\"$http_referer\" \"$http_user_agent\" \"$http_x_forwarded_for\" \"$host\" "
     "sn=\"$server_name\" rt=$request_time ua=\"$upstream_addr\" us=\"$upstream_status\" "
     "ut=\"$upstream_response_time\" ul=\"$upstream_response_length\" "
     "cs=$upstream_cache_status"},
    {"mod_ssl's ssl_request_log", NULL,
     "[03/Nov/2026:00:10:24 +0000] 203.0.113.20 TLSv1.3 TLS_AES_128_GCM_SHA256 "
     "\"GET /a HTTP/1.1\" 6329",
     "apache:%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x \"%r\" %b"},
};

static void test_programs(void **state)
{
    check_specs(programs, COUNT_OF(programs));
}

/* One line in a hundred that only the mixture reads does not make it one; several do. */
static void test_few_odd_lines(void **state)
{
    static const char plain[] = FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"";
    static const char odd[] = FRONT "\"GET / HTTP/1.1\" 200 0 x \"-\" \"a\" y z";
    struct str lines[100];
    struct detection d;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(lines); i++)
        lines[i] = str_of(i == 50 ? odd : plain);
    assert_int_equal(detect_format(lines, COUNT_OF(lines), STR_NONE, NULL, &d), 0);
    assert_string_equal(d.spec, "nginx_combined");
    for (size_t i = 0; i < COUNT_OF(lines); i += 20)
        lines[i] = str_of(odd);
    assert_int_equal(detect_format(lines, COUNT_OF(lines), STR_NONE, NULL, &d), 0);
    assert_string_equal(d.spec, "clf");
    assert_int_equal(d.matched, COUNT_OF(lines));
}

/* A time is nowhere: that is what is told, and how to mend it. */
static void test_untimed(void **state)
{
    static const char *const lines[] = {
        "INFO:     203.0.113.20:44512 - \"GET / HTTP/1.1\" 200 OK",
        "203.0.113.20 - GET /docs/ HTTP/1.1 200 6329 - 12.034 ms",
        "00:10:24 | 200 |    12.0341ms |    203.0.113.20 | GET     | /docs/ ",
        "method=GET path=/ format=html controller=A action=b status=200 duration=5.1",
        "web-1  | INFO:     203.0.113.20:44512 - \"GET / HTTP/1.1\" 200 OK",
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct detection d = detected(str_of(lines[i]), NULL);

        assert_false(d.fits);
        if (!strstr(d.error, "no time"))
            fail_msg("%s: %s", lines[i], d.error);
    }
}

#define NGINX_KEYS(user)                                                                           \
    "{\"time_iso8601\":\"2026-11-03T00:10:24+00:00\",\"remote_addr\":\"203.0.113.20\","            \
    "\"remote_user\":\"" user                                                                      \
    "\",\"request_method\":\"GET\",\"request_uri\":\"/a\",\"status\":200,\"request_time\":0.012,"  \
    "\"http_user_agent\":\"a\"}\n"

/* What is around lines, and begins like some formats. */
static const struct spec_case around[] = {
    {"a time before it", NULL,
     "2026-11-03T00:10:24.123Z " FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"",
     "stamp+nginx_combined"},
    {"Filebeat", NULL,
     "{\"@timestamp\":\"2026-11-03T00:10:24.1Z\",\"message\":\"203.0.113.20 - - "
     "[03/Nov/2026:00:10:24 +0000] \\\"GET / HTTP/1.1\\\" 200 0 \\\"-\\\" \\\"a\\\"\"}",
     "message+nginx_combined"},
    {"Filebeat of a container", NULL,
     "{\"message\":\"2026-11-03T00:10:24.1Z stdout F 203.0.113.20 - - "
     "[03/Nov/2026:00:10:24 +0000] \\\"GET / HTTP/1.1\\\" 200 0 \\\"-\\\" \\\"a\\\"\"}",
     "message+cri+nginx_combined"},
    {"docker compose", NULL, "web-1  | " FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"",
     "compose+nginx_combined"},
    {"docker compose in colours", NULL,
     "\x1b[36mweb-1  | \x1b[0m" FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"",
     "compose+nginx_combined"},
    {"docker compose in colours, with the end of them before the blank", NULL,
     "\x1b[36mweb_1  |\x1b[0m " FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"",
     "compose+nginx_combined"},
    {"docker compose before Caddy's console", NULL,
     "php-1  | 2026/11/03 00:10:24.186\tINFO\thttp.log.access\thandled request\t{\"request\": "
     "{\"method\": \"GET\", \"uri\": \"/\"}, \"status\": 200}",
     "compose+caddy_json"},
    {"a time before uvicorn's", NULL,
     "2026-11-03T00:10:24.123Z INFO:     203.0.113.20:44512 - \"GET / HTTP/1.1\" 200 OK",
     "stamp+uvicorn"},
    {"docker compose and a time before morgan's", NULL,
     "web-1  | 2026-11-03T00:10:24.123Z GET /docs/ 200 6329 - 12.034 ms",
     "compose+stamp+morgan_tiny"},
    {"Rails' logger before lograge's", NULL,
     "I, [2026-11-03T00:10:24.186641 #812]  INFO -- : method=GET path=/ format=html "
     "controller=A action=b status=200 duration=5.1",
     "logger+logfmt"},
    {"env_logger before Actix's", NULL,
     "[2026-11-03T00:10:24Z INFO  actix_web::middleware::logger] 203.0.113.20 \"GET / "
     "HTTP/1.1\" "
     "200 9 \"-\" \"curl/8\" 0.000120",
     "logger+actix"},
    {"a syslog's before morgan's", NULL,
     "2026-11-03T00:10:24.123Z web1 app[12]: GET /docs/ 200 6329 - 12.034 ms",
     "syslog+morgan_tiny"},
    {"GELF around morgan's", NULL,
     "{\"version\":\"1.1\",\"timestamp\":1793664624.25,\"short_message\":\"\\u001b[0mGET / "
     "\\u001b[32m200\\u001b[0m 1.5 ms - 5\\u001b[0m\"}",
     "message+morgan_dev"},
    {"a container's before lograge's", NULL,
     "2026-11-03T00:10:24.1Z stdout F method=GET path=/ format=html controller=A action=b "
     "status=200 duration=5.1",
     "cri+logfmt"},
    {"Fluentd before a line in JSON", NULL,
     "2026-11-03T00:10:24+09:00\tweb.access\t{\"message\":\"203.0.113.20 - - "
     "[03/Nov/2026:00:10:24 +0000] \\\"GET / HTTP/1.1\\\" 200 0 \\\"-\\\" \\\"a\\\"\"}",
     "stamp+message+nginx_combined"},
    {"Fluentd before keys", NULL,
     "2026-11-03T00:10:24+09:00\tweb.access\t{\"remote\":\"203.0.113.20\",\"method\":\"GET\","
     "\"path\":\"/\",\"code\":\"200\",\"agent\":\"a\"}",
     "nginx_json"},
    {"JSON with one user of two words", NULL, NGINX_KEYS("-") NGINX_KEYS("a b") NGINX_KEYS("-"),
     "nginx_json"},
    {"Hypercorn, with a port behind the address", NULL,
     "[2026-11-03 00:10:24 +0000] [12] [INFO] 203.0.113.20:52000 - - [03/Nov/2026:00:10:24 "
     "+0000] "
     "\"GET / 1.1\" 200 12 \"-\" \"curl/8.1\"",
     "logger+nginx:$remote_addr:$remote_port - $remote_user [$time_local] \"$request\" $status "
     "$body_bytes_sent \"$http_referer\" \"$http_user_agent\""},
    {"OpenLiteSpeed with the host behind", NULL,
     "\"" FRONT "\"GET / HTTP/2\" 200 9 \"-\" \"curl/8.1 (a)\" \"www.example.com\"\"",
     "apache:\"%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" \"%{Host}i\"\""},
    {"OpenLiteSpeed's common", NULL, "\"" FRONT "\"GET / HTTP/2\" 200 9\"",
     "apache:\"%h %l %u %t \"%r\" %>s %b\""},
    {"OpenLiteSpeed with the host before", NULL,
     "\"www.example.com " FRONT "\"GET / HTTP/2\" 200 9 \"-\" \"curl/8.1 (a)\"\"",
     "apache:\"%v %h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\"\""},
    {"OpenLiteSpeed's common with the host before", NULL,
     "\"www.example.com " FRONT "\"GET / HTTP/2\" 200 9\"",
     "apache:\"%v %h %l %u %t \"%r\" %>s %b\""},
    {"Zoraxy", NULL,
     "[2026-11-03 00:10:24.186641] [router:host-http] [origin:www.example.com] "
     "[client: 203.0.113.20] [useragent: Mozilla/5.0 (X11; Linux x86_64)] GET /docs/?v=2 200",
     "apache:[%{%Y-%m-%d %T}t.%{usec_frac}t] [router:%{router}n] [origin:%v] [client: %h] "
     "[useragent: %{User-Agent}i] %m %U%q %>s"},
    {"Alibaba Cloud's CDN", NULL,
     "[03/Nov/2026:00:10:24 +0800] 203.0.113.20 - 1542 \"-\" \"GET http://www.example.com/docs/\" "
     "200 "
     "191 2830 MISS \"curl/8.1\" \"text/html\"",
     "apache:%t %h %{proxy}n %{ms}T \"%{Referer}i\" \"%r\" %>s %I %O %{cache}n "
     "\"%{User-Agent}i\" \"%{Content-Type}o\""},
    {"WEBrick, which writes referrers between its lines", NULL,
     "203.0.113.20 - - [03/Nov/2026:00:10:24 UTC] \"GET / HTTP/1.1\" 200 50\n- -> /",
     "apache:%h %l %u [%{%d/%b/%Y:%T %Z}t] \"%r\" %>s %b"},
    {"a logger before Werkzeug's", NULL,
     "INFO:werkzeug:203.0.113.20 - - [03/Nov/2026 00:10:24] \"GET / HTTP/1.1\" 200 -",
     "logger+werkzeug"},
    {"docker compose before Gin's", NULL,
     "web-1  | [GIN] 2026/11/03 - 00:10:24 | 200 |     1.548ms |    203.0.113.20 | GET      "
     "\"/\"",
     "compose+gin"},
    {"journalctl before uWSGI's", NULL,
     "Nov 03 00:10:24 web1 uwsgi[4157]: [pid: 4157|app: 0|req: 1/2] 203.0.113.20 () {36 vars "
     "in "
     "502 bytes} [Tue Nov  3 00:10:24 2026] GET / => generated 40 bytes in 0 msecs (HTTP/1.1 "
     "200) 2 headers in 79 bytes (2 switches on core 0)",
     "syslog+uwsgi"},
    {"grep of several files", NULL, "access.log.1:" FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"",
     "grep+nginx_combined"},
    {"rows of a CSV export with its names, as Windows writes it", NULL,
     "\xef\xbb\xbf_time,_raw\r\n2026-11-03T00:10:24.186+0000,\"203.0.113.20 - - "
     "[03/Nov/2026:00:10:24 +0000] \"\"GET / HTTP/1.1\"\" 200 0 \"\"-\"\" \"\"(a, b)\"\"\"\r\n"
     "2026-11-03T00:10:24.186+0000,\"203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"\"GET / "
     "HTTP/1.1\"\" 200 0 \"\"-\"\" \"\"(a, b)\"\"\"\r",
     "csv+nginx_combined"},
    {"Fluentd's standard output", NULL,
     "2026-11-03 09:10:24.186000000 +0900 web.access: {\"message\":\"203.0.113.20 - - "
     "[03/Nov/2026:00:10:24 +0000] \\\"GET / HTTP/1.1\\\" 200 0 \\\"-\\\" \\\"a\\\"\"}",
     "stamp+message+nginx_combined"},
    {"no grep", NULL, "www.example.com:443 " FRONT "\"GET / HTTP/1.1\" 200 0 \"-\" \"a\"",
     "apache_vhost_combined"},
};

static void test_around(void **state)
{
    check_specs(around, COUNT_OF(around));
}

#define JSON_LINE                                                                                  \
    "{\"time_iso8601\":\"2026-11-03T00:10:24+00:00\",\"remote_addr\":\"203.0.113.20\","            \
    "\"request\":"                                                                                 \
    "\"GET /docs/ HTTP/1.1\",\"status\":\"200\",\"http_user_agent\":\"a\"}"
#define HAPROXY_LINE                                                                               \
    "203.0.113.20:44512 [03/Nov/2026:00:10:24.186] https~ web/web1 0/0/1/11/12 200 6329 - - ---- " \
    "2/2/0/0/0 0/0 \"GET /docs/ HTTP/1.1\""
#define COMBINED_LINE FRONT "\"GET /docs/ HTTP/1.1\" 200 5 \"-\" \"a \\x22b\\x22\""

/* As Docker's json-file writes it. */
static void put_docker(struct buf *out, const char *line, const char *stream)
{
    buf_lit(out, "{\"log\":\"");
    json_put_escaped(out, str_of(line));
    buf_printf(out, "\\n\",\"stream\":\"%s\",\"time\":\"2026-11-03T00:10:24.186641Z\"}\n", stream);
}

static void put_behind(struct buf *out, const char *prefix, const char *line)
{
    bool docker = strncmp(prefix, "docker+", 7) == 0;
    struct buf inner;

    buf_init(&inner, 4096);
    if (strcmp(prefix, "cri+") == 0)
        buf_printf(&inner, "2026-11-03T00:10:24.186641234Z stdout F %s", line);
    else if (strcmp(prefix, "syslog+") == 0 || strcmp(prefix, "docker+syslog+") == 0)
        buf_printf(&inner, "<190>Nov  3 00:10:24 web1 server[12]: %s", line);
    else
        buf_put_str(&inner, str_of(line));
    if (docker)
        put_docker(out, buf_cstr(&inner), "stdout");
    else
        buf_printf(out, "%s\n", buf_cstr(&inner));
    buf_release(&inner);
}

static void check_behind(const char *prefix, const char *name, const char *line)
{
    /* haproxy_http takes a syslog's prefix by itself */
    bool own = strcmp(name, "haproxy_http") == 0;
    const char *seen = !own                                    ? prefix
                       : strcmp(prefix, "syslog+") == 0        ? ""
                       : strcmp(prefix, "docker+syslog+") == 0 ? "docker+"
                                                               : prefix;
    struct buf text;
    char spec[64];

    buf_init(&text, 1 << 20);
    for (int n = 0; n < 60; n++)
        put_behind(&text, prefix, line);
    if (strcmp(prefix, "cri+") == 0)
        buf_lit(&text, "2026-11-03T00:10:24.1Z stderr F [notice] 1#1: signal 15 received\n");
    if (strcmp(prefix, "docker+") == 0)
        put_docker(&text, "[notice] 1#1: signal 15 received", "stderr");
    snprintf(spec, sizeof(spec), "%s%s", seen, name);
    struct detection d = detected(buf_str(&text), NULL);
    if (!d.fits || d.matched != 60 || d.lines != 60 || strcmp(d.spec, spec) != 0)
        fail_msg("%s fits %u of %u, expected %s", d.spec, d.matched, d.lines, spec);
    assert_int_equal(d.n_samples, 3);
    buf_release(&text);
}

/* Behind what collectors put before each line; and a server's words on standard error among them.
 */
static void test_prefixes(void **state)
{
    static const char *const prefixes[] = {"", "cri+", "docker+", "syslog+", "docker+syslog+"};

    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        check_behind(prefixes[i], "nginx_combined", COMBINED_LINE);
        check_behind(prefixes[i], "nginx_json", JSON_LINE);
        check_behind(prefixes[i], "haproxy_http", HAPROXY_LINE);
    }
}

/* What a collector cut is of no format, and the column is that of the whole line. */
static void test_behind_a_prefix_nothing(void **state)
{
    struct detection d = detected(STR("2026-11-03T00:10:24.1Z stdout F hello world\n"
                                      "2026-11-03T00:10:24.1Z stdout F hello\n"),
                                  NULL);

    assert_false(d.fits);
    assert_int_equal(d.matched, 0);
    assert_true(strncmp(d.spec, "cri+", 4) == 0);
    assert_true(d.bad_column >= 32);
}

/* Half of the lines decide; the first that does not fit is told. */
static void test_rates(void **state)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    for (int i = 0; i < 100; i++) {
        if (i % 4 == 1)
            buf_lit(&text, "hello world\n");
        else
            buf_lit(&text, FRONT "\"GET / HTTP/1.1\" 200 5 \"-\" \"a\"\n");
    }
    struct detection d = detected(buf_str(&text), NULL);
    assert_true(d.fits);
    assert_int_equal(d.lines, 100);
    assert_int_equal(d.matched, 75);
    assert_int_equal(d.bad_line, 1);
    assert_int_equal(d.bad_column, 5);
    assert_true(d.error[0]);
    assert_int_equal(d.n_samples, 3);
    assert_int_equal(d.samples[0], 0);
    assert_int_equal(d.samples[2], 99);
    assert_true(d.fields >> HIT_FIELD_USER_AGENT & 1);
    assert_false(d.fields >> HIT_FIELD_HOST & 1);

    buf_reset(&text);
    for (int i = 0; i < 10; i++)
        buf_lit(&text, FRONT "\"GET / HTTP/1.1\" ok 5 \"-\"\n");
    d = detected(buf_str(&text), NULL);
    assert_false(d.fits);
    assert_int_equal(d.matched, 0);
    assert_true(d.error[0]);
    assert_true(d.bad_column > 60); /* of the candidate that came nearest */
    buf_release(&text);
}

static void test_nothing(void **state)
{
    struct detection d = detected(STR(""), NULL);

    assert_false(d.fits);
    assert_int_equal(d.spec[0], 0);
    d = detected(STR("\n\n\n"), NULL);
    assert_int_equal(d.spec[0], 0);
    d = detected(STR("#Version: 1.0\n#Fields: date time\n"), NULL);
    assert_false(d.fits);
}

/* Every prefix of a line, and every byte changed: an answer, and no crash. */
static void test_cut_lines(void **state)
{
    char line[] = FRONT "\"GET /a?b=c HTTP/1.1\" 200 5 \"-\" \"agent\"";
    size_t n = sizeof(line) - 1;

    for (size_t i = 1; i < n; i += 7) {
        struct detection d = detected((struct str){line, i}, NULL);
        assert_true(d.matched <= d.lines);
        char was = line[i];
        line[i] = '\x80';
        d = detected((struct str){line, n}, NULL);
        assert_true(d.matched <= d.lines);
        line[i] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),      cmocka_unit_test(test_programs),
        cmocka_unit_test(test_few_odd_lines), cmocka_unit_test(test_untimed),
        cmocka_unit_test(test_around),        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_nothing),       cmocka_unit_test(test_cut_lines),
        cmocka_unit_test(test_prefixes),      cmocka_unit_test(test_behind_a_prefix_nothing),
        cmocka_unit_test(test_kept),          cmocka_unit_test(test_mixtures),
    };
    return cmocka_run_group_tests(tests, make_kept, free_kept);
}
