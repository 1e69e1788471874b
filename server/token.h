/*
 * token.h - bearer tokens. Of a token only the SHA-256 is ever stored.
 */
#ifndef LOGFERRY_SERVER_TOKEN_H
#define LOGFERRY_SERVER_TOKEN_H

#include "parsers/base/bytes.h"

#define TOKEN_HASH_BYTES 32
#define TOKEN_LENGTH                                                                               \
    76 /* "lf_" + 64 hex + "_" + 8 hex: the CRC-32 of what precedes the last '_'                   \
        */

/* A new token from getrandom, NUL-terminated. -1 when the system gives no random bytes. */
int token_generate(char out[TOKEN_LENGTH + 1]);
/* SHA-256 of any bytes: of a presented token (its form is never checked), or of a request's body.
 */
int sha256(struct str s, unsigned char out[TOKEN_HASH_BYTES]);
/* The same of bytes that come in pieces. NULL, and -1: no memory. */
struct sha256_run;
struct sha256_run *sha256_begin(void);
int sha256_add(struct sha256_run *run, struct str s);
int sha256_end(struct sha256_run *run, unsigned char out[TOKEN_HASH_BYTES]);
void sha256_free(struct sha256_run *run); /* accepts NULL */
/* Overwrites a secret that is needed no more, and is not optimised away. */
void secret_wipe(void *p, size_t n);

#endif
