/*
 * api_internal.h - shared by api.c (the gate) and api_single.c, api_batch.c, api_verify.c and
 * api_read.c (the endpoints).
 */
#ifndef LOGFERRY_SERVER_API_INTERNAL_H
#define LOGFERRY_SERVER_API_INTERNAL_H

#include "server/api.h"
#include "server/api_check.h"
#include "server/api_reads.h"
#include "server/auth.h"

struct account;
struct api_worker;
struct realtime; /* api_realtime.h */
struct verifier; /* api_verify.c */

struct api {
    struct store *store;
    const struct catalogue *catalogue;
    struct api_config config;
    struct limiter *ingest, *general, *auth;
    struct limiter *records; /* of each client, in batches */
    const struct lists *lists;
    struct api_worker *worker;
    struct verifier *verifier;
    struct read_pool *reads;
    struct account *account; /* people's logins and passwords */
    struct realtime *realtime;
};

struct verifier *verifier_new(struct ev_loop *loop, const char *store_dir); /* NULL: as api_new */
void verifier_free(struct verifier *v);                                     /* accepts NULL */

/* Who asks: a token's client, or a person who has logged in; the other is NULL. `rights` is
 * retained: release it when done. */
struct api_caller {
    const struct rights *rights;
    const struct client *client;
    const struct user *user;
};

int64_t api_now_ms(void); /* wall clock */
/* Takes the caller's reference of rights, and one of the lists in force: release both. */
struct api_judge api_judge_of(const struct api *a, const struct api_caller *caller);
void api_judge_release(const struct api_judge *judge);
/* Who asks, also behind trusted proxies: api_client.c. */
struct http_peer api_client_of(const struct api *a, const struct http_request *req);
/* Did the client come by https, by what is configured or a trusted proxy says? */
bool api_is_https(const struct api *a, const struct http_request *req);

/* False: answered with 429. */
bool api_within_rate(struct api *a, struct limiter *l, struct http_request *req);
/* Rate, then cookie, then token. False: answered with 429, 401, or 404 when another site's page
 * makes use of a cookie. */
bool api_admit(struct api *a, struct limiter *l, struct http_request *req,
               struct api_caller *caller);
/* The same for routes of tokens alone. */
bool api_admit_token(struct api *a, struct limiter *l, struct http_request *req,
                     struct api_caller *caller);
/* Token only; a bad one costs the address a token of that limiter. False: answered. */
bool api_admit_unlimited(struct api *a, struct limiter *l, struct http_request *req,
                         struct api_caller *caller);

/* The quota of a token's records in batches. False: *wait_ms says how long. */
bool api_take_records(struct api *a, const struct client *client, uint32_t n, int64_t *wait_ms);

/* Whoever asks, as rights_may and rights_user_may; and on the server itself. */
enum access api_may(const struct api_caller *caller, const struct site *site,
                    enum permission permission);
bool api_may_on_server(const struct api_caller *caller, enum permission permission);
/* What the caller is on a site by now; a person who may view all sites is what that allows. */
enum role api_role_on(const struct api_caller *caller, const struct site *site);
/* The site that the path names, if the caller has that permission on it. Rule A: 403 for a site
 * that is not there, too; and another 403 for too small a role. NULL: answered. */
const struct site *api_site_with(const struct api_caller *caller, struct http_request *req,
                                 enum permission permission);

/* The UUID of a path's segment; percent-escapes count, as in Go's mux. */
bool api_path_uuid(struct str segment, unsigned char uuid[16]);

/* Ends the line of JSON in `json` and answers with it; 500 when it did not fit. */
void api_answer_json(struct http_request *req, int status, struct buf *json);
/* A site as JSON; role: of whoever asks. */
void api_put_site(struct buf *out, const struct rights *rights, const struct site *site,
                  enum role role);

