/* read_count.c - see read_count.h. */
#include "server/read_count.h"

#include <stdlib.h>

#include "parsers/base/time.h"

/* ---- counts by key ------------------------------------------------------------------------ */

void counts_release(struct counts *c)
{
    free(c->slots);
    *c = (struct counts){0};
}

static struct count *slot_of(struct count *slots, size_t n_slots, uint64_t key)
{
    size_t i = (size_t)(key * 0x9E3779B97F4A7C15u >> 20) & (n_slots - 1);
    while (slots[i].sample && slots[i].key != key)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static bool grow(struct counts *c)
{
    size_t more = c->n_slots ? c->n_slots * 2 : 1024;
    struct count *slots = c->n < COUNTS_MAX ? calloc(more, sizeof(*slots)) : NULL;
    if (!slots)
        return false;
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i].sample)
            *slot_of(slots, more, c->slots[i].key) = c->slots[i];
    free(c->slots);
    c->slots = slots;
    c->n_slots = more;
    return true;
}

struct count *counts_at(struct counts *c, uint64_t key, int64_t sample)
{
    if (c->n * 2 >= c->n_slots && !grow(c)) {
        c->failed = true;
        return NULL;
    }
    struct count *slot = slot_of(c->slots, c->n_slots, key);
    if (slot->sample == 0) {
        *slot = (struct count){.key = key, .sample = sample};
        c->n++;
    }
    return slot;
}

const struct count *counts_find(const struct counts *c, uint64_t key)
{
    if (c->n_slots == 0)
        return NULL;
    const struct count *slot = slot_of(c->slots, c->n_slots, key);
    return slot->sample ? slot : NULL;
}

bool list_room(void **list, size_t n, size_t *room, size_t each)
{
    if (n < *room)
        return true;
    size_t more = *room ? *room * 2 : 1024;
    void *bigger = realloc(*list, more * each);
    if (!bigger)
        return false;
    *list = bigger;
    *room = more;
    return true;
}

void key_counts_release(struct key_counts *c)
{
    places_release(&c->places);
    free(c->list);
    *c = (struct key_counts){0};
}

bool key_counts_add(struct key_counts *c, const struct columns *part, enum column_id id,
                    const bool *some, uint32_t *places)
{
    if (!places_of_column(&c->places, part, id, some, places))
        return false;
    for (uint32_t i = 0; i < part->of[id].n_keys; i++) {
        if ((some && !some[i]) || places[i] != c->n)
            continue;
        if (!list_room((void **)&c->list, c->n, &c->room, sizeof(*c->list)))
            return false;
        c->list[c->n++] =
            (struct count){.key = columns_key(part, id, i), .sample = columns_sample(part, id, i)};
    }
    return true;
}

struct counts key_counts_view(const struct key_counts *c)
{
    return (struct counts){.slots = c->list, .n = c->n, .n_slots = c->n};
}

struct str copied(struct str s)
{
    char *copy = malloc(s.n + 1);
    if (!copy)
        return STR_NONE;
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    return (struct str){copy, s.n};
}

/* ---- the largest -------------------------------------------------------------------------- */

static uint64_t value_of(const struct count *c, bool by_more)
{
    return by_more ? c->more : c->n;
}

/* The value of the TOP_N-th largest; 1 when there are not so many. */
static uint64_t threshold(const struct counts *c, bool by_more)
{
    uint64_t largest[TOP_N] = {0}; /* descending */
    for (size_t i = 0; i < c->n_slots; i++) {
        uint64_t v = c->slots[i].sample ? value_of(&c->slots[i], by_more) : 0;
        size_t at = TOP_N;
        while (at > 0 && v > largest[at - 1])
            at--;
        if (at == TOP_N)
            continue;
        memmove(largest + at + 1, largest + at, (TOP_N - at - 1) * sizeof(*largest));
        largest[at] = v;
    }
    return largest[TOP_N - 1] ? largest[TOP_N - 1] : 1;
}

