/* The server over real sockets: order, limits, deadlines, draining. The parser's own cases:
 * test_http_parse.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "server/http.h"
#include "tests/unit/server/http_probe.h"
#include "tests/unit/server/http_tricks.h"

/* An app that answers with what it saw. Paths: /hold answers when told, /early in on_head, /big
 * with 8 MiB. */
struct bench {
    struct ev_loop *loop;
    struct http_limits limits;
    struct http_server *server;
    struct http_request *held[8];
    size_t n_held;
    size_t requests;
    bool drained;
    char *big;
};

#define BIG_BYTES (32u << 20)
#define BODY_MAX 1000u

static void on_head(void *ctx, struct http_request *req)
{
    req->max_body = str_eq(req->path, STR("/large")) ? 1u << 20 : BODY_MAX;
    if (str_eq(req->path, STR("/early")))
        http_error(req, 401, "Unauthorized");
}

static void on_request(void *ctx, struct http_request *req)
{
    struct bench *b = ctx;
    b->requests++;
    if (str_eq(req->path, STR("/hold"))) {
        b->held[b->n_held++] = req;
        return;
    }
    if (str_eq(req->path, STR("/big"))) {
        http_respond(req, 200, "text/plain", NULL, (struct str){b->big, BIG_BYTES});
        return;
    }
    struct buf out;
    buf_init(&out, 4096);
    buf_printf(&out, "%.*s %.*s%s", STR_ARGS(req->method), STR_ARGS(req->path),
               req->body_too_large ? " too-large" : "");
    if (req->body.n > 0)
        buf_printf(&out, " %zu bytes %.*s", req->body.n, req->body.n < 20 ? (int)req->body.n : 20,
                   req->body.p);
    struct str echo = http_header(req, STR("x-echo"));
    if (str_is_set(echo))
        buf_printf(&out, " echo=%.*s", STR_ARGS(echo));
    buf_lit(&out, "\n");
    http_respond(req, 200, "text/plain", "X-More: yes\r\n", buf_str(&out));
    buf_release(&out);
}

static void start(struct bench *b)
{
    const char *why = "";
    struct http_app app = {b, on_head, on_request};
    b->server = http_server_new(b->loop, &b->limits, &app);
    assert_non_null(b->server);
    assert_int_equal(http_listen_tcp(b->server, "127.0.0.1:0", &why), 0);
    assert_true(http_server_port(b->server) > 0);
}

static void restart(struct bench *b)
{
    http_server_free(b->server);
    start(b);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->loop = ev_loop_new(EVFLAG_AUTO);
    b->big = malloc(BIG_BYTES);
    memset(b->big, 'b', BIG_BYTES);
    http_limits_default(&b->limits);
    b->limits.linger_ms = 100;
    start(b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    http_server_free(b->server);
    ev_loop_destroy(b->loop);
    free(b->big);
    free(b);
    return 0;
}

static void answer_held(struct bench *b, size_t i, const char *text)
{
    http_respond(b->held[i], 200, "text/plain", NULL, str_of(text));
}

/* The loop without a client. */
static void run_blind(struct bench *b, int64_t ms)
{
    struct probe nobody = {.loop = b->loop, .fd = -1, .closed = true};
    probe_run(&nobody, ms);
}

#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"

/* ---- what must be refused ----------------------------------------------------------------------
 */

/* Exactly one answer, then the end, gently: a reset could take the answer with it. */
static void check_trick(struct bench *b, const char *name, struct str bytes, const char *status)
{
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, bytes);
    if (!probe_await_close(&p) || p.reset)
        fail_msg("%s: not closed, or reset", name);
    if (strncmp(probe_text(&p), "HTTP/1.1 ", 9) != 0 || strncmp(p.in.p + 9, status, 3) != 0 ||
        probe_count(&p, "HTTP/1.1") != 1 || probe_count(&p, "Connection: close\r\n") != 1)
        fail_msg("%s: wanted %s, got: %s", name, status, probe_text(&p));
    probe_close(&p);
}

static void tricks_are_refused(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(http_tricks) / sizeof(http_tricks[0]); i++) {
        const char *outcome = http_tricks[i].outcome;
        check_trick(b, http_tricks[i].name, http_tricks[i].bytes, outcome + strlen(outcome) - 3);
    }
    run_blind(b, 20);
    assert_int_equal(b->requests, 0);
    assert_int_equal(http_server_connections(b->server), 0);
}

