/* intervals.c - see intervals.h. Sets are short (what is in flight), so plain arrays serve. */
#include "agent/intervals.h"

#include <stdlib.h>

void intervals_release(struct intervals *s)
{
    free(s->v);
    *s = (struct intervals){0};
}

static int grow(struct intervals *s)
{
    if (s->n < s->cap)
        return 0;
    size_t cap = s->cap ? s->cap * 2 : 1; /* one is the rule, and there are many sets */
    struct interval *v = realloc(s->v, cap * sizeof(*v));
    if (!v)
        return -1;
    s->v = v;
    s->cap = cap;
    return 0;
}

/* Index of the first interval that ends at or after `point`. */
static size_t lower(const struct intervals *s, uint64_t point)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->v[mid].to < point)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int intervals_add(struct intervals *s, uint64_t from, uint64_t to)
{
    if (from >= to)
        return 0;
    size_t i = lower(s, from), j = i;
    while (j < s->n && s->v[j].from <= to) { /* touches: swallow it */
        if (s->v[j].from < from)
            from = s->v[j].from;
        if (s->v[j].to > to)
            to = s->v[j].to;
        j++;
    }
    if (j == i) {
        if (grow(s))
            return -1;
        memmove(s->v + i + 1, s->v + i, (s->n - i) * sizeof(*s->v));
        s->n++;
    } else {
        memmove(s->v + i + 1, s->v + j, (s->n - j) * sizeof(*s->v));
        s->n -= j - i - 1;
    }
    s->v[i] = (struct interval){from, to};
    return 0;
}

/* The interval that has all of [from, to) inside of it becomes two. 1: there is one; -1: out of
 * memory. */
static int split(struct intervals *s, uint64_t from, uint64_t to)
{
    size_t i = 0;
    while (i < s->n && !(s->v[i].from < from && s->v[i].to > to))
        i++;
    if (i == s->n)
        return 0;
    if (grow(s))
        return -1;
    memmove(s->v + i + 1, s->v + i, (s->n++ - i) * sizeof(*s->v));
    s->v[i].to = from;
    s->v[i + 1].from = to;
    return 1;
}

int intervals_remove(struct intervals *s, uint64_t from, uint64_t to)
{
    int inside = from < to ? split(s, from, to) : 1;
    if (inside)
        return inside < 0 ? -1 : 0;
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct interval v = s->v[i];
        if (v.from >= from && v.from < to)
            v.from = to;
        else if (v.from < from && v.to > from)
            v.to = from;
        if (v.from < v.to)
            s->v[n++] = v;
    }
    s->n = n;
    return 0;
}

bool intervals_contain(const struct intervals *s, uint64_t point)
{
    return intervals_gap(s, point) != point;
}

uint64_t intervals_gap(const struct intervals *s, uint64_t from)
{
    size_t i = from < UINT64_MAX ? lower(s, from + 1) : s->n; /* no set holds the last point */
    return i < s->n && s->v[i].from <= from ? s->v[i].to : from;
}

void intervals_write(const struct intervals *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        if (i)
            buf_putc(out, ',');
        buf_put_u64(out, s->v[i].from);
        buf_putc(out, '-');
        buf_put_u64(out, s->v[i].to);
    }
}

int intervals_read(struct intervals *s, struct str text)
{
    while (text.n) {
        ptrdiff_t comma = str_chr(text, ',', 0);
        struct str one = comma < 0 ? text : str_slice(text, 0, (size_t)comma);
        text = comma < 0 ? STR_NONE : str_slice(text, (size_t)comma + 1, text.n);
        ptrdiff_t dash = str_chr(one, '-', 0);
        uint64_t from, to;
        if (dash < 0 || !str_to_u64(str_slice(one, 0, (size_t)dash), UINT64_MAX - 1, &from) ||
            !str_to_u64(str_slice(one, (size_t)dash + 1, one.n), UINT64_MAX, &to) || from >= to)
            return -1;
        if (intervals_add(s, from, to))
            return -1;
    }
    return 0;
}
