/*
 * api_teams.c - people manage their teams, and who is in them. Calls, messages and answers are
 * HitKeep's; a member's new role by PUT is ours. Nobody is invited: who is added is there at once,
 * and has to have a login or a name here already.
 *
 * A team's owner decides about everybody in it, an admin about all but owners. Whoever is no member
 * is told what a team that is not there would tell: 403 `Access denied`.
 */
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/go_text.h"

#define NAME_MAX_BYTES 120
#define LOGO_MAX_BYTES 2048
#define NO_TEAM "00000000-0000-0000-0000-000000000000"

/* ---- which, and in which order ------------------------------------------------------------- */

/* One's teams as HitKeep orders them: those one owns, those one administers, the others; each kind
 * by age. Calls `each` for every one. */
static void each_team(const struct rights *r, const struct user *user,
                      void (*each)(void *arg, const struct team *team, enum team_role role),
                      void *arg)
{
    const struct team *teams;
    size_t n = rights_teams(r, &teams);
    for (enum team_role role = TEAM_OWNER; role > TEAM_NONE; role--)
        for (size_t i = 0; i < n; i++)
            if (rights_team_role(r, teams[i].id, user) == role)
                each(arg, &teams[i], role);
}

static void keep_first(void *arg, const struct team *team, enum team_role role)
{
    const struct team **first = arg;
    (void)role;
    if (!*first)
        *first = team;
}

const struct team *api_first_team(const struct rights *r, const struct user *user)
{
    const struct team *first = NULL;
    each_team(r, user, keep_first, &first);
    return first;
}

const struct team *change_team(struct change *c, enum team_role least)
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

size_t api_members_in(const struct rights *r, int64_t team)
{
    const struct member *members;
    size_t n = rights_members(r, &members), count = 0;
    for (size_t i = 0; i < n; i++)
        count += members[i].team == team;
    return count;
}

/* ---- shapes -------------------------------------------------------------------------------- */

/* Without its closing brace. */
static void open_team(struct buf *out, const struct team *team, enum team_role role)
{
    buf_printf(out, "{\"id\":\"%s\",\"name\":", team->uuid_text);
    json_put_string(out, team->name);
    buf_printf(out, ",\"logo_url\":\"\",\"role\":\"%s\",\"created_at\":", team_role_name(role));
    api_put_time(out, team->created_ms);
}

void api_put_team(struct buf *out, const struct team *team, enum team_role role)
{
    open_team(out, team, role);
    buf_putc(out, '}');
}

struct team_list {
    const struct rights *rights;
    struct buf *out;
    const char *comma;
};

static void put_team_id(void *arg, const struct team *team, enum team_role role)
{
    struct team_list *list = arg;
    (void)role;
    buf_printf(list->out, "%s\"%s\"", list->comma, team->uuid_text);
    list->comma = ",";
}

static void put_used_team(void *arg, const struct team *team, enum team_role role)
{
    struct team_list *list = arg;
    buf_put_str(list->out, str_of(list->comma));
    list->comma = ",";
    open_team(list->out, team, role);
    buf_printf(list->out,
               ",\"usage\":{\"current_sites\":%zu,\"current_members\":%zu,"
               "\"current_pending_invites\":0}}",
               rights_sites_of(list->rights, team->id), api_members_in(list->rights, team->id));
}

/* `"active_team_id":…,"recent_team_ids":[…]`: there is no active team here; it is the first. */
static void put_team_ids(struct buf *out, const struct rights *r, const struct user *user)
{
    const struct team *first = api_first_team(r, user);
    struct team_list list = {r, out, ""};
    buf_printf(out, "\"active_team_id\":\"%s\",\"recent_team_ids\":[",
               first ? first->uuid_text : NO_TEAM);
    each_team(r, user, put_team_id, &list);
    buf_putc(out, ']');
}

void api_team_list(void *ctx, struct http_request *req)
{
    struct api_person person;
    struct buf out;
    if (!api_admit_person(ctx, req, &person))
        return;
    buf_init(&out, 8u << 20);
    struct team_list list = {person.rights, &out, ""};
    buf_putc(&out, '{');
    put_team_ids(&out, person.rights, person.user);
    buf_lit(&out, ",\"teams\":[");
    each_team(person.rights, person.user, put_used_team, &list);
    buf_lit(&out, "]}");
    rights_release(person.rights);
    api_answer_json(req, 200, &out);
    buf_release(&out);
}

