/*
 * api_login.c - how people come in: the first one, a login, a new password.
 *
 * A password is hashed on a thread of its own; what follows is done on the store's writer, and then
 * the browser gets its cookie. An address pays the limiter before anything is looked at. Calls,
 * messages and answers are HitKeep's; a body is read as leniently as there, but for a reset, which
 * is ours.
 */
#include <stdlib.h>

#include "server/account.h"
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/cookie.h"
#include "server/go_text.h"
#include "server/password.h"

#define NAME_MAX_BYTES 120 /* of each of the first person's names */

enum entry_kind {
    ENTRY_LOGIN,
    ENTRY_FIRST,
    ENTRY_PASSWORD, /* one's own */
    ENTRY_RESET,    /* another's: nobody gets in by it */
};

struct entry_body {
    struct str email, given_name, last_name, password, fresh;
    bool remember; /* taken and not looked at: a login lasts as long as it lasts */
};

/* One request, from its body to its cookie. Its texts borrow from the request and from scratch. */
struct entry {
    enum entry_kind kind;
    struct api *api;
    struct http_request *req;
    struct entry_body body;
    struct rights *rights;   /* of when it came: `user` is in it */
    const struct user *user; /* whose password it is */
    int64_t asker;           /* who resets it */
    struct work work;
    bool matches;         /* the password is the user's */
    struct buf hash;      /* of the new one */
    struct store_job job; /* then */
    int64_t now_ms;
    int status; /* not 0: refused with it and `message` */
    const char *message;
    char token[TOKEN_LENGTH + 1];
    struct login login;
    struct buf scratch, answer;
};

static void entry_free(struct entry *e)
{
    if (e->scratch.p)
        secret_wipe(e->scratch.p, e->scratch.cap);
    if (e->answer.p)
        secret_wipe(e->answer.p, e->answer.cap);
    secret_wipe(e->token, sizeof(e->token));
    rights_release(e->rights);
    buf_release(&e->scratch);
    buf_release(&e->answer);
    buf_release(&e->hash);
    free(e);
}

static void refuse(struct entry *e, int status, const char *message)
{
    http_error(e->req, status, message);
    entry_free(e);
}

/* ---- on the writer ------------------------------------------------------------------------- */

static void fail(struct entry *e, int status, const char *message)
{
    e->status = status;
    e->message = message;
}

/* The owner that `init` has noted, else a new one with a team. 0: failed. */
static int64_t first_user(struct entry *e, struct store_session *session,
                          const struct rights *rights)
{
    const struct user *users;
    size_t n = rights_users(rights, &users);
    for (size_t i = 0; i < n; i++) {
        int64_t id = users[i].id;
        if (users[i].instance_role == INSTANCE_OWNER && !users[i].disabled_ms)
            return session_set_email(session, id, e->body.email) == ADMIN_OK ? id : 0;
    }
    struct str given = go_trim(e->body.given_name), last = go_trim(e->body.last_name);
    struct buf name;
    buf_init(&name, API_SINGLE_BODY_MAX);
    buf_printf(&name, "%.*s%s%.*s", STR_ARGS(given), given.n && last.n ? " " : "", STR_ARGS(last));
    struct new_user user = {.name = name.n ? buf_str(&name) : e->body.email,
                            .email = e->body.email,
                            .instance_role = INSTANCE_OWNER};
    struct member member = {.role = TEAM_OWNER};
    enum admin_result added = session_add_user(session, &user, &member.user);
    buf_release(&name);
    if (added != ADMIN_OK || session_add_team(session, STR("main"), &member.team) != ADMIN_OK ||
        session_set_member(session, &member) != ADMIN_OK)
        return 0;
    return member.user;
}

static int64_t make_first(struct entry *e, struct store_session *session)
{
    const struct rights *rights = session_rights(session);
    if (!rights)
        return 0;
    if (api_anybody_can_log_in(rights)) {
        fail(e, 403, "Setup has already been completed.");
        return 0;
    }
    int64_t id = first_user(e, session, rights);
    bool good = id && session_set_password(session, id, buf_str(&e->hash)) == ADMIN_OK;
    return good ? id : 0;
}

