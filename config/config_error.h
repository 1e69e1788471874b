/*
 * config_error.h - the problems found in a configuration file, as the user will read them.
 *
 * Used by config/ only. Every problem is kept until the end, so that one run names them all, and is
 * printed in the order of the file:
 *
 *     file:line:col: key: what is wrong; what was expected; how to mend it
 *
 * The first CONFIG_MAX_PROBLEMS are kept; of the others there is a count. Bytes that could steer a
 * terminal are printed as \xHH, values longer than CONFIG_SHOWN_BYTES are cut.
 */
#ifndef LOGFERRY_CONFIG_CONFIG_ERROR_H
#define LOGFERRY_CONFIG_CONFIG_ERROR_H

#include "parsers/base/bytes.h"

#define CONFIG_MAX_PROBLEMS 20
#define CONFIG_SHOWN_BYTES 60
#define CONFIG_MAX_PROBLEM_BYTES 1000

/* Owner of a configuration's text and arrays; freed as a whole. */
struct config_arena;

struct config_place {
    unsigned line, column; /* from 1, in characters; line 0: the file as a whole */
};

struct config_problem {
    struct config_place at;
    struct str text; /* in the arena */
};

struct config_errors {
    struct str file;            /* its name in messages; borrowed */
    struct config_arena *arena; /* borrowed */
    size_t n;                   /* found; those past CONFIG_MAX_PROBLEMS are not kept */
    struct config_problem kept[CONFIG_MAX_PROBLEMS]; /* ordered by place */
};

void config_errors_init(struct config_errors *e, struct str file, struct config_arena *arena);
void config_error(struct config_errors *e, struct config_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends one line a problem to `out`. */
void config_errors_print(const struct config_errors *e, struct buf *out);
/* A value as it may stand in a message: at most CONFIG_SHOWN_BYTES of it, no character cut in two.
 */
struct str config_shown(struct str value);

#endif
