/*
 * api_decode.h - from the bytes of a batch to a store job: plain text, header, records, each
 * judged. Runs on the worker's thread and touches nothing but its task.
 */
#ifndef LOGFERRY_SERVER_API_DECODE_H
#define LOGFERRY_SERVER_API_DECODE_H

#include "server/api_check.h"
#include "server/api_worker.h"
#include "server/inflate.h"
#include "server/store.h"
#include "server/text_pool.h"

/* One batch. Zero it, fill in what is asked, and release it when nobody needs the job any more. */
struct batch_task {
    struct work work;
    struct http_request *req;  /* for who answers; not touched here */
    void *owner;               /* the same */
    struct realtime *realtime; /* the same */
    /* asked */
    struct str body; /* as sent; batch_decode reads it, and nothing refers to it afterwards */
    enum coding coding;
    struct api_judge judge; /* its rights and lists are the task's references, until
                               batch_release */
    const struct catalogue *catalogue;
    /* found: */
    int status; /* 0: `job` can be submitted; else the whole batch is refused with this and
                   `message` */
    char message[192];
    struct store_job job; /* but for done and owner */
    uint32_t *lines;      /* for each of job.rows: its line of the body; the header is line 1 */
    size_t tail_rejected; /* where in job.tail `,"rejected":[` begins */
    /* The job's memory. Of the records the texts alone: the plain body is never there as a whole.
     */
    struct text_pool texts;
    struct buf unescaped; /* of the header */
    struct buf tail;      /* job.tail */
    struct batch_header header;
    struct store_row *rows;
    struct store_left *left;
    signed char *agents; /* for each listed user agent: is it an AI's? 0: not asked yet, 1, -1 */
};

void batch_decode(struct batch_task *t);
void batch_release(struct batch_task *t); /* accepts a half-filled one */

#endif
