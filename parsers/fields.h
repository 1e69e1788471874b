/*
 * fields.h - what a user's own format may call its fields, and from their texts to a hit: shared by
 * JSON and by regular expressions. Tolerant: a value that is there and cannot be understood is
 * missing, but for the time, the status and the path, without which a line is no record.
 */
#ifndef LOGFERRY_PARSERS_FIELDS_H
#define LOGFERRY_PARSERS_FIELDS_H

#include "parsers/decode.h"
#include "parsers/hit_fields.h"

struct zone;

enum field {
    FIELD_TIME,
    FIELD_DATE, /* of a time of day in FIELD_TIME */
    FIELD_CLIENT_IP,
    FIELD_METHOD,
    FIELD_SCHEME,
    FIELD_HOST,
    FIELD_PATH,
    FIELD_QUERY,
    FIELD_TARGET,
    FIELD_REQUEST,
    FIELD_PROTOCOL,
    FIELD_STATUS,
    FIELD_BYTES,
    FIELD_DURATION_S,
    FIELD_DURATION_MS,
    FIELD_DURATION_US,
    FIELD_DURATION_NS,
    FIELD_REFERRER,
    FIELD_USER_AGENT,
    FIELD_CONTENT_TYPE,
    FIELD_REQUEST_ID,
    FIELD_REMOTE_USER,
    FIELD_FORWARDED_FOR,
    FIELD_FORWARDED,
    FIELD_RANGE,
    FIELD_DISPOSITION,
    FIELD_PURPOSE,
    FIELD_CDN_RESULT,
    FIELDS_NAMED,             /* those above have names of their own; those below are the tables' */
    FIELD_TLS = FIELDS_NAMED, /* there, whatever it holds: https */
    FIELD_MESSAGE,            /* there, and nothing of a request is: no access log line */
    FIELD_LOGGER,             /* who of the server writes */
    FIELDS,
};

/* By its name, or (for groups of regular expressions) another common one. */
bool field_by_name(struct str name, enum field *field);
bool field_by_alias(struct str name, enum field *field);
/* "time"; of those below FIELDS_NAMED. */
const char *field_own_name(enum field field);
/* "time, client_ip, …" */
void field_put_names(struct buf *out);
/* Which of a hit's it gives, as a set. */
unsigned field_gives(enum field field);
/* A bit for each field: true when they can make a hit, else a sentence. `outer_time`: where they
 * have no time, what stands before the line may. */
bool fields_suffice(uint64_t have, bool outer_time, struct buf *why);

/* Of one stream: lines of one moment have one time. */
struct field_times {
    const struct zone *zone; /* of times without one; NULL: UTC */
    char text[40];
    size_t n;
    int64_t ms;
};

/*
 * RFC 3339 and its relatives, Common Log Format (time_parse_text), or digits since 1970: seconds,
 * milliseconds, microseconds or nanoseconds by their size, with a fraction or an exponent.
 */
bool field_time(struct field_times *t, struct str text, int64_t *ms);
/* A number times 10^scale, rounded: "12", "-1", "0.25", "1.5e-05", and as Go writes durations,
 * "1.5ms" or "2m3.5s" (then `scale` counts from seconds). False when it is none, or is over 10^18.
 */
bool field_number(struct str text, int scale, int64_t *value);

/*
 * Fills *hit from decoded texts; p == NULL: the line does not have it, n == 0: it has it empty. Of
 * a line without a time hit->time_ms is left as it is.
 * Answers FIELDS when all is well; else the field that is missing or wrong, and in *why a static
 * sentence. FIELD_MESSAGE: the line is not of a request.
 */
enum field fields_to_hit(struct decode_scratch *s, struct field_times *t,
                         const struct str v[FIELDS], struct hit *hit, const char **why);

#endif
