/*
 * test_store.c - the store's promises: no line twice, batches atomic and replayable, nothing said
 * before it is durable, versions respected.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/server/store_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

/* ---- duplicates --------------------------------------------------------------------------- */

static void test_duplicate_rules(void **state)
{
    static const struct {
        const char *name;
        int site; /* 0: site, 1: second */
        uint32_t stream;
        uint64_t at;
        uint32_t hash;
        bool ai, duplicate;
    } cases[] = {
        {"first", 0, 0, 100, 7, false, false},
        {"the same again", 0, 0, 100, 7, false, true},
        {"the same as another kind", 0, 0, 100, 7, true, true},
        {"another site", 1, 0, 100, 7, false, false},
        {"another stream", 0, 1, 100, 7, false, false},
        {"another position", 0, 0, 101, 7, false, false},
        {"another line at the same position", 0, 0, 100, 8, false, false},
        {"that line again", 0, 0, 100, 8, false, true},
        {"a third line there", 0, 0, 100, 9, true, false},
        {"the second line as another kind", 0, 0, 100, 8, true, true},
        {"same low bits, other lane", 0, 0, 100 + (1u << 24), 7, false, false},
        {"that one again", 0, 0, 100 + (1u << 24), 7, false, true},
        {"a huge position", 0, 0, UINT64_MAX - 5, 7, false, false},
        {"it again", 0, 0, UINT64_MAX - 5, 7, false, true},
        {"position 0", 0, 0, 0, 0, false, false},
        {"position 0 again", 0, 0, 0, 0, false, true},
    };
    struct fixture *f = *state;
    struct batch b;
    uint64_t stored = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        batch_init(&b, f, (unsigned char)(i + 1));
        struct record *r = add_row(&b, cases[i].site ? f->second : f->site, cases[i].stream,
                                   cases[i].at, cases[i].hash);
        if (cases[i].ai)
            make_ai_fetch(r);
        struct outcome o = fixture_run(f->store, &b.job);
        if (o.result != STORE_OK || o.duplicate != cases[i].duplicate ||
            o.stored != !cases[i].duplicate)
            fail_msg("%s: result %d, stored %d, duplicate %d", cases[i].name, o.result,
                     (int)o.stored, (int)o.duplicate);
        stored += o.stored;
    }
    assert_int_equal(number(f, "SELECT count(*) FROM records"), stored);
}

static void test_duplicates_inside_one_batch(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f, 1);
    add_row(&b, f->site, 0, 10, 1);
    add_row(&b, f->site, 0, 20, 2);
    add_row(&b, f->site, 0, 10, 1);
    add_row(&b, f->site, 0, 10, 3);
    struct outcome o = fixture_run(f->store, &b.job);
    assert_int_equal(o.stored, 3);
    assert_int_equal(o.duplicate, 1);
}

/* Holds the writer until the test has queued what must go into one transaction. */
static int hold_writer(struct store_session *session, void *arg)
{
    (void)session;
    char byte;
    return read(*(int *)arg, &byte, 1) == 1 ? 0 : -1;
}

static void test_duplicates_inside_one_group(void **state)
{
    struct fixture *f = *state;
    struct batch batches[4];
    struct outcome outcomes[5] = {0};
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    struct store_job hold = {.kind = STORE_CALL,
                             .call = hold_writer,
                             .call_arg = &gate[0],
                             .done = fixture_done,
                             .owner = &outcomes[4]};
    assert_int_equal(store_submit(f->store, &hold), 0);
    for (unsigned char i = 0; i < 4; i++) {
        struct batch *b = &batches[i];
        batch_init(b, f, (unsigned char)(i == 3 ? 1 : i + 1)); /* the last is the first, again */
        if (i == 1)
            add_row(b, f->site, 9, 5, 5); /* fails alone, and takes its other row back */
        add_row(b, f->site, 0, i == 1 ? 20 : 10, 1);
        add_row(b, f->site, 0, 20, 2);
        b->job.done = fixture_done;
        b->job.owner = &outcomes[i];
        assert_int_equal(store_submit(f->store, &b->job), 0);
    }
    assert_int_equal(write(gate[1], "x", 1), 1);
    while (!outcomes[3].called) {
        store_wait(f->store, 1000);
        store_collect(f->store);
    }
    close(gate[0]);
    close(gate[1]);
    assert_int_equal(outcomes[0].stored, 2);
    assert_int_equal(outcomes[1].result, STORE_FAILED);
    assert_int_equal(outcomes[2].stored, 0);
    assert_int_equal(outcomes[2].duplicate, 2);
    assert_int_equal(outcomes[3].result, STORE_REPLAYED);
    assert_string_equal(outcomes[3].answer, outcomes[0].answer);
    assert_int_equal(number(f, "SELECT count(*) FROM records"), 2);
    assert_int_equal(number(f, "SELECT sum(duplicate) FROM tallies"), 2);
}

