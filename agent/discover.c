/* discover.c - see discover.h. */
#include "agent/discover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES (64u << 10) /* of the decoded stream, in which the first line must end */
#define MAX_TREE_DEPTH 16

void discovery_release(struct discovery *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->files[i].path);
        free(d->files[i].host);
    }
    free(d->files);
    file_map_release(&d->by_inode);
    *d = (struct discovery){0};
}

int discover_known_compare(const void *a, const void *b)
{
    const struct known_file *x = a, *y = b;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return (x->ino > y->ino) - (x->ino < y->ino);
}

/* ---- identification ---------------------------------------------------------------------------
 */

struct hash128 stream_id(struct str first_line)
{
    while (first_line.n && first_line.p[0] == '\0')
        first_line = str_slice(first_line, 1, first_line.n);
    if (first_line.n > STREAM_ID_BYTES)
        first_line.n = STREAM_ID_BYTES;
    return hash_128(first_line);
}

static void identify_head(struct found_file *f, struct str head)
{
    while (head.n) {
        ptrdiff_t nl = str_chr(head, '\n', 0);
        struct str line = nl < 0 ? head : str_slice(head, 0, (size_t)nl);
        if (line.n && line.p[0] != '#') {
            f->identified = nl >= 0 || line.n >= STREAM_ID_BYTES;
            f->stream = stream_id(line);
            return;
        }
        if (nl < 0)
            return;
        head = str_slice(head, (size_t)nl + 1, head.n);
    }
}

static int read_head(struct found_file *f, int fd)
{
    struct container *c = container_new(fd, f->kind);
    char *head = malloc(HEAD_BYTES);
    size_t n = 0, got = 0;
    if (!c || !head) {
        container_free(c);
        free(head);
        return ENOMEM;
    }
    while (n < HEAD_BYTES && (got = container_read(c, head + n, HEAD_BYTES - n)))
        n += got;
    int rc = container_state(c) == CONTAINER_IO_ERROR ? errno : 0;
    identify_head(f, (struct str){head, n});
    container_free(c);
    free(head);
    return rc;
}

static void read_trailer(struct found_file *f, int fd)
{
    unsigned char t[4];
    if (f->kind == CONTAINER_GZIP && f->size > 18 && pread(fd, t, 4, (off_t)f->size - 4) == 4)
        f->trailer =
            (uint32_t)t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 | (uint32_t)t[3] << 24;
}

static int open_and_identify(struct found_file *f)
{
    int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int rc = container_detect(fd, &f->kind, &f->foreign) ? errno : 0;
    if (!rc && f->kind != CONTAINER_FOREIGN) {
        rc = read_head(f, fd);
        read_trailer(f, fd);
    }
    close(fd);
    return rc;
}

static bool is_known(const struct found_file *f, const struct known_file *known, size_t n)
{
    struct known_file key = {.dev = f->dev, .ino = f->ino};
    const struct known_file *k =
        n ? bsearch(&key, known, n, sizeof(*known), discover_known_compare) : NULL;
    return k && (k->whatever || (k->size == f->size && k->mtime_ms == f->mtime_ms));
}

struct search {
    struct discovery *out;
    const struct known_file *known;
    size_t n_known;
    struct str pattern;
};

/* Adds a regular file; anything else is passed over. -1: out of memory. */
static int add_file(struct search *s, const char *path, bool live)
{
    struct stat st;
    struct discovery *d = s->out;
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return 0;
    if (file_map_find(&d->by_inode, st.st_dev, st.st_ino))
        return 0; /* a second name of the same file */
    if (d->n == DISCOVER_MAX_FILES) {
        d->capped = true;
        return 0;
    }
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 32;
        struct found_file *v = realloc(d->files, cap * sizeof(*v));
        if (!v)
            return -1;
        d->files = v;
        d->cap = cap;
    }
    struct found_file *f = &d->files[d->n];
    *f = (struct found_file){.path = strdup(path),
                             .dev = st.st_dev,
                             .ino = st.st_ino,
                             .size = (uint64_t)st.st_size,
                             .live = live};
    f->mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    if (!f->path)
        return -1;
    d->n++;
    if (file_map_put(&d->by_inode, f->dev, f->ino, d))
        return -1;
    f->known = is_known(f, s->known, s->n_known);
    if (!f->known)
        f->error = open_and_identify(f);
    return 0;
}

/* ---- patterns ---------------------------------------------------------------------------------
 */

#define HOST STR("{host}")

