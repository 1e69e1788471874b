/*
 * sink.c - a server without deduplication that keeps account of what it takes, or a way to a real
 * server; both misbehave as they are told.
 *
 *   sink --requests PATH [--records PATH] [--rules PATH] [--seed N] [--port N] [--to PORT] [--site
 * NAME]
 *
 * Prints its port on 127.0.0.1 and serves until SIGTERM, a thread a connection, with an HTTP of its
 * own: the agent is not tested against the code of its sister. Bodies come as they are (the agent
 * compresses nothing for its own machine). At SIGTERM it takes nothing more, and ends when what it
 * had begun is written and answered; SIGKILL may tear the last line of `records`.
 *
 * `records` gets a line a record that was taken: milliseconds (monotonic), stream, at, h, p|a
 * (pageview, AI fetch), number. `requests` gets a line a request: milliseconds (monotonic), method,
 * path, what was done with it, records, bytes of the body, the batch's id, and a hash of the body.
 *
 * `rules` is read for every request: replace it by rename. A line of it is "[get] WEIGHT WHAT
 * [NUMBER [NUMBER]]"; one rule is chosen by weight, `get` ones for GET requests. Without one: ok.
 *
 *   ok                 takes the records, and answers so
 *   status S [SECONDS] answers with that status, and with Retry-After
 *   lose               takes the records; the answer is lost: a reset
 *   reset              a reset before anything was taken
 *   delay MS           takes, and answers after a while
 *   silent             takes nothing and never answers
 *   half               takes nothing, shuts its sending side: half-open
 *   drip               takes nothing; an answer that comes by one byte a second
 *   header             takes nothing; a header that never ends
 *   big                takes nothing; a body of 1 GiB
 *   junk               takes nothing; chunks that are none
 *   badgzip            takes nothing; a body that says it is gzip
 *   garbage            takes nothing; 200 with something else
 *   wrongid            takes nothing; 200 for another batch
 *   poison S N         a batch that holds number N is answered with status S, others as ok
 *   reject S N         takes all but number N, which it rejects with status S
 *   twice              with --to: the request arrives there twice; the second answer counts
 *   held MS            with --to: a reset now, and the request arrives there that much later
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX (64u << 10)
#define BODY_MAX (64u << 20)
#define ANSWER_MAX (4u << 20)
#define STREAMS_MAX 4096
#define END_MS 10000 /* what is under way at SIGTERM has so long */

struct request {
    int fd;
    char head[HEAD_MAX + 1];
    size_t head_n;
    char method[8], path[256];
    char *body; /* NUL at its end */
    size_t body_n;
};

struct rule {
    char what[16];
    long a, b;
};

struct sink {
    const char *records, *requests, *rules, *site;
    int records_fd, requests_fd;
    int to; /* port of the server behind; 0: none */
    unsigned seed;
    pthread_mutex_t lock; /* of seed */
    atomic_int busy;      /* requests between their reading and their answer */
    atomic_bool ending;   /* SIGTERM has come */
};

static struct sink sink = {.records_fd = -1, .requests_fd = -1, .site = "example.com"};

/* ---- small things */

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t got = send(fd, p, n, MSG_NOSIGNAL);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static void append(int fd, const char *p, size_t n)
{
    if (fd >= 0 && n && write(fd, p, n) != (ssize_t)n) {
        fprintf(stderr, "sink: cannot write what was taken: %s\n", strerror(errno));
        _exit(74);
    }
}

static uint64_t hash(const char *p, size_t n)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 1099511628211u;
    return h;
}

/* The text behind `key` up to `end`, in [p, p + n); NULL when it is not there. */
static const char *behind(const char *p, size_t n, const char *key)
{
    const char *at = memmem(p, n, key, strlen(key));
    return at ? at + strlen(key) : NULL;
}

/* Copies the next word of a line, cut to what has room; returns what is behind it, NULL for none.
 */
static const char *next_word(const char *p, char *out, size_t size)
{
    size_t n = p ? strspn(p, " ") : 0, len = p ? strcspn(p + n, " \r\n") : 0;
    snprintf(out, size, "%.*s", (int)len, len ? p + n : "");
    return len ? p + n + len : NULL;
}

/* ---- reading a request */

static size_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\ncontent-length:");
    return at ? strtoul(at + 16, NULL, 10) : 0;
}

