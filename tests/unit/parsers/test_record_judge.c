/*
 * test_record_judge.c - record_read judged by jansson: of 60,000 generated and damaged lines both
 * take the same ones, with the same values. What a record's fields must be is said here once more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "parsers/base/time.h"
#include "parsers/record.h"
#include "tests/fuzz/json_judge.h"

#define TEXTS 60000

/* xorshift64*: the same inputs on every machine. */
static unsigned roll(uint64_t *dice, unsigned sides)
{
    *dice ^= *dice >> 12;
    *dice ^= *dice << 25;
    *dice ^= *dice >> 27;
    return (unsigned)((*dice * UINT64_C(2685821657736338717)) >> 33) % sides;
}

/* ---- what must be --------------------------------------------------------------------------- */

enum what { KIND, POSITION, HASH, TIME, TEXT, COUNT, STATUS, AGENT, VERIFIED };
static const struct {
    const char *name;
    enum what what;
    bool required;
    const char *good, *bad; /* values, parted by blanks */
} fields[] = {
    {"k", KIND, true, "\"pageview\" \"ai_fetch\"", "\"page\" 1 null"},
    {"at", POSITION, true, "0 17 9223372036854775807", "-1 1.0 1e2 \"1\" null"},
    {"h", HASH, true, "\"9f31c2aa\" \"00000000\"", "\"9f31c2a\" \"9f31c2aag\" 7"},
    {"timestamp", TIME, true, "\"2026-11-03T12:00:00Z\" \"2026-11-03T12:00:00.5+01:00\"",
     "\"2026-11-03\" 7 null \"2026-13-03T12:00:00Z\""},
    {"site", TEXT, false, "\"a.b\" \"\"", "1 {} null"},
    {"url", TEXT, false, "\"https:\\/\\/a.b\\/\" \"\\u00e4\\ud83d\\ude00\"", "[] true \"\\ud800\""},
    {"hostname", TEXT, false, "\"a\"", "null \"\xff\""},
    {"path", TEXT, false, "\"/\" \"/\\n\\u0000\"", "{\"a\":[1]} \"\\x\""},
    {"content_type", TEXT, false, "\"text/html\"", "false"},
    {"referrer", TEXT, false, "\"\"", "0"},
    {"visitor_ip", TEXT, false, "\"::1\"", "null"},
    {"session_id", TEXT, false, "\"x\"", "null"},
    {"status_code", STATUS, false, "0 999 200", "1000 -1 200.0 \"200\""},
    {"response_ms", COUNT, false, "0 12", "-12 1.5 null"},
    {"bytes_served", COUNT, false, "0 4821", "[] 1e3"},
    {"user_agent", AGENT, false, "0 9999 \"curl\"", "10000 -1 null 1.5"},
    {"verified", VERIFIED, false, "\"yes\" \"no\" \"unknown\"", "\"maybe\" true"},
};

static bool is_number(const json_t *v, int64_t most)
{
    return json_typeof(v) == JSON_INTEGER && json_integer_value(v) >= 0 &&
           json_integer_value(v) <= most;
}

static bool is_word(const json_t *v, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n && json_typeof(v) == JANSSON_STRING; i++)
        if (json_string_length(v) == strlen(words[i]) &&
            strcmp(json_string_value(v), words[i]) == 0)
            return true;
    return false;
}

static bool is_hash(const json_t *v)
{
    return json_typeof(v) == JANSSON_STRING && json_string_length(v) == 8 &&
           strspn(json_string_value(v), "0123456789abcdefABCDEF") == 8;
}

static bool is_time(const json_t *v)
{
    int64_t ms;
    return json_typeof(v) == JANSSON_STRING &&
           time_parse_rfc3339((struct str){json_string_value(v), json_string_length(v)}, &ms);
}

static bool fits(const json_t *v, enum what what)
{
    static const char *const kinds[] = {"pageview", "ai_fetch"}, *const verdicts[] = {"yes", "no",
                                                                                      "unknown"};
    switch (what) {
    case KIND:
        return is_word(v, kinds, COUNT_OF(kinds));
    case POSITION:
    case COUNT:
        return is_number(v, INT64_MAX);
    case HASH:
        return is_hash(v);
    case TIME:
        return is_time(v);
    case TEXT:
        return json_typeof(v) == JANSSON_STRING;
    case STATUS:
        return is_number(v, 999);
    case AGENT:
        return json_typeof(v) == JANSSON_STRING || is_number(v, BATCH_MAX_USER_AGENTS - 1);
    case VERIFIED:
        return is_word(v, verdicts, COUNT_OF(verdicts));
    }
    return false;
}

static bool is_record(const json_t *v)
{
    if (json_typeof(v) != JANSSON_OBJECT)
        return false;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        const json_t *field = json_object_get(v, fields[i].name);
        if (field ? !fits(field, fields[i].what) : fields[i].required)
            return false;
    }
    return true;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void put_value(uint64_t *dice, struct buf *out, const char *values)
{
    struct str rest = str_of(values);
    unsigned n = 1;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == ' ';
    for (unsigned skip = roll(dice, n); skip > 0; skip--)
        rest = str_slice(rest, (size_t)str_chr(rest, ' ', 0) + 1, rest.n);
    ptrdiff_t end = str_chr(rest, ' ', 0);
    buf_put_str(out, end < 0 ? rest : str_slice(rest, 0, (size_t)end));
}

