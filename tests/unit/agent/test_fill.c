/* The worker's part: which lines of which streams end up in which spans, and what a restart makes
 * of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/fill_rig.h"

static void test_spans_of_one_fill(void **state)
{
    struct rig g;
    struct log l;
    struct stream s, *streams[] = {&s};
    struct fill f;
    rig_make(&g, "nginx_combined");
    log_make(&l);
    put_page(&l, 1);
    put_asset(&l, 2);
    put_page(&l, 3);
    uint64_t end = l.text.n;
    buf_lit(&l.text, "half a line");
    write_log(&g, "a.log", &l, false);
    stream_open(&g, &s, "a.log");
    fill_some(&g, streams, 1, 1 << 20, false, &f);
    assert_int_equal(s.r.end, READ_ALL);
    assert_int_equal(s.r.half, 11);
    assert_int_equal(s.r.at, end);
    assert_int_equal(f.n_groups, 1);
    const struct span *span = f.groups[0]->spans;
    assert_int_equal(f.groups[0]->n_spans, 1);
    assert_ptr_equal(span->position, s.position);
    assert_int_equal(span->file_from, 0);
    assert_int_equal(span->file_to, end);
    assert_int_equal(span->lines, 3);
    assert_int_equal(span->records[0], 2);
    assert_int_equal(span->skipped[REASON_ASSET], 1);
    assert_string_equal(span->name, "a.log");
    assert_int_equal(
        span->seam_hash,
        hash_64(str_slice(buf_str(&l.text), end > SEAM_BYTES ? end - SEAM_BYTES : 0, end), 0));
    assert_int_equal(g.source.counts.lines, 3);
    assert_int_equal(g.source.counts.records, 2);
    group_free(f.groups[0]);
    fill_some(&g, streams, 1, 1 << 20, false, &f); /* nothing new */
    assert_int_equal(f.n_groups, 0);
    s.r.finish = true;
    fill_some(&g, streams, 1, 1 << 20, true, &f);
    assert_int_equal(s.r.end, READ_FINISHED);
    assert_int_equal(f.n_groups, 1);
    assert_int_equal(f.groups[0]->spans[0].lines, 1);
    assert_int_equal(f.groups[0]->spans[0].skipped[REASON_UNPARSABLE], 1);
    assert_int_equal(f.groups[0]->spans[0].file_to, l.text.n);
    assert_int_equal(g.source.counts.lines, 4);
    group_free(f.groups[0]);
    stream_close(&s);
    log_release(&l);
    rig_remove(&g);
}

/* Any log, plain and compressed, in fills of any size: every line once. */
static void test_mixtures(void **state)
{
    static const uint64_t sizes[] = {1, 700, 20000, 1 << 22};
    for (uint64_t seed = 1; seed < 7; seed++)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            struct rig g;
            struct log l;
            rig_make(&g, "nginx_combined");
            log_make(&l);
            put_mixture(&l, sizes[i] == 1 ? 60 : 300, seed);
            name_stream_by_first_line(&l);
            write_log(&g, "plain.log", &l, false);
            assert_log(&g, "plain.log", &l, sizes[i], READ_ALL);
            positions_release(&g.positions);
            write_log(&g, "gzip.log", &l, true);
            assert_log(&g, "gzip.log", &l, sizes[i], READ_FINISHED);
            log_release(&l);
            rig_remove(&g);
        }
}

static void test_last_lines(void **state)
{
    struct rig g;
    struct log l;
    rig_make(&g, "nginx_combined");
    log_make(&l);
    put_page(&l, 1);
    put_page(&l, 2);
    l.text.n--; /* no newline at the end */
    name_stream_by_first_line(&l);
    write_log(&g, "a.gz", &l, true); /* finished: the line counts */
    assert_log(&g, "a.gz", &l, 1 << 20, READ_FINISHED);
    positions_release(&g.positions);
    write_log(&g, "a.log", &l, false);
    l.want.n = 1;
    l.want.lines = 1;
    assert_log(&g, "a.log", &l, 1 << 20, READ_ALL); /* may still grow: it does not */
    log_release(&l);
    rig_remove(&g);
}

