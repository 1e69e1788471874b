/*
 * program_build.c - from texts and fields to steps. How a field ends follows from its shape, from
 * what its writer escapes, and from the text behind it; so that is decided when all are known.
 */
#include "parsers/program_impl.h"

#include "parsers/time_format.h"

#include <stdlib.h>

#define TEXTS_MAX 65536
#define SENTENCES_MAX ((size_t)256 << 10)

struct program *program_new(void)
{
    struct program *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    buf_init(&p->texts, TEXTS_MAX);
    buf_init(&p->sentences, SENTENCES_MAX);
    return p;
}

void program_free(struct program *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        free((char *)p->steps[i].field.name);
    buf_release(&p->texts);
    buf_release(&p->sentences);
    free(p);
}

static struct program_step *add_step(struct program *p)
{
    struct program_step *s;

    if (p->n == PROGRAM_STEPS_MAX) {
        p->too_long = true;
        return NULL;
    }
    s = &p->steps[p->n++];
    s->stop = s->stop2 = STOP_NONE;
    p->text_at[p->n - 1] = p->texts.n;
    return s;
}

void program_text(struct program *p, struct str text)
{
    if (text.n == 0 || (p->n == 0 && !add_step(p)))
        return;
    buf_put_str(&p->texts, text);
    p->text_n[p->n - 1] = p->texts.n - p->text_at[p->n - 1];
}

int program_field(struct program *p, const struct program_field *field, size_t *step)
{
    struct program_step *s;

    if (p->n > 0 && p->steps[p->n - 1].field.shape != SHAPE_NONE && p->text_n[p->n - 1] == 0 &&
        !p->steps[p->n - 1].field.ends_at)
        return -1;
    s = add_step(p);
    if (!s)
        return 0;
    s->field = *field;
    s->field.name = strdup(field->name);
    p->too_long |= !s->field.name;
    *step = p->n - 1;
    return 0;
}

void program_optional(struct program *p, struct str begin)
{
    if (!add_step(p))
        return;
    p->open = p->n;
    program_text(p, begin);
}

void program_optional_end(struct program *p)
{
    if (p->open > 0)
        p->steps[p->open - 1].skip = p->n;
    p->open = 0;
    (void)add_step(p); /* so that no text behind it is joined to what may be missing */
}

static bool is_shaped(const struct program_step *s)
{
    return s->field.shape >= SHAPE_STATUS;
}

static void choose_free(struct program_step *s, bool next_shaped, bool last)
{
    bool quoted = s->stop == '"';

    if (s->text.n == 0) {
        s->op = OP_REST;
    } else if (quoted && s->field.escape == ESCAPE_QUOTES) {
        s->op = OP_SPAN;
    } else if (quoted && s->field.escape == ESCAPE_PAIRS) {
        s->op = OP_PAIRS;
    } else if (last) {
        s->op = OP_TAIL;
    } else {
        s->op = OP_SEARCH;
        s->guarded = next_shaped;
    }
}

/* Where the field behind it is empty, its text is. */
static void choose_ends_at(struct program_step *s, const struct program_step *next)
{
    s->op = s->field.shape == SHAPE_COUNT ? OP_SHAPE : OP_SPAN;
    s->stop = (unsigned char)s->field.ends_at;
    if (s->field.shape == SHAPE_WORD || s->field.shape == SHAPE_COUNT)
        s->stop2 = next && s->text.n == 0 && next->text.n ? (unsigned char)next->text.p[0] : ' ';
}

static void choose_op(struct program_step *s, const struct program_step *next)
{
    bool next_shaped = next && is_shaped(next), last = !next;

    s->stop = s->text.n ? (unsigned char)s->text.p[0] : STOP_NONE;
    if (s->field.ends_at) {
        choose_ends_at(s, next);
        return;
    }
    switch (s->field.shape) {
    case SHAPE_NONE:
        s->op = OP_NONE;
        break;
    case SHAPE_WORD:
        if (s->stop == ':' && next_shaped) { /* addresses hold colons */
            choose_free(s, next_shaped, last);
            break;
        }
        s->op = OP_SPAN;
        s->some = !s->field.may_be_empty;
        if (s->stop == STOP_NONE)
            s->stop = ' ';
        else if (s->stop != ' ')
            s->stop2 = ' ';
        break;
    case SHAPE_LIST:
        if (s->stop == '"') {
            choose_free(s, next_shaped, last);
            break;
        }
        s->op = OP_LIST;
        if (s->stop == STOP_NONE)
            s->stop = ' ';
        break;
    case SHAPE_FREE:
        choose_free(s, next_shaped, last);
        break;
    default:
        s->op = OP_SHAPE;
    }
}

