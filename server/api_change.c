/* api_change.c - who is logged in, and the way of a change to the writer and back. */
#include <stdio.h>
#include <stdlib.h>

#include "server/account.h"
#include "server/api_json.h"
#include "server/api_person.h"
#include "server/cookie.h"
#include "server/origin.h"
#include "server/read_list.h"
#include "server/url.h"

bool api_find_person(struct api *a, const struct http_request *req, struct api_person *person)
{
    struct str token = cookie_value(http_header(req, STR("cookie")), STR(COOKIE_NAME));
    int64_t now_ms = api_now_ms();
    const struct login *login =
        str_is_set(token) ? logins_find(a->account->logins, token, now_ms) : NULL;
    if (!login)
        return false;
    struct rights *rights = store_rights(a->store);
    const struct user *user = rights_user_by_id(rights, login->user);
    if (user && !user->disabled_ms && login->epoch == user->login_epoch) {
        *person = (struct api_person){rights, user};
        return true;
    }
    rights_release(rights);
    logins_drop(a->account->logins, login->hash);
    return false;
}

void api_name_person(struct http_request *req, const struct user *user)
{
    snprintf(req->who, sizeof(req->who), "user:%s", user->uuid_text);
}

bool api_same_origin(struct api *a, struct http_request *req)
{
    if (origin_admits(req, a->config.account.public_url))
        return true;
    http_error(req, 404, "Not found");
    return false;
}

bool api_admit_person(struct api *a, struct http_request *req, struct api_person *person)
{
    if (!api_same_origin(a, req) || !api_within_rate(a, a->general, req))
        return false;
    if (api_find_person(a, req, person)) {
        api_name_person(req, person->user);
        return true;
    }
    auth_refuse(req);
    return false;
}

/* ---- changes ------------------------------------------------------------------------------ */

static void change_free(struct change *c)
{
    if (c->text.p)
        secret_wipe(c->text.p, c->text.cap); /* a token may stand in it */
    buf_release(&c->scratch);
    buf_release(&c->text);
    rights_release(c->held);
    free(c);
}

void change_refuse(struct change *c, int status, const char *message)
{
    c->status = status;
    c->message = message;
}

void change_refuse_coded(struct change *c, int status, const char *code, const char *message)
{
    change_refuse(c, status, NULL);
    buf_reset(&c->text);
    buf_printf(&c->text, "{\"status\":\"error\",\"code\":\"%s\",\"message\":\"%s\"}\n", code,
               message);
}

void change_is_ok(struct change *c)
{
    buf_lit(&c->text, "{\"status\":\"ok\"}\n");
    c->status = 200;
}

static struct api_caller caller_of(const struct change *c)
{
    return (struct api_caller){c->rights, c->client, c->user};
}

bool change_may_on_server(struct change *c, enum permission permission)
{
    struct api_caller caller = caller_of(c);
    if (api_may_on_server(&caller, permission))
        return true;
    change_refuse(c, 403, "Forbidden");
    return false;
}

bool change_is_forced(struct change *c)
{
    struct str value = STR("");
    return query_value(c->req->query, STR("force"), &c->scratch, &value) &&
           str_eq(value, STR("true"));
}

