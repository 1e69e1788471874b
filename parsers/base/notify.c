/*
 * notify.c - tells systemd what a program does; see notify.h.
 */
#include "parsers/base/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parsers/base/bytes.h"

#define LISTEN_FDS_MAX 64

void notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, n);
    if (path[0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  length);
    close(fd);
}

/* The number in a variable; 0 when it is absent, or meant for another process. */
static uint64_t number_for_us(const char *variable, const char *pid_variable)
{
    uint64_t pid = 0, number = 0;
    const char *owner = getenv(pid_variable);
    if (owner && (!str_to_u64(str_of(owner), INT32_MAX, &pid) || (pid_t)pid != getpid()))
        return 0;
    return str_to_u64(str_of(getenv(variable)), INT64_MAX, &number) ? number : 0;
}

int64_t notify_watchdog_ms(void)
{
    return (int64_t)(number_for_us("WATCHDOG_USEC", "WATCHDOG_PID") / 1000);
}

int notify_listen_fds(void)
{
    uint64_t n = getenv("LISTEN_PID") ? number_for_us("LISTEN_FDS", "LISTEN_PID") : 0;
    if (n > LISTEN_FDS_MAX)
        return 0;
    for (int i = 0; i < (int)n; i++)
        fcntl(NOTIFY_FIRST_FD + i, F_SETFD, FD_CLOEXEC);
    return (int)n;
}
