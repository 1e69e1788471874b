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

struct api_worker;
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
};

struct verifier *verifier_new(struct ev_loop *loop, const char *store_dir); /* NULL: as api_new */
void verifier_free(struct verifier *v);                                     /* accepts NULL */

/* Who asks. `rights` is retained: release it when done. */
struct api_caller {
    struct rights *rights;
    const struct client *client;
};

int64_t api_now_ms(void); /* wall clock */
/* Takes the caller's reference of rights, and one of the lists in force: release both. */
struct api_judge api_judge_of(const struct api *a, const struct api_caller *caller);
void api_judge_release(const struct api_judge *judge);
/* Who asks, also behind trusted proxies: api_client.c. */
struct http_peer api_client_of(const struct api *a, const struct http_request *req);

/* False: answered with 429. */
bool api_within_rate(struct api *a, struct limiter *l, struct http_request *req);
/* Rate, then token. False: answered with 429 or 401. */
bool api_admit(struct api *a, struct limiter *l, struct http_request *req,
               struct api_caller *caller);
/* Token only; a bad one costs the address a token of that limiter. False: answered. */
bool api_admit_unlimited(struct api *a, struct limiter *l, struct http_request *req,
                         struct api_caller *caller);

/* The quota of a token's records in batches. False: *wait_ms says how long. */
bool api_take_records(struct api *a, const struct client *client, uint32_t n, int64_t *wait_ms);

/* The site that the path names, if this client has that permission on it. Rule A: 403 for a site
 * that is not there, too; and another 403 for too small a role. NULL: answered. */
const struct site *api_site_with(const struct api_caller *caller, struct http_request *req,
                                 enum permission permission);

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
void api_fetch_overview(void *ctx, struct http_request *req);
void api_fetch_timeseries(void *ctx, struct http_request *req);
void api_fetch_correlation(void *ctx, struct http_request *req);
void api_fetch_export(void *ctx, struct http_request *req);
void api_stats(void *ctx, struct http_request *req);
void api_hits(void *ctx, struct http_request *req);
void api_hits_export(void *ctx, struct http_request *req);
void api_ai_agents(void *ctx, struct http_request *req);
void api_exclusions_list(void *ctx, struct http_request *req);
void api_exclusions_add(void *ctx, struct http_request *req);
void api_exclusions_remove(void *ctx, struct http_request *req);
void api_capabilities(void *ctx, struct http_request *req);
void api_healthz(void *ctx, struct http_request *req);
void api_readyz(void *ctx, struct http_request *req);

void api_reference_add_routes(struct router *r); /* /api/docs/… */

#endif
