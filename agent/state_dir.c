/* state_dir.c - see state_dir.h. */
#include "agent/state_dir.h"

#include "config/exit_codes.h"
#include "parsers/base/fault.h"
#include "parsers/base/sys.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>

/* The name of a directory outlasts a power failure only when the directory above it is synced.
 * Above ours may lie one that we may not read; then its file system must do without. */
static int sync_above(const char *path)
{
    char above[4096];
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n && path[n - 1] != '/')
        n--;
    memcpy(above, path, n);
    above[n] = '\0';
    int fd = sys_openat(AT_FDCWD, n ? above : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return errno == EACCES ? 0 : errno;
    int rc = sys_fsync(fd) && errno != EINVAL && errno != EROFS ? errno : 0;
    sys_close(fd);
    return rc;
}

/* Root makes files for whom the directory belongs to: what it leaves behind, the service can use.
 * Only what this process has made, by its descriptor: nobody can put another file in its place. */
static int give_away(int fd, int dir_fd)
{
    struct stat dir, st;
    if (geteuid() != 0)
        return 0;
    if (fstat(dir_fd, &dir) || fstat(fd, &st))
        return -1;
    return dir.st_uid == 0 || st.st_uid != 0 ? 0 : fchown(fd, dir.st_uid, dir.st_gid);
}

/* A directory that was just made is there after a power failure. Its parent may be one that we may
 * not read; then its file system must do without. */
static int sync_parent(int parent)
{
    int fd = sys_openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return errno == EACCES ? 0 : -1;
    int rc = sys_fsync(fd) && errno != EINVAL && errno != EROFS ? -1 : 0;
    sys_close(fd);
    return rc;
}

/* Opens a directory, made when it is missing. -1: errno. */
static int enter(int parent, const char *name, int flags)
{
    bool made = sys_mkdirat(parent, name, 0700) == 0;
    int error = made ? 0 : errno;
    if (!made && error != EEXIST && error != EROFS && error != EACCES)
        return -1;
    if (made)
        fault_point("state.after_mkdir");
    int fd = sys_openat(parent, name, O_DIRECTORY | O_CLOEXEC | (made ? O_NOFOLLOW : flags), 0);
    if (fd >= 0 && made && (give_away(fd, parent) || sync_parent(parent))) {
        sys_close(fd);
        return -1;
    }
    if (fd < 0 && errno == ENOENT && error)
        errno = error; /* why it could not be made says more */
    return fd;
}

/* Opens the directory `path` and makes what is missing of it. -1: errno. */
static int open_path(const char *path)
{
    char part[4096];
    struct str rest = str_of(path);
    int dir = sys_openat(AT_FDCWD, rest.n && rest.p[0] == '/' ? "/" : ".",
                         O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    while (dir >= 0 && rest.n) {
        struct str name = str_cut(&rest, '/');
        while (rest.n && rest.p[0] == '/')
            rest = str_slice(rest, 1, rest.n);
        if (!name.n)
            continue;
        int n = snprintf(part, sizeof(part), "%.*s", STR_ARGS(name));
        int next = n < (int)sizeof(part) ? enter(dir, part, rest.n ? O_PATH : O_RDONLY) : -1;
        int error = n < (int)sizeof(part) ? errno : ENAMETOOLONG;
        sys_close(dir);
        errno = error;
        dir = next;
    }
    return dir;
}

static int refuse(struct buf *why, int *exit_code, const char *path, const char *what,
                  const char *mend)
{
    *exit_code = EXIT_CANNOT_WRITE;
    buf_printf(why, "state directory %s: %s; %s", path, what, mend);
    return -1;
}

/* Who holds the lock, as he wrote it there. */
static void read_holder(int fd, char *text, size_t n)
{
    ssize_t got = pread(fd, text, n - 1, 0);
    text[got > 0 ? got : 0] = '\0';
}

/* A file that could be another one's under this name is not written to. */
static int open_lock(int dir)
{
    struct stat st;
    int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 && give_away(fd, dir)) {
        close(fd);
        return -1;
    }
    if (fd >= 0 || errno != EEXIST)
        return fd;
    fd = openat(dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink > 1)) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

