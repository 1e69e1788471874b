/* The verify endpoint against the real store: what it says of a body is what the batch endpoint
 * would do with it, and it leaves no trace. */
#include "tests/unit/server/api_store.h"

#include <semaphore.h>
#include <zlib.h>
#include <zstd.h>

#define VERIFY "POST /api/ingest/server/verify"
#define BATCH "POST /api/ingest/server/batch"
#define ID "0192f0c1-7d3e-7abc-8def-0123456789ab"
#define STREAM "0123456789abcdef0123456789abcdef"
#define HEADER_TO(id, stream, to, n)                                                               \
    "{\"v\":1,\"batch\":\"" id "\",\"agent\":\"logferry/0.1\",\"node\":\"web-1\",\"streams\":["    \
    "{\"id\":\"" stream "\",\"from\":0,\"to\":" to ",\"lines\":" n ",\"records\":" n "}],"         \
    "\"user_agents\":[\"Firefox\",\"GPTBot/1.2\"]}\n"
#define HEADER(n) HEADER_TO(ID, STREAM, "1000", n)
#define PAGE_AT(host, path, at, h)                                                                 \
    "{\"k\":\"pageview\",\"at\":" at ",\"h\":\"" h "\",\"url\":\"https://" host path               \
    "\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"visitor_ip\":\"::1\",\"user_agent\":0}\n"
#define PAGE(at, h) PAGE_AT("example.com", "/", at, h)
#define FETCH(at, h)                                                                               \
    "{\"k\":\"ai_fetch\",\"at\":" at ",\"h\":\"" h                                                 \
    "\",\"hostname\":\"example.com\",\"path\":\"/\",\"status_code\":200,\"timestamp\":"            \
    "\"2024-01-01T00:00:00Z\",\"user_agent\":1}\n"
#define THREE PAGE("0", "00000001") FETCH("50", "00000002") PAGE("90", "00000003")
#define ANSWER(text) "\r\n\r\n{\"batch\":\"" ID "\"," text "}\n"

/* ---- asking ------------------------------------------------------------------------------- */

static void ask(struct bench *b, const char *line, const char *headers, struct str body,
                struct buf *answer)
{
    struct probe p;
    struct buf request;
    buf_init(&request, 1u << 24);
    buf_printf(&request,
               "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n", line,
               headers, body.n);
    buf_put_str(&request, body);
    probe_connect(&p, b->loop, http_server_port(b->server));
    probe_send(&p, buf_str(&request));
    assert_true(probe_await_close(&p));
    buf_reset(answer);
    buf_lit(answer, "");
    buf_put(answer, probe_text(&p), strlen(probe_text(&p)));
    probe_close(&p);
    buf_release(&request);
}

static void want(struct bench *b, const char *name, const char *headers, struct str body,
                 const char *answer)
{
    struct buf got;
    buf_init(&got, 1u << 24);
    ask(b, VERIFY, headers, body, &got);
    if (!strstr(buf_cstr(&got), answer))
        fail_msg("%s: wanted %s, got: %s", name, answer, buf_cstr(&got));
    buf_release(&got);
}

/* All that a batch leaves behind. */
static int64_t rows_in_store(const struct bench *b)
{
    return number(b->fixture, "SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM odd)"
                              " + (SELECT count(*) FROM streams) + (SELECT count(*) FROM lanes)"
                              " + (SELECT count(*) FROM texts) + (SELECT count(*) FROM agents)"
                              " + (SELECT count(*) FROM nodes) + (SELECT count(*) FROM batches)"
                              " + (SELECT count(*) FROM intervals) + (SELECT count(*) FROM tallies)"
                              " + (SELECT count(*) FROM day_keys)");
}

/* ---- what it says ------------------------------------------------------------------------- */

static void it_tells_and_leaves_no_trace(void **state)
{
    struct bench *b = *state;
    struct str body = STR(HEADER("3") THREE);
    static const char none[] = ANSWER("\"present\":0,\"missing\":3,\"excluded\":0,"
                                      "\"missing_lines\":[[2,4]],\"rejected\":[]");
    static const char all[] = ANSWER("\"present\":3,\"missing\":0,\"excluded\":0,"
                                     "\"missing_lines\":[],\"rejected\":[]");
    want(b, "nothing is stored", TOKEN, body, none);
    assert_int_equal(rows_in_store(b), 0);
    want(b, "asked again", TOKEN, body, none);
    expect(b, BATCH, body.p, "\"stored\":3,\"duplicate\":0,"); /* the id was not used up */
    int64_t rows = rows_in_store(b);
    want(b, "all is stored", TOKEN, body, all);
    want(b, "the same id with another body", TOKEN, STR(HEADER("1") PAGE("0", "00000001")),
         "\"present\":1,\"missing\":0,");
    assert_int_equal(rows_in_store(b), rows);
    expect(b, BATCH, body.p, "\"stored\":3,\"duplicate\":0,"); /* and its answer is kept */
}