/* The pattern as a glob: {host} is one '*'. NULL: too long. */
static const char *as_glob(struct str pattern, char out[PATH_MAX])
{
    size_t n = 0;
    ptrdiff_t host = str_find(pattern, HOST, 0);
    for (size_t i = 0; i < pattern.n && n < PATH_MAX - 8; i++) {
        if ((ptrdiff_t)i == host) {
            out[n++] = '*';
            i += HOST.n - 1;
        } else {
            out[n++] = pattern.p[i];
        }
    }
    out[n] = '\0';
    return out;
}

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

/* The text that {host} stands for in this live path: what is between the other parts of its path
 * component; the longest, where they leave a choice. Lower case, as hosts in lines are. */
static char *host_of(struct str pattern, const char *path)
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

bool discover_matches(struct str pattern, const char *path)
{
    char text[PATH_MAX];
    return fnmatch(as_glob(pattern, text), path, FNM_PATHNAME | FNM_PERIOD) == 0;
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

/* Writes the live name that this path belongs to. False: none. */
static bool live_name(struct str pattern, const char *path, char live[PATH_MAX])
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

size_t discover_family(struct str pattern, const char *path)
{
    char live[PATH_MAX];
    return live_name(pattern, path, live) ? strlen(live) : 0;
}

static int add_matches(struct search *s, const char *pattern, bool live)
{
    glob_t g;
    int rc = 0;
    if (glob(pattern, 0, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc && !rc; i++)
            rc = add_file(s, g.gl_pathv[i], live);
        globfree(&g);
    }
    return rc;
}

/* A sibling's host is its live name's. */
static void name_hosts(struct search *s)
{
    if (str_find(s->pattern, HOST, 0) < 0)
        return;
    for (size_t i = 0; i < s->out->n; i++) {
        struct found_file *f = &s->out->files[i];
        char live[PATH_MAX];
        if (live_name(s->pattern, f->path, live))
            f->host = host_of(s->pattern, live);
    }
}

int discover_source(struct str pattern, const struct known_file *known, size_t n_known,
                    struct discovery *out)
{
    struct search s = {.out = out, .known = known, .n_known = n_known, .pattern = pattern};
    char text[PATH_MAX], sibling[PATH_MAX + 16];
    *out = (struct discovery){0};
    as_glob(pattern, text);
    if (add_matches(&s, text, true))
        return -1;
    snprintf(sibling, sizeof(sibling), "%s[.-]*", text);
    if (add_matches(&s, sibling, false))
        return -1;
    char *dot = strrchr(text, '.'), *slash = strrchr(text, '/');
    if (dot && (!slash || dot > slash + 1)) { /* logrotate's `extension`: access-20260101.log.gz */
        snprintf(sibling, sizeof(sibling), "%.*s[.-]*%s*", (int)(dot - text), text, dot);
        if (add_matches(&s, sibling, false))
            return -1;
    }
    name_hosts(&s);
    return 0;
}

int discover_directories(struct str pattern, char ***directories, size_t *n)
{
    char text[PATH_MAX];
    glob_t g;
    as_glob(pattern, text);
    char *slash = strrchr(text, '/');
    *directories = NULL;
    *n = 0;
    if (!slash)
        memcpy(text, ".", 2);
    else
        slash[slash == text] = '\0';
    if (glob(text, GLOB_ONLYDIR, NULL, &g))
        return 0;
    char **v = calloc(g.gl_pathc + 1, sizeof(*v));
    for (size_t i = 0; v && i < g.gl_pathc; i++)
        if ((v[*n] = strdup(g.gl_pathv[i])))
            ++*n;
    globfree(&g);
    *directories = v;
    return v ? 0 : -1;
}

/* ---- the command line's paths -----------------------------------------------------------------
 */

static int add_tree(struct search *s, const char *path, unsigned depth)
{
    struct dirent **entries;
    int rc = 0, n = depth < MAX_TREE_DEPTH ? scandir(path, &entries, NULL, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        char child[PATH_MAX];
        struct stat st;
        int len = snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);
        bool wanted = entries[i]->d_name[0] != '.' && len > 0 && (size_t)len < sizeof(child) &&
                      !rc && !lstat(child, &st);
        free(entries[i]);
        if (wanted && S_ISDIR(st.st_mode))
            rc = add_tree(s, child, depth + 1);
        else if (wanted && S_ISREG(st.st_mode))
            rc = add_file(s, child, true);
    }
    if (n > 0)
        free(entries);
    return rc;
}

int discover_path(const char *path, struct discovery *out)
{
    struct search s = {.out = out};
    struct stat st;
    size_t before = out->n;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? add_tree(&s, path, 0) : add_file(&s, path, true);
    int rc = add_matches(&s, path, true);
    if (!rc && out->n == before)
        errno = ENOENT;
    return rc;
}
