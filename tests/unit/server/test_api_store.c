/* The API in front of the real store: the border between the two, end to end in one process. */
#include "tests/unit/server/api_store.h"

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

/* ---- what is stored of a single record --------------------------------------------------------
 */

/* The newest record's row, and what its numbers stand for. */
#define NEWEST " FROM records WHERE id = (SELECT max(id) FROM records)"
#define TEXT(column) "SELECT text FROM texts WHERE id = (SELECT " column NEWEST ")"
#define EXTRA(column)                                                                              \
    "SELECT " column " FROM page_extras WHERE record = (SELECT max(id) FROM records)"
#define PAGE_UUID "5C62a8e0-0001-4000-8000-00000000000a"

struct stored_case {
    const char *fields; /* beside the required ones, which they replace */
    const char *query;  /* for one value */
    const char *value;  /* as SQLite's quote() writes it */
};

static void expect_stored(struct bench *b, const char *line, const char *required,
                          const struct stored_case *c)
{
    struct buf body, query;
    buf_init(&body, 4096);
    buf_init(&query, 4096);
    buf_printf(&body, "{%s,%s}", required, c->fields);
    buf_printf(&query, "SELECT coalesce(quote((%s)), 'NULL')", c->query);
    expect(b, line, buf_cstr(&body), "HTTP/1.1 202 Accepted\r\n");
    expect_text(b->fixture, buf_cstr(&query), c->value);
    buf_release(&body);
    buf_release(&query);
}

