/* Any line: it is a message or not, without a byte read behind its end. */
#include "parsers/server_message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *own = malloc(n ? n : 1); /* ASan guards its end */

    if (!own)
        return 0;
    memcpy(own, data, n);
    if (server_message((struct str){own, n}) && n == 0)
        abort();
    free(own);
    return 0;
}
