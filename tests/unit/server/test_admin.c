/*
 * test_admin.c - the commands on a store of their own, and over the control socket of a loop.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_fixture.h"

#include <ev.h>
#include <pthread.h>
#include <sys/socket.h>

#include "parsers/base/time.h"
#include "config/exit_codes.h"
#include "server/admin.h"
#include "server/control.h"

#define NOW INT64_C(1790000000000)

struct run {
    int code;
    char out[16384], err[4096];
};

/* Splits at blanks: no word of these tests holds one. */
static void run_command(struct fixture *f, const char *line, struct run *r)
{
    char copy[512], *argv[32], *at = copy;
    struct buf out, err;
    struct admin_call call = {.argv = argv, .now_ms = NOW, .out = &out, .err = &err};
    snprintf(copy, sizeof(copy), "%s", line);
    for (bool inside = false; *at; at++) {
        if (*at != ' ' && !inside)
            argv[call.argc++] = at;
        inside = *at != ' ';
        *at = inside ? *at : 0;
    }
    buf_init(&out, 100000);
    buf_init(&err, 100000);
    admin_run(f->store, &call);
    r->code = call.code;
    snprintf(r->out, sizeof(r->out), "%.*s", STR_ARGS(buf_str(&out)));
    snprintf(r->err, sizeof(r->err), "%.*s", STR_ARGS(buf_str(&err)));
    buf_release(&out);
    buf_release(&err);
}

static int setup_empty(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/logferry-admin-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->store = fixture_open(f->dir, true);
    assert_non_null(f->store);
    *state = f;
    return 0;
}

