/*
 * codecs.h - for tests of the agent: every compression as one member, and what a file of some bytes
 * reads as. Included after cmocka.
 */
#ifndef LOGFERRY_TESTS_CODECS_H
#define LOGFERRY_TESTS_CODECS_H

#include <bzlib.h>
#include <lzma.h>
#include <zstd.h>

#include "agent/container.h"
#include "tests/unit/agent/scratch.h"

static const enum container_kind codec_kinds[] = {CONTAINER_GZIP, CONTAINER_ZSTD, CONTAINER_BZIP2,
                                                  CONTAINER_XZ};
#define N_CODEC_KINDS COUNT(codec_kinds)

/* As zstd(1) does: with checksum and, unless it read from a pipe, the length. */
static inline size_t encode_zstd(char *to, size_t room, struct str s, bool piped)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_inBuffer in = {s.p, s.n, 0};
    ZSTD_outBuffer out = {to, room, 0};
    assert_non_null(z);
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    if (!piped)
        ZSTD_CCtx_setPledgedSrcSize(z, s.n);
    else
        ZSTD_compressStream2(z, &out, &in, ZSTD_e_flush);
    assert_int_equal(ZSTD_compressStream2(z, &out, &in, ZSTD_e_end), 0);
    ZSTD_freeCCtx(z);
    return out.pos;
}

/* Appends s as one member. */
static inline void put_coded(struct buf *to, enum container_kind kind, struct str s)
{
    size_t room = s.n + s.n / 50 + 4096, n = 0;
    unsigned made = (unsigned)room;
    if (kind == CONTAINER_GZIP) {
        put_gzip(to, s);
        return;
    }
    char *p = buf_reserve(to, room);
    assert_non_null(p);
    if (kind == CONTAINER_ZSTD) {
        n = encode_zstd(p, room, s, false);
    } else if (kind == CONTAINER_BZIP2) { /* blocks of 100 k */
        assert_int_equal(
            BZ2_bzBuffToBuffCompress(p, &made, (char *)(uintptr_t)s.p, (unsigned)s.n, 1, 0, 0),
            BZ_OK);
        n = made;
    } else {
        assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, (const uint8_t *)s.p,
                                                 s.n, (uint8_t *)p, &n, room),
                         LZMA_OK);
    }
    to->n += n;
}

struct read_back {
    struct buf text;
    enum container_end end;
    uint64_t offset;
};

static inline struct read_back read_kind(int fd, enum container_kind kind, size_t step)
{
    struct read_back r;
    char piece[4096];
    size_t n;
    struct container *c = container_new(fd, kind);
    assert_non_null(c);
    buf_init(&r.text, 16u << 20);
    while ((n = container_read(c, piece, step)))
        buf_put(&r.text, piece, n);
    assert_false(r.text.failed);
    r.end = container_state(c);
    r.offset = container_file_offset(c);
    assert_int_equal(container_read(c, piece, step), 0);
    assert_int_equal(container_state(c), r.end);
    container_free(c);
    return r;
}

/* Everything, in reads of `step` (at most 4096) bytes, from a file of this content. */
static inline struct read_back read_all(const struct scratch *s, struct str content, size_t step)
{
    enum container_kind kind;
    const char *codec = NULL;
    scratch_write(s, "f", content);
    int fd = scratch_open(s, "f");
    assert_int_equal(container_detect(fd, &kind, &codec), 0);
    assert_int_not_equal(kind, CONTAINER_FOREIGN);
    struct read_back r = read_kind(fd, kind, step);
    close(fd);
    return r;
}

static inline void assert_reads(const char *name, const struct scratch *s, struct str content,
                                struct str want, enum container_end end)
{
    static const size_t steps[] = {4096, 7, 1};
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct read_back r = read_all(s, content, steps[i]);
        if (!str_eq(buf_str(&r.text), want))
            fail_msg("%s: %zu bytes instead of %zu, step %zu", name, r.text.n, want.n, steps[i]);
        if (r.end != end)
            fail_msg("%s: end %d instead of %d, step %zu", name, r.end, end, steps[i]);
        buf_release(&r.text);
    }
}

#endif
