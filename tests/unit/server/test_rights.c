/*
 * test_rights.c - roles, tokens, and what the snapshot answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h>

#include "parsers/base/hash.h"
#include "server/rights.h"

#define NOW INT64_C(1790000000000)

static const unsigned char token_a[TOKEN_HASH_BYTES] = "token-a";

static struct client client(int64_t id, const char *token, int64_t team)
{
    struct client c = {.id = id, .name = STR("c"), .team = team, .expires_ms = INT64_MAX};
    assert_int_equal(sha256(str_of(token), c.token_hash), 0);
    return c;
}

static struct rights *snapshot(void)
{
    static const struct str aliases[] = {{"shop.example.com", 16}, {"www.alias.example", 17}};
    struct rights_builder *b = rights_builder_new();
    struct team team = {.id = 1, .name = STR("main")};
    struct site sites[] = {
        {.id = 7,
         .uuid = {7},
         .domain = STR("example.com"),
         .aliases = aliases,
         .n_aliases = 2,
         .team = 1},
        {.id = 3, .uuid = {3}, .domain = STR("example.org"), .team = 1},
        {.id = 9, .uuid = {9}, .domain = STR("foreign.net"), .team = 2},
    };
    struct client clients[] = {client(1, "token-a", 1), client(2, "expired", 1),
                               client(3, "revoked", 1)};
    struct grant grants[] = {{1, 7, ROLE_INGEST}, {1, 9, ROLE_OWNER}, {2, 7, ROLE_ADMIN}};
    clients[1].expires_ms = NOW;
    clients[2].revoked_ms = 1;
    assert_int_equal(rights_add_team(b, &team), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rights_add_site(b, &sites[i]), 0);
        assert_int_equal(rights_add_client(b, &clients[i]), 0);
        assert_int_equal(rights_add_grant(b, &grants[i]), 0);
    }
    struct rights *r = rights_build(b);
    assert_non_null(r);
    rights_builder_free(b);
    return r;
}

static void test_roles(void **state)
{
    /* view, manage_data, manage_goals, manage_team, delete: HitKeep's table, and ingest. */
    static const struct {
        const char *name;
        bool allows[5];
    } cases[] = {
        {"owner", {true, true, true, true, true}},
        {"admin", {true, true, true, true, false}},
        {"editor", {true, false, true, false, false}},
        {"viewer", {true, false, false, false, false}},
        {"ingest", {false, true, false, false, false}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum role role = ROLE_NONE;
        assert_true(role_parse(str_of(cases[i].name), &role));
        assert_string_equal(role_name(role), cases[i].name);
        for (int p = PERM_SITE_VIEW; p <= PERM_SITE_DELETE; p++) {
            if (role_allows(role, (enum permission)p) != cases[i].allows[p])
                fail_msg("%s, permission %d", cases[i].name, p);
            assert_false(role_allows(ROLE_NONE, (enum permission)p));
        }
    }
    enum role role;
    assert_false(role_parse(STR("none"), &role));
    assert_false(role_parse(STR("Owner"), &role));
}

static void test_tokens(void **state)
{
    char a[TOKEN_LENGTH + 1], b[TOKEN_LENGTH + 1], sum[9];
    unsigned char hash[TOKEN_HASH_BYTES];
    (void)state;
    assert_int_equal(token_generate(a), 0);
    assert_int_equal(token_generate(b), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), TOKEN_LENGTH);
    assert_memory_equal(a, "lf_", 3);
    assert_int_equal(a[67], '_');
    snprintf(sum, sizeof(sum), "%08x", hash_crc32(0, (struct str){a, 67}));
    assert_string_equal(a + 68, sum);
    assert_int_equal(sha256(STR("abc"), hash), 0);
    assert_memory_equal(hash, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8);
    assert_int_equal(sha256(STR_NONE, hash), 0);
    assert_memory_equal(hash, "\xe3\xb0\xc4\x42", 4);
}

