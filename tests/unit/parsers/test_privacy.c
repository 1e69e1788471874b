/* What is left out of queries, referrers, paths and addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parsers/privacy.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The hit in a block of its own size, so that the sanitizer sees a byte too far. */
static struct str copy(const char *text)
{
    if (!text)
        return STR_NONE;
    size_t n = strlen(text);
    char *p = malloc(n + (n == 0));
    assert_non_null(p);
    memcpy(p, text, n);
    return (struct str){p, n};
}

struct sent {
    struct hit in, out;
    struct buf scratch;
};

static void apply(struct sent *s, const struct privacy *p, const char *path, const char *query,
                  const char *referrer)
{
    s->in = (struct hit){.path = copy(path), .query = copy(query), .referrer = copy(referrer)};
    s->out = s->in;
    buf_init(&s->scratch, s->in.path.n + s->in.query.n + s->in.referrer.n + 64);
    assert_true(privacy_apply(p, &s->out, &s->scratch));
}

static void forget(struct sent *s)
{
    free((void *)s->in.path.p);
    free((void *)s->in.query.p);
    free((void *)s->in.referrer.p);
    buf_release(&s->scratch);
}

static void assert_text(const char *what, struct str got, const char *expected)
{
    struct str wanted = expected ? str_of(expected) : STR_NONE;
    if (!str_eq(got, wanted) || str_is_set(got) != str_is_set(wanted))
        fail_msg("%s: \"%.*s\", not \"%s\"", what, STR_ARGS(got), expected ? expected : "(none)");
}

static void test_queries(void **state)
{
    static const struct {
        const char *query, *left;
    } cases[] = {
        {NULL, NULL},
        {"", ""},
        {"a=1", "a=1"},
        {"a=1&b=2", "a=1&b=2"},
        {"a=1&&b", "a=1&&b"},
        {"token=1", NULL},
        {"token=1&a=2", "a=2"},
        {"a=2&token=1", "a=2"},
        {"a=1&token=2&b=3", "a=1&b=3"},
        {"a=1;token=2&b=3", "a=1&b=3"},
        {"a=1&token=2;b=3", "a=1;b=3"},
        {"a=1;b=2;sid=3", "a=1;b=2"},
        {"token=1&sig=2&key", NULL},
        {"token=1&", NULL},
        {"a=%3F%26&code=x", "a=%3F%26"},
        {"token=a?b=c", NULL},
        {"utm_source=x&gclid=1&utm_medium=y", "utm_source=x&utm_medium=y"},
    };
    struct privacy p;
    struct sent s;

    privacy_defaults(&p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        apply(&s, &p, "/p", cases[i].query, NULL);
        assert_text(cases[i].query, s.out.query, cases[i].left);
        assert_true(s.out.path.p == s.in.path.p); /* untouched: not copied */
        forget(&s);
    }
}

static void test_kinds_of_query(void **state)
{
    static const struct str allow[] = {{"page", 4}, {"utm_*", 5}, {"code", 4}};
    struct privacy p = {.query = PRIVACY_QUERY_ALLOW, .allow = {allow, 3}};
    struct sent s;

    apply(&s, &p, "/p", "a=1&Page=2&utm_x=3&pages=4&code=5&%70age=6", "https://h/x?q=1&page=2#f");
    assert_text("allow", s.out.query, "Page=2&utm_x=3&code=5&%70age=6");
    assert_text("allow", s.out.referrer, "https://h/x?page=2");
    forget(&s);
    p.query = PRIVACY_QUERY_DROP;
    apply(&s, &p, "/p", "page=2", "https://h/x?page=2");
    assert_text("drop", s.out.query, NULL);
    assert_text("drop", s.out.referrer, "https://h/x");
    forget(&s);
}

