/* Batches: what a builder was given is what the receiver reads, whole and in parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/batch_view.h"

#define ALL 0x3u

static struct catalogue *catalogue;
static struct ua_cache *agents;

static int set_up(void **state)
{
    catalogue = catalogue_new(false);
    agents = ua_cache_new(catalogue);
    return agents ? 0 : -1;
}

static int tear_down(void **state)
{
    ua_cache_free(agents);
    catalogue_free(catalogue);
    return 0;
}

static struct builder *make_builder(bool compress)
{
    const struct builder_labels labels = {
        .node = STR("web-1"), .job = STR("7"), .compress = compress, .all_destinations = ALL};
    struct builder *b = builder_new(&labels);
    assert_non_null(b);
    return b;
}

/* A stream's id of one byte, its position entry only a number: builders do not look behind it. */
static struct span span_of(unsigned char stream, uint64_t from)
{
    struct span s = {.position = (struct position *)(uintptr_t)(stream * 8u),
                     .stream = {{stream}},
                     .file_from = from + 1000,
                     .file_to = from + 1000,
                     .from = from,
                     .to = from};
    snprintf(s.name, sizeof(s.name), "access-%u.log", stream);
    return s;
}

static int put_record(struct builder *b, uint64_t at, const char *path, const char *ua, unsigned to)
{
    char url[200];
    struct record r = {.kind = RECORD_PAGEVIEW,
                       .at = at,
                       .line_hash = (uint32_t)at * 3,
                       .time_ms = 1700000000000,
                       .user_agent = -1,
                       .user_agent_text = str_of(ua)};
    snprintf(url, sizeof(url), "https://example.com%s", path);
    r.url = str_of(url);
    return builder_record(b, &r, ua_cache_get(agents, str_of(ua)), to);
}

static struct group *seal(struct builder *b)
{
    struct group *g = builder_seal(b);
    assert_non_null(g);
    assert_int_equal(g->pending, g->n_batches);
    assert_int_equal(builder_lines(b), 0);
    assert_int_equal(builder_records(b), 0);
    return g;
}

static void test_what_goes_in_comes_out(void **state)
{
    for (int compress = 0; compress < 2; compress++) {
        struct builder *b = make_builder(compress);
        struct span first = span_of(1, 0), second = span_of(2, 500);
        struct batch_view v;
        builder_begin(b, 1000 + (unsigned)compress);
        assert_int_equal(builder_stream(b, &first), 0);
        assert_int_equal(put_record(b, 0, "/a", "Mozilla/5.0 a", ALL), 0);
        builder_skip(b, REASON_ASSET, HIT_NO_NUMBER);
        builder_skip(b, REASON_ASSET, HIT_NO_NUMBER);
        builder_skip(b, REASON_BOT, HIT_NO_NUMBER);
        assert_int_equal(put_record(b, 90, "/b", "Mozilla/5.0 b", ALL), 0);
        builder_advance(b, 1100, 100);
        assert_int_equal(builder_stream(b, &second), 0);
        assert_int_equal(put_record(b, 500, "/c", "Mozilla/5.0 a", ALL), 0);
        builder_advance(b, 1600, 600);
        builder_note_seam(b, second.position, 1600, 77);
        builder_note_seam(b, first.position, 1600, 78); /* another file: does not fit */
        builder_note_seam(b, second.position, 1599, 79);
        assert_int_equal(builder_lines(b), 6);
        assert_int_equal(builder_records(b), 3);
        struct group *g = seal(b);
        assert_int_equal(g->n_batches, 1);
        assert_int_equal(g->batches[0]->to, ALL);
        assert_int_equal(g->batches[0]->encoding, compress ? BATCH_ZSTD : BATCH_PLAIN);
        assert_int_equal(g->n_spans, 2);
        assert_int_equal(g->spans[0].file_to, 1100);
        assert_int_equal(g->spans[0].seam_hash, 0);
        assert_int_equal(g->spans[1].seam_hash, 77);
        assert_int_equal(g->spans[0].lines, 5);
        assert_int_equal(g->spans[0].records[0], 2);
        assert_int_equal(g->spans[0].skipped[REASON_ASSET], 2);
        batch_view_init(&v, g->batches[0]);
        assert_true(str_eq(v.h.node, STR("web-1")));
        assert_true(str_eq(v.h.job, STR("7")));
        assert_true(str_starts(v.h.agent, STR("logferry/")));
        assert_int_equal(v.h.n_streams, 2);
        assert_int_equal(v.h.n_user_agents, 2);
        assert_int_equal(v.h.streams[0].from, 0);
        assert_int_equal(v.h.streams[0].to, 100);
        assert_int_equal(v.h.streams[0].lines, 5);
        assert_int_equal(v.h.streams[0].skipped[REASON_BOT], 1);
        assert_true(str_eq(v.h.streams[0].name, STR("access-1.log")));
        assert_int_equal(v.h.streams[1].from, 500);
        assert_int_equal(v.records[2].r.at, 500);
        assert_int_equal(v.records[2].r.line_hash, 1500);
        assert_int_equal(v.records[2].stream.b[0], 2);
        assert_true(str_eq(v.records[1].user_agent, STR("Mozilla/5.0 b")));
        assert_true(str_eq(v.records[2].user_agent, STR("Mozilla/5.0 a")));
        batch_view_release(&v);
        group_free(g);
        builder_free(b);
    }
    builder_free(NULL);
    batch_free(NULL);
    group_free(NULL);
}

