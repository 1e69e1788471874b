/*
 * api_json.h - the bodies of the single-record endpoints, read as leniently as HitKeep 2.8.1 (Go's
 * encoding/json): one value is read and what follows is ignored; keys match in any case; of a
 * repeated key the last wins; null changes nothing; unknown keys are skipped; invalid UTF-8, and
 * NUL in an object, becomes U+FFFD. Numbers for integers must be integer literals. Stricter than Go
 * in one thing: JSON_MAX_DEPTH levels. Management calls are read strictly.
 */
#ifndef LOGFERRY_SERVER_API_JSON_H
#define LOGFERRY_SERVER_API_JSON_H

#include "parsers/base/json.h"
#include "server/uuid.h"

enum api_field_kind {
    API_TEXT,    /* struct str */
    API_INTEGER, /* int64_t */
    API_BOOL,    /* bool */
    API_UUID,    /* struct api_uuid */
    API_OBJECT,  /* struct str: the object written anew, "{}" when never given */
    API_ARRAY,   /* struct str: the array as it stands in the body; STR_NONE for null */
};

struct api_uuid {
    bool set; /* given, and not all zero */
    unsigned char bytes[16];
};

struct api_field {
    struct str name; /* lower case */
    enum api_field_kind kind;
    size_t offset; /* in the struct that is filled */
};

/*
 * Fills the fields that the body gives; the caller has set the others to their defaults. False when
 * it is not JSON, no object (null counts as an empty one), or a field has the wrong type. Texts
 * borrow from `body` or `scratch`; objects are appended to `objects` (which may be NULL when no
 * field is one).
 */
bool api_json_read(struct str body, const struct api_field *fields, size_t n, void *out,
                   struct buf *scratch, struct buf *objects);

#define API_FIELDS_MAX 32

/*
 * The same for management calls: nothing may follow the object, every key must be one of `fields`
 * and come once, and text must be UTF-8. null counts as an empty object here, too. Bit i of *given:
 * the body has fields[i], and not as null. No API_OBJECT.
 */
bool api_json_read_strict(struct str body, const struct api_field *fields, size_t n, void *out,
                          struct buf *scratch, uint32_t *given);

#endif
