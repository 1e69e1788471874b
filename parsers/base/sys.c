/* sys.c - the calls of sys.h in a test build: faults, and the journal. */
#include "parsers/base/sys.h"

#ifdef LOGFERRY_FAULTS

#include "parsers/base/fault.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define JOURNAL_VERSION 1
#define MAX_FD 4096

enum operation { OP_OPEN = 1, OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_RENAME, OP_UNLINK, OP_MKDIR };

/* ---- the journal -------------------------------------------------------------------------- */

/* Held over a call and its record, so that records stand in the order of what they tell. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t open_once = PTHREAD_ONCE_INIT;
static int journal = -1;
static uint32_t objects[MAX_FD]; /* by descriptor; 0: none of ours */
static uint32_t next_object = 1;

struct record {
    enum operation operation;
    int fd;
    uint64_t number; /* offset, length or flags */
    const char *path, *second;
    const void *data;
    size_t n;
};

static void open_journal(void)
{
    const char *path = getenv("LOGFERRY_JOURNAL");
    if (!path || !path[0])
        return;
    journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) {
        perror("LOGFERRY_JOURNAL");
        _exit(64);
    }
}

static void begin(void)
{
    pthread_once(&open_once, open_journal);
    if (journal >= 0)
        pthread_mutex_lock(&order);
}

static void end(void)
{
    int saved = errno;
    if (journal >= 0)
        pthread_mutex_unlock(&order);
    errno = saved;
}

static void put(unsigned char **p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*p)++ = (unsigned char)(value >> (8 * i));
}

static size_t length_of(const char *path)
{
    return path ? strlen(path) : 0;
}

static void append(const struct record *r)
{
    unsigned char head[64], *p = head;
    struct timespec t;
    size_t n_path = length_of(r->path), n_second = length_of(r->second);
    clock_gettime(CLOCK_MONOTONIC, &t);
    put(&p, 0, 4);
    put(&p, JOURNAL_VERSION, 1);
    put(&p, r->operation, 1);
    put(&p, (uint64_t)getpid(), 4);
    put(&p, r->fd >= 0 && r->fd < MAX_FD ? objects[r->fd] : 0, 4);
    put(&p, (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec, 8);
    put(&p, r->number, 8);
    put(&p, n_path, 2);
    put(&p, n_second, 2);
    size_t n_head = (size_t)(p - head);
    p = head;
    put(&p, n_head - 4 + n_path + n_second + r->n, 4);
    struct iovec parts[] = {{head, n_head},
                            {(void *)(uintptr_t)r->path, n_path},
                            {(void *)(uintptr_t)r->second, n_second},
                            {(void *)(uintptr_t)r->data, r->n}};
    ssize_t want = (ssize_t)(n_head + n_path + n_second + r->n);
    if (writev(journal, parts, 4) != want) { /* a journal with a hole would accuse the innocent */
        perror("LOGFERRY_JOURNAL");
        _exit(70);
    }
}

static void note(const struct record *r)
{
    int saved = errno;
    if (journal >= 0)
        append(r);
    errno = saved;
}

/* `path` below `dir`, from the root. */
static const char *whole_path(int dir, const char *path, char out[2 * PATH_MAX])
{
    char link[64] = "/proc/self/cwd";
    if (path[0] == '/' || journal < 0)
        return path;
    if (dir != AT_FDCWD)
        snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n < 0)
        return path;
    snprintf(out + n, (size_t)(2 * PATH_MAX - n), "/%s", path);
    return out;
}

/* ---- the calls ---------------------------------------------------------------------------- */

/* 0: make the call; 1: say that it was made; -1: it failed. */
static int suffer(const char *name)
{
    struct fault_tear tear;
    enum fault_verdict v = fault_call(name, &tear);
    return v == FAULT_FAIL ? -1 : v == FAULT_SKIP ? 1 : 0;
}

static int done(int rc, const char *point)
{
    end();
    if (rc >= 0)
        fault_point(point);
    return rc;
}

int sys_openat(int dir, const char *path, int flags, mode_t mode)
{
    char whole[2 * PATH_MAX];
    if (suffer("sys.open"))
        return -1;
    begin();
    int fd = openat(dir, path, flags, mode);
    if (fd >= 0 && fd < MAX_FD && journal >= 0) {
        objects[fd] = next_object++;
        note(&(struct record){.operation = OP_OPEN,
                              .fd = fd,
                              .number = (uint64_t)flags,
                              .path = whole_path(dir, path, whole)});
    }
    return done(fd, "sys.open.done");
}

ssize_t sys_read(int fd, void *p, size_t n)
{
    return suffer("sys.read") ? -1 : read(fd, p, n);
}

