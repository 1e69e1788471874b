/* terminal.c - see terminal.h. */
#include "agent/terminal.h"

#include "parsers/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void terminal_put_safe(struct buf *b, struct str s, size_t columns)
{
    size_t used = 0;
    for (size_t i = 0; i < s.n && columns;) {
        size_t n = utf8_printable(str_slice(s, i, s.n));
        size_t width = n ? 1 : 4, step = n ? n : 1;
        if (used + width + (i + step < s.n) > columns) { /* the '…' must fit, too */
            buf_lit(b, "…");
            return;
        }
        if (n)
            buf_put(b, s.p + i, n);
        else
            buf_printf(b, "\\x%02x", (unsigned char)s.p[i]);
        used += width;
        i += step;
    }
}

const char *terminal_safe(const char *s, char *to, size_t size)
{
    struct buf b;
    buf_init(&b, 4 * size);
    terminal_put_safe(&b, str_of(s), size / 4);
    snprintf(to, size, "%.*s", STR_ARGS(buf_str(&b)));
    buf_release(&b);
    return to;
}

void terminal_put_number(struct buf *b, uint64_t n, int width)
{
    char digits[32], text[48];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), k = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            text[k++] = ',';
        text[k++] = digits[i];
    }
    buf_printf(b, "%*.*s", width, k, text);
}

bool terminal_has_colour(int fd)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fd) && !(no && *no);
}
