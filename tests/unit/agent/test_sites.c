/* Hosts and their sites; answers of GET /api/sites, honest and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/sites.h"
#include "tests/unit/agent/scratch.h"

static unsigned route_of(const struct sites *s, const char *host)
{
    const struct site_route *r = sites_find(s, str_of(host));
    return r ? r->to : 0;
}

static void test_finding(void **state)
{
    static const struct {
        const char *host;
        unsigned to;
    } table[] = {
        {"example.com", 1},    {"www.example.com", 1},  {"www.www.example.com", 0},
        {"ww.example.com", 0}, {"sub.example.com", 0},  {"xample.com", 0},
        {"example.co", 0},     {"example.comm", 0},     {"", 0},
        {"www.", 0},           {"www.example.org", 2},  {"example.org", 0},
        {"both.example", 4},   {"www.both.example", 8}, {"1.2.3.4", 16},
        {"www.1.2.3.4", 16},   {"[::1]", 32},           {"EXAMPLE.com", 0},
    };
    struct sites *s = sites_new();
    assert_null(sites_find(s, STR("example.com")));
    sites_add(s, STR("example.com"), STR_NONE, 1);
    sites_add(s, STR("www.example.org"), STR_NONE, 2);
    sites_add(s, STR("www.both.example"), STR_NONE, 8);
    sites_add(s, STR("both.example"), STR_NONE, 4);
    sites_add(s, STR("1.2.3.4"), STR_NONE, 16);
    sites_add(s, STR("[::1]"), STR_NONE, 32);
    for (size_t i = 0; i < COUNT(table); i++)
        if (route_of(s, table[i].host) != table[i].to)
            fail_msg("%s goes to %u", table[i].host, route_of(s, table[i].host));
    sites_unref(s);
}

static void test_adding(void **state)
{
    struct sites *s = sites_new();
    assert_int_equal(sites_add(s, STR("B.example"), STR("b.example"), 1), 0);
    assert_int_equal(sites_add(s, STR("a.EXAMPLE"), STR_NONE, 1), 0);
    assert_int_equal(sites_add(s, STR("Zoo.example"), STR_NONE, 1), 0);
    assert_int_equal(sites_add(s, STR("b.example"), STR("other"), 2), 0);
    assert_int_equal(sites_add(s, STR("B.EXAMPLE"), STR("other"), 4), 0);
    assert_int_equal(sites_count(s), 3);
    assert_int_equal(route_of(s, "b.example"), 7);
    assert_int_equal(route_of(s, "a.example"), 1);
    assert_int_equal(route_of(s, "zoo.example"), 1);
    const struct site_route *r = sites_find(s, STR("b.example"));
    assert_true(str_eq(r->host, STR("b.example")));
    assert_true(str_eq(r->site, STR("b.example")));
    assert_false(str_is_set(sites_find(s, STR("a.example"))->site));
    sites_unref(s);
    sites_unref(NULL);
}

static void test_odd_hosts_are_left_out(void **state)
{
    char host[300];
    struct sites *s = sites_new();
    memset(host, 'x', sizeof(host));
    assert_int_equal(sites_add(s, STR(""), STR_NONE, 1), 0);
    assert_int_equal(sites_add(s, STR_NONE, STR_NONE, 1), 0);
    assert_int_equal(sites_add(s, (struct str){host, 256}, STR_NONE, 1), 0);
    assert_int_equal(sites_count(s), 0);
    assert_int_equal(sites_add(s, (struct str){host, 255}, STR_NONE, 1), 0);
    assert_int_equal(sites_count(s), 1);
    sites_unref(s);
}

static void test_copies_are_their_own(void **state)
{
    struct sites *s = sites_new();
    sites_add(s, STR("a.example"), STR("site"), 1);
    struct sites *copy = sites_copy(s), *same = sites_ref(s);
    sites_add(copy, STR("a.example"), STR_NONE, 2);
    sites_add(copy, STR("b.example"), STR_NONE, 2);
    sites_unref(s);
    assert_int_equal(sites_count(same), 1);
    assert_int_equal(route_of(same, "a.example"), 1);
    sites_unref(same);
    assert_int_equal(route_of(copy, "a.example"), 3);
    assert_true(str_eq(sites_find(copy, STR("a.example"))->site, STR("site")));
    sites_unref(copy);
}

/* The cap keeps new hosts out; it changes nothing for those that are there. */
static void test_cap(void **state)
{
    struct sites *s = sites_new();
    char host[32];
    for (unsigned i = 0; i < 100050; i++) {
        snprintf(host, sizeof(host), "%06u.example", i);
        assert_int_equal(sites_add(s, str_of(host), STR_NONE, 1), 0);
    }
    assert_int_equal(sites_count(s), 100000);
    assert_int_equal(sites_add(s, STR("000007.example"), STR_NONE, 2), 0);
    assert_int_equal(route_of(s, "000007.example"), 3);
    sites_unref(s);
}

