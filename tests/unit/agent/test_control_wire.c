/* Requests on the control socket: what is written is parsed, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "agent/control_wire.h"
#include "tests/unit/agent/scratch.h"

static void put_example(struct buf *b)
{
    char first[] = "/var/log/a.log", second[] = "", *paths[] = {first, second};
    const struct control_request r = {.dev = UINT64_MAX,
                                      .ino = 7,
                                      .command = "backfill",
                                      .o = {.config = "/etc/l=f.yaml",
                                            .since_ms = -5,
                                            .until_ms = INT64_MAX,
                                            .rate = 9,
                                            .json = true,
                                            .paths = paths,
                                            .n_paths = 2}};
    assert_true(control_request_write(b, &r));
}

static void test_round_trip(void **state)
{
    struct control_request r;
    struct buf b;
    buf_init(&b, CONTROL_REQUEST_MAX);
    put_example(&b);
    assert_int_equal(control_request_state(buf_str(&b)), 1);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(control_request_state((struct str){b.p, n}), 0);
    buf_putc(&b, 'x');
    assert_int_equal(control_request_state(buf_str(&b)), -1);
    b.n--;
    assert_true(control_request_parse(b.p + CONTROL_HEAD_BYTES, b.n - CONTROL_HEAD_BYTES, &r));
    assert_int_equal(r.dev, UINT64_MAX);
    assert_int_equal(r.ino, 7);
    assert_string_equal(r.command, "backfill");
    assert_string_equal(r.o.config, "/etc/l=f.yaml");
    assert_null(r.o.source);
    assert_int_equal(r.o.since_ms, -5);
    assert_int_equal(r.o.until_ms, INT64_MAX);
    assert_int_equal(r.o.rate, 9);
    assert_int_equal(r.o.jobs, 0);
    assert_true(r.o.json && !r.o.all);
    assert_int_equal(r.o.n_paths, 2);
    assert_string_equal(r.o.paths[0], "/var/log/a.log");
    assert_string_equal(r.o.paths[1], "");
    control_request_release(&r);
    control_request_release(&r);
    buf_release(&b);
}

/* Cut at each byte, and with each byte changed: parsed or refused, with no other end. */
static void test_damage(void **state)
{
    struct control_request r;
    struct buf b;
    unsigned refused = 0;
    buf_init(&b, CONTROL_REQUEST_MAX);
    put_example(&b);
    size_t n = b.n - CONTROL_HEAD_BYTES;
    for (size_t i = 0; i <= n; i++) {
        char *copy = malloc(i ? i : 1); /* so that a step past its end is seen */
        memcpy(copy, b.p + CONTROL_HEAD_BYTES, i);
        if (control_request_parse(copy, i, &r))
            control_request_release(&r);
        else
            refused++;
        free(copy);
    }
    assert_true(refused > n / 2);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < 256; c++) {
            char *copy = malloc(n);
            memcpy(copy, b.p + CONTROL_HEAD_BYTES, n);
            copy[i] = (char)c;
            if (control_request_parse(copy, n, &r))
                control_request_release(&r);
            free(copy);
        }
    buf_release(&b);
}

static void test_malformed(void **state)
{
    static const struct str table[] = {
        STR(""),
        STR("\0"),
        STR("1:2\0status\0"),
        STR("1:2\0status\0--"),
        STR("1\0status\0--\0"),
        STR("a:2\0status\0--\0"),
        STR("1:2:3\0status\0--\0"),
        STR("1:2\0status\0json=1\0--\0"),
        STR("1:2\0status\0rate\0--\0"),
        STR("1:2\0status\0rate=\0--\0"),
        STR("1:2\0status\0rate=-1\0--\0"),
        STR("1:2\0status\0rate=99999999999\0--\0"),
        STR("1:2\0status\0since=1e3\0--\0"),
        STR("1:2\0status\0since=--1\0--\0"),
        STR("1:2\0status\0paths=x\0--\0"),
        STR("1:2\0status\0=\0--\0"),
        STR("1:2\0status\0\0--\0"),
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct control_request r;
        char copy[100];
        memcpy(copy, table[i].p, table[i].n);
        if (control_request_parse(copy, table[i].n, &r))
            fail_msg("row %zu is accepted", i);
    }
}

static void test_too_many_words(void **state)
{
    struct control_request r;
    struct buf b;
    buf_init(&b, CONTROL_REQUEST_MAX);
    buf_put(&b, "1:2\0status\0--", 14);
    while (b.n < 14 + CONTROL_WORDS_MAX - 3)
        buf_putc(&b, '\0');
    assert_true(control_request_parse(b.p, b.n, &r));
    assert_int_equal(r.o.n_paths, CONTROL_WORDS_MAX - 3);
    control_request_release(&r);
    buf_putc(&b, '\0');
    assert_false(control_request_parse(b.p, b.n, &r));
    buf_release(&b);
}

static void test_places(void **state)
{
    char path[4096];
    unsetenv("RUNTIME_DIRECTORY");
    assert_string_equal(control_directory("/srv/state", path), "/srv/state");
    assert_string_equal(control_directory("/var/lib/logferry", path), "/run/logferry");
    setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
    assert_string_equal(control_directory("/srv/state", path), "/run/a");
    setenv("RUNTIME_DIRECTORY", "relative", 1);
    assert_string_equal(control_directory("/srv/state", path), "/srv/state");
    unsetenv("RUNTIME_DIRECTORY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_malformed),  cmocka_unit_test(test_too_many_words),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
