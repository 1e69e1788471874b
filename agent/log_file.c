/* log_file.c - see log_file.h. */
#include "agent/log_file.h"

#include "parsers/base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DESCRIPTOR_PATH_BYTES 40

/* ---- roots ------------------------------------------------------------------------------------
 */

static int add_root(struct log_roots *roots, struct str path)
{
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    roots->v[roots->n] = strndup(path.p, path.n);
    return roots->v[roots->n] ? (roots->n++, 0) : -1;
}

/* The directory of a pattern, as far as it has no wildcard. */
static struct str fixed_part(struct str files)
{
    size_t end = 0;
    for (size_t i = 0; i < files.n && !strchr("*?[{", files.p[i]); i++)
        if (files.p[i] == '/')
            end = i;
    return end ? str_slice(files, 0, end) : STR("/");
}

int log_roots_init(struct log_roots *roots, const struct source_config *c)
{
    *roots = (struct log_roots){0};
    roots->v = calloc(c->symlinks.n + 2, sizeof(*roots->v));
    if (!roots->v || add_root(roots, fixed_part(c->files)))
        return -1;
    if (str_starts(c->olddir, STR("/")) && add_root(roots, c->olddir))
        return -1;
    for (size_t i = 0; i < c->symlinks.n; i++)
        if (add_root(roots, c->symlinks.items[i]))
            return -1;
    return 0;
}

void log_roots_release(struct log_roots *roots)
{
    for (size_t i = 0; i < roots->n; i++)
        free(roots->v[i]);
    free(roots->v);
    *roots = (struct log_roots){0};
}

static bool lies_below(const char *path, const char *root)
{
    size_t n = strlen(root);
    if (n == 1) /* "/" */
        return path[0] == '/';
    return strncmp(path, root, n) == 0 && path[n] == '/';
}

static bool is_allowed(const char *path, const struct log_roots *roots)
{
    char resolved[PATH_MAX];
    for (size_t i = 0; i < roots->n; i++)
        if (lies_below(path, roots->v[i]) ||
            (realpath(roots->v[i], resolved) && lies_below(path, resolved)))
            return true;
    return false;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* What the descriptor really is: nothing was done to it yet. */
static int examine(int fd, const char *self, const struct log_roots *roots, struct stat *st,
                   const char **why)
{
    char path[PATH_MAX];
    if (fstat(fd, st))
        return errno;
    *why = "is no regular file";
    if (!S_ISREG(st->st_mode))
        return -1;
    ssize_t n = roots ? readlink(self, path, sizeof(path) - 1) : 0;
    *why = "cannot be looked at: is /proc mounted?";
    if (n < 0)
        return -1;
    path[n] = '\0';
    *why = "is a link to a file outside of the source's directories";
    return roots && !is_allowed(path, roots) ? -1 : 0;
}

int log_file_open(const char *path, const struct log_roots *roots, int *fd, struct stat *st,
                  const char **why)
{
    char self[DESCRIPTOR_PATH_BYTES];
    if (fault_fails("log_file.open"))
        return errno;
    int there =
        open(path, O_PATH | O_CLOEXEC); /* opens nothing: a device or a FIFO stays as it is */
    if (there < 0)
        return errno;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", there);
    int rc = examine(there, self, roots, st, why);
    if (!rc) { /* the same file, whatever the name has become meanwhile */
        *fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        rc = *fd < 0 ? errno : 0;
    }
    close(there);
    return rc;
}

bool log_file_is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}
