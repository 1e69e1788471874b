/*
 * test_rules.c - from roles to permissions: rule A, rule B, and what a person is on a site.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h>

#include "server/rights.h"

#define NOW INT64_C(1790000000000)

/* One site of one team, one person, one client: what they are is the case. */
struct world {
    bool archived, disabled, foreign_site;
    enum team_role in_team;
    enum role on_site;
    bool owns_site;
    enum instance_role instance;
    bool personal; /* the client is the person's */
    enum role granted;
    enum instance_role client_instance;
};

static struct rights *build(const struct world *w)
{
    struct rights_builder *b = rights_builder_new();
    struct team teams[] = {{.id = 1, .archived_ms = w->archived ? 5 : 0}, {.id = 2}};
    struct user user = {.id = 1,
                        .instance_role = w->instance,
                        .disabled_ms = w->disabled ? 5 : 0,
                        .name = STR("anna"),
                        .email = STR("anna@example.com")};
    struct member member = {1, 1, w->in_team};
    struct site site = {.id = 1,
                        .team = w->foreign_site ? 2 : 1,
                        .owner = w->owns_site ? 1 : 0,
                        .domain = STR("a.example")};
    struct site_role role = {1, 1, w->on_site};
    struct client client = {.id = 1,
                            .team = w->personal ? 0 : 1,
                            .user = w->personal ? 1 : 0,
                            .instance_role = w->client_instance,
                            .expires_ms = INT64_MAX};
    struct grant grant = {1, 1, w->granted};
    assert_int_equal(sha256(STR("token"), client.token_hash), 0);
    assert_int_equal(rights_add_team(b, &teams[0]) | rights_add_team(b, &teams[1]) |
                         rights_add_user(b, &user) | rights_add_site(b, &site) |
                         rights_add_client(b, &client),
                     0);
    if (w->in_team)
        assert_int_equal(rights_add_member(b, &member), 0);
    if (w->on_site)
        assert_int_equal(rights_add_site_role(b, &role), 0);
    if (w->granted)
        assert_int_equal(rights_add_grant(b, &grant), 0);
    struct rights *r = rights_build(b);
    assert_non_null(r);
    rights_builder_free(b);
    return r;
}

