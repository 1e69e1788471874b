/* detect_rows.h - lines as rows of columns: what parts them, and what each column holds. For
 * detect_columns.c. Pure; all texts are slices of the lines. */
#ifndef LOGFERRY_PARSERS_DETECT_ROWS_H
#define LOGFERRY_PARSERS_DETECT_ROWS_H

#include "parsers/detect_looks.h"

#define ROWS_COLUMNS_MAX 60u
#define ROWS_LINES_MAX 256u /* that are looked at, from all over */

struct rows_column {
    struct str key; /* "rt=", before each value; "" mostly */
    char open;      /* the '"', '[', '(' or '{' around each value, or '\0' */
    bool bracketed; /* '[' and ']' stand within the quotes, and are no part of the value */
    struct str first;
    bool constant; /* all values are the first */
    uint64_t sum;  /* of the counts */
    unsigned looks[LOOKS];
};

struct rows {
    struct str separator; /* static */
    unsigned lines;       /* that have this number of columns, and keys and brackets alike */
    size_t n;
    struct rows_column c[ROWS_COLUMNS_MAX];
};

/* What closes it; '\0': it opens nothing. */
char rows_close(char open);
/* False: the lines have nothing in common. */
bool rows_read(const struct str *lines, size_t n, struct rows *out);

#endif
