/* The file of what `protocol: auto` decided before: any bytes, or any behind its head. The first
 * byte says which. The answers by which it decides are fuzz_answer's. */
#include "agent/uplink_singles.h"
#include "tests/fuzz/fuzz_file.h"

#define URL STR("https://hk.example/x")

static void check_file(struct str content)
{
    struct uplink u = {.o = {.state_fd = fuzz_open_directory()}};
    const struct destination_config c = {.name = STR("hk"), .url = URL};
    struct destination d = {.uplink = &u, .config = &c, .protocol = PROTOCOL_AUTO};
    fuzz_write_file("protocol.hk", content);
    destination_recall_protocol(&d);
    if (d.protocol == PROTOCOL_AUTO)
        return;
    if (str_find(content, STR("logferry-protocol 1 "), 0) != 0 || str_find(content, URL, 0) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text;
    if (!size)
        return 0;
    buf_init(&text, size + 64);
    if (data[0] % 4)
        buf_lit(&text, "logferry-protocol 1 ");
    buf_put(&text, data + 1, size - 1);
    check_file(buf_str(&text));
    buf_release(&text);
    return 0;
}
