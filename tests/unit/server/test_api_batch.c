/* The batch endpoint: what refuses the whole, what refuses one record, codings, sizes, the store's
 * answers. */
#include "tests/unit/server/api_bench.h"
#include "tests/unit/server/api_rules.h"
#include "tests/unit/server/coded.h"

#define BATCH_PATH "POST /api/ingest/server/batch"
#define BATCH_ID "0192f0c1-7d3e-7abc-8def-0123456789ab"
#define ADMIN "Authorization: Bearer admin\r\n"
#define STREAM "\"id\":\"0123456789abcdef0123456789abcdef\""
#define HEAD(streams)                                                                              \
    "{\"v\":1,\"batch\":\"" BATCH_ID                                                               \
    "\",\"agent\":\"logferry/0.1\",\"node\":\"web-1\",\"streams\":[" streams                       \
    "],\"user_agents\":[\"Firefox\",\"Mozilla/5.0 (compatible; GPTBot/1.2)\",\"AhrefsBot\",\" "    \
    "\"]}\n"
/* One stream of n records in [0, 100). */
#define ONE(n)                                                                                     \
    HEAD("{" STREAM ",\"from\":0,\"to\":100,\"lines\":9,\"records\":" n                            \
         ",\"skipped\":{\"asset\":1}}")
#define PAGE(at, more)                                                                             \
    "{\"k\":\"pageview\",\"at\":" at                                                               \
    ",\"h\":\"9f31c2aa\",\"timestamp\":\"2024-01-01T00:00:00Z\"" more "}\n"
#define URL(url) ",\"url\":\"" url "\""
#define FROM(ip) ",\"visitor_ip\":\"" ip "\""
#define UA(n) ",\"user_agent\":" n
#define PLAIN_PAGE(at) PAGE(at, URL("https://example.com/p") FROM("203.0.113.9") UA("0"))
#define FETCH(at, more)                                                                            \
    "{\"k\":\"ai_fetch\",\"at\":" at                                                               \
    ",\"h\":\"0c77e1b0\",\"timestamp\":\"2024-01-01T00:00:00Z\"" more "}\n"
#define HOST(name) ",\"hostname\":\"" name "\""
#define PATH(path) ",\"path\":\"" path "\""
#define STATUS(n) ",\"status_code\":" n
#define PLAIN_FETCH(at) FETCH(at, HOST("example.com") PATH("/p") STATUS("200") UA("1"))

struct call {
    const char *name;
    const char *body;
    int status;
    const char *answer; /* a part of the answer's body */
    const char *stored; /* a part of what the store was given; NULL: nothing */
};

static void check_call(struct bench *b, const struct call *c, const char *headers)
{
    struct probe p;
    bench_ask(b, &p, BATCH_PATH, headers, str_of(c->body));
    if (probe_status(&p) != c->status || !strstr(probe_body(&p), c->answer))
        fail_msg("%s: wanted %d %s, got: %s", c->name, c->status, c->answer, probe_text(&p));
    bool json = c->status == 200;
    if (probe_count(&p, json ? "\r\nContent-Type: application/json\r\n"
                             : "\r\nContent-Type: text/plain; charset=utf-8\r\n") != 1)
        fail_msg("%s: wrong headers: %s", c->name, probe_text(&p));
    const char *noted = buf_cstr(&b->store.noted);
    if (c->stored ? !strstr(noted, c->stored) : *noted != '\0')
        fail_msg("%s: stored \"%s\", wanted \"%s\"", c->name, noted, c->stored ? c->stored : "");
    probe_close(&p);
}

static void check_calls(struct bench *b, const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_call(b, &calls[i], ADMIN);
}
#define CHECK_CALLS(b, calls) check_calls(b, calls, sizeof(calls) / sizeof((calls)[0]))

