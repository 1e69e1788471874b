/*
 * test_people.c - changing people, teams, sites and clients in a store, and what the audit log and
 * the next snapshot say of it.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_batch.h"

#define HOUR_MS (INT64_C(3600) * 1000)

/* anna owns the server and the team `main`, mia is its member; both have a client. */
struct people {
    struct fixture *f;
    int64_t anna, mia;
    int64_t own, team_client; /* mia's, main's */
    struct buf log;
};

static const unsigned char token_1[TOKEN_HASH_BYTES] = {1}, token_2[TOKEN_HASH_BYTES] = {2},
                           token_3[TOKEN_HASH_BYTES] = {3};

#define OK(call) assert_int_equal(call, ADMIN_OK)

static int fill(struct store_session *s, void *arg)
{
    struct people *p = arg;
    struct new_user anna = {STR("anna"), STR("Anna@Example.com"), STR("$y$x"), INSTANCE_OWNER,
                            STR_NONE};
    struct new_user mia = {STR("mia"), STR_NONE, STR_NONE, INSTANCE_USER, STR_NONE};
    const struct grant grants[] = {{0, p->f->site, ROLE_ADMIN}, {0, p->f->second, ROLE_VIEWER}};
    struct new_client own = {.fields = {.name = STR("mine"),
                                        .description = STR("for me"),
                                        .expires_ms = INT64_MAX,
                                        .grants = grants,
                                        .n_grants = 2},
                             .token_hash = token_1};
    struct new_client of_team = new_client_of(STR("web"), p->f->team, token_2);
    OK(session_add_user(s, &anna, &p->anna));
    OK(session_add_user(s, &mia, &p->mia));
    session_act_for(s, p->anna);
    OK(session_set_member(s, &(struct member){p->f->team, p->anna, TEAM_OWNER}));
    OK(session_set_member(s, &(struct member){p->f->team, p->mia, TEAM_MEMBER}));
    OK(session_set_site_role(s, &(struct site_role){p->f->site, p->mia, ROLE_ADMIN}));
    own.user = p->mia;
    OK(session_add_client(s, &own, &p->own));
    OK(session_add_client(s, &of_team, &p->team_client));
    return 0;
}

static int setup(void **state)
{
    struct people *p = calloc(1, sizeof(*p));
    void *fixture = NULL;
    assert_int_equal(fixture_setup(&fixture), 0);
    p->f = fixture;
    buf_init(&p->log, 100000);
    assert_int_equal(fixture_call(p->f->store, fill, p), 0);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct people *p = *state;
    void *fixture = p->f;
    buf_release(&p->log);
    free(p);
    return fixture_teardown(&fixture);
}

static void on_entry(void *arg, const struct audit_entry *e)
{
    struct str actor = str_is_set(e->actor) ? e->actor : STR("-");
    buf_printf(arg, "%.*s %.*s %.*s [%.*s]\n", STR_ARGS(actor), STR_ARGS(e->action),
               STR_ARGS(e->subject), STR_ARGS(e->detail));
    assert_int_equal(strlen(e->subject_id), str_eq(e->subject, STR("instance")) ? 0 : 36);
}

static int read_log(struct store_session *s, void *arg)
{
    struct people *p = arg;
    buf_reset(&p->log);
    assert_int_equal(session_read_audit(s, &(struct audit_filter){.most = 100}, on_entry, &p->log),
                     0);
    return 0;
}

/* The newest entries of the log are these. */
static void expect_log(struct people *p, const char *lines)
{
    assert_int_equal(fixture_call(p->f->store, read_log, p), 0);
    if (!str_ends(buf_str(&p->log), str_of(lines)))
        fail_msg("the log is %s", buf_cstr(&p->log));
}

