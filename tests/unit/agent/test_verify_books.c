/* The books of a verification: what a fill tells is what its batches hold, record by record; what
 * the server answers ends in the right stream and hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/verify_print.h"
#include "tests/unit/agent/fill_rig.h"

/* ---- what a fill tells ------------------------------------------------------------------------
 */

struct told {
    struct got v[MAX_GOT];
    uint32_t hash[MAX_GOT];
    size_t n;
    uint64_t lines, skipped[REASON_COUNT];
};

static void on_line(void *context, const struct stream *s, const struct fill_line *line)
{
    struct told *t = context;
    t->lines += line->n;
    t->skipped[line->reason] += line->reason ? line->n : 0;
    if (line->reason != REASON_NONE)
        return;
    assert_int_equal(line->n, 1);
    t->hash[t->n] = line->hash;
    t->v[t->n++] = (struct got){s->r.stream, s->r.at - s->r.base};
}

static void compare_batch(const struct told *t, size_t *at, const struct batch *b)
{
    struct batch_view v;
    batch_view_init(&v, b);
    for (size_t i = 0; i < v.n; i++, ++*at) {
        assert_true(hash128_eq(t->v[*at].stream, v.records[i].stream));
        assert_int_equal(t->v[*at].at, v.records[i].r.at);
        assert_int_equal(t->hash[*at], v.records[i].r.line_hash);
    }
    batch_view_release(&v);
}

/* Line for line what the books of the fill are, and the records in the order of the bodies, however
 * large the fills are: the reading stops and begins anew between any two lines. */
static void test_witness(void **state)
{
    static const uint64_t sizes[] = {1, 500, 20000, FILL_MAX_BYTES};
    for (size_t k = 0; k < COUNT(sizes); k++) {
        struct rig g;
        struct log l;
        struct stream s;
        struct told *t = calloc(1, sizeof(*t));
        struct fill_witness w = {t, on_line};
        size_t compared = 0;
        rig_make(&g, "nginx_combined");
        log_make(&l);
        put_mixture(&l, 800, 5 + k);
        write_log(&g, "a.log", &l, k % 2);
        stream_open(&g, &s, "a.log");
        do {
            struct fill f = {.kits = &g.kit,
                             .sources = &g.source,
                             .sites = g.sites,
                             .builder = g.builder,
                             .streams = {&s},
                             .n_streams = 1,
                             .seal = true,
                             .witness = &w,
                             .bytes = FILL_MAX_BYTES - sizes[k]};
            fill_run(&f.task, 0);
            for (size_t i = 0; i < f.n_groups; i++) {
                compare_batch(t, &compared, f.groups[i]->batches[0]);
                group_free(f.groups[i]);
            }
        } while (s.r.end == READ_MORE);
        assert_int_equal(compared, l.want.n);
        assert_int_equal(t->n, l.want.n);
        assert_int_equal(t->lines, l.want.lines);
        assert_int_equal(s.r.counts.lines, l.want.lines);
        for (int i = 0; i < REASON_COUNT; i++)
            assert_int_equal(t->skipped[i], s.r.counts.skipped[i]);
        stream_close(&s);
        log_release(&l);
        rig_remove(&g);
        free(t);
    }
}

/* ---- the books --------------------------------------------------------------------------------
 */

#define T0 1762164000000 /* 2025-11-03T10:00:00Z */
#define HOUR VERIFY_HOUR_MS

struct desk {
    struct verify_books *books;
    struct buf text, json;
    struct source source;
    struct position position;
};

static void on_stream(void *context, const struct verify_stream *s)
{
    struct desk *d = context;
    assert_true(verify_counts_balance(&s->sum));
    verify_put_text(&d->text, s, true);
    verify_put_json(&d->json, s);
}

static void desk_make(struct desk *d)
{
    *d = (struct desk){0};
    buf_init(&d->text, 1 << 20);
    buf_init(&d->json, 1 << 20);
    d->books = verify_books_new(on_stream, d);
    assert_non_null(d->books);
}

