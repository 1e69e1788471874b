/* utf8.h: every code point, every short sequence of bytes, and what a terminal may see. */
#include "parsers/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

/* The textbook's encoder; 0 for what has no encoding. */
static size_t encode(uint32_t code, char out[4])
{
    if (code >= 0xd800 && code < 0xe000)
        return 0;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xf0) | code);
    return n;
}

static bool must_be_escaped(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static void test_every_code_point(void **state)
{
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char text[4];
        size_t n = encode(code, text);
        if (n == 0)
            continue;
        assert_int_equal(utf8_length(text, n), n);
        for (size_t cut = 1; cut < n; cut++)
            assert_int_equal(utf8_length(text, cut), 0);
        assert_int_equal(utf8_printable((struct str){text, n}), must_be_escaped(code) ? 0 : n);
    }
}

/* Of all sequences of three bytes, and of four with the last fixed, as many are well formed as
 * there are code points of that length. */
static void test_no_other_sequence(void **state)
{
    size_t count[5] = {0};

    for (uint32_t bytes = 0; bytes < 1u << 24; bytes++) {
        char text[4] = {(char)(bytes >> 16), (char)(bytes >> 8), (char)bytes, (char)0x80};
        count[utf8_length(text, sizeof(text))]++;
    }
    assert_int_equal(count[1], 0x80 << 16);
    assert_int_equal(count[2], (0x800 - 0x80) << 8);
    assert_int_equal(count[3], 0x10000 - 0x800 - 0x800);
    assert_int_equal(count[4], (0x110000 - 0x10000) / 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_no_other_sequence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
