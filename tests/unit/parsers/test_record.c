#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parsers/record.h"
#include "tests/fuzz/json_judge.h"
#include "tests/unit/parsers/record_header.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NO_STR                                                                                     \
    {                                                                                              \
        NULL, 0                                                                                    \
    }
#define FFFD "\xEF\xBF\xBD"

static bool same(struct str a, struct str b)
{
    return str_is_set(a) == str_is_set(b) && str_eq(a, b);
}

static void assert_str(struct str got, struct str want)
{
    if (!same(got, want))
        fail_msg("'%.*s' instead of '%.*s'", STR_ARGS(got), STR_ARGS(want));
}

static char *exact(struct str s)
{
    char *block = malloc(s.n ? s.n : 1);

    assert_non_null(block);
    memcpy(block, s.p, s.n);
    return block;
}

/* ---- from a hit --------------------------------------------------------------------------- */

static void test_urls(void **state)
{
    static const struct {
        const char *name;
        struct str scheme, host, path, query;
        struct str url, target;
    } table[] = {
        {"plain", STR("https"), STR("example.com"), STR("/a/b.html"), NO_STR,
         STR("https://example.com/a/b.html"), STR("/a/b.html")},
        {"query", STR("http"), STR("example.com"), STR("/"), STR("a=1&b=/?:@"),
         STR("http://example.com/?a=1&b=/?:@"), STR("/?a=1&b=/?:@")},
        {"empty query", STR("https"), STR("e.com"), STR("/"), STR(""), STR("https://e.com/?"),
         STR("/?")},
        {"defaults", NO_STR, NO_STR, STR("/x"), NO_STR, STR("http://default.example:8080/x"),
         STR("/x")},
        {"kept", STR("https"), STR("e.com"), STR("/-._~!$&'()*+,;=:@/azAZ09"), NO_STR,
         STR("https://e.com/-._~!$&'()*+,;=:@/azAZ09"), STR("/-._~!$&'()*+,;=:@/azAZ09")},
        {"encoded", STR("https"), STR("e.com"), STR("/ \"<>\\^`{|}#[]\x01\x7f"), STR("[#]"),
         STR("https://e.com/%20%22%3C%3E%5C%5E%60%7B%7C%7D%23%5B%5D%01%7F?%5B%23%5D"),
         STR("/%20%22%3C%3E%5C%5E%60%7B%7C%7D%23%5B%5D%01%7F?%5B%23%5D")},
        {"not ASCII", STR("https"), STR("e.com"), STR("/caf\xc3\xa9\xff\0"), NO_STR,
         STR("https://e.com/caf%C3%A9%FF%00"), STR("/caf%C3%A9%FF%00")},
        {"triplets", STR("https"), STR("e.com"), STR("/%41%c3%A9%2f"), STR("%20"),
         STR("https://e.com/%41%c3%A9%2f?%20"), STR("/%41%c3%A9%2f?%20")},
        {"bare percents", STR("https"), STR("e.com"), STR("/%%41%zz%4"), STR("%"),
         STR("https://e.com/%25%41%25zz%254?%25"), STR("/%25%41%25zz%254?%25")},
        {"IPv6", STR("https"), STR("[::1]"), STR("/"), NO_STR, STR("https://[::1]/"), STR("/")},
        {"no path", STR("https"), STR("e.com"), NO_STR, NO_STR, NO_STR, NO_STR},
        {"asterisk", STR("https"), STR("e.com"), STR("*"), NO_STR, NO_STR, NO_STR},
        {"empty path", STR("https"), STR("e.com"), STR(""), NO_STR, NO_STR, NO_STR},
        {"no port", STR("https"), STR("e.com:"), STR("/"), NO_STR, STR("https://e.com:/"),
         STR("/")},
        {"port of letters", STR("https"), STR("e.com:8o"), STR("/"), NO_STR, STR("https://e.com/"),
         STR("/")},
        {"ports", STR("https"), STR("e.com:80:x"), STR("/"), NO_STR, STR("https://e.com/"),
         STR("/")},
        {"IPv6, port", STR("https"), STR("[::1]:8"), STR("/"), NO_STR, STR("https://[::1]:8/"),
         STR("/")},
        {"IPv6, letters", STR("https"), STR("[::1]:x"), STR("/"), NO_STR, STR("https://[::1]/"),
         STR("/")},
        {"IPv6 alone", STR("https"), STR("[::1]"), STR("/"), NO_STR, STR("https://[::1]/"),
         STR("/")},
        {"half an IPv6", STR("https"), STR("[::1"), STR("/"), NO_STR, NO_STR, STR("/")},
        {"letters alone", STR("https"), STR(":x"), STR("/"), NO_STR, NO_STR, STR("/")},
        {"host with a path", STR("https"), STR("e.com/x"), STR("/"), NO_STR, NO_STR, STR("/")},
        {"host with a user", STR("https"), STR("u@e.com"), STR("/"), NO_STR, NO_STR, STR("/")},
        {"host with a blank", STR("https"), STR("e com"), STR("/"), NO_STR, NO_STR, STR("/")},
        {"host in capitals", STR("https"), STR("E.com"), STR("/"), NO_STR, NO_STR, STR("/")},
        {"host not ASCII", STR("https"), STR("\xc3\xa9.com"), STR("/"), NO_STR, NO_STR, STR("/")},
        {"empty host", STR("https"), STR(""), STR("/"), NO_STR, NO_STR, STR("/")},
    };
    struct buf scratch;

    buf_init(&scratch, 1000);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct hit hit = {.scheme = table[i].scheme,
                          .host = table[i].host,
                          .path = table[i].path,
                          .query = table[i].query};
        struct verdict v = {.kind = VERDICT_PAGEVIEW};
        struct record r;
        record_from_hit(&r, &hit, &v, STR("default.example:8080"), STR("http"), &scratch);
        assert_int_equal(r.kind, RECORD_PAGEVIEW);
        if (!same(r.url, table[i].url))
            fail_msg("%s: %.*s", table[i].name, STR_ARGS(r.url));
        v.kind = VERDICT_AI_FETCH;
        record_from_hit(&r, &hit, &v, STR("default.example"), STR("http"), &scratch);
        assert_int_equal(r.kind, RECORD_AI_FETCH);
        if (!same(r.path, table[i].target))
            fail_msg("%s: %.*s", table[i].name, STR_ARGS(r.path));
        assert_false(str_is_set(r.url));
    }
    buf_release(&scratch);
}

