/*
 * fuzz_config.c - both configuration files from hostile text. The first byte chooses which.
 *
 * Beyond memory errors it checks the promise of the readers: a configuration without a message, or
 * none with at least one whole line.
 */
#include "config/agent_config.h"
#include "config/server_config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf error;
    bool ok;

    if (size == 0)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    buf_init(&error, 65536);
    if (data[0] & 1) {
        struct agent_config *c = agent_config_parse(text, "f", &error);
        ok = c != NULL;
        agent_config_free(c);
    } else {
        struct server_config *c = server_config_parse(text, "f", &error);
        ok = c != NULL;
        server_config_free(c);
    }
    if (error.failed || ok != (error.n == 0) || (!ok && error.p[error.n - 1] != '\n'))
        abort();
    buf_release(&error);
    return 0;
}
