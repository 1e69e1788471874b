/*
 * api_teams.c - people manage their teams, who is in them, and the teams' sites.
 *
 * A team's owner decides about everybody in it, an admin about all but owners. Whoever is no member
 * is told what a team that is not there would tell: 403 `Access denied`.
 */
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/url.h"

#define NAME_MAX_BYTES 120
#define SITE_RETENTION_DAYS 365
#define SITE_RETENTION_MAX 36500

/* ---- teams --------------------------------------------------------------------------------- */

static void put_team(struct buf *out, const struct team *team, enum team_role role)
{
    buf_printf(out, "{\"id\":\"%s\",\"name\":", team->uuid_text);
    json_put_string(out, team->name);
    buf_printf(out, ",\"role\":\"%s\",\"created_at\":", team_role_name(role));
    api_put_time(out, team->created_ms);
    buf_putc(out, '}');
}

static void answer_team(struct change *c, int status, int64_t id)
{
    int64_t user = c->user_id;
    const struct rights *rights = change_rights(c);
    const struct team *team = rights ? rights_team_by_id(rights, id) : NULL;
    if (!team)
        return;
    put_team(&c->text, team, rights_team_role(rights, id, rights_user_by_id(rights, user)));
    buf_putc(&c->text, '\n');
    c->status = status;
}

/* The team in the path, when the person has at least that role in it. NULL: refused. */
static const struct team *team_of(struct change *c, enum team_role least)
{
    unsigned char uuid[16];
    if (!api_path_uuid(c->req->params[0], uuid)) {
        change_refuse(c, 400, "Invalid team ID");
        return NULL;
    }
    const struct team *team = rights_team_by_uuid(c->rights, uuid);
    if (team && rights_team_role(c->rights, team->id, c->user) >= least)
        return team;
    change_refuse(c, 403, "Access denied");
    return NULL;
}

struct name_body {
    struct str name;
};

/* The name that the body gives; STR_NONE: refused. */
static struct str read_name(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("name"), API_TEXT, offsetof(struct name_body, name)}};
    struct name_body body = {STR_NONE};
    uint32_t given;
    if (!change_body(c, fields, COUNT_OF(fields), &body, &given))
        return STR_NONE;
    struct str name = body.name.n ? str_trim(body.name) : STR_NONE;
    if (name.n > 0 && name.n <= NAME_MAX_BYTES)
        return name;
    change_refuse(c, 400, "Name is required and must be <= 120 characters");
    return STR_NONE;
}

void api_team_list(void *ctx, struct http_request *req)
{
    struct api_person person;
    struct buf out;
    const char *comma = "";
    const struct team *teams;
    if (!api_admit_person(ctx, req, &person))
        return;
    buf_init(&out, 4u << 20);
    buf_putc(&out, '[');
    size_t n = rights_teams(person.rights, &teams);
    for (size_t i = 0; i < n; i++) {
        enum team_role role = rights_team_role(person.rights, teams[i].id, person.user);
        if (role == TEAM_NONE)
            continue;
        buf_put_str(&out, str_of(comma));
        put_team(&out, &teams[i], role);
        comma = ",";
    }
    buf_lit(&out, "]");
    rights_release(person.rights);
    api_answer_json(req, 200, &out);
    buf_release(&out);
}

static void create_team(struct change *c)
{
    struct member member = {.user = c->user_id, .role = TEAM_OWNER};
    struct str name = read_name(c);
    if (str_is_set(name) &&
        change_done(c, session_add_team(c->session, name, &member.team), "",
                    "A team of this name already exists") &&
        change_done(c, session_set_member(c->session, &member), "", ""))
        answer_team(c, 201, member.team);
}

void api_team_create(void *ctx, struct http_request *req)
{
    change_start(ctx, req, create_team);
}

static void rename_team(struct change *c)
{
    const struct team *team = team_of(c, TEAM_OWNER);
    struct str name = team ? read_name(c) : STR_NONE;
    int64_t id = team ? team->id : 0;
    if (str_is_set(name) && change_done(c, session_rename_team(c->session, id, name), "",
                                        "A team of this name already exists"))
        answer_team(c, 200, id);
}

void api_team_rename(void *ctx, struct http_request *req)
{
    change_start(ctx, req, rename_team);
}

/* ---- members ------------------------------------------------------------------------------- */

static void list_members(struct change *c)
{
    const struct team *team = team_of(c, TEAM_MEMBER);
    const struct member *members;
    const char *comma = "";
    if (!team)
        return;
    size_t n = rights_members(c->rights, &members);
    buf_putc(&c->text, '[');
    for (size_t i = 0; i < n; i++) {
        const struct user *user = rights_user_by_id(c->rights, members[i].user);
        if (members[i].team != team->id || !user)
            continue;
        buf_printf(&c->text, "%s{\"user\":", comma);
        api_put_user(&c->text, user);
        buf_printf(&c->text, ",\"role\":\"%s\"}", team_role_name(members[i].role));
        comma = ",";
    }
    buf_lit(&c->text, "]\n");
    c->status = 200;
}

