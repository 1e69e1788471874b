/* api_user.c - who is logged in, and out again; whether anybody can come in at all. */
#include <stdlib.h>

#include "server/account.h"
#include "server/api_person.h"
#include "server/cookie.h"
#include "server/go_text.h"

bool api_anybody_can_log_in(const struct rights *rights)
{
    const struct user *users;
    size_t n = rights_users(rights, &users);
    for (size_t i = 0; i < n; i++)
        if (str_is_set(users[i].password_hash))
            return true;
    return false;
}

struct farewell {
    struct http_request *req;
    struct api *api;
    unsigned char hash[TOKEN_HASH_BYTES];
    struct store_job job;
};

static int drop_login(struct store_session *session, void *arg)
{
    struct farewell *f = arg;
    return session_drop_login(session, f->hash) == ADMIN_OK ? 0 : -1;
}

static void answer_logout(struct api *a, struct http_request *req)
{
    struct buf headers;
    buf_init(&headers, 1024);
    cookie_put_none(&headers, api_is_https(a, req));
    http_respond(req, 200, "application/json", buf_cstr(&headers), STR("{\"status\":\"ok\"}\n"));
    buf_release(&headers);
}

static void on_dropped(struct store_job *job)
{
    struct farewell *f = job->owner;
    if (job->result == STORE_OK) {
        logins_drop(f->api->account->logins, f->hash);
        answer_logout(f->api, f->req);
    } else {
        http_error(f->req, 500, "Internal server error");
    }
    free(f);
}

/* Whoever is not logged in, or no longer, is out as well. */
void api_logout(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_person person;
    if (!api_same_origin(a, req) || !api_within_rate(a, a->auth, req))
        return;
    if (!api_find_person(a, req, &person)) {
        answer_logout(a, req);
        return;
    }
    rights_release(person.rights);
    struct farewell *f = calloc(1, sizeof(*f));
    struct str token = cookie_value(http_header(req, STR("cookie")), STR(COOKIE_NAME));
    if (!f || sha256(token, f->hash) != 0) {
        free(f);
        http_error(req, 500, "Internal server error");
        return;
    }
    f->req = req;
    f->api = a;
    f->job = (struct store_job){.kind = STORE_CALL,
                                .bytes = sizeof(*f),
                                .call = drop_login,
                                .call_arg = f,
                                .done = on_dropped,
                                .owner = f};
    if (store_submit(a->store, &f->job) == 0)
        return;
    free(f);
    http_error_with(req, 503, "Service Unavailable", "Retry-After: 2\r\n");
}

static void put_teams(struct buf *out, const struct api_person *person)
{
    const struct member *members;
    size_t n = rights_members(person->rights, &members);
    const char *comma = "";
    for (size_t i = 0; i < n; i++) {
        const struct team *team = rights_team_by_id(person->rights, members[i].team);
        if (members[i].user != person->user->id || !team)
            continue;
        buf_printf(out, "%s{\"id\":\"%s\",\"name\":", comma, team->uuid_text);
        json_put_string(out, team->name);
        buf_printf(out, ",\"role\":\"%s\"}", team_role_name(members[i].role));
        comma = ",";
    }
}

void api_user(void *ctx, struct http_request *req)
{
    struct api_person person;
    struct buf out;
    if (!api_admit_person(ctx, req, &person))
        return;
    buf_init(&out, 4u << 20);
    api_put_user(&out, person.user);
    out.n -= out.n > 0; /* the brace: teams follow */
    buf_lit(&out, ",\"teams\":[");
    put_teams(&out, &person);
    buf_lit(&out, "]}");
    rights_release(person.rights);
    api_answer_json(req, 200, &out);
    buf_release(&out);
}

/* ---- one's own data ------------------------------------------------------------------------ */

#define NAME_MAX_BYTES 120 /* of each of the two */
#define EMAIL_MAX_BYTES 320

struct names {
    struct str given, last;
};

/* HitKeep keeps two names; here is one, of which the family's is the end: as long as it is told to
 * be, else the last word. Who has no name but the address has none. */
static struct names names_of(const struct user *user)
{
    struct str name = str_eq_nocase(user->name, user->email) ? STR("") : user->name;
    ptrdiff_t blank = name.n > 0 ? str_rchr(name, ' ') : -1;
    size_t last = blank < 0 ? name.n : (size_t)blank + 1;
    if (str_is_set(user->family) && str_ends(name, user->family))
        last = name.n - user->family.n;
    return (struct names){str_trim(str_slice(name, 0, last)), str_slice(name, last, name.n)};
}

