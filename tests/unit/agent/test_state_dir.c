/* The state directory: one owner at a time, files whole or not at all, whatever fails in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>

#include "agent/state_dir.h"
#include "config/exit_codes.h"
#include "tests/unit/agent/scratch.h"

/* Fault points of these tests; LOGFERRY_FAULT is read once, so all are set in main. */
#define FAULTS                                                                                     \
    "fail:full.write:1-1:ENOSPC,fail:half.write:2-2:ENOSPC,fail:io.write:1-2:EIO,"                 \
    "crash:c1.before:1,crash:c2.written:1,crash:c3.synced:1,crash:c4.renamed:1,"                   \
    "crash:c5.opened:1,crash:c6.names:1"

struct opened {
    int dir, lock, rc, exit_code;
    char why[3 * PATH_MAX + 1];
};

static struct opened open_dir(const char *path)
{
    struct opened o = {.dir = -1, .lock = -1};
    struct buf why;
    buf_init(&why, 3 * PATH_MAX);
    o.rc = state_dir_open(path, &o.dir, &o.lock, &why, &o.exit_code);
    memcpy(o.why, buf_str(&why).p, why.n);
    assert_int_equal(why.n > 0, o.rc != 0);
    buf_release(&why);
    return o;
}

static void close_dir(struct opened *o)
{
    close(o->dir);
    close(o->lock);
}

