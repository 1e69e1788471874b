/*
 * utf8.c - see utf8.h.
 */
#include "parsers/base/utf8.h"

/* Of a well-formed sequence. */
static uint32_t code_of(const char *p, size_t length)
{
    uint32_t code = (unsigned char)p[0];

    if (length > 1)
        code &= 0x7fu >> length;
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)p[i] & 0x3f);
    return code;
}

size_t utf8_printable(struct str s)
{
    size_t length = utf8_length(s.p, s.n);
    uint32_t code = length ? code_of(s.p, length) : 0;
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool breaks = (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);

    return control || breaks ? 0 : length;
}

size_t utf8_encode(char to[4], uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}
