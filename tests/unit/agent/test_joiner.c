/* Lines that Kubernetes and Docker cut in parts: joined beside a model, whatever lies between the
 * parts, wherever the file ends and reading stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/joiner.h"
#include "tests/unit/agent/fill_rig.h"

/* ---- a writer ---------------------------------------------------------------------------------
 */

struct writer {
    enum prefix_kind kind;
    struct log *log;
    uint64_t seed;
    struct line {
        char text[400];
        size_t n, written;
        uint64_t at;
        bool begun, is_page;
    } of[2]; /* standard output, standard error */
    struct hash128 first;
};

static void put_text(struct buf *to, struct str s, bool escaped)
{
    for (size_t i = 0; i < s.n; i++) {
        if (escaped && (s.p[i] == '"' || s.p[i] == '\\'))
            buf_putc(to, '\\');
        buf_putc(to, s.p[i]);
    }
}

static void put_part(struct buf *to, enum prefix_kind kind, bool err, struct str text, bool last)
{
    const char *name = err ? "stderr" : "stdout";

    if (kind == PREFIX_CRI)
        buf_printf(to, "2026-11-03T00:10:24.123456789Z %s %s ", name, last ? "F" : "P");
    else
        buf_lit(to, "{\"log\":\"");
    put_text(to, text, kind == PREFIX_DOCKER);
    if (kind == PREFIX_DOCKER)
        buf_printf(to, "%s\",\"stream\":\"%s\",\"time\":\"2026-11-03T00:10:24.1Z\"}",
                   last ? "\\n" : "", name);
    buf_lit(to, "\n");
}

static void begin_line(struct writer *w, struct line *line)
{
    uint64_t x = next_random(&w->seed);

    line->is_page = x % 3 != 0;
    line->begun = true;
    line->written = 0;
    line->at = w->log->text.n;
    line->n = (size_t)snprintf(
        line->text, sizeof(line->text),
        "192.0.2.%u - - [10/Oct/2025:13:55:36 +0000] \"GET /%s/%u%s HTTP/1.1\" 200 5 \"-\" \"" UA
        "\\x22\"",
        (unsigned)(x % 200), line->is_page ? "page" : "s", (unsigned)(x % 99999),
        line->is_page ? "" : ".css");
}

/* The next part of one of the two lines. */
static void write_some(struct writer *w, bool err, bool to_end)
{
    struct line *line = &w->of[err];
    uint64_t x = next_random(&w->seed);
    size_t at = w->log->text.n;

    if (!line->begun)
        begin_line(w, line);
    size_t left = line->n - line->written, n = x % 3 && !to_end ? x / 3 % (left + 1) : left;
    bool last = n == left && (to_end || x % 7);
    put_part(&w->log->text, w->kind, err, (struct str){line->text + line->written, n}, last);
    if (at == 0)
        w->first = stream_id(str_slice(buf_str(&w->log->text), 0, w->log->text.n - 1));
    line->written += n;
    line->begun = !last;
    if (!last)
        return;
    if (line->is_page)
        want_record(w->log, line->at);
    else
        want_skipped(w->log);
}

static void put_cut_lines(struct log *l, enum prefix_kind kind, unsigned n, uint64_t seed)
{
    struct writer w = {.kind = kind, .log = l, .seed = seed};

    for (unsigned i = 0; i < n; i++) {
        uint64_t x = next_random(&w.seed) % 12;
        if (x == 11 && i > 0) {
            want_skipped(l);
            buf_lit(&l->text, "what is no entry at all\n");
        }
        write_some(&w, x < 4, false);
    }
    for (int err = 0; err < 2; err++)
        if (w.of[err].begun)
            write_some(&w, err, true);
    for (size_t i = 0; i < l->want.n; i++)
        l->want.v[i].stream = w.first;
}

static const char *const formats[] = {"cri+nginx_combined", "docker+nginx_combined"};
static const enum prefix_kind kinds[] = {PREFIX_CRI, PREFIX_DOCKER};

