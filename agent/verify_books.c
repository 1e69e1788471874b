/* verify_books.c - see verify_books.h. */
#include "agent/verify_books.h"

#include <stdlib.h>

#define MAX_SEEN (1u << 20) /* streams that are recognized when they come again */

/* A stream that was handed out. */
struct seen {
    struct hash128 id;
    uint64_t fingerprint;
    const char *path; /* NULL: a free place */
};

struct verify_books {
    verify_stream_fn on_stream;
    void *context;
    struct fill_witness witness;
    size_t used; /* rows of all tables */
    struct verify_stream *first, **last;
    struct verify_stream *present; /* the one that lines are of; not ended */
    struct verify_record *records; /* told and not taken */
    size_t n_records, cap_records;
    struct seen *seen;
    size_t n_seen, cap_seen;
    struct verify_total total;
};

/* ---- reasons ----------------------------------------------------------------------------------
 */

void verify_reasons_add(struct verify_reasons *r, uint16_t status, struct str error, uint64_t n)
{
    struct verify_reason *v = r->v;
    if (error.n > sizeof(v->error) - 1)
        error.n = sizeof(v->error) - 1;
    for (; v < r->v + r->n; v++)
        if (v->status == status && str_eq(str_of(v->error), error)) {
            v->n += n;
            return;
        }
    if (r->n == VERIFY_MAX_REASONS || memchr(error.p, '\0', error.n)) {
        r->others += n;
        return;
    }
    r->n++;
    v->status = status;
    v->n = n;
    memcpy(v->error, error.p, error.n);
    v->error[error.n] = '\0';
}

static void add_reasons(struct verify_reasons *to, const struct verify_reasons *more)
{
    for (size_t i = 0; i < more->n; i++)
        verify_reasons_add(to, more->v[i].status, str_of(more->v[i].error), more->v[i].n);
    to->others += more->others;
}

/* ---- streams that come again ------------------------------------------------------------------
 */

static struct seen *place_of(const struct verify_books *b, const struct verify_stream *s,
                             const char **begins_as)
{
    uint64_t hash;
    memcpy(&hash, s->id.b, sizeof(hash));
    for (size_t i = hash & (b->cap_seen - 1);; i = (i + 1) & (b->cap_seen - 1)) {
        struct seen *at = &b->seen[i];
        if (!at->path)
            return at;
        if (!hash128_eq(at->id, s->id))
            continue;
        if (at->fingerprint == s->fingerprint)
            return at;
        *begins_as = *begins_as ? *begins_as : at->path;
    }
}

static int grow_seen(struct verify_books *b)
{
    const char *ignored = NULL;
    struct verify_books next = {.cap_seen = b->cap_seen ? b->cap_seen * 2 : 64};
    if (b->n_seen * 2 < b->cap_seen)
        return 0;
    if (b->n_seen >= MAX_SEEN)
        return -1;
    next.seen = calloc(next.cap_seen, sizeof(*next.seen));
    if (!next.seen)
        return -1;
    for (size_t i = 0; i < b->cap_seen; i++) {
        struct verify_stream key = {.id = b->seen[i].id, .fingerprint = b->seen[i].fingerprint};
        if (b->seen[i].path)
            *place_of(&next, &key, &ignored) = b->seen[i];
    }
    free(b->seen);
    b->seen = next.seen;
    b->cap_seen = next.cap_seen;
    return 0;
}

static void recognize(struct verify_books *b, struct verify_stream *s)
{
    bool room = !grow_seen(b);
    struct seen *at = b->cap_seen ? place_of(b, s, &s->begins_as) : NULL;
    if (at && at->path) {
        s->same_as = at->path;
        s->begins_as = NULL;
    } else if (at && room) {
        *at = (struct seen){s->id, s->fingerprint, s->path};
        b->n_seen++;
    }
}

/* ---- complete entries -------------------------------------------------------------------------
 */

static void add_hole(struct verify_total *t, const struct verify_stream *s)
{
    int64_t step = s->table.step_ms;
    bool first = t->n_holed == 0;
    const char *last =
        t->n_holed && t->n_holed <= VERIFY_MAX_HOLED ? t->holed[t->n_holed - 1] : NULL;
    for (size_t i = 0; i < s->table.n; i++) {
        const struct verify_row *row = &s->table.rows[i];
        if (!row->counts.missing)
            continue;
        if (first || row->from_ms < t->hole_from_ms)
            t->hole_from_ms = row->from_ms;
        if (first || row->from_ms + step > t->hole_to_ms)
            t->hole_to_ms = row->from_ms + step;
        first = false;
    }
    t->hole_anywhere = t->hole_anywhere || s->table.rest.missing;
    if (last == s->path)
        return;
    if (t->n_holed < VERIFY_MAX_HOLED)
        t->holed[t->n_holed] = s->path;
    t->n_holed++;
}

static void hand_out(struct verify_books *b, struct verify_stream *s)
{
    struct verify_total *t = &b->total;
    verify_table_sort(&s->table);
    verify_table_sum(&s->table, &s->sum);
    if (s->sum.lines)
        recognize(b, s);
    b->on_stream(b->context, s);
    t->streams += s->sum.lines && !s->same_as;
    if (s->same_as) {
        t->repeated++;
        t->repeated_lines += s->sum.lines;
        return;
    }
    verify_counts_add(&t->counts, &s->sum);
    add_reasons(&t->reasons, &s->reasons);
    if (s->sum.missing)
        add_hole(t, s);
}

