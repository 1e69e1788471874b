/*
 * hit_fields.h - the fields of a hit by number and name: for what lists, counts or marks them.
 */
#ifndef LOGFERRY_PARSERS_HIT_FIELDS_H
#define LOGFERRY_PARSERS_HIT_FIELDS_H

#include "parsers/hit.h"

/* In the order in which they are listed. */
enum hit_field {
    HIT_FIELD_TIME,
    HIT_FIELD_CLIENT_IP,
    HIT_FIELD_METHOD,
    HIT_FIELD_SCHEME,
    HIT_FIELD_HOST,
    HIT_FIELD_PATH,
    HIT_FIELD_QUERY,
    HIT_FIELD_PROTOCOL,
    HIT_FIELD_STATUS,
    HIT_FIELD_BYTES,
    HIT_FIELD_DURATION,
    HIT_FIELD_REFERRER,
    HIT_FIELD_USER_AGENT,
    HIT_FIELD_CONTENT_TYPE,
    HIT_FIELD_REQUEST_ID,
    HIT_FIELD_REMOTE_USER,
    HIT_FIELD_FORWARDED_FOR,
    HIT_FIELD_FORWARDED,
    HIT_FIELD_RANGE,
    HIT_FIELD_DISPOSITION,
    HIT_FIELD_PURPOSE,
    HIT_FIELD_CDN_RESULT,
    HIT_FIELD_COUNT,
};

/* A set of fields: bit i is field i. */
#define HIT_BIT(name) (1u << HIT_FIELD_##name)

/* "client_ip", "duration_ms": as docs/formats.md names it, and `detect` and `explain`. */
const char *hit_field_name(enum hit_field field);
/* STR_NONE for a missing one, and for the numbers: time, status, bytes, duration. */
struct str hit_field_text(const struct hit *hit, enum hit_field field);
/* The set of those that are there. */
unsigned hit_fields(const struct hit *hit);

#endif