static void batches_are_stored(void **state)
{
    static const struct call calls[] = {
        {"nothing but a header", ONE("0"), 200,
         "{\"stored\":0,\"duplicate\":0,\"excluded\":0,\"rejected\":[]}\n",
         "batch team=1 node=web-1 streams=1 tail=,\"excluded\":0,\"rejected\":[]\n"},
        {"no streams", HEAD(""), 200, "\"stored\":0", "streams=0"},
        {"a pageview", ONE("1") PLAIN_PAGE("0"), 200, "{\"stored\":1,",
         "pageview site=1 stream=0 at=0 h=9f31c2aa url=https://example.com/p ip=203.0.113.9 "
         "ua=Firefox"
         " time=1704067200000\n"},
        {"no newline at the end", ONE("0") "", 200, "\"stored\":0", "batch"},
        {"a fetch", ONE("1") PLAIN_FETCH("99"), 200, "{\"stored\":1,",
         "ai_fetch site=1 stream=0 at=99 h=0c77e1b0 host=example.com path=/p status=200"
         " ua=Mozilla/5.0 (compatible; GPTBot/1.2)\n"},
        {"both", ONE("2") PLAIN_FETCH("1") PLAIN_PAGE("2"), 200, "{\"stored\":2,", "pageview"},
        {"two streams",
         HEAD("{" STREAM ",\"from\":0,\"to\":10,\"lines\":1,\"records\":1},"
              "{\"id\":\"ffffffffffffffffffffffffffffffff\",\"from\":0,\"to\":10,\"lines\":5,"
              "\"records\":0},"
              "{\"id\":\"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\",\"from\":5,\"to\":10,\"lines\":2,"
              "\"records\":2}") PLAIN_PAGE("9") PLAIN_PAGE("5") PLAIN_FETCH("9"),
         200, "{\"stored\":3,", "ai_fetch site=1 stream=2 at=9"},
        {"user agent in full",
         ONE("1") PAGE("0", URL("http://example.com/") FROM("::1") UA("\" curl \"")), 200,
         "\"stored\":1", "ua= curl "},
        {"no address", ONE("1") PAGE("0", URL("http://example.com/") UA("0")), 200, "\"stored\":1",
         "url=http://example.com/ ua=Firefox"},
        {"session for address",
         ONE("1") PAGE("0", URL("http://example.com/") UA("0") ",\"session_id\":\"" BATCH_ID "\""),
         200, "\"stored\":1", "session=" BATCH_ID " ua"},
        {"the site named",
         ONE("1")
             PAGE("0", URL("http://other.net/") FROM("::1") UA("0") ",\"site\":\"example.com\""),
         200, "\"stored\":1", "site=1 stream=0 at=0 h=9f31c2aa url=http://other.net/"},
        {"named by alias",
         ONE("1") FETCH("0", PATH("/") STATUS("200") UA("1") ",\"site\":\"example.de\""), 200,
         "\"stored\":1", "ai_fetch site=1 stream=0 at=0 h=0c77e1b0 path=/ "},
        {"two slashes are no host",
         ONE("1") FETCH("0", HOST("example.com") PATH("//a/b?c") STATUS("200") UA("1")), 200,
         "\"stored\":1", "host=example.com path=//a/b?c status"},
        {"escapes",
         ONE("1")
             FETCH("0", HOST("ex\\u0061mple.com") PATH("\\/\\u00e4\\nx") STATUS("200") UA("1")),
         200, "\"stored\":1", "host=example.com path=/\xc3\xa4\nx status"},
        {"respelled",
         ONE("2") FETCH("0", HOST("EXAMPLE.com") PATH("a b") STATUS("200") UA("1"))
             PAGE("1", URL("http://example.com/a b") UA("0")),
         200, "\"stored\":2",
         "host=example.com path=/a b status=200 ua=Mozilla/5.0 (compatible; GPTBot/1.2)\n"
         "pageview site=1 stream=0 at=1 h=9f31c2aa url=http://example.com/a%20b ua=Firefox"},
        {"a search engine, when its sender counts it as AI",
         ONE("1") FETCH("0", HOST("example.com") PATH("/") STATUS("200") UA("\"Googlebot/2.1\"")),
         200, "\"stored\":1", "ua=Googlebot/2.1"},
        {"unknown fields",
         ONE("1") PAGE("0", URL("http://example.com/") UA("0") ",\"x\":{\"y\":[1]}"), 200,
         "\"stored\":1", "pageview"},
    };
    CHECK_CALLS(*state, calls);
}

