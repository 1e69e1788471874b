/*
 * program_judge.h - the scanner of a program beside the PCRE2 pattern of the same steps: both must
 * match or refuse a line, with the same fields, or at the same step and byte. For a test and a fuzz
 * target.
 */
#ifndef LOGFERRY_TESTS_PROGRAM_JUDGE_H
#define LOGFERRY_TESTS_PROGRAM_JUDGE_H

#include "parsers/program.h"
#include "parsers/regex.h"

#include <stdlib.h>

struct judge {
    const struct program *program;
    struct program_run scan;
    struct regex *whole;
    struct regex *fields[PROGRAM_STEPS_MAX + 1], *texts[PROGRAM_STEPS_MAX + 1];
    struct regex_run *run;
};

static inline struct regex *judge_step(const struct program *p, size_t i, bool text)
{
    struct buf pattern, why;
    struct regex *r;

    buf_init(&pattern, (size_t)1 << 20);
    buf_init(&why, 1000);
    program_step_pattern(p, i, text, &pattern);
    r = regex_new(buf_str(&pattern), REGEX_JIT, &why);
    buf_release(&pattern);
    buf_release(&why);
    return r;
}

static inline void judge_release(struct judge *j)
{
    for (size_t i = 0; i <= PROGRAM_STEPS_MAX; i++) {
        regex_free(j->fields[i]);
        regex_free(j->texts[i]);
    }
    regex_free(j->whole);
    regex_run_free(j->run);
    program_run_release(&j->scan);
}

/* NULL, or what is wrong. */
static inline const char *judge_init(struct judge *j, const struct program *p)
{
    struct buf pattern, why;

    memset(j, 0, sizeof(*j));
    j->program = p;
    buf_init(&pattern, (size_t)1 << 20);
    buf_init(&why, 1000);
    program_pattern(p, &pattern);
    j->whole = regex_new(buf_str(&pattern), REGEX_JIT, &why);
    buf_release(&pattern);
    buf_release(&why);
    for (size_t i = 0; i <= program_steps(p); i++) {
        j->fields[i] = judge_step(p, i, false);
        j->texts[i] = judge_step(p, i, true);
        if (!j->fields[i] || !j->texts[i])
            return "the pattern of a step has a mistake";
    }
    j->run = j->whole ? regex_run_new(j->whole) : NULL;
    return j->run && !program_run_init(&j->scan, p) ? NULL : "the pattern has a mistake";
}

/* Compares the fields of a match with the scanner's. */
static inline const char *judge_fields(const struct judge *j, struct str line, const size_t *spans)
{
    size_t group = 0;

    for (size_t i = 0; i < program_steps(j->program); i++) {
        const struct program_field *field = program_step_field(j->program, i);
        struct str got = j->scan.spans[i];

        if (field->shape == SHAPE_NONE)
            continue;
        group++;
        if (spans[2 * group] == SIZE_MAX ? got.p != NULL
                                         : got.p != line.p + spans[2 * group] ||
                                               got.n != spans[2 * group + 1] - spans[2 * group])
            return "a field differs";
    }
    return NULL;
}

/* Walks the steps of a line that the whole refuses, and compares where it ends. */
static inline const char *judge_failure(struct judge *j, struct str line)
{
    size_t at = 0, i = 0, n = program_steps(j->program);
    const size_t *spans;
    bool text = false;

    while (i < n) {
        text = false;
        if (regex_match(j->fields[i], j->run, line, at, &spans) != REGEX_MATCH)
            break;
        at = spans[1];
        text = true;
        if (regex_match(j->texts[i], j->run, line, at, &spans) == REGEX_MATCH) {
            at = spans[1];
            i++;
        } else if (program_step_skip(j->program, i)) {
            i = program_step_skip(j->program, i);
        } else {
            break;
        }
        text = false;
    }
    if (i != j->scan.step || text != j->scan.in_text || at != j->scan.column)
        return "they fail in different places";
    return j->scan.error && *j->scan.error ? NULL : "a failure without a sentence";
}

/* NULL, or what is wrong; *matched: did the line fit? */
static inline const char *judge_line(struct judge *j, struct str line, bool *matched)
{
    const size_t *spans = NULL;
    enum regex_result result = regex_match(j->whole, j->run, line, 0, &spans);

    *matched = program_scan(j->program, &j->scan, line);
    if (result == REGEX_LIMIT)
        return "a match limit";
    if (*matched != (result == REGEX_MATCH))
        return *matched ? "only the scanner takes this line" : "only the pattern takes this line";
    return *matched ? judge_fields(j, line, spans) : judge_failure(j, line);
}

#endif
