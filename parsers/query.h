/*
 * query.h - the parameters of a query string, one by one. Pure, no allocation.
 */
#ifndef LOGFERRY_PARSERS_QUERY_H
#define LOGFERRY_PARSERS_QUERY_H

#include "parsers/base/bytes.h"

#define QUERY_TEXT_MAX 256
#define QUERY_DEPTH 3 /* what is encoded more often is not looked into */

/* Slices of the query, as they stand there. */
struct query_param {
    struct str text; /* all of it, without the separator */
    struct str name;
    struct str value; /* STR_NONE without '=' */
};

/* Cuts the next parameter off *rest; false at the end. Empty ones are given out too. They are
 * separated by '&', and by ';' when `semicolons`. */
bool query_next(struct str *rest, bool semicolons, struct query_param *out);

/* %XX decoded once, '+' as a blank, in lower case (ASCII). What is longer than QUERY_TEXT_MAX is
 * cut. The answer borrows `scratch`. */
struct str query_decode(struct str text, char scratch[QUERY_TEXT_MAX]);

/* %XX decoded once, and QUERY_DEPTH times. The answer borrows `scratch`, which has room for text.n
 * and may be where the text stands, or the text, when nothing is encoded. */
struct str query_unescape(struct str text, char *scratch);
struct str query_unfold(struct str text, char *scratch);
/* The byte that `width` bytes at `at` (< text.n) stand for, decoded so: ';' of "%253B", 5 wide. */
char query_byte(struct str text, size_t at, size_t *width);

#endif
