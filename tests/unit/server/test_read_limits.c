/*
 * test_read_limits.c - what reports and exports may cost the server: a queue with an end, a time,
 * no work for clients that have gone, and no memory for those that read slowly.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/api_store.h"

#include "server/api_internal.h"
#include "server/store_life.h"

#define ROWS 12000
#define PATH_BYTES 1000
#define QUEUED 64 /* on two threads */
#define PATIENCE_MS 60000

/* Rows that nobody has packed: a report over them takes its time. */
struct rows {
    struct batch batch;
    struct store_row rows[ROWS];
    char paths[ROWS][PATH_BYTES + 1];
};

static void fill(struct fixture *f)
{
    struct rows *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    for (size_t i = 0; i < ROWS; i++) {
        struct store_row *row = &r->rows[i];
        snprintf(r->paths[i], PATH_BYTES + 1, "/%05zu/%0*d", i, PATH_BYTES - 7, 0);
        *row = (struct store_row){.site = f->site};
        make_ai_fetch(&row->record);
        row->record.at = i;
        row->record.time_ms = NOON + (int64_t)i;
        row->record.path = str_of(r->paths[i]);
    }
    for (size_t from = 0; from < ROWS; from += ROWS / 2) { /* a batch holds 10,000 */
        batch_init(&r->batch, f, from ? 2 : 1);
        r->batch.job.rows = r->rows + from;
        r->batch.job.n_rows = ROWS / 2;
        assert_int_equal(fixture_run(f->store, &r->batch.job).stored, ROWS / 2);
    }
    free(r);
}

static int limits_setup(void **state)
{
    assert_int_equal(setup(state), 0);
    struct bench *b = *state;
    assert_int_equal(fixture_call(b->fixture->store, add_viewer, b->fixture), 0);
    fill(b->fixture);
    return 0;
}

/* Connects and asks, without a turn of the loop. */
static void ask(struct bench *b, struct probe *p, const char *what)
{
    struct rights *r = store_rights(b->fixture->store);
    struct buf request;
    buf_init(&request, 4096);
    buf_printf(&request,
               "GET /api/sites/%s/%s&from=2024-10-04T00:00:00Z&to=2024-10-05T00:00:00Z HTTP/1.1\r\n"
               "Host: a\r\nConnection: close\r\nAuthorization: Bearer viewer\r\n\r\n",
               rights_site_by_id(r, b->fixture->site)->uuid_text, what);
    rights_release(r);
    probe_connect(p, b->loop, http_server_port(b->server));
    assert_int_equal(send(p->fd, request.p, request.n, MSG_NOSIGNAL), (ssize_t)request.n);
    buf_release(&request);
}

static const char overview[] = "ai-fetch/overview?x=1";
static const char an_export[] = "ai-fetch/export?format=ndjson";

static void await_close(struct probe *p)
{
    for (int64_t until = probe_now_ms() + PATIENCE_MS; !p->closed && probe_now_ms() < until;)
        probe_turn(p);
    assert_true(p->closed);
}

static void answers(struct bench *b, const char *text)
{
    struct probe p;
    ask(b, &p, overview);
    await_close(&p);
    if (!strstr(probe_text(&p), text))
        fail_msg("wanted %s, got %s", text, probe_text(&p));
    probe_close(&p);
}

static void a_full_queue(void **state)
{
    struct bench *b = *state;
    static struct probe probes[QUEUED + 6];
    size_t refused = 0;
    answers(b, "{\"total_requests\":12000,");
    for (size_t i = 0; i < COUNT_OF(probes); i++)
        ask(b, &probes[i], overview);
    probe_run(&probes[0], 20);
    for (size_t i = 0; i < COUNT_OF(probes); i++) {
        probe_turn_for(&probes[i], 0);
        refused += strstr(probe_text(&probes[i]), "HTTP/1.1 503 ") != NULL &&
                   strstr(probe_text(&probes[i]), "Retry-After: 2\r\n") != NULL &&
                   strstr(probe_text(&probes[i]), "Service Unavailable\n") != NULL;
    }
    assert_in_range(refused, 1, COUNT_OF(probes) - QUEUED);
    for (size_t i = 0; i < COUNT_OF(probes); i++)
        probe_close(&probes[i]);
    bool room = false; /* as soon as it is noticed that they have gone */
    for (int64_t until = probe_now_ms() + PATIENCE_MS; !room && probe_now_ms() < until;) {
        struct probe p;
        ask(b, &p, overview);
        await_close(&p);
        room = strstr(probe_text(&p), "{\"total_requests\":12000,") != NULL;
        probe_close(&p);
    }
    assert_true(room);
}

