/* What servers write of themselves among access lines, and lines that are damaged instead. */
#include "parsers/server_message.h"
#include "tests/unit/parsers/format_fixture.h"

static const char *const messages[] = {
    /* nginx, and its container */
    "2026/11/03 00:10:24 [error] 31#31: *7 open() \"/usr/share/nginx/html/x\" failed (2: No such "
    "file or directory), client: 203.0.113.20, server: a, request: \"GET /x HTTP/1.1\", host: "
    "\"www.example.com\"",
    "2026/11/03 00:10:24 [notice] 1#1: using the \"epoll\" event method",
    "nginx: [warn] the \"user\" directive makes sense only with super-user privileges",
    "/docker-entrypoint.sh: Configuration complete; ready for start up",
    "10-listen-on-ipv6-by-default.sh: info: IPv6 listen already enabled",
    /* Apache */
    "[Tue Nov 03 00:10:24.186641 2026] [core:error] [pid 12:tid 34] [client 203.0.113.20:4711] "
    "AH00124: Request exceeded the limit of 10 internal redirects",
    "[Tue Nov  3 00:10:24 2026] [error] [client 203.0.113.20] File does not exist: /srv/x",
    "[Tue Nov 03 00:10:24 2026] [ssl:warn] [pid 1] AH01909: www.example.com:443:0 server",
    "AH00558: apache2: Could not reliably determine the server's fully qualified domain name",
    /* PHP */
    "[03-Nov-2026 00:10:24] NOTICE: fpm is running, pid 1",
    "[03-Nov-2026 00:10:24 UTC] PHP Warning:  Undefined variable $x in /srv/x.php on line 3",
    "PHP Notice:  Undefined index: x in /srv/x.php on line 3",
    "[Tue Nov  3 00:10:24 2026] 203.0.113.20:4711 Accepted",
    "[Tue Nov  3 00:10:24 2026] PHP 8.2.1 Development Server (http://localhost:8000) started",
    /* Python's */
    "INFO:     Started server process [1]",
    "INFO:     203.0.113.20:4711 - \"WebSocket /ws\" [accepted]",
    "INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)",
    "[2026-11-03 00:10:24 +0000] [7] [INFO] Booting worker with pid: 7",
    "[2026-11-03 00:10:24 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:7)",
    "2026-11-03 00:10:24,186 INFO spawned: 'nginx' with pid 9",
    "2026-11-03 00:10:24,186 - access - WARNING - slow",
    "Traceback (most recent call last):",
    "  File \"/srv/app.py\", line 3, in index",
    /* Envoy, Traefik, HAProxy, Varnish, Caddy */
    "[2026-11-03 00:10:24.186][1][info][main] [source/server/server.cc:402] initializing epoch 0",
    "2026-11-03T00:10:24Z INF Starting provider aggregator",
    "time=\"2026-11-03T00:10:24Z\" level=info msg=\"Configuration loaded from flags.\"",
    "time=2026-11-03T00:10:24.186Z level=WARN msg=slow",
    "[NOTICE]   (1) : New worker (8) forked",
    "Debug: Version: varnish-7.4.2 revision 1",
    "Child (24) Started",
    "2026/11/03 00:10:24.186\tINFO\tusing provided configuration\t{\"config_file\": \"/x\"}",
    "{\"level\":\"info\",\"ts\":1793664624.25,\"msg\":\"serving initial configuration\"}",
    "{\"level\":30,\"time\":1793664624250,\"pid\":1,\"msg\":\"Server listening at [::]:3000\"}",
    "{\"time\":\"2026-11-03T00:10:24Z\",\"level\":\"INFO\",\"message\":\"started\"} ",
    "2026/11/03 00:10:24 http: TLS handshake error from 203.0.113.20:4711: EOF",
    /* Java's */
    "2026-11-03T00:10:24.186Z  INFO 1 --- [main] o.s.b.w.embedded.tomcat.TomcatWebServer : started",
    "03-Nov-2026 00:10:24.186 INFO [main] org.apache.catalina.startup.Catalina.start Server",
    "2026-11-03 00:10:24.186:INFO:oejs.Server:main: Started",
    "Caused by: java.io.IOException: Broken pipe",
    "\tat java.base/java.lang.Thread.run(Thread.java:840)",
    "I1103 00:10:24.186641       1 server.go:12] Starting the server",
    " * Running on http://127.0.0.1:5000",
    /* rsyslog's, for lines that it did not write again */
    "message repeated 2 times: [ 203.0.113.20 - - [03/Nov/2026:00:10:24 +0000] \"GET / HTTP/1.1\" "
    "200 "
    "5 \"-\" \"a\"]",
    "message repeated 12 times: [203.0.113.20 - -]",
    "last message repeated 2 times",
    "last message repeated 2 times ---",
    /* who shows or starts them */
    "-- Boot 5f1d4b0a9d2e4c578d052f9a3f6a1c11 --",
    "==> /var/log/nginx/access.log <==",
    "[s6-init] making user provided files available at /var/run/s6/etc...exited 0.",
    "[cont-init.d] done.",
};