/* ---- through fills ----------------------------------------------------------------------------
 */

static void test_fills(void **state)
{
    static const uint64_t sizes[] = {1, 700, 20000, 1 << 22};
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++)
        for (size_t i = 0; i < COUNT_OF(sizes) * 2; i++) {
            struct rig g;
            struct log l;
            rig_make(&g, formats[i % 2]);
            log_make(&l);
            put_cut_lines(&l, kinds[i % 2], 400, seed);
            write_log(&g, "plain.log", &l, false);
            assert_log(&g, "plain.log", &l, sizes[i / 2], READ_ALL);
            positions_release(&g.positions);
            write_log(&g, "gzip.log", &l, true);
            assert_log(&g, "gzip.log", &l, sizes[i / 2], READ_FINISHED);
            log_release(&l);
            rig_remove(&g);
        }
}

static void test_crashes_between_parts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rig g;
        struct log l;
        rig_make(&g, formats[seed % 2]);
        log_make(&l);
        put_cut_lines(&l, kinds[seed % 2], 300, seed);
        write_log(&g, "a.log", &l, seed / 2 % 2);
        crash_once(&g, "a.log", &l, seed * 77);
        log_release(&l);
        rig_remove(&g);
    }
}

/* The file grows a few bytes at a time; each time all is read that can be, by a reader that goes on
 * or by one that was just started. */
static void test_growing(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 4; round++) {
        uint64_t seed = round;
        struct rig g;
        struct log l;
        struct stream s;
        struct ledger got;
        struct str rest;
        rig_make(&g, formats[seed % 2]);
        log_make(&l);
        ledger_make(&got);
        put_cut_lines(&l, kinds[seed % 2], 60, seed);
        rest = buf_str(&l.text);
        scratch_write(&g.dir, "a.log", str_cut(&rest, '\n'));
        scratch_append(&g.dir, "a.log", STR("\n"));
        stream_open(&g, &s, "a.log");
        while (rest.n) {
            size_t n = 1 + next_random(&seed) % 90;
            n = n < rest.n ? n : rest.n;
            scratch_append(&g.dir, "a.log", str_slice(rest, 0, n));
            rest = str_slice(rest, n, rest.n);
            assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
            assert_int_equal(s.r.at + s.r.half, l.text.n - rest.n);
            if (n % 3 == 0) {
                stream_close(&s);
                reload_positions(&g);
                stream_open(&g, &s, "a.log");
            }
        }
        assert_same_records("a.log", &got, &l.want);
        assert_int_equal(s.r.half, 0);
        stream_close(&s);
        log_release(&l);
        free(got.v);
        rig_remove(&g);
    }
}

/* ---- line by line -----------------------------------------------------------------------------
 */

#define OUT(tag, text) "2026-11-03T00:10:24.1Z stdout " tag " " text "\n"
#define ERR(tag, text) "2026-11-03T00:10:24.1Z stderr " tag " " text "\n"
#define LOG(text, more) "{\"log\":\"" text "\",\"stream\":\"stdout\"" more "}\n"
#define WHOLE "2026-11-03T00:10:24.1Z stdout F "

/* What comes out, a line each: '=' joined or whole, '?' a part without the rest, '!' too long. The
 * text of long ones is left out. */
static void read_all(enum prefix_kind kind, struct str content, bool rest, struct buf *out)
{
    struct scratch dir;
    struct joined line;
    enum lines_result what;
    uint64_t next = 0;
    scratch_make(&dir);
    scratch_write(&dir, "log", content);
    int fd = scratch_open(&dir, "log");
    struct lines *l = lines_new(fd, CONTAINER_PLAIN, 0);
    struct joiner *j;
    assert_int_equal(joiner_new(&j, kind), 0);
    buf_reset(out);
    while ((what = joiner_next(j, l, &line)) != LINES_END ||
           (rest && (what = joiner_take_rest(j, l, &line)) != LINES_END)) {
        assert_true(line.at == next && line.next > line.at);
        next = line.next;
        buf_printf(out, "%llu%c", (unsigned long long)line.number,
                   what == LINES_LINE   ? '='
                   : what == LINES_PART ? '?'
                                        : '!');
        if (line.text.n < 200)
            buf_put_str(out, line.text);
        buf_putc(out, '\n');
    }
    assert_int_equal(next + joiner_half_bytes(j, l), content.n);
    joiner_free(j);
    lines_free(l);
    close(fd);
    scratch_remove(&dir);
}

