/*
 * uuid.h - UUIDs: random ones from getrandom, text in and out.
 */
#ifndef LOGFERRY_SERVER_UUID_H
#define LOGFERRY_SERVER_UUID_H

#include "parsers/base/bytes.h"

#define UUID_TEXT 36

int uuid_generate(unsigned char out[16]); /* version 4; -1 without random bytes */
/* Canonical lower case, NUL-terminated. */
void uuid_format(const unsigned char uuid[16], char out[UUID_TEXT + 1]);
/* Every form that HitKeep takes: canonical in any case, with "urn:uuid:", in braces, or 32 digits.
 */
bool uuid_parse(struct str s, unsigned char out[16]);

#endif