struct known {
    const char *name, *body, *answer;
};

/* Stored: three records, and at position 50 a second line, by way of `odd`. */
static void each_record_by_itself(void **state)
{
    struct bench *b = *state;
    static const struct known cases[] = {
        {"a stream that is not there",
         HEADER_TO(ID, "ffffffffffffffffffffffffffffffff", "1000", "1") PAGE("0", "00000001"),
         "\"present\":0,\"missing\":1,"},
        {"another lane", HEADER_TO(ID, STREAM, "99999999", "1") PAGE("16777216", "00000001"),
         "\"present\":0,\"missing\":1,"},
        {"far out in the stream",
         HEADER_TO(ID, STREAM, "9223372036854775807", "1") PAGE("9223372036854775806", "00000001"),
         "\"present\":0,\"missing\":1,"},
        {"another hash", HEADER("1") PAGE("0", "00000009"), "\"present\":0,\"missing\":1,"},
        {"another position", HEADER("1") PAGE("1", "00000001"), "\"present\":0,\"missing\":1,"},
        {"the second line of a position", HEADER("1") PAGE("50", "0000000a"),
         "\"present\":1,\"missing\":0,"},
        {"both lines of a position", HEADER("2") PAGE("50", "0000000a") FETCH("50", "00000002"),
         "\"present\":2,\"missing\":0,"},
        {"a third one", HEADER("1") PAGE("50", "0000000b"), "\"present\":0,\"missing\":1,"},
        {"equal ones that are stored", HEADER("2") PAGE("0", "00000001") PAGE("0", "00000001"),
         "\"present\":2,\"missing\":0,"},
        {"equal ones that are not", HEADER("2") PAGE("7", "00000001") PAGE("7", "00000001"),
         "\"present\":0,\"missing\":2,\"excluded\":0,\"missing_lines\":[[2,3]]"},
        {"ranges",
         HEADER("6") PAGE("1", "00000001") PAGE("0", "00000001") PAGE("2", "00000001")
             PAGE("3", "00000001") PAGE("90", "00000003") PAGE("91", "00000001"),
         "\"present\":2,\"missing\":4,\"excluded\":0,\"missing_lines\":[[2,2],[4,5],[7,7]]"},
        {"excluded and rejected lines are in no range",
         HEADER("5") PAGE("1", "00000001") PAGE_AT("example.com", "/healthz", "2", "00000001") PAGE(
             "3", "00000001") PAGE_AT("nowhere.net", "/", "4", "00000001") PAGE("5", "00000001"),
         ANSWER("\"present\":0,\"missing\":3,\"excluded\":1,\"missing_lines\":[[2,2],[4,4],[6,6]],"
                "\"rejected\":[{\"line\":5,\"status\":403,\"error\":\"Access denied\"}]")},
        {"nothing but a header", HEADER("0"),
         ANSWER("\"present\":0,\"missing\":0,\"excluded\":0,\"missing_lines\":[],\"rejected\":[]")},
        {"no streams",
         "{\"v\":1,\"batch\":\"" ID "\",\"agent\":\"a\",\"node\":\"n\",\"streams\":[]}\n",
         ANSWER("\"present\":0,\"missing\":0,\"excluded\":0,\"missing_lines\":[],\"rejected\":[]")},
    };
    expect(b, BATCH, HEADER("3") THREE, "\"stored\":3,");
    expect(b, BATCH,
           HEADER_TO("0192f0c1-7d3e-7abc-8def-00000000000a", STREAM, "1000", "1")
               PAGE("50", "0000000a"),
           "\"stored\":1,");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        want(b, cases[i].name, TOKEN, str_of(cases[i].body), cases[i].answer);
}

