/*
 * detect_captures.h - which headers a log of HAProxy captures, told by what they hold. Pure.
 */
#ifndef LOGFERRY_PARSERS_DETECT_CAPTURES_H
#define LOGFERRY_PARSERS_DETECT_CAPTURES_H

#include "parsers/base/bytes.h"

/* Adds "host|user_agent -", as `haproxy:` takes it. False: none is told, and what was added is of
 * no use. */
bool detect_captures(const struct str *lines, size_t n, struct buf *out);

#endif
