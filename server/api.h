/*
 * api.h - the HTTP API: HitKeep's three ingest endpoints and GET /api/sites, byte for byte, our
 * batch endpoint, and what a probe asks. It checks and answers; it stores through store.h and knows
 * rights through rights.h.
 *
 * - POST /api/sites/{id}/ingest/ai-fetch: one AI fetch; the time of receipt counts
 * - POST /api/ingest/server/pageview: one pageview
 * - POST /api/ingest/server/event: one event
 * - POST /api/ingest/server/batch: a header and its records (docs/architecture.md)
 * - POST /api/ingest/server/verify: the same body; which of its records are stored?
 * - GET /api/ingest/server/capabilities: what this server speaks; no token needed
 * - GET /api/sites: the sites that the token may touch
 * - GET /api/sites/{id}/ai-fetch/overview, timeseries, correlation, export, GET
 *   /api/sites/{id}/ai-activity, stats, hits, hits/export, tracking/status: reports (read_report.h)
 * - GET /api/sites/{id}/realtime: that something was stored (api_realtime.h)
 * - GET /api/ai-agents: names of the catalogue; no token needed
 * - GET /healthz, /readyz
 * - what people do once they have logged in: docs/api.md
 *
 * An answer that says a record was taken is sent after the store's commit is durable.
 */
#ifndef LOGFERRY_SERVER_API_H
#define LOGFERRY_SERVER_API_H

#include "server/limiter.h"
#include "server/route.h"
#include "server/store.h"

struct exclusions;
struct lists;

struct nodes;

struct api_config {
    struct nodes *nodes;              /* told of who asks; lent; NULL: nobody is */
    const struct exclusions *exclude; /* the configuration's; lent; may be NULL */
    const struct lists *lists;        /* at start: see api_set_lists; may be NULL */
    const struct cidr *proxies;       /* who may say for whom they ask; lent */
    size_t n_proxies;
    struct limiter_rate ingest_rate; /* server pageview and event */
    struct limiter_rate auth_rate;   /* log-in, first user */
    struct limiter_rate api_rate;    /* ai-fetch, reads, and bad tokens at the batch endpoint */
    uint32_t records_per_minute;     /* of each token, in batches; 0: no limit */
    const char *store_dir; /* lent: verify reads the store there, on a connection of its own */
    size_t streams;        /* of events, at once; see api_realtime.h */
    int64_t report_ms;     /* how long a report may take, from the request on */
    bool hitkeep_strict;   /* answer and count as HitKeep, where it is not what one would think */
    bool limit_local;      /* loopback and unix sockets are limited too: for tests */
    struct {
        struct str public_url; /* where people's browsers find this server; lent; STR_NONE */
        bool initial_user;     /* whoever comes first, while nobody can log in, is its owner */
    } account;
};
/* Nothing excluded, no proxies, HitKeep's rates: ingest 20/s with a burst of 40, api 10/s with 20,
 * auth 2/s with 5; 20 s for a report. */
void api_config_default(struct api_config *c);

#define API_SINGLE_BODY_MAX 65536u     /* bytes; over it 400, as HitKeep */
#define API_BATCH_BODY_MAX (16u << 20) /* bytes as sent; over it 413 */

struct api;

/*
 * Everything is lent and outlives the API, except *config, which is copied. The catalogue counts
 * search engines as AI: a batch's sender may have decided so; the single-record endpoints refuse
 * them all the same. Starts one thread that decodes batches, and one that
 * verifies them. NULL: errno says why (memory, threads). Runs on the loop's thread, like all the
 * rest.
 */
struct api *api_new(struct ev_loop *loop, struct store *store, const struct catalogue *catalogue,
                    const struct api_config *config);
/* Before the router's server starts. */
void api_add_routes(struct api *a, struct router *r);
/* Before a drain: what would never end by itself is ended. */
void api_stop(struct api *a);
/* From now on these count. Retained; the caller keeps its own reference. */
void api_set_lists(struct api *a, const struct lists *lists);
/*
 * Ends the threads and answers 503 to what it had not finished. After http_server_free or a drain,
 * and before store_close: what the store still works on needs no API. Accepts NULL.
 */
void api_free(struct api *a);

#endif
