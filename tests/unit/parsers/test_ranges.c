#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "parsers/base/time.h"
#include "parsers/ranges.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define DAY INT64_C(86400000)

static struct catalogue *catalogue;
static int64_t may_5;

static int setup(void **state)
{
    catalogue = catalogue_new(false);
    return catalogue && time_parse_rfc3339(STR("2026-05-05T00:00:00Z"), &may_5) ? 0 : -1;
}

static int teardown(void **state)
{
    catalogue_free(catalogue);
    return 0;
}

static const struct agent *agent_named(const char *name)
{
    for (size_t i = 0; i < catalogue_count(catalogue); i++)
        if (strcmp(catalogue_at(catalogue, i)->name, name) == 0)
            return catalogue_at(catalogue, i);
    fail_msg("no agent %s", name);
    return NULL;
}

static void test_verified(void **state)
{
    static const struct {
        const char *agent, *address;
        int days; /* after the lists' date */
        enum verified want;
    } cases[] = {
        {"GPTBot", "132.196.86.0", 0, VERIFIED_YES},
        {"GPTBot", "132.196.86.255", 0, VERIFIED_YES},
        {"GPTBot", "132.196.87.0", 0, VERIFIED_NO},
        {"GPTBot", "132.196.85.255", 0, VERIFIED_NO},
        {"GPTBot", "::ffff:132.196.86.9", 0, VERIFIED_YES},
        {"GPTBot", "132.196.86.9", 400, VERIFIED_YES},
        {"GPTBot", "203.0.113.9", 14, VERIFIED_NO},
        {"GPTBot", "203.0.113.9", -14, VERIFIED_NO},
        {"GPTBot", "203.0.113.9", 15, VERIFIED_UNKNOWN},
        {"GPTBot", "203.0.113.9", -15, VERIFIED_UNKNOWN},
        {"GPTBot", "2001:db8::1", 0, VERIFIED_NO},
        /* another list of the same operator */
        {"GPTBot", "104.210.140.128", 0, VERIFIED_YES},
        {"OAI-AdsBot", "132.196.86.9", 0, VERIFIED_YES},
        {"OAI-AdsBot", "203.0.113.9", 0, VERIFIED_UNKNOWN}, /* its own list is not here */
        {"ClaudeBot", "216.73.216.1", 0, VERIFIED_YES},
        {"Claude-User", "216.73.216.1", 0, VERIFIED_YES},
        {"Claude-SearchBot", "198.51.100.1", 0, VERIFIED_NO},
        {"PerplexityBot", "107.20.236.150", 0, VERIFIED_YES},
        {"Perplexity-User", "44.208.221.197", 3, VERIFIED_YES},
        {"Applebot", "17.22.237.1", 0, VERIFIED_YES},
        {"Applebot", "17.1.1.1", 0, VERIFIED_NO},
        {"GoogleOther", "192.178.4.5", 0, VERIFIED_YES},
        /* what customers of a cloud can fetch from does not verify the operator's other agents */
        {"GoogleOther", "107.178.192.5", 0, VERIFIED_NO},
        {"Google-NotebookLM", "107.178.192.5", 0, VERIFIED_YES},
        {"Google-NotebookLM", "203.0.113.9", 0, VERIFIED_UNKNOWN}, /* one of two lists is here */
        /* nothing published here, or nothing to go by */
        {"Bytespider", "203.0.113.9", 0, VERIFIED_UNKNOWN},
        {"Amazonbot", "203.0.113.9", 0, VERIFIED_UNKNOWN},
        {"meta-externalagent", "203.0.113.9", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "10.1.2.3", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "192.168.1.1", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "172.31.255.255", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "172.32.0.0", 0, VERIFIED_NO},
        {"GPTBot", "127.0.0.1", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "169.254.1.1", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "100.64.0.1", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "::1", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "fd00::1", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "fe80::1", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "172.68.1.1", 0, VERIFIED_UNKNOWN}, /* a content delivery network's */
        {"GPTBot", "2606:4700::1", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "unix:", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "crawler.example.com", 0, VERIFIED_UNKNOWN},
        {"GPTBot", "132.196.86.0/24", 0, VERIFIED_UNKNOWN},
    };
    struct ranges *r = ranges_new(catalogue);

    assert_non_null(r);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct agent *a = agent_named(cases[i].agent);
        enum verified got =
            ranges_check(r, a, str_of(cases[i].address), may_5 + cases[i].days * DAY);
        if (got != cases[i].want)
            print_error("%s from %s at %d days\n", cases[i].agent, cases[i].address, cases[i].days);
        assert_int_equal(got, cases[i].want);
    }
    assert_int_equal(ranges_check(r, agent_named("GPTBot"), STR_NONE, may_5), VERIFIED_UNKNOWN);
    assert_int_equal(ranges_check(r, agent_named("GPTBot"), STR("203.0.113.9"), INT64_MIN),
                     VERIFIED_UNKNOWN);
    assert_int_equal(ranges_check(r, agent_named("GPTBot"), STR("203.0.113.9"), INT64_MAX),
                     VERIFIED_UNKNOWN);
    assert_string_equal(verified_name(VERIFIED_NO), "no");
    ranges_free(r);
    ranges_free(NULL);
}

