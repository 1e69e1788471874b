/*
 * zone.h - a time zone as a table: what a clock on the wall there showed, to UTC. Pure; the table
 * is made by config/zone_file.c from the system's time zone data.
 */
#ifndef LOGFERRY_BASE_ZONE_H
#define LOGFERRY_BASE_ZONE_H

#include "parsers/base/bytes.h"

/* From the UTC second `at` on, clocks are `offset` seconds ahead of UTC (east is positive). */
struct zone_change {
    int64_t at;
    int32_t offset;
};

/* Read-only once made; any number of threads. */
struct zone {
    int32_t first; /* the offset before the first change */
    size_t n;
    struct zone_change *changes; /* ascending by `at` */
};

/*
 * Epoch milliseconds, UTC, of seconds counted as if the wall clock showed UTC; `zone` NULL: it
 * does. An hour that a clock shows twice is taken as the first of the two (summer time). One that
 * it never shows counts on from before the change: 02:30 in the night when clocks go from 02:00 to
 * 03:00 is 03:30.
 */
int64_t zone_to_utc_ms(const struct zone *zone, int64_t local_seconds);
/* How many seconds clocks there are ahead at that UTC second; `zone` NULL: 0. */
int32_t zone_offset(const struct zone *zone, int64_t utc_seconds);

#endif
