/*
 * fake_server.h - an ingest server for tests, on the same libev loop as what it tests. It is honest
 * (each record is stored once, an id is answered as before) but for what a test tells it to refuse,
 * or to answer next. Tests look into the struct.
 */
#ifndef LOGFERRY_TESTS_FAKE_SERVER_H
#define LOGFERRY_TESTS_FAKE_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <sys/socket.h>

#include "agent/batch.h"
#include "tests/unit/agent/scratch.h"

#define FAKE_MAX_STORED 4000
#define FAKE_MAX_IDS 400

enum fake_manner {
    FAKE_ANSWER,      /* status, headers and body as told, without a look at the batch */
    FAKE_RESET,       /* the connection is reset, nothing is stored */
    FAKE_STORE_RESET, /* stored, then reset before the answer */
    FAKE_OTHER_ID,    /* 200 with another batch's id, nothing is stored */
    FAKE_CUT,         /* stored; the answer's body ends early */
};

struct fake_reply {
    enum fake_manner manner;
    int status;
    const char *headers, *body;
};

struct fake_connection;

struct fake_server {
    struct ev_loop *loop;
    ev_io accept;
    char url[64];
    struct fake_connection *first;
    /* how it is */
    char token[64];   /* any other is 401; "": all are good */
    char sites[2048]; /* the body of GET /api/sites */
    int sites_status; /* 0: 200 */
    char closed[64];  /* records of this host are refused with closed_status */
    int closed_status;
    char bad[16];                    /* records with this in their URL are refused: 400 */
    bool refuse_whole;               /* and the whole batch with them */
    unsigned max_records, max_bytes; /* 413 beyond; 0: no limit */
    struct fake_reply next[8];       /* for the next batches */
    size_t n_next;
    int always; /* a status for all batches; 0: none */
    /* Requests that are no batch and no question for the sites; as fake_request. NULL: there are
     * none. */
    bool (*other)(struct fake_connection *c, struct str head, struct str body);
    void *context; /* of `other` */
    /* what it saw */
    unsigned posts, gets, unauthorized, duplicates;
    struct fake_record {
        struct hash128 stream;
        uint64_t at;
    } stored[FAKE_MAX_STORED];
    size_t n_stored;
    uint64_t lines; /* told in headers */
    struct fake_id {
        char id[BATCH_ID_BYTES];
        struct buf answer;
    } ids[FAKE_MAX_IDS];
    size_t n_ids;
};

struct fake_connection {
    struct fake_server *server;
    struct fake_connection *next;
    ev_io io;
    struct buf in;
};

static inline void fake_close(struct fake_connection *c, bool reset)
{
    struct fake_connection **at = &c->server->first;
    const struct linger hard = {.l_onoff = 1};
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (reset)
        setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    ev_io_stop(c->server->loop, &c->io);
    close(c->io.fd);
    buf_release(&c->in);
    free(c);
}

static inline void fake_send(struct fake_connection *c, int status, const char *headers,
                             struct str body, size_t announced)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_printf(&b, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%s\r\n", status, announced,
               headers ? headers : "");
    buf_put_str(&b, body);
    assert_int_equal(send(c->io.fd, b.p, b.n, MSG_NOSIGNAL), b.n);
    buf_release(&b);
}

static inline void fake_store(struct fake_server *s, struct hash128 stream, uint64_t at)
{
    for (size_t i = 0; i < s->n_stored; i++)
        if (s->stored[i].at == at && hash128_eq(s->stored[i].stream, stream)) {
            s->duplicates++;
            return;
        }
    assert_true(s->n_stored < FAKE_MAX_STORED);
    s->stored[s->n_stored++] = (struct fake_record){stream, at};
}

/* 0: stored; else the status with which it is refused. */
static inline int fake_take(struct fake_server *s, struct hash128 stream, const struct record *r)
{
    char needle[80];
    struct str text = str_is_set(r->url) ? r->url : r->hostname;
    snprintf(needle, sizeof(needle), "//%s/", s->closed);
    if (*s->closed && str_find(text, str_of(needle), 0) >= 0)
        return s->closed_status;
    if (*s->bad && str_find(text, str_of(s->bad), 0) >= 0)
        return 400;
    if (!s->refuse_whole)
        fake_store(s, stream, r->at);
    return 0;
}

