/* The file of visitors' keys, any bytes behind its head or none: a day has a key, the same whoever
 * asks, and again after the file is read anew. The first bytes say which day, and how late it is.
 */
#include "agent/visitor_keys.h"
#include "parsers/base/time.h"
#include "tests/fuzz/fuzz_file.h"

static void get(int64_t day, int64_t now_ms, unsigned char key[SIPHASH_KEY])
{
    struct visitor_keys *k = visitor_keys_new(fuzz_open_directory());
    unsigned char again[SIPHASH_KEY];
    if (!k || visitor_keys_get(k, day, now_ms, key) || visitor_keys_get(k, day, now_ms, again) ||
        memcmp(key, again, SIPHASH_KEY) != 0)
        abort();
    visitor_keys_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char key[SIPHASH_KEY], again[SIPHASH_KEY];
    struct buf text;
    if (size < 3 || size > 65536)
        return 0;
    int64_t day = 20000 + data[1] % 4, now_ms = (20000 + data[2] % 8) * DAY_MS;
    buf_init(&text, size + 64);
    if (data[0] % 4)
        buf_lit(&text, "logferry-visitor-keys 1\n");
    buf_put(&text, data + 3, size - 3);
    fuzz_write_file("visitor.keys", buf_str(&text));
    get(day, now_ms, key);
    get(day, now_ms, again);
    if (memcmp(key, again, SIPHASH_KEY) != 0)
        abort();
    buf_release(&text);
    return 0;
}
