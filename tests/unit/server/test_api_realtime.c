/*
 * test_api_realtime.c - the stream of events of a site: what is told, to whom, how many of them,
 * and when it ends.
 */
#include "tests/unit/server/api_reads_bench.h"

#include "server/api_realtime.h"

#define CONNECTED ": connected\nretry: 3000\n\n"
#define WRITE                                                                                      \
    "{\"url\":\"https://example.com/\",\"timestamp\":\"2024-10-05T00:00:00Z\",\"name\":\"n\","     \
    "\"visitor_ip\":\"192.0.2.1\",\"user_agent\":\"x\"}"

static void open_stream(struct bench *b, struct probe *p, const char *more)
{
    struct buf request;
    buf_init(&request, 1000);
    buf_printf(&request,
               "GET /api/sites/%s/realtime HTTP/1.1\r\nHost: a\r\n%s"
               "Authorization: Bearer viewer\r\n\r\n",
               site_id, more);
    probe_connect(p, b->loop, http_server_port(b->server));
    probe_send(p, buf_str(&request));
    buf_release(&request);
}

static void expect_in(struct probe *p, const char *text)
{
    if (!probe_await(p, text, 1))
        fail_msg("wanted %s, got: %s", text, probe_text(p));
}

/* The number of the last event. */
static uint64_t last_id(struct probe *p)
{
    const char *at = NULL;
    for (const char *next = probe_text(p); (next = strstr(next, "\nid: ")) != NULL; next++)
        at = next;
    assert_non_null(at);
    return strtoull(at + 5, NULL, 10);
}

