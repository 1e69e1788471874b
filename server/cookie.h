/*
 * cookie.h - the cookie that a logged-in person's browser presents.
 */
#ifndef LOGFERRY_SERVER_COOKIE_H
#define LOGFERRY_SERVER_COOKIE_H

#include "parsers/base/bytes.h"

#define COOKIE_NAME "hk_token"
#define COOKIE_SECONDS (30 * 86400) /* how long a login lasts at most */

/* The value of the first cookie of that name in a Cookie field; STR_NONE: none, or an empty one. */
struct str cookie_value(struct str field, struct str name);

/* Appends the header line that sets it, with CRLF. `secure`: for https alone. */
void cookie_put(struct buf *out, struct str value, bool secure);
/* The same, that takes it away. */
void cookie_put_none(struct buf *out, bool secure);

#endif