/* Every byte at every place of texts around the steps of the fast path. */
static void test_url_bytes(void **state)
{
    static const char kept[] = "!$&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                               "abcdefghijklmnopqrstuvwxyz~";
    struct buf scratch, want;

    buf_init(&scratch, 1000);
    buf_init(&want, 1000);
    for (size_t n = 2; n < 50; n++) {
        for (unsigned c = 0; c < 256; c++) {
            size_t at = 1 + (c * 7 + n) % (n - 1);
            char text[50];
            memset(text, 'x', n);
            text[0] = '/';
            text[at] = (char)c;
            char *block = exact((struct str){text, n});
            struct hit hit = {.path = {block, n}};
            struct verdict v = {.kind = VERDICT_AI_FETCH};
            struct record r;
            record_from_hit(&r, &hit, &v, STR_NONE, STR_NONE, &scratch);
            buf_reset(&want);
            buf_put(&want, text, at);
            if (c != 0 && strchr(kept, (int)c))
                buf_putc(&want, (char)c);
            else
                buf_printf(&want, "%%%02X", c);
            buf_put(&want, text + at + 1, n - at - 1);
            assert_str(r.path, buf_str(&want));
            free(block);
        }
    }
    buf_release(&scratch);
    buf_release(&want);
}

static void test_from_hit_fields(void **state)
{
    struct hit hit = {.time_ms = 5,
                      .client_ip = STR("203.0.113.7"),
                      .host = STR("e.com"),
                      .path = STR("/p"),
                      .referrer = STR("https://r/"),
                      .user_agent = STR("GPTBot"),
                      .content_type = STR("text/html"),
                      .status = 404,
                      .bytes = 10,
                      .duration_ms = HIT_NO_NUMBER};
    struct verdict v = {.kind = VERDICT_AI_FETCH};
    struct record r;
    struct buf scratch;

    buf_init(&scratch, 100);
    record_from_hit(&r, &hit, &v, STR_NONE, STR_NONE, &scratch);
    assert_str(r.hostname, STR("e.com"));
    assert_str(r.content_type, STR("text/html"));
    assert_str(r.verified, STR("unknown"));
    assert_str(r.user_agent_text, STR("GPTBot"));
    assert_false(str_is_set(r.visitor_ip));
    assert_false(str_is_set(r.site));
    assert_int_equal(r.user_agent, -1);
    assert_int_equal(r.status_code, 404);
    assert_int_equal(r.bytes_served, 10);
    assert_true(r.response_ms == HIT_NO_NUMBER);
    v.kind = VERDICT_PAGEVIEW;
    record_from_hit(&r, &hit, &v, STR_NONE, STR_NONE, &scratch);
    assert_false(str_is_set(r.url)); /* no scheme from anywhere */
    assert_str(r.visitor_ip, STR("203.0.113.7"));
    assert_str(r.referrer, STR("https://r/"));
    assert_int_equal(r.time_ms, 5);
    assert_int_equal(r.status_code, -1);
    hit.host = STR_NONE;
    record_from_hit(&r, &hit, &v, STR_NONE, STR("https"), &scratch);
    assert_false(str_is_set(r.url));
    buf_release(&scratch);

    /* At the cap a URL is missing, and whole below it. */
    hit.host = STR("e.com");
    for (size_t max = 0; max < 20; max++) {
        buf_init(&scratch, max);
        record_from_hit(&r, &hit, &v, STR_NONE, STR("https"), &scratch);
        assert_int_equal(str_is_set(r.url), max >= strlen("https://e.com/p"));
        buf_release(&scratch);
    }
}