static void pageviews_are_stored_as_the_contract_says(void **state)
{
    struct bench *b = *state;
    static const struct stored_case cases[] = {
        {"\"url\":\"https://WWW.Example.com:8443/a\"", TEXT("host"), "'example.com'"},
        {"\"url\":\"https://example.com\"", "SELECT path" NEWEST, "'/'"},
        {"\"url\":\"https://example.com/?\"", "SELECT path" NEWEST, "'/'"},
        {"\"url\":\"https://example.com/a b\"", "SELECT path" NEWEST, "'/a%20b'"},
        {"\"url\":\"https://example.com/a?utm_term=x&b#f\"", "SELECT path" NEWEST,
         "'/a?utm_term=x&b'"},
        {"\"url\":\"https://example.com?utm_term=%20a+b%20\"", "SELECT utm_term" NEWEST, "'a b'"},
        {"\"url\":\"https://example.com?utm_source=&utm_source=x\"", "SELECT utm_source" NEWEST,
         "NULL"},
        {"\"url\":\"https://example.com?utm_source&utm_source=x\"", "SELECT utm_source" NEWEST,
         "NULL"},
        {"\"url\":\"https://example.com?utm_medium=%zz\"", "SELECT utm_medium" NEWEST, "NULL"},
        {"\"url\":\"https://example.com?utm_medium=%zz&utm_medium=x\"", "SELECT utm_medium" NEWEST,
         "'x'"},
        {"\"url\":\"https://example.com?utm_content=a;b\"", "SELECT utm_content" NEWEST, "NULL"},
        {"\"timestamp\":\" 2024-01-01T01:00:00.5+01:00 \"", "SELECT at" NEWEST, "1704067200500"},
        {"\"timestamp\":\"1985-01-01T00:00:00Z\"", "SELECT at" NEWEST, "473385600000"},
        {"\"user_agent\":\"  Firefox \"", TEXT("ua"), "'Firefox'"},
        {"\"referrer\":\"https://r.example/\"", "SELECT referrer" NEWEST, "'https://r.example/'"},
        {"\"referrer\":\"\"", "SELECT referrer" NEWEST, "NULL"},
        {"\"session_id\":\"00000000-0000-0000-0000-000000000000\"",
         "SELECT count(*) > 1 FROM records WHERE visitor = (SELECT visitor" NEWEST ")", "1"},
        {"\"session_id\":\"" PAGE_UUID "\"", EXTRA("session_id"),
         "X'5C62A8E000014000800000000000000A'"},
        {"\"page_id\":\"" PAGE_UUID "\"", EXTRA("session_id"), "NULL"},
        {"\"viewport_width\":1280", EXTRA("viewport_width"), "1280"},
        {"\"viewport_width\":0", EXTRA("viewport_width"), "0"},
        {"\"viewport_width\":0", EXTRA("viewport_height"), "NULL"},
        {"\"viewport_height\":720", EXTRA("viewport_height"), "720"},
        {"\"screen_width\":2560", EXTRA("screen_width"), "2560"},
        {"\"screen_height\":1440,\"screen_width\":null", EXTRA("screen_height"), "1440"},
        {"\"screen_height\":1440,\"screen_width\":null", EXTRA("screen_width"), "NULL"},
        {"\"language\":\"de-DE\"", EXTRA("language"), "'de-DE'"},
        {"\"page_id\":\"" PAGE_UUID "\"", EXTRA("page_id"), "X'5C62A8E000014000800000000000000A'"},
        {"\"page_id\":\"00000000-0000-0000-0000-000000000000\"",
         "SELECT count(*) FROM page_extras WHERE record = (SELECT max(id) FROM records)", "0"},
        {"\"url\":\"https://example.com/?hk_qr=" PAGE_UUID "\"", EXTRA("qr_code_id"),
         "X'5C62A8E000014000800000000000000A'"},
        {"\"url\":\"https://example.com/?hk_qr=none\"", EXTRA("qr_code_id"), "NULL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_stored(b, "POST /api/ingest/server/pageview", PAGE, &cases[i]);
}

static void ai_fetches_are_stored_as_the_contract_says(void **state)
{
    struct bench *b = *state;
    static const struct stored_case cases[] = {
        {"\"hostname\":\" WWW.Example.com:8443 \"", TEXT("host"), "'www.example.com:8443'"},
        {"\"hostname\":\"other.example.\"", TEXT("host"), "'other.example.'"},
        {"\"hostname\":\"\"", "SELECT host" NEWEST, "NULL"},
        {"\"path\":\"https://WWW.Example.com:8443/a b?q=%20#f\"", TEXT("host"),
         "'www.example.com'"},
        {"\"path\":\"https://a.example/\",\"hostname\":\"B.example:1\"", TEXT("host"),
         "'b.example:1'"},
        {"\"path\":\"https://www.example.com:8443/a b?q=%20#f\"", "SELECT path" NEWEST,
         "'/a%20b?q=%20'"},
        {"\"path\":\"//example.com\"", "SELECT path" NEWEST, "'/'"},
        {"\"path\":\"//example.com/x?\"", "SELECT path" NEWEST, "'/x'"},
        {"\"path\":\" /a/../b//%7e?q#f \"", "SELECT path" NEWEST, "'/a/../b//%7e?q#f'"},
        {"\"path\":\"a\"", "SELECT path" NEWEST, "'/a'"},
        {"\"content_type\":\" Text/HTML; charset=X \"", TEXT("content_type"),
         "'Text/HTML; charset=X'"},
        {"\"content_type\":\" \"", "SELECT content_type" NEWEST, "NULL"},
        {"\"response_ms\":12", "SELECT response_ms" NEWEST, "12"},
        {"\"response_ms\":0", "SELECT response_ms" NEWEST, "NULL"},
        {"\"response_ms\":-5", "SELECT response_ms" NEWEST, "NULL"},
        {"\"bytes_served\":9223372036854775807", "SELECT bytes" NEWEST, "9223372036854775807"},
        {"\"bytes_served\":0", "SELECT bytes" NEWEST, "NULL"},
        {"\"user_agent\":\" Mozilla GPTBot/1.2 \"", TEXT("ua"), "'Mozilla GPTBot/1.2'"},
        {"\"user_agent\":\"gptbot\"", "SELECT name FROM agents WHERE id = (SELECT agent" NEWEST ")",
         "'GPTBot'"},
        {"\"timestamp\":\"1985-01-01T00:00:00Z\"", "SELECT at > 1700000000000" NEWEST, "1"},
        {"\"status_code\":599", "SELECT status" NEWEST, "599"},
    };
    struct rights *rights = store_rights(b->fixture->store);
    const struct site *site = rights_site_by_id(rights, b->fixture->site);
    char fetch[128];
    snprintf(fetch, sizeof(fetch), "POST /api/sites/%s/ingest/ai-fetch", site->uuid_text);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_stored(b, fetch, "\"path\":\"/\",\"status_code\":200,\"user_agent\":\"GPTBot\"",
                      &cases[i]);
    rights_release(rights);
}

/* Nobody without a token is asked for a body. */
static void a_refused_token_sends_no_body(void **state)
{
    static const char *const paths[] = {
        "/api/ingest/server/pageview", "/api/ingest/server/event", "/api/ingest/server/batch",
        "/api/sites/00000000-0000-0000-0000-000000000000/ingest/ai-fetch"};
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct probe p;
        struct buf request;
        buf_init(&request, 4096);
        buf_printf(&request,
                   "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong\r\n"
                   "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
                   paths[i]);
        probe_connect(&p, b->loop, http_server_port(b->server));
        probe_send(&p, buf_str(&request));
        if (!probe_await(&p, "\r\n\r\n", 1) ||
            strncmp(probe_text(&p), "HTTP/1.1 401 Unauthorized\r\n", 27) != 0)
            fail_msg("%s: %s", paths[i], probe_text(&p));
        probe_close(&p);
        buf_release(&request);
    }
}

static int revoke_client(struct store_session *session, void *arg)
{
    const struct client *clients;
    rights_clients(session_rights(session), &clients);
    return session_revoke_client(session, clients[0].id, true) == ADMIN_OK ? 0 : -1;
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
        T(pageviews_are_stored_as_the_contract_says),
        T(ai_fetches_are_stored_as_the_contract_says),
        T(a_refused_token_sends_no_body),
        T(a_revoked_token_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
