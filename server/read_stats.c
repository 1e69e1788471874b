/*
 * read_stats.c - counts the pageviews of a time: one pass over the columns.
 *
 * A session is what one visitor's number has seen in the time: the number changes with the day,
 * unless the sender gave a session_id.
 */
#include "server/read_stats.h"

#include <stdlib.h>

/* ---- places -------------------------------------------------------------------------------- */

static struct session *session_at(struct stats *s, const struct columns *part, uint32_t index)
{
    uint64_t visitor;
    if (s->part_session[index])
        return &s->sessions[s->part_session[index] - 1];
    visitor = columns_key(part, COLUMN_VISITOR, index);
    struct count *place = counts_at(&s->session_index, visitor, 1);
    if (!place || (place->n == 0 && !list_room((void **)&s->sessions, s->n_sessions,
                                               &s->sessions_room, sizeof(*s->sessions)))) {
        s->failed = true;
        return NULL;
    }
    if (place->n == 0) {
        s->sessions[s->n_sessions] =
            (struct session){.visitor = visitor, .landed_ms = INT64_MAX, .exited_ms = INT64_MIN};
        place->n = ++s->n_sessions;
    }
    s->part_session[index] = (uint32_t)place->n;
    return &s->sessions[place->n - 1];
}

static uint32_t page_at(struct stats *s, const struct columns *part, uint32_t index)
{
    if (s->part_page[index])
        return s->part_page[index] - 1;
    uint64_t key = columns_key(part, COLUMN_PATH, index);
    struct count *place = counts_at(&s->page_index, key, 1);
    if (!place || (place->n == 0 &&
                   !list_room((void **)&s->pages, s->n_pages, &s->pages_room, sizeof(*s->pages)))) {
        s->failed = true;
        return 0;
    }
    if (place->n == 0) {
        s->pages[s->n_pages] =
            (struct page){.key = key, .sample = columns_sample(part, COLUMN_PATH, index)};
        place->n = ++s->n_pages;
    }
    s->part_page[index] = (uint32_t)place->n;
    return (uint32_t)place->n - 1;
}

/* ---- one record ---------------------------------------------------------------------------- */

static void count_in_bucket(struct stats *s, struct session *session, int64_t ms)
{
    size_t bucket = buckets_find(&s->buckets, ms);
    s->bucket_hits[bucket]++;
    if (session->bucket == bucket + 1)
        return;
    if (session->bucket == 0) {
        session->bucket = (uint32_t)bucket + 1;
        s->bucket_visitors[bucket]++;
        return;
    }
    struct count *seen = counts_at(&s->in_bucket, key_pair(session->visitor, bucket + 1), 1);
    if (seen && seen->n++ == 0)
        s->bucket_visitors[bucket]++;
    s->failed = s->failed || !seen;
}

static void move_ends(struct session *session, uint32_t page, int64_t ms)
{
    if (ms < session->landed_ms) {
        session->landed_ms = ms;
        session->landing = page;
    }
    if (ms >= session->exited_ms) {
        session->exited_ms = ms;
        session->exit = page;
    }
}

static void count_hit(struct stats *s, struct session *session, int64_t ms)
{
    if (session->n == 0 || ms < session->first_ms)
        session->first_ms = ms;
    if (session->n == 0 || ms > session->last_ms)
        session->last_ms = ms;
    session->n++;
    s->total++;
}

struct pass {
    struct stats *s;
    bool fits; /* something of the part does */
};

static void stats_block(void *arg, struct block *block)
{
    const struct pass *pass = arg;
    struct stats *s = pass->s;
    uint64_t visitor[BLOCK], path[BLOCK];
    int64_t ms[BLOCK];
    bool in_time[BLOCK];
    memcpy(in_time, block->wanted, sizeof(in_time));
    hit_filters_narrow(&s->filters, block);
    columns_read(block->part, COLUMN_VISITOR, block->from, block->n, visitor);
    columns_read(block->part, COLUMN_PATH, block->from, block->n, path);
    block_times(block, ms);
    for (uint32_t i = 0; i < block->n && !s->failed; i++) {
        bool wanted = block->wanted[i] && pass->fits;
        block->wanted[i] = wanted;
        if (!in_time[i] || (s->sessions_only && !wanted))
            continue;
        struct session *session = session_at(s, block->part, (uint32_t)visitor[i]);
        if (!session)
            return;
        if (s->sessions_only) {
            count_hit(s, session, ms[i]);
            continue;
        }
        uint32_t page = page_at(s, block->part, (uint32_t)path[i]);
        move_ends(session, page, ms[i]);
        if (!wanted || s->failed)
            continue;
        count_hit(s, session, ms[i]);
        s->part_total++;
        s->pages[page].views++;
        count_in_bucket(s, session, ms[i]);
    }
}

/* ---- what is counted by key ---------------------------------------------------------------- */

static void add_hits(struct stats *s, struct counts *counts, const struct columns *part,
                     enum column_id id)
{
    for (uint32_t i = 0; i < part->of[id].n_keys; i++) {
        if (s->part_hits[i] == 0)
            continue;
        struct count *c = counts_at(counts, columns_key(part, id, i), columns_sample(part, id, i));
        if (!c) {
            s->failed = true;
            return;
        }
        c->n += s->part_hits[i];
    }
}

struct column_pass {
    struct stats *s;
    enum column_id id;
};

static void column_block(void *arg, struct block *block)
{
    const struct column_pass *pass = arg;
    struct stats *s = pass->s;
    uint64_t index[BLOCK];
    hit_filters_narrow(&s->filters, block);
    columns_read(block->part, pass->id, block->from, block->n, index);
    for (uint32_t i = 0; i < block->n; i++)
        s->part_hits[index[i]] += block->wanted[i];
}

