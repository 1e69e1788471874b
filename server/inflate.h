/*
 * inflate.h - request bodies with a Content-Encoding, made plain piece by piece within caps.
 */
#ifndef LOGFERRY_SERVER_INFLATE_H
#define LOGFERRY_SERVER_INFLATE_H

#include "parsers/base/bytes.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_ZSTD };

#define INFLATE_ZSTD_WINDOW_LOG 23 /* 8 MiB */
/* A body may grow by so much at most; the first MiB is free, or a small one of equal lines would be
 * refused. */
#define INFLATE_RATIO 1000u
#define INFLATE_RATIO_FREE (1u << 20)

/* The value of a Content-Encoding field; STR_NONE and "" are identity. False: another coding, or
 * several. */
bool coding_parse(struct str value, enum coding *out);

enum inflate_result {
    INFLATE_OK,
    INFLATE_END, /* all of it was right, and nothing is left */
    INFLATE_BAD, /* malformed, truncated, bytes behind the end, or a zstd window over the cap */
    INFLATE_TOO_LARGE, /* more than `max`, or than the ratio allows */
    INFLATE_NO_MEMORY,
};

/* Gzip of one or more members, zstd of one or more frames, or plain. `in` is lent. NULL: no memory.
 */
struct inflater;
struct inflater *inflater_new(enum coding coding, struct str in, size_t max);
void inflater_free(struct inflater *z); /* accepts NULL */
/* The next bytes, at most n of them (n > 0). *made is 0 but with INFLATE_OK; after another result
 * it is not called again. */
enum inflate_result inflater_read(struct inflater *z, char *to, size_t n, size_t *made);

#endif
