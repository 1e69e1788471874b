/*
 * hash.h - the non-cryptographic hashes that name streams and lines (XXH3, by libxxhash).
 * They identify; they authenticate nothing. They are on disk and on the wire: never change them.
 */
#ifndef LOGFERRY_BASE_HASH_H
#define LOGFERRY_BASE_HASH_H

#include "parsers/base/bytes.h"

struct hash128 {
    unsigned char b[16]; /* canonical (big-endian) form: what is written as 32 hex digits */
};

struct hash128 hash_128(struct str s);
uint64_t hash_64(struct str s, uint64_t seed);
/* The line hash of the wire: the low 32 bits of XXH3-64, seed 0, of the line without its newline.
 */
uint32_t hash_line(struct str line);
uint32_t hash_crc32(uint32_t crc, struct str s); /* the zlib/IEEE polynomial; start with 0 */

/* Stands for a text, of any length, within this process: keyed by a secret that no other process
 * has, so that nobody can make two texts that look alike. Not for disk or wire. Never all zero. */
struct text_id {
    uint64_t low, high;
};
struct text_id text_id_of(struct str s);
static inline bool text_id_eq(struct text_id a, struct text_id b)
{
    return a.low == b.low && a.high == b.high;
}

static inline bool hash128_eq(struct hash128 a, struct hash128 b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}
/* 32 hex digits; false when malformed. */
bool hash128_parse(struct str s, struct hash128 *out);

#endif
