/* control_client.c - a command's side of the control socket; see control_wire.h. */
#include "agent/control_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define GOODBYE_MS 10000 /* a daemon that was asked to stop has so long for the ledger */

static volatile sig_atomic_t interrupted; /* how often; the one thing a handler can write to */

static void on_interrupt(int number)
{
    interrupted++;
}

static int connect_in(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" CONTROL_NAME, dir_fd);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        fd = -1;
    }
    if (dir_fd >= 0)
        close(dir_fd);
    return fd;
}

static bool send_all(int fd, struct str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = str_slice(s, (size_t)n, s.n);
    }
    return true;
}

/* Waits for something to read; an interruption is passed on once, and again means: no more waiting.
 * False: nothing will come. */
static bool wait_readable(int fd)
{
    static bool passed_on;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (;;) {
        if (interrupted > 1)
            return false;
        if (interrupted && !passed_on) {
            passed_on = true;
            shutdown(fd, SHUT_WR);
        }
        int ready = poll(&p, 1, passed_on ? GOODBYE_MS : -1);
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

/* Exactly n bytes. */
static bool receive(int fd, char *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        if (!wait_readable(fd))
            return false;
        ssize_t more = recv(fd, to + got, n - got, 0);
        if (more == 0 || (more < 0 && errno != EINTR))
            return false;
        got += more > 0 ? (size_t)more : 0;
    }
    return true;
}

/* Every frame until the last; *kind is that one's. False: the daemon went. */
static bool converse(int fd, struct buf *frame, char *kind)
{
    unsigned char head[5];
    for (;;) {
        if (!receive(fd, (char *)head, sizeof(head)))
            return false;
        size_t n = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
        buf_reset(frame);
        char *to = n <= CONTROL_FRAME_MAX ? buf_reserve(frame, n + 1) : NULL;
        if (!to || !receive(fd, to, n))
            return false;
        frame->n = n;
        *kind = (char)head[0];
        if (*kind != CONTROL_OUT && *kind != CONTROL_ERR)
            return true;
        FILE *file = *kind == CONTROL_OUT ? stdout : stderr;
        fwrite(frame->p, 1, n, file);
        fflush(file);
    }
}

static enum control_result talk(int fd, struct str request, int *exit_code, struct buf *why)
{
    struct buf frame;
    char kind = 0;
    enum control_result result = CONTROL_BROKEN;
    buf_init(&frame, CONTROL_FRAME_MAX + 1);
    if (!send_all(fd, request) || !converse(fd, &frame, &kind)) {
        buf_printf(why, "%s",
                   interrupted ? "interrupted; run the same command again"
                               : "the daemon does not answer to the end: was it stopped, "
                                 "or is it of another version?");
        *exit_code = 130;
    } else if (kind == CONTROL_EXIT && frame.n == 1) {
        *exit_code = (unsigned char)frame.p[0];
        result = CONTROL_ANSWERED;
    } else if (kind == CONTROL_DECLINED) {
        buf_put_str(why, buf_str(&frame));
        result = CONTROL_DO_SELF;
    } else if (kind == CONTROL_STRANGER) {
        result = CONTROL_NOBODY;
    }
    buf_release(&frame);
    return result;
}

static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

enum control_result control_call(const char *state_path, const char *command,
                                 const struct options *o, int *exit_code, struct buf *why)
{
    char own[4096];
    struct stat st;
    struct control_request r = {.command = command, .o = *o};
    const char *places[] = {control_directory(state_path, own), state_path, "/run/logferry"};
    enum control_result result = CONTROL_NOBODY;
    struct buf request;
    if (stat(state_path, &st))
        return CONTROL_NOBODY;
    r.dev = st.st_dev;
    r.ino = st.st_ino;
    buf_init(&request, CONTROL_REQUEST_MAX + CONTROL_HEAD_BYTES);
    bool fits = control_request_write(&request, &r);
    for (size_t i = 0; fits && result == CONTROL_NOBODY && i < 3; i++) {
        int fd = connect_in(places[i]);
        if (fd < 0)
            continue;
        watch_signals();
        result = talk(fd, buf_str(&request), exit_code, why);
        close(fd);
    }
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    buf_release(&request);
    return result;
}
