#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "parsers/base/log.h"

/* Standard error goes into a pipe between capture_start and capture_stop. */
struct capture {
    int kept, from;
    char text[65536];
};

static void capture_start(struct capture *c)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    c->kept = dup(STDERR_FILENO);
    assert_true(c->kept >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    c->from = ends[0];
}

static const char *capture_stop(struct capture *c)
{
    size_t n = 0;
    ssize_t got;

    while ((got = read(c->from, c->text + n, sizeof(c->text) - 1 - n)) > 0)
        n += (size_t)got;
    c->text[n] = '\0';
    assert_true(dup2(c->kept, STDERR_FILENO) >= 0);
    close(c->kept);
    close(c->from);
    return c->text;
}

static void test_lines(void **state)
{
    static const struct {
        const char *value, *want;
    } table[] = {
        {"plain", "level=warn event=thing why=\"plain\" n=7\n"},
        {"", "level=warn event=thing why=\"\" n=7\n"},
        {"two\nlines\r", "level=warn event=thing why=\"two\\x0alines\\x0d\" n=7\n"},
        {"\x1b[31m\t\x7f", "level=warn event=thing why=\"\\x1b[31m\\x09\\x7f\" n=7\n"},
        {"c1 \xc2\x9b \xc2\xa9 \xc3\x9b",
         "level=warn event=thing why=\"c1 \\xc2\\x9b \xc2\xa9 \xc3\x9b\" n=7\n"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct capture c;
        capture_start(&c);
        errno = ENOSPC;
        log_event(LOG_WARN, "thing", "why=\"%s\" n=%d", table[i].value, 7);
        int kept = errno;
        const char *got = capture_stop(&c);
        assert_int_equal(kept, ENOSPC);
        assert_string_equal(got, table[i].want);
    }
}

static void test_levels(void **state)
{
    static const char lines[] = "level=error event=e n=1\nlevel=warn event=w n=1\n"
                                "level=info event=i n=1\nlevel=debug event=d n=1\n";
    for (int least = LOG_ERROR; least <= LOG_DEBUG; least++) {
        struct capture c;
        log_set_level((enum log_level)least);
        capture_start(&c);
        log_event(LOG_ERROR, "e", "n=%d", 1);
        log_event(LOG_WARN, "w", "n=%d", 1);
        log_event(LOG_INFO, "i", "n=%d", 1);
        log_event(LOG_DEBUG, "d", "n=%d", 1);
        const char *got = capture_stop(&c);
        size_t want = 0;
        for (int line = LOG_ERROR; line <= least; line++)
            want = (size_t)str_chr(str_of(lines), '\n', want) + 1;
        assert_int_equal(strlen(got), want);
        assert_memory_equal(got, lines, want);
    }
    log_set_level(LOG_INFO);
}

static void check_cap(size_t length, char fill)
{
    static char value[20000];
    struct capture c;

    memset(value, fill, length);
    value[length] = '\0';
    capture_start(&c);
    log_event(LOG_ERROR, "long", "value=%s", value);
    struct str got = str_of(capture_stop(&c));
    assert_true(got.n <= 4096);
    assert_int_equal(str_chr(got, '\n', 0), got.n - 1);
    assert_true(str_starts(got, STR("level=error event=long value=")));
}

static void test_cap(void **state)
{
    for (size_t length = 4000; length < 4100; length++)
        check_cap(length, 'x');
    for (size_t length = 1000; length < 1040; length++)
        check_cap(length, '\n');
    check_cap(19999, 'x');
    check_cap(19999, '\x01');
}

static void *write_many(void *name)
{
    for (int i = 0; i < 100; i++)
        log_event(LOG_ERROR, name, "a=%d b=%d", i, i);
    return NULL;
}

static void test_threads(void **state)
{
    struct capture c;
    pthread_t other;
    size_t lines = 0;

    capture_start(&c);
    int started = pthread_create(&other, NULL, write_many, (void *)(uintptr_t) "one");
    write_many((void *)(uintptr_t) "two");
    if (started == 0)
        pthread_join(other, NULL);
    struct str left = str_of(capture_stop(&c));
    assert_int_equal(started, 0);
    while (left.n > 0) {
        ptrdiff_t end = str_chr(left, '\n', 0);
        assert_true(end > 0);
        assert_true(str_starts(left, STR("level=error event=")));
        left = str_slice(left, (size_t)end + 1, left.n);
        lines++;
    }
    assert_int_equal(lines, 200);
}

static void test_limit(void **state)
{
    struct log_limit l = {0};

    assert_true(log_limit_pass(&l, 0, 1000));
    assert_false(log_limit_pass(&l, 1, 1000));
    assert_false(log_limit_pass(&l, 999, 1000));
    assert_int_equal(l.held, 2);
    assert_true(log_limit_pass(&l, 1000, 1000));
    assert_int_equal(l.held, 2);
    assert_false(log_limit_pass(&l, 1999, 1000));
    assert_true(log_limit_pass(&l, 5000, 1000));
    assert_false(log_limit_pass(&l, 5999, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_levels), cmocka_unit_test(test_cap),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
