/*
 * api_reads_bench.h - a server whose store holds a day's records, and what asks it: for tests of
 * the read endpoints.
 */
#ifndef LOGFERRY_TESTS_API_READS_BENCH_H
#define LOGFERRY_TESTS_API_READS_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/api_store.h"

#include "server/api_internal.h"
#include "server/read_part.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define FROM_TO "from=2024-10-04T00:00:00Z&to=2024-10-05T00:00:00Z" /* NOON lies in the middle */

static char site_id[37], foreign_id[37];

struct answer {
    struct probe probe;
    int status;
    struct buf body; /* of pieces put together */
};

static inline void read_body(struct answer *a)
{
    const char *text = probe_text(&a->probe), *at = strstr(text, "\r\n\r\n");
    assert_non_null(at);
    a->status = (int)strtol(text + 9, NULL, 10);
    buf_init(&a->body, 1u << 24);
    at += 4;
    if (!strstr(text, "Transfer-Encoding: chunked")) {
        buf_put_str(&a->body, str_of(at));
        return;
    }
    for (;;) {
        char *end = NULL;
        size_t n = strtoul(at, &end, 16);
        assert_true(end > at && strncmp(end, "\r\n", 2) == 0);
        buf_put(&a->body, end + 2, n);
        at = end + 2 + n + 2;
        if (n == 0)
            break;
    }
    assert_int_equal(at - text, (ptrdiff_t)a->probe.in.n);
}

static inline void ask(struct bench *b, struct answer *a, const char *line, const char *token)
{
    struct buf request;
    buf_init(&request, 1u << 16);
    buf_printf(&request, "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", line);
    if (token)
        buf_printf(&request, "Authorization: Bearer %s\r\n", token);
    buf_lit(&request, "\r\n");
    probe_connect(&a->probe, b->loop, http_server_port(b->server));
    probe_send(&a->probe, buf_str(&request));
    assert_true(probe_await_close(&a->probe));
    read_body(a);
    buf_release(&request);
}

static inline void answer_release(struct answer *a)
{
    probe_close(&a->probe);
    buf_release(&a->body);
}

static inline void get(struct bench *b, struct answer *a, const char *what, const char *query)
{
    char line[1024];
    snprintf(line, sizeof(line), "GET /api/sites/%s/%s?%s", site_id, what, query);
    ask(b, a, line, "viewer");
}

static inline void expect_answer(struct bench *b, const char *what, const char *query, int status,
                                 const char *body)
{
    struct answer a;
    get(b, &a, what, query);
    if (a.status != status || strcmp(buf_cstr(&a.body), body) != 0)
        fail_msg("%s?%s: wanted %d %s\ngot %d %s", what, query, status, body, a.status,
                 buf_cstr(&a.body));
    answer_release(&a);
}

static inline void expect_part(struct bench *b, const char *what, const char *query,
                               const char *part)
{
    struct answer a;
    get(b, &a, what, query);
    assert_int_equal(a.status, 200);
    if (!strstr(buf_cstr(&a.body), part))
        fail_msg("%s?%s: wanted %s\ngot %s", what, query, part, buf_cstr(&a.body));
    answer_release(&a);
}

/* ---- a store with a day's records ----------------------------------------------------------- */

static inline struct record *fetch(struct batch *b, const struct fixture *f, int64_t ms,
                                   const char *path)
{
    struct record *r = add_row(b, f->site, 0, (uint64_t)b->job.n_rows * 10, 1);
    make_ai_fetch(r);
    r->time_ms = NOON + ms;
    r->hostname = STR("example.com");
    r->path = str_of(path);
    r->content_type = STR("text/html");
    return r;
}

static inline struct record *visit(struct batch *b, const struct fixture *f, int64_t ms,
                                   const char *url, const char *address)
{
    struct record *r = add_row(b, f->site, 0, (uint64_t)b->job.n_rows * 10, 1);
    r->time_ms = NOON + ms;
    r->url = str_of(url);
    r->visitor_ip = str_of(address);
    return r;
}

static inline void fill(struct fixture *f)
{
    struct batch b;
    batch_init(&b, f, 1);
    struct record *r = fetch(&b, f, 0, "/docs?utm_source=x");
    r->response_ms = 10;
    r->bytes_served = 100;
    r = fetch(&b, f, HOUR_MS, "/docs");
    r->status_code = 404;
    r->response_ms = 30;
    r = fetch(&b, f, 2 * HOUR_MS, "/img/a.png");
    r->user_agent = -1;
    r->user_agent_text = STR("Mozilla/5.0 (compatible; ClaudeBot/1.0)");
    r->content_type = STR("image/png");
    r->bytes_served = 50;
    r = visit(&b, f, 3 * HOUR_MS, "https://example.com/docs?utm_source=chatgpt.com", "192.0.2.1");
    r->referrer = STR("https://chatgpt.com/");
    visit(&b, f, 3 * HOUR_MS + 90000, "https://example.com/pricing", "192.0.2.1");
    r = visit(&b, f, 4 * HOUR_MS + 250, "https://www.example.com/docs?x=\"1,2\"", "192.0.2.2");
    r->referrer = STR("https://www.google.com/search?q=a");
    memcpy(b.rows[b.job.n_rows - 1].country, "DE", 3);
    assert_int_equal(fixture_run(f->store, &b.job).stored, 6);
}

static inline int reads_setup(void **state)
{
    assert_int_equal(setup(state), 0);
    struct bench *b = *state;
    assert_int_equal(fixture_call(b->fixture->store, add_viewer, b->fixture), 0);
    fill(b->fixture);
    struct rights *r = store_rights(b->fixture->store);
    snprintf(site_id, sizeof(site_id), "%s", rights_site_by_id(r, b->fixture->site)->uuid_text);
    snprintf(foreign_id, sizeof(foreign_id), "%s",
             rights_site_by_id(r, b->fixture->foreign)->uuid_text);
    rights_release(r);
    return 0;
}

#endif
