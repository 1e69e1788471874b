/*
 * control.c - the server's side of the control socket. Who may connect is the directory's and the
 * socket's mode: whoever can read the store's files anyway.
 */
#include "server/control.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "config/exit_codes.h"
#include "server/admin.h"

#define CONNECTIONS_MAX 16
#define REQUEST_SECONDS 10. /* for a whole request to come, and an answer to be taken */
#define HEAD_BYTES 8        /* the magic and a length */

/* reading -> running -> writing -> freed; while running no watcher is active. */
struct connection {
    struct control *control; /* NULL while running: the control has gone, free this when done */
    struct connection *next;
    ev_io io;
    ev_timer timer;
    int fd;
    bool running;
    struct buf in, out, err, answer;
    size_t sent;
    char *argv[ARGS_MAX + 1];
    struct admin_call call;
    struct store_job job;
};

struct control {
    struct ev_loop *loop;
    struct store *store;
    const char *dir;
    int fd;
    ev_io accepting;
    struct connection *connections;
    size_t n_connections;
};

static void connection_free(struct connection *c)
{
    struct control *control = c->control;
    if (control) {
        struct connection **at = &control->connections;
        while (*at != c)
            at = &(*at)->next;
        *at = c->next;
        control->n_connections--;
        ev_io_stop(control->loop, &c->io);
        ev_timer_stop(control->loop, &c->timer);
    }
    close(c->fd);
    buf_release(&c->in);
    buf_release(&c->out);
    buf_release(&c->err);
    buf_release(&c->answer);
    free(c);
}

static void put_length(struct buf *b, size_t n)
{
    const char length[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    buf_put(b, length, sizeof(length));
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    struct connection *c = io->data;
    ssize_t n = send(c->fd, c->answer.p + c->sent, c->answer.n - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->sent += n > 0 ? (size_t)n : 0;
    if (n <= 0 || c->sent == c->answer.n)
        connection_free(c);
}

static void start_writing(struct connection *c)
{
    buf_lit(&c->answer, CONTROL_MAGIC);
    put_length(&c->answer, (size_t)c->call.code);
    put_length(&c->answer, c->out.n);
    buf_put_str(&c->answer, buf_str(&c->out));
    put_length(&c->answer, c->err.n);
    buf_put_str(&c->answer, buf_str(&c->err));
    if (c->answer.failed) {
        connection_free(c);
        return;
    }
    ev_io_init(&c->io, on_writable, c->fd, EV_WRITE);
    ev_io_start(c->control->loop, &c->io);
    ev_timer_set(&c->timer, REQUEST_SECONDS, 0.);
    ev_timer_start(c->control->loop, &c->timer);
}

static void on_done(struct store_job *job)
{
    struct connection *c = job->owner;
    c->running = false;
    if (c->call.code == 0 && job->result != STORE_OK) {
        c->call.code = EXIT_CANNOT_WRITE;
        buf_reset(&c->out);
        buf_lit(&c->err, "logferry-server: the store could not write this; nothing was changed; "
                         "make room on its disk and try again\n");
    }
    if (c->control)
        start_writing(c);
    else
        connection_free(c);
}

/* The words of a complete request, each with its NUL. -1: not well formed. */
static int split_words(struct connection *c, char *p, size_t n)
{
    int argc = 0;
    if (n == 0 || p[n - 1] != 0)
        return -1;
    for (size_t i = 0; i < n; i += strlen(p + i) + 1) {
        if (argc == ARGS_MAX)
            return -1;
        c->argv[argc++] = p + i;
    }
    c->call.argc = argc;
    c->call.argv = c->argv;
    return 0;
}

static void run(struct connection *c)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    c->call.now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    c->call.store_dir = c->control->dir;
    c->call.out = &c->out;
    c->call.err = &c->err;
    c->job = (struct store_job){.kind = STORE_CALL,
                                .call = admin_execute,
                                .call_arg = &c->call,
                                .done = on_done,
                                .owner = c};
    ev_io_stop(c->control->loop, &c->io);
    ev_timer_stop(c->control->loop, &c->timer);
    c->running = store_submit(c->control->store, &c->job) == 0;
    if (c->running)
        return;
    c->call.code = EXIT_UNREACHABLE;
    buf_lit(&c->err, "logferry-server: the server is busy, or stopping; try again\n");
    start_writing(c);
}

/* 1: complete, 0: more is to come, -1: no request of ours. */
static int request_state(const struct buf *in)
{
    const unsigned char *p = (const unsigned char *)in->p;
    if (in->failed || (in->n >= 4 && memcmp(p, CONTROL_MAGIC, 4) != 0))
        return -1;
    if (in->n < HEAD_BYTES)
        return 0;
    size_t n = (size_t)p[4] << 24 | (size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7];
    if (n > ADMIN_REQUEST_MAX || in->n > HEAD_BYTES + n)
        return -1;
    return in->n == HEAD_BYTES + n;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    struct connection *c = io->data;
    char bytes[4096];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        buf_put(&c->in, bytes, (size_t)n);
    int state = n > 0 ? request_state(&c->in) : -1;
    if (state == 0)
        return;
    if (state == 1 && split_words(c, c->in.p + HEAD_BYTES, c->in.n - HEAD_BYTES) == 0)
        run(c);
    else
        connection_free(c);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    connection_free(timer->data);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    (void)events;
    struct control *control = io->data;
    int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *c =
        fd < 0 || control->n_connections == CONNECTIONS_MAX ? NULL : calloc(1, sizeof(*c));
    if (!c) {
        if (fd >= 0)
            close(fd);
        return;
    }
    c->control = control;
    c->fd = fd;
    c->next = control->connections;
    control->connections = c;
    control->n_connections++;
    buf_init(&c->in, ADMIN_REQUEST_MAX + HEAD_BYTES);
    buf_init(&c->out, ADMIN_OUTPUT_MAX);
    buf_init(&c->err, ADMIN_OUTPUT_MAX);
    buf_init(&c->answer, 3 * (size_t)ADMIN_OUTPUT_MAX);
    ev_io_init(&c->io, on_readable, fd, EV_READ);
    ev_timer_init(&c->timer, on_timeout, REQUEST_SECONDS, 0.);
    c->io.data = c->timer.data = c;
    ev_io_start(loop, &c->io);
    ev_timer_start(loop, &c->timer);
}

struct control *control_new(struct ev_loop *loop, struct store *store, const char *dir)
{
    struct control *control = calloc(1, sizeof(*control));
    int fd = control ? control_socket(dir, true) : -1;
    if (fd < 0) {
        free(control);
        return NULL;
    }
    *control = (struct control){.loop = loop, .store = store, .dir = dir, .fd = fd};
    ev_io_init(&control->accepting, on_accept, fd, EV_READ);
    control->accepting.data = control;
    ev_io_start(loop, &control->accepting);
    return control;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    ev_io_stop(control->loop, &control->accepting);
    close(control->fd);
    control_remove(control->dir);
    for (struct connection *c = control->connections, *next; c; c = next) {
        next = c->next;
        if (c->running)
            c->control = NULL; /* on_done frees it */
        else
            connection_free(c);
    }
    free(control);
}