#define REJECTED(line, status, error)                                                              \
    "{\"stored\":0,\"duplicate\":0,\"excluded\":0,\"rejected\":[{\"line\":" line                   \
    ",\"status\":" status ",\"error\":\"" error "\"}]}\n"

static void records_are_refused_one_by_one(void **state)
{
    static const struct call calls[] = {
        {"unknown site", ONE("1") PAGE("0", URL("http://nowhere.net/") UA("0")), 200,
         REJECTED("2", "404", "Site not found"), "batch"},
        {"subdomain", ONE("1") PAGE("0", URL("http://blog.example.com/") UA("0")), 200,
         REJECTED("2", "404", "Site not found"), "batch"},
        {"named site unknown",
         ONE("1") PAGE("0", URL("http://example.com/") UA("0") ",\"site\":\"x.net\""), 200,
         REJECTED("2", "404", "Site not found"), "batch"},
        {"another team's", ONE("1") PAGE("0", URL("http://foreign.net/") UA("0")), 200,
         REJECTED("2", "403", "Access denied"), "batch"},
        {"no grant", ONE("1") FETCH("0", HOST("closed.net") PATH("/") STATUS("200") UA("1")), 200,
         REJECTED("2", "403", "Access denied"), "batch"},
        {"viewer", ONE("1") FETCH("0", HOST("example.org") PATH("/") STATUS("200") UA("1")), 200,
         REJECTED("2", "403", "Access denied"), "batch"},
        {"no host", ONE("1") FETCH("0", PATH("/") STATUS("200") UA("1")), 200,
         REJECTED("2", "404", "Site not found"), "batch"},
        {"no url", ONE("1") PAGE("0", UA("0")), 200,
         REJECTED("2", "400", "url must be an absolute http or https URL"), "batch"},
        {"bad url", ONE("1") PAGE("0", URL("/p") UA("0")), 200,
         REJECTED("2", "400", "url must be an absolute http or https URL"), "batch"},
        {"bad address", ONE("1") PAGE("0", URL("http://example.com/") FROM("x") UA("0")), 200,
         REJECTED("2", "400", "visitor_ip must be a valid IP address"), "batch"},
        {"empty address", ONE("1") PAGE("0", URL("http://example.com/") FROM("") UA("0")), 200,
         REJECTED("2", "400", "visitor_ip must be a valid IP address"), "batch"},
        {"no user agent", ONE("1") PAGE("0", URL("http://example.com/")), 200,
         REJECTED("2", "400", "user_agent is required"), "batch"},
        {"blank user agent", ONE("1") PAGE("0", URL("http://example.com/") UA("3")), 200,
         REJECTED("2", "400", "user_agent is required"), "batch"},
        {"unlisted user agent", ONE("1") PAGE("0", URL("http://example.com/") UA("4")), 200,
         REJECTED("2", "400", "user_agent is required"), "batch"},
        {"session", ONE("1") PAGE("0", URL("http://example.com/") UA("0") ",\"session_id\":\"x\""),
         200, REJECTED("2", "400", "session_id must be a UUID"), "batch"},
        {"status 99", ONE("1") FETCH("0", HOST("example.com") PATH("/") STATUS("99") UA("1")), 200,
         REJECTED("2", "400", "status_code must be between 100 and 599"), "batch"},
        {"no status", ONE("1") FETCH("0", HOST("example.com") PATH("/") UA("1")), 200,
         REJECTED("2", "400", "status_code must be between 100 and 599"), "batch"},
        {"no AI", ONE("1") FETCH("0", HOST("example.com") PATH("/") STATUS("200") UA("2")), 200,
         REJECTED("2", "400", "user_agent must match a known AI bot"), "batch"},
        {"no AI in full",
         ONE("1") FETCH("0", HOST("example.com") PATH("/") STATUS("200") UA("\"x\"")), 200,
         REJECTED("2", "400", "user_agent must match a known AI bot"), "batch"},
        {"unlisted AI", ONE("1") FETCH("0", HOST("example.com") PATH("/") STATUS("200") UA("9999")),
         200, REJECTED("2", "400", "user_agent must match a known AI bot"), "batch"},
        {"no path", ONE("1") FETCH("0", HOST("example.com") STATUS("200") UA("1")), 200,
         REJECTED("2", "400", "path is required"), "batch"},
        {"blank path", ONE("1") FETCH("0", HOST("example.com") PATH(" ") STATUS("200") UA("1")),
         200, REJECTED("2", "400", "path is required"), "batch"},
        {"the others are stored",
         ONE("5") PLAIN_PAGE("0") PAGE("1", UA("0")) PLAIN_FETCH("2")
             FETCH("3", HOST("example.com") PATH("/") STATUS("200") UA("2")) PLAIN_PAGE("4"),
         200,
         "{\"stored\":3,\"duplicate\":0,\"excluded\":0,\"rejected\":["
         "{\"line\":3,\"status\":400,\"error\":\"url must be an absolute http or https URL\"},"
         "{\"line\":5,\"status\":400,\"error\":\"user_agent must match a known AI bot\"}]}\n",
         "at=4"},
        {"site asked again after another", /* the answer for one host must not stick to the next */
         ONE("4") PLAIN_FETCH("0") FETCH("1", HOST("closed.net") PATH("/") STATUS("200") UA("1"))
             FETCH("2", HOST("closed.net") PATH("/") STATUS("200") UA("1")) PLAIN_FETCH("3"),
         200,
         "{\"stored\":2,\"duplicate\":0,\"excluded\":0,\"rejected\":["
         "{\"line\":3,\"status\":403,\"error\":\"Access denied\"},"
         "{\"line\":4,\"status\":403,\"error\":\"Access denied\"}]}\n",
         "at=3"},
    };
    CHECK_CALLS(*state, calls);
}

