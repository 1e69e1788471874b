/*
 * verify_answer.h - what POST /api/ingest/server/verify answers: the body of its 200. Pure; the
 * answer is not trusted.
 */
#ifndef LOGFERRY_AGENT_VERIFY_ANSWER_H
#define LOGFERRY_AGENT_VERIFY_ANSWER_H

#include "parsers/base/bytes.h"

/* Lines of the body, first and last included; 2 is the first record. */
struct verify_range {
    uint32_t first, last;
};

struct verify_rejected {
    uint32_t line;
    uint16_t status;
    struct str error; /* borrows from the body or from the answer's text */
};

/* Lists are in ascending order, lie in the body and share no line. */
struct verify_answer {
    uint64_t present, missing, excluded;
    struct verify_range *missing_lines;
    size_t n_missing;
    struct verify_range *excluded_lines; /* told or not: see tells_excluded */
    size_t n_excluded;
    bool tells_excluded;
    struct verify_rejected *rejected;
    size_t n_rejected;
    struct buf text;
};

/*
 * Reads the answer to a batch of `n_records`. False unless it is one: strict JSON that echoes the
 * batch's id; each known key once; present, missing, missing_lines told; ranges and lines in
 * order, within the body, and apart; counts that add up to n_records and to their lists. Unknown
 * keys are skipped. Release *out in both cases.
 */
bool verify_answer_read(struct str body, const char *batch_id, uint32_t n_records,
                        struct verify_answer *out);
void verify_answer_release(struct verify_answer *a);

enum verify_fate { VERIFY_STORED, VERIFY_MISSING, VERIFY_EXCLUDED, VERIFY_REJECTED };

/* Walks over the lines of an answer in their order. */
struct verify_walk {
    const struct verify_answer *answer;
    size_t missing, excluded, rejected; /* the next of each list */
    uint64_t untold;                    /* excluded so far without having been told which */
};
/* What became of `line`, the next one. Where the answer does not tell which are excluded, the first
 * that may be are taken for it: right in number (verify_answer_is_vague). *why is set with
 * VERIFY_REJECTED. */
enum verify_fate verify_walk_to(struct verify_walk *w, uint32_t line,
                                const struct verify_rejected **why);
/* Some of the records that are left are excluded and some are not, and it is not said which. */
bool verify_answer_is_vague(const struct verify_answer *a);

#endif
