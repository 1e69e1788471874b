/* terminal.c - see terminal.h. */
#include "agent/terminal.h"

#include "parsers/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static uint32_t code_point(const char *p, size_t n)
{
    uint32_t c = (unsigned char)p[0];

    c = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    return c;
}

/* East Asian wide and full-width blocks, emoji; combining marks. The usual ones, not all. */
static size_t width_of(uint32_t c)
{
    static const uint32_t wide[][2] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
                                       {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
                                       {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
                                       {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    static const uint32_t none[][2] = {
        {0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (c >= none[i][0] && c <= none[i][1])
            return 0;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (c >= wide[i][0] && c <= wide[i][1])
            return 2;
    return 1;
}

/* Does any of it take a column? */
static bool is_seen(struct str s)
{
    for (size_t i = 0, n; i < s.n; i += n) {
        n = utf8_printable(str_slice(s, i, s.n));
        if (n == 0 || width_of(code_point(s.p + i, n)) > 0)
            return true;
    }
    return false;
}

void terminal_put_safe(struct buf *b, struct str s, size_t columns)
{
    size_t used = 0;
    bool looked = false; /* when all columns are taken: what follows takes none */
    for (size_t i = 0; i < s.n && columns;) {
        size_t n = utf8_printable(str_slice(s, i, s.n));
        size_t width = n ? width_of(code_point(s.p + i, n)) : 4, step = n ? n : 1;
        bool last = used + width == columns;
        if (used + width > columns || /* the '…' must fit, too */
            (last && !looked && is_seen(str_slice(s, i + step, s.n)))) {
            buf_lit(b, "…");
            return;
        }
        looked = last;
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

size_t terminal_width(struct str safe)
{
    size_t columns = 0;

    for (size_t i = 0; i < safe.n;) {
        size_t n = utf8_length(safe.p + i, safe.n - i);
        columns += n ? width_of(code_point(safe.p + i, n)) : 1;
        i += n ? n : 1;
    }
    return columns;
}

static bool is_harmful(uint32_t c)
{
    return (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void terminal_put_json(struct buf *b, struct str json)
{
    size_t plain = 0, i = 0;

    while (i < json.n) {
        if ((unsigned char)json.p[i] < 0x7f) {
            i++;
            continue;
        }
        size_t n = utf8_length(json.p + i, json.n - i);
        uint32_t c = n ? code_point(json.p + i, n) : 0;
        if (is_harmful(c)) {
            buf_put(b, json.p + plain, i - plain);
            buf_printf(b, "\\u%04x", c);
            plain = i + n;
        }
        i += n ? n : 1;
    }
    buf_put(b, json.p + plain, i - plain);
}

size_t terminal_columns(int fd, size_t otherwise)
{
    const char *wanted = getenv("COLUMNS");
    struct winsize size;
    uint64_t columns;

    if (!isatty(fd))
        return otherwise;
    if (wanted && str_to_u64(str_of(wanted), 65535, &columns) && columns > 0)
        return columns;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void terminal_put_folded(struct buf *b, struct str text, size_t used, size_t columns)
{
    while (text.n) {
        size_t n = str_until(str_slice(text, text.p[0] == ' ', text.n), ' ', ' ');
        n += text.p[0] == ' ';
        struct str word = str_slice(text, 0, n);
        if (used > 2 && used + terminal_width(word) > columns) {
            buf_lit(b, "\n  ");
            word = str_trim(word);
            used = 2;
        }
        buf_put_str(b, word);
        used += terminal_width(word);
        text = str_slice(text, n, text.n);
    }
}

void terminal_put_rounded(struct buf *b, uint64_t n, int width)
{
    static const char units[] = " kMGTPE";
    uint64_t tenths = n; /* of the unit, once there is one */
    size_t unit = 0;
    char text[8];

    for (uint64_t rest = n; rest >= 1000; rest /= 1000) {
        tenths = rest / 100;
        unit++;
    }
    if (unit == 0)
        snprintf(text, sizeof(text), "%u", (unsigned)n);
    else if (tenths < 100)
        snprintf(text, sizeof(text), "%u.%u%c", (unsigned)(tenths / 10), (unsigned)(tenths % 10),
                 units[unit]);
    else
        snprintf(text, sizeof(text), "%u%c", (unsigned)(tenths / 10), units[unit]);
    buf_printf(b, "%*s", width, text);
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

struct terminal_style terminal_style(int fd)
{
    if (!terminal_has_colour(fd))
        return (struct terminal_style){"", "", ""};
    return (struct terminal_style){"\033[1m", "\033[2m", "\033[0m"};
}
