/*
 * parsers/base/json.h judged by jansson: a table, and 100,000 generated and damaged texts. It
 * stands here because parsers/base is tested with libc alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/fuzz/json_judge.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* xorshift64*: the same inputs on every machine. */
struct dice {
    uint64_t state;
};

static unsigned roll(struct dice *d, unsigned sides)
{
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return (unsigned)((d->state * UINT64_C(2685821657736338717)) >> 33) % sides;
}

static struct str pick(struct dice *d, const struct str *table, unsigned n)
{
    return table[roll(d, n)];
}

static void put_random_string(struct dice *d, struct buf *out)
{
    static const struct str pieces[] = {
        STR("a"),
        STR("key"),
        STR("sixteen or more bytes"),
        STR("\\n"),
        STR("\\\""),
        STR("\\\\"),
        STR("\\/"),
        STR("\\u00e9"),
        STR("\\u20AC"),
        STR("\\ud83d\\ude00"),
        STR("\xc3\xa9"),
        STR("\xe2\x82\xac"),
        STR("\xf0\x9f\x98\x80"),
        STR(" "),
        STR("\x7f"),
        STR("{}[],:"),
    };
    static const struct str rare[] = {
        STR("\xff"),  STR("\\ud800"),      STR("\\udc00"),  STR("\x01"),
        STR("\\x"),   STR("\xed\xa0\x80"), STR("\xc0\xaf"), STR("\xf4\x90\x80\x80"),
        STR("\\u00"), STR("\\u0000"),      STR("\n"),
    };
    buf_putc(out, '"');
    for (unsigned n = roll(d, 5); n > 0; n--)
        buf_put_str(out, roll(d, 60) ? pick(d, pieces, COUNT(pieces)) : pick(d, rare, COUNT(rare)));
    buf_putc(out, '"');
}

static void put_blanks(struct dice *d, struct buf *out)
{
    static const struct str blanks[] = {STR(" "), STR("\n"), STR("\t"), STR("\r\n"), STR("  ")};

    if (roll(d, 4) == 0)
        buf_put_str(out, pick(d, blanks, COUNT(blanks)));
}

static void put_random_scalar(struct dice *d, struct buf *out)
{
    static const struct str words[] = {
        STR("true"),
        STR("false"),
        STR("null"),
        STR("0"),
        STR("-0"),
        STR("17"),
        STR("-1.5"),
        STR("2e3"),
        STR("1E-2"),
        STR("0.25e+1"),
        STR("9223372036854775808"),
        STR("1e-400"),
    };
    if (roll(d, 2))
        put_random_string(d, out);
    else
        buf_put_str(out, pick(d, words, COUNT(words)));
}

/* A whole value without recursion: a list of what is open, closed at random. */
static void put_random_value(struct dice *d, struct buf *out)
{
    char closers[8] = {0};
    unsigned depth = 0;
    bool first = true;

    for (unsigned steps = roll(d, 12);; steps--) {
        put_blanks(d, out);
        if (depth > 0 && (steps == 0 || roll(d, 4) == 0)) {
            buf_putc(out, closers[--depth]);
            first = false;
            if (depth == 0)
                return;
            steps += steps == 0;
            continue;
        }
        if (depth > 0 && !first)
            buf_putc(out, ',');
        put_blanks(d, out);
        if (depth > 0 && closers[depth - 1] == '}') {
            put_random_string(d, out);
            put_blanks(d, out);
            buf_putc(out, ':');
        }
        first = steps > 0 && depth < sizeof(closers) && roll(d, 3) > 0;
        if (first) {
            closers[depth] = roll(d, 2) ? '}' : ']';
            buf_putc(out, closers[depth++] == '}' ? '{' : '[');
            continue;
        }
        put_random_scalar(d, out);
        if (depth == 0)
            return;
        steps += steps == 0;
    }
}

static void damage(struct dice *d, struct buf *b)
{
    static const struct str bytes = STR("\"\\{}[],:0-+.eEtfnu \n\x01\x80\xc3\xed\xff");

    for (unsigned n = roll(d, 3); n > 0 && b->n > 0; n--) {
        unsigned at = roll(d, (unsigned)b->n);
        switch (roll(d, 4)) {
        case 0:
            b->p[at] = bytes.p[roll(d, (unsigned)bytes.n)];
            break;
        case 1:
            memmove(b->p + at, b->p + at + 1, b->n - at - 1);
            b->n--;
            break;
        case 2:
            b->n = at;
            break;
        default:
            buf_putc(b, b->p[at]);
        }
    }
}

