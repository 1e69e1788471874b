/* nginx's and Apache's own configuration: paths, formats, hosts, inheritance, what cannot be read.
 */
#include "config/web_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Each log on a line: files | format | hosts | what else is said of it. */
static void describe(const struct web_conf *conf, struct buf *out)
{
    for (size_t i = 0; i < conf->n; i++) {
        const struct web_log *log = &conf->logs[i];
        buf_put_str(out, str_is_set(log->files) ? log->files : STR("-"));
        buf_lit(out, "|");
        buf_put_str(out, str_is_set(log->format) ? log->format : STR("-"));
        buf_lit(out, "|");
        for (size_t k = 0; k < log->n_hosts; k++) {
            buf_put_str(out, k ? STR(",") : STR(""));
            buf_put_str(out, log->hosts[k]);
        }
        buf_put_str(out, log->fields & HIT_BIT(HOST) ? STR("|host") : STR("|"));
        buf_put_str(out, log->main_server ? STR("|main") : STR(""));
        buf_put_str(out, log->part ? STR("|part") : STR(""));
        if (log->same_as)
            buf_printf(out, "|same as %.*s", STR_ARGS(log->same_as->files));
        if (log->shares)
            buf_printf(out, "|shares with %.*s", STR_ARGS(log->shares->files));
        buf_put_str(out, log->problem ? STR("|problem\n") : STR("\n"));
    }
}