static int add_other_team(struct store_session *session, void *arg)
{
    struct fixture *f = arg;
    unsigned char hash[TOKEN_HASH_BYTES];
    struct new_client client = new_client_of(STR("other"), f->other_team, hash);
    struct grant grant = {.site = f->foreign, .role = ROLE_OWNER};
    if (sha256(STR("other"), hash) < 0 ||
        session_add_client(session, &client, &grant.client) != ADMIN_OK)
        return -1;
    return session_grant(session, &grant) == ADMIN_OK ? 0 : -1;
}

/* What a token may not write it may not ask for either: the records of example.com are stored. */
static void rights_are_those_of_a_batch(void **state)
{
    struct bench *b = *state;
    static const char other[] = "Authorization: Bearer other\r\n";
    struct str body = STR(HEADER("3") THREE);
    expect(b, BATCH, body.p, "\"stored\":3,");
    assert_int_equal(fixture_call(b->fixture->store, add_other_team, b->fixture), 0);
    want(b, "another team's token", other, body,
         ANSWER("\"present\":0,\"missing\":0,\"excluded\":0,\"missing_lines\":[],\"rejected\":["
                "{\"line\":2,\"status\":403,\"error\":\"Access denied\"},"
                "{\"line\":3,\"status\":403,\"error\":\"Access denied\"},"
                "{\"line\":4,\"status\":403,\"error\":\"Access denied\"}]"));
    /* The same stream, position and line on its own site is another record. */
    want(b, "the same line on another site", other,
         STR(HEADER("1") PAGE_AT("foreign.net", "/", "0", "00000001")),
         "\"present\":0,\"missing\":1,");
    want(b, "a site that is not granted", TOKEN,
         STR(HEADER("1") PAGE_AT("example.org", "/", "0", "00000001")),
         "\"rejected\":[{\"line\":2,\"status\":403,\"error\":\"Access denied\"}]");
    want(b, "an unknown site", TOKEN, STR(HEADER("1") PAGE_AT("nowhere.net", "/", "0", "00000001")),
         "\"rejected\":[{\"line\":2,\"status\":403,\"error\":\"Access denied\"}]");
    want(b, "a bad token", "Authorization: Bearer x\r\n", body, "HTTP/1.1 401 Unauthorized\r\n");
    want(b, "no token", "", body, "HTTP/1.1 401 Unauthorized\r\n");
}

static void bodies_are_refused_as_a_batch(void **state)
{
    struct bench *b = *state;
    want(b, "empty", TOKEN, STR(""), "HTTP/1.1 400 Bad Request\r\n");
    want(b, "no JSON", TOKEN, STR("x\n"), "line 1: ");
    want(b, "too few records", TOKEN, STR(HEADER("2") PAGE("0", "00000001")),
         "line 3: fewer records than the header counts\n");
    want(b, "outside the stream", TOKEN, STR(HEADER("1") PAGE("1000", "00000001")),
         "line 2: \"at\" lies outside its stream's positions\n");
    want(b, "too many", TOKEN, STR(HEADER("10001")), "HTTP/1.1 413 ");
    want(b, "a coding that is none", TOKEN "Content-Encoding: br\r\n", STR("x"), "HTTP/1.1 415 ");
    want(b, "a coding that it is not", TOKEN "Content-Encoding: zstd\r\n", STR(HEADER("0")),
         "HTTP/1.1 400 ");
}

static void compressed_bodies(void **state)
{
    struct bench *b = *state;
    struct str body = STR(HEADER("3") THREE);
    char zstd[4096], gzip[4096];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)body.p,
                  .avail_in = (uInt)body.n,
                  .next_out = (unsigned char *)gzip,
                  .avail_out = sizeof(gzip)};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    struct str zipped = {gzip, sizeof(gzip) - z.avail_out};
    deflateEnd(&z);
    expect(b, BATCH, HEADER("1") PAGE("0", "00000001"), "\"stored\":1,");
    want(b, "gzip", TOKEN "Content-Encoding: gzip\r\n", zipped,
         "\"present\":1,\"missing\":2,\"excluded\":0,\"missing_lines\":[[3,4]],");
    size_t n = ZSTD_compress(zstd, sizeof(zstd), body.p, body.n, 3);
    want(b, "zstd", TOKEN "Content-Encoding: zstd\r\n", (struct str){zstd, n},
         "\"present\":1,\"missing\":2,\"excluded\":0,\"missing_lines\":[[3,4]],");
}

/* ---- the same as the batch endpoint, whatever comes ---------------------------------------- */

