/*
 * json_scan.c - see json_scan.h. Keys are found in one hash table by the object they stand in and
 * their text; objects and arrays that hold no key of the set are passed over by counting brackets.
 */
#include "parsers/json_scan.h"

#include "parsers/base/utf8.h"

#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SLOTS 1024u /* power of two; twice what JSON_SCAN_PATHS_MAX paths mostly need */
#define ENTRIES_MAX 700u
#define WANTS_MAX (2 * JSON_SCAN_PATHS_MAX)
#define OPEN_MAX 16u
#define NONE UINT16_MAX

struct want {
    unsigned char target, rank;
    uint16_t next;
};

/* A key in an object. The object that may be its value has the entry's own number. */
struct entry {
    struct str key;
    uint16_t parent;
    uint16_t wants;
    bool has_children;
};

struct json_keys {
    uint16_t slots[SLOTS];             /* of entries; NONE: free */
    struct entry entries[ENTRIES_MAX]; /* 0: the outermost object */
    size_t n_entries;
    struct want wants[WANTS_MAX];
    size_t n_wants, n_paths;
};

struct json_keys *json_keys_new(void)
{
    struct json_keys *k = calloc(1, sizeof(*k));

    if (!k)
        return NULL;
    memset(k->slots, 0xff, sizeof(k->slots));
    k->entries[0] = (struct entry){.parent = NONE, .wants = NONE};
    k->n_entries = 1;
    return k;
}

void json_keys_free(struct json_keys *k)
{
    free(k);
}

static inline unsigned slot_of(uint16_t parent, struct str key)
{
    const unsigned char *p = (const unsigned char *)key.p;
    unsigned h = (unsigned)key.n * 0x9e37u + parent * 0x85ebu;

    if (key.n > 0)
        h += p[0] * 0x1003fu + p[key.n - 1] * 0x3d1u + p[key.n / 2] * 0x6b5u;
    return (h ^ h >> 10) & (SLOTS - 1);
}

/* The entry's number, or NONE, and then in *slot where it would stand. */
static inline uint16_t find_entry(const struct json_keys *k, uint16_t parent, struct str key,
                                  unsigned *slot)
{
    unsigned at = slot_of(parent, key);

    for (; k->slots[at] != NONE; at = (at + 1) & (SLOTS - 1)) {
        const struct entry *e = &k->entries[k->slots[at]];
        if (e->parent == parent && str_eq(e->key, key))
            return k->slots[at];
    }
    *slot = at;
    return NONE;
}

static uint16_t make_entry(struct json_keys *k, uint16_t parent, struct str key)
{
    unsigned slot = 0;
    uint16_t e = find_entry(k, parent, key, &slot);

    if (e != NONE)
        return e;
    if (k->n_entries == ENTRIES_MAX)
        return NONE;
    e = (uint16_t)k->n_entries++;
    k->entries[e] = (struct entry){.key = key, .parent = parent, .wants = NONE};
    k->slots[slot] = e;
    k->entries[parent].has_children = true;
    return e;
}

static bool add_want(struct json_keys *k, uint16_t e, unsigned target, unsigned char rank)
{
    if (e == NONE || k->n_wants == WANTS_MAX)
        return false;
    k->wants[k->n_wants] = (struct want){(unsigned char)target, rank, k->entries[e].wants};
    k->entries[e].wants = (uint16_t)k->n_wants++;
    return true;
}

bool json_keys_add(struct json_keys *k, struct str path, unsigned target, unsigned char rank)
{
    struct str rest = path;
    uint16_t e = 0;
    size_t segments = 0;

    if (k->n_paths++ == JSON_SCAN_PATHS_MAX || target >= JSON_SCAN_TARGETS_MAX ||
        !add_want(k, make_entry(k, 0, path), target, rank))
        return false;
    if (str_chr(path, '.', 0) < 0)
        return true;
    for (bool more = true; more && e != NONE; segments++) {
        more = str_chr(rest, '.', 0) >= 0;
        e = make_entry(k, e, str_cut(&rest, '.'));
    }
    return segments <= JSON_SCAN_SEGMENTS_MAX && add_want(k, e, target, rank);
}

/* ---- the line ----------------------------------------------------------------------------------
 */

