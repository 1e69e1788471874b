/*
 * utf8.h - which bytes are a character, and which characters may go to a terminal.
 */
#ifndef LOGFERRY_BASE_UTF8_H
#define LOGFERRY_BASE_UTF8_H

#include "parsers/base/bytes.h"

static inline bool utf8_in_range(char c, unsigned from, unsigned to)
{
    return (unsigned char)c >= from && (unsigned char)c <= to;
}

static inline bool utf8_is_tail(char c)
{
    return utf8_in_range(c, 0x80, 0xbf);
}

/* No overlong forms, no surrogates. */
static inline bool utf8_is_three(const char *p)
{
    unsigned char c = (unsigned char)p[0];

    return utf8_in_range(p[1], c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf) &&
           utf8_is_tail(p[2]);
}

/* No overlong forms, nothing over U+10FFFF. */
static inline bool utf8_is_four(const char *p)
{
    unsigned char c = (unsigned char)p[0];

    return c <= 0xf4 && utf8_in_range(p[1], c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf) &&
           utf8_is_tail(p[2]) && utf8_is_tail(p[3]);
}

/* The length (1..4) of the well-formed UTF-8 sequence at the beginning of the n > 0 bytes at p, or
 * 0: Unicode 15, table 3-7. Inline, because JSON is read and written with it. */
static inline size_t utf8_length(const char *p, size_t n)
{
    unsigned char c = (unsigned char)p[0];

    if (c < 0x80)
        return 1;
    if (c < 0xe0)
        return c >= 0xc2 && n >= 2 && utf8_is_tail(p[1]) ? 2 : 0;
    if (c < 0xf0)
        return n >= 3 && utf8_is_three(p) ? 3 : 0;
    return n >= 4 && utf8_is_four(p) ? 4 : 0;
}

/* The length of the character that s (n > 0) begins with, or 0 when that must be escaped on a
 * terminal: no UTF-8, a control (C0, C1, DEL), what ends a line or paragraph (U+2028, U+2029), or
 * what turns the direction of the text behind it (U+202A to U+202E, U+2066 to U+2069). */
size_t utf8_printable(struct str s);
/* Writes the code point, which is none over U+10FFFF, in 1 to 4 bytes; returns how many. */
size_t utf8_encode(char to[4], uint32_t c);

#endif
