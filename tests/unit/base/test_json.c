/*
 * The writer and the reader of JSON text, each against tables and against a slow form of itself.
 * tests/unit/parsers/test_json_judge.c has another library judge them: this layer links libc alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "parsers/base/json.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FFFD "\xEF\xBF\xBD"

/* A copy in a block of exactly its size, so that a sanitizer sees each byte read too many. */
static char *exact(struct str s)
{
    char *block = malloc(s.n ? s.n : 1);

    assert_non_null(block);
    if (s.n)
        memcpy(block, s.p, s.n);
    return block;
}

/* ---- writing ------------------------------------------------------------------------------ */

static void test_write_table(void **state)
{
    static const struct {
        struct str in;
        const char *want;
    } table[] = {
        {STR(""), "\"\""},
        {{NULL, 0}, "null"},
        {STR("plain /text/ 'x'"), "\"plain /text/ 'x'\""},
        {STR("\"\\"), "\"\\\"\\\\\""},
        {STR("\n\r\t\b\f"), "\"\\n\\r\\t\\b\\f\""},
        {STR("\0\x01\x0b\x1f\x7f"), "\"" FFFD "\\u0001\\u000b\\u001f\x7f\""},
        {STR("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
         "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {STR("\xff"), "\"" FFFD "\""},
        {STR("\x80\xbf"), "\"" FFFD FFFD "\""},
        {STR("\xc0\xaf"), "\"" FFFD FFFD "\""}, /* overlong '/' */
        {STR("\xc1\xbf"), "\"" FFFD FFFD "\""},
        {STR("\xe0\x9f\xbf"), "\"" FFFD FFFD FFFD "\""}, /* overlong */
        {STR("\xe0\xa0\x80"), "\"\xe0\xa0\x80\""},
        {STR("\xed\x9f\xbf"), "\"\xed\x9f\xbf\""},
        {STR("\xed\xa0\x80"), "\"" FFFD FFFD FFFD "\""}, /* surrogate */
        {STR("\xee\x80\x80"), "\"\xee\x80\x80\""},
        {STR("\xf0\x8f\xbf\xbf"), "\"" FFFD FFFD FFFD FFFD "\""},
        {STR("\xf0\x90\x80\x80"), "\"\xf0\x90\x80\x80\""},
        {STR("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\""},
        {STR("\xf4\x90\x80\x80"), "\"" FFFD FFFD FFFD FFFD "\""},
        {STR("\xf5\x80\x80\x80"), "\"" FFFD FFFD FFFD FFFD "\""},
        {STR("\xe2\x82"), "\"" FFFD FFFD "\""}, /* cut off */
        {STR("\xe2\x82z"), "\"" FFFD FFFD "z\""},
        {STR("\xf0\x9f\x98"), "\"" FFFD FFFD FFFD "\""},
        {STR("\xc3\xa9\xc3"), "\"\xc3\xa9" FFFD "\""},
    };
    struct buf out;

    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT(table); i++) {
        char *block = str_is_set(table[i].in) ? exact(table[i].in) : NULL;
        buf_reset(&out);
        json_put_string(&out, (struct str){block, table[i].in.n});
        assert_string_equal(buf_cstr(&out), table[i].want);
        free(block);
    }
    buf_reset(&out);
    json_put_escaped(&out, STR("a\"b"));
    assert_string_equal(buf_cstr(&out), "a\\\"b");
    buf_release(&out);
}

static size_t encode(char *to, uint32_t c)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(first[n] | c);
    return n;
}

/* Every code point stays as it is, but the surrogates, which become three replacements. */
static void test_every_code_point(void **state)
{
    struct buf out;

    buf_init(&out, 100);
    for (uint32_t c = 0x80; c < 0x120000; c++) {
        char text[4];
        size_t n = encode(text, c);
        bool good = c < 0x110000 && (c < 0xd800 || c >= 0xe000);
        buf_reset(&out);
        json_put_escaped(&out, (struct str){text, n});
        if (good ? out.n != n || memcmp(out.p, text, n) != 0
                 : out.n != 3 * n || memcmp(out.p, FFFD FFFD, 6) != 0)
            fail_msg("U+%04X", c);
    }
    buf_release(&out);
}