static void test_what_was_made(void **state)
{
    struct people *p = *state;
    struct rights *r = store_rights(p->f->store);
    const struct user *anna = rights_user_by_login(r, STR("anna@example.com"));
    assert_int_equal(anna->id, p->anna);
    assert_string_equal(anna->password_hash.p, "$y$x");
    assert_int_equal(anna->instance_role, INSTANCE_OWNER);
    assert_int_equal(strlen(anna->uuid_text), 36);
    assert_ptr_equal(rights_user_by_uuid(r, anna->uuid), anna);
    assert_false(str_is_set(rights_user_by_id(r, p->mia)->password_hash));
    assert_int_equal(rights_team_role(r, p->f->team, anna), TEAM_OWNER);
    const struct client *own = rights_client_by_hash(r, token_1, 1);
    assert_int_equal(own->user, p->mia);
    assert_int_equal(own->team, 0);
    assert_int_equal(own->created_by, p->anna);
    assert_string_equal(own->description.p, "for me");
    assert_ptr_equal(rights_client_by_uuid(r, own->uuid), own);
    const struct grant *grants;
    assert_int_equal(rights_grants_of(r, p->own, &grants), 2);
    assert_int_equal(grants[1].site, p->f->second);
    assert_int_equal(rights_grants_of(r, p->team_client, &grants), 0);
    assert_int_equal(rights_may(r, own, rights_site_by_id(r, p->f->site), PERM_SITE_MANAGE_DATA),
                     ACCESS_OK);
    /* granted, and not mia's */
    assert_int_equal(rights_may(r, own, rights_site_by_id(r, p->f->second), PERM_SITE_VIEW),
                     ACCESS_DENIED);
    rights_release(r);
    expect_log(p, "- user.created anna [owner]\n"
                  "- user.created mia [user]\n"
                  "anna team.member_set main [anna=owner]\n"
                  "anna team.member_set main [mia=member]\n"
                  "anna site.role_set example.com [mia=admin]\n"
                  "anna api_client.created mine [example.com=admin example.org=viewer]\n"
                  "anna api_client.created web []\n");
}

static int lead_a_client(struct store_session *s, void *arg)
{
    struct people *p = arg;
    const struct grant one = {0, p->f->second, ROLE_INGEST};
    struct client_fields fields = {.name = STR("web 2"),
                                   .description = STR("d"),
                                   .expires_ms = INT64_MAX,
                                   .grants = &one,
                                   .n_grants = 1};
    OK(session_update_client(s, p->team_client, &fields));
    OK(session_grant(s, &(struct grant){p->team_client, p->f->site, ROLE_VIEWER}));
    OK(session_ungrant(s, p->team_client, p->f->second));
    assert_int_equal(session_ungrant(s, p->team_client, p->f->second), ADMIN_NONE);
    OK(session_revoke_client(s, p->team_client, true));
    OK(session_revoke_client(s, p->team_client, true));
    assert_int_equal(session_rotate_client(s, p->team_client, token_3, 0), ADMIN_ENDED);
    OK(session_revoke_client(s, p->team_client, false));
    OK(session_rotate_client(s, p->team_client, token_3, HOUR_MS));
    assert_int_equal(session_update_client(s, 99, &fields), ADMIN_NONE);
    assert_int_equal(session_rotate_client(s, 99, token_3, 0), ADMIN_NONE);
    assert_int_equal(session_revoke_client(s, 99, true), ADMIN_NONE);
    assert_int_equal(session_remove_client(s, 99), ADMIN_NONE);
    return 0;
}

static int rotate_again(struct store_session *s, void *arg)
{
    static const unsigned char token_4[TOKEN_HASH_BYTES] = {4};
    OK(session_rotate_client(s, ((struct people *)arg)->team_client, token_4, 0));
    return 0;
}

static int remove_it(struct store_session *s, void *arg)
{
    OK(session_remove_client(s, ((struct people *)arg)->team_client));
    return 0;
}

static void test_a_client_s_life(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, lead_a_client, p), 0);
    expect_log(p, "- api_client.updated web 2 [example.org=ingest]\n"
                  "- api_client.updated web 2 [example.com=viewer example.org=ingest]\n"
                  "- api_client.updated web 2 [example.com=viewer]\n"
                  "- api_client.revoked web 2 []\n"
                  "- api_client.reactivated web 2 []\n"
                  "- api_client.rotated web 2 [the token before it is good for a while]\n");
    struct rights *r = store_rights(p->f->store);
    const struct client *c = rights_client_by_id(r, p->team_client);
    /* both tokens, the old one to its hour */
    assert_ptr_equal(rights_client_by_hash(r, token_3, c->updated_ms), c);
    assert_ptr_equal(rights_client_by_hash(r, token_2, c->updated_ms), c);
    assert_ptr_equal(rights_client_by_hash(r, token_2, c->updated_ms + HOUR_MS), c);
    assert_null(rights_client_by_hash(r, token_2, c->updated_ms + HOUR_MS + 1));
    assert_ptr_equal(rights_client_by_hash(r, token_3, c->updated_ms + HOUR_MS + 1), c);
    rights_release(r);
    /* rolled again without an overlap, both have ended */
    assert_int_equal(fixture_call(p->f->store, rotate_again, p), 0);
    r = store_rights(p->f->store);
    assert_null(rights_client_by_hash(r, token_2, 1));
    assert_null(rights_client_by_hash(r, token_3, 1));
    rights_release(r);
    assert_int_equal(fixture_call(p->f->store, remove_it, p), 0);
    assert_int_equal(number(p->f, "SELECT count(*) FROM grants WHERE client = 2"), 0);
    expect_log(p, "- api_client.rotated web 2 []\n- api_client.deleted web 2 "
                  "[example.com=viewer]\n");
}

