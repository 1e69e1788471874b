/*
 * api_clients.c - people manage API clients: their own, and those of teams they may manage. The
 * calls, checks and messages are HitKeep's; `overlap_seconds` and the role `ingest` are ours.
 */
#include <stdlib.h>

#include "parsers/base/time.h"
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/delegation.h"
#include "server/go_text.h"
#include "server/read_list.h"

#define NAME_MAX_BYTES 120
#define DESCRIPTION_MAX_BYTES 500
#define OVERLAP_MAX_S (30 * 86400)

/* Whose clients a path is about: one of the two is 0. */
struct owner {
    int64_t team, user;
};

/* ---- shapes -------------------------------------------------------------------------------- */

struct grant_order {
    const struct site *site;
    enum role role;
};

static int by_site_id(const void *left, const void *right)
{
    const struct grant_order *a = left, *b = right;
    return memcmp(a->site->uuid, b->site->uuid, 16);
}

static void put_site_roles(struct buf *out, const struct rights *rights, int64_t client)
{
    const struct grant *grants;
    size_t n = rights_grants_of(rights, client, &grants), used = 0;
    struct grant_order *order = calloc(n ? n : 1, sizeof(*order));
    if (!order) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        order[used] =
            (struct grant_order){rights_site_by_id(rights, grants[i].site), grants[i].role};
        used += order[used].site != NULL;
    }
    qsort(order, used, sizeof(*order), by_site_id);
    for (size_t i = 0; i < used; i++)
        buf_printf(out, "%s{\"site_id\":\"%s\",\"role\":\"%s\"}", i ? "," : "",
                   order[i].site->uuid_text, role_name(order[i].role));
    free(order);
}

/* `,"name":"…"`, or nothing when the time is `none`. */
static void put_time(struct buf *out, const char *name, int64_t ms, int64_t none)
{
    if (ms == none)
        return;
    buf_printf(out, ",\"%s\":\"", name);
    list_put_time(out, ms);
    buf_putc(out, '"');
}

static void put_client(struct buf *out, const struct rights *rights, const struct client *client)
{
    const struct user *user = rights_user_by_id(rights, client->user);
    const struct team *team = rights_team_by_id(rights, client->team);
    buf_printf(out, "{\"id\":\"%s\"", client->uuid_text);
    if (user)
        buf_printf(out, ",\"user_id\":\"%s\"", user->uuid_text);
    if (team)
        buf_printf(out, ",\"tenant_id\":\"%s\"", team->uuid_text);
    buf_printf(out, ",\"owner_type\":\"%s\",\"name\":", client->team ? "team" : "personal");
    json_put_string(out, client->name);
    buf_lit(out, ",\"description\":");
    json_put_string(out, client->description.n ? client->description : STR(""));
    buf_printf(out, ",\"instance_role\":\"%s\"", instance_role_name(client->instance_role));
    put_time(out, "expires_at", client->expires_ms, INT64_MAX);
    put_time(out, "last_used_at", rights_last_used(rights, client), 0);
    put_time(out, "revoked_at", client->revoked_ms, 0);
    put_time(out, "created_at", client->created_ms, 0);
    put_time(out, "updated_at", client->updated_ms, 0);
    buf_lit(out, ",\"site_roles\":[");
    put_site_roles(out, rights, client->id);
    buf_lit(out, "]}");
}

/* ---- whose, and which ---------------------------------------------------------------------- */

struct refusal {
    int status;
    const char *message;
};

/* The team that the path names, if this person manages its clients. status 0: found. */
static struct refusal find_owner(const struct rights *rights, const struct user *user,
                                 const struct http_request *req, bool of_team, struct owner *owner)
{
    unsigned char uuid[16];
    *owner = (struct owner){.user = user->id};
    if (!of_team)
        return (struct refusal){0};
    if (!api_path_uuid(req->params[0], uuid))
        return (struct refusal){400, "Invalid team ID"};
    const struct team *team = rights_team_by_uuid(rights, uuid);
    if (!team || !team_role_manages_clients(rights_team_role(rights, team->id, user)))
        return (struct refusal){403, "Access denied"};
    *owner = (struct owner){.team = team->id};
    return (struct refusal){0};
}

/* False: refused. */
static bool owner_of(struct change *c, bool of_team, struct owner *owner)
{
    struct refusal r = find_owner(c->rights, c->user, c->req, of_team, owner);
    if (r.status)
        change_refuse(c, r.status, r.message);
    return r.status == 0;
}

/* NULL: refused. */
static const struct client *client_of(struct change *c, bool of_team)
{
    struct owner owner;
    unsigned char uuid[16];
    if (!owner_of(c, of_team, &owner))
        return NULL;
    if (!api_path_uuid(c->req->params[of_team ? 1 : 0], uuid)) {
        change_refuse(c, 400, "Invalid client ID");
        return NULL;
    }
    const struct client *client = rights_client_by_uuid(c->rights, uuid);
    if (client && client->team == owner.team && client->user == owner.user)
        return client;
    change_refuse(c, 404, "API client not found");
    return NULL;
}

