/* The builder's books of time: by which quarters of an hour skipped lines are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/batch_view.h"

#define Q INT64_C(1970000) /* a quarter of 2026 */
#define AT(quarters) ((Q + (quarters)) * QUARTER_MS + 5)

static struct builder *make_builder(void)
{
    const struct builder_labels labels = {
        .node = STR("web-1"), .job = STR_NONE, .all_destinations = 1};
    struct builder *b = builder_new(&labels);
    assert_non_null(b);
    builder_begin(b, 1);
    return b;
}

/* The builder does not look behind the position. */
static struct span span_of(unsigned char stream, uint64_t from)
{
    return (struct span){.position = (struct position *)(uintptr_t)(stream * 8u),
                         .stream = {{stream}},
                         .file_from = from,
                         .file_to = from,
                         .from = from,
                         .to = from,
                         .name = "access.log"};
}

static void put_page(struct builder *b, uint64_t at, unsigned to)
{
    struct ua_entry nobody = {.mark = 0};
    struct record r = {
        .at = at, .time_ms = AT(0), .user_agent = -1, .url = STR("https://example.com/")};
    assert_int_equal(builder_record(b, &r, &nobody, to), 0);
}

/* Takes one line of stream 1, as fill.c does: a new span where the last one does not go on. */
static void skip_at(struct builder *b, uint64_t at, enum reason reason, int64_t time_ms)
{
    struct span span = span_of(1, at);
    if (!builder_fits(b, span.position, at))
        assert_int_equal(builder_stream(b, &span), 0);
    builder_skip(b, reason, time_ms);
    builder_advance(b, at + 1, at + 1);
}

static void view(struct builder *b, struct batch_view *v)
{
    struct group *g = builder_seal(b);
    assert_non_null(g);
    batch_view_init(v, g->batches[0]);
    group_free(g);
}

static void test_skipped_by_quarter(void **state)
{
    static const struct {
        enum reason reason;
        int64_t time_ms;
    } lines[] = {
        {REASON_ASSET, AT(0)}, {REASON_BOT, AT(0)},       {REASON_ASSET, AT(1)},
        {REASON_ASSET, AT(0)}, /* a slow request's line comes late */
        {REASON_ASSET, AT(1)}, {REASON_BOT, AT(1)},       {REASON_UNPARSABLE, HIT_NO_NUMBER},
        {REASON_ASSET, -1},    {REASON_ASSET, INT64_MAX},
    };
    struct builder *b = make_builder();
    struct batch_view v;
    struct span second = span_of(2, 0);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        skip_at(b, i, lines[i].reason, lines[i].time_ms);
    assert_int_equal(builder_stream(b, &second), 0);
    builder_skip(b, REASON_ASSET, AT(1));
    builder_advance(b, 1, 1);
    view(b, &v);
    assert_int_equal(v.h.n_streams, 2);
    const struct batch_stream *s = v.h.streams;
    assert_int_equal(s[0].lines, COUNT_OF(lines));
    assert_int_equal(s[0].skipped[REASON_ASSET], 6);
    assert_int_equal(stream_skipped_at(&v.h, &s[0], REASON_ASSET, Q), 2);
    assert_int_equal(stream_skipped_at(&v.h, &s[0], REASON_ASSET, Q + 1), 2);
    assert_int_equal(stream_skipped_at(&v.h, &s[0], REASON_BOT, Q), 1);
    assert_int_equal(stream_skipped_at(&v.h, &s[0], REASON_BOT, Q + 1), 1);
    assert_int_equal(s[0].n_cells, 4);
    assert_int_equal(stream_skipped_at(&v.h, &s[1], REASON_ASSET, Q + 1), 1);
    assert_int_equal(s[1].n_cells, 1);
    batch_view_release(&v);
    skip_at(b, 100, REASON_BOT, AT(2)); /* nothing is left of the batch before */
    view(b, &v);
    assert_int_equal(v.h.streams[0].n_cells, 1);
    assert_int_equal(stream_skipped_at(&v.h, v.h.streams, REASON_BOT, Q + 2), 1);
    batch_view_release(&v);
    builder_free(b);
}

/* Lines of many quarters are told as several intervals, side by side, and all of them are told. */
static void test_many_quarters(void **state)
{
    struct builder *b = make_builder();
    struct batch_view v;
    uint64_t n = 0, lines = 0;
    for (; !builder_is_full(b); n++)
        skip_at(b, n, REASON_ASSET, AT((int64_t)n));
    assert_in_range(n, 16000, BATCH_MAX_CELLS);
    view(b, &v);
    assert_in_range(v.h.n_streams, 2, 1024);
    for (size_t i = 0; i < v.h.n_streams; i++) {
        const struct batch_stream *s = &v.h.streams[i];
        assert_int_equal(s->from, lines);
        assert_int_equal(s->n_cells, s->lines);
        assert_int_equal(stream_skipped_at(&v.h, s, REASON_ASSET, (uint32_t)(Q + (int64_t)lines)),
                         1);
        lines = s->to;
    }
    assert_int_equal(lines, n);
    batch_view_release(&v);
    builder_free(b);
}

/* The seam is noted of a span that takes no further line, too. */
static void test_seam_of_a_full_span(void **state)
{
    struct builder *b = make_builder();
    struct span span = span_of(1, 0);
    uint64_t n = 0;
    do
        skip_at(b, n, REASON_ASSET, AT((int64_t)n));
    while (builder_fits(b, span.position, ++n));
    builder_note_seam(b, span.position, n, 77);
    struct group *g = builder_seal(b);
    assert_non_null(g);
    assert_int_equal(g->n_spans, 1);
    assert_int_equal(g->spans[0].seam_hash, 77);
    group_free(g);
    builder_free(b);
}

static bool select_line(void *context, size_t line)
{
    return line == *(size_t *)context;
}

/* Of the batches of a group one tells when lines were skipped; of a batch's parts, that which
 * accounts for it. */
static void test_told_once(void **state)
{
    struct builder *b = make_builder();
    struct span span = span_of(1, 0);
    struct batch_view v;
    const char *why;
    assert_int_equal(builder_stream(b, &span), 0);
    put_page(b, 0, 1);
    put_page(b, 1, 1);
    put_page(b, 2, 2);
    builder_skip(b, REASON_BOT, AT(3));
    builder_advance(b, 4, 4);
    struct group *g = builder_seal(b);
    assert_non_null(g);
    assert_int_equal(g->n_batches, 2);
    for (unsigned i = 0; i < 2; i++) {
        batch_view_init(&v, g->batches[i]);
        assert_int_equal(v.h.streams[0].n_cells, !i);
        batch_view_release(&v);
    }
    for (unsigned accounts = 0; accounts < 2; accounts++) {
        size_t line = 2;
        struct batch *part =
            batch_select(g->batches[0], select_line, &line, STR("half"), accounts, &why);
        assert_non_null(part);
        batch_view_init(&v, part);
        assert_int_equal(v.h.streams[0].n_cells, accounts);
        assert_int_equal(stream_skipped_at(&v.h, v.h.streams, REASON_BOT, Q + 3), accounts);
        batch_view_release(&v);
        batch_free(part);
    }
    group_free(g);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skipped_by_quarter),
        cmocka_unit_test(test_many_quarters),
        cmocka_unit_test(test_seam_of_a_full_span),
        cmocka_unit_test(test_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
