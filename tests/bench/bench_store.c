/*
 * bench_store.c - how many records a second the store makes durable.
 *
 *   bench_store DIR [BATCHES [ROWS [STREAMS [SINGLES]]]]
 *
 * DIR must not hold a store yet. Three parts: new batches, the same records in new batches (every
 * one a duplicate), single pageviews with many in flight. Prints one line each; the figures are
 * ratios of this machine, this run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/store.h"
#include "server/store_admin.h"

#define USER_AGENTS 800
#define IN_FLIGHT 4
#define SINGLES_IN_FLIGHT 256

struct bench {
    struct store *store;
    int64_t team, sites[2];
    struct store_row *rows;
    char *text; /* of the rows: TEXT_BYTES each */
    struct str user_agents[USER_AGENTS];
    char agent_text[USER_AGENTS][96];
    struct batch_stream streams[64];
    size_t n_rows, n_streams;
    uint64_t position[64], random;
    size_t pending;
    uint64_t stored, duplicate, failed;
};
#define TEXT_BYTES 160

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t next_random(struct bench *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

static int fill_store(struct store_session *session, void *arg)
{
    struct bench *b = arg;
    struct new_site one = {.domain = STR("example.com")}, two = {.domain = STR("example.org")};
    if (session_add_team(session, STR("bench"), &b->team) != ADMIN_OK)
        return -1;
    one.team = two.team = b->team;
    return session_add_site(session, &one, &b->sites[0]) == ADMIN_OK &&
                   session_add_site(session, &two, &b->sites[1]) == ADMIN_OK
               ? 0
               : -1;
}

static void on_done(struct store_job *job)
{
    struct bench *b = job->owner;
    b->pending--;
    b->stored += job->stored;
    b->duplicate += job->duplicate;
    b->failed += job->result != STORE_OK;
}

static void run(struct bench *b, struct store_job *job)
{
    job->done = on_done;
    job->owner = b;
    if (store_submit(b->store, job)) {
        fprintf(stderr, "busy\n");
        exit(1);
    }
    b->pending++;
}

static void drain(struct bench *b, size_t to)
{
    while (b->pending > to && store_wait(b->store, -1))
        store_collect(b->store);
}

/* The i-th row of a batch: nine pageviews, one AI fetch, of the batch's stream; two sites. */
static void make_row(struct bench *b, size_t slot, size_t i, uint32_t stream)
{
    struct store_row *row = &b->rows[slot * b->n_rows + i];
    char *text = b->text + (slot * b->n_rows + i) * TEXT_BYTES;
    uint64_t x = next_random(b);
    struct record *r = &row->record;
    b->position[stream] += 200 + x % 150;
    row->site = b->sites[x >> 40 & 1];
    row->stream = stream;
    *r = (struct record){.at = b->position[stream],
                         .line_hash = (uint32_t)(x * 7),
                         .time_ms = 1790000000000 + (int64_t)b->position[stream] / 20,
                         .user_agent = (int64_t)(x >> 20) % USER_AGENTS,
                         .kind = x % 10 ? RECORD_PAGEVIEW : RECORD_AI_FETCH,
                         .status_code = 200,
                         .response_ms = HIT_NO_NUMBER,
                         .bytes_served = (int64_t)(x % 100000)};
    int n =
        snprintf(text, 100, "https://example.%s/articles/2026/some-title-%" PRIu64 "?id=%" PRIu64,
                 x >> 40 & 1 ? "org" : "com", x % 5000, (x >> 20) % 100);
    int m = snprintf(text + 100, 50, "198.51.%" PRIu64 ".%" PRIu64, x >> 30 & 127, x >> 50 & 255);
    if (r->kind == RECORD_AI_FETCH) {
        r->hostname = STR("example.com");
        r->path = (struct str){text + 19, (size_t)n - 19};
        r->content_type = STR("text/html");
        r->verified = STR("yes");
    } else {
        r->url = (struct str){text, (size_t)n};
        r->visitor_ip = (struct str){text + 100, (size_t)m};
        r->referrer = x % 3 ? STR("https://www.google.com/") : STR_NONE;
    }
}

static void batches(struct bench *b, const char *what, uint64_t first_id, size_t n)
{
    struct store_job jobs[IN_FLIGHT];
    double making = 0, wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    b->random = 88172645463325252u;
    b->stored = b->duplicate = b->failed = 0;
    memset(b->position, 0, sizeof(b->position));
    for (size_t i = 0; i < n; i++) {
        double before = seconds(CLOCK_THREAD_CPUTIME_ID);
        size_t slot = i % IN_FLIGHT;
        uint32_t stream = (uint32_t)(i % b->n_streams);
        drain(b, IN_FLIGHT - 1);
        for (size_t k = 0; k < b->n_rows; k++)
            make_row(b, slot, k, stream);
        jobs[slot] = (struct store_job){.kind = STORE_BATCH,
                                        .team = b->team,
                                        .node = STR("web-1"),
                                        .streams = b->streams,
                                        .n_streams = b->n_streams,
                                        .user_agents = b->user_agents,
                                        .n_user_agents = USER_AGENTS,
                                        .rows = b->rows + slot * b->n_rows,
                                        .n_rows = b->n_rows};
        uint64_t id = first_id + i;
        memcpy(jobs[slot].batch_id, &id, sizeof(id));
        making += seconds(CLOCK_THREAD_CPUTIME_ID) - before;
        run(b, &jobs[slot]);
    }
    drain(b, 0);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu - making;
    double rows = (double)(n * b->n_rows);
    printf("%-22s %8.0f records/s, %8.0f per writer CPU-second, stored %" PRIu64
           ", duplicate %" PRIu64 ", failed %" PRIu64 "\n",
           what, rows / wall, rows / cpu, b->stored, b->duplicate, b->failed);
}

static void singles(struct bench *b, size_t n)
{
    static struct store_job jobs[SINGLES_IN_FLIGHT];
    double wall = seconds(CLOCK_MONOTONIC);
    b->stored = b->failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (b->pending >= SINGLES_IN_FLIGHT)
            drain(b, 0);
        struct store_row *row = &b->rows[i % SINGLES_IN_FLIGHT];
        row->stream = STORE_NO_STREAM;
        jobs[i % SINGLES_IN_FLIGHT] = (struct store_job){.kind = STORE_PAGEVIEW,
                                                         .user_agents = b->user_agents,
                                                         .n_user_agents = USER_AGENTS,
                                                         .rows = row,
                                                         .n_rows = 1};
        run(b, &jobs[i % SINGLES_IN_FLIGHT]);
    }
    drain(b, 0);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    printf("%-22s %8.0f records/s, %d in flight, stored %" PRIu64 ", failed %" PRIu64 "\n",
           "single pageviews", (double)n / wall, SINGLES_IN_FLIGHT, b->stored, b->failed);
}

