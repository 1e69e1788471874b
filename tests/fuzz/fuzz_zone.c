/* A TZif file: a zone has ascending changes, and turns any time of a log into one in range. */
#include "config/zone_file.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const int64_t times[] = {INT64_C(-62167219200), 0, 1793664624, INT64_C(253402300799)};
    struct zone *z = zone_parse((struct str){(const char *)data, n});

    if (!z)
        return 0;
    for (size_t i = 1; i < z->n; i++)
        if (z->changes[i - 1].at >= z->changes[i].at)
            abort();
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        int64_t off = zone_to_utc_ms(z, times[i]) / 1000 - times[i];

        if (off < -27 * 3600 || off > 27 * 3600)
            abort();
    }
    free(z);
    return 0;
}
