/*
 * aho.h - many words looked for in one pass over a text (Aho-Corasick), ASCII case-folded.
 *
 * Read-only after aho_new, shared by any number of threads. The table is dense over the classes of
 * bytes that occur in the patterns: one load for each byte of text.
 */
#ifndef LOGFERRY_PARSERS_AHO_H
#define LOGFERRY_PARSERS_AHO_H

#include "parsers/base/bytes.h"

#define AHO_MAX_STATES 65535u /* about the sum of the patterns' lengths */

/* A boundary is the text's end or a byte that is no letter and no digit. Where the pattern's own
 * edge is neither, the boundary is the edge itself and nothing more is asked. */
enum aho_edges { AHO_ANYWHERE = 0, AHO_LEFT = 1, AHO_RIGHT = 2, AHO_WORD = 3 };

struct aho_pattern {
    struct str text; /* not empty; borrowed during aho_new only */
    unsigned edges;  /* enum aho_edges */
};

struct aho;

/* NULL when out of memory, when a pattern is empty, or when there are more than AHO_MAX_STATES
 * states. */
struct aho *aho_new(const struct aho_pattern *patterns, size_t n);
void aho_free(struct aho *a);          /* accepts NULL */
size_t aho_bytes(const struct aho *a); /* memory it takes */

/* Zero it before the first aho_next of a text. */
struct aho_cursor {
    size_t at;
    uint32_t state;
    uint32_t output; /* where the list of what ends at `at` goes on; 0: nowhere */
};

struct aho_hit {
    size_t pattern; /* index given to aho_new */
    size_t start, end;
};

/* The next hit in the order of its end; of those with one end, the longest first, equal ones in the
 * order of aho_new. False at the end of the text; *hit is then unchanged. */
bool aho_next(const struct aho *a, struct str text, struct aho_cursor *c, struct aho_hit *hit);

#endif