/* 0 with status 0: done, and that is all. */
static int reset_password(struct entry *e, struct store_session *session)
{
    const struct rights *rights = session_rights(session);
    const struct user *asker = rights ? rights_user_by_id(rights, e->asker) : NULL;
    if (!asker || asker->disabled_ms ||
        !permits(instance_permissions(asker->instance_role), PERM_INSTANCE_MANAGE_USERS)) {
        fail(e, 403, "Forbidden");
        return -1;
    }
    session_act_for(session, e->asker);
    if (session_set_password(session, e->user->id, buf_str(&e->hash)) == ADMIN_OK)
        return 0;
    fail(e, 500, "Internal server error");
    return -1;
}

/* The person may have been disabled, or given another password, since the hash was compared. 0:
 * failed. */
static int64_t still_there(struct entry *e, struct store_session *session)
{
    const struct rights *rights = session_rights(session);
    const struct user *user = rights ? rights_user_by_id(rights, e->user->id) : NULL;
    if (user && !user->disabled_ms && str_eq(user->password_hash, e->user->password_hash))
        return user->id;
    fail(e, 401, e->kind == ENTRY_LOGIN ? "Invalid email or password" : "Unauthorized");
    return 0;
}

static int64_t change_password(struct entry *e, struct store_session *session)
{
    int64_t user = still_there(e, session);
    session_act_for(session, user);
    bool good = user && session_set_password(session, user, buf_str(&e->hash)) == ADMIN_OK;
    return good ? user : 0;
}

static int note_login(struct entry *e, struct store_session *session, int64_t user)
{
    e->login = (struct login){.user = user,
                              .created_ms = e->now_ms,
                              .used_ms = e->now_ms,
                              .expires_ms = e->now_ms + COOKIE_SECONDS * INT64_C(1000)};
    if (token_generate(e->token) != 0 || sha256(str_of(e->token), e->login.hash) != 0)
        return -1;
    session_act_for(session, user);
    if (session_add_login(session, &e->login) != ADMIN_OK ||
        session_audit(session, "user.login", AUDIT_USER, user, STR("")) != ADMIN_OK)
        return -1;
    /* HitKeep shows the first person what the cookie holds, too. */
    if (e->kind == ENTRY_FIRST)
        buf_printf(&e->answer, "{\"token\":\"%s\"}\n", e->token);
    else
        buf_lit(&e->answer, "{\"status\":\"ok\"}\n");
    return 0;
}

static int on_writer(struct store_session *session, void *arg)
{
    struct entry *e = arg;
    e->now_ms = api_now_ms();
    if (e->kind == ENTRY_RESET)
        return reset_password(e, session);
    int64_t user = e->kind == ENTRY_FIRST      ? make_first(e, session)
                   : e->kind == ENTRY_PASSWORD ? change_password(e, session)
                                               : still_there(e, session);
    if (user && note_login(e, session, user) == 0)
        return 0;
    if (e->status == 0)
        fail(e, 500, "Internal server error");
    return -1;
}

static void let_in(struct entry *e)
{
    struct buf headers;
    buf_init(&headers, 1024);
    buf_lit(&headers, "Cache-Control: no-store\r\n");
    cookie_put(&headers, str_of(e->token), api_is_https(e->api, e->req));
    if (logins_add(e->api->account->logins, &e->login) != 0 || headers.failed || e->answer.failed) {
        refuse(e, 500, "Internal server error");
    } else {
        http_respond(e->req, e->kind == ENTRY_FIRST ? 201 : 200, "application/json",
                     buf_cstr(&headers), buf_str(&e->answer));
        entry_free(e);
    }
    secret_wipe(headers.p, headers.p ? headers.cap : 0);
    buf_release(&headers);
}

static void on_written(struct store_job *job)
{
    struct entry *e = job->owner;
    if (e->status)
        refuse(e, e->status, e->message);
    else if (job->result != STORE_OK)
        refuse(e, 500, "Internal server error");
    else if (e->kind == ENTRY_RESET) {
        http_respond(e->req, 204, NULL, NULL, STR(""));
        entry_free(e);
    } else
        let_in(e);
}

/* ---- on the passwords' thread --------------------------------------------------------------- */

