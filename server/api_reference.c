/*
 * api_reference.c - the API's own description: reference/openapi.json, kept by hand beside the code
 * and held to it by tests/e2e/test_openapi.py, and a page that shows it. For everyone, without a
 * token and without a limit, as HitKeep's: it says nothing that the source does not.
 */
#include "server/api_internal.h"

/* reference_data.S */
extern const char reference_document[], reference_document_end[];
extern const char reference_page[], reference_page_end[];
extern const char reference_script[], reference_script_end[];
extern const char reference_style[], reference_style_end[];

static const char versions[] = "{\"latest\":\"v1\",\"versions\":[{\"version\":\"v1\","
                               "\"openapi_url\":\"/api/docs/v1/openapi.json\",\"latest\":true}]}\n";

/* The page loads what is its own, and nothing else. no-cache: an upgrade shows at once. */
#define FIELDS                                                                                     \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Cache-Control: no-cache\r\n"                                                                  \
    "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; "           \
    "frame-ancestors 'none'\r\n"                                                                   \
    "Referrer-Policy: no-referrer\r\n"

static void serve(void *ctx, struct http_request *req);

static const struct route routes[] = {
    {ROUTE_GET, "/api/docs/versions", 0, NULL, serve},
    {ROUTE_GET, "/api/docs/v1/openapi.json", 0, NULL, serve},
    {ROUTE_GET, "/api/docs/", 0, NULL, serve},
    {ROUTE_GET, "/api/docs/reference.js", 0, NULL, serve},
    {ROUTE_GET, "/api/docs/reference.css", 0, NULL, serve},
};

/* What each of the routes answers, in their order. */
static const struct {
    const char *type, *begin, *end;
} contents[] = {
    {"application/json", versions, versions + sizeof(versions) - 1},
    {"application/json", reference_document, reference_document_end},
    {"text/html; charset=utf-8", reference_page, reference_page_end},
    {"text/javascript; charset=utf-8", reference_script, reference_script_end},
    {"text/css; charset=utf-8", reference_style, reference_style_end},
};
_Static_assert(COUNT_OF(contents) == COUNT_OF(routes), "one content a route");

static void serve(void *ctx, struct http_request *req)
{
    size_t i = (size_t)((const struct route *)req->route - routes);
    struct str body = {contents[i].begin, (size_t)(contents[i].end - contents[i].begin)};
    http_respond(req, 200, contents[i].type, FIELDS, body);
}

void api_reference_add_routes(struct router *r)
{
    router_add(r, routes, COUNT_OF(routes), NULL);
}