static void batches_are_refused_whole(void **state)
{
    static const struct call calls[] = {
        {"empty", "", 400, "the body is empty\n", NULL},
        {"blank line", "\n", 400, "line 1: ", NULL},
        {"no JSON", "x\n", 400, "line 1: ", NULL},
        {"an array", "[]\n", 400, "line 1: not a JSON object\n", NULL},
        {"a record for a header", PLAIN_PAGE("0"), 400, "line 1: ", NULL},
        {"another version",
         "{\"v\":2,\"batch\":\"" BATCH_ID "\",\"agent\":\"a\",\"node\":\"n\",\"streams\":[]}\n",
         400, "line 1: \"v\" must be 1", NULL},
        {"bad batch id",
         "{\"v\":1,\"batch\":\"x\",\"agent\":\"a\",\"node\":\"n\",\"streams\":[]}\n", 400,
         "line 1: \"batch\" must be a UUID", NULL},
        {"a line that is no JSON", ONE("2") PLAIN_PAGE("0") "{\"k\":\n", 400, "line 3: ", NULL},
        {"a blank line", ONE("1") "\n" PLAIN_PAGE("0"), 400, "line 2: ", NULL},
        {"a blank line at the end", ONE("1") PLAIN_PAGE("0") "\n", 400, "line 3: ", NULL},
        {"an unknown kind",
         ONE("1") "{\"k\":\"x\",\"at\":0,\"h\":\"00000000\",\"timestamp\":\"2024-01-01T00:00:00Z\"}"
                  "\n",
         400, "line 2: \"k\" must be pageview or ai_fetch\n", NULL},
        {"no position",
         ONE("1") "{\"k\":\"pageview\",\"h\":\"00000000\",\"timestamp\":\"2024-01-01T00:00:00Z\"}"
                  "\n",
         400, "line 2: \"at\" is missing\n", NULL},
        {"a bad time",
         ONE("1") "{\"k\":\"pageview\",\"at\":0,\"h\":\"00000000\",\"timestamp\":\"yesterday\"}\n",
         400, "line 2: \"timestamp\" must be an RFC 3339 time\n", NULL},
        {"invalid UTF-8", ONE("1") PAGE("0", URL("http://example.com/\xff")), 400,
         "line 2: ", NULL},
        {"a key twice", ONE("1") PAGE("0", URL("http://example.com/") URL("http://example.com/")),
         400, "line 2: a key stands twice\n", NULL},
        {"too few records", ONE("2") PLAIN_PAGE("0"), 400,
         "line 3: fewer records than the header counts\n", NULL},
        {"too many records", ONE("1") PLAIN_PAGE("0") PLAIN_PAGE("1"), 400,
         "line 3: more records than the header counts\n", NULL},
        {"records without a stream", HEAD("") PLAIN_PAGE("0"), 400,
         "line 2: more records than the header counts\n", NULL},
        {"behind the stream", ONE("1") PLAIN_PAGE("100"), 400,
         "line 2: \"at\" lies outside its stream's positions\n", NULL},
        {"before the stream",
         HEAD("{" STREAM ",\"from\":5,\"to\":9,\"lines\":1,\"records\":1}") PLAIN_PAGE("4"), 400,
         "line 2: \"at\" lies outside", NULL},
        {"streams in the wrong order",
         HEAD("{" STREAM ",\"from\":0,\"to\":10,\"lines\":1,\"records\":1},"
              "{\"id\":\"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\",\"from\":50,\"to\":60,\"lines\":2,"
              "\"records\":1}") PLAIN_PAGE("50") PLAIN_PAGE("0"),
         400, "line 2: \"at\" lies outside", NULL},
        {"more than a batch may hold", ONE("10001"), 413, "too many records\n", NULL},
        {"much more",
         HEAD("{" STREAM ",\"from\":0,\"to\":10,\"lines\":1,\"records\":9223372036854775807},"
              "{" STREAM ",\"from\":0,\"to\":10,\"lines\":1,\"records\":9223372036854775807}"),
         413, "too many records\n", NULL},
    };
    CHECK_CALLS(*state, calls);
}

