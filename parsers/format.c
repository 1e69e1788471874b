/*
 * format.c - the formats by name, and what is common to all of them: the line end, the cap on a
 * line, scratch space, errors. The work on a line is done by the family (format_impl.h).
 */
#include "parsers/format.h"

#include "parsers/format_impl.h"
#include "parsers/json_rows.h"
#include "parsers/json_scan.h"
#include "parsers/server_message.h"

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

/* Lines without a time; the example is as Kubernetes has it. */
#define UNTIMED(name, about, variant, line)                                                        \
    {                                                                                              \
        name, about, NULL, &format_template_family, variant,                                       \
            "2026-11-03T00:10:24.250Z stdout F " line                                              \
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
    {"clf", "Common Log Format and what is made of it, line by line in any mixture", NULL,
     &format_clf_family, 0, "www.example.com " COMBINED},
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
    ROW("istio", "Istio's default text format", NULL, TEMPLATE_ISTIO,
        "[2026-11-03T00:10:24.186Z] \"GET /docs/?v=2 HTTP/2\" 200 - via_upstream - \"-\" 0 6329 12 "
        "11 "
        "\"203.0.113.20\" \"" AGENT
        "\" \"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\" \"www.example.com\" \"192.0.2.10:8080\" "
        "inbound|8080|| 127.0.0.6:47889 192.0.2.10:8080 203.0.113.20:44512 "
        "outbound_.8080_._.web.default.svc.cluster.local default"),
    ROW("bunny", "bunny.net's logs with bars", NULL, TEMPLATE_BUNNY,
        "HIT|200|1793664624421|6329|412|203.0.113.20|https://www.example.com/|"
        "https://www.example.com/docs/?v=2|DE|" AGENT "|322b688bd63fb63f2babe9de30a5d262|DE"),
    ROW("s3_access", "Amazon S3's server access logs; the host is the bucket's name", NULL,
        TEMPLATE_S3,
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be www.example.com "
        "[03/Nov/2026:00:10:24 +0000] 203.0.113.20 - 3E57427F33A59F07 WEBSITE.GET.OBJECT "
        "docs/index.html \"GET /docs/?v=2 HTTP/1.1\" 200 - 6329 6329 11 10 "
        "\"https://www.example.com/\" \"" AGENT
        "\" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= - - - "
        "www.example.com - -"),
    ROW("gcs", "Google Cloud Storage's usage logs (CSV)", NULL, TEMPLATE_GCS,
        "\"1793664624250000\",\"203.0.113.20\",\"1\",\"\",\"GET\",\"/docs/?v=2\",\"200\",\"0\","
        "\"6329\",\"12345\",\"www.example.com\",\"https://www.example.com/\",\"" AGENT
        "\",\"ADPycduvHuLfdAtc\",\"GET_Object\",\"www.example.com\",\"docs/index.html\""),
    ROW("squid", "Squid's native access log; it has no user agent", NULL, TEMPLATE_SQUID,
        "1793664624.123     41 203.0.113.20 TCP_MISS/200 6329 GET "
        "https://www.example.com/docs/?v=2 - FIRSTUP_PARENT/192.0.2.10 text/html"),
    ROW("squid_extensive", "Squid with the logformat \"extensive\" of Elastic's integration", NULL,
        TEMPLATE_SQUID_EXTENSIVE,
        "1793664624.123     41 203.0.113.20 44512 TCP_MISS/200 6329 412 241 412 6329 GET "
        "https://www.example.com/docs/?v=2 1.1 - HIER_DIRECT/192.0.2.10 443 text/html - - "
        "\"https://www.example.com/\" \"" AGENT "\" \"www.example.com\" \"-\" 37 -"),
    ROW("uwsgi", "uWSGI's own request log; it has no user agent", NULL, TEMPLATE_UWSGI,
        "[pid: 812|app: 0|req: 3/14] 203.0.113.20 () {40 vars in 686 bytes} [Tue Nov  3 00:10:24 "
        "2026] GET /docs/?v=2 => generated 6329 bytes in 12 msecs (HTTP/1.1 200) 2 headers in 79 "
        "bytes (1 switches on core 0)"),
    ROW("werkzeug", "Werkzeug (Flask) and Python's http.server; no user agent", NULL,
        TEMPLATE_WERKZEUG,
        "203.0.113.20 - - [03/Nov/2026 00:10:24] \"GET /docs/?v=2 HTTP/1.1\" 200 -"),
    ROW("gin", "Gin, a framework of Go's; no user agent", NULL, TEMPLATE_GIN,
        "[GIN] 2026/11/03 - 00:10:24 | 200 |    12.0341ms |    203.0.113.20 | GET      "
        "\"/docs/?v=2\""),
    ROW("php", "PHP's built-in server; no user agent", NULL, TEMPLATE_PHP,
        "[Tue Nov  3 00:10:24 2026] 203.0.113.20:44512 [200]: GET /docs/?v=2"),
    UNTIMED("fiber", "Fiber, a framework of Go's: no date, no user agent", TEMPLATE_FIBER,
            "00:10:24 | 200 |    12.0341ms |    203.0.113.20 | GET     | /docs/?v=2 "),
    UNTIMED("uvicorn", "uvicorn (FastAPI, Starlette): no time, no user agent", TEMPLATE_UVICORN,
            "INFO:     203.0.113.20:44512 - \"GET /docs/?v=2 HTTP/1.1\" 200 OK"),
    UNTIMED(
        "actix", "Actix Web's Logger, behind the logger's own time", TEMPLATE_ACTIX,
        "203.0.113.20 \"GET /docs/?v=2 HTTP/1.1\" 200 6329 \"https://www.example.com/\" \"" AGENT
        "\" 0.012034"),
    UNTIMED("morgan_dev", "morgan's \"dev\" (Express): no time, no user agent", TEMPLATE_MORGAN_DEV,
            "\x1b[0mGET /docs/?v=2 \x1b[32m200\x1b[0m 12.034 ms - 6329\x1b[0m"),
    UNTIMED("morgan_tiny", "morgan's \"tiny\": no time, no user agent", TEMPLATE_MORGAN_TINY,
            "GET /docs/?v=2 200 6329 - 12.034 ms"),
    UNTIMED("morgan_short", "morgan's \"short\": no time, no user agent", TEMPLATE_MORGAN_SHORT,
            "203.0.113.20 - GET /docs/?v=2 HTTP/1.1 200 6329 - 12.034 ms"),
    {"cloudfront", "CloudFront standard logs with tabs, by their #Fields line", NULL,
     &format_w3c_family, W3C_CLOUDFRONT, CLOUDFRONT},
    {"cloudfront_realtime", "CloudFront real-time logs with all their fields", NULL,
     &format_w3c_family, W3C_REALTIME,
     "1793664624.250\t203.0.113.20\t0.003\t200\t6329\tGET\thttps\twww.example.com\t/docs/"
     "?v=2\t412\tFRA56-P4\tKq1fT3Yw==\td111111abcdef8.cloudfront.net\t0.003\tHTTP/"
     "2.0\tIPv4\tMozilla/5.0%20(compatible;%20GPTBot/1.3;%20+https://openai.com/gptbot)\thttps://"
     "www.example.com/\t-\tv=2\tHit\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tHit\t-\t-\ttext/"
     "html\t6000\t-\t-\t44512\tHit\tDE"},
    {"w3c",
     "CloudFront logs (v2 plain, raw or w3c, real-time) by their list of fields and delimiter",
     "{\"fields\":[\"date\",\"time\",\"c-ip\",\"cs-method\",\"x-host-header\",\"cs-uri-stem\","
     "\"cs-uri-query\",\"sc-status\",\"cs(User-Agent)\"],\"delimiter\":\",\"}",
     &format_w3c_family, W3C_OWN,
     "2026-11-03,00:10:24,203.0.113.20,GET,www.example.com,/docs/,v=2,200,Mozilla/"
     "5.0%20(compatible;%20GPTBot/1.3;%20+https://openai.com/gptbot)"},
    {"iis", "IIS, W3C logs by their #Fields lines", NULL, &format_w3c_family, W3C_IIS,
     "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2026-11-03 "
     "00:00:02\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
     "cs(User-Agent) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes "
     "time-taken\n2026-11-03 00:10:24 192.0.2.80 GET /docs/ v=2 443 - 203.0.113.20 "
     "Mozilla/5.0+(compatible;+GPTBot/1.3;++https://openai.com/gptbot) https://www.example.com/ "
     "www.example.com 200 0 0 6329 3"},
    {"zeek", "Zeek's http.log with tabs, by its #fields line", NULL, &format_w3c_family, W3C_ZEEK,
     "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\thttp\n"
     "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\ttrans_"
     "depth\tmethod\thost\turi\t"
     "referrer\tversion\tuser_agent\torigin\trequest_body_len\tresponse_body_len\tstatus_code\t"
     "status_msg\tinfo_code\tinfo_msg\ttags\tusername\tpassword\tproxied\torig_fuids\t"
     "orig_filenames\torig_mime_types\tresp_fuids\tresp_filenames\tresp_mime_types\n"
     "1793664624.250000\tCHhAvVGS1DHFjwGM9\t203.0.113.20\t44512\t192.0.2.10\t80\t1\tGET\t"
     "www.example.com\t/docs/?v=2\thttps://www.example.com/\t1.1\t" AGENT
     "\t-\t0\t6329\t200\tOK\t-\t-\t(empty)\t-\t-\t-\t-\t-\t-\tFEEsZS1w0Z0VJIb5x4\t-\ttext/html"},
    {"regex", "lines of any shape, by a regular expression (PCRE2) with named groups",
     "^(?<time>\\S+) (?<client_ip>\\S+) (?<method>\\S+) (?<target>\\S+) (?<status>\\d+)$",
     &format_regex_family, 0, "2026-11-03T00:10:24Z 203.0.113.20 GET /docs/?v=2 200"},
    {"ltsv", "labeled tab-separated values, with the labels of ltsv.org or nginx's variables", NULL,
     &format_ltsv_family, 0,
     "time:03/Nov/2026:00:10:24 +0000\thost:203.0.113.20\treq:GET /docs/?v=2 "
     "HTTP/1.1\tstatus:200\tsize:6329\treferer:https://www.example.com/\tua:" AGENT
     "\treqtime:0.012\tvhost:www.example.com"},
    {"logfmt", "words like key=value, by the usual keys", NULL, &format_logfmt_family, LOGFMT_ANY,
     "time=2026-11-03T00:10:24Z level=info method=GET path=\"/docs/?v=2\" host=www.example.com "
     "status=200 size=6329 duration=12ms remote_addr=203.0.113.20:44512 "
     "referer=\"https://www.example.com/\" user_agent=\"" AGENT "\""},
    {"heroku", "Heroku's router, from a log drain or from `heroku logs`", NULL,
     &format_logfmt_family, LOGFMT_HEROKU,
     "<158>1 2026-11-03T00:10:24.250000+00:00 host heroku router - at=info method=GET "
     "path=\"/docs/?v=2\" host=www.example.com request_id=5f1d4b0a-9d2e-4c57-8d05-2f9a3f6a1c11 "
     "fwd=\"203.0.113.20\" dyno=web.1 connect=1ms service=12ms status=200 bytes=6329 "
     "protocol=https"},
    {"json", "JSON lines of any shape, by the keys of its fields",
     "{\"time\":\"ts\",\"target\":\"http.url\",\"status\":\"http.status\",\"user_agent\":\"ua\"}",
     &format_json_family, JSON_OWN,
     "{\"ts\":\"2026-11-03T00:10:24Z\",\"http\":{\"url\":\"/docs/"
     "?v=2\",\"status\":200},\"ua\":\"Mozilla/5.0 (compatible; GPTBot/1.3; "
     "+https://openai.com/gptbot)\"}"},
    {"nginx_json",
     "nginx with a JSON log_format of the usual keys (its own variables' names, and others)", NULL,
     &format_json_family, JSON_NGINX,
     "{\"time_iso8601\":\"2026-11-03T00:10:24+00:00\",\"remote_addr\":\"203.0.113.20\",\"host\":"
     "\"www.example.com\",\"request\":\"GET /docs/?v=2 "
     "HTTP/"
     "1.1\",\"status\":200,\"body_bytes_sent\":6329,\"request_time\":0.003,\"http_referer\":"
     "\"https://www.example.com/\",\"http_user_agent\":\"Mozilla/5.0 (compatible; GPTBot/1.3; "
     "+https://openai.com/gptbot)\"}"},
    {"caddy_json", "Caddy's access log", NULL, &format_json_family, JSON_CADDY,
     "{\"level\":\"info\",\"ts\":1793664624.25,\"logger\":\"http.log.access\",\"msg\":\"handled "
     "request\",\"request\":{\"remote_ip\":\"203.0.113.20\",\"remote_port\":\"44512\",\"client_"
     "ip\":\"203.0.113.20\",\"proto\":\"HTTP/"
     "2.0\",\"method\":\"GET\",\"host\":\"www.example.com\",\"uri\":\"/docs/"
     "?v=2\",\"headers\":{\"User-Agent\":[\"Mozilla/5.0 (compatible; GPTBot/1.3; "
     "+https://openai.com/gptbot)\"],\"Referer\":[\"https://www.example.com/"
     "\"]},\"tls\":{\"version\":772}},\"bytes_read\":0,\"user_id\":\"\",\"duration\":0.0031,"
     "\"size\":6329,\"status\":200,\"resp_headers\":{\"Content-Type\":[\"text/html; "
     "charset=utf-8\"]}}"},
    {"traefik_json", "Traefik's access log with format: json", NULL, &format_json_family,
     JSON_TRAEFIK,
     "{\"ClientAddr\":\"203.0.113.20:44512\",\"ClientHost\":\"203.0.113.20\",\"ClientUsername\":\"-"
     "\",\"DownstreamContentSize\":6329,\"DownstreamStatus\":200,\"Duration\":3100000,"
     "\"RequestHost\":\"www.example.com\",\"RequestMethod\":\"GET\",\"RequestPath\":\"/docs/"
     "?v=2\",\"RequestProtocol\":\"HTTP/"
     "2.0\",\"RequestScheme\":\"https\",\"StartUTC\":\"2026-11-03T00:10:24.25Z\",\"level\":"
     "\"info\",\"msg\":\"\",\"request_User-Agent\":\"Mozilla/5.0 (compatible; GPTBot/1.3; "
     "+https://openai.com/gptbot)\",\"time\":\"2026-11-03T00:10:24Z\"}"},
    {"cloudfront_json", "CloudFront standard logging v2 as JSON, from S3, Firehose or CloudWatch",
     NULL, &format_json_family, JSON_CLOUDFRONT,
     "{\"date\":\"2026-11-03\",\"time\":\"00:10:24\",\"sc-bytes\":\"6329\",\"c-ip\":\"203.0.113."
     "20\",\"cs-method\":\"GET\",\"cs(Host)\":\"d111111abcdef8.cloudfront.net\",\"cs-uri-stem\":\"/"
     "docs/\",\"sc-status\":\"200\",\"cs(Referer)\":\"https://www.example.com/"
     "\",\"cs(User-Agent)\":\"Mozilla/5.0%20(compatible;%20GPTBot/1.3;%20+https://openai.com/"
     "gptbot)\",\"cs-uri-query\":\"v=2\",\"x-edge-result-type\":\"Hit\",\"x-host-header\":\"www."
     "example.com\",\"cs-protocol\":\"https\",\"time-taken\":\"0.003\",\"sc-content-type\":\"text/"
     "html\"}"},
    {"cloudflare_json", "Cloudflare Logpush, data set HTTP requests", NULL, &format_json_family,
     JSON_CLOUDFLARE,
     "{\"ClientIP\":\"203.0.113.20\",\"ClientRequestHost\":\"www.example.com\","
     "\"ClientRequestMethod\":\"GET\",\"ClientRequestURI\":\"/docs/"
     "?v=2\",\"ClientRequestReferer\":\"https://www.example.com/"
     "\",\"ClientRequestUserAgent\":\"Mozilla/5.0 (compatible; GPTBot/1.3; "
     "+https://openai.com/"
     "gptbot)\",\"EdgeResponseStatus\":200,\"EdgeResponseBytes\":6329,\"EdgeResponseContentType\":"
     "\"text/html\",\"EdgeStartTimestamp\":1793664624250000000,\"RayID\":\"97a1b2c3d4e5f607\"}"},
    {"akamai_json", "Akamai DataStream 2 as JSON", NULL, &format_json_family, JSON_AKAMAI,
     "{\"reqTimeSec\":\"1793664624.250\",\"cliIP\":\"203.0.113.20\",\"proto\":\"HTTPS\","
     "\"reqHost\":\"www.example.com\",\"reqMethod\":\"GET\",\"reqPath\":\"/docs/"
     "\",\"queryStr\":\"v=2\",\"statusCode\":\"200\",\"bytes\":\"6329\",\"rspContentType\":\"text/"
     "html\",\"UA\":\"Mozilla/5.0%20(compatible;%20GPTBot/1.3;%20+https://openai.com/"
     "gptbot)\",\"referer\":\"https://www.example.com/\"}"},
    {"fastly_json", "Fastly log streaming with the JSON of its documentation", NULL,
     &format_json_family, JSON_FASTLY,
     "{\"timestamp\":\"2026-11-03T00:10:24+0000\",\"client_ip\":\"203.0.113.20\",\"host\":\"www."
     "example.com\",\"url\":\"/docs/?v=2\",\"request_method\":\"GET\",\"request_protocol\":\"HTTP/"
     "2\",\"request_referer\":\"https://www.example.com/\",\"request_user_agent\":\"Mozilla/5.0 "
     "(compatible; GPTBot/1.3; "
     "+https://openai.com/gptbot)\",\"response_status\":200,\"response_body_size\":6329}"},
    {"envoy_json", "Envoy and Istio with JSON access logs of the usual keys", NULL,
     &format_json_family, JSON_ENVOY,
     "{\"start_time\":\"2026-11-03T00:10:24.250Z\",\"method\":\"GET\",\"path\":\"/docs/"
     "?v=2\",\"protocol\":\"HTTP/"
     "2\",\"response_code\":200,\"bytes_sent\":6329,\"duration\":3,\"downstream_remote_address\":"
     "\"203.0.113.20:44512\",\"x_forwarded_for\":\"203.0.113.20\",\"user_agent\":\"Mozilla/5.0 "
     "(compatible; GPTBot/1.3; "
     "+https://openai.com/"
     "gptbot)\",\"authority\":\"www.example.com\",\"request_id\":\"5f1d4b0a-9d2e-4c57-8d05-"
     "2f9a3f6a1c11\"}"},
    {"azure_json", "the access logs of Azure Front Door and of Azure Application Gateway", NULL,
     &format_json_family, JSON_AZURE,
     "{\"time\":\"2026-11-03T00:10:24.2500000Z\",\"category\":\"FrontDoorAccessLog\","
     "\"properties\":{"
     "\"trackingReference\":\"0abcZQAAAAB\",\"httpMethod\":\"GET\",\"httpVersion\":\"2.0.0.0\","
     "\"requestUri\":\"https://www.example.com:443/docs/?v=2\",\"responseBytes\":\"6329\","
     "\"userAgent\":\"" AGENT "\",\"clientIp\":\"203.0.113.20\",\"socketIp\":\"203.0.113.20\","
     "\"timeTaken\":\"0.012\",\"requestProtocol\":\"HTTPS\",\"httpStatusCode\":\"200\","
     "\"hostName\":"
     "\"www.example.com\",\"referer\":\"https://www.example.com/\"}}"},
    {"gcp_json", "Google Cloud's request logs: load balancers, Cloud CDN, Cloud Run", NULL,
     &format_json_family, JSON_GCP,
     "{\"httpRequest\":{\"requestMethod\":\"GET\",\"requestUrl\":\"https://www.example.com/docs/"
     "?v=2\",\"status\":200,\"responseSize\":\"6329\",\"userAgent\":\"" AGENT "\",\"remoteIp\":"
     "\"203.0.113.20\",\"referer\":\"https://www.example.com/"
     "\",\"latency\":\"0.012345s\",\"protocol\":"
     "\"HTTP/2\"},\"insertId\":\"1a2b3c4d5e6f7g\",\"logName\":\"projects/p/logs/requests\","
     "\"timestamp\":\"2026-11-03T00:10:24.250123Z\"}"},
    {"zeek_json", "Zeek's http.log as JSON", NULL, &format_json_family, JSON_ZEEK,
     "{\"ts\":1793664624.25,\"uid\":\"CHhAvVGS1DHFjwGM9\",\"id.orig_h\":\"203.0.113.20\","
     "\"id.orig_p\":44512,\"id.resp_h\":\"192.0.2.10\",\"id.resp_p\":80,\"trans_depth\":1,"
     "\"method\":\"GET\",\"host\":\"www.example.com\",\"uri\":\"/docs/?v=2\",\"referrer\":"
     "\"https://www.example.com/\",\"version\":\"1.1\",\"user_agent\":\"" AGENT "\","
     "\"request_body_len\":0,\"response_body_len\":6329,\"status_code\":200,\"status_msg\":\"OK\","
     "\"resp_mime_types\":[\"text/html\"]}"},
    {"ecs_json", "documents of the Elastic Common Schema: Elasticsearch, Filebeat, Logstash", NULL,
     &format_json_family, JSON_ECS,
     "{\"@timestamp\":\"2026-11-03T00:10:24.250Z\",\"ecs\":{\"version\":\"8.11.0\"},\"http\":{"
     "\"request\":{\"method\":\"GET\",\"referrer\":\"https://www.example.com/\"},\"response\":{"
     "\"status_code\":200,\"body\":{\"bytes\":6329}},\"version\":\"1.1\"},\"url\":{\"original\":"
     "\"/docs/?v=2\",\"domain\":\"www.example.com\"},\"source\":{\"ip\":\"203.0.113.20\"},"
     "\"user_agent\":{\"original\":\"" AGENT "\"}}"},
    {"tomcat_json", "Tomcat's JSON Access Log Valve; the usual names of its columns", NULL,
     &format_json_family, JSON_TOMCAT,
     "{\"host\":\"203.0.113.20\",\"logicalUserName\":\"-\",\"user\":\"-\",\"time\":"
     "\"[03/Nov/2026:00:10:24 +0000]\",\"request\":\"GET /docs/?v=2 HTTP/1.1\",\"statusCode\":"
     "\"200\",\"size\":\"6329\",\"requestHeaders\":{\"Host\":\"www.example.com\",\"Referer\":"
     "\"https://www.example.com/\",\"User-Agent\":\"" AGENT "\"}}"},
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

static bool take_prefixes(struct format *f, const enum prefix_kind *kinds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        f->prefixes[f->n_prefixes++] = kinds[i];
        f->outer_time |= prefix_has_time(kinds[i]);
        if (prefix_has_keys(kinds[i]) && !f->prefix_keys && !(f->prefix_keys = prefix_keys_new()))
            return false;
    }
    return true;
}

