/*
 * api_bench.h - the API behind a real server on loopback, in front of a store that is made up here:
 * it notes what it is given, and answers as the test wants. Included by one .c file a program; its
 * store_* functions take the place of store.c.
 *
 * Tokens: "admin" (admin on example.com, viewer on example.org), "editor", "viewer", "ingest",
 * "owner" (on example.com), "expired", "revoked" (as admin), "other" (owner of foreign.net, of
 * another team). closed.net has no grant at all.
 */
#ifndef LOGFERRY_TESTS_API_BENCH_H
#define LOGFERRY_TESTS_API_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/api.h"
#include "server/uuid.h"
#include "tests/unit/server/http_probe.h"

#define SITE_ID "11111111-1111-4111-8111-111111111111"   /* example.com, alias example.de */
#define SECOND_ID "22222222-2222-4222-8222-222222222222" /* example.org */
#define FOREIGN_ID "33333333-3333-4333-8333-333333333333"
#define CLOSED_ID "44444444-4444-4444-8444-444444444444"
#define NOWHERE_ID "55555555-5555-4555-8555-555555555555"

/* ---- the store ---------------------------------------------------------------------------------
 */

struct store {
    struct rights *rights;
    struct store_job *jobs; /* submitted, to be answered in the loop's next turn */
    struct buf noted;       /* all that was submitted, a line each */
    enum store_result next_result;
    bool busy, full, failing;
};

static inline void note_str(struct buf *to, const char *name, struct str s)
{
    if (str_is_set(s))
        buf_printf(to, " %s=%.*s", name, STR_ARGS(s));
}

static inline void note_record(struct buf *to, const struct store_job *job,
                               const struct store_row *row)
{
    const struct record *r = &row->record;
    bool page = r->kind == RECORD_PAGEVIEW;
    buf_printf(to, "%s site=%d", page ? "pageview" : "ai_fetch", (int)row->site);
    if (row->stream != STORE_NO_STREAM)
        buf_printf(to, " stream=%u at=%llu h=%08x", row->stream, (unsigned long long)r->at,
                   r->line_hash);
    note_str(to, "url", page ? r->url : STR_NONE);
    note_str(to, "ip", page ? r->visitor_ip : STR_NONE);
    note_str(to, "session", page ? r->session_id : STR_NONE);
    note_str(to, "referrer", page ? r->referrer : STR_NONE);
    note_str(to, "host", page ? STR_NONE : r->hostname);
    note_str(to, "path", page ? STR_NONE : r->path);
    note_str(to, "type", page ? STR_NONE : r->content_type);
    if (!page)
        buf_printf(to, " status=%d", r->status_code);
    if (!page && r->response_ms != HIT_NO_NUMBER)
        buf_printf(to, " ms=%lld", (long long)r->response_ms);
    if (!page && r->bytes_served != HIT_NO_NUMBER)
        buf_printf(to, " bytes=%lld", (long long)r->bytes_served);
    note_str(to, "ua", r->user_agent >= 0 ? job->user_agents[r->user_agent] : r->user_agent_text);
    if (page)
        buf_printf(to, " time=%lld", (long long)r->time_ms);
    buf_putc(to, '\n');
}