/* `done` may free the job and change what is in it; the answer is the store's (see ASan). */
static void free_job(struct store_job *job)
{
    bool *called = job->owner;
    *called = job->answer.n > 0;
    buf_init(&job->answer, 0);
    free(job);
}

static void test_done_may_free_the_job(void **state)
{
    struct fixture *f = *state;
    struct batch *b = calloc(1, sizeof(*b));
    bool called = false;
    batch_init(b, f, 1);
    b->job.done = free_job;
    b->job.owner = &called;
    assert_int_equal(offsetof(struct batch, job), 0);
    assert_int_equal(store_submit(f->store, &b->job), 0);
    while (!called) {
        store_wait(f->store, 1000);
        store_collect(f->store);
    }
}

static void test_duplicates_after_reopening(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    for (unsigned char i = 1; i <= 3; i++) {
        batch_init(&b, f, i);
        add_row(&b, f->site, 0, 10, 1);
        add_row(&b, f->site, 0, 10, 2);
        struct outcome o = fixture_run(f->store, &b.job);
        assert_int_equal(o.duplicate, i == 1 ? 0 : 2);
        store_close(f->store);
        f->store = fixture_open(f->dir, false);
        assert_non_null(f->store);
    }
    /* Singles number on where they stopped. */
    struct store_row row = {.site = f->site, .stream = STORE_NO_STREAM};
    for (int i = 0; i < 2; i++) {
        row.record = *add_row(&b, f->site, 0, 0, 0);
        row.record.user_agent = -1;
        struct store_job job = {.kind = STORE_PAGEVIEW, .rows = &row, .n_rows = 1};
        assert_int_equal(fixture_run(f->store, &job).result, STORE_OK);
        store_close(f->store);
        f->store = fixture_open(f->dir, false);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM records"), 4);
}

/* ---- batches ------------------------------------------------------------------------------ */

static void test_answer_replay_and_reuse(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f, 0xab);
    add_row(&b, f->site, 0, 10, 1);
    const char *answer = "{\"batch\":\"ab000000-0000-0000-0000-000000000000\",\"stored\":1,"
                         "\"duplicate\":0,\"excluded\":0,\"rejected\":[]}";
    struct outcome o = fixture_run(f->store, &b.job);
    assert_int_equal(o.result, STORE_OK);
    assert_string_equal(o.answer, answer);

    o = fixture_run(f->store, &b.job);
    assert_int_equal(o.result, STORE_REPLAYED);
    assert_string_equal(o.answer, answer);
    assert_int_equal(o.stored, 0);

    b.job.body_hash[5] = 1;
    assert_int_equal(fixture_run(f->store, &b.job).result, STORE_REUSED);

    /* Another team's batch id is another key, and its site another site. */
    b.job.team = f->other_team;
    b.rows[0].site = f->foreign;
    o = fixture_run(f->store, &b.job);
    assert_int_equal(o.result, STORE_OK);
    assert_int_equal(o.stored, 1);
    assert_int_equal(number(f, "SELECT count(*) FROM batches"), 2);
    assert_int_equal(number(f, "SELECT sum(stored) FROM tallies"), 2);
}

static void test_replay_tells_what_was_refused(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f, 0xab);
    b.job.tail = STR(",\"excluded\":2,\"rejected\":[{\"line\":3,\"status\":403,\"error\":\"no\"}]");
    struct outcome first = fixture_run(f->store, &b.job);
    struct outcome again = fixture_run(f->store, &b.job);
    assert_int_equal(again.result, STORE_REPLAYED);
    assert_non_null(
        strstr(first.answer, "\"duplicate\":0,\"excluded\":2,\"rejected\":[{\"line\":3"));
    assert_string_equal(again.answer, first.answer);
}