static int by_value(const void *a, const void *b)
{
    const struct top_entry *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = memcmp(x->name.p, y->name.p, n);
    return order ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

static struct top_entry *same_name(struct top *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->entries[i].name, name))
            return &t->entries[i];
    return NULL;
}

static void add_entry(struct top *t, const struct count *c, struct str name, uint64_t value)
{
    if (t->n % 64 == 0) {
        struct top_entry *more = realloc(t->entries, (t->n + 64) * sizeof(*more));
        if (!more) {
            t->failed = true;
            return;
        }
        t->entries = more;
    }
    struct str own = copied(name);
    if (!str_is_set(own)) {
        t->failed = true;
        return;
    }
    t->entries[t->n++] =
        (struct top_entry){.name = own, .value = value, .more = c->more, .key = c->key};
}

void top_choose(struct top *t, const struct counts *c, const struct top_choice *choice)
{
    *t = (struct top){0};
    uint64_t least = choice->merge ? 1 : threshold(c, choice->by_more);
    for (size_t i = 0; i < c->n_slots && t->n < TOP_TIES && !t->failed; i++) {
        const struct count *count = &c->slots[i];
        uint64_t value = value_of(count, choice->by_more);
        if (count->sample == 0 || value < least)
            continue;
        struct str name = choice->name(choice->arg, count);
        struct top_entry *there = choice->merge ? same_name(t, name) : NULL;
        if (there)
            there->value += value;
        else if (str_is_set(name))
            add_entry(t, count, name, value);
    }
    if (t->n > 1)
        qsort(t->entries, t->n, sizeof(*t->entries), by_value);
    while (t->n > TOP_N)
        free((void *)t->entries[--t->n].name.p);
}

void top_release(struct top *t)
{
    for (size_t i = 0; i < t->n; i++)
        free((void *)t->entries[i].name.p);
    free(t->entries);
    *t = (struct top){0};
}

/* ---- pieces of time ----------------------------------------------------------------------- */

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400

static int64_t floor_to(int64_t v, int64_t step)
{
    int64_t rest = v % step;
    return v - (rest < 0 ? rest + step : rest);
}

static int64_t floor_seconds(int64_t ms)
{
    return floor_to(ms, 1000) / 1000;
}

static int64_t local_of(const struct zone *zone, int64_t utc_s)
{
    return utc_s + zone_offset(zone, utc_s);
}

static int64_t month_start(int64_t local_s, int months_on)
{
    int year, month, day;
    time_to_date(floor_to(local_s, DAY_S) / DAY_S, &year, &month, &day);
    month += months_on;
    if (month > 12) {
        month -= 12;
        year++;
    }
    return time_from_civil(year, month, 1, 0, 0, 0);
}

static bool is_full_hour(const struct zone *zone, int64_t utc_s)
{
    int64_t local = local_of(zone, utc_s);
    return floor_to(local, HOUR_S) == local;
}

/* Those are the same in every zone: offsets are whole quarters of an hour. 0: longer than that. */
static int64_t minutes_of(enum bucket_unit unit)
{
    return unit == BUCKET_5_MINUTES ? 5 : unit == BUCKET_15_MINUTES ? 15 : 0;
}

/* UTC milliseconds. Hours are counted on as they pass, so that one that a clock shows twice is two;
 * where clocks change by less than an hour, that one is longer or is cut. */
static int64_t first_start(int64_t from_ms, enum bucket_unit unit, const struct zone *zone)
{
    int64_t utc = floor_seconds(from_ms), local = local_of(zone, utc), minutes = minutes_of(unit);
    if (minutes)
        return floor_to(utc, minutes * MINUTE_S) * 1000;
    int64_t hour = floor_to(local, HOUR_S), start = utc - (local - hour);
    if (unit == BUCKET_HOUR)
        return is_full_hour(zone, start) ? start * 1000 : zone_to_utc_ms(zone, hour);
    if (unit == BUCKET_DAY)
        return zone_to_utc_ms(zone, floor_to(local, DAY_S));
    return zone_to_utc_ms(zone, month_start(local, 0));
}