static void desk_remove(struct desk *d)
{
    verify_books_free(d->books);
    buf_release(&d->text);
    buf_release(&d->json);
}

static struct stream stream_at(char *path, const char *first_line, uint64_t base)
{
    return (struct stream){.path = path,
                           .r = {.stream = stream_id(str_of(first_line)), .base = base}};
}

static void tell(struct desk *d, struct stream *s, enum reason reason, int64_t time_ms)
{
    const struct fill_witness *w = verify_books_witness(d->books);
    struct fill_line line = {reason, 1, time_ms, 77};
    s->r.at += 100;
    w->on_line(w->context, s, &line);
}

static void answer(struct desk *d, struct verify_record *records, uint32_t n, const char *body)
{
    struct verify_answer a;
    assert_non_null(records);
    if (!verify_answer_read(str_of(body), "id", n, &a))
        fail_msg("no answer: %s", body);
    verify_books_answer(d->books, records, n, &a);
    verify_answer_release(&a);
    free(records);
}

static bool says(const struct buf *b, const char *text)
{
    return str_find(buf_str(b), str_of(text), 0) >= 0;
}

/* Three records of one hour and one of the next; one of the first hour is missing. */
static void test_hours(void **state)
{
    struct desk d;
    char path[] = "/a";
    struct stream s = stream_at(path, "first", 0);
    desk_make(&d);
    for (int i = 0; i < 3; i++)
        tell(&d, &s, REASON_NONE, T0 + i * 1000);
    tell(&d, &s, REASON_ASSET, T0 + 5000);
    tell(&d, &s, REASON_UNPARSABLE, HIT_NO_NUMBER);
    tell(&d, &s, REASON_NONE, T0 + HOUR);
    assert_null(verify_books_take(d.books, 5));
    struct verify_record *records = verify_books_take(d.books, 4);
    verify_books_end_file(d.books, path, true);
    assert_int_equal(d.text.n, 0); /* not complete */
    answer(&d, records, 4,
           "{\"batch\":\"id\",\"present\":3,\"missing\":1,\"missing_lines\":[[3,3]]}");
    assert_true(says(&d.text, "/a: MISSING 1 of 4 records; 6 lines"));
    assert_true(says(&d.json,
                     "\"hour\":\"2025-11-03T10:00:00Z\",\"lines\":4,\"skipped\":{\"asset\":1},"
                     "\"records\":3,\"stored\":2,\"missing\":1,"));
    assert_true(says(&d.json, "\"hour\":\"2025-11-03T11:00:00Z\",\"lines\":1,\"skipped\":{},"
                              "\"records\":1,\"stored\":1,\"missing\":0,"));
    assert_true(says(&d.json, "\"span\":\"unknown\",\"hour\":null,\"lines\":1,"
                              "\"skipped\":{\"unparsable\":1},\"records\":0,"));
    const struct verify_total *t = verify_books_total(d.books);
    assert_int_equal(t->hole_from_ms, T0);
    assert_int_equal(t->hole_to_ms, T0 + HOUR);
    assert_int_equal(t->n_holed, 1);
    assert_int_equal(t->streams, 1);
    desk_remove(&d);
}

