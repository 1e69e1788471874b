/*
 * token.c - reads a token from its file, and never lets it out in a message.
 *
 * A file that others may read is refused rather than reported: the token gives write access to
 * somebody's statistics. Credentials of systemd are exempt: their directory is closed, their files
 * are 0440 or 0400.
 */
#include "config/token.h"

#include "config/agent_config.h"
#include "config/values.h"
#include "parsers/base/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool token_valid(struct str token)
{
    if (token.n < TOKEN_MIN_BYTES || token.n > TOKEN_MAX_BYTES)
        return false;
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] <= ' ' || token.p[i] >= 0x7f)
            return false;
    }
    return true;
}

static struct str credentials_directory(void)
{
    struct str directory = str_of(getenv("CREDENTIALS_DIRECTORY"));

    return str_is_set(directory) && value_absolute_path(directory) ? directory : STR_NONE;
}

void token_put_default_path(struct buf *out)
{
    struct str directory = credentials_directory();
    size_t before = out->n;

    if (str_is_set(directory)) {
        buf_put_str(out, directory);
        buf_lit(out, "/token");
        const char *path = buf_cstr(out);
        if (path && access(path + before, F_OK) == 0)
            return;
        out->n = before;
    }
    buf_lit(out, TOKEN_DEFAULT_FILE);
}

static bool is_credential(const char *path)
{
    struct str directory = credentials_directory(), s = str_of(path);

    return str_is_set(directory) && value_absolute_path(s) && str_starts(s, directory) &&
           s.n > directory.n && s.p[directory.n] == '/';
}

static bool refuse_errno(struct buf *why, const char *path, const char *what, int number)
{
    char text[128];

    if (number == ENOENT) {
        buf_printf(why, "%s does not exist; run `install -m 0640 -g logferry /dev/stdin ", path);
        shell_put_path(why, str_of(path));
        buf_lit(why, "` and paste what `logferry-server client create` printed");
        return false;
    }
    buf_printf(why, "%s %s: %s; run `chgrp logferry ", path, what,
               strerror_r(number, text, sizeof(text)));
    shell_put_path(why, str_of(path));
    buf_lit(why, " && chmod 0640 ");
    shell_put_path(why, str_of(path));
    buf_putc(why, '`');
    return false;
}

static bool check_mode(int fd, const char *path, struct buf *why)
{
    struct stat st;

    if (fstat(fd, &st))
        return refuse_errno(why, path, "cannot be examined", errno);
    if (!S_ISREG(st.st_mode)) {
        buf_printf(why, "%s is no regular file; write the token to a file of its own", path);
        return false;
    }
    if (!is_credential(path) && (st.st_mode & (S_IWGRP | S_IROTH | S_IWOTH))) {
        buf_printf(why, "%s is open to others (mode %04o); run `chmod 0640 ", path,
                   (unsigned)st.st_mode & 07777);
        shell_put_path(why, str_of(path));
        buf_putc(why, '`');
        return false;
    }
    return true;
}

/* The buffer holds one byte more than the longest token and its newline: full, it is too long. */
static ssize_t read_all(int fd, char *into, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, into + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

bool token_file_read(const char *path, struct buf *out, struct buf *why)
{
    char bytes[TOKEN_MAX_BYTES + 3];
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return refuse_errno(why, path, "cannot be opened", errno);
    if (check_mode(fd, path, why)) {
        ssize_t n = read_all(fd, bytes, sizeof(bytes));
        struct str token = str_trim((struct str){bytes, n < 0 ? 0 : (size_t)n});
        ok = n >= 0 && (size_t)n < sizeof(bytes) && token_valid(token);
        if (ok)
            buf_put_str(out, token);
        else if (n < 0)
            refuse_errno(why, path, "cannot be read", errno);
        else
            buf_printf(why,
                       "%s holds no token: expected one line of 8 to 512 printable bytes; "
                       "write to it what `logferry-server client create` printed",
                       path);
        explicit_bzero(bytes, sizeof(bytes));
    }
    close(fd);
    return ok;
}

bool destination_token(const struct destination_config *d, struct buf *out, struct buf *why)
{
    if (!str_is_set(d->token))
        return token_file_read(d->token_file.p, out, why);
    buf_put_str(out, d->token);
    return true;
}