/* For who has no name, HitKeep makes one of the address: ann.lee@… is Ann Lee. */
static void put_made_name(struct buf *out, struct str email)
{
    size_t start = out->n;
    bool is_new = true;
    for (size_t i = 0; i < email.n && email.p[i] != '@'; i++) {
        char c = email.p[i];
        if (c == '.' || c == '_' || c == '-') {
            is_new = true;
            continue;
        }
        if (is_new && out->n > start)
            buf_putc(out, ' ');
        buf_putc(out, is_new && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
        is_new = false;
    }
    if (out->n == start)
        buf_lit(out, "User");
}

bool api_put_names(struct buf *out, const struct user *user)
{
    struct names names = names_of(user);
    if (names.given.n > 0) {
        buf_lit(out, ",\"given_name\":");
        json_put_string(out, names.given);
    }
    if (names.last.n > 0) {
        buf_lit(out, ",\"last_name\":");
        json_put_string(out, names.last);
    }
    return names.given.n > 0 || names.last.n > 0;
}

/* There is no picture. */
static void put_profile(struct buf *out, const struct user *user)
{
    buf_printf(out, "{\"id\":\"%s\",\"email\":", user->uuid_text);
    api_put_email(out, user);
    bool is_named = api_put_names(out, user);
    buf_lit(out, ",\"display_name\":");
    struct buf made;
    buf_init(&made, 2 * EMAIL_MAX_BYTES);
    if (!is_named)
        put_made_name(&made, user->email);
    json_put_string(out, made.n > 0 ? buf_str(&made) : user->name);
    buf_release(&made);
    buf_lit(out, ",\"avatar_url\":\"\"}");
}

void api_user_profile(void *ctx, struct http_request *req)
{
    struct api_person person;
    struct buf out;
    if (!api_admit_person(ctx, req, &person))
        return;
    buf_init(&out, 1u << 16);
    put_profile(&out, person.user);
    rights_release(person.rights);
    api_answer_json(req, 200, &out);
    buf_release(&out);
}

struct profile_body {
    struct str email, given_name, last_name;
};

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
            return false;
    return true;
}

/* NULL, or what is wrong. */
static const char *profile_refusal(struct str email, struct names names)
{
    if (email.n == 0)
        return "Email is required";
    if (email.n > EMAIL_MAX_BYTES)
        return "Email must be 320 characters or fewer";
    if (!api_is_email(email))
        return "Invalid email address";
    if (names.given.n > NAME_MAX_BYTES || names.last.n > NAME_MAX_BYTES)
        return "Given and last name must be 120 characters or fewer";
    if (!is_printable(names.given) || !is_printable(names.last))
        return "Given and last name must have no control characters";
    return NULL;
}

static void set_profile(struct change *c, struct str email, struct names names)
{
    const struct user *other = rights_user_by_login(c->rights, email);
    struct buf name;
    if (other && other->id != c->user_id) {
        change_refuse(c, 409, "Email already exists");
        return;
    }
    buf_init(&name, 2 * NAME_MAX_BYTES + 2);
    buf_printf(&name, "%.*s%s%.*s", STR_ARGS(names.given),
               names.given.n > 0 && names.last.n > 0 ? " " : "", STR_ARGS(names.last));
    struct new_user profile = {.name = name.n > 0 ? buf_str(&name) : email,
                               .family = name.n > 0 ? names.last : STR_NONE,
                               .email = email};
    enum admin_result result = session_set_profile(c->session, c->user_id, &profile);
    if (change_done(c, result, "User not found", "User already exists") && change_rights(c)) {
        put_profile(&c->text, rights_user_by_id(c->rights, c->user_id));
        buf_putc(&c->text, '\n');
        c->status = 200;
    }
    buf_release(&name);
}

static void change_profile(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("email"), API_TEXT, offsetof(struct profile_body, email)},
        {STR_INIT("given_name"), API_TEXT, offsetof(struct profile_body, given_name)},
        {STR_INIT("last_name"), API_TEXT, offsetof(struct profile_body, last_name)},
    };
    struct profile_body body = {STR_NONE, STR_NONE, STR_NONE};
    uint32_t given;
    if (!change_body(c, fields, COUNT_OF(fields), &body, &given))
        return;
    struct names names = {go_trim(body.given_name), go_trim(body.last_name)};
    struct str email = go_trim(body.email);
    const char *wrong = profile_refusal(email, names);
    if (wrong)
        change_refuse(c, 400, wrong);
    else
        set_profile(c, email, names);
}

void api_user_profile_change(void *ctx, struct http_request *req)
{
    change_start(ctx, req, change_profile);
}

