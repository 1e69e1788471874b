/* Who asked, behind proxies; and whose edge an address is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parsers/cdn.h"
#include "parsers/cdn_ranges.h"
#include "parsers/client_ip.h"
#include "parsers/format.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct str text_of(const char *text)
{
    return text ? str_of(text) : STR_NONE;
}

static void assert_address(const char *name, struct str got, const char *expected)
{
    if (!str_eq(got, text_of(expected)) || str_is_set(got) != (expected != NULL))
        fail_msg("%s: \"%.*s\", not %s", name, STR_ARGS(got), expected ? expected : "nothing");
}

static void test_bare(void **state)
{
    static const struct {
        const char *text, *address;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {" 192.0.2.1\t", "192.0.2.1"},
        {"192.0.2.1:443", "192.0.2.1"},
        {"\"192.0.2.1:443\"", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"\"[2001:db8::1]:443\"", "2001:db8::1"},
        {"fe80::1%eth0", "fe80::1"},
        {"[fe80::1%25eth0]:80", "fe80::1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"::1", "::1"},
        {"", NULL},
        {"-", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"unix:", NULL},
        {"unix:/run/x.sock", NULL},
        {"host.example.com", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"[2001:db8::1", NULL},
        {"[]", NULL},
        {"\"\"", NULL},
        {"%", NULL},
        {":", NULL},
        {"192.0.2.1/24", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_address(cases[i].text, client_ip_bare(str_of(cases[i].text)), cases[i].address);
}

static void test_plain(void **state)
{
    static const struct {
        const char *text, *address;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:443", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1%2]:443", "2001:db8::1"},
        {"fe80::1%eth0", "fe80::1"},
        {"", ""},
        {"unix:", "unix:"},
        {"host.example.com:443", "host.example.com:443"},
        {"192.0.2.256:1", "192.0.2.256:1"},
        {"[-]", "[-]"},
        {"%", "%"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_address(cases[i].text, client_ip_plain(str_of(cases[i].text)), cases[i].address);
    assert_address("missing", client_ip_plain(STR_NONE), NULL);
}

/* The proxies are 10.0.0.0/8 and 2001:db8:a::/48. */
static const struct row {
    const char *name;
    enum client_from from;
    const char *peer, *header, *address;
} rows[] = {
#define X CLIENT_FROM_X_FORWARDED_FOR
#define F CLIENT_FROM_FORWARDED
    {"no rule", CLIENT_FROM_PEER, "10.0.0.1", "192.0.2.9", "10.0.0.1"},
    {"no rule, no address", CLIENT_FROM_PEER, "unix:", "192.0.2.9", "unix:"},
    {"one proxy", X, "10.0.0.1", "192.0.2.9", "192.0.2.9"},
    {"two proxies", X, "10.0.0.1", "192.0.2.9, 10.0.0.2", "192.0.2.9"},
    {"what the client wrote itself", X, "10.0.0.1", "203.0.113.7, 192.0.2.9", "192.0.2.9"},
    {"a forged proxy", X, "10.0.0.1", "203.0.113.7, 10.9.9.9, 192.0.2.9, 10.0.0.2", "192.0.2.9"},
    {"untrusted peer", X, "198.51.100.4", "192.0.2.9", "198.51.100.4"},
    {"no header", X, "10.0.0.1", NULL, "10.0.0.1"},
    {"empty header", X, "10.0.0.1", "", "10.0.0.1"},
    {"all trusted", X, "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
    {"unix socket", X, "unix:", "192.0.2.9", "192.0.2.9"},
    {"unix socket, proxies", X, "unix:", "192.0.2.9,10.0.0.2", "192.0.2.9"},
    {"unix socket, no header", X, "unix:", NULL, NULL},
    {"no peer", X, NULL, "203.0.113.7, 192.0.2.9", "192.0.2.9"},
    {"no blanks", X, "10.0.0.1", "203.0.113.7,192.0.2.9,10.0.0.2", "192.0.2.9"},
    {"many blanks", X, "10.0.0.1", "  192.0.2.9  ,  10.0.0.2 ", "192.0.2.9"},
    {"port", X, "10.0.0.1", "192.0.2.9:5312", "192.0.2.9"},
    {"IPv6", X, "10.0.0.1", "2001:db8:b::9", "2001:db8:b::9"},
    {"IPv6 with port", X, "10.0.0.1", "[2001:db8:b::9]:443", "2001:db8:b::9"},
    {"IPv6 with zone", X, "10.0.0.1", "fe80::9%eth0", "fe80::9"},
    {"IPv6 proxy", X, "2001:db8:a::1", "192.0.2.9, 2001:db8:a::2", "192.0.2.9"},
    {"mapped proxy", X, "::ffff:10.0.0.1", "192.0.2.9", "192.0.2.9"},
    {"unknown", X, "10.0.0.1", "unknown", NULL},
    {"unknown, further away", X, "10.0.0.1", "unknown, 192.0.2.9", "192.0.2.9"},
    {"unknown, before a proxy", X, "10.0.0.1", "192.0.2.9, unknown, 10.0.0.2", NULL},
    {"hidden", X, "10.0.0.1", "_hidden", NULL},
    {"a name", X, "10.0.0.1", "host.example.com", NULL},
    {"trailing comma", X, "10.0.0.1", "192.0.2.9, ", "192.0.2.9"},
    {"empty element", X, "10.0.0.1", "192.0.2.9, , 10.0.0.2", "192.0.2.9"},
    {"Forwarded is another header", X, "10.0.0.1", "for=192.0.2.9", NULL},
    {"Forwarded", F, "10.0.0.1", "for=192.0.2.9", "192.0.2.9"},
    {"Forwarded, capitals", F, "10.0.0.1", "For=192.0.2.9;Proto=http", "192.0.2.9"},
    {"Forwarded, quoted", F, "10.0.0.1", "for=\"[2001:db8:b::9]:4711\"", "2001:db8:b::9"},
    {"Forwarded, pairs", F, "10.0.0.1", "by=203.0.113.1; for=192.0.2.9 ;proto=https", "192.0.2.9"},
    {"Forwarded, two", F, "10.0.0.1", "for=192.0.2.9, for=10.0.0.2;by=x", "192.0.2.9"},
    {"Forwarded, comma in quotes", F, "10.0.0.1", "for=192.0.2.9;host=\"a,b\\\",for=1\"",
     "192.0.2.9"},
    {"Forwarded, unknown", F, "10.0.0.1", "for=unknown", NULL},
    {"Forwarded, hidden", F, "10.0.0.1", "for=_gazonk", NULL},
    {"Forwarded, no for", F, "10.0.0.1", "for=192.0.2.9, by=10.0.0.2", NULL},
    {"Forwarded, open quote", F, "10.0.0.1", "for=\"192.0.2.9", NULL},
    {"Forwarded, nothing", F, "10.0.0.1", ",", "10.0.0.1"},
};

static void test_rows(void **state)
{
    struct cidr trust[2];
    assert_true(cidr_parse(STR("10.0.0.0/8"), &trust[0]));
    assert_true(cidr_parse(STR("2001:db8:a::/48"), &trust[1]));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct client_rule rule = {.from = rows[i].from, .trust = trust, .n_trust = 2};
        struct hit hit = {.client_ip = text_of(rows[i].peer)};
        *(rule.from == CLIENT_FROM_FORWARDED ? &hit.forwarded : &hit.forwarded_for) =
            text_of(rows[i].header);
        assert_address(rows[i].name, client_ip(&rule, &hit), rows[i].address);
    }
}

