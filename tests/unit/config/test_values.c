/* Sizes, durations, host names, labels, paths, URLs: one table each. */
#include "config_cases.h"

#include "config/agent_config.h"
#include "config/destination_url.h"
#include "config/values.h"

struct measure {
    const char *text;
    bool ok;
    uint64_t value;
};

static void sizes(void **state)
{
    static const struct measure cases[] = {
        {"0", true, 0},
        {"512", true, 512},
        {"512K", true, 524288},
        {"512KiB", true, 524288},
        {"64MiB", true, 67108864},
        {"1G", true, 1073741824},
        {"16TiB", true, 17592186044416},
        {"16777215TiB", true, UINT64_C(16777215) << 40},
        {"16777216TiB", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"G", false, 0},
        {"1GB", false, 0},
        {"1g", false, 0},
        {"1 G", false, 0},
        {"-1G", false, 0},
        {"1.5G", false, 0},
        {"+1", false, 0},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t got = 77;
        if (value_size(str_of(cases[i].text), &got) != cases[i].ok)
            fail_msg("%s", cases[i].text);
        assert_int_equal(got, cases[i].ok ? cases[i].value : 77);
    }
}

static void durations(void **state)
{
    static const struct measure cases[] = {
        {"30s", true, 30000},    {"5m", true, 300000}, {"12h", true, 43200000},
        {"7d", true, 604800000}, {"0s", true, 0},      {"7", false, 0},
        {"d", false, 0},         {"7w", false, 0},     {"7D", false, 0},
        {"1h30m", false, 0},     {"", false, 0},       {"213503982335d", false, 0},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t got = 77;
        if (value_duration(str_of(cases[i].text), &got) != cases[i].ok)
            fail_msg("%s", cases[i].text);
        assert_int_equal(got, cases[i].ok ? cases[i].value : 77);
    }
}

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static void hosts(void **state)
{
    static const struct {
        const char *text, *why; /* NULL: right */
    } cases[] = {
        {"example.com", NULL},
        {"EXAMPLE.com", NULL},
        {"a", NULL},
        {"xn--bcher-kva.example", NULL},
        {"_dmarc.example.com", NULL},
        {"192.0.2.1", NULL},
        {L63 "." L63 "." L63 ".com", NULL},
        {"", "it is empty"},
        {L63 "a.com", "a part between its dots is longer than 63 bytes"},
        {L63 "." L63 "." L63 "." L63, "it is longer than 253 bytes"},
        {"example.com:80", "it has a port or a scheme"},
        {"https://example.com", "it has a port or a scheme"},
        {"*.example.com", "wildcards are not supported by this version"},
        {"example.com.", "it ends with a dot"},
        {".example.com", "a part between its dots is empty"},
        {"a..b", "a part between its dots is empty"},
        {"b\303\274cher.example", "it is not in ASCII (write the xn-- form)"},
        {"a b", "it holds a sign that no host name has"},
        {"a/b", "it holds a sign that no host name has"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *why = NULL;
        if (value_host(str_of(cases[i].text), &why) != !cases[i].why)
            fail_msg("%s: %s", cases[i].text, why ? why : "accepted");
        if (cases[i].why)
            assert_string_equal(why, cases[i].why);
    }
}

static void labels_and_paths(void **state)
{
    assert_true(value_label(STR("web-1.example_net")));
    assert_true(value_label(STR(L63 "a")));
    assert_false(value_label(STR(L63 "ab")));
    assert_false(value_label(STR("")));
    assert_false(value_label(STR("a b")));
    assert_false(value_label(STR("a/b")));
    assert_true(value_absolute_path(STR("/a/..b/c..")));
    assert_false(value_absolute_path(STR("a")));
    assert_false(value_absolute_path(STR("")));
    assert_false(value_absolute_path(STR("/a/../b")));
    assert_false(value_absolute_path(STR("/..")));
}

static void distances(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"a", "", 1},
        {"fromat", "format", 1},
        {"Format", "format", 0},
        {"file", "files", 1},
        {"sned", "send", 1},
        {"kitten", "sitting", 3},
        {"abc", "xyz", 3},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(value_distance(str_of(cases[i].a), str_of(cases[i].b)), cases[i].distance);
        assert_int_equal(value_distance(str_of(cases[i].b), str_of(cases[i].a)), cases[i].distance);
    }
    assert_int_equal(value_distance(STR(L63), STR(L63)), 40);
}