static void a_time_limit(void **state)
{
    struct bench *b = *state;
    b->api->config.report_ms = 1;
    answers(b, "The report takes too long; ask for a shorter time\n");
    answers(b, "Retry-After: 60\r\n");
    b->api->config.report_ms = 20000;
    answers(b, "{\"total_requests\":12000,");
}

/* Who stays is not kept waiting by the work of those who have gone. */
static void clients_that_go(void **state)
{
    struct bench *b = *state;
    struct probe stays;
    int64_t before_ms = probe_now_ms();
    answers(b, "{\"total_requests\":12000,");
    int64_t one_ms = probe_now_ms() - before_ms;
    for (size_t i = 0; i + 2 < QUEUED; i++) {
        struct probe goes;
        ask(b, &goes, overview);
        probe_close(&goes);
    }
    before_ms = probe_now_ms();
    ask(b, &stays, overview);
    await_close(&stays);
    assert_non_null(strstr(probe_text(&stays), "{\"total_requests\":12000,"));
    int64_t all_ms = (QUEUED - 2) / 2 * one_ms; /* had all of them been made */
    if (probe_now_ms() - before_ms > 1000 + all_ms / 2)
        fail_msg("%d ms, one report took %d ms", (int)(probe_now_ms() - before_ms), (int)one_ms);
    probe_close(&stays);
}

static int delete_all(struct store_session *session, void *arg)
{
    struct purge purge = {.site = *(int64_t *)arg,
                          .from_ms = INT64_MIN,
                          .to_ms = INT64_MAX,
                          .kinds = PURGE_AI_FETCHES};
    do {
        if (session_purge_step(session, &purge) != ADMIN_OK)
            return -1;
    } while (purge.next >= 0);
    return 0;
}

/* Whole rows of an export; no other line may begin like one. */
static size_t rows_of(struct probe *p)
{
    struct str text = buf_str(&p->in);
    size_t n = 0;
    for (ptrdiff_t end; (end = str_chr(text, '\n', 0)) >= 0;) {
        struct str line = str_slice(text, 0, (size_t)end);
        text = str_slice(text, (size_t)end + 1, text.n);
        if (!str_starts(line, STR("{\"id\":\"")))
            continue;
        assert_true(line.p[line.n - 2] == '"' && line.p[line.n - 1] == '}');
        n++;
    }
    return n;
}

/* An export whose reader does not read stays where it is: rows that are removed meanwhile are not
 * in it, and it ends as it should. */
static void a_slow_reader(void **state)
{
    struct bench *b = *state;
    struct probe p;
    int small = 65536;
    int64_t before_ms = probe_now_ms();
    ask(b, &p, an_export);
    await_close(&p);
    assert_int_equal(rows_of(&p), ROWS);
    probe_close(&p);
    int64_t all_ms = probe_now_ms() - before_ms;
    ask(b, &p, an_export);
    setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int64_t until = probe_now_ms() + 2 * all_ms; probe_now_ms() < until;) {
        ev_run(b->loop, EVRUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(fixture_call(b->fixture->store, delete_all, &b->fixture->site), 0);
    await_close(&p);
    assert_in_range(rows_of(&p), 1, ROWS - 2000);
    assert_string_equal(probe_text(&p) + p.in.n - 7, "\r\n0\r\n\r\n");
    probe_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue), cmocka_unit_test(a_time_limit),
        cmocka_unit_test(clients_that_go), cmocka_unit_test(a_slow_reader), /* removes all rows */
    };
    return cmocka_run_group_tests(tests, limits_setup, teardown);
}
