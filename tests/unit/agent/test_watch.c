/* What inotify tells of directories, by every name under which they are watched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ev.h>

#include "agent/watch.h"
#include "tests/unit/agent/scratch.h"

struct bench {
    struct scratch dir;
    struct ev_loop *loop;
    struct watch *watch;
    struct buf told; /* "n PATH" a name, "w PATH" bytes, a line each, below the scratch directory */
};

static void tell(struct bench *b, char what, const char *path)
{
    assert_true(str_starts(str_of(path), str_of(b->dir.path)));
    buf_printf(&b->told, "%c %s\n", what, path + strlen(b->dir.path) + 1);
}

static void on_written(void *context, const char *path)
{
    tell(context, 'w', path);
}

static void on_names(void *context, const char *path, bool directory)
{
    tell(context, directory ? 'd' : 'n', path);
}

static void on_overflow(void *context)
{
    fail_msg("the queue of inotify was full");
}

static void bench_make(struct bench *b)
{
    *b = (struct bench){.loop = ev_loop_new(EVFLAG_AUTO)};
    const struct watch_events events = {b, on_written, on_names, on_overflow};
    scratch_make(&b->dir);
    buf_init(&b->told, 4096);
    b->watch = watch_new(b->loop, &events);
    assert_non_null(b->watch);
}

static void bench_release(struct bench *b)
{
    watch_free(b->watch);
    ev_loop_destroy(b->loop);
    buf_release(&b->told);
    scratch_remove(&b->dir);
}

static int watch(struct bench *b, const char *name, bool files)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", b->dir.path, name);
    return watch_directory(b->watch, path, files);
}

static void assert_told(struct bench *b, const char *want)
{
    ev_run(b->loop, EVRUN_NOWAIT);
    assert_string_equal(b->told.n ? buf_cstr(&b->told) : "", want);
    buf_reset(&b->told);
}

static void test_names_and_bytes(void **state)
{
    struct bench b;
    bench_make(&b);
    assert_int_equal(mkdirat(b.dir.fd, "logs", 0700), 0);
    assert_int_equal(watch(&b, "logs", false), 1);
    assert_int_equal(watch(&b, "logs", false), 0);
    scratch_write(&b.dir, "logs/a", STR("one\n"));
    assert_told(&b, "n logs/a\n");
    assert_int_equal(watch(&b, "logs", true), 0); /* from now on bytes, too */
    scratch_write(&b.dir, "logs/b", STR("two\n"));
    assert_told(&b, "n logs/b\nw logs/b\n");
    assert_int_equal(mkdirat(b.dir.fd, "logs/c", 0700), 0);
    assert_int_equal(renameat(b.dir.fd, "logs/a", b.dir.fd, "logs/d"), 0);
    assert_told(&b, "d logs/c\nn logs/a\nn logs/d\n");
    assert_int_equal(watch(&b, "missing", true), -1);
    bench_release(&b);
}

/* One watch of the kernel; each name is told, as a source knows its files by it. */
static void test_one_directory_by_two_names(void **state)
{
    struct bench b;
    bench_make(&b);
    assert_int_equal(mkdirat(b.dir.fd, "real", 0700), 0);
    assert_int_equal(symlinkat("real", b.dir.fd, "link"), 0);
    assert_int_equal(watch(&b, "real", true), 1);
    assert_int_equal(watch(&b, "link", true), 1);
    assert_int_equal(watch(&b, "real", true), 0);
    assert_int_equal(watch(&b, "link", true), 0);
    scratch_write(&b.dir, "real/a", STR("one\n"));
    assert_told(&b, "n real/a\nn link/a\nw real/a\nw link/a\n");
    bench_release(&b);
}

/* A directory that went elsewhere, or away, is told and forgotten, by each of its names. */
static void test_gone(void **state)
{
    for (int moved = 0; moved < 2; moved++) {
        struct bench b;
        bench_make(&b);
        assert_int_equal(mkdirat(b.dir.fd, "real", 0700), 0);
        assert_int_equal(symlinkat("real", b.dir.fd, "link"), 0);
        assert_int_equal(watch(&b, "real", true), 1);
        assert_int_equal(watch(&b, "link", true), 1);
        if (moved)
            assert_int_equal(renameat(b.dir.fd, "real", b.dir.fd, "other"), 0);
        else
            assert_int_equal(unlinkat(b.dir.fd, "real", AT_REMOVEDIR), 0);
        assert_told(&b, "d real\nd link\n");
        if (moved)
            scratch_write(&b.dir, "other/a", STR("one\n"));
        assert_told(&b, "");
        assert_int_equal(mkdirat(b.dir.fd, "real", 0700), 0);
        assert_int_equal(watch(&b, "real", true), 1);
        scratch_write(&b.dir, "real/a", STR("one\n"));
        assert_told(&b, "n real/a\nw real/a\n");
        bench_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_bytes),
        cmocka_unit_test(test_one_directory_by_two_names),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
