/* Text for people: nothing from a log reaches the terminal as a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/ioctl.h>
#include "agent/terminal.h"
#include "tests/unit/agent/scratch.h"

static void assert_safe(struct str s, size_t columns, const char *want)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    terminal_put_safe(&b, s, columns);
    if (!str_eq(buf_str(&b), str_of(want)))
        fail_msg("'%s' instead of '%s'", buf_cstr(&b), want);
    buf_release(&b);
}

static void test_safe_text(void **state)
{
    static const struct {
        struct str text;
        const char *want;
    } table[] = {
        {STR(""), ""},
        {STR("plain"), "plain"},
        {STR("\x1b[31mred"), "\\x1b[31mred"},
        {STR("a\nb\rc\td\0e\x7f"), "a\\x0ab\\x0dc\\x09d\\x00e\\x7f"},
        {STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x80"), "\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x80"},
        {STR("\xc2\x9b[31m"), "\\xc2\\x9b[31m"}, /* C1: CSI in one character */
        {STR("\xc2\xa0"), "\xc2\xa0"},
        {STR("\xff\x80\xc3"), "\\xff\\x80\\xc3"},
        {STR("\xc3x"), "\\xc3x"},
        {STR("\xe2\x82"), "\\xe2\\x82"},
        {STR("\xc0\x9b"), "\\xc0\\x9b"},                   /* ESC, overlong, in two bytes */
        {STR("\xe0\x80\x9b"), "\\xe0\\x80\\x9b"},          /* in three */
        {STR("\xf0\x80\x80\x9b"), "\\xf0\\x80\\x80\\x9b"}, /* in four */
        {STR("\xed\xa0\x80"), "\\xed\\xa0\\x80"},          /* half a surrogate pair */
        {STR("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80"}, /* over U+10FFFF */
        {STR("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"),
         "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        assert_safe(table[i].text, 1000, table[i].want);
}

static void test_width(void **state)
{
    assert_safe(STR("abcdef"), 6, "abcdef");
    assert_safe(STR("abcdef"), 5, "abcd…");
    assert_safe(STR("abcdef"), 1, "…");
    assert_safe(STR("abcdef"), 0, "");
    assert_safe(STR(""), 0, "");
    assert_safe(STR("\xc3\xa4\xc3\xa4\xc3\xa4"), 3, "\xc3\xa4\xc3\xa4\xc3\xa4");
    assert_safe(STR("\xc3\xa4\xc3\xa4\xc3\xa4"), 2, "\xc3\xa4…");
    assert_safe(STR("a\x1b"), 5, "a\\x1b");
    assert_safe(STR("a\x1b"), 4, "a…");
    assert_safe(STR("\x1b"), 3, "…");
    assert_safe(STR("ab\x1b"), 5, "ab…");
    /* wide characters take two columns, marks that combine none */
    assert_safe(STR("頁頁頁"), 6, "頁頁頁");
    assert_safe(STR("頁頁頁"), 5, "頁頁…");
    assert_safe(STR("頁頁頁"), 4, "頁…");
    assert_safe(STR("頁頁"), 2, "…");
    assert_safe(STR("e\xcc\x81t\xcc\x81"), 2, "e\xcc\x81t\xcc\x81");
}

/* Whatever the bytes, what comes out is printable and no wider than asked. */
static void test_random_bytes(void **state)
{
    uint64_t seed = 21;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        struct buf b;
        size_t n = next_random(&seed) % sizeof(text), columns = next_random(&seed) % 30, width = 0;
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(next_random(&seed) % 3 ? next_random(&seed) % 256
                                                    : 0x80 + next_random(&seed) % 128);
        buf_init(&b, 1000);
        terminal_put_safe(&b, (struct str){text, n}, columns);
        for (size_t i = 0; i < b.n; i++) {
            unsigned char c = (unsigned char)b.p[i];
            assert_true(c >= 0x20 && c != 0x7f);
        }
        width = terminal_width(buf_str(&b));
        assert_true(width <= columns);
        buf_release(&b);
    }
}

