/*
 * fuzz_detect.c - any bytes as the head of a log: an answer within its bounds, and a guess at the
 * keys of JSON that is a format.
 */
#include "parsers/detect_json.h"

#include <stdlib.h>

#define MAX_LINES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_detection(const struct detection *d, size_t n)
{
    if (d->matched > d->lines || d->lines > n || (d->error[0] && d->bad_line >= n) ||
        d->n_samples > DETECT_SAMPLES || (d->fits && d->n_samples == 0))
        abort();
    for (size_t i = 0; i < d->n_samples; i++)
        if (d->samples[i] >= n)
            abort();
}

/* What is guessed is a format, and one with all that a record needs. */
static void check_guess(const struct str *lines, size_t n)
{
    struct json_guess g;
    struct detection d;
    size_t at = 0;

    if (detect_json(lines, n, &g))
        return;
    for (size_t i = 0; i < g.n_keys; i++)
        at += strlen(g.keys + at) + 1;
    if (at > sizeof(g.keys) || (g.spec[0] && (g.missing[0] || !g.is_json)))
        abort();
    if (!g.spec[0])
        return;
    if (detect_fit(lines, n, g.spec, &d))
        abort();
    check_detection(&d, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, lines[MAX_LINES];
    struct detection d;
    static struct detect_formats
        *kept; /* for all inputs: to compile them takes a fifth of a second */
    size_t n = 0;

    if (!kept)
        kept = detect_formats_new();
    while (rest.n && n < MAX_LINES)
        lines[n++] = str_cut(&rest, '\n');
    if (detect_format(lines, n, STR_NONE, kept, &d))
        return 0;
    check_detection(&d, n);
    check_guess(lines, n);
    return 0;
}
