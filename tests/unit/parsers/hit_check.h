/*
 * hit_check.h - what is true of every hit, whatever the line: for the tests and the fuzz targets of
 * formats.
 */
#ifndef LOGFERRY_TESTS_HIT_CHECK_H
#define LOGFERRY_TESTS_HIT_CHECK_H

#include "parsers/format_impl.h"
#include "parsers/hit_fields.h"
#include "parsers/server_message.h"

#include <stdlib.h>

static inline bool hit_lies_in(struct str part, const char *p, size_t n)
{
    return part.p >= p && part.n <= n && (size_t)(part.p - p) <= n - part.n;
}

/* Of its texts: NULL, or what is wrong. */
static inline const char *hit_text_problem(const struct parser *p, struct str line,
                                           const struct hit *h)
{
    for (int i = 0; i < HIT_FIELD_COUNT; i++) {
        struct str s = hit_field_text(h, (enum hit_field)i);

        if (!str_is_set(s))
            continue;
        if (s.n == 0)
            return "an empty value";
        if (i != HIT_FIELD_QUERY && str_eq(s, STR("-"))) /* "/p?-" has the query "-" */
            return "a value \"-\"";
        if (!hit_lies_in(s, line.p, line.n) && !hit_lies_in(s, p->scratch.p, p->scratch.n))
            return "a slice outside line and scratch";
    }
    for (size_t i = 0; i < h->host.n; i++) {
        if (h->host.p[i] != ascii_lower(h->host.p[i]))
            return "a host in upper case";
    }
    return NULL;
}

/* NULL, or what is wrong. */
static inline const char *hit_problem(const struct parser *p, struct str line, const struct hit *h)
{
    const char *problem = hit_text_problem(p, line, h);

    if (problem)
        return problem;
    if (str_is_set(h->path) && h->path.p[0] != '/')
        return "a path without '/'";
    if (str_is_set(h->path) && h->bad_request_line)
        return "a path in a bad request line";
    if (str_is_set(h->query) && !str_is_set(h->path))
        return "a query without path";
    if (str_is_set(h->scheme) && !str_eq(h->scheme, STR("http")) &&
        !str_eq(h->scheme, STR("https")))
        return "an unknown scheme";
    if (h->status < -1 || h->status > 999)
        return "a status out of range";
    if ((h->bytes < 0 && h->bytes != HIT_NO_NUMBER) ||
        (h->duration_ms < 0 && h->duration_ms != HIT_NO_NUMBER))
        return "a negative number";
    return NULL;
}

/* NULL, or the name of the first field in which the hits differ. */
static inline const char *hit_difference(const struct hit *a, const struct hit *b)
{
    for (int i = 0; i < HIT_FIELD_COUNT; i++) {
        struct str x = hit_field_text(a, (enum hit_field)i);
        struct str y = hit_field_text(b, (enum hit_field)i);

        if (str_is_set(x) != str_is_set(y) || !str_eq(x, y))
            return hit_field_name((enum hit_field)i);
    }
    if (a->time_ms != b->time_ms)
        return "time_ms";
    if (a->status != b->status)
        return "status";
    if (a->bytes != b->bytes)
        return "bytes";
    if (a->duration_ms != b->duration_ms)
        return "duration_ms";
    return a->bad_request_line != b->bad_request_line ? "bad_request_line" : NULL;
}

/* Parses `line`, which holds no more memory than its own; NULL, or what is wrong with the outcome.
 */
static inline const char *hit_parse(struct parser *p, struct str line)
{
    struct hit hit;
    size_t column = SIZE_MAX;
    const char *error;
    struct str text = parser_trim(line);

    switch (parser_line(p, line, &hit)) {
    case PARSE_OK:
        return hit_problem(p, line, &hit);
    case PARSE_DIRECTIVE:
        return p->format->n_prefixes > 0 || memchr(line.p, '#', line.n) ||
                       memchr(line.p, '{', line.n) || str_trim(text).n == 0 ||
                       str_find(line, STR("heroku"), 0) >= 0 ||
                       str_find(line, STR("app"), 0) >= 0 ||
                       str_starts(text, STR("\"time_micros\",")) || server_message(text) ||
                       str_starts(str_of(p->format->row->name), STR("haproxy"))
                   ? NULL
                   : "a directive that is neither empty nor a comment, an object, a server's, "
                     "Heroku's, HAProxy's or names";
    case PARSE_BAD:
        error = parser_error(p, &column);
        if (column > line.n)
            return "an error behind the end of the line";
        return error[0] == '\0' ? "an error that explains nothing" : NULL;
    }
    return "no answer";
}

/* Every prefix of the line, and the line with each byte changed to each other value. */
static inline const char *hit_parse_changes(struct parser *p, struct str line)
{
    const char *problem = NULL;
    char *changed = malloc(line.n);

    for (size_t n = 1; changed && n < line.n && !problem; n++) {
        char *prefix = malloc(n);

        if (prefix)
            memcpy(prefix, line.p, n);
        problem = prefix ? hit_parse(p, (struct str){prefix, n}) : "out of memory";
        free(prefix);
    }
    if (changed)
        memcpy(changed, line.p, line.n);
    for (size_t n = 0; changed && n < line.n; n++) {
        for (int c = 0; c < 256 && !problem; c++) {
            changed[n] = (char)c;
            problem = hit_parse(p, (struct str){changed, line.n});
        }
        changed[n] = line.p[n];
    }
    problem = changed ? problem : "out of memory";
    free(changed);
    return problem;
}

#endif
