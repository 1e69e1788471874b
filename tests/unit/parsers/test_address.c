#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "parsers/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void test_addresses(void **state)
{
    static const char *const good[] = {
        "0.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "2001:db8::8:800:200c:417a",
        "::ffff:1.2.3.4",
        "2001:0db8:0000:0000:0000:ff00:255.255.255.255",
    };
    static const char *const bad[] = {
        "",          "1.2.3",
        "1.2.3.4.5", "256.1.1.1",
        "01.2.3.4",  " 1.2.3.4",
        "1.2.3.4 ",  "1.2.3.4:80",
        "[::1]",     "::1%eth0",
        "fe80::1%1", "1.2.3.4/24",
        "unix:",     "example.com",
        ":::",       "1:2:3:4:5:6:7:8:9",
        "g::",       "-",
        "0x1.2.3.4", "2001:0db8:0000:0000:0000:ff00:0042:8329:0000:0000:0000",
    };
    unsigned char a[16], b[16];

    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(address_parse(str_of(good[i]), a));
    memset(a, 7, sizeof(a));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(address_parse(str_of(bad[i]), a));
    assert_int_equal(a[0], 7); /* untouched on failure */
    assert_false(address_parse(STR_NONE, a));
    assert_false(address_parse((struct str){"1.2.3.4\0", 8}, a));
    assert_true(address_parse(STR("1.2.3.4"), a) && address_parse(STR("::ffff:102:304"), b));
    assert_memory_equal(a, b, sizeof(a));
}

static void test_networks(void **state)
{
    static const struct {
        const char *network, *address;
        bool contains;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/9", "10.127.0.1", true},
        {"10.0.0.0/9", "10.128.0.1", false},
        {"192.0.2.129/25", "192.0.2.130", true},
        {"192.0.2.129/25", "192.0.2.1", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"192.0.2.0/31", "192.0.2.1", true},
        {"0.0.0.0/0", "203.0.113.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.1", true},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::2", false},
        {"::ffff:10.0.0.0/104", "10.1.1.1", true},
        {"10.0.0.0/8", "", false},
        {"10.0.0.0/8", "10.0.0.1:80", false},
    };
    static const char *const bad[] = {
        "",   "10.0.0.0/",   "10.0.0.0/33", "10.0.0.0/-1", "::/129",    "10.0.0.0/8/",
        "/8", "10.0.0.0 /8", "10.0.0.0/8 ", "10.0.0/8",    "10.0.0.0/x"};
    struct cidr c;

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(cidr_parse(str_of(cases[i].network), &c));
        assert_int_equal(cidr_contains(&c, str_of(cases[i].address)), cases[i].contains);
    }
    c.bits = 99;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(cidr_parse(str_of(bad[i]), &c));
    assert_int_equal(c.bits, 99);
}

/* Every length of mask against the one bit that matters and the one behind it. */
static void test_every_mask(void **state)
{
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct cidr c = {.bits = bits};
        unsigned char a[16] = {0};
        if (bits < 128) {
            a[bits / 8] = (unsigned char)(0x80 >> bits % 8);
            assert_true(cidr_holds(&c, a));
        }
        if (bits > 0) {
            memset(a, 0, sizeof(a));
            a[(bits - 1) / 8] = (unsigned char)(0x80 >> (bits - 1) % 8);
            assert_false(cidr_holds(&c, a));
        }
    }
}

/* Dotted quads are read by hand: the same as inet_pton has it, on texts of digits and dots. */
static void test_as_inet_pton(void **state)
{
    static const char bytes[] = "0125.9a";
    uint32_t seed = 7;

    for (int round = 0; round < 200000; round++) {
        char text[20];
        size_t n = 0;
        for (seed = seed * 1664525 + 1013904223; n < 16 && (n < 7 || seed >> 29 != 0);
             seed = seed * 1664525 + 1013904223) {
            text[n] = bytes[(seed >> 16) % (n % 2 ? 7 : 6)];
            n++;
        }
        text[n] = '\0';
        unsigned char ours[16], theirs[4];
        bool is_address = address_parse((struct str){text, n}, ours);
        assert_int_equal(is_address, inet_pton(AF_INET, text, theirs) == 1);
        if (is_address)
            assert_memory_equal(ours + 12, theirs, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_every_mask),
        cmocka_unit_test(test_as_inet_pton),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