void api_member_list(void *ctx, struct http_request *req)
{
    change_start(ctx, req, list_members);
}

/* May the asker make `from` of this team into `to`? Else refused. */
static bool may_make(struct change *c, const struct team *team, enum team_role from,
                     enum team_role to)
{
    enum team_role own = rights_team_role(c->rights, team->id, c->user);
    if (own == TEAM_OWNER || (from < TEAM_OWNER && to < TEAM_OWNER))
        return true;
    change_refuse(c, 403, "Access denied");
    return false;
}

struct member_body {
    struct str email, role;
};

static void put_member(struct change *c, const struct team *team, const struct user *user,
                       struct str role_text)
{
    struct member member = {.team = team->id, .user = user->id};
    if (!team_role_parse(role_text, &member.role)) {
        change_refuse(c, 400, "Invalid team role");
        return;
    }
    enum team_role from = rights_team_role(c->rights, team->id, user);
    if (may_make(c, team, from, member.role) &&
        change_done(c, session_set_member(c->session, &member), "User not found", ""))
        c->status = 204;
}

static void add_member(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("email"), API_TEXT, offsetof(struct member_body, email)},
        {STR_INIT("role"), API_TEXT, offsetof(struct member_body, role)},
    };
    struct member_body body = {STR_NONE, STR_NONE};
    uint32_t given;
    const struct team *team = team_of(c, TEAM_ADMIN);
    if (!team || !change_body(c, fields, COUNT_OF(fields), &body, &given))
        return;
    const struct user *user =
        body.email.n ? rights_user_by_login(c->rights, str_trim(body.email)) : NULL;
    if (!user || user->disabled_ms)
        change_refuse(c, 404, "User not found");
    else
        put_member(c, team, user, body.role);
}

void api_member_add(void *ctx, struct http_request *req)
{
    change_start(ctx, req, add_member);
}

/* The member in the path. NULL: refused. */
static const struct user *member_of(struct change *c, const struct team *team)
{
    unsigned char uuid[16];
    if (!api_path_uuid(c->req->params[1], uuid)) {
        change_refuse(c, 400, "Invalid user ID");
        return NULL;
    }
    const struct user *user = rights_user_by_uuid(c->rights, uuid);
    if (user && rights_team_role(c->rights, team->id, user) != TEAM_NONE)
        return user;
    change_refuse(c, 404, "User not found");
    return NULL;
}

static void change_member(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("role"), API_TEXT, offsetof(struct member_body, role)}};
    struct member_body body = {STR_NONE, STR_NONE};
    uint32_t given;
    const struct team *team = team_of(c, TEAM_ADMIN);
    const struct user *user = team ? member_of(c, team) : NULL;
    if (user && change_body(c, fields, COUNT_OF(fields), &body, &given))
        put_member(c, team, user, body.role);
}

void api_member_change(void *ctx, struct http_request *req)
{
    change_start(ctx, req, change_member);
}

static void remove_member(struct change *c)
{
    const struct team *team = team_of(c, TEAM_MEMBER);
    const struct user *user = team ? member_of(c, team) : NULL;
    if (!user)
        return;
    enum team_role own = rights_team_role(c->rights, team->id, c->user);
    /* Everybody may leave. */
    if (user->id != c->user_id && own < TEAM_ADMIN)
        change_refuse(c, 403, "Access denied");
    else if ((user->id == c->user_id ||
              may_make(c, team, rights_team_role(c->rights, team->id, user), TEAM_NONE)) &&
             change_done(c, session_remove_member(c->session, team->id, user->id), "User not found",
                         ""))
        c->status = 204;
}

void api_member_remove(void *ctx, struct http_request *req)
{
    change_start(ctx, req, remove_member);
}

/* ---- sites --------------------------------------------------------------------------------- */

/* The site in the path, when the person has that permission on it. NULL: refused. */
static const struct site *site_of(struct change *c, enum permission permission)
{
    unsigned char uuid[16];
    if (!api_path_uuid(c->req->params[0], uuid)) {
        change_refuse(c, 400, "invalid site ID");
        return NULL;
    }
    const struct site *site = rights_site_by_uuid(c->rights, uuid);
    switch (rights_user_may(c->rights, c->user, site, permission)) {
    case ACCESS_OK:
        return site;
    case ACCESS_DENIED:
        change_refuse(c, 403, "Access denied");
        break;
    case ACCESS_TOO_SMALL:
        change_refuse(c, 403, "Forbidden");
        break;
    }
    return NULL;
}