static const struct {
    const char *name;
    enum prefix_kind kind;
    struct str content;
    const char *now, *rest; /* what a growing file yields, and a finished one in the end */
} cases[] = {
    {"joined", PREFIX_CRI, STR(OUT("P", "a") OUT("P", " b") OUT("F", "c") OUT("F", "d")),
     "1=" WHOLE "a bc\n4=" WHOLE "d\n", ""},
    {"the last part is empty", PREFIX_CRI, STR(OUT("P", "a") OUT("F", "")), "1=" WHOLE "a\n", ""},
    {"tags with more", PREFIX_CRI, STR(OUT("P:x", "a") OUT("F:y", "b")),
     "1=2026-11-03T00:10:24.1Z stdout F:x ab\n", ""},
    {"streams apart", PREFIX_CRI,
     STR(OUT("P", "a") ERR("F", "e") ERR("P", "f") OUT("F", "b") OUT("F", "c") ERR("F", "g")),
     "1=" WHOLE "ab\n2=2026-11-03T00:10:24.1Z stderr F e\n3=2026-11-03T00:10:24.1Z stderr F fg\n"
     "5=" WHOLE "c\n",
     ""},
    {"unfinished", PREFIX_CRI, STR(OUT("F", "a") OUT("P", "b") ERR("F", "e")), "1=" WHOLE "a\n",
     "2?" WHOLE "b\n3=2026-11-03T00:10:24.1Z stderr F e\n"},
    {"both unfinished", PREFIX_CRI, STR(OUT("P", "b") ERR("P", "e") OUT("P", "c")), "",
     "1?" WHOLE "bc\n2?2026-11-03T00:10:24.1Z stderr F e\n"},
    {"the last part has no newline", PREFIX_CRI,
     STR(OUT("P", "a") "2026-11-03T00:10:24.1Z stdout F b"), "", "1=" WHOLE "ab\n"},
    {"no entry between", PREFIX_CRI, STR(OUT("P", "a") "x\n\n" OUT("F", "b")),
     "1=" WHOLE "ab\n2=x\n3=\n", ""},
    {"other tags, other times", PREFIX_CRI, STR(OUT("Q", "a") "now stdout P b\n"),
     "1=2026-11-03T00:10:24.1Z stdout Q a\n2=now stdout P b\n", ""},
    {"docker", PREFIX_DOCKER,
     STR(LOG("a", ",\"time\":\"1\"") LOG("\\\"b", ",\"time\":\"2\"") LOG("c\\n", ",\"time\":\"3\"")
             LOG("d\\n", "")),
     "1={\"log\":\"a\\\"bc\\n\",\"stream\":\"stdout\",\"time\":\"1\"}\n"
     "4={\"log\":\"d\\n\",\"stream\":\"stdout\"}\n",
     ""},
    {"docker: a part that looks like no value", PREFIX_DOCKER,
     STR(LOG("a ", "") LOG("-", "") LOG("", "") LOG("\\n", "")),
     "1={\"log\":\"a -\\n\",\"stream\":\"stdout\"}\n", ""},
    {"docker: a backslash before an n", PREFIX_DOCKER, STR(LOG("a\\\\n", "") LOG("\\u000A", "")),
     "1={\"log\":\"a\\\\n\\u000A\",\"stream\":\"stdout\"}\n", ""},
    {"docker: any order, any JSON", PREFIX_DOCKER,
     STR("{\"stream\":\"stdout\",\"log\":\"a\"}\n{\"log\":1}\n{\"log\":\"b\n" LOG("c\\n", "")),
     "1={\"stream\":\"stdout\",\"log\":\"ac\\n\"}\n2={\"log\":1}\n3={\"log\":\"b\n", ""},
};