static void test_presented_tokens(void **state)
{
    static const struct {
        const char *token;
        int64_t now, id; /* 0: none */
    } cases[] = {
        {"token-a", NOW, 1}, {"token-A", NOW, 0},     {"", NOW, 0},
        {"expired", NOW, 2}, {"expired", NOW + 1, 0}, {"revoked", 0, 0},
    };
    (void)state;
    struct rights *r = snapshot();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct client *c = rights_client(r, str_of(cases[i].token), cases[i].now);
        if ((c ? c->id : 0) != cases[i].id)
            fail_msg("%s", cases[i].token);
    }
    rights_release(r);
}

static void test_hosts(void **state)
{
    static const struct {
        const char *host;
        int64_t id; /* 0: none */
    } cases[] = {
        {"example.com", 7},
        {"WWW.Example.COM:8443", 7},
        {"example.com.", 7},
        {"shop.example.com", 7},
        {"www.shop.example.com", 7},
        {"www.alias.example", 7},
        {"alias.example", 0},
        {"blog.example.com", 0},
        {"www.www.example.com", 0},
        {"example.co", 0},
        {"www.", 0},
        {"", 0},
        {":80", 0},
        {"example.org", 3},
    };
    (void)state;
    struct rights *r = snapshot();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct site *s = rights_site_by_host(r, str_of(cases[i].host));
        if ((s ? s->id : 0) != cases[i].id)
            fail_msg("%s: %d", cases[i].host, s ? (int)s->id : 0);
    }
    char large[300];
    memset(large, 'a', sizeof(large));
    assert_null(rights_site_by_host(r, (struct str){large, sizeof(large)}));
    rights_release(r);
}

static void test_sites_and_grants(void **state)
{
    (void)state;
    struct rights *r = snapshot();
    const unsigned char uuid[16] = {9}, unknown[16] = {1};
    const struct site *foreign = rights_site_by_uuid(r, uuid);
    assert_int_equal(foreign->id, 9);
    assert_null(rights_site_by_uuid(r, unknown));
    assert_int_equal(rights_site_by_id(r, 3)->id, 3);
    assert_null(rights_site_by_id(r, 4));
    const struct client *c = rights_client(r, STR("token-a"), NOW);
    assert_int_equal(rights_role(r, c, rights_site_by_id(r, 7)), ROLE_INGEST);
    assert_int_equal(rights_role(r, c, rights_site_by_id(r, 3)), ROLE_NONE);
    /* A grant on another team's site counts for nothing. */
    assert_int_equal(rights_role(r, c, foreign), ROLE_NONE);
    const struct site *sites;
    assert_int_equal(rights_sites(r, &sites), 3);
    assert_int_equal(sites[0].id, 3);
    struct rights *again = rights_retain(r);
    rights_release(r);
    assert_int_equal(rights_site_by_id(again, 7)->n_aliases, 2);
    rights_release(again);
    rights_release(NULL);
}

static void test_impossible_snapshots(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct rights_builder *b = rights_builder_new();
        struct site one = {.id = 1, .uuid = {1}, .domain = STR("a.example"), .team = 1};
        struct site two = {.id = 2, .uuid = {2}, .domain = STR("b.example"), .team = 1};
        struct client first = client(1, "t", 1), second = client(2, i == 1 ? "t" : "u", 1);
        if (i == 0)
            two.domain = STR("a.example");
        if (i == 2)
            two.id = 1;
        rights_add_site(b, &one);
        rights_add_site(b, &two);
        rights_add_client(b, &first);
        rights_add_client(b, &second);
        assert_null(rights_build(b));
        rights_builder_free(b);
    }
    struct rights_builder *empty = rights_builder_new();
    struct rights *r = rights_build(empty);
    assert_non_null(r);
    assert_null(rights_client_by_hash(r, token_a, NOW));
    assert_null(rights_site_by_host(r, STR("example.com")));
    rights_release(r);
    rights_builder_free(empty);
    rights_builder_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_presented_tokens),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_sites_and_grants),
        cmocka_unit_test(test_impossible_snapshots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
