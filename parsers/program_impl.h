/*
 * program_impl.h - the steps of a program; for parsers/program*.c only.
 */
#ifndef LOGFERRY_PARSERS_PROGRAM_IMPL_H
#define LOGFERRY_PARSERS_PROGRAM_IMPL_H

#include "parsers/program.h"

enum program_op {
    OP_NONE,
    OP_SPAN,   /* up to `stop` or `stop2`, or the end of the line */
    OP_PAIRS,  /* up to `stop` outside a pair of a backslash and a byte */
    OP_SEARCH, /* up to the first place where `text` fits, and when `guarded` the next step too */
    OP_TAIL,   /* up to `text` at the end of the line, blanks behind it aside */
    OP_LIST,   /* words up to `stop` */
    OP_REST,
    OP_SHAPE, /* what the shape says; numbers also want `stop` or `stop2` behind them, or without
                 these a blank or the end */
};

#define STOP_NONE (-1)

struct program_step {
    /* What each line needs comes first, and fills one line of the cache. */
    enum program_op op;
    int stop, stop2;     /* STOP_NONE: no text is behind the field; there is no second one */
    bool some;           /* at least one byte */
    bool guarded;        /* OP_SEARCH: the next step is a shape */
    uint64_t word, mask; /* the first eight bytes of the text, for one comparison */
    struct str text;     /* behind the field, may be empty */
    size_t skip;         /* program_step_skip */
    const char *field_error, *text_error;
    struct program_field field;
};

struct program {
    struct program_step steps[PROGRAM_STEPS_MAX];
    size_t n;
    size_t text_at[PROGRAM_STEPS_MAX], text_n[PROGRAM_STEPS_MAX]; /* in texts, until finished */
    size_t open; /* the step that began an optional part, + 1 */
    struct buf texts, sentences;
    const char *end_error;
    bool too_long;
};

#endif