static void test_failing_job_leaves_others_alone(void **state)
{
    struct fixture *f = *state;
    struct batch good[2], bad;
    struct outcome outcomes[3] = {0};
    batch_init(&good[0], f, 1);
    add_row(&good[0], f->site, 0, 10, 1);
    batch_init(&bad, f, 2);
    add_row(&bad, f->site, 0, 20, 1);
    add_row(&bad, f->site, 9, 30, 1); /* a stream that the header does not have */
    batch_init(&good[1], f, 3);
    add_row(&good[1], f->site, 0, 20, 1);
    struct store_job *jobs[] = {&good[0].job, &bad.job, &good[1].job};
    for (int i = 0; i < 3; i++) {
        jobs[i]->done = fixture_done;
        jobs[i]->owner = &outcomes[i];
        assert_int_equal(store_submit(f->store, jobs[i]), 0);
    }
    while (!outcomes[2].called) {
        store_wait(f->store, 1000);
        store_collect(f->store);
    }
    assert_int_equal(outcomes[0].result, STORE_OK);
    assert_int_equal(outcomes[1].result, STORE_FAILED);
    assert_int_equal(outcomes[2].result, STORE_OK);
    assert_int_equal(outcomes[2].stored, 1); /* nothing of the bad one is there */
    assert_int_equal(number(f, "SELECT count(*) FROM records"), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM batches"), 2);
}

static void test_intervals_replace(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    for (unsigned char i = 1; i <= 2; i++) {
        batch_init(&b, f, i);
        b.job.n_streams = 1;
        b.streams[0].lines = 19 + i;
        fixture_run(f->store, &b.job);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM intervals"), 1);
    assert_int_equal(number(f, "SELECT lines FROM intervals"), 21);
    expect_text(f, "SELECT skipped FROM intervals", "{\"asset\":18}");
}

/* ---- fields ------------------------------------------------------------------------------- */

static void test_fields(void **state)
{
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f, 1);
    add_row(&b, f->site, 0, 10, 1)->referrer = STR("https://ref.example/");
    make_ai_fetch(add_row(&b, f->site, 0, 20, 2));
    assert_int_equal(fixture_run(f->store, &b.job).stored, 2);
    expect_text(f, "SELECT path FROM records WHERE kind = 0", "/p?utm_source=a%20b&x=1");
    expect_text(f, "SELECT utm_source FROM records WHERE kind = 0", "a b");
    expect_text(f, "SELECT referrer FROM records WHERE kind = 0", "https://ref.example/");
    expect_text(f, "SELECT text FROM texts, records WHERE kind = 0 AND texts.id = host",
                "example.com");
    expect_text(f, "SELECT text FROM texts, records WHERE kind = 1 AND texts.id = host",
                "WWW.Example.com:443");
    expect_text(f, "SELECT name FROM agents, records WHERE agents.id = agent", "GPTBot");
    expect_text(f, "SELECT text FROM texts, records WHERE texts.id = content_type", "text/plain");
    assert_int_equal(number(f, "SELECT verified FROM records WHERE kind = 1"), 1);
    assert_int_equal(number(f, "SELECT bytes IS NULL FROM records WHERE kind = 1"), 1);
    assert_int_equal(number(f, "SELECT last_at - first_at FROM lanes"), 1);
}

static void test_visitors(void **state)
{
    static const struct {
        const char *name;
        const char *address, *session;
        int64_t ms;
        int ua;
        bool same;
    } cases[] = {
        {"the same", "192.0.2.1", NULL, 1000, 0, true},
        {"another spelling of the address", "::ffff:192.0.2.1", NULL, 0, 0, true},
        {"another address", "192.0.2.2", NULL, 0, 0, false},
        {"another user agent", "192.0.2.1", NULL, 0, 1, false},
        {"the next day", "192.0.2.1", NULL, DAY_MS, 0, false},
        {"by session", "192.0.2.1", "5c62a8e0-0000-4000-8000-000000000000", 0, 0, false},
    };
    struct fixture *f = *state;
    struct batch b;
    batch_init(&b, f, 1);
    b.rows[0].record.time_ms = NOON;
    add_row(&b, f->site, 0, 0, 1)->time_ms = NOON;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct record *r = add_row(&b, f->site, 0, i + 1, 1);
        r->visitor_ip = str_of(cases[i].address);
        r->session_id = str_of(cases[i].session);
        r->time_ms = NOON + cases[i].ms;
        r->user_agent = cases[i].ua;
    }
    assert_int_equal(fixture_run(f->store, &b.job).result, STORE_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char query[200];
        snprintf(query, sizeof(query),
                 "SELECT (SELECT visitor FROM records ORDER BY id LIMIT 1) = "
                 "(SELECT visitor FROM records ORDER BY id LIMIT 1 OFFSET %zu)",
                 i + 1);
        if (number(f, query) != cases[i].same)
            fail_msg("%s", cases[i].name);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM day_keys"), 2);
}

static void test_event(void **state)
{
    struct fixture *f = *state;
    struct store_event event = {.site = f->site,
                                .time_ms = NOON,
                                .name = STR("signup"),
                                .properties = STR("{\"plan\":\"x\"}"),
                                .visitor_ip = STR("192.0.2.1"),
                                .user_agent = STR("u")};
    struct store_job job = {.kind = STORE_EVENT, .event = &event};
    assert_int_equal(fixture_run(f->store, &job).result, STORE_OK);
    expect_text(f, "SELECT name || properties FROM events", "signup{\"plan\":\"x\"}");
}

static void change_file(const struct fixture *f, const char *change)
{
    char path[128];
    sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/logferry.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, change, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ---- durability --------------------------------------------------------------------------- */

#ifdef LOGFERRY_FAULTS
/* Fault points read their environment once a process: the child is this program, run anew. */
static int run_child(struct fixture *f, const char *role, const char *fault)
{
    int status = 0;
    store_close(f->store);
    f->store = NULL;
    pid_t child = fork();
    if (child == 0) {
        setenv("LOGFERRY_FAULT", fault, 1);
        execl("/proc/self/exe", "test_store", role, f->dir, (char *)NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    f->store = fixture_open(f->dir, false);
    assert_non_null(f->store);
    return WEXITSTATUS(status);
}

static void one_row(struct batch *b, const struct fixture *f)
{
    batch_init(b, f, 1);
    add_row(b, f->site, 0, 10, 1);
}

static int child_sends_one(struct fixture *f)
{
    struct batch b;
    one_row(&b, f);
    return fixture_run(f->store, &b.job).result == STORE_OK ? 0 : 2;
}

static int child_meets_full_disk(struct fixture *f)
{
    static const enum store_result expected[] = {STORE_FULL, STORE_FULL, STORE_OK};
    for (int i = 0; i < 3; i++) {
        struct batch b;
        one_row(&b, f);
        struct outcome o = fixture_run(f->store, &b.job);
        if (o.result != expected[i] || o.stored != (i == 2))
            return 2 + i;
    }
    return 0;
}

static struct store_stats stats_of(const struct fixture *f)
{
    struct store_stats stats;
    store_stats(f->store, &stats);
    return stats;
}

/* Nobody sends any more (a balancer saw that we were not ready): the store must find out by itself
 * that it can be written again. */
static int child_waits_for_room(struct fixture *f)
{
    struct batch b;
    one_row(&b, f);
    if (stats_of(f).full || stats_of(f).failing)
        return 2;
    enum store_result result = fixture_run(f->store, &b.job).result;
    struct store_stats stats = stats_of(f);
    if (result != STORE_FULL && result != STORE_FAILED)
        return 3;
    if (stats.full != (result == STORE_FULL) || stats.failing != (result == STORE_FAILED))
        return 4;
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    for (int i = 0; i < 1000; i++) {
        stats = stats_of(f);
        if (!stats.full && !stats.failing)
            return fixture_run(f->store, &b.job).result == STORE_OK ? 0 : 5;
        nanosleep(&nap, NULL);
    }
    return 6;
}

static int child_main(const char *role, const char *dir)
{
    struct fixture f = {.store = fixture_open(dir, false), .team = 1, .site = 1};
    if (!f.store)
        return 1;
    int code = strcmp(role, "send") == 0   ? child_sends_one(&f)
               : strcmp(role, "wait") == 0 ? child_waits_for_room(&f)
                                           : child_meets_full_disk(&f);
    store_close(f.store);
    return code;
}

static void test_crash_points(void **state)
{
    static const struct {
        const char *fault;
        int64_t records;
    } cases[] = {{"crash:store.begin:1", 0},
                 {"crash:store.before_commit:1", 0},
                 {"crash:store.after_commit:1", 1}};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(run_child(f, "send", cases[i].fault), 137);
        assert_int_equal(number(f, "SELECT count(*) FROM records"), cases[i].records);
        assert_int_equal(number(f, "SELECT count(*) FROM batches"), cases[i].records);
    }
    struct batch b;
    one_row(&b, f);
    assert_int_equal(fixture_run(f->store, &b.job).result, STORE_REPLAYED);
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run_child(f, "full", "fail:store.commit:1-2:ENOSPC"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM records"), 1);
}

static void test_full_disk_ends_without_a_job(void **state)
{
    static const char *const faults[] = {"fail:store.commit:1-2:ENOSPC",
                                         "fail:store.commit:1-1:EIO"};
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(run_child(f, "wait", faults[i]), 0);
        assert_int_equal(number(f, "SELECT count(*) FROM records"), 1);
        assert_int_equal(number(f, "SELECT count(*) FROM probe"), 0);
        store_close(f->store);
        f->store = NULL;
        change_file(f, "DELETE FROM records; DELETE FROM batches");
        f->store = fixture_open(f->dir, false);
    }
}
#endif

static void test_busy(void **state)
{
    struct fixture *f = *state;
    struct batch a, b;
    batch_init(&a, f, 1);
    batch_init(&b, f, 2);
    a.job.bytes = STORE_QUEUE_BYTES_DEFAULT;
    b.job.bytes = 1;
    struct outcome oa = {0}, ob = {0};
    a.job.done = b.job.done = fixture_done;
    a.job.owner = &oa;
    b.job.owner = &ob;
    assert_int_equal(store_submit(f->store, &a.job), 0);
    assert_int_equal(store_submit(f->store, &b.job), -1);
    while (!oa.called) {
        store_wait(f->store, 1000);
        store_collect(f->store);
    }
    assert_int_equal(store_submit(f->store, &b.job), 0);
    while (!ob.called) {
        store_wait(f->store, 1000);
        store_collect(f->store);
    }
    struct store_stats stats;
    store_stats(f->store, &stats);
    assert_int_equal(stats.queued_bytes, 0);
    assert_int_equal(stats.queued_jobs, 0);
}

/* ---- opening ------------------------------------------------------------------------------ */

static void expect_no_open(const char *dir, enum store_failure expected, const char *word)
{
    struct store_options options = {.create = false};
    enum store_failure failure = STORE_CANNOT;
    struct buf error;
    buf_init(&error, 1000);
    assert_null(store_open(dir, &options, &error, &failure));
    assert_int_equal(failure, expected);
    if (!strstr(buf_cstr(&error), word))
        fail_msg("%s", buf_cstr(&error));
    buf_release(&error);
}

static void test_opening(void **state)
{
    struct fixture *f = *state;
    expect_no_open(f->dir, STORE_LOCKED, "in use");
    expect_no_open("/tmp/logferry-no-such-store", STORE_MISSING, "init");
    store_close(f->store);
    char back[64];
    snprintf(back, sizeof(back), "PRAGMA user_version = %d",
             (int)number(f, "SELECT user_version FROM pragma_user_version"));
    change_file(f, "PRAGMA user_version = 99");
    expect_no_open(f->dir, STORE_TOO_NEW, "99");
    change_file(f, back);
    f->store = fixture_open(f->dir, false);
    assert_non_null(f->store);
}

static void test_migration_from_nothing(void **state)
{
    char dir[] = "/tmp/logferry-empty-XXXXXX", path[128];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/logferry.db", dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    expect_no_open(dir, STORE_MISSING, "init");
    struct store *store = fixture_open(dir, true);
    assert_non_null(store);
    store_close(store);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock", dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static int fail_after_adding(struct store_session *session, void *arg)
{
    struct new_site site = {.domain = STR("half.example"), .team = *(int64_t *)arg};
    int64_t id;
    assert_int_equal(session_add_site(session, &site, &id), ADMIN_OK);
    return -1;
}

static void test_call_rolls_back_and_rights_follow(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_call(f->store, fail_after_adding, &f->team), -1);
    struct rights *r = store_rights(f->store);
    assert_null(rights_site_by_host(r, STR("half.example")));
    assert_non_null(rights_site_by_host(r, STR("www.Example.COM:8080")));
    rights_release(r);
}

int main(int argc, char **argv)
{
#ifdef LOGFERRY_FAULTS
    if (argc == 3)
        return child_main(argv[1], argv[2]);
#endif
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(test_duplicate_rules),
        T(test_duplicates_inside_one_batch),
        T(test_duplicates_inside_one_group),
        T(test_done_may_free_the_job),
        T(test_duplicates_after_reopening),
        T(test_answer_replay_and_reuse),
        T(test_replay_tells_what_was_refused),
        T(test_failing_job_leaves_others_alone),
        T(test_intervals_replace),
        T(test_fields),
        T(test_visitors),
        T(test_event),
#ifdef LOGFERRY_FAULTS
        T(test_crash_points),
        T(test_full_disk),
        T(test_full_disk_ends_without_a_job),
#endif
        T(test_busy),
        T(test_opening),
        cmocka_unit_test(test_migration_from_nothing),
        T(test_call_rolls_back_and_rights_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