/* Where the request comes from, as an exclusion has it. */
void api_user_address(void *ctx, struct http_request *req)
{
    static const unsigned char none[16];
    struct api_person person;
    struct buf out;
    if (!api_admit_person(ctx, req, &person))
        return;
    rights_release(person.rights);
    struct cidr own = {.bits = 128};
    memcpy(own.address, api_client_of(ctx, req).address, sizeof(own.address));
    if (memcmp(own.address, none, sizeof(none)) == 0) {
        http_error(req, 400, "Unable to resolve client IP");
        return;
    }
    buf_init(&out, 256);
    buf_lit(&out, "{\"ip\":\"");
    size_t start = out.n;
    cidr_put(&out, &own);
    out.n = (size_t)str_chr(buf_str(&out), '/', start);
    buf_lit(&out, "\",\"cidr\":\"");
    cidr_put(&out, &own);
    buf_lit(&out, "\"}");
    api_answer_json(req, 200, &out);
    buf_release(&out);
}

/* ---- what one may do ----------------------------------------------------------------------- */

/* Those of the instance first, as HitKeep lists them. */
static void put_permissions(struct buf *out, permission_set set)
{
    const char *comma = "";
    buf_putc(out, '[');
    for (unsigned i = 0; i < PERM_COUNT; i++) {
        enum permission permission = (PERM_INSTANCE_MANAGE_USERS + i) % PERM_COUNT;
        if (!permits(set, permission))
            continue;
        buf_printf(out, "%s\"%s\"", comma, permission_name(permission));
        comma = ",";
    }
    buf_putc(out, ']');
}

static void put_team_capabilities(struct buf *out, enum team_role role)
{
    static const struct {
        enum team_role least;
        const char *name;
    } capabilities[] = {
        {TEAM_MEMBER, "view_members"},      {TEAM_ADMIN, "manage_members"},
        {TEAM_ADMIN, "view_audit"},         {TEAM_ADMIN, "manage_settings"},
        {TEAM_ADMIN, "manage_api_clients"}, {TEAM_ADMIN, "manage_integrations"},
        {TEAM_OWNER, "transfer_ownership"}, {TEAM_OWNER, "archive"},
    };
    const char *comma = "";
    buf_putc(out, '[');
    for (size_t i = 0; i < COUNT_OF(capabilities); i++) {
        if (role < capabilities[i].least)
            continue;
        buf_printf(out, "%s\"team.%s\"", comma, capabilities[i].name);
        comma = ",";
    }
    buf_putc(out, ']');
}

/* Of each site that the person has a role on: the role, or what it allows. */
static void put_site_roles(struct buf *out, const struct api_person *person, bool allowed)
{
    const struct site *sites;
    size_t n = rights_sites(person->rights, &sites);
    const char *comma = "";
    buf_putc(out, '{');
    for (size_t i = 0; i < n; i++) {
        enum role role = rights_user_role(person->rights, person->user, &sites[i]);
        if (role == ROLE_NONE)
            continue;
        buf_printf(out, "%s\"%s\":", comma, sites[i].uuid_text);
        if (allowed)
            put_permissions(out, role_permissions(role));
        else
            buf_printf(out, "\"%s\"", role_name(role));
        comma = ",";
    }
    buf_putc(out, '}');
}

void api_user_permissions(void *ctx, struct http_request *req)
{
    struct api_person person;
    struct buf out;
    if (!api_admit_person(ctx, req, &person))
        return;
    permission_set set = instance_permissions(person.user->instance_role);
    const struct team *team = api_first_team(person.rights, person.user);
    enum team_role role = team ? rights_team_role(person.rights, team->id, person.user) : TEAM_NONE;
    buf_init(&out, 16u << 20);
    buf_printf(&out, "{\"instance_role\":\"%s\",\"permissions\":",
               instance_role_name(person.user->instance_role));
    put_site_roles(&out, &person, false);
    buf_lit(&out, ",\"instance_permissions\":");
    put_permissions(&out, set);
    buf_lit(&out, ",\"instance_capabilities\":");
    put_permissions(&out, set);
    buf_lit(&out, ",\"site_capabilities\":");
    put_site_roles(&out, &person, true);
    if (team)
        buf_printf(&out, ",\"active_team_id\":\"%s\",\"active_team_role\":\"%s\"", team->uuid_text,
                   team_role_name(role));
    buf_lit(&out, ",\"active_team_capabilities\":");
    put_team_capabilities(&out, role);
    buf_lit(&out, ",\"can_create_teams\":true}");
    rights_release(person.rights);
    api_answer_json(req, 200, &out);
    buf_release(&out);
}

void api_status(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct rights *rights = store_rights(a->store);
    bool needs = a->config.account.initial_user && !api_anybody_can_log_in(rights);
    struct buf out;
    buf_init(&out, 256);
    buf_printf(&out, "{\"needs_setup\":%s,\"version\":\"%s\"}\n", needs ? "true" : "false",
               LOGFERRY_VERSION);
    rights_release(rights);
    http_respond(req, 200, "application/json", NULL, buf_str(&out));
    buf_release(&out);
}
