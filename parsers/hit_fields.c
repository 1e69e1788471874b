/* hit_fields.c - see hit_fields.h. */
#include "parsers/hit_fields.h"

#define NUMBER SIZE_MAX /* no slice */

static const struct {
    const char *name;
    size_t offset; /* of the slice in struct hit */
} fields[HIT_FIELD_COUNT] = {
    [HIT_FIELD_TIME] = {"time", NUMBER},
    [HIT_FIELD_CLIENT_IP] = {"client_ip", offsetof(struct hit, client_ip)},
    [HIT_FIELD_METHOD] = {"method", offsetof(struct hit, method)},
    [HIT_FIELD_SCHEME] = {"scheme", offsetof(struct hit, scheme)},
    [HIT_FIELD_HOST] = {"host", offsetof(struct hit, host)},
    [HIT_FIELD_PATH] = {"path", offsetof(struct hit, path)},
    [HIT_FIELD_QUERY] = {"query", offsetof(struct hit, query)},
    [HIT_FIELD_PROTOCOL] = {"protocol", offsetof(struct hit, protocol)},
    [HIT_FIELD_STATUS] = {"status", NUMBER},
    [HIT_FIELD_BYTES] = {"bytes", NUMBER},
    [HIT_FIELD_DURATION] = {"duration_ms", NUMBER},
    [HIT_FIELD_REFERRER] = {"referrer", offsetof(struct hit, referrer)},
    [HIT_FIELD_USER_AGENT] = {"user_agent", offsetof(struct hit, user_agent)},
    [HIT_FIELD_CONTENT_TYPE] = {"content_type", offsetof(struct hit, content_type)},
    [HIT_FIELD_REQUEST_ID] = {"request_id", offsetof(struct hit, request_id)},
    [HIT_FIELD_REMOTE_USER] = {"remote_user", offsetof(struct hit, remote_user)},
    [HIT_FIELD_FORWARDED_FOR] = {"forwarded_for", offsetof(struct hit, forwarded_for)},
    [HIT_FIELD_FORWARDED] = {"forwarded", offsetof(struct hit, forwarded)},
    [HIT_FIELD_RANGE] = {"range", offsetof(struct hit, range)},
    [HIT_FIELD_DISPOSITION] = {"disposition", offsetof(struct hit, disposition)},
    [HIT_FIELD_PURPOSE] = {"purpose", offsetof(struct hit, purpose)},
    [HIT_FIELD_CDN_RESULT] = {"cdn_result", offsetof(struct hit, cdn_result)},
};

const char *hit_field_name(enum hit_field field)
{
    return fields[field].name;
}

struct str hit_field_text(const struct hit *hit, enum hit_field field)
{
    struct str text;

    if (fields[field].offset == NUMBER)
        return STR_NONE;
    memcpy(&text, (const char *)hit + fields[field].offset, sizeof(text));
    return text;
}

static bool has_number(const struct hit *hit, int field)
{
    switch (field) {
    case HIT_FIELD_TIME:
        return true;
    case HIT_FIELD_STATUS:
        return hit->status >= 0;
    case HIT_FIELD_BYTES:
        return hit->bytes != HIT_NO_NUMBER;
    case HIT_FIELD_DURATION:
        return hit->duration_ms != HIT_NO_NUMBER;
    default:
        return false;
    }
}

unsigned hit_fields(const struct hit *hit)
{
    unsigned mask = 0;

    for (int i = 0; i < HIT_FIELD_COUNT; i++)
        if (has_number(hit, i) || str_is_set(hit_field_text(hit, (enum hit_field)i)))
            mask |= 1u << i;
    return mask;
}