static void free_stream(struct verify_stream *s)
{
    verify_table_release(&s->table);
    free(s);
}

static void settle(struct verify_books *b)
{
    while (b->first && b->first->ended && !b->first->open) {
        struct verify_stream *s = b->first;
        b->first = s->next;
        if (!b->first)
            b->last = &b->first;
        hand_out(b, s);
        free_stream(s);
    }
}

/* ---- lines ------------------------------------------------------------------------------------
 */

static struct verify_stream *begin_stream(struct verify_books *b, const char *path)
{
    struct verify_stream *s = calloc(1, sizeof(*s));
    if (!s)
        abort(); /* small; the command can be run again */
    s->path = path;
    verify_table_init(&s->table, &b->used);
    *b->last = s;
    b->last = &s->next;
    return s;
}

static struct verify_stream *stream_of(struct verify_books *b, const struct stream *from)
{
    struct verify_stream *s = b->present;
    if (s && s->path == from->path && s->base == from->r.base && hash128_eq(s->id, from->r.stream))
        return s;
    if (s)
        s->ended = true;
    s = b->present = begin_stream(b, from->path);
    s->id = from->r.stream;
    s->base = from->r.base;
    return s;
}

static void note_record(struct verify_books *b, struct verify_stream *s, int64_t time_ms)
{
    if (b->n_records == b->cap_records) {
        size_t cap = b->cap_records ? b->cap_records * 2 : 1024;
        struct verify_record *v = realloc(b->records, cap * sizeof(*v));
        if (!v)
            abort();
        b->records = v;
        b->cap_records = cap;
    }
    b->records[b->n_records++] = (struct verify_record){s, time_ms};
    s->open++;
}

static void on_line(void *context, const struct stream *from, const struct fill_line *line)
{
    struct verify_books *b = context;
    struct verify_stream *s = stream_of(b, from);
    struct verify_counts *c = verify_table_at(&s->table, line->time_ms);
    bool timed = line->time_ms != HIT_NO_NUMBER;
    uint64_t what[] = {s->fingerprint, timed ? from->r.at - from->r.base : 0,
                       (uint64_t)line->time_ms, (uint64_t)line->reason << 32 | line->n, line->hash};
    s->fingerprint = hash_64((struct str){(const char *)what, sizeof(what)}, 0);
    c->lines += line->n;
    if (line->reason != REASON_NONE) {
        c->skipped[line->reason] += line->n;
        return;
    }
    c->records++;
    note_record(b, s, line->time_ms);
}

struct verify_record *verify_books_take(struct verify_books *b, size_t n)
{
    struct verify_record *v = n <= b->n_records ? malloc((n + 1) * sizeof(*v)) : NULL;
    if (!v)
        return NULL;
    memcpy(v, b->records, n * sizeof(*v));
    b->n_records -= n;
    memmove(b->records, b->records + n, b->n_records * sizeof(*v));
    return v;
}

void verify_books_end_file(struct verify_books *b, const char *path, bool has_lines)
{
    if (b->present && b->present->path == path)
        b->present = NULL;
    if (!has_lines)
        begin_stream(b, path);
    for (struct verify_stream *s = b->first; s; s = s->next)
        s->ended = s->ended || s->path == path;
    settle(b);
}

void verify_books_answer(void *books, const struct verify_record *records, size_t n,
                         const struct verify_answer *answer)
{
    struct verify_books *b = books;
    struct verify_walk w = {.answer = answer};
    for (size_t i = 0; i < n; i++) {
        const struct verify_rejected *why = NULL;
        struct verify_stream *s = records[i].owner;
        struct verify_counts *c = verify_table_at(&s->table, records[i].time_ms);
        s->open--;
        switch (verify_walk_to(&w, (uint32_t)i + 2, &why)) {
        case VERIFY_STORED:
            c->stored++;
            break;
        case VERIFY_MISSING:
            c->missing++;
            break;
        case VERIFY_EXCLUDED:
            c->excluded++;
            break;
        case VERIFY_REJECTED:
            c->rejected++;
            verify_reasons_add(&s->reasons, why->status, why->error, 1);
            break;
        }
    }
    settle(b);
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct verify_books *verify_books_new(verify_stream_fn on_stream, void *context)
{
    struct verify_books *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->on_stream = on_stream;
    b->context = context;
    b->witness = (struct fill_witness){.context = b, .on_line = on_line};
    b->last = &b->first;
    return b;
}

void verify_books_free(struct verify_books *b)
{
    if (!b)
        return;
    while (b->first) {
        struct verify_stream *s = b->first;
        b->first = s->next;
        free_stream(s);
    }
    free(b->records);
    free(b->seen);
    free(b);
}

const struct fill_witness *verify_books_witness(const struct verify_books *b)
{
    return &b->witness;
}

const struct verify_total *verify_books_total(const struct verify_books *b)
{
    return &b->total;
}
