/* The calls of sys.h: what they do without a fault, with each kind of one, and what is journalled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "parsers/base/sys.h"

static char top[] = "/tmp/logferry-test-XXXXXX";
static int dir = -1;

/* The environment is read once a process, so each case is a child; its exit code is the answer. */
static int in_child(const char *name, const char *value, int (*body)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv(name, value, 1);
        exit(body());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static off_t size_of(const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) ? -1 : st.st_size;
}

static void clear(void)
{
    unlinkat(dir, "f", 0);
    unlinkat(dir, "g", 0);
    unlinkat(dir, "d", AT_REMOVEDIR);
}

/* Every call once. 0, or the number of the first that failed, +100 when errno is not EIO. */
static int every_call(void)
{
    char read_back[8] = "";
    int fd = sys_openat(dir, "f", O_RDWR | O_CREAT, 0600), step = 1;
    if (fd < 0)
        goto failed;
    step = 2;
    if (sys_write(fd, "abcdef", 6) != 6)
        goto failed;
    step = 3;
    if (sys_pwrite(fd, "XY", 2, 2) != 2)
        goto failed;
    step = 4;
    if (sys_ftruncate(fd, 5))
        goto failed;
    step = 5;
    if (sys_fsync(fd))
        goto failed;
    step = 6;
    if (lseek(fd, 0, SEEK_SET) || sys_read(fd, read_back, 8) != 5 ||
        strcmp(read_back, "abXYe") != 0)
        goto failed;
    step = 7;
    if (sys_renameat(dir, "f", dir, "g"))
        goto failed;
    step = 8;
    if (sys_fsync(dir))
        goto failed;
    step = 9;
    if (sys_mkdirat(dir, "d", 0700))
        goto failed;
    step = 10;
    if (sys_unlinkat(dir, "d", AT_REMOVEDIR) || sys_unlinkat(dir, "g", 0))
        goto failed;
    return sys_close(fd);
failed:
    return step + (errno == EIO ? 0 : 100);
}

static void test_plain(void **state)
{
    assert_int_equal(in_child("LOGFERRY_FAULT", "", every_call), 0);
    assert_int_equal(size_of("g"), -1);
}

#ifdef LOGFERRY_FAULTS

