/*
 * api.c - the gate that every endpoint stands behind (rate, token), the table of routes, life and
 * death.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/account.h"
#include "server/api_internal.h"
#include "server/api_person.h"
#include "server/api_realtime.h"
#include "server/api_worker.h"
#include "server/clock.h"
#include "server/lists.h"
#include "server/nodes.h"
#include "server/uuid.h"

int64_t api_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

static bool take_token(struct api *a, struct limiter *l, const struct http_request *req)
{
    struct http_peer client = api_client_of(a, req);
    if (client.local && !a->config.limit_local)
        return true;
    return limiter_allow(l, client.address, clock_ms(CLOCK_MONOTONIC));
}

/* Of a minute: a record costs 60 tokens, of which as many come back each second as records may come
 * in a minute. */
#define RECORD_TOKENS 60u

static struct limiter_rate records_rate(const struct api_config *c)
{
    return (struct limiter_rate){c->records_per_minute, c->records_per_minute * RECORD_TOKENS};
}

bool api_take_records(struct api *a, const struct client *client, uint32_t n, int64_t *wait_ms)
{
    unsigned char key[16] = {0};
    memcpy(key, &client->id, sizeof(client->id));
    return limiter_take(a->records, key, n * RECORD_TOKENS, clock_ms(CLOCK_MONOTONIC), wait_ms);
}

static void refuse_rate(struct http_request *req)
{
    http_error_with(req, 429, "Too Many Requests", "Retry-After: 1\r\n");
}

bool api_within_rate(struct api *a, struct limiter *l, struct http_request *req)
{
    if (take_token(a, l, req))
        return true;
    refuse_rate(req);
    return false;
}

static void note_caller(struct api *a, struct http_request *req, const struct client *client,
                        int64_t now_ms)
{
    struct str status = http_header(req, STR("logferry-status"));
    if (str_is_set(status) && a->config.nodes)
        nodes_note(a->config.nodes, client_owner(client), status, now_ms);
    snprintf(req->who, sizeof(req->who), "%.*s", STR_ARGS(client->name));
}

/* On success the caller owns the snapshot. */
static bool find_client(struct api *a, struct http_request *req, struct api_caller *caller)
{
    struct rights *rights = store_rights(a->store);
    int64_t now_ms = api_now_ms();
    const struct client *client = auth_client(rights, req, now_ms);
    if (!client) {
        rights_release(rights);
        return false;
    }
    rights_note_use(rights, client, now_ms);
    *caller = (struct api_caller){rights, client, NULL};
    note_caller(a, req, client, now_ms);
    return true;
}

bool api_admit(struct api *a, struct limiter *l, struct http_request *req,
               struct api_caller *caller)
{
    struct api_person person;
    if (!api_find_person(a, req, &person))
        return api_admit_token(a, l, req, caller);
    *caller = (struct api_caller){person.rights, NULL, person.user};
    api_name_person(req, person.user);
    if (api_within_rate(a, l, req) && api_same_origin(a, req))
        return true;
    rights_release(person.rights);
    return false;
}

bool api_admit_token(struct api *a, struct limiter *l, struct http_request *req,
                     struct api_caller *caller)
{
    if (!api_within_rate(a, l, req))
        return false;
    if (find_client(a, req, caller))
        return true;
    auth_refuse(req);
    return false;
}

bool api_admit_unlimited(struct api *a, struct limiter *l, struct http_request *req,
                         struct api_caller *caller)
{
    if (find_client(a, req, caller))
        return true;
    if (take_token(a, l, req))
        auth_refuse(req);
    else
        refuse_rate(req);
    return false;
}

void api_answer_json(struct http_request *req, int status, struct buf *json)
{
    buf_putc(json, '\n');
    if (json->failed)
        http_error(req, 500, "Internal server error");
    else
        http_respond(req, status, "application/json", NULL, buf_str(json));
}

bool api_path_uuid(struct str segment, unsigned char uuid[16])
{
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < segment.n; i++) {
        char c = segment.p[i];
        if (c == '%') {
            int byte = percent_byte(segment, i);
            if (byte < 0)
                return false;
            c = (char)byte;
            i += 2;
        }
        if (n == sizeof(text))
            return false;
        text[n++] = c;
    }
    return uuid_parse((struct str){text, n}, uuid);
}

enum access api_may(const struct api_caller *caller, const struct site *site,
                    enum permission permission)
{
    return caller->user ? rights_user_may(caller->rights, caller->user, site, permission)
                        : rights_may(caller->rights, caller->client, site, permission);
}

bool api_may_on_server(const struct api_caller *caller, enum permission permission)
{
    return caller->user ? permits(instance_permissions(caller->user->instance_role), permission)
                        : rights_may_on_server(caller->rights, caller->client, permission);
}

