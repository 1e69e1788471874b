/* http_client.c - libcurl's socket and timer callbacks translated to libev watchers; see
 * http_client.h. */
#include "agent/http_client.h"

#include <curl/curl.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 5000L
#define TOTAL_TIMEOUT_MS 60000L
#define KEEP_HANDLES 8u

struct http_client {
    struct ev_loop *loop;
    CURLM *multi;
    ev_timer timer;
    struct http_transfer *first; /* under way */
    CURL *spare[KEEP_HANDLES];
    size_t n_spare;
};

struct http_transfer {
    struct http_client *client;
    struct http_transfer *next, **link;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    char error[CURL_ERROR_SIZE];
    void (*on_answer)(void *context, const struct http_answer *answer);
    void *context;
};

/* One per socket that libcurl wants watched. */
struct watched {
    struct http_client *client;
    ev_io io;
};

/* ---- results ----------------------------------------------------------------------------------
 */

static void release(struct http_transfer *t)
{
    struct http_client *c = t->client;
    if (t->easy)
        curl_multi_remove_handle(c->multi, t->easy);
    curl_slist_free_all(t->headers);
    if (t->easy && c->n_spare < KEEP_HANDLES)
        c->spare[c->n_spare++] = t->easy;
    else
        curl_easy_cleanup(t->easy);
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    buf_release(&t->body);
    free(t);
}

static int64_t date_of(CURL *easy)
{
    struct curl_header *h;
    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return -1;
    time_t t = curl_getdate(h->value, NULL);
    return t < 0 ? -1 : (int64_t)t * 1000;
}

static void finish(struct http_transfer *t, CURLcode code)
{
    struct http_answer answer = {.retry_after_ms = -1, .date_ms = -1};
    curl_off_t wait = 0;
    if (code == CURLE_OK && t->body.failed)
        answer.error = "the answer is larger than 4 MiB";
    else if (code != CURLE_OK)
        answer.error = t->error[0] ? t->error : curl_easy_strerror(code);
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &answer.status);
    if (curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
        answer.retry_after_ms = wait > 86400 ? 86400000 : (int64_t)wait * 1000;
    answer.date_ms = date_of(t->easy);
    answer.body = buf_str(&t->body);
    t->on_answer(t->context, &answer);
    release(t);
}

static void collect(struct http_client *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left))) {
        struct http_transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish(t, m->data.result);
    }
}

/* ---- libev ------------------------------------------------------------------------------------
 */

static void act(struct http_client *c, curl_socket_t fd, int events)
{
    int running;
    curl_multi_socket_action(c->multi, fd, events, &running);
    collect(c);
}