static void put_slowly(struct buf *out, unsigned char c)
{
    if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", c);
    else if (c == '\n')
        buf_lit(out, "\\n");
    else if (c >= 0x80)
        buf_lit(out, FFFD);
    else if (c < 0x20)
        buf_printf(out, "\\u%04x", c);
    else
        buf_putc(out, (char)c);
}

/* Lengths around the steps of the fast path, with one or two bytes that stop it at each place. */
static void test_runs(void **state)
{
    static const char stoppers[] = "\"\\\n\x01\xff\x1f";
    struct buf out, want;

    buf_init(&out, 1000);
    buf_init(&want, 1000);
    for (size_t n = 0; n < 52; n++) {
        char *block =
            exact((struct str){"abcdefghij !#[]^~\x7f klmnopqrstuvwxyz0123456789ABCDEFGHIJ", n});
        for (size_t at = 0; at < n; at++) {
            for (size_t k = 0; k < sizeof(stoppers) - 1; k++) {
                char kept = block[at], kept2 = block[n - 1];
                block[at] = stoppers[k];
                block[n - 1] = k & 1 ? '"' : block[n - 1];
                buf_reset(&out);
                buf_reset(&want);
                json_put_escaped(&out, (struct str){block, n});
                for (size_t i = 0; i < n; i++)
                    put_slowly(&want, (unsigned char)block[i]);
                assert_true(str_eq(buf_str(&out), buf_str(&want)));
                block[n - 1] = kept2;
                block[at] = kept;
            }
        }
        free(block);
    }
    buf_release(&out);
    buf_release(&want);
}

/* What fits exactly is written; with one byte less nothing is. */
static void test_write_cap(void **state)
{
    static const struct str table[] = {
        STR(""),  STR("abc"), STR("a\"b\x01"), STR("\xff z"), STR("0123456789abcdef0123456789"),
        {NULL, 0}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf whole;
        buf_init(&whole, 1000);
        json_put_string(&whole, table[i]);
        for (size_t max = 0; max <= whole.n + 1; max++) {
            struct buf out;
            buf_init(&out, max + 1);
            buf_putc(&out, '=');
            json_put_string(&out, table[i]);
            assert_int_equal(out.failed, max < whole.n);
            assert_int_equal(out.n, 1 + (max < whole.n ? 0 : whole.n));
            buf_release(&out);
        }
        buf_release(&whole);
    }
}

/* ---- reading ------------------------------------------------------------------------------ */

/* The events as text: {k"…" s"…" n… t f z [ ] } and '.' for the end, '!' for an error. */
static void trace(struct json_reader *r, struct buf *out)
{
    static const char sign[] = "!.{}[]ksntfz";

    for (int i = 0; i < 100000; i++) {
        enum json_event e = json_next(r);
        buf_putc(out, sign[e]);
        if (e == JSON_KEY || e == JSON_STRING || e == JSON_NUMBER) {
            assert_true(str_is_set(r->text));
            buf_printf(out, "<%.*s>", STR_ARGS(r->text));
        }
        if (e <= JSON_END) {
            assert_int_equal(json_next(r), e);
            assert_int_equal(r->error != NULL, e == JSON_ERROR);
            assert_true(r->at <= r->in.n);
            return;
        }
    }
    fail_msg("no end");
}