static void endless_lines_are_refused(void **state)
{
    static const struct {
        const char *begin, *end, *status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" H "X: ", "\r\n\r\n", "431"},
        {"GET /", " HTTP/1.1\r\n" H "\r\n", "414"},
    };
    struct buf large;
    buf_init(&large, 1u << 20);
    for (size_t i = 0; i < 2; i++) {
        buf_reset(&large);
        buf_put_str(&large, str_of(cases[i].begin));
        for (size_t n = 0; n < 70000; n++)
            buf_putc(&large, 'a');
        buf_put_str(&large, str_of(cases[i].end));
        check_trick(*state, cases[i].status, buf_str(&large), cases[i].status);
    }
    buf_release(&large);
}

/* ---- what must be answered ---------------------------------------------------------------------
 */

struct exchange {
    const char *name;
    struct str bytes;
    const char *wanted[3]; /* each must be there, in this order */
    bool closes;
};

static const struct exchange exchanges[] = {
    {"get",
     STR(GET("/a")),
     {"HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 7\r\n", "\r\n\r\nGET /a\n"},
     false},
    {"date", STR(GET("/")), {"\r\nDate: ", " 20", " GMT\r\n"}, false},
    {"extra",
     STR(GET("/")),
     {"\r\nContent-Type: text/plain\r\n", "\r\nX-More: yes\r\n", "\r\n\r\n"},
     false},
    {"pipelined", STR(GET("/1") GET("/2") GET("/3")), {"GET /1\n", "GET /2\n", "GET /3\n"}, false},
    {"body",
     STR("POST /p HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET("/n")),
     {"POST /p 3 bytes abc\n", "GET /n\n"},
     false},
    {"chunks",
     STR("POST /p HTTP/1.1\r\n" H
         "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" GET("/n")),
     {"POST /p 3 bytes abc\n", "GET /n\n"},
     false},
    {"expect with body",
     STR("POST /p HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"),
     {"POST /p 3 bytes abc\n"},
     false},
    {"header", STR("GET / HTTP/1.1\r\n" H "X-ECHO:  e f \r\n\r\n"), {"GET / echo=e f\n"}, false},
    {"absolute", STR("GET http://a HTTP/1.1\r\n" H "\r\n"), {"GET /\n"}, false},
    {"early",
     STR("POST /early HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET("/n")),
     {"HTTP/1.1 401 Unauthorized\r\n", "\r\n\r\nUnauthorized\n", "GET /n\n"},
     false},
    {"early, chunked",
     STR("POST /early HTTP/1.1\r\n" H
         "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" GET("/n")),
     {"HTTP/1.1 401 Unauthorized\r\n", "\r\n\r\nUnauthorized\n", "GET /n\n"},
     false},
    {"close",
     STR("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n" GET("/never")),
     {"\r\nConnection: close\r\n", "GET /\n"},
     true},
    {"HTTP/1.0",
     STR("GET / HTTP/1.0\r\n\r\n"),
     {"HTTP/1.1 200", "\r\nConnection: close\r\n", "GET /\n"},
     true},
    {"too large",
     STR("POST /p HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\nabc"),
     {"\r\nConnection: close\r\n", "POST /p too-large\n"},
     true},
    {"too large, chunked",
     STR("POST /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nfff\r\n"),
     {NULL},
     false},
    {"head",
     STR("HEAD /h HTTP/1.1\r\n" H "\r\n" GET("/n")),
     {"\r\nContent-Length: 8\r\n", "\r\n\r\nHTTP/1.1 200", "GET /n\n"},
     false},
    {"bad after good", STR(GET("/g") "GET\r\n\r\n"), {"GET /g\n", "HTTP/1.1 400", "close"}, true},
    {"eof after the request", STR(GET("/g")), {"GET /g\n"}, false},
};

static void check_exchange(struct bench *b, const struct exchange *e, bool byte_by_byte)
{
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    for (size_t i = 0; byte_by_byte && i < e->bytes.n; i++)
        probe_send(&p, str_slice(e->bytes, i, i + 1));
    if (!byte_by_byte)
        probe_send(&p, e->bytes);
    const char *at = "";
    for (size_t i = 0; i < 3 && e->wanted[i]; i++) {
        if (!probe_await(&p, e->wanted[i], 1))
            fail_msg("%s: no \"%s\" in: %s", e->name, e->wanted[i], probe_text(&p));
        at = i == 0 ? probe_text(&p) : at;
    }
    at = probe_text(&p);
    for (size_t i = 0; i < 3 && e->wanted[i]; i++) {
        at = strstr(at, e->wanted[i]);
        if (!at)
            fail_msg("%s: \"%s\" in the wrong place: %s", e->name, e->wanted[i], probe_text(&p));
    }
    if (e->closes) {
        assert_true(probe_await_close(&p));
        assert_false(p.reset);
        assert_int_equal(probe_count(&p, "never"), 0);
    } else {
        assert_false(p.closed);
    }
    probe_close(&p);
}

static void requests_are_answered(void **state)
{
    for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
        check_exchange(*state, &exchanges[i], false);
        check_exchange(*state, &exchanges[i], true);
    }
}

static void chunked_body_over_the_cap(void **state)
{
    struct bench *b = *state;
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, STR("POST /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 300 && !p.closed; i++)
        probe_send(&p, STR("8\r\n01234567\r\n"));
    assert_true(probe_await(&p, "POST /p too-large\n", 1));
    assert_true(probe_await_close(&p));
    probe_close(&p);
}

static void continue_is_sent_for_a_wanted_body(void **state)
{
    struct bench *b = *state;
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p,
               STR("POST /p HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
    assert_true(probe_await(&p, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    assert_int_equal(b->requests, 0);
    probe_send(&p, STR("abc"));
    assert_true(probe_await(&p, "POST /p 3 bytes abc\n", 1));
    probe_send(
        &p, STR("POST /p HTTP/1.1\r\n" H "Content-Length: 9999\r\nExpect: 100-continue\r\n\r\n"));
    assert_true(probe_await(&p, "too-large\n", 1));
    assert_int_equal(probe_count(&p, "100 Continue"), 1);
    assert_true(probe_await_close(&p));
    probe_close(&p);
}

static void early_answer_to_an_unwanted_large_body_closes(void **state)
{
    struct bench *b = *state;
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, STR("POST /early HTTP/1.1\r\n" H "Content-Length: 99999999\r\n\r\nabc"));
    assert_true(probe_await_close(&p));
    assert_false(p.reset);
    assert_int_equal(probe_count(&p, "HTTP/1.1 401 Unauthorized\r\n"), 1);
    assert_int_equal(probe_count(&p, "\r\nConnection: close\r\n"), 1);
    probe_close(&p);
}

static void late_answers_keep_their_order(void **state)
{
    struct bench *b = *state;
    struct probe p, q;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_connect(&q, b->loop, http_server_port(b->server));
    probe_send(&p, STR(GET("/hold") GET("/after")));
    probe_run(&p, 20);
    assert_int_equal(b->n_held, 1);
    assert_int_equal(b->requests, 1); /* the second waits */
    probe_send(&q, STR(GET("/other")));
    assert_true(probe_await(&q, "GET /other\n", 1));
    assert_int_equal(p.in.n, 0);
    answer_held(b, 0, "held\n");
    assert_true(probe_await(&p, "GET /after\n", 1));
    assert_true(strstr(probe_text(&p), "held\n") < strstr(probe_text(&p), "GET /after\n"));
    probe_close(&p);
    probe_close(&q);
}

static void a_request_outlives_its_connection(void **state)
{
    struct bench *b = *state;
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, STR("POST /hold HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"));
    probe_run(&p, 20);
    assert_int_equal(b->n_held, 1);
    restart(b); /* the server closes everything */
    assert_true(str_eq(b->held[0]->body, STR("abc")));
    answer_held(b, 0, "nobody reads this");
    probe_close(&p);
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, STR(GET("/hold")));
    probe_run(&p, 20);
    probe_close(&p); /* the peer closes */
    run_blind(b, 20);
    answer_held(b, 1, "nor this");
    run_blind(b, 150);
    assert_int_equal(http_server_connections(b->server), 0);
}

/* ---- deadlines ---------------------------------------------------------------------------------
 */

static void slow_heads_and_bodies_are_given_up(void **state)
{
    struct bench *b = *state;
    b->limits.header_timeout_ms = 60;
    b->limits.body_idle_ms = 60;
    restart(b);
    static const struct str starts[] = {
        STR("GET / HTTP/1.1\r\nHost"),
        STR("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab"),
        STR("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\n"),
    };
    for (size_t i = 0; i < 3; i++) {
        struct probe p;
        int64_t began = probe_now_ms();
        probe_connect(&p, b->loop, http_server_port(b->server));
        probe_send(&p, starts[i]);
        assert_true(probe_await_close(&p));
        assert_true(probe_now_ms() - began >= 50);
        assert_int_equal(probe_count(&p, "HTTP/1.1 408 Request Timeout\r\n"), 1);
        probe_close(&p);
    }
    assert_int_equal(b->requests, 0);
}

/* A byte now and then moves no deadline of a head, and a body must keep its rate. */
static void trickling_is_given_up(void **state)
{
    struct bench *b = *state;
    b->limits.header_timeout_ms = 80;
    b->limits.body_grace_ms = 80;
    b->limits.body_min_rate = 100000;
    restart(b);
    static const char *const starts[] = {"GET / HTTP/1.1\r\nX: ",
                                         "POST / HTTP/1.1\r\n" H "Content-Length: 900\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        struct probe p;
        probe_connect(&p, b->loop, http_server_port(b->server));
        probe_send(&p, str_of(starts[i]));
        int64_t began = probe_now_ms();
        while (!p.closed && probe_now_ms() - began < 2000) {
            probe_send(&p, STR("a"));
            probe_run(&p, 5);
        }
        assert_true(p.closed);
        assert_int_equal(probe_count(&p, "HTTP/1.1 408 "), 1);
        probe_close(&p);
    }
}

static void idle_connections_are_closed(void **state)
{
    struct bench *b = *state;
    b->limits.idle_timeout_ms = 60;
    restart(b);
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, STR(GET("/")));
    assert_true(probe_await(&p, "GET /\n", 1));
    size_t n = p.in.n;
    assert_true(probe_await_close(&p));
    assert_int_equal(p.in.n, n);
    probe_close(&p);
}

static void slow_readers_are_bounded(void **state)
{
    struct bench *b = *state;
    b->limits.write_timeout_ms = 80;
    restart(b);
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, STR(GET("/big") GET("/big") GET("/big")));
    probe_run(&p, 1); /* takes some, then looks away */
    run_blind(b, 250);
    assert_true(b->requests <= 2); /* what comes after an unread answer is not begun */
    assert_int_equal(http_server_connections(b->server), 0);
    probe_close(&p);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct bench *b = *state;
    struct probe p;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, STR(GET("/big")));
    int64_t until = probe_now_ms() + 5000;
    while (p.in.n < BIG_BYTES && probe_now_ms() < until)
        probe_turn(&p);
    const char *body = strstr(probe_text(&p), "\r\n\r\n") + 4;
    while (p.in.n < BIG_BYTES + (size_t)(body - p.in.p) && probe_now_ms() < until) {
        probe_turn(&p);
        body = strstr(probe_text(&p), "\r\n\r\n") + 4;
    }
    assert_int_equal(p.in.n - (size_t)(body - p.in.p), BIG_BYTES);
    probe_close(&p);
}

