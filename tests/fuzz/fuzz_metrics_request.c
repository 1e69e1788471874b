/* A request for /metrics. What it is answered with stays when more bytes follow. */
#include "agent/metrics_http.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int known = 0;
    size = size < METRICS_HEAD_MAX ? size : METRICS_HEAD_MAX;
    for (size_t n = 0; n <= size; n++) {
        char *copy = malloc(n ? n : 1); /* so that a byte read too far is seen */
        memcpy(copy, data, n);
        int status = metrics_request_status((struct str){copy, n});
        free(copy);
        if (known && status != known)
            abort();
        known = status;
    }
    return 0;
}
