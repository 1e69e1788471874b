/*
 * sys.h - the system calls that state on disk is made of: the agent's directory, and the server's
 * store (server/store_sqlite_sys.c). In a release build these are the calls themselves. In a test
 * build (SAN=1) each can fail, be torn, be left out, or be the last (fault.h), and with
 * LOGFERRY_JOURNAL=FILE each that changed something is appended to FILE, for tests/powerloss.
 *
 * A journal is one record a call, in the order in which the calls took effect in the process; all
 * numbers little-endian:
 *
 *     u32 bytes that follow, u8 version 1, u8 operation, u32 pid, u32 object, u64 CLOCK_MONOTONIC
 * ns when it was done, u64 offset, length or flags, u16 bytes of path, u16 bytes of second path,
 *     path, second path, data
 *
 *     1 open    object is from now on that path; flags as open(2) has them
 *     2 write   data at offset            3 truncate  to that length
 *     4 sync    the file, or the directory
 *     5 rename  path to second path       6 unlink    path (flag 1: a directory)
 *     7 mkdir   path
 *
 * To change it: another version, here and in tests/powerloss/journal.py; no journal outlives a
 * test.
 */
#ifndef LOGFERRY_BASE_SYS_H
#define LOGFERRY_BASE_SYS_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef LOGFERRY_FAULTS
int sys_openat(int dir, const char *path, int flags, mode_t mode);
ssize_t sys_read(int fd, void *p, size_t n);
ssize_t sys_write(int fd, const void *p, size_t n);
ssize_t sys_pwrite(int fd, const void *p, size_t n, off_t at);
int sys_ftruncate(int fd, off_t n);
int sys_fsync(int fd); /* sys.fsync, or sys.fsync_dir when it is a directory */
int sys_close(int fd);
int sys_renameat(int from_dir, const char *from, int to_dir, const char *to);
int sys_unlinkat(int dir, const char *path, int flags);
int sys_mkdirat(int dir, const char *path, mode_t mode);
#else
static inline int sys_openat(int dir, const char *path, int flags, mode_t mode)
{
    return openat(dir, path, flags, mode);
}
static inline ssize_t sys_read(int fd, void *p, size_t n)
{
    return read(fd, p, n);
}
static inline ssize_t sys_write(int fd, const void *p, size_t n)
{
    return write(fd, p, n);
}
static inline ssize_t sys_pwrite(int fd, const void *p, size_t n, off_t at)
{
    return pwrite(fd, p, n, at);
}
static inline int sys_ftruncate(int fd, off_t n)
{
    return ftruncate(fd, n);
}
static inline int sys_fsync(int fd)
{
    return fsync(fd);
}
static inline int sys_close(int fd)
{
    return close(fd);
}
static inline int sys_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat(from_dir, from, to_dir, to);
}
static inline int sys_unlinkat(int dir, const char *path, int flags)
{
    return unlinkat(dir, path, flags);
}
static inline int sys_mkdirat(int dir, const char *path, mode_t mode)
{
    return mkdirat(dir, path, mode);
}
#endif

#endif