static void test_going_on_with_a_span(void **state)
{
    struct builder *b = make_builder(false);
    struct span s = span_of(1, 0);
    builder_begin(b, 1);
    assert_false(builder_fits(b, s.position, 1000));
    builder_stream(b, &s);
    builder_skip(b, REASON_BOT, HIT_NO_NUMBER);
    builder_advance(b, 1010, 10);
    assert_true(builder_fits(b, s.position, 1010));
    assert_false(builder_fits(b, s.position, 1011));
    assert_false(builder_fits(b, span_of(2, 0).position, 1010));
    builder_free(b);
}

/* The index of a user agent belongs to one batch: the cache's marks of another do not count. */
static void test_user_agents_of_two_builders(void **state)
{
    struct builder *a = make_builder(false), *b = make_builder(false);
    struct span s = span_of(1, 0);
    struct batch_view v;
    for (uint64_t round = 0; round < 4; round++) {
        struct builder *now = round % 2 ? b : a;
        builder_begin(now, 50 + round);
        builder_stream(now, &s);
        for (uint64_t i = 0; i < 5; i++) {
            char ua[32];
            snprintf(ua, sizeof(ua), "Agent %llu", (unsigned long long)((i + round) % 5));
            assert_int_equal(put_record(now, i, "/", ua, ALL), 0);
        }
        builder_advance(now, 1005, 5);
        struct group *g = seal(now);
        batch_view_init(&v, g->batches[0]);
        assert_int_equal(v.h.n_user_agents, 5);
        for (uint64_t i = 0; i < 5; i++) {
            assert_int_equal(v.records[i].user_agent.n, 7);
            assert_int_equal(v.records[i].user_agent.p[6], '0' + (int)((i + round) % 5));
        }
        batch_view_release(&v);
        group_free(g);
    }
    builder_free(a);
    builder_free(b);
}

