/*
 * format_fixture.h - a format and its parser, for the unit tests of formats. Every line that goes
 * through it is held to what hit_check.h says of all hits.
 */
#ifndef LOGFERRY_TESTS_FORMAT_FIXTURE_H
#define LOGFERRY_TESTS_FORMAT_FIXTURE_H

#include "tests/unit/parsers/hit_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct fixture {
    struct format *format;
    struct parser *parser;
    struct hit hit; /* of the last line that gave one; valid until the next line */
    char *line;     /* the last one */
};

static inline void fixture_open(struct fixture *x, struct str spec, const struct zone *zone)
{
    struct buf why;

    buf_init(&why, 4096);
    *x = (struct fixture){.format = format_new(spec, zone, &why)};
    if (!x->format)
        fail_msg("%.*s: %s", STR_ARGS(spec), buf_cstr(&why));
    assert_int_equal(why.n, 0);
    buf_release(&why);
    x->parser = parser_new(x->format);
    assert_non_null(x->parser);
}

/* The i-th format of format_list, with its argument, behind what it needs. */
static inline void fixture_open_row(struct fixture *x, size_t i)
{
    const char *about, *argument = format_argument(i);
    struct buf spec;

    buf_init(&spec, 4096);
    buf_printf(&spec, "%s%s%s%s", format_before(i), format_list(i, &about), argument ? ":" : "",
               argument ? argument : "");
    fixture_open(x, buf_str(&spec), NULL);
    buf_release(&spec);
}

static inline void fixture_close(struct fixture *x)
{
    parser_free(x->parser);
    format_free(x->format);
    free(x->line);
}

/* Parses a copy, so that the sanitizers see a byte read behind its end. */
static inline enum parse_result fixture_parse(struct fixture *x, struct str line)
{
    const char *problem;

    free(x->line);
    x->line = malloc(line.n + 1);
    assert_non_null(x->line);
    if (line.n > 0)
        memcpy(x->line + 1, line.p, line.n);
    struct str own = {x->line + 1, line.n};
    problem = hit_parse(x->parser, own);
    if (problem)
        fail_msg("%s: %.*s", problem, STR_ARGS(line));
    memset(&x->hit, 0xa5, sizeof(x->hit));
    return parser_line(x->parser, own, &x->hit);
}

#define EXAMPLE_AGENT "Mozilla/5.0 (compatible; GPTBot/1.3; +https://openai.com/gptbot)"

/* `want` NULL: it is missing. */
static inline void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_of(want)) || str_is_set(got) != (want != NULL))
        fail_msg("\"%.*s\", not \"%s\"", STR_ARGS(got), want ? want : "(missing)");
}

/* The example of the i-th format, which `x` has: its last line, which is returned, is the request
 * that all examples are of, and those before it are directives. */
static inline struct str fixture_parse_example(struct fixture *x, size_t i)
{
    struct str rest = str_of(format_example(i)), line = STR_NONE;

    while (rest.n > 0) {
        line = str_cut(&rest, '\n');
        if (fixture_parse(x, line) != (rest.n > 0 ? PARSE_DIRECTIVE : PARSE_OK))
            fail_msg("%s: the example's line %.*s", format_name(x->format), STR_ARGS(line));
    }
    assert_text(x->hit.path, "/docs/");
    assert_text(x->hit.query, "v=2");
    assert_int_equal(x->hit.status, 200);
    assert_true(x->hit.time_ms / 1000 == 1793664624);
    return line;
}

#endif