static const struct {
    struct str in;
    const char *want;
} read_table[] = {
    {STR("null"), "z."},
    {STR(" \t\r\n true \n"), "t."},
    {STR("false"), "f."},
    {STR("\"\""), "s<>."},
    {STR("{}"), "{}."},
    {STR("[ ]"), "[]."},
    {STR("[[],{}]"), "[[]{}]."},
    {STR("{\"a\":1,\"b\":[true,null , \"x\"],\"c\":{\"d\":\"\"}}"),
     "{k<a>n<1>k<b>[tzs<x>]k<c>{k<d>s<>}}."},
    {STR(" { \"a\" : 1 , \"a\" : 2 } "), "{k<a>n<1>k<a>n<2>}."},
    {STR("[0,-0,1.5,-1e3,1E+2,0.0e-1,123456789012345678901234567890]"),
     "[n<0>n<-0>n<1.5>n<-1e3>n<1E+2>n<0.0e-1>n<123456789012345678901234567890>]."},
    {STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "s<\"\\/\b\f\n\r\t>."},
    {STR("\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00z\""), "s<A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z>."},
    {STR("\"\\ud800\\udc00 \\udbff\\udfff\""), "s<\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf>."},
    {STR("{\"\\u006b\":\"\\n\"}"), "{k<k>s<\n>}."},
    {STR("\"caf\xc3\xa9 \x7f\""), "s<caf\xc3\xa9 \x7f>."},
    /* refused */
    {STR(""), "!"},
    {STR("  "), "!"},
    {STR("nul"), "!"},
    {STR("nulL"), "!"},
    {STR("nullx"), "z!"},
    {STR("True"), "!"},
    {STR("\xef\xbb\xbf{}"), "!"}, /* byte order mark */
    {STR("{} {}"), "{}!"},
    {STR("1 2"), "n<1>!"},
    {STR("[1,]"), "[n<1>!"},
    {STR("[,1]"), "[!"},
    {STR("[1 2]"), "[n<1>!"},
    {STR("[1}"), "[n<1>!"},
    {STR("]"), "!"},
    {STR("["), "[!"},
    {STR("{"), "{!"},
    {STR("{]"), "{!"},
    {STR("{\"a\"}"), "{!"},
    {STR("{\"a\" 1}"), "{!"},
    {STR("{\"a\":}"), "{k<a>!"},
    {STR("{\"a\":1,}"), "{k<a>n<1>!"},
    {STR("{,\"a\":1}"), "{!"},
    {STR("{a:1}"), "{!"},
    {STR("{1:1}"), "{!"},
    {STR("{'a':1}"), "{!"},
    {STR("{\"a\":1]"), "{k<a>n<1>!"},
    {STR("{\"a\":1 \"b\":2}"), "{k<a>n<1>!"},
    {STR("01"), "!"},
    {STR("-"), "!"},
    {STR("-a"), "!"},
    {STR("+1"), "!"},
    {STR(".5"), "!"},
    {STR("1."), "!"},
    {STR("1.e1"), "!"},
    {STR("1e"), "!"},
    {STR("1e+"), "!"},
    {STR("-01"), "!"},
    {STR("0x10"), "n<0>!"},
    {STR("NaN"), "!"},
    {STR("-Infinity"), "!"},
    {STR("\""), "!"},
    {STR("\"a"), "!"},
    {STR("\"\\"), "!"},
    {STR("\"\\\""), "!"},
    {STR("\"\\x41\""), "!"},
    {STR("\"\\u12\""), "!"},
    {STR("\"\\u123g\""), "!"},
    {STR("\"\\U0041\""), "!"},
    {STR("\"\\ud800\""), "!"},
    {STR("\"\\ud800x\""), "!"},
    {STR("\"\\ud800\\n\""), "!"},
    {STR("\"\\ud800\\ud800\""), "!"},
    {STR("\"\\udc00\\ud800\""), "!"},
    {STR("\"\\ud800\\u00"), "!"},
    {STR("\"a\nb\""), "!"},
    {STR("\"a\0b\""), "!"},
    {STR("\"\x1f\""), "!"},
    {STR("\"\xff\""), "!"},
    {STR("\"\xc0\x80\""), "!"},
    {STR("\"\xed\xa0\x80\""), "!"},
    {STR("\"\xf4\x90\x80\x80\""), "!"},
    {STR("\"\xe2\x82\""), "!"},
    {STR("\"\\n\xff\""), "!"},
    {STR("/**/1"), "!"},
    {STR("\v1"), "!"},
    {STR("\xc2\xa0"
         "1"),
     "!"},
    {STR("1\0"), "n<1>!"},
};

static void test_read_table(void **state)
{
    struct buf out, scratch;

    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT(read_table); i++) {
        char *block = exact(read_table[i].in);
        struct json_reader r;
        buf_reset(&out);
        buf_init(&scratch, read_table[i].in.n);
        json_reader_init(&r, (struct str){block, read_table[i].in.n}, &scratch);
        trace(&r, &out);
        if (strcmp(buf_cstr(&out), read_table[i].want) != 0)
            fail_msg("%.*s: %s", STR_ARGS(read_table[i].in), buf_cstr(&out));
        buf_release(&scratch);
        free(block);
    }
    buf_release(&out);
}

static enum json_event last_event(struct json_reader *r)
{
    enum json_event e;

