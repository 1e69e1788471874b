/*
 * store_sqlite_sys.c - in a test build, what SQLite asks of the system goes through
 * parsers/base/sys.h, so that a store can be failed, torn and journalled as the agent's files are.
 *
 * The table of the unix VFS has every call but fsync, which is met by its name
 * (parsers/base/fault_hooks.c). Nothing is written through a memory map but the -shm file, which no
 * recovery trusts: mmap_size is 0, and stays so.
 */
#include "server/store_sqlite_impl.h"

#ifdef LOGFERRY_FAULTS

#include <pthread.h>
#include <stdlib.h>

#include "parsers/base/sys.h"

static int on_open(const char *path, int flags, int mode)
{
    return sys_openat(AT_FDCWD, path, flags, (mode_t)mode);
}

static int on_unlink(const char *path)
{
    return sys_unlinkat(AT_FDCWD, path, 0);
}

static ssize_t on_pwrite(int fd, const void *p, size_t n, off_t at)
{
    return sys_pwrite(fd, p, n, at);
}

static void install(void)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {
        {"open", (sqlite3_syscall_ptr)on_open},
        {"close", (sqlite3_syscall_ptr)sys_close},
        {"read", (sqlite3_syscall_ptr)sys_read},
        {"write", (sqlite3_syscall_ptr)sys_write},
        {"pwrite", (sqlite3_syscall_ptr)on_pwrite},
        {"pwrite64", (sqlite3_syscall_ptr)on_pwrite},
        {"ftruncate", (sqlite3_syscall_ptr)sys_ftruncate},
        {"unlink", (sqlite3_syscall_ptr)on_unlink},
    };
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    int writers = 0;
    for (size_t i = 0; vfs && i < sizeof(calls) / sizeof(calls[0]); i++)
        if (vfs->xGetSystemCall(vfs, calls[i].name) &&
            vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call) == SQLITE_OK)
            writers += calls[i].name[0] == 'p';
    if (!writers)
        abort(); /* another SQLite: its tests would pass without testing anything */
}

void store_sys_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
}

#endif
