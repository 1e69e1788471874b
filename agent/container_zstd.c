/* container_zstd.c - zstd (RFC 8878) with libzstd: frames, skippable frames, wide windows. */
#include "agent/container_impl.h"

#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

struct decoder {
    ZSTD_DCtx *z;
    size_t wants; /* input of the next step */
    bool full;    /* the last one may have had more than room */
};

static void *new_decoder(void)
{
    struct decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->z = ZSTD_createDCtx();
    if (d->z &&
        !ZSTD_isError(ZSTD_DCtx_setParameter(d->z, ZSTD_d_windowLogMax, CONTAINER_WINDOW_LOG))) {
        d->wants = 1;
        return d;
    }
    ZSTD_freeDCtx(d->z);
    free(d);
    return NULL;
}

static void free_decoder(void *decoder)
{
    struct decoder *d = decoder;
    ZSTD_freeDCtx(d->z);
    free(d);
}

static enum decoded error_of(size_t rc)
{
    switch (ZSTD_getErrorCode(rc)) {
    case ZSTD_error_frameParameter_windowTooLarge:
        return DECODED_TOO_WIDE;
    case ZSTD_error_memory_allocation:
        return DECODED_NO_MEMORY;
    default:
        return DECODED_BAD;
    }
}

/* The hint for a block counts the header behind it. */
static size_t one_step(size_t hint)
{
    return hint > 3 ? hint - 3 : hint;
}

static enum decoded step(struct decoder *d, struct decode_io *io, size_t n_in)
{
    ZSTD_inBuffer in = {io->in, n_in, 0};
    ZSTD_outBuffer out = {io->out, io->n_out, 0};
    size_t rc = ZSTD_decompressStream(d->z, &out, &in);
    if (ZSTD_isError(rc))
        return error_of(rc);
    io->in += in.pos;
    io->n_in -= in.pos;
    io->out += out.pos;
    io->n_out -= out.pos;
    d->full = !io->n_out;
    d->wants = rc ? one_step(rc) : 1;
    return rc ? DECODED_MORE : DECODED_END;
}

/* One step at a time, a header or a block, and what is left of the last before the next: on an
 * error libzstd does not tell what the same call has made before it. */
static enum decoded decode(void *decoder, struct decode_io *io)
{
    struct decoder *d = decoder;
    size_t room = io->n_out;
    if (d->full) {
        enum decoded what = step(d, io, 0);
        if (what != DECODED_MORE || io->n_out != room)
            return what;
    }
    return step(d, io, io->n_in < d->wants ? io->n_in : d->wants);
}

/* ---- length -----------------------------------------------------------------------------------
 */

#define MAX_HEADERS 65536u /* of frames and blocks: 8 GiB in blocks of zstd(1) */

static uint64_t little_endian(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | p[n];
    return v;
}

struct walk {
    int fd;
    unsigned headers; /* looked at */
    uint64_t at;
    uint64_t length;
};

/* The header of a frame: where its blocks begin, and what it says of its length. */
static bool walk_header(struct walk *w, bool *checksum)
{
    static const unsigned char dictionary_bytes[] = {0, 1, 2, 4}, length_bytes[] = {0, 2, 4, 8};
    unsigned char flags, v[8];
    if (!container_pread(w->fd, &flags, 1, w->at + 4))
        return false;
    bool single = flags & 0x20;
    unsigned n = length_bytes[flags >> 6] + (single && !(flags >> 6));
    uint64_t at = w->at + 5 + !single + dictionary_bytes[flags & 3];
    if (!n || !container_pread(w->fd, v, n, at))
        return false;
    w->length += little_endian(v, n) + (n == 2 ? 256 : 0);
    w->at = at + n;
    *checksum = flags & 4;
    return true;
}

static bool walk_frame(struct walk *w)
{
    bool checksum, last = false;
    unsigned char v[3];
    if (!walk_header(w, &checksum))
        return false;
    while (!last) {
        if (w->headers++ == MAX_HEADERS || !container_pread(w->fd, v, sizeof(v), w->at))
            return false;
        uint64_t block = little_endian(v, sizeof(v));
        last = block & 1;
        w->at += 3 + ((block >> 1 & 3) == 1 ? 1 : block >> 3);
    }
    w->at += checksum ? 4 : 0;
    return true;
}

static bool walk_member(struct walk *w)
{
    unsigned char v[8];
    if (w->headers++ == MAX_HEADERS || !container_pread(w->fd, v, 8, w->at))
        return false;
    if (little_endian(v, 4) == ZSTD_MAGICNUMBER)
        return walk_frame(w);
    w->at += 8 + little_endian(v + 4, 4);
    return (little_endian(v, 4) & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

/* From frame to frame and block to block; one whose header does not tell ends it. */
static bool length_of(int fd, uint64_t size, uint64_t *length, uint64_t *modulus)
{
    struct walk w = {.fd = fd};
    while (w.at < size)
        if (!walk_member(&w))
            return false;
    if (w.at != size || !size)
        return false;
    *length = w.length;
    *modulus = 0;
    return true;
}

static const struct magic magic[] = {
    {"\x28\xb5\x2f\xfd", "\xff\xff\xff\xff"},
    {"\x50\x2a\x4d\x18", "\xf0\xff\xff\xff"}, /* a skippable frame */
};

const struct codec codec_zstd = {
    .name = "zstd",
    .wide = "compressed with zstd with a window over 128 MiB",
    .to_stdout = "zstd -dc --long=31",
    .magic_bytes = 4,
    .least = 4,
    .most = 4,
    .magic = magic,
    .n_magic = 2,
    .new = new_decoder,
    .free = free_decoder,
    .decode = decode,
    .length = length_of,
};
