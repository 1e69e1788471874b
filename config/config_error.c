/* config_error.c - collects problems and prints them in the order of the file. See config_error.h.
 */
#include "config/config_error.h"

#include "config/arena.h"

#include <stdarg.h>
#include <stdio.h>

void config_errors_init(struct config_errors *e, struct str file, struct config_arena *arena)
{
    *e = (struct config_errors){.file = file, .arena = arena};
}

static bool place_before(struct config_place a, struct config_place b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

void config_error(struct config_errors *e, struct config_place at, const char *format, ...)
{
    char text[CONFIG_MAX_PROBLEM_BYTES];
    va_list args;
    int n;

    if (e->n++ >= CONFIG_MAX_PROBLEMS)
        return;
    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof(text))
        n = sizeof(text) - 1;

    size_t i = e->n - 1;
    for (; i > 0 && place_before(at, e->kept[i - 1].at); i--)
        e->kept[i] = e->kept[i - 1];
    e->kept[i] = (struct config_problem){
        .at = at, .text = config_arena_str(e->arena, (struct str){text, (size_t)n})};
}

/* C0 and DEL, and both bytes of the UTF-8 forms of C1, which some terminals obey as well. */
static bool steers_terminal(struct str s, size_t i)
{
    unsigned char c = (unsigned char)s.p[i];

    if (c < 0x20 || c == 0x7f)
        return true;
    if (c == 0xc2)
        return i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
    return c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)s.p[i - 1] == 0xc2;
}

static void put_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (steers_terminal(s, i))
            buf_printf(out, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
        else
            buf_putc(out, s.p[i]);
    }
}

void config_errors_print(const struct config_errors *e, struct buf *out)
{
    size_t kept = e->n < CONFIG_MAX_PROBLEMS ? e->n : CONFIG_MAX_PROBLEMS;

    for (size_t i = 0; i < kept; i++) {
        put_escaped(out, e->file);
        if (e->kept[i].at.line > 0)
            buf_printf(out, ":%u:%u", e->kept[i].at.line, e->kept[i].at.column);
        buf_lit(out, ": ");
        put_escaped(out, e->kept[i].text);
        buf_lit(out, "\n");
    }
    if (e->n > kept) {
        put_escaped(out, e->file);
        buf_printf(out, ": %zu more problems are not shown\n", e->n - kept);
    }
}

struct str config_shown(struct str value)
{
    size_t n = CONFIG_SHOWN_BYTES;

    if (value.n <= n)
        return value;
    while (n > 0 && ((unsigned char)value.p[n] & 0xc0) == 0x80)
        n--;
    return str_slice(value, 0, n);
}