/* Lines that name no stream stand before the first that does. */
static void test_what_stands_before_the_first_line(void **state)
{
    static const struct {
        const char *name;
        struct str text;
        unsigned lines;
    } table[] = {
        {"an empty line", STR("\n"), 1},
        {"empty lines", STR("\n\n\n"), 3},
        {"a comment", STR("# made by a script\n"), 1},
        {"comments and empty lines", STR("#one\n\n# two\n\n"), 4},
        {"a version line", STR("#Version: 1.0\n#Version: 1.0\n"), 2},
    };
    static const uint64_t sizes[] = {1, 1 << 20};
    for (size_t i = 0; i < COUNT(table); i++)
        for (size_t k = 0; k < COUNT(sizes); k++) {
            struct rig g;
            struct log l;
            rig_make(&g, "nginx_combined");
            log_make(&l);
            buf_put_str(&l.text, table[i].text);
            for (unsigned n = 0; n < table[i].lines; n++)
                want_skipped(&l);
            size_t at = l.text.n;
            put_page(&l, 1);
            size_t end = l.text.n - 1;
            put_page(&l, 2);
            struct str line = str_slice(buf_str(&l.text), at, end);
            name_stream(&l, line);
            write_log(&g, "a.log", &l, false);
            assert_log(&g, "a.log", &l, sizes[k], READ_ALL);
            assert_int_equal(g.positions.n, 1);
            assert_true(hash128_eq(g.positions.v[0]->stream, stream_id(line)));
            assert_int_equal(intervals_gap(&g.positions.v[0]->safe, 0), l.text.n);
            log_release(&l);
            rig_remove(&g);
        }
}

static void test_copytruncate_nuls(void **state)
{
    struct rig g;
    struct log l;
    rig_make(&g, "nginx_combined");
    log_make(&l);
    put_repeated(&l.text, '\0', 5000);
    put_page(&l, 1);
    l.want.v[0].at = 0;
    put_page(&l, 2);
    name_stream_by_first_line(&l);
    write_log(&g, "a.log", &l, false);
    assert_log(&g, "a.log", &l, 1 << 20, READ_ALL);
    log_release(&l);
    rig_remove(&g);
}

/* ---- growing ----------------------------------------------------------------------------------
 */

/* Written in pieces of every size, read after each: every line once, as it is completed. */
static void test_growing(void **state)
{
    static const size_t steps[] = {1, 37, 150, 1000, 5000};
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct rig g;
        struct log l;
        struct stream s;
        struct ledger got;
        rig_make(&g, "nginx_combined");
        log_make(&l);
        ledger_make(&got);
        put_mixture(&l, i ? 40 : 5, 5 + i * 1000);
        name_stream_by_first_line(&l);
        struct str rest = buf_str(&l.text), first = str_cut(&rest, '\n');
        scratch_write(&g.dir, "a.log", str_slice(buf_str(&l.text), 0, first.n + 1));
        stream_open(&g, &s, "a.log");
        for (size_t at = first.n + 1; at < l.text.n; at += steps[i]) {
            size_t to = at + steps[i] < l.text.n ? at + steps[i] : l.text.n;
            assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
            scratch_append(&g.dir, "a.log", str_slice(buf_str(&l.text), at, to));
        }
        assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
        assert_same_records("growing", &got, &l.want);
        stream_close(&s);
        free(got.v);
        log_release(&l);
        rig_remove(&g);
    }
}

/* A gzip file that is still being copied here: what is complete is taken, the rest when it comes.
 */
static void test_growing_gzip(void **state)
{
    struct rig g;
    struct log l;
    struct stream s;
    struct ledger got;
    struct buf z;
    rig_make(&g, "nginx_combined");
    log_make(&l);
    ledger_make(&got);
    buf_init(&z, 16u << 20);
    put_mixture(&l, 200, 9);
    name_stream_by_first_line(&l);
    put_gzip(&z, str_slice(buf_str(&l.text), 0, l.text.n / 2)); /* in two members */
    put_gzip(&z, str_slice(buf_str(&l.text), l.text.n / 2, l.text.n));
    scratch_write(&g.dir, "a.gz", str_slice(buf_str(&z), 0, 1000));
    stream_open(&g, &s, "a.gz");
    for (size_t at = 1000; at < z.n;) {
        size_t to = at + 333 < z.n ? at + 333 : z.n;
        assert_int_equal(read_to_end(&g, &s, 7000, &got), READ_TRUNCATED);
        scratch_append(&g.dir, "a.gz", str_slice(buf_str(&z), at, to));
        at = to;
    }
    assert_int_equal(read_to_end(&g, &s, 7000, &got), READ_FINISHED);
    assert_same_records("growing gzip", &got, &l.want);
    stream_close(&s);
    free(got.v);
    buf_release(&z);
    log_release(&l);
    rig_remove(&g);
}

