/*
 * record_read.c - the reading half of the wire form. What it reads comes from the network: nothing
 * is believed, nothing is allocated but the caller's scratch. See record.h.
 *
 * Each kind of object has a table of its fields in the order in which record.c writes them; the
 * search for a key begins behind the one found last, so that our own text costs one comparison a
 * key.
 */
#include "parsers/record.h"

#include "parsers/base/time.h"

/* One line being read. */
struct wire {
    struct json_reader r;
    const char *why; /* the first thing that was wrong */
    /* for headers only */
    const struct str *reasons; /* their names */
    struct batch_header *header;
};

struct field {
    struct str name;
    /* Reads the value that `event` began into *to. False when it will not do. */
    bool (*read)(struct wire *w, enum json_event event, void *to);
    bool required;
    size_t offset; /* of `to` in the struct that is filled */
    const char *wrong, *missing;
};

static bool refuse(struct wire *w, const char *why)
{
    if (!w->why)
        w->why = w->r.error ? w->r.error : why;
    return false;
}

/* ---- single values ------------------------------------------------------------------------ */

static bool read_text(struct wire *w, enum json_event event, void *to)
{
    if (event != JSON_STRING)
        return false;
    *(struct str *)to = w->r.text;
    return true;
}

static bool read_text_or_null(struct wire *w, enum json_event event, void *to)
{
    return event == JSON_NULL || read_text(w, event, to);
}

/* Digits only, as JSON writes a whole number that is not negative; "-0" is no count. */
static bool read_count(struct wire *w, enum json_event event, void *to)
{
    uint64_t v;

    if (event != JSON_NUMBER || !str_to_u64(w->r.text, INT64_MAX, &v))
        return false;
    *(int64_t *)to = (int64_t)v;
    return true;
}

static bool read_position(struct wire *w, enum json_event event, void *to)
{
    return event == JSON_NUMBER && str_to_u64(w->r.text, INT64_MAX, (uint64_t *)to);
}

static bool read_version(struct wire *w, enum json_event event, void *to)
{
    return event == JSON_NUMBER && str_eq(w->r.text, STR("1"));
}
_Static_assert(RECORD_WIRE_VERSION == 1, "read_version() names the one version it knows");

static bool read_kind(struct wire *w, enum json_event event, void *to)
{
    enum record_kind *kind = to;

    if (event != JSON_STRING)
        return false;
    if (str_eq(w->r.text, STR("pageview")))
        *kind = RECORD_PAGEVIEW;
    else if (str_eq(w->r.text, STR("ai_fetch")))
        *kind = RECORD_AI_FETCH;
    else
        return false;
    return true;
}

static bool read_line_hash(struct wire *w, enum json_event event, void *to)
{
    uint64_t h;

    if (event != JSON_STRING || w->r.text.n != 8 || !str_to_hex64(w->r.text, &h))
        return false;
    *(uint32_t *)to = (uint32_t)h;
    return true;
}

static bool read_status(struct wire *w, enum json_event event, void *to)
{
    uint64_t v;

    if (event != JSON_NUMBER || !str_to_u64(w->r.text, 999, &v))
        return false;
    *(int *)to = (int)v;
    return true;
}

static bool read_time(struct wire *w, enum json_event event, void *to)
{
    return event == JSON_STRING && time_parse_rfc3339(w->r.text, (int64_t *)to);
}

static bool read_verified(struct wire *w, enum json_event event, void *to)
{
    struct str s = w->r.text;

    return read_text(w, event, to) &&
           (str_eq(s, STR("yes")) || str_eq(s, STR("no")) || str_eq(s, STR("unknown")));
}

/* *to is the whole record. */
static bool read_user_agent(struct wire *w, enum json_event event, void *to)
{
    struct record *r = to;
    uint64_t index;

    if (event == JSON_STRING) {
        r->user_agent_text = w->r.text;
        return true;
    }
    if (event != JSON_NUMBER || !str_to_u64(w->r.text, BATCH_MAX_USER_AGENTS - 1, &index))
        return false;
    r->user_agent = (int64_t)index;
    return true;
}