/* All records; what is refused goes to `rejected` as JSON. Returns how many are. */
static inline unsigned fake_records(struct fake_server *s, const struct batch_header *h,
                                    struct str rest, struct buf *rejected)
{
    unsigned line = 1, refused = 0;
    struct buf scratch;
    const char *why;
    buf_init(&scratch, BATCH_MAX_DECODED);
    for (size_t i = 0; i < h->n_streams; i++)
        for (uint64_t k = 0; k < h->streams[i].records; k++) {
            struct record r;
            assert_true(rest.n > 0);
            line++;
            if (!record_read(str_cut(&rest, '\n'), &r, &scratch, &why))
                fail_msg("the fake server got a record that is none: %s", why);
            int status = fake_take(s, h->streams[i].id, &r);
            if (status)
                buf_printf(rejected, "%s{\"line\":%u,\"status\":%d,\"error\":\"no\"}",
                           refused++ ? "," : "", line, status);
        }
    assert_int_equal(rest.n, 0);
    buf_release(&scratch);
    return refused;
}

static inline struct fake_id *fake_find_id(struct fake_server *s, struct str id)
{
    for (size_t i = 0; i < s->n_ids; i++)
        if (str_eq(str_of(s->ids[i].id), id))
            return &s->ids[i];
    return NULL;
}

/* Decides on a batch. The status; the answer's body goes to `answer`. */
static inline int fake_decide(struct fake_server *s, const struct batch *b, struct buf *answer)
{
    struct batch_header h = {.streams = calloc(BATCH_MAX_STREAMS, sizeof(*h.streams)),
                             .user_agents = calloc(BATCH_MAX_USER_AGENTS, sizeof(*h.user_agents))};
    struct buf body, scratch, rejected;
    const char *why = NULL;
    int status = 200;
    uint64_t n = 0;
    buf_init(&scratch, BATCH_MAX_DECODED);
    buf_init(&rejected, 1 << 20);
    assert_int_equal(batch_decode(b, &body, &why), 0);
    struct str rest = buf_str(&body);
    if (!batch_header_read(str_cut(&rest, '\n'), &h, &scratch, &why))
        fail_msg("the fake server got a header that is none: %s", why);
    for (size_t i = 0; i < h.n_streams; i++)
        n += h.streams[i].records;
    struct fake_id *known = fake_find_id(s, h.batch);
    if ((s->max_records && n > s->max_records) || (s->max_bytes && body.n > s->max_bytes)) {
        status = 413;
    } else if (known) {
        buf_put_str(answer, buf_str(&known->answer));
    } else if (fake_records(s, &h, rest, &rejected) && s->refuse_whole) {
        status = 400;
    } else {
        if (s->refuse_whole) { /* nothing to refuse: now store it */
            s->refuse_whole = false;
            fake_records(s, &h, rest, &rejected);
            s->refuse_whole = true;
        }
        for (size_t i = 0; i < h.n_streams; i++)
            s->lines += h.streams[i].lines;
        buf_printf(answer, "{\"batch\":\"%.*s\",\"stored\":%llu,\"rejected\":[%.*s]}",
                   STR_ARGS(h.batch), (unsigned long long)n, STR_ARGS(buf_str(&rejected)));
        assert_true(s->n_ids < FAKE_MAX_IDS);
        struct fake_id *id = &s->ids[s->n_ids++];
        snprintf(id->id, sizeof(id->id), "%.*s", STR_ARGS(h.batch));
        buf_init(&id->answer, 1 << 20);
        buf_put_str(&id->answer, buf_str(answer));
    }
    free(h.streams);
    free(h.user_agents);
    buf_release(&body);
    buf_release(&scratch);
    buf_release(&rejected);
    return status;
}

/* True when the connection is closed. */
static inline bool fake_batch(struct fake_connection *c, struct str body, bool zstd)
{
    struct fake_server *s = c->server;
    struct batch b = {.encoding = zstd ? BATCH_ZSTD : BATCH_PLAIN};
    struct fake_reply r = {.manner = FAKE_ANSWER, .status = s->always};
    struct buf answer;
    s->posts++;
    buf_init(&answer, 1 << 20);
    buf_init(&b.body, 64u << 20);
    buf_put_str(&b.body, body);
    bool told = s->n_next > 0 || s->always;
    if (s->n_next) {
        r = s->next[0];
        memmove(s->next, s->next + 1, --s->n_next * sizeof(s->next[0]));
    }
    if (!told || r.manner == FAKE_STORE_RESET || r.manner == FAKE_CUT)
        r.status = fake_decide(s, &b, &answer);
    if (r.manner == FAKE_OTHER_ID) {
        r.status = 200;
        buf_lit(&answer, "{\"batch\":\"00000000-0000-4000-8000-000000000000\",\"stored\":1}");
    }
    if (told && r.manner == FAKE_ANSWER && r.body)
        buf_put_str(&answer, str_of(r.body));
    bool reset = r.manner == FAKE_RESET || r.manner == FAKE_STORE_RESET;
    if (!reset)
        fake_send(c, r.status, r.headers, buf_str(&answer),
                  answer.n + (r.manner == FAKE_CUT ? 10 : 0));
    bool closes = reset || r.manner == FAKE_CUT;
    if (closes)
        fake_close(c, reset);
    buf_release(&b.body);
    buf_release(&answer);
    return closes;
}

