/* metrics_http.c - see metrics_http.h. */
#include "agent/metrics_http.h"

#include "parsers/base/metrics.h"

#include <errno.h>
#include <ev.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL_S 5.0
#define ANSWER_MAX (16u << 20)
#define BACKLOG 16

struct scrape {
    struct metrics_http *http;
    struct scrape *next;
    ev_io in, out;
    ev_timer timer;
    int fd;
    bool answered;
    struct buf head, answer;
    size_t sent;
};

struct metrics_http {
    struct metrics_http_options o;
    int fd;
    unsigned port;
    ev_io accepting;
    struct scrape *scrapes;
    size_t n;
};

/* ---- the request ------------------------------------------------------------------------------
 */

int metrics_request_status(struct str in)
{
    struct str rest = in;
    ptrdiff_t end = str_chr(in, '\n', 0);
    if (str_find(in, STR("\r\n\r\n"), 0) < 0 && str_find(in, STR("\n\n"), 0) < 0)
        return in.n < METRICS_HEAD_MAX ? 0 : 400;
    rest = str_trim(str_slice(in, 0, (size_t)end));
    struct str method = str_cut(&rest, ' '), target = str_cut(&rest, ' ');
    if (!str_eq(rest, STR("HTTP/1.1")) && !str_eq(rest, STR("HTTP/1.0")))
        return 400;
    if (!str_eq(str_cut(&target, '?'), STR("/metrics")))
        return 404;
    return str_eq(method, STR("GET")) ? 200 : 405;
}

/* ---- the answer -------------------------------------------------------------------------------
 */

static void scrape_free(struct scrape *s)
{
    struct metrics_http *m = s->http;
    struct scrape **at = &m->scrapes;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    m->n--;
    ev_io_stop(m->o.loop, &s->in);
    ev_io_stop(m->o.loop, &s->out);
    ev_timer_stop(m->o.loop, &s->timer);
    close(s->fd);
    buf_release(&s->head);
    buf_release(&s->answer);
    free(s);
}

static const char *phrase_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 503:
        return "Service Unavailable";
    default:
        return "Bad Request";
    }
}

static void put_answer(struct scrape *s, int status)
{
    struct buf body;
    buf_init(&body, ANSWER_MAX - METRICS_HEAD_MAX);
    if (status == 200 && !s->http->o.put(s->http->o.context, &body))
        status = 503;
    if (status != 200)
        buf_printf(&body, "%s; GET /metrics is all there is\n", phrase_of(status));
    if (body.failed) {
        status = 503;
        buf_reset(&body);
    }
    buf_printf(&s->answer,
               "HTTP/1.1 %d %s\r\nContent-Type: " METRICS_TYPE
               "\r\nX-Content-Type-Options: nosniff\r\n%sContent-Length: %zu\r\nConnection: "
               "close\r\n\r\n",
               status, phrase_of(status), status == 405 ? "Allow: GET\r\n" : "", body.n);
    buf_put_str(&s->answer, buf_str(&body));
    buf_release(&body);
}

/* When all is sent the peer closes: closing first, with bytes of its unread, could take the
 * answer's end away from it. */
static void flush(struct scrape *s)
{
    while (s->sent < s->answer.n) {
        ssize_t n = send(s->fd, s->answer.p + s->sent, s->answer.n - s->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            ev_io_start(s->http->o.loop, &s->out);
            return;
        }
        if (n <= 0) {
            scrape_free(s);
            return;
        }
        s->sent += (size_t)n;
    }
    ev_io_stop(s->http->o.loop, &s->out);
    shutdown(s->fd, SHUT_WR);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    flush(io->data);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct scrape *s = io->data;
    char bytes[METRICS_HEAD_MAX];
    ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        scrape_free(s);
        return;
    }
    if (s->answered)
        return; /* read away, until the time is up */
    size_t room = METRICS_HEAD_MAX - s->head.n;
    buf_put(&s->head, bytes, (size_t)n < room ? (size_t)n : room);
    int status = s->head.failed ? 503 : metrics_request_status(buf_str(&s->head));
    if (!status)
        return;
    s->answered = true;
    put_answer(s, status);
    flush(s);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    scrape_free(timer->data);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    struct metrics_http *m = io->data;
    int fd = accept4(m->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct scrape *s = fd < 0 || m->n == METRICS_MAX_CALLS ? NULL : calloc(1, sizeof(*s));
    if (!s) {
        if (fd >= 0)
            close(fd);
        return;
    }
    s->http = m;
    s->fd = fd;
    s->next = m->scrapes;
    m->scrapes = s;
    m->n++;
    buf_init(&s->head, METRICS_HEAD_MAX);
    buf_init(&s->answer, ANSWER_MAX);
    ev_io_init(&s->in, on_readable, fd, EV_READ);
    ev_io_init(&s->out, on_writable, fd, EV_WRITE);
    ev_timer_init(&s->timer, on_timeout, CALL_S, 0.0);
    s->in.data = s->out.data = s->timer.data = s;
    ev_io_start(loop, &s->in);
    ev_timer_start(loop, &s->timer);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static int open_port(const struct listen_address *l, unsigned *port)
{
    char number[8];
    struct addrinfo *info = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    snprintf(number, sizeof(number), "%u", l->port);
    if (getaddrinfo(l->address.p, number, &hints, &info)) {
        errno = EINVAL;
        return -1;
    }
    int on = 1, error;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 own = {0};
    socklen_t n = sizeof(own);
    bool good = fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
                !bind(fd, info->ai_addr, info->ai_addrlen) && !listen(fd, BACKLOG) &&
                !getsockname(fd, (struct sockaddr *)&own, &n);
    error = errno;
    freeaddrinfo(info);
    if (!good && fd >= 0)
        close(fd);
    errno = error;
    *port = good ? ntohs(own.sin6_port) : 0; /* in the same place for IPv4 */
    return good ? fd : -1;
}

struct metrics_http *metrics_http_new(const struct metrics_http_options *options, struct buf *why)
{
    struct metrics_http *m = calloc(1, sizeof(*m));
    if (!m) {
        buf_lit(why, "out of memory");
        return NULL;
    }
    m->o = *options;
    m->o.listen = NULL;
    m->fd = open_port(options->listen, &m->port);
    if (m->fd < 0) {
        buf_printf(why, "%s", strerror(errno));
        free(m);
        return NULL;
    }
    ev_io_init(&m->accepting, on_accept, m->fd, EV_READ);
    m->accepting.data = m;
    ev_io_start(options->loop, &m->accepting);
    return m;
}

unsigned metrics_http_port(const struct metrics_http *m)
{
    return m->port;
}

void metrics_http_free(struct metrics_http *m)
{
    if (!m)
        return;
    ev_io_stop(m->o.loop, &m->accepting);
    close(m->fd);
    for (struct scrape *s = m->scrapes, *next; s; s = next) {
        next = s->next;
        scrape_free(s);
    }
    free(m);
}
