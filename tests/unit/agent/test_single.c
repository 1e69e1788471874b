/* A batch as HitKeep's requests: exactly its keys, one record each, and what does not fit it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/single.h"
#include "tests/unit/agent/scratch.h"

#define ID "11111111-2222-4333-8444-555555555555"
#define SITE "aaaaaaaa-0000-4000-8000-000000000001"
#define HEAD(records)                                                                              \
    "{\"v\":1,\"batch\":\"" ID "\",\"agent\":\"a\",\"node\":\"n\",\"job\":null,\"streams\":["      \
    "{\"id\":\"00000000000000000000000000000001\",\"from\":0,\"to\":900,\"lines\":1,\"records\":"  \
    "1},"                                                                                          \
    "{\"id\":\"00000000000000000000000000000002\",\"from\":0,\"to\":900,\"lines\":9,"              \
    "\"records\":" records "}],\"user_agents\":[\"Mozilla/5.0 \\u00e9\",\" GPTBot/1.2 \"]}\n"
#define AT(n) "\"at\":" n ",\"h\":\"0000000a\",\"timestamp\":\"2026-11-26T01:02:03.004Z\""

struct rig {
    struct single_batch batch;
    struct single_request out;
    struct sites *ids;
};

static void open_batch(struct rig *r, const char *text)
{
    struct batch b = {.encoding = BATCH_PLAIN};
    const char *why = NULL;
    *r = (struct rig){.ids = sites_new()};
    buf_init(&b.body, 1 << 20);
    buf_put_str(&b.body, str_of(text));
    if (single_batch_open(&r->batch, &b, &why))
        fail_msg("%s", why);
    buf_release(&b.body);
    assert_int_equal(sites_add(r->ids, STR("example.com"), STR(SITE), 1), 0);
    buf_init(&r->out.path, SINGLE_PATH_MAX);
    buf_init(&r->out.body, SINGLE_BODY_MAX);
    buf_init(&r->out.scratch, BATCH_MAX_DECODED);
}

static void close_batch(struct rig *r)
{
    single_batch_release(&r->batch);
    sites_unref(r->ids);
    buf_release(&r->out.path);
    buf_release(&r->out.body);
    buf_release(&r->out.scratch);
}

static enum single_fit render(struct rig *r, size_t i)
{
    static const unsigned char key[SIPHASH_KEY] = {1, 2, 3};
    return single_render(&r->batch, &r->batch.v[i], r->ids, key, &r->out);
}

static void test_requests(void **state)
{
    struct rig r;
    open_batch(
        &r,
        HEAD("1") "{\"k\":\"pageview\"," AT(
            "7") ",\"url\":\"https://www.example.com:8443/p?a=1\","
                 "\"visitor_ip\":\"192.0.2.1\",\"user_agent\":0,\"referrer\":\"https://r.example/"
                 "\"}\n"
                 "{\"k\":\"ai_fetch\"," AT(
                     "8") ",\"hostname\":\"www.example.com:8443\","
                          "\"path\":\"/p?a=1\",\"status_code\":200,\"content_type\":\"text/html\","
                          "\"response_ms\":12,\"bytes_served\":0,\"user_agent\":1,\"verified\":"
                          "\"yes\"}\n");
    assert_int_equal(r.batch.n, 2);
    assert_int_equal(r.batch.v[0].kind, RECORD_PAGEVIEW);
    assert_int_equal(r.batch.v[0].stream, 0);
    assert_int_equal(r.batch.v[1].kind, RECORD_AI_FETCH);
    assert_int_equal(r.batch.v[1].stream, 1);
    assert_int_equal(render(&r, 0), SINGLE_FITS);
    assert_string_equal(buf_cstr(&r.out.path), "/api/ingest/server/pageview");
    char first[1024], again[1024];
    snprintf(first, sizeof(first), "%s", buf_cstr(&r.out.body));
    assert_int_equal(render(&r, 0), SINGLE_FITS);
    snprintf(again, sizeof(again), "%s", buf_cstr(&r.out.body));
    assert_string_equal(first, again); /* session and page have the same ids whenever it is sent */
    char *session = strstr(first, ",\"session_id\":\""), *page = strstr(first, ",\"page_id\":\"");
    assert_true(session && page && page - session == 52 && strlen(page) == 12 + 36 + 2);
    *session = '\0';
    assert_string_equal(
        first, "{\"url\":\"https://www.example.com:8443/p?a=1\","
               "\"timestamp\":\"2026-11-26T01:02:03.004Z\",\"visitor_ip\":\"192.0.2.1\","
               "\"user_agent\":\"Mozilla/5.0 \xc3\xa9\",\"referrer\":\"https://r.example/\"");
    assert_int_equal(render(&r, 1), SINGLE_FITS);
    assert_string_equal(buf_cstr(&r.out.path), "/api/sites/" SITE "/ingest/ai-fetch");
    assert_string_equal(
        buf_cstr(&r.out.body),
        "{\"path\":\"/p?a=1\",\"hostname\":\"www.example.com\",\"status_code\":200,"
        "\"content_type\":\"text/html\",\"response_ms\":12,\"user_agent\":\"GPTBot/1.2\"}");
    close_batch(&r);
}

