/* api_worker.c - a queue there, a queue back, and an ev_async that says that something came back.
 */
#include "server/api_worker.h"

#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct work_list {
    struct work *first, **end;
};

struct api_worker {
    struct ev_loop *loop;
    struct ev_async finished_watcher;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t some;
    struct work_list waiting, finished;
    bool closing;
};

static void list_init(struct work_list *l)
{
    l->first = NULL;
    l->end = &l->first;
}

static void list_append(struct work_list *l, struct work *work)
{
    work->next = NULL;
    *l->end = work;
    l->end = &work->next;
}

static struct work *list_shift(struct work_list *l)
{
    struct work *work = l->first;
    l->first = work->next;
    if (!l->first)
        list_init(l);
    return work;
}

static void *worker_main(void *arg)
{
    struct api_worker *w = arg;
    pthread_mutex_lock(&w->mutex);
    while (!w->closing) {
        if (!w->waiting.first) {
            pthread_cond_wait(&w->some, &w->mutex);
            continue;
        }
        struct work *work = list_shift(&w->waiting);
        pthread_mutex_unlock(&w->mutex);
        work->run(work);
        pthread_mutex_lock(&w->mutex);
        list_append(&w->finished, work);
        ev_async_send(w->loop, &w->finished_watcher);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

static void give_back(struct work_list *list)
{
    while (list->first) {
        struct work *work = list_shift(list);
        work->done(work);
    }
}

static void on_finished(struct ev_loop *loop, struct ev_async *async, int events)
{
    struct api_worker *w = async->data;
    struct work_list finished;
    list_init(&finished);
    pthread_mutex_lock(&w->mutex);
    while (w->finished.first)
        list_append(&finished, list_shift(&w->finished));
    pthread_mutex_unlock(&w->mutex);
    give_back(&finished);
}

/* Signals are the loop's: none may be taken by this thread. */
static int start_thread(struct api_worker *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? -1 : 0;
}

struct api_worker *api_worker_new(struct ev_loop *loop)
{
    struct api_worker *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->loop = loop;
    list_init(&w->waiting);
    list_init(&w->finished);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->some, NULL);
    ev_async_init(&w->finished_watcher, on_finished);
    w->finished_watcher.data = w;
    if (start_thread(w) < 0) {
        pthread_cond_destroy(&w->some);
        pthread_mutex_destroy(&w->mutex);
        free(w);
        return NULL;
    }
    ev_async_start(loop, &w->finished_watcher);
    return w;
}

void api_worker_put(struct api_worker *w, struct work *work)
{
    work->dropped = false;
    pthread_mutex_lock(&w->mutex);
    list_append(&w->waiting, work);
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->mutex);
}

void api_worker_free(struct api_worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    w->closing = true;
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    ev_async_stop(w->loop, &w->finished_watcher);
    /* What is decoded and has not come back yet is dropped too: its store job was never submitted.
     */
    for (struct work *work = w->finished.first; work; work = work->next)
        work->dropped = true;
    for (struct work *work = w->waiting.first; work; work = work->next)
        work->dropped = true;
    give_back(&w->finished);
    give_back(&w->waiting);
    pthread_cond_destroy(&w->some);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}
