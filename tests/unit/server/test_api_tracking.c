/*
 * test_api_tracking.c - what tracking/status says of a site that nobody has visited, of one that is
 * visited, was, or is by a host that is not its own; of records packed or not.
 */
#include "tests/unit/server/api_reads_bench.h"

#include "server/store_sqlite_impl.h"

static const char *team_id(struct bench *b)
{
    static char id[37];
    struct rights *r = store_rights(b->fixture->store);
    snprintf(id, sizeof(id), "%s", rights_team_by_id(r, b->fixture->team)->uuid_text);
    rights_release(r);
    return id;
}

/* `seen`: what stands behind the status. */
static void expect_status(struct bench *b, const char *status, const char *seen, const char *domain)
{
    char body[1024];
    snprintf(body, sizeof(body),
             "{\"site_id\":\"%s\",\"tenant_id\":\"%s\",\"status\":\"%s\"%s,"
             "\"configured_domain\":\"%s\"}\n",
             site_id, team_id(b), status, seen, domain);
    expect_answer(b, "tracking/status", "", 200, body);
}

static int delete_pages(struct store_session *session, void *arg)
{
    struct engine *e = session->engine;
    (void)arg;
    memset(e->lanes, 0, sizeof(e->lanes));
    return sql_run_text(e, "DELETE FROM records WHERE kind = 0", "");
}

#define HITS                                                                                       \
    ",\"first_hit_at\":\"2024-10-04T15:00:00Z\",\"last_hit_at\":\"2024-10-04T16:00:00.25Z\""
#define HOST ",\"last_hostname\":\"example.com\""

static void long_ago(void **state)
{
    struct bench *b = *state;
    expect_status(b, "dormant", HITS HOST, "example.com");
    assert_int_equal(fixture_call(b->fixture->store, pack_all, NULL), 0);
    expect_status(b, "dormant", HITS HOST, "example.com");
    /* Fetches are no visits. */
    assert_int_equal(fixture_call(b->fixture->store, delete_pages, NULL), 0);
    expect_status(b, "waiting", "", "example.com");
}

static void with_events(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *time, *name;
    } events[] = {{"2024-10-01T00:00:00Z", "file_download"},
                  {"2024-10-02T00:00:00.5Z", "buy \\\"it\\\""},
                  {"2024-09-01T00:00:00Z", "outbound_click"}};
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "{\"url\":\"https://example.com/\",\"timestamp\":\"%s\",\"name\":\"%s\","
                 "\"visitor_ip\":\"192.0.2.1\",\"user_agent\":\"x\"}",
                 events[i].time, events[i].name);
        expect(b, "POST /api/ingest/server/event", body, "HTTP/1.1 202");
    }
    expect_status(b, "dormant",
                  HITS ",\"last_event_at\":\"2024-10-02T00:00:00.5Z\"" HOST
                       ",\"last_event_name\":\"buy \\\"it\\\"\",\"last_automatic_event_at\":"
                       "\"2024-10-01T00:00:00Z\",\"last_automatic_event_name\":\"file_download\"",
                  "example.com");
}

static void now(void **state)
{
    struct bench *b = *state;
    struct batch more;
    batch_init(&more, b->fixture, 2);
    struct record *r = visit(&more, b->fixture, 0, "https://www.example.com/now", "192.0.2.3");
    r->at = 5000; /* no record of before */
    r->time_ms = api_now_ms() / 1000 * 1000 - 7 * DAY_MS + 60000;
    assert_int_equal(fixture_run(b->fixture->store, &more.job).stored, 1);
    struct buf seen;
    buf_init(&seen, 1000);
    buf_lit(&seen, ",\"first_hit_at\":\"2024-10-04T15:00:00Z\",\"last_hit_at\":\"");
    time_put_rfc3339(&seen, r->time_ms);
    seen.n -= 5; /* .000Z */
    buf_lit(&seen, "Z\"" HOST);
    expect_status(b, "live", buf_cstr(&seen), "example.com");
    buf_release(&seen);
}

static int rename_site(struct store_session *session, void *arg)
{
    const struct fixture *f = arg;
    return session_rename_site(session, f->site, STR("example.net")) == ADMIN_OK ? 0 : -1;
}

static int add_old_name(struct store_session *session, void *arg)
{
    const struct fixture *f = arg;
    return session_add_alias(session, f->site, STR("example.com")) == ADMIN_OK ? 0 : -1;
}

static void by_another_host(void **state)
{
    struct bench *b = *state;
    assert_int_equal(fixture_call(b->fixture->store, rename_site, b->fixture), 0);
    expect_status(b, "domain_mismatch", HITS HOST, "example.net");
    assert_int_equal(fixture_call(b->fixture->store, add_old_name, b->fixture), 0);
    expect_status(b, "dormant", HITS HOST, "example.net");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, reads_setup, teardown)
    const struct CMUnitTest tests[] = {T(long_ago), T(with_events), T(now), T(by_another_host)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
