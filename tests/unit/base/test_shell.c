/* Words of a command line: what they look like, and that a shell takes them for what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parsers/base/shell.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *word;
    const char *want;
} table[] = {
    {"/var/log/nginx/access.log.1", "/var/log/nginx/access.log.1"},
    {"", "''"},
    {"a b", "'a b'"},
    {"it's", "'it'\\''s'"},
    {"$(reboot)`id`;&|<>*?[]{}~#!\\", "'$(reboot)`id`;&|<>*?[]{}~#!\\'"},
    {"caf\xc3\xa9", "'caf\xc3\xa9'"},
    {"a\nb", "$'a\\x0ab'"},
    {"a\tb\x1b[31m", "$'a\\x09b\\x1b\\x5b31m'"},
    {"a\"b", "$'a\\x22b'"},
    {"\xff'\\", "$'\\xff\\x27\\x5c'"},
    {"\xc2\x9b"
     "31m",
     "$'\\xc2\\x9b31m'"},
    {"\xe2\x80\xae.gz", "$'\\xe2\\x80\\xae.gz'"}, /* text that runs backwards */
};

static void test_words(void **state)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf b;
        buf_init(&b, 1000);
        shell_put_word(&b, str_of(table[i].word));
        assert_string_equal(buf_cstr(&b), table[i].want);
        buf_release(&b);
    }
}

static void test_paths(void **state)
{
    static const struct {
        const char *path, *want;
    } paths[] = {{"-rf", "./-rf"}, {"- x", "'./- x'"}, {"/-", "/-"}, {"", "''"}};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct buf b;
        buf_init(&b, 1000);
        shell_put_path(&b, str_of(paths[i].path));
        assert_string_equal(buf_cstr(&b), paths[i].want);
        buf_release(&b);
    }
}

static void must_come_back(struct str word)
{
    struct buf b;
    char got[600];
    buf_init(&b, 4000);
    /* bash: a plain sh knows no $'…'. The script is an argument of its own, in quotes of none. */
    buf_lit(&b, "exec bash <<'END_OF_SCRIPT'\nprintf %s ");
    shell_put_word(&b, word);
    buf_lit(&b, "\nEND_OF_SCRIPT\n");
    FILE *f = popen(buf_cstr(&b), "r");
    assert_non_null(f);
    size_t n = fread(got, 1, sizeof(got), f);
    assert_int_equal(pclose(f), 0);
    assert_int_equal(n, word.n);
    assert_memory_equal(got, word.p, n);
    buf_release(&b);
}

static void test_a_shell_reads_them(void **state)
{
    char all[255], some[64];
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        must_come_back(str_of(table[i].word));
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)(i + 1);
    must_come_back((struct str){all, sizeof(all)});
    srandom(7);
    for (int turn = 0; turn < 20; turn++) {
        for (size_t i = 0; i < sizeof(some); i++)
            some[i] = (char)(1 + random() % 255);
        must_come_back((struct str){some, sizeof(some)});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_a_shell_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
