/* A request on the control socket. What is parsed must be written and parsed again as it is. */
#include "agent/control_wire.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct control_request *r, struct buf *out)
{
    buf_init(out, CONTROL_REQUEST_MAX + CONTROL_HEAD_BYTES);
    if (!control_request_write(out, r) && r->o.n_paths < CONTROL_WORDS_MAX / 2)
        abort();
}

static void check_round_trip(const struct control_request *r)
{
    struct buf first, second;
    struct control_request again;
    encode(r, &first);
    if (control_request_state(buf_str(&first)) != 1)
        abort();
    char *copy = malloc(first.n);
    memcpy(copy, first.p, first.n);
    if (!control_request_parse(copy + CONTROL_HEAD_BYTES, first.n - CONTROL_HEAD_BYTES, &again))
        abort();
    encode(&again, &second);
    if (!str_eq(buf_str(&first), buf_str(&second)))
        abort();
    control_request_release(&again);
    free(copy);
    buf_release(&first);
    buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_request r;
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    int state = control_request_state((struct str){copy, size});
    if (state < -1 || state > 1 || (size < CONTROL_HEAD_BYTES && state > 0))
        abort();
    if (size < CONTROL_REQUEST_MAX / 4 && control_request_parse(copy, size, &r)) {
        check_round_trip(&r);
        control_request_release(&r);
    }
    free(copy);
    return 0;
}