static void test_cases(void **state)
{
    struct buf got;
    (void)state;
    buf_init(&got, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char want[1000];
        read_all(cases[i].kind, cases[i].content, false, &got);
        if (strcmp(buf_cstr(&got), cases[i].now) != 0)
            fail_msg("%s:\n%sinstead of\n%s", cases[i].name, buf_cstr(&got), cases[i].now);
        snprintf(want, sizeof(want), "%s%s", cases[i].now, cases[i].rest);
        read_all(cases[i].kind, cases[i].content, true, &got);
        if (strcmp(buf_cstr(&got), want) != 0)
            fail_msg("%s, whole:\n%sinstead of\n%s", cases[i].name, buf_cstr(&got), want);
    }
    buf_release(&got);
}

static void put_out(struct buf *to, const char *tag, size_t n)
{
    buf_printf(to, "2026-11-03T00:10:24.1Z %s ", tag);
    put_repeated(to, 'x', n);
    buf_lit(to, "\n");
}

/* One of 256 KiB is as long as a line may be, prefix and all; one of more is counted once. */
static void test_long_lines(void **state)
{
    struct buf text, got;
    (void)state;
    buf_init(&text, 4 << 20);
    buf_init(&got, 4096);
    for (size_t over = 0; over < 2; over++) {
        buf_reset(&text);
        put_out(&text, "stdout P", LINE_MAX_BYTES / 2 - (sizeof(WHOLE) - 1));
        put_out(&text, "stdout P", LINE_MAX_BYTES / 2 - 1);
        put_out(&text, "stderr F", 10);
        put_out(&text, "stdout F", 1 + over);
        put_out(&text, "stdout F", 0);
        read_all(PREFIX_CRI, buf_str(&text), false, &got);
        assert_string_equal(buf_cstr(&got),
                            over ? "1!\n3=2026-11-03T00:10:24.1Z stderr F xxxxxxxxxx\n"
                                   "5=" WHOLE "\n"
                                 : "1=\n3=2026-11-03T00:10:24.1Z stderr F xxxxxxxxxx\n"
                                   "5=" WHOLE "\n");
    }
    buf_release(&text);
    buf_release(&got);
}

/* The other stream writes on and on: the rest is not waited for, and is a line of its own. */
static void test_too_far_apart(void **state)
{
    static const size_t sizes[] = {0, 400, 100000};
    struct buf text, got;
    (void)state;
    buf_init(&text, 4 << 20);
    buf_init(&got, 4 << 20);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        unsigned n = 0;
        char want[100];
        buf_reset(&text);
        put_out(&text, "stdout P", 3);
        while (text.n < JOIN_SPAN_BYTES && n < JOIN_MAX_WAITING - 1) {
            put_out(&text, "stderr F", sizes[i]);
            n++;
        }
        put_out(&text, "stdout F", 4);
        read_all(PREFIX_CRI, buf_str(&text), false, &got);
        snprintf(want, sizeof(want), "1?" WHOLE "xxx\n2=");
        assert_memory_equal(buf_cstr(&got), want, strlen(want));
        snprintf(want, sizeof(want), "\n%u=" WHOLE "xxxx\n", n + 2);
        assert_true(str_ends(buf_str(&got), str_of(want)));
    }
    buf_release(&text);
    buf_release(&got);
}

/* ---- what a restart finds ---------------------------------------------------------------------
 */

/* The file of a container that stopped, or was rotated, in the middle of a line: its parts are
 * counted, once it is known that nothing more comes; what stands in the next file is no line. */
