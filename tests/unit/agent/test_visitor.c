/* A visitor without an address: the same for one, another for the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/visitor.h"

#define DAY INT64_C(86400000)

static void test_sessions(void **state)
{
    static const struct {
        struct hit hit;
        const char *site;
        bool same;
    } cases[] = {
        {{.time_ms = 1, .client_ip = {"192.0.2.1", 9}, .user_agent = {"U", 1}}, "a.example", true},
        {{.time_ms = DAY - 1, .client_ip = {"192.0.2.1", 9}, .user_agent = {"U", 1}},
         "a.example",
         true},
        {{.time_ms = 5, .client_ip = {"::ffff:192.0.2.1", 16}, .user_agent = {"U", 1}},
         "a.example",
         true},
        {{.time_ms = DAY, .client_ip = {"192.0.2.1", 9}, .user_agent = {"U", 1}},
         "a.example",
         false},
        {{.time_ms = 1, .client_ip = {"192.0.2.2", 9}, .user_agent = {"U", 1}}, "a.example", false},
        {{.time_ms = 1, .client_ip = {"192.0.2.1", 9}, .user_agent = {"V", 1}}, "a.example", false},
        {{.time_ms = 1, .client_ip = {"192.0.2.1", 9}, .user_agent = {"U", 1}}, "b.example", false},
        {{.time_ms = 1, .client_ip = {"unix:", 5}, .user_agent = {"U", 1}}, "a.example", false},
        {{.time_ms = 1, .user_agent = {"U", 1}}, "a.example", false},
    };
    char first[VISITOR_SESSION_TEXT] = "", text[VISITOR_SESSION_TEXT] = "";

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str s = visitor_session(&cases[i].hit, str_of(cases[i].site), i ? text : first);
        assert_int_equal(s.n, 36);
        for (size_t k = 0; k < s.n; k++) {
            bool dash = k == 8 || k == 13 || k == 18 || k == 23;
            assert_true(dash ? s.p[k] == '-' : hex_value(s.p[k]) >= 0);
        }
        if (i > 0)
            assert_int_equal(strcmp(first, text) == 0, cases[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sessions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
