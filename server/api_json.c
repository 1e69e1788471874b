/* api_json.c - a table of fields against the pull reader. Fuzzed on its own. */
#include "server/api_json.h"

#include <assert.h>

#include "server/go_text.h"

struct reading {
    struct json_reader r;
    struct buf *objects;
};

static bool read_uuid(struct str text, struct api_uuid *to)
{
    static const unsigned char zero[16];
    if (!uuid_parse(text, to->bytes))
        return false;
    to->set = memcmp(to->bytes, zero, sizeof(zero)) != 0;
    return true;
}

/* One event as text, without what separates it from others. False: the event is none of a value. */
static bool put_event(struct buf *to, enum json_event event, struct str text)
{
    switch (event) {
    case JSON_OBJECT:
        buf_putc(to, '{');
        return true;
    case JSON_ARRAY:
        buf_putc(to, '[');
        return true;
    case JSON_OBJECT_END:
        buf_putc(to, '}');
        return true;
    case JSON_ARRAY_END:
        buf_putc(to, ']');
        return true;
    case JSON_KEY:
        json_put_string(to, text);
        buf_putc(to, ':');
        return true;
    case JSON_STRING:
        json_put_string(to, text);
        return true;
    case JSON_NUMBER:
        buf_put_str(to, text);
        return true;
    case JSON_TRUE:
        buf_lit(to, "true");
        return true;
    case JSON_FALSE:
        buf_lit(to, "false");
        return true;
    case JSON_NULL:
        buf_lit(to, "null");
        return true;
    default:
        return false;
    }
}

/* Writes one value, of which the reader has just given the first event, without blanks. False on an
 * error. */
static bool copy_value(struct json_reader *r, enum json_event event, struct buf *to)
{
    unsigned outside = r->depth - (event == JSON_OBJECT || event == JSON_ARRAY);
    bool first = true; /* in its object or array: no comma before it */
    bool keyed = true; /* behind a key, or the value itself: no comma either */
    for (;; event = json_next(r)) {
        bool closes = event == JSON_OBJECT_END || event == JSON_ARRAY_END;
        if (!closes && !first && !keyed)
            buf_putc(to, ',');
        first = event == JSON_OBJECT || event == JSON_ARRAY;
        keyed = event == JSON_KEY;
        if (!put_event(to, event, r->text))
            return false;
        if (!keyed && r->depth == outside)
            return !to->failed;
    }
}

static bool read_object(struct reading *in, struct str *to)
{
    struct buf copy;
    buf_init(&copy, in->objects->max);
    bool good = copy_value(&in->r, JSON_OBJECT, &copy);
    /* Of a repeated key only the last is kept: a body full of them may not fill the memory. */
    buf_reset(in->objects);
    buf_put_str(in->objects, buf_str(&copy));
    buf_release(&copy);
    *to = buf_str(in->objects);
    return good && !in->objects->failed;
}

static bool read_array(struct reading *in, struct str *to)
{
    size_t from = in->r.at - 1;
    if (!json_skip_value(&in->r, JSON_ARRAY))
        return false;
    *to = str_slice(in->r.in, from, in->r.at);
    return true;
}

static bool read_null(const struct api_field *f, char *to)
{
    /* Go: null empties a pointer and a map, and leaves any other value as it is. */
    if (f->kind == API_UUID)
        *(struct api_uuid *)to = (struct api_uuid){0};
    else if (f->kind == API_OBJECT)
        *(struct str *)to = STR("{}");
    else if (f->kind == API_ARRAY)
        *(struct str *)to = STR_NONE;
    return true;
}

static bool read_field(struct reading *in, const struct api_field *f, enum json_event event,
                       char *to)
{
    if (event == JSON_NULL)
        return read_null(f, to);
    switch (f->kind) {
    case API_TEXT:
        if (event == JSON_STRING)
            *(struct str *)to = in->r.text;
        return event == JSON_STRING;
    case API_INTEGER:
        return event == JSON_NUMBER && json_integer(in->r.text, (int64_t *)to);
    case API_BOOL:
        *(bool *)to = event == JSON_TRUE;
        return event == JSON_TRUE || event == JSON_FALSE;
    case API_UUID:
        return event == JSON_STRING && read_uuid(in->r.text, (struct api_uuid *)to);
    case API_OBJECT:
        return event == JSON_OBJECT && read_object(in, (struct str *)to);
    case API_ARRAY:
        return event == JSON_ARRAY && read_array(in, (struct str *)to);
    }
    return false;
}

static const struct api_field *find_field(const struct api_field *fields, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (go_key_is(name, fields[i].name))
            return &fields[i];
    return NULL;
}

bool api_json_read(struct str body, const struct api_field *fields, size_t n, void *out,
                   struct buf *scratch, struct buf *objects)
{
    struct reading in = {.objects = objects};
    json_reader_init(&in.r, body, scratch);
    in.r.allow_trailing = true;
    in.r.replace_utf8 = true;
    enum json_event event = json_next(&in.r);
    if (event != JSON_OBJECT)
        return event == JSON_NULL;
    while ((event = json_next(&in.r)) == JSON_KEY) {
        const struct api_field *f = find_field(fields, n, in.r.text);
        event = json_next(&in.r);
        if (f ? !read_field(&in, f, event, (char *)out + f->offset)
              : !json_skip_value(&in.r, event))
            return false;
    }
    return event == JSON_OBJECT_END;
}

bool api_json_read_strict(struct str body, const struct api_field *fields, size_t n, void *out,
                          struct buf *scratch, uint32_t *given)
{
    struct reading in = {0};
    enum json_event event;
    uint32_t seen = 0;
    assert(n <= API_FIELDS_MAX);
    *given = 0;
    json_reader_init(&in.r, body, scratch);
    event = json_next(&in.r);
    if (event != JSON_OBJECT)
        return event == JSON_NULL && json_next(&in.r) == JSON_END;
    while ((event = json_next(&in.r)) == JSON_KEY) {
        const struct api_field *f = find_field(fields, n, in.r.text);
        uint32_t bit = f ? UINT32_C(1) << (f - fields) : 0;
        if (!f || seen & bit)
            return false;
        event = json_next(&in.r);
        if (!read_field(&in, f, event, (char *)out + f->offset))
            return false;
        seen |= bit;
        *given |= event == JSON_NULL ? 0 : bit;
    }
    return event == JSON_OBJECT_END && json_next(&in.r) == JSON_END;
}
