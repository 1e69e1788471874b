/*
 * verify_books.h - the books of a verification: one entry for each stream of each file, filled line
 * by line as the file is read and record by record as the server answers; see cmd_verify.c.
 *
 * An entry is complete when its stream was read to its end and every record of it is answered.
 * Complete entries are handed out in the order of the files, and then forgotten but for the totals.
 */
#ifndef LOGFERRY_AGENT_VERIFY_BOOKS_H
#define LOGFERRY_AGENT_VERIFY_BOOKS_H

#include "agent/stream.h"
#include "agent/verify_ask.h"
#include "agent/verify_table.h"

#define VERIFY_MAX_REASONS 8u
#define VERIFY_MAX_HOLED 16u

/* Why records were rejected, and how many. */
struct verify_reasons {
    struct verify_reason {
        uint16_t status;
        char error[96];
        uint64_t n;
    } v[VERIFY_MAX_REASONS];
    size_t n;
    uint64_t others; /* of further reasons */
};

struct verify_stream {
    struct verify_stream *next;
    const char *path;
    struct hash128 id;
    uint64_t base; /* where it begins in its file */
    struct verify_table table;
    struct verify_reasons reasons;
    struct verify_counts sum; /* when it is complete */
    uint64_t open;            /* records without an answer */
    bool ended;
    uint64_t fingerprint; /* of all its lines */
    /* Another path, where this stream was before: with the very same lines (its counts are in no
     * total), or with others behind the first. NULL: nowhere. */
    const char *same_as, *begins_as;
};

struct verify_total {
    struct verify_counts counts;
    struct verify_reasons reasons;
    uint64_t streams;
    uint64_t repeated,
        repeated_lines; /* streams that were the same as one before, and their lines */
    /* Files with missing records, up to VERIFY_MAX_HOLED of them, and how many in all. */
    const char *holed[VERIFY_MAX_HOLED];
    uint64_t n_holed;
    /* The hours that miss records lie in here, unless some of them are not known by their time. */
    int64_t hole_from_ms, hole_to_ms;
    bool hole_anywhere;
};

struct verify_books;

typedef void (*verify_stream_fn)(void *context, const struct verify_stream *s);

struct verify_books *verify_books_new(verify_stream_fn on_stream, void *context); /* or NULL */
void verify_books_free(struct verify_books *b);                                   /* accepts NULL */
/* For a fill: what it tells comes here. s->path must live as long as the books. */
const struct fill_witness *verify_books_witness(const struct verify_books *b);
/* This file has been read to its end, or as far as it can be. */
void verify_books_end_file(struct verify_books *b, const char *path, bool has_lines);
/* Who the first n records are that were told and not yet taken; malloc'd. NULL: there are fewer, or
 * no memory. */
struct verify_record *verify_books_take(struct verify_books *b, size_t n);
/* For verify_ask_options; the context is the books. */
void verify_books_answer(void *books, const struct verify_record *records, size_t n,
                         const struct verify_answer *answer);
/* Of what was handed out. */
const struct verify_total *verify_books_total(const struct verify_books *b);
void verify_reasons_add(struct verify_reasons *r, uint16_t status, struct str error, uint64_t n);

#endif