static bool read_uuid(struct wire *w, enum json_event event, void *to)
{
    struct str s = w->r.text;

    if (!read_text(w, event, to) || s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool upper = s.p[i] >= 'A' && s.p[i] <= 'F';
        if (dash ? s.p[i] != '-' : upper || hex_value(s.p[i]) < 0)
            return false;
    }
    return true;
}

static bool read_stream_id(struct wire *w, enum json_event event, void *to)
{
    return event == JSON_STRING && hash128_parse(w->r.text, (struct hash128 *)to);
}

/* ---- objects ------------------------------------------------------------------------------ */

/* The field of that name, or n; *next is where the search begins. */
static unsigned find_field(const struct field *fields, unsigned n, unsigned *next, struct str name)
{
    unsigned i = *next;

    for (unsigned tried = 0; tried < n; tried++, i++) {
        if (i >= n)
            i = 0;
        if (str_eq(fields[i].name, name)) {
            *next = i + 1;
            return i;
        }
    }
    return n;
}

static bool check_required(struct wire *w, const struct field *fields, unsigned n, uint32_t seen)
{
    for (unsigned i = 0; i < n; i++) {
        if (fields[i].required && !(seen & UINT32_C(1) << i))
            return refuse(w, fields[i].missing);
    }
    return true;
}

/* Behind JSON_OBJECT, up to and with its end. */
static bool read_object(struct wire *w, const struct field *fields, unsigned n, void *object)
{
    uint32_t seen = 0;
    unsigned next = 0;

    for (;;) {
        enum json_event event = json_next(&w->r);
        if (event == JSON_OBJECT_END)
            return check_required(w, fields, n, seen);
        if (event != JSON_KEY)
            return refuse(w, "not JSON");
        unsigned i = find_field(fields, n, &next, w->r.text);
        event = json_next(&w->r);
        if (i == n) {
            if (!json_skip_value(&w->r, event))
                return refuse(w, "not JSON");
            continue;
        }
        if (seen & UINT32_C(1) << i)
            return refuse(w, "a key stands twice");
        seen |= UINT32_C(1) << i;
        if (!fields[i].read(w, event, (char *)object + fields[i].offset))
            return refuse(w, fields[i].wrong);
    }
}

static bool read_whole(struct wire *w, const struct field *fields, unsigned n, void *object)
{
    if (json_next(&w->r) != JSON_OBJECT)
        return refuse(w, "not a JSON object");
    return read_object(w, fields, n, object) &&
           (json_next(&w->r) == JSON_END || refuse(w, "not JSON"));
}

#define LENGTH(table) ((unsigned)(sizeof(table) / sizeof((table)[0])))
#define FIELD(name, read, required, offset, must)                                                  \
    {                                                                                              \
        STR(name), read, required, offset, "\"" name "\" must be " must, "\"" name "\" is missing" \
    }

/* ---- records ------------------------------------------------------------------------------ */

#define RECORD_FIELD(name, read, required, member, must)                                           \
    FIELD(name, read, required, offsetof(struct record, member), must)

static const struct field record_fields[] = {
    RECORD_FIELD("k", read_kind, true, kind, "pageview or ai_fetch"),
    RECORD_FIELD("at", read_position, true, at, "a position"),
    RECORD_FIELD("h", read_line_hash, true, line_hash, "8 hex digits"),
    RECORD_FIELD("site", read_text, false, site, "a string"),
    RECORD_FIELD("url", read_text, false, url, "a string"),
    RECORD_FIELD("hostname", read_text, false, hostname, "a string"),
    RECORD_FIELD("path", read_text, false, path, "a string"),
    RECORD_FIELD("status_code", read_status, false, status_code, "0 to 999"),
    RECORD_FIELD("content_type", read_text, false, content_type, "a string"),
    RECORD_FIELD("response_ms", read_count, false, response_ms, "a count"),
    RECORD_FIELD("bytes_served", read_count, false, bytes_served, "a count"),
    RECORD_FIELD("timestamp", read_time, true, time_ms, "an RFC 3339 time"),
    RECORD_FIELD("visitor_ip", read_text, false, visitor_ip, "a string"),
    FIELD("user_agent", read_user_agent, false, 0, "an index or a string"),
    RECORD_FIELD("referrer", read_text, false, referrer, "a string"),
    RECORD_FIELD("session_id", read_text, false, session_id, "a string"),
    RECORD_FIELD("verified", read_verified, false, verified, "yes, no or unknown"),
};
_Static_assert(sizeof(record_fields) / sizeof(record_fields[0]) <= 32, "`seen` has 32 bits");

