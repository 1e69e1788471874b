/* control.c - see control.h. */
#include "agent/control.h"

#include "config/exit_codes.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_S 10.0
#define ANSWER_S 30.0
#define ANSWER_MAX (64u << 20)

/* A connection reads its request, is answered, and goes when all is sent. */
struct connection {
    struct control_call call;
    struct control *control;
    struct connection *next;
    ev_io in, out;
    ev_timer timer; /* for the request to come; then for the client to take something */
    int fd;
    bool privileged;
    bool answering; /* a command has the call */
    bool ended;     /* the last frame is in `answer` */
    bool gone;      /* the client is */
    struct buf bytes, answer;
    size_t sent;
    struct control_request request;
};

struct control {
    struct control_options o;
    char directory[4096];
    int fd;
    ev_io accepting;
    struct connection *connections;
    size_t n;
};

static void connection_free(struct connection *c)
{
    struct control *control = c->control;
    struct connection **at = &control->connections;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    control->n--;
    ev_io_stop(control->o.loop, &c->in);
    ev_io_stop(control->o.loop, &c->out);
    ev_timer_stop(control->o.loop, &c->timer);
    if (c->fd >= 0)
        close(c->fd);
    control_request_release(&c->request);
    buf_release(&c->bytes);
    buf_release(&c->answer);
    free(c);
}