static void test_unfit(void **state)
{
    static const struct {
        const char *name, *record;
        enum single_fit fit;
    } table[] = {
        {"status 0",
         "{\"k\":\"ai_fetch\"," AT("1") ",\"hostname\":\"example.com\",\"path\":\"/"
                                        "\",\"status_code\":0,\"user_agent\":1}",
         SINGLE_NOT_TAKEN},
        {"status 600",
         "{\"k\":\"ai_fetch\"," AT("1") ",\"hostname\":\"example.com\",\"path\":\"/"
                                        "\",\"status_code\":600,\"user_agent\":1}",
         SINGLE_NOT_TAKEN},
        {"no status",
         "{\"k\":\"ai_fetch\"," AT(
             "1") ",\"hostname\":\"example.com\",\"path\":\"/\",\"user_agent\":1}",
         SINGLE_NOT_TAKEN},
        {"nginx's 499",
         "{\"k\":\"ai_fetch\"," AT("1") ",\"hostname\":\"example.com\",\"path\":\"/"
                                        "\",\"status_code\":499,\"user_agent\":1}",
         SINGLE_FITS},
        {"another host",
         "{\"k\":\"ai_fetch\"," AT("1") ",\"hostname\":\"b.example\",\"path\":\"/"
                                        "\",\"status_code\":200,\"user_agent\":1}",
         SINGLE_NO_SITE},
        {"the site by name",
         "{\"k\":\"ai_fetch\"," AT("1") ",\"site\":\"example.com\",\"hostname\":\"b.example\","
                                        "\"path\":\"/\",\"status_code\":200,\"user_agent\":1}",
         SINGLE_FITS},
        {"no path",
         "{\"k\":\"ai_fetch\"," AT(
             "1") ",\"hostname\":\"example.com\",\"status_code\":200,\"user_agent\":1}",
         SINGLE_BROKEN},
        {"not http",
         "{\"k\":\"pageview\"," AT(
             "1") ",\"url\":\"ws://example.com/\",\"visitor_ip\":\"::1\",\"user_agent\":0}",
         SINGLE_NOT_TAKEN},
        {"no address",
         "{\"k\":\"pageview\"," AT("1") ",\"url\":\"https://example.com/\",\"user_agent\":0}",
         SINGLE_BROKEN},
        {"no agent",
         "{\"k\":\"pageview\"," AT("1") ",\"url\":\"https://example.com/\",\"visitor_ip\":\"::1\"}",
         SINGLE_BROKEN},
        {"IPv6",
         "{\"k\":\"pageview\"," AT("1") ",\"url\":\"https://example.com/"
                                        "\",\"visitor_ip\":\"2001:db8::1\",\"user_agent\":0}",
         SINGLE_FITS},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct rig r;
        char text[2048];
        snprintf(text, sizeof(text), HEAD("0") "%s\n", table[i].record);
        open_batch(&r, text);
        enum single_fit fit = render(&r, 0);
        if (fit != table[i].fit || (fit != SINGLE_FITS && !r.out.why))
            fail_msg("%s: %d", table[i].name, fit);
        close_batch(&r);
    }
}

