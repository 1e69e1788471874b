/* builder.c - lines become spans and records; a full builder becomes a group of batches (batch.h).
 */
#include "agent/batch_compose.h"

#include <stdlib.h>
#include <time.h>

#define MAX_SPANS 1024u  /* of one builder; the wire allows BATCH_MAX_STREAMS */
#define MAX_CELLS 16384u /* of one builder; the wire allows BATCH_MAX_CELLS */
#define SPAN_CELLS 128u  /* of one span, for they are searched */
/* Of listed user agents. In JSON, a byte can become six: with the records, always one body. */
#define MAX_AGENT_BYTES (BATCH_MAX_DECODED / 12)

/* The records that go to one set of destinations. */
struct part {
    unsigned to;
    struct buf records;
    uint32_t n_records;
    struct buf agents; /* their text, one behind the other */
    struct agent_ref {
        uint32_t at, n;
    } * refs;
    size_t n_agents, cap_agents;
};

struct builder {
    struct builder_labels labels;
    uint64_t mark; /* of part 0 in the user-agent cache; part i has mark + i */
    struct span *spans;
    size_t n_spans, cap_spans;
    struct batch_cell *cells; /* of the spans, in their order */
    size_t n_cells, cap_cells;
    uint32_t last_cell[REASON_COUNT]; /* where a reason was counted last; may be of another span */
    struct part parts[GROUP_MAX_BATCHES];
    size_t n_parts;
    uint64_t lines, records;
};

struct builder *builder_new(const struct builder_labels *labels)
{
    struct builder *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->labels = *labels;
    for (size_t i = 0; i < GROUP_MAX_BATCHES; i++) {
        buf_init(&b->parts[i].records, BATCH_MAX_DECODED / 2);
        buf_init(&b->parts[i].agents, MAX_AGENT_BYTES);
    }
    return b;
}

void builder_free(struct builder *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < GROUP_MAX_BATCHES; i++) {
        buf_release(&b->parts[i].records);
        buf_release(&b->parts[i].agents);
        free(b->parts[i].refs);
    }
    free(b->spans);
    free(b->cells);
    free(b);
}

void builder_begin(struct builder *b, uint64_t serial)
{
    b->mark = serial * GROUP_MAX_BATCHES + 1; /* 0 is the cache's "never" */
}

uint64_t builder_lines(const struct builder *b)
{
    return b->lines;
}

uint64_t builder_records(const struct builder *b)
{
    return b->records;
}

bool builder_is_full(const struct builder *b)
{
    if (b->n_spans == MAX_SPANS || b->n_cells == MAX_CELLS)
        return true;
    for (size_t i = 0; i < b->n_parts; i++)
        if (b->parts[i].records.n >= BATCH_TARGET_BYTES ||
            b->parts[i].n_records >= BATCH_MAX_RECORDS)
            return true;
    return false;
}

/* The last span, when it ends here. */
static struct span *span_to(const struct builder *b, const struct position *position,
                            uint64_t file_at)
{
    struct span *last = b->n_spans ? &b->spans[b->n_spans - 1] : NULL;
    return last && last->position == position && last->file_to == file_at ? last : NULL;
}

bool builder_fits(const struct builder *b, const struct position *position, uint64_t file_from)
{
    const struct span *last = span_to(b, position, file_from);
    return last && last->n_cells < SPAN_CELLS;
}

int builder_stream(struct builder *b, const struct span *start)
{
    if (b->n_spans == MAX_SPANS)
        return -1;
    if (b->n_spans == b->cap_spans) {
        size_t cap = b->cap_spans ? b->cap_spans * 2 : 4;
        struct span *v = realloc(b->spans, cap * sizeof(*v));
        if (!v)
            return -1;
        b->spans = v;
        b->cap_spans = cap;
    }
    b->spans[b->n_spans++] = *start;
    b->spans[b->n_spans - 1].first_cell = (uint32_t)b->n_cells;
    return 0;
}

