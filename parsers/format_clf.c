/*
 * format_clf.c - nginx "combined" and "main", Apache "combined", as layouts, and a short cut for
 * the lines that most are.
 *
 * The user is what strangers may type before they are known, spaces and brackets included: it ends
 * only before a whole time and the quote of the request, which no user can forge, since every
 * writer escapes quotes. nginx escapes '"' as \x22, so its quoted fields end at the next quote;
 * Apache escapes it as \", so there a backslash and the byte behind it are a pair.
 */
#include "parsers/format_impl.h"
#include "parsers/layout.h"

#include "parsers/base/time.h"

#define CLF_TIME_BYTES 26

#define CLF_TIME "\\d\\d/[A-Z][a-z]{2}/\\d{4}:\\d\\d:\\d\\d:\\d\\d [+-]\\d{4}"
/* A user may hold anything but what follows it. From bracket to bracket, so that a line of blanks
 * costs no step a blank. */
#define CLF_USER "(?:-(?= \\[)|\\[?+(?:[^[]*+\\[(?!(?<= \\[)" CLF_TIME "\\] \"))*+[^[]*(?= \\[))"
#define CLF_USER_WALK "\\[?+(?:[^[]*+(?<! )\\[)*+[^[]*(?= \\[)"
#define NGINX_QUOTED "[^\"]*+"
#define APACHE_QUOTED "[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+"

#define EL_ADDRESS                                                                                 \
    {                                                                                              \
        "[^ ]++", LAYOUT_ADDRESS, "expected the client's address", NULL                            \
    }
#define EL_TEXT(pattern, expected)                                                                 \
    {                                                                                              \
        pattern, LAYOUT_NONE, expected, NULL                                                       \
    }
#define EL_FROM_USER(quoted)                                                                       \
    {CLF_USER, LAYOUT_USER, "expected the user and behind it \" [\"", CLF_USER_WALK},              \
        EL_TEXT(" \\[", "expected \" [\" before the time"),                                        \
        {CLF_TIME, LAYOUT_TIME, "expected a time like 02/Jan/2026:03:04:05 +0000", NULL},          \
        EL_TEXT("\\] \"", "expected '] \"' between the time and the request line"),                \
        {quoted, LAYOUT_REQUEST, "expected the request line", NULL},                               \
        EL_TEXT("\" ", "expected '\" ' behind the request line"),                                  \
        {"(?:\\d{3}|-)(?= )", LAYOUT_STATUS, "expected a status of three digits", NULL},           \
        EL_TEXT(" ", "expected a space behind the status"),                                        \
        {"(?:\\d{1,19}|-)(?= )", LAYOUT_BYTES, "expected the number of bytes sent", NULL},         \
        EL_TEXT(" \"", "expected ' \"' before the referrer"),                                      \
        {quoted, LAYOUT_REFERRER, "expected the referrer", NULL},                                  \
        EL_TEXT("\" \"", "expected '\" \"' between the referrer and the user agent"),              \
        {quoted, LAYOUT_USER_AGENT, "expected the user agent", NULL},                              \
        EL_TEXT("\"", "expected '\"' behind the user agent")
#define EL_END(expected) EL_TEXT(" *+$", expected)

static const struct layout_element nginx_combined[] = {
    EL_ADDRESS,
    EL_TEXT(" - ", "expected \" - \" behind the address"),
    EL_FROM_USER(NGINX_QUOTED),
    EL_END("more columns than \"combined\" has behind the user agent"),
};

static const struct layout_element nginx_main[] = {
    EL_ADDRESS,
    EL_TEXT(" - ", "expected \" - \" behind the address"),
    EL_FROM_USER(NGINX_QUOTED),
    EL_TEXT(" \"", "expected X-Forwarded-For in quotes behind the user agent"),
    {NGINX_QUOTED, LAYOUT_FORWARDED_FOR, "expected X-Forwarded-For", NULL},
    EL_TEXT("\"", "expected '\"' behind X-Forwarded-For"),
    EL_END("more columns than \"main\" has behind X-Forwarded-For"),
};

static const struct layout_element apache_combined[] = {
    EL_ADDRESS,
    EL_TEXT(" [^ ]++ ", "expected the remote log name (mostly \"-\") behind the address"),
    EL_FROM_USER(APACHE_QUOTED),
    EL_END("more columns than \"combined\" has behind the user agent"),
};