static inline void note_job(struct store *s, const struct store_job *job)
{
    struct buf *to = &s->noted;
    if (job->kind == STORE_BATCH)
        buf_printf(to, "batch team=%d node=%.*s streams=%zu tail=%.*s\n", (int)job->team,
                   STR_ARGS(job->node), job->n_streams, STR_ARGS(job->tail));
    for (size_t i = 0; i < job->n_rows; i++)
        note_record(to, job, &job->rows[i]);
    for (size_t i = 0; i < job->n_left; i++)
        buf_printf(to, "left site=%d stream=%u fate=%s time=%lld\n", (int)job->left[i].site,
                   job->left[i].stream, store_fate_name(job->left[i].fate),
                   (long long)job->left[i].time_ms);
    for (size_t i = 0; i < job->n_streams; i++)
        for (uint32_t k = 0; k < job->streams[i].n_cells; k++) {
            const struct batch_cell *cell = &job->cells[job->streams[i].first_cell + k];
            buf_printf(to, "cell stream=%zu quarter=%u reason=%u n=%u\n", i, cell->quarter,
                       cell->reason, cell->n);
        }
    if (job->kind == STORE_EVENT) {
        const struct store_event *e = job->event;
        buf_printf(to, "event site=%d", (int)e->site);
        note_str(to, "name", e->name);
        note_str(to, "properties", e->properties);
        note_str(to, "ip", e->visitor_ip);
        note_str(to, "session", e->session_id);
        note_str(to, "ua", e->user_agent);
        buf_printf(to, " time=%lld\n", (long long)e->time_ms);
    }
}

int store_submit(struct store *s, struct store_job *job)
{
    assert_true(job->bytes > 0);
    if (s->busy)
        return -1;
    note_job(s, job);
    job->next = s->jobs;
    s->jobs = job;
    return 0;
}

static inline void answer_jobs(struct store *s)
{
    while (s->jobs) {
        struct store_job *job = s->jobs;
        s->jobs = job->next;
        job->result = s->next_result;
        struct buf answer;
        buf_init(&answer, 1u << 20);
        buf_printf(&answer, "{\"stored\":%zu,\"duplicate\":0%.*s}", job->n_rows,
                   STR_ARGS(job->tail));
        if (job->kind == STORE_BATCH)
            job->answer = answer;
        job->done(job);
        buf_release(&answer);
    }
}

struct rights *store_rights(struct store *s)
{
    return rights_retain(s->rights);
}

void store_stats(struct store *s, struct store_stats *out)
{
    *out = (struct store_stats){.full = s->full, .failing = s->failing};
}

/* ---- rights ------------------------------------------------------------------------------------
 */

static inline void add_site(struct rights_builder *b, int64_t id, const char *uuid,
                            const char *domain, int64_t team)
{
    static const struct str aliases[] = {STR("example.de"), STR("www2.example.com")};
    struct site site = {.id = id,
                        .domain = str_of(domain),
                        .team = team,
                        .retention_days = id == 2 ? 365 : 0,
                        .created_ms = 1767225600000};
    assert_true(uuid_parse(str_of(uuid), site.uuid));
    snprintf(site.uuid_text, sizeof(site.uuid_text), "%s", uuid);
    if (id == 1) {
        site.aliases = aliases;
        site.n_aliases = 2;
    }
    assert_int_equal(rights_add_site(b, &site), 0);
}

static inline void add_client(struct rights_builder *b, int64_t id, const char *token, int64_t team)
{
    struct client client = {.id = id, .name = str_of(token), .team = team, .expires_ms = INT64_MAX};
    assert_int_equal(sha256(str_of(token), client.token_hash), 0);
    client.revoked_ms = strcmp(token, "revoked") == 0;
    if (strcmp(token, "expired") == 0)
        client.expires_ms = 1000;
    assert_int_equal(rights_add_client(b, &client), 0);
}

static inline struct rights *bench_rights(void)
{
    static const char *const tokens[] = {"admin", "editor",  "viewer", "ingest",
                                         "owner", "expired", "revoked"};
    static const enum role roles[] = {ROLE_ADMIN, ROLE_EDITOR, ROLE_VIEWER, ROLE_INGEST,
                                      ROLE_OWNER, ROLE_ADMIN,  ROLE_ADMIN};
    struct rights_builder *b = rights_builder_new();
    for (int64_t id = 1; id <= 2; id++)
        assert_int_equal(rights_add_team(b, &(struct team){.id = id, .name = STR("t")}), 0);
    add_site(b, 1, SITE_ID, "example.com", 1);
    add_site(b, 2, SECOND_ID, "example.org", 1);
    add_site(b, 3, FOREIGN_ID, "foreign.net", 2);
    add_site(b, 4, CLOSED_ID, "closed.net", 1);
    for (int64_t i = 0; i < 7; i++) {
        add_client(b, i + 1, tokens[i], 1);
        assert_int_equal(rights_add_grant(b, &(struct grant){i + 1, 1, roles[i]}), 0);
    }
    add_client(b, 8, "other", 2);
    assert_int_equal(rights_add_grant(b, &(struct grant){8, 3, ROLE_OWNER}), 0);
    assert_int_equal(rights_add_grant(b, &(struct grant){1, 2, ROLE_VIEWER}), 0);
    struct rights *rights = rights_build(b);
    assert_non_null(rights);
    rights_builder_free(b);
    return rights;
}

