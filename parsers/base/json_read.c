/*
 * json_read.c - the pull reader: one value at a time, no recursion, so that depth costs nothing but
 * a byte of the reader's stack and a bomb of brackets ends at the first one too many. See json.h.
 */
#include "parsers/base/json.h"

#include "parsers/base/json_text.h"

enum reader_state {
    BEFORE_VALUE,
    BEFORE_FIRST_ELEMENT, /* behind '[': a value or ']' */
    BEFORE_FIRST_KEY,     /* behind '{': a key or '}' */
    AFTER_VALUE,
    AT_END,
    FAILED,
};

void json_reader_init(struct json_reader *r, struct str in, struct buf *scratch)
{
    *r = (struct json_reader){.in = in, .scratch = scratch, .state = BEFORE_VALUE};
}

static enum json_event fail(struct json_reader *r, size_t at, const char *error)
{
    r->at = at;
    r->error = error;
    r->state = FAILED;
    return JSON_ERROR;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next byte that is no blank, not consumed; -1 at the end. */
static int peek(struct json_reader *r)
{
    while (r->at < r->in.n && is_blank(r->in.p[r->at]))
        r->at++;
    return r->at < r->in.n ? (unsigned char)r->in.p[r->at] : -1;
}

/*
 * Scratch gets its room once, for all that the rest of the input can need, and is not moved again:
 * texts handed out earlier point into it. Unescaping never lengthens; mending takes three for one.
 */
static bool prepare_scratch(struct json_reader *r)
{
    struct buf *s = r->scratch;
    size_t left = r->in.n - r->at;

    if (r->scratch_ready)
        return true;
    if (!s)
        return false;
    if (r->replace_utf8)
        left = left > SIZE_MAX / JSON_REPLACEMENT_BYTES ? SIZE_MAX : left * JSON_REPLACEMENT_BYTES;
    if (s->n > s->max || !buf_reserve(s, left < s->max - s->n ? left : s->max - s->n))
        return false;
    r->scratch_ready = true;
    return true;
}

static bool scratch_put(struct json_reader *r, const char *p, size_t n)
{
    struct buf *s = r->scratch;

    if (n > s->cap - s->n)
        return false;
    if (n > 0)
        memcpy(s->p + s->n, p, n);
    s->n += n;
    return true;
}

/* The four hex digits behind "\u" at `at`, or -1. */
static int32_t hex4(const struct json_reader *r, size_t at)
{
    int32_t v = 0;

    if (r->in.n - at < 6)
        return -1;
    for (size_t i = at + 2; i < at + 6; i++) {
        int digit = hex_value(r->in.p[i]);
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

/* Reads the "\uXXXX" at *at, or the pair of them, into `to`; 0 when malformed. */
static size_t unescape_unicode(struct json_reader *r, size_t *at, char to[4])
{
    int32_t high = hex4(r, *at);

    if (high < 0) {
        fail(r, *at, "\\u needs four hex digits");
        return 0;
    }
    if (high >= 0xd800 && high < 0xdc00 && r->in.n - *at >= 12 && r->in.p[*at + 6] == '\\' &&
        r->in.p[*at + 7] == 'u') {
        int32_t low = hex4(r, *at + 6);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 12;
            return utf8_encode(
                to, 0x10000 + ((uint32_t)(high - 0xd800) << 10 | (uint32_t)(low - 0xdc00)));
        }
    }
    if (high >= 0xd800 && high < 0xe000) {
        if (!r->replace_utf8) {
            fail(r, *at, "half of a surrogate pair");
            return 0;
        }
        high = 0xfffd;
    }
    *at += 6;
    return utf8_encode(to, (uint32_t)high);
}

/* Reads the escape at *at into `to`; 0 when malformed. */
static size_t unescape(struct json_reader *r, size_t *at, char to[4])
{
    static const char from[] = "\"\\/bfnrt";
    static const char into[] = "\"\\/\b\f\n\r\t";

    if (*at + 1 >= r->in.n) {
        fail(r, r->in.n, "the string has no end");
        return 0;
    }
    char c = r->in.p[*at + 1];
    if (c == 'u')
        return unescape_unicode(r, at, to);
    for (size_t i = 0; i < sizeof(from) - 1; i++) {
        if (c == from[i]) {
            to[0] = into[i];
            *at += 2;
            return 1;
        }
    }
    fail(r, *at, "no such escape");
    return 0;
}

/* The byte at `at` begins no text that may stand there: what is wrong with it. */
static enum json_event bad_byte(struct json_reader *r, size_t at)
{
    if (at >= r->in.n)
        return fail(r, r->in.n, "the string has no end");
    if ((unsigned char)r->in.p[at] < 0x20)
        return fail(r, at, "a control byte in a string");
    return fail(r, at, "the string is not valid UTF-8");
}

/* Passes over text that stands for itself; stops at '"', '\', a control, bad UTF-8, or the end. */
static size_t skip_verbatim(struct str in, size_t at)
{
    for (;;) {
        at += json_text_run(NULL, in.p + at, in.n - at);
        if (at >= in.n || (unsigned char)in.p[at] < 0x80)
            return at;
        size_t length = utf8_length(in.p + at, in.n - at);
        if (length == 0)
            return at;
        at += length;
    }
}

static bool copy_bytes(struct json_reader *r, size_t at, const char *p, size_t n)
{
    if (scratch_put(r, p, n))
        return true;
    fail(r, at, "scratch is full");
    return false;
}

/* Copies what must be changed at *at, changed, and goes over it. */
static bool copy_changed(struct json_reader *r, size_t *at)
{
    char piece[4] = JSON_REPLACEMENT;
    size_t length = JSON_REPLACEMENT_BYTES, from = *at;
    unsigned char c = from < r->in.n ? (unsigned char)r->in.p[from] : 0;

    if (c == '\\') {
        length = unescape(r, at, piece);
        return length > 0 && copy_bytes(r, from, piece, length);
    }
    if (c < 0x80 || !r->replace_utf8) {
        bad_byte(r, from);
        return false;
    }
    *at = from + 1;
    return copy_bytes(r, from, piece, length);
}

/* A string that cannot be borrowed: from r->at, `at` being the first byte that must be changed. */
static bool copy_string(struct json_reader *r, size_t at)
{
    size_t from = r->at;

    if (!prepare_scratch(r)) {
        fail(r, at, "scratch is full");
        return false;
    }
    size_t start = r->scratch->n;
    for (;;) {
        if (!copy_bytes(r, at, r->in.p + from, at - from))
            return false;
        if (at < r->in.n && r->in.p[at] == '"')
            break;
        if (!copy_changed(r, &at))
            return false;
        from = at;
        at = skip_verbatim(r->in, at);
    }
    r->text = (struct str){r->scratch->p + start, r->scratch->n - start};
    r->at = at + 1;
    return true;
}

/* The string whose opening quote is at r->at. */
static bool read_string(struct json_reader *r)
{
    r->at++;
    size_t end = skip_verbatim(r->in, r->at);
    if (end < r->in.n && r->in.p[end] == '"') {
        r->text = str_slice(r->in, r->at, end);
        r->at = end + 1;
        return true;
    }
    return copy_string(r, end);
}

static size_t skip_digits(struct str in, size_t at)
{
    while (at < in.n && in.p[at] >= '0' && in.p[at] <= '9')
        at++;
    return at;
}

static bool byte_is(struct str in, size_t at, char a, char b)
{
    return at < in.n && (in.p[at] == a || in.p[at] == b);
}

static enum json_event read_number(struct json_reader *r)
{
    struct str in = r->in;
    size_t at = r->at + (in.p[r->at] == '-');
    size_t digits = skip_digits(in, at);

    if (digits == at || (in.p[at] == '0' && digits > at + 1))
        return fail(r, at, "malformed number");
    at = digits;
    if (byte_is(in, at, '.', '.')) {
        digits = skip_digits(in, at + 1);
        if (digits == at + 1)
            return fail(r, digits, "malformed number");
        at = digits;
    }
    if (byte_is(in, at, 'e', 'E')) {
        at += byte_is(in, at + 1, '+', '-') ? 2 : 1;
        digits = skip_digits(in, at);
        if (digits == at)
            return fail(r, at, "malformed number");
        at = digits;
    }
    r->text = str_slice(in, r->at, at);
    r->at = at;
    r->state = AFTER_VALUE;
    return JSON_NUMBER;
}

static enum json_event read_literal(struct json_reader *r, struct str word, enum json_event event)
{
    if (r->in.n - r->at < word.n || memcmp(r->in.p + r->at, word.p, word.n) != 0)
        return fail(r, r->at, "a value was expected");
    r->at += word.n;
    r->state = AFTER_VALUE;
    return event;
}

static enum json_event open_container(struct json_reader *r, char c)
{
    if (r->depth == JSON_MAX_DEPTH)
        return fail(r, r->at, "nested too deeply");
    r->at++;
    r->stack[r->depth++] = (unsigned char)c;
    r->state = c == '{' ? BEFORE_FIRST_KEY : BEFORE_FIRST_ELEMENT;
    return c == '{' ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_event close_container(struct json_reader *r)
{
    r->at++;
    r->state = AFTER_VALUE;
    return r->stack[--r->depth] == '{' ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static enum json_event read_value(struct json_reader *r, int c)
{
    switch (c) {
    case '"':
        if (!read_string(r))
            return JSON_ERROR;
        r->state = AFTER_VALUE;
        return JSON_STRING;
    case '{':
    case '[':
        return open_container(r, (char)c);
    case 't':
        return read_literal(r, STR("true"), JSON_TRUE);
    case 'f':
        return read_literal(r, STR("false"), JSON_FALSE);
    case 'n':
        return read_literal(r, STR("null"), JSON_NULL);
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return read_number(r);
        return fail(r, r->at, "a value was expected");
    }
}

/* A key and its colon. */
static enum json_event read_key(struct json_reader *r, int c)
{
    if (c != '"')
        return fail(r, r->at, "a key was expected");
    if (!read_string(r))
        return JSON_ERROR;
    if (peek(r) != ':')
        return fail(r, r->at, "a ':' was expected");
    r->at++;
    r->state = BEFORE_VALUE;
    return JSON_KEY;
}

static enum json_event after_value(struct json_reader *r)
{
    if (r->depth == 0) {
        if (!r->allow_trailing && peek(r) >= 0)
            return fail(r, r->at, "bytes behind the value");
        r->state = AT_END;
        return JSON_END;
    }
    bool in_object = r->stack[r->depth - 1] == '{';
    int c = peek(r);
    if (c == (in_object ? '}' : ']'))
        return close_container(r);
    if (c != ',')
        return fail(r, r->at, in_object ? "',' or '}' was expected" : "',' or ']' was expected");
    r->at++;
    c = peek(r);
    return in_object ? read_key(r, c) : read_value(r, c);
}

enum json_event json_next(struct json_reader *r)
{
    int c;

    switch ((enum reader_state)r->state) {
    case AFTER_VALUE:
        return after_value(r);
    case BEFORE_VALUE:
        return read_value(r, peek(r));
    case BEFORE_FIRST_KEY:
        c = peek(r);
        return c == '}' ? close_container(r) : read_key(r, c);
    case BEFORE_FIRST_ELEMENT:
        c = peek(r);
        return c == ']' ? close_container(r) : read_value(r, c);
    case AT_END:
        return JSON_END;
    case FAILED:
        break;
    }
    return JSON_ERROR;
}

bool json_skip_value(struct json_reader *r, enum json_event opened)
{
    size_t kept = r->scratch ? r->scratch->n : 0;
    unsigned outside = r->depth - 1;

    if (opened != JSON_OBJECT && opened != JSON_ARRAY)
        return opened >= JSON_STRING;
    while (r->depth > outside) {
        if (json_next(r) == JSON_ERROR)
            return false;
        /* Nobody asks for the texts that are passed over. */
        if (r->scratch)
            r->scratch->n = kept;
    }
    return true;
}

bool json_integer(struct str text, int64_t *out)
{
    bool negative = text.n > 0 && text.p[0] == '-';
    uint64_t v;

    if (!str_to_u64(str_slice(text, negative, text.n), (uint64_t)INT64_MAX + negative, &v))
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}
