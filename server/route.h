/*
 * route.h - which function answers which path. Tables of routes, each module its own, matched in
 * the order added.
 *
 * An unknown path is 404 `404 page not found`, a known one with a method that no route has 405 with
 * `Allow`: the answers of Go's mux. A GET route answers HEAD too. Paths are compared as sent: "//",
 * "/./" and a percent-encoded slash name nothing else than themselves.
 */
#ifndef LOGFERRY_SERVER_ROUTE_H
#define LOGFERRY_SERVER_ROUTE_H

#include "server/http.h"

enum route_method { ROUTE_GET, ROUTE_POST, ROUTE_PUT, ROUTE_PATCH, ROUTE_DELETE, ROUTE_METHODS };

struct route {
    enum route_method method;
    /* "/api/sites/{id}/stats": a segment in braces matches any that is not empty, and is put into
     * req->params, as sent; at most HTTP_PARAMS of them. "{rest...}" at the end takes all that is
     * left, slashes and nothing included. */
    const char *pattern;
    size_t max_body; /* bytes; a larger body makes req->body_too_large, which the handler must look
                        at */
    /* Optional, before the body is read: may answer, and attaches nothing to the request. */
    void (*before)(void *ctx, struct http_request *req);
    void (*handle)(void *ctx, struct http_request *req); /* answers, now or later */
};

#define ROUTER_MAX_TABLES 8

struct router {
    struct {
        const struct route *routes;
        size_t n;
        void *ctx;
    } tables[ROUTER_MAX_TABLES];
    size_t n;
};

void router_init(struct router *r);
/* `routes` and `ctx` are lent as long as the router lives. */
void router_add(struct router *r, const struct route *routes, size_t n, void *ctx);
/* The route that the request found; NULL: none did. */
const struct route *router_route(const struct http_request *req);
const char *route_method_name(enum route_method method); /* "GET", … */
/* What to give to http_server_new; r is lent to it. */
struct http_app router_app(struct router *r);

#endif
