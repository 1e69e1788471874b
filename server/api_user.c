/* api_user.c - who is logged in, and out again; whether anybody can come in at all. */
#include <stdlib.h>

#include "server/account.h"
#include "server/api_person.h"
#include "server/cookie.h"

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
    http_respond(req, 204, NULL, buf_cstr(&headers), STR(""));
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
    if (!api_same_origin(a, req) || !api_within_rate(a, a->general, req))
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