static void count_column(struct stats *s, struct counts *counts, const struct columns *part,
                         enum column_id id)
{
    struct column_pass pass = {s, id};
    memset(s->part_hits, 0, part->of[id].n_keys * sizeof(*s->part_hits));
    if (part->of[id].n_keys == 1)
        s->part_hits[0] = s->part_total;
    else
        each_block(part, s->from_ms, s->to_ms, column_block, &pass);
    add_hits(s, counts, part, id);
}

static void ai_block(void *arg, struct block *block)
{
    struct stats *s = arg;
    uint64_t source[BLOCK], visitor[BLOCK];
    hit_filters_narrow(&s->filters, block);
    columns_read(block->part, COLUMN_AI_SOURCE, block->from, block->n, source);
    columns_read(block->part, COLUMN_VISITOR, block->from, block->n, visitor);
    for (uint32_t i = 0; i < block->n; i++) {
        uint64_t key = columns_key(block->part, COLUMN_AI_SOURCE, (uint32_t)source[i]);
        if (!block->wanted[i] || key == 0)
            continue;
        uint64_t id = columns_key(block->part, COLUMN_VISITOR, (uint32_t)visitor[i]);
        struct count *pair = counts_at(&s->ai_pairs, key_pair(id, key), 1);
        struct count *of =
            counts_at(&s->ai_sources, key,
                      columns_sample(block->part, COLUMN_AI_SOURCE, (uint32_t)source[i]));
        if (!counts_at(&s->ai_visitors, id, 1) || !pair || !of) {
            s->failed = true;
            return;
        }
        of->n += pair->n++ == 0;
    }
}

static void on_stats_part(void *arg, const struct columns *part)
{
    struct stats *s = arg;
    struct pass pass = {.s = s, .fits = hit_filters_begin(&s->filters, part)};
    if (s->failed || (s->sessions_only && !pass.fits))
        return;
    memset(s->part_session, 0, part->of[COLUMN_VISITOR].n_keys * sizeof(*s->part_session));
    memset(s->part_page, 0, part->of[COLUMN_PATH].n_keys * sizeof(*s->part_page));
    s->part_total = 0;
    each_block(part, s->from_ms, s->to_ms, stats_block, &pass);
    if (!pass.fits || s->sessions_only)
        return;
    count_column(s, &s->referrers, part, COLUMN_REFERRER_HOST);
    count_column(s, &s->languages, part, COLUMN_LANGUAGE);
    count_column(s, &s->agents, part, COLUMN_UA);
    for (int i = 0; i < UTM_COLUMNS; i++)
        count_column(s, &s->utm[i], part, (enum column_id)(COLUMN_UTM_SOURCE + i));
    if (part->of[COLUMN_AI_SOURCE].n_keys > 1 || columns_key(part, COLUMN_AI_SOURCE, 0))
        each_block(part, s->from_ms, s->to_ms, ai_block, s);
}

/* ---- all of them --------------------------------------------------------------------------- */

static int make_parts(struct stats *s)
{
    s->part_session = calloc(COLUMNS_MAX_RECORDS, sizeof(*s->part_session));
    s->part_page = calloc(COLUMNS_MAX_RECORDS, sizeof(*s->part_page));
    s->part_hits = calloc(COLUMNS_MAX_RECORDS, sizeof(*s->part_hits));
    s->bucket_hits = calloc(s->buckets.n + 1, sizeof(*s->bucket_hits));
    s->bucket_visitors = calloc(s->buckets.n + 1, sizeof(*s->bucket_visitors));
    return s->part_session && s->part_page && s->part_hits && s->bucket_hits && s->bucket_visitors
               ? 0
               : -1;
}

int stats_gather(struct stats *s, const struct read_context *x, const struct read_query *q,
                 int64_t from_ms, int64_t to_ms, bool sessions_only)
{
    struct scan_filter scan = {x->site, COLUMNS_PAGEVIEWS, from_ms,
                               to_ms == INT64_MAX ? to_ms : to_ms + 1};
    *s = (struct stats){.x = x, .from_ms = from_ms, .to_ms = to_ms, .sessions_only = sessions_only};
    if ((!sessions_only && buckets_init(&s->buckets, from_ms, to_ms, x->zone)) ||
        hit_filters_init(&s->filters, x, q) || make_parts(s))
        return -1;
    if (to_ms < from_ms)
        return 0;
    if (store_reader_scan(x->reader, &scan, on_stats_part, s) || s->failed)
        return -1;
    for (size_t i = 0; i < s->n_sessions && !sessions_only; i++) {
        const struct session *session = &s->sessions[i];
        if (session->n == 0)
            continue;
        s->pages[session->landing].landings++;
        s->pages[session->exit].exits++;
    }
    return 0;
}

void stats_release(struct stats *s)
{
    struct counts *counts[] = {&s->session_index, &s->page_index, &s->in_bucket,
                               &s->referrers,     &s->languages,  &s->agents,
                               &s->ai_visitors,   &s->ai_pairs,   &s->ai_sources};
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        counts_release(counts[i]);
    for (int i = 0; i < UTM_COLUMNS; i++)
        counts_release(&s->utm[i]);
    hit_filters_release(&s->filters);
    buckets_release(&s->buckets);
    free(s->sessions);
    free(s->pages);
    free(s->part_session);
    free(s->part_page);
    free(s->part_hits);
    free(s->bucket_hits);
    free(s->bucket_visitors);
    *s = (struct stats){0};
}

uint64_t stats_sessions(const struct stats *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->n_sessions; i++)
        n += s->sessions[i].n > 0;
    return n;
}
