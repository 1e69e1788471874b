/*
 * program.c - the scanner: goes over a line step by step. How a program is built is in
 * program_build.c, its pattern in program_pattern.c.
 */
#include "parsers/program_impl.h"

#include "parsers/time_format.h"

#include <stdlib.h>

#define CLF_BYTES 26

/* ---- shapes: where one ends that begins at `at`, or NULL ------------------------------------- */

/* From least to most digits; what is behind them is not looked at. */
static const char *digits(const char *at, const char *end, int least, int most)
{
    int n = 0;

    while (n < most && at < end && ascii_digit(*at))
        at++, n++;
    return n >= least ? at : NULL;
}

static const char *minus_or_minus_one(const char *at, const char *end)
{
    if (at == end || *at != '-')
        return NULL;
    at++;
    return at < end && *at == '1' ? at + 1 : at;
}

static const char *status_end(const char *at, const char *end)
{
    const char *to = digits(at, end, 3, 3);

    if (to)
        return to;
    return at < end && *at == '0' ? at + 1 : minus_or_minus_one(at, end);
}

static const char *count_end(const char *at, const char *end)
{
    const char *to = digits(at + (at < end && *at == '+'), end, 1, 19);

    return to ? to : minus_or_minus_one(at, end);
}

static const char *fraction_end(const char *at, const char *end)
{
    const char *to = at < end && *at == '.' ? digits(at + 1, end, 1, 9) : NULL;

    return to ? to : at;
}

static const char *decimal_end(const char *at, const char *end)
{
    bool minus = at < end && *at == '-';
    const char *to = digits(at + minus, end, 1, 12);

    if (to)
        return fraction_end(to, end);
    return minus ? at + 1 : NULL;
}

static const char *protocol_end(const char *at, const char *end)
{
    const char *p = at;

    while (p < end && p - at < 8 && *p >= 'A' && *p <= 'Z')
        p++;
    if (p > at && end - p >= 2 && *p == '/' && ascii_digit(p[1])) {
        p += 2;
        return end - p >= 2 && *p == '.' && ascii_digit(p[1]) ? p + 2 : p;
    }
    return at < end && *at == '-' ? at + 1 : NULL;
}

/* `mask`: 'd' a digit, 'A' and 'a' a letter of its case, '+' a sign, any other byte itself. */
static bool fits_mask(const char *at, const char *mask, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = at[i];
        bool fits;

        switch (mask[i]) {
        case 'd':
            fits = ascii_digit(c);
            break;
        case 'A':
            fits = c >= 'A' && c <= 'Z';
            break;
        case 'a':
            fits = c >= 'a' && c <= 'z';
            break;
        case '+':
            fits = c == '+' || c == '-';
            break;
        default:
            fits = c == mask[i];
        }
        if (!fits)
            return false;
    }
    return true;
}

static const char *clf_end(struct program_run *run, const char *at, const char *end)
{
    static const char mask[] = "dd/Aaa/dddd:dd:dd:dd +dddd";

    if (end - at >= CLF_BYTES && memcmp(at, run->time, CLF_BYTES) == 0)
        return at + CLF_BYTES;
    if (end - at >= CLF_BYTES && fits_mask(at, mask, CLF_BYTES)) {
        memcpy(run->time, at, CLF_BYTES);
        return at + CLF_BYTES;
    }
    /* A day of one digit. */
    return end - at >= CLF_BYTES - 1 && fits_mask(at, mask + 1, CLF_BYTES - 1) ? at + CLF_BYTES - 1
                                                                               : NULL;
}

static const char *iso_end(const char *at, const char *end)
{
    if (end - at < 19 || (at[10] != 'T' && at[10] != ' ') || !fits_mask(at, "dddd-dd-dd", 10) ||
        !fits_mask(at + 11, "dd:dd:dd", 8))
        return NULL;
    at = fraction_end(at + 19, end);
    if (at < end && *at == 'Z')
        return at + 1;
    if (end - at >= 6 && fits_mask(at, "+dd:dd", 6))
        return at + 6;
    return end - at >= 5 && fits_mask(at, "+dddd", 5) ? at + 5 : at;
}

