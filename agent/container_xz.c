/* container_xz.c - xz with liblzma. Streams one by one, and not with LZMA_CONCATENATED, which calls
 * what trails a file bad data. */
#include "agent/container_impl.h"

#include <stdlib.h>

#include <lzma.h>

/* The dictionary and what the decoder needs beside it. */
#define MEMORY_BYTES (CONTAINER_WINDOW_BYTES + (4ull << 20))

struct decoder {
    lzma_stream z;
    bool open;
};

static void *new_decoder(void)
{
    struct decoder *d = calloc(1, sizeof(*d));
    if (d)
        d->z = (lzma_stream)LZMA_STREAM_INIT;
    return d;
}

static void free_decoder(void *decoder)
{
    struct decoder *d = decoder;
    lzma_end(&d->z);
    free(d);
}

static enum decoded answer(lzma_ret rc)
{
    switch (rc) {
    case LZMA_OK:
    case LZMA_BUF_ERROR: /* no progress */
        return DECODED_MORE;
    case LZMA_STREAM_END:
        return DECODED_END;
    case LZMA_MEMLIMIT_ERROR:
        return DECODED_TOO_WIDE;
    case LZMA_MEM_ERROR:
        return DECODED_NO_MEMORY;
    default:
        return DECODED_BAD;
    }
}

static enum decoded decode(void *decoder, struct decode_io *io)
{
    struct decoder *d = decoder;
    if (!d->open) {
        lzma_ret rc = lzma_stream_decoder(&d->z, MEMORY_BYTES, 0);
        if (rc != LZMA_OK)
            return answer(rc);
        d->open = true;
    }
    d->z.next_in = io->in;
    d->z.avail_in = io->n_in;
    d->z.next_out = io->out;
    d->z.avail_out = io->n_out;
    enum decoded what = answer(lzma_code(&d->z, LZMA_RUN));
    io->in = d->z.next_in;
    io->n_in = d->z.avail_in;
    io->out = d->z.next_out;
    io->n_out = d->z.avail_out;
    d->open = what == DECODED_MORE;
    return what;
}

/* ---- length -----------------------------------------------------------------------------------
 */

#define INDEX_BYTES (16u << 20) /* some 300,000 blocks */

/* liblzma asks for pieces of the file until it has the index of every stream. */
static bool read_index(lzma_stream *z, int fd, uint64_t size)
{
    unsigned char piece[8192];
    uint64_t at = 0;
    lzma_ret rc = LZMA_OK;
    while (rc == LZMA_OK) {
        if (!z->avail_in) {
            size_t n = size - at < sizeof(piece) ? (size_t)(size - at) : sizeof(piece);
            if (!n || !container_pread(fd, piece, n, at))
                return false;
            z->next_in = piece;
            z->avail_in = n;
            at += n;
        }
        rc = lzma_code(z, LZMA_RUN);
        if (rc == LZMA_SEEK_NEEDED) {
            at = z->seek_pos;
            z->avail_in = 0;
            rc = LZMA_OK;
        }
    }
    return rc == LZMA_STREAM_END;
}

static bool length_of(int fd, uint64_t size, uint64_t *length, uint64_t *modulus)
{
    lzma_stream z = LZMA_STREAM_INIT;
    lzma_index *index = NULL;
    bool told = lzma_file_info_decoder(&z, &index, INDEX_BYTES, size) == LZMA_OK &&
                read_index(&z, fd, size);
    if (told) {
        *length = lzma_index_uncompressed_size(index);
        *modulus = 0;
        lzma_index_end(index, NULL);
    }
    lzma_end(&z);
    return told;
}

static const struct magic magic[] = {{"\xfd\x37\x7a\x58\x5a\x00", "\xff\xff\xff\xff\xff\xff"}};

const struct codec codec_xz = {
    .name = "xz",
    .wide = "compressed with xz with a dictionary over 128 MiB",
    .to_stdout = "xz -dc",
    .magic_bytes = 6,
    .least = 6,
    .most = 6,
    .pads = true,
    .magic = magic,
    .n_magic = 1,
    .new = new_decoder,
    .free = free_decoder,
    .decode = decode,
    .length = length_of,
};
