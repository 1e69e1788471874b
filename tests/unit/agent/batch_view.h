/*
 * batch_view.h - a batch as its receiver sees it: decoded, header read, each record read and
 * checked against the header.
 */
#ifndef LOGFERRY_TESTS_BATCH_VIEW_H
#define LOGFERRY_TESTS_BATCH_VIEW_H

#include "agent/batch.h"
#include "tests/unit/agent/scratch.h"

struct batch_view {
    struct buf body, scratch;
    struct batch_header h;
    struct record_view {
        struct record r;
        struct str user_agent; /* by index or by text */
        struct hash128 stream;
        struct buf scratch;
    } * records;
    size_t n;
};

static inline void batch_view_release(struct batch_view *v)
{
    for (size_t i = 0; i < v->n; i++)
        buf_release(&v->records[i].scratch);
    free(v->records);
    free(v->h.streams);
    free(v->h.cells);
    free(v->h.user_agents);
    buf_release(&v->body);
    buf_release(&v->scratch);
}

static inline void batch_view_records(struct batch_view *v, struct str rest, size_t n_records)
{
    size_t stream = 0;
    uint64_t in_stream = 0;
    const char *why;
    v->records = calloc(n_records + 1, sizeof(*v->records));
    while (rest.n) {
        assert_int_equal(rest.p[rest.n - 1], '\n');
        struct str line = str_cut(&rest, '\n');
        assert_true(v->n < n_records);
        struct record_view *r = &v->records[v->n++];
        buf_init(&r->scratch, line.n + 1);
        if (!record_read(line, &r->r, &r->scratch, &why))
            fail_msg("record %zu: %s", v->n, why);
        while (stream < v->h.n_streams && in_stream == v->h.streams[stream].records) {
            stream++;
            in_stream = 0;
        }
        assert_true(stream < v->h.n_streams);
        r->stream = v->h.streams[stream].id;
        in_stream++;
        assert_true(r->r.at >= v->h.streams[stream].from && r->r.at < v->h.streams[stream].to);
        assert_true(r->r.user_agent < (int64_t)v->h.n_user_agents);
        r->user_agent =
            r->r.user_agent < 0 ? r->r.user_agent_text : v->h.user_agents[(size_t)r->r.user_agent];
    }
    uint64_t announced = 0;
    for (size_t i = 0; i < v->h.n_streams; i++)
        announced += v->h.streams[i].records;
    assert_int_equal(announced, v->n);
}

static inline size_t count_of(struct str text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == c;
    return n;
}

/* Fails the test when anything does not fit. The arrays are as large as this header can fill them:
 * with room for the largest, the sanitizer would spend most of a test's time on them. */
static inline void batch_view_init(struct batch_view *v, const struct batch *b)
{
    const char *why = NULL;
    *v = (struct batch_view){0};
    if (batch_decode(b, &v->body, &why))
        fail_msg("batch_decode: %s", why);
    struct str rest = buf_str(&v->body), head = str_cut(&rest, '\n');
    v->h.streams = calloc(count_of(head, '{') + 1, sizeof(*v->h.streams));
    v->h.cells = calloc(count_of(head, '[') + 1, sizeof(*v->h.cells));
    v->h.user_agents = calloc(count_of(head, '"') + 1, sizeof(*v->h.user_agents));
    buf_init(&v->scratch, head.n + 1);
    if (!batch_header_read(head, &v->h, &v->scratch, &why))
        fail_msg("batch_header_read: %s", why);
    assert_true(str_eq(v->h.batch, str_of(b->id)));
    batch_view_records(v, rest, b->n_records);
    assert_int_equal(v->n, b->n_records);
}

static inline uint64_t stream_skipped(const struct batch_stream *s)
{
    uint64_t sum = s->skipped_other;
    for (int i = 0; i < REASON_COUNT; i++)
        sum += s->skipped[i];
    return sum;
}

/* Its skipped lines with this reason and a time in this quarter. */
static inline uint64_t stream_skipped_at(const struct batch_header *h, const struct batch_stream *s,
                                         enum reason reason, uint32_t quarter)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n_cells; i++) {
        const struct batch_cell *c = &h->cells[s->first_cell + i];
        sum += c->reason == (uint32_t)reason && c->quarter == quarter ? c->n : 0;
    }
    return sum;
}

#endif
