/*
 * http_probe.h - a client for tests: a loopback socket beside a server on the same thread. Waiting
 * runs the loop.
 */
#ifndef LOGFERRY_TESTS_HTTP_PROBE_H
#define LOGFERRY_TESTS_HTTP_PROBE_H

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "parsers/base/bytes.h"

#define PROBE_PATIENCE_MS 5000
#define PROBE_ONCE 4096 /* bytes taken at once: most answers are shorter, and need no more */

struct probe {
    struct ev_loop *loop;
    int fd;
    struct buf in; /* all that came, NUL-terminated by probe_text */
    bool closed;   /* the server has closed */
    bool reset;    /* and not gently */
};

static inline int64_t probe_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void probe_init(struct probe *p, struct ev_loop *loop, int fd)
{
    *p = (struct probe){.loop = loop, .fd = fd};
    buf_init(&p->in, 64u << 20);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

static inline void probe_connect_to(struct probe *p, struct ev_loop *loop, struct in_addr address,
                                    unsigned port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr = address, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    probe_init(p, loop, fd);
}

static inline void probe_connect(struct probe *p, struct ev_loop *loop, unsigned port)
{
    probe_connect_to(p, loop, (struct in_addr){htonl(INADDR_LOOPBACK)}, port);
}

static inline void probe_close(struct probe *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    buf_release(&p->in);
}

static inline const char *probe_text(struct probe *p)
{
    const char *text = buf_cstr(&p->in);
    return text ? text : "";
}

/* One turn of the loop, and what has arrived; waits up to a millisecond when nothing happens. */
static inline void probe_turn_for(struct probe *p, int wait_ms)
{
    ev_run(p->loop, EVRUN_NOWAIT);
    if (p->closed)
        return;
    struct pollfd readable = {.fd = p->fd, .events = POLLIN};
    if (poll(&readable, 1, wait_ms) <= 0)
        return;
    char *room = buf_reserve(&p->in, PROBE_ONCE);
    assert_non_null(room);
    ssize_t n = recv(p->fd, room, PROBE_ONCE, 0);
    if (n > 0)
        p->in.n += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        p->closed = true;
    if (n < 0 && errno != EAGAIN)
        p->reset = true;
}

static inline void probe_turn(struct probe *p)
{
    probe_turn_for(p, 1);
}

static inline void probe_send(struct probe *p, struct str bytes)
{
    int64_t until = probe_now_ms() + PROBE_PATIENCE_MS;
    while (bytes.n > 0 && !p->closed && probe_now_ms() < until) {
        ssize_t n = send(p->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n > 0)
            bytes = str_slice(bytes, (size_t)n, bytes.n);
        else if (errno != EAGAIN)
            return;
        probe_turn_for(p, 0);
    }
}

static inline size_t probe_count(struct probe *p, const char *needle)
{
    size_t n = 0;
    for (const char *at = probe_text(p); (at = strstr(at, needle)) != NULL; at++)
        n++;
    return n;
}

/* Until `needle` has come `times` times. False when the server closed or nothing came any more. */
static inline bool probe_await(struct probe *p, const char *needle, size_t times)
{
    int64_t until = probe_now_ms() + PROBE_PATIENCE_MS;
    while (probe_count(p, needle) < times && !p->closed && probe_now_ms() < until)
        probe_turn(p);
    return probe_count(p, needle) >= times;
}

static inline bool probe_await_close(struct probe *p)
{
    int64_t until = probe_now_ms() + PROBE_PATIENCE_MS;
    while (!p->closed && probe_now_ms() < until)
        probe_turn(p);
    return p->closed;
}

/* Runs the loop for so long; for what must not happen. */
static inline void probe_run(struct probe *p, int64_t ms)
{
    int64_t until = probe_now_ms() + ms;
    while (probe_now_ms() < until)
        probe_turn(p);
}

#endif