static bool has_cell_room(struct builder *b)
{
    if (b->n_cells < b->cap_cells)
        return true;
    size_t cap = b->cap_cells ? b->cap_cells * 2 : 64;
    struct batch_cell *v = cap > MAX_CELLS ? NULL : realloc(b->cells, cap * sizeof(*v));
    if (!v)
        return false;
    b->cells = v;
    b->cap_cells = cap;
    return true;
}

/* The cell of the last span; NULL: there is no room. The line then counts as one whose time is not
 * known. */
static struct batch_cell *cell_for(struct builder *b, struct span *s, enum reason reason,
                                   uint32_t quarter)
{
    if (!has_cell_room(b))
        return NULL;
    struct batch_cell *first = b->cells + s->first_cell, *end = first + s->n_cells;
    struct batch_cell *last = b->cells + b->last_cell[reason];
    if (last >= first && last < end && last->quarter == quarter && last->reason == reason)
        return last;
    for (struct batch_cell *c = end; c > first; c--)
        if (c[-1].quarter == quarter && c[-1].reason == reason)
            return &c[-1];
    s->n_cells++;
    b->cells[b->n_cells] = (struct batch_cell){.quarter = quarter, .reason = reason};
    return &b->cells[b->n_cells++];
}

static void count_time(struct builder *b, struct span *s, enum reason reason, int64_t time_ms)
{
    uint32_t quarter = quarter_of(time_ms);
    struct batch_cell *cell = quarter == QUARTER_NONE ? NULL : cell_for(b, s, reason, quarter);
    if (!cell)
        return;
    cell->n++;
    b->last_cell[reason] = (uint32_t)(cell - b->cells);
}

void builder_skip(struct builder *b, enum reason reason, int64_t time_ms)
{
    struct span *s = &b->spans[b->n_spans - 1];
    s->lines++;
    s->skipped[reason]++;
    b->lines++;
    count_time(b, s, reason, time_ms);
}

void builder_advance(struct builder *b, uint64_t file_to, uint64_t to)
{
    struct span *s = &b->spans[b->n_spans - 1];
    s->file_to = file_to;
    s->to = to;
}

void builder_note_seam(struct builder *b, const struct position *position, uint64_t file_at,
                       uint64_t hash)
{
    struct span *last = span_to(b, position, file_at);
    if (last)
        last->seam_hash = hash;
}

/* The part for these destinations, or NULL when there is no room for one more set. */
static struct part *part_for(struct builder *b, unsigned to)
{
    for (size_t i = 0; i < b->n_parts; i++)
        if (b->parts[i].to == to)
            return &b->parts[i];
    if (b->n_parts == GROUP_MAX_BATCHES)
        return NULL;
    struct part *p = &b->parts[b->n_parts++];
    p->to = to;
    return p;
}

static int list_agent(struct part *p, struct str text)
{
    if (p->n_agents == p->cap_agents) {
        size_t cap = p->cap_agents ? p->cap_agents * 2 : 64;
        struct agent_ref *v = realloc(p->refs, cap * sizeof(*v));
        if (!v)
            return -1;
        p->refs = v;
        p->cap_agents = cap;
    }
    char *to = text.n <= p->agents.max - p->agents.n ? buf_reserve(&p->agents, text.n) : NULL;
    if (!to)
        return -1;
    memcpy(to, text.p, text.n);
    p->refs[p->n_agents++] = (struct agent_ref){(uint32_t)p->agents.n, (uint32_t)text.n};
    p->agents.n += text.n;
    return 0;
}

/* The user agent's number in the part's list; -1 where it is to stand in the record itself. */
static int64_t agent_index(struct builder *b, struct part *p, struct str text, struct ua_entry *ua)
{
    uint64_t mark = b->mark + (uint64_t)(p - b->parts);
    if (ua->mark == mark)
        return ua->index;
    if (!text.n || text.n > BATCH_LISTED_AGENT_MAX || p->n_agents >= BATCH_MAX_USER_AGENTS ||
        list_agent(p, text))
        return -1;
    ua->mark = mark;
    ua->index = (uint32_t)(p->n_agents - 1);
    return ua->index;
}

