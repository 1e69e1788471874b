/* logferry-server.yaml: what each key gives, what each mistake says, and where. */
#include "config_cases.h"

#include "config/server_config.h"

#define LISTEN_EXPECTED                                                                            \
    "expected ADDRESS:PORT with a numeric address, or unix:/path; write `listen: "                 \
    "127.0.0.1:8080`\n"
#define NO_URL                                                                                     \
    " is no such URL; expected an http or https URL without a path; write `public_url: https://"   \
    "stats.example.net`\n"
#define NO_PORT " does not end with a port; " LISTEN_EXPECTED
#define NO_ADDRESS " does not begin with a numeric address (IPv6 in brackets); " LISTEN_EXPECTED
#define RATE_EXPECTED                                                                              \
    "is out of range or no number; expected requests a second, 0 (no limit) to 1000000; write "

static const struct config_case mistakes[] = {
    {"empty", "", ""},
    {"list", "[]\n",
     "f:1:1: a list stands here; expected a mapping; write its keys below it, as `listen: …`\n"},
    {"unknown key", "listn: 127.0.0.1:8080\nport: 80\n",
     "f:1:1: unknown key \"listn\"; expected one of listen, store, limits, exclude, spam, geo, "
     "trusted_proxies, metrics, access_log, hitkeep_compat, public_url, initial_user; did you "
     "mean `listen`?\n"
     "f:2:1: unknown key \"port\"; expected one of listen, store, limits, exclude, spam, geo, "
     "trusted_proxies, metrics, access_log, hitkeep_compat, public_url, initial_user; remove "
     "it\n"},
    {"public_url without a scheme", "public_url: stats.example.net\n",
     "f:1:13: public_url: \"stats.example.net\"" NO_URL},
    {"public_url with a path", "public_url: https://a.example/x\n",
     "f:1:13: public_url: \"https://a.example/x\"" NO_URL},
    {"no port", "listen: 127.0.0.1\n", "f:1:9: listen: \"127.0.0.1\"" NO_PORT},
    {"only a port", "listen: 8080\n", "f:1:9: listen: \"8080\"" NO_PORT},
    {"large port", "listen: 127.0.0.1:65536\n", "f:1:9: listen: \"127.0.0.1:65536\"" NO_PORT},
    {"any address", "listen: ':8080'\n", "f:1:9: listen: \":8080\"" NO_ADDRESS},
    {"name", "listen: example.com:80\n", "f:1:9: listen: \"example.com:80\"" NO_ADDRESS},
    {"IPv6 without brackets", "listen: '::1:80'\n", "f:1:9: listen: \"::1:80\"" NO_ADDRESS},
    {"IPv4 in brackets", "listen: '[127.0.0.1]:80'\n",
     "f:1:9: listen: \"[127.0.0.1]:80\"" NO_ADDRESS},
    {"relative socket", "listen: unix:run/s\n",
     "f:1:9: listen: \"unix:run/s\" is no absolute path of at most 107 bytes after "
     "unix:; " LISTEN_EXPECTED},
    {"list of addresses", "listen: [127.0.0.1:80]\n",
     "f:1:9: listen: a list stands here; " LISTEN_EXPECTED},
    {"metrics and access log", "metrics: {listen: 9465}\naccess_log: yes\n",
     "f:1:19: metrics.listen: \"9465\" does not end with a port; expected ADDRESS:PORT with a "
     "numeric address, or unix:/path; write `listen: 127.0.0.1:9465`\n"
     "f:2:13: access_log: \"yes\" is not known here; expected one of off, errors, all; write "
     "`access_log: off`\n"},
    {"store", "store: ''\n",
     "f:1:8: store: \"\" is empty; expected an absolute path without `..`; write `store: "
     "/var/lib/logferry-server`\n"},
    {"limits",
     "limits:\n  ingest_rate: -1\n  ingest_burst: 0\n  api_rate: 1000001\n  exempt_loopback: 1\n"
     "  connections: many\n  body: 1MiB\n",
     "f:2:16: limits.ingest_rate: \"-1\" " RATE_EXPECTED "`ingest_rate: 20`\n"
     "f:3:17: limits.ingest_burst: \"0\" is out of range or no number; expected a number from 1 "
     "to 1000000; write `ingest_burst: 40`\n"
     "f:4:13: limits.api_rate: \"1000001\" " RATE_EXPECTED "`api_rate: 20`\n"
     "f:5:20: limits.exempt_loopback: \"1\" is neither; expected true or false; write "
     "`exempt_loopback: true`\n"
     "f:6:16: limits.connections: \"many\" is out of range or no number; expected a number from 1 "
     "to 65536; write `connections: 512`\n"
     "f:7:3: limits: unknown key \"body\"; expected one of ingest_rate, ingest_burst, api_rate, "
     "api_burst, exempt_loopback, connections, auth_rate, auth_burst, batch_records_per_minute; "
     "remove it\n"},
    {"exclude and spam",
     "exclude:\n  ip: 300.0.0.1\n  country: [de]\nspam:\n  referrers: ['http://x.example']\n"
     "  networks: [{a: b}]\n",
     "f:2:7: exclude.ip: \"300.0.0.1\" is neither an address nor a network; expected a list of "
     "addresses and networks; write `ip: [198.51.100.0/24, 2001:db8::/32]`\n"
     "f:3:12: exclude.country: \"de\" is no country; expected a list of countries of two capital "
     "letters; write `country: [AQ]`\n"
     "f:5:15: spam.referrers[1]: \"http://x.example\" is no host name: it has a port or a scheme; "
     "expected a name without scheme and port; write it as example.com\n"
     "f:6:14: spam.networks[1]: a mapping stands here; expected a list of addresses and networks; "
     "write a text, or remove this item\n"},
    {"files and proxies",
     "spam: {referrer_files: [spam.txt]}\ngeo: {country: x, city: /y}\n"
     "trusted_proxies: [proxy.example]\n",
     "f:1:24: spam.referrer_files: \"spam.txt\" is no absolute path; write the whole path of the "
     "file\n"
     "f:2:16: geo.country: \"x\" is no such path; expected an absolute path "
     "without `..`; write `country: /var/lib/GeoIP/GeoLite2-Country.mmdb`\n"
     "f:2:19: geo: unknown key \"city\"; expected one of country; remove it\n"
     "f:3:19: trusted_proxies[1]: \"proxy.example\" is neither an address nor a network; expected "
     "a list of addresses and networks; write `trusted_proxies: [198.51.100.0/24, "
     "2001:db8::/32]`\n"},
};

