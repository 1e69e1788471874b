/*
 * detect.h - which format lines have. Pure, but it allocates: for the formats that it tries.
 *
 * Every format of the table is tried that needs no argument, and the layouts of detect_layouts.h.
 * The one that fits most lines wins, without those whose columns are off (looks_odd) and if any has
 * a path; among those that fit equally many, the one whose program the lines speak for (escapes,
 * what stands for no bytes, the file's name), then the one that gives more fields, then the first
 * of the table. What collectors put before most lines (prefix.h) stands before the format's name:
 * "cri+nginx_combined"; a syslog's, and others that are doubtful, only where no format fits all
 * lines without. Where none fits nearly all lines with each column in its place, one is made of
 * what the columns hold (detect_columns.h).
 */
#ifndef LOGFERRY_PARSERS_DETECT_H
#define LOGFERRY_PARSERS_DETECT_H

#include "parsers/hit_fields.h"

#define DETECT_MAX_LINES 1000u
#define DETECT_SAMPLES 3u
#define DETECT_SPEC_BYTES 1024u
#define DETECT_ERROR_BYTES 160u

struct detection {
    char spec[DETECT_SPEC_BYTES];   /* for format_new; of the best candidate, though it may not fit.
                                       "": there was no line */
    bool fits;                      /* at least half of the lines: it may be used */
    bool guessed;                   /* by what its columns hold: no format of the table */
    unsigned lines;                 /* without empty ones, and without the format's header lines */
    unsigned matched;               /* of these */
    unsigned messages;              /* of a server, not of requests; not among `lines` */
    unsigned fields;                /* bit i: some line gave enum hit_field i */
    size_t samples[DETECT_SAMPLES]; /* indexes of lines that fit: the first, the middle, the last */
    size_t n_samples;
    char second[DETECT_SPEC_BYTES]; /* the runner-up, and what it matched; "": no other fits any */
    unsigned second_matched;
    /* The first line that the candidate does not fit, why, and at which byte. error \"\": none. */
    size_t bad_line, bad_column;
    char error[DETECT_ERROR_BYTES];
};

/* The formats that were tried, compiled: to make them takes most of the time of a detection. One
 * thread at a time. */
struct detect_formats;
struct detect_formats *detect_formats_new(void);       /* NULL: out of memory */
void detect_formats_free(struct detect_formats *kept); /* accepts NULL */

/* The first DETECT_MAX_LINES of `lines` (without '\n'). `path` is a hint, or STR_NONE. `kept` may
 * be NULL: where there will be no other detection. -1: out of memory. */
int detect_format(const struct str *lines, size_t n, struct str path, struct detect_formats *kept,
                  struct detection *out);

/* The same of one format alone. -1: there is no such, or no memory. */
int detect_fit(const struct str *lines, size_t n, const char *spec, struct detection *out);

#endif
