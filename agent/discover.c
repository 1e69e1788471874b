/* discover.c - the search for files; see discover.h. */
#include "agent/discover.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MAX_TREE_DEPTH 16
#define FINISHED_AFTER_MS 300000

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

static bool is_known(const struct found_file *f, const struct discover_known *known)
{
    struct known_file key = {.dev = f->dev, .ino = f->ino};
    const struct known_file *k = known->n_files ? bsearch(&key, known->files, known->n_files,
                                                          sizeof(key), discover_known_compare)
                                                : NULL;
    return k && (k->whatever || (k->size == f->size && k->mtime_ms == f->mtime_ms));
}

/* ---- one file ---------------------------------------------------------------------------------
 */

struct search {
    struct discovery *out;
    const struct discover_known *known;
    const struct source_config *config; /* NULL: paths of the command line */
};

static struct found_file *new_file(struct discovery *d)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 32;
        struct found_file *v = realloc(d->files, cap * sizeof(*v));
        if (!v)
            return NULL;
        d->files = v;
        d->cap = cap;
    }
    return &d->files[d->n];
}

/* A second name of the same file. One that is no link counts: a link's place says nothing about
 * whose lines these are. */
static int second_name(struct discovery *d, size_t index, const char *path, bool live, bool link)
{
    struct found_file *f = &d->files[index];
    if (!f->link || link)
        return 0;
    char *copy = strdup(path);
    if (!copy)
        return -1;
    free(f->path);
    f->path = copy;
    f->live = f->live || live;
    f->link = false;
    return 0;
}

static int add_found(struct search *s, const char *path, const struct stat *st, bool live,
                     bool link)
{
    struct discovery *d = s->out;
    size_t index = (size_t)(uintptr_t)file_map_find(&d->by_inode, st->st_dev, st->st_ino);
    if (index)
        return second_name(d, index - 1, path, live, link);
    if (d->n == DISCOVER_MAX_FILES) {
        d->capped = true;
        return 0;
    }
    struct found_file *f = new_file(d);
    if (!f)
        return -1;
    *f = (struct found_file){.path = strdup(path),
                             .dev = st->st_dev,
                             .ino = st->st_ino,
                             .size = (uint64_t)st->st_size,
                             .live = live,
                             .link = link};
    f->mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    if (!f->path)
        return -1;
    d->n++;
    /* What is no regular file is told once a look; of a rotated name nobody wants to hear. */
    if (!S_ISREG(st->st_mode))
        f->refused = "is no regular file";
    return file_map_put(&d->by_inode, f->dev, f->ino, (void *)(uintptr_t)d->n);
}

/* -1: out of memory. */
static int add_file(struct search *s, const char *path, bool live)
{
    struct stat st;
    if (lstat(path, &st))
        return 0;
    bool link = S_ISLNK(st.st_mode);
    if (link && stat(path, &st))
        return 0;
    bool told = s->config && live && !(S_ISDIR(st.st_mode) && strpbrk(s->config->files.p, "*?[{"));
    if (!S_ISREG(st.st_mode) && !told)
        return 0;
    return add_found(s, path, &st, live, link);
}

/* After all names are known: what each file from there on holds, and whose it is. */
static int identify_from(struct search *s, size_t first)
{
    static const struct discover_known nothing = {0};
    const struct discover_known *known = s->known ? s->known : &nothing;
    struct log_roots roots = {0};
    if (s->config && log_roots_init(&roots, s->config)) {
        log_roots_release(&roots);
        return -1;
    }
    for (size_t i = first; i < s->out->n; i++) {
        struct found_file *f = &s->out->files[i];
        f->known = is_known(f, known);
        if (f->known || f->refused)
            continue;
        if (s->config)
            f->family = discover_family(s->config, f->path);
        discover_identify(f, s->config ? &roots : NULL, known->claims, known->n_claims);
        s->out->starved = s->out->starved || log_file_is_shortage(f->error);
    }
    log_roots_release(&roots);
    return 0;
}

/* ---- a source's files -------------------------------------------------------------------------
 */

static _Thread_local bool glob_starved; /* glob(3) hands its callback no pointer of ours */

static int on_glob_error(const char *path, int error)
{
    (void)path;
    glob_starved = glob_starved || log_file_is_shortage(error);
    return 0;
}

static int add_matches(struct search *s, const char *pattern, bool live)
{
    glob_t g;
    int rc = 0;
    glob_starved = false;
    int found = glob(pattern, 0, on_glob_error, &g);
    if (found == 0) {
        for (size_t i = 0; i < g.gl_pathc && !rc; i++)
            rc = add_file(s, g.gl_pathv[i], live);
        globfree(&g);
    }
    s->out->starved = s->out->starved || glob_starved || found == GLOB_NOSPACE;
    return rc;
}

/* Rotated files of the live name `text`. */
static int add_siblings(struct search *s, const char *text)
{
    char sibling[2 * PATH_MAX];
    snprintf(sibling, sizeof(sibling), "%s[.-]*", text);
    if (add_matches(s, sibling, false))
        return -1;
    const char *dot = strrchr(text, '.'), *slash = strrchr(text, '/');
    if (!dot || (slash && dot <= slash + 1))
        return 0;
    /* logrotate's `extension`: access-20260101.log.gz */
    snprintf(sibling, sizeof(sibling), "%.*s[.-]*%s*", (int)(dot - text), text, dot);
    return add_matches(s, sibling, false);
}

static int add_moved(struct search *s, const char *text)
{
    char moved[2 * PATH_MAX];
    const struct str olddir = s->config->olddir;
    const char *slash = strrchr(text, '/');
    if (!str_is_set(olddir) || !slash)
        return 0;
    if (olddir.p[0] == '/')
        snprintf(moved, sizeof(moved), "%.*s%s", STR_ARGS(olddir), slash);
    else
        snprintf(moved, sizeof(moved), "%.*s/%.*s%s", (int)(slash - text), text, STR_ARGS(olddir),
                 slash);
    return add_siblings(s, moved);
}

/* A sibling's host is its live name's. */
static void name_hosts(struct search *s)
{
    if (str_find(s->config->files, STR("{host}"), 0) < 0)
        return;
    for (size_t i = 0; i < s->out->n; i++) {
        struct found_file *f = &s->out->files[i];
        char live[PATH_MAX];
        if (discover_live_name(s->config, f->path, live, sizeof(live)))
            f->host = discover_host(s->config->files, live);
    }
}

int discover_source(const struct source_config *c, const struct discover_known *known,
                    struct discovery *out)
{
    struct search s = {.out = out, .known = known, .config = c};
    char text[PATH_MAX];
    *out = (struct discovery){0};
    discover_glob(c->files, text, sizeof(text));
    if (add_matches(&s, text, true) || add_siblings(&s, text) || add_moved(&s, text) ||
        identify_from(&s, 0))
        return -1;
    name_hosts(&s);
    return 0;
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
    bool missing = false;
    int rc;
    if (stat(path, &st) == 0)
        rc = S_ISDIR(st.st_mode) ? add_tree(&s, path, 0) : add_file(&s, path, true);
    else if (!(rc = add_matches(&s, path, true)) && out->n == before)
        missing = true;
    if (!rc)
        rc = identify_from(&s, before);
    if (missing)
        errno = ENOENT;
    return rc;
}

bool discover_is_finished(const struct found_file *f, int64_t now_ms)
{
    return now_ms - f->mtime_ms > FINISHED_AFTER_MS;
}