static bool read_head(struct request *r)
{
    r->head_n = 0;
    while (r->head_n < HEAD_MAX) { /* the body is read separately: up to the empty line only */
        ssize_t seen = recv(r->fd, r->head + r->head_n, HEAD_MAX - r->head_n, MSG_PEEK);
        if (seen <= 0)
            return false;
        const char *from = r->head + (r->head_n > 3 ? r->head_n - 3 : 0);
        const char *end = memmem(from, (size_t)(r->head + r->head_n + seen - from), "\r\n\r\n", 4);
        size_t take = end ? (size_t)(end + 4 - r->head) - r->head_n : (size_t)seen;
        if (recv(r->fd, r->head + r->head_n, take, MSG_WAITALL) != (ssize_t)take)
            return false;
        r->head_n += take;
        r->head[r->head_n] = '\0';
        if (end)
            return next_word(next_word(r->head, r->method, sizeof(r->method)), r->path,
                             sizeof(r->path)) != NULL;
    }
    return false;
}

static bool read_request(struct request *r)
{
    if (!read_head(r))
        return false;
    r->body_n = content_length(r->head);
    if (r->body_n > BODY_MAX)
        return false;
    if (strcasestr(r->head, "\nexpect: 100-continue"))
        send_all(r->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    r->body = malloc(r->body_n + 1);
    if (!r->body)
        return false;
    r->body[r->body_n] = '\0';
    return !r->body_n || recv(r->fd, r->body, r->body_n, MSG_WAITALL) == (ssize_t)r->body_n;
}

/* ---- answering */

static bool answer(int fd, int status, const char *extra, const char *body)
{
    char head[512];
    int n =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n",
                 status, strlen(body), extra);
    return send_all(fd, head, (size_t)n) && send_all(fd, body, strlen(body));
}

static bool reset(int fd)
{
    struct linger hard = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    return false;
}

static bool wait_until_gone(int fd)
{
    char byte[256];
    while (recv(fd, byte, sizeof(byte), 0) > 0) {
    }
    return false;
}

static bool drip(int fd)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    for (size_t i = 0; i < 3600; i++) {
        if (!send_all(fd, &text[i % (sizeof(text) - 1)], 1))
            return false;
        wait_ms(1000);
    }
    return false;
}

/* The same text again and again behind a beginning, until the client has had enough, or 1 GiB. */
static bool flood(int fd, const char *first, const char *again)
{
    size_t n = strlen(again), sent = 0;
    bool there = send_all(fd, first, strlen(first));
    for (; there && sent < (1u << 30); sent += n)
        there = send_all(fd, again, n);
    return false;
}

