/* discover_name.c - which names belong to a source; see discover.h. */
#include "agent/discover.h"

#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>

#define HOST STR("{host}")

void discover_glob(struct str pattern, char *out, size_t n)
{
    ptrdiff_t host = str_find(pattern, HOST, 0);
    if (host < 0)
        snprintf(out, n, "%.*s", STR_ARGS(pattern));
    else
        snprintf(out, n, "%.*s*%.*s", (int)host, pattern.p,
                 STR_ARGS(str_slice(pattern, (size_t)host + HOST.n, pattern.n)));
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

static bool piece_matches(struct str pattern, struct str text)
{
    char p[PATH_MAX], t[PATH_MAX];
    if (!memchr(pattern.p, '*', pattern.n) && !memchr(pattern.p, '?', pattern.n) &&
        !memchr(pattern.p, '[', pattern.n))
        return str_eq(pattern, text);
    snprintf(p, sizeof(p), "%.*s", STR_ARGS(pattern));
    snprintf(t, sizeof(t), "%.*s", STR_ARGS(text));
    return fnmatch(p, t, 0) == 0;
}

static char *lower_copy(struct str s)
{
    char *copy = strndup(s.p, s.n);
    for (char *c = copy; c && *c; c++)
        *c = ascii_lower(*c);
    return copy;
}

/* What is between the other parts of its path component; the longest, where they leave a choice. */
char *discover_host(struct str pattern, const char *path)
{
    ptrdiff_t at = str_find(pattern, HOST, 0);
    if (at < 0)
        return NULL;
    struct str before = str_slice(pattern, 0, (size_t)at),
               after = str_slice(pattern, (size_t)at + HOST.n, pattern.n), rest = str_of(path);
    for (size_t i = 0; i < before.n; i++)
        if (before.p[i] == '/')
            str_cut(&rest, '/');
    struct str name = str_cut(&rest, '/');
    before = str_slice(before, (size_t)(str_rchr(before, '/') + 1), before.n);
    after = str_cut(&after, '/');
    for (size_t from = 0; from < name.n; from++)
        for (size_t to = name.n; to > from; to--)
            if (piece_matches(before, str_slice(name, 0, from)) &&
                piece_matches(after, str_slice(name, to, name.n)))
                return lower_copy(str_slice(name, from, to));
    return NULL;
}

/* ---- live names -------------------------------------------------------------------------------
 */

bool discover_matches(struct str pattern, const char *path)
{
    char text[PATH_MAX];
    discover_glob(pattern, text, sizeof(text));
    return fnmatch(text, path, FNM_PATHNAME | FNM_PERIOD) == 0;
}

/* The extension of the pattern's last component, with its dot; STR_NONE: none. */
static struct str extension_of(struct str pattern)
{
    ptrdiff_t dot = str_rchr(pattern, '.'), slash = str_rchr(pattern, '/');
    return dot > slash + 1 ? str_slice(pattern, (size_t)dot, pattern.n) : STR_NONE;
}

/* With a part of a rotation before its extension: "access-20260101.log.gz" is of "access.log". */
static bool matches_without_part(struct str pattern, struct str path, char live[PATH_MAX])
{
    struct str extension = extension_of(pattern);
    ptrdiff_t at = str_rchr(path, '/') + 1;
    if (!extension.n)
        return false;
    while ((at = str_find(path, extension, (size_t)at + 1)) >= 0)
        for (size_t n = (size_t)at; n && path.p[n] != '/'; n--) {
            if (path.p[n] != '.' && path.p[n] != '-')
                continue;
            snprintf(live, PATH_MAX, "%.*s%.*s", (int)n, path.p, STR_ARGS(extension));
            if (n < (size_t)at && discover_matches(pattern, live))
                return true;
        }
    return false;
}

/* Of a path in the live file's own directory. */
static bool live_beside(struct str pattern, const char *path, char live[PATH_MAX])
{
    size_t n = strlen(path);
    snprintf(live, PATH_MAX, "%s", path);
    if (discover_matches(pattern, live))
        return true;
    for (; n; n--) { /* the longest part that is a live name */
        if (path[n - 1] != '.' && path[n - 1] != '-')
            continue;
        snprintf(live, PATH_MAX, "%.*s", (int)(n - 1), path);
        if (discover_matches(pattern, live))
            return true;
    }
    return matches_without_part(pattern, str_of(path), live);
}

/* The directory of a path, without a slash at its end; "" for the root. */
static struct str directory_of(struct str path)
{
    ptrdiff_t slash = str_rchr(path, '/');
    return str_slice(path, 0, slash > 0 ? (size_t)slash : 0);
}

/* Where this path would lie if it had not been moved to `olddir`. False: it does not lie there. */
static bool move_back(const struct source_config *c, const char *path, char out[PATH_MAX])
{
    struct str p = str_of(path), dir = directory_of(p), home;
    struct str name = str_slice(p, dir.n, p.n); /* with its slash */
    if (!str_is_set(c->olddir))
        return false;
    if (str_starts(c->olddir, STR("/"))) {
        home = directory_of(c->files); /* with wildcards, whose file it was cannot be told */
        if (!str_eq(dir, c->olddir))
            return false;
    } else {
        if (!str_ends(dir, c->olddir) || dir.n <= c->olddir.n + 1 ||
            dir.p[dir.n - c->olddir.n - 1] != '/')
            return false;
        home = str_slice(dir, 0, dir.n - c->olddir.n - 1);
    }
    return snprintf(out, PATH_MAX, "%.*s%.*s", STR_ARGS(home), STR_ARGS(name)) < PATH_MAX;
}

bool discover_live_name(const struct source_config *c, const char *path, char *live, size_t n)
{
    char moved[PATH_MAX], found[PATH_MAX];
    bool good = live_beside(c->files, path, found) ||
                (move_back(c, path, moved) && live_beside(c->files, moved, found));
    return good && snprintf(live, n, "%s", found) < (int)n;
}

uint64_t discover_id(const struct source_config *c)
{
    return hash_64(c->files, 0);
}

uint64_t discover_family(const struct source_config *c, const char *path)
{
    char live[PATH_MAX];
    uint64_t hash = discover_live_name(c, path, live, sizeof(live)) ? hash_64(str_of(live), 0) : 0;
    return hash;
}

/* ---- directories ------------------------------------------------------------------------------
 */

/* Magic numbers of statfs(2): NFS, SMB, CIFS, FUSE, 9P, Ceph, AFS, Lustre, GFS2, OCFS2. */
static bool is_remote(const char *path)
{
    static const uint32_t types[] = {0x6969,     0xfe534d42, 0xff534d42, 0x65735546, 0x01021997,
                                     0x00c36400, 0x5346414f, 0x0bd00bd0, 0x01161970, 0x7461636f};
    struct statfs fs;
    if (statfs(path, &fs))
        return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if ((uint32_t)fs.f_type == types[i])
            return true;
    return false;
}

struct directories {
    struct watched_directory *v;
    size_t n, cap;
};

static int add_directory(struct directories *d, const char *path, bool files)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 8;
        struct watched_directory *v = realloc(d->v, cap * sizeof(*v));
        if (!v)
            return -1;
        d->v = v;
        d->cap = cap;
    }
    char *copy = strdup(path);
    if (!copy)
        return -1;
    d->v[d->n++] = (struct watched_directory){copy, files, files && is_remote(path)};
    return 0;
}

