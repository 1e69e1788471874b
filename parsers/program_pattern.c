/*
 * program_pattern.c - the steps of a program as PCRE2 patterns: what the scanner must find, said
 * once more in another language. Repeats are possessive and groups atomic, so that a pattern takes
 * nothing back either.
 */
#include "parsers/program_impl.h"

#include "parsers/time_format.h"

static void put_literal(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (ascii_alnum(text.p[i]))
            buf_putc(out, text.p[i]);
        else
            buf_printf(out, "\\x%02x", (unsigned char)text.p[i]);
    }
}

static void put_byte(struct buf *out, int byte)
{
    buf_printf(out, "\\x%02x", (unsigned)byte);
}

static void put_number(struct buf *out, const struct program_step *s, const char *pattern)
{
    buf_printf(out, "(?>%s%s)", pattern, s->field.may_be_empty ? "|" : "");
    if (s->stop == STOP_NONE) {
        buf_lit(out, "(?= |$)");
        return;
    }
    buf_lit(out, "(?=[");
    put_byte(out, s->stop);
    if (s->stop2 != STOP_NONE)
        put_byte(out, s->stop2);
    buf_lit(out, "])");
}

static void put_shape(struct buf *out, const struct program_step *s)
{
    switch (s->field.shape) {
    case SHAPE_STATUS:
        put_number(out, s, "\\d{3}|0|-1?+");
        break;
    case SHAPE_COUNT:
        put_number(out, s, "\\+?+\\d{1,19}+|-1?+");
        break;
    case SHAPE_DECIMAL:
        put_number(out, s, "-?+\\d{1,12}+(?:\\.\\d{1,9}+)?+|-");
        break;
    case SHAPE_PROTOCOL:
        put_number(out, s, "[A-Z]{1,8}+/\\d(?:\\.\\d)?+|-");
        break;
    case SHAPE_TIME_CLF:
        buf_lit(out, "\\d\\d?+/[A-Z][a-z][a-z]/\\d{4}:\\d\\d:\\d\\d:\\d\\d [+-]\\d{4}");
        break;
    case SHAPE_TIME_ISO:
        buf_lit(out, "\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,9}+)?+"
                     "(?>Z|[+-]\\d\\d:?+\\d\\d)?+");
        break;
    default:
        time_format_pattern(s->field.time_format, out);
    }
}

static void put_class(struct buf *out, int a, int b)
{
    buf_lit(out, "[^");
    put_byte(out, a);
    if (b != STOP_NONE)
        put_byte(out, b);
    buf_putc(out, ']');
}

static void put_list(struct buf *out, const struct program_step *s)
{
    put_class(out, s->stop, ' ');
    buf_putc(out, '*');
    buf_lit(out, "+(?:");
    buf_put_str(out, s->stop == ',' ? STR("(?> : |, )") : STR("(?> : |(?<=,)\\x20)"));
    put_class(out, s->stop, ' ');
    buf_lit(out, "*+)*+");
}

static void put_search(struct buf *out, const struct program_step *s, bool guarded)
{
    buf_lit(out, "(?>.*?(?=");
    put_literal(out, s->text);
    if (guarded) {
        put_shape(out, s + 1);
        put_literal(out, s[1].text);
    }
    buf_lit(out, "))");
}

static void put_field(struct buf *out, const struct program_step *s)
{
    switch (s->op) {
    case OP_SPAN:
        put_class(out, s->stop, s->stop2);
        buf_put_str(out, s->some ? STR("++") : STR("*+"));
        break;
    case OP_PAIRS:
        put_class(out, s->stop, '\\');
        buf_lit(out, "*+(?:\\\\.");
        put_class(out, s->stop, '\\');
        buf_lit(out, "*+)*+");
        break;
    case OP_SEARCH:
        put_search(out, s, s->guarded);
        break;
    case OP_TAIL:
        buf_lit(out, "(?>.*?(?=");
        put_literal(out, s->text);
        buf_lit(out, " *+$))");
        break;
    case OP_LIST:
        put_list(out, s);
        break;
    case OP_REST:
        buf_lit(out, ".*+");
        break;
    case OP_SHAPE:
        put_shape(out, s);
        break;
    default:
        break;
    }
}

void program_pattern(const struct program *p, struct buf *out)
{
    size_t open = 0;

    for (size_t i = 0; i < p->n; i++) {
        const struct program_step *s = &p->steps[i];

        if (open && open == i) {
            buf_putc(out, ')');
            open = 0;
        }
        if (s->skip) {
            buf_lit(out, "(?(?=");
            put_literal(out, s->text);
            buf_putc(out, ')');
            open = s->skip;
        }
        if (s->op != OP_NONE) {
            buf_putc(out, '(');
            put_field(out, s);
            buf_putc(out, ')');
        }
        put_literal(out, s->text);
    }
    if (open)
        buf_putc(out, ')');
    buf_lit(out, " *+$");
}

/* Where a search found its text, but nowhere with what must follow it, the line stops fitting
 * there.
 */
static void put_search_walk(struct buf *out, const struct program_step *s)
{
    buf_lit(out, "(?>");
    put_search(out, s, true);
    buf_putc(out, '|');
    put_search(out, s, false);
    buf_putc(out, ')');
}

void program_step_pattern(const struct program *p, size_t step, bool text, struct buf *out)
{
    if (step == p->n)
        buf_lit(out, " *+$");
    else if (text)
        put_literal(out, p->steps[step].text);
    else if (p->steps[step].guarded)
        put_search_walk(out, &p->steps[step]);
    else
        put_field(out, &p->steps[step]);
}