static bool big_body(int fd)
{
    static char zeros[65537];
    memset(zeros, '0', sizeof(zeros) - 1);
    return flood(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", zeros);
}

/* ---- what is in a batch */

struct batch {
    char id[40];
    long long records;
};

static void copy_id(struct batch *b, const struct request *r)
{
    const char *at = behind(r->body, r->body_n < 200 ? r->body_n : 200, "\"batch\":\"");
    snprintf(b->id, sizeof(b->id), "%.36s", at ? at : "-");
}

/* The number at the end of the record's path, before a query: …/n/123. -1: there is none. */
static long long number_of(const char *line, size_t n)
{
    const char *at = behind(line, n, "\"url\":\"");
    if (!at)
        at = behind(line, n, "\"path\":\"");
    if (!at)
        return -1;
    const char *end = at + strcspn(at, "\"?"), *digits = end;
    while (digits > at && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    return digits < end ? strtoll(digits, NULL, 10) : -1;
}

static long long value_of(const char *line, size_t n, const char *key)
{
    const char *at = behind(line, n, key);
    return at ? strtoll(at, NULL, 10) : -1;
}

/* Walks the streams of the header beside the records: they stand in the same order. */
struct streams {
    const char *at, *end;
    char id[33];
    long long left;
};

static void next_stream(struct streams *s)
{
    while (s->left == 0) {
        const char *id = behind(s->at, (size_t)(s->end - s->at), "\"id\":\"");
        if (!id)
            return;
        snprintf(s->id, sizeof(s->id), "%.32s", id);
        s->left = value_of(id, (size_t)(s->end - id), "\"records\":");
        s->at = id;
    }
    s->left--;
}

/* One line of `records` for each record but number `but`, whose line of the body goes to *rejected.
 */
static void take(const struct request *r, struct batch *b, long long but, long long *rejected)
{
    const char *line = memchr(r->body, '\n', r->body_n), *end = r->body + r->body_n;
    struct streams s = {.at = r->body, .end = line ? line : end, .id = "-"};
    char *out = NULL;
    size_t out_n = 0;
    long long now = now_ms();
    FILE *text = open_memstream(&out, &out_n);
    for (long long at = 2; text && line && line + 1 < end; at++) {
        const char *from = line + 1, *to = memchr(from, '\n', (size_t)(end - from));
        size_t n = (size_t)((to ? to : end) - from);
        long long number = number_of(from, n);
        const char *h = behind(from, n, "\"h\":\"");
        next_stream(&s);
        b->records++;
        if (number == but && but >= 0)
            *rejected = at;
        else
            fprintf(text, "%lld %s %lld %.8s %c %lld\n", now, s.id, value_of(from, n, "\"at\":"),
                    h ? h : "-", behind(from, n, "\"k\":\"ai_fetch\"") ? 'a' : 'p', number);
        line = to;
    }
    if (text)
        fclose(text);
    append(sink.records_fd, out, out_n);
    free(out);
}

static bool holds(const struct request *r, long number)
{
    char path[48];
    snprintf(path, sizeof(path), "/n/%ld\"", number);
    return memmem(r->body, r->body_n, path, strlen(path)) != NULL;
}

static bool acknowledge(const struct request *r, const struct batch *b, long long rejected,
                        long status)
{
    char text[320], list[128] = "";
    if (rejected)
        snprintf(list, sizeof(list), "{\"line\":%lld,\"status\":%ld,\"error\":\"no\"}", rejected,
                 status);
    snprintf(
        text, sizeof(text),
        "{\"batch\":\"%s\",\"stored\":%lld,\"duplicate\":0,\"excluded\":0,\"rejected\":[%s]}\n",
        b->id, b->records - (rejected ? 1 : 0), list);
    return answer(r->fd, 200, "", text);
}

/* ---- the server behind */

/* Sends the request on; the answer's bytes go to `out` (of ANSWER_MAX). 0: no answer. */
static size_t forward(const struct request *r, char *out)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sink.to)};
    size_t n = 0, wanted = ANSWER_MAX;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
        !send_all(fd, r->head, r->head_n) || !send_all(fd, r->body, r->body_n))
        wanted = 0;
    while (n < wanted) {
        ssize_t got = recv(fd, out + n, wanted - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        out[n] = '\0';
        const char *end = strstr(out, "\r\n\r\n");
        if (end && n >= (size_t)(end + 4 - out) + content_length(out))
            wanted = n;
    }
    if (fd >= 0)
        close(fd);
    return n == wanted ? n : 0;
}

static bool relay(const struct request *r, int times, bool lose)
{
    char *out = malloc(ANSWER_MAX + 1);
    size_t n = 0;
    for (int i = 0; out && i < times; i++)
        n = forward(r, out);
    bool there = n && !lose && send_all(r->fd, out, n);
    free(out);
    return there || reset(r->fd);
}

struct held {
    struct request request;
    long ms;
};

static void *deliver_late(void *argument)
{
    struct held *h = argument;
    char *out = malloc(ANSWER_MAX + 1);
    wait_ms(h->ms);
    if (out)
        forward(&h->request, out);
    free(out);
    free(h->request.body);
    free(h);
    return NULL;
}

/* A reset now, and the request arrives later, perhaps after its own repetition. */
static bool hold(struct request *r, long ms)
{
    struct held *h = malloc(sizeof(*h));
    pthread_t thread;
    if (h) {
        *h = (struct held){.request = *r, .ms = ms};
        if (!pthread_create(&thread, NULL, deliver_late, h))
            r->body = NULL; /* it is the thread's now */
        pthread_detach(thread);
    }
    return reset(r->fd);
}

/* ---- rules */

static bool parse_rule(const char *line, bool get, long *weight, struct rule *rule)
{
    bool for_get = !strncmp(line, "get ", 4);
    char *rest;
    *rule = (struct rule){0};
    *weight = strtol(line + (for_get ? 4 : 0), &rest, 10);
    const char *numbers = next_word(rest, rule->what, sizeof(rule->what));
    if (for_get != get || *weight < 1 || !numbers)
        return false;
    rule->a = strtol(numbers, &rest, 10);
    rule->b = strtol(rest, NULL, 10);
    return true;
}

