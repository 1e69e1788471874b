/*
 * test_delegation.c - nobody hands on more than he has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h>

#include "server/delegation.h"
#include "server/uuid.h"

/* Team 1 has the sites 1 and 2, team 2 the site 3. Of team 1 anna is owner, adam admin, and mia
 * member, who was made editor of site 1; of site 2 adam was made viewer. */
enum { ANNA = 1, ADAM, MIA, STRANGER };
#define ID(n) "00000000-0000-4000-8000-00000000000" n

static struct rights *snapshot(void)
{
    struct rights_builder *b = rights_builder_new();
    const struct site_role roles[] = {{1, MIA, ROLE_EDITOR}, {2, ADAM, ROLE_VIEWER}};
    const struct member members[] = {
        {1, ANNA, TEAM_OWNER}, {1, ADAM, TEAM_ADMIN}, {1, MIA, TEAM_MEMBER}};
    static const char *const uuids[] = {ID("1"), ID("2"), ID("3")};
    for (int64_t i = 1; i <= 2; i++)
        assert_int_equal(rights_add_team(b, &(struct team){.id = i, .name = STR("t")}), 0);
    for (int64_t i = 0; i < 3; i++) {
        char domain[16];
        snprintf(domain, sizeof(domain), "%d.example", (int)i + 1);
        struct site site = {.id = i + 1, .domain = str_of(domain), .team = i < 2 ? 1 : 2};
        assert_true(uuid_parse(str_of(uuids[i]), site.uuid));
        assert_int_equal(rights_add_site(b, &site), 0);
        assert_int_equal(rights_add_member(b, &members[i]), 0);
    }
    for (int64_t i = ANNA; i <= STRANGER; i++)
        assert_int_equal(rights_add_user(b, &(struct user){.id = i, .name = STR("u")}), 0);
    assert_int_equal(rights_add_site_role(b, &roles[0]), 0);
    assert_int_equal(rights_add_site_role(b, &roles[1]), 0);
    struct rights *r = rights_build(b);
    assert_non_null(r);
    rights_builder_free(b);
    return r;
}

#define SITE_ID "invalid delegated site role site_id"
#define ROLE "invalid delegated site role"
#define TOO_MUCH "cannot delegate requested site role"
#define NO_ACCESS "cannot delegate site role for site without access"
#define OUTSIDE "cannot delegate site role outside the selected team"

static void test_site_roles(void **state)
{
    static const struct {
        int64_t user, team;
        const char *site, *role, *refusal;
    } cases[] = {
        {ANNA, 0, ID("1"), "owner", NULL},
        {ANNA, 1, ID("1"), "ingest", NULL},
        {ANNA, 1, "{00000000-0000-4000-8000-000000000002}", "owner", NULL},
        {ANNA, 0, "1", "owner", SITE_ID},
        {ANNA, 0, "", "owner", SITE_ID},
        {ANNA, 0, ID("1"), "king", ROLE},
        {ANNA, 0, ID("1"), "none", ROLE},
        {ANNA, 0, ID("1"), "", ROLE},
        {ANNA, 0, "1", "king", SITE_ID},
        /* not hers, and not there: the same */
        {ANNA, 0, ID("3"), "viewer", NO_ACCESS},
        {ANNA, 0, ID("9"), "viewer", NO_ACCESS},
        {ANNA, 1, ID("3"), "viewer", OUTSIDE},
        {ANNA, 1, ID("9"), "viewer", OUTSIDE},
        {ADAM, 1, ID("1"), "admin", NULL},
        {ADAM, 1, ID("1"), "owner", TOO_MUCH},
        {ADAM, 1, ID("2"), "viewer", NULL},
        {ADAM, 1, ID("2"), "editor", TOO_MUCH},
        {ADAM, 1, ID("2"), "ingest", TOO_MUCH},
        {MIA, 0, ID("1"), "editor", NULL},
        {MIA, 0, ID("1"), "viewer", NULL},
        {MIA, 0, ID("1"), "admin", TOO_MUCH},
        {MIA, 0, ID("1"), "ingest", TOO_MUCH}, /* an editor writes no records */
        {MIA, 0, ID("2"), "viewer", NO_ACCESS},
        {STRANGER, 0, ID("1"), "viewer", NO_ACCESS},
        {STRANGER, 1, ID("1"), "viewer", NO_ACCESS},
    };
    (void)state;
    struct rights *r = snapshot();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct grant grant = {0};
        struct delegated_role asked = {str_of(cases[i].site), str_of(cases[i].role)};
        const struct user *user = rights_user_by_id(r, cases[i].user);
        const char *refusal = delegation_refusal(r, user, cases[i].team, &asked, 1, &grant);
        if (!str_eq(str_of(refusal), str_of(cases[i].refusal)))
            fail_msg("case %zu: %s", i, refusal ? refusal : "allowed");
        if (!refusal && strcmp(role_name(grant.role), cases[i].role) != 0)
            fail_msg("case %zu: %s", i, role_name(grant.role));
    }
    rights_release(r);
}

static void test_many(void **state)
{
    struct delegated_role asked[DELEGATED_MAX + 1];
    struct grant grants[DELEGATED_MAX];
    (void)state;
    struct rights *r = snapshot();
    const struct user *anna = rights_user_by_id(r, ANNA);
    for (size_t i = 0; i < COUNT_OF(asked); i++)
        asked[i] = (struct delegated_role){STR(ID("2")), STR("viewer")};
    assert_null(delegation_refusal(r, anna, 0, NULL, 0, grants));
    assert_null(delegation_refusal(r, anna, 0, asked, DELEGATED_MAX, grants));
    assert_int_equal(grants[99].site, 2);
    assert_int_equal(grants[99].role, ROLE_VIEWER);
    assert_string_equal(delegation_refusal(r, anna, 0, asked, DELEGATED_MAX + 1, grants),
                        "too many delegated site roles");
    asked[50].role = STR("x");
    assert_string_equal(delegation_refusal(r, anna, 0, asked, DELEGATED_MAX, grants), ROLE);
    rights_release(r);
}

static void test_instance_roles(void **state)
{
    (void)state;
    for (int own = INSTANCE_USER; own <= INSTANCE_OWNER; own++) {
        struct user user = {.instance_role = (enum instance_role)own};
        for (int asked = INSTANCE_USER; asked <= INSTANCE_OWNER; asked++) {
            const char *refusal = delegation_instance_refusal(&user, (enum instance_role)asked);
            if (!str_eq(str_of(refusal),
                        asked > own ? STR("Cannot delegate requested instance role") : STR_NONE))
                fail_msg("%d asks for %d", own, asked);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_site_roles),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_instance_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