const struct site *change_site(struct change *c, enum permission permission)
{
    struct api_caller caller = caller_of(c);
    unsigned char uuid[16];
    if (!api_path_uuid(c->req->params[0], uuid)) {
        change_refuse(c, 400, "invalid site ID");
        return NULL;
    }
    const struct site *site = rights_site_by_uuid(c->rights, uuid);
    switch (api_may(&caller, site, permission)) {
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

int64_t change_user_id(const struct change *c)
{
    return c->client ? c->client->user : c->user_id;
}

const struct rights *change_rights(struct change *c)
{
    c->rights = session_rights(c->session);
    if (!c->rights)
        change_refuse(c, 500, "Internal server error");
    return c->rights;
}

bool change_body(struct change *c, const struct api_field *fields, size_t n, void *out,
                 uint32_t *given)
{
    /* Room for what is read out of it once more: it may not move then. */
    if (!c->req->body_too_large && buf_reserve(&c->scratch, 4 * c->req->body.n) &&
        api_json_read_strict(c->req->body, fields, n, out, &c->scratch, given))
        return true;
    change_refuse(c, 400, "Invalid JSON payload");
    return false;
}

bool change_body_lenient(struct change *c, const struct api_field *fields, size_t n, void *out,
                         const char *refusal)
{
    if (!c->req->body_too_large && buf_reserve(&c->scratch, 4 * c->req->body.n) &&
        api_json_read(c->req->body, fields, n, out, &c->scratch, NULL))
        return true;
    change_refuse(c, 400, refusal);
    return false;
}

bool change_done(struct change *c, enum admin_result result, const char *none, const char *taken)
{
    switch (result) {
    case ADMIN_OK:
        return true;
    case ADMIN_NONE:
        change_refuse(c, 404, none);
        break;
    case ADMIN_TAKEN:
        change_refuse(c, 409, taken);
        break;
    case ADMIN_LAST_OWNER:
        change_refuse(c, 409, "The last owner has to stay");
        break;
    case ADMIN_ENDED:
        change_refuse(c, 409, "API client is revoked or expired");
        break;
    case ADMIN_FULL: /* of exclusions alone, which are api_exclusions.c's */
    case ADMIN_FAILED:
        change_refuse(c, 500, "Internal server error");
        break;
    }
    return false;
}

/* As things are by now. False: neither person nor token is good any more. */
static bool find_asker(struct change *c)
{
    if (c->user_id == 0) {
        c->client = auth_client(c->rights, c->req, api_now_ms());
        if (!c->client)
            return false;
        c->client_id = c->client->id;
        session_act_for_client(c->session, c->client_id);
        return true;
    }
    c->user = rights_user_by_id(c->rights, c->user_id);
    session_act_for(c->session, c->user_id);
    return c->user && !c->user->disabled_ms;
}

static int on_writer(struct store_session *session, void *arg)
{
    struct change *c = arg;
    c->session = session;
    if (!change_rights(c))
        return -1;
    if (find_asker(c))
        c->run(c);
    else
        change_refuse(c, 401, "Unauthorized");
    if (c->text.failed || c->status == 0)
        change_refuse(c, 500, "Internal server error");
    return c->status < 400 ? 0 : -1;
}

static void on_done(struct store_job *job)
{
    struct change *c = job->owner;
    if (c->status >= 400 && c->message)
        http_error(c->answered, c->status, c->message);
    else if (c->status < 400 && job->result != STORE_OK)
        http_error(c->answered, 500, "Internal server error");
    else if (c->text.n > 0)
        http_respond(c->answered, c->status, "application/json", "Cache-Control: no-store\r\n",
                     buf_str(&c->text));
    else
        http_respond(c->answered, c->status, NULL, NULL, STR(""));
    change_free(c);
}

/* `user` 0: the token of the request decides. Takes the reference of `held`. */
static void submit(struct api *a, struct http_request *req, int64_t user, const struct rights *held,
                   void (*run)(struct change *c))
{
    struct change *c = calloc(1, sizeof(*c));
    if (!c) {
        rights_release(held);
        http_error(req, 500, "Internal server error");
        return;
    }
    buf_init(&c->scratch, 5 * API_MANAGE_BODY_MAX);
    buf_init(&c->text, 4u << 20);
    c->req = c->answered = req;
    c->held = held;
    c->user_id = user;
    c->run = run;
    c->job = (struct store_job){.kind = STORE_CALL,
                                .bytes = sizeof(*c) + req->body.n,
                                .call = on_writer,
                                .call_arg = c,
                                .done = on_done,
                                .owner = c};
    if (store_submit(a->store, &c->job) == 0)
        return;
    http_error_with(req, 503, "Service Unavailable", "Retry-After: 2\r\n");
    change_free(c);
}

void change_start(struct api *a, struct http_request *req, void (*run)(struct change *c))
{
    struct api_person person;
    if (api_admit_person(a, req, &person))
        submit(a, req, person.user->id, person.rights, run);
}

void change_start_any(struct api *a, struct http_request *req, void (*run)(struct change *c))
{
    struct api_caller caller;
    if (api_admit(a, a->general, req, &caller))
        submit(a, req, caller.user ? caller.user->id : 0, caller.rights, run);
}

/* ---- shapes ------------------------------------------------------------------------------- */

void api_put_time(struct buf *out, int64_t ms)
{
    if (ms == 0) {
        buf_lit(out, "null");
        return;
    }
    buf_putc(out, '"');
    list_put_time(out, ms);
    buf_putc(out, '"');
}

void api_put_email(struct buf *out, const struct user *user)
{
    json_put_string(out, user->email.n > 0 ? user->email : STR(""));
}

void api_put_user(struct buf *out, const struct user *user)
{
    buf_printf(out, "{\"id\":\"%s\",\"email\":", user->uuid_text);
    api_put_email(out, user);
    api_put_names(out, user);
    buf_lit(out, ",\"name\":");
    json_put_string(out, user->name);
    buf_printf(
        out, ",\"instance_role\":\"%s\",\"created_at\":", instance_role_name(user->instance_role));
    api_put_time(out, user->created_ms);
    buf_lit(out, ",\"disabled_at\":");
    api_put_time(out, user->disabled_ms);
    buf_putc(out, '}');
}
