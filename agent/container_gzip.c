/* container_gzip.c - gzip (RFC 1952) with zlib. */
#include "agent/container_impl.h"

#include <stdlib.h>

#define ZLIB_CONST /* input is only read */
#include <zlib.h>

static void *new_decoder(void)
{
    z_stream *z = calloc(1, sizeof(*z));
    if (z && inflateInit2(z, 15 + 16) == Z_OK) /* 15: the largest window; 16: gzip, nothing else */
        return z;
    free(z);
    return NULL;
}

static void free_decoder(void *decoder)
{
    inflateEnd(decoder);
    free(decoder);
}

static unsigned at_most(size_t n)
{
    return n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (unsigned)n;
}

static enum decoded decode(void *decoder, struct decode_io *io)
{
    z_stream *z = decoder;
    unsigned in = at_most(io->n_in), out = at_most(io->n_out);
    z->next_in = io->in;
    z->avail_in = in;
    z->next_out = io->out;
    z->avail_out = out;
    int rc = inflate(z, Z_NO_FLUSH);
    io->in = z->next_in;
    io->n_in -= in - z->avail_in;
    io->out = z->next_out;
    io->n_out -= out - z->avail_out;
    if (rc == Z_OK || rc == Z_BUF_ERROR)
        return DECODED_MORE;
    if (rc == Z_MEM_ERROR)
        return DECODED_NO_MEMORY;
    return rc == Z_STREAM_END && inflateReset(z) == Z_OK ? DECODED_END : DECODED_BAD;
}

/* The last four bytes: the last member's length, modulo 2^32. */
static bool length_of(int fd, uint64_t size, uint64_t *length, uint64_t *modulus)
{
    unsigned char t[4];
    if (size < 18 || !container_pread(fd, t, sizeof(t), size - sizeof(t)))
        return false;
    *length = (uint64_t)t[0] | (uint64_t)t[1] << 8 | (uint64_t)t[2] << 16 | (uint64_t)t[3] << 24;
    *modulus = 1ull << 32;
    return true;
}

/* Method 8, and none of the reserved flags. */
static const struct magic magic[] = {{"\x1f\x8b\x08\x00", "\xff\xff\xff\xe0"}};

const struct codec codec_gzip = {
    .name = "gzip",
    .magic_bytes = 4,
    .least = 2,
    .most = 2,
    .magic = magic,
    .n_magic = 1,
    .new = new_decoder,
    .free = free_decoder,
    .decode = decode,
    .length = length_of,
};
