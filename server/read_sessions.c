/*
 * read_sessions.c - pageviews by visitor. A part's are put together by the visitor's index in it,
 * which stays in the processor's cache; then each visitor of the part is looked up once.
 */
#include <stdlib.h>

#include "server/read_stats.h"

#define AHEAD 8 /* sessions that are on their way from memory */

static const struct session nothing = {
    .first_ms = INT64_MAX, .last_ms = INT64_MIN, .landed_ms = INT64_MAX, .exited_ms = INT64_MIN};

_Static_assert(sizeof(struct session) == 64, "a line of the processor's cache");

static struct session *session_at(const struct stats *s, size_t place)
{
    return &s->sessions[place / SESSIONS_A_CHUNK][place % SESSIONS_A_CHUNK];
}

static void note(struct sightings *s, uint32_t visitor, uint32_t what)
{
    s->list[s->n++] = (struct sighting){visitor, what};
}

/* ---- within a part ------------------------------------------------------------------------- */

struct pass {
    struct stats *s;
    bool fits; /* something of the part does */
};

static void count_in_bucket(struct stats *s, struct session *visit, uint32_t visitor, int64_t ms)
{
    size_t bucket = buckets_find(&s->buckets, ms);
    s->bucket_hits[bucket]++;
    if (visit->bucket == 0)
        visit->bucket = (uint32_t)bucket + 1;
    else if (visit->bucket != bucket + 1)
        note(&s->part->sightings, visitor, (uint32_t)bucket + 1);
}

static void count_visit(struct stats *s, uint32_t visitor, uint32_t path, int64_t ms, bool wanted)
{
    struct session *visit = &s->part->visits[visitor];
    s->part->seen[visitor] = true;
    if (ms < visit->landed_ms) {
        visit->landed_ms = ms;
        visit->landing = path;
    }
    if (ms >= visit->exited_ms) {
        visit->exited_ms = ms;
        visit->exit = path;
    }
    if (!wanted)
        return;
    visit->first_ms = ms < visit->first_ms ? ms : visit->first_ms;
    visit->last_ms = ms > visit->last_ms ? ms : visit->last_ms;
    visit->n++;
    if (s->scope == STATS_SESSIONS)
        return;
    s->part->views[path]++;
    count_in_bucket(s, visit, visitor, ms);
}

static void visits_block(void *arg, struct block *block)
{
    const struct pass *pass = arg;
    struct stats *s = pass->s;
    uint64_t visitor[BLOCK], path[BLOCK];
    int64_t ms[BLOCK];
    bool seen[BLOCK];
    memcpy(seen, block->wanted, sizeof(seen));
    block_times(block, ms);
    for (uint32_t i = 0; i < block->n; i++)
        block->wanted[i] = block->wanted[i] && ms[i] >= s->from_ms && ms[i] <= s->to_ms;
    if (pass->fits)
        hit_filters_narrow(&s->filters, block);
    else
        memset(block->wanted, 0, sizeof(block->wanted));
    memcpy(s->part->wanted + block->from, block->wanted, block->n);
    columns_read(block->part, COLUMN_VISITOR, block->from, block->n, visitor);
    columns_read(block->part, COLUMN_PATH, block->from, block->n, path);
    for (uint32_t i = 0; i < block->n; i++) {
        bool wanted = block->wanted[i];
        s->part->n_wanted += wanted;
        if (s->scope == STATS_ALL ? seen[i] : wanted)
            count_visit(s, (uint32_t)visitor[i], (uint32_t)path[i], ms[i], wanted);
    }
}

/* ---- places -------------------------------------------------------------------------------- */

static bool place_pages(struct stats *s, const struct columns *part)
{
    uint32_t *place = s->part->page;
    if (!places_of_column(&s->page_places, part, COLUMN_PATH, NULL, place))
        return false;
    for (uint32_t i = 0; i < part->of[COLUMN_PATH].n_keys; i++) {
        if (place[i] == s->n_pages) {
            if (!list_room((void **)&s->pages, s->n_pages, &s->pages_room, sizeof(*s->pages)))
                return false;
            s->pages[s->n_pages++] = (struct page){.key = columns_key(part, COLUMN_PATH, i),
                                                   .sample = columns_sample(part, COLUMN_PATH, i)};
        }
        s->pages[place[i]].views += s->part->views[i];
    }
    return true;
}

/* The place of each visitor that was seen in the time, at its index. */
static bool place_sessions(struct stats *s, const struct columns *part)
{
    if (!places_of_column(&s->session_places, part, COLUMN_VISITOR, s->part->seen,
                          s->part->session))
        return false;
    for (; s->n_sessions < s->session_places.n; s->n_sessions++) {
        struct session **chunk = &s->sessions[s->n_sessions / SESSIONS_A_CHUNK];
        if (!*chunk && !(*chunk = huge_alloc(HUGE_BYTES)))
            return false;
        *session_at(s, s->n_sessions) = nothing;
    }
    return true;
}

/* ---- adding up ----------------------------------------------------------------------------- */