/* After a change: the teams that are left, and {"status":"ok"}. */
static void answer_team_ids(struct change *c)
{
    int64_t id = c->user_id;
    const struct rights *r = change_rights(c);
    const struct user *user = r ? rights_user_by_id(r, id) : NULL;
    if (!user)
        return;
    buf_putc(&c->text, '{');
    put_team_ids(&c->text, r, user);
    buf_lit(&c->text, ",\"status\":\"ok\"}\n");
    c->status = 200;
}

/* ---- teams --------------------------------------------------------------------------------- */

struct team_body {
    struct str name, logo_url, target;
};

/* What Go's ParseRequestURI asks for: a scheme or a slash in front, no control characters, and
 * escapes of two digits. */
static bool is_uri(struct str s)
{
    size_t scheme = 0;
    while (scheme < s.n && (ascii_alnum(s.p[scheme]) || str_chr(STR("+-."), s.p[scheme], 0) >= 0))
        scheme++;
    bool has_scheme = scheme > 0 && scheme < s.n && s.p[scheme] == ':' && !ascii_digit(s.p[0]) &&
                      ascii_alnum(s.p[0]);
    if (!has_scheme && s.p[0] != '/')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127 ||
            (s.p[i] == '%' && percent_byte(s, i) < 0))
            return false;
    return true;
}

/* The name that the body gives; STR_NONE: refused. A logo is taken and not kept. */
static struct str read_name(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("name"), API_TEXT, offsetof(struct team_body, name)},
        {STR_INIT("logo_url"), API_TEXT, offsetof(struct team_body, logo_url)},
    };
    struct team_body body = {STR_NONE, STR_NONE, STR_NONE};
    uint32_t given;
    if (!change_body(c, fields, COUNT_OF(fields), &body, &given))
        return STR_NONE;
    struct str name = go_trim(body.name), logo = go_trim(body.logo_url);
    if (name.n == 0)
        change_refuse(c, 400, "Team name is required");
    else if (name.n > NAME_MAX_BYTES)
        change_refuse(c, 400, "Team name must be 120 characters or fewer");
    else if (logo.n > LOGO_MAX_BYTES)
        change_refuse(c, 400, "Logo URL must be 2048 characters or fewer");
    else if (logo.n > 0 && !is_uri(logo))
        change_refuse(c, 400, "Invalid logo URL");
    else
        return name;
    return STR_NONE;
}

static void create_team(struct change *c)
{
    struct member member = {.user = c->user_id, .role = TEAM_OWNER};
    struct str name = read_name(c);
    if (!str_is_set(name) ||
        !change_done(c, session_add_team(c->session, name, &member.team), "",
                     "A team of this name already exists") ||
        !change_done(c, session_set_member(c->session, &member), "", ""))
        return;
    const struct rights *rights = change_rights(c);
    const struct team *team = rights ? rights_team_by_id(rights, member.team) : NULL;
    if (!team)
        return;
    buf_lit(&c->text, "{\"team\":");
    api_put_team(&c->text, team, TEAM_OWNER);
    buf_lit(&c->text, "}\n");
    c->status = 201;
}

void api_team_create(void *ctx, struct http_request *req)
{
    change_start(ctx, req, create_team);
}

static void rename_team(struct change *c)
{
    const struct team *team = change_team(c, TEAM_ADMIN);
    struct str name = team ? read_name(c) : STR_NONE;
    if (str_is_set(name) && change_done(c, session_rename_team(c->session, team->id, name), "",
                                        "A team of this name already exists"))
        change_is_ok(c);
}

void api_team_rename(void *ctx, struct http_request *req)
{
    change_start(ctx, req, rename_team);
}

static void archive_team(struct change *c)
{
    const struct team *team = change_team(c, TEAM_OWNER);
    if (!team)
        return;
    if (rights_sites_of(c->rights, team->id) > 0)
        change_refuse_coded(c, 400, "team_archive_has_sites",
                            "Transfer or delete all sites before archiving this team");
    else if (change_done(c, session_archive_team(c->session, team->id, true), "", ""))
        answer_team_ids(c);
}