/* ---- limits ------------------------------------------------------------------------------------
 */

static void connections_are_capped(void **state)
{
    struct bench *b = *state;
    b->limits.connections = 3;
    restart(b);
    struct probe p[4];
    for (size_t i = 0; i < 3; i++) {
        probe_connect(&p[i], b->loop, http_server_port(b->server));
        probe_send(&p[i], i == 1 ? STR(GET("/")) : STR(GET("/hold")));
        probe_run(&p[i], 10);
    }
    assert_int_equal(http_server_connections(b->server), 3);
    probe_connect(&p[3], b->loop, http_server_port(b->server)); /* takes the idle one's place */
    probe_send(&p[3], STR(GET("/hold")));
    probe_run(&p[3], 20);
    assert_true(probe_await_close(&p[1]));
    assert_int_equal(b->n_held, 3);
    probe_close(&p[1]);
    probe_connect(&p[1], b->loop, http_server_port(b->server)); /* all at work: it waits outside */
    probe_send(&p[1], STR(GET("/last")));
    probe_run(&p[1], 30);
    assert_int_equal(p[1].in.n, 0);
    assert_int_equal(http_server_connections(b->server), 3);
    answer_held(b, 0, "x");
    assert_true(probe_await(&p[1], "GET /last\n", 1));
    answer_held(b, 1, "x");
    answer_held(b, 2, "x");
    for (size_t i = 0; i < 4; i++)
        probe_close(&p[i]);
}

