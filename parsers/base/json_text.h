/*
 * json_text.h - inside of json_write.c and json_read.c, and of no one else: passing quickly over
 * text.
 *
 * Both directions spend their time in runs of plain bytes: those that stand for themselves in a
 * JSON string and need no look at their neighbours, 0x20..0x7F but '"' and '\'. A run is passed
 * sixteen bytes (SSE2) or eight at a time; whatever stops it is handled byte by byte.
 */
#ifndef LOGFERRY_BASE_JSON_TEXT_H
#define LOGFERRY_BASE_JSON_TEXT_H

#include "parsers/base/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */
#define JSON_REPLACEMENT_BYTES 3u

static inline bool json_text_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Whether one of the eight bytes of w is not plain; a borrow makes false hits only above a true
 * one. */
static inline bool json_text_any_special(uint64_t w)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones * 0x80;
    uint64_t quote = w ^ ones * '"';
    uint64_t slash = w ^ ones * '\\';

    return (((w - ones * 0x20) | w | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
            highs) != 0;
}

#ifdef __SSE2__
/* Bit i is set when byte i of the sixteen at p is not plain. Copies them unless `to` is NULL. */
static inline __attribute__((always_inline)) unsigned json_text_mask16(char *to, const char *p)
{
    __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* The comparison is signed: it takes 0x80..0xFF with the controls. */
    __m128i special = _mm_or_si128(_mm_cmplt_epi8(w, _mm_set1_epi8(0x20)),
                                   _mm_or_si128(_mm_cmpeq_epi8(w, _mm_set1_epi8('"')),
                                                _mm_cmpeq_epi8(w, _mm_set1_epi8('\\'))));
    if (to)
        _mm_storeu_si128((__m128i *)(void *)to, w);
    return (unsigned)_mm_movemask_epi8(special);
}
#endif

/* The same for eight bytes, but only whether there is one. */
static inline __attribute__((always_inline)) bool json_text_any8(char *to, const char *p)
{
    uint64_t w;

    memcpy(&w, p, 8);
    if (to)
        memcpy(to, &w, 8);
    return json_text_any_special(w);
}

#ifdef __SSE2__
/* json_text_run of sixteen bytes or more. */
static inline __attribute__((always_inline)) size_t json_text_run16(char *to, const char *p,
                                                                    size_t n)
{
    unsigned mask;
    size_t i = 0;

    for (; n - i >= 16; i += 16) {
        mask = json_text_mask16(to ? to + i : NULL, p + i);
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
    if (i == n)
        return n;
    mask = json_text_mask16(to ? to + n - 16 : NULL, p + n - 16);
    return mask ? n - 16 + (unsigned)__builtin_ctz(mask) : n;
}
#endif

/*
 * The length of the run of plain bytes at p. Copies it to `to` unless that is NULL, and may write
 * anything to the n bytes there. Inlined, so that the test for NULL is made by the compiler. Less
 * than a whole step at the end is done by a step that overlaps the one before: what it sees twice
 * is plain.
 */
static inline __attribute__((always_inline)) size_t json_text_run(char *to, const char *p, size_t n)
{
    size_t i = 0;

#ifdef __SSE2__
    if (n >= 16)
        return json_text_run16(to, p, n);
#endif
    while (n - i >= 8 && !json_text_any8(to ? to + i : NULL, p + i))
        i += 8;
    if (i > 0 && n - i < 8 && !json_text_any8(to ? to + n - 8 : NULL, p + n - 8))
        return n;
    for (; i < n && json_text_plain((unsigned char)p[i]); i++) {
        if (to)
            to[i] = p[i];
    }
    return i;
}

#endif
