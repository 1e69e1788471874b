/*
 * cdn.h - whose edge an address is: the address ranges that CDNs publish, as of CDN_RANGES_DATE.
 *
 * For two questions: is a request in an origin's log one that the CDN's own log has as well, and
 * may its X-Forwarded-For be believed. Ranges change slowly; one that is missing here costs a
 * warning, not a record.
 */
#ifndef LOGFERRY_PARSERS_CDN_H
#define LOGFERRY_PARSERS_CDN_H

#include "parsers/base/bytes.h"

#define CDN_RANGES_DATE "2026-11-22"

enum cdn { CDN_NONE, CDN_CLOUDFRONT, CDN_CLOUDFLARE, CDN_FASTLY, CDN_COUNT };

/* An address as address_parse of verdict.h makes it. */
enum cdn cdn_of(const unsigned char address[16]);
const char *cdn_name(enum cdn cdn); /* "CloudFront"; "" for CDN_NONE */
const char *cdn_key(enum cdn cdn);  /* "cloudfront", as the configuration has it */
/* CDN_NONE when it is none's. */
enum cdn cdn_of_key(struct str key);

#endif
