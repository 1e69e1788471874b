/*
 * test_page_path.c - how paths, referrers, content types and user agents are named in reports.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/page_path.h"

static void pages_of_paths(void **state)
{
    static const struct {
        const char *path, *page, *prefix;
    } cases[] = {
        {"/", "/", "/"},
        {"/a/b?x=1", "/a/b?x=1", "/a"},
        {"/a?utm_source=x", "/a", "/a"},
        {"/a?x=1&UTM_Campaign=y&fbclid=z&y=2", "/a?x=1&y=2", "/a"},
        {"/a?gclid=1&x=2", "/a?x=2", "/a"},
        {"/a?hk_qr=1", "/a", "/a"},
        {"/a?", "/a", "/a"},
        {"?x", "?x", "/"},
        {"//b", "//b", "/"},
    };
    struct buf scratch;
    (void)state;
    buf_init(&scratch, 1000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str page = page_of_path(str_of(cases[i].path), &scratch);
        if (!str_eq(page, str_of(cases[i].page)))
            fail_msg("%s: %.*s", cases[i].path, STR_ARGS(page));
        assert_true(str_eq(prefix_of_path(str_of(cases[i].path)), str_of(cases[i].prefix)));
    }
    buf_release(&scratch);
}

static void hosts_of_referrers(void **state)
{
    static const struct {
        const char *referrer, *host;
        bool is;
    } cases[] = {
        {"", DIRECT, true},
        {" ", DIRECT, true},
        {"https://a.example/", DIRECT, false},
        {"https://a.example", "a.example", true},
        {"HTTPS://WWW.A.example:8443/x", "a.example", true},
        {"http://a.example?x", "a.example", true},
        {"http://a.example#x", "a.example", true},
        {" https://www.a.example/x ", "A.EXAMPLE", true},
        {"https://b.a.example/", "a.example", false},
        {"https://a.example.org/", "a.example", false},
        {"www.a.example", "a.example", true}, /* no URL: as a whole */
        {"a.example/x", "a.example", false},
        {"https://", "a.example", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(referrer_is_from(str_of(cases[i].referrer), str_of(cases[i].host)),
                         cases[i].is);
    assert_true(referrer_is_from(STR_NONE, STR(DIRECT)));
}

static void content_types(void **state)
{
    static const struct {
        struct str type;
        enum resource_type expected;
    } cases[] = {
        {{NULL, 0}, RESOURCE_HTML},
        {STR_INIT(""), RESOURCE_HTML},
        {STR_INIT(" Text/HTML; charset=utf-8"), RESOURCE_HTML},
        {STR_INIT("text/html ;charset=utf-8"), RESOURCE_OTHER},
        {STR_INIT("application/xhtml+xml"), RESOURCE_HTML},
        {STR_INIT("image/svg+xml"), RESOURCE_IMAGE},
        {STR_INIT("application/pdf"), RESOURCE_DOCUMENT},
        {STR_INIT("text/markdown"), RESOURCE_DOCUMENT},
        {STR_INIT("application/vnd.ms-excel"), RESOURCE_DOCUMENT},
        {STR_INIT("application/json"), RESOURCE_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(resource_type_of(cases[i].type), cases[i].expected);
}

static void browsers(void **state)
{
    static const struct {
        const char *user_agent, *name;
    } cases[] = {
        {"", "(Unknown)"},
        {" ", "(Unknown)"},
        {"curl/8.0", "(Other)"},
        {"Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox"},
        {"Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0", "Mobile Firefox"},
        {"Mozilla/5.0 (Macintosh) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36", "Chrome"},
        {"Mozilla/5.0 (Linux; Android 10; K) Chrome/130.0.0.0 Mobile Safari/537.36",
         "Mobile Chrome"},
        {"Mozilla/5.0 (Linux; Android 10; K; wv) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36",
         "Chrome WebView"},
        {"Mozilla/5.0 (iPhone) AppleWebKit/605 CriOS/130.0 Mobile/15E148 Safari/604",
         "Mobile Chrome"},
        {"Mozilla/5.0 (iPhone) Version/17.0 Mobile/15E148 Safari/604.1", "Mobile Safari"},
        {"Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.0 Safari/605.1.15", "Safari"},
        {"Mozilla/5.0 (Windows) Chrome/130.0.0.0 Safari/537.36 EDG/130.0", "Edge"},
        {"Mozilla/5.0 (Windows) Chrome/130.0.0.0 Safari/537.36 OPR/110.0", "Opera"},
        {"Mozilla/5.0 (Linux) SamsungBrowser/25.0 Chrome/121.0 Mobile Safari/537.36",
         "Samsung Internet"},
        {"Mozilla/5.0 (iPhone) Mobile/15E148 [FBAN/FBIOS;FBAV/450]", "Facebook"},
        {"Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko", "IE"},
        {"Mozilla/5.0 (Linux; Android 4.4) AppleWebKit/534.30", "Android Browser"},
        {"Mozilla/5.0 AppleWebKit/605.1.15 (KHTML, like Gecko)", "WebKit"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(browser_of(str_of(cases[i].user_agent)), cases[i].name);
    assert_string_equal(browser_of(STR_NONE), "(Unknown)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_paths),
        cmocka_unit_test(hosts_of_referrers),
        cmocka_unit_test(content_types),
        cmocka_unit_test(browsers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
