/* A key a day: the same over a restart, another on the next day, gone after two more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/visitor_keys.h"
#include "parsers/base/time.h"
#include "tests/unit/agent/scratch.h"

#define TODAY INT64_C(20000)

struct key {
    unsigned char b[SIPHASH_KEY];
};

static struct key get(struct visitor_keys *k, int64_t day, int64_t now_ms)
{
    struct key out = {{0}};
    assert_int_equal(visitor_keys_get(k, day, now_ms, out.b), 0);
    return out;
}

static bool same(struct key a, struct key b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static void test_days(void **state)
{
    struct scratch dir;
    struct stat st;
    scratch_make(&dir);
    struct visitor_keys *k = visitor_keys_new(dir.fd);
    int64_t noon = TODAY * DAY_MS + DAY_MS / 2;
    struct key today = get(k, TODAY, noon), past = get(k, TODAY - 300, noon);
    assert_true(same(today, get(k, TODAY, noon)));
    assert_false(same(today, past));
    assert_false(same(today, get(k, TODAY + 1, noon + DAY_MS)));
    assert_int_equal(fstatat(dir.fd, "visitor.keys", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    visitor_keys_free(k);
    k = visitor_keys_new(dir.fd); /* after a restart */
    assert_true(same(today, get(k, TODAY, noon + DAY_MS)));
    assert_true(same(past, get(k, TODAY - 300, noon + DAY_MS)));
    /* 48 hours after it was made, respectively after the day's end. */
    assert_false(same(past, get(k, TODAY - 300, noon + 2 * DAY_MS)));
    assert_true(same(today, get(k, TODAY, (TODAY + 3) * DAY_MS - 1)));
    assert_false(same(today, get(k, TODAY, (TODAY + 3) * DAY_MS)));
    visitor_keys_free(k);
    scratch_remove(&dir);
}

/* An old key goes from the disk with any question. */
static void test_gone_from_disk(void **state)
{
    struct scratch dir;
    char text[4096] = {0};
    scratch_make(&dir);
    struct visitor_keys *k = visitor_keys_new(dir.fd);
    get(k, TODAY, TODAY * DAY_MS);
    get(k, TODAY + 4, (TODAY + 2) * DAY_MS);
    get(k, TODAY + 4, (TODAY + 5) * DAY_MS);
    int fd = scratch_open(&dir, "visitor.keys");
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    assert_null(strstr(text, "\n20000 "));
    assert_non_null(strstr(text, "\n20004 "));
    visitor_keys_free(k);
    scratch_remove(&dir);
}

static void test_damaged(void **state)
{
    static const char *const files[] = {
        "", "x", "logferry-visitor-keys 2\n1 1 00\n",
        "logferry-visitor-keys 1\n20000 1 zz\n20000 0\n\n20000 1 0011\n",
        "logferry-visitor-keys 1\n9223372036854775807 9223372036854775807 "
        "000102030405060708090a0b0c0d0e0f\n106751991166 1 000102030405060708090a0b0c0d0e0f\n"};
    for (size_t i = 0; i < COUNT(files); i++) {
        struct scratch dir;
        scratch_make(&dir);
        scratch_write(&dir, "visitor.keys", str_of(files[i]));
        struct visitor_keys *k = visitor_keys_new(dir.fd);
        struct key a = get(k, TODAY, TODAY * DAY_MS);
        assert_true(same(a, get(k, TODAY, TODAY * DAY_MS)));
        visitor_keys_free(k);
        scratch_remove(&dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_gone_from_disk),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
