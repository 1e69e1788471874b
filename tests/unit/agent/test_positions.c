/* Positions: what was written is what is read; whatever befalls a file, never a wrong state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>

#include "agent/positions.h"
#include "tests/unit/agent/scratch.h"

static struct hash128 stream_of(unsigned char n)
{
    return (struct hash128){{n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
}

/* Some of everything. `extra` makes the generations differ. */
static void fill_positions(struct positions *p, uint64_t extra)
{
    static const char *const paths[] = {"/var/log/a.log", "/var/log/\xc3\xa4 \"q\" \\ \n\t.log",
                                        ""};
    for (unsigned char i = 0; i < 3; i++) {
        struct position *e = positions_add_keyed(p, i ? UINT64_MAX - i : 0, stream_of(i), paths[i]);
        assert_non_null(e);
        e->dev = 7;
        e->ino = 100u + i;
        e->seen_s = 1700000000u + i;
        e->head = (struct head){i * 100u, i * 3u};
        e->family = i ? UINT64_MAX / i : 0;
        e->finished = i == 1;
        for (uint64_t k = 0; k < i; k++)
            assert_int_equal(positions_cover(e, k * 100, k * 100 + 50 + extra, 1000 + k), 0);
    }
    assert_int_equal(intervals_add(positions_spooled(p, STR("main")), 3, 9 + extra), 0);
    assert_int_equal(intervals_add(positions_spooled(p, STR("with \"quotes\"")), 1, 2), 0);
    assert_non_null(positions_spooled(p, STR("nothing done")));
    assert_int_equal(positions_note_looked(p, 0xabcdef), 1);
    assert_int_equal(positions_note_looked(p, 0xabcdef), 0);
    assert_int_equal(positions_note_looked(p, UINT64_MAX), 1);
    p->spool_next = 9 + extra;
    p->uptime_s = 86400;
}

static void save(struct positions *p, const struct scratch *s, int64_t now_ms)
{
    struct buf b;
    buf_init(&b, POSITIONS_MAX_BYTES);
    assert_int_equal(positions_encode(p, now_ms, &b), 0);
    assert_int_equal(positions_store(s->fd, p->generation, buf_str(&b)), 0);
    buf_release(&b);
}

static int load(struct positions *p, const struct scratch *s, char why[1000])
{
    struct buf b;
    buf_init(&b, 999);
    int rc = positions_load(p, s->fd, s->path, &b);
    memcpy(why, buf_str(&b).p, b.n);
    why[b.n] = '\0';
    if (rc <= 0) /* on success it may tell that the other generation is damaged */
        assert_int_equal(b.n > 0, rc < 0);
    buf_release(&b);
    return rc;
}

static void text_of(struct positions *p, struct buf *b)
{
    uint64_t generation = p->generation;
    buf_reset(b);
    assert_int_equal(positions_encode(p, 1, b), 0);
    p->generation = generation;
}

static bool same_state(struct positions *p, struct positions *q)
{
    struct buf a, b;
    buf_init(&a, POSITIONS_MAX_BYTES);
    buf_init(&b, POSITIONS_MAX_BYTES);
    text_of(p, &a);
    text_of(q, &b);
    bool same = str_eq(buf_str(&a), buf_str(&b));
    buf_release(&a);
    buf_release(&b);
    return same;
}

static void test_nothing_there(void **state)
{
    struct scratch s;
    struct positions p;
    char why[1000];
    scratch_make(&s);
    assert_int_equal(load(&p, &s, why), 0);
    assert_int_equal(p.n, 0);
    assert_int_equal(p.saved_ms, 0);
    positions_release(&p);
    scratch_remove(&s);
}