static void test_numbers(void **state)
{
    static const struct {
        uint64_t n;
        int width;
        const char *want;
    } table[] = {
        {0, 0, "0"},
        {999, 0, "999"},
        {1000, 0, "1,000"},
        {999999, 0, "999,999"},
        {1000000, 0, "1,000,000"},
        {UINT64_MAX, 0, "18,446,744,073,709,551,615"},
        {7, 5, "    7"},
        {1234567, 5, "1,234,567"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf b;
        buf_init(&b, 100);
        terminal_put_number(&b, table[i].n, table[i].width);
        assert_string_equal(buf_cstr(&b), table[i].want);
        buf_release(&b);
    }
}

static void test_rounded_numbers(void **state)
{
    static const struct {
        uint64_t n;
        int width;
        const char *want;
    } table[] = {
        {0, 0, "0"},           {999, 4, " 999"},     {1000, 0, "1.0k"},
        {1999, 0, "1.9k"},     {9999, 0, "9.9k"},    {10000, 0, "10k"},
        {999999, 6, "  999k"}, {1000000, 0, "1.0M"}, {UINT64_MAX, 0, "18E"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf b;
        buf_init(&b, 100);
        terminal_put_rounded(&b, table[i].n, table[i].width);
        assert_string_equal(buf_cstr(&b), table[i].want);
        buf_release(&b);
    }
}

static void test_folded(void **state)
{
    static const struct {
        const char *text;
        size_t used, columns;
        const char *want;
    } table[] = {
        {"", 0, 10, ""},
        {"one two", 0, 7, "one two"},
        {"one two", 0, 6, "one\n  two"},
        {" one two", 3, 7, " one\n  two"},
        {" one", 3, 6, "\n  one"},
        {"longer than ten is this", 0, 10, "longer\n  than ten\n  is this"},
        {"incomprehensible", 0, 10, "incomprehensible"},
        {"一二 三四", 0, 8, "一二\n  三四"},
        {"一二 三四", 0, 9, "一二 三四"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf b;
        buf_init(&b, 100);
        terminal_put_folded(&b, str_of(table[i].text), table[i].used, table[i].columns);
        assert_string_equal(buf_cstr(&b), table[i].want);
        buf_release(&b);
    }
}

static void test_columns(void **state)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    setenv("COLUMNS", "70", 1);
    assert_int_equal(terminal_columns(ends[1], 1234), 1234);
    close(ends[0]);
    close(ends[1]);
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0)
        skip();
    struct winsize size = {.ws_row = 40, .ws_col = 132};
    assert_int_equal(terminal_columns(terminal, 1234), 70);
    setenv("COLUMNS", "wide", 1);
    assert_int_equal(terminal_columns(terminal, 1234), 80);
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    assert_int_equal(terminal_columns(terminal, 1234), 132);
    unsetenv("COLUMNS");
    assert_int_equal(terminal_columns(terminal, 1234), 132);
    close(terminal);
}

static void test_messages(void **state)
{
    char to[64];
    assert_string_equal(terminal_safe("/l/a.log", to, sizeof(to)), "/l/a.log");
    assert_string_equal(terminal_safe("/l/\x1b[31m\n", to, sizeof(to)), "/l/\\x1b[31m\\x0a");
    assert_string_equal(terminal_safe("", to, sizeof(to)), "");
    char wide[5000];
    memset(wide, '\x1b', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    assert_true(strlen(terminal_safe(wide, to, sizeof(to))) < sizeof(to));
}

static void test_colour(void **state)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_false(terminal_has_colour(ends[1]));
    assert_string_equal(terminal_style(ends[1]).bold, "");
    close(ends[0]);
    close(ends[1]);
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0)
        skip();
    unsetenv("NO_COLOR");
    assert_true(terminal_has_colour(terminal));
    assert_string_equal(terminal_style(terminal).bold, "\033[1m");
    setenv("NO_COLOR", "", 1);
    assert_true(terminal_has_colour(terminal));
    setenv("NO_COLOR", "1", 1);
    assert_false(terminal_has_colour(terminal));
    close(terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe_text),       cmocka_unit_test(test_width),
        cmocka_unit_test(test_random_bytes),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_colour),          cmocka_unit_test(test_messages),
        cmocka_unit_test(test_rounded_numbers), cmocka_unit_test(test_folded),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