/* As many hops as are looked at, and one more. */
static void test_many_hops(void **state)
{
    struct cidr trust;
    assert_true(cidr_parse(STR("10.0.0.0/8"), &trust));
    struct client_rule rule = {.from = CLIENT_FROM_X_FORWARDED_FOR, .trust = &trust, .n_trust = 1};
    for (size_t hops = 1; hops <= CLIENT_IP_MAX_HOPS + 2; hops++) {
        char text[1024] = "192.0.2.9";
        for (size_t i = 1; i < hops; i++)
            strncat(text, ", 10.0.0.2", sizeof(text) - strlen(text) - 1);
        struct hit hit = {.client_ip = STR("10.0.0.1"), .forwarded_for = str_of(text)};
        assert_address(text, client_ip(&rule, &hit),
                       hops <= CLIENT_IP_MAX_HOPS ? "192.0.2.9" : NULL);
    }
}

static enum cdn cdn_at(const char *text)
{
    unsigned char address[16];
    assert_true(address_parse(str_of(text), address));
    return cdn_of(address);
}

static void test_cdns(void **state)
{
    assert_int_equal(cdn_at("130.176.1.2"), CDN_CLOUDFRONT);
    assert_int_equal(cdn_at("::ffff:130.176.1.2"), CDN_CLOUDFRONT);
    assert_int_equal(cdn_at("2600:9000:2000::1"), CDN_CLOUDFRONT);
    assert_int_equal(cdn_at("172.68.0.1"), CDN_CLOUDFLARE);
    assert_int_equal(cdn_at("2a06:98c7:ffff::1"), CDN_CLOUDFLARE);
    assert_int_equal(cdn_at("2a06:98c8::1"), CDN_NONE);
    assert_int_equal(cdn_at("151.101.1.140"), CDN_FASTLY);
    assert_int_equal(cdn_at("192.0.2.1"), CDN_NONE);
    assert_int_equal(cdn_at("0.0.0.0"), CDN_NONE);
    assert_int_equal(cdn_at("255.255.255.255"), CDN_NONE);
    assert_int_equal(cdn_at("::1"), CDN_NONE);
    for (size_t i = 0; i < cdn_ranges4_n; i++) {
        const struct cdn_range4 *r = &cdn_ranges4[i];
        char text[16];
        for (int end = 0; end < 2; end++) {
            uint32_t a = end ? r->last : r->first;
            snprintf(text, sizeof(text), "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255,
                     a & 255);
            assert_int_equal(cdn_at(text), r->cdn);
        }
        assert_true(r->first <= r->last && (i == 0 || r->first > cdn_ranges4[i - 1].last));
    }
    for (int c = 1; c < CDN_COUNT; c++)
        assert_int_equal(cdn_of_key(str_of(cdn_key((enum cdn)c))), c);
    assert_int_equal(cdn_of_key(STR("akamai")), CDN_NONE);
}