/* ---- the bench ---------------------------------------------------------------------------------
 */

struct bench {
    struct ev_loop *loop;
    struct store store;
    struct catalogue *catalogue;
    struct api_config config;
    struct api *api;
    struct router router;
    struct http_server *server;
    struct ev_check turn;
    struct buf request;
};

static inline void on_turn(struct ev_loop *loop, struct ev_check *w, int events)
{
    answer_jobs(w->data);
}

static inline void bench_start(struct bench *b)
{
    struct http_limits limits;
    const char *why = "";
    http_limits_default(&limits);
    b->api = api_new(b->loop, &b->store, b->catalogue, &b->config);
    assert_non_null(b->api);
    router_init(&b->router);
    api_add_routes(b->api, &b->router);
    struct http_app app = router_app(&b->router);
    b->server = http_server_new(b->loop, &limits, &app);
    assert_int_equal(http_listen_tcp(b->server, "127.0.0.1:0", &why), 0);
}

static inline void bench_stop(struct bench *b)
{
    http_server_free(b->server);
    api_free(b->api);
    answer_jobs(&b->store);
}

static inline int bench_setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->loop = ev_loop_new(EVFLAG_AUTO);
    b->store.rights = bench_rights();
    buf_init(&b->store.noted, 1u << 24);
    buf_init(&b->request, 1u << 26);
    b->catalogue = catalogue_new(true);
    assert_non_null(b->catalogue);
    api_config_default(&b->config);
    b->config.hitkeep_strict = true;
    ev_check_init(&b->turn, on_turn);
    b->turn.data = &b->store;
    ev_check_start(b->loop, &b->turn);
    bench_start(b);
    *state = b;
    return 0;
}

static inline int bench_teardown(void **state)
{
    struct bench *b = *state;
    bench_stop(b);
    ev_check_stop(b->loop, &b->turn);
    ev_loop_destroy(b->loop);
    rights_release(b->store.rights);
    buf_release(&b->store.noted);
    buf_release(&b->request);
    catalogue_free(b->catalogue);
    free(b);
    return 0;
}

/* One request on a connection of its own; the answer, as it came, stays in the probe. `headers` are
 * whole lines. */
static inline void bench_ask(struct bench *b, struct probe *p, const char *line,
                             const char *headers, struct str body)
{
    buf_reset(&b->store.noted);
    buf_reset(&b->request);
    buf_printf(&b->request, "%s HTTP/1.1\r\nHost: api\r\nConnection: close\r\n%s", line, headers);
    if (str_is_set(body))
        buf_printf(&b->request, "Content-Length: %zu\r\n", body.n);
    buf_lit(&b->request, "\r\n");
    if (str_is_set(body))
        buf_put_str(&b->request, body);
    probe_connect(p, b->loop, http_server_port(b->server));
    probe_send(p, buf_str(&b->request));
    assert_true(probe_await_close(p));
}

static inline int probe_status(struct probe *p)
{
    const char *text = probe_text(p);
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? (int)strtol(text + 9, NULL, 10) : -1;
}

static inline const char *probe_body(struct probe *p)
{
    const char *end = strstr(probe_text(p), "\r\n\r\n");
    return end ? end + 4 : "";
}

#endif