struct format *format_new(struct str spec, const struct zone *zone, struct buf *why)
{
    struct str argument;
    enum prefix_kind prefixes[PREFIXES_MAX];
    size_t n = 0;

    while (n < PREFIXES_MAX && (prefixes[n] = prefix_take(&spec)) != PREFIX_NONE)
        n++;
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
    if (!take_prefixes(f, prefixes, n)) {
        buf_lit(why, "out of memory");
        json_keys_free(f->prefix_keys);
        free(f);
        return NULL;
    }
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
    json_keys_free(f->prefix_keys);
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

const char *format_before(size_t i)
{
    return i < N_ROWS && rows[i].family == &format_template_family &&
                   rows[i].variant >= TEMPLATE_UNTIMED
               ? "cri+"
               : "";
}

const char *format_argument(size_t i)
{
    return i < N_ROWS ? rows[i].argument : NULL;
}

struct format_fields format_fields(const struct format *f)
{
    struct format_fields fields = {.always = HIT_BIT(TIME) | HIT_BIT(PATH)};

    f->row->family->fields(f, &fields);
    fields.maybe &= ~fields.always;
    return fields;
}

bool format_has_directives(const struct format *f)
{
    return f->row->family->directives;
}

enum prefix_kind format_cutter(const struct format *f)
{
    enum prefix_kind first = f->n_prefixes > 0 ? f->prefixes[0] : PREFIX_NONE;

