/*
 * bytes.h - borrowed strings and owned, capped buffers.
 *
 * A `struct str` borrows: it never owns what it points to, and is valid as long as its source is.
 * A missing value is STR_NONE (p == NULL); an empty one has p != NULL and n == 0.
 *
 * A `struct buf` owns its bytes and has a cap, fixed at init. A put that would pass the cap, or
 * whose allocation fails, appends nothing and sets `failed`, which sticks until buf_reset: callers
 * may put many times and look once.
 */
#ifndef LOGFERRY_BASE_BYTES_H
#define LOGFERRY_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR_NONE ((struct str){NULL, 0})
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
/* The same as an initializer of a static one. */
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* For printf("%.*s", STR_ARGS(s)). */
#define STR_ARGS(s) (int)(s).n, (s).p

static inline struct str str_of(const char *cstring)
{
    return (struct str){cstring, cstring ? strlen(cstring) : 0};
}
static inline bool str_is_set(struct str s)
{
    return s.p != NULL;
}
static inline struct str str_slice(struct str s, size_t from, size_t to)
{
    return (struct str){s.p + from, to - from};
}

/* Those that run several times a line are inlined: for a constant they are then a comparison or
 * two. memcmp is undefined on NULL even for no bytes, and STR_NONE is NULL. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}
bool str_ends(struct str s, struct str suffix);
/* Does s hold `part`, case aside? */
bool str_holds_nocase(struct str s, struct str part);
/* Index of the first `needle` in s at or after `from`, or -1. */
ptrdiff_t str_find(struct str s, struct str needle, size_t from);
static inline ptrdiff_t str_chr(struct str s, char c, size_t from)
{
    const char *hit = from < s.n ? memchr(s.p + from, c, s.n - from) : NULL;
    return hit ? hit - s.p : -1;
}
ptrdiff_t str_rchr(struct str s, char c);
/* Does s hold one of these four bytes? */
bool str_has_any(struct str s, const char any[4]);
/* How many bytes stand before the first `a` or `b`; all of them when there is neither. */
size_t str_until(struct str s, char a, char b);
/* Without ASCII blanks (space, tab, CR, LF) at either end. */
struct str str_trim(struct str s);
/* Without what is no ASCII letter or digit, at either end. */
struct str str_trim_signs(struct str s);
/* Cuts the part before the first `until` off *rest (all of it when there is none) and returns it.
 */
struct str str_cut(struct str *rest, char until);
/* Decimal, digits only, no sign, no blanks; false when empty, malformed or over `max`. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *out);
/* As str_to_u64, in lower- or upper-case hex, 1 to 16 digits. */
bool str_to_hex64(struct str s, uint64_t *out);

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
/* Case aside, which is ASCII's; most texts differ in length or in their first letter. */
bool bytes_same_nocase(const char *a, const char *b, size_t n);
static inline bool str_eq_nocase(struct str a, struct str b)
{
    return a.n == b.n && bytes_same_nocase(a.p, b.p, a.n);
}
static inline bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || (ascii_lower(s.p[0]) == ascii_lower(prefix.p[0]) &&
                                                 bytes_same_nocase(s.p, prefix.p, prefix.n)));
}
/* Is s in the list of `n`, case aside? The list is in lower case, and nothing in it is empty. */
bool str_is_one_of(struct str s, const struct str *list, size_t n);
static inline bool ascii_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}
static inline bool ascii_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}
static inline bool ascii_letter(char c)
{
    return ascii_alnum(c) && !ascii_digit(c);
}
/* 0..15, or -1 when `c` is no hex digit. */
static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that two hex digits stand for, or -1. */
static inline int hex_pair(const char *p)
{
    int high = hex_value(p[0]), low = hex_value(p[1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}
/* The byte that the whole "%XX" at `at` (< s.n) stands for, or -1 when there is none. */
static inline int percent_byte(struct str s, size_t at)
{
    return s.p[at] == '%' && s.n - at >= 3 ? hex_pair(s.p + at + 1) : -1;
}

struct buf {
    char *p;
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* never grows past this */
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b); /* accepts an already released buffer */
static inline void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p ? b->p : "", b->n};
}
char *buf_grow(struct buf *b, size_t n); /* buf_reserve's other half */
/* Room for n more bytes at p + n, or NULL (and failed). The caller adds what it wrote to b->n. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
    return b->p && !b->failed && n <= b->cap - b->n ? b->p + b->n : buf_grow(b, n);
}
static inline void buf_put(struct buf *b, const void *p, size_t n)
{
    char *to = n ? buf_reserve(b, n) : NULL;
    if (!to)
        return;
    memcpy(to, p, n);
    b->n += n;
}
static inline void buf_put_str(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}
static inline void buf_putc(struct buf *b, char c)
{
    if (b->n < b->cap && !b->failed)
        b->p[b->n++] = c;
    else
        buf_put(b, &c, 1);
}
#define buf_lit(b, literal) buf_put((b), "" literal, sizeof(literal) - 1)
/* "00" to "99", one behind the other. */
extern const char decimal_pairs[201];
/* v < 100, as two digits. */
static inline void decimal_pair(char *to, unsigned v)
{
    memcpy(to, decimal_pairs + 2 * (size_t)v, 2);
}
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_i64(struct buf *b, int64_t v);
void buf_put_hex(struct buf *b, const void *p, size_t n); /* 2n lower-case digits */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Removes the first n bytes. */
void buf_drop_front(struct buf *b, size_t n);
/* The bytes with a NUL behind them, which does not count in n; NULL when failed. */
const char *buf_cstr(struct buf *b);

#endif