static void answer_site(struct change *c, int status, int64_t id)
{
    int64_t user = c->user_id;
    const struct rights *rights = change_rights(c);
    const struct site *site = rights ? rights_site_by_id(rights, id) : NULL;
    if (!site)
        return;
    api_put_site(&c->text, rights, site,
                 rights_user_role(rights, rights_user_by_id(rights, user), site));
    buf_putc(&c->text, '\n');
    c->status = status;
}

struct site_body {
    struct str domain, team, host;
    int64_t retention_days;
};

static const struct team *team_for_site(struct change *c, struct str text)
{
    unsigned char uuid[16];
    const struct team *team = NULL, *teams;
    size_t n = rights_teams(c->rights, &teams), own = 0;
    if (str_is_set(text) && !uuid_parse(text, uuid)) {
        change_refuse(c, 400, "Invalid team ID");
        return NULL;
    }
    for (size_t i = 0; i < n && !str_is_set(text); i++)
        if (rights_team_role(c->rights, teams[i].id, c->user) >= TEAM_ADMIN) {
            team = &teams[i];
            own++;
        }
    if (str_is_set(text))
        team = rights_team_by_uuid(c->rights, uuid);
    if (own > 1)
        change_refuse(c, 400, "team_id is required");
    else if (!team || rights_team_role(c->rights, team->id, c->user) < TEAM_ADMIN)
        change_refuse(c, 403, "Access denied");
    else
        return team;
    return NULL;
}

static void create_site(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("domain"), API_TEXT, offsetof(struct site_body, domain)},
        {STR_INIT("team_id"), API_TEXT, offsetof(struct site_body, team)},
        {STR_INIT("data_retention_days"), API_INTEGER, offsetof(struct site_body, retention_days)},
    };
    struct site_body body = {.team = STR_NONE, .retention_days = SITE_RETENTION_DAYS};
    char host[URL_HOST_MAX];
    struct new_site site = {.owner = c->user_id};
    uint32_t given;
    int64_t id;
    if (!change_body(c, fields, COUNT_OF(fields), &body, &given))
        return;
    const struct team *team = team_for_site(c, body.team);
    if (!team)
        return;
    site.team = team->id;
    site.domain.p = host;
    if (!body.domain.n || !site_host(str_trim(body.domain), false, host, &site.domain.n))
        change_refuse(c, 400, "Invalid domain");
    else if (body.retention_days < 0 || body.retention_days > SITE_RETENTION_MAX)
        change_refuse(c, 400, "Invalid data_retention_days");
    else {
        site.retention_days = (unsigned)body.retention_days;
        if (change_done(c, session_add_site(c->session, &site, &id), "", "Site already exists"))
            answer_site(c, 201, id);
    }
}

void api_site_create(void *ctx, struct http_request *req)
{
    change_start(ctx, req, create_site);
}

static void remove_site(struct change *c)
{
    const struct site *site = site_of(c, PERM_SITE_DELETE);
    if (site && change_done(c, session_remove_site(c->session, site->id), "Site not found", ""))
        c->status = 204;
}

void api_site_remove(void *ctx, struct http_request *req)
{
    change_start(ctx, req, remove_site);
}

/* The body's host. n 0: refused. */
static struct str read_host(struct change *c, char bytes[URL_HOST_MAX])
{
    static const struct api_field fields[] = {
        {STR_INIT("host"), API_TEXT, offsetof(struct site_body, host)}};
    struct site_body body = {.host = STR_NONE};
    struct str host = {bytes, 0};
    uint32_t given;
    if (!change_body(c, fields, COUNT_OF(fields), &body, &given))
        return STR_NONE;
    if (body.host.n && site_host(str_trim(body.host), true, bytes, &host.n))
        return host;
    change_refuse(c, 400, "Invalid host");
    return STR_NONE;
}

static void set_alias(struct change *c,
                      enum admin_result (*set)(struct store_session *, int64_t, struct str))
{
    char bytes[URL_HOST_MAX];
    const struct site *site = site_of(c, PERM_SITE_MANAGE_TEAM);
    struct str host = site ? read_host(c, bytes) : STR_NONE;
    int64_t id = site ? site->id : 0;
    if (host.n > 0 && change_done(c, set(c->session, id, host), "Host not found",
                                  "Host belongs to a site already"))
        answer_site(c, 200, id);
}

static void add_alias(struct change *c)
{
    set_alias(c, session_add_alias);
}

void api_alias_add(void *ctx, struct http_request *req)
{
    change_start(ctx, req, add_alias);
}

static void remove_alias(struct change *c)
{
    set_alias(c, session_remove_alias);
}

void api_alias_remove(void *ctx, struct http_request *req)
{
    change_start(ctx, req, remove_alias);
}