/* The handlers; ctx is the struct api. */
void api_ai_fetch(void *ctx, struct http_request *req);
void api_ai_fetch_before(void *ctx, struct http_request *req);
void api_page_before(void *ctx, struct http_request *req); /* pageviews and events */
void api_pageview(void *ctx, struct http_request *req);
void api_event(void *ctx, struct http_request *req);
void api_batch_before(void *ctx, struct http_request *req);
void api_batch(void *ctx, struct http_request *req);
void api_verify(void *ctx, struct http_request *req); /* api_batch_before is its, too */
void api_sites(void *ctx, struct http_request *req);
void api_nodes(void *ctx, struct http_request *req); /* api_nodes.c */
void api_fetch_overview(void *ctx, struct http_request *req);
void api_fetch_timeseries(void *ctx, struct http_request *req);
void api_fetch_correlation(void *ctx, struct http_request *req);
void api_fetch_export(void *ctx, struct http_request *req);
void api_sites_overview(void *ctx, struct http_request *req);
void api_activity(void *ctx, struct http_request *req);
void api_stats(void *ctx, struct http_request *req);
void api_tracking(void *ctx, struct http_request *req);
void api_realtime(void *ctx, struct http_request *req);
void api_hits(void *ctx, struct http_request *req);
void api_hits_export(void *ctx, struct http_request *req);
void api_ai_agents(void *ctx, struct http_request *req);
void api_exclusions_list(void *ctx, struct http_request *req); /* api_exclusions.c: a site's */
void api_exclusions_add(void *ctx, struct http_request *req);
void api_exclusions_remove(void *ctx, struct http_request *req);
void api_team_exclusions_list(void *ctx, struct http_request *req);
void api_team_exclusions_add(void *ctx, struct http_request *req);
void api_team_exclusions_remove(void *ctx, struct http_request *req);
void api_server_exclusions_list(void *ctx, struct http_request *req);
void api_server_exclusions_add(void *ctx, struct http_request *req);
void api_server_exclusions_remove(void *ctx, struct http_request *req);
void api_capabilities(void *ctx, struct http_request *req);
void api_login(void *ctx, struct http_request *req); /* api_login.c */
void api_initial_user(void *ctx, struct http_request *req);
void api_user_password(void *ctx, struct http_request *req);
void api_logout(void *ctx, struct http_request *req); /* api_user.c */
void api_user(void *ctx, struct http_request *req);
void api_user_profile(void *ctx, struct http_request *req);
void api_user_profile_change(void *ctx, struct http_request *req);
void api_user_address(void *ctx, struct http_request *req);
void api_user_permissions(void *ctx, struct http_request *req);
void api_status(void *ctx, struct http_request *req);
void api_client_list(void *ctx, struct http_request *req); /* api_clients.c */
void api_client_create(void *ctx, struct http_request *req);
void api_client_update(void *ctx, struct http_request *req);
void api_client_rotate(void *ctx, struct http_request *req);
void api_client_drop(void *ctx, struct http_request *req);
void api_team_client_list(void *ctx, struct http_request *req);
void api_team_client_create(void *ctx, struct http_request *req);
void api_team_client_update(void *ctx, struct http_request *req);
void api_team_client_rotate(void *ctx, struct http_request *req);
void api_team_client_drop(void *ctx, struct http_request *req);
void api_team_list(void *ctx, struct http_request *req); /* api_teams.c */
void api_team_create(void *ctx, struct http_request *req);
void api_team_rename(void *ctx, struct http_request *req);
void api_member_list(void *ctx, struct http_request *req);
void api_member_add(void *ctx, struct http_request *req);
void api_member_change(void *ctx, struct http_request *req);
void api_member_remove(void *ctx, struct http_request *req);
void api_team_leave(void *ctx, struct http_request *req);
void api_team_archive(void *ctx, struct http_request *req);
void api_team_transfer(void *ctx, struct http_request *req);
void api_team_audit(void *ctx, struct http_request *req);  /* api_audit.c */
void api_site_create(void *ctx, struct http_request *req); /* api_sites.c */
void api_site_remove(void *ctx, struct http_request *req);
void api_site_retention(void *ctx, struct http_request *req);
void api_site_rename(void *ctx, struct http_request *req);
void api_site_move(void *ctx, struct http_request *req);
void api_site_member_list(void *ctx, struct http_request *req);
void api_site_member_add(void *ctx, struct http_request *req);
void api_site_member_remove(void *ctx, struct http_request *req);
void api_alias_add(void *ctx, struct http_request *req);
void api_alias_remove(void *ctx, struct http_request *req);
void api_users_list(void *ctx, struct http_request *req); /* api_people.c */
void api_users_create(void *ctx, struct http_request *req);
void api_users_change(void *ctx, struct http_request *req);
void api_users_remove(void *ctx, struct http_request *req);
void api_users_role(void *ctx, struct http_request *req);
void api_admin_sites(void *ctx, struct http_request *req); /* api_admin.c */
void api_admin_site_remove(void *ctx, struct http_request *req);
void api_admin_teams(void *ctx, struct http_request *req);
void api_admin_team_archive(void *ctx, struct http_request *req);
void api_admin_team_remove(void *ctx, struct http_request *req);
void api_admin_audit(void *ctx, struct http_request *req);
void api_users_password(void *ctx, struct http_request *req); /* api_login.c */
void api_audit(void *ctx, struct http_request *req);
void api_healthz(void *ctx, struct http_request *req);
void api_readyz(void *ctx, struct http_request *req);

void api_reference_add_routes(struct router *r); /* /api/docs/… */

#endif
