/*
 * store_fixture.h - a store in a fresh directory, with two teams and three sites, and jobs that
 * wait.
 */
#ifndef LOGFERRY_TESTS_STORE_FIXTURE_H
#define LOGFERRY_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/store.h"
#include "server/store_admin.h"
#include "server/store_read.h"

struct fixture {
    char dir[64];
    struct store *store;
    int64_t team, other_team;
    int64_t site, second, foreign; /* foreign belongs to other_team */
};

/* What came of a job; `done` copies it here. */
struct outcome {
    enum store_result result;
    uint64_t stored, duplicate;
    char answer[512];
    bool called;
};

static inline void fixture_done(struct store_job *job)
{
    struct outcome *o = job->owner;
    o->result = job->result;
    o->stored = job->stored;
    o->duplicate = job->duplicate;
    snprintf(o->answer, sizeof(o->answer), "%.*s", STR_ARGS(buf_str(&job->answer)));
    o->called = true;
}

static inline struct outcome fixture_run(struct store *store, struct store_job *job)
{
    struct outcome outcome = {0};
    job->done = fixture_done;
    job->owner = &outcome;
    assert_int_equal(store_submit(store, job), 0);
    while (!outcome.called) {
        assert_true(store_wait(store, 10000));
        store_collect(store);
    }
    return outcome;
}

static inline struct store *fixture_open(const char *dir, bool create)
{
    struct store_options options = {.create = create};
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 1000);
    struct store *store = store_open(dir, &options, &error, &failure);
    if (!store)
        print_message("%s\n", buf_cstr(&error));
    buf_release(&error);
    return store;
}

static inline struct store_reader *fixture_reader(const struct fixture *f)
{
    enum store_failure failure;
    struct buf error;
    buf_init(&error, 1000);
    struct store_reader *reader = store_reader_open(f->dir, &error, &failure);
    if (!reader)
        print_message("%s\n", buf_cstr(&error));
    buf_release(&error);
    assert_non_null(reader);
    return reader;
}

static inline struct new_client new_client_of(struct str name, int64_t team,
                                              const unsigned char hash[TOKEN_HASH_BYTES])
{
    return (struct new_client){
        .fields = {.name = name, .expires_ms = INT64_MAX}, .team = team, .token_hash = hash};
}

static inline int fixture_fill(struct store_session *session, void *arg)
{
    struct fixture *f = arg;
    struct new_site sites[] = {{.domain = STR("example.com")},
                               {.domain = STR("example.org")},
                               {.domain = STR("foreign.net")}};
    int64_t *ids[] = {&f->site, &f->second, &f->foreign};
    if (session_add_team(session, STR("main"), &f->team) != ADMIN_OK ||
        session_add_team(session, STR("others"), &f->other_team) != ADMIN_OK)
        return -1;
    for (int i = 0; i < 3; i++) {
        sites[i].team = i == 2 ? f->other_team : f->team;
        if (session_add_site(session, &sites[i], ids[i]) != ADMIN_OK)
            return -1;
    }
    return 0;
}

static inline int fixture_call(struct store *store, int (*call)(struct store_session *, void *),
                               void *arg)
{
    struct store_job job = {.kind = STORE_CALL, .call = call, .call_arg = arg};
    return fixture_run(store, &job).result == STORE_OK ? 0 : -1;
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/logferry-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->store = fixture_open(f->dir, true);
    assert_non_null(f->store);
    assert_int_equal(fixture_call(f->store, fixture_fill, f), 0);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    static const char *const files[] = {"logferry.db", "logferry.db-wal", "logferry.db-shm", "lock",
                                        "control.sock"};
    struct fixture *f = *state;
    char path[128];
    store_close(f->store);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->dir, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

#endif