static int leave(struct store_session *s, void *arg)
{
    struct people *p = arg;
    assert_int_equal(session_remove_member(s, p->f->team, p->anna), ADMIN_LAST_OWNER);
    assert_int_equal(session_set_member(s, &(struct member){p->f->team, p->anna, TEAM_ADMIN}),
                     ADMIN_LAST_OWNER);
    assert_int_equal(session_disable_user(s, p->anna, true), ADMIN_LAST_OWNER);
    assert_int_equal(session_set_instance_role(s, p->anna, INSTANCE_ADMIN), ADMIN_LAST_OWNER);
    assert_int_equal(session_remove_user(s, p->anna), ADMIN_LAST_OWNER);
    assert_int_equal(session_set_member(s, &(struct member){p->f->team, 99, TEAM_OWNER}),
                     ADMIN_NONE);
    assert_int_equal(session_remove_member(s, p->f->other_team, p->mia), ADMIN_NONE);
    /* of another team's site: no member there */
    assert_int_equal(
        session_set_site_role(s, &(struct site_role){p->f->foreign, p->mia, ROLE_ADMIN}),
        ADMIN_NONE);
    OK(session_remove_member(s, p->f->team, p->mia));
    return 0;
}

/* Rule B goes by the stored grant alone: who leaves takes his own clients' grants with him. */
static void test_who_leaves_a_team(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, leave, p), 0);
    struct rights *r = store_rights(p->f->store);
    const struct client *own = rights_client_by_id(r, p->own);
    const struct grant *grants;
    const struct site_role *roles;
    assert_int_equal(rights_grants_of(r, p->own, &grants), 0);
    assert_int_equal(rights_site_roles(r, &roles), 0);
    assert_int_equal(rights_role(r, own, rights_site_by_id(r, p->f->site)), ROLE_NONE);
    rights_release(r);
    expect_log(p, "- team.member_removed main [mia]\n");
}

static int remove_mia(struct store_session *s, void *arg)
{
    struct people *p = arg;
    struct new_user again = {STR("mia"), STR("mia@example.com"), STR_NONE, INSTANCE_USER, STR_NONE};
    int64_t id = 0;
    OK(session_remove_user(s, p->mia));
    assert_int_equal(session_remove_user(s, p->mia), ADMIN_NONE);
    assert_int_equal(session_set_password(s, p->mia, STR("$y$z")), ADMIN_NONE);
    OK(session_add_user(s, &again, &id));
    assert_int_not_equal(id, p->mia);
    assert_int_equal(session_add_user(s, &again, &id), ADMIN_TAKEN);
    again.name = STR("other");
    again.email = STR("MIA@example.com");
    assert_int_equal(session_add_user(s, &again, &id), ADMIN_TAKEN);
    return 0;
}

static void test_a_person_goes(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, remove_mia, p), 0);
    struct rights *r = store_rights(p->f->store);
    const struct client *clients;
    assert_null(rights_client_by_hash(r, token_1, 1));
    assert_null(rights_user_by_id(r, p->mia));
    assert_int_equal(rights_clients(r, &clients), 1); /* the team's survives */
    rights_release(r);
    assert_int_equal(number(p->f, "SELECT count(*) FROM grants"), 0);
    expect_log(p, "- user.deleted mia []\n- user.created mia [user]\n");
}

static int change_people(struct store_session *s, void *arg)
{
    struct people *p = arg;
    OK(session_set_password(s, p->mia, STR("$y$new")));
    OK(session_set_instance_role(s, p->mia, INSTANCE_OWNER));
    OK(session_disable_user(s, p->anna, true)); /* mia can, now */
    OK(session_archive_team(s, p->f->team, true));
    OK(session_rename_team(s, p->f->other_team, STR("friends")));
    assert_int_equal(session_rename_team(s, p->f->other_team, STR("main")), ADMIN_TAKEN);
    return 0;
}