/* Nobody listens any more: what a command still says is thrown away until it ends. */
static void hang_up(struct connection *c)
{
    struct ev_loop *loop = c->control->o.loop;
    bool first = !c->gone;
    c->gone = true;
    ev_io_stop(loop, &c->in);
    ev_io_stop(loop, &c->out);
    ev_timer_stop(loop, &c->timer);
    buf_reset(&c->answer);
    c->sent = 0;
    if (!c->answering)
        connection_free(c);
    else if (first && c->call.on_hangup)
        c->call.on_hangup(&c->call);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void restart_timer(struct connection *c, double seconds)
{
    ev_timer_stop(c->control->o.loop, &c->timer);
    ev_timer_set(&c->timer, seconds, 0.0);
    ev_timer_start(c->control->o.loop, &c->timer);
}

/* Sends what the socket takes. False: the connection is gone. */
static bool flush(struct connection *c)
{
    while (c->sent < c->answer.n) {
        ssize_t n = send(c->fd, c->answer.p + c->sent, c->answer.n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0) {
            hang_up(c);
            return false;
        }
        c->sent += (size_t)n;
        restart_timer(c, ANSWER_S);
    }
    buf_reset(&c->answer);
    c->sent = 0;
    ev_io_stop(c->control->o.loop, &c->out);
    ev_timer_stop(c->control->o.loop, &c->timer);
    if (!c->ended)
        return true;
    connection_free(c);
    return false;
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    flush(io->data);
}

static void put_frame(struct connection *c, enum control_frame kind, struct str text)
{
    const char head[5] = {(char)kind, (char)(text.n >> 24), (char)(text.n >> 16),
                          (char)(text.n >> 8), (char)text.n};
    if (c->gone)
        return;
    if (!c->answer.n)
        restart_timer(c, ANSWER_S);
    buf_put(&c->answer, head, sizeof(head));
    buf_put_str(&c->answer, text);
    ev_io_start(c->control->o.loop, &c->out);
}

void control_put(struct control_call *call, enum control_frame kind, struct str text)
{
    struct connection *c = (struct connection *)call;
    while (text.n) {
        size_t n = text.n < CONTROL_FRAME_MAX ? text.n : CONTROL_FRAME_MAX;
        put_frame(c, kind, str_slice(text, 0, n));
        text = str_slice(text, n, text.n);
    }
}

size_t control_pending(const struct control_call *call)
{
    const struct connection *c = (const struct connection *)call;
    return c->answer.n - c->sent;
}

static void end(struct connection *c, enum control_frame kind, struct str text)
{
    c->answering = false;
    c->call.on_hangup = NULL;
    if (c->gone || c->answer.failed) {
        connection_free(c);
        return;
    }
    c->ended = true;
    put_frame(c, kind, text);
    ev_io_stop(c->control->o.loop, &c->in);
}

void control_end(struct control_call *call, int exit_code)
{
    char code = (char)exit_code;
    end((struct connection *)call, CONTROL_EXIT, (struct str){&code, 1});
}

void control_decline(struct control_call *call, const char *why)
{
    end((struct connection *)call, CONTROL_DECLINED, str_of(why));
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static bool is_ours(const struct control *control, const struct control_request *r)
{
    struct stat st;
    return fstat(control->o.state_fd, &st) == 0 && st.st_dev == r->dev && st.st_ino == r->ino;
}

static void take_request(struct connection *c)
{
    char *words = c->bytes.p + CONTROL_HEAD_BYTES;
    if (!control_request_parse(words, c->bytes.n - CONTROL_HEAD_BYTES, &c->request)) {
        connection_free(c);
        return;
    }
    ev_timer_stop(c->control->o.loop, &c->timer);
    c->answering = true;
    c->call.request = &c->request;
    if (!is_ours(c->control, &c->request)) {
        end(c, CONTROL_STRANGER, STR("another state directory"));
    } else if (!c->privileged && strcmp(c->request.command, "status") != 0) {
        control_put(&c->call, CONTROL_ERR,
                    STR("logferry: this is for root and the daemon's own user; use sudo\n"));
        control_end(&c->call, EXIT_PERMISSION);
    } else {
        c->control->o.on_call(c->control->o.context, &c->call);
    }
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct connection *c = io->data;
    char bytes[16384];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (c->answering) { /* nothing more is to come but the end */
        ev_io_stop(loop, &c->in);
        if (n != 0)
            hang_up(c);
        else if (c->call.on_hangup)
            c->call.on_hangup(&c->call);
        return;
    }
    if (n > 0)
        buf_put(&c->bytes, bytes, (size_t)n);
    int state = n > 0 && !c->bytes.failed ? control_request_state(buf_str(&c->bytes)) : -1;
    if (state < 0)
        connection_free(c);
    else if (state > 0)
        take_request(c);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    hang_up(timer->data);
}

static bool is_privileged(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
    struct control *control = io->data;
    int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *c = fd < 0 || control->n == CONTROL_MAX_CALLS ? NULL : calloc(1, sizeof(*c));
    if (!c) {
        if (fd >= 0)
            close(fd);
        return;
    }
    c->control = control;
    c->fd = fd;
    c->privileged = is_privileged(fd);
    c->next = control->connections;
    control->connections = c;
    control->n++;
    buf_init(&c->bytes, CONTROL_REQUEST_MAX + CONTROL_HEAD_BYTES);
    buf_init(&c->answer, ANSWER_MAX);
    ev_io_init(&c->in, on_readable, fd, EV_READ);
    ev_io_init(&c->out, on_writable, fd, EV_WRITE);
    ev_timer_init(&c->timer, on_timeout, REQUEST_S, 0.0);
    c->in.data = c->out.data = c->timer.data = c;
    ev_io_start(loop, &c->in);
    ev_timer_start(loop, &c->timer);
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct control *control_new(const struct control_options *options, struct buf *why)
{
    struct control *c = calloc(1, sizeof(*c));
    if (!c) {
        buf_printf(why, "out of memory");
        return NULL;
    }
    c->o = *options;
    control_directory(options->state_path, c->directory);
    c->fd = control_listen(c->directory, why);
    if (c->fd < 0) {
        free(c);
        return NULL;
    }
    ev_io_init(&c->accepting, on_accept, c->fd, EV_READ);
    c->accepting.data = c;
    ev_io_start(options->loop, &c->accepting);
    return c;
}

void control_close(struct control *c)
{
    if (!c || c->fd < 0)
        return;
    ev_io_stop(c->o.loop, &c->accepting);
    close(c->fd);
    c->fd = -1;
    control_unlink(c->directory);
}

void control_free(struct control *c)
{
    if (!c)
        return;
    control_close(c);
    for (struct connection *k = c->connections, *next; k; k = next) {
        next = k->next;
        k->answering = false;
        if (k->gone || flush(k))
            connection_free(k);
    }
    free(c);
}