/* Each line sees what those before it did. */
static const struct {
    const char *line;
    int code;
    const char *word; /* in stdout when code is 0, else in stderr */
} session_cases[] = {
    {"site add example.com", EXIT_BAD_CONFIG, "logferry-server init"},
    {"init", 0, "site add example.com"},
    {"init", 0, "nothing was changed"},
    {"init now", EXIT_USAGE, "--team"},
    {"site", EXIT_USAGE, "site add DOMAIN"},
    {"site paint x", EXIT_USAGE, "site list"},
    {"site add", EXIT_USAGE, "one domain"},
    {"site add --colour example.com", EXIT_USAGE, "--colour"},
    {"site add example.com --alias", EXIT_USAGE, "--alias"},
    {"site add exa/mple", EXIT_BAD_DATA, "no host name"},
    {"site add https://WWW.Example.com:443/x --alias shop.example.com", 0, "site example.com "},
    {"site add example.com", EXIT_BAD_DATA, "already"},
    {"site add shop.example.com", EXIT_BAD_DATA, "already"},
    {"site add www.shop.example.com", EXIT_BAD_DATA, "already"},
    {"site add example.org --retention 365d --json", 0, "\"domain\":\"example.org\""},
    {"site add example.net --retention never", EXIT_BAD_DATA, "--retention"},
    {"site add example.net --team nobody", EXIT_BAD_DATA, "unknown team"},
    {"site add half.example --alias example.org", EXIT_BAD_DATA, "example.org already"},
    {"site alias half.example x.example", EXIT_BAD_DATA, "unknown site"},
    {"site alias example.org de.example.org fr.example.org", 0, "2 added"},
    {"site alias example.org --remove fr.example.org", 0, "1 removed"},
    {"site alias example.org --remove fr.example.org", EXIT_BAD_DATA, "not there"},
    {"site alias example.org --remove example.org", EXIT_BAD_DATA, "not there"},
    {"site list", 0, "de.example.org (365 days)"},
    {"site list --json", 0, "\"aliases\":[\"shop.example.com\"]"},
    {"client create --name web-1", 0, "lf_"},
    {"client create --name web-1", EXIT_BAD_DATA, "exists already"},
    {"client create --grant example.com=ingest", EXIT_USAGE, "--name"},
    {"client create --name a --grant example.com", EXIT_USAGE, "SITE=ROLE"},
    {"client create --name a --grant example.com=king", EXIT_BAD_DATA, "unknown role"},
    {"client create --name a --grant nowhere.example=ingest", EXIT_BAD_DATA, "unknown site"},
    {"client create --name a --expires soon", EXIT_BAD_DATA, "--expires"},
    {"client create --name a --expires 90d --grant example.com=ingest "
     "--grant example.org=viewer --json",
     0, "\"token\":\"lf_"},
    {"client list", 0, "example.com=ingest example.org=viewer until 2026-12-20"},
    {"client grant a example.com=admin", 0, "granted"},
    {"client grant b example.com=admin", EXIT_BAD_DATA, "unknown client"},
    {"client ungrant a example.org", 0, "no longer"},
    {"client ungrant a example.org", EXIT_BAD_DATA, "not there"},
    {"client list --json", 0, "\"grants\":{\"example.com\":\"admin\"}"},
    {"client revoke a", 0, "revoked"},
    {"client revoke a", 0, "revoked"},
    {"client list", 0, "revoked  example.com=admin"},
    {"client reactivate a", 0, "good again"},
    {"client roll a --overlap 90d", EXIT_BAD_DATA, "--overlap"},
    {"client roll a --overlap 24h", 0, "lf_"},
    {"client update a --description For.all --expires never", 0, "updated"},
    {"client update a --expires soon", EXIT_BAD_DATA, "--expires"},
    {"client list --json", 0, "\"description\":\"For.all\",\"instance_role\":\"user\""},
    {"client list --json", 0, "\"grants\":{\"example.com\":\"admin\"}"},
    {"client revoke a", 0, "revoked"},
    {"client roll a", EXIT_BAD_DATA, "client reactivate"},
    {"client create --name a", 0, "lf_"},
    {"client grant a example.org=ingest", 0, "granted"},
    {"client list --json", 0, "\"state\":\"active\",\"created_at\""},
    {"client delete a", 0, "deleted"},
    {"client delete a", 0, "deleted"}, /* the revoked one, now */
    {"client delete a", EXIT_BAD_DATA, "unknown client"},
    {"user add", EXIT_USAGE, "one name"},
    {"user add anna --email anna", EXIT_BAD_DATA, "no address"},
    {"user add anna --email Anna@example.com --role king", EXIT_BAD_DATA, "user, admin"},
    {"user add anna --email Anna@example.com", 0, "user password anna"},
    {"user add anna", EXIT_BAD_DATA, "exists already"},
    {"user list", 0, "anna                     user   (no password)"},
    {"user password anna --password-hash $y$x", 0, "password set"},
    {"user list --json", 0, "\"email\":\"anna@example.com\",\"instance_role\":\"user\",\"has_pas"},
    {"user disable owner", EXIT_BAD_DATA, "last owner"},
    {"user set owner --role user", EXIT_BAD_DATA, "last owner"},
    {"user set anna --role owner", 0, "set"},
    {"user disable owner", 0, "disabled"},
    {"user disable owner --undo", 0, "enabled"},
    {"team member default owner none", EXIT_BAD_DATA, "last owner"},
    {"team member default anna king", EXIT_BAD_DATA, "none of owner"},
    {"team member nowhere anna admin", EXIT_BAD_DATA, "unknown team"},
    {"team member default nobody admin", EXIT_BAD_DATA, "unknown user"},
    {"team member default anna admin", 0, "set"},
    {"user list --json", 0, "\"teams\":{\"default\":\"admin\"}"},
    {"site member example.com anna ingest", EXIT_BAD_DATA, "none of owner"},
    {"site member example.com anna viewer", 0, "set"},
    {"site member example.com anna none", 0, "taken away"},
    {"site member example.com anna none", EXIT_BAD_DATA, "not there"},
    {"client create --name own --personal anna --team default", EXIT_USAGE, "--personal"},
    {"client create --name own --personal nobody", EXIT_BAD_DATA, "unknown user"},
    {"client create --name own --personal anna --instance-role king", EXIT_BAD_DATA, "king"},
    {"client create --name own --personal anna --grant example.com=viewer", 0, "lf_"},
    {"client list", 0, "example.com=viewer (anna's own)"},
    {"client revoke own --personal owner", EXIT_BAD_DATA, "unknown client"},
    {"client revoke own --personal anna", 0, "revoked"},
    {"team add friends --owner anna", 0, "team added"},
    {"team add friends", EXIT_BAD_DATA, "exists already"},
    {"team archive friends", 0, "archived"},
    {"team list", 0, "friends (archived)"},
    {"team archive friends --undo", 0, "reopened"},
    {"user remove anna", EXIT_USAGE, "--yes"},
    {"user remove anna --yes", EXIT_BAD_DATA, "last owner"},
    {"team member friends owner owner", 0, "set"},
    {"user remove anna --yes", 0, "removed"},
    {"client list", 0, "web-1"},
    {"site set example.com --time-zone Mars/Olympus", EXIT_BAD_DATA, "--time-zone: "},
    {"site set example.com --time-zone ../../etc/passwd", EXIT_BAD_DATA, "--time-zone: "},
    {"site set example.com --time-zone /etc/localtime", EXIT_BAD_DATA, "--time-zone: "},
    {"site set example.com --time-zone", EXIT_USAGE, "--time-zone"},
    {"site set nowhere.net --time-zone UTC", EXIT_BAD_DATA, "unknown site"},
    {"site set example.com --time-zone Europe/Berlin", 0, "begin as clocks show them in Europe/"},
    {"site set example.com --time-zone UTC", 0, "in UTC"},
    {"site remove example.com", EXIT_USAGE, "--yes"},
    {"site remove example.com --yes", 0, "removed"},
    {"site remove example.com --yes", EXIT_BAD_DATA, "unknown site"},
    {"audit", 0, "(command)    site.deleted             example.com"},
    {"audit --json --since 1d --team friends", 0, "\"action\":\"team.member_set\""},
    {"audit --since soon", EXIT_USAGE, "--since"},
};

