/*
 * api_exclusions.c - a site's exclusions over HTTP: list, add, remove. What is changed is in force
 * before the answer is sent. The server's and a team's are the command line's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "parsers/base/time.h"
#include "server/api_internal.h"
#include "server/api_json.h"
#include "server/store_admin.h"

#define LIST_MAX (4u << 20)

static const char wrong_kind[] = "kind must be one of ip, country, user_agent, path";

/*
 * HitKeep's third form: with a token the site's side alone counts, no instance role makes up for
 * it. And a role that is only for sending (`ingest`) may neither see nor change what is left out.
 */
static bool may_exclude(const struct api_caller *caller, const struct site *site)
{
    if (caller->user)
        return rights_user_may(caller->rights, caller->user, site, PERM_SITE_MANAGE_TEAM) ==
               ACCESS_OK;
    return role_allows(rights_role(caller->rights, caller->client, site), PERM_SITE_MANAGE_TEAM);
}

static const struct site *find_site(const struct api_caller *caller, struct http_request *req)
{
    const struct site *site = api_site_with(caller, req, PERM_SITE_MANAGE_DATA);
    if (!site || may_exclude(caller, site))
        return site;
    http_error(req, 403, "Forbidden");
    return NULL;
}

static void put_one(struct buf *out, const struct exclusion *e)
{
    buf_printf(out, "{\"id\":\"%s\",\"kind\":\"%s\",\"value\":", e->uuid_text,
               exclusion_kind_name(e->kind));
    json_put_string(out, e->value);
    buf_lit(out, ",\"created_at\":\"");
    time_put_rfc3339(out, e->created_ms);
    buf_lit(out, "\"}");
}

static void put_list(struct buf *out, const struct rights *r, const struct site *site)
{
    const struct exclusion *list;
    const char *comma = "[";
    size_t n = exclusions_list(rights_exclusions(r), &list);
    for (size_t i = 0; i < n; i++) {
        if (list[i].site != site->id)
            continue;
        buf_put_str(out, str_of(comma));
        put_one(out, &list[i]);
        comma = ",";
    }
    buf_put_str(out, *comma == '[' ? STR("[]") : STR("]"));
}

void api_exclusions_list(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    struct buf out;
    if (!api_admit(a, a->general, req, &caller))
        return;
    const struct site *site = find_site(&caller, req);
    if (site) {
        buf_init(&out, LIST_MAX);
        put_list(&out, caller.rights, site);
        api_answer_json(req, 200, &out);
        buf_release(&out);
    }
    rights_release(caller.rights);
}

/* ---- changes ----------------------------------------------------------------------------------
 */

struct exclusion_change {
    struct store_job job;
    struct http_request *req;
    struct exclusion e; /* to add; or, by its id, to remove */
    bool remove;
    enum admin_result result;
    struct buf value;
};

static void change_free(struct exclusion_change *c)
{
    buf_release(&c->value);
    free(c);
}

static int run_change(struct store_session *session, void *arg)
{
    struct exclusion_change *c = arg;
    c->result = c->remove ? session_remove_exclusion(session, c->e.id)
                          : session_add_exclusion(session, &c->e);
    return c->result == ADMIN_OK ? 0 : -1;
}

static void answer_change(struct exclusion_change *c)
{
    struct buf out;
    switch (c->result) {
    case ADMIN_TAKEN:
        http_error(c->req, 409, "Exclusion exists already");
        return;
    case ADMIN_FULL:
        http_error(c->req, 409, "Too many exclusions");
        return;
    case ADMIN_NONE:
        http_error(c->req, 404, "Exclusion not found");
        return;
    default:
        break;
    }
    if (c->job.result != STORE_OK || c->result != ADMIN_OK) {
        http_error(c->req, 500, "Internal server error");
        return;
    }
    if (c->remove) {
        http_respond(c->req, 204, NULL, NULL, STR(""));
        return;
    }
    buf_init(&out, LIST_MAX);
    put_one(&out, &c->e);
    api_answer_json(c->req, 201, &out);
    buf_release(&out);
}

static void on_changed(struct store_job *job)
{
    struct exclusion_change *c = job->owner;
    answer_change(c);
    change_free(c);
}

static struct exclusion_change *change_new(struct http_request *req, bool remove)
{
    struct exclusion_change *c = calloc(1, sizeof(*c));
    if (!c) {
        http_error(req, 500, "Internal server error");
        return NULL;
    }
    *c = (struct exclusion_change){.req = req, .remove = remove, .result = ADMIN_FAILED};
    buf_init(&c->value, EXCLUSION_VALUE_MAX);
    return c;
}

static void submit(struct api *a, struct exclusion_change *c)
{
    c->job = (struct store_job){.kind = STORE_CALL,
                                .bytes = sizeof(*c) + c->value.cap,
                                .call = run_change,
                                .call_arg = c,
                                .done = on_changed,
                                .owner = c};
    if (store_submit(a->store, &c->job) == 0)
        return;
    http_error_with(c->req, 503, "Service Unavailable", "Retry-After: 2\r\n");
    change_free(c);
}

struct exclusion_body {
    struct str kind, value;
};

/* NULL: taken; else what is wrong. */
static const char *read_body(struct exclusion_change *c, struct buf *scratch, const char **expected)
{
    static const struct api_field fields[] = {
        {STR_INIT("kind"), API_TEXT, offsetof(struct exclusion_body, kind)},
        {STR_INIT("value"), API_TEXT, offsetof(struct exclusion_body, value)},
    };
    struct exclusion_body body = {STR_INIT(""), STR_INIT("")};
    *expected = NULL;
    if (c->req->body_too_large ||
        !api_json_read(c->req->body, fields, COUNT_OF(fields), &body, scratch, NULL))
        return "Bad request body";
    if (!exclusion_kind_parse(body.kind, &c->e.kind))
        return wrong_kind;
    if (!exclusion_clean(c->e.kind, body.value, &c->value, expected))
        return "";
    c->e.value = buf_str(&c->value);
    return NULL;
}

static void add(struct api *a, struct exclusion_change *c)
{
    struct buf scratch;
    const char *expected;
    char text[128];
    buf_init(&scratch, (size_t)4 * API_SINGLE_BODY_MAX);
    const char *problem = read_body(c, &scratch, &expected);
    if (problem && expected) {
        snprintf(text, sizeof(text), "value must be %s", expected);
        problem = text;
    }
    buf_release(&scratch);
    if (!problem) {
        submit(a, c);
        return;
    }
    http_error(c->req, 400, problem);
    change_free(c);
}

void api_exclusions_add(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    if (!api_admit(a, a->general, req, &caller))
        return;
    const struct site *site = find_site(&caller, req);
    struct exclusion_change *c = site ? change_new(req, false) : NULL;
    if (c) {
        c->e.site = site->id;
        add(a, c);
    }
    rights_release(caller.rights);
}

void api_exclusions_remove(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    if (!api_admit(a, a->general, req, &caller))
        return;
    const struct site *site = find_site(&caller, req);
    const struct exclusion *e =
        site ? exclusion_by_uuid(rights_exclusions(caller.rights), req->params[1]) : NULL;
    if (e && e->site == site->id) {
        struct exclusion_change *c = change_new(req, true);
        if (c) {
            c->e.id = e->id;
            submit(a, c);
        }
    } else if (site) {
        http_error(req, 404, "Exclusion not found");
    }
    rights_release(caller.rights);
}