static void test_answers(void **state)
{
    static const struct {
        const char *name, *json;
        int count; /* -1: refused */
        const char *hosts;
    } table[] = {
        {"none", "[]", 0, ""},
        {"one", "[{\"id\":\"x\",\"domain\":\"a.example\"}]", 1, "a.example"},
        {"with a role", "[{\"domain\":\"a.example\",\"role\":\"admin\"}]", 1, "a.example"},
        {"the role first", "[{\"role\":\"viewer\",\"domain\":\"a.example\"}]", 0, ""},
        {"roles",
         "[{\"domain\":\"o\",\"role\":\"owner\"},{\"domain\":\"a\",\"role\":\"admin\"},"
         "{\"domain\":\"i\",\"role\":\"ingest\"},{\"domain\":\"e\",\"role\":\"editor\"},"
         "{\"domain\":\"v\",\"role\":\"viewer\"},{\"domain\":\"n\",\"role\":\"\"}]",
         3, "o a i"},
        {"aliases",
         "[{\"aliases\":[\"b.example\",\"c.example\"],\"domain\":\"a.example\"},{\"domain\":\"d\","
         "\"aliases\":[]}]",
         2, "a.example b.example c.example d"},
        {"aliases of a site that is only seen",
         "[{\"domain\":\"a\",\"aliases\":[\"b\"],\"role\":\"editor\"}]", 0, ""},
        {"capitals", "[{\"domain\":\"A.Example\"}]", 1, "a.example"},
        {"escapes", "[{\"domain\":\"\\u0061.example\"}]", 1, "a.example"},
        {"nulls", "[{\"domain\":\"a\",\"aliases\":null,\"role\":null}]", 1, "a"},
        {"other keys",
         "[{\"x\":[1,{\"domain\":\"z\"}],\"domain\":\"a\",\"y\":{\"role\":\"viewer\"}}]", 1, "a"},
        {"a domain that is no text", "[{\"domain\":7}]", 1, ""},
        {"a list never made", "null", 0, ""},
        {"a null with more", "null null", -1, NULL},
        {"a port", "[{\"domain\":\"localhost:3000\"},{\"domain\":\"[::1]:80\"}]", 2,
         "localhost [::1]"},
        {"blanks", " [ { \"domain\" : \"a\" } ] ", 1, "a"},
        {"an object", "{\"domain\":\"a\"}", -1, NULL},
        {"text", "\"a\"", -1, NULL},
        {"nothing", "", -1, NULL},
        {"HTML", "<html></html>", -1, NULL},
        {"cut", "[{\"domain\":\"a\"}", -1, NULL},
        {"cut in a name", "[{\"domain\":\"a", -1, NULL},
        {"something behind", "[{\"domain\":\"a\"}]x", -1, NULL},
        {"an array of text", "[\"a\"]", -1, NULL},
        {"a number among aliases", "[{\"domain\":\"a\",\"aliases\":[\"b\",7]}]", -1, NULL},
        {"too deep", "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", -1, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct sites *s = sites_new();
        const char *why = NULL;
        int n = sites_add_answer(s, str_of(table[i].json), 1, &why);
        if (n != table[i].count || (n < 0 && !why))
            fail_msg("%s: %d", table[i].name, n);
        struct str hosts = str_of(table[i].hosts);
        size_t count = 0;
        while (hosts.n) {
            struct str host = str_cut(&hosts, ' ');
            count++;
            if (!sites_find(s, host))
                fail_msg("%s: %.*s is unknown", table[i].name, STR_ARGS(host));
        }
        if (n >= 0 && sites_count(s) != count)
            fail_msg("%s: %zu hosts", table[i].name, sites_count(s));
        sites_unref(s);
    }
}

/* No prefix of an answer is taken for one. */
static void test_answer_cut_at_each_byte(void **state)
{
    static const struct str json =
        STR("[{\"domain\":\"a\",\"aliases\":[\"b\",\"\\u00e9\"],\"role\":\"owner\"},{\"x\":[1]}]");
    const char *why;
    for (size_t n = 0; n < json.n; n++) {
        struct sites *s = sites_new();
        assert_int_equal(sites_add_answer(s, str_slice(json, 0, n), 1, &why), -1);
        sites_unref(s);
    }
}

/* An agency's site has more aliases than one would think. */
static void test_many_aliases(void **state)
{
    struct sites *s = sites_new();
    struct buf json;
    const char *why;
    buf_init(&json, 1 << 20);
    buf_lit(&json, "[{\"domain\":\"main.example\",\"aliases\":[");
    for (int i = 0; i < 500; i++)
        buf_printf(&json, "%s\"alias%d.example\"", i ? "," : "", i);
    buf_lit(&json, "],\"role\":\"owner\"}]");
    assert_int_equal(sites_add_answer(s, buf_str(&json), 1, &why), 1);
    assert_int_equal(sites_count(s), 501);
    assert_non_null(sites_find(s, STR("alias499.example")));
    buf_release(&json);
    sites_unref(s);
}

/* What is cached is what was learnt, for the destinations that are asked for. */
static void test_writing_an_answer(void **state)
{
    struct sites *s = sites_new(), *back = sites_new();
    struct buf b;
    const char *why;
    buf_init(&b, 1 << 20);
    sites_write_answer(s, 1, &b);
    assert_int_equal(sites_add_answer(back, buf_str(&b), 1, &why), 0);
    sites_add(s, STR("a.example"), STR_NONE, 1);
    sites_add(s, STR("b.example"), STR_NONE, 2);
    sites_add(s, STR("c.example"), STR_NONE, 3);
    sites_add(s, STR("q\"uote.example"), STR_NONE, 1);
    buf_reset(&b);
    sites_write_answer(s, 1, &b);
    assert_int_equal(sites_add_answer(back, buf_str(&b), 1, &why), 3);
    assert_int_equal(sites_count(back), 3);
    assert_non_null(sites_find(back, STR("c.example")));
    assert_non_null(sites_find(back, STR("q\"uote.example")));
    assert_null(sites_find(back, STR("b.example")));
    buf_release(&b);
    sites_unref(s);
    sites_unref(back);
}

/* A HitKeep's answer: which id each host's site has. */
static void test_ids(void **state)
{
    static const struct str json = STR(
        "[{\"id\":\"aaaaaaaa-0000-4000-8000-000000000001\",\"domain\":\"a.example\"},"
        "{\"domain\":\"B.example\",\"aliases\":[\"c.example\"],\"role\":\"viewer\",\"id\":\"7\"},"
        "{\"domain\":\"none.example\"},{\"id\":\"../x\",\"domain\":\"odd.example\"},"
        "{\"id\":\"\",\"domain\":\"empty.example\"}]");
    const char *why;
    struct sites *s = sites_with_ids(json, &why);
    assert_non_null(s);
    assert_int_equal(sites_count(s), 3);
    assert_true(str_eq(sites_find(s, STR("www.a.example"))->site,
                       STR("aaaaaaaa-0000-4000-8000-000000000001")));
    assert_true(str_eq(sites_find(s, STR("b.example"))->site, STR("7")));
    assert_true(str_eq(sites_find(s, STR("c.example"))->site, STR("7")));
    sites_unref(s);
    for (size_t n = 0; n < json.n; n++)
        assert_null(sites_with_ids(str_slice(json, 0, n), &why));
    assert_null(sites_with_ids(STR("<html>"), &why));
}

static void test_withholding(void **state)
{
    struct sites *s = sites_new();
    assert_int_equal(sites_withheld(s), 0);
    sites_withhold_pageviews(s, 2);
    struct sites *copy = sites_copy(s);
    assert_int_equal(sites_withheld(copy), 2);
    sites_unref(copy);
    sites_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_odd_hosts_are_left_out),
        cmocka_unit_test(test_copies_are_their_own),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answer_cut_at_each_byte),
        cmocka_unit_test(test_many_aliases),
        cmocka_unit_test(test_writing_an_answer),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_withholding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
