/* store_dir.c - the store's directory: made, found, locked. */
#include "server/store_dir.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

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
        buf_printf(error, "cannot open %s/lock: %s; run this as the store's owner", dir,
                   strerror(errno));
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        *failure = STORE_LOCKED;
        buf_printf(error,
                   "the store in %s is in use by another logferry-server; stop that one, "
                   "or give another store with --store DIR",
                   dir);
        sys_close(fd);
        fd = -1;
    }
    fault_point("store.after_lock");
    buf_release(&path);
    return fd;
}