static void test_session_of_commands(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(session_cases); i++) {
        struct run r;
        run_command(f, session_cases[i].line, &r);
        if (r.code != session_cases[i].code ||
            !strstr(r.code ? r.err : r.out, session_cases[i].word))
            fail_msg("%s: code %d, out: %s err: %s", session_cases[i].line, r.code, r.out, r.err);
        if (r.code && r.out[0])
            fail_msg("%s: failed, and printed %s", session_cases[i].line, r.out);
    }
    /* What failed half-way left nothing. */
    struct rights *rights = store_rights(f->store);
    assert_null(rights_site_by_host(rights, STR("half.example")));
    rights_release(rights);
}

static void test_rights_follow_at_once(void **state)
{
    struct fixture *f = *state;
    struct run r;
    char token[TOKEN_LENGTH + 1];
    run_command(f, "init", &r);
    run_command(f, "site add example.com", &r);
    run_command(f, "client create --name web --expires 1d --grant example.com=ingest", &r);
    assert_int_equal(r.code, 0);
    memcpy(token, r.out, TOKEN_LENGTH);
    token[TOKEN_LENGTH] = 0;
    assert_string_equal(r.out + TOKEN_LENGTH, "\n");

    struct rights *before = store_rights(f->store);
    const struct client *c = rights_client(before, str_of(token), NOW);
    assert_non_null(c);
    assert_int_equal(rights_role(before, c, rights_site_by_host(before, STR("example.com"))),
                     ROLE_INGEST);
    assert_null(rights_client(before, str_of(token), NOW + DAY_MS + 1));
    run_command(f, "client revoke web", &r);
    struct rights *after = store_rights(f->store);
    assert_null(rights_client(after, str_of(token), NOW));
    assert_non_null(rights_client(before, str_of(token), NOW)); /* a snapshot does not change */
    rights_release(before);
    rights_release(after);
}