static inline const char *number_end(const struct program_step *s, const char *at, const char *end)
{
    const char *to = NULL;

    switch (s->field.shape) {
    case SHAPE_STATUS:
        to = status_end(at, end);
        break;
    case SHAPE_COUNT:
        to = count_end(at, end);
        break;
    case SHAPE_DECIMAL:
        to = decimal_end(at, end);
        break;
    default:
        to = protocol_end(at, end);
    }
    if (!to && s->field.may_be_empty)
        to = at;
    if (!to)
        return NULL;
    if (s->stop == STOP_NONE)
        return to == end || *to == ' ' ? to : NULL;
    return to < end && ((unsigned char)*to == s->stop || (unsigned char)*to == s->stop2) ? to
                                                                                         : NULL;
}

static inline const char *shape_end(const struct program_step *s, struct program_run *run,
                                    const char *at, const char *end)
{
    switch (s->field.shape) {
    case SHAPE_TIME_CLF:
        return clf_end(run, at, end);
    case SHAPE_TIME_ISO:
        return iso_end(at, end);
    case SHAPE_TIME_OWN:
        return time_format_end(s->field.time_format, at, end);
    default:
        return number_end(s, at, end);
    }
}

/* ---- fields and texts -------------------------------------------------------------------------
 */

/* The end of the text of `s`, which must stand at `at`; or NULL. */
static inline const char *pass(const struct program_step *s, const char *at, const char *end)
{
    size_t left = (size_t)(end - at);
    uint64_t word;

    if (left >= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        if ((word ^ s->word) & s->mask)
            return NULL;
        if (s->text.n <= sizeof(word))
            return at + s->text.n;
    }
    if (left < s->text.n)
        return NULL;
    return s->text.n == 0 || memcmp(at, s->text.p, s->text.n) == 0 ? at + s->text.n : NULL;
}

static inline const char *find_byte(const char *at, const char *end, int byte)
{
    const char *found = at < end ? memchr(at, byte, (size_t)(end - at)) : NULL;

    return found ? found : end;
}

static inline const char *span_end(const struct program_step *s, const char *at, const char *end)
{
    const char *to = find_byte(at, end, s->stop);

    if (s->stop2 != STOP_NONE)
        to = find_byte(at, to, s->stop2);
    return s->some && to == at ? NULL : to;
}

/* Each byte is looked at once for the stop and once for backslashes. */
static const char *pairs_end(const struct program_step *s, const struct program_run *run,
                             const char *at, const char *end)
{
    const char *stop = find_byte(at, end, s->stop);
    const char *slash;

    while (!run->no_backslash && (slash = find_byte(at, stop, '\\')) < stop) {
        if (end - slash < 2)
            return slash;
        at = slash + 2;
        if (at > stop)
            stop = find_byte(at, end, s->stop);
    }
    return stop;
}

static const char *list_end(const struct program_step *s, const struct program_run *run,
                            const char *at, const char *end)
{
    bool commas = s->stop == ','; /* then a comma without a blank behind it is the end */

    for (;; at++) {
        while (at < end && (unsigned char)*at != s->stop && *at != ' ')
            at++;
        if (end - at >= 3 && memcmp(at, " : ", 3) == 0)
            at += 2;
        else if (commas && end - at >= 2 && at[0] == ',' && at[1] == ' ')
            at += 1;
        else if (commas || at == end || *at != ' ' || at == run->line || at[-1] != ',')
            return at;
    }
}

static inline const char *next_text(const struct program_step *s, const char *at, const char *end)
{
    if (at >= end)
        return NULL;
    return s->text.n == 1 ? memchr(at, s->text.p[0], (size_t)(end - at))
                          : memmem(at, (size_t)(end - at), s->text.p, s->text.n);
}

static inline bool guard_fits(const struct program_step *s, struct program_run *run, const char *at,
                              const char *end)
{
    const char *to;

    if (!s->guarded)
        return true;
    to = shape_end(s + 1, run, at + s->text.n, end);
    run->guarded = to;
    return to && pass(s + 1, to, end);
}

