/*
 * http.h - an HTTP/1.1 server on a libev loop: listens, reads requests strictly (http_parse.h),
 * answers in order.
 *
 * It knows no paths and no tokens: an `http_app` decides. All of it runs on the loop's thread. One
 * request of a connection is with the app at a time; pipelined ones wait their turn in the socket,
 * and nothing more is read while an answer waits for its reader: that bounds what a peer can make
 * us hold.
 *
 * Every request is answered by exactly one http_respond (or http_error), at once or later from the
 * loop's thread. The request outlives its connection: an answer to a peer that has gone is dropped,
 * and the request freed.
 *
 * It logs nothing about requests, and counts none: who wants to know asks with http_server_watch.
 */
#ifndef LOGFERRY_SERVER_HTTP_H
#define LOGFERRY_SERVER_HTTP_H

#include "server/http_parse.h"

#define HTTP_PARAMS 2

struct ev_loop;
struct http_server;

struct http_peer {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d; zeros for a unix socket */
    bool local;                /* a loopback address or a unix socket */
};

/* What the app sees. Its text is lent until the request is answered. */
struct http_request {
    struct str method; /* as sent */
    struct str path;   /* as sent, escapes untouched */
    struct str query;  /* without '?' */
    struct http_peer peer;
    struct str body;     /* decoded from chunks; content codings are untouched */
    bool body_too_large; /* it would pass max_body: `body` is empty, and the rest was not read */
    size_t max_body;     /* set by the app in on_head; 0 before: a body is then too large */
    /* The app's own. */
    const void *route;
    void *route_ctx;
    struct str params[HTTP_PARAMS];
    char who[64]; /* whom the app took the peer for, to be logged: no secret; "" at first */
};

/* The first field of that name, any case; STR_NONE when absent. */
struct str http_header(const struct http_request *req, struct str name);

/* The first of that name at or behind field *at, which is moved behind it: for names that may stand
 * several times. Begin with 0; STR_NONE at the end. */
struct str http_header_next(const struct http_request *req, struct str name, size_t *at);

/* Frees the body of a request that is being worked on, when nothing of it is looked at any more. */
void http_drop_body(struct http_request *req);

struct http_app {
    void *ctx;
    /* The head is complete. Sets req->max_body, and may answer at once: then the body is read away
     * unseen. Hangs nothing on the request that must be freed: a request whose body fails ends
     * without another call. */
    void (*on_head)(void *ctx, struct http_request *req);
    /* The body is complete, or too large. Not called when on_head has answered. */
    void (*on_request)(void *ctx, struct http_request *req);
};

/*
 * Answers and frees the request: do not touch it afterwards. `content_type` may be NULL (no body,
 * or none wanted); `extra` is NULL or whole header lines with CRLF. Content-Length, Date and
 * Connection are added; the body of an answer to HEAD is left out. Both texts and the body are
 * copied.
 */
void http_respond(struct http_request *req, int status, const char *content_type, const char *extra,
                  struct str body);
/* As Go's http.Error: text/plain, nosniff, the message and a newline. */
void http_error(struct http_request *req, int status, const char *message);
/* The same with further header lines. */
void http_error_with(struct http_request *req, int status, const char *message, const char *extra);

/*
 * An answer in pieces, for what is too large to be held. One piece at a time: after a put, wait for
 * `on_room` (from the loop's thread), which says that the peer has taken it, or has gone.
 */
/* Sends the head. False: nothing follows (HEAD, or the peer has gone), and the request is freed. */
bool http_stream_begin(struct http_request *req, int status, const char *content_type,
                       const char *extra);
/* Copies the piece, which is not empty. `on_room` runs once, perhaps from inside of this. */
void http_stream_put(struct http_request *req, struct str piece, void (*on_room)(void *arg),
                     void *arg);
/* Frees the request. `whole` false: the connection is broken off, so that the peer knows. */
void http_stream_end(struct http_request *req, bool whole);

/* Has the peer of a request that is being worked on gone? One that has only ended its sending is
 * taken for gone, too. */
bool http_gone(const struct http_request *req);

struct http_limits {
    size_t connections;   /* in all; over it the oldest idle one is closed, else accepting waits */
    size_t per_address;   /* connections of one address; not for loopback and unix sockets */
    size_t bodies_bytes;  /* of all bodies being read or worked on; over it 503 with Retry-After */
    size_t body_min_rate; /* bytes a second, averaged, once body_grace_ms have passed */
    int64_t header_timeout_ms; /* from a request's first byte to the end of its head: 408 */
    int64_t idle_timeout_ms;   /* between requests */
    int64_t body_idle_ms;      /* without one byte of the body: 408 */
    int64_t body_grace_ms;     /* before body_min_rate counts: 408 */
    int64_t write_timeout_ms;  /* the peer takes no byte of the answer: closed */
    int64_t linger_ms;         /* for the peer to close after our last byte */
    int64_t accept_pause_ms;   /* after EMFILE and its like */
};
void http_limits_default(struct http_limits *l);

/* `app` is copied, its ctx lent; both as long as the server lives. NULL when out of memory. */
struct http_server *http_server_new(struct ev_loop *loop, const struct http_limits *limits,
                                    const struct http_app *app);
/* Closes everything at once. Requests still with the app may be answered afterwards, into the void.
 * Accepts NULL. */
void http_server_free(struct http_server *s);

/*
 * Starts listening; may be called several times. -1: errno is set and *why says in a few words what
 * failed.
 * - tcp: "127.0.0.1:8080", "[::1]:8080", "localhost:8080", ":8080" (every IPv4 address),
 * "[::]:8080" (both families, as the kernel is set); port 0 is the kernel's choice.
 * - unix: a stale socket file is replaced, a live one is not; removed again by http_server_free.
 * - fd: a listening socket from elsewhere (systemd); taken over on success.
 */
int http_listen_tcp(struct http_server *s, const char *address, const char **why);
int http_listen_unix(struct http_server *s, const char *path, unsigned mode, const char **why);
int http_listen_fd(struct http_server *s, int fd, const char **why);
/* The port of the first TCP listener; 0 without one. */
unsigned http_server_port(const struct http_server *s);
size_t http_server_connections(const struct http_server *s);

/* An answer, as it is put into the connection's buffer. */
struct http_answered {
    const struct http_request *req; /* for the call; NULL: no whole head has come */
    int status;
    uint64_t in_bytes, out_bytes; /* of the body as far as it was read, of the whole answer */
    int64_t us;                   /* since the head's end */
};
/* on_answered is told of each answer, those of the server itself included; not of those that come
 * when the peer has gone. It must not answer anything, nor free the server. */
void http_server_watch(struct http_server *s,
                       void (*on_answered)(void *ctx, const struct http_answered *a), void *ctx);

/* Stops accepting, closes idle connections, lets running requests end; at the deadline closes what
 * is left. `on_drained` runs once, from the loop, when no connection is left. It may free the
 * server. */
void http_server_drain(struct http_server *s, int64_t deadline_ms, void (*on_drained)(void *ctx),
                       void *ctx);

#endif