/* One request with all of its body. True when the connection is closed. */
static inline bool fake_request(struct fake_connection *c, struct str head, struct str body)
{
    struct fake_server *s = c->server;
    char bearer[128];
    snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s\r\n", s->token);
    bool post = str_starts(head, STR("POST /api/ingest/server/batch "));
    if (*s->token && str_find(head, str_of(bearer), 0) < 0) {
        s->unauthorized++;
        fake_send(c, 401, NULL, STR(""), 0);
        return false;
    }
    if (post)
        return fake_batch(c, body, str_find(head, STR("Content-Encoding: zstd"), 0) >= 0);
    if (s->other && !str_starts(head, STR("GET /api/sites ")))
        return s->other(c, head, body);
    assert_true(str_starts(head, STR("GET /api/sites ")));
    s->gets++;
    fake_send(c, s->sites_status ? s->sites_status : 200, NULL, str_of(s->sites), strlen(s->sites));
    return false;
}

static inline void fake_on_bytes(struct ev_loop *loop, ev_io *io, int events)
{
    struct fake_connection *c = io->data;
    char *p = buf_reserve(&c->in, 64u << 10);
    ssize_t n = recv(io->fd, p, 64u << 10, 0);
    if (n <= 0) {
        fake_close(c, false);
        return;
    }
    c->in.n += (size_t)n;
    for (;;) {
        struct str in = buf_str(&c->in);
        ptrdiff_t end = str_find(in, STR("\r\n\r\n"), 0);
        if (end < 0)
            return;
        struct str head = str_slice(in, 0, (size_t)end + 4);
        uint64_t length = 0;
        ptrdiff_t at = str_find(head, STR("Content-Length: "), 0);
        if (at >= 0) {
            struct str number = str_slice(head, (size_t)at + 16, head.n);
            assert_true(str_to_u64(str_cut(&number, '\r'), 64u << 20, &length));
        }
        if (in.n < head.n + length)
            return;
        if (fake_request(c, head, str_slice(in, head.n, head.n + length)))
            return;
        buf_drop_front(&c->in, head.n + length);
    }
}

static inline void fake_on_connection(struct ev_loop *loop, ev_io *io, int events)
{
    struct fake_server *s = io->data;
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct fake_connection *c = calloc(1, sizeof(*c));
    c->server = s;
    c->next = s->first;
    s->first = c;
    buf_init(&c->in, 64u << 20);
    ev_io_init(&c->io, fake_on_bytes, fd, EV_READ);
    c->io.data = c;
    ev_io_start(loop, &c->io);
}

static inline void fake_start(struct fake_server *s, struct ev_loop *loop)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *s = (struct fake_server){.loop = loop, .closed_status = 403};
    snprintf(s->sites, sizeof(s->sites), "[{\"domain\":\"example.com\",\"role\":\"ingest\"}]");
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", (unsigned)ntohs(a.sin_port));
    ev_io_init(&s->accept, fake_on_connection, fd, EV_READ);
    s->accept.data = s;
    ev_io_start(loop, &s->accept);
}

static inline void fake_stop(struct fake_server *s)
{
    while (s->first)
        fake_close(s->first, false);
    ev_io_stop(s->loop, &s->accept);
    close(s->accept.fd);
    for (size_t i = 0; i < s->n_ids; i++)
        buf_release(&s->ids[i].answer);
}

static inline void fake_next(struct fake_server *s, enum fake_manner manner, int status,
                             const char *headers)
{
    assert_true(s->n_next < COUNT(s->next));
    s->next[s->n_next++] = (struct fake_reply){manner, status, headers, NULL};
}

#endif
