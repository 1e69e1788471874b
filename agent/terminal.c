/* terminal.c - see terminal.h. */
#include "agent/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes of the UTF-8 character at p, 0 when there is none that may be printed. */
static size_t printable(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80)
        return c >= 0x20 && c != 0x7f;
    size_t n = c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!n || n > s.n || (c == 0xc2 && (unsigned char)s.p[1] < 0xa0)) /* C1 controls */
        return 0;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)s.p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

void terminal_put_safe(struct buf *b, struct str s, size_t columns)
{
    size_t used = 0;
    for (size_t i = 0; i < s.n;) {
        size_t n = printable(str_slice(s, i, s.n));
        size_t width = n ? 1 : 4;
        if (used + width > columns - (i + (n ? n : 1) < s.n)) {
            buf_lit(b, "…");
            return;
        }
        if (n)
            buf_put(b, s.p + i, n);
        else
            buf_printf(b, "\\x%02x", (unsigned char)s.p[i]);
        used += width;
        i += n ? n : 1;
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
