/* access_looks.h - what looks like a line of an access log behind, or in, something else. Pure. */
#ifndef LOGFERRY_PARSERS_ACCESS_LOOKS_H
#define LOGFERRY_PARSERS_ACCESS_LOOKS_H

#include "parsers/base/bytes.h"

/* Does one begin here? An address, a time in brackets, JSON, or one without a time. */
bool access_starts(struct str s);
/* May s be one, with the escapes of JSON or CSV in it or without? A time in brackets is in it, or
 * it is JSON or one without a time. */
bool access_is_in(struct str s);
/* One that is known to have no time: uvicorn's, morgan's, Fiber's, Actix', lograge's. */
bool access_is_untimed(struct str s);

#endif
