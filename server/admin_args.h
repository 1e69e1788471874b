/*
 * admin_args.h - the words behind a command: options, positionals, times.
 */
#ifndef LOGFERRY_SERVER_ADMIN_ARGS_H
#define LOGFERRY_SERVER_ADMIN_ARGS_H

#include "parsers/base/bytes.h"

#define ARGS_MAX 256

struct args_option {
    const char *name;
    const char *value; /* NULL: the option takes none */
};

/* Everything borrows from argv. */
struct args {
    const char *words[ARGS_MAX];
    size_t n_words;
    struct args_option options[ARGS_MAX];
    size_t n_options;
};

/*
 * `with_value` and `flags` are NULL-terminated lists of names ("--grant"). "--x V" and "--x=V" are
 * the same; "--" ends the options. -1: one sentence is in `error`.
 */
int args_parse(struct args *a, int argc, char *const *argv, const char *const *with_value,
               const char *const *flags, struct buf *error);
/* The last value of that option; STR_NONE when it is not there. */
struct str args_value(const struct args *a, const char *name);
bool args_flag(const struct args *a, const char *name);

enum when { WHEN_PAST, WHEN_FUTURE };

/*
 * RFC 3339, a date (its first moment, or with `end_of_day` the first one of the next day), or a
 * duration from now: 90m, 12h, 30d, 4w. False when it is none of these.
 */
bool when_parse(struct str text, int64_t now_ms, enum when direction, bool end_of_day, int64_t *ms);

#endif
