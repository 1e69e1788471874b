/*
 * json_write.c - strings of the log written as JSON strings. See json.h.
 */
#include "parsers/base/json.h"

#include "parsers/base/json_text.h"

static void put_escape(struct buf *out, char c)
{
    static const char digit[] = "0123456789abcdef";
    char text[6] = {'\\', c, '0', '0', digit[(unsigned char)c >> 4 & 15], digit[c & 15]};
    size_t n = 2;

    switch (c) {
    case '"':
    case '\\':
        break;
    case '\n':
        text[1] = 'n';
        break;
    case '\r':
        text[1] = 'r';
        break;
    case '\t':
        text[1] = 't';
        break;
    case '\b':
        text[1] = 'b';
        break;
    case '\f':
        text[1] = 'f';
        break;
    default:
        text[1] = 'u';
        n = 6;
    }
    buf_put(out, text, n);
}

/* Writes what begins at p, which is not plain; returns how many bytes that took. */
static size_t put_special(struct buf *out, const char *p, size_t n)
{
    size_t valid = 0;

    if (p[0] == '\0') { /* "\u0000" is JSON, but many a reader refuses it, as jansson does */
        buf_lit(out, JSON_REPLACEMENT);
        return 1;
    }
    if ((unsigned char)p[0] < 0x80) {
        put_escape(out, p[0]);
        return 1;
    }
    while (valid < n && (unsigned char)p[valid] >= 0x80) {
        size_t length = utf8_length(p + valid, n - valid);
        if (length == 0)
            break;
        valid += length;
    }
    if (valid == 0) {
        buf_lit(out, JSON_REPLACEMENT);
        return 1;
    }
    buf_put(out, p, valid);
    return valid;
}

void json_put_escaped(struct buf *out, struct str s)
{
    size_t start = out->n;

    for (size_t at = 0; at < s.n;) {
        /* No byte becomes shorter, so what is left needs this much at least. */
        char *to = buf_reserve(out, s.n - at);
        if (!to)
            break;
        size_t run = json_text_run(to, s.p + at, s.n - at);
        out->n += run;
        at += run;
        if (at < s.n)
            at += put_special(out, s.p + at, s.n - at);
    }
    if (out->failed)
        out->n = start;
}

void json_put_string(struct buf *out, struct str s)
{
    size_t start = out->n;
    char *to;

    if (!str_is_set(s)) {
        buf_lit(out, "null");
        return;
    }
    to = s.n < SIZE_MAX - 2 ? buf_reserve(out, s.n + 2) : NULL;
    if (to && json_text_run(to + 1, s.p, s.n) == s.n) { /* nothing to escape */
        to[0] = to[s.n + 1] = '"';
        out->n += s.n + 2;
        return;
    }
    buf_putc(out, '"');
    json_put_escaped(out, s);
    buf_putc(out, '"');
    if (out->failed)
        out->n = start;
}
