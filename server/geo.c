/*
 * geo.c - libmaxminddb maps the file that it opens, and a file that is cut while it is mapped kills
 * the process. So it is given a copy in memory that nobody else can reach.
 */
#include "server/geo.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct geo {
    MMDB_s db;
    bool opened;
};

/* -1: errno. */
static int copy_all(int from, int to)
{
    char part[65536];
    size_t total = 0;
    for (;;) {
        ssize_t n = read(from, part, sizeof(part));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        total += (size_t)n;
        if (total > GEO_MAX_BYTES) {
            errno = EFBIG;
            return -1;
        }
        for (ssize_t at = 0, put; at < n; at += put)
            if ((put = write(to, part + at, (size_t)(n - at))) <= 0)
                return -1;
    }
}

/* A descriptor of the copy; -1: errno. */
static int copy_of(const char *path)
{
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int to = from < 0 ? -1 : memfd_create("geo", MFD_CLOEXEC);
    if (to >= 0 && copy_all(from, to)) {
        int error = errno;
        close(to);
        to = -1;
        errno = error;
    }
    if (from >= 0)
        close(from);
    return to;
}

static int open_copy(struct geo *g, int fd)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    int status = MMDB_open(name, MMDB_MODE_MMAP, &g->db);
    g->opened = status == MMDB_SUCCESS;
    return status;
}

struct geo *geo_open(const char *path, struct buf *error)
{
    struct geo *g = calloc(1, sizeof(*g));
    int fd = g ? copy_of(path) : -1;
    if (fd < 0) {
        buf_printf(error, "%s: cannot be read: %s", path, strerror(g ? errno : ENOMEM));
        geo_close(g);
        return NULL;
    }
    int status = open_copy(g, fd);
    close(fd);
    if (g->opened)
        return g;
    buf_printf(error, "%s: is no file in MaxMind's format (.mmdb): %s", path,
               MMDB_strerror(status));
    geo_close(g);
    return NULL;
}

void geo_close(struct geo *g)
{
    if (g && g->opened)
        MMDB_close(&g->db);
    free(g);
}

static MMDB_lookup_result_s look_up(const MMDB_s *db, const unsigned char address[16])
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    int error = 0;
    if (memcmp(address, mapped, sizeof(mapped)) == 0) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        memcpy(&v4.sin_addr, address + 12, 4);
        return MMDB_lookup_sockaddr(db, (const struct sockaddr *)&v4, &error);
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    memcpy(&v6.sin6_addr, address, 16);
    return MMDB_lookup_sockaddr(db, (const struct sockaddr *)&v6, &error);
}

static bool take_country(const MMDB_entry_data_s *data, char country[2])
{
    if (!data->has_data || data->type != MMDB_DATA_TYPE_UTF8_STRING || data->data_size != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        char c = ascii_lower(data->utf8_string[i]);
        if (c < 'a' || c > 'z')
            return false;
        country[i] = (char)(c - 32);
    }
    return true;
}

bool geo_country(const struct geo *g, const unsigned char address[16], char country[2])
{
    static const char *const paths[][3] = {
        {"country", "iso_code", NULL}, /* MaxMind, DB-IP, IP2Location */
        {"country_code", NULL},        /* IPinfo */
        {"country", NULL},             /* the same, in older files */
    };
    MMDB_lookup_result_s found = look_up(&g->db, address);
    for (size_t i = 0; found.found_entry && i < COUNT_OF(paths); i++) {
        MMDB_entry_data_s data;
        if (MMDB_aget_value(&found.entry, &data, paths[i]) == MMDB_SUCCESS &&
            take_country(&data, country))
            return true;
    }
    return false;
}
