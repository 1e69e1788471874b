/*
 * http_listen.c - the sockets that connections come from: TCP, unix, or passed in. Accepting from
 * them: http_server.c.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/http_internal.h"

#define BACKLOG 512

static unsigned port_of(int fd)
{
    struct sockaddr_storage own = {0};
    socklen_t n = sizeof(own);
    if (getsockname(fd, (struct sockaddr *)&own, &n) < 0)
        return 0;
    if (own.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&own)->sin_port);
    if (own.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&own)->sin6_port);
    return 0;
}

/* Takes the listening descriptor and the path. -1 when out of memory: they stay the caller's. */
static int add_listener(struct http_server *s, int fd, char *unix_path)
{
    struct http_listener *l = calloc(1, sizeof(*l));
    if (!l)
        return -1;
    l->server = s;
    l->fd = fd;
    l->port = port_of(fd);
    l->unix_path = unix_path;
    ev_io_init(&l->watcher, http_on_acceptable, fd, EV_READ);
    l->watcher.data = l;
    struct http_listener **last = &s->listeners;
    while (*last)
        last = &(*last)->next;
    *last = l;
    if (s->accepting)
        ev_io_start(s->loop, &l->watcher);
    return 0;
}

/* "host:port", "[v6]:port", ":port" to getaddrinfo's two texts. */
static bool split_address(const char *address, char *host, size_t host_max, const char **port)
{
    struct str a = str_of(address);
    ptrdiff_t colon = str_rchr(a, ':');
    if (colon < 0)
        return false;
    struct str name = str_slice(a, 0, (size_t)colon);
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = str_slice(name, 1, name.n - 1);
    if (str_eq_nocase(name, STR("localhost")))
        name = STR("127.0.0.1");
    if (name.n >= host_max)
        return false;
    memcpy(host, name.p, name.n);
    host[name.n] = '\0';
    *port = address + colon + 1;
    uint64_t number;
    return str_to_u64(str_of(*port), 65535, &number);
}

static int bind_tcp(const struct addrinfo *info, const char **why)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *why = "socket";
        return -1;
    }
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    *why = "bind";
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0) {
        *why = "listen";
        if (listen(fd, BACKLOG) == 0)
            return fd;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int http_listen_tcp(struct http_server *s, const char *address, const char **why)
{
    char host[64];
    const char *port;
    struct addrinfo *info = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    if (!split_address(address, host, sizeof(host), &port) ||
        getaddrinfo(host[0] ? host : "0.0.0.0", port, &hints, &info) != 0) {
        errno = EINVAL;
        *why = "an address is ip:port, as 127.0.0.1:8080 or [::1]:8080";
        return -1;
    }
    int fd = bind_tcp(info, why);
    freeaddrinfo(info);
    if (fd < 0)
        return -1;
    if (add_listener(s, fd, NULL) == 0)
        return 0;
    close(fd);
    errno = ENOMEM;
    *why = "out of memory";
    return -1;
}

/* Removes a socket file that nobody listens on. False when somebody does, or it is no socket. */
static bool clear_stale_socket(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) < 0)
        return true;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool live = fd < 0 || connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 ||
                errno != ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    if (live) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(at->sun_path) == 0;
}

static int bind_unix(const struct sockaddr_un *at, unsigned mode, const char **why)
{
    *why = "the path is taken";
    if (!clear_stale_socket(at))
        return -1;
    *why = "socket";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    *why = "bind";
    if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) == 0) {
        /* Before listen nobody can connect: the mode is in force for the first peer. */
        *why = "listen";
        if (chmod(at->sun_path, (mode_t)mode) == 0 && listen(fd, BACKLOG) == 0)
            return fd;
        unlink(at->sun_path);
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int http_listen_unix(struct http_server *s, const char *path, unsigned mode, const char **why)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(at.sun_path)) {
        errno = ENAMETOOLONG;
        *why = "the path of a socket has at most 107 bytes";
        return -1;
    }
    memcpy(at.sun_path, path, n);
    int fd = bind_unix(&at, mode, why);
    if (fd < 0)
        return -1;
    char *own_path = strdup(path);
    if (own_path && add_listener(s, fd, own_path) == 0)
        return 0;
    free(own_path);
    unlink(path);
    close(fd);
    errno = ENOMEM;
    *why = "out of memory";
    return -1;
}

int http_listen_fd(struct http_server *s, int fd, const char **why)
{
    int listening = 0;
    socklen_t n = sizeof(listening);
    *why = "the passed descriptor is no listening socket";
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0)
        return -1;
    if (!listening) {
        errno = EINVAL;
        return -1;
    }
    int on = 1;
    if (ioctl(fd, FIONBIO, &on) < 0 || ioctl(fd, FIOCLEX) < 0 || add_listener(s, fd, NULL) < 0)
        return -1;
    return 0;
}

void http_listeners_close(struct http_server *s)
{
    while (s->listeners) {
        struct http_listener *l = s->listeners;
        s->listeners = l->next;
        ev_io_stop(s->loop, &l->watcher);
        close(l->fd);
        if (l->unix_path)
            unlink(l->unix_path);
        free(l->unix_path);
        free(l);
    }
}
