/*
 * regex.h - PCRE2 as this project uses it: bytes (no UTF), anchored where matching begins, '.' is
 * any byte, '$' only the very end; JIT where the machine allows it. The only user of <pcre2.h>.
 *
 * A `struct regex` is compiled once and read-only: any number of threads share it. A `struct
 * regex_run` is the working memory of one thread: it is made once and reused for each match.
 */
#ifndef LOGFERRY_PARSERS_REGEX_H
#define LOGFERRY_PARSERS_REGEX_H

#include "parsers/base/bytes.h"

/* Steps, heap and JIT stack that one match may use before it gives up. */
#define REGEX_MATCH_LIMIT 5000000u
#define REGEX_HEAP_LIMIT_KIB 8192u
#define REGEX_JIT_STACK_MAX (256u << 10)

struct regex;
struct regex_run;

enum regex_result {
    REGEX_MATCH,
    REGEX_NO_MATCH,
    REGEX_LIMIT, /* a limit above was reached: nothing is known about the subject */
};

enum regex_speed {
    REGEX_JIT,         /* compile to machine code where possible */
    REGEX_INTERPRETED, /* for patterns that run seldom */
    REGEX_SEARCHED,    /* as REGEX_JIT, and a match may begin behind `from` */
};

/* NULL on a mistake in the pattern (or no memory); `why` then gets a sentence with its offset. */
struct regex *regex_new(struct str pattern, enum regex_speed speed, struct buf *why);
void regex_free(struct regex *r); /* accepts NULL */
/* True when matches run as machine code: false for REGEX_INTERPRETED, and where the machine forbids
 * writable code (systemd's MemoryDenyWriteExecute=, SELinux) or PCRE2 has no JIT. */
bool regex_is_fast(const struct regex *r);
/* Capture groups, without group 0. */
size_t regex_groups(const struct regex *r);

/* The names of its groups, in no order: the i-th, and in *group its number. NULL past the last. The
 * name lives as long as the regex. */
const char *regex_group_name(const struct regex *r, size_t i, size_t *group);

/* Room for the groups of `widest`; may then run any regex, whose further groups are not reported.
 * NULL when out of memory. */
struct regex_run *regex_run_new(const struct regex *widest);
void regex_run_free(struct regex_run *run); /* accepts NULL */

/* Matches at exactly `from` (≤ subject.n). After REGEX_MATCH, spans[2 * i] and spans[2 * i + 1] are
 * where group i begins and ends (both SIZE_MAX when it took no part), for i ≤ min(groups, widest's
 * groups); *spans is valid until the run's next match. */
enum regex_result regex_match(const struct regex *r, struct regex_run *run, struct str subject,
                              size_t from, const size_t **spans);

#endif