static void test_damaged_gzip(void **state)
{
    struct rig g;
    struct log l;
    struct stream s;
    struct ledger got;
    struct buf z;
    rig_make(&g, "nginx_combined");
    log_make(&l);
    ledger_make(&got);
    buf_init(&z, 16u << 20);
    put_page(&l, 1);
    put_page(&l, 2);
    name_stream_by_first_line(&l);
    put_gzip(&z, buf_str(&l.text));
    z.p[z.n - 5] ^= 1;
    scratch_write(&g.dir, "a.gz", buf_str(&z));
    stream_open(&g, &s, "a.gz");
    assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_CORRUPT);
    assert_same_records("damaged", &got, &l.want);
    assert_int_equal(s.r.file_offset, z.n - 4); /* behind the checksum */
    stream_close(&s);
    scratch_write(&g.dir, "a.lz4", STR("\x04\x22\x4d\x18\0\0\0\0"));
    stream_open(&g, &s, "a.lz4");
    assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_FOREIGN);
    assert_string_equal(s.r.foreign, "compressed with lz4");
    stream_close(&s);
    free(got.v);
    buf_release(&z);
    log_release(&l);
    rig_remove(&g);
}

/* A last line without end, over the cap: it is waited for, and the file stays the same file. */
static void test_endless_line(void **state)
{
    struct rig g;
    struct log l;
    struct stream s;
    struct ledger got;
    rig_make(&g, "nginx_combined");
    log_make(&l);
    ledger_make(&got);
    put_page(&l, 1);
    put_page(&l, 2);
    put_repeated(&l.text, 'x', LINE_MAX_BYTES);
    write_log(&g, "a.log", &l, false);
    stream_open(&g, &s, "a.log");
    for (int i = 0; i < 10; i++) {
        size_t before = l.text.n;
        put_repeated(&l.text, 'x', LINE_MAX_BYTES / 3);
        scratch_append(&g.dir, "a.log", str_slice(buf_str(&l.text), before, l.text.n));
        assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
        assert_int_equal(got.n, 2);
    }
    assert_true(s.r.half > 3 * LINE_MAX_BYTES);
    size_t before = l.text.n;
    buf_lit(&l.text, "\n");
    want_skipped(&l);
    put_page(&l, 3);
    scratch_append(&g.dir, "a.log", str_slice(buf_str(&l.text), before, l.text.n));
    assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
    name_stream_by_first_line(&l);
    assert_same_records("endless", &got, &l.want);
    stream_close(&s);
    free(got.v);
    log_release(&l);
    rig_remove(&g);
}

/* ---- another file -----------------------------------------------------------------------------
 */

static void test_gone(void **state)
{
    struct rig g;
    struct log l;
    struct stream s;
    struct ledger got;
    rig_make(&g, "nginx_combined");
    log_make(&l);
    ledger_make(&got);
    put_page(&l, 1);
    write_log(&g, "a.log", &l, false);
    stream_open(&g, &s, "a.log");
    unlinkat(g.dir.fd, "a.log", 0);
    assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_GONE);
    write_log(&g, "a.log", &l, false);
    s.ino = UINT64_MAX; /* another file than the one that was found */
    assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_GONE);
    assert_int_equal(got.n, 0);
    stream_close(&s);
    stream_open(&g, &s, "a.log"); /* unlinked after it was opened: it is read to its end */
    assert_int_equal(read_to_end(&g, &s, 1, &got), READ_ALL);
    unlinkat(g.dir.fd, "a.log", 0);
    assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
    assert_int_equal(got.n, 1);
    stream_close(&s);
    free(got.v);
    log_release(&l);
    rig_remove(&g);
}

/* ---- a crash ----------------------------------------------------------------------------------
 */

static void test_crashes(void **state)
{
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct rig g;
        struct log l;
        rig_make(&g, "nginx_combined");
        log_make(&l);
        if (seed % 4 == 0) {
            want_skipped(&l);
            buf_lit(&l.text, "\n");
        }
        size_t at = l.text.n;
        put_page(&l, 0);
        struct str first = str_slice(buf_str(&l.text), at, l.text.n - 1);
        struct hash128 id = stream_id(first);
        put_mixture(&l, 150, seed);
        for (size_t i = 0; i < l.want.n; i++)
            l.want.v[i].stream = id;
        write_log(&g, "a.log", &l, seed % 2);
        crash_once(&g, "a.log", &l, seed * 77);
        log_release(&l);
        rig_remove(&g);
    }
}