static void on_socket(struct ev_loop *loop, ev_io *io, int events)
{
    struct watched *w = io->data;
    act(w->client, io->fd,
        (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct http_client *c = timer->data;
    ev_timer_stop(loop, timer);
    act(c, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *multi, long ms, void *context)
{
    struct http_client *c = context;
    ev_timer_stop(c->loop, &c->timer);
    if (ms < 0)
        return 0;
    ev_timer_set(&c->timer, (double)ms / 1000.0, 0.0);
    ev_timer_start(c->loop, &c->timer);
    return 0;
}

static struct watched *new_watched(struct http_client *c, curl_socket_t fd)
{
    struct watched *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->client = c;
    ev_io_init(&w->io, on_socket, fd, 0);
    w->io.data = w;
    curl_multi_assign(c->multi, fd, w);
    return w;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *per_socket)
{
    struct http_client *c = context;
    struct watched *w = per_socket;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            ev_io_stop(c->loop, &w->io);
        free(w);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (!w && !(w = new_watched(c, fd)))
        return -1;
    ev_io_stop(c->loop, &w->io);
    ev_io_set(&w->io, fd,
              (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(c->loop, &w->io);
    return 0;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static size_t on_body(char *p, size_t size, size_t n, void *context)
{
    struct buf *body = context;
    buf_put(body, p, size * n);
    return body->failed ? 0 : size * n;
}

static int add_header(struct http_transfer *t, const char *name, const char *value)
{
    struct buf line;
    buf_init(&line, 4096);
    buf_printf(&line, "%s: %s", name, value);
    const char *text = buf_cstr(&line);
    struct curl_slist *list = text ? curl_slist_append(t->headers, text) : NULL;
    if (line.p)
        explicit_bzero(line.p, line.cap); /* it may hold a token */
    buf_release(&line);
    if (!list)
        return -1;
    t->headers = list;
    return 0;
}

static int set_headers(struct http_transfer *t, const struct http_request *r)
{
    char bearer[640];
    int rc = 0;
    if (r->token) {
        snprintf(bearer, sizeof(bearer), "Bearer %s", r->token);
        rc |= add_header(t, "Authorization", bearer);
        explicit_bzero(bearer, sizeof(bearer));
    }
    if (str_is_set(r->body)) {
        rc |= add_header(t, "Content-Type", r->content_type);
        rc |= add_header(t, "Expect", "");
    }
    if (r->content_encoding)
        rc |= add_header(t, "Content-Encoding", r->content_encoding);
    if (r->status)
        rc |= add_header(t, "Logferry-Status", r->status);
    return rc;
}

static int set_url(CURL *e, const struct http_request *r)
{
    struct buf url;
    buf_init(&url, 4096);
    if (strncmp(r->base, "unix:", 5) == 0) {
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, r->base + 5);
        buf_printf(&url, "http://localhost%s", r->path);
    } else {
        buf_printf(&url, "%s%s", r->base, r->path);
    }
    const char *text = buf_cstr(&url);
    int rc = text && curl_easy_setopt(e, CURLOPT_URL, text) == CURLE_OK ? 0 : -1;
    buf_release(&url);
    return rc;
}

static int set_options(struct http_transfer *t, const struct http_request *r)
{
    CURL *e = t->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, &t->body);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "logferry/" LOGFERRY_VERSION);
    curl_easy_setopt(e, CURLOPT_PROXY, r->proxy ? r->proxy : "");
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, 30L);
    if (r->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, r->ca_file);
    if (str_is_set(r->body)) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.p);
    }
    if (set_url(e, r) || set_headers(t, r))
        return -1;
    return curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK ? 0 : -1;
}

static CURL *take_handle(struct http_client *c)
{
    if (!c->n_spare)
        return curl_easy_init();
    CURL *e = c->spare[--c->n_spare];
    curl_easy_reset(e); /* options only: the connections stay in the multi handle */
    return e;
}

struct http_transfer *http_start(struct http_client *c, const struct http_request *r)
{
    struct http_transfer *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->client = c;
    t->on_answer = r->on_answer;
    t->context = r->context;
    buf_init(&t->body, HTTP_ANSWER_MAX);
    t->easy = take_handle(c);
    t->next = c->first;
    t->link = &c->first;
    if (c->first)
        c->first->link = &t->next;
    c->first = t;
    if (!t->easy || set_options(t, r) || curl_multi_add_handle(c->multi, t->easy) != CURLM_OK) {
        release(t);
        return NULL;
    }
    return t;
}

void http_cancel(struct http_transfer *t)
{
    if (t)
        release(t);
}

struct http_client *http_client_new(struct ev_loop *loop)
{
    struct http_client *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->loop = loop;
    c->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
    if (!c->multi) {
        free(c);
        return NULL;
    }
    ev_timer_init(&c->timer, on_timer, 0.0, 0.0);
    c->timer.data = c;
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    while (c->first)
        release(c->first);
    while (c->n_spare)
        curl_easy_cleanup(c->spare[--c->n_spare]);
    curl_multi_cleanup(c->multi);
    ev_timer_stop(c->loop, &c->timer);
    curl_global_cleanup();
    free(c);
}