static void test_referrers(void **state)
{
    static const struct {
        const char *referrer, *left;
    } cases[] = {
        {"https://example.com/", "https://example.com/"},
        {"https://example.com", "https://example.com"},
        {"https://example.com/a?b=1", "https://example.com/a?b=1"},
        {"https://example.com/a?", "https://example.com/a?"},
        {"https://example.com/a?token=1", "https://example.com/a"},
        {"https://example.com/a?token=1&b=2", "https://example.com/a?b=2"},
        {"https://example.com?token=1&b=2", "https://example.com?b=2"},
        {"https://example.com/a#access_token=1", "https://example.com/a"},
        {"https://example.com/a?b=1#x", "https://example.com/a?b=1"},
        {"https://user:pw@example.com/a", "https://example.com/a"},
        {"https://user@example.com:8443/a?sid=1", "https://example.com:8443/a"},
        {"https://u:p@w@example.com/", "https://example.com/"},
        {"https://example.com/@name", "https://example.com/@name"},
        {"//user:pw@example.com/a", "//example.com/a"},
        {"android-app://com.example.app/", "android-app://com.example.app/"},
        {"https://example.com/p;jsessionid=1A", "https://example.com/p"},
        {"/a?token=1", "/a"},
        {"token", "token"},
        {"?token=1", NULL},
        {"#", NULL},
        {"https://", "https://"},
        {"https://@", "https://"},
        {"?", "?"},
        {"", ""},
        {NULL, NULL},
    };
    struct privacy p;
    struct sent s;

    privacy_defaults(&p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        apply(&s, &p, "/p", NULL, cases[i].referrer);
        assert_text(cases[i].referrer, s.out.referrer, cases[i].left);
        forget(&s);
    }
}

struct path_case {
    const char *path, *left;
};

/* In the path of a request, and in that of a referrer. */
static void assert_masked(const struct path_case *cases, size_t n)
{
    static const struct str masks[] = {{"/order/*", 8},
                                       {"/u/*/files/", 11},
                                       {"/*/konto/*/x", 12},
                                       {"/inv-*.pdf", 10},
                                       {"/caf\xc3\xa9/*", 8}};
    struct privacy p = {.path_mask = {masks, COUNT(masks)},
                        .mask = PRIVACY_MASK_UUID | PRIVACY_MASK_HEX | PRIVACY_MASK_EMAIL |
                                PRIVACY_MASK_NUMBER};
    struct sent s;

    for (size_t i = 0; i < n; i++) {
        char referrer[200], left[200];
        snprintf(referrer, sizeof(referrer), "https://h%s?a", cases[i].path);
        snprintf(left, sizeof(left), "https://h%s?a", cases[i].left);
        apply(&s, &p, cases[i].path, "q=1", referrer);
        assert_text(cases[i].path, s.out.path, cases[i].left);
        assert_text(cases[i].path, s.out.referrer, left);
        forget(&s);
    }
}

static void test_paths(void **state)
{
    static const struct path_case cases[] = {
        {"/", "/"},
        {"/order/", "/order/"},
        {"/order/123", "/order/*"},
        {"/order/123/", "/order/*/"},
        {"/order/123/items/7", "/order/*/items/7"},
        {"/orders/123", "/orders/123"},
        {"/a/order/123", "/a/order/123"},
        {"/u/me/files", "/u/*/files"},
        {"/u/me/files/x", "/u/*/files/x"},
        {"/u/me/photos", "/u/me/photos"},
        {"/de/konto/7/x", "/*/konto/*/x"},
        {"/de/konto/7/y", "/de/konto/7/y"},
        {"/inv-2026-1.pdf", "/inv-*.pdf"},
        {"/inv-.pdf", "/inv-.pdf"},
        {"/inv-1.html", "/inv-1.html"},
        {"/caf%C3%A9/7", "/caf%C3%A9/*"},
        {"/ord%65r/7", "/ord%65r/*"},
        {"/x/0f8fad5b-d9cb-469f-a165-70867728950e", "/x/*"},
        {"/x/0f8fad5b-d9cb-469f-a165-70867728950", "/x/0f8fad5b-d9cb-469f-a165-70867728950"},
        {"/x/deadbeefdeadbee1", "/x/*"},
        {"/x/deadbeefdeadbeef", "/x/*"},
        {"/x/deadbeefdeadbee", "/x/deadbeefdeadbee"},
        {"/x/me@example.com/y", "/x/*/y"},
        {"/x/me%40example.com", "/x/*"},
        {"/x/123456", "/x/*"},
        {"/2026/11/25/a", "/2026/11/25/a"},
        {"/p;jsessionid=1A2B", "/p"},
        {"/p;jsessionid=1A2B;v=2/q", "/p;v=2/q"},
        {"/p;v=2", "/p;v=2"},
        {"/;token=1", "/"},
        {"//a//", "//a//"},
    };
    assert_masked(cases, COUNT(cases));
}

