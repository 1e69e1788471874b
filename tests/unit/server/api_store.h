/*
 * api_store.h - the API in front of a real store, on loopback, with one client that may write to
 * example.com. Included by one .c file a program.
 */
#ifndef LOGFERRY_TESTS_API_STORE_H
#define LOGFERRY_TESTS_API_STORE_H

#include "tests/unit/server/store_batch.h"

#include <stddef.h>

#include "server/api.h"
#include "server/exclusions.h"
#include "tests/unit/server/http_probe.h"

#define TOKEN "Authorization: Bearer secret\r\n"

struct bench {
    struct fixture *fixture;
    struct ev_loop *loop;
    struct ev_async wakeup;
    struct catalogue *catalogue;
    struct exclusions *exclude; /* /healthz */
    struct api *api;
    struct router router;
    struct http_server *server;
};

static inline int add_client(struct store_session *session, void *arg)
{
    struct fixture *f = arg;
    unsigned char hash[TOKEN_HASH_BYTES];
    struct new_client client = new_client_of(STR("test"), f->team, hash);
    struct grant grant = {.site = f->site, .role = ROLE_INGEST};
    if (sha256(STR("secret"), hash) < 0 ||
        session_add_client(session, &client, &grant.client) != ADMIN_OK)
        return -1;
    return session_grant(session, &grant) == ADMIN_OK ? 0 : -1;
}

/* One that may read it. */
static inline int add_viewer(struct store_session *session, void *arg)
{
    struct fixture *f = arg;
    unsigned char hash[TOKEN_HASH_BYTES];
    struct new_client client = new_client_of(STR("viewer"), f->team, hash);
    struct grant grant = {.site = f->site, .role = ROLE_VIEWER};
    if (sha256(STR("viewer"), hash) < 0 ||
        session_add_client(session, &client, &grant.client) != ADMIN_OK)
        return -1;
    return session_grant(session, &grant) == ADMIN_OK ? 0 : -1;
}

static inline void on_wakeup(struct ev_loop *loop, struct ev_async *w, int events)
{
    struct bench *b = w->data;
    store_collect(b->fixture->store);
}

static inline void wake(void *arg)
{
    struct bench *b = arg;
    ev_async_send(b->loop, &b->wakeup);
}

static inline int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct api_config config;
    struct http_limits limits;
    const char *why = "";
    void *fixture = NULL;
    assert_int_equal(fixture_setup(&fixture), 0);
    b->fixture = fixture;
    assert_int_equal(fixture_call(b->fixture->store, add_client, b->fixture), 0);
    b->loop = ev_loop_new(EVFLAG_AUTO);
    ev_async_init(&b->wakeup, on_wakeup);
    b->wakeup.data = b;
    ev_async_start(b->loop, &b->wakeup);
    store_set_wakeup(b->fixture->store, wake, b);
    b->catalogue = catalogue_new(false);
    api_config_default(&config);
    config.store_dir = b->fixture->dir;
    b->exclude = exclusions_new();
    assert_int_equal(exclusions_add(b->exclude, &(struct exclusion){.kind = EXCLUSION_PATH,
                                                                    .value = STR("/healthz")}),
                     0);
    config.exclude = b->exclude;
    b->api = api_new(b->loop, b->fixture->store, b->catalogue, &config);
    assert_non_null(b->api);
    router_init(&b->router);
    api_add_routes(b->api, &b->router);
    struct http_app app = router_app(&b->router);
    http_limits_default(&limits);
    b->server = http_server_new(b->loop, &limits, &app);
    assert_int_equal(http_listen_tcp(b->server, "127.0.0.1:0", &why), 0);
    *state = b;
    return 0;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;
    void *fixture = b->fixture;
    http_server_free(b->server);
    api_free(b->api);
    exclusions_free(b->exclude);
    fixture_teardown(&fixture);
    ev_async_stop(b->loop, &b->wakeup);
    ev_loop_destroy(b->loop);
    catalogue_free(b->catalogue);
    free(b);
    return 0;
}

static inline void expect(struct bench *b, const char *line, const char *body, const char *answer)
{
    struct probe p;
    struct buf request;
    buf_init(&request, 1u << 20);
    buf_printf(&request,
               "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" TOKEN
               "Content-Length: %zu\r\n\r\n%s",
               line, strlen(body), body);
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, buf_str(&request));
    assert_true(probe_await_close(&p));
    if (!strstr(probe_text(&p), answer))
        fail_msg("wanted %s, got: %s", answer, probe_text(&p));
    probe_close(&p);
    buf_release(&request);
}

#endif
