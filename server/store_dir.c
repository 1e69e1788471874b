/* store_dir.c - the store's directory: made, found, locked. */
#include "server/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum store_failure failure_of(int error)
{
    return error == EACCES || error == EPERM ? STORE_DENIED : STORE_CANNOT;
}

int store_make_directory(const char *dir, bool create, struct buf *error,
                         enum store_failure *failure)
{
    struct stat st;
    if (create && mkdir(dir, 0700) != 0 && errno != EEXIST) {
        *failure = failure_of(errno);
        buf_printf(error,
                   "cannot make the store's directory %s: %s; make its parent, or give "
                   "another one with --store DIR",
                   dir, strerror(errno));
        return -1;
    }
    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
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
    int fd = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
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
        close(fd);
        fd = -1;
    }
    buf_release(&path);
    return fd;
}
