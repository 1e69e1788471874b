/*
 * test_fill_headers.c - files with header lines of their own: CloudFront's, IIS's, several in one,
 * read again and again, and behind a collector's prefix.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/agent/fill_rig.h"

/* cat a b c > all: the same streams, the same positions as in a, b and c. */
static void test_joined_files(void **state)
{
    static const unsigned rows[][6] = {{3, 4, 5, 0, 0, 0},
                                       {1, 1, 1, 1, 1, 1},
                                       {7, 0, 0, 2, 0, 3},
                                       {0, 0, 4, 0, 0, 0},
                                       {0, 0, 0, 0, 0, 0}};
    static const uint64_t sizes[] = {1, 300, 1000, 1 << 20};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t k = 0; k < COUNT(sizes); k++)
            for (int gzip = 0; gzip < 2; gzip++) {
                struct rig g;
                struct log l;
                struct stream s;
                struct ledger got;
                rig_make(&g, "cloudfront");
                log_make(&l);
                ledger_make(&got);
                for (unsigned n = 0; n < 6; n++)
                    put_cdn_file(&l, n, rows[i][n]);
                write_log(&g, "all", &l, gzip);
                stream_open(&g, &s, "all");
                s.r.finish = true;
                assert_int_equal(read_to_end(&g, &s, sizes[k], &got), READ_FINISHED);
                assert_same_records("joined", &got, &l.want);
                assert_int_equal(got.directives, 12);
                assert_int_equal(intervals_gap(&s.position->safe, 0), l.text.n);
                stream_close(&s);
                free(got.v);
                log_release(&l);
                rig_remove(&g);
            }
}

static void test_crashes_in_joined_files(void **state)
{
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct rig g;
        struct log l;
        uint64_t x = seed;
        rig_make(&g, "cloudfront");
        log_make(&l);
        for (unsigned n = 0; n < 8; n++)
            put_cdn_file(&l, n, next_random(&x) % 3 ? (unsigned)(next_random(&x) % 20) : 0);
        put_cdn_file(&l, 9, 3);
        write_log(&g, "all.gz", &l, true);
        crash_once(&g, "all.gz", &l, seed * 33);
        log_release(&l);
        rig_remove(&g);
    }
}

static void test_headers_come_first(void **state)
{
    struct rig g;
    struct log l;
    struct stream s;
    struct ledger got;
    rig_make(&g, "cloudfront");
    log_make(&l);
    ledger_make(&got);
    put_cdn_file(&l, 1, 5);
    put_cdn_file(&l, 2, 0);
    put_cdn_file(&l, 3, 7);
    scratch_write(&g.dir, "a.log", STR(""));
    stream_open(&g, &s, "a.log");
    for (size_t at = 0; at < l.text.n; at += 50) {
        assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
        size_t to = at + 50 < l.text.n ? at + 50 : l.text.n;
        scratch_append(&g.dir, "a.log", str_slice(buf_str(&l.text), at, to));
    }
    assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
    assert_same_records("headers first", &got, &l.want);
    assert_int_equal(intervals_gap(&s.position->safe, 0), l.text.n);
    stream_close(&s);
    free(got.v);
    log_release(&l);
    rig_remove(&g);
}

/* A log that grows is not read from its beginning each time to get at its header lines. */
static void test_headers_are_read_once(void **state)
{
    struct rig g;
    struct stream s;
    struct ledger got;
    char path[PATH_MAX];
    rig_make(&g, "iis");
    ledger_make(&got);
    scratch_write(&g.dir, "a.log",
                  STR("#Fields: date time c-ip cs-method cs-uri-stem sc-status\n"));
    stream_open(&g, &s, "a.log");
    for (unsigned n = 0; n < 100; n++)
        scratch_append(&g.dir, "a.log", STR("2026-01-02 03:04:05 192.0.2.7 GET /p 200\n"));
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
        int fd = open(scratch_path(&g.dir, "a.log", path), O_WRONLY);
        assert_int_equal(pwrite(fd, "#Other", 6, 0), 6); /* far before the seam: nobody looks */
        close(fd);
        scratch_append(&g.dir, "a.log", STR("2026-01-02 03:04:05 192.0.2.7 GET /p 200\n"));
    }
    assert_int_equal(got.lines, 103);
    assert_int_equal(got.directives, 1);
    assert_int_equal(g.source.counts.skipped[REASON_UNPARSABLE], 0);
    stream_close(&s);
    free(got.v);
    rig_remove(&g);
}

/* A collector hides the '#' of header lines: they are known by the format alone. */
static void test_headers_behind_a_prefix(void **state)
{
    static const struct wrap {
        const char *format, *before, *after;
    } wraps[] = {
        {"docker+iis", "{\"log\":\"",
         "\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:05.678901234Z\"}\n"},
        {"cri+iis", "2026-01-02T03:04:05.678901234Z stdout F ", "\n"},
        {"syslog+iis", "<190>Jan  2 03:04:05 host iis[12]: ", "\n"},
    };
    for (size_t i = 0; i < 2 * COUNT(wraps); i++) {
        const struct wrap *w = &wraps[i % COUNT(wraps)];
        bool anew = i >= COUNT(wraps);
        struct rig g;
        struct log l;
        struct stream s;
        struct ledger got;
        rig_make(&g, w->format);
        log_make(&l);
        ledger_make(&got);
        scratch_write(&g.dir, "a.log", STR(""));
        stream_open(&g, &s, "a.log");
        for (unsigned n = 0; n < 12; n++) {
            size_t at = l.text.n;
            bool header = n % 8 == 0; /* a second one, with other columns, in the middle */
            if (header) {
                want_skipped(&l);
                l.want.directives++;
            } else {
                want_record(&l, at);
            }
            buf_printf(&l.text, "%s", w->before);
            if (header)
                buf_printf(&l.text,
                           "#Fields: date time c-ip cs-method cs-uri-stem sc-status %s"
                           "cs(User-Agent)",
                           n ? "sc-bytes " : "");
            else
                buf_printf(&l.text,
                           "2026-01-02 03:04:05 192.0.2.7 GET /%u 200 %sMozilla/5.0+(X11)+Gecko", n,
                           n > 8 ? "512 " : "");
            buf_printf(&l.text, "%s", w->after);
            scratch_append(&g.dir, "a.log", str_slice(buf_str(&l.text), at, l.text.n));
            assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
            if (anew) {
                stream_close(&s);
                reload_positions(&g);
                stream_open(&g, &s, "a.log");
            }
        }
        name_stream_by_first_line(&l);
        assert_same_records(w->format, &got, &l.want);
        stream_close(&s);
        free(got.v);
        log_release(&l);
        rig_remove(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joined_files),
        cmocka_unit_test(test_crashes_in_joined_files),
        cmocka_unit_test(test_headers_come_first),
        cmocka_unit_test(test_headers_are_read_once),
        cmocka_unit_test(test_headers_behind_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
