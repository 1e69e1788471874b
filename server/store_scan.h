/*
 * store_scan.h - the records of a site and a time, as columns (columns.h): for whatever counts all
 * of them. What the writer has not packed yet is packed on the fly, so a scan gives the same either
 * way. Engine-neutral; one thread a reader.
 */
#ifndef LOGFERRY_SERVER_STORE_SCAN_H
#define LOGFERRY_SERVER_STORE_SCAN_H

#include <stdatomic.h>

#include "server/columns.h"
#include "server/store_read.h"

/* From here on every call of this reader ends early (-1) when *cancel becomes true (NULL: never) or
 * the monotonic clock reaches deadline_ms (0: never). */
void store_reader_limit(struct store_reader *r, const atomic_bool *cancel, int64_t deadline_ms);
bool store_reader_stopped(const struct store_reader *r); /* it has ended a call so */

/* What is called in between sees one moment. A failure of begin shows at the next call. */
void store_reader_begin(struct store_reader *r);
void store_reader_end(struct store_reader *r);

struct scan_filter {
    int64_t site; /* 0: every site */
    enum columns_kind kind;
    int64_t from_ms, to_ms; /* [from, to) */
};

/* on_part for columns that may hold records of this time, and others: their times have to be looked
 * at. In the order of their rows' ids. The columns live as long as the callback runs. 0, or -1 when
 * reading failed. */
int store_reader_scan(struct store_reader *r, const struct scan_filter *filter,
                      void (*on_part)(void *arg, const struct columns *part), void *arg);

/* ---- from keys back to texts: lent until the next call of this reader ----------------------
 * (but texts of one row together). Between store_reader_begin and _end. */

enum sample_text {
    SAMPLE_PATH,
    SAMPLE_REFERRER,
    SAMPLE_UTM_SOURCE,
    SAMPLE_UTM_MEDIUM,
    SAMPLE_UTM_CAMPAIGN,
    SAMPLE_UTM_TERM,
    SAMPLE_UTM_CONTENT,
    SAMPLE_LANGUAGE,
    SAMPLE_COUNTRY,
    SAMPLE_TEXTS
};
/* A text of a record by its row id; STR_NONE when it has none, or is gone. */
struct str store_reader_sample(struct store_reader *r, int64_t row, enum sample_text which);
/* A host or a user agent by its number. */
struct str store_reader_text(struct store_reader *r, int64_t id);
/* The numbers of that text, on_id for each: it may have several. */
int store_reader_text_ids(struct store_reader *r, struct str text,
                          void (*on_id)(void *arg, int64_t id), void *arg);

#endif