/* What the cache does not keep stands in the record itself. */
static void test_long_user_agent(void **state)
{
    struct builder *b = make_builder(false);
    struct span s = span_of(1, 0);
    struct batch_view v;
    char ua[2000];
    memset(ua, 'x', sizeof(ua) - 1);
    ua[sizeof(ua) - 1] = '\0';
    builder_begin(b, 90);
    builder_stream(b, &s);
    assert_int_equal(put_record(b, 0, "/", ua, ALL), 0);
    assert_int_equal(put_record(b, 1, "/", "short", ALL), 0);
    assert_int_equal(put_record(b, 2, "/", ua, ALL), 0);
    builder_advance(b, 1003, 3);
    struct group *g = seal(b);
    batch_view_init(&v, g->batches[0]);
    assert_int_equal(v.h.n_user_agents, 1);
    assert_true(str_eq(v.records[2].user_agent, str_of(ua)));
    assert_true(str_eq(v.records[1].user_agent, STR("short")));
    batch_view_release(&v);
    group_free(g);
    builder_free(b);
}

/* One batch a set of destinations; lines are told by the first. The fifth set has no room. */
static void test_sets_of_destinations(void **state)
{
    struct builder *b = make_builder(false);
    struct span first = span_of(1, 0), second = span_of(2, 0);
    struct batch_view v;
    builder_begin(b, 100);
    builder_stream(b, &first);
    builder_skip(b, REASON_BOT, HIT_NO_NUMBER);
    for (unsigned to = 1; to <= 4; to++)
        assert_int_equal(put_record(b, to, "/", "Agent", to), 0);
    builder_advance(b, 1010, 10);
    builder_stream(b, &second);
    builder_skip(b, REASON_ASSET, HIT_NO_NUMBER);
    assert_int_equal(put_record(b, 5, "/", "Agent", 3), 0);
    assert_int_equal(put_record(b, 6, "/", "Agent", 5), -1);
    assert_int_equal(builder_lines(b), 7);
    assert_int_equal(builder_records(b), 5);
    builder_advance(b, 1006, 6);
    struct group *g = seal(b);
    assert_int_equal(g->n_batches, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(g->batches[i]->to, i + 1);
        assert_ptr_equal(g->batches[i]->group, g);
        batch_view_init(&v, g->batches[i]);
        assert_int_equal(v.n, i == 2 ? 2 : 1);
        assert_int_equal(v.h.n_streams, i == 0 || i == 2 ? 2 : 1);
        for (size_t k = 0; k < v.h.n_streams; k++) {
            assert_int_equal(v.h.streams[k].lines, i ? 0 : k ? 2 : 5);
            assert_int_equal(stream_skipped(&v.h.streams[k]), i ? 0 : 1);
        }
        for (size_t k = 0; k < v.n; k++)
            assert_true(str_eq(v.records[k].user_agent, STR("Agent")));
        batch_view_release(&v);
    }
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(g->batches[i]->id, g->batches[k]->id);
    group_free(g);
    builder_free(b);
}

/* Lines without a record go to everybody, in a batch that has none. */
static void test_no_record(void **state)
{
    struct builder *b = make_builder(false);
    struct span s = span_of(1, 0);
    struct batch_view v;
    builder_begin(b, 110);
    builder_stream(b, &s);
    builder_skip(b, REASON_BOT, HIT_NO_NUMBER);
    builder_skip(b, REASON_DIRECTIVE, HIT_NO_NUMBER);
    builder_advance(b, 1020, 20);
    builder_begin(b, 111); /* carried: another worker goes on with it */
    assert_true(builder_fits(b, s.position, 1020));
    builder_skip(b, REASON_BOT, HIT_NO_NUMBER);
    builder_advance(b, 1030, 30);
    struct group *g = seal(b);
    assert_int_equal(g->n_batches, 1);
    assert_int_equal(g->batches[0]->to, ALL);
    batch_view_init(&v, g->batches[0]);
    assert_int_equal(v.n, 0);
    assert_int_equal(v.h.streams[0].lines, 3);
    assert_int_equal(v.h.streams[0].skipped[REASON_BOT], 2);
    assert_int_equal(v.h.streams[0].to, 30);
    batch_view_release(&v);
    group_free(g);
    builder_free(b);
}