static void mistakes_have_places(void **state)
{
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct buf error;
        buf_init(&error, 65536);
        struct server_config *c = server_config_parse(str_of(mistakes[i].yaml), "f", &error);
        expect_error(&mistakes[i], &error);
        assert_int_equal(c != NULL, mistakes[i].error[0] == '\0');
        server_config_free(c);
        buf_release(&error);
    }
}

static struct server_config *must_parse(const char *yaml)
{
    struct buf error;

    buf_init(&error, 65536);
    struct server_config *c = server_config_parse(str_of(yaml), "f", &error);
    if (!c)
        fail_msg("%s", buf_cstr(&error));
    buf_release(&error);
    return c;
}

static void assert_text(struct str s, const char *text)
{
    assert_non_null(s.p);
    assert_string_equal(s.p, text); /* there is a NUL behind it */
}

static void defaults(void **state)
{
    assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
    struct server_config *c = must_parse("");

    assert_text(c->path, "f");
    assert_null(c->listen.socket.p);
    assert_text(c->listen.address, "127.0.0.1");
    assert_int_equal(c->listen.port, 8080);
    assert_true(c->listen.loopback);
    assert_text(c->store, "/var/lib/logferry-server");
    assert_int_equal(c->limits.ingest.rate, 20);
    assert_int_equal(c->limits.ingest.burst, 40);
    assert_int_equal(c->limits.api.rate, 10);
    assert_int_equal(c->limits.api.burst, 20);
    assert_true(c->limits.exempt_loopback);
    assert_int_equal(c->limits.connections, 512);
    assert_int_equal(c->limits.auth.rate, 2);
    assert_int_equal(c->limits.auth.burst, 5);
    assert_int_equal(c->limits.batch_records_per_minute, 0);
    assert_int_equal(c->exclude.ip.n + c->exclude.country.n + c->exclude.user_agent.n, 0);
    assert_int_equal(c->exclude.path.n + c->spam.referrers.n + c->spam.n_networks, 0);
    assert_int_equal(c->spam.referrer_files.n + c->spam.network_files.n + c->n_proxies, 0);
    assert_null(c->geo_country.p);
    server_config_free(c);

    assert_int_equal(setenv("STATE_DIRECTORY", "/srv/store", 1), 0);
    c = must_parse("");
    assert_text(c->store, "/srv/store");
    server_config_free(c);
    assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
    server_config_free(NULL);
}