static const char *search_end(const struct program_step *s, struct program_run *run, const char *at,
                              const char *end)
{
    /* Mostly the value is missing: then this is what the loop would find first. */
    if (at < end && *at == '-' && s->text.p[0] != '-' && pass(s, at + 1, end) &&
        guard_fits(s, run, at + 1, end))
        return at + 1;
    for (at = next_text(s, at, end); at; at = next_text(s, at + 1, end)) {
        if (guard_fits(s, run, at, end))
            return at;
    }
    return NULL;
}

static const char *tail_end(const struct program_step *s, const char *at, const char *end)
{
    struct str rest = {at, (size_t)(end - at)};

    while (rest.n > 0 && rest.p[rest.n - 1] == ' ')
        rest.n--;
    return str_ends(rest, s->text) ? at + (rest.n - s->text.n) : NULL;
}

/* Where the field of `s` ends, or NULL. */
static inline const char *field_end(const struct program_step *s, struct program_run *run,
                                    const char *at, const char *end)
{
    if (s->op == OP_SPAN)
        return span_end(s, at, end);
    switch (s->op) {
    case OP_PAIRS:
        return pairs_end(s, run, at, end);
    case OP_SEARCH:
        return search_end(s, run, at, end);
    case OP_TAIL:
        return tail_end(s, at, end);
    case OP_LIST:
        return list_end(s, run, at, end);
    case OP_REST:
        return end;
    case OP_SHAPE:
        return shape_end(s, run, at, end);
    default:
        return at;
    }
}

/* A search failed: says where the first place that had its text stopped fitting, if there is one.
 */
static void explain_search(const struct program_step *s, struct program_run *run, struct str line)
{
    ptrdiff_t found = str_find(line, s->text, run->column);
    const char *begin, *to;

    if (found < 0)
        return;
    begin = line.p + found + s->text.n;
    to = shape_end(s + 1, run, begin, line.p + line.n);
    run->step++;
    run->in_text = to != NULL;
    run->column = (size_t)((to ? to : begin) - line.p);
    run->error = to ? s[1].text_error : s[1].field_error;
}

static bool fail(const struct program *p, struct program_run *run, const struct program_step *s,
                 bool in_text, const char *at, struct str line)
{
    run->step = (size_t)(s - p->steps);
    run->in_text = in_text;
    run->column = (size_t)(at - line.p);
    if (run->step == p->n) {
        run->error = p->end_error;
        return false;
    }
    run->error = in_text ? s->text_error : s->field_error;
    if (!in_text && s->op == OP_SEARCH && s->guarded)
        explain_search(s, run, line);
    return false;
}

static bool only_blanks(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at == end;
}

bool program_scan(const struct program *p, struct program_run *run, struct str line)
{
    const char *at = line.p, *end = line.p + line.n, *to;
    const struct program_step *s = p->steps, *last = p->steps + p->n;
    struct str *span = run->spans;

    run->line = line.p;
    while (s < last) {
        to = field_end(s, run, at, end);
        if (!to)
            return fail(p, run, s, false, at, line);
        if (s->op != OP_NONE)
            *span = (struct str){at, (size_t)(to - at)};
        if (s->guarded) { /* the search went over the next step too */
            at = to + s->text.n;
            span[1] = (struct str){at, (size_t)(run->guarded - at)};
            at = run->guarded + s[1].text.n;
            s += 2;
            span += 2;
            continue;
        }
        at = pass(s, to, end);
        if (at) {
            s++;
            span++;
            continue;
        }
        if (s->skip == 0)
            return fail(p, run, s, true, to, line);
        at = to;
        for (const struct program_step *on = p->steps + s->skip; s < on; s++)
            *span++ = STR_NONE;
    }
    return only_blanks(at, end) || fail(p, run, last, false, at, line);
}

int program_run_init(struct program_run *run, const struct program *p)
{
    memset(run, 0, sizeof(*run));
    memcpy(run->time, "01/Jan/1970:00:00:00 +0000", CLF_BYTES);
    run->spans = calloc(p->n + 1, sizeof(*run->spans));
    return run->spans ? 0 : -1;
}

void program_run_release(struct program_run *run)
{
    free(run->spans);
    run->spans = NULL;
}
