/*
 * verify_table.h - the books of one stream by hour of the lines' own time, UTC; see cmd_verify.c.
 *
 * The rows of all tables that live at one time share a cap. A table that meets it is folded into
 * days; when that is not enough, what finds no row is counted in `rest`. No line is ever left out.
 */
#ifndef LOGFERRY_AGENT_VERIFY_TABLE_H
#define LOGFERRY_AGENT_VERIFY_TABLE_H

#include "parsers/verdict.h"

#define VERIFY_MAX_ROWS 100000u
#define VERIFY_HOUR_MS 3600000
#define VERIFY_DAY_MS 86400000

/* lines = records + skipped; records = stored + missing + excluded + rejected, once all is
 * answered.
 */
struct verify_counts {
    uint64_t lines, records, stored, missing, excluded, rejected;
    uint64_t skipped[REASON_COUNT];
};

struct verify_row {
    int64_t from_ms;
    struct verify_counts counts;
};

struct verify_table {
    struct verify_row *rows;
    size_t n, cap;
    uint32_t *slots; /* by hash of from_ms: index into rows, plus one; 0: free */
    size_t n_slots;  /* a power of two */
    size_t last;     /* the row that was asked for last */
    size_t *used;    /* rows of all tables */
    bool full;       /* no row is added any more: what a time was counted in stays its place */
    int64_t step_ms; /* VERIFY_HOUR_MS, or VERIFY_DAY_MS once folded */
    struct verify_counts unknown; /* lines without a time */
    struct verify_counts rest;    /* of any time, that found no row */
};

void verify_counts_add(struct verify_counts *to, const struct verify_counts *more);
uint64_t verify_skipped(const struct verify_counts *c);
bool verify_counts_balance(const struct verify_counts *c);

void verify_table_init(struct verify_table *t, size_t *used);
void verify_table_release(struct verify_table *t); /* gives its rows back to *used */
/* The counts for lines of this time (HIT_NO_NUMBER: none); valid until the next call. */
struct verify_counts *verify_table_at(struct verify_table *t, int64_t time_ms);
/* Rows in the order of time; verify_table_at must not be called any more. */
void verify_table_sort(struct verify_table *t);
void verify_table_sum(const struct verify_table *t, struct verify_counts *out);

#endif