static void test_round_trip(void **state)
{
    struct scratch s;
    struct positions p = {0}, q;
    char why[1000];
    scratch_make(&s);
    fill_positions(&p, 0);
    save(&p, &s, 1234567);
    assert_int_equal(load(&q, &s, why), 1);
    assert_true(same_state(&p, &q));
    assert_int_equal(q.generation, 1);
    assert_int_equal(q.saved_ms, 1234567);
    assert_int_equal(q.spool_next, 9);
    assert_true(positions_looked(&q, 0xabcdef) && positions_looked(&q, UINT64_MAX));
    assert_false(positions_looked(&q, 1));
    struct position *e = positions_by_key(&q, UINT64_MAX - 2);
    assert_non_null(e);
    assert_null(positions_by_key(&q, UINT64_MAX - 3));
    assert_int_equal(q.uptime_s, 86400);
    assert_memory_equal(e->stream.b, stream_of(2).b, 16);
    assert_int_equal(e->dev, 7);
    assert_int_equal(e->ino, 102);
    assert_int_equal(e->seen_s, 1700000002);
    assert_int_equal(e->head.bytes, 200);
    assert_int_equal(e->head.hash, 6);
    assert_int_equal(e->size, 150);
    assert_int_equal(e->family, UINT64_MAX / 2);
    assert_false(e->finished);
    assert_true(positions_by_key(&q, UINT64_MAX - 1)->finished);
    assert_int_equal(intervals_gap(&e->safe, 100), 150);
    assert_int_equal(e->seam.at, 50);
    assert_int_equal(e->seam.hash, 1000);
    assert_int_equal(e->seam.bytes, 50);
    assert_false(e->bound);
    assert_string_equal(positions_by_key(&q, UINT64_MAX - 1)->path,
                        "/var/log/\xc3\xa4 \"q\" \\ \n\t.log");
    assert_true(intervals_contain(positions_spooled(&q, STR("with \"quotes\"")), 1));
    assert_true(intervals_contain(positions_spooled(&q, STR("main")), 8));
    positions_release(&p);
    positions_release(&q);
    scratch_remove(&s);
}

/* The newer of two is read; a third takes the older one's place. */
static void test_generations(void **state)
{
    struct scratch s;
    struct positions p = {0}, q;
    char why[1000];
    scratch_make(&s);
    for (uint64_t i = 1; i <= 5; i++) {
        p.spool_next = i * 10;
        save(&p, &s, (int64_t)i);
        assert_int_equal(load(&q, &s, why), 1);
        assert_int_equal(q.generation, i);
        assert_int_equal(q.spool_next, i * 10);
        positions_release(&q);
    }
    positions_release(&p);
    scratch_remove(&s);
}

/* Two generations, of which `name` is made unusable: the other one is used. */
struct pair {
    struct scratch s;
    struct positions a, b; /* generations 2 and 1 */
    struct buf text_a, text_b;
};

static void pair_make(struct pair *t)
{
    *t = (struct pair){0};
    scratch_make(&t->s);
    fill_positions(&t->b, 0);
    save(&t->b, &t->s, 1);
    fill_positions(&t->a, 4);
    t->a.generation = 1;
    save(&t->a, &t->s, 2);
    buf_init(&t->text_a, 1 << 20);
    buf_init(&t->text_b, 1 << 20);
    scratch_read(&t->s, "positions.a", &t->text_a);
    scratch_read(&t->s, "positions.b", &t->text_b);
}

static void pair_remove(struct pair *t)
{
    positions_release(&t->a);
    positions_release(&t->b);
    buf_release(&t->text_a);
    buf_release(&t->text_b);
    scratch_remove(&t->s);
}

/* `changed` in place of one file: that state or the other's, or a refusal when there is none. */
static void assert_harmless(struct pair *t, const char *name, struct str changed, bool alone)
{
    struct positions q;
    char why[1000];
    bool newest = strcmp(name, "positions.a") == 0;
    scratch_write(&t->s, name, changed);
    int rc = load(&q, &t->s, why);
    if (rc == 1) {
        bool other = !alone && same_state(&q, newest ? &t->b : &t->a);
        if (!other && !same_state(&q, newest ? &t->a : &t->b))
            fail_msg("%s: a state that nobody wrote", name);
    } else if (rc != -1) {
        fail_msg("%s: %d, as if it were the first start", name, rc);
    } else if (!alone && !strstr(why, "newer")) {
        fail_msg("%s: %s", name, why);
    }
    positions_release(&q);
}

static void each_prefix(struct pair *t, const char *name, const struct buf *text, bool alone)
{
    for (size_t n = 0; n < text->n; n++)
        assert_harmless(t, name, str_slice(buf_str(text), 0, n), alone);
    scratch_write(&t->s, name, buf_str(text));
}

/* `step` 1: each bit of each byte. */
static void each_bit(struct pair *t, const char *name, struct buf *text, size_t step, bool alone)
{
    for (size_t i = 0; i < text->n; i++)
        for (size_t bit = i % step; bit < 8; bit += step) {
            text->p[i] ^= (char)(1 << bit);
            assert_harmless(t, name, buf_str(text), alone);
            text->p[i] ^= (char)(1 << bit);
        }
    scratch_write(&t->s, name, buf_str(text));
}

