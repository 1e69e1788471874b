/*
 * test_matrix.c - who may do what where: every route of the server, every kind of caller, every way
 * of naming a site. The routes come from the router: one that has no row here fails the test.
 */
#include "tests/unit/server/api_store.h"

/* ---- what each route wants ------------------------------------------------------------------ */

enum kind {
    OPEN,   /* nobody's token is looked at */
    LIST,   /* any good token */
    PERSON, /* a session's cookie: no token will do */
    SITE,   /* names a site in its path: rule A */
    HOST,   /* names it by the host of what it brings: rule B */
    BATCH,  /* the same, record by record */
};

struct wanted {
    const char *method, *pattern;
    enum kind kind;
    enum permission permission;
    int status; /* when it is allowed */
    const char *body;
};

#define WEB                                                                                        \
    "\"timestamp\":\"2026-11-03T12:00:00Z\",\"visitor_ip\":\"192.0.2.1\",\"user_agent\":"          \
    "\"Firefox\""
#define FETCH                                                                                      \
    "{\"path\":\"/\",\"hostname\":\"%s\",\"status_code\":200,\"user_agent\":\"GPTBot/1.2\"}"
#define VIEW(more) "{\"url\":\"https://%s/\"," WEB more "}"
#define BATCH_OF_ONE                                                                               \
    "{\"v\":1,\"batch\":\"0192f0c1-7d3e-7abc-8def-%012u\",\"agent\":\"t\",\"node\":\"n\",\"job\":" \
    "null,\"streams\":[{\"id\":\"000102030405060708090a0b0c0d0e0f\",\"from\":0,\"to\":10,"         \
    "\"lines\":1,\"records\":1,\"skipped\":{}}],\"user_agents\":[]}\n{\"k\":\"pageview\",\"at\":"  \
    "0,\"h\":\"0000000a\",\"url\":\"https://%s/\"," WEB "}\n"

#define VIEWS PERM_SITE_VIEW
#define WRITES PERM_SITE_MANAGE_DATA
#define READ(path)                                                                                 \
    {                                                                                              \
        "GET", "/api/sites/{id}/" path, SITE, VIEWS, 200, NULL                                     \
    }
