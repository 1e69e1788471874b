/* siphash.c - see siphash.h; by the description in the paper. */
#include "parsers/base/siphash.h"

#include <endian.h>

static uint64_t word_at(const unsigned char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return le64toh(w);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(uint64_t v[4], int n)
{
    while (n-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void take_word(struct siphash *s, uint64_t word)
{
    s->v[3] ^= word;
    rounds(s->v, 2);
    s->v[0] ^= word;
}

void siphash_init(struct siphash *s, const unsigned char key[SIPHASH_KEY])
{
    uint64_t k0 = word_at(key), k1 = word_at(key + 8);

    *s = (struct siphash){
        .v = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
              k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)}};
}

void siphash_add(struct siphash *s, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        s->tail[s->n++ % 8] = (unsigned char)text.p[i];
        if (s->n % 8 == 0)
            take_word(s, word_at(s->tail));
    }
}

static void put_word(unsigned char *to, const uint64_t v[4])
{
    uint64_t word = htole64(v[0] ^ v[1] ^ v[2] ^ v[3]);

    memcpy(to, &word, sizeof(word));
}

void siphash_end(struct siphash *s, unsigned char out[16])
{
    uint64_t last = (uint64_t)s->n << 56;

    for (size_t i = 0; i < s->n % 8; i++)
        last |= (uint64_t)s->tail[i] << (8 * i);
    take_word(s, last);
    s->v[2] ^= 0xee;
    rounds(s->v, 4);
    put_word(out, s->v);
    s->v[1] ^= 0xdd;
    rounds(s->v, 4);
    put_word(out + 8, s->v);
}