static void addresses(void **state)
{
    static const struct {
        const char *yaml, *address, *socket;
        unsigned port;
        bool loopback;
    } cases[] = {
        {"listen: 127.0.0.2:0", "127.0.0.2", NULL, 0, true},
        {"listen: 'localhost:81'", "127.0.0.1", NULL, 81, true},
        {"listen: '[::1]:65535'", "::1", NULL, 65535, true},
        {"listen: 0.0.0.0:80", "0.0.0.0", NULL, 80, false},
        {"listen: '[::]:80'", "::", NULL, 80, false},
        {"listen: 192.0.2.1:80", "192.0.2.1", NULL, 80, false},
        {"listen: unix:/run/logferry-server/http", NULL, "/run/logferry-server/http", 0, true},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct server_config *c = must_parse(cases[i].yaml);
        if (cases[i].address)
            assert_text(c->listen.address, cases[i].address);
        else
            assert_null(c->listen.address.p);
        if (cases[i].socket)
            assert_text(c->listen.socket, cases[i].socket);
        else
            assert_null(c->listen.socket.p);
        assert_int_equal(c->listen.port, cases[i].port);
        assert_int_equal(c->listen.loopback, cases[i].loopback);
        server_config_free(c);
    }
}

static void everything_given(void **state)
{
    struct server_config *c = must_parse(
        "store: /srv/s\n"
        "limits: {ingest_rate: 0, ingest_burst: 5, api_rate: 3, api_burst: 4,\n"
        "  exempt_loopback: false, connections: 9, auth_rate: 6, auth_burst: 7,\n"
        "  batch_records_per_minute: 60000}\n"
        "geo: {country: /srv/c.mmdb}\n"
        "trusted_proxies: [127.0.0.1, '2001:db8::/32']\n"
        "exclude: {ip: 192.0.2.1, country: [DE, AQ], user_agent: [Uptime], path: [/a, /b]}\n"
        "spam: {referrers: [www.Z.example, y.example, b.example, b.example.org],\n"
        "  networks: ['2001:db8::/32', 198.51.100.0/24],\n"
        "  referrer_files: /srv/spam.txt, network_files: [/srv/a, /srv/b]}\n");

    assert_text(c->store, "/srv/s");
    assert_int_equal(c->limits.ingest.rate, 0);
    assert_int_equal(c->limits.ingest.burst, 5);
    assert_int_equal(c->limits.api.rate, 3);
    assert_int_equal(c->limits.api.burst, 4);
    assert_false(c->limits.exempt_loopback);
    assert_int_equal(c->limits.connections, 9);
    assert_int_equal(c->limits.auth.rate, 6);
    assert_int_equal(c->limits.auth.burst, 7);
    assert_int_equal(c->limits.batch_records_per_minute, 60000);
    assert_text(c->geo_country, "/srv/c.mmdb");
    assert_int_equal(c->n_proxies, 2);
    assert_int_equal(c->proxies[1].bits, 32);
    assert_text(c->exclude.ip.items[0], "192.0.2.1");
    assert_text(c->exclude.country.items[1], "AQ");
    assert_text(c->spam.referrer_files.items[0], "/srv/spam.txt");
    assert_int_equal(c->spam.network_files.n, 2);
    assert_text(c->exclude.user_agent.items[0], "Uptime");
    assert_int_equal(c->exclude.path.n, 2);
    assert_int_equal(c->spam.referrers.n, 4);
    assert_text(c->spam.referrers.items[0], "www.z.example");
    assert_text(c->spam.referrers.items[3], "b.example.org");
    assert_int_equal(c->spam.n_networks, 2);
    assert_int_equal(c->spam.networks[0].bits, 32);
    server_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_have_places),
        cmocka_unit_test(defaults),
        cmocka_unit_test(addresses),
        cmocka_unit_test(everything_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