static const struct wanted wanted[] = {
    {"GET", "/healthz", OPEN, 0, 200, NULL},
    {"GET", "/readyz", OPEN, 0, 200, NULL},
    {"GET", "/api/ingest/server/capabilities", OPEN, 0, 200, NULL},
    {"GET", "/api/ai-agents", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/versions", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/v1/openapi.json", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/reference.js", OPEN, 0, 200, NULL},
    {"GET", "/api/docs/reference.css", OPEN, 0, 200, NULL},
    {"GET", "/api/sites", LIST, 0, 200, NULL},
    {"GET", "/api/status", OPEN, 0, 200, NULL},
    {"POST", "/api/initial-user", OPEN, 0, 403, "{}"}, /* is not asked for in the configuration */
    {"POST", "/api/login", OPEN, 0, 400, "[]"},
    {"POST", "/api/logout", OPEN, 0, 204, "{}"},
    {"POST", "/api/sites", PERSON, 0, 0, "{}"},
    {"DELETE", "/api/sites/{id}", PERSON, 0, 0, NULL},
    {"POST", "/api/sites/{id}/aliases", PERSON, 0, 0, "{}"},
    {"DELETE", "/api/sites/{id}/aliases", PERSON, 0, 0, "{}"},
    READ("ai-fetch/overview"),
    READ("ai-fetch/timeseries"),
    READ("ai-fetch/correlation"),
    READ("ai-fetch/export"),
    READ("stats"),
    READ("hits"),
    READ("hits/export"),
    {"GET", "/api/sites/{id}/exclusions", SITE, PERM_SITE_MANAGE_TEAM, 200, NULL},
    {"POST", "/api/sites/{id}/exclusions", SITE, PERM_SITE_MANAGE_TEAM, 400, "[]"},
    {"DELETE", "/api/sites/{id}/exclusions/{exclusionId}", SITE, PERM_SITE_MANAGE_TEAM, 404, NULL},
    {"POST", "/api/sites/{id}/ingest/ai-fetch", SITE, WRITES, 202, FETCH},
    {"POST", "/api/ingest/server/pageview", HOST, WRITES, 202, VIEW("")},
    {"POST", "/api/ingest/server/event", HOST, WRITES, 202, VIEW(",\"name\":\"e\"")},
    {"POST", "/api/ingest/server/batch", BATCH, WRITES, 200, BATCH_OF_ONE},
    {"POST", "/api/ingest/server/verify", BATCH, WRITES, 200, BATCH_OF_ONE},
};

/* ---- who asks ------------------------------------------------------------------------------- */

/* What is left of it on example.com. */
enum may { SHUT, NOTHING, TOO_SMALL, MAY_VIEW, MAY_WRITE, MAY_BOTH };
#define MAIN 1
#define OTHERS 2
#define ARCHIVED 3
enum { NO_ONE, ADMIN_USER, DEMOTED, GONE, DISABLED, OWNER };

static const struct caller {
    const char *name, *header, *token; /* the header: %s is the token */
    int64_t team, user;
    enum role granted;
    enum instance_role instance;
    enum may a, b; /* by rule A, by rule B */
} callers[] = {
    {"no token", "X-Nothing: %s\r\n", "x", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"malformed", "Authorization: Bearer %s\r\n", "lf_ 1", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"another scheme", "Authorization: Basic %s\r\n", "right", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"unknown", "Authorization: Bearer %s\r\n", "unknown", 0, 0, ROLE_NONE, 0, SHUT, SHUT},
    {"revoked", "Authorization: Bearer %s\r\n", "revoked", MAIN, 0, ROLE_OWNER, 0, SHUT, SHUT},
    {"expired", "Authorization: Bearer %s\r\n", "expired", MAIN, 0, ROLE_OWNER, 0, SHUT, SHUT},
    {"of an archived team", "Authorization: Bearer %s\r\n", "archived", ARCHIVED, 0, ROLE_NONE, 0,
     SHUT, SHUT},
    {"of a disabled person", "Authorization: Bearer %s\r\n", "disabled", 0, DISABLED, ROLE_OWNER, 0,
     SHUT, SHUT},
    {"another tenant's", "Authorization: Bearer %s\r\n", "tenant", OTHERS, 0, ROLE_NONE, 0, NOTHING,
     NOTHING},
    {"another tenant's with a grant that does not count", "Authorization: Bearer %s\r\n", "reach",
     OTHERS, 0, ROLE_OWNER, 0, NOTHING, NOTHING},
    {"right", "authorization: bEARER  %s\r\n", "right", MAIN, 0, ROLE_ADMIN, 0, MAY_BOTH,
     MAY_WRITE},
    {"by X-Api-Key", "X-Api-Key: %s\r\n", "right", 0, 0, ROLE_NONE, 0, MAY_BOTH, MAY_WRITE},
    {"view only", "Authorization: Bearer %s\r\n", "viewer", MAIN, 0, ROLE_VIEWER, 0, MAY_VIEW,
     TOO_SMALL},
    {"ingest only", "Authorization: Bearer %s\r\n", "ingest", MAIN, 0, ROLE_INGEST, 0, MAY_WRITE,
     MAY_WRITE},
    {"a person's", "Authorization: Bearer %s\r\n", "own", 0, ADMIN_USER, ROLE_ADMIN, 0, MAY_BOTH,
     MAY_WRITE},
    {"of a person who is viewer now", "Authorization: Bearer %s\r\n", "demoted", 0, DEMOTED,
     ROLE_ADMIN, 0, MAY_VIEW, MAY_WRITE},
    {"of a person without access", "Authorization: Bearer %s\r\n", "gone", 0, GONE, ROLE_ADMIN, 0,
     NOTHING, MAY_WRITE},
    {"an instance owner's, granted view", "Authorization: Bearer %s\r\n", "high", 0, OWNER,
     ROLE_VIEWER, INSTANCE_OWNER, MAY_BOTH, TOO_SMALL},
};

static bool allows(enum may may, enum permission permission)
{
    return may == MAY_BOTH || may == (permission == PERM_SITE_VIEW ? MAY_VIEW : MAY_WRITE);
}

/* By rule A; and by the third form, that of exclusions, for which no instance role makes up. */
static bool allows_there(const struct caller *caller, enum permission permission)
{
    if (permission == PERM_SITE_MANAGE_TEAM)
        return caller->a == MAY_BOTH && caller->instance == INSTANCE_USER;
    return allows(caller->a, permission);
}

/* ---- the world ------------------------------------------------------------------------------ */

#define OK(call) assert_int_equal(call, ADMIN_OK)

static void add_people(struct store_session *s, int64_t site)
{
    static const struct {
        const char *name;
        enum instance_role instance;
        enum team_role in_team;
        enum role on_site;
    } people[] = {{"admin", INSTANCE_USER, TEAM_ADMIN, ROLE_NONE},
                  {"demoted", INSTANCE_USER, TEAM_MEMBER, ROLE_VIEWER},
                  {"gone", INSTANCE_USER, TEAM_MEMBER, ROLE_NONE},
                  {"disabled", INSTANCE_USER, TEAM_OWNER, ROLE_NONE},
                  {"owner", INSTANCE_OWNER, TEAM_OWNER, ROLE_NONE}};
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        int64_t id = 0;
        struct new_user user = {.name = str_of(people[i].name),
                                .instance_role = people[i].instance};
        OK(session_add_user(s, &user, &id));
        OK(session_set_member(s, &(struct member){MAIN, id, people[i].in_team}));
        if (people[i].on_site)
            OK(session_set_site_role(s, &(struct site_role){site, id, people[i].on_site}));
    }
    OK(session_disable_user(s, DISABLED, true));
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
        if (!c->team && !c->user)
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

static int setup_matrix(void **state)
{
    if (setup(state))
        return -1;
    struct bench *b = *state;
    return fixture_call(b->fixture->store, fill, b->fixture);
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

static void check_site_route(struct check *c, const struct wanted *w, const struct caller *caller)
{
    struct form forms[10];
    size_t n = forms_of(c->b, forms);
    for (size_t i = 0; i < n; i++) {
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
        else if (tenant) /* to whom it is its own */
            want(c, w, caller, forms[i].name, w->status, "");
        else if (forms[i].where == ELSEWHERE || caller->a == NOTHING)
            want(c, w, caller, forms[i].name, 403, "Access denied\n");
        else if (!allows_there(caller, w->permission))
            want(c, w, caller, forms[i].name, 403, "Forbidden\n");
        else
            want(c, w, caller, forms[i].name, w->status, "");
    }
}

/* One answer for "not yours" and "not there". */
static void check_host_route(struct check *c, const struct wanted *w, const struct caller *caller)
{
    static const char *const hosts[] = {"example.com", "EXAMPLE.com:443", "example.org",
                                        "foreign.net", "nowhere.example"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        bool mine = i < 2 ? allows(caller->b, w->permission) : i == 3 && caller->team == OTHERS;
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

static void check_route(struct check *c, const struct wanted *w)
{
    for (size_t i = 0; i < COUNT_OF(callers); i++) {
        if (w->kind == SITE) {
            check_site_route(c, w, &callers[i]);
        } else if (w->kind == HOST || w->kind == BATCH) {
            check_host_route(c, w, &callers[i]);
        } else if (w->kind == PERSON) {
            put_path(&c->path, w->pattern, "00000000-0000-4000-8000-000000000001");
            put_body(&c->body, w->body, "");
            want(c, w, &callers[i], "-", 401, "Unauthorized\n");
        } else {
            bool shut = w->kind == LIST && callers[i].a == SHUT;
            put_path(&c->path, w->pattern, "");
            put_body(&c->body, w->body, "");
            want(c, w, &callers[i], "-", shut ? 401 : w->status, shut ? "Unauthorized\n" : "");
        }
    }
}

/* What is below these is a person's: a row for each would say the same. */
static const struct wanted *find_person_s(const struct route *route, struct wanted *room)
{
    struct str pattern = str_of(route->pattern);
    *room = (struct wanted){
        .method = route_method_name(route->method), .pattern = route->pattern, .kind = PERSON};
    room->body = route->max_body ? "{}" : NULL;
    return str_starts(pattern, STR("/api/user")) || str_starts(pattern, STR("/api/admin/")) ? room
                                                                                            : NULL;
}

static const struct wanted *find(const struct route *route, struct wanted *room)
{
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (strcmp(wanted[i].pattern, route->pattern) == 0 &&
            strcmp(wanted[i].method, route_method_name(route->method)) == 0)
            return &wanted[i];
    return find_person_s(route, room);
}

static void test_every_route(void **state)
{
    struct check c = {.b = *state};
    size_t routes = 0;
    buf_init(&c.path, 1000);
    buf_init(&c.body, 10000);
    buf_init(&c.answer, 8u << 20);
    for (size_t t = 0; t < c.b->router.n; t++) {
        for (size_t i = 0; i < c.b->router.tables[t].n; i++, routes++) {
            const struct route *route = &c.b->router.tables[t].routes[i];
            struct wanted room;
            const struct wanted *w = find(route, &room);
            if (!w)
                fail_msg("%s %s: say in this test who may", route_method_name(route->method),
                         route->pattern);
            check_route(&c, w);
        }
    }
    assert_true(routes >= 9);
    print_message("%u requests\n", c.asked);
    /* Nothing was stored but by who may. */
    assert_int_equal(number(c.b->fixture, "SELECT count(*) FROM lanes WHERE site = 2"), 0);
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
    struct wanted room;
    const struct wanted *page = find(&route, &room);
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
        T(test_a_grant_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