static void test_people_on_sites(void **state)
{
    static const struct {
        struct world w;
        enum role role;
    } cases[] = {
        {{.in_team = TEAM_OWNER}, ROLE_OWNER},
        {{.in_team = TEAM_ADMIN}, ROLE_ADMIN},
        {{.in_team = TEAM_MEMBER}, ROLE_NONE},
        {{.in_team = TEAM_MEMBER, .on_site = ROLE_EDITOR}, ROLE_EDITOR},
        {{.in_team = TEAM_MEMBER, .owns_site = true}, ROLE_OWNER},
        /* the least of several */
        {{.in_team = TEAM_OWNER, .on_site = ROLE_VIEWER}, ROLE_VIEWER},
        {{.in_team = TEAM_ADMIN, .owns_site = true}, ROLE_ADMIN},
        {{.in_team = TEAM_ADMIN, .on_site = ROLE_OWNER}, ROLE_ADMIN},
        {{.in_team = TEAM_MEMBER, .owns_site = true, .on_site = ROLE_EDITOR}, ROLE_EDITOR},
        /* of the site's own team, or of none */
        {{.on_site = ROLE_OWNER}, ROLE_NONE},
        {{.owns_site = true}, ROLE_NONE},
        {{.in_team = TEAM_OWNER, .foreign_site = true}, ROLE_NONE},
        {{.in_team = TEAM_OWNER, .archived = true}, ROLE_NONE},
        {{.in_team = TEAM_OWNER, .disabled = true}, ROLE_NONE},
        /* the server's roles make nobody a member */
        {{.instance = INSTANCE_OWNER}, ROLE_NONE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rights *r = build(&cases[i].w);
        enum role role = rights_user_role(r, rights_user_by_id(r, 1), rights_site_by_id(r, 1));
        if (role != cases[i].role)
            fail_msg("case %zu: %s", i, role_name(role));
        rights_release(r);
    }
}

static void test_people_may(void **state)
{
    static const struct {
        struct world w;
        enum access view, manage, erase;
    } cases[] = {
        {{.in_team = TEAM_OWNER}, ACCESS_OK, ACCESS_OK, ACCESS_OK},
        {{.in_team = TEAM_ADMIN}, ACCESS_OK, ACCESS_OK, ACCESS_TOO_SMALL},
        {{.in_team = TEAM_MEMBER}, ACCESS_DENIED, ACCESS_DENIED, ACCESS_DENIED},
        {{.in_team = TEAM_MEMBER, .on_site = ROLE_VIEWER},
         ACCESS_OK,
         ACCESS_TOO_SMALL,
         ACCESS_TOO_SMALL},
        {{.instance = INSTANCE_OWNER}, ACCESS_OK, ACCESS_OK, ACCESS_OK},
        {{.instance = INSTANCE_ADMIN}, ACCESS_OK, ACCESS_DENIED, ACCESS_DENIED},
        {{.instance = INSTANCE_ADMIN, .in_team = TEAM_MEMBER, .on_site = ROLE_VIEWER},
         ACCESS_OK,
         ACCESS_TOO_SMALL,
         ACCESS_TOO_SMALL},
        {{.instance = INSTANCE_OWNER, .disabled = true},
         ACCESS_DENIED,
         ACCESS_DENIED,
         ACCESS_DENIED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rights *r = build(&cases[i].w);
        const struct user *u = rights_user_by_id(r, 1);
        const struct site *s = rights_site_by_id(r, 1);
        if (rights_user_may(r, u, s, PERM_SITE_VIEW) != cases[i].view ||
            rights_user_may(r, u, s, PERM_SITE_MANAGE_DATA) != cases[i].manage ||
            rights_user_may(r, u, s, PERM_SITE_DELETE) != cases[i].erase)
            fail_msg("case %zu", i);
        assert_int_equal(rights_user_may(r, u, NULL, PERM_SITE_VIEW), ACCESS_DENIED);
        rights_release(r);
    }
}

/* The contract's two rules side by side: A for site.view and site.manage_data, and B. */
static const struct {
    const char *name;
    struct world w;
    enum access view, manage;
    enum role stored; /* what rule B goes by */
} rule_cases[] = {
    {"team, ingest", {.granted = ROLE_INGEST}, ACCESS_TOO_SMALL, ACCESS_OK, ROLE_INGEST},
    {"team, viewer", {.granted = ROLE_VIEWER}, ACCESS_OK, ACCESS_TOO_SMALL, ROLE_VIEWER},
    {"team, none", {.granted = ROLE_NONE}, ACCESS_DENIED, ACCESS_DENIED, ROLE_NONE},
    {"team, not its site",
     {.granted = ROLE_OWNER, .foreign_site = true},
     ACCESS_DENIED,
     ACCESS_DENIED,
     ROLE_NONE},
    {"team, instance roles are a person's",
     {.granted = ROLE_VIEWER, .client_instance = INSTANCE_OWNER, .instance = INSTANCE_OWNER},
     ACCESS_OK,
     ACCESS_TOO_SMALL,
     ROLE_VIEWER},
    {"personal, as granted",
     {.personal = true, .in_team = TEAM_OWNER, .granted = ROLE_ADMIN},
     ACCESS_OK,
     ACCESS_OK,
     ROLE_ADMIN},
    {"personal, its owner was made viewer: A narrows, B does not",
     {.personal = true, .in_team = TEAM_MEMBER, .on_site = ROLE_VIEWER, .granted = ROLE_ADMIN},
     ACCESS_OK,
     ACCESS_TOO_SMALL,
     ROLE_ADMIN},
    {"personal, ingest of a viewer: nothing is left",
     {.personal = true, .in_team = TEAM_MEMBER, .on_site = ROLE_VIEWER, .granted = ROLE_INGEST},
     ACCESS_TOO_SMALL,
     ACCESS_TOO_SMALL,
     ROLE_INGEST},
    {"personal, its owner has no access any more",
     {.personal = true, .in_team = TEAM_MEMBER, .granted = ROLE_ADMIN},
     ACCESS_DENIED,
     ACCESS_DENIED,
     ROLE_ADMIN},
    {"personal, without access an instance role does not help",
     {.personal = true,
      .granted = ROLE_ADMIN,
      .instance = INSTANCE_OWNER,
      .client_instance = INSTANCE_OWNER},
     ACCESS_DENIED,
     ACCESS_DENIED,
     ROLE_ADMIN},
    {"personal, instance owner with a viewer's grant: A falls through, B does not",
     {.personal = true,
      .in_team = TEAM_OWNER,
      .granted = ROLE_VIEWER,
      .instance = INSTANCE_OWNER,
      .client_instance = INSTANCE_OWNER},
     ACCESS_OK,
     ACCESS_OK,
     ROLE_VIEWER},
    {"personal, the client's instance role goes as far as its owner's",
     {.personal = true,
      .in_team = TEAM_OWNER,
      .granted = ROLE_VIEWER,
      .instance = INSTANCE_USER,
      .client_instance = INSTANCE_OWNER},
     ACCESS_OK,
     ACCESS_TOO_SMALL,
     ROLE_VIEWER},
    {"personal, and the other way round",
     {.personal = true,
      .in_team = TEAM_OWNER,
      .granted = ROLE_INGEST,
      .instance = INSTANCE_OWNER,
      .client_instance = INSTANCE_ADMIN},
     ACCESS_OK,
     ACCESS_OK,
     ROLE_INGEST},
    {"personal, instance role without a grant",
     {.personal = true,
      .in_team = TEAM_OWNER,
      .instance = INSTANCE_OWNER,
      .client_instance = INSTANCE_OWNER},
     ACCESS_DENIED,
     ACCESS_DENIED,
     ROLE_NONE},
    {"personal, the site's team is archived",
     {.personal = true, .archived = true, .in_team = TEAM_OWNER, .granted = ROLE_OWNER},
     ACCESS_DENIED,
     ACCESS_DENIED,
     ROLE_NONE},
};

static void test_rules_a_and_b(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rule_cases); i++) {
        struct rights *r = build(&rule_cases[i].w);
        const struct client *c = rights_client_by_id(r, 1);
        const struct site *s = rights_site_by_id(r, 1);
        if (rights_may(r, c, s, PERM_SITE_VIEW) != rule_cases[i].view ||
            rights_may(r, c, s, PERM_SITE_MANAGE_DATA) != rule_cases[i].manage)
            fail_msg("%s: A", rule_cases[i].name);
        if (rights_role(r, c, s) != rule_cases[i].stored)
            fail_msg("%s: B", rule_cases[i].name);
        assert_int_equal(rights_may(r, c, NULL, PERM_SITE_VIEW), ACCESS_DENIED);
        rights_release(r);
    }
}

