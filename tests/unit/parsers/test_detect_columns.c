/* Formats made of what the columns of a log hold: the description, and what its lines then are. */
#include "parsers/detect.h"
#include "parsers/detect_columns.h"
#include "parsers/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define CHROME "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/129.0.0.0 Safari/537.36"
#define AT(second) "[03/Nov/2026:00:10:" second " +0000]"
#define REQUEST1 "\"GET /docs/?v=2 HTTP/1.1\" 200 6329 \"https://www.example.com/\" \"" CHROME "\""
#define REQUEST2 "\"POST /cart HTTP/2.0\" 302 0 \"-\" \"curl/8.1.2\""
#define REQUEST3 "\"GET /about HTTP/1.1\" 404 153 \"-\" \"-\""
#define COMBINED                                                                                   \
    "[$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\""

static const struct {
    const char *name, *text, *spec;
} cases[] = {
    {"a list of addresses in the place of one",
     "198.51.100.7 - - " AT("24") " " REQUEST1 "\n198.51.100.8, 192.0.2.1 - anna " AT(
         "25") " " REQUEST2 "\n- - - " AT("26") " " REQUEST3,
     "nginx:$http_x_forwarded_for - $remote_user " COMBINED},
    {"a list before the address, in quotes",
     "\"198.51.100.7\" 10.0.0.1 - - " AT(
         "24") " " REQUEST1 "\n\"198.51.100.8, 192.0.2.1\" 10.0.0.2"
               " - anna " AT("25") " " REQUEST2 "\n\"-\" 10.0.0.1 - - " AT("26") " " REQUEST3,
     "nginx:\"$http_x_forwarded_for\" $remote_addr - $remote_user " COMBINED},
    {"the visitor's before the CDN's address",
     "203.0.113.20 172.68.1.9 - - " AT("24") " " REQUEST1 "\n203.0.113.21 172.68.1.8 - - " AT(
         "25") " " REQUEST2 "\n2001:db8::7 172.68.1.9 - anna " AT("26") " " REQUEST3,
     "nginx:$remote_addr $realip_remote_addr - $remote_user " COMBINED},
    {"the proxy's before the visitor's address",
     "10.0.0.1 203.0.113.20 - - " AT("24") " " REQUEST1 "\n10.0.0.2 203.0.113.21 - - " AT(
         "25") " " REQUEST2 "\n10.0.0.1 203.0.113.22 - - " AT("26") " " REQUEST3,
     "nginx:$realip_remote_addr $remote_addr - $remote_user " COMBINED},
    {"the server's address, which is always the same",
     "192.0.2.1 203.0.113.20 - - " AT("24") " " REQUEST1 " 0.012\n192.0.2.1 203.0.113.21 - - " AT(
         "25") " " REQUEST2 " 0.120\n192.0.2.1 203.0.113.22 - - " AT("26") " " REQUEST3 " 1.204",
     "nginx:$host $remote_addr - $remote_user " COMBINED " $request_time"},
    {"host and port, and microseconds behind",
     "www.example.com:443 203.0.113.20 - - " AT("24") " " REQUEST1 " 41544\n"
                                                      "shop.example.com:443 203.0.113.21 - - " AT(
                                                          "25") " " REQUEST2 " 8312",
     "apache:%v:%p %h - %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D"},
    {"seconds and microseconds",
     "203.0.113.20 - - " AT("24") " " REQUEST1 " 0/41544\n203.0.113.21 - - " AT("25") " " REQUEST2
                                                                                      " 1/1208312",
     "apache:%h - %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %T/%D"},
    {"what a proxy's server took, beside what it took itself",
     "203.0.113.20 - - " AT("24") " " REQUEST1 " urt=0.011 rt=0.012 ua=\"192.0.2.10:80\" "
                                  "host=www.example.com\n203.0.113.21 - - " AT(
                                      "25") " " REQUEST2 " urt=- rt=0.120 "
                                            "ua=\"192.0.2.10:80\" host=shop.example.com",
     "nginx:$remote_addr - $remote_user " COMBINED " urt=$upstream_column10 rt=$request_time "
     "ua=\"$column12\" host=$host"},
    {"tries at several servers",
     "203.0.113.20 - - " AT("24") " " REQUEST1 " 412 0.012 [web-80] 192.0.2.10:80, 192.0.2.11:80 "
                                  "0.002, 0.009\n203.0.113.21 - - " AT(
                                      "25") " " REQUEST2 " 398 0.120 [web-80] 192.0.2.10:80 "
                                            "0.119",
     "nginx:$remote_addr - $remote_user " COMBINED " $upstream_column10 $request_time [$column12] "
     "$upstream_column13 $upstream_column14"},
    {"a referrer before the path, and marks between",
     "[2026-11-03T00:10:24Z] - www.example.com - 203.0.113.20 - 200 - GET - "
     "\"https://a.example/\" - \"curl/8.1\" - \"/docs/\"\n[2026-11-03T00:10:25Z] - "
     "www.example.com - 203.0.113.21 - 404 - GET - \"https://a.example/\" - \"curl/8.2\" - \"/x\"",
     "nginx:[$time_iso8601] - $host - $remote_addr - $status - $request_method - \"$http_referer\" "
     "- \"$http_user_agent\" $remote_user \"$request_uri\""},
    {"a duration where the user stands mostly",
     "203.0.113.20 - - 0.011 " AT("24") " " REQUEST1
                                        "\n203.0.113.21 - - 0.111 " AT("25") " " REQUEST2,
     "nginx:$remote_addr - - $request_time " COMBINED},
    {"the user agent before the referrer",
     "203.0.113.20 - - " AT(
         "24") " \"GET / HTTP/1.1\" 200 5 \"" CHROME "\" \"https://a.example/\"\n"
               "203.0.113.21 - - " AT("25") " \"GET /b HTTP/1.1\" 200 5 \"" CHROME "\" \"-\"",
     "nginx:$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
     "\"$http_user_agent\" \"$http_referer\""},
    {"the host where X-Forwarded-For may stand",
     "203.0.113.20 - - " AT("24") " " REQUEST1 " \"www.example.com\"\n203.0.113.21 - - " AT(
         "25") " " REQUEST2 " \"shop.example.com\"",
     "nginx:$remote_addr - $remote_user " COMBINED " \"$host\""},
    {"the parts of a request",
     "203.0.113.20 " AT("24") " https www.example.com GET /docs/?v=2 HTTP/2.0 200 \"" CHROME "\"\n"
                              "203.0.113.21 " AT(
                                  "25") " https www.example.com POST /cart HTTP/1.1 302 \"-\"",
     "nginx:$remote_addr [$time_local] $scheme $host $request_method $request_uri $server_protocol "
     "$status \"$http_user_agent\""},
    {"bars",
     "203.0.113.20 | 03/Nov/2026:00:10:24 +0000 | www.example.com | GET / HTTP/1.1 | 200 | - "
     "| " CHROME
     "\n203.0.113.21 | 03/Nov/2026:00:10:25 +0000 | www.example.com | GET /b HTTP/1.1 | 404 "
     "| https://a.example/ | curl/8.1",
     "nginx:$remote_addr | $time_local | $host | $request | $status | $http_referer | "
     "$http_user_agent"},
    {"tabs",
     "1793664624.123\t203.0.113.20\twww.example.com\tGET\t/?a=b\t200\t" CHROME "\n"
     "1793664625.001\t203.0.113.21\twww.example.com\tGET\t/c\t200\tcurl/8.1",
     "nginx:$msec\\t$remote_addr\\t$host\\t$request_method\\t$request_uri\\t$status\\t"
     "$http_user_agent"},
    {"keys that nobody knows",
     "when=\"2026-11-03T00:10:24Z\" level=info m=GET p=/a?b=c s=200 who=203.0.113.20 with=\"" CHROME
     "\"\nwhen=\"2026-11-03T00:10:25Z\" level=info m=GET p=/d s=404 who=203.0.113.21 with=\"-\"",
     "nginx:when=\"$time_iso8601\" level=$upstream_column2 m=$request_method p=$request_uri "
     "s=$status who=$remote_addr with=\"$http_user_agent\""},
    {"ports behind addresses, of both families",
     "203.0.113.20:4711 - - " AT("24") " " REQUEST1 "\n[2001:db8::7]:4712 - anna " AT(
         "25") " " REQUEST2 "\n2001:db8::7:4713 - - " AT("26") " " REQUEST3,
     "nginx:$remote_addr:$remote_port - $remote_user " COMBINED},
    {"captured headers in braces, which are one value",
     "203.0.113.20 {a.example|" CHROME
     "} " AT("24") " " REQUEST1 "\n203.0.113.21 {b.example|curl/8} " AT("25") " " REQUEST2,
     "nginx:$remote_addr {$column2} " COMBINED},
    {"IPv6 alone, in brackets", "[2001:db8::7]:4712 - anna " AT("25") " " REQUEST2,
     "nginx:$remote_addr:$remote_port - $remote_user " COMBINED},
    {"a date, a blank and a time, with no zone",
     "2026-11-03 00:10:24 203.0.113.20 GET /docs/?v=2 200 6329 \"" CHROME
     "\"\n2026-11-03 00:10:25 203.0.113.21 GET / 404 0 \"-\"",
     "apache:%{%Y-%m-%d %T}t %h %m %U%q %>s %b \"%{User-Agent}i\""},
    {"the same in brackets, with milliseconds",
     "203.0.113.20 [2026/11/03 00:10:24,186] \"GET /docs/?v=2 HTTP/1.1\" 200 6329 \"" CHROME
     "\"\n203.0.113.21 [2026/11/03 00:10:25,001] \"GET / HTTP/1.1\" 404 0 \"-\"",
     "apache:%h [%{%Y/%m/%d %T}t,%{msec_frac}t] \"%r\" %>s %b \"%{User-Agent}i\""},
    {"with microseconds and a zone",
     "2026-11-03 00:10:24.186641 +0100 203.0.113.20 GET / 200 1\n"
     "2026-11-03 00:10:25.000001 +0100 203.0.113.21 GET / 200 1",
     "apache:%{%Y-%m-%d %T}t.%{usec_frac}t%{ %z}t %h %m %U%q %>s %b"},
    {"Common Log Format's time without its zone",
     "203.0.113.20 [03/Nov/2026:00:10:24] \"GET / HTTP/1.1\" 200 1",
     "apache:%h [%{%d/%b/%Y:%T}t] \"%r\" %>s %b"},
    {"with a blank in it", "203.0.113.20 [03/Nov/2026 00:10:24] \"GET / HTTP/1.1\" 200 1",
     "apache:%h [%{%d/%b/%Y %T}t] \"%r\" %>s %b"},
    {"asctime", "203.0.113.20 [Tue Nov  3 00:10:24 2026] \"GET / HTTP/1.1\" 200 1",
     "apache:%h [%{%a %b %e %T %Y}t] \"%r\" %>s %b"},
    {"HTTP's date", "203.0.113.20 [Tue, 03 Nov 2026 00:10:24 GMT] \"GET / HTTP/1.1\" 200 1",
     "apache:%h [%{%a, %d %b %Y %T %Z}t] \"%r\" %>s %b"},
    {"a zone by its name", "203.0.113.20 \"2026-11-03T00:10:24 UTC\" \"GET / HTTP/1.1\" 200 1",
     "apache:%h \"%{%Y-%m-%dT%T %Z}t\" \"%r\" %>s %b"},
    {"a duration with its unit in a word of its own, which is no duration in seconds",
     "203.0.113.20 - - " AT("24") " " REQUEST1 " 12.345 ms\n203.0.113.21 - - " AT("25") " " REQUEST2
                                                                                        " 1.001 ms",
     "nginx:$remote_addr - $remote_user " COMBINED " $upstream_column10 $upstream_column11"},
    {"a user agent without quotes",
     "203.0.113.20 - - " AT(
         "24") " GET /a HTTP/1.1 200 5 - Mozilla/5.0 (X11; Linux) Firefox/129.0\n"
               "203.0.113.21 - - " AT(
                   "25") " GET /b HTTP/1.1 200 5 - Mozilla/5.0 (X11) Gecko Chrome/129.0",
     "nginx:$remote_addr - $remote_user [$time_local] $request_method $request_uri "
     "$server_protocol "
     "$status $body_bytes_sent $http_referer $http_user_agent"},
    {"seconds with four digits, as Rack has them",
     "203.0.113.20 - - " AT("24") " \"GET / HTTP/1.1\" 200 5 0.0123",
     "nginx:$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
     "$request_time"},
    {"an address behind the request: Go's chi",
     "2026/11/03 00:10:24 [web/1-1] \"GET http://a.example/ HTTP/1.1\" from 203.0.113.20:44512 - "
     "200 "
     "12B in 1.2ms",
     "apache:%{%Y/%m/%d %T}t [%{column2}n] \"%r\" %{column4}n %h:%{remote}p %{column6}n %>s "
     "%{column8}n %{column9}n %{column10}n"},
    {"what lies on the other side, by the key",
     "dst=- dest_ip=192.0.2.1 src=203.0.113.20 " AT("24") " " REQUEST1,
     "nginx:dst=$upstream_column1 dest_ip=$upstream_column2 src=$remote_addr " COMBINED},
    {"a socket in a list, and a port that looks like a status",
     AT("24") " www.example.com 443 203.0.113.20, unix: - 302 \"GET / HTTP/1.1\" \"curl/8.1\"",
     "nginx:[$time_local] $host $upstream_column3 $http_x_forwarded_for - $status \"$request\" "
     "\"$http_user_agent\""},
    {"the server's name at the beginning, and an id",
     "www.example.com " AT("24") " kfr3RdqIeZ4VvnDkk3TLjw " REQUEST1
                                 "\nwww.example.com " AT("25") " 9fr3RdqIeZ4VvnDkk3TLjw " REQUEST2,
     "nginx:$host [$time_local] $upstream_column3 \"$request\" $status $body_bytes_sent "
     "\"$http_referer\" \"$http_user_agent\""},
    {"a number of bytes before the status, of three digits as well",
     "203.0.113.20 - - " AT("24") " \"GET / HTTP/1.1\" 0.012 471 404 555 \"-\" \"" CHROME "\"",
     "nginx:$remote_addr - $remote_user [$time_local] \"$request\" $request_time "
     "$upstream_column7 "
     "$status $body_bytes_sent \"$http_referer\" \"$http_user_agent\""},
    {"a word at the beginning that has the shape of a product and its version",
     "web/app/0a1b2c 203.0.113.20 - - " AT("24") " \"GET / HTTP/1.1\" 200 5 \"-\" \"curl/8.1\"",
     "nginx:$upstream_column1 $remote_addr - $remote_user " COMBINED},
    {"commas, and all in quotes",
     "\"203.0.113.20\",\"[03/Nov/2026:00:10:24 +0000]\",\"GET /a,b HTTP/1.1\",\"200\",\"5\",\"-\","
     "\"" CHROME "\"",
     "nginx:\"$remote_addr\",\"[$time_local]\",\"$request\",\"$status\",\"$body_bytes_sent\","
     "\"$http_referer\",\"$http_user_agent\""},
    {"bytes before the status, and nothing where they are mostly",
     "\"203.0.113.20\",\"[03/Nov/2026:00:10:24 +0000]\",\"GET / "
     "HTTP/1.1\",\"5\",\"0\",\"200\",\"-\","
     "\"Amazon CloudFront\"",
     "nginx:\"$remote_addr\",\"[$time_local]\",\"$request\",\"$column4\",\"$column5\",\"$status\","
     "\"$http_referer\",\"$http_user_agent\""},
    {"commas, and quotes where they are needed",
     "2026-11-03T00:10:24Z,203.0.113.20,GET,/a,200,5,\"https://a.example/\",\"" CHROME
     "\"\n2026-11-03T00:10:25Z,203.0.113.21,GET,/b,200,5,\"-\",\"curl/8.1\"",
     "nginx:$time_iso8601,$remote_addr,$request_method,$request_uri,$status,$body_bytes_sent,"
     "\"$http_referer\",\"$http_user_agent\""},
    {"semicolons",
     "203.0.113.20;[03/Nov/2026:00:10:24 +0000];\"GET /a;b HTTP/1.1\";200;5;\"-\";\"" CHROME "\"",
     "nginx:$remote_addr;[$time_local];\"$request\";$status;$body_bytes_sent;\"$http_referer\";"
     "\"$http_user_agent\""},
    {"quotes around the brackets of the time",
     "\"203.0.113.20\" \"-\" \"-\" \"[03/Nov/2026:00:10:24 +0000]\" \"GET / HTTP/1.1\" \"200\" "
     "\"5\" \"-\" \"" CHROME "\"",
     "nginx:\"$remote_addr\" \"$column2\" \"$column3\" \"[$time_local]\" \"$request\" "
     "\"$status\" \"$body_bytes_sent\" \"$http_referer\" \"$http_user_agent\""},
    {"a referrer without a user agent",
     "203.0.113.20 " AT("24") " [www.example.com] \"GET / HTTP/1.1\" 200 \"https://a.example/\"",
     "nginx:$remote_addr [$time_local] [$host] \"$request\" $status \"$http_referer\""},
    {"seconds with six digits", "203.0.113.20 - - " AT("24") " \"GET / HTTP/1.1\" 200 5 0.012345",
     "nginx:$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
     "$request_time"},
};