/* ---- codings and sizes -------------------------------------------------------------------------
 */

static void check_coded(struct bench *b, const char *coding, struct str body, int status,
                        const char *answer)
{
    struct probe p;
    char headers[128];
    snprintf(headers, sizeof(headers), ADMIN "Content-Encoding: %s\r\n", coding);
    bench_ask(b, &p, BATCH_PATH, headers, body);
    if (probe_status(&p) != status || !strstr(probe_body(&p), answer))
        fail_msg("%s: wanted %d %s, got: %s", coding, status, answer, probe_text(&p));
    probe_close(&p);
}

static void codings(void **state)
{
    struct bench *b = *state;
    struct str plain = STR(ONE("2") PLAIN_PAGE("0") PLAIN_FETCH("1"));
    struct buf gzip, zstd, bomb;
    buf_init(&gzip, 1u << 20);
    buf_init(&zstd, 1u << 20);
    put_gzip(&gzip, str_slice(plain, 0, 100));
    put_gzip(&gzip, str_slice(plain, 100, plain.n)); /* a second member */
    put_zstd(&zstd, plain, 0);
    check_coded(b, "identity", plain, 200, "\"stored\":2");
    check_coded(b, "gzip", buf_str(&gzip), 200, "\"stored\":2");
    check_coded(b, "zstd", buf_str(&zstd), 200, "\"stored\":2");
    check_coded(b, "br", plain, 415, "Content-Encoding must be zstd, gzip or identity\n");
    check_coded(b, "gzip, zstd", plain, 415, "Content-Encoding");
    check_coded(b, "zstd", plain, 400, "cannot be decoded");
    check_coded(b, "gzip", str_slice(buf_str(&gzip), 0, gzip.n - 1), 400, "cannot be decoded");
    check_coded(b, "zstd", str_slice(buf_str(&zstd), 0, zstd.n - 1), 400, "cannot be decoded");
    size_t n = BATCH_MAX_DECODED + 1;
    char *zeros = calloc(1, n);
    buf_init(&bomb, 64u << 20);
    put_zstd(&bomb, (struct str){zeros, n}, 0);
    check_coded(b, "zstd", buf_str(&bomb), 413, "the batch is too large\n");
    free(zeros);
    buf_release(&bomb);
    buf_release(&gzip);
    buf_release(&zstd);
}