/* ---- list ---------------------------------------------------------------------------------- */

static void list(struct api *a, struct http_request *req, bool of_team)
{
    struct api_person person;
    struct owner owner;
    struct buf out;
    if (!api_admit_person(a, req, &person))
        return;
    struct refusal r = find_owner(person.rights, person.user, req, of_team, &owner);
    if (r.status) {
        http_error(req, r.status, r.message);
        rights_release(person.rights);
        return;
    }
    buf_init(&out, 32u << 20);
    buf_putc(&out, '[');
    const struct client *clients;
    for (size_t i = rights_clients(person.rights, &clients); i-- > 0;) { /* newest first */
        if (clients[i].team != owner.team || clients[i].user != owner.user)
            continue;
        if (out.n > 1)
            buf_putc(&out, ',');
        put_client(&out, person.rights, &clients[i]);
    }
    buf_lit(&out, "]");
    rights_release(person.rights);
    api_answer_json(req, 200, &out);
    buf_release(&out);
}

/* ---- bodies -------------------------------------------------------------------------------- */

struct client_body {
    struct str name, description, instance_role, expires_at, site_roles;
    bool revoked;
    /* found: */
    struct delegated_role roles[DELEGATED_MAX + 1];
    struct grant grants[DELEGATED_MAX];
    struct client_fields fields;
};

#define FIELD(name, kind, member)                                                                  \
    {                                                                                              \
        STR_INIT(name), kind, offsetof(struct client_body, member)                                 \
    }
static const struct api_field client_fields[] = {
    FIELD("name", API_TEXT, name),
    FIELD("description", API_TEXT, description),
    FIELD("instance_role", API_TEXT, instance_role),
    FIELD("expires_at", API_TEXT, expires_at),
    FIELD("site_roles", API_ARRAY, site_roles),
    FIELD("revoked", API_BOOL, revoked), /* of an update; the last one, see `given` */
};
#undef FIELD
#define GIVEN_REVOKED (UINT32_C(1) << (COUNT_OF(client_fields) - 1))

static const struct api_field role_fields[] = {
    {STR_INIT("site_id"), API_TEXT, offsetof(struct delegated_role, site_id)},
    {STR_INIT("role"), API_TEXT, offsetof(struct delegated_role, role)},
};

/* The array's objects, one more than there may be at most. -1: not what it should be. */
static int read_roles(struct str array, struct delegated_role *roles, struct buf *scratch)
{
    struct json_reader r;
    enum json_event event;
    uint32_t given;
    int n = 0;
    if (!str_is_set(array))
        return 0;
    json_reader_init(&r, array, scratch);
    json_next(&r);
    while ((event = json_next(&r)) == JSON_OBJECT) {
        size_t from = r.at - 1;
        if (!json_skip_value(&r, event))
            return -1;
        if (n > DELEGATED_MAX)
            continue;
        struct delegated_role *role = &roles[n++];
        *role = (struct delegated_role){STR(""), STR("")};
        if (!api_json_read_strict(str_slice(array, from, r.at), role_fields, COUNT_OF(role_fields),
                                  role, scratch, &given))
            return -1;
    }
    return event == JSON_ARRAY_END ? n : -1;
}

/* Checks what the body says, in HitKeep's order; on true, body->fields is what to store. */
static bool read_client(struct change *c, struct owner owner, bool update, struct client_body *body,
                        uint32_t *given)
{
    size_t n = COUNT_OF(client_fields) - !update;
    struct client_fields *f = &body->fields;
    const char *refusal = NULL;
    int n_roles;
    *body = (struct client_body){.expires_at = STR_NONE};
    if (!change_body(c, client_fields, n, body, given))
        return false;
    n_roles = read_roles(body->site_roles, body->roles, &c->scratch);
    f->expires_ms = INT64_MAX;
    if (n_roles < 0 ||
        (str_is_set(body->expires_at) && !time_parse_rfc3339(body->expires_at, &f->expires_ms))) {
        change_refuse(c, 400, "Invalid JSON payload");
        return false;
    }
    f->name = go_trim(body->name);
    f->description = go_trim(body->description);
    body->instance_role = go_trim(body->instance_role);
    f->instance_role = INSTANCE_USER;
    bool wants_role = !owner.team && (update || body->instance_role.n > 0);
    if (f->name.n == 0 || f->name.n > NAME_MAX_BYTES)
        refusal = "Name is required and must be <= 120 characters";
    else if (f->description.n > DESCRIPTION_MAX_BYTES)
        refusal = "Description must be <= 500 characters";
    else if (wants_role && !instance_role_parse(body->instance_role, &f->instance_role))
        refusal = "Invalid instance role";
    if (refusal) {
        change_refuse(c, 400, refusal);
        return false;
    }
    f->grants = body->grants;
    f->n_grants = (size_t)n_roles;
    refusal = delegation_instance_refusal(c->user, f->instance_role);
    if (!refusal)
        refusal = delegation_refusal(c->rights, c->user, owner.team, body->roles, (size_t)n_roles,
                                     body->grants);
    if (refusal)
        change_refuse(c, 403, refusal);
    return !refusal;
}