/* Answers come in another order than the files: the files are told in theirs. */
static void test_order(void **state)
{
    struct desk d;
    char a[] = "/a", b[] = "/b", empty[] = "/empty";
    struct stream s = stream_at(a, "one", 0), u = stream_at(b, "two", 0);
    desk_make(&d);
    tell(&d, &s, REASON_NONE, T0);
    struct verify_record *first = verify_books_take(d.books, 1);
    tell(&d, &u, REASON_NONE, T0);
    struct verify_record *second = verify_books_take(d.books, 1);
    verify_books_end_file(d.books, a, true);
    verify_books_end_file(d.books, b, true);
    verify_books_end_file(d.books, empty, false);
    answer(&d, second, 1, "{\"batch\":\"id\",\"present\":1,\"missing\":0,\"missing_lines\":[]}");
    assert_int_equal(d.text.n, 0);
    answer(&d, first, 1,
           "{\"batch\":\"id\",\"present\":0,\"missing\":0,\"missing_lines\":[],"
           "\"rejected\":[{\"line\":2,\"status\":403,\"error\":\"no\\u001b[31m\"}]}");
    ptrdiff_t at_a = str_find(buf_str(&d.text), STR("/a: 1 record, REJECTED 1; 1 line"), 0);
    ptrdiff_t at_b = str_find(buf_str(&d.text), STR("/b: 1 record, none missing"), 0);
    ptrdiff_t at_e = str_find(buf_str(&d.text), STR("/empty: no lines"), 0);
    assert_true(at_a >= 0 && at_b > at_a && at_e > at_b);
    assert_true(says(&d.text, "rejected: 1 with 403 no\\x1b[31m"));
    desk_remove(&d);
}

/* The same stream in a second file is told, and counted once; one that only begins alike counts. */
static void test_twins(void **state)
{
    struct desk d;
    char a[] = "/a", b[] = "/b", c[] = "/c";
    char *paths[] = {a, b, c};
    desk_make(&d);
    for (int i = 0; i < 3; i++) {
        struct stream s = stream_at(paths[i], "one", 0);
        tell(&d, &s, REASON_NONE, T0);
        tell(&d, &s, i < 2 ? REASON_ASSET : REASON_BOT, T0);
        verify_books_end_file(d.books, paths[i], true);
        answer(&d, verify_books_take(d.books, 1), 1,
               "{\"batch\":\"id\",\"present\":0,\"missing\":1,\"missing_lines\":[[2,2]]}");
    }
    const struct verify_total *t = verify_books_total(d.books);
    assert_true(says(&d.text, "/b: same stream as /a\n"));
    assert_true(says(&d.text, "begins as /a does"));
    assert_int_equal(t->streams, 2);
    assert_int_equal(t->repeated, 1);
    assert_int_equal(t->repeated_lines, 2);
    assert_int_equal(t->counts.lines, 4);
    assert_int_equal(t->counts.missing, 2);
    assert_int_equal(t->n_holed, 2);
    assert_string_equal(t->holed[1], "/c");
    desk_remove(&d);
}

/* Several streams of one file; one of them was a file of its own before. */
static void test_joined(void **state)
{
    struct desk d;
    char a[] = "/a", all[] = "/all";
    struct stream s = stream_at(a, "one", 0);
    desk_make(&d);
    tell(&d, &s, REASON_NONE, T0);
    verify_books_end_file(d.books, a, true);
    struct stream u = stream_at(all, "zero", 0);
    tell(&d, &u, REASON_NONE, T0);
    u.r.base = u.r.at = 5000;
    u.r.stream = s.r.stream;
    tell(&d, &u, REASON_NONE, T0);
    verify_books_end_file(d.books, all, true);
    answer(&d, verify_books_take(d.books, 3), 3,
           "{\"batch\":\"id\",\"present\":3,\"missing\":0,\"missing_lines\":[]}");
    assert_true(says(&d.text, "/all: 1 record, none missing"));
    assert_true(says(&d.text, "/all (from byte 5000): same stream as /a\n"));
    desk_remove(&d);
}

/* 5,000 streams, and the first 1,000 of them again: each is recognized. */
static void test_many_twins(void **state)
{
    struct desk d;
    char path[] = "/a", first[20];
    desk_make(&d);
    for (unsigned i = 0; i < 6000; i++) {
        snprintf(first, sizeof(first), "%u", i % 5000);
        struct stream s = stream_at(path, first, 0);
        tell(&d, &s, REASON_BOT, T0);
        verify_books_end_file(d.books, path, true);
        buf_reset(&d.text);
        buf_reset(&d.json);
    }
    assert_int_equal(verify_books_total(d.books)->streams, 5000);
    assert_int_equal(verify_books_total(d.books)->repeated, 1000);
    desk_remove(&d);
}

