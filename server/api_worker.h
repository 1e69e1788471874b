/*
 * api_worker.h - one thread for work that would keep the loop too long: decoding batches.
 */
#ifndef LOGFERRY_SERVER_API_WORKER_H
#define LOGFERRY_SERVER_API_WORKER_H

#include <stdbool.h>

struct ev_loop;

/* Part of the caller's struct; the caller's again when `done` is called. */
struct work {
    void (*run)(struct work *w);  /* on the thread */
    void (*done)(struct work *w); /* on the loop's thread, exactly once; may free it */
    bool dropped;                 /* the worker was ended: `run` may not have been called */
    struct work *next;            /* the worker's */
};

struct api_worker;

struct api_worker *api_worker_new(struct ev_loop *loop); /* NULL: no memory or no thread */
/* Ends the thread after the work it is at, and calls every `done` that is due. Accepts NULL. */
void api_worker_free(struct api_worker *w);
/* Never calls `done` from inside. In order of submission. */
void api_worker_put(struct api_worker *w, struct work *work);

#endif