static size_t split(struct str text, struct str *lines)
{
    size_t n = 0;

    while (text.n)
        lines[n++] = str_cut(&text, '\n');
    return n;
}

static void shapes(void **state)
{
    struct str lines[8];
    struct detection d;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t n = split(str_of(cases[i].text), lines);

        assert_int_equal(detect_format(lines, n, STR_NONE, NULL, &d), 0);
        if (strcmp(d.spec, cases[i].spec) != 0 || d.matched != n || !d.guessed)
            fail_msg("%s: %s (%u of %zu), expected %s", cases[i].name, d.spec, d.matched, n,
                     cases[i].spec);
    }
}

/* What must not be made a format of. */
static void too_little(void **state)
{
    static const char *const texts[] = {
        "",
        "hello world",
        "203.0.113.20 - - " AT("24") " 200 5",                 /* no request */
        "203.0.113.20 - - \"GET / HTTP/1.1\" 200 5",           /* no time */
        "203.0.113.20 - - " AT("24") " \"GET / HTTP/1.1\" ok", /* no status */
        "203.0.113.20 - GET / 200\n"                           /* no time in the first of many */
        "203.0.113.20 2026-11-03T00:10:24 GET / 200\n203.0.113.20 2026-11-03T00:10:24 GET / 200",
        "2026-11-03T00:10:24Z INFO request{uri= /a }: done 200",        /* a level is no method */
        "a " AT("24") " \"GET / HTTP/1.1\" 200\nb\nc d e\nf g h i j k", /* nothing in common */
    };
    struct str lines[8];
    char nginx[DETECT_SPEC_BYTES], apache[DETECT_SPEC_BYTES];

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t n = split(str_of(texts[i]), lines);

        assert_int_equal(detect_columns(lines, n, nginx, apache), 0);
        if (nginx[0] || apache[0])
            fail_msg("%s: %s", texts[i], nginx);
    }
}

/* Every prefix of a line, and every byte changed: none, or a format that there is. */
static void cut_lines(void **state)
{
    char line[] =
        "a.example:443 203.0.113.20, 10.0.0.1 - [x] " AT("24") " " REQUEST1 " k=\"v\" 0/1";
    char nginx[DETECT_SPEC_BYTES], apache[DETECT_SPEC_BYTES];
    size_t n = sizeof(line) - 1, found = 0;

    for (size_t i = 0; i < 2 * n; i++) {
        char kept = line[i % n];
        struct buf why;

        if (i >= n)
            line[i - n] = "\"\\[ \t"[i % 5];
        struct str one = {line, i < n ? i : n};
        assert_int_equal(detect_columns(&one, 1, nginx, apache), 0);
        buf_init(&why, 4096);
        struct format *f = nginx[0] ? format_new(str_of(nginx), NULL, &why) : NULL;
        if (nginx[0] && !f)
            fail_msg("%s: %.*s", nginx, STR_ARGS(buf_str(&why)));
        found += f != NULL;
        format_free(f);
        buf_release(&why);
        line[i % n] = kept;
    }
    assert_true(found > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(too_little),
        cmocka_unit_test(cut_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