    while ((e = json_next(r)) > JSON_END)
        ;
    return e;
}

/* No proper prefix of an object is a value, and none is read past its end. */
static void test_prefixes(void **state)
{
    static const struct str whole =
        STR("{\"k\":\"pag\\u00e9\\ud83d\\ude00 caf\xc3\xa9 and sixteen more bytes\",\"n\":-12.5e+3,"
            "\"a\":[true,false,null,{}],\"\\n\":\"\"}");
    struct buf scratch;

    for (size_t n = 0; n <= whole.n; n++) {
        char *block = exact(str_slice(whole, 0, n));
        struct json_reader r;
        buf_init(&scratch, whole.n);
        json_reader_init(&r, (struct str){block, n}, &scratch);
        assert_int_equal(last_event(&r), n == whole.n ? JSON_END : JSON_ERROR);
        assert_in_range(r.at, n < 12 ? 0 : n - 12, n); /* 12: an escaped pair */
        buf_release(&scratch);
        free(block);
    }
}

static void test_depth(void **state)
{
    static const char *const opens[] = {"[", "{\"a\":"};
    struct buf text;
    struct json_reader r;

    buf_init(&text, 1000);
    for (int kind = 0; kind < 2; kind++) {
        for (unsigned depth = 1; depth <= JSON_MAX_DEPTH + 2; depth++) {
            buf_reset(&text);
            for (unsigned i = 0; i < depth; i++)
                buf_put_str(&text, str_of(opens[kind]));
            buf_lit(&text, "1");
            for (unsigned i = 0; i < depth; i++)
                buf_putc(&text, kind ? '}' : ']');
            json_reader_init(&r, buf_str(&text), NULL);
            assert_int_equal(last_event(&r), depth <= JSON_MAX_DEPTH ? JSON_END : JSON_ERROR);
        }
    }
    buf_release(&text);
}

static void test_bomb(void **state)
{
    const size_t n = 1000000;
    char *bomb = malloc(n);
    struct json_reader r;
    int events = 1;

    assert_non_null(bomb);
    memset(bomb, '[', n);
    json_reader_init(&r, (struct str){bomb, n}, NULL);
    while (json_next(&r) != JSON_ERROR)
        events++;
    assert_int_equal(events, JSON_MAX_DEPTH + 1);
    assert_int_equal(r.at, JSON_MAX_DEPTH);
    free(bomb);
}

/* Texts handed out stay as they are while scratch takes ten thousand more. */
static void test_texts_stay(void **state)
{
    enum { TEXTS = 10000 };
    static struct str texts[TEXTS];
    struct buf in, scratch;
    struct json_reader r;
    char want[32];

    buf_init(&in, SIZE_MAX);
    buf_putc(&in, '[');
    for (int i = 0; i < TEXTS; i++)
        buf_printf(&in, "%s\"\\u00e9%d\\n\"", i ? "," : "", i);
    buf_putc(&in, ']');
    buf_init(&scratch, in.n);
    json_reader_init(&r, buf_str(&in), &scratch);
    assert_int_equal(json_next(&r), JSON_ARRAY);
    for (int i = 0; i < TEXTS; i++) {
        assert_int_equal(json_next(&r), JSON_STRING);
        texts[i] = r.text;
    }
    assert_int_equal(json_next(&r), JSON_ARRAY_END);
    assert_int_equal(json_next(&r), JSON_END);
    for (int i = 0; i < TEXTS; i++) {
        int n = snprintf(want, sizeof(want), "\xc3\xa9%d\n", i);
        assert_int_equal(texts[i].n, n);
        assert_memory_equal(texts[i].p, want, texts[i].n);
    }
    buf_release(&in);
    buf_release(&scratch);
}

/* "é\n": the escapes need three bytes of scratch; one string without escapes needs none. */
static void test_scratch_cap(void **state)
{
    for (size_t max = 0; max < 8; max++) {
        struct buf scratch;
        struct json_reader r;
        buf_init(&scratch, max);
        json_reader_init(&r, STR("[\"plain\",\"\\u00e9\\n\"]"), &scratch);
        assert_int_equal(last_event(&r), max >= 3 ? JSON_END : JSON_ERROR);
        buf_release(&scratch);
    }
    struct json_reader r;
    json_reader_init(&r, STR("[\"plain\",1]"), NULL);
    assert_int_equal(last_event(&r), JSON_END);
    json_reader_init(&r, STR("\"\\n\""), NULL);
    assert_int_equal(last_event(&r), JSON_ERROR);
}