enum role api_role_on(const struct api_caller *caller, const struct site *site)
{
    const struct user *user = caller->user;
    enum role role = user ? rights_user_role(caller->rights, user, site)
                          : rights_role_now(caller->rights, caller->client, site);
    if (role != ROLE_NONE || !user ||
        !permits(instance_permissions(user->instance_role), PERM_INSTANCE_VIEW_ALL_SITES))
        return role;
    return user->instance_role == INSTANCE_OWNER ? ROLE_OWNER : ROLE_VIEWER;
}

const struct site *api_site_with(const struct api_caller *caller, struct http_request *req,
                                 enum permission permission)
{
    unsigned char uuid[16];
    if (!api_path_uuid(req->params[0], uuid)) {
        http_error(req, 400, "invalid site ID");
        return NULL;
    }
    const struct site *site = rights_site_by_uuid(caller->rights, uuid);
    enum access access = api_may(caller, site, permission);
    if (access == ACCESS_OK)
        return site;
    http_error(req, 403, access == ACCESS_DENIED ? "Access denied" : "Forbidden");
    return NULL;
}

struct api_judge api_judge_of(const struct api *a, const struct api_caller *caller)
{
    return (struct api_judge){.rights = caller->rights,
                              .client = caller->client,
                              .exclude = a->config.exclude,
                              .lists = lists_retain(a->lists),
                              .strict = a->config.hitkeep_strict,
                              .now_ms = api_now_ms()};
}

void api_judge_release(const struct api_judge *judge)
{
    rights_release(judge->rights);
    lists_release(judge->lists);
}

void api_set_lists(struct api *a, const struct lists *lists)
{
    const struct lists *old = a->lists;
    a->lists = lists_retain(lists);
    lists_release(old);
}

void api_config_default(struct api_config *c)
{
    *c = (struct api_config){.ingest_rate = {20, 40},
                             .api_rate = {10, 20},
                             .auth_rate = {2, 5},
                             .streams = REALTIME_STREAMS,
                             .report_ms = 20000};
}