static void check_files(enum web_conf_kind kind, const struct web_file *files, size_t n,
                        const char *expected)
{
    static const struct web_apache known = {
        STR_INIT(""), STR_INIT("export APACHE_LOG_DIR=/logs$SUFFIX"),
        STR_INIT("*:443                  dumped.example (/etc/x/main.conf:3)\n")};
    struct config_arena *arena = config_arena_new(64 << 20);
    struct web_conf conf;
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(kind == WEB_CONF_NGINX ? web_conf_nginx(files, n, arena, &conf)
                                            : web_conf_apache(files, n, &known, arena, &conf),
                     0);
    describe(&conf, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_release(&out);
    config_arena_free(arena);
}

static void check(enum web_conf_kind kind, const char *text, const char *expected)
{
    struct web_file file = {STR("/etc/x/main.conf"), str_of(text)};

    assert_int_equal(web_conf_kind(str_of(text)), kind);
    check_files(kind, &file, 1, expected);
}

static void test_nginx(void **state)
{
    check(WEB_CONF_NGINX,
          "http {\n log_format main '$remote_addr - $remote_user [$time_local] \"$request\" '\n"
          "   '$status $body_bytes_sent \"$http_referer\" '\n"
          "   '\"$http_user_agent\" \"$http_x_forwarded_for\"';\n"
          " access_log /var/log/nginx/access.log main buffer=32k;\n"
          " server { server_name A.example .b.example *.c.example _ ~^x$; }\n"
          " server { server_name d.example; access_log /l/$server_name-$pid.log; }\n"
          " server { server_name off.example; access_log off; } }\n",
          "/var/log/nginx/access.log|nginx_main|a.example,b.example|\n"
          "/l/{host}-*.log|nginx_combined|d.example|\n");
}

static void describe_one(const char *text, const char *expected)
{
    check(WEB_CONF_NGINX, text, expected);
}

static void test_nginx_formats(void **state)
{
    describe_one(
        "log_format v escape=json '{\"h\":\"$host\",\"u\":\"${request_uri}\",\"t\":\"$msec\"}';\n"
        "access_log /a.log v;\nserver { server_name x.example; }\n",
        "/a.log|nginx:escape=json {\"h\":\"$host\",\"u\":\"${request_uri}\",\"t\":\"$msec\"}"
        "|x.example|host\n");
    describe_one("log_format p '$msec $uri $bytes_sent' 'B $host' # of all\n'_';\n"
                 "access_log /a.log p;\nserver { server_name x.example; }\n",
                 "/a.log|nginx:$msec $uri ${bytes_sent}B ${host}_|x.example|host\n");
    describe_one("log_format t '$msec\\t$uri\t\\\\t$status' '\\d';\n"
                 "access_log /a.log t;\nserver { server_name x.example; }\n",
                 "/a.log|nginx:$msec\\t$uri\\t\\\\t$status\\\\d|x.example|\n");
    describe_one("log_format b '$msec $uri\n$status';\n"
                 "access_log /a.log b;\nserver { server_name x.example; }\n",
                 "/a.log|nginx:$msec $uri\\n$status|x.example||problem\n");
    describe_one("log_format bytes \"$msec $bytes_sent .\";\n"
                 "access_log /a.log bytes;\nserver { server_name x.example; }\n",
                 "/a.log|nginx:$msec $bytes_sent .|x.example||problem\n");
}

static void test_nginx_problems(void **state)
{
    describe_one("http { server { server_name s.example; access_log syslog:server=unix:/dev/log;\n"
                 " access_log logs/a.log; access_log /dev/stdout; access_log /x.log nowhere;\n"
                 " location /in { access_log /in.log; } } }\n",
                 "-|nginx_combined|s.example||problem\n"
                 "-|nginx_combined|s.example||problem\n"
                 "-|nginx_combined|s.example||problem\n"
                 "/x.log|-|s.example||problem\n"
                 "/in.log|nginx_combined|s.example|\n");
    describe_one("http { server { server_name s.example; } }\n",
                 "/var/log/nginx/access.log|nginx_combined|s.example|\n");
    describe_one(
        "http { server { server_name s.example; content_by_lua_block { x = \"}\" .. '{' }\n"
        " access_log /x.log; # } \n } }\nstream { server { access_log /tcp.log; } }\n",
        "/x.log|nginx_combined|s.example|\n");
}

/* Of logs that get the same requests one is read: the one that tells more, of more requests. */
static void test_same_requests(void **state)
{
#define JSON "log_format j '$host $msec \"$request\" $status \"$http_user_agent\" $remote_addr';\n"
    describe_one(JSON "server { server_name a.example; access_log /a; access_log /a.json j; }\n"
                      "server { server_name b.example c.example; access_log /b;"
                      " access_log /b.json j; }\n",
                 "/a|nginx_combined|a.example|\n"
                 "/a.json|nginx:"
                 "$host $msec \"$request\" $status \"$http_user_agent\" $remote_addr"
                 "|a.example|host|same as /a\n"
                 "/b|nginx_combined|b.example,c.example||same as /b.json\n"
                 "/b.json|nginx:"
                 "$host $msec \"$request\" $status \"$http_user_agent\" $remote_addr"
                 "|b.example,c.example|host\n");
    /* One with a condition yields; two conditions may be of different requests. */
    describe_one(
        "server { server_name a.example; access_log /some combined if=$x; access_log /all; }\n"
        "server { server_name b.example; access_log /x combined if=$x;"
        " access_log /not_x combined if=$y; access_log /x2 combined if=$x; }\n",
        "/some|nginx_combined|a.example||part|same as /all\n"
        "/all|nginx_combined|a.example|\n"
        "/x|nginx_combined|b.example||part|shares with /not_x\n"
        "/not_x|nginx_combined|b.example||part|shares with /x\n"
        "/x2|nginx_combined|b.example||part|same as /x\n");
    /* The only one of another server is read, and so nothing else that has those. */
    describe_one(
        "access_log /all;\nserver { server_name a.example; access_log /a; access_log /all; }\n"
        "server { server_name b.example; }\n"
        "server { server_name c.example; access_log /c; location /d { access_log /d; } }\n",
        "/a|nginx_combined|a.example||same as /all\n"
        "/all|nginx_combined|a.example,b.example|\n"
        "/c|nginx_combined|c.example|\n"
        "/d|nginx_combined|c.example|\n");
    /* Neither can be left out. */
    describe_one("server { server_name a.example; access_log /1; }\n"
                 "server { server_name b.example; access_log /2; }\n"
                 "server { server_name c.example; access_log /1; access_log /2; }\n",
                 "/1|nginx_combined|a.example,c.example||shares with /2\n"
                 "/2|nginx_combined|b.example,c.example||shares with /1\n");
    /* Two names of the same files are one log. */
    describe_one("server { server_name a.example; access_log /$host.log; }\n"
                 "server { server_name b.example; access_log /${server_name}.log; }\n",
                 "/{host}.log|nginx_combined|a.example,b.example|\n");
#undef JSON
}

static void test_nginx_off(void **state)
{
    describe_one(
        "http { access_log /all; server { server_name a.example; access_log /a; access_log off; }\n"
        "server { server_name b.example; access_log off; location / { access_log /b; } } }\n",
        "/b|nginx_combined|b.example|\n");
    describe_one("http { access_log off; access_log /all; server { server_name a.example; }\n"
                 "server { server_name b.example; access_log /b; } }\n",
                 "/b|nginx_combined|b.example|\n");
}

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        enum web_conf_kind kind;
    } cases[] = {
        {"events{} http {\n", WEB_CONF_NGINX},
        {"user x; events { worker_connections 4; } http{ server { } }", WEB_CONF_NGINX},
        {"# events {} http {\n", WEB_CONF_NONE},
        {"events{} tcp { }\n", WEB_CONF_NONE},
        {"a line; http is not opened {\n", WEB_CONF_NONE},
        {"ServerRoot: \"/etc/apache2\"\nMain DocumentRoot: \"/var/www/html\"\n", WEB_CONF_VHOSTS},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(web_conf_kind(str_of(cases[i].text)), cases[i].kind);
}

