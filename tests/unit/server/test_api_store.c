/* The API in front of the real store: the border between the two, end to end in one process. */
#include "tests/unit/server/store_fixture.h"

#include <stddef.h>

#include "server/api.h"
#include "tests/unit/server/http_probe.h"

#define TOKEN "Authorization: Bearer secret\r\n"
#define BATCH_ID "0192f0c1-7d3e-7abc-8def-0123456789ab"
#define HEADER(id)                                                                                 \
    "{\"v\":1,\"batch\":\"" id                                                                     \
    "\",\"agent\":\"logferry/0.1\",\"node\":\"web-1\",\"streams\":[{\"id\":"                       \
    "\"0123456789abcdef0123456789abcdef\",\"from\":0,\"to\":100,\"lines\":2,\"records\":2}],"      \
    "\"user_agents\":["                                                                            \
    "\"Firefox\",\"GPTBot/1.2\"]}\n"
#define RECORDS                                                                                    \
    "{\"k\":\"pageview\",\"at\":0,\"h\":\"00000001\",\"url\":\"https://example.com/"               \
    "\",\"timestamp\":"                                                                            \
    "\"2024-01-01T00:00:00Z\",\"visitor_ip\":\"::1\",\"user_agent\":0}\n"                          \
    "{\"k\":\"ai_fetch\",\"at\":50,\"h\":\"00000002\",\"hostname\":\"example.com\",\"path\":\"/"   \
    "\",\"status_code\":"                                                                          \
    "200,\"timestamp\":\"2024-01-01T00:00:00Z\",\"user_agent\":1}\n"
#define PAGE                                                                                       \
    "\"url\":\"https://example.com/"                                                               \
    "\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"visitor_ip\":\"::1\",\"user_"                     \
    "agent\":\"Firefox\""

struct bench {
    struct fixture *fixture;
    struct ev_loop *loop;
    struct ev_async wakeup;
    struct catalogue *catalogue;
    struct api *api;
    struct router router;
    struct http_server *server;
};

static int add_client(struct store_session *session, void *arg)
{
    struct fixture *f = arg;
    unsigned char hash[TOKEN_HASH_BYTES];
    struct new_client client = {STR("test"), f->team, hash, INT64_MAX};
    struct grant grant = {.site = f->site, .role = ROLE_INGEST};
    if (sha256(STR("secret"), hash) < 0 ||
        session_add_client(session, &client, &grant.client) != ADMIN_OK)
        return -1;
    return session_grant(session, &grant) == ADMIN_OK ? 0 : -1;
}

static void on_wakeup(struct ev_loop *loop, struct ev_async *w, int events)
{
    struct bench *b = w->data;
    store_collect(b->fixture->store);
}

static void wake(void *arg)
{
    struct bench *b = arg;
    ev_async_send(b->loop, &b->wakeup);
}

static int setup(void **state)
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

static int teardown(void **state)
{
    struct bench *b = *state;
    void *fixture = b->fixture;
    http_server_free(b->server);
    api_free(b->api);
    fixture_teardown(&fixture);
    ev_async_stop(b->loop, &b->wakeup);
    ev_loop_destroy(b->loop);
    catalogue_free(b->catalogue);
    free(b);
    return 0;
}

static void expect(struct bench *b, const char *line, const char *body, const char *answer)
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

static uint64_t stored(struct bench *b)
{
    struct store_stats stats;
    store_stats(b->fixture->store, &stats);
    return stats.stored;
}

static void batches_are_stored_once(void **state)
{
    struct bench *b = *state;
    static const char path[] = "POST /api/ingest/server/batch";
    expect(b, path, HEADER(BATCH_ID) RECORDS,
           "\r\n\r\n{\"batch\":\"" BATCH_ID
           "\",\"stored\":2,\"duplicate\":0,\"excluded\":0,\"rejected\":[]}\n");
    assert_int_equal(stored(b), 2);
    expect(b, path, HEADER(BATCH_ID) RECORDS,
           "\"stored\":2,\"duplicate\":0,"); /* the stored answer */
    expect(b, path, HEADER("0192f0c1-7d3e-7abc-8def-ffffffffffff") RECORDS,
           "\"stored\":0,\"duplicate\":2,");
    expect(b, path, HEADER(BATCH_ID) RECORDS " ", "HTTP/1.1 400"); /* a blank line is no record */
    expect(b, path, " " HEADER(BATCH_ID) RECORDS, "HTTP/1.1 422 Unprocessable Entity\r\n");
    assert_int_equal(stored(b), 2);
}

static void single_records_are_stored_each_time(void **state)
{
    struct bench *b = *state;
    struct rights *rights = store_rights(b->fixture->store);
    const struct site *site = rights_site_by_id(rights, b->fixture->site);
    char fetch[128];
    snprintf(fetch, sizeof(fetch), "POST /api/sites/%s/ingest/ai-fetch", site->uuid_text);
    for (uint64_t i = 1; i <= 2; i++) {
        expect(b, "POST /api/ingest/server/pageview", "{" PAGE "}", "HTTP/1.1 202 Accepted\r\n");
        expect(b, "POST /api/ingest/server/event", "{\"name\":\"n\"," PAGE "}",
               "HTTP/1.1 202 Accepted\r\n");
        expect(b, fetch, "{\"path\":\"/\",\"status_code\":200,\"user_agent\":\"gptbot\"}",
               "HTTP/1.1 202 Accepted\r\n");
        assert_int_equal(stored(b), 3 * i);
    }
    rights_release(rights);
}

static int revoke_client(struct store_session *session, void *arg)
{
    const struct client *clients;
    rights_clients(session_rights(session), &clients);
    return session_revoke_client(session, clients[0].id) == ADMIN_OK ? 0 : -1;
}

static void a_revoked_token_ends_at_once(void **state)
{
    struct bench *b = *state;
    expect(b, "GET /api/sites", "", "\"domain\":\"example.com\"");
    assert_int_equal(fixture_call(b->fixture->store, revoke_client, NULL), 0);
    expect(b, "GET /api/sites", "", "HTTP/1.1 401 Unauthorized\r\n");
    expect(b, "POST /api/ingest/server/batch", HEADER(BATCH_ID) RECORDS,
           "HTTP/1.1 401 Unauthorized\r\n");
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(batches_are_stored_once),
        T(single_records_are_stored_each_time),
        T(a_revoked_token_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
