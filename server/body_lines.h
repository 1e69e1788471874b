/*
 * body_lines.h - a request's body, line by line, whatever its Content-Encoding is: no more of it is
 * plain at a time than the line that is looked at and a piece behind it. Used by api_decode.c
 * alone.
 */
#ifndef LOGFERRY_SERVER_BODY_LINES_H
#define LOGFERRY_SERVER_BODY_LINES_H

#include "server/inflate.h"
#include "server/token.h"

/* Zero it, begin it, and end it in any case. */
struct body_lines {
    struct inflater *inflater;
    struct sha256_run *hash; /* of all that was made plain */
    struct buf window;       /* plain, from the line that comes next at `at` on */
    size_t at;
    bool ended;
};

enum body_line {
    BODY_LINE,
    BODY_END,       /* after the last line; the whole body was right */
    BODY_BAD,       /* it is not what its coding says */
    BODY_TOO_LARGE, /* more than the caps allow (inflate.h) */
    BODY_LONG_LINE,
    BODY_FAILED, /* no memory */
};

/* `body` is lent until the end; plain, it may have `max` bytes. -1: no memory. */
int body_lines_begin(struct body_lines *b, enum coding coding, struct str body, size_t max);
/* The next line without its '\n', of at most `longest` bytes; the last one needs none. It is good
 * until the next call. After another result than BODY_LINE it is not called again. */
enum body_line body_lines_next(struct body_lines *b, size_t longest, struct str *line);
/* After BODY_END. -1: no memory. */
int body_lines_hash(struct body_lines *b, unsigned char hash[TOKEN_HASH_BYTES]);
void body_lines_end(struct body_lines *b);

#endif
