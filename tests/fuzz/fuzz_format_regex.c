/* A pattern (cut at the first line end) and lines for it; and lines for one that is right. */
#include "tests/fuzz/fuzz_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char good[] = "regex:^(?<time>[^\\t]*+)\\t(?<ip>[^\\t]*+)\\t(?<request>[^\\t]*+)"
                               "\\t(?<status>[^\\t]*+)\\t?(?<duration_ms>[^\\t]*+)$";
    const uint8_t *end = memchr(data, '\n', n);
    size_t head = end ? (size_t)(end - data) : n;
    char spec[128] = "regex:(?<time>.)(?<path>.)";
    struct buf why;

    if (n == 0)
        return 0;
    if (data[0] % 2 == 0 && head < 64) {
        size_t at = strlen(spec);

        memcpy(spec + at, data, head);
        buf_init(&why, 4096);
        struct format *f = format_new((struct str){spec, at + head}, NULL, &why);
        if (!f && why.n == 0)
            fuzz_fail("no format, and no reason");
        format_free(f);
        buf_release(&why);
        return 0;
    }
    fuzz_format(good, data, n);
    return 0;
}