/* An address of this machine that is not loopback; false when it has none. */
static bool own_address(struct in_addr *out)
{
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all) < 0)
        return false;
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || i->ifa_flags & IFF_LOOPBACK)
            continue;
        *out = ((struct sockaddr_in *)i->ifa_addr)->sin_addr;
        found = true;
    }
    freeifaddrs(all);
    return found;
}

static void an_address_has_its_share(void **state)
{
    struct bench *b = *state;
    struct in_addr own;
    if (!own_address(&own))
        skip();
    b->limits.per_address = 2;
    restart(b);
    const char *why = "";
    char text[INET_ADDRSTRLEN + 8], host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &own, host, sizeof(host));
    snprintf(text, sizeof(text), "%s:%u", host, http_server_port(b->server));
    assert_int_equal(http_listen_tcp(b->server, text, &why), 0);
    struct probe p[3], local[3];
    for (size_t i = 0; i < 3; i++) {
        probe_connect_to(&p[i], b->loop, own, http_server_port(b->server));
        probe_run(&p[i], 10);
        assert_int_equal(p[i].closed, i == 2);
    }
    for (size_t i = 0; i < 3; i++) {
        probe_connect(&local[i], b->loop, http_server_port(b->server));
        probe_run(&local[i], 10);
        assert_false(local[i].closed);
    }
    probe_close(&p[0]);
    probe_run(&p[1], 20);
    probe_close(&p[2]);
    probe_connect_to(&p[2], b->loop, own, http_server_port(b->server));
    probe_run(&p[2], 20);
    assert_false(p[2].closed);
    for (size_t i = 0; i < 3; i++) {
        probe_close(&local[i]);
        if (i > 0)
            probe_close(&p[i]);
    }
}