static void test_full_by_records(void **state)
{
    struct builder *b = make_builder(true);
    struct span s = span_of(1, 0);
    struct batch_view v;
    builder_begin(b, 120);
    builder_stream(b, &s);
    uint64_t n = 0;
    for (; !builder_is_full(b); n++)
        assert_int_equal(put_record(b, n, "/", "Agent", ALL), 0);
    assert_int_equal(n, BATCH_MAX_RECORDS);
    assert_int_equal(put_record(b, n, "/", "Agent", ALL), -1);
    builder_advance(b, 1000 + n, n);
    struct group *g = seal(b);
    assert_false(builder_is_full(b));
    batch_view_init(&v, g->batches[0]);
    assert_int_equal(v.n, BATCH_MAX_RECORDS);
    assert_int_equal(v.h.streams[0].lines, BATCH_MAX_RECORDS);
    batch_view_release(&v);
    group_free(g);
    builder_free(b);
}

static void test_full_by_streams(void **state)
{
    struct builder *b = make_builder(false);
    uint64_t n = 0;
    builder_begin(b, 130);
    for (; !builder_is_full(b) && n < 5000; n++) {
        struct span s = span_of(1, n * 10);
        assert_int_equal(builder_stream(b, &s), 0);
        builder_skip(b, REASON_BOT, HIT_NO_NUMBER);
        builder_advance(b, s.file_from + 5, s.from + 5);
    }
    assert_true(builder_is_full(b));
    assert_true(n <= BATCH_MAX_STREAMS);
    struct span s = span_of(1, n * 10);
    assert_int_equal(builder_stream(b, &s), -1);
    struct group *g = seal(b);
    assert_int_equal(g->n_spans, n);
    group_free(g);
    builder_free(b);
}

/* The worst text there is: as many user agents as the list takes, all of controls, each six times
 * as long in JSON, and records that fill the rest. It must still be one batch. */
