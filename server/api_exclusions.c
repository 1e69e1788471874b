/*
 * api_exclusions.c - the exclusions of a site, a team and the server over HTTP: list, add, remove.
 * What is changed is in force before the answer is sent.
 */
#include "parsers/base/time.h"
#include "server/api_person.h"
#include "server/url.h"
#include "server/uuid.h"

#define LIST_MAX (4u << 20)

/* Whose: of the site or the team in the path, or the server's. */
enum whose { OF_SITE, OF_TEAM, OF_SERVER };

/* As in struct exclusion. */
struct scope {
    int64_t team, site;
};

/*
 * HitKeep's third form: a role on the site, or a person's on the server. With a token the site's
 * side alone counts. A role that is only for sending (`ingest`) may neither see nor change what is
 * left out.
 */
static enum access site_access(const struct api_caller *caller, const struct site *site)
{
    if (!caller->user)
        return rights_may_by_grant(caller->rights, caller->client, site, PERM_SITE_MANAGE_TEAM);
    if (site && api_may_on_server(caller, PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS))
        return ACCESS_OK;
    bool may =
        rights_user_may(caller->rights, caller->user, site, PERM_SITE_MANAGE_TEAM) == ACCESS_OK;
    return may ? ACCESS_OK : ACCESS_TOO_SMALL;
}

static const struct api_refusal denied = {403, "Access denied"}, too_small = {403, "Forbidden"};

static const struct api_refusal *find_site(const struct api_caller *caller, struct str id,
                                           struct scope *scope)
{
    static const struct api_refusal no_id = {400, "invalid site ID"};
    unsigned char uuid[16];
    if (!api_path_uuid(id, uuid))
        return &no_id;
    const struct site *site = rights_site_by_uuid(caller->rights, uuid);
    enum access access = site_access(caller, site);
    if (access != ACCESS_OK)
        return access == ACCESS_DENIED ? &denied : &too_small;
    *scope = (struct scope){.site = site->id};
    return NULL;
}

/* Its routes are for people alone. */
static const struct api_refusal *find_team(const struct api_caller *caller, struct str id,
                                           struct scope *scope)
{
    static const struct api_refusal no_id = {400, "Invalid team ID"};
    unsigned char uuid[16];
    if (!api_path_uuid(id, uuid))
        return &no_id;
    const struct team *team = rights_team_by_uuid(caller->rights, uuid);
    if (!team || rights_team_role(caller->rights, team->id, caller->user) < TEAM_ADMIN)
        return &denied;
    *scope = (struct scope){.team = team->id};
    return NULL;
}

/* NULL: *scope is whose it is. */
static const struct api_refusal *refusal_of(const struct api_caller *caller, enum whose whose,
                                            const struct http_request *req, struct scope *scope)
{
    if (whose == OF_SITE)
        return find_site(caller, req->params[0], scope);
    if (whose == OF_TEAM)
        return find_team(caller, req->params[0], scope);
    *scope = (struct scope){0};
    return api_may_on_server(caller, PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS) ? NULL : &too_small;
}

/* HitKeep's words for the kinds, and the key that each has its value under. */
static const struct {
    struct str type, key;
} words[EXCLUSION_KINDS] = {
    [EXCLUSION_IP] = {STR_INIT("cidr"), STR_INIT("cidr")},
    [EXCLUSION_COUNTRY] = {STR_INIT("country"), STR_INIT("country_code")},
    [EXCLUSION_USER_AGENT] = {STR_INIT("user_agent"), STR_INIT("user_agent")},
    [EXCLUSION_PATH] = {STR_INIT("path"), STR_INIT("path")},
};

/* `inherited`: it holds for what was asked about because of a wider scope. */
static void put_one(struct buf *out, const struct rights *r, const struct exclusion *e,
                    bool inherited)
{
    const struct site *site = e->site ? rights_site_by_id(r, e->site) : NULL;
    const struct team *team = e->team ? rights_team_by_id(r, e->team) : NULL;
    buf_printf(out, "{\"id\":\"%s\",\"scope\":\"%s\"", e->uuid_text,
               e->site   ? "site"
               : e->team ? "team"
                         : "instance");
    if (team)
        buf_printf(out, ",\"team_id\":\"%s\"", team->uuid_text);
    if (site)
        buf_printf(out, ",\"site_id\":\"%s\"", site->uuid_text);
    buf_printf(out, ",\"type\":\"%s\",\"%s\":", words[e->kind].type.p, words[e->kind].key.p);
    json_put_string(out, e->value);
    if (e->description.n > 0) {
        buf_lit(out, ",\"description\":");
        json_put_string(out, e->description);
    }
    buf_lit(out, ",\"created_at\":");
    api_put_time(out, e->created_ms);
    buf_printf(out, ",\"inherited\":%s}", inherited ? "true" : "false");
}

