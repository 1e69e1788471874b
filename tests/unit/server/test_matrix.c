/*
 * test_matrix.c - who may do what where: every route of the server, every kind of caller, every way
 * of naming a site. The routes come from the router: one that has no row here fails the test.
 */
#include "tests/unit/server/api_store.h"
#include "tests/unit/server/matrix_rows.h"

#include "server/account.h"
#include "server/api_internal.h"
#include "server/api_realtime.h"

/* ---- what a caller may ---------------------------------------------------------------------- */

static bool allows(enum may may, unsigned permission)
{
    return may == MAY_BOTH || may == (permission == PERM_SITE_VIEW ? MAY_VIEW : MAY_WRITE);
}

static bool has_cookie(const struct caller *caller)
{
    return str_starts(str_of(caller->header), STR("Cookie"));
}

/* On routes of people a token is as good as none, whatever is asked for. */
static bool is_no_caller(const struct wanted *w, const struct caller *caller)
{
    return w->kind >= SELF && !has_cookie(caller);
}

/* A page of another site has sent it. */
static bool is_abroad(const struct caller *caller)
{
    return strstr(caller->header, "http://b") || strstr(caller->header, "cross-site");
}

/* By his instance role alone, on any site. A token's makes up for a grant, and not for exclusions.
 */
static bool allows_everywhere(const struct caller *caller, unsigned permission)
{
    bool small = permission == PERM_SITE_VIEW || permission == EXCLUDES;
    return has_cookie(caller) &&
           (caller->instance == INSTANCE_OWNER || (caller->instance == INSTANCE_ADMIN && small));
}

/* On the site that is his own: by rule A, or the third form, that of exclusions. */
static bool allows_there(const struct caller *caller, unsigned permission)
{
    if (permission == PERM_SITE_DELETE)
        return false;                        /* but to the instance's owner, see above */
    if (permission == PERM_SITE_MANAGE_TEAM) /* not a web server's token's */
        return caller->a == MAY_BOTH;
    if (permission == EXCLUDES)
        return caller->a == MAY_BOTH && (has_cookie(caller) || caller->instance == INSTANCE_USER);
    return allows(caller->a, permission);
}

static bool allows_on_server(const struct caller *caller, unsigned permission)
{
    if (permission == PERM_INSTANCE_MANAGE_USERS)
        return caller->instance == INSTANCE_OWNER;
    return caller->user && caller->instance >= INSTANCE_ADMIN;
}

static enum team_role role_in_main(const struct caller *caller)
{
    return has_cookie(caller) && caller->user ? people[caller->user - 1].in_team : TEAM_NONE;
}

/* ---- the world ------------------------------------------------------------------------------ */

#define OK(call) assert_int_equal(call, ADMIN_OK)

static void add_people(struct store_session *s, int64_t site)
{
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        int64_t id = 0;
        struct new_user user = {.name = str_of(people[i].name),
                                .instance_role = people[i].instance};
        OK(session_add_user(s, &user, &id));
        assert_int_equal(id, i + 1);
        if (people[i].in_team)
            OK(session_set_member(s, &(struct member){MAIN, id, people[i].in_team}));
        if (people[i].on_site)
            OK(session_set_site_role(s, &(struct site_role){site, id, people[i].on_site}));
    }
}

static int fill(struct store_session *s, void *arg)
{
    struct fixture *f = arg;
    int64_t id = 0;
    OK(session_add_team(s, STR("archived"), &id));
    add_people(s, f->site);
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        const struct caller *c = &callers[i];
        unsigned char hash[TOKEN_HASH_BYTES];
        const struct grant grant = {0, f->site, c->granted};
        struct new_client client = {
            .fields = {.name = str_of(c->name),
                       .instance_role = c->instance,
                       .expires_ms = strcmp(c->token, "expired") == 0 ? 1 : INT64_MAX,
                       .grants = &grant,
                       .n_grants = c->granted ? 1 : 0},
            .team = c->team,
            .user = c->user,
            .token_hash = hash};
        if (has_cookie(c) || (!c->team && !c->user))
            continue;
        assert_int_equal(sha256(str_of(c->token), hash), 0);
        OK(session_add_client(s, &client, &id));
        if (strcmp(c->token, "revoked") == 0)
            OK(session_revoke_client(s, id, true));
        if (c->team == OTHERS)
            OK(session_grant(s, &(struct grant){id, f->foreign, ROLE_OWNER}));
    }
    OK(session_archive_team(s, ARCHIVED, true));
    return 0;
}