/* Each prefix of each built-in list: its ends are in, what is beside it is decided by the lists. */
static void test_installed_beside_built_in(void **state)
{
    struct ranges *r = ranges_new(catalogue);
    const struct agent *gptbot = agent_named("GPTBot");
    struct range_list l;
    struct ranges_info info;
    struct buf why;
    static const char text[] = "# logferry address list, version 1\n# list: gptbot\n"
                               "# date: 2026-11-20T00:00:00Z\n198.51.100.0/24\n2001:db8:1::/48\n";

    buf_init(&why, 1024);
    assert_int_equal(range_list_read(str_of(text), &l, &why), 0);
    assert_int_equal(ranges_add(r, STR("nobody"), &l), -1);
    assert_int_equal(ranges_add(r, l.name, &l), 0);
    assert_int_equal(ranges_add(r, l.name, &l), 0); /* again */
    int64_t november = l.date_ms;
    range_list_release(&l);
    assert_int_equal(ranges_check(r, gptbot, STR("198.51.100.7"), november), VERIFIED_YES);
    assert_int_equal(ranges_check(r, gptbot, STR("2001:db8:1:ffff::"), november), VERIFIED_YES);
    assert_int_equal(ranges_check(r, gptbot, STR("2001:db8:2::"), november), VERIFIED_NO);
    assert_int_equal(ranges_check(r, gptbot, STR("132.196.86.1"), november), VERIFIED_NO);
    assert_int_equal(ranges_check(r, gptbot, STR("203.0.113.9"), november + 14 * DAY), VERIFIED_NO);
    assert_int_equal(ranges_check(r, gptbot, STR("203.0.113.9"), november + 15 * DAY),
                     VERIFIED_UNKNOWN);
    /* history is judged by the list of its time */
    assert_int_equal(ranges_check(r, gptbot, STR("132.196.86.1"), may_5), VERIFIED_YES);
    assert_int_equal(ranges_check(r, gptbot, STR("198.51.100.7"), may_5), VERIFIED_NO);
    for (size_t i = 0; i < catalogue_lists(catalogue); i++)
        if (strcmp(catalogue_list(catalogue, i)->name, "gptbot") == 0) {
            assert_true(ranges_info(r, i, &info));
            assert_true(info.installed && info.prefixes == 2 && info.date_ms == november);
            assert_true(ranges_lists_of(r, gptbot) == UINT64_C(1) << i);
        }
    buf_release(&why);
    ranges_free(r);
}