/* What is left of a personal client's grant, and the third form, which no instance role helps. */
static const struct {
    const char *name;
    struct world w;
    enum role now;
    enum access exclude; /* needs a role of admin */
    bool on_server;
} left_cases[] = {
    {"team",
     {.granted = ROLE_ADMIN, .client_instance = INSTANCE_OWNER, .in_team = TEAM_MEMBER},
     ROLE_ADMIN,
     ACCESS_OK,
     false},
    {"team, not its site",
     {.granted = ROLE_ADMIN, .foreign_site = true},
     ROLE_NONE,
     ACCESS_DENIED,
     false},
    {"as granted",
     {.personal = true, .in_team = TEAM_OWNER, .granted = ROLE_ADMIN},
     ROLE_ADMIN,
     ACCESS_OK,
     false},
    {"its owner is viewer now",
     {.personal = true, .in_team = TEAM_MEMBER, .on_site = ROLE_VIEWER, .granted = ROLE_ADMIN},
     ROLE_VIEWER,
     ACCESS_TOO_SMALL,
     false},
    {"an instance role does not make up for it",
     {.personal = true,
      .in_team = TEAM_MEMBER,
      .on_site = ROLE_VIEWER,
      .granted = ROLE_ADMIN,
      .instance = INSTANCE_OWNER,
      .client_instance = INSTANCE_OWNER},
     ROLE_VIEWER,
     ACCESS_TOO_SMALL,
     true},
    {"nor for a small grant",
     {.personal = true,
      .in_team = TEAM_OWNER,
      .granted = ROLE_INGEST,
      .instance = INSTANCE_OWNER,
      .client_instance = INSTANCE_ADMIN},
     ROLE_INGEST,
     ACCESS_TOO_SMALL,
     true},
    {"ingest of a viewer",
     {.personal = true, .in_team = TEAM_MEMBER, .on_site = ROLE_VIEWER, .granted = ROLE_INGEST},
     ROLE_NONE,
     ACCESS_TOO_SMALL,
     false},
    {"without access any more",
     {.personal = true, .in_team = TEAM_MEMBER, .granted = ROLE_ADMIN},
     ROLE_NONE,
     ACCESS_DENIED,
     false},
    {"nothing granted", {.personal = true, .in_team = TEAM_OWNER}, ROLE_NONE, ACCESS_DENIED, false},
    {"the client's instance role alone",
     {.personal = true, .client_instance = INSTANCE_OWNER},
     ROLE_NONE,
     ACCESS_DENIED,
     false},
    {"the owner's alone",
     {.personal = true, .instance = INSTANCE_OWNER},
     ROLE_NONE,
     ACCESS_DENIED,
     false},
};

