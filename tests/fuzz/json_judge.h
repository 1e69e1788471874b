/*
 * json_judge.h - jansson as the judge of parsers/base/json.h: both accept a text, with the same
 * value, or both refuse it. Used by fuzz_json, fuzz_record and the unit tests. Test code only.
 */
#ifndef LOGFERRY_TESTS_JSON_JUDGE_H
#define LOGFERRY_TESTS_JSON_JUDGE_H

/* The two headers share some names; jansson's are read under others. Its type macros
 * (json_is_object and so on) cannot be used here. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#define json_integer jansson_integer
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
#undef json_integer

#include <stdlib.h>

#include "parsers/base/json.h"

/* "\u0000" is read; it is not written: jansson refuses it by default. */
#define JUDGE_WRITTEN (JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL)
#define JUDGE_FLAGS (JUDGE_WRITTEN | JSON_ALLOW_NUL)

enum judgement {
    JUDGE_AGREE,
    JUDGE_DIFFER,
    JUDGE_OTHER_RULES, /* depth, numbers over double's range, NUL in a key: no common rule */
};

static inline json_t *judge_number(struct str text)
{
    char *copy = strndup(text.p, text.n);
    json_t *v = copy ? json_real(strtod(copy, NULL)) : NULL;

    free(copy);
    return v;
}

static inline json_t *judge_scalar(enum json_event e, struct str text)
{
    switch (e) {
    case JSON_STRING:
        return json_stringn(text.p, text.n);
    case JSON_NUMBER:
        return judge_number(text);
    case JSON_TRUE:
        return json_true();
    case JSON_FALSE:
        return json_false();
    default:
        return json_null();
    }
}

/* What is being built, from the outside in; the first is an array around the one value. */
struct judge_tree {
    json_t *open[JSON_MAX_DEPTH + 1];
    unsigned depth;
    struct str key; /* set inside objects */
};

static inline void judge_add(struct judge_tree *t, bool in_object, json_t *v)
{
    if (in_object)
        json_object_setn_new(t->open[t->depth], t->key.p, t->key.n, v);
    else
        json_array_append_new(t->open[t->depth], v);
}

/* Our reader's value in an array around it, or NULL when it refuses; *why is its sentence. */
static inline json_t *judge_read(struct str text, struct buf *scratch, const char **why)
{
    struct judge_tree t = {.open = {json_array()}};
    bool in_object[JSON_MAX_DEPTH + 1] = {false};
    struct json_reader r;
    enum json_event e;

    json_reader_init(&r, text, scratch);
    while ((e = json_next(&r)) > JSON_END) {
        if (e == JSON_KEY) {
            t.key = r.text;
        } else if (e == JSON_OBJECT_END || e == JSON_ARRAY_END) {
            t.depth--;
        } else if (e == JSON_OBJECT || e == JSON_ARRAY) {
            json_t *v = e == JSON_OBJECT ? json_object() : json_array();
            judge_add(&t, in_object[t.depth], v);
            t.open[++t.depth] = v;
            in_object[t.depth] = e == JSON_OBJECT;
        } else {
            judge_add(&t, in_object[t.depth], judge_scalar(e, r.text));
        }
    }
    *why = r.error;
    if (e == JSON_END)
        return t.open[0];
    json_decref(t.open[0]);
    return NULL;
}

static inline enum judgement judge_text(struct str text)
{
    enum judgement verdict;
    json_error_t error = {0};
    struct buf scratch;
    const char *why;

    buf_init(&scratch, text.n);
    json_t *theirs = json_loadb(text.p, text.n, JUDGE_FLAGS, &error);
    json_t *ours = judge_read(text, &scratch, &why);
    enum json_error_code code = theirs ? json_error_unknown : json_error_code(&error);
    if (code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
        (why && strcmp(why, "nested too deeply") == 0))
        verdict = JUDGE_OTHER_RULES;
    else if (memchr(text.p, '\0', text.n)) /* jansson takes a NUL behind the value for the end */
        verdict = ours ? JUDGE_DIFFER : JUDGE_AGREE;
    else if (!ours || !theirs)
        verdict = !ours && !theirs ? JUDGE_AGREE : JUDGE_DIFFER;
    else
        verdict = json_equal(json_array_get(ours, 0), theirs) ? JUDGE_AGREE : JUDGE_DIFFER;
    json_decref(ours);
    json_decref(theirs);
    buf_release(&scratch);
    return verdict;
}

#endif
