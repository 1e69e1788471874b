/*
 * admin_control.c - the control socket: its address, and the client's side. The server's side is
 * control.c.
 */
#include "server/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket's address has 108 bytes, a path may have more: the directory is named by its descriptor.
 */
static int address_in(int dir_fd, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" CONTROL_NAME,
                     dir_fd);
    return n > 0 && (size_t)n < sizeof(address->sun_path) ? 0 : -1;
}

static int serve_on(int fd, int dir_fd, const struct sockaddr_un *address)
{
    /* Whoever serves holds the store's lock: a socket that is still there is a dead process's. */
    if (unlinkat(dir_fd, CONTROL_NAME, 0) != 0 && errno != ENOENT)
        return -1;
    mode_t old = umask(0177);
    int status = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    umask(old);
    return status == 0 ? listen(fd, 16) : -1;
}

int control_socket(const char *dir, bool serve)
{
    struct sockaddr_un address;
    int type = SOCK_STREAM | SOCK_CLOEXEC | (serve ? SOCK_NONBLOCK : 0);
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1 : socket(AF_UNIX, type, 0);
    if (fd >= 0 &&
        (address_in(dir_fd, &address) ||
         (serve ? serve_on(fd, dir_fd, &address)
                : connect(fd, (const struct sockaddr *)&address, sizeof(address))) != 0)) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    if (dir_fd >= 0)
        close(dir_fd);
    return fd;
}

void control_remove(const char *dir)
{
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return;
    unlinkat(dir_fd, CONTROL_NAME, 0);
    close(dir_fd);
}

/* ---- the client's side -------------------------------------------------------------------- */

static int send_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        s = str_slice(s, (size_t)n, s.n);
    }
    return 0;
}

static int receive_all(int fd, void *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t more = recv(fd, (char *)to + got, n - got, 0);
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return -1;
        got += (size_t)more;
    }
    return 0;
}

static int receive_number(int fd, uint32_t *number)
{
    unsigned char b[4];
    if (receive_all(fd, b, sizeof(b)))
        return -1;
    *number = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return 0;
}

static int receive_text(int fd, struct buf *out)
{
    uint32_t n = 0;
    if (receive_number(fd, &n) || n > ADMIN_OUTPUT_MAX)
        return -1;
    char *room = buf_reserve(out, n);
    if (!room || receive_all(fd, room, n))
        return -1;
    out->n += n;
    return 0;
}

static int exchange(int fd, struct str request, struct admin_call *call)
{
    char magic[4];
    uint32_t code = 0;
    if (send_all(fd, request) || receive_all(fd, magic, sizeof(magic)) ||
        memcmp(magic, CONTROL_MAGIC, sizeof(magic)) != 0 || receive_number(fd, &code) ||
        code > 255 || receive_text(fd, call->out) || receive_text(fd, call->err))
        return -1;
    call->code = (int)code;
    return 0;
}

int control_ask(const char *dir, struct admin_call *call)
{
    struct buf words, request;
    buf_init(&words, ADMIN_REQUEST_MAX);
    buf_init(&request, ADMIN_REQUEST_MAX + 8);
    for (int i = 0; i < call->argc; i++)
        buf_put(&words, call->argv[i], strlen(call->argv[i]) + 1);
    const char length[4] = {(char)(words.n >> 24), (char)(words.n >> 16), (char)(words.n >> 8),
                            (char)words.n};
    buf_lit(&request, CONTROL_MAGIC);
    buf_put(&request, length, sizeof(length));
    buf_put_str(&request, buf_str(&words));
    int fd = words.failed || request.failed ? -1 : control_socket(dir, false);
    int status = fd < 0 ? -1 : exchange(fd, buf_str(&request), call);
    int error = errno;
    if (status != 0) {
        buf_reset(call->out);
        buf_reset(call->err);
    }
    if (fd >= 0)
        close(fd);
    buf_release(&words);
    buf_release(&request);
    errno = error;
    return status;
}