static void test_each_prefix(void **state)
{
    struct pair t;
    pair_make(&t);
    each_prefix(&t, "positions.a", &t.text_a, false);
    each_prefix(&t, "positions.b", &t.text_b, false);
    unlinkat(t.s.fd, "positions.b", 0);
    each_prefix(&t, "positions.a", &t.text_a, true);
    pair_remove(&t);
}

static void test_each_bit(void **state)
{
    struct pair t;
    pair_make(&t);
    each_bit(&t, "positions.a", &t.text_a, 7, false);
    each_bit(&t, "positions.b", &t.text_b, 7, false);
    unlinkat(t.s.fd, "positions.b", 0);
    each_bit(&t, "positions.a", &t.text_a, 1, true);
    pair_remove(&t);
}

static void test_other_damage(void **state)
{
    struct pair t;
    struct buf b;
    pair_make(&t);
    buf_init(&b, 1 << 20);
    put_repeated(&b, '\0', t.text_a.n);
    assert_harmless(&t, "positions.a", buf_str(&b), false); /* after a power failure */
    buf_reset(&b);
    buf_put_str(&b, buf_str(&t.text_a));
    buf_put_str(&b, buf_str(&t.text_a));
    assert_harmless(&t, "positions.a", buf_str(&b), false);
    buf_putc(&b, '\n');
    assert_harmless(&t, "positions.a", buf_str(&b), false);
    buf_release(&b);
    pair_remove(&t);
}

/* A text with the right checksum of its version. */
static void write_sealed(const struct scratch *s, const char *name, const char *text)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_put_str(&b, str_of(text));
    if (str_starts(str_of(text), STR("logferry-positions 1\n")))
        buf_printf(&b, "crc %08x\n", hash_crc32(0, buf_str(&b)));
    else
        buf_printf(&b, "sum %016llx\n", (unsigned long long)hash_64(buf_str(&b), 0));
    scratch_write(s, name, buf_str(&b));
    buf_release(&b);
}

/* A newer program's state is not overwritten by falling back to the generation before it. */
static void test_newer_version(void **state)
{
    static const char *const names[] = {"positions.a", "positions.b"};
    for (size_t i = 0; i < 2; i++) {
        struct pair t;
        struct positions q;
        char why[1000];
        pair_make(&t);
        write_sealed(&t.s, names[i], "logferry-positions 4\nsomething new\n");
        assert_int_equal(load(&q, &t.s, why), -1);
        assert_non_null(strstr(why, names[i]));
        assert_non_null(strstr(why, "newer"));
        positions_release(&q);
        unlinkat(t.s.fd, names[1 - i], 0);
        assert_int_equal(load(&q, &t.s, why), -1);
        assert_non_null(strstr(why, "newer"));
        positions_release(&q);
        pair_remove(&t);
    }
}

