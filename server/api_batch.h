/*
 * api_batch.h - what the batch endpoint and the verify endpoint share: the same request, decoded
 * and judged alike. On the loop's thread.
 */
#ifndef LOGFERRY_SERVER_API_BATCH_H
#define LOGFERRY_SERVER_API_BATCH_H

#include "server/api_decode.h"

struct api;
struct http_request;

static inline struct batch_task *batch_of(struct work *work)
{
    return (struct batch_task *)((char *)work - offsetof(struct batch_task, work));
}

/* Checks token, size and coding; ready for batch_decode but for owner and work's functions. NULL:
 * answered. What becomes of the request is one of the two below, which free the task. */
struct batch_task *api_batch_task(struct api *a, struct http_request *req);
/* After batch_decode. False: it failed, was dropped, or the body is refused whole: answered. */
bool api_batch_decoded(struct batch_task *t);

void api_batch_refuse(struct batch_task *t, int status, const char *message, const char *headers);
void api_batch_answer(struct batch_task *t, struct str json); /* 200 */

#endif
