/* test_spam_list.c - lists of hosts and networks in the shapes that they are published in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/spam_list.h"

typedef int read_list(struct spam_list *l, struct str text, struct buf *why);

static void must_refuse(read_list *read, const char *text, const char *reason)
{
    struct spam_list l = {0};
    struct buf why;
    buf_init(&why, 256);
    assert_int_equal(read(&l, str_of(text), &why), -1);
    assert_string_equal(buf_cstr(&why), reason);
    spam_list_release(&l);
    buf_release(&why);
}

static void must_read(struct spam_list *l, read_list *read, const char *text)
{
    struct buf why;
    buf_init(&why, 256);
    if (read(l, str_of(text), &why) != 0)
        fail_msg("%s", buf_cstr(&why));
    buf_release(&why);
}

static void hosts(void **state)
{
    struct spam_list l = {0};
    must_read(&l, spam_list_read_hosts,
              "# spammers\n\n0n-line.tv\r\nWWW.Spam.Example\n xn--80ab4aa2g.xn--p1ai \n"
              "b.example\nlast.example");
    assert_null(spam_list_add_host(&l, STR("a.example")));
    spam_list_sort(&l);
    static const char *const listed[] = {"0n-line.tv", "spam.example", "xn--80ab4aa2g.xn--p1ai",
                                         "a.example",  "b.example",    "last.example"};
    assert_int_equal(l.n_hosts, COUNT_OF(listed));
    for (size_t i = 0; i < COUNT_OF(listed); i++)
        assert_true(spam_list_has_host(&l, str_of(listed[i])));
    assert_false(spam_list_has_host(&l, STR("www.spam.example")));
    assert_false(spam_list_has_host(&l, STR("x.spam.example")));
    assert_false(spam_list_has_host(&l, STR("spam.exampl")));
    assert_false(spam_list_has_host(&l, STR("")));
    spam_list_release(&l);
    must_refuse(spam_list_read_hosts, "", "line 0: the list is empty");
    must_refuse(spam_list_read_hosts, "# nothing\n\n", "line 2: the list is empty");
    must_refuse(spam_list_read_hosts, "a.example\n<html>\n",
                "line 2: a host name was expected, like spam.example");
    must_refuse(spam_list_read_hosts, "\x01~\n",
                "line 1: a host name was expected, like spam.example");
    struct spam_list nul = {0};
    struct buf why;
    buf_init(&why, 256);
    assert_int_equal(spam_list_read_hosts(&nul, STR("a\0b"), &why), -1);
    spam_list_release(&nul);
    buf_release(&why);
    must_refuse(spam_list_read_hosts, "http://spam.example/\n",
                "line 1: a host name was expected, like spam.example");
}

static bool holds(const struct spam_list *l, const char *address)
{
    unsigned char bytes[16];
    assert_true(address_parse(str_of(address), bytes));
    return spam_list_has_address(l, bytes);
}

static void check_networks(const struct spam_list *l)
{
    static const struct {
        const char *address;
        bool listed;
    } cases[] = {
        {"192.0.1.255", false},     {"192.0.2.0", true},
        {"192.0.2.255", true},      {"192.0.3.0", false},
        {"198.51.100.127", true},   {"198.51.100.128", false},
        {"203.0.113.9", true},      {"203.0.113.8", false},
        {"203.0.113.10", false},    {"2001:db8::", true},
        {"2001:db8:7fff::1", true}, {"2001:db8:8000::", false},
        {"2001:db7:ffff::", false}, {"0.0.0.0", false},
        {"255.255.255.255", false}, {"::", false},
        {"ffff::", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (holds(l, cases[i].address) != cases[i].listed)
            fail_msg("%s", cases[i].address);
}

static void networks(void **state)
{
    static const char *const shapes[] = {
        "; Spamhaus DROP List\n; Last-Modified: Thu\n198.51.100.0/25 ; SBL1\n"
        "192.0.2.0/24 ; SBL2\n192.0.2.128/25 ; SBL3\n203.0.113.9\n2001:db8::/33 ; SBL4\n",
        "{\"cidr\":\"192.0.2.128/25\",\"sblid\":\"SBL3\",\"rir\":\"arin\"}\n"
        "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL2\",\"rir\":\"arin\"}\n"
        "{\"sblid\":{\"a\":[1]},\"cidr\":\"198.51.100.0/25\"}\n{\"cidr\":\"203.0.113.9/32\"}\n"
        "{\"cidr\":\"2001:db8::/33\"}\n"
        "{\"type\":\"metadata\",\"timestamp\":1764000000,\"size\":1,\"records\":5}\n",
    };
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct spam_list l = {0};
        must_read(&l, spam_list_read_networks, shapes[i]);
        spam_list_sort(&l);
        assert_int_equal(l.n_ranges, 4); /* one lies within another */
        check_networks(&l);
        spam_list_release(&l);
    }
    must_refuse(spam_list_read_networks, "{\"type\":\"metadata\"}\n", "line 1: the list is empty");
    must_refuse(spam_list_read_networks, "192.0.2.0/24\n192.0.2.0/33\n",
                "line 2: a network was expected, like 192.0.2.0/24 ; SBL1");
    must_refuse(spam_list_read_networks, "{\"cidr\":\"192.0.2.0/24\"\n",
                "line 1: a network was expected, like 192.0.2.0/24 ; SBL1");
    must_refuse(spam_list_read_networks, "{\"cidr\":\"x\"}\n",
                "line 1: a network was expected, like 192.0.2.0/24 ; SBL1");
}

/* Many, and each found: the search by halves against a walk. */
static void many(void **state)
{
    struct spam_list l = {0};
    struct cidr c = {.bits = 128};
    assert_true(address_parse(STR("10.0.0.0"), c.address));
    for (unsigned i = 0; i < 3000; i++) {
        c.address[13] = (unsigned char)(i >> 8);
        c.address[14] = (unsigned char)i;
        assert_null(spam_list_add_network(&l, &c));
    }
    spam_list_sort(&l);
    assert_int_equal(l.n_ranges, 3000);
    for (unsigned i = 0; i < 3000; i++) {
        c.address[13] = (unsigned char)(i >> 8);
        c.address[14] = (unsigned char)i;
        c.address[15] = 0;
        assert_true(spam_list_has_address(&l, c.address));
        c.address[15] = 1;
        assert_false(spam_list_has_address(&l, c.address));
    }
    spam_list_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),
        cmocka_unit_test(networks),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
