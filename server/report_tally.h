/*
 * report_tally.h - counts by text, and a set of numbers: what a report is made of. Memory is
 * capped.
 */
#ifndef LOGFERRY_SERVER_REPORT_TALLY_H
#define LOGFERRY_SERVER_REPORT_TALLY_H

#include "parsers/base/bytes.h"

/* What is counted beside each text. Status classes as reports keep them apart: 304 is a success. */
enum tally_column {
    TALLY_ALL,
    TALLY_OK,
    TALLY_REDIRECT,
    TALLY_CLIENT,
    TALLY_SERVER,
    TALLY_SPOOFED
};
#define TALLY_COLUMNS 6

/* Over this many texts, further ones are counted as TALLY_OTHER. */
#define TALLY_MAX_TEXTS 1000000u
#define TALLY_OTHER "(other)"

struct tally_entry {
    struct str text; /* owned by the tally, with a NUL behind; p == NULL: an empty slot */
    uint64_t counts[TALLY_COLUMNS];
};

struct tally {
    struct tally_entry *slots;
    size_t n, n_slots; /* n_slots is 0 or a power of two */
    bool failed;       /* out of memory: the counts are not complete */
};

void tally_init(struct tally *t);
void tally_release(struct tally *t);
/* The entry of that text; NULL (and failed) when out of memory. Valid until the next call. */
struct tally_entry *tally_at(struct tally *t, struct str text);
/* Packs the entries, most counted first, into slots[0..n). No tally_at after it. */
void tally_sort(struct tally *t);

struct id_set {
    int64_t *slots; /* 0 is an empty slot */
    size_t n, n_slots;
    bool failed, zero;
};
void id_set_init(struct id_set *s);
void id_set_release(struct id_set *s);
void id_set_add(struct id_set *s, int64_t id);

#endif
