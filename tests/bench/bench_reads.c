/*
 * bench_reads.c - how long the reports of the API take over many records of one site.
 *
 *   bench_reads DIR [MILLIONS [DAYS [REPORT]]]
 *
 * DIR holds no store yet, or one that this has made: then only the reports are measured. Five
 * pageviews to one AI fetch, four log streams, a twentieth of the records late; packed as an idle
 * server does it, but for the last rows of each stream. Prints one line a report: the median of
 * RUNS, on one thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "parsers/base/time.h"
#include "server/read_list.h"
#include "server/read_stats.h"
#include "server/store_admin.h"
#include "server/store_sqlite_impl.h"

#define ROWS 10000u
#define STREAMS 4u
#define USER_AGENTS 800u
#define TEXT_BYTES 160
#define RUNS 5
#define FIRST_MS INT64_C(1790000000000)

struct bench {
    struct store *store;
    int64_t team, site;
    struct store_row rows[ROWS];
    char text[ROWS][TEXT_BYTES];
    struct str user_agents[USER_AGENTS];
    char agent_text[USER_AGENTS][96];
    struct batch_stream streams[STREAMS];
    uint64_t position[STREAMS], random, stored;
    size_t done, total;
    int64_t span_ms;
    bool pending;
};

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
    struct new_site site = {.domain = STR("example.com")};
    if (session_add_team(session, STR("bench"), &b->team) != ADMIN_OK)
        return -1;
    site.team = b->team;
    return session_add_site(session, &site, &b->site) == ADMIN_OK ? 0 : -1;
}

/* The site of a store that was filled before. */
static bool find_site(struct bench *b)
{
    struct rights *rights = store_rights(b->store);
    const struct site *site = rights_site_by_host(rights, STR("example.com"));
    b->site = site ? site->id : 0;
    rights_release(rights);
    return site != NULL;
}

static int pack_all(struct store_session *session, void *arg)
{
    bool more = true;
    (void)arg;
    session->engine->pack_cursor = 0;
    while (more)
        if (pack_next(session->engine, false, &more))
            return -1;
    return 0;
}

static void on_done(struct store_job *job)
{
    struct bench *b = job->owner;
    b->pending = false;
    b->stored += job->stored;
    if (job->result != STORE_OK) {
        fprintf(stderr, "the store failed\n");
        exit(1);
    }
}

static void run(struct bench *b, struct store_job *job)
{
    job->done = on_done;
    job->owner = b;
    b->pending = true;
    if (store_submit(b->store, job))
        exit(1);
    while (b->pending && store_wait(b->store, -1))
        store_collect(b->store);
}

/* Pages and visitors as the few of a site that make up most of it, and the many of the rest. */
static uint64_t skewed(uint64_t x, uint64_t n)
{
    uint64_t a = x % n, c = (x >> 20) % n;
    return a * c / n;
}

static void make_row(struct bench *b, size_t i, uint32_t stream)
{
    uint64_t x = next_random(b), y = next_random(b);
    struct store_row *row = &b->rows[i];
    struct record *r = &row->record;
    char *text = b->text[i];
    int64_t at_ms = b->span_ms * (int64_t)(b->done + i) / (int64_t)b->total;
    b->position[stream] += 200 + x % 150;
    *row = (struct store_row){.site = b->site, .stream = stream};
    *r = (struct record){.at = b->position[stream],
                         .line_hash = (uint32_t)x,
                         .time_ms = FIRST_MS + (x % 20 ? at_ms : at_ms / 2),
                         .user_agent = (int64_t)(y % USER_AGENTS),
                         .response_ms = (int64_t)(y >> 40 & 1023),
                         .bytes_served = (int64_t)(y % 100000)};
    int n = snprintf(text, 100, "https://example.com/articles/%" PRIu64 "/a-title-of-some-length%s",
                     skewed(x >> 3, 20000), x % 7 ? "" : "?utm_source=letter");
    if (y >> 50 & 15 ? x % 10 : false) {
        uint64_t person = skewed(y, 32768);
        int m = snprintf(text + 100, 50, "198.51.%" PRIu64 ".%" PRIu64, person >> 8, person & 255);
        r->user_agent = (int64_t)(person % USER_AGENTS);
        r->url = (struct str){text, (size_t)n};
        r->visitor_ip = (struct str){text + 100, (size_t)m};
        r->referrer = x % 3   ? STR("https://www.google.com/")
                      : x % 5 ? STR_NONE
                              : STR("https://chatgpt.com/");
        return;
    }
    r->kind = RECORD_AI_FETCH;
    r->user_agent = (int64_t)(y % (USER_AGENTS / 10)) * 10;
    r->hostname = STR("example.com");
    r->path = (struct str){text + 19, (size_t)n - 19};
    r->status_code = y % 25 ? 200 : 404;
    r->content_type = STR("text/html");
}

static void put_batch(struct bench *b, size_t number)
{
    uint32_t stream = (uint32_t)(number % STREAMS);
    struct store_job job = {.kind = STORE_BATCH,
                            .team = b->team,
                            .node = STR("web-1"),
                            .streams = b->streams,
                            .n_streams = STREAMS,
                            .user_agents = b->user_agents,
                            .n_user_agents = USER_AGENTS,
                            .rows = b->rows,
                            .n_rows = ROWS};
    uint64_t id = number + 1;
    memcpy(job.batch_id, &id, sizeof(id));
    for (size_t i = 0; i < ROWS; i++)
        make_row(b, i, stream);
    run(b, &job);
    b->done += ROWS;
}