static void bodies_over_the_cap(void **state)
{
    struct bench *b = *state;
    struct probe p;
    /* Said to be too large: refused before it is sent; and without a token not even that is said.
     */
    bench_ask(b, &p, BATCH_PATH, ADMIN "Content-Length: 16777217\r\n", STR_NONE);
    assert_int_equal(probe_status(&p), 413);
    probe_close(&p);
    bench_ask(b, &p, BATCH_PATH, "Content-Length: 16777217\r\n", STR_NONE);
    assert_int_equal(probe_status(&p), 401);
    probe_close(&p);
    /* A stranger's body is not waited for. */
    bench_ask(b, &p, BATCH_PATH, "Content-Length: 400000\r\nAuthorization: Bearer x\r\n", STR_NONE);
    assert_int_equal(probe_status(&p), 401);
    probe_close(&p);
}

/* As many records as a batch may hold, each with an escape, so that their texts fill the text area.
 */
static void a_full_batch(void **state)
{
    struct bench *b = *state;
    struct buf body;
    buf_init(&body, BATCH_MAX_DECODED);
    buf_lit(&body, HEAD("{" STREAM ",\"from\":0,\"to\":10000,\"lines\":10000,\"records\":10000}"));
    for (unsigned i = 0; i < BATCH_MAX_RECORDS; i++)
        buf_printf(&body,
                   FETCH("%u", HOST("ex\\u0061mple.com") PATH("\\/p%u") STATUS("200") UA("1")), i,
                   i);
    struct call c = {"full", buf_cstr(&body), 200,
                     "{\"stored\":10000,\"duplicate\":0,\"excluded\":0,\"rejected\":[]}",
                     "at=9999 h=0c77e1b0 host=example.com path=/p9999 "};
    check_call(b, &c, ADMIN);
    assert_non_null(
        strstr(buf_cstr(&b->store.noted), "at=0 h=0c77e1b0 host=example.com path=/p0 "));
    assert_non_null(
        strstr(buf_cstr(&b->store.noted), "at=77 h=0c77e1b0 host=example.com path=/p77 "));
    buf_release(&body);
}

/* And all of them refused: the answer names each. */
static void a_full_batch_of_refused(void **state)
{
    struct bench *b = *state;
    struct buf body;
    buf_init(&body, BATCH_MAX_DECODED);
    buf_lit(&body, HEAD("{" STREAM ",\"from\":0,\"to\":10000,\"lines\":10000,\"records\":10000}"));
    for (unsigned i = 0; i < BATCH_MAX_RECORDS; i++)
        buf_printf(&body, PAGE("%u", UA("0")), i);
    struct call c = {
        "refused", buf_cstr(&body), 200,
        "{\"line\":10001,\"status\":400,\"error\":\"url must be an absolute http or https URL\"}]}",
        "batch"};
    check_call(b, &c, ADMIN);
    buf_release(&body);
}

/* ---- rights, filters, the store ----------------------------------------------------------------
 */

static void who_may(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *headers;
        int status;
        const char *answer;
        bool stored;
    } cases[] = {
        {"", 401, "Unauthorized\n", false},
        {"Authorization: Bearer revoked\r\n", 401, "Unauthorized\n", false},
        {"X-Api-Key: expired\r\n", 401, "Unauthorized\n", false},
        {"X-Api-Key: ingest\r\n", 200, "{\"stored\":1,", true},
        {"X-Api-Key: owner\r\n", 200, "{\"stored\":1,", true},
        {"X-Api-Key: editor\r\n", 200, "\"error\":\"Access denied\"", true},
        {"X-Api-Key: viewer\r\n", 200, "\"error\":\"Access denied\"", true},
        {"X-Api-Key: other\r\n", 200, "\"error\":\"Access denied\"", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct call c = {"who", ONE("1") PLAIN_PAGE("0"), cases[i].status, cases[i].answer,
                         cases[i].stored ? "batch team=" : NULL};
        check_call(b, &c, cases[i].headers);
    }
    assert_non_null(strstr(buf_cstr(&b->store.noted), "batch team=2"));
}

