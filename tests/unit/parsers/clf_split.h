/*
 * clf_split.h - the short cut of format_clf.c beside its layout, for its test and its fuzz target:
 * what the one takes, the other must take, with the same fields.
 */
#ifndef LOGFERRY_TESTS_CLF_SPLIT_H
#define LOGFERRY_TESTS_CLF_SPLIT_H

#define format_clf_family split_family /* the archive has the other one */
#include "parsers/format_clf.c"
#undef format_clf_family

/* NULL, or what is wrong; *taken: did the short cut take the line? `p` is of a clf format. */
static inline const char *clf_split_problem(struct parser *base, struct str line, bool *taken)
{
    struct clf_parser *p = (struct clf_parser *)base;
    const struct clf_format *format = (const struct clf_format *)base->format;
    struct str want[LAYOUT_FIELDS] = {{0}};

    memset(p->fields, 0, sizeof(p->fields));
    *taken = line.n > 0 && split_plain(p, format->variant, line);
    if (!*taken)
        return NULL;
    if (layout_match(format->layout, p->run, line, want) != REGEX_MATCH)
        return "only the short cut takes this line";
    for (int i = 0; i < LAYOUT_FIELDS; i++)
        if (p->fields[i].p != want[i].p || p->fields[i].n != want[i].n)
            return "a field differs";
    return NULL;
}

#endif
