/*
 * pool.h - worker threads for what reads, computes or waits for a disk; their results come back on
 * the loop.
 *
 * A task is embedded in the caller's struct. `run` is called on one worker, then `done` on the loop
 * thread, exactly once each and in this order; `done` may free the task or submit it again. Between
 * submit and done the caller leaves the struct alone. Tasks start in the order of submission,
 * urgent ones first.
 */
#ifndef LOGFERRY_AGENT_POOL_H
#define LOGFERRY_AGENT_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct ev_loop;
struct pool;

struct task {
    void (*run)(struct task *task, unsigned worker); /* worker: 0 .. n-1 */
    void (*done)(struct task *task);
    struct task *next; /* the pool's */
};

#define POOL_MAX_WORKERS 16u

/* Starts n threads (1..POOL_MAX_WORKERS), which block all signals. NULL: they cannot be started. */
struct pool *pool_new(struct ev_loop *loop, unsigned n);
unsigned pool_size(const struct pool *p);
void pool_submit(struct pool *p, struct task *task, bool urgent);
/* Tasks submitted whose `done` has not been called yet. */
size_t pool_pending(const struct pool *p);
/* Joins the threads: what runs is finished, what waits is dropped without a call. Accepts NULL. */
void pool_free(struct pool *p);

#endif
