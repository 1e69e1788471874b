/*
 * format_clf.c - lines of Common Log Format and of what is mostly made of it, in any mixture: where
 * sites with LogFormats of their own share a file, or one was changed. Each line is read by the
 * first of the formats below that fits it and whose columns hold what they are for; else by the
 * last that fits, which is the plainest. Where none fits, what stands between the columns of common
 * and combined, and behind them, is passed over.
 */
#include "parsers/detect_looks.h"
#include "parsers/format_impl.h"

#include <stdlib.h>

#define COMMON "%u %t \"%r\" %>s %b"
#define AGENT " \"%{Referer}i\" \"%{User-Agent}i\""

static const char *const members[] = {
    "apache_vhost_combined",
    "apache:%v %h %l " COMMON AGENT,
    "apache:%v %h %l " COMMON AGENT " \"%{X-Forwarded-For}i\"",
    "apache:%h %l " COMMON AGENT " X-Forwarded-For=\"%{X-Forwarded-For}i\"",
    "apache:%h %l " COMMON AGENT " \"%{X-Forwarded-For}i\"",
    ("apache:%v %h %l " COMMON),
    "apache_combined",
    "apache_common",
    /* with columns that nobody knows */
    "apache:%v:%p %h %l " COMMON AGENT " %{rest}n",
    "apache:%v %h %l " COMMON AGENT " %{rest}n",
    "apache:%h %l " COMMON AGENT " %{rest}n",
    ("apache:%h %l " COMMON " - \"%{User-Agent}i\" %{rest}n"), /* Traefik's, without a referrer */
    "apache:%h %l " COMMON " %{more}n" AGENT " %{rest}n",
    "apache:%h %l " COMMON " %{more}n" AGENT,
    ("apache:%v %h %l " COMMON " %{rest}n"),
    ("apache:%h %l " COMMON " %{rest}n"),
};

#define MEMBERS COUNT_OF(members)
#define LOOSE 8 /* from this member on */

struct clf_format {
    struct format base;
    struct format *members[MEMBERS];
};

struct clf_parser {
    struct parser base;
    struct parser *members[MEMBERS]; /* each with the scratch space of this one */
};

static int clf_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct clf_format *f = (struct clf_format *)base;

    (void)argument;
    for (size_t i = 0; i < MEMBERS; i++)
        if (!(f->members[i] = format_new(str_of(members[i]), base->zone, why)))
            return -1;
    return 0;
}

static void clf_format_release(struct format *base)
{
    struct clf_format *f = (struct clf_format *)base;

    for (size_t i = 0; i < MEMBERS; i++)
        format_free(f->members[i]);
}

/* Common's in each line; the others where there is more. */
static void clf_fields(const struct format *base, struct format_fields *fields)
{
    (void)base;
    fields->always |= HIT_BIT(CLIENT_IP) | HIT_BIT(METHOD) | HIT_BIT(PATH) | HIT_BIT(QUERY) |
                      HIT_BIT(PROTOCOL) | HIT_BIT(STATUS) | HIT_BIT(BYTES) | HIT_BIT(REMOTE_USER);
    fields->maybe |=
        HIT_BIT(HOST) | HIT_BIT(REFERRER) | HIT_BIT(USER_AGENT) | HIT_BIT(FORWARDED_FOR);
}

static int clf_parser_init(struct parser *base)
{
    struct clf_parser *p = (struct clf_parser *)base;
    const struct clf_format *f = (const struct clf_format *)base->format;

    for (size_t i = 0; i < MEMBERS; i++) {
        if (!(p->members[i] = parser_new(f->members[i])))
            return -1;
        decode_scratch_release(&p->members[i]->scratch);
    }
    return 0;
}

static void clf_parser_release(struct parser *base)
{
    struct clf_parser *p = (struct clf_parser *)base;

    for (size_t i = 0; i < MEMBERS; i++) {
        if (p->members[i])
            p->members[i]->scratch = (struct decode_scratch){0};
        parser_free(p->members[i]);
    }
}

static enum parse_result try_member(struct clf_parser *p, size_t i, struct str line,
                                    struct hit *hit)
{
    struct parser *member = p->members[i];

    *hit = hit_nothing();
    member->scratch = p->base.scratch;
    decode_scratch_retry(&member->scratch);
    enum parse_result result = member->format->row->family->line(member, line, hit);
    p->base.scratch = member->scratch;
    return result;
}

/* By the members from `from` on and before `to`. */
static bool try_members(struct clf_parser *p, size_t from, size_t to, struct str line,
                        struct hit *hit)
{
    size_t last = to;

    for (size_t i = from; i < to; i++) {
        if (try_member(p, i, line, hit) != PARSE_OK)
            continue;
        if (!looks_odd(hit) && !looks_like_nobodys(hit))
            return true;
        last = i;
    }
    return last < to && try_member(p, last, line, hit) == PARSE_OK;
}

static enum parse_result clf_line(struct parser *base, struct str line, struct hit *hit)
{
    struct clf_parser *p = (struct clf_parser *)base;

    if (str_starts(line, STR("\""))) /* OpenLiteSpeed's: it would be a part of the address */
        return parser_fail(base, "expected the client's address, and no quote before it", 0);
    if (try_members(p, 0, LOOSE, line, hit) || try_members(p, LOOSE, MEMBERS, line, hit))
        return PARSE_OK;
    decode_scratch_retry(&base->scratch);
    return parser_fail(base, p->members[LOOSE - 1]->error, p->members[LOOSE - 1]->error_at);
}

const struct format_family format_clf_family = {
    .directives = false,
    .format_size = sizeof(struct clf_format),
    .parser_size = sizeof(struct clf_parser),
    .format_init = clf_format_init,
    .format_release = clf_format_release,
    .fields = clf_fields,
    .parser_init = clf_parser_init,
    .parser_release = clf_parser_release,
    .line = clf_line,
};
