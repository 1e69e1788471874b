#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "parsers/aho.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define MAX_PATTERNS 12
#define MAX_TEXT 64
#define MAX_HITS 4096

/* A generator of its own, so that a failure comes back with its seed. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static bool boundary(struct str text, size_t at)
{
    return at >= text.n || !ascii_alnum(text.p[at]);
}

/* Every hit by comparing everywhere, in the order that aho_next promises. */
static size_t naive(const struct aho_pattern *patterns, size_t n, struct str text,
                    struct aho_hit *hits)
{
    size_t found = 0;

    for (size_t end = 1; end <= text.n; end++)
        for (size_t length = end; length > 0; length--)
            for (size_t i = 0; i < n; i++) {
                struct str p = patterns[i].text;
                size_t start = end - length;
                if (p.n != length || !str_eq_nocase(p, str_slice(text, start, end)))
                    continue;
                if ((patterns[i].edges & AHO_LEFT) && ascii_alnum(p.p[0]) && start > 0 &&
                    !boundary(text, start - 1))
                    continue;
                if ((patterns[i].edges & AHO_RIGHT) && ascii_alnum(p.p[p.n - 1]) &&
                    !boundary(text, end))
                    continue;
                hits[found++] = (struct aho_hit){i, start, end};
            }
    return found;
}

static void assert_same(const struct aho_pattern *patterns, size_t n, struct str text)
{
    static struct aho_hit want[MAX_HITS];
    size_t n_want = naive(patterns, n, text, want), n_got = 0;
    struct aho *a = aho_new(patterns, n);
    struct aho_cursor cursor = {0};
    struct aho_hit hit;

    assert_non_null(a);
    while (aho_next(a, text, &cursor, &hit)) {
        assert_true(n_got < n_want);
        assert_int_equal(hit.pattern, want[n_got].pattern);
        assert_int_equal(hit.start, want[n_got].start);
        assert_int_equal(hit.end, want[n_got].end);
        n_got++;
    }
    assert_int_equal(n_got, n_want);
    assert_false(aho_next(a, text, &cursor, &hit)); /* the end stays the end */
    aho_free(a);
}

static void random_text(uint32_t *seed, char *out, size_t n)
{
    static const char letters[] = "aAbBc0-_ /";

    for (size_t i = 0; i < n; i++)
        out[i] = letters[next_random(seed) % (sizeof(letters) - 1)];
}

static void test_against_naive(void **state)
{
    for (uint32_t round = 1; round <= 3000; round++) {
        uint32_t seed = round;
        char words[MAX_PATTERNS][6], text[MAX_TEXT];
        struct aho_pattern patterns[MAX_PATTERNS];
        size_t n = 1 + next_random(&seed) % MAX_PATTERNS;
        size_t length = next_random(&seed) % MAX_TEXT;
        for (size_t i = 0; i < n; i++) {
            size_t size = 1 + next_random(&seed) % sizeof(words[i]);
            random_text(&seed, words[i], size);
            patterns[i] = (struct aho_pattern){{words[i], size}, next_random(&seed) % 4};
        }
        random_text(&seed, text, length);
        assert_same(patterns, n, (struct str){text, length});
    }
}

static void test_nested_and_equal(void **state)
{
    static const struct aho_pattern patterns[] = {
        {{"he", 2}, 0},   {{"she", 3}, 0},      {{"hers", 4}, 0}, {{"his", 3}, 0},
        {{"HERS", 4}, 0}, {{"s", 1}, AHO_WORD}, {{"e", 1}, 0},
    };
    assert_same(patterns, COUNT(patterns), STR("ushers s his-s s"));
    assert_same(patterns, COUNT(patterns), STR(""));
    assert_same(patterns, COUNT(patterns), STR("USHERS"));
}

static void test_all_bytes(void **state)
{
    char text[512];
    static const struct aho_pattern patterns[] = {
        {{"\xff\x00\x80", 3}, 0}, {{"\xfe\xff", 2}, AHO_WORD}, {{"@", 1}, AHO_WORD}};

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i & 0xff);
    memcpy(text + 300, "\xff\x00\x80", 3);
    assert_same(patterns, COUNT(patterns), (struct str){text, sizeof(text)});
}

static void test_refused(void **state)
{
    struct aho_pattern empty = {{"", 0}, 0};
    struct aho_pattern huge = {STR_NONE, 0};
    char *text = calloc(1, AHO_MAX_STATES);

    assert_non_null(text);
    assert_null(aho_new(&empty, 1));
    huge.text = (struct str){text, AHO_MAX_STATES};
    assert_null(aho_new(&huge, 1));
    huge.text.n = AHO_MAX_STATES - 1;
    struct aho *a = aho_new(&huge, 1);
    assert_non_null(a);
    assert_true(aho_bytes(a) > AHO_MAX_STATES);
    aho_free(a);
    aho_free(NULL);
    free(text);
}

static void test_nothing_to_find(void **state)
{
    struct aho *a = aho_new(NULL, 0);
    struct aho_cursor cursor = {0};
    struct aho_hit hit;

    assert_non_null(a);
    assert_false(aho_next(a, STR("anything"), &cursor, &hit));
    aho_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_naive),   cmocka_unit_test(test_nested_and_equal),
        cmocka_unit_test(test_all_bytes),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nothing_to_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