/* Everybody in `people` logs in; then one of them is disabled. */
static int log_in(struct store_session *s, void *arg)
{
    struct logins *logins = arg;
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        char token[80];
        struct login login = {.user = (int64_t)i + 1, .expires_ms = INT64_MAX};
        login.used_ms = login.created_ms = api_now_ms();
        snprintf(token, sizeof(token), "c-%s", people[i].name);
        assert_int_equal(sha256(str_of(token), login.hash), 0);
        OK(session_add_login(s, &login));
        assert_int_equal(logins_add(logins, &login), 0);
    }
    OK(session_disable_user(s, DISABLED, true));
    return 0;
}

static int setup_matrix(void **state)
{
    if (setup(state))
        return -1;
    struct bench *b = *state;
    realtime_free(b->api->realtime);
    b->api->realtime = realtime_new(b->loop, 1, 4);
    return fixture_call(b->fixture->store, fill, b->fixture) ||
           fixture_call(b->fixture->store, log_in, b->api->account->logins);
}

/* ---- asking --------------------------------------------------------------------------------- */

struct question {
    const char *method;
    struct str path;
    const struct caller *caller;
    struct str body;
};

/* The status; the whole answer stays in `text`. */
static int ask(struct bench *b, const struct question *q, struct buf *text)
{
    struct probe p;
    struct buf request;
    buf_init(&request, 1u << 16);
    buf_printf(&request, "%s %.*s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", q->method,
               STR_ARGS(q->path));
    ptrdiff_t at = str_find(str_of(q->caller->header), STR("%s"), 0);
    buf_put(&request, q->caller->header, (size_t)at);
    buf_printf(&request, "%s%s", q->caller->token, q->caller->header + at + 2);
    if (q->body.n)
        buf_printf(&request, "Content-Length: %zu\r\n", q->body.n);
    buf_printf(&request, "\r\n%.*s", STR_ARGS(q->body));
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, buf_str(&request));
    assert_true(probe_await_close(&p));
    buf_reset(text);
    buf_put_str(text, str_of(probe_text(&p)));
    probe_close(&p);
    buf_release(&request);
    assert_true(text->n > 12);
    return (text->p[9] - '0') * 100 + (text->p[10] - '0') * 10 + (text->p[11] - '0');
}

/* "{id}" becomes the name of the site; what else is in braces, an id that is not there. */
static void put_path(struct buf *path, const char *pattern, const char *name)
{
    struct str rest = str_of(pattern);
    buf_reset(path);
    for (ptrdiff_t at; (at = str_chr(rest, '{', 0)) >= 0;) {
        ptrdiff_t end = str_chr(rest, '}', 0);
        bool is_id = str_eq(str_slice(rest, (size_t)at, (size_t)end + 1), STR("{id}"));
        buf_put(path, rest.p, (size_t)at);
        buf_put_str(path, is_id ? str_of(name) : STR("00000000-0000-4000-8000-000000000001"));
        rest = str_slice(rest, (size_t)end + 1, rest.n);
    }
    buf_put_str(path, rest);
}

/* "%s" and "%u" of a body. */
static void put_body(struct buf *body, const char *text, const char *host)
{
    static unsigned n;
    struct str rest = str_of(text);
    buf_reset(body);
    while (str_is_set(rest) && rest.n) {
        ptrdiff_t at = str_chr(rest, '%', 0);
        size_t upto = at < 0 ? rest.n : (size_t)at;
        buf_put(body, rest.p, upto);
        if (at >= 0 && rest.p[at + 1] == 's')
            buf_put_str(body, str_of(host));
        else if (at >= 0) /* %012u: every batch has an id of its own */
            buf_printf(body, "%012u", ++n);
        upto += at < 0 ? 0 : rest.p[at + 1] == 's' ? 2 : 5;
        rest = str_slice(rest, upto, rest.n);
    }
}

