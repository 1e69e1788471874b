/* agents_home.c - see agents_home.h. */
#include "agent/agents_home.h"

#include "parsers/base/sys.h"

#include <errno.h>
#include <stdlib.h>

#define PATH_BYTES 4096u

void agents_home_path(struct buf *path, const char *state_dir, const struct agent_config *c)
{
    if (!state_dir && c && str_is_set(c->agents_dir)) {
        buf_put_str(path, c->agents_dir);
        return;
    }
    buf_put_str(path, state_dir ? str_of(state_dir) : c ? c->state_dir : STR("/var/lib/logferry"));
    buf_lit(path, "/agents");
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* One read more. 0 at the end; -1: errno. */
static ssize_t read_some(int fd, struct buf *out)
{
    size_t left = out->max - out->n, room = left < 65536 ? left : 65536;
    char *to = room ? buf_reserve(out, room) : NULL;
    if (!to) {
        errno = room ? ENOMEM : EFBIG;
        return -1;
    }
    ssize_t n = sys_read(fd, to, room);
    out->n += n > 0 ? (size_t)n : 0;
    return n;
}

static int read_fd(int fd, struct buf *out)
{
    struct stat st;
    ssize_t n;
    if (fstat(fd, &st))
        return errno;
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    do
        n = read_some(fd, out);
    while (n > 0 || (n < 0 && errno == EINTR));
    return n ? errno : 0;
}

int agents_home_read(int dir_fd, const char *name, struct buf *out)
{
    int fd = sys_openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return errno;
    int rc = read_fd(fd, out);
    sys_close(fd);
    return rc;
}

static int write_all(int fd, struct str text)
{
    while (text.n) {
        ssize_t n = sys_write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : EIO;
        text = str_slice(text, (size_t)n, text.n);
    }
    return 0;
}

/* What root writes is the directory owner's, so that the service can replace it. */
static int finish(int fd, int dir_fd)
{
    struct stat dir;
    if (fchmod(fd, 0644))
        return errno;
    if (geteuid() == 0 && !fstat(dir_fd, &dir) && dir.st_uid && fchown(fd, dir.st_uid, dir.st_gid))
        return errno;
    return sys_fsync(fd) ? errno : 0;
}

int agents_home_write(int dir_fd, const char *name, struct str text)
{
    static const char fresh[] = ".new";
    sys_unlinkat(dir_fd, fresh, 0); /* of an update that was killed */
    int fd = sys_openat(dir_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int rc = write_all(fd, text);
    if (!rc)
        rc = finish(fd, dir_fd);
    sys_close(fd);
    if (!rc && sys_renameat(dir_fd, fresh, dir_fd, name))
        rc = errno;
    if (rc)
        sys_unlinkat(dir_fd, fresh, 0);
    else if (sys_fsync(dir_fd) && errno != EINVAL && errno != EROFS)
        rc = errno;
    return rc;
}

/* The last component's own directory; the mode does not depend on the umask. */
static void own_it(const char *directory, int fd)
{
    char above[PATH_BYTES + 4];
    struct stat st;
    snprintf(above, sizeof(above), "%s/..", directory);
    if (fchmod(fd, 0755) || geteuid() != 0 || stat(above, &st) || !st.st_uid)
        return;
    if (fchown(fd, st.st_uid, st.st_gid))
        return; /* root's it stays, and root can update it */
}

int agents_home_open(const char *directory)
{
    bool made = sys_mkdirat(AT_FDCWD, directory, 0755) == 0;
    if (!made && errno != EEXIST)
        return -1;
    /* Root comes here, into a directory that the service can write: no link leads it elsewhere. */
    int fd = sys_openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd >= 0 && made)
        own_it(directory, fd);
    return fd;
}

/* ---- loading ----------------------------------------------------------------------------------
 */

struct loading {
    struct agents_home *home;
    const char *directory;
    int fd;
    void (*on_ignored)(struct str why);
};

static void ignore(const struct loading *l, const char *name, struct str why)
{
    struct buf text;
    if (!l->on_ignored)
        return;
    buf_init(&text, PATH_BYTES * 2);
    buf_printf(&text, "%s/%s: %.*s", l->directory, name, STR_ARGS(why));
    l->on_ignored(buf_str(&text));
    buf_release(&text);
}

/* A missing file is no news, nor is one in a directory that is not for us. */
static bool read_file(const struct loading *l, const char *name, struct buf *out)
{
    int rc = agents_home_read(l->fd, name, out);
    if (rc && rc != ENOENT && rc != EACCES)
        ignore(l, name, str_of(strerror(rc)));
    return !rc;
}

static void load_catalogue(const struct loading *l, bool search_engines)
{
    struct buf text, why;
    struct agents_home *h = l->home;
    buf_init(&text, CATALOGUE_MAX_BYTES + 1);
    buf_init(&why, 1024);
    if (read_file(l, AGENTS_HOME_CATALOGUE, &text)) {
        struct catalogue *c = catalogue_parse(buf_str(&text), search_engines, &why);
        if (!c)
            ignore(l, AGENTS_HOME_CATALOGUE, buf_str(&why));
        else if (strcmp(catalogue_date(c), catalogue_date(h->catalogue)) < 0)
            catalogue_free(c); /* the program was upgraded since */
        else {
            catalogue_free(h->catalogue);
            h->catalogue = c;
            h->installed = true;
        }
    }
    buf_release(&text);
    buf_release(&why);
}

static void load_list(const struct loading *l, const char *list, struct buf *text)
{
    char name[64 + sizeof(AGENTS_HOME_RANGES)];
    struct range_list r = {0};
    struct buf why;
    snprintf(name, sizeof(name), "%s" AGENTS_HOME_RANGES, list);
    buf_reset(text);
    if (!read_file(l, name, text))
        return;
    buf_init(&why, 1024);
    if (range_list_read(buf_str(text), &r, &why))
        ignore(l, name, buf_str(&why));
    else if (r.date_ms == INT64_MIN)
        ignore(l, name, STR("it has no date"));
    else if (ranges_add(l->home->ranges, str_of(list), &r))
        ignore(l, name, STR("out of memory"));
    range_list_release(&r);
    buf_release(&why);
}

int agents_home_load(struct agents_home *h, const char *directory, bool search_engines,
                     void (*on_ignored)(struct str why))
{
    struct loading l = {h, directory, -1, on_ignored};
    struct buf text;
    *h = (struct agents_home){.catalogue = catalogue_new(search_engines)};
    if (directory)
        l.fd = sys_openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (h->catalogue && l.fd >= 0)
        load_catalogue(&l, search_engines);
    h->ranges = h->catalogue ? ranges_new(h->catalogue) : NULL;
    buf_init(&text, RANGE_LIST_MAX_BYTES + 1);
    for (size_t i = 0; h->ranges && l.fd >= 0 && i < catalogue_lists(h->catalogue); i++)
        load_list(&l, catalogue_list(h->catalogue, i)->name, &text);
    buf_release(&text);
    if (l.fd >= 0)
        sys_close(l.fd);
    if (h->ranges)
        return 0;
    agents_home_release(h);
    return -1;
}

int agents_home_load_for(struct agents_home *h, const char *state_dir, const struct agent_config *c,
                         void (*on_ignored)(struct str why))
{
    struct buf path;
    buf_init(&path, 2 * PATH_BYTES);
    agents_home_path(&path, state_dir, c);
    const char *directory = buf_cstr(&path);
    int rc = directory ? agents_home_load(h, directory, c && c->ai_search_engines, on_ignored) : -1;
    buf_release(&path);
    return rc;
}

void agents_home_release(struct agents_home *h)
{
    ranges_free(h->ranges);
    catalogue_free(h->catalogue);
    *h = (struct agents_home){0};
}