static long draw(long below)
{
    pthread_mutex_lock(&sink.lock);
    sink.seed = sink.seed * 1103515245u + 12345u;
    long drawn = (long)(sink.seed >> 8) % below;
    pthread_mutex_unlock(&sink.lock);
    return drawn;
}

static struct rule choose(bool get)
{
    struct rule rule, chosen = {.what = "ok"};
    char line[128];
    long weight, total = 0;
    FILE *f = sink.rules ? fopen(sink.rules, "re") : NULL;
    while (f && fgets(line, sizeof(line), f)) {
        if (!parse_rule(line, get, &weight, &rule))
            continue;
        total += weight;
        if (draw(total) < weight) /* each is chosen with its share of the total */
            chosen = rule;
    }
    if (f)
        fclose(f);
    return chosen;
}

/* ---- doing it; false: the connection ends */

static bool take_and_answer(const struct request *r, struct batch *b, const struct rule *rule)
{
    long long rejected = 0;
    take(r, b, !strcmp(rule->what, "reject") ? rule->b : -1, &rejected);
    if (!strcmp(rule->what, "lose"))
        return reset(r->fd);
    if (!strcmp(rule->what, "delay"))
        wait_ms(rule->a);
    return acknowledge(r, b, rejected, rule->a);
}

static bool do_status(const struct request *r, const struct rule *rule)
{
    char extra[64] = "";
    if (rule->b)
        snprintf(extra, sizeof(extra), "Retry-After: %ld\r\n", rule->b);
    return answer(r->fd, (int)rule->a, extra, "not now\n");
}

static bool misbehave(const struct request *r, const char *what, bool *did)
{
    *did = true;
    if (!strcmp(what, "reset"))
        return reset(r->fd);
    if (!strcmp(what, "silent"))
        return wait_until_gone(r->fd);
    if (!strcmp(what, "half"))
        return !shutdown(r->fd, SHUT_WR) && wait_until_gone(r->fd);
    if (!strcmp(what, "drip"))
        return drip(r->fd);
    if (!strcmp(what, "header"))
        return flood(r->fd, "HTTP/1.1 200 OK\r\n",
                     "X-Header-Without-End: 0123456789012345678901\r\n");
    if (!strcmp(what, "big"))
        return big_body(r->fd);
    if (!strcmp(what, "junk"))
        return flood(r->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                     "zz\r\nnot a chunk\r\n");
    if (!strcmp(what, "badgzip"))
        return answer(r->fd, 200, "Content-Encoding: gzip\r\n", "\x1f\x8bnot gzip at all");
    if (!strcmp(what, "garbage"))
        return answer(r->fd, 200, "", "{{{ \x01 not an answer");
    if (!strcmp(what, "wrongid"))
        return answer(r->fd, 200, "",
                      "{\"batch\":\"00000000-0000-4000-8000-000000000000\",\"stored\":1,"
                      "\"duplicate\":0,\"excluded\":0,\"rejected\":[]}\n");
    *did = false;
    return false;
}

static bool own_get(const struct request *r)
{
    char text[512];
    snprintf(
        text, sizeof(text),
        "[{\"id\":\"00000000-0000-4000-8000-000000000001\",\"user_id\":"
        "\"00000000-0000-4000-8000-000000000002\",\"domain\":\"%s\",\"data_retention_days\":365,"
        "\"created_at\":\"2026-01-01T00:00:00Z\"}]\n",
        sink.site);
    if (!strcmp(r->path, "/api/sites"))
        return answer(r->fd, 200, "", text);
    if (!strcmp(r->path, "/api/ingest/server/capabilities"))
        return answer(r->fd, 200, "",
                      "{\"server\":\"sink/0\",\"protocols\":[\"batch\"],\"limits\":"
                      "{\"decoded_bytes\":33554432,\"records\":10000}}\n");
    return answer(r->fd, 404, "", "404 page not found\n");
}

static bool act(struct request *r, struct batch *b, const struct rule *rule)
{
    bool did, get = !strcmp(r->method, "GET");
    bool stays = misbehave(r, rule->what, &did);
    if (did)
        return stays;
    if (!strcmp(rule->what, "status"))
        return do_status(r, rule);
    if (sink.to && !strcmp(rule->what, "held"))
        return hold(r, rule->a);
    if (sink.to)
        return relay(r, !strcmp(rule->what, "twice") ? 2 : 1, !strcmp(rule->what, "lose"));
    if (get)
        return own_get(r);
    if (!strcmp(rule->what, "poison") && holds(r, rule->b))
        return answer(r->fd, (int)rule->a, "", "no\n");
    return take_and_answer(r, b, rule);
}

