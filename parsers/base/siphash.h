/*
 * siphash.h - SipHash-2-4 with 128 bits of output (Aumasson, Bernstein): a keyed hash. Who does not
 * know the key can neither guess what was hashed by trying, nor find two texts with one hash.
 */
#ifndef LOGFERRY_BASE_SIPHASH_H
#define LOGFERRY_BASE_SIPHASH_H

#include "parsers/base/bytes.h"

#define SIPHASH_KEY 16

struct siphash {
    uint64_t v[4];
    unsigned char tail[8]; /* bytes that are no whole word yet */
    size_t n;              /* of the whole text */
};

void siphash_init(struct siphash *s, const unsigned char key[SIPHASH_KEY]);
void siphash_add(struct siphash *s, struct str text);
void siphash_end(struct siphash *s, unsigned char out[16]);

#endif
