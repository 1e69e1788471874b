/* Notes beside a batch: they come back as they were written, whatever stands behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/sent_file.h"
#include "tests/unit/agent/scratch.h"

#define ID "11111111-2222-4333-8444-555555555555"
#define NAME "0000000000000007.hk.sent"

struct seen {
    unsigned n;
    struct sent_entry e[16];
    char reason[16][200];
};

static void take(void *context, const struct sent_entry *e)
{
    struct seen *s = context;
    assert_true(s->n < COUNT(s->e));
    s->e[s->n] = *e;
    snprintf(s->reason[s->n++], sizeof(s->reason[0]), "%.*s", STR_ARGS(e->reason));
}

static struct seen read_all(const struct scratch *dir, const char *id)
{
    struct sent_file f;
    struct seen s = {0};
    sent_init(&f, dir->fd, 7, "hk", id);
    assert_int_equal(sent_read(&f, &s, take), 0);
    sent_close(&f);
    return s;
}

static void append(struct sent_file *f, uint32_t line, uint16_t status, struct str reason)
{
    struct buf b;
    const struct sent_entry e = {line, status, reason};
    buf_init(&b, 4096);
    sent_put(f, &b, &e);
    assert_int_equal(sent_append(f, buf_str(&b)), 0);
    buf_release(&b);
}

static void begin(const struct scratch *dir, struct sent_file *f, const char *id)
{
    struct seen s = {0};
    sent_init(f, dir->fd, 7, "hk", id);
    assert_int_equal(sent_read(f, &s, take), 0);
}

static void test_notes_come_back(void **state)
{
    struct scratch dir;
    struct sent_file f;
    scratch_make(&dir);
    assert_false(sent_exists(dir.fd, 7, "hk"));
    assert_int_equal(read_all(&dir, ID).n, 0);
    begin(&dir, &f, ID);
    append(&f, 2, SENT_STORED, STR(""));
    append(&f, 9, 400, STR("path is\nrequired"));
    append(&f, 3, SENT_HELD, STR(""));
    sent_close(&f);
    assert_true(sent_exists(dir.fd, 7, "hk"));
    begin(&dir, &f, ID); /* goes on behind them */
    append(&f, 4, SENT_REFUSED, STR(""));
    sent_close(&f);
    struct seen s = read_all(&dir, ID);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.e[0].line, 2);
    assert_int_equal(s.e[0].status, SENT_STORED);
    assert_string_equal(s.reason[1], "path is?required");
    assert_int_equal(s.e[2].status, SENT_HELD);
    assert_int_equal(s.e[3].line, 4);
    assert_int_equal(read_all(&dir, "21111111-2222-4333-8444-555555555555").n, 0);
    assert_int_equal(sent_remove(dir.fd, 7, "hk"), 0);
    assert_int_equal(sent_remove(dir.fd, 7, "hk"), 0);
    assert_false(sent_exists(dir.fd, 7, "hk"));
    scratch_remove(&dir);
}

/* The file of the notes 2 and 3, in either version. */
static void put_whole(struct buf *out, bool summed)
{
    struct sent_file f;
    buf_init(out, 4096);
    sent_init(&f, -1, 7, "hk", ID);
    buf_printf(out, "logferry-sent %d " ID "\n", summed ? 2 : 1);
    for (uint32_t line = 2; line < 4; line++) {
        const struct sent_entry e = {line, SENT_STORED, line == 3 ? STR("x y") : STR("")};
        if (summed)
            sent_put(&f, out, &e);
        else
            buf_printf(out, "%u 202%s\n", line, line == 3 ? " x y" : "");
    }
}

/* The file cut at each byte, with something else behind: what is whole is read, and the next note
 * stands where that ends. */
static void test_cut_ends(void **state)
{
    static const struct str tails[] = {STR(""), STR("\0\0\0"), STR("9"), STR("x 202\n"),
                                       STR("7 20")};
    struct scratch dir;
    scratch_make(&dir);
    for (int summed = 0; summed < 2; summed++) {
        struct buf whole;
        put_whole(&whole, summed);
        for (size_t n = 0; n <= whole.n; n++)
            for (size_t i = 0; i < COUNT(tails); i++) {
                struct sent_file f;
                char text[300];
                memcpy(text, whole.p, n);
                memcpy(text + n, tails[i].p, tails[i].n);
                scratch_write(&dir, NAME, (struct str){text, n + tails[i].n});
                begin(&dir, &f, ID);
                append(&f, 5, SENT_STORED, STR(""));
                sent_close(&f);
                struct seen s = read_all(&dir, ID);
                assert_true(s.n >= 1 && s.n <= 4);
                assert_int_equal(s.e[s.n - 1].line, 5);
                if (n == whole.n)
                    assert_true(s.n >= 3 && s.e[0].line == 2 && s.e[1].line == 3);
            }
        buf_release(&whole);
    }
    scratch_remove(&dir);
}

/* No bit of a note can turn and tell of another record, or of another fate. */
static void test_turned_bits(void **state)
{
    struct scratch dir;
    struct buf whole;
    scratch_make(&dir);
    put_whole(&whole, true);
    for (size_t bit = 0; bit < whole.n * 8; bit++) {
        whole.p[bit / 8] ^= (char)(1 << bit % 8);
        scratch_write(&dir, NAME, buf_str(&whole));
        struct seen s = read_all(&dir, ID);
        assert_true(s.n < 2);
        if (s.n)
            assert_true(s.e[0].status == SENT_STORED && (s.e[0].line == 2 || s.e[0].line == 3));
        whole.p[bit / 8] ^= (char)(1 << bit % 8);
    }
    scratch_write(&dir, NAME, buf_str(&whole));
    assert_int_equal(read_all(&dir, ID).n, 2);
    buf_release(&whole);
    scratch_remove(&dir);
}

/* A note that is damaged hides none behind it. */
static void test_damage_in_the_middle(void **state)
{
    struct scratch dir;
    struct sent_file f;
    struct buf whole;
    scratch_make(&dir);
    put_whole(&whole, true);
    ptrdiff_t at = str_find(buf_str(&whole), STR("\n2 "), 0);
    memset(whole.p + at + 1, 0, 5);
    scratch_write(&dir, NAME, buf_str(&whole));
    begin(&dir, &f, ID);
    append(&f, 5, SENT_STORED, STR(""));
    sent_close(&f);
    struct seen s = read_all(&dir, ID);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.e[0].line, 3);
    assert_int_equal(s.e[1].line, 5);
    buf_release(&whole);
    scratch_remove(&dir);
}

static void test_orphans_go(void **state)
{
    struct scratch dir;
    scratch_make(&dir);
    scratch_write(&dir, NAME, STR("x"));
    scratch_write(&dir, "0000000000000008.hk.sent", STR("x"));
    scratch_write(&dir, "0000000000000008.batch", STR("x"));
    scratch_write(&dir, "short.sent", STR("x"));
    sent_clean(dir.fd);
    assert_false(sent_exists(dir.fd, 7, "hk"));
    assert_true(sent_exists(dir.fd, 8, "hk"));
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes_come_back), cmocka_unit_test(test_cut_ends),
        cmocka_unit_test(test_turned_bits),     cmocka_unit_test(test_damage_in_the_middle),
        cmocka_unit_test(test_orphans_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
