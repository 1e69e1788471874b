/* What an agent says of itself in Logferry-Status. What is noted must be noted again as it is. */
#include "server/nodes.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct node_state *a, const struct node_state *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0 &&
           a->lag_ms == b->lag_ms && a->waiting == b->waiting && a->seen_ms == b->seen_ms;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nodes first = {0}, again = {0};
    char *copy = malloc(size ? size : 1); /* so that a byte read too far is seen */
    memcpy(copy, data, size);
    bool good = nodes_note(&first, 1, (struct str){copy, size}, 5);
    free(copy);
    if (good != (first.n == 1))
        abort();
    if (good) {
        const struct node_state *s = &first.v[0].state;
        struct buf text;
        buf_init(&text, 4096);
        buf_printf(&text, "node=%s lag_ms=%" PRIu64 " waiting=%" PRIu64, s->name, s->lag_ms,
                   s->waiting);
        if (s->version[0])
            buf_printf(&text, " version=%s", s->version);
        if (!nodes_note(&again, 1, buf_str(&text), 5) || !same(s, &again.v[0].state))
            abort();
        buf_release(&text);
    }
    nodes_release(&first);
    nodes_release(&again);
    return 0;
}
