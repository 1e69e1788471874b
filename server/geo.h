/*
 * geo.h - which country an address is in, by a file in MaxMind's format (GeoLite2-Country, DB-IP,
 * IP2Location and others have it). Nothing is kept of the address.
 */
#ifndef LOGFERRY_SERVER_GEO_H
#define LOGFERRY_SERVER_GEO_H

#include "parsers/base/bytes.h"

#define GEO_MAX_BYTES (512u << 20)

struct geo;

/* Reads the file into memory: what becomes of it afterwards does not matter. NULL: why, in `error`.
 */
struct geo *geo_open(const char *path, struct buf *error);
void geo_close(struct geo *g); /* accepts NULL */

/* Two capital letters; false when the file does not tell. For 16 bytes, IPv4 mapped. Thread-safe.
 */
bool geo_country(const struct geo *g, const unsigned char address[16], char country[2]);

#endif
