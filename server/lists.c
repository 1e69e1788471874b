/* lists.c - see lists.h. Read on the loop's thread, at start and when a file has changed: the
 * files are small, or copied at the speed of memory. */
#include "server/lists.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/geo.h"
#include "server/spam_list.h"

/* What tells a file from the one that was there before. */
struct identity {
    const char *path;
    struct stat stat;
};

struct lists {
    atomic_int references;
    struct spam_list spam;
    struct geo *geo;
    struct identity *files;
    size_t n_files;
};

static void look_at(const char *path, struct stat *out)
{
    if (stat(path, out) != 0)
        memset(out, 0, sizeof(*out));
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* -1: errno. */
static int read_file(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && text->n <= SPAM_LIST_MAX_BYTES) {
        char *p = buf_reserve(text, 65536);
        got = p ? read(fd, p, 65536) : -1;
        if (got > 0)
            text->n += (size_t)got;
        else if (got < 0 && p && errno == EINTR)
            got = 1;
    }
    int error = text->failed ? ENOMEM : errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return got < 0 ? -1 : 0;
}

static int read_list(struct lists *l, const char *path,
                     int (*read)(struct spam_list *, struct str, struct buf *), struct buf *error)
{
    struct buf text, why;
    buf_init(&text, SPAM_LIST_MAX_BYTES + 65537);
    buf_init(&why, 256);
    int status = read_file(path, &text);
    if (status)
        buf_printf(error, "%s: cannot be read: %s", path, strerror(errno));
    else if ((status = read(&l->spam, buf_str(&text), &why)) != 0)
        buf_printf(error, "%s: %s", path, buf_cstr(&why));
    buf_release(&text);
    buf_release(&why);
    return status;
}

static void note(struct lists *l, const char *path)
{
    struct identity *file = &l->files[l->n_files++];
    file->path = path;
    look_at(path, &file->stat);
}

/* Those that stand in the configuration itself. */
static int take_inline(struct lists *l, const struct server_config *c, struct buf *error)
{
    const char *why = NULL;
    for (size_t i = 0; i < c->spam.referrers.n && !why; i++)
        why = spam_list_add_host(&l->spam, c->spam.referrers.items[i]);
    for (size_t i = 0; i < c->spam.n_networks && !why; i++)
        why = spam_list_add_network(&l->spam, &c->spam.networks[i]);
    if (why)
        buf_printf(error, "spam: %s", why);
    return why ? -1 : 0;
}

static int load(struct lists *l, const struct server_config *c, struct buf *error)
{
    if (take_inline(l, c, error))
        return -1;
    const struct str_set *hosts = &c->spam.referrer_files, *networks = &c->spam.network_files;
    for (size_t i = 0; i < hosts->n; i++) {
        note(l, hosts->items[i].p);
        if (read_list(l, hosts->items[i].p, spam_list_read_hosts, error))
            return -1;
    }
    for (size_t i = 0; i < networks->n; i++) {
        note(l, networks->items[i].p);
        if (read_list(l, networks->items[i].p, spam_list_read_networks, error))
            return -1;
    }
    spam_list_sort(&l->spam);
    if (!str_is_set(c->geo_country))
        return 0;
    note(l, c->geo_country.p);
    l->geo = geo_open(c->geo_country.p, error);
    return l->geo ? 0 : -1;
}

struct lists *lists_load(const struct server_config *config, struct buf *error)
{
    struct lists *l = calloc(1, sizeof(*l));
    size_t most = config->spam.referrer_files.n + config->spam.network_files.n + 1;
    if (l) {
        atomic_init(&l->references, 1);
        l->files = calloc(most, sizeof(*l->files));
    }
    if (l && l->files && load(l, config, error) == 0)
        return l;
    if (error->n == 0)
        buf_lit(error, "out of memory");
    lists_release(l);
    return NULL;
}

struct lists *lists_retain(const struct lists *l)
{
    struct lists *shared = (struct lists *)l;
    if (shared)
        atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

void lists_release(const struct lists *l)
{
    struct lists *shared = (struct lists *)l;
    if (!shared || atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) != 1)
        return;
    spam_list_release(&shared->spam);
    geo_close(shared->geo);
    free(shared->files);
    free(shared);
}

bool lists_changed(const struct lists *l)
{
    struct stat now;
    for (size_t i = 0; i < l->n_files; i++) {
        look_at(l->files[i].path, &now);
        if (!same_file(&now, &l->files[i].stat))
            return true;
    }
    return false;
}

bool lists_spam_host(const struct lists *l, struct str host)
{
    return l && spam_list_has_host(&l->spam, host);
}

bool lists_spam_address(const struct lists *l, const unsigned char address[16])
{
    return l && spam_list_has_address(&l->spam, address);
}

bool lists_country(const struct lists *l, const unsigned char address[16], char country[2])
{
    return l && l->geo && geo_country(l->geo, address, country);
}

size_t lists_spam_hosts(const struct lists *l)
{
    return l->spam.n_hosts;
}

size_t lists_spam_networks(const struct lists *l)
{
    return l->spam.n_ranges;
}

bool lists_have_countries(const struct lists *l)
{
    return l->geo != NULL;
}
