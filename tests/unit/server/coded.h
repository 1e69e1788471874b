/*
 * coded.h - bodies as senders encode them. Behind cmocka.h.
 */
#ifndef LOGFERRY_TESTS_CODED_H
#define LOGFERRY_TESTS_CODED_H

#include <zlib.h>
#include <zstd.h>

#include "server/inflate.h"

static inline void put_gzip(struct buf *to, struct str plain)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&z, plain.n);
    z.next_in = (unsigned char *)(uintptr_t)plain.p;
    z.avail_in = (uInt)plain.n;
    z.next_out = (unsigned char *)buf_reserve(to, bound);
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->n += bound - z.avail_out;
    deflateEnd(&z);
}

static inline void put_zstd(struct buf *to, struct str plain, int window_log)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    if (window_log)
        ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    ZSTD_inBuffer from = {plain.p, plain.n, 0};
    size_t bound = ZSTD_compressBound(plain.n);
    ZSTD_outBuffer room = {buf_reserve(to, bound), bound, 0};
    /* Streamed, so that the frame states its window and not just its size. */
    ZSTD_compressStream2(z, &room, &from, ZSTD_e_continue);
    assert_int_equal(ZSTD_compressStream2(z, &room, &from, ZSTD_e_end), 0);
    to->n += room.pos;
    ZSTD_freeCCtx(z);
}

static inline void put_coded(enum coding coding, struct buf *to, struct str plain)
{
    if (coding == CODING_GZIP)
        put_gzip(to, plain);
    else if (coding == CODING_ZSTD)
        put_zstd(to, plain, 0);
    else
        buf_put_str(to, plain);
}

#endif
