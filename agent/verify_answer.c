/* verify_answer.c - see verify_answer.h. */
#include "agent/verify_answer.h"

#include "parsers/base/json.h"

#include <stdlib.h>

void verify_answer_release(struct verify_answer *a)
{
    free(a->missing_lines);
    free(a->excluded_lines);
    free(a->rejected);
    buf_release(&a->text);
    *a = (struct verify_answer){0};
}

struct reading {
    struct json_reader json;
    struct verify_answer *out;
    const char *id;
    uint32_t last_line; /* of the body */
    uint32_t n_records;
    unsigned seen; /* bit i: key i */
};

/* ---- members ----------------------------------------------------------------------------------
 */

static bool read_number(struct reading *r, uint64_t max, uint64_t *out)
{
    int64_t n;
    if (json_next(&r->json) != JSON_NUMBER || !json_integer(r->json.text, &n) || n < 0 ||
        (uint64_t)n > max)
        return false;
    *out = (uint64_t)n;
    return true;
}

/* "[first,last]", whose bracket was read. */
static bool read_range(struct reading *r, uint32_t above, struct verify_range *out)
{
    uint64_t first, last;
    if (!read_number(r, r->last_line, &first) || !read_number(r, r->last_line, &last) ||
        json_next(&r->json) != JSON_ARRAY_END || first <= above || last < first)
        return false;
    *out = (struct verify_range){(uint32_t)first, (uint32_t)last};
    return true;
}

/* Ranges that touch are fine: lines between them may have been left out for another reason. */
static bool read_ranges(struct reading *r, struct verify_range **list, size_t *n)
{
    enum json_event e = JSON_ERROR;
    uint32_t above = 1;
    if (json_next(&r->json) != JSON_ARRAY)
        return false;
    *list = calloc((size_t)r->n_records + 1, sizeof(**list));
    while (*list && (e = json_next(&r->json)) == JSON_ARRAY) {
        if (*n == r->n_records || !read_range(r, above, &(*list)[*n]))
            return false;
        above = (*list)[(*n)++].last;
    }
    return *list && e == JSON_ARRAY_END;
}

static bool read_rejected_member(struct reading *r, struct verify_rejected *out, unsigned *seen)
{
    static const char *const keys[] = {"line", "status", "error"};
    struct str key = r->json.text;
    uint64_t n;
    unsigned i = 0;
    while (i < 3 && !str_eq(key, str_of(keys[i])))
        i++;
    if (i < 3 && (*seen & 1u << i))
        return false;
    *seen |= 1u << i;
    if (i < 2) {
        if (!read_number(r, i ? 999 : r->last_line, &n))
            return false;
        if (i)
            out->status = (uint16_t)n;
        else
            out->line = (uint32_t)n;
        return true;
    }
    enum json_event e = json_next(&r->json);
    if (i == 2 && e == JSON_STRING)
        out->error = r->json.text;
    return json_skip_value(&r->json, e);
}

/* An object, whose brace was read. */
static bool read_rejected_one(struct reading *r, uint32_t above, struct verify_rejected *out)
{
    enum json_event e;
    unsigned seen = 0;
    out->error = STR("");
    while ((e = json_next(&r->json)) == JSON_KEY)
        if (!read_rejected_member(r, out, &seen))
            return false;
    return e == JSON_OBJECT_END && out->line > above;
}

static bool read_rejected(struct reading *r)
{
    struct verify_answer *a = r->out;
    enum json_event e = JSON_ERROR;
    uint32_t above = 1;
    if (json_next(&r->json) != JSON_ARRAY)
        return false;
    a->rejected = calloc((size_t)r->n_records + 1, sizeof(*a->rejected));
    while (a->rejected && (e = json_next(&r->json)) == JSON_OBJECT) {
        if (a->n_rejected == r->n_records ||
            !read_rejected_one(r, above, &a->rejected[a->n_rejected]))
            return false;
        above = a->rejected[a->n_rejected++].line;
    }
    return a->rejected && e == JSON_ARRAY_END;
}

enum key { KEY_BATCH, KEY_PRESENT, KEY_MISSING, KEY_EXCLUDED, KEY_LINES, KEY_OUT, KEY_REJECTED };
#define KEY_COUNT 7u

static bool read_id(struct reading *r)
{
    return json_next(&r->json) == JSON_STRING && str_eq(r->json.text, str_of(r->id));
}