static void set_text(struct program *p, size_t i)
{
    struct program_step *s = &p->steps[i];
    unsigned char first[sizeof(s->word)] = {0}, mask[sizeof(s->word)] = {0};
    size_t n;

    s->text = str_slice(buf_str(&p->texts), p->text_at[i], p->text_at[i] + p->text_n[i]);
    n = s->text.n < sizeof(first) ? s->text.n : sizeof(first);
    memcpy(first, s->text.p, n);
    memset(mask, 0xff, n);
    memcpy(&s->word, first, sizeof(first));
    memcpy(&s->mask, mask, sizeof(mask));
}

/* ---- sentences: offsets into one buffer, since it moves until all are written ---------------- */

static const char *name_of(const struct program *p, size_t i)
{
    return i < p->n && p->steps[i].field.name ? p->steps[i].field.name : NULL;
}

static void put_text(struct buf *b, struct str text)
{
    char quote = memchr(text.p, '\'', text.n) ? '"' : '\'';

    buf_putc(b, quote);
    for (size_t i = 0; i < text.n && i < 40; i++) {
        if (text.p[i] == '\t')
            buf_lit(b, "\\t");
        else
            buf_putc(b, text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?');
    }
    buf_putc(b, quote);
}

static void say_text(struct program *p, size_t i)
{
    const char *before = name_of(p, i), *after = name_of(p, i + 1);

    buf_lit(&p->sentences, "expected ");
    put_text(&p->sentences, p->steps[i].text);
    if (before && after) {
        buf_printf(&p->sentences, " between %s and %s", before, after);
    } else if (before || after) {
        buf_printf(&p->sentences, " %s %s", before ? "behind" : "before", before ? before : after);
    }
    buf_putc(&p->sentences, '\0');
}

static const char *shape_hint(enum program_shape shape)
{
    switch (shape) {
    case SHAPE_STATUS:
        return ", three digits or '-'";
    case SHAPE_COUNT:
    case SHAPE_DECIMAL:
        return ", a number or '-'";
    case SHAPE_PROTOCOL:
        return ", like HTTP/1.1";
    case SHAPE_TIME_CLF:
        return " like 02/Jan/2026:03:04:05 +0000";
    case SHAPE_TIME_ISO:
        return " like 2026-01-02T03:04:05+00:00";
    default:
        return "";
    }
}

static void say_field(struct program *p, size_t i)
{
    const struct program_step *s = &p->steps[i];
    const char *name = name_of(p, i);

    buf_printf(&p->sentences, "expected %s%s", name ? name : "a column",
               shape_hint(s->field.shape));
    if (s->op == OP_SEARCH || s->op == OP_TAIL) {
        buf_lit(&p->sentences, " and behind it ");
        put_text(&p->sentences, s->text);
    }
    buf_putc(&p->sentences, '\0');
}

/* Two sentences a step, then the one of the end. */
static int say_all(struct program *p, const char *end)
{
    const char *at;

    for (size_t i = 0; i < p->n; i++) {
        say_field(p, i);
        say_text(p, i);
    }
    buf_put(&p->sentences, end, strlen(end) + 1);
    if (p->sentences.failed)
        return -1;
    at = p->sentences.p;
    for (size_t i = 0; i < p->n; i++) {
        p->steps[i].field_error = at;
        at += strlen(at) + 1;
        p->steps[i].text_error = at;
        at += strlen(at) + 1;
    }
    p->end_error = at;
    return 0;
}

/* Blanks at the end of a line are passed over anyway. */
static void trim_last(struct program *p)
{
    if (p->n == 0)
        return;
    size_t *n = &p->text_n[p->n - 1], at = p->text_at[p->n - 1];
    while (*n > 0 && p->texts.p[at + *n - 1] == ' ')
        --*n;
}

int program_finish(struct program *p, const char *end, struct buf *why)
{
    if (p->too_long || p->texts.failed) {
        buf_printf(why, "the format is too long: it may have %d columns and %d bytes",
                   PROGRAM_STEPS_MAX, TEXTS_MAX);
        return -1;
    }
    trim_last(p);
    for (size_t i = 0; i < p->n; i++)
        set_text(p, i);
    for (size_t i = 0; i < p->n; i++)
        choose_op(&p->steps[i], i + 1 < p->n ? &p->steps[i + 1] : NULL);
    if (say_all(p, end)) {
        buf_lit(why, "out of memory");
        return -1;
    }
    return 0;
}

size_t program_steps(const struct program *p)
{
    return p->n;
}

const struct program_field *program_step_field(const struct program *p, size_t step)
{
    return &p->steps[step].field;
}

size_t program_step_skip(const struct program *p, size_t step)
{
    return p->steps[step].skip;
}
