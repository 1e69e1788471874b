/*
 * inflate.c - zlib and zstd behind one function. The cap on the output holds at every step, so that
 * a bomb costs no more than the cap.
 */
#include "server/inflate.h"

#define ZLIB_CONST /* input is only read */
#include <zlib.h>
#include <zstd.h>

#define STEP_BYTES (128u << 10)

bool coding_parse(struct str value, enum coding *out)
{
    if (value.n == 0 || str_eq_nocase(value, STR("identity")))
        *out = CODING_IDENTITY;
    else if (str_eq_nocase(value, STR("gzip")) || str_eq_nocase(value, STR("x-gzip")))
        *out = CODING_GZIP;
    else if (str_eq_nocase(value, STR("zstd")))
        *out = CODING_ZSTD;
    else
        return false;
    return true;
}

/* Room for more output; *n is how much. NULL at the cap (then *n is 0), or without memory. */
static char *more_room(struct buf *out, size_t *n)
{
    size_t left = out->max - out->n;
    *n = out->cap > out->n ? out->cap - out->n : STEP_BYTES;
    if (*n > left)
        *n = left;
    return *n > 0 ? buf_reserve(out, *n) : NULL;
}

/* One call of zlib. At the cap it gets one byte of its own, to learn whether there is more. */
static enum inflate_result gzip_step(z_stream *z, struct buf *out, int *status)
{
    size_t n;
    unsigned char spare = 0;
    char *to = more_room(out, &n);
    if (!to && n > 0)
        return INFLATE_NO_MEMORY;
    z->next_out = to ? (unsigned char *)to : &spare;
    z->avail_out = to ? (uInt)n : 1;
    *status = inflate(z, Z_NO_FLUSH);
    size_t made = (to ? n : 1) - z->avail_out;
    if (!to && made > 0)
        return INFLATE_TOO_LARGE;
    out->n += made;
    if (*status == Z_MEM_ERROR)
        return INFLATE_NO_MEMORY;
    /* Z_BUF_ERROR: no progress, because the input has ended early. */
    return *status == Z_OK || *status == Z_STREAM_END ? INFLATE_OK : INFLATE_BAD;
}

static enum inflate_result gunzip(struct str in, struct buf *out)
{
    z_stream z = {.next_in = (const unsigned char *)in.p, .avail_in = (uInt)in.n};
    if (in.n > UINT32_MAX)
        return INFLATE_TOO_LARGE;
    if (inflateInit2(&z, 15 + 16) != Z_OK) /* 15: the largest window; 16: gzip and nothing else */
        return INFLATE_NO_MEMORY;
    enum inflate_result r;
    int status = Z_OK;
    do {
        r = gzip_step(&z, out, &status);
        if (r == INFLATE_OK && status == Z_STREAM_END && z.avail_in > 0) {
            inflateReset(&z); /* another member */
            status = Z_OK;
        }
    } while (r == INFLATE_OK && status != Z_STREAM_END);
    inflateEnd(&z);
    return r;
}

static enum inflate_result zstd_step(ZSTD_DCtx *z, ZSTD_inBuffer *from, struct buf *out,
                                     size_t *hint)
{
    size_t n;
    char spare;
    char *to = more_room(out, &n);
    if (!to && n > 0)
        return INFLATE_NO_MEMORY;
    ZSTD_outBuffer room = {to ? to : &spare, to ? n : 1, 0};
    size_t read_before = from->pos;
    *hint = ZSTD_decompressStream(z, &room, from);
    if (ZSTD_isError(*hint))
        return INFLATE_BAD;
    if (!to && room.pos > 0)
        return INFLATE_TOO_LARGE;
    out->n += room.pos;
    /* Nothing read, nothing written, and it asks for more: the input has ended early. */
    if (*hint > 0 && room.pos == 0 && from->pos == read_before)
        return INFLATE_BAD;
    return INFLATE_OK;
}

static enum inflate_result unzstd(struct str in, struct buf *out)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    if (!z)
        return INFLATE_NO_MEMORY;
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, INFLATE_ZSTD_WINDOW_LOG);
    ZSTD_inBuffer from = {in.p, in.n, 0};
    enum inflate_result r;
    size_t hint = 1;
    do {
        r = zstd_step(z, &from, out, &hint);
    } while (r == INFLATE_OK && (hint > 0 || from.pos < from.size));
    ZSTD_freeDCtx(z);
    return r;
}

enum inflate_result inflate_body(enum coding coding, struct str in, struct buf *out)
{
    if (coding == CODING_GZIP)
        return gunzip(in, out);
    if (coding == CODING_ZSTD)
        return unzstd(in, out);
    if (in.n > out->max - out->n)
        return INFLATE_TOO_LARGE;
    buf_put_str(out, in);
    return out->failed ? INFLATE_NO_MEMORY : INFLATE_OK;
}