static void test_nginx_dump(void **state)
{
    describe_one("# configuration file /etc/nginx/nginx.conf:\n"
                 "http { access_log /all.log; include sites/*; }\n\n"
                 "# configuration file /etc/nginx/sites/a:\n"
                 "server { server_name a.example; include /etc/nginx/snip; }\n"
                 "# configuration file /etc/nginx/snip:\naccess_log /a.log;\n"
                 "# configuration file /etc/nginx/sites/b:\nserver { server_name b.example; }\n",
                 "/a.log|nginx_combined|a.example|\n/all.log|nginx_combined|b.example|\n");
}

static void test_apache(void **state)
{
    check(
        WEB_CONF_APACHE,
        "ServerRoot \"/etc/httpd\"\n"
        "LogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" "
        "combined\n"
        "LogFormat \"%v %h %t \\\"%r\\\" %>s\" mine\n"
        "CustomLog logs/access_log combined\n"
        "<VirtualHost *:80>\n ServerName A.example:80\n ServerAlias b.example *.c.example\n"
        " CustomLog ${APACHE_LOG_DIR}/a.log \\\n   combined env=!dontlog\n</VirtualHost>\n"
        "<VirtualHost *:80>\nServerName d.example\n"
        "CustomLog \"|/usr/bin/rotatelogs -l -n 5 /l/d.%Y-%m-%d.log 86400\" mine\n</VirtualHost>\n"
        "<IfModule !log>\nCustomLog /never.log combined\n</IfModule>\n"
        "<VirtualHost *:80>\nServerName e.example\n</VirtualHost>\n"
        "<VirtualHost *:80>\nServerName f.example\nCustomLog \"|/bin/logger\" combined\n"
        "CustomLog /f.log \"%h %m\"\n</VirtualHost>\n",
        "/logs/a.log|apache_combined|a.example,b.example||part\n"
        "/l/d.*-*-*.log|apache:%v %h %t \"%r\" %>s|d.example|host\n"
        "/etc/httpd/logs/access_log|apache_combined|e.example|\n"
        "-|apache_combined|f.example||problem\n"
        "/f.log|apache:%h %m|f.example||problem\n");
}

#define COMBINED "\"%h %l %u %t \\\"%r\\\" %>s %b \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\""
#define SHORT "\"%h %l %u %t \\\"%r\\\" %>s %b\""

/* The main server's log is read whatever the virtual hosts have; it names those without a name. */
static void test_apache_main_server(void **state)
{
    check(WEB_CONF_APACHE,
          "ServerName main.example\nCustomLog /main " COMBINED "\n<VirtualHost *:443>\n"
          "CustomLog /dumped " COMBINED "\n</VirtualHost>\n<VirtualHost _default_:444>\n"
          "CustomLog /inherited " COMBINED "\n</VirtualHost>\n<VirtualHost 192.0.2.1:80>\n"
          "CustomLog /nobody " COMBINED "\n</VirtualHost>\n",
          "/dumped|apache_combined|dumped.example|\n"
          "/inherited|apache_combined|main.example|\n"
          "/nobody|apache_combined||\n"
          "/main|apache_combined|main.example||main\n");
    check(WEB_CONF_APACHE,
          "CustomLog /all " COMBINED "\n<VirtualHost *:80>\nServerName a.example\n</VirtualHost>\n",
          "/all|apache_combined|a.example|\n");
}

