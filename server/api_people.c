/*
 * api_people.c - who may manage users manages them; who may view the audit log reads it. By
 * instance roles alone: a team's owner is nobody here. A person's token does as much as its own
 * instance role and his allow.
 */
#include <stdlib.h>

#include "parsers/base/time.h"
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/url.h"

#define AUDIT_DEFAULT 100
#define AUDIT_MAX 1000

/* ---- users --------------------------------------------------------------------------------- */

static void list_users(struct change *c)
{
    const struct user *users;
    if (!change_may_on_server(c, PERM_INSTANCE_MANAGE_USERS))
        return;
    size_t n = rights_users(c->rights, &users);
    buf_putc(&c->text, '[');
    while (n-- > 0) { /* newest first */
        if (c->text.n > 1)
            buf_putc(&c->text, ',');
        api_put_user(&c->text, &users[n]);
    }
    buf_lit(&c->text, "]\n");
    c->status = 200;
}

void api_users_list(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, list_users);
}

static void answer_user(struct change *c, int status, int64_t id)
{
    const struct rights *rights = change_rights(c);
    const struct user *user = rights ? rights_user_by_id(rights, id) : NULL;
    if (!user)
        return;
    api_put_user(&c->text, user);
    buf_putc(&c->text, '\n');
    c->status = status;
}

struct user_body {
    struct str email, name, instance_role;
    bool disabled;
};

#define FIELD(name, kind, member)                                                                  \
    {                                                                                              \
        STR_INIT(name), kind, offsetof(struct user_body, member)                                   \
    }

static void create_user(struct change *c)
{
    static const struct api_field fields[] = {
        FIELD("email", API_TEXT, email),
        FIELD("name", API_TEXT, name),
        FIELD("instance_role", API_TEXT, instance_role),
    };
    struct user_body body = {.instance_role = STR("user")};
    struct new_user user = {.password_hash = STR_NONE};
    uint32_t given;
    int64_t id;
    if (!change_may_on_server(c, PERM_INSTANCE_MANAGE_USERS) ||
        !change_body(c, fields, COUNT_OF(fields), &body, &given))
        return;
    user.email = body.email.n ? str_trim(body.email) : STR_NONE;
    user.name = body.name.n ? str_trim(body.name) : user.email;
    if (!api_is_email(user.email))
        change_refuse(c, 400, "A valid email is required");
    else if (user.name.n > 120)
        change_refuse(c, 400, "Name is required and must be <= 120 characters");
    else if (!instance_role_parse(body.instance_role, &user.instance_role))
        change_refuse(c, 400, "Invalid instance role");
    else if (change_done(c, session_add_user(c->session, &user, &id), "", "User already exists"))
        answer_user(c, 201, id);
}

void api_users_create(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, create_user);
}

/* The user in the path. NULL: refused. */
static const struct user *user_of(struct change *c)
{
    unsigned char uuid[16];
    if (!change_may_on_server(c, PERM_INSTANCE_MANAGE_USERS))
        return NULL;
    if (!api_path_uuid(c->req->params[0], uuid)) {
        change_refuse(c, 400, "Invalid user ID");
        return NULL;
    }
    const struct user *user = rights_user_by_uuid(c->rights, uuid);
    if (!user)
        change_refuse(c, 404, "User not found");
    return user;
}

static void change_user(struct change *c)
{
    static const struct api_field fields[] = {
        FIELD("instance_role", API_TEXT, instance_role),
        FIELD("disabled", API_BOOL, disabled),
    };
    struct user_body body = {.instance_role = STR_NONE};
    const struct user *user = user_of(c);
    enum instance_role role;
    uint32_t given;
    if (!user || !change_body(c, fields, COUNT_OF(fields), &body, &given))
        return;
    int64_t id = user->id;
    body.disabled = given & 2 ? body.disabled : user->disabled_ms != 0;
    role = user->instance_role;
    if (str_is_set(body.instance_role) && !instance_role_parse(body.instance_role, &role)) {
        change_refuse(c, 400, "Invalid instance role");
        return;
    }
    bool new_role = role != user->instance_role;
    bool new_state = body.disabled != (user->disabled_ms != 0);
    enum admin_result result = ADMIN_OK;
    if (new_role)
        result = session_set_instance_role(c->session, id, role);
    if (result == ADMIN_OK && new_state)
        result = session_disable_user(c->session, id, body.disabled);
    if (change_done(c, result, "User not found", ""))
        answer_user(c, 200, id);
}
#undef FIELD

void api_users_change(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, change_user);
}

struct role_body {
    struct str role;
};

static void set_role(struct change *c)
{
    static const struct api_field fields[] = {
        {STR_INIT("role"), API_TEXT, offsetof(struct role_body, role)}};
    struct role_body body = {STR_NONE};
    const struct user *user = user_of(c);
    enum instance_role role;
    if (!user || !change_body_lenient(c, fields, COUNT_OF(fields), &body, "Invalid request"))
        return;
    if (!instance_role_parse(body.role, &role))
        change_refuse(c, 400, "Invalid instance role");
    else if (change_done(c, session_set_instance_role(c->session, user->id, role), "User not found",
                         ""))
        change_is_ok(c);
}