/* What a server may take for a path that a pattern holds for. */
static void test_spellings_of_paths(void **state)
{
    static const struct path_case cases[] = {
        {"/order//7788990", "/order//*"},
        {"//order/7788990", "//order/*"},
        {"///order///7788990//items/", "///order///*//items/"},
        {"/order%2F7788990", "/order%2F*"},
        {"/order%2f7788990/items", "/order%2f*/items"},
        {"/order\\7788990", "/order\\*"},
        {"/order%5C7788990", "/order%5C*"},
        {"/order/77%2F88990", "/order/*"},
        {"/order/77%252F88990", "/order/*"},
        {"/order/./7788990", "/order/./*"},
        {"/order/%2e/7788990", "/order/%2e/*"},
        {"/order/.%2F7788990", "/order/*"},
        {"/./order/7788990", "/./order/*"},
        {"/order/x/../7788990", "/order/*/../*"},
        {"/x/../order/7788990", "/x/../order/*"},
        {"/x/%2E%2e/order/7788990", "/x/%2E%2e/order/*"},
        {"/../order/7788990", "/../order/*"},
        {"/x/..", "/x/.."},
        {"/order/7788990/..", "/order/*/.."},
        {"/order;v=1/7788990", "/order;v=1/*"},
        {"/inv-7.pdf;v=1", "/inv-*.pdf"},
        {"/inv-7.pdf%3Fv=1", "/inv-*.pdf"},
        {"/inv-7%2Epdf", "/inv-*.pdf"},
        {"/x/%31%32%33%34%35%36", "/x/*"},
        {"/x/%2531%32%33%34%35%36", "/x/*"},
        {"/x%2F123456", "/x%2F*"},
        {"/x%2F123456%2Fy;token=1", "/x%2F*%2Fy"},
        {"/x/123456;v=2", "/x/*"},
        {"/x/123456&fbclid=1", "/x/*"},
        {"/x/12345;v=123456", "/x/12345;v=123456"},
        {"/x/me%2540example.com", "/x/*"},
        {"/x/me@ex%C3%A4mple.com", "/x/*"},
    };
    assert_masked(cases, COUNT(cases));
}

/* Secrets where a path was written as a query. */
static void test_parameters_in_paths(void **state)
{
    static const struct {
        const char *path, *left;
    } cases[] = {
        {"/a;jsessionid=S/b;v=1", "/a/b;v=1"},
        {"/a%3Bjsessionid=S", "/a"},
        {"/a%3bjsessionid%3DS/b", "/a/b"},
        {"/a%253Bjsessionid%253DS", "/a"},
        {"/page&fbclid=S", "/page"},
        {"/page&gclid=S&x=1", "/page&x=1"},
        {"/page%26gclid=S", "/page"},
        {"/page%3Ftoken%3DS", "/page"},
        {"/page%3Ftoken%3DS%26a%3D1", "/page%3Fa%3D1"},
        {"/page%3Fa%3D1%26token%3DS", "/page%3Fa%3D1"},
        {"/page%253Fcode%253DS", "/page"},
        {"/page%3Fnext%3D%2Fa%3FpasswordConfirm%3DS", "/page%3Fnext%3D%2Fa"},
        {"/page%3Ftoken%3Dab%2Fcd", "/page"},
        {"/cb%23access_token=S", "/cb"},
        {"/a;x=a%40x.de", "/a"},
        {"/p;sid=1;", "/p;"},
        {"/a;b;c=1", "/a;b;c=1"},
        {"/Q%26A-session", "/Q%26A-session"},
        {"/AT%26T", "/AT%26T"},
        {"/C%23_code", "/C%23_code"},
        {"/forgot-password%3F", "/forgot-password%3F"},
        {"/token=x", "/token=x"},
        {"/a%3Bpage=2", "/a%3Bpage=2"},
        {"/100%25", "/100%25"},
        {"/%", "/%"},
        {"/a%2", "/a%2"},
        {"/a%252", "/a%252"},
    };
    struct privacy p;
    struct sent s;

    privacy_defaults(&p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char referrer[200], left[200];
        snprintf(referrer, sizeof(referrer), "https://h%s", cases[i].path);
        snprintf(left, sizeof(left), "https://h%s", cases[i].left);
        apply(&s, &p, cases[i].path, NULL, referrer);
        assert_text(cases[i].path, s.out.path, cases[i].left);
        assert_text(cases[i].path, s.out.referrer, left);
        forget(&s);
    }
    /* The log has what no browser sends. */
    apply(&s, &p, "/cb#access_token=S", NULL, NULL);
    assert_text("fragment", s.out.path, "/cb");
    forget(&s);
}