static void test_malformed_lines(void **state)
{
#define HEAD "logferry-positions 1\ngeneration 1\nsaved 1\nspool-next 1\n"
#define HEAD_2 "logferry-positions 2\ngeneration 1\nsaved 1\nuptime 7\nspool-next 1\n"
#define HEAD_3 "logferry-positions 3\ngeneration 1\nsaved 1\nuptime 7\nspool-next 1\n"
#define KEY_2 "entry 00000000000000ff 000102030405060708090a0b0c0d0e0f 1 2 "
#define ENTRY "entry 00000000000000ff 000102030405060708090a0b0c0d0e0f 1 2 3 04 5 "
    static const struct {
        const char *text;
        bool good;
    } table[] = {
        {HEAD, true},
        {"logferry-positions 1\n", true},
        {HEAD ENTRY "0-5 \"/a\"\n", true},
        {HEAD ENTRY " \"/a\"\n", true},
        {HEAD "spool-done \"main\" 1-2\n", true},
        {"", false},
        {"logferry-positions\n", false},
        {"logferry-positions x\n", false},
        {"logferry-positions 99999999999999999999\n", false},
        {HEAD "something else\n", false},
        {HEAD "\n", false},
        {HEAD "generation -1\n", false},
        {HEAD "spool-next 18446744073709551615\n", false},
        {HEAD ENTRY "5-0 \"/a\"\n", false},
        {HEAD "entry 00000000000000ff 000102030405060708090a0b0c0d0e0f 1 2 3 04 "
              "9223372036854775808 0-5 \"/a\"\n",
         false}, /* it would be written as a negative number */
        {HEAD ENTRY "0-5 \"/a\n", false},
        {HEAD ENTRY "0-5 /a\n", false},
        {HEAD ENTRY "0-5\n", false},
        {HEAD ENTRY "\n", false},
        {HEAD "entry\n", false},
        {HEAD "entry x\n", false},
        {HEAD "spool-done\n", false},
        {HEAD "spool-done \"main\"\n", false},
        {HEAD "spool-done 1-2\n", false},
        {HEAD "spool-done \"main\" 1-\n", false},
        {HEAD_2, true},
        {HEAD_2 KEY_2 "3 04 3 9 0a 5 0b 6 1 0-5 \"/a\"\n", true},
        {HEAD_2 KEY_2 "0 00 0 9 0a 5 0b 6 1 0-18446744073709551615 \"/a\"\n",
         true},                                                    /* passed over */
        {HEAD_2 KEY_2 "3 04 4 9 0a 5 0b 6 1 0-5 \"/a\"\n", false}, /* more than stands before */
        {HEAD_2 KEY_2 "9999 04 1025 9 0a 5 0b 6 1 0-5 \"/a\"\n", false},
        {HEAD_2 KEY_2 "3 04 3 4097 0a 5 0b 6 1 0-5 \"/a\"\n", false},
        {HEAD_2 KEY_2 "3 04 3 9 0a 5 0b 6 2 0-5 \"/a\"\n", false},
        {HEAD_2 KEY_2 "3 04 3 9 0a 5 0b 6 0-5 \"/a\"\n", false},
        {HEAD_2 ENTRY "0-5 \"/a\"\n", false}, /* of version 1 */
        {HEAD_2 KEY_2 "3 04 3 9 0a 5 0b 6 1 0-5 \"/a\"\n" KEY_2 "3 04 3 9 0a 5 0b 6 1 0-5 \"/b\"\n",
         false}, /* two with one key */
        {HEAD_2 "uptime x\n", false},
        {HEAD_3 "looked 00000000000000ff\nlooked ffffffffffffffff\n", true},
        {HEAD_3 KEY_2 "3 04 3 9 0a 5 0b 6 1 0-5 \"/a\"\n", true},
        {HEAD_3 "looked\n", false},
        {HEAD_3 "looked xyz\n", false},
    };
    struct scratch s;
    scratch_make(&s);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct positions q;
        char why[1000];
        write_sealed(&s, "positions.b", table[i].text);
        int rc = load(&q, &s, why);
        if (rc != (table[i].good ? 1 : -1))
            fail_msg("%d for %s", rc, table[i].text);
        positions_release(&q);
    }
    scratch_remove(&s);
}

/* What version 1 knew is known, its shorter seams included. */
static void test_version_1(void **state)
{
    struct scratch s;
    struct positions q;
    char why[1000];
    scratch_make(&s);
    write_sealed(&s, "positions.b",
                 HEAD "entry 00000000000000ff 000102030405060708090a0b0c0d0e0f 1 2 300 04 5 "
                      "0-300,400-500 \"/a\"\n");
    assert_int_equal(load(&q, &s, why), 1);
    struct position *e = positions_by_key(&q, 0xff);
    assert_non_null(e);
    assert_int_equal(e->seam.at, 300);
    assert_int_equal(e->seam.bytes, 64);
    assert_int_equal(e->seam.hash, 4);
    assert_int_equal(positions_frontier(e), 300);
    assert_int_equal(e->head.bytes, 0);
    assert_int_equal(e->seen_s, 0);
    positions_release(&q);
    scratch_remove(&s);
}

/* Of many entries only those that change are written out anew. */
static void test_kept_lines(void **state)
{
    struct positions p = {0};
    struct buf b;
    buf_init(&b, 1 << 20);
    fill_positions(&p, 0);
    text_of(&p, &b);
    const char *kept = p.v[0]->text;
    assert_non_null(kept);
    assert_int_equal(positions_cover(p.v[1], 0, 70, 5), 0);
    assert_null(p.v[1]->text);
    assert_int_equal(positions_rename(p.v[2], "/else"), 0);
    text_of(&p, &b);
    assert_ptr_equal(p.v[0]->text, kept);
    assert_true(str_find(buf_str(&b), STR("0-70 "), 0) > 0);
    assert_true(str_find(buf_str(&b), STR("\"/else\""), 0) > 0);
    buf_release(&b);
    positions_release(&p);
}