void api_team_archive(void *ctx, struct http_request *req)
{
    change_start(ctx, req, archive_team);
}

static void transfer_team(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("target_user_id"), API_TEXT, offsetof(struct team_body, target)}};
    struct team_body body = {STR_NONE, STR_NONE, STR_NONE};
    unsigned char uuid[16];
    uint32_t given;
    const struct team *team = change_team(c, TEAM_OWNER);
    if (!team || !change_body(c, fields, COUNT_OF(fields), &body, &given))
        return;
    if (!uuid_parse(go_trim(body.target), uuid)) {
        change_refuse(c, 400, "Invalid target user ID");
        return;
    }
    const struct user *user = rights_user_by_uuid(c->rights, uuid);
    enum team_role role = user ? rights_team_role(c->rights, team->id, user) : TEAM_NONE;
    struct member next = {team->id, user ? user->id : 0, TEAM_OWNER},
                  last = {team->id, c->user_id, TEAM_ADMIN};
    if (user && user->id == c->user_id)
        change_refuse_coded(c, 409, "ownership_transfer_self",
                            "Ownership transfer requires a different team member");
    else if (role == TEAM_NONE)
        change_refuse_coded(c, 400, "ownership_transfer_target_invalid",
                            "The selected user must already be a team member");
    else if (role == TEAM_OWNER)
        change_refuse_coded(c, 409, "ownership_transfer_already_owner",
                            "The selected member is already an owner");
    else if (change_done(c, session_set_member(c->session, &next), "User not found", "") &&
             change_done(c, session_set_member(c->session, &last), "User not found", ""))
        change_is_ok(c);
}

void api_team_transfer(void *ctx, struct http_request *req)
{
    change_start(ctx, req, transfer_team);
}

/* ---- members ------------------------------------------------------------------------------- */

static void list_members(struct change *c)
{
    const struct team *team = change_team(c, TEAM_MEMBER);
    const struct member *members;
    if (!team)
        return;
    size_t n = rights_members(c->rights, &members);
    buf_putc(&c->text, '[');
    for (enum team_role role = TEAM_OWNER; role > TEAM_NONE; role--)
        for (size_t i = 0; i < n; i++) {
            const struct user *user = rights_user_by_id(c->rights, members[i].user);
            if (members[i].team != team->id || members[i].role != role || !user)
                continue;
            buf_printf(&c->text,
                       "%s{\"id\":\"%s\",\"user_id\":\"%s\",\"email\":", c->text.n > 1 ? "," : "",
                       user->uuid_text, user->uuid_text);
            api_put_email(&c->text, user);
            buf_printf(&c->text, ",\"role\":\"%s\"}", team_role_name(role));
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

/* The role that the text names, in any case; none is a member's. TEAM_NONE: refused. */
static enum team_role read_role(struct change *c, struct str text)
{
    static const enum team_role roles[] = {TEAM_MEMBER, TEAM_ADMIN, TEAM_OWNER};
    text = go_trim(text);
    if (text.n == 0)
        return TEAM_MEMBER;
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (str_eq_nocase(text, str_of(team_role_name(roles[i]))))
            return roles[i];
    change_refuse(c, 400, "Invalid role");
    return TEAM_NONE;
}

static void add_member(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("email"), API_TEXT, offsetof(struct member_body, email)},
        {STR_INIT("role"), API_TEXT, offsetof(struct member_body, role)},
    };
    struct member_body body = {STR_NONE, STR_NONE};
    uint32_t given;
    const struct team *team = change_team(c, TEAM_ADMIN);
    if (!team || !change_body(c, fields, COUNT_OF(fields), &body, &given))
        return;
    struct str email = go_trim(body.email);
    if (!api_is_email(email)) {
        change_refuse(c, 400, "Invalid email");
        return;
    }
    struct member member = {.team = team->id, .role = read_role(c, body.role)};
    if (member.role == TEAM_NONE)
        return;
    if (member.role > rights_team_role(c->rights, team->id, c->user)) {
        change_refuse(c, 403, "Forbidden role assignment");
        return;
    }
    if (member.role == TEAM_OWNER) {
        change_refuse_coded(c, 409, "ownership_transfer_required",
                            "Use the ownership transfer action to assign the owner role");
        return;
    }
    const struct user *user = rights_user_by_login(c->rights, email);
    member.user = user ? user->id : 0;
    if (!user || user->disabled_ms)
        change_refuse(c, 404, "User not found");
    else if (user->id == c->user_id)
        change_refuse(c, 409, "Cannot change your own role");
    else if (may_make(c, team, rights_team_role(c->rights, team->id, user), member.role) &&
             change_done(c, session_set_member(c->session, &member), "User not found", "")) {
        buf_lit(&c->text, "{\"is_invite\":false,\"status\":\"ok\"}\n");
        c->status = 200;
    }
}

