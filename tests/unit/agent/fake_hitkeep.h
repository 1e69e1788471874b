/*
 * fake_hitkeep.h - HitKeep's two endpoints, for a fake_server. It answers 202 and keeps what came,
 * but for what a test tells it to answer next. Records are known by the number in their path,
 * "/n/7".
 */
#ifndef LOGFERRY_TESTS_FAKE_HITKEEP_H
#define LOGFERRY_TESTS_FAKE_HITKEEP_H

#include "tests/unit/agent/fake_server.h"

#define HITKEEP_NUMBERS 200u
#define HITKEEP_ID "aaaaaaaa-0000-4000-8000-000000000001"
#define HITKEEP_OTHER_ID "aaaaaaaa-0000-4000-8000-000000000002"

enum hitkeep_manner {
    HITKEEP_ANSWER,      /* as told; stored if that is 202 */
    HITKEEP_RESET,       /* the connection is reset before anything is stored */
    HITKEEP_STORE_RESET, /* and after */
    HITKEEP_STORE_CUT,   /* stored; 202 with a body that ends early */
    HITKEEP_GARBAGE,     /* bytes that are no HTTP */
    HITKEEP_CHUNKED,     /* stored; 202 with an empty body in chunks, as a proxy may make it */
    HITKEEP_SILENCE,     /* no answer, until it is told to give one */
};

struct hitkeep_reply {
    enum hitkeep_manner manner;
    int status;
    const char *headers, *body;
};

struct fake_hitkeep {
    struct fake_server *server;
    struct hitkeep_reply next[8]; /* for the next requests */
    size_t n_next;
    struct hitkeep_reply always; /* for all others, when it has a status or a manner */
    char closed[64];             /* AI fetches with this in their path line, pageviews in their URL:
                                    403 Access denied */
    /* what it saw */
    unsigned posts, fetches, closed_posts;
    unsigned stored[HITKEEP_NUMBERS]; /* how often each number */
    unsigned waiting, most_waiting;   /* requests without an answer, with HITKEEP_SILENCE */
    struct fake_connection *held[16];
    struct buf last; /* the last body */
};

static inline unsigned hitkeep_number(struct str body)
{
    uint64_t n = HITKEEP_NUMBERS;
    ptrdiff_t at = str_find(body, STR("/n/"), 0);
    struct str rest = str_slice(body, (size_t)at + 3, body.n);
    assert_true(at >= 0 && str_to_u64(str_cut(&rest, '"'), HITKEEP_NUMBERS - 1, &n));
    return (unsigned)n;
}

static inline void hitkeep_accept(struct fake_connection *c, struct str body)
{
    struct fake_hitkeep *h = c->server->context;
    h->stored[hitkeep_number(body)]++;
}

static inline void hitkeep_send_text(struct fake_connection *c, struct str text)
{
    assert_int_equal(send(c->io.fd, text.p, text.n, MSG_NOSIGNAL), text.n);
}

static inline bool hitkeep_answer(struct fake_connection *c, const struct hitkeep_reply *r,
                                  struct str body)
{
    struct fake_hitkeep *h = c->server->context;
    bool stores = r->manner == HITKEEP_STORE_RESET || r->manner == HITKEEP_STORE_CUT ||
                  r->manner == HITKEEP_CHUNKED ||
                  (r->manner == HITKEEP_ANSWER && r->status == 202 && !r->body);
    if (stores)
        hitkeep_accept(c, body);
    switch (r->manner) {
    case HITKEEP_ANSWER:
        fake_send(c, r->status, r->headers, str_of(r->body ? r->body : ""),
                  r->body ? strlen(r->body) : 0);
        return false;
    case HITKEEP_CHUNKED:
        hitkeep_send_text(
            c, STR("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
        return false;
    case HITKEEP_SILENCE:
        assert_true(h->waiting < COUNT(h->held));
        h->held[h->waiting++] = c;
        if (h->waiting > h->most_waiting)
            h->most_waiting = h->waiting;
        return false;
    case HITKEEP_GARBAGE:
        hitkeep_send_text(c, STR("SSH-2.0-OpenSSH_9.2p1\r\n"));
        break;
    case HITKEEP_STORE_CUT:
        fake_send(c, 202, NULL, STR(""), 10);
        break;
    default:
        break;
    }
    fake_close(c, r->manner == HITKEEP_RESET || r->manner == HITKEEP_STORE_RESET);
    return true;
}

static inline bool hitkeep_request(struct fake_connection *c, struct str head, struct str body)
{
    static const struct str fetch = STR("/ingest/ai-fetch HTTP/1.1\r\n");
    static const struct str page = STR("POST /api/ingest/server/pageview HTTP/1.1\r\n");
    static const struct hitkeep_reply closed = {.status = 403, .body = "Access denied\n"};
    static const struct hitkeep_reply good = {.status = 202};
    struct fake_hitkeep *h = c->server->context;
    bool is_fetch = str_starts(head, STR("POST /api/sites/")) && str_find(head, fetch, 0) > 0;
    assert_true(is_fetch || str_starts(head, page));
    assert_true(str_find(head, STR("Content-Type: application/json\r\n"), 0) > 0);
    h->posts++;
    h->fetches += is_fetch;
    buf_reset(&h->last);
    buf_put_str(&h->last, body);
    struct hitkeep_reply r = h->always.status || h->always.manner ? h->always : good;
    bool is_closed = *h->closed && (str_find(head, str_of(h->closed), 0) >= 0 ||
                                    str_find(body, str_of(h->closed), 0) >= 0);
    if (is_closed) {
        h->closed_posts++;
        r = closed;
    } else if (h->n_next) {
        r = h->next[0];
        memmove(h->next, h->next + 1, --h->n_next * sizeof(h->next[0]));
    }
    return hitkeep_answer(c, &r, body);
}

/* Those that wait get 202 now. */
static inline void hitkeep_let_go(struct fake_hitkeep *h, unsigned n)
{
    for (unsigned i = 0; i < n && h->waiting; i++) {
        struct fake_connection *c = h->held[0];
        memmove(h->held, h->held + 1, --h->waiting * sizeof(h->held[0]));
        fake_send(c, 202, NULL, STR(""), 0);
    }
}

static inline void hitkeep_start(struct fake_hitkeep *h, struct fake_server *s)
{
    *h = (struct fake_hitkeep){.server = s};
    s->other = hitkeep_request;
    s->context = h;
    buf_init(&h->last, 1 << 20);
    snprintf(s->sites, sizeof(s->sites),
             "[{\"id\":\"" HITKEEP_ID "\",\"domain\":\"example.com\"},"
             "{\"id\":\"" HITKEEP_OTHER_ID "\",\"domain\":\"other.example\"}]");
}

static inline void hitkeep_release(struct fake_hitkeep *h)
{
    buf_release(&h->last);
}

static inline void hitkeep_next(struct fake_hitkeep *h, const struct hitkeep_reply *r)
{
    assert_true(h->n_next < COUNT(h->next));
    h->next[h->n_next++] = *r;
}

#endif
