/* api_read.c - what a probe asks: which sites, which limits, alive, ready. */
#include "parsers/base/time.h"
#include "server/api_internal.h"
#include "server/read_list.h"

#define JSON_TYPE "application/json"

/* The owner of a site that nobody's login has added. */
#define NOBODY "00000000-0000-0000-0000-000000000000"

void api_put_site(struct buf *out, const struct rights *rights, const struct site *site,
                  enum role role)
{
    const struct user *owner = rights_user_by_id(rights, site->owner);
    buf_printf(out, "{\"id\":\"%s\",\"user_id\":\"%s\",\"domain\":", site->uuid_text,
               owner ? owner->uuid_text : NOBODY);
    json_put_string(out, site->domain);
    buf_printf(out, ",\"data_retention_days\":%u,\"created_at\":\"", site->retention_days);
    list_put_time(out, site->created_ms);
    buf_lit(out, "\",\"aliases\":[");
    for (size_t i = 0; i < site->n_aliases; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_put_string(out, site->aliases[i]);
    }
    buf_printf(out, "],\"role\":\"%s\"}", role_name(role));
}

void api_sites(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct api_caller caller;
    if (!api_admit(a, a->general, req, &caller))
        return;
    struct buf out;
    buf_init(&out, 32u << 20);
    const struct site *sites;
    size_t n = rights_sites(caller.rights, &sites);
    buf_putc(&out, '[');
    while (n-- > 0) { /* the newest first */
        const struct site *site = &sites[n];
        enum role role = api_role_on(&caller, site);
        if (role == ROLE_NONE)
            continue;
        if (out.n > 1)
            buf_putc(&out, ',');
        api_put_site(&out, caller.rights, site, role);
    }
    buf_lit(&out, "]");
    rights_release(caller.rights);
    api_answer_json(req, 200, &out);
    buf_release(&out);
}

void api_capabilities(void *ctx, struct http_request *req)
{
    struct buf out;
    buf_init(&out, 1024);
    buf_printf(
        &out,
        "{\"server\":\"logferry-server/%s\",\"protocols\":[\"batch\"],\"verify\":1,\"limits\":{"
        "\"decoded_bytes\":%u,\"records\":%u,\"streams\":%u,\"body_bytes\":%u},\"time\":\"",
        LOGFERRY_VERSION, BATCH_MAX_DECODED, BATCH_MAX_RECORDS, BATCH_MAX_STREAMS,
        API_BATCH_BODY_MAX);
    time_put_rfc3339(&out, api_now_ms());
    buf_lit(&out, "\"}\n");
    http_respond(req, 200, JSON_TYPE, NULL, buf_str(&out));
    buf_release(&out);
}

void api_healthz(void *ctx, struct http_request *req)
{
    http_respond(req, 200, "text/plain; charset=utf-8", NULL, STR("ok"));
}

/* As HitKeep's, with what is wrong in it. */
static void not_ready(struct http_request *req, const char *message)
{
    struct buf out;
    buf_init(&out, 256);
    buf_printf(&out,
               "{\"code\":\"database_unavailable\",\"message\":\"%s\",\"retry_after_seconds\":5,"
               "\"status\":\"error\"}\n",
               message);
    http_respond(req, 503, "application/json", "Retry-After: 5\r\n", buf_str(&out));
    buf_release(&out);
}

void api_readyz(void *ctx, struct http_request *req)
{
    struct api *a = ctx;
    struct store_stats stats;
    store_stats(a->store, &stats);
    if (stats.full)
        not_ready(req, "no room on the disk");
    else if (stats.failing)
        not_ready(req, "the store cannot be written");
    else
        http_respond(req, 200, "text/plain; charset=utf-8", NULL, STR("ok"));
}