static void run_hashes(struct work *work)
{
    struct entry *e = (struct entry *)((char *)work - offsetof(struct entry, work));
    bool asked = e->kind == ENTRY_LOGIN || e->kind == ENTRY_PASSWORD;
    if (asked)
        e->matches =
            password_matches(e->body.password, e->user ? e->user->password_hash : STR_NONE);
    struct str fresh = e->kind == ENTRY_FIRST ? e->body.password : e->body.fresh;
    if (e->kind != ENTRY_LOGIN && (!asked || e->matches) && password_hash(fresh, &e->hash) != 0)
        fail(e, 500, "Internal server error");
}

static void on_hashed(struct work *work)
{
    struct entry *e = (struct entry *)((char *)work - offsetof(struct entry, work));
    e->api->account->n_passwords--;
    if (work->dropped)
        refuse(e, 503, "Service Unavailable");
    else if (e->status)
        refuse(e, e->status, e->message);
    else if (e->kind == ENTRY_LOGIN && (!e->matches || e->user->disabled_ms))
        refuse(e, 401, "Invalid email or password");
    else if (e->kind == ENTRY_PASSWORD && !e->matches)
        refuse(e, 403, "Current password is incorrect");
    else {
        e->job = (struct store_job){.kind = STORE_CALL,
                                    .bytes = sizeof(*e),
                                    .call = on_writer,
                                    .call_arg = e,
                                    .done = on_written,
                                    .owner = e};
        if (store_submit(e->api->store, &e->job) != 0)
            refuse(e, 503, "Service Unavailable");
    }
}

/* ---- on the loop ----------------------------------------------------------------------------- */

#define FIELD(name, member)                                                                        \
    {                                                                                              \
        STR_INIT(name), API_TEXT, offsetof(struct entry_body, member)                              \
    }
static const struct api_field login_fields[] = {
    FIELD("email", email),
    FIELD("password", password),
    {STR_INIT("remember_me"), API_BOOL, offsetof(struct entry_body, remember)}};
static const struct api_field first_fields[] = {FIELD("email", email), FIELD("password", password),
                                                FIELD("given_name", given_name),
                                                FIELD("last_name", last_name)};
static const struct api_field reset_fields[] = {FIELD("new_password", fresh)};
static const struct api_field password_fields[] = {FIELD("current_password", password),
                                                   FIELD("new_password", fresh)};
#undef FIELD

static const struct {
    const struct api_field *fields;
    size_t n;
    bool strict;
    const char *refusal;   /* of what is no such body */
    const char *too_short; /* of a new password */
} bodies[] = {
    [ENTRY_LOGIN] = {login_fields, COUNT_OF(login_fields), false, "Invalid request body", NULL},
    [ENTRY_FIRST] = {first_fields, COUNT_OF(first_fields), false, "Invalid request body",
                     "Email required; Password must be at least 8 characters"},
    [ENTRY_PASSWORD] = {password_fields, COUNT_OF(password_fields), false, "Invalid request",
                        "New password must be at least 8 characters"},
    [ENTRY_RESET] = {reset_fields, COUNT_OF(reset_fields), true, "Invalid JSON payload",
                     "New password must be at least 8 characters"},
};

/* Something on both sides of one '@'; what is right beyond that, only a letter would tell. */
bool api_is_email(struct str s)
{
    ptrdiff_t at = s.n > 0 && s.n <= 254 ? str_chr(s, '@', 0) : -1;
    if (at < 1 || (size_t)at + 1 == s.n || str_chr(s, '@', (size_t)at + 1) >= 0)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
            return false;
    return true;
}

/* NULL when the thread may have it. */
static const char *body_refusal(const struct entry *e)
{
    struct str fresh = e->kind == ENTRY_FIRST ? e->body.password : e->body.fresh;
    if (e->kind == ENTRY_LOGIN)
        return NULL;
    if (fresh.n < PASSWORD_MIN || (e->kind == ENTRY_FIRST && e->body.email.n == 0))
        return bodies[e->kind].too_short;
    if (e->kind == ENTRY_FIRST && !api_is_email(e->body.email))
        return "A valid email is required";
    if (go_trim(e->body.given_name).n > NAME_MAX_BYTES ||
        go_trim(e->body.last_name).n > NAME_MAX_BYTES)
        return "Given and last name must be 120 characters or fewer";
    if (password_refusal(fresh))
        return "Password must have 8 to 256 bytes and no control characters";
    return NULL;
}

