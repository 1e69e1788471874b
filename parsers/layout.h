/*
 * layout.h - a line as a row of elements (a field, or the text between two fields): one regular
 * expression for all of them, and on failure the element at which the line stopped fitting.
 *
 * Each element must match in one way only where it begins (negated classes, possessive repeats):
 * then the whole is linear in the line, and walking the elements one by one finds what the whole
 * found.
 */
#ifndef LOGFERRY_PARSERS_LAYOUT_H
#define LOGFERRY_PARSERS_LAYOUT_H

#include "parsers/regex.h"

enum layout_field {
    LAYOUT_NONE, /* text between fields */
    LAYOUT_ADDRESS,
    LAYOUT_USER,
    LAYOUT_TIME,
    LAYOUT_REQUEST,
    LAYOUT_STATUS,
    LAYOUT_BYTES,
    LAYOUT_REFERRER,
    LAYOUT_USER_AGENT,
    LAYOUT_FORWARDED_FOR,
    LAYOUT_FIELDS,
};

struct layout_element {
    const char *pattern; /* PCRE2, without capture groups of its own */
    enum layout_field field;
    const char *expected; /* static sentence for parser_error when the line stops here */
    const char *walk;     /* pattern used when looking for the failure; NULL: `pattern` */
};

struct layout;

/* The elements must outlive the layout. NULL on a mistake in a pattern, with a sentence in `why`.
 */
struct layout *layout_new(const struct layout_element *elements, size_t n, struct buf *why);
void layout_free(struct layout *l); /* accepts NULL */
bool layout_is_fast(const struct layout *l);
struct regex_run *layout_run_new(const struct layout *l); /* NULL when out of memory */

/* On REGEX_MATCH fills the entries of `fields` that the layout has, leaves the others alone. */
enum regex_result layout_match(const struct layout *l, struct regex_run *run, struct str line,
                               struct str fields[LAYOUT_FIELDS]);
/* For a line that did not match: what was expected, and the byte where. */
const char *layout_explain(const struct layout *l, struct regex_run *run, struct str line,
                           size_t *column);

#endif
