/*
 * inflate.h - request bodies with a Content-Encoding, made plain within a cap.
 */
#ifndef LOGFERRY_SERVER_INFLATE_H
#define LOGFERRY_SERVER_INFLATE_H

#include "parsers/base/bytes.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_ZSTD };

#define INFLATE_ZSTD_WINDOW_LOG 23 /* 8 MiB */

/* The value of a Content-Encoding field; STR_NONE and "" are identity. False: another coding, or
 * several. */
bool coding_parse(struct str value, enum coding *out);

enum inflate_result {
    INFLATE_OK,
    INFLATE_BAD, /* malformed, truncated, bytes behind the end, or a zstd window over the cap */
    INFLATE_TOO_LARGE, /* more than out->max */
    INFLATE_NO_MEMORY,
};

/* Appends the whole of `in` to *out: gzip of one or more members, zstd of one or more frames, or a
 * copy. */
enum inflate_result inflate_body(enum coding coding, struct str in, struct buf *out);

#endif
