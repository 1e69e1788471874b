/*
 * answer.h - the one table that says what an answer means: protocol, endpoint, status and body to
 * action. Pure. docs/architecture.md, promise 4, is this table in words;
 * tests/unit/agent/test_answer.c has a row for each.
 */
#ifndef LOGFERRY_AGENT_ANSWER_H
#define LOGFERRY_AGENT_ANSWER_H

#include "agent/http_client.h"
#include "config/agent_config.h"

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
    uint64_t refused, held; /* record by record only (uplink.h) */
    char first_error[160];  /* of the first rejected record; for messages */
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

/* For GET /api/ingest/server/capabilities: PROTOCOL_AUTO while it cannot be told. HITKEEP means
 * that it is no logferry-server: an answer of GET /api/sites must still say that it is a HitKeep.
 */
enum protocol answer_capabilities(const struct http_answer *a, const char **why);

/* For HitKeep's endpoints, one record a request. *why: a static sentence, or the server's own words
 * in a->body. */
enum single_action {
    SINGLE_ACCEPTED,
    SINGLE_REFUSED, /* not for this server, which is expected: counted, never tried again */
    SINGLE_DEAD,    /* refused for itself */
    SINGLE_PARK,    /* its site is closed to the token */
    SINGLE_SLOW,    /* 429: the same again, slower */
    SINGLE_RETRY,
    SINGLE_PAUSE,
};
enum single_action answer_single(const struct http_answer *a, const char **why);

/* What becomes of one rejected record. */
enum record_action {
    RECORD_PARK, /* 403, 404: the site is not open to this token now */
    RECORD_DEAD, /* anything else: kept with its reason */
};
enum record_action answer_record(unsigned status);

#endif
