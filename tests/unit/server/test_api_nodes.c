/* GET /api/nodes: who sees which. */
#include "tests/unit/server/api_bench.h"

#include "server/nodes.h"

#define LOOK "GET /api/nodes"

/* A person's client, with a role on the first site. */
static void add_personal(struct rights_builder *b, int64_t id, const char *token, int64_t user,
                         enum role role)
{
    struct client client = {.id = id, .name = str_of(token), .user = user, .expires_ms = INT64_MAX};
    client.instance_role = INSTANCE_OWNER; /* as far as the person's goes */
    assert_int_equal(sha256(str_of(token), client.token_hash), 0);
    assert_int_equal(rights_add_client(b, &client), 0);
    assert_int_equal(rights_add_grant(b, &(struct grant){id, 1, role}), 0);
}

static struct rights *people_rights(void)
{
    struct rights_builder *b = rights_builder_new();
    const struct user users[] = {
        {.id = 5, .uuid = {5}, .name = STR("anna")},
        {.id = 6, .uuid = {6}, .name = STR("owner"), .instance_role = INSTANCE_OWNER}};
    assert_int_equal(rights_add_team(b, &(struct team){.id = 1, .name = STR("t"), .uuid = {1}}), 0);
    assert_int_equal(rights_add_team(b, &(struct team){.id = 2, .name = STR("o"), .uuid = {2}}), 0);
    for (size_t i = 0; i < COUNT_OF(users); i++)
        assert_int_equal(rights_add_user(b, &users[i]), 0);
    assert_int_equal(rights_add_member(b, &(struct member){1, 5, TEAM_ADMIN}), 0);
    assert_int_equal(rights_add_member(b, &(struct member){1, 6, TEAM_ADMIN}), 0);
    add_site(b, 1, SITE_ID, "example.com", 1);
    add_site(b, 3, FOREIGN_ID, "foreign.net", 2);
    add_personal(b, 1, "anna-views", 5, ROLE_VIEWER);
    add_personal(b, 2, "anna-writes", 5, ROLE_INGEST);
    add_personal(b, 3, "owner-views", 6, ROLE_VIEWER);
    struct rights *rights = rights_build(b);
    assert_non_null(rights);
    rights_builder_free(b);
    return rights;
}

static void put(struct nodes *nodes, int64_t team, const char *name)
{
    struct node_state state = {
        .team = team, .seen_ms = 1767225600000, .lag_ms = 1999, .waiting = 7};
    snprintf(state.name, sizeof(state.name), "%s", name);
    if (team == 1)
        snprintf(state.version, sizeof(state.version), "0.1.0");
    nodes_put(nodes, &state);
}

static void check(struct bench *b, const char *token, const char *body)
{
    char header[100];
    struct probe p;
    snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", token);
    bench_ask(b, &p, LOOK, header, STR_NONE);
    if (probe_status(&p) != 200 || strcmp(probe_body(&p), body) != 0)
        fail_msg("%s: wanted %s, got: %s", token, body, probe_text(&p));
    probe_close(&p);
}

#define NODE(team, name, version)                                                                  \
    "{\"team\":\"" team "\",\"node\":\"" name "\",\"version\":" version                            \
    ",\"seen\":\"2026-01-01T00:00:00.000Z\",\"lag_seconds\":1,\"waiting\":7}"
#define WEB NODE("t", "web-1", "\"0.1.0\"")
#define FOREIGN NODE("o", "web-1", "null")
#define ANNAS NODE("anna", "laptop", "null")
#define OWNERS NODE("owner", "laptop", "null")

static void test_who_sees_which(void **state)
{
    struct bench *b = *state;
    struct nodes nodes = {0};
    struct probe p;
    check(b, "admin", "[]\n"); /* a server that keeps no nodes */
    put(&nodes, 1, "web-1");
    put(&nodes, 2, "web-1");
    put(&nodes, -5, "laptop");
    put(&nodes, -6, "laptop");
    put(&nodes, 99, "of a team that is no more");
    bench_stop(b);
    b->config.nodes = &nodes;
    bench_start(b);
    check(b, "admin", "[" WEB "]\n");
    check(b, "viewer", "[" WEB "]\n");
    check(b, "ingest", "[]\n");
    check(b, "other", "[" NODE("t", "web-1", "null") "]\n");
    bench_ask(b, &p, LOOK, "", STR_NONE);
    assert_int_equal(probe_status(&p), 401);
    probe_close(&p);
    rights_release(b->store.rights);
    b->store.rights = people_rights();
    check(b, "anna-views", "[" WEB "," ANNAS "]\n");
    check(b, "anna-writes", "[]\n");
    check(b, "owner-views", "[" WEB "," FOREIGN "," ANNAS "," OWNERS "]\n");
    bench_stop(b);
    b->config.nodes = NULL;
    bench_start(b);
    nodes_release(&nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_sees_which, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
