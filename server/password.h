/*
 * password.h - people's passwords: hashed with yescrypt by libxcrypt, stored as crypt(5) text.
 *
 * Both calls take tens of milliseconds and megabytes of memory, on purpose: never on the loop's
 * thread, nor on the store's writer. They keep no copy of the password.
 */
#ifndef LOGFERRY_SERVER_PASSWORD_H
#define LOGFERRY_SERVER_PASSWORD_H

#include "parsers/base/bytes.h"

#define PASSWORD_MIN 8   /* HitKeep's; characters are not counted, bytes are */
#define PASSWORD_MAX 256 /* libxcrypt's own cap is 511 */
#define PASSWORD_HASH_MAX 384

/* NULL: it may be used. Else what is wrong with it, as a sentence's end ("is shorter than …"). */
const char *password_refusal(struct str plain);

/* Appends the hash, with a salt of its own. -1: it holds a NUL or is too long, no memory, or no
 * random bytes. */
int password_hash(struct str plain, struct buf *out);

/* False for what is no hash, too; STR_NONE (nobody set a password) takes as long as a wrong
 * password does. */
bool password_matches(struct str plain, struct str hash);

#endif
