/*
 * read_stats.c - counts the pageviews of a time: one pass over the columns.
 *
 * A session is what one visitor's number has seen in the time: the number changes with the day,
 * unless the sender gave a session_id.
 */
#include "server/read_stats.h"

#include <stdlib.h>

#include "parsers/base/time.h"

/* ---- what is counted by key ---------------------------------------------------------------- */

static void count_column(struct stats *s, struct key_counts *counts, const struct columns *part,
                         enum column_id id)
{
    uint64_t index[BLOCK];
    uint32_t n, n_keys = part->of[id].n_keys, *hits = s->part->hits;
    memset(hits, 0, n_keys * sizeof(*hits));
    if (n_keys == 1)
        hits[0] = s->part->n_wanted;
    for (uint32_t from = 0; from < part->n && n_keys > 1; from += n) {
        n = part->n - from < BLOCK ? part->n - from : BLOCK;
        columns_read(part, id, from, n, index);
        for (uint32_t i = 0; i < n; i++)
            hits[index[i]] += s->part->wanted[from + i];
    }
    if (!key_counts_add(counts, part, id, NULL, s->part->place)) {
        s->failed = true;
        return;
    }
    for (uint32_t i = 0; i < n_keys; i++)
        counts->list[s->part->place[i]].n += hits[i];
}

static void on_stats_part(void *arg, const struct columns *part)
{
    struct stats *s = arg;
    bool fits = hit_filters_begin(&s->filters, part);
    if (s->failed || (s->scope != STATS_ALL && !fits))
        return;
    s->failed = !sessions_add(s, part, fits);
    if (s->failed || s->part->n_wanted == 0 || s->scope != STATS_ALL)
        return;
    count_column(s, &s->referrers, part, COLUMN_REFERRER_HOST);
    count_column(s, &s->languages, part, COLUMN_LANGUAGE);
    count_column(s, &s->agents, part, COLUMN_UA);
    count_column(s, &s->countries, part, COLUMN_COUNTRY);
    for (int i = 0; i < UTM_COLUMNS; i++)
        count_column(s, &s->utm[i], part, (enum column_id)(COLUMN_UTM_SOURCE + i));
    if (part->of[COLUMN_AI_SOURCE].n_keys > 1 || columns_key(part, COLUMN_AI_SOURCE, 0))
        s->failed = s->failed || !sessions_add_sources(s, part);
}

/* ---- all of them --------------------------------------------------------------------------- */

/* A visitor's number lasts for a day of UTC, so whole days have his first and his last page. */
static void see_whole_visits(struct stats *s)
{
    int64_t into_from = (s->from_ms % DAY_MS + DAY_MS) % DAY_MS;
    int64_t into_to = (s->to_ms % DAY_MS + DAY_MS) % DAY_MS;
    bool whole = s->scope == STATS_ALL && s->to_ms >= s->from_ms;
    s->seen_from_ms = whole ? s->from_ms - into_from : s->from_ms;
    s->seen_to_ms = whole ? s->to_ms - into_to + DAY_MS - 1 : s->to_ms;
}

int stats_gather(struct stats *s, const struct read_context *x, const struct read_query *q,
                 int64_t from_ms, int64_t to_ms, enum stats_scope scope)
{
    *s = (struct stats){.x = x, .from_ms = from_ms, .to_ms = to_ms, .scope = scope};
    see_whole_visits(s);
    struct scan_filter scan = {x->site, COLUMNS_PAGEVIEWS, s->seen_from_ms,
                               s->seen_to_ms == INT64_MAX ? INT64_MAX : s->seen_to_ms + 1};
    if ((scope != STATS_SESSIONS && buckets_init(&s->buckets, from_ms, to_ms, x->zone)) ||
        hit_filters_init(&s->filters, x, q))
        return -1;
    s->part = calloc(1, sizeof(*s->part));
    s->bucket_hits = calloc(s->buckets.n + 1, sizeof(*s->bucket_hits));
    s->bucket_visitors = calloc(s->buckets.n + 1, sizeof(*s->bucket_visitors));
    if (!s->part || !s->bucket_hits || !s->bucket_visitors)
        return -1;
    if (to_ms < from_ms)
        return 0;
    if (store_reader_scan(x->reader, &scan, on_stats_part, s) || s->failed)
        return -1;
    sessions_sum_up(s);
    return 0;
}

void stats_release(struct stats *s)
{
    struct places *places[] = {&s->session_places, &s->page_places, &s->in_bucket, &s->from_source};
    struct key_counts *counts[] = {&s->referrers, &s->languages, &s->agents, &s->countries,
                                   &s->ai_sources};
    for (size_t i = 0; i < COUNT_OF(places); i++)
        places_release(places[i]);
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        key_counts_release(counts[i]);
    for (int i = 0; i < UTM_COLUMNS; i++)
        key_counts_release(&s->utm[i]);
    hit_filters_release(&s->filters);
    buckets_release(&s->buckets);
    for (size_t i = 0; i < SESSION_CHUNKS; i++)
        huge_free(s->sessions[i], HUGE_BYTES);
    free(s->pages);
    free(s->part);
    free(s->bucket_hits);
    free(s->bucket_visitors);
    *s = (struct stats){0};
}