static void test_strangers(void **state)
{
    static const struct change {
        const char *name;
        long cut; /* the file is cut there; -1: it is not */
        const char *more;
        bool elsewhere; /* the change is a byte further up */
        enum read_end end;
    } table[] = {
        {"untouched", -1, "", false, READ_ALL},
        {"grown", -1, "more\n", false, READ_ALL},
        {"truncated", 0, "", false, READ_STRANGER},
        {"truncated in the middle", 100, "", false, READ_STRANGER},
        {"truncated by a byte", -2, "", false, READ_STRANGER},
        {"rewritten to the same size", -1, "", true, READ_STRANGER},
        {"rewritten and larger", -1, "more\n", true, READ_STRANGER},
    };
    for (size_t i = 0; i < 2 * COUNT(table); i++) {
        struct rig g;
        struct log l;
        struct stream s;
        struct ledger got;
        bool headers = i >= COUNT(table);
        const struct change *c = &table[i % COUNT(table)];
        rig_make(&g, headers ? "cloudfront" : "nginx_combined");
        log_make(&l);
        ledger_make(&got);
        if (headers)
            put_cdn_file(&l, 1, 10);
        for (unsigned k = 0; k < 10 && !headers; k++)
            put_page(&l, k);
        write_log(&g, "a.log", &l, false);
        stream_open(&g, &s, "a.log");
        assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
        if (c->elsewhere)
            l.text.p[l.text.n - 20] ^= 1;
        if (c->cut != -1)
            l.text.n = c->cut == -2 ? l.text.n - 1 : (size_t)c->cut;
        buf_put_str(&l.text, str_of(c->more));
        write_log(&g, "a.log", &l, false);
        enum read_end end = read_to_end(&g, &s, 1 << 20, &got);
        if (end != c->end)
            fail_msg("%s: end %d, %s", c->name, end, g.source.directives ? "headers" : "lines");
        stream_close(&s);
        free(got.v);
        log_release(&l);
        rig_remove(&g);
    }
}

/* A live log of this kind: header lines first, its rows come later. */
/* ---- room in the builder ----------------------------------------------------------------------
 */

/* Many small files without a record: the builder has room for a number of spans. When it has no
 * more it is sealed, or nobody could go on. */
static void many_files_without_records(bool gzip)
{
    struct rig g;
    enum { FILES = 1500 };
    struct ledger got;
    struct stream *streams = calloc(FILES, sizeof(*streams));
    size_t next = 0;
    rig_make(&g, "nginx_combined");
    ledger_make(&got);
    for (unsigned i = 0; i < FILES; i++) {
        struct log l;
        char name[20];
        log_make(&l);
        put_asset(&l, i);
        l.text.n -= gzip; /* a half line at the end of something finished */
        snprintf(name, sizeof(name), "%u.log", i);
        write_log(&g, name, &l, gzip);
        stream_open(&g, &streams[i], name);
        log_release(&l);
    }
    for (int turns = 0; next < FILES; turns++) {
        struct stream *some[FILL_MAX_STREAMS];
        struct fill f;
        size_t n = 0;
        assert_true(turns < 100);
        for (size_t i = next; i < FILES && n < FILL_MAX_STREAMS; i++)
            some[n++] = &streams[i];
        fill_some(&g, some, n, 1 << 20, false, &f);
        for (size_t i = 0; i < n && some[i]->r.end != READ_MORE; i++)
            next++;
        for (size_t i = 0; i < f.n_groups; i++) {
            take_books(&got, f.groups[i]);
            group_free(f.groups[i]);
        }
    }
    assert_true(got.lines >= 1000);
    assert_int_equal(got.lines + builder_lines(g.builder), FILES);
    assert_int_equal(g.source.counts.lines, FILES);
    for (unsigned i = 0; i < FILES; i++)
        stream_close(&streams[i]);
    free(streams);
    free(got.v);
    rig_remove(&g);
}

static void test_many_files_without_records(void **state)
{
    many_files_without_records(false);
    many_files_without_records(true);
}

