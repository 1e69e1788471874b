/*
 * columns.h - records of one lane and one kind as columns: what reports read instead of rows. A
 * text is a 64-bit hash of it, with one row as a sample where the text stands; equal hashes are
 * taken for equal texts. Pure: bytes in, bytes out; the store keeps them (store_sqlite_pack.c).
 *
 * The bytes: a head (COLUMNS_VERSION, the kind, two zeros, the number of records; the first and the
 * last time), then for each column of the kind, in the order of enum column_id: the width of a
 * value in bytes (0: every value is 0), three zeros, the number of keys; the keys; their samples;
 * the values. Little-endian. To change it: raise COLUMNS_VERSION and empty the table `columns` in a
 * step of the schema, as step_countries does; everything in it is made from the records again.
 */
#ifndef LOGFERRY_SERVER_COLUMNS_H
#define LOGFERRY_SERVER_COLUMNS_H

#include "parsers/base/bytes.h"

#define COLUMNS_VERSION 2
#define COLUMNS_MAX_RECORDS 65536u

enum columns_kind { COLUMNS_PAGEVIEWS, COLUMNS_FETCHES };

/* Those marked * are numbers; of the others a value is an index into the column's keys. */
enum column_id {
    COLUMN_AT,       /* * milliseconds behind first_ms */
    COLUMN_ROW,      /* * the position within the lane */
    COLUMN_PATH,     /* path and query */
    COLUMN_PAGE,     /* the same without what a campaign or a click has added (page_path.h) */
    COLUMN_HOST,     /* key: the store's number of the text, 0: none */
    COLUMN_UA,       /* the same */
    COLUMN_STATUS,   /* * fetches, and all below up to VERIFIED */
    COLUMN_TYPE,     /* * enum resource_type */
    COLUMN_MS,       /* * response time + 1; 0: not known */
    COLUMN_BYTES,    /* * 0: not known */
    COLUMN_VERIFIED, /* * 0: not known, 1: yes, 2: no */
    COLUMN_AGENT,    /* key: the store's number of the agent, 0: none */
    COLUMN_PREFIX,   /* the path's first segment */
    COLUMN_VISITOR,  /* pageviews, and all below; key: the visitor's number */
    COLUMN_REFERRER, /* key 0: none, as in all below */
    COLUMN_REFERRER_HOST,
    COLUMN_AI_SOURCE, /* the assistant that has referred the visitor */
    COLUMN_UTM_SOURCE,
    COLUMN_UTM_MEDIUM,
    COLUMN_UTM_CAMPAIGN,
    COLUMN_UTM_TERM,
    COLUMN_UTM_CONTENT,
    COLUMN_LANGUAGE,
    COLUMN_QR_CODE,
    COLUMN_COUNTRY, /* of the address, two letters */
    COLUMN_COUNT
};

bool column_is_number(enum column_id id);
bool columns_has(enum columns_kind kind, enum column_id id);
/* The key of a text; never 0. STR_NONE and empty text: 0. */
uint64_t column_key(struct str text);

/* ---- reading ------------------------------------------------------------------------------ */

struct column {
    unsigned width;
    uint32_t n_keys;
    const char *keys, *samples, *values;
};

/* Borrows the bytes. */
struct columns {
    enum columns_kind kind;
    uint32_t n;
    int64_t lane; /* the caller's to set: row ids are made with it */
    int64_t first_ms, last_ms;
    struct column of[COLUMN_COUNT];
};

/* False when the bytes are none of this version. */
bool columns_open(struct columns *c, struct str bytes);
/* Values [from, from + n) of a column. Indices are always below n_keys. */
void columns_read(const struct columns *c, enum column_id id, uint32_t from, uint32_t n,
                  uint64_t *out);
uint64_t columns_key(const struct columns *c, enum column_id id, uint32_t index);
/* Keys [from, from + n). */
void columns_keys(const struct columns *c, enum column_id id, uint32_t from, uint32_t n,
                  uint64_t *out);
/* The row id of a record with this key. */
int64_t columns_sample(const struct columns *c, enum column_id id, uint32_t index);

/* ---- making ------------------------------------------------------------------------------- */

struct columns_builder;

struct columns_builder *columns_builder_new(enum columns_kind kind); /* NULL: out of memory */
void columns_builder_free(struct columns_builder *b);                /* accepts NULL */
void columns_builder_reset(struct columns_builder *b);
uint32_t columns_builder_count(const struct columns_builder *b);
/* Begins a record; at most COLUMNS_MAX_RECORDS of them. What is not put is 0. */
void columns_begin(struct columns_builder *b, int64_t at_ms, uint32_t row);
void columns_put(struct columns_builder *b, enum column_id id, uint64_t number);
/* True when the key is new to the column: then the record is its sample. */
bool columns_put_key(struct columns_builder *b, enum column_id id, uint64_t key);
/* The key that the sample of this record's key in column `of` has: for what follows from that. */
void columns_put_as(struct columns_builder *b, enum column_id id, enum column_id of);
/* Appends the bytes. -1: out of memory, now or before. */
int columns_write(const struct columns_builder *b, struct buf *out);

#endif
