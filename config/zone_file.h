/*
 * zone_file.h - time zones by name, from the system's time zone data (Debian: the package tzdata):
 * TZif files of RFC 8536 (version 1 to 3, and 4 as far as it differs in nothing that is read here).
 */
#ifndef LOGFERRY_CONFIG_ZONE_FILE_H
#define LOGFERRY_CONFIG_ZONE_FILE_H

#include "parsers/base/zone.h"

#define ZONE_FILE_MAX ((size_t)256 << 10)
#define ZONE_LAST_YEAR 2100 /* rules for later years are applied up to here */

/* The zone of a name like "Europe/Berlin"; freed with free(). NULL: then a sentence in `why` on
 * what is wrong and how to mend it. */
struct zone *zone_load(struct str name, struct buf *why);
/* The zone that the bytes of a TZif file describe; freed with free(). NULL: they describe none (or
 * memory is out). */
struct zone *zone_parse(struct str file);

#endif