static void test_apache_same_requests(void **state)
{
    check(WEB_CONF_APACHE,
          "<VirtualHost *:80>\nServerName a.example\nTransferLog /a\n"
          "CustomLog /b \"%t %h %{SSL_PROTOCOL}x \\\"%r\\\" %b\"\n</VirtualHost>\n",
          "/a|apache_common|a.example|\n"
          "/b|apache:%t %h %{SSL_PROTOCOL}x \"%r\" %b|a.example||same as /a\n");
    /* Without a user agent all requests are worth less than some with it. */
    check(WEB_CONF_APACHE,
          "<VirtualHost *:80>\nServerName a.example\nCustomLog /all " SHORT "\n"
          "CustomLog /some " COMBINED " env=!image\n</VirtualHost>\n",
          "/all|apache_common|a.example||same as /some\n"
          "/some|apache_combined|a.example||part\n");
    check(WEB_CONF_APACHE,
          "GlobalLog /global " COMBINED "\n<VirtualHost *:80>\nServerName a.example\n"
          "CustomLog /a " COMBINED "\n</VirtualHost>\n",
          "/a|apache_combined|a.example||same as /global\n"
          "/global|apache_combined|a.example|\n");
}

static void collect(void *context, struct str path)
{
    buf_put_str(context, path);
    buf_putc(context, '\n');
}

static void test_vhosts(void **state)
{
    struct str text = STR("VirtualHost configuration:\n*:80   is a NameVirtualHost\n"
                          "   default server a.example (/etc/apache2/sites-enabled/a.conf:1)\n"
                          "   port 80 namevhost b.example (/etc/apache2/sites-enabled/b.conf:12)\n"
                          "ServerRoot: \"/etc/apache2\"\n");
    struct str root;
    struct buf out;

    buf_init(&out, 4096);
    assert_int_equal(web_conf_kind(text), WEB_CONF_VHOSTS);
    web_conf_vhost_files(text, &root, collect, &out);
    assert_string_equal(buf_cstr(&out),
                        "/etc/apache2/sites-enabled/a.conf\n/etc/apache2/sites-enabled/b.conf\n");
    assert_true(str_eq(root, STR("/etc/apache2")));
    buf_reset(&out);
    web_conf_includes(WEB_CONF_NGINX,
                      STR(" include /a/*.conf; # x\ninclude \"b\" ;\ninclude_x y;\n"), collect,
                      &out);
    web_conf_includes(WEB_CONF_APACHE, STR("IncludeOptional c/*.conf\nInclude \"d\"\n"), collect,
                      &out);
    assert_string_equal(buf_cstr(&out), "/a/*.conf\nb\nc/*.conf\nd\n");
    buf_release(&out);
}

/* Rings of includes, blocks in blocks, words without end: a part is read, and said so. */
static void test_caps(void **state)
{
    struct web_file ring[] = {{STR("/a"), STR("include /b; access_log /x.log; server { }")},
                              {STR("/b"), STR("include /a;")}};
    struct config_arena *arena = config_arena_new(64 << 20);
    struct web_conf conf;
    struct buf text;

    assert_int_equal(web_conf_nginx(ring, 2, arena, &conf), 0);
    assert_true(conf.capped);
    config_arena_free(arena);
    arena = config_arena_new(64 << 20);
    buf_init(&text, 8 << 20);
    for (int i = 0; i < 100000; i++)
        buf_lit(&text, "location / {");
    struct web_file deep = {STR("/a"), buf_str(&text)};
    assert_int_equal(web_conf_nginx(&deep, 1, arena, &conf), 0);
    buf_reset(&text);
    for (int i = 0; i < 3000; i++)
        buf_printf(&text, "server { server_name h%d.example; access_log /l%d.log; }\n", i, i);
    deep.text = buf_str(&text);
    assert_int_equal(web_conf_nginx(&deep, 1, arena, &conf), 0);
    assert_true(conf.capped);
    assert_int_equal(conf.n, WEB_CONF_MAX_LOGS);
    buf_release(&text);
    config_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nginx),
        cmocka_unit_test(test_nginx_formats),
        cmocka_unit_test(test_nginx_problems),
        cmocka_unit_test(test_nginx_dump),
        cmocka_unit_test(test_same_requests),
        cmocka_unit_test(test_nginx_off),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_apache),
        cmocka_unit_test(test_apache_main_server),
        cmocka_unit_test(test_apache_same_requests),
        cmocka_unit_test(test_vhosts),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
