/* What people's requests are made of: where they come from, the cookie, the logins, strict JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/api_json.h"
#include "server/cookie.h"
#include "server/logins.h"
#include "server/origin.h"

/* ---- origin: requests are faked, http_header is ours --------------------------------------- */

struct fields {
    struct http_request req; /* first */
    const char *site, *origin, *host;
};

static const char *field_of(const struct http_request *req, struct str name)
{
    const struct fields *f = (const struct fields *)req;
    return str_eq(name, STR("sec-fetch-site")) ? f->site
           : str_eq(name, STR("origin"))       ? f->origin
                                               : f->host;
}

struct str http_header(const struct http_request *req, struct str name)
{
    const char *text = field_of(req, name);
    return text ? str_of(text) : STR_NONE;
}

static void test_origin(void **state)
{
    static const struct {
        const char *name, *method, *site, *origin, *host, *public_url;
        bool admitted;
    } rows[] = {
        {"no browser", "POST", NULL, NULL, "a.example", NULL, true},
        {"reading", "GET", "cross-site", "https://evil.example", "a.example", NULL, true},
        {"same origin", "POST", "same-origin", "https://a.example", "a.example", NULL, true},
        {"typed", "DELETE", "none", NULL, "a.example", NULL, true},
        {"cross site", "POST", "cross-site", NULL, "a.example", NULL, false},
        {"cross site, Host's name", "POST", "cross-site", "https://a.example", "a.example", NULL,
         false},
        {"same site", "PUT", "same-site", "https://b.a.example", "a.example", NULL, false},
        {"old browser, own page", "POST", NULL, "https://a.example", "a.example", NULL, true},
        {"its port", "POST", NULL, "http://127.0.0.1:8080", "127.0.0.1:8080", NULL, true},
        {"the usual port", "POST", NULL, "https://a.example", "a.example:443", NULL, true},
        {"another port", "POST", NULL, "http://a.example:81", "a.example", NULL, false},
        {"foreign page", "POST", NULL, "https://evil.example", "a.example", NULL, false},
        {"null", "POST", NULL, "null", "a.example", NULL, false},
        {"empty", "POST", NULL, "", "a.example", NULL, false},
        {"public", "POST", "cross-site", "https://stats.example", "127.0.0.1:8080",
         "https://Stats.Example/", true},
        {"public, with port", "POST", NULL, "https://stats.example:443", "backend",
         "https://stats.example", true},
        {"public, other scheme", "POST", NULL, "http://stats.example", "backend",
         "https://stats.example", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fields f = {.req = {.method = str_of(rows[i].method)},
                           .site = rows[i].site,
                           .origin = rows[i].origin,
                           .host = rows[i].host};
        struct str url = rows[i].public_url ? str_of(rows[i].public_url) : STR_NONE;
        if (origin_admits(&f.req, url) != rows[i].admitted)
            fail_msg("%s: %s", rows[i].name, rows[i].admitted ? "refused" : "admitted");
    }
}

/* ---- cookie -------------------------------------------------------------------------------- */

static void test_cookie(void **state)
{
    static const struct {
        const char *field, *value; /* NULL: none */
    } rows[] = {
        {"hk_token=abc", "abc"},
        {"a=b; hk_token=abc; c=d", "abc"},
        {"a=b;hk_token=abc", "abc"},
        {" hk_token=a=b ; x", "a=b"},
        {"hk_token=first; hk_token=second", "first"},
        {"xhk_token=abc", NULL},
        {"HK_TOKEN=abc", NULL},
        {"hk_token", NULL},
        {"hk_token=", NULL},
        {";;; ; =; hk_token=z", "z"},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str got = cookie_value(str_of(rows[i].field), STR(COOKIE_NAME));
        if (!rows[i].value ? str_is_set(got) : !str_eq(got, str_of(rows[i].value)))
            fail_msg("%s: %.*s", rows[i].field, (int)got.n, got.n ? got.p : "");
    }
    assert_false(str_is_set(cookie_value(STR_NONE, STR(COOKIE_NAME))));
}

static void test_set_cookie(void **state)
{
    struct buf out;
    buf_init(&out, 1000);
    cookie_put(&out, STR("abc"), true);
    assert_string_equal(buf_cstr(&out), "Set-Cookie: hk_token=abc; Path=/; Max-Age=2592000; "
                                        "HttpOnly; SameSite=Lax; Secure\r\n");
    buf_reset(&out);
    cookie_put_none(&out, false);
    assert_string_equal(buf_cstr(&out),
                        "Set-Cookie: hk_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax\r\n");
    buf_release(&out);
}

/* ---- logins -------------------------------------------------------------------------------- */

static struct str name_of(unsigned i)
{
    static char text[16];
    return (struct str){text, (size_t)snprintf(text, sizeof(text), "t%u", i)};
}

static void add(struct logins *l, unsigned i, int64_t user, int64_t now_ms, int64_t expires_ms)
{
    struct login login = {
        .user = user, .created_ms = now_ms, .used_ms = now_ms, .expires_ms = expires_ms};
    assert_int_equal(sha256(name_of(i), login.hash), 0);
    assert_int_equal(logins_add(l, &login), 0);
}

static void test_logins(void **state)
{
    struct logins *l = logins_new();
    add(l, 1, 7, 1000, 1000000);
    add(l, 2, 8, 1000, INT64_MAX);
    const struct login *found = logins_find(l, name_of(1), 2000);
    assert_non_null(found);
    assert_int_equal(found->user, 7);
    assert_null(logins_find(l, name_of(3), 2000));
    assert_null(logins_find(l, STR(""), 2000));
    assert_non_null(logins_find(l, name_of(1), 1000000));
    assert_null(logins_find(l, name_of(1), 1000001));
    assert_null(logins_find(l, name_of(1), 2000)); /* it has ended for good */
    assert_non_null(logins_find(l, name_of(2), 1000 + LOGIN_IDLE_MS));
    assert_non_null(logins_find(l, name_of(2), 1000 + 2 * LOGIN_IDLE_MS)); /* used in between */
    assert_null(logins_find(l, name_of(2), 1001 + 3 * LOGIN_IDLE_MS));
    add(l, 4, 7, 5000, INT64_MAX);
    unsigned char hash[TOKEN_HASH_BYTES];
    assert_int_equal(sha256(name_of(4), hash), 0);
    logins_drop(l, hash);
    logins_drop(l, hash);
    assert_null(logins_find(l, name_of(4), 5000));
    logins_free(l);
}

static void test_logins_of_one(void **state)
{
    struct logins *l = logins_new();
    add(l, 1000, 8, 1, INT64_MAX);
    for (unsigned i = 0; i <= LOGINS_OF_ONE; i++)
        add(l, i, 7, 10 + i, INT64_MAX);
    assert_null(logins_find(l, name_of(0), 100));
    for (unsigned i = 1; i <= LOGINS_OF_ONE; i++)
        assert_non_null(logins_find(l, name_of(i), 100));
    assert_non_null(logins_find(l, name_of(1000), 100));
    logins_free(l);
}

/* ---- strict JSON --------------------------------------------------------------------------- */

struct body {
    struct str name, list;
    int64_t n;
    bool on;
};

static const struct api_field fields[] = {
    {STR_INIT("name"), API_TEXT, offsetof(struct body, name)},
    {STR_INIT("list"), API_ARRAY, offsetof(struct body, list)},
    {STR_INIT("n"), API_INTEGER, offsetof(struct body, n)},
    {STR_INIT("on"), API_BOOL, offsetof(struct body, on)},
};

static bool read_strict(const char *text, struct body *to, uint32_t *given)
{
    struct buf scratch;
    buf_init(&scratch, 1 << 16);
    *to = (struct body){0};
    bool good = api_json_read_strict(str_of(text), fields, COUNT_OF(fields), to, &scratch, given);
    to->name = STR_NONE; /* it may stand in scratch */
    buf_release(&scratch);
    return good;
}

static void test_strict(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t given;
    } rows[] = {
        {"{}", true, 0},
        {" {\"name\":\"a\"} \n", true, 1},
        {"{\"name\":\"a\",\"list\":[1,[2],{}],\"n\":3,\"on\":true}", true, 15},
        {"{\"name\":null,\"list\":null,\"n\":2}", true, 4},
        {"{\"name\":null,\"name\":\"a\"}", false, 0},
        {"{\"Name\":\"a\"}", true, 1},
        {"{\"name\":\"a\",\"name\":\"b\"}", false, 0},
        {"{\"name\":\"a\",\"NAME\":\"b\"}", false, 0},
        {"{\"other\":1}", false, 0},
        {"{\"name\":\"a\"}x", false, 0},
        {"{\"name\":\"a\"}{}", false, 0},
        {"{\"name\":1}", false, 0},
        {"{\"list\":{}}", false, 0},
        {"{\"list\":[1}", false, 0},
        {"{\"n\":1.5}", false, 0},
        {"{\"name\":\"\xff\"}", false, 0},
        {"{\"name\":\"\\ud800\"}", false, 0},
        {"[]", false, 0},
        {" null ", true, 0},
        {"null,", false, 0},
        {"{", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct body body;
        uint32_t given = 0;
        bool good = read_strict(rows[i].text, &body, &given);
        if (good != rows[i].good || (good && given != rows[i].given))
            fail_msg("%s: %d, %x", rows[i].text, good, (unsigned)given);
    }
}

static void test_array(void **state)
{
    struct body body;
    uint32_t given;
    assert_true(read_strict("{\"n\":1,\"list\": [{\"a\":\"]\"},2] ,\"on\":false}", &body, &given));
    assert_true(str_eq(body.list, STR("[{\"a\":\"]\"},2]")));
    assert_int_equal(body.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origin),        cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_set_cookie),    cmocka_unit_test(test_logins),
        cmocka_unit_test(test_logins_of_one), cmocka_unit_test(test_strict),
        cmocka_unit_test(test_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