bool record_read(struct str line, struct record *r, struct buf *scratch, const char **why)
{
    struct wire w = {.why = NULL};
    struct record read = {
        .user_agent = -1,
        .status_code = -1,
        .response_ms = HIT_NO_NUMBER,
        .bytes_served = HIT_NO_NUMBER,
    };

    buf_reset(scratch);
    json_reader_init(&w.r, line, scratch);
    if (!read_whole(&w, record_fields, LENGTH(record_fields), &read)) {
        *why = w.why;
        return false;
    }
    *r = read;
    return true;
}

/* ---- headers ------------------------------------------------------------------------------ */

static uint32_t add_saturating(uint32_t sum, uint64_t more)
{
    return more > UINT32_MAX - sum ? UINT32_MAX : sum + (uint32_t)more;
}

static unsigned find_reason(const struct wire *w, struct str name)
{
    unsigned i = REASON_NONE + 1;

    while (i < REASON_COUNT && !str_eq(w->reasons[i], name))
        i++;
    return i;
}

/* Reads a reason and its count, behind the reason's key. *i is the reason, or REASON_COUNT. */
static bool read_reason(struct wire *w, uint32_t *seen, unsigned *i, uint32_t *count)
{
    uint64_t n;

    *i = find_reason(w, w->r.text);
    if (json_next(&w->r) != JSON_NUMBER || !str_to_u64(w->r.text, UINT32_MAX, &n))
        return false;
    *count = (uint32_t)n;
    if (*i == REASON_COUNT)
        return true;
    if (*seen & UINT32_C(1) << *i)
        return refuse(w, "a reason stands twice");
    *seen |= UINT32_C(1) << *i;
    return true;
}
_Static_assert(REASON_COUNT <= 32, "`seen` has 32 bits");

/* *to is the whole stream. */
static bool read_skipped(struct wire *w, enum json_event event, void *to)
{
    struct batch_stream *stream = to;
    uint32_t seen = 0, count;
    unsigned i;

    if (event != JSON_OBJECT)
        return false;
    while ((event = json_next(&w->r)) == JSON_KEY) {
        if (!read_reason(w, &seen, &i, &count))
            return false;
        if (i == REASON_COUNT)
            stream->skipped_other = add_saturating(stream->skipped_other, count);
        else
            stream->skipped[i] = count;
    }
    return event == JSON_OBJECT_END;
}

/* Behind the '[' of one quarter, up to and with its ']'. */
static bool read_quarter(struct wire *w, struct batch_stream *stream)
{
    struct batch_header *h = w->header;
    uint64_t quarter;
    uint32_t seen = 0, count;
    unsigned i;

    if (json_next(&w->r) != JSON_NUMBER || !str_to_u64(w->r.text, QUARTER_MAX, &quarter) ||
        json_next(&w->r) != JSON_OBJECT)
        return false;
    while (json_next(&w->r) == JSON_KEY) {
        if (!read_reason(w, &seen, &i, &count))
            return false;
        if (count == 0)
            continue;
        if (h->n_cells == BATCH_MAX_CELLS)
            return refuse(w, "more than 65536 counts in \"quarters\"");
        h->cells[h->n_cells++] = (struct batch_cell){(uint32_t)quarter, i, count};
        stream->n_cells++;
    }
    return json_next(&w->r) == JSON_ARRAY_END;
}
_Static_assert(BATCH_MAX_CELLS == 65536, "read_quarter() names it");

/* *to is the whole stream. */
static bool read_quarters(struct wire *w, enum json_event event, void *to)
{
    struct batch_stream *stream = to;

    if (event != JSON_ARRAY)
        return false;
    if (!w->header->cells)
        return json_skip_value(&w->r, event);
    stream->first_cell = (uint32_t)w->header->n_cells;
    while ((event = json_next(&w->r)) == JSON_ARRAY) {
        if (!read_quarter(w, stream))
            return false;
    }
    return event == JSON_ARRAY_END;
}