/* ---- the ways of naming a site -------------------------------------------------------------- */

enum where { OWN, ELSEWHERE, NO_ID, NO_ROUTE };
struct form {
    const char *name;
    enum where where;
    char text[80];
};

static void put_encoded(char out[80], const char *uuid)
{
    /* all of it percent-encoded would be legal, too; a dash and a digit show it */
    snprintf(out, 80, "%%%02x%.7s%%2D%s", uuid[0], uuid + 1, uuid + 9);
}

static size_t forms_of(struct bench *b, struct form forms[10])
{
    struct rights *r = store_rights(b->fixture->store);
    const char *own = rights_site_by_id(r, b->fixture->site)->uuid_text;
    struct form all[] = {{"own", OWN, ""},
                         {"upper case", OWN, ""},
                         {"encoded", OWN, ""},
                         {"urn", OWN, ""},
                         {"another one", ELSEWHERE, ""},
                         {"another tenant's", ELSEWHERE, ""},
                         {"not there", ELSEWHERE, "00000000-0000-4000-8000-000000000000"},
                         {"no id", NO_ID, "example.com"},
                         {"double slash", NO_ROUTE, ""},
                         {"dots", NO_ROUTE, ""}};
    snprintf(all[0].text, 80, "%s", own);
    for (size_t i = 0; own[i]; i++)
        all[1].text[i] = own[i] >= 'a' && own[i] <= 'z' ? (char)(own[i] - 32) : own[i];
    put_encoded(all[2].text, own);
    snprintf(all[3].text, 80, "urn:uuid:%s", own);
    snprintf(all[4].text, 80, "%s", rights_site_by_id(r, b->fixture->second)->uuid_text);
    snprintf(all[5].text, 80, "%s", rights_site_by_id(r, b->fixture->foreign)->uuid_text);
    snprintf(all[8].text, 80, "/%s", own);
    snprintf(all[9].text, 80, "./%s", own);
    memcpy(forms, all, sizeof(all));
    rights_release(r);
    return COUNT_OF(all);
}

/* ---- the rows of the matrix ----------------------------------------------------------------- */

struct check {
    struct bench *b;
    struct buf path, body, answer;
    unsigned asked;
    int second; /* records for the main team's second site */
};

static void want(struct check *c, const struct wanted *w, const struct caller *caller,
                 const char *site, int status, const char *text)
{
    struct question q = {w->method, buf_str(&c->path), caller, buf_str(&c->body)};
    int got = ask(c->b, &q, &c->answer);
    c->asked++;
    if (got != status || !strstr(buf_cstr(&c->answer), text))
        fail_msg("%s %s, %s, site %s: wanted %d %s, got: %s", w->method, w->pattern, caller->name,
                 site, status, text, buf_cstr(&c->answer));
}

/* Another site's page changes nothing in a person's name. False: that was it. */
static bool check_origin(struct check *c, const struct wanted *w, const struct caller *caller)
{
    bool ours =
        !is_abroad(caller) || w->kind == HOST || w->kind == BATCH || strcmp(w->method, "GET") == 0;
    put_path(&c->path, w->pattern, "00000000-0000-4000-8000-000000000001");
    put_body(&c->body, w->body, "example.com");
    if (!ours)
        want(c, w, caller, "-", 404, "\r\n\r\nNot found\n");
    return ours;
}