static void test_replace(void **state)
{
    static const struct {
        struct str in;
        const char *want;
    } table[] = {
        {STR("\"a\xff\xfe z\""), "s<a" FFFD FFFD " z>."},
        {STR("\"\\ud800\""), "s<" FFFD ">."},
        {STR("\"\\ud800\\ud83d\\ude00\""), "s<" FFFD "\xf0\x9f\x98\x80>."},
        {STR("\"\\udc00\\u0041\""), "s<" FFFD "A>."},
        {STR("\"\xe2\x82\\n\xe2\x82\xac\""), "s<" FFFD FFFD "\n\xe2\x82\xac>."},
        {STR("{\"\xff\":\"\xff\xff\xff\xff\xff\xff\xff\xff\"}"),
         "{k<" FFFD ">s<" FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD ">}."},
        {STR("\"\x01\""), "!"},
        {STR("\"\\ud800\\uZZZZ\""), "!"},
        {STR("\xff"), "!"},
    };
    struct buf out, scratch;

    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT(table); i++) {
        char *block = exact(table[i].in);
        struct json_reader r;
        buf_reset(&out);
        buf_init(&scratch, 3 * table[i].in.n);
        json_reader_init(&r, (struct str){block, table[i].in.n}, &scratch);
        r.replace_utf8 = true;
        trace(&r, &out);
        assert_string_equal(buf_cstr(&out), table[i].want);
        buf_release(&scratch);
        free(block);
    }
    buf_release(&out);
}

static void test_trailing(void **state)
{
    struct json_reader r;

    json_reader_init(&r, STR(" {\"a\":1} \n{"), NULL);
    r.allow_trailing = true;
    assert_int_equal(last_event(&r), JSON_END);
    assert_int_equal(r.at, 8);
    json_reader_init(&r, STR("12x"), NULL);
    r.allow_trailing = true;
    assert_int_equal(last_event(&r), JSON_END);
    assert_int_equal(r.at, 2);
    json_reader_init(&r, STR("{} x"), NULL);
    assert_int_equal(last_event(&r), JSON_ERROR);
    assert_int_equal(r.at, 3);
}

static void test_skip(void **state)
{
    struct buf scratch;
    struct json_reader r;

    buf_init(&scratch, 1000);
    json_reader_init(&r, STR("[{\"\\n\":[{},[1,\"\\t\"]]},\"\\r\",[],3,\"last\"]"), &scratch);
    assert_int_equal(json_next(&r), JSON_ARRAY);
    assert_true(json_skip_value(&r, json_next(&r)));
    assert_int_equal(scratch.n, 0);
    for (int i = 0; i < 3; i++)
        assert_true(json_skip_value(&r, json_next(&r)));
    assert_int_equal(json_next(&r), JSON_STRING);
    assert_true(str_eq(r.text, STR("last")));
    assert_false(json_skip_value(&r, json_next(&r))); /* ']' opens nothing */
    assert_int_equal(json_next(&r), JSON_END);
    assert_false(json_skip_value(&r, JSON_END));
    json_reader_init(&r, STR("[[1,}]]"), &scratch);
    assert_false(json_skip_value(&r, json_next(&r)));
    assert_false(json_skip_value(&r, json_next(&r)));
    buf_release(&scratch);
}

static void test_integer(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t want;
    } table[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"42", true, 42},
        {"-42", true, -42},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999999", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"-", false, 0},
        {"", false, 0},
        {"--1", false, 0},
        {"+1", false, 0},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t v = 7;
        assert_int_equal(json_integer(str_of(table[i].text), &v), table[i].ok);
        assert_true(v == (table[i].ok ? table[i].want : 7));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_table), cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_runs),        cmocka_unit_test(test_write_cap),
        cmocka_unit_test(test_read_table),  cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_depth),       cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_texts_stay),  cmocka_unit_test(test_scratch_cap),
        cmocka_unit_test(test_replace),     cmocka_unit_test(test_trailing),
        cmocka_unit_test(test_skip),        cmocka_unit_test(test_integer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