/* What is to be read again takes the seams behind it away. */
static void test_uncover(void **state)
{
    struct positions p = {0};
    struct position *e = positions_add(&p, stream_of(1), 1, 1, "/a");
    assert_int_equal(positions_cover(e, 0, 100, 1), 0);
    assert_int_equal(positions_cover(e, 100, 200, 2), 0);
    e->finished = true;
    assert_int_equal(positions_uncover(e, 50, 120), 0);
    assert_int_equal(positions_frontier(e), 50);
    assert_int_equal(intervals_gap(&e->safe, 120), 200);
    assert_int_equal(e->seam.at, 0);
    assert_false(e->finished);
    assert_int_equal(e->size, 200);
    assert_int_equal(positions_cover(e, 50, 120, 3), 0);
    assert_int_equal(positions_frontier(e), 200);
    assert_int_equal(e->seam.at, 120);
    positions_release(&p);
}

static void test_symlink_and_directory(void **state)
{
    struct pair t;
    struct positions q;
    char why[1000];
    pair_make(&t);
    assert_int_equal(renameat(t.s.fd, "positions.a", t.s.fd, "elsewhere"), 0);
    assert_int_equal(symlinkat("elsewhere", t.s.fd, "positions.a"), 0);
    assert_int_equal(load(&q, &t.s, why), 1);
    assert_true(same_state(&q, &t.b)); /* the link is not followed */
    positions_release(&q);
    unlinkat(t.s.fd, "positions.b", 0);
    assert_int_equal(load(&q, &t.s, why), -1);
    assert_non_null(strstr(why, "positions.a"));
    positions_release(&q);
    unlinkat(t.s.fd, "positions.a", 0);
    assert_int_equal(mkdirat(t.s.fd, "positions.a", 0700), 0);
    assert_int_equal(load(&q, &t.s, why), -1);
    positions_release(&q);
    pair_remove(&t);
}

