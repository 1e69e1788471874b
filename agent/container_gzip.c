/*
 * container_gzip.c - gzip (RFC 1952) with ISA-L, which inflates three times as fast as zlib. What
 * is damaged or cut is zlib's, which says so sooner and the same however much is asked for at once;
 * so is everything where there is no ISA-L.
 */
#include "agent/container_impl.h"

#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST /* input is only read */
#include <zlib.h>

#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

static unsigned at_most(size_t n)
{
    return n > INT32_MAX ? INT32_MAX : (unsigned)n;
}

/* ---- zlib -------------------------------------------------------------------------------------
 */

static void *zlib_new(void)
{
    z_stream *z = calloc(1, sizeof(*z));
    if (z && inflateInit2(z, 15 + 16) == Z_OK) /* 15: the largest window; 16: gzip, nothing else */
        return z;
    free(z);
    return NULL;
}

static void zlib_free(void *decoder)
{
    inflateEnd(decoder);
    free(decoder);
}

static enum decoded zlib_decode(void *decoder, struct decode_io *io)
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

/* ---- ISA-L ------------------------------------------------------------------------------------
 */

#ifdef HAVE_ISAL
/* What ISA-L makes of damaged data depends on the room it is given: always the same. */
struct isal {
    struct inflate_state s;
    unsigned char out[64u << 10];
    size_t at, n; /* of `out`, what nobody has yet */
};

static void isal_start(struct inflate_state *s)
{
    isal_inflate_reset(s);
    s->crc_flag = ISAL_GZIP; /* header and trailer are read as well, and their sums compared */
}

static void *isal_new(void)
{
    struct isal *d = malloc(sizeof(*d));
    if (!d)
        return NULL;
    isal_inflate_init(&d->s);
    isal_start(&d->s);
    d->at = d->n = 0;
    return d;
}

static bool isal_inflate_some(struct isal *d, struct decode_io *io)
{
    struct inflate_state *s = &d->s;
    unsigned in = at_most(io->n_in);
    s->next_in = (unsigned char *)io->in; /* is only read */
    s->avail_in = in;
    s->next_out = d->out;
    s->avail_out = sizeof(d->out);
    int rc = isal_inflate(s);
    io->in += in - s->avail_in;
    io->n_in -= in - s->avail_in;
    d->at = 0;
    d->n = rc == ISAL_DECOMP_OK ? sizeof(d->out) - s->avail_out : 0;
    return rc == ISAL_DECOMP_OK;
}

static enum decoded isal_decode(void *decoder, struct decode_io *io)
{
    struct isal *d = decoder;
    if (d->at == d->n && !isal_inflate_some(d, io))
        return DECODED_BAD;
    size_t n = d->n - d->at < io->n_out ? d->n - d->at : io->n_out;
    memcpy(io->out, d->out + d->at, n);
    io->out += n;
    io->n_out -= n;
    d->at += n;
    if (d->at < d->n || d->s.block_state != ISAL_BLOCK_FINISH)
        return DECODED_MORE;
    isal_start(&d->s);
    return DECODED_END;
}
#endif

/* ---- the codec --------------------------------------------------------------------------------
 */

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

#define GZIP                                                                                       \
    .name = "gzip", .magic_bytes = 4, .least = 2, .most = 2, .magic = magic, .n_magic = 1,         \
    .length = length_of
#define GZIP_ZLIB                                                                                  \
    {                                                                                              \
        GZIP, .new = zlib_new, .free = zlib_free, .decode = zlib_decode                            \
    }

#ifdef HAVE_ISAL
static const struct codec judge = GZIP_ZLIB;
const struct codec codec_gzip = {GZIP, .new = isal_new, .free = free, .decode = isal_decode,
                                 .judge = &judge};
#else
const struct codec codec_gzip = GZIP_ZLIB;
#endif