static void test_rotated_between_parts(void **state)
{
    struct rig g;
    struct log l;
    struct stream s;
    struct fill f;
    struct ledger got;
    struct str line = STR("192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /page HTTP/1.1\" 200 5 "
                          "\"-\" \"" UA "\"");
    (void)state;
    rig_make(&g, formats[0]);
    log_make(&l);
    ledger_make(&got);
    put_part(&l.text, PREFIX_CRI, false, line, true);
    size_t whole = l.text.n;
    put_part(&l.text, PREFIX_CRI, false, str_slice(line, 0, 60), false);
    write_log(&g, "0.log", &l, false);
    stream_open(&g, &s, "0.log");
    assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
    assert_true(s.r.at == whole && s.r.half == l.text.n - whole && got.lines == 1);
    s.r.finish = true;
    struct stream *streams[] = {&s};
    fill_some(&g, streams, 1, 1 << 20, true, &f);
    assert_int_equal(s.r.end, READ_FINISHED);
    assert_int_equal(f.groups[0]->spans[0].skipped[REASON_PARTIAL], 1);
    assert_int_equal(f.groups[0]->spans[0].file_to, l.text.n);
    group_free(f.groups[0]);
    stream_close(&s);
    buf_reset(&l.text);
    put_part(&l.text, PREFIX_CRI, false, str_slice(line, 60, line.n), true);
    put_part(&l.text, PREFIX_CRI, false, line, true);
    write_log(&g, "1.log", &l, false);
    stream_open(&g, &s, "1.log");
    fill_some(&g, streams, 1, 1 << 20, true, &f);
    assert_int_equal(f.groups[0]->spans[0].skipped[REASON_UNPARSABLE], 1);
    assert_int_equal(f.groups[0]->spans[0].records[0], 1);
    group_free(f.groups[0]);
    stream_close(&s);
    log_release(&l);
    free(got.v);
    rig_remove(&g);
}

/* Positions of a reader that did not join, in the middle of a line: what is left of it is counted,
 * and the rest of the file read. */
static void test_positions_between_parts(void **state)
{
    (void)state;
    for (int with_seam = 0; with_seam < 2; with_seam++) {
        struct rig g;
        struct log l;
        struct stream s;
        struct ledger got;
        uint64_t seam = 0;
        rig_make(&g, formats[1]);
        log_make(&l);
        ledger_make(&got);
        put_cut_lines(&l, PREFIX_DOCKER, 40, 5);
        size_t first = l.text.n;
        put_part(&l.text, PREFIX_DOCKER, false, STR("x"), false);
        size_t middle = l.text.n;
        put_part(&l.text, PREFIX_DOCKER, false, STR("y"), true);
        want_record(&l, l.text.n);
        l.want.v[l.want.n - 1].stream = l.want.v[0].stream;
        put_part(
            &l.text, PREFIX_DOCKER, false,
            STR("192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /page HTTP/1.1\" 200 5 \"-\" "
                "\"" UA "\""),
            true);
        write_log(&g, "a.log", &l, false);
        stream_open(&g, &s, "a.log");
        if (with_seam)
            seam = hash_64(str_slice(buf_str(&l.text), middle - SEAM_BYTES, middle), 0);
        assert_int_equal(positions_cover(s.position, 0, middle, seam), 0);
        stream_close(&s);
        stream_open(&g, &s, "a.log");
        assert_int_equal(read_to_end(&g, &s, 1 << 20, &got), READ_ALL);
        assert_true(got.n == 1 && got.lines == 2 && got.v[0].at == l.want.v[l.want.n - 1].at);
        assert_true(intervals_gap(&s.position->safe, 0) == l.text.n && first < middle);
        stream_close(&s);
        log_release(&l);
        free(got.v);
        rig_remove(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_too_far_apart),
        cmocka_unit_test(test_fills),
        cmocka_unit_test(test_crashes_between_parts),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_rotated_between_parts),
        cmocka_unit_test(test_positions_between_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