static void fill(struct bench *b, size_t millions)
{
    static const char *const names[] = {"GPTBot", "ClaudeBot", "PerplexityBot", "OAI-SearchBot"};
    struct store_job sites = {.kind = STORE_CALL, .call = fill_store, .call_arg = b};
    struct store_job pack = {.kind = STORE_CALL, .call = pack_all};
    for (size_t i = 0; i < USER_AGENTS; i++) {
        int n = i % 10 ? snprintf(b->agent_text[i], 96,
                                  "Mozilla/5.0 (X11; Linux x86_64; rv:%zu.0) Gecko Firefox/1", i)
                       : snprintf(b->agent_text[i], 96, "Mozilla/5.0 (compatible; %s/1.%zu)",
                                  names[i / 10 % 4], i);
        b->user_agents[i] = (struct str){b->agent_text[i], (size_t)n};
    }
    for (size_t i = 0; i < STREAMS; i++)
        memset(b->streams[i].id.b, (int)i + 1, sizeof(b->streams[i].id.b));
    b->random = 88172645463325252u;
    b->total = millions * 1000000;
    double before = seconds(CLOCK_MONOTONIC);
    run(b, &sites);
    for (size_t i = 0; i < b->total / ROWS; i++)
        put_batch(b, i);
    double stored = seconds(CLOCK_MONOTONIC);
    run(b, &pack);
    double packed = seconds(CLOCK_MONOTONIC);
    printf("stored                  %" PRIu64 " records, %.0f a second; packed %.0f a second\n",
           b->stored, (double)b->stored / (stored - before), (double)b->stored / (packed - stored));
}

/* ---- the reports ---------------------------------------------------------------------------- */

typedef int make_report(const struct read_context *x, const struct read_query *q, struct buf *out);

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const char *only; /* the one report that is measured; NULL: all */

static void measure(const struct read_context *x, const char *name, make_report *make,
                    const struct read_query *q)
{
    double times[RUNS], cpu[RUNS];
    struct buf out;
    if (only && strcmp(only, name) != 0)
        return;
    buf_init(&out, 64u << 20);
    for (size_t i = 0; i < RUNS; i++) {
        double before = seconds(CLOCK_MONOTONIC), busy = seconds(CLOCK_THREAD_CPUTIME_ID);
        buf_reset(&out);
        if (make(x, q, &out)) {
            fprintf(stderr, "%s failed\n", name);
            exit(1);
        }
        times[i] = seconds(CLOCK_MONOTONIC) - before;
        cpu[i] = seconds(CLOCK_THREAD_CPUTIME_ID) - busy;
    }
    qsort(times, RUNS, sizeof(times[0]), by_size);
    qsort(cpu, RUNS, sizeof(cpu[0]), by_size);
    printf("%-23s %.0f ms, %.0f ms of CPU\n", name, times[RUNS / 2] * 1e3, cpu[RUNS / 2] * 1e3);
    buf_release(&out);
}

static void reports(struct bench *b, const char *dir)
{
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 4096);
    struct read_context x = {.reader = store_reader_open(dir, &error, &failure),
                             .catalogue = catalogue_new(false),
                             .seen = read_agents_seen_new(),
                             .site = b->site,
                             .site_uuid = "",
                             .now_ms = FIRST_MS + b->span_ms};
    struct read_query all = {
        .from_ms = FIRST_MS, .to_ms = FIRST_MS + b->span_ms, .window_days = 30};
    struct read_query agent = all, path = all, pages = all, bot = all, week = all;
    agent.assistant_name = STR("GPTBot");
    path.path = STR("/articles/7/a-title-of-some-length");
    pages.filters[0] = (struct hit_filter){HIT_FILTER_REFERRER_HOST, STR("chatgpt.com")};
    pages.n_filters = 1;
    bot.filters[0] = (struct hit_filter){HIT_FILTER_AI_BOT, STR("GPTBot")};
    bot.n_filters = 1;
    week.from_ms = week.to_ms - 7 * DAY_MS;
    measure(&x, "overview", read_overview, &all);
    measure(&x, "time series", read_timeseries, &all);
    measure(&x, "overview of an agent", read_overview, &agent);
    measure(&x, "overview of a path", read_overview, &path);
    measure(&x, "overview of a week", read_overview, &week);
    measure(&x, "correlation", read_correlation, &all);
    measure(&x, "activity", read_activity, &all);
    measure(&x, "activity of an agent", read_activity, &bot);
    measure(&x, "stats", read_stats, &all);
    measure(&x, "stats of a referrer", read_stats, &pages);
    measure(&x, "stats of a week", read_stats, &week);
    read_agents_seen_free(x.seen);
    catalogue_free((struct catalogue *)x.catalogue);
    store_reader_close(x.reader);
    buf_release(&error);
}

static size_t argument(int argc, char **argv, int at, size_t otherwise)
{
    uint64_t value = 0;
    return at < argc && str_to_u64(str_of(argv[at]), 1000, &value) ? (size_t)value : otherwise;
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct store_options options = {.create = true};
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 1000);
    if (argc < 2 || !b || !(b->store = store_open(argv[1], &options, &error, &failure))) {
        fprintf(stderr, "usage: bench_reads DIR [MILLIONS [DAYS [REPORT]]] %s\n",
                error.n ? buf_cstr(&error) : "");
        return 1;
    }
    only = argc > 4 ? argv[4] : NULL;
    b->span_ms = (int64_t)argument(argc, argv, 3, 90) * DAY_MS;
    if (!find_site(b))
        fill(b, argument(argc, argv, 2, 10));
    reports(b, argv[1]);
    store_close(b->store);
    buf_release(&error);
    free(b);
    return 0;
}
