/* shell.c - see shell.h. */
#include "parsers/base/shell.h"

#include "parsers/base/utf8.h"

static bool is_plain(char c)
{
    return ascii_alnum(c) || (c && strchr("_-./:=,+@%", c));
}

static bool all_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_plain(s.p[i]))
            return false;
    return s.n > 0;
}

/* Between simple quotes every byte stands for itself. */
static bool all_showable(struct str s)
{
    for (size_t i = 0, n; i < s.n; i += n) {
        n = utf8_printable(str_slice(s, i, s.n));
        if (!n || s.p[i] == '"')
            return false;
    }
    return true;
}

void shell_put_word(struct buf *b, struct str s)
{
    bool showable = all_showable(s);
    if (all_plain(s)) {
        buf_put_str(b, s);
        return;
    }
    buf_put_str(b, showable ? STR("'") : STR("$'"));
    for (size_t i = 0; i < s.n; i++) {
        if (showable && s.p[i] == '\'')
            buf_lit(b, "'\\''");
        else if (showable || is_plain(s.p[i]))
            buf_putc(b, s.p[i]);
        else
            buf_printf(b, "\\x%02x", (unsigned char)s.p[i]);
    }
    buf_putc(b, '\'');
}

void shell_put_path(struct buf *b, struct str path)
{
    struct buf guarded;
    if (!path.n || path.p[0] != '-') {
        shell_put_word(b, path);
        return;
    }
    buf_init(&guarded, path.n + 2);
    buf_lit(&guarded, "./");
    buf_put_str(&guarded, path);
    b->failed = b->failed || guarded.failed;
    shell_put_word(b, buf_str(&guarded));
    buf_release(&guarded);
}