static void test_failures(void **state)
{
    static const struct {
        const char *fault;
        int want; /* the step that fails, or the exit code of a crash */
    } table[] = {
        {"fail:sys.open:1-1:EIO", 1},       {"fail:sys.write:1-1:EIO", 2},
        {"fail:sys.write:2-2:EIO", 3},      {"fail:sys.ftruncate:1-1:EIO", 4},
        {"fail:sys.fsync:1-1:EIO", 5},      {"fail:sys.read:1-1:EIO", 6},
        {"fail:sys.rename:1-1:EIO", 7},     {"fail:sys.fsync_dir:1-1:EIO", 8},
        {"fail:sys.mkdir:1-1:EIO", 9},      {"fail:sys.unlink:1-1:EIO", 10},
        {"fail:sys.unlink:2-2:EIO", 10},    {"fail:sys.write:1-1:ENOSPC", 102},
        {"fail:sys.fsync:2-2:EIO", 0},      {"crash:sys.rename:1", 137},
        {"crash:sys.rename.done:1", 137},   {"crash:sys.write.done:2", 137},
        {"crash:sys.write.done:3", 0},      {"crash:sys.fsync_dir.done:1", 137},
        {"skip:sys.fsync:1-9", 0},          {"skip:sys.fsync_dir:1-9", 0},
        {"skip:sys.write:2-2", 106},        {"skip:sys.ftruncate:1-1", 106},
        {"tear:sys.write:2:1:short", 103},  {"tear:sys.write:1:4:EIO", 2},
        {"tear:sys.write:1:4:ENOSPC", 102}, {"tear:sys.write:1:4:crash", 137},
        {"tear:sys.write:1:99:short", 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        clear();
        int got = in_child("LOGFERRY_FAULT", table[i].fault, every_call);
        if (got != table[i].want &&
            !(table[i].want > 100 && table[i].want < 137 && got % 100 == table[i].want % 100))
            fail_msg("%s: %d instead of %d", table[i].fault, got, table[i].want);
    }
    clear();
}

static int one_write(void)
{
    int fd = sys_openat(dir, "f", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ssize_t n = sys_write(fd, "0123456789", 10);
    return n < 0 ? 100 : (int)n;
}

/* What a torn write leaves, and what it says. */
static void test_torn(void **state)
{
    static const struct {
        const char *fault;
        int said;
        off_t left;
    } table[] = {
        {"tear:sys.write:1:4:short", 4, 4},   {"tear:sys.write:1:4:ENOSPC", 100, 4},
        {"tear:sys.write:1:4:crash", 137, 4}, {"tear:sys.write:1:0:crash", 137, 0},
        {"tear:sys.write:1:0:short", 100, 0}, {"tear:sys.write:1:4000:short", 10, 10},
        {"tear:sys.write:2:0:crash", 10, 10}, {"fail:sys.write:1-1:EIO", 100, 0},
        {"skip:sys.write:1-1", 10, 0},        {"crash:sys.write:1", 137, 0},
        {"crash:sys.write.done:1", 137, 10},  {"crash:sys.open.done:1", 137, 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        clear();
        assert_int_equal(in_child("LOGFERRY_FAULT", table[i].fault, one_write), table[i].said);
        assert_int_equal(size_of("f"), table[i].left);
    }
    clear();
}

static size_t slurp(const char *name, unsigned char *to, size_t cap)
{
    int fd = openat(dir, name, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, to, cap);
    assert_true(n >= 0);
    close(fd);
    return (size_t)n;
}

static uint64_t number(const unsigned char *p, int bytes)
{
    uint64_t n = 0;
    for (int i = bytes; i--;)
        n = n << 8 | p[i];
    return n;
}

static int lying_calls(void)
{
    setenv("LOGFERRY_FAULT", "skip:sys.fsync:1-9,skip:sys.fsync_dir:1-9", 1);
    return every_call();
}

/* One record a call that changed something, in order; none for what was left out. */
static void test_journal(void **state)
{
    static const struct {
        int (*body)(void);
        const char *operations;
    } table[] = {{every_call, "\1\2\2\3\4\5\4\7\6\6"}, {lying_calls, "\1\2\2\3\5\7\6\6"}};
    static unsigned char text[8192];
    char path[64], seen[32];
    snprintf(path, sizeof(path), "%s/journal", top);
    for (size_t i = 0; i < 2; i++) {
        unlinkat(dir, "journal", 0);
        clear();
        assert_int_equal(in_child("LOGFERRY_JOURNAL", path, table[i].body), 0);
        size_t n = slurp("journal", text, sizeof(text)), count = 0, data = 0;
        uint64_t then = 0;
        for (size_t at = 0; at < n; at += 4 + number(text + at, 4)) {
            assert_true(at + 34 <= n && count < sizeof(seen) - 1);
            assert_int_equal(text[at + 4], 1);
            seen[count++] = (char)text[at + 5];
            assert_true(number(text + at + 14, 8) >= then);
            then = number(text + at + 14, 8);
            if (text[at + 5] == 2) /* the data stands at the record's end */
                data += number(text + at, 4) - 30;
        }
        seen[count] = '\0';
        assert_string_equal(seen, table[i].operations);
        assert_int_equal(data, 8);
    }
    unlinkat(dir, "journal", 0);
}

static void test_counts(void **state)
{
    char path[64], text[4096];
    snprintf(path, sizeof(path), "%s/counts", top);
    clear();
    assert_int_equal(in_child("LOGFERRY_FAULT_COUNTS", path, every_call), 0);
    text[slurp("counts", (unsigned char *)text, sizeof(text) - 1)] = '\0';
    assert_non_null(strstr(text, "sys.write 2\n"));
    assert_non_null(strstr(text, "sys.unlink.done 2\n"));
    assert_non_null(strstr(text, "sys.fsync_dir 1\n"));
    unlinkat(dir, "counts", 0);
}

/* How many hours the wall clock is off, by all who tell it; 99 when they do not agree. */
static int hours_off(void)
{
    struct timespec real, told, monotonic, real_monotonic;
    struct timeval day;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_REALTIME, &told);
    gettimeofday(&day, NULL);
    int64_t off = told.tv_sec - real.tv_sec;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &real_monotonic);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    if (time(NULL) - told.tv_sec > 1 || day.tv_sec - told.tv_sec > 1 ||
        monotonic.tv_sec - real_monotonic.tv_sec > 1)
        return 99;
    return (int)((off + (off > 0 ? 1 : -1)) / 3600) & 0xff;
}

/* cmocka has asked for the time before us: a program of its own. */
static int hours_off_anew(void)
{
    execl("/proc/self/exe", "test_sys", "clock", (char *)NULL);
    return 98;
}

static void test_clock(void **state)
{
    char path[64];
    int64_t seconds = 3 * 3600;
    snprintf(path, sizeof(path), "%s/clock", top);
    assert_int_equal(in_child("LOGFERRY_CLOCK", "0", hours_off_anew), 0);
    assert_int_equal(in_child("LOGFERRY_CLOCK", "+86400", hours_off_anew), 24);
    assert_int_equal(in_child("LOGFERRY_CLOCK", "-7200", hours_off_anew), 254);
    int fd = openat(dir, "clock", O_RDWR | O_CREAT, 0600);
    assert_int_equal(pwrite(fd, &seconds, 8, 0), 8);
    assert_int_equal(in_child("LOGFERRY_CLOCK", path, hours_off_anew), 3);
    unlinkat(dir, "clock", 0);
    close(fd);
}

#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
#ifdef LOGFERRY_FAULTS
        cmocka_unit_test(test_failures), cmocka_unit_test(test_torn),
        cmocka_unit_test(test_journal),  cmocka_unit_test(test_counts),
        cmocka_unit_test(test_clock),
#endif
    };
#ifdef LOGFERRY_FAULTS
    if (argc == 2 && strcmp(argv[1], "clock") == 0)
        return hours_off();
#endif
    if (!mkdtemp(top) || (dir = open(top, O_RDONLY | O_DIRECTORY)) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(top) ? 1 : failed;
}
