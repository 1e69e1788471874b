#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parsers/base/hash.h"

/* These are on disk and on the wire: should one of them change, the code is wrong, not the table.
 */
static void test_pinned(void **state)
{
    static char counting[1000];
    static const struct {
        struct str text;
        const char *h128;
        uint64_t h64, seeded;
        uint32_t line;
    } table[] = {
        {STR(""), "99aa06d3014798d86001c324468d497f", UINT64_C(0x2d06800538d394c2),
         UINT64_C(0xb029411ff43d84d2), 0x38d394c2},
        {STR("a"), "a96faf705af16834e6c632b61e964e1f", UINT64_C(0xe6c632b61e964e1f),
         UINT64_C(0x4c437dd47f0716f4), 0x1e964e1f},
        {STR("203.0.113.9 - - [10/Oct/2025:13:55:36 +0000] \"GET / HTTP/1.1\" 200 12 \"-\" "
             "\"curl/8\""),
         "5c85fb787559e9fc3abaf66d9b2a836d", UINT64_C(0xa2c10e38935440af),
         UINT64_C(0x9d6577ef92ebae93), 0x935440af},
        {{counting, sizeof(counting)},
         "abee229cdadad76d10ad30264426c830",
         UINT64_C(0x10ad30264426c830),
         UINT64_C(0x715c5bbc12530d92),
         0x4426c830},
    };
    for (size_t i = 0; i < sizeof(counting); i++)
        counting[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct hash128 want, got = hash_128(table[i].text);
        struct buf hex;
        buf_init(&hex, 32);
        buf_put_hex(&hex, got.b, sizeof(got.b));
        assert_string_equal(buf_cstr(&hex), table[i].h128);
        buf_release(&hex);
        assert_true(hash128_parse(str_of(table[i].h128), &want));
        assert_true(hash128_eq(got, want));
        assert_true(hash_64(table[i].text, 0) == table[i].h64);
        assert_true(hash_64(table[i].text, 42) == table[i].seeded);
        assert_int_equal(hash_line(table[i].text), table[i].line);
    }
    assert_int_equal(hash_line(STR_NONE), 0x38d394c2);
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } table[] = {
        {"00000000000000000000000000000000", true},  {"0123456789abcdefABCDEF9876543210", true},
        {"0123456789abcdefABCDEF987654321", false},  {"0123456789abcdefABCDEF98765432100", false},
        {"0123456789abcdefABCDEF987654321g", false}, {"g123456789abcdefABCDEF9876543210", false},
        {"0x23456789abcdefABCDEF9876543210", false}, {"", false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct hash128 h = {{0xee}};
        assert_int_equal(hash128_parse(str_of(table[i].text), &h), table[i].ok);
        if (!table[i].ok)
            assert_int_equal(h.b[0], 0xee);
    }
    struct hash128 h;
    assert_false(hash128_parse(STR_NONE, &h));
    assert_true(hash128_parse(str_of(table[1].text), &h));
    assert_memory_equal(h.b, "\x01\x23\x45\x67\x89\xab\xcd\xef\xab\xcd\xef\x98\x76\x54\x32\x10",
                        16);
}

/* The polynomial a bit at a time. */
static uint32_t slow_crc(uint32_t crc, struct str s)
{
    crc = ~crc;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void test_crc32(void **state)
{
    char bytes[300];
    uint32_t random = 1;

    assert_int_equal(hash_crc32(0, STR("")), 0);
    assert_int_equal(hash_crc32(0, STR("123456789")), 0xcbf43926);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        random = random * 1664525 + 1013904223;
        bytes[i] = (char)(random >> 24);
    }
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        struct str s = {bytes, n};
        uint32_t want = slow_crc(0, s);
        assert_int_equal(hash_crc32(0, s), want);
        assert_int_equal(hash_crc32(hash_crc32(0, str_slice(s, 0, n / 3)), str_slice(s, n / 3, n)),
                         want);
    }
    for (int c = 0; c < 256; c++) {
        char block[9] = {(char)c, 1, 2, 3, 4, 5, 6, 7, 8};
        struct str s = {block, sizeof(block)};
        assert_int_equal(hash_crc32(0x12345678, s), slow_crc(0x12345678, s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_crc32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