/* Those that match, or -1. */
static int add_matching(struct directories *d, const char *pattern, bool files)
{
    glob_t g;
    int rc = 0, n = 0;
    if (glob(pattern, GLOB_ONLYDIR, NULL, &g))
        return 0;
    for (size_t i = 0; i < g.gl_pathc && !rc; i++, n++)
        rc = add_directory(d, g.gl_pathv[i], files);
    globfree(&g);
    return rc ? -1 : n;
}

/* Each level above a directory with wildcards, from its fixed part on: a directory that appears
 * there may be one of ours. Of a fixed directory that is not there, the nearest one that is. */
static int add_above(struct directories *d, char *dir)
{
    size_t fixed = strcspn(dir, "*?[");
    bool wild = dir[fixed] != '\0';
    int n = 0;
    for (char *slash; (slash = strrchr(dir, '/')); *slash = '\0') {
        size_t at = (size_t)(slash - dir);
        char saved = dir[at ? at : 1];
        dir[at ? at : 1] = '\0';
        n = add_matching(d, dir, false);
        dir[at ? at : 1] = saved;
        if (n < 0 || at == 0 || (n > 0 && (!wild || at < fixed)))
            break;
    }
    return n < 0 ? -1 : 0;
}

static int add_olddir(struct directories *d, const struct source_config *c, const char *dir)
{
    char text[2 * PATH_MAX];
    if (!str_is_set(c->olddir))
        return 0;
    if (c->olddir.p[0] == '/')
        snprintf(text, sizeof(text), "%.*s", STR_ARGS(c->olddir));
    else
        snprintf(text, sizeof(text), "%s/%.*s", dir, STR_ARGS(c->olddir));
    return add_matching(d, text, true) < 0 ? -1 : 0;
}

int discover_directories(const struct source_config *c, struct watched_directory **out, size_t *n)
{
    struct directories d = {0};
    char text[PATH_MAX];
    discover_glob(c->files, text, sizeof(text));
    char *slash = strrchr(text, '/');
    if (!slash)
        memcpy(text, ".", 2);
    else
        slash[slash == text] = '\0';
    int found = add_matching(&d, text, true);
    int rc = found < 0 || add_olddir(&d, c, text) ? -1 : 0;
    if (!rc && (found == 0 || strpbrk(text, "*?[")))
        rc = add_above(&d, text);
    *out = d.v;
    *n = d.n;
    return rc;
}