static void note(const struct request *r, const struct rule *rule, const struct batch *b,
                 size_t bytes, uint64_t body_hash)
{
    char line[512];
    int n = snprintf(line, sizeof(line), "%lld %s %s %s %lld %zu %s %016llx\n", now_ms(), r->method,
                     r->path, rule->what, b->records, bytes, b->id, (unsigned long long)body_hash);
    append(sink.requests_fd, line, (size_t)n);
}

static bool answer_one(struct request *r)
{
    struct rule rule = choose(!strcmp(r->method, "GET"));
    struct batch b = {0};
    size_t bytes = r->body_n;
    uint64_t h = hash(r->body, r->body_n);
    copy_id(&b, r);
    for (const char *p = r->body; (p = memchr(p, '\n', (size_t)(r->body + bytes - p))); p++)
        b.records++;
    b.records -= b.records > 0; /* the header's line */
    note(r, &rule, &b, bytes, h);
    b.records = 0;
    return act(r, &b, &rule);
}

static void *serve(void *argument)
{
    struct request *r = argument;
    bool stays = true;
    while (stays && read_request(r)) {
        atomic_fetch_add(&sink.busy, 1); /* before the look at `ending`: see end() */
        stays = !atomic_load(&sink.ending) && answer_one(r);
        atomic_fetch_sub(&sink.busy, 1);
        free(r->body);
        r->body = NULL;
    }
    free(r->body);
    close(r->fd);
    free(r);
    return NULL;
}

/* ---- the start */

static int open_log(const char *path)
{
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (path && fd < 0) {
        fprintf(stderr, "sink: cannot open %s: %s\n", path, strerror(errno));
        exit(73);
    }
    return fd;
}

static int listen_on(int port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t n = sizeof(here);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, n) || listen(fd, 512) ||
        getsockname(fd, (struct sockaddr *)&here, &n)) {
        fprintf(stderr, "sink: cannot listen: %s\n", strerror(errno));
        exit(69);
    }
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    return fd;
}

static void on_term(int number)
{
    atomic_store(&sink.ending, true);
}

static void catch_term(void)
{
    struct sigaction how = {.sa_handler = on_term};
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    sigaction(SIGTERM, &how, NULL);
}

/* Until SIGTERM, which comes here alone, and only while it waits. */
static void accept_all(int listener)
{
    struct pollfd wanted = {.fd = listener, .events = POLLIN};
    sigset_t none;
    sigemptyset(&none);
    while (!atomic_load(&sink.ending)) {
        if (ppoll(&wanted, 1, NULL, &none) < 0)
            continue;
        int one = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        struct request *r = fd >= 0 ? calloc(1, sizeof(*r)) : NULL;
        pthread_t thread;
        if (!r) {
            if (fd >= 0)
                close(fd);
            wait_ms(10);
            continue;
        }
        r->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (pthread_create(&thread, NULL, serve, r)) {
            close(fd);
            free(r);
            continue;
        }
        pthread_detach(thread);
    }
}

/* Whoever was not counted yet sees `ending`, and takes nothing. */
static void end(int listener)
{
    close(listener);
    for (int ms = 0; atomic_load(&sink.busy) && ms < END_MS; ms++)
        wait_ms(1);
    _exit(0);
}

int main(int argc, char **argv)
{
    int port = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--records"))
            sink.records = value;
        else if (!strcmp(name, "--requests"))
            sink.requests = value;
        else if (!strcmp(name, "--rules"))
            sink.rules = value;
        else if (!strcmp(name, "--site"))
            sink.site = value;
        else if (!strcmp(name, "--seed"))
            sink.seed = (unsigned)strtoul(value, NULL, 10);
        else if (!strcmp(name, "--port"))
            port = (int)strtol(value, NULL, 10);
        else if (!strcmp(name, "--to"))
            sink.to = (int)strtol(value, NULL, 10);
        else
            return fprintf(stderr, "sink: unknown option %s\n", name), 64;
    }
    pthread_mutex_init(&sink.lock, NULL);
    sink.records_fd = open_log(sink.records);
    sink.requests_fd = open_log(sink.requests);
    catch_term();
    int listener = listen_on(port);
    accept_all(listener);
    end(listener);
}