static void what_is_told(void **state)
{
    struct bench *b = *state;
    struct probe p;
    char expected[256];
    open_stream(b, &p, "");
    expect_in(&p, CONNECTED);
    assert_non_null(strstr(probe_text(&p), "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(probe_text(&p), "\r\nContent-Type: text/event-stream\r\n"));
    assert_non_null(strstr(probe_text(&p), "\r\nCache-Control: no-cache\r\n"));
    assert_non_null(strstr(probe_text(&p), "\r\nX-Accel-Buffering: no\r\n"));
    expect(b, "POST /api/ingest/server/pageview", WRITE, "HTTP/1.1 202");
    expect(b, "POST /api/ingest/server/pageview", WRITE, "HTTP/1.1 202");
    expect(b, "POST /api/ingest/server/event", WRITE, "HTTP/1.1 202");
    snprintf(expected, sizeof(expected),
             "\nevent: analytics.changed\ndata: {\"site_id\":\"%s\",\"kinds\":[", site_id);
    expect_in(&p, expected);
    char line[256];
    snprintf(line, sizeof(line), "POST /api/sites/%s/ingest/ai-fetch", site_id);
    expect(b, line, "{\"path\":\"/p\",\"status_code\":200,\"user_agent\":\"GPTBot\"}",
           "HTTP/1.1 202");
    expect_in(&p, "\"ai_fetch\":1}}\n\n");
    assert_int_equal(probe_count(&p, "analytics.resync"), 0);
    probe_close(&p);
    probe_run(&(struct probe){.loop = b->loop, .closed = true}, 700);
    assert_int_equal(realtime_streams(b->api->realtime), 0); /* the client has gone */
}

static struct record *add_foreign(struct batch *b, const struct fixture *f)
{
    struct record *r = add_row(b, f->foreign, 0, 5000, 1);
    r->url = STR("https://example.org/");
    r->visitor_ip = STR("192.0.2.1");
    r->time_ms = NOON;
    return r;
}

/* Counts of a batch, by kind; of the own site alone. */
static void of_a_batch(void **state)
{
    struct bench *b = *state;
    struct realtime *r = b->api->realtime;
    struct batch more;
    struct probe p;
    open_stream(b, &p, "");
    expect_in(&p, CONNECTED);
    batch_init(&more, b->fixture, 2);
    fetch(&more, b->fixture, 0, "/new")->at = 6000;
    visit(&more, b->fixture, 0, "https://example.com/new", "192.0.2.9")->at = 6001;
    add_foreign(&more, b->fixture);
    visit(&more, b->fixture, 0, "https://example.com/newer", "192.0.2.9")->at = 6002;
    more.job.stored = 4;
    realtime_done(realtime_retain(r), &more.job);
    expect_in(&p, "\"kinds\":[\"hits\",\"ai_fetch\"],");
    expect_in(&p, "\"counts\":{\"hits\":2,\"ai_fetch\":1}}\n\n");
    /* All of it was there before: nothing to tell. */
    more.job.stored = 0;
    realtime_done(realtime_retain(r), &more.job);
    probe_run(&p, 700);
    assert_int_equal(probe_count(&p, "analytics.changed"), 1);
    probe_close(&p);
}

static void coming_back(void **state)
{
    struct bench *b = *state;
    struct probe p;
    char more[64];
    open_stream(b, &p, "Last-Event-ID: 7\r\n"); /* of before the start */
    expect_in(&p, CONNECTED);
    expect_in(&p, "\nevent: analytics.resync\ndata: {");
    expect_in(&p, "\"kinds\":[\"hits\",\"events\",\"ai_fetch\"],");
    expect_in(&p, "\"counts\":{}}\n\n");
    snprintf(more, sizeof(more), "Last-Event-ID: %llu\r\n", (unsigned long long)last_id(&p));
    probe_close(&p);
    open_stream(b, &p, more);
    probe_run(&p, 700);
    expect_in(&p, CONNECTED);
    assert_int_equal(probe_count(&p, "analytics.resync"), 0); /* nothing has happened since */
    probe_close(&p);
    expect(b, "POST /api/ingest/server/pageview", WRITE, "HTTP/1.1 202");
    open_stream(b, &p, more);
    expect_in(&p, "\nevent: analytics.resync\ndata: {");
    probe_close(&p);
    open_stream(b, &p, "Last-Event-ID: x\r\n");
    probe_run(&p, 700);
    assert_int_equal(probe_count(&p, "analytics.resync"), 0);
    probe_close(&p);
}

static int take_grant(struct store_session *session, void *arg)
{
    const struct fixture *f = arg;
    const struct client *viewer;
    struct rights *r = store_rights(f->store);
    const struct client *clients;
    size_t n = rights_clients(r, &clients);
    viewer = &clients[n - 1];
    assert_true(str_eq(viewer->name, STR("viewer")));
    int status = session_ungrant(session, viewer->id, f->site) == ADMIN_OK ? 0 : -1;
    rights_release(r);
    return status;
}

static void a_grant_goes(void **state)
{
    struct bench *b = *state;
    struct probe p;
    open_stream(b, &p, "Connection: close\r\n");
    expect_in(&p, CONNECTED);
    assert_int_equal(fixture_call(b->fixture->store, take_grant, b->fixture), 0);
    int64_t before = probe_now_ms();
    assert_true(probe_await_close(&p));
    assert_true(probe_now_ms() - before < 1000);
    assert_non_null(strstr(probe_text(&p), "\r\n0\r\n\r\n")); /* and not broken off */
    probe_close(&p);
    open_stream(b, &p, "");
    expect_in(&p, "403 Forbidden\r\n");
    probe_close(&p);
}

static void how_many(void **state)
{
    struct bench *b = *state;
    struct probe p[REALTIME_STREAMS_EACH + 1];
    for (size_t i = 0; i < REALTIME_STREAMS_EACH; i++) {
        open_stream(b, &p[i], "");
        expect_in(&p[i], CONNECTED);
    }
    open_stream(b, &p[REALTIME_STREAMS_EACH], "Connection: close\r\n");
    expect_in(&p[REALTIME_STREAMS_EACH], "429 Too Many Requests\r\n");
    probe_close(&p[REALTIME_STREAMS_EACH]);
    probe_close(&p[0]);
    probe_run(&p[1], 700);
    open_stream(b, &p[0], "");
    expect_in(&p[0], CONNECTED);
    for (size_t i = 0; i < REALTIME_STREAMS_EACH; i++)
        probe_close(&p[i]);
}

/* Of all, of a shorter life, and none when the server is about to end. */
static void their_end(void **state)
{
    struct bench *b = *state;
    struct probe p, second;
    realtime_free(b->api->realtime);
    b->api->realtime = realtime_new(b->loop, 1, 2400);
    open_stream(b, &p, "Connection: close\r\n");
    expect_in(&p, CONNECTED);
    open_stream(b, &second, "");
    expect_in(&second, "503 Service Unavailable\r\n");
    expect_in(&second, "\r\nRetry-After: 2\r\n");
    probe_close(&second);
    assert_true(probe_await_close(&p));
    assert_true(probe_count(&p, ": heartbeat\n\n") >= 1);
    probe_close(&p);
    open_stream(b, &p, "Connection: close\r\n");
    expect_in(&p, CONNECTED);
    api_stop(b->api);
    assert_true(probe_await_close(&p));
    probe_close(&p);
    open_stream(b, &p, "Connection: close\r\n");
    expect_in(&p, "503 Service Unavailable\r\n");
    probe_close(&p);
}

/* Sites that have lost their place to another: what they have missed is not known. */
static void many_sites(void **state)
{
    struct bench *b = *state;
    struct store_event event = {0};
    struct store_job job = {.kind = STORE_EVENT, .event = &event};
    struct probe p;
    char more[64];
    event.site = b->fixture->site;
    realtime_done(realtime_retain(b->api->realtime), &job);
    open_stream(b, &p, "Last-Event-ID: 1\r\n");
    expect_in(&p, "analytics.resync");
    snprintf(more, sizeof(more), "Last-Event-ID: %llu\r\n", (unsigned long long)last_id(&p));
    probe_close(&p);
    for (int64_t i = 1; i <= 2; i++) {
        event.site = b->fixture->site + i * 1024;
        realtime_done(realtime_retain(b->api->realtime), &job);
    }
    open_stream(b, &p, more);
    expect_in(&p, "analytics.resync");
    probe_close(&p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, reads_setup, teardown)
    const struct CMUnitTest tests[] = {T(what_is_told), T(of_a_batch), T(coming_back),
                                       T(a_grant_goes), T(how_many),   T(their_end),
                                       T(many_sites)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
