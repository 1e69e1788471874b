/*
 * api_exclusions.c - a site's exclusions over HTTP, and the server's: list, add, remove. What is
 * changed is in force before the answer is sent. A team's are the command line's.
 */
#include "parsers/base/time.h"
#include "server/api_person.h"

#define LIST_MAX (4u << 20)

/* Whose: of the site in the path, or the server's. */
enum whose { OF_SITE, OF_SERVER };

/*
 * HitKeep's third form: a role on the site, or a person's on the server. With a token the site's
 * side alone counts. A role that is only for sending (`ingest`) may neither see nor change what is
 * left out.
 */
static enum access site_access(const struct api_caller *caller, const struct site *site)
{
    if (!caller->user)
        return rights_may_by_grant(caller->rights, caller->client, site, PERM_SITE_MANAGE_TEAM);
    if (site && permits(instance_permissions(caller->user->instance_role),
                        PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS))
        return ACCESS_OK;
    return rights_user_may(caller->rights, caller->user, site, PERM_SITE_MANAGE_TEAM);
}

static bool may_on_server(const struct api_caller *caller)
{
    if (!caller->user)
        return rights_may_on_server(caller->rights, caller->client,
                                    PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS);
    return permits(instance_permissions(caller->user->instance_role),
                   PERM_INSTANCE_MANAGE_SITE_EXCLUSIONS);
}

/* NULL: *site is the site's number, or 0 for the server. */
static const struct api_refusal *refusal_of(const struct api_caller *caller, enum whose whose,
                                            const struct http_request *req, int64_t *site)
{
    static const struct api_refusal no_id = {400, "invalid site ID"},
                                    denied = {403, "Access denied"}, too_small = {403, "Forbidden"};
    unsigned char uuid[16];
    if (whose == OF_SERVER) {
        *site = 0;
        return may_on_server(caller) ? NULL : &too_small;
    }
    if (!api_path_uuid(req->params[0], uuid))
        return &no_id;
    const struct site *found = rights_site_by_uuid(caller->rights, uuid);
    enum access access = site_access(caller, found);
    if (access != ACCESS_OK)
        return access == ACCESS_DENIED ? &denied : &too_small;
    *site = found->id;
    return NULL;
}

static void put_one(struct buf *out, const struct exclusion *e)
{
    buf_printf(out, "{\"id\":\"%s\",\"kind\":\"%s\",\"value\":", e->uuid_text,
               exclusion_kind_name(e->kind));
    json_put_string(out, e->value);
    buf_lit(out, ",\"created_at\":");
    api_put_time(out, e->created_ms);
    buf_putc(out, '}');
}

static bool is_of(const struct exclusion *e, int64_t site)
{
    return e->site == site && e->team == 0;
}

static void put_list(struct buf *out, const struct rights *r, int64_t site)
{
    const struct exclusion *list;
    const char *comma = "[";
    size_t n = exclusions_list(rights_exclusions(r), &list);
    for (size_t i = 0; i < n; i++) {
        if (!is_of(&list[i], site))
            continue;
        buf_put_str(out, str_of(comma));
        put_one(out, &list[i]);
        comma = ",";
    }
    buf_put_str(out, *comma == '[' ? STR("[]") : STR("]"));
}

static void list(struct api *a, struct http_request *req, enum whose whose)
{
    struct api_caller caller;
    struct buf out;
    int64_t site;
    if (!api_admit(a, a->general, req, &caller))
        return;
    const struct api_refusal *refusal = refusal_of(&caller, whose, req, &site);
    if (refusal) {
        http_error(req, refusal->status, refusal->message);
    } else {
        buf_init(&out, LIST_MAX);
        put_list(&out, caller.rights, site);
        api_answer_json(req, 200, &out);
        buf_release(&out);
    }
    rights_release(caller.rights);
}

void api_exclusions_list(void *ctx, struct http_request *req)
{
    list(ctx, req, OF_SITE);
}

void api_server_exclusions_list(void *ctx, struct http_request *req)
{
    list(ctx, req, OF_SERVER);
}

/* ---- changes, on the writer -------------------------------------------------------------------
 */

/* False: refused. */
static bool find_scope(struct change *c, enum whose whose, int64_t *site)
{
    const struct api_caller caller = {c->rights, c->client, c->user};
    const struct api_refusal *refusal = refusal_of(&caller, whose, c->req, site);
    if (refusal)
        change_refuse(c, refusal->status, refusal->message);
    return refusal == NULL;
}

/* Its value is put into `value`. False: refused. */
static bool read_body(struct change *c, struct exclusion *e, struct buf *value)
{
    struct exclusion_body {
        struct str kind, value;
    } body = {STR_INIT(""), STR_INIT("")};
    static const struct api_field fields[] = {
        {STR_INIT("kind"), API_TEXT, offsetof(struct exclusion_body, kind)},
        {STR_INIT("value"), API_TEXT, offsetof(struct exclusion_body, value)},
    };
    const char *expected;
    if (c->req->body_too_large ||
        !api_json_read(c->req->body, fields, COUNT_OF(fields), &body, &c->scratch, NULL)) {
        change_refuse(c, 400, "Bad request body");
        return false;
    }
    if (!exclusion_kind_parse(body.kind, &e->kind)) {
        change_refuse(c, 400, "kind must be one of ip, country, user_agent, path");
        return false;
    }
    if (!exclusion_clean(e->kind, body.value, value, &expected)) {
        buf_printf(&c->text, "value must be %s", expected);
        change_refuse(c, 400, buf_cstr(&c->text));
        return false;
    }
    e->value = buf_str(value);
    return true;
}

static void add(struct change *c, enum whose whose)
{
    struct exclusion e = {0};
    struct buf value;
    buf_init(&value, EXCLUSION_VALUE_MAX);
    if (find_scope(c, whose, &e.site) && read_body(c, &e, &value)) {
        enum admin_result result = session_add_exclusion(c->session, &e);
        if (result == ADMIN_FULL)
            change_refuse(c, 409, "Too many exclusions");
        else if (change_done(c, result, "", "Exclusion exists already")) {
            put_one(&c->text, &e);
            buf_putc(&c->text, '\n');
            c->status = 201;
        }
    }
    buf_release(&value);
}

static void add_to_site(struct change *c)
{
    add(c, OF_SITE);
}

static void add_to_server(struct change *c)
{
    add(c, OF_SERVER);
}

void api_exclusions_add(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, add_to_site);
}

void api_server_exclusions_add(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, add_to_server);
}

static void drop(struct change *c, enum whose whose)
{
    int64_t site;
    if (!find_scope(c, whose, &site))
        return;
    const struct exclusion *e =
        exclusion_by_uuid(rights_exclusions(c->rights), c->req->params[whose == OF_SITE ? 1 : 0]);
    enum admin_result result =
        e && is_of(e, site) ? session_remove_exclusion(c->session, e->id) : ADMIN_NONE;
    if (change_done(c, result, "Exclusion not found", ""))
        c->status = 204;
}

static void remove_from_site(struct change *c)
{
    drop(c, OF_SITE);
}

static void remove_from_server(struct change *c)
{
    drop(c, OF_SERVER);
}

void api_exclusions_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_from_site);
}

void api_server_exclusions_remove(void *ctx, struct http_request *req)
{
    change_start_any(ctx, req, remove_from_server);
}