static size_t argument(int argc, char **argv, int at, size_t otherwise)
{
    uint64_t value = 0;
    return at < argc && str_to_u64(str_of(argv[at]), 1u << 30, &value) ? (size_t)value : otherwise;
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct store_options options = {.create = true};
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 1000);
    size_t n = argument(argc, argv, 2, 100);
    b.n_rows = argument(argc, argv, 3, 10000);
    b.n_streams = argument(argc, argv, 4, 1);
    b.rows = calloc(IN_FLIGHT * b.n_rows, sizeof(*b.rows));
    b.text = calloc(IN_FLIGHT * b.n_rows, TEXT_BYTES);
    if (argc < 2 || b.n_streams == 0 || b.n_streams > 64 || b.n_rows < 64 || !b.rows || !b.text ||
        !(b.store = store_open(argv[1], &options, &error, &failure))) {
        fprintf(stderr, "usage: bench_store DIR [BATCHES [ROWS [STREAMS [SINGLES]]]] %s\n",
                error.n ? buf_cstr(&error) : "");
        return 1;
    }
    for (size_t i = 0; i < USER_AGENTS; i++) {
        int length = snprintf(b.agent_text[i], sizeof(b.agent_text[i]),
                              i % 10 ? "Mozilla/5.0 (X11; Linux x86_64; rv:%zu.0) Gecko Firefox/1"
                                     : "Mozilla/5.0 (compatible; GPTBot/1.%zu)",
                              i);
        b.user_agents[i] = (struct str){b.agent_text[i], (size_t)length};
    }
    for (size_t i = 0; i < b.n_streams; i++)
        memset(b.streams[i].id.b, (int)i + 1, sizeof(b.streams[i].id.b));
    struct store_job fill = {.kind = STORE_CALL, .call = fill_store, .call_arg = &b};
    run(&b, &fill);
    drain(&b, 0);
    batches(&b, "new batches", 1, n);
    batches(&b, "all duplicates", 1 + n, n);
    for (size_t i = 0; i < SINGLES_IN_FLIGHT && i < b.n_rows; i++) {
        b.rows[i].record.kind = RECORD_PAGEVIEW;
        b.rows[i].record.url = STR("https://example.com/single?x=1");
        b.rows[i].record.visitor_ip = STR("192.0.2.7");
    }
    singles(&b, argument(argc, argv, 5, 50000));
    store_close(b.store);
    buf_release(&error);
    free(b.rows);
    free(b.text);
    return 0;
}