static int take_lock(const char *path, int dir, struct buf *why, int *exit_code)
{
    char holder[64];
    fault_point("state.before_lock");
    int fd = open_lock(dir);
    if (fd < 0)
        return refuse(why, exit_code, path, strerror(errno),
                      "give --state-dir a directory that you may write");
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        read_holder(fd, holder, sizeof(holder));
        sys_close(fd);
        *exit_code = EXIT_CANNOT_WRITE;
        buf_printf(why,
                   "state directory %s is in use by process %s; stop it, or give --state-dir "
                   "another directory",
                   path, holder);
        return -1;
    }
    int n = snprintf(holder, sizeof(holder), "%ld", (long)getpid());
    if (sys_ftruncate(fd, 0) || sys_pwrite(fd, holder, (size_t)n, 0) != n) {
        /* a full disk: the lock holds all the same, only its label is missing */
    }
    fault_point("state.after_lock");
    return fd;
}

int state_dir_open(const char *path, int *dir_fd, int *lock_fd, struct buf *why, int *exit_code)
{
    int rc = 0, dir = open_path(path);
    if (dir >= 0 && (rc = sync_above(path))) {
        sys_close(dir);
        dir = -1;
        errno = rc;
    }
    if (dir < 0)
        return refuse(why, exit_code, path, strerror(errno),
                      "give --state-dir a directory that you may write");
    int lock = take_lock(path, dir, why, exit_code);
    if (lock < 0) {
        sys_close(dir);
        return -1;
    }
    *dir_fd = dir;
    *lock_fd = lock;
    return 0;
}

int state_dir_sub(int dir_fd, const char *name)
{
    int fd = enter(dir_fd, name, O_RDONLY | O_NOFOLLOW);
    /* Its own name, and what a process that was killed has left in it: from now on all counts. */
    if (fd >= 0 && (sys_fsync(dir_fd) || sys_fsync(fd))) {
        int error = errno;
        sys_close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int write_all(int fd, struct str s, const char *point)
{
    while (s.n) {
        ssize_t n = fault_fails(point) ? -1 : sys_write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        s = str_slice(s, (size_t)n, s.n);
    }
    return 0;
}

static int write_new(int fd, struct str head, struct str body, const struct write_points *points)
{
    fault_point(points->after_open);
    int rc = write_all(fd, head, points->write);
    if (!rc)
        rc = write_all(fd, body, points->write);
    fault_point(points->after_write);
    if (!rc && sys_fsync(fd))
        rc = errno;
    return rc;
}

static int sync_names(int dir_fd, const struct write_points *points)
{
    if (sys_fsync(dir_fd))
        return errno;
    fault_point(points->after_sync);
    return 0;
}

int state_write_file(int dir_fd, const char *name, struct str head, struct str body,
                     const struct write_points *points)
{
    char temporary[256];
    int n = snprintf(temporary, sizeof(temporary), "%s.new", name);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return ENAMETOOLONG;
    fault_point(points->before_write);
    if (sys_unlinkat(dir_fd, temporary, 0) && errno != ENOENT) /* a dead process's */
        return errno;
    int fd = sys_openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int rc = give_away(fd, dir_fd) ? errno : write_new(fd, head, body, points);
    if (sys_close(fd) && !rc)
        rc = errno;
    fault_point(points->after_fsync);
    if (!rc && sys_renameat(dir_fd, temporary, dir_fd, name))
        rc = errno;
    if (rc) {
        sys_unlinkat(dir_fd, temporary, 0);
        return rc;
    }
    fault_point(points->after_rename);
    return sync_names(dir_fd, points);
}

static int check_file(int fd, size_t max, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st))
        return errno;
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    if (st.st_uid != geteuid() && geteuid() != 0)
        return EPERM;
    if ((uint64_t)st.st_size > max)
        return EFBIG;
    *size = (size_t)st.st_size;
    return 0;
}

int state_read_file(int dir_fd, const char *name, struct buf *out)
{
    size_t size = 0, got = 0;
    int fd = sys_openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    int rc = check_file(fd, out->max, &size);
    char *p = rc ? NULL : buf_reserve(out, size);
    if (!rc && !p)
        rc = ENOMEM;
    while (!rc && got < size) {
        ssize_t n = sys_read(fd, p + got, size - got);
        if (n <= 0) {
            rc = n < 0 ? errno : 0;
            break;
        }
        got += (size_t)n;
    }
    out->n += got;
    sys_close(fd);
    return rc;
}

int state_remove_file(int dir_fd, const char *name, const char *after_unlink)
{
    if (sys_unlinkat(dir_fd, name, 0) && errno != ENOENT)
        return errno;
    fault_point(after_unlink);
    return sys_fsync(dir_fd) ? errno : 0;
}
