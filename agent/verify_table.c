/* verify_table.c - see verify_table.h. A log's times rise and fall a little, and a hostile one's
 * leap: rows are found by hash, and sorted once at the end. */
#include "agent/verify_table.h"

#include "parsers/base/hash.h"
#include "parsers/hit.h"

#include <stdlib.h>

void verify_counts_add(struct verify_counts *to, const struct verify_counts *more)
{
    to->lines += more->lines;
    to->records += more->records;
    to->stored += more->stored;
    to->missing += more->missing;
    to->excluded += more->excluded;
    to->rejected += more->rejected;
    for (int i = 0; i < REASON_COUNT; i++)
        to->skipped[i] += more->skipped[i];
}

uint64_t verify_skipped(const struct verify_counts *c)
{
    uint64_t n = 0;
    for (int i = 0; i < REASON_COUNT; i++)
        n += c->skipped[i];
    return n;
}

bool verify_counts_balance(const struct verify_counts *c)
{
    return c->lines == c->records + verify_skipped(c) &&
           c->records == c->stored + c->missing + c->excluded + c->rejected;
}

void verify_table_init(struct verify_table *t, size_t *used)
{
    *t = (struct verify_table){.step_ms = VERIFY_HOUR_MS};
    t->used = used;
}

void verify_table_release(struct verify_table *t)
{
    if (t->used)
        *t->used -= t->n;
    free(t->rows);
    free(t->slots);
    *t = (struct verify_table){0};
}

/* The slot of this row, or the free one where it belongs. */
static uint32_t *slot_of(const struct verify_table *t, int64_t from_ms)
{
    uint64_t hash = hash_64((struct str){(const char *)&from_ms, sizeof(from_ms)}, 0);
    size_t i = hash & (t->n_slots - 1);
    while (t->slots[i] && t->rows[t->slots[i] - 1].from_ms != from_ms)
        i = (i + 1) & (t->n_slots - 1);
    return &t->slots[i];
}

static int grow(struct verify_table *t)
{
    if (t->n < t->cap)
        return 0;
    size_t cap = t->cap ? t->cap * 2 : 32;
    struct verify_row *rows = realloc(t->rows, cap * sizeof(*rows));
    if (!rows)
        return -1;
    t->rows = rows;
    uint32_t *slots = calloc(cap * 2, sizeof(*slots));
    if (!slots)
        return -1;
    free(t->slots);
    t->slots = slots;
    t->n_slots = cap * 2;
    t->cap = cap;
    for (size_t i = 0; i < t->n; i++)
        *slot_of(t, t->rows[i].from_ms) = (uint32_t)i + 1;
    return 0;
}

static int64_t floor_to(int64_t time_ms, int64_t step_ms)
{
    int64_t rest = time_ms % step_ms;
    return time_ms - rest - (rest < 0 ? step_ms : 0);
}

/* The row's index, or t->n when there is no room for it. */
static size_t find(struct verify_table *t, int64_t from_ms)
{
    if (t->n && t->rows[t->last].from_ms == from_ms)
        return t->last;
    uint32_t *slot = t->n_slots ? slot_of(t, from_ms) : NULL;
    if (slot && *slot)
        return *slot - 1;
    if (t->full || *t->used >= VERIFY_MAX_ROWS || grow(t))
        return t->n;
    t->rows[t->n] = (struct verify_row){.from_ms = from_ms};
    *slot_of(t, from_ms) = (uint32_t)t->n + 1;
    ++*t->used;
    return t->n++;
}

/* Hours become days, in place: rows before the one at hand are days already, and a day is never
 * made of fewer rows than it takes. */
static void fold(struct verify_table *t)
{
    size_t n = t->n;
    *t->used -= n;
    t->n = t->last = 0;
    t->step_ms = VERIFY_DAY_MS;
    memset(t->slots, 0, t->n_slots * sizeof(*t->slots));
    for (size_t i = 0; i < n; i++) {
        struct verify_row row = t->rows[i];
        size_t at = find(t, floor_to(row.from_ms, VERIFY_DAY_MS));
        verify_counts_add(&t->rows[at].counts, &row.counts);
    }
}

struct verify_counts *verify_table_at(struct verify_table *t, int64_t time_ms)
{
    if (time_ms == HIT_NO_NUMBER)
        return &t->unknown;
    size_t at = find(t, floor_to(time_ms, t->step_ms));
    if (at == t->n && t->step_ms == VERIFY_HOUR_MS && t->n) {
        fold(t);
        at = find(t, floor_to(time_ms, t->step_ms));
    }
    if (at == t->n) {
        t->full = true;
        return &t->rest;
    }
    t->last = at;
    return &t->rows[at].counts;
}

static int compare(const void *a, const void *b)
{
    const struct verify_row *x = a, *y = b;
    return (x->from_ms > y->from_ms) - (x->from_ms < y->from_ms);
}

void verify_table_sort(struct verify_table *t)
{
    if (t->n)
        qsort(t->rows, t->n, sizeof(*t->rows), compare);
}

void verify_table_sum(const struct verify_table *t, struct verify_counts *out)
{
    *out = t->unknown;
    verify_counts_add(out, &t->rest);
    for (size_t i = 0; i < t->n; i++)
        verify_counts_add(out, &t->rows[i].counts);
}