static const char *const others[] = {
    "",
    "-",
    "[",
    "message repeated",
    "message repeated two times: [",
    "last message repeated ",
    "message repeated 2 times: ",
    /* requests, and what is left of them */
    "203.0.113.20 - error [03/Nov/2026:00:10:24 +0000] \"GET /docs/ HTTP/1.1\" 200 6",
    "203.0.113.20 - error [03/Nov/2026:00:10",
    "[2026-11-03 00:10:24 +0000] [7] [INFO] 203.0.113.20 - - \"GET /docs/ HTTP/1.1\" 200 6",
    "INFO:     203.0.113.20:4711 - \"GET /docs/ HTTP/1.1\" 200 OK",
    "INFO:     203.0.113.20:4711 - \"GET /docs/",
    "INFO:     203.0.113.20:4711 - \"GE",
    "INFO:     203.0.1",
    "2026-11-03 00:10:24 W3SVC1 192.0.2.80 POST /error 404",
    "2026/11/03 00:10:24 http://www.example.com/ 200",
    "2026-11-03T00:10:24Z 203.0.113.20 /error/info 404",
    "[Tue Nov  3 00:10:24 2026] 203.0.113.20:4711 [200]: GET /docs/",
    "[Tue Nov  3 00:10:24 2026] 203.0.113.20:4711 [20",
    "{\"level\":\"info\",\"ts\":1793664624.25,\"logger\":\"http.log.access\",\"msg\":\"handled r",
    "{\"level\":\"info\",\"msg\":\"handled\",\"request\":{\"uri\":\"/\"}}",
    "{\"level\":\"info\",\"msg\":\"GET /docs/ 200\"}",
    "{\"msg\":\"203.0.113.20\",\"status\":200}",
    "time=2026-11-03T00:10:24Z level=info method=GET path=/docs/ status=200",
    "html) INFO GPTBot/1.3; +https://openai.com/gptbot)\"",
    "rror\" \"Mozilla/5.0 (X11; Linux) [error] 1#1: \"",
    "1-2.sh: GET",
    "I1103 00:10:24.186641       1 logging.go:23] 203.0.113.20 - - [03/Nov/2026",
    "I1103 00:10:24.186641       1 logging.go",
    "AH00558",
};

static void known(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        if (!server_message(str_of(messages[i])))
            fail_msg("no message: %s", messages[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (server_message(str_of(others[i])))
            fail_msg("a message: %s", others[i]);
}

/* No prefix of a line that is one makes it read outside; none of an access line is a message. */
static void cut_lines(void **state)
{
    const char *about;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(messages); i++)
        for (size_t n = strlen(messages[i]); n > 0; n--) {
            char *own = malloc(n);

            assert_non_null(own);
            memcpy(own, messages[i], n);
            (void)server_message((struct str){own, n});
            free(own);
        }
    for (size_t i = 0; format_list(i, &about); i++) {
        struct str line = str_of(format_example(i));

        for (; line.n > 0; line.n--)
            if (server_message(line))
                fail_msg("a message: %.*s", STR_ARGS(line));
        line = str_of(format_example(i));
        for (; line.n > 0; line = str_slice(line, 1, line.n))
            if (server_message(line))
                fail_msg("a message: %.*s", STR_ARGS(line));
    }
}

/* Of any format, behind what a collector writes too; also where its prefix is not there. */
static void are_directives(void **state)
{
    static const struct {
        const char *spec, *line;
        enum parse_result result;
    } cases[] = {
        {"nginx_combined", "2026/11/03 00:10:24 [error] 31#31: *7 x", PARSE_DIRECTIVE},
        {"clf", "[Tue Nov 03 00:10:24.186641 2026] [core:error] [pid 12] x", PARSE_DIRECTIVE},
        {"nginx_json", "{\"level\":\"info\",\"ts\":1793664624,\"msg\":\"up\"}", PARSE_DIRECTIVE},
        {"cri+nginx_combined", "2026-11-03T00:10:24.1Z stdout F /docker-entrypoint.sh: x",
         PARSE_DIRECTIVE},
        {"syslog+nginx_combined",
         "Nov  3 00:10:24 web1 nginx[7]: 2026/11/03 00:10:24 [warn] 7#7: x", PARSE_DIRECTIVE},
        {"syslog+nginx_combined",
         "Nov  3 00:10:24 web1 systemd[1]: Reloaded nginx.service - nginx.", PARSE_DIRECTIVE},
        {"syslog+nginx_combined", "-- Boot 5f1d4b0a9d2e4c578d052f9a3f6a1c11 --", PARSE_DIRECTIVE},
        {"syslog+nginx_combined", "Nov  3 00:10:24 web1 sshd[7]: Accepted publickey", PARSE_BAD},
        {"logger+apache_combined", "[2026-11-03 00:10:24 +0000] [7] [INFO] Booting worker",
         PARSE_DIRECTIVE},
        {"nginx_combined", "203.0.113.20 - - [03/Nov/2026", PARSE_BAD},
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture x;

        fixture_open(&x, str_of(cases[i].spec), NULL);
        if (fixture_parse(&x, str_of(cases[i].line)) != cases[i].result)
            fail_msg("%s", cases[i].line);
        if (cases[i].result == PARSE_DIRECTIVE)
            assert_int_equal(parser_directive(x.parser), DIRECTIVE_MESSAGE);
        fixture_close(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known),
        cmocka_unit_test(cut_lines),
        cmocka_unit_test(are_directives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