static void test_what_is_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(left_cases); i++) {
        struct rights *r = build(&left_cases[i].w);
        const struct client *c = rights_client_by_id(r, 1);
        const struct site *s = rights_site_by_id(r, 1);
        if (rights_role_now(r, c, s) != left_cases[i].now ||
            rights_may_by_grant(r, c, s, PERM_SITE_MANAGE_TEAM) != left_cases[i].exclude ||
            rights_may_on_server(r, c, PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS) !=
                left_cases[i].on_server)
            fail_msg("%s", left_cases[i].name);
        assert_int_equal(rights_may_by_grant(r, c, NULL, PERM_SITE_VIEW), ACCESS_DENIED);
        rights_release(r);
    }
}

static void test_owners_who_are_shut_out(void **state)
{
    static const struct {
        struct world w;
        bool in;
    } cases[] = {
        {{.personal = false}, true},
        {{.archived = true}, false},
        {{.disabled = true}, true}, /* a team's client survives who made it */
        {{.personal = true}, true},
        {{.personal = true, .disabled = true}, false},
        {{.personal = true, .archived = true}, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rights *r = build(&cases[i].w);
        if ((rights_client(r, STR("token"), NOW) != NULL) != cases[i].in)
            fail_msg("case %zu", i);
        assert_int_equal(client_owner(rights_client_by_id(r, 1)), cases[i].w.personal ? -1 : 1);
        rights_release(r);
    }
}

static void test_names(void **state)
{
    enum instance_role instance;
    enum team_role team;
    (void)state;
    for (int i = INSTANCE_USER; i <= INSTANCE_OWNER; i++) {
        assert_true(
            instance_role_parse(str_of(instance_role_name((enum instance_role)i)), &instance));
        assert_int_equal(instance, i);
    }
    for (int i = TEAM_MEMBER; i <= TEAM_OWNER; i++) {
        assert_true(team_role_parse(str_of(team_role_name((enum team_role)i)), &team));
        assert_int_equal(team, i);
        assert_int_equal(team_role_manages_clients((enum team_role)i), i != TEAM_MEMBER);
    }
    assert_false(instance_role_parse(STR("none"), &instance));
    assert_false(instance_role_parse(STR("editor"), &instance));
    assert_false(team_role_parse(STR("none"), &team));
    assert_false(team_role_parse(STR("viewer"), &team));
}

/* §1.6's lists, by what they leave out. */
static void test_instance_permissions(void **state)
{
    static const enum permission owners_alone[] = {
        PERM_SITE_MANAGE_DATA,        PERM_SITE_MANAGE_GOALS,
        PERM_SITE_MANAGE_TEAM,        PERM_SITE_DELETE,
        PERM_INSTANCE_MANAGE_USERS,   PERM_INSTANCE_MANAGE_SETTINGS,
        PERM_INSTANCE_MANAGE_SYSTEM,  PERM_INSTANCE_EXPORT_AUDIT,
        PERM_SITE_MANAGE_ANNOTATIONS,
    };
    (void)state;
    for (int p = 0; p < PERM_COUNT; p++) {
        bool alone = false;
        for (size_t i = 0; i < COUNT_OF(owners_alone); i++)
            alone = alone || (int)owners_alone[i] == p;
        assert_true(permits(instance_permissions(INSTANCE_OWNER), (enum permission)p));
        assert_false(permits(instance_permissions(INSTANCE_USER), (enum permission)p));
        if (permits(instance_permissions(INSTANCE_ADMIN), (enum permission)p) == alone)
            fail_msg("permission %d", p);
    }
}

static void test_logins(void **state)
{
    (void)state;
    struct rights *r = build(&(struct world){0});
    assert_int_equal(rights_user_by_login(r, STR("anna"))->id, 1);
    assert_int_equal(rights_user_by_login(r, STR("Anna@Example.COM"))->id, 1);
    assert_null(rights_user_by_login(r, STR("Anna")));
    assert_null(rights_user_by_login(r, STR("")));
    assert_null(rights_user_by_login(r, STR_NONE));
    rights_release(r);
}

static void test_uses(void **state)
{
    (void)state;
    struct rights *old = build(&(struct world){0}), *fresh = build(&(struct world){0});
    const struct client *c = rights_client_by_id(old, 1);
    assert_int_equal(rights_last_used(old, c), 0);
    assert_false(rights_uses_wait(old, 1));
    rights_note_use(old, c, NOW);
    assert_int_equal(rights_last_used(old, c), NOW);
    assert_true(rights_uses_wait(old, 1));
    rights_carry_uses(fresh, old);
    assert_int_equal(rights_last_used(fresh, rights_client_by_id(fresh, 1)), NOW);
    rights_release(old);
    rights_release(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people_on_sites),
        cmocka_unit_test(test_people_may),
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_rules_a_and_b),
        cmocka_unit_test(test_owners_who_are_shut_out),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_instance_permissions),
        cmocka_unit_test(test_logins),
        cmocka_unit_test(test_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