#define VARIANT(elements, decode)                                                                  \
    {                                                                                              \
        elements, sizeof(elements) / sizeof((elements)[0]), decode                                 \
    }

static const struct {
    const struct layout_element *elements;
    size_t n;
    decode_fn *decode;
} variants[] = {
    [CLF_NGINX_COMBINED] = VARIANT(nginx_combined, decode_nginx),
    [CLF_NGINX_MAIN] = VARIANT(nginx_main, decode_nginx),
    [CLF_APACHE_COMBINED] = VARIANT(apache_combined, decode_apache),
};

struct clf_format {
    struct format base;
    enum clf_variant variant;
    struct layout *layout;
    decode_fn *decode;
};

struct clf_parser {
    struct parser base;
    struct regex_run *run;
    struct str fields[LAYOUT_FIELDS]; /* those the layout has not stay STR_NONE */
    /* Lines of one second have one time: the last text and what it meant. */
    char time_text[CLF_TIME_BYTES];
    int64_t time_ms;
};

static int clf_format_init(struct format *base, struct str argument, struct buf *why)
{
    struct clf_format *f = (struct clf_format *)base;
    int v = base->row->variant;

    f->variant = (enum clf_variant)v;
    f->decode = variants[v].decode;
    f->layout = layout_new(variants[v].elements, variants[v].n, why);
    return f->layout ? 0 : -1;
}

static void clf_format_release(struct format *base)
{
    layout_free(((struct clf_format *)base)->layout);
}

static bool clf_is_fast(const struct format *base)
{
    return layout_is_fast(((const struct clf_format *)base)->layout);
}

static int clf_parser_init(struct parser *base)
{
    struct clf_parser *p = (struct clf_parser *)base;

    p->run = layout_run_new(((const struct clf_format *)base->format)->layout);
    return p->run ? 0 : -1;
}

static void clf_parser_release(struct parser *base)
{
    regex_run_free(((struct clf_parser *)base)->run);
}

static void clf_parser_reset(struct parser *base)
{
    (void)base; /* a line of these formats depends on no line before it */
}

static bool clf_time(struct clf_parser *p, struct str text, int64_t *ms)
{
    if (text.n != CLF_TIME_BYTES)
        return false;
    if (memcmp(text.p, p->time_text, CLF_TIME_BYTES) != 0) {
        if (!time_parse_clf(text, &p->time_ms))
            return false;
        memcpy(p->time_text, text.p, CLF_TIME_BYTES);
    }
    *ms = p->time_ms;
    return true;
}

/* ---- lines as most of them are: no backslash, no user ------------------------------------------
 *
 * They are split by hand, in half the time of the regular expression. Whatever is not quite so goes
 * to that one, and so does every mistake: what a line means, and what is wrong with it, is said in
 * one place, and this one may only agree (tests/unit/parsers/clf_split.h).
 */

/* Goes over `text`, which must come next. */
static bool pass(struct str *rest, struct str text)
{
    if (!str_starts(*rest, text))
        return false;
    *rest = str_slice(*rest, text.n, rest->n);
    return true;
}

/* The text before the next `stop`; goes over both. */
static bool take_until(struct str *rest, char stop, struct str *out)
{
    ptrdiff_t at = str_chr(*rest, stop, 0);

    if (at < 0)
        return false;
    *out = str_slice(*rest, 0, (size_t)at);
    *rest = str_slice(*rest, (size_t)at + 1, rest->n);
    return true;
}

static bool is_number(struct str s, size_t least, size_t most)
{
    if (s.n == 1 && s.p[0] == '-')
        return true;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n >= least && s.n <= most;
}

static bool split_time(struct clf_parser *p, struct str *rest)
{
    int64_t ms;

    if (rest->n < CLF_TIME_BYTES)
        return false;
    p->fields[LAYOUT_TIME] = str_slice(*rest, 0, CLF_TIME_BYTES);
    *rest = str_slice(*rest, CLF_TIME_BYTES, rest->n);
    return clf_time(p, p->fields[LAYOUT_TIME], &ms);
}

/* From the address to the blank before the user. */
static bool split_front(struct clf_parser *p, enum clf_variant variant, struct str *rest)
{
    struct str *field = p->fields, log_name;

    if (!take_until(rest, ' ', &field[LAYOUT_ADDRESS]) || field[LAYOUT_ADDRESS].n == 0)
        return false;
    if (variant != CLF_APACHE_COMBINED)
        return pass(rest, STR("- "));
    return take_until(rest, ' ', &log_name) && log_name.n > 0;
}

