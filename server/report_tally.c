/*
 * report_tally.c - hash tables with open addressing for reports. Called by report.c only.
 */
#include "server/report_tally.h"

#include <stdlib.h>

#include "parsers/base/hash.h"

void tally_init(struct tally *t)
{
    *t = (struct tally){0};
}

void tally_release(struct tally *t)
{
    for (size_t i = 0; i < t->n_slots; i++)
        free((void *)t->slots[i].text.p);
    free(t->slots);
    tally_init(t);
}

static struct tally_entry *slot_of(struct tally_entry *slots, size_t n_slots, struct str text)
{
    size_t i = (size_t)hash_64(text, 0) & (n_slots - 1);
    while (slots[i].text.p && !str_eq(slots[i].text, text))
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static bool grow(struct tally *t)
{
    size_t more = t->n_slots ? t->n_slots * 2 : 256;
    struct tally_entry *slots = calloc(more, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < t->n_slots; i++)
        if (t->slots[i].text.p)
            *slot_of(slots, more, t->slots[i].text) = t->slots[i];
    free(t->slots);
    t->slots = slots;
    t->n_slots = more;
    return true;
}

struct tally_entry *tally_at(struct tally *t, struct str text)
{
    if (t->n * 2 >= t->n_slots && !grow(t)) {
        t->failed = true;
        return NULL;
    }
    struct tally_entry *slot = slot_of(t->slots, t->n_slots, text);
    if (slot->text.p)
        return slot;
    /* The one text over the cap is TALLY_OTHER itself. */
    if (t->n >= TALLY_MAX_TEXTS && !str_eq(text, STR(TALLY_OTHER)))
        return tally_at(t, STR(TALLY_OTHER));
    char *copy = malloc(text.n + 1);
    if (!copy) {
        t->failed = true;
        return NULL;
    }
    if (text.n)
        memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    slot->text = (struct str){copy, text.n};
    t->n++;
    return slot;
}

static int most_first(const void *a, const void *b)
{
    const struct tally_entry *x = a, *y = b;
    if (x->counts[TALLY_ALL] != y->counts[TALLY_ALL])
        return x->counts[TALLY_ALL] < y->counts[TALLY_ALL] ? 1 : -1;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = memcmp(x->text.p, y->text.p, n);
    return order ? order : (x->text.n > y->text.n) - (x->text.n < y->text.n);
}

void tally_sort(struct tally *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_slots; i++) {
        if (!t->slots[i].text.p)
            continue;
        struct tally_entry entry = t->slots[i];
        t->slots[i].text = STR_NONE;
        t->slots[n++] = entry;
    }
    if (n > 1)
        qsort(t->slots, n, sizeof(*t->slots), most_first);
}

void id_set_init(struct id_set *s)
{
    *s = (struct id_set){0};
}

void id_set_release(struct id_set *s)
{
    free(s->slots);
    id_set_init(s);
}

static int64_t *id_slot(int64_t *slots, size_t n_slots, int64_t id)
{
    size_t i = (size_t)((uint64_t)id * 0x9E3779B97F4A7C15u >> 20) & (n_slots - 1);
    while (slots[i] != 0 && slots[i] != id)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

void id_set_add(struct id_set *s, int64_t id)
{
    if (s->n * 2 >= s->n_slots) {
        size_t more = s->n_slots ? s->n_slots * 2 : 1024;
        int64_t *slots = calloc(more, sizeof(*slots));
        if (!slots) {
            s->failed = true;
            return;
        }
        for (size_t i = 0; i < s->n_slots; i++)
            if (s->slots[i] != 0)
                *id_slot(slots, more, s->slots[i]) = s->slots[i];
        free(s->slots);
        s->slots = slots;
        s->n_slots = more;
    }
    if (id == 0) {
        s->n += !s->zero;
        s->zero = true;
        return;
    }
    int64_t *slot = id_slot(s->slots, s->n_slots, id);
    s->n += *slot == 0;
    *slot = id;
}
