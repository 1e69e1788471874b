/*
 * verify_ask.h - questions to one server: which sites, and which records of a batch it holds. It
 * asks again while the server is busy, halves what is too large, and gives up after a while. One
 * loop; nothing is kept on disk.
 */
#ifndef LOGFERRY_AGENT_VERIFY_ASK_H
#define LOGFERRY_AGENT_VERIFY_ASK_H

#include "agent/batch.h"
#include "agent/sites.h"
#include "agent/verify_answer.h"

/* What the asker knows of a record; it hands it back with the answer. */
struct verify_record {
    void *owner;
    int64_t time_ms;
};

struct verify_ask_options {
    struct ev_loop *loop;
    const struct destination_config *destination;
    void *context;
    /* records[i] is line i + 2 of what was answered. Each record comes once, in any order of
     * batches; an answer is never vague about records of different owners or hours. */
    void (*on_answer)(void *context, const struct verify_record *records, size_t n,
                      const struct verify_answer *answer);
};

struct verify_ask;

/* NULL with a sentence and an exit code: no token, no memory. */
struct verify_ask *verify_ask_new(const struct verify_ask_options *o, struct buf *why, int *code);
void verify_ask_free(struct verify_ask *a); /* drops what is not answered; accepts NULL */
/* GET /api/sites: proves url and token. What it lists is added to `sites`, unless that is NULL;
 * then having none is a failure. Waits for the answer. */
void verify_ask_sites(struct verify_ask *a, struct sites *sites);
/* Takes over batch and records (malloc'd, one for each record of the batch). */
void verify_ask_batch(struct verify_ask *a, struct batch *b, struct verify_record *records);
/* Lets answers come until there is room for another batch, or until all is answered. False: it
 * failed. */
bool verify_ask_wait_room(struct verify_ask *a);
bool verify_ask_wait_all(struct verify_ask *a);
/* 0, or the exit code of the failure, with a sentence. No answer comes after it. */
int verify_ask_failure(const struct verify_ask *a, const char **why);

#endif
