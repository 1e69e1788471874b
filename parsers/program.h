/*
 * program.h - a log line as a row of steps, compiled once from a template: a field, and the text
 * that must follow it. A scanner goes over the line once, with memchr and comparisons alone.
 *
 * Each field ends in one way only, told by where it begins; the scanner never takes a field back,
 * and a search for the end of one never looks at a byte more than a few times. So the whole is
 * linear in the line, and where a line stops fitting is where the scanner stopped. The same steps
 * are written as a PCRE2 pattern (program_pattern), which is the judge of the scanner in tests.
 *
 * A program is built with program_text and program_field in the order of the line, finished once,
 * and read-only from then on: any number of threads share it. A `struct program_run` is the state
 * of one thread.
 */
#ifndef LOGFERRY_PARSERS_PROGRAM_H
#define LOGFERRY_PARSERS_PROGRAM_H

#include "parsers/base/bytes.h"

#define PROGRAM_STEPS_MAX 128
#define PROGRAM_TIME_MAX 32

enum program_shape {
    SHAPE_NONE,     /* no field: text alone */
    SHAPE_WORD,     /* no blank inside, and nothing of what begins the text behind it */
    SHAPE_FREE,     /* anything, up to where the rest may fit */
    SHAPE_LIST,     /* words, with ", " and " : " between them */
    SHAPE_STATUS,   /* 3 digits, or "0", "-", "-1" */
    SHAPE_COUNT,    /* 1 to 19 digits with or without '+', or "-", "-1" */
    SHAPE_DECIMAL,  /* 1 to 12 digits, up to 9 behind a point, '-' before them; or "-" */
    SHAPE_PROTOCOL, /* HTTP/1.1, HTTP/2, or "-" */
    SHAPE_TIME_CLF, /* 02/Jan/2026:03:04:05 +0000, or a day of one digit */
    SHAPE_TIME_ISO, /* 2026-01-02T03:04:05.678Z, +00:00, +0000; up to 9 digits of a second */
    SHAPE_TIME_OWN, /* what time_format describes */
};

/* What the writer does with bytes that could end a field. */
enum program_escape {
    ESCAPE_NONE,   /* nothing: any byte may be in any field */
    ESCAPE_QUOTES, /* no field holds a quote (nginx, HAProxy) */
    ESCAPE_PAIRS,  /* a backslash and the byte behind it are a pair (Apache, JSON) */
};

struct time_format;

struct program_field {
    enum program_shape shape;
    enum program_escape escape;
    bool may_be_empty; /* of numbers, protocols and words */
    char ends_at;      /* not '\0': before this byte, or with the line, whatever text follows */
    unsigned value;    /* the caller's own number for it */
    const char *name;  /* for messages: "the user agent"; copied */
    const struct time_format *time_format; /* SHAPE_TIME_OWN; must outlive the program */
};

struct program;

struct program_run {
    struct str *spans; /* of each step's field, STR_NONE where there is none; set by a match */
    const char *error; /* after a failure: a sentence that lives as long as the program */
    size_t column;     /* and the byte where */
    size_t step;       /* and the step, program_steps() behind the last one */
    bool in_text;      /* and whether it was the text behind its field */
    bool no_backslash; /* set by the caller, who knows: then none is looked for */
    const char *line;  /* the scanner's own */
    const char *guarded;
    char time[PROGRAM_TIME_MAX]; /* the last SHAPE_TIME_CLF that fitted */
};

struct program *program_new(void);    /* NULL when out of memory */
void program_free(struct program *p); /* accepts NULL */
void program_text(struct program *p, struct str text);
/* Two fields need text between them, or the first one `ends_at`: -1 where they have not. *step gets
 * the field's step. */
int program_field(struct program *p, const struct program_field *field, size_t *step);
/* What stands between them may be missing: it is there when the text that begins it is. */
void program_optional(struct program *p, struct str begin);
void program_optional_end(struct program *p);
/* `end`: the sentence for a line that goes on behind the last step; copied. -1: too long, or out of
 * memory; a sentence is in `why`. */
int program_finish(struct program *p, const char *end, struct buf *why);

size_t program_steps(const struct program *p);
/* What a step's field was said to be. */
const struct program_field *program_step_field(const struct program *p, size_t step);

int program_run_init(struct program_run *run, const struct program *p); /* -1: out of memory */
void program_run_release(struct program_run *run);
bool program_scan(const struct program *p, struct program_run *run, struct str line);

/* The judge: the whole as a pattern, with a group for each field; and of one step the field or the
 * text alone, as it matches where the whole does not (see program_pattern.c). */
void program_pattern(const struct program *p, struct buf *out);
void program_step_pattern(const struct program *p, size_t step, bool text, struct buf *out);
/* Where to go on when the text of this step does not fit; 0 when it must. */
size_t program_step_skip(const struct program *p, size_t step);

#endif