/* ---- records written ---------------------------------------------------------------------- */

static struct record pageview_of_everything(void)
{
    return (struct record){.kind = RECORD_PAGEVIEW,
                           .at = 1203,
                           .line_hash = 0x0f31c2aa,
                           .site = STR("example.com"),
                           .time_ms = INT64_C(1795417200123),
                           .user_agent = 0,
                           .url = STR("https://example.com/p?utm_source=x"),
                           .visitor_ip = STR("203.0.113.7"),
                           .session_id = STR("s"),
                           .referrer = STR("https://r/\"\\"),
                           .status_code = -1,
                           .response_ms = HIT_NO_NUMBER,
                           .bytes_served = HIT_NO_NUMBER};
}

static struct record ai_fetch_of_everything(void)
{
    return (struct record){.kind = RECORD_AI_FETCH,
                           .at = INT64_MAX,
                           .line_hash = UINT32_MAX,
                           .time_ms = 0,
                           .user_agent = -1,
                           .user_agent_text = STR("GPTBot/1.\xff"),
                           .verified = STR("yes"),
                           .hostname = STR("example.com"),
                           .path = STR("/p"),
                           .content_type = STR("text/html"),
                           .status_code = 200,
                           .response_ms = 0,
                           .bytes_served = INT64_MAX};
}