static void bad_tokens_are_limited_good_ones_are_not(void **state)
{
    struct bench *b = *state;
    b->config.limit_local = true;
    b->config.api_rate = b->config.ingest_rate = (struct limiter_rate){1, 2};
    bench_stop(b);
    bench_start(b);
    static const struct call good = {"good", ONE("0"), 200, "\"stored\":0", "batch"};
    static const struct call bad = {"bad", ONE("0"), 401, "Unauthorized\n", NULL};
    static const struct call limited = {"limited", ONE("0"), 429, "Too Many Requests\n", NULL};
    for (int i = 0; i < 5; i++)
        check_call(b, &good, ADMIN);
    check_call(b, &bad, "");
    check_call(b, &bad, "Authorization: Bearer x\r\n");
    check_call(b, &limited, "Authorization: Bearer x\r\n");
    check_call(b, &good, ADMIN);
}

/* Of a token, wherever it comes from: 429, and when to come again. */
static void a_quota_of_records(void **state)
{
    struct bench *b = *state;
    struct probe p;
    b->config.records_per_minute = 3;
    bench_stop(b);
    bench_start(b);
    static const struct call two = {"two", ONE("2") PLAIN_PAGE("0") PLAIN_PAGE("1"), 200,
                                    "\"stored\":2", "at=1"};
    static const struct call over = {"over", ONE("2") PLAIN_PAGE("0") PLAIN_PAGE("1"), 429,
                                     "Too Many Requests\n", NULL};
    static const struct call none = {"none", ONE("0"), 200, "\"stored\":0", "batch"};
    check_call(b, &two, ADMIN);
    check_call(b, &over, ADMIN);
    check_call(b, &none, ADMIN); /* that lines were skipped can be told all the same */
    check_call(b, &two, "X-Api-Key: ingest\r\n"); /* another token's quota */
    bench_ask(b, &p, BATCH_PATH, ADMIN, str_of(over.body));
    assert_int_equal(
        probe_count(&p, "\r\nRetry-After: 20\r\n") + probe_count(&p, "\r\nRetry-After: 21\r\n"), 1);
    probe_close(&p);
}

static void excluded_records_are_counted(void **state)
{
    struct bench *b = *state;
    struct rules rules;
    rules_make(&rules, "exclude: {ip: 10.0.0.0/8, path: /internal}\n"
                       "spam: {referrers: spam.example}\n");
    b->config.exclude = rules.exclude;
    b->config.lists = rules.lists;
    bench_stop(b);
    bench_start(b);
    static const struct call calls[] = {
        {"excluded",
         ONE("5") PAGE("0", URL("http://example.com/") FROM("10.1.2.3")
                                UA("0")) PAGE("1", URL("http://example.com/internal/x") UA("0"))
             PAGE("2", URL("http://example.com/") UA("0") ",\"referrer\":\"http://spam.example/\"")
                 FETCH("3", HOST("example.com") PATH("/internal") STATUS("0") UA("0"))
                     PLAIN_PAGE("4"),
         200, "{\"stored\":1,\"duplicate\":0,\"excluded\":4,\"rejected\":[]}\n", "at=4"},
        {"refused before",
         ONE("1") PAGE("0", URL("http://closed.net/internal") FROM("10.0.0.1") UA("0")), 200,
         REJECTED("2", "403", "Access denied"), "batch"},
    };
    CHECK_CALLS(b, calls);
    bench_stop(b);
    b->config.exclude = NULL;
    b->config.lists = NULL;
    bench_start(b);
    rules_release(&rules);
}

static void the_stores_answers(void **state)
{
    struct bench *b = *state;
    static const struct {
        enum store_result result;
        int status;
        const char *answer, *header;
    } cases[] = {
        {STORE_OK, 200, "{\"stored\":0,", "application/json"},
        {STORE_REPLAYED, 200, "{\"stored\":0,", "application/json"},
        {STORE_REUSED, 422, "this batch id was used with another body\n", "nosniff"},
        {STORE_FULL, 507, "no room on the disk\n", "\r\nRetry-After: "},
        {STORE_FAILED, 500, "Internal server error\n", "nosniff"},
    };
    struct probe p;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        b->store.next_result = cases[i].result;
        bench_ask(b, &p, BATCH_PATH, ADMIN, STR(ONE("0")));
        assert_int_equal(probe_status(&p), cases[i].status);
        assert_non_null(strstr(probe_body(&p), cases[i].answer));
        assert_int_equal(probe_count(&p, cases[i].header), 1);
        probe_close(&p);
    }
    b->store.busy = true;
    bench_ask(b, &p, BATCH_PATH, ADMIN, STR(ONE("0")));
    assert_int_equal(probe_status(&p), 503);
    assert_int_equal(probe_count(&p, "\r\nRetry-After: "), 1);
    probe_close(&p);
}

