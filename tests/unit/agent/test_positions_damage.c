/* Positions in a state that nobody should have made: the other generation is used, or the agent
 * says which file is wrong and what to do; never as if it were the first start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>

#include "agent/positions.h"
#include "tests/unit/agent/scratch.h"

static const char *const names[2] = {"positions.a", "positions.b"};

/* Generation 1 in positions.b and 2 in positions.a; they differ in what is safe. */
struct pair {
    struct scratch s;
    struct buf text[2];
};

static void pair_make(struct pair *t)
{
    struct positions p = {0};
    *t = (struct pair){0};
    scratch_make(&t->s);
    struct position *e = positions_add(&p, (struct hash128){{1}}, 7, 8, "/var/log/a.log");
    assert_non_null(e);
    for (uint64_t generation = 1; generation <= 2; generation++) {
        struct buf b;
        buf_init(&b, POSITIONS_MAX_BYTES);
        assert_int_equal(positions_cover(e, 0, generation * 100, generation), 0);
        assert_int_equal(positions_encode(&p, 1, &b), 0);
        assert_int_equal(positions_store(t->s.fd, p.generation, buf_str(&b)), 0);
        buf_release(&b);
    }
    positions_release(&p);
    for (int i = 0; i < 2; i++) {
        buf_init(&t->text[i], 1 << 20);
        scratch_read(&t->s, names[i], &t->text[i]);
    }
}

static void pair_remove(struct pair *t)
{
    buf_release(&t->text[0]);
    buf_release(&t->text[1]);
    scratch_remove(&t->s);
}

/* Up to where all is safe by what is loaded; -1: refused, with a message that names `file`. */
static int64_t load(const struct pair *t, const char *file)
{
    struct positions p;
    struct buf why;
    buf_init(&why, 4096);
    int rc = positions_load(&p, t->s.fd, t->s.path, &why);
    int64_t safe = -2;
    if (rc == 1)
        safe = (int64_t)intervals_gap(&p.v[0]->safe, 0);
    if (rc == 0)
        fail_msg("%s: taken for the first start", file);
    if (rc < 0) {
        const char *text = buf_cstr(&why);
        assert_non_null(strstr(text, t->s.path));
        assert_non_null(strstr(text, file));
        assert_non_null(strstr(text, "; ")); /* and what to do */
        safe = -1;
    }
    positions_release(&p);
    buf_release(&why);
    return safe;
}

/* Makes `name` unusable in the way of its number; false: there are no more ways. */
static bool spoil(const struct pair *t, const char *name, int way)
{
    struct scratch s = t->s;
    struct buf zeros;
    unlinkat(s.fd, name, 0);
    unlinkat(s.fd, name, AT_REMOVEDIR);
    switch (way) {
    case 0: /* the file system has lost the content */
        scratch_write(&s, name, STR(""));
        return true;
    case 1: /* or only the length arrived */
        buf_init(&zeros, 4096);
        memset(buf_reserve(&zeros, 300), 0, 300);
        zeros.n = 300;
        scratch_write(&s, name, buf_str(&zeros));
        buf_release(&zeros);
        return true;
    case 2:
        scratch_write(&s, name, STR("logferry-positions"));
        return true;
    case 3: /* larger than can be: a hole, no memory is taken for it */
        scratch_write(&s, name, STR("x"));
        assert_int_equal(
            truncate(scratch_path(&s, name, (char[PATH_MAX]){0}), (off_t)POSITIONS_MAX_BYTES + 1),
            0);
        return true;
    case 4: /* a link, even to the good one */
        assert_int_equal(symlinkat(name == names[0] ? names[1] : names[0], s.fd, name), 0);
        return true;
    case 5: /* a link to nowhere */
        assert_int_equal(symlinkat("nowhere", s.fd, name), 0);
        return true;
    case 6:
        assert_int_equal(mkdirat(s.fd, name, 0700), 0);
        return true;
    case 7: /* nobody writes to it: a read would wait */
        assert_int_equal(mkfifoat(s.fd, name, 0600), 0);
        return true;
    case 8: /* another program's */
        scratch_write(&s, name, STR("#!/bin/sh\necho hello\n"));
        return true;
    default:
        return false;
    }
}

static void test_one_is_unusable(void **state)
{
    for (int victim = 0; victim < 2; victim++)
        for (int way = 0;; way++) {
            struct pair t;
            pair_make(&t);
            bool more = spoil(&t, names[victim], way);
            int64_t safe = more ? load(&t, names[victim]) : 0;
            if (more && safe != (victim == 0 ? 100 : 200))
                fail_msg("%s, way %d: safe up to %lld", names[victim], way, (long long)safe);
            pair_remove(&t);
            if (!more)
                break;
        }
}

static void test_none_is_usable(void **state)
{
    for (int way = 0;; way++) {
        struct pair t;
        pair_make(&t);
        bool more = spoil(&t, names[0], way) && spoil(&t, names[1], way == 4 ? 0 : way);
        if (more)
            assert_int_equal(load(&t, "positions."), -1);
        pair_remove(&t);
        if (!more)
            break;
    }
}

static void test_the_other_is_missing(void **state)
{
    for (int victim = 0; victim < 2; victim++)
        for (int way = 0;; way++) {
            struct pair t;
            pair_make(&t);
            unlinkat(t.s.fd, names[!victim], 0);
            bool more = spoil(&t, names[victim], way);
            if (more)
                assert_int_equal(load(&t, names[victim]), -1);
            pair_remove(&t);
            if (!more)
                break;
        }
}

/* Every bit of both files, with the other one there: its state, or the same as before. */
static void test_every_bit(void **state)
{
    struct pair t;
    pair_make(&t);
    for (int victim = 0; victim < 2; victim++) {
        struct buf *text = &t.text[victim];
        for (size_t bit = 0; bit < text->n * 8; bit++) {
            text->p[bit / 8] ^= (char)(1 << bit % 8);
            scratch_write(&t.s, names[victim], buf_str(text));
            text->p[bit / 8] ^= (char)(1 << bit % 8);
            int64_t safe = load(&t, names[victim]); /* -1: it is taken for a newer version's */
            if (safe != -1 && safe != 100 && safe != 200)
                fail_msg("%s, bit %zu: safe up to %lld", names[victim], bit, (long long)safe);
        }
        scratch_write(&t.s, names[victim], buf_str(text));
    }
    pair_remove(&t);
}

/* As another user, neither is ours, however readable. */
static void test_both_foreign(void **state)
{
    struct pair t;
    int status;
    if (geteuid() != 0)
        skip();
    pair_make(&t);
    assert_int_equal(chmod(t.s.path, 0755), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fchmodat(t.s.fd, names[i], 0644, 0), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) || setuid(65534))
            _exit(9);
        _exit(load(&t, "positions.") == -1 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    pair_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_is_unusable),      cmocka_unit_test(test_none_is_usable),
        cmocka_unit_test(test_the_other_is_missing), cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_both_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
