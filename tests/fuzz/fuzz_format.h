/*
 * fuzz_format.h - the body of the fuzz targets of formats: the lines of the input, one parser, and
 * what is true of every outcome.
 */
#ifndef LOGFERRY_FUZZ_FORMAT_H
#define LOGFERRY_FUZZ_FORMAT_H

#include "tests/unit/parsers/hit_check.h"

#include <stdio.h>

static inline void fuzz_fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static inline void fuzz_line(struct parser *p, struct str line)
{
    struct str own = {malloc(line.n ? line.n : 1), line.n}; /* ASan guards its end */
    struct hit first, again;
    const char *problem;

    if (!own.p)
        return;
    memcpy((char *)own.p, line.p, line.n);
    problem = hit_parse(p, own);
    if (problem)
        fuzz_fail(problem);
    if (parser_line(p, own, &first) == PARSE_OK) {
        char *before = malloc(p->scratch.n + 1);
        size_t n = p->scratch.n;

        if (before && n)
            memcpy(before, p->scratch.p, n);
        if (parser_line(p, own, &again) != PARSE_OK || hit_difference(&first, &again))
            fuzz_fail("the same line gives another hit");
        if (before && (p->scratch.n != n || (n && memcmp(before, p->scratch.p, n) != 0)))
            fuzz_fail("the same line gives other text");
        free(before);
    }
    free((char *)own.p);
}

/* One parser a format for all inputs: to make one takes as long as to parse thousands of lines. */
static inline struct parser *fuzz_parser(const char *name)
{
    static struct {
        const char *name;
        struct parser *parser;
    } made[16];
    struct buf why;
    size_t i = 0;

    while (made[i].name && made[i].name != name)
        i++;
    if (!made[i].name) {
        buf_init(&why, 4096);
        struct format *f = format_new(str_of(name), NULL, &why);
        made[i].name = name;
        made[i].parser = f ? parser_new(f) : NULL;
        buf_release(&why);
    }
    if (!made[i].parser)
        fuzz_fail("no parser");
    parser_reset(made[i].parser);
    return made[i].parser;
}

static inline void fuzz_format(const char *name, const uint8_t *data, size_t n)
{
    struct parser *p = fuzz_parser(name);
    size_t from = 0;

    while (from < n) {
        const uint8_t *end = memchr(data + from, '\n', n - from);
        size_t to = end ? (size_t)(end - data) : n;

        fuzz_line(p, (struct str){(const char *)data + from, to - from});
        from = to + 1;
    }
}

#endif