static void bodies_have_a_budget(void **state)
{
    struct bench *b = *state;
    b->limits.bodies_bytes = 1500;
    restart(b);
    struct probe p, q;
    char body[1001];
    memset(body, 'x', sizeof(body));
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_connect(&q, b->loop, http_server_port(b->server));
    probe_send(&p, STR("POST /large HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n"));
    probe_send(&p, (struct str){body, 1000});
    probe_run(&p, 10);
    probe_send(&q, STR("POST /large HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n"));
    probe_send(&q, (struct str){body, 1001});
    assert_true(probe_await(&q, "HTTP/1.1 503 Service Unavailable\r\n", 1));
    assert_int_equal(probe_count(&q, "\r\nRetry-After: 2\r\n"), 1);
    probe_send(&p, STR("x"));
    assert_true(probe_await(&p, "POST /large 1001 bytes", 1));
    probe_close(&q);
    probe_connect(&q, b->loop, http_server_port(b->server));
    probe_send(&q, STR("POST /large HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n"));
    probe_send(&q, (struct str){body, 1001});
    assert_true(probe_await(&q, "POST /large 1001 bytes", 1));
    probe_close(&p);
    probe_close(&q);
}

/* No descriptor left: the waiting connection must not make the loop spin, and is served later. */
static void running_out_of_descriptors(void **state)
{
    struct bench *b = *state;
    struct rlimit before, low;
    struct probe p, q;
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_run(&p, 10);
    probe_connect(&q, b->loop, http_server_port(b->server));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = (rlim_t)q.fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    probe_send(&q, STR(GET("/waits")));
    int64_t until = probe_now_ms() + 250;
    unsigned turns = 0;
    while (probe_now_ms() < until) {
        ev_run(b->loop, EVRUN_ONCE); /* sleeps until something happens */
        turns++;
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_in_range(turns, 1, 20);
    assert_int_equal(b->requests, 0);
    assert_true(probe_await(&q, "GET /waits\n", 1));
    probe_close(&p);
    probe_close(&q);
}

/* ---- listening ---------------------------------------------------------------------------------
 */

static void bad_addresses(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = {"",
                                      "8080",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "example.invalid:80",
                                      "127.0.0.1:80x",
                                      "[::1:80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *why = NULL;
        assert_int_equal(http_listen_tcp(b->server, bad[i], &why), -1);
        assert_non_null(why);
    }
    char taken[32];
    const char *why = NULL;
    snprintf(taken, sizeof(taken), "localhost:%u", http_server_port(b->server));
    assert_int_equal(http_listen_tcp(b->server, taken, &why), -1);
    assert_int_equal(errno, EADDRINUSE);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void unix_sockets(void **state)
{
    struct bench *b = *state;
    char dir[] = "/tmp/logferry-http-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[64];
    snprintf(path, sizeof(path), "%s/s", dir);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&at, sizeof(at)), 0);
    close(stale);
    const char *why = "";
    assert_int_equal(http_listen_unix(b->server, path, 0660, &why), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(http_listen_unix(b->server, path, 0660, &why), -1);
    assert_int_equal(errno, EADDRINUSE);
    int fd = connect_unix(path);
    assert_true(fd >= 0);
    struct probe p;
    probe_init(&p, b->loop, fd);
    probe_send(&p, STR(GET("/unix")));
    assert_true(probe_await(&p, "GET /unix\n", 1));
    probe_close(&p);
    restart(b);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(rmdir(dir), 0);
}

static void passed_descriptors(void **state)
{
    struct bench *b = *state;
    const char *why = "";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(http_listen_fd(b->server, fd, &why), -1); /* not listening */
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(http_listen_fd(b->server, fd, &why), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    struct probe p;
    probe_connect(&p, b->loop, ntohs(at.sin_port));
    probe_send(&p, STR(GET("/passed")));
    assert_true(probe_await(&p, "GET /passed\n", 1));
    probe_close(&p);
}

/* ---- draining ----------------------------------------------------------------------------------
 */

static void on_drained(void *ctx)
{
    ((struct bench *)ctx)->drained = true;
}

static void draining_lets_the_running_end(void **state)
{
    struct bench *b = *state;
    struct probe idle, busy;
    unsigned port = http_server_port(b->server);
    probe_connect(&idle, b->loop, port);
    probe_connect(&busy, b->loop, port);
    probe_send(&busy, STR(GET("/hold") GET("/never")));
    probe_run(&busy, 20);
    http_server_drain(b->server, 5000, on_drained, b);
    assert_true(probe_await_close(&idle));
    assert_int_equal(idle.in.n, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
    close(fd);
    assert_false(b->drained);
    answer_held(b, 0, "last words\n");
    assert_true(probe_await_close(&busy));
    assert_int_equal(probe_count(&busy, "last words\n"), 1);
    assert_int_equal(probe_count(&busy, "never"), 0);
    assert_int_equal(probe_count(&busy, "Connection: close\r\n"), 1);
    probe_close(&busy);
    probe_close(&idle);
    run_blind(b, 200);
    assert_true(b->drained);
}

static void draining_ends_at_the_deadline(void **state)
{
    struct bench *b = *state;
    struct probe busy;
    probe_connect(&busy, b->loop, http_server_port(b->server));
    probe_send(&busy, STR(GET("/hold")));
    probe_run(&busy, 20);
    http_server_drain(b->server, 50, on_drained, b);
    probe_run(&busy, 150);
    assert_true(b->drained);
    assert_true(busy.closed);
    answer_held(b, 0, "too late");
    probe_close(&busy);
}

static void draining_an_empty_server(void **state)
{
    struct bench *b = *state;
    http_server_drain(b->server, 5000, on_drained, b);
    assert_false(b->drained);
    ev_run(b->loop, EVRUN_ONCE);
    assert_true(b->drained);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tricks_are_refused),
        T(endless_lines_are_refused),
        T(requests_are_answered),
        T(chunked_body_over_the_cap),
        T(continue_is_sent_for_a_wanted_body),
        T(early_answer_to_an_unwanted_large_body_closes),
        T(late_answers_keep_their_order),
        T(a_request_outlives_its_connection),
        T(slow_heads_and_bodies_are_given_up),
        T(trickling_is_given_up),
        T(idle_connections_are_closed),
        T(slow_readers_are_bounded),
        T(a_large_answer_arrives_whole),
        T(connections_are_capped),
        T(an_address_has_its_share),
        T(bodies_have_a_budget),
        T(running_out_of_descriptors),
        T(bad_addresses),
        T(unix_sockets),
        T(passed_descriptors),
        T(draining_lets_the_running_end),
        T(draining_ends_at_the_deadline),
        T(draining_an_empty_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