static int64_t next_hour(int64_t start_ms, const struct zone *zone)
{
    int64_t next = start_ms / 1000 + HOUR_S, hour = floor_to(local_of(zone, next), HOUR_S);
    if (is_full_hour(zone, next))
        return next * 1000;
    int64_t shown_ms = zone_to_utc_ms(zone, hour);
    return shown_ms > start_ms ? shown_ms : zone_to_utc_ms(zone, hour + HOUR_S);
}

static int64_t next_start(int64_t start_ms, enum bucket_unit unit, const struct zone *zone)
{
    int64_t local = local_of(zone, start_ms / 1000), minutes = minutes_of(unit);
    if (minutes)
        return start_ms + minutes * MINUTE_S * 1000;
    if (unit == BUCKET_HOUR)
        return next_hour(start_ms, zone);
    if (unit == BUCKET_DAY) /* the day may begin at 01:00, or be of 23 or 25 hours */
        return zone_to_utc_ms(zone, floor_to(local, DAY_S) + DAY_S);
    return zone_to_utc_ms(zone, month_start(local, 1));
}

#define YEAR_0_MS (INT64_C(-62167219200) * 1000)
#define YEAR_9999_MS (INT64_C(253402300799) * 1000)

/* HitKeep's choice, since its 2.9. */
static enum bucket_unit unit_for(int64_t range_ms)
{
    const int64_t hours = HOUR_S * INT64_C(1000);
    if (range_ms <= hours)
        return BUCKET_5_MINUTES;
    if (range_ms <= 6 * hours)
        return BUCKET_15_MINUTES;
    if (range_ms < 48 * hours)
        return BUCKET_HOUR;
    return range_ms < 365 * 24 * hours ? BUCKET_DAY : BUCKET_MONTH;
}

int buckets_init(struct buckets *b, int64_t from_ms, int64_t to_ms, const struct zone *zone)
{
    enum bucket_unit unit = unit_for(to_ms - from_ms);
    *b = (struct buckets){.zone = zone, .starts = malloc((BUCKETS_MAX + 1) * sizeof(int64_t))};
    if (!b->starts || from_ms < YEAR_0_MS || to_ms > YEAR_9999_MS)
        return -1;
    if (to_ms < from_ms)
        return 0;
    b->starts[0] = first_start(from_ms, unit, zone);
    while (b->starts[b->n] <= to_ms) {
        if (b->n == BUCKETS_MAX)
            return -1;
        b->starts[b->n + 1] = next_start(b->starts[b->n], unit, zone);
        b->n++;
    }
    return 0;
}

void buckets_release(struct buckets *b)
{
    free(b->starts);
    *b = (struct buckets){0};
}

size_t buckets_find(struct buckets *b, int64_t ms)
{
    size_t low = 0, high = b->n - 1;
    if (ms >= b->starts[b->last] && ms < b->starts[b->last + 1])
        return b->last;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (ms < b->starts[middle])
            high = middle - 1;
        else
            low = middle;
    }
    return b->last = low;
}

void buckets_put_time(const struct buckets *b, size_t i, struct buf *out)
{
    int64_t utc = b->starts[i] / 1000, offset = local_of(b->zone, utc) - utc;
    int64_t minutes = (offset < 0 ? -offset : offset) / 60;
    struct buf text;
    buf_init(&text, 64);
    time_put_rfc3339(&text, (utc + offset) * 1000);
    buf_put_str(out, str_slice(buf_str(&text), 0, 19));
    if (b->zone == NULL || offset == 0)
        buf_putc(out, 'Z');
    else
        buf_printf(out, "%c%02d:%02d", offset < 0 ? '-' : '+', (int)(minutes / 60),
                   (int)(minutes % 60));
    buf_release(&text);
}