static void test_write(void **state)
{
    struct record bare = {.kind = RECORD_AI_FETCH,
                          .user_agent = -1,
                          .status_code = -1,
                          .response_ms = HIT_NO_NUMBER,
                          .bytes_served = HIT_NO_NUMBER};
    const struct {
        struct record r;
        const char *want;
    } table[] = {
        {pageview_of_everything(),
         "{\"k\":\"pageview\",\"at\":1203,\"h\":\"0f31c2aa\",\"site\":\"example.com\","
         "\"url\":\"https://example.com/"
         "p?utm_source=x\",\"timestamp\":\"2026-11-23T07:00:00.123Z\","
         "\"visitor_ip\":\"203.0.113.7\",\"user_agent\":0,\"referrer\":\"https://r/\\\"\\\\\","
         "\"session_id\":\"s\"}\n"},
        {ai_fetch_of_everything(),
         "{\"k\":\"ai_fetch\",\"at\":9223372036854775807,\"h\":\"ffffffff\",\"hostname\":"
         "\"example.com\",\"path\":\"/p\",\"status_code\":200,\"content_type\":\"text/html\","
         "\"response_ms\":0,\"bytes_served\":9223372036854775807,\"user_agent\":\"GPTBot/1." FFFD
         "\",\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"verified\":\"yes\"}\n"},
        {bare, "{\"k\":\"ai_fetch\",\"at\":0,\"h\":\"00000000\",\"timestamp\":"
               "\"1970-01-01T00:00:00.000Z\"}\n"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t whole = strlen(table[i].want);
        struct buf out;
        for (size_t max = 0; max <= whole; max++) {
            buf_init(&out, max + 1);
            buf_putc(&out, '=');
            record_write(&out, &table[i].r);
            assert_int_equal(out.failed, max < whole);
            assert_int_equal(out.n, max < whole ? 1 : 1 + whole);
            if (max == whole)
                assert_string_equal(buf_cstr(&out) + 1, table[i].want);
            buf_release(&out);
        }
    }
}

static void assert_record(const struct record *got, const struct record *want)
{
    assert_int_equal(got->kind, want->kind);
    assert_true(got->at == want->at);
    assert_int_equal(got->line_hash, want->line_hash);
    assert_true(got->time_ms == want->time_ms);
    assert_int_equal(got->user_agent, want->user_agent);
    assert_int_equal(got->status_code, want->status_code);
    assert_true(got->response_ms == want->response_ms);
    assert_true(got->bytes_served == want->bytes_served);
    assert_str(got->site, want->site);
    assert_str(got->user_agent_text, want->user_agent_text);
    assert_str(got->verified, want->verified);
    assert_str(got->url, want->url);
    assert_str(got->visitor_ip, want->visitor_ip);
    assert_str(got->session_id, want->session_id);
    assert_str(got->referrer, want->referrer);
    assert_str(got->hostname, want->hostname);
    assert_str(got->path, want->path);
    assert_str(got->content_type, want->content_type);
}

/* xorshift64*: the same records on every machine. */
static uint64_t roll(uint64_t *dice)
{
    *dice ^= *dice >> 12;
    *dice ^= *dice << 25;
    *dice ^= *dice >> 27;
    return *dice * UINT64_C(2685821657736338717) >> 8;
}

static struct str random_text(uint64_t *dice)
{
    static const struct str texts[] = {
        NO_STR,
        STR(""),
        STR("a"),
        STR("https://example.com/?q=1"),
        STR("\"quoted\" \\ back"),
        STR("line\nbreak\ttab\x01"),
        STR("caf\xc3\xa9 \xf0\x9f\x98\x80"),
        STR("a longer text, of more than thirty-two bytes, plain"),
    };
    return texts[roll(dice) % COUNT(texts)];
}

static struct record random_record(uint64_t *dice)
{
    static const struct str words[] = {NO_STR, STR("yes"), STR("no"), STR("unknown")};
    struct record r = {.kind = roll(dice) % 2 ? RECORD_PAGEVIEW : RECORD_AI_FETCH,
                       .at = roll(dice) % 2 ? roll(dice) : roll(dice) % 1000,
                       .line_hash = (uint32_t)roll(dice),
                       .site = random_text(dice),
                       .time_ms = (int64_t)(roll(dice) % UINT64_C(253402300800000)),
                       .user_agent = (int64_t)(roll(dice) % 3 * 4999) - 1,
                       .status_code = -1,
                       .response_ms = HIT_NO_NUMBER,
                       .bytes_served = HIT_NO_NUMBER};
    if (r.user_agent < 0)
        r.user_agent_text = random_text(dice);
    if (r.kind == RECORD_PAGEVIEW) {
        r.url = random_text(dice);
        r.visitor_ip = random_text(dice);
        r.session_id = random_text(dice);
        r.referrer = random_text(dice);
        return r;
    }
    r.hostname = random_text(dice);
    r.path = random_text(dice);
    r.content_type = random_text(dice);
    r.verified = words[roll(dice) % COUNT(words)];
    r.status_code = (int)(roll(dice) % 1001) - 1;
    if (roll(dice) % 2)
        r.response_ms = (int64_t)(roll(dice) % 100000);
    if (roll(dice) % 2)
        r.bytes_served = (int64_t)roll(dice);
    return r;
}

static void test_round_trip(void **state)
{
    uint64_t dice = UINT64_C(0x9E3779B97F4A7C15);
    struct buf out, scratch;
    const char *why = NULL;

    buf_init(&out, 10000);
    buf_init(&scratch, 10000);
    for (int i = 0; i < 20000; i++) {
        struct record r = random_record(&dice), back;
        buf_reset(&out);
        record_write(&out, &r);
        assert_int_equal(judge_text(buf_str(&out)), JUDGE_AGREE);
        assert_int_equal(str_chr(buf_str(&out), '\n', 0), out.n - 1);
        if (!record_read(buf_str(&out), &back, &scratch, &why))
            fail_msg("%s: %s", why, buf_cstr(&out));
        assert_record(&back, &r);
    }
    buf_release(&out);
    buf_release(&scratch);
}

/* ---- records read ------------------------------------------------------------------------- */

#define HEAD "\"k\":\"pageview\",\"at\":1,\"h\":\"0000000a\","
#define TIME "\"timestamp\":\"2026-11-23T07:00:00Z\""

static bool reads(struct str line, struct record *r, const char **why)
{
    struct buf scratch;
    char *block = exact(line);

    buf_init(&scratch, line.n);
    bool ok = record_read((struct str){block, line.n}, r, &scratch, why);
    buf_release(&scratch);
    free(block);
    return ok;
}

static void test_read_table(void **state)
{
    static const struct {
        struct str line;
        const char *why; /* NULL: read */
    } table[] = {
        {STR("{" HEAD TIME "}"), NULL},
        {STR(" {" HEAD TIME " } \r\n"), NULL},
        {STR("{" TIME ",\"h\":\"ABCDEF09\",\"at\":0,\"k\":\"ai_fetch\"}"), NULL},
        {STR("{" HEAD "\"new\":{\"k\":1,\"at\":[{}]},\"new\":null," TIME "}"), NULL},
        {STR("{\"\\u006b\":\"page\\u0076iew\",\"at\":1,\"h\":\"0000000a\"," TIME "}"), NULL},
        {STR("{" HEAD TIME ",\"user_agent\":9999}"), NULL},
        {STR("{" HEAD TIME ",\"user_agent\":\"\"}"), NULL},
        {STR("{" HEAD TIME ",\"status_code\":0}"), NULL},
        {STR("{" HEAD "\"timestamp\":\"2026-11-23 07:00:00.5+01:00\"}"), NULL},
        {STR(""), "a value was expected"},
        {STR("[]"), "not a JSON object"},
        {STR("{}"), "\"k\" is missing"},
        {STR("{\"at\":1,\"h\":\"0000000a\"," TIME "}"), "\"k\" is missing"},
        {STR("{\"k\":\"pageview\",\"h\":\"0000000a\"," TIME "}"), "\"at\" is missing"},
        {STR("{\"k\":\"pageview\",\"at\":1," TIME "}"), "\"h\" is missing"},
        {STR("{\"k\":\"pageview\",\"at\":1,\"h\":\"0000000a\"}"), "\"timestamp\" is missing"},
        {STR("{" HEAD TIME ",\"k\":\"pageview\"}"), "a key stands twice"},
        {STR("{" HEAD TIME ",\"\\u0061t\":1}"), "a key stands twice"},
        {STR("{" HEAD TIME ",\"verified\":\"no\",\"verified\":\"no\"}"), "a key stands twice"},
        {STR("{\"k\":\"event\"}"), "\"k\" must be pageview or ai_fetch"},
        {STR("{\"k\":1}"), "\"k\" must be pageview or ai_fetch"},
        {STR("{\"at\":-1}"), "\"at\" must be a position"},
        {STR("{\"at\":-0}"), "\"at\" must be a position"},
        {STR("{\"at\":1.0}"), "\"at\" must be a position"},
        {STR("{\"at\":1e3}"), "\"at\" must be a position"},
        {STR("{\"at\":\"1\"}"), "\"at\" must be a position"},
        {STR("{\"at\":9223372036854775808}"), "\"at\" must be a position"},
        {STR("{\"at\":{}}"), "\"at\" must be a position"},
        {STR("{\"h\":\"0000000\"}"), "\"h\" must be 8 hex digits"},
        {STR("{\"h\":\"000000000\"}"), "\"h\" must be 8 hex digits"},
        {STR("{\"h\":\"0000000g\"}"), "\"h\" must be 8 hex digits"},
        {STR("{\"h\":10}"), "\"h\" must be 8 hex digits"},
        {STR("{\"timestamp\":\"yesterday\"}"), "\"timestamp\" must be an RFC 3339 time"},
        {STR("{\"timestamp\":1}"), "\"timestamp\" must be an RFC 3339 time"},
        {STR("{\"url\":null}"), "\"url\" must be a string"},
        {STR("{\"url\":[\"x\"]}"), "\"url\" must be a string"},
        {STR("{\"status_code\":1000}"), "\"status_code\" must be 0 to 999"},
        {STR("{\"status_code\":\"200\"}"), "\"status_code\" must be 0 to 999"},
        {STR("{\"response_ms\":-5}"), "\"response_ms\" must be a count"},
        {STR("{\"bytes_served\":9223372036854775808}"), "\"bytes_served\" must be a count"},
        {STR("{\"user_agent\":10000}"), "\"user_agent\" must be an index or a string"},
        {STR("{\"user_agent\":-1}"), "\"user_agent\" must be an index or a string"},
        {STR("{\"user_agent\":true}"), "\"user_agent\" must be an index or a string"},
        {STR("{\"verified\":\"maybe\"}"), "\"verified\" must be yes, no or unknown"},
        {STR("{" HEAD TIME "}{}"), "bytes behind the value"},
        {STR("{" HEAD TIME "},"), "bytes behind the value"},
        {STR("{" HEAD TIME ",}"), "a key was expected"},
        {STR("{" HEAD TIME ",\"url\":\"\xff\"}"), "the string is not valid UTF-8"},
        {STR("{" HEAD TIME ",\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"), "nested too deeply"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct record r = {.at = 4711};
        const char *why = NULL;
        bool ok = reads(table[i].line, &r, &why);
        if (ok != !table[i].why || (why && strcmp(why, table[i].why) != 0))
            fail_msg("%.*s: %s", STR_ARGS(table[i].line), why ? why : "read");
        assert_int_equal(r.at == 4711, !ok);
    }
}

static void test_read_prefixes(void **state)
{
    struct record r = pageview_of_everything(), back;
    struct buf out;
    const char *why;

    buf_init(&out, 1000);
    record_write(&out, &r);
    for (size_t n = 0; n < out.n; n++)
        assert_int_equal(reads(str_slice(buf_str(&out), 0, n), &back, &why), n == out.n - 1);
    buf_release(&out);
}

/* ---- headers ------------------------------------------------------------------------------ */

static void test_header_round_trip(void **state)
{
    struct batch_stream streams[2] = {
        {.from = 0, .to = 48211, .lines = 214, .records = 37, .name = STR("access.log")},
        {.from = 5, .to = INT64_MAX, .skipped_other = 9},
    };
    struct str user_agents[2] = {STR("Mozilla/5.0"), STR("\"x\"")};
    struct batch_header h = {.batch = STR(UUID),
                             .agent = STR("logferry/0.1"),
                             .node = STR("web-1"),
                             .streams = streams,
                             .n_streams = 2,
                             .user_agents = user_agents,
                             .n_user_agents = 2};
    struct arrays *a = calloc(1, sizeof(*a));
    struct batch_header back;
    struct buf out, again, scratch;
    const char *why;

    assert_non_null(a);
    assert_true(hash128_parse(STR(ID), &streams[0].id));
    streams[0].skipped[REASON_ASSET] = 170;
    streams[0].skipped[REASON_BOT] = 7;
    streams[1].skipped[REASON_DIRECTIVE] = UINT32_MAX;
    buf_init(&out, 1000);
    batch_header_write(&out, &h);
    assert_string_equal(
        buf_cstr(&out),
        "{\"v\":1,\"batch\":\"" UUID
        "\",\"agent\":\"logferry/0.1\",\"node\":\"web-1\",\"job\":null,"
        "\"streams\":[{\"id\":\"" ID "\",\"from\":0,\"to\":48211,\"lines\":214,\"records\":37,"
        "\"skipped\":{\"asset\":170,\"bot\":7},\"name\":\"access.log\"},"
        "{\"id\":\"00000000000000000000000000000000\",\"from\":5,\"to\":9223372036854775807,"
        "\"lines\":0,\"records\":0,\"skipped\":{\"directive\":4294967295,\"other\":9}}],"
        "\"user_agents\":[\"Mozilla/5.0\",\"\\\"x\\\"\"]}\n");
    assert_int_equal(judge_text(buf_str(&out)), JUDGE_AGREE);
    buf_init(&scratch, out.n);
    buf_init(&again, out.n);
    assert_true(header_reads(buf_str(&out), &back, a, &scratch, &why));
    assert_int_equal(back.n_streams, 2);
    assert_int_equal(back.n_user_agents, 2);
    assert_false(str_is_set(back.job));
    assert_false(str_is_set(back.streams[1].name));
    assert_int_equal(back.streams[0].skipped[REASON_ASSET], 170);
    assert_int_equal(back.streams[1].skipped_other, 9);
    batch_header_write(&again, &back);
    assert_string_equal(buf_cstr(&again), buf_cstr(&out));
    for (size_t n = 0; n + 1 < out.n; n++)
        assert_false(header_reads(str_slice(buf_str(&out), 0, n), &back, a, &scratch, &why));
    for (size_t max = 0; max < out.n; max++) {
        struct buf small;
        buf_init(&small, max);
        batch_header_write(&small, &h);
        assert_true(small.failed);
        assert_int_equal(small.n, 0);
        buf_release(&small);
    }
    h.job = STR("job-1");
    buf_reset(&out);
    batch_header_write(&out, &h);
    assert_true(header_reads(buf_str(&out), &back, a, &scratch, &why));
    assert_str(back.job, STR("job-1"));
    buf_release(&out);
    buf_release(&again);
    buf_release(&scratch);
    free(a);
}

#define STREAMS_WRONG "\"streams\" must be a list of at most 4096 streams"
#define SKIPPED_WRONG "\"skipped\" must be an object of counts"

static void test_header_table(void **state)
{
    static const struct {
        const char *line, *why;
    } table[] = {
        {V ",\"streams\":[]}", NULL},
        {V ",\"streams\":[],\"user_agents\":[],\"job\":\"j\",\"next\":[{}]}", NULL},
        {ONE(""), NULL},
        {ONE(",\"name\":\"\",\"skipped\":{},\"more\":1"), NULL},
        {"", "a value was expected"},
        {"{}", "\"v\" is missing"},
        {"{\"v\":2}", "\"v\" must be 1: no other version of the wire form is known here"},
        {"{\"v\":\"1\"}", "\"v\" must be 1: no other version of the wire form is known here"},
        {"{\"v\":1.0}", "\"v\" must be 1: no other version of the wire form is known here"},
        {V "}", "\"streams\" is missing"},
        {"{\"v\":1,\"streams\":[]}", "\"batch\" is missing"},
        {"{\"batch\":\"0190B0A0-1234-7abc-8def-0123456789ab\"}",
         "\"batch\" must be a UUID in lower case"},
        {"{\"batch\":\"0190b0a0-1234-7abc-8def-0123456789a\"}",
         "\"batch\" must be a UUID in lower case"},
        {"{\"batch\":\"0190b0a0-1234-7abc-8def00123456789ab\"}",
         "\"batch\" must be a UUID in lower case"},
        {"{\"batch\":\"0190b0a0-1234-7abc-8def-0123456789ag\"}",
         "\"batch\" must be a UUID in lower case"},
        {"{\"agent\":null}", "\"agent\" must be a string"},
        {"{\"job\":1}", "\"job\" must be a string or null"},
        {"{\"job\":null,\"job\":null}", "a key stands twice"},
        {"{\"streams\":{}}", STREAMS_WRONG},
        {"{\"streams\":[1]}", STREAMS_WRONG},
        {"{\"streams\":[[]]}", STREAMS_WRONG},
        {"{\"streams\":[{}]}", "\"id\" is missing"},
        {"{\"streams\":[{\"id\":\"00\"}]}", "\"id\" must be 32 hex digits"},
        {"{\"streams\":[{\"id\":\"" ID "\",\"from\":2,\"to\":1,\"lines\":0,\"records\":0}]}",
         "a stream's \"from\" is behind its \"to\""},
        {"{\"streams\":[{\"id\":\"" ID "\",\"from\":2,\"to\":2,\"lines\":0}]}",
         "\"records\" is missing"},
        {ONE(",\"lines\":1"), "a key stands twice"},
        {ONE(",\"name\":null"), "\"name\" must be a string"},
        {ONE(",\"skipped\":[]"), SKIPPED_WRONG},
        {ONE(",\"skipped\":{\"bot\":-1}"), SKIPPED_WRONG},
        {ONE(",\"skipped\":{\"bot\":4294967296}"), SKIPPED_WRONG},
        {ONE(",\"skipped\":{\"new\":\"1\"}"), SKIPPED_WRONG},
        {ONE(",\"skipped\":{\"bot\":1,\"bot\":1}"), "a reason stands twice"},
        {V ",\"streams\":[],\"user_agents\":{}}",
         "\"user_agents\" must be a list of at most 10000 strings"},
        {V ",\"streams\":[],\"user_agents\":[null]}",
         "\"user_agents\" must be a list of at most 10000 strings"},
        {V ",\"streams\":[]}x", "bytes behind the value"},
    };
    struct arrays *a = calloc(1, sizeof(*a));
    struct batch_header h;
    struct buf scratch;
    const char *why;

    assert_non_null(a);
    buf_init(&scratch, 10000);
    for (size_t i = 0; i < COUNT(table); i++) {
        bool ok = header_reads(str_of(table[i].line), &h, a, &scratch, &why);
        if (ok != !table[i].why || (why && strcmp(why, table[i].why) != 0))
            fail_msg("%s: %s", table[i].line, why ? why : "read");
        assert_ptr_equal(h.streams, a->streams);
    }
    buf_release(&scratch);
    free(a);
}

/* Reasons that only a newer agent knows are summed, up to the top of the counter. */
static void test_header_other_reasons(void **state)
{
    static const struct {
        const char *line;
        uint32_t other, bot;
    } table[] = {
        {ONE(",\"skipped\":{\"new\":3,\"bot\":5,\"newer\":4}"), 7, 5},
        {ONE(",\"skipped\":{\"other\":2,\"\":3}"), 5, 0},
        {ONE(",\"skipped\":{\"x\":4294967295,\"y\":1}"), UINT32_MAX, 0},
        {ONE(",\"skipped\":{\"x\":1,\"x\":1}"), 2, 0},
    };
    struct arrays *a = calloc(1, sizeof(*a));
    struct batch_header h;
    struct buf scratch;
    const char *why;

    assert_non_null(a);
    buf_init(&scratch, 10000);
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_true(header_reads(str_of(table[i].line), &h, a, &scratch, &why));
        assert_int_equal(h.streams[0].skipped_other, table[i].other);
        assert_int_equal(h.streams[0].skipped[REASON_BOT], table[i].bot);
    }
    buf_release(&scratch);
    free(a);
}

static void test_header_caps(void **state)
{
    struct arrays *a = calloc(1, sizeof(*a));
    struct batch_header h;
    struct buf text, scratch;
    const char *why;

    assert_non_null(a);
    buf_init(&text, 10000000);
    buf_init(&scratch, 10000000);
    for (unsigned extra = 0; extra < 2; extra++) {
        buf_reset(&text);
        buf_lit(&text, V ",\"streams\":[");
        for (unsigned i = 0; i < BATCH_MAX_STREAMS + extra; i++)
            buf_printf(&text, "%s" S "}", i ? "," : "");
        buf_lit(&text, "]}");
        assert_int_equal(header_reads(buf_str(&text), &h, a, &scratch, &why), extra == 0);
        assert_int_equal(h.n_streams, extra ? 0 : BATCH_MAX_STREAMS);
        buf_reset(&text);
        buf_lit(&text, V ",\"streams\":[],\"user_agents\":[");
        for (unsigned i = 0; i < BATCH_MAX_USER_AGENTS + extra; i++)
            buf_printf(&text, "%s\"\\u00e9%u\"", i ? "," : "", i);
        buf_lit(&text, "]}");
        assert_int_equal(header_reads(buf_str(&text), &h, a, &scratch, &why), extra == 0);
        if (extra == 0)
            assert_str(h.user_agents[9999], STR("\xc3\xa9"
                                                "9999"));
    }
    buf_release(&text);
    buf_release(&scratch);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_url_bytes),
        cmocka_unit_test(test_from_hit_fields),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_read_table),
        cmocka_unit_test(test_read_prefixes),
        cmocka_unit_test(test_header_round_trip),
        cmocka_unit_test(test_header_table),
        cmocka_unit_test(test_header_other_reasons),
        cmocka_unit_test(test_header_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
