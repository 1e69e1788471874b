/*
 * detect_json.h - a key map for JSON lines that no table of keys fits: guessed by what the keys are
 * called and whether their values look like it. For somebody to look at, never taken by itself.
 */
#ifndef LOGFERRY_PARSERS_DETECT_JSON_H
#define LOGFERRY_PARSERS_DETECT_JSON_H

#include "parsers/detect.h"

#define DETECT_KEYS_BYTES 2048u

struct json_guess {
    bool is_json;                 /* more than half of the lines are JSON objects */
    char keys[DETECT_KEYS_BYTES]; /* "ts", "http.url", …: paths as json: takes them; '\0' behind
                                     each */
    size_t n_keys;
    bool more_keys;               /* than there is room for */
    char missing[32];             /* "time, path, status": of these, what was not found */
    char spec[DETECT_SPEC_BYTES]; /* "docker+json:{…}"; "": something is missing */
};

/* Of at most DETECT_MAX_LINES lines. -1: out of memory. */
int detect_json(const struct str *lines, size_t n, struct json_guess *out);

#endif