struct scan {
    const struct json_keys *keys;
    const char *p, *end;
    struct json_found *found;
    const char *why;
    size_t n_open;
    struct {
        uint16_t entry; /* of an object: its own; of an array: what its next element is */
        bool array;
    } open[OPEN_MAX];
};

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline const char *pass_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* The first '"' or '\' at or behind p. */
static inline const char *quote_or_slash(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8('"'), slashes = _mm_set1_epi8('\\');

    for (; end - p >= 16; p += 16) {
        __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
        int mask =
            _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(w, quotes), _mm_cmpeq_epi8(w, slashes)));
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* The quote that ends the string whose first byte p is; NULL: none does. */
static inline const char *string_end(const char *p, const char *end, bool *escaped)
{
    for (;;) {
        p = quote_or_slash(p, end);
        if (p >= end)
            return NULL;
        if (*p == '"')
            return p;
        *escaped = true;
        p += end - p >= 2 ? 2 : 1;
    }
}

/* A quote ends a value only where what follows can stand behind a value: other quotes are a user
 * agent's that nobody escaped. */
static inline const char *value_end(const char *p, const char *end, bool *escaped)
{
    for (;;) {
        const char *quote = string_end(p, end, escaped), *next;

        if (!quote)
            return NULL;
        next = pass_blanks(quote + 1, end);
        if (next == end || *next == ',' || *next == '}' || *next == ']')
            return quote;
        p = quote + 1;
    }
}

/* An object is there, but no value. */
static inline bool is_object(struct str s, bool quoted)
{
    return !quoted && s.n == 1 && s.p[0] == '{';
}

static inline bool is_missing(struct str s, bool quoted)
{
    return s.n == 0 || (s.n == 1 && s.p[0] == '-') || (!quoted && str_eq(s, STR("null"))) ||
           is_object(s, quoted);
}

static void keep(struct scan *s, uint16_t e, struct str raw, bool quoted, bool escaped)
{
    bool missing = is_missing(raw, quoted);

    for (uint16_t w = s->keys->entries[e].wants; w != NONE; w = s->keys->wants[w].next) {
        const struct want *want = &s->keys->wants[w];
        struct json_found *f = &s->found[want->target];

        if (missing && !f->raw.p)
            *f = (struct json_found){
                {raw.p, is_object(raw, quoted) ? 1 : 0}, UINT8_MAX, quoted, false};
        else if (!missing && want->rank < f->rank)
            *f = (struct json_found){raw, want->rank, quoted, escaped};
    }
}

/* Over the rest of an object or array whose opening bracket is behind. False: it does not end. */
static bool pass_container(struct scan *s)
{
    size_t depth = 1;
    bool escaped;
    const char *p = s->p;

    for (; p < s->end && depth > 0; p++) {
        if (*p == '"') {
            p = string_end(p + 1, s->end, &escaped);
            if (!p)
                return false;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            depth--;
        }
    }
    s->p = p;
    return depth == 0;
}

static bool read_string(struct scan *s, uint16_t e)
{
    bool escaped = false;
    const char *from = s->p + 1, *to = value_end(from, s->end, &escaped);

    if (!to) {
        s->why = "the line ends inside of a text (was it cut off?)";
        return false;
    }
    if (e != NONE)
        keep(s, e, (struct str){from, (size_t)(to - from)}, true, escaped);
    s->p = to + 1;
    return true;
}

static bool read_container(struct scan *s, uint16_t e)
{
    bool array = *s->p == '[';
    const struct entry *entry = e == NONE ? NULL : &s->keys->entries[e];

    s->p++;
    if (entry && !array && entry->wants != NONE)
        keep(s, e, (struct str){s->p - 1, 1}, false, false);
    if (entry && (array || entry->has_children) && s->n_open < OPEN_MAX) {
        s->open[s->n_open].entry = e;
        s->open[s->n_open++].array = array;
        return true;
    }
    if (pass_container(s))
        return true;
    s->why = "the object does not end (was the line cut off?)";
    s->p = s->end;
    return false;
}

/* A number, true, null, or nothing at all. */
static void read_bare(struct scan *s, uint16_t e)
{
    const char *from = s->p;

    while (s->p < s->end && *s->p != ',' && *s->p != '}' && *s->p != ']' && !is_blank(*s->p))
        s->p++;
    if (e != NONE)
        keep(s, e, (struct str){from, (size_t)(s->p - from)}, false, false);
}

static bool read_value(struct scan *s, uint16_t e)
{
    s->p = pass_blanks(s->p, s->end);
    if (s->p == s->end)
        return true;
    if (*s->p == '"')
        return read_string(s, e);
    if (*s->p == '{' || *s->p == '[')
        return read_container(s, e);
    read_bare(s, e);
    return true;
}