static void test_shapes_of_lists(void **state)
{
    static const struct {
        const char *text;
        size_t n; /* 0: refused, and `why` begins so */
        const char *date, *why;
    } cases[] = {
        {"{\"creationTime\":\"2026-05-05T01:02:03.000000\",\"prefixes\":[{\"ipv4Prefix\":"
         "\"192.0.2.0/24\"},{\"ipv6Prefix\":\"2001:db8::/32\"}]}",
         2, "2026-05-05T01:02:03.000Z", NULL},
        {"{\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.7\",\"service\":{\"x\":[1]}}],\"syncToken\":1,"
         "\"creationTime\":\"2026-05-05T01:02:03Z\"}",
         1, "2026-05-05T01:02:03.000Z", NULL},
        {"# date: 2026-11-20\n192.0.2.0/24\r\n\n  2001:db8::/32  \n", 2, "2026-11-20T00:00:00.000Z",
         NULL},
        {"192.0.2.0/24,US,US-CA,Menlo Park,\n2001:db8::/32,IE,,,\n", 2, NULL, NULL},
        {"192.0.2.1", 1, NULL, NULL},
        {"192.0.2.0/24 # office, the first\n2001:db8::/32#second\n \t# a comment\n", 2, NULL, NULL},
        {"192.0.2.0/24,US,#1,,\n", 1, NULL, NULL},
        {"\xef\xbb\xbf# date: 2026-11-20\n192.0.2.0/24\n", 1, "2026-11-20T00:00:00.000Z", NULL},
        {"\xef\xbb\xbf{\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.0/24\"}]}", 1, NULL, NULL},
        {"\xef\xbb\xbf", 0, NULL, "1: there is no prefix"},
        {"{\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.0/24\",\"ipv6Prefix\":null}]}", 1, NULL, NULL},
        {"{\"prefixes\":[{\"ipv4Prefix\":null,\"ipv6Prefix\":null}]}", 0, NULL,
         "1: there is no prefix"},
        {"", 0, NULL, "1: there is no prefix"},
        {"{}", 0, NULL, "1: there is no prefix"},
        {"{\"prefixes\":[]}", 0, NULL, "1: there is no prefix"},
        {"{\"prefixes\":{}}", 0, NULL, "1: \"prefixes\" is no array"},
        {"{\n\"prefixes\":[\n{\"ipv4Prefix\":\"192.0.2.0/33\"}]}", 0, NULL, "3: not an address"},
        {"{\"prefixes\":[{\"ipv4Prefix\":7}]}", 0, NULL, "1: a prefix is no text"},
        {"{\"prefixes\":[7]}", 0, NULL, "1: \"prefixes\" holds"},
        {"{\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.0/24\"}]", 0, NULL, "1: "},
        {"{\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.0/24\"}]}x", 0, NULL, "1: "},
        {"{\"creationTime\":\"today\",\"prefixes\":[{\"ipv4Prefix\":\"192.0.2.0/24\"}]}", 0, NULL,
         "1: not a time: today"},
        {"192.0.2.0/24\nnonsense\n", 0, NULL, "2: not an address or a prefix: nonsense"},
        {"<html>\n", 0, NULL, "1: not an address or a prefix: <html>"},
        {"192.0.2.0/24\n0.0.0.0/0\n", 0, NULL, "2: wider"},
        {"::/0\n", 0, NULL, "1: wider"},
        {"4.0.0.0/7\n", 0, NULL, "1: wider"},
        {"# logferry address list, version 2\n192.0.2.0/24\n", 0, NULL, "1: a version"},
        {"# date: soon\n192.0.2.0/24\n", 0, NULL, "1: not a time: soon"},
    };
    struct buf why, text;

    buf_init(&why, 1024);
    buf_init(&text, 4096);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct range_list l, again;
        buf_reset(&why);
        buf_reset(&text);
        int rc = range_list_read(str_of(cases[i].text), &l, &why);
        if ((rc == 0) != (cases[i].n > 0) || l.n != cases[i].n)
            print_error("%s: %.*s\n", cases[i].text, STR_ARGS(buf_str(&why)));
        assert_int_equal(rc == 0, cases[i].n > 0);
        assert_int_equal(l.n, cases[i].n);
        if (rc != 0) {
            assert_true(str_starts(buf_str(&why), str_of(cases[i].why)));
            assert_null(l.prefixes);
            continue;
        }
        int64_t date = INT64_MIN;
        assert_true(!cases[i].date || time_parse_rfc3339(str_of(cases[i].date), &date));
        assert_true(l.date_ms == date);
        if (!cases[i].date)
            l.date_ms = 0;
        range_list_write(&text, &l, STR("gptbot"));
        assert_int_equal(range_list_read(buf_str(&text), &again, &why), 0);
        assert_true(again.n == l.n && again.date_ms == l.date_ms);
        assert_true(str_eq(again.name, STR("gptbot")));
        for (size_t k = 0; k < l.n; k++)
            assert_memory_equal(&again.prefixes[k], &l.prefixes[k], sizeof(l.prefixes[k]));
        range_list_release(&l);
        range_list_release(&again);
    }
    buf_release(&why);
    buf_release(&text);
}

/* A list of any length up to the cap; not one more. */
static void test_caps(void **state)
{
    struct range_list l;
    struct buf text, why;

    buf_init(&text, RANGE_LIST_MAX_BYTES * 2);
    buf_init(&why, 1024);
    for (unsigned i = 0; i < RANGE_LIST_MAX_PREFIXES; i++)
        buf_printf(&text, "198.%u.%u.%u\n", i >> 16 & 255, i >> 8 & 255, i & 255);
    assert_int_equal(range_list_read(buf_str(&text), &l, &why), 0);
    assert_int_equal(l.n, RANGE_LIST_MAX_PREFIXES);
    range_list_release(&l);
    buf_lit(&text, "203.0.113.1\n");
    assert_int_equal(range_list_read(buf_str(&text), &l, &why), -1);
    assert_true(str_starts(buf_str(&why), STR("100001: more than 100,000")));
    buf_reset(&why);
    while (text.n <= RANGE_LIST_MAX_BYTES)
        buf_lit(&text, "\n");
    assert_int_equal(range_list_read(buf_str(&text), &l, &why), -1);
    assert_true(str_starts(buf_str(&why), STR("1: larger than 8 MiB")));
    buf_release(&text);
    buf_release(&why);
}

static void test_speed(void **state)
{
    struct ranges *r = ranges_new(catalogue);
    const struct agent *a = agent_named("Google-NotebookLM"); /* most lists, most prefixes */
    struct timespec from, to;
    enum { ROUNDS = 200000 };
    char address[32];
    unsigned yes = 0;

    clock_gettime(CLOCK_MONOTONIC, &from);
    for (unsigned i = 0; i < ROUNDS; i++) {
        snprintf(address, sizeof(address), "107.178.%u.%u", 190 + i % 8, i >> 3 & 255);
        yes += ranges_check(r, a, str_of(address), may_5) == VERIFIED_YES;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec));
    print_message("an address looked up, text and all: %.0f ns\n", ns / ROUNDS);
    assert_true(yes > 0 && yes < ROUNDS);
    assert_true(ns / ROUNDS < 20000); /* with sanitizers, on a busy machine */
    ranges_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verified),        cmocka_unit_test(test_installed_beside_built_in),
        cmocka_unit_test(test_shapes_of_lists), cmocka_unit_test(test_caps),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
