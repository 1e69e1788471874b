/*
 * test_url.c - URLs, hosts, query values and UUIDs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/url.h"
#include "server/uuid.h"

static void test_split(void **state)
{
    static const struct {
        const char *text, *host, *path, *query; /* host NULL: refused */
    } cases[] = {
        {"https://example.com/a?b=c#d", "example.com", "/a", "b=c"},
        {"HTTP://Example.com", "Example.com", "/", NULL},
        {"https://example.com?x", "example.com", "/", "x"},
        {"https://example.com/?", "example.com", "/", ""},
        {"https://u:p@example.com:8443/a", "example.com", "/a", NULL},
        {"https://[2001:db8::1]:443/a", "[2001:db8::1]", "/a", NULL},
        {"https://example.com/a@b:c", "example.com", "/a@b:c", NULL},
        {"https://example.com#f?x", "example.com", "/", NULL},
        {"https:///a", NULL, NULL, NULL},
        {"https://", NULL, NULL, NULL},
        {"https://:80/", NULL, NULL, NULL},
        {"https://a b/", NULL, NULL, NULL},
        {"ftp://example.com/", NULL, NULL, NULL},
        {"//example.com/", NULL, NULL, NULL},
        {"/a", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* An exact copy on the heap, so that a read past the end is seen. */
        size_t n = strlen(cases[i].text);
        char *copy = malloc(n + 1);
        struct url url;
        memcpy(copy, cases[i].text, n);
        bool split = url_split((struct str){copy, n}, &url);
        if (split != (cases[i].host != NULL) ||
            (split && (!str_eq(url.host, str_of(cases[i].host)) ||
                       !str_eq(url.path, str_of(cases[i].path)) ||
                       str_is_set(url.query) != (cases[i].query != NULL) ||
                       !str_eq(url.query, str_of(cases[i].query)))))
            fail_msg("%s", cases[i].text);
        free(copy);
    }
}

static void test_query(void **state)
{
    static const struct {
        const char *query, *value; /* value NULL: none */
    } cases[] = {
        {"utm_term=a", "a"},     {"x=1&utm_term=a+b%20c%C3%A9&utm_term=z", "a b c\xc3\xa9"},
        {"utm_term=%20+", NULL}, {"utm_term", NULL},
        {"utm_term=", NULL},     {"utm_terms=a", NULL},
        {"xutm_term=a", NULL},   {"utm_term=100%", NULL},
        {"utm_term=%4", NULL},   {"utm_term=%zz", NULL},
        {"&&utm_term=q&", "q"},  {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;
        struct str value = STR_NONE;
        buf_init(&out, 100);
        bool found = query_value(str_of(cases[i].query), STR("utm_term"), &out, &value);
        if (found != (cases[i].value != NULL) || (found && !str_eq(value, str_of(cases[i].value))))
            fail_msg("%s", cases[i].query);
        buf_release(&out);
    }
}

static void test_uuid(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", true},
        {"0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0", true},
        {"urn:uuid:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", true},
        {"{0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}", true},
        {"0f1e2d3c4b5a69788796a5b4c3d2e1f0", true},
        {"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f", false},
        {"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1fg", false},
        {"0f1e2d3c_4b5a-6978-8796-a5b4c3d2e1f0", false},
        {"(0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0)", true}, /* google/uuid does not look */
        {"{{0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char uuid[16];
        char text[UUID_TEXT + 1];
        if (uuid_parse(str_of(cases[i].text), uuid) != cases[i].valid)
            fail_msg("%s", cases[i].text);
        if (!cases[i].valid)
            continue;
        uuid_format(uuid, text);
        assert_string_equal(text, cases[0].text);
    }
    unsigned char a[16], b[16];
    assert_int_equal(uuid_generate(a), 0);
    assert_int_equal(uuid_generate(b), 0);
    assert_memory_not_equal(a, b, 16);
    assert_int_equal(a[6] >> 4, 4);
    assert_int_equal(a[8] >> 6, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