static const struct route routes[] = {
    {ROUTE_POST, "/api/sites/{id}/ingest/ai-fetch", API_SINGLE_BODY_MAX, api_ai_fetch_before,
     api_ai_fetch},
    {ROUTE_POST, "/api/ingest/server/pageview", API_SINGLE_BODY_MAX, api_page_before, api_pageview},
    {ROUTE_POST, "/api/ingest/server/event", API_SINGLE_BODY_MAX, api_page_before, api_event},
    {ROUTE_POST, "/api/ingest/server/batch", API_BATCH_BODY_MAX, api_batch_before, api_batch},
    {ROUTE_POST, "/api/ingest/server/verify", API_BATCH_BODY_MAX, api_batch_before, api_verify},
    {ROUTE_GET, "/api/ingest/server/capabilities", 0, NULL, api_capabilities},
    {ROUTE_GET, "/api/sites", 0, NULL, api_sites},
    {ROUTE_GET, "/api/sites/overview", 0, NULL, api_sites_overview},
    {ROUTE_GET, "/api/nodes", 0, NULL, api_nodes},
    {ROUTE_GET, "/api/sites/{id}/ai-fetch/overview", 0, NULL, api_fetch_overview},
    {ROUTE_GET, "/api/sites/{id}/ai-fetch/timeseries", 0, NULL, api_fetch_timeseries},
    {ROUTE_GET, "/api/sites/{id}/ai-fetch/correlation", 0, NULL, api_fetch_correlation},
    {ROUTE_GET, "/api/sites/{id}/ai-fetch/export", 0, NULL, api_fetch_export},
    {ROUTE_GET, "/api/sites/{id}/ai-activity", 0, NULL, api_activity},
    {ROUTE_GET, "/api/sites/{id}/stats", 0, NULL, api_stats},
    {ROUTE_GET, "/api/sites/{id}/tracking/status", 0, NULL, api_tracking},
    {ROUTE_GET, "/api/sites/{id}/realtime", 0, NULL, api_realtime},
    {ROUTE_GET, "/api/sites/{id}/hits", 0, NULL, api_hits},
    {ROUTE_GET, "/api/sites/{id}/hits/export", 0, NULL, api_hits_export},
    {ROUTE_GET, "/api/ai-agents", 0, NULL, api_ai_agents},
    {ROUTE_GET, "/api/sites/{id}/exclusions", 0, NULL, api_exclusions_list},
    {ROUTE_POST, "/api/sites/{id}/exclusions", API_SINGLE_BODY_MAX, NULL, api_exclusions_add},
    {ROUTE_DELETE, "/api/sites/{id}/exclusions/{exclusionId}", 0, NULL, api_exclusions_remove},
    {ROUTE_GET, "/api/admin/exclusions", 0, NULL, api_server_exclusions_list},
    {ROUTE_POST, "/api/admin/exclusions", API_SINGLE_BODY_MAX, NULL, api_server_exclusions_add},
    {ROUTE_DELETE, "/api/admin/exclusions/{exclusionId}", 0, NULL, api_server_exclusions_remove},
    {ROUTE_GET, "/api/status", 0, NULL, api_status},
    {ROUTE_POST, "/api/initial-user", API_SINGLE_BODY_MAX, NULL, api_initial_user},
    {ROUTE_POST, "/api/login", API_SINGLE_BODY_MAX, NULL, api_login},
    {ROUTE_POST, "/api/logout", API_SINGLE_BODY_MAX, NULL, api_logout},
    {ROUTE_GET, "/api/user", 0, NULL, api_user},
    {ROUTE_GET, "/api/user/profile", 0, NULL, api_user_profile},
    {ROUTE_PUT, "/api/user/profile", API_MANAGE_BODY_MAX, NULL, api_user_profile_change},
    {ROUTE_GET, "/api/user/current-ip", 0, NULL, api_user_address},
    {ROUTE_GET, "/api/user/permissions", 0, NULL, api_user_permissions},
    {ROUTE_POST, "/api/user/password", API_SINGLE_BODY_MAX, NULL, api_user_password},
    {ROUTE_GET, "/api/user/api-clients", 0, NULL, api_client_list},
    {ROUTE_POST, "/api/user/api-clients", API_MANAGE_BODY_MAX, NULL, api_client_create},
    {ROUTE_PUT, "/api/user/api-clients/{id}", API_MANAGE_BODY_MAX, NULL, api_client_update},
    {ROUTE_DELETE, "/api/user/api-clients/{id}", API_MANAGE_BODY_MAX, NULL, api_client_drop},
    {ROUTE_POST, "/api/user/api-clients/{id}/rotate", API_MANAGE_BODY_MAX, NULL, api_client_rotate},
    {ROUTE_GET, "/api/user/teams", 0, NULL, api_team_list},
    {ROUTE_POST, "/api/user/teams", API_MANAGE_BODY_MAX, NULL, api_team_create},
    {ROUTE_PUT, "/api/user/teams/{id}", API_MANAGE_BODY_MAX, NULL, api_team_rename},
    {ROUTE_PATCH, "/api/user/teams/{id}", API_MANAGE_BODY_MAX, NULL, api_team_rename},
    {ROUTE_DELETE, "/api/user/teams/{id}/leave", API_MANAGE_BODY_MAX, NULL, api_team_leave},
    {ROUTE_POST, "/api/user/teams/{id}/archive", API_MANAGE_BODY_MAX, NULL, api_team_archive},
    {ROUTE_POST, "/api/user/teams/{id}/transfer-ownership", API_MANAGE_BODY_MAX, NULL,
     api_team_transfer},
    {ROUTE_GET, "/api/user/teams/{id}/members", 0, NULL, api_member_list},
    {ROUTE_POST, "/api/user/teams/{id}/members", API_MANAGE_BODY_MAX, NULL, api_member_add},
    {ROUTE_PUT, "/api/user/teams/{id}/members/{userId}", API_MANAGE_BODY_MAX, NULL,
     api_member_change},
    {ROUTE_DELETE, "/api/user/teams/{id}/members/{userId}", API_MANAGE_BODY_MAX, NULL,
     api_member_remove},
    {ROUTE_GET, "/api/user/teams/{id}/api-clients", 0, NULL, api_team_client_list},
    {ROUTE_POST, "/api/user/teams/{id}/api-clients", API_MANAGE_BODY_MAX, NULL,
     api_team_client_create},
    {ROUTE_PUT, "/api/user/teams/{id}/api-clients/{clientId}", API_MANAGE_BODY_MAX, NULL,
     api_team_client_update},
    {ROUTE_DELETE, "/api/user/teams/{id}/api-clients/{clientId}", API_MANAGE_BODY_MAX, NULL,
     api_team_client_drop},
    {ROUTE_POST, "/api/user/teams/{id}/api-clients/{clientId}/rotate", API_MANAGE_BODY_MAX, NULL,
     api_team_client_rotate},
    {ROUTE_GET, "/api/user/teams/{id}/exclusions", 0, NULL, api_team_exclusions_list},
    {ROUTE_POST, "/api/user/teams/{id}/exclusions", API_SINGLE_BODY_MAX, NULL,
     api_team_exclusions_add},
    {ROUTE_DELETE, "/api/user/teams/{id}/exclusions/{exclusionId}", 0, NULL,
     api_team_exclusions_remove},
    {ROUTE_GET, "/api/user/teams/{id}/audit", 0, NULL, api_team_audit},
    {ROUTE_POST, "/api/sites", API_MANAGE_BODY_MAX, NULL, api_site_create},
    {ROUTE_DELETE, "/api/sites/{id}", API_MANAGE_BODY_MAX, NULL, api_site_remove},
    {ROUTE_PUT, "/api/sites/{id}/retention", API_MANAGE_BODY_MAX, NULL, api_site_retention},
    {ROUTE_PUT, "/api/sites/{id}/domain", API_MANAGE_BODY_MAX, NULL, api_site_rename},
    {ROUTE_POST, "/api/sites/{id}/transfer-team", API_MANAGE_BODY_MAX, NULL, api_site_move},
    {ROUTE_GET, "/api/sites/{id}/members", 0, NULL, api_site_member_list},
    {ROUTE_POST, "/api/sites/{id}/members", API_MANAGE_BODY_MAX, NULL, api_site_member_add},
    {ROUTE_DELETE, "/api/sites/{id}/members/{userId}", API_MANAGE_BODY_MAX, NULL,
     api_site_member_remove},
    {ROUTE_POST, "/api/sites/{id}/aliases", API_MANAGE_BODY_MAX, NULL, api_alias_add},
    {ROUTE_DELETE, "/api/sites/{id}/aliases", API_MANAGE_BODY_MAX, NULL, api_alias_remove},
    {ROUTE_GET, "/api/admin/users", 0, NULL, api_users_list},
    {ROUTE_POST, "/api/admin/users", API_MANAGE_BODY_MAX, NULL, api_users_create},
    {ROUTE_PUT, "/api/admin/users/{id}", API_MANAGE_BODY_MAX, NULL, api_users_change},
    {ROUTE_DELETE, "/api/admin/users/{id}", API_MANAGE_BODY_MAX, NULL, api_users_remove},
    {ROUTE_POST, "/api/admin/users/{id}/password", API_SINGLE_BODY_MAX, NULL, api_users_password},
    {ROUTE_POST, "/api/admin/users/{id}/role", API_MANAGE_BODY_MAX, NULL, api_users_role},
    {ROUTE_GET, "/api/admin/sites", 0, NULL, api_admin_sites},
    {ROUTE_DELETE, "/api/admin/sites/{id}", API_MANAGE_BODY_MAX, NULL, api_admin_site_remove},
    {ROUTE_GET, "/api/admin/teams", 0, NULL, api_admin_teams},
    {ROUTE_POST, "/api/admin/teams/{id}/archive", API_MANAGE_BODY_MAX, NULL,
     api_admin_team_archive},
    {ROUTE_DELETE, "/api/admin/teams/{id}", API_MANAGE_BODY_MAX, NULL, api_admin_team_remove},
    {ROUTE_GET, "/api/admin/system/audit", 0, NULL, api_admin_audit},
    {ROUTE_GET, "/api/admin/audit", 0, NULL, api_audit},
    {ROUTE_GET, "/healthz", 0, NULL, api_healthz},
    {ROUTE_GET, "/readyz", 0, NULL, api_readyz},
};

