/*
 * answer.h - the one table that says what an answer means: protocol, endpoint, status and body to
 * action. Pure. docs/architecture.md, promise 4, is this table in words;
 * tests/unit/agent/test_answer.c has a row for each.
 */
#ifndef LOGFERRY_AGENT_ANSWER_H
#define LOGFERRY_AGENT_ANSWER_H

#include "agent/http_client.h"

enum answer_action {
    ANSWER_ACCEPTED, /* durable there; *outcome has the counts */
    ANSWER_RETRY,    /* the same again, later: the server or the way to it is unwell */
    ANSWER_PAUSE,    /* nothing gets through until token or configuration change */
    ANSWER_SPLIT,    /* too large, or refused as a whole: in halves, down to the record */
};

#define OUTCOME_MAX_REJECTED 10000u

struct rejected_record {
    uint32_t line; /* of the body: 2 is the first record */
    uint16_t status;
};

struct batch_outcome {
    uint64_t stored, duplicate, excluded;
    struct rejected_record *rejected; /* in ascending order of line; the caller releases it */
    size_t n_rejected;
    char first_error[160]; /* of the first rejected record; for messages */
};

void batch_outcome_release(struct batch_outcome *o);

/* The table's word on any other status than 200 (*why as below). */
enum answer_action answer_status(long status, const char **why);
/* For POST /api/ingest/server/batch. *why: a static sentence for the log. *outcome is filled on
 * ANSWER_ACCEPTED only. */
enum answer_action answer_batch(const struct http_answer *a, const char *batch_id,
                                struct batch_outcome *outcome, const char **why);
/* For GET /api/sites: ANSWER_ACCEPTED means a 200 whose body is still to be read. */
enum answer_action answer_sites(const struct http_answer *a, const char **why);

/* What becomes of one rejected record. */
enum record_action {
    RECORD_PARK, /* 403, 404: the site is not open to this token now */
    RECORD_DEAD, /* anything else: kept with its reason */
};
enum record_action answer_record(unsigned status);

#endif
