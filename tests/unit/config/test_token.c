/* Token files: which are read, which are refused, and that no message shows what is in them. */
#include "config_cases.h"

#include "config/agent_config.h"
#include "config/token.h"

#include <sys/stat.h>
#include <unistd.h>

#define TOKEN "lf_0123456789abcdef"

static char directory[] = "/tmp/logferry-token-XXXXXX";

static void path_of(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", directory, name);
}

static void write_file(const char *path, struct str text, mode_t mode)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

#define T64 "0123456789012345678901234567890123456789012345678901234567890123"
#define T512 T64 T64 T64 T64 T64 T64 T64 T64

static void reads_contents(void **state)
{
    static const struct {
        const char *text;
        const char *token; /* NULL: refused */
    } cases[] = {
        {TOKEN, TOKEN},
        {TOKEN "\n", TOKEN},
        {TOKEN "\r\n", TOKEN},
        {"12345678", "12345678"},
        {T512 "\n", T512},
        {"", NULL},
        {"\n", NULL},
        {"1234567", NULL},
        {T512 "\r\n", T512},
        {T512 "x", NULL},
        {T512 "\n\n\n\nmore", NULL},
        {T512 "x\r\n", NULL},
        {"two words here\n", NULL},
        {TOKEN "\n" TOKEN "\n", NULL},
        {"token\303\244token", NULL},
        {"token\001token", NULL},
    };
    char path[128];

    path_of(path, "contents");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf token, why;
        buf_init(&token, 4096);
        buf_init(&why, 4096);
        write_file(path, str_of(cases[i].text), 0600);
        bool ok = token_file_read(path, &token, &why);
        assert_int_equal(ok, cases[i].token != NULL);
        assert_string_equal(buf_cstr(&token), ok ? cases[i].token : "");
        assert_int_equal(why.n > 0, !ok);
        assert_true(str_find(buf_str(&why), STR("0123456"), 0) < 0);
        buf_release(&token);
        buf_release(&why);
    }
}

static void judges_modes(void **state)
{
    static const struct {
        mode_t mode;
        bool ok;
    } cases[] = {{0600, true},  {0400, true},  {0640, true},  {0440, true}, {0660, false},
                 {0644, false}, {0604, false}, {0602, false}, {0620, false}};
    char path[128], expected[512];

    path_of(path, "modes");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf token, why;
        buf_init(&token, 4096);
        buf_init(&why, 4096);
        write_file(path, STR(TOKEN), cases[i].mode);
        assert_int_equal(token_file_read(path, &token, &why), cases[i].ok);
        snprintf(expected, sizeof(expected),
                 "%s is open to others (mode %04o); run `chmod 0640 %s`", path,
                 (unsigned)cases[i].mode, path);
        assert_string_equal(buf_cstr(&why), cases[i].ok ? "" : expected);

        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
        buf_reset(&token);
        assert_true(token_file_read(path, &token, &why));
        /* A sibling of the directory whose name begins with its name is no credential. */
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/tmp/logferry-tok", 1), 0);
        buf_reset(&token);
        assert_int_equal(token_file_read(path, &token, &why), cases[i].ok);
        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        buf_release(&token);
        buf_release(&why);
    }
}

static void refuses_other_things(void **state)
{
    struct buf token, why;
    char path[128], expected[512];

    buf_init(&token, 4096);
    buf_init(&why, 4096);
    path_of(path, "missing");
    assert_false(token_file_read(path, &token, &why));
    snprintf(expected, sizeof(expected),
             "%s does not exist; run `install -m 0640 -g logferry /dev/stdin %s` and paste what "
             "`logferry-server client create` printed",
             path, path);
    assert_string_equal(buf_cstr(&why), expected);

    buf_reset(&why);
    assert_false(token_file_read(directory, &token, &why));
    assert_true(str_find(buf_str(&why), STR(" is no regular file; "), 0) > 0);

    buf_reset(&why);
    path_of(path, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(token_file_read(path, &token, &why)); /* and does not wait for a writer */
    assert_true(str_find(buf_str(&why), STR(" is no regular file; "), 0) > 0);
    buf_release(&token);
    buf_release(&why);
}

static void finds_the_default(void **state)
{
    struct buf path;
    char credential[128];

    buf_init(&path, 4096);
    token_put_default_path(&path);
    assert_string_equal(buf_cstr(&path), "/etc/logferry/token");

    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
    buf_reset(&path);
    token_put_default_path(&path); /* the directory has no token */
    assert_string_equal(buf_cstr(&path), "/etc/logferry/token");

    path_of(credential, "token");
    write_file(credential, STR(TOKEN), 0440);
    buf_reset(&path);
    token_put_default_path(&path);
    assert_string_equal(buf_cstr(&path), credential);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    buf_release(&path);
}

static int set_up(void **state)
{
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"contents", "modes", "fifo", "token"};
    char path[128];

    for (size_t i = 0; i < COUNT(names); i++) {
        path_of(path, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_contents),
        cmocka_unit_test(judges_modes),
        cmocka_unit_test(refuses_other_things),
        cmocka_unit_test(finds_the_default),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