static void test_making_and_locking(void **state)
{
    struct scratch s;
    struct stat st;
    char path[PATH_MAX], pid[32];
    scratch_make(&s);
    scratch_path(&s, "some/where//deep/", path);
    struct opened first = open_dir(path);
    assert_int_equal(first.rc, 0);
    assert_int_equal(fstat(first.dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(fstat(first.lock, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    struct opened second = open_dir(path);
    assert_int_equal(second.rc, -1);
    assert_int_equal(second.exit_code, EXIT_CANNOT_WRITE);
    snprintf(pid, sizeof(pid), "process %d;", (int)getpid());
    assert_non_null(strstr(second.why, pid));
    assert_non_null(strstr(second.why, "some/where"));
    close_dir(&first);
    struct opened third = open_dir(path); /* the lock ended with its descriptor */
    assert_int_equal(third.rc, 0);
    close_dir(&third);
    scratch_remove(&s);
}

static void test_unusable_places(void **state)
{
    struct scratch s;
    char path[PATH_MAX], longer[2 * PATH_MAX];
    scratch_make(&s);
    scratch_write(&s, "file", STR("x"));
    struct opened o = open_dir(scratch_path(&s, "file/state", path));
    assert_int_equal(o.rc, -1);
    assert_int_equal(o.exit_code, EXIT_CANNOT_WRITE);
    assert_non_null(strstr(o.why, path));
    assert_non_null(strstr(o.why, strerror(ENOTDIR)));
    o = open_dir(scratch_path(&s, "file", path));
    assert_int_equal(o.rc, -1);
    memset(longer, 'x', sizeof(longer));
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    o = open_dir(longer);
    assert_int_equal(o.rc, -1);
    /* a lock that is a link could make us write elsewhere */
    assert_int_equal(mkdirat(s.fd, "linked", 0700), 0);
    assert_int_equal(symlinkat("../file", s.fd, "linked/lock"), 0);
    o = open_dir(scratch_path(&s, "linked", path));
    assert_int_equal(o.rc, -1);
    scratch_remove(&s);
}

/* As a user who may not write there. */
static void test_unwritable_parent(void **state)
{
    struct scratch s;
    char path[PATH_MAX];
    int status;
    scratch_make(&s);
    scratch_path(&s, "closed/state", path);
    assert_int_equal(mkdirat(s.fd, "closed", 0755), 0);
    assert_int_equal(fchmodat(s.fd, "closed", 0555, 0), 0);
    assert_int_equal(chmod(s.path, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(9);
        struct opened o = open_dir(path);
        _exit(o.rc == -1 && o.exit_code == EXIT_CANNOT_WRITE && strstr(o.why, strerror(EACCES))
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(fchmodat(s.fd, "closed", 0755, 0), 0);
    scratch_remove(&s);
}

static void test_directories_below(void **state)
{
    struct scratch s;
    scratch_make(&s);
    int first = state_dir_sub(s.fd, "spool"), again = state_dir_sub(s.fd, "spool");
    assert_true(first >= 0 && again >= 0);
    close(first);
    close(again);
    scratch_write(&s, "file", STR("x"));
    assert_int_equal(state_dir_sub(s.fd, "file"), -1);
    assert_int_equal(symlinkat("spool", s.fd, "link"), 0);
    assert_int_equal(state_dir_sub(s.fd, "link"), -1);
    scratch_remove(&s);
}

static void assert_content(const struct scratch *s, const char *name, const char *want)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(state_read_file(s->fd, name, &b), 0);
    if (!str_eq(buf_str(&b), str_of(want)))
        fail_msg("'%.*s' instead of '%s'", STR_ARGS(buf_str(&b)), want);
    buf_release(&b);
}

static const struct write_points no_points = {"t.before", "t.opened",  "t.write", "t.written",
                                              "t.synced", "t.renamed", "t.names"};

static void test_writing_and_reading(void **state)
{
    struct scratch s;
    struct stat st;
    struct buf b;
    char name[300];
    scratch_make(&s);
    assert_int_equal(state_write_file(s.fd, "f", STR("head,"), STR("body"), &no_points), 0);
    assert_content(&s, "f", "head,body");
    assert_int_equal(fstatat(s.fd, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(state_write_file(s.fd, "f", STR("x"), STR_NONE, &no_points), 0);
    assert_content(&s, "f", "x");
    assert_int_equal(state_write_file(s.fd, "f", STR(""), STR_NONE, &no_points), 0);
    assert_content(&s, "f", "");
    assert_false(scratch_has(&s, "f.new"));
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(state_write_file(s.fd, name, STR("x"), STR_NONE, &no_points), ENAMETOOLONG);
    assert_int_equal(state_write_file(s.fd, "no/f", STR("x"), STR_NONE, &no_points), ENOENT);
    assert_int_equal(state_remove_file(s.fd, "f", "t.unlinked"), 0);
    assert_int_equal(state_remove_file(s.fd, "f", "t.unlinked"), 0);
    buf_init(&b, 10);
    assert_int_equal(state_read_file(s.fd, "f", &b), ENOENT);
    buf_release(&b);
    scratch_remove(&s);
}

static void test_what_is_not_read(void **state)
{
    struct scratch s;
    struct buf b;
    scratch_make(&s);
    buf_init(&b, 4);
    scratch_write(&s, "five", STR("12345"));
    scratch_write(&s, "four", STR("1234"));
    assert_int_equal(symlinkat("four", s.fd, "link"), 0);
    assert_int_equal(mkfifoat(s.fd, "fifo", 0600), 0);
    assert_int_equal(state_read_file(s.fd, "five", &b), EFBIG);
    assert_int_equal(state_read_file(s.fd, "link", &b), ELOOP);
    assert_int_equal(state_read_file(s.fd, "fifo", &b), EINVAL); /* and does not wait for it */
    assert_int_equal(state_read_file(s.fd, ".", &b), EINVAL);
    assert_int_equal(b.n, 0);
    assert_int_equal(state_read_file(s.fd, "four", &b), 0);
    assert_true(str_eq(buf_str(&b), STR("1234")));
    buf_release(&b);
    scratch_remove(&s);
}

/* What a crash left: it is written over, and never read for the file. */
static void test_leftovers(void **state)
{
    struct scratch s;
    scratch_make(&s);
    scratch_write(&s, "f", STR("good"));
    scratch_write(&s, "f.new", STR("a much longer text that was cut off"));
    assert_content(&s, "f", "good");
    assert_int_equal(state_write_file(s.fd, "f", STR("new"), STR_NONE, &no_points), 0);
    assert_content(&s, "f", "new");
    assert_false(scratch_has(&s, "f.new"));
    assert_int_equal(symlinkat("elsewhere", s.fd, "f.new"), 0); /* not ours: not written through */
    assert_int_equal(state_write_file(s.fd, "f", STR("newer"), STR_NONE, &no_points), 0);
    assert_content(&s, "f", "newer");
    assert_false(scratch_has(&s, "elsewhere"));
    scratch_remove(&s);
}

/* Root in a directory of another user: nothing that it makes is root's. */
static void test_owner(void **state)
{
    static const char *const made[] = {"theirs/jobs", "theirs/jobs/1", "theirs/jobs/1/lock",
                                       "theirs/jobs/1/spool", "theirs/jobs/1/f"};
    struct scratch s;
    struct stat st;
    char path[PATH_MAX];
    if (geteuid() != 0)
        skip();
    scratch_make(&s);
    assert_int_equal(mkdirat(s.fd, "theirs", 0700), 0);
    assert_int_equal(fchownat(s.fd, "theirs", 4711, 4712, 0), 0);
    struct opened o = open_dir(scratch_path(&s, "theirs/jobs/1", path));
    assert_int_equal(o.rc, 0);
    int sub = state_dir_sub(o.dir, "spool");
    assert_true(sub >= 0);
    assert_int_equal(state_write_file(o.dir, "f", STR("x"), STR_NONE, &no_points), 0);
    for (size_t i = 0; i < COUNT(made); i++) {
        assert_int_equal(fstatat(s.fd, made[i], &st, AT_SYMLINK_NOFOLLOW), 0);
        if (st.st_uid != 4711 || st.st_gid != 4712)
            fail_msg("%s belongs to %u", made[i], st.st_uid);
    }
    assert_int_equal(linkat(s.fd, "theirs/jobs/1/f", o.dir, "again", 0), 0);
    assert_int_equal(unlinkat(o.dir, "lock", 0), 0);
    assert_int_equal(linkat(o.dir, "f", o.dir, "lock", 0), 0);
    struct opened again = open_dir(path); /* a lock that is a hard link is another one's file */
    assert_int_equal(again.rc, -1);
    close(sub);
    close(o.dir);
    close(o.lock);
    scratch_remove(&s);
}

#ifdef LOGFERRY_FAULTS
static void test_full_disk(void **state)
{
    static const struct {
        struct write_points points;
        int error;
    } table[] = {
        {{"t", "t", "full.write", "t", "t", "t", "t"}, ENOSPC}, /* at the first byte */
        {{"t", "t", "half.write", "t", "t", "t", "t"}, ENOSPC}, /* between head and body */
        {{"t", "t", "io.write", "t", "t", "t", "t"}, EIO},
        {{"t", "t", "io.write", "t", "t", "t", "t"}, EIO},
    };
    struct scratch s;
    scratch_make(&s);
    scratch_write(&s, "f", STR("before"));
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_int_equal(state_write_file(s.fd, "f", STR("head"), STR("body"), &table[i].points),
                         table[i].error);
        assert_content(&s, "f", "before");
        assert_false(scratch_has(&s, "f.new"));
    }
    for (size_t i = 0; i < COUNT(table); i++) /* there is room again */
        assert_int_equal(state_write_file(s.fd, "f", STR("he"), STR("ad"), &table[i].points), 0);
    assert_content(&s, "f", "head");
    scratch_remove(&s);
}

/* Killed at each point: the old content or the new, never another; the next write succeeds. */
static void test_crashes(void **state)
{
    static const struct {
        struct write_points points;
        const char *want;
    } table[] = {
        {{"c1.before", "t", "t", "t", "t", "t", "t"}, "before"},
        {{"t", "c5.opened", "t", "t", "t", "t", "t"}, "before"},
        {{"t", "t", "t", "c2.written", "t", "t", "t"}, "before"},
        {{"t", "t", "t", "t", "c3.synced", "t", "t"}, "before"},
        {{"t", "t", "t", "t", "t", "c4.renamed", "t"}, "headbody"},
        {{"t", "t", "t", "t", "t", "t", "c6.names"}, "headbody"},
    };
    struct scratch s;
    int status;
    scratch_make(&s);
    for (size_t i = 0; i < COUNT(table); i++) {
        scratch_write(&s, "f", STR("before"));
        pid_t child = fork();
        if (child == 0) {
            state_write_file(s.fd, "f", STR("head"), STR("body"), &table[i].points);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 137);
        assert_content(&s, "f", table[i].want);
        assert_int_equal(state_write_file(s.fd, "f", STR("after"), STR_NONE, &no_points), 0);
        assert_content(&s, "f", "after");
        assert_false(scratch_has(&s, "f.new"));
    }
    scratch_remove(&s);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_making_and_locking),  cmocka_unit_test(test_unusable_places),
        cmocka_unit_test(test_unwritable_parent),   cmocka_unit_test(test_directories_below),
        cmocka_unit_test(test_writing_and_reading), cmocka_unit_test(test_what_is_not_read),
        cmocka_unit_test(test_leftovers),           cmocka_unit_test(test_owner),
#ifdef LOGFERRY_FAULTS
        cmocka_unit_test(test_full_disk),           cmocka_unit_test(test_crashes),
#endif
    };
    setenv("LOGFERRY_FAULT", FAULTS, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