static void test_generated(void **state)
{
    struct dice d = {UINT64_C(0x9E3779B97F4A7C15)};
    unsigned counts[3] = {0}, accepted = 0;
    struct buf text;

    buf_init(&text, 100000);
    for (int i = 0; i < 100000; i++) {
        buf_reset(&text);
        put_random_value(&d, &text);
        damage(&d, &text);
        assert_false(text.failed);
        enum judgement j = judge_text(buf_str(&text));
        if (j == JUDGE_DIFFER)
            fail_msg("input %d: %.*s", i, STR_ARGS(buf_str(&text)));
        counts[j]++;
        struct json_reader r;
        struct buf scratch;
        buf_init(&scratch, text.n);
        json_reader_init(&r, buf_str(&text), &scratch);
        while (json_next(&r) > JSON_END)
            ;
        accepted += !r.error;
        buf_release(&scratch);
    }
    /* The generator must try both sides of the border. */
    assert_in_range(accepted, 30000, 70000);
    assert_true(counts[JUDGE_AGREE] > 99000);
    buf_release(&text);
}

static void test_table(void **state)
{
    static const struct str table[] = {
        STR("{}"),
        STR("[]"),
        STR("0"),
        STR("\"\""),
        STR("null"),
        STR(""),
        STR(" "),
        STR("{}x"),
        STR("[1,]"),
        STR("{\"a\":1,}"),
        STR("[1 2]"),
        STR("01"),
        STR("1."),
        STR("-"),
        STR("1e"),
        STR("\"\\ud800\""),
        STR("\"\\ud83d\\ude00\""),
        STR("\"\\ude00\\ud83d\""),
        STR("\"\xff\""),
        STR("\"\xed\xa0\x80\""),
        STR("\"\xf4\x8f\xbf\xbf\""),
        STR("\"\xf4\x90\x80\x80\""),
        STR("\"\xc0\x80\""),
        STR("\"a\tb\""),
        STR("\"\x7f\""),
        STR("\"\\u0000\""),
        STR("\"\0\""),
        STR("\xef\xbb\xbf{}"),
        STR("{\"a\":1,\"a\":2}"),
        STR("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"),
        STR("nulll"),
        STR("tru"),
        STR("[\"a\",\"b\",{\"c\":[]}]"),
        STR("\"\\u12g4\""),
        STR("1\0"),
        STR("\v1"),
        STR("\f1"),
        STR("1 \r\n\t"),
        STR("\"\xe0\x80\x80\""),
        STR("-0.0e-0"),
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        if (judge_text(table[i]) != JUDGE_AGREE)
            fail_msg("case %zu: %.*s", i, STR_ARGS(table[i]));
    }
}

/* Random bytes as a string: jansson reads it, and what it reads is written the same again. */
static void test_written(void **state)
{
    struct dice d = {UINT64_C(0xD1B54A32D192ED03)};
    struct buf text, again;
    char raw[64];

    buf_init(&text, 1000);
    buf_init(&again, 1000);
    for (int i = 0; i < 20000; i++) {
        size_t n = roll(&d, sizeof(raw));
        for (size_t k = 0; k < n; k++)
            raw[k] = (char)(roll(&d, 3) ? 0x20 + roll(&d, 0x60) : roll(&d, 256));
        buf_reset(&text);
        buf_reset(&again);
        json_put_string(&text, (struct str){raw, n});
        json_t *v = json_loadb(text.p, text.n, JUDGE_WRITTEN, NULL);
        assert_non_null(v);
        json_put_string(&again, (struct str){json_string_value(v), json_string_length(v)});
        assert_true(str_eq(buf_str(&text), buf_str(&again)));
        if (json_string_length(v) == n)
            assert_memory_equal(json_string_value(v), raw, n);
        json_decref(v);
    }
    buf_release(&text);
    buf_release(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_generated),
        cmocka_unit_test(test_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