static bool check_quarters(struct wire *w, const struct batch_stream *stream)
{
    uint64_t told[REASON_COUNT + 1] = {0};

    for (uint32_t i = 0; i < stream->n_cells; i++) {
        const struct batch_cell *cell = &w->header->cells[stream->first_cell + i];
        told[cell->reason] += cell->n;
        if (told[cell->reason] >
            (cell->reason < REASON_COUNT ? stream->skipped[cell->reason] : stream->skipped_other))
            return refuse(w, "a stream's \"quarters\" count more than its \"skipped\"");
    }
    return true;
}

#define STREAM_FIELD(name, read, required, member, must)                                           \
    FIELD(name, read, required, offsetof(struct batch_stream, member), must)

static const struct field stream_fields[] = {
    STREAM_FIELD("id", read_stream_id, true, id, "32 hex digits"),
    STREAM_FIELD("from", read_position, true, from, "a position"),
    STREAM_FIELD("to", read_position, true, to, "a position"),
    STREAM_FIELD("lines", read_position, true, lines, "a count"),
    STREAM_FIELD("records", read_position, true, records, "a count"),
    FIELD("skipped", read_skipped, false, 0, "an object of counts"),
    FIELD("quarters", read_quarters, false, 0, "a list of quarters of an hour with counts"),
    STREAM_FIELD("name", read_text, false, name, "a string"),
};

/* *to is the whole header. */
static bool read_streams(struct wire *w, enum json_event event, void *to)
{
    struct batch_header *h = to;

    if (event != JSON_ARRAY)
        return false;
    while ((event = json_next(&w->r)) == JSON_OBJECT) {
        if (h->n_streams == BATCH_MAX_STREAMS)
            return false;
        struct batch_stream *s = &h->streams[h->n_streams];
        *s = (struct batch_stream){.name = STR_NONE};
        if (!read_object(w, stream_fields, LENGTH(stream_fields), s))
            return false;
        if (s->from > s->to)
            return refuse(w, "a stream's \"from\" is behind its \"to\"");
        if (!check_quarters(w, s))
            return false;
        h->n_streams++;
    }
    return event == JSON_ARRAY_END;
}

/* *to is the whole header. */
static bool read_user_agents(struct wire *w, enum json_event event, void *to)
{
    struct batch_header *h = to;

    if (event != JSON_ARRAY)
        return false;
    while ((event = json_next(&w->r)) == JSON_STRING) {
        if (h->n_user_agents == BATCH_MAX_USER_AGENTS)
            return false;
        h->user_agents[h->n_user_agents++] = w->r.text;
    }
    return event == JSON_ARRAY_END;
}

#define HEADER_FIELD(name, read, required, member, must)                                           \
    FIELD(name, read, required, offsetof(struct batch_header, member), must)

static const struct field header_fields[] = {
    FIELD("v", read_version, true, 0, "1: no other version of the wire form is known here"),
    HEADER_FIELD("batch", read_uuid, true, batch, "a UUID in lower case"),
    HEADER_FIELD("agent", read_text, true, agent, "a string"),
    HEADER_FIELD("node", read_text, true, node, "a string"),
    HEADER_FIELD("job", read_text_or_null, false, job, "a string or null"),
    FIELD("streams", read_streams, true, 0, "a list of at most 4096 streams"),
    FIELD("user_agents", read_user_agents, false, 0, "a list of at most 10000 strings"),
};

bool batch_header_read(struct str line, struct batch_header *h, struct buf *scratch,
                       const char **why)
{
    struct str reasons[REASON_COUNT];
    struct batch_header read = {
        .streams = h->streams, .cells = h->cells, .user_agents = h->user_agents};
    struct wire w = {.reasons = reasons, .header = &read};

    for (int i = 0; i < REASON_COUNT; i++)
        reasons[i] = str_of(reason_name((enum reason)i));
    buf_reset(scratch);
    json_reader_init(&w.r, line, scratch);
    if (!read_whole(&w, header_fields, LENGTH(header_fields), &read)) {
        *why = w.why;
        return false;
    }
    *h = read;
    return true;
}