/* As nobody, a file of root's is not ours, however readable. */
static void test_foreign_owner(void **state)
{
    struct pair t;
    int status;
    if (geteuid() != 0)
        skip();
    pair_make(&t);
    assert_int_equal(chmod(t.s.path, 0755), 0);
    assert_int_equal(fchmodat(t.s.fd, "positions.a", 0644, 0), 0);
    assert_int_equal(fchownat(t.s.fd, "positions.b", 65534, 65534, 0), 0);
    pid_t child = fork();
    if (child == 0) {
        struct positions q;
        char why[1000];
        if (setgid(65534) || setuid(65534))
            _exit(9);
        int rc = load(&q, &t.s, why);
        _exit(rc == 1 && q.generation == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    pair_remove(&t);
}

static void test_matching(void **state)
{
    struct positions p = {0};
    struct position *live = positions_add(&p, stream_of(1), 1, 10, "/l/a.log");
    struct position *other = positions_add(&p, stream_of(1), 1, 11, "/l/b.log");
    struct position *alone = positions_add(&p, stream_of(2), 1, 12, "/l/c.log");
    static const struct {
        const char *name;
        unsigned char stream;
        uint64_t dev, ino;
        const char *path;
        int want; /* 0 none, 1 live, 2 other, 3 alone */
    } table[] = {
        {"same name, same inode", 1, 1, 10, "/l/a.log", 1},
        {"rotated", 1, 1, 10, "/l/a.log.1", 1},
        {"compressed: only the name", 1, 1, 99, "/l/a.log.2.gz", 1},
        {"the inode says more than the name", 1, 1, 11, "/l/a.log", 2},
        {"the other's name", 1, 1, 99, "/l/b.log.1", 2},
        {"same inode on another device", 1, 2, 11, "/l/a.log", 1},
        {"neither: the same stream will do", 2, 9, 99, "/elsewhere", 3},
        {"another stream at the same place", 3, 1, 10, "/l/a.log", 0},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct position *m = positions_match(&p, stream_of(table[i].stream), table[i].dev,
                                             table[i].ino, table[i].path);
        int got = !m ? 0 : m == live ? 1 : m == other ? 2 : 3;
        if (got != table[i].want)
            fail_msg("%s: %d", table[i].name, got);
    }
    live->bound = true;
    assert_ptr_equal(positions_match(&p, stream_of(1), 1, 10, "/l/a.log"), other);
    other->bound = alone->bound = true;
    assert_null(positions_match(&p, stream_of(1), 1, 10, "/l/a.log"));
    assert_null(positions_match(&p, stream_of(2), 1, 12, "/l/c.log"));
    positions_release(&p);
}

/* The seam is always one up to which all is safe, and the last such that is known. */
static void test_seams(void **state)
{
    struct positions p = {0};
    struct position *e = positions_add(&p, stream_of(1), 1, 1, "/a");
    positions_cover(e, 100, 200, 200);
    assert_int_equal(e->seam.at, 0);
    positions_cover(e, 300, 400, 400);
    positions_cover(e, 0, 100, 100);
    assert_int_equal(e->seam.at, 200);
    assert_int_equal(e->seam.hash, 200);
    positions_cover(e, 200, 250, 0); /* not noted */
    assert_int_equal(e->seam.at, 200);
    positions_cover(e, 250, 300, 300);
    assert_int_equal(e->seam.at, 400);
    assert_int_equal(e->n_later, 0);
    positions_cover(e, 0, 50, 50); /* again: nothing goes back */
    assert_int_equal(e->seam.at, 400);
    positions_release(&p);
}

/* Batches become safe in any order: at every moment the seam is right, in the end it is the last.
 */
static void test_seams_in_any_order(void **state)
{
    uint64_t seed = 11;
    for (int round = 0; round < 300; round++) {
        struct positions p = {0};
        struct position *e = positions_add(&p, stream_of(1), 1, 1, "/a");
        uint64_t order[20], n = 2 + next_random(&seed) % 19;
        for (uint64_t i = 0; i < n; i++)
            order[i] = i;
        for (uint64_t i = n - 1; i; i--) {
            uint64_t k = next_random(&seed) % (i + 1), swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        for (uint64_t i = 0; i < n; i++) {
            uint64_t from = order[i] * 10;
            assert_int_equal(positions_cover(e, from, from + 10, from + 10 + 5000), 0);
            assert_true(e->seam.at <= intervals_gap(&e->safe, 0));
            assert_true(e->seam.at == 0 || e->seam.hash == e->seam.at + 5000);
        }
        assert_int_equal(intervals_gap(&e->safe, 0), n * 10);
        assert_true(n > 8 || e->seam.at == n * 10);
        positions_release(&p);
    }
}

static void test_expiry(void **state)
{
    struct positions p = {0};
    struct position *old = positions_add(&p, stream_of(1), 1, 1, "/old");
    struct position *followed = positions_add(&p, stream_of(2), 1, 2, "/followed");
    struct position *fresh = positions_add(&p, stream_of(3), 1, 3, "/fresh");
    old->seen_s = followed->seen_s = 99;
    fresh->seen_s = 100;
    uint64_t old_key = old->key;
    followed->bound = true;
    fresh->users = 1;
    positions_expire(&p, 200); /* what is under way names it */
    assert_int_equal(p.n, 2);
    fresh->users = 0;
    assert_null(positions_by_key(&p, old_key));
    positions_expire(&p, 100);
    assert_int_equal(p.n, 2);
    assert_ptr_equal(p.v[0], followed);
    assert_ptr_equal(p.v[1], fresh);
    assert_int_equal(positions_rename(fresh, "/other"), 0);
    assert_string_equal(fresh->path, "/other");
    positions_release(&p);
    positions_release(&p);
}

static void test_spooled_sets(void **state)
{
    struct positions p = {0};
    char name[80];
    for (int i = 0; i < CONFIG_MAX_DESTINATIONS; i++) {
        snprintf(name, sizeof(name), "destination-%d", i);
        struct intervals *done = positions_spooled(&p, str_of(name));
        assert_non_null(done);
        assert_ptr_equal(done, positions_spooled(&p, str_of(name)));
    }
    assert_null(positions_spooled(&p, STR("one more")));
    positions_release(&p);
    memset(name, 'x', 79);
    name[79] = '\0';
    assert_null(positions_spooled(&p, (struct str){name, 64}));
    assert_non_null(positions_spooled(&p, (struct str){name, 63}));
    positions_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_generations),   cmocka_unit_test(test_each_prefix),
        cmocka_unit_test(test_each_bit),      cmocka_unit_test(test_other_damage),
        cmocka_unit_test(test_newer_version), cmocka_unit_test(test_malformed_lines),
        cmocka_unit_test(test_version_1),     cmocka_unit_test(test_kept_lines),
        cmocka_unit_test(test_uncover),       cmocka_unit_test(test_symlink_and_directory),
        cmocka_unit_test(test_foreign_owner), cmocka_unit_test(test_matching),
        cmocka_unit_test(test_seams),         cmocka_unit_test(test_seams_in_any_order),
        cmocka_unit_test(test_expiry),        cmocka_unit_test(test_spooled_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