/* Segments that are none count for nothing, however many; of many others none is written beyond. */
static void test_many_segments(void **state)
{
    static const struct str masks[] = {{"/*/*/*/*", 8}, {"/order/*", 8}};
    struct privacy p = {.path_mask = {masks, 2}};
    char path[2000];
    struct buf text;
    struct sent s;

    snprintf(path, sizeof(path), "%0300d/order/7788990", 0);
    memset(path, '/', 300);
    apply(&s, &p, path, NULL, NULL);
    assert_true(str_ends(s.out.path, STR("//order/*")));
    forget(&s);
    buf_init(&text, sizeof(path));
    for (int i = 0; i < 200; i++)
        buf_lit(&text, "/a%2Fb/..");
    apply(&s, &p, buf_cstr(&text), NULL, NULL);
    assert_true(str_starts(s.out.path, STR("/*/*/*/*/*%2Fb/../*%2Fb/../a%2Fb/..")));
    forget(&s);
    buf_release(&text);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *ip, *full, *truncated;
    } cases[] = {
        {"192.0.2.77", "192.0.2.77", "192.0.2.0"},
        {"::ffff:192.0.2.77", "::ffff:192.0.2.77", "192.0.2.0"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
        {"fe80::1%eth0", "fe80::1", "fe80::"},
        {"::1", "::1", "::"},
        {"unix:", NULL, NULL},
        {"host.example.com", NULL, NULL},
        {"-", NULL, NULL},
        {"", NULL, NULL},
        {NULL, NULL, NULL},
    };
    char text[PRIVACY_ADDRESS_TEXT];

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str ip = cases[i].ip ? str_of(cases[i].ip) : STR_NONE;
        struct privacy p = {.address = PRIVACY_ADDRESS_FULL};
        assert_text(cases[i].ip, privacy_visitor_ip(&p, ip, text), cases[i].full);
        p.address = PRIVACY_ADDRESS_TRUNCATED;
        assert_text(cases[i].ip, privacy_visitor_ip(&p, ip, text), cases[i].truncated);
        p.address = PRIVACY_ADDRESS_NONE;
        assert_text(cases[i].ip, privacy_visitor_ip(&p, ip, text), NULL);
    }
}

/* Any bytes: never longer than before, and applied twice it is the same as once. */
static void test_any_bytes(void **state)
{
    static const char *const pieces[] = {
        "/", "?",   "&", ";", "=", "token", "%74", "%",    "@",   ":",   "//",  "*",   "#",     "a",
        ".", "sid", "[", "]", "+", "%40",   "/./", "/../", "%2F", "%25", "%3B", "%3D", "123456"};
    static const struct str masks[] = {{"/*/a*", 5}, {"/a*/", 4}};
    struct privacy p = {.path_mask = {masks, 2}, .mask = 15};
    uint32_t seed = 1;

    for (int round = 0; round < 20000; round++) {
        char text[3][64] = {"/", "", "https://h/"};
        for (int k = 0; k < 3; k++)
            for (seed = seed * 1664525 + 1013904223; (seed >> 28) != 0 && strlen(text[k]) < 50;
                 seed = seed * 1664525 + 1013904223)
                strncat(text[k], pieces[(seed >> 16) % COUNT(pieces)], 8);
        struct sent s, again;
        p.query = round % 2 ? PRIVACY_QUERY_NO_SECRETS : PRIVACY_QUERY_ALLOW;
        apply(&s, &p, text[0], text[1], text[2]);
        assert_true(s.out.path.n <= s.in.path.n && s.out.query.n <= s.in.query.n &&
                    s.out.referrer.n <= s.in.referrer.n);
        again = (struct sent){.in = s.out, .out = s.out};
        buf_init(&again.scratch, 1024);
        assert_true(privacy_apply(&p, &again.out, &again.scratch));
        if (!str_eq(again.out.path, s.out.path) || !str_eq(again.out.query, s.out.query) ||
            !str_eq(again.out.referrer, s.out.referrer))
            fail_msg("not the same twice: %s ? %s, %s", text[0], text[1], text[2]);
        buf_release(&again.scratch);
        forget(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_kinds_of_query),
        cmocka_unit_test(test_referrers),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_spellings_of_paths),
        cmocka_unit_test(test_parameters_in_paths),
        cmocka_unit_test(test_many_segments),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
