/* Workers and their results: each task once, in order, urgent ones first, done on the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent/pool.h"
#include "tests/unit/agent/scratch.h"

#define TASKS 500

struct job {
    struct task task;
    struct bench *bench;
    unsigned number, runs, dones, worker;
    pthread_t ran_on, done_on;
};

struct bench {
    struct ev_loop *loop;
    struct pool *pool;
    pthread_mutex_t gate; /* held: no task runs on */
    atomic_uint order;
    unsigned ran[TASKS + 2]; /* numbers, in the order in which they ran */
    unsigned done;
    struct job jobs[TASKS];
};

static void run(struct task *task, unsigned worker)
{
    struct job *j = (struct job *)task;
    pthread_mutex_lock(&j->bench->gate);
    pthread_mutex_unlock(&j->bench->gate);
    j->bench->ran[atomic_fetch_add(&j->bench->order, 1)] = j->number;
    j->runs++;
    j->worker = worker;
    j->ran_on = pthread_self();
}

static void done(struct task *task)
{
    struct job *j = (struct job *)task;
    assert_int_equal(j->runs, j->dones + 1);
    j->dones++;
    j->done_on = pthread_self();
    j->bench->done++;
}

static void bench_make(struct bench *b, unsigned workers)
{
    *b = (struct bench){.loop = ev_loop_new(EVFLAG_AUTO)};
    pthread_mutex_init(&b->gate, NULL);
    b->pool = pool_new(b->loop, workers);
    assert_non_null(b->pool);
    assert_int_equal(pool_size(b->pool), workers);
    for (unsigned i = 0; i < TASKS; i++)
        b->jobs[i] = (struct job){.task = {.run = run, .done = done}, .bench = b, .number = i};
}

static void bench_remove(struct bench *b)
{
    pool_free(b->pool);
    ev_loop_destroy(b->loop);
    pthread_mutex_destroy(&b->gate);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
}

/* The pool alone keeps no loop running; something else must. */
static void run_until_done(struct bench *b, unsigned n)
{
    ev_timer tick;
    ev_timer_init(&tick, on_tick, 0.005, 0.005);
    ev_timer_start(b->loop, &tick);
    for (int i = 0; b->done < n; i++) {
        assert_true(i < 100000);
        ev_run(b->loop, EVRUN_ONCE);
    }
    ev_timer_stop(b->loop, &tick);
}

static void test_each_once(void **state)
{
    static const unsigned sizes[] = {1, 2, POOL_MAX_WORKERS};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bench b;
        bench_make(&b, sizes[i]);
        for (int round = 0; round < 2; round++) {
            for (unsigned k = 0; k < TASKS; k++)
                pool_submit(b.pool, &b.jobs[k].task, k % 7 == 0);
            assert_int_equal(pool_pending(b.pool), TASKS);
            run_until_done(&b, TASKS * (unsigned)(round + 1));
            assert_int_equal(pool_pending(b.pool), 0);
            atomic_store(&b.order, 0);
        }
        for (unsigned k = 0; k < TASKS; k++) {
            assert_int_equal(b.jobs[k].runs, 2);
            assert_int_equal(b.jobs[k].dones, 2);
            assert_true(b.jobs[k].worker < sizes[i]);
            assert_true(pthread_equal(b.jobs[k].done_on, pthread_self()));
            assert_false(pthread_equal(b.jobs[k].ran_on, pthread_self()));
        }
        bench_remove(&b);
    }
}

static void test_order(void **state)
{
    struct bench b;
    bench_make(&b, 1);
    pthread_mutex_lock(&b.gate); /* the first one occupies the worker */
    for (unsigned k = 0; k < 10; k++)
        pool_submit(b.pool, &b.jobs[k].task, false);
    for (unsigned k = 10; k < 20; k++)
        pool_submit(b.pool, &b.jobs[k].task, true);
    pthread_mutex_unlock(&b.gate);
    run_until_done(&b, 20);
    unsigned normal = 0, urgent = 10;
    for (unsigned i = 0; i < 20; i++) {
        if (b.ran[i] >= 10)
            assert_int_equal(b.ran[i], urgent++);
        else
            assert_int_equal(b.ran[i], normal++);
        assert_true(normal <= 1 || urgent == 20); /* only the first could run before */
    }
    bench_remove(&b);
}

/* What runs is finished, what waits is dropped; nobody is called any more. */
static void test_freeing(void **state)
{
    struct bench b;
    bench_make(&b, 2);
    for (unsigned k = 0; k < TASKS; k++)
        pool_submit(b.pool, &b.jobs[k].task, false);
    pool_free(b.pool);
    b.pool = NULL;
    ev_run(b.loop, EVRUN_NOWAIT);
    assert_int_equal(b.done, 0);
    for (unsigned k = 0; k < TASKS; k++)
        assert_true(b.jobs[k].runs <= 1);
    bench_remove(&b);
    pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_freeing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
