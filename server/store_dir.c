/* store_dir.c - the store's directory: made, found, locked. */
#include "server/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "parsers/base/fault.h"
#include "parsers/base/sys.h"

static enum store_failure failure_of(int error)
{
    return error == EACCES || error == EPERM ? STORE_DENIED : STORE_CANNOT;
}

/* The directory's name, and those in it, outlast a power failure only when synced: at each start,
 * because what is there may have been made by a process that was killed before it did. Above may be
 * a directory that we may not read. */
static int sync_directory(const char *path)
{
    int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return errno == EACCES ? 0 : -1;
    int status = sys_fsync(fd) && errno != EINVAL && errno != EROFS ? -1 : 0;
    int error = errno;
    sys_close(fd);
    errno = error;
    return status;
}

static int sync_names(const char *dir)
{
    struct buf above;
    buf_init(&above, 4096);
    buf_printf(&above, "%s/..", dir);
    int status = buf_cstr(&above) ? sync_directory(buf_cstr(&above)) : -1;
    buf_release(&above);
    return status ? status : sync_directory(dir);
}

int store_make_directory(const char *dir, bool create, struct buf *error,
                         enum store_failure *failure)
{
    struct stat st;
    if (create && sys_mkdirat(AT_FDCWD, dir, 0700) != 0 && errno != EEXIST) {
        *failure = failure_of(errno);
        buf_printf(error,
                   "cannot make the store's directory %s: %s; make its parent, or give "
                   "another one with --store DIR",
                   dir, strerror(errno));
        return -1;
    }
    fault_point("store.after_mkdir");
    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (sync_names(dir) == 0)
            return 0;
        *failure = failure_of(errno);
        buf_printf(error, "cannot sync the store's directory %s: %s; mend its disk", dir,
                   strerror(errno));
        return -1;
    }
    *failure = errno == EACCES ? STORE_DENIED : STORE_MISSING;
    buf_printf(error, "no store in %s; make one: logferry-server init --store %s", dir, dir);
    return -1;
}

/* The process that /proc/locks names for this file; 0: it names none (another namespace, or a file
 * system whose device numbers differ). */
static long lock_holder(int fd)
{
    struct stat st;
    char line[256], name[64];
    long pid = 0;
    FILE *locks = fstat(fd, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
    if (!locks)
        return 0;
    snprintf(name, sizeof(name), " %02x:%02x:%llu ", major(st.st_dev), minor(st.st_dev),
             (unsigned long long)st.st_ino);
    while (pid == 0 && fgets(line, sizeof(line), locks)) {
        const char *file = strstr(line, name), *words = strstr(line, "FLOCK");
        const char *write = words ? strstr(words, "WRITE ") : NULL;
        if (file && write)
            pid = strtol(write + strlen("WRITE "), NULL, 10);
    }
    fclose(locks);
    return pid;
}

static void put_holder(int fd, const char *dir, struct buf *error)
{
    long pid = lock_holder(fd);
    buf_printf(error, "the store in %s is in use by another logferry-server", dir);
    if (pid > 0)
        buf_printf(error, ", process %ld", pid);
    buf_lit(error, "; stop that one, or give another store with --store DIR");
}

int store_take_lock(const char *dir, struct buf *error, enum store_failure *failure)
{
    struct buf path;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/lock", dir);
    const char *name = buf_cstr(&path);
    int fd =
        name ? sys_openat(AT_FDCWD, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd < 0) {
        *failure = failure_of(errno);
        buf_printf(error, "cannot open %s/lock: %s; %s", dir, strerror(errno),
                   errno == ELOOP || errno == EISDIR ? "it must be a plain file: move it away"
                                                     : "run this as the store's owner");
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        *failure = STORE_LOCKED;
        put_holder(fd, dir, error);
        sys_close(fd);
        fd = -1;
    }
    fault_point("store.after_lock");
    buf_release(&path);
    return fd;
}

bool store_was_moved(const char *path)
{
    struct buf aside;
    buf_init(&aside, 4096);
    buf_printf(&aside, "%s.replaced", path);
    bool moved = buf_cstr(&aside) && access(aside.p, F_OK) == 0 && access(path, F_OK) != 0;
    buf_release(&aside);
    return moved;
}

void store_put_missing(const char *path, struct buf *error)
{
    if (store_was_moved(path))
        buf_printf(error,
                   "%s is not there, but %s.replaced is: a restore was ended before its end; give "
                   "it again: logferry-server restore FILE",
                   path, path);
    else
        buf_printf(error, "no store in %s; make one: logferry-server init", path);
}

/* 0, or -1. */
static int check_plain(const char *path, bool write, struct buf *error, enum store_failure *failure)
{
    struct stat st;
    *failure = STORE_CANNOT;
    if (lstat(path, &st) != 0)
        return 0;
    if (S_ISLNK(st.st_mode)) {
        buf_printf(error,
                   "%s is a symbolic link; put the file itself there, or give the directory that "
                   "it is in with --store DIR",
                   path);
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        buf_printf(error, "%s is no plain file; move it away", path);
        return -1;
    }
    if (faccessat(AT_FDCWD, path, write ? R_OK | W_OK : R_OK, AT_EACCESS) == 0)
        return 0;
    *failure = STORE_DENIED;
    buf_printf(error,
               "may not %s %s, which belongs to user %u: %s; run this as that user, or give the "
               "file to the owner of its directory with chown",
               write ? "write" : "read", path, (unsigned)st.st_uid, strerror(errno));
    return -1;
}

int store_check_file(const char *path, bool write, struct buf *error, enum store_failure *failure)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    struct buf name;
    int status = 0;
    buf_init(&name, 4096);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && status == 0; i++) {
        buf_reset(&name);
        buf_printf(&name, "%s%s", path, ends[i]);
        status = buf_cstr(&name) ? check_plain(name.p, write, error, failure) : 0;
    }
    buf_release(&name);
    return status;
}