/* At the quote of a key, in the object of entry `parent`. */
static bool read_member(struct scan *s, uint16_t parent)
{
    bool escaped = false;
    unsigned slot;
    const char *from = s->p + 1, *to = string_end(from, s->end, &escaped);

    if (!to) {
        s->why = "the line ends inside of a text (was it cut off?)";
        return false;
    }
    s->p = pass_blanks(to + 1, s->end);
    if (s->p == s->end || *s->p != ':')
        return true; /* a stray text */
    s->p++;
    return read_value(s,
                      find_entry(s->keys, parent, (struct str){from, (size_t)(to - from)}, &slot));
}

/* One step inside of the innermost open object or array. */
static bool step(struct scan *s)
{
    uint16_t e = s->open[s->n_open - 1].entry;

    switch (*s->p) {
    case '}':
    case ']':
        s->p++;
        s->n_open--;
        return true;
    case ',':
    case ' ':
    case '\t':
        s->p++;
        return true;
    default:
        break;
    }
    if (s->open[s->n_open - 1].array) {
        s->open[s->n_open - 1].entry = NONE;
        return read_value(s, e);
    }
    if (*s->p == '"')
        return read_member(s, e);
    if (*s->p == '{' || *s->p == '[') {
        s->p++;
        return pass_container(s);
    }
    s->p++; /* text that belongs to nothing: "urt":0.1, 0.2 */
    return true;
}

bool json_scan(const struct json_keys *k, struct str line, struct json_found *found,
               size_t n_targets, const char **why, size_t *at)
{
    struct scan s = {.keys = k, .end = line.p + line.n, .found = found};

    for (size_t i = 0; i < n_targets; i++)
        found[i] = (struct json_found){.rank = UINT8_MAX};
    s.p = pass_blanks(line.p, s.end);
    s.why = "a JSON object was expected, from \"{\" on";
    if (s.p < s.end && *s.p == '{') {
        s.p++;
        s.n_open = 1;
        s.why = NULL;
        while (s.n_open > 0 && s.p < s.end && step(&s))
            continue;
        if (s.n_open > 0 && !s.why)
            s.why = "the object does not end (was the line cut off?)";
    }
    while (!s.why && s.p < s.end) {
        if (!is_blank(*s.p) && *s.p != ',' && *s.p != ';')
            s.why = "there is more text behind the end of the object";
        else
            s.p++;
    }
    *why = s.why;
    *at = (size_t)(s.p - line.p);
    return !s.why;
}

/* ---- escapes -----------------------------------------------------------------------------------
 */

/* The code of the \u escape at `at`, or -1. */
static long unit_at(const char *at, const char *end)
{
    int high, low;

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    high = hex_pair(at + 2);
    low = hex_pair(at + 4);
    return high < 0 || low < 0 ? -1 : high * 256L + low;
}

/* One escape at `at` (a backslash); *used bytes of it become the *wrote bytes at `to`. */
static void unescape_one(const char *at, const char *end, char *to, size_t *used, size_t *wrote)
{
    static const char from[] = "\"\\/bfnrt", byte[] = "\"\\/\b\f\n\r\t";
    long unit = unit_at(at, end);
    const char *known = end - at >= 2 && at[1] != '\0' ? strchr(from, at[1]) : NULL;

    *used = *wrote = 1;
    to[0] = '\\';
    if (known) {
        *used = 2;
        to[0] = byte[known - from];
    } else if (end - at >= 4 && at[1] == 'x' && hex_pair(at + 2) >= 0) {
        *used = 4;
        to[0] = (char)hex_pair(at + 2);
    } else if (unit >= 0) {
        long low = unit >= 0xd800 && unit < 0xdc00 ? unit_at(at + 6, end) : -1;
        bool pair = low >= 0xdc00 && low < 0xe000;

        *used = pair ? 12 : 6;
        if (pair)
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        else if (unit >= 0xd800 && unit < 0xe000)
            unit = 0xfffd;
        *wrote = utf8_encode(to, (uint32_t)unit);
    }
}

struct str json_scan_text(struct decode_scratch *s, struct str raw)
{
    const char *at = raw.p, *end = raw.p + raw.n, *slash;
    char *start = decode_room(s, raw.n), *to = start;

    if (!start)
        return STR_NONE;
    while ((slash = memchr(at, '\\', (size_t)(end - at)))) {
        size_t used, wrote;

        memcpy(to, at, (size_t)(slash - at));
        to += slash - at;
        unescape_one(slash, end, to, &used, &wrote);
        at = slash + used;
        to += wrote;
    }
    memcpy(to, at, (size_t)(end - at));
    to += end - at;
    s->n += (size_t)(to - start);
    return (struct str){start, (size_t)(to - start)};
}
