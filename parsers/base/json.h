/*
 * json.h - JSON text: a writer that appends to a buf, and a strict pull reader.
 *
 * Written text is always valid UTF-8: each byte that is not part of a valid sequence becomes
 * U+FFFD, and so does NUL, since many readers refuse "\u0000". Other controls are \n \r \t \b \f or
 * \u00xx; DEL stays as it is. A put that fails appends nothing.
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
 * Reads one value of RFC 8259 text. Refuses: trailing bytes (unless `allow_trailing`), invalid
 * UTF-8 in strings (unless `replace_utf8`, which yields U+FFFD for each byte), half surrogate pairs
 * (same), control bytes in strings, nesting over JSON_MAX_DEPTH, a byte order mark. "\u0000" is
 * text: a NUL byte. It does not look for duplicate keys: its caller knows which keys matter.
 *
 * The two flags are the caller's to set after json_reader_init. Nothing is allocated but scratch.
 */
struct json_reader {
    struct str in;     /* borrowed until the last use of a text */
    size_t at;         /* offset of the next unread byte; on an error, where it is; on JSON_END with
                        * allow_trailing, right behind the value */
    const char *error; /* static text, set with JSON_ERROR */
    bool allow_trailing;
    bool replace_utf8;
    /* The text behind JSON_KEY, JSON_STRING and JSON_NUMBER. Borrowed from `in`, or from `scratch`
     * when the string held escapes (or was mended): then valid until json_reader_init with that
     * scratch, or a reset of scratch. Never STR_NONE after one of these events. */
    struct str text;
    /* Lent by the caller; NULL: a string with an escape, or to mend, is JSON_ERROR. The first
     * string that needs it reserves, at once, what the rest of the input can need (its length,
     * three times that with `replace_utf8`) or as much as scratch's cap allows; after that scratch
     * never moves, so all texts stay valid. The caller appends nothing meanwhile. A string that
     * does not fit is JSON_ERROR. */
    struct buf *scratch;
    bool scratch_ready;
    unsigned depth; /* containers open after the last event */
    unsigned char stack[JSON_MAX_DEPTH];
    unsigned char state;
};

void json_reader_init(struct json_reader *r, struct str in, struct buf *scratch);
enum json_event json_next(struct json_reader *r);
/* After an event that opened a value (object, array or scalar): reads on to its end, leaving
 * nothing in scratch. False on an error, and for an event that opens none. */
bool json_skip_value(struct json_reader *r, enum json_event opened);
/* An integer literal within int64 (no fraction, no exponent), from JSON_NUMBER's text. */
bool json_integer(struct str text, int64_t *out);

#endif