static int undo_people(struct store_session *s, void *arg)
{
    struct people *p = arg;
    OK(session_disable_user(s, p->anna, false));
    OK(session_archive_team(s, p->f->team, false));
    return 0;
}

static void test_people_and_teams_change(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, change_people, p), 0);
    struct rights *r = store_rights(p->f->store);
    assert_string_equal(rights_user_by_id(r, p->mia)->password_hash.p, "$y$new");
    assert_true(rights_user_by_id(r, p->mia)->login_epoch > 0);
    assert_true(rights_user_by_id(r, p->anna)->disabled_ms > 0);
    assert_null(rights_client_by_hash(r, token_2, 1)); /* its team is archived */
    assert_string_equal(rights_team_by_id(r, p->f->other_team)->name.p, "friends");
    rights_release(r);
    expect_log(p, "- user.password_set mia []\n- user.role_set mia [owner]\n"
                  "- user.disabled anna []\n- team.archived main []\n- team.renamed friends []\n");
    assert_int_equal(fixture_call(p->f->store, undo_people, p), 0);
    r = store_rights(p->f->store);
    assert_int_equal(rights_user_by_id(r, p->anna)->disabled_ms, 0);
    assert_non_null(rights_client_by_hash(r, token_2, 1));
    rights_release(r);
}

static int remove_site(struct store_session *s, void *arg)
{
    OK(session_remove_site(s, ((struct people *)arg)->f->site));
    return 0;
}

static int add_site_again(struct store_session *s, void *arg)
{
    struct people *p = arg;
    struct new_site site = {.domain = STR("example.com"), .team = p->f->team, .owner = p->mia};
    OK(session_add_site(s, &site, &p->f->foreign));
    return 0;
}

static void test_a_site_goes(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, remove_site, p), 0);
    struct rights *r = store_rights(p->f->store);
    assert_null(rights_site_by_id(r, p->f->site));
    assert_null(rights_site_by_host(r, STR("example.com")));
    rights_release(r);
    assert_int_equal(fixture_call(p->f->store, add_site_again, p), 0);
    r = store_rights(p->f->store);
    const struct site *again = rights_site_by_host(r, STR("example.com"));
    assert_int_not_equal(again->id, p->f->site); /* its records are not the new one's */
    assert_int_equal(rights_user_role(r, rights_user_by_id(r, p->mia), again), ROLE_OWNER);
    rights_release(r);
    expect_log(p, "- site.deleted example.com []\n- site.created example.com []\n");
}

/* A domain that another site's alias has is not to be had, its own alias is. */
static int rename_and_move(struct store_session *s, void *arg)
{
    struct people *p = arg;
    OK(session_add_alias(s, p->f->second, STR("taken.example")));
    OK(session_add_alias(s, p->f->site, STR("alias.example")));
    OK(session_rename_site(s, p->f->site, STR("alias.example")));
    OK(session_move_site(s, p->f->site, p->f->other_team));
    assert_int_equal(session_move_site(s, p->f->site, 999), ADMIN_NONE);
    return 0;
}

static int rename_to_what_is_taken(struct store_session *s, void *arg)
{
    assert_int_equal(session_rename_site(s, ((struct people *)arg)->f->site, STR("taken.example")),
                     ADMIN_TAKEN);
    return -1;
}

static void test_a_site_gets_another_name_and_team(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, rename_and_move, p), 0);
    assert_int_equal(fixture_call(p->f->store, rename_to_what_is_taken, p), -1);
    struct rights *r = store_rights(p->f->store);
    const struct site *site = rights_site_by_id(r, p->f->site);
    assert_string_equal(site->domain.p, "alias.example");
    assert_ptr_equal(rights_site_by_host(r, STR("alias.example")), site);
    assert_null(rights_site_by_host(r, STR("example.com")));
    assert_int_equal(site->team, p->f->other_team);
    /* What the old team's people had there is gone. */
    assert_int_equal(rights_user_role(r, rights_user_by_id(r, p->mia), site), ROLE_NONE);
    rights_release(r);
    expect_log(p, "- site.renamed alias.example []\n- site.moved alias.example []\n");
}

static int fail_after_a_change(struct store_session *s, void *arg)
{
    OK(session_revoke_client(s, ((struct people *)arg)->team_client, true));
    return -1;
}

/* What did not happen is in no log. */
static void test_the_log_goes_with_the_change(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, fail_after_a_change, p), -1);
    struct rights *r = store_rights(p->f->store);
    assert_non_null(rights_client_by_hash(r, token_2, 1));
    rights_release(r);
    expect_log(p, "anna api_client.created web []\n");
}

