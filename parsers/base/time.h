/*
 * time.h - calendar text to epoch milliseconds and back. No clock, no locale, no time zone data
 * base. The proleptic Gregorian calendar, UTC, leap seconds folded into the second before.
 */
#ifndef LOGFERRY_BASE_TIME_H
#define LOGFERRY_BASE_TIME_H

#include "parsers/base/bytes.h"

#define DAY_MS INT64_C(86400000)

bool time_date_exists(int year, int month, int day);
/* Epoch seconds; the caller has checked the ranges (month 1..12, day 1..31). */
int64_t time_from_civil(int year, int month, int day, int hour, int minute, int second);
/* Common Log Format: dd/Mon/yyyy:HH:MM:SS ±zzzz, 26 bytes, English months; or a day of one digit.
 */
bool time_parse_clf(struct str s, int64_t *ms);
/* W3C date (YYYY-MM-DD) and time (HH:MM:SS), UTC. */
bool time_parse_w3c(struct str date, struct str time, int64_t *ms);
/* RFC 3339 with a zone; fraction allowed; 'T', 't' or a space between. */
bool time_parse_rfc3339(struct str s, int64_t *ms);
/*
 * Calendar text of any common shape: YYYY-MM-DD or YYYY/MM/DD, then 'T', 't' or a space, HH:MM:SS;
 * or dd/Mon/yyyy, ':' or a space, HH:MM:SS. Then perhaps a fraction behind '.' or ',', perhaps a
 * zone (Z, UTC, GMT, ±hh, ±hhmm, ±hh:mm; perhaps a space before it). Or "Sun Nov  6 08:49:37 1994"
 * and "Sun, 06 Nov 1994 08:49:37", with a zone or without. Without a zone *local is true, and *ms
 * counts as if the clock showed UTC.
 */
bool time_parse_text(struct str s, int64_t *ms, bool *local);
/* YYYY-MM-DDTHH:MM:SS.mmmZ, 24 bytes; years 0..9999 (clamped). */
void time_put_rfc3339(struct buf *out, int64_t ms);
/* YYYY-MM-DD, 10 bytes. */
void time_put_date(struct buf *out, int64_t ms);
/* Days since 1970-01-01, floored. */
int64_t time_day(int64_t ms);
/* The date of that day; month and day from 1. */
void time_to_date(int64_t day, int *year, int *month, int *of_month);

#endif
