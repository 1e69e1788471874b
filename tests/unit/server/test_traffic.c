/* What is told of answers, counted of them, and logged of nobody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "server/traffic.h"
#include "tests/unit/server/http_probe.h"

struct bench {
    struct ev_loop *loop;
    struct router router;
    struct http_server *server;
    struct http_request *held;
    struct traffic traffic;
    struct buf told;
};

static void answer(void *ctx, struct http_request *req)
{
    http_respond(req, 200, "text/plain", NULL, STR("yes"));
}

static void refuse(void *ctx, struct http_request *req)
{
    http_error(req, 401, "Unauthorized");
}

static void hold(void *ctx, struct http_request *req)
{
    struct bench *b = ctx;
    b->held = req;
}

static const struct route routes[] = {
    {ROUTE_GET, "/a", 0, NULL, answer},
    {ROUTE_POST, "/b/{id}", 100, NULL, answer},
    {ROUTE_POST, "/early", 100, refuse, answer},
    {ROUTE_GET, "/hold", 0, NULL, hold},
};

static void on_answered(void *ctx, const struct http_answered *a)
{
    struct bench *b = ctx;
    const struct route *route = a->req ? router_route(a->req) : NULL;
    buf_printf(&b->told, "%d %s %llu%s\n", a->status, route ? route->pattern : "-",
               (unsigned long long)a->in_bytes, a->out_bytes > 60 && a->us >= 0 ? "" : " odd");
    traffic_on_answered(&b->traffic, a);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct http_limits limits;
    const char *why;
    http_limits_default(&limits);
    limits.linger_ms = 100;
    b->loop = ev_loop_new(EVFLAG_AUTO);
    router_init(&b->router);
    router_add(&b->router, routes, COUNT_OF(routes), b);
    struct http_app app = router_app(&b->router);
    b->server = http_server_new(b->loop, &limits, &app);
    assert_int_equal(http_listen_tcp(b->server, "127.0.0.1:0", &why), 0);
    traffic_init(&b->traffic, ACCESS_LOG_OFF);
    buf_init(&b->told, 65536);
    http_server_watch(b->server, on_answered, b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    http_server_free(b->server);
    ev_loop_destroy(b->loop);
    buf_release(&b->told);
    free(b);
    return 0;
}

static void say(struct bench *b, struct str requests, const char *last, size_t times)
{
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, requests);
    assert_true(probe_await(&p, last, times));
    probe_close(&p);
}

#define H " HTTP/1.1\r\nHost: x\r\n"

/* Each once, whoever makes it: a handler, a `before`, the router, the server itself. */
static void answers_are_told(void **state)
{
    struct bench *b = *state;
    say(b,
        STR("GET /a" H "\r\nPOST /b/7" H "Content-Length: 5\r\n\r\nhello"
            "POST /early" H "Content-Length: 3\r\n\r\nabcPUT /a" H "\r\nGET /?q" H "\r\n"
            "POST /b/1" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n"),
        "400 Bad", 1);
    say(b, STR("nonsense\r\n\r\n"), "400 Bad", 1);
    assert_string_equal(buf_cstr(&b->told), "200 /a 0\n200 /b/{id} 5\n401 /early 0\n405 - 0\n"
                                            "404 - 0\n400 /b/{id} 3\n400 - 0\n");
}

static void what_nobody_waits_for_is_not_told(void **state)
{
    struct bench *b = *state;
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, STR("GET /hold" H "\r\n"));
    for (int i = 0; i < 1000 && !b->held; i++)
        probe_run(&p, 5);
    assert_non_null(b->held);
    probe_close(&p);
    http_server_free(b->server);
    b->server = NULL;
    http_respond(b->held, 200, NULL, NULL, STR(""));
    assert_int_equal(b->told.n, 0);
}

static void counts_are_by_route_and_class(void **state)
{
    static const char *const lines[] = {
        "{method=\"GET\",route=\"/a\",code=\"2xx\"} 2\n",
        "{method=\"POST\",route=\"/early\",code=\"4xx\"} 1\n",
        "{method=\"-\",route=\"-\",code=\"4xx\"} 1\n",
        "\nlogferry_server_unauthorized_total 1\n",
        "\nlogferry_server_throttled_total 0\n",
        "\nlogferry_server_request_duration_seconds_count 4\n",
    };
    struct bench *b = *state;
    struct buf out;
    say(b,
        STR("GET /a" H "\r\nHEAD /a" H "\r\nPOST /early" H "Content-Length: 0\r\n\r\nGET /x" H
            "\r\n"),
        "404 page not found\n", 1);
    buf_init(&out, 65536);
    traffic_put_metrics(&b->traffic, &out);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (str_find(buf_str(&out), str_of(lines[i]), 0) < 0)
            fail_msg("no %s in %s", lines[i], buf_cstr(&out));
    buf_release(&out);
}

/* A known client's requests are all logged; of the others ten a second are, and none is forgotten.
 */
static void noise_is_held_back(void **state)
{
    struct bench *b = *state;
    struct http_request known = {.who = "t"}, stranger = {.who = ""};
    struct http_answered a = {.req = &stranger, .status = 404};
    traffic_init(&b->traffic, ACCESS_LOG_ERRORS);
    for (int i = 0; i < 1000; i++)
        traffic_on_answered(&b->traffic, &a);
    uint64_t held = b->traffic.held_back;
    assert_true(held > 0 && held <= 1000 - TRAFFIC_NOISE_LINES);
    a.status = 200; /* is no error */
    traffic_on_answered(&b->traffic, &a);
    assert_true(b->traffic.held_back == held);
    a = (struct http_answered){.req = &known, .status = 404};
    traffic_on_answered(&b->traffic, &a);
    assert_int_equal(b->traffic.held_back, 0); /* told with that line */
}

static void routes_beyond_the_cap_share_a_place(void **state)
{
    static struct route many[TRAFFIC_MAX_ROUTES + 10];
    struct bench *b = *state;
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        struct http_request req = {.route = &many[i]};
        traffic_on_answered(&b->traffic, &(struct http_answered){.req = &req, .status = 200});
    }
    assert_int_equal(b->traffic.n_routes, TRAFFIC_MAX_ROUTES);
    assert_int_equal(b->traffic.routes[0].answers[1], 11);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(answers_are_told),
        T(what_nobody_waits_for_is_not_told),
        T(counts_are_by_route_and_class),
        T(noise_is_held_back),
        T(routes_beyond_the_cap_share_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