    return prefix_cuts(first) ? first : PREFIX_NONE;
}

enum cdn format_cdn(const struct format *f)
{
    return f->cdn;
}

struct parser *parser_new(const struct format *f)
{
    struct parser *p = calloc(1, f->row->family->parser_size);

    if (!p)
        return NULL;
    p->format = f;
    p->outer_times.zone = f->zone;
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
    if (p->format->row->family->parser_release)
        p->format->row->family->parser_release(p);
    decode_scratch_release(&p->scratch);
    free(p);
}

void parser_reset(struct parser *p)
{
    p->error = "";
    p->error_at = 0;
    if (p->format->row->family->parser_reset)
        p->format->row->family->parser_reset(p);
}

struct str parser_trim(struct str line)
{
    if (str_starts(line, STR("\xef\xbb\xbf")))
        line = str_slice(line, 3, line.n);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

/* What collectors' prefixes say of a line. */
struct outer {
    size_t at; /* where in the whole line the rest begins (near enough, behind Docker's escapes) */
    bool on_stderr, systemd, header;
    struct str times[PREFIXES_MAX]; /* what may hold one, from the outermost on */
    size_t n_times;
};

/* Takes what a collector added off *line. */
static bool strip_prefixes(struct parser *p, struct str *line, struct outer *outer)
{
    const struct format *f = p->format;

    for (size_t i = 0; i < f->n_prefixes; i++) {
        struct prefix_result r;

        if (!prefix_strip(f->prefixes[i], f->prefix_keys, &p->scratch, *line, &r)) {
            outer->header = r.header;
            parser_fail(p, r.why, r.at);
            return false;
        }
        *line = parser_trim(r.text);
        outer->at += r.at;
        outer->on_stderr |= r.stderr_;
        outer->systemd |= r.systemd;
        if (str_is_set(r.time))
            outer->times[outer->n_times++] = r.time;
    }
    decode_scratch_keep(&p->scratch);
    return true;
}

static bool is_blank(struct str line)
{
    size_t i = 0;

    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
        i++;
    return i == line.n;
}

/* A line that has no time has the one that stands next before it. */
static bool take_outer_time(struct parser *p, struct str line, const struct outer *outer,
                            int64_t *ms)
{
    for (size_t i = outer->n_times; i > 0; i--)
        if (field_time(&p->outer_times, prefix_time(outer->times[i - 1]), ms))
            return true;
    parser_fail(p,
                p->format->outer_time
                    ? "the line has no time, and what stands before it none with a year"
                    : "the line has no time; where a collector writes one before it, name that: "
                      "cri+, docker+, syslog+, stamp+ before the format's name",
                line.n);
    return false;
}

static enum parse_result parse(struct parser *p, struct str line, const struct outer *outer,
                               struct hit *hit)
{
    enum parse_result result;

