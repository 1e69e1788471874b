/*
 * labels.h - lines whose values carry names, in any order: which name is which field, and of
 * several names of one field which counts. For format_ltsv.c and format_logfmt.c.
 */
#ifndef LOGFERRY_PARSERS_LABELS_H
#define LOGFERRY_PARSERS_LABELS_H

#include "parsers/json_rows.h"

#define LABELS_MAX 128u

struct labels {
    size_t n;
    struct label {
        struct str name; /* of the tables: static */
        enum field field;
        unsigned rank; /* of several labels of one field the lowest counts */
    } v[LABELS_MAX];
};

/* What a line has: of each field the value, and by which label. Starts zeroed. */
struct labelled {
    struct str v[FIELDS];
    unsigned rank[FIELDS];
};

/* Adds the names of a table, behind those that are there. False, with a sentence: too many. */
bool labels_add(struct labels *l, const struct json_row_key *row, struct buf *why);
/* Which of a hit's fields they give, as a set. */
unsigned labels_give(const struct labels *l);
/* Takes the value of `name`, unless nobody knows that, it is missing, or a better one is there. A
 * request line or path that is missing is set, and empty, where there is no other: a client sent
 * none. */
void labels_take(const struct labels *l, struct labelled *line, struct str name, struct str value);

#endif
