/* container_bzip2.c - bzip2 with libbz2. Of a block that is damaged, how
 * much comes depends on how much is asked for at once; those before it come whole. */
#include "agent/container_impl.h"

#include <stdlib.h>

#include <bzlib.h>

struct decoder {
    bz_stream z;
    bool open;
};

static void *new_decoder(void)
{
    return calloc(1, sizeof(struct decoder));
}

static void close_stream(struct decoder *d)
{
    if (d->open)
        BZ2_bzDecompressEnd(&d->z);
    d->open = false;
}

static void free_decoder(void *decoder)
{
    close_stream(decoder);
    free(decoder);
}

static unsigned at_most(size_t n)
{
    return n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (unsigned)n;
}

static enum decoded decode(void *decoder, struct decode_io *io)
{
    struct decoder *d = decoder;
    if (!d->open) { /* libbz2 has no way to begin again */
        d->z = (bz_stream){0};
        if (BZ2_bzDecompressInit(&d->z, 0, 0) != BZ_OK)
            return DECODED_NO_MEMORY;
        d->open = true;
    }
    unsigned in = at_most(io->n_in), out = at_most(io->n_out);
    d->z.next_in = (char *)io->in; /* only read */
    d->z.avail_in = in;
    d->z.next_out = (char *)io->out;
    d->z.avail_out = out;
    int rc = BZ2_bzDecompress(&d->z);
    io->in += in - d->z.avail_in;
    io->n_in -= in - d->z.avail_in;
    io->out += out - d->z.avail_out;
    io->n_out -= out - d->z.avail_out;
    if (rc == BZ_OK)
        return DECODED_MORE;
    close_stream(d);
    if (rc == BZ_MEM_ERROR)
        return DECODED_NO_MEMORY;
    return rc == BZ_STREAM_END ? DECODED_END : DECODED_BAD;
}

/* "BZh", a digit, and a block's mark or the end's: three letters and a digit may begin a log. */
static const struct magic magic[] = {
    {"BZh0\x31\x41\x59\x26\x53\x59", "\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff"},
    {"BZh0\x17\x72\x45\x38\x50\x90", "\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff"},
};

const struct codec codec_bzip2 = {
    .name = "bzip2",
    .magic_bytes = 10,
    .least = 4,
    .most = 10,
    .magic = magic,
    .n_magic = 2,
    .new = new_decoder,
    .free = free_decoder,
    .decode = decode,
};
