/*
 * json_scan.h - the values of a few keys out of a line that is meant to be a JSON object. One pass,
 * no tree, nothing allocated a line.
 *
 * Log lines are seldom JSON to the letter, so this is not a parser of RFC 8259: it takes nginx's
 * \xHH in strings, a value that is not there ("urt":,), bytes that are no UTF-8, quotes inside of
 * strings that nobody escaped, trailing commas, and text between values. It refuses what is no
 * object, and an object that does not end: such a line was cut off.
 */
#ifndef LOGFERRY_PARSERS_JSON_SCAN_H
#define LOGFERRY_PARSERS_JSON_SCAN_H

#include "parsers/decode.h"

#define JSON_SCAN_PATHS_MAX 256u  /* key paths of one set */
#define JSON_SCAN_SEGMENTS_MAX 8u /* keys of one path */
#define JSON_SCAN_TARGETS_MAX 32u /* different targets */

struct json_keys;

/* What was found for a target. */
struct json_found {
    struct str raw; /* between the quotes, escapes as they are; NULL: the line does not have it */
    unsigned char rank; /* of the path it was found by */
    bool quoted;
    bool escaped; /* holds a backslash */
};

struct json_keys *json_keys_new(void);    /* NULL: out of memory */
void json_keys_free(struct json_keys *k); /* accepts NULL */
/*
 * Of the values found by the paths of one target, the first in the order of `rank` counts that is
 * not missing (absent, null, "", "-", or an object, whose text is its "{"); of those with one key
 * the first in the line. A path is keys with dots between; the whole of it is also looked for as
 * one key of the outermost object. Array: its first element. `path` must outlive `k`. False: over a
 * limit above, or memory is out.
 */
bool json_keys_add(struct json_keys *k, struct str path, unsigned target, unsigned char rank);

/* Fills found[0..n_targets). False when the line is no object: then a static sentence, and the byte
 * where. */
bool json_scan(const struct json_keys *k, struct str line, struct json_found *found,
               size_t n_targets, const char **why, size_t *at);

/* A string's escapes undone: those of JSON, and \xHH. Any other backslash is itself. Half a
 * surrogate pair is U+FFFD. */
decode_fn json_scan_text;

#endif