void api_users_role(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, set_role);
}

static bool has_other_owner(const struct rights *r, int64_t team, int64_t user)
{
    const struct member *members;
    size_t n = rights_members(r, &members);
    for (size_t i = 0; i < n; i++)
        if (members[i].team == team && members[i].user != user && members[i].role == TEAM_OWNER)
            return true;
    return false;
}

/* The first of the teams from *at on that nobody but this person owns. NULL: there is none. */
static const struct team *lone_team(const struct rights *r, int64_t user, size_t *at)
{
    const struct member *members;
    size_t n = rights_members(r, &members);
    while (*at < n) {
        const struct member *m = &members[(*at)++];
        const struct team *team = rights_team_by_id(r, m->team);
        if (m->user == user && m->role == TEAM_OWNER && team && !team->archived_ms &&
            !has_other_owner(r, team->id, user))
            return team;
    }
    return NULL;
}

/* False: there are none. */
static bool put_lone_teams(struct buf *out, const struct rights *r, const struct user *user)
{
    const struct team *team;
    size_t at = 0, found = 0;
    buf_putc(out, '[');
    while ((team = lone_team(r, user->id, &at))) {
        if (found++ > 0)
            buf_putc(out, ',');
        api_put_team(out, team, TEAM_OWNER);
    }
    buf_putc(out, ']');
    return found > 0;
}

/* As HitKeep's `force`: their sites go, and they are archived. False: refused. */
static bool archive_lone_teams(struct change *c, int64_t user)
{
    const struct team *team;
    size_t at = 0;
    while ((team = lone_team(c->rights, user, &at))) {
        int64_t id = team->id;
        if (!change_done(c, session_clear_team(c->session, id), "", "") ||
            !change_done(c, session_archive_team(c->session, id, true), "", "") ||
            !change_rights(c))
            return false;
        at = 0;
    }
    return true;
}

static void remove_user(struct change *c)
{
    const struct user *user = user_of(c);
    struct buf *out = &c->text;
    if (!user)
        return;
    int64_t id = user->id;
    if (id == change_user_id(c)) {
        change_refuse(c, 400, "Cannot delete yourself");
        return;
    }
    if (change_is_forced(c)) {
        if (!archive_lone_teams(c, id))
            return;
        user = rights_user_by_id(c->rights, id);
    }
    buf_lit(out, "{\"status\":\"error\",\"code\":\"user_owns_teams\",\"message\":"
                 "\"Transfer ownership before deleting this user, or use ?force=true to archive"
                 " their teams.\",\"teams\":");
    if (put_lone_teams(out, c->rights, user)) {
        buf_lit(out, "}\n");
        change_refuse(c, 409, NULL);
        return;
    }
    buf_reset(out);
    if (change_done(c, session_remove_user(c->session, id), "User not found", ""))
        change_is_ok(c);
}

void api_users_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_user);
}

/* ---- the audit log -------------------------------------------------------------------------- */

struct audit_text {
    struct buf *out;
    const char *comma;
};

static void put_entry(void *arg, const struct audit_entry *entry)
{
    struct audit_text *text = arg;
    struct buf *out = text->out;
    buf_printf(out, "%s{\"time\":", text->comma);
    api_put_time(out, entry->at_ms);
    buf_lit(out, ",\"actor\":");
    json_put_string(out, entry->actor);
    buf_lit(out, ",\"action\":");
    json_put_string(out, entry->action);
    buf_lit(out, ",\"subject\":");
    json_put_string(out, entry->subject);
    buf_printf(out, ",\"subject_id\":\"%s\",\"detail\":", entry->subject_id);
    json_put_string(out, entry->detail);
    buf_putc(out, '}');
    text->comma = ",";
}

/* `limit` of the query; bad values are the default, as for HitKeep's lists. */
static size_t limit_of(struct str query)
{
    struct buf scratch;
    struct str value;
    int64_t n = AUDIT_DEFAULT;
    buf_init(&scratch, query.n + 1);
    if (!query.n || !query_value(query, STR("limit"), &scratch, &value) ||
        !json_integer(value, &n) || n < 1)
        n = AUDIT_DEFAULT;
    buf_release(&scratch);
    return n > AUDIT_MAX ? AUDIT_MAX : (size_t)n;
}

static void read_audit(struct change *c)
{
    struct audit_text text = {&c->text, ""};
    struct audit_filter filter = {.most = limit_of(c->req->query)};
    if (!change_may_on_server(c, PERM_INSTANCE_VIEW_AUDIT))
        return;
    buf_putc(&c->text, '[');
    if (session_read_audit(c->session, &filter, put_entry, &text) != 0) {
        change_refuse(c, 500, "Internal server error");
        return;
    }
    buf_lit(&c->text, "]\n");
    c->status = 200;
}

void api_audit(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, read_audit);
}