static void add_visit(struct stats *s, struct session *session, const struct session *visit,
                      uint32_t visitor)
{
    if (visit->landed_ms < session->landed_ms) {
        session->landed_ms = visit->landed_ms;
        session->landing = s->part->page[visit->landing];
    }
    if (visit->exited_ms >= session->exited_ms) {
        session->exited_ms = visit->exited_ms;
        session->exit = s->part->page[visit->exit];
    }
    session->first_ms = visit->first_ms < session->first_ms ? visit->first_ms : session->first_ms;
    session->last_ms = visit->last_ms > session->last_ms ? visit->last_ms : session->last_ms;
    session->n += visit->n;
    if (visit->bucket == 0 || visit->bucket == session->bucket)
        return;
    if (session->bucket) {
        note(&s->part->sightings, visitor, visit->bucket);
        return;
    }
    session->bucket = visit->bucket;
    s->bucket_visitors[visit->bucket - 1]++;
}

static void add_visits(struct stats *s, const struct columns *part)
{
    uint32_t n = part->of[COLUMN_VISITOR].n_keys;
    const struct session *visits = s->part->visits;
    for (uint32_t i = 0; i < n; i++) {
        if (i + AHEAD < n && s->part->seen[i + AHEAD])
            __builtin_prefetch(session_at(s, s->part->session[i + AHEAD]), 1);
        if (s->part->seen[i])
            add_visit(s, session_at(s, s->part->session[i]), &visits[i], i);
    }
}

/* on_new for each pair of a session and what it was seen with that is not among `pairs` yet. */
static bool add_pairs(struct stats *s, struct places *pairs,
                      void (*on_new)(struct stats *s, const struct sighting *seen))
{
    const struct sightings *sightings = &s->part->sightings;
    uint64_t keys[BLOCK];
    uint32_t places[BLOCK];
    size_t n, next = pairs->n;
    for (size_t from = 0; from < sightings->n; from += n) {
        const struct sighting *list = sightings->list + from;
        n = sightings->n - from < BLOCK ? sightings->n - from : BLOCK;
        for (size_t i = 0; i < n; i++)
            keys[i] = (uint64_t)s->part->session[list[i].visitor] << 32 | list[i].what;
        if (!places_of(pairs, keys, n, places))
            return false;
        for (size_t i = 0; i < n; i++)
            if (places[i] == next) {
                on_new(s, &list[i]);
                next++;
            }
    }
    return true;
}

static void on_bucket(struct stats *s, const struct sighting *seen)
{
    if (session_at(s, s->part->session[seen->visitor])->bucket != seen->what)
        s->bucket_visitors[seen->what - 1]++;
}

bool sessions_add(struct stats *s, const struct columns *part, bool fits)
{
    struct pass pass = {s, fits};
    uint32_t n = part->of[COLUMN_VISITOR].n_keys;
    for (uint32_t i = 0; i < n; i++)
        s->part->visits[i] = nothing;
    memset(s->part->seen, 0, n * sizeof(*s->part->seen));
    memset(s->part->views, 0, part->of[COLUMN_PATH].n_keys * sizeof(*s->part->views));
    s->part->n_wanted = 0;
    s->part->sightings.n = 0;
    each_block(part, s->seen_from_ms, s->seen_to_ms, visits_block, &pass);
    s->total += s->part->n_wanted;
    if (!place_pages(s, part) || !place_sessions(s, part))
        return false;
    add_visits(s, part);
    return add_pairs(s, &s->in_bucket, on_bucket);
}

/* ---- assistants ---------------------------------------------------------------------------- */

static void on_source(struct stats *s, const struct sighting *seen)
{
    if (session_at(s, s->part->session[seen->visitor])->source != seen->what + 1)
        s->ai_sources.list[seen->what].n++;
}

static void add_source(struct stats *s, uint32_t visitor, uint32_t source)
{
    struct session *session = session_at(s, s->part->session[visitor]);
    if (session->source && session->source != source + 1)
        note(&s->part->sightings, visitor, source);
    if (session->source)
        return;
    session->source = source + 1;
    s->ai_visitors++;
    s->ai_sources.list[source].n++;
}

bool sessions_add_sources(struct stats *s, const struct columns *part)
{
    uint64_t source[BLOCK], visitor[BLOCK];
    uint32_t n, *place = s->part->place;
    s->part->sightings.n = 0;
    if (!key_counts_add(&s->ai_sources, part, COLUMN_AI_SOURCE, NULL, place))
        return false;
    for (uint32_t from = 0; from < part->n; from += n) {
        n = part->n - from < BLOCK ? part->n - from : BLOCK;
        columns_read(part, COLUMN_AI_SOURCE, from, n, source);
        columns_read(part, COLUMN_VISITOR, from, n, visitor);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t of = place[source[i]];
            if (s->part->wanted[from + i] && s->ai_sources.list[of].key)
                add_source(s, (uint32_t)visitor[i], of);
        }
    }
    return add_pairs(s, &s->from_source, on_source);
}

/* ---- all of them --------------------------------------------------------------------------- */

void sessions_sum_up(struct stats *s)
{
    for (size_t i = 0; i < s->n_sessions; i++) {
        const struct session *session = session_at(s, i);
        if (session->n == 0)
            continue;
        s->visitors++;
        s->bounced += session->n == 1;
        s->duration_ms += (uint64_t)(session->last_ms - session->first_ms);
        s->pages[session->landing].landings++;
        s->pages[session->exit].exits++;
    }
}
