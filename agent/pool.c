/* pool.c - see pool.h. */
#include "agent/pool.h"

#include <ev.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct queue {
    struct task *first, **last;
};

struct pool {
    struct ev_loop *loop;
    ev_async wake;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct queue urgent, normal, finished;
    bool stopping;
    size_t pending; /* loop thread only */
    unsigned n;
    struct worker {
        struct pool *pool;
        unsigned index;
        pthread_t thread;
    } workers[POOL_MAX_WORKERS];
};

static void queue_init(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void queue_put(struct queue *q, struct task *t)
{
    t->next = NULL;
    *q->last = t;
    q->last = &t->next;
}

static struct task *queue_take(struct queue *q)
{
    struct task *t = q->first;
    if (!t)
        return NULL;
    q->first = t->next;
    if (!q->first)
        q->last = &q->first;
    return t;
}

static struct task *next_task(struct pool *p)
{
    struct task *t = NULL;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping && !(t = queue_take(&p->urgent)) && !(t = queue_take(&p->normal)))
        pthread_cond_wait(&p->work, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return t;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    struct pool *p = w->pool;
    struct task *t;
    while ((t = next_task(p))) {
        t->run(t, w->index);
        pthread_mutex_lock(&p->lock);
        queue_put(&p->finished, t);
        pthread_mutex_unlock(&p->lock);
        ev_async_send(p->loop, &p->wake);
    }
    return NULL;
}

static void on_finished(struct ev_loop *loop, ev_async *watcher, int events)
{
    struct pool *p = watcher->data;
    struct queue finished;
    struct task *t;
    pthread_mutex_lock(&p->lock);
    finished = p->finished;
    queue_init(&p->finished);
    pthread_mutex_unlock(&p->lock);
    while ((t = queue_take(&finished))) {
        p->pending--;
        t->done(t);
    }
}

static int start_threads(struct pool *p, unsigned n)
{
    sigset_t all, before;
    int rc = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; p->n < n && !rc; p->n += !rc) {
        struct worker *w = &p->workers[p->n];
        w->pool = p;
        w->index = p->n;
        rc = pthread_create(&w->thread, NULL, work, w);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct pool *pool_new(struct ev_loop *loop, unsigned n)
{
    struct pool *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->loop = loop;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    queue_init(&p->urgent);
    queue_init(&p->normal);
    queue_init(&p->finished);
    ev_async_init(&p->wake, on_finished);
    p->wake.data = p;
    ev_async_start(loop, &p->wake);
    ev_unref(loop); /* the pool alone keeps no loop running */
    if (start_threads(p, n < POOL_MAX_WORKERS ? n : POOL_MAX_WORKERS)) {
        pool_free(p);
        return NULL;
    }
    return p;
}

unsigned pool_size(const struct pool *p)
{
    return p->n;
}

size_t pool_pending(const struct pool *p)
{
    return p->pending;
}

void pool_submit(struct pool *p, struct task *task, bool urgent)
{
    p->pending++;
    pthread_mutex_lock(&p->lock);
    queue_put(urgent ? &p->urgent : &p->normal, task);
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n; i++)
        pthread_join(p->workers[i].thread, NULL);
    ev_ref(p->loop);
    ev_async_stop(p->loop, &p->wake);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