static void urls(void **state)
{
    static const char blank[] = "it holds a blank, a backslash or a byte that is not ASCII";
    static const char user[] = "it holds a user name or an @; the token goes in `token_file`";
    static const char query[] =
        "it holds a query or a fragment; expected the address of the server only";
    static const char authority[] =
        "expected a host name or an address after the scheme, and at most a port after it";
    static const char plain[] = "plain http would show the token and the visitors on the network";
    static const char scheme[] = "it does not begin with https://";
    static const char path[] = "expected an absolute path after unix:";
    static const struct {
        const char *url, *why; /* NULL: right */
        bool local;
    } cases[] = {
        {"https://ingest.example.net", NULL, false},
        {"https://ingest.example.net:8443/base/", NULL, false},
        {"https://192.0.2.7", NULL, false},
        {"https://[2001:db8::1]:443", NULL, false},
        {"https://localhost", NULL, true},
        {"https://[::1]", NULL, true},
        {"http://127.0.0.1:8080", NULL, true},
        {"http://127.255.0.9/x", NULL, true},
        {"http://LocalHost:8080", NULL, true},
        {"http://[::1]:8080", NULL, true},
        {"http://[::ffff:127.0.0.1]", NULL, true},
        {"unix:/run/logferry-server/http", NULL, true},
        {"http://ingest.example.net", plain, false},
        {"http://128.0.0.1", plain, false},
        {"http://127.0.0.1.example.net", plain, false},
        {"http://localhost.example.net", plain, false},
        {"http://127.1", plain, false},
        {"http://0x7f.0.0.1", plain, false},
        {"http://2130706433", plain, false},
        {"http://[::]", plain, false},
        {"http://[::2]", plain, false},
        {"http://127.0.0.1@example.net", user, false},
        {"https://u:p@example.net", user, false},
        {"https://example.net?x=1", query, false},
        {"https://example.net/#a", query, false},
        {"https://exa mple.net", blank, false},
        {"https://example.net\\@x", blank, false},
        {"https://b\303\274cher.example", blank, false},
        {"https://example.net\n", blank, false},
        {"", scheme, false},
        {"https:/example.net", scheme, false},
        {"HTTPS://example.net", scheme, false},
        {"ftp://example.net", scheme, false},
        {"example.net", scheme, false},
        {"//example.net", scheme, false},
        {"https://", authority, false},
        {"https:///x", authority, false},
        {"https://:80", authority, false},
        {"https://example.net:", authority, false},
        {"https://example.net:0", authority, false},
        {"https://example.net:65536", authority, false},
        {"https://example.net:80:80", authority, false},
        {"https://[::1", authority, false},
        {"https://[::1]x", authority, false},
        {"https://[127.0.0.1]", authority, false},
        {"https://::1", authority, false},
        {"https://[fe80::1%25eth0]", authority, false},
        {"unix:", path, false},
        {"unix:/", path, false},
        {"unix:run/x", path, false},
        {"unix:/run/../x", path, false},
        {"unix:/" L63 L63, "the path of a unix socket has at most 107 bytes", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        bool local = !cases[i].local;
        const char *why = NULL;
        if (destination_url_check(str_of(cases[i].url), &local, &why) != !cases[i].why)
            fail_msg("%s: %s", cases[i].url, why ? why : "accepted");
        if (cases[i].why)
            assert_string_equal(why, cases[i].why);
        else if (local != cases[i].local)
            fail_msg("%s: local", cases[i].url);
    }
}

static void proxies(void **state)
{
    static const struct {
        const char *url;
        bool ok;
    } cases[] = {
        {"http://proxy.example.net:3128", true},
        {"https://proxy.example.net", true},
        {"socks5://127.0.0.1:1080", true},
        {"socks5h://[::1]:1080", true},
        {"http://u:p@proxy.example.net", false},
        {"http://proxy.example.net/x", false},
        {"proxy.example.net:3128", false},
        {"socks4://proxy.example.net", false},
        {"", false},
        {"http://", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *why = NULL;
        if (proxy_url_check(str_of(cases[i].url), &why) != cases[i].ok)
            fail_msg("%s", cases[i].url);
        assert_true(cases[i].ok || why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),     cmocka_unit_test(durations),
        cmocka_unit_test(hosts),     cmocka_unit_test(labels_and_paths),
        cmocka_unit_test(distances), cmocka_unit_test(urls),
        cmocka_unit_test(proxies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