static bool is_of(const struct exclusion *e, struct scope scope)
{
    return e->site == scope.site && e->team == scope.team;
}

/* The newest first. */
static void put_scope(struct buf *out, const struct rights *r, struct scope scope, bool inherited)
{
    const struct exclusion *list;
    for (size_t i = exclusions_list(rights_exclusions(r), &list); i-- > 0;) {
        if (!is_of(&list[i], scope))
            continue;
        if (out->n > 1)
            buf_putc(out, ',');
        put_one(out, r, &list[i], inherited);
    }
}

/* `effective`: behind those of what is above it, which hold for it, too. */
static void put_list(struct buf *out, const struct rights *r, struct scope scope, bool effective)
{
    const struct site *site = scope.site ? rights_site_by_id(r, scope.site) : NULL;
    buf_putc(out, '[');
    if (effective && (site || scope.team))
        put_scope(out, r, (struct scope){0}, true);
    if (effective && site)
        put_scope(out, r, (struct scope){.team = site->team}, true);
    put_scope(out, r, scope, false);
    buf_putc(out, ']');
}

/* The query's `effective`, case aside. False: it is neither. */
static bool effective_of(struct str query, bool *out)
{
    static const struct str yes[] = {STR_INIT("1"), STR_INIT("t"), STR_INIT("true")};
    static const struct str no[] = {STR_INIT("0"), STR_INIT("f"), STR_INIT("false")};
    struct buf scratch;
    struct str value = STR("");
    buf_init(&scratch, query.n + 1);
    if (query.n > 0 && query_value(query, STR("effective"), &scratch, &value))
        value = str_trim(value);
    *out = str_is_one_of(value, yes, COUNT_OF(yes));
    bool good = *out || value.n == 0 || str_is_one_of(value, no, COUNT_OF(no));
    buf_release(&scratch);
    return good;
}

static bool admit(struct api *a, struct http_request *req, enum whose whose,
                  struct api_caller *caller)
{
    struct api_person person;
    if (whose != OF_TEAM)
        return api_admit(a, a->general, req, caller);
    if (!api_admit_person(a, req, &person))
        return false;
    *caller = (struct api_caller){person.rights, NULL, person.user};
    return true;
}

static void list(struct api *a, struct http_request *req, enum whose whose)
{
    struct api_caller caller;
    struct buf out;
    struct scope scope;
    bool effective;
    if (!admit(a, req, whose, &caller))
        return;
    const struct api_refusal *refusal = refusal_of(&caller, whose, req, &scope);
    if (refusal) {
        http_error(req, refusal->status, refusal->message);
    } else if (!effective_of(req->query, &effective)) {
        http_error(req, 400, "invalid effective value");
    } else {
        buf_init(&out, LIST_MAX);
        put_list(&out, caller.rights, scope, effective);
        api_answer_json(req, 200, &out);
        buf_release(&out);
    }
    rights_release(caller.rights);
}

void api_exclusions_list(void *ctx, struct http_request *req)
{
    list(ctx, req, OF_SITE);
}

void api_team_exclusions_list(void *ctx, struct http_request *req)
{
    list(ctx, req, OF_TEAM);
}

void api_server_exclusions_list(void *ctx, struct http_request *req)
{
    list(ctx, req, OF_SERVER);
}

/* ---- changes, on the writer -------------------------------------------------------------------
 */

/* False: refused. */
static bool find_scope(struct change *c, enum whose whose, struct scope *scope)
{
    const struct api_caller caller = {c->rights, c->client, c->user};
    const struct api_refusal *refusal = refusal_of(&caller, whose, c->req, scope);
    if (refusal)
        change_refuse(c, refusal->status, refusal->message);
    return refusal == NULL;
}

struct exclusion_body {
    struct str type, values[EXCLUSION_KINDS], description;
};

static struct str trimmed(struct str s)
{
    return s.n > 0 ? str_trim(s) : STR("");
}

/* An address alone is enough, as in the versions that knew no other kind. */
static bool kind_of(const struct exclusion_body *body, enum exclusion_kind *kind)
{
    struct str type = trimmed(body->type);
    if (type.n == 0 && trimmed(body->values[EXCLUSION_IP]).n > 0)
        type = words[EXCLUSION_IP].type;
    for (int i = 0; i < EXCLUSION_KINDS; i++) {
        if (str_eq_nocase(type, words[i].type)) {
            *kind = (enum exclusion_kind)i;
            return true;
        }
    }
    return false;
}

/* HitKeep would have taken it: it has no caps there, and no word for them. */
static bool is_too_much(enum exclusion_kind kind, struct str text, const struct buf *cleaned)
{
    if (kind == EXCLUSION_PATH)
        return text.n > EXCLUSION_VALUE_MAX || cleaned->failed;
    return kind == EXCLUSION_USER_AGENT && text.n > 0;
}