static void put_field(uint64_t *dice, struct buf *out, size_t i, const char *comma)
{
    buf_printf(out, "%s\"%s\":", comma, fields[i].name);
    put_value(dice, out, roll(dice, 60) ? fields[i].good : fields[i].bad);
}

static void put_line(uint64_t *dice, struct buf *out)
{
    const char *comma = "";
    size_t from = roll(dice, COUNT_OF(fields));
    buf_putc(out, '{');
    for (size_t k = 0; k < COUNT_OF(fields); k++) {
        size_t i = (from + k) % COUNT_OF(fields);
        bool left_out = fields[i].required ? roll(dice, 40) == 0 : roll(dice, 2);
        if (left_out)
            continue;
        put_field(dice, out, i, comma);
        comma = ",";
        if (roll(dice, 100) == 0)
            put_field(dice, out, i, comma); /* twice */
        if (roll(dice, 20) == 0)
            buf_lit(out, ", \"more\" : {\"a\": [1, {}, \"\\u0041\", -0.5e1, null]}");
    }
    buf_putc(out, '}');
}

static void damage(uint64_t *dice, struct buf *line)
{
    static const char bytes[] = "{}[]\",:\\0123456789eE+-.untrfalsx \t\xc3\xa4\x01\xff";
    size_t at = roll(dice, (unsigned)line->n);
    char byte = bytes[roll(dice, sizeof(bytes) - 1)];
    switch (roll(dice, 4)) {
    case 0:
        line->p[at] = byte;
        break;
    case 1:
        memmove(line->p + at, line->p + at + 1, line->n - at - 1);
        line->n--;
        break;
    case 2:
        buf_putc(line, ' ');
        memmove(line->p + at + 1, line->p + at, line->n - at - 1);
        line->p[at] = byte;
        break;
    default:
        line->n = at + 1;
        break;
    }
}

/* ---- the two of them ------------------------------------------------------------------------ */

/* May they differ? Numbers beyond what jansson holds; its "-0" is a number like 0; keys it will not
 * have twice though nobody reads them. */
static bool has_other_rules(const json_error_t *error, bool refused, struct str line)
{
    enum json_error_code code = json_error_code(error);
    if (refused && code == json_error_duplicate_key) {
        for (size_t i = 0; i < COUNT_OF(fields); i++) {
            char name[40];
            snprintf(name, sizeof(name), "\"%s\"", fields[i].name);
            if (strstr(error->text, name))
                return false;
        }
        return true;
    }
    return (refused &&
            (code == json_error_numeric_overflow || code == json_error_null_byte_in_key)) ||
           str_find(line, STR("-0"), 0) >= 0;
}

static void check_values(const json_t *v, const struct record *r)
{
    const json_t *url = json_object_get(v, "url");
    assert_int_equal(r->at, json_integer_value(json_object_get(v, "at")));
    assert_int_equal(str_is_set(r->url), url != NULL);
    if (url) {
        assert_int_equal(r->url.n, json_string_length(url));
        assert_memory_equal(r->url.p, json_string_value(url), r->url.n);
    }
}

static bool check(struct str line)
{
    json_error_t error = {0};
    json_t *v = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    struct buf scratch;
    struct record r;
    const char *why = NULL;
    buf_init(&scratch, line.n);
    bool ours = record_read(line, &r, &scratch, &why), theirs = v && is_record(v);
    if (ours != theirs && !has_other_rules(&error, !v, line))
        fail_msg("%s: %s, jansson: %s", ours ? "taken" : "refused", ours ? "" : why,
                 v ? "no record" : error.text);
    if (ours && theirs)
        check_values(v, &r);
    json_decref(v);
    buf_release(&scratch);
    return ours;
}

static void jansson_agrees(void **state)
{
    uint64_t dice = 88172645463325252;
    unsigned taken = 0;
    struct buf line;
    buf_init(&line, 1u << 16);
    for (unsigned i = 0; i < TEXTS; i++) {
        buf_reset(&line);
        put_line(&dice, &line);
        for (unsigned n = i % 3; n > 0 && line.n > 1; n--)
            damage(&dice, &line);
        taken += check(buf_str(&line));
    }
    buf_release(&line);
    print_message("%u of %u taken\n", taken, TEXTS);
    assert_in_range(taken, TEXTS / 10, TEXTS - TEXTS / 10);
}

/* Where they differ on purpose: what jansson takes and a server must not pay for. */
static void deeper_than_we_go(void **state)
{
    struct buf line;
    buf_init(&line, 1000);
    for (int depth = JSON_MAX_DEPTH - 1; depth <= JSON_MAX_DEPTH; depth++) {
        buf_reset(&line);
        buf_lit(&line, "{\"k\":\"pageview\",\"at\":0,\"h\":\"00000000\",\"timestamp\":"
                       "\"2026-11-03T12:00:00Z\",\"more\":");
        for (int i = 0; i < depth; i++)
            buf_putc(&line, '[');
        for (int i = 0; i < depth; i++)
            buf_putc(&line, ']');
        buf_putc(&line, '}');
        struct buf scratch;
        struct record r;
        const char *why = "";
        buf_init(&scratch, line.n);
        assert_int_equal(record_read(buf_str(&line), &r, &scratch, &why), depth < JSON_MAX_DEPTH);
        if (depth == JSON_MAX_DEPTH)
            assert_string_equal(why, "nested too deeply");
        buf_release(&scratch);
    }
    buf_release(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jansson_agrees),
        cmocka_unit_test(deeper_than_we_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