/* Ended while batches are on their way to, in, and back from the worker. */
static void going_down_with_work_in_the_worker(void **state)
{
    struct bench *b = *state;
    for (int round = 0; round < 20; round++) {
        struct probe p[4];
        for (int i = 0; i < 4; i++) {
            buf_reset(&b->request);
            buf_printf(&b->request,
                       BATCH_PATH " HTTP/1.1\r\nHost: a\r\n" ADMIN "Content-Length: %zu\r\n\r\n%s",
                       strlen(ONE("0")), ONE("0"));
            probe_connect(&p[i], b->loop, http_server_port(b->server));
            probe_send(&p[i], buf_str(&b->request));
        }
        for (int turn = 0; turn < round % 5; turn++)
            ev_run(b->loop, EVRUN_NOWAIT);
        bench_stop(b);
        bench_start(b);
        for (int i = 0; i < 4; i++)
            probe_close(&p[i]);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

/* What is stored of none, and when lines were skipped: for the ledger of a day. */
static void the_ledger_is_told(void **state)
{
    static const struct call calls[] = {
        {"nobody's", ONE("1") PAGE("0", URL("http://nowhere.net/") UA("0")), 200, "\"line\":2",
         "left site=0 stream=0 fate=refused time=1704067200000\n"},
        {"no URL", ONE("1") PAGE("0", URL("nowhere") UA("0")), 200, "\"line\":2",
         "left site=0 stream=0 fate=refused"},
        {"another team's", ONE("1") PAGE("0", URL("http://www.foreign.net:8080/") UA("0")), 200,
         "\"line\":2", "left site=3 stream=0 fate=refused"},
        {"another team's fetch",
         ONE("1") FETCH("0", HOST("foreign.net") PATH("/") STATUS("200") UA("1")), 200,
         "\"line\":2", "left site=3 stream=0 fate=refused"},
        {"a site that is only read",
         ONE("1") FETCH("0", HOST("x") PATH("/") STATUS("200") UA("1") ",\"site\":\"example.org\""),
         200, "\"line\":2", "left site=2 stream=0 fate=refused"},
        {"its own, but no status",
         ONE("1") FETCH("0", HOST("example.com") PATH("/") STATUS("99") UA("1")), 200, "\"line\":2",
         "left site=1 stream=0 fate=refused"},
        {"quarters",
         HEAD("{" STREAM ",\"from\":0,\"to\":10,\"lines\":0,\"records\":0},"
              "{" STREAM ",\"from\":10,\"to\":20,\"lines\":4,\"records\":0,"
              "\"skipped\":{\"new\":4},\"quarters\":[[7,{\"new\":3}]]}"),
         200, "\"stored\":0", "cell stream=1 quarter=7 reason="},
        {"too many lines in quarters",
         HEAD("{" STREAM ",\"from\":0,\"to\":10,\"lines\":4,\"records\":0,"
              "\"skipped\":{\"bot\":4},\"quarters\":[[7,{\"bot\":5}]]}"),
         400, "line 1: a stream's \"quarters\" count more than its \"skipped\"\n", NULL},
    };
    CHECK_CALLS(*state, calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(batches_are_stored),
        T(records_are_refused_one_by_one),
        T(batches_are_refused_whole),
        T(codings),
        T(bodies_over_the_cap),
        T(a_full_batch),
        T(a_full_batch_of_refused),
        T(who_may),
        T(bad_tokens_are_limited_good_ones_are_not),
        T(a_quota_of_records),
        T(excluded_records_are_counted),
        T(the_ledger_is_told),
        T(the_stores_answers),
        T(going_down_with_work_in_the_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
