/*
 * scratch.h - for tests of the agent: a directory of their own, files in it, gzip, a small random
 * generator. Included after cmocka.
 */
#ifndef LOGFERRY_TESTS_SCRATCH_H
#define LOGFERRY_TESTS_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "parsers/base/bytes.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct scratch {
    char path[64];
    int fd;
};

static inline void scratch_make(struct scratch *s)
{
    snprintf(s->path, sizeof(s->path), "/tmp/logferry-test-XXXXXX");
    assert_non_null(mkdtemp(s->path));
    s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(s->fd >= 0);
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int kind,
                                     struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void scratch_remove(struct scratch *s)
{
    close(s->fd);
    assert_int_equal(nftw(s->path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* "<directory>/<name>"; valid until `to` is used again. */
static inline const char *scratch_path(const struct scratch *s, const char *name, char to[PATH_MAX])
{
    snprintf(to, PATH_MAX, "%s/%s", s->path, name);
    return to;
}

static inline void scratch_put(const struct scratch *s, const char *name, int flags,
                               struct str content)
{
    int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    assert_true(fd >= 0);
    while (content.n) {
        ssize_t n = write(fd, content.p, content.n);
        assert_true(n > 0);
        content = str_slice(content, (size_t)n, content.n);
    }
    close(fd);
}

static inline void scratch_write(const struct scratch *s, const char *name, struct str content)
{
    scratch_put(s, name, O_TRUNC, content);
}

static inline void scratch_append(const struct scratch *s, const char *name, struct str content)
{
    scratch_put(s, name, O_APPEND, content);
}

static inline int scratch_open(const struct scratch *s, const char *name)
{
    int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static inline bool scratch_has(const struct scratch *s, const char *name)
{
    struct stat st;
    return fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void scratch_read(const struct scratch *s, const char *name, struct buf *to)
{
    int fd = scratch_open(s, name);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    char *p = buf_reserve(to, (size_t)st.st_size + 1);
    assert_non_null(p);
    assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
    to->n += (size_t)st.st_size;
    close(fd);
}

/* Appends s as one gzip member. */
static inline void put_gzip(struct buf *to, struct str s)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&z, s.n);
    char *p = buf_reserve(to, bound);
    assert_non_null(p);
    z.next_in = (unsigned char *)(uintptr_t)s.p;
    z.avail_in = (unsigned)s.n;
    z.next_out = (unsigned char *)p;
    z.avail_out = (unsigned)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->n += z.total_out;
    deflateEnd(&z);
}

static inline void put_repeated(struct buf *to, char c, size_t n)
{
    char *p = n ? buf_reserve(to, n) : NULL;
    if (!n)
        return;
    assert_non_null(p);
    memset(p, c, n);
    to->n += n;
}

/* xorshift64: the same numbers at each run. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