static bool read_body(struct entry *e)
{
    const struct http_request *req = e->req;
    uint32_t given;
    if (req->body_too_large)
        return false;
    return bodies[e->kind].strict
               ? api_json_read_strict(req->body, bodies[e->kind].fields, bodies[e->kind].n,
                                      &e->body, &e->scratch, &given)
               : api_json_read(req->body, bodies[e->kind].fields, bodies[e->kind].n, &e->body,
                               &e->scratch, NULL);
}

static struct entry *entry_new(struct api *a, struct http_request *req, enum entry_kind kind)
{
    struct entry *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->kind = kind;
    e->api = a;
    e->req = req;
    e->work = (struct work){.run = run_hashes, .done = on_hashed};
    buf_init(&e->scratch, 4 * API_SINGLE_BODY_MAX);
    buf_init(&e->answer, 1u << 16);
    buf_init(&e->hash, PASSWORD_HASH_MAX);
    return e;
}

/* Takes person.rights; person.user is whose password it is, when that is known already. */
static void start(struct api *a, struct http_request *req, enum entry_kind kind,
                  struct api_person person, int64_t asker)
{
    struct entry *e = entry_new(a, req, kind);
    if (!e) {
        rights_release(person.rights);
        http_error(req, 500, "Internal server error");
        return;
    }
    e->rights = person.rights;
    e->user = person.user;
    e->asker = asker;
    if (!read_body(e)) {
        refuse(e, 400, bodies[kind].refusal);
        return;
    }
    e->body.email = e->body.email.n ? str_trim(e->body.email) : STR_NONE;
    const char *refusal = body_refusal(e);
    if (refusal) {
        refuse(e, 400, refusal);
        return;
    }
    if (a->account->n_passwords >= ACCOUNT_PASSWORDS_MAX) {
        http_error_with(req, 503, "Service Unavailable", "Retry-After: 2\r\n");
        entry_free(e);
        return;
    }
    if (kind == ENTRY_LOGIN)
        e->user = rights_user_by_login(e->rights, e->body.email);
    a->account->n_passwords++;
    api_worker_put(a->account->passwords, &e->work);
}

void api_login(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    if (api_same_origin(a, req) && api_within_rate(a, a->auth, req))
        start(a, req, ENTRY_LOGIN, (struct api_person){.rights = store_rights(a->store)}, 0);
}

/* Whoever comes first owns the server: so only while the configuration says that he may come. */
void api_initial_user(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    if (!api_same_origin(a, req) || !api_within_rate(a, a->auth, req))
        return;
    struct rights *rights = store_rights(a->store);
    bool late = api_anybody_can_log_in(rights);
    if (late || !a->config.account.initial_user) {
        rights_release(rights);
        http_error(req, 403, late ? "Setup has already been completed." : "Forbidden");
        return;
    }
    start(a, req, ENTRY_FIRST, (struct api_person){.rights = rights}, 0);
}

void api_user_password(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_person person;
    if (!api_same_origin(a, req) || !api_within_rate(a, a->auth, req))
        return;
    if (api_find_person(a, req, &person))
        start(a, req, ENTRY_PASSWORD, person, 0);
    else
        auth_refuse(req);
}

void api_users_password(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_person person;
    unsigned char uuid[16];
    if (!api_admit_person(a, req, &person))
        return;
    int64_t asker = person.user->id;
    bool may =
        permits(instance_permissions(person.user->instance_role), PERM_INSTANCE_MANAGE_USERS);
    bool named = api_path_uuid(req->params[0], uuid);
    person.user = named ? rights_user_by_uuid(person.rights, uuid) : NULL;
    if (may && person.user) {
        start(a, req, ENTRY_RESET, person, asker);
        return;
    }
    rights_release(person.rights);
    if (!may)
        http_error(req, 403, "Forbidden");
    else
        http_error(req, named ? 404 : 400, named ? "User not found" : "Invalid user ID");
}