/* A fifth set of destinations has no place: the batch is sealed, the line begins the next. */
static void test_too_many_sets_of_destinations(void **state)
{
    struct rig g;
    struct log l;
    struct stream s, *streams[] = {&s};
    struct ledger got;
    char host[20];
    rig_make(&g, "cloudfront");
    log_make(&l);
    ledger_make(&got);
    for (unsigned i = 1; i <= 5; i++) {
        snprintf(host, sizeof(host), "%u.example", i);
        sites_add(g.sites, str_of(host), STR_NONE, 1u << i >> 1);
    }
    for (unsigned k = 0; k < 3; k++) /* the fifth is the first row of its stream, too */
        for (unsigned i = 1; i <= 5; i++) {
            size_t at = l.text.n;
            put_cdn_file(&l, 1, 1);
            snprintf(host, sizeof(host), "%u.example", i);
            ptrdiff_t place = str_find(buf_str(&l.text), STR("example.com"), at);
            memcpy(l.text.p + place, "\t", 1);
            l.text.n = (size_t)place;
            buf_printf(&l.text, "%s\t/%u/%u\t200\t-\tMozilla/5.0%%20(X11)%%20Gecko\t-\n", host, k,
                       i);
            struct str rest = str_slice(buf_str(&l.text), at, l.text.n);
            str_cut(&rest, '\n');
            str_cut(&rest, '\n');
            l.want.v[l.want.n - 1].stream = stream_id(str_cut(&rest, '\n'));
        }
    write_log(&g, "a.log", &l, false);
    stream_open(&g, &s, "a.log");
    for (int i = 0; i < 10 && s.r.end != READ_FINISHED; i++) {
        struct fill f;
        s.r.finish = true;
        fill_some(&g, streams, 1, 1 << 20, true, &f);
        for (size_t k = 0; k < f.n_groups; k++) {
            assert_true(f.groups[k]->n_batches <= GROUP_MAX_BATCHES);
            take_books(&got, f.groups[k]);
            make_safe(f.groups[k]);
            group_free(f.groups[k]);
        }
    }
    assert_int_equal(s.r.end, READ_FINISHED);
    assert_same_records("five sets", &got, &l.want);
    assert_int_equal(intervals_gap(&s.position->safe, 0), l.text.n);
    stream_close(&s);
    free(got.v);
    log_release(&l);
    rig_remove(&g);
}

/* The loop takes what lies between `began` and `at` for what this fill has read. */
static void test_a_turn_without_a_line(void **state)
{
    struct rig g;
    struct log l;
    struct stream s[2], *streams[] = {&s[0], &s[1]}, *second = &s[1];
    struct fill f;
    rig_make(&g, "nginx_combined");
    log_make(&l);
    for (unsigned i = 0; i < 100; i++)
        put_page(&l, i);
    write_log(&g, "a.log", &l, false);
    write_log(&g, "b.log", &l, false);
    for (size_t i = 0; i < 2; i++)
        stream_open(&g, &s[i], i ? "b.log" : "a.log");
    fill_some(&g, &second, 1, 2000, true, &f);
    group_free(f.groups[0]);
    uint64_t at = s[1].r.at;
    assert_true(at > 0 && s[1].r.end == READ_MORE);
    fill_some(&g, streams, 2, 2000, true, &f);
    group_free(f.groups[0]);
    assert_true(s[0].r.at > 0 && s[1].r.end == READ_MORE);
    assert_int_equal(s[1].r.at, at);
    assert_int_equal(s[1].r.began, at);
    for (size_t i = 0; i < 2; i++)
        stream_close(&s[i]);
    log_release(&l);
    rig_remove(&g);
}

/* Standard input: no seeking, no detecting; its last line counts. */
static void test_pipe(void **state)
{
    struct rig g;
    struct log l;
    struct stream s;
    struct ledger got;
    int ends[2];
    rig_make(&g, "nginx_combined");
    log_make(&l);
    ledger_make(&got);
    for (unsigned i = 0; i < 100; i++)
        put_page(&l, i);
    name_stream_by_first_line(&l);
    l.text.n--;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], l.text.p, l.text.n), l.text.n);
    close(ends[1]);
    s = (struct stream){.source = &g.source};
    s.path = strdup("-");
    s.position = positions_add(&g.positions, (struct hash128){{0}}, 0, 0, "-");
    s.r = (struct reading){.fd = ends[0], .sequential = true, .finish = true};
    assert_int_equal(read_to_end(&g, &s, 500, &got), READ_FINISHED);
    assert_same_records("pipe", &got, &l.want);
    stream_close(&s);
    free(got.v);
    log_release(&l);
    rig_remove(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_of_one_fill),
        cmocka_unit_test(test_mixtures),
        cmocka_unit_test(test_last_lines),
        cmocka_unit_test(test_what_stands_before_the_first_line),
        cmocka_unit_test(test_copytruncate_nuls),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_growing_gzip),
        cmocka_unit_test(test_damaged_gzip),
        cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_many_files_without_records),
        cmocka_unit_test(test_too_many_sets_of_destinations),
        cmocka_unit_test(test_a_turn_without_a_line),
        cmocka_unit_test(test_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