/* ---- changes ------------------------------------------------------------------------------- */

static void answer_client(struct change *c, int status, int64_t client, const char *token)
{
    if (!change_rights(c))
        return;
    const struct client *now = rights_client_by_id(c->rights, client);
    if (!now) {
        change_refuse(c, 500, "Internal server error");
        return;
    }
    if (token)
        buf_lit(&c->text, "{\"client\":");
    put_client(&c->text, c->rights, now);
    if (token)
        buf_printf(&c->text, ",\"token\":\"%s\"}", token);
    buf_putc(&c->text, '\n');
    c->status = status;
}

static bool new_token(struct change *c, char token[TOKEN_LENGTH + 1],
                      unsigned char hash[TOKEN_HASH_BYTES])
{
    if (token_generate(token) == 0 && sha256(str_of(token), hash) == 0)
        return true;
    change_refuse(c, 500, "Internal server error");
    return false;
}

static void create(struct change *c, bool of_team)
{
    struct owner owner;
    struct client_body *body = calloc(1, sizeof(*body));
    char token[TOKEN_LENGTH + 1];
    unsigned char hash[TOKEN_HASH_BYTES];
    uint32_t given;
    int64_t id;
    if (body && owner_of(c, of_team, &owner) && read_client(c, owner, false, body, &given) &&
        new_token(c, token, hash)) {
        struct new_client client = {body->fields, owner.team, owner.user, hash};
        if (change_done(c, session_add_client(c->session, &client, &id), "", ""))
            answer_client(c, 201, id, token);
        secret_wipe(token, sizeof(token));
    }
    free(body);
}

static void update(struct change *c, bool of_team)
{
    const struct client *client = client_of(c, of_team);
    struct client_body *body = client ? calloc(1, sizeof(*body)) : NULL;
    struct owner owner = {client ? client->team : 0, client ? client->user : 0};
    int64_t id = client ? client->id : 0;
    uint32_t given;
    if (body && read_client(c, owner, true, body, &given)) {
        enum admin_result result = session_update_client(c->session, id, &body->fields);
        if (result == ADMIN_OK && given & GIVEN_REVOKED)
            result = session_revoke_client(c->session, id, body->revoked);
        if (change_done(c, result, "API client not found", ""))
            answer_client(c, 200, id, NULL);
    }
    free(body);
}

struct rotate_body {
    int64_t overlap_s;
};

static void rotate(struct change *c, bool of_team)
{
    static const struct api_field fields[] = {
        {STR_INIT("overlap_seconds"), API_INTEGER, offsetof(struct rotate_body, overlap_s)}};
    struct rotate_body body = {0};
    char token[TOKEN_LENGTH + 1];
    unsigned char hash[TOKEN_HASH_BYTES];
    uint32_t given;
    const struct client *client = client_of(c, of_team);
    if (!client || (c->req->body.n > 0 && !change_body(c, fields, COUNT_OF(fields), &body, &given)))
        return;
    if (body.overlap_s < 0 || body.overlap_s > OVERLAP_MAX_S) {
        change_refuse(c, 400, "overlap_seconds must be between 0 and 2592000");
        return;
    }
    int64_t id = client->id;
    if (!new_token(c, token, hash))
        return;
    if (change_done(c, session_rotate_client(c->session, id, hash, body.overlap_s * 1000),
                    "API client not found", ""))
        answer_client(c, 200, id, token);
    secret_wipe(token, sizeof(token));
}

static void drop(struct change *c, bool of_team)
{
    const struct client *client = client_of(c, of_team);
    if (client &&
        change_done(c, session_remove_client(c->session, client->id), "API client not found", ""))
        c->status = 204;
}

/* ---- the routes ---------------------------------------------------------------------------- */

#define CHANGE(what)                                                                               \
    static void what##_own(struct change *c)                                                       \
    {                                                                                              \
        what(c, false);                                                                            \
    }                                                                                              \
    static void what##_teams(struct change *c)                                                     \
    {                                                                                              \
        what(c, true);                                                                             \
    }                                                                                              \
    void api_client_##what(void *ctx, struct http_request *req)                                    \
    {                                                                                              \
        change_start(ctx, req, what##_own);                                                        \
    }                                                                                              \
    void api_team_client_##what(void *ctx, struct http_request *req)                               \
    {                                                                                              \
        change_start(ctx, req, what##_teams);                                                      \
    }
CHANGE(create)
CHANGE(update)
CHANGE(rotate)
CHANGE(drop)
#undef CHANGE

void api_client_list(void *ctx, struct http_request *req)
{
    list(ctx, req, false);
}

void api_team_client_list(void *ctx, struct http_request *req)
{
    list(ctx, req, true);
}