static void check_site_route(struct check *c, const struct wanted *w, const struct caller *caller)
{
    struct form forms[10];
    size_t n = forms_of(c->b, forms);
    bool everywhere = allows_everywhere(caller, w->by);
    for (size_t i = 0; i < n; i++) {
        bool there = strcmp(forms[i].name, "not there") != 0;
        bool of_team =
            strcmp(forms[i].name, "another one") == 0 && role_in_main(caller) >= TEAM_ADMIN;
        bool tenant = caller->team == OTHERS && strcmp(forms[i].name, "another tenant's") == 0;
        put_path(&c->path, w->pattern, forms[i].text);
        /* The host of a fetch is another site's: its path decides. */
        put_body(&c->body, w->body, "foreign.net");
        if (forms[i].where == NO_ROUTE)
            want(c, w, caller, forms[i].name, 404, "404 page not found\n");
        else if (caller->a == SHUT)
            want(c, w, caller, forms[i].name, 401, "Unauthorized\n");
        else if (forms[i].where == NO_ID)
            want(c, w, caller, forms[i].name, 400, "invalid site ID\n");
        else if ((everywhere || tenant || caller->instance == INSTANCE_OWNER) && there &&
                 w->by == PERM_SITE_DELETE)
            continue;                             /* the others are still to be asked about it */
        else if (tenant || (everywhere && there)) /* to whom it is its own */
            want(c, w, caller, forms[i].name, w->status, "");
        else if ((forms[i].where == ELSEWHERE && !of_team) || caller->a == NOTHING)
            want(c, w, caller, forms[i].name, 403,
                 w->by == EXCLUDES && has_cookie(caller) ? "Forbidden\n" : "Access denied\n");
        else if (!allows_there(caller, w->by))
            want(c, w, caller, forms[i].name, 403, "Forbidden\n");
        else
            want(c, w, caller, forms[i].name, w->status, "");
        c->second += w->status == 202 && i == 4 && caller->a != SHUT && (everywhere || of_team);
    }
}

/* One answer for "not yours" and "not there". */
static void check_host_route(struct check *c, const struct wanted *w, const struct caller *caller)
{
    static const char *const hosts[] = {"example.com", "EXAMPLE.com:443", "example.org",
                                        "foreign.net", "nowhere.example"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        bool mine = i < 2 ? allows(caller->b, w->by) : i == 3 && caller->team == OTHERS;
        put_path(&c->path, w->pattern, "");
        put_body(&c->body, w->body, hosts[i]);
        if (caller->b == SHUT)
            want(c, w, caller, hosts[i], 401, "Unauthorized\n");
        else if (w->kind == HOST && mine)
            want(c, w, caller, hosts[i], w->status, "");
        else if (w->kind == HOST)
            want(c, w, caller, hosts[i], 403, "Access denied\n");
        else
            want(c, w, caller, hosts[i], 200,
                 mine ? "\"rejected\":[]"
                      : "\"rejected\":[{\"line\":2,\"status\":403,\"error\":\"Access denied\"}]");
    }
}

static void check_team_route(struct check *c, const struct wanted *w, const struct caller *caller)
{
    struct rights *r = store_rights(c->b->fixture->store);
    const char *const teams[] = {rights_team_by_id(r, MAIN)->uuid_text,
                                 rights_team_by_id(r, OTHERS)->uuid_text,
                                 "00000000-0000-4000-8000-000000000000", "main"};
    for (size_t i = 0; i < COUNT_OF(teams); i++) {
        put_path(&c->path, w->pattern, teams[i]);
        put_body(&c->body, w->body, "");
        if (caller->a == SHUT)
            want(c, w, caller, teams[i], 401, "Unauthorized\n");
        else if (i == 3)
            want(c, w, caller, teams[i], 400, "Invalid team ID\n");
        else if (i > 0 || role_in_main(caller) < w->by)
            want(c, w, caller, teams[i], 403, "Access denied\n");
        else
            want(c, w, caller, teams[i], w->status, "");
    }
    rights_release(r);
}

/* Those that name neither site nor team. */
static void check_plain_route(struct check *c, const struct wanted *w, const struct caller *caller)
{
    bool open = w->kind == OPEN || w->kind == OUT;
    put_path(&c->path, w->pattern, "00000000-0000-4000-8000-000000000001");
    put_body(&c->body, w->body, "");
    if (w->kind == OUT && has_cookie(caller) && caller->a != SHUT)
        return; /* still to be asked */
    if (!open && (caller->a == SHUT || is_no_caller(w, caller)))
        want(c, w, caller, "-", 401, "Unauthorized\n");
    else if (w->kind == ANY_TEAM && role_in_main(caller) < w->by)
        want(c, w, caller, "-", 403, "Access denied\n");
    else if ((w->kind == SERVER || w->kind == PERSONS_SERVER) && !allows_on_server(caller, w->by))
        want(c, w, caller, "-", 403, "Forbidden\n");
    else
        want(c, w, caller, "-", w->status, "");
}