int builder_record(struct builder *b, const struct record *r, struct ua_entry *ua, unsigned to)
{
    struct part *p = part_for(b, to);
    if (!p || p->n_records >= BATCH_MAX_RECORDS)
        return -1;
    struct record record = *r;
    size_t before = p->records.n;
    record.user_agent = agent_index(b, p, r->user_agent_text, ua);
    record_write(&p->records, &record);
    if (p->records.failed) { /* undo: the record goes to the next batch */
        p->records.failed = false;
        p->records.n = before;
        return -1;
    }
    struct span *s = &b->spans[b->n_spans - 1];
    s->records[p - b->parts]++;
    s->lines++;
    p->n_records++;
    b->lines++;
    b->records++;
    return 0;
}

/* ---- sealing ----------------------------------------------------------------------------------
 */

/* The header of part i. Lines and skips are told once, by part 0. */
static void fill_streams(const struct builder *b, size_t i, struct batch_header *h)
{
    for (size_t k = 0; k < b->n_spans; k++) {
        const struct span *s = &b->spans[k];
        if (!s->records[i] && (i || !s->lines))
            continue;
        struct batch_stream *out = &h->streams[h->n_streams++];
        *out = (struct batch_stream){.id = s->stream,
                                     .from = s->from,
                                     .to = s->to,
                                     .records = s->records[i],
                                     .name = str_of(s->name)};
        if (i == 0) {
            out->lines = s->lines;
            memcpy(out->skipped, s->skipped, sizeof(out->skipped));
            out->first_cell = s->first_cell;
            out->n_cells = s->n_cells;
        }
    }
}

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct batch *seal_part(const struct builder *b, size_t i)
{
    const struct part *p = &b->parts[i];
    struct batch_header h = {
        .agent = STR("logferry/" LOGFERRY_VERSION), .node = b->labels.node, .job = b->labels.job};
    struct batch *batch = NULL;
    char id[BATCH_ID_BYTES];
    h.streams = calloc(b->n_spans + 1, sizeof(*h.streams));
    h.user_agents = calloc(p->n_agents + 1, sizeof(*h.user_agents));
    if (h.streams && h.user_agents && !batch_make_id(id)) {
        h.batch = str_of(id);
        fill_streams(b, i, &h);
        h.cells = b->cells;
        h.n_cells = b->n_cells;
        for (size_t k = 0; k < p->n_agents; k++)
            h.user_agents[k] = (struct str){p->agents.p + p->refs[k].at, p->refs[k].n};
        h.n_user_agents = p->n_agents;
        batch = batch_compose(&h, buf_str(&p->records), p->n_records, b->labels.compress);
    }
    free(h.streams);
    free(h.user_agents);
    if (batch) {
        batch->to = b->n_parts ? p->to : b->labels.all_destinations;
        batch->sealed_ms = wall_ms();
    }
    return batch;
}

static void empty(struct builder *b)
{
    for (size_t i = 0; i < GROUP_MAX_BATCHES; i++) {
        struct part *p = &b->parts[i];
        buf_reset(&p->records);
        buf_reset(&p->agents);
        p->n_records = 0;
        p->n_agents = 0;
        p->to = 0;
    }
    b->n_parts = 0;
    b->spans = NULL; /* the group's now */
    b->n_spans = b->cap_spans = b->n_cells = 0;
    b->lines = b->records = 0;
}

struct group *builder_seal(struct builder *b)
{
    struct group *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    size_t n = b->n_parts ? b->n_parts : 1;
    for (size_t i = 0; i < n; i++) {
        struct batch *batch = seal_part(b, i);
        if (!batch) {
            group_free(g);
            return NULL;
        }
        batch->group = g;
        g->batches[g->n_batches++] = batch;
    }
    g->spans = b->spans;
    g->n_spans = b->n_spans;
    g->pending = g->n_batches;
    empty(b);
    return g;
}
