/* test_body_lines.c - lines out of bodies of any coding: the same, wherever pieces end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "server/body_lines.h"
#include "tests/unit/server/coded.h"

#define CAP (1u << 20)
#define LONGEST 100000u

static const enum coding codings[] = {CODING_IDENTITY, CODING_GZIP, CODING_ZSTD};

/* Every line of `body` followed by '|' goes to `out`; then what it ended with. */
static enum body_line read_all(enum coding coding, struct str body, struct buf *out,
                               unsigned char hash[TOKEN_HASH_BYTES])
{
    struct body_lines lines;
    struct str line;
    enum body_line r;
    buf_reset(out);
    assert_int_equal(body_lines_begin(&lines, coding, body, CAP), 0);
    while ((r = body_lines_next(&lines, LONGEST, &line)) == BODY_LINE) {
        buf_put_str(out, line);
        buf_putc(out, '|');
    }
    if (r == BODY_END)
        assert_int_equal(body_lines_hash(&lines, hash), 0);
    body_lines_end(&lines);
    return r;
}

static void check(struct str plain, struct str lines, enum body_line end)
{
    struct buf coded, out;
    unsigned char hash[TOKEN_HASH_BYTES], wanted[TOKEN_HASH_BYTES];
    buf_init(&coded, 2 * CAP);
    buf_init(&out, 2 * CAP);
    assert_int_equal(sha256(plain, wanted), 0);
    for (size_t c = 0; c < COUNT_OF(codings); c++) {
        buf_reset(&coded);
        put_coded(codings[c], &coded, plain);
        assert_int_equal(read_all(codings[c], buf_str(&coded), &out, hash), end);
        if (end != BODY_END)
            continue;
        assert_true(str_eq(buf_str(&out), lines));
        assert_memory_equal(hash, wanted, sizeof(hash));
    }
    buf_release(&coded);
    buf_release(&out);
}

static void short_ones(void **state)
{
    check(STR(""), STR(""), BODY_END);
    check(STR("\n"), STR("|"), BODY_END);
    check(STR("a"), STR("a|"), BODY_END);
    check(STR("a\n"), STR("a|"), BODY_END);
    check(STR("a\n\nb\r\nc"), STR("a||b\r|c|"), BODY_END);
    check((struct str){"a\0b\n", 4}, (struct str){"a\0b|", 4}, BODY_END);
}

/* Lines of all lengths around the size of a piece, so that pieces end everywhere in them. */
static void long_ones(void **state)
{
    struct buf plain, lines;
    buf_init(&plain, CAP);
    buf_init(&lines, CAP);
    for (size_t n = 0; n < 40; n++) {
        size_t length = n % 4 == 3 ? LONGEST - n : n * 1709;
        if (plain.n + length + 1 > CAP - 2)
            break;
        for (size_t i = 0; i < length; i++)
            buf_putc(&plain, (char)('a' + (i * i + n) % 26));
        buf_putc(&plain, '\n');
    }
    buf_put_str(&lines, buf_str(&plain));
    for (size_t i = 0; i < lines.n; i++)
        if (lines.p[i] == '\n')
            lines.p[i] = '|';
    assert_true(plain.n > CAP / 2);
    check(buf_str(&plain), buf_str(&lines), BODY_END);
    buf_release(&plain);
    buf_release(&lines);
}

static void too_long_ones(void **state)
{
    char *text = malloc(CAP + 1);
    memset(text, 'x', CAP + 1);
    for (size_t end = 0; end < 2; end++) { /* with a newline, and without */
        struct buf lines;
        buf_init(&lines, CAP);
        buf_put(&lines, text, LONGEST);
        buf_putc(&lines, '|');
        text[LONGEST] = '\n';
        check((struct str){text, LONGEST + end}, buf_str(&lines), BODY_END);
        text[LONGEST] = 'x';
        text[LONGEST + 1] = '\n';
        check((struct str){text, LONGEST + 1 + end}, STR(""), BODY_LONG_LINE);
        text[LONGEST + 1] = 'x';
        buf_release(&lines);
    }
    memset(text, '\n', CAP + 1);
    check((struct str){text, CAP + 1}, STR(""), BODY_TOO_LARGE);
    free(text);
}

/* What was right up to there is of no use. */
static void broken_ones(void **state)
{
    struct buf coded, out;
    unsigned char hash[TOKEN_HASH_BYTES];
    buf_init(&coded, CAP);
    buf_init(&out, CAP);
    for (size_t c = 1; c < COUNT_OF(codings); c++) {
        buf_reset(&coded);
        put_coded(codings[c], &coded, STR("one\ntwo\n"));
        for (size_t n = 0; n < coded.n; n++)
            assert_int_equal(read_all(codings[c], (struct str){coded.p, n}, &out, hash), BODY_BAD);
        buf_putc(&coded, 'x');
        assert_int_equal(read_all(codings[c], buf_str(&coded), &out, hash), BODY_BAD);
    }
    buf_release(&coded);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_ones),
        cmocka_unit_test(long_ones),
        cmocka_unit_test(too_long_ones),
        cmocka_unit_test(broken_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