static void check_route(struct check *c, const struct wanted *w)
{
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        const struct caller *caller = &callers[i];
        if (!check_origin(c, w, caller))
            continue;
        if (is_no_caller(w, caller))
            check_plain_route(c, w, caller);
        else if (w->kind == SITE || w->kind == PERSONS_SITE)
            check_site_route(c, w, caller);
        else if (w->kind == HOST || w->kind == BATCH)
            check_host_route(c, w, caller);
        else if (w->kind == TEAM)
            check_team_route(c, w, caller);
        else
            check_plain_route(c, w, caller);
    }
}

static const struct wanted *find(const struct route *route)
{
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (strcmp(wanted[i].pattern, route->pattern) == 0 &&
            strcmp(wanted[i].method, route_method_name(route->method)) == 0)
            return &wanted[i];
    fail_msg("%s %s: say in matrix_rows.h who may", route_method_name(route->method),
             route->pattern);
    return NULL;
}

static void test_every_route(void **state)
{
    struct check c = {.b = *state};
    size_t routes = 0;
    buf_init(&c.path, 1000);
    buf_init(&c.body, 10000);
    buf_init(&c.answer, 8u << 20);
    for (size_t t = 0; t < c.b->router.n; t++) {
        for (size_t i = 0; i < c.b->router.tables[t].n; i++, routes++)
            check_route(&c, find(&c.b->router.tables[t].routes[i]));
    }
    assert_int_equal(routes, COUNT_OF(wanted));
    print_message("%u requests\n", c.asked);
    /* Nothing was stored but by who may. */
    static const char second[] = "SELECT count(*) FROM records WHERE id >> 24 IN"
                                 " (SELECT id FROM lanes WHERE site = 2)";
    assert_int_equal(number(c.b->fixture, second), c.second);
    buf_release(&c.path);
    buf_release(&c.body);
    buf_release(&c.answer);
}

/* ---- tenants do not touch each other -------------------------------------------------------- */

static const struct caller *named(const char *token)
{
    for (size_t i = 0; i < COUNT_OF(callers); i++)
        if (strcmp(callers[i].token, token) == 0 && (callers[i].team || callers[i].user))
            return &callers[i];
    fail_msg("%s", token);
    return NULL;
}

static void send_batch(struct bench *b, const char *token, struct str body, const char *answer)
{
    struct buf text;
    struct question q = {"POST", STR("/api/ingest/server/batch"), named(token), body};
    buf_init(&text, 1u << 16);
    int status = ask(b, &q, &text);
    if (status != 200 || !strstr(buf_cstr(&text), answer))
        fail_msg("%s: %s", token, buf_cstr(&text));
    buf_release(&text);
}