static bool read_member(struct reading *r)
{
    static const char *const keys[KEY_COUNT] = {
        "batch", "present", "missing", "excluded", "missing_lines", "excluded_lines", "rejected"};
    struct verify_answer *a = r->out;
    unsigned i = 0;
    while (i < KEY_COUNT && !str_eq(r->json.text, str_of(keys[i])))
        i++;
    if (i == KEY_COUNT)
        return json_skip_value(&r->json, json_next(&r->json));
    if (r->seen & 1u << i)
        return false;
    r->seen |= 1u << i;
    switch ((enum key)i) {
    case KEY_BATCH:
        return read_id(r);
    case KEY_PRESENT:
        return read_number(r, r->n_records, &a->present);
    case KEY_MISSING:
        return read_number(r, r->n_records, &a->missing);
    case KEY_EXCLUDED:
        return read_number(r, r->n_records, &a->excluded);
    case KEY_LINES:
        return read_ranges(r, &a->missing_lines, &a->n_missing);
    case KEY_OUT:
        a->tells_excluded = true;
        return read_ranges(r, &a->excluded_lines, &a->n_excluded);
    case KEY_REJECTED:
        return read_rejected(r);
    }
    return false;
}

/* ---- does it add up? --------------------------------------------------------------------------
 */

static uint64_t length(const struct verify_range *v, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint64_t)v[i].last - v[i].first + 1;
    return sum;
}

static bool apart(const struct verify_range *a, size_t n_a, const struct verify_range *b,
                  size_t n_b)
{
    size_t i = 0, k = 0;
    while (i < n_a && k < n_b) {
        if (a[i].last < b[k].first)
            i++;
        else if (b[k].last < a[i].first)
            k++;
        else
            return false;
    }
    return true;
}

static bool rejected_apart(const struct verify_answer *a, const struct verify_range *v, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < a->n_rejected; i++) {
        while (k < n && v[k].last < a->rejected[i].line)
            k++;
        if (k < n && v[k].first <= a->rejected[i].line)
            return false;
    }
    return true;
}

static bool adds_up(const struct reading *r)
{
    const struct verify_answer *a = r->out;
    const unsigned needed =
        1u << KEY_BATCH | 1u << KEY_PRESENT | 1u << KEY_MISSING | 1u << KEY_LINES;
    return (r->seen & needed) == needed &&
           a->present + a->missing + a->excluded + a->n_rejected == r->n_records &&
           length(a->missing_lines, a->n_missing) == a->missing &&
           (!a->tells_excluded || length(a->excluded_lines, a->n_excluded) == a->excluded) &&
           apart(a->missing_lines, a->n_missing, a->excluded_lines, a->n_excluded) &&
           rejected_apart(a, a->missing_lines, a->n_missing) &&
           rejected_apart(a, a->excluded_lines, a->n_excluded);
}

bool verify_answer_read(struct str body, const char *batch_id, uint32_t n_records,
                        struct verify_answer *out)
{
    struct reading r = {
        .out = out, .id = batch_id, .last_line = n_records + 1, .n_records = n_records};
    enum json_event e;
    *out = (struct verify_answer){0};
    buf_init(&out->text, body.n + 64);
    json_reader_init(&r.json, body, &out->text);
    if (json_next(&r.json) != JSON_OBJECT)
        return false;
    while ((e = json_next(&r.json)) == JSON_KEY)
        if (!read_member(&r))
            return false;
    return e == JSON_OBJECT_END && json_next(&r.json) == JSON_END && adds_up(&r);
}

/* ---- by line ----------------------------------------------------------------------------------
 */

static bool in_next(const struct verify_range *v, size_t n, size_t *at, uint32_t line)
{
    while (*at < n && v[*at].last < line)
        ++*at;
    return *at < n && v[*at].first <= line;
}

enum verify_fate verify_walk_to(struct verify_walk *w, uint32_t line,
                                const struct verify_rejected **why)
{
    const struct verify_answer *a = w->answer;
    while (w->rejected < a->n_rejected && a->rejected[w->rejected].line < line)
        w->rejected++;
    if (w->rejected < a->n_rejected && a->rejected[w->rejected].line == line) {
        *why = &a->rejected[w->rejected];
        return VERIFY_REJECTED;
    }
    if (in_next(a->missing_lines, a->n_missing, &w->missing, line))
        return VERIFY_MISSING;
    if (in_next(a->excluded_lines, a->n_excluded, &w->excluded, line))
        return VERIFY_EXCLUDED;
    if (a->tells_excluded || w->untold == a->excluded)
        return VERIFY_STORED;
    w->untold++;
    return VERIFY_EXCLUDED;
}

bool verify_answer_is_vague(const struct verify_answer *a)
{
    return a->excluded && a->present && !a->tells_excluded;
}
