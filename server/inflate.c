/*
 * inflate.c - zlib and zstd behind one function. The caps on the output hold at every step, so that
 * a bomb costs no more than what was read of it.
 */
#include "server/inflate.h"

#include <stdlib.h>

#define ZLIB_CONST /* input is only read */
#include <zlib.h>
#include <zstd.h>

struct inflater {
    enum coding coding;
    struct str in;
    size_t max, made;
    z_stream gzip;
    bool member_ended;
    ZSTD_DCtx *zstd;
    ZSTD_inBuffer from; /* zstd's, and what is plain's */
    size_t hint;        /* zstd's: 0 at the end of a frame */
};

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

static bool begin(struct inflater *z)
{
    if (z->coding == CODING_GZIP) {
        z->gzip.next_in = (const unsigned char *)z->in.p;
        z->gzip.avail_in = (uInt)z->in.n;
        /* 15: the largest window; 16: gzip and nothing else */
        return z->in.n <= UINT32_MAX && inflateInit2(&z->gzip, 15 + 16) == Z_OK;
    }
    if (z->coding == CODING_ZSTD) {
        z->hint = 1;
        z->zstd = ZSTD_createDCtx();
        return z->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax,
                                                               INFLATE_ZSTD_WINDOW_LOG));
    }
    return true;
}

struct inflater *inflater_new(enum coding coding, struct str in, size_t max)
{
    struct inflater *z = calloc(1, sizeof(*z));
    if (!z)
        return NULL;
    z->coding = coding;
    z->in = in;
    z->max = max;
    z->from = (ZSTD_inBuffer){in.p, in.n, 0};
    if (begin(z))
        return z;
    inflater_free(z);
    return NULL;
}

void inflater_free(struct inflater *z)
{
    if (!z)
        return;
    if (z->coding == CODING_GZIP)
        inflateEnd(&z->gzip);
    ZSTD_freeDCtx(z->zstd);
    free(z);
}

static enum inflate_result gunzip(struct inflater *z, char *to, size_t n, size_t *made)
{
    uInt room = n > UINT32_MAX ? UINT32_MAX : (uInt)n;
    z->gzip.next_out = (unsigned char *)to;
    z->gzip.avail_out = room;
    while (z->gzip.avail_out == room) {
        if (z->member_ended && z->gzip.avail_in == 0)
            return INFLATE_END;
        if (z->member_ended)
            inflateReset(&z->gzip); /* another member */
        int status = inflate(&z->gzip, Z_NO_FLUSH);
        z->member_ended = status == Z_STREAM_END;
        if (status == Z_MEM_ERROR)
            return INFLATE_NO_MEMORY;
        /* Z_BUF_ERROR: no progress, because the input has ended early. */
        if (status != Z_OK && status != Z_STREAM_END)
            return INFLATE_BAD;
    }
    *made = room - z->gzip.avail_out;
    return INFLATE_OK;
}

static enum inflate_result unzstd(struct inflater *z, ZSTD_outBuffer room, size_t *made)
{
    while (room.pos == 0) {
        size_t before = z->from.pos;
        if (z->hint == 0 && before == z->from.size)
            return INFLATE_END;
        z->hint = ZSTD_decompressStream(z->zstd, &room, &z->from);
        /* Nothing read, nothing written, and it asks for more: the input has ended early. */
        if (ZSTD_isError(z->hint) || (z->hint > 0 && room.pos == 0 && z->from.pos == before))
            return INFLATE_BAD;
    }
    *made = room.pos;
    return INFLATE_OK;
}

static enum inflate_result copy(struct inflater *z, char *to, size_t n, size_t *made)
{
    size_t left = z->from.size - z->from.pos;
    if (left == 0)
        return INFLATE_END;
    *made = n < left ? n : left;
    memcpy(to, z->in.p + z->from.pos, *made);
    z->from.pos += *made;
    return INFLATE_OK;
}

enum inflate_result inflater_read(struct inflater *z, char *to, size_t n, size_t *made)
{
    *made = 0;
    enum inflate_result r = z->coding == CODING_GZIP   ? gunzip(z, to, n, made)
                            : z->coding == CODING_ZSTD ? unzstd(z, (ZSTD_outBuffer){to, n, 0}, made)
                                                       : copy(z, to, n, made);
    z->made += *made;
    bool bomb = z->made > INFLATE_RATIO_FREE && z->made / INFLATE_RATIO > z->in.n;
    if (z->made <= z->max && !bomb)
        return r;
    *made = 0;
    return INFLATE_TOO_LARGE;
}