/* The same batch id, stream id, position, hash and node name, from three owners. */
static void test_tenants_are_apart(void **state)
{
    struct bench *b = *state;
    struct buf mine, theirs;
    buf_init(&mine, 10000);
    buf_init(&theirs, 10000);
    put_body(&mine, BATCH_OF_ONE, "example.com");
    put_body(&theirs, BATCH_OF_ONE, "foreign.net");
    ptrdiff_t id = str_find(buf_str(&mine), STR("8def-"), 0);
    memcpy(theirs.p + id, mine.p + id, 17);
    send_batch(b, "tenant", buf_str(&theirs), "\"stored\":1,\"duplicate\":0");
    send_batch(b, "right", buf_str(&mine), "\"stored\":1,\"duplicate\":0");
    /* a person is an owner of his own: his id is new, the site's record is there */
    send_batch(b, "own", buf_str(&mine), "\"stored\":0,\"duplicate\":1");
    /* each gets its own answer again */
    send_batch(b, "tenant", buf_str(&theirs), "\"stored\":1,\"duplicate\":0");
    send_batch(b, "right", buf_str(&mine), "\"stored\":1,\"duplicate\":0");
    send_batch(b, "own", buf_str(&mine), "\"stored\":0,\"duplicate\":1");
    const struct fixture *f = b->fixture;
    assert_int_equal(number(f, "SELECT count(*) FROM batches"), 3);
    assert_int_equal(number(f, "SELECT count(*) FROM nodes WHERE name = 'n'"), 3);
    assert_int_equal(number(f, "SELECT count(*) FROM nodes WHERE team = -1"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM records"), 2);
    assert_int_equal(number(f, "SELECT sum(lines) FROM intervals WHERE team = 1"), 1);
    buf_release(&mine);
    buf_release(&theirs);
}

/* ---- the list of sites ----------------------------------------------------------------------- */

/* What a token was granted, as far as its owner goes by now; all, for who may view all sites; in
 * the overview what may be viewed. */
static void test_the_list_of_sites(void **state)
{
    static const struct {
        const char *token, *role; /* on example.com, which is not in the list without one */
    } cases[] = {
        {"right", "admin"},    {"viewer", "viewer"}, {"ingest", "ingest"}, {"own", "admin"},
        {"demoted", "viewer"}, {"gone", NULL},       {"high", "viewer"},   {"lord's", "viewer"},
        {"reach", NULL},       {"c-admin", "admin"}, {"c-gone", NULL},     {"c-watcher", "viewer"},
    };
    struct bench *b = *state;
    struct buf text;
    struct rights *r = store_rights(b->fixture->store);
    char id[64];
    snprintf(id, sizeof(id), "{\"site_id\":\"%s\"",
             rights_site_by_id(r, b->fixture->site)->uuid_text);
    rights_release(r);
    buf_init(&text, 1u << 16);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char role[40];
        struct question q = {"GET", STR("/api/sites"), named(cases[i].token), STR("")};
        assert_int_equal(ask(b, &q, &text), 200);
        const char *site = strstr(buf_cstr(&text), "\"domain\":\"example.com\"");
        snprintf(role, sizeof(role), "\"role\":\"%s\"}", cases[i].role ? cases[i].role : "");
        if ((site != NULL) != (cases[i].role != NULL) || (site && !strstr(site, role)))
            fail_msg("%s: %s", cases[i].token, buf_cstr(&text));
        q.path = STR("/api/sites/overview");
        assert_int_equal(ask(b, &q, &text), 200);
        bool views = cases[i].role && strcmp(cases[i].role, "ingest") != 0;
        if ((strstr(buf_cstr(&text), id) != NULL) != views)
            fail_msg("%s: %s", cases[i].token, buf_cstr(&text));
    }
    buf_release(&text);
}

/* ---- a grant that is taken away ------------------------------------------------------------- */

static int take_grants(struct store_session *s, void *arg)
{
    const struct fixture *f = arg;
    const struct client *clients;
    size_t n = rights_clients(session_rights(s), &clients);
    int64_t ids[COUNT_OF(callers) + 1];
    assert_true(n <= COUNT_OF(ids));
    for (size_t i = 0; i < n; i++)
        ids[i] = clients[i].id;
    for (size_t i = 0; i < n; i++) {
        enum admin_result result = session_ungrant(s, ids[i], f->site);
        assert_true(result == ADMIN_OK || result == ADMIN_NONE);
    }
    return 0;
}

/* From the next request on: no cache stands between. */
static void test_a_grant_ends_at_once(void **state)
{
    struct check c = {.b = *state};
    buf_init(&c.path, 1000);
    buf_init(&c.body, 10000);
    buf_init(&c.answer, 8u << 20);
    static const struct route route = {ROUTE_POST, "/api/ingest/server/pageview", 0, NULL, NULL};
    const struct wanted *page = find(&route);
    put_path(&c.path, page->pattern, "");
    put_body(&c.body, page->body, "example.com");
    want(&c, page, named("right"), "example.com", 202, "");
    assert_int_equal(fixture_call(c.b->fixture->store, take_grants, c.b->fixture), 0);
    want(&c, page, named("right"), "example.com", 403, "Access denied\n");
    want(&c, page, named("demoted"), "example.com", 403, "Access denied\n");
    buf_release(&c.path);
    buf_release(&c.body);
    buf_release(&c.answer);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_matrix, teardown)
    const struct CMUnitTest tests[] = {
        T(test_every_route),
        T(test_tenants_are_apart),
        T(test_the_list_of_sites),
        T(test_a_grant_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
