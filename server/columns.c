/*
 * columns.c - the bytes of columns.h, and the tables that find a key's index while they are made.
 */
#include "server/columns.h"

#include <stdlib.h>

#include "parsers/base/hash.h"

#define HEAD_BYTES 24u
#define COLUMN_HEAD_BYTES 8u
#define KEY_BYTES 8u
#define SAMPLE_BYTES 4u

bool column_is_number(enum column_id id)
{
    return id == COLUMN_AT || id == COLUMN_ROW || (id >= COLUMN_STATUS && id <= COLUMN_VERIFIED);
}

bool columns_has(enum columns_kind kind, enum column_id id)
{
    if (id < COLUMN_STATUS)
        return true;
    return (kind == COLUMNS_FETCHES) == (id < COLUMN_VISITOR);
}

uint64_t column_key(struct str text)
{
    uint64_t key = text.n ? hash_64(text, 0) : 0;
    return text.n && key == 0 ? 1 : key;
}

/* ---- numbers as bytes --------------------------------------------------------------------- */

static uint64_t get_number(const char *p, unsigned width)
{
    uint64_t v = 0;
    for (unsigned i = width; i-- > 0;)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static void put_number(struct buf *out, uint64_t v, unsigned width)
{
    char bytes[8];
    for (unsigned i = 0; i < width; i++)
        bytes[i] = (char)(v >> 8 * i);
    buf_put(out, bytes, width);
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool open_column(struct column *c, uint32_t n, struct str *rest)
{
    if (rest->n < COLUMN_HEAD_BYTES)
        return false;
    c->width = (unsigned char)rest->p[0];
    c->n_keys = (uint32_t)get_number(rest->p + 4, 4);
    if ((c->width & (c->width - 1)) != 0 || c->width > 8 || c->n_keys > COLUMNS_MAX_RECORDS)
        return false;
    size_t keys = (size_t)c->n_keys * KEY_BYTES, samples = (size_t)c->n_keys * SAMPLE_BYTES;
    size_t values = (size_t)n * c->width;
    if (rest->n - COLUMN_HEAD_BYTES < keys + samples + values)
        return false;
    c->keys = rest->p + COLUMN_HEAD_BYTES;
    c->samples = c->keys + keys;
    c->values = c->samples + samples;
    *rest = str_slice(*rest, COLUMN_HEAD_BYTES + keys + samples + values, rest->n);
    return true;
}

bool columns_open(struct columns *c, struct str bytes)
{
    *c = (struct columns){0};
    if (bytes.n < HEAD_BYTES || bytes.p[0] != COLUMNS_VERSION ||
        (unsigned char)bytes.p[1] > COLUMNS_FETCHES)
        return false;
    c->kind = (enum columns_kind)bytes.p[1];
    c->n = (uint32_t)get_number(bytes.p + 4, 4);
    c->first_ms = (int64_t)get_number(bytes.p + 8, 8);
    c->last_ms = (int64_t)get_number(bytes.p + 16, 8);
    struct str rest = str_slice(bytes, HEAD_BYTES, bytes.n);
    if (c->n == 0 || c->n > COLUMNS_MAX_RECORDS || c->last_ms < c->first_ms)
        return false;
    for (int id = 0; id < COLUMN_COUNT; id++) {
        struct column *column = &c->of[id];
        if (!columns_has(c->kind, (enum column_id)id))
            continue;
        if (!open_column(column, c->n, &rest) ||
            (!column_is_number((enum column_id)id) && column->n_keys == 0))
            return false;
    }
    return rest.n == 0;
}

/* One loop for each width, which the compiler makes wide. */
#define WIDEN(type)                                                                                \
    for (uint32_t i = 0; i < n; i++) {                                                             \
        type v;                                                                                    \
        memcpy(&v, p + (size_t)i * sizeof(v), sizeof(v));                                          \
        out[i] = v;                                                                                \
    }

static void widen(const char *p, unsigned width, uint32_t n, uint64_t *out)
{
    switch (width) {
    case 1:
        WIDEN(uint8_t)
        break;
    case 2:
        WIDEN(uint16_t)
        break;
    case 4:
        WIDEN(uint32_t)
        break;
    case 8:
        WIDEN(uint64_t)
        break;
    default:
        memset(out, 0, n * sizeof(*out));
    }
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes are read as they lie");

void columns_read(const struct columns *c, enum column_id id, uint32_t from, uint32_t n,
                  uint64_t *out)
{
    const struct column *column = &c->of[id];
    widen(column->values + (size_t)from * column->width, column->width, n, out);
    if (column_is_number(id))
        return;
    uint64_t last = column->n_keys - 1;
    for (uint32_t i = 0; i < n; i++)
        out[i] = out[i] < last ? out[i] : last;
}

void columns_keys(const struct columns *c, enum column_id id, uint32_t from, uint32_t n,
                  uint64_t *out)
{
    memcpy(out, c->of[id].keys + (size_t)from * KEY_BYTES, (size_t)n * KEY_BYTES);
}

uint64_t columns_key(const struct columns *c, enum column_id id, uint32_t index)
{
    uint64_t key;
    columns_keys(c, id, index, 1, &key);
    return key;
}

int64_t columns_sample(const struct columns *c, enum column_id id, uint32_t index)
{
    return c->lane |
           (int64_t)get_number(c->of[id].samples + (size_t)index * SAMPLE_BYTES, SAMPLE_BYTES);
}

/* ---- making ------------------------------------------------------------------------------- */

struct key_table {
    uint64_t *keys;   /* by index */
    uint32_t *firsts; /* the record that has brought it */
    uint32_t *slots;  /* index + 1, 0: empty */
    uint32_t n, room; /* of keys; there are twice as many slots */
};

struct columns_builder {
    enum columns_kind kind;
    bool failed;
    uint32_t n, room;
    int64_t *at;
    uint64_t *values[COLUMN_COUNT];
    struct key_table tables[COLUMN_COUNT];
};

struct columns_builder *columns_builder_new(enum columns_kind kind)
{
    struct columns_builder *b = calloc(1, sizeof(*b));
    if (b)
        b->kind = kind;
    return b;
}

void columns_builder_free(struct columns_builder *b)
{
    if (!b)
        return;
    free(b->at);
    for (int id = 0; id < COLUMN_COUNT; id++) {
        free(b->values[id]);
        free(b->tables[id].keys);
        free(b->tables[id].firsts);
        free(b->tables[id].slots);
    }
    free(b);
}

void columns_builder_reset(struct columns_builder *b)
{
    b->n = 0;
    b->failed = false;
    for (int id = 0; id < COLUMN_COUNT; id++) {
        struct key_table *t = &b->tables[id];
        t->n = 0;
        if (t->slots)
            memset(t->slots, 0, 2 * (size_t)t->room * sizeof(*t->slots));
    }
}

uint32_t columns_builder_count(const struct columns_builder *b)
{
    return b->n;
}

static bool resize(void **p, size_t n, size_t each)
{
    void *more = realloc(*p, n * each);
    if (more)
        *p = more;
    return more != NULL;
}

static bool grow_records(struct columns_builder *b)
{
    uint32_t room = b->room ? b->room * 2 : 1024;
    bool good = resize((void **)&b->at, room, sizeof(*b->at));
    for (int id = 0; id < COLUMN_COUNT && good; id++)
        if (id != COLUMN_AT && columns_has(b->kind, (enum column_id)id))
            good = resize((void **)&b->values[id], room, sizeof(uint64_t));
    if (good)
        b->room = room;
    return good;
}

static uint32_t slot_of(const struct key_table *t, uint64_t key)
{
    uint32_t mask = 2 * t->room - 1, i = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 32) & mask;
    while (t->slots[i] && t->keys[t->slots[i] - 1] != key)
        i = (i + 1) & mask;
    return i;
}

static bool grow_table(struct key_table *t)
{
    uint32_t room = t->room ? t->room * 2 : 16;
    if (!resize((void **)&t->keys, room, sizeof(*t->keys)) ||
        !resize((void **)&t->firsts, room, sizeof(*t->firsts)) ||
        !resize((void **)&t->slots, 2 * (size_t)room, sizeof(*t->slots)))
        return false;
    t->room = room;
    memset(t->slots, 0, 2 * (size_t)room * sizeof(*t->slots));
    for (uint32_t i = 0; i < t->n; i++)
        t->slots[slot_of(t, t->keys[i])] = i + 1;
    return true;
}

void columns_begin(struct columns_builder *b, int64_t at_ms, uint32_t row)
{
    if (b->failed || b->n == COLUMNS_MAX_RECORDS || (b->n == b->room && !grow_records(b))) {
        b->failed = true;
        return;
    }
    b->at[b->n] = at_ms;
    for (int id = 0; id < COLUMN_COUNT; id++)
        if (b->values[id])
            b->values[id][b->n] = 0;
    b->values[COLUMN_ROW][b->n++] = row;
}

void columns_put(struct columns_builder *b, enum column_id id, uint64_t number)
{
    if (!b->failed)
        b->values[id][b->n - 1] = number;
}

bool columns_put_key(struct columns_builder *b, enum column_id id, uint64_t key)
{
    struct key_table *t = &b->tables[id];
    if (b->failed)
        return false;
    if (t->n == t->room && !grow_table(t)) {
        b->failed = true;
        return false;
    }
    uint32_t slot = slot_of(t, key);
    bool fresh = t->slots[slot] == 0;
    if (fresh) {
        t->keys[t->n] = key;
        t->firsts[t->n] = b->n - 1;
        t->slots[slot] = ++t->n;
    }
    b->values[id][b->n - 1] = t->slots[slot] - 1;
    return fresh;
}

void columns_put_as(struct columns_builder *b, enum column_id id, enum column_id of)
{
    if (!b->failed)
        b->values[id][b->n - 1] = b->values[id][b->tables[of].firsts[b->values[of][b->n - 1]]];
}

/* ---- as bytes ----------------------------------------------------------------------------- */

static unsigned width_of(uint64_t most)
{
    return most == 0            ? 0
           : most <= UINT8_MAX  ? 1
           : most <= UINT16_MAX ? 2
           : most <= UINT32_MAX ? 4
                                : 8;
}

/* `rows`: the records' positions, for the samples. */
static void write_column(struct buf *out, const struct key_table *t, const uint64_t *rows,
                         const uint64_t *values, uint32_t n)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = values[i] > most ? values[i] : most;
    unsigned width = width_of(most);
    put_number(out, width, 4);
    put_number(out, t->n, 4);
    for (uint32_t i = 0; i < t->n; i++)
        put_number(out, t->keys[i], KEY_BYTES);
    for (uint32_t i = 0; i < t->n; i++)
        put_number(out, rows[t->firsts[i]], SAMPLE_BYTES);
    for (uint32_t i = 0; i < n && width; i++)
        put_number(out, values[i], width);
}

static void write_times(struct buf *out, const struct columns_builder *b, int64_t first_ms)
{
    static const struct key_table none;
    uint64_t *offsets = malloc(b->n * sizeof(*offsets));
    for (uint32_t i = 0; i < b->n && offsets; i++)
        offsets[i] = (uint64_t)b->at[i] - (uint64_t)first_ms;
    if (offsets)
        write_column(out, &none, b->values[COLUMN_ROW], offsets, b->n);
    else
        out->failed = true;
    free(offsets);
}

int columns_write(const struct columns_builder *b, struct buf *out)
{
    if (b->failed || b->n == 0)
        return -1;
    int64_t first_ms = b->at[0], last_ms = b->at[0];
    for (uint32_t i = 1; i < b->n; i++) {
        first_ms = b->at[i] < first_ms ? b->at[i] : first_ms;
        last_ms = b->at[i] > last_ms ? b->at[i] : last_ms;
    }
    put_number(out, COLUMNS_VERSION, 1);
    put_number(out, b->kind, 3);
    put_number(out, b->n, 4);
    put_number(out, (uint64_t)first_ms, 8);
    put_number(out, (uint64_t)last_ms, 8);
    for (int id = 0; id < COLUMN_COUNT; id++) {
        if (id == COLUMN_AT)
            write_times(out, b, first_ms);
        else if (columns_has(b->kind, (enum column_id)id))
            write_column(out, &b->tables[id], b->values[COLUMN_ROW], b->values[id], b->n);
    }
    return out->failed ? -1 : 0;
}