void api_member_add(void *ctx, struct http_request *req)
{
    change_start(ctx, req, add_member);
}

/* The member in the path, of a team that the person has at least that role in. NULL: refused. */
static const struct user *member_of(struct change *c, enum team_role least,
                                    const struct team **team)
{
    unsigned char uuid[16];
    *team = change_team(c, least);
    if (!*team)
        return NULL;
    if (!api_path_uuid(c->req->params[1], uuid)) {
        change_refuse(c, 400, "Invalid user ID");
        return NULL;
    }
    const struct user *user = rights_user_by_uuid(c->rights, uuid);
    if (user && rights_team_role(c->rights, (*team)->id, user) != TEAM_NONE)
        return user;
    change_refuse(c, 404, "Team member not found");
    return NULL;
}

static void change_member(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("role"), API_TEXT, offsetof(struct member_body, role)}};
    struct member_body body = {STR_NONE, STR_NONE};
    const struct team *team;
    uint32_t given;
    const struct user *user = member_of(c, TEAM_ADMIN, &team);
    if (!user || !change_body(c, fields, COUNT_OF(fields), &body, &given))
        return;
    struct member member = {team->id, user->id, read_role(c, body.role)};
    if (member.role != TEAM_NONE &&
        may_make(c, team, rights_team_role(c->rights, team->id, user), member.role) &&
        change_done(c, session_set_member(c->session, &member), "Team member not found", ""))
        change_is_ok(c);
}

void api_member_change(void *ctx, struct http_request *req)
{
    change_start(ctx, req, change_member);
}

static void remove_member(struct change *c)
{
    const struct team *team;
    const struct user *user = member_of(c, TEAM_ADMIN, &team);
    if (!user || !may_make(c, team, rights_team_role(c->rights, team->id, user), TEAM_NONE))
        return;
    enum admin_result result = session_remove_member(c->session, team->id, user->id);
    if (result == ADMIN_LAST_OWNER)
        change_refuse(c, 400, "Cannot remove last owner");
    else if (change_done(c, result, "Team member not found", ""))
        change_is_ok(c);
}

void api_member_remove(void *ctx, struct http_request *req)
{
    change_start(ctx, req, remove_member);
}

static void count_one(void *arg, const struct team *team, enum team_role role)
{
    size_t *count = arg;
    (void)team;
    (void)role;
    ++*count;
}

static void leave_team(struct change *c)
{
    unsigned char uuid[16];
    size_t own = 0;
    if (!api_path_uuid(c->req->params[0], uuid)) {
        change_refuse(c, 400, "Invalid team ID");
        return;
    }
    const struct team *team = rights_team_by_uuid(c->rights, uuid);
    each_team(c->rights, c->user, count_one, &own);
    if (!team || rights_team_role(c->rights, team->id, c->user) == TEAM_NONE) {
        change_refuse_coded(c, 403, "team_membership_required", "Access denied");
        return;
    }
    /* Before anything is done: a refusal takes nothing back that the answer would need. */
    enum admin_result result =
        own > 1 ? session_remove_member(c->session, team->id, c->user_id) : ADMIN_TAKEN;
    if (result == ADMIN_TAKEN)
        change_refuse_coded(c, 400, "user_only_team", "Cannot leave your only team");
    else if (result == ADMIN_LAST_OWNER)
        change_refuse_coded(c, 400, "team_last_owner", "Cannot leave as the last owner");
    else if (change_done(c, result, "Team member not found", ""))
        answer_team_ids(c);
}

void api_team_leave(void *ctx, struct http_request *req)
{
    change_start(ctx, req, leave_team);
}