/* From the request line to the user agent. */
static bool split_back(struct clf_parser *p, struct str *rest)
{
    struct str *field = p->fields;

    return take_until(rest, '"', &field[LAYOUT_REQUEST]) && pass(rest, STR(" ")) &&
           take_until(rest, ' ', &field[LAYOUT_STATUS]) && is_number(field[LAYOUT_STATUS], 3, 3) &&
           take_until(rest, ' ', &field[LAYOUT_BYTES]) && is_number(field[LAYOUT_BYTES], 1, 19) &&
           pass(rest, STR("\"")) && take_until(rest, '"', &field[LAYOUT_REFERRER]) &&
           pass(rest, STR(" \"")) && take_until(rest, '"', &field[LAYOUT_USER_AGENT]);
}

/* Fills the fields, in which nothing is left to be decoded. */
static bool split_plain(struct clf_parser *p, enum clf_variant variant, struct str line)
{
    struct str rest = line;

    if (str_chr(line, '\\', 0) >= 0 || !split_front(p, variant, &rest))
        return false;
    p->fields[LAYOUT_USER] = str_slice(rest, 0, rest.n > 0);
    if (!pass(&rest, STR("- [")) || !split_time(p, &rest) || !pass(&rest, STR("] \"")) ||
        !split_back(p, &rest))
        return false;
    if (variant == CLF_NGINX_MAIN &&
        (!pass(&rest, STR(" \"")) || !take_until(&rest, '"', &p->fields[LAYOUT_FORWARDED_FOR])))
        return false;
    while (pass(&rest, STR(" ")))
        continue;
    return rest.n == 0;
}

/* ---- any line ---------------------------------------------------------------------------------
 */

static enum parse_result clf_mismatch(struct clf_parser *p, const struct clf_format *f,
                                      enum regex_result result, struct str line)
{
    size_t column = 0;
    const char *expected = "match limit";

    if (result == REGEX_NO_MATCH)
        expected = layout_explain(f->layout, p->run, line, &column);
    return parser_fail(&p->base, expected, column);
}

static struct str decode_nothing(struct decode_scratch *s, struct str raw)
{
    (void)s;
    return raw;
}

static enum parse_result clf_line(struct parser *base, struct str line, struct hit *hit)
{
    struct clf_parser *p = (struct clf_parser *)base;
    const struct clf_format *f = (const struct clf_format *)base->format;
    const struct str *field = p->fields;
    struct decode_scratch *s = &base->scratch;
    bool plain = split_plain(p, f->variant, line);

    if (!plain) {
        enum regex_result result = layout_match(f->layout, p->run, line, p->fields);
        if (result != REGEX_MATCH)
            return clf_mismatch(p, f, result, line);
    }
    if (!clf_time(p, field[LAYOUT_TIME], &hit->time_ms))
        return parser_fail(base, "this time does not exist",
                           (size_t)(field[LAYOUT_TIME].p - line.p));
    if (!decode_status(field[LAYOUT_STATUS], &hit->status))
        return parser_fail(base, "the status is no number",
                           (size_t)(field[LAYOUT_STATUS].p - line.p));
    if (!decode_count(field[LAYOUT_BYTES], &hit->bytes))
        return parser_fail(base, "the number of bytes is too large",
                           (size_t)(field[LAYOUT_BYTES].p - line.p));
    hit->client_ip = decode_missing(field[LAYOUT_ADDRESS]);
    decode_fn *decode = plain ? decode_nothing : f->decode;
    hit->remote_user = decode_missing(decode(s, field[LAYOUT_USER]));
    hit->referrer = decode_missing(decode(s, field[LAYOUT_REFERRER]));
    hit->user_agent = decode_missing(decode(s, field[LAYOUT_USER_AGENT]));
    hit->forwarded_for = decode_missing(decode(s, field[LAYOUT_FORWARDED_FOR]));
    decode_request_line(s, decode(s, field[LAYOUT_REQUEST]), hit);
    return PARSE_OK;
}

const struct format_family format_clf_family = {
    .directives = false,
    .format_size = sizeof(struct clf_format),
    .parser_size = sizeof(struct clf_parser),
    .format_init = clf_format_init,
    .format_release = clf_format_release,
    .is_fast = clf_is_fast,
    .parser_init = clf_parser_init,
    .parser_release = clf_parser_release,
    .parser_reset = clf_parser_reset,
    .line = clf_line,
};