/* What HitKeep would read otherwise than it is meant. */
static void test_spelling(void **state)
{
    static const struct {
        const char *name, *fields, *want; /* what the body begins with */
        bool fetch;
    } table[] = {
        {"a path", "\"hostname\":\"example.com\",\"path\":\"/a//b?u=//c\"",
         "{\"path\":\"/a//b?u=//c\",\"hostname\":\"example.com\",", true},
        {"two slashes are no host", "\"hostname\":\"www.example.com:8443\",\"path\":\"//a/b?c=d\"",
         "{\"path\":\"https://www.example.com//a/b?c=d\",\"hostname\":\"www.example.com\",", true},
        {"nor are three", "\"site\":\"example.com\",\"path\":\"///a\"",
         "{\"path\":\"https://example.com///a\",\"status_code\"", true},
        {"a URL", "\"url\":\"https://www.example.com:8443//a?b\"",
         "{\"url\":\"https://www.example.com:8443//a?b\",", false},
        {"of the site named", "\"site\":\"example.com\",\"url\":\"https://www.example.com:8443/a\"",
         "{\"url\":\"https://www.example.com:8443/a\",", false},
        {"of another host of that site",
         "\"site\":\"example.com\",\"url\":\"http://example.de:81/a?b=/c\"",
         "{\"url\":\"http://example.com/a?b=/c\",", false},
        {"without a path", "\"site\":\"example.com\",\"url\":\"http://example.de?b\"",
         "{\"url\":\"http://example.com?b\",", false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct rig r;
        char text[2048];
        snprintf(text, sizeof(text), HEAD("0") "{\"k\":\"%s\"," AT("1") ",%s%s}\n",
                 table[i].fetch ? "ai_fetch" : "pageview", table[i].fields,
                 table[i].fetch ? ",\"status_code\":200,\"user_agent\":1"
                                : ",\"visitor_ip\":\"::1\",\"user_agent\":0");
        open_batch(&r, text);
        assert_int_equal(render(&r, 0), SINGLE_FITS);
        if (!str_starts(buf_str(&r.out.body), str_of(table[i].want)))
            fail_msg("%s: %s", table[i].name, buf_cstr(&r.out.body));
        close_batch(&r);
    }
}

/* 64 KiB is the server's cap. */
static void test_too_large(void **state)
{
    struct rig r;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_lit(&text,
            HEAD("0") "{\"k\":\"pageview\"," AT("1") ",\"visitor_ip\":\"::1\",\"user_agent\":0,"
                                                     "\"url\":\"https://example.com/");
    for (int i = 0; i < 66000; i++)
        buf_putc(&text, 'x');
    buf_lit(&text, "\"}\n");
    open_batch(&r, buf_cstr(&text));
    assert_int_equal(render(&r, 0), SINGLE_BROKEN);
    assert_non_null(strstr(r.out.why, "64 KiB"));
    close_batch(&r);
    buf_release(&text);
}

/* One fate at 403 for one site and kind. */
static void test_sites_are_told_apart(void **state)
{
    struct rig r;
    open_batch(
        &r, HEAD("3") "{\"k\":\"pageview\"," AT(
                "1") ",\"url\":\"https://example.com/a\"}\n"
                     "{\"k\":\"pageview\"," AT(
                         "2") ",\"url\":\"http://example.com:80?b\"}\n"
                              "{\"k\":\"pageview\"," AT(
                                  "3") ",\"url\":\"https://b.example/\"}\n"
                                       "{\"k\":\"ai_fetch\"," AT(
                                           "4") ",\"hostname\":\"example.com\",\"path\":\"/\"}\n");
    assert_true(r.batch.v[0].site == r.batch.v[1].site);
    assert_true(r.batch.v[0].site != r.batch.v[2].site);
    assert_true(r.batch.v[0].site != r.batch.v[3].site);
    close_batch(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_sites_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