static void test_arguments(void **state)
{
    static const char *const values[] = {"--grant", NULL}, *const flags[] = {"--json", NULL};
    static const char *const words[] = {"a",      "--grant=x=y", "--grant", "z",
                                        "--json", "--",          "--json"};
    struct args a;
    struct buf error;
    (void)state;
    buf_init(&error, 100);
    assert_int_equal(args_parse(&a, 7, (char *const *)words, values, flags, &error), 0);
    assert_int_equal(a.n_words, 2);
    assert_string_equal(a.words[1], "--json");
    assert_int_equal(a.n_options, 3);
    assert_string_equal(a.options[0].value, "x=y");
    assert_string_equal(args_value(&a, "--grant").p, "z");
    assert_true(args_flag(&a, "--json"));
    buf_release(&error);
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        enum when direction;
        bool end;
        int64_t ms; /* 0: refused */
    } cases[] = {
        {"30d", WHEN_PAST, false, NOW - 30 * DAY_MS},
        {"90m", WHEN_FUTURE, false, NOW + 90 * 60000},
        {"2w", WHEN_FUTURE, true, NOW + 14 * DAY_MS},
        {"2026-09-21", WHEN_PAST, false, INT64_C(1789948800000)},
        {"2026-09-21", WHEN_PAST, true, INT64_C(1789948800000) + DAY_MS},
        {"2026-09-21T12:00:00Z", WHEN_PAST, true, INT64_C(1789948800000) + DAY_MS / 2},
        {"2026-9-21", WHEN_PAST, false, 0},
        {"30", WHEN_PAST, false, 0},
        {"d", WHEN_PAST, false, 0},
        {"-1d", WHEN_PAST, false, 0},
        {"9999999d", WHEN_PAST, false, 0},
        {"", WHEN_PAST, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ms = 0;
        bool good = when_parse(str_of(cases[i].text), NOW, cases[i].direction, cases[i].end, &ms);
        if (good != (cases[i].ms != 0) || (good && ms != cases[i].ms))
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
}

/* ---- the control socket ------------------------------------------------------------------- */

struct serving {
    struct fixture *f;
    struct ev_loop *loop;
    struct control *control;
    ev_async collect, stop;
    pthread_t thread;
};

static void on_wakeup(void *arg)
{
    struct serving *s = arg;
    ev_async_send(s->loop, &s->collect);
}

static void on_collect(struct ev_loop *loop, ev_async *w, int events)
{
    (void)loop;
    (void)events;
    store_collect(((struct serving *)w->data)->f->store);
}

static void on_stop(struct ev_loop *loop, ev_async *w, int events)
{
    (void)w;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void *loop_main(void *arg)
{
    ev_run(((struct serving *)arg)->loop, 0);
    return NULL;
}

static void serving_start(struct serving *s, struct fixture *f)
{
    s->f = f;
    s->loop = ev_loop_new(0);
    store_set_wakeup(f->store, on_wakeup, s);
    ev_async_init(&s->collect, on_collect);
    ev_async_init(&s->stop, on_stop);
    s->collect.data = s;
    ev_async_start(s->loop, &s->collect);
    ev_async_start(s->loop, &s->stop);
    s->control = control_new(s->loop, f->store, f->dir);
    assert_non_null(s->control);
    assert_int_equal(pthread_create(&s->thread, NULL, loop_main, s), 0);
}

static void serving_end(struct serving *s)
{
    ev_async_send(s->loop, &s->stop);
    pthread_join(s->thread, NULL);
    control_free(s->control);
    store_set_wakeup(s->f->store, NULL, NULL);
    ev_loop_destroy(s->loop);
}

static void ask(struct fixture *f, const char *a, const char *b, const char *c, struct run *r)
{
    char *argv[] = {(char *)a, (char *)b, (char *)c};
    struct buf out, err;
    struct admin_call call = {.argc = c ? 3 : 2, .argv = argv, .out = &out, .err = &err};
    buf_init(&out, 100000);
    buf_init(&err, 100000);
    assert_int_equal(control_ask(f->dir, &call), 0);
    r->code = call.code;
    snprintf(r->out, sizeof(r->out), "%.*s", STR_ARGS(buf_str(&out)));
    snprintf(r->err, sizeof(r->err), "%.*s", STR_ARGS(buf_str(&err)));
    buf_release(&out);
    buf_release(&err);
}

static void test_control_socket(void **state)
{
    struct fixture *f = *state;
    struct serving s = {0};
    struct run r;
    serving_start(&s, f);
    ask(f, "site", "add", "new.example", &r);
    assert_int_equal(r.code, EXIT_USAGE); /* two teams: which? */
    assert_non_null(strstr(r.err, "--team"));
    ask(f, "site", "list", NULL, &r);
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, "foreign.net"));
    /* Words of their own kind, and peers that end early, harm nobody. */
    static const char *const bad[] = {"", "L", "LFC1", "GET / HTTP/1.1\r\n\r\n",
                                      "LFC1\xff\xff\xff\xff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int fd = control_socket(f->dir, false);
        assert_true(fd >= 0);
        send(fd, bad[i], strlen(bad[i]), MSG_NOSIGNAL);
        close(fd);
    }
    /* A request whose words are not ended. */
    int fd = control_socket(f->dir, false);
    char answer[8];
    send(fd, "LFC1\0\0\0\4site", 12, MSG_NOSIGNAL);
    assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0);
    close(fd);
    ask(f, "client", "list", NULL, &r);
    assert_int_equal(r.code, 0);
    serving_end(&s);
    assert_int_equal(control_socket(f->dir, false), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_session_of_commands, setup_empty, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_rights_follow_at_once, setup_empty, fixture_teardown),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_times),
        cmocka_unit_test_setup_teardown(test_control_socket, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
