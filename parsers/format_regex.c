/*
 * format_regex.c - a regular expression of the configuration, whose named groups are the fields of
 * a hit: `regex:^(?<time>\S+) (?<client_ip>\S+) (?<request>.+?) (?<status>\d+)`. It may match
 * anywhere in the line; "^" and "$" say otherwise. Groups of other names are not looked at.
 *
 * A pattern that somebody wrote may take for ever on a line that somebody else wrote: at a limit
 * (regex.h) the line counts as one that does not fit.
 */
#include "parsers/fields.h"
#include "parsers/format_impl.h"
#include "parsers/regex.h"

#define GROUPS_MAX 64 /* with names of fields */

struct regex_format {
    struct format base;
    struct regex *regex;
    size_t n;
    struct {
        enum field field;
        size_t group;
    } groups[GROUPS_MAX];
};

struct regex_parser {
    struct parser base;
    struct regex_run *run;
    struct field_times times;
};

static bool take_groups(struct regex_format *f, struct buf *why)
{
    const char *name;
    size_t group;
    uint64_t have = 0;

    for (size_t i = 0; (name = regex_group_name(f->regex, i, &group)); i++) {
        enum field field;

        if (!field_by_alias(str_of(name), &field) || f->n == GROUPS_MAX)
            continue;
        f->groups[f->n].field = field;
        f->groups[f->n++].group = group;
        have |= UINT64_C(1) << field;
    }
    if (fields_suffice(have, f->base.outer_time, why))
        return true;
    buf_lit(why, "; name groups of the pattern like (?<time>…) and (?<request>…)");
    return false;
}

static int regex_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct regex_format *f = (struct regex_format *)base;

    f->regex = regex_new(argument, REGEX_SEARCHED, why);
    return f->regex && take_groups(f, why) ? 0 : -1;
}

static void regex_fields(const struct format *f, struct format_fields *fields)
{
    (void)f;
    for (int i = 0; i < FIELDS_NAMED; i++)
        fields->maybe |= field_gives((enum field)i);
}

static void regex_format_release(struct format *base)
{
    regex_free(((struct regex_format *)base)->regex);
}

static int regex_parser_init(struct parser *base)
{
    struct regex_parser *p = (struct regex_parser *)base;

    p->times.zone = base->format->zone;
    p->run = regex_run_new(((const struct regex_format *)base->format)->regex);
    return p->run ? 0 : -1;
}

static void regex_parser_release(struct parser *base)
{
    regex_run_free(((struct regex_parser *)base)->run);
}

static enum parse_result regex_line(struct parser *base, struct str line, struct hit *hit)
{
    struct regex_parser *p = (struct regex_parser *)base;
    const struct regex_format *f = (const struct regex_format *)base->format;
    struct str v[FIELDS] = {{0}};
    const size_t *spans;
    const char *why = "";
    enum regex_result result = regex_match(f->regex, p->run, line, 0, &spans);

    if (result == REGEX_LIMIT)
        return parser_fail(base,
                           "the pattern reached its limit of steps on this line; make it "
                           "simpler, with classes like [^ ]* in place of .*",
                           0);
    if (result == REGEX_NO_MATCH)
        return parser_fail(base, "the pattern does not match the line", 0);
    for (size_t i = 0; i < f->n; i++) {
        const size_t *span = spans + 2 * f->groups[i].group;
        struct str *to = &v[f->groups[i].field];

        /* Of two groups for one field, one of another branch takes no part. \K may turn spans. */
        if (span[0] <= span[1] && span[1] <= line.n && !str_is_set(*to))
            *to = str_slice(line, span[0], span[1]);
    }
    enum field bad = fields_to_hit(&base->scratch, &p->times, v, hit, &why);
    if (bad == FIELDS)
        return PARSE_OK;
    return parser_fail(base, why, v[bad].p ? (size_t)(v[bad].p - line.p) : 0);
}

const struct format_family format_regex_family = {
    .directives = false,
    .format_size = sizeof(struct regex_format),
    .parser_size = sizeof(struct regex_parser),
    .format_init = regex_format_init,
    .format_release = regex_format_release,
    .fields = regex_fields,
    .parser_init = regex_parser_init,
    .parser_release = regex_parser_release,
    .line = regex_line,
};
