/*
 * json.h - JSON text: a writer that appends to a buf, and a strict pull reader.
 *
 * Written text is always valid UTF-8: each byte that is not part of a valid sequence becomes U+FFFD.
 */
#ifndef LOGFERRY_BASE_JSON_H
#define LOGFERRY_BASE_JSON_H

#include "parsers/base/bytes.h"

/* Appends s as a quoted JSON string; STR_NONE is written as null. */
void json_put_string(struct buf *out, struct str s);
/* Appends the inside of the string only: no quotes. */
void json_put_escaped(struct buf *out, struct str s);

enum json_event {
    JSON_ERROR, /* malformed, too deep, or scratch full; sticks */
    JSON_END,   /* the one value of the input is complete and only blanks follow */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

#define JSON_MAX_DEPTH 16

/*
 * Reads one value of RFC 8259 text. Refuses: trailing bytes (unless `allow_trailing`), invalid UTF-8 in
 * strings (unless `replace_utf8`, which yields U+FFFD), lone surrogates (same), control bytes in strings,
 * nesting over JSON_MAX_DEPTH. It does not look for duplicate keys: its caller knows which keys matter.
 */
struct json_reader {
    struct str in;
    size_t at;         /* offset of the next unread byte; on an error, where it is */
    const char *error; /* static text, set with JSON_ERROR */
    bool allow_trailing;
    bool replace_utf8;
    /* The text behind JSON_KEY, JSON_STRING and JSON_NUMBER. Borrowed from `in`, or from `scratch` when
     * the string held escapes: then valid until json_reader_init, or a reset of scratch. */
    struct str text;
    struct buf *scratch; /* lent by the caller; grows with each string that holds escapes */
    unsigned depth;
    unsigned char stack[JSON_MAX_DEPTH];
    unsigned char state;
};

void json_reader_init(struct json_reader *r, struct str in, struct buf *scratch);
enum json_event json_next(struct json_reader *r);
/* After an event that opened a value (object, array or scalar): reads on to its end. False on an error. */
bool json_skip_value(struct json_reader *r, enum json_event opened);
/* An integer literal within int64 (no fraction, no exponent), from JSON_NUMBER's text. */
bool json_integer(struct str text, int64_t *out);

#endif
