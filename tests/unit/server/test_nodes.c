/* The table of nodes: what a status must be, and who makes room for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "server/nodes.h"

static void statuses(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"node=web-1 version=0.1.0 lag_ms=1500 waiting=7", true},
        {"waiting=7 lag_ms=1500 version=0.1.0 colour=red node=web-1", true},
        {"node=web-1", true},
        {"", false},
        {"version=0.1.0 lag_ms=0 waiting=0", false},
        {"node=", false},
        {"node=a/b", false},
        {"node=\"x\"", false},
        {"node=web-1 version=0.1.0\x1b[2J", false},
        {"node=web-1 version=0.1.0-0123456789012345678901234567890", false},
        {"node=web-1 lag_ms=-1", false},
        {"node=web-1 lag_ms=9223372036854775808", false},
        {"node=web-1 waiting=many", false},
        {"node=12345678901234567890123456789012345678901234567890123456789012345", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct nodes n = {0};
        if (nodes_note(&n, 1, str_of(cases[i].text), 5) != cases[i].good)
            fail_msg("%s", cases[i].text);
        assert_int_equal(n.n, cases[i].good);
        assert_true(n.dirty == cases[i].good);
        nodes_release(&n);
    }
}

static void a_node_is_one(void **state)
{
    struct nodes n = {0};
    assert_true(nodes_note(&n, 1, STR("node=a version=1 lag_ms=9 waiting=8"), 5));
    assert_true(nodes_note(&n, 2, STR("node=a version=2"), 6)); /* another team's */
    assert_true(nodes_note(&n, 1, STR("node=a version=3 lag_ms=1"), 7));
    assert_int_equal(n.n, 2);
    assert_string_equal(n.v[0].state.version, "3");
    assert_int_equal(n.v[0].state.seen_ms, 7);
    assert_int_equal(n.v[0].state.lag_ms, 1);
    assert_int_equal(n.v[0].state.waiting, 0);
    assert_string_equal(n.v[1].state.version, "2");
    nodes_release(&n);
}

static bool has(const struct nodes *n, int64_t team, const char *name)
{
    for (size_t i = 0; i < n->n; i++)
        if (n->v[i].state.team == team && strcmp(n->v[i].state.name, name) == 0)
            return true;
    return false;
}

/* Made-up names push out the team's own nodes only. */
static void a_team_has_its_share(void **state)
{
    struct nodes n = {0};
    assert_true(nodes_note(&n, 1, STR("node=theirs"), 1));
    for (int i = 0; i < 1000; i++) {
        char text[32];
        snprintf(text, sizeof(text), "node=n%d", i);
        assert_true(nodes_note(&n, 2, str_of(text), 10 + i));
    }
    assert_int_equal(n.n, 1 + NODES_A_TEAM);
    assert_true(has(&n, 1, "theirs"));
    assert_false(has(&n, 2, "n0"));
    assert_true(has(&n, 2, "n999"));
    nodes_release(&n);
}

static void all_teams_share_the_rest(void **state)
{
    struct nodes n = {0};
    for (int i = 0; i < (int)NODES_MAX + 1; i++)
        assert_true(nodes_note(&n, i, STR("node=x"), i));
    assert_int_equal(n.n, NODES_MAX);
    assert_false(has(&n, 0, "x"));
    assert_true(has(&n, NODES_MAX, "x"));
    nodes_release(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),
        cmocka_unit_test(a_node_is_one),
        cmocka_unit_test(a_team_has_its_share),
        cmocka_unit_test(all_teams_share_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
