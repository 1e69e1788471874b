/* config_file.c - see config_file.h. */
#include "config/config_file.h"

#include "config/arena.h"
#include "config/values.h"
#include "config/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int refuse(const char *path, const char *what, int error_number, struct buf *error)
{
    char text[128];

    buf_printf(error, "%s: %s: %s; expected a YAML file; see docs/configuration.md for one\n", path,
               what, strerror_r(error_number, text, sizeof(text)));
    return -1;
}

int config_file_read(const char *path, struct buf *text, struct buf *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return refuse(path, "cannot be opened", errno, error);
    while (text->n <= YAML_MAX_BYTES) {
        size_t room = YAML_MAX_BYTES + 1 - text->n;
        size_t wanted = room < 16384 ? room : 16384;
        char *p = buf_reserve(text, wanted);
        ssize_t got = p ? read(fd, p, wanted) : -1;
        if (got > 0) {
            text->n += (size_t)got;
            continue;
        }
        if (got < 0 && p && errno == EINTR)
            continue;
        int why = p ? errno : ENOMEM;
        close(fd);
        return got == 0 ? 0 : refuse(path, "cannot be read", why, error);
    }
    close(fd);
    return 0;
}

int config_file_verdict(const struct config_errors *e, struct buf *error)
{
    if (config_arena_failed(e->arena)) {
        buf_printf(error, "%.*s: out of memory\n", STR_ARGS(e->file));
        return -1;
    }
    config_errors_print(e, error);
    return e->n > 0 ? -1 : 0;
}

struct str config_file_directory(struct config_arena *a, const char *variable, struct str otherwise)
{
    struct str all = str_of(getenv(variable));
    ptrdiff_t colon = str_is_set(all) ? str_chr(all, ':', 0) : -1;
    struct str first = colon < 0 ? all : str_slice(all, 0, (size_t)colon);

    if (!str_is_set(first) || !value_absolute_path(first))
        return otherwise;
    return config_arena_str(a, first);
}
