/* The PCRE2 wrapper: limits, mistakes in patterns, groups. */
#include "parsers/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct regex *compile(const char *pattern, enum regex_speed speed)
{
    struct buf why;
    struct regex *r;

    buf_init(&why, 300);
    r = regex_new(str_of(pattern), speed, &why);
    if (!r)
        fail_msg("%s", buf_cstr(&why));
    buf_release(&why);
    return r;
}

static void test_match(void **state)
{
    const enum regex_speed speeds[] = {REGEX_JIT, REGEX_INTERPRETED};

    for (size_t i = 0; i < 2; i++) {
        struct regex *r = compile("(a+)(b)?(.)$", speeds[i]);
        struct regex_run *run = regex_run_new(r);
        const size_t *spans = NULL;

        assert_int_equal(regex_groups(r), 3);
        assert_int_equal(regex_match(r, run, STR("xaa\n"), 1, &spans), REGEX_MATCH);
        assert_int_equal(spans[0], 1);
        assert_int_equal(spans[3], 3);
        assert_int_equal(spans[4], SIZE_MAX); /* took no part */
        assert_int_equal(spans[7], 4);
        assert_int_equal(regex_match(r, run, STR("xaa\n"), 0, &spans), REGEX_NO_MATCH);
        assert_int_equal(regex_match(r, run, STR("aac\n"), 0, &spans), REGEX_NO_MATCH);
        assert_int_equal(regex_match(r, run, STR("a\xff"), 0, &spans), REGEX_MATCH);
        assert_int_equal(regex_match(r, run, STR_NONE, 0, &spans), REGEX_NO_MATCH);
        if (speeds[i] == REGEX_INTERPRETED)
            assert_false(regex_is_fast(r));
        regex_run_free(run);
        regex_free(r);
    }
}

static void test_limit(void **state)
{
    const enum regex_speed speeds[] = {REGEX_JIT, REGEX_INTERPRETED};
    char text[64];

    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < 2; i++) {
        struct regex *r = compile("(?:(?:a|a)+)+[bc]", speeds[i]);
        struct regex_run *run = regex_run_new(r);
        const size_t *spans = NULL;

        text[sizeof(text) - 1] = 'a';
        assert_int_equal(regex_match(r, run, (struct str){text, sizeof(text)}, 0, &spans),
                         REGEX_LIMIT);
        /* The run is as good as new after it. */
        text[sizeof(text) - 1] = 'b';
        assert_int_equal(regex_match(r, run, (struct str){text, sizeof(text)}, 0, &spans),
                         REGEX_MATCH);
        assert_int_equal(spans[1], sizeof(text));
        regex_run_free(run);
        regex_free(r);
    }
}

static void test_mistakes(void **state)
{
    static const char *const patterns[] = {"(", "[a", "a{2,1}", "(*UTF8)a", "\\C", "(?<n"};
    struct buf why;

    buf_init(&why, 300);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        buf_reset(&why);
        assert_null(regex_new(str_of(patterns[i]), REGEX_JIT, &why));
        assert_non_null(strstr(buf_cstr(&why), "mistake at offset"));
    }
    buf_release(&why);
    regex_free(NULL);
    regex_run_free(NULL);
}

/* Exit status: 0 well, 1 wrong, 2 this kernel cannot forbid writable code. */
static int match_without_jit(void)
{
    struct buf why;
    struct regex *r;
    struct regex_run *run;
    const size_t *spans;

    if (prctl(65 /* PR_SET_MDWE */, 1UL, 0UL, 0UL, 0UL) != 0)
        return 2;
    buf_init(&why, 1000);
    r = regex_new(STR("(a+)b"), REGEX_JIT, &why);
    run = r ? regex_run_new(r) : NULL;
    if (!run || regex_is_fast(r) || regex_match(r, run, STR("aab"), 0, &spans) != REGEX_MATCH ||
        spans[3] != 2)
        return 1;
    regex_run_free(run);
    regex_free(r);
    buf_release(&why);
    return 0;
}

static void test_without_jit(void **state)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(match_without_jit());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: once the JIT has memory, a child that inherits it needs no new one. */
        cmocka_unit_test(test_without_jit),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
