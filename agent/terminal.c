/* terminal.c - see terminal.h. */
#include "agent/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes of the UTF-8 character at p, 0 when there is none that may be printed. */
static size_t printable(struct str s)
{
    unsigned char c = (unsigned char)s.p[0], d = s.n > 1 ? (unsigned char)s.p[1] : 0;
    if (c < 0x80)
        return c >= 0x20 && c != 0x7f;
    size_t n = c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!n || n > s.n)
        return 0;
    if ((c == 0xc2 && d < 0xa0) ||                            /* C1 controls */
        (c == 0xe0 && d < 0xa0) || (c == 0xf0 && d < 0x90) || /* overlong */
        (c == 0xed && d >= 0xa0) || (c == 0xf4 && d >= 0x90)) /* surrogates, over U+10FFFF */
        return 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)s.p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

void terminal_put_safe(struct buf *b, struct str s, size_t columns)
{
    size_t used = 0;
    for (size_t i = 0; i < s.n && columns;) {
        size_t n = printable(str_slice(s, i, s.n));
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