static void test_reasons(void **state)
{
    struct verify_reasons r = {0};
    char text[20];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "reason %u", i % 10);
        verify_reasons_add(&r, 403, str_of(text), 2);
    }
    assert_int_equal(r.n, VERIFY_MAX_REASONS);
    for (size_t i = 0; i < r.n; i++)
        assert_int_equal(r.v[i].n, 4);
    assert_int_equal(r.others, 8);
    r = (struct verify_reasons){0};
    verify_reasons_add(&r, 400, STR("x"), 1);
    verify_reasons_add(&r, 404, STR("x"), 1);
    verify_reasons_add(&r, 404, (struct str){"a\0b", 3}, 1);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.others, 1);
}

/* ---- the command that mends -------------------------------------------------------------------
 */

static void test_mend(void **state)
{
    static const struct verify_total hole = {
        .holed = {"/var/log/a.log"}, .n_holed = 1, .hole_from_ms = T0, .hole_to_ms = T0 + 2 * HOUR};
    char *words[] = {(char *)"*.log", (char *)"-"};
    const struct options plain = {.config = "/etc/logferry/logferry.yaml",
                                  .since_ms = INT64_MIN,
                                  .until_ms = INT64_MAX,
                                  .paths = words,
                                  .n_paths = 2};
    struct options full = plain, inside = plain;
    struct verify_total none = {0}, many = hole, odd = hole, anywhere = hole;
    full.config = "/tmp/my conf.yaml";
    full.config_given = true;
    full.source = "web";
    full.output = "https://example.net";
    inside.since_ms = T0 + 1500;
    inside.until_ms = T0 + HOUR;
    inside.format = "regex:^(?<path>.*)$";
    inside.host = "it's.example";
    many.n_holed = VERIFY_MAX_HOLED + 1;
    odd.holed[0] = "-a\n\x1b[31m'b";
    anywhere.hole_anywhere = true;
    const struct {
        const struct options *o;
        const struct verify_total *t;
        const char *want;
    } table[] = {
        {&plain, &none, ""},
        {&plain, &hole,
         "logferry backfill --since 2025-11-03T10:00:00Z --until 2025-11-03T12:00:00Z "
         "/var/log/a.log"},
        {&full, &hole,
         "logferry backfill --config '/tmp/my conf.yaml' --source web --output https://example.net "
         "--since 2025-11-03T10:00:00Z --until 2025-11-03T12:00:00Z /var/log/a.log"},
        {&inside, &hole,
         "logferry backfill --format 'regex:^(?<path>.*)$' --host 'it'\\''s.example' --since "
         "2025-11-03T10:00:01.500Z --until 2025-11-03T11:00:00Z /var/log/a.log"},
        {&plain, &many,
         "logferry backfill --since 2025-11-03T10:00:00Z --until 2025-11-03T12:00:00Z '*.log' -"},
        {&plain, &odd,
         "logferry backfill --since 2025-11-03T10:00:00Z --until 2025-11-03T12:00:00Z -- "
         "$'-a\\x0a\\x1b\\x5b31m\\x27b'"},
        {&plain, &anywhere, "logferry backfill /var/log/a.log"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf b;
        buf_init(&b, 4096);
        verify_put_mend(&b, table[i].o, table[i].t);
        assert_string_equal(buf_cstr(&b), table[i].want);
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_witness), cmocka_unit_test(test_hours),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_twins),
        cmocka_unit_test(test_joined),  cmocka_unit_test(test_many_twins),
        cmocka_unit_test(test_reasons), cmocka_unit_test(test_mend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