static void test_worst_case_fits_a_body(void **state)
{
    struct builder *b = make_builder(true);
    struct span s = span_of(1, 0);
    struct batch_view v;
    struct buf referrer;
    char ua[BATCH_LISTED_AGENT_MAX + 1], number[24];
    struct record r = {.kind = RECORD_PAGEVIEW, .time_ms = 1, .url = STR("https://e.com/")};
    buf_init(&referrer, 1 << 20);
    put_repeated(&referrer, '\1', 256u << 10);
    builder_begin(b, 140);
    builder_stream(b, &s);
    for (unsigned i = 0; !builder_is_full(b); i++) {
        bool last = i + 1 == BATCH_MAX_RECORDS;
        memset(ua, '\1', BATCH_LISTED_AGENT_MAX);
        snprintf(number, sizeof(number), "%07u", i);
        memcpy(ua, number, 7);
        ua[BATCH_LISTED_AGENT_MAX] = '\0';
        r.at = i;
        r.user_agent = -1;
        r.user_agent_text = str_of(ua);
        r.referrer = (struct str){referrer.p, last ? referrer.n : 47};
        assert_int_equal(builder_record(b, &r, ua_cache_get(agents, str_of(ua)), ALL), 0);
        builder_advance(b, 1000 + i + 1, i + 1);
    }
    uint64_t n = builder_records(b);
    struct group *g = seal(b);
    batch_view_init(&v, g->batches[0]);
    assert_int_equal(v.n, n);
    for (size_t i = 0; i < v.n; i++) {
        snprintf(number, sizeof(number), "%07zu", i);
        assert_int_equal(v.records[i].user_agent.n, BATCH_LISTED_AGENT_MAX);
        assert_memory_equal(v.records[i].user_agent.p, number, 7);
    }
    batch_view_release(&v);
    group_free(g);
    buf_release(&referrer);
    builder_free(b);
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static bool select_mask(void *context, size_t line)
{
    return line < 66 && *(const uint64_t *)context >> (line - 2) & 1;
}

/* Three streams with 3, 0 and 4 records, and skipped lines in each. */
static struct group *make_group(bool compress)
{
    struct builder *b = make_builder(compress);
    static const unsigned records[] = {3, 0, 4};
    uint64_t at = 0;
    builder_begin(b, 200 + compress);
    for (unsigned char i = 0; i < 3; i++) {
        struct span s = span_of((unsigned char)(i + 1), at);
        builder_stream(b, &s);
        builder_skip(b, REASON_BOT, HIT_NO_NUMBER);
        for (unsigned k = 0; k < records[i]; k++) {
            char text[16];
            snprintf(text, sizeof(text), "/%u", (unsigned)at);
            assert_int_equal(put_record(b, at, text, text, ALL), 0);
            at++;
        }
        builder_advance(b, at + 1001, at + 1);
    }
    struct group *g = seal(b);
    builder_free(b);
    return g;
}

/* Every selection of seven records: the parts hold just these, each in its stream. */
static void test_each_selection(void **state)
{
    struct group *g = make_group(false);
    const struct batch *b = g->batches[0];
    const char *error;
    assert_int_equal(b->n_records, 7);
    for (uint64_t mask = 0; mask < 128; mask++)
        for (int accounts = 0; accounts < 2; accounts++) {
            struct batch_view v;
            struct batch *part = batch_select(b, select_mask, &mask, STR("s"), accounts, &error);
            assert_null(error);
            assert_int_equal(part != NULL, mask != 0);
            if (!part)
                continue;
            assert_int_equal(part->to, b->to);
            batch_view_init(&v, part);
            assert_true(str_eq(v.h.node, STR("web-1")));
            assert_true(str_eq(v.h.job, STR("7")));
            size_t n = 0;
            for (uint64_t k = 0; k < 7; k++) {
                if (!(mask >> k & 1))
                    continue;
                char text[16];
                snprintf(text, sizeof(text), "/%u", (unsigned)k);
                assert_int_equal(v.records[n].r.at, k);
                assert_true(str_eq(v.records[n].user_agent, str_of(text)));
                assert_int_equal(v.records[n++].stream.b[0], k < 3 ? 1 : 3);
            }
            assert_int_equal(v.n, n);
            uint64_t lines = 0, skipped = 0;
            for (size_t k = 0; k < v.h.n_streams; k++) {
                lines += v.h.streams[k].lines;
                skipped += stream_skipped(&v.h.streams[k]);
                assert_true(accounts || v.h.streams[k].records);
            }
            assert_int_equal(lines, accounts ? 10 : 0);
            assert_int_equal(skipped, accounts ? 3 : 0);
            batch_view_release(&v);
            batch_free(part);
        }
    group_free(g);
}

static void test_ids_of_parts(void **state)
{
    struct group *g = make_group(true), *other = make_group(true);
    uint64_t mask = 5;
    const char *error;
    struct batch *a = batch_select(g->batches[0], select_mask, &mask, STR("first"), true, &error);
    struct batch *b = batch_select(g->batches[0], select_mask, &mask, STR("first"), true, &error);
    struct batch *c = batch_select(g->batches[0], select_mask, &mask, STR("second"), true, &error);
    struct batch *d =
        batch_select(other->batches[0], select_mask, &mask, STR("first"), true, &error);
    struct batch *e = batch_select(a, select_mask, &mask, STR("first"), true, &error);
    assert_string_equal(a->id, b->id);
    assert_true(str_eq(buf_str(&a->body), buf_str(&b->body)));
    const char *const ids[] = {
        g->batches[0]->id, other->batches[0]->id, a->id, c->id, d->id, e->id};
    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_int_equal(strlen(ids[i]), BATCH_ID_BYTES - 1);
        assert_int_equal(ids[i][14], i < 2 ? '4' : '8'); /* UUID versions: random, derived */
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
    assert_int_equal(a->encoding, BATCH_ZSTD);
    batch_free(a);
    batch_free(b);
    batch_free(c);
    batch_free(d);
    batch_free(e);
    group_free(g);
    group_free(other);
}

/* A part does not carry the user agents of the others: it would never get small, and they are
 * nobody's business on the dead shelf. */
static void test_parts_get_small(void **state)
{
    struct builder *b = make_builder(false);
    struct span s = span_of(1, 0);
    struct batch_view v;
    uint64_t mask = 1;
    const char *error;
    char ua[300];
    builder_begin(b, 300);
    builder_stream(b, &s);
    for (unsigned i = 0; i < 2000; i++) {
        memset(ua, 'x', sizeof(ua) - 1);
        ua[sizeof(ua) - 1] = '\0';
        ua[snprintf(ua, 10, "%u", i)] = ' ';
        assert_int_equal(put_record(b, 2000 - i, "/", ua, ALL), 0);
    }
    builder_advance(b, 4000, 3000);
    struct group *g = seal(b);
    mask = 1ull << 40;
    struct batch *part = batch_select(g->batches[0], select_mask, &mask, STR("one"), false, &error);
    assert_non_null(part);
    assert_true(g->batches[0]->body.n > 600000);
    assert_true(part->body.n < 20000);
    batch_view_init(&v, part);
    assert_true(str_starts(v.records[0].user_agent, STR("40 xxx")));
    batch_view_release(&v);
    batch_free(part);
    group_free(g);
    builder_free(b);
}

static bool select_all(void *context, size_t line)
{
    return true;
}

/* Damaged bodies are refused with a sentence, or are what they were. */
static void test_damaged_bodies(void **state)
{
    struct group *g = make_group(true);
    struct batch *b = g->batches[0];
    struct buf whole, out;
    const char *error;
    assert_int_equal(batch_decode(b, &whole, &error), 0);
    for (size_t i = 0; i < b->body.n; i++) {
        char bit = (char)(1 << i % 8);
        b->body.p[i] ^= bit;
        error = NULL;
        if (batch_decode(b, &out, &error))
            assert_non_null(error);
        buf_release(&out);
        error = NULL;
        struct batch *part = batch_select(b, select_all, NULL, STR("x"), true, &error);
        assert_true((part == NULL) != (error == NULL) || !part);
        batch_free(part);
        b->body.p[i] ^= bit;
    }
    size_t n = b->body.n;
    for (b->body.n = 0; b->body.n < n; b->body.n++) {
        assert_int_equal(batch_decode(b, &out, &error), -1);
        assert_non_null(error);
        buf_release(&out);
        assert_null(batch_select(b, select_all, NULL, STR("x"), true, &error));
        assert_non_null(error);
    }
    buf_release(&whole);
    group_free(g);
}

/* A plain body that holds anything else than a batch. */
static void test_strange_bodies(void **state)
{
    static const char *const table[] = {"", "\n", "{}\n", "not json", "{\"v\":1", "[]\n{}\n"};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct batch b = {.encoding = BATCH_PLAIN};
        const char *error = NULL;
        buf_init(&b.body, 1000);
        buf_put_str(&b.body, str_of(table[i]));
        assert_null(batch_select(&b, select_all, NULL, STR("x"), true, &error));
        assert_non_null(error);
        buf_release(&b.body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_in_comes_out),
        cmocka_unit_test(test_going_on_with_a_span),
        cmocka_unit_test(test_user_agents_of_two_builders),
        cmocka_unit_test(test_long_user_agent),
        cmocka_unit_test(test_sets_of_destinations),
        cmocka_unit_test(test_no_record),
        cmocka_unit_test(test_full_by_records),
        cmocka_unit_test(test_full_by_streams),
        cmocka_unit_test(test_worst_case_fits_a_body),
        cmocka_unit_test(test_each_selection),
        cmocka_unit_test(test_ids_of_parts),
        cmocka_unit_test(test_parts_get_small),
        cmocka_unit_test(test_damaged_bodies),
        cmocka_unit_test(test_strange_bodies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
