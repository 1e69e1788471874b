/* A file of positions: any bytes, or any text with its right checksum. What is loaded must be
 * written and loaded again as it is. The first byte says which. */
#include "agent/positions.h"
#include "tests/fuzz/fuzz_file.h"

static void encode(struct positions *p, struct buf *out)
{
    p->generation = 7;
    if (positions_encode(p, 1, out) && out->n < POSITIONS_MAX_BYTES / 2)
        abort();
}

static void check_round_trip(struct positions *p)
{
    struct positions again;
    struct buf first, second, why;
    buf_init(&first, POSITIONS_MAX_BYTES);
    buf_init(&second, POSITIONS_MAX_BYTES);
    buf_init(&why, 4096);
    encode(p, &first);
    fuzz_write_file("positions.b", buf_str(&first));
    unlinkat(fuzz_fd, "positions.a", 0);
    if (positions_load(&again, fuzz_fd, "d", &why) != 1)
        abort();
    encode(&again, &second);
    if (!str_eq(buf_str(&first), buf_str(&second)))
        abort();
    positions_release(&again);
    buf_release(&first);
    buf_release(&second);
    buf_release(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct positions p;
    struct buf text, why;
    if (!size)
        return 0;
    buf_init(&text, size + 64);
    buf_init(&why, 4096);
    if (data[0] % 4)
        buf_lit(&text, "logferry-positions 1\n");
    buf_put(&text, data + 1, size - 1);
    if (data[0] % 4) {
        unsigned crc = hash_crc32(0, buf_str(&text));
        buf_printf(&text, "crc %08x\n", crc);
    }
    fuzz_write_file("positions.a", buf_str(&text));
    unlinkat(fuzz_fd, "positions.b", 0);
    int rc = positions_load(&p, fuzz_fd, "d", &why);
    if (rc == 0 || (rc < 0 && !why.n))
        abort();
    if (rc == 1)
        check_round_trip(&p);
    positions_release(&p);
    buf_release(&text);
    buf_release(&why);
    return 0;
}
