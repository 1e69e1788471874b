/*
 * layout.c - joins the patterns of the elements to one, and keeps each alone for the walk that
 * explains a failure. Used by the formats that are described by a template.
 */
#include "parsers/layout.h"

#include <stdlib.h>

#define LAYOUT_PATTERN_MAX (64u << 10)

struct layout {
    struct regex *whole;
    struct regex **steps; /* one for each element */
    const struct layout_element *elements;
    size_t n;
    enum layout_field fields[LAYOUT_FIELDS]; /* of capture group i + 1 */
    size_t n_fields;
};

static int compile_whole(struct layout *l, struct buf *why)
{
    struct buf pattern;

    buf_init(&pattern, LAYOUT_PATTERN_MAX);
    for (size_t i = 0; i < l->n; i++) {
        const struct layout_element *e = &l->elements[i];
        bool captured = e->field != LAYOUT_NONE && l->n_fields < LAYOUT_FIELDS;

        buf_put_str(&pattern, captured ? STR("(") : STR("(?:"));
        buf_put_str(&pattern, str_of(e->pattern));
        buf_putc(&pattern, ')');
        if (captured)
            l->fields[l->n_fields++] = e->field;
    }
    if (pattern.failed)
        buf_lit(why, "the format is too long");
    else
        l->whole = regex_new(buf_str(&pattern), REGEX_JIT, why);
    buf_release(&pattern);
    return l->whole ? 0 : -1;
}

static int compile_steps(struct layout *l, struct buf *why)
{
    l->steps = calloc(l->n, sizeof(struct regex *));
    if (!l->steps) {
        buf_lit(why, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < l->n; i++) {
        const struct layout_element *e = &l->elements[i];

        l->steps[i] = regex_new(str_of(e->walk ? e->walk : e->pattern), REGEX_INTERPRETED, why);
        if (!l->steps[i])
            return -1;
    }
    return 0;
}

struct layout *layout_new(const struct layout_element *elements, size_t n, struct buf *why)
{
    struct layout *l = calloc(1, sizeof(*l));

    if (!l) {
        buf_lit(why, "out of memory");
        return NULL;
    }
    l->elements = elements;
    l->n = n;
    if (compile_whole(l, why) || compile_steps(l, why)) {
        layout_free(l);
        return NULL;
    }
    return l;
}

void layout_free(struct layout *l)
{
    if (!l)
        return;
    for (size_t i = 0; l->steps && i < l->n; i++)
        regex_free(l->steps[i]);
    free(l->steps);
    regex_free(l->whole);
    free(l);
}

bool layout_is_fast(const struct layout *l)
{
    return regex_is_fast(l->whole);
}

struct regex_run *layout_run_new(const struct layout *l)
{
    return regex_run_new(l->whole);
}

enum regex_result layout_match(const struct layout *l, struct regex_run *run, struct str line,
                               struct str fields[LAYOUT_FIELDS])
{
    const size_t *spans = NULL;
    enum regex_result result = regex_match(l->whole, run, line, 0, &spans);

    if (result != REGEX_MATCH)
        return result;
    for (size_t i = 0; i < l->n_fields; i++)
        fields[l->fields[i]] = str_slice(line, spans[2 * i + 2], spans[2 * i + 3]);
    return REGEX_MATCH;
}

const char *layout_explain(const struct layout *l, struct regex_run *run, struct str line,
                           size_t *column)
{
    const size_t *spans = NULL;
    size_t at = 0;

    for (size_t i = 0; i < l->n; i++) {
        if (regex_match(l->steps[i], run, line, at, &spans) != REGEX_MATCH) {
            *column = at;
            return l->elements[i].expected;
        }
        at = spans[1];
    }
    *column = at;
    return "the line does not fit the format";
}