static ssize_t put_bytes(int fd, const void *p, size_t n, off_t at)
{
    begin();
    off_t offset = at < 0 && journal >= 0 ? lseek(fd, 0, SEEK_CUR) : at;
    ssize_t written = at < 0 ? write(fd, p, n) : pwrite(fd, p, n, at);
    if (written > 0)
        note(&(struct record){.operation = OP_WRITE,
                              .fd = fd,
                              .number = (uint64_t)offset,
                              .data = p,
                              .n = (size_t)written});
    end();
    return written;
}

static ssize_t tear_write(int fd, const void *p, size_t n, off_t at, const struct fault_tear *tear)
{
    size_t keep = tear->keep < n ? tear->keep : n;
    ssize_t written = keep ? put_bytes(fd, p, keep, at) : 0;
    if (tear->crash)
        fault_crash();
    if (tear->cut_short && keep)
        return written;
    errno = tear->cut_short ? ENOSPC : tear->error;
    return -1;
}

/* `at` -1: where the descriptor stands. */
static ssize_t write_at(int fd, const void *p, size_t n, off_t at)
{
    struct fault_tear tear;
    switch (fault_call("sys.write", &tear)) {
    case FAULT_FAIL:
        return -1;
    case FAULT_SKIP:
        return (ssize_t)n;
    case FAULT_TEAR:
        return tear_write(fd, p, n, at, &tear);
    case FAULT_NONE:
        break;
    }
    ssize_t written = put_bytes(fd, p, n, at);
    if (written >= 0)
        fault_point("sys.write.done");
    return written;
}

ssize_t sys_write(int fd, const void *p, size_t n)
{
    return write_at(fd, p, n, -1);
}

ssize_t sys_pwrite(int fd, const void *p, size_t n, off_t at)
{
    return write_at(fd, p, n, at);
}

int sys_ftruncate(int fd, off_t n)
{
    int verdict = suffer("sys.ftruncate");
    if (verdict)
        return verdict < 0 ? -1 : 0;
    begin();
    int rc = ftruncate(fd, n);
    if (rc == 0)
        note(&(struct record){.operation = OP_TRUNCATE, .fd = fd, .number = (uint64_t)n});
    return done(rc, "sys.ftruncate.done");
}

int sys_fsync(int fd)
{
    struct stat st;
    bool directory = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    int verdict = suffer(directory ? "sys.fsync_dir" : "sys.fsync");
    if (verdict)
        return verdict < 0 ? -1 : 0;
    begin();
    int rc = (int)syscall(SYS_fsync, fd);
    if (rc == 0)
        note(&(struct record){.operation = OP_SYNC, .fd = fd});
    return done(rc, directory ? "sys.fsync_dir.done" : "sys.fsync.done");
}

int sys_close(int fd)
{
    if (fd >= 0 && fd < MAX_FD && journal >= 0) {
        begin();
        objects[fd] = 0;
        end();
    }
    return close(fd);
}

int sys_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    char whole_from[2 * PATH_MAX], whole_to[2 * PATH_MAX];
    int verdict = suffer("sys.rename");
    if (verdict)
        return verdict < 0 ? -1 : 0;
    begin();
    int rc = renameat(from_dir, from, to_dir, to);
    if (rc == 0)
        note(&(struct record){.operation = OP_RENAME,
                              .fd = -1,
                              .path = whole_path(from_dir, from, whole_from),
                              .second = whole_path(to_dir, to, whole_to)});
    return done(rc, "sys.rename.done");
}

int sys_unlinkat(int dir, const char *path, int flags)
{
    char whole[2 * PATH_MAX];
    int verdict = suffer("sys.unlink");
    if (verdict)
        return verdict < 0 ? -1 : 0;
    begin();
    int rc = unlinkat(dir, path, flags);
    if (rc == 0)
        note(&(struct record){.operation = OP_UNLINK,
                              .fd = -1,
                              .number = (flags & AT_REMOVEDIR) != 0,
                              .path = whole_path(dir, path, whole)});
    return done(rc, "sys.unlink.done");
}

int sys_mkdirat(int dir, const char *path, mode_t mode)
{
    char whole[2 * PATH_MAX];
    int verdict = suffer("sys.mkdir");
    if (verdict)
        return verdict < 0 ? -1 : 0;
    begin();
    int rc = mkdirat(dir, path, mode);
    if (rc == 0)
        note(&(struct record){
            .operation = OP_MKDIR, .fd = -1, .path = whole_path(dir, path, whole)});
    return done(rc, "sys.mkdir.done");
}

#endif
