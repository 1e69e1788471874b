/*
 * fuzz_detect.c - any bytes as the head of a log: an answer within its bounds.
 */
#include "parsers/detect.h"

#include <stdlib.h>

#define MAX_LINES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, lines[MAX_LINES];
    struct detection d;
    size_t n = 0;

    while (rest.n && n < MAX_LINES)
        lines[n++] = str_cut(&rest, '\n');
    if (detect_format(lines, n, STR_NONE, &d))
        return 0;
    if (d.matched > d.lines || d.lines > n || (d.error[0] && d.bad_line >= n) ||
        d.n_samples > DETECT_SAMPLES || (d.fits && d.n_samples == 0))
        abort();
    for (size_t i = 0; i < d.n_samples; i++)
        if (d.samples[i] >= n)
            abort();
    return 0;
}
