/*
 * http_internal.h - shared by http_listen.c (sockets), http_server.c (accepting, draining),
 * http_conn.c (one connection), http_respond.c (writing an answer) and http_stream.c (one in
 * pieces). Nobody else includes it.
 */
#ifndef LOGFERRY_SERVER_HTTP_INTERNAL_H
#define LOGFERRY_SERVER_HTTP_INTERNAL_H

#include <ev.h>

#include "server/http.h"

struct http_conn;

#define HTTP_READ_AWAY_MAX                                                                         \
    (256u << 10) /* bytes of a body nobody wants, before closing is cheaper */

/* A request and what it borrows from. Lives from the end of its head to its answer. */
struct http_exchange {
    struct http_request req; /* first: the app's pointer is ours */
    struct http_conn *conn;  /* NULL when the connection has gone */
    struct http_head head;
    struct buf body;
    int64_t began_us;           /* monotonic: at the end of the head */
    void (*on_room)(void *arg); /* http_stream.c: the app waits; NULL: it does not */
    void *room_arg;
    bool chunked;      /* the answer in pieces is */
    char head_bytes[]; /* the spans' bytes */
};

enum conn_state {
    CONN_IDLE,   /* waiting for the first byte of a request */
    CONN_HEAD,   /* waiting for the end of a head */
    CONN_BODY,   /* waiting for the end of a body, which is kept, or read away */
    CONN_BUSY,   /* waiting for the app's answer */
    CONN_STREAM, /* waiting for the app's next piece, or for the peer to take the last */
    CONN_FLUSH,  /* waiting for the peer to take the answer */
    CONN_LINGER, /* answered and half closed: waiting for the peer to close */
    CONN_CLOSED, /* waiting for nothing: freed when its call stack is left */
    CONN_STATES,
};

struct http_conn {
    struct http_server *server;
    struct http_conn *previous, *next;
    int fd;
    struct ev_io read_watcher, write_watcher;
    struct ev_timer timer;
    enum conn_state state;
    struct http_peer peer;
    struct buf in; /* read and not yet consumed: from in_at on */
    size_t in_at;
    struct buf out; /* to be written, from out_at on */
    size_t out_at;
    struct http_head head;
    struct http_body body;
    struct http_exchange *exchange; /* from the end of the head to the answer */
    uint64_t body_bytes;            /* of the current body so far */
    size_t body_counted;            /* of them, what stands in server->bodies_bytes */
    int64_t since_ms;               /* when this state was entered, monotonic */
    int64_t progress_ms;            /* when the last byte moved */
    bool answered;                  /* the current request is answered */
    bool close_after;               /* this answer is the last one */
    bool eof;                       /* the peer sends no more */
    bool running;                   /* conn_run is on the stack */
};

struct http_listener {
    struct http_server *server;
    struct http_listener *next;
    struct ev_io watcher; /* set up by http_listen.c, its callback is http_on_acceptable */
    int fd;
    unsigned port;   /* 0 for a unix socket */
    char *unix_path; /* ours to remove; NULL otherwise */
};

struct http_server {
    struct ev_loop *loop;
    struct http_limits limits;
    struct http_app app;
    struct http_listener *listeners;
    struct http_conn *conns; /* newest first */
    size_t n_conns;
    size_t bodies_bytes;
    struct ev_timer accept_timer; /* accepting rests until it fires */
    struct ev_timer drain_timer;
    bool accepting;
    bool draining;
    void (*on_drained)(void *ctx);
    void *drained_ctx;
    void (*on_answered)(void *ctx, const struct http_answered *a);
    void *answered_ctx;
    int64_t date_second; /* what `date` says */
    char date[80];
};

int64_t http_now_ms(void); /* monotonic */
int64_t http_now_us(void);

/* ---- http_conn.c */
/* Takes the descriptor; closes it when out of memory. */
void http_conn_start(struct http_server *s, int fd, const struct http_peer *peer);
/* Closes at once. The connection is freed, now or when its call stack is left. */
void http_conn_close(struct http_conn *c);
/* Goes on after an answer was put into c->out. May free c. */
void http_conn_run(struct http_conn *c);
void http_exchange_free(struct http_exchange *e);
void http_conn_set_state(struct http_conn *c, enum conn_state next);
struct str http_conn_pending(const struct http_conn *c); /* read and not yet consumed */
/* What stands in the server's account of bodies goes off it. */
void http_conn_uncount_body(struct http_conn *c);
/* The app is asked no more: the request is dropped, unless the app is at work on it. */
void http_conn_drop_exchange(struct http_conn *c);
/* Sends what the peer takes now. True when nothing is left. */
bool http_conn_write_out(struct http_conn *c);

/* ---- http_step.c */
bool http_conn_step(struct http_conn *c);
/* Ends the request with an answer of the server itself. */
bool http_conn_fail(struct http_conn *c, int status);

/* ---- http_respond.c */
struct http_answer {
    int status;
    const char *content_type; /* may be NULL */
    const char *extra;        /* may be NULL */
    struct str body;
    bool body_left_out; /* HEAD: all but the body */
    bool no_length;     /* the body comes in pieces */
};
void http_put_answer(struct http_conn *c, const struct http_answer *a);
/* Is this the connection's last answer? */
bool http_answer_is_last(const struct http_exchange *e);
/* An answer of the server itself: after a bad head or body, or a timeout. */
void http_put_error(struct http_conn *c, int status);

/* ---- http_stream.c */
bool http_stream_step(struct http_conn *c);
/* The connection has gone: an app that waits for room is told. */
void http_stream_lost(struct http_exchange *e);

/* ---- http_listen.c */
void http_listeners_close(struct http_server *s);

/* ---- http_server.c */
void http_on_acceptable(struct ev_loop *loop, struct ev_io *w, int events);
/* A connection has gone, or become idle: accepting may go on, a drain may be over. */
void http_server_room(struct http_server *s);

#endif