/* Its value is put into `value`. NULL, or what is wrong. */
static const char *read_body(struct change *c, struct exclusion *e, struct buf *value)
{
#define VALUE(kind) offsetof(struct exclusion_body, values[kind])
    static const struct api_field fields[] = {
        {STR_INIT("type"), API_TEXT, offsetof(struct exclusion_body, type)},
        {STR_INIT("cidr"), API_TEXT, VALUE(EXCLUSION_IP)},
        {STR_INIT("country_code"), API_TEXT, VALUE(EXCLUSION_COUNTRY)},
        {STR_INIT("user_agent"), API_TEXT, VALUE(EXCLUSION_USER_AGENT)},
        {STR_INIT("path"), API_TEXT, VALUE(EXCLUSION_PATH)},
        {STR_INIT("description"), API_TEXT, offsetof(struct exclusion_body, description)},
    };
    static const char *const bad[EXCLUSION_KINDS] = {
        [EXCLUSION_IP] = "Invalid IP or CIDR",
        [EXCLUSION_COUNTRY] = "Invalid country code",
        [EXCLUSION_USER_AGENT] = "User agent must not be empty",
        [EXCLUSION_PATH] = "Path must not be empty",
    };
    struct exclusion_body body = {.type = STR_NONE};
    const char *expected;
    if (c->req->body_too_large ||
        !api_json_read(c->req->body, fields, COUNT_OF(fields), &body, &c->scratch, NULL))
        return "Invalid request body";
    e->description = trimmed(body.description);
    if (e->description.n > EXCLUSION_DESCRIPTION_MAX)
        return "Description must be 255 characters or fewer";
    if (!kind_of(&body, &e->kind))
        return "Invalid exclusion type";
    struct str text = trimmed(body.values[e->kind]);
    if (!exclusion_clean(e->kind, text, value, &expected)) {
        if (!is_too_much(e->kind, text, value))
            return bad[e->kind];
        buf_printf(&c->text, "%.*s must be %s", STR_ARGS(words[e->kind].key), expected);
        return buf_cstr(&c->text);
    }
    e->value = buf_str(value);
    return NULL;
}

static void add(struct change *c, enum whose whose)
{
    struct scope scope;
    struct buf value;
    if (!find_scope(c, whose, &scope))
        return;
    struct exclusion e = {.team = scope.team, .site = scope.site};
    buf_init(&value, EXCLUSION_VALUE_MAX);
    const char *wrong = read_body(c, &e, &value);
    enum admin_result result = wrong ? ADMIN_FAILED : session_add_exclusion(c->session, &e);
    if (wrong) {
        change_refuse(c, 400, wrong);
    } else if (result == ADMIN_FULL) {
        change_refuse(c, 409, "Too many exclusions");
    } else if (change_done(c, result, "", "Exclusion exists already") && change_rights(c)) {
        put_one(&c->text, c->rights, &e, false);
        buf_putc(&c->text, '\n');
        c->status = 201;
    }
    buf_release(&value);
}

static void add_to_site(struct change *c)
{
    add(c, OF_SITE);
}

static void add_to_team(struct change *c)
{
    add(c, OF_TEAM);
}

static void add_to_server(struct change *c)
{
    add(c, OF_SERVER);
}

void api_exclusions_add(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, add_to_site);
}

void api_team_exclusions_add(void *ctx, struct http_request *req)
{
    change_start(ctx, req, add_to_team);
}

void api_server_exclusions_add(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, add_to_server);
}

static void drop(struct change *c, enum whose whose)
{
    struct str id = c->req->params[whose == OF_SERVER ? 0 : 1];
    unsigned char uuid[16];
    char text[37];
    struct scope scope;
    if (!find_scope(c, whose, &scope))
        return;
    if (!api_path_uuid(id, uuid)) {
        change_refuse(c, 400, whose == OF_SERVER ? "Invalid rule ID" : "Invalid rule_id");
        return;
    }
    uuid_format(uuid, text);
    const struct exclusion *e = exclusion_by_uuid(rights_exclusions(c->rights), str_of(text));
    enum admin_result result =
        e && is_of(e, scope) ? session_remove_exclusion(c->session, e->id) : ADMIN_NONE;
    if (change_done(c, result, "Not found", ""))
        c->status = 204;
}

static void remove_from_site(struct change *c)
{
    drop(c, OF_SITE);
}

static void remove_from_team(struct change *c)
{
    drop(c, OF_TEAM);
}

static void remove_from_server(struct change *c)
{
    drop(c, OF_SERVER);
}

void api_exclusions_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_from_site);
}

void api_team_exclusions_remove(void *ctx, struct http_request *req)
{
    change_start(ctx, req, remove_from_team);
}

void api_server_exclusions_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_from_server);
}