    if (is_blank(line)) {
        if (p->format->row->family->directives)
            return PARSE_DIRECTIVE;
        return parser_fail(p, "the line is empty", 0);
    }
    *hit = hit_nothing();
    result = p->format->row->family->line(p, line, hit);
    if (result == PARSE_OK && p->scratch.failed)
        return parser_fail(p, "the decoded fields are too long", line.n);
    if (result == PARSE_OK && hit->time_ms == HIT_NO_NUMBER &&
        !take_outer_time(p, line, outer, &hit->time_ms))
        return PARSE_BAD;
    return result;
}

/* A line that has not the format may be one of no request all the same. */
static enum parse_result refuse(struct parser *p, struct str text, const struct outer *outer)
{
    bool comment = str_starts(text, STR("#")); /* in a file that somebody wrote */

    p->directive = outer->on_stderr ? DIRECTIVE_STDERR : DIRECTIVE_MESSAGE;
    if (outer->on_stderr || outer->systemd || server_message(text))
        return PARSE_DIRECTIVE;
    p->directive = DIRECTIVE_HEADER;
    return outer->header || comment ? PARSE_DIRECTIVE : PARSE_BAD;
}

enum parse_result parser_line(struct parser *p, struct str line, struct hit *hit)
{
    struct str text = parser_trim(line);
    struct outer outer; /* not zeroed: its times are many bytes, for each line */
    enum parse_result result = PARSE_BAD;

    outer.at = (size_t)(text.p - line.p);
    outer.n_times = 0;
    outer.on_stderr = outer.systemd = outer.header = false;

    if (text.n > FORMAT_MAX_LINE)
        return parser_fail(p, "the line is over 1 MiB", FORMAT_MAX_LINE);
    decode_scratch_reset(&p->scratch);
    p->directive = DIRECTIVE_HEADER;
    if (p->format->n_prefixes == 0 ||
        (strip_prefixes(p, &text, &outer) && !server_repetition(text)))
        result = parse(p, text, &outer, hit);
    if (result == PARSE_BAD)
        result = refuse(p, text, &outer);
    if (result == PARSE_BAD)
        p->error_at = outer.at + p->error_at < line.n ? outer.at + p->error_at : line.n;
    return result;
}

enum directive parser_directive(const struct parser *p)
{
    return p->directive;
}

const char *parser_error(const struct parser *p, size_t *column)
{
    *column = p->error_at;
    return p->error;
}
