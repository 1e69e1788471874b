/* A timer is due at the earliest moment that was asked for, whatever happens in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "agent/timers.h"
#include "tests/unit/agent/scratch.h"

struct bench {
    struct ev_loop *loop;
    ev_timer timer;
    ev_async other;
    unsigned fired;
};

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct bench *b = timer->data;
    b->fired++;
}

/* Of the same turn of the loop, and before the timer, as the results of workers are. */
static void on_other(struct ev_loop *loop, ev_async *other, int events)
{
    struct bench *b = other->data;
    assert_true(ev_is_pending(&b->timer));
    timer_pull(loop, &b->timer, 300);
}

static void bench_make(struct bench *b)
{
    *b = (struct bench){.loop = ev_loop_new(EVFLAG_AUTO)};
    ev_timer_init(&b->timer, on_timer, 0.0, 0.0);
    ev_async_init(&b->other, on_other);
    b->timer.data = b->other.data = b;
    ev_async_start(b->loop, &b->other);
}

static void bench_release(struct bench *b)
{
    ev_timer_stop(b->loop, &b->timer);
    ev_async_stop(b->loop, &b->other);
    ev_loop_destroy(b->loop);
}

static void test_the_earliest_counts(void **state)
{
    static const struct {
        const char *what;
        double after[3]; /* 0 from one on: the end */
        double due;
    } table[] = {
        {"alone", {5}, 5},        {"later", {5, 300}, 5},
        {"earlier", {300, 5}, 5}, {"there and back", {300, 5, 30}, 5},
        {"the same", {5, 5}, 5},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct bench b;
        bench_make(&b);
        for (size_t k = 0; k < 3 && table[i].after[k] > 0; k++)
            timer_pull(b.loop, &b.timer, table[i].after[k]);
        assert_true(ev_is_active(&b.timer));
        double due = ev_timer_remaining(b.loop, &b.timer);
        if (due < table[i].due - 0.001 || due > table[i].due + 0.001)
            fail_msg("%s: due in %f s", table[i].what, due);
        bench_release(&b);
    }
}

static void test_what_was_is_now(void **state)
{
    struct bench b;
    bench_make(&b);
    timer_pull(b.loop, &b.timer, -3);
    ev_run(b.loop, EVRUN_ONCE);
    assert_int_equal(b.fired, 1);
    timer_pull(b.loop, &b.timer, 0); /* again, after it has fired */
    ev_run(b.loop, EVRUN_ONCE);
    assert_int_equal(b.fired, 2);
    bench_release(&b);
}

static void test_one_that_is_about_to_fire(void **state)
{
    struct bench b;
    bench_make(&b);
    timer_pull(b.loop, &b.timer, 0.001);
    usleep(5000);
    ev_async_send(b.loop, &b.other);
    ev_run(b.loop, EVRUN_ONCE);
    assert_int_equal(b.fired, 1);
    assert_false(ev_is_active(&b.timer));
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_earliest_counts),
        cmocka_unit_test(test_what_was_is_now),
        cmocka_unit_test(test_one_that_is_about_to_fire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