static void test_last_use_is_kept(void **state)
{
    struct people *p = *state;
    struct rights *r = store_rights(p->f->store);
    rights_note_use(r, rights_client_by_id(r, p->own), 77777);
    rights_release(r);
    /* Another change swaps the snapshot: the next one knows it, too. */
    assert_int_equal(fixture_call(p->f->store, undo_people, p), 0);
    r = store_rights(p->f->store);
    assert_int_equal(rights_last_used(r, rights_client_by_id(r, p->own)), 77777);
    rights_release(r);
    store_close(p->f->store);
    p->f->store = fixture_open(p->f->dir, false);
    r = store_rights(p->f->store);
    assert_int_equal(rights_last_used(r, rights_client_by_id(r, p->own)), 77777);
    assert_int_equal(rights_last_used(r, rights_client_by_id(r, p->team_client)), 0);
    rights_release(r);
}

/* Made and removed by a person, a client and a command, of each scope. */
static int change_exclusions(struct store_session *s, void *arg)
{
    struct people *p = arg;
    const struct exclusion *list;
    struct exclusion of[] = {
        {.kind = EXCLUSION_PATH, .value = STR("/a")},
        {.team = p->f->team, .kind = EXCLUSION_COUNTRY, .value = STR("DE")},
        {.site = p->f->site, .kind = EXCLUSION_IP, .value = STR("198.51.100.7")},
    };
    OK(session_add_exclusion(s, &of[0]));
    session_act_for(s, p->anna);
    OK(session_add_exclusion(s, &of[1]));
    session_act_for_client(s, p->team_client);
    OK(session_add_exclusion(s, &of[2]));
    assert_int_equal(session_add_exclusion(s, &of[2]), ADMIN_TAKEN);
    assert_int_equal(session_remove_exclusion(s, 99), ADMIN_NONE);
    for (size_t i = 0; i < COUNT_OF(of); i++)
        OK(session_remove_exclusion(s, of[i].id));
    assert_int_equal(exclusions_list(rights_exclusions(session_rights(s)), &list), 0);
    session_act_for(s, 0);
    OK(session_add_exclusion(s, &of[0]));
    return 0;
}

/* The log without the ids, which are in front of each detail. */
static void drop_ids(struct buf *log)
{
    struct str text = buf_str(log);
    size_t to = 0;
    for (size_t at = 0; at < text.n; at++) {
        log->p[to++] = text.p[at];
        if (text.p[at] == '[' && at + 37 < text.n && text.p[at + 9] == '-')
            at += 37;
    }
    log->n = to;
}

static void test_exclusions_are_noted(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, change_exclusions, p), 0);
    assert_int_equal(fixture_call(p->f->store, read_log, p), 0);
    drop_ids(&p->log);
    if (!str_ends(buf_str(&p->log), STR("- exclusion.created instance [path /a]\n"
                                        "anna exclusion.created main [country DE]\n"
                                        "client web exclusion.created example.com"
                                        " [ip in 198.51.100.0/24]\n"
                                        "client web exclusion.deleted instance [path /a]\n"
                                        "client web exclusion.deleted main [country DE]\n"
                                        "client web exclusion.deleted example.com"
                                        " [ip in 198.51.100.0/24]\n"
                                        "- exclusion.created instance [path /a]\n")))
        fail_msg("the log is %s", buf_cstr(&p->log));
}

static int give_up(struct store_session *s, void *arg)
{
    struct exclusion e = {.kind = EXCLUSION_PATH, .value = STR("/given-up")};
    OK(session_add_exclusion(s, &e));
    return -1;
}

/* Change and entry are one transaction. */
static void test_nothing_is_noted_of_nothing(void **state)
{
    struct people *p = *state;
    assert_int_equal(fixture_call(p->f->store, give_up, p), -1);
    assert_int_equal(number(p->f, "SELECT count(*) FROM exclusions"), 0);
    assert_int_equal(number(p->f, "SELECT count(*) FROM audit WHERE detail LIKE '%given-up'"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_what_was_made),
        T(test_a_client_s_life),
        T(test_who_leaves_a_team),
        T(test_a_person_goes),
        T(test_people_and_teams_change),
        T(test_a_site_goes),
        T(test_a_site_gets_another_name_and_team),
        T(test_the_log_goes_with_the_change),
        T(test_last_use_is_kept),
        T(test_exclusions_are_noted),
        T(test_nothing_is_noted_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
