/* test_exclusions.c - what is a value of each kind, whom it is for, what it fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/exclusions.h"
#include "server/rights.h"

static void values(void **state)
{
    static const struct {
        enum exclusion_kind kind;
        const char *value, *clean; /* NULL: refused */
    } cases[] = {
        {EXCLUSION_IP, " 198.51.100.0/24 ", "198.51.100.0/24"},
        {EXCLUSION_IP, "198.51.100.77/24", "198.51.100.0/24"},
        {EXCLUSION_IP, "198.51.100.77/31", "198.51.100.76/31"},
        {EXCLUSION_IP, "198.51.100.77", "198.51.100.77/32"},
        {EXCLUSION_IP, "203.0.113.9/0", "0.0.0.0/0"},
        {EXCLUSION_IP, "2001:DB8::1", "2001:db8::1/128"},
        {EXCLUSION_IP, "2001:db8:1:2::/33", "2001:db8::/33"},
        {EXCLUSION_IP, "::ffff:198.51.100.77", "198.51.100.77/32"},
        {EXCLUSION_IP, "2001:db8::1/0", "::/0"},
        {EXCLUSION_IP, "198.51.100.0/33", NULL},
        {EXCLUSION_IP, "example.com", NULL},
        {EXCLUSION_IP, "", NULL},
        {EXCLUSION_COUNTRY, "de", "DE"},
        {EXCLUSION_COUNTRY, "D", NULL},
        {EXCLUSION_COUNTRY, "D1", NULL},
        {EXCLUSION_COUNTRY, "DEU", NULL},
        {EXCLUSION_USER_AGENT, "our Synthetic", "our Synthetic"},
        {EXCLUSION_USER_AGENT, " ", NULL},
        {EXCLUSION_USER_AGENT, "a\nb", NULL},
        {EXCLUSION_PATH, "/a b", "/a%20b"},
        {EXCLUSION_PATH, "/\xc3\xa4%2f", "/%C3%A4"},
        {EXCLUSION_PATH, "/a%2fb", "/a%2fb"},
        {EXCLUSION_PATH, "admin", "/admin"},
        {EXCLUSION_PATH, "/", "/"},
        {EXCLUSION_PATH, " /admin//users/../ ", "/admin"},
        {EXCLUSION_PATH, "/./../..", "/"},
        {EXCLUSION_PATH, "/a/b/../../../c/.", "/c"},
        {EXCLUSION_PATH, "/...", "/..."},
        {EXCLUSION_PATH, "/a?q=1#top", "/a"},
        {EXCLUSION_PATH, "https://example.test/docs/?q=1#top", "/docs"},
        {EXCLUSION_PATH, "https://example.test", "/"},
        {EXCLUSION_PATH, "//example.test/x", "/x"},
        {EXCLUSION_PATH, " ?q=1 ", NULL},
        {EXCLUSION_PATH, "mailto:x", NULL},
        {EXCLUSION_PATH, "1:b", NULL},
        {EXCLUSION_PATH, "https://exa mple/x", NULL},
        {EXCLUSION_PATH, "/%zz", NULL},
        {EXCLUSION_PATH, "/a\x01", NULL},
        {EXCLUSION_PATH, "", NULL},
    };
    struct buf out;
    buf_init(&out, EXCLUSION_VALUE_MAX);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *why = "";
        bool good = exclusion_clean(cases[i].kind, str_of(cases[i].value), &out, &why);
        if (good != (cases[i].clean != NULL) || good != (why == NULL))
            fail_msg("%s", cases[i].value);
        if (good)
            assert_string_equal(buf_cstr(&out), cases[i].clean);
    }
    char text[EXCLUSION_VALUE_MAX + 2];
    memset(text, 'a', sizeof(text));
    const char *why = "";
    assert_true(
        exclusion_clean(EXCLUSION_USER_AGENT, (struct str){text, EXCLUSION_VALUE_MAX}, &out, &why));
    assert_false(exclusion_clean(EXCLUSION_USER_AGENT, (struct str){text, EXCLUSION_VALUE_MAX + 1},
                                 &out, &why));
    buf_release(&out);
    for (int i = 0; i < EXCLUSION_KINDS; i++) {
        enum exclusion_kind kind;
        assert_true(
            exclusion_kind_parse(str_of(exclusion_kind_name((enum exclusion_kind)i)), &kind));
        assert_int_equal(kind, i);
    }
}

struct fit {
    const char *name;
    struct exclusion e;
    bool one, two; /* does it fit the subject on site 1 of team 1, on site 2 of team 2? */
};