static uint64_t field(const struct buf *answer, const char *name)
{
    const char *at = strstr(answer->p, name);
    if (!at)
        fail_msg("no %s in %s", name, answer->p);
    return strtoull(at + strlen(name), NULL, 10);
}

static void put_random(struct buf *body, unsigned *seed, int round)
{
    int n = 1 + rand_r(seed) % 40;
    buf_reset(body);
    buf_printf(body,
               "{\"v\":1,\"batch\":\"0192f0c1-7d3e-7abc-8def-%012x\",\"agent\":\"a\",\"node\":\"n\""
               ",\"streams\":[{\"id\":\"" STREAM
               "\",\"from\":0,\"to\":90000000,\"lines\":40,\"records\":%d}],\"user_agents\":["
               "\"Firefox\"]}\n",
               round, n);
    /* Few positions, in several lanes, each once in a body; few hashes, so that lines meet. */
    for (int i = 0; i < n; i++)
        buf_printf(body,
                   "{\"k\":\"pageview\",\"at\":%d,\"h\":\"0000000%x\",\"url\":"
                   "\"https://example.com/\",\"timestamp\":\"2024-01-01T00:00:00Z\","
                   "\"visitor_ip\":\"::1\",\"user_agent\":0}\n",
                   (i % 5) * 16777216 + i * 2 + rand_r(seed) % 2, (unsigned)rand_r(seed) % 3);
    buf_putc(body, '\0');
    body->n--;
}

static void present_is_what_a_batch_calls_duplicate(void **state)
{
    struct bench *b = *state;
    unsigned seed = 7;
    uint64_t seen = 0;
    struct buf body, before, stored, after;
    buf_init(&body, 1u << 20);
    buf_init(&before, 1u << 20);
    buf_init(&stored, 1u << 20);
    buf_init(&after, 1u << 20);
    for (int round = 0; round < 60; round++) {
        put_random(&body, &seed, round);
        ask(b, VERIFY, TOKEN, buf_str(&body), &before);
        ask(b, BATCH, TOKEN, buf_str(&body), &stored);
        ask(b, VERIFY, TOKEN, buf_str(&body), &after);
        buf_cstr(&before), buf_cstr(&stored), buf_cstr(&after);
        seen += field(&before, "\"present\":");
        assert_int_equal(field(&before, "\"present\":"), field(&stored, "\"duplicate\":"));
        assert_int_equal(field(&before, "\"missing\":"), field(&stored, "\"stored\":"));
        assert_int_equal(field(&after, "\"missing\":"), 0);
        assert_non_null(strstr(after.p, "\"missing_lines\":[],"));
    }
    assert_true(seen > 100 && number(b->fixture, "SELECT count(*) FROM odd") > 20);
    buf_release(&body);
    buf_release(&before);
    buf_release(&stored);
    buf_release(&after);
}

/* ---- beside the writer --------------------------------------------------------------------- */

struct held {
    sem_t begun, end;
    struct store_job job;
    struct outcome outcome;
};

static int hold(struct store_session *session, void *arg)
{
    (void)session;
    struct held *h = arg;
    sem_post(&h->begun);
    sem_wait(&h->end);
    return 0;
}

/* The writer sits in a transaction all the while. */
static void it_does_not_wait_for_the_writer(void **state)
{
    struct bench *b = *state;
    struct held h = {.job = {.kind = STORE_CALL, .call = hold, .call_arg = &h}};
    expect(b, BATCH, HEADER("1") PAGE("0", "00000001"), "\"stored\":1,");
    sem_init(&h.begun, 0, 0);
    sem_init(&h.end, 0, 0);
    h.job.done = fixture_done;
    h.job.owner = &h.outcome;
    assert_int_equal(store_submit(b->fixture->store, &h.job), 0);
    sem_wait(&h.begun);
    want(b, "while the writer writes", TOKEN, STR(HEADER("3") THREE),
         "\"present\":1,\"missing\":2,");
    sem_post(&h.end);
    while (!h.outcome.called) {
        assert_true(store_wait(b->fixture->store, 10000));
        store_collect(b->fixture->store);
    }
    assert_int_equal(h.outcome.result, STORE_OK);
    sem_destroy(&h.begun);
    sem_destroy(&h.end);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_tells_and_leaves_no_trace),
        T(each_record_by_itself),
        T(rights_are_those_of_a_batch),
        T(bodies_are_refused_as_a_batch),
        T(compressed_bodies),
        T(present_is_what_a_batch_calls_duplicate),
        T(it_does_not_wait_for_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
