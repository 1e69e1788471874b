/*
 * bytes.c - comparisons and numbers on borrowed text; growth of owned buffers. See bytes.h.
 */
#include "parsers/base/bytes.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 256u

bool bytes_same_nocase(const char *a, const char *b, size_t n)
{
    size_t i = 0;

    /* Most are the same as they stand: eight bytes of them at a time, then four. */
    while (n - i >= sizeof(uint64_t) && memcmp(a + i, b + i, sizeof(uint64_t)) == 0)
        i += sizeof(uint64_t);
    if (n - i >= sizeof(uint32_t) && memcmp(a + i, b + i, sizeof(uint32_t)) == 0)
        i += sizeof(uint32_t);
    while (i < n && ascii_lower(a[i]) == ascii_lower(b[i]))
        i++;
    return i == n;
}

bool str_is_one_of(struct str s, const struct str *list, size_t n)
{
    if (s.n == 0)
        return false;
    char first = ascii_lower(s.p[0]);
    for (size_t i = 0; i < n; i++)
        if (list[i].n == s.n && list[i].p[0] == first && bytes_same_nocase(s.p, list[i].p, s.n))
            return true;
    return false;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* The first letter is looked for before the rest is compared. */
bool str_holds_nocase(struct str s, struct str part)
{
    if (part.n == 0)
        return true;
    char first = ascii_lower(part.p[0]);

    for (size_t i = 0; i + part.n <= s.n; i++)
        if (ascii_lower(s.p[i]) == first && str_eq_nocase(str_slice(s, i, i + part.n), part))
            return true;
    return false;
}

ptrdiff_t str_find(struct str s, struct str needle, size_t from)
{
    if (from > s.n || needle.n > s.n - from)
        return -1;
    if (needle.n == 0)
        return (ptrdiff_t)from;
    const char *hit = memmem(s.p + from, s.n - from, needle.p, needle.n);
    return hit ? hit - s.p : -1;
}

#ifdef __SSE2__
/* Is one of the bytes of w one of the four? */
static inline bool any_of_four(__m128i w, const char any[4])
{
    __m128i found = _mm_or_si128(_mm_cmpeq_epi8(w, _mm_set1_epi8(any[0])),
                                 _mm_cmpeq_epi8(w, _mm_set1_epi8(any[1])));
    found = _mm_or_si128(found, _mm_or_si128(_mm_cmpeq_epi8(w, _mm_set1_epi8(any[2])),
                                             _mm_cmpeq_epi8(w, _mm_set1_epi8(any[3]))));
    return _mm_movemask_epi8(found) != 0;
}

static inline __m128i load16(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}
#endif

bool str_has_any(struct str s, const char any[4])
{
    size_t i = 0;

#ifdef __SSE2__
    for (; s.n - i >= 16; i += 16)
        if (any_of_four(load16(s.p + i), any))
            return true;
    if (i > 0) /* the rest together with bytes that are none of them */
        return i < s.n && any_of_four(load16(s.p + s.n - 16), any);
#endif
    for (; i < s.n; i++)
        if (s.p[i] == any[0] || s.p[i] == any[1] || s.p[i] == any[2] || s.p[i] == any[3])
            return true;
    return false;
}

size_t str_until(struct str s, char a, char b)
{
    size_t i = 0;

#ifdef __SSE2__
    const __m128i first = _mm_set1_epi8(a), second = _mm_set1_epi8(b);
    while (s.n >= 16 && i < s.n) {
        if (s.n - i < 16) /* the rest together with bytes that are neither */
            i = s.n - 16;
        __m128i w = load16(s.p + i);
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(w, first), _mm_cmpeq_epi8(w, second));
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
        i += 16;
    }
#endif
    while (i < s.n && s.p[i] != a && s.p[i] != b)
        i++;
    return i;
}

ptrdiff_t str_rchr(struct str s, char c)
{
    if (s.n == 0)
        return -1;
    const char *hit = memrchr(s.p, c, s.n);
    return hit ? hit - s.p : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_trim_signs(struct str s)
{
    while (s.n > 0 && !ascii_alnum(s.p[0]))
        s = str_slice(s, 1, s.n);
    while (s.n > 0 && !ascii_alnum(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_cut(struct str *rest, char until)
{
    ptrdiff_t i = str_chr(*rest, until, 0);
    size_t end = i < 0 ? rest->n : (size_t)i;
    struct str cut = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, i < 0 ? end : end + 1, rest->n);
    return cut;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

bool str_to_hex64(struct str s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        int digit = hex_value(s.p[i]);
        if (digit < 0)
            return false;
        v = v << 4 | (unsigned)digit;
    }
    *out = v;
    return true;
}

void buf_init(struct buf *b, size_t max)
{
    /* One byte is kept behind the cap for buf_cstr's NUL. */
    *b = (struct buf){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void buf_release(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

char *buf_grow(struct buf *b, size_t n)
{
    if (b->failed || n > b->max - b->n) {
        b->failed = true;
        return NULL;
    }
    size_t cap = b->cap > b->max / 2 ? b->max : b->cap * 2;
    if (cap < BUF_FIRST_BYTES)
        cap = b->max < BUF_FIRST_BYTES ? b->max : BUF_FIRST_BYTES;
    if (cap < b->n + n)
        cap = b->n + n;
    char *p = realloc(b->p, cap + 1);
    if (!p) {
        b->failed = true;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return p + b->n;
}

const char decimal_pairs[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

/* The digits of v, ending before `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t v)
{
    while (v >= 100) {
        end -= 2;
        decimal_pair(end, (unsigned)(v % 100));
        v /= 100;
    }
    if (v >= 10) {
        end -= 2;
        decimal_pair(end, (unsigned)v);
        return end;
    }
    *--end = (char)('0' + v);
    return end;
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    char *end = digits + sizeof(digits);
    char *first = digits_before(end, v);

    buf_put(b, first, (size_t)(end - first));
}

void buf_put_i64(struct buf *b, int64_t v)
{
    char digits[21];
    char *end = digits + sizeof(digits);
    char *first = digits_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);

    if (v < 0)
        *--first = '-';
    buf_put(b, first, (size_t)(end - first));
}

void buf_put_hex(struct buf *b, const void *p, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    const unsigned char *from = p;

    if (n > SIZE_MAX / 2) {
        b->failed = true;
        return;
    }
    char *to = buf_reserve(b, n * 2);
    if (!to)
        return;
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digit[from[i] >> 4];
        to[2 * i + 1] = digit[from[i] & 15];
    }
    b->n += n * 2;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = need < 0 ? NULL : buf_reserve(b, (size_t)need);
    if (!to) {
        b->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(to, (size_t)need + 1, format, args);
    va_end(args);
    b->n += (size_t)need;
}

void buf_drop_front(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

const char *buf_cstr(struct buf *b)
{
    if (!buf_reserve(b, 0))
        return NULL;
    b->p[b->n] = '\0';
    return b->p;
}
