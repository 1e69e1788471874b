/*
 * route.c - matches a request's path and method with the tables. A few dozen routes, so a walk over
 * all of them; the first that fits wins.
 */
#include <assert.h>

#include "server/route.h"

static const struct str method_names[ROUTE_METHODS] = {
    [ROUTE_GET] = STR("GET"),     [ROUTE_POST] = STR("POST"),     [ROUTE_PUT] = STR("PUT"),
    [ROUTE_PATCH] = STR("PATCH"), [ROUTE_DELETE] = STR("DELETE"),
};

void router_init(struct router *r)
{
    *r = (struct router){0};
}

void router_add(struct router *r, const struct route *routes, size_t n, void *ctx)
{
    assert(r->n < ROUTER_MAX_TABLES);
    r->tables[r->n].routes = routes;
    r->tables[r->n].n = n;
    r->tables[r->n].ctx = ctx;
    r->n++;
}

/* Cuts the first segment, without its slash, off the front of *s. */
static struct str next_segment(struct str *s)
{
    ptrdiff_t slash = str_chr(*s, '/', 1);
    size_t end = slash < 0 ? s->n : (size_t)slash;
    struct str segment = str_slice(*s, 1, end);
    *s = str_slice(*s, end, s->n);
    return segment;
}

static bool matches(const struct route *route, struct str path, struct str params[HTTP_PARAMS])
{
    struct str pattern = str_of(route->pattern);
    size_t n = 0;
    while (pattern.n > 0) {
        struct str want = next_segment(&pattern);
        bool param = want.n > 0 && want.p[0] == '{';
        if (param && str_ends(want, STR("...}"))) {
            if (path.n == 0)
                return false;
            params[n] = str_slice(path, 1, path.n);
            return true;
        }
        if (path.n == 0)
            return false;
        struct str have = next_segment(&path);
        if (param && have.n > 0 && n < HTTP_PARAMS)
            params[n++] = have;
        else if (param || !str_eq(want, have))
            return false;
    }
    return path.n == 0;
}

static bool method_fits(enum route_method have, struct str method)
{
    return str_eq(method, method_names[have]) || (have == ROUTE_GET && str_eq(method, STR("HEAD")));
}

/* Methods in alphabetical order, as Go gives them. */
static void refuse_method(struct http_request *req, unsigned allowed)
{
    static const struct {
        enum route_method method;
        const char *names;
    } order[] = {{ROUTE_DELETE, "DELETE"},
                 {ROUTE_GET, "GET, HEAD"},
                 {ROUTE_PATCH, "PATCH"},
                 {ROUTE_POST, "POST"},
                 {ROUTE_PUT, "PUT"}};
    struct buf allow;
    buf_init(&allow, 256);
    buf_lit(&allow, "Allow: ");
    const char *comma = "";
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (!(allowed & 1u << order[i].method))
            continue;
        buf_printf(&allow, "%s%s", comma, order[i].names);
        comma = ", ";
    }
    buf_lit(&allow, "\r\n");
    http_error_with(req, 405, "Method Not Allowed", buf_cstr(&allow));
    buf_release(&allow);
}

static void on_head(void *ctx, struct http_request *req)
{
    const struct router *r = ctx;
    unsigned allowed = 0;
    for (size_t t = 0; t < r->n; t++) {
        for (size_t i = 0; i < r->tables[t].n; i++) {
            const struct route *route = &r->tables[t].routes[i];
            struct str params[HTTP_PARAMS] = {STR_NONE, STR_NONE};
            if (!matches(route, req->path, params))
                continue;
            allowed |= 1u << route->method;
            if (!method_fits(route->method, req->method))
                continue;
            memcpy(req->params, params, sizeof(params));
            req->max_body = route->max_body;
            req->route = route;
            req->route_ctx = r->tables[t].ctx;
            if (route->before)
                route->before(req->route_ctx, req);
            return;
        }
    }
    if (allowed)
        refuse_method(req, allowed);
    else
        http_error(req, 404, "404 page not found");
}

static void on_request(void *ctx, struct http_request *req)
{
    const struct route *route = req->route;
    route->handle(req->route_ctx, req);
}

const struct route *router_route(const struct http_request *req)
{
    return req->route;
}

const char *route_method_name(enum route_method method)
{
    return method_names[method].p;
}

struct http_app router_app(struct router *r)
{
    return (struct http_app){.ctx = r, .on_head = on_head, .on_request = on_request};
}
