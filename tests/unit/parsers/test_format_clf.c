/* A mixture of Common Log Formats: which of them a line is read as. */
#include "tests/unit/parsers/format_fixture.h"

#define REST "[03/Nov/2026:00:10:24 +0000] \"GET /docs/?v=2 HTTP/1.1\" 200 6329"
#define AGENT REST BROWSER
#define BROWSER " \"https://a.example/\" \"a \\\"b\\\" \\x22c\\x22\""

static void members(void **state)
{
    static const struct {
        const char *line, *host, *client, *user, *forwarded;
        bool agent;
    } cases[] = {
        {"203.0.113.20 - - " REST, NULL, "203.0.113.20", NULL, NULL, false},
        {"203.0.113.20 - anna " AGENT, NULL, "203.0.113.20", "anna", NULL, true},
        {"www.example.com 2001:db8::7 - - " AGENT, "www.example.com", "2001:db8::7", NULL, NULL,
         true},
        {"www.example.com:443 203.0.113.20 - - " AGENT, "www.example.com", "203.0.113.20", NULL,
         NULL, true},
        {"www.example.com 203.0.113.20 - - " REST, "www.example.com", "203.0.113.20", NULL, NULL,
         false},
        {"203.0.113.20 - - " AGENT " \"192.0.2.7\"", NULL, "203.0.113.20", NULL, "192.0.2.7", true},
        {"a.example 203.0.113.20 - - " AGENT " \"192.0.2.7\"", "a.example", "203.0.113.20", NULL,
         "192.0.2.7", true},
        {"203.0.113.20 - - " AGENT " X-Forwarded-For=\"-\"", NULL, "203.0.113.20", NULL, NULL,
         true},
        {"203.0.113.20 \"-\" \"-\" " AGENT, NULL, "203.0.113.20", NULL, NULL, true},
        {"203.0.113.20 - Anna Lee " AGENT, NULL, "203.0.113.20", "Anna Lee", NULL, true},
        /* with columns that nobody knows */
        {"203.0.113.20 - - " AGENT " \"-\" some more", NULL, "203.0.113.20", NULL, NULL, true},
        {"203.0.113.20 - - " REST " 192.0.2.1 + 400" BROWSER " X-Forwarded-For=\"192.0.2.7\"", NULL,
         "203.0.113.20", NULL, NULL, true},
        {"203.0.113.20 - - " REST " 0.202" BROWSER, NULL, "203.0.113.20", NULL, NULL, true},
        {"www.example.com 203.0.113.20 - - " AGENT " TCP_MISS:HIER_DIRECT", "www.example.com",
         "203.0.113.20", NULL, NULL, true},
        {"www.example.com:443 203.0.113.20 - - " AGENT " 12", "www.example.com", "203.0.113.20",
         NULL, NULL, true},
        {"203.0.113.20 - - " REST
         " - \"a \\\"b\\\" \\x22c\\x22\" 13 \"web\" \"http://192.0.2.7\" 2ms",
         NULL, "203.0.113.20", NULL, NULL, true},
        {"203.0.113.20 - - " REST " ms:1234", NULL, "203.0.113.20", NULL, NULL, false},
        {"203.0.113.20 - - " REST " \"-\" \"Mozilla/5.0 (X11", NULL, "203.0.113.20", NULL, NULL,
         false},
    };
    struct fixture x;
    (void)state;

    fixture_open(&x, STR("clf"), NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(fixture_parse(&x, str_of(cases[i].line)), PARSE_OK);
        assert_text(x.hit.host, cases[i].host);
        assert_text(x.hit.client_ip, cases[i].client);
        assert_text(x.hit.remote_user, cases[i].user);
        assert_text(x.hit.forwarded_for, cases[i].forwarded);
        assert_text(x.hit.user_agent, cases[i].agent ? "a \"b\" \"c\"" : NULL);
        assert_text(x.hit.path, "/docs/");
        assert_int_equal(x.hit.status, 200);
    }
    fixture_close(&x);
}

static void other_lines(void **state)
{
    struct fixture x;
    size_t column;
    (void)state;

    fixture_open(&x, STR("clf"), NULL);
    assert_int_equal(fixture_parse(&x, STR("203.0.113.20 [03/Nov/2026 -")), PARSE_BAD);
    assert_non_null(strstr(parser_error(x.parser, &column), "expected"));
    assert_int_equal(fixture_parse(&x, STR("\"203.0.113.20 - - " AGENT " \"a.example\"\"")),
                     PARSE_BAD);
    assert_non_null(strstr(parser_error(x.parser, &column), "quote"));
    assert_int_equal(fixture_parse(&x, STR("# the first day")), PARSE_DIRECTIVE);
    assert_int_equal(fixture_parse(&x, STR("#1.example 203.0.113.20 - - " REST)), PARSE_OK);
    assert_null(
        hit_parse_changes(x.parser, STR("a.example 203.0.113.20 - - " AGENT " \"192.0.2.7\"")));
    fixture_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),
        cmocka_unit_test(other_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
