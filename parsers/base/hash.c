/*
 * hash.c - XXH3 by libxxhash's inlined form (nothing is linked), and CRC-32. See hash.h.
 */
#include "parsers/base/hash.h"

#define XXH_INLINE_ALL
#include <sys/random.h>
#include <xxhash.h>

struct hash128 hash_128(struct str s)
{
    XXH128_canonical_t canonical;
    struct hash128 out;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits(s.n ? s.p : "", s.n));
    memcpy(out.b, canonical.digest, sizeof(out.b));
    return out;
}

uint64_t hash_64(struct str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.n ? s.p : "", s.n, seed);
}

uint32_t hash_line(struct str line)
{
    return (uint32_t)XXH3_64bits(line.n ? line.p : "", line.n);
}

static uint64_t process_secret;

__attribute__((constructor)) static void make_secret(void)
{
    if (getrandom(&process_secret, sizeof(process_secret), 0) != sizeof(process_secret))
        process_secret = 0; /* then anybody could make two that look alike */
}

struct text_id text_id_of(struct str s)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(s.n ? s.p : "", s.n, process_secret);

    return (struct text_id){h.low64, h.high64 | 1};
}

bool hash128_parse(struct str s, struct hash128 *out)
{
    struct hash128 parsed;

    if (s.n != 2 * sizeof(parsed.b))
        return false;
    for (size_t i = 0; i < sizeof(parsed.b); i++) {
        int byte = hex_pair(s.p + 2 * i);
        if (byte < 0)
            return false;
        parsed.b[i] = (unsigned char)byte;
    }
    *out = parsed;
    return true;
}

/*
 * CRC-32, reflected polynomial 0xEDB88320, eight bytes at a time ("slicing by 8"). A table's entry
 * is linear over XOR, so each table is written by its eight entries for the single bits.
 */
#define CRC_ENTRY(i, a, b, c, d, e, f, g, h)                                                       \
    (((i)&1 ? (a) : 0) ^ ((i)&2 ? (b) : 0) ^ ((i)&4 ? (c) : 0) ^ ((i)&8 ? (d) : 0) ^               \
     ((i)&16 ? (e) : 0) ^ ((i)&32 ? (f) : 0) ^ ((i)&64 ? (g) : 0) ^ ((i)&128 ? (h) : 0))
#define CRC_4(i, ...)                                                                              \
    CRC_ENTRY(i, __VA_ARGS__), CRC_ENTRY((i) + 1, __VA_ARGS__), CRC_ENTRY((i) + 2, __VA_ARGS__),   \
        CRC_ENTRY((i) + 3, __VA_ARGS__)
#define CRC_16(i, ...)                                                                             \
    CRC_4(i, __VA_ARGS__), CRC_4((i) + 4, __VA_ARGS__), CRC_4((i) + 8, __VA_ARGS__),               \
        CRC_4((i) + 12, __VA_ARGS__)
#define CRC_64(i, ...)                                                                             \
    CRC_16(i, __VA_ARGS__), CRC_16((i) + 16, __VA_ARGS__), CRC_16((i) + 32, __VA_ARGS__),          \
        CRC_16((i) + 48, __VA_ARGS__)
#define CRC_TABLE(...)                                                                             \
    {                                                                                              \
        CRC_64(0, __VA_ARGS__), CRC_64(64, __VA_ARGS__), CRC_64(128, __VA_ARGS__),                 \
            CRC_64(192, __VA_ARGS__)                                                               \
    }

/* Table k: what a byte does to the remainder when k more bytes follow it. */
static const uint32_t crc_table[8][256] = {
    CRC_TABLE(0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u, 0x1db71064u, 0x3b6e20c8u,
              0x76dc4190u, 0xedb88320u),
    CRC_TABLE(0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u, 0x4ac21251u, 0x958424a2u,
              0xf0794f05u, 0x3b83984bu),
    CRC_TABLE(0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u, 0x1c26a370u, 0x384d46e0u,
              0x709a8dc0u, 0xe1351b80u),
    CRC_TABLE(0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu, 0x5019579fu, 0xa032af3eu,
              0x9b14583du, 0xed59b63bu),
    CRC_TABLE(0x3d6029b0u, 0x7ac05360u, 0xf580a6c0u, 0x30704bc1u, 0x60e09782u, 0xc1c12f04u,
              0x58f35849u, 0xb1e6b092u),
    CRC_TABLE(0xcb5cd3a5u, 0x4dc8a10bu, 0x9b914216u, 0xec53826du, 0x03d6029bu, 0x07ac0536u,
              0x0f580a6cu, 0x1eb014d8u),
    CRC_TABLE(0xa6770bb4u, 0x979f1129u, 0xf44f2413u, 0x33ef4e67u, 0x67de9cceu, 0xcfbd399cu,
              0x440b7579u, 0x8816eaf2u),
    CRC_TABLE(0xccaa009eu, 0x4225077du, 0x844a0efau, 0xd3e51bb5u, 0x7cbb312bu, 0xf9766256u,
              0x299dc2edu, 0x533b85dau),
};

static uint32_t crc_byte(uint32_t crc, unsigned char c)
{
    return crc >> 8 ^ crc_table[0][(crc ^ c) & 0xff];
}

static uint32_t little_endian32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t hash_crc32(uint32_t crc, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = s.n;

    crc = ~crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint32_t low = crc ^ little_endian32(p);
        uint32_t high = little_endian32(p + 4);
        crc = crc_table[7][low & 0xff] ^ crc_table[6][low >> 8 & 0xff] ^
              crc_table[5][low >> 16 & 0xff] ^ crc_table[4][low >> 24] ^ crc_table[3][high & 0xff] ^
              crc_table[2][high >> 8 & 0xff] ^ crc_table[1][high >> 16 & 0xff] ^
              crc_table[0][high >> 24];
    }
    for (; n > 0; p++, n--)
        crc = crc_byte(crc, *p);
    return ~crc;
}