static void scopes_and_kinds(void **state)
{
    static const struct fit cases[] = {
        {"everywhere", {.kind = EXCLUSION_PATH, .value = STR_INIT("/a")}, true, true},
        {"site", {.kind = EXCLUSION_PATH, .site = 1, .value = STR_INIT("/a")}, true, false},
        {"team", {.kind = EXCLUSION_PATH, .team = 2, .value = STR_INIT("/a")}, false, true},
        {"path below", {.kind = EXCLUSION_PATH, .value = STR_INIT("/a/b")}, true, true},
        {"the whole path", {.kind = EXCLUSION_PATH, .value = STR_INIT("/a/b/c")}, true, true},
        {"half a segment", {.kind = EXCLUSION_PATH, .value = STR_INIT("/a/b/")}, true, true},
        {"all paths", {.kind = EXCLUSION_PATH, .value = STR_INIT("/")}, true, true},
        {"as it was stored once", {.kind = EXCLUSION_PATH, .value = STR_INIT("/a/b/")}, true, true},
        {"not a prefix", {.kind = EXCLUSION_PATH, .value = STR_INIT("/a/bc")}, false, false},
        {"too short", {.kind = EXCLUSION_PATH, .value = STR_INIT("/a/b/c/d")}, false, false},
        {"address", {.kind = EXCLUSION_IP, .value = STR_INIT("192.0.2.1")}, true, true},
        {"network", {.kind = EXCLUSION_IP, .value = STR_INIT("192.0.0.0/16")}, true, true},
        {"another one", {.kind = EXCLUSION_IP, .value = STR_INIT("192.0.3.0/24")}, false, false},
        {"country", {.kind = EXCLUSION_COUNTRY, .value = STR_INIT("DE")}, true, true},
        {"another country", {.kind = EXCLUSION_COUNTRY, .value = STR_INIT("AT")}, false, false},
        {"agent", {.kind = EXCLUSION_USER_AGENT, .value = STR_INIT("UPTIME")}, true, true},
        {"no agent", {.kind = EXCLUSION_USER_AGENT, .value = STR_INIT("uptimes")}, false, false},
        {"no value", {.kind = EXCLUSION_IP, .value = STR_INIT("x")}, false, false},
    };
    struct site sites[] = {{.id = 1, .team = 1}, {.id = 2, .team = 2}};
    unsigned char address[16];
    assert_true(address_parse(STR("192.0.2.1"), address));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct exclusions *x = exclusions_new();
        assert_int_equal(exclusions_add(x, &cases[i].e), 0);
        for (size_t k = 0; k < 2; k++) {
            struct filter_subject s = {.address = address,
                                       .country = STR("DE"),
                                       .user_agent = STR("My uptime/1"),
                                       .path = STR("/a/b/c?d"),
                                       .site = &sites[k]};
            if (exclusions_match(x, &s) != (k == 0 ? cases[i].one : cases[i].two))
                fail_msg("%s, site %zu", cases[i].name, k + 1);
        }
        struct filter_subject nothing = {.site = NULL};
        assert_false(exclusions_match(x, &nothing));
        exclusions_free(x);
    }
    assert_false(exclusions_match(NULL, &(struct filter_subject){.path = STR("/a")}));
}

/* A path is compared in one spelling. */
static void spellings(void **state)
{
    static const struct {
        const char *path;
        bool fits;
    } cases[] = {
        {"/admin", true},      {"/admin/", true},    {"/admin/users", true},
        {"/admin?a", true},    {"/admin#a", true},   {"/admin//users/../settings/?tab=1#top", true},
        {"/x/../admin", true}, {"//admin/x", true},  {"/administrator", false},
        {"/Admin", false},     {"/admin/..", false}, {"/x?/admin", false},
        {"/", false},          {"", false},          {"/admin/%zz", true},
    };
    struct exclusions *x = exclusions_new();
    const struct exclusion e = {.kind = EXCLUSION_PATH, .value = STR("/admin")};
    assert_int_equal(exclusions_add(x, &e), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filter_subject s = {.path = str_of(cases[i].path)};
        if (exclusions_match(x, &s) != cases[i].fits)
            fail_msg("%s", cases[i].path);
    }
    exclusions_free(x);
    x = exclusions_new();
    assert_int_equal(
        exclusions_add(x, &(struct exclusion){.kind = EXCLUSION_PATH, .value = STR("/%C3%A4")}), 0);
    assert_true(exclusions_match(x, &(struct filter_subject){.path = STR("/\xc3\xa4/b?c")}));
    exclusions_free(x);
}

static void growing(void **state)
{
    struct exclusions *x = exclusions_new();
    const struct exclusion *list;
    for (unsigned i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof(text), "10.0.0.%u", i);
        assert_int_equal(exclusions_add(x, &(struct exclusion){.id = i, .value = str_of(text)}), 0);
    }
    assert_int_equal(exclusions_list(x, &list), 100);
    assert_string_equal(list[99].value.p, "10.0.0.99");
    unsigned char address[16];
    assert_true(address_parse(STR("10.0.0.99"), address));
    assert_true(exclusions_match(x, &(struct filter_subject){.address = address}));
    assert_true(address_parse(STR("10.0.0.100"), address));
    assert_false(exclusions_match(x, &(struct filter_subject){.address = address}));
    exclusions_free(x);
}

/* For the audit log: no address of one machine, however it was written. */
static void descriptions(void **state)
{
    static const struct {
        enum exclusion_kind kind;
        const char *value, *text;
    } cases[] = {
        {EXCLUSION_COUNTRY, "DE", "u country DE"},
        {EXCLUSION_PATH, "/a b", "u path /a b"},
        {EXCLUSION_USER_AGENT, "our-bot", "u user_agent our-bot"},
        {EXCLUSION_IP, "198.51.100.7", "u ip in 198.51.100.0/24"},
        {EXCLUSION_IP, "198.51.100.7/25", "u ip in 198.51.100.0/24"},
        {EXCLUSION_IP, "198.51.100.7/24", "u ip 198.51.100.0/24"},
        {EXCLUSION_IP, "198.51.100.7/16", "u ip 198.51.100.0/16"},
        {EXCLUSION_IP, "2001:db8:1:2::7", "u ip in 2001:db8:1::/48"},
        {EXCLUSION_IP, "2001:db8:1:2::/32", "u ip 2001:db8:1::/32"},
        {EXCLUSION_IP, "::ffff:198.51.100.7", "u ip in 198.51.100.0/24"},
    };
    struct buf out;
    buf_init(&out, EXCLUSION_VALUE_MAX + 100);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct exclusion e = {
            .uuid_text = "u", .kind = cases[i].kind, .value = str_of(cases[i].value)};
        buf_reset(&out);
        exclusion_describe(&e, &out);
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),  cmocka_unit_test(scopes_and_kinds), cmocka_unit_test(spellings),
        cmocka_unit_test(growing), cmocka_unit_test(descriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