/* Whose own log a format is, whatever it is spelled like. */
static void test_logs_of_cdns(void **state)
{
    static const struct {
        const char *spec;
        enum cdn cdn;
    } cases[] = {
        {"nginx_combined", CDN_NONE},
        {"iis", CDN_NONE},
        {"cloudfront", CDN_CLOUDFRONT},
        {"cloudfront_realtime", CDN_CLOUDFRONT},
        {"cloudfront_json", CDN_CLOUDFRONT},
        {"cri+cloudfront", CDN_CLOUDFRONT},
        {"docker+cloudfront_json", CDN_CLOUDFRONT},
        {"cloudflare_json", CDN_CLOUDFLARE},
        {"fastly_json", CDN_FASTLY},
        {"syslog+fastly_json", CDN_FASTLY},
        {"w3c:{\"fields\":[\"date\",\"time\",\"cs-uri-stem\",\"sc-status\"]}", CDN_CLOUDFRONT},
        {"json:{\"time\":\"ts\",\"target\":\"url\"}", CDN_NONE},
        {"json:{\"time\":\"ts\",\"target\":\"cs-uri-stem\",\"cdn_result\":\"x-edge-result-type\"}",
         CDN_CLOUDFRONT},
        {"docker+json:{\"time\":\"a.EdgeStartTimestamp\",\"target\":\"a.ClientRequestURI\"}",
         CDN_CLOUDFLARE},
        {"nginx:$remote_addr [$time_iso8601] \"$request\" $status cloudfront", CDN_NONE},
    };
    struct buf why;

    buf_init(&why, 4096);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct format *f = format_new(str_of(cases[i].spec), NULL, &why);
        if (!f)
            fail_msg("%s: %s", cases[i].spec, buf_cstr(&why));
        if (format_cdn(f) != cases[i].cdn)
            fail_msg("%s: %s", cases[i].spec, cdn_name(format_cdn(f)));
        format_free(f);
    }
    buf_release(&why);
}

static void test_trusted_cdn(void **state)
{
    struct client_rule rule = {.from = CLIENT_FROM_X_FORWARDED_FOR,
                               .trust_cdns = 1u << CDN_CLOUDFRONT};
    struct hit hit = {.client_ip = STR("130.176.1.2"), .forwarded_for = STR("192.0.2.9")};

    assert_address("CloudFront", client_ip(&rule, &hit), "192.0.2.9");
    hit.client_ip = STR("172.68.0.1");
    assert_address("not that CDN", client_ip(&rule, &hit), "172.68.0.1");
}

static void test_of_list(void **state)
{
    static const struct {
        const char *list, *address;
    } cases[] = {
        {"203.0.113.20", "203.0.113.20"},
        {"198.51.100.1, 203.0.113.20", "203.0.113.20"}, /* the first is what the client says */
        {"203.0.113.20, 172.68.0.1, 10.0.0.1", "203.0.113.20"},
        {"10.0.0.5, 10.0.0.1", "10.0.0.5"},
        {"203.0.113.20:4711,unknown, ", "203.0.113.20"},
        {"[2001:db8::7]:80, fd00::1", "2001:db8::7"},
        {"unknown, _hidden", NULL},
        {",,", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_address(cases[i].list, client_ip_of_list(str_of(cases[i].list)), cases[i].address);
    assert_address("none", client_ip_of_list(STR_NONE), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logs_of_cdns), cmocka_unit_test(test_bare),
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_many_hops),    cmocka_unit_test(test_cdns),
        cmocka_unit_test(test_trusted_cdn),  cmocka_unit_test(test_of_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