void api_add_routes(struct api *a, struct router *r)
{
    router_add(r, routes, sizeof(routes) / sizeof(routes[0]), a);
    api_reference_add_routes(r);
}

struct api *api_new(struct ev_loop *loop, struct store *store, const struct catalogue *catalogue,
                    const struct api_config *config)
{
    struct api *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->store = store;
    a->catalogue = catalogue;
    a->config = *config;
    a->ingest = limiter_new(config->ingest_rate, LIMITER_ADDRESSES);
    a->general = limiter_new(config->api_rate, LIMITER_ADDRESSES);
    a->auth = limiter_new(config->auth_rate, LIMITER_ADDRESSES);
    a->records = limiter_new(records_rate(config), LIMITER_ADDRESSES);
    a->lists = lists_retain(config->lists);
    a->worker = api_worker_new(loop);
    a->verifier = verifier_new(loop, config->store_dir);
    a->account = account_new(loop, config->store_dir);
    a->realtime = realtime_new(loop, config->streams, REALTIME_LIFETIME_MS);
    if (a->ingest && a->general && a->auth && a->records && a->worker && a->verifier &&
        a->account && a->realtime && (a->reads = read_pool_new(loop, config->store_dir)))
        return a;
    api_free(a);
    errno = ENOMEM;
    return NULL;
}

void api_stop(struct api *a)
{
    realtime_stop(a->realtime);
}

void api_free(struct api *a)
{
    if (!a)
        return;
    realtime_free(a->realtime);
    api_worker_free(a->worker);
    verifier_free(a->verifier);
    read_pool_free(a->reads);
    account_free(a->account);
    limiter_free(a->ingest);
    limiter_free(a->general);
    limiter_free(a->auth);
    limiter_free(a->records);
    lists_release(a->lists);
    free(a);
}
