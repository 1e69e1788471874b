/* test_client.c - whose request is it, behind proxies that are trusted and others that are not. */
#include "tests/unit/server/api_bench.h"

#include "server/api_internal.h"

struct hop {
    const char *name, *headers, *client; /* NULL: who connects, and "": the same, not local */
};

/* The peer is 127.0.0.1; 127.0.0.0/8 and 10.0.0.0/8 are trusted. */
static const struct hop hops[] = {
    {"no header", "", NULL},
    {"one hop", "X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"},
    {"made up by the client", "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n", "203.0.113.9"},
    {"through trusted ones", "X-Forwarded-For: 198.51.100.1, 203.0.113.9, 10.0.0.1 ,127.0.0.1\r\n",
     "203.0.113.9"},
    {"all of them trusted", "X-Forwarded-For: 10.0.0.7, 10.0.0.1\r\n", "10.0.0.7"},
    {"two fields are one list",
     "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.1\r\n", "203.0.113.9"},
    {"the nearest field is trusted",
     "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.0.0.1\r\n", "203.0.113.9"},
    {"IPv6 with port", "X-Forwarded-For: [2001:db8::1]:443\r\n", "2001:db8::1"},
    {"IPv4 with port", "x-forwarded-for: 203.0.113.9:1234\r\n", "203.0.113.9"},
    {"nonsense", "X-Forwarded-For: 203.0.113.9, unknown\r\n", ""},
    {"nonsense further away", "X-Forwarded-For: unknown, 203.0.113.9\r\n", "203.0.113.9"},
    {"empty", "X-Forwarded-For: \r\n", NULL},
    {"it comes first", "X-Real-IP: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9\r\n",
     "203.0.113.9"},
    {"real IP", "X-Real-IP: 203.0.113.9\r\n", "203.0.113.9"},
    {"real IP before Cloudflare's", "CF-Connecting-IP: 198.51.100.1\r\nX-Real-IP: 203.0.113.9\r\n",
     "203.0.113.9"},
    {"the last that is an address", "X-Real-IP: 198.51.100.1, 203.0.113.9, x\r\n", "203.0.113.9"},
    {"Cloudflare's", "CF-Connecting-IP: 203.0.113.9\r\n", "203.0.113.9"},
    {"Fastly's", "Fastly-Client-IP: 2001:db8::1\r\n", "2001:db8::1"},
    {"CloudFront's", "CloudFront-Viewer-Address: 203.0.113.9:4711\r\n", "203.0.113.9"},
    {"CloudFront's, IPv6", "CloudFront-Viewer-Address: 2001:db8::1:4711\r\n", "2001:db8::1"},
    {"no address in it", "X-Real-IP: localhost\r\n", NULL},
};

struct answer {
    struct api *api;
    struct http_peer seen;
};

static void on_ask(void *ctx, struct http_request *req)
{
    struct answer *a = ctx;
    a->seen = api_client_of(a->api, req);
    http_error(req, 200, "seen");
}

static void ask(struct bench *b, struct answer *a, const char *headers)
{
    struct probe p;
    a->api = b->api;
    bench_ask(b, &p, "GET /seen", headers, STR_NONE);
    assert_int_equal(probe_status(&p), 200);
    probe_close(&p);
}

static void check_hop(struct bench *b, struct answer *a, const struct hop *hop)
{
    unsigned char wanted[16];
    const char *client = hop->client && hop->client[0] ? hop->client : "127.0.0.1";
    assert_true(address_parse(str_of(client), wanted));
    ask(b, a, hop->headers);
    if (memcmp(wanted, a->seen.address, 16) != 0)
        fail_msg("%s", hop->name);
    /* Only without a word about anybody else it is this machine that asks. */
    if (a->seen.local != (hop->client == NULL))
        fail_msg("%s: local is %d", hop->name, a->seen.local);
}

static void behind_proxies(void **state)
{
    static const struct route routes[] = {{ROUTE_GET, "/seen", 0, NULL, on_ask}};
    static struct cidr proxies[2];
    struct bench *b = *state;
    struct answer a = {.api = NULL};
    char long_list[1024] = "X-Forwarded-For: 203.0.113.9";
    router_add(&b->router, routes, 1, &a);
    ask(b, &a, "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n");
    assert_true(a.seen.local); /* nobody is trusted unless the configuration says so */
    assert_true(cidr_parse(STR("127.0.0.0/8"), &proxies[0]));
    assert_true(cidr_parse(STR("10.0.0.0/8"), &proxies[1]));
    b->config.proxies = proxies;
    b->config.n_proxies = 2;
    bench_stop(b);
    bench_start(b);
    router_add(&b->router, routes, 1, &a);
    for (size_t i = 0; i < COUNT_OF(hops); i++)
        check_hop(b, &a, &hops[i]);
    /* More proxies than are followed: the nearest client is not known. */
    for (int i = 0; i < 40; i++)
        strncat(long_list, ", 10.0.0.1", sizeof(long_list) - strlen(long_list) - 3);
    strncat(long_list, "\r\n", 3);
    check_hop(b, &a, &(struct hop){"too many", long_list, ""});
}

/* The bucket is the client's, however near the proxy stands. */
static void limited_by_client(void **state)
{
    static struct cidr proxy;
    struct bench *b = *state;
    struct probe p;
    assert_true(cidr_parse(STR("127.0.0.1"), &proxy));
    b->config.proxies = &proxy;
    b->config.n_proxies = 1;
    b->config.api_rate = (struct limiter_rate){1, 1};
    bench_stop(b);
    bench_start(b);
    static const struct {
        const char *headers;
        int status;
    } asked[] = {
        {"X-Forwarded-For: 203.0.113.9\r\n", 401},
        {"X-Forwarded-For: 203.0.113.9\r\n", 429},
        {"X-Forwarded-For: 203.0.113.8\r\n", 401},
        {"X-Forwarded-For: 127.0.0.1\r\n", 401},
        {"X-Forwarded-For: 127.0.0.1\r\n", 429}, /* a header makes nobody local */
        {"", 401},
        {"", 401},
    };
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        bench_ask(b, &p, "GET /api/sites", asked[i].headers, STR_NONE);
        if (probe_status(&p) != asked[i].status)
            fail_msg("%zu: %d", i, probe_status(&p));
        probe_close(&p);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(behind_proxies), T(limited_by_client)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
