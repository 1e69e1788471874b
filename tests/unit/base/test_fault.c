#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "parsers/base/fault.h"

/* The environment is read once a process, so each case is a child; its exit code is the answer. */
static int in_child(const char *spec, int (*body)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (spec)
            setenv("LOGFERRY_FAULT", spec, 1);
        else
            unsetenv("LOGFERRY_FAULT");
        close(STDERR_FILENO);
        _exit(body());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Ten passes of point "a", with others between; the code is the number of passes survived. */
static int pass_points(void)
{
    for (int i = 0; i < 10; i++) {
        fault_point("b");
        fault_point("a");
        if (i == 9)
            return 10;
    }
    return 0;
}

/* One bit for each of seven passes of "write" that fails; bit 7 for a wrong errno. */
static int failing_passes(void)
{
    int bits = 0;

    for (int i = 0; i < 7; i++) {
        errno = 0;
        if (fault_fails("write"))
            bits |= 1 << i | (errno != ENOSPC ? 128 : 0);
        else if (errno != 0)
            bits |= 128;
        if (fault_fails("writ") || fault_fails("write2"))
            bits |= 128;
    }
    return bits;
}

static int errno_of_first(void)
{
    return fault_fails("x") ? errno : 0;
}

#ifdef LOGFERRY_FAULTS
/* A bit for each of four passes that fails, with 60 ms before the last: then the fault is over. */
static int passes_over_time(void)
{
    int bits = 0;
    for (int i = 0; i < 4; i++) {
        if (i == 3)
            usleep(60000);
        bits |= fault_fails("slow") << i;
    }
    return bits;
}

/* A bit for each of three passes that takes 40 ms or more. */
static int slow_passes(void)
{
    int bits = 0;
    for (int i = 0; i < 3; i++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        fault_point("slow");
        clock_gettime(CLOCK_MONOTONIC, &b);
        bits |= (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 40 ? 1 << i : 0;
    }
    return bits;
}

/* A bit for each kind of allocation that fails. What could not grow is what it was. */
static int allocations(void)
{
    char *a = malloc(10), *b = calloc(2, 10), *keep = strdup("kept"), *d = strndup("abc", 2);
    int bits = (a ? 0 : 1) | (b ? 0 : 2) | (keep ? 0 : 4) | (d ? 0 : 8);
    char *grown = realloc(a, 4000);
    bits |= grown ? 0 : 16;
    free(grown ? grown : a);
    free(b);
    free(keep);
    free(d);
    return bits;
}
#endif

static void test_faults(void **state)
{
#ifdef LOGFERRY_FAULTS
    static const struct {
        const char *spec;
        int (*body)(void);
        int want;
    } table[] = {
        {NULL, pass_points, 10},
        {"", pass_points, 10},
        {"crash:a:1", pass_points, 137},
        {"crash:a:10", pass_points, 137},
        {"crash:a:11", pass_points, 10},
        {"crash:c:1", pass_points, 10},
        {"fail:a:1-9:EIO", pass_points, 10},
        {"fail:write:1-1:ENOSPC", failing_passes, 1},
        {"fail:write:2-4:ENOSPC", failing_passes, 2 + 4 + 8},
        {"fail:write:7-99:ENOSPC", failing_passes, 64},
        {"fail:write:1-1:ENOSPC,fail:write:3-3:ENOSPC", failing_passes, 1 + 4},
        {"crash:write:1", failing_passes, 0},
        {"crash:z:1,fail:x:1-1:EIO", errno_of_first, EIO},
        {"fail:x:1-1:EROFS", errno_of_first, EROFS},
        {"fail:x:1-1:122", errno_of_first, 122},
        {"fail:x:1-1:EMFILE", errno_of_first, EMFILE},
        {"fail:write:3+60000:ENOSPC", failing_passes, 4 + 8 + 16 + 32 + 64},
        {"fail:write:8+1:ENOSPC", failing_passes, 0},
        {"fail:slow:2+40:EIO", passes_over_time, 2 + 4},
        {"sleep:slow:2-3:60", slow_passes, 2 + 4},
        {"skip:x:1-1,tear:x:1:0:EIO", errno_of_first, 0}, /* only calls of sys.h know these */
        {"fail:malloc:3-5:ENOMEM", allocations, 4 + 8 + 16},
        {"fail:malloc:1-9:ENOMEM", allocations, 1 + 2 + 4 + 8 + 16},
        {"fail:malloc:6-6:ENOMEM", allocations, 0},
    };
    static const char *const malformed[] = {
        "crash",
        "crash:a",
        "crash::1",
        "crash:a:0",
        "crash:a:x",
        "boom:a:1",
        "fail:x:1:EIO",
        "fail:x:2-1:EIO",
        "fail:x:0-1:EIO",
        "fail:x:1-1:EFOO",
        "fail:x:1-1",
        "fail:x:1-1:0",
        "fail:x:1+:EIO",
        "fail:x:1+0:EIO",
        "skip:x:1",
        "skip:x:2-1",
        "skip:x:1-2:EIO",
        "sleep:x:1-1",
        "sleep:x:1:5",
        "sleep:x:1-1:soon",
        "tear:x:1:5",
        "tear:x:1:EIO",
        "tear:x:0:5:EIO",
        "tear:x:1:5:sometimes",
        ",",
        "crash:a:1,,",
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_int_equal(in_child(table[i].spec, table[i].body), table[i].want);
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(in_child(malformed[i], errno_of_first), 64);
#else
    assert_int_equal(in_child("crash:a:1", pass_points), 10);
    assert_int_equal(in_child("fail:write:1-9:ENOSPC", failing_passes), 0);
    assert_int_equal(in_child("fail:x:1-1:EIO", errno_of_first), 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
